//! What `fs::copy`, `fs::remove_all`, `fs::read` and `fs::write` cost beside cp, rm and cat: a tree of 20,000 files, and a file
//! of 1 GiB, in seconds.
//!
//! `cargo bench --bench files` runs it, in `$TMPDIR`; `STAGESH_BENCH_RUNS` changes the number of pairs (2).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use support::{cold_pairs, heading, measure, row, runs, stagesh, words};

/// Two programs that do the same, and what is run before each, and not timed.
struct Pair {
    what: &'static str,
    beside: &'static str,
    before: &'static str,
    script: &'static str,
    shell: &'static str,
}

/// The tree is `tree`, the file is `large`.
const PAIRS: [Pair; 5] = [
    Pair {
        what: "fs::copy of a tree",
        beside: "cp -a",
        before: "rm -rf copy",
        script: "fs::copy(\"tree\", \"copy\");",
        shell: "cp -a tree copy",
    },
    Pair {
        what: "fs::remove_all",
        beside: "rm -rf",
        before: "rm -rf copy; cp -a tree copy",
        script: "fs::remove_all(\"copy\");",
        shell: "rm -rf copy",
    },
    Pair {
        what: "fs::read",
        beside: "cat",
        before: "true",
        script: "fs::read(\"large\");",
        // Into a pipe: cat has nothing to do for what goes into /dev/null.
        shell: "cat large | wc -c",
    },
    Pair {
        what: "fs::read_bytes, fs::write",
        beside: "cat",
        before: "rm -f copy",
        script: "fs::write(\"copy\", fs::read_bytes(\"large\"));",
        shell: "cat large > copy",
    },
    Pair {
        what: "fs::copy of the file",
        beside: "cp",
        before: "rm -f copy",
        script: "fs::copy(\"large\", \"copy\");",
        shell: "cp large copy",
    },
];

fn shell(text: &str) {
    measure(&words(&["/bin/sh", "-c", text]));
}

fn main() {
    if support::has_measured() {
        return;
    }
    let place = tempfile::tempdir().expect("there is room for a temporary directory");
    std::env::set_current_dir(place.path()).expect("it is a directory");
    shell("for d in $(seq 200); do mkdir -p tree/$d; for f in $(seq 100); do echo $d $f > tree/$d/$f; done; done");
    shell("yes 'a line of a log that is neither short nor long' | head -c 1073741824 > large");
    heading("Files: a tree of 20,000 files, and a file of 1 GiB; seconds, the whole run.");
    for pair in PAIRS {
        let once = |program: &[&str]| {
            shell(pair.before);
            [measure(&words(program)).wall]
        };
        let (own, other) = ([stagesh(), "-e", pair.script], ["/bin/sh", "-c", pair.shell]);
        // They take long, and what they read has just been written.
        let [measured] = cold_pairs(runs(2), || once(&own), || once(&other));
        row(pair.what, pair.beside, &measured, None);
    }
}
