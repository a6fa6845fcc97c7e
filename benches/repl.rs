//! The REPL: from the start to the prompt, from a key to its echo, from Tab to what it finds; milliseconds, median and
//! 99th percentile. With a history of 100,000 lines and 10,000 variables, and without.
//!
//! `cargo bench` runs it; `STAGESH_BENCH_RUNS` changes the number of runs of each row (50).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, poll};
use pty_process::blocking::{Command, Pty, open};
use support::{Guarded, median, missing, peer, quantile, runs, stagesh};

/// Milliseconds that an answer may take.
const PATIENCE: u16 = 10_000;

/// A program at a terminal of its own.
struct Session {
    /// Killed before its terminal is closed.
    _child: Guarded,
    pty: Pty,
    screen: Vec<u8>,
}

impl Session {
    /// Starts it, and waits for its prompt; `None` if it is not installed.
    fn start(words: &[&str], state: &Path, prompt: &str) -> Option<(Self, f64)> {
        let (pty, inside) = open().expect("there are terminals");
        let command = Command::new(words[0]).args(&words[1..]).env("TERM", "xterm").env("PS1", "$ ");
        let command = command.env("XDG_STATE_HOME", state).env("HOME", state);
        let start = Instant::now();
        let child = Guarded(command.spawn(inside).ok()?);
        let mut session = Self { _child: child, pty, screen: Vec::new() };
        // The cursor may be put where it is already.
        session.read_until(|screen| screen.trim_end_matches('\r').ends_with(prompt));
        Some((session, milliseconds(start)))
    }

    fn read_until(&mut self, is_there: impl Fn(&str) -> bool) {
        let mut buffer = [0; 65536];
        while !is_there(&without_colour(&String::from_utf8_lossy(&self.screen))) {
            let mut fds = [PollFd::new(self.pty.as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut fds, PATIENCE), Ok(1), "waited in vain: {:?}", String::from_utf8_lossy(&self.screen));
            let count = self.pty.read(&mut buffer).expect("the program is there");
            self.screen.extend_from_slice(&buffer[..count]);
        }
    }

    /// Milliseconds from these keys to the first answer that has the text.
    fn press(&mut self, keys: &str, answer: &str) -> f64 {
        self.screen.clear();
        let start = Instant::now();
        self.pty.write_all(keys.as_bytes()).expect("the program is there");
        self.read_until(|screen| screen.contains(answer));
        milliseconds(start)
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// A text without the sequences that begin with an escape.
fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\x1b' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

fn row(what: &str, program: &str, times: &[f64]) {
    let (count, median, p99) = (times.len(), median(times), quantile(times, 0.99));
    println!("{what:<62} {program:<8} {count:>5} {median:>10.3} {p99:>10.3}");
}

fn main() {
    if support::has_measured() {
        return;
    }
    let runs = runs(50);
    let place = tempfile::tempdir().expect("there is room for a temporary directory");
    let place = place.path();
    let (empty, full) = (place.join("empty"), place.join("full"));
    std::fs::create_dir_all(full.join("stagesh")).expect("there is room");
    std::fs::create_dir_all(&empty).expect("there is room");
    let history: String = (0..100_000).map(|n| format!("let step_{n} = run([\"make\", \"target-{n}\"]);\n")).collect();
    std::fs::write(full.join("stagesh/history"), history).expect("there is room");
    let script = place.join("variables.rhai");
    let variables: String = (0..10_000).map(|n| format!("let variable_{n} = {n};\n")).collect();
    std::fs::write(&script, variables).expect("there is room");
    let script = script.to_str().expect("the temporary directory is text");

    println!("\nThe REPL: at a terminal of its own.");
    println!("{:<62} {:<8} {:>5} {:>10} {:>10}", "what", "program", "runs", "median ms", "p99 ms");
    let (python, node, bash) = (peer("python3"), peer("node"), peer("bash"));
    let own = Some(stagesh());
    let contenders = [
        ("the prompt", "stagesh", own, "-q", &empty, "> "),
        ("the prompt, 100,000 lines of history", "stagesh", own, "-q", &full, "> "),
        ("the prompt", "python3", python.as_deref(), "-q", &empty, ">>> "),
        ("the prompt", "node", node.as_deref(), "-i", &empty, "> "),
        ("the prompt", "bash", bash.as_deref(), "--norc", &empty, "$ "),
    ];
    let mut times: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::new()).collect();
    // In turn, so that a change of the machine's speed meets all of them.
    for _ in 0..runs {
        for ((_, _, program, option, state, prompt), times) in contenders.iter().zip(&mut times) {
            let session = program.and_then(|program| Session::start(&[program, option], state, prompt));
            times.extend(session.map(|(_, took)| took));
        }
    }
    for ((what, name, program, ..), times) in contenders.iter().zip(times) {
        match program {
            Some(_) => row(what, name, &times),
            None => missing(what, name),
        }
    }

    for (load, words, state) in [
        ("", vec![stagesh(), "-q"], &empty),
        (", 100,000 lines and 10,000 variables", vec![stagesh(), "-q", "-i", script], &full),
    ] {
        let Some((mut session, _)) = Session::start(&words, state, "> ") else { continue };
        // Whatever is read at the first key, or the first Tab.
        let first = session.press("q", "q");
        row(&format!("the echo of the first key{load}"), "stagesh", &[first]);
        session.press("\x15", "> ");
        let keys: Vec<f64> = (0..runs.div_ceil(10) * 40)
            .map(|n| {
                let key = char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
                let took = session.press(&key.to_string(), &key.to_string());
                if n % 40 == 39 {
                    session.press("\x15", "> ");
                }
                took
            })
            .collect();
        row(&format!("the echo of a key{load}"), "stagesh", &keys);
        let tabs: Vec<f64> = (0..runs)
            .map(|_| {
                session.press("ate", "ate");
                let took = session.press("\t", "xit");
                session.press("\x15", "> ");
                took
            })
            .collect();
        row(&format!("a completion{load}"), "stagesh", &tabs);
    }
}
