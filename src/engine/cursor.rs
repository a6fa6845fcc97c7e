//! Where a cursor is in a text that somebody types: judged by the tokens before it.

use std::ops::Range;

use rhai::{LexError, Token};

use super::session::Function;
use super::tokens::{Lexeme, Open, Tokens};

/// Where the cursor is.
#[derive(Debug)]
pub(super) enum Place {
    /// Where nothing is known to follow: in a comment, where a new name is given, right behind a value.
    Nowhere,
    /// In a string.
    Text(Literal),
    /// Where a value or a statement begins.
    Start,
    /// Behind a block, where a statement begins or goes on.
    AfterBlock,
    /// Behind a value.
    AfterValue,
    /// Behind a dot.
    Member,
    /// Behind `name::`.
    Module,
}

/// How a string is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quotes {
    /// `"…"`.
    Double,
    /// `#"…"#`, with so many signs.
    Raw(usize),
    /// A text in backticks.
    Back,
}

/// The string that the cursor is in.
#[derive(Debug)]
pub(super) struct Literal {
    /// How it is written.
    pub quotes: Quotes,
    /// Where its characters begin; behind a `${…}`, those after that.
    pub start: usize,
    /// Whether that is not its beginning.
    pub is_continued: bool,
}

/// What is before the cursor.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Where it is.
    pub place: Place,
    /// The tokens before the word, or the string, that the cursor is in.
    pub tokens: Vec<Lexeme>,
    /// The bytes of the word before the cursor.
    pub word: Range<usize>,
    /// The variables that the text itself declares.
    pub variables: Vec<String>,
    /// The functions that the text itself defines.
    pub functions: Vec<Function>,
    /// Whether the cursor is in a function, where the variables of the top level are not in sight.
    pub in_function: bool,
}

impl Cursor {
    /// At the end of this text.
    pub(super) fn at_end_of(text: &str) -> Self {
        let mut stream = Tokens::new(text);
        let mut tokens: Vec<Lexeme> = stream.by_ref().collect();
        let literal = literal(text, &tokens, stream.open());
        let is_in_comment = matches!(stream.open(), Some((Open::Comment, _)))
            || last(&tokens, text).is_some_and(|last| last.is_comment() && !text[last.span.clone()].starts_with("/*"));
        tokens.retain(|lexeme| !lexeme.is_comment());
        if literal.is_some() && stream.open().is_none_or(|(_, start)| start < text.len()) {
            tokens.pop();
        }
        let word = match last(&tokens, text) {
            Some(last) if literal.is_none() && is_word(&text[last.span.clone()]) => last.span.clone(),
            _ => text.len()..text.len(),
        };
        if !word.is_empty() {
            tokens.pop();
        }
        let reader = Reader::read(&tokens);
        let place = match literal {
            Some(literal) => Place::Text(literal),
            None if is_in_comment => Place::Nowhere,
            None => reader.place(&tokens, word.start),
        };
        let in_function = reader.brackets.iter().find_map(|bracket| bracket.function);
        let variables = reader.variables.into_iter().skip(in_function.unwrap_or(0)).collect();
        Self { place, variables, functions: reader.functions, in_function: in_function.is_some(), tokens, word }
    }
}

/// The last token, if the text ends with it.
fn last<'t>(tokens: &'t [Lexeme], text: &str) -> Option<&'t Lexeme> {
    tokens.last().filter(|last| last.span.end == text.len())
}

/// Whether a token is one of letters: a name, or a keyword.
fn is_word(token: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    token.chars().all(is_of_word) && !token.starts_with(|c: char| c.is_ascii_digit())
}

/// The string that the text ends in.
fn literal(text: &str, tokens: &[Lexeme], open: Option<(Open, usize)>) -> Option<Literal> {
    let is_unended = |token: &Token| matches!(token, Token::LexError(error) if **error == LexError::UnterminatedString);
    let start = match open {
        Some((Open::Text, start)) => start,
        _ => last(tokens, text).filter(|last| is_unended(&last.token))?.span.start,
    };
    let before = tokens.iter().rposition(|lexeme| lexeme.span.end <= start).map(|last| &tokens[..=last]);
    if before.is_some_and(|before| ends_code_in_text(before, start)) {
        return Some(Literal { quotes: Quotes::Back, start, is_continued: true });
    }
    let rest = &text[start..];
    let signs = rest.len() - rest.trim_start_matches('#').len();
    let quotes = match rest[signs..].chars().next()? {
        '"' if signs == 0 => Quotes::Double,
        '"' => Quotes::Raw(signs),
        '`' => Quotes::Back,
        _ => return None,
    };
    Some(Literal { quotes, start: start + signs + 1, is_continued: false })
}

/// Whether the last token, which ends there, is the brace that ends a `${…}`.
fn ends_code_in_text(tokens: &[Lexeme], end: usize) -> bool {
    let begins_code =
        |open: usize| open.checked_sub(1).is_some_and(|it| matches!(tokens[it].token, Token::InterpolatedString(_)));
    tokens.last().is_some_and(|last| last.span.end == end && last.token == Token::RightBrace)
        && opening(tokens).is_some_and(begins_code)
}

/// The place of the bracket that the last token, a bracket, closes.
pub(super) fn opening(tokens: &[Lexeme]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, lexeme) in tokens.iter().enumerate().rev() {
        if is_closing(&lexeme.token) {
            depth += 1;
        } else if is_opening(&lexeme.token) {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

fn is_opening(token: &Token) -> bool {
    matches!(token, Token::LeftBrace | Token::MapStart | Token::LeftParen | Token::LeftBracket | Token::QuestionBracket)
}

fn is_closing(token: &Token) -> bool {
    matches!(token, Token::RightBrace | Token::RightParen | Token::RightBracket)
}

/// A bracket that is open.
struct Bracket {
    opens: Token,
    /// What the brackets hold are new names.
    declares: bool,
    /// How many variables there are once it is closed.
    variables: usize,
    /// The body of a function: how many variables are not in sight there.
    function: Option<usize>,
}

/// What precedes the block of a loop, a `catch` or a function, and declares variables for it.
#[derive(Clone, Copy)]
struct Head {
    is_function: bool,
    /// How many variables there were before it.
    variables: usize,
    /// How many brackets were open.
    depth: usize,
}

/// Goes over the tokens, and knows at the end what is open and what is in sight.
#[derive(Default)]
struct Reader {
    brackets: Vec<Bracket>,
    variables: Vec<String>,
    functions: Vec<Function>,
    /// Between the bars of a closure.
    in_bars: bool,
    /// A block is to come.
    head: Option<Head>,
    /// What the last closing brace has closed was a map.
    was_map: bool,
}

impl Reader {
    fn read(tokens: &[Lexeme]) -> Self {
        let mut reader = Self::default();
        for index in 0..tokens.len() {
            reader.step(&tokens[..=index]);
        }
        reader
    }

    /// Takes the last of the tokens.
    fn step(&mut self, tokens: &[Lexeme]) {
        let before = &tokens[..tokens.len() - 1];
        let previous = before.last().map(|lexeme| &lexeme.token);
        let token = &tokens[before.len()].token;
        match token {
            Token::For | Token::Catch | Token::Fn => {
                let (variables, depth) = (self.variables.len(), self.brackets.len());
                self.head = Some(Head { is_function: *token == Token::Fn, variables, depth });
            }
            // What was taken for its name is the type that it is a method of.
            Token::Period if matches!(before, [.., a, _] if a.token == Token::Fn) => drop(self.functions.pop()),
            Token::Pipe => self.in_bars = !self.in_bars && !self.ends_value(before),
            Token::Identifier(name) => {
                let is_new = matches!(previous, Some(Token::Let | Token::Const | Token::For));
                if is_new || self.in_bars || self.brackets.last().is_some_and(|bracket| bracket.declares) {
                    self.variables.push(name.to_string());
                    if let Some(function) = self.in_params(before).then(|| self.functions.last_mut()).flatten() {
                        function.params.push(name.to_string());
                    }
                } else if previous == Some(&Token::Fn) {
                    self.functions.push(Function { name: name.to_string(), params: Vec::new(), this_type: None });
                }
            }
            _ if is_opening(token) => self.open(token.clone(), before),
            _ if is_closing(token) => {
                if let Some(bracket) = self.brackets.pop() {
                    self.was_map = bracket.opens == Token::MapStart;
                    self.variables.truncate(bracket.variables);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, opens: Token, before: &[Lexeme]) {
        let count = self.variables.len();
        let bracket = match (&opens, self.head) {
            (Token::LeftBrace, Some(Head { is_function, variables, depth })) if depth == self.brackets.len() => {
                self.head = None;
                Bracket { opens, declares: false, variables, function: is_function.then_some(variables) }
            }
            (Token::LeftParen, Some(_)) if declares(before) => {
                Bracket { opens, declares: true, variables: usize::MAX, function: None }
            }
            _ => Bracket { opens, declares: false, variables: count, function: None },
        };
        self.brackets.push(bracket);
    }

    /// Whether the innermost bracket holds the parameters of a function that has a name.
    fn in_params(&self, before: &[Lexeme]) -> bool {
        let is_paren = |lexeme: &Lexeme| lexeme.token == Token::LeftParen;
        !self.in_bars
            && before
                .iter()
                .rposition(is_paren)
                .is_some_and(|open| matches!(&before[..open], [.., a, _] if a.token == Token::Fn))
    }

    /// Whether a value ends with the last of the tokens that were read.
    fn ends_value(&self, tokens: &[Lexeme]) -> bool {
        match tokens.last().map(|lexeme| &lexeme.token) {
            Some(Token::RightBrace) => self.was_map,
            Some(
                Token::Identifier(_)
                | Token::Reserved(_)
                | Token::Underscore
                | Token::IntegerConstant(_)
                | Token::FloatConstant(_)
                | Token::CharConstant(_)
                | Token::StringConstant(_)
                | Token::True
                | Token::False
                | Token::Unit
                | Token::RightParen
                | Token::RightBracket,
            ) => true,
            _ => false,
        }
    }

    /// Where the word is that begins there, behind all of the tokens.
    fn place(&self, tokens: &[Lexeme], start: usize) -> Place {
        let previous = tokens.last().map(|lexeme| &lexeme.token);
        let innermost = self.brackets.last();
        let is_key = innermost.is_some_and(|bracket| bracket.opens == Token::MapStart)
            && matches!(previous, Some(Token::MapStart | Token::Comma));
        match previous {
            Some(Token::Period | Token::Elvis) if !self.is_method_name(tokens) => Place::Member,
            Some(Token::DoubleColon) => Place::Module,
            Some(
                Token::Let
                | Token::Const
                | Token::Fn
                | Token::For
                | Token::As
                | Token::Import
                | Token::LexError(_)
                | Token::Period
                | Token::Elvis,
            ) => Place::Nowhere,
            _ if is_key || self.in_bars || innermost.is_some_and(|bracket| bracket.declares) => Place::Nowhere,
            Some(_) if self.ends_value(tokens) => {
                // Nothing is between them: it is another kind of word.
                let touches = tokens.last().is_some_and(|last| last.span.end == start);
                if touches { Place::Nowhere } else { Place::AfterValue }
            }
            Some(Token::RightBrace) => Place::AfterBlock,
            _ => Place::Start,
        }
    }

    /// Whether what follows the dot is the new name of a method: `fn int.name`.
    fn is_method_name(&self, tokens: &[Lexeme]) -> bool {
        matches!(tokens, [.., a, _, _] if a.token == Token::Fn)
    }
}

/// Whether a parenthesis after these tokens holds new names: of `for`, of `catch`, of a function.
fn declares(before: &[Lexeme]) -> bool {
    match before {
        [.., last] if matches!(last.token, Token::For | Token::Catch) => true,
        [.., a, _] if a.token == Token::Fn => true,
        [.., a, _, dot, _] => a.token == Token::Fn && dot.token == Token::Period,
        _ => false,
    }
}
