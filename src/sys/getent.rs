//! What the name services of the system know. On Linux it is asked of getent(1), which has the services that the system is
//! configured with: they are libraries that are loaded while the program runs, and a program that is linked statically
//! cannot load them. Source: nsswitch.conf(5).

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::process::signal_group;
use super::signal::Signal;

/// A question that was asked.
#[derive(Debug)]
pub struct Question(Child);

/// What gives the answer to a question.
#[derive(Debug)]
pub struct Answer {
    pid: Pid,
    stdout: ChildStdout,
}

impl Question {
    /// Asks for the entries of a database for a key, in a process group of its own: what a terminal sends does not reach it.
    ///
    /// # Errors
    ///
    /// There is no `getent`, or the system refused.
    pub fn ask(database: &str, key: &str) -> io::Result<(Self, Answer)> {
        let mut getent = Command::new("getent");
        getent.args([database, key]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = getent.spawn()?;
        let stdout = child.stdout.take().expect("it is a pipe");
        let question = Self(child);
        let pid = Pid::from_raw(question.pid());
        Ok((question, Answer { pid, stdout }))
    }

    /// The number of the process that looks for the answer.
    #[must_use]
    pub fn pid(&self) -> i32 {
        // A pid is a pid_t.
        self.0.id().cast_signed()
    }

    /// Whether the answer that was read is one.
    ///
    /// # Errors
    ///
    /// Somebody has killed `getent`.
    pub fn end(mut self) -> io::Result<()> {
        let status = self.0.try_wait()?;
        let is_answered = status.is_some_and(|status| status.code().is_some());
        if is_answered { Ok(()) } else { Err(io::Error::other("getent was killed")) }
    }

    /// Nobody waits for the answer any more. Whoever reaps orphans reaps it.
    pub fn give_up(self) {
        signal_group(self.pid(), Signal::KILL);
    }
}

impl Answer {
    /// A line for each entry, none if there is no such key. It blocks.
    ///
    /// # Errors
    ///
    /// As read(2).
    pub fn read(mut self) -> io::Result<String> {
        let mut answer = Vec::new();
        self.stdout.read_to_end(&mut answer)?;
        // Not reaped, its number is its own.
        waitid(Id::Pid(self.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
