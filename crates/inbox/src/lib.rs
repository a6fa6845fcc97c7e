//! Which signals have come and who has sent them, for one thread that works or waits.
//!
//! A handler notes the signal, and then that there is news. Only if the thread waits, in poll(2), it is woken through a
//! descriptor: one that works sees the flag, and pays for no system call. That nothing is lost in between is the old bargain of
//! two flags: the thread says that it waits and then looks for news, the handler says that there is news and then looks
//! whether the thread waits. One of them sees the other.
//!
//! [`Interruption`] is the way out for a thread that a system call without a limit blocks.
//!
//! This crate is apart from stagesh because it needs `unsafe`, which is denied there: signal-hook tells who has sent a
//! signal by a socket alone, which costs four system calls more than the signal.

mod interruption;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use libc::{c_int, siginfo_t};
use signal_hook::low_level::emulate_default_handler;

pub use interruption::{Interruption, can_be_interrupted};

/// What has come. Shared by the thread that looks, by the handlers, and by threads that have something to tell.
#[derive(Debug)]
pub struct Inbox {
    /// The signals that the kernel has sent and nobody has taken, bit n - 1 for signal n.
    of_kernel: AtomicU64,
    /// Those that a process has sent.
    of_processes: AtomicU64,
    has_news: AtomicBool,
    is_waiting: AtomicBool,
    /// An eventfd(2), which costs less than a pipe, or where there is none the end of a pipe that is read.
    wake: OwnedFd,
    /// The other end, if it is a pipe.
    other_end: Option<OwnedFd>,
}

/// Signals that came, bit n - 1 for signal n. One that both have sent is in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// From the kernel: for a key of the terminal, or its end.
    pub of_kernel: u64,
    /// From a process, as by kill(2).
    pub of_processes: u64,
}

impl Inbox {
    /// Nothing has come.
    ///
    /// # Errors
    ///
    /// As eventfd(2) and pipe(2).
    pub fn new() -> io::Result<Arc<Self>> {
        let (wake, other_end) = descriptors()?;
        Ok(Arc::new(Self {
            of_kernel: AtomicU64::new(0),
            of_processes: AtomicU64::new(0),
            has_news: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            wake,
            other_end,
        }))
    }

    /// From now on the signal is noted, and is news; while it is given back, the process dies by it, as by default. XFSZ
    /// is an exception: by its own write beyond the limit of a file's size, which fails, it does not die.
    ///
    /// # Errors
    ///
    /// As sigaction(2).
    ///
    /// # Panics
    ///
    /// If it is KILL, STOP, or one that a fault of the program raises.
    pub fn note(self: &Arc<Self>, signal: c_int, is_given_back: Arc<AtomicBool>) -> io::Result<()> {
        let inbox = Arc::clone(self);
        let bit = 1 << (signal - 1);
        let note = move |info: &siginfo_t| {
            if is_given_back.load(SeqCst) {
                if !is_of_own_write(signal, info) {
                    // Fails for a number that is none.
                    let _ = emulate_default_handler(signal);
                }
                return;
            }
            let signals = if is_of_kernel(info) { &inbox.of_kernel } else { &inbox.of_processes };
            signals.fetch_or(bit, SeqCst);
            inbox.tell();
        };
        // SAFETY: a handler may use atomics and write(2). Source: signal-safety(7).
        unsafe { signal_hook_registry::register_sigaction(signal, note) }.map(drop)
    }

    /// From now on the signal is news, and not noted.
    ///
    /// # Errors
    ///
    /// As [`Inbox::note`].
    ///
    /// # Panics
    ///
    /// As [`Inbox::note`].
    pub fn watch(self: &Arc<Self>, signal: c_int) -> io::Result<()> {
        let inbox = Arc::clone(self);
        // SAFETY: as in `note`.
        unsafe { signal_hook_registry::register(signal, move || inbox.tell()) }.map(drop)
    }

    /// There is news: the thread is woken if it waits. For handlers, and for any thread.
    pub fn tell(&self) {
        self.has_news.swap(true, SeqCst);
        if self.is_waiting.load(SeqCst) {
            let descriptor = self.other_end.as_ref().unwrap_or(&self.wake).as_raw_fd();
            // SAFETY: it reads the number. If there is no room for it, the descriptor is readable already.
            unsafe { libc::write(descriptor, (&raw const ONE).cast(), size_of_val(&ONE)) };
        }
    }

    /// Whether there is news.
    #[inline]
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.has_news.load(Relaxed)
    }

    /// The descriptor that can be read when the thread is to wake.
    #[must_use]
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Has the thread not woken again for what it was woken for. What is left ends the next wait for no reason, and no more.
    pub fn drain(&self) {
        let mut numbers = [ONE; 8];
        // SAFETY: it writes no more than there is room for, and does not block.
        unsafe { libc::read(self.wake.as_raw_fd(), numbers.as_mut_ptr().cast(), size_of_val(&numbers)) };
    }

    /// Does something that returns when the [descriptor](Inbox::wake) can be read, and at once if it is told that there is
    /// news.
    pub fn wait<T>(&self, wait: impl FnOnce(bool) -> T) -> T {
        self.is_waiting.store(true, SeqCst);
        let result = wait(self.has_news.load(SeqCst));
        self.is_waiting.store(false, SeqCst);
        result
    }

    /// Takes what has come. What comes from now on is news again.
    pub fn take(&self) -> Taken {
        // A swap: what a thread did before it told of it is seen from here on.
        self.has_news.swap(false, SeqCst);
        Taken { of_kernel: self.of_kernel.swap(0, SeqCst), of_processes: self.of_processes.swap(0, SeqCst) }
    }
}

/// What is written to wake. Source: eventfd(2).
static ONE: u64 = 1;

/// The descriptor that is read, and the one that is written to if that is another. Neither blocks.
#[cfg(target_os = "linux")]
fn descriptors() -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    // SAFETY: it takes and changes no memory.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and is nobody else's.
    Ok((unsafe { OwnedFd::from_raw_fd(descriptor) }, None))
}

/// The descriptor that is read, and the one that is written to if that is another. Neither blocks.
#[cfg(not(target_os = "linux"))]
fn descriptors() -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    let (read, write) = io::pipe()?;
    for end in [read.as_raw_fd(), write.as_raw_fd()] {
        // SAFETY: it takes and changes no memory.
        if unsafe { libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok((read.into(), Some(write.into())))
}

/// Whether the signal says that a write of this process is beyond the limit of a file's size: the kernel has it come from the
/// process itself, as by kill(2). Source: setrlimit(2).
fn is_of_own_write(signal: c_int, info: &siginfo_t) -> bool {
    // SAFETY: it was sent by kill(2), or as if, and has a sender. getpid(2) takes no memory.
    signal == libc::SIGXFSZ && info.si_code == libc::SI_USER && unsafe { info.si_pid() == libc::getpid() }
}

/// Whether the kernel itself has sent it. Source: sigaction(2), `si_code`.
fn is_of_kernel(info: &siginfo_t) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// Source: `asm-generic/siginfo.h`.
        const SI_KERNEL: c_int = 0x80;
        info.si_code == SI_KERNEL
    }
    #[cfg(not(target_os = "linux"))]
    {
        // SAFETY: the signals that are noted have a sender or none.
        unsafe { info.si_pid() == 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// Whether the thread is to wake within so many milliseconds, or -1 for ever.
    fn is_woken(inbox: &Inbox, patience: c_int) -> bool {
        let mut wake = libc::pollfd { fd: inbox.wake().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        loop {
            // SAFETY: it is one.
            match unsafe { libc::poll(&raw mut wake, 1, patience) } {
                -1 => assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted),
                count => return count == 1,
            }
        }
    }

    fn send(signal: c_int) {
        // SAFETY: it takes and changes no memory.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
    }

    const USR2: u64 = 1 << (libc::SIGUSR2 - 1);

    #[test]
    fn what_comes_to_a_thread_that_works_is_seen_and_wakes_nobody() {
        let inbox = Inbox::new().expect("there are descriptors");
        inbox.note(libc::SIGUSR2, Arc::default()).expect("it can be caught");
        assert!(!inbox.has_news());
        send(libc::SIGUSR2);
        send(libc::SIGUSR2);
        assert!(inbox.has_news());
        assert!(inbox.wait(|has_news| has_news));
        assert_eq!(inbox.take(), Taken { of_kernel: 0, of_processes: USR2 });
        assert_eq!(inbox.take(), Taken { of_kernel: 0, of_processes: 0 });
        assert!(!inbox.has_news());
        assert!(!is_woken(&inbox, 0));
    }

    #[test]
    fn what_comes_to_a_thread_that_waits_wakes_it() {
        let inbox = Inbox::new().expect("there are descriptors");
        inbox.watch(libc::SIGWINCH).expect("it can be caught");
        inbox.wait(|has_news| {
            assert!(!has_news);
            send(libc::SIGWINCH);
            send(libc::SIGWINCH);
            assert!(is_woken(&inbox, -1));
        });
        assert!(inbox.has_news());
        assert_eq!(inbox.take(), Taken { of_kernel: 0, of_processes: 0 });
        inbox.drain();
        assert!(!is_woken(&inbox, 0));
    }

    /// Two threads that tell each other something, so often that each order of the four steps is met.
    #[test]
    fn nothing_is_lost_between_work_and_wait() {
        const TURNS: u32 = 5_000;
        let inbox = Inbox::new().expect("there are descriptors");
        let (told, seen) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 1..=TURNS {
                    told.store(turn, SeqCst);
                    inbox.tell();
                    while seen.load(SeqCst) != turn {
                        std::thread::yield_now();
                    }
                }
            });
            while seen.load(SeqCst) != TURNS {
                inbox.wait(|has_news| has_news || is_woken(&inbox, -1));
                inbox.drain();
                inbox.take();
                seen.store(told.load(SeqCst), SeqCst);
            }
        });
    }
}
