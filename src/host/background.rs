//! Processes that run while the script does something else.
//!
//! Each has an entry on the exit stack that stops it. What one writes through the host is read by a thread of its
//! own, whatever the script does meanwhile; all else is done where the script waits.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::State;
use super::carrier::Carrier;
use super::ending::{Ending, Step};
use super::exit_stack::EntryId;
use super::family::Kin;
use super::output::LeftAlone;
use super::plan::{Fate, Plan, Source, how};
use super::running::Unstarted;
use super::streams::Streams;
use crate::sys::descriptor::Which;
use crate::sys::process::{Child, Ended, send};
use crate::sys::signal::Signal;
use crate::sys::tree::{self, Entry, Ticks};

/// Signals that ask a process to end, however it does.
const ENDING: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::KILL];

/// When so many were seen, those who are gone are forgotten.
const MOST_SEEN: usize = 1000;

/// A process in the background.
#[derive(Debug)]
pub struct Background {
    /// What it is. What feeds it is not kept.
    pub plan: Plan,
    pid: i32,
    kin: Kin,
    started: Instant,
    child: RefCell<Child>,
    pub(super) carrier: Option<Carrier>,
    ended: Cell<Option<(Ended, Instant)>>,
    fate: Cell<Fate>,
    ending: RefCell<Option<Ending>>,
    deadline: Cell<Option<Instant>>,
    /// When the ending goes on.
    next: Cell<Option<Instant>>,
    entry: Cell<Option<EntryId>>,
    is_detached: Cell<bool>,
    /// Whether it has ended and what it left behind has not.
    has_heirs: Cell<bool>,
    was_waited_for: Cell<bool>,
    /// Whether its end is in the log, or was when there was none.
    is_end_logged: Cell<bool>,
    /// What the script has sent it.
    sent: RefCell<Vec<Signal>>,
    /// Those of its descendants that were seen.
    seen: RefCell<HashSet<(i32, Ticks)>>,
    has_input: bool,
    /// Kept while it may write to the terminal.
    terminal: RefCell<Option<LeftAlone>>,
    /// How much of its output `read_line` has given.
    pub(super) read: Cell<usize>,
    /// How much was looked through for the end of a line.
    pub(super) searched: Cell<usize>,
}

impl Background {
    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A signal is sent to it: nobody has to be told if it ends by that.
    pub fn expect_end_by(&self, signal: Signal) {
        self.sent.borrow_mut().push(signal);
    }

    /// How it ended, as far as was seen.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().map(|(ended, _)| ended)
    }

    /// When it was seen to have ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Instant> {
        self.ended.get().map(|(_, at)| at)
    }

    /// What the host has done to it.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate.get()
    }

    /// How long it ran, or has run.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ended.get().map_or_else(Instant::now, |(_, at)| at).duration_since(self.started)
    }

    /// Whether it has ended well.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ended().is_some_and(|ended| self.plan.is_ok(ended, self.fate.get()))
    }

    /// What was captured of a stream.
    #[must_use]
    pub fn captured(&self, which: Which) -> Option<Vec<u8>> {
        let carried = self.carrier.as_ref()?.lock();
        match which {
            Which::Stdout => carried.streams.stdout.clone(),
            Which::Stderr => carried.streams.stderr.clone(),
        }
    }

    /// Whether it outlives the script.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.is_detached.get()
    }

    /// Whether the script can write to it.
    #[must_use]
    pub fn has_input(&self) -> bool {
        self.has_input
    }

    /// Whether what it says, or will be told, goes through the host: then it cannot outlive it.
    #[must_use]
    pub fn needs_host(&self) -> bool {
        self.carrier.as_ref().is_some_and(|carrier| carrier.lock().streams.is_open())
    }

    /// From now on nobody has to be told of how it ended.
    pub fn set_waited_for(&self) {
        self.was_waited_for.set(true);
    }

    pub(super) fn is_running(&self) -> bool {
        self.ended.get().is_none()
    }

    /// Whether it or what it left behind is to be stopped.
    pub(super) fn is_active(&self) -> bool {
        self.is_running() || self.has_heirs.get()
    }

    pub(super) fn kin(&self) -> &Kin {
        &self.kin
    }

    pub(super) fn remember(&self, descendants: &[Entry]) {
        let mut seen = self.seen.borrow_mut();
        seen.extend(descendants.iter().map(|entry| (entry.pid, entry.start)));
        if seen.len() > MOST_SEEN + descendants.len() {
            seen.retain(|(pid, start)| tree::lookup(*pid).is_some_and(|entry| entry.start == *start));
        }
    }

    pub(super) fn is_relative(&self, orphan: &Entry) -> bool {
        (self.is_active() && orphan.group == self.pid) || self.seen.borrow().contains(&(orphan.pid, orphan.start))
    }

    /// Whether nothing more comes of it.
    fn is_over(&self) -> bool {
        !self.is_active() && self.carrier.as_ref().is_none_or(|carrier| carrier.lock().is_done)
    }
}

impl<H> State<H> {
    /// Starts a process in the background; `entry` makes what stops it.
    ///
    /// # Errors
    ///
    /// [`Unstarted`].
    pub fn start(
        &self,
        plan: &mut Plan,
        entry: impl FnOnce(&Rc<Background>) -> H,
    ) -> Result<Rc<Background>, Unstarted> {
        self.prepare_for_children()?;
        self.spare_dead_readers(plan);
        self.forget_those_who_are_over();
        let before = self.adopted();
        let has_input = plan.stdin == Source::Pipe;
        let deadline = plan.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (streams, ends) = Streams::open(plan, &self.log, &|path, access| self.open(path, access, deadline))?;
        let left = plan.uses_terminal().then(|| self.output.leave_terminal());
        let started = Instant::now();
        let child = self.spawn(plan, ends, true)?;
        let pid = child.pid();
        let carrier =
            streams.is_any().then(|| Carrier::start(streams, self.output.for_thread(self.interrupts().waker())));
        let (carrier, error) = match carrier.transpose() {
            Ok(carrier) => (carrier, None),
            Err(error) => (None, Some(error)),
        };
        let process = Rc::new(Background {
            pid,
            kin: Kin { pid, before, start: tree::lookup(pid).map(|entry| entry.start) },
            started,
            child: RefCell::new(child),
            carrier,
            ended: Cell::new(None),
            fate: Cell::new(Fate::Own),
            ending: RefCell::default(),
            deadline: Cell::new(deadline),
            next: Cell::new(None),
            entry: Cell::new(None),
            is_detached: Cell::new(false),
            has_heirs: Cell::new(false),
            was_waited_for: Cell::new(false),
            is_end_logged: Cell::new(false),
            sent: RefCell::default(),
            seen: RefCell::default(),
            has_input,
            terminal: RefCell::new(left),
            read: Cell::new(0),
            searched: Cell::new(0),
            plan: plan.clone(),
        });
        self.background.borrow_mut().push(Rc::clone(&process));
        process.entry.set(Some(self.register(entry(&process))));
        self.refresh_attention();
        if let Some(error) = error {
            // Without its thread nobody reads it.
            self.stop_processes(std::slice::from_ref(&process))?;
            process.set_waited_for();
            return Err(error.into());
        }
        Ok(process)
    }

    /// Looks at every process in the background: whether it has ended, whether its time is up.
    pub fn look_after(&self) {
        if self.background.borrow().is_empty() {
            return;
        }
        let processes = self.background.borrow().clone();
        for process in processes.iter().filter(|process| process.is_active()) {
            self.look_at(process);
        }
        processes.iter().for_each(|process| self.log_end_of(process));
        self.refresh_attention();
    }

    /// Tells the log of the end of a process, once all that it has written is there.
    pub(super) fn log_end_of(&self, process: &Background) {
        let Some(ended) = process.ended().filter(|_| !process.is_end_logged.get()) else { return };
        if process.carrier.as_ref().is_none_or(|carrier| carrier.lock().is_done) {
            process.is_end_logged.set(true);
            self.log_end(&process.plan, ended, process.fate.get(), process.took());
        }
    }

    fn look_at(&self, process: &Background) {
        let mut child = process.child.borrow_mut();
        let mut ending = process.ending.borrow_mut();
        if ending.is_none() {
            if !process.is_running() {
                return self.look_at_heirs(process);
            }
            if let Some(ended) = child.try_wait() {
                self.look_at_heirs(process);
                return self.note_end(process, ended);
            }
            let now = Instant::now();
            let (fate, is_kill) = if process.deadline.get().is_some_and(|deadline| now >= deadline) {
                (Fate::TimedOut, false)
            } else if self.wants_terminal(&child) {
                (Fate::WantedTerminal, true)
            } else if process.carrier.as_ref().is_some_and(|carrier| carrier.lock().streams.is_too_much()) {
                (Fate::WroteTooMuch, true)
            } else {
                return;
            };
            *ending = Some(self.end_process(process, fate, is_kill));
        }
        while let Some(ending) = ending.as_mut().filter(|_| process.is_active()) {
            match self.step(ending, &mut child, &process.kin) {
                Step::Done(ended) => {
                    process.has_heirs.set(false);
                    self.note_end(process, ended);
                }
                Step::Wait(until) => {
                    process.next.set(until);
                    if until.is_none_or(|until| until > Instant::now()) {
                        return;
                    }
                }
            }
        }
    }

    fn end_process(&self, process: &Background, fate: Fate, is_kill: bool) -> Ending {
        if process.is_running() {
            process.fate.set(fate);
        }
        process.deadline.set(None);
        let mut ending = self.ending(Signal::TERM, process.plan.grace);
        if self.in_handler() {
            // There an impatient user ends the handler that waits for it.
            ending.never_mind_the_user();
        }
        if is_kill {
            ending.kill();
        }
        ending
    }

    fn note_end(&self, process: &Background, ended: Ended) {
        if process.is_running() {
            process.ended.set(Some((ended, Instant::now())));
        }
        process.next.set(None);
        process.deadline.set(None);
        self.running.borrow_mut().children.retain(|known| *known != process.pid);
        if !process.has_heirs.get() {
            self.drop_entry(process);
        }
    }

    /// Looks at what a process has left behind: of one that is detached it is let go.
    fn look_at_heirs(&self, process: &Background) {
        if process.is_detached.get() {
            return self.let_go(&process.kin);
        }
        let left = self.left_by(&process.kin);
        process.remember(&left);
        process.has_heirs.set(self.has_left(&left, &process.kin));
        if !process.has_heirs.get() && !process.is_running() {
            self.drop_entry(process);
        }
    }

    fn drop_entry(&self, process: &Background) {
        if !process.is_running() {
            process.terminal.take();
        }
        if let Some(id) = process.entry.take() {
            let entry = self.stack.borrow_mut().take(id);
            drop(entry);
        }
    }

    /// When something is to be done to a process in the background.
    pub(super) fn background_alarm(&self) -> Option<Instant> {
        let background = self.background.borrow();
        background
            .iter()
            .filter(|process| process.is_active())
            .filter_map(|process| [process.deadline.get(), process.next.get()].into_iter().flatten().min())
            .min()
    }

    /// Whether it has not ended.
    pub fn is_running(&self, process: &Background) -> bool {
        if process.is_running() {
            self.look_at(process);
            self.refresh_attention();
        }
        process.is_running()
    }

    /// Waits until a process has ended, and for what it has written.
    ///
    /// # Returns
    ///
    /// False if what runs must stop.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn wait_for(&self, process: &Background) -> io::Result<bool> {
        while !self.stopped() {
            if !self.is_running(process) {
                self.wait_for_output(process)?;
                process.set_waited_for();
                return Ok(!self.stopped());
            }
            self.block(&[], None)?;
        }
        Ok(false)
    }

    /// Stops processes, all at once: TERM, the grace period, KILL.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn stop_processes(&self, processes: &[Rc<Background>]) -> io::Result<()> {
        for process in processes {
            self.look_at(process);
            let mut ending = process.ending.borrow_mut();
            if process.is_active() && ending.is_none() {
                *ending = Some(self.end_process(process, Fate::Stopped, false));
            }
        }
        loop {
            self.look_after();
            if processes.iter().all(|process| !process.is_active()) {
                break;
            }
            if self.in_handler() && self.top_stop().is_some() && !self.is_stage_over() {
                for process in processes {
                    process.ending.borrow_mut().iter_mut().for_each(Ending::kill);
                    process.next.set(Some(Instant::now()));
                }
                self.look_after();
            }
            self.block(&[], None)?;
        }
        for process in processes {
            self.wait_for_output(process)?;
        }
        Ok(())
    }

    /// Sends a process a signal, unless it has ended.
    ///
    /// # Returns
    ///
    /// Whether it was sent.
    ///
    /// # Errors
    ///
    /// As kill(2).
    pub fn signal_process(&self, process: &Background, signal: Signal) -> io::Result<bool> {
        if !self.is_running(process) {
            return Ok(false);
        }
        // Not reaped, its number is its own.
        send(process.pid, Some(signal))?;
        process.expect_end_by(signal);
        Ok(true)
    }

    /// Takes back that a process is stopped at the end; waits until its pipe has taken the text that it was given.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn detach(&self, process: &Background) -> io::Result<()> {
        if let Some(carrier) = &process.carrier {
            while !self.stopped() && self.is_running(process) && carrier.lock().streams.unwritten() > 0 {
                self.block(&[], None)?;
            }
            if self.stopped() {
                // It is stopped in its turn.
                return Ok(());
            }
        }
        process.is_detached.set(true);
        process.deadline.set(None);
        if process.has_heirs.take() {
            self.let_go(&process.kin);
        }
        self.drop_entry(process);
        Ok(())
    }

    /// The entry of a process has left the exit stack.
    pub fn entry_is_done(&self, process: &Background) {
        process.entry.set(None);
    }

    /// The process in the background of that number.
    #[must_use]
    pub fn find_process(&self, pid: i32) -> Option<Rc<Background>> {
        let background = self.background.borrow();
        background.iter().find(|process| process.pid == pid && process.is_running()).map(Rc::clone)
    }

    /// Forgets processes of which nothing is left to do or to tell.
    fn forget_those_who_are_over(&self) {
        self.look_after();
        self.background.borrow_mut().retain(|process| {
            if !process.is_over() {
                return true;
            }
            let is_told = process.is_ok() || process.was_waited_for.get();
            let Some(carrier) = &process.carrier else { return !is_told };
            // All was read: what is left is the thread, and the pipe that it is told by.
            carrier.finish(&mut |_, _| ());
            !is_told || carrier.lock().streams.is_holding()
        });
    }

    /// Waits for what processes have written, and names those that failed and that nobody waited for.
    pub fn settle_background(&self) {
        self.look_after();
        let processes = self.background.borrow().clone();
        for process in processes.iter().filter(|process| !process.is_detached.get() && !process.is_running()) {
            // What the system refuses here, nobody waits for.
            let _ = self.wait_for_output(process);
            let Some(ended) = process.ended() else { continue };
            let sent = process.sent.borrow();
            let asks_to_end = |sent: &Signal| ENDING.contains(sent);
            let is_killer = |sent: &Signal| matches!(ended, Ended::Killed(by) if sent.number() == by);
            let is_own_doing =
                process.fate.get() == Fate::Stopped || sent.iter().any(|sent| asks_to_end(sent) || is_killer(sent));
            if !process.is_ok() && !is_own_doing && !process.was_waited_for.replace(true) {
                let (title, how) = (process.plan.title(), how(ended, process.fate.get(), process.plan.timeout));
                self.complain(&format!("`{title}` in the background {how}, and nobody waited for it"));
            }
        }
    }
}
