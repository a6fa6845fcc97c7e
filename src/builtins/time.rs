//! `sleep`, and `time::…`: what time it is, and how people write it.

use std::any::TypeId;
use std::ffi::OsStr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use rhai::Dynamic;

use super::error::{Error, stopped};
use super::{Call, CallResult, Registry, args};
use crate::sys::clock;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("sleep", sleep);
    // Rhai's own, for these types, cannot be interrupted.
    registry.add_for("sleep", &[TypeId::of::<i64>()], sleep);
    registry.add_for("sleep", &[TypeId::of::<f64>()], sleep);
    registry.add("time::now", |_, _| Ok(now().into()));
    registry.add("time::since", |call, given| {
        let seconds = given[0].as_int().map(|int| int as f64).or_else(|_| given[0].as_float());
        let seconds = seconds.ok().filter(|seconds| seconds.is_finite());
        let seconds = seconds.ok_or_else(|| no_time("time::since", call, &given[0]))?;
        Ok((now() - seconds).into())
    });
    registry.add("time::format", format);
}

fn sleep(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let time = args::seconds("sleep", call.engine(), &given[0])?;
    super::output::flush(call.host)?;
    // A time that the clock cannot hold is for ever.
    call.host.sleep_until(Instant::now().checked_add(time)).map_err(|error| Error::System {
        verb: "sleep",
        action: "wait".into(),
        error,
    })?;
    if call.host.checkpoint() { Err(stopped()) } else { Ok(Dynamic::UNIT) }
}

/// Seconds since 1970, to about a quarter of a microsecond.
fn now() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

fn no_time(verb: &'static str, call: &Call<'_>, given: &Dynamic) -> Error {
    let expected = "a time in seconds since 1970".into();
    Error::Argument { verb, expected, given: args::describe(call.engine(), given) }
}

fn format(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "time::format";
    let time = match (given[0].as_int(), given[0].as_float()) {
        (Ok(seconds), _) => Timestamp::from_second(seconds).ok(),
        (_, Ok(seconds)) if seconds.is_finite() => of_float(seconds),
        _ => return Err(no_time(verb, call, &given[0]).into()),
    };
    let format = args::text(verb, call.engine(), &given[1])?;
    let wrong = |why| Error::Misuse(verb, why);
    let time = time.ok_or_else(|| wrong(format!("the time {} is not in -377705023201 to 253402207200", given[0])))?;
    let name = call.host.environment.get(OsStr::new("TZ"));
    let zone = clock::zone(name.as_deref()).ok_or_else(|| {
        wrong(format!("there is no time zone {:?}, which TZ names", name.unwrap_or_default().to_string_lossy()))
    })?;
    let config = Config::new().custom(PosixCustom::new());
    let text = BrokenDownTime::from(&ZonedDateTime::new(time, zone)).to_string_with_config(&config, format.as_bytes());
    let text = text.map_err(|error| {
        let error = error.to_string();
        let why = error.strip_prefix("strftime formatting failed: ").unwrap_or(&error);
        wrong(format!("the format {:?} is wrong: {why}", format.as_str()))
    })?;
    Ok(text.into())
}

/// The time, to the microsecond: a float of today holds no more.
fn of_float(seconds: f64) -> Option<Timestamp> {
    let whole = seconds.floor();
    let micros = ((seconds - whole) * 1e6).round();
    let time = Timestamp::from_second(whole as i64).ok()?;
    time.checked_add(SignedDuration::from_micros(micros as i64)).ok()
}
