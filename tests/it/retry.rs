//! `retry` and `wait_until`.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{code, refuses};

/// A script that runs after one that counts its calls in `n`.
fn counting(script: &str) -> crate::harness::Run {
    code(&format!("let n = 0; {script}"))
}

#[test]
fn retry_gives_the_result_of_the_first_call_that_does_not_raise() {
    counting("print(retry(5, || { n += 1; if n < 3 { throw \"bad\"; } `call ${n}` })); print(n);")
        .run()
        .expect(0, "call 3\n3\n")
        .expect_no_error();
    code("fn add(a, b) { a + b } print(retry(1, add, 2, 3)); print(retry(2, run, [\"true\"]) == ());")
        .run()
        .expect(0, "5\ntrue\n");
}

#[test]
fn retry_raises_the_last_error_as_it_is() {
    let script =
        "let n = 0;\nfn fails(n) {\n    throw #{message: `bad ${n}`, code: n};\n}\nretry(3, || { n += 1; fails(n) });";
    let output = code(script).run();
    output.expect(1, "").expect_error("error: bad 3\n --> -e:3:5\n").expect_error("in `fails`, called from -e:5:23");
    counting("try { retry(2, || { n += 1; throw #{code: n}; }); } catch (error) { print(error.code); }")
        .run()
        .expect(0, "2\n");
}

#[test]
fn retry_calls_three_times_unless_it_is_told_otherwise() {
    counting("try { retry(#{}, || { n += 1; throw \"bad\"; }); } catch { print(n); }").run().expect(0, "3\n");
    counting("try { retry(1, || { n += 1; throw \"bad\"; }); } catch { print(n); }").run().expect(0, "1\n");
}

#[test]
fn retry_waits_between_calls_and_longer_each_time() {
    let begun = Instant::now();
    counting("try { retry(#{times: 3, delay: 0.1, backoff: 2}, || throw \"bad\"); } catch { print(\"end\"); }")
        .run()
        .expect(0, "end\n");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn retry_calls_again_after_what_may_change() {
    for error in [
        "throw \"bad\"",
        "run([\"false\"])",
        "run([\"no-such-program\"])",
        "run([\"sleep\", \"600\"], #{timeout: 0.01})",
        "parse_int(\"x\")",
        "1 / 0",
        "[][1]",
        "parse_json(\"{\")",
        "cd(\"/nowhere\")",
        "throw #{kind: \"argument\"}",
    ] {
        counting(&format!("try {{ retry(2, || {{ n += 1; {error} }}); }} catch {{ print(n); }}"))
            .run()
            .expect(0, "2\n");
    }
}

#[test]
fn retry_raises_a_mistake_in_the_script_at_once() {
    for mistake in [
        "unknown()",
        "no_such_function()",
        "unknown(1, 2)",
        "1 + #{}",
        "\"text\".no_such_property",
        "sleep(-1)",
        "run(\"ls -l\")",
        "run([\"true\"], #{tmeout: 1})",
        "attempt([\"true\"]).cod",
        "let f = |a| a; f.call()",
        "[1].map(|x| unknown())",
        "import \"no_such_module\" as m",
    ] {
        let script = format!(
            "fn unknown() {{ no_such_variable }}
             try {{ retry(5, || {{ n += 1; {mistake} }}); }} catch {{ print(n); }}"
        );
        counting(&script).run().expect(0, "1\n");
    }
}

#[test]
fn retry_does_not_call_what_cannot_be_called() {
    refuses("retry(3, |a| a);", "retry: function `closure` takes 1 argument but 0 were given");
    refuses("fn f() { } retry(3, f, 1);", "retry: function `f` takes 0 arguments but 1 was given");
    refuses("retry(3, [\"true\"]);", "retry: expected a function or a closure, not an array");
    refuses("retry(3, Fn(\"nothing\"));", "retry: there is no function `nothing`");
    refuses("wait_until(3, |a| a);", "wait_until: function `closure` takes 1 argument but 0 were given");
    refuses("wait_until(3, 5);", "wait_until: expected a function or a closure, not `5`");
}

#[test]
fn what_retry_and_wait_until_are_told_is_looked_at_first() {
    for (told, message) in [
        ("0", "retry: expected a whole number, at least 1, or a map of options, not `0`"),
        ("1.5", "retry: expected a whole number, at least 1, or a map of options, not `1.5`"),
        ("#{times: 0}", "retry: `times` is a whole number, at least 1, not `0`"),
        ("#{delay: -1}", "retry: `delay` is a number of seconds, at least 0, not `-1`"),
        ("#{backoff: 0.5}", "retry: `backoff` is a number, at least 1, not `0.5`"),
        ("#{time: 3}", "retry: there is no option `time` (did you mean `times`? there are backoff, delay, times)"),
    ] {
        refuses(&format!("retry({told}, || print(\"called\"));"), message);
    }
    for (told, message) in [
        ("-1", "wait_until: expected a number of seconds, at least 0, or a map of options, not `-1`"),
        ("#{every: \"x\", timeout: 1}", "wait_until: `every` is a number of seconds, at least 0, not the string \"x\""),
        ("#{what: \"\", timeout: 1}", "wait_until: `what` is a line that is not empty, not the string \"\""),
        ("#{what: \"ssh\"}", "wait_until: `timeout`: it is missing"),
        ("#{timout: 3}", "wait_until: there is no option `timout` (did you mean `timeout`?"),
    ] {
        refuses(&format!("wait_until({told}, || print(\"called\"));"), message);
    }
}

#[test]
fn nothing_is_called_again_after_an_exit() {
    counting("atexit(|| print(n)); try { retry(5, || { n += 1; exit(7); }); } catch { } print(\"never\");")
        .run()
        .expect(7, "1\n");
    counting("atexit(|| print(n)); try { wait_until(60, || { n += 1; exit(7); }); } catch { } print(\"never\");")
        .run()
        .expect(7, "1\n");
}

#[test]
fn a_signal_ends_a_call_and_the_time_between_two() {
    for script in [
        "retry(#{times: 5, delay: 600}, || { print(\"ready\"); throw \"bad\"; });",
        "retry(5, || { print(\"ready\"); loop { } });",
        "wait_until(#{timeout: 1000, every: 600}, || { print(\"ready\"); false });",
        "wait_until(1000, || { print(\"ready\"); run([\"sleep\", \"600\"]); });",
    ] {
        let script = format!("atexit(|| print(\"cleaned\")); try {{ {script} }} catch {{ }} print(\"never\");");
        let mut live = code(&script).start();
        live.wait_for("ready").signal(Signal::SIGTERM);
        live.finish().expect(143, "ready\ncleaned\n");
    }
}

#[test]
fn wait_until_gives_the_first_result_that_is_neither_false_nor_nothing() {
    let script = "print(wait_until(#{timeout: 60, every: 0}, || { n += 1; [false, (), false, 0][n - 1] }));
        print(wait_until(60, |a, b| a + b, 1, 2)); print(wait_until(60, succeeds, [\"true\"]));
        print(wait_until(60, || \"\") == \"\");";
    counting(script).run().expect(0, "0\n3\ntrue\ntrue\n").expect_no_error();
}

#[test]
fn wait_until_calls_at_once_and_at_the_limit() {
    let script = "let times = []; let start = timestamp();
        try { wait_until(#{timeout: 0.3, every: 0.2}, || { times.push(start.elapsed); false }); }
        catch (error) { print(error.kind); }
        print(times.len() == 3 && times[0] < 0.2 && times[1] >= 0.2 && times[2] >= 0.3);";
    code(script).run().expect(0, "timeout\ntrue\n");
    counting("try { wait_until(0, || { n += 1; }); } catch { print(n); }").run().expect(0, "1\n");
}

#[test]
fn wait_until_says_what_it_has_waited_for() {
    refuses(
        "wait_until(#{timeout: 0.1, what: \"ssh\"}, || false);",
        "wait_until: `ssh` had not come about after 0.1 s",
    );
    refuses("fn is_up() { false } wait_until(0, is_up);", "wait_until: `is_up` still gave `false` after 0 s");
    refuses("wait_until(0, run, [\"true\"]);", "wait_until: `run` still gave `()` after 0 s");
    refuses("wait_until(0, || ());", "wait_until: the closure still gave `()` after 0 s");
}

#[test]
fn what_is_raised_ends_the_wait() {
    counting("try { wait_until(60, || { n += 1; throw \"bad\"; }); } catch (error) { print(`${error} ${n}`); }")
        .run()
        .expect(0, "bad 1\n");
}

#[test]
fn a_function_of_a_module_sees_what_is_in_it() {
    let place = crate::harness::Place::new();
    place.write(
        "lib.rhai",
        "const LIMIT = 2; private fn limit() { 2 } fn attempts(n) { retry(limit(), |n| n + global::LIMIT, n) }",
    );
    code("import \"lib\" as lib; print(lib::attempts(1));").cwd(place.path()).run().expect(0, "3\n");
}

#[test]
fn each_call_has_the_arguments_as_they_were() {
    code("try { retry(2, |list| { list.push(1); print(list); throw 1; }, []); } catch { }")
        .run()
        .expect(0, "[1]\n[1]\n");
}

#[test]
fn both_work_in_a_handler_and_its_time_ends_them() {
    code("atexit(|| print(retry(2, || 5))); atexit(|| print(wait_until(1, || 6)));").run().expect(0, "6\n5\n");
    let output = code("atexit(|| print(\"last\")); atexit(|| wait_until(600, || false)).timeout(0.1);").run();
    output.expect(1, "last\n").expect_error("timed out");
}
