//! The environment of commands: a table of the host, because changing that of a process with threads is unsafe.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::rc::Rc;

use crate::sys::account;

/// Names and values.
#[derive(Debug)]
pub struct Environment {
    /// As it was when the host started.
    inherited: Vec<(OsString, OsString)>,
    /// What PATH was then.
    path: Option<OsString>,
}

/// Changes to an environment: a value, or none for a variable that is unset.
pub type Changes = Vec<(OsString, Option<OsString>)>;

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { inherited: std::env::vars_os().collect(), path: std::env::var_os("PATH") }
    }

    /// The value of PATH in the environment with these changes.
    #[must_use]
    pub fn path<'a>(&'a self, changes: &'a Changes) -> Option<&'a OsStr> {
        let changed = changes.iter().rev().find(|(name, _)| name == "PATH");
        changed.map_or(self.path.as_deref(), |(_, value)| value.as_deref())
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &OsStr) -> Option<&OsStr> {
        self.inherited.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// The home directory: what `HOME` says, or else the account.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let said = self.get(OsStr::new("HOME")).filter(|home| !home.is_empty());
        said.map(PathBuf::from).or_else(account::own_home)
    }

    /// All of it, with these changes.
    #[must_use]
    pub fn with(&self, changes: &Changes) -> Rc<[(OsString, OsString)]> {
        let mut all: BTreeMap<&OsStr, &OsStr> =
            self.inherited.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect();
        for (name, value) in changes {
            match value {
                Some(value) => all.insert(name, value),
                None => all.remove(name.as_os_str()),
            };
        }
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}
