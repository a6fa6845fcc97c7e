//! `confirm`, `prompt`, `secret`: a person answers on the terminal.

use nix::sys::signal::Signal;
use pty_process::blocking::Command;

use crate::harness::{Place, code, refuses, stagesh};
use crate::terminal::{CTRL_C, CTRL_Z, Terminal};

const CTRL_D: &[u8] = b"\x04";

/// Fails unless `stty -a` has shown that the terminal shows what is typed, gives it in lines, and makes signals of keys.
#[track_caller]
fn expect_sane(screen: &str) {
    let is_shown = |setting: &str| screen.split_ascii_whitespace().any(|word| word == setting);
    assert!(["echo", "icanon", "isig"].into_iter().all(is_shown), "{screen}");
}

#[test]
fn a_prompt_gives_the_line_that_is_typed() {
    let mut terminal = Terminal::code("let name = prompt(\"Name: \"); print(`<${name}>`);");
    terminal.wait_for("Name: ").press(b"a b\n");
    let (status, screen) = terminal.end();
    assert_eq!((status.code(), screen.as_str()), (Some(0), "Name: a b\n<a b>\n"));
}

#[test]
fn each_question_has_an_answer_of_its_own() {
    let mut terminal = Terminal::code("print(prompt(\"One: \") + prompt(\"Two: \") + read_line());");
    terminal.wait_for("One: ").press(b"1\n2\n3\n");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("123\n"), "{screen}");
}

#[test]
fn confirm_takes_yes_and_no_and_asks_again_for_anything_else() {
    for (typed, answer) in [("y\n", "true"), ("YES\n", "true"), ("n\n", "false"), ("No \n", "false"), ("\n", "false")] {
        let mut terminal = Terminal::code("print(confirm(\"Go on?\"));");
        terminal.wait_for("Go on? [y/N] ").press(typed.as_bytes());
        let (status, screen) = terminal.end();
        assert!(status.success() && screen.ends_with(&format!("\n{answer}\n")), "{screen}");
    }
    let mut terminal = Terminal::code("print(confirm(\"Go on?\"));");
    terminal.wait_for("Go on? [y/N] ").press(b"maybe\n").wait_for("maybe\r\nGo on? [y/N] ").press(b"y\n");
    let (_, screen) = terminal.end();
    assert_eq!(screen, "Go on? [y/N] maybe\nGo on? [y/N] y\ntrue\n");
}

#[test]
fn a_secret_is_not_shown_and_the_terminal_is_as_before() {
    let mut terminal = Terminal::code("let s = secret(\"Password: \"); sh(\"stty -a\"); run([\"echo\", `<${s}>`]);");
    terminal.wait_for("Password: ").press(b"open sesame\r");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
    assert!(screen.starts_with("Password: \n") && screen.ends_with("\n<open sesame>\n"), "{screen}");
    expect_sane(&screen);
    assert!(screen.matches("sesame").count() == 1, "{screen}");
}

#[test]
fn a_secret_is_masked_in_what_is_printed_and_in_the_log() {
    let place = Place::new();
    let script = "log::to(\"log\"); let s = secret(\"? \"); print(`<${s}>`); print(s.len());";
    let command = Command::new(stagesh()).args(["-e", script]).current_dir(place.path());
    let mut terminal = Terminal::of(command);
    terminal.wait_for("? ").press(b"open sesame\n");
    let (_, screen) = terminal.end();
    assert_eq!(screen, "? \n<***>\n11\n");
    let log = place.read("log");
    assert!(log.contains("<***>") && !log.contains("sesame"), "{log}");
}

#[test]
fn the_keys_that_edit_a_line_edit_a_secret() {
    let mut terminal = Terminal::code("run([\"echo\", `<${secret(\"? \")}>`]);");
    // Backspace over a character of two bytes, Ctrl-U over the line, Ctrl-W over a word.
    terminal.wait_for("? ").press("wrong\x15né\x7fo two\x17\n".as_bytes());
    let (_, screen) = terminal.end();
    assert_eq!(screen, "? \n<no >\n");
}

#[test]
fn a_secret_may_be_longer_than_a_line_of_the_terminal() {
    // Only so much is typed as the terminal takes at once.
    let mut terminal = Terminal::code("let s = secret(\"? \"); print(`${s.len()} ${s.ends_with(\"xy\")}`);");
    terminal.wait_for("? ");
    for _ in 0..5 {
        terminal.press("x".repeat(1000).as_bytes());
    }
    terminal.press(b"y\n");
    let (_, screen) = terminal.end();
    assert_eq!(screen, "? \n5001 true\n");
}

#[test]
fn the_end_of_the_input_is_an_error() {
    for (question, kind) in [("prompt", "system"), ("confirm", "system"), ("secret", "system")] {
        let script =
            format!("try {{ {question}(\"?\"); }} catch (error) {{ print(`${{error.kind}}: ${{error.message}}`); }}");
        let mut terminal = Terminal::code(&script);
        terminal.wait_for("?").press(CTRL_D);
        let (_, screen) = terminal.end();
        let message = format!("\n{kind}: {question}: the input has ended without an answer\n");
        assert!(screen.ends_with(&message), "{screen}");
    }
}

#[test]
fn ctrl_c_ends_the_script_and_the_terminal_is_restored_before_the_handlers_run() {
    for question in ["prompt", "secret"] {
        let script = format!(
            "atexit(run, [\"stty\", \"-a\"], #{{foreground: true}});
             try {{ {question}(\"Question: \"); }} catch {{ }} print(\"went on\");"
        );
        let mut terminal = Terminal::code(&script);
        terminal.wait_for("Question: ").press(CTRL_C);
        let (status, screen) = terminal.end();
        assert!(status.code() == Some(130) && !screen.contains("went on"), "{screen}");
        expect_sane(&screen);
        assert!(screen.contains("\nstagesh: INT: running 1 exit handler\n"), "{screen}");
    }
}

#[test]
fn a_signal_ends_the_question_and_the_terminal_is_restored_before_the_handlers_run() {
    for question in ["confirm", "prompt", "secret"] {
        let script = format!("atexit(run, [\"stty\", \"-a\"], #{{foreground: true}}); {question}(\"Question: \");");
        let mut terminal = Terminal::code(&script);
        terminal.wait_for("Question: ").signal(Signal::SIGTERM);
        let (status, screen) = terminal.end();
        assert!(status.code() == Some(143), "{screen}");
        expect_sane(&screen);
    }
}

#[test]
fn a_signal_that_is_not_trapped_kills_and_the_terminal_is_restored() {
    for (script, signal, status) in [
        ("trap(\"TERM\"); secret(\"Question: \");", None, 130),
        ("trap(\"INT\"); secret(\"Question: \");", Some("TERM"), 143),
        ("secret(\"Question: \");", Some("USR1"), 138),
    ] {
        // The shell shows what is left of the terminal.
        let shell = "trap : INT; \"$0\" -e \"$1\"; echo status $?; stty -a";
        let script = match signal {
            Some(signal) => {
                format!("start(shell(\"until [ -e asked ]; do sleep 0.01; done; kill -{signal} $1\", pid())); {script}")
            }
            None => script.into(),
        };
        let place = Place::new();
        let command = Command::new("sh").args(["-c", shell, stagesh(), &script]).current_dir(place.path());
        let mut terminal = Terminal::of(command);
        terminal.wait_for("Question: ");
        match signal {
            Some(_) => drop(place.write("asked", "")),
            None => drop(terminal.press(CTRL_C)),
        }
        let (_, screen) = terminal.end();
        assert!(screen.contains(&format!("status {status}\n")), "{screen}");
        expect_sane(&screen);
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_question() {
    for question in ["prompt", "secret"] {
        let place = Place::new();
        let log = place.path().join("log");
        let script = format!(
            "atexit(|| sh(`echo cleaned > \"$1\"`, args()[0])); {question}(\"ready\\n\"); sh(`echo went on > \"$1\"`, args()[0]);"
        );
        let status = crate::terminal::hang_up(Command::new(stagesh()).args(["-e", &script]).arg(&log));
        assert_eq!((status, place.read("log").as_str()), (Some(129), "cleaned\n"));
    }
}

#[test]
fn a_secret_is_suspended_with_the_terminal_as_before_and_is_hidden_when_it_resumes() {
    let script = "run([\"echo\", `<${secret(\"Password: \")}>`]);";
    // A shell with job control goes on when its job is suspended.
    let shell = format!("set -m; '{}' -e '{script}'; echo suspended $?; stty -a; fg", stagesh());
    let mut terminal = Terminal::of(Command::new("bash").args(["-c", &shell]));
    terminal.wait_for("Password: ").press(b"lost").press(CTRL_Z).wait_for("suspended 148");
    // It asks again.
    terminal.wait_for("\r\nPassword: ").press(b"found\n");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("Password: \n<found>\n"), "{screen}");
    expect_sane(&screen);
    assert!(screen.matches("found").count() == 1, "{screen}");
}

#[test]
fn a_secret_that_was_stopped_by_another_process_is_hidden_when_it_resumes() {
    let script = "run([\"echo\", `<${secret(\"Password: \")}>`]);";
    let place = Place::new();
    let shell = format!("set -m; '{}' -e '{script}'; stty sane; echo; echo suspended $?; fg; true", stagesh());
    let mut terminal = Terminal::of(Command::new("bash").args(["-c", &shell]).current_dir(place.path()));
    terminal.wait_for("Password: ");
    let job = terminal.foreground();
    nix::sys::signal::killpg(job, Signal::SIGSTOP).expect("it is there");
    terminal.wait_for("suspended").wait_until_hidden().press(b"found\n");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("<found>\n"), "{screen}");
    assert!(screen.matches("found").count() == 1, "{screen}");
}

#[test]
fn questions_are_asked_on_the_terminal_when_the_streams_are_elsewhere() {
    let shell = format!(
        "echo from stdin | '{}' -e 'run([\"echo\", prompt(\"? \") + secret(\"! \") + read_line()]);' 2>&1 | cat",
        stagesh()
    );
    let mut terminal = Terminal::of(Command::new("sh").args(["-c", &shell]));
    terminal.wait_for("? ").press(b"one, \n").wait_for("! ").press(b"two, \n");
    let (_, screen) = terminal.end();
    assert_eq!(screen, "? one, \n! \none, two, from stdin\n");
}

#[test]
fn what_was_printed_is_seen_before_the_question() {
    let shell = format!("'{}' -e 'print(\"first\"); prompt(\"then: \");' | cat", stagesh());
    let mut terminal = Terminal::of(Command::new("sh").args(["-c", &shell]));
    terminal.wait_for("first\r\n").press(b"\n");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.contains("then: "), "{screen}");
}

#[test]
fn a_handler_may_ask_and_an_impatient_user_is_told_first() {
    let mut terminal = Terminal::code(
        "atexit(|| print(\"last\")); atexit(|| run([\"echo\", `<${secret(\"? \")}>`])); print(\"begun\");",
    );
    terminal.wait_for("? ").press(CTRL_C).wait_for("interrupt again to end it\r\n? ").press(b"x\n");
    let (status, screen) = terminal.end();
    assert!(status.code() == Some(130) && screen.ends_with("<x>\nlast\n"), "{screen}");
}

#[test]
fn a_question_of_a_handler_ends_with_its_time() {
    let (status, screen) = Terminal::code("atexit(|| secret(\"? \")).timeout(0.1);").end();
    assert!(status.code() == Some(1) && screen.starts_with("? \n") && screen.contains("timed out"), "{screen}");
}

#[test]
fn what_is_not_utf_8_is_given_as_a_blob() {
    let mut terminal = Terminal::code("print(secret(\"? \").len());");
    terminal.wait_for("? ").press(b"\xff\xfe\n");
    let (_, screen) = terminal.end();
    assert_eq!(screen, "? \n2\n");
}

#[test]
fn without_a_terminal_a_question_is_an_error() {
    for question in ["confirm", "prompt", "secret"] {
        let script = format!("try {{ {question}(\"?\"); }} catch (error) {{ print(error.kind); throw error; }}");
        let message = format!("error: {question}: there is no terminal to ask on");
        code(&script).under(&["setsid", "--wait"]).run().expect(1, "system\n").expect_error(&message);
    }
}

#[test]
fn in_the_background_a_question_is_an_error() {
    let shell = format!("set -m; '{}' -e 'secret(\"?\");' & wait %1", stagesh());
    let (status, screen) = Terminal::of(Command::new("sh").args(["-c", &shell])).end();
    assert!(status.code() == Some(1), "{screen}");
    assert!(screen.contains("secret: the terminal is not to be had in the background"), "{screen}");
}

#[test]
fn a_question_is_a_text() {
    refuses("prompt(5);", "prompt: expected a string, not `5`");
    refuses("confirm(());", "confirm: expected a string, not `()`");
}
