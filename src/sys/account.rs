//! The accounts of the system. Source: getpwnam(3), getpwuid(3).

use std::path::PathBuf;

use nix::unistd::{User, getuid};

/// The home directory of an account.
#[must_use]
pub fn home(name: &str) -> Option<PathBuf> {
    User::from_name(name).ok().flatten().map(|user| user.dir)
}

/// The home directory that the account of this process has, whatever `HOME` says.
#[must_use]
pub fn own_home() -> Option<PathBuf> {
    own().map(|user| user.dir)
}

/// The name of the account of this process.
#[must_use]
pub fn own_name() -> Option<String> {
    own().map(|user| user.name)
}

fn own() -> Option<User> {
    User::from_uid(getuid()).ok().flatten()
}
