//! `print`, `debug`, `eprint`.

use std::any::TypeId;

use rhai::{Array, Blob, Dynamic, EvalAltResult, FUNC_TO_DEBUG, FUNC_TO_STRING, ImmutableString, Map};

use super::error::{Error, stopped};
use super::{Call, Host, Room, names};
use crate::host::WriteError;

/// Registers the room.
pub fn register(room: &mut Room<'_>) {
    // Rhai's `print` gives its text to a hook that cannot fail. Ours prints, and gives the hook nothing.
    room.engine.on_print(|_| {});
    room.engine.on_debug(|_, _, _| {});
    for kind in printable() {
        for name in ["print".into(), names::of_pointer("print")] {
            room.add_for(&name, &kind, |call, given| {
                let text = given.first().map(|value| text(call, FUNC_TO_STRING, value)).unwrap_or_default();
                print(call.host, &text)?;
                Ok(ImmutableString::new().into())
            });
        }
        for name in ["debug".into(), names::of_pointer("debug")] {
            room.add_for(&name, &kind, |call, given| {
                let text = given.first().map(|value| text(call, FUNC_TO_DEBUG, value)).unwrap_or_default();
                let source = call.context.call_source().unwrap_or("script");
                let place = call.context.call_position();
                call.host.eprint(&format!("{}:{place:?}: {text}\n", file_name(source))).map_err(raise)?;
                Ok(ImmutableString::new().into())
            });
        }
    }
    room.add("eprint", |call, given| {
        let text = given.first().map(|value| text(call, FUNC_TO_STRING, value)).unwrap_or_default();
        call.host.eprint(&format!("{text}\n")).map_err(raise)?;
        Ok(Dynamic::UNIT)
    });
}

fn file_name(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}

/// The types for which Rhai has a `print` of its own, which would be found before ours for any type.
fn printable() -> Vec<Vec<TypeId>> {
    let one = [
        TypeId::of::<Dynamic>(),
        TypeId::of::<ImmutableString>(),
        TypeId::of::<char>(),
        TypeId::of::<bool>(),
        TypeId::of::<()>(),
        TypeId::of::<f64>(),
        TypeId::of::<f32>(),
        TypeId::of::<Array>(),
        TypeId::of::<Map>(),
        TypeId::of::<Blob>(),
        TypeId::of::<rhai::FnPtr>(),
    ];
    std::iter::once(Vec::new()).chain(one.into_iter().map(|kind| vec![kind])).collect()
}

/// The text of a value as the script sees it; its type's `to_string` or `to_debug` decides.
fn text(call: &Call<'_>, how: &str, value: &Dynamic) -> ImmutableString {
    if how == FUNC_TO_STRING {
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return text.clone();
        }
        if value.is_int() || value.is_bool() {
            return value.to_string().into();
        }
    }
    let mut value = value.clone();
    call.context
        .call_native_fn_raw(how, true, &mut [&mut value])
        .ok()
        .and_then(|text| text.into_immutable_string().ok())
        .unwrap_or_else(|| call.engine().map_type_name(value.type_name()).into())
}

/// The text of a value as `print` shows it.
pub(super) fn text_of(call: &Call<'_>, value: &Dynamic) -> ImmutableString {
    text(call, FUNC_TO_STRING, value)
}

/// Writes a line on standard output.
///
/// # Errors
///
/// The write failed, or the run is stopped.
pub fn print(host: &Host, text: &str) -> Result<(), Box<EvalAltResult>> {
    host.print(text).map_err(raise)
}

/// Writes what was printed.
///
/// # Errors
///
/// The write failed, or the run is stopped.
pub fn flush(host: &Host) -> Result<(), Box<EvalAltResult>> {
    host.flush().map_err(|error| match error {
        WriteError::Stopped => stopped(),
        // What it was that was printed is not known any more.
        WriteError::Failed(error) => Error::Output(error).into(),
    })
}

/// What a script is told of a write that failed.
pub(super) fn raise(error: WriteError) -> Box<EvalAltResult> {
    match error {
        WriteError::Stopped => stopped(),
        WriteError::Failed(error) => {
            Error::System { verb: "print", action: "write to standard output".into(), error }.into()
        }
    }
}
