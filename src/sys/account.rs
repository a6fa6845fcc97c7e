//! The accounts of the system, and its name. Source: getpwnam(3), getpwuid(3).

use std::ffi::OsString;
use std::io;
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

/// The name of the machine. Source: gethostname(2).
///
/// # Errors
///
/// As gethostname(2).
pub fn hostname() -> io::Result<OsString> {
    Ok(nix::unistd::gethostname()?)
}

fn own() -> Option<User> {
    User::from_uid(getuid()).ok().flatten()
}
