//! Commands that run while the script waits for them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use super::State;
use super::ending::{Ending, Step};
use super::family::Kin;
use super::plan::{Fate, Plan, Sink};
use super::streams::{Ends, NoFile, Slot, Streams};
use crate::sys::descriptor::{self, Access, Interest, Which};
use crate::sys::process::{self, Child, Ended, Group, Spawn};
use crate::sys::signal::Signal;
use crate::sys::terminal::{self, Terminal};

/// A pipe that a process left behind holds open is read for this long without news, then let go.
pub(super) const NO_NEWS: Duration = Duration::from_millis(500);

/// And no longer than this, whatever comes.
pub(super) const LAST_NEWS: Duration = Duration::from_secs(2);

/// Why a command was not started, or could not be waited for.
#[derive(Debug)]
pub enum Unstarted {
    /// A file of its streams could not be opened.
    NoFile(NoFile),
    /// The system refused.
    Refused(io::Error),
}

impl From<NoFile> for Unstarted {
    fn from(error: NoFile) -> Self {
        Self::NoFile(error)
    }
}

impl From<io::Error> for Unstarted {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

/// A command that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// What the host has done to it.
    pub fate: Fate,
    /// What was captured of its standard output.
    pub stdout: Option<Vec<u8>>,
    /// What was captured of its standard error.
    pub stderr: Option<Vec<u8>>,
    /// How long it ran.
    pub took: Duration,
}

impl<H> State<H> {
    /// From now on the end of a child wakes a wait, and orphans are adopted.
    pub(super) fn prepare_for_children(&self) -> io::Result<()> {
        if !self.running.borrow().prepared {
            self.interrupts().watch_children()?;
            process::adopt_orphans();
            self.running.borrow_mut().prepared = true;
        }
        Ok(())
    }

    /// Whether there is a terminal. Once there is none, only the leader of a session gets one.
    pub fn has_terminal(&self) -> bool {
        if self.has_no_terminal.get() {
            return false;
        }
        let has_one = terminal::is_there();
        self.has_no_terminal.set(!has_one && !process::leads_session());
        has_one
    }

    /// Starts a command and waits for its end; when what runs is stopped, so is the command, and nothing of
    /// it is left.
    ///
    /// # Errors
    ///
    /// [`Unstarted`].
    pub fn supervise(&self, plan: &mut Plan) -> Result<Finished, Unstarted> {
        self.prepare_for_children()?;
        self.spare_dead_readers(plan);
        let deadline = plan.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (mut streams, ends) = Streams::open(plan, &self.log, &|path, access| self.open(path, access, deadline))?;
        let terminal = if plan.group == Group::Shared { Terminal::now() } else { None };
        let _left = plan.uses_terminal().then(|| self.output.leave_terminal());
        let before = self.adopted();
        let started = Instant::now();
        let mut child = self.spawn(plan, ends, self.in_handler())?;
        let kin = Kin { pid: child.pid(), before, start: None };
        self.set_foreground(Some(kin.pid));
        let result = self.follow(plan, &mut child, &mut streams, &kin, deadline);
        self.running.borrow_mut().children.retain(|known| *known != kin.pid);
        if let Some(terminal) = terminal {
            terminal.take_back(kin.pid);
            terminal.restore();
        }
        self.distrust_directory();
        self.let_go(&kin);
        self.set_foreground(None);
        let (ended, fate, at) = result?;
        if !plan.is_ok(ended, fate) || self.top_stop().is_some() {
            self.release(streams.take_held());
        }
        self.flush_passed_on();
        let took = at.duration_since(started);
        self.log_end(plan, ended, fate, took);
        Ok(Finished { ended, fate, stdout: streams.stdout, stderr: streams.stderr, took })
    }

    /// In a handler a command does not die of a reader that went away, and the rest of the handler with it: what it
    /// writes is dropped, as what the handler writes itself, unless the log gets it.
    pub(super) fn spare_dead_readers(&self, plan: &mut Plan) {
        if !self.in_handler() {
            return;
        }
        for (which, sink) in [(Which::Stdout, &mut plan.stdout), (Which::Stderr, &mut plan.stderr)] {
            if *sink == Sink::Inherit && descriptor::is_hung_up(which.own()) && !self.log.takes(which) {
                *sink = Sink::Null;
            }
        }
    }

    /// Opens a file; a named pipe in a thread, until what runs is stopped or it is too late.
    pub(super) fn open(&self, path: &Path, access: Access, until: Option<Instant>) -> io::Result<OwnedFd> {
        if !descriptor::is_named_pipe(path) {
            return descriptor::open(path, access);
        }
        let name = path.to_path_buf();
        if let Some(opened) = self.in_thread("open", until, move || descriptor::open(&name, access))? {
            return opened;
        }
        descriptor::meet_openers(path);
        Err(if self.stopped() { io::ErrorKind::Interrupted } else { io::ErrorKind::TimedOut }.into())
    }

    /// Starts the program.
    ///
    /// # Arguments
    ///
    /// Whether a signal to the host's group must not end it before it is in its own.
    pub(super) fn spawn(&self, plan: &Plan, ends: Ends, is_shielded: bool) -> io::Result<Child> {
        self.log_start(plan, &ends);
        let child = Child::spawn(Spawn {
            program: &plan.program,
            words: &plan.words,
            env: plan.env.as_deref(),
            directory: plan.directory.as_deref(),
            group: plan.group,
            is_shielded,
            stdin: ends.stdin,
            stdout: ends.stdout,
            stderr: ends.stderr,
            handled: self.interrupts().handled(),
        })
        .inspect_err(|error| self.log_refusal(plan, error))?;
        self.note_start(child.pid());
        Ok(child)
    }

    /// Waits for the end of a command, or brings it about.
    ///
    /// # Returns
    ///
    /// How it ended, what the host has done to it, and when.
    fn follow(
        &self,
        plan: &Plan,
        child: &mut Child,
        streams: &mut Streams,
        kin: &Kin,
        deadline: Option<Instant>,
    ) -> io::Result<(Ended, Fate, Instant)> {
        let (mut ending, fate) = loop {
            // The order matters: the wait takes the news of a death, the look at the child comes after it. The first
            // wait comes first, because until then the command has the processor to itself.
            self.pump(streams, deadline)?;
            if self.stopped() {
                break (self.ending_by_stop(plan.grace), Fate::Own);
            }
            if let Some(ended) = child.try_wait() {
                let at = Instant::now();
                self.read_rest(plan, child, streams, kin)?;
                return Ok((ended, if streams.is_too_much() { Fate::WroteTooMuch } else { Fate::Own }, at));
            }
            if self.wants_terminal(child) {
                break (self.killing(), Fate::WantedTerminal);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break (self.ending(Signal::TERM, plan.grace), Fate::TimedOut);
            }
            if streams.is_too_much() {
                break (self.killing(), Fate::WroteTooMuch);
            }
        };
        let ended = self.end(&mut ending, child, streams, kin)?;
        Ok((ended, fate, Instant::now()))
    }

    fn killing(&self) -> Ending {
        let mut ending = self.ending(Signal::KILL, Duration::ZERO);
        ending.kill();
        ending
    }

    /// Whether a command that does not have the terminal was stopped for wanting it.
    pub(super) fn wants_terminal(&self, child: &Child) -> bool {
        child.group() == Group::Own && matches!(child.stopped_by(), Some(Signal::TTIN | Signal::TTOU))
    }

    /// Ends a command, and reads what it says to that.
    fn end(&self, ending: &mut Ending, child: &mut Child, streams: &mut Streams, kin: &Kin) -> io::Result<Ended> {
        loop {
            match self.step(ending, child, kin) {
                Step::Done(ended) => {
                    streams.finish(&mut |which, bytes| self.pass_on(which, bytes));
                    return Ok(ended);
                }
                Step::Wait(until) => self.pump(streams, until)?,
            }
        }
    }

    /// The command has ended; what it left behind may hold its pipes open.
    fn read_rest(&self, plan: &Plan, child: &mut Child, streams: &mut Streams, kin: &Kin) -> io::Result<()> {
        if !streams.is_read() {
            return Ok(());
        }
        let end = Instant::now() + LAST_NEWS;
        let mut until = end.min(Instant::now() + NO_NEWS);
        while streams.is_read() && Instant::now() < until && !streams.is_too_much() && !self.stopped() {
            let before = streams.news;
            self.pump(streams, Some(until))?;
            if streams.news != before {
                until = end.min(Instant::now() + NO_NEWS);
            }
        }
        streams.finish(&mut |which, bytes| self.pass_on(which, bytes));
        if self.stopped() {
            self.end(&mut self.ending_by_stop(plan.grace), child, streams, kin)?;
        }
        Ok(())
    }

    /// Waits until something of the streams can be done, and does it; or until then, or anything is caught.
    fn pump(&self, streams: &mut Streams, until: Option<Instant>) -> io::Result<()> {
        if !streams.is_any() {
            self.block(&[], until)?;
            return Ok(());
        }
        let outlet = self.output.outlet();
        let unwritten = outlet.unwritten();
        let slots = streams.slots(|which| unwritten.contains(&(which, true)));
        let mut fds: Vec<_> = slots.iter().map(|(_, pipe, interest)| (pipe.as_fd(), *interest)).collect();
        fds.extend(unwritten.iter().map(|(which, _)| (which.own(), Interest::Writable)));
        let ready = self.block(&fds, until)?;
        let acting: Vec<Slot> = slots.iter().zip(&ready).filter(|(_, ready)| **ready).map(|((s, ..), _)| *s).collect();
        drop(slots);
        for slot in acting {
            streams.act(slot, &mut |which, bytes| self.pass_on(which, bytes));
        }
        for (which, _) in unwritten {
            outlet.try_write(which);
        }
        Ok(())
    }
}
