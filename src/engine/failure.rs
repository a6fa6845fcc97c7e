//! What went wrong in a script, as data: the message, where, by which calls, and what would help.

use rhai::{AST, EvalAltResult, ParseError, ParseErrorType, Position, ScriptFuncDef};

use super::rename::{Role, uncounted};
use super::source::{Sources, UNCLOSED_COMMENT, unclosed_comment};
use super::{hint, places, syntax};
use crate::builtins::error::{count_sentence, lower_first, thrown_message};
use crate::builtins::{Describe, names};

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
    pub fn from_parse_error(error: &ParseError, source: &str, sources: &Sources) -> Self {
        let failure = Self::at(source, error.position(), lower_first(&error.err_type().to_string()));
        let hint = failure.place.as_ref().and_then(|at| hint::for_parser(error.err_type(), at, sources));
        Self { hint, ..failure }
    }

    /// From an error of the evaluation.
    #[must_use]
    pub fn from_error(error: &EvalAltResult, context: &Context<'_>) -> Self {
        let mut frames = Vec::new();
        let (error, source) = innermost(error, context, &mut |frame| frames.push(frame));
        frames.reverse();
        let place = place(&source, places::of_error(error, &source, context.sources));
        let hint = hint::of(error, place.as_ref(), &frames, context.sources);
        let message = message(error, place.as_ref(), context.sources);
        Self { message, place, frames, hint }
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

/// The error within the calls and modules that it has come through, and the text that its place is in.
///
/// # Arguments
///
/// `pass` gets the steps of that way, the outermost first.
fn innermost<'e>(
    error: &'e EvalAltResult,
    context: &Context<'_>,
    pass: &mut dyn FnMut(Frame),
) -> (&'e EvalAltResult, String) {
    let mut source = context.script.to_string();
    let mut error = error;
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(name, inside, inner, position) => {
                pass(Frame::Call(
                    names::as_written(name).to_string(),
                    place(&source, places::of_call(*position, &source, context.sources)),
                ));
                if name == "eval" {
                    // What is inside has positions in a text that nobody kept.
                    source = String::new();
                } else if let Some(home) = context.sources.home(name) {
                    source = home.to_string();
                } else if !inside.is_empty() {
                    source = context.sources.text_of_function(name, inside);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(name, inner, position) => {
                pass(Frame::Import(place(&source, *position)));
                source.clone_from(name);
                error = inner;
            }
            _ => break,
        }
    }
    (error, source)
}

/// What says an error of the evaluation in a sentence, without its place.
#[must_use]
pub fn describer(sources: Sources, script: String) -> Describe {
    Box::new(move |error| {
        let (error, source) = innermost(error, &Context { sources: &sources, script: &script }, &mut |_| {});
        message(error, place(&source, places::of_error(error, &source, &sources)).as_ref(), &sources)
    })
}

fn place(source: &str, position: Position) -> Option<Place> {
    let line = position.line()?;
    Some(Place { source: source.to_string(), line, column: position.position().unwrap_or(1) })
}

/// The sentence for an error, without its place.
fn message(error: &EvalAltResult, at: Option<&Place>, sources: &Sources) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) if value.is_unit() => "an error was thrown".into(),
        EvalAltResult::ErrorRuntime(value, _) => thrown_message(value),
        EvalAltResult::ErrorParsing(ParseErrorType::WrongFnDefinition, _) => {
            "a text that is evaluated cannot define functions or closures".into()
        }
        EvalAltResult::ErrorParsing(error, _) => lower_first(&error.to_string()),
        EvalAltResult::ErrorDataRace(..) => "a variable is in use by the call that is running".into(),
        EvalAltResult::ErrorVariableNotFound(name, _) if name.contains("::") => {
            format!("the module has no variable `{name}`")
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("there is no variable `{name}`"),
        EvalAltResult::ErrorModuleNotFound(name, _) => format!("there is no module `{name}`"),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let (name, types) = split_signature(signature);
            let name = names::as_written(name);
            // Not a name: Rhai says so of what `sort` cannot compare.
            if name.contains(' ') {
                return name.to_string();
            }
            let tree = at.and_then(|at| sources.tree(&at.source));
            if names::is_closure(name) {
                return closure_message(name, types.len(), tree.as_deref());
            }
            if let Some(takes) = other_counts(name, types.len(), tree.as_deref()) {
                return count_sentence(name, &takes, types.len());
            }
            match types.as_slice() {
                [] => format!("there is no function `{name}` without arguments"),
                ["()"] => format!("there is no function `{name}` for `()`"),
                types => format!("there is no function `{name}` for ({})", types.join(", ")),
            }
        }
        EvalAltResult::ErrorDotExpr(text, _) => unknown_property(text).unwrap_or_else(|| lower_first(text)),
        EvalAltResult::ErrorTerminated(why, _) if why.is_string() => why.to_string(),
        // Where no stop is latched, the guard of the stack has ended it.
        EvalAltResult::ErrorStackOverflow(_) | EvalAltResult::ErrorTerminated(..) => {
            "too many calls within calls: endless recursion?".into()
        }
        EvalAltResult::ErrorMismatchDataType(expected, given, _) if !expected.is_empty() => {
            format!("expected {}, not {}", a_value_of(expected), a_value_of(given))
        }
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

/// The sentence about a closure that was called with another number of arguments than it takes. What it has
/// captured is given to it as well, which a person need not know.
fn closure_message(name: &str, given: usize, tree: Option<&AST>) -> String {
    let known = tree.and_then(|tree| {
        let captured = syntax::captured(tree, name)?;
        let (.., params, _) = tree.shared_lib().iter_script_fn_info().find(|(_, _, known, ..)| *known == name)?;
        Some((params.checked_sub(captured)?, given.checked_sub(captured)?))
    });
    match known {
        Some((takes, given)) => {
            count_sentence("closure", &[takes], given).replacen("function `closure`", "the closure", 1)
        }
        None => "the closure takes another number of arguments".into(),
    }
}

/// The numbers of arguments that functions of that name take, if `given` is none of them.
fn other_counts(name: &str, given: usize, tree: Option<&AST>) -> Option<Vec<usize>> {
    let mut counts: Vec<usize> = tree
        .into_iter()
        .flat_map(|tree| tree.shared_lib().iter_script_fn_info())
        .filter(|(_, _, known, ..)| *known == name)
        .map(|(_, _, _, count, _)| count)
        .collect();
    counts.extend(names::find(name).into_iter().flat_map(|known| known.least..=known.most));
    counts.sort_unstable();
    counts.dedup();
    (!counts.is_empty() && !counts.contains(&given)).then_some(counts)
}

/// The sentence about a property that a type has not. Rhai's own is
/// `Unknown property 'NAME' - a getter is not registered for type 'TYPE'`, or `No writable property …`.
fn unknown_property(text: &str) -> Option<String> {
    let (how, rest) = text.split_once("roperty '")?;
    let mut quoted = rest.split('\'');
    let (name, kind) = (quoted.next()?, quoted.nth(1)?);
    let kind = if kind == "()" { "`()`".into() } else { format!("a value of type `{}`", plain_type(kind)) };
    let settable = if how.contains("writable") { " that can be set" } else { "" };
    Some(format!("{kind} has no property `{name}`{settable}"))
}

/// The name and the types of a signature such as `foo (i64, &str | ImmutableString | String)`.
pub(super) fn split_signature(signature: &str) -> (&str, Vec<&str>) {
    let Some((name, types)) = signature.split_once(" (") else { return (signature, Vec::new()) };
    let types = types.strip_suffix(')').unwrap_or(types);
    if types.is_empty() {
        return (name, Vec::new());
    }
    (name, types.split(", ").map(|text| plain_type(text.trim())).collect())
}

fn a_value_of(kind: &str) -> String {
    match plain_type(kind) {
        "()" => "`()`".into(),
        kind if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

/// What a person calls a type of Rhai's.
fn plain_type(name: &str) -> &str {
    match name {
        name if name.starts_with("core::ops::range::Range") => "range",
        "i64" => "integer",
        "f64" => "float",
        "Fn" => "function",
        name if name.contains("ImmutableString") || name.contains("&str") => "string",
        name => name,
    }
}

/// Where a text that could be parsed is refused all the same, and why.
pub(super) fn refusal(tree: &AST, text: &str, role: Role) -> Option<(Position, String)> {
    if let Some(position) = unclosed_comment(text) {
        return Some((position, UNCLOSED_COMMENT.into()));
    }
    sacred_definition(tree, text).or_else(|| uncounted(tree, text, role))
}

/// The definition of a function that no script may define.
fn sacred_definition(tree: &AST, text: &str) -> Option<(Position, String)> {
    tree.shared_lib().iter_script_fn_info().find_map(|(_, _, name, _, def)| {
        let name = names::SACRED.into_iter().find(|sacred| *sacred == name)?;
        let why = format!("a script cannot define `{name}`: it would hide the one that the clean-up depends on");
        Some((definition_of(def, text), why))
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
