//! Locks on files that the run holds, and waiting for one.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::State;
use crate::sys::interrupts::with_all_blocked;
use crate::sys::lock::{Identity, LockFile, Locked};

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

/// What a thread that waits for a lock has come to.
#[derive(Default)]
struct Wait {
    result: Mutex<Option<io::Result<()>>>,
    /// Nobody wants the lock any more: it is given back as soon as it is had.
    is_abandoned: AtomicBool,
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
            if !file.try_lock()? {
                self.wait_for_lock(&file, until)?;
            }
            // Whoever had it may have removed the file, and another may lock a new one of that name.
            if file.is_there() {
                let locked = Rc::new(file.hold());
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

    /// Waits in a thread, which is left behind when it is too late or the run is stopped. Source: flock(2) has no limit.
    fn wait_for_lock(&self, file: &LockFile, until: Option<Instant>) -> Result<(), Unlocked> {
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(Unlocked::Busy);
        }
        let wait = Arc::new(Wait::default());
        let (waiting, own, waker) = (Arc::clone(&wait), file.try_clone()?, self.interrupts().waker()?);
        let thread = std::thread::Builder::new().name("lock".into());
        with_all_blocked(|| {
            thread.spawn(move || {
                let result = own.lock();
                let mut slot = waiting.result.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.is_abandoned.load(Ordering::SeqCst) {
                    own.unlock();
                } else {
                    *slot = Some(result);
                    waker.wake();
                }
            })
        })?;
        let take = || wait.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        let why = loop {
            if let Some(result) = take() {
                return Ok(result?);
            }
            if self.stopped() {
                break Unlocked::Stopped;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break Unlocked::Busy;
            }
            self.block(&[], until)?;
        };
        let mut slot = wait.result.lock().unwrap_or_else(PoisonError::into_inner);
        wait.is_abandoned.store(true, Ordering::SeqCst);
        if let Some(Ok(())) = slot.take() {
            file.unlock();
        }
        Err(why)
    }
}
