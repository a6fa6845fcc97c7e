//! Commands that run, and who is sent which signal when what runs is stopped.
//!
//! A process is found by descent, not by its group alone: the host adopts what its descendants leave
//! behind, and looks again until nothing of the command is left. Where there is no /proc, the group of the
//! command must do.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::State;
use super::stop::Stop;
use crate::sys::descriptor::{self, Interest};
use crate::sys::interrupts::Sender;
use crate::sys::process::{self, Child, Ended, Group, Spawn};
use crate::sys::signal::Signal;
use crate::sys::terminal::Terminal;
use crate::sys::tree::{self, Entry, Ticks};

/// A pipe that a process left behind holds open is read for this long without news, then let go.
const NO_NEWS: Duration = Duration::from_millis(500);

/// And no longer than this, whatever comes.
const LAST_NEWS: Duration = Duration::from_secs(2);

/// More than this is not captured: a string holds no more.
pub const MOST_CAPTURED: usize = 1 << 31;

/// How long a command that was sent a signal has to end before the host looks around for what it started.
const AT_ONCE: Duration = Duration::from_millis(2);

/// How long to wait for the kernel to remove what was killed; a process stuck in the kernel takes longer.
const KILLED: Duration = Duration::from_secs(2);

/// A pause between looks at what was killed, for the deaths that the kernel does not report to us.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A look at the list of processes can miss one that forks and ends meanwhile. Where the kernel does not list the
/// children of this process, so many looks in a row must find nothing.
const LOOKS: u32 = 10;

/// A command that is killed by a signal to the host's group before it is in its own is started again, so often.
const STARTS: u32 = 1000;

/// The children that are not reaped yet.
#[derive(Debug, Default)]
pub struct Running {
    children: Vec<i32>,
    prepared: bool,
}

/// A command that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to a captured standard output.
    pub stdout: Vec<u8>,
    /// It was killed because it wanted the terminal, by this signal.
    pub wanted_terminal: Option<Signal>,
    /// It was killed because it wrote more than can be captured.
    pub wrote_too_much: bool,
}

/// What was there when a command was started: adopted, and none of its.
type Adopted = HashSet<(i32, Ticks)>;

impl<H> State<H> {
    /// Starts a command and waits for its end; when what runs is stopped, so is the command, and nothing of
    /// it is left.
    ///
    /// # Errors
    ///
    /// As posix_spawn(3) and poll(2).
    pub fn supervise(&self, spawn: &Spawn<'_>) -> io::Result<Finished> {
        if !std::mem::replace(&mut self.running.borrow_mut().prepared, true) {
            self.interrupts().watch_children()?;
            process::adopt_orphans();
        }
        let terminal = if spawn.group == Group::Shared { Terminal::now() } else { None };
        let before = adopted();
        let mut starts = 0;
        let result = loop {
            let mut child = Child::spawn(spawn)?;
            if self.in_handler() {
                child.watch_start();
            }
            let pid = child.pid();
            self.running.borrow_mut().children.push(pid);
            let result = self.follow(&mut child, &before);
            self.running.borrow_mut().children.retain(|known| *known != pid);
            starts += 1;
            let was_lost = matches!(&result, Ok(Finished { ended: Ended::Killed(_), .. })) && !child.has_started();
            if !was_lost || starts == STARTS || self.top_stop().is_some() {
                break result;
            }
        };
        if let Some(terminal) = terminal {
            terminal.restore();
        }
        self.forget_seen();
        result
    }

    fn follow(&self, child: &mut Child, before: &Adopted) -> io::Result<Finished> {
        let mut pipe = child.take_stdout();
        if let Some(pipe) = &pipe {
            descriptor::set_nonblocking(pipe)?;
        }
        let mut finished =
            Finished { ended: Ended::Exited(0), stdout: Vec::new(), wanted_terminal: None, wrote_too_much: false };
        loop {
            // The order matters: the look empties the wake pipe, so that a death after the reaping wakes us.
            if self.stopped() {
                finished.ended = self.interrupt(child, before)?;
                return Ok(finished);
            }
            if let Some(ended) = child.try_wait() {
                finished.ended = ended;
                break;
            }
            if child.group() == Group::Own
                && let Some(signal @ (Signal::TTIN | Signal::TTOU)) = child.stopped_by()
            {
                finished.wanted_terminal = Some(signal);
                finished.ended = self.kill(child, before)?;
                return Ok(finished);
            }
            let fds: Vec<_> = pipe.iter().map(|fd| (fd.as_fd(), Interest::Readable)).collect();
            let ready = self.block(&fds, None)?;
            if ready == [true] && !read_some(&mut pipe, &mut finished.stdout)? {
                pipe = None;
            }
            if finished.stdout.len() > MOST_CAPTURED {
                finished.wrote_too_much = true;
                finished.ended = self.kill(child, before)?;
                return Ok(finished);
            }
        }
        // The command has ended; what it left behind may hold the pipe open.
        let end = Instant::now() + LAST_NEWS;
        let mut until = end.min(Instant::now() + NO_NEWS);
        while let Some(fd) = pipe.as_ref().filter(|_| Instant::now() < until) {
            let ready = self.block(&[(fd.as_fd(), Interest::Readable)], Some(until))?;
            if self.stopped() {
                self.interrupt(child, before)?;
                break;
            }
            if ready == [true] {
                if !read_some(&mut pipe, &mut finished.stdout)? {
                    break;
                }
                until = end.min(Instant::now() + NO_NEWS);
            }
        }
        Ok(finished)
    }

    /// Reaps what was adopted and has ended.
    pub(super) fn reap(&self) {
        let running = self.running.borrow();
        if !running.prepared {
            return;
        }
        process::reap_orphans(&|pid| running.children.contains(&pid));
    }

    /// Sends the stop to the command and all that it started, and waits until nothing of it is left: for
    /// the grace period, or until the user is impatient; then kills.
    fn interrupt(&self, child: &mut Child, before: &Adopted) -> io::Result<Ended> {
        let (signal, sender) = match (self.top_stop(), self.ended_by()) {
            (Some(Stop::Signal(_)), Some(ended_by)) => ended_by,
            _ => (Signal::TERM, Sender::Process),
        };
        // A second INT or QUIT ends the wait; in a handler it is the second already.
        let is_second = self.in_handler() || signal == Signal::INT || signal == Signal::QUIT;
        let enough = self.impatience() + if is_second { 1 } else { 2 };
        // What is in the terminal's foreground group has a signal of the terminal already; but of a hangup the
        // kernel tells the leader of the session alone.
        let is_of_terminal = sender == Sender::Kernel
            && match signal {
                Signal::HUP => !process::leads_session(),
                // A clock is the kernel, too.
                other => other == Signal::INT || other == Signal::QUIT,
            };
        let has_it = |group: Group| is_of_terminal && group == Group::Shared;
        let own_group = process::own_group();
        let mut told = HashSet::new();
        if !child.has_ended() {
            // Where only its group is known, the group is told with it.
            told.extend([child.pid(), -child.pid()]);
            // If it leaves the signal to its default and is alive, it was made after the terminal has told its group, or
            // dies of it now: it does not see it twice.
            if !has_it(child.group()) || tree::leaves_to_default(child.pid(), signal.number()) {
                child.signal(signal);
            }
        }
        // Most commands are one process and die at once: then there is nobody to look for.
        self.block(&[], Some(Instant::now() + AT_ONCE))?;
        if child.has_ended() && self.is_all(0, before) {
            return Ok(self.settle(child));
        }
        let deadline = Instant::now().checked_add(self.settings.grace);
        let mut looks = 0;
        loop {
            let ended = child.has_ended();
            let family = self.family(child, before);
            for entry in &family {
                let group = if entry.group == own_group { Group::Shared } else { Group::Own };
                if told.insert(entry.pid) && !has_it(group) {
                    process::signal_process(entry.pid, signal);
                }
            }
            // What is stopped acts on nothing until it goes on.
            for entry in family.iter().copied().chain(tree::lookup(child.pid())).filter(|entry| entry.stopped) {
                process::signal_process(entry.pid, Signal::CONT);
            }
            looks = if family.is_empty() { looks + 1 } else { 0 };
            if ended && looks > 0 && self.is_all(looks, before) {
                return Ok(self.settle(child));
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) || self.impatience() >= enough {
                return self.kill(child, before);
            }
            let again = (looks > 0 && ended).then(|| now + LOOK_AGAIN);
            self.block(&[], again.or(deadline))?;
        }
    }

    /// Kills the command and all that it started, until nothing of it is left.
    fn kill(&self, child: &mut Child, before: &Adopted) -> io::Result<Ended> {
        let deadline = Instant::now() + KILLED;
        let mut looks = 0;
        loop {
            let ended = child.has_ended();
            let family = self.family(child, before);
            child.kill_group();
            if !ended {
                process::signal_process(child.pid(), Signal::KILL);
            }
            for entry in &family {
                process::signal_process(entry.pid, Signal::KILL);
            }
            looks = if family.is_empty() { looks + 1 } else { 0 };
            let now = Instant::now();
            if (ended && looks > 0 && self.is_all(looks, before)) || now >= deadline {
                return Ok(self.settle(child));
            }
            self.block(&[], Some(now + LOOK_AGAIN))?;
        }
    }

    /// Reaps a command of which nothing is left, but for what no look has found.
    fn settle(&self, child: &mut Child) -> Ended {
        child.kill_group();
        let ended = child.try_wait().unwrap_or(Ended::Killed(Signal::KILL.number()));
        self.reap();
        ended
    }

    /// What the command started and is alive: its descendants, and what we adopted since it was started.
    /// What left our session did so on purpose.
    fn family(&self, child: &mut Child, before: &Adopted) -> Vec<Entry> {
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
        let running = self.running.borrow();
        let mut roots = vec![child.pid()];
        let is_orphan = |entry: &&Entry| {
            entry.parent == me && !running.children.contains(&entry.pid) && !before.contains(&(entry.pid, entry.start))
        };
        let orphans: Vec<Entry> = all.iter().filter(is_orphan).copied().collect();
        roots.extend(orphans.iter().map(|entry| entry.pid));
        let mut family = tree::descendants(&all, &roots);
        family.extend(orphans);
        family.retain(|entry| !entry.zombie && entry.session == session);
        family
    }

    /// Whether nothing of the command is left but itself: so many looks at all processes have found nothing. One
    /// that forks and ends can be missed there, but not among the children of this process, which adopts it.
    fn is_all(&self, looks: u32, before: &Adopted) -> bool {
        let Some(children) = tree::own_children() else { return looks >= LOOKS };
        let running = self.running.borrow();
        let unknown: Vec<i32> = children.into_iter().filter(|pid| !running.children.contains(pid)).collect();
        let Some(session) = unknown.first().and_then(|_| tree::lookup(process::own_pid())).map(|me| me.session) else {
            return true;
        };
        unknown.into_iter().all(|pid| {
            tree::lookup(pid).is_some_and(|entry| {
                entry.zombie || entry.session != session || before.contains(&(entry.pid, entry.start))
            })
        })
    }
}

/// What this process has adopted, if anything.
fn adopted() -> Adopted {
    if !process::has_children() {
        return Adopted::new();
    }
    let me = process::own_pid();
    tree::snapshot().iter().filter(|entry| entry.parent == me).map(|entry| (entry.pid, entry.start)).collect()
}

/// Reads what is there.
///
/// # Returns
///
/// False at the end of the pipe.
fn read_some(pipe: &mut Option<OwnedFd>, into: &mut Vec<u8>) -> io::Result<bool> {
    let Some(fd) = pipe else { return Ok(false) };
    let mut buffer = [0; 16 * 1024];
    match descriptor::read(fd, &mut buffer) {
        Ok(0) => Ok(false),
        Ok(count) => {
            into.extend_from_slice(&buffer[..count]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}
