//! What goes into a command and what comes out of it: exact, at any size, without waiting for each other.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::harness::{Place, code, expect_gone};

/// A quarter of a gigabyte.
const MUCH: u64 = 256 << 20;

#[test]
fn a_text_of_any_size_is_fed_while_both_streams_are_read() {
    // `tee` writes as it reads: three pipes are full at once.
    let script = "let text = \"x\"; text.pad(20000000, 'x');
        let r = attempt([\"sh\", \"-c\", \"tee /dev/stderr\"], #{stdin: #{text: text}}); print(`${r.stdout.len()} ${r.stderr.len()}`);";
    code(script).run().expect(0, "20000000 20000000\n");
}

#[test]
fn a_command_that_does_not_read_its_input_is_no_error() {
    let script = "let text = \"x\"; text.pad(5000000, 'x'); run([\"true\"], #{stdin: #{text: text}});
        print(capture([\"head\", \"-c\", \"3\"], #{stdin: #{text: text}})); run([\"sh\", \"-c\", \"exec <&-; sleep 0.1\"], #{stdin: #{text: text}});";
    code(script).run().expect(0, "xxx\n").expect_no_error();
}

#[test]
fn an_empty_text_is_the_end_of_the_input() {
    let script = "let none = #{stdin: #{text: \"\"}}; run([\"cat\"], none); print(capture([\"cat\"], none) == \"\");
        print(attempt([\"cat\"], #{stdin: #{text: blob()}}).ok); print(start([\"cat\"], none).wait().ok); atexit(run, [\"cat\"], none);";
    code(script).run().expect(0, "true\ntrue\ntrue\n").expect_no_error();
}

#[test]
fn a_blob_is_fed_and_a_file_is_read() {
    let place = Place::new();
    place.write("in", b"file\xff\n");
    let script = "run([\"cat\"], #{stdin: #{text: blob(2, 0xfe)}}); run([\"cat\"], #{stdin: #{file: \"in\"}}); run([\"cat\"], #{stdin: \"null\"});";
    let output = code(script).cwd(place.path()).run();
    assert_eq!(output.stdout, b"\xfe\xfefile\xff\n", "{output}");
}

#[test]
fn a_tee_is_exact_and_captured() {
    let script = "let r = attempt([\"printf\", \"a\\\\377\\\\000b\\nc\"], #{stdout: \"tee\"}); print(r.stdout.len());";
    let output = code(script).run();
    assert_eq!(output.stdout, b"a\xff\x00b\nc6\n", "{output}");
    code("attempt([\"sh\", \"-c\", \"echo err >&2\"], #{stderr: \"tee\"});").run().expect(0, "").expect_errors("err\n");
}

#[test]
fn files_are_exact_emptied_first_and_appended_to() {
    let place = Place::new();
    place.write("log", "what was there before\n");
    let script = "let to = |append| #{file: \"log\", append: append};
        run([\"printf\", \"a\\\\377\\n\"], #{stdout: to.call(false)}); run([\"echo\", \"b\"], #{stdout: to.call(true)});
        run([\"sh\", \"-c\", \"echo c >&2\"], #{stderr: to.call(true)});";
    code(script).cwd(place.path()).run().expect(0, "").expect_no_error();
    assert_eq!(std::fs::read(place.path().join("log")).expect("it is there"), b"a\xff\nb\nc\n");
}

#[test]
fn a_file_of_both_streams_keeps_what_it_has_if_either_says_so() {
    for options in [
        "stdout: #{file: \"log\", append: true}, stderr: #{file: \"log\"}",
        "stdout: #{file: \"log\"}, stderr: #{file: \"log\", append: true}",
        "stdout: #{file: \"log\", append: true}, stderr: \"stdout\"",
    ] {
        let place = Place::new();
        place.write("log", "before\n");
        code(&format!("sh(`echo a; echo b >&2`, #{{{options}}});")).cwd(place.path()).run().expect(0, "");
        assert_eq!(place.read("log"), "before\na\nb\n", "{options}");
    }
}

#[test]
fn two_streams_to_one_file_do_not_write_over_each_other() {
    let place = Place::new();
    let script = "let log = #{file: \"log\"}; run([\"sh\", \"-c\", \"echo a; echo b >&2; echo c\"], #{stdout: log, stderr: log});";
    code(script).cwd(place.path()).run().expect(0, "");
    assert_eq!(place.read("log"), "a\nb\nc\n");
}

#[test]
fn a_file_that_cannot_be_opened_is_told_and_nothing_starts() {
    let script = "run([\"echo\", \"started\"], #{stdout: #{file: \"/no/such/dir/log\"}});";
    code(script).run().expect(1, "").expect_error(
        "error: cannot start `echo started`: cannot open `/no/such/dir/log` for its stdout: no such file or directory",
    );
    code("run([\"cat\"], #{stdin: #{file: \"/no/such\"}});").run().expect(1, "").expect_error("for its stdin");
    code("run([\"true\"], #{stderr: #{file: \"/\"}});").run().expect(1, "").expect_error("for its stderr");
}

#[test]
fn stderr_goes_where_stdout_goes_in_order() {
    let say = "for i in 1 2 3; do echo out $i; echo err $i >&2; done";
    let both = "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n";
    code(&format!("sh(\"{say}\", #{{stderr: \"stdout\"}});")).run().expect(0, both).expect_no_error();
    let script =
        format!("let r = attempt(shell(\"{say}\"), #{{stderr: \"stdout\"}}); print(r.stdout); print(r.stderr == ());");
    code(&script).run().expect(0, &format!("{both}true\n"));
    let place = Place::new();
    code(&format!("sh(\"{say}\", #{{stdout: #{{file: \"log\"}}, stderr: \"stdout\"}});"))
        .cwd(place.path())
        .run()
        .expect(0, "");
    assert_eq!(place.read("log"), both);
    code(&format!("sh(\"{say}\", #{{stdout: \"null\", stderr: \"stdout\"}});")).run().expect(0, "").expect_no_error();
}

#[test]
fn much_is_passed_on_with_little_memory() {
    let script = format!(
        "fn peak() {{ parse_int(capture(shell(\"grep VmHWM /proc/$1/status | tr -dc 0-9\", pid()))) }}
        let before = peak();
        run([\"head\", \"-c\", \"{MUCH}\", \"/dev/zero\"], #{{name: \"n\", stdout: \"inherit\"}});
        run([\"head\", \"-c\", \"{MUCH}\", \"/dev/zero\"], #{{stdout: #{{file: \"/dev/null\"}}}});
        eprint(peak() - before < 20000);"
    );
    let mut live = code(&script).start_with(Stdio::null(), Stdio::piped());
    live.wait_for_error("true\n");
    live.finish().expect_code(0);
}

#[test]
fn a_quarter_of_a_gigabyte_is_captured() {
    code(&format!("print(capture([\"sh\", \"-c\", \"head -c {MUCH} /dev/zero | tr '\\\\0' x\"]).len());"))
        .run()
        .expect(0, &format!("{MUCH}\n"));
}

#[test]
fn the_lines_of_the_script_and_of_its_commands_keep_their_order() {
    let script =
        "for how in [\"inherit\", \"tee\"] { print(\"1\"); attempt([\"echo\", \"2\"], #{stdout: how}); print(\"3\"); }
        print(\"4\"); run([\"echo\", \"5\"], #{name: \"n\"}); print(\"6\");";
    code(script).run().expect(0, "1\n2\n3\n1\n2\n3\n4\nn | 5\n6\n");
}

#[test]
fn a_reader_that_goes_away_ends_the_script_while_a_command_is_passed_on() {
    let script = "atexit(|| eprint(\"cleaned\")); run([\"yes\"], #{name: \"n\"});";
    let mut reader = std::process::Command::new("head")
        .args(["-n", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("there is a head");
    let stdin = reader.stdin.take().expect("it is a pipe");
    let mut live = code(script).start_with(stdin, Stdio::piped());
    live.wait_for_error("cleaned");
    live.finish().expect_code(141);
    reader.wait().expect("it is our child");
}

#[test]
fn a_slow_reader_holds_up_a_command_that_is_passed_on_and_loses_nothing() {
    // It reads when a process in the background has told that the command is held up.
    let (mut reader, writer) = std::io::pipe().expect("there is a descriptor");
    let script = "let p = start([\"sh\", \"-c\", \"sleep 0.2; echo later >&2\"]);
        let r = attempt([\"seq\", \"200000\"], #{stdout: \"tee\"}); eprint(`${p.running} ${r.stdout.len()}`);";
    let mut live = code(script).start_with(writer, Stdio::piped());
    live.wait_for_error("later");
    let mut all = String::new();
    reader.read_to_string(&mut all).expect("it is a pipe");
    live.finish().expect_code(0).expect_errors("later\nfalse 1288894\n");
    assert!(all.lines().zip(1..).all(|(line, n)| line == n.to_string()) && all.len() == 1_288_895);
}

#[test]
fn what_a_process_in_the_background_says_to_a_slow_reader_keeps_its_order() {
    // It is stopped once it has begun, and its reader goes on when that is over.
    let (mut reader, writer) = std::io::pipe().expect("there is a descriptor");
    let script =
        "let p = start(shell(`seq 100000 125000 >&2`), #{stderr: \"tee\"}); read_line(); p.stop(); print(\"stopped\");";
    let mut live = code(script).start_with(Stdio::piped(), writer);
    let mut first = [0];
    reader.read_exact(&mut first).expect("it is a pipe");
    live.write(b"go\n");
    let mut all = String::from("1");
    reader.read_to_string(&mut all).expect("it is a pipe");
    live.finish().expect(0, "stopped\n");
    for (line, n) in all.split_inclusive('\n').zip(100_000..) {
        assert!(line == format!("{n}\n") || (!line.ends_with('\n') && n.to_string().starts_with(line)), "{line} {n}");
    }
}

#[test]
fn a_handlers_command_does_not_die_of_a_reader_that_went_away() {
    let script = "atexit(|| { run([\"seq\", \"100000\"]); sh(`seq 100000`, #{stderr: \"stdout\"}); start([\"seq\", \"100000\"]).wait(); });
        atexit(|| { run([\"echo\", \"one\"]); eprint(\"cleaned\"); }); run([\"yes\"]);";
    let (reader, writer) = std::io::pipe().expect("there is a descriptor");
    let mut live = code(script).start_with(writer, Stdio::piped());
    let mut line = String::new();
    BufReader::with_capacity(2, reader).read_line(&mut line).expect("it is a pipe");
    assert_eq!(line, "y\n");
    live.wait_for_error("cleaned");
    live.finish().expect_code(141).expect_not("killed");
}

#[test]
fn what_a_command_left_behind_and_writes_on_is_let_go() {
    let script = "run([\"sh\", \"-c\", \"yes & exit 0\"], #{name: \"n\"}); eprint(\"went on\");";
    let mut live = code(script).start_with(Stdio::null(), Stdio::piped());
    live.wait_for_error("went on");
    live.finish().expect_code(0);
}

#[test]
fn a_signal_reaches_what_a_command_left_behind_for_as_long_as_it_is_read() {
    let script =
        "run([\"sh\", \"-c\", \"yes & echo pid $! >&2; exit 0\"], #{name: \"n\", stderr: #{file: \"/dev/stderr\"}});";
    let mut live = code(script).start_with(Stdio::null(), Stdio::piped());
    live.wait_for_error("pid ").wait_for_error("\n").signal(nix::sys::signal::Signal::SIGTERM);
    let output = live.finish();
    output.expect_code(143);
    let pid = output.err().lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).expect("it is told");
    expect_gone(&[pid]);
}

#[test]
fn a_handler_feeds_and_reads_its_command() {
    let script = "atexit(|| print(capture([\"sort\"], #{stdin: #{text: \"b\\na\\n\"}})));";
    code(script).run().expect(0, "a\nb\n");
}

#[test]
fn a_script_from_stdin_leaves_commands_nothing_to_read() {
    let mut live = crate::harness::Run::new().arg("-").start();
    live.write(b"run([\"cat\"]); run([\"cat\"], #{stdin: \"inherit\"}); print(\"end\");\n").close_stdin();
    live.finish().expect(0, "end\n");
}

#[test]
fn a_named_pipe_is_waited_for_and_a_signal_ends_the_wait() {
    let place = Place::new();
    nix::unistd::mkfifo(&place.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("it is new");
    let script = "let p = start([\"cat\", \"pipe\"], #{stdout: \"capture\"}); run([\"echo\", \"through\"], #{stdout: #{file: \"pipe\"}}); print(p.wait().stdout);";
    code(script).cwd(place.path()).run().expect(0, "through\n");
    let script = "atexit(print, \"cleaned\"); print(\"ready\"); run([\"cat\"], #{stdin: #{file: \"pipe\"}});";
    let mut live = code(script).cwd(place.path()).start();
    live.wait_for("ready").signal(nix::sys::signal::Signal::SIGTERM);
    live.finish().expect(143, "ready\ncleaned\n");
    for stream in ["stdin", "stdout"] {
        let script = format!(
            "try {{ run([\"cat\"], #{{{stream}: #{{file: \"pipe\"}}, timeout: 0.1}}); }} catch (e) {{ print(`${{e.kind}}: ${{e.message}}`); }}"
        );
        let message = format!("timeout: cannot start `cat`: cannot open `pipe` for its {stream}: timed out\n");
        code(&script).cwd(place.path()).run().expect(0, &message);
    }
}
