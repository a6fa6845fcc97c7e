//! What a run writes: in order, in time, and where nobody reads.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::harness::{Place, Run, code};

/// A file descriptor whose reader is gone.
fn dead() -> Stdio {
    let (read, write) = UnixStream::pair().expect("there are descriptors");
    drop(read);
    std::os::fd::OwnedFd::from(write).into()
}

/// The write end of a pipe whose reader is gone.
fn dead_pipe() -> Stdio {
    let (read, write) = std::io::pipe().expect("there are descriptors");
    drop(read);
    write.into()
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("Linux has it")
}

#[test]
fn print_goes_to_stdout_and_debug_and_eprint_to_stderr() {
    let output =
        code("print(\"a\"); print(); print(1.5); print([1, \"x\"]); debug(\"b\"); eprint(\"c\"); eprint();").run();
    output.expect(0, "a\n\n1.5\n[1, \"x\"]\n").expect_errors("-e:1:51: \"b\"\nc\n\n");
}

#[test]
fn lines_of_both_streams_and_of_commands_keep_their_order() {
    let script = "print(1); eprint(2); print(3); debug(4); print(5); run([\"echo\", \"6\"]); print(7); sh(\"echo 8 >&2\");
        print(9); atexit(|| { print(11); eprint(12); print(13); run([\"echo\", \"14\"]); }); atexit([\"echo\", \"10\"]); throw \"x\";";
    let output = code(script).under(&["sh", "-c", "exec \"$@\" 2>&1", "sh"]).run();
    let lines: Vec<_> = output.out().lines().map(str::to_string).collect();
    assert_eq!(lines[..9], ["1", "2", "3", "-e:1:32: 4", "5", "6", "7", "8", "9"], "{output}");
    assert_eq!(lines[lines.len() - 5..], ["10", "11", "12", "13", "14"], "{output}");
    assert!(lines[9].starts_with("error: x"), "{output}");
}

#[test]
fn what_was_printed_is_there_before_stdin_is_read_and_before_a_sleep() {
    for wait in ["read_line()", "read_all()", "sleep(600)", "sh(\"exec sleep 600\")"] {
        let mut live = code(&format!("print(\"ready\"); {wait};")).start();
        live.wait_for("ready").signal(Signal::SIGTERM);
        live.end().expect_code(143);
    }
}

#[test]
fn a_line_reaches_its_reader_whatever_the_script_does_next() {
    for next in ["loop { }", "let a = []; loop { a.push(1); a.sort(); }", "eval(\"loop { }\")"] {
        let mut live = code(&format!("print(\"first\"); print(\"second\"); {next}")).start();
        live.wait_for("first").wait_for("second").signal(Signal::SIGTERM);
        live.finish().expect_code(143);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_few_lines_need_no_thread_that_writes_them_and_many_have_one() {
    let threads = "fs::list(\"/proc/self/task\").len()";
    let script = format!(
        "let before = {threads}; for i in 0..10 {{ print(i); }} let few = {threads} - before;
        for i in 0..1000 {{ print(i); }} let many = {threads} - before; eprint(`${{few}} ${{many}}`);"
    );
    code(&script).run().expect_code(0).expect_errors("0 1\n");
}

#[test]
fn a_large_output_arrives_whole() {
    let output = code("for i in 0..100000 { print(i); }").run();
    output.expect_code(0);
    assert!(output.out().lines().enumerate().all(|(number, line)| line == number.to_string()));
    assert_eq!(output.out().lines().count(), 100_000);
}

#[test]
fn exit_now_flushes_and_runs_no_handler() {
    code("atexit(print, \"never\"); print(\"printed\"); exit_now(4);").run().expect(4, "printed\n");
    code("atexit(print, \"never\"); exit_now();").run().expect(0, "");
}

#[test]
fn exit_now_in_a_handler_repaints_no_failure() {
    let status = |script: &str, status: i32| {
        code(&format!("atexit(print, \"never\"); {script}")).run().expect(status, "");
    };
    status("atexit(exit_now); exit(7);", 7);
    status("atexit(exit_now, 3); exit(7);", 7);
    status("atexit(exit_now, 3);", 3);
    status("atexit(exit_now); throw 1;", 1);
    status("atexit(exit_now); kill(pid(), \"TERM\");", 143);
    status("atexit(exit_now); atexit(|| throw 1);", 1);
    status("atexit(exit_now); atexit(|| scope(|| throw 1)); exit(5);", 5);
    status("scope(|| { atexit(exit_now); atexit(|| kill(pid(), \"TERM\")); });", 143);
    let place = Place::new();
    let run = code("atexit(exit_now); throw \"why\";").options(&["--report", "report"]).cwd(place.path());
    run.run().expect(1, "").expect_error("error: why\n");
    let report: serde_json::Value = serde_json::from_str(&place.read("report")).expect("it is JSON");
    assert_eq!((&report["outcome"], &report["error"]), (&"failed".into(), &"why".into()));
}

#[test]
fn a_reader_of_stdout_that_goes_away_is_the_signal_pipe() {
    for stdout in [dead, dead_pipe] {
        let script = "atexit(|| eprint(\"cleaned\")); loop { print(\"line\"); }";
        let output = code(script).start_with(stdout(), Stdio::piped()).finish();
        output.expect_code(141).expect_errors("stagesh: PIPE: running 1 exit handler\ncleaned\n");
    }
}

#[test]
fn a_shell_whose_command_has_died_of_a_reader_that_is_gone_ends_the_script_by_pipe() {
    for script in ["sh(`yes`);", "sh(`yes; true`);", "try { sh(`yes`); } catch { } eprint(\"went on\");"] {
        let script = format!("atexit(|| eprint(\"cleaned\")); {script}");
        let output = code(&script).start_with(dead_pipe(), Stdio::piped()).finish();
        output.expect_code(141).expect_errors("stagesh: PIPE: running 1 exit handler\ncleaned\n");
    }
    // With a reader it is a status like others.
    code("sh(`exit 141`);").run().expect(1, "").expect_error("exited with 141");
}

#[test]
fn head_ends_a_script_that_prints_for_ever_and_its_handlers_run() {
    let place = Place::new();
    let log = place.path().join("log");
    let script =
        "atexit(|| sh(`echo $1 > \"$2\"`, outcome().signal, args()[0])); let i = 0; loop { i += 1; print(i); }";
    let words = format!("{} -q -e '{script}' {} | head -n 3", crate::harness::stagesh(), log.display());
    let output = Run::new().under(&["bash", "-o", "pipefail", "-c", &words]).run();
    output.expect(141, "1\n2\n3\n").expect_no_error();
    assert_eq!(place.read("log"), "PIPE\n");
}

#[test]
fn a_dead_stdout_ends_the_run_also_when_the_script_only_computes_afterwards() {
    let script = "atexit(|| eprint(\"cleaned\")); print(\"one\"); print(\"two\"); loop { }";
    code(script).start_with(dead_pipe(), Stdio::piped()).finish().expect_code(141).expect_error("cleaned\n");
}

#[test]
fn a_dead_stdout_kills_a_script_that_does_not_trap_pipe() {
    let script = "trap(\"TERM\"); loop { print(\"line\"); }";
    code(script).start_with(dead_pipe(), Stdio::piped()).finish().expect_death(Signal::SIGPIPE);
}

#[test]
fn a_dead_stdout_in_the_clean_up_ends_no_handler() {
    let script = "atexit(|| { print(\"one\"); print(\"two\"); eprint(\"whole\"); }); atexit(|| { print(\"three\"); eprint(\"first\"); });";
    let output = code(script).start_with(dead_pipe(), Stdio::piped()).finish();
    output.expect_errors("first\nwhole\n").expect_code(0);
}

#[test]
fn a_dead_stderr_is_no_signal() {
    let script = "eprint(\"one\"); debug(2); atexit(|| { eprint(\"three\"); print(\"whole\"); }); print(\"on\"); eprint(\"four\");";
    let mut live = code(script).start_with(Stdio::piped(), dead_pipe());
    live.wait_for("on");
    live.finish().expect(0, "on\nwhole\n");
}

#[test]
fn a_dead_stderr_costs_no_handler_of_a_script_that_fails() {
    let script = "atexit(print, \"cleaned\"); throw \"bad\";";
    code(script).start_with(Stdio::piped(), dead_pipe()).finish().expect(1, "cleaned\n");
}

#[test]
fn a_command_that_closes_its_stdout_or_stdin_is_no_signal() {
    code("sh(\"yes | head -n 1\"); print(\"on\");").run().expect(0, "y\non\n");
}

#[test]
fn a_full_disk_is_a_script_error() {
    let script = "atexit(|| eprint(\"cleaned\")); for i in 0..100000 { print(\"line\"); } sleep(0); print(\"never\");";
    let output = code(script).start_with(full(), Stdio::piped()).finish();
    output.expect_code(1).expect_error("print: cannot write to standard output: no space left on device");
    output.expect_error("cleaned\n");
}

#[test]
fn a_full_disk_is_noticed_at_the_end_at_the_latest_and_can_be_caught() {
    let output = code("print(\"line\");").start_with(full(), Stdio::piped()).finish();
    output.expect_code(1).expect_error("no space left on device");
    let script = "try { print(\"line\"); sleep(0); } catch (e) { eprint(e.message); } exit(5);";
    let output = code(script).start_with(full(), Stdio::piped()).finish();
    output.expect_code(5).expect_errors("print: cannot write to standard output: no space left on device\n");
    // What a command says that goes through the host is told where the command is.
    let script = script.replace("print(\"line\"); sleep(0);", "run([\"echo\", \"line\"], #{name: \"n\"});");
    let output = code(&script).start_with(full(), Stdio::piped()).finish();
    output.expect_code(5).expect_errors("cannot write to standard output: no space left on device\n");
}

#[test]
fn a_full_disk_in_the_clean_up_ends_no_handler_and_is_said_once() {
    let script = "atexit(|| { print(\"one\"); eprint(\"last\"); }); atexit(|| { print(\"two\"); eprint(\"first\"); });";
    let output = code(script).start_with(full(), Stdio::piped()).finish();
    output.expect_code(1).expect_error("first\n").expect_error("last\n");
    assert_eq!(output.err().matches("no space left").count(), 1, "{output}");
}

#[test]
fn an_untrapped_signal_loses_at_most_the_last_tenth_of_a_second() {
    let mut live = code("print(\"one\"); print(\"two\"); loop { }").start();
    live.wait_for("two").signal(Signal::SIGKILL);
    let output = live.finish();
    output.expect_death(Signal::SIGKILL);
    assert_eq!(output.out(), "one\ntwo\n");
}

#[test]
fn bytes_of_a_script_that_are_multibyte_arrive_whole() {
    let (mut read, write) = std::io::pipe().expect("there are descriptors");
    code("for i in 0..3000 { print(\"日本語\"); }").start_with(write, Stdio::piped()).finish().expect_code(0);
    let mut text = String::new();
    read.read_to_string(&mut text).expect("it is UTF-8");
    assert_eq!(text, "日本語\n".repeat(3000));
}

/// A pipe that holds no more, and whose reader does not read.
fn stuck() -> (PipeReader, Stdio) {
    let (read, write) = std::io::pipe().expect("there are descriptors");
    let flags = OFlag::from_bits_retain(fcntl(&write, FcntlArg::F_GETFL).expect("it is open"));
    fcntl(&write, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).expect("it is open");
    while (&write).write(&[b'x'; 4096]).is_ok() {}
    while (&write).write(b"x").is_ok() {}
    fcntl(&write, FcntlArg::F_SETFL(flags)).expect("it is open");
    (read, write.into())
}

#[test]
fn a_reader_of_stdout_that_does_not_read_holds_up_no_handler() {
    let script = "atexit(|| sh(\"echo first >&2\")); atexit(|| { print(\"lost\"); eprint(\"second\"); });
        eprint(\"ready\"); loop { print(\"line\"); }";
    let (reader, writer) = stuck();
    let mut live = code(script).options(&["--handler-timeout", "20"]).start_with(writer, Stdio::piped());
    live.wait_for_error("ready").signal(Signal::SIGTERM);
    live.wait_for_error("second\nfirst\n");
    drop(reader);
    live.end().expect_code(143).expect_not("timed out");
}

#[test]
fn a_reader_of_stdout_that_reads_late_has_every_line() {
    let (mut reader, writer) = stuck();
    let live = code("atexit(print, \"last\"); eprint(\"ready\");").start_with(writer, Stdio::piped());
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("it is a pipe");
    assert!(all.ends_with(b"xlast\n"));
    live.end().expect_code(0);
}

#[test]
fn a_signal_ends_the_wait_for_a_reader_that_never_reads() {
    let (reader, writer) = stuck();
    let mut live = code("atexit(|| { print(\"lost\"); eprint(\"ready\"); });").start_with(writer, Stdio::piped());
    live.wait_for_error("ready").signal(Signal::SIGTERM);
    live.end().expect_code(143);
    drop(reader);
}

#[test]
fn a_reader_of_stderr_that_does_not_read_holds_up_nothing() {
    for script in ["print(\"ready\"); sleep(600);", "print(\"ready\"); loop { eprint(\"x\"); }"] {
        let (reader, writer) = stuck();
        let script =
            format!("atexit(print, \"cleaned\"); atexit(|| {{ eprint(\"lost\"); throw \"lost, too\"; }}); {script}");
        let mut live = code(&script).start_with(Stdio::piped(), writer);
        live.wait_for("ready").signal(Signal::SIGTERM);
        live.end().expect(143, "ready\ncleaned\n");
        drop(reader);
    }
}

#[test]
fn a_signal_between_a_look_at_a_reader_and_the_write_blocks_nothing() {
    let (reader, writer) = stuck();
    let mut live = code("atexit(|| { print(\"ready\"); for i in 0..4000 { eprint(\"x\"); } });")
        .start_with(Stdio::piped(), writer);
    live.wait_for("ready");
    let deadline = std::time::Instant::now() + crate::harness::WATCHDOG;
    while !live.has_ended() && std::time::Instant::now() < deadline {
        live.signal(Signal::SIGTERM);
    }
    live.end().expect(143, "ready\n");
    drop(reader);
}

#[test]
fn a_handler_that_waits_for_a_reader_can_be_timed_out() {
    for verb in ["print", "eprint"] {
        let (reader, writer) = stuck();
        let script = format!("atexit(|| loop {{ {verb}(\"x\") }}).timeout(0.2);");
        let (stdout, stderr) = if verb == "print" { (writer, Stdio::piped()) } else { (Stdio::null(), writer) };
        let mut live = code(&script).start_with(stdout, stderr);
        if verb == "print" {
            // What is left of it waits for its reader at the end.
            live.wait_for_error("timed out");
            drop(reader);
            live.end().expect_code(1);
        } else {
            live.end().expect_code(1);
            drop(reader);
        }
    }
}

#[test]
fn a_full_disk_is_noticed_where_the_script_exits_with_0() {
    for end in ["exit(0)", "exit_now(0)"] {
        let script = format!("try {{ print(\"a\"); }} catch {{ }} print(\"b\"); {end};");
        code(&script).start_with(full(), Stdio::piped()).end().expect_code(1).expect_error("no space left on device");
    }
}

#[test]
fn a_dead_stdout_that_a_handler_of_a_scope_meets_kills_a_script_that_does_not_trap_pipe() {
    let script =
        "untrap(\"PIPE\"); scope(|| { atexit(|| { print(1); print(2); eprint(\"whole\"); }); }); eprint(\"went on\");";
    let output = code(script).start_with(dead_pipe(), Stdio::piped()).end();
    output.expect_death(Signal::SIGPIPE).expect_error("whole").expect_not("went on");
}

#[test]
fn a_command_that_dies_of_the_dead_stdout_ends_the_script_as_print_does() {
    let script = "atexit(eprint, \"cleaned\"); run([\"yes\"]); eprint(\"went on\");";
    let output = code(script).start_with(dead_pipe(), Stdio::piped()).end();
    output.expect_code(141).expect_error("cleaned").expect_not("went on").expect_not("killed");
}

#[test]
fn a_dead_stdout_that_a_handler_of_a_scope_meets_ends_the_script_after_it() {
    let script = "scope(|| { atexit(|| { print(1); print(2); eprint(\"whole\"); }); }); sleep(0); eprint(\"went on\");";
    let output = code(script).start_with(dead_pipe(), Stdio::piped()).end();
    output.expect_code(141).expect_error("whole").expect_not("went on");
}
