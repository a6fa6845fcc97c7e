//! How a process ends: the status that its parent sees, and the one place that makes it so.

use std::io::Write;

use super::process::own_pid;
use super::signal::Signal;

/// What the parent of the process sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The process exits with this code.
    Code(u8),
    /// The process dies by this signal.
    Signal(Signal),
}

impl Status {
    /// The script never started: bad command line, unreadable file, syntax error.
    pub const NOT_STARTED: Self = Self::Code(2);

    /// The code that a shell shows for it: n, or 128 + n for a death by signal n.
    #[must_use]
    pub fn shell_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal_code(signal),
        }
    }
}

/// 128 + n for signal n. Source: POSIX, "Shell Command Language", 2.8.2.
#[must_use]
pub fn signal_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal.number()).unwrap_or(u8::MAX)
}

/// Whether this process is PID 1 of a namespace, which signals with the default disposition do not reach.
pub(super) fn is_init() -> bool {
    own_pid() == 1
}

/// Ends the process with that status; nothing is dropped, nothing but standard output is flushed.
///
/// A signal that does not end the process, as for PID 1 of a namespace, ends as 128 + n.
#[allow(clippy::exit)]
pub fn terminate(status: Status) -> ! {
    // What clap printed goes through std's buffer.
    let _ = std::io::stdout().flush();
    // No signal of its own ends PID 1 of a namespace.
    if let (Status::Signal(signal), false) = (status, is_init()) {
        // A core of an orderly end helps nobody, but that is the user's limit to set.
        let _ = signal_hook::low_level::emulate_default_handler(signal.number());
    }
    std::process::exit(i32::from(status.shell_code()))
}
