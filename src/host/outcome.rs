//! How a script ended, what the clean-up made of it, and the status that comes of both.

use super::stop::Stop;
use crate::sys::signal::Signal;
use crate::sys::status::{Status, signal_code};

/// How a script, or the function of a `scope`, ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ran to its end.
    Finished,
    /// It called `exit`.
    Exited(u8),
    /// It failed; the message is for those who ask, the report was made before.
    Failed(String),
    /// A trapped signal ended it.
    Signalled(Signal),
}

impl Outcome {
    /// The status of a run that ends so and whose clean-up adds nothing.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Exited(code) => *code,
            Self::Failed(_) => 1,
            Self::Signalled(signal) => signal_code(*signal),
        }
    }

    /// The outcome that a latched stop of a script stands for.
    #[must_use]
    pub fn of_stop(stop: Stop) -> Self {
        match stop {
            Stop::Exit(code) => Self::Exited(code),
            Stop::Signal(signal) => Self::Signalled(signal),
            Stop::Interrupted => Self::Failed("interrupted".into()),
            Stop::TimedOut => Self::Failed("timed out".into()),
        }
    }
}

/// What happened in the clean-up that a status must tell of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blemish {
    /// A trapped signal came.
    Signal(Signal),
    /// A handler failed, was interrupted or timed out, or output was lost.
    Failure,
    /// A handler called `exit(n)`.
    Exit(u8),
}

impl Blemish {
    fn status(self) -> u8 {
        match self {
            Self::Signal(signal) => signal_code(signal),
            Self::Failure => 1,
            Self::Exit(code) => code,
        }
    }
}

/// Whether a run that a signal ended dies by that signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reraise {
    /// It exits with 128 + n.
    No,
    /// It dies by the signal (`--reraise`).
    Yes,
}

/// The status of the run. The script's own end decides; the clean-up can turn 0 into something else, its
/// first blemish first, and never repaints a failure.
#[must_use]
pub fn merge(outcome: &Outcome, blemishes: &[Blemish], reraise: Reraise) -> Status {
    let (code, signal) = match outcome {
        Outcome::Signalled(signal) => (signal_code(*signal), Some(*signal)),
        other if other.status() != 0 => (other.status(), None),
        _ => match blemishes.iter().find(|b| b.status() != 0) {
            None => (0, None),
            Some(Blemish::Signal(signal)) => (signal_code(*signal), Some(*signal)),
            Some(other) => (other.status(), None),
        },
    };
    match (signal, reraise) {
        (Some(signal), Reraise::Yes) => Status::Signal(signal),
        _ => Status::Code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(outcome: Outcome, blemishes: &[Blemish]) -> u8 {
        merge(&outcome, blemishes, Reraise::No).shell_code()
    }

    #[test]
    fn the_end_of_the_script_decides() {
        let worse = [Blemish::Signal(Signal::TERM), Blemish::Failure];
        assert_eq!(code(Outcome::Exited(7), &worse), 7);
        assert_eq!(code(Outcome::Failed(String::new()), &worse), 1);
        assert_eq!(code(Outcome::Signalled(Signal::INT), &worse), 130);
    }

    #[test]
    fn the_first_blemish_turns_a_zero() {
        assert_eq!(code(Outcome::Finished, &[]), 0);
        assert_eq!(code(Outcome::Finished, &[Blemish::Exit(0), Blemish::Exit(9), Blemish::Failure]), 9);
        assert_eq!(code(Outcome::Exited(0), &[Blemish::Signal(Signal::TERM), Blemish::Failure]), 143);
    }

    #[test]
    fn only_a_signal_is_raised_again() {
        let raised = |outcome, blemishes: &[Blemish]| merge(&outcome, blemishes, Reraise::Yes);
        assert_eq!(raised(Outcome::Signalled(Signal::HUP), &[]), Status::Signal(Signal::HUP));
        assert_eq!(raised(Outcome::Finished, &[Blemish::Signal(Signal::INT)]), Status::Signal(Signal::INT));
        assert_eq!(raised(Outcome::Exited(130), &[Blemish::Signal(Signal::INT)]), Status::Code(130));
    }
}
