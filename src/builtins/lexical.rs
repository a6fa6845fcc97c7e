//! Names as the text means them that has them.
//!
//! Rhai looks a name up where a call happens to run: a function of the script that is called from a module finds
//! the module's function of that name, what was looked up once is remembered for another module, a closure has
//! the name of any other that is spelt so at the same place, and all closures of a loop share its variable. So
//! texts are parsed with names that say more, token by token, and no place moves; [`names::as_written`] gives
//! the names back that the author knows. `engine/rename.rs` finds out which token gets which name.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use rhai::{
    Dynamic, Engine, EvalContext, FUNC_TO_DEBUG, FUNC_TO_STRING, FnPtr, GlobalRuntimeState, ImmutableString, Position,
    Token,
};

use super::callback;
use super::exit::Handler;
use super::locals::Locals;
use super::repeated::Compiled;
use super::{caught, names};

/// What a closure calls the variable of a loop around it, as it is in that turn. No script can write such a name.
const TURN: &str = "__turn:";

/// What the variable of a `catch` is called where its `message` or `kind` is read.
const CAUGHT: &str = "__caught:";

/// A text begins with this word, if nothing else tells what is in sight there.
pub const START: &str = "__start";

/// The last result of an interactive session: a word of `switch` elsewhere.
pub const RESULT: &str = "_";

/// Before the number of a line of an interactive session: its name as a text.
const LINE: &str = "input ";

/// The name of the text that is a line of an interactive session.
#[must_use]
pub fn of_line(number: usize) -> String {
    format!("{LINE}{number}")
}

/// The name in a closure for a loop's variable.
#[must_use]
pub fn of_turn(variable: &str) -> String {
    format!("{TURN}{variable}")
}

/// The name for the variable of a `catch` of which `message` or `kind` is read.
#[must_use]
pub fn of_caught(variable: &str) -> String {
    format!("{CAUGHT}{variable}")
}

/// Whether it is one of those two.
#[must_use]
pub fn is_marked(name: &str) -> bool {
    name.starts_with(TURN) || name.starts_with(CAUGHT)
}

/// Which tokens of a text get other names.
#[derive(Debug, Default)]
pub struct Renames {
    /// By place: the word that is there, and the one that is read.
    pub places: HashMap<Position, (String, String)>,
    /// By the name that follows `fn`.
    pub definitions: HashMap<String, String>,
}

/// What the hooks of the engine know.
#[derive(Default)]
pub struct Lexical {
    renames: RefCell<Renames>,
    is_active: Cell<bool>,
    /// Where a text has the last result.
    results: RefCell<HashSet<Position>>,
    after_fn: Cell<bool>,
    /// The closures of every text.
    closures: RefCell<HashSet<String>>,
    /// What was in sight at the start of each text that is being evaluated, outermost first: of modules, and of a script
    /// on the VM.
    starts: RefCell<Vec<Rc<GlobalRuntimeState>>>,
    /// What was in sight at the end of the script.
    end: RefCell<Option<Rc<GlobalRuntimeState>>>,
    /// What is in sight where functions and closures of modules were defined, by their names.
    homes: RefCell<HashMap<String, Rc<GlobalRuntimeState>>>,
    /// What is in sight where the functions and closures of a session are, as of now, and their names.
    session_home: RefCell<(Option<Rc<GlobalRuntimeState>>, HashSet<String>)>,
    /// How much each module imports, by its source.
    imports: RefCell<HashMap<String, usize>>,
    /// The sources of an interactive session: they are one text.
    session: RefCell<HashSet<String>>,
    /// What was compiled for the VM.
    pub compiled: Compiled,
    /// The variables of functions, for whoever asks after one has failed.
    pub locals: Locals,
}

impl Lexical {
    /// Has a text parsed with other names.
    pub fn with_renames<T>(&self, renames: Renames, parse: impl FnOnce() -> T) -> T {
        self.renames.replace(renames);
        self.is_active.set(true);
        self.after_fn.set(false);
        let result = parse();
        self.is_active.set(false);
        result
    }

    /// Has a text parsed in which `_` is the last result at these places.
    pub fn with_results<T>(&self, places: HashSet<Position>, parse: impl FnOnce() -> T) -> T {
        self.results.replace(places);
        let result = parse();
        self.results.take();
        result
    }

    /// Remembers the closures of a text.
    pub fn add_closures<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.closures.borrow_mut().extend(names.map(str::to_string));
    }

    /// Whether another text has a closure of one of these names.
    pub fn knows_closure<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        let known = self.closures.borrow();
        names.any(|name| known.contains(name))
    }

    /// How many texts are being evaluated.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.starts.borrow().len()
    }

    /// What was in sight at the start of the text that has been evaluated since the mark, if it came so far.
    pub fn take_start(&self, mark: usize) -> Option<Rc<GlobalRuntimeState>> {
        self.starts.borrow_mut().drain(mark..).next()
    }

    /// Remembers a text of an interactive session: the script before it, or a line.
    pub fn add_to_session(&self, source: &str) {
        self.session.borrow_mut().insert(source.to_string());
    }

    /// Whether it is a text of an interactive session.
    #[must_use]
    pub fn is_of_session(&self, source: Option<&str>) -> bool {
        source.is_some_and(|source| self.session.borrow().contains(source))
    }

    /// Whether names mean the same in both.
    #[must_use]
    pub fn is_same_text(&self, a: Option<&str>, b: Option<&str>) -> bool {
        a == b || (self.is_of_session(a) && self.is_of_session(b))
    }

    /// Remembers what is in sight at the end of the script.
    pub fn set_end(&self, mut global: GlobalRuntimeState) {
        global.level = 0;
        self.end.replace(Some(Rc::new(global)));
    }

    /// What a handler of the script sees in the end: what it saw when it was registered, and what the script has
    /// imported since.
    #[must_use]
    pub fn later(&self, registered: &GlobalRuntimeState) -> Option<Rc<GlobalRuntimeState>> {
        let end = self.end.borrow();
        let end = end.as_ref()?;
        if registered.num_imports() >= end.num_imports() {
            return None;
        }
        let is_same_session = self.is_of_session(registered.source()) && self.is_of_session(end.source());
        let is_same_text = registered.source == end.source && registered.lib.len() == end.lib.len();
        if !(is_same_text || is_same_session) {
            return None;
        }
        let same_lib = registered.lib.iter().zip(&end.lib).all(|(a, b)| Rc::ptr_eq(a, b));
        let mut both = registered.scan_imports_raw().zip(end.scan_imports_raw());
        let same_imports = both.all(|(a, b)| a.0 == b.0 && Rc::ptr_eq(a.1, b.1));
        if !same_lib || !same_imports {
            return None;
        }
        if is_same_text {
            return Some(Rc::clone(end));
        }
        // Functions stay as they were.
        let mut later = registered.clone();
        for (alias, module) in end.scan_imports_raw().skip(registered.num_imports()) {
            later.push_import(alias.clone(), Rc::clone(module));
        }
        Some(Rc::new(later))
    }

    /// Remembers what is in sight where functions of a module were defined: the engine does not find them from
    /// outside.
    pub fn add_homes(&self, functions: impl IntoIterator<Item = String>, home: &Rc<GlobalRuntimeState>) {
        self.homes.borrow_mut().extend(functions.into_iter().map(|name| (name, Rc::clone(home))));
    }

    /// Remembers the same of a session: from now on all its functions are there.
    ///
    /// Without a home they are there from the start of the text that is evaluated next.
    pub fn add_to_home(&self, functions: impl IntoIterator<Item = String>, home: Option<Rc<GlobalRuntimeState>>) {
        let mut session = self.session_home.borrow_mut();
        session.0 = home;
        session.1.extend(functions);
    }

    /// Remembers how much a module imports.
    pub fn add_imports(&self, module: &str, count: usize) {
        self.imports.borrow_mut().insert(module.to_string(), count);
    }

    /// How much a module imports, if it is one.
    #[must_use]
    pub fn imports_of(&self, module: &str) -> Option<usize> {
        self.imports.borrow().get(module).copied()
    }

    /// What is in sight where the function of that name was defined, if a module did it.
    #[must_use]
    pub fn home(&self, function: &str) -> Option<Rc<GlobalRuntimeState>> {
        let session = self.session_home.borrow();
        let of_session = || session.0.clone().or_else(|| self.starts.borrow().first().cloned());
        let of_session = session.1.contains(function).then(of_session).flatten();
        of_session.or_else(|| self.homes.borrow().get(function).cloned())
    }

    fn token(&self, token: Token, position: Position) -> Token {
        if token == Token::Underscore && self.results.borrow().contains(&position) {
            return Token::Identifier(Box::new(RESULT.into()));
        }
        if !self.is_active.get() {
            return token;
        }
        let after_fn = self.after_fn.replace(token == Token::Fn);
        let renames = self.renames.borrow();
        let new = |old: &str| match renames.places.get(&position) {
            Some((from, to)) if from == old => Some(to.clone()),
            _ if after_fn => renames.definitions.get(old).cloned(),
            _ => None,
        };
        match &token {
            Token::Identifier(old) => new(old).map_or(token, |name| Token::Identifier(Box::new(name.into()))),
            Token::StringConstant(old) => new(old).map_or(token, |name| Token::StringConstant(Box::new(name.into()))),
            _ => token,
        }
    }

    fn variable(&self, name: &str, context: &mut EvalContext<'_, '_, '_, '_, '_, '_>) -> Option<Dynamic> {
        if name == START && !context.scope().contains(START) {
            let global = context.global_runtime_state_mut();
            // From the start, so that functions see constants that come after them.
            global.constants.get_or_insert_default();
            let mut start = global.clone();
            start.level = 0;
            self.starts.borrow_mut().push(Rc::new(start));
            return Some(Dynamic::UNIT);
        }
        self.marked(name, TURN, context).or_else(|| self.marked(name, CAUGHT, context).map(caught::described))
    }

    /// The value of the variable that a marked name stands for; `None` where a closure has it by that name.
    fn marked(&self, name: &str, mark: &str, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Option<Dynamic> {
        let plain = name.strip_prefix(mark)?;
        // Newest first.
        for (known, _, value) in context.scope().iter_raw() {
            if known == name {
                return None;
            }
            if known == plain {
                return Some(value.flatten_clone());
            }
        }
        // The parser knows no marked name: a closure around the loop, or the `catch`, is taken to capture it. What
        // it gets there is never read.
        Some(Dynamic::UNIT)
    }
}

/// Teaches the engine to read the tokens, to find the variables, and to call what it does not find.
pub fn register(engine: &mut Engine, lexical: &Rc<Lexical>) {
    // None of these is deprecated, but all are said to be volatile: Rhai is pinned.
    let of_tokens = Rc::clone(lexical);
    #[allow(deprecated)]
    engine.on_parse_token(move |token, position, _| {
        let token = match token {
            Token::Reserved(word) if names::is_freed(&word) => Token::Identifier(word),
            token => token,
        };
        of_tokens.token(token, position)
    });
    let of_variables = Rc::clone(lexical);
    #[allow(deprecated)]
    engine.on_var(move |name, index, mut context| {
        of_variables.locals.note(&context);
        if name.starts_with("__")
            && let Some(value) = of_variables.variable(name, &mut context)
        {
            return Ok(Some(value));
        }
        // Found by the parser, or now: a variable hides a function.
        if index > 0 || context.scope().contains(name) {
            return Ok(None);
        }
        // In a session a function may be defined again, and its name means the newest.
        let is_final = !of_variables.is_of_session(context.global_runtime_state().source());
        names::value(name, is_final, &context)
    });
    let of_functions = Rc::clone(lexical);
    #[allow(deprecated)]
    engine.on_missing_function(move |name, args, is_method, mut context| {
        if let Some(builtin) = names::as_lent(name) {
            // What a handler can do, whatever functions the script has.
            if is_method && args.first().is_some_and(|object| object.is::<Handler>()) {
                return context.call_native_fn_raw(builtin, true, args).map(Some);
            }
            return context.call_fn_raw(builtin, is_method, is_method, args).map(Some);
        }
        if !names::may_have_home(name) {
            return Ok(None);
        }
        let Some(home) = of_functions.home(name) else { return Ok(None) };
        callback::call_at_home(&home, name, args, is_method, &context)
    });
    for (how, is_debug) in [(FUNC_TO_STRING, false), (FUNC_TO_DEBUG, true)] {
        engine.register_fn(how, move |pointer: &mut FnPtr| -> ImmutableString {
            let name = names::as_written(pointer.fn_name());
            let curried: Vec<String> = pointer.iter_curry().map(|value| format!(", {value:?}")).collect();
            if is_debug { format!("Fn({name}{})", curried.concat()).into() } else { format!("Fn({name})").into() }
        });
    }
    let plain_name = |pointer: &mut FnPtr| ImmutableString::from(names::as_written(pointer.fn_name()));
    engine.register_get("name", plain_name).register_fn("name", plain_name);
}
