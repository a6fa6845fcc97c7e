//! `scope` and `outcome`.

use rhai::{Dynamic, FnPtr, Map};

use super::callback::call_now;
use super::error::stopped;
use super::record::Record;
use super::{Call, CallResult, Registry, args, unwind};
use crate::host::outcome::Outcome;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("scope", scope);
    registry.add("outcome", outcome);
}

fn scope(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let (what, rest) = given.split_first().expect("scope has a first argument in the table");
    let function: FnPtr = args::function("scope", call.engine(), what)?;
    let mark = call.host.stack(|stack| stack.mark());
    // A panic in the function is a script error; what it registered runs all the same, in the unwinding.
    let result = call_now("scope", call, &function, rest);
    let outcome = match (call.host.top_stop(), &result) {
        (Some(stop), _) => Outcome::of_stop(stop),
        (None, Ok(_)) => Outcome::Finished,
        (None, Err(error)) => Outcome::Failed(call.host.describe(error)),
    };
    unwind::run_down_to(call.host, call.engine(), mark, &outcome);
    if call.host.checkpoint() {
        return Err(stopped());
    }
    result
}

fn outcome(call: &Call<'_>, _: &[Dynamic]) -> CallResult {
    let Some(outcome) = call.host.outcome() else { return Ok(Dynamic::UNIT) };
    let mut map = Map::new();
    map.insert("ok".into(), (outcome.status() == 0).into());
    map.insert("status".into(), i64::from(outcome.status()).into());
    let (signal, error) = match &*outcome {
        Outcome::Signalled(signal) => (Some(signal.name()), None),
        Outcome::Failed(message) => (None, Some(message.clone())),
        Outcome::Finished | Outcome::Exited(_) => (None, None),
    };
    map.insert("signal".into(), signal.map_or(Dynamic::UNIT, |name| name.into()));
    map.insert("error".into(), error.map_or(Dynamic::UNIT, Into::into));
    Ok(Dynamic::from(Record::new("the outcome", map)))
}
