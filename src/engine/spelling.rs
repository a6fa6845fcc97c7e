//! How a script spells strings and keys, and how numbers and the texts of others are written in a line.

use rhai::Token;

use super::tokens::Tokens;

/// Whether a key is written without quotes, and is read behind a dot.
pub(super) fn is_plain_key(key: &str) -> bool {
    Tokens::new(key).next().is_some_and(|first| {
        first.span.len() == key.len() && matches!(&first.token, Token::Identifier(name) if name.as_str() == key)
    })
}

/// A string as a script spells it.
pub(super) fn quoted(text: &str) -> String {
    as_rhai_escapes(&format!("{text:?}"))
}

/// A character as a script spells it.
pub(super) fn of_char(c: char) -> String {
    as_rhai_escapes(&format!("{c:?}"))
}

/// A text of the host on one line: nothing in it moves the cursor.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// What Rust has escaped, as Rhai reads it: `\0` and `\u{…}` are `\x00`, `\xNN`, `\uNNNN` or `\UNNNNNNNN` there.
fn as_rhai_escapes(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        shown.push_str(before);
        if let Some(after) = after.strip_prefix('0') {
            shown.push_str("\\x00");
            rest = after;
        } else if let Some((digits, after)) = after.strip_prefix("u{").and_then(|after| after.split_once('}')) {
            shown.push_str(&match digits.len() {
                0..=2 => format!("\\x{digits:0>2}"),
                3..=4 => format!("\\u{digits:0>4}"),
                _ => format!("\\U{digits:0>8}"),
            });
            rest = after;
        } else {
            let end = after.chars().next().map_or(0, char::len_utf8);
            shown.push('\\');
            shown.push_str(&after[..end]);
            rest = &after[end..];
        }
    }
    shown + rest
}

/// A number in groups of three digits.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
