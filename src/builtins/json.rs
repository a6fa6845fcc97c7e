//! `json::…`: values from JSON and back. Source: RFC 8259.

use std::any::TypeId;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde_json::{Number, Value};

use super::error::Error;
use super::record::Record;
use super::{Call, CallResult, Registry, args};

/// So many arrays and objects are within each other at most, in a text as in a value: the parser takes no more.
const MOST_LEVELS: usize = 127;

/// A number that is longer than this is not shown in full.
const SHOWN: usize = 40;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("json::parse", |call, given| parse("json::parse", call, given));
    // Rhai's own, for a string, evaluates the text as code.
    for of_type in [TypeId::of::<ImmutableString>(), TypeId::of::<Dynamic>()] {
        registry.add_for("parse_json", &[of_type], |call, given| parse("parse_json", call, given));
    }
    registry.add("json::stringify", |call, given| Ok(write("json::stringify", call, given)?.to_string().into()));
    registry.add("json::pretty", |call, given| Ok(format!("{:#}", write("json::pretty", call, given)?).into()));
}

fn parse(verb: &'static str, call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let text = args::text(verb, call.engine(), &given[0])?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (value, mistake) = match serde_json::from_str(text) {
        Ok(value) => (value, None),
        Err(error) => (Value::Null, Some(mistake(text, &error))),
    };
    // What comes first in the text is told. Beyond an excess the parser may see a mistake where there is none.
    match first_excess(text).into_iter().chain(mistake).min_by_key(|(at, _)| *at) {
        Some((at, why)) => Err(Error::text(verb, "json", text, at, why).into()),
        None => Ok(from_json(value)),
    }
}

/// Which byte of a text is no JSON, and why.
fn mistake(text: &str, error: &serde_json::Error) -> (usize, String) {
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let message = error.to_string();
    let why = message.rsplit_once(" at line ").map_or(message.as_str(), |(why, _)| why);
    (before + error.column().saturating_sub(1), format!("the text is no JSON: {why}"))
}

/// The first byte of a text where it has more than a script can be given, and what that is: the parser makes a
/// float of an integer that it cannot hold.
fn first_excess(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let (mut at, mut levels) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => length_of_string(&bytes[at..]),
            b'-' | b'0'..=b'9' => {
                let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let length = bytes[at..].iter().take_while(|byte| is_of_number(byte)).count();
                if let Some(why) = excess_of_number(&text[at..at + length]) {
                    return Some((at, why));
                }
                length
            }
            b'[' | b'{' if levels == MOST_LEVELS => {
                return Some((at, format!("the text is nested more than {MOST_LEVELS} levels deep")));
            }
            b'[' | b'{' => {
                levels += 1;
                1
            }
            b']' | b'}' => {
                levels = levels.saturating_sub(1);
                1
            }
            _ => 1,
        };
    }
    None
}

/// The length of the string with which the text begins, with its quotes.
fn length_of_string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        at += if *byte == b'\\' { 2 } else { 1 };
        if *byte == b'"' {
            break;
        }
    }
    at
}

fn excess_of_number(number: &str) -> Option<String> {
    let shown = if number.len() <= SHOWN { number.into() } else { format!("{}…", &number[..SHOWN]) };
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_too_large = !digits.is_empty() && number.parse::<i64>().is_err();
        return is_too_large.then(|| format!("the integer {shown} does not fit in 64 bits"));
    }
    let is_too_large = number.parse::<f64>().is_ok_and(f64::is_infinite);
    is_too_large.then(|| format!("the number {shown} is larger than a float can be"))
}

/// Numbers are integers where they are written so; `-0` is a float, because an integer has no such zero.
fn from_json(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => items.into_iter().map(from_json).collect::<Array>().into(),
        Value::Object(entries) => {
            entries.into_iter().map(|(name, value)| (name.into(), from_json(value))).collect::<Map>().into()
        }
    }
}

/// Why a value cannot be written.
enum Misfit {
    /// It is nested too deeply.
    Deep,
    /// Something in it is nothing that JSON knows.
    Unknown {
        /// What.
        given: String,
        /// The way to it, the last step first.
        steps: Vec<String>,
    },
}

impl Misfit {
    fn within(mut self, step: impl FnOnce() -> String) -> Self {
        if let Self::Unknown { steps, .. } = &mut self {
            steps.push(step());
        }
        self
    }
}

fn write(verb: &'static str, call: &Call<'_>, given: &[Dynamic]) -> Result<Value, Error> {
    to_json(call.engine(), &given[0], 0).map_err(|misfit| {
        let why = match misfit {
            Misfit::Deep => format!("the value is nested more than {MOST_LEVELS} levels deep"),
            Misfit::Unknown { given, steps } => {
                let path: String = steps.into_iter().rev().collect();
                format!("`${path}` is {given}, which JSON cannot hold")
            }
        };
        Error::NotJson { verb, why }
    })
}

/// A value that is so many levels within another.
fn to_json(engine: &Engine, value: &Dynamic, levels: usize) -> Result<Value, Misfit> {
    let unknown = || Misfit::Unknown { given: args::describe(engine, &value.flatten_clone()), steps: Vec::new() };
    let within = || if levels < MOST_LEVELS { Ok(levels + 1) } else { Err(Misfit::Deep) };
    let of_map = |map: &Map| {
        let levels = within()?;
        let entry = |(name, value): (&_, &_)| {
            let name: &rhai::Identifier = name;
            let value = to_json(engine, value, levels).map_err(|misfit| misfit.within(|| step(name)))?;
            Ok((name.to_string(), value))
        };
        map.iter().map(entry).collect::<Result<_, _>>().map(Value::Object)
    };
    if value.is_unit() {
        Ok(Value::Null)
    } else if let Ok(is) = value.as_bool() {
        Ok(Value::Bool(is))
    } else if let Ok(integer) = value.as_int() {
        Ok(Value::Number(integer.into()))
    } else if let Ok(float) = value.as_float() {
        Number::from_f64(float).map(Value::Number).ok_or_else(unknown)
    } else if let Ok(char) = value.as_char() {
        Ok(Value::String(char.into()))
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        Ok(Value::String(text.to_string()))
    } else if let Some(array) = value.read_lock::<Array>() {
        let levels = within()?;
        let item = |(index, value): (usize, &Dynamic)| {
            to_json(engine, value, levels).map_err(|misfit| misfit.within(|| format!("[{index}]")))
        };
        array.iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
    } else if let Some(map) = value.read_lock::<Map>() {
        of_map(&map)
    } else if let Some(record) = value.read_lock::<Record>() {
        of_map(record.fields())
    } else {
        Err(unknown())
    }
}

/// The step of a path that leads to an entry of a map.
fn step(name: &str) -> String {
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_word { format!(".{name}") } else { format!("[{name:?}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excess_is_found_where_it_begins_and_not_within_strings() {
        let at = |text: &str| first_excess(text).map(|(at, _)| at);
        assert_eq!(at(r#"{"99999999999999999999": ["\"99999999999999999999", 9223372036854775807]}"#), None);
        assert_eq!(at("[-9223372036854775808, -0, 0.1e-5, 99999999999999999999.0, 1e308]"), None);
        assert_eq!(at("[1, 9223372036854775808]"), Some(4));
        assert_eq!(at("[1, -9223372036854775809]"), Some(4));
        assert_eq!(at(r#"["\\", 99999999999999999999]"#), Some(7));
        assert_eq!(at("[1e309]"), Some(1));
        assert_eq!(at("\"99999999999999999999"), None);
        assert_eq!(at(&"[]".repeat(200)), None);
        assert_eq!(at(&"[".repeat(128)), Some(127));
        assert_eq!(at("-"), None);
    }
}
