//! A process that need not be a child of this one: told from a later one of the same number, and waited for.

use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::signal::Signal;
use super::tree;

/// A process by its number, as it was when it was looked up.
#[derive(Debug)]
pub struct Stranger {
    pid: i32,
    /// Names the process for good, and polls as readable once it has ended. Source: pidfd_open(2).
    #[cfg(target_os = "linux")]
    descriptor: OwnedFd,
}

#[cfg(target_os = "linux")]
impl Stranger {
    /// The process of that number, if there is one that has not ended.
    ///
    /// # Errors
    ///
    /// As pidfd_open(2), but for a process that does not exist.
    pub fn find(pid: i32) -> io::Result<Option<Self>> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let Some(raw) = Pid::from_raw(pid) else { return Ok(None) };
        match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(descriptor) => Ok(Some(Self { pid, descriptor }).filter(Self::is_running)),
            // EINVAL: the number of a thread.
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !super::descriptor::is_readable(self.descriptor.as_fd())
    }

    /// What polls as readable once it has ended.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// As pidfd_send_signal(2).
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let number = rustix::process::Signal::from_named_raw(signal.number());
        let number = number.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(rustix::process::pidfd_send_signal(&self.descriptor, number)?)
    }
}

/// Elsewhere nothing but its number names a process, and nothing tells of its end.
#[cfg(not(target_os = "linux"))]
impl Stranger {
    /// The process of that number, if there is one.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn find(pid: i32) -> io::Result<Option<Self>> {
        Ok(Some(Self { pid }).filter(|process| pid > 0 && process.is_running()))
    }

    /// Whether a process has its number.
    #[must_use]
    pub fn is_running(&self) -> bool {
        super::process::exists(self.pid)
    }

    /// Nothing polls.
    #[must_use]
    pub fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// As kill(2).
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        super::process::send(self.pid, Some(signal))
    }
}

impl Stranger {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The name of its program, as the kernel cuts it; its number where processes cannot be listed.
    #[must_use]
    pub fn name(&self) -> String {
        tree::name(self.pid).unwrap_or_else(|| self.pid.to_string())
    }
}
