//! `run`, `sh`, `shell`, `capture`, `succeeds`, `attempt`, `quote`, `which`: commands.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rhai::{Array, Dynamic, Engine, EvalAltResult, Map};

use super::error::{Error, FailedCommand, stopped};
use super::options::Options;
use super::record::Record;
use super::{Call, CallResult, Host, Registry, args};
use crate::host::plan::{Fate, Plan, Sink, Source};
use crate::host::running::{Finished, Unstarted};
use crate::host::settings::Origin;
use crate::sys::process::{Ended, Group};
use crate::sys::program;
use crate::sys::signal::Signal;

/// A program and its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    words: Vec<OsString>,
}

/// A verb that runs a command, and where the streams go unless the script says.
pub struct Verb {
    name: &'static str,
    stdin: Source,
    stdout: Sink,
    stderr: Sink,
}

const RUN: Verb = Verb { name: "run", stdin: Source::Inherit, stdout: Sink::Inherit, stderr: Sink::Inherit };
const SH: Verb = Verb { name: "sh", ..RUN };
const CAPTURE: Verb = Verb { name: "capture", stdout: Sink::Capture, ..RUN };
const SUCCEEDS: Verb = Verb { name: "succeeds", stdout: Sink::Null, stderr: Sink::Null, ..RUN };
const ATTEMPT: Verb = Verb { name: "attempt", stdout: Sink::Capture, stderr: Sink::Capture, ..RUN };
/// `start`, which shares this.
pub const START: Verb = Verb { name: "start", stdin: Source::Null, ..RUN };

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    if registry.vocabulary.has("shell") {
        registry
            .engine
            .register_type_with_name::<Command>("command")
            .register_fn("to_string", |command: &mut Command| command.quoted())
            .register_fn("to_debug", |command: &mut Command| command.quoted());
    }
    registry.add("run", |call, given| {
        let command = Command::parse("run", call.engine(), &given[0])?;
        command.execute_well(call, &RUN, given.get(1))?;
        Ok(Dynamic::UNIT)
    });
    registry.add("shell", |call, given| Ok(Dynamic::from(Command::shell("shell", call.engine(), given)?)));
    registry.add("sh", |call, given| {
        let (options, given) = match given.split_last() {
            Some((last, rest)) if last.is_map() && !rest.is_empty() => (Some(last), rest),
            _ => (None, given),
        };
        let command = Command::shell("sh", call.engine(), given)?;
        command.execute_well(call, &SH, options)?;
        Ok(Dynamic::UNIT)
    });
    registry.add("capture", |call, given| {
        let command = Command::parse("capture", call.engine(), &given[0])?;
        let finished = command.execute_well(call, &CAPTURE, given.get(1))?;
        Ok(finished.stdout.map_or(Dynamic::UNIT, |bytes| text(bytes).into()))
    });
    registry.add("succeeds", |call, given| {
        let command = Command::parse("succeeds", call.engine(), &given[0])?;
        let (plan, finished) = command.execute(call, &SUCCEEDS, given.get(1))?;
        Ok(plan.is_ok(finished.ended, finished.fate).into())
    });
    registry.add("attempt", |call: &Call<'_>, given: &[Dynamic]| -> CallResult {
        let command = Command::parse("attempt", call.engine(), &given[0])?;
        let (plan, finished) = command.execute(call, &ATTEMPT, given.get(1))?;
        Ok(result(Some((plan.is_ok(finished.ended, finished.fate), finished.ended)), finished))
    });
    registry.add("quote", |call, given| {
        let value = &given[0];
        let text = if value.is_array() || value.is::<Command>() {
            Command::parse("quote", call.engine(), value)?.quoted()
        } else {
            quote(&word("quote", call.engine(), value, "the word")?)
        };
        Ok(text.into())
    });
    registry.add("which", |call, given| {
        let name = word("which", call.engine(), &given[0], "the name")?;
        let found = program::find(&name, call.host.environment.path(&Vec::new()).as_deref(), None);
        Ok(found.map_or(Dynamic::UNIT, |file| args::from_os(file.as_os_str())))
    });
}

/// Runs a command as `run` does, and raises if it fails.
///
/// # Errors
///
/// It cannot be started, it failed, or the run is stopped.
pub fn run(host: &Host, command: &Command) -> Result<(), Box<EvalAltResult>> {
    let mut plan = command.plan(host, &RUN, Options::default())?;
    let finished = execute(host, &mut plan)?;
    ensure_success(host, &plan, finished).map(drop)
}

/// What `attempt` and `wait` give: `ok`, `code`, `signal`, `stdout`, `stderr`, `seconds`, `timed_out`.
///
/// # Arguments
///
/// Whether it went well and how it ended, if that is known.
pub fn result(end: Option<(bool, Ended)>, finished: Finished) -> Dynamic {
    let mut map = Map::new();
    let text = |bytes: Option<Vec<u8>>| bytes.map_or(Dynamic::UNIT, |bytes| text(bytes).into());
    map.insert("ok".into(), end.map_or(Dynamic::UNIT, |(is_ok, _)| is_ok.into()));
    map.insert("code".into(), end.map_or(Dynamic::UNIT, |(_, ended)| i64::from(ended.code()).into()));
    map.insert("signal".into(), end.and_then(|(_, ended)| ended.signal_name()).map_or(Dynamic::UNIT, Into::into));
    map.insert("stdout".into(), text(finished.stdout));
    map.insert("stderr".into(), text(finished.stderr));
    map.insert("seconds".into(), finished.took.as_secs_f64().into());
    map.insert("timed_out".into(), (finished.fate == Fate::TimedOut).into());
    Dynamic::from(Record::new("the result", map))
}

fn ensure_success(host: &Host, plan: &Plan, finished: Finished) -> Result<Finished, Box<EvalAltResult>> {
    if plan.is_ok(finished.ended, finished.fate) {
        return Ok(finished);
    }
    let failed = FailedCommand { may_have_terminal: host.in_handler(), ..failure(plan, finished.ended, finished.fate) };
    let (stdout, stderr) = (finished.stdout.map(text), finished.stderr.map(text));
    Err(Error::Command(Box::new(FailedCommand { stdout, stderr, ..failed })).into())
}

/// The failure of a command, without what it wrote.
#[must_use]
pub fn failure(plan: &Plan, ended: Ended, fate: Fate) -> FailedCommand {
    FailedCommand {
        name: plan.name.clone(),
        command: plan.command.clone(),
        ended,
        fate,
        timeout: plan.timeout,
        should_run: false,
        may_have_terminal: false,
        stdout: None,
        stderr: None,
    }
}

/// What was captured as a string, without its trailing newlines.
#[must_use]
pub fn text(bytes: Vec<u8>) -> String {
    let mut text = super::input::lossy(bytes);
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// Runs a command to its end.
fn execute(host: &Host, plan: &mut Plan) -> Result<Finished, Box<EvalAltResult>> {
    let finished = host.supervise(plan).map_err(|why| unstarted(plan, why))?;
    // A shell that has lost a command so says it with its status.
    if finished.ended.code() == Ended::Killed(Signal::PIPE.number()).code() && plan.stdout.is_passed_on() {
        host.look_at_stdout();
    }
    if plan.stdout.is_passed_on() {
        super::output::flush(host)?;
    }
    if host.checkpoint() {
        return Err(stopped());
    }
    Ok(finished)
}

/// The error of a command that could not be started.
#[must_use]
pub fn unstarted(plan: &Plan, why: Unstarted) -> Error {
    let command = plan.command.clone();
    match why {
        Unstarted::NoFile(no) => Error::NoFile { command, path: no.path, stream: no.stream, error: no.error },
        Unstarted::Refused(error) => match program::explain(&error, &plan.program) {
            Some(why) => Error::Unstartable { command, program: plan.words[0].to_string_lossy().into_owned(), why },
            None => Error::Spawn { command, error },
        },
    }
}

impl Command {
    /// A program and its words, as they are.
    #[must_use]
    pub fn new(words: Vec<OsString>) -> Self {
        Self { words }
    }

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
            return Err(Error::Misuse(verb, what));
        }
        let Some(array) = value.read_lock::<Array>() else {
            let expected = "a command: an array of a program and its words".into();
            return Err(Error::Argument { verb, expected, given: args::describe(engine, value) });
        };
        let mut words = Vec::with_capacity(array.len());
        collect(verb, engine, &array, &mut words, &|| "word".into())?;
        if words.is_empty() {
            return Err(Error::Misuse(verb, "the array is empty: it names no program (sh(\"…\") runs a text)".into()));
        }
        if words[0].is_empty() {
            return Err(Error::Misuse(verb, "the program's name is empty".into()));
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
        if text.starts_with(['-', '+']) {
            // It is no options. Source: POSIX, "sh" and "Utility Syntax Guidelines", 10.
            words.push("--".into());
        }
        words.push(word(verb, engine, &Dynamic::from(text), "the text")?);
        // The name by which the shell calls itself in its messages.
        words.push("sh".into());
        collect(verb, engine, rest, &mut words, &|| "argument".into())?;
        Ok(Self { words })
    }

    /// Text that a shell reads back as this command.
    #[must_use]
    pub fn quoted(&self) -> String {
        let mut text = String::with_capacity(self.words.iter().map(|word| word.len() + 1).sum());
        for word in &self.words {
            if !text.is_empty() {
                text.push(' ');
            }
            match plain(word) {
                Some(word) => text.push_str(word),
                None => text.push_str(&quote(word)),
            }
        }
        text
    }

    /// The words as a script gave them.
    #[must_use]
    pub fn words_as_values(&self) -> Array {
        self.words.iter().map(|word| args::from_os(word)).collect()
    }

    /// Runs it to its end; a failure is an error.
    fn execute_well(
        &self,
        call: &Call<'_>,
        verb: &Verb,
        given: Option<&Dynamic>,
    ) -> Result<Finished, Box<EvalAltResult>> {
        let (plan, finished) = self.execute(call, verb, given)?;
        ensure_success(call.host, &plan, finished)
    }

    /// Runs it to its end.
    fn execute(
        &self,
        call: &Call<'_>,
        verb: &Verb,
        given: Option<&Dynamic>,
    ) -> Result<(Plan, Finished), Box<EvalAltResult>> {
        let options = Options::parse(verb.name, call.engine(), given)?;
        if verb.name == "capture" && options.stdout.as_ref().is_some_and(|stdout| !stdout.is_kept()) {
            let why = "`stdout` is \"capture\" or \"tee\": its text is what `capture` gives";
            return Err(Error::Misuse(verb.name, why.into()).into());
        }
        let mut plan = self.plan(call.host, verb, options)?;
        let finished = execute(call.host, &mut plan)?;
        Ok((plan, finished))
    }

    /// What is to be started: all that has come before is written, and the command is told, if it is to be traced.
    ///
    /// # Errors
    ///
    /// There is no such program, or the run is stopped.
    pub fn plan(&self, host: &Host, verb: &Verb, options: Options) -> Result<Plan, Box<EvalAltResult>> {
        let command = self.quoted();
        let refused =
            |why| Error::Unstartable { command: command.clone(), program: self.words[0].to_string_lossy().into(), why };
        options.cwd.as_deref().map_or(Ok(()), program::ensure_enterable).map_err(refused)?;
        let path = host.environment.path(&options.env);
        // It is started there: a relative path would be taken twice.
        let directory = options.cwd.as_ref().map(|cwd| host.directory().join(cwd));
        let program = program::find(&self.words[0], path.as_deref(), directory.as_deref()).map_err(refused)?;
        super::output::flush(host)?;
        if host.settings.trace {
            let line = match &options.cwd {
                Some(cwd) => {
                    // `cd -` goes elsewhere, and `cd -x` is an option.
                    let is_like_option = cwd.as_os_str().as_bytes().starts_with(b"-");
                    let cwd = if is_like_option { Path::new(".").join(cwd) } else { cwd.clone() };
                    format!("+ (cd {} && {command})", quote(cwd.as_os_str()))
                }
                None => format!("+ {command}"),
            };
            host.trace_command(&line);
        }
        if host.may_not_act() {
            return Err(stopped());
        }
        let in_background = verb.name == START.name;
        let shielded = host.in_handler() && options.foreground != Some(true);
        // A job in the background has its terminal back when it is brought to the foreground, with all of it.
        let is_shared = !in_background && !shielded && options.foreground != Some(false) && host.has_terminal();
        let stdin = if shielded || host.settings.origin == Origin::Stdin { Source::Null } else { verb.stdin.clone() };
        Ok(Plan {
            program,
            words: self.words.clone(),
            env: host.environment.for_command(&options.env),
            directory: options.cwd,
            group: if is_shared { Group::Shared } else { Group::Own },
            stdin: options.stdin.unwrap_or(stdin),
            stdout: options.stdout.unwrap_or_else(|| verb.stdout.clone()),
            stderr: options.stderr.unwrap_or_else(|| verb.stderr.clone()),
            timeout: options.timeout,
            grace: options.grace.unwrap_or(host.settings.grace),
            ok: options.ok.unwrap_or_else(|| vec![0]),
            name: options.name,
            command,
            quiet: options.quiet,
        })
    }
}

fn collect(
    verb: &'static str,
    engine: &Engine,
    values: &[Dynamic],
    words: &mut Vec<OsString>,
    place: &dyn Fn() -> String,
) -> Result<(), Error> {
    for (index, value) in values.iter().enumerate() {
        let place = || format!("{} {}", place(), index + 1);
        if let Some(inner) = value.read_lock::<Array>() {
            collect(verb, engine, &inner, words, &|| format!("{}, element", place()))?;
        } else {
            words.push(word_at(verb, engine, value, &place)?);
        }
    }
    Ok(())
}

/// A word of a command, told of by its place.
///
/// # Errors
///
/// [`Error::Words`].
pub fn word(verb: &'static str, engine: &Engine, value: &Dynamic, place: &str) -> Result<OsString, Error> {
    word_at(verb, engine, value, &|| place.to_string())
}

fn word_at(
    verb: &'static str,
    engine: &Engine,
    value: &Dynamic,
    place: &dyn Fn() -> String,
) -> Result<OsString, Error> {
    let is_plain = value.is_int() || value.is_float() || value.is_bool() || value.is_char();
    let bytes = if is_plain { Some(value.to_string().into_bytes()) } else { args::bytes(value) };
    let bytes = bytes.ok_or_else(|| {
        let given = args::describe(engine, value);
        Error::Misuse(verb, format!("{} is {given}, which cannot be a word of a command", place()))
    })?;
    if bytes.contains(&0) {
        return Err(Error::Misuse(verb, format!("{} contains a NUL, which no command can be given", place())));
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

/// The word, if a shell reads it as just this word without quotes.
fn plain(word: &OsStr) -> Option<&str> {
    let is_plain =
        |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'%' | b'+'..=b'/' | b':' | b'@' | b'_');
    let word = word.to_str()?;
    (!word.is_empty() && word.bytes().all(is_plain) && !RESERVED.contains(&word)).then_some(word)
}

/// Text that a shell reads back as just this word. Source: POSIX, "Shell Command Language", 2.2.
#[must_use]
pub fn quote(word: &OsStr) -> String {
    if let Some(plain) = plain(word) {
        return plain.into();
    }
    let bytes = word.as_bytes();
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
