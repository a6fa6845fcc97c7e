//! Ending a command and all that it started: who is sent which signal, and when what is left is killed.
//!
//! It goes by steps that never wait, so that several commands can be ended at once, and what they write is read
//! meanwhile.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::family::Kin;
use super::stop::Stop;
use super::{State, is_of_impatience, reason};
use crate::sys::interrupts::Sender;
use crate::sys::process::{self, Child, Ended, Group};
use crate::sys::signal::Signal;
use crate::sys::tree::{self, Entry, Ticks};

/// How long a command that was sent a signal has to end before the host looks around for what it started.
const AT_ONCE: Duration = Duration::from_millis(2);

/// How long to wait for the kernel to remove what was killed; a process stuck in the kernel takes longer.
pub(super) const KILLED: Duration = Duration::from_secs(2);

/// A pause between looks at what was killed, for the deaths that the kernel does not report to us.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A command that is being ended.
#[derive(Debug)]
pub(super) struct Ending {
    signal: Signal,
    /// Whether what is in the terminal's foreground group has the signal of the terminal already.
    is_of_terminal: bool,
    phase: Phase,
    /// What the command had started when it was told.
    present: HashSet<(i32, Ticks)>,
    /// Who was sent the signal. Each is, once.
    told: HashSet<i32>,
    grace: Option<Instant>,
    patience: Patience,
    /// How many looks in a row have found nothing.
    looks: u32,
}

/// Which press of Ctrl-C ends the grace period.
#[derive(Debug)]
enum Patience {
    /// None: it ends the handler that waits.
    Endless,
    /// The one that makes the impatience of the user so great.
    Until(u32),
    /// In a script that no signal had stopped when it began, the second that comes.
    OfScript,
}

#[derive(Debug)]
enum Phase {
    /// Nobody was told.
    Begin,
    /// The command was told, and may end at once.
    Told,
    /// All that it had started is told, and what loses its parent.
    Grace,
    /// What is left is killed, for so long.
    Kill(Instant),
}

/// What a step of an ending came to.
pub(super) enum Step {
    /// Nothing of the command is left.
    Done(Ended),
    /// More is to be done when something happens, or then.
    Wait(Option<Instant>),
}

impl Ending {
    /// A press of Ctrl-C does not end the grace period.
    pub(super) fn never_mind_the_user(&mut self) {
        self.patience = Patience::Endless;
    }

    /// Kills what is left.
    pub(super) fn kill(&mut self) {
        if !matches!(self.phase, Phase::Kill(_)) {
            self.looks = 0;
            self.phase = Phase::Kill(Instant::now() + KILLED);
        }
    }
}

impl<H> State<H> {
    /// An ending by what stops what runs: a signal, or a limit.
    pub(super) fn ending_by_stop(&self, grace: Duration) -> Ending {
        let (signal, sender) = match (self.top_stop(), self.ended_by()) {
            (Some(Stop::Signal(_)), Some(ended_by)) => ended_by,
            _ => (Signal::TERM, Sender::Process),
        };
        let mut ending = self.ending(signal, grace);
        if matches!(self.top_stop(), Some(Stop::Signal(_))) {
            // A second INT or QUIT ends the wait.
            ending.patience = Patience::Until(self.impatience() + if is_of_impatience(signal) { 1 } else { 2 });
        }
        // Of a hangup the kernel tells the leader of the session alone; a clock is the kernel, too.
        ending.is_of_terminal = sender == Sender::Kernel
            && match signal {
                Signal::HUP => !process::leads_session(),
                other => other == Signal::INT || other == Signal::QUIT,
            };
        ending
    }

    /// An ending that nothing but the host has caused.
    pub(super) fn ending(&self, signal: Signal, grace: Duration) -> Ending {
        Ending {
            signal,
            is_of_terminal: false,
            phase: Phase::Begin,
            present: HashSet::new(),
            told: HashSet::new(),
            grace: Instant::now().checked_add(grace),
            patience: if self.in_handler() { Patience::Until(self.impatience() + 1) } else { Patience::OfScript },
            looks: 0,
        }
    }

    fn is_out_of_patience(&self, ending: &Ending) -> bool {
        let is_first = |(signal, _)| is_of_impatience(signal);
        match ending.patience {
            Patience::Endless => false,
            Patience::Until(enough) => self.impatience() >= enough,
            Patience::OfScript => self.impatience() >= if self.ended_by().is_some_and(is_first) { 1 } else { 2 },
        }
    }

    /// Does what can be done now.
    pub(super) fn step(&self, ending: &mut Ending, child: &mut Child, kin: &Kin) -> Step {
        if let Phase::Begin = ending.phase {
            self.tell(ending, child, kin);
            ending.phase = Phase::Told;
            return Step::Wait(Some(Instant::now() + AT_ONCE));
        }
        if let Phase::Told = ending.phase {
            // Most commands are one process and die at once: then there is nobody to look for.
            if child.has_ended() && self.is_all(0, kin) {
                return Step::Done(self.settle(child));
            }
            ending.phase = Phase::Grace;
        }
        if let Phase::Grace = ending.phase {
            match self.look_in_grace(ending, child, kin) {
                Some(step) => return step,
                None => ending.kill(),
            }
        }
        self.look_and_kill(ending, child, kin)
    }

    /// Tells the command. What it has started is told a moment later: what is between fork(2) and execve(2) would take the
    /// signal with the handlers of its parent, and lose it. What it starts from now on, to clean up, is its own business.
    fn tell(&self, ending: &mut Ending, child: &mut Child, kin: &Kin) {
        ending.present = self.present(child, kin).iter().map(|entry| (entry.pid, entry.start)).collect();
        if child.has_ended() {
            return;
        }
        // Where only its group is known, the group is told with it.
        ending.told.extend([child.pid(), -child.pid()]);
        let has_it = ending.is_of_terminal && child.group() == Group::Shared;
        // If it leaves the signal to its default and is alive, it was made after the terminal has told its group, or
        // dies of it now: it does not see it twice.
        if !has_it || tree::leaves_to_default(child.pid(), ending.signal.number()) {
            child.signal(ending.signal);
        }
    }

    /// Tells what was there when the signal came, and what has lost its parent since. `None` when the grace period is over.
    fn look_in_grace(&self, ending: &mut Ending, child: &mut Child, kin: &Kin) -> Option<Step> {
        let ended = child.has_ended();
        let family = self.family(child, kin);
        let (me, own_group) = (process::own_pid(), process::own_group());
        for entry in &family {
            // A whole group, where no parent is known, has none.
            let is_orphan = entry.parent == me || entry.parent == 0;
            let has_it = ending.is_of_terminal && entry.group == own_group;
            let name = (entry.pid, entry.start);
            if ending.told.contains(&entry.pid) || !(is_orphan || ending.present.contains(&name)) {
                continue;
            }
            if ending.is_of_terminal && !is_orphan && is_of_clean_up(entry, ending.signal) {
                ending.present.remove(&name);
                continue;
            }
            ending.told.insert(entry.pid);
            if !has_it {
                process::signal_process(entry.pid, ending.signal);
            }
        }
        // What is stopped acts on nothing until it goes on.
        let command = if child.is_reaped() { None } else { tree::lookup(child.pid()) };
        let is_waiting = |entry: &Entry| entry.stopped && ending.told.contains(&entry.pid);
        for entry in family.iter().copied().chain(command).filter(is_waiting) {
            process::signal_process(entry.pid, Signal::CONT);
        }
        ending.looks = if family.is_empty() { ending.looks + 1 } else { 0 };
        if ended && ending.looks > 0 && self.is_all(ending.looks, kin) {
            return Some(Step::Done(self.settle(child)));
        }
        let now = Instant::now();
        if ending.grace.is_some_and(|grace| now >= grace) || self.is_out_of_patience(ending) {
            return None;
        }
        let again = (ending.looks > 0 && ended).then(|| now + LOOK_AGAIN);
        Some(Step::Wait(again.or(ending.grace)))
    }

    fn look_and_kill(&self, ending: &mut Ending, child: &mut Child, kin: &Kin) -> Step {
        let Phase::Kill(until) = ending.phase else { return Step::Wait(None) };
        let ended = child.has_ended();
        let family = self.family(child, kin);
        child.kill_group();
        if !ended {
            process::signal_process(child.pid(), Signal::KILL);
        }
        for entry in &family {
            process::signal_process(entry.pid, Signal::KILL);
        }
        ending.looks = if family.is_empty() { ending.looks + 1 } else { 0 };
        let now = Instant::now();
        if ended && ending.looks > 0 && self.is_all(ending.looks, kin) {
            return Step::Done(self.settle(child));
        }
        if now >= until {
            let command = (!ended).then(|| child.pid());
            command.into_iter().chain(family.iter().map(|entry| entry.pid)).for_each(|pid| self.tell_of_survivor(pid));
            return Step::Done(self.settle(child));
        }
        Step::Wait(Some(now + LOOK_AGAIN))
    }

    /// Says that a process is not to be killed: one of somebody else, as of `sudo`, or one that waits in the kernel.
    pub(super) fn tell_of_survivor(&self, pid: i32) {
        let what = match tree::lookup(pid) {
            Some(entry) if !entry.zombie => format!("process {pid} (`{}`)", tree::name(pid).unwrap_or_default()),
            None if pid < 0 => format!("the process group {}", -pid),
            _ => return,
        };
        let why = match process::send(pid, Some(Signal::KILL)) {
            Ok(()) => "it does not end".into(),
            Err(error) => reason(&error),
        };
        self.complain(&format!("{what} cannot be killed and goes on: {why}"));
    }

    /// Reaps a command of which nothing is left, but for what no look has found.
    fn settle(&self, child: &mut Child) -> Ended {
        child.kill_group();
        let ended = child.try_wait().unwrap_or(Ended::Killed(Signal::KILL.number()));
        self.reap();
        ended
    }
}

/// Whether a process was started by one that has the signal from the terminal and handles it, in a group of its own and just
/// now: as a nested run starts the commands of its handlers, and may before the host has looked.
fn is_of_clean_up(entry: &Entry, signal: Signal) -> bool {
    let own_group = process::own_group();
    entry.group != own_group
        && entry.start.is_of_now()
        && tree::lookup(entry.parent).is_some_and(|parent| parent.group == own_group)
        && tree::catches(entry.parent, signal.number())
}
