//! Runs of the binary: to their end, or alive and sent signals. A test waits for a line, never for a time;
//! every wait has a watchdog that shows what was seen.

#![allow(dead_code, unreachable_pub)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// A wait that takes longer than this has failed: far more than a loaded machine needs.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(180);

/// Variables of the machine that runs the tests which change what stagesh says.
pub(crate) const CHANGES_OUTPUT: [&str; 4] = ["NO_COLOR", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD"];

/// What precedes a command of a shell, between single quotes of its own, that has a process group of its own: without a
/// terminal not every shell has `set -m`.
pub(crate) const OWN_GROUP: &str = "perl -e 'setpgrp; exec @ARGV'";

/// The binary under test: that of this build, or another by its absolute path in `STAGESH_BINARY`.
pub(crate) fn stagesh() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        end_inherited_ignoring();
        std::env::var("STAGESH_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_stagesh").into())
    })
}

/// The tests may run where a signal is ignored, as below nohup(1) or in the background of a shell's script, and what they start
/// would inherit that. What has a handler here gets its default there. Source: execve(2).
fn end_inherited_ignoring() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = signal_set(&status, "SigIgn:").unwrap_or(0);
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        if ignored & (1 << (signal as i32 - 1)) != 0 {
            signal_hook::flag::register(signal as i32, Arc::default()).expect("it can be caught");
        }
    }
}

/// A set of signals in what `/proc/PID/status` says, bit n - 1 for signal n. Source: proc_pid_status(5).
pub(crate) fn signal_set(status: &str, name: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// A run to be.
pub(crate) struct Run {
    words: Vec<OsString>,
    stdin: Vec<u8>,
    directory: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
}

/// A run of the code given by `-e`; options come first.
pub(crate) fn code(code: &str) -> Run {
    Run::new().arg("-e").arg(code)
}

/// Runs the code, which succeeds, prints just that, and says nothing on standard error.
#[track_caller]
pub(crate) fn prints(script: &str, stdout: &str) {
    code(script).run().expect(0, stdout).expect_no_error();
}

/// A script that fails with this message.
pub(crate) fn refuses(script: &str, message: &str) {
    code(script).run().expect_code(1).expect_error(&format!("error: {message}"));
}

/// A run of a script file.
pub(crate) fn file(path: impl AsRef<OsStr>) -> Run {
    Run::new().arg(path)
}

impl Run {
    /// `stagesh` without an argument.
    pub(crate) fn new() -> Self {
        Self { words: vec![stagesh().into()], stdin: Vec::new(), directory: None, env: Vec::new() }
    }

    /// An argument after those given so far.
    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().into());
        self
    }

    /// Options before everything else.
    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.words.splice(1..1, options.iter().map(OsString::from));
        self
    }

    /// A program with its words that starts the run, such as `nohup`.
    pub(crate) fn under(mut self, prefix: &[&str]) -> Self {
        self.words.splice(0..0, prefix.iter().map(OsString::from));
        self
    }

    /// Standard input.
    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// The working directory.
    pub(crate) fn cwd(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// An environment variable; `None` unsets it.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: Option<&str>) -> Self {
        self.env.push((name.as_ref().into(), value.map(OsString::from)));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        // All tests run on the other evaluator, too, but for those that say theirs.
        let engine = std::env::var_os("STAGESH_TEST_ENGINE");
        let engine =
            engine.filter(|_| !self.words.iter().any(|word| word == "--engine") && self.words[0] == *stagesh());
        command.args(engine.into_iter().flat_map(|engine| ["--engine".into(), engine]));
        command.args(&self.words[1..]);
        for name in CHANGES_OUTPUT {
            command.env_remove(name);
        }
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
    pub(crate) fn run(self) -> Output {
        let stdin = self.stdin.clone();
        let mut live = self.start();
        live.write(&stdin);
        live.close_stdin();
        live.finish()
    }

    /// Starts; standard input stays open.
    pub(crate) fn start(self) -> Live {
        self.start_with(Stdio::piped(), Stdio::piped())
    }

    /// Starts with standard output and error of the caller's choice; what is no pipe is seen as empty.
    pub(crate) fn start_with(self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Live {
        let words = self.words.iter().map(|w| w.to_string_lossy().into_owned()).collect();
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        let mut child = loop {
            match command.spawn() {
                // What another test is starting has the script, which was just written, still open. Source: execve(2).
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                child => break child.expect("the program starts"),
            }
        };
        let out = child.stdout.take().map(Collected::lines).unwrap_or_default();
        let err = child.stderr.take().map(Collected::pieces).unwrap_or_default();
        let ended = watch(&child);
        Live { words, child, ended, out, err }
    }
}

/// Tells of the end of a child, which is still to be reaped.
pub(crate) fn watch(child: &Child) -> Receiver<()> {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid is a pid_t"));
    let (send, ended) = channel();
    std::thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
        let _ = send.send(());
    });
    ended
}

/// What a stream has given so far, as a thread reads it.
#[derive(Default)]
pub(crate) struct Collected {
    news: Option<Receiver<Vec<u8>>>,
    all: Vec<u8>,
}

impl Collected {
    /// Reads line by line.
    fn lines(stream: impl Read + Send + 'static) -> Self {
        let (send, news) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let _ = send.send(std::mem::take(&mut line));
            }
        });
        Self { news: Some(news), all: Vec::new() }
    }

    /// Reads what there is.
    pub(crate) fn pieces(mut stream: impl Read + Send + 'static) -> Self {
        let (send, news) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose other side is closed ends with an error.
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let _ = send.send(buffer[..count].to_vec());
            }
        });
        Self { news: Some(news), all: Vec::new() }
    }

    /// The next piece.
    fn next(&mut self, deadline: Instant) -> Result<Vec<u8>, RecvTimeoutError> {
        let news = self.news.as_ref().ok_or(RecvTimeoutError::Disconnected)?;
        let piece = news.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
        self.all.extend_from_slice(&piece);
        Ok(piece)
    }

    /// Waits until it has the text.
    pub(crate) fn wait_for(&mut self, text: &str, deadline: Instant) -> Result<(), RecvTimeoutError> {
        while !self.text().contains(text) {
            self.next(deadline)?;
        }
        Ok(())
    }

    /// Waits until it has more.
    pub(crate) fn wait_for_more(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        self.next(deadline).map(drop)
    }

    /// Waits for its end.
    pub(crate) fn finish(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(timeout) => return Err(timeout),
            }
        }
    }

    /// All of it so far.
    pub(crate) fn text(&mut self) -> String {
        while self.next(Instant::now()).is_ok() {}
        String::from_utf8_lossy(&self.all).into_owned()
    }
}

/// A process that is no run. Dropped, it is killed.
pub(crate) struct Other(pub Child);

impl Other {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until something is so of which nothing tells.
#[track_caller]
pub(crate) fn look_until(mut is_so: impl FnMut() -> bool, otherwise: impl FnOnce() -> String) {
    let deadline = Instant::now() + WATCHDOG;
    while !is_so() {
        if Instant::now() > deadline {
            panic!("{}", otherwise());
        }
        std::thread::yield_now();
    }
}

/// The file of a program.
pub(crate) fn program(name: &str) -> String {
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let found = std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed")).display().to_string()
}

/// A run that is alive. Dropped, it is killed with its group.
pub(crate) struct Live {
    words: Vec<String>,
    child: Child,
    ended: Receiver<()>,
    out: Collected,
    err: Collected,
}

impl Live {
    /// Its process number.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is a pid_t")
    }

    /// Waits until it has printed the line; lines before it are passed over.
    pub(crate) fn wait_for(&mut self, line: &str) -> &mut Self {
        self.wait_until(line, |seen| seen == line);
        self
    }

    /// Waits until it has printed a line that begins so, and gives what follows.
    pub(crate) fn wait_for_prefix(&mut self, prefix: &str) -> String {
        self.wait_until(prefix, |seen| seen.starts_with(prefix))[prefix.len()..].to_string()
    }

    /// The process number in the next line that begins so.
    pub(crate) fn wait_for_pid(&mut self, prefix: &str) -> i32 {
        let text = self.wait_for_prefix(prefix);
        text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no process number"))
    }

    fn wait_until(&mut self, what: &str, mut wanted: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            match self.out.next(deadline) {
                Ok(line) => {
                    let line = String::from_utf8_lossy(&line);
                    let line = line.trim_end_matches('\n');
                    if wanted(line) {
                        return line.to_string();
                    }
                }
                Err(why) => self.fail(&format!("waited for the line {what:?}: {}", reason(why))),
            }
        }
    }

    /// Waits until its standard error has the text.
    pub(crate) fn wait_for_error(&mut self, text: &str) -> &mut Self {
        if let Err(why) = self.err.wait_for(text, Instant::now() + WATCHDOG) {
            self.fail(&format!("waited for {text:?} on stderr: {}", reason(why)));
        }
        self
    }

    /// Waits until its standard error has the text, and gives the process number before it.
    pub(crate) fn wait_for_error_after_pid(&mut self, text: &str) -> i32 {
        self.wait_for_error(text);
        let seen = self.err.text();
        let number = seen.split_once(text).and_then(|(before, _)| before.split_whitespace().last()).unwrap_or_default();
        number.parse().unwrap_or_else(|_| panic!("{number:?} is no process number"))
    }

    /// Waits until it catches the signal: from then on it is not killed by it.
    pub(crate) fn wait_until_caught(&mut self, signal: Signal) -> &mut Self {
        let path = format!("/proc/{}/status", self.pid());
        let is_caught = || {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            signal_set(&status, "SigCgt:").is_some_and(|caught| caught >> (signal as i32 - 1) & 1 == 1)
        };
        look_until(is_caught, || self.seen(&format!("it does not catch {signal}")));
        self
    }

    fn fail(&mut self, what: &str) -> ! {
        panic!("{}", self.seen(what))
    }

    /// What was seen of it, after a sentence about it.
    fn seen(&mut self, what: &str) -> String {
        let (out, err) = (self.out.text(), self.err.text());
        format!("{what}\ncommand: {:?}\n--- stdout\n{out}--- stderr\n{err}---", self.words)
    }

    /// Whether it has ended; it is still to be reaped.
    pub(crate) fn has_ended(&self) -> bool {
        let pid = Pid::from_raw(self.pid());
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> &mut Self {
        kill(Pid::from_raw(self.pid()), signal).expect("it is not reaped");
        self
    }

    /// Writes to its standard input; one that it has closed is no matter.
    pub(crate) fn write(&mut self, text: &[u8]) -> &mut Self {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = stdin.write_all(text);
        }
        self
    }

    /// Closes its standard input.
    pub(crate) fn close_stdin(&mut self) -> &mut Self {
        self.child.stdin = None;
        self
    }

    /// Waits for its end, with standard input as it is, and for the end of what it wrote.
    pub(crate) fn end(mut self) -> Output {
        let deadline = Instant::now() + WATCHDOG;
        if self.ended.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
            self.fail("it does not end");
        }
        let status = self.child.wait().expect("it is our child");
        if self.out.finish(deadline).is_err() || self.err.finish(deadline).is_err() {
            self.fail("it has ended, and something holds its output open");
        }
        Output {
            words: std::mem::take(&mut self.words),
            status,
            stdout: std::mem::take(&mut self.out.all),
            stderr: std::mem::take(&mut self.err.all),
        }
    }

    /// Closes its standard input and waits for its end.
    pub(crate) fn finish(mut self) -> Output {
        self.close_stdin();
        self.end()
    }
}

fn reason(why: RecvTimeoutError) -> &'static str {
    match why {
        RecvTimeoutError::Timeout => "the watchdog barked",
        RecvTimeoutError::Disconnected => "the stream was closed",
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills a child that is alive, and what descends from it, and reaps the child.
pub(crate) fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        let pid = i32::try_from(child.id()).expect("a pid is a pid_t");
        for pid in [pid].into_iter().chain(descendants(pid)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = child.wait();
    }
}

/// What descends from a process now.
fn descendants(pid: i32) -> Vec<i32> {
    let children = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|child| stat(*child).is_some_and(|fields| fields.get(1) == Some(&pid.to_string())));
    children.flat_map(|child| [child].into_iter().chain(descendants(child))).collect()
}

/// The fields of `/proc/N/stat` that follow the name: the state, the parent, the group, the session, …
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_ascii_whitespace().map(str::to_string).collect())
}

/// A run that has ended.
pub(crate) struct Output {
    words: Vec<String>,
    /// How.
    pub(crate) status: ExitStatus,
    /// All of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// All of its standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless it exited with the code and printed just that.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, stdout: &str) -> &Self {
        assert!(self.status.code() == Some(code) && self.out() == stdout, "expected {code} and {stdout:?} of\n{self}");
        self
    }

    /// Fails unless it exited with the code.
    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) -> &Self {
        assert!(self.status.code() == Some(code), "expected {code} of\n{self}");
        self
    }

    /// Fails unless it died by the signal.
    #[track_caller]
    pub(crate) fn expect_death(&self, signal: Signal) -> &Self {
        assert!(self.status.signal() == Some(signal as i32), "expected a death by {signal} of\n{self}");
        self
    }

    /// Fails unless its standard error has the text.
    #[track_caller]
    pub(crate) fn expect_error(&self, text: &str) -> &Self {
        assert!(self.err().contains(text), "expected {text:?} on the stderr of\n{self}");
        self
    }

    /// Fails if its standard error has the text.
    #[track_caller]
    pub(crate) fn expect_not(&self, text: &str) -> &Self {
        assert!(!self.err().contains(text), "expected no {text:?} on the stderr of\n{self}");
        self
    }

    /// Fails unless its standard error is just that.
    #[track_caller]
    pub(crate) fn expect_errors(&self, text: &str) -> &Self {
        assert!(self.err() == text, "expected {text:?} as the stderr of\n{self}");
        self
    }

    /// Fails unless its standard error is empty.
    #[track_caller]
    pub(crate) fn expect_no_error(&self) -> &Self {
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
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// An empty directory.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for a temporary directory"))
    }

    /// Its path, without links.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().canonicalize().expect("it exists")
    }

    /// Writes a file, with its directories.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in the directory")).expect("it can be made");
        std::fs::write(&path, text).expect("it can be written");
        path
    }

    /// The text of a file in it.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// What is in it, sorted.
    pub(crate) fn list(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("it is a directory");
        let mut names: Vec<_> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Whether a process exists and is no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| !matches!(fields[0].as_str(), "Z" | "X"))
}

/// Fails if one of the processes is alive.
#[track_caller]
pub(crate) fn expect_gone(pids: &[i32]) {
    let alive: Vec<_> = pids.iter().filter(|pid| is_alive(**pid)).collect();
    assert!(alive.is_empty(), "alive: {alive:?} of {pids:?}");
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text in which the times that stages took are `T s`, whatever the machine does meanwhile.
pub(crate) fn without_times(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_inclusive(' ') {
        let number = word.trim_end();
        let is_time = number.split_once('.').is_some_and(|(whole, tenth)| {
            !whole.is_empty() && tenth.len() == 1 && (whole.to_string() + tenth).bytes().all(|c| c.is_ascii_digit())
        });
        shown.push_str(if is_time { "T " } else { word });
    }
    shown
}
