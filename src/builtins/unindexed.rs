//! What has no elements cannot be given one: the VM would say nothing of it.

use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, NativeCallContext, Position};

/// What Rhai calls the getters of an index and of a property.
const INDEX_GETTER: &str = "index$get$";
const GETTER: &str = "get$";

/// Sets an element where no other function does it.
///
/// Rhai calls it, too, to put back what was read of a value and may have been changed since, as by `x.name.trim()`: then it
/// passes over an error of indexing, and the VM does so whenever it calls it. So it is one only where the element can be read.
fn set(
    context: NativeCallContext<'_>,
    target: &mut Dynamic,
    index: Dynamic,
    value: Dynamic,
) -> Result<(), Box<EvalAltResult>> {
    let kind = |value: &Dynamic| context.engine().map_type_name(value.type_name()).to_string();
    let signature = format!("{} [{}] = {}", kind(target), kind(&index), kind(&value));
    let at = Position::NONE;
    if has_elements(target) || can_be_read(&context, target, &index) || is_left_over(&context, target, &index) {
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
        None => format!("Indexer unavailable: {signature}"),
    };
    Err(EvalAltResult::ErrorDotExpr(message, at).into())
}

/// Whether Rhai itself reads elements of such a value.
fn has_elements(value: &Dynamic) -> bool {
    value.is_string() || value.is_int() || value.is_array() || value.is_map() || value.is_blob()
}

fn can_be_read(context: &NativeCallContext<'_>, target: &mut Dynamic, index: &Dynamic) -> bool {
    has_property(context, target, index)
        || context.call_native_fn_raw(INDEX_GETTER, true, &mut [target, &mut index.clone()]).is_ok()
}

fn has_property(context: &NativeCallContext<'_>, target: &mut Dynamic, index: &Dynamic) -> bool {
    let getter = index.read_lock::<ImmutableString>().map(|name| format!("{GETTER}{}", *name));
    getter.is_some_and(|getter| context.call_native_fn_raw(getter, true, &mut [target]).is_ok())
}

/// Whether it may be what the walker has left of a value without a name, as in `f().len.max(1)`: the getters of these types
/// take the value itself, and there is nothing to put anything back into.
fn is_left_over(context: &NativeCallContext<'_>, target: &Dynamic, property: &Dynamic) -> bool {
    let taken: [Dynamic; 4] = [ImmutableString::new().into(), 0_i64.into(), 0.0_f64.into(), 'a'.into()];
    target.is_unit() && taken.into_iter().any(|mut value| has_property(context, &mut value, property))
}

/// Registers it.
pub fn register(engine: &mut Engine) {
    FuncRegistration::new_index_setter().with_purity(true).register_into_engine(engine, set);
}
