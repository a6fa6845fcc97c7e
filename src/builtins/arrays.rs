//! `sort`, `order`, `dedup` with a function: Rhai's own lose what it raises.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, NativeCallContext};

use super::args;
use super::error::Error;
use super::unwind::or_panicked;

type Raised = Box<EvalAltResult>;

/// Registers the room.
pub fn register(engine: &mut Engine) {
    for verb in ["sort", "sort_by"] {
        engine.register_fn(verb, move |context: NativeCallContext<'_>, array: &mut Array, comparer: FnPtr| {
            *array = sorted(verb, &context, array, &comparer)?;
            Ok::<_, Raised>(())
        });
    }
    for verb in ["order", "order_by"] {
        engine.register_fn(verb, move |context: NativeCallContext<'_>, array: &mut Array, comparer: FnPtr| {
            sorted(verb, &context, array, &comparer)
        });
    }
    engine.register_fn("dedup", |context: NativeCallContext<'_>, array: &mut Array, comparer: FnPtr| {
        let mut kept = Array::new();
        for item in array.iter() {
            let is_same = match kept.last() {
                Some(last) => is_true("dedup", &context, &ask(&context, &comparer, last, item)?)?,
                None => false,
            };
            if !is_same {
                kept.push(item.clone());
            }
        }
        *array = kept;
        Ok::<_, Raised>(())
    });
}

fn ask(context: &NativeCallContext<'_>, function: &FnPtr, a: &Dynamic, b: &Dynamic) -> Result<Dynamic, Raised> {
    function.call_raw(context, None, [a.clone(), b.clone()])
}

fn is_true(verb: &'static str, context: &NativeCallContext<'_>, answer: &Dynamic) -> Result<bool, Raised> {
    answer.as_bool().map_err(|_| wrong_answer(verb, "a bool", context, answer))
}

fn wrong_answer(verb: &'static str, expected: &str, context: &NativeCallContext<'_>, answer: &Dynamic) -> Raised {
    let expected = format!("a function that gives {expected}");
    let given = format!("one that gives {}", args::describe(context.engine(), answer));
    Error::Argument { verb, expected, given }.into()
}

/// The elements in the order that a function gives: a negative number or `true` where the first comes before the
/// second.
fn sorted(
    verb: &'static str,
    context: &NativeCallContext<'_>,
    array: &Array,
    comparer: &FnPtr,
) -> Result<Array, Raised> {
    let compare = |a: &Dynamic, b: &Dynamic| {
        let answer = or_panicked(|| ask(context, comparer, a, b))?;
        match (answer.as_int(), answer.as_bool()) {
            (Ok(number), _) => Ok(number.cmp(&0)),
            (_, Ok(before)) => Ok(if before { Ordering::Less } else { Ordering::Greater }),
            _ => Err(wrong_answer(verb, "an integer or a bool", context, &answer)),
        }
    };
    let mut failed = None;
    let mut sorted = array.clone();
    let sort = AssertUnwindSafe(|| {
        sorted.sort_by(|a, b| {
            if failed.is_some() {
                return Ordering::Equal;
            }
            compare(a, b).unwrap_or_else(|error| {
                failed = Some(error);
                Ordering::Equal
            })
        });
    });
    // It may panic over an order that contradicts itself.
    let finished = catch_unwind(sort).is_ok();
    match failed {
        Some(error) => Err(error),
        None if finished => Ok(sorted),
        None => Err(Error::Words(verb, "the function gives an order that contradicts itself".into()).into()),
    }
}
