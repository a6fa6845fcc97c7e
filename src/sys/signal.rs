//! Signals: number, name, and whether a script may trap them. The one table of them.

use std::fmt;

use nix::sys::signal::Signal as Unix;

/// A signal of this system, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// What a script may do about a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// Its default ends the process, and a handler may take its place.
    Trappable,
    /// The kernel never lets anybody handle it.
    Uncatchable,
    /// It tells of a fault of the program itself: the handler would return to the faulting instruction.
    Fault,
    /// Its default does not end a process.
    Harmless,
    /// What the rest is for, nobody sends to a script.
    Foreign,
}

use Class::{Fault, Foreign, Harmless, Trappable, Uncatchable};

/// Every signal with a name, and its class. Source: signal(7).
const TABLE: &[(Unix, Class)] = &[
    (Unix::SIGHUP, Trappable),
    (Unix::SIGINT, Trappable),
    (Unix::SIGQUIT, Trappable),
    (Unix::SIGILL, Fault),
    (Unix::SIGTRAP, Fault),
    (Unix::SIGABRT, Fault),
    (Unix::SIGBUS, Fault),
    (Unix::SIGFPE, Fault),
    (Unix::SIGKILL, Uncatchable),
    (Unix::SIGUSR1, Trappable),
    (Unix::SIGSEGV, Fault),
    (Unix::SIGUSR2, Trappable),
    (Unix::SIGPIPE, Trappable),
    (Unix::SIGALRM, Trappable),
    (Unix::SIGTERM, Trappable),
    #[cfg(target_os = "linux")]
    (Unix::SIGSTKFLT, Foreign),
    (Unix::SIGCHLD, Harmless),
    (Unix::SIGCONT, Harmless),
    (Unix::SIGSTOP, Uncatchable),
    (Unix::SIGTSTP, Harmless),
    (Unix::SIGTTIN, Harmless),
    (Unix::SIGTTOU, Harmless),
    (Unix::SIGURG, Harmless),
    (Unix::SIGXCPU, Trappable),
    (Unix::SIGXFSZ, Trappable),
    (Unix::SIGVTALRM, Trappable),
    (Unix::SIGPROF, Trappable),
    (Unix::SIGWINCH, Harmless),
    (Unix::SIGIO, Foreign),
    #[cfg(target_os = "linux")]
    (Unix::SIGPWR, Foreign),
    (Unix::SIGSYS, Fault),
];

/// Why a signal cannot be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SignalError {
    /// No signal has this name.
    UnknownName(String, Asked),
    /// No signal with a name has this number.
    UnknownNumber(i64, Asked),
    /// The kernel lets nobody handle it.
    Uncatchable(Signal),
    /// It tells of a fault in the program itself.
    Fault(Signal),
    /// It does not end a process that leaves it alone.
    Harmless(Signal),
    /// It has another purpose.
    Foreign(Signal),
}

/// What a signal was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// To be sent.
    ToSend,
    /// To be trapped.
    ToTrap,
}

impl SignalError {
    /// The same of a signal that was to be trapped.
    #[must_use]
    pub fn of_trap(self) -> Self {
        match self {
            Self::UnknownName(name, _) => Self::UnknownName(name, Asked::ToTrap),
            Self::UnknownNumber(number, _) => Self::UnknownNumber(number, Asked::ToTrap),
            other => other,
        }
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(name, asked) => {
                let names: Vec<&str> = known(*asked).iter().map(|signal| signal.name()).collect();
                write!(f, "unknown signal `{name}` (one of {})", names.join(", "))
            }
            Self::UnknownNumber(number, asked) => {
                let numbers: Vec<String> = known(*asked).iter().map(|s| format!("{} {s}", s.number())).collect();
                write!(f, "unknown signal {number} (one of {})", numbers.join(", "))
            }
            Self::Uncatchable(signal) => write!(f, "{signal} cannot be trapped: the kernel lets no process handle it"),
            Self::Fault(signal) => write!(f, "{signal} cannot be trapped: it tells of a fault in the program itself"),
            Self::Harmless(signal) => write!(f, "{signal} cannot be trapped: it does not end a process"),
            Self::Foreign(signal) => write!(f, "{signal} cannot be trapped: it is not sent to end a process"),
        }
    }
}

impl std::error::Error for SignalError {}

/// The signals that could have been asked for, in the order of their numbers.
fn known(asked: Asked) -> Vec<Signal> {
    let is_meant = |class: Class| asked == Asked::ToSend || class == Trappable;
    let mut known: Vec<Signal> =
        TABLE.iter().filter(|(_, class)| is_meant(*class)).map(|(unix, _)| Signal(*unix as i32)).collect();
    known.sort_unstable();
    known
}

impl Signal {
    /// HUP, the terminal went away.
    pub const HUP: Self = Self(Unix::SIGHUP as i32);
    /// INT, Ctrl-C.
    pub const INT: Self = Self(Unix::SIGINT as i32);
    /// QUIT, Ctrl-\.
    pub const QUIT: Self = Self(Unix::SIGQUIT as i32);
    /// KILL, which nobody handles.
    pub const KILL: Self = Self(Unix::SIGKILL as i32);
    /// PIPE, the reader went away.
    pub const PIPE: Self = Self(Unix::SIGPIPE as i32);
    /// TERM, the request to end.
    pub const TERM: Self = Self(Unix::SIGTERM as i32);
    /// CHLD, a child ended.
    pub const CHLD: Self = Self(Unix::SIGCHLD as i32);
    /// CONT, go on after a stop.
    pub const CONT: Self = Self(Unix::SIGCONT as i32);
    /// TSTP, Ctrl-Z.
    pub const TSTP: Self = Self(Unix::SIGTSTP as i32);
    /// TTIN, a background process read the terminal.
    pub const TTIN: Self = Self(Unix::SIGTTIN as i32);
    /// TTOU, a background process changed the terminal.
    pub const TTOU: Self = Self(Unix::SIGTTOU as i32);
    /// A write beyond the limit of a file's size.
    pub const XFSZ: Self = Self(Unix::SIGXFSZ as i32);
    /// The terminal has another size.
    pub const WINCH: Self = Self(Unix::SIGWINCH as i32);

    /// The five that are trapped until a script says otherwise.
    pub const DEFAULT_TRAPS: [Self; 5] = [Self::HUP, Self::INT, Self::QUIT, Self::PIPE, Self::TERM];

    /// All that a script may trap, in the order of their numbers.
    pub fn all_trappable() -> impl Iterator<Item = Self> {
        known(Asked::ToTrap).into_iter()
    }

    /// The signal of that name; `TERM`, `SIGTERM` and `term` are the same.
    ///
    /// # Errors
    ///
    /// [`SignalError::UnknownName`].
    pub fn parse(name: &str) -> Result<Self, SignalError> {
        let upper = name.trim().to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Ok(number) = bare.parse::<i64>() {
            return Self::from_number(number);
        }
        TABLE
            .iter()
            .map(|(unix, _)| Self(*unix as i32))
            .find(|signal| signal.name() == bare)
            .ok_or_else(|| SignalError::UnknownName(name.to_string(), Asked::ToSend))
    }

    /// The signal of that number.
    ///
    /// # Errors
    ///
    /// [`SignalError::UnknownNumber`]; real-time signals have no name and are unknown.
    pub fn from_number(number: i64) -> Result<Self, SignalError> {
        TABLE
            .iter()
            .map(|(unix, _)| *unix as i32)
            .find(|n| i64::from(*n) == number)
            .map(Self)
            .ok_or(SignalError::UnknownNumber(number, Asked::ToSend))
    }

    /// The number, as `kill -l` shows it.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// The name without `SIG`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.unix().as_str().trim_start_matches("SIG")
    }

    /// The number that `nix` takes.
    pub(crate) fn unix(self) -> Unix {
        Unix::try_from(self.0).expect("a Signal is made from the table or from a wait status")
    }

    /// The signal of a wait status, if it has a name (real-time signals have none).
    pub(crate) fn from_unix(unix: Unix) -> Self {
        Self(unix as i32)
    }

    /// Whether a script may trap it.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn ensure_trappable(self) -> Result<(), SignalError> {
        let class = TABLE.iter().find(|(unix, _)| *unix as i32 == self.0).map_or(Foreign, |(_, class)| *class);
        match class {
            Trappable => Ok(()),
            Uncatchable => Err(SignalError::Uncatchable(self)),
            Fault => Err(SignalError::Fault(self)),
            Harmless => Err(SignalError::Harmless(self)),
            Foreign => Err(SignalError::Foreign(self)),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signal({})", self.name())
    }
}

/// A set of signals.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SignalSet(u64);

impl SignalSet {
    /// The set without a member.
    pub const EMPTY: Self = Self(0);

    /// The set whose bit n - 1 stands for signal n, as the kernel prints it.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number whose bit n - 1 stands for signal n.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether the signal is a member.
    #[must_use]
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// Makes it a member; true if it was none.
    pub fn insert(&mut self, signal: Signal) -> bool {
        let new = !self.contains(signal);
        self.0 |= Self::bit(signal);
        new
    }

    /// Makes it no member; true if it was one.
    pub fn remove(&mut self, signal: Signal) -> bool {
        let was = self.contains(signal);
        self.0 &= !Self::bit(signal);
        was
    }

    /// The members that have a name, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        let mut rest = self.0;
        let number = move || {
            let number = rest.trailing_zeros() + 1;
            rest &= rest.checked_sub(1)?;
            Some(i64::from(number))
        };
        std::iter::from_fn(number).filter_map(|number| Signal::from_number(number).ok())
    }

    fn bit(signal: Signal) -> u64 {
        1 << (signal.0 - 1)
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(iter: I) -> Self {
        let mut set = Self::EMPTY;
        for signal in iter {
            set.insert(signal);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_prefixed_name_a_small_name_and_a_number_are_the_same() {
        for text in ["TERM", "SIGTERM", "term", "sigterm", "15"] {
            assert_eq!(Signal::parse(text), Ok(Signal::TERM), "{text}");
        }
        assert_eq!(Signal::from_number(15), Ok(Signal::TERM));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_trappable_ones_are_those_of_the_specification() {
        let names: Vec<_> = Signal::all_trappable().map(Signal::name).collect();
        let expected = ["HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "ALRM", "TERM", "XCPU", "XFSZ", "VTALRM", "PROF"];
        assert_eq!(names, expected);
    }

    #[test]
    fn every_refusal_says_why() {
        let why = |name: &str| Signal::parse(name).and_then(|s| s.ensure_trappable()).map_err(|e| e.to_string());
        assert!(why("KILL").unwrap_err().contains("no process"));
        assert!(why("SEGV").unwrap_err().contains("fault"));
        assert!(why("CHLD").unwrap_err().contains("does not end"));
        assert!(why("IO").unwrap_err().contains("not sent to end"));
        assert!(why("FOO").unwrap_err().contains("HUP, INT, QUIT"));
        assert!(Signal::from_number(0).unwrap_err().to_string().contains("15 TERM"));
    }

    #[test]
    fn a_set_lists_its_members_by_number() {
        let set: SignalSet = [Signal::TERM, Signal::HUP, Signal::INT].into_iter().collect();
        assert_eq!(set.iter().map(Signal::name).collect::<Vec<_>>(), ["HUP", "INT", "TERM"]);
    }
}
