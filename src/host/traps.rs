//! Which signals are trapped, and who decided it.

use crate::sys::signal::{Signal, SignalSet};

/// The signals that are trapped.
#[derive(Clone, Debug)]
pub struct Traps {
    trapped: SignalSet,
    /// Ignored when the host started: they stay ignored, whatever a script says.
    ignored: SignalSet,
    charge: Charge,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Charge {
    /// No script has said anything: the default five.
    Default,
    /// The script has taken charge and left out some of the five; it is to be told once.
    Unwarned,
    /// The script is in charge and nothing is left to say.
    Taken,
}

impl Traps {
    /// The default five without those that were ignored when the host started.
    #[must_use]
    pub fn new(ignored: SignalSet) -> Self {
        Self { trapped: Signal::DEFAULT_TRAPS.into_iter().collect(), ignored, charge: Charge::Default }
    }

    /// Whether the signal is caught.
    #[must_use]
    pub fn is_trapped(&self, signal: Signal) -> bool {
        self.trapped.contains(signal) && !self.ignored.contains(signal)
    }

    /// What is caught, in the order of the numbers.
    pub fn trapped(&self) -> impl Iterator<Item = Signal> + use<> {
        let ignored = self.ignored;
        self.trapped.iter().filter(move |signal| !ignored.contains(*signal))
    }

    /// Adds signals; the first call leaves only these.
    pub fn trap(&mut self, signals: &[Signal]) {
        if self.charge == Charge::Default {
            self.trapped = SignalSet::EMPTY;
        }
        for signal in signals {
            self.trapped.insert(*signal);
        }
        self.take_charge();
    }

    /// Takes signals away, or all.
    pub fn untrap(&mut self, signals: Option<&[Signal]>) {
        match signals {
            None => self.trapped = SignalSet::EMPTY,
            Some(signals) => {
                for signal in signals {
                    self.trapped.remove(*signal);
                }
            }
        }
        self.take_charge();
    }

    fn take_charge(&mut self) {
        if self.charge == Charge::Default {
            self.charge = if self.missing().is_empty() { Charge::Taken } else { Charge::Unwarned };
        }
    }

    /// Whether there is no warning to give.
    #[must_use]
    pub fn has_nothing_to_say(&self) -> bool {
        self.charge != Charge::Unwarned
    }

    /// Takes the warning: those of the five that are not trapped any more, if any is missing still.
    pub fn take_warning(&mut self) -> Option<Vec<Signal>> {
        if self.has_nothing_to_say() {
            return None;
        }
        self.charge = Charge::Taken;
        let missing = self.missing();
        (!missing.is_empty()).then_some(missing)
    }

    fn missing(&self) -> Vec<Signal> {
        let mut missing: Vec<_> = Signal::DEFAULT_TRAPS
            .into_iter()
            .filter(|signal| !self.trapped.contains(*signal) && !self.ignored.contains(*signal))
            .collect();
        missing.sort_unstable();
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(traps: &Traps) -> Vec<&'static str> {
        traps.trapped().map(Signal::name).collect()
    }

    #[test]
    fn the_first_call_takes_charge() {
        let mut traps = Traps::new(SignalSet::EMPTY);
        assert_eq!(names(&traps), ["HUP", "INT", "QUIT", "PIPE", "TERM"]);
        traps.trap(&[Signal::TERM]);
        assert_eq!(names(&traps), ["TERM"]);
        traps.trap(&[Signal::INT]);
        assert_eq!(names(&traps), ["INT", "TERM"]);
    }

    #[test]
    fn untrap_takes_charge_of_the_five() {
        let mut traps = Traps::new(SignalSet::EMPTY);
        traps.untrap(Some(&[Signal::INT]));
        assert_eq!(names(&traps), ["HUP", "QUIT", "PIPE", "TERM"]);
        traps.untrap(None);
        assert!(names(&traps).is_empty());
    }

    #[test]
    fn an_ignored_signal_stays_ignored() {
        let mut traps = Traps::new([Signal::HUP].into_iter().collect());
        traps.trap(&[Signal::HUP, Signal::TERM]);
        assert_eq!(names(&traps), ["TERM"]);
        assert_eq!(traps.take_warning(), Some(vec![Signal::INT, Signal::QUIT, Signal::PIPE]));
        assert_eq!(traps.take_warning(), None);
    }

    #[test]
    fn nothing_is_said_where_nothing_is_missing() {
        let mut traps = Traps::new(SignalSet::EMPTY);
        traps.trap(&Signal::DEFAULT_TRAPS);
        assert!(traps.has_nothing_to_say());
        let mut traps = Traps::new(SignalSet::EMPTY);
        traps.trap(&[]);
        traps.trap(&Signal::DEFAULT_TRAPS);
        assert_eq!(traps.take_warning(), None);
    }
}
