//! `log::…`: lines with the time, the file that gets all that a run says, and what it must not say.

use std::io;

use rhai::{Dynamic, ImmutableString};

use super::error::{Error, stopped};
use super::options::Reader;
use super::{Call, CallResult, Registry, args, output, spelling};
use crate::host::log::Level;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    line(registry, "log::error", Level::Error);
    line(registry, "log::warn", Level::Warn);
    line(registry, "log::info", Level::Info);
    line(registry, "log::trace", Level::Trace);
    registry.add("log::level", level);
    registry.add("log::to", to);
    registry.add("log::mask", mask);
}

/// Registers what writes a line of a level.
fn line(registry: &mut Registry<'_>, name: &'static str, level: Level) {
    registry.add(name, move |call, given| {
        let text = output::text_of(call, &given[0]);
        call.host.log(level, &text).map_err(output::raise)?;
        Ok(Dynamic::UNIT)
    });
}

fn level(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let level = given[0].read_lock::<ImmutableString>().and_then(|name| Level::parse(&name));
    let level = level.ok_or_else(|| {
        let names: Vec<String> = Level::ALL.iter().map(|level| format!("{:?}", level.name())).collect();
        let expected = format!("a level ({})", names.join(", "));
        Error::Argument { verb: "log::level", expected, given: args::describe(call.engine(), &given[0]) }
    })?;
    call.host.set_log_level(level);
    Ok(Dynamic::UNIT)
}

fn to(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "log::to";
    let path = args::path(verb, call.engine(), &given[0])?;
    let reader = Reader { verb, engine: call.engine() };
    let options = given.get(1).map(|options| reader.map(options, &["append"])).transpose()?.unwrap_or_default();
    let append = options.get("append").map_or(Ok(false), |append| reader.bool("append", append))?;
    output::flush(call.host)?;
    call.host.log_to(&path, append).map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => stopped(),
        _ => Error::File { verb, action: "open", path: path.clone(), to: None, error }.into(),
    })?;
    Ok(Dynamic::UNIT)
}

fn mask(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let wrong = |given| Error::Argument { verb: "log::mask", expected: "a text that is not blank".into(), given };
    let text = args::bytes(&given[0]).ok_or_else(|| wrong(args::describe(call.engine(), &given[0])))?;
    if text.trim_ascii().is_empty() {
        return Err(wrong(if text.is_empty() { "an empty one" } else { "blanks" }.into()).into());
    }
    call.host.mask(&text, &spelling::forms);
    Ok(Dynamic::UNIT)
}
