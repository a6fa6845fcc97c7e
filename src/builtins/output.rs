//! `print`, `debug`, `eprint`.

use std::any::TypeId;

use rhai::{
    Array, Blob, Dynamic, EvalAltResult, FUNC_TO_DEBUG, FUNC_TO_STRING, ImmutableString, Map, NativeCallContext,
};

use super::error::{Error, stopped};
use super::{Call, CallResult, Host, Registry, names};
use crate::host::WriteError;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    // What Rhai's `print` and `debug` give goes to hooks that cannot fail. Ours write, and there are no hooks.
    for kind in printable(registry.vocabulary.is_plain()) {
        if registry.vocabulary.has("print") {
            for name in ["print".into(), names::of_pointer("print")] {
                registry.engine.register_raw_fn(&*name, &kind, native_print(registry.host));
            }
        }
        for name in ["debug".into(), names::of_pointer("debug")] {
            registry.add_for(&name, &kind, |call, given| {
                let text = given.first().map(|value| text(call, FUNC_TO_DEBUG, value)).unwrap_or_default();
                let source = call.context.call_source().unwrap_or("script");
                let place = call.context.call_position();
                call.host.eprint(&format!("{}:{place:?}: {text}\n", file_name(source))).map_err(raise)?;
                Ok(Dynamic::UNIT)
            });
        }
    }
    registry.add("eprint", |call, given| {
        let text = given.first().map(|value| text(call, FUNC_TO_STRING, value)).unwrap_or_default();
        call.host.eprint(&format!("{text}\n")).map_err(raise)?;
        Ok(Dynamic::UNIT)
    });
}

/// `print`, without what other builtins cost: it is called more often than all of them.
fn native_print(host: &Host) -> impl Fn(NativeCallContext<'_>, &mut [&mut Dynamic]) -> CallResult + 'static {
    let host = host.clone();
    move |context, args| {
        if host.may_not_act() {
            return Err(stopped());
        }
        let Some(value) = args.first() else {
            print(&host, "")?;
            return Ok(Dynamic::UNIT);
        };
        if let Ok(text) = value.as_immutable_string_ref() {
            print(&host, &text)?;
        } else if let Ok(number) = value.as_int() {
            print(&host, &number.to_string())?;
        } else {
            let value = value.flatten_clone();
            print(&host, &text(&Call { host: &host, context: &context }, FUNC_TO_STRING, &value))?;
        }
        Ok(Dynamic::UNIT)
    }
}

fn file_name(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}

/// Any type, and those for which Rhai has a `print` of its own, where it is there: it would be found before ours.
fn printable(is_alone: bool) -> Vec<Vec<TypeId>> {
    if is_alone {
        return vec![Vec::new(), vec![TypeId::of::<Dynamic>()]];
    }
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
