//! Processes in the background: `start`, `Process`, `wait_any`, `wait_all`, `process`.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};

use crate::files::{in_namespace, without_rights};
use crate::harness::{OWN_GROUP, Other, Place, code, expect_gone, is_alive, refuses};

/// Fails unless the script fails with this message.
#[track_caller]
/// A program that says `ready`, and when it is told to end, that it is.
fn server(name: &str) -> String {
    format!(
        "start(shell(\"trap 'echo {name} ends; exit' TERM; echo {name} ready; sleep 600 & wait\"), #{{stdout: \"tee\"}})"
    )
}

#[test]
fn a_process_is_stopped_in_its_turn() {
    let script = format!(
        "atexit(print, \"before\"); let s = {}; s.read_line(); atexit(print, \"after\"); print(handlers().len());",
        server("s")
    );
    code(&script).run().expect(0, "s ready\n3\nafter\ns ends\nbefore\n").expect_no_error();
}

#[test]
fn an_entry_is_named_and_leaves_when_the_process_has_ended() {
    let script = "let p = start([\"sleep\", \"600\"]); let q = start([\"true\"]); q.wait();
        for h in handlers() { print(`${h.name} ${h.line} ${h.args}`); } p.stop(); print(handlers().len());";
    code(script).run().expect(0, "stop `sleep 600` 1 []\n0\n");
}

#[test]
fn a_signal_of_the_run_does_not_reach_a_process_before_its_turn() {
    let script = format!(
        "let s = {}; s.read_line(); atexit(|| {{ print(s.running); }}); print(\"on\"); sleep(600);",
        server("s")
    );
    let mut live = code(&script).start();
    live.wait_for("on").signal(Signal::SIGTERM);
    live.finish().expect(143, "s ready\non\ntrue\ns ends\n").expect_errors("stagesh: TERM: running 2 exit handlers\n");
}

#[test]
fn nothing_that_a_process_started_is_left() {
    let script = format!(
        "let p = start(shell(`{OWN_GROUP} sleep 600 & echo $!; (trap '' TERM; sleep 601 & echo $!; wait) & wait`), #{{stdout: \"capture\", grace: 0.2}});
        print(`pid ${{p.pid}}`); print(`pid ${{p.read_line()}}`); print(`pid ${{p.read_line()}}`);"
    );
    let mut live = code(&script).start();
    let pids: Vec<i32> = (0..3).map(|_| live.wait_for_pid("pid ")).collect();
    live.finish().expect_code(0);
    expect_gone(&pids);
}

#[test]
fn an_orphan_of_a_process_is_stopped_with_it_and_not_with_a_command() {
    let script = "let p = start(shell(`(sleep 600 & echo $!) ; sleep 602`), #{stdout: \"capture\"}); let orphan = p.read_line();
        try { run([\"sleep\", \"603\"], #{timeout: 0.1}); } catch { } print(process(parse_int(orphan)).running); print(`pid ${orphan}`);";
    let output = code(script).run();
    let pid = output.out().lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).expect("it is told");
    assert!(output.out().starts_with("true\n"), "{output}");
    expect_gone(&[pid]);
}

#[test]
fn several_that_ignore_the_signal_are_stopped_in_one_grace_period() {
    let script = "let ps = []; for i in 0..5 { ps.push(start(shell(\"trap '' TERM; echo ready; while :; do sleep 0.01; done\"), #{stdout: \"capture\", grace: 2})); }
        for p in ps { p.read_line(); } ps.push(start([\"false\"]));
        let before = capture([\"date\", \"+%s%N\"]); try { wait_all(ps); } catch (e) { print(e.message); }
        let took = (parse_int(capture([\"date\", \"+%s%N\"])) - parse_int(before)) / 1000000; print(took >= 2000 && took < 10000);
        for p in ps { if p.running { print(p); } }";
    code(script).run().expect(0, "`false` exited with 1\ntrue\n");
}

#[test]
fn wait_gives_the_same_result_each_time() {
    let script = "let p = start([\"sh\", \"-c\", \"echo out; exit 3\"], #{stdout: \"capture\"}); let a = p.wait(); let b = p.wait();
        print(`${a.ok} ${a.code} ${a.stdout} ${a.stderr == ()}`); print(`${b.code} ${b.stdout} ${p.running}`);";
    code(script).run().expect(0, "false 3 out true\n3 out false\n").expect_no_error();
}

#[test]
fn a_killed_process_can_be_waited_for_and_stopped_again() {
    let script = "let p = start([\"sleep\", \"600\"]); print(p.signal(\"KILL\")); print(p.wait().signal); print(p.signal(\"KILL\"));
        print(p.stop().signal); print(p.stop().code); print(p.running);";
    code(script).run().expect(0, "true\nKILL\nfalse\nKILL\n137\nfalse\n").expect_no_error();
}

#[test]
fn check_is_true_while_it_runs_and_raises_with_what_it_wrote() {
    let script = "let p = start([\"sleep\", \"600\"]); print(p.check());
        let q = start([\"sh\", \"-c\", \"echo 'no port' >&2; exit 0\"], #{stderr: \"capture\"}); q.wait();
        try { q.check(); } catch (e) { print(`${e.kind} ${e.code}`); print(e.message); }";
    code(script).run().expect(
        0,
        "true\ncommand 0\n`sh -c 'echo '\\''no port'\\'' >&2; exit 0'` has ended: it exited with 0; the end of its stderr:\n  no port\n",
    );
}

#[test]
fn lines_are_read_written_and_closed() {
    let script = "let p = start([\"cat\"], #{stdin: \"pipe\", stdout: \"capture\"});
        for word in [\"a\", \"b\"] { p.write(word + \"\\n\"); print(p.read_line()); }
        p.write(\"last\"); p.close(); print(p.read_line()); print(p.read_line() == ()); print(p.wait().stdout == \"a\\nb\\nlast\"); print(p.write(\"x\"));";
    code(script).run().expect(0, "a\nb\nlast\ntrue\ntrue\nfalse\n");
}

#[test]
fn a_line_that_is_late_is_an_error_of_its_own() {
    let script = "let p = start([\"sleep\", \"600\"], #{stdout: \"capture\"});
        try { p.read_line(0.05); } catch (e) { print(`${e.kind}: ${e.message}`); }";
    code(script).run().expect(0, "timeout: read_line: `sleep 600` has written no line after 0.05 s\n");
    refuses(
        "let p = start([\"sleep\", \"600\"]); p.read_line();",
        "read_line: what `sleep 600` writes is not captured",
    );
    // It ends before it has read all, or closes its stdin.
    for end in ["read x", "read x; exec <&-; echo closed; sleep 600"] {
        let script = "let p = start(shell(args()[0]), #{stdin: \"pipe\"}); let text = \"line\\n\"; text.pad(4000000, 'x'); print(p.write(text));";
        code(script).arg(end).run().expect(0, if end == "read x" { "false\n" } else { "closed\nfalse\n" });
    }
    refuses("let p = start([\"sleep\", \"600\"]); p.write(\"x\");", "write: `sleep 600` reads no pipe");
}

#[test]
fn much_is_written_and_read_without_a_deadlock() {
    let script =
        "let p = start([\"cat\"], #{stdin: \"pipe\", stdout: \"capture\"}); let text = \"x\"; text.pad(10000000, 'x');
        p.write(text); p.close(); print(p.wait().stdout.len());";
    code(script).run().expect(0, "10000000\n");
}

#[test]
fn output_is_read_whatever_the_script_does() {
    // More than a pipe holds: it ends while the script computes.
    let place = Place::new();
    let script = "let p = start(shell(`seq 100000; touch done`), #{stdout: \"capture\"});
        while !succeeds([\"test\", \"-e\", \"done\"]) { let i = 0; while i < 1000 { i += 1; } } print(p.wait().stdout.len());";
    code(script).cwd(place.path()).run().expect(0, "588894\n");
}

#[test]
fn names_precede_the_lines_of_several_at_once() {
    for stream in ["stdout", "stderr"] {
        let script = format!(
            "let ps = []; for n in [\"a\", \"b\"] {{ ps.push(start(shell(\"seq 20000 >/dev/{stream}\"), #{{name: n}})); }}
            sh(\"seq 20000 >/dev/{stream}\", #{{name: \"c\"}}); wait_all(ps);"
        );
        let output = code(&script).run();
        output.expect_code(0);
        let all = if stream == "stdout" { output.out() } else { output.err() };
        for name in ["a", "b", "c"] {
            let own = all.lines().filter_map(|line| line.strip_prefix(&format!("{name} | ")));
            assert!(own.eq((1..=20000).map(|n| n.to_string())), "{stream} of {name}");
        }
        assert_eq!(all.lines().count(), 60000);
    }
}

#[test]
fn a_quiet_process_is_heard_if_the_run_fails() {
    let script = "let p = start([\"echo\", \"said\"], #{quiet: true}); p.wait();";
    code(script).run().expect(0, "").expect_no_error();
    code(&format!("{script} exit(3);")).run().expect(3, "said\n").expect_error("stagesh: output of `echo said`:\n");
    // Also if nobody has waited for it, however the run fails.
    for (end, status) in [("exit(3)", 3), ("exit_now(3)", 3), ("kill(pid(), \"TERM\")", 143), ("throw 1", 1)] {
        for _ in 0..20 {
            let script = format!("let p = start([\"echo\", \"said\"], #{{quiet: true}}); while p.running {{ }} {end};");
            code(&script).run().expect(status, "said\n");
        }
    }
    let script = "wait_all([start([\"sh\", \"-c\", \"echo why; exit 1\"], #{quiet: true, name: \"n\"})]);";
    code(script).run().expect(1, "n | why\n");
}

#[test]
fn wait_any_gives_the_first_that_ends() {
    let script = "let ps = [start([\"sleep\", \"600\"]), start([\"sh\", \"-c\", \"sleep 0.1; exit 2\"]), start([\"sleep\", \"601\"])];
        let first = wait_any(ps); print(first.pid == ps[1].pid); print(first.wait().code); print(ps[0].running);";
    code(script).run().expect(0, "true\n2\ntrue\n");
    // Also of those that have ended while the script did something else.
    let script = "let slow = start(shell(\"read line\"), #{stdin: \"pipe\"}); let fast = start([\"true\"]);
        while fast.running { } slow.write(\"go\\n\"); while slow.running { }
        print(wait_any([slow, fast]) == fast); print(wait_any([slow]) != fast);";
    code(script).run().expect(0, "true\ntrue\n");
    refuses("wait_any([process(pid())]);", "wait_any: the script would wait for itself");
    refuses("wait_any([]);", "wait_any: there is no process in the array");
    refuses("wait_any([5]);", "wait_any: expected an array of processes, not an array with `5` at 0");
    code("print(wait_all([]));").run().expect(0, "[]\n");
    refuses("wait_all(start([\"true\"]));", "wait_all: expected an array of processes");
}

#[test]
fn wait_all_gives_results_in_order_and_has_a_limit() {
    let script = "let r = wait_all([start([\"sh\", \"-c\", \"sleep 0.1; echo a\"], #{stdout: \"capture\"}), start([\"echo\", \"b\"], #{stdout: \"capture\"})]);
        print(`${r[0].stdout} ${r[1].stdout}`); let p = start([\"sleep\", \"600\"], #{name: \"slow\"});
        try { wait_all([p, start([\"true\"])], #{timeout: 0.1}); } catch (e) { print(`${e.kind}: ${e.message} ${e.code == ()}`); } print(p.running);";
    code(script).run().expect(0, "a b\ntimeout: wait_all: `slow` was still running after 0.1 s true\nfalse\n");
    refuses(
        "wait_all([start([\"true\"])], #{timout: 1});",
        "wait_all: there is no option `timout` (did you mean `timeout`? there is timeout)",
    );
}

#[test]
fn a_timeout_ends_a_process_while_the_script_computes() {
    let script = "let p = start([\"sleep\", \"600\"], #{timeout: 0.1}); while p.running { } let r = p.wait(); print(`${r.timed_out} ${r.signal} ${r.ok}`);
        let p = start([\"sleep\", \"600\"], #{timeout: 0.1}); try { wait_all([p]); } catch (e) { print(e.kind); }";
    code(script).run().expect(0, "true TERM false\ntimeout\n");
    let script = "let p = start(shell(`sleep 600 & echo $!; wait`), #{stdout: \"capture\", timeout: 1}); print(`pid ${p.read_line()}`); p.wait();
        print(handlers().len());";
    let output = code(script).run();
    assert!(output.out().ends_with("\n0\n"), "{output}");
    expect_gone(&[pid_of(&output)]);
}

#[test]
fn a_failure_that_nobody_waited_for_is_named() {
    let script = "let p = start([\"sh\", \"-c\", \"exit 4\"], #{name: \"agent\"}); while p.running { sleep(0.01); }";
    code(script)
        .run()
        .expect(0, "")
        .expect_errors("stagesh: `agent` in the background exited with 4, and nobody waited for it\n");
    code("let p = start([\"sleep\", \"600\"]); p.signal(\"TERM\"); while p.running { sleep(0.01); }")
        .run()
        .expect(0, "")
        .expect_no_error();
    code("let p = start([\"sleep\", \"600\"]);").run().expect(0, "").expect_no_error();
    code("let p = start([\"sleep\", \"600\"]); kill(p.pid, \"HUP\"); while p.running { sleep(0.01); }")
        .run()
        .expect(0, "")
        .expect_no_error();
    let script = "let p = start(shell(`trap 'exit 1' TERM; echo ready; while :; do sleep 0.01; done`), #{stdout: \"capture\"}); p.read_line();
        p.signal(\"TERM\"); while p.running { sleep(0.01); }";
    code(script).run().expect(0, "").expect_no_error();
}

#[test]
fn a_signal_goes_to_the_process_alone_and_kill_reaches_a_group() {
    let script = "let p = start([\"sh\", \"-c\", `trap 'echo told' USR1; (trap 'echo child told' USR1; echo ready; while :; do sleep 0.01; done) & while :; do wait; done`], #{stdout: \"tee\"});
        p.read_line(); p.signal(\"USR1\"); p.read_line(); kill(-p.pid, \"USR1\"); let said = [p.read_line(), p.read_line()]; said.sort(); print(said);
        kill(-p.pid, \"KILL\"); print(p.wait().signal);";
    let output = code(script).run();
    output.expect_code(0);
    assert!(output.out().starts_with("ready\ntold\n"), "{output}");
    assert!(output.out().ends_with("[\"child told\", \"told\"]\nKILL\n"), "{output}");
}

#[test]
fn the_end_of_a_process_whose_group_was_signalled_is_no_news() {
    let script = "let p = start([\"sleep\", \"600\"]); kill(-p.pid, \"TERM\"); while p.running { sleep(0.001); }";
    code(script).run().expect(0, "").expect_no_error();
}

#[test]
fn a_line_is_found_wherever_its_pieces_end() {
    let script = "let p = start(shell(`for part in a 'b\\n\\n' c 'd\\n'; do printf \"$part\"; sleep 0.02; done; printf '%100000s'; echo x; printf y`), #{stdout: \"capture\"});
        for n in 0..5 { let line = p.read_line(); let length = line.len(); line.trim(); print(`${length} ${line}`); } print(p.read_line());";
    code(script).run().expect(0, "2 ab\n0 \n2 cd\n100001 x\n1 y\n\n");
}

#[test]
fn a_process_reads_the_input_of_the_script_if_it_is_told_to() {
    let script = "print(start([\"cat\"], #{stdin: \"inherit\"}).wait().ok); print(start([\"cat\"]).wait().ok);";
    code(script).stdin("input\n").run().expect(0, "input\ntrue\ntrue\n");
}

#[test]
fn what_a_slow_process_has_read_is_not_kept() {
    let script = "fn peak() { parse_int(capture(shell(`grep VmHWM /proc/$1/status | tr -dc 0-9`, pid()))) }
        let p = start(shell(`while head -c 65536 > /dev/null; do :; done`), #{stdin: \"pipe\"}); let text = \"x\"; text.pad(262144, 'x');
        p.write(text); let before = peak(); for i in 0..200 { p.write(text); } print(peak() - before < 20000);";
    code(script).run().expect(0, "true\n");
}

#[test]
fn processes_of_scopes_and_failures_that_nobody_waited_for_leave_no_descriptor_and_no_thread() {
    let script = "fn count(what) { parse_int(capture(shell(`ls /proc/$1/$2 | wc -l`, pid(), what))) }
        fn some() { for i in 0..50 {
            scope(|| { start([\"sleep\", \"600\"], #{stdout: \"capture\", stdin: \"pipe\"}); });
            start([\"false\"], #{stdout: \"capture\"}); start([\"true\"], #{stdin: \"pipe\"}); } }
        some(); let before = [count(\"fd\"), count(\"task\")]; some(); some();
        print(count(\"fd\") - before[0] <= 6); print(count(\"task\") - before[1] <= 3);";
    code(script).run().expect(0, "true\ntrue\n");
}

#[test]
fn a_detached_process_outlives_the_script() {
    let output = code("let p = start([\"sleep\", \"600\"], #{stdout: \"null\", stderr: \"null\"}).detach(); print(p.pid); print(handlers().len());").run();
    output.expect_code(0);
    let pid: i32 = output.out().lines().next().and_then(|line| line.parse().ok()).expect("it is a number");
    assert!(is_alive(pid) && output.out().ends_with("\n0\n"), "{output}");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
    refuses(
        "start([\"sleep\", \"600\"], #{stdout: \"capture\"}).detach();",
        "detach: what it writes or reads goes through the script",
    );
}

#[test]
fn a_detached_process_has_read_the_text_it_was_given() {
    let place = Place::new();
    nix::unistd::mkfifo(&place.path().join("count"), nix::sys::stat::Mode::S_IRWXU).expect("it is new");
    let script = "let text = \"x\"; text.pad(1000000, 'x');
        start([\"sh\", \"-c\", \"sleep 0.1; n=$(wc -c); echo $n > count\"], #{stdin: #{text: text}, stdout: \"null\", stderr: \"null\"}).detach();";
    code(script).cwd(place.path()).run().expect(0, "");
    assert_eq!(place.read("count").trim(), "1000000");
    refuses(
        "start([\"cat\"], #{stdin: \"pipe\", stdout: \"null\"}).detach();",
        "detach: what it writes or reads goes through the script",
    );
}

#[test]
fn a_process_is_not_detached_by_a_stopped_script() {
    let script = "let text = \"x\"; text.pad(1000000, 'x'); let p = start([\"sleep\", \"600\"], #{stdin: #{text: text}, stdout: \"null\", stderr: \"null\"});
        print(`pid ${p.pid}`); p.detach(); print(\"never\");";
    let mut live = code(script).start();
    let pid = live.wait_for_pid("pid ");
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143).expect_not("never");
    expect_gone(&[pid]);
}

#[test]
fn what_the_script_says_is_not_lost_beside_what_its_processes_say() {
    // More than a megabyte waits for a reader that begins when the script has said its line.
    let (mut reader, writer) = std::io::pipe().expect("there is a descriptor");
    let script =
        "let ps = []; for i in 0..30 { ps.push(start(shell(\"seq 30000 >&2\"), #{name: `p${i}`})); } sleep(0.3);
        print(\"now\"); eprint(\"MARK\"); wait_all(ps);";
    let mut live = code(script).start_with(Stdio::piped(), writer);
    live.wait_for("now");
    let mut all = String::new();
    reader.read_to_string(&mut all).expect("it is a pipe");
    live.finish().expect_code(0);
    assert!(all.lines().any(|line| line == "MARK"), "it is lost");
    assert_eq!(all.lines().count(), 900_001);
}

#[test]
fn a_process_of_a_scope_is_stopped_with_it() {
    let script = format!("scope(|| {{ let s = {}; s.read_line(); }}); print(\"out\");", server("s"));
    code(&script).run().expect(0, "s ready\ns ends\nout\n");
}

#[test]
fn a_process_that_is_detached_outlives_the_limit_of_a_stage_that_waits_for_it() {
    let script = "let p = start([\"sleep\", \"600\"], #{stdout: \"null\"}); p.detach();
        try { stage(#{name: \"s\", timeout: 0.05}, || p.wait()); } catch (e) { print(`${e.kind} ${p.running}`); } p.stop();";
    code(script).options(&["--quiet"]).run().expect(0, "timeout true\n");
}

#[test]
fn without_a_proc_the_group_of_a_process_is_stopped_in_its_turn() {
    let place = Place::new();
    // What was left behind ends, and is waited for by nobody: the pipe of this test says so.
    let script = r#"mount -t tmpfs none /proc && exec "$0" -e 'let p = start(["sh", "-c", "sleep 600 & exit 0"]); p.wait();
        print(handlers().len()); let late = || attempt(["sh", "-c", "(sleep 601 &) ; sleep 602"], #{timeout: 0.1, grace: 600});
        print(late.call().timed_out); print(late.call().timed_out);'"#;
    let Some(out) = in_namespace(&place, script) else { return };
    assert_eq!(out, "1\ntrue\ntrue\n");
}

#[test]
fn a_process_that_may_not_be_killed_is_told_of() {
    let place = Place::new();
    let copy = place.path().join("as-root");
    let found = Command::new("which").arg("setpriv").output().expect("it starts");
    let setpriv = String::from_utf8(found.stdout).expect("it is text");
    if !getuid().is_root() || setpriv.is_empty() {
        return;
    }
    std::fs::copy(setpriv.trim(), &copy).expect("there is room");
    std::fs::set_permissions(&copy, Permissions::from_mode(0o4755)).expect("it is ours");
    let script = "let command = [\"./as-root\", \"--reuid\", \"0\", \"sleep\", \"600\"];
        let p = start(command, #{stdout: \"null\", stderr: \"null\", grace: 0.1}); print(p.pid);
        while p.running && !fs::read(`/proc/${p.pid}/comm`).contains(\"sleep\") { sleep(0.01); }
        try { p.signal(\"TERM\"); } catch (e) { print(e.message); } p.stop();";
    let output = without_rights(&place, script);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let pid: i32 = out.lines().next().and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{out}{err}"));
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("root may");
    assert_eq!(out, format!("{pid}\nsignal: cannot signal {pid}: operation not permitted\n"), "{err}");
    assert_eq!(
        err,
        format!("stagesh: process {pid} (`sleep`) cannot be killed and goes on: operation not permitted\n")
    );
}

#[test]
fn any_process_can_be_found_waited_for_and_stopped() {
    let mut other = Other::start(Command::new("sleep").arg("600"));
    let script =
        "let p = process(parse_int(args()[0])); print(`${p.name} ${p.running} ${p.check()}`); let r = p.stop(); print(p.signal(\"TERM\"));
        print(`${p.running} ${r.code == ()}`); print(process(parse_int(args()[0])) == ());";
    code(script).arg(other.0.id().to_string()).run().expect(0, "sleep true true\nfalse\nfalse true\ntrue\n");
    other.0.wait().expect("it is our child");
    refuses("process(0);", "process: expected a process id, greater than 0, not `0`");
    refuses("process(pid()).wait();", "wait: the script would wait for itself");
    refuses("wait_all([process(pid())], #{timeout: 1});", "wait_all: the script would wait for itself");
    let script = "let p = start([\"sh\", \"-c\", \"read x; exit 5\"], #{stdin: \"pipe\"}); let q = process(p.pid); p.close(); print(q.wait().code);";
    code(script).run().expect(0, "5\n");
    refuses("process(pid()).stop();", "stop: the script would stop itself: `exit` ends it");
}

#[test]
fn processes_that_are_no_children_are_stopped_at_once() {
    // Each ends when the other was told, too.
    let place = Place::new();
    let mut others = [("a", "b"), ("b", "a")].map(|(own, other)| {
        let text = format!(
            "trap 'touch {own}; while [ ! -e {other} ]; do sleep 0.01; done; exit' TERM; echo; while :; do sleep 0.01; done"
        );
        let mut command = Command::new("sh");
        let mut child =
            Other::start(command.args(["-c", &text]).current_dir(place.path()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut ready = [0];
        child.0.stdout.take().expect("it is a pipe").read_exact(&mut ready).expect("it says so");
        child
    });
    let script = "let ps = args().map(|pid| process(parse_int(pid))); try { wait_all(ps, #{timeout: 0.1}); } catch (e) { print(e.kind); }
        try { ps[0].check(); } catch (e) { print(`${e.kind} ${e.code == ()}`); }";
    let run =
        code(script).options(&["--grace", "600"]).arg(others[0].0.id().to_string()).arg(others[1].0.id().to_string());
    run.run().expect(0, "timeout\ncommand true\n");
    others.iter_mut().for_each(|other| assert!(other.0.wait().expect("it is our child").success()));
}

#[test]
fn a_stopped_process_is_woken_and_ended() {
    let script = "let p = start(shell(\"trap 'echo told; exit' TERM; echo ready; kill -STOP $$; sleep 600\"), #{stdout: \"tee\"}); p.read_line();";
    code(script).run().expect(0, "ready\ntold\n");
}

#[test]
fn an_interrupted_wait_leaves_the_process_for_its_turn() {
    let script = format!(
        "let s = {}; s.read_line(); atexit(|| print(s.running)); print(\"waiting\"); s.wait(); print(\"never\");",
        server("s")
    );
    let mut live = code(&script).start();
    live.wait_for("waiting").signal(Signal::SIGINT);
    live.finish().expect(130, "s ready\nwaiting\ntrue\ns ends\n");
}

#[test]
fn a_process_that_hangs_in_its_turn_is_killed_when_its_handler_times_out() {
    let script = "let p = start(shell(\"trap '' TERM; echo ready; while :; do sleep 0.01; done\"), #{stdout: \"capture\", grace: 600}); p.read_line();
        print(`pid ${p.pid}`); atexit(print, \"after\");";
    let output = code(script).options(&["--handler-timeout", "0.2"]).run();
    output.expect_code(1).expect_error("timed out");
    let pid = output.out().lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).expect("it is told");
    expect_gone(&[pid]);
}

/// Stops what a test has left on purpose, and fails unless it is alive.
#[track_caller]
fn end_survivor(pid: i32) {
    assert!(is_alive(pid), "{pid} was ended");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

/// The process number that a run has printed.
#[track_caller]
fn pid_of(output: &crate::harness::Output) -> i32 {
    output.out().lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).expect("it is told")
}

#[test]
fn what_a_process_left_behind_is_stopped_in_its_turn() {
    for how in ["exit 0", "exit 3", "kill -9 $$"] {
        let script = format!(
            "let p = start(shell(`sleep 600 & echo $!; {how}`), #{{stdout: \"capture\"}}); print(`pid ${{p.read_line()}}`);
            while p.running {{ sleep(0.01); }} print(handlers().len()); p.wait(); atexit(print, \"after\");"
        );
        let output = code(&script).run();
        output.expect_code(0);
        assert!(output.out().ends_with("\n1\nafter\n"), "{output}");
        expect_gone(&[pid_of(&output)]);
    }
}

#[test]
fn stop_of_a_process_that_has_ended_ends_what_it_left_behind_and_changes_no_result() {
    let script = format!(
        "let p = start(shell(`{OWN_GROUP} sh -c 'echo $$; exec sleep 600' & read go; exit 4`), #{{stdin: \"pipe\", stdout: \"capture\"}});
        let pid = p.read_line(); p.write(\"\\n\"); p.wait(); print(p.stop().code); print(handlers().len());
        print(process(parse_int(pid)) == ()); print(`pid ${{pid}}`);"
    );
    let output = code(&script).run();
    assert!(output.out().starts_with("4\n0\ntrue\n"), "{output}");
    expect_gone(&[pid_of(&output)]);
}

#[test]
fn what_a_detached_process_left_behind_is_not_taken_for_anothers() {
    for group in ["", OWN_GROUP] {
        let place = Place::new();
        let script = format!(
            "let other = start([\"sleep\", \"600\"]);
            let p = start(shell(`mkfifo up; {group} sh -c 'echo pid $$ > up; exec sleep 601 > /dev/null' & cat up; exit 0`), #{{stderr: \"null\"}}).detach();
            while p.running {{ sleep(0.01); }} other.stop();"
        );
        let output = code(&script).cwd(place.path()).run();
        output.expect_code(0);
        end_survivor(pid_of(&output));
    }
}

#[test]
fn what_a_command_left_behind_is_not_taken_for_a_processes() {
    let script =
        "let other = start([\"sleep\", \"600\"]); sh(`sleep 601 > /dev/null 2>&1 & echo pid $!`); other.stop();";
    let output = code(script).run();
    output.expect_code(0);
    end_survivor(pid_of(&output));
}

#[test]
fn what_loses_its_parent_after_its_command_has_ended_is_not_taken_for_anothers() {
    // `mid` outlives its command, and `leaf` outlives `mid`, which ends when it is told to.
    let mid = "(sh -c 'sh -c \"exec >&- 2>&-; exec sleep 601\" & echo $! > leaf; while [ ! -e go ]; do sleep 0.01; done' >/dev/null 2>&1 &)";
    let wait = "while [ ! -s leaf ]; do sleep 0.01; done";
    let end_mid = "sh(`touch go`); sh(`while [ $(ps -o ppid= -p $(cat leaf)) != $1 ]; do sleep 0.01; done`, pid());";
    for script in [
        format!(
            "let p = start([\"sleep\", \"600\"]); let d = start(shell(`{mid}; {wait}`)).detach(); while d.running {{ sleep(0.01); }} {end_mid}"
        ),
        format!("let p = start([\"sleep\", \"600\"]); sh(`{mid}; {wait}`); {end_mid} p.stop();"),
        format!("sh(`{mid}; {wait}`); try {{ sh(`touch go; sleep 600`, #{{timeout: 1}}); }} catch {{ }}"),
    ] {
        let place = Place::new();
        code(&script).cwd(place.path()).run().expect_code(0);
        end_survivor(place.read("leaf").trim().parse().expect("it is a number"));
    }
}

#[test]
fn the_first_int_after_another_signal_does_not_end_the_grace_period_of_a_stop() {
    let script = "let p = start(shell(`trap 'echo told' TERM; echo ready; i=0; while [ $i -lt 400000 ]; do i=$((i + 1)); done; echo end`), #{stdout: \"tee\", grace: 60});
        p.read_line(); p.stop();";
    let mut live = code(script).start();
    live.wait_for("told").signal(Signal::SIGTERM);
    live.wait_for_error("TERM: running 1 exit handler").signal(Signal::SIGINT);
    live.finish().expect(143, "ready\ntold\nend\n");
}

#[test]
fn a_misspelt_part_or_member_of_a_process_is_told_with_the_nearest() {
    refuses("start([\"true\"]).runing;", "the process has no `runing` (did you mean `running`?)");
    refuses("start([\"true\"]).tag;", "the process has no `tag`");
    refuses("atexit(|| 1).tag;", "the handler has no `tag`");
    refuses("attempt([\"true\"]).tag;", "the result has no `tag`");
    refuses("fs::lock(fs::temp_file()).tag;", "the lock has no `tag`");
    refuses("atexit(|| 1).pendin;", "the handler has no `pendin` (did you mean `pending`?)");
    let output = code("start([\"true\"]).detatch();").run();
    output.expect_code(1).expect_error("there is no function `detatch`").expect_error("did you mean `detach`?");
}
