//! From `kill` to the first line of the first handler: median and 99th percentile, in milliseconds.
//!
//! `cargo bench` runs it; `STAGESH_BENCH_RUNS` changes the number of runs of each row (200).

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A program that says `ready`, waits for TERM, and says `cleaned`.
struct Contender {
    name: &'static str,
    state: &'static str,
    words: &'static [&'static str],
}

const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

const CONTENDERS: &[Contender] = &[
    Contender {
        name: "stagesh",
        state: "hot loop",
        words: &[STAGESH, "-q", "-e", "atexit(|| print(\"cleaned\")); print(\"ready\"); let i = 0; loop { i += 1; }"],
    },
    Contender {
        name: "dash",
        state: "hot loop",
        words: &["dash", "-c", "trap 'echo cleaned; exit 143' TERM; echo ready; while :; do :; done"],
    },
    Contender {
        name: "stagesh",
        state: "sleep",
        words: &[STAGESH, "-q", "-e", "atexit(|| print(\"cleaned\")); print(\"ready\"); sleep(1000)"],
    },
    Contender {
        name: "perl",
        state: "sleep",
        words: &[
            "perl",
            "-e",
            "$| = 1; $SIG{TERM} = sub { print \"cleaned\\n\"; exit 143 }; print \"ready\\n\"; sleep 1000",
        ],
    },
    Contender {
        name: "stagesh",
        state: "command",
        words: &[STAGESH, "-q", "-e", "atexit(|| print(\"cleaned\")); sh(\"echo ready; exec sleep 1000\")"],
    },
];

/// Milliseconds from the signal to the first byte after it; `None` if the program is not installed.
fn once(words: &[&str]) -> Option<f64> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = BufReader::new(child.stdout.take()?);
    let mut line = String::new();
    stdout.read_line(&mut line).ok()?;
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?);
    let start = Instant::now();
    kill(pid, Signal::SIGTERM).ok()?;
    let mut byte = [0];
    let count = stdout.read(&mut byte).ok()?;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    child.wait().ok()?;
    (count == 1).then_some(took)
}

fn main() {
    let runs = std::env::var("STAGESH_BENCH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_usize);
    let mut times: Vec<Vec<f64>> = CONTENDERS.iter().map(|_| Vec::with_capacity(runs)).collect();
    // In turn, so that a change of the machine's speed meets all of them.
    for _ in 0..runs {
        for (contender, times) in CONTENDERS.iter().zip(&mut times) {
            times.extend(once(contender.words));
        }
    }
    println!("{:<10} {:<8} {:>6} {:>10} {:>10}", "state", "program", "runs", "median ms", "p99 ms");
    for (contender, times) in CONTENDERS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let Some(last) = times.len().checked_sub(1) else { continue };
        let (median, p99) = (times[last / 2], times[last * 99 / 100]);
        println!("{:<10} {:<8} {:>6} {median:>10.3} {p99:>10.3}", contender.state, contender.name, times.len());
    }
}
