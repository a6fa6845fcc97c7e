//! Standard output and standard error, checked.
//!
//! Output is collected and written when something else is about to be seen: see [`Output::print`]. A
//! thread writes what is left after a tenth of a second, so that a reader never waits longer for a line,
//! whatever the script does. It is started when many lines come: few are written one by one.
//!
//! On a terminal a line may show which stages run (`live.rs`): it is taken away before anything is written.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::live::Live;
use crate::sys::descriptor::{self, PIECE, Way, Which};
use crate::sys::interrupts::{Waker, with_all_blocked};
use crate::sys::quiet_write;

/// A line reaches its reader within this time.
const LATEST: Duration = Duration::from_millis(100);

/// More than this is not collected: larger writes gain nothing.
const FULL: usize = 64 * 1024;

/// So many lines are written at once before there is the thread: it costs as much to start it.
const EARLY: u32 = 16;

/// Why output did not reach its reader.
#[derive(Debug)]
pub enum Fault {
    /// The reader went away.
    Closed,
    /// The write failed.
    Failed(io::Error),
}

impl Fault {
    fn from_error(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// What waits to be written on a stream.
#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    /// When the oldest line in the buffer was printed.
    since: Option<Instant>,
    /// Whether the thread that writes what is late knows of that.
    is_told: bool,
    last_write: Option<Instant>,
    /// Lines that were written at once for want of the thread.
    early: u32,
    /// A fault that nobody has been told of.
    fault: Option<Fault>,
    /// The reader went away: what comes now is dropped.
    is_closed: bool,
    /// Once it was asked for.
    way: Option<Way>,
}

/// The streams, for every thread that writes. What is added at once stays together.
#[derive(Debug, Default)]
pub struct Outlet {
    stdout: Mutex<State>,
    stderr: Mutex<State>,
    /// Tells the thread that writes what is late.
    filled: Condvar,
    /// Whether a fault of standard output is that its reader went away.
    was_closed: AtomicBool,
    /// The line that shows which stages run, where there is one.
    live: Option<Live>,
}

impl Outlet {
    fn lock(&self, which: Which) -> MutexGuard<'_, State> {
        let state = match which {
            Which::Stdout => &self.stdout,
            Which::Stderr => &self.stderr,
        };
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is to be written on a stream, and writes what can be written now. What is printed comes before what is
    /// said of it.
    pub fn add(&self, which: Which, bytes: &[u8]) {
        if which == Which::Stderr {
            self.try_write(Which::Stdout);
        }
        let mut state = self.lock(which);
        if !state.is_closed {
            state.buffer.extend_from_slice(bytes);
            self.drain_or_keep_fault(which, &mut state);
        }
    }

    /// Writes what can be written now; a fault is kept for the next who asks.
    ///
    /// # Returns
    ///
    /// Whether all was written.
    pub fn try_write(&self, which: Which) -> bool {
        self.drain_or_keep_fault(which, &mut self.lock(which))
    }

    /// How much waits to be written.
    #[must_use]
    pub fn waiting(&self, which: Which) -> usize {
        self.lock(which).buffer.len()
    }

    /// Whether so much waits that nothing should be added: the reader is slow. Standard error is not collected.
    #[must_use]
    pub fn is_slow(&self, which: Which) -> bool {
        is_slow(which, self.waiting(which))
    }

    /// The streams on which something waits to be written, and whether the reader of each is slow: both are seen by one
    /// look. Who does not read what goes to a slow one waits for that, and would wait for ever if another thread wrote
    /// the rest between two looks.
    #[must_use]
    pub fn unwritten(&self) -> Vec<(Which, bool)> {
        let waiting = [Which::Stdout, Which::Stderr].map(|which| (which, self.waiting(which)));
        waiting
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(which, count)| (which, is_slow(which, count)))
            .collect()
    }

    /// That of standard error is no matter: there is nowhere left to say so.
    fn drain_or_keep_fault(&self, which: Which, state: &mut State) -> bool {
        match drain(which, state, self.live.as_ref()) {
            Ok(is_all) => is_all,
            Err(fault) => {
                if which == Which::Stdout {
                    self.keep_fault(state, fault);
                }
                true
            }
        }
    }

    fn keep_fault(&self, state: &mut State, fault: Fault) {
        self.was_closed.fetch_or(matches!(fault, Fault::Closed), Ordering::SeqCst);
        state.fault.get_or_insert(fault);
    }
}

fn is_slow(which: Which, waiting: usize) -> bool {
    if which == Which::Stdout { waiting >= FULL } else { waiting > 0 }
}

/// Standard output and standard error.
pub struct Output {
    outlet: Arc<Outlet>,
    terminal: bool,
    /// Whether somebody else has written to the terminal.
    was_left: Cell<bool>,
    thread: Cell<bool>,
    live_thread: Cell<bool>,
    is_prepared: Cell<bool>,
}

/// For as long as it lives, the terminal is somebody else's.
#[derive(Debug)]
pub(super) struct LeftAlone(Arc<Outlet>);

impl Drop for LeftAlone {
    fn drop(&mut self) {
        self.0.live.iter().for_each(Live::resume);
    }
}

impl Output {
    /// Those of the process. With `dress`, which dresses its first word, a line on the terminal shows which stages run.
    #[must_use]
    pub fn new(dress: Option<fn(&str) -> String>) -> Self {
        let terminal = Which::Stdout.is_terminal();
        let outlet = Outlet { live: dress.map(|dress| Live::new(dress, terminal)), ..Outlet::default() };
        Self {
            outlet: outlet.into(),
            terminal,
            was_left: Cell::new(false),
            thread: Cell::new(false),
            live_thread: Cell::new(false),
            is_prepared: Cell::new(false),
        }
    }

    /// From now on a stage runs, in those that do.
    pub(super) fn show_stage(&self, name: &str) {
        let Some(live) = &self.outlet.live else { return };
        live.push(name);
        if !self.live_thread.replace(true) {
            let outlet = Arc::clone(&self.outlet);
            let thread = std::thread::Builder::new().name("live".into());
            // Without the thread there is no line.
            let _ = with_all_blocked(|| thread.spawn(move || outlet.live.iter().for_each(Live::keep)));
        }
    }

    /// The innermost stage has ended.
    pub(super) fn hide_stage(&self) {
        self.outlet.live.iter().for_each(Live::pop);
    }

    /// Leaves the terminal to somebody who writes to it or reads it.
    pub(super) fn leave_terminal(&self) -> LeftAlone {
        self.was_left.set(true);
        self.outlet.live.iter().for_each(Live::pause);
        LeftAlone(Arc::clone(&self.outlet))
    }

    /// Whether somebody else has written to the terminal since this was last asked: who knows where the cursor is.
    pub(super) fn take_left(&self) -> bool {
        self.was_left.replace(false)
    }

    /// Finds out how the streams are written to, for what is said when a signal comes: it is not to wait for that.
    pub(super) fn prepare(&self) {
        if !self.is_prepared.replace(true) {
            for which in [Which::Stdout, Which::Stderr] {
                self.outlet.lock(which).way.get_or_insert_with(|| Way::of(which));
            }
        }
    }

    /// Collects a line.
    ///
    /// # Returns
    ///
    /// Whether it should be written at once: on a terminal, when much was collected, when nothing was written for a
    /// while, and when the script has not printed much yet, which spares short ones the thread.
    pub fn print(&self, text: &str, waker: impl FnOnce() -> Waker) -> bool {
        let mut state = self.outlet.lock(Which::Stdout);
        state.buffer.extend_from_slice(text.as_bytes());
        state.buffer.push(b'\n');
        if self.terminal || state.buffer.len() >= FULL {
            return true;
        }
        if state.since.is_none() {
            let now = Instant::now();
            if state.last_write.is_none_or(|last| now.duration_since(last) >= LATEST) {
                return true;
            }
            if state.early < EARLY {
                state.early += 1;
                return true;
            }
            state.since = Some(now);
        }
        !self.see_to_late(state, waker)
    }

    /// What was passed on and its reader has not read is written by the thread, unless somebody does before.
    pub fn leave_rest(&self, waker: impl FnOnce() -> Waker) {
        let state = self.outlet.lock(Which::Stdout);
        if state.since.is_some() {
            self.see_to_late(state, waker);
        }
    }

    /// Tells the thread that something waits.
    ///
    /// # Returns
    ///
    /// Whether there is a thread: without one every line is written at once.
    fn see_to_late(&self, mut state: MutexGuard<'_, State>, waker: impl FnOnce() -> Waker) -> bool {
        if std::mem::replace(&mut state.is_told, true) {
            return self.thread.get();
        }
        drop(state);
        if !self.thread.get() {
            let (outlet, waker) = (Arc::clone(&self.outlet), waker());
            let thread = std::thread::Builder::new().name("flush".into());
            let started = with_all_blocked(|| thread.spawn(move || flush_late(&outlet, &waker)));
            self.thread.set(started.is_ok());
        }
        self.outlet.filled.notify_one();
        self.thread.get()
    }

    /// What every thread writes to.
    #[must_use]
    pub fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// The same output for what tells of the log.
    #[must_use]
    pub(super) fn for_log(&self) -> Arc<Outlet> {
        Arc::clone(&self.outlet)
    }

    /// The same output for another thread, which wakes the first one of a fault.
    #[must_use]
    pub fn for_thread(&self, waker: Waker) -> Passage {
        Passage { outlet: Arc::clone(&self.outlet), waker }
    }

    /// Drops what was printed and waits: its reader does not read.
    pub fn clear(&self) {
        let mut state = self.outlet.lock(Which::Stdout);
        state.buffer.clear();
        state.since = None;
    }

    /// Writes what was printed, as far as it can be written now.
    ///
    /// # Returns
    ///
    /// Whether all was written.
    ///
    /// # Errors
    ///
    /// The fault of this write, with which what was collected is dropped; or of one that another thread made.
    pub fn write_some(&self) -> Result<bool, Fault> {
        let mut state = self.outlet.lock(Which::Stdout);
        if let Some(fault) = state.fault.take() {
            return Err(fault);
        }
        if state.buffer.is_empty() {
            return Ok(true);
        }
        drain(Which::Stdout, &mut state, self.outlet.live.as_ref())
    }

    /// Keeps a fault for the next who asks.
    pub fn keep_fault(&self, fault: Fault) {
        self.outlet.keep_fault(&mut self.outlet.lock(Which::Stdout), fault);
    }

    /// Whether a thread found that the reader went away; true once.
    pub fn take_closed(&self) -> bool {
        self.outlet.was_closed.load(Ordering::Relaxed)
            && self.outlet.was_closed.swap(false, Ordering::SeqCst)
            && self.outlet.lock(Which::Stdout).fault.take_if(|fault| matches!(fault, Fault::Closed)).is_some()
    }
}

/// Standard output and error for what a command in the background writes.
#[derive(Clone)]
pub struct Passage {
    /// What is written to.
    pub outlet: Arc<Outlet>,
    waker: Waker,
}

impl Passage {
    /// Wakes the thread that waits for what this one does.
    pub fn wake(&self) {
        self.waker.wake();
    }
}

/// Writes what can be written without blocking.
pub(super) fn write_now(which: Which, way: &mut Option<Way>, bytes: &[u8]) -> io::Result<usize> {
    match way.get_or_insert_with(|| Way::of(which)) {
        Way::Plain => quiet_write::write(which.own(), bytes),
        Way::Apart(own) => quiet_write::write(own, bytes),
        Way::Polled if descriptor::is_writable(which.own()) => {
            quiet_write::write(which.own(), &bytes[..bytes.len().min(PIECE)])
        }
        Way::Polled => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Writes from the buffer for as long as that does not block.
fn drain(which: Which, state: &mut State, live: Option<&Live>) -> Result<bool, Fault> {
    let mut line = live.filter(|_| !state.buffer.is_empty()).and_then(|live| live.beside(which));
    if let Some(line) = &mut line {
        line.make_way(&mut state.buffer);
    }
    let mut written = 0;
    let mut result = Ok(true);
    while written < state.buffer.len() {
        match write_now(which, &mut state.way, &state.buffer[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                result = Ok(false);
                break;
            }
            Err(error) => {
                let fault = Fault::from_error(error);
                state.is_closed |= matches!(fault, Fault::Closed);
                result = Err(fault);
                written = state.buffer.len();
            }
        }
    }
    if line.is_some_and(|mut line| line.note_written(&state.buffer[..written])) {
        live.iter().for_each(|live| live.nudge());
    }
    if written > 0 {
        state.buffer.drain(..written);
        state.last_write = Some(Instant::now());
    }
    state.since = if state.buffer.is_empty() { None } else { state.since.or_else(|| Some(Instant::now())) };
    state.is_told &= state.since.is_some();
    result
}

/// The thread: writes what has waited for long enough.
fn flush_late(outlet: &Outlet, waker: &Waker) {
    let mut state = outlet.lock(Which::Stdout);
    loop {
        let Some(since) = state.since else {
            state = outlet.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = LATEST.saturating_sub(since.elapsed());
        if !left.is_zero() {
            state = outlet.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        match drain(Which::Stdout, &mut state, outlet.live.as_ref()) {
            Ok(true) => {}
            // The reader is slow: wait for it without the lock, so that the script can go on printing.
            Ok(false) => {
                drop(state);
                descriptor::wait_writable(Which::Stdout.own());
                state = outlet.lock(Which::Stdout);
            }
            Err(fault) => {
                outlet.keep_fault(&mut state, fault);
                waker.wake();
            }
        }
    }
}

/// Writes a line to standard error, however long that takes: where no run can be held up.
pub fn write_stderr(line: &str) {
    let mut state = State { buffer: line.into(), ..State::default() };
    // What cannot be said is no matter.
    while let Ok(false) = drain(Which::Stderr, &mut state, None) {
        descriptor::wait_writable(Which::Stderr.own());
    }
}
