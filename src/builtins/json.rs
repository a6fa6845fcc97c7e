//! `parse_json`: Rhai's own evaluates the text as code.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};
use serde_json::Value;

use super::error::Error;

/// Registers the room.
pub fn register(engine: &mut Engine) {
    engine.register_fn("parse_json", |text: ImmutableString| {
        let value: Value = serde_json::from_str(&text).map_err(|error| Error::Json(error.to_string()))?;
        Ok::<_, Box<EvalAltResult>>(from_json(value))
    });
}

/// Numbers are integers where they are written so and fit, else floats.
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
