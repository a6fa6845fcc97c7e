//! The environment of commands: a table of the host, because changing that of a process with threads is unsafe.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::rc::Rc;

/// Names and values.
#[derive(Debug)]
pub struct Environment {
    /// As it was when the host started.
    inherited: Vec<(OsString, OsString)>,
    /// What PATH was then: every command asks for it.
    path: Option<OsString>,
    /// What the script has made of it.
    changes: RefCell<BTreeMap<OsString, Option<OsString>>>,
}

/// Changes to an environment: a value, or none for a variable that is unset.
pub type Changes = Vec<(OsString, Option<OsString>)>;

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let (inherited, path) = (std::env::vars_os().collect(), std::env::var_os("PATH"));
        Self { inherited, path, changes: RefCell::default() }
    }

    /// The value of PATH in the environment with these changes.
    #[must_use]
    pub fn path(&self, changes: &Changes) -> Option<OsString> {
        let changed = changes.iter().rev().find(|(name, _)| name == "PATH");
        changed.map(|(_, value)| value).or(self.changes.borrow().get(OsStr::new("PATH"))).unwrap_or(&self.path).clone()
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &OsStr) -> Option<OsString> {
        if let Some(value) = self.changes.borrow().get(name) {
            return value.clone();
        }
        // Of several the first. Source: getenv(3).
        self.inherited.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Gives a variable a value, or none.
    pub(super) fn set(&self, name: OsString, value: Option<OsString>) {
        self.changes.borrow_mut().insert(name, value);
    }

    /// The value of a variable of which an empty one is as none.
    #[must_use]
    pub fn path_in(&self, name: &str) -> Option<PathBuf> {
        self.get(OsStr::new(name)).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// Where temporary files lie.
    #[must_use]
    pub fn temporary_place(&self) -> PathBuf {
        self.path_in("TMPDIR").unwrap_or_else(|| "/tmp".into())
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<_, _> = self.inherited.iter().rev().cloned().collect();
        for (name, value) in &*self.changes.borrow() {
            change(&mut all, name, value);
        }
        all
    }

    /// What a command with these changes of its own is given; `None` for what this process has, which it inherits.
    #[must_use]
    pub fn for_command(&self, changes: &Changes) -> Option<Rc<[(OsString, OsString)]>> {
        if changes.is_empty() && self.changes.borrow().is_empty() {
            return None;
        }
        let mut all = self.all();
        for (name, value) in changes {
            change(&mut all, name, value);
        }
        Some(all.into_iter().collect())
    }
}

fn change(all: &mut BTreeMap<OsString, OsString>, name: &OsStr, value: &Option<OsString>) {
    match value {
        Some(value) => all.insert(name.to_owned(), value.clone()),
        None => all.remove(name),
    };
}
