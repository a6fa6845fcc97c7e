//! What a handler costs: registering and running each of many, beside Python; how that grows with their number; and the
//! memory of one.
//!
//! `cargo bench --bench handlers` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (9).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use support::{figures, heading, measure, median, missing, pairs, peer, row, runs, stagesh, words};

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

/// The numbers of handlers whose times are compared: by so much they may grow.
const FEW: u32 = 100_000;
const MANY: u32 = 1_000_000;
const GROWTH: f64 = 12.0;

/// Handlers whose memory is measured.
const HELD: u32 = 200_000;

/// Kinds of handlers, what registers one, and the bytes that it may take.
const KINDS: [(&str, &str, u32); 3] = [
    ("a named function", "atexit(f)", 64),
    ("a closure that captures nothing", "atexit(|| f())", 160),
    ("a closure with its turn of the loop", "atexit(|| i)", 160),
];

/// Seconds for the calls, the registrations and the handlers.
fn once(program: &[&str], count: u32) -> [f64; 3] {
    let run = measure(&words(&[program, &[&count.to_string()]].concat()));
    let seconds: Vec<f64> = run.output.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[calls, registered, run] = seconds.as_slice() else { panic!("it printed {:?}", run.output) };
    [calls, registered, run]
}

/// Bytes for each handler that is registered so: the peak with them, less the peak without.
fn memory(register: &str) -> f64 {
    let script = format!("fn f() {{ }} for i in 0..parse_int(args()[0]) {{ {register}; }} exit_now(0);");
    let peak = |count: u32| measure(&words(&[stagesh(), "-e", &script, &count.to_string()])).peak;
    (peak(HELD) - peak(0)) * 1024.0 / f64::from(HELD)
}

fn main() {
    if support::has_measured() {
        return;
    }
    let own = [stagesh(), "-e", SCRIPT];
    let runs = runs(9);
    heading("Handlers: what the script itself measures.");
    let rows = [("a plain call", None), ("registering", Some(2.0)), ("running", Some(2.0))];
    let rows = rows.map(|(what, target)| (format!("{what}, each of {FEW}, ns"), target));
    if let Some(python) = peer("python3") {
        let each = |seconds: [f64; 3]| seconds.map(|seconds| seconds * 1e9 / f64::from(FEW));
        let measured = pairs(runs, || each(once(&own, FEW)), || each(once(&[&python, "-c", PYTHON], FEW)));
        for ((what, target), pairs) in rows.iter().zip(&measured) {
            row(what, "python3", pairs, *target);
        }
    } else {
        rows.iter().for_each(|(what, _)| missing(what, "python3"));
    }
    let both = |count| {
        let [_, registering, running] = once(&own, count);
        [(registering + running) * 1e3]
    };
    let [growth] = pairs(runs.div_ceil(2), || both(MANY), || both(FEW));
    row(&format!("registering and running {MANY}, ms"), &format!("stagesh, {FEW}"), &growth, Some(GROWTH));
    for (kind, register, most) in KINDS {
        let each: Vec<f64> = (0..runs).map(|_| memory(register)).collect();
        let (each, most) = (median(&each), f64::from(most));
        figures(&format!("{kind}, bytes"), "the most it may take", runs, [each, most, each / most], Some(1.0));
    }
}
