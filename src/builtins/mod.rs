//! Floor 2, what scripts can call. A builtin is a function on the host with typed arguments and a result,
//! and a line in its file that registers it.

pub mod args;
pub mod arrays;
pub mod asking;
pub mod background;
pub mod callback;
pub mod caught;
pub mod command;
pub mod env;
pub mod error;
pub mod exit;
pub mod fs;
pub mod glob;
pub mod identical;
pub mod input;
pub mod json;
pub mod lexical;
pub mod locals;
pub mod lock;
pub mod log;
pub mod names;
pub mod net;
pub mod option_entry;
pub mod option_form;
pub mod options;
pub mod output;
pub mod path;
pub mod process;
pub mod record;
pub mod repeated;
pub mod retry;
pub mod scope;
pub mod script_options;
pub mod sizes;
pub mod spelling;
pub mod stage;
pub mod standard;
pub mod temporary;
pub mod text;
pub mod time;
pub mod toml;
pub mod trap;
pub mod unindexed;
pub mod unwind;
pub mod vocabulary;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, Module, NativeCallContext, Position, RhaiFunc, Shared};

use callback::Entry;
use lexical::Lexical;
use vocabulary::Vocabulary;

use crate::host::outcome::Outcome;
use crate::sys::status::Status;

/// Why a handler failed.
#[derive(Clone, Copy)]
pub enum Why<'a> {
    /// It raised an error.
    Raised(&'a EvalAltResult),
    /// The user was impatient with it.
    Interrupted,
    /// Its time was up.
    TimedOut,
}

/// A handler that failed.
pub struct HandlerFailure<'a> {
    /// Why.
    pub why: Why<'a>,
    /// What reports call it.
    pub title: &'a str,
    /// The file in which it was registered, as the engine names it.
    pub source: Option<&'a str>,
    /// Where in that file.
    pub position: Position,
}

/// Tells the user of a handler that failed. The floors above know how.
pub type Report = Box<dyn Fn(&Host, &HandlerFailure<'_>)>;

/// Tells the user, and whoever reads the report, of a run that is over, and gives its status: a report that cannot be
/// written counts. The floors above know how.
pub type Conclude = Box<dyn Fn(&Host, &Outcome, Status) -> Status>;

/// The sentence for an error, as the user is told it. The floors above know how.
pub type Describe = Box<dyn Fn(&EvalAltResult) -> String>;

/// The host as the builtins know it: the state of the run, and what the floors above have told.
#[derive(Clone)]
pub struct Host {
    state: crate::host::Host<Entry>,
    told: Rc<Told>,
}

struct Told {
    describe: Describe,
    report: Report,
    conclude: Conclude,
    lexical: Rc<Lexical>,
}

impl Deref for Host {
    type Target = crate::host::State<Entry>;
    fn deref(&self) -> &Self::Target {
        &self.state
    }
}

impl Host {
    /// The host of a run, how to say an error, and how to tell of a handler that failed, and of the end.
    #[must_use]
    pub fn new(state: crate::host::Host<Entry>, describe: Describe, report: Report, conclude: Conclude) -> Self {
        Self { state, told: Rc::new(Told { describe, report, conclude, lexical: Rc::default() }) }
    }

    /// The sentence for an error, without its place.
    #[must_use]
    pub fn describe(&self, error: &EvalAltResult) -> String {
        (self.told.describe)(error)
    }

    /// Tells the user of a handler that failed.
    pub fn report(&self, failure: &HandlerFailure<'_>) {
        (self.told.report)(self, failure);
    }

    /// Tells of a run that has ended so, and gives its status.
    #[must_use]
    pub fn conclude(&self, outcome: &Outcome, status: Status) -> Status {
        (self.told.conclude)(self, outcome, status)
    }

    /// What names mean.
    #[must_use]
    pub fn lexical(&self) -> &Rc<Lexical> {
        &self.told.lexical
    }
}

/// The result of a builtin.
pub type CallResult = Result<Dynamic, Box<EvalAltResult>>;

/// Registers the builtins that are named.
pub fn register(engine: &mut Engine, host: &Host, vocabulary: &Vocabulary) {
    lexical::register(engine, host.lexical());
    if !vocabulary.is_plain() {
        caught::register(engine);
        arrays::register(engine, host.lexical(), vocabulary);
        sizes::register(engine);
        unindexed::register(engine);
        record::register(engine);
    }
    let mut registry = Registry { engine, host, vocabulary, modules: BTreeMap::new() };
    for (register, names) in FILES {
        if vocabulary.has_any(names) {
            register(&mut registry);
        }
    }
    registry.close();
}

type Register = fn(&mut Registry<'_>);

/// What registers the builtins of a file, and their names; a module stands for all of it. A file of which no text names
/// one is not even entered: its code would have to be loaded.
const FILES: &[(Register, &[&str])] = &[
    // A handler is what `start` and `fs::lock` leave, too.
    (exit::register, &["atexit", "unregister", "handlers", "exit", "exit_now", "start", "fs"]),
    (scope::register, &["scope", "outcome"]),
    (stage::register, &["stage"]),
    (trap::register, &["trap", "untrap", "trapped"]),
    (time::register, &["sleep", "time"]),
    (output::register, &["print", "debug", "eprint"]),
    (input::register, &["read_line", "read_all", "args", "script_path", "script_dir"]),
    (process::register, &["pid", "kill", "cd", "cwd"]),
    (command::register, &["run", "shell", "sh", "capture", "succeeds", "attempt", "quote", "which"]),
    // A process is what `fs::holder` gives, too.
    (background::register, &["start", "process", "wait_any", "wait_all", "fs"]),
    (path::register, &["path"]),
    (fs::register, &["fs"]),
    (temporary::register, &["fs"]),
    (lock::register, &["fs"]),
    (env::register, &["env"]),
    (json::register, &["json", "parse_json"]),
    (toml::register, &["toml"]),
    (net::register, &["net"]),
    (log::register, &["log"]),
    (retry::register, &["retry", "wait_until"]),
    (script_options::register, &["options"]),
    (asking::register, &["confirm", "prompt", "secret"]),
    (text::register, &["lines", "trimmed", "join"]),
];

/// What a builtin is given besides its arguments.
pub struct Call<'a> {
    /// The host.
    pub host: &'a Host,
    /// Where it was called, and the interpreter.
    pub context: &'a NativeCallContext<'a>,
}

impl Call<'_> {
    /// The interpreter.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.context.engine()
    }

    /// How many calls the caller is within.
    #[must_use]
    pub fn level(&self) -> usize {
        self.context.global_runtime_state().level
    }
}

/// Where builtins are registered.
pub struct Registry<'a> {
    /// The interpreter.
    pub engine: &'a mut Engine,
    /// The host that each gets.
    pub host: &'a Host,
    /// What the run has names for.
    pub vocabulary: &'a Vocabulary,
    modules: BTreeMap<&'static str, Module>,
}

impl Registry<'_> {
    /// Registers a builtin, if it is named, for each number of arguments that the table of names gives it. It takes any
    /// type and says itself what does not fit; after a stop it is not called.
    pub fn add(&mut self, name: &'static str, body: impl Fn(&Call<'_>, &[Dynamic]) -> CallResult + Clone + 'static) {
        if !self.vocabulary.has(name) {
            return;
        }
        let known = names::find(name).expect("every builtin is in the table of names");
        let of_any_type = |count| vec![TypeId::of::<Dynamic>(); count];
        let (Some(module), own) = known.parts() else {
            for count in known.least..=known.most {
                self.engine.register_raw_fn(name, of_any_type(count), native(self.host, body.clone()));
            }
            return;
        };
        let native = Shared::new(native(self.host, body));
        let module = self.modules.entry(module).or_default();
        module.set_var(own, names::pointer_to(known).expect("the name of a builtin is one of a function"));
        for count in known.least..=known.most {
            let in_module = Shared::clone(&native);
            let func = Shared::new(move |context: Option<NativeCallContext<'_>>, args: &mut [&mut Dynamic]| {
                let context = context.expect("it asks for its context");
                let position = context.call_position();
                in_module(context, args).map_err(|error| at(error, position))
            });
            let func = RhaiFunc::Method { func, has_context: true, is_pure: true, is_volatile: true };
            FuncRegistration::new(own).set_into_module_raw(module, of_any_type(count), func);
            // For pointers, which know nothing of modules.
            let global = Shared::clone(&native);
            self.engine.register_raw_fn(&*names::of_pointer(name), of_any_type(count), move |c, args| global(c, args));
        }
    }

    /// Registers a builtin for arguments of these types, where Rhai has one of that name of its own.
    pub fn add_for(
        &mut self,
        name: &str,
        types: &[TypeId],
        body: impl Fn(&Call<'_>, &[Dynamic]) -> CallResult + 'static,
    ) {
        if self.vocabulary.has(names::as_written(name)) {
            self.engine.register_raw_fn(name, types, native(self.host, body));
        }
    }

    /// Gives the engine the modules.
    fn close(self) {
        for (name, module) in self.modules {
            self.engine.register_static_module(name, module.into());
        }
    }
}

/// An error with the place of the call, which Rhai gives those of a function that is in no module.
fn at(mut error: Box<EvalAltResult>, position: Position) -> Box<EvalAltResult> {
    if error.position().is_none() {
        error.set_position(position);
    }
    error
}

/// A builtin as the engine calls it.
fn native(
    host: &Host,
    body: impl Fn(&Call<'_>, &[Dynamic]) -> CallResult + 'static,
) -> impl Fn(NativeCallContext<'_>, &mut [&mut Dynamic]) -> CallResult + 'static {
    let host = host.clone();
    move |context, args| {
        if host.may_not_act() {
            return Err(error::stopped());
        }
        // The first may be the script's own variable; the others are the call's own, and may be large.
        let values = args.iter_mut().enumerate();
        let args: Vec<Dynamic> = values
            .map(|(at, arg)| if at == 0 { arg.flatten_clone() } else { std::mem::take(&mut **arg).flatten() })
            .collect();
        body(&Call { host: &host, context: &context }, &args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_is_registered_by_a_file() {
        for known in names::GLOBAL {
            let word = known.parts().0.unwrap_or(known.name);
            assert!(FILES.iter().any(|(_, names)| names.contains(&word)), "{}", known.name);
        }
    }
}
