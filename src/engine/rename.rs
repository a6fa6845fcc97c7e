//! Which names of a text are given to the parser in another form. `builtins/lexical.rs` says why.

use std::collections::HashSet;
use std::rc::Rc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Module, ParseError, Position, ScriptFuncDef, Stmt};

use super::source::{LAST_LINE, SourceText, Sources};
use super::syntax::{self, Binding, CallSite, Use, Visitor};
use crate::builtins::lexical::{Lexical, Renames, START, of_caught, of_turn};
use crate::builtins::names;

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The script: text 0.
    Script,
    /// A line of an interactive session, or the script before the first: the functions of earlier ones are its own, too.
    Line,
    /// A module, by its number from 1.
    Module(usize),
}

/// Functions, as a text that may call them has to know them.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// By name and number of parameters: they have names that no other text has.
    own: HashSet<(String, usize)>,
    own_names: HashSet<String>,
    /// They would be found in place of what a handler can do.
    hiding: HashSet<String>,
}

impl Functions {
    /// Adds those of an earlier line.
    pub(super) fn add(&mut self, module: &Module) {
        for (_, _, name, count, _) in module.iter_script_fn_info() {
            let plain = names::as_written(name);
            if plain != name {
                self.add_own(plain, count);
            }
            self.add_hiding(plain, count);
        }
    }

    fn add_own(&mut self, name: &str, count: usize) {
        self.own.insert((name.to_string(), count));
        self.own_names.insert(name.to_string());
    }

    fn add_hiding(&mut self, name: &str, count: usize) {
        if hides_member(name, count) {
            self.hiding.insert(name.to_string());
        }
    }
}

/// What the closures of a text are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closures {
    /// No closure of another text is spelt like one of these at the same place.
    Distinct,
    /// One is: the builtins that they call get other names too, so that they differ.
    Confusable,
}

/// The tree that is evaluated in place of a parsed one. The functions of `earlier` lines are called as its own are.
///
/// # Errors
///
/// None that the first parsing had not.
pub(super) fn as_meant(
    engine: &Engine,
    lexical: &Lexical,
    sources: &Sources,
    source: &SourceText,
    parsed: &Rc<AST>,
    role: Role,
    earlier: &Functions,
) -> Result<Rc<AST>, ParseError> {
    if role == Role::Script && !may_mislead(parsed) {
        lexical.add_closures(closures(parsed));
        return with_start(engine, AST::clone(parsed), role, source);
    }
    let parse = |closures| {
        let renames = find(parsed, role, closures, earlier).renames;
        lexical.with_renames(renames, || engine.compile(&*source.text))
    };
    let mut tree = parse(Closures::Distinct)?;
    if lexical.knows_closure(closures(&tree)) {
        tree = parse(Closures::Confusable)?;
    }
    lexical.add_closures(closures(&tree));
    if role != Role::Line {
        let functions = tree.iter_functions().map(|f| f.name.to_string());
        sources.add_functions(&source.name, functions.filter(|name| names::may_have_home(name)));
    }
    // Whoever calls from outside, or by a name that is computed, has the names of the text.
    let mut plain = Module::new();
    for (.., def) in tree.shared_lib().iter_script_fn_info() {
        let name = names::as_written(&def.name);
        if name != def.name {
            plain.set_script_fn(ScriptFuncDef { name: name.into(), ..ScriptFuncDef::clone(def) });
        }
    }
    tree.combine(AST::new([], plain));
    with_start(engine, tree, role, source)
}

fn with_start(engine: &Engine, mut tree: AST, role: Role, source: &SourceText) -> Result<Rc<AST>, ParseError> {
    if role != Role::Line {
        let start = engine.compile(START)?;
        tree = start.merge(&tree);
    }
    tree.set_source(source.name.clone());
    Ok(Rc::new(tree))
}

/// Most scripts import nothing, have no loop that could make closures, and catch nothing: their tree is good as
/// it is.
fn may_mislead(parsed: &AST) -> bool {
    let mut may = parsed.iter_functions().any(|function| hides_member(function.name, function.params.len()));
    parsed.walk(&mut |path: &[ASTNode<'_>]| {
        may |= matches!(path.last(), Some(ASTNode::Stmt(Stmt::Import(..) | Stmt::For(..) | Stmt::TryCatch(..))));
        !may
    });
    may
}

/// Whether a function is found in place of what a handler can do by that name.
fn hides_member(name: &str, params: usize) -> bool {
    names::members(name).any(|count| count == params + 1)
}

fn closures(tree: &AST) -> impl Iterator<Item = &str> {
    tree.iter_functions().map(|f| f.name).filter(|name| names::is_closure(name))
}

/// A name that has to be read in another form and stands where it cannot be told from others: where, and why the text is
/// refused.
pub(super) fn uncounted(parsed: &AST, text: &str, role: Role) -> Option<(Position, String)> {
    if text.len() < LAST_LINE {
        return None;
    }
    let (position, name) = find(parsed, role, Closures::Distinct, &Functions::default()).uncounted?;
    let why = format!(
        "`{name}` stands behind line or column {}, where the engine tells no two places apart, and would mean \
         something else: break the line, or move it to another file",
        LAST_LINE - 1
    );
    Some((position, why))
}

/// Finds the names of a parsed text that are to be read in another form.
fn find<'a>(parsed: &AST, role: Role, closures: Closures, earlier: &'a Functions) -> Finder<'a> {
    let number = match role {
        Role::Script | Role::Line => 0,
        Role::Module(number) => number,
    };
    let (renames, functions) = (Renames::default(), Functions::default());
    let mut finder = Finder { renames, uncounted: None, functions, earlier, number, closures };
    for function in parsed.iter_functions() {
        finder.functions.add_hiding(function.name, function.params.len());
    }
    // Where there is one text, its names mean one thing.
    if role != Role::Script || imports(parsed) {
        let functions = || parsed.shared_lib().iter_script_fn_info();
        // What follows `fn` may be the type of the objects that a method is for.
        let types: HashSet<&str> = functions().filter_map(|(.., def)| def.this_type.as_deref()).collect();
        for (.., count, def) in functions() {
            if !names::is_closure(&def.name) && def.this_type.is_none() && !types.contains(def.name.as_str()) {
                finder.functions.add_own(&def.name, count);
                finder.renames.definitions.insert(def.name.to_string(), names::unique(&def.name, number));
            }
        }
    }
    syntax::walk(parsed, &mut finder);
    finder
}

/// Whether a text imports another.
fn imports(parsed: &AST) -> bool {
    struct Imports(bool);
    impl Visitor for Imports {
        fn import(&mut self, _: syntax::Import<'_>) {
            self.0 = true;
        }
    }
    let mut found = Imports(false);
    syntax::walk(parsed, &mut found);
    found.0
}

struct Finder<'a> {
    renames: Renames,
    /// The first that stands where it cannot be told from others.
    uncounted: Option<(Position, String)>,
    functions: Functions,
    earlier: &'a Functions,
    number: usize,
    closures: Closures,
}

impl Finder<'_> {
    fn rename(&mut self, position: Position, from: &str, to: String) {
        // From there on all places are one.
        let is_last = |number: Option<usize>| number.is_none_or(|number| number >= LAST_LINE);
        if is_last(position.line()) || is_last(position.position()) {
            self.uncounted.get_or_insert_with(|| (position, from.to_string()));
            return;
        }
        self.renames.places.insert(position, (from.to_string(), to));
    }

    fn is_known(&self, is_among: impl Fn(&Functions) -> bool) -> bool {
        is_among(&self.functions) || is_among(self.earlier)
    }

    fn is_own(&self, name: &str) -> bool {
        self.is_known(|functions| functions.own_names.contains(name))
    }
}

impl Visitor for Finder<'_> {
    fn variable(&mut self, usage: Use<'_>) {
        if !usage.namespace.is_empty() {
            return;
        }
        let position = usage.spot.position;
        match usage.binding {
            Some(Binding::Turn) => self.rename(position, usage.name, of_turn(usage.name)),
            Some(Binding::Caught) if matches!(usage.property, Some("message" | "kind")) => {
                self.rename(position, usage.name, of_caught(usage.name))
            }
            None if self.is_own(usage.name) => {
                self.rename(position, usage.name, names::unique(usage.name, self.number));
            }
            _ => {}
        }
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        let is_hiding = self.is_known(|functions| functions.hiding.contains(call.name.as_str()));
        if is_hiding && hides_member(&call.name, call.args.len()) {
            self.rename(position, &call.name, names::lent(&call.name, self.number));
        }
    }

    fn call(&mut self, site: CallSite<'_>) {
        if !site.namespace.is_empty() {
            return;
        }
        let (name, count) = (site.call.name.as_str(), site.call.args.len());
        let function = (name.to_string(), count);
        if self.is_known(|functions| functions.own.contains(&function)) {
            self.rename(site.spot.position, name, names::unique(name, self.number));
        } else if self.closures == Closures::Confusable && site.spot.in_closure && names::find(name).is_some() {
            self.rename(site.spot.position, name, names::lent(name, self.number));
        }
        if let ("Fn", [Expr::StringConstant(function, position)]) = (name, site.call.args.as_slice())
            && self.is_own(function)
        {
            self.rename(*position, function, names::unique(function, self.number));
        }
    }
}
