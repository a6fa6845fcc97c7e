//! What a script says of one argument or option that it takes: an entry of the array that `options` is given.

use std::fmt;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use super::args;
use super::error::Error;
use super::option_form::{Form, Kind, SPELLINGS, Value};

/// The keys.
const KEYS: [&str; 7] = ["arg", "choices", "env", "fallback", "help", "kind", "required"];

/// An argument or option that a script takes.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// As the script spells it.
    pub spelling: String,
    /// What it is.
    pub form: Form,
    /// What the help says of it.
    pub help: Option<String>,
    /// What its values are.
    pub kind: Kind,
    /// What it is where neither the command line nor the environment gives it: one value, or several.
    pub fallback: Option<Vec<Value>>,
    /// The values that it may have, if not any.
    pub choices: Vec<Value>,
    /// The variable that gives the value where the command line does not.
    pub env: Option<String>,
    /// Whether an option has to be given.
    pub is_required: bool,
}

/// What is wrong with an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is no map with an `arg`.
    NoArg(String),
    /// It is not spelt like an argument or option.
    Spelling,
    /// A key has the wrong type or value.
    Wrong {
        /// The key.
        key: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        given: String,
    },
    /// A key does not go with what the entry is.
    Contradiction {
        /// The key.
        key: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// Another entry has the letter, the name, or the name in the result.
    Taken {
        /// Which.
        name: String,
        /// The other.
        by: String,
    },
    /// It comes after an entry after which it cannot come.
    Place {
        /// The other.
        after: String,
        /// Why not.
        why: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoArg(given) => write!(f, "expected a map with `arg`, a string, not {given}"),
            Self::Spelling => write!(f, "an argument is spelt like {SPELLINGS}"),
            Self::Wrong { key, expected, given } => write!(f, "`{key}` is {expected}, not {given}"),
            Self::Contradiction { key, why } => write!(f, "`{key}`: {why}"),
            Self::Taken { name, by } => write!(f, "`{name}` is that of {by} already"),
            Self::Place { after, why } => write!(f, "it cannot follow `{after}`: {why}"),
        }
    }
}

/// Reads what `options` is given.
///
/// # Errors
///
/// [`Error::Argument`], [`Error::UnknownOption`], [`Error::Entry`].
pub fn parse(engine: &Engine, given: &Dynamic) -> Result<Vec<Entry>, Error> {
    let array = given.read_lock::<Array>().ok_or_else(|| Error::Argument {
        verb: "options",
        expected: "an array of maps such as #{arg: \"-j, --jobs N\"}".into(),
        given: args::describe(engine, given),
    })?;
    let mut entries: Vec<Entry> = Vec::new();
    for (index, given) in array.iter().enumerate() {
        let entry = Reader::new(engine, index, given)?.read()?;
        if let Some(fault) = contradicts(&entry, &entries) {
            return Err(Error::Entry { entry: format!("`{}`", entry.spelling), fault });
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// What reads one entry.
struct Reader<'a> {
    engine: &'a Engine,
    map: Map,
    spelling: String,
    form: Form,
}

impl<'a> Reader<'a> {
    fn new(engine: &'a Engine, index: usize, given: &Dynamic) -> Result<Self, Error> {
        let entry = format!("entry {}", index + 1);
        let no_arg =
            |given: &Dynamic| Error::Entry { entry: entry.clone(), fault: Fault::NoArg(args::describe(engine, given)) };
        let map = given.read_lock::<Map>().ok_or_else(|| no_arg(given))?.clone();
        let arg = map
            .get("arg")
            .ok_or_else(|| Error::Entry { entry: entry.clone(), fault: Fault::NoArg("a map without".into()) })?;
        let spelling = arg.read_lock::<ImmutableString>().ok_or_else(|| no_arg(arg))?.to_string();
        let form = Form::parse(&spelling)
            .ok_or_else(|| Error::Entry { entry: format!("{spelling:?}"), fault: Fault::Spelling })?;
        Ok(Self { engine, map, spelling, form })
    }

    fn read(self) -> Result<Entry, Error> {
        if let Some(key) = self.map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let of = Some(self.spelling.clone());
            return Err(Error::UnknownOption { verb: "options", of, key: key.to_string(), known: &KEYS });
        }
        let result = self.read_keys();
        result.map_err(|fault| Error::Entry { entry: format!("`{}`", self.spelling), fault })
    }

    fn read_keys(&self) -> Result<Entry, Fault> {
        self.look_for_contradictions()?;
        let fallback = self.map.get("fallback").filter(|fallback| !fallback.is_unit());
        let kind = self.kind(fallback)?;
        let entry = Entry {
            spelling: self.spelling.clone(),
            form: self.form.clone(),
            help: self.text("help")?,
            kind,
            fallback: fallback.map(|fallback| self.fallback(kind, fallback)).transpose()?,
            choices: self.map.get("choices").map_or(Ok(Vec::new()), |choices| self.choices(kind, choices))?,
            env: self.text("env")?,
            is_required: self.map.get("required").map_or(Ok(false), |value| {
                value.as_bool().map_err(|_| self.wrong("required", "true or false", value))
            })?,
        };
        if let Some(name) = entry.env.as_ref().filter(|name| !args::is_variable(name.as_bytes())) {
            return Err(self.wrong("env", "the name of a variable", &name.clone().into()));
        }
        let is_choice = |value: &Value| entry.choices.is_empty() || entry.choices.contains(value);
        if !entry.fallback.iter().flatten().all(is_choice) {
            return Err(Fault::Contradiction { key: "fallback", why: "it is none of the `choices`" });
        }
        if entry.is_required && entry.fallback.is_some() {
            return Err(Fault::Contradiction { key: "required", why: "with a `fallback` it may be missing" });
        }
        Ok(entry)
    }

    /// Refuses what does not go with the form of the entry.
    fn look_for_contradictions(&self) -> Result<(), Fault> {
        let has = |key: &'static str, why: &'static str| match self.map.contains_key(key) {
            true => Err(Fault::Contradiction { key, why }),
            false => Ok(()),
        };
        if self.form.is_flag() {
            for key in ["kind", "fallback", "choices", "required"] {
                has(key, "a flag has no value; an option that has one is spelt with a word: \"--jobs N\"")?;
            }
        }
        if let Form::Positional { is_optional, .. } = &self.form {
            has("required", "it is for options; a positional argument may be missing if it is in brackets")?;
            for key in ["fallback", "env"] {
                if !is_optional {
                    has(key, "it is for what may be missing, which is spelt in brackets")?;
                }
            }
        }
        if self.form.is_many() {
            has("env", "a variable gives one value, and there may be several")?;
        }
        Ok(())
    }

    fn wrong(&self, key: &'static str, expected: &str, value: &Dynamic) -> Fault {
        Fault::Wrong { key, expected: expected.into(), given: args::describe(self.engine, value) }
    }

    fn text(&self, key: &'static str) -> Result<Option<String>, Fault> {
        let text = |value: &Dynamic| {
            let text = value.read_lock::<ImmutableString>().map(|text| text.to_string());
            text.ok_or_else(|| self.wrong(key, "a string", value))
        };
        self.map.get(key).map(text).transpose()
    }

    /// What `kind` says, or else what the fallback is.
    fn kind(&self, fallback: Option<&Dynamic>) -> Result<Kind, Fault> {
        if let Some(value) = self.map.get("kind") {
            let name = value.read_lock::<ImmutableString>();
            return name.and_then(|name| Kind::parse(&name)).ok_or_else(|| self.wrong("kind", Kind::NAMES, value));
        }
        let first = fallback.map(|fallback| match fallback.read_lock::<Array>() {
            Some(array) => array.first().cloned(),
            None => Some(fallback.clone()),
        });
        Ok(first.flatten().and_then(|value| Kind::of(&value)).unwrap_or(Kind::String))
    }

    fn fallback(&self, kind: Kind, fallback: &Dynamic) -> Result<Vec<Value>, Fault> {
        if self.form.is_many() {
            return self.values("fallback", kind, fallback);
        }
        Ok(vec![kind.take(fallback).ok_or_else(|| self.wrong("fallback", kind.described(), fallback))?])
    }

    fn choices(&self, kind: Kind, choices: &Dynamic) -> Result<Vec<Value>, Fault> {
        let choices = self.values("choices", kind, choices)?;
        let empty = Fault::Contradiction { key: "choices", why: "there is none" };
        if choices.is_empty() { Err(empty) } else { Ok(choices) }
    }

    fn values(&self, key: &'static str, kind: Kind, values: &Dynamic) -> Result<Vec<Value>, Fault> {
        let wrong = |value: &Dynamic| self.wrong(key, &format!("an array, each of it {}", kind.described()), value);
        let array = values.read_lock::<Array>().ok_or_else(|| wrong(values))?;
        array.iter().map(|value| kind.take(value).ok_or_else(|| wrong(value))).collect()
    }
}

/// What is wrong with an entry after those before it.
fn contradicts(entry: &Entry, before: &[Entry]) -> Option<Fault> {
    let taken = |name: String, by: &Entry| Fault::Taken { name, by: format!("`{}`", by.spelling) };
    if let Form::Option { short, long, .. } = &entry.form {
        if long.as_deref() == Some(HELP) {
            return Some(Fault::Taken { name: format!("--{HELP}"), by: "the help".into() });
        }
        for other in before {
            if let Form::Option { short: other_short, long: other_long, .. } = &other.form {
                if short.is_some() && short == other_short {
                    return short.map(|letter| taken(format!("-{letter}"), other));
                }
                if long.is_some() && long == other_long {
                    return long.as_ref().map(|name| taken(format!("--{name}"), other));
                }
            }
        }
    }
    let key = entry.form.key();
    if let Some(other) = before.iter().find(|other| other.form.key() == key) {
        return Some(taken(key, other));
    }
    out_of_place(&entry.form, before)
}

/// The long name that every script has: its letter is `h`, unless the script has another use for that.
pub const HELP: &str = "help";

fn out_of_place(form: &Form, before: &[Entry]) -> Option<Fault> {
    let Form::Positional { is_optional, is_many, .. } = form else { return None };
    let positional = |entry: &&Entry| matches!(entry.form, Form::Positional { .. });
    let last = before.iter().rfind(positional)?;
    let place = |other: &Entry, why| Some(Fault::Place { after: other.spelling.clone(), why });
    if let Form::Positional { is_optional: true, .. } = last.form
        && !is_optional
    {
        return place(last, "that may be missing, and this may not");
    }
    let several = before.iter().filter(positional).find(|other| other.form.is_many())?;
    // As `cp` has it: several sources, and where to.
    if *several == *last && !is_optional && !is_many {
        return None;
    }
    place(several, "where that ends, nobody could tell")
}
