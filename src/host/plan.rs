//! What a command is to be: the program, where its streams go, and how long it may take.

use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::seconds;
use crate::sys::process::{Ended, Group};

/// Where the standard input of a command comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The host's own.
    Inherit,
    /// Nothing.
    Null,
    /// A file.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the script writes while the command runs.
    Pipe,
}

/// Where the standard output or error of a command goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sink {
    /// To the host's own.
    Inherit,
    /// To the script.
    Capture,
    /// To the host's own, and to the script.
    Tee,
    /// Nowhere.
    Null,
    /// To a file, which is emptied first unless `append`.
    File {
        /// The file.
        path: PathBuf,
        /// Whether what it has is kept.
        append: bool,
    },
    /// Of standard error: wherever standard output goes, in order.
    Stdout,
}

impl Sink {
    /// Whether the script gets what is written.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Capture | Self::Tee)
    }

    /// Whether it goes to the host's own stream, at once or held back.
    #[must_use]
    pub fn is_passed_on(&self) -> bool {
        matches!(self, Self::Inherit | Self::Tee)
    }
}

/// A command to start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program's file.
    pub program: PathBuf,
    /// The name it is called by and its arguments.
    pub words: Vec<OsString>,
    /// Its whole environment, where that is not the host's.
    pub env: Option<Rc<[(OsString, OsString)]>>,
    /// Its working directory, if it is not the host's.
    pub directory: Option<PathBuf>,
    /// Its process group.
    pub group: Group,
    /// Its standard input.
    pub stdin: Source,
    /// Its standard output.
    pub stdout: Sink,
    /// Its standard error.
    pub stderr: Sink,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// The time between a signal to it and KILL.
    pub grace: Duration,
    /// The statuses that are no failure.
    pub ok: Vec<i32>,
    /// What the script calls it: precedes each line that is passed on.
    pub name: Option<String>,
    /// The command as it could be typed.
    pub command: String,
    /// Whether what would be passed on is held back unless it fails.
    pub quiet: bool,
}

/// What the host has done to a command, beside waiting for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing: it ended by itself, or the run was stopped.
    Own,
    /// It was killed because it wanted the terminal.
    WantedTerminal,
    /// It was killed because it wrote more than can be captured.
    WroteTooMuch,
    /// Its time was up.
    TimedOut,
    /// The script has stopped it.
    Stopped,
}

/// How a command came to its end, as the rest of a sentence about it.
#[must_use]
pub fn how(ended: Ended, fate: Fate, timeout: Option<Duration>) -> String {
    let how = match (fate, ended.signal_name()) {
        (Fate::TimedOut, _) => match timeout {
            Some(limit) => format!("timed out after {}", seconds(limit)),
            None => "timed out".into(),
        },
        (Fate::Stopped, _) => "was stopped".into(),
        (_, Some(signal)) => format!("was killed by {signal}"),
        (_, None) => format!("exited with {}", ended.code()),
    };
    let why = match fate {
        Fate::WantedTerminal => ": it wants the terminal, which it does not have",
        Fate::WroteTooMuch => ": it wrote more than the 2 GiB that can be captured",
        _ => "",
    };
    how + why
}

impl Plan {
    /// What reports call it.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.command)
    }

    /// Whether it writes to the terminal of the host by itself, or reads it, if there is one.
    pub(super) fn uses_terminal(&self) -> bool {
        let is_its_own = |sink: &Sink| *sink == Sink::Inherit && self.name.is_none() && !self.quiet;
        self.group == Group::Shared || is_its_own(&self.stdout) || is_its_own(&self.stderr)
    }

    /// Whether a command that has ended so has done what it should.
    #[must_use]
    pub fn is_ok(&self, ended: Ended, fate: Fate) -> bool {
        fate == Fate::Own && self.ok.contains(&ended.code())
    }
}
