//! Ending a system call that blocks another thread.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::thread::JoinHandleExt;
use std::ptr::null_mut;
use std::thread::JoinHandle;

use libc::c_int;

/// A signal that nobody misses: without a handler it does nothing. Source: signal(7).
const SIGNAL: c_int = libc::SIGURG;

/// While it lives, system calls of other threads can be interrupted.
pub struct Interruption {
    before: libc::sigaction,
}

impl Interruption {
    /// Prepares for it.
    ///
    /// # Errors
    ///
    /// As sigaction(2).
    pub fn begin() -> io::Result<Self> {
        extern "C" fn nothing(_: c_int) {}
        let mut before = MaybeUninit::uninit();
        // SAFETY: an action of zeros is one. Without SA_RESTART the call ends with EINTR.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        // SAFETY: the handler does nothing, and there is room for what was before.
        if unsafe { libc::sigaction(SIGNAL, &raw const action, before.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was filled in.
        Ok(Self { before: unsafe { before.assume_init() } })
    }

    /// Interrupts what blocks a thread, if it is blocked. It may be about to be, so that this is to be repeated.
    pub fn interrupt<T>(&self, thread: &JoinHandle<T>) {
        // SAFETY: a thread whose handle there is has not been joined. Source: pthread_kill(3).
        unsafe { libc::pthread_kill(thread.as_pthread_t(), SIGNAL) };
    }
}

impl Drop for Interruption {
    fn drop(&mut self) {
        // SAFETY: it is what was there.
        unsafe { libc::sigaction(SIGNAL, &raw const self.before, null_mut()) };
    }
}

/// From now on the calling thread can be interrupted, whatever it has blocked.
pub fn can_be_interrupted() {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: the set is filled in before it is used.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), SIGNAL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), null_mut());
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::ptr::null;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_that_blocks_ends_and_the_signal_is_as_it_was() {
        let action = || {
            let mut now = MaybeUninit::<libc::sigaction>::uninit();
            // SAFETY: it only asks.
            unsafe {
                libc::sigaction(SIGNAL, null(), now.as_mut_ptr());
                now.assume_init().sa_sigaction
            }
        };
        let before = action();
        let (read, _write) = io::pipe().expect("there are descriptors");
        let thread = std::thread::spawn(move || {
            can_be_interrupted();
            let mut byte = 0_u8;
            // SAFETY: there is room for the byte.
            let count = unsafe { libc::read(read.as_raw_fd(), (&raw mut byte).cast(), 1) };
            (count, io::Error::last_os_error().kind())
        });
        let interruption = Interruption::begin().expect("it can be caught");
        while !thread.is_finished() {
            interruption.interrupt(&thread);
            std::thread::park_timeout(Duration::from_millis(1));
        }
        drop(interruption);
        assert_eq!(thread.join().expect("it does not panic"), (-1, io::ErrorKind::Interrupted));
        assert_eq!(action(), before);
    }
}
