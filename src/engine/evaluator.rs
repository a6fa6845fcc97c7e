//! What evaluates a script: Rhai's bytecode VM, or the walker of its syntax tree. A script
//! does the same on both, but for what `docs/pitfalls.md` names.

use std::collections::HashSet;
use std::rc::Rc;

use rhai::grain::{Compiler, SharedProgram, Vm};
use rhai::{AST, Dynamic, Engine, EvalAltResult, GlobalRuntimeState, Module, Scope};

use super::misread::Misread;
use crate::builtins::lexical::Lexical;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evaluator {
    /// The VM. What it cannot take it gives to the walker itself, piece by piece.
    Vm,
    /// The walker.
    Ast,
}

type Evaluated<T> = Result<T, Box<EvalAltResult>>;

/// Runs the text of a script on the VM. The runtime state gets what the text has imported, and the functions that the
/// walker takes.
pub(super) fn run(
    engine: &Engine,
    lexical: &Lexical,
    global: &mut GlobalRuntimeState,
    scope: &mut Scope<'_>,
    tree: &AST,
    walked: &HashSet<&str>,
) -> Evaluated<Dynamic> {
    let program = if walked.is_empty() {
        compile(lexical, tree)
    } else {
        let is_walked = |name: &str| walked.contains(name);
        let mut functions = tree.clone_functions_only_filtered(|_, _, _, name, _| is_walked(name));
        // They fail in this text.
        functions.set_source(tree.source().unwrap_or_default());
        global.lib.push(functions.shared_lib().clone());
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
        Evaluator::Vm if Misread::of(tree).is_empty() => {
            Module::eval_grain_as_new_raw(engine, &mut Scope::new(), global, compile(lexical, tree))
        }
        _ => Module::eval_ast_as_new_raw(engine, &mut Scope::new(), global, tree),
    }
}
