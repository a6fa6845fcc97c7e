//! By clone(2) with `CLONE_VM` and `CLONE_VFORK`, as vfork(2): the new process runs on the memory of this one, and the
//! thread that made it waits until it has left that memory, by execve(2) or by its end.
//!
//! What keeps this sound: until then the new process makes system calls and nothing else, on a stack of its own. It
//! allocates nothing, takes no lock, and cannot panic. No handler of a signal runs in it: all signals are blocked
//! until those that have a handler have their default. Other threads of this process go on meanwhile, and see
//! nothing of it but the one number that it leaves when it fails. Source: vfork(2), signal-safety(7).

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::{Pid, Spawn};

/// The stack of the new process. A few frames of fixed size are all that it holds; what a lazy binding of a function
/// may take is ten times less than this.
const STACK: usize = 32 * 1024;

/// The size of the kernel's set of signals. Source: rt_sigprocmask(2), "C library/kernel differences".
const SET: usize = size_of::<u64>();

/// What the kernel takes for "the default", whatever the order of its parts: handler, flags, restorer, mask.
static DEFAULT: [u64; 4] = [0; 4];

/// The first descriptor that is no standard stream.
const FIRST_OTHER: c_int = 3;

unsafe extern "C" {
    /// The environment of this process. Source: environ(7).
    static mut environ: *const *const c_char;
}

/// What the new process is to do. The pointers are good while the thread waits that has made it.
struct Job {
    program: *const c_char,
    words: *const *const c_char,
    environment: *const *const c_char,
    /// Null if it stays.
    directory: *const c_char,
    has_own_group: bool,
    /// For each of the three the descriptor that it becomes a copy of.
    streams: [Option<c_int>; 3],
    /// The signals that get their default.
    defaults: u64,
    /// Why the program does not run: 0, or what errno(3) was.
    failure: AtomicI32,
}

/// Aligned as a stack has to be. Source: the psABI of the processor.
#[repr(align(16))]
struct Stack([MaybeUninit<u8>; STACK]);

pub(crate) fn start(spawn: &Spawn<'_>) -> io::Result<Pid> {
    let copies = spawn.streams.map(|stream| stream.map(above_the_standard_ones).transpose());
    let [stdin, stdout, stderr] = copies;
    let copies = [stdin?, stdout?, stderr?];
    let number = |n: usize| {
        let own = spawn.streams[n].map(|stream| stream.as_raw_fd());
        copies[n].as_ref().and_then(|copy| copy.as_ref()).map(AsRawFd::as_raw_fd).or(own)
    };
    let words = pointers(spawn.words);
    let environment = spawn.environment.map(pointers);
    let job = Job {
        program: spawn.program.as_ptr(),
        words: words.as_ptr(),
        // SAFETY: whoever changes the environment promises that nobody reads it meanwhile (`std::env::set_var`).
        environment: environment.as_ref().map_or(unsafe { environ }, |environment| environment.as_ptr()),
        directory: spawn.directory.map_or(ptr::null(), |directory| directory.as_ptr()),
        has_own_group: spawn.has_own_group,
        streams: [number(0), number(1), number(2)],
        defaults: spawn.handled | 1 << (libc::SIGPIPE - 1),
        failure: AtomicI32::new(0),
    };
    let mut stack = Stack([MaybeUninit::uninit(); STACK]);
    let before = swap_mask(u64::MAX);
    let result = clone(&job, &mut stack);
    swap_mask(before);
    result
}

/// A descriptor that putting the standard streams in their places does not overwrite.
fn above_the_standard_ones(stream: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    if stream.as_raw_fd() >= FIRST_OTHER {
        return Ok(None);
    }
    // SAFETY: it makes a new descriptor and changes no other.
    match unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST_OTHER) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: nobody else has the new one.
        copy => Ok(Some(unsafe { OwnedFd::from_raw_fd(copy) })),
    }
}

/// As execve(2) takes them: with a null at the end.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Makes the new process, and waits until it is the program or has failed. All signals are blocked.
fn clone(job: &Job, stack: &mut Stack) -> io::Result<Pid> {
    let top = stack.0.as_mut_ptr_range().end.cast::<c_void>();
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: `run` is given the job that it expects. Job and stack outlive the process's use of them, because this
    // thread waits for that, and the process writes to nothing else but its errno.
    let pid = unsafe { libc::clone(run, top, flags, ptr::from_ref(job).cast_mut().cast()) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    match job.failure.load(Ordering::Acquire) {
        0 => Ok(pid),
        failure => {
            // SAFETY: it reaps the child that was just made, and has no status to write.
            unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
            Err(io::Error::from_raw_os_error(failure))
        }
    }
}

/// Sets the signal mask of the calling thread; unlike sigprocmask(3) also for the signals that the C library keeps to
/// itself.
///
/// # Returns
///
/// What it was.
fn swap_mask(mask: u64) -> u64 {
    let (how, mut before) = (c_long::from(libc::SIG_SETMASK), 0u64);
    // SAFETY: both sets have the size that is told. It fails for a bad argument only.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const mask, &raw mut before, SET) };
    before
}

/// What the new process does first, and at all if it fails.
extern "C" fn run(job: *mut c_void) -> c_int {
    // SAFETY: `clone` passes a job, and waits.
    let job = unsafe { &*job.cast::<Job>() };
    job.failure.store(become_program(job), Ordering::Release);
    127
}

/// # Returns
///
/// If at all, what errno(3) is.
fn become_program(job: &Job) -> c_int {
    let mut left = job.defaults;
    while left != 0 {
        let signal = c_long::from(left.trailing_zeros() + 1);
        left &= left - 1;
        let none = ptr::null_mut::<c_void>();
        // SAFETY: it reads `DEFAULT`, which is as long as what the kernel reads. It fails for KILL and STOP only.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &raw const DEFAULT, none, SET) };
    }
    // SAFETY: it takes and changes no memory.
    if job.has_own_group && unsafe { libc::setpgid(0, 0) } < 0 {
        return errno();
    }
    let [stdin, stdout, stderr] = job.streams;
    for (stream, number) in [(stdin, 0), (stdout, 1), (stderr, 2)] {
        let Some(stream) = stream else { continue };
        // SAFETY: the descriptors of this process are its own.
        if unsafe { libc::dup2(stream, number) } < 0 {
            return errno();
        }
    }
    // SAFETY: it is a string that `start` borrows.
    if !job.directory.is_null() && unsafe { libc::chdir(job.directory) } < 0 {
        return errno();
    }
    swap_mask(0);
    // SAFETY: they are a string and arrays of strings with a null at the end, which `start` borrows or holds.
    unsafe { libc::execve(job.program, job.words, job.environment) };
    errno()
}

fn errno() -> c_int {
    // SAFETY: the thread that waits has lent it with its memory.
    unsafe { *libc::__errno_location() }
}
