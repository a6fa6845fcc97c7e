//! What `fs::copy`, `fs::remove_all`, `fs::read` and `fs::write` cost beside cp, rm and cat: a tree of 20,000 files, and a file
//! of 1 GiB, in seconds.
//!
//! `cargo bench --bench files` runs it, in `$TMPDIR`; `STAGESH_BENCH_RUNS` changes the number of pairs (2). On a virtual
//! machine whose host takes back free memory, a page that is new to the machine costs ten times what is copied to it: there
//! the figures of the large file tell of the host, unless so much memory has just been used.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use support::{cold_pairs, heading, measure, row, runs, stagesh, words};

/// Two programs that do the same, and what is run before each, and not timed. A script that prints a number says how long it
/// took, without what it had to do before.
struct Pair {
    what: &'static str,
    beside: &'static str,
    before: &'static str,
    script: &'static str,
    shell: &'static str,
}

/// The tree is `tree`, the file is `large`.
const PAIRS: [Pair; 6] = [
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
        shell: "cat large | wc -c > /dev/null",
    },
    Pair {
        what: "fs::write",
        beside: "cat",
        before: "rm -f copy",
        script: "let text = fs::read(\"large\"); let begun = timestamp(); \
                 fs::write(\"copy\", text); print(begun.elapsed);",
        shell: "cat large > copy",
    },
    Pair {
        what: "fs::read, fs::write",
        beside: "cat, cat",
        before: "rm -f copy",
        script: "fs::write(\"copy\", fs::read(\"large\"));",
        // One alone has the kernel copy the file, as `fs::copy` has.
        shell: "cat large | cat > copy",
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
            let run = measure(&words(program));
            [run.output.trim().parse().unwrap_or(run.wall)]
        };
        let (own, other) = ([stagesh(), "-e", pair.script], ["/bin/sh", "-c", pair.shell]);
        // They take long, and what they read has just been written.
        let [measured] = cold_pairs(runs(2), || once(&own), || once(&other));
        row(pair.what, pair.beside, &measured, Some(1.0));
    }
}
