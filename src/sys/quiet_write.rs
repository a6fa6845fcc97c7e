//! Writing without being killed by PIPE.
//!
//! A write to a pipe without a reader raises PIPE in the writing thread and fails with EPIPE. Only the
//! error is wanted: PIPE may be trapped, and a command that closes its stdin is no reason to stop a script.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Unix};

/// As write(2), and PIPE is not raised.
///
/// # Returns
///
/// The number of bytes written.
///
/// # Errors
///
/// As write(2); EINTR is tried again.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    if let Some(result) = without_signal::write(fd.as_fd(), bytes) {
        return result;
    }
    write_and_swallow(fd.as_fd(), bytes)
}

/// By any kernel.
fn write_and_swallow(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut pipe = SigSet::empty();
    pipe.add(Unix::SIGPIPE);
    let before = pipe.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let result = loop {
        match nix::unistd::write(fd, bytes) {
            Err(Errno::EINTR) => {}
            result => break result,
        }
    };
    if result == Err(Errno::EPIPE) && !before.contains(Unix::SIGPIPE) {
        swallow(&pipe);
    }
    before.thread_set_mask()?;
    result.map_err(io::Error::from)
}

/// By a kernel that need not raise it: one system call in place of three.
#[cfg(target_os = "linux")]
mod without_signal {
    use std::io::{self, IoSlice};
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::io::{Errno, ReadWriteFlags, pwritev2};

    /// `RWF_NOSIGNAL`, of Linux 6.18. Source: `linux/fs.h`.
    const NO_SIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

    /// Where the file is. Source: pwritev2(2).
    const HERE: u64 = u64::MAX;

    /// Whether a kernel or a device did not know the flag: it is not asked again.
    static IS_UNKNOWN: AtomicBool = AtomicBool::new(false);

    /// # Returns
    ///
    /// `None` if it cannot be done so, and was not.
    pub(super) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Option<io::Result<usize>> {
        if IS_UNKNOWN.load(Ordering::Relaxed) {
            return None;
        }
        loop {
            match pwritev2(fd, &[IoSlice::new(bytes)], HERE, NO_SIGNAL) {
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
                    IS_UNKNOWN.store(true, Ordering::Relaxed);
                    return None;
                }
                result => return Some(result.map_err(io::Error::from)),
            }
        }
    }
}

/// Takes back the signal that the failed write has just made pending for this thread.
#[cfg(target_os = "linux")]
fn swallow(pipe: &SigSet) {
    use nix::sys::signalfd::{SfdFlags, SignalFd};
    // Read without blocking: a descriptor that fails with EPIPE without the signal, such as a socket
    // that was opened so, leaves nothing to wait for.
    if let Ok(fd) = SignalFd::with_flags(pipe, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC) {
        let _ = fd.read_signal();
    }
}

/// Takes back the signal that the failed write has just made pending for this thread.
#[cfg(not(target_os = "linux"))]
fn swallow(pipe: &SigSet) {
    let _ = pipe.wait();
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::sys::process::{own_pid, send};
    use crate::sys::signal::Signal;

    type Way = fn(BorrowedFd<'_>, &[u8]) -> io::Result<usize>;

    #[test]
    fn a_write_without_a_reader_fails_and_raises_nothing() {
        let raised = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(Signal::PIPE.number(), Arc::clone(&raised)).expect("it can be caught");
        let ways: [Way; 2] = [|fd, bytes| write(fd, bytes), write_and_swallow];
        for way in ways {
            let (mut read, write) = pipe().expect("there are descriptors");
            assert_eq!(way(write.as_fd(), b"ab").expect("there is a reader"), 2);
            read.read_exact(&mut [0; 2]).expect("they are there");
            drop(read);
            let error = way(write.as_fd(), b"ab").expect_err("there is no reader");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
        assert!(!raised.load(Ordering::SeqCst));
        send(own_pid(), Some(Signal::PIPE)).expect("it is this process");
        while !raised.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}
