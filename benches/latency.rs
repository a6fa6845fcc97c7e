//! From `kill` to the first byte of the first handler, in a hot loop, in `sleep`, and while waiting for a command: median and
//! 99th percentile, beside each other program and beside the best of them.
//!
//! `cargo bench --bench latency` runs it; `STAGESH_BENCH_RUNS` changes the number of runs of each row (500). All programs
//! of a state run in turn, so that a change of the machine's speed meets all of them.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};
use support::{Guarded, Pairs, figures, heading, median, missing, peer, quantile, runs, stagesh, words};

/// Milliseconds that an answer may take.
const PATIENCE: u16 = 10_000;

/// From `ready` to the signal: until then each is where it says it is.
const SETTLED: Duration = Duration::from_millis(5);

/// A state that the signal meets, what leads there in each program, and the programs beside which stagesh may not be slower.
struct State {
    name: &'static str,
    stagesh: &'static str,
    others: &'static [(&'static str, &'static str)],
    best_of: &'static [&'static str],
}

/// How much longer than the best of the others it may take.
const TARGET: Option<f64> = Some(1.0);

const STAGESH_BEGINS: &str = "atexit(|| print(\"cleaned\")); ";
const SHELL_BEGINS: &str = "trap 'echo cleaned; exit 143' TERM; ";
const PERL_BEGINS: &str = "$| = 1; $SIG{TERM} = sub { print \"cleaned\\n\"; kill 'KILL', $p if $p; exit 143 }; ";
const PERL_ENDS_IT_BEGINS: &str =
    "$| = 1; $SIG{TERM} = sub { kill 'TERM', $p; waitpid $p, 0; print \"cleaned\\n\"; exit 143 }; ";
const PYTHON_BEGINS: &str = "import atexit, signal, sys\n\
                             atexit.register(lambda: print('cleaned', flush=True))\n\
                             signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n";

/// That perl which does what stagesh does: the command has ended when the handler runs.
const PERL_ENDS_IT: &str = "perl, which ends it first";

const STATES: [State; 3] = [
    State {
        name: "hot loop",
        stagesh: "print(\"ready\"); let i = 0; loop { i += 1; }",
        others: &[
            ("dash", "echo ready; while :; do :; done"),
            ("bash", "echo ready; while :; do :; done"),
            ("perl", "print \"ready\\n\"; 1 while 1"),
            ("python3", "print('ready', flush=True)\nwhile True: pass"),
        ],
        best_of: &["dash", "bash", "perl", "python3"],
    },
    State {
        name: "sleep",
        stagesh: "print(\"ready\"); sleep(100)",
        // Shells run no trap before a command in the foreground has ended; `read` is theirs, and has nothing to read.
        others: &[
            ("dash", "echo ready; read line"),
            ("bash", "echo ready; read line"),
            ("perl", "print \"ready\\n\"; sleep 100"),
            ("python3", "import time\nprint('ready', flush=True)\ntime.sleep(100)"),
        ],
        best_of: &["dash", "bash", "perl", "python3"],
    },
    State {
        name: "command",
        stagesh: "run([\"sh\", \"-c\", \"echo ready; exec sleep 100\"])",
        others: &[
            ("perl", "$p = fork || exec 'sh', '-c', 'echo ready; exec sleep 100'; waitpid $p, 0"),
            (PERL_ENDS_IT, "$p = fork || exec 'sh', '-c', 'echo ready; exec sleep 100'; waitpid $p, 0"),
            ("python3", "import subprocess\nsubprocess.run(['sh', '-c', 'echo ready; exec sleep 100'])"),
        ],
        best_of: &["perl"],
    },
];

/// A program that says `ready`, waits for TERM, and says `cleaned`; what each run took, in microseconds.
struct Contender {
    name: &'static str,
    words: Vec<String>,
    times: Vec<f64>,
}

impl Contender {
    /// `None` if it is not installed.
    fn of(name: &'static str, code: &str) -> Option<Self> {
        let (flag, begins) = match name {
            "perl" => ("-e", PERL_BEGINS),
            PERL_ENDS_IT => ("-e", PERL_ENDS_IT_BEGINS),
            // Without what it loads from the system, which has no part in it but takes long.
            "python3" => ("-Sc", PYTHON_BEGINS),
            _ => ("-c", SHELL_BEGINS),
        };
        let program = peer(name.split(',').next()?)?;
        Some(Self { name, words: words(&[&program, flag, &format!("{begins}{code}")]), times: Vec::new() })
    }
}

/// Reads one byte; `None` at the end, or if none comes in time.
fn byte(stdout: &mut ChildStdout) -> Option<u8> {
    let mut byte = [0];
    let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
    let is_there = poll(&mut fds, PATIENCE) == Ok(1);
    (is_there && stdout.read(&mut byte).ok()? == 1).then_some(byte[0])
}

/// Microseconds from the signal to the first byte after it; `None` if the program did not answer.
fn once(words: &[String]) -> Option<f64> {
    let command = &mut Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Guarded(command.spawn().ok()?);
    let mut stdout = child.0.stdout.take()?;
    while byte(&mut stdout)? != b'\n' {}
    thread::sleep(SETTLED);
    let pid = Pid::from_child(&child.0);
    let start = Instant::now();
    kill_process(pid, Signal::TERM).ok()?;
    let is_cleaned = byte(&mut stdout)? == b'c';
    let took = start.elapsed().as_secs_f64() * 1e6;
    support::wait(&mut child.0, Duration::from_millis(PATIENCE.into()));
    is_cleaned.then_some(took)
}

/// The figures of a row for the medians, and those for the 99th percentiles.
fn both(own: &[f64], other: &[f64]) -> [[f64; 3]; 2] {
    let pairs = Pairs { own: own.to_vec(), other: other.to_vec() };
    let (one, another) = (quantile(own, 0.99), quantile(other, 0.99));
    [[median(own), median(other), pairs.ratio()], [one, another, one / another]]
}

fn compare(state: &State, runs: usize) {
    let begins = format!("{STAGESH_BEGINS}{}", state.stagesh);
    let own = Contender { name: "stagesh", words: words(&[stagesh(), "-q", "-e", &begins]), times: Vec::new() };
    let mut contenders = vec![own];
    let what = |figure: &str| format!("{}: {figure}, µs", state.name);
    for (name, code) in state.others {
        match Contender::of(name, code) {
            Some(contender) => contenders.push(contender),
            None => missing(&what("median"), name),
        }
    }
    let mut failed = 0;
    for _ in 0..runs {
        let times: Vec<Option<f64>> = contenders.iter().map(|contender| once(&contender.words)).collect();
        failed += usize::from(times.contains(&None));
        // A turn counts as a whole, so that the times of all are pairs.
        if let Some(times) = times.into_iter().collect::<Option<Vec<f64>>>() {
            contenders.iter_mut().zip(times).for_each(|(contender, time)| contender.times.push(time));
        }
    }
    let (own, others) = contenders.split_first().expect("stagesh is the first");
    let print = |[median, last]: [[f64; 3]; 2], [by_median, by_last]: [&str; 2], target| {
        figures(&what("median"), by_median, own.times.len(), median, target);
        figures(&what("p99"), by_last, own.times.len(), last, target);
    };
    let is_judged = |other: &Contender| state.best_of.contains(&other.name);
    for other in others {
        let target = if state.best_of.len() == 1 && is_judged(other) { TARGET } else { None };
        print(both(&own.times, &other.times), [other.name; 2], target);
    }
    let best = |part: f64| {
        let judged = others.iter().filter(|other| is_judged(other));
        judged.min_by(|one, other| quantile(&one.times, part).total_cmp(&quantile(&other.times, part)))
    };
    match (best(0.5), best(0.99)) {
        (Some(by_median), Some(by_last)) if state.best_of.len() > 1 => {
            let [medians, _] = both(&own.times, &by_median.times);
            let [_, last] = both(&own.times, &by_last.times);
            let names = [by_median, by_last].map(|other| format!("the best, {}", other.name));
            print([medians, last], [&names[0], &names[1]], TARGET);
        }
        _ => {}
    }
    if failed > 0 {
        println!("{}: {failed} of {runs} turns do not count, because somebody did not answer", state.name);
    }
}

fn main() {
    if support::has_measured() {
        return;
    }
    heading("Latency: from `kill` to the first byte of the first handler.");
    for state in STATES {
        compare(&state, runs(500));
    }
}
