//! What is evaluated one text after another: a script, and the lines that follow it in an interactive session. Variables,
//! functions, constants and imports last.

use std::collections::HashSet;
use std::rc::Rc;

use rhai::{AST, Caches, Dynamic, EvalAltResult, GlobalRuntimeState, Module, Position, Scope, ScriptFuncDef, Token};

use super::Interpreter;
use super::evaluator::{self, Evaluator};
use super::failure::{Context, Failure, Frame};
use super::misread::Misread;
use super::rename::{Functions, Role, as_meant};
use super::run::Loaded;
use super::show::{self, Limits};
use super::source::SourceText;
use super::tokens::Tokens;
use crate::builtins::lexical::{RESULT, of_line};
use crate::builtins::locals::Local;
use crate::builtins::{names, unwind};
use crate::host::WriteError;
use crate::host::exit_stack::EntryId;
use crate::host::outcome::Outcome;
use crate::host::reason;
use crate::host::stop::Stop;

/// What has come of a line.
#[derive(Debug)]
pub enum Evaluated {
    /// Its value.
    Value(Dynamic),
    /// An error.
    Failed(Failure),
    /// It was stopped: an INT stops no more than the line.
    Stopped(Stop),
}

/// A variable of the top level.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether it is a constant.
    pub is_constant: bool,
    /// What it holds.
    pub value: Dynamic,
}

/// A function that was defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What its parameters are called.
    pub params: Vec<String>,
    /// The type of the values that it is a method of, if it is one of one type.
    pub this_type: Option<String>,
}

impl Function {
    /// What a definition tells.
    #[must_use]
    pub fn of(definition: &ScriptFuncDef) -> Self {
        Self {
            name: names::as_written(&definition.name).to_string(),
            params: definition.params.iter().map(ToString::to_string).collect(),
            this_type: definition.this_type.as_ref().map(ToString::to_string),
        }
    }
}

/// Texts that are evaluated one after another.
pub struct Session<'a> {
    interpreter: &'a Interpreter,
    scope: Scope<'static>,
    global: GlobalRuntimeState,
    /// The functions of all texts so far.
    known: Functions,
    /// The function that failed last, and its variables.
    failed: Option<(String, Vec<Variable>)>,
    lines: usize,
}

impl<'a> Session<'a> {
    /// Nothing was evaluated yet.
    #[must_use]
    pub fn new(interpreter: &'a Interpreter) -> Self {
        let mut global = interpreter.engine().new_global_runtime_state();
        // From the start, so that handlers see constants that come after their registration.
        global.constants = Some(rhai::Shared::default());
        Self { interpreter, scope: Scope::new(), global, known: Functions::default(), failed: None, lines: 0 }
    }

    /// The interpreter.
    #[must_use]
    pub fn interpreter(&self) -> &'a Interpreter {
        self.interpreter
    }

    /// Evaluates a script; a failure is told by `report` at once.
    pub fn script(&mut self, script: &Loaded, report: &dyn Fn(&Failure)) -> Outcome {
        let host = self.interpreter.host();
        if host.settings.interactive {
            host.lexical().locals.watch();
        }
        let result = if host.stopped() { Ok(Dynamic::UNIT) } else { self.evaluate(&script.source, &script.ast) };
        let written = host.flush();
        if host.settings.interactive {
            self.publish_constants(0);
        }
        // The latch first: whatever the evaluation made of a stop, it is one.
        if host.stopped()
            && let Some(stop) = host.top_stop()
        {
            self.lose(written);
            return Outcome::of_stop(stop);
        }
        match self.settle(&script.source.name, result, written) {
            Ok(_) => Outcome::Finished,
            Err(failure) => {
                self.keep_locals(&failure);
                report(&failure);
                Outcome::Failed(failure.message)
            }
        }
    }

    /// Evaluates a line.
    pub fn line(&mut self, text: &str) -> Evaluated {
        match SourceText::new(of_line(self.lines + 1), text.as_bytes().to_vec()) {
            Ok(source) => self.text(source),
            Err(error) => Evaluated::Failed(Failure::new(error.to_string())),
        }
    }

    /// Evaluates a text as a line.
    pub fn text(&mut self, source: SourceText) -> Evaluated {
        let host = self.interpreter.host();
        self.lines += 1;
        let ast = match self.parse(&source) {
            Ok(ast) => ast,
            Err(failure) => return Evaluated::Failed(failure),
        };
        let before = self.scope.len();
        host.lexical().locals.watch();
        let result = self.evaluate(&source, &ast);
        self.publish_constants(before);
        let written = host.flush();
        if let Some(stop) = host.end_line() {
            self.lose(written);
            return Evaluated::Stopped(stop);
        }
        match self.settle(&source.name, result, written) {
            Ok(value) => {
                self.keep_result(&value);
                Evaluated::Value(value)
            }
            Err(failure) => {
                self.keep_locals(&failure);
                Evaluated::Failed(failure)
            }
        }
    }

    fn parse(&self, source: &SourceText) -> Result<Rc<AST>, Failure> {
        let places = results(&source.text);
        self.interpreter.host().lexical().with_results(places, || self.interpreter.parse(source, Role::Script))
    }

    fn evaluate(&mut self, source: &SourceText, ast: &Rc<AST>) -> Result<Dynamic, Box<EvalAltResult>> {
        let (engine, lexical) = (self.interpreter.engine(), self.interpreter.host().lexical());
        if self.interpreter.host().settings.interactive {
            lexical.add_to_session(&source.name);
        }
        // Lines call the functions of a script that they follow, and so do the modules that they import.
        let role = if self.interpreter.host().settings.interactive { Role::Line } else { Role::Script };
        let places = if self.lines > 0 { results(&source.text) } else { HashSet::new() };
        let tree = lexical.with_results(places, || {
            as_meant(engine, lexical, self.interpreter.sources(), source, ast, role, &self.known)
        })?;
        self.known.add(tree.shared_lib());
        self.global.source = tree.source().map(Into::into);
        (self.global.level, self.global.scope_level) = (0, 0);
        let mark = lexical.mark();
        let evaluated = match self.interpreter.evaluator() {
            Evaluator::Vm => match Misread::of(&tree) {
                misread if misread.statements => self.walk(&tree),
                misread => self.run(&tree, &misread.walked()),
            },
            Evaluator::Ast => self.walk(&tree),
        };
        if let Some(start) = lexical.take_start(mark) {
            self.global.lib = start.lib.clone();
        }
        lexical.set_end(self.global.clone());
        // Handlers may hold what is in it, and dropping a long chain of closures recurses.
        std::mem::forget(tree);
        evaluated.or_else(|error| match *error {
            EvalAltResult::Return(value, _) => Ok(value),
            _ => Err(error),
        })
    }

    // The one way to walk a tree with a runtime state of our own, deprecated for others.
    #[allow(deprecated)]
    fn walk(&mut self, tree: &AST) -> Result<Dynamic, Box<EvalAltResult>> {
        let (engine, lexical) = (self.interpreter.engine(), self.interpreter.host().lexical());
        if self.global.lib.is_empty() || !tree.shared_lib().is_empty() {
            self.global.lib.push(tree.shared_lib().clone());
        }
        let functions = tree.iter_functions().map(|f| f.name.to_string());
        lexical.add_to_home(functions.filter(|name| names::may_have_home(name)), Some(Rc::new(self.global.clone())));
        let mut caches = Caches::new();
        let result = unwind::or_panicked(|| {
            engine.eval_statements_raw(&mut self.global, &mut caches, &mut self.scope, tree.statements())
        });
        // Handlers may hold what is in them, and dropping a long chain of closures recurses.
        std::mem::forget(caches);
        result
    }

    fn run(&mut self, tree: &AST, walked: &HashSet<&str>) -> Result<Dynamic, Box<EvalAltResult>> {
        let (engine, lexical) = (self.interpreter.engine(), self.interpreter.host().lexical());
        let functions = tree.iter_functions().map(|f| f.name.to_string());
        lexical.add_to_home(functions.filter(|name| names::may_have_home(name)), None);
        unwind::or_panicked(|| evaluator::run(engine, lexical, &mut self.global, &mut self.scope, tree, walked))
    }

    /// What has come of a text that nothing has stopped.
    fn settle(
        &self,
        name: &str,
        result: Result<Dynamic, Box<EvalAltResult>>,
        written: Result<(), WriteError>,
    ) -> Result<Dynamic, Failure> {
        match (result, written) {
            (Err(error), written) => {
                self.lose(written);
                let context = Context { sources: self.interpreter.sources(), script: name };
                Err(Failure::from_error(&error, &context))
            }
            (Ok(_), Err(WriteError::Failed(error))) => {
                Err(Failure::new(format!("cannot write to standard output: {}", reason(&error))))
            }
            (Ok(value), _) => Ok(value),
        }
    }

    fn lose(&self, written: Result<(), WriteError>) {
        if let Err(WriteError::Failed(error)) = written {
            self.interpreter.host().lose_output(&error);
        }
    }

    /// Rhai shows functions the constants of a text that has functions itself.
    fn publish_constants(&self, before: usize) {
        let new = self.scope.iter_raw().take(self.scope.len().saturating_sub(before));
        let Some(constants) = &self.global.constants else { return };
        let mut constants = constants.borrow_mut();
        // Newest first.
        for (name, _, value) in new.filter(|(_, is_constant, _)| *is_constant).collect::<Vec<_>>().into_iter().rev() {
            constants.insert(name.into(), value.clone());
        }
    }

    fn keep_result(&mut self, value: &Dynamic) {
        if value.is_unit() {
            return;
        }
        let value = value.flatten_clone();
        match self.scope.get_mut(RESULT) {
            Some(last) => *last = value,
            None => {
                self.scope.push_dynamic(RESULT, value);
            }
        }
    }

    /// A value as a person reads it.
    #[must_use]
    pub fn show(&self, value: &Dynamic, limits: &Limits) -> String {
        show::show(self.interpreter.engine(), self.interpreter.host().lexical(), value, limits)
    }

    /// The variables of the top level that are in sight, in the order of their names.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        let mut seen = HashSet::new();
        let mut variables: Vec<Variable> = self
            .scope
            .iter_raw()
            .filter(|(name, ..)| !name.starts_with("__") && seen.insert(name.to_string()))
            .map(|(name, is_constant, value)| Variable { name: name.into(), is_constant, value: value.flatten_clone() })
            .collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }

    /// The function that failed last, if one did, and its variables, as they were when it last read one.
    #[must_use]
    pub fn failed(&self) -> Option<(&str, &[Variable])> {
        self.failed.as_ref().map(|(name, variables)| (name.as_str(), variables.as_slice()))
    }

    fn keep_locals(&mut self, failure: &Failure) {
        self.failed = None;
        let of_text = |name: &str| self.functions().into_iter().any(|function| function.name == name);
        let calls = failure.frames.iter().filter_map(|frame| match frame {
            Frame::Call(name, _) => Some(name.as_str()),
            _ => None,
        });
        let mut innermost = calls.filter(|name| names::is_closure(name) || of_text(name));
        // Those of a handler are another call's.
        let is_of_handler = failure.frames.iter().any(|frame| matches!(frame, Frame::Handler(..)));
        let Some(name) = innermost.next().filter(|_| !is_of_handler) else { return };
        let functions: Vec<Function> = self.functions().into_iter().filter(|function| function.name == name).collect();
        let begins = |locals: &[Local], params: &[String]| {
            locals.len() >= params.len() && locals.iter().zip(params).all(|((local, ..), param)| local == param)
        };
        let is_it = |locals: &[Local]| {
            names::is_closure(name) || functions.iter().any(|function| begins(locals, &function.params))
        };
        let locals = self.interpreter.host().lexical().locals.last(is_it);
        self.failed = locals.map(|locals| {
            let variable = |(name, is_constant, value): Local| Variable { name, is_constant, value };
            let shown = locals.into_iter().filter(|(name, ..)| !name.starts_with("__")).map(variable).collect();
            (if names::is_closure(name) { "a closure".into() } else { format!("`{name}`") }, shown)
        });
    }

    /// The variable of that name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Dynamic> {
        self.scope.get(name)
    }

    /// The names of the variables that are in sight; one may come twice.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.scope.iter_raw().map(|(name, ..)| name).filter(|name| !name.starts_with("__"))
    }

    /// The functions that were defined, in the order of their names.
    #[must_use]
    pub fn functions(&self) -> Vec<Function> {
        let mut seen = HashSet::new();
        let newest = self.global.lib.iter().rev().flat_map(|module| module.iter_script_fn_info());
        let mut functions: Vec<Function> = newest
            .filter(|(_, _, name, ..)| !names::is_closure(name))
            .map(|(.., def)| Function::of(def))
            .filter(|function| seen.insert((function.name.clone(), function.params.len(), function.this_type.clone())))
            .collect();
        let order = |function: &Function| (function.name.clone(), function.params.len(), function.this_type.clone());
        functions.sort_by_cached_key(order);
        functions
    }

    /// The modules that were imported, by what the script calls them, newest first.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &Module)> {
        self.global.iter_imports_raw().map(|(alias, module)| (alias.as_str(), &**module))
    }

    /// Runs every handler, and forgets all that was defined.
    pub fn reset(&mut self) {
        let (host, engine) = (self.interpreter.host(), self.interpreter.engine());
        unwind::run_down_to(host, engine, EntryId::BOTTOM, &Outcome::Finished);
        let fresh = Self { lines: self.lines.max(1), ..Self::new(self.interpreter) };
        std::mem::replace(self, fresh).leave();
    }

    /// Leaves it as it is: handlers may hold what is in it, and dropping a long chain of closures recurses.
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

/// Where the text has the last result: `_` that is no pattern of a `switch`.
fn results(text: &str) -> HashSet<Position> {
    let tokens: Vec<_> = Tokens::new(text).filter(|lexeme| !lexeme.is_comment()).collect();
    let follows = |index: usize| tokens.get(index + 1).map(|lexeme| &lexeme.token);
    let is_result = |index: usize| !matches!(follows(index), Some(Token::DoubleArrow | Token::If));
    let at = |index: usize| tokens[index].position;
    (0..tokens.len()).filter(|index| tokens[*index].token == Token::Underscore && is_result(*index)).map(at).collect()
}
