//! Waiting for processes that are no children, and stopping them.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::State;
use super::ending::KILLED;
use crate::sys::descriptor::Interest;
use crate::sys::signal::Signal;
use crate::sys::stranger::Stranger;

/// Where nothing tells of the end of a process that is no child, it is looked at so often.
const LOOK_AT_STRANGER: Duration = Duration::from_millis(50);

impl<H> State<H> {
    /// Waits until the process that is no child has ended, or until then.
    ///
    /// # Returns
    ///
    /// Whether it has.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn wait_for_stranger(&self, stranger: &Stranger, until: Option<Instant>) -> io::Result<bool> {
        while stranger.is_running() {
            if self.stopped() || until.is_some_and(|until| Instant::now() >= until) {
                return Ok(false);
            }
            self.block_for(&[stranger], until)?;
        }
        Ok(true)
    }

    /// Waits until one of the processes that are no children has ended, or until then, or anything else happens.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn block_for(&self, strangers: &[&Stranger], until: Option<Instant>) -> io::Result<()> {
        let fds: Vec<(BorrowedFd<'_>, Interest)> =
            strangers.iter().filter_map(|stranger| Some((stranger.descriptor()?, Interest::Readable))).collect();
        let look = (fds.len() < strangers.len()).then(|| Instant::now() + LOOK_AT_STRANGER);
        self.block(&fds, [until, look].into_iter().flatten().min())?;
        Ok(())
    }

    /// Waits until processes that are no children, and were asked to end, have ended, or the grace period is over: then
    /// KILL. What runs may be stopped meanwhile: then they are left to themselves.
    ///
    /// # Errors
    ///
    /// As poll(2) and kill(2).
    pub fn see_off(&self, strangers: &[&Stranger], grace: Option<Instant>) -> io::Result<()> {
        let (mut until, mut is_killed) = (grace, false);
        loop {
            let running: Vec<&Stranger> = strangers.iter().copied().filter(|stranger| stranger.is_running()).collect();
            if running.is_empty() || self.stopped() {
                return Ok(());
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                if is_killed {
                    running.iter().for_each(|stranger| self.tell_of_survivor(stranger.pid()));
                    return Ok(());
                }
                running.iter().try_for_each(|stranger| stranger.signal(Signal::KILL).map(drop))?;
                (until, is_killed) = (Some(Instant::now() + KILLED), true);
            }
            self.block_for(&running, until)?;
        }
    }
}
