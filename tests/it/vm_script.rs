//! `scripts/vm.rhai` with a stand-in for the provider's program, which keeps what was made as files and refuses to delete what is
//! in use: run to its end, failing and killed at each stage. It leaves nothing but the result.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::harness::{Place, Run, expect_gone, file, root};

const SIGNALS: [Signal; 5] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM];

/// What is asked of the provider, in order: each may fail or hang, before it has done its work or after.
const POINTS: [&str; 9] = [
    "key create",
    "network create",
    "volume create",
    "machine create",
    "true",
    "mount-volume",
    "copy to",
    "make",
    "copy from",
];

/// Those of them whose words are not dropped.
const LOUD: [&str; 8] =
    ["key create", "network create", "volume create", "machine create", "mount-volume", "copy to", "make", "copy from"];

/// A provider: `$STATE` has a file for each thing, which names what it uses.
const CLOUD: &str = r#"#!/bin/sh
point() {
    if [ "$FAIL" = "$1" ]; then echo "fails at $1" >&2; exit 7; fi
    if [ "$PAUSE" = "$1" ]; then echo "$$ is at $1" >&2; exec sleep 600; fi
}
echo "$*" >> "$CALLS"
case "$1 $2" in
    *" create")
        kind=$1; name=$3; shift 3
        point "before $kind create"
        echo "$*" > "$STATE/$kind-$name"
        [ "$kind" != key ] || (umask 077; echo "a key" > "$2")
        point "after $kind create";;
    *" delete")
        [ "$1" = machine ] || ! ls "$STATE" | grep -q '^machine-' || { echo "$1 is in use" >&2; exit 9; }
        rm -f "$STATE/$1-$4";;
    ssh*)
        [ "$(cat "$3")" = "a key" ] || exit 8
        shift 4; point "before $1"
        # It does not answer at once.
        if [ "$1" = true ] && [ ! -e "$STATE/../booted" ]; then touch "$STATE/../booted"; exit 255; fi
        [ "$1" != make ] || tar -cf "$BUILT" -C "$SITE" .
        point "after $1";;
    copy*)
        case "$4" in *:*) way=from;; *) way=to;; esac
        point "before copy $way"
        [ "$way" = to ] || cp "$BUILT" "$5"
        point "after copy $way";;
esac
"#;

struct Provider {
    place: Place,
}

impl Provider {
    fn new() -> Self {
        let provider = Self { place: Place::new() };
        provider.place.write("site/index.html", "<p>hello</p>\n");
        for directory in ["state", "tmp", "out"] {
            std::fs::create_dir(provider.path(directory)).expect("it is new");
        }
        let cloud = provider.place.write("cloud", CLOUD);
        std::fs::set_permissions(cloud, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        provider
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn script(&self) -> Run {
        let variable = |run: Run, name: &str, path: &str| run.env(name, self.path(path).to_str());
        let run = file(root().join("scripts/vm.rhai")).arg("site").arg("out/site.tar").cwd(self.place.path());
        let paths = [
            ("CLOUD", "cloud"),
            ("STATE", "state"),
            ("CALLS", "calls"),
            ("BUILT", "built"),
            ("SITE", "site"),
            ("TMPDIR", "tmp"),
        ];
        paths.into_iter().fold(run, |run, (name, path)| variable(run, name, path))
    }

    fn list(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).expect("it is a directory").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[track_caller]
    fn expect_only(&self, result: &[&str]) {
        assert_eq!((self.list("state"), self.list("tmp")), (Vec::new(), Vec::new()));
        assert_eq!(self.list("out"), result);
    }
}

/// Every instant at which the script can be met.
fn instants(points: &[&'static str]) -> impl Iterator<Item = String> {
    points.iter().flat_map(|point| [format!("before {point}"), format!("after {point}")])
}

#[test]
fn a_site_is_built_and_fetched_and_everything_is_deleted_in_reverse() {
    let provider = Provider::new();
    let output = provider.script().run();
    output.expect_code(0);
    provider.expect_only(&["site.tar"]);
    let calls = provider.place.read("calls");
    let deleted: Vec<&str> =
        calls.lines().filter(|line| line.contains(" delete ")).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(deleted, ["machine", "volume", "network", "key"]);
    for stage in ["key", "network", "volume", "machine", "provision", "build", "fetch"] {
        output.expect_error(stage);
    }
}

#[test]
fn what_cannot_end_well_is_not_begun() {
    let provider = Provider::new();
    provider
        .script()
        .arg("--boot-wait")
        .arg("-5")
        .run()
        .expect(1, "")
        .expect_errors("--boot-wait is less than nothing\n");
    std::fs::remove_dir_all(provider.path("out")).expect("it is ours");
    provider.script().run().expect(1, "").expect_error("there is no directory for ");
    assert_eq!((provider.list("state"), provider.list("tmp")), (Vec::new(), Vec::new()));
}

#[test]
fn a_failure_at_any_instant_leaves_nothing() {
    for instant in instants(&POINTS) {
        let provider = Provider::new();
        // Until the machine answers, no answer is no failure.
        let wait = if instant.ends_with(" true") { "0.3" } else { "60" };
        let output = provider.script().arg("--boot-wait").arg(wait).env("FAIL", Some(&instant)).run();
        output.expect_code(1);
        provider.expect_only(&[]);
    }
}

#[test]
fn a_signal_at_any_instant_leaves_nothing() {
    for instant in instants(&LOUD) {
        for signal in SIGNALS {
            let provider = Provider::new();
            // It answers at once, or each run would wait for a second.
            provider.place.write("booted", "");
            let mut live = provider.script().env("PAUSE", Some(&instant)).start();
            let pid = live.wait_for_error_after_pid(&format!(" is at {instant}\n"));
            live.signal(signal);
            live.end().expect_code(128 + signal as i32);
            expect_gone(&[pid]);
            provider.expect_only(&[]);
        }
    }
}

#[test]
fn every_signal_while_the_machine_boots_leaves_nothing() {
    for signal in SIGNALS {
        let provider = Provider::new();
        let mut live = provider.script().env("FAIL", Some("before true")).start();
        live.wait_for_error("machine");
        live.signal(signal);
        live.end().expect_code(128 + signal as i32);
        provider.expect_only(&[]);
    }
}

#[test]
fn a_deletion_that_fails_is_tried_again_and_told() {
    let provider = Provider::new();
    let cloud = CLOUD.replace(
        "        rm -f \"$STATE/$1-$4\";;",
        "        [ \"$1\" != volume ] || exit 9\n        rm -f \"$STATE/$1-$4\";;",
    );
    assert_ne!(cloud, CLOUD);
    provider.place.write("cloud", cloud);
    let output = provider.script().run();
    output.expect_code(1).expect_error("delete volume site-").expect_error("exited with 9");
    let calls = provider.place.read("calls");
    assert_eq!(calls.matches("volume delete").count(), 3);
    // The others are deleted all the same.
    assert_eq!(provider.list("state").len(), 1);
    assert_eq!(provider.list("out"), ["site.tar"]);
}
