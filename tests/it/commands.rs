//! `run`, `sh`, `shell`, `capture`, `succeeds`, `quote`: what they take, what they give, what they leave.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::files::make_fifo;
use crate::harness::{OWN_GROUP, Place, code, expect_gone, is_alive, refuses, stagesh};

#[test]
fn run_gives_each_word_as_it_is() {
    let output =
        code("run([\"printf\", \"%s|\", \"a b\", \"$HOME\", \"*\", \"\", \"'\\\"\", \"日本\", 3, 1.5, true]);").run();
    output.expect(0, "a b|$HOME|*||'\"|日本|3|1.5|true|");
}

#[test]
fn an_array_among_the_words_is_spliced_in_and_an_empty_one_vanishes() {
    code("let more = [\"b\", [\"c\", 4]]; run([\"echo\", \"a\", more, [], \"d\"]);").run().expect(0, "a b c 4 d\n");
}

#[test]
fn a_blob_is_a_word_of_bytes() {
    let output = code("let b = blob(3, 0xff); b[1] = 0x61; run([\"printf\", \"%s\", b]);").run();
    assert_eq!(output.stdout, b"\xffa\xff", "{output}");
}

#[test]
fn what_is_no_word_is_refused_with_its_place() {
    refuses("run([\"echo\", \"a\", ()]);", "run: word 3 is `()`");
    refuses("run([\"echo\", #{a: 1}]);", "run: word 2 is a map");
    refuses("run([\"echo\", [\"a\", [\"b\", ()]]]);", "run: word 2, element 2, element 2 is `()`");
    refuses("run([\"echo\", \"a\\x00b\"]);", "run: word 2 contains a NUL");
    refuses("run([\"ec\\x00ho\"]);", "run: word 1 contains a NUL");
    refuses("capture([\"echo\", || 1]);", "capture: word 2 is a function");
}

#[test]
fn a_bare_string_and_an_empty_array_are_refused_and_sh_is_named() {
    for verb in ["run", "capture", "succeeds"] {
        for command in ["\"ls -l\"", "[]", "[[]]"] {
            let output = code(&format!("{verb}({command});")).run();
            output.expect_code(1).expect_error(&format!("error: {verb}: ")).expect_error("sh(");
        }
    }
    refuses("run(5);", "run: ");
    refuses("run(());", "run: ");
}

#[test]
fn a_failing_command_raises_with_its_status() {
    refuses("run([\"false\"]);", "`false` exited with 1");
    refuses("sh(\"exit 42\");", "`/bin/sh -euc 'exit 42' sh` exited with 42");
    refuses("capture([\"sh\", \"-c\", \"exit 3\"]);", "`sh -c 'exit 3'` exited with 3");
    refuses("run([\"sh\", \"-c\", \"kill -KILL $$\"]);", "`sh -c 'kill -KILL $$'` was killed by KILL");
}

#[test]
fn a_text_for_the_shell_is_never_its_options() {
    let output = code("sh(\"-n\");").stdin("echo from stdin\n").run();
    output.expect(1, "").expect_error("error: `/bin/sh -euc -- -n sh` exited with 127");
    for text in ["-x", "--help", "+x", "-c"] {
        let script = format!(
            "attempt(shell({text:?}, \"echo $0\"), #{{stdin: \"inherit\", stdout: \"inherit\", stderr: \"null\"}}).code"
        );
        code(&format!("print({script});")).stdin("echo from stdin\n").run().expect(0, "127\n");
    }
}

#[test]
fn the_error_of_a_command_has_its_parts() {
    let script = |command: &str| {
        format!(
            "try {{ {command}; }} catch (e) {{ print(`${{e.kind}}|${{e.command}}|${{e.code}}|${{e.signal}}|${{e.stdout}}|${{e.stderr}}`);
             print(e.message); }}"
        )
    };
    code(&script("run([\"sh\", \"-c\", \"exit 3\"])"))
        .run()
        .expect(0, "command|sh -c 'exit 3'|3|||\n`sh -c 'exit 3'` exited with 3\n");
    code(&script("capture([\"sh\", \"-c\", \"echo out; kill -TERM $$\"])")).run().expect(
        0,
        "command|sh -c 'echo out; kill -TERM $$'|143|TERM|out|\n`sh -c 'echo out; kill -TERM $$'` was killed by TERM; the end of its stdout:\n  out\n",
    );
    code("try { run([\"false\"]); } catch (e) { e.cod; }").run().expect_code(1).expect_error("did you mean `code`?");
}

#[test]
fn capture_gives_stdout_without_its_trailing_newlines() {
    for (text, captured) in
        [("a\\n", "a"), ("a", "a"), ("a\\n\\n\\n", "a"), ("\\na\\nb\\n", "\na\nb"), ("", ""), ("a \\n", "a ")]
    {
        let script = format!("print(`[${{capture([\"printf\", \"{}\"])}}]`);", text.replace('\\', "\\\\"));
        code(&script).run().expect(0, &format!("[{captured}]\n"));
    }
}

#[test]
fn capture_replaces_what_is_not_utf_8() {
    code("print(capture([\"printf\", \"a\\\\377b\"]));").run().expect(0, "a\u{fffd}b\n");
}

#[test]
fn capture_takes_more_than_a_pipe_holds() {
    code("print(capture([\"sh\", \"-c\", \"head -c 3000000 /dev/zero | tr '\\\\0' x\"]).len());")
        .run()
        .expect(0, "3000000\n");
}

#[test]
fn capture_lets_stderr_through() {
    code("capture([\"sh\", \"-c\", \"echo err >&2\"]);").run().expect(0, "").expect_errors("err\n");
}

#[test]
fn succeeds_is_a_bool_and_drops_what_is_written() {
    code("print(succeeds([\"true\"])); print(succeeds([\"false\"])); print(succeeds([\"sh\", \"-c\", \"echo x; echo y >&2\"]));")
        .run()
        .expect(0, "true\nfalse\ntrue\n")
        .expect_no_error();
}

#[test]
fn shell_makes_a_command_with_arguments() {
    code("sh(\"echo $# $1 $2\", \"a b\", 3); run(shell(\"echo $1\", \"x\")); print(capture(shell(\"echo $0 $1\", \"y\")));")
        .run()
        .expect(0, "2 a b 3\nx\nsh y\n");
}

#[test]
fn the_shell_ends_at_the_first_failure_and_at_an_unset_variable() {
    refuses("sh(\"false; echo never\");", "`/bin/sh -euc 'false; echo never' sh` exited with 1");
    let output = code("sh(\"echo $never_set; echo never\");").run();
    output.expect(1, "");
}

#[test]
fn quote_gives_what_a_shell_reads_back() {
    for word in ["a b", "", "$HOME", "it's", "日本", "a\\nb", "*", "-x", "~", "a=b", "#", "`x`", "\\\\", "!"] {
        let script = format!("let w = \"{word}\"; print(capture([\"sh\", \"-c\", `printf '%s' ${{quote(w)}}`]) == w);");
        code(&script).run().expect(0, "true\n");
    }
    code("print(quote(\"plain\")); print(quote([\"echo\", \"a b\", 3])); print(quote(shell(\"x y\")));")
        .run()
        .expect(0, "plain\necho 'a b' 3\n/bin/sh -euc 'x y' sh\n");
    refuses("quote(());", "quote: ");
}

#[test]
fn a_program_that_is_not_there_raises_in_every_verb() {
    for verb in ["run", "capture", "succeeds"] {
        let output = code(&format!("{verb}([\"no-such-program\"]);")).env("PATH", Some("/nowhere:/usr/nowhere")).run();
        output.expect_code(1).expect_error(
            "cannot start `no-such-program`: `no-such-program` was not found in PATH (/nowhere:/usr/nowhere)",
        );
    }
    refuses("run([\"/no/such/program\"]);", "cannot start `/no/such/program`: `/no/such/program` does not exist");
}

#[test]
fn a_directory_and_a_file_that_is_not_executable_are_told_apart() {
    let place = Place::new();
    let file = place.write("file", "text");
    refuses("run([\"/usr\"]);", "cannot start `/usr`: `/usr` is a directory");
    let output = code("run([args()[0]]);").arg(&file).run();
    output.expect_code(1).expect_error("is not executable (chmod +x)");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    // Without a `#!` line the kernel refuses it.
    code("run([args()[0]]);").arg(&file).run().expect_code(1).expect_error("cannot start");
}

#[test]
fn a_command_shares_stdin_with_the_script() {
    let script = "print(read_line()); run([\"sh\", \"-c\", \"read x; echo got $x\"]); print(read_line());";
    code(script).stdin("one\ntwo\nthree\n").run().expect(0, "one\ngot two\nthree\n");
}

#[test]
fn a_command_of_a_handler_has_an_empty_stdin() {
    code("atexit([\"cat\"]); atexit(|| print(read_line()));").stdin("one\ntwo\n").run().expect(0, "one\n");
}

#[test]
fn a_command_runs_where_the_script_is() {
    code("cd(\"/usr\"); run([\"pwd\"]); cd(\"..\"); run([\"pwd\"]);").run().expect(0, "/usr\n/\n");
}

#[test]
fn nothing_of_an_interrupted_command_is_left() {
    // A child, its child, one in the background, one that ignores TERM, one in a group of its own.
    let script = format!(
        "sh(`echo pid $$; sleep 600 & echo pid $!; (trap '' TERM; echo pid $(exec sh -c 'echo $PPID'); sleep 600; sleep 600) &
        {OWN_GROUP} sleep 600 & echo pid $!; wait`);"
    );
    let mut live = code(&script).options(&["--grace", "0.2"]).start();
    let mut pids = Vec::new();
    for _ in 0..4 {
        pids.push(live.wait_for_pid("pid "));
    }
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    expect_gone(&pids);
}

/// A script with handlers that take a moment, each a command.
const NESTED: &str = "for name in [\"one\", \"two\"] { atexit(shell(`sleep 0.02 && sleep 0.02 && echo ${name}`)); }
    print(\"ready\"); run([\"sleep\", \"600\"]);";

#[test]
fn what_a_command_starts_to_clean_up_is_not_told() {
    let bash =
        "trap 'sleep 0.02 && sleep 0.02 && echo two; sleep 0.02 && echo one; exit' TERM; echo ready; sleep 600 & wait";
    for command in [format!("[args()[0], \"-e\", {NESTED:?}]"), format!("shell({bash:?})")] {
        for options in ["#{}", "#{name: \"n\"}", "#{stdout: \"tee\"}"] {
            let mut live = code(&format!("run({command}, {options});")).arg(stagesh()).start();
            let ready = live.wait_for_prefix("");
            assert!(ready.ends_with("ready"), "{ready}");
            live.signal(Signal::SIGTERM);
            let output = live.finish();
            output.expect_code(143);
            let lines: Vec<String> = output.out().lines().map(|line| line.replace("n | ", "")).collect();
            assert_eq!(lines, ["ready", "two", "one"], "{output}");
        }
    }
}

#[test]
fn what_a_process_or_a_late_command_starts_to_clean_up_is_not_told() {
    let command = format!("[args()[0], \"-e\", {NESTED:?}]");
    for end in [
        "let p = start(COMMAND, #{stdout: \"capture\"}); p.read_line(); p.stop();",
        "let p = start(COMMAND, #{stdout: \"capture\"}); p.read_line(); try { wait_all([p, start([\"false\"])]); } catch { }",
        "let p = start(COMMAND, #{stdout: \"capture\"}); p.read_line();
            try { stage(#{name: \"s\", timeout: 0.05}, || p.wait()); } catch { }",
    ] {
        let script = format!("{} print(p.read_line()); print(p.read_line());", end.replace("COMMAND", &command));
        code(&script).options(&["--quiet"]).arg(stagesh()).run().expect(0, "two\none\n");
    }
}

#[test]
fn an_orphan_is_reaped_while_its_command_ends() {
    // As a script does that stops a daemon.
    let script = "sh(`sh -c 'sleep 600 > /dev/null & echo $! > daemon'
        trap 'while kill -0 $(cat daemon) 2> /dev/null; do sleep 0.01; done; echo stopped; exit 0' TERM
        echo ready; while :; do sleep 0.01; done`);";
    let place = Place::new();
    let mut live = code(script).options(&["--grace", "600"]).cwd(place.path()).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\nstopped\n");
}

#[test]
fn what_is_no_file_cannot_be_started_and_nothing_waits_for_it() {
    let place = Place::new();
    make_fifo(&place, "pipe");
    fs::set_permissions(place.path().join("pipe"), Permissions::from_mode(0o755)).expect("it is ours");
    let script = "atexit(print, \"cleaned\"); atexit([\"./pipe\"]); run([\"./pipe\"]);";
    let output = code(script).cwd(place.path()).run();
    output.expect(1, "cleaned\n").expect_error("error: cannot start `./pipe`: permission denied");
}

#[test]
fn a_process_is_found_whatever_its_name() {
    let script = format!(
        "sh(`mkfifo never; ln -s /bin/sh \"$1\"; {OWN_GROUP} \"./$1\" -c 'echo pid $$; read x < never' & wait`, args()[0]);"
    );
    for name in [b"\xff\xfe".as_slice(), b"a) Z 1 (b", b"two\nlines"] {
        let place = Place::new();
        let mut live = code(&script).arg(OsStr::from_bytes(name)).cwd(place.path()).start();
        let pid = live.wait_for_pid("pid ");
        live.signal(Signal::SIGTERM);
        live.finish().expect_code(143);
        expect_gone(&[pid]);
    }
}

#[test]
fn a_command_that_ignores_the_signal_is_killed_after_the_grace_period() {
    let mut live = code("atexit(print, \"cleaned\"); sh(`trap '' TERM INT HUP; echo pid $$; while :; do :; done`);")
        .options(&["--grace", "0.1"])
        .start();
    let pid = live.wait_for_pid("pid ");
    live.signal(Signal::SIGHUP);
    let output = live.finish();
    output.expect_code(129);
    assert!(output.out().ends_with("cleaned\n"), "{output}");
    expect_gone(&[pid]);
}

#[test]
fn a_second_int_a_second_later_ends_the_grace_period() {
    let script = "sh(`trap '' INT; echo pid $$; (sleep 1.1; echo late) & wait; while :; do :; done`);";
    let mut live = code(script).options(&["--grace", "600"]).start();
    let pid = live.wait_for_pid("pid ");
    live.signal(Signal::SIGINT);
    live.wait_for("late").signal(Signal::SIGINT);
    live.finish().expect_code(130);
    expect_gone(&[pid]);
}

#[test]
fn what_a_command_started_can_clean_up_in_the_grace_period() {
    let mut live = code("sh(`trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done`);").start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\ncleaned\n");
}

#[test]
fn a_stopped_command_is_woken_to_end() {
    let mut live = code("sh(`echo pid $$; kill -STOP $$; sleep 600`);").start();
    let pid = live.wait_for_pid("pid ");
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    expect_gone(&[pid]);
}

#[test]
fn what_a_command_leaves_behind_does_not_hold_up_the_script() {
    let output = code("print(capture([\"sh\", \"-c\", \"sleep 600 2> /dev/null & echo $!\"])); print(\"on\");").run();
    output.expect_code(0);
    let pid: i32 = output.out().lines().next().and_then(|line| line.parse().ok()).expect("it is a number");
    assert!(crate::harness::is_alive(pid), "a command that has ended well may leave a process: {output}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn a_daemon_that_left_the_session_on_purpose_outlives_the_run() {
    let mut live = code("sh(`setsid sleep 600 > /dev/null 2>&1 & echo pid $!; wait`);").start();
    let pid = live.wait_for_pid("pid ");
    // It is in a session of its own once it is called `sleep`.
    while std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name != "sleep\n") {
        std::thread::yield_now();
    }
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    assert!(crate::harness::is_alive(pid), "it left its session on purpose");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn trace_prints_each_command_so_that_it_can_be_pasted() {
    code("run([\"true\", \"a b\", \"$x\"]); sh(\"exit 0\"); atexit([\"true\"]);")
        .options(&["-x"])
        .run()
        .expect(0, "")
        .expect_errors("+ true 'a b' '$x'\n+ /bin/sh -euc 'exit 0' sh\n+ true\n");
}

#[test]
fn many_commands_leave_no_zombie_and_no_descriptor() {
    let script = "fn count(dir) { parse_int(capture(shell(`ls /proc/$1/${dir} | wc -l`, pid()))) }
        let before = count(\"fd\"); for i in 0..200 { run([\"true\"]); capture([\"echo\"]); } print(count(\"fd\") - before < 5);
        print(capture(shell(`ps -o stat= --ppid $1 | grep -c Z || true`, pid())));";
    // One is open for a moment longer while a command starts.
    code(script).run().expect(0, "true\n0\n");
}

#[test]
fn a_chain_of_processes_that_fork_and_end_is_caught() {
    let place = Place::new();
    // Each link lives for a moment, ignores the signal and holds stdout open: one that is left holds up this test.
    place.write("link.sh", "trap '' TERM\nsleep 0.002\nsh link.sh &\n");
    let script = "sh(\"sh link.sh & echo ready; exec sleep 600\");";
    let mut live = code(script).options(&["--grace", "0.1"]).cwd(place.path()).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect_code(143);
}

#[test]
fn what_a_captured_command_left_behind_is_ended_by_a_signal_while_its_output_is_read() {
    let script =
        "capture([\"sh\", \"-c\", \"sleep 600 & echo pid $! >&2; while :; do echo x; sleep 0.05; done & echo hi\"]);";
    let mut live = code(script).start();
    live.wait_for_error("pid ").wait_for_error("\n").signal(Signal::SIGTERM);
    let output = live.finish();
    output.expect_code(143);
    let pid = output.err().lines().next().and_then(|line| line.strip_prefix("pid ")?.parse().ok());
    expect_gone(&[pid.expect("it is told")]);
}

#[test]
fn a_process_that_writes_without_end_does_not_hold_up_the_script() {
    let script = "print(capture([\"sh\", \"-c\", \"echo hi; (while :; do echo x; sleep 0.1; done) & echo pid $! >&2\"]).len() > 2);";
    let output = code(script).run();
    output.expect(0, "true\n");
    let pid = output.err().trim().strip_prefix("pid ").and_then(|pid| pid.parse().ok()).expect("it is told");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn a_daemon_of_a_command_that_has_ended_is_let_go() {
    let script = "sh(\"sleep 600 >/dev/null 2>&1 & echo pid $!\"); sh(\"echo ready; exec sleep 600\");";
    let mut live = code(script).start();
    let pid = live.wait_for_pid("pid ");
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    assert!(is_alive(pid));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn a_grace_period_may_be_as_long_as_there_are_numbers() {
    let script = "atexit(print, \"cleaned\"); sh(\"trap '' TERM; echo ready; sleep 0.2; echo end\");";
    let mut live = code(script).options(&["--grace", "1e19"]).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\nend\ncleaned\n");
}

#[test]
fn the_first_int_after_another_signal_does_not_end_the_grace_period() {
    let mut live =
        code("sh(\"trap '' INT; trap 'echo told' TERM; echo ready; i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; echo end\");")
            .options(&["--grace", "60"])
            .start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.wait_for("told").signal(Signal::SIGINT);
    live.finish().expect(143, "ready\ntold\nend\n");
}

#[test]
fn a_signal_to_the_whole_group_kills_no_command_of_a_handler() {
    for handler in ["[\"true\"]", "|| if !start([\"true\"]).wait().ok { eprint(\"killed\"); }"] {
        let script = format!("for i in 0..40 {{ atexit({handler}); }} print(\"ready\"); sleep(600);");
        let mut live = code(&script).start();
        live.wait_for("ready");
        let group = nix::unistd::Pid::from_raw(live.pid());
        // For as long as there is one, about as often as a command takes to start: this hits many of them there.
        let mut next = std::time::Instant::now();
        while !live.has_ended() {
            if std::time::Instant::now() >= next {
                let _ = nix::sys::signal::killpg(group, Signal::SIGTERM);
                next += std::time::Duration::from_micros(300);
            }
            std::hint::spin_loop();
        }
        live.finish().expect_code(143).expect_not("killed");
    }
}
