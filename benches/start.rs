//! What a short script costs: one that prints a line, beside dash and `rhai-run`, in time and, beside bash, in memory; and one
//! that uses a module, a closure, `atexit` and `trap`, beside the same in dash.
//!
//! `cargo bench --bench start` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (200).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use std::path::Path;

use support::{heading, measure, missing, pairs, peer, row, runs, stagesh, words};

/// Files of the scripts, and what is in them.
const FILES: [(&str, &str); 6] = [
    ("hello.rhai", "print(\"hello\")\n"),
    ("hello.sh", "echo hello\n"),
    ("staged.rhai", STAGED),
    ("names.rhai", "fn of(stage) { \"stage \" + stage }\n"),
    ("staged.sh", STAGED_SHELL),
    ("names.sh", "name_of() { name=\"stage $1\"; }\n"),
];

const STAGED: &str = r#"import "names" as names;
fn report(name) { print("removed " + name); }
trap(["HUP", "INT", "QUIT", "PIPE", "TERM"]);
let name = names::of("build");
atexit(report, name);
atexit(|| print("cleaned up after " + name));
print(name);
"#;

const STAGED_SHELL: &str = r#". "${0%/*}/names.sh"
report() { echo "cleaned up after $name"; echo "removed $name"; }
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 141' PIPE
trap 'exit 143' TERM
name_of build
trap report EXIT
echo "$name"
"#;

/// What a row is of: milliseconds of CPU time, milliseconds, KiB.
const UNITS: [&str; 3] = ["CPU, ms", "wall, ms", "peak memory, KiB"];

/// Prints a row for each target.
fn compare(place: &Path, what: &str, script: &str, (name, other): (&str, &str), targets: [Option<f64>; 3]) {
    let shown = |unit| format!("{what}: {unit}");
    let wanted = UNITS.iter().zip(targets).enumerate().filter(|(_, (_, target))| target.is_some());
    let Some(program) = peer(name) else {
        wanted.for_each(|(_, (unit, _))| missing(&shown(unit), name));
        return;
    };
    let path = |file: &str| place.join(file).to_str().expect("the temporary directory is text").to_string();
    let own = words(&[stagesh(), &path(script)]);
    let other = words(&[&program, &path(other)]);
    assert_eq!(measure(&own).output, measure(&other).output, "{what}: the two do the same");
    let once = |words| {
        let run = measure(words);
        [run.cpu * 1e3, run.wall * 1e3, run.peak]
    };
    let measured = pairs(runs(200), || once(&own), || once(&other));
    for (at, (unit, target)) in wanted {
        row(&shown(unit), name, &measured[at], target);
    }
}

fn main() {
    if support::has_measured() {
        return;
    }
    let place = tempfile::tempdir().expect("there is room for a temporary directory");
    for (name, text) in FILES {
        std::fs::write(place.path().join(name), text).expect("there is room for a file");
    }
    let place = place.path();
    heading("The start: a script in a file, run whole.");
    let hello = |beside, targets| compare(place, "hello", "hello.rhai", beside, targets);
    hello(("dash", "hello.sh"), [Some(1.0), Some(1.0), None]);
    hello(("rhai-run", "hello.rhai"), [Some(0.45), Some(0.45), None]);
    hello(("bash", "hello.sh"), [None, None, Some(1.0)]);
    let targets = [Some(1.25), Some(1.25), None];
    compare(place, "module, closure, trap, two handlers", "staged.rhai", ("dash", "staged.sh"), targets);
}
