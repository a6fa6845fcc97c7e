//! What the name services of the system know. On Linux it is asked of getent(1), which has the services that the system is
//! configured with: they are libraries that are loaded while the program runs, and a program that is linked statically
//! cannot load them. Source: nsswitch.conf(5).

use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A question that may be given up from another thread.
#[derive(Clone, Debug, Default)]
pub struct Question(Arc<Mutex<Option<Child>>>);

impl Question {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for the answer any more.
    pub fn give_up(&self) {
        if let Some(child) = &mut *self.child() {
            // It may have ended.
            let _ = child.kill();
        }
    }

    /// The entries of a database for a key; none if there is no such key.
    ///
    /// # Errors
    ///
    /// There is no `getent`.
    fn ask(&self, database: &str, key: &str) -> io::Result<String> {
        let mut getent = Command::new("getent");
        let mut child =
            getent.args([database, key]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take();
        *self.child() = Some(child);
        let mut answer = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut answer)?;
        }
        if let Some(mut child) = self.child().take() {
            // Whoever waits for children of all kinds may have reaped it.
            let _ = child.wait();
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// The line of an account that is like this, by its name or number. Source: passwd(5).
pub(super) fn account(key: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
    let line = |text: String| text.lines().find(|line| is_it(line)).map(str::to_string);
    let of_file = std::fs::read("/etc/passwd").ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    of_file.and_then(line).or_else(|| Question::default().ask("passwd", key).ok().and_then(line))
}

/// The addresses of a host at a port. It blocks.
///
/// # Errors
///
/// As getaddrinfo(3), where that is asked.
pub fn addresses(host: &str, port: u16, question: &Question) -> io::Result<Vec<SocketAddr>> {
    if cfg!(target_os = "linux")
        // An address with the name of an interface is no matter of names.
        && !host.contains('%')
        && let Ok(answer) = question.ask("ahosts", host)
    {
        let of_line = |line: &str| Some(SocketAddr::new(line.split_whitespace().next()?.parse().ok()?, port));
        let mut found: Vec<SocketAddr> = answer.lines().filter_map(of_line).collect();
        // A line for each kind of socket.
        found.dedup();
        return Ok(found);
    }
    (host, port).to_socket_addrs().map(Vec::from_iter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_machine_has_its_address_and_a_name_that_nobody_has_none() {
        let found = addresses("localhost", 80, &Question::default()).expect("it can be asked");
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
        assert_eq!(addresses("no host.invalid", 80, &Question::default()).unwrap_or_default(), []);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn accounts_are_found_by_what_their_line_says() {
        let root = account("root", |line| line.starts_with("root:")).expect("there is one");
        assert!(root.contains(":0:0:"), "{root}");
        assert_eq!(account("no:body", |line| line.starts_with("no:body:")), None);
    }
}
