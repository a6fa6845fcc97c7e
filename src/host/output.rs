//! Standard output and standard error, checked.
//!
//! Output is collected and written when something else is about to be seen: see [`Output::print`]. A
//! thread writes what is left after a tenth of a second, so that a reader never waits longer for a line,
//! whatever the script does. It is started by the first line that has to wait.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::descriptor;
use crate::sys::interrupts::{Waker, with_all_blocked};
use crate::sys::quiet_write;

/// A line reaches its reader within this time.
const LATEST: Duration = Duration::from_millis(100);

/// More than this is not collected: larger writes gain nothing.
const FULL: usize = 64 * 1024;

/// What a pipe that polls as writable takes without blocking. Source: POSIX `PIPE_BUF` on Linux.
const CHUNK: usize = 4096;

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

#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    /// When the oldest line in the buffer was printed.
    since: Option<Instant>,
    last_write: Option<Instant>,
    /// A fault that nobody has been told of.
    fault: Option<Fault>,
    /// The reader went away: what comes now is dropped.
    is_closed: bool,
}

struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

/// Standard output.
pub struct Output {
    shared: Arc<Shared>,
    terminal: bool,
    thread: std::cell::Cell<bool>,
}

impl Output {
    /// The standard output of the process.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared { state: Mutex::default(), filled: Condvar::new() }),
            terminal: io::stdout().is_terminal(),
            thread: std::cell::Cell::new(false),
        }
    }

    /// Collects a line.
    ///
    /// # Returns
    ///
    /// Whether it should be written at once: on a terminal, when much was collected, and when nothing was
    /// written for a while, which spares short scripts the thread.
    pub fn print(&self, text: &str, waker: impl FnOnce() -> io::Result<Waker>) -> bool {
        let mut state = self.lock();
        state.buffer.extend_from_slice(text.as_bytes());
        state.buffer.push(b'\n');
        if self.terminal || state.buffer.len() >= FULL {
            return true;
        }
        if state.since.is_some() {
            return false;
        }
        let now = Instant::now();
        if state.last_write.is_none_or(|last| now.duration_since(last) >= LATEST) {
            return true;
        }
        state.since = Some(now);
        drop(state);
        if !self.thread.get() {
            let started = waker().and_then(|waker| {
                let shared = Arc::clone(&self.shared);
                let thread = std::thread::Builder::new().name("flush".into());
                with_all_blocked(|| thread.spawn(move || flush_late(&shared, &waker)))
            });
            // Without a thread every line is written at once.
            self.thread.set(started.is_ok());
            return started.is_err();
        }
        self.shared.filled.notify_one();
        false
    }

    /// Takes what a command has written, and writes what can be written now.
    pub fn pass(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if !state.is_closed {
            state.buffer.extend_from_slice(bytes);
            drain_or_keep_fault(&mut state);
        }
    }

    /// Whether so much is collected that nothing should be added: the reader is slow.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lock().buffer.len() >= FULL
    }

    /// The same output for another thread, which wakes the first one of a fault.
    #[must_use]
    pub fn for_thread(&self, waker: Waker) -> Passage {
        Passage { shared: Arc::clone(&self.shared), waker }
    }

    /// Drops what is collected: its reader does not read.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.buffer.clear();
        state.since = None;
    }

    /// Writes what can be written now.
    ///
    /// # Returns
    ///
    /// Whether all was written.
    ///
    /// # Errors
    ///
    /// The fault of this write, with which what was collected is dropped; or of one that the thread made.
    pub fn write_some(&self) -> Result<bool, Fault> {
        let mut state = self.lock();
        if let Some(fault) = state.fault.take() {
            return Err(fault);
        }
        drain(&mut state)
    }

    /// Writes what can be written now; a fault is kept for the next who asks.
    pub fn try_write(&self) {
        drain_or_keep_fault(&mut self.lock());
    }

    /// Keeps a fault for the next who asks.
    pub fn keep_fault(&self, fault: Fault) {
        self.lock().fault.get_or_insert(fault);
    }

    /// Whether the thread found that the reader went away; true once.
    pub fn take_closed(&self) -> bool {
        let mut state = self.lock();
        let closed = matches!(state.fault, Some(Fault::Closed));
        if closed {
            state.fault = None;
        }
        closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Output {
    fn default() -> Self {
        Self::new()
    }
}

/// Standard output and error for what a command in the background writes: waits for their readers.
#[derive(Clone)]
pub struct Passage {
    shared: Arc<Shared>,
    waker: Waker,
}

impl Passage {
    /// Writes to standard output, after what was printed.
    pub fn stdout(&self, bytes: &[u8]) {
        let lock = || self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = lock();
        if state.is_closed {
            return;
        }
        state.buffer.extend_from_slice(bytes);
        drain_or_keep_fault(&mut state);
        while !state.buffer.is_empty() {
            drop(state);
            descriptor::wait_writable(io::stdout().as_fd());
            state = lock();
            drain_or_keep_fault(&mut state);
        }
        if state.fault.is_some() {
            drop(state);
            self.waker.wake();
        }
    }

    /// Writes to standard error, after what was printed unless the reader of that is slow.
    pub fn stderr(&self, bytes: &[u8]) {
        drain_or_keep_fault(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rest = bytes;
        loop {
            rest = &rest[write_stderr_some(rest)..];
            if rest.is_empty() {
                return;
            }
            descriptor::wait_writable(io::stderr().as_fd());
        }
    }

    /// Wakes the thread that waits for what this one does.
    pub fn wake(&self) {
        self.waker.wake();
    }
}

/// Writes what can be written now; a fault is kept for the next who asks.
fn drain_or_keep_fault(state: &mut State) {
    if let Err(fault) = drain(state) {
        state.fault.get_or_insert(fault);
    }
}

/// Writes from the buffer for as long as that does not block.
fn drain(state: &mut State) -> Result<bool, Fault> {
    let mut written = 0;
    let mut result = Ok(true);
    while written < state.buffer.len() {
        if !descriptor::is_writable(io::stdout().as_fd()) {
            result = Ok(false);
            break;
        }
        let end = state.buffer.len().min(written + CHUNK);
        match quiet_write::write(io::stdout(), &state.buffer[written..end]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                let fault = Fault::from_error(error);
                state.is_closed |= matches!(fault, Fault::Closed);
                result = Err(fault);
                written = state.buffer.len();
            }
        }
    }
    if written > 0 {
        state.buffer.drain(..written);
        state.last_write = Some(Instant::now());
    }
    state.since = if state.buffer.is_empty() { None } else { state.since.or_else(|| Some(Instant::now())) };
    result
}

/// The thread: writes what has waited for long enough.
fn flush_late(shared: &Shared, waker: &Waker) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(since) = state.since else {
            state = shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = LATEST.saturating_sub(since.elapsed());
        if !left.is_zero() {
            state = shared.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        match drain(&mut state) {
            Ok(true) => {}
            // The reader is slow: wait for it without the lock, so that the script can go on printing.
            Ok(false) => {
                drop(state);
                descriptor::wait_writable(io::stdout().as_fd());
                state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            }
            Err(fault) => {
                state.fault = Some(fault);
                waker.wake();
            }
        }
    }
}

/// Writes to standard error for as long as that does not block. One that is dead is no matter: there is nowhere
/// left to say so.
///
/// # Returns
///
/// How much was dealt with.
#[must_use]
pub fn write_stderr_some(bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() && descriptor::is_writable(io::stderr().as_fd()) {
        let end = bytes.len().min(written + CHUNK);
        match quiet_write::write(io::stderr(), &bytes[written..end]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
            Err(_) => return bytes.len(),
        }
    }
    written
}

/// Writes a line to standard error, however long that takes: where no run can be held up.
pub fn write_stderr(line: &str) {
    let mut bytes = line.as_bytes();
    loop {
        bytes = &bytes[write_stderr_some(bytes)..];
        if bytes.is_empty() {
            return;
        }
        descriptor::wait_writable(io::stderr().as_fd());
    }
}
