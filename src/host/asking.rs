//! Asking a person on the terminal, wherever the standard streams go.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use super::{HANG_UP, State, reason};
use crate::sys::descriptor::{self, Interest};
use crate::sys::process;
use crate::sys::signal::Signal;
use crate::sys::status::{Status, terminate};
use crate::sys::terminal::{Key, Terminal};

/// Whether the terminal shows what is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Echo {
    /// It does.
    On,
    /// It does not.
    Off,
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// There is no terminal.
    NoTerminal,
    /// Another job has the terminal: to read would stop this one.
    InBackground,
    /// The input has ended, as by Ctrl-D.
    Ended,
    /// The system refused something.
    Failed(io::Error),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTerminal => f.write_str("there is no terminal to ask on"),
            Self::InBackground => f.write_str("the terminal is not to be had in the background"),
            Self::Ended => f.write_str("the input has ended without an answer"),
            Self::Failed(error) => write!(f, "cannot ask on the terminal: {}", reason(error)),
        }
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Signals that are caught although they are not trapped.
pub(super) struct CaughtDeadly<'a, H> {
    state: &'a State<H>,
    signals: Vec<Signal>,
}

impl<H> Drop for CaughtDeadly<'_, H> {
    fn drop(&mut self) {
        self.signals.iter().for_each(|signal| self.state.interrupts().release(*signal));
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Hush<'a, H> {
    terminal: &'a Terminal,
    // Dropped after the terminal was restored.
    _caught: CaughtDeadly<'a, H>,
}

impl<H> Drop for Hush<'_, H> {
    fn drop(&mut self) {
        self.terminal.restore();
    }
}

impl<H> State<H> {
    /// Asks a question, and waits for a line.
    ///
    /// # Returns
    ///
    /// The line without its end; `None` if what runs must stop.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub fn ask(&self, question: &str, echo: Echo) -> Result<Option<Vec<u8>>, Unanswered> {
        let terminal = Terminal::now().ok_or(Unanswered::NoTerminal)?;
        if !terminal.is_ours() {
            return Err(Unanswered::InBackground);
        }
        // Whoever resumes a job may have changed the terminal.
        self.interrupts().watch_resumption()?;
        // The line that shows which stages run would be written into the question.
        let _alone = self.output.leave_terminal();
        let hush = (echo == Echo::Off).then(|| self.hush(&terminal)).transpose()?;
        self.has_asked.set(true);
        let answer = match self.put(&terminal, question) {
            Ok(true) => self.read_answer(&terminal, question, echo),
            Ok(false) => Ok(None),
            Err(why) => Err(why),
        };
        drop(hush);
        if echo == Echo::On && matches!(answer, Ok(Some(_))) {
            // The key that ended the line was shown.
            self.has_asked.set(false);
        }
        self.end_question();
        if self.is_over(&terminal) { Ok(None) } else { answer }
    }

    /// Catches what would end the process and leave the terminal as it is, until the result is dropped.
    pub(super) fn catch_deadly(&self) -> io::Result<CaughtDeadly<'_, H>> {
        let mut caught = CaughtDeadly { state: self, signals: Vec::new() };
        for signal in self.traps.borrow().deadly() {
            self.interrupts().catch(signal)?;
            caught.signals.push(signal);
        }
        Ok(caught)
    }

    fn hush<'a>(&'a self, terminal: &'a Terminal) -> io::Result<Hush<'a, H>> {
        let hush = Hush { terminal, _caught: self.catch_deadly()? };
        terminal.hush();
        Ok(hush)
    }

    /// Whether what runs must stop. By a signal that is not trapped the process dies, with the terminal as it was.
    fn is_over(&self, terminal: &Terminal) -> bool {
        let is_stopped = self.stopped();
        // None of these ends PID 1 of a namespace.
        if let Some(signal) = self.deadly.take().filter(|_| process::own_pid() != 1) {
            terminal.restore();
            self.end_question();
            terminate(Status::Signal(signal));
        }
        is_stopped
    }

    /// Ends the line of a question that stands on the terminal.
    pub(super) fn end_question(&self) {
        if self.has_asked.replace(false)
            && let Some(terminal) = Terminal::now()
        {
            let _ = terminal.write(b"\n");
        }
    }

    /// Writes to the terminal, however slowly it takes it.
    ///
    /// # Returns
    ///
    /// False if what runs must stop.
    fn put(&self, terminal: &Terminal, text: &str) -> Result<bool, Unanswered> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if self.is_over(terminal) {
                return Ok(false);
            }
            match terminal.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.block(&[(terminal.as_fd(), Interest::Writable)], None)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.meet_end(terminal, Unanswered::Failed(error)).map(|_| false),
            }
        }
        Ok(true)
    }

    fn read_answer(&self, terminal: &Terminal, question: &str, echo: Echo) -> Result<Option<Vec<u8>>, Unanswered> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            if self.is_over(terminal) {
                return Ok(None);
            }
            if echo == Echo::Off {
                terminal.hush_again();
            }
            // In the background the read stops this process, until it is in the foreground again.
            match terminal.read(&mut byte) {
                Ok(0) if line.is_empty() || descriptor::is_hung_up(terminal.as_fd()) => {
                    return self.meet_end(terminal, Unanswered::Ended);
                }
                Ok(0) => return Ok(Some(line)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.block(&[(terminal.as_fd(), Interest::Readable)], None)?;
                    continue;
                }
                Err(error) => return self.meet_end(terminal, Unanswered::Failed(error)),
            }
            let key = match echo {
                Echo::Off => terminal.key(byte[0]),
                Echo::On if byte == *b"\n" => Key::Enter,
                Echo::On => Key::Byte(byte[0]),
            };
            match key {
                Key::Enter => return Ok(Some(line)),
                Key::End if line.is_empty() => return Err(Unanswered::Ended),
                Key::End => return Ok(Some(line)),
                Key::Byte(byte) => line.push(byte),
                Key::Erase => erase(&mut line),
                Key::EraseWord => erase_word(&mut line),
                Key::Kill => line.clear(),
                Key::Signal(signal) => {
                    line.clear();
                    terminal.restore();
                    self.end_question();
                    // As the terminal would. No other thread takes signals: it has come, or this process was stopped and
                    // goes on, when this returns. Source: kill(2).
                    process::signal_group(process::own_group(), signal);
                    if self.is_over(terminal) {
                        return Ok(None);
                    }
                    terminal.hush_again();
                    self.has_asked.set(true);
                    self.put(terminal, question)?;
                }
            }
        }
    }

    /// A terminal that was closed is at its end before its HUP has come, and the script would go on.
    fn meet_end(&self, terminal: &Terminal, why: Unanswered) -> Result<Option<Vec<u8>>, Unanswered> {
        if descriptor::is_hung_up(terminal.as_fd()) {
            self.sleep_until(Instant::now().checked_add(HANG_UP))?;
            if self.stopped() {
                return Ok(None);
            }
        }
        Err(why)
    }
}

/// Takes back a character, which may be several bytes.
fn erase(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

/// Takes back a word and the blanks after it.
fn erase_word(line: &mut Vec<u8>) {
    let is_blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    while is_blank(line.last()) {
        line.pop();
    }
    while !line.is_empty() && !is_blank(line.last()) {
        line.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_and_a_word_are_taken_back_whole() {
        let erased = |text: &str, erase: fn(&mut Vec<u8>)| {
            let mut line = text.as_bytes().to_vec();
            erase(&mut line);
            String::from_utf8(line).expect("nothing is cut")
        };
        assert_eq!(erased("aé", erase), "a");
        assert_eq!(erased("a€", erase), "a");
        assert_eq!(erased("", erase), "");
        assert_eq!(erased("one two  ", erase_word), "one ");
        assert_eq!(erased("one", erase_word), "");
    }
}
