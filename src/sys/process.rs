//! A child process: start it, signal it, learn how it ended.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use nix::sys::signal::{kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, waitpid};

use super::signal::{Signal, SignalSet};
use super::tree;

/// A name that no program has: that of a file has no slash. Source: execve(2), `PR_SET_NAME(2const)`.
const UNLIKE_ANY: &CStr = c"stagesh/script";

/// How a process ended: its wait status. Source: wait(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it; real-time signals have numbers only.
    Killed(i32),
}

impl Ended {
    /// Whether it exited with 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The code as a shell gives it: n, or 128 + n for a death by signal n.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => 128 + signal,
        }
    }

    /// The signal that killed it: its name, or its number where it has none.
    #[must_use]
    pub fn signal_name(self) -> Option<String> {
        match self {
            Self::Exited(_) => None,
            Self::Killed(number) => {
                Some(Signal::from_number(i64::from(number)).map_or(number.to_string(), |s| s.to_string()))
            }
        }
    }
}

/// The process group that a child gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// The host's own: the terminal's keys reach it, and it may read the terminal.
    Shared,
    /// One of its own: the terminal's signals do not reach it.
    Own,
}

/// Where a stream of a child comes from or goes to.
#[derive(Debug)]
pub enum Stream {
    /// The host's own.
    Inherit,
    /// Nothing.
    Null,
    /// What this descriptor names.
    Descriptor(OwnedFd),
}

impl Stream {
    /// What a child is to have in the place of the host's own; `null` opens the null device for it.
    fn descriptor(self, null: impl Fn(&Path) -> io::Result<File>) -> io::Result<Option<OwnedFd>> {
        match self {
            Self::Inherit => Ok(None),
            Self::Null => Ok(Some(null(Path::new("/dev/null"))?.into())),
            Self::Descriptor(fd) => Ok(Some(fd)),
        }
    }
}

/// What to start.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// The name it is called by and its arguments.
    pub words: &'a [OsString],
    /// Its whole environment, where that is not the host's.
    pub env: Option<&'a [(OsString, OsString)]>,
    /// Its working directory, if it is not the host's.
    pub directory: Option<&'a Path>,
    /// Its process group.
    pub group: Group,
    /// Whether a signal to the host's group must not end it before it is in its own.
    pub is_shielded: bool,
    /// Its standard input.
    pub stdin: Stream,
    /// Its standard output.
    pub stdout: Stream,
    /// Its standard error.
    pub stderr: Stream,
    /// The signals that the host handles: they get their default.
    pub handled: SignalSet,
}

/// Does something while this thread is called as no program is: a process that it makes has the name until it is one.
fn called_unlike_any<T>(run: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::prctl::{get_name, set_name};
        let before = get_name();
        // Fails for a bad argument only.
        let _ = set_name(UNLIKE_ANY);
        let result = run();
        let _ = before.map(|before| set_name(&before));
        result
    }
    #[cfg(not(target_os = "linux"))]
    run()
}

/// A command that is killed by a signal to the host's group before it is in its own is started again, so often.
const STARTS: u32 = 1000;

/// A child that was started and is not yet reaped, or is.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    group: Group,
    ended: Option<Ended>,
}

impl Child {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// As clone(2), setpgid(2), dup2(2), chdir(2), execve(2), and open(2) of the null device.
    pub fn spawn(spawn: Spawn<'_>) -> io::Result<Self> {
        let program = string(spawn.program.as_os_str())?;
        let words = spawn.words.iter().map(|word| string(word)).collect::<io::Result<Vec<_>>>()?;
        let pair = |(name, value): &(OsString, OsString)| string(&[name.as_os_str(), value].join(OsStr::new("=")));
        let environment = spawn.env.map(|env| env.iter().map(pair).collect::<io::Result<Vec<_>>>()).transpose()?;
        let directory = spawn.directory.map(|directory| string(directory.as_os_str())).transpose()?;
        let to_write = |path: &Path| File::options().write(true).open(path);
        let stdin = spawn.stdin.descriptor(|path| File::open(path))?;
        let stdout = spawn.stdout.descriptor(to_write)?;
        let stderr = spawn.stderr.descriptor(to_write)?;
        let program = stagesh_spawn::Spawn {
            program: &program,
            words: &words,
            environment: environment.as_deref(),
            directory: directory.as_deref(),
            has_own_group: spawn.group == Group::Own,
            streams: [&stdin, &stdout, &stderr].map(|stream| stream.as_ref().map(AsFd::as_fd)),
            handled: spawn.handled.bits(),
        };
        let mut starts = 0;
        loop {
            let pid = if spawn.is_shielded { called_unlike_any(|| program.start()) } else { program.start() }?;
            let mut child = Self { pid, group: spawn.group, ended: None };
            starts += 1;
            if !spawn.is_shielded || starts == STARTS || child.has_run() {
                return Ok(child);
            }
            child.try_wait();
        }
    }

    /// Its process number. After it was reaped another process may have it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The group it was started in.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// Whether the program itself runs, or has run: the process may be killed before.
    fn has_run(&self) -> bool {
        let has_its_name = || tree::name(self.pid()).is_none_or(|name| Some(name.as_str()) != UNLIKE_ANY.to_str().ok());
        // This process goes on when the child has left its memory: just before it is called as its program, or is dead.
        while !has_its_name() {
            if self.has_ended() {
                return has_its_name();
            }
            std::thread::yield_now();
        }
        true
    }

    /// Whether it has ended. It is not reaped: until it is, no other process or group has its number.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        // A death by a signal that nix has no name for is an error to it.
        self.ended.is_some() || waitid(Id::Pid(Pid::from_raw(self.pid())), flags) != Ok(WaitStatus::StillAlive)
    }

    /// Whether it was reaped: its number may be another's.
    #[must_use]
    pub fn is_reaped(&self) -> bool {
        self.ended.is_some()
    }

    /// Kills its group in one stroke, which no process that forks escapes. Nothing, if it has no group of its own,
    /// or has been reaped where there is another way.
    pub fn kill_group(&self) {
        if self.group == Group::Own && (self.ended.is_none() || !tree::is_known()) {
            signal_group(self.pid(), Signal::KILL);
        }
    }

    /// Reaps it if it has ended.
    pub fn try_wait(&mut self) -> Option<Ended> {
        if self.ended.is_none() {
            // nix has no name for a real-time signal, and loses the status of what dies by one.
            self.ended = match waitpid(rustix::process::Pid::from_raw(self.pid), WaitOptions::NOHANG) {
                Ok(None) => None,
                Ok(Some((_, status))) => Some(match status.terminating_signal() {
                    Some(signal) => Ended::Killed(signal),
                    None => Ended::Exited(status.exit_status().unwrap_or(1)),
                }),
                // Nobody else reaps our children; should the kernel not know it, it is gone.
                Err(_) => Some(Ended::Exited(1)),
            };
        }
        self.ended
    }

    /// Sends it a signal, unless it has been reaped. Where descendants cannot be found, its group gets it.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_some() {
            return;
        }
        if self.group == Group::Own && !tree::is_known() {
            signal_group(self.pid(), signal);
        } else {
            signal_process(self.pid(), signal);
        }
    }

    /// The signal that has stopped it since the last call, if one has.
    #[must_use]
    pub fn stopped_by(&self) -> Option<Signal> {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        match waitid(Id::Pid(Pid::from_raw(self.pid())), flags) {
            Ok(WaitStatus::Stopped(_, signal)) => Some(Signal::from_unix(signal)),
            _ => None,
        }
    }
}

/// As the system calls take it.
fn string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// The number of this process, which is asked for once: it makes no process that goes on with its program.
#[must_use]
pub fn own_pid() -> i32 {
    static PID: OnceLock<i32> = OnceLock::new();
    *PID.get_or_init(|| nix::unistd::getpid().as_raw())
}

/// Whether this process leads its session: when its terminal is hung up, the kernel tells it alone.
#[must_use]
pub fn leads_session() -> bool {
    nix::unistd::getsid(None).is_ok_and(|session| session == nix::unistd::getpid())
}

/// The group of this process.
#[must_use]
pub fn own_group() -> i32 {
    nix::unistd::getpgrp().as_raw()
}

/// Sends a signal to a process; one that is gone is no matter.
pub fn signal_process(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal.unix());
}

/// Sends a signal to a process group; one that is gone is no matter.
pub fn signal_group(group: i32, signal: Signal) {
    let _ = killpg(Pid::from_raw(group), signal.unix());
}

/// Whether a process has that number.
#[must_use]
pub fn exists(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

/// Whether a process group has a member.
#[must_use]
pub fn group_exists(group: i32) -> bool {
    killpg(Pid::from_raw(group), None).is_ok()
}

/// Sends a signal as kill(2) does, 0 only asking whether it could.
///
/// # Errors
///
/// As kill(2).
pub fn send(pid: i32, signal: Option<Signal>) -> io::Result<()> {
    Ok(kill(Pid::from_raw(pid), signal.map(Signal::unix))?)
}

/// Sends this thread a signal.
///
/// # Errors
///
/// As raise(3).
pub fn raise(signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::raise(signal.unix())?)
}

/// Makes this process the parent of what its descendants leave behind, so that it can find and reap it.
/// Source: `PR_SET_CHILD_SUBREAPER(2const)`; Linux alone has it.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Whether this process has a child, ended or not. What a dead child left behind counts, where it is adopted.
#[must_use]
pub fn has_children() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, flags) != Err(nix::errno::Errno::ECHILD)
}

/// Whether this process may have a child that is alive. Where it adopts orphans, no process descends from it if not.
///
/// One that has ended can stop no more, so that of others than the living it is said that there are none. Source: the
/// comments of `wait_consider_task` in the Linux kernel; elsewhere one that has ended may count.
#[must_use]
pub fn has_living_children() -> bool {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, flags) != Err(nix::errno::Errno::ECHILD)
}

/// Reaps ended children that `known` does not name: orphans that were adopted.
pub fn reap_orphans(known: &dyn Fn(i32) -> bool) {
    loop {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let pid = match waitid(Id::All, flags) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => pid.as_raw(),
            // A death by a real-time signal, which nix has no name for: find it by another way.
            Err(nix::errno::Errno::EINVAL) => {
                let Some(pid) = tree::zombie_children().into_iter().find(|pid| !known(*pid)) else { return };
                pid
            }
            _ => return,
        };
        if known(pid) {
            return;
        }
        let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    }
}
