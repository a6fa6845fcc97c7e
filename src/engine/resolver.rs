//! Modules: found by path, loaded once each, named by their canonical paths.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rhai::{Engine, EvalAltResult, GlobalRuntimeState, Module, ModuleResolver, Position, Scope, Shared};

use super::evaluator::{self, Evaluator};
use super::rename::{Functions, Role, as_meant};
use super::source::{SourceError, SourceText, Sources};
use super::{failure, places};
use crate::builtins::error::Error;
use crate::builtins::{Host, names, unwind};

type Resolved = Result<Shared<Module>, Box<EvalAltResult>>;

/// Loads the modules of a run.
pub struct Resolver {
    host: Host,
    sources: Sources,
    evaluator: Evaluator,
    loaded: RefCell<HashMap<PathBuf, Shared<Module>>>,
    /// What is being loaded, outermost first: a module among them is imported in a circle.
    loading: RefCell<Vec<PathBuf>>,
    /// How many modules there are.
    count: Cell<usize>,
}

impl Resolver {
    /// Makes the engine load modules with a resolver that remembers the texts in `sources`.
    pub fn install(engine: &mut Engine, host: &Host, sources: &Sources, evaluator: Evaluator) {
        engine.set_module_resolver(Self {
            host: host.clone(),
            sources: sources.clone(),
            evaluator,
            loaded: RefCell::default(),
            loading: RefCell::default(),
            count: Cell::new(0),
        });
    }

    fn load(&self, engine: &Engine, global: &mut GlobalRuntimeState, path: &str, position: Position) -> Resolved {
        let importer = global.source.clone();
        let place = || match &importer {
            Some(importer) => places::of_import(position, importer, &self.sources),
            None => position,
        };
        let raise = |sentence: String| {
            let mut error: Box<EvalAltResult> = Error::Import(sentence).into();
            error.set_position(place());
            error
        };
        let file = locate(&self.sources, global.source(), path).map_err(raise)?;
        if let Some(module) = self.loaded.borrow().get(&file) {
            return Ok(Shared::clone(module));
        }
        if let Some(start) = self.loading.borrow().iter().position(|known| *known == file) {
            let circle: Vec<String> =
                self.loading.borrow()[start..].iter().map(|path| path.to_string_lossy().into_owned()).collect();
            return Err(raise(imports_itself(path, &circle, &self.sources)));
        }
        let source =
            SourceText::read(&file).map_err(|error: SourceError| raise(format!("cannot import `{path}`: {error}")))?;
        self.sources.add(&source);
        let in_module =
            |error: Box<EvalAltResult>| Box::new(EvalAltResult::ErrorInModule(source.name.clone(), error, place()));
        let mut parsed = engine.compile(&*source.text).map_err(|error| in_module(error.into()))?;
        parsed.set_source(source.name.clone());
        let (lexical, role) = (self.host.lexical(), Role::Module(self.count.get() + 1));
        if let Some((position, why)) = failure::refusal(&parsed, &source.text, role) {
            let mut error: Box<EvalAltResult> = Error::Import(why).into();
            error.set_position(position);
            return Err(in_module(error));
        }
        let parsed = Rc::new(parsed);
        self.sources.add_tree(&source.name, &parsed);
        self.count.set(self.count.get() + 1);
        let tree = as_meant(engine, lexical, &self.sources, &source, &parsed, role, &Functions::default())
            .map_err(|error| in_module(error.into()))?;
        self.loading.borrow_mut().push(file.clone());
        // Also where it is imported in a block: a constant of its top level is one.
        let depth = std::mem::take(&mut global.scope_level);
        let mark = lexical.mark();
        let module = unwind::or_panicked(|| evaluator::module(self.evaluator, engine, lexical, global, &tree));
        global.scope_level = depth;
        self.loading.borrow_mut().pop();
        let start = lexical.take_start(mark);
        let module = Shared::new(module.map_err(in_module)?);
        if let Some(start) = start {
            let mut home = Rc::unwrap_or_clone(start);
            for (alias, imported) in module.iter_sub_modules() {
                home.push_import(alias.to_string(), Shared::clone(imported));
            }
            lexical.add_imports(&source.name, module.iter_sub_modules().count());
            let functions = tree.iter_functions().map(|f| f.name.to_string());
            lexical.add_homes(functions.filter(|name| names::may_have_home(name)), &Rc::new(home));
        }
        self.loaded.borrow_mut().insert(file, Shared::clone(&module));
        Ok(module)
    }
}

/// The directory that imports of this text are relative to.
fn directory(sources: &Sources, importer: Option<&str>) -> PathBuf {
    importer
        .map(Path::new)
        .filter(|path| path.is_absolute())
        .and_then(Path::parent)
        .unwrap_or_else(|| sources.start())
        .to_path_buf()
}

/// The canonical path of the file that `import "path"` means in the text `importer`.
///
/// # Errors
///
/// The sentence that says where there is none.
pub(super) fn locate(sources: &Sources, importer: Option<&str>, path: &str) -> Result<PathBuf, String> {
    let directory = directory(sources, importer);
    let plain = directory.join(path);
    let mut suffixed = plain.clone().into_os_string();
    suffixed.push(".rhai");
    [PathBuf::from(suffixed), plain]
        .into_iter()
        .find(|candidate| candidate.is_file())
        .and_then(|candidate| candidate.canonicalize().ok())
        .ok_or_else(|| format!("cannot import `{path}`: there is no `{path}.rhai` in `{}`", directory.display()))
}

/// The sentence about modules that import each other: the first of the circle is what `path` means.
pub(super) fn imports_itself(path: &str, circle: &[String], sources: &Sources) -> String {
    let names: Vec<_> =
        circle.iter().chain(circle.first()).map(|name| format!("`{}`", sources.display(name))).collect();
    format!("cannot import `{path}`: it imports itself: {}", names.join(" → "))
}

impl ModuleResolver for Resolver {
    fn resolve(&self, engine: &Engine, source: Option<&str>, path: &str, position: Position) -> Resolved {
        let mut global = engine.new_global_runtime_state();
        global.source = source.map(Into::into);
        self.load(engine, &mut global, path, position)
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _: &mut Scope<'_>,
        path: &str,
        position: Position,
    ) -> Resolved {
        self.load(engine, global, path, position)
    }
}
