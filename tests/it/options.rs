//! The options of a command: what each takes, and what it does.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{CHANGES_OUTPUT, Place, code, expect_gone, refuses};

#[test]
fn an_unknown_option_is_refused_in_every_verb_with_the_nearest_and_all() {
    for verb in ["run", "sh", "capture", "succeeds", "attempt", "start"] {
        let command = if verb == "sh" { "\"true\"" } else { "[\"true\"]" };
        refuses(
            &format!("{verb}({command}, #{{timout: 3}});"),
            &format!(
                "{verb}: there is no option `timout` (did you mean `timeout`? there are cwd, env, foreground, grace"
            ),
        );
    }
    refuses(
        "run([\"true\"], #{banana: 3});",
        "run: there is no option `banana` (there are cwd, env, foreground, grace",
    );
    refuses("run([\"true\"], 5);", "run: expected a map of options after the command, not `5`");
}

#[test]
fn a_wrong_type_is_refused_with_what_is_right() {
    for (option, message) in [
        ("cwd: 5", "`cwd` is a path, not empty and without a NUL, not `5`"),
        ("cwd: \"\"", "`cwd` is a path, not empty and without a NUL, not the string \"\""),
        ("env: []", "`env` is a map of names and values, not an array"),
        ("env: #{A: []}", "`env.A` is a string, a blob, a number, a bool, or () to unset it"),
        ("env: #{\"A=B\": 1}", "`env` is a map of names"),
        ("env: #{A: \"a\\x00b\"}", "`env.A` is a string"),
        ("stdin: \"tee\"", "`stdin` is \"inherit\", \"null\", #{file: path} or #{text: string or blob}, not"),
        ("stdin: #{text: 5}", "`stdin.text` is a string or a blob, not `5`"),
        ("stdin: #{txt: \"a\"}", "`stdin` has no key `txt` (did you mean `text`? there are file, text)"),
        ("stdin: #{}", "`stdin`: its map has neither `file` nor `text`"),
        ("stdin: #{file: \"a\", text: \"b\"}", "`stdin`: `file` and `text` exclude each other"),
        ("stdin: #{file: \"a\", append: true}", "`stdin` has no key `append`"),
        ("stdin: \"pipe\"", "`stdin` is \"inherit\""),
        ("stdout: true", "`stdout` is \"inherit\", \"capture\", \"tee\", \"null\" or #{file: path, append: bool}, not"),
        ("stdout: \"stdout\"", "`stdout` is \"inherit\""),
        ("stdout: #{append: true}", "`stdout`: its map has no `file`"),
        (
            "stdout: #{file: \"x\", apend: true}",
            "`stdout` has no key `apend` (did you mean `append`? there are file, append)",
        ),
        ("stderr: #{file: \"x\", append: 1}", "`stderr.append` is true or false, not `1`"),
        ("stderr: 2", "`stderr` is \"inherit\", \"capture\", \"tee\", \"null\", \"stdout\" or"),
        ("timeout: -1", "`timeout` is a number of seconds, at least 0, not `-1`"),
        ("timeout: \"5\"", "`timeout` is a number of seconds"),
        ("grace: ()", "`grace` is a number of seconds"),
        ("ok: 1", "`ok` is an array of at least one status (0 to 255), not `1`"),
        ("ok: []", "`ok` is an array of at least one status"),
        ("ok: [256]", "`ok` is an array of at least one status"),
        ("ok: [\"0\"]", "`ok` is an array of at least one status"),
        ("name: 5", "`name` is a line that is not empty, not `5`"),
        ("name: \"a\\nb\"", "`name` is a line that is not empty"),
        ("name: \"\"", "`name` is a line that is not empty"),
        ("quiet: 1", "`quiet` is true or false, not `1`"),
        ("foreground: ()", "`foreground` is true or false, not `()`"),
    ] {
        refuses(&format!("run([\"true\"], #{{{option}}});"), &format!("run: {message}"));
    }
    refuses("capture([\"true\"], #{stdout: \"inherit\"});", "capture: `stdout` is \"capture\" or \"tee\"");
    refuses("start([\"true\"], #{foreground: true});", "start: `foreground` is false");
}

#[test]
fn cwd_is_where_the_command_and_a_relative_program_are() {
    let place = Place::new();
    let program = place.write("bin/tool", "#!/bin/sh\npwd\n");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let bin = place.path().join("bin");
    let script =
        "run([\"./tool\"], #{cwd: \"bin\"}); run([\"tool\"], #{cwd: \"bin\", env: #{PATH: \".:/usr/bin:/bin\"}});
        print(cwd());";
    let here = format!("{0}\n{0}\n{1}\n", bin.display(), place.path().display());
    code(script).cwd(place.path()).run().expect(0, &here);
    refuses(
        "run([\"pwd\"], #{cwd: \"/etc/passwd\"});",
        "cannot start `pwd`: its working directory `/etc/passwd` is none: not a directory",
    );
}

#[test]
fn what_cannot_be_started_raises_in_every_verb() {
    let place = Place::new();
    place.write("file", "");
    std::os::unix::fs::symlink("loop", place.path().join("loop")).expect("it is new");
    for verb in ["run", "capture", "succeeds", "attempt", "start"] {
        for (command, message) in [
            ("[\"no-such-program\"]", "cannot start `no-such-program`: `no-such-program` was not found in PATH ("),
            ("[\"./none\"]", "cannot start `./none`: `./none` does not exist"),
            ("[\"file/x\"]", "cannot start `file/x`: `file/x` cannot be reached: not a directory"),
            ("[\"./loop\"]", "cannot start `./loop`: `./loop` cannot be reached: too many levels of symbolic links"),
            ("[\"true\"], #{cwd: \"/nowhere\"}", "cannot start `true`: there is no working directory `/nowhere`"),
        ] {
            let output = code(&format!("{verb}({command});")).cwd(place.path()).run();
            output.expect_code(1).expect_error(&format!("error: {message}"));
        }
    }
    refuses(
        "sh(\"true\", #{cwd: \"/nowhere\"});",
        "cannot start `/bin/sh -euc true sh`: there is no working directory",
    );
}

#[test]
fn a_long_command_is_cut_in_the_message_and_whole_in_the_error() {
    let script = "let word = \"x\"; word.pad(5000, 'x'); try { run([\"false\", word]); } catch (e) {
        print(`${e.message.len() < 700} ${e.message.ends_with(\"x…` exited with 1\")} ${e.command.len()}`); }";
    code(script).run().expect(0, "true true 5006\n");
}

#[test]
fn the_error_of_a_timeout_carries_what_was_said() {
    let script = "try { capture(shell(`echo out; echo err >&2; exec sleep 600`), #{timeout: 1, stderr: \"capture\"}); }
        catch (e) { print(`${e.kind} ${e.code} ${e.signal} ${e.stdout} ${e.stderr}`); }";
    code(script).run().expect(0, "timeout 143 TERM out err\n");
}

#[test]
fn the_seconds_of_a_command_are_its_own() {
    // What it left behind is waited for half a second longer.
    let script = "print(attempt([\"sleep\", \"0.2\"]).seconds >= 0.2);
        print(attempt([\"sh\", \"-c\", \"sleep 600 2>/dev/null & echo $! >&2\"], #{stderr: \"inherit\"}).seconds < 0.5);";
    let output = code(script).run();
    output.expect(0, "true\ntrue\n");
    let pid = output.err().trim().parse().expect("it is a number");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is ours");
}

#[test]
fn env_changes_and_unsets_variables_of_the_command_alone() {
    let script =
        "sh(\"echo ${A-none} ${B-none} ${C-none}\", #{env: #{A: 5, B: (), C: true}}); sh(\"echo ${A-none} $B\");";
    code(script).env("A", None).env("B", Some("b")).run().expect(0, "5 none true\nnone b\n");
    let bytes = code("run([\"printenv\", \"A\"], #{env: #{A: blob(2, 0xff)}});").run();
    assert_eq!(bytes.stdout, b"\xff\xff\n", "{bytes}");
}

#[test]
fn the_environment_is_handed_on_unchanged() {
    let seen = code("run([\"env\"]);").env("ODD", Some("a\nb=c")).run();
    let mut direct = std::process::Command::new("env");
    for name in CHANGES_OUTPUT {
        direct.env_remove(name);
    }
    assert_eq!(seen.stdout, direct.env("ODD", "a\nb=c").output().expect("there is an env").stdout);
}

#[test]
fn a_program_is_looked_up_in_the_path_of_the_command() {
    refuses(
        "run([\"ls\"], #{env: #{PATH: \"/nowhere\"}});",
        "cannot start `ls`: `ls` was not found in PATH (/nowhere)",
    );
}

#[test]
fn ok_names_the_statuses_that_are_no_failure() {
    code(
        "run([\"sh\", \"-c\", \"exit 3\"], #{ok: [0, 3]}); print(succeeds([\"false\"], #{ok: [1]}));
        print(attempt([\"sh\", \"-c\", \"kill -TERM $$\"], #{ok: [143]}).ok);",
    )
    .run()
    .expect(0, "true\ntrue\n");
    refuses("run([\"true\"], #{ok: [1]});", "`true` exited with 0, which `ok` does not name");
}

#[test]
fn a_timeout_ends_the_command_and_all_that_it_started() {
    let script = "try { sh(\"trap '' TERM; sleep 600 & echo pid $!; while :; do sleep 0.01; done\", #{timeout: 0.2, grace: 0.1}); }
        catch (error) { print(`${error.kind} ${error.signal}`); print(error.message.contains(\"timed out after 0.2 s\")); }";
    let output = code(script).run();
    output.expect_code(0);
    assert!(output.out().ends_with("timeout KILL\ntrue\n"), "{output}");
    let pid = output.out().lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).expect("it is told");
    expect_gone(&[pid]);
}

#[test]
fn what_a_command_says_while_it_is_ended_is_captured() {
    let script = "let r = attempt(shell(\"trap 'echo bye; exit 0' TERM; echo hi; sleep 600 & wait\"), #{timeout: 0.2});
        print(r.stdout); print(`${r.ok} ${r.code} ${r.timed_out}`);";
    code(script).run().expect(0, "hi\nbye\nfalse 0 true\n");
}

#[test]
fn a_timeout_that_is_not_reached_changes_nothing() {
    code(
        "print(capture([\"echo\", \"a\"], #{timeout: 1e300})); print(attempt([\"true\"], #{timeout: 600}).timed_out);",
    )
    .run()
    .expect(0, "a\nfalse\n");
}

#[test]
fn attempt_tells_all_and_a_stream_that_is_not_captured_is_nothing() {
    let script = "let r = attempt([\"sh\", \"-c\", \"echo out; echo; echo err >&2; exit 7\"]);
        print(`${r.ok} ${r.code} ${r.signal} ${r.stdout} ${r.stderr} ${r.seconds >= 0.0} ${r.timed_out}`);
        let r = attempt([\"sh\", \"-c\", \"kill -INT $$\"], #{stdout: \"null\", stderr: \"inherit\"});
        print(`${r.ok} ${r.code} ${r.signal} ${r.stdout == ()} ${r.stderr == ()}`);";
    code(script).run().expect(0, "false 7  out err true false\nfalse 130 INT true true\n");
    code("attempt([\"true\"]).cod;").run().expect_code(1).expect_error("did you mean `code`?");
    refuses("attempt([\"no-such-program\"]);", "cannot start `no-such-program`");
}

#[test]
fn every_exit_code_is_told() {
    code("for n in 0..256 { if attempt([\"sh\", \"-c\", `exit ${n}`]).code != n { print(n); } }").run().expect(0, "");
}

#[test]
fn every_deadly_signal_is_told_by_its_name() {
    let script = "for name in [\"HUP\", \"INT\", \"QUIT\", \"KILL\", \"USR1\", \"PIPE\", \"ALRM\", \"TERM\", \"SEGV\", \"XCPU\"] {
        let r = attempt([\"sh\", \"-c\", `ulimit -c 0; kill -${name} $$`]); if r.signal != name || r.ok { print(r); } }";
    code(script).run().expect(0, "");
}

#[test]
fn the_last_lines_of_what_was_captured_are_in_the_message() {
    let script = "try { capture(shell(\"seq 100; echo '1: error' >&2; exit 2\"), #{stderr: \"capture\"}); } catch (e) { print(e.message); }
        try { capture(shell(\"seq 12; exit 2\")); } catch (e) { print(e.message); }";
    let lines: String = (3..=12).map(|n| format!("  {n}\n")).collect();
    code(script).run().expect(
        0,
        &format!(
            "`/bin/sh -euc 'seq 100; echo '\\''1: error'\\'' >&2; exit 2' sh` exited with 2; the end of its stderr:\n  1: error\n\
             `/bin/sh -euc 'seq 12; exit 2' sh` exited with 2; the end of its stdout:\n{lines}"
        ),
    );
}

#[test]
fn name_precedes_each_line_of_both_streams_and_the_error() {
    let output = code("run([\"sh\", \"-c\", \"echo a; echo b >&2; printf c; exit 1\"], #{name: \"job\"});").run();
    output.expect(1, "job | a\njob | c\n").expect_error("job | b\n").expect_error("error: job: `sh");
}

#[test]
fn quiet_holds_back_what_would_be_seen_unless_the_command_fails() {
    let say = "echo out; echo err >&2";
    code(&format!("sh(\"{say}\", #{{quiet: true}});")).run().expect(0, "").expect_no_error();
    let output = code(&format!("sh(\"{say}; exit 3\", #{{quiet: true}});")).run();
    output.expect(1, "out\n").expect_error("err\n").expect_error("exited with 3");
    code(&format!("print(succeeds(shell(\"{say}; exit 3\"), #{{quiet: true, stdout: \"inherit\", ok: [3]}}));"))
        .run()
        .expect(0, "true\n");
}

#[test]
fn trace_shows_the_working_directory() {
    code("run([\"true\", \"x\"], #{cwd: \"/usr\", env: #{SECRET: 1}});")
        .options(&["-x"])
        .run()
        .expect(0, "")
        .expect_errors("+ (cd /usr && true x)\n");
    let place = Place::new();
    for odd in ["-odd", "-"] {
        place.write(&format!("{odd}/file"), "");
        let script = format!("run([\"ls\"], #{{cwd: \"{odd}\"}});");
        let output = code(&script).options(&["-x"]).cwd(place.path()).run();
        output.expect(0, "file\n").expect_errors(&format!("+ (cd ./{odd} && ls)\n"));
    }
}

#[test]
fn sh_takes_options_after_its_arguments() {
    code("sh(\"echo $1 $A\", \"x\", #{env: #{A: 1}}); sh(\"echo $#\", 1, 2, 3, 4, 5, 6, 7, 8, #{quiet: false});")
        .run()
        .expect(0, "x 1\n8\n");
    refuses("sh(\"echo\", #{quiet: true}, \"x\");", "sh: argument 1 is a map");
}

#[test]
fn a_script_without_a_first_line_and_one_without_its_interpreter_are_told_apart() {
    let place = Place::new();
    for (name, text, message) in [
        ("plain", "echo hi\n", "is no program, and no script with a `#!` line"),
        ("lost", "#! /no/such/interpreter -x\n", "is to be run by `/no/such/interpreter`, which does not exist"),
    ] {
        let file = place.write(name, text);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        code("run([args()[0]]);").arg(&file).run().expect_code(1).expect_error(message);
    }
}

#[test]
fn what_is_wrong_with_an_interpreter_is_told_wherever_it_is() {
    let place = Place::new();
    let program = |name: &str, text: &[u8]| {
        let file = place.write(name, text);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        file.display().to_string()
    };
    let lost = program("lost", b"#!/no/such\n");
    let chain = program("chain", format!("#!{lost}\n").as_bytes());
    let to_directory = program("to-directory", b"#!/usr\n");
    let closed = place.write("closed", "").display().to_string();
    let to_closed = program("to-closed", format!("#!{closed}\n").as_bytes());
    for (file, message) in [
        (chain, format!("`{lost}` is to be run by `/no/such`, which does not exist")),
        (to_directory.clone(), format!("`{to_directory}` is to be run by `/usr`, which is a directory")),
        (to_closed, format!("`{closed}` is not executable (chmod +x)")),
    ] {
        code("run([args()[0]]);")
            .arg(&file)
            .run()
            .expect_code(1)
            .expect_error(&format!("cannot start `{file}`: {message}\n"));
    }
    // A program of another system.
    let text = std::fs::read("/bin/true").expect("it is there");
    let loader = b"/lib64/ld-";
    let Some(at) = text.windows(loader.len()).position(|part| part == loader) else { return };
    let foreign = program("foreign", &[&text[..at], b"/none9/ld-", &text[at + loader.len()..]].concat());
    let message = format!("what is to load `{foreign}` does not exist: is it for another system?\n");
    code("run([args()[0]]);").arg(&foreign).run().expect_code(1).expect_error(&message);
}

#[test]
fn words_that_are_too_long_are_told() {
    let script = "let word = \"x\"; word.pad(200000, 'x'); run([\"true\", word]);";
    code(script).run().expect_code(1).expect_error("its words and its environment are longer than the system takes");
}

#[test]
fn options_hold_in_a_handler() {
    let script = "atexit(run, [\"cat\"], #{stdin: #{text: \"given\\n\"}, name: \"h\"}); atexit(run, [\"sleep\", \"600\"], #{timeout: 0.1});";
    code(script).run().expect(1, "h | given\n").expect_error("`sleep 600` timed out after 0.1 s");
}

#[test]
fn which_finds_what_a_command_would_run() {
    let place = Place::new();
    place.write("tool", "");
    let tool = place.write("bin/tool", "");
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", place.path().display(), place.path().join("bin").display());
    code("print(which(\"tool\")); print(which(\"none\") == ()); print(which(\"/etc\") == ());")
        .env("PATH", Some(&path))
        .run()
        .expect(0, &format!("{}\ntrue\ntrue\n", tool.display()));
}

#[test]
fn the_error_of_a_command_that_was_not_started_carries_it() {
    let script = "for options in [#{}, #{stdin: #{file: \"no/file\"}}] {
            let program = if options == #{} { \"no-such-program\" } else { \"true\" };
            try { run([program, \"a b\"], options); } catch (error) { print(`${error.kind} ${error.command}`); }
        }";
    code(script).run().expect(0, "program no-such-program 'a b'\nsystem true 'a b'\n");
}
