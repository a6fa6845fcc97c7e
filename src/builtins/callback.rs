//! A handler: what it calls, with what, in which surroundings.
//!
//! A function pointer of Rhai is a name. What the name means depends on the functions, imports and
//! constants that are in sight where it is called, so these are kept from where the handler was registered.
//! Handlers that were registered in the same surroundings share them.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rhai::{Dynamic, Engine, FnPtr, GlobalRuntimeState, ImmutableString, Module, NativeCallContext, Position};

use super::command::Command;
use super::error::Error;
use super::{Host, Outcome, names};

/// An entry of the exit stack.
pub struct Entry {
    /// What is called.
    pub target: Target,
    /// What a report calls it, if the script gave it a name.
    pub name: Option<ImmutableString>,
    /// How long it may take, if the script said.
    pub timeout: Option<Duration>,
    /// Where it was registered.
    pub position: Position,
    surroundings: Rc<GlobalRuntimeState>,
    directory: Rc<Path>,
}

/// What a handler calls.
pub enum Target {
    /// A function or a closure, with arguments.
    Function(FnPtr, Box<[Dynamic]>),
    /// A command.
    Command(Command),
}

impl Entry {
    /// An entry for what is called where `context` is.
    #[must_use]
    pub fn new(host: &Host, context: &NativeCallContext<'_>, target: Target) -> Self {
        Self {
            target,
            name: None,
            timeout: None,
            position: context.call_position(),
            surroundings: surroundings(host, context),
            directory: host.directory(),
        }
    }

    /// What reports call it.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.name, &self.target) {
            (Some(name), _) => name.to_string(),
            (None, Target::Command(command)) => command.quoted(),
            (None, Target::Function(pointer, _)) if pointer.is_anonymous() => "closure".into(),
            (None, Target::Function(pointer, _)) => pointer.fn_name().into(),
        }
    }

    /// The file in which it was registered, as the engine names it.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.surroundings.source()
    }

    /// Calls it in its working directory and its surroundings.
    pub fn call(&self, host: &Host, engine: &Engine) -> Outcome {
        let before = host.directory();
        host.return_to(&self.directory);
        let result = match &self.target {
            Target::Function(pointer, args) => {
                let source = self.surroundings.source();
                let context = NativeCallContext::new_with_all_fields(
                    engine,
                    pointer.fn_name(),
                    source,
                    &self.surroundings,
                    self.position,
                );
                pointer.call_raw(&context, None, args.to_vec())
            }
            Target::Command(command) => super::command::run(host, command).map(|()| Dynamic::UNIT),
        };
        host.return_to(&before);
        result
    }
}

/// What is in sight where `context` is; the same as for the newest entry, if that is so.
fn surroundings(host: &Host, context: &NativeCallContext<'_>) -> Rc<GlobalRuntimeState> {
    let here = context.global_runtime_state();
    let newest = host.stack(|stack| stack.iter().next().map(|entry| Rc::clone(&entry.surroundings)));
    if let Some(there) = newest.filter(|there| same(there, here)) {
        return there;
    }
    let mut kept = here.clone();
    // A handler that was registered deep down begins at the surface.
    kept.level = 0;
    Rc::new(kept)
}

fn same(a: &GlobalRuntimeState, b: &GlobalRuntimeState) -> bool {
    let constants = match (&a.constants, &b.constants) {
        (Some(a), Some(b)) => Rc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    constants
        && a.source == b.source
        && a.lib.len() == b.lib.len()
        && a.lib.iter().zip(&b.lib).all(|(a, b)| Rc::ptr_eq(a, b))
        && a.num_imports() == b.num_imports()
        && a.iter_imports_raw().zip(b.iter_imports_raw()).all(|(a, b)| a.0 == b.0 && Rc::ptr_eq(a.1, b.1))
}

/// Refuses a function that does not exist, or that takes another number of arguments.
///
/// # Errors
///
/// [`Error::UnknownFunction`], [`Error::ArgumentCount`].
pub fn ensure_callable(
    verb: &'static str,
    context: &NativeCallContext<'_>,
    pointer: &FnPtr,
    args: usize,
) -> Result<(), Error> {
    let name = pointer.fn_name();
    let count = args + pointer.curry().len();
    let namespaces = || context.iter_namespaces();
    if namespaces().any(|module| module.get_script_fn(name, count).is_some()) {
        return Ok(());
    }
    let mut takes: Vec<usize> = namespaces().flat_map(|module| counts(module, name)).collect();
    if takes.is_empty() {
        if let Some(known) = names::find(name) {
            if (known.least..=known.most).contains(&count) {
                return Ok(());
            }
            takes.extend(known.least..=known.most);
        } else if super::standard::counts(name).is_none() {
            let known = namespaces().flat_map(script_functions).chain(names::GLOBAL.iter().map(|n| n.name));
            let nearest = names::nearest(name, known).map(str::to_string);
            return Err(Error::UnknownFunction { verb, name: name.into(), nearest });
        } else {
            // What Rhai's own functions take, they say themselves.
            return Ok(());
        }
    }
    takes.sort_unstable();
    takes.dedup();
    let captured = pointer.curry().len();
    let takes = takes.into_iter().map(|n| n.saturating_sub(captured)).collect();
    let name = if pointer.is_anonymous() { "closure".to_string() } else { name.to_string() };
    Err(Error::ArgumentCount { verb, name, takes, given: args })
}

fn counts<'a>(module: &'a Module, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    module.iter_script_fn_info().filter(move |(_, _, known, ..)| *known == name).map(|(_, _, _, count, _)| count)
}

fn script_functions(module: &Module) -> impl Iterator<Item = &str> {
    module.iter_script_fn_info().map(|(_, _, name, ..)| name)
}
