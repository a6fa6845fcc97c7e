//! A walk over a syntax tree that knows what each name stands for.

use std::collections::HashMap;

use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Position, ScriptFuncDef, Shared, Stmt, StmtBlock};

/// What a name was bound by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// `let` or `const`, a `catch`, the alias of an `import`.
    Variable,
    /// A `for` loop, whose closures share one variable.
    Loop,
    /// A parameter.
    Parameter,
}

/// A variable that is read or written.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// Its name.
    pub name: &'a str,
    /// The modules before it, as in `lib::NAME`.
    pub namespace: &'a [String],
    /// Where.
    pub position: Position,
    /// What it is bound by, if it is bound in sight.
    pub binding: Option<Binding>,
    /// The named function that the walk is in.
    pub function: Option<&'a str>,
    /// Whether a value is given to it.
    pub assigned: bool,
}

/// A function that is called by its name.
#[derive(Clone, Copy, Debug)]
pub struct CallSite<'a> {
    /// Name, modules and arguments.
    pub call: &'a FnCallExpr,
    /// The modules before the name.
    pub namespace: &'a [String],
    /// Where.
    pub position: Position,
    /// Whether the name is that of a variable in sight.
    pub binding: Option<Binding>,
    /// The named function that the walk is in.
    pub function: Option<&'a str>,
}

/// What a walk finds. Every method does nothing unless it is given something to do.
pub trait Visitor {
    /// A variable is used.
    fn variable(&mut self, _: Use<'_>) {}
    /// A function is called by its name; operators are not.
    fn call(&mut self, _: CallSite<'_>) {}
    /// A module is imported, by a literal name if it has one.
    fn import(&mut self, _path: Option<&str>, _alias: &str, _: Position) {}
    /// A closure is made; `captured` are the bindings of what it captures, in the order of its parameters.
    fn closure(&mut self, _name: &str, _captured: &[Option<Binding>]) {}
    /// A variable is bound at the top level of the script.
    fn global(&mut self, _name: &str) {}
}

/// Walks the whole tree: the statements, then each named function in the order of the text.
pub fn walk(ast: &AST, visitor: &mut dyn Visitor) {
    let functions: Vec<&Shared<ScriptFuncDef>> = ast.shared_lib().iter_script_fn_info().map(|(.., def)| def).collect();
    let closures = functions.iter().filter(|def| is_closure(&def.name)).map(|def| (def.name.as_str(), *def)).collect();
    let mut walk = Walk { ast, closures, visitor, scope: Vec::new(), function: None, depth: 0 };
    walk.statements(ast.statements());
    let mut named: Vec<_> = functions.into_iter().filter(|def| !is_closure(&def.name)).collect();
    named.sort_by_key(|def| def.body.start_position());
    for def in named {
        walk.function = Some(def.name.to_string());
        walk.depth = 1;
        walk.scope = def.params.iter().map(|name| (name.to_string(), Binding::Parameter)).collect();
        walk.statements(&body(ast, def));
    }
}

/// Whether a function's name is one that the parser gives to closures.
#[must_use]
pub fn is_closure(name: &str) -> bool {
    name.starts_with("anon$")
}

/// The statements of a function. Rhai tells them only to those who walk over a tree, and does not say which
/// function it is in: so the walk is over a tree with this function alone.
fn body(ast: &AST, def: &ScriptFuncDef) -> Vec<Stmt> {
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, name, count| name == def.name.as_str() && count == def.params.len());
    let mut statements = Vec::new();
    alone.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

struct Walk<'a> {
    ast: &'a AST,
    closures: HashMap<&'a str, &'a Shared<ScriptFuncDef>>,
    visitor: &'a mut dyn Visitor,
    scope: Vec<(String, Binding)>,
    function: Option<String>,
    depth: usize,
}

impl Walk<'_> {
    fn binding(&self, name: &str) -> Option<Binding> {
        self.scope.iter().rev().find(|(known, _)| known == name).map(|(_, binding)| *binding)
    }

    fn bind(&mut self, name: &str, binding: Binding) {
        if self.depth == 0 {
            self.visitor.global(name);
        }
        self.scope.push((name.to_string(), binding));
    }

    fn block(&mut self, block: &StmtBlock, bound: &[(&str, Binding)]) {
        let length = self.scope.len();
        self.depth += 1;
        for (name, binding) in bound {
            self.bind(name, *binding);
        }
        self.statements(block.statements());
        self.depth -= 1;
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
            Stmt::Var(parts, ..) => {
                let (variable, value, _) = &**parts;
                self.expression(value);
                self.bind(&variable.name, Binding::Variable);
            }
            Stmt::Assignment(parts) => {
                let (_, sides) = &**parts;
                self.expression(&sides.rhs);
                self.place(&sides.lhs, true);
            }
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block, &[]),
            Stmt::TryCatch(flow, _) => {
                self.block(&flow.body, &[]);
                match &flow.expr {
                    Expr::Variable(variable, ..) => self.block(&flow.branch, &[(&variable.1, Binding::Variable)]),
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
                self.visitor.import(literal, &alias.name, *position);
            }
            Stmt::Export(parts, _) => {
                let (name, _) = &**parts;
                self.use_of(&name.name, &[], name.pos, false);
            }
            // What a closure captures is used where the closure is made.
            _ => {}
        }
    }

    fn use_of(&mut self, name: &str, namespace: &[String], position: Position, assigned: bool) {
        let binding = if namespace.is_empty() { self.binding(name) } else { None };
        let function = self.function.clone();
        self.visitor.variable(Use { name, namespace, position, binding, function: function.as_deref(), assigned });
    }

    fn place(&mut self, place: &Expr, assigned: bool) {
        match place {
            Expr::Variable(parts, _, position) => {
                let namespace = path_of(&parts.2);
                self.use_of(&parts.1, &namespace, *position, assigned);
            }
            Expr::Dot(sides, ..) | Expr::Index(sides, ..) => {
                self.place(&sides.lhs, false);
                self.expression(&sides.rhs);
            }
            other => self.expression(other),
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Variable(..) | Expr::Dot(..) | Expr::Index(..) => self.place(expression, false),
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Map(parts, _) => parts.0.iter().for_each(|(_, value)| self.expression(value)),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Expr::Stmt(block) => self.block(block, &[]),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::MethodCall(call, _) => call.args.iter().for_each(|arg| self.expression(arg)),
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
            let function = self.function.clone();
            self.visitor.call(CallSite {
                call,
                namespace: &namespace,
                position,
                binding,
                function: function.as_deref(),
            });
        }
        call.args.iter().for_each(|arg| self.expression(arg));
    }

    /// The body of a closure, where it is made. Its first parameters are what it captures.
    fn closure(&mut self, name: &str, captured: &[Option<Binding>]) {
        self.visitor.closure(name, captured);
        let Some(def) = self.closures.get(name).map(|def| Shared::clone(def)) else { return };
        let length = self.scope.len();
        self.depth += 1;
        for (index, parameter) in def.params.iter().enumerate() {
            match captured.get(index) {
                Some(Some(binding)) => self.bind(parameter, *binding),
                // Captured, and bound nowhere: what uses it is told so.
                Some(None) => {}
                None => self.bind(parameter, Binding::Parameter),
            }
        }
        self.statements(&body(self.ast, &def));
        self.depth -= 1;
        self.scope.truncate(length);
    }
}

fn path_of(namespace: &rhai::Namespace) -> Vec<String> {
    if namespace.is_empty() { Vec::new() } else { namespace.to_string().split("::").map(str::to_string).collect() }
}

/// Which of the values that each closure captures are variables of a loop around it.
#[must_use]
pub fn loop_captures(ast: &AST) -> HashMap<String, Vec<usize>> {
    // Most scripts have no closure in a loop, and need no walk that follows names.
    let mut has_loop = false;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        has_loop = has_loop || matches!(path.last(), Some(ASTNode::Stmt(Stmt::For(..))));
        !has_loop
    });
    if !has_loop {
        return HashMap::new();
    }
    #[derive(Default)]
    struct Loops(HashMap<String, Vec<usize>>);
    impl Visitor for Loops {
        fn closure(&mut self, name: &str, captured: &[Option<Binding>]) {
            let of_loops: Vec<usize> = captured
                .iter()
                .enumerate()
                .filter(|(_, binding)| **binding == Some(Binding::Loop))
                .map(|(index, _)| index)
                .collect();
            if !of_loops.is_empty() {
                self.0.insert(name.to_string(), of_loops);
            }
        }
    }
    let mut loops = Loops::default();
    walk(ast, &mut loops);
    loops.0
}

/// The names that are bound at the top level of a script.
#[must_use]
pub fn globals(ast: &AST) -> Vec<String> {
    struct Globals(Vec<String>);
    impl Visitor for Globals {
        fn global(&mut self, name: &str) {
            self.0.push(name.to_string());
        }
    }
    let mut globals = Globals(Vec::new());
    walk(ast, &mut globals);
    globals.0
}
