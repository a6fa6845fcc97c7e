//! From what a script gave to what a builtin takes, and the sentences where it does not fit.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use rhai::{Array, Blob, Dynamic, Engine, FnPtr, ImmutableString};

use super::error::Error;
use crate::sys::signal::{Signal, SignalError};

/// What an error calls the value: its type in words, and the value where it is short.
#[must_use]
pub fn describe(engine: &Engine, value: &Dynamic) -> String {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return if text.chars().count() <= 40 { format!("the string {:?}", text.as_str()) } else { "a string".into() };
    }
    if value.is_int() || value.is_float() || value.is_bool() {
        return format!("`{value}`");
    }
    if value.is_unit() {
        return "`()`".into();
    }
    match engine.map_type_name(value.type_name()) {
        "Fn" => "a function".into(),
        "array" => "an array".into(),
        "range=" => "a range".into(),
        name => format!("a {name}"),
    }
}

/// A text.
///
/// # Errors
///
/// [`Error::Argument`].
pub fn text(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<ImmutableString, Error> {
    value.read_lock::<ImmutableString>().map(|text| text.clone()).ok_or_else(|| Error::Argument {
        verb,
        expected: "a string".into(),
        given: describe(engine, value),
    })
}

/// The bytes of a string or a blob; `None` of anything else.
#[must_use]
pub fn bytes(value: &Dynamic) -> Option<Vec<u8>> {
    match value.read_lock::<ImmutableString>() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => value.read_lock::<Blob>().map(|blob| blob.clone()),
    }
}

/// Whether a variable of the environment can have that name. Source: environ(7).
#[must_use]
pub fn is_variable(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'=') && !name.contains(&0)
}

/// A path: a string, or a blob where it is not UTF-8.
///
/// # Errors
///
/// [`Error::Argument`].
pub fn path(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<PathBuf, Error> {
    let wrong = |given: String| Error::Argument { verb, expected: "a path".into(), given };
    let bytes = bytes(value).ok_or_else(|| wrong(describe(engine, value)))?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(wrong(if bytes.is_empty() { "the empty string" } else { "a path with a NUL" }.into()));
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

/// A name of the system as a script sees it: a string, or a blob where it is not UTF-8.
pub fn from_os(name: &OsStr) -> Dynamic {
    match name.to_str() {
        Some(text) => text.to_string().into(),
        None => Dynamic::from_blob(name.as_bytes().to_vec()),
    }
}

/// A time in seconds, an integer or a float from 0 on.
///
/// # Errors
///
/// [`Error::Argument`].
pub fn seconds(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<Duration, Error> {
    let duration = match (value.as_int(), value.as_float()) {
        (Ok(int), _) => u64::try_from(int).ok().map(Duration::from_secs),
        // More seconds than a Duration holds: as long as it can be.
        (_, Ok(float)) if float.is_finite() && float >= 0.0 => {
            Some(Duration::try_from_secs_f64(float).unwrap_or(Duration::MAX))
        }
        _ => None,
    };
    duration.ok_or_else(|| Error::Argument {
        verb,
        expected: "a number of seconds, at least 0".into(),
        given: describe(engine, value),
    })
}

/// A whole number.
///
/// # Errors
///
/// [`Error::Argument`].
pub fn int(verb: &'static str, what: &str, engine: &Engine, value: &Dynamic) -> Result<i64, Error> {
    value.as_int().map_err(|_| Error::Argument { verb, expected: what.into(), given: describe(engine, value) })
}

/// A signal by its name or number.
///
/// # Errors
///
/// [`Error::Argument`], [`Error::Signal`].
pub fn signal(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<Signal, Error> {
    let parsed: Result<Signal, SignalError> = if let Ok(number) = value.as_int() {
        Signal::from_number(number)
    } else if let Some(name) = value.read_lock::<ImmutableString>() {
        Signal::parse(&name)
    } else {
        return Err(Error::Argument {
            verb,
            expected: "a signal (a name such as \"TERM\" or a number)".into(),
            given: describe(engine, value),
        });
    };
    parsed.map_err(|error| Error::Signal(verb, error))
}

/// Signals that can be trapped: an array, or one.
///
/// # Errors
///
/// [`Error::Argument`], [`Error::Signal`].
pub fn trappable(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<Vec<Signal>, Error> {
    let one = |value: &Dynamic| {
        let signal = signal(verb, engine, value).map_err(|error| match error {
            Error::Signal(verb, error) => Error::Signal(verb, error.of_trap()),
            other => other,
        })?;
        signal.ensure_trappable().map_err(|error| Error::Signal(verb, error))?;
        Ok(signal)
    };
    match value.read_lock::<Array>() {
        Some(array) => array.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// A function.
///
/// # Errors
///
/// [`Error::Argument`].
pub fn function(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<FnPtr, Error> {
    value.clone().try_cast::<FnPtr>().ok_or_else(|| Error::Argument {
        verb,
        expected: "a function or a closure".into(),
        given: describe(engine, value),
    })
}
