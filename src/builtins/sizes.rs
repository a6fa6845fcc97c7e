//! `blob` and `pad`: what makes a value as long as a number says. Rhai's own ask the engine how long a value may be, and an
//! engine that knows has every value measured, all through, at every call.

use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Position};

use super::error::Error;

/// Bytes of a string or blob, elements of an array. More than memory serves, and less than what makes an allocation abort
/// the process. How long other values become, the allocator tells (`sys/memory.rs`).
pub const LIMIT: usize = 1 << 31;

type Checked<T> = Result<T, Box<EvalAltResult>>;

/// Registers the builtins of this file.
pub fn register(engine: &mut Engine) {
    engine.register_fn("blob", |length: INT| -> Checked<Blob> { Ok(vec![0; checked(BLOB, length)?]) });
    engine.register_fn("blob", |length: INT, value: INT| -> Checked<Blob> {
        Ok(vec![low_byte(value); checked(BLOB, length)?])
    });
    engine.register_fn("pad", |blob: &mut Blob, length: INT, value: INT| -> Checked<()> {
        let length = checked(BLOB, length)?.max(blob.len());
        blob.resize(length, low_byte(value));
        Ok(())
    });
    engine.register_fn("pad", |array: &mut Array, length: INT, item: Dynamic| -> Checked<()> {
        let length = checked("Size of array", length)?.max(array.len());
        array.resize(length, item);
        Ok(())
    });
    engine
        .register_fn("pad", |text: &mut ImmutableString, length: INT, with: char| pad(text, length, &with.to_string()));
    engine.register_fn("pad", |text: &mut ImmutableString, length: INT, with: &str| pad(text, length, with));
}

const BLOB: &str = "Size of blob";
/// What is too long.
pub(super) const STRING: &str = "Length of string";

fn low_byte(value: INT) -> u8 {
    (value & 0xff) as u8
}

/// A negative length is none.
fn checked(what: &str, length: INT) -> Checked<usize> {
    let length = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
    if length > LIMIT { Err(too_long(what)) } else { Ok(length) }
}

/// The error of what would be longer than [`LIMIT`].
pub(super) fn too_long(what: &str) -> Box<EvalAltResult> {
    EvalAltResult::ErrorDataTooLarge(what.into(), Position::NONE).into()
}

/// Appends a text again and again, the last time as much of it as makes so many characters.
fn pad(text: &mut ImmutableString, length: INT, with: &str) -> Checked<()> {
    let missing = checked(STRING, length)?.saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(());
    }
    if with.is_empty() {
        return Err(Error::Misuse("pad", "there is nothing to pad with".into()).into());
    }
    let padding: String = with.chars().cycle().take(missing).collect();
    if text.len() + padding.len() > LIMIT {
        return Err(too_long(STRING));
    }
    text.make_mut().push_str(&padding);
    Ok(())
}
