//! Floor 1, the state machine: what runs, what ends it, what is to be cleaned up. Knows nothing of Rhai.
//!
//! What runs is a stack of frames: the script at the bottom, and above it the handler that runs, if one
//! does. A handler that calls `scope`, or `h.run()`, has another handler above it. Each frame has a latch
//! of its own, and one for each stage in it that has a limit; those on top decide whether the next operation is
//! allowed.

pub mod asking;
pub mod background;
mod blocking;
mod carrier;
pub mod dialogue;
pub mod directory;
mod ending;
pub mod environment;
pub mod exit_stack;
mod family;
pub mod files;
pub mod frames;
mod lines;
mod live;
pub mod locks;
pub mod log;
mod mask;
mod name_service;
pub mod outcome;
pub mod output;
pub mod plan;
mod reachable;
mod report;
pub mod running;
pub mod settings;
pub mod stages;
pub mod stop;
mod strangers;
pub mod streams;
pub mod traps;
mod writing;

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal};
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sys::descriptor::{Directory, Interest, Reserve};
use crate::sys::identity::Identity;
use crate::sys::interrupts::{Caught, Interrupts, Sender};
use crate::sys::lock::Locked;
use crate::sys::signal::Signal;
use background::Background;
use directory::Places;
use environment::Environment;
use exit_stack::ExitStack;
use frames::Frame;
use log::{Level, Log};
use outcome::Blemish;
use output::{Fault, Output};
use settings::Settings;
use stages::{Open, Stages};
use stop::{Phase, Stop};
use traps::Traps;

/// A user who presses Ctrl-C again within this time has not waited yet, and a reader that does not read for so long
/// holds up no clean-up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The clock is read at every so many operations of a handler: a reading costs as much as an operation.
const OPERATIONS_PER_CLOCK: u32 = 16;

/// The state of a run. `H` is what the exit stack holds.
pub struct State<H> {
    /// What the command line said.
    pub settings: Settings,
    /// Standard output and error.
    pub output: Output,
    log: Arc<Log>,
    interrupts: Interrupts,
    frames: RefCell<Vec<Frame>>,
    /// Whether the top frame has more to look at than the signals: a latched stop, or a clock.
    attention: Cell<bool>,
    operations: Cell<u32>,
    phase: Cell<Phase>,
    stack: RefCell<ExitStack<H>>,
    /// Descriptors for the handlers.
    reserve: RefCell<Option<Reserve>>,
    stages: RefCell<Stages>,
    blemishes: RefCell<Vec<Blemish>>,
    traps: RefCell<Traps>,
    /// The signal that ended the script, and who sent it.
    ended_by: Cell<Option<Caught>>,
    impatience: Cell<Impatience>,
    /// Whether the user was told that a signal ends the script.
    announced: Cell<bool>,
    output_is_dead: Cell<bool>,
    /// A reader that did not read when the clean-up waited for it.
    stdout_is_stuck: Cell<bool>,
    stderr_is_stuck: Cell<bool>,
    output_loss_told: Cell<bool>,
    places: RefCell<Places>,
    /// Where a handler that runs was called from: `None` in it if it has not left.
    way_back: RefCell<Option<Option<Directory>>>,
    /// When the working directory was last seen to be where its name says.
    seen: Cell<Option<Instant>>,
    running: RefCell<family::Running>,
    background: RefCell<Vec<Rc<Background>>>,
    /// The locks on files that are held.
    locks: RefCell<Vec<(Identity, Weak<Locked>)>>,
    has_no_terminal: Cell<bool>,
    /// Whether a question stands on the terminal, whose line is not at its end.
    has_asked: Cell<bool>,
    /// A signal that was caught although it is not trapped: the process dies by it when the terminal is as it was.
    deadly: Cell<Option<Signal>>,
    /// The environment of commands.
    pub environment: Environment,
}

/// How impatient the user is.
#[derive(Clone, Copy, Default)]
struct Impatience {
    /// When the last INT or QUIT that counted came.
    last: Option<Instant>,
    /// How many have counted since the one that began the clean-up.
    count: u32,
    /// Whether the user was told what runs.
    told: bool,
}

/// Why output could not be had from the script's point of view.
#[derive(Debug)]
pub enum WriteError {
    /// The run, or the handler, is stopped.
    Stopped,
    /// The write failed.
    Failed(io::Error),
}

/// The cheap handle that every builtin holds.
pub struct Host<H>(Rc<State<H>>);

impl<H> Clone for Host<H> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<H> Deref for Host<H> {
    type Target = State<H>;
    fn deref(&self) -> &State<H> {
        &self.0
    }
}

impl<H> Host<H> {
    /// A run that begins: the five default signals are trapped from here on.
    ///
    /// # Errors
    ///
    /// The signal handlers could not be installed.
    pub fn new(settings: Settings, interrupts: Interrupts) -> io::Result<Self> {
        let traps = Traps::new(interrupts.ignored_at_start());
        for signal in traps.trapped() {
            interrupts.catch(signal)?;
        }
        interrupts.survive_large_writes()?;
        interrupts.unblock_all();
        let output = Output::new(settings.live.then_some(settings.style.name));
        let level = if settings.quiet { Level::Warn } else { Level::Info };
        let log = Arc::new(Log::new(output.for_log(), settings.style, level));
        Ok(Self(Rc::new(State {
            settings,
            output,
            log,
            interrupts,
            frames: RefCell::new(vec![Frame::new(None)]),
            attention: Cell::new(false),
            operations: Cell::new(0),
            phase: Cell::new(Phase::Running),
            stack: RefCell::default(),
            reserve: RefCell::default(),
            stages: RefCell::default(),
            blemishes: RefCell::default(),
            traps: RefCell::new(traps),
            ended_by: Cell::new(None),
            impatience: Cell::default(),
            announced: Cell::new(false),
            output_is_dead: Cell::new(false),
            stdout_is_stuck: Cell::new(false),
            stderr_is_stuck: Cell::new(false),
            output_loss_told: Cell::new(false),
            places: RefCell::new(Places::new(&crate::sys::descriptor::working_directory())),
            way_back: RefCell::default(),
            seen: Cell::new(None),
            running: RefCell::default(),
            background: RefCell::default(),
            locks: RefCell::default(),
            has_no_terminal: Cell::new(false),
            has_asked: Cell::new(false),
            deadly: Cell::new(None),
            environment: Environment::of_this_process(),
        })))
    }
}

/// Stopping.
impl<H> State<H> {
    /// Whether what runs must stop. Called for every operation of a script, so its usual way is two loads.
    #[inline]
    pub fn checkpoint(&self) -> bool {
        if !self.interrupts.pending() && !self.attention.get() {
            return false;
        }
        self.checkpoint_with_care()
    }

    #[cold]
    fn checkpoint_with_care(&self) -> bool {
        self.look();
        if self.top_stop().is_some() {
            return true;
        }
        let operations = self.operations.get().wrapping_add(1);
        self.operations.set(operations);
        if operations.is_multiple_of(OPERATIONS_PER_CLOCK) {
            self.look_at_clock();
        }
        self.top_stop().is_some()
    }

    /// Whether what runs must stop, for code that acts: as [`State::checkpoint`], but a limit that is over counts at once.
    pub fn may_not_act(&self) -> bool {
        self.checkpoint() || self.attention.get() && self.frames.borrow().iter().any(Frame::has_limit) && self.stopped()
    }

    /// Whether what runs must stop, after a look at everything: for code that waits.
    pub fn stopped(&self) -> bool {
        self.look();
        self.look_at_clock();
        self.top_stop().is_some()
    }

    /// Latches a stop of what runs; the first wins.
    pub fn stop(&self, stop: Stop) {
        if let Some(frame) = self.frames.borrow_mut().last_mut() {
            frame.latch.get_or_insert(stop);
        }
        self.attention.set(true);
    }

    /// The stop that is latched for what runs.
    #[must_use]
    pub fn top_stop(&self) -> Option<Stop> {
        self.frames.borrow().last().and_then(Frame::stop)
    }

    /// Moves what has come into the latches. Handlers run in this thread, so that the flag tells of all that was
    /// caught before. It tells of what another thread has done, too, and is taken: who waits for that looks here first, then
    /// there, then waits.
    fn look(&self) {
        if self.interrupts.pending() {
            self.take_signals();
            // A process in the background may have ended.
            self.look_after();
            self.reap();
        }
        // A reader that is gone is a signal, and does not wait for the next flush.
        if self.output.take_closed() {
            let _ = self.meet(Fault::Closed);
        }
    }

    fn take_signals(&self) {
        for caught in self.interrupts.take() {
            self.catch(caught);
        }
    }

    fn catch(&self, caught: Caught) {
        if self.phase.get() == Phase::Done {
            return;
        }
        if !self.traps.borrow().is_trapped(caught.signal) {
            return self.deadly.set(Some(caught.signal));
        }
        let running = self.phase.get() == Phase::Running;
        let (script_goes_on, in_handler) = {
            let frames = self.frames.borrow();
            (running && frames.first().is_some_and(|script| script.latch.is_none()), frames.len() > 1)
        };
        if script_goes_on {
            // Below a handler of a `scope` it waits in the script's latch until the handler is done.
            self.frames.borrow_mut()[0].latch = Some(Stop::Signal(caught.signal));
            self.ended_by.set(Some(caught));
            if !in_handler {
                self.attention.set(true);
                if is_of_impatience(caught.signal) {
                    self.impatience.set(Impatience { last: Some(Instant::now()), ..Impatience::default() });
                }
                self.announce(caught.signal);
                return;
            }
        } else {
            self.blemish(Blemish::Signal(caught.signal));
        }
        if is_of_impatience(caught.signal) {
            self.press();
        }
    }

    /// Says that the clean-up begins, where there is something to clean up.
    fn announce(&self, signal: Signal) {
        let ends_line = self.settings.interactive && signal == Signal::INT;
        if ends_line || self.announced.replace(true) || !self.says() {
            return;
        }
        self.look_after();
        let count = self.stack.borrow().len();
        if count > 0 {
            let handlers = if count == 1 { "handler" } else { "handlers" };
            self.say(&format!("{signal}: running {count} exit {handlers}"));
        }
    }

    /// An INT or QUIT of an impatient user.
    fn press(&self) {
        let now = Instant::now();
        let mut impatience = self.impatience.get();
        if impatience.last.is_some_and(|last| now.duration_since(last) < PATIENCE) {
            return;
        }
        impatience.last = Some(now);
        impatience.count += 1;
        let running = self.frames.borrow().last().and_then(|f| f.handler.as_ref().map(|h| h.info.title()));
        if let Some(name) = running {
            if impatience.told {
                self.stop(Stop::Interrupted);
            } else {
                impatience.told = true;
                let left = self.stack.borrow().len();
                self.say(&format!("running exit handler `{name}`, {left} more after it; interrupt again to end it"));
            }
        }
        self.impatience.set(impatience);
    }

    /// How many presses of an impatient user have counted; a wait for a grace period ends when it grows.
    #[must_use]
    pub fn impatience(&self) -> u32 {
        self.impatience.get().count
    }

    /// Looks whether the next operations have more to look at than the signals.
    fn refresh_attention(&self) {
        let has_background = !self.background.borrow().is_empty();
        let is_running = |background: &Rc<Background>| background.is_running();
        self.interrupts.be_prompt(has_background && self.background.borrow().iter().any(is_running));
        let has_clock = has_background && self.background_alarm().is_some();
        let frames = self.frames.borrow();
        let has_more = |frame: &Frame| frame.latch.is_some() || frame.has_limit();
        let is_of_frame = frames.len() > 1 || frames.last().is_some_and(has_more);
        self.attention.set(is_of_frame || has_clock);
    }

    fn look_at_clock(&self) {
        if self.background_alarm().is_some_and(|alarm| Instant::now() >= alarm) {
            self.look_after();
        }
        let mut frames = self.frames.borrow_mut();
        if frames.len() < 2 && frames.iter().all(|frame| frame.stages.is_empty()) {
            return;
        }
        let now = Instant::now();
        self.distrust_directory_if_old(now);
        // A handler above a stage that is late is not cut short: the latch waits.
        frames.iter_mut().flat_map(|frame| &mut frame.stages).for_each(|stage| stage.look_at_clock(now));
        let is_late = |frame: &Frame| {
            let deadline = frame.handler.as_ref().and_then(|handler| handler.deadline);
            frame.latch.is_none() && deadline.is_some_and(|deadline| now >= deadline)
        };
        if let Some(late) = frames.iter().position(is_late) {
            // With it ends what it waits for.
            for frame in &mut frames[late..] {
                frame.latch.get_or_insert(Stop::TimedOut);
            }
        }
        let handlers = frames.iter_mut().filter_map(|frame| frame.handler.as_mut());
        let lines: Vec<String> = handlers.filter_map(|handler| handler.mention_at(now)).collect();
        drop(frames);
        lines.iter().for_each(|line| self.say(line));
    }

    /// The next time that the clock has something to say.
    fn alarm(&self) -> Option<Instant> {
        let mut frames = self.frames.borrow_mut();
        let times = frames.iter_mut().flat_map(|frame| {
            let of_stages = frame.stages.iter().filter_map(Open::deadline).min();
            let handler = frame.handler.as_mut();
            // A latched stop makes the deadline old news.
            let deadline = handler.as_ref().and_then(|handler| handler.deadline.filter(|_| frame.latch.is_none()));
            [of_stages, deadline, handler.and_then(|handler| handler.mention(Instant::now))]
        });
        times.flatten().chain(self.background_alarm()).min()
    }
}

fn is_of_impatience(signal: Signal) -> bool {
    signal == Signal::INT || signal == Signal::QUIT
}

/// Waiting.
impl<H> State<H> {
    /// Waits until one of the descriptors is ready, `until` has passed, or anything was caught, and looks
    /// at what was. May return for no reason.
    ///
    /// # Returns
    ///
    /// Which of the descriptors are ready.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn block(&self, fds: &[(BorrowedFd<'_>, Interest)], until: Option<Instant>) -> io::Result<Vec<bool>> {
        self.output.prepare();
        let until = [until, self.alarm()].into_iter().flatten().min();
        let events = self.interrupts.wait(fds, until)?;
        // Who knows what others have done meanwhile.
        self.distrust_directory();
        if events.woken {
            self.take_signals();
        }
        self.look();
        if events.woken || events.of_children {
            self.look_after();
        }
        self.look_at_clock();
        if events.of_children {
            self.reap();
        }
        Ok(events.ready)
    }

    /// Sleeps until then; ends early when what runs must stop.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn sleep_until(&self, until: Option<Instant>) -> io::Result<()> {
        while !self.stopped() && until.is_none_or(|until| Instant::now() < until) {
            self.block(&[], until)?;
        }
        Ok(())
    }

    /// Waits until a read of the descriptor would not block.
    ///
    /// # Returns
    ///
    /// False if what runs must stop.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn wait_readable(&self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        // Its reader writes, too: what a user types is echoed.
        let _left = fd.is_terminal().then(|| self.output.leave_terminal());
        loop {
            if self.stopped() {
                return Ok(false);
            }
            if self.block(&[(fd, Interest::Readable)], None)? == [true] {
                return Ok(!self.stopped());
            }
        }
    }

    /// Sends a signal to this process, and looks at it if it is trapped.
    ///
    /// # Errors
    ///
    /// As kill(2).
    pub fn raise(&self, signal: Signal) -> io::Result<()> {
        // No other thread takes signals: one that is trapped has come when this returns. Source: raise(3).
        crate::sys::process::raise(signal)?;
        self.look();
        Ok(())
    }

    /// The operating system's side of the signals.
    pub(crate) fn interrupts(&self) -> &Interrupts {
        &self.interrupts
    }

    /// The signal that ended the script, and who sent it.
    #[must_use]
    pub fn ended_by(&self) -> Option<(Signal, Sender)> {
        self.ended_by.get().map(|caught| (caught.signal, caught.sender))
    }
}

/// A terminal that is closed sends HUP within this time; until then it is only at its end.
pub const HANG_UP: Duration = Duration::from_millis(200);

/// A time as a sentence has it.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// The beginning of a text.
#[must_use]
pub fn shortened(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// The text of an error of the operating system without its number, in lower case.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
