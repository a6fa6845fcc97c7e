//! What a command costs: a program that does nothing, started and waited for a thousand times, in microseconds each, beside
//! dash, bash and Python; and the same with a host that holds ten megabytes or a gigabyte.
//!
//! `cargo bench --bench spawn` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (5).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use support::{heading, measure, missing, pairs, peer, row, runs, stagesh, words};

/// Commands of each run.
const COMMANDS: u32 = 1000;

/// What does it in a loop of stagesh; how many bytes it holds meanwhile; beside what; the target. Each shell has a `true` of
/// its own, and is given the path.
const ROWS: [(&str, &str, u32, &str, Option<f64>); 8] = [
    ("run([\"true\"])", "run([\"true\"])", 0, "dash", Some(1.05)),
    ("run([\"true\"]), 10 MiB held", "run([\"true\"])", 10 << 20, "dash", Some(1.05)),
    ("run([\"true\"]), 1 GiB held", "run([\"true\"])", 1 << 30, "dash", Some(1.05)),
    ("run, by its path", "run([\"TRUE\"])", 0, "dash", None),
    ("capture", "capture([\"TRUE\"])", 0, "dash", None),
    ("start, wait", "start([\"TRUE\"]).wait()", 0, "dash", None),
    ("run, by its path", "run([\"TRUE\"])", 0, "bash", None),
    ("run, by its path", "run([\"TRUE\"])", 0, "python3", None),
];

/// Microseconds for each command: of the whole run, or what the program itself has measured and prints.
fn each(words: &[String]) -> [f64; 1] {
    let run = measure(words);
    let told: Option<f64> = run.output.trim().parse().ok();
    [told.unwrap_or(run.wall) * 1e6 / f64::from(COMMANDS)]
}

fn main() {
    if support::has_measured() {
        return;
    }
    let nothing = peer("true").expect("every system has `true`");
    let shell = format!("i=0; while [ $i -lt {COMMANDS} ]; do {nothing}; i=$((i + 1)); done");
    let python = format!("import subprocess\nfor i in range({COMMANDS}): subprocess.run(['{nothing}'])");
    heading("Commands: a thousand that do nothing, the whole run; for each, µs.");
    for (what, call, held, beside, target) in ROWS {
        let Some(program) = peer(beside) else {
            missing(what, beside);
            continue;
        };
        let mut script = format!("for i in 0..{COMMANDS} {{ {}; }}", call.replace("TRUE", &nothing));
        if held > 0 {
            // What fills the memory is not counted.
            script = format!("let held = blob({held}, 1); let start = timestamp(); {script} print(start.elapsed);");
        }
        let own = words(&[stagesh(), "-e", &script]);
        let other = words(&[&program, "-c", if beside == "python3" { &python } else { &shell }]);
        let [measured] = pairs(runs(5), || each(&own), || each(&other));
        row(what, beside, &measured, target);
    }
}
