//! What strings and arrays have besides what Rhai gives them.

use std::any::TypeId;

use rhai::{Array, Dynamic, ImmutableString};

use super::error::Error;
use super::{Registry, args, output, sizes};

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    if registry.vocabulary.has("lines") {
        registry.engine.register_fn("lines", |text: &str| -> Array { text.lines().map(|line| line.into()).collect() });
    }
    if registry.vocabulary.has("trimmed") {
        registry.engine.register_fn("trimmed", |text: ImmutableString| -> ImmutableString {
            let trimmed = text.trim();
            // Most need no copy.
            if trimmed.len() == text.len() { text } else { trimmed.into() }
        });
    }
    let (text, array, any) = (TypeId::of::<ImmutableString>(), TypeId::of::<Array>(), TypeId::of::<Dynamic>());
    // As it is spelt in other languages.
    for types in [vec![array], vec![text, array]] {
        registry.add_for("join", &types, |_, _| {
            Err(Error::Misuse("join", "it is spelt `array.join(separator)`".into()).into())
        });
    }
    registry.add_for("join", &[array, any], |call, given| {
        let separator = match given[1].as_char() {
            Ok(letter) => letter.to_string().into(),
            Err(_) => args::text("join", call.engine(), &given[1])?,
        };
        let array = given[0].read_lock::<Array>().expect("it is registered for arrays");
        let shown: Vec<ImmutableString> = array.iter().map(|element| output::text_of(call, element)).collect();
        let length =
            shown.iter().map(|text| text.len()).sum::<usize>() + separator.len() * shown.len().saturating_sub(1);
        if length > sizes::LIMIT {
            return Err(sizes::too_long(sizes::STRING));
        }
        Ok(shown.join(&*separator).into())
    });
}
