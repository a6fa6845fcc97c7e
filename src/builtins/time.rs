//! `sleep`.

use std::any::TypeId;
use std::time::Instant;

use rhai::Dynamic;

use super::error::{Error, stopped};
use super::{Call, Outcome, Room, args};

/// Registers the room.
pub fn register(room: &mut Room<'_>) {
    room.add("sleep", sleep);
    // Rhai's own, for these types, cannot be interrupted.
    room.add_for("sleep", &[TypeId::of::<i64>()], sleep);
    room.add_for("sleep", &[TypeId::of::<f64>()], sleep);
}

fn sleep(call: &Call<'_>, given: &[Dynamic]) -> Outcome {
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
