//! Locks on files that the run holds, and waiting for one.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::State;
use crate::sys::identity::Identity;
use crate::sys::lock::{LockFile, Locked};

/// Why there is no lock.
#[derive(Debug)]
pub enum Unlocked {
    /// Somebody else had it all the time.
    Busy,
    /// This run has it.
    Own,
    /// The run, or the handler, is stopped.
    Stopped,
    /// The system refused it.
    Failed(io::Error),
}

impl From<io::Error> for Unlocked {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl<H> State<H> {
    /// Takes the lock of a file, which is made if there is none.
    ///
    /// # Arguments
    ///
    /// Until when it waits; `None` is for ever.
    ///
    /// # Errors
    ///
    /// [`Unlocked`].
    pub fn lock(&self, path: &Path, until: Option<Instant>) -> Result<Rc<Locked>, Unlocked> {
        loop {
            let file = LockFile::open(path)?;
            let identity = file.identity()?;
            if self.holds(identity) {
                return Err(Unlocked::Own);
            }
            let mut locked = match file.try_lock()? {
                Some(locked) => locked,
                None => self.wait_for_lock(&file, until)?,
            };
            // Whoever had it may have removed the file, and another may lock a new one of that name.
            if locked.is_there() {
                locked.tell_holder();
                let locked = Rc::new(locked);
                self.locks.borrow_mut().push((identity, Rc::downgrade(&locked)));
                return Ok(locked);
            }
        }
    }

    fn holds(&self, identity: Identity) -> bool {
        let mut locks = self.locks.borrow_mut();
        locks.retain(|(_, lock)| lock.strong_count() > 0);
        locks.iter().any(|(known, _)| *known == identity)
    }

    /// Waits in a thread, for flock(2) knows no limit.
    fn wait_for_lock(&self, file: &LockFile, until: Option<Instant>) -> Result<Locked, Unlocked> {
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(Unlocked::Busy);
        }
        let (own, is_given_up) = (file.try_clone()?, Arc::new(AtomicBool::new(false)));
        let tells = Arc::clone(&is_given_up);
        let job = self.begin_job("lock", move || own.lock(&tells))?;
        if let Some(locked) = self.wait_for_job(&job, until)? {
            return Ok(locked?);
        }
        is_given_up.store(true, Ordering::Relaxed);
        // If it is left behind all the same, it gives back what it gets: nobody takes it.
        let _ = self.give_up_job(&job);
        Err(if self.stopped() { Unlocked::Stopped } else { Unlocked::Busy })
    }
}
