//! What a run writes, and what becomes of it where a reader is slow, dead, or does not read.

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use super::outcome::Blemish;
use super::output::Fault;
use super::stop::Phase;
use super::{PATIENCE, State, WriteError, reason};
use crate::sys::descriptor::{self, Interest, Which};
use crate::sys::interrupts::{Caught, Sender};
use crate::sys::signal::Signal;
use crate::sys::status::{Status, terminate};

/// Of what a reader of standard error does not read no more is kept.
const MOST_UNREAD: usize = 1 << 20;

impl<H> State<H> {
    /// Prints a line on standard output.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; never while the clean-up runs.
    pub fn print(&self, text: &str) -> Result<(), WriteError> {
        if self.log.is_open() {
            self.log.add(&format!("{text}\n"));
        }
        if self.output_is_dead.get() {
            return Ok(());
        }
        if self.output.print(&self.log.masked(text), || self.interrupts.waker()) { self.flush() } else { Ok(()) }
    }

    /// Writes what was printed. The clean-up waits for a reader that does not read no longer than a second, and
    /// then keeps what is left for later.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; in the clean-up never [`WriteError::Failed`].
    pub fn flush(&self) -> Result<(), WriteError> {
        loop {
            match self.output.write_some() {
                Ok(true) => {
                    self.stdout_is_stuck.set(false);
                    return Ok(());
                }
                Ok(false) => {}
                Err(fault) => return self.meet(fault),
            }
            if self.phase.get() == Phase::Running && self.stopped() {
                return Err(WriteError::Stopped);
            }
            if !self.wait_for_reader(Which::Stdout.own(), &self.stdout_is_stuck)? {
                return Ok(());
            }
        }
    }

    /// Writes text of the script to standard error, after what was printed. One that is dead is no matter; what a reader
    /// does not read that the clean-up has waited for is kept for later, as far as that goes.
    ///
    /// # Errors
    ///
    /// As [`State::flush`].
    pub fn eprint(&self, text: &str) -> Result<(), WriteError> {
        self.log.add(text);
        self.flush()?;
        self.eprint_bytes(self.log.masked(text).as_bytes())
    }

    /// The same of what the log has already, and is masked.
    pub(super) fn eprint_bytes(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.add_to_stderr(bytes);
        while !self.output.outlet().try_write(Which::Stderr) {
            if self.stopped() {
                return Err(WriteError::Stopped);
            }
            if !self.wait_for_reader(Which::Stderr.own(), &self.stderr_is_stuck)? {
                return Ok(());
            }
        }
        self.stderr_is_stuck.set(false);
        Ok(())
    }

    fn add_to_stderr(&self, bytes: &[u8]) {
        if !self.stderr_is_stuck.get() || self.output.outlet().waiting(Which::Stderr) < MOST_UNREAD {
            self.output.outlet().add(Which::Stderr, bytes);
        }
    }

    /// Passes on what a command has written, as far as that does not block; the rest is kept.
    pub(super) fn pass_on(&self, which: Which, bytes: &[u8]) {
        self.output.outlet().add(which, bytes);
    }

    /// Passes on much at once, and waits for the readers as they are.
    pub(super) fn pass_on_slowly(&self, which: Which, bytes: &[u8]) {
        self.pass_on(which, bytes);
        self.flush_passed_on();
    }

    /// Writes what commands have written. A run that is stopped does not wait for readers that are slow.
    pub(super) fn flush_passed_on(&self) {
        // Stopped: the clean-up goes on.
        let _ = self.eprint_bytes(&[]);
        if self.output.outlet().is_slow(Which::Stdout)
            && let Err(WriteError::Failed(error)) = self.flush()
        {
            self.output.keep_fault(Fault::Failed(error));
        }
        self.output.leave_rest(|| self.interrupts.waker());
    }

    /// Waits until a reader reads. A reader that has made the clean-up wait once does not do it again.
    ///
    /// # Returns
    ///
    /// False if the clean-up goes on without it.
    fn wait_for_reader(&self, fd: BorrowedFd<'_>, is_stuck: &Cell<bool>) -> Result<bool, WriteError> {
        if self.cleaning_up() && is_stuck.get() {
            return Ok(false);
        }
        let until = self.cleaning_up().then(|| Instant::now() + PATIENCE);
        loop {
            let ready = self.block(&[(fd, Interest::Writable)], until);
            if ready.as_ref().is_ok_and(|ready| *ready == [true]) {
                return Ok(true);
            }
            if ready.is_err() || self.top_stop().is_some() {
                is_stuck.set(true);
                return Err(WriteError::Stopped);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                is_stuck.set(true);
                return Ok(false);
            }
        }
    }

    /// Waits at the end until slow readers have all that was written, unless a signal has come in the clean-up, or
    /// comes now: then nobody waits for them.
    pub fn drain(&self) {
        let is_signalled = || self.blemishes.borrow().iter().any(|blemish| matches!(blemish, Blemish::Signal(_)));
        let wait = |which: Which| !is_signalled() && self.block(&[(which.own(), Interest::Writable)], None).is_ok();
        loop {
            match self.output.write_some() {
                Ok(true) => break,
                Ok(false) => {}
                Err(fault) => {
                    let _ = self.meet(fault);
                    break;
                }
            }
            if !wait(Which::Stdout) {
                self.output.clear();
                break;
            }
        }
        while !self.output.outlet().try_write(Which::Stderr) && !self.stderr_is_stuck.get() && wait(Which::Stderr) {}
    }

    /// Draws the consequence of output that did not reach its reader.
    pub(super) fn meet(&self, fault: Fault) -> Result<(), WriteError> {
        if matches!(fault, Fault::Closed) {
            self.output_is_dead.set(true);
        }
        match fault {
            Fault::Closed if self.phase.get() != Phase::Running => Ok(()),
            Fault::Closed if self.traps.borrow().is_trapped(Signal::PIPE) => {
                // Below a handler of a `scope` it waits until the handler is done.
                self.catch(Caught { signal: Signal::PIPE, sender: Sender::Process });
                if self.in_handler() { Ok(()) } else { Err(WriteError::Stopped) }
            }
            // What a program does that leaves PIPE alone; but a handler is done first, and then it is done.
            Fault::Closed if self.in_handler() => Ok(()),
            Fault::Closed => self.die_of_pipe(),
            Fault::Failed(error) if self.cleaning_up() => {
                self.lose_output(&error);
                Ok(())
            }
            Fault::Failed(error) => Err(WriteError::Failed(error)),
        }
    }

    /// After a handler of a script that leaves PIPE alone: what it has met is acted on now.
    pub(super) fn die_of_dead_output(&self) {
        let is_running = self.phase.get() == Phase::Running;
        if self.output_is_dead.get() && is_running && !self.traps.borrow().is_trapped(Signal::PIPE) {
            self.die_of_pipe();
        }
    }

    fn die_of_pipe(&self) -> ! {
        let status = Status::Signal(Signal::PIPE);
        self.end_log(status);
        terminate(status)
    }

    /// Looks whether the reader of standard output is gone, which a command has died of.
    pub fn look_at_stdout(&self) {
        if descriptor::is_hung_up(Which::Stdout.own()) {
            let _ = self.meet(Fault::Closed);
        }
    }

    /// Says once that output is lost, and turns a status of 0 into 1.
    pub fn lose_output(&self, error: &io::Error) {
        if !self.output_loss_told.replace(true) {
            self.blemish(Blemish::Failure);
            self.complain(&format!("cannot write to standard output: {}", reason(error)));
        }
    }

    fn cleaning_up(&self) -> bool {
        self.in_handler() || self.phase.get() != Phase::Running
    }

    /// Writes text of stagesh's own to standard error, after what was printed, unless the reader of that is slow; and to
    /// the log. A reader of this that does not read gets a second, once: what is to be cleaned up does not wait for it.
    pub fn write_stderr(&self, text: &str) {
        self.log_report(text);
        self.show(text);
    }

    /// Tells of a command that is about to start. The log tells of it by itself.
    pub fn trace_command(&self, line: &str) {
        self.show(&format!("{}\n", self.settings.style.command(line)));
    }

    /// Writes what stands before what a person types. The log has no use for it.
    pub fn prompt(&self, text: &str) {
        self.show(text);
    }

    /// Writes to standard error alone.
    pub(super) fn show(&self, text: &str) {
        self.add_to_stderr(self.log.masked_report(text).as_bytes());
        while !self.output.outlet().try_write(Which::Stderr) {
            if self.stderr_is_stuck.get() || !descriptor::wait_writable_for(Which::Stderr.own(), PATIENCE) {
                return self.stderr_is_stuck.set(true);
            }
        }
        self.stderr_is_stuck.set(false);
    }

    /// Whether there is anybody whom [`State::say`] tells something.
    pub(super) fn says(&self) -> bool {
        !self.settings.quiet || self.log.is_open()
    }

    /// Says a line of stagesh's own, with `--quiet` in the log only.
    pub fn say(&self, line: &str) {
        if self.settings.quiet {
            self.log_report(&format!("stagesh: {line}"));
        } else {
            self.complain(line);
        }
    }

    /// Says a line of stagesh's own that `--quiet` does not silence: an error.
    pub fn complain(&self, line: &str) {
        self.end_question();
        self.write_stderr(&[&self.settings.style.name("stagesh:"), " ", line, "\n"].concat());
    }
}
