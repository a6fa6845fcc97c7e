//! What blocks and cannot be waited for otherwise: a thread does it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::State;
use crate::sys::interrupts::with_all_blocked;

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
        let (done, waker) = (Arc::new(Mutex::new(None)), self.interrupts().waker());
        let result = Arc::clone(&done);
        let thread = std::thread::Builder::new().name(name.into());
        with_all_blocked(|| {
            thread.spawn(move || {
                let value = run();
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                waker.wake();
            })
        })?;
        while !self.stopped() {
            let value = done.lock().unwrap_or_else(PoisonError::into_inner).take();
            if value.is_some() || until.is_some_and(|until| Instant::now() >= until) {
                return Ok(value);
            }
            self.block(&[], until)?;
        }
        Ok(None)
    }
}
