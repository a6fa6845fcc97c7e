//! The accounts of the system, and its name. Source: passwd(5).

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// What there is to know of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its home directory.
    pub home: PathBuf,
}

/// What an account is looked for by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// It is that of this process.
    Own,
    /// Its name.
    Name(String),
}

impl Key {
    /// The name, or the number. Source: getuid(2).
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Own => nix::unistd::getuid().to_string(),
            Self::Name(name) => name.clone(),
        }
    }

    /// The account, if it is among these lines.
    #[must_use]
    pub fn find(&self, lines: &str) -> Option<Account> {
        let (field, text) = (if *self == Self::Own { 2 } else { 0 }, self.text());
        let fields = lines.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = fields.into_iter().find(|fields| fields.get(field).is_some_and(|known| *known == text))?;
        Some(Account { name: found[0].to_string(), home: found.get(5)?.into() })
    }

    /// The account, if it is one of this machine: /etc/passwd has it.
    #[must_use]
    pub fn find_here(&self) -> Option<Account> {
        self.find(&String::from_utf8_lossy(&std::fs::read("/etc/passwd").ok()?))
    }

    /// The account, as the C library looks it up. It blocks. Source: getpwnam(3), getpwuid(3).
    #[must_use]
    pub fn look_up(&self) -> Option<Account> {
        let user = match self {
            Self::Own => nix::unistd::User::from_uid(nix::unistd::getuid()),
            Self::Name(name) => nix::unistd::User::from_name(name),
        };
        user.ok().flatten().map(|user| Account { name: user.name, home: user.dir })
    }
}

/// The name of the machine. Source: gethostname(2).
///
/// # Errors
///
/// As gethostname(2).
pub fn hostname() -> io::Result<OsString> {
    Ok(nix::unistd::gethostname()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_what_their_line_says() {
        let own = Key::Own.text();
        let lines = format!("a:x:{own}x:1:{own}:/a:/bin/sh\nb:x:{own}:1::/b:/bin/sh\nshort:x\n");
        let account = |name: &str, home: &str| Some(Account { name: name.into(), home: home.into() });
        assert_eq!(Key::Own.find(&lines), account("b", "/b"));
        assert_eq!(Key::Name("a".into()).find(&lines), account("a", "/a"));
        assert_eq!(Key::Name("short".into()).find(&lines), None);
        assert_eq!(Key::Name("x".into()).find(&lines), None);
    }
}
