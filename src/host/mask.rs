//! Texts that nobody is to see, and how they are found in what is written.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

/// What is seen in place of each.
const VEIL: &[u8] = b"***";

/// A line of a text of several lines that is shorter than this tells nothing: without it every brace would be hidden.
const SHORTEST_LINE: usize = 3;

/// What a report leaves out, it marks so.
const ELLIPSIS: &str = "…";

/// What is left before that mark is taken for the beginning of a hidden text if it has so many bytes of one.
const SHORTEST_BEGINNING: usize = 4;

/// The forms in which a text may be written, itself among them.
pub(super) type Forms = dyn Fn(&[u8]) -> Vec<Vec<u8>>;

/// What is hidden.
pub(super) struct Masks {
    /// In all the forms in which each may be written, the longest first.
    forms: Vec<Vec<u8>>,
    /// The bytes that one of them begins with.
    begins: [bool; 256],
}

impl Masks {
    pub(super) const NONE: Self = Self { forms: Vec::new(), begins: [false; 256] };

    /// From now on this is hidden, and so is each of its lines, in all the forms in which each may be written.
    pub(super) fn add(&mut self, text: &[u8], forms: &Forms) {
        let end = text.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
        let is_one = lines.iter().filter(|line| !line.is_empty()).count() == 1;
        let lines = lines.into_iter().filter(|line| is_one || line.len() >= SHORTEST_LINE);
        for form in [&text[..end]].into_iter().chain(lines).flat_map(forms) {
            if !form.trim_ascii().is_empty() && !self.forms.contains(&form) {
                self.begins[usize::from(form[0])] = true;
                self.forms.push(form);
            }
        }
        self.forms.sort_by_key(|form| Reverse(form.len()));
    }

    /// Where in the text something is hidden. What overlaps is one.
    fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        if self.forms.is_empty() {
            return spans;
        }
        for start in (0..text.len()).filter(|start| self.begins[usize::from(text[*start])]) {
            let Some(form) = self.forms.iter().find(|form| text[start..].starts_with(form)) else { continue };
            let end = start + form.len();
            match spans.last_mut() {
                Some(last) if start < last.end => last.end = last.end.max(end),
                _ => spans.push(start..end),
            }
        }
        spans
    }

    /// The text without what is hidden.
    pub(super) fn hide<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        replace(text, &self.spans(text))
    }

    /// A text of stagesh's own without what is hidden, also where a report has kept only the beginning of it.
    pub(super) fn hide_in_report<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let mut spans = self.spans(bytes);
        let cuts = text.match_indices(ELLIPSIS).filter_map(|(at, _)| {
            let before = &bytes[..at];
            let beginning =
                |form: &Vec<u8>| (SHORTEST_BEGINNING..form.len()).rev().find(|count| before.ends_with(&form[..*count]));
            self.forms.iter().filter_map(beginning).max().map(|count| at - count..at)
        });
        spans.extend(cuts);
        spans.sort_by_key(|span| span.start);
        as_text(text, replace(bytes, &spans))
    }

    /// As much of the beginning of a long text as can be written before the rest has come, without what is hidden: no hidden
    /// text begins in it that ends behind it, unless nothing else is left.
    ///
    /// # Returns
    ///
    /// Its length in the text, and what it is without.
    pub(super) fn hide_beginning<'a>(&self, text: &'a [u8]) -> (usize, Cow<'a, [u8]>) {
        let longest = self.forms.first().map_or(0, Vec::len);
        let mut spans = self.spans(text);
        let mut length = (text.len() + 1).saturating_sub(longest.max(1));
        if let Some(within) = spans.iter().find(|span| span.start < length && length < span.end) {
            length = within.start;
        }
        if length == 0 && text.len() >= 2 * longest {
            length = text.len();
        }
        spans.retain(|span| span.end <= length);
        (length, replace(&text[..length], &spans))
    }
}

/// The text with the veil in place of each span; they are in order.
fn replace<'a>(text: &'a [u8], spans: &[Range<usize>]) -> Cow<'a, [u8]> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut done) = (Vec::with_capacity(text.len()), 0);
    for span in spans {
        if span.start >= done {
            shown.extend_from_slice(&text[done..span.start]);
            shown.extend_from_slice(VEIL);
        }
        done = done.max(span.end);
    }
    shown.extend_from_slice(&text[done..]);
    Cow::Owned(shown)
}

/// What became of a text, as text: a part of a letter may have been hidden.
pub(super) fn as_text<'a>(text: &'a str, shown: Cow<'_, [u8]>) -> Cow<'a, str> {
    match shown {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(texts: &[&str]) -> Masks {
        let mut masks = Masks::NONE;
        texts
            .iter()
            .for_each(|text| masks.add(text.as_bytes(), &|text| vec![text.to_vec(), text.to_ascii_uppercase()]));
        masks
    }

    fn hidden(texts: &[&str], text: &str) -> String {
        String::from_utf8_lossy(&masks(texts).hide(text.as_bytes())).into_owned()
    }

    #[test]
    fn what_is_hidden_is_hidden_wherever_it_is() {
        assert_eq!(hidden(&["key"], "key, a key and keykey"), "***, a *** and ******");
        assert_eq!(hidden(&["key"], "nothing"), "nothing");
        assert_eq!(hidden(&[], "key"), "key");
    }

    #[test]
    fn what_overlaps_is_hidden_as_one() {
        assert_eq!(hidden(&["abc", "abcdef"], "abcdef abc"), "*** ***");
        assert_eq!(hidden(&["abc", "cde"], "xabcdex"), "x***x");
        assert_eq!(hidden(&["aa"], "aaaaa"), "***");
    }

    #[test]
    fn each_line_of_a_text_is_hidden_but_for_short_ones() {
        assert_eq!(hidden(&["{\n  first\n  second\r\n}\n"], "first, second {}"), "***, *** {}");
        assert_eq!(hidden(&["one\ntwo"], "one\ntwo\none"), "***\n***");
        assert_eq!(hidden(&["x\n"], "xyx"), "***y***");
    }

    #[test]
    fn each_form_is_hidden() {
        assert_eq!(hidden(&["key"], "a KEY, a key and a Key"), "a ***, a *** and a Key");
        assert_eq!(hidden(&["one\ntwo"], "ONE\nTWO TWO"), "*** ***");
    }

    #[test]
    fn nothing_but_blanks_hides_nothing() {
        assert_eq!(hidden(&[" \n\t", ""], "a b\n\tc"), "a b\n\tc");
    }

    #[test]
    fn a_beginning_before_a_cut_is_hidden_in_a_report() {
        let masks = masks(&["abcdefgh"]);
        assert_eq!(masks.hide_in_report("curl abcdef… failed, abcdefgh"), "curl ***… failed, ***");
        assert_eq!(masks.hide_in_report("abc… de"), "abc… de");
    }

    #[test]
    fn a_long_text_is_cut_where_nothing_is_hidden() {
        let beginning = |texts: &[&str], text: &str| {
            let masks = masks(texts);
            let (length, shown) = masks.hide_beginning(text.as_bytes());
            (length, String::from_utf8_lossy(&shown).into_owned())
        };
        assert_eq!(beginning(&[], "abcdef"), (6, "abcdef".into()));
        // The last three may begin one.
        assert_eq!(beginning(&["wxyz"], "abcdefwx"), (5, "abcde".into()));
        assert_eq!(beginning(&["wxyz"], "abcwxyzf"), (3, "abc".into()));
        assert_eq!(beginning(&["wxyz"], "wxyzabcd"), (5, "***a".into()));
        assert_eq!(beginning(&["wxyz"], "wxyz"), (0, String::new()));
        assert_eq!(beginning(&["aa"], "aaaaa"), (5, "***".into()));
    }
}
