//! What the VM would misread, or copy where the walker does not, or compile for too long: the walker takes it.

use std::collections::HashSet;

use rhai::{
    AST, ASTFlags, ASTNode, BinaryExpr, Expr, FnCallExpr, ImmutableString, Module, ScriptFuncDef, Shared, Stmt,
};

use crate::builtins::lexical::{is_marked, of_caught, of_turn};
use crate::builtins::names;

/// The parts of a text that the walker takes.
#[derive(Debug, Default)]
pub(super) struct Misread<'a> {
    /// Whether its statements are among them.
    pub(super) statements: bool,
    /// The functions that are, by their names.
    functions: HashSet<&'a str>,
    /// Functions that the VM reads well, and for which it copies their receiver where the walker does not.
    copying: HashSet<&'a str>,
}

impl<'a> Misread<'a> {
    /// Of this text.
    pub(super) fn of(tree: &'a AST) -> Self {
        let all = Found::of(tree);
        if all.pooled > MOST_POOLED {
            return Self { statements: true, ..Self::default() };
        }
        let may_be = all.is_misread(&all) || all.imports;
        let functions = || tree.shared_lib().iter_script_fn_info().map(|(.., def)| def);
        let is_misread = |def: &&Shared<ScriptFuncDef>| {
            let has_mark = names::is_closure(&def.name) && def.params.iter().any(|param| is_marked(param));
            if !has_mark && !may_be {
                return false;
            }
            let found = Found::of_function(def);
            (may_be && (found.imports || found.is_misread(&all)))
                || (has_mark && found.asked_for.iter().any(|name| def.params.contains(name)))
        };
        let is_own = |name: &str| tree.iter_functions().any(|function| function.name == name);
        let is_copying = |def: &&Shared<ScriptFuncDef>| {
            let found = Found::of_function(def);
            let is_harmless = |name: &str| (LOOKING.contains(&name) || HARMLESS.contains(&name)) && !is_own(name);
            found.gives_this && found.called.iter().all(|name| *name == def.name || is_harmless(name))
        };
        Self {
            statements: may_be && Found::of(&tree.clone_statements_only()).is_misread(&all),
            functions: functions().filter(is_misread).map(|def| def.name.as_str()).collect(),
            copying: functions().filter(|_| all.gives_this).filter(is_copying).map(|def| def.name.as_str()).collect(),
        }
    }

    /// The functions that the walker takes from a script.
    pub(super) fn walked(&self) -> HashSet<&'a str> {
        self.functions.union(&self.copying).copied().collect()
    }

    /// Whether the VM reads all of it.
    pub(super) fn is_empty(&self) -> bool {
        !self.statements && self.functions.is_empty()
    }
}

/// Builtins that look at their first argument, or change it, wherever it is: what the VM copies for them is all that they cost.
const LOOKING: [&str; 11] =
    ["contains", "get", "insert", "is_empty", "keys", "len", "pop", "push", "remove", "set", "shift"];

/// What else a function may call that is walked for that reason. One that calls functions of the text does not become quicker,
/// and reaches the limit of calls within calls sooner.
const HARMLESS: [&str; 4] = ["to_float", "to_int", "to_string", "type_of"];

/// More literals and chains in a text than these are walked. The compiler looks for each among all that it has seen, literals by
/// their text: so many take it 0.3 s, in which no signal is acted on, and twice as many four times as long.
const MOST_POOLED: usize = 5000;

/// The key of a map counts as so many of them: it takes the compiler seven times as long to find.
const KEY: usize = 3;

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
    /// Whether one of [`LOOKING`] is called with `this` as its first argument, as `in` does. The VM copies it first, whole.
    gives_this: bool,
    /// What is called, by name; an empty one for what is of a module, or is a closure here.
    called: Vec<ImmutableString>,
    /// Whether a text is evaluated.
    evaluates: bool,
    /// Whether it is asked for a variable whose name another one holds: the VM finds no function for that.
    asks_by_variable: bool,
    /// Whether a module is imported in a block.
    imports_in_block: bool,
    /// Whether one is imported anywhere.
    imports: bool,
    /// Whether something is read of a part of a string, as by `text[1..3].len()`.
    reads_of_part: bool,
    /// How many literals and chains there are, and keys, which count more.
    pooled: usize,
}

impl Found {
    fn of(tree: &AST) -> Self {
        let mut found = Self::default();
        tree.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(statement)) => found.add(statement, path.len() > 1),
                Some(ASTNode::Expr(expression)) => found.add_expression(expression),
                _ => {}
            }
            true
        });
        found
    }

    fn of_function(def: &Shared<ScriptFuncDef>) -> Self {
        let mut alone = Module::new();
        alone.set_script_fn(Shared::clone(def));
        Self::of(&AST::new([], alone))
    }

    fn add_expression(&mut self, expression: &Expr) {
        match expression {
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.add_call(call),
            Expr::IntegerConstant(..) | Expr::FloatConstant(..) | Expr::CharConstant(..) | Expr::StringConstant(..) => {
                self.pooled += 1;
            }
            Expr::Index(chain, ..) => {
                self.pooled += 1;
                self.reads_of_part |= goes_on_behind_range(chain);
            }
            Expr::Dot(..) => self.pooled += 1,
            Expr::Map(parts, _) => self.pooled += KEY * parts.0.len(),
            Expr::DynamicConstant(..) => {
                self.pooled += 1;
                self.called.push(ImmutableString::new());
            }
            _ => {}
        }
    }

    fn add_call(&mut self, call: &FnCallExpr) {
        self.evaluates |= call.name == "eval";
        self.asks_by_variable |= call.name == "is_def_var" && matches!(call.args.first(), Some(Expr::Variable(..)));
        if call.is_operator_call() {
            return;
        }
        if !call.namespace.is_empty() {
            self.called.push(ImmutableString::new());
            return;
        }
        self.gives_this |= LOOKING.contains(&&*call.name) && matches!(call.args.first(), Some(Expr::ThisPtr(_)));
        self.called.push(call.name.clone());
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
    /// the constant that is its `this`. A part of a string it puts back also where it was only read of, over another part if the
    /// range ends before it begins.
    fn is_misread(&self, all: &Self) -> bool {
        let is_lost = |(name, flags): &(ImmutableString, ASTFlags)| {
            flags.contains(ASTFlags::CONSTANT) || all.captured.contains(name)
        };
        let is_constant = |name| all.constants.contains(name);
        self.imports_in_block
            || (all.evaluates && !all.constants.is_empty())
            || self.redeclared.iter().any(is_lost)
            || self.changed.iter().any(is_constant)
            || self.reads_of_part
            || self.asks_by_variable
    }
}

/// Whether the index is a range and the chain goes on behind it.
fn goes_on_behind_range(chain: &BinaryExpr) -> bool {
    let (Expr::Index(rest, ..) | Expr::Dot(rest, ..)) = &chain.rhs else { return false };
    matches!(&rest.lhs, Expr::FnCall(call, _) if [EXCLUSIVE, INCLUSIVE].contains(&&*call.name))
}

/// The operators that make ranges.
const EXCLUSIVE: &str = "..";
const INCLUSIVE: &str = "..=";

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

    /// The functions that the walker takes because of their receiver.
    fn walked(text: &str) -> Vec<String> {
        let tree = Engine::new().compile(text).expect("it is a program");
        let misread = Misread::of(&tree);
        assert!(misread.is_empty(), "{text}");
        let mut names: Vec<String> = misread.copying.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_walker_takes_what_gives_its_receiver_to_a_builtin_that_looks_at_it() {
        assert_eq!(walked("fn a(k) { k in this } fn b(k) { this[k] } fn c() { if true { len(this); } }"), ["a", "c"]);
        assert_eq!(walked("fn a(k) { if !(k in this) { this[k] = k.to_string(); } this[k] }"), ["a"]);
    }

    #[test]
    fn what_calls_functions_of_the_text_or_of_others_stays() {
        assert!(walked("fn a() { contains(this, 1) } fn contains(x, y) { x == y }").is_empty());
        for rest in ["this.b()", "b()", "f.call()", "list.map(|x| x)", "print(this)", "m::len(this)"] {
            assert!(
                walked(&format!("fn a(f, list) {{ 1 in this; {rest} }} fn b() {{ this.len() }}")).is_empty(),
                "{rest}"
            );
        }
    }

    #[test]
    fn one_that_calls_itself_is_walked_all_the_way() {
        assert_eq!(walked("fn a(n) { if n in this { return n; } this.a(n - 1) }"), ["a"]);
    }
}
