//! What has no elements cannot be given one: the VM would say nothing of it.

use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, NativeCallContext, Position};

/// What Rhai calls the getters of an index and of a property.
const INDEX_GETTER: &str = "index$get$";
const GETTER: &str = "get$";

/// Sets an element where no other function does it.
///
/// Rhai calls it, too, to put back what was read of a value and may have been changed since, as by `x.name.trim()`: then it
/// passes over an error of indexing, and the VM does so whenever it calls it. So on the VM it is one only where the element
/// can be read. On the walker it always is: of a value without a name, as `f().len.trim()`, there is nothing left to put it
/// back into.
fn set(
    is_walked: bool,
    context: NativeCallContext<'_>,
    target: &mut Dynamic,
    index: Dynamic,
    value: Dynamic,
) -> Result<(), Box<EvalAltResult>> {
    let kind = |value: &Dynamic| context.engine().map_type_name(value.type_name()).to_string();
    let signature = format!("{} [{}] = {}", kind(target), kind(&index), kind(&value));
    let at = Position::NONE;
    if has_elements(target) || can_be_read(&context, target, &index) {
        return Err(EvalAltResult::ErrorIndexingType(signature, at).into());
    }
    // What Rhai says of a property, which the call may be for.
    let message = match index.read_lock::<ImmutableString>() {
        Some(name) => format!(
            "No writable property '{}' - a setter is not registered for type '{}' to handle '{}'",
            *name,
            kind(target),
            kind(&value)
        ),
        None if is_walked => signature,
        None => format!("Indexer unavailable: {signature}"),
    };
    Err(if is_walked {
        EvalAltResult::ErrorIndexingType(message, at)
    } else {
        EvalAltResult::ErrorDotExpr(message, at)
    }
    .into())
}

/// Whether Rhai itself reads elements of such a value.
fn has_elements(value: &Dynamic) -> bool {
    value.is_string() || value.is_int() || value.is_array() || value.is_map() || value.is_blob()
}

fn can_be_read(context: &NativeCallContext<'_>, target: &mut Dynamic, index: &Dynamic) -> bool {
    let getter = index.read_lock::<ImmutableString>().map(|name| format!("{GETTER}{}", *name));
    let has_property =
        getter.is_some_and(|getter| context.call_native_fn_raw(getter, true, &mut [&mut *target]).is_ok());
    has_property || context.call_native_fn_raw(INDEX_GETTER, true, &mut [target, &mut index.clone()]).is_ok()
}

/// Registers it, for an engine whose scripts are walked or for one with the VM.
pub fn register(engine: &mut Engine, is_walked: bool) {
    let set = move |context: NativeCallContext<'_>, target: &mut Dynamic, index: Dynamic, value: Dynamic| {
        set(is_walked, context, target, index, value)
    };
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(engine, set);
}
