//! Where signals enter the process, and where blocking code waits for them.
//!
//! A handler notes the signal and sets a flag. Code that runs looks at the flag, one load for each operation of a script;
//! code that waits is woken through a descriptor, which is written to only then. Nothing is decided in a handler.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Unix};
use rustix::process::{Resource, getrlimit};
use stagesh_inbox::Inbox;
pub use stagesh_inbox::Interruption;

use super::descriptor::Interest;
use super::entry;
use super::signal::{Signal, SignalSet};

/// What may have a handler before any of ours: BUS and SEGV where there is Rust's runtime.
const OF_RUNTIME: [Unix; 2] = [Unix::SIGBUS, Unix::SIGSEGV];

/// The signal by which glibc tells threads of `setuid`, from the first thread on.
const OF_THREADS: SignalSet = SignalSet::from_bits(1 << (33 - 1));

/// Who sent a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// The kernel: on a terminal, a key that was pressed or a line that was hung up. The whole foreground
    /// process group has it too.
    Kernel,
    /// A process, by `kill` and its like: nobody else has it.
    Process,
}

/// A signal that was caught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caught {
    /// Which one.
    pub signal: Signal,
    /// Who sent it.
    pub sender: Sender,
}

/// The signals of this process: which are caught, and what has come.
pub struct Interrupts {
    inbox: Arc<Inbox>,
    ignored_at_start: SignalSet,
    caught_at_start: SignalSet,
    installed: RefCell<Vec<(Signal, Arc<AtomicBool>)>>,
    children: RefCell<Option<ChildEvents>>,
    watches_resumption: Cell<bool>,
}

/// What a wait has found.
#[derive(Debug, Default)]
pub struct Events {
    /// Which of the descriptors are ready.
    pub ready: Vec<bool>,
    /// Whether something was caught, or another thread has called.
    pub woken: bool,
    /// Whether a child has ended or was stopped.
    pub of_children: bool,
}

/// Lets another thread wake the one that waits in [`Interrupts::wait`].
#[derive(Clone)]
pub struct Waker(Arc<Inbox>);

impl Waker {
    /// Makes the next look of the interpreter, or its wait, find that something happened.
    pub fn wake(&self) {
        self.0.tell();
    }
}

/// Does something with every signal blocked: a thread that is started then takes none, from its first step on. So they go to
/// the one thread that looks at them. There all handlers have run before it looks, so that of several the lowest number
/// is seen; in another thread they would run while it looks. Source: `pthread_sigmask(3)`, `signal(7)`.
pub fn with_all_blocked<T>(run: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let result = run();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    result
}

/// Has the calling thread take a signal, which those that were started before leave to it.
pub fn take_here(signal: Signal) {
    // Fails for a bad argument only.
    let _ = SigSet::from(signal.unix()).thread_unblock();
}

/// Has the calling thread leave a signal to others.
pub fn leave_to_others(signal: Signal) {
    // Fails for a bad argument only.
    let _ = SigSet::from(signal.unix()).thread_block();
}

impl Interrupts {
    /// Prepares to catch signals. None is caught yet.
    ///
    /// # Errors
    ///
    /// The descriptor that wakes could not be made.
    pub fn new() -> io::Result<Self> {
        let mut caught_at_start = OF_THREADS;
        for signal in OF_RUNTIME.into_iter().filter(|signal| entry::is_caught(*signal as i32)) {
            caught_at_start.insert(Signal::from_unix(signal));
        }
        Ok(Self {
            inbox: Inbox::new()?,
            ignored_at_start: entry::ignored_signals(),
            caught_at_start,
            installed: RefCell::default(),
            children: RefCell::default(),
            watches_resumption: Cell::new(false),
        })
    }

    /// Empties the signal mask of the calling thread, so that a blocked signal that was inherited changes
    /// nothing. Source: `pthread_sigmask(3)`.
    pub fn unblock_all(&self) {
        // Fails for a bad argument only.
        let _ = SigSet::empty().thread_set_mask();
    }

    /// The signals that were ignored when the process started, of those that can be trapped; PIPE is never among them.
    #[must_use]
    pub fn ignored_at_start(&self) -> SignalSet {
        self.ignored_at_start
    }

    /// The signals that have a handler, of this process or of what it is built of.
    #[must_use]
    pub fn handled(&self) -> SignalSet {
        let mut handled = self.caught_at_start;
        handled.insert(Signal::CHLD);
        if self.watches_resumption.get() {
            handled.insert(Signal::CONT);
        }
        for (signal, _) in &*self.installed.borrow() {
            handled.insert(*signal);
        }
        handled
    }

    /// From now on the signal is caught.
    ///
    /// # Errors
    ///
    /// The handler could not be installed.
    pub fn catch(&self, signal: Signal) -> io::Result<()> {
        self.install(signal, false)
    }

    fn install(&self, signal: Signal, is_given_back: bool) -> io::Result<()> {
        let mut installed = self.installed.borrow_mut();
        if let Some((_, known)) = installed.iter().find(|(s, _)| *s == signal) {
            known.store(is_given_back, Ordering::SeqCst);
            return Ok(());
        }
        let is_given_back = Arc::new(AtomicBool::new(is_given_back));
        self.inbox.note(signal.number(), Arc::clone(&is_given_back))?;
        installed.push((signal, is_given_back));
        Ok(())
    }

    /// From now on a write beyond the limit of a file's size is an error, and not the end of the process, if there is such a
    /// limit.
    ///
    /// # Errors
    ///
    /// The handler could not be installed.
    pub fn survive_large_writes(&self) -> io::Result<()> {
        let is_limited = getrlimit(Resource::Fsize).current.is_some();
        if !is_limited || self.ignored_at_start.contains(Signal::XFSZ) || super::status::is_init() {
            return Ok(());
        }
        self.install(Signal::XFSZ, true)
    }

    /// Gives the signal back to its default: the process dies by the next one. (As PID 1 it ignores it, as
    /// the kernel would.)
    pub fn release(&self, signal: Signal) {
        if super::status::is_init() {
            return;
        }
        if let Some((_, is_given_back)) = self.installed.borrow().iter().find(|(s, _)| *s == signal) {
            is_given_back.store(true, Ordering::SeqCst);
        }
    }

    /// From now on the end of a child wakes [`Interrupts::wait`].
    ///
    /// # Errors
    ///
    /// The handler could not be installed.
    pub fn watch_children(&self) -> io::Result<()> {
        let mut children = self.children.borrow_mut();
        if children.is_none() {
            *children = Some(ChildEvents::new(&self.inbox)?);
        }
        Ok(())
    }

    /// From now on [`Interrupts::wait`] returns when this process was stopped and goes on.
    ///
    /// # Errors
    ///
    /// The handler could not be installed.
    pub fn watch_resumption(&self) -> io::Result<()> {
        if !self.watches_resumption.replace(true) {
            self.inbox.watch(Signal::CONT.number())?;
        }
        Ok(())
    }

    /// While processes run in the background, the end of a child is noticed by code that runs, too.
    pub fn be_prompt(&self, is_prompt: bool) {
        if let Some(children) = &*self.children.borrow() {
            children.be_prompt(is_prompt);
        }
    }

    /// Whether something was caught since the last [`Interrupts::take`]; for code that runs.
    #[inline]
    pub fn pending(&self) -> bool {
        self.inbox.has_news()
    }

    /// Takes what was caught, by number.
    pub fn take(&self) -> Vec<Caught> {
        let taken = self.inbox.take();
        let (of_kernel, all) = (SignalSet::from_bits(taken.of_kernel), taken.of_kernel | taken.of_processes);
        let sender = |signal| if of_kernel.contains(signal) { Sender::Kernel } else { Sender::Process };
        SignalSet::from_bits(all).iter().map(|signal| Caught { signal, sender: sender(signal) }).collect()
    }

    /// Something with which another thread wakes this one.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.inbox))
    }

    /// Waits until a signal or a child's end comes, one of the descriptors is ready, or `until` has passed.
    /// May return for no reason. The caller takes what was caught.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn wait(&self, fds: &[(BorrowedFd<'_>, Interest)], until: Option<Instant>) -> io::Result<Events> {
        let children = self.children.borrow();
        let mut polled = Vec::with_capacity(fds.len() + 2);
        polled.extend(fds.iter().map(|(fd, interest)| PollFd::new(*fd, interest.flags())));
        polled.push(PollFd::new(self.inbox.wake(), PollFlags::POLLIN));
        polled.extend(children.as_ref().and_then(ChildEvents::descriptor).map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let polled_now = self.inbox.wait(|has_news| {
            let timeout = if has_news { PollTimeout::ZERO } else { timeout(until) };
            poll(&mut polled, timeout).map(|_| has_news)
        });
        let had_news = match polled_now {
            Ok(had_news) => had_news,
            // A handler has run.
            Err(Errno::EINTR) => {
                self.inbox.drain();
                return Ok(Events { ready: vec![false; fds.len()], woken: true, of_children: true });
            }
            Err(error) => return Err(error.into()),
        };
        let mut ready: Vec<bool> = polled.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let of_children = ready.get(fds.len() + 1).copied();
        let is_woken = ready[fds.len()];
        if is_woken {
            self.inbox.drain();
        }
        let woken = had_news || is_woken;
        ready.truncate(fds.len());
        if let (Some(children), Some(true)) = (children.as_ref(), of_children) {
            children.clear();
        }
        // The flag may tell of children, too.
        Ok(Events { ready, woken, of_children: woken || of_children == Some(true) })
    }
}

/// Tells of the ends of children.
#[cfg(target_os = "linux")]
struct ChildEvents {
    descriptor: nix::sys::signalfd::SignalFd,
    is_prompt: Cell<bool>,
}

/// A signal that is blocked and read costs a fifth of one that is handled, for every command. Source: signalfd(2).
#[cfg(target_os = "linux")]
impl ChildEvents {
    fn new(inbox: &Arc<Inbox>) -> io::Result<Self> {
        use nix::sys::signalfd::{SfdFlags, SignalFd};
        // First, because it can fail: nobody would be told of what is blocked.
        let descriptor = SignalFd::with_flags(&child(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        // The handler runs for those who want to know at once. That it is there also ends an inherited ignoring of CHLD,
        // under which nobody is reaped.
        inbox.watch(Signal::CHLD.number())?;
        // The other threads block every signal.
        child().thread_block()?;
        Ok(Self { descriptor, is_prompt: Cell::new(false) })
    }

    fn be_prompt(&self, is_prompt: bool) {
        if self.is_prompt.replace(is_prompt) != is_prompt {
            // Fails for a bad argument only.
            let _ = if is_prompt { child().thread_unblock() } else { child().thread_block() };
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }

    fn clear(&self) {
        // Several ends may be one signal: whoever waits looks at all of its children.
        let _ = self.descriptor.read_signal();
    }
}

#[cfg(target_os = "linux")]
fn child() -> SigSet {
    let mut child = SigSet::empty();
    child.add(nix::sys::signal::Signal::SIGCHLD);
    child
}

/// Tells of the ends of children by the flag, and wakes.
#[cfg(not(target_os = "linux"))]
struct ChildEvents;

#[cfg(not(target_os = "linux"))]
impl ChildEvents {
    fn new(inbox: &Arc<Inbox>) -> io::Result<Self> {
        inbox.watch(Signal::CHLD.number())?;
        Ok(Self)
    }

    fn be_prompt(&self, _: bool) {}

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn clear(&self) {}
}

/// The time until then as poll takes it, rounded up, so that a wait never ends before its time.
fn timeout(until: Option<Instant>) -> PollTimeout {
    let Some(until) = until else { return PollTimeout::NONE };
    let left = until.saturating_duration_since(Instant::now());
    let millis = left.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Every handler that this process has is one that a program which is started must not run.
    #[test]
    fn all_that_has_a_handler_is_known_to_be_handled() {
        let interrupts = Interrupts::new().expect("there are descriptors");
        interrupts.watch_children().expect("CHLD can be caught");
        interrupts.watch_resumption().expect("CONT can be caught");
        for signal in Signal::all_trappable() {
            interrupts.catch(signal).expect("it can be caught");
        }
        let status = std::fs::read_to_string("/proc/self/status").expect("there is a /proc");
        // Source: proc_pid_status(5).
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("the kernel tells it");
        let caught = u64::from_str_radix(line.trim(), 16).expect("it is a number");
        let handled = interrupts.handled().bits();
        assert_eq!(caught & !handled, 0, "{caught:b} {handled:b}");
    }
}
