//! `outcome`: what a handler is told of the end.

use crate::harness::{code, prints};

const TELL: &str = "atexit(|| { let o = outcome(); print(`${o.ok} ${o.status} ${o.signal} ${o.error}`); });";

#[test]
fn outcome_is_nothing_while_the_script_runs() {
    prints("print(outcome() == ()); scope(|| print(outcome() == ()));", "true\ntrue\n");
}

#[test]
fn outcome_tells_of_an_end() {
    prints(TELL, "true 0  \n");
}

#[test]
fn outcome_tells_of_an_exit() {
    code(&format!("{TELL} exit(7);")).run().expect(7, "false 7  \n");
    code(&format!("{TELL} exit(0);")).run().expect(0, "true 0  \n");
}

#[test]
fn outcome_tells_of_an_error() {
    code(&format!("{TELL} throw \"no disk\";")).run().expect(1, "false 1  no disk\n");
}

#[test]
fn outcome_tells_of_a_signal() {
    code(&format!("{TELL} kill(pid(), \"TERM\"); loop {{}}")).run().expect(143, "false 143 TERM \n");
}

#[test]
fn outcome_is_that_of_the_script_whatever_the_clean_up_did() {
    code(&format!("{TELL} atexit(|| throw \"x\"); {TELL}")).run().expect(1, "true 0  \ntrue 0  \n");
}

#[test]
fn outcome_of_a_handler_that_is_run_early_is_nothing() {
    prints("let h = atexit(|| outcome() == ()); print(h.run());", "true\n");
}

#[test]
fn a_part_that_the_outcome_does_not_have_is_an_error_with_the_nearest() {
    code("atexit(|| outcome().state);").run().expect(1, "").expect_error("did you mean `status`?");
}
