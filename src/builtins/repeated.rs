//! A function of the script that a builtin calls again and again.
//!
//! Rhai finds out with each call how many arguments the function takes, by calls that fail, and on the bytecode VM makes
//! another VM. Here both are done once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use rhai::grain::{SharedProgram, Vm};
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position};

use super::lexical::Lexical;
use super::{CallResult, names, standard};

/// The functions that were compiled for the VM, by their names.
#[derive(Default)]
pub struct Compiled {
    functions: RefCell<HashMap<String, Option<Function>>>,
    /// How often some were added.
    additions: Cell<u64>,
}

/// A compiled function, and how many parameters it has.
#[derive(Clone)]
struct Function {
    program: SharedProgram,
    params: usize,
}

impl Compiled {
    /// Adds those of a program, by name and number of parameters. Of functions with one name none is known.
    pub fn add<'a>(&self, program: &SharedProgram, functions: impl Iterator<Item = (&'a str, usize)>) {
        self.additions.set(self.additions.get() + 1);
        let mut known = self.functions.borrow_mut();
        for (name, params) in functions {
            let function = Function { program: program.clone(), params };
            known.entry(name.to_string()).and_modify(|known| *known = None).or_insert(Some(function));
        }
    }

    /// That of a function which is in sight in these surroundings, and takes so many arguments.
    fn in_sight(&self, surroundings: &GlobalRuntimeState, name: &str, args: usize) -> Option<SharedProgram> {
        let function = self.find(name).filter(|function| function.params == args)?;
        let is_in_sight = surroundings.lib.iter().any(|module| module.get_script_fn(name, args).is_some());
        is_in_sight.then_some(function.program)
    }

    fn find(&self, name: &str) -> Option<Function> {
        self.functions.borrow().get(name).cloned().flatten()
    }
}

/// Calls functions one after the other, as the clean-up does: those in the same surroundings have one VM.
pub struct Caller<'e> {
    engine: &'e Engine,
    /// That of the last call.
    vm: Option<Box<Vm<'e>>>,
    last: Option<Last>,
}

/// What was called last.
struct Last {
    surroundings: Rc<GlobalRuntimeState>,
    pointer: Rc<FnPtr>,
    args: usize,
    /// What the pointer means with so many arguments, when functions had been added so often.
    program: SharedProgram,
    additions: u64,
}

impl<'e> Caller<'e> {
    /// Calls nothing yet.
    pub fn new(engine: &'e Engine) -> Self {
        Self { engine, vm: None, last: None }
    }

    /// The interpreter.
    pub fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// Calls what a pointer means in these surroundings, as if from `at`.
    ///
    /// # Returns
    ///
    /// What it gives; `None` if it is no function that was compiled for the VM.
    pub fn call(
        &mut self,
        lexical: &Lexical,
        surroundings: &Rc<GlobalRuntimeState>,
        pointer: &Rc<FnPtr>,
        args: &[Dynamic],
        at: Position,
    ) -> Option<CallResult> {
        let name = pointer.fn_name();
        let program = self.find(lexical, surroundings, pointer, args.len())?;
        // Taken, so that a panic leaves none behind.
        let mut vm = self.vm.take().unwrap_or_else(|| {
            let mut global = GlobalRuntimeState::clone(surroundings);
            global.level = 0;
            Box::new(Vm::with_global_state(self.engine, global))
        });
        let result = vm.call_function(&program, name, args.iter().cloned().collect(), 0, at);
        self.vm = Some(vm);
        Some(result)
    }

    /// Finds what a pointer means, most often what it meant in the call before.
    fn find(
        &mut self,
        lexical: &Lexical,
        surroundings: &Rc<GlobalRuntimeState>,
        pointer: &Rc<FnPtr>,
        args: usize,
    ) -> Option<SharedProgram> {
        let additions = lexical.compiled.additions.get();
        let here = self.last.as_ref().filter(|last| Rc::ptr_eq(&last.surroundings, surroundings));
        let same =
            here.filter(|last| Rc::ptr_eq(&last.pointer, pointer) && last.args == args && last.additions == additions);
        if let Some(last) = same {
            return Some(last.program.clone());
        }
        let program = lexical.compiled.in_sight(surroundings, pointer.fn_name(), args)?;
        if here.is_none() {
            self.vm = None;
        }
        let (surroundings, pointer) = (Rc::clone(surroundings), Rc::clone(pointer));
        self.last = Some(Last { surroundings, pointer, args, program: program.clone(), additions });
        Some(program)
    }
}

/// A function that is called again and again.
pub struct Repeated<'a> {
    verb: &'static str,
    context: &'a NativeCallContext<'a>,
    function: &'a FnPtr,
    /// How many arguments it takes besides those that it holds; `None` where there are several such functions, or none.
    takes: Option<usize>,
    vm: Option<(Vm<'a>, SharedProgram)>,
}

impl<'a> Repeated<'a> {
    /// Finds what a pointer means.
    pub fn new(verb: &'static str, lexical: &Lexical, context: &'a NativeCallContext<'a>, function: &'a FnPtr) -> Self {
        let name = function.fn_name();
        let is_in_sight =
            |params: usize| context.iter_namespaces().any(|module| module.get_script_fn(name, params).is_some());
        // Without a name of its own nothing else can be meant.
        let is_unlike_others =
            || names::is_closure(name) || (standard::counts(name).is_none() && names::find(name).is_none());
        let held = function.curry().len();
        let compiled =
            lexical.compiled.find(name).filter(|compiled| is_unlike_others() && is_in_sight(compiled.params));
        let vm = compiled.as_ref().map(|compiled| {
            (Vm::with_global_state(context.engine(), context.global_runtime_state().clone()), compiled.program.clone())
        });
        let params = compiled.map(|compiled| compiled.params).or_else(|| {
            let mut found = (held..=held + MOST).filter(|params| is_in_sight(*params));
            found.next().filter(|_| found.next().is_none() && is_unlike_others())
        });
        Self { verb, context, function, takes: params.and_then(|params| params.checked_sub(held)), vm }
    }

    /// The interpreter.
    pub fn engine(&self) -> &Engine {
        self.context.engine()
    }

    /// Calls it with these arguments.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn call<const N: usize>(&mut self, args: [Dynamic; N]) -> CallResult {
        let position = self.context.call_position();
        match &mut self.vm {
            Some((vm, program)) if self.takes == Some(N) => {
                // The VM counts the call of the builtin twice, and the walker once.
                let level = self.context.global_runtime_state().level.saturating_sub(1);
                let args = self.function.iter_curry().cloned().chain(args).collect();
                vm.call_function(program, self.function.fn_name(), args, level, position)
            }
            _ => self.function.call_raw(self.context, None, args),
        }
    }

    /// Calls it for an element of an array, which is its `this`, or its first argument; it may take the index too.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn element(&mut self, item: &mut Dynamic, index: usize) -> CallResult {
        let result = match self.takes {
            Some(0) => self.function.call_raw(self.context, Some(item), []),
            Some(1) => self.call([item.clone()]),
            Some(2) => self.call([item.clone(), of_index(index)]),
            _ => {
                return self.function.call_raw_with_extra_args(
                    self.verb,
                    self.context,
                    Some(item),
                    [],
                    [of_index(index)],
                    Some(0),
                );
            }
        };
        result.map_err(|error| self.within(error))
    }

    /// Calls it for an element of an array, which is its `this`; it may take the index.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn visit(&mut self, item: &mut Dynamic, index: usize) -> CallResult {
        let result = match self.takes {
            Some(0) => self.function.call_raw(self.context, Some(item), []),
            Some(1) => self.function.call_raw(self.context, Some(item), [of_index(index)]),
            _ => {
                return self.function.call_raw_with_extra_args(
                    self.verb,
                    self.context,
                    Some(item),
                    [],
                    [of_index(index)],
                    None,
                );
            }
        };
        result.map_err(|error| self.within(error))
    }

    /// Calls it with what has come of the elements before this one.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn fold(&mut self, result: Dynamic, item: &mut Dynamic, index: usize) -> CallResult {
        let result = match self.takes {
            Some(1) => self.function.call_raw(self.context, Some(item), [result]),
            Some(2) => self.call([result, item.clone()]),
            Some(3) => self.call([result, item.clone(), of_index(index)]),
            _ => {
                return self.function.call_raw_with_extra_args(
                    self.verb,
                    self.context,
                    Some(item),
                    [result],
                    [of_index(index)],
                    Some(1),
                );
            }
        };
        result.map_err(|error| self.within(error))
    }

    /// The call of the builtin is one of those on the way, as Rhai has it.
    fn within(&self, error: Box<EvalAltResult>) -> Box<EvalAltResult> {
        let source = self.context.call_source().unwrap_or_default().to_string();
        EvalAltResult::ErrorInFunctionCall(self.verb.into(), source, error, Position::NONE).into()
    }
}

/// No builtin gives a function more.
const MOST: usize = 3;

fn of_index(index: usize) -> Dynamic {
    i64::try_from(index).unwrap_or(i64::MAX).into()
}
