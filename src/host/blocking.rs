//! What blocks and cannot be waited for otherwise: a thread does it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::State;
use crate::sys::interrupts::{Interruption, with_all_blocked};

/// A thread that is to end is interrupted this often: it may have been about to block.
const AGAIN: Duration = Duration::from_millis(1);

/// One that has not ended by then cannot be interrupted: the file system decides.
const PATIENCE: Duration = Duration::from_millis(500);

/// A thread that does something.
pub(super) struct Job<T> {
    thread: JoinHandle<()>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T> Job<T> {
    fn result(&self) -> Option<T> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<H> State<H> {
    /// Has a thread do something that may block. One that is still at it when what runs is stopped, or it is too late,
    /// is left behind.
    ///
    /// # Returns
    ///
    /// The result; `None` if the thread is left behind.
    ///
    /// # Errors
    ///
    /// No thread was to be had.
    pub(super) fn in_thread<T: Send + 'static>(
        &self,
        name: &str,
        until: Option<Instant>,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        self.wait_for_job(&self.begin_job(name, run)?, until)
    }

    /// Has a thread do something that may block.
    ///
    /// # Errors
    ///
    /// No thread was to be had.
    pub(super) fn begin_job<T: Send + 'static>(
        &self,
        name: &str,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Job<T>> {
        let (done, waker) = (Arc::new(Mutex::new(None)), self.interrupts().waker());
        let result = Arc::clone(&done);
        let thread = std::thread::Builder::new().name(name.into());
        let run = move || {
            let value = run();
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            waker.wake();
        };
        Ok(Job { thread: with_all_blocked(|| thread.spawn(run))?, result })
    }

    /// Waits for a thread.
    ///
    /// # Returns
    ///
    /// The result; `None` if what runs is stopped, or it is too late.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub(super) fn wait_for_job<T>(&self, job: &Job<T>, until: Option<Instant>) -> io::Result<Option<T>> {
        while !self.stopped() {
            let value = job.result();
            if value.is_some() || until.is_some_and(|until| Instant::now() >= until) {
                return Ok(value);
            }
            self.block(&[], until)?;
        }
        Ok(None)
    }

    /// Interrupts a thread until it gives up what it does, if it can be interrupted.
    ///
    /// # Errors
    ///
    /// As sigaction(2) and poll(2).
    pub(super) fn give_up_job<T>(&self, job: &Job<T>) -> io::Result<()> {
        let (interruption, until) = (Interruption::begin()?, Instant::now() + PATIENCE);
        while job.result().is_none() && Instant::now() < until {
            interruption.interrupt(&job.thread);
            self.block(&[], Some(Instant::now() + AGAIN))?;
        }
        Ok(())
    }
}
