//! `stage`.

use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::callback::Callee;
use super::error::{Error, stopped};
use super::{Call, Outcome, Room, args, unwind};
use crate::host::stages::StageEnd;

/// Registers the room.
pub fn register(room: &mut Room<'_>) {
    room.add("stage", stage);
}

/// What a script has said of a stage.
struct Options {
    name: ImmutableString,
    timeout: Option<Duration>,
}

const KEYS: &[&str] = &["name", "timeout"];

impl Options {
    fn parse(engine: &Engine, given: &Dynamic) -> Result<Self, Error> {
        let verb = "stage";
        let wrong =
            |expected: &str| Error::Argument { verb, expected: expected.into(), given: args::describe(engine, given) };
        let Some(map) = given.read_lock::<Map>() else {
            if !given.is_string() {
                return Err(wrong("a name or a map with `name` and `timeout`"));
            }
            let name = line(given).ok_or_else(|| wrong("a name of one line"))?;
            return Ok(Self { name, timeout: None });
        };
        let wrong = |key: &str, expected: &str, value: &Dynamic| Error::Option {
            verb,
            key: key.into(),
            expected: expected.into(),
            given: args::describe(engine, value),
        };
        let (mut name, mut timeout) = (None, None);
        for (key, value) in map.iter() {
            match key.as_str() {
                "name" => name = Some(line(value).ok_or_else(|| wrong(key, "a string of one line", value))?),
                "timeout" => {
                    let seconds = args::seconds(verb, engine, value);
                    timeout = Some(seconds.map_err(|_| wrong(key, "a number of seconds, at least 0", value))?);
                }
                _ => return Err(Error::UnknownOption { verb, of: None, key: key.to_string(), known: KEYS }),
            }
        }
        let name = name.ok_or_else(|| Error::Words(verb, "its map has no `name`".into()))?;
        Ok(Self { name, timeout })
    }
}

fn line(value: &Dynamic) -> Option<ImmutableString> {
    let text = value.read_lock::<ImmutableString>()?.clone();
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

fn stage(call: &Call<'_>, given: &[Dynamic]) -> Outcome {
    let [what, function, arguments @ ..] = given else { unreachable!("stage has two arguments in the table") };
    let Options { name, timeout } = Options::parse(call.engine(), what)?;
    let function = args::function("stage", call.engine(), function)?;
    // Refused before anything is said of the stage.
    let callee = Callee::find("stage", call, &function, arguments.len())?;
    call.host.begin_stage(&name, timeout);
    // A panic must not leave the stage open.
    let result = unwind::or_panicked(|| callee.call(call, arguments));
    let end = call.host.end_stage(result.as_ref().err().map(|error| unwind::message_of(error)));
    // A limit of a stage around this one, too.
    if call.host.checkpoint() {
        return Err(stopped());
    }
    match end {
        StageEnd::TimedOut { name, limit } => {
            Err(Error::Late { verb: "stage", what: format!("`{name}` timed out"), limit }.into())
        }
        _ => result,
    }
}
