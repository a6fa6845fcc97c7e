//! The thread that carries the streams of a process in the background: it reads and feeds them, and passes on what the
//! process says, whatever the script does meanwhile.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::output::Passage;
use super::streams::Streams;
use crate::sys::descriptor::{self, Interest, Which};
use crate::sys::interrupts::with_all_blocked;
use crate::sys::quiet_write;

/// The streams of a process that a thread carries.
#[derive(Debug)]
pub(super) struct Carrier {
    shared: Arc<Mutex<Carried>>,
    /// A byte makes the thread look again, the end of the pipe makes it end.
    control: RefCell<Option<OwnedFd>>,
}

/// What the script and the thread share.
#[derive(Debug)]
pub(super) struct Carried {
    /// The streams.
    pub(super) streams: Streams,
    /// Whether all was read.
    pub(super) is_done: bool,
}

impl Carrier {
    /// Starts the thread.
    pub(super) fn start(streams: Streams, passage: Passage) -> io::Result<Self> {
        let (read, control) = descriptor::pipe()?;
        descriptor::set_nonblocking(&read)?;
        descriptor::set_nonblocking(&control)?;
        let shared = Arc::new(Mutex::new(Carried { streams, is_done: false }));
        let carried = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("output".into());
        with_all_blocked(|| thread.spawn(move || carry(&carried, &read, &passage)))?;
        Ok(Self { shared, control: RefCell::new(Some(control)) })
    }

    /// The streams, which the thread does not touch meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Carried> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the thread look at the streams again.
    pub(super) fn nudge(&self) {
        if let Some(control) = &*self.control.borrow() {
            // Full, the pipe has a byte already.
            let _ = quiet_write::write(control, b"n");
        }
    }

    /// Takes what has come, and ends the thread: what holds the streams open is not waited for.
    pub(super) fn finish(&self, pass: &mut dyn FnMut(Which, &[u8])) {
        let mut carried = self.lock();
        carried.streams.finish(pass);
        carried.is_done = true;
        drop(carried);
        self.control.take();
    }
}

/// The thread of a process: reads and feeds its streams, and passes on what it says.
fn carry(shared: &Mutex<Carried>, control: &OwnedFd, passage: &Passage) {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let outlet = &*passage.outlet;
    loop {
        let (slots, unwritten) = {
            let mut carried = lock();
            if !carried.streams.is_read() && !carried.is_done {
                carried.is_done = true;
                passage.wake();
            }
            let unwritten = outlet.unwritten();
            if !carried.streams.is_any() && unwritten.is_empty() {
                return;
            }
            (carried.streams.slots(|which| unwritten.contains(&(which, true))), unwritten)
        };
        let mut fds = vec![(control.as_fd(), Interest::Readable)];
        fds.extend(slots.iter().map(|(_, pipe, interest)| (pipe.as_fd(), *interest)));
        fds.extend(unwritten.iter().map(|(which, _)| (which.own(), Interest::Writable)));
        let Ok(ready) = descriptor::wait(&fds) else { return };
        // Emptied; at its end the script waits for nothing more of the process.
        if ready[0] && descriptor::read(control, &mut [0; 64]).is_ok_and(|count| count == 0) {
            return;
        }
        {
            // What is read later by another thread comes later.
            let mut carried = lock();
            for ((slot, ..), _) in slots.iter().zip(&ready[1..]).filter(|(_, ready)| **ready) {
                carried.streams.act(*slot, &mut |which, bytes| outlet.add(which, bytes));
            }
        }
        for (which, _) in unwritten {
            outlet.try_write(which);
        }
        passage.wake();
    }
}
