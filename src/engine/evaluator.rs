//! What evaluates a script: Rhai's bytecode VM, or the walker of its syntax tree. What a script means is the same on both.

use std::collections::HashSet;
use std::rc::Rc;

use rhai::grain::{Compiler, SharedProgram, Vm};
use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, GlobalRuntimeState, Module, Scope, ScriptFuncDef, Shared, Stmt,
};

use crate::builtins::lexical::{Lexical, is_marked, of_caught, of_turn};
use crate::builtins::names;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evaluator {
    /// The VM. What it cannot take it gives to the walker itself, piece by piece.
    Vm,
    /// The walker.
    Ast,
}

type Evaluated<T> = Result<T, Box<EvalAltResult>>;

/// Runs the text of a script on the VM. The runtime state gets what the text has imported, and the functions that are left
/// to the walker.
pub(super) fn run(
    engine: &Engine,
    lexical: &Lexical,
    global: &mut GlobalRuntimeState,
    scope: &mut Scope<'_>,
    tree: &AST,
) -> Evaluated<Dynamic> {
    let walked = walked(tree);
    let program = if walked.is_empty() {
        compile(lexical, tree)
    } else {
        let is_walked = |name: &str| walked.contains(name);
        global.lib.push(tree.clone_functions_only_filtered(|_, _, _, name, _| is_walked(name)).shared_lib().clone());
        let mut rest = AST::clone(tree);
        rest.retain_functions(|_, _, name, _| !is_walked(name));
        compile(lexical, &rest)
    };
    let mut vm = Vm::with_global_state(engine, global.clone());
    let result = vm.eval_with_callbacks(scope, &program);
    *global = vm.into_global_state();
    result
}

fn compile(lexical: &Lexical, tree: &AST) -> SharedProgram {
    let program = Compiler::new().compile(tree).into_shared();
    // The VM leaves no trace of a function that it does not take.
    if program.num_functions() == tree.iter_functions().count() {
        lexical.compiled.add(&program, tree.iter_functions().map(|function| (function.name, function.params.len())));
    }
    program
}

/// Evaluates the text of a module.
pub(super) fn module(
    evaluator: Evaluator,
    engine: &Engine,
    lexical: &Lexical,
    global: &mut GlobalRuntimeState,
    tree: &Rc<AST>,
) -> Evaluated<Module> {
    match evaluator {
        Evaluator::Vm if walked(tree).is_empty() => {
            Module::eval_grain_as_new_raw(engine, &mut Scope::new(), global, compile(lexical, tree))
        }
        _ => Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, tree),
    }
}

/// The closures that the VM would misread. A closure around a loop in which others are made has a parameter for what they
/// capture of its turn, and around a `catch` one for what is caught (`builtins/lexical.rs`). It is the walker that asks what
/// such a name stands for; the VM takes the parameter.
fn walked(tree: &AST) -> HashSet<&str> {
    let closures = tree.shared_lib().iter_script_fn_info().filter(|(_, _, name, ..)| names::is_closure(name));
    closures.filter(|(.., def)| is_misread(def)).map(|(_, _, name, ..)| name).collect()
}

fn is_misread(def: &Shared<ScriptFuncDef>) -> bool {
    let is_param = |wanted: String| def.params.iter().any(|param| *param == wanted);
    if !def.params.iter().any(|param| is_marked(param)) {
        return false;
    }
    let mut alone = Module::new();
    alone.set_script_fn(Shared::clone(def));
    let mut found = false;
    AST::new([], alone).walk(&mut |path: &[ASTNode<'_>]| {
        found |= match path.last() {
            Some(ASTNode::Stmt(Stmt::For(parts, _))) => {
                is_param(of_turn(&parts.0.name))
                    || parts.1.as_ref().is_some_and(|counter| is_param(of_turn(&counter.name)))
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(flow, _))) => match &flow.expr {
                Expr::Variable(caught, ..) => is_param(of_caught(&caught.1)),
                _ => false,
            },
            _ => false,
        };
        !found
    });
    found
}
