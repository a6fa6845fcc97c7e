//! Runs of the binary: to their end, or alive and sent signals. A test waits for a line, never for a time;
//! every wait has a watchdog that shows what was seen.

#![allow(dead_code, unreachable_pub)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A wait that takes longer than this has failed: far more than a loaded machine needs.
pub const WATCHDOG: Duration = Duration::from_secs(60);

/// The binary under test.
pub const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

/// A run to be.
pub struct Run {
    words: Vec<OsString>,
    stdin: Vec<u8>,
    directory: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
}

/// A run of the code given by `-e`; options come first.
pub fn code(code: &str) -> Run {
    Run::new().arg("-e").arg(code)
}

/// A run of a script file.
pub fn file(path: impl AsRef<OsStr>) -> Run {
    Run::new().arg(path)
}

impl Run {
    /// `stagesh` without an argument.
    pub fn new() -> Self {
        Self { words: vec![STAGESH.into()], stdin: Vec::new(), directory: None, env: Vec::new() }
    }

    /// An argument after those given so far.
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().into());
        self
    }

    /// Options before everything else.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.words.splice(1..1, options.iter().map(OsString::from));
        self
    }

    /// A program with its words that starts the run, such as `nohup`.
    pub fn under(mut self, prefix: &[&str]) -> Self {
        self.words.splice(0..0, prefix.iter().map(OsString::from));
        self
    }

    /// Standard input.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// The working directory.
    pub fn cwd(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// An environment variable; `None` unsets it.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: Option<&str>) -> Self {
        self.env.push((name.as_ref().into(), value.map(OsString::from)));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).env_remove("NO_COLOR");
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // A group of its own: a signal to it cannot reach the test runner.
        command.process_group(0);
        command
    }

    /// Runs to the end.
    pub fn run(self) -> Output {
        let stdin = self.stdin.clone();
        let mut live = self.start();
        live.write(&stdin);
        live.close_stdin();
        live.finish()
    }

    /// Starts; standard input stays open.
    pub fn start(self) -> Live {
        let words = self.words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (send, lines) = channel();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let out = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                all.extend_from_slice(&line);
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_string();
                let _ = send.send(text);
                line.clear();
            }
            all
        });
        let mut stderr = child.stderr.take().expect("stderr is a pipe");
        let (send_err, err_done) = channel();
        let err = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(count) = stderr.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..count]);
                let _ = send_err.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
            }
            all
        });
        Live {
            words,
            child,
            lines,
            seen: Vec::new(),
            errors: err_done,
            seen_errors: String::new(),
            out: Some(out),
            err: Some(err),
        }
    }
}

/// A run that is alive. Dropped, it is killed with its group.
pub struct Live {
    words: Vec<String>,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Receiver<String>,
    seen_errors: String,
    out: Option<JoinHandle<Vec<u8>>>,
    err: Option<JoinHandle<Vec<u8>>>,
}

impl Live {
    /// Its process number.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is a pid_t")
    }

    /// Waits until it has printed the line.
    pub fn wait_for(&mut self, line: &str) -> &mut Self {
        self.wait_until(line, |seen| seen == line);
        self
    }

    /// Waits until it has printed a line that begins so, and gives the whole line.
    pub fn wait_for_prefix(&mut self, prefix: &str) -> String {
        self.wait_until(prefix, |seen| seen.starts_with(prefix))
    }

    fn wait_until(&mut self, what: &str, mut wanted: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if wanted(&line) {
                        return line;
                    }
                }
                Err(why) => {
                    while let Ok(more) = self.errors.try_recv() {
                        self.seen_errors.push_str(&more);
                    }
                    let why =
                        if why == RecvTimeoutError::Timeout { "the watchdog barked" } else { "stdout was closed" };
                    panic!(
                        "waited for the line {what:?} of {:?}: {why}\nseen: {:#?}\nstderr:\n{}",
                        self.words, self.seen, self.seen_errors
                    );
                }
            }
        }
    }

    /// Waits until its standard error has the text.
    pub fn wait_for_error(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + WATCHDOG;
        while !self.seen_errors.contains(text) {
            match self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(more) => self.seen_errors.push_str(&more),
                Err(why) => {
                    panic!("waited for {text:?} on stderr of {:?}: {why}\nseen:\n{}", self.words, self.seen_errors)
                }
            }
        }
        self
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        kill(Pid::from_raw(self.pid()), signal).expect("it is alive");
        self
    }

    /// Writes to its standard input; one that it has closed is no matter.
    pub fn write(&mut self, text: &[u8]) -> &mut Self {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = stdin.write_all(text);
        }
        self
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) -> &mut Self {
        self.child.stdin = None;
        self
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        self.child.stdin = None;
        let deadline = Instant::now() + WATCHDOG;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            // The lines tell of its end by their own: the channel closes with stdout.
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(status) = wait_with_watchdog(&mut self.child, deadline) {
                        break status;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() > deadline {
                while let Ok(more) = self.errors.try_recv() {
                    self.seen_errors.push_str(&more);
                }
                panic!("{:?} does not end\nseen: {:#?}\nstderr:\n{}", self.words, self.seen, self.seen_errors);
            }
        };
        let join = |thread: Option<JoinHandle<Vec<u8>>>| {
            thread.map(|t| t.join().expect("the reader does not panic")).unwrap_or_default()
        };
        Output { words: self.words.clone(), status, stdout: join(self.out.take()), stderr: join(self.err.take()) }
    }
}

fn wait_with_watchdog(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::yield_now();
    }
    None
}

impl Drop for Live {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = nix::sys::signal::killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// A run that has ended.
pub struct Output {
    words: Vec<String>,
    /// How.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless it exited with the code and printed just that.
    #[track_caller]
    pub fn expect(&self, code: i32, stdout: &str) -> &Self {
        assert!(self.status.code() == Some(code) && self.out() == stdout, "expected {code} and {stdout:?} of\n{self}");
        self
    }

    /// Fails unless it exited with the code.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert!(self.status.code() == Some(code), "expected {code} of\n{self}");
        self
    }

    /// Fails unless it died by the signal.
    #[track_caller]
    pub fn expect_death(&self, signal: Signal) -> &Self {
        assert!(self.status.signal() == Some(signal as i32), "expected a death by {signal} of\n{self}");
        self
    }

    /// Fails unless its standard error has the text.
    #[track_caller]
    pub fn expect_error(&self, text: &str) -> &Self {
        assert!(self.err().contains(text), "expected {text:?} on the stderr of\n{self}");
        self
    }

    /// Fails unless its standard error is empty.
    #[track_caller]
    pub fn expect_no_error(&self) -> &Self {
        assert!(self.stderr.is_empty(), "expected nothing on the stderr of\n{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "command: {:?}\nstatus: {}", self.words, self.status)?;
        write!(f, "--- stdout\n{}--- stderr\n{}---", self.out(), self.err())
    }
}

/// A directory that goes away with the value, and files in it.
pub struct Place(tempfile::TempDir);

impl Place {
    /// An empty directory.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for a temporary directory"))
    }

    /// Its path, without links.
    pub fn path(&self) -> PathBuf {
        self.0.path().canonicalize().expect("it exists")
    }

    /// Writes a file, with its directories.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the directory")).expect("it can be made");
        std::fs::write(&path, text).expect("it can be written");
        path
    }

    /// The text of a file in it.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// What is in it, sorted.
    pub fn list(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("it is a directory");
        let mut names: Vec<_> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Whether a process exists and is no zombie.
pub fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !matches!(stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]), Some(b'Z' | b'X')))
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
