//! The lines of an interactive session: only some of what stops a line ends the session.

use std::io;

use super::State;
use super::asking::CaughtDeadly;
use super::outcome::Blemish;
use super::stop::Stop;
use crate::sys::interrupts::Waker;
use crate::sys::process;
use crate::sys::signal::Signal;
use crate::sys::status::{Status, terminate};

/// A line that somebody edits on the terminal, until this is dropped.
pub struct Editing<'a, H> {
    state: &'a State<H>,
    _caught: CaughtDeadly<'a, H>,
}

impl<H> Drop for Editing<'_, H> {
    fn drop(&mut self) {
        self.state.has_asked.set(false);
        // None of these ends PID 1 of a namespace.
        if let Some(signal) = self.state.deadly.take().filter(|_| process::own_pid() != 1) {
            terminate(Status::Signal(signal));
        }
    }
}

impl<H> State<H> {
    /// Ends a line, or the script before the first. An INT stops no more than that.
    ///
    /// # Returns
    ///
    /// What has stopped it.
    pub fn end_line(&self) -> Option<Stop> {
        let stop = if self.stopped() { self.top_stop() } else { None };
        if stop == Some(Stop::Signal(Signal::INT)) {
            self.begin_line();
        }
        stop
    }

    /// Begins a line after what has stopped the one before.
    pub fn begin_line(&self) {
        if let Some(script) = self.frames.borrow_mut().first_mut() {
            script.latch = None;
        }
        // Whoever pressed the key again and again meant what has stopped.
        self.blemishes.borrow_mut().retain(|blemish| !matches!(blemish, Blemish::Signal(Signal::INT)));
        self.ended_by.set(None);
        self.impatience.take();
        self.announced.set(false);
        self.refresh_attention();
    }

    /// Whether a command has written to the terminal since this was last asked: the cursor may be anywhere in its line.
    pub fn take_left_terminal(&self) -> bool {
        self.output.take_left()
    }

    /// Begins the editing of a line on the terminal by somebody else: what stagesh says meanwhile begins a line of its own,
    /// and a signal that would end the process waits until the terminal is as it was.
    ///
    /// # Errors
    ///
    /// The signal handlers could not be installed.
    pub fn edit(&self) -> io::Result<Editing<'_, H>> {
        let caught = self.catch_deadly()?;
        self.has_asked.set(true);
        Ok(Editing { state: self, _caught: caught })
    }

    /// Stops this process and its group, as the key of the terminal does, until somebody has them go on.
    pub fn suspend(&self) {
        // No other thread takes signals: it has stopped when this returns. It fails for nobody: the group is its own.
        let _ = process::send(0, Some(Signal::TSTP));
    }

    /// Whether the editing of a line must end.
    pub fn must_stop_editing(&self) -> bool {
        self.stopped() || self.deadly.get().is_some()
    }

    /// Waits until a thread has something to say, or what runs must stop.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn wait_for_thread(&self) -> io::Result<()> {
        self.block(&[], None).map(drop)
    }

    /// Something with which a thread ends [`State::wait_for_thread`].
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.interrupts.waker()
    }

    /// Has a line editor give up the key that it waits for: it takes an INT while it reads. Elsewhere the INT is nobody's.
    pub fn interrupt_editor(&self) {
        // The one that is ignored has no handler but the editor's.
        let is_ignored = self.interrupts.ignored_at_start().contains(Signal::INT);
        if !is_ignored && self.interrupts.catch(Signal::INT).is_err() {
            return;
        }
        // No other thread takes it: it has come when this returns. Source: kill(2).
        if process::send(process::own_pid(), Some(Signal::INT)).is_ok() {
            let others = self.interrupts.take().into_iter().filter(|caught| caught.signal != Signal::INT);
            others.for_each(|caught| self.catch(caught));
        }
        if !is_ignored && !self.traps.borrow().is_trapped(Signal::INT) {
            self.interrupts.release(Signal::INT);
        }
        // The editor's thread takes this one: a read that waits ends, and the editor sees the INT.
        let _ = process::send(process::own_pid(), Some(Signal::WINCH));
    }
}
