//! What descends from a command.
//!
//! A process is found by descent, not by its group alone: the host adopts what its descendants leave behind, and
//! looks again until nothing of the command is left. Where there is no /proc, the group of the command must do.
//!
//! An orphan that was adopted tells no more whose it was. It is of the process in the background whose group it has
//! or among whose descendants it was seen; or else of the command that was started last before it.

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
    /// When it started, if that has to be known.
    pub(super) start: Option<Ticks>,
}

/// The children that are not reaped yet.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// Commands.
    pub(super) children: Vec<i32>,
    /// Whether ends are watched and orphans adopted.
    pub(super) prepared: bool,
    /// Whether there is certainly no child that is a command's or that one has left behind.
    is_childless: bool,
    /// The command that the script waits for, and when it started, if there is another.
    foreground: Option<(i32, Option<Ticks>)>,
    /// What commands have left behind that ended by themselves.
    let_go: Adopted,
    /// The groups of those commands.
    groups_let_go: HashSet<i32>,
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
                // Not reaped it would count as one of its group, as would what it left behind.
                child.try_wait();
                self.reap();
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
        let mut roots = if child.is_reaped() { Vec::new() } else { vec![child.pid()] };
        roots.extend(orphans.iter().map(|entry| entry.pid));
        let mut family = tree::descendants(&all, &roots);
        family.extend(orphans);
        family.retain(|entry| !entry.zombie && entry.session == session);
        family
    }

    /// What there is now of the [family](State::family), without a look at every process: as soon as can be known.
    pub(super) fn present(&self, child: &mut Child, kin: &Kin) -> Vec<Entry> {
        if tree::own_children().is_none() {
            return if tree::is_known() { self.family(child, kin) } else { Vec::new() };
        }
        let mut present = self.left_by(kin);
        let roots: Vec<i32> =
            present.iter().map(|entry| entry.pid).chain((!child.is_reaped()).then(|| child.pid())).collect();
        present.extend(roots.into_iter().flat_map(tree::below));
        if !present.is_empty() {
            let session = tree::lookup(process::own_pid()).map(|me| me.session);
            present.retain(|entry| !entry.zombie && Some(entry.session) == session);
        }
        present
    }

    /// Whether nothing of the command is left but itself: so many looks at all processes have found nothing. One
    /// that forks and ends can be missed there, but not among the children of this process, which adopts it.
    pub(super) fn is_all(&self, looks: u32, kin: &Kin) -> bool {
        if cfg!(target_os = "linux") && !process::has_living_children() {
            return true;
        }
        match tree::own_children() {
            Some(children) => self.left_among(self.orphans_among(children), kin).is_empty(),
            None => looks >= LOOKS,
        }
    }

    /// Whether the command has left something behind.
    pub(super) fn has_left(&self, left: &[Entry], kin: &Kin) -> bool {
        if left.is_empty() && !tree::is_known() {
            self.reap();
            return process::group_exists(kin.pid);
        }
        !left.is_empty()
    }

    /// The orphans that were the command's, and are alive.
    pub(super) fn left_by(&self, kin: &Kin) -> Vec<Entry> {
        self.left_among(self.orphans(), kin)
    }

    fn left_among(&self, mut orphans: Vec<Entry>, kin: &Kin) -> Vec<Entry> {
        let Some(session) = orphans.first().and_then(|_| tree::lookup(process::own_pid())).map(|me| me.session) else {
            return Vec::new();
        };
        orphans.retain(|entry| !entry.zombie && entry.session == session && self.is_of(entry, kin));
        orphans
    }

    /// Whether an orphan was the command's.
    fn is_of(&self, orphan: &Entry, kin: &Kin) -> bool {
        let running = self.running.borrow();
        let name = (orphan.pid, orphan.start);
        let is_let_go = running.let_go.contains(&name) || running.groups_let_go.contains(&orphan.group);
        if kin.before.contains(&name) || is_let_go {
            return false;
        }
        let background = self.background.borrow();
        let relative = background.iter().find(|process| process.is_relative(orphan)).map(|process| process.pid());
        let is_older = |start: Option<Ticks>| start.is_none_or(|start| start <= orphan.start);
        let foreground = || running.foreground.filter(|(_, start)| is_older(*start)).map(|(pid, _)| pid);
        let newest = || {
            let older = background.iter().filter(|process| process.is_active() && is_older(process.kin().start));
            older.max_by_key(|process| process.kin().start).map(|process| process.pid())
        };
        relative.or_else(foreground).or_else(newest) == Some(kin.pid)
    }

    /// From now on the script waits for a command, or for none.
    pub(super) fn set_foreground(&self, pid: Option<i32>) {
        let is_alone = self.background.borrow().is_empty();
        let start = |pid| if is_alone { None } else { tree::lookup(pid).map(|entry| entry.start) };
        self.running.borrow_mut().foreground = pid.map(|pid| (pid, start(pid)));
    }

    /// The children of this process that are no commands.
    fn orphans(&self) -> Vec<Entry> {
        match tree::own_children() {
            Some(children) => self.orphans_among(children),
            None => self.without_commands(tree::snapshot()),
        }
    }

    fn orphans_among(&self, mut children: Vec<i32>) -> Vec<Entry> {
        children.retain(|pid| !self.running.borrow().children.contains(pid));
        self.without_commands(children.into_iter().filter_map(tree::lookup).collect())
    }

    fn without_commands(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let (me, running) = (process::own_pid(), self.running.borrow());
        entries.retain(|entry| entry.parent == me && !running.children.contains(&entry.pid));
        entries
    }

    /// Whether a command, or what one has left behind, is a child of this process, ended or not. Without one it adopts nothing,
    /// so that there is none until it starts one: but the first process of a namespace gets what came in from outside.
    fn has_children(&self) -> bool {
        let mut running = self.running.borrow_mut();
        let has_some = !running.is_childless && process::has_children();
        running.is_childless = !has_some && process::own_pid() != 1;
        has_some
    }

    /// What this process has adopted, if anything.
    pub(super) fn adopted(&self) -> Adopted {
        if !self.has_children() {
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

    /// What a command has left behind that has ended by itself is no other's, nor is what descends from that or is in
    /// the command's group.
    pub(super) fn let_go(&self, kin: &Kin) {
        if !self.has_children() {
            return;
        }
        let left = self.left_by(kin);
        if left.is_empty() {
            return;
        }
        let roots: Vec<i32> = left.iter().map(|entry| entry.pid).collect();
        let below = tree::descendants(&tree::snapshot(), &roots);
        let mut running = self.running.borrow_mut();
        running.let_go.retain(|(pid, start)| tree::lookup(*pid).is_some_and(|entry| entry.start == *start));
        running.let_go.extend(left.iter().chain(&below).map(|entry| (entry.pid, entry.start)));
        running.groups_let_go.retain(|group| process::group_exists(*group));
        running.groups_let_go.insert(kin.pid);
    }

    /// A command has started: whatever had its number before is gone.
    pub(super) fn note_start(&self, pid: i32) {
        let mut running = self.running.borrow_mut();
        running.is_childless = false;
        running.groups_let_go.remove(&pid);
        running.children.push(pid);
    }
}
