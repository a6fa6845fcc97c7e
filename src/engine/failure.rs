//! What went wrong in a script, as data: the message, where, by which calls, and what would help.

use rhai::{AST, EvalAltResult, ParseError, Position};

use super::source::Sources;
use super::syntax;
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
    /// The script's syntax tree, once it has one.
    pub ast: Option<&'a AST>,
}

impl Failure {
    /// A failure without a place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, frames: Vec::new(), hint: None }
    }

    /// From a text that could not be parsed.
    #[must_use]
    pub fn from_parse_error(error: &ParseError, source: &str) -> Self {
        let message = lower_first(&error.err_type().to_string());
        Self { place: place(source, error.position()), ..Self::new(message) }
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
        let hint = hint(error, place.as_ref(), &frames, context);
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
                types => format!("there is no function `{name}` for ({})", types.join(", ")),
            }
        }
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

/// The name and the types of a signature such as `foo (i64, &str | ImmutableString | String)`.
fn split_signature(signature: &str) -> (&str, Vec<&str>) {
    let Some((name, types)) = signature.split_once(" (") else { return (signature, Vec::new()) };
    let types = types.strip_suffix(')').unwrap_or(types);
    if types.is_empty() {
        return (name, Vec::new());
    }
    let plain = |text: &str| match text.trim() {
        "i64" => "integer",
        "f64" => "float",
        text if text.contains("ImmutableString") || text.contains("&str") => "string",
        "Fn" => "function",
        _ => "",
    };
    let types = types.split(", ").map(|text| if plain(text).is_empty() { text.trim() } else { plain(text) }).collect();
    (name, types)
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

fn hint(error: &EvalAltResult, at: Option<&Place>, frames: &[Frame], context: &Context<'_>) -> Option<String> {
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => variable_hint(name, at, frames, context),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = split_signature(signature);
            if types.contains(&"()")
                && let Some(hint) = in_place_hint(at, context)
            {
                return Some(hint);
            }
            function_hint(name, at, context)
        }
        EvalAltResult::ErrorDotExpr(text, _) | EvalAltResult::ErrorIndexingType(text, _) if text.contains("()") => {
            in_place_hint(at, context)
        }
        EvalAltResult::ErrorMismatchDataType(_, given, _) if given == "()" => in_place_hint(at, context),
        _ => None,
    }
}

fn variable_hint(name: &str, at: Option<&Place>, frames: &[Frame], context: &Context<'_>) -> Option<String> {
    if let Some((module, function)) = name.rsplit_once("::") {
        return Some(format!("a function of a module is not a value; write the closure `|| {module}::{function}()`"));
    }
    let in_function = frames.iter().any(|frame| matches!(frame, Frame::Call(name, _) if !name.starts_with("anon$")));
    let text = at.and_then(|place| context.sources.line(&place.source, place.line));
    if in_function && context.ast.is_some_and(|ast| syntax::globals(ast).iter().any(|known| known == name)) {
        let assigned = text.as_deref().zip(at).is_some_and(|(line, place)| is_assignment(line, place.column, name));
        return Some(if assigned {
            format!("a `fn` does not see the variables outside it: return the new value and write `{name} = …` there")
        } else {
            format!("a `fn` does not see the variables outside it: make `{name}` a parameter, or use a closure")
        });
    }
    let functions = context.ast.map(script_functions).unwrap_or_default();
    let globals = context.ast.map(syntax::globals).unwrap_or_default();
    let known = functions.iter().chain(&globals).map(String::as_str).chain(names::GLOBAL.iter().map(|n| n.name));
    names::nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

fn is_assignment(line: &str, column: usize, name: &str) -> bool {
    let rest: String = line.chars().skip(column - 1 + name.chars().count()).collect();
    let rest = rest.trim_start();
    let operator = rest.trim_start_matches(['+', '-', '*', '/', '%', '|', '&', '^', '<', '>']);
    operator.starts_with('=') && !operator.starts_with("==")
}

fn function_hint(name: &str, at: Option<&Place>, context: &Context<'_>) -> Option<String> {
    let text = at.and_then(|place| context.sources.text(&place.source)).unwrap_or_default();
    let is_variable = ["let", "const"].iter().any(|keyword| {
        text.match_indices(&format!("{keyword} {name}")).any(|(index, found)| {
            text[index + found.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    });
    if is_variable {
        return Some(format!("`{name}` is a variable that holds a function: write `{name}.call(…)`"));
    }
    let functions = context.ast.map(script_functions).unwrap_or_default();
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
fn in_place_hint(at: Option<&Place>, context: &Context<'_>) -> Option<String> {
    let place = at?;
    let text = context.sources.text(&place.source)?;
    let lines: Vec<&str> = text.lines().take(place.line).collect();
    let called = |line: &str| IN_PLACE.into_iter().find(|verb| line.contains(&format!(".{verb}(")));
    let here = lines.last().and_then(|line| called(line));
    let before = || lines.iter().rev().filter(|line| line.contains('=')).find_map(|line| called(line));
    let verb = here.or_else(before)?;
    Some(format!(
        "`{verb}` works in place and returns `()`: call it on a variable of its own line, then use the variable"
    ))
}

fn script_functions(ast: &AST) -> Vec<String> {
    ast.iter_functions().map(|f| f.name.to_string()).filter(|name| !name.starts_with("anon$")).collect()
}

/// A definition of a function that no script may define: its name and where.
#[must_use]
pub fn sacred_definition(ast: &AST) -> Option<(&'static str, Position)> {
    ast.shared_lib().iter_script_fn_info().find_map(|(_, _, name, _, def)| {
        let name = names::SACRED.into_iter().find(|sacred| *sacred == name)?;
        Some((name, def.body.start_position()))
    })
}

/// The sentence about it.
#[must_use]
pub fn sacred_message(name: &str) -> String {
    format!("a script cannot define `{name}`: it would hide the one that the clean-up depends on")
}
