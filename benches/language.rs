//! What the language costs: the programs in `benches/programs`, which use nothing but what Rhai has, beside `rhai-run` of
//! the same version of Rhai.
//!
//! `cargo bench --bench language` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (3). `RHAI_RUN` says where
//! `rhai-run` is, if not in `PATH`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use std::path::{Path, PathBuf};

use support::{figures, geometric_mean, heading, measure, missing, pairs, peer, row, runs, stagesh, words};

/// The programs, in the order of their names; the name begins with what it is about.
fn programs() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let entries = std::fs::read_dir(directory).expect("the programs are there");
    let mut programs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    programs.sort();
    programs
}

fn main() {
    if support::has_measured() {
        return;
    }
    heading("The language: the same program in each, the whole run.");
    let Some(rhai_run) = peer("rhai-run") else {
        missing("benches/programs: CPU, s", "rhai-run");
        return;
    };
    let mut ratios = Vec::new();
    for program in programs() {
        let name = program.file_stem().and_then(|stem| stem.to_str()).expect("its name is text");
        let name = name.replacen('_', ": ", 1).replace('_', " ");
        let path = program.to_str().expect("the path is text");
        let (own, other) = (words(&[stagesh(), path]), words(&[&rhai_run, path]));
        let (mut one, mut another) = (String::new(), String::new());
        let once = |words, printed: &mut String| {
            let run = measure(words);
            *printed = run.output;
            [run.cpu]
        };
        let [cpu] = pairs(runs(3), || once(&own, &mut one), || once(&other, &mut another));
        assert!(!one.is_empty() && one == another, "{name}: {one:?} and {another:?}");
        ratios.push(row(&format!("{name}: CPU, s"), "rhai-run", &cpu, Some(1.0)));
    }
    println!();
    figures("the geometric mean", "rhai-run", ratios.len(), [f64::NAN, f64::NAN, geometric_mean(&ratios)], Some(0.6));
}
