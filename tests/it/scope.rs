//! `scope`, and handlers that a script calls before its end.

use nix::sys::signal::Signal;

use crate::harness::code;

#[test]
fn a_scope_returns_what_its_function_returns() {
    code("print(scope(|a, b| a + b, 1, 2));").run().expect(0, "3\n");
    code("fn f(a) { a * 2 } print(scope(f, 4));").run().expect(0, "8\n");
    code("print(scope(|| ()) == ());").run().expect(0, "true\n");
}

#[test]
fn what_a_scope_registered_runs_when_it_ends_and_the_rest_does_not() {
    code("atexit(print, 1); scope(|| { atexit(print, 2); atexit(print, 3); print(\"in\"); }); print(\"after\");")
        .run()
        .expect(0, "in\n3\n2\nafter\n1\n");
}

#[test]
fn handlers_of_a_scope_run_before_it_returns_its_value() {
    code("let log = []; let r = scope(|| { atexit(|| log.push(1)); 5 }); print(`${log} ${r}`);")
        .run()
        .expect(0, "[1] 5\n");
}

#[test]
fn a_scope_passes_the_error_on_when_its_handlers_have_run() {
    code("try { scope(|| { atexit(print, \"cleaned\"); throw \"bad\"; }); } catch (e) { print(e); }")
        .run()
        .expect(0, "cleaned\nbad\n");
    code("scope(|| { atexit(print, \"cleaned\"); throw \"bad\"; }); print(\"never\");")
        .run()
        .expect(1, "cleaned\n")
        .expect_error("error: bad\n");
}

#[test]
fn an_exit_in_a_scope_runs_its_handlers_and_goes_on_to_end_the_run() {
    code("atexit(print, 1); try { scope(|| { atexit(print, 2); exit(7); }); } catch { print(\"swallowed\"); } print(\"never\");")
        .run()
        .expect(7, "2\n1\n");
}

#[test]
fn a_signal_in_a_scope_runs_its_handlers_and_goes_on_to_end_the_run() {
    let mut live = code(
        "atexit(print, 1); try { scope(|| { atexit(print, 2); print(\"ready\"); loop { } }); } catch { } print(\"never\");",
    )
    .start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\n2\n1\n");
}

#[test]
fn a_signal_in_the_clean_up_of_a_scope_waits_until_it_is_done() {
    let script = "atexit(print, 1);
        scope(|| { atexit(print, 2); atexit(|| { print(\"ready\"); read_line(); print(\"whole\"); }); });
        print(\"never\");";
    let mut live = code(script).start();
    live.wait_for("ready").signal(Signal::SIGTERM).write(b"\n");
    live.finish().expect(143, "ready\nwhole\n2\n1\n");
}

#[test]
fn what_the_handlers_of_a_scope_hold_is_free_when_they_are_done() {
    let script = "fn peak() { parse_int(capture(shell(`grep VmHWM /proc/$1/status | tr -dc 0-9`, pid()))) }
        fn hold(text) { } fn turn() { scope(|| { let text = \"\"; text.pad(100000, 'x'); atexit(|| text.len()); atexit(hold, text); }); }
        for n in 0..100 { turn(); } let before = peak(); for n in 0..300 { turn(); } print(peak() - before < 10000);";
    code(script).run().expect(0, "true\n");
}

#[test]
fn a_failing_handler_of_a_scope_is_reported_and_counts_for_the_final_status() {
    let output = code("scope(|| { atexit(print, 1); atexit(|| throw \"bad\"); }); print(\"after\");").run();
    output.expect(1, "1\nafter\n").expect_error("error: bad\n").expect_error("in the exit handler `closure`");
    code("scope(|| { atexit(|| exit(5)); }); print(\"after\");").run().expect(5, "after\n");
    code("scope(|| { atexit(|| exit(5)); }); exit(9);").run().expect_code(9);
}

#[test]
fn a_scope_in_a_scope_cleans_up_its_own() {
    code("scope(|| { atexit(print, 1); scope(|| { atexit(print, 2); }); print(\"between\"); atexit(print, 3); });")
        .run()
        .expect(0, "2\nbetween\n3\n1\n");
}

#[test]
fn a_scope_in_a_handler_cleans_up_its_own() {
    code("atexit(print, 1); atexit(|| { scope(|| { atexit(print, 2); print(\"in\"); }); print(\"after\"); });")
        .run()
        .expect(0, "in\n2\nafter\n1\n");
}

#[test]
fn a_handler_that_a_handler_of_a_scope_registers_runs_in_it() {
    code("scope(|| { atexit(|| { atexit(print, 2); print(1); }); }); print(3);").run().expect(0, "1\n2\n3\n");
}

#[test]
fn a_scope_refuses_what_it_cannot_call() {
    code("scope(5);").run().expect_code(1).expect_error("scope: expected a function");
    code("scope(|a| a);").run().expect_code(1).expect_error("takes 1 argument but 0 were given");
    code("fn f() { } scope(f, 1);")
        .run()
        .expect_code(1)
        .expect_error("scope: function `f` takes 0 arguments but 1 was given");
}

#[test]
fn outcome_says_in_a_handler_of_a_scope_why_the_scope_ends() {
    let tell = "fn tell(name) { print(`${name} ${outcome().ok}`); } atexit(tell, \"run\");";
    let script = format!("{tell} try {{ scope(|| {{ atexit(tell, \"scope\"); throw 1; }}); }} catch {{ }}");
    code(&script).run().expect(0, "scope false\nrun true\n");
}

#[test]
fn an_exit_in_a_handler_that_run_calls_ends_that_handler_alone() {
    code("let h = atexit(|| { exit(4); print(\"never\"); }); h.run(); print(\"after\");").run().expect(4, "after\n");
}

#[test]
fn a_signal_in_a_handler_that_run_calls_waits_until_it_is_done() {
    let script = "let h = atexit(|| { print(\"ready\"); read_line(); print(\"whole\"); }); h.run(); print(\"never\");";
    let mut live = code(script).start();
    live.wait_for("ready").signal(Signal::SIGTERM).write(b"\n");
    live.finish().expect(143, "ready\nwhole\n");
}
