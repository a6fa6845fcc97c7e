//! Where the engines name two places for one error, the one that is told.

use rhai::{EvalAltResult, Position, Token};

use super::source::Sources;
use super::tokens::{Lexeme, Tokens};

/// The place of an error in the text `source`.
///
/// - Of a property, the walker says where its `.` is and the VM where its name is: it is the name.
/// - Of an operator with `=`, or of a bit that is set to no `bool`, whose left side is an index or a property, the VM says where
///   the first of these begins, and the walker where the operator is: it is the operator.
/// - Of a module that is not there, the walker says where the path begins and the VM where the name behind it is: it is the
///   path.
/// - Of a value that is called and is no function, the walker says where the first argument is and the VM where the `call`
///   is: it is the `call`.
/// - Of an import of what is no string, the VM says where the `import` is and the walker where that is: it is that.
/// - Of a constant `this`, and of one that a closure has captured, the walker says where it is and the VM where the operator
///   is: it is the constant.
pub(super) fn of_error(error: &EvalAltResult, source: &str, sources: &Sources) -> Position {
    let position = error.position();
    let found = |find: fn(&[Lexeme], usize) -> Option<usize>| {
        let tokens = tokens(source, sources)?;
        let at = tokens.iter().position(|lexeme| lexeme.position == position)?;
        Some(tokens[find(&tokens, at)?].position)
    };
    let place = match error {
        EvalAltResult::ErrorModuleNotFound(..) => found(start_of_path),
        EvalAltResult::ErrorMismatchDataType(expected, ..) if expected == "Fn" => found(call_around),
        EvalAltResult::ErrorAssignmentToConstant(..) => found(name_before),
        EvalAltResult::ErrorMismatchDataType(..) => found(path_of_import).or_else(|| found(operator_behind)),
        EvalAltResult::ErrorArithmetic(..) => found(operator_behind),
        EvalAltResult::ErrorFunctionNotFound(signature, _) if !signature.starts_with(is_of_name) => {
            found(operator_behind)
        }
        _ => None,
    };
    place.unwrap_or_else(|| of_call(position, source, sources))
}

/// The place of a call.
pub(super) fn of_call(position: Position, source: &str, sources: &Sources) -> Position {
    let place = || {
        let tokens = tokens(source, sources)?;
        let at = tokens.iter().position(|lexeme| lexeme.position == position)?;
        let is_ambiguous = matches!(tokens[at].token, Token::Period | Token::Elvis);
        Some(tokens.get(at + 1).filter(|_| is_ambiguous)?.position)
    };
    place().unwrap_or(position)
}

/// The place of an import: the VM says where the `import` is, and the walker where its path is, or an operator in that.
pub(super) fn of_import(position: Position, source: &str, sources: &Sources) -> Position {
    let place = || {
        let tokens = tokens(source, sources)?;
        let at = tokens.iter().position(|lexeme| lexeme.position == position)?;
        let import = tokens[..=at].iter().rposition(|lexeme| lexeme.token == Token::Import)?;
        Some(tokens.get(import + 1)?.position)
    };
    place().unwrap_or(position)
}

fn tokens(source: &str, sources: &Sources) -> Option<Vec<Lexeme>> {
    let text = sources.text(source)?;
    Some(Tokens::new(&text).filter(|lexeme| !lexeme.is_comment()).collect())
}

fn is_of_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// The first of `a::b::c`.
fn start_of_path(tokens: &[Lexeme], at: usize) -> Option<usize> {
    let mut start = at;
    while start >= 2 && tokens[start - 1].token == Token::DoubleColon {
        start -= 2;
    }
    Some(start)
}

/// The `call` whose argument that is, if it is not one itself.
fn call_around(tokens: &[Lexeme], at: usize) -> Option<usize> {
    let is_call = |at: usize| {
        let follows = tokens.get(at + 1).is_some_and(|next| next.token == Token::LeftParen);
        follows
            && matches!(&tokens[at].token, Token::Identifier(name) | Token::Reserved(name) if name.as_str() == "call")
    };
    if is_call(at) {
        return Some(at);
    }
    let mut depth = 0;
    for before in (1..at).rev() {
        match depth_of(&tokens[before].token) {
            1 if depth == 0 => return Some(before - 1).filter(|at| is_call(*at)),
            change => depth -= change,
        }
    }
    None
}

/// What the `import` there names.
fn path_of_import(tokens: &[Lexeme], at: usize) -> Option<usize> {
    (tokens[at].token == Token::Import && at + 1 < tokens.len()).then_some(at + 1)
}

/// The name that the operator there assigns to.
fn name_before(tokens: &[Lexeme], at: usize) -> Option<usize> {
    let before = at.checked_sub(1)?;
    let is_name = match &tokens[before].token {
        Token::Reserved(name) => name.as_str() == "this",
        token => matches!(token, Token::Identifier(_)),
    };
    (is_name && assigns(&tokens[at].token)).then_some(before)
}

fn assigns(token: &Token) -> bool {
    *token == Token::Equals || token.get_base_op_from_assignment().is_some()
}

/// The operator that assigns to the index or property that begins there.
fn operator_behind(tokens: &[Lexeme], at: usize) -> Option<usize> {
    if !matches!(tokens[at].token, Token::Period | Token::Elvis | Token::LeftBracket | Token::QuestionBracket) {
        return None;
    }
    let mut depth = 0;
    for (behind, lexeme) in tokens.iter().enumerate().skip(at) {
        depth += depth_of(&lexeme.token);
        let is_link = matches!(
            lexeme.token,
            Token::Period | Token::Elvis | Token::RightBracket | Token::RightParen | Token::Identifier(_)
        );
        match depth {
            0 if assigns(&lexeme.token) => return Some(behind),
            0 if !is_link => return None,
            _ => {}
        }
    }
    None
}

/// How much deeper in brackets it is behind the token.
fn depth_of(token: &Token) -> i32 {
    match token {
        Token::LeftParen | Token::LeftBracket | Token::QuestionBracket | Token::LeftBrace | Token::MapStart => 1,
        Token::RightParen | Token::RightBracket | Token::RightBrace => -1,
        _ => 0,
    }
}
