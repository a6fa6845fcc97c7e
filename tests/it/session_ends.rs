//! What stops a line of an interactive session, and what ends the session.

use nix::sys::signal::Signal;

use crate::harness::{Live, Output, Place, Run, expect_gone};
use crate::session::{after, prints, session};

/// A session that is alive, after these lines.
fn begin(lines: &[&str]) -> Live {
    let mut live = Run::new().arg("-i").start();
    type_in(&mut live, lines);
    live
}

fn type_in(live: &mut Live, lines: &[&str]) {
    live.write((lines.join("\n") + "\n").as_bytes());
}

#[test]
fn exit_leaves_with_its_code_and_handlers_run_once() {
    for (line, status, said) in [
        ("exit(7)", 7, ""),
        ("exit(0)", 0, ""),
        ("exit()", 0, ""),
        ("exit(false)", 1, ""),
        ("exit(\"why\")", 1, "why\n"),
        ("try { exit(7) } catch { } print(\"never\")", 7, ""),
        ("[1].map(|x| exit(7))", 7, ""),
        ("fn f() { exit(7) } f()", 7, ""),
        ("scope(|| exit(7))", 7, ""),
        ("eval(\"exit(7)\")", 7, ""),
    ] {
        let lines = ["let h = atexit(print, \"cleaned\");", line, "print(\"never\")"];
        session(&lines).run().expect(status, "cleaned\n").expect_errors(said);
    }
}

#[test]
fn after_exit_no_line_is_read() {
    let mut live = begin(&["exit(3)"]);
    type_in(&mut live, &["print(\"never\")"]);
    live.end().expect(3, "").expect_no_error();
}

#[test]
fn input_that_cannot_be_read_is_no_end_of_it() {
    let shell = ["sh", "-c", "exec \"$0\" \"$@\" </"];
    let run = Run::new().options(&["-i"]).arg("-e").arg("atexit(print, \"cleaned\");").under(&shell);
    run.run().expect(1, "cleaned\n").expect_errors("stagesh: read_line: cannot read standard input: is a directory\n");
}

#[test]
fn a_handler_that_fails_or_exits_turns_the_status() {
    session(&["let h = atexit(|| throw \"late\");", "1"]).run().expect(1, "1\n").expect_error("error: late");
    session(&["let h = atexit(|| exit(9));"]).run().expect(9, "");
    session(&["let h = atexit(|| exit(9));", "exit(4)"]).run().expect(4, "");
}

#[test]
fn the_end_of_the_input_leaves_with_0() {
    Run::new().arg("-i").run().expect(0, "").expect_no_error();
    prints(&["let h = atexit(print, \"cleaned\");"], "cleaned\n");
}

#[test]
fn a_script_that_failed_leaves_what_it_had_and_the_status_is_1() {
    let script = "let a = 1; atexit(print, \"cleaned\"); fn f() { 7 } throw \"bad\"; let b = 2;";
    after(script, &[], &["a", "f()"]).expect(1, "1\n7\ncleaned\n").expect_error("error: bad\n");
    after(script, &[], &["b"]).expect(1, "cleaned\n").expect_error("there is no variable `b`");
    // The first that is not 0 decides.
    after(script, &[], &["exit(0)"]).expect(1, "cleaned\n");
    after(script, &[], &["exit(4)"]).expect(1, "cleaned\n");
    // What cannot start has no session.
    after("let = ;", &[], &["print(\"never\")"]).expect(2, "");
}

#[test]
fn a_script_that_has_called_exit_leaves_its_status() {
    let script = |code: u8| format!("let a = 1; atexit(print, \"cleaned\"); exit({code}); let b = 2;");
    after(&script(3), &[], &["a"]).expect(3, "1\ncleaned\n").expect_no_error();
    after(&script(3), &[], &["a", "exit(4)"]).expect(3, "1\ncleaned\n").expect_no_error();
    after(&script(0), &[], &["a"]).expect(0, "1\ncleaned\n").expect_no_error();
    after(&script(0), &[], &["a", "exit(4)"]).expect(4, "1\ncleaned\n").expect_no_error();
}

#[test]
fn without_dash_i_no_line_is_read() {
    let place = Place::new();
    let script = place.write("main.rhai", "print(\"script\");");
    Run::new().arg(&script).stdin("print(\"never\")\n").run().expect(0, "script\n").expect_no_error();
    // A standard input that is no terminal is the script.
    Run::new().stdin("let x = 1;\nx;\nprint(x)").run().expect(0, "1\n").expect_no_error();
    // With `-` it was read to its end.
    Run::new().arg("-i").arg("-").stdin("let x = 1;\nx;\nprint(x)").run().expect(0, "1\n").expect_no_error();
}

#[test]
fn a_session_cannot_be_checked() {
    for words in [&["-i", "--check"][..], &["--check", "-i", "x.rhai"], &["-i", "-c", "-e", "1"]] {
        let run = words.iter().fold(Run::new(), |run, word| run.arg(word));
        run.stdin("print(\"never\")\n").run().expect(2, "").expect_error("cannot be used with");
    }
}

/// Starts a session with a handler, sends it the signal when a line has printed `ready`, then gives it a line.
fn interrupted(line: &str, signal: Signal) -> Output {
    let mut live = begin(&["let h = atexit(print, \"cleaned\"); let x = 1;", line]);
    live.wait_for("ready").signal(signal);
    type_in(&mut live, &["print(`then ${x}`);"]);
    live.finish()
}

const RUNNING: [&str; 12] = [
    "print(\"ready\"); sleep(600);",
    "print(\"ready\"); loop { }",
    "print(\"ready\"); let i = 0; loop { try { loop { i += 1; } } catch { } }",
    "print(\"ready\"); fn hot(n) { loop { [1, 2].map(|x| x + n); } } hot(1);",
    "sh(\"echo ready; exec sleep 600\"); print(\"never\");",
    "print(\"ready\"); capture([\"sleep\", \"600\"]); print(\"never\");",
    // It does something else first, and ends well.
    "sh(`trap 'trap \"\" INT; sleep 0.3; exit 0' INT TERM; echo ready; while :; do sleep 0.01; done`); print(\"never\");",
    "sh(`trap 'exit 0' INT TERM; echo ready; while :; do sleep 0.01; done`); print(\"never\");",
    "let p = start(shell(\"echo ready; exec sleep 600\")); p.wait(); print(\"never\");",
    "scope(|| { print(\"ready\"); sleep(600); }); print(\"never\");",
    "stage(\"s\", || { print(\"ready\"); sleep(600); }); print(\"never\");",
    "retry(100, || { print(\"ready\"); sleep(600); throw 1 }); print(\"never\");",
];

#[test]
fn term_while_a_line_runs_ends_the_session_and_handlers_run() {
    for line in RUNNING {
        let output = interrupted(line, Signal::SIGTERM);
        output.expect(143, "ready\ncleaned\n").expect_error("stagesh: TERM: running ");
    }
    for (signal, status) in [(Signal::SIGHUP, 129), (Signal::SIGQUIT, 131), (Signal::SIGPIPE, 141)] {
        interrupted(RUNNING[0], signal).expect(status, "ready\ncleaned\n");
    }
}

#[test]
fn int_while_a_line_runs_stops_that_line_and_nothing_else() {
    for line in RUNNING {
        let output = interrupted(line, Signal::SIGINT);
        output.expect(0, "ready\nthen 1\ncleaned\n").expect_not("error").expect_error("interrupted");
    }
}

#[test]
fn int_while_a_handler_runs_by_a_line_cuts_nothing_and_then_stops_the_line() {
    let mut live = begin(&[
        "let h = atexit(print, \"cleaned\");",
        "fn slow() { print(\"ready\"); print(read_line()); print(\"whole\"); }",
        "let s = atexit(slow); s.run(); print(\"never\");",
    ]);
    // The signal comes before the line that is written after it.
    live.wait_for("ready").signal(Signal::SIGINT);
    type_in(&mut live, &["read", "s.pending", "print(\"then\");"]);
    live.finish().expect(0, "ready\nread\nwhole\nfalse\nthen\ncleaned\n").expect_not("error");
}

#[test]
fn int_ends_no_handler_of_the_end_and_is_the_status_there() {
    let mut live = begin(&["let h = atexit(|| { print(\"ready\"); print(read_line()); });", "exit(0)"]);
    live.wait_for("ready").signal(Signal::SIGINT);
    type_in(&mut live, &["whole"]);
    live.finish().expect(130, "ready\nwhole\n");
}

#[test]
fn int_between_lines_stops_nothing() {
    let mut live = begin(&["let h = atexit(print, \"cleaned\"); print(\"ready\");"]);
    live.wait_for("ready").signal(Signal::SIGINT);
    type_in(&mut live, &["print(\"then\");"]);
    live.wait_for("then");
    // What it gives up is a line that is not whole.
    type_in(&mut live, &["print(\"in two\"); print([1,"]);
    type_in(&mut live, &["2]);", "print(\"ready again\");"]);
    live.wait_for("ready again").signal(Signal::SIGINT).signal(Signal::SIGINT);
    type_in(&mut live, &["print(\"last\");"]);
    live.finish().expect(0, "ready\nthen\nin two\n[1, 2]\nready again\nlast\ncleaned\n").expect_not("error");
}

#[test]
fn a_script_that_int_has_stopped_goes_on_in_the_session_and_leaves_130() {
    let place = Place::new();
    place.write("main.rhai", "let x = 1; atexit(print, \"cleaned\"); print(\"ready\"); sleep(600); let y = 2;");
    let mut live = Run::new().arg("-i").arg("main.rhai").cwd(place.path()).start();
    live.wait_for("ready").signal(Signal::SIGINT);
    type_in(&mut live, &["print(x);", "y"]);
    live.finish().expect(130, "ready\n1\ncleaned\n").expect_error("there is no variable `y`");
    let mut live = Run::new().arg("-i").arg("main.rhai").cwd(place.path()).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    type_in(&mut live, &["print(\"never\");"]);
    live.finish().expect(143, "ready\ncleaned\n");
}

#[test]
fn a_signal_between_lines_ends_the_session_and_handlers_run() {
    for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGQUIT, 131)] {
        let mut live = begin(&["let h = atexit(print, \"cleaned\"); print(\"ready\");"]);
        live.wait_for("ready").signal(signal);
        live.end().expect(status, "ready\ncleaned\n");
        // Also while a line is not whole.
        let mut live = begin(&["let h = atexit(print, \"cleaned\"); print(\"ready\");", "print([1,"]);
        live.wait_for("ready").signal(signal);
        live.end().expect(status, "ready\ncleaned\n");
    }
}

#[test]
fn a_process_in_the_background_outlives_its_line_and_is_stopped_at_the_end() {
    let mut live = begin(&["let p = start(shell(\"echo pid $$; exec sleep 600\"), #{name: \"p\"});"]);
    let pid = live.wait_for_pid("p | pid ");
    type_in(&mut live, &["print(`running ${p.running}`);", "1 / 0", "print(`still ${p.running}`);"]);
    live.wait_for("running true").wait_for("still true");
    live.finish().expect_code(0);
    expect_gone(&[pid]);
    // An INT that stops a line stops what it waits for in the foreground.
    let mut live = begin(&["let p = start(shell(\"echo pid $$; exec sleep 600\"), #{name: \"p\"});"]);
    let pid = live.wait_for_pid("p | pid ");
    type_in(&mut live, &["print(\"ready\"); sleep(600);"]);
    live.wait_for("ready").signal(Signal::SIGINT);
    type_in(&mut live, &["print(`still ${p.running}`);"]);
    live.wait_for("still true");
    live.finish().expect_code(0);
    expect_gone(&[pid]);
}

#[test]
fn traps_last_and_decide_what_a_signal_does() {
    session(&[
        "let t = trap(\"USR1\");",
        "trapped()",
        "let t = trap([\"HUP\", \"INT\", \"QUIT\", \"PIPE\", \"TERM\"]);",
        "let t = untrap(\"USR1\");",
        "trapped()",
    ])
    .options(&["-q"])
    .run()
    .expect(0, "[\"USR1\"]\n[\"HUP\", \"INT\", \"QUIT\", \"PIPE\", \"TERM\"]\n");
    let mut live = begin(&[
        "let t = trap();",
        "let t = trap(\"USR1\");",
        "let h = atexit(print, \"cleaned\");",
        "print(\"ready\"); sleep(600);",
    ]);
    live.wait_for("ready").signal(Signal::SIGUSR1);
    live.finish().expect_code(138).expect_error("USR1: running 1 exit handler");
    // What is not trapped kills, in a line and between two.
    for line in ["print(\"ready\"); sleep(600);", "print(\"ready\");"] {
        let mut live = begin(&["let t = trap(\"INT\");", "let h = atexit(print, \"never\");", line]);
        live.wait_for("ready").signal(Signal::SIGTERM);
        let output = live.end();
        output.expect_death(Signal::SIGTERM);
        assert!(!output.out().contains("never\n"), "{output}");
    }
}

#[test]
fn a_line_that_recurses_endlessly_or_panics_is_an_error_of_that_line() {
    for (line, message) in [
        ("fn r(n) { r(n + 1) } r(0)", "endless recursion"),
        ("let f = |g| g.call(g); f.call(f)", "endless recursion"),
        ("let m = #{}; m.f = || m; m.to_json();", "internal error: "),
        ("let h = atexit(|| throw \"late\"); h.run();", "late"),
    ] {
        let mut lines = vec!["let h = atexit(print, \"cleaned\"); let x = 1;"];
        // Each time, not only once.
        lines.extend([line, line, "x"]);
        let output = session(&lines).run();
        let status = i32::from(message == "late");
        output.expect(status, "1\ncleaned\n").expect_error(message);
    }
}

#[test]
fn a_reader_that_is_gone_ends_the_session() {
    let run = session(&["let h = atexit([\"touch\", \"cleaned\"]);", "loop { print(\"y\"); }"]);
    let place = Place::new();
    let output = run.cwd(place.path()).under(&["sh", "-c", "\"$@\" | head -n1; exit ${PIPESTATUS-0}", "sh"]).run();
    assert_eq!(output.out(), "y\n", "{output}");
    assert_eq!(place.list(), ["cleaned"]);
}
