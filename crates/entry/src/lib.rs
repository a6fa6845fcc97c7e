//! What a process finds when it starts, for a program that the C library calls without Rust's runtime: that reads the map
//! of the memory and installs handlers for overflows of the stack, at an eighth of what the start of a shell costs.
//!
//! This crate is apart from stagesh because it needs `unsafe`, which is denied there.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

/// Does what Rust's runtime does before `main`, as far as a program relies on it: each of the three standard descriptors is
/// open, so that no file takes its number, and PIPE is ignored, so that a reader that is gone is an error of the write.
pub fn prepare() {
    for descriptor in 0..3 {
        // SAFETY: they take and change no memory. The lowest number that is free is that of the descriptor.
        unsafe {
            if libc::fcntl(descriptor, libc::F_GETFD) < 0 {
                libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
            }
        }
    }
    // SAFETY: nothing that this process has relies on another action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// What a signal does to this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Its default.
    Default,
    /// Nothing.
    Ignored,
    /// It calls a function of this process.
    Caught,
}

/// What a signal does to this process now; `None` if there is no such signal. Source: sigaction(2).
#[must_use]
pub fn disposition(signal: c_int) -> Option<Disposition> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: it changes no action, and writes one.
    let result = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    if result < 0 {
        return None;
    }
    // SAFETY: it has written it.
    let action = unsafe { action.assume_init() };
    Some(match action.sa_sigaction {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignored,
        _ => Disposition::Caught,
    })
}

/// Runs a function on a stack of that many bytes, of which only what is used becomes memory. Below the stack is a page that
/// ends the process that touches it. The stack is not given back: it is for what a process does as long as it lives.
///
/// # Errors
///
/// As mmap(2) and mprotect(2).
pub fn on_stack<R>(size: usize, run: impl FnOnce() -> R) -> io::Result<R> {
    // SAFETY: it asks for a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16);
    let size = size.next_multiple_of(page) + page;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
    // SAFETY: new memory, wherever there is room.
    let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page is of the memory that nobody uses yet.
    if unsafe { libc::mprotect(base, page, libc::PROT_NONE) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // A panic must not unwind from one stack to the other.
    // SAFETY: the memory is as long as that, page-aligned, and stays; no panic leaves the function.
    let result = unsafe { psm::on_stack(base.cast(), size, || catch_unwind(AssertUnwindSafe(run))) };
    Ok(result.unwrap_or_else(|panic| resume_unwind(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disposition_of_a_signal_is_what_was_made_of_it() {
        let own = |signal| disposition(signal).expect("there is such a signal");
        assert_eq!(own(libc::SIGWINCH), Disposition::Default);
        // SAFETY: no test relies on them.
        unsafe { libc::signal(libc::SIGWINCH, libc::SIG_IGN) };
        assert_eq!(own(libc::SIGWINCH), Disposition::Ignored);
        prepare();
        assert_eq!(own(libc::SIGPIPE), Disposition::Ignored);
        // Rust's runtime, which tests have.
        assert_eq!(own(libc::SIGSEGV), Disposition::Caught);
        assert_eq!(disposition(0), None);
    }

    #[test]
    fn a_large_stack_is_there_to_be_used() {
        fn deep(levels: usize) -> usize {
            let kept = std::hint::black_box([levels as u8; 4096]);
            if levels == 0 { usize::from(kept[0]) } else { deep(levels - 1) + usize::from(kept[4095] != 0) }
        }
        assert!(on_stack(64 << 20, || deep(8000)).expect("there is room") > 7000);
    }

    #[test]
    fn what_is_run_has_its_result_and_its_panic() {
        assert_eq!(on_stack(1 << 20, || 7).expect("there is room"), 7);
        let fallen = catch_unwind(|| on_stack(1 << 20, || panic!("fallen")).expect("there is room"));
        assert_eq!(fallen.expect_err("it falls").downcast_ref(), Some(&"fallen"));
    }

    #[test]
    fn a_stack_that_is_too_large_is_an_error() {
        assert!(on_stack(1 << 62, || ()).is_err());
    }
}
