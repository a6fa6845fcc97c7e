//! `scripts/builds.rhai` and `scripts/server.rhai`: to their ends, failing, and stopped.

use nix::sys::signal::Signal;

use crate::harness::{Place, Run, expect_gone, file, root};

fn script(name: &str) -> Run {
    file(root().join("scripts").join(name))
}

#[test]
fn three_builds_run_at_once() {
    // Each waits for the one after it: one after the other they would never end.
    let place = Place::new();
    let wait = |own: &str, other: &str| format!("touch {own}; while [ ! -e {other} ]; do sleep 0.01; done; echo done");
    let output =
        script("builds.rhai").arg(wait("a", "b")).arg(wait("b", "c")).arg(wait("c", "a")).cwd(place.path()).run();
    output.expect_code(0).expect_no_error();
    for name in ["api", "web", "docs"] {
        assert!(output.out().contains(&format!("{name} | done\n")), "{output}");
    }
    assert!(output.out().ends_with("api is built\nweb is built\ndocs is built\n"), "{output}");
}

#[test]
fn a_build_that_fails_stops_the_others_with_all_that_they_started() {
    let hang = "sleep 600 & echo pid $!; touch $$; wait";
    let place = Place::new();
    let fail = "while [ $(ls | wc -l) -lt 2 ]; do sleep 0.01; done; exit 3";
    let output = script("builds.rhai").arg(hang).arg(fail).arg(hang).cwd(place.path()).run();
    output.expect_code(1).expect_error("error: web: `/bin/sh").expect_error("exited with 3");
    let pids: Vec<i32> = output.out().lines().filter_map(|line| line.split_once("pid ")?.1.parse().ok()).collect();
    assert_eq!(pids.len(), 2, "{output}");
    expect_gone(&pids);
}

#[test]
fn builds_that_are_interrupted_leave_nothing() {
    let hang = "sleep 600 & echo pid $!; wait";
    let mut live = script("builds.rhai").arg(hang).arg(hang).arg(hang).start();
    let mut pids = Vec::new();
    for _ in 0..3 {
        let line = live.wait_for_prefix("");
        pids.push(line.split_once("pid ").and_then(|(_, pid)| pid.parse().ok()).expect("it is told"));
    }
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    expect_gone(&pids);
}

#[test]
fn a_server_is_tested_and_stopped() {
    let place = Place::new();
    let output = script("server.rhai").env("TMPDIR", place.path().to_str()).run();
    output.expect(0, "stage: start\nstage: wait\nstage: test\npassed\n").expect_no_error();
    assert!(place.list().is_empty(), "{:?}", place.list());
}

#[test]
fn a_server_is_stopped_whatever_happens_to_the_test() {
    for (test, code) in [("exit 4", 1), ("kill -TERM $PPID; sleep 600", 143)] {
        let place = Place::new();
        let output = script("server.rhai").arg("sh").arg("-c").arg(test).env("TMPDIR", place.path().to_str()).run();
        // That nothing holds its output open shows that the server has ended.
        output.expect_code(code);
        assert!(place.list().is_empty(), "{:?}", place.list());
    }
}
