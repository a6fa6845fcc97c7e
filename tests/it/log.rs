//! `log::…`: lines with the time, the file that gets all that a run says, and what it must not say.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use pty_process::blocking::Command;

use crate::harness::{Place, code, file, refuses, stagesh};
use crate::terminal::Terminal;

/// The text without the digits of its times.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| word.len() == 8 && word.chars().all(|c| c.is_ascii_digit() || c == ':');
    text.split_inclusive(['\n', ' '])
        .map(
            |word| if is_time(word.trim_end()) { word.replace(|c: char| c.is_ascii_digit(), "0") } else { word.into() },
        )
        .collect()
}

/// The lines of a log without their times, and how long a command took as `(T s)`.
#[track_caller]
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let (time, rest) = line.split_at_checked(19).unwrap_or_else(|| panic!("no time: {line:?}\n{text}"));
            let digits = time.replace(|c: char| c.is_ascii_digit(), "0");
            assert_eq!(digits, "0000-00-00 00:00:00", "{line:?}\n{text}");
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match rest.rsplit_once(" (") {
                Some((before, time)) if time.ends_with(" s)") && rest.starts_with("- ") => format!("{before} (T s)"),
                _ => rest.to_string(),
            }
        })
        .collect()
}

/// The log that a script has written to `log` in a place.
#[track_caller]
fn log_in(place: &Place) -> Vec<String> {
    lines(&place.read("log"))
}

/// The log of a script, whatever becomes of it.
#[track_caller]
fn logged(script: &str) -> Vec<String> {
    let place = Place::new();
    let output = code(&format!("log::to(\"log\"); {script}")).cwd(place.path()).run();
    let log = log_in(&place);
    assert!(!log.is_empty(), "{output}");
    log
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn fifo(place: &Place) {
    nix::unistd::mkfifo(&place.path().join("pipe"), Mode::S_IRWXU).expect("it is new");
}

#[test]
fn the_time_of_a_line_is_that_of_the_zone_that_the_script_sets() {
    let place = Place::new();
    let script = "log::to(\"log\"); for zone in [\"<ONE>-1\", \"<TWO>+12\"] { env::set(\"TZ\", zone); log::info(\"x\"); print(time::format(time::now(), \"%F %H\")); }";
    let output = code(script).cwd(place.path()).env("TZ", Some("UTC")).run();
    let hours: Vec<String> = output.out().lines().map(str::to_string).collect();
    let log = place.read("log");
    let seen: Vec<&str> = log.lines().filter(|line| line.contains("info")).map(|line| &line[..13]).collect();
    // An hour may end in between, but not in both zones at once.
    assert!(seen[0] == hours[0] || seen[1] == hours[1], "{output} {log}");
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn a_line_has_the_time_the_level_and_the_text() {
    let script = "log::error(\"a\"); log::warn([1, \"x\"]); log::info(()); log::info(\"one\\ntwo\\n\\nthree\\n\"); log::info(2.5);";
    let output = code(script).run();
    output.expect(0, "");
    let expected = "00:00:00 error a\n00:00:00 warn  [1, \"x\"]\n00:00:00 info  \n00:00:00 info  one\n               two\n               \n               three\n00:00:00 info  2.5\n";
    assert_eq!(timeless(&output.err()), expected, "{output}");
}

#[test]
fn the_level_decides_what_is_shown() {
    let all = "log::error(1); log::warn(2); log::info(3); log::trace(4);";
    let shown = |options: &[&str], script: &str| {
        let output = code(script).options(options).run();
        output
            .expect(0, "")
            .err()
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap_or_default().to_string())
            .collect::<String>()
    };
    assert_eq!(shown(&[], all), "123");
    assert_eq!(shown(&["--quiet"], all), "12");
    for (level, expected) in [("error", "1"), ("warn", "12"), ("info", "123"), ("trace", "1234")] {
        assert_eq!(shown(&["--quiet"], &format!("log::level(\"{level}\"); {all}")), expected, "{level}");
    }
}

#[test]
fn a_level_that_does_not_exist_is_refused_with_those_that_do() {
    let message = "log::level: expected a level (\"error\", \"warn\", \"info\", \"trace\"), not";
    refuses("log::level(\"debug\");", &format!("{message} the string \"debug\""));
    refuses("log::level(3);", &format!("{message} `3`"));
}

#[test]
fn a_level_is_coloured_where_stagesh_is() {
    code("log::warn(\"x\");").options(&["--color", "always"]).run().expect_error("\x1b[1;33mwarn \x1b[0m x\n");
    code("log::warn(\"x\");").options(&["--color", "always"]).env("NO_COLOR", Some("1")).run().expect_error("\x1b[");
    code("log::warn(\"x\");").run().expect_not("\x1b");
}

#[test]
fn a_line_comes_after_what_was_printed() {
    let script = "print(\"one\"); log::info(\"two\"); print(\"three\"); run([\"echo\", \"four\"]);";
    let output = code(script).under(&["sh", "-c", "exec \"$@\" 2>&1", "sh"]).run();
    output.expect_code(0);
    assert_eq!(timeless(&output.out()), "one\n00:00:00 info  two\nthree\nfour\n");
}

#[test]
fn the_log_has_all_that_is_said_in_order() {
    let script = "print(\"a\\nb\\n\"); eprint([1]); debug(\"c\"); log::info(\"d\\ne\"); log::trace(\"no\");
        run([\"echo\", \"f g\"]); print(capture([\"echo\", \"h\"])); attempt(shell(`printf i; exit 3`), #{stdout: \"tee\"});
        run([\"pwd\"], #{cwd: \"/usr\"}); run([\"echo\", \"j\"], #{name: \"web\"}); run([\"echo\", \"k\"], #{quiet: true});";
    let place = Place::new();
    code(&format!("log::to(\"log\"); {script}")).cwd(place.path()).run().expect_code(0);
    let here = place.path().display().to_string();
    let expected = format!(
        "a\nb\n\n[1]\n-e:1:47: \"c\"\ninfo  d\n      e
+ echo 'f g' (in {here})\nf g\n- echo 'f g': exited with 0 (T s)
+ echo h (in {here})\nh\n- echo h: exited with 0 (T s)\nh
+ /bin/sh -euc 'printf i; exit 3' sh (in {here})\ni\n- /bin/sh -euc 'printf i; exit 3' sh: exited with 3 (T s)
+ pwd (in /usr)\n/usr\n- pwd: exited with 0 (T s)
+ echo j (as web, in {here})\nweb | j\n- web: exited with 0 (T s)
+ echo k (in {here})\nk\n- echo k: exited with 0 (T s)
ended with status 0"
    );
    assert_eq!(log_in(&place).join("\n"), expected);
}

#[test]
fn the_log_has_the_error_that_ended_the_run_without_colour_and_reports_on_handlers() {
    let place = Place::new();
    let script = place.write(
        "a.rhai",
        "log::to(\"log\");\natexit(|| throw \"dirty\");\nfn build() {\n    throw \"bad\";\n}\nbuild();\n",
    );
    file(&script).cwd(place.path()).options(&["--color", "always"]).run().expect_code(1).expect_error("\x1b[");
    let expected =
        "error: bad\n --> a.rhai:4:5\n  |\n4 |     throw \"bad\";\n  |     ^\n   in `build`, called from a.rhai:6:1
error: dirty\n --> a.rhai:2:11\n  |\n2 | atexit(|| throw \"dirty\");\n  |           ^
   in the exit handler `closure` registered at a.rhai:2:1\nended with status 1";
    assert_eq!(log_in(&place).join("\n"), expected);
}

#[test]
fn a_run_that_is_signalled_has_its_clean_up_in_its_log() {
    let place = Place::new();
    let script = "log::to(\"log\"); atexit(|| { throw \"dirty\"; }); atexit([\"echo\", \"cleaned\"]); sh(\"echo ready; exec sleep 600\", #{name: \"nap\"});";
    let mut live = code(script).cwd(place.path()).options(&["--quiet"]).start();
    live.wait_for("nap | ready").signal(Signal::SIGTERM);
    live.end().expect_code(143).expect_not("running");
    let log = log_in(&place).join("\n");
    assert!(log.contains("\n- nap: was killed by TERM (T s)\n"), "{log}");
    // What `--quiet` keeps from the terminal is there.
    assert!(log.contains("\nstagesh: TERM: running 2 exit handlers\n"), "{log}");
    assert!(log.contains("\ncleaned\n") && log.contains("\nerror: dirty\n"), "{log}");
    assert!(log.ends_with("\nended with status 143"), "{log}");
}

#[test]
fn a_run_that_leaves_at_once_says_so_in_its_log() {
    assert_eq!(logged("atexit(print, 1); exit_now(4);"), ["ended with status 4"]);
    assert_eq!(logged("exit(\"why\");"), ["why", "ended with status 1"]);
}

#[test]
fn a_file_starts_anew_for_its_owner_alone_and_goes_on_as_it_is() {
    let place = Place::new();
    let path = place.write("log", "before\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    code("log::to(\"log\", #{append: true}); print(1);").cwd(place.path()).run().expect_code(0);
    assert!(place.read("log").starts_with("before\n2") && mode(&path) == 0o644, "{}", place.read("log"));
    code("log::to(\"log\", #{append: false}); print(2);").cwd(place.path()).run().expect_code(0);
    assert_eq!(log_in(&place), ["2", "ended with status 0"]);
    assert_eq!(mode(&path), 0o600);
    for options in ["", ", #{append: true}"] {
        std::fs::remove_file(&path).expect("it is there");
        code(&format!("log::to(\"log\"{options});")).cwd(place.path()).run().expect_code(0);
        assert_eq!(mode(&path), 0o600);
    }
}

#[test]
fn another_file_takes_the_place_of_the_first_wherever_the_script_is_by_then() {
    let place = Place::new();
    code("log::to(\"one\"); print(1); cd(\"/\"); print(2); log::to(args()[0]); print(3);")
        .arg(place.path().join("log"))
        .cwd(place.path())
        .run()
        .expect_code(0);
    assert_eq!(lines(&place.read("one")), ["1", "2"]);
    assert_eq!(log_in(&place), ["3", "ended with status 0"]);
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error() {
    refuses("log::to(\"/no/such/log\");", "log::to: cannot open `/no/such/log`: no such file or directory");
    refuses("log::to(\"/\");", "log::to: cannot open `/`: is a directory");
    refuses("log::to(\"\");", "log::to: expected a path, not the empty string");
    refuses("log::to(\"x\", true);", "log::to: expected a map of options, not `true`");
    refuses(
        "log::to(\"x\", #{apend: true});",
        "log::to: there is no option `apend` (did you mean `append`? there is append)",
    );
    refuses("log::to(\"x\", #{append: 1});", "log::to: `append` is true or false, not `1`");
}

#[test]
fn a_log_that_is_full_is_given_up_once_and_the_run_goes_on() {
    let script = "log::to(\"/dev/full\"); print(1); print(2); run([\"echo\", \"3\"]); atexit(print, 4);";
    let output = code(script).run();
    output.expect(0, "1\n2\n3\n4\n");
    output
        .expect_errors("stagesh: cannot write to the log `/dev/full`, and goes on without: no space left on device\n");
}

#[test]
fn a_log_whose_reader_goes_away_is_no_signal() {
    let place = Place::new();
    fifo(&place);
    let script = "log::to(\"pipe\"); print(1); read_line(); print(2); run([\"echo\", \"3\"]);";
    let mut live = code(script).cwd(place.path()).start();
    let mut first = [0; 22];
    let mut reader = File::open(place.path().join("pipe")).expect("it is there");
    reader.read_exact(&mut first).expect("it is written to");
    drop(reader);
    live.write(b"go\n");
    let output = live.finish();
    output.expect(0, "1\n2\n3\n");
    output.expect_errors("stagesh: cannot write to the log `pipe`, and goes on without: its reader has gone away\n");
    assert_eq!(mode(&place.path().join("pipe")), 0o700, "it was made private");
}

#[test]
fn a_log_whose_reader_does_not_read_holds_up_nothing() {
    let place = Place::new();
    fifo(&place);
    let script = "log::to(\"pipe\"); print(\"ready\"); for i in 0..2000 { print(\"a line that is long enough to fill what a pipe holds\"); } atexit(eprint, \"cleaned\");";
    let mut live = code(script).cwd(place.path()).start();
    let reader = File::open(place.path().join("pipe")).expect("it is there");
    live.wait_for("ready");
    let output = live.finish();
    output.expect_code(0).expect_error("goes on without: its reader does not read\n").expect_error("cleaned\n");
    assert_eq!(output.out().lines().count(), 2001);
    drop(reader);
}

#[test]
fn a_signal_ends_the_wait_for_the_reader_of_a_log() {
    let place = Place::new();
    fifo(&place);
    let script = "atexit(print, \"cleaned\"); print(\"ready\"); log::to(\"pipe\"); print(\"went on\");";
    let mut live = code(script).cwd(place.path()).start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.end().expect(143, "ready\ncleaned\n");
}

#[test]
fn what_a_command_inherits_is_exact_while_it_is_logged() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..256 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    place.write("bytes", &bytes);
    let script =
        "log::to(\"log\"); log::mask(\"key\"); run([\"cat\", \"bytes\"]); run([\"sh\", \"-c\", \"cat bytes >&2\"]);";
    let output = code(script).cwd(place.path()).run();
    assert!(output.status.success() && output.stdout == bytes && output.stderr == bytes, "{}", output.status);
    let log = std::fs::read(place.path().join("log")).expect("it is there");
    assert!(log.len() > 2 * bytes.len(), "{}", log.len());
}

#[test]
fn much_is_logged_with_little_memory() {
    let script = "fn peak() { parse_int(capture(shell(\"grep VmHWM /proc/$1/status | tr -dc 0-9\", pid()))) }
        log::to(\"/dev/null\"); log::mask(\"a secret\"); let before = peak();
        run([\"head\", \"-c\", \"50000000\", \"/dev/zero\"]); eprint(peak() - before < 20000);";
    let mut live = code(script).start_with(Stdio::null(), Stdio::piped());
    live.wait_for_error("true\n");
    live.finish().expect_code(0);
}

#[test]
fn the_streams_of_a_command_that_are_one_keep_their_order() {
    let place = Place::new();
    let script =
        "log::to(\"log\"); print(0); sh(\"for i in 1 2 3; do echo out $i; echo err $i >&2; done\"); eprint(4);";
    let output = code(script).cwd(place.path()).under(&["sh", "-c", "exec \"$@\" 2>&1", "sh"]).run();
    output.expect(0, "0\nout 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n4\n");
    assert_eq!(log_in(&place)[2..8], ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]);
}

#[test]
fn what_goes_to_a_file_or_nowhere_is_not_copied_and_what_comes_in_is_never_written() {
    let log = logged(
        "run([\"sh\", \"-c\", \"echo a; echo b >&2\"], #{stdout: #{file: \"out\"}, stderr: \"null\"}); succeeds([\"echo\", \"c\"]);
        run([\"cat\"], #{stdin: #{text: \"dark\"}, stdout: \"null\", env: #{KEY: \"dark\"}});",
    );
    assert_eq!(log.len(), 7, "{log:?}");
    assert!(log.iter().all(|line| line.starts_with(['+', '-']) || line.starts_with("ended")), "{log:?}");
    assert!(!log.concat().contains("dark"), "{log:?}");
}

#[test]
fn a_command_that_does_not_start_is_in_the_log() {
    let place = Place::new();
    place.write("bad", "no program");
    let script =
        "log::to(\"log\"); run([\"chmod\", \"755\", \"bad\"]); try { run([\"./bad\"]); } catch { print(\"caught\"); }";
    code(script).cwd(place.path()).run().expect(0, "caught\n");
    assert_eq!(log_in(&place)[3], "- ./bad: was not started: exec format error");
}

#[test]
fn what_is_held_back_is_in_the_log_at_once_and_once() {
    let place = Place::new();
    let script =
        "log::to(\"log\"); sh(\"echo a; while ! grep -q ' a$' log; do sleep 0.01; done; exit 3\", #{quiet: true});";
    code(script).cwd(place.path()).run().expect(1, "a\n");
    let log = log_in(&place);
    assert_eq!(log.iter().filter(|line| *line == "a").count(), 1, "{log:?}");
}

#[test]
fn a_process_in_the_background_is_logged_with_its_end_after_its_last_line() {
    let script = "let p = start(shell(\"read x; echo got $x; printf last\"), #{stdin: \"pipe\", name: \"web\"}); print(\"meanwhile\");
        p.write(\"it\\n\"); let r = p.wait(); start([\"sleep\", \"600\"]); start([\"sleep\", \"601\"]).stop();";
    let log = logged(script);
    let is =
        |line: &str| log.iter().position(|seen| seen.starts_with(line)).unwrap_or_else(|| panic!("{line}: {log:?}"));
    let order = [
        "+ /bin/sh",
        "meanwhile",
        "web | got it",
        "web | last",
        "- web: exited with 0",
        "+ sleep 600",
        "+ sleep 601",
        "- sleep 601: was stopped",
        "- sleep 600: was stopped",
        "ended with status 0",
    ];
    assert!(order.map(is).is_sorted(), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("- ")).count(), 3, "{log:?}");
}

#[test]
fn one_that_is_detached_is_told_what_the_log_reads() {
    let place = Place::new();
    let script = "log::to(\"log\"); start([\"sleep\", \"600\"]).detach();";
    code(script).cwd(place.path()).run().expect_code(1).expect_error("the log reads what it inherits");
    let script = "log::to(\"log\"); let p = start([\"sleep\", \"600\"], #{stdout: \"null\", stderr: \"null\"}); p.detach(); print(p.signal(\"KILL\"));";
    code(script).cwd(place.path()).run().expect(0, "true\n");
}

#[test]
fn a_handlers_command_is_logged_when_nobody_reads_the_output_any_more() {
    let place = Place::new();
    let script = "log::to(\"log\"); atexit([\"echo\", \"cleaned\"]); loop { print(\"x\"); }";
    let (reader, writer) = std::io::pipe().expect("there are descriptors");
    drop(reader);
    code(script).cwd(place.path()).start_with(writer, Stdio::piped()).finish().expect_code(141);
    let log = log_in(&place);
    assert!(
        log.ends_with(&[
            "cleaned".into(),
            "- echo cleaned: exited with 0 (T s)".into(),
            "ended with status 141".into()
        ]),
        "{log:?}"
    );
}

#[test]
fn a_command_that_has_the_terminal_keeps_it_and_the_log_says_so() {
    let place = Place::new();
    let log = place.path().join("log");
    let script = "log::to(args()[0]); sh(`test -t 1 && test -t 2 && echo name? && read name && echo hello $name`);
        print(capture([\"sh\", \"-c\", \"test -t 2 && test ! -t 1 && echo half\"])); run([\"sh\", \"-c\", \"test ! -t 1 && echo named\"], #{name: \"n\"});";
    let mut terminal = Terminal::run(&["--color", "never", "-e", script, log.to_str().expect("it is text")]);
    terminal.wait_for("name?\r\n").press(b"world\n");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert!(screen.ends_with("hello world\nhalf\nn | named\n"), "{screen}");
    let log = log_in(&place);
    assert!(log[0].ends_with("; has the terminal: its output is not here)"), "{log:?}");
    assert!(
        log[1].starts_with("- /bin/sh") && log[2].ends_with("; has the terminal: its stderr is not here)"),
        "{log:?}"
    );
    assert_eq!(log[3], "half", "{log:?}");
    assert!(log.contains(&"n | named".into()) && !log.contains(&"hello world".into()), "{log:?}");
}

#[test]
fn what_is_masked_is_seen_nowhere_that_stagesh_writes() {
    let place = Place::new();
    let script = "log::to(\"log\"); log::mask(args()[0]); let key = args()[0]; print(key); print([key]); eprint(`a ${key}b`); debug(key);
        log::info(\"one\\n\" + key); run([\"sh\", \"-c\", \"exit 4\", key]);";
    let output = code(script).arg("it's a\nsecret one").cwd(place.path()).options(&["--trace"]).run();
    output.expect(1, "***\n[\"***\"]\n").expect_error("a ***b\n-e:1:").expect_error("+ sh -c 'exit 4' '***'\n");
    output
        .expect_error("\n               ***\n")
        .expect_error("error: `sh -c 'exit 4' '***")
        .expect_not("secret")
        .expect_not("it'");
    let log = place.read("log");
    assert!(log.contains("+ sh -c 'exit 4' '***' (in") && !log.contains("secret") && !log.contains("it's"), "{log}");
}

#[test]
fn an_error_has_its_true_text_for_the_script() {
    let script =
        "log::mask(\"hunter2\"); try { throw \"no hunter2\" } catch (e) { print(e.message.len()); print(e.message); }
        try { run([\"sh\", \"-c\", \"exit 3\", \"hunter2\"]); } catch (e) { print(e.command.len()); }";
    code(script).run().expect(0, "10\nno ***\n22\n");
    // The command is quoted in it, and the error is shown whole.
    let script =
        "log::mask(\"hun'ter2\"); try { run([\"false\", \"hun'ter2\"]); } catch (e) { print(e); print(e.command); }";
    code(script).run().expect_code(0).expect_not("ter2");
}

#[test]
fn the_name_of_a_command_is_masked_before_each_of_its_lines() {
    let place = Place::new();
    let script = "log::to(\"log\"); log::mask(\"hunter2\");
        for f in [run, attempt, |c, o| start(c, o).wait()] { f.call([\"echo\", \"said\"], #{name: \"job hunter2\", stdout: \"tee\"}); }";
    let output = code(script).cwd(place.path()).run();
    output.expect(0, &"job *** | said\n".repeat(3)).expect_no_error();
    assert_eq!(place.read("log").matches("job *** | said\n").count(), 3, "{}", place.read("log"));
    assert!(!place.read("log").contains("hunter2"));
}

#[test]
fn what_is_masked_is_gone_before_a_report_writes_it_in_its_own_way() {
    for secret in ["tok\tsecret", "tok\rsecret", "tok\u{1}secret"] {
        for raises in [
            "throw key;",
            "run([\"false\", key]);",
            "run([\"sh\", \"-c\", `echo \"$1\" >&2; false`, \"sh\", key], #{stderr: \"capture\"});",
            "atexit(|| throw key); exit(1);",
            "atexit(|| throw 1).name(key); exit(1);",
            "atexit([\"false\", key]); exit(1);",
        ] {
            let place = Place::new();
            let script = format!("log::to(\"log\"); let key = args()[0]; log::mask(key); {raises}");
            let output = code(&script).arg(secret).cwd(place.path()).run();
            for text in [output.err(), place.read("log")] {
                let told = text.lines().filter(|line| !line.contains("log::to(")).collect::<String>();
                assert!(told.contains("***") && !told.contains("secret"), "{secret:?} {raises}\n{text}");
            }
            assert_eq!(output.status.code(), Some(1));
        }
    }
}

#[test]
fn what_a_command_says_is_exact_and_masked_in_the_log_alone() {
    let place = Place::new();
    let say = "printf 'my hun'; sleep 0.05; printf 'ter2 is';  sleep 0.05; printf ' out\\n'";
    for options in ["", ", #{stdout: \"tee\"}"] {
        let script = format!("log::to(\"log\"); log::mask(\"hunter2\"); run(shell(args()[0]){options});");
        code(&script).arg(say).cwd(place.path()).run().expect(0, "my hunter2 is out\n");
        assert_eq!(log_in(&place)[1], "my *** is out");
    }
    code("log::mask(\"hunter2\"); print(capture([\"echo\", \"hunter2\"]).len());").run().expect(0, "7\n");
}

#[test]
fn a_secret_is_found_across_the_pieces_of_a_line_without_end() {
    let place = Place::new();
    // At every place of a piece, as pieces are 64 KiB: the secret has nine letters, and nothing else comes between.
    let script = "log::to(\"log\"); log::mask(\"hunter--2\"); run([\"sh\", \"-c\", \"yes hunter--2 | head -n 50000 | tr -d '\\\\n'\"], #{stdout: \"capture\"});
        log::mask(\"--hunt\"); run([\"sh\", \"-c\", \"yes 'x hunter--2' | head -n 50000 | tr -d '\\\\n'\"], #{stdout: \"capture\"});";
    code(script).cwd(place.path()).run().expect(0, "");
    let log = log_in(&place);
    let said: String = log.iter().filter(|line| line.starts_with(['*', 'x', ' '])).map(String::as_str).collect();
    assert_eq!(said.matches("***").count(), 100_000);
    assert_eq!(said.replace("***", "").replace("x ", ""), "");
}

#[test]
fn a_secret_of_several_lines_is_masked_line_by_line() {
    let place = Place::new();
    place.write("key", "-----BEGIN-----\n{\n  c2VjcmV0\n}\n-----END-----\n");
    let script = "log::mask(capture([\"cat\", \"key\"])); log::to(\"log\"); for line in [1, 2, 3, 4, 5] { run([\"sed\", \"-n\", `${line}p`, \"key\"]); } print(#{});";
    code(script).cwd(place.path()).run().expect_code(0);
    let log = log_in(&place);
    let is_said = |line: &&str| !line.starts_with("+ ") && !line.starts_with("- ");
    let said: Vec<&str> = log.iter().map(String::as_str).filter(is_said).collect();
    assert_eq!(said, ["***", "{", "  ***", "}", "***", "#{}", "ended with status 0"], "{log:?}");
}

#[test]
fn a_secret_that_a_report_cuts_is_not_seen_in_part() {
    let token = format!("tok{}", "abcdefghij".repeat(100));
    let script = "log::mask(args()[0]); log::to(\"log\"); run([\"sh\", \"-c\", \"exit 3\", \"Bearer \" + args()[0]]);";
    let place = Place::new();
    let output = code(script).arg(&token).cwd(place.path()).run();
    output.expect_code(1).expect_error("'Bearer ***…` exited with 3").expect_not("tokabc");
    assert!(!place.read("log").contains("tokabc"), "{}", place.read("log"));
}

#[test]
fn the_line_of_an_error_is_cut_where_nothing_is_hidden_and_its_caret_is_in_place() {
    let part = "let a = \"hidden-from-all\"; ".repeat(8);
    for shift in 0..20 {
        let script = format!("log::mask(\"hidden-from-all\"); {:shift$}{part}throw 1; {part}", "");
        let output = code(&script).run();
        let error = output.expect_code(1).err();
        let lines: Vec<&str> = error.lines().collect();
        let text = lines[3].replace("***", "");
        assert!(!text.contains("hid") && !text.contains("-from") && !text.contains("all"), "{output}");
        assert_eq!(lines[3].find("throw"), lines[4].find('^'), "{output}");
    }
}

#[test]
fn a_blob_is_masked_and_blanks_are_refused() {
    let place = Place::new();
    let script = "let key = blob(2, 0xff); log::mask(key); log::to(\"log\"); run([\"printf\", \"a\\\\377\\\\377b\"]);";
    let output = code(script).cwd(place.path()).run();
    assert_eq!(output.stdout, b"a\xff\xffb", "{output}");
    assert_eq!(log_in(&place)[1], "a***b");
    refuses("log::mask(\"\");", "log::mask: expected a text that is not blank, not an empty one");
    refuses("log::mask(\" \\n\");", "log::mask: expected a text that is not blank, not blanks");
    refuses("log::mask(5);", "log::mask: expected a text that is not blank, not `5`");
}

#[test]
fn a_log_of_another_process_is_added_to_and_not_written_over() {
    let place = Place::new();
    let script = "log::to(\"log\"); print(\"one\"); sh(\"echo from outside >> log\"); print(\"two\");";
    code(script).cwd(place.path()).run().expect_code(0);
    let text = place.read("log");
    assert!(text.contains(" one\n") && text.contains("\nfrom outside\n") && text.contains(" two\n"), "{text}");
}

#[test]
fn a_full_disk_behind_stdout_is_a_script_error_also_when_a_command_is_logged() {
    let place = Place::new();
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let script = "log::to(\"log\"); run([\"echo\", \"seen\"]);";
    let output = code(script).cwd(place.path()).start_with(full, Stdio::piped()).finish();
    output.expect_code(1).expect_error("no space left on device");
    assert!(log_in(&place).contains(&"seen".into()));
}

#[test]
fn the_log_gets_what_commands_write_once_the_terminal_is_gone() {
    let place = Place::new();
    let log = place.path().join("log");
    let script = "log::to(args()[0]); atexit(shell(`echo $((6 * 7))`)); print(\"ready\"); sleep(600);";
    let status = crate::terminal::hang_up(Command::new(stagesh()).args(["-e", script]).arg(&log));
    assert_eq!(status, Some(129));
    assert!(place.read("log").contains("42\n"), "{}", place.read("log"));
}
