//! `stage`.

use std::time::Duration;

use rhai::{Dynamic, Engine};

use super::callback::Callee;
use super::error::{Error, stopped};
use super::options::{self, Reader};
use super::{Call, CallResult, Registry, args, unwind};
use crate::host::stages::StageEnd;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("stage", stage);
}

/// What a script has said of a stage.
struct Options {
    name: String,
    timeout: Option<Duration>,
}

impl Options {
    fn parse(engine: &Engine, given: &Dynamic) -> Result<Self, Error> {
        let reader = Reader { verb: "stage", engine };
        if given.is_string() {
            let name = options::line_of(given).ok_or_else(|| no_stage(engine, "a name of one line", given))?;
            return Ok(Self { name, timeout: None });
        }
        if !given.is_map() {
            return Err(no_stage(engine, "a name or a map with `name` and `timeout`", given));
        }
        let map = reader.map(given, &["name", "timeout"])?;
        let name = map.get("name").ok_or_else(|| Error::Misuse(reader.verb, "its map has no `name`".into()))?;
        let name = reader.line("name", name)?;
        let timeout = map.get("timeout").map(|timeout| reader.seconds("timeout", timeout)).transpose()?;
        Ok(Self { name, timeout })
    }
}

fn no_stage(engine: &Engine, expected: &str, given: &Dynamic) -> Error {
    Error::Argument { verb: "stage", expected: expected.into(), given: args::describe(engine, given) }
}

fn stage(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let [what, function, arguments @ ..] = given else { unreachable!("stage has two arguments in the table") };
    let Options { name, timeout } = Options::parse(call.engine(), what)?;
    let function = args::function("stage", call.engine(), function)?;
    // Refused before anything is said of the stage.
    let callee = Callee::find("stage", call, &function, arguments.len())?;
    call.host.begin_stage(&name, timeout);
    // A panic must not leave the stage open.
    let result = unwind::or_panicked(|| callee.call(call, arguments));
    let end = call.host.end_stage(result.as_ref().err().map(|error| call.host.describe(error)));
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
