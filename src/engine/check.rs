//! The checks of `--check`: what cannot be right in any run, found without running anything.
//!
//! What may be right in some run is left alone, or is a warning: inside a `try`, which may be there for just
//! that, and where `eval`, a computed import or a `name!()` call decides what is in sight.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use rhai::{AST, Expr, FnAccess, Position};

use super::failure::{self, Failure, Frame};
use super::rename::Role;
use super::run::{Interpreter, Loaded};
use super::source::{SourceText, Sources};
use super::syntax::{self, CallSite, Import, Spot, Use, Visitor};
use super::{hint, resolver};
use crate::builtins::error::count_sentence;
use crate::builtins::{names, standard};

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// It cannot be right in any run.
    Error,
    /// It may be meant.
    Warning,
}

/// What a check has found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// What it is.
    pub failure: Failure,
}

/// Checks a script and the modules that it imports by literal names.
///
/// # Returns
///
/// What was found, text by text as they are imported, in the order of their lines.
#[must_use]
pub fn check(interpreter: &Interpreter, script: &Loaded) -> Vec<Finding> {
    let mut program = Program { interpreter, texts: Vec::new(), findings: Vec::new(), on_the_way: Vec::new() };
    program.read(&script.source.name, &script.ast, &[]);
    let mut findings = std::mem::take(&mut program.findings);
    for index in 0..program.texts.len() {
        let mut checker = Checker { program: &program, text: &program.texts[index], findings: Vec::new() };
        checker.hidden_builtins();
        syntax::walk(&program.texts[index].tree, &mut checker);
        findings.append(&mut checker.findings);
    }
    let order: HashMap<&str, usize> =
        program.texts.iter().enumerate().map(|(index, text)| (text.name.as_str(), index)).collect();
    findings.sort_by_key(|finding| {
        finding.failure.place.as_ref().map(|at| (order.get(at.source.as_str()).copied(), at.line, at.column))
    });
    findings
}

/// The script and its modules.
struct Program<'a> {
    interpreter: &'a Interpreter,
    /// The script first.
    texts: Vec<Text>,
    findings: Vec<Finding>,
    /// The texts that import each other at their top levels, outermost first.
    on_the_way: Vec<String>,
}

/// One of the texts.
struct Text {
    name: String,
    tree: Rc<AST>,
    /// The way of imports to it.
    frames: Vec<Frame>,
    facts: Facts,
}

/// What must be known of a whole text before its parts are judged.
#[derive(Default)]
struct Facts {
    /// What each alias may stand for; `None` is a module that cannot be known.
    aliases: HashMap<String, Vec<Option<String>>>,
    exports: HashSet<String>,
    constants: HashSet<String>,
    /// Functions in which `eval` may add variables; `None` is the top level.
    evals: HashSet<Option<String>>,
    /// Functions that are called by `name!()` and see the variables of their caller.
    borrowers: HashSet<String>,
    /// What the text asks for by `is_def_fn` and `is_def_var` before it uses it.
    asked: HashSet<String>,
    imports: Vec<ImportSite>,
}

struct ImportSite {
    path: Option<String>,
    alias: String,
    spot: (Position, bool),
    /// Every run that comes so far imports it, and nothing that ran before can have made its file.
    is_certain: bool,
}

/// The builtins that call a function with the arguments that follow it, and its place among theirs.
const TAKE_FUNCTION: [(&str, usize); 3] = [("atexit", 0), ("scope", 0), ("stage", 1)];

/// Calls after which the files are still what they were.
const MAKES_NO_FILE: [&str; 6] = ["print", "debug", "eprint", "atexit", "trap", "args"];

impl Facts {
    fn of(tree: &AST) -> Self {
        struct Gather {
            facts: Facts,
            acted: bool,
        }
        impl Visitor for Gather {
            fn call(&mut self, site: CallSite<'_>) {
                let name = site.call.name.as_str();
                let facts = &mut self.facts;
                if name == "eval" {
                    facts.evals.insert(site.spot.function.map(str::to_string));
                }
                if site.call.capture_parent_scope {
                    facts.borrowers.insert(name.to_string());
                }
                if matches!(name, "is_def_fn" | "is_def_var") {
                    facts.asked.extend(site.call.args.iter().filter_map(literal));
                }
                self.acted |= !MAKES_NO_FILE.contains(&name);
            }
            fn import(&mut self, import: Import<'_>) {
                self.facts.imports.push(ImportSite {
                    path: import.path.map(str::to_string),
                    alias: import.alias.to_string(),
                    spot: (import.spot.position, import.spot.in_try),
                    is_certain: import.at_top && !self.acted,
                });
            }
            fn export(&mut self, name: &str) {
                self.facts.exports.insert(name.to_string());
            }
            fn global(&mut self, name: &str, binding: syntax::Binding) {
                if binding == syntax::Binding::Constant {
                    self.facts.constants.insert(name.to_string());
                }
            }
        }
        let mut gather = Gather { facts: Self::default(), acted: false };
        syntax::walk(tree, &mut gather);
        gather.facts
    }
}

fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    }
}

impl Program<'_> {
    fn sources(&self) -> &Sources {
        self.interpreter.sources()
    }

    /// Takes in a text, and what it imports.
    fn read(&mut self, name: &str, tree: &Rc<AST>, frames: &[Frame]) {
        let mut facts = Facts::of(tree);
        let index = self.texts.len();
        let imports = std::mem::take(&mut facts.imports);
        let (name, tree) = (name.to_string(), Rc::clone(tree));
        self.texts.push(Text { name: name.clone(), tree, frames: frames.to_vec(), facts });
        self.on_the_way.push(name.clone());
        for import in imports {
            let target = import.path.as_ref().and_then(|path| self.follow(&name, path, &import, frames));
            self.texts[index].facts.aliases.entry(import.alias).or_default().push(target);
        }
        self.on_the_way.pop();
    }

    /// The name of the module that an import means, once it is taken in.
    fn follow(&mut self, importer: &str, path: &str, import: &ImportSite, frames: &[Frame]) -> Option<String> {
        let (position, in_try) = import.spot;
        let mut find = |level, message: String| {
            let failure = Failure { frames: frames.to_vec(), ..Failure::at(importer, position, message) };
            self.findings.push(Finding { level, failure });
        };
        let file = match resolver::locate(self.interpreter.sources(), Some(importer), path) {
            Ok(file) => file,
            Err(_) if in_try => return None,
            Err(message) => {
                find(if import.is_certain { Level::Error } else { Level::Warning }, message);
                return None;
            }
        };
        let source = match SourceText::read(&file) {
            Ok(source) => source,
            Err(error) => {
                find(if in_try { Level::Warning } else { Level::Error }, format!("cannot import `{path}`: {error}"));
                return None;
            }
        };
        if let Some(start) = self.on_the_way.iter().position(|known| *known == source.name) {
            // In a function or a block the import may come when the circle is closed already.
            if import.is_certain {
                let sources = self.interpreter.sources();
                find(Level::Error, resolver::imports_itself(path, &self.on_the_way[start..], sources));
            }
            return Some(source.name);
        }
        if self.texts.iter().any(|text| text.name == source.name) {
            return Some(source.name);
        }
        let mut frames = frames.to_vec();
        frames.insert(0, Frame::import(importer, position));
        match self.interpreter.parse(&source, Role::Module(1)) {
            Ok(tree) => self.read(&source.name, &tree, &frames),
            Err(failure) => {
                self.findings.push(Finding { level: Level::Error, failure: Failure { frames, ..failure } });
                return None;
            }
        }
        Some(source.name)
    }

    fn text(&self, name: &str) -> Option<&Text> {
        self.texts.iter().find(|text| text.name == name)
    }
}

impl Text {
    fn counts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (FnAccess, usize)> + 'a {
        self.tree
            .shared_lib()
            .iter_script_fn_info()
            .filter(move |(_, _, known, ..)| *known == name)
            .map(|(_, access, _, count, _)| (access, count))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

/// Judges one text.
struct Checker<'a> {
    program: &'a Program<'a>,
    text: &'a Text,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn find(&mut self, spot: Spot<'_>, message: String, hint: impl FnOnce(&failure::Place) -> Option<String>) {
        let level = if spot.in_try { Level::Warning } else { Level::Error };
        let mut failure = Failure::at(&self.text.name, spot.position, message);
        failure.hint = failure.place.as_ref().and_then(hint);
        failure.frames.clone_from(&self.text.frames);
        self.findings.push(Finding { level, failure });
    }

    /// Warns of functions that hide a builtin.
    fn hidden_builtins(&mut self) {
        let source = self.program.sources().text(&self.text.name).unwrap_or_default();
        for (_, _, name, _, def) in self.text.tree.shared_lib().iter_script_fn_info() {
            if names::find(name).is_some() {
                let position = failure::definition_of(def, &source);
                let message = format!("the function `{name}` hides the builtin of that name");
                let frames = self.text.frames.clone();
                let failure = Failure { frames, ..Failure::at(&self.text.name, position, message) };
                self.findings.push(Finding { level: Level::Warning, failure });
            }
        }
    }

    /// The texts whose functions a call in this text can reach: a module's functions see those of whoever
    /// calls them.
    fn reachable(&self) -> &[Text] {
        if self.is_script() { &self.program.texts[..1] } else { &self.program.texts }
    }

    fn is_script(&self) -> bool {
        self.text.name == self.program.texts[0].name
    }

    /// The numbers of arguments that functions of that name take here.
    fn counts(&self, name: &str) -> Vec<usize> {
        let mut counts: Vec<usize> =
            self.reachable().iter().flat_map(|text| text.counts(name).map(|(_, count)| count)).collect();
        counts.extend(names::counts(name));
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The modules that a path of aliases may stand for, each but the first an import of the module before it; `None` if one
    /// of them cannot be known.
    fn modules(&self, path: &[String]) -> Option<Vec<&Text>> {
        let mut importers: Vec<&Text> = self.reachable().iter().collect();
        for (depth, alias) in path.iter().enumerate() {
            // There `eval` may import.
            if depth > 0 && importers.iter().any(|text| text.facts.evals.contains(&None)) {
                return None;
            }
            let targets = importers.iter().filter_map(|text| text.facts.aliases.get(alias)).flatten();
            importers = targets.map(|target| self.program.text(target.as_ref()?)).collect::<Option<_>>()?;
        }
        Some(importers)
    }

    fn evaluates(&self, spot: Spot<'_>) -> bool {
        self.text.facts.evals.contains(&spot.function.map(str::to_string))
    }

    /// Whether `eval` may import or define what any function sees.
    fn evaluates_anywhere(&self) -> bool {
        self.reachable().iter().any(|text| !text.facts.evals.is_empty())
    }

    fn unknown_module(&mut self, alias: &str, spot: Spot<'_>) {
        let known: Vec<String> = self.reachable().iter().flat_map(|text| text.facts.aliases.keys().cloned()).collect();
        self.find(spot, format!("there is no module `{alias}`"), |_| {
            hint::for_module(alias, known.iter().map(String::as_str))
        });
    }

    /// Looks whether a module of builtins has a function.
    fn function_of_builtin_module(&mut self, module: &str, name: &str, spot: Spot<'_>) {
        let full = format!("{module}::{name}");
        if names::find(&full).is_none() {
            let hint = hint::for_function_of(module, name);
            self.find(spot, format!("there is no function `{full}`"), |_| hint);
        }
    }

    fn constant(&mut self, name: &str, spot: Spot<'_>) {
        if self.evaluates_anywhere() || self.reachable().iter().any(|text| text.facts.constants.contains(name)) {
            return;
        }
        let (program, full) = (self.program, format!("global::{name}"));
        self.find(spot, format!("there is no constant `{full}`"), |at| {
            hint::for_variable(&full, at, spot.function.is_some(), &[], program.sources())
        });
    }

    fn module_variable(&mut self, path: &[String], usage: Use<'_>) {
        let name = usage.name;
        let Some(modules) = self.modules(path) else { return };
        if modules.is_empty()
            && let [alias] = path
        {
            if names::modules().any(|known| known == alias) {
                return self.function_of_builtin_module(alias, name, usage.spot);
            }
            if self.evaluates_anywhere() {
                return;
            }
            return self.unknown_module(alias, usage.spot);
        }
        let alias = path.join("::");
        if modules.iter().any(|module| module.facts.exports.contains(name) || module.facts.evals.contains(&None)) {
            return;
        }
        let is_function = modules.iter().any(|module| module.counts(name).next().is_some());
        let exports: Vec<String> = modules.iter().flat_map(|module| module.facts.exports.iter().cloned()).collect();
        let (program, full) = (self.program, format!("{alias}::{name}"));
        self.find(usage.spot, format!("the module has no variable `{full}`"), |at| {
            if is_function {
                return hint::for_variable(&full, at, false, &[], program.sources());
            }
            let nearest = names::nearest(name, exports.iter().map(String::as_str));
            nearest.map(|nearest| format!("did you mean `{alias}::{nearest}`?"))
        });
    }

    fn module_call(&mut self, path: &[String], site: CallSite<'_>) {
        let (name, count) = (site.call.name.as_str(), site.call.args.len());
        let Some(modules) = self.modules(path) else { return };
        let is_builtin = names::modules().any(|known| known == path[0]);
        if modules.is_empty() && !is_builtin && self.evaluates_anywhere() {
            return;
        }
        if modules.is_empty()
            && let [alias] = path
        {
            if !is_builtin {
                return self.unknown_module(alias, site.spot);
            }
            return match names::find(&format!("{alias}::{name}")) {
                Some(known) if (known.least..=known.most).contains(&count) => {}
                Some(known) => self.wrong_count(site.spot, known.name, (known.least..=known.most).collect(), count),
                None => self.function_of_builtin_module(alias, name, site.spot),
            };
        }
        let alias = path.join("::");
        let public = || modules.iter().flat_map(|module| module.counts(name)).filter(|(a, _)| *a == FnAccess::Public);
        let is_variable =
            modules.iter().any(|module| module.facts.exports.contains(name) || module.facts.evals.contains(&None));
        if is_variable || public().any(|(_, known)| known == count) {
            return;
        }
        let takes: Vec<usize> = public().map(|(_, count)| count).collect();
        let full = format!("{alias}::{name}");
        if !takes.is_empty() {
            return self.wrong_count(site.spot, &full, takes, count);
        }
        let is_private = modules.iter().any(|module| module.counts(name).next().is_some());
        let message = format!("there is no function `{full}`");
        let known: Vec<String> = modules.iter().flat_map(|module| syntax::functions(&module.tree)).collect();
        self.find(site.spot, message, |_| {
            if is_private {
                return Some(format!("`{name}` is private to its module"));
            }
            let nearest = names::nearest(name, known.iter().map(String::as_str));
            nearest.map(|nearest| format!("did you mean `{alias}::{nearest}`?"))
        });
    }

    fn wrong_count(&mut self, spot: Spot<'_>, name: &str, takes: Vec<usize>, given: usize) {
        self.find(spot, count_sentence(name, &takes, given), |_| None);
    }

    /// A handler that is a function's bare name: what `atexit` would refuse.
    fn handler(&mut self, verb: &'static str, args: &[Expr], spot: Spot<'_>) {
        let [Expr::Variable(parts, _, position), arguments @ ..] = args else { return };
        let name = parts.1.as_str();
        let given = arguments.len();
        if let [module] = &*syntax::path_of(&parts.2)
            && self.modules(std::slice::from_ref(module)).is_some_and(|modules| modules.is_empty())
            && let Some(known) = names::find(&format!("{module}::{name}"))
            && !(known.least..=known.most).contains(&given)
        {
            let message = count_sentence(known.name, &(known.least..=known.most).collect::<Vec<_>>(), given);
            return self.find(Spot { position: *position, ..spot }, format!("{verb}: {message}"), |_| None);
        }
        if !parts.2.is_empty() || spot.in_sight.iter().any(|(known, _)| known == name) || self.evaluates(spot) {
            return;
        }
        let takes = self.counts(name);
        if takes.is_empty() || takes.contains(&given) || standard::counts(name).is_some() {
            return;
        }
        let message = format!("{verb}: {}", count_sentence(name, &takes, given));
        self.find(Spot { position: *position, ..spot }, message, |_| None);
    }
}

impl Visitor for Checker<'_> {
    fn variable(&mut self, usage: Use<'_>) {
        let Use { name, spot, .. } = usage;
        match usage.namespace {
            [] => {}
            [global] if global == "global" => return self.constant(name, spot),
            path => return self.module_variable(path, usage),
        }
        let facts = &self.text.facts;
        let borrows = spot.function.is_some_and(|function| facts.borrowers.contains(function));
        if usage.binding.is_some() || borrows || facts.asked.contains(name) || self.evaluates(spot) {
            return;
        }
        if !usage.assigned
            && (names::find(name).is_some() || self.reachable().iter().any(|t| t.counts(name).next().is_some()))
        {
            return;
        }
        let globals = syntax::globals(&self.text.tree);
        let comes_later = spot.function.is_none() && globals.iter().any(|(known, _)| known == name);
        let message = if comes_later {
            format!("there is no variable `{name}` yet: it is defined further down")
        } else {
            format!("there is no variable `{name}`")
        };
        let in_sight: Vec<&str> = spot.in_sight.iter().map(|(name, _)| name.as_str()).collect();
        let sources = self.program.sources();
        self.find(spot, message, |at| {
            if comes_later {
                return None;
            }
            hint::for_variable(name, at, spot.function.is_some(), &in_sight, sources)
        });
    }

    fn call(&mut self, site: CallSite<'_>) {
        let (name, count) = (site.call.name.as_str(), site.call.args.len());
        match site.namespace {
            [] => {}
            [global] if global == "global" => {}
            path => return self.module_call(path, site),
        }
        if let Some((verb, at)) = TAKE_FUNCTION.into_iter().find(|(verb, _)| *verb == name) {
            self.handler(verb, site.call.args.get(at..).unwrap_or_default(), site.spot);
        }
        let takes = self.counts(name);
        if takes.contains(&count) || self.text.facts.asked.contains(name) {
            return;
        }
        if takes.is_empty() {
            let sources = self.program.sources();
            self.find(site.spot, format!("there is no function `{name}`"), |at| hint::for_function(name, at, sources));
        } else {
            self.wrong_count(site.spot, name, takes, count);
        }
    }
}
