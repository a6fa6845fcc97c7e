//! Writing without being killed by PIPE.
//!
//! A write to a pipe without a reader raises PIPE in the writing thread and fails with EPIPE. Only the
//! error is wanted: PIPE may be trapped, and a command that closes its stdin is no reason to stop a script.

use std::io;
use std::os::fd::AsFd;

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
    let mut pipe = SigSet::empty();
    pipe.add(Unix::SIGPIPE);
    let before = pipe.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let result = loop {
        match nix::unistd::write(fd.as_fd(), bytes) {
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
