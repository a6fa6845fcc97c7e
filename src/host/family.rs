//! What descends from a command.
//!
//! A process is found by descent, not by its group alone: the host adopts what its descendants leave behind, and
//! looks again until nothing of the command is left. Where there is no /proc, the group of the command must do.
//!
//! An orphan that was adopted tells no more whose it was. It is of the command in the background whose group it has
//! or among whose descendants it was seen; or else of the one that runs in the foreground.

use std::collections::HashSet;

use super::State;
use crate::sys::process::{self, Child, Group};
use crate::sys::tree::{self, Entry, Ticks};

/// Processes that this one has adopted.
pub(super) type Adopted = HashSet<(i32, Ticks)>;

/// A look at the list of processes can miss one that forks and ends meanwhile. Where the kernel does not list the
/// children of this process, so many looks in a row must find nothing.
const LOOKS: u32 = 10;

/// Whose descendants are asked for.
#[derive(Debug)]
pub(super) struct Kin {
    /// The command.
    pub(super) pid: i32,
    /// What was adopted before it started, and is none of its.
    pub(super) before: Adopted,
    /// Whether it runs in the background.
    pub(super) is_background: bool,
}

/// The children that are not reaped yet.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Commands.
    pub(super) children: Vec<i32>,
    /// Whether ends are watched and orphans adopted.
    pub(super) prepared: bool,
    /// What commands have left behind that ended well.
    let_go: Adopted,
}

impl<H> State<H> {
    /// What the command started and is alive: its descendants, and of what we adopted what is its. What left our
    /// session did so on purpose.
    pub(super) fn family(&self, child: &mut Child, kin: &Kin) -> Vec<Entry> {
        let all = tree::snapshot();
        let me = process::own_pid();
        let Some(session) = all.iter().find(|entry| entry.pid == me).map(|entry| entry.session) else {
            let group = child.pid();
            if child.has_ended() {
                // Not reaped it would count as one of its group.
                child.try_wait();
            }
            let is_there = child.group() == Group::Own && process::group_exists(group);
            return if is_there { vec![tree::group(group)] } else { Vec::new() };
        };
        for other in self.background.borrow().iter().filter(|other| other.is_running()) {
            other.remember(&tree::descendants(&all, &[other.pid()]));
        }
        let is_command = |pid: i32| self.running.borrow().children.contains(&pid);
        let orphans: Vec<Entry> = all
            .iter()
            .filter(|entry| entry.parent == me && !is_command(entry.pid) && self.is_of(entry, kin))
            .copied()
            .collect();
        let mut roots = vec![child.pid()];
        roots.extend(orphans.iter().map(|entry| entry.pid));
        let mut family = tree::descendants(&all, &roots);
        family.extend(orphans);
        family.retain(|entry| !entry.zombie && entry.session == session);
        family
    }

    /// Whether nothing of the command is left but itself: so many looks at all processes have found nothing. One
    /// that forks and ends can be missed there, but not among the children of this process, which adopts it.
    pub(super) fn is_all(&self, looks: u32, kin: &Kin) -> bool {
        if tree::own_children().is_none() {
            return looks >= LOOKS;
        }
        let orphans = self.orphans();
        let Some(session) = orphans.first().and_then(|_| tree::lookup(process::own_pid())).map(|me| me.session) else {
            return true;
        };
        orphans.iter().all(|entry| entry.zombie || entry.session != session || !self.is_of(entry, kin))
    }

    /// Whether an orphan was the command's.
    fn is_of(&self, orphan: &Entry, kin: &Kin) -> bool {
        let running = self.running.borrow();
        let name = (orphan.pid, orphan.start);
        if kin.before.contains(&name) || running.let_go.contains(&name) {
            return false;
        }
        let background = self.background.borrow();
        let owner = background.iter().find(|process| process.is_relative(orphan)).map(|process| process.pid());
        // Of one that nobody knows, the command that is alone can be blamed.
        owner.map_or(!kin.is_background || running.children.len() == 1, |owner| owner == kin.pid)
    }

    /// The children of this process that are no commands.
    fn orphans(&self) -> Vec<Entry> {
        let me = process::own_pid();
        let running = self.running.borrow();
        let children = tree::own_children();
        let entries = match children {
            Some(children) => {
                let unknown = children.into_iter().filter(|pid| !running.children.contains(pid));
                unknown.filter_map(tree::lookup).collect()
            }
            None => tree::snapshot(),
        };
        entries.into_iter().filter(|entry| entry.parent == me && !running.children.contains(&entry.pid)).collect()
    }

    /// What this process has adopted, if anything.
    pub(super) fn adopted(&self) -> Adopted {
        if !process::has_children() {
            return Adopted::new();
        }
        for process in self.background.borrow().iter().filter(|process| process.is_running()) {
            process.remember(&tree::below(process.pid()));
        }
        self.orphans().iter().map(|entry| (entry.pid, entry.start)).collect()
    }

    /// Reaps what was adopted and has ended.
    pub(super) fn reap(&self) {
        let running = self.running.borrow();
        if !running.prepared {
            return;
        }
        process::reap_orphans(&|pid| running.children.contains(&pid));
    }

    /// What a command has left behind that has ended well is no other's.
    pub(super) fn let_go(&self, kin: &Kin) {
        if self.background.borrow().is_empty() || !process::has_children() {
            return;
        }
        let left: Vec<Entry> = self.orphans().into_iter().filter(|entry| self.is_of(entry, kin)).collect();
        let mut running = self.running.borrow_mut();
        running.let_go.retain(|(pid, start)| tree::lookup(*pid).is_some_and(|entry| entry.start == *start));
        running.let_go.extend(left.iter().map(|entry| (entry.pid, entry.start)));
    }
}
