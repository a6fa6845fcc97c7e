//! Which signals are trapped, and who decided it.

use std::io;

use super::State;
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

    /// What ends the process at once, in the order of the numbers.
    pub fn deadly(&self) -> impl Iterator<Item = Signal> + use<> {
        let (trapped, ignored) = (self.trapped, self.ignored);
        Signal::all_trappable().filter(move |signal| !trapped.contains(*signal) && !ignored.contains(*signal))
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

impl<H> State<H> {
    /// Traps the signals as well; the first call takes charge.
    ///
    /// # Errors
    ///
    /// A handler could not be installed.
    pub fn trap(&self, signals: &[Signal]) -> io::Result<()> {
        self.change_traps(|traps| traps.trap(signals))
    }

    /// Gives the signals back, or all of them; the first call takes charge of the five.
    ///
    /// # Errors
    ///
    /// A handler could not be installed.
    pub fn untrap(&self, signals: Option<&[Signal]>) -> io::Result<()> {
        self.change_traps(|traps| traps.untrap(signals))
    }

    /// The signals that are trapped, in the order of their numbers.
    #[must_use]
    pub fn trapped(&self) -> Vec<Signal> {
        self.traps.borrow().trapped().collect()
    }

    fn change_traps(&self, change: impl FnOnce(&mut Traps)) -> io::Result<()> {
        let before = self.traps.borrow().clone();
        let mut after = before.clone();
        change(&mut after);
        for signal in after.trapped().filter(|signal| !before.is_trapped(*signal)) {
            self.interrupts.catch(signal)?;
        }
        for signal in before.trapped().filter(|signal| !after.is_trapped(*signal)) {
            self.interrupts.release(signal);
        }
        // What has come until here belongs to the traps as they were.
        self.look();
        *self.traps.borrow_mut() = after;
        self.warn_of_untrapped();
        Ok(())
    }

    pub(super) fn warn_of_untrapped(&self) {
        if self.traps.borrow().has_nothing_to_say() || self.stack.borrow().is_empty() {
            return;
        }
        let missing = self.traps.borrow_mut().take_warning();
        if let Some(missing) = missing {
            let names: Vec<_> = missing.iter().map(|s| s.name()).collect();
            let (verb, them) = if names.len() == 1 { ("is", "it") } else { ("are", "them") };
            let names = names.join(", ");
            self.say(&format!("{names} {verb} not trapped any more and would skip the handlers; trap() adds {them}"));
        }
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
