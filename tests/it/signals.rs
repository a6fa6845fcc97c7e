//! Signals in every state of a run, and during the clean-up.

use nix::sys::signal::Signal;

use crate::harness::{Live, Output, Place, Run, code, expect_gone, file};

/// Starts a script that prints `ready` when it is where it should be, and sends it the signal there.
fn interrupt(script: &str, signal: Signal) -> Output {
    let mut live = code(&format!("atexit(print, \"cleaned\"); {script}")).start();
    live.wait_for("ready").signal(signal);
    live.end()
}

/// Fails unless TERM, sent when the script prints `ready`, ends it there and its handler runs.
#[track_caller]
fn expect_stopped(script: &str) {
    interrupt(script, Signal::SIGTERM).expect(143, "ready\ncleaned\n");
}

#[test]
fn in_a_hot_loop() {
    expect_stopped("print(\"ready\"); let i = 0; loop { i += 1; }");
}

#[test]
fn in_a_sleep() {
    expect_stopped("print(\"ready\"); sleep(600);");
}

#[test]
fn while_a_command_runs() {
    expect_stopped("sh(\"echo ready; exec sleep 600\"); print(\"never\");");
    expect_stopped("print(\"ready\"); capture([\"sleep\", \"600\"]); print(\"never\");");
    expect_stopped("print(\"ready\"); succeeds([\"sleep\", \"600\"]); print(\"never\");");
}

#[test]
fn while_a_command_runs_that_ends_well_all_the_same() {
    expect_stopped("try { sh(`trap 'exit 0' TERM; echo ready; while :; do :; done`); } catch { } print(\"never\");");
}

#[test]
fn while_reading_stdin() {
    expect_stopped("print(\"ready\"); read_line(); print(\"never\");");
    expect_stopped("print(\"ready\"); read_all(); print(\"never\");");
}

#[test]
fn inside_every_native_function_that_calls_back() {
    for call in [
        "[1].map(|x| { wait(); x })",
        "[1].filter(|x| { wait(); true })",
        "[1].for_each(|x| { wait(); })",
        "[1, 2].sort(|a, b| { wait(); 0 })",
        "[1, 2].reduce(|a, b| { wait(); 0 })",
        "[1].some(|x| { wait(); true })",
        "[1].all(|x| { wait(); true })",
        "[1].find(|x| { wait(); true })",
        "[1].index_of(|x| { wait(); true })",
        "[1].retain(|x| { wait(); true })",
        "[1].drain(|x| { wait(); true })",
        "[1, 1].dedup(|a, b| { wait(); true })",
        "#{a: 1}.filter(|k, v| { wait(); true })",
        "eval(\"wait()\")",
        "scope(wait)",
        "Fn(\"wait\").call()",
    ] {
        let place = Place::new();
        let script = format!(
            "fn wait() {{ print(\"ready\"); loop {{ }} }} atexit(print, \"cleaned\");
             try {{ {call}; print(\"never\"); }} catch {{ print(\"swallowed\"); }} print(\"never\");"
        );
        let mut live = file(place.write("x.rhai", script)).start();
        live.wait_for("ready").signal(Signal::SIGTERM);
        live.finish().expect(143, "ready\ncleaned\n");
    }
}

#[test]
fn inside_try_and_inside_catch() {
    expect_stopped("try { print(\"ready\"); loop { } } catch { print(\"swallowed\"); } print(\"never\");");
    expect_stopped("try { throw 1; } catch { print(\"ready\"); loop { } } print(\"never\");");
    expect_stopped("while true { try { print(\"ready\"); sleep(600); } catch { } }");
}

#[test]
fn deep_in_a_recursion() {
    expect_stopped("fn f(n) { if n == 0 { print(\"ready\"); loop { } } try { f(n - 1) } catch { } } f(900);");
}

#[test]
fn while_a_module_is_imported() {
    let place = Place::new();
    place.write("m.rhai", "print(\"ready\"); loop { }");
    let script =
        place.write("x.rhai", "atexit(print, \"cleaned\"); try { import \"m\" as m; } catch { } print(\"never\");");
    let mut live = file(script).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\ncleaned\n");
}

#[test]
fn in_a_function_of_a_module() {
    let place = Place::new();
    place.write("m.rhai", "fn f() { print(\"ready\"); loop { } }");
    let script = place
        .write("x.rhai", "import \"m\" as m; atexit(print, \"cleaned\"); try { m::f(); } catch { } print(\"never\");");
    let mut live = file(script).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\ncleaned\n");
}

#[test]
fn during_the_last_statement() {
    let script = "kill(pid(), \"TERM\")";
    code(&format!("atexit(print, \"cleaned\"); {script}")).run().expect(143, "cleaned\n");
}

#[test]
fn while_registering() {
    let script = "atexit(print, \"first\"); print(\"ready\"); loop { atexit(|| ()); }";
    let output = interrupt(script, Signal::SIGTERM);
    output.expect(143, "ready\nfirst\ncleaned\n");
}

#[test]
fn while_the_script_is_parsed() {
    // What the shell sends it before it can have parsed is acted on, and nothing of the script happens.
    let place = Place::new();
    let mut text = String::from("print(\"started\");\n");
    for number in 0..6_000 {
        text.push_str(&format!("fn f{number}(a, b) {{ a + b * {number} }}\n"));
    }
    let script = place.write("long.rhai", text);
    let mut live = Run::new().arg("-q").arg(script).start();
    live.wait_until_caught(Signal::SIGTERM).signal(Signal::SIGTERM);
    live.finish().expect(143, "");
}

#[test]
fn between_two_handlers_and_in_one_nothing_is_cut() {
    let script = "for i in 0..3 { atexit(|| { print(`begin ${i}`); read_line(); print(`end ${i}`); }); }";
    let mut live = code(script).start();
    for i in [2, 1, 0] {
        live.wait_for(&format!("begin {i}")).signal(Signal::SIGTERM).signal(Signal::SIGHUP).write(b"\n");
    }
    let output = live.finish();
    assert_eq!(output.out(), "begin 2\nend 2\nbegin 1\nend 1\nbegin 0\nend 0\n", "{output}");
    assert!(matches!(output.status.code(), Some(129 | 143)), "the first that was noted: {output}");
}

#[test]
fn a_signal_in_the_clean_up_turns_0_into_its_status_and_no_other() {
    for (end, status) in [("", 143), ("exit(7);", 7), ("throw 1;", 1)] {
        let mut live = code(&format!("atexit(|| {{ print(\"ready\"); read_line(); }}); {end}")).start();
        live.wait_for("ready").signal(Signal::SIGTERM).write(b"\n");
        live.finish().expect_code(status);
    }
}

#[test]
fn the_signal_that_ended_the_run_decides_whatever_comes_later() {
    let mut live =
        code("atexit(|| { print(\"in\"); read_line(); print(\"whole\"); }); print(\"ready\"); sleep(600);").start();
    live.wait_for("ready").signal(Signal::SIGINT);
    live.wait_for("in").signal(Signal::SIGTERM).signal(Signal::SIGTERM).signal(Signal::SIGTERM).write(b"\n");
    live.finish().expect(130, "ready\nin\nwhole\n");
}

#[test]
fn several_int_within_a_second_count_as_none_but_the_first() {
    let mut live =
        code("atexit(|| { print(\"in\"); read_line(); print(\"whole\"); }); print(\"ready\"); sleep(600);").start();
    live.wait_for("ready").signal(Signal::SIGINT);
    live.wait_for("in").signal(Signal::SIGINT).signal(Signal::SIGQUIT).signal(Signal::SIGINT).write(b"\n");
    live.finish().expect(130, "ready\nin\nwhole\n").expect_errors("stagesh: INT: running 1 exit handler\n");
}

/// A script whose handler `slow` says when a second has passed, for ever.
fn slow_script(body: &str) -> Live {
    let script = format!(
        "atexit(print, \"last\"); fn tick(n) {{ sleep(1.05); print(`tick ${{n}}`); }}
         fn slow() {{ print(\"slow\"); {body} }} atexit(slow);"
    );
    code(&script).start()
}

#[test]
fn the_first_int_that_counts_tells_and_the_second_ends_the_handler() {
    let mut live = slow_script("try { tick(1); tick(2); loop { } } catch { print(\"swallowed\"); } print(\"never\");");
    live.wait_for("tick 1").signal(Signal::SIGINT).wait_for_error("running exit handler `slow`, 1 more after it");
    live.wait_for("tick 2").signal(Signal::SIGINT);
    let output = live.finish();
    output.expect(130, "slow\ntick 1\ntick 2\nlast\n").expect_error("exit handler `slow` was interrupted");
}

#[test]
fn a_quit_counts_like_an_int_and_a_term_does_not() {
    let mut live = slow_script("tick(1); tick(2); tick(3); read_line(); print(\"whole\");");
    for tick in ["tick 1", "tick 2", "tick 3"] {
        live.wait_for(tick).signal(Signal::SIGTERM);
    }
    live.write(b"\n");
    live.finish().expect(143, "slow\ntick 1\ntick 2\ntick 3\nwhole\nlast\n").expect_not("interrupted");
    let mut live = slow_script("tick(1); tick(2); loop { }");
    live.wait_for("tick 1").signal(Signal::SIGQUIT).wait_for_error("running exit handler");
    live.wait_for("tick 2").signal(Signal::SIGINT);
    live.finish().expect(131, "slow\ntick 1\ntick 2\nlast\n").expect_error("was interrupted");
}

#[test]
fn the_int_that_began_the_clean_up_counts_as_the_first() {
    // A second after it the next one tells; the one after that ends the handler.
    let script = "atexit(print, \"last\"); fn tick(n) { sleep(1.05); print(`tick ${n}`); }
        fn slow() { tick(1); tick(2); loop { } } atexit(slow); print(\"ready\"); sleep(600);";
    let mut live = code(script).start();
    live.wait_for("ready").signal(Signal::SIGINT);
    live.wait_for("tick 1").signal(Signal::SIGINT).wait_for_error("running exit handler `slow`, 1 more after it");
    live.wait_for("tick 2").signal(Signal::SIGINT);
    live.finish().expect(130, "ready\ntick 1\ntick 2\nlast\n").expect_error("was interrupted");
}

#[test]
fn a_handler_that_is_ended_takes_its_command_with_it_and_leaves_what_it_registered() {
    let script = "atexit(print, \"last\"); fn tick(n) { sleep(1.05); print(`tick ${n}`); }
        fn slow() { atexit(print, \"nested\"); tick(1); tick(2); sh(`echo pid $$; exec sleep 600`); print(\"never\"); } atexit(slow);";
    let mut live = code(script).start();
    live.wait_for("tick 1").signal(Signal::SIGINT);
    let pid = {
        live.wait_for("tick 2");
        live.wait_for_pid("pid ")
    };
    live.signal(Signal::SIGINT);
    let output = live.finish();
    assert!(output.out().ends_with("nested\nlast\n"), "{output}");
    output.expect_code(130).expect_error("exit handler `slow` was interrupted");
    expect_gone(&[pid]);
}

#[test]
fn a_handler_that_exceeds_its_timeout_is_ended_and_reported() {
    for body in [
        "loop { }",
        "sleep(600);",
        "sh(`trap '' TERM; sleep 600 & wait; sleep 600`);",
        "read_line();",
        "[1].map(|x| { loop { } });",
    ] {
        let script = format!(
            "atexit(print, \"last\"); fn slow() {{ try {{ {body} }} catch {{ print(\"swallowed\"); }} print(\"never\"); }}
             atexit(slow).timeout(0.1);"
        );
        let output = code(&script).options(&["--grace", "0.1"]).start().end();
        output.expect(1, "last\n").expect_error("exit handler `slow` timed out");
    }
}

#[test]
fn the_limit_of_the_command_line_holds_for_handlers_without_one() {
    let script = "atexit(print, \"last\"); atexit(|| sleep(600)).name(\"short\"); atexit(|| sleep(0.3)).timeout(60).name(\"long\");";
    let output = code(script).options(&["--handler-timeout", "0.1"]).run();
    output.expect(1, "last\n").expect_error("exit handler `short` timed out").expect_not("`long`");
}

#[test]
fn a_handler_that_exceeds_its_timeout_while_it_runs_another_is_ended_with_it() {
    let script = "atexit(print, \"last\"); let inner = atexit(|| loop { }).name(\"inner\");
        atexit(|| inner.run()).name(\"outer\").timeout(0.1);";
    let output = code(script).run();
    output.expect(1, "last\n").expect_error("`inner` timed out").expect_error("`outer` timed out");
}

#[test]
fn a_timeout_does_not_repaint_a_failure() {
    code("atexit(|| sleep(600)).timeout(0.05); exit(9);").run().expect_code(9);
}

#[test]
fn a_handler_that_runs_for_ten_seconds_is_named_once() {
    let output = code("atexit(|| sleep(10.5)).name(\"destroy vm\");").run();
    output.expect(0, "").expect_errors("stagesh: exit handler `destroy vm` has been running for 10 s\n");
}

#[test]
fn with_reraise_the_run_dies_by_the_signal_that_ended_it() {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM] {
        let mut live =
            code("atexit(print, \"cleaned\"); print(\"ready\"); sleep(600);").options(&["--reraise"]).start();
        live.wait_for("ready").signal(signal);
        let output = live.finish();
        output.expect_death(signal);
        assert_eq!(output.out(), "ready\ncleaned\n", "{output}");
    }
}

#[test]
fn with_reraise_a_signal_of_the_clean_up_counts_and_another_status_does_not() {
    let script = |end: &str| format!("atexit(|| {{ print(\"ready\"); read_line(); }}); {end}");
    let mut live = code(&script("")).options(&["--reraise"]).start();
    live.wait_for("ready").signal(Signal::SIGTERM).write(b"\n");
    live.finish().expect_death(Signal::SIGTERM);
    let mut live = code(&script("exit(143);")).options(&["--reraise"]).start();
    live.wait_for("ready").signal(Signal::SIGTERM).write(b"\n");
    live.finish().expect_code(143);
}

/// As `unshare` starts it: PID 1 of a namespace of processes. Some systems let nobody have one.
#[test]
fn with_reraise_pid_1_exits_with_the_status_of_the_signal() {
    let namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork"];
    let can = std::process::Command::new(namespace[0]).args(&namespace[1..]).arg("true").output();
    if !can.is_ok_and(|output| output.status.success()) {
        return;
    }
    let script = "atexit(print, \"cleaned\"); print(pid()); kill(pid(), \"TERM\");";
    code(script).options(&["--reraise"]).under(&namespace).run().expect(143, "1\ncleaned\n");
    // What is not trapped does not end PID 1 either, as the kernel has it: the script goes on.
    code("untrap(\"TERM\"); kill(pid(), \"TERM\"); print(\"on\");").under(&namespace).run().expect(0, "on\n");
}

#[test]
fn a_kill_of_a_command_alone_is_a_script_error() {
    let mut live = code("atexit(print, \"cleaned\"); sh(`echo pid $$; exec sleep 600`);").start();
    let pid = live.wait_for_pid("pid ");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
    live.finish().expect_code(1).expect_error("was killed by KILL");
}

#[test]
fn a_signal_that_the_script_sends_to_itself_stops_it_at_once() {
    code("atexit(print, \"cleaned\"); kill(pid(), \"USR1\");").run().expect_death(Signal::SIGUSR1);
    code("atexit(print, \"cleaned\"); try { kill(pid(), \"INT\"); print(\"never\"); } catch { } print(\"never\");")
        .run()
        .expect(130, "cleaned\n");
}

#[test]
fn no_command_starts_and_nothing_is_printed_after_a_stop() {
    let place = Place::new();
    let script =
        "atexit(print, \"cleaned\"); try { exit(3); } catch { } print(\"never\"); run([\"touch\", args()[0]]);";
    code(script).arg(place.path().join("touched")).run().expect(3, "cleaned\n");
    assert!(place.list().is_empty(), "{:?}", place.list());
}
