//! The REPL: reads a line, evaluates it, shows what it gives, until somebody leaves.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use unicode_width::UnicodeWidthStr;

use super::commands::{self, Desk, Done};
use super::editor::{Editor, Typed, is_whole};
use super::help;
use crate::builtins::{Host, input};
use crate::engine::complete::{Command, Known, complete};
use crate::engine::failure::Failure;
use crate::engine::session::{Evaluated, Session};
use crate::engine::show::Limits;
use crate::host::outcome::{Blemish, Outcome};
use crate::host::stop::Stop;
use crate::host::{HANG_UP, WriteError};
use crate::sys::descriptor;
use crate::sys::signal::Signal;
use crate::sys::terminal;

const PROMPT: &str = "> ";

/// What is to be done next.
enum Input {
    Text(String),
    /// The line was given up.
    Nothing,
    /// There is no more.
    End,
    /// The run must stop.
    Stopped,
}

/// Where lines come from.
enum Source {
    Editor(Editor),
    /// No terminal, or one that cannot be edited on.
    Lines {
        prompt: bool,
    },
}

/// A person at work.
pub struct Repl<'s, 'i> {
    session: &'s mut Session<'i>,
    host: &'s Host,
    tell: &'s dyn Fn(&Failure),
    source: Source,
    /// What was typed, left and right of the cursor, when the next line was suspended.
    begun: (String, String),
    /// What was evaluated well.
    inputs: Vec<String>,
    /// The last text that was evaluated, well or not.
    last: String,
    /// What was saved.
    saved: Vec<PathBuf>,
}

/// Goes on after a script, or after nothing: reads and evaluates until somebody leaves.
///
/// # Arguments
///
/// How the script ended. A signal other than INT ends the session before it begins.
///
/// # Returns
///
/// How the run ends.
pub fn after(session: &mut Session<'_>, before: Outcome, tell: &dyn Fn(&Failure)) -> Outcome {
    let host = session.interpreter().host().clone();
    if matches!(before, Outcome::Signalled(signal) if signal != Signal::INT) {
        return before;
    }
    host.begin_line();
    let source = source(&host);
    let mut repl = Repl {
        session,
        host: &host,
        tell,
        source,
        begun: Default::default(),
        inputs: Vec::new(),
        last: String::new(),
        saved: Vec::new(),
    };
    let stop = repl.run(&before);
    match stop {
        // The first that is not 0 decides.
        Some(stop) if before.status() == 0 => Outcome::of_stop(stop),
        _ => before,
    }
}

fn source(host: &Host) -> Source {
    let is_terminal = stdin().is_terminal();
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    if !is_terminal || is_dumb {
        return Source::Lines { prompt: is_terminal };
    }
    match Editor::start(host.waker(), host.settings.colors.stdout) {
        Ok(editor) => Source::Editor(editor),
        Err(_) => Source::Lines { prompt: true },
    }
}

impl Repl<'_, '_> {
    /// # Returns
    ///
    /// What has ended it; `None` if the person has left.
    fn run(&mut self, before: &Outcome) -> Option<Stop> {
        let is_person = stdin().is_terminal();
        if is_person {
            self.host.say(&match before {
                Outcome::Finished => "`:help` helps, Ctrl-D cleans up and leaves".into(),
                Outcome::Exited(code) => format!("the script has called exit({code}); Ctrl-D cleans up"),
                Outcome::Failed(_) => "the script has failed; `:vars` shows what was there, Ctrl-D cleans up".into(),
                Outcome::Signalled(signal) => format!("the script was stopped by {signal}; Ctrl-D cleans up"),
            });
        }
        loop {
            match self.read() {
                Input::Text(text) if text.trim().is_empty() => {}
                Input::Text(text) => {
                    if !self.act(text) {
                        return None;
                    }
                }
                Input::Nothing | Input::Stopped => {}
                Input::End => return None,
            }
            if let Some(stop) = self.host.end_line().filter(|stop| *stop != Stop::Signal(Signal::INT)) {
                return Some(stop);
            }
        }
    }

    fn say(&self, line: &str) {
        // What cannot be written is told at the end.
        let _ = self.host.print(line);
    }

    fn read(&mut self) -> Input {
        match self.host.flush() {
            Ok(()) => {}
            Err(WriteError::Stopped) => return Input::Stopped,
            Err(WriteError::Failed(error)) => self.host.lose_output(&error),
        }
        match &self.source {
            Source::Editor(editor) => {
                self.go_to_margin();
                let command = |known: &commands::Command| Command { name: known.name, takes: known.takes };
                let commands: Vec<Command<'_>> = commands::ALL.iter().map(command).collect();
                let known = Known { commands: &commands, signatures: &|name| help::signatures(name).collect() };
                let complete = |text: &str, at: usize| complete(self.session, &known, text, at);
                let begun = std::mem::take(&mut self.begun);
                match editor.read(&**self.host, PROMPT, (&begun.0, &begun.1), &complete) {
                    Some(Typed::Text(text)) => Input::Text(text),
                    Some(Typed::Interrupted) => Input::Nothing,
                    Some(Typed::Suspended(left, right)) => {
                        self.host.suspend();
                        self.begun = (left, right);
                        Input::Nothing
                    }
                    Some(Typed::End | Typed::Lost(_)) if self.is_hung_up() => self.hang_up(),
                    Some(Typed::End) => Input::End,
                    Some(Typed::Lost(why)) => {
                        editor.restore_terminal();
                        self.host.complain(&format!("the line editor has failed ({why}): lines are read as they come"));
                        self.source = Source::Lines { prompt: true };
                        Input::Nothing
                    }
                    None => Input::Stopped,
                }
            }
            Source::Lines { prompt } => self.read_lines(*prompt),
        }
    }

    /// Begins a line of the screen, unless there the cursor is: as wide as the screen, a mark and blanks go on into a new
    /// line only from within one.
    fn go_to_margin(&self) {
        let screen = stdout();
        if !self.host.take_left_terminal() || !screen.is_terminal() || !stderr().is_terminal() {
            return;
        }
        let width = terminal::width(screen.as_fd()).unwrap_or(80);
        let mark = if self.host.settings.colors.stdout { "\x1b[2m%\x1b[0m" } else { "%" };
        self.host.prompt(&format!("{mark}{}\r \r", " ".repeat(width.saturating_sub(1))));
    }

    fn is_hung_up(&self) -> bool {
        descriptor::is_hung_up(stdin().as_fd())
    }

    /// A terminal that is gone, whose HUP may be on its way, or is none of ours.
    fn hang_up(&self) -> Input {
        let _ = self.host.sleep_until(Instant::now().checked_add(HANG_UP));
        if self.host.top_stop().is_none() {
            self.host.stop(Stop::Signal(Signal::HUP));
        }
        Input::Stopped
    }

    fn read_lines(&self, prompt: bool) -> Input {
        let mut text = String::new();
        loop {
            if prompt {
                self.host.prompt(if text.is_empty() { PROMPT } else { ". " });
            }
            match input::read_line(self.host) {
                Ok(Some(line)) => text.push_str(&input::lossy(line)),
                Ok(None) if text.is_empty() => return Input::End,
                // What is not whole says so itself.
                Ok(None) => return Input::Text(text),
                Err(_) if self.host.top_stop().is_some() => return Input::Stopped,
                Err(_) if self.is_hung_up() => return self.hang_up(),
                Err(error) => {
                    self.host.complain(&self.host.describe(&error));
                    self.host.blemish(Blemish::Failure);
                    return Input::End;
                }
            }
            if is_whole(&text) {
                return Input::Text(text);
            }
            text.push('\n');
        }
    }

    /// Does what a text says.
    ///
    /// # Returns
    ///
    /// Whether the person goes on.
    fn act(&mut self, text: String) -> bool {
        if !text.trim_start().starts_with(':') {
            let evaluated = self.session.line(&text);
            self.show(text, evaluated);
            return true;
        }
        let limits = self.limits();
        let Self { session, inputs, saved, last, .. } = self;
        match (Desk { session, limits, inputs, last, saved }).run(&text) {
            Ok(Done::Here) => {}
            Ok(Done::Evaluated(text, evaluated)) => self.show(text, evaluated),
            Ok(Done::Edited(text, evaluated)) => {
                if let Source::Editor(editor) = &self.source {
                    editor.remember(&text);
                }
                self.show(text, evaluated);
            }
            Ok(Done::Quit) => return false,
            Err(failure) => (self.tell)(&failure),
        }
        true
    }

    fn show(&mut self, text: String, evaluated: Evaluated) {
        match evaluated {
            Evaluated::Value(value) => {
                if !value.is_unit() {
                    self.say(&self.session.show(&value, &self.limits()));
                }
                self.inputs.push(text.clone());
            }
            Evaluated::Failed(failure) => (self.tell)(&failure),
            Evaluated::Stopped(Stop::Signal(Signal::INT)) => {
                // Over the `^C` that the terminal has shown.
                let start = if stderr().is_terminal() { "\r" } else { "" };
                self.host.write_stderr(&format!("{start}interrupted\n"));
            }
            Evaluated::Stopped(_) => {}
        }
        self.last = text;
    }

    fn limits(&self) -> Limits {
        let screen = stdout();
        let width = if screen.is_terminal() { terminal::width(screen.as_fd()) } else { None };
        Limits { width: width.unwrap_or(Limits::default().width), measure: UnicodeWidthStr::width, ..Limits::default() }
    }
}
