//! What the process finds when it starts, and the stack that it runs on.

use std::io;

use stagesh_entry::Disposition;

use super::signal::{Signal, SignalSet};

/// Does what Rust's runtime does before `main`. The thread is the interpreter's.
pub fn prepare() {
    super::memory::favour_this_thread();
    stagesh_entry::prepare();
}

/// Runs a function on a stack of that many bytes, of which only what is used becomes memory.
///
/// # Errors
///
/// As mmap(2) and mprotect(2).
pub fn on_stack<R>(size: usize, run: impl FnOnce() -> R) -> io::Result<R> {
    stagesh_entry::on_stack(size, run)
}

/// The signals that the process ignores now; PIPE is never among them, because [`prepare`] has it ignored.
#[must_use]
pub(super) fn ignored_signals() -> SignalSet {
    let mut set = SignalSet::default();
    for signal in Signal::all_trappable() {
        if signal != Signal::PIPE && stagesh_entry::disposition(signal.number()) == Some(Disposition::Ignored) {
            set.insert(signal);
        }
    }
    set
}

/// Whether a signal has a handler now.
pub(super) fn is_caught(number: i32) -> bool {
    stagesh_entry::disposition(number) == Some(Disposition::Caught)
}
