//! What a builtin raises: data first, then a sentence.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map, Position};

use super::record::Record;
use crate::host::reason;
use crate::sys::process::{Ended, Unstartable};
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
    /// The words of a command are wrong.
    Words(&'static str, String),
    /// More is read than a string holds.
    TooLong(&'static str),
    /// A text is no JSON; where and why.
    Json(String),
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
    /// A command failed.
    Command {
        /// The command, quoted.
        command: String,
        /// How it ended.
        ended: Ended,
        /// What it had written to a captured standard output.
        stdout: Option<String>,
        /// More of the reason, if there is more.
        note: Option<&'static str>,
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

impl Error {
    /// The word that a script finds in `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Unstartable { .. } | Self::Spawn { .. } => "program",
            Self::System { .. } => "system",
            Self::UnknownField { .. } => "field",
            Self::Json(_) => "json",
            _ => "argument",
        }
    }

    fn fields(&self) -> Map {
        let mut map = Map::new();
        if let Self::Command { command, ended, stdout, .. } = self {
            map.insert("command".into(), command.clone().into());
            map.insert("code".into(), i64::from(ended.code()).into());
            map.insert("signal".into(), ended.signal_name().map_or(Dynamic::UNIT, Into::into));
            map.insert("stdout".into(), stdout.clone().map_or(Dynamic::UNIT, Into::into));
            map.insert("stderr".into(), Dynamic::UNIT);
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
            Self::Words(verb, what) => write!(f, "{verb}: {what}"),
            Self::TooLong(verb) => write!(f, "{verb}: there are more than the 2 GiB that a string holds"),
            Self::Json(why) => write!(f, "parse_json: the text is no JSON: {why}"),
            Self::Unstartable { command, program, why } => {
                write!(f, "cannot start `{command}`: ")?;
                match why {
                    Unstartable::NotInPath { searched } => {
                        write!(f, "`{program}` was not found in PATH ({})", list_directories(searched))
                    }
                    Unstartable::Missing => write!(f, "`{program}` does not exist"),
                    Unstartable::Directory => write!(f, "`{program}` is a directory"),
                    Unstartable::NotExecutable(file) => {
                        write!(f, "`{}` is not executable (chmod +x)", file.display())
                    }
                }
            }
            Self::Spawn { command, error } => write!(f, "cannot start `{command}`: {}", reason(error)),
            Self::Command { command, ended, note, .. } => {
                match ended.signal_name() {
                    Some(signal) => write!(f, "`{command}` was killed by {signal}")?,
                    None => write!(f, "`{command}` exited with {}", ended.code())?,
                }
                note.map_or(Ok(()), |note| write!(f, ": {note}"))
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
