//! What the host gives back with named parts: it knows its names.

use std::fmt;
use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use super::error::Error;

/// A value with named parts; reading another name is an error with the nearest one.
#[derive(Clone)]
pub struct Record {
    what: &'static str,
    fields: Rc<Map>,
}

impl Record {
    /// A record that reports call `what`: "the outcome", "the error".
    #[must_use]
    pub fn new(what: &'static str, fields: Map) -> Self {
        Self { what, fields: Rc::new(fields) }
    }

    /// Its `message`, or all of it.
    #[must_use]
    pub fn message(&self) -> String {
        self.fields.get("message").map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// All of its parts.
    #[must_use]
    pub fn fields(&self) -> &Map {
        &self.fields
    }

    /// What is called the same, with other parts.
    #[must_use]
    pub fn with(&self, fields: Map) -> Self {
        Self::new(self.what, fields)
    }

    fn get(&mut self, name: ImmutableString) -> Result<Dynamic, Box<EvalAltResult>> {
        self.fields.get(name.as_str()).cloned().ok_or_else(|| {
            let known = self.fields.keys().map(ToString::to_string).collect();
            Error::UnknownField { record: self.what, name: name.to_string(), known }.into()
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("#{")?;
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name:?}: {}", Debugged(value))?;
        }
        f.write_str("}")
    }
}

/// A value as `debug` shows it: strings in quotes.
struct Debugged<'a>(&'a Dynamic);

impl fmt::Display for Debugged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_string() {
            write!(f, "{:?}", self.0.to_string())
        } else if self.0.is_unit() {
            f.write_str("()")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// The error of reading a part that a value of the host does not have.
///
/// # Errors
///
/// [`Error::UnknownField`].
pub fn has_no(what: &'static str, name: &str, known: &[&str]) -> Result<Dynamic, Box<EvalAltResult>> {
    let known = known.iter().map(ToString::to_string).collect();
    Err(Error::UnknownField { record: what, name: name.to_string(), known }.into())
}

/// The property that Rhai gives every value: a number.
pub const TAG: &str = "tag";

/// Teaches the engine what a record is.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Record>("record")
        .register_indexer_get(Record::get)
        // Or Rhai's would be read in place of a part.
        .register_get(TAG, |record: &mut Record| record.get(TAG.into()))
        .register_fn("to_string", |record: &mut Record| record.to_string())
        .register_fn("to_debug", |record: &mut Record| record.to_string())
        .register_fn("keys", |record: &mut Record| -> rhai::Array {
            record.fields.keys().map(|name| Dynamic::from(name.to_string())).collect()
        })
        .register_fn("contains", |record: &mut Record, name: ImmutableString| {
            record.fields.contains_key(name.as_str())
        });
}
