//! By the standard library, which leaves a handler to the system to put back.

use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr;

use crate::{Pid, Spawn};

pub(crate) fn start(spawn: &Spawn<'_>) -> io::Result<Pid> {
    let mut command = Command::new(text(spawn.program));
    if let Some((name, args)) = spawn.words.split_first() {
        command.arg0(text(name)).args(args.iter().map(|word| text(word)));
    }
    if let Some(environment) = spawn.environment {
        let pair = |entry: &CStr| {
            let bytes = entry.to_bytes();
            let (name, value) = bytes.split_at(bytes.iter().position(|byte| *byte == b'=')?);
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(&value[1..]).to_owned()))
        };
        command.env_clear().envs(environment.iter().filter_map(|entry| pair(entry)));
    }
    if let Some(directory) = spawn.directory {
        command.current_dir(text(directory));
    }
    if spawn.has_own_group {
        command.process_group(0);
    }
    let stdio = |n: usize| spawn.streams[n].map(|stream| stream.try_clone_to_owned().map(Stdio::from)).transpose();
    if let Some(stdin) = stdio(0)? {
        command.stdin(stdin);
    }
    if let Some(stdout) = stdio(1)? {
        command.stdout(stdout);
    }
    if let Some(stderr) = stdio(2)? {
        command.stderr(stderr);
    }
    let child = with_none_blocked(|| command.spawn())?;
    Ok(Pid::try_from(child.id()).expect("a pid is a pid_t"))
}

fn text(string: &CStr) -> &OsStr {
    OsStr::from_bytes(string.to_bytes())
}

/// Does something with no signal blocked: a program that is started then has an empty mask.
fn with_none_blocked<T>(run: impl FnOnce() -> T) -> T {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it writes the set.
    unsafe { libc::sigemptyset(none.as_mut_ptr()) };
    // SAFETY: `none` is initialised, and `before` is as long as what is written. It fails for a bad argument only.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), before.as_mut_ptr()) };
    let result = run();
    // SAFETY: it was initialised above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
