//! A walk over a syntax tree that knows what each name stands for.

use std::collections::HashMap;

use crate::builtins::names;
use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, FnPtr, Module, Position, ScriptFuncDef, Shared, Stmt, StmtBlock};

/// What a name was bound by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// `let`.
    Variable,
    /// `const`.
    Constant,
    /// A `catch`.
    Caught,
    /// A `for` loop.
    Loop,
    /// A `for` loop around the closure that uses it: Rhai has all closures of the loop share it.
    Turn,
    /// A parameter.
    Parameter,
}

/// Where the walk is.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// In the text.
    pub position: Position,
    /// The named function around it.
    pub function: Option<&'a str>,
    /// Whether a closure is around it.
    pub in_closure: bool,
    /// Whether a `try` is around it, which may be there for just what fails here.
    pub in_try: bool,
    /// The variables in sight, innermost last.
    pub in_sight: &'a [(String, Binding)],
}

/// A variable that is read or written.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// Its name.
    pub name: &'a str,
    /// The modules before it, as in `lib::NAME`.
    pub namespace: &'a [String],
    /// What it is bound by, if it is bound in sight.
    pub binding: Option<Binding>,
    /// Whether a value is given to it.
    pub assigned: bool,
    /// The property of it that is read, if that is all that is done.
    pub property: Option<&'a str>,
    /// Where.
    pub spot: Spot<'a>,
}

/// A function that is called by its name.
#[derive(Clone, Copy, Debug)]
pub struct CallSite<'a> {
    /// Name, modules and arguments.
    pub call: &'a FnCallExpr,
    /// The modules before the name.
    pub namespace: &'a [String],
    /// Whether the name is that of a variable in sight.
    pub binding: Option<Binding>,
    /// Where.
    pub spot: Spot<'a>,
}

/// A module that is imported.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The literal name; `None` if it is computed.
    pub path: Option<&'a str>,
    /// What the script calls it; empty if nothing.
    pub alias: &'a str,
    /// Whether every run that comes so far imports it: it is not in a block or a function.
    pub at_top: bool,
    /// Where.
    pub spot: Spot<'a>,
}

/// What a walk finds. Every method does nothing unless it is given something to do.
pub trait Visitor {
    /// A variable is used.
    fn variable(&mut self, _: Use<'_>) {}
    /// A function is called by its name; operators are not.
    fn call(&mut self, _: CallSite<'_>) {}
    /// A method is called.
    fn method(&mut self, _: &FnCallExpr, _: Position) {}
    /// A module is imported.
    fn import(&mut self, _: Import<'_>) {}
    /// A variable is made part of the module that the text is.
    fn export(&mut self, _name: &str) {}
    /// A closure is made; `captured` are the bindings of what it captures, in the order of its parameters.
    fn closure(&mut self, _name: &str, _captured: &[Option<Binding>]) {}
    /// A variable is bound at the top level of the text.
    fn global(&mut self, _name: &str, _: Binding) {}
    /// A variable is bound outside every function and closure.
    fn outside(&mut self, _name: &str, _: Binding) {}
}

/// Walks the whole tree: the statements, then each named function in the order of the text.
pub fn walk(ast: &AST, visitor: &mut dyn Visitor) {
    let functions: Vec<&Shared<ScriptFuncDef>> = ast.shared_lib().iter_script_fn_info().map(|(.., def)| def).collect();
    let closures =
        functions.iter().filter(|def| names::is_closure(&def.name)).map(|def| (def.name.as_str(), *def)).collect();
    let mut walk = Walk { closures, visitor, scope: Vec::new(), function: None, blocks: 0, around: 0, tries: 0 };
    walk.statements(ast.statements());
    let mut named: Vec<_> = functions.into_iter().filter(|def| !names::is_closure(&def.name)).collect();
    named.sort_by_key(|def| def.body.start_position());
    for def in named {
        walk.function = Some(def.name.to_string());
        walk.blocks = 1;
        walk.scope = def.params.iter().map(|name| (name.to_string(), Binding::Parameter)).collect();
        walk.statements(&body(def));
    }
}

/// The statements of a function. Rhai tells them only to those who walk over a tree, and does not say which
/// function it is in: so the walk is over a tree with this function alone.
fn body(def: &Shared<ScriptFuncDef>) -> Vec<Stmt> {
    let mut alone = Module::new();
    alone.set_script_fn(Shared::clone(def));
    let mut statements = Vec::new();
    AST::new([], alone).walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

/// What is done to a place.
#[derive(Clone, Copy)]
enum Done<'a> {
    /// Anything.
    Used,
    /// A value is given to it.
    Assigned,
    /// A property of it is read, and nothing else is done.
    Property(&'a str),
}

/// The methods and properties that look at a string and do not change it in its place.
const READING: [&str; 20] = [
    "bytes",
    "chars",
    "contains",
    "ends_with",
    "get",
    "index_of",
    "is_empty",
    "len",
    "lines",
    "split",
    "split_rev",
    "starts_with",
    "sub_string",
    "to_blob",
    "to_chars",
    "to_debug",
    "to_lower",
    "to_string",
    "to_upper",
    "trimmed",
];

/// Whether what is done first with a string only looks at it.
fn only_reads(done: &Expr) -> bool {
    let name = match done {
        Expr::MethodCall(call, _) => call.name.as_str(),
        Expr::Property(property, _) => property.2.as_str(),
        Expr::Dot(sides, ..) => return only_reads(&sides.lhs),
        _ => return false,
    };
    READING.contains(&name)
}

struct Walk<'a> {
    closures: HashMap<&'a str, &'a Shared<ScriptFuncDef>>,
    visitor: &'a mut dyn Visitor,
    scope: Vec<(String, Binding)>,
    function: Option<String>,
    /// How many blocks, closures and `try`s are around.
    blocks: usize,
    around: usize,
    tries: usize,
}

/// The place of a walk, as a macro: a method would borrow the visitor along with it.
macro_rules! spot {
    ($walk:expr, $position:expr) => {
        Spot {
            position: $position,
            function: $walk.function.as_deref(),
            in_closure: $walk.around > 0,
            in_try: $walk.tries > 0,
            in_sight: &$walk.scope,
        }
    };
}

impl Walk<'_> {
    fn binding(&self, name: &str) -> Option<Binding> {
        self.scope.iter().rev().find(|(known, _)| known == name).map(|(_, binding)| *binding)
    }

    fn bind(&mut self, name: &str, binding: Binding) {
        if self.blocks == 0 {
            self.visitor.global(name, binding);
        }
        if self.function.is_none() && self.around == 0 {
            self.visitor.outside(name, binding);
        }
        self.scope.push((name.to_string(), binding));
    }

    fn block(&mut self, block: &StmtBlock, bound: &[(&str, Binding)]) {
        let length = self.scope.len();
        self.blocks += 1;
        for (name, binding) in bound {
            self.bind(name, *binding);
        }
        self.statements(block.statements());
        self.blocks -= 1;
        self.scope.truncate(length);
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                self.block(&flow.body, &[]);
                self.block(&flow.branch, &[]);
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr);
                self.block(&flow.body, &[]);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                for case in &parts.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = &**parts;
                self.expression(&flow.expr);
                let mut bound: Vec<(&str, Binding)> = Vec::new();
                if let Some(counter) = counter {
                    bound.push((&counter.name, Binding::Loop));
                }
                bound.push((&variable.name, Binding::Loop));
                self.block(&flow.body, &bound);
            }
            Stmt::Var(parts, flags, _) => {
                let (variable, value, _) = &**parts;
                self.expression(value);
                let is_constant = flags.intersects(ASTFlags::CONSTANT);
                self.bind(&variable.name, if is_constant { Binding::Constant } else { Binding::Variable });
                if flags.intersects(ASTFlags::EXPORTED) {
                    self.visitor.export(&variable.name);
                }
            }
            Stmt::Assignment(parts) => {
                let (_, sides) = &**parts;
                self.expression(&sides.rhs);
                self.place(&sides.lhs, Done::Assigned);
            }
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block, &[]),
            Stmt::TryCatch(flow, _) => {
                self.tries += 1;
                self.block(&flow.body, &[]);
                self.tries -= 1;
                match &flow.expr {
                    Expr::Variable(variable, ..) => self.block(&flow.branch, &[(&variable.1, Binding::Caught)]),
                    _ => self.block(&flow.branch, &[]),
                }
            }
            Stmt::Expr(value) => self.expression(value),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => self.expression(value),
            Stmt::Import(parts, position) => {
                let (path, alias) = &**parts;
                self.expression(path);
                let literal = match path {
                    Expr::StringConstant(text, _) => Some(text.as_str()),
                    _ => None,
                };
                let at_top = self.blocks == 0;
                let spot = spot!(self, *position);
                self.visitor.import(Import { path: literal, alias: &alias.name, at_top, spot });
            }
            Stmt::Export(parts, _) => {
                let (name, alias) = &**parts;
                self.use_of(&name.name, &[], name.pos, Done::Used);
                self.visitor.export(if alias.name.is_empty() { &name.name } else { &alias.name });
            }
            // What a closure captures is used where the closure is made.
            _ => {}
        }
    }

    fn use_of(&mut self, name: &str, namespace: &[String], position: Position, done: Done<'_>) {
        let binding = if namespace.is_empty() { self.binding(name) } else { None };
        let assigned = matches!(done, Done::Assigned);
        let property = match done {
            Done::Property(property) => Some(property),
            Done::Used | Done::Assigned => None,
        };
        self.visitor.variable(Use { name, namespace, binding, assigned, property, spot: spot!(self, position) });
    }

    fn place(&mut self, place: &Expr, done: Done<'_>) {
        match place {
            Expr::Variable(parts, _, position) => {
                let namespace = path_of(&parts.2);
                self.use_of(&parts.1, &namespace, *position, done);
            }
            Expr::Dot(sides, ..) | Expr::Index(sides, ..) => {
                let part = match (&sides.rhs, done) {
                    (Expr::Property(property, _), Done::Used) => Done::Property(property.2.as_str()),
                    (Expr::Dot(further, ..), Done::Used) => match (&further.lhs, &further.rhs) {
                        (Expr::Property(property, _), method) if only_reads(method) => {
                            Done::Property(property.2.as_str())
                        }
                        _ => Done::Used,
                    },
                    _ => Done::Used,
                };
                self.place(&sides.lhs, part);
                self.expression(&sides.rhs);
            }
            other => self.expression(other),
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Variable(..) | Expr::Dot(..) | Expr::Index(..) => self.place(expression, Done::Used),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => parts.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Stmt(block) => self.block(block, &[]),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::MethodCall(call, position) => {
                self.visitor.method(call, *position);
                call.args.iter().for_each(|arg| self.expression(arg));
            }
            Expr::DynamicConstant(value, _) => {
                if let Some(pointer) = value.read_lock::<FnPtr>() {
                    self.closure(pointer.fn_name(), &[]);
                }
            }
            Expr::Custom(custom, _) => custom.inputs.iter().for_each(|input| self.expression(input)),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        if call.name == "curry"
            && let Some(Expr::DynamicConstant(value, _)) = call.args.first()
            && let Some(pointer) = value.read_lock::<FnPtr>()
        {
            let captured: Vec<Option<Binding>> = call.args[1..]
                .iter()
                .map(|arg| match arg {
                    Expr::Variable(parts, ..) => self.binding(&parts.1),
                    _ => None,
                })
                .collect();
            self.closure(pointer.fn_name(), &captured);
            return;
        }
        if !call.is_operator_call() {
            let namespace = path_of(&call.namespace);
            let binding = self.binding(&call.name);
            let spot = spot!(self, position);
            self.visitor.call(CallSite { call, namespace: &namespace, binding, spot });
        }
        call.args.iter().for_each(|arg| self.expression(arg));
    }

    /// The body of a closure, where it is made. Its first parameters are what it captures.
    fn closure(&mut self, name: &str, captured: &[Option<Binding>]) {
        self.visitor.closure(name, captured);
        let Some(def) = self.closures.get(name).map(|def| Shared::clone(def)) else { return };
        let length = self.scope.len();
        self.blocks += 1;
        self.around += 1;
        for (index, parameter) in def.params.iter().enumerate() {
            match captured.get(index) {
                Some(Some(Binding::Loop)) => self.bind(parameter, Binding::Turn),
                Some(Some(binding)) => self.bind(parameter, *binding),
                // Captured, and bound nowhere: what uses it is told so.
                Some(None) => {}
                None => self.bind(parameter, Binding::Parameter),
            }
        }
        self.statements(&body(&def));
        self.around -= 1;
        self.blocks -= 1;
        self.scope.truncate(length);
    }
}

/// The parts of the path before a name.
pub(super) fn path_of(namespace: &rhai::Namespace) -> Vec<String> {
    if namespace.is_empty() { Vec::new() } else { namespace.to_string().split("::").map(str::to_string).collect() }
}

/// What is bound at the top level of a text.
#[must_use]
pub fn globals(ast: &AST) -> Vec<(String, Binding)> {
    struct Globals(Vec<(String, Binding)>);
    impl Visitor for Globals {
        fn global(&mut self, name: &str, binding: Binding) {
            self.0.push((name.to_string(), binding));
        }
    }
    let mut globals = Globals(Vec::new());
    walk(ast, &mut globals);
    globals.0
}

/// What is bound outside every function and closure of a text, in whatever block.
#[must_use]
pub fn outside(ast: &AST) -> Vec<(String, Binding)> {
    struct Outside(Vec<(String, Binding)>);
    impl Visitor for Outside {
        fn outside(&mut self, name: &str, binding: Binding) {
            self.0.push((name.to_string(), binding));
        }
    }
    let mut outside = Outside(Vec::new());
    walk(ast, &mut outside);
    outside.0
}

/// How many values the closure of that name captures, if the text makes it.
#[must_use]
pub fn captured(ast: &AST, name: &str) -> Option<usize> {
    struct Captured<'a>(&'a str, Option<usize>);
    impl Visitor for Captured<'_> {
        fn closure(&mut self, name: &str, captured: &[Option<Binding>]) {
            if name == self.0 {
                self.1 = Some(captured.len());
            }
        }
    }
    let mut captured = Captured(name, None);
    walk(ast, &mut captured);
    captured.1
}

/// Whether a text calls a variable as if it were a function.
#[must_use]
pub fn calls_variable(ast: &AST, name: &str) -> bool {
    struct Calls<'a>(&'a str, bool);
    impl Visitor for Calls<'_> {
        fn call(&mut self, site: CallSite<'_>) {
            self.1 |= site.binding.is_some() && site.namespace.is_empty() && site.call.name == self.0;
        }
    }
    let mut calls = Calls(name, false);
    walk(ast, &mut calls);
    calls.1
}

/// The names of the functions that a text defines.
#[must_use]
pub fn functions(ast: &AST) -> Vec<String> {
    ast.iter_functions().map(|f| f.name.to_string()).filter(|name| !names::is_closure(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> AST {
        let mut engine = rhai::Engine::new_raw();
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        engine.compile(text).expect("it is well formed")
    }

    /// Each variable that is used: its name, what binds it, and the function around it.
    fn uses(text: &str) -> Vec<String> {
        struct Uses(Vec<String>);
        impl Visitor for Uses {
            fn variable(&mut self, usage: Use<'_>) {
                let Use { name, binding, spot, .. } = usage;
                self.0.push(format!("{name} {binding:?} {}", spot.function.unwrap_or("-")));
            }
        }
        let mut uses = Uses(Vec::new());
        walk(&parse(text), &mut uses);
        uses.0
    }

    #[test]
    fn each_function_has_its_own_statements() {
        assert_eq!(uses("fn a(x) { x } fn b(y) { y }"), ["x Some(Parameter) a", "y Some(Parameter) b"]);
    }

    #[test]
    fn a_walk_through_closures_in_closures_ends() {
        assert_eq!(uses("let f = || (|| (|y| y));"), ["y Some(Parameter) -"]);
    }

    #[test]
    fn a_block_ends_what_it_binds() {
        assert_eq!(uses("{ let x = 1; x } x"), ["x Some(Variable) -", "x None -"]);
    }

    #[test]
    fn a_closure_sees_what_it_captures_and_a_function_does_not() {
        let text = "let x = 1; let f = || x; fn g() { x }";
        assert_eq!(uses(text), ["x Some(Variable) -", "x None g"]);
    }

    #[test]
    fn a_closure_knows_a_loop_around_it_from_one_within() {
        let text = "for i in 0..3 { i; f(|| i + g(|| i)); f(|| { for i in 0..3 { i } }); }";
        assert_eq!(uses(text), ["i Some(Loop) -", "i Some(Turn) -", "i Some(Turn) -", "i Some(Loop) -"]);
    }
}
