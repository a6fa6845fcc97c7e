//! `stage`: what is said of stages, what belongs to them, how they are ended, and the report.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Other, Place, Run, code, expect_gone, refuses, without_times};

/// What a run says on standard error, without times.
#[track_caller]
fn expect_said(run: Run, status: i32, said: &str) {
    let output = run.run();
    assert_eq!((output.status.code(), without_times(&output.err()).as_str()), (Some(status), said), "{output}");
}

#[test]
fn a_stage_gives_what_its_function_gives() {
    code("print(stage(\"add\", |a, b| a + b, 1, 2));").run().expect(0, "3\n");
    code("fn f(a) { a * 2 } print(stage(\"double\", f, 4)); stage(\"tell\", print, \"told\");")
        .run()
        .expect(0, "8\ntold\n");
    code("print(stage(#{name: \"nothing\"}, || ()) == ());").run().expect(0, "true\n");
}

#[test]
fn a_stage_is_told_when_it_begins_and_ends_and_a_table_comes_last() {
    let script = "atexit(|| eprint(\"cleaned\")); stage(\"build\", || eprint(\"building\"));";
    let said = "stagesh: stage `build` begins\nbuilding\nstagesh: stage `build`: ok in T s\ncleaned\n\
                stagesh: stages\n  build  T s  ok\n";
    expect_said(code(script), 0, said);
}

#[test]
fn a_stage_passes_an_error_on_and_says_that_it_failed() {
    let script = "try { stage(\"build\", || { throw \"bad\"; }); } catch (e) { eprint(`caught ${e}`); }";
    let said = "stagesh: stage `build` begins\nstagesh: stage `build`: failed after T s\ncaught bad\n\
                stagesh: stages\n  build  T s  failed\n";
    expect_said(code(script), 0, said);
    let output = code("stage(\"build\", || { throw \"bad\"; });").run();
    output.expect_code(1).expect_error("failed after").expect_error("error: bad\n");
}

#[test]
fn an_exit_ends_the_stages_and_the_run() {
    let script = "stage(\"outer\", || { try { stage(\"inner\", || exit(3)); } catch { } eprint(\"never\"); });";
    let said = "stagesh: stage `outer` begins\nstagesh: stage `inner` begins\n\
                stagesh: stage `inner`: exited with 3 after T s\nstagesh: stage `outer`: exited with 3 after T s\n\
                stagesh: stages\n  outer    T s  exited with 3\n    inner  T s  exited with 3\n";
    expect_said(code(script), 3, said);
}

#[test]
fn a_signal_ends_the_stage_and_the_run() {
    let script = "atexit(print, \"first\"); stage(\"build\", || { atexit(print, \"second\"); print(\"ready\"); try { sleep(600); } catch { } });
        print(\"never\");";
    let mut live = code(script).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    let output = live.finish();
    output.expect(143, "ready\nsecond\nfirst\n").expect_error("stagesh: TERM: running 2 exit handlers\n");
    output.expect_error("stagesh: stage `build`: stopped by TERM after ");
    assert!(without_times(&output.err()).ends_with("stages\n  build  T s  stopped by TERM  1 ok\n"), "{output}");
}

#[test]
fn what_a_stage_registered_runs_at_the_end() {
    code("stage(\"one\", || { atexit(print, 1); print(\"in\"); }); print(\"after\");")
        .run()
        .expect(0, "in\nafter\n1\n");
}

#[test]
fn what_is_registered_bears_the_name_of_the_innermost_stage() {
    let script = "fn f() { } atexit(f);
        stage(\"outer\", || { atexit(f); stage(\"inner\", || { atexit(f).name(\"own\"); atexit([\"true\"]); }); atexit(|| 1); });
        for h in handlers() { print(h.name); }";
    code(script).run().expect(0, "outer: closure\ninner: true\ninner: own\nouter: f\nf\n");
}

#[test]
fn the_entry_of_a_process_bears_the_name_of_its_stage() {
    code("stage(\"serve\", || start([\"sleep\", \"600\"])); print(handlers()[0].name);")
        .run()
        .expect(0, "serve: stop `sleep 600`\n");
}

#[test]
fn what_a_handler_registers_belongs_to_its_stage() {
    let script = "stage(\"build\", || { atexit(|| { atexit(print, 1); print(handlers()[0].name); }); });";
    let output = code(script).run();
    output.expect(0, "build: print\n1\n").expect_error("  ok  2 ok\n");
}

#[test]
fn the_report_of_a_failing_handler_names_its_stage() {
    let output = code("stage(\"build\", || { atexit(|| throw \"bad\"); });").run();
    output.expect_code(1).expect_error("in the exit handler `build: closure`").expect_error("  ok  1 failed\n");
}

#[test]
fn a_table_counts_how_handlers_ended_wherever_they_ran() {
    let script = "fn f() { }
        stage(\"many\", || {
            atexit(f); atexit(|| exit(0)); atexit(|| exit(4)); atexit(|| throw 1);
            atexit(|| sleep(600)).timeout(0.01);
            let early = atexit(f); early.run();
            let taken = atexit(f); taken.cancel();
            scope(|| { atexit(f); });
        });
        stage(\"unregistered\", || { atexit(eprint, 1); });
        unregister(eprint);
        stage(\"unregistered\", || ());";
    let said = "stages\n  many          T s  ok  4 ok, 1 failed, 1 timed out, 1 exited, 1 cancelled\n  \
                unregistered  T s  ok  1 cancelled\n  unregistered  T s  ok\n";
    let output = code(script).run();
    assert!(without_times(&output.err()).ends_with(said), "{output}");
}

#[test]
fn a_table_is_aligned_by_the_columns_of_a_terminal() {
    let output =
        code("stage(\"作る\", || { stage(\"é\", || ()); }); try { stage(\"x\", || throw 1); } catch { }").run();
    let said = "stages\n  作る  T s  ok\n    é   T s  ok\n  x     T s  failed\n";
    assert!(without_times(&output.err()).ends_with(said), "{output}");
}

#[test]
fn stages_of_a_handler_are_told_too() {
    let script = "atexit(|| stage(\"last\", || { stage(\"within\", || ()); }));";
    let output = code(script).run();
    assert!(without_times(&output.err()).ends_with("stages\n  last      T s  ok\n    within  T s  ok\n"), "{output}");
}

#[test]
fn a_run_without_stages_says_nothing_of_them() {
    code("print(1);").run().expect(0, "1\n").expect_no_error();
}

#[test]
fn quiet_says_nothing_of_stages_but_their_errors() {
    let run = |script: &str| code(script).options(&["-q"]).env("GITHUB_ACTIONS", Some("true")).run();
    run("stage(\"build\", || { atexit(print, 1); });").expect(0, "1\n").expect_no_error();
    run("stage(#{name: \"build\", timeout: 0}, || { loop { } });")
        .expect_code(1)
        .expect_error("error: stage: `build` timed out after 0 s\n")
        .expect_not("begins");
}

#[test]
fn a_stage_refuses_what_it_cannot_call_before_it_begins() {
    for (script, message) in [
        ("stage(\"s\", 5);", "stage: expected a function or a closure, not `5`"),
        ("stage(\"s\", |a| a);", "stage: function `closure` takes 1 argument but 0 were given"),
        ("fn f() { } stage(\"s\", f, 1);", "stage: function `f` takes 0 arguments but 1 was given"),
        ("stage(5, || 1);", "stage: expected a name or a map with `name` and `timeout`, not `5`"),
        ("stage(\"\", || 1);", "stage: expected a name of one line, not the string \"\""),
        ("stage(\"a\\nb\", || 1);", "stage: expected a name of one line, not the string \"a\\nb\""),
        ("stage(#{}, || 1);", "stage: its map has no `name`"),
        ("stage(#{name: 1}, || 1);", "stage: `name` is a line that is not empty, not `1`"),
        ("stage(#{name: \"s\", timeout: -1}, || 1);", "stage: `timeout` is a number of seconds, at least 0, not `-1`"),
        ("stage(#{name: \"s\", tiemout: 1}, || 1);", "stage: there is no option `tiemout` (did you mean `timeout`?"),
    ] {
        refuses(script, message);
        code(script).run().expect_not("begins").expect_not("stages");
    }
}

#[test]
fn check_finds_a_function_that_a_stage_cannot_call() {
    let output = code("fn f() { } stage(\"s\", f, 1);").options(&["--check"]).run();
    output.expect_code(2).expect_error("stage: function `f` takes 0 arguments but 1 was given");
    code("fn f(a) { } stage(\"s\", f, 1);").options(&["--check"]).run().expect_code(0).expect_no_error();
}

const NESTED: &str = "stage(\"100% of it\", || { stage(\"inner\", || eprint(\"in\")); });";

#[test]
fn a_stage_is_a_group_of_github_and_within_it_are_lines() {
    let said = "::group::100%25 of it\nstagesh: stage `inner` begins\nin\nstagesh: stage `inner`: ok in T s\n\
                ::endgroup::\nstagesh: stage `100% of it`: ok in T s\n\
                stagesh: stages\n  100% of it  T s  ok\n    inner     T s  ok\n";
    expect_said(code(NESTED).env("GITHUB_ACTIONS", Some("true")), 0, said);
}

#[test]
fn what_is_hidden_is_hidden_in_a_group_and_the_marks_of_one_are_not_in_the_log() {
    for service in ["GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI"] {
        let place = Place::new();
        let script = "log::to(\"log\"); log::mask(\"s%t\"); stage(\"deploy s%t\", || ());";
        let output = code(script).cwd(place.path()).env(service, Some("true")).run();
        output.expect_code(0).expect_error("deploy ***\n").expect_not("s%");
        let log = place.read("log");
        assert!(log.contains(" stagesh: stage `deploy ***` begins\n"), "{log}");
        assert!(!["::", "##", "section", "\r"].iter().any(|mark| log.contains(mark)), "{log}");
    }
}

#[test]
fn a_stage_is_a_group_of_azure() {
    let output = code(NESTED).env("TF_BUILD", Some("True")).run();
    output.expect_error("##[group]100% of it\nstagesh: stage `inner` begins\nin\n").expect_error("\n##[endgroup]\n");
}

#[test]
fn a_stage_is_a_section_of_gitlab_and_so_are_those_within() {
    let output = code(NESTED).env("GITLAB_CI", Some("true")).run();
    let text = output.err();
    let marks: Vec<&str> = text.split("\x1b[0K").filter_map(|part| part.strip_prefix("section_")).collect();
    let parts: Vec<Vec<&str>> = marks.iter().map(|mark| mark.trim_end().split(':').collect()).collect();
    let names: Vec<(&str, &str)> = parts.iter().map(|part| (part[0], part[2])).collect();
    assert_eq!(names, [("start", "stage_1"), ("start", "stage_2"), ("end", "stage_2"), ("end", "stage_1")], "{output}");
    assert!(parts.iter().all(|part| part[1].parse::<u64>().is_ok()), "{output}");
    output.expect_error("\r\x1b[0K100% of it\n").expect_error("\r\x1b[0Kinner\nin\n");
}

/// Runs what a stage with a short limit does, which must end it and can be caught outside.
#[track_caller]
fn expect_timed_out(body: &str) {
    let script = format!(
        "atexit(print, \"first\");
        try {{ stage(#{{name: \"build\", timeout: 0.05}}, || {{ atexit(print, \"second\"); {body} }}); print(\"never\"); }}
        catch (e) {{ print(`${{e.kind}}: ${{e.message}}`); }}
        print(\"goes on\");"
    );
    let output = code(&script).options(&["--grace", "0.1"]).run();
    output.expect(0, "timeout: stage: `build` timed out after 0.05 s\ngoes on\nsecond\nfirst\n");
    assert!(without_times(&output.err()).contains("stage `build`: timed out after T s\n"), "{output}");
    assert!(without_times(&output.err()).contains("  build  T s  timed out  "), "{output}");
}

#[test]
fn a_stage_that_is_late_is_ended_whatever_it_does() {
    expect_timed_out("loop { }");
    expect_timed_out("sleep(600);");
    expect_timed_out("run([\"sleep\", \"600\"]);");
    expect_timed_out("start([\"sleep\", \"600\"]).wait();");
    expect_timed_out("process(1).wait();");
}

#[test]
fn nothing_acts_once_the_limit_of_its_stage_is_over() {
    // A call of Rhai's own, in which nothing looks at the clock.
    let long = "let a = []; a.pad(2000000, 7); a[0] = 9; let sort = || { a.sort(); a[0] = 9; };";
    for act in [
        "fs::write(\"new\", \"\")",
        "fs::append(\"new\", \"\")",
        "fs::remove(\"old\")",
        "fs::mkdir(\"new\")",
        "fs::symlink(\"old\", \"new\")",
        "fs::lock(\"new\")",
        "log::to(\"old\")",
        "run([\"touch\", \"new\"])",
        "start([\"touch\", \"new\"])",
        "atexit(fs::remove, \"old\")",
        "handler.cancel()",
        "print(\"new\")",
    ] {
        let place = Place::new();
        place.write("old", "text");
        let script = format!(
            "let handler = atexit(print, \"cleaned\"); {long}
            try {{ stage(#{{name: \"s\", timeout: 0.001}}, || {{ sort.call(); {act}; }}); }} catch (e) {{ print(e.kind); }}"
        );
        code(&script).cwd(place.path()).run().expect(0, "timeout\ncleaned\n");
        assert_eq!((place.list(), place.read("old")), (vec!["old".to_string()], "text".into()), "{act}");
    }
}

#[test]
fn a_stage_that_reads_is_ended_in_time() {
    let script = "try { stage(#{name: \"ask\", timeout: 0.05}, || read_line()); } catch (e) { print(e.kind); }";
    let live = code(script).start();
    live.end().expect(0, "timeout\n");
}

#[test]
fn nothing_in_a_stage_that_is_late_holds_it_up() {
    expect_timed_out("try { loop { } } catch { } print(\"swallowed\");");
    expect_timed_out("try { sleep(600); } catch { sleep(600); }");
    expect_timed_out("try { run([\"sleep\", \"600\"]); } catch { } print(\"swallowed\");");
    expect_timed_out("loop { try { [1].map(|x| { loop { } }); } catch { } }");
    expect_timed_out("loop { try { eval(\"loop { }\"); } catch { } }");
    expect_timed_out("loop { try { [2, 1].sort(|a, b| { sleep(600); 1 }); } catch { } }");
}

#[test]
fn the_limit_of_a_stage_ends_the_processes_that_it_waits_for_and_no_others() {
    let other = Other::start(Command::new("sleep").arg("600"));
    for wait in ["one.wait()", "wait_any([one, other])", "wait_all([one, other])", "scope(|| wait_all([one]))"] {
        let script = format!(
            "let one = start(shell(`trap 'echo told; exit' TERM; echo ready; while :; do sleep 600 & wait; done`),
                #{{stdout: \"capture\"}});
            let server = start([\"sleep\", \"600\"]);
            let other = process({});
            one.read_line();
            try {{ stage(#{{name: \"build\", timeout: 0.05}}, || {{ try {{ {wait}; }} catch {{ }} print(\"never\"); }}); }}
            catch (e) {{ print(e.kind); }}
            print(`${{one.running}} ${{one.read_line()}} ${{server.running}} ${{other.running}}`);",
            other.0.id()
        );
        let output = code(&script).run();
        output.expect(0, "timeout\nfalse told true true\n");
        assert!(!output.err().contains("nobody waited"), "{output}");
    }
}

#[test]
fn a_stage_in_a_handler_leaves_the_processes_that_it_waits_for_their_grace_period() {
    let script = "atexit(|| {
            let one = start(shell(`i=0; trap 'while [ $((i += 1)) -lt 9999 ]; do :; done; echo saved; exit' TERM; echo ready; while :; do sleep 600 & wait; done`),
                #{stdout: \"capture\"});
            one.read_line();
            try { stage(#{name: \"build\", timeout: 0.05}, || one.wait()); } catch (e) { print(e.kind); }
            print(one.read_line());
        });";
    code(script).run().expect(0, "timeout\nsaved\n");
}

#[test]
fn nothing_of_a_command_outlives_the_limit_of_its_stage() {
    let script = "let log = [];
        try { stage(#{name: \"build\", timeout: 1}, || sh(`trap '' TERM; sleep 600 & echo $$ $!; while :; do wait; done`)); }
        catch (e) { print(e.kind); }
        print(\"go on\"); read_line();";
    let mut live = code(script).options(&["--grace", "0.1"]).start();
    let pids: Vec<i32> = {
        let line = live.wait_for_prefix("");
        line.split(' ').map(|pid| pid.parse().expect("it is a number")).collect()
    };
    live.wait_for("timeout").wait_for("go on");
    expect_gone(&pids);
    live.finish().expect_code(0);
}

#[test]
fn a_limit_ends_the_stages_within_and_only_the_outer_error_is_raised() {
    let script = "try { stage(#{name: \"outer\", timeout: 0.05}, || {
            try { stage(#{name: \"inner\", timeout: 600}, || sleep(600)); } catch { print(\"swallowed\"); } });
        } catch (e) { print(e.message); }";
    let output = code(script).run();
    output.expect(0, "stage: `outer` timed out after 0.05 s\n");
    let table = "  outer    T s  timed out\n    inner  T s  timed out\n";
    assert!(without_times(&output.err()).ends_with(table), "{output}");
}

#[test]
fn a_stage_around_one_that_is_late_goes_on() {
    let script = "stage(#{name: \"outer\", timeout: 600}, || {
            try { stage(#{name: \"inner\", timeout: 0}, || { loop { } }); } catch (e) { print(e.message); }
            print(\"goes on\"); });";
    let output = code(script).run();
    output.expect(0, "stage: `inner` timed out after 0 s\ngoes on\n");
    assert!(without_times(&output.err()).ends_with("  outer    T s  ok\n    inner  T s  timed out\n"), "{output}");
}

#[test]
fn a_limit_ends_with_its_stage() {
    code("stage(#{name: \"s\", timeout: 0.2}, || 1); sleep(0.3); for i in 0..100 { } print(\"whole\");")
        .run()
        .expect(0, "whole\n");
}

#[test]
fn an_uncaught_limit_ends_the_script_as_an_error_does() {
    let output = code("atexit(print, \"cleaned\"); stage(#{name: \"s\", timeout: 0}, || { loop { } });").run();
    output.expect(1, "cleaned\n").expect_error("error: stage: `s` timed out after 0 s\n --> -e:1:");
}

#[test]
fn the_handlers_of_a_scope_run_whole_in_a_stage_that_is_late() {
    let script = "try { stage(#{name: \"s\", timeout: 0.05}, || {
            scope(|| { atexit(|| { sleep(0.2); print(`whole ${outcome().error}`); }); sleep(600); });
            print(\"never\"); });
        } catch (e) { print(e.kind); }";
    code(script).run().expect(0, "whole timed out\ntimeout\n");
}

#[test]
fn a_handler_that_a_stage_calls_runs_whole() {
    let script = "let h = atexit(|| { sleep(0.2); print(\"whole\"); });
        try { stage(#{name: \"s\", timeout: 0.05}, || { let h2 = h; h2.run(); print(\"never\"); }); } catch (e) { print(e.kind); }";
    code(script).run().expect(0, "whole\ntimeout\n");
}

#[test]
fn a_stage_of_a_handler_is_ended_in_time_and_the_handler_goes_on() {
    let script = "atexit(|| { try { stage(#{name: \"s\", timeout: 0.05}, || sleep(600)); } catch (e) { print(e.kind); } print(\"goes on\"); });";
    code(script).run().expect(0, "timeout\ngoes on\n");
}

#[test]
fn a_handler_that_is_late_takes_its_stages_with_it() {
    let script = "atexit(|| { try { stage(#{name: \"s\", timeout: 600}, || sleep(600)); } catch { } print(\"never\"); }).timeout(0.05);";
    let output = code(script).run();
    output.expect(1, "").expect_error("exit handler `closure` timed out");
    assert!(without_times(&output.err()).ends_with("stages\n  s  T s  timed out\n"), "{output}");
}

#[test]
fn a_signal_ends_the_run_while_a_stage_has_a_limit() {
    let script =
        "try { stage(#{name: \"s\", timeout: 600}, || { print(\"ready\"); loop { } }); } catch { } print(\"never\");";
    let mut live = code(script).start();
    live.wait_for("ready").signal(Signal::SIGINT);
    live.finish().expect(130, "ready\n").expect_error("stopped by INT");
}

#[test]
fn a_signal_ends_the_run_while_a_stage_that_is_late_is_ended() {
    // What the shell waits for dies of the TERM, and is no reason for it to end.
    let script = "try { stage(#{name: \"s\", timeout: 0.05}, || sh(`trap 'echo told' TERM; while :; do sleep 0.01 || :; done`)); } catch { } print(\"never\");";
    let mut live = code(script).options(&["--grace", "1"]).start();
    live.wait_for("told").signal(Signal::SIGTERM);
    let output = live.finish();
    output.expect_code(143).expect_error("stage `s`: stopped by TERM");
    assert!(!output.out().contains("never"), "{output}");
}

/// Runs a script with `--report` and gives the report.
fn report(script: &str, status: i32) -> Value {
    let place = Place::new();
    code(script).options(&["--report", "report.json"]).cwd(place.path()).run().expect_code(status);
    assert_eq!(place.list(), ["report.json"]);
    serde_json::from_str(&place.read("report.json")).expect("it is JSON")
}

#[test]
fn a_report_has_the_stages_and_their_handlers() {
    let script = "fn f() { } atexit(f);
        stage(\"outer\", || { atexit(f).name(\"own\"); stage(\"inner\", || { atexit(|| throw \"bad\"); }); });
        try { stage(\"failing\", || throw \"oh\"); } catch { }
        try { stage(#{name: \"late\", timeout: 0}, || { loop { } }); } catch { }";
    let mut report = report(script, 1);
    let outer = &report["stages"][0];
    assert!(outer["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{report:#}");
    assert!(report["seconds"].as_f64() >= outer["seconds"].as_f64(), "{report:#}");
    assert!(report["started"].as_f64().is_some_and(|seconds| seconds > 1.7e9), "{report:#}");
    forget_times(&mut report);
    let expected = serde_json::json!({
        "status": 1, "outcome": "finished", "signal": null, "error": null,
        "stages": [
            {"name": "outer", "ended": "ok", "error": null, "handlers": [{"name": "own", "ended": "ok"}], "stages": [
                {"name": "inner", "ended": "ok", "error": null,
                 "handlers": [{"name": "closure", "ended": "failed"}], "stages": []},
            ]},
            {"name": "failing", "ended": "failed", "error": "oh", "handlers": [], "stages": []},
            {"name": "late", "ended": "timeout", "error": "`late` timed out after 0 s", "handlers": [], "stages": []},
        ],
        "handlers": [{"name": "f", "ended": "ok"}],
    });
    assert_eq!(report, expected, "{report:#}");
}

#[test]
fn an_error_is_the_same_sentence_wherever_it_is_told() {
    for raises in ["nosuch()", "\"x\".foo", "5.call()", "1 / 0", "[1][5]", "eval(\"1 +\")", "let f = |n| n; f.call()"] {
        let tell = "atexit(|| eprint(`because ${outcome().error}`));";
        let script = format!("{tell} stage(\"s\", || {{ {tell} scope(|| {{ {tell} {raises} }}) }});");
        let report = report(&script, 1);
        let place = Place::new();
        let run = code(&script).cwd(place.path()).run();
        let sentence = report["error"].as_str().expect("it failed");
        assert_eq!(report["stages"][0]["error"], sentence, "{raises}");
        assert_eq!(run.err().matches(&format!("because {sentence}\n")).count(), 3, "{sentence}\n{run}");
        run.expect_error(&format!("error: {sentence}\n"));
    }
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("seconds");
            map.remove("started");
            map.values_mut().for_each(forget_times);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_times),
        _ => {}
    }
}

#[test]
fn a_report_is_written_however_the_run_ends() {
    let told = |script: &str, status: i32| {
        let report = report(script, status);
        assert_eq!(report["status"], status, "{report:#}");
        let of_stage = report["stages"].get(0).map(|stage| stage["ended"].clone());
        [report["outcome"].clone(), report["error"].clone(), of_stage.unwrap_or_default()]
    };
    assert_eq!(told("print(1);", 0), [Value::from("finished"), Value::Null, Value::Null]);
    assert_eq!(told("stage(\"s\", || exit(7));", 7), [Value::from("exited"), Value::Null, "exited".into()]);
    assert_eq!(told("stage(\"s\", || { throw \"bad\"; });", 1), ["failed", "bad", "failed"].map(Value::from));
    assert_eq!(told("stage(\"s\", || exit_now(6));", 6), [Value::from("exited"), Value::Null, "exited".into()]);
    let by_signal = told("stage(\"s\", || { kill(pid(), \"TERM\"); loop { } });", 143);
    assert_eq!(by_signal, [Value::from("signalled"), Value::Null, "stopped".into()]);
    assert_eq!(report("kill(pid(), \"TERM\");", 143)["signal"], "TERM");
}

#[test]
fn what_is_hidden_is_hidden_in_the_lines_the_table_and_the_report() {
    let place = Place::new();
    let script = "log::mask(\"hunter2\");
        try { stage(\"of hunter2\", || { atexit(|| 1).name(\"drop hunter2\"); throw \"bad hunter2\"; }); } catch { }";
    let output = code(script).options(&["--report", "r"]).cwd(place.path()).run();
    output.expect_not("hunter2").expect_error("stage `of ***` begins").expect_error("  of ***  0");
    let report = place.read("r");
    assert!(!report.contains("hunter2") && report.contains("bad ***") && report.contains("drop ***"), "{report}");
}

#[test]
fn a_log_has_the_stages_and_the_table_before_its_end() {
    let place = Place::new();
    let script = "log::to(\"log\"); stage(\"build\", || print(\"in\"));";
    code(script).cwd(place.path()).options(&["-q"]).run().expect(0, "in\n").expect_no_error();
    let log = place.read("log");
    let lines = ["stage `build` begins\n", "in\n", "stage `build`: ok", "stages\n", "  ok\n", "ended with status 0\n"];
    let places: Vec<usize> =
        lines.iter().map(|line| log.find(line).unwrap_or_else(|| panic!("{line} in {log}"))).collect();
    assert!(places.is_sorted(), "{log}");
}

#[test]
fn a_run_that_never_started_writes_no_report() {
    let place = Place::new();
    code("let").options(&["--report", "r"]).cwd(place.path()).run().expect_code(2);
    code("print(1);").options(&["--report", "r", "--check"]).cwd(place.path()).run().expect_code(0);
    assert!(place.list().is_empty());
    code("print(1);").options(&["--report", ""]).run().expect(2, "").expect_error("--report");
}

#[test]
fn a_report_is_written_where_the_run_began_and_replaces_what_was_there() {
    let place = Place::new();
    let old = place.write("old.json", "old");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o604)).expect("it is ours");
    std::os::unix::fs::symlink("old.json", place.path().join("link.json")).expect("it can be made");
    let mode = |name: &str| {
        let run = code("cd(\"/\");").options(&["--report", name]).cwd(place.path());
        run.under(&["sh", "-c", "umask 027; exec \"$0\" \"$@\""]).run().expect_code(0);
        assert!(place.read(name).starts_with("{\n"));
        std::fs::metadata(place.path().join(name)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode("link.json"), mode("new.json")), (0o604, 0o640));
    assert_eq!(place.list(), ["link.json", "new.json", "old.json"]);
    assert!(place.read("old.json").starts_with("{\n"));
}

#[test]
fn a_report_that_cannot_be_written_turns_a_status_of_0() {
    let place = Place::new();
    let run = |script: &str| code(script).options(&["-q", "--report", "missing/r.json"]).cwd(place.path()).run();
    let path = place.path().join("missing/r.json");
    let line = format!("stagesh: cannot write the report `{}`: no such file or directory", path.display());
    run("print(1);").expect(1, "1\n").expect_error(&line);
    run("exit(7);").expect(7, "").expect_error(&line);
    code("").options(&["--report", "."]).cwd(place.path()).run().expect_code(1).expect_error("cannot write the report");
}

#[test]
fn a_report_goes_to_what_is_no_file_as_it_is() {
    let output = code("").options(&["--report", "/dev/stderr"]).run();
    output.expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&output.err()).expect("it is JSON")["status"], 0);
    // A pipe that nobody reads holds up nobody.
    let place = Place::new();
    nix::unistd::mkfifo(&place.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("it can be made");
    let output = code("").options(&["--report", "fifo"]).cwd(place.path()).run();
    output.expect_code(1).expect_error("/fifo`: timed out");
}

#[test]
fn exit_now_waits_for_no_reader() {
    let (reader, writer) = nix::unistd::pipe().expect("there are pipes");
    let own = writer.try_clone().expect("there is a descriptor");
    let script = "start(shell(`exec yes >&2`), #{name: \"p\"}); read_line(); exit_now(3);";
    let mut live = code(script).start_with(std::process::Stdio::piped(), writer);
    let has_room = || {
        let mut fds = [PollFd::new(own.as_fd(), PollFlags::POLLOUT)];
        poll(&mut fds, PollTimeout::ZERO).expect("a pipe can be polled") > 0
    };
    // Nothing tells of it: this looks until it is so.
    while has_room() {
        std::thread::yield_now();
    }
    live.write(b"go\n");
    live.end().expect_code(3);
    drop(reader);
}
