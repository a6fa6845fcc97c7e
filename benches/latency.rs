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
    state: &'static str,
    name: &'static str,
    words: Vec<String>,
}

const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

const PERL: &str = "$| = 1; $SIG{TERM} = sub { print \"cleaned\\n\"; exit 143 }; ";
const PYTHON: &str = "import atexit, signal, sys, time, subprocess\n\
                      atexit.register(lambda: print('cleaned', flush=True))\n\
                      signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n";
const TRAP: &str = "trap 'echo cleaned; exit 143' TERM; ";

fn contenders() -> Vec<Contender> {
    let of =
        |state, name, words: &[&str]| Contender { state, name, words: words.iter().map(ToString::to_string).collect() };
    let stagesh = |state, code: &str| {
        of(state, "stagesh", &[STAGESH, "-q", "-e", &format!("atexit(|| print(\"cleaned\")); {code}")])
    };
    let shell = |state, name, code: &str| of(state, name, &[name, "-c", &format!("{TRAP}{code}")]);
    let perl = |state, code: &str| of(state, "perl", &["perl", "-e", &format!("{PERL}{code}")]);
    let python = |state, code: &str| of(state, "python3", &["python3", "-c", &format!("{PYTHON}{code}")]);
    vec![
        stagesh("hot loop", "print(\"ready\"); let i = 0; loop { i += 1; }"),
        shell("hot loop", "dash", "echo ready; while :; do :; done"),
        shell("hot loop", "bash", "echo ready; while :; do :; done"),
        perl("hot loop", "print \"ready\\n\"; 1 while 1"),
        python("hot loop", "print('ready', flush=True)\nwhile True: pass"),
        stagesh("sleep", "print(\"ready\"); sleep(1000)"),
        perl("sleep", "print \"ready\\n\"; sleep 1000"),
        python("sleep", "print('ready', flush=True)\ntime.sleep(1000)"),
        // Shells wait for the command before they run the trap: here it would be for ever.
        stagesh("command", "run([\"sh\", \"-c\", \"echo ready; exec sleep 1000\"])"),
        perl("command", "$p = fork || exec 'sh', '-c', 'echo ready; exec sleep 1000'; waitpid $p, 0"),
        python("command", "subprocess.run(['sh', '-c', 'echo ready; exec sleep 1000'])"),
    ]
}

/// Milliseconds from the signal to the first byte after it; `None` if the program is not installed.
fn once(words: &[String]) -> Option<f64> {
    let mut child = Command::new(&words[0])
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
    let contenders = contenders();
    let mut times: Vec<Vec<f64>> = contenders.iter().map(|_| Vec::with_capacity(runs)).collect();
    // In turn, so that a change of the machine's speed meets all of them.
    for _ in 0..runs {
        for (contender, times) in contenders.iter().zip(&mut times) {
            times.extend(once(&contender.words));
        }
    }
    println!("{:<10} {:<8} {:>6} {:>10} {:>10}", "state", "program", "runs", "median ms", "p99 ms");
    for (contender, times) in contenders.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let Some(last) = times.len().checked_sub(1) else { continue };
        let (median, p99) = (times[last / 2], times[last * 99 / 100]);
        println!("{:<10} {:<8} {:>6} {median:>10.3} {p99:>10.3}", contender.state, contender.name, times.len());
    }
}
