//! `exit` and the status of a run.

use crate::harness::{Live, code};

#[test]
fn every_exit_code_reaches_the_parent() {
    // Several at a time: the test is about the codes, not about the time a process takes to start.
    for chunk in (0..=255).collect::<Vec<i32>>().chunks(16) {
        let runs: Vec<(i32, Live)> = chunk.iter().map(|n| (*n, code(&format!("exit({n})")).start())).collect();
        for (n, run) in runs {
            run.finish().expect(n, "").expect_no_error();
        }
    }
}

#[test]
fn a_code_that_is_no_status_is_an_error_and_handlers_run() {
    for bad in ["256", "-1", "1.5", "()", "[1]"] {
        code(&format!("atexit(|| print(\"cleaned\")); exit({bad})"))
            .run()
            .expect(1, "cleaned\n")
            .expect_error("exit: ");
    }
}
