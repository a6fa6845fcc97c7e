//! The latch that ends a script, and the phases of a run.

use crate::sys::signal::Signal;

/// A request to end what runs: the script, or one handler. Latched once: the first wins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// `exit(code)` was called.
    Exit(u8),
    /// A trapped signal came.
    Signal(Signal),
    /// The user is impatient with this handler.
    Interrupted,
    /// The handler's time is up.
    TimedOut,
}

/// Where a run is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The script runs.
    Running,
    /// The handlers run.
    Unwinding,
    /// Nothing is left to do: signals are ignored, the status stands.
    Done,
}
