//! What a handler costs: registering and running each of many, in nanoseconds, beside a plain call of the
//! same function. A cost that grows with their number would show from row to row.
//!
//! `cargo bench --bench handlers` runs it.

#![allow(clippy::print_stdout)]

use std::process::{Command, Stdio};

const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

/// Runs of each row; the best of them is printed, as the least disturbed.
const RUNS: usize = 5;

/// Prints the seconds that `n` calls, registrations and handlers take.
const SCRIPT: &str = r"
fn f() { }
let n = parse_int(args()[0]);
let start = timestamp();
for i in 0..n { f(); }
let calls = start.elapsed;
let begun = timestamp();
let registered = 0.0;
atexit(|| print(`${calls} ${registered} ${begun.elapsed}`));
let start = timestamp();
for i in 0..n { atexit(f); }
registered = start.elapsed;
atexit(|| begun = timestamp());
";

/// The same in Python.
const PYTHON: &str = r"
import atexit, sys, time
def f(): pass
n = int(sys.argv[1])
start = time.perf_counter()
for i in range(n): f()
calls = time.perf_counter() - start
def done(): print(calls, registered, time.perf_counter() - begun)
atexit.register(done)
start = time.perf_counter()
for i in range(n): atexit.register(f)
registered = time.perf_counter() - start
def begin():
    global begun
    begun = time.perf_counter()
atexit.register(begin)
";

/// Nanoseconds for each call, registration and handler; `None` if the program is not installed.
fn once(words: &[&str], count: u32) -> Option<[f64; 3]> {
    let output = Command::new(words[0]).args(&words[1..]).arg(count.to_string()).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seconds: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [calls, registered, run] = seconds.as_slice() else { panic!("it printed {text:?}") };
    Some([calls, registered, run].map(|seconds| seconds * 1e9 / f64::from(count)))
}

fn main() {
    println!("{:<10} {:>9} {:>10} {:>14} {:>10}", "program", "handlers", "call ns", "registering ns", "running ns");
    for count in [10_000, 100_000, 1_000_000] {
        for words in [&[STAGESH, "-e", SCRIPT][..], &["python3", "-c", PYTHON]] {
            let runs: Vec<[f64; 3]> = (0..RUNS).filter_map(|_| once(words, count)).collect();
            let best = |column: usize| runs.iter().map(|run| run[column]).min_by(f64::total_cmp);
            let (Some(call), Some(registering), Some(running)) = (best(0), best(1), best(2)) else { continue };
            let name = if words[0] == STAGESH { "stagesh" } else { words[0] };
            println!("{name:<10} {count:>9} {call:>10.0} {registering:>14.0} {running:>10.0}");
        }
    }
}
