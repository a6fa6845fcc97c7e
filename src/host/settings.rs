//! What the command line said about a run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::log::Level;
use super::outcome::Reraise;

/// How the lines of stagesh itself are dressed. The floor that knows about colour fills it in.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Dresses the name that such a line begins with.
    pub name: fn(&str) -> String,
    /// Dresses a command that is printed before it runs.
    pub command: fn(&str) -> String,
    /// Dresses the name of a level of the log.
    pub level: fn(Level, &str) -> String,
}

impl Style {
    /// No dress at all.
    pub const PLAIN: Self = Self { name: str::to_string, command: str::to_string, level: |_, text| text.to_string() };

    /// The dressed name.
    #[must_use]
    pub fn name(&self, text: &str) -> String {
        (self.name)(text)
    }

    /// The dressed command.
    #[must_use]
    pub fn command(&self, text: &str) -> String {
        (self.command)(text)
    }

    /// The dressed name of a level.
    #[must_use]
    pub fn level(&self, level: Level, text: &str) -> String {
        (self.level)(level, text)
    }
}

/// Where colour is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Colors {
    /// On standard output.
    pub stdout: bool,
    /// On standard error.
    pub stderr: bool,
}

/// What folds the output of a stage in the log of a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Groups {
    /// Nothing.
    None,
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Azure Pipelines.
    Azure,
}

/// Where the script comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A file, by its canonical path.
    File(PathBuf),
    /// `-e`.
    Argument,
    /// Standard input, all of which is the script.
    Stdin,
    /// There is none: a person types what is evaluated.
    Person,
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The time between a signal to a command and KILL.
    pub grace: Duration,
    /// The limit for each handler that has none of its own.
    pub handler_timeout: Option<Duration>,
    /// No lines of stagesh's own but errors.
    pub quiet: bool,
    /// Each command is printed before it runs.
    pub trace: bool,
    /// Whether to die by the signal that ended the run.
    pub reraise: Reraise,
    /// What follows the script on the command line.
    pub args: Vec<OsString>,
    /// Where the script comes from.
    pub origin: Origin,
    /// How stagesh's own lines are dressed.
    pub style: Style,
    /// Where colour is wanted.
    pub colors: Colors,
    /// Whether a person goes on after the script: an INT stops what runs, and no more.
    pub interactive: bool,
    /// What folds the output of a stage.
    pub groups: Groups,
    /// Whether a line on the terminal shows which stages run.
    pub live: bool,
    /// Where the stages and their clean-up are to be reported: an absolute path.
    pub report: Option<PathBuf>,
}

impl Settings {
    /// The time between a signal to a command and KILL, unless the user says otherwise: long enough for a
    /// program that saves its work, short enough for a CI server that kills the job ten seconds later.
    pub const GRACE: Duration = Duration::from_secs(3);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Self::GRACE,
            handler_timeout: None,
            quiet: false,
            trace: false,
            reraise: Reraise::No,
            args: Vec::new(),
            origin: Origin::Argument,
            style: Style::PLAIN,
            colors: Colors::default(),
            interactive: false,
            groups: Groups::None,
            live: false,
            report: None,
        }
    }
}
