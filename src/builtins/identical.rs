//! Whether two values are one, or as good as one: what a closure holds tells it from another of the same text.

use std::ops::{Range, RangeInclusive};
use std::ptr;
use std::time::Instant;

use rhai::{Array, Blob, Dynamic, FnPtr, Map};

use super::background::Process;
use super::command::Command;
use super::exit::Handler;
use super::lock::Lock;
use super::record::Record;

/// Whether functions or closures hold the same: variables that are one variable, and values that are equal.
#[must_use]
pub fn hold_the_same(a: &[Dynamic], b: &[Dynamic]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_identical(a, b))
}

fn are_identical(a: &Dynamic, b: &Dynamic) -> bool {
    if a.is_shared() || b.is_shared() {
        return is_one_variable(a, b);
    }
    if a.type_id() != b.type_id() {
        return false;
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        return hold_the_same(&a, &b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        return have_the_same(&a, &b);
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Record>(), b.read_lock::<Record>()) {
        return have_the_same(a.fields(), b.fields());
    }
    if let (Some(a), Some(b)) = (a.read_lock::<FnPtr>(), b.read_lock::<FnPtr>()) {
        return a.fn_name() == b.fn_name() && hold_the_same(a.curry(), b.curry());
    }
    let comparisons = [
        equal::<Blob>,
        equal::<Process>,
        equal::<Handler>,
        equal::<Lock>,
        equal::<Command>,
        equal::<Instant>,
        equal::<Range<i64>>,
        equal::<RangeInclusive<i64>>,
    ];
    // A number, a text, a bool or a character is what it is shown as.
    comparisons.iter().find_map(|equal| equal(a, b)).unwrap_or_else(|| a.to_string() == b.to_string())
}

fn have_the_same(a: &Map, b: &Map) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && are_identical(a.1, b.1))
}

/// Whether two values of a type are equal; `None` if they are of another.
fn equal<T: Clone + PartialEq + 'static>(a: &Dynamic, b: &Dynamic) -> Option<bool> {
    Some(*a.read_lock::<T>()? == *b.read_lock::<T>()?)
}

/// Whether two, of which one is a variable that closures share, are one.
fn is_one_variable(a: &Dynamic, b: &Dynamic) -> bool {
    let (Some(a), Some(b)) = (a.read_lock::<Dynamic>(), b.read_lock::<Dynamic>()) else { return false };
    // Of what is not shared it is another place.
    ptr::eq(&raw const *a, &raw const *b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_identical_to_itself_and_a_value_to_its_equal() {
        let values = || {
            let map = Map::from([("a".into(), Dynamic::from(1_i64)), ("b".into(), vec![2_u8].into())]);
            let held = FnPtr::new("f").expect("it is a name");
            let list: Array = vec![1_i64.into(), 1.5.into(), true.into(), 'x'.into(), "x".into(), Dynamic::UNIT];
            let (record, range) = (Record::new("the stat", Map::new()), Dynamic::from(1_i64..3));
            [
                list.into(),
                map.into(),
                Dynamic::from(held),
                vec![1_u8, 2].into(),
                "1".into(),
                1_i64.into(),
                Dynamic::from(record),
                range,
            ]
        };
        for (at, a) in values().iter().enumerate() {
            for (other, b) in values().iter().enumerate() {
                assert_eq!(are_identical(a, b), at == other, "{a:?} {b:?}");
            }
        }
        let variable = |value: i64| Dynamic::from(value).into_shared();
        let one = variable(1);
        assert!(are_identical(&one, &one.clone()));
        assert!(!are_identical(&one, &variable(1)));
        assert!(!are_identical(&one, &1_i64.into()));
    }
}
