//! How a script spells strings, and how the texts of others are written in a line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::command::quote;

/// A string as a script spells it.
#[must_use]
pub fn quoted(text: &str) -> String {
    as_rhai_escapes(&format!("{text:?}"))
}

/// A character as a script spells it.
#[must_use]
pub fn of_char(c: char) -> String {
    as_rhai_escapes(&format!("{c:?}"))
}

/// A text of the host on one line: nothing in it moves the cursor.
#[must_use]
pub fn harmless(text: &str) -> String {
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

/// A line of others with its tabs, where each character has its column: what moves the cursor otherwise is `\u{fffd}`.
#[must_use]
pub fn visible(line: &str) -> String {
    line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
}

/// All forms in which stagesh writes a text of others, that of a form among them: what a command was is quoted for a shell,
/// and for a script where the error that has it is shown whole.
#[must_use]
pub fn forms(text: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![text.to_vec()];
    for _ in 0..2 {
        for form in forms.clone().iter().flat_map(|form| spelled(form)) {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// The forms of a text, without the quotes around it.
fn spelled(text: &[u8]) -> Vec<Vec<u8>> {
    let within = |quoted: &str, quote: char| {
        let begun = quoted.strip_prefix(quote).unwrap_or(quoted);
        begun.strip_suffix(quote).unwrap_or(begun).as_bytes().to_vec()
    };
    let mut forms = vec![within(&quote(OsStr::from_bytes(text)), '\'')];
    if let Ok(text) = std::str::from_utf8(text) {
        forms.extend([within(&quoted(text), '"'), harmless(text).into(), visible(text).into()]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_in_these_forms_and_within_them() {
        let forms = |text: &str| -> Vec<String> {
            forms(text.as_bytes()).into_iter().map(|form| String::from_utf8(form).expect("it is a text")).collect()
        };
        assert_eq!(forms("key"), ["key"]);
        let all = [
            ("it's", &["it's", r"it'\''s", r"it'\\''s"] as &[&str]),
            ("a\"\n", &["a\"\n", r#"a\"\n"#, r#"a"\n"#, "a\"\u{fffd}", r#"a\\\"\\n"#]),
            ("a\u{1}b", &[r#"a'"$(printf '\001')"'b"#, r"a\x01b", r"a\u{1}b", "a\u{fffd}b"]),
        ];
        for (text, written) in all {
            written.iter().for_each(|form| assert!(forms(text).iter().any(|known| known == form), "{form}"));
        }
    }
}
