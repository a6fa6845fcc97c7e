//! A handler: what it calls, with what, in which surroundings.
//!
//! A function pointer of Rhai is a name. What the name means depends on the functions, imports and
//! constants that are in sight where it is called, so these are kept from where the handler was registered.
//! Handlers that were registered in the same surroundings share them.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, EvalContext, FnPtr, GlobalRuntimeState, ImmutableString, Module,
    NativeCallContext, Position, ScriptFuncDef, Shared,
};

use super::command::Command;
use super::error::Error;
use super::identical::hold_the_same;
use super::repeated::Caller;
use super::spelling::harmless;
use super::{Call, CallResult, Host, fs, names, unwind};
use crate::host::background::Background;
use crate::host::directory::Place;
use crate::host::frames::{self, Named};
use crate::host::stages::Label;

/// An entry of the exit stack: what it calls, and what it shares with those that were registered beside it.
pub struct Entry {
    target: Target,
    /// Where it was registered.
    pub position: Position,
    /// How many of its arguments the function held already.
    held: u16,
    surroundings: Rc<Surroundings>,
    notes: Option<Box<Notes>>,
}

/// What a handler calls.
enum Target {
    /// A function or a closure that holds nothing, with all of its arguments.
    Function(Rc<FnPtr>, Box<[Dynamic]>),
    Other(Box<Other>),
}

enum Other {
    Command(Command),
    /// A process in the background is stopped.
    Process(Rc<Background>),
    /// What the verb has made is removed.
    Temporary(&'static str, PathBuf),
    /// Something of the host's own, and what reports call it.
    Own(String, OwnHandler),
}

type OwnHandler = Box<dyn Fn(&Host) -> CallResult>;

/// What was around when handlers were registered.
#[derive(Clone)]
struct Surroundings {
    /// What was in sight.
    global: Rc<GlobalRuntimeState>,
    /// What was in sight where the closure was made, if that was in a module and is not in sight above.
    home: Option<Rc<GlobalRuntimeState>>,
    stage: Option<Rc<Label>>,
    place: Rc<Place>,
}

/// What the script said of a handler.
#[derive(Default)]
struct Notes {
    name: Option<ImmutableString>,
    timeout: Option<Duration>,
}

impl Entry {
    /// An entry for a function with arguments, which are copied.
    ///
    /// # Errors
    ///
    /// The function does not exist, or takes another number of arguments.
    pub fn function(
        verb: &'static str,
        host: &Host,
        context: &NativeCallContext<'_>,
        pointer: FnPtr,
        args: &[Dynamic],
    ) -> Result<Self, Error> {
        let home = home_of(verb, host, context, &pointer, args.len())?;
        let held = u16::try_from(pointer.curry().len()).unwrap_or(u16::MAX);
        let args = pointer.iter_curry().chain(args).cloned().collect();
        let target = Target::Function(shared_pointer(host, pointer), args);
        Ok(Self { held, ..Self::new(host, context, target, home) })
    }

    /// Whether a variable that its function has captured is in use by a method that runs.
    #[must_use]
    pub fn holds_what_is_locked(&self) -> bool {
        matches!(&self.target, Target::Function(_, held) if held.iter().any(Dynamic::is_locked))
    }

    /// An entry for a command.
    #[must_use]
    pub fn command(host: &Host, context: &NativeCallContext<'_>, command: Command) -> Self {
        Self::other(host, context, Other::Command(command))
    }

    /// An entry that stops a process in the background.
    #[must_use]
    pub fn process(host: &Host, context: &NativeCallContext<'_>, process: Rc<Background>) -> Self {
        Self::other(host, context, Other::Process(process))
    }

    /// An entry that removes what a verb has made.
    #[must_use]
    pub fn temporary(call: &Call<'_>, verb: &'static str, path: PathBuf) -> Self {
        Self::other(call.host, call.context, Other::Temporary(verb, path))
    }

    /// An entry that does something of the host's own, and what reports call it.
    #[must_use]
    pub fn own(call: &Call<'_>, title: String, run: impl Fn(&Host) -> CallResult + 'static) -> Self {
        Self::other(call.host, call.context, Other::Own(title, Box::new(run)))
    }

    fn other(host: &Host, context: &NativeCallContext<'_>, other: Other) -> Self {
        Self::new(host, context, Target::Other(Box::new(other)), None)
    }

    fn new(host: &Host, context: &NativeCallContext<'_>, target: Target, home: Option<Rc<GlobalRuntimeState>>) -> Self {
        Self {
            target,
            position: context.call_position(),
            held: 0,
            surroundings: surroundings(host, context, home),
            notes: None,
        }
    }

    /// Calls it so in reports.
    pub fn set_name(&mut self, name: ImmutableString) {
        self.notes.get_or_insert_default().name = Some(name);
    }

    /// How long it may take, if the script said.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.notes.as_ref()?.timeout
    }

    /// Limits how long it may take.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.notes.get_or_insert_default().timeout = Some(timeout);
    }

    /// Whether it would do anything now: a temporary file may have been removed, or have got another name.
    #[must_use]
    pub fn has_something_to_do(&self) -> bool {
        match &self.target {
            Target::Other(other) => match &**other {
                Other::Temporary(_, path) => !fs::is_gone(path),
                _ => true,
            },
            Target::Function(..) => true,
        }
    }

    /// The stage in which it was registered.
    #[must_use]
    pub fn stage(&self) -> Option<&Rc<Label>> {
        self.surroundings.stage.as_ref()
    }

    /// What it is given by whoever registered it.
    #[must_use]
    pub fn arguments(&self) -> Array {
        match &self.target {
            Target::Function(_, args) => args.iter().skip(usize::from(self.held)).cloned().collect(),
            Target::Other(other) => match &**other {
                Other::Command(command) => command.words_as_values(),
                Other::Process(_) | Other::Temporary(..) | Other::Own(..) => Array::new(),
            },
        }
    }

    /// Whether it holds values of the script.
    #[must_use]
    pub fn is_function(&self) -> bool {
        matches!(self.target, Target::Function(..))
    }

    /// What reports call it: its stage and its name.
    #[must_use]
    pub fn title(&self) -> String {
        frames::title(self.stage().map(|stage| &**stage), self.name())
    }

    /// What has its name.
    #[must_use]
    pub fn named(&self) -> Rc<dyn Named> {
        match &self.target {
            Target::Function(pointer, _) if self.notes.as_ref().is_none_or(|notes| notes.name.is_none()) => {
                pointer.clone()
            }
            _ => Rc::new(self.name()),
        }
    }

    /// What reports call it within its stage.
    #[must_use]
    pub fn name(&self) -> String {
        // A report is a line, and no name moves the cursor.
        if let Some(name) = self.notes.as_ref().and_then(|notes| notes.name.as_ref()) {
            return harmless(name);
        }
        match &self.target {
            Target::Function(pointer, _) => title_of(pointer),
            Target::Other(other) => match &**other {
                Other::Command(command) => command.quoted(),
                Other::Process(process) => format!("stop `{}`", process.plan.title()),
                Other::Temporary(_, path) => format!("remove `{}`", path.display()),
                Other::Own(title, _) => title.clone(),
            },
        }
    }

    /// The file in which it was registered, as the engine names it.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.surroundings.global.source()
    }

    /// Whether it calls the function that the pointer means, or the closure with what that holds: no two functions have one
    /// name, but one has two where a name was computed.
    #[must_use]
    pub fn calls(&self, host: &Host, pointer: &FnPtr) -> bool {
        let Target::Function(own, args) = &self.target else { return false };
        if pointer.is_curried() && !hold_the_same(&args[..usize::from(self.held)], pointer.curry()) {
            return false;
        }
        let (own, other) = (own.fn_name(), pointer.fn_name());
        let is_of_this_text = |unique: &str| {
            let home = host.lexical().home(unique);
            home.is_some_and(|home| host.lexical().is_same_text(home.source(), self.source()))
        };
        own == other
            || (own == names::as_written(other) && is_of_this_text(other))
            || (other == names::as_written(own) && is_of_this_text(own))
    }

    /// Calls it in its working directory and its surroundings, with all the depth of calls that there is.
    pub fn call(&self, host: &Host, caller: &mut Caller<'_>) -> CallResult {
        host.visit(&self.surroundings.place, || unwind::or_panicked(|| self.call_here(host, caller)))
    }

    fn call_here(&self, host: &Host, caller: &mut Caller<'_>) -> CallResult {
        match &self.target {
            Target::Function(pointer, args) => {
                let own = self.surroundings.home.as_ref().unwrap_or(&self.surroundings.global);
                let later = host.lexical().later(own);
                let own = later.as_ref().unwrap_or(own);
                caller
                    .call(host.lexical(), own, pointer, args, self.position)
                    .unwrap_or_else(|| call_in(own, caller.engine(), pointer, args, self.position, 0))
            }
            Target::Other(other) => match &**other {
                Other::Command(command) => super::command::run(host, command).map(|()| Dynamic::UNIT),
                Other::Process(process) => super::background::stop_at_end(host, process),
                // Also if it is the home directory of what was run.
                Other::Temporary(verb, path) => fs::remove_whatever_it_is(verb, host, path).map(|()| Dynamic::UNIT),
                Other::Own(_, run) => run(host),
            },
        }
    }
}

/// The pointer without what it holds; that of the newest entry, if it is the same.
fn shared_pointer(host: &Host, mut pointer: FnPtr) -> Rc<FnPtr> {
    let newest = host.stack(|stack| match &stack.iter().next()?.target {
        Target::Function(newest, _) if newest.fn_name() == pointer.fn_name() => Some(Rc::clone(newest)),
        _ => None,
    });
    newest.unwrap_or_else(|| {
        pointer.set_curry([]);
        Rc::new(pointer)
    })
}

/// What is around `context`; shared with the newest entry, if it is the same there.
fn surroundings(
    host: &Host,
    context: &NativeCallContext<'_>,
    home: Option<Rc<GlobalRuntimeState>>,
) -> Rc<Surroundings> {
    let (stage, place) = (host.stage(), host.place());
    let here = context.global_runtime_state();
    let newest = host.stack(|stack| stack.iter().next().map(|entry| Rc::clone(&entry.surroundings)));
    let global = newest.as_ref().map(|newest| &newest.global).filter(|there| same(there, here)).cloned();
    let is_same = |newest: &&Rc<Surroundings>| {
        global.is_some()
            && Rc::ptr_eq(&newest.place, &place)
            && newest.stage.as_ref().map(Rc::as_ptr) == stage.as_ref().map(Rc::as_ptr)
            && newest.home.as_ref().map(Rc::as_ptr) == home.as_ref().map(Rc::as_ptr)
    };
    if let Some(newest) = newest.as_ref().filter(is_same) {
        return Rc::clone(newest);
    }
    let global = global.unwrap_or_else(|| {
        let mut kept = here.clone();
        // A handler that was registered deep down begins at the surface.
        kept.level = 0;
        Rc::new(kept)
    });
    Rc::new(Surroundings { global, home, stage, place })
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

/// Calls a function now, as a builtin that takes one does.
///
/// # Errors
///
/// The function does not exist or takes another number of arguments; what it raises.
pub fn call_now(verb: &'static str, call: &Call<'_>, pointer: &FnPtr, args: &[Dynamic]) -> CallResult {
    Callee::find(verb, call, pointer, args.len())?.call(call, args)
}

/// A function that a builtin calls now.
pub struct Callee<'a> {
    pointer: &'a FnPtr,
    home: Option<Rc<GlobalRuntimeState>>,
}

impl<'a> Callee<'a> {
    /// Finds what a pointer means.
    ///
    /// # Errors
    ///
    /// The function does not exist or takes another number of arguments.
    pub fn find(verb: &'static str, call: &Call<'_>, pointer: &'a FnPtr, args: usize) -> Result<Self, Error> {
        Ok(Self { pointer, home: home_of(verb, call.host, call.context, pointer, args)? })
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// What it raises.
    pub fn call(&self, call: &Call<'_>, args: &[Dynamic]) -> CallResult {
        match &self.home {
            Some(home) => call_in(home, call.engine(), self.pointer, args, call.context.call_position(), call.level()),
            None => self.pointer.call_raw(call.context, None, args.to_vec()),
        }
    }
}

/// The surroundings are kept as at the surface; a call from deeper down counts from there, or handlers that
/// run handlers would recurse without a limit.
fn call_in(
    surroundings: &GlobalRuntimeState,
    engine: &Engine,
    pointer: &FnPtr,
    args: &[Dynamic],
    at: Position,
    level: usize,
) -> CallResult {
    let mut deeper;
    let global = if level == 0 {
        surroundings
    } else {
        deeper = surroundings.clone();
        deeper.level = level;
        &deeper
    };
    let context = NativeCallContext::new_with_all_fields(engine, pointer.fn_name(), global.source(), global, at);
    pointer.call_raw(&context, None, args.to_vec())
}

/// Finds what a pointer means, and refuses a function that does not exist or that takes another number of
/// arguments.
///
/// # Returns
///
/// What is in sight where it was made, if that is another text than that of `context`.
///
/// # Errors
///
/// [`Error::UnknownFunction`], [`Error::ArgumentCount`].
fn home_of(
    verb: &'static str,
    host: &Host,
    context: &NativeCallContext<'_>,
    pointer: &FnPtr,
    args: usize,
) -> Result<Option<Rc<GlobalRuntimeState>>, Error> {
    let name = pointer.fn_name();
    let count = args + pointer.curry().len();
    let visible = |module: &Module| module.get_script_fn(name, count).is_some_and(|def| def.this_type.is_none());
    let home = host.lexical().home(name);
    let here = context.global_runtime_state();
    let is_foreign = home.as_ref().is_some_and(|home| !host.lexical().is_same_text(home.source(), here.source()));
    if !is_foreign && context.iter_namespaces().any(visible) {
        return Ok(None);
    }
    let home = home.map(|home| as_called(host, home, here, visible));
    if let Some(home) = home.as_ref().filter(|home| home.lib.iter().any(|module| visible(module))) {
        return Ok(Some(with_imports(host, home, here)));
    }
    let known = context.iter_namespaces().chain(home.iter().flat_map(|home| home.lib.iter().map(|module| &**module)));
    let mut takes: Vec<usize> = known.flat_map(|module| counts(module, name)).collect();
    if takes.is_empty() {
        takes.extend(names::counts(names::as_written(name)));
        if takes.contains(&count) {
            return Ok(None);
        }
        if takes.is_empty() {
            let known = context.iter_namespaces().flat_map(script_functions);
            let nearest = names::nearest(name, known.chain(names::GLOBAL.iter().map(|n| n.name))).map(str::to_string);
            return Err(Error::UnknownFunction { verb, name: title_of(pointer), nearest });
        }
    }
    takes.sort_unstable();
    takes.dedup();
    let takes = takes.into_iter().map(|n| n.saturating_sub(pointer.curry().len())).collect();
    Err(Error::ArgumentCount { verb, name: title_of(pointer), takes, given: args })
}

/// The home of a function of an interactive session is as it is now; a handler around the call of the text that runs `here`
/// has the functions of when it was registered.
fn as_called(
    host: &Host,
    home: Rc<GlobalRuntimeState>,
    here: &GlobalRuntimeState,
    visible: impl Fn(&Module) -> bool,
) -> Rc<GlobalRuntimeState> {
    let is_of_session = |module: &&Shared<Module>| host.lexical().is_of_session(module.id());
    if !host.lexical().is_of_session(home.source())
        || !here.lib.iter().filter(is_of_session).any(|module| visible(module))
    {
        return home;
    }
    let mut then = GlobalRuntimeState::clone(&home);
    then.lib = here.lib.iter().filter(is_of_session).cloned().collect();
    Rc::new(then)
}

/// What is in sight at home, and what was imported around the call of the text that runs `here`: a function of a
/// script may have imported what a closure in it uses.
fn with_imports(host: &Host, home: &Rc<GlobalRuntimeState>, here: &GlobalRuntimeState) -> Rc<GlobalRuntimeState> {
    let own = here.source().and_then(|source| host.lexical().imports_of(source)).unwrap_or(0);
    let around = here.num_imports().saturating_sub(own);
    if around == 0 {
        return Rc::clone(home);
    }
    let mut both = GlobalRuntimeState::clone(home);
    both.truncate_imports(0);
    for (alias, module) in here.scan_imports_raw().take(around).chain(home.scan_imports_raw()) {
        both.push_import(alias.clone(), Shared::clone(module));
    }
    Rc::new(both)
}

impl Named for FnPtr {
    fn name(&self) -> String {
        title_of(self)
    }
}

/// What reports call a function.
pub(super) fn title_of(pointer: &FnPtr) -> String {
    if pointer.is_anonymous() { "closure".into() } else { names::as_written(pointer.fn_name()).into() }
}

fn counts<'a>(module: &'a Module, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_known = move |known: &str, def: &ScriptFuncDef| known == name && def.this_type.is_none();
    module.iter_script_fn_info().filter(move |(_, _, known, _, def)| is_known(known, def)).map(|(.., count, _)| count)
}

fn script_functions(module: &Module) -> impl Iterator<Item = &str> {
    module.iter_script_fn_info().map(|(_, _, name, ..)| names::as_written(name))
}

/// Calls a function of a module from where it is not in sight.
///
/// # Returns
///
/// `None` if it takes another number of arguments.
///
/// # Errors
///
/// What it raises.
pub(super) fn call_at_home(
    home: &GlobalRuntimeState,
    name: &str,
    args: &mut [&mut Dynamic],
    is_method: bool,
    context: &EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Result<Option<Dynamic>, Box<EvalAltResult>> {
    let takes = |count: usize| home.lib.iter().rev().find_map(|module| module.get_script_fn(name, count));
    let this = usize::from(is_method);
    let (Some(def), Some(arguments)) = (takes(args.len().saturating_sub(this)), args.get(this..)) else {
        return Ok(None);
    };
    let (pointer, arguments) = (FnPtr::from(Shared::clone(def)), arguments.iter().map(|arg| (**arg).clone()).collect());
    let mut home = home.clone();
    home.level = context.call_level();
    let engine = context.engine();
    let inside = NativeCallContext::new_with_all_fields(engine, name, home.source(), &home, Position::NONE);
    let arguments: Vec<Dynamic> = arguments;
    pointer.call_raw(&inside, args.first_mut().filter(|_| is_method).map(|this| &mut **this), arguments).map(Some)
}
