//! What `fs::copy`, `fs::remove_all`, `fs::read` and `fs::write` cost beside cp, rm and cat: a tree of 20,000 files, and a file
//! of 1 GiB, in seconds.
//!
//! `cargo bench --bench files` runs it, in `$TMPDIR`. The contenders run in turn, so that a change of the machine's speed meets all.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

/// Rounds; the median of them is printed.
const ROUNDS: usize = 5;

/// Two programs that do the same, and what is run before each, and not timed.
struct Pair {
    what: &'static str,
    before: &'static str,
    script: &'static str,
    shell: &'static str,
}

/// The tree is `tree`, the file is `large`.
const PAIRS: [Pair; 5] = [
    Pair {
        what: "fs::copy, cp -a",
        before: "rm -rf copy",
        script: "fs::copy(\"tree\", \"copy\");",
        shell: "cp -a tree copy",
    },
    Pair {
        what: "fs::remove_all, rm -rf",
        before: "rm -rf copy; cp -a tree copy",
        script: "fs::remove_all(\"copy\");",
        shell: "rm -rf copy",
    },
    Pair {
        what: "fs::read, cat",
        before: "true",
        script: "fs::read(\"large\");",
        // Into a pipe: cat has nothing to do for what goes into /dev/null.
        shell: "cat large | wc -c",
    },
    Pair {
        what: "fs::read, fs::write; cat",
        before: "rm -f copy",
        script: "fs::write(\"copy\", fs::read_bytes(\"large\"));",
        shell: "cat large > copy",
    },
    Pair {
        what: "fs::copy, cp of the file",
        before: "rm -f copy",
        script: "fs::copy(\"large\", \"copy\");",
        shell: "cp large copy",
    },
];

fn shell(place: &Path, text: &str) {
    let status = Command::new("sh").args(["-c", text]).current_dir(place).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{text}");
}

/// Seconds of one run.
fn once(place: &Path, words: &[&str]) -> f64 {
    let start = Instant::now();
    let status = Command::new(words[0]).args(&words[1..]).current_dir(place).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{words:?}");
    start.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let place = tempfile::tempdir().expect("there is room for a temporary directory");
    let place = place.path();
    shell(
        place,
        "for d in $(seq 200); do mkdir -p tree/$d; for f in $(seq 100); do echo $d $f > tree/$d/$f; done; done",
    );
    shell(place, "yes 'a line of a log that is neither short nor long' | head -c 1073741824 > large");
    println!("{:<28} {:>9} {:>9} {:>6}", "what", "stagesh", "other", "ratio");
    for pair in PAIRS {
        let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            shell(place, pair.before);
            let one = once(place, &[STAGESH, "-e", pair.script]);
            shell(place, pair.before);
            let other = once(place, &["sh", "-c", pair.shell]);
            own.push(one);
            others.push(other);
            ratios.push(one / other);
        }
        println!("{:<28} {:>9.3} {:>9.3} {:>6.2}", pair.what, median(own), median(others), median(ratios));
    }
}
