//! The accounts of the system, and its name. Source: passwd(5).

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
use super::getent;

/// What there is to know of an account.
struct Account {
    name: String,
    home: PathBuf,
}

/// The home directory of an account.
#[must_use]
pub fn home(name: &str) -> Option<PathBuf> {
    by_name(name).map(|account| account.home)
}

/// The home directory that the account of this process has, whatever `HOME` says.
#[must_use]
pub fn own_home() -> Option<PathBuf> {
    own().map(|account| account.home)
}

/// The name of the account of this process.
#[must_use]
pub fn own_name() -> Option<String> {
    own().map(|account| account.name)
}

/// The name of the machine. Source: gethostname(2).
///
/// # Errors
///
/// As gethostname(2).
pub fn hostname() -> io::Result<OsString> {
    Ok(nix::unistd::gethostname()?)
}

#[cfg(target_os = "linux")]
fn by_name(name: &str) -> Option<Account> {
    account(&getent::account(name, |line| field(line, 0) == Some(name))?)
}

#[cfg(target_os = "linux")]
fn own() -> Option<Account> {
    let number = nix::unistd::getuid().to_string();
    account(&getent::account(&number, |line| field(line, 2) == Some(number.as_str()))?)
}

#[cfg(target_os = "linux")]
fn field(line: &str, index: usize) -> Option<&str> {
    line.split(':').nth(index)
}

#[cfg(target_os = "linux")]
fn account(line: &str) -> Option<Account> {
    Some(Account { name: field(line, 0)?.to_string(), home: field(line, 5)?.into() })
}

#[cfg(not(target_os = "linux"))]
fn by_name(name: &str) -> Option<Account> {
    nix::unistd::User::from_name(name).ok().flatten().map(|user| Account { name: user.name, home: user.dir })
}

#[cfg(not(target_os = "linux"))]
fn own() -> Option<Account> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    user.map(|user| Account { name: user.name, home: user.dir })
}
