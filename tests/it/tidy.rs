//! The rules of the house, as far as a machine can check them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;

/// The floors, lowest first: a file may name its own floor and those below. `docs/architecture.md`.
const FLOORS: [&str; 5] = ["sys", "host", "builtins", "engine", "cli"];

/// Crates, and the floors that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("rhai", &["builtins", "engine"]),
    ("signal_hook", &["sys"]),
    ("nix", &["sys"]),
    ("rustix", &["sys"]),
    ("stagesh_alloc", &["sys"]),
    ("stagesh_entry", &["sys"]),
    ("stagesh_inbox", &["sys"]),
    ("stagesh_spawn", &["sys"]),
    ("tempfile", &["sys", "host"]),
    ("globset", &["builtins"]),
    ("sha2", &["builtins"]),
    ("clap", &["builtins", "cli"]),
    ("colored", &["cli"]),
    ("anyhow", &["cli"]),
    ("annotate_snippets", &["cli"]),
    ("rustyline", &["cli"]),
    ("strsim", &["builtins"]),
    ("serde_json", &["builtins", "cli"]),
    ("toml", &["builtins"]),
    ("jiff", &["sys", "builtins"]),
    ("unicode_width", &["host", "cli"]),
];

/// A file longer than this holds more than one idea.
const MOST_LINES: usize = 700;

/// Every file below a directory with one of these endings, in order.
fn files(directory: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "target" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of `src`, each with its path below it.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let name = |path: &Path| path.strip_prefix(&src).expect("it is below").to_string_lossy().into_owned();
    files(&src, &[".rs"]).iter().map(|path| (name(path), read(path))).collect()
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn floor_of(path: &str) -> Option<usize> {
    let first = path.split('/').next().expect("a path has a first part");
    FLOORS.iter().position(|floor| *floor == first)
}

#[test]
fn no_floor_names_one_above_it() {
    for (path, text) in sources() {
        let Some(floor) = floor_of(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for above in &FLOORS[floor + 1..] {
                assert!(!code(line).contains(&format!("crate::{above}")), "src/{path}:{} names {above}", number + 1);
            }
        }
    }
}

#[test]
fn each_crate_is_named_on_its_floors_only() {
    for (path, text) in sources() {
        let Some(floor) = floor_of(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (name, floors) in CRATES {
                let is_whole = |at: usize| !code(line)[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let named = code(line).match_indices(&format!("{name}::")).any(|(at, _)| is_whole(at));
                assert!(!named || floors.contains(&FLOORS[floor]), "src/{path}:{} names {name}", number + 1);
            }
        }
    }
}

#[test]
fn every_file_says_first_what_it_is() {
    let all = files(&root().join("src"), &[".rs"]).into_iter().chain(files(&root().join("tests"), &[".rs"]));
    let others = ["benches", "crates"].map(|directory| files(&root().join(directory), &[".rs"]));
    for path in all.chain(others.into_iter().flatten()) {
        assert!(read(&path).starts_with("//! "), "{}", path.display());
    }
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= MOST_LINES, "src/{path} has {} lines", text.lines().count());
    }
}

#[test]
fn nothing_is_left_for_later() {
    for path in files(root(), &[".rs", ".rhai"]) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            for word in ["todo!", "unimplemented!", "dbg!(", "TODO", "FIXME", "XXX", "#[ignore]"] {
                assert!(!line.contains(word), "{}:{}: {word}", path.display(), number + 1);
            }
            assert_eq!(line, line.trim_end(), "{}:{} ends with a blank", path.display(), number + 1);
        }
    }
}

#[test]
fn the_architecture_lists_every_file() {
    let page = read(&root().join("docs/architecture.md"));
    for (path, _) in sources() {
        assert!(page.contains(&format!("`{path}`")), "docs/architecture.md does not name `{path}`");
    }
}

#[test]
fn every_dependency_says_what_it_earns() {
    for manifest in [
        "Cargo.toml",
        "crates/alloc/Cargo.toml",
        "crates/entry/Cargo.toml",
        "crates/inbox/Cargo.toml",
        "crates/spawn/Cargo.toml",
    ] {
        let manifest = read(&root().join(manifest));
        let mut section = "";
        let mut before = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") && line.contains(" = ") {
                assert!(before.starts_with('#'), "{line}");
            }
            before = line;
        }
    }
}

/// The targets of the links in a page.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for path in files(root(), &[".md"]) {
        let text = read(&path);
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().expect("it is a file").join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            let anchors: BTreeSet<String> = if anchor.is_empty() { BTreeSet::new() } else { anchors(&read(&target)) };
            assert!(anchor.is_empty() || anchors.contains(anchor), "{}: {link}", path.display());
        }
    }
}

/// The anchors that a page's headings have: lower case, blanks as dashes, without punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
    headings.map(|heading| heading.to_lowercase().replace(|c| !kept(c), "").replace(' ', "-")).collect()
}
