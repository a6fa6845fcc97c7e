//! What would help where a script failed: what its author may have meant.

use rhai::{EvalAltResult, LexError, ParseErrorType};

use super::failure::{Frame, Place, split_signature};
use super::foreign;
use super::source::Sources;
use super::syntax::{self, Binding};
use crate::builtins::record::Record;
use crate::builtins::{names, standard};

/// What works in place and returns `()`, and is often taken for what returns the result.
const IN_PLACE: [&str; 12] = [
    "trim",
    "replace",
    "push",
    "append",
    "insert",
    "sort",
    "reverse",
    "make_upper",
    "make_lower",
    "pad",
    "truncate",
    "clear",
];

/// What would help against an error.
pub(super) fn of(error: &EvalAltResult, at: Option<&Place>, frames: &[Frame], sources: &Sources) -> Option<String> {
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            let in_function =
                frames.iter().any(|frame| matches!(frame, Frame::Call(name, _) if !names::is_closure(name)));
            for_variable(name, at?, in_function, &[], sources)
        }
        EvalAltResult::ErrorModuleNotFound(name, _) => for_module(name, []),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = split_signature(signature);
            let name = names::as_written(name);
            if types.contains(&"()")
                && let Some(hint) = in_place_hint(at, sources)
            {
                return Some(hint);
            }
            for_function(name, at?, sources)
        }
        EvalAltResult::ErrorDotExpr(text, _) | EvalAltResult::ErrorIndexingType(text, _) if text.contains("()") => {
            in_place_hint(at, sources)
        }
        EvalAltResult::ErrorMismatchDataType(_, given, _) if given == "()" => in_place_hint(at, sources),
        EvalAltResult::ErrorFor(_) => in_place_hint(at, sources).or_else(|| {
            Some("`for` goes through an array, a range, a text or a blob; through a map by `map.keys()` or `map.values()`".into())
        }),
        EvalAltResult::ErrorMismatchDataType(expected, given, _)
            if given.contains("Range") && expected == "i64" && is_range(at?, sources) =>
        {
            Some("a part of an array is `list.extract(from..to)`".into())
        }
        EvalAltResult::ErrorParsing(error, _) => for_parser(error, at?, sources),
        // What a builtin was given.
        EvalAltResult::ErrorRuntime(value, _) if value.read_lock::<Record>().is_some_and(|error| is_of_unit(&error)) => {
            in_place_hint(at, sources)
        }
        EvalAltResult::ErrorDataRace(..) => {
            Some("a method is running on a variable, or on a part of it, that is used meanwhile: call it on a copy, as in `let list = m.list; list.map(…)`, or as a function: `map(m.list, …)`".into())
        }
        _ => None,
    }
}

/// What would help where a text cannot be parsed.
pub(super) fn for_parser(error: &ParseErrorType, at: &Place, sources: &Sources) -> Option<String> {
    let text = sources.text(&at.source).unwrap_or_default();
    let line = sources.line(&at.source, at.line).unwrap_or_default();
    let (before, rest) = split(&line, at.column);
    match error {
        ParseErrorType::Reserved(word) => match word.as_str() {
            "null" | "nil" => Some("the value for nothing is `()`".into()),
            "var" => Some("a variable begins with `let`".into()),
            "match" => {
                Some("it is a word of the language: choose another name; what it does elsewhere does `switch`".into())
            }
            word if word.starts_with(char::is_alphabetic) => {
                Some("it is a word of the language: choose another name".into())
            }
            _ => foreign::for_symbol(rest),
        },
        ParseErrorType::BadInput(LexError::MalformedEscapeSequence(_)) => {
            Some("a backslash is `\\\\` in double quotes, and itself in backticks".into())
        }
        ParseErrorType::UnknownOperator(_) | ParseErrorType::BadInput(LexError::MalformedChar(_)) => {
            foreign::for_symbol(rest)
        }
        ParseErrorType::BadInput(_) => None,
        _ => {
            let words: Vec<&str> = text.split(|c| !foreign::is_of_word(c)).filter(|word| !word.is_empty()).collect();
            let defines = |word: &str| {
                let is_its = |pair: &[&str]| ["fn", "let", "const", "for"].contains(&pair[0]) && pair[1] == word;
                words.windows(2).any(is_its)
            };
            foreign::for_word(before, rest, defines)
        }
    }
}

/// A line before a column, and from it on.
fn split(line: &str, column: usize) -> (&str, &str) {
    line.split_at(line.char_indices().nth(column - 1).map_or(line.len(), |(index, _)| index))
}

/// Whether a range is written at that place.
fn is_range(at: &Place, sources: &Sources) -> bool {
    let line = sources.line(&at.source, at.line).unwrap_or_default();
    split(&line, at.column).1.starts_with("..")
}

/// Whether a builtin has refused a `()`.
fn is_of_unit(error: &Record) -> bool {
    error.fields().get("kind").is_some_and(|kind| kind.to_string() == "argument") && error.message().contains("`()`")
}

/// What would help where a variable is unknown; `in_sight` are the variables that are known there.
pub(super) fn for_variable(
    name: &str,
    at: &Place,
    in_function: bool,
    in_sight: &[&str],
    sources: &Sources,
) -> Option<String> {
    let line = sources.line(&at.source, at.line).unwrap_or_default();
    let (_, rest) = split(&line, at.column);
    if let Some(constant) = name.strip_prefix("global::") {
        return Some(format!(
            "`global::{constant}` is a constant of the top level: write `const {constant} = …` there"
        ));
    }
    if let Some((module, own)) = name.rsplit_once("::") {
        if !sources.has_function(own) {
            return for_function_of(module, own);
        }
        let closure = closure_for(name, rest);
        return Some(format!("a function of a module is not a value; write the closure `{closure}`"));
    }
    let tree = sources.tree(&at.source);
    let outside = tree.as_deref().map(syntax::outside).unwrap_or_default();
    if in_function && let Some((_, binding)) = outside.iter().find(|(known, _)| known == name) {
        let is_constant = *binding == Binding::Constant;
        let instead = match (is_constant, is_assignment(rest, name)) {
            (true, true) => return Some(format!("`{name}` is a constant: nothing changes it")),
            (true, false) => format!("write `global::{name}`, which it sees"),
            (false, true) => format!("return the new value and write `{name} = …` there"),
            (false, false) => format!("make `{name}` a parameter, or use a closure"),
        };
        return Some(format!("a `fn` does not see the variables outside it: {instead}"));
    }
    let functions = tree.as_deref().map(syntax::functions).unwrap_or_default();
    let globals = tree.as_deref().map(syntax::globals).unwrap_or_default();
    let outside = globals.iter().map(|(name, _)| name.as_str()).filter(|_| !in_function);
    let known = functions.iter().map(String::as_str).chain(outside).chain(in_sight.iter().copied());
    names::nearest(name, known.chain(names::GLOBAL.iter().map(|n| n.name)))
        .map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The closure that calls what `rest` begins with, with the arguments that follow it there.
fn closure_for(name: &str, rest: &str) -> String {
    let after = rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).map_or("", |end| &rest[end..]);
    let mut depth = 0;
    let end = after.find(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        depth < 0 || (depth == 0 && c == ';')
    });
    let arguments = after[..end.unwrap_or(after.len())].trim().strip_prefix(',').unwrap_or_default().trim();
    format!("|| {name}({arguments})")
}

/// Whether a text that begins with a variable gives it a value.
fn is_assignment(text: &str, name: &str) -> bool {
    let rest = text.strip_prefix(name).unwrap_or_default().trim_start();
    let operator = rest.trim_start_matches(['+', '-', '*', '/', '%', '|', '&', '^', '<', '>']);
    operator.starts_with('=') && !operator.starts_with("==")
}

/// What would help where a function is unknown, or takes something else.
pub(super) fn for_function(name: &str, at: &Place, sources: &Sources) -> Option<String> {
    let tree = sources.tree(&at.source);
    if tree.as_deref().is_some_and(|tree| syntax::calls_variable(tree, name)) {
        return Some(format!("`{name}` is a variable: if it holds a function, write `{name}.call(…)`"));
    }
    let functions = tree.as_deref().map(syntax::functions).unwrap_or_default();
    if functions.iter().any(|known| known == name) {
        return None;
    }
    if let Some(hint) = foreign::for_function(name) {
        return Some(hint);
    }
    if names::find(name).is_some() || standard::counts(name).is_some() {
        return None;
    }
    if let Some(module) = names::modules().find(|module| names::of_module(module).any(|known| known.parts().1 == name))
    {
        return Some(format!("did you mean `{module}::{name}`?"));
    }
    let known = functions.iter().map(String::as_str);
    let members = names::MEMBERS.iter().map(|(name, _)| *name);
    let global = names::GLOBAL.iter().map(|known| known.name);
    let all = known.chain(global).chain(members).chain(standard::FUNCTIONS.iter().map(|(name, _)| *name));
    names::nearest(name, all).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// What would help where a module of builtins has no function of that name.
pub(super) fn for_function_of(module: &str, name: &str) -> Option<String> {
    let nearest = names::nearest(name, names::of_module(module).map(|known| known.parts().1));
    nearest.map(|nearest| format!("did you mean `{module}::{nearest}`?"))
}

/// What would help where there is no module of that name; `known` are those of the script.
pub(super) fn for_module<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known = known.into_iter().chain(names::modules().map(|module| -> &'a str { module }));
    names::nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The method that works in place and whose `()` is what went wrong at the place, if that can be seen: its call
/// ends right before, is among what follows, or gave its result to the variable that is used.
fn in_place_hint(at: Option<&Place>, sources: &Sources) -> Option<String> {
    let place = at?;
    let text = sources.text(&place.source)?;
    let lines: Vec<&str> = text.lines().take(place.line).collect();
    let line = lines.last()?;
    let (before, rest) = split(line, place.column);
    let receiver = before.trim_end().strip_suffix('.').map(|before| before.trim_end_matches('?'));
    let verb = match receiver {
        Some(receiver) => last_call(receiver).or_else(|| given_to(last_word(receiver)?, &lines, before)),
        None => {
            let among = IN_PLACE.into_iter().find(|verb| rest.contains(&format!(".{verb}(")));
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            among.or_else(|| words.into_iter().find_map(|word| given_to(word, &lines, before)))
        }
    }?;
    let instead = match verb {
        "trim" => "`trimmed` returns a copy",
        _ => "call it on a variable of its own line, then use the variable",
    };
    Some(format!("`{verb}` works in place and returns `()`: {instead}"))
}

fn last_word(text: &str) -> Option<&str> {
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    Some(&text[start..]).filter(|word| !word.is_empty())
}

/// The in-place method whose call a text ends with.
fn last_call(text: &str) -> Option<&'static str> {
    let text = text.trim_end().trim_end_matches(';').trim_end();
    let mut depth = 0;
    let open = text.char_indices().rev().find(|(_, c)| {
        match c {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let called = &text[..open.filter(|(_, c)| *c == '(')?.0];
    IN_PLACE.into_iter().find(|verb| called.strip_suffix(verb).is_some_and(|before| before.ends_with('.')))
}

/// The in-place method whose result a variable was given last.
fn given_to(name: &str, lines: &[&str], before: &str) -> Option<&'static str> {
    let (_, earlier) = lines.split_last()?;
    let statements = earlier.iter().copied().chain([before]).flat_map(|line| line.split(';'));
    let values: Vec<&str> = statements
        .filter_map(|statement| {
            let (left, value) = statement.split_once('=')?;
            (last_word(left.trim_end())? == name && !value.starts_with('=')).then_some(value)
        })
        .collect();
    last_call(values.last()?)
}
