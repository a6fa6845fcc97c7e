//! What is done to an array with a function. Rhai's own `sort`, `order` and `dedup` lose what the function raises, and all of
//! them look for the function at each element.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, NativeCallContext};

use super::error::Error;
use super::lexical::Lexical;
use super::repeated::Repeated;
use super::unwind::or_panicked;
use super::vocabulary::Vocabulary;
use super::{CallResult, args};

type Raised = Box<EvalAltResult>;

/// Registers the builtins of this file.
pub fn register(engine: &mut Engine, lexical: &Rc<Lexical>, vocabulary: &Vocabulary) {
    let mut registry = Functions { engine, lexical, vocabulary };
    registry.reading("map", |function, array| {
        let results: Result<Array, Raised> =
            elements(array).map(|(index, item)| function.element(item, index)).collect();
        results.map(Dynamic::from)
    });
    registry.reading("filter", |function, array| {
        let mut chosen = Array::new();
        for (index, item) in elements(array) {
            if holds(&function.element(item, index)?) {
                chosen.push(item.clone());
            }
        }
        Ok(chosen.into())
    });
    registry.reading("some", |function, array| {
        for (index, item) in elements(array) {
            if holds(&function.element(item, index)?) {
                return Ok(true.into());
            }
        }
        Ok(false.into())
    });
    registry.reading("all", |function, array| {
        for (index, item) in elements(array) {
            if !holds(&function.element(item, index)?) {
                return Ok(false.into());
            }
        }
        Ok(true.into())
    });
    registry.reading("find", |function, array| {
        for (index, item) in elements(array) {
            if holds(&function.element(item, index)?) {
                return Ok(item.clone());
            }
        }
        Ok(Dynamic::UNIT)
    });
    registry.reading("find_map", |function, array| {
        for (index, item) in elements(array) {
            let found = function.element(item, index)?;
            if !found.is_unit() {
                return Ok(found);
            }
        }
        Ok(Dynamic::UNIT)
    });
    registry.folding("reduce", |function, array, first| {
        elements(array).try_fold(first, |result, (index, item)| function.fold(result, item, index))
    });
    registry.folding("reduce_rev", |function, array, first| {
        elements(array).rev().try_fold(first, |result, (index, item)| function.fold(result, item, index))
    });
    registry.writing("for_each", |function, array| {
        elements(array).try_for_each(|(index, item)| function.visit(item, index).map(drop))?;
        Ok(Dynamic::UNIT)
    });
    for verb in ["sort", "sort_by"] {
        registry.writing(verb, move |function, array| {
            *array = sorted(verb, function, array)?;
            Ok(Dynamic::UNIT)
        });
    }
    for verb in ["order", "order_by"] {
        registry.reading(verb, move |function, array| sorted(verb, function, array).map(Dynamic::from));
    }
    registry.writing("dedup", |function, array| {
        let mut kept = Array::new();
        for item in array.iter() {
            if let Some(last) = kept.last() {
                let answer = function.call([last.clone(), item.clone()])?;
                if is_true("dedup", function, &answer)? {
                    continue;
                }
            }
            kept.push(item.clone());
        }
        *array = kept;
        Ok(Dynamic::UNIT)
    });
}

/// Where builtins on an array and a function are registered.
struct Functions<'a> {
    engine: &'a mut Engine,
    lexical: &'a Rc<Lexical>,
    vocabulary: &'a Vocabulary,
}

impl Functions<'_> {
    /// One that leaves the array as it is.
    fn reading(&mut self, verb: &'static str, body: impl Fn(&mut Repeated<'_>, &mut Array) -> CallResult + 'static) {
        self.add(verb, true, body);
    }

    /// One that changes it, and cannot be called on a constant.
    fn writing(&mut self, verb: &'static str, body: impl Fn(&mut Repeated<'_>, &mut Array) -> CallResult + 'static) {
        self.add(verb, false, body);
    }

    fn add(
        &mut self,
        verb: &'static str,
        is_pure: bool,
        body: impl Fn(&mut Repeated<'_>, &mut Array) -> CallResult + 'static,
    ) {
        if !self.vocabulary.has(verb) {
            return;
        }
        let lexical = Rc::clone(self.lexical);
        let call = move |context: NativeCallContext<'_>, array: &mut Array, function: FnPtr| {
            body(&mut Repeated::new(verb, &lexical, &context, &function), array)
        };
        FuncRegistration::new(verb).with_purity(is_pure).register_into_engine(self.engine, call);
    }

    /// One that leaves the array as it is, and has a first result or none.
    fn folding(
        &mut self,
        verb: &'static str,
        body: impl Fn(&mut Repeated<'_>, &mut Array, Dynamic) -> CallResult + Copy + 'static,
    ) {
        self.reading(verb, move |function, array| body(function, array, Dynamic::UNIT));
        if !self.vocabulary.has(verb) {
            return;
        }
        let lexical = Rc::clone(self.lexical);
        let call = move |context: NativeCallContext<'_>, array: &mut Array, function: FnPtr, first: Dynamic| {
            body(&mut Repeated::new(verb, &lexical, &context, &function), array, first)
        };
        self.engine.register_fn(verb, call);
    }
}

fn elements(array: &mut Array) -> impl DoubleEndedIterator<Item = (usize, &mut Dynamic)> {
    array.iter_mut().enumerate()
}

/// What is no bool is false, as in Rhai's own.
fn holds(answer: &Dynamic) -> bool {
    answer.as_bool().unwrap_or(false)
}

fn is_true(verb: &'static str, function: &Repeated<'_>, answer: &Dynamic) -> Result<bool, Raised> {
    answer.as_bool().map_err(|_| wrong_answer(verb, "a bool", function, answer))
}

fn wrong_answer(verb: &'static str, expected: &str, function: &Repeated<'_>, answer: &Dynamic) -> Raised {
    let expected = format!("a function that gives {expected}");
    let given = format!("one that gives {}", args::describe(function.engine(), answer));
    Error::Argument { verb, expected, given }.into()
}

/// The elements in the order that a function gives: a negative number or `true` where the first comes before the
/// second.
fn sorted(verb: &'static str, function: &mut Repeated<'_>, array: &Array) -> Result<Array, Raised> {
    let mut compare = |a: &Dynamic, b: &Dynamic| {
        let answer = or_panicked(|| function.call([a.clone(), b.clone()]))?;
        match (answer.as_int(), answer.as_bool()) {
            (Ok(number), _) => Ok(number.cmp(&0)),
            (_, Ok(before)) => Ok(if before { Ordering::Less } else { Ordering::Greater }),
            _ => Err(wrong_answer(verb, "an integer or a bool", function, &answer)),
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
        None => Err(Error::Misuse(verb, "the function gives an order that contradicts itself".into()).into()),
    }
}
