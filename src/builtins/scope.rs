//! `scope` and `outcome`.

use rhai::{Dynamic, FnPtr, Map};

use super::callback::call_now;
use super::error::stopped;
use super::record::Record;
use super::{Call, Outcome, Room, args, unwind};
use crate::host::outcome::Outcome as Ending;

/// Registers the room.
pub fn register(room: &mut Room<'_>) {
    room.add("scope", scope);
    room.add("outcome", outcome);
}

fn scope(call: &Call<'_>, given: &[Dynamic]) -> Outcome {
    let (what, rest) = given.split_first().expect("scope has a first argument in the table");
    let function: FnPtr = args::function("scope", call.engine(), what)?;
    let mark = call.host.stack(|stack| stack.mark());
    // A panic in the function is a script error; what it registered runs all the same, in the unwinding.
    let result = call_now("scope", call, &function, rest);
    let ending = match (call.host.top_stop(), &result) {
        (Some(stop), _) => Ending::of_stop(stop),
        (None, Ok(_)) => Ending::Finished,
        (None, Err(error)) => Ending::Failed(call.host.describe(error)),
    };
    unwind::run_down_to(call.host, call.engine(), mark, &ending);
    if call.host.checkpoint() {
        return Err(stopped());
    }
    result
}

fn outcome(call: &Call<'_>, _: &[Dynamic]) -> Outcome {
    let Some(ending) = call.host.outcome() else { return Ok(Dynamic::UNIT) };
    let mut map = Map::new();
    map.insert("ok".into(), (ending.status() == 0).into());
    map.insert("status".into(), i64::from(ending.status()).into());
    let (signal, error) = match &*ending {
        Ending::Signalled(signal) => (Some(signal.name()), None),
        Ending::Failed(message) => (None, Some(message.clone())),
        Ending::Finished | Ending::Exited(_) => (None, None),
    };
    map.insert("signal".into(), signal.map_or(Dynamic::UNIT, |name| name.into()));
    map.insert("error".into(), error.map_or(Dynamic::UNIT, Into::into));
    Ok(Dynamic::from(Record::new("the outcome", map)))
}
