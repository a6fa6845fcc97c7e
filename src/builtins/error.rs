//! What a builtin raises: data first, then a sentence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map, Position};

use super::option_entry::Fault;
use super::record::Record;
use super::spelling::{harmless, visible};
use crate::host::asking::Unanswered;
use crate::host::plan::{Fate, how};
use crate::host::{reason, seconds, shortened};
use crate::sys::process::Ended;
use crate::sys::program::Unstartable;
use crate::sys::signal::SignalError;

/// What a builtin that was called wrongly, or that failed, raises.
#[derive(Debug)]
pub enum Error {
    /// An argument has the wrong type or value.
    Argument {
        /// What was called.
        verb: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        given: String,
    },
    /// The code is not from 0 to 255.
    Code(&'static str, i64),
    /// A signal cannot be had.
    Signal(&'static str, SignalError),
    /// A handler is no function.
    NotCallable(&'static str, String),
    /// No function has that name.
    UnknownFunction {
        /// What was called.
        verb: &'static str,
        /// The name.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A function takes another number of arguments.
    ArgumentCount {
        /// What was called.
        verb: &'static str,
        /// The function.
        name: String,
        /// The numbers it takes.
        takes: Vec<usize>,
        /// The number it was given.
        given: usize,
    },
    /// A name that a record of the host does not have.
    UnknownField {
        /// What the record is.
        record: &'static str,
        /// The name.
        name: String,
        /// The names it has.
        known: Vec<String>,
    },
    /// It cannot be used like that: why.
    Misuse(&'static str, String),
    /// A module cannot be imported: the whole sentence.
    Import(String),
    /// More is read than a string holds.
    TooLong(&'static str),
    /// A text is not what it should be.
    Text {
        /// What was called.
        verb: &'static str,
        /// The language that it should be in.
        language: &'static str,
        /// What is wrong.
        why: String,
        /// The line, from 1 on.
        line: usize,
        /// The character in it, from 1 on.
        column: usize,
    },
    /// A value that JSON cannot hold.
    NotJson {
        /// What was called.
        verb: &'static str,
        /// What is wrong, and where in the value.
        why: String,
    },
    /// A program cannot be started.
    Unstartable {
        /// The command, quoted.
        command: String,
        /// The program.
        program: String,
        /// Why not.
        why: Unstartable,
    },
    /// The system refused to start a program.
    Spawn {
        /// The command, quoted.
        command: String,
        /// Why.
        error: io::Error,
    },
    /// A file that a command should read or write cannot be opened.
    NoFile {
        /// The command, quoted.
        command: String,
        /// The file.
        path: PathBuf,
        /// The stream.
        stream: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// There is no such option.
    UnknownOption {
        /// What was called.
        verb: &'static str,
        /// The option whose map has the key.
        of: Option<String>,
        /// What was given.
        key: String,
        /// What there is.
        known: &'static [&'static str],
    },
    /// An option has the wrong type or value.
    Option {
        /// What was called.
        verb: &'static str,
        /// The option.
        key: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        given: String,
    },
    /// What a script says of an argument or option that it takes is wrong.
    Entry {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A question has no answer.
    Unanswered(&'static str, Unanswered),
    /// A command failed.
    Command(Box<FailedCommand>),
    /// Something did not happen in time.
    Late {
        /// What was called.
        verb: &'static str,
        /// What did not happen.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// A process that should run, and is no child, has ended.
    Gone {
        /// Its number.
        pid: i32,
    },
    /// What was printed, or passed on of a command, could not be written.
    Output(io::Error),
    /// Something could not be done to a file.
    File {
        /// What was called.
        verb: &'static str,
        /// What it should have done: "read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the file should have become.
        to: Option<PathBuf>,
        /// Why not.
        error: io::Error,
    },
    /// The system refused something.
    System {
        /// What was called.
        verb: &'static str,
        /// What it should have done.
        action: String,
        /// Why not.
        error: io::Error,
    },
}

/// A command that failed, or ended when it should not.
#[derive(Clone, Debug)]
pub struct FailedCommand {
    /// What the script calls it.
    pub name: Option<String>,
    /// The command, quoted.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// What the host has done to it.
    pub fate: Fate,
    /// How long it could run, if it had a limit.
    pub timeout: Option<Duration>,
    /// Whether it failed because it ended at all.
    pub should_run: bool,
    /// Whether `foreground: true` would give it the terminal.
    pub may_have_terminal: bool,
    /// What was captured of its standard output.
    pub stdout: Option<String>,
    /// What was captured of its standard error.
    pub stderr: Option<String>,
}

/// So many of the last lines that a command has said are told with its failure.
const LAST_LINES: usize = 10;

/// And no more of each.
const LINE_LENGTH: usize = 500;

impl FailedCommand {
    /// The last lines of what was captured: of standard error, if there are any.
    fn last_words(&self) -> Option<(&'static str, Vec<String>)> {
        let said = [("stderr", &self.stderr), ("stdout", &self.stdout)].into_iter().find_map(|(stream, text)| {
            let text = text.as_deref()?.trim_end();
            (!text.is_empty()).then_some((stream, text))
        });
        let (stream, text) = said?;
        let mut lines: Vec<String> = text.lines().rev().take(LAST_LINES).map(shown).collect();
        lines.reverse();
        Some((stream, lines))
    }
}

/// A line as a report shows it: short, and nothing in it moves the cursor.
fn shown(line: &str) -> String {
    shortened(&visible(line), LINE_LENGTH)
}

impl fmt::Display for FailedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, ended) = (short(&self.command), &self.ended);
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        let how = how(*ended, self.fate, self.timeout);
        if self.fate == Fate::Own && self.should_run {
            write!(f, "`{command}` has ended: it {how}")?;
        } else {
            write!(f, "`{command}` {how}")?;
        }
        if self.fate == Fate::WantedTerminal && self.may_have_terminal {
            f.write_str(" in a handler; `foreground: true` would give it")?;
        }
        if self.fate == Fate::Own && ended.success() && !self.should_run {
            f.write_str(", which `ok` does not name")?;
        }
        if let Some((stream, lines)) = self.last_words() {
            write!(f, "; the end of its {stream}:")?;
            for line in lines {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

/// A path as a sentence has it: of one line.
fn plain(path: &Path) -> String {
    harmless(&path.to_string_lossy())
}

/// A command as a sentence has it: the whole is in the error's `command`.
fn short(command: &str) -> String {
    shortened(command, LINE_LENGTH)
}

/// A sentence of Rhai's as ours begin.
#[must_use]
pub fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // Not a name in capitals.
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_string(),
    }
}

/// The kind of an error of the language itself: a name that is unknown, a wrong type, a division by zero, no such module.
pub const SCRIPT: &str = "script";

impl Error {
    /// A text that is wrong at this byte.
    #[must_use]
    pub fn text(verb: &'static str, language: &'static str, text: &str, at: usize, why: String) -> Self {
        let before = &text.as_bytes()[..at.min(text.len())];
        let of_line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // A character has one byte that continues none.
        let column = 1 + of_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Self::Text { verb, language, why, line, column }
    }

    /// The word that a script finds in `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Command(failed) if failed.fate == Fate::TimedOut => "timeout",
            Self::Command(_) | Self::Gone { .. } => "command",
            Self::Late { .. } => "timeout",
            Self::NoFile { error, .. } if error.kind() == io::ErrorKind::TimedOut => "timeout",
            Self::Unstartable { .. } | Self::Spawn { .. } => "program",
            Self::File { .. } => "file",
            Self::System { .. } | Self::NoFile { .. } | Self::Output(_) | Self::Unanswered(..) => "system",
            Self::UnknownField { .. } => "field",
            Self::Text { language, .. } => language,
            Self::NotJson { .. } => "json",
            Self::Import(_) => SCRIPT,
            _ => "argument",
        }
    }

    fn fields(&self) -> Map {
        let mut map = Map::new();
        match self {
            Self::Command(failed) => {
                let text = |text: &Option<String>| text.clone().map_or(Dynamic::UNIT, Into::into);
                map.insert("command".into(), failed.command.clone().into());
                map.insert("code".into(), i64::from(failed.ended.code()).into());
                map.insert("signal".into(), failed.ended.signal_name().map_or(Dynamic::UNIT, Into::into));
                map.insert("stdout".into(), text(&failed.stdout));
                map.insert("stderr".into(), text(&failed.stderr));
            }
            Self::Unstartable { command, .. } | Self::Spawn { command, .. } | Self::NoFile { command, .. } => {
                map.insert("command".into(), command.into());
            }
            Self::File { path, error, .. } => {
                map.insert("path".into(), super::args::from_os(path.as_os_str()));
                map.insert("reason".into(), reason(error).into());
            }
            // Whoever catches it asks for the same as of a command.
            Self::Late { .. } | Self::Gone { .. } => {
                for name in ["command", "code", "signal", "stdout", "stderr"] {
                    map.insert(name.into(), Dynamic::UNIT);
                }
            }
            _ => {}
        }
        map
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument { verb, expected, given } => write!(f, "{verb}: expected {expected}, not {given}"),
            Self::Code(verb, code) => write!(f, "{verb}: code {code} is out of range (0 to 255)"),
            Self::Signal(verb, error) => write!(f, "{verb}: {error}"),
            Self::NotCallable(verb, given) => {
                write!(f, "{verb}: a handler is a function, a closure or a command (an array), not {given}")
            }
            Self::UnknownFunction { verb, name, nearest } => {
                write!(f, "{verb}: there is no function `{name}`")?;
                nearest.as_ref().map_or(Ok(()), |nearest| write!(f, " (did you mean `{nearest}`?)"))
            }
            Self::ArgumentCount { verb, name, takes, given } => {
                write!(f, "{verb}: {}", count_sentence(name, takes, *given))
            }
            Self::UnknownField { record, name, known } => {
                write!(f, "{record} has no `{name}`")?;
                match super::names::nearest(name, known.iter().map(String::as_str)) {
                    Some(nearest) => write!(f, " (did you mean `{nearest}`?)"),
                    None => write!(f, " (it has {})", known.join(", ")),
                }
            }
            Self::Misuse(verb, what) => write!(f, "{verb}: {what}"),
            Self::Import(sentence) => f.write_str(sentence),
            Self::TooLong(verb) => write!(f, "{verb}: there are more than the 2 GiB that a string holds"),
            Self::Text { verb, why, line, column, .. } => write!(f, "{verb}: {why} at line {line} column {column}"),
            Self::NotJson { verb, why } => write!(f, "{verb}: {why}"),
            Self::Unstartable { command, program, why } => {
                write!(f, "cannot start `{}`: ", short(command))?;
                match why {
                    Unstartable::NotInPath { searched } => {
                        write!(f, "`{program}` was not found in PATH ({})", list_directories(searched))
                    }
                    Unstartable::Missing => write!(f, "`{program}` does not exist"),
                    Unstartable::Unreachable(why) => {
                        write!(f, "`{program}` cannot be reached: {}", reason(&(*why).into()))
                    }
                    Unstartable::Directory => write!(f, "`{program}` is a directory"),
                    Unstartable::NotExecutable(file) => {
                        write!(f, "`{}` is not executable (chmod +x)", file.display())
                    }
                    Unstartable::NoFormat(file) => {
                        write!(f, "`{}` is no program, and no script with a `#!` line", file.display())
                    }
                    Unstartable::NoInterpreter { file, interpreter, is_directory } => {
                        let (file, interpreter) = (file.display(), interpreter.display());
                        let why = if *is_directory { "is a directory" } else { "does not exist" };
                        write!(f, "`{file}` is to be run by `{interpreter}`, which {why}")
                    }
                    Unstartable::NoLoader(file) => {
                        write!(f, "what is to load `{}` does not exist: is it for another system?", file.display())
                    }
                    Unstartable::NoDirectory(path, why) => {
                        let why = io::Error::from(*why);
                        if why.kind() == io::ErrorKind::NotFound {
                            write!(f, "there is no working directory `{}`", path.display())
                        } else {
                            write!(f, "its working directory `{}` is none: {}", path.display(), reason(&why))
                        }
                    }
                    Unstartable::TooLong => {
                        f.write_str("its words and its environment are longer than the system takes")
                    }
                }
            }
            Self::Spawn { command, error } => write!(f, "cannot start `{}`: {}", short(command), reason(error)),
            Self::NoFile { command, path, stream, error } => {
                write!(
                    f,
                    "cannot start `{}`: cannot open `{}` for its {stream}: {}",
                    short(command),
                    path.display(),
                    reason(error)
                )
            }
            Self::UnknownOption { verb, of: None, key, known } => {
                write!(f, "{verb}: there is no option `{key}` ({})", super::options::instead(key, known))
            }
            Self::UnknownOption { verb, of: Some(option), key, known } => {
                write!(f, "{verb}: `{option}` has no key `{key}` ({})", super::options::instead(key, known))
            }
            Self::Option { verb, key, expected, given } => write!(f, "{verb}: `{key}` is {expected}, not {given}"),
            Self::Entry { entry, fault } => write!(f, "options: {entry}: {fault}"),
            Self::Unanswered(verb, why) => write!(f, "{verb}: {why}"),
            Self::Command(failed) => failed.fmt(f),
            Self::Output(error) => write!(f, "cannot write to standard output: {}", reason(error)),
            Self::Gone { pid } => write!(f, "process {pid} has ended"),
            Self::Late { verb, what, limit } => write!(f, "{verb}: {what} after {}", seconds(*limit)),
            Self::File { verb, action, path, to, error } => {
                write!(f, "{verb}: cannot {action} `{}`", plain(path))?;
                if let Some(to) = to {
                    write!(f, " to `{}`", plain(to))?;
                }
                write!(f, ": {}", reason(error))
            }
            Self::System { verb, action, error } => write!(f, "{verb}: cannot {action}: {}", reason(error)),
        }
    }
}

/// The sentence about a function that is given a number of arguments which it does not take.
#[must_use]
pub fn count_sentence(name: &str, takes: &[usize], given: usize) -> String {
    let was = if given == 1 { "was" } else { "were" };
    let plural = if takes == [1] { "argument" } else { "arguments" };
    let numbers = match takes {
        // Not `1 or 2 or 3 or 4`.
        [first, .., last] if takes.len() > 2 && last - first + 1 == takes.len() => format!("{first} to {last}"),
        takes => takes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    };
    format!("function `{name}` takes {numbers} {plural} but {given} {was} given")
}

fn list_directories(directories: &[PathBuf]) -> String {
    directories.iter().map(|d| d.display().to_string()).collect::<Vec<_>>().join(":")
}

impl std::error::Error for Error {}

impl From<Error> for Box<EvalAltResult> {
    fn from(error: Error) -> Self {
        let mut fields = error.fields();
        fields.insert("message".into(), error.to_string().into());
        fields.insert("kind".into(), error.kind().into());
        EvalAltResult::ErrorRuntime(Dynamic::from(Record::new("the error", fields)), Position::NONE).into()
    }
}

/// What ends the evaluation once a stop is latched: only the vehicle, the latch is the truth.
#[must_use]
pub fn stopped() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into()
}

/// The message of a value that was thrown: of an error of the host its `message`, of anything else its text.
#[must_use]
pub fn thrown_message(value: &Dynamic) -> String {
    if let Some(record) = value.read_lock::<Record>() {
        return record.message();
    }
    if let Some(map) = value.read_lock::<Map>()
        && let Some(message) = map.get("message")
    {
        return message.clone().into_string().unwrap_or_else(|_| message.to_string());
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.to_string();
    }
    let text = value.to_string();
    // A type of the host has no text but its name in the host.
    if text == value.type_name() { format!("a {}", text.rsplit("::").next().unwrap_or(&text)) } else { text }
}
