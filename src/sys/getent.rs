//! What the name services of the system know. On Linux it is asked of getent(1), which has the services that the system is
//! configured with: they are libraries that are loaded while the program runs, and a program that is linked statically
//! cannot load them. Source: nsswitch.conf(5).

use std::io;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A question that was asked.
#[derive(Debug)]
pub struct Question(Child);

impl Question {
    /// Asks for the entries of a database for a key.
    ///
    /// # Returns
    ///
    /// The question, and what gives the answer: a line for each entry, none if there is no such key.
    ///
    /// # Errors
    ///
    /// There is no `getent`, or the system refused.
    pub fn ask(database: &str, key: &str) -> io::Result<(Self, ChildStdout)> {
        let mut getent = Command::new("getent");
        let streams = getent.args([database, key]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = streams.spawn()?;
        let answer = child.stdout.take().expect("it is a pipe");
        Ok((Self(child), answer))
    }

    /// The number of the process that looks for the answer.
    #[must_use]
    pub fn pid(&self) -> i32 {
        // A pid is a pid_t.
        self.0.id().cast_signed()
    }

    /// The answer is there, or nobody waits for it any more.
    pub fn end(mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
