//! What a script catches: whatever it is, `message` and `kind` can be read of the variable of the `catch`.

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::error::{SCRIPT, lower_first, thrown_message};
use super::names;
use super::record::Record;

/// The kind of what a script has thrown.
const THROWN: &str = "thrown";

/// Where `message` and `kind` of what was caught are read: an error of the host has both, and so has what a script
/// threw with both names; for anything else they are made up.
pub fn described(value: Dynamic) -> Dynamic {
    if let Some(record) = value.read_lock::<Record>() {
        // A result or a stat that was thrown has parts of its own.
        let own = record.fields();
        if own.contains_key("message") && own.contains_key("kind") {
            return value.clone();
        }
        return Dynamic::from(record.with(with_both(&value, own.clone())));
    }
    let mut map = value.read_lock::<Map>().map(|map| map.clone()).unwrap_or_default();
    let is_rhais = map.contains_key("message") && map.get("error").is_some_and(is_name_of_error);
    if is_rhais {
        let message = map.get("message").map(|text| bare(&text.to_string()).to_string()).unwrap_or_default();
        // A text is given as either of three types.
        let message = message.replace("&str | ImmutableString | String", "string");
        map.insert("message".into(), names::in_text(&lower_first(&message)).into());
        map.insert("kind".into(), SCRIPT.into());
    }
    with_both(&value, map).into()
}

/// The parts of what was thrown, and the two that it does not have.
fn with_both(value: &Dynamic, mut parts: Map) -> Map {
    parts.entry("message".into()).or_insert_with(|| thrown_message(value).into());
    parts.entry("kind".into()).or_insert_with(|| THROWN.into());
    parts
}

/// Whether it is what Rhai calls one of its errors: `ErrorArithmetic`.
fn is_name_of_error(value: &Dynamic) -> bool {
    value.read_lock::<ImmutableString>().is_some_and(|name| {
        let rest = name.strip_prefix("Error").unwrap_or_default();
        rest.starts_with(|c: char| c.is_ascii_uppercase()) && rest.bytes().all(|c| c.is_ascii_alphabetic())
    })
}

/// The sentence of one of Rhai's messages, without the places and calls that follow it.
fn bare(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" @ '").next().unwrap_or(line);
    line.rfind(" (line ").map_or(line, |at| &line[..at])
}

/// Gives plain values that can be thrown a `message` and a `kind`.
pub fn register(engine: &mut Engine) {
    engine.register_get("message", |text: &mut ImmutableString| text.clone());
    engine.register_get("kind", |_: &mut ImmutableString| THROWN);
    engine.register_get("message", |number: &mut i64| number.to_string());
    engine.register_get("kind", |_: &mut i64| THROWN);
}
