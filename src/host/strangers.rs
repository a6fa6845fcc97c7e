//! Waiting for processes that are no children, and stopping them.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::State;
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

    /// Stops a process that is no child: TERM and CONT, the grace period, KILL.
    ///
    /// # Errors
    ///
    /// As poll(2) and kill(2).
    pub fn stop_stranger(&self, stranger: &Stranger) -> io::Result<()> {
        if !stranger.is_running() {
            return Ok(());
        }
        stranger.signal(Signal::TERM)?;
        stranger.signal(Signal::CONT)?;
        let grace = Instant::now().checked_add(self.settings.grace);
        while stranger.is_running() && self.top_stop().is_none() && grace.is_none_or(|grace| Instant::now() < grace) {
            self.block_for(&[stranger], grace)?;
        }
        if stranger.is_running() && self.top_stop().is_none() {
            stranger.signal(Signal::KILL)?;
            self.wait_for_stranger(stranger, None)?;
        }
        Ok(())
    }
}
