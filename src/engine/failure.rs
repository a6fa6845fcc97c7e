//! What went wrong in a script, as data: the message, where, by which calls, and what would help.

use rhai::{AST, EvalAltResult, ParseError, ParseErrorType, Position, ScriptFuncDef};

use super::source::Sources;
use super::syntax::{self, Binding};
use crate::builtins::error::thrown_message;
use crate::builtins::{names, standard};

/// A place in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The text, as the engine names it.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// One step on the way from the script's top level to the error, outermost last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// In a function, called from a place.
    Call(String, Option<Place>),
    /// In a module, imported at a place.
    Import(Option<Place>),
    /// In an exit handler, registered at a place.
    Handler(String, Option<Place>),
}

impl Frame {
    /// The step into a module that is imported there.
    pub(super) fn import(importer: &str, position: Position) -> Self {
        Self::Import(place(importer, position))
    }
}

/// A failure of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// The way there, innermost first.
    pub frames: Vec<Frame>,
    /// What would help.
    pub hint: Option<String>,
}

/// What hints are made from.
pub struct Context<'a> {
    /// The texts.
    pub sources: &'a Sources,
    /// The name of the script's own text.
    pub script: &'a str,
}

impl Failure {
    /// A failure without a place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, frames: Vec::new(), hint: None }
    }

    /// A failure at a place.
    #[must_use]
    pub fn at(source: &str, position: Position, message: impl Into<String>) -> Self {
        Self { place: place(source, position), ..Self::new(message) }
    }

    /// From a text that could not be parsed.
    #[must_use]
    pub fn from_parse_error(error: &ParseError, source: &str) -> Self {
        let hint = match error.err_type() {
            ParseErrorType::Reserved(_) => Some("it is a word of the language: choose another name".into()),
            _ => None,
        };
        Self { hint, ..Self::at(source, error.position(), lower_first(&error.err_type().to_string())) }
    }

    /// From an error of the evaluation.
    #[must_use]
    pub fn from_error(error: &EvalAltResult, context: &Context<'_>) -> Self {
        let mut frames = Vec::new();
        let mut source = context.script.to_string();
        let mut error = error;
        loop {
            match error {
                EvalAltResult::ErrorInFunctionCall(name, inside, inner, position) => {
                    frames.push(Frame::Call(name.clone(), place(&source, *position)));
                    if name == "eval" {
                        // What is inside has positions in a text that nobody kept.
                        source = String::new();
                    } else if !inside.is_empty() {
                        source.clone_from(inside);
                    }
                    error = inner;
                }
                EvalAltResult::ErrorInModule(name, inner, position) => {
                    frames.push(Frame::Import(place(&source, *position)));
                    source.clone_from(name);
                    error = inner;
                }
                _ => break,
            }
        }
        frames.reverse();
        let place = place(&source, error.position());
        let hint = hint(error, place.as_ref(), &frames, context.sources);
        Self { message: message(error), place, frames, hint }
    }

    /// The same, in an exit handler that was registered at a place. The call of the handler itself, which
    /// the engine counts as made there, is not one that the script wrote.
    #[must_use]
    pub fn in_handler(mut self, title: &str, source: Option<&str>, position: Position) -> Self {
        let registered = place(source.unwrap_or_default(), position);
        if matches!(self.frames.last(), Some(Frame::Call(..))) {
            self.frames.pop();
        }
        if self.place.is_none() && self.frames.is_empty() {
            self.place.clone_from(&registered);
        }
        self.frames.push(Frame::Handler(title.to_string(), registered));
        self
    }
}

fn place(source: &str, position: Position) -> Option<Place> {
    let line = position.line()?;
    Some(Place { source: source.to_string(), line, column: position.position().unwrap_or(1) })
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // Not a name in capitals.
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_string(),
    }
}

/// The sentence for an error, without its place.
fn message(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) if value.is_unit() => "an error was thrown".into(),
        EvalAltResult::ErrorRuntime(value, _) => thrown_message(value),
        EvalAltResult::ErrorParsing(error, _) => lower_first(&error.to_string()),
        EvalAltResult::ErrorVariableNotFound(name, _) if name.contains("::") => {
            format!("the module has no variable `{name}`")
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("there is no variable `{name}`"),
        EvalAltResult::ErrorModuleNotFound(name, _) => format!("there is no module `{name}`"),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = split_signature(signature);
            match types.as_slice() {
                [] => format!("there is no function `{name}` without arguments"),
                ["()"] => format!("there is no function `{name}` for `()`"),
                types => format!("there is no function `{name}` for ({})", types.join(", ")),
            }
        }
        EvalAltResult::ErrorDotExpr(text, _) => unknown_property(text).unwrap_or_else(|| lower_first(text)),
        EvalAltResult::ErrorStackOverflow(_) => "too many calls within calls: endless recursion?".into(),
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("{} is above the limit of 2 GiB", lower_first(what)),
        other => {
            let mut plain = other.to_string();
            if let Some(at) = plain.rfind(" (line ") {
                plain.truncate(at);
            }
            lower_first(&plain)
        }
    }
}

/// The sentence about a property that a type has not. Rhai's own is
/// `Unknown property 'NAME' - a getter is not registered for type 'TYPE'`.
fn unknown_property(text: &str) -> Option<String> {
    let mut quoted = text.strip_prefix("Unknown property '")?.split('\'');
    let (name, kind) = (quoted.next()?, quoted.nth(1)?);
    let kind = if kind == "()" { "`()`".into() } else { format!("a value of type `{}`", plain_type(kind)) };
    Some(format!("{kind} has no property `{name}`"))
}

/// The name and the types of a signature such as `foo (i64, &str | ImmutableString | String)`.
fn split_signature(signature: &str) -> (&str, Vec<&str>) {
    let Some((name, types)) = signature.split_once(" (") else { return (signature, Vec::new()) };
    let types = types.strip_suffix(')').unwrap_or(types);
    if types.is_empty() {
        return (name, Vec::new());
    }
    (name, types.split(", ").map(|text| plain_type(text.trim())).collect())
}

/// What a person calls a type of Rhai's.
fn plain_type(name: &str) -> &str {
    match name {
        "i64" => "integer",
        "f64" => "float",
        "Fn" => "function",
        name if name.contains("ImmutableString") || name.contains("&str") => "string",
        name => name,
    }
}

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

fn hint(error: &EvalAltResult, at: Option<&Place>, frames: &[Frame], sources: &Sources) -> Option<String> {
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            let in_function =
                frames.iter().any(|frame| matches!(frame, Frame::Call(name, _) if !syntax::is_closure(name)));
            variable_hint(name, at?, in_function, &[], sources)
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = split_signature(signature);
            if types.contains(&"()")
                && let Some(hint) = in_place_hint(at, sources)
            {
                return Some(hint);
            }
            function_hint(name, at?, sources)
        }
        EvalAltResult::ErrorDotExpr(text, _) | EvalAltResult::ErrorIndexingType(text, _) if text.contains("()") => {
            in_place_hint(at, sources)
        }
        EvalAltResult::ErrorMismatchDataType(_, given, _) if given == "()" => in_place_hint(at, sources),
        _ => None,
    }
}

/// What would help where a variable is unknown; `in_sight` are the variables that are known there.
pub(super) fn variable_hint(
    name: &str,
    at: &Place,
    in_function: bool,
    in_sight: &[&str],
    sources: &Sources,
) -> Option<String> {
    let line = sources.line(&at.source, at.line).unwrap_or_default();
    let rest: String = line.chars().skip(at.column - 1).collect();
    if let Some(constant) = name.strip_prefix("global::") {
        return Some(format!(
            "`global::{constant}` is a constant of the top level: write `const {constant} = …` there"
        ));
    }
    if name.contains("::") {
        let closure = closure_for(name, &rest);
        return Some(format!("a function of a module is not a value; write the closure `{closure}`"));
    }
    let tree = sources.tree(&at.source);
    let globals = tree.as_deref().map(syntax::globals).unwrap_or_default();
    if in_function && let Some((_, binding)) = globals.iter().find(|(known, _)| known == name) {
        let instead = if *binding == Binding::Constant {
            format!("write `global::{name}`, which it sees")
        } else if is_assignment(&rest, name) {
            format!("return the new value and write `{name} = …` there")
        } else {
            format!("make `{name}` a parameter, or use a closure")
        };
        return Some(format!("a `fn` does not see the variables outside it: {instead}"));
    }
    let functions = tree.as_deref().map(syntax::functions).unwrap_or_default();
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
pub(super) fn function_hint(name: &str, at: &Place, sources: &Sources) -> Option<String> {
    let tree = sources.tree(&at.source);
    if tree.as_deref().is_some_and(|tree| syntax::calls_variable(tree, name)) {
        return Some(format!("`{name}` is a variable: if it holds a function, write `{name}.call(…)`"));
    }
    let functions = tree.as_deref().map(syntax::functions).unwrap_or_default();
    if let Some(known) = names::find(name) {
        return Some(format!("`{name}` takes {}", range(known.least, known.most)));
    }
    if let Some(counts) = standard::counts(name) {
        let numbers: Vec<_> = counts.iter().map(ToString::to_string).collect();
        let other = if functions.iter().any(|f| f == name) { "" } else { " of other types" };
        return Some(format!("`{name}` takes {} argument(s){other}", numbers.join(" or ")));
    }
    if functions.iter().any(|known| known == name) {
        return None;
    }
    let known = functions.iter().map(String::as_str);
    let all = known.chain(names::GLOBAL.iter().map(|n| n.name)).chain(standard::FUNCTIONS.iter().map(|(n, _)| *n));
    names::nearest(name, all).map(|nearest| format!("did you mean `{nearest}`?"))
}

fn range(least: usize, most: usize) -> String {
    match (least, most) {
        (0, 0) => "no arguments".into(),
        (1, 1) => "1 argument".into(),
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    }
}

/// The first in-place method in sight of the place: on its line, or where a variable was given its result.
fn in_place_hint(at: Option<&Place>, sources: &Sources) -> Option<String> {
    let place = at?;
    let text = sources.text(&place.source)?;
    let lines: Vec<&str> = text.lines().take(place.line).collect();
    let called = |line: &str| IN_PLACE.into_iter().find(|verb| line.contains(&format!(".{verb}(")));
    let here = lines.last().and_then(|line| called(line));
    let before = || lines.iter().rev().filter(|line| line.contains('=')).find_map(|line| called(line));
    let verb = here.or_else(before)?;
    Some(format!(
        "`{verb}` works in place and returns `()`: call it on a variable of its own line, then use the variable"
    ))
}

/// The definition of a function that no script may define: its name and where.
#[must_use]
pub fn sacred_definition(ast: &AST, text: &str) -> Option<(&'static str, Position)> {
    ast.shared_lib().iter_script_fn_info().find_map(|(_, _, name, _, def)| {
        let name = names::SACRED.into_iter().find(|sacred| *sacred == name)?;
        Some((name, definition_of(def, text)))
    })
}

/// Where the name of a function is defined. The tree knows where the body begins: the name is before it.
pub(super) fn definition_of(def: &ScriptFuncDef, text: &str) -> Position {
    let body = def.body.start_position();
    let (Some(line), Some(column)) = (body.line(), body.position()) else { return body };
    let lines = text.lines().take(line).enumerate().collect::<Vec<_>>().into_iter().rev();
    let found = lines.filter_map(|(index, text)| {
        let chars: Vec<char> = text.chars().take(if index + 1 == line { column } else { usize::MAX }).collect();
        let before: String = chars.into_iter().collect();
        let start = before.rfind(&format!("fn {}", def.name))? + "fn ".len();
        Some((index + 1, before[..start].chars().count() + 1))
    });
    match found.map(|(line, column)| (u16::try_from(line), u16::try_from(column))).next() {
        Some((Ok(line), Ok(column))) => Position::new(line, column),
        _ => body,
    }
}

/// The sentence about it.
#[must_use]
pub fn sacred_message(name: &str) -> String {
    format!("a script cannot define `{name}`: it would hide the one that the clean-up depends on")
}
