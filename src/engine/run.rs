//! A run: load, unwind; `engine/session.rs` evaluates.

use std::rc::Rc;

use rhai::{AST, Dynamic, Engine};

use super::evaluator::Evaluator;
use super::failure::{self, Failure};
use super::rename::Role;
use super::resolver::Resolver;
use super::source::{SourceText, Sources};
use super::{library, limits};
use crate::builtins::vocabulary::Vocabulary;
use crate::builtins::{self, Host, unwind};
use crate::host::outcome::Outcome;
use crate::sys::memory;
use crate::sys::status::Status;

/// Of the hashes by which functions are found. To ask the system for a random one takes longer than to find them all.
const SEED: [u64; 4] = [1, 2, 3, 4];

/// The interpreter of a run.
pub struct Interpreter {
    engine: Engine,
    host: Host,
    sources: Sources,
    evaluator: Evaluator,
}

/// A script that is ready to run.
pub struct Loaded {
    pub(super) source: SourceText,
    /// As it was parsed.
    pub(super) ast: Rc<AST>,
}

impl Interpreter {
    /// An engine with everything that texts with this vocabulary can call, on a stack of [`limits::STACK`]. All its settings
    /// are here.
    #[must_use]
    pub fn new(host: Host, sources: Sources, evaluator: Evaluator, vocabulary: &Vocabulary) -> Self {
        // The hashes are of names in the script and of types. That its seed is set already says that another engine did it.
        let _ = rhai::config::hashing::set_hashing_seed(Some(SEED));
        // Without a cache of strings, which costs more than the copies that it saves, and hooks that print.
        let mut engine = Engine::new_raw();
        library::register_standard(&mut engine, vocabulary);
        limits::set(&mut engine);
        // The default deletes `try { import … } catch {}`, the full one calls functions while compiling.
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        Resolver::install(&mut engine, &host, &sources, evaluator);
        engine.on_progress(hook(&host));
        builtins::register(&mut engine, &host, vocabulary);
        Self { engine, host, sources, evaluator }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The texts.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What evaluates the script; what a person types is walked.
    #[must_use]
    pub fn evaluator(&self) -> Evaluator {
        if self.host.settings.interactive { Evaluator::Ast } else { self.evaluator }
    }

    /// Parses a script.
    ///
    /// # Errors
    ///
    /// Why it cannot start.
    pub fn load(&self, source: &SourceText) -> Result<Loaded, Failure> {
        let ast = self.parse(source, Role::Script)?;
        Ok(Loaded { source: source.clone(), ast })
    }

    pub(super) fn parse(&self, source: &SourceText, role: Role) -> Result<Rc<AST>, Failure> {
        self.sources.add(source);
        let mut ast = self
            .engine
            .compile(&*source.text)
            .map_err(|error| Failure::from_parse_error(&error, &source.name, &self.sources))?;
        ast.set_source(source.name.clone());
        if let Some((position, why)) = failure::refusal(&ast, &source.text, role) {
            return Err(Failure::at(&source.name, position, why));
        }
        let ast = Rc::new(ast);
        self.sources.add_tree(&source.name, &ast);
        Ok(ast)
    }

    /// Calls every handler, until none is left and no signal is pending.
    ///
    /// # Returns
    ///
    /// The status of the run.
    pub fn unwind(&self, outcome: &Outcome) -> Status {
        let bottom = self.host.begin_unwinding();
        // A reader that does not read is found out before a handler has to wait for it.
        let _ = self.host.flush();
        loop {
            unwind::run_down_to(&self.host, &self.engine, bottom, outcome);
            self.host.settle_background();
            if self.host.status(outcome) != Status::Code(0) {
                self.host.release_held();
            }
            if self.host.finish() {
                break;
            }
        }
        let status = self.host.status(outcome);
        if status != Status::Code(0) {
            // The end may have failed of what it has written.
            self.host.release_held();
            self.host.drain();
        }
        status
    }
}

/// What looks after each operation of a script whether it is to go on: not after a stop, not deeper than the stack, and not
/// with a value that is too long.
pub fn hook(host: &Host) -> impl Fn(u64) -> Option<Dynamic> + 'static {
    let (host, stack) = (host.clone(), limits::StackGuard::new());
    move |_| {
        let is_over = host.checkpoint() || stack.is_exhausted();
        if is_over { Some(Dynamic::UNIT) } else { memory::take_excess().then(|| unwind::TOO_LONG.into()) }
    }
}
