//! `run`, `sh`, `shell`, `capture`, `succeeds`, `quote`: commands.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, ImmutableString};

use super::error::{Error, stopped};
use super::{Call, Host, Outcome, Room, args};
use crate::host::running::Finished;
use crate::host::settings::Origin;
use crate::sys::process::{Ended, Group, Spawn, Stream, find_program};
use crate::sys::signal::Signal;
use crate::sys::terminal;

/// A program and its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    words: Vec<OsString>,
}

/// Registers the room.
pub fn register(room: &mut Room<'_>) {
    room.engine
        .register_type_with_name::<Command>("command")
        .register_fn("to_string", |command: &mut Command| command.quoted())
        .register_fn("to_debug", |command: &mut Command| command.quoted());
    room.add("run", |call, given| {
        run(call.host, &Command::parse("run", call.engine(), &given[0])?)?;
        Ok(Dynamic::UNIT)
    });
    room.add("shell", |call, given| Ok(Dynamic::from(Command::shell("shell", call.engine(), given)?)));
    room.add("sh", |call, given| {
        run(call.host, &Command::shell("sh", call.engine(), given)?)?;
        Ok(Dynamic::UNIT)
    });
    room.add("capture", |call: &Call<'_>, given: &[Dynamic]| -> Outcome {
        let command = Command::parse("capture", call.engine(), &given[0])?;
        let finished = command.execute(call.host, Stream::Pipe)?;
        let text = without_trailing_newlines(&finished.stdout);
        ensure_success(&command, &finished, Some(&text))?;
        Ok(text.into())
    });
    room.add("succeeds", |call, given| {
        let command = Command::parse("succeeds", call.engine(), &given[0])?;
        let finished = command.execute(call.host, Stream::Null)?;
        Ok(finished.ended.success().into())
    });
    room.add("quote", |call, given| {
        let value = &given[0];
        let text = if value.is_array() || value.is::<Command>() {
            Command::parse("quote", call.engine(), value)?.quoted()
        } else {
            quote(&word("quote", call.engine(), value, "the word")?)
        };
        Ok(text.into())
    });
}

/// Runs a command and raises if it fails.
///
/// # Errors
///
/// It cannot be started, it failed, or the run is stopped.
pub fn run(host: &Host, command: &Command) -> Result<(), Box<EvalAltResult>> {
    let finished = command.execute(host, Stream::Inherit)?;
    ensure_success(command, &finished, None)
}

fn ensure_success(command: &Command, finished: &Finished, stdout: Option<&str>) -> Result<(), Box<EvalAltResult>> {
    let note = if finished.wanted_terminal.is_some() {
        Some("it wants the terminal, which a command of a handler does not have; `foreground: true` would give it")
    } else if finished.wrote_too_much {
        Some("it wrote more than the 2 GiB that can be captured")
    } else if finished.ended.success() {
        return Ok(());
    } else {
        None
    };
    Err(Error::Command { command: command.quoted(), ended: finished.ended, stdout: stdout.map(Into::into), note }
        .into())
}

fn without_trailing_newlines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\n').to_string()
}

impl Command {
    /// The command that a value stands for: an array of words, or what `shell` made.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], [`Error::Words`].
    pub fn parse(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<Self, Error> {
        if let Some(command) = value.read_lock::<Self>() {
            return Ok(command.clone());
        }
        if value.is_string() {
            let text = args::text(verb, engine, value)?;
            let what = format!(
                "a command is an array, not a string: [{:?}, …], or sh({text:?}) to have a shell split it",
                text.split_whitespace().next().unwrap_or_default(),
            );
            return Err(Error::Words(verb, what));
        }
        let Some(array) = value.read_lock::<Array>() else {
            let expected = "a command: an array of a program and its words".into();
            return Err(Error::Argument { verb, expected, given: args::describe(engine, value) });
        };
        let mut words = Vec::with_capacity(array.len());
        collect(verb, engine, &array, &mut words, "")?;
        if words.is_empty() {
            return Err(Error::Words(verb, "the array is empty: it names no program (sh(\"…\") runs a text)".into()));
        }
        if words[0].is_empty() {
            return Err(Error::Words(verb, "the program's name is empty".into()));
        }
        Ok(Self { words })
    }

    /// The command by which a shell runs a text, its arguments as `"$1"`, `"$2"`, …
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], [`Error::Words`].
    pub fn shell(verb: &'static str, engine: &Engine, given: &[Dynamic]) -> Result<Self, Error> {
        let (text, rest) = given.split_first().expect("the table gives it a text");
        let text = args::text(verb, engine, text)?;
        let mut words: Vec<OsString> = ["/bin/sh", "-euc"].map(OsString::from).to_vec();
        words.push(word(verb, engine, &Dynamic::from(text), "the text")?);
        // The name by which the shell calls itself in its messages.
        words.push("sh".into());
        collect(verb, engine, rest, &mut words, "argument ")?;
        Ok(Self { words })
    }

    /// Text that a shell reads back as this command.
    #[must_use]
    pub fn quoted(&self) -> String {
        self.words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
    }

    /// The words as a script gave them.
    #[must_use]
    pub fn words_as_values(&self) -> Array {
        self.words.iter().map(|word| super::input::from_os(word)).collect()
    }

    /// Runs it to its end.
    fn execute(&self, host: &Host, stdout: Stream) -> Result<Finished, Box<EvalAltResult>> {
        let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let program = find_program(&self.words[0], path).map_err(|why| Error::Unstartable {
            command: self.quoted(),
            program: self.words[0].to_string_lossy().into_owned(),
            why,
        })?;
        super::output::flush(host)?;
        if host.settings.trace {
            let line = host.settings.style.command(&format!("+ {}", self.quoted()));
            host.write_stderr(&format!("{line}\n"));
        }
        if host.checkpoint() {
            return Err(stopped());
        }
        let shielded = host.in_handler();
        // A job in the background has its terminal back when it is brought to the foreground, with all of it.
        let group = if !shielded && terminal::is_there() { Group::Shared } else { Group::Own };
        let reads_nothing = shielded || host.settings.origin == Origin::Stdin;
        let stderr = if matches!(stdout, Stream::Null) { Stream::Null } else { Stream::Inherit };
        let finished = host
            .supervise(&Spawn {
                program: &program,
                words: &self.words,
                env: &environment,
                group,
                stdin: if reads_nothing { Stream::Null } else { Stream::Inherit },
                stdout,
                stderr,
            })
            .map_err(|error| Error::Spawn { command: self.quoted(), error })?;
        if finished.ended == Ended::Killed(Signal::PIPE.number()) && matches!(stdout, Stream::Inherit) {
            host.look_at_stdout();
        }
        if host.checkpoint() {
            return Err(stopped());
        }
        Ok(finished)
    }
}

fn collect(
    verb: &'static str,
    engine: &Engine,
    values: &[Dynamic],
    words: &mut Vec<OsString>,
    place: &str,
) -> Result<(), Error> {
    for (index, value) in values.iter().enumerate() {
        let place = if place.is_empty() { format!("word {}", index + 1) } else { format!("{place}{}", index + 1) };
        if let Some(inner) = value.read_lock::<Array>() {
            collect(verb, engine, &inner, words, &format!("{place}, element "))?;
        } else {
            words.push(word(verb, engine, value, &place)?);
        }
    }
    Ok(())
}

fn word(verb: &'static str, engine: &Engine, value: &Dynamic, place: &str) -> Result<OsString, Error> {
    let bytes = if let Some(text) = value.read_lock::<ImmutableString>() {
        text.as_bytes().to_vec()
    } else if let Some(blob) = value.read_lock::<Blob>() {
        blob.clone()
    } else if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        value.to_string().into_bytes()
    } else {
        let given = args::describe(engine, value);
        return Err(Error::Words(verb, format!("{place} is {given}, which cannot be a word of a command")));
    };
    if bytes.contains(&0) {
        return Err(Error::Words(verb, format!("{place} contains a NUL, which no command can be given")));
    }
    Ok(OsString::from_vec(bytes))
}

/// What a shell takes for its own where a command begins. Source: POSIX, "Shell Command Language", 2.4; and bash's.
const RESERVED: [&str; 20] = [
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "function",
    "if",
    "in",
    "namespace",
    "select",
    "then",
    "time",
    "typeset",
    "until",
    "while",
    "repeat",
];

/// Text that a shell reads back as just this word. Source: POSIX, "Shell Command Language", 2.2.
#[must_use]
pub fn quote(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+,-./:@_".contains(byte);
    let is_reserved = word.to_str().is_some_and(|word| RESERVED.contains(&word));
    if !bytes.is_empty() && bytes.iter().all(plain) && !is_reserved {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if bytes.is_empty() {
        return "''".into();
    }
    let is_readable = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let mut quoted = String::new();
    for chunk in bytes.utf8_chunks() {
        for same in chunk.valid().chars().collect::<Vec<_>>().chunk_by(|a, b| is_readable(*a) == is_readable(*b)) {
            let text: String = same.iter().collect();
            if is_readable(same[0]) {
                quoted.push_str(&format!("'{}'", text.replace('\'', r"'\''")));
            } else {
                quoted.push_str(&octal(text.as_bytes()));
            }
        }
        if !chunk.invalid().is_empty() {
            quoted.push_str(&octal(chunk.invalid()));
        }
    }
    quoted
}

/// Bytes that no text shows, in a form that every POSIX shell reads back: `$'…'` would be shorter, but is
/// unknown to dash.
fn octal(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("\"$(printf '{escaped}')\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_is_left_alone_and_any_other_is_quoted() {
        let quoted = |text: &str| quote(OsStr::new(text));
        assert_eq!(quoted("a-b_c.d/e:f@g%h,i+j"), "a-b_c.d/e:f@g%h,i+j");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME *"), "'$HOME *'");
        assert_eq!(quoted("~"), "'~'");
        assert_eq!(quoted("a=b"), "'a=b'");
        assert_eq!(quoted("while"), "'while'");
        assert_eq!(quoted("a\nb"), "'a\nb'");
        assert_eq!(quoted("\x1b[1m"), r#""$(printf '\033')"'[1m'"#);
        assert_eq!(quote(OsStr::from_bytes(b"a\xff")), r#"'a'"$(printf '\377')""#);
    }
}
