//! What a script catches: whatever it is, it has `message` and `kind`.

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::error::thrown_message;
use super::record::Record;

/// The kind of what a script has thrown.
const THROWN: &str = "thrown";

/// The kind of an error of the language itself: a name that is unknown, a wrong type, a division by zero.
const SCRIPT: &str = "script";

/// What was caught, as a script sees it: of Rhai's own errors a record, of a map one with both names; an error
/// of the host is a record already, and of a plain value [`register`] makes the names.
pub fn described(value: Dynamic) -> Dynamic {
    let Some(map) = value.read_lock::<Map>().map(|map| map.clone()) else { return value };
    let is_rhais = map.get("error").is_some_and(|error| {
        error.read_lock::<ImmutableString>().is_some_and(|name| name.starts_with("Error"))
            && map.contains_key("message")
    });
    let mut map = map;
    if is_rhais {
        let message = map.get("message").map(|text| bare(&text.to_string()).to_string()).unwrap_or_default();
        map.insert("message".into(), message.into());
        map.insert("kind".into(), SCRIPT.into());
        return Dynamic::from(Record::new("the error", map));
    }
    if !map.contains_key("message") {
        map.insert("message".into(), thrown_message(&value).into());
    }
    map.entry("kind".into()).or_insert_with(|| THROWN.into());
    map.into()
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
