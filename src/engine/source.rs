//! The texts of a run: where each comes from, what it says, how reports name it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, Position};

use super::tokens::{Open, Tokens};
use crate::builtins::spelling::harmless;
use crate::host::reason;

/// The name of the text given by `-e`.
pub const ARGUMENT: &str = "-e";

/// The name of the text read from standard input.
pub const STDIN: &str = "stdin";

/// The engine counts lines and columns no further than this.
pub const LAST_LINE: usize = u16::MAX as usize;

/// Why a text cannot be had.
#[derive(Debug)]
pub enum SourceError {
    /// There is no such file.
    Missing(PathBuf),
    /// It is a directory.
    Directory(PathBuf),
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is not UTF-8; the number of the first line that is not.
    NotUtf8(String, usize),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "cannot read `{}`: no such file", harmless(&path.to_string_lossy())),
            Self::Directory(path) => {
                write!(f, "cannot read `{}`: it is a directory", harmless(&path.to_string_lossy()))
            }
            Self::Unreadable(path, error) => write!(f, "cannot read `{}`: {}", path.display(), reason(error)),
            Self::NotUtf8(name, line) => write!(f, "cannot read `{name}`: line {line} is not UTF-8"),
        }
    }
}

impl std::error::Error for SourceError {}

/// The text of a script as the parser takes it.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// What the engine calls it: the canonical path of a file.
    pub name: String,
    /// The text: without BOM, its `#!` line a comment.
    pub text: Arc<str>,
}

impl SourceText {
    /// The text of a file.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing(path.into()),
            io::ErrorKind::IsADirectory => SourceError::Directory(path.into()),
            _ => SourceError::Unreadable(path.into(), error),
        };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        // A pipe, as of `<(…)`, has no canonical path.
        let canonical = path.canonicalize().unwrap_or_else(|_| path.into());
        Self::new(canonical.to_string_lossy().into_owned(), bytes).map_err(|error| match error {
            SourceError::NotUtf8(_, line) => SourceError::NotUtf8(path.display().to_string(), line),
            other => other,
        })
    }

    /// A text that is not a file's.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotUtf8`].
    pub fn new(name: String, bytes: Vec<u8>) -> Result<Self, SourceError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            // Counted once for an error; a crate for it would cost more than it saves.
            #[allow(clippy::naive_bytecount)]
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            SourceError::NotUtf8(name.clone(), line)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // As long as it was, so that columns stay true.
        let text = match text.strip_prefix("#!") {
            Some(rest) => format!("//{rest}"),
            None => text.to_string(),
        };
        Ok(Self { name, text: text.into() })
    }
}

/// Where a comment begins that nothing closes: the engine takes all that follows for a part of it, silently.
#[must_use]
pub fn unclosed_comment(text: &str) -> Option<Position> {
    if !text.contains("/*") {
        return None;
    }
    let mut tokens = Tokens::new(text);
    tokens.by_ref().for_each(drop);
    let (Open::Comment, start) = tokens.open()? else { return None };
    let before = &text[..start];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    Some(Position::new(count(line), count(column)))
}

/// The sentence about it.
pub const UNCLOSED_COMMENT: &str = "the comment that begins here is not closed";

/// Every text that was loaded, by its name, and what the parser made of it.
#[derive(Clone, Debug)]
pub struct Sources {
    texts: Rc<RefCell<HashMap<String, Arc<str>>>>,
    trees: Rc<RefCell<HashMap<String, Rc<AST>>>>,
    /// The texts that have the functions whose names no other text has.
    homes: Rc<RefCell<HashMap<String, Rc<str>>>>,
    /// Reports name files relative to where the run began.
    start: Rc<Path>,
}

impl Sources {
    /// No text yet; reports name files relative to `start`.
    #[must_use]
    pub fn new(start: &Path) -> Self {
        Self { texts: Rc::default(), trees: Rc::default(), homes: Rc::default(), start: start.into() }
    }

    /// Remembers a text.
    pub fn add(&self, source: &SourceText) {
        self.texts.borrow_mut().insert(source.name.clone(), Arc::clone(&source.text));
    }

    /// Remembers what the parser made of a text: hints are found in it.
    pub fn add_tree(&self, name: &str, tree: &Rc<AST>) {
        self.trees.borrow_mut().insert(name.to_string(), Rc::clone(tree));
    }

    /// Remembers which text has these functions.
    pub fn add_functions(&self, name: &str, functions: impl Iterator<Item = String>) {
        let name: Rc<str> = name.into();
        self.homes.borrow_mut().extend(functions.map(|function| (function, Rc::clone(&name))));
    }

    /// The text that has the function, if no other has one of its name: where it is called, the engine may take it
    /// for one of the text that calls.
    #[must_use]
    pub fn home(&self, function: &str) -> Option<Rc<str>> {
        self.homes.borrow().get(function).cloned()
    }

    /// What the parser made of the text of that name.
    #[must_use]
    pub fn tree(&self, name: &str) -> Option<Rc<AST>> {
        self.trees.borrow().get(name).cloned()
    }

    /// Whether a text has a function of that name.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.trees.borrow().values().any(|tree| tree.iter_functions().any(|function| function.name == name))
    }

    /// The text that has a function where the engine says that it is in `said`: of one of a module within a module the VM
    /// names the outer. What several texts have is left as it is said.
    #[must_use]
    pub fn text_of_function(&self, function: &str, said: &str) -> String {
        let trees = self.trees.borrow();
        let has_it = |tree: &AST| tree.iter_functions().any(|known| known.name == function);
        if trees.get(said).is_some_and(|tree| has_it(tree)) {
            return said.into();
        }
        let mut having = trees.iter().filter(|(_, tree)| has_it(tree)).map(|(name, _)| name);
        match (having.next(), having.next()) {
            (Some(only), None) => only.clone(),
            _ => said.into(),
        }
    }

    /// Where the run began: what has no file imports relative to it.
    #[must_use]
    pub fn start(&self) -> &Path {
        &self.start
    }

    /// The text of that name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Arc<str>> {
        self.texts.borrow().get(name).cloned()
    }

    /// A line of a text, counted from 1; `None` from [`LAST_LINE`] on, which stands for all that follow.
    #[must_use]
    pub fn line(&self, name: &str, number: usize) -> Option<String> {
        if number >= LAST_LINE {
            return None;
        }
        self.text(name)?.lines().nth(number.checked_sub(1)?).map(str::to_string)
    }

    /// What reports call the text.
    #[must_use]
    pub fn display(&self, name: &str) -> String {
        let path = Path::new(name);
        harmless(&path.strip_prefix(&self.start).unwrap_or(path).to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        SourceText::new("x".into(), bytes.to_vec()).map(|s| s.text.to_string()).unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn a_shebang_becomes_a_comment_of_the_same_length() {
        assert_eq!(text(b"#!/usr/bin/env stagesh\nexit(3)"), "///usr/bin/env stagesh\nexit(3)");
    }

    #[test]
    fn a_comment_that_is_not_closed_is_found_and_no_other() {
        let find = |text: &str| unclosed_comment(text).map(|at| (at.line(), at.position()));
        assert_eq!(find("f();\n  /* a /* b */\ng();"), Some((Some(2), Some(3))));
        assert_eq!(find("/* all"), Some((Some(1), Some(1))));
        for closed in [
            "f(); /* a /* b */ */",
            "f(); // /*",
            "let a = \"/*\";",
            "/**/ f() /* */",
            "a /* b */ / c",
            "`${x}/*`; `a`",
        ] {
            assert_eq!(find(closed), None, "{closed}");
        }
    }

    #[test]
    fn a_bom_is_skipped() {
        assert_eq!(text(b"\xef\xbb\xbf#!x\n1"), "//x\n1");
    }

    #[test]
    fn the_line_that_is_not_utf_8_is_named() {
        assert_eq!(text(b"a\nb\n\xff"), "cannot read `x`: line 3 is not UTF-8");
    }
}
