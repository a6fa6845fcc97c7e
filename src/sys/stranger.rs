//! A process that need not be a child of this one: told from a later one of the same number, and waited for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::signal::Signal;
use super::tree::{self, Ticks};
use super::{descriptor, process};

/// A process by its number, as it was when it was looked up.
#[derive(Debug)]
pub struct Stranger {
    pid: i32,
    /// Names the process for good, and polls as readable once it has ended. Source: pidfd_open(2).
    descriptor: Option<OwnedFd>,
    /// When it started, if processes can be listed.
    start: Option<Ticks>,
}

impl Stranger {
    /// The process of that number, if there is one that has not ended.
    ///
    /// # Errors
    ///
    /// As pidfd_open(2), but for a process that does not exist, and where there is no such call.
    pub fn find(pid: i32) -> io::Result<Option<Self>> {
        Ok(match open(pid)? {
            Opened::Descriptor(descriptor) => Some(Self { descriptor: Some(descriptor), ..Self::by_number(pid) }),
            Opened::NoSuchCall => Some(Self::by_number(pid)),
            Opened::NoProcess => None,
        }
        .filter(Self::is_running))
    }

    fn by_number(pid: i32) -> Self {
        Self { pid, descriptor: None, start: tree::lookup(pid).map(|entry| entry.start) }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether both are one process.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }

    /// The name of its program, as the kernel cuts it; its number where processes cannot be listed.
    #[must_use]
    pub fn name(&self) -> String {
        tree::name(self.pid).unwrap_or_else(|| self.pid.to_string())
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        if let Some(descriptor) = self.descriptor() {
            return !descriptor::is_readable(descriptor);
        }
        let now = tree::lookup(self.pid);
        process::exists(self.pid) && now.is_none_or(|entry| !entry.zombie) && now.map(|entry| entry.start) == self.start
    }

    /// What polls as readable once it has ended, where there is such a thing.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Sends it a signal, unless it has ended.
    ///
    /// # Returns
    ///
    /// Whether it was sent.
    ///
    /// # Errors
    ///
    /// As kill(2), but for a process that does not exist.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        // One that waits to be reaped takes a signal, too.
        if !self.is_running() {
            return Ok(false);
        }
        let sent = match &self.descriptor {
            Some(descriptor) => send(descriptor, signal),
            None => process::send(self.pid, Some(signal)),
        };
        match sent {
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32) => Ok(false),
            sent => sent.map(|()| true),
        }
    }
}

enum Opened {
    Descriptor(OwnedFd),
    NoProcess,
    NoSuchCall,
}

#[cfg(target_os = "linux")]
fn open(pid: i32) -> io::Result<Opened> {
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let Some(raw) = Pid::from_raw(pid) else { return Ok(Opened::NoProcess) };
    match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(Opened::Descriptor(descriptor)),
        // The number of a thread, says an older kernel with EINVAL, a newer one with ENOENT.
        Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => Ok(Opened::NoProcess),
        // Linux before 5.3, and a sandbox that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => Ok(Opened::NoSuchCall),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open(pid: i32) -> io::Result<Opened> {
    Ok(if pid > 0 { Opened::NoSuchCall } else { Opened::NoProcess })
}

/// As pidfd_send_signal(2).
#[cfg(target_os = "linux")]
fn send(descriptor: &OwnedFd, signal: Signal) -> io::Result<()> {
    let number = rustix::process::Signal::from_named_raw(signal.number());
    let number = number.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(rustix::process::pidfd_send_signal(descriptor, number)?)
}

/// Elsewhere nothing but its number names a process.
#[cfg(not(target_os = "linux"))]
fn send(_: &OwnedFd, _: Signal) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn without_a_descriptor_a_process_is_told_from_a_later_one_by_its_start() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("sleep starts");
        let pid = i32::try_from(child.id()).expect("a pid is a pid_t");
        let sleep = Stranger::by_number(pid);
        assert!(sleep.is_running());
        let earlier = Stranger { start: tree::lookup(1).map(|init| init.start), ..Stranger::by_number(pid) };
        assert!(!earlier.is_running() && !earlier.signal(Signal::KILL).expect("it is not there"));
        assert!(sleep.signal(Signal::KILL).expect("it is ours"));
        child.wait().expect("it is ours");
        assert!(!sleep.is_running() && !sleep.signal(Signal::KILL).expect("it is gone"));
    }
}
