//! The tokens of a text, with comments, each with where it is: read by Rhai's own tokenizer, so that nobody guesses
//! where a string ends.

use std::ops::Range;

use rhai::{InputStream, LexError, Position, Token, TokenizeState, get_next_token};

use crate::builtins::{names, standard};

/// A token, and the bytes of the text that it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Lexeme {
    /// What it is. A text with `${…}` is several: parts, braces, and what is between them.
    pub token: Token,
    /// Where it is.
    pub span: Range<usize>,
    /// Where the parser has it.
    pub position: Position,
}

impl Lexeme {
    /// Whether it says nothing to the parser.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        matches!(self.token, Token::Comment(_))
    }
}

/// What a token is to whoever reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word of the language.
    Keyword,
    /// A number, `true` or `false`.
    Literal,
    /// A string or a char, or a part of a text with `${…}`; also one that is not ended yet.
    Text,
    /// A comment.
    Comment,
    /// A name, of whatever.
    Name,
    /// A bracket, an operator, or what stands between others.
    Symbol,
    /// What the parser refuses wherever it stands.
    Wrong,
}

impl Lexeme {
    /// What it is to whoever reads the text.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.token {
            Token::True | Token::False | Token::IntegerConstant(_) | Token::FloatConstant(_) => Kind::Literal,
            Token::CharConstant(_) | Token::StringConstant(_) | Token::InterpolatedString(_) => Kind::Text,
            Token::Comment(_) => Kind::Comment,
            Token::Identifier(_) => Kind::Name,
            Token::LexError(error) if **error == LexError::UnterminatedString => Kind::Text,
            Token::LexError(_) => Kind::Wrong,
            Token::Reserved(word) if word.as_str() == "this" => Kind::Keyword,
            Token::Reserved(word) if names::is_freed(word) || standard::counts(word).is_some() => Kind::Name,
            Token::Reserved(_) => Kind::Wrong,
            // These have no syntax, and it panics.
            Token::EOF | Token::UnprocessedRawChar(_) | Token::Custom(_) => Kind::Symbol,
            token if token.literal_syntax().starts_with(|c: char| c.is_ascii_alphabetic()) => Kind::Keyword,
            _ => Kind::Symbol,
        }
    }
}

/// What a text has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// A comment.
    Comment,
    /// A string that may go on in the next line.
    Text,
    /// A bracket of any kind.
    Bracket,
}

/// The tokens of a text.
pub struct Tokens<'a> {
    stream: Characters<'a>,
    state: TokenizeState,
    position: Position,
    brackets: Vec<Bracket>,
    /// Whether the next brace begins the code in a text.
    begins_code: bool,
    open: Option<(Open, usize)>,
}

struct Bracket {
    closing: Token,
    start: usize,
    /// Whether a text goes on behind it.
    in_text: bool,
}

impl<'a> Tokens<'a> {
    /// Of this text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self {
            stream: Characters { text, at: 0 },
            state: TokenizeState { include_comments: true, ..TokenizeState::default() },
            position: Position::START,
            brackets: Vec::new(),
            begins_code: false,
            open: None,
        }
    }

    /// After the last token: the innermost of what the text has not ended, and the byte where that begins.
    #[must_use]
    pub fn open(&self) -> Option<(Open, usize)> {
        self.open.or_else(|| self.brackets.last().map(|bracket| (Open::Bracket, bracket.start)))
    }

    /// As the tokenizer does, which does not say how much it has skipped.
    fn skip_space(&mut self) {
        let rest = &self.stream.text[self.stream.at..];
        let space = &rest[..rest.len() - rest.trim_ascii_start().len()];
        self.stream.at += space.len();
        let of = |number: Option<usize>| number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
        let (mut line, mut column) = (of(self.position.line()), of(self.position.position()));
        for byte in space.bytes() {
            (line, column) = if byte == b'\n' { (line.saturating_add(1), 0) } else { (line, column.saturating_add(1)) };
        }
        self.position = Position::new(line.max(1), column);
    }

    fn count_brackets(&mut self, token: &Token, start: usize) {
        let closing = match token {
            Token::LeftBrace | Token::MapStart => Some(Token::RightBrace),
            Token::LeftParen => Some(Token::RightParen),
            Token::LeftBracket | Token::QuestionBracket => Some(Token::RightBracket),
            _ => None,
        };
        if let Some(closing) = closing {
            let in_text = std::mem::take(&mut self.begins_code);
            self.brackets.push(Bracket { closing, start, in_text });
        } else if self.brackets.last().is_some_and(|bracket| bracket.closing == *token) {
            // The parser tells the tokenizer so.
            if self.brackets.pop().is_some_and(|bracket| bracket.in_text) {
                self.state.is_within_text_terminated_by = Some("`".into());
            }
        }
        self.begins_code = matches!(token, Token::InterpolatedString(_));
    }
}

impl Iterator for Tokens<'_> {
    type Item = Lexeme;

    fn next(&mut self) -> Option<Lexeme> {
        let in_text = self.state.is_within_text_terminated_by.is_some();
        if !in_text {
            self.skip_space();
        }
        let start = self.stream.at;
        if start == self.stream.text.len() {
            self.open = self.open.or_else(|| in_text.then_some((Open::Text, start)));
            return None;
        }
        let (token, position) = get_next_token(&mut self.stream, &mut self.state, &mut self.position);
        if self.state.comment_level > 0 {
            self.open = Some((Open::Comment, start));
        } else if matches!(token, Token::StringConstant(_)) && self.state.is_within_text_terminated_by.take().is_some()
        {
            self.open = Some((Open::Text, start));
        }
        // The `$` of `${` is read with the text before it.
        let start = start - usize::from(self.begins_code);
        self.count_brackets(&token, start);
        Some(Lexeme { token, span: start..self.stream.at - usize::from(self.begins_code), position })
    }
}

/// The characters of a text, and how far they are read.
struct Characters<'a> {
    text: &'a str,
    at: usize,
}

impl InputStream for Characters<'_> {
    fn unget(&mut self, c: char) {
        self.at -= c.len_utf8();
    }

    fn get_next(&mut self) -> Option<char> {
        let c = self.peek_next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn peek_next(&mut self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
}

/// Whether a key is written without quotes, and is read behind a dot.
#[must_use]
pub fn is_plain_key(key: &str) -> bool {
    Tokens::new(key).next().is_some_and(|first| {
        first.span.len() == key.len() && matches!(&first.token, Token::Identifier(name) if name.as_str() == key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Vec<&str> {
        Tokens::new(text).map(|lexeme| &text[lexeme.span]).collect()
    }

    fn open(text: &str) -> Option<(Open, usize)> {
        let mut tokens = Tokens::new(text);
        tokens.by_ref().for_each(drop);
        tokens.open()
    }

    #[test]
    fn each_token_has_its_bytes() {
        assert_eq!(spans("let x=\"ä\\n\" ; // end"), ["let", "x", "=", "\"ä\\n\"", ";", "// end"]);
        assert_eq!(spans("a..=b /* /* */ */ #{x: 1.5}"), ["a", "..=", "b", "/* /* */ */", "#{", "x", ":", "1.5", "}"]);
        assert_eq!(spans("1.foo(#\"raw\"#, 'x')"), ["1", ".", "foo", "(", "#\"raw\"#", ",", "'x'", ")"]);
        assert_eq!(
            spans("`a/*${ #{b: `c${d}`} }*/` + 1"),
            ["`a/*", "${", "#{", "b", ":", "`c", "${", "d", "}", "`", "}", "}", "*/`", "+", "1"]
        );
    }

    #[test]
    fn each_token_is_of_a_kind() {
        let of_kind = |text: &str, kind: Kind| {
            let found: Vec<&str> =
                Tokens::new(text).filter(|one| one.kind() == kind).map(|one| &text[one.span]).collect();
            found.join(" ")
        };
        let text = "private fn f(x) { let a = 1.5; if true { `t${this}` + 'c' + \"s\" } !in () _ } // end";
        assert_eq!(of_kind(text, Kind::Keyword), "private fn let if this");
        assert_eq!(of_kind(text, Kind::Literal), "1.5 true");
        assert_eq!(of_kind(text, Kind::Text), "`t ` 'c' \"s\"");
        assert_eq!(of_kind(text, Kind::Comment), "// end");
        assert_eq!(of_kind(text, Kind::Name), "f x a");
        assert_eq!(of_kind(text, Kind::Symbol), "( ) { = ; { ${ } + + } !in () _ }");
        assert_eq!(of_kind(text, Kind::Wrong), "");
        assert_eq!(of_kind("print(x.type_of()) debug eval Fn call", Kind::Name), "print x type_of debug eval Fn call");
        assert_eq!(of_kind("match === 0x 'ab' a @ \"\\q\" new", Kind::Wrong), "match === 0x 'ab' @ \"\\q new");
        assert_eq!(of_kind("x = \"not ended", Kind::Text), "\"not ended");
        assert_eq!(of_kind("a /* b", Kind::Comment), "/* b");
    }

    #[test]
    fn each_token_is_where_the_parser_has_it() {
        let text = "a +  b\n\n\t( é, `x\ny ${ c }`,\r\n  /* d\n */ _ )";
        for lexeme in
            Tokens::new(text).filter(|lexeme| matches!(lexeme.token, Token::Identifier(_) | Token::Underscore))
        {
            let before = &text[..lexeme.span.start];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let position = (lexeme.position.line(), lexeme.position.position());
            assert_eq!(position, (Some(line), Some(column)), "{:?}", lexeme.token);
        }
    }

    #[test]
    fn what_a_text_leaves_open_is_known() {
        for (text, expected) in [
            ("f(); /* a /* b */", (Open::Comment, 5)),
            ("if x {\n f(1, [2", (Open::Bracket, 13)),
            ("f() {", (Open::Bracket, 4)),
            ("let m = #{a: (", (Open::Bracket, 13)),
            ("let x = `a\nb", (Open::Text, 8)),
            ("let x = `a${b}c", (Open::Text, 14)),
            ("let x = `a${b", (Open::Bracket, 10)),
            ("let x = #\"a", (Open::Text, 8)),
            ("let x = \"a\\", (Open::Text, 8)),
            ("a?[", (Open::Bracket, 1)),
        ] {
            assert_eq!(open(text), Some(expected), "{text}");
        }
        for text in ["", "f()", "f(/* ( */)", "\"(\"", "`${`}`}`", "x // (", "'('", "\"a", "}", "`a``b`"] {
            assert_eq!(open(text), None, "{text}");
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in
            ["\"", "'", "`${", "#", "#!", "(*", "\u{a0}x", "\\", "1.", "1._", "0x", "\"\\u{", "/", "\"\\\n  a\"", "'\\"]
        {
            let solid = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(solid(&spans(text).concat()), solid(text), "{text}");
            assert!(Tokens::new(text).all(|lexeme| lexeme.kind() != Kind::Keyword), "{text}");
        }
    }
}
