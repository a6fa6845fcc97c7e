//! The map of options that a verb which runs a command takes last.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::error::Error;
use super::{args, command, names};
use crate::host::environment::Changes;
use crate::host::plan::{Sink, Source};

/// What a script has said of how a command is to run; what it has not said is `None`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// Changes of the environment.
    pub env: Changes,
    /// Standard input.
    pub stdin: Option<Source>,
    /// Standard output.
    pub stdout: Option<Sink>,
    /// Standard error.
    pub stderr: Option<Sink>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// The time between a signal to it and KILL.
    pub grace: Option<Duration>,
    /// The statuses that are no failure.
    pub ok: Option<Vec<i32>>,
    /// What reports call it.
    pub name: Option<String>,
    /// Whether what it says is held back unless it fails.
    pub quiet: bool,
    /// Whether it has the terminal.
    pub foreground: Option<bool>,
}

/// The keys.
const KEYS: [&str; 11] =
    ["cwd", "env", "foreground", "grace", "name", "ok", "quiet", "stderr", "stdin", "stdout", "timeout"];

const INPUTS: &str = "\"inherit\", \"null\", #{file: path} or #{text: string or blob}";
const PIPED_INPUTS: &str = "\"inherit\", \"null\", \"pipe\", #{file: path} or #{text: string or blob}";
const OUTPUTS: &str = "\"inherit\", \"capture\", \"tee\", \"null\" or #{file: path, append: bool}";
const ERRORS: &str = "\"inherit\", \"capture\", \"tee\", \"null\", \"stdout\" or #{file: path, append: bool}";

/// What reads one map of options.
pub struct Reader<'a> {
    /// What was given the map.
    pub verb: &'static str,
    /// The interpreter.
    pub engine: &'a Engine,
}

impl Options {
    /// Reads what a verb was given after its command.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], [`Error::UnknownOption`], [`Error::Option`].
    pub fn parse(verb: &'static str, engine: &Engine, given: Option<&Dynamic>) -> Result<Self, Error> {
        let Some(given) = given else { return Ok(Self::default()) };
        let Some(map) = given.read_lock::<Map>() else {
            let expected = "a map of options after the command".into();
            return Err(Error::Argument { verb, expected, given: args::describe(engine, given) });
        };
        let reader = Reader { verb, engine };
        let mut options = Self::default();
        for (key, value) in map.iter() {
            reader.read(&mut options, key, value)?;
        }
        Ok(options)
    }
}

/// What any map of options is read with.
impl Reader<'_> {
    /// The map, none of whose keys is unknown.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`], [`Error::UnknownOption`].
    pub fn map(&self, given: &Dynamic, known: &'static [&'static str]) -> Result<Map, Error> {
        let Some(map) = given.read_lock::<Map>() else {
            let given = args::describe(self.engine, given);
            return Err(Error::Argument { verb: self.verb, expected: "a map of options".into(), given });
        };
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => Err(self.unknown(None, unknown, known)),
            None => Ok(map.clone()),
        }
    }

    /// An option has the wrong type or value.
    #[must_use]
    pub fn wrong(&self, key: &str, expected: &str, value: &Dynamic) -> Error {
        let given = args::describe(self.engine, value);
        Error::Option { verb: self.verb, key: key.into(), expected: expected.into(), given }
    }

    /// An option does not go with the rest.
    #[must_use]
    pub fn contradicted(&self, key: &str, why: &str) -> Error {
        Error::Misuse(self.verb, format!("`{key}`: {why}"))
    }

    /// There is no such option.
    #[must_use]
    pub fn unknown(&self, of: Option<&str>, key: &str, known: &'static [&'static str]) -> Error {
        Error::UnknownOption { verb: self.verb, of: of.map(Into::into), key: key.into(), known }
    }

    /// A time in seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Option`].
    pub fn seconds(&self, key: &str, value: &Dynamic) -> Result<Duration, Error> {
        let expected = "a number of seconds, at least 0";
        args::seconds(self.verb, self.engine, value).map_err(|_| self.wrong(key, expected, value))
    }

    /// A text that a report has in a line.
    ///
    /// # Errors
    ///
    /// [`Error::Option`].
    pub fn line(&self, key: &str, value: &Dynamic) -> Result<String, Error> {
        line_of(value).ok_or_else(|| self.wrong(key, "a line that is not empty", value))
    }
}

impl Reader<'_> {
    fn read(&self, options: &mut Options, key: &str, value: &Dynamic) -> Result<(), Error> {
        match key {
            "cwd" => options.cwd = Some(self.path("cwd", value)?),
            "env" => options.env = self.environment(value)?,
            "stdin" => options.stdin = Some(self.source(value)?),
            "stdout" => options.stdout = Some(self.sink("stdout", OUTPUTS, value)?),
            "stderr" => options.stderr = Some(self.sink("stderr", ERRORS, value)?),
            "timeout" => options.timeout = Some(self.seconds("timeout", value)?),
            "grace" => options.grace = Some(self.seconds("grace", value)?),
            "ok" => options.ok = Some(self.statuses(value)?),
            "name" => options.name = Some(self.line("name", value)?),
            "quiet" => options.quiet = self.bool("quiet", value)?,
            "foreground" => options.foreground = Some(self.bool("foreground", value)?),
            _ => return Err(self.unknown(None, key, &KEYS)),
        }
        Ok(())
    }

    fn path(&self, key: &str, value: &Dynamic) -> Result<PathBuf, Error> {
        let expected = "a path, not empty and without a NUL";
        args::path(self.verb, self.engine, value).map_err(|_| self.wrong(key, expected, value))
    }

    /// A bool.
    ///
    /// # Errors
    ///
    /// [`Error::Option`].
    pub fn bool(&self, key: &str, value: &Dynamic) -> Result<bool, Error> {
        value.as_bool().map_err(|_| self.wrong(key, "true or false", value))
    }

    fn statuses(&self, value: &Dynamic) -> Result<Vec<i32>, Error> {
        let wrong = |value: &Dynamic| self.wrong("ok", "an array of at least one status (0 to 255)", value);
        let array = value.read_lock::<Array>().filter(|array| !array.is_empty()).ok_or_else(|| wrong(value))?;
        let status = |value: &Dynamic| value.as_int().ok().and_then(|code| u8::try_from(code).ok()).map(i32::from);
        array.iter().map(|value| status(value).ok_or_else(|| wrong(value))).collect()
    }

    fn environment(&self, value: &Dynamic) -> Result<Changes, Error> {
        let map = value.read_lock::<Map>();
        let map = map.ok_or_else(|| self.wrong("env", "a map of names and values", value))?;
        let change = |(name, value): (&_, &Dynamic)| {
            let name: &rhai::Identifier = name;
            if !args::is_variable(name.as_bytes()) {
                let shown = Dynamic::from(name.to_string());
                return Err(self.wrong("env", "a map of names, none of them empty or with `=` or a NUL", &shown));
            }
            let key = format!("env.{name}");
            let value = if value.is_unit() { None } else { Some(self.variable(&key, value)?) };
            Ok((OsString::from(name.as_str()), value))
        };
        map.iter().map(change).collect()
    }

    fn variable(&self, key: &str, value: &Dynamic) -> Result<OsString, Error> {
        command::word(self.verb, self.engine, value, key)
            .map_err(|_| self.wrong(key, "a string, a blob, a number, a bool, or () to unset it, without a NUL", value))
    }

    fn source(&self, value: &Dynamic) -> Result<Source, Error> {
        let expected = if self.verb == "start" { PIPED_INPUTS } else { INPUTS };
        if let Some(map) = value.read_lock::<Map>() {
            let known = &["file", "text"];
            if let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(self.unknown(Some("stdin"), unknown, known));
            }
            return match (map.get("file"), map.get("text")) {
                (Some(path), None) => Ok(Source::File(self.path("stdin.file", path)?)),
                (None, Some(text)) => {
                    let bytes = args::bytes(text);
                    bytes.map(Source::Bytes).ok_or_else(|| self.wrong("stdin.text", "a string or a blob", text))
                }
                (Some(_), Some(_)) => Err(self.contradicted("stdin", "`file` and `text` exclude each other")),
                (None, None) => Err(self.contradicted("stdin", "its map has neither `file` nor `text`")),
            };
        }
        match value.read_lock::<ImmutableString>().as_deref().map(ImmutableString::as_str) {
            Some("inherit") => Ok(Source::Inherit),
            Some("null") => Ok(Source::Null),
            Some("pipe") if self.verb == "start" => Ok(Source::Pipe),
            _ => Err(self.wrong("stdin", expected, value)),
        }
    }

    fn sink(&self, key: &str, expected: &str, value: &Dynamic) -> Result<Sink, Error> {
        if let Some(map) = value.read_lock::<Map>() {
            if let Some(unknown) = map.keys().find(|name| !matches!(name.as_str(), "file" | "append")) {
                return Err(self.unknown(Some(key), unknown, &["file", "append"]));
            }
            let Some(path) = map.get("file") else { return Err(self.contradicted(key, "its map has no `file`")) };
            let append = map.get("append").map_or(Ok(false), |append| self.bool(&format!("{key}.append"), append))?;
            return Ok(Sink::File { path: self.path(&format!("{key}.file"), path)?, append });
        }
        match value.read_lock::<ImmutableString>().as_deref().map(ImmutableString::as_str) {
            Some("inherit") => Ok(Sink::Inherit),
            Some("capture") => Ok(Sink::Capture),
            Some("tee") => Ok(Sink::Tee),
            Some("null") => Ok(Sink::Null),
            Some("stdout") if key == "stderr" => Ok(Sink::Stdout),
            _ => Err(self.wrong(key, expected, value)),
        }
    }
}

/// A text of one line, not empty and without what moves the cursor.
#[must_use]
pub fn line_of(value: &Dynamic) -> Option<String> {
    let text = value.read_lock::<ImmutableString>().map(|text| text.to_string());
    text.filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
}

/// What an error says of a name that is not known: the nearest, and all of them.
#[must_use]
pub fn instead(name: &str, known: &[&'static str]) -> String {
    let nearest = names::nearest(name, known.iter().copied());
    let nearest = nearest.map_or_else(String::new, |nearest| format!("did you mean `{nearest}`? "));
    let verb = if known.len() == 1 { "is" } else { "are" };
    format!("{nearest}there {verb} {}", known.join(", "))
}
