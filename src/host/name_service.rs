//! Accounts and addresses, as the name services of the system look them up.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Instant;

use super::State;
use crate::sys::account::{Account, Key};
use crate::sys::getent::Question;

impl<H> State<H> {
    /// The home directory: what `HOME` says, or else the account; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`State::account`].
    pub fn home(&self) -> io::Result<Option<PathBuf>> {
        match self.environment.path_in("HOME") {
            Some(home) => Ok(Some(home)),
            None => Ok(self.account(Key::Own)?.map(|account| account.home)),
        }
    }

    /// An account; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Nobody could be asked; [`io::ErrorKind::Interrupted`] if what runs must stop.
    pub fn account(&self, key: Key) -> io::Result<Option<Account>> {
        if let Some(found) = key.find_here() {
            return Ok(Some(found));
        }
        if !cfg!(target_os = "linux") {
            let found = self.in_thread("lookup", None, move || key.look_up())?;
            return found.ok_or_else(|| io::ErrorKind::Interrupted.into());
        }
        Ok(key.find(&self.entries("passwd", &key.text(), None)?))
    }

    /// The addresses of a host at a port; none if it is not known by then.
    ///
    /// # Errors
    ///
    /// No thread was to be had.
    pub fn addresses(&self, host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        // An address with the name of an interface is no matter of names.
        if cfg!(target_os = "linux") && !host.contains('%') {
            let answer = match self.entries("ahosts", host, Some(until)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => String::new(),
                answer => answer?,
            };
            let of_line = |line: &str| Some(SocketAddr::new(line.split_whitespace().next()?.parse().ok()?, port));
            let mut found: Vec<SocketAddr> = answer.lines().filter_map(of_line).collect();
            // A line for each kind of socket.
            found.dedup();
            return Ok(found);
        }
        let name = host.to_string();
        let look_up = move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
        let found = self.in_thread("lookup", Some(until), look_up)?;
        // That a name is not known is no error.
        Ok(found.and_then(Result::ok).unwrap_or_default())
    }

    /// What getent(1) says of a key; nothing where there is none.
    ///
    /// # Errors
    ///
    /// It could not be asked; [`io::ErrorKind::Interrupted`] if it is too late, or what runs must stop.
    fn entries(&self, database: &str, key: &str, until: Option<Instant>) -> io::Result<String> {
        let (question, answer) = match Question::ask(database, key) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            asked => asked?,
        };
        // Not to be taken for what a command has left behind.
        let pid = question.pid();
        self.note_start(pid);
        let answer = self.in_thread("lookup", until, move || answer.read());
        let answer = match answer {
            Ok(Some(answer)) => question.end().and(answer),
            Ok(None) => {
                question.give_up();
                Err(io::ErrorKind::Interrupted.into())
            }
            Err(error) => {
                question.give_up();
                Err(error)
            }
        };
        self.running.borrow_mut().children.retain(|known| *known != pid);
        answer
    }
}
