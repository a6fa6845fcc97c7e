//! `options`: the command line of a script, parsed as the script says that it is.

use std::ffi::{OsStr, OsString};
use std::io::stdin;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use clap::builder::{Resettable, StyledStr, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use rhai::{Array, Dynamic, Map};

use super::error::stopped;
use super::option_entry::{self, Entry, HELP};
use super::option_form::{Form, Kind, Value};
use super::record::Record;
use super::spelling::harmless;
use super::{Call, CallResult, Host, Registry, args, names, output};
use crate::host::settings::Origin;
use crate::host::stop::Stop;
use crate::sys::descriptor::Which;
use crate::sys::terminal;

/// What a program exits with that was called wrongly.
const USAGE: u8 = 2;

/// What clap leaves free around an option, in columns: six before `--jobs <N>`, two behind it.
const AROUND: usize = 8;

/// Before a negative number, so that clap takes it for a value: `allow_negative_numbers` has `-1e3` for one, but neither
/// `-.5` nor `-1e-3`. No word of a command line can begin so.
const MARK: &str = "\0";

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("options", options);
}

fn options(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let host = call.host;
    let about = args::text("options", call.engine(), &given[0])?;
    let entries = option_entry::parse(call.engine(), &given[1])?;
    let mut command = command(host, &about, &entries);
    let values = match command.try_get_matches_from_mut(marked(&host.settings.args)) {
        Ok(matches) => values(host, &entries, &matches),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            let help = page(command);
            let help = if host.settings.colors.stdout { help.ansi().to_string() } else { help.to_string() };
            output::print(host, help.trim_end())?;
            return exit(host, 0);
        }
        Err(error) => Err(sentence(&error)),
    };
    match values {
        Ok(values) => Ok(Dynamic::from(Record::new("the command line", values))),
        Err(sentence) => {
            // The script ends, whoever reads this.
            let _ = host.eprint(&refusal(&mut command, &sentence, host.settings.colors.stderr));
            exit(host, USAGE)
        }
    }
}

/// The help. Clap puts what it says below the options where it does not fit beside them, but not where that would begin
/// past the edge of the terminal: there a word would be a line.
fn page(command: Command) -> StyledStr {
    let stdin = stdin();
    // Where clap looks for one, so that both know the same width.
    let places = [Which::Stdout.own(), Which::Stderr.own(), stdin.as_fd()];
    let is_past = places.into_iter().find_map(terminal::width).is_some_and(|width| {
        command.get_arguments().any(|argument| argument.to_string().chars().count() + AROUND > width)
    });
    let page = command.next_line_help(is_past).render_help();
    page.ansi().to_string().replace(JOINER, "").into()
}

fn exit(host: &Host, code: u8) -> CallResult {
    host.stop(Stop::Exit(code));
    Err(stopped())
}

/// What a bad command line is answered: a line, and the usage.
fn refusal(command: &mut Command, sentence: &str, is_colored: bool) -> String {
    let usage = command.render_usage();
    if is_colored {
        let style = command.get_styles().get_error();
        format!("{style}error:{style:#} {sentence}\n{}\n", usage.ansi())
    } else {
        format!("error: {sentence}\n{usage}\n")
    }
}

/// What is typed to run the script.
fn program(host: &Host) -> String {
    match &host.settings.origin {
        Origin::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Origin::Argument => "stagesh -e CODE".into(),
        Origin::Stdin => "stagesh -".into(),
        Origin::Person => "stagesh".into(),
    }
}

fn command(host: &Host, about: &str, entries: &[Entry]) -> Command {
    let is_h = |entry: &Entry| matches!(entry.form, Form::Option { short: Some('h'), .. });
    // No entry has a name with dashes, so that one may be called `help`.
    let help = Arg::new("--help").long(HELP).action(ArgAction::Help).help("Print help");
    let help = if entries.iter().any(is_h) { help } else { help.short('h') };
    Command::new(program(host))
        .about(unless_empty(about.into()))
        .no_binary_name(true)
        .disable_help_flag(true)
        // As getopt(3) has it: the last one counts.
        .args_override_self(true)
        .args(entries.iter().map(|entry| argument(host, entry)))
        .arg(help)
}

/// Nothing: it has no width. It is in no help.
const JOINER: char = '\u{2060}';

/// A text of the help; clap keeps room for an empty one, and has `{n}` for the end of a line.
fn unless_empty(text: String) -> Resettable<StyledStr> {
    let text = text.replace("{n}", &format!("{{{JOINER}n}}"));
    Some(text).filter(|text| !text.is_empty()).map(StyledStr::from).into()
}

/// An entry as clap knows it: clap finds the words, and what they mean is read later, as are variables.
fn argument(host: &Host, entry: &Entry) -> Arg {
    let arg = Arg::new(entry.form.key()).help(unless_empty(help(entry)));
    let arg = match &entry.form {
        Form::Positional { name, is_optional, is_many } => {
            let arg = arg.value_name(name.clone()).required(!is_optional);
            if *is_many { arg.num_args(1..).action(ArgAction::Append) } else { arg }
        }
        Form::Option { short, long, word, is_many } => {
            let arg = match short {
                Some(letter) => arg.short(*letter),
                None => arg,
            };
            let arg = match long {
                Some(name) => arg.long(name.clone()),
                None => arg,
            };
            let Some(word) = word else { return arg.action(ArgAction::SetTrue) };
            let arg = arg.value_name(word.clone()).required(entry.is_required && variable(host, entry).is_none());
            if *is_many { arg.num_args(1..).action(ArgAction::Append) } else { arg }
        }
    };
    arg.value_parser(ValueParser::os_string())
}

/// The command line with a mark before each negative number. No option has a digit or a dot for its letter.
fn marked(words: &[OsString]) -> impl Iterator<Item = OsString> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.iter().enumerate().map(move |(index, word)| match word.as_bytes() {
        [b'-', b'0'..=b'9' | b'.', ..] if index < end => {
            let mut marked = OsString::from(MARK);
            marked.push(word);
            marked
        }
        _ => word.clone(),
    })
}

/// What the help says of an entry.
fn help(entry: &Entry) -> String {
    let mut parts: Vec<String> = entry.help.iter().filter(|help| !help.is_empty()).cloned().collect();
    if let Some(fallback) = entry.fallback.as_ref().filter(|fallback| !fallback.is_empty()) {
        parts.push(format!("[default: {}]", list(fallback)));
    }
    parts.extend(entry.env.iter().map(|name| format!("[env: {name}]")));
    if !entry.choices.is_empty() {
        parts.push(format!("[possible values: {}]", list(&entry.choices)));
    }
    parts.join(" ")
}

fn list(values: &[Value]) -> String {
    let shown = |value: &Value| {
        let text = value.to_string();
        if text.is_empty() || text.contains(char::is_whitespace) { format!("{text:?}") } else { text }
    };
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The variable of an entry. An empty one counts as none, as a CI server has it for what was not filled in.
fn variable<'a>(host: &'a Host, entry: &'a Entry) -> Option<(&'a str, OsString)> {
    let name = entry.env.as_deref()?;
    let value = host.environment.get(OsStr::new(name))?;
    (!value.is_empty()).then(|| (name, value.to_owned()))
}

/// The values by their names, or what is wrong with one.
fn values(host: &Host, entries: &[Entry], matches: &ArgMatches) -> Result<Map, String> {
    entries.iter().map(|entry| Ok((entry.form.key().into(), value(host, entry, matches)?))).collect()
}

fn value(host: &Host, entry: &Entry, matches: &ArgMatches) -> Result<Dynamic, String> {
    let key = entry.form.key();
    let variable = variable(host, entry);
    if let Form::Option { word: None, .. } = entry.form {
        return match variable {
            Some((name, value)) if !matches.get_flag(&key) => switch(entry, name, &value).map(Into::into),
            _ => Ok(matches.get_flag(&key).into()),
        };
    }
    let given = matches.get_many::<OsString>(&key).into_iter().flatten();
    let mut values = given.map(|word| read_marked(entry, word)).collect::<Result<Vec<Value>, String>>()?;
    if let (true, Some((name, value))) = (values.is_empty(), &variable) {
        values.push(read(entry, value, Some(name))?);
    }
    if values.is_empty() {
        values = entry.fallback.clone().unwrap_or_default();
    }
    Ok(if entry.form.is_many() {
        values.iter().map(Value::to_dynamic).collect::<Array>().into()
    } else {
        values.first().map_or(Dynamic::UNIT, Value::to_dynamic)
    })
}

/// Reads a word of the command line. A negative number is a value only of a number: else it has to follow `--`.
fn read_marked(entry: &Entry, word: &OsStr) -> Result<Value, String> {
    match word.as_bytes().strip_prefix(MARK.as_bytes()).map(OsStr::from_bytes) {
        Some(number) if matches!(entry.kind, Kind::Int | Kind::Float) => read(entry, number, None),
        Some(number) => Err(no_option(&number.to_string_lossy(), None)),
        None => read(entry, word, None),
    }
}

fn read(entry: &Entry, word: &OsStr, variable: Option<&str>) -> Result<Value, String> {
    let value = entry.kind.read(word);
    if let Some(value) = value.filter(|value| entry.choices.is_empty() || entry.choices.contains(value)) {
        return Ok(value);
    }
    if entry.choices.is_empty() {
        return Err(not(entry, entry.kind.described(), word, variable, ""));
    }
    let choices: Vec<String> = entry.choices.iter().map(ToString::to_string).collect();
    let nearest = names::nearest(&word.to_string_lossy(), choices.iter().map(String::as_str));
    let tip = nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"));
    Err(not(entry, &one_of(&choices), word, variable, &tip))
}

fn one_of(choices: &[String]) -> String {
    match choices {
        [first, .., last] if choices.len() == 2 => format!("{first} or {last}"),
        choices => format!("{}{}", if choices.len() == 1 { "" } else { "one of " }, choices.join(", ")),
    }
}

fn not(entry: &Entry, expected: &str, word: &OsStr, variable: Option<&str>, tip: &str) -> String {
    let from = variable.map_or_else(String::new, |name| format!(" (the variable {name})"));
    format!("`{}`: expected {expected}, not {:?}{from}{tip}", entry.spelling, word.to_string_lossy())
}

/// What a variable makes of a flag.
fn switch(entry: &Entry, variable: &str, value: &OsStr) -> Result<bool, String> {
    match value.to_string_lossy().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(not(entry, "true or false", value, Some(variable), "")),
    }
}

fn no_option(name: &str, nearest: Option<&str>) -> String {
    let tip = nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"));
    format!("there is no option `{}`{tip}", harmless(name))
}

/// What clap has found wrong, in a line.
fn sentence(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.trim_start_matches(MARK)),
        _ => None,
    };
    let (argument, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    match (error.kind(), argument) {
        (ErrorKind::UnknownArgument, Some(name)) if name.starts_with('-') => {
            no_option(name, text(ContextKind::SuggestedArg))
        }
        (ErrorKind::UnknownArgument, Some(extra)) => format!("{extra:?} is one argument too many"),
        (ErrorKind::TooManyValues, Some(name)) => {
            format!("`{name}` takes no value, but has {:?}", value.unwrap_or_default())
        }
        // Clap calls so what has none.
        (ErrorKind::InvalidValue | ErrorKind::TooFewValues, Some(name)) => format!("`{name}` needs a value"),
        (ErrorKind::MissingRequiredArgument, _) => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::Strings(missing)) => {
                let are = if missing.len() == 1 { "is" } else { "are" };
                format!("`{}` {are} missing", missing.join("`, `"))
            }
            _ => "an argument is missing".into(),
        },
        (kind, _) => kind.to_string(),
    }
}
