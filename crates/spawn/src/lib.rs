//! Starts a program at the cost of a shell.
//!
//! posix_spawn(3) of glibc before 2.38 puts every signal that has a handler to its default, and asks about each of
//! them first: 121 system calls, a tenth of what a short command costs. Here the caller says which signals those
//! are. This crate is apart from stagesh because it needs `unsafe`, which is denied there.
//!
//! On Linux a program is started by clone(2) with the memory of this process, which waits until the program runs
//! (`vfork.rs`); elsewhere by the standard library (`portable.rs`).

#[cfg(any(test, not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))))]
mod portable;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod vfork;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::BorrowedFd;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
use portable as system;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use vfork as system;

/// The number of a process.
pub type Pid = libc::pid_t;

/// A program to start. It begins with an empty signal mask, and PIPE, which Rust ignores, has its default.
#[derive(Clone, Copy, Debug)]
pub struct Spawn<'a> {
    /// Its file, by a path with a slash; a relative one is relative to `directory`.
    pub program: &'a CStr,
    /// The name it is called by and its arguments.
    pub words: &'a [CString],
    /// Its whole environment, each `NAME=value`, where that is not this process's.
    pub environment: Option<&'a [CString]>,
    /// Its working directory, if it is not this process's.
    pub directory: Option<&'a CStr>,
    /// Whether it gets a process group of its own.
    pub has_own_group: bool,
    /// Its standard input, output and error, where they are not this process's.
    pub streams: [Option<BorrowedFd<'a>>; 3],
    /// The signals that have a handler in this process, bit n - 1 for signal n. The handler of one that is left out
    /// may run in the new process, before that is the program, and on the memory of this one.
    pub handled: u64,
}

impl Spawn<'_> {
    /// Starts it. It is a child of this process, to be reaped by waitpid(2).
    ///
    /// # Errors
    ///
    /// As clone(2), setpgid(2), dup2(2), chdir(2) and execve(2).
    pub fn start(&self) -> io::Result<Pid> {
        system::start(self)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
