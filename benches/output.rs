//! What `print` costs: a million lines into a file and into a pipe, beside perl.
//!
//! `cargo bench --bench output` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (9).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use support::{Sink, heading, measure_into, missing, pairs, peer, row, runs, stagesh, words};

/// Lines of each run.
const LINES: usize = 1_000_000;

fn main() {
    if support::has_measured() {
        return;
    }
    heading("Output: a million times `print`, the whole run.");
    let own = words(&[stagesh(), "-e", &format!("for i in 1..={LINES} {{ print(i); }}")]);
    for (place, sink) in [("a file", Sink::File), ("a pipe", Sink::Pipe)] {
        let what = |unit| format!("into {place}: {unit}");
        let Some(perl) = peer("perl") else {
            missing(&what("wall, s"), "perl");
            missing(&what("CPU, s"), "perl");
            continue;
        };
        let other = words(&[&perl, "-e", &format!("for my $i (1..{LINES}) {{ print \"$i\\n\"; }}")]);
        let once = |words| {
            let run = measure_into(words, sink);
            assert_eq!(run.output.lines().count(), LINES, "each line comes");
            [run.wall, run.cpu]
        };
        let [wall, cpu] = pairs(runs(9), || once(&own), || once(&other));
        row(&what("wall, s"), "perl", &wall, Some(1.5));
        row(&what("CPU, s"), "perl", &cpu, Some(1.5));
    }
}
