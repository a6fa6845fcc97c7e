//! `retry` and `wait_until`.

use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, FnPtr, Map};

use super::callback::{self, call_now};
use super::error::{Error, SCRIPT, stopped};
use super::options::Reader;
use super::record::Record;
use super::{Call, CallResult, Registry, args, output};

/// So often `retry` calls what it is given, unless it is told otherwise.
const TIMES: u64 = 3;

/// So long `wait_until` pauses, unless it is told otherwise: short to a person, and long to a machine that is asked.
const EVERY: Duration = Duration::from_millis(200);

const NO_TIMES: &str = "a whole number, at least 1";
const NO_BACKOFF: &str = "a number, at least 1";

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("retry", retry);
    registry.add("wait_until", wait_until);
}

/// How `retry` goes about it.
struct Attempts {
    times: u64,
    delay: Duration,
    backoff: f64,
}

impl Attempts {
    fn parse(reader: &Reader<'_>, given: &Dynamic) -> Result<Self, Error> {
        let mut attempts = Self { times: TIMES, delay: Duration::ZERO, backoff: 1.0 };
        let Some(map) = given.read_lock::<Map>() else {
            let times = times(given).ok_or_else(|| Error::Argument {
                verb: reader.verb,
                expected: format!("{NO_TIMES}, or a map of options"),
                given: args::describe(reader.engine, given),
            })?;
            return Ok(Self { times, ..attempts });
        };
        for (key, value) in map.iter() {
            match key.as_str() {
                "times" => attempts.times = times(value).ok_or_else(|| reader.wrong(key, NO_TIMES, value))?,
                "delay" => attempts.delay = reader.seconds(key, value)?,
                "backoff" => attempts.backoff = backoff(value).ok_or_else(|| reader.wrong(key, NO_BACKOFF, value))?,
                _ => return Err(reader.unknown(None, key, &["backoff", "delay", "times"])),
            }
        }
        Ok(attempts)
    }
}

fn times(value: &Dynamic) -> Option<u64> {
    value.as_int().ok().and_then(|times| u64::try_from(times).ok()).filter(|times| *times > 0)
}

fn backoff(value: &Dynamic) -> Option<f64> {
    // Nobody waits for long enough to miss what an integer above 2^53 loses.
    #[allow(clippy::cast_precision_loss)]
    let factor = value.as_int().map(|factor| factor as f64).or_else(|_| value.as_float()).ok()?;
    (factor.is_finite() && factor >= 1.0).then_some(factor)
}

fn retry(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let reader = Reader { verb: "retry", engine: call.engine() };
    let Attempts { times, mut delay, backoff } = Attempts::parse(&reader, &given[0])?;
    let function = args::function("retry", call.engine(), &given[1])?;
    let mut left = times;
    loop {
        let result = call_now("retry", call, &function, &given[2..]);
        if call.host.checkpoint() {
            return Err(stopped());
        }
        left -= 1;
        match result {
            Err(error) if left > 0 && !is_mistake(&error) => {}
            result => return result,
        }
        pause(call, "retry", Instant::now().checked_add(delay))?;
        // A time that nothing can hold is for ever.
        delay = Duration::try_from_secs_f64(delay.as_secs_f64() * backoff).unwrap_or(Duration::MAX);
    }
}

/// Whether calling again cannot cure it: a mistake in the script. What depends on what was read meanwhile, such as a
/// number that is none or an index that is out of bounds, is no such thing.
fn is_mistake(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            is_mistake(inner)
        }
        EvalAltResult::ErrorRuntime(value, _) => value.read_lock::<Record>().is_some_and(|record| {
            let kind = record.fields().get("kind").map(ToString::to_string);
            matches!(kind.as_deref(), Some("argument" | "field" | SCRIPT))
        }),
        EvalAltResult::ErrorArithmetic(..)
        | EvalAltResult::ErrorArrayBounds(..)
        | EvalAltResult::ErrorStringBounds(..)
        | EvalAltResult::ErrorBitFieldBounds(..)
        | EvalAltResult::ErrorIndexNotFound(..)
        | EvalAltResult::ErrorSystem(..) => false,
        _ => true,
    }
}

/// Waits between two calls; what was printed is seen meanwhile.
fn pause(call: &Call<'_>, verb: &'static str, until: Option<Instant>) -> Result<(), Box<EvalAltResult>> {
    output::flush(call.host)?;
    call.host.sleep_until(until).map_err(|error| Error::System { verb, action: "wait".into(), error })?;
    if call.host.checkpoint() { Err(stopped()) } else { Ok(()) }
}

/// How `wait_until` goes about it.
struct Wait {
    timeout: Duration,
    every: Duration,
    what: Option<String>,
}

impl Wait {
    fn parse(reader: &Reader<'_>, given: &Dynamic) -> Result<Self, Error> {
        let mut wait = Self { timeout: Duration::ZERO, every: EVERY, what: None };
        let Some(map) = given.read_lock::<Map>() else {
            let timeout = args::seconds(reader.verb, reader.engine, given).map_err(|_| Error::Argument {
                verb: reader.verb,
                expected: "a number of seconds, at least 0, or a map of options".into(),
                given: args::describe(reader.engine, given),
            })?;
            return Ok(Self { timeout, ..wait });
        };
        for (key, value) in map.iter() {
            match key.as_str() {
                "timeout" => wait.timeout = reader.seconds(key, value)?,
                "every" => wait.every = reader.seconds(key, value)?,
                "what" => wait.what = Some(reader.line(key, value)?),
                _ => return Err(reader.unknown(None, key, &["every", "timeout", "what"])),
            }
        }
        if !map.contains_key("timeout") {
            return Err(reader.contradicted("timeout", "it is missing: without a limit the wait may be for ever"));
        }
        Ok(wait)
    }
}

fn wait_until(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let reader = Reader { verb: "wait_until", engine: call.engine() };
    let Wait { timeout, every, what } = Wait::parse(&reader, &given[0])?;
    let function = args::function("wait_until", call.engine(), &given[1])?;
    let limit = Instant::now().checked_add(timeout);
    loop {
        let result = call_now("wait_until", call, &function, &given[2..]);
        if call.host.checkpoint() {
            return Err(stopped());
        }
        let value = result?.flatten();
        let is_false = value.as_bool() == Ok(false);
        if !is_false && !value.is_unit() {
            return Ok(value);
        }
        let now = Instant::now();
        if limit.is_some_and(|limit| now >= limit) {
            let what = not_come_about(what, &function, is_false);
            return Err(Error::Late { verb: "wait_until", what, limit: timeout }.into());
        }
        // The last call is at the limit.
        pause(call, "wait_until", [now.checked_add(every), limit].into_iter().flatten().min())?;
    }
}

fn not_come_about(what: Option<String>, function: &FnPtr, is_false: bool) -> String {
    match what {
        Some(what) => format!("`{what}` had not come about"),
        None => {
            let given = if is_false { "false" } else { "()" };
            let title = callback::title_of(function);
            let name = if function.is_anonymous() { format!("the {title}") } else { format!("`{title}`") };
            format!("{name} still gave `{given}`")
        }
    }
}
