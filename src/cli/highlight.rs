//! The colours of a script that is being typed, and the brackets that belong together.

use crate::engine::tokens::{Kind, Lexeme, Tokens};

/// Where the colour ends. Source: ECMA-48, `SGR`.
const RESET: &str = "\x1b[0m";

/// How a bracket is dressed when the cursor is at it, and the one that belongs to it.
const PAIR: &str = "\x1b[1;4m";

/// How the name of what is called is dressed.
const CALL: &str = "\x1b[94m";

/// How a token is dressed, if it is.
fn dress(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Keyword => Some("\x1b[35m"),
        Kind::Literal => Some("\x1b[36m"),
        Kind::Text => Some("\x1b[32m"),
        Kind::Comment => Some("\x1b[2m"),
        Kind::Wrong => Some("\x1b[31m"),
        Kind::Name | Kind::Symbol => None,
    }
}

/// A text in colour, whatever `--color` says; nothing but colours is added, and none goes beyond a line.
///
/// # Arguments
///
/// The byte where the cursor is: the bracket there, or before it, and the one that belongs to it are marked.
#[must_use]
pub fn highlight(text: &str, cursor: Option<usize>) -> String {
    let lexemes: Vec<Lexeme> = Tokens::new(text).collect();
    let marked = cursor.and_then(|cursor| pair(text, &lexemes, cursor)).map(|(one, other)| [one, other]);
    let mut shown = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for (index, lexeme) in lexemes.iter().enumerate() {
        let (start, end) = (lexeme.span.start.max(done), lexeme.span.end.max(done));
        shown.push_str(&text[done..start]);
        done = end;
        let piece = &text[start..end];
        let is_next = |next: &Lexeme| next.span.start == end && text[end..].starts_with('(');
        match lexeme.kind() {
            Kind::Name if lexemes.get(index + 1).is_some_and(is_next) => paint(&mut shown, piece, CALL),
            Kind::Symbol => {
                for (at, c) in piece.char_indices() {
                    let is_marked = marked.is_some_and(|marked| marked.contains(&(start + at)));
                    shown.push_str(if is_marked { PAIR } else { "" });
                    shown.push(c);
                    shown.push_str(if is_marked { RESET } else { "" });
                }
            }
            kind => match dress(kind) {
                Some(dress) => paint(&mut shown, piece, dress),
                None => shown.push_str(piece),
            },
        }
    }
    shown.push_str(&text[done..]);
    shown
}

/// Dresses each line of a piece.
fn paint(shown: &mut String, piece: &str, dress: &str) {
    for line in piece.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if !bare.is_empty() {
            shown.push_str(dress);
            shown.push_str(bare);
            shown.push_str(RESET);
        }
        shown.push_str(&line[bare.len()..]);
    }
}

/// The bracket at the cursor or before it, and the one that belongs to it. What is in a string or a comment is none.
fn pair(text: &str, lexemes: &[Lexeme], cursor: usize) -> Option<(usize, usize)> {
    let is_bracket = |at: &usize| text.as_bytes().get(*at).is_some_and(|byte| b"()[]{}".contains(byte));
    let mut near = [Some(cursor), cursor.checked_sub(1)].into_iter().flatten().filter(is_bracket).peekable();
    near.peek()?;
    let pairs = pairs(text, lexemes);
    near.find_map(|at| {
        pairs.iter().find_map(|(open, close)| match at {
            at if at == *open => Some((at, *close)),
            at if at == *close => Some((at, *open)),
            _ => None,
        })
    })
}

/// The brackets that belong together. One that closes another kind than the innermost that is open belongs to none.
fn pairs(text: &str, lexemes: &[Lexeme]) -> Vec<(usize, usize)> {
    let mut open: Vec<(usize, u8)> = Vec::new();
    let mut pairs = Vec::new();
    for lexeme in lexemes.iter().filter(|lexeme| lexeme.kind() == Kind::Symbol) {
        // A token may be two, as `()`, or have a bracket among others, as `#{`.
        for (at, byte) in lexeme.span.clone().filter_map(|at| Some((at, *text.as_bytes().get(at)?))) {
            match byte {
                b'(' => open.push((at, b')')),
                b'[' => open.push((at, b']')),
                b'{' => open.push((at, b'}')),
                b')' | b']' | b'}' => {
                    if let Some((start, _)) = open.pop_if(|(_, closing)| *closing == byte) {
                        pairs.push((start, at));
                    }
                }
                _ => {}
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bracket_at(text: &str, cursor: usize) -> Option<usize> {
        let lexemes: Vec<Lexeme> = Tokens::new(text).collect();
        pair(text, &lexemes, cursor).map(|(_, other)| other)
    }

    /// A text in which each colour is a letter, and its end a dot.
    fn legible(text: &str, cursor: Option<usize>) -> String {
        let mut legible = highlight(text, cursor);
        let colours = [
            ("\x1b[35m", "<k:"),
            ("\x1b[36m", "<l:"),
            ("\x1b[32m", "<t:"),
            ("\x1b[2m", "<c:"),
            ("\x1b[31m", "<w:"),
            (CALL, "<f:"),
            (PAIR, "<b:"),
            (RESET, ">"),
        ];
        for (colour, letter) in colours {
            legible = legible.replace(colour, letter);
        }
        legible
    }

    #[test]
    fn each_kind_of_token_has_its_colour() {
        let text = "fn f(x) { let a = 1; // c\n run([\"s\", `t${a}`]) } match";
        let shown = "<k:fn> <f:f>(x) { <k:let> a = <l:1>; <c:// c>\n <f:run>([<t:\"s\">, <t:`t>${a}<t:`>]) } <w:match>";
        assert_eq!(legible(text, None), shown);
    }

    /// Texts of up to twelve pieces that have a meaning somewhere, the same in every run.
    fn odd_texts() -> impl Iterator<Item = String> {
        const ODD: [&str; 34] = [
            "`", "${", "$", "{", "}", "#{", "(", ")", "[", "]", "?[", "\"", "'", "\\", "/*", "*/", "//", "\n", " ",
            "\u{a0}", "ä", "🦀", "x", "0x", "1.", "..", "!in", "#", "#\"", "()", "\0", "\\u", "|", "if",
        ];
        let mut state = 1_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).expect("it has 31 bits") % below
        };
        (0..20_000).map(move |_| (0..next(13)).map(|_| ODD[next(ODD.len())]).collect())
    }

    #[test]
    fn nothing_but_colour_is_added() {
        for (index, text) in odd_texts().enumerate() {
            let mut plain = highlight(&text, Some(index % (text.len() + 2)));
            for line in plain.lines() {
                assert_eq!(line.matches(RESET).count() * 2, line.matches('\x1b').count(), "{text}");
            }
            for colour in ["\x1b[35m", "\x1b[36m", "\x1b[32m", "\x1b[2m", "\x1b[31m", CALL, PAIR, RESET] {
                plain = plain.replace(colour, "");
            }
            assert_eq!(plain, text);
        }
    }

    #[test]
    fn the_bracket_that_belongs_to_another_is_found_among_tokens() {
        for (text, cursor, expected) in [
            ("f(1)", 1, Some(3)),
            ("f(1)", 2, Some(3)),
            ("f(1)", 3, Some(1)),
            ("f(1)", 4, Some(1)),
            ("f(1)", 0, None),
            ("f()", 1, Some(2)),
            ("f()", 3, Some(1)),
            ("(\")\")", 0, Some(4)),
            ("(\")\")", 2, None),
            ("( /* ) */ )", 0, Some(10)),
            ("#{a: [1]}", 1, Some(8)),
            ("`a${b[0]}c`", 3, Some(8)),
            ("`a${b[0]}c`", 9, Some(3)),
            ("a?[0]", 2, Some(4)),
            ("(]", 0, None),
            ("((]))", 1, Some(3)),
            ("{(}", 0, None),
            ("", 0, None),
            ("ä()", 9, None),
        ] {
            assert_eq!(bracket_at(text, cursor), expected, "{text} at {cursor}");
        }
    }

    #[test]
    fn both_brackets_are_marked() {
        assert_eq!(legible("f(1)", Some(1)), "<f:f><b:(><l:1><b:)>");
        assert_eq!(legible("f()", Some(3)), "<f:f><b:(><b:)>");
        assert_eq!(legible("`${a}`", Some(2)), "<t:`>$<b:{>a<b:}><t:`>");
        assert_eq!(legible("f(1)", Some(0)), "<f:f>(<l:1>)");
    }
}
