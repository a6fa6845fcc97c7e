//! `trap`, `untrap`, `trapped`.

use rhai::{Array, Dynamic};

use super::error::Error;
use super::{Call, CallResult, Host, Registry, args};
use crate::sys::signal::Signal;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("trap", |call, given| {
        let signals = match given.first() {
            Some(value) => args::trappable("trap", call.engine(), value)?,
            None => Signal::DEFAULT_TRAPS.to_vec(),
        };
        call.host.trap(&signals).map_err(|error| refused("trap", error))?;
        Ok(names(call.host))
    });
    registry.add("untrap", |call: &Call<'_>, given: &[Dynamic]| -> CallResult {
        let signals = given.first().map(|value| args::trappable("untrap", call.engine(), value)).transpose()?;
        call.host.untrap(signals.as_deref()).map_err(|error| refused("untrap", error))?;
        Ok(names(call.host))
    });
    registry.add("trapped", |call, _| Ok(names(call.host)));
}

fn refused(verb: &'static str, error: std::io::Error) -> Error {
    Error::System { verb, action: "handle the signal".into(), error }
}

fn names(host: &Host) -> Dynamic {
    host.trapped().into_iter().map(|signal| Dynamic::from(signal.name().to_string())).collect::<Array>().into()
}
