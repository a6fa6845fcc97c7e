//! What the VM would misread, or copy where the walker does not: the walker takes it.

use std::collections::HashSet;

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, ImmutableString, Module, ScriptFuncDef, Shared, Stmt};

use crate::builtins::lexical::{is_marked, of_caught, of_turn};
use crate::builtins::names;

/// The parts of a text that the walker takes.
#[derive(Debug, Default)]
pub(super) struct Misread<'a> {
    /// Whether its statements are among them.
    pub(super) statements: bool,
    /// The functions that are, by their names.
    pub(super) functions: HashSet<&'a str>,
}

impl<'a> Misread<'a> {
    /// Of this text.
    pub(super) fn of(tree: &'a AST) -> Self {
        let all = Found::of(tree);
        let may_be = all.is_misread(&all) || all.imports || !all.given_this.is_empty();
        let functions = tree.shared_lib().iter_script_fn_info().map(|(.., def)| def);
        let is_own = |name: &ImmutableString| tree.iter_functions().any(|function| function.name == name.as_str());
        let is_misread = |def: &&Shared<ScriptFuncDef>| {
            let has_mark = names::is_closure(&def.name) && def.params.iter().any(|param| is_marked(param));
            if !has_mark && !may_be {
                return false;
            }
            let mut alone = Module::new();
            alone.set_script_fn(Shared::clone(def));
            let found = Found::of(&AST::new([], alone));
            (may_be && (found.imports || found.is_misread(&all) || !found.given_this.iter().all(is_own)))
                || (has_mark && found.asked_for.iter().any(|name| def.params.contains(name)))
        };
        Self {
            statements: may_be && Found::of(&tree.clone_statements_only()).is_misread(&all),
            functions: functions.filter(is_misread).map(|def| def.name.as_str()).collect(),
        }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        !self.statements && self.functions.is_empty()
    }
}

/// What is in a tree that may be misread.
#[derive(Debug, Default)]
struct Found {
    /// The variables that closures have captured.
    captured: HashSet<ImmutableString>,
    constants: HashSet<ImmutableString>,
    /// The variables that are declared again in the same block.
    redeclared: Vec<(ImmutableString, ASTFlags)>,
    /// The variables of which a part is set.
    changed: Vec<ImmutableString>,
    /// The names in closures for the variables of loops and of `catch` that are here.
    asked_for: Vec<ImmutableString>,
    /// The functions that are called with `this` as their first argument, `in` among them. The VM copies it first, whole.
    given_this: Vec<ImmutableString>,
    /// Whether a text is evaluated.
    evaluates: bool,
    /// Whether a module is imported in a block.
    imports_in_block: bool,
    /// Whether one is imported anywhere.
    imports: bool,
}

impl Found {
    fn of(tree: &AST) -> Self {
        let mut found = Self::default();
        tree.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(statement)) => found.add(statement, path.len() > 1),
                Some(ASTNode::Expr(Expr::FnCall(call, _))) => found.add_call(call),
                _ => {}
            }
            true
        });
        found
    }

    fn add_call(&mut self, call: &FnCallExpr) {
        self.evaluates |= call.name == "eval";
        if !call.is_operator_call() && matches!(call.args.first(), Some(Expr::ThisPtr(_))) {
            self.given_this.push(call.name.clone());
        }
    }

    fn add(&mut self, statement: &Stmt, is_in_block: bool) {
        match statement {
            Stmt::FnCall(call, _) => self.add_call(call),
            Stmt::Import(..) => (self.imports, self.imports_in_block) = (true, self.imports_in_block || is_in_block),
            Stmt::Share(variables) => self.captured.extend(variables.iter().map(|(ident, _)| ident.name.clone())),
            Stmt::Var(declared, flags, _) => {
                let (ident, _, earlier) = &**declared;
                if flags.contains(ASTFlags::CONSTANT) {
                    self.constants.insert(ident.name.clone());
                }
                if earlier.is_some() {
                    self.redeclared.push((ident.name.clone(), *flags));
                }
            }
            Stmt::Assignment(assignment) => self.changed.extend(root_of_chain(&assignment.1.lhs)),
            Stmt::For(parts, _) => {
                let variables = [Some(&parts.0), parts.1.as_ref()].into_iter().flatten();
                self.asked_for.extend(variables.map(|ident| of_turn(&ident.name).into()));
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(caught, ..) = &flow.expr {
                    self.asked_for.push(of_caught(&caught.1).into());
                }
            }
            _ => {}
        }
    }

    /// A variable that is declared again in the same block is another variable, but the VM gives the new value to the
    /// closures, too, that have captured the old one; and a constant that is declared so it does not show to functions.
    /// Of a constant of which a part is set it looks at the constant first, and the walker at the part: the error is another.
    /// What a block or a function imports, it leaves imported behind it. In a text that evaluates others, a method may change
    /// the constant that is its `this`.
    fn is_misread(&self, all: &Self) -> bool {
        let is_lost = |(name, flags): &(ImmutableString, ASTFlags)| {
            flags.contains(ASTFlags::CONSTANT) || all.captured.contains(name)
        };
        let is_constant = |name| all.constants.contains(name);
        self.imports_in_block
            || (all.evaluates && !all.constants.is_empty())
            || self.redeclared.iter().any(is_lost)
            || self.changed.iter().any(is_constant)
    }
}

/// The variable of which that is an element or a property.
fn root_of_chain(mut expression: &Expr) -> Option<ImmutableString> {
    let mut is_chain = false;
    loop {
        match expression {
            Expr::Index(chain, ..) | Expr::Dot(chain, ..) => (expression, is_chain) = (&chain.lhs, true),
            Expr::Variable(variable, ..) if is_chain => return Some(variable.1.clone()),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::*;

    /// The functions that the walker takes.
    fn walked(text: &str) -> Vec<String> {
        let tree = Engine::new().compile(text).expect("it is a program");
        let misread = Misread::of(&tree);
        assert!(!misread.statements, "{text}");
        let mut names: Vec<String> = misread.functions.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_walker_takes_what_gives_its_receiver_to_a_builtin() {
        assert_eq!(walked("fn a(k) { k in this } fn b(k) { this[k] } fn c() { if true { len(this); } }"), ["a", "c"]);
    }

    #[test]
    fn a_function_of_the_text_copies_its_argument_on_both() {
        assert!(walked("fn a() { b(this) } fn b(x) { x + 1 } fn c() { this.len() }").is_empty());
    }
}
