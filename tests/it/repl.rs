//! The REPL on a terminal: keys go in, the screen comes out, and the terminal is as it was whatever ends the session.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use pty_process::blocking::Command;

use crate::harness::{CHANGES_OUTPUT, Place, WATCHDOG, look_until, stagesh};
use crate::terminal::{CTRL_C, CTRL_Z, Terminal, hang_up_after, read_until};

const CTRL_D: &[u8] = b"\x04";
const CTRL_R: &[u8] = b"\x12";
const CTRL_BACKSLASH: &[u8] = b"\x1c";

/// What the editor writes when it begins to read keys, and when it ends: a terminal marks what is pasted in between.
const BEGINS: &str = "\x1b[?2004h";
const ENDS: &str = "\x1b[?2004l";

/// The session of a person in a directory of its own.
struct Repl {
    terminal: Terminal,
    place: Place,
}

/// What runs in a terminal that can be edited on, with its state in the directory.
fn command(program: &str, place: &Place) -> Command {
    let command = Command::new(program).env("TERM", "xterm").env("HOME", place.path()).env_remove("XDG_STATE_HOME");
    CHANGES_OUTPUT.into_iter().fold(command, |command, name| command.env_remove(name)).current_dir(place.path())
}

impl Repl {
    /// After the first prompt.
    fn start() -> Self {
        let place = Place::new();
        let terminal = Terminal::of(command(stagesh(), &place).args(["--color", "never"]));
        let mut repl = Self { terminal, place };
        repl.prompt();
        repl
    }

    /// With a handler that writes `cleaned` to the screen and to a file.
    fn with_handler() -> Self {
        let mut repl = Self::start();
        repl.enter("let h = atexit(|| { print(\"clea\" + \"ned\"); sh(\"echo cleaned >> log\"); });").prompt();
        repl
    }

    /// Waits until the editor reads keys.
    fn prompt(&mut self) -> &mut Self {
        self.terminal.wait_for_next(BEGINS).wait_for_next("> ");
        self
    }

    /// Types a line, and waits until the editor has it.
    fn enter(&mut self, line: &str) -> &mut Self {
        self.press(line.as_bytes()).press(b"\r").shows(ENDS)
    }

    fn press(&mut self, keys: &[u8]) -> &mut Self {
        self.terminal.press(keys);
        self
    }

    /// Waits until the screen has this behind what was waited for before. What is typed is on the screen, too: it must not
    /// have this.
    fn shows(&mut self, text: &str) -> &mut Self {
        self.terminal.wait_for_next(text);
        self
    }

    /// Evaluates a line that shows `next`: the session goes on.
    fn goes_on(&mut self) -> &mut Self {
        self.enter("\"ne\" + \"xt\"").shows("\"next\"\r\n").prompt()
    }

    fn signal(&mut self, signal: Signal) -> &mut Self {
        self.terminal.signal(signal);
        self
    }

    /// Waits for the end: the terminal is as it was.
    #[track_caller]
    fn end(mut self) -> Ended {
        let (status, screen) = self.terminal.finish();
        assert_eq!(self.terminal.settings_now(), self.terminal.settings, "{screen:?}");
        let begins = screen.rfind(BEGINS).unwrap_or(0);
        assert!(screen.rfind(ENDS).is_some_and(|ends| ends > begins), "pastes are still marked: {screen:?}");
        Ended { status, screen, place: self.place }
    }
}

/// A session that has ended.
struct Ended {
    status: std::process::ExitStatus,
    screen: String,
    place: Place,
}

impl Ended {
    /// Fails unless it left with the code, and the handler has run once.
    #[track_caller]
    fn expect_clean(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "{}", self.screen);
        assert_eq!(self.screen.matches("cleaned\n").count(), 1, "{}", self.screen);
        assert_eq!(self.place.read("log"), "cleaned\n", "{}", self.screen);
    }
}

/// Where a person may be when the end comes.
#[derive(Clone, Copy, Debug)]
enum At {
    Prompt,
    HalfALine,
    OpenBracket,
    Search,
    RunningLine,
    /// The next key would say what Escape is for.
    Escape,
    /// The next key would be put in as it is.
    QuotedKey,
    /// What is pasted has no end.
    Paste,
    /// A list of completions is longer than the screen: whether to show it is asked.
    Question,
}

const ALL: [At; 9] = [
    At::Prompt,
    At::HalfALine,
    At::OpenBracket,
    At::Search,
    At::RunningLine,
    At::Escape,
    At::QuotedKey,
    At::Paste,
    At::Question,
];

impl At {
    /// The keys that lead there from the prompt, and what the screen has then.
    fn way(self) -> (&'static str, &'static str) {
        match self {
            Self::Prompt => ("", ""),
            Self::HalfALine => ("40 + 2", "40 + 2"),
            Self::OpenBracket => ("print([1,\r2, 3", "2, 3"),
            Self::Search => ("\x12let", "(reverse-i-search)`let'"),
            Self::RunningLine => ("print(\"rea\" + \"dy\"); sleep(600);\r", "ready\r\n"),
            Self::Escape => ("abc\x1b", "abc"),
            Self::QuotedKey => ("abc\x16", "abc"),
            Self::Paste => ("abc\x1b[200~def", "abc"),
            Self::Question => ("\t\t", "y or n)"),
        }
    }

    fn go(self, repl: &mut Repl) {
        let (keys, screen) = self.way();
        repl.press(keys.as_bytes());
        if !screen.is_empty() {
            repl.shows(screen);
        }
    }
}

#[test]
fn a_line_is_evaluated_and_its_result_shown() {
    let mut repl = Repl::start();
    repl.enter("1 + 1").shows("2\r\n").prompt();
    repl.enter("let x = \"a\" + \"b\";").prompt();
    repl.enter("x").shows("\"ab\"\r\n").prompt();
    repl.enter("1 / 0").shows("error: division by zero").prompt();
    repl.goes_on().press(CTRL_D);
    assert_eq!(repl.end().status.code(), Some(0));
}

#[test]
fn ctrl_c_at_the_prompt_gives_up_what_is_typed() {
    let mut repl = Repl::with_handler();
    repl.press(b"print(\"ne\" + \"ver\")").shows("ver").press(CTRL_C).prompt();
    repl.goes_on();
    // Also within an open bracket, in a search, and where nothing is typed.
    repl.press(b"print([\r1,\r").shows("1,").press(CTRL_C).prompt();
    repl.press(CTRL_R).shows("reverse-i-search").press(CTRL_C).prompt();
    repl.press(CTRL_C).prompt();
    repl.goes_on().press(CTRL_D);
    let ended = repl.end();
    ended.expect_clean(0);
    assert!(!ended.screen.contains("never") && !ended.screen.contains("error"), "{}", ended.screen);
}

#[test]
fn ctrl_c_while_a_line_runs_stops_that_line() {
    let mut repl = Repl::with_handler();
    for line in [
        "print(\"rea\" + \"dy\"); sleep(600);",
        "print(\"rea\" + \"dy\"); loop { }",
        "print(\"rea\" + \"dy\"); loop { try { sleep(600) } catch { } }",
        "sh(\"echo rea''dy; exec sleep 600\");",
        // One that ends well all the same.
        "sh(\"trap 'exit 0' INT; echo rea''dy; while :; do sleep 0.01; done\"); print(\"ne\" + \"ver\")",
        "capture([\"sh\", \"-c\", \"echo rea''dy >/dev/tty; exec sleep 600\"]);",
        "print(\"rea\" + \"dy\"); read_line();",
        "confirm(\"rea\" + \"dy\\n\")",
        "secret(\"rea\" + \"dy\\n\")",
        "let p = start(shell(\"echo rea''dy; exec sleep 600\")); p.wait();",
        "stage(\"s\", || { print(\"rea\" + \"dy\"); sleep(600); })",
    ] {
        repl.enter(line).shows("ready").press(CTRL_C).shows("interrupted").prompt();
        repl.goes_on();
    }
    repl.press(CTRL_D);
    let ended = repl.end();
    ended.expect_clean(0);
    assert!(!ended.screen.contains("never") && !ended.screen.contains("error"), "{}", ended.screen);
}

#[test]
fn an_int_that_is_sent_does_what_the_key_does() {
    let mut repl = Repl::with_handler();
    repl.press(b"print(\"ne\" + \"ver\")").shows("ver").signal(Signal::SIGINT).prompt();
    repl.enter("print(\"rea\" + \"dy\"); sleep(600);")
        .shows("ready")
        .signal(Signal::SIGINT)
        .shows("interrupted")
        .prompt();
    repl.goes_on().press(CTRL_D);
    let ended = repl.end();
    ended.expect_clean(0);
    assert!(!ended.screen.contains("never"), "{}", ended.screen);
}

#[test]
fn ctrl_d_leaves_and_ends_no_line_that_has_begun() {
    let mut repl = Repl::with_handler();
    repl.press(b"1 + 2").shows("1 + 2").press(CTRL_D).press(b"0\r").shows("21\r\n").prompt();
    repl.press(CTRL_D);
    repl.end().expect_clean(0);
}

#[test]
fn exit_leaves_with_its_code() {
    let mut repl = Repl::with_handler();
    repl.enter("exit(3)");
    repl.end().expect_clean(3);
}

#[test]
fn a_signal_that_is_sent_ends_the_session_wherever_it_is() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGQUIT, 131)] {
        for at in ALL {
            let mut repl = Repl::with_handler();
            at.go(&mut repl);
            repl.signal(signal);
            let ended = repl.end();
            assert_eq!(ended.status.code(), Some(code), "{at:?}: {}", ended.screen);
            ended.expect_clean(code);
        }
    }
}

#[test]
fn the_key_that_sends_quit_ends_the_session() {
    for at in [At::Prompt, At::HalfALine, At::OpenBracket, At::Search, At::RunningLine] {
        let mut repl = Repl::with_handler();
        at.go(&mut repl);
        repl.press(CTRL_BACKSLASH);
        let ended = repl.end();
        assert_eq!(ended.status.code(), Some(131), "{at:?}: {}", ended.screen);
        ended.expect_clean(131);
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_session_wherever_it_is() {
    for at in ALL {
        let place = Place::new();
        let command = command(stagesh(), &place).args(["--color", "never"]);
        let (keys, screen) = at.way();
        let steps = [
            ("", "> "),
            ("let h = atexit(|| sh(\"echo cleaned >> log\")); print(\"rea\" + \"dy\");\r", "ready\r\n"),
            ("", "> "),
            (keys, screen),
        ];
        assert_eq!(hang_up_after(command, &steps), Some(129), "{at:?}");
        assert_eq!(place.read("log"), "cleaned\n", "{at:?}");
    }
}

#[test]
fn a_terminal_that_is_closed_ends_a_session_that_gets_no_hup() {
    // HUP is ignored; or a shell leads the session, and ends first.
    for shell in ["trap '' HUP; exec \"$@\"", "\"$@\"; true"] {
        let place = Place::new();
        let command = command("sh", &place).args(["-c", shell, "sh", stagesh(), "--color", "never"]);
        let register = "let h = atexit(|| sh(\"echo $$ >> log; mv log cleaned\")); print(\"rea\" + \"dy\");\r";
        hang_up_after(command, &[("", "> "), (register, "ready\r\n"), ("", "> ")]);
        // The shell that has started it may have ended before.
        look_until(|| place.path().join("cleaned").exists(), || format!("{shell}: no handler has run"));
        assert_eq!(place.read("cleaned").lines().count(), 1, "{shell}");
    }
}

#[test]
fn ctrl_c_while_the_script_runs_leads_to_the_prompt() {
    let place = Place::new();
    place.write(
        "main.rhai",
        "let x = 6 * 7; atexit(|| { print(\"cleaned\"); sh(\"echo cleaned >> log\"); }); print(\"ready\"); sleep(600);",
    );
    let terminal = Terminal::of(command(stagesh(), &place).args(["--color", "never", "-i", "main.rhai"]));
    let mut repl = Repl { terminal, place };
    repl.shows("ready\r\n").press(CTRL_C).prompt();
    repl.enter("x").shows("42\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    repl.end().expect_clean(130);
}

#[test]
fn a_signal_that_is_not_trapped_kills_with_the_terminal_as_it_was() {
    for at in ALL {
        let mut repl = Repl::start();
        repl.enter("trap(\"INT\"); let h = atexit(|| print(\"ne\" + \"ver\"));").prompt();
        at.go(&mut repl);
        repl.signal(Signal::SIGTERM);
        let ended = repl.end();
        assert_eq!(ended.status.signal(), Some(Signal::SIGTERM as i32), "{at:?}: {}", ended.screen);
        assert!(!ended.screen.contains("never"), "{at:?}: {}", ended.screen);
    }
}

#[test]
fn signals_that_are_ignored_change_nothing_of_the_way_out() {
    // As a background job of a script has it: INT is ignored.
    let place = Place::new();
    let script = format!("trap '' INT; exec '{}' --color never", stagesh());
    let terminal = Terminal::of(command("sh", &place).args(["-c", &script]));
    let mut repl = Repl { terminal, place };
    repl.prompt();
    repl.enter("let h = atexit(|| { print(\"clea\" + \"ned\"); sh(\"echo cleaned >> log\"); });").prompt();
    repl.press(b"40 + 2").shows("40 + 2").press(CTRL_C).prompt();
    repl.press(b"40 + 2").shows("40 + 2").signal(Signal::SIGTERM);
    repl.end().expect_clean(143);
}

#[test]
fn a_handler_can_ask_on_the_terminal_whatever_ended_the_session() {
    // While it asks whether to show a list the editor gives up nothing, and would take the answer.
    for at in ALL.into_iter().filter(|at| !matches!(at, At::Question)) {
        let mut repl = Repl::start();
        repl.enter("let h = atexit(|| print(`<${prompt(\"Na\" + \"me: \")}>`));").prompt();
        at.go(&mut repl);
        repl.signal(Signal::SIGTERM).shows("Name: ").press(b"some one\r").shows("<some one>");
        assert_eq!(repl.end().status.code(), Some(143), "{at:?}");
    }
    for (keys, signal, code) in
        [(CTRL_D, None, 0), (b"exit(0)\r".as_slice(), None, 0), (b"40 + 2", Some(Signal::SIGTERM), 143)]
    {
        let mut repl = Repl::start();
        repl.enter("let h = atexit(|| print(`<${prompt(\"Na\" + \"me: \")}>`));").prompt();
        repl.press(keys);
        if let Some(signal) = signal {
            repl.shows("40 + 2").signal(signal);
        }
        repl.shows("Name: ").press(b"some one\r").shows("<some one>");
        assert_eq!(repl.end().status.code(), Some(code));
    }
}

/// A session in a shell with job control, which says when it is suspended, and brings it back.
fn under_shell() -> Repl {
    let place = Place::new();
    let script = format!("set -m; '{}' --color never; echo suspended $?; fg", stagesh());
    let mut repl = Repl { terminal: Terminal::of(command("bash", &place).args(["-c", &script])), place };
    repl.prompt();
    repl
}

#[test]
fn ctrl_z_at_the_prompt_suspends_and_what_was_typed_is_there_again() {
    let mut repl = under_shell();
    repl.press(b"1 + 2").shows("1 + 2").press(CTRL_Z).shows(ENDS).shows("suspended 148").prompt().shows("1 + 2");
    repl.press(b"0\r").shows("21\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    assert_eq!(repl.end().status.code(), Some(0));
}

#[test]
fn ctrl_z_while_a_command_runs_suspends_both() {
    let mut repl = under_shell();
    repl.enter("sh(\"echo rea''dy; read x; echo go''t $x\"); \"do\" + \"ne\"").shows("ready\r\n");
    repl.press(CTRL_Z).shows("suspended 148").press(b"line\r").shows("got line").shows("\"done\"").prompt();
    repl.goes_on().press(CTRL_D);
    assert_eq!(repl.end().status.code(), Some(0));
}

#[test]
fn what_is_pasted_is_evaluated_whole() {
    let text = "fn f(x) {\n\tlet y = x + 1;\n\n    y * 2 // }\n}\nprint(\"f is \" + f(20));\nlet a = [\n1,\n2];\nprint(\"a has \" + a.len);\n";
    // Marked, as a text; otherwise line by line, as it is typed.
    let mut repl = Repl::with_handler();
    repl.press(format!("\x1b[200~{text}\x1b[201~").as_bytes()).press(b"\r").shows("f is 42\r\na has 2\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    repl.end().expect_clean(0);
    for end in ["\n", "\r"] {
        let mut repl = Repl::with_handler();
        repl.press(text.replace('\t', " ").replace('\n', end).as_bytes())
            .shows("f is 42\r\n")
            .shows("a has 2\r\n")
            .prompt();
        repl.goes_on().press(CTRL_D);
        repl.end().expect_clean(0);
    }
}

#[test]
fn keys_that_are_pressed_while_a_line_runs_are_for_the_next() {
    let mut repl = Repl::with_handler();
    // The line ends when the keys have come.
    repl.enter("print(\"rea\" + \"dy\"); while !fs::exists(\"go\") { sleep(0.01); }").shows("ready\r\n");
    repl.press(b"\"ty\" + \"ped\"\r7 * 3").shows("7 * 3");
    std::fs::write(repl.place.path().join("go"), "").expect("it can be written");
    repl.prompt().shows("\"typed\"\r\n").prompt().shows("7 * 3").press(b"0\r").shows("210\r\n").prompt();
    repl.press(CTRL_D);
    repl.end().expect_clean(0);
}

#[test]
fn keys_that_come_with_one_that_gives_up_the_line_are_for_the_next() {
    let mut repl = Repl::with_handler();
    repl.press(b"ab\x037 * 3\r").shows("21\r\n").prompt();
    repl.press(b"\x12let\x037 * 4\r").shows("28\r\n").prompt();
    repl.press(b"\x03\x03[\r\x037 * 5\r").shows("35\r\n").prompt();
    repl.press(CTRL_D);
    let ended = repl.end();
    ended.expect_clean(0);
    assert!(!ended.screen.contains("error"), "{}", ended.screen);
    let mut repl = under_shell();
    repl.press(b"7 * \x1a6\r").shows("suspended 148").prompt().shows("42\r\n").prompt();
    repl.press(CTRL_D);
    assert_eq!(repl.end().status.code(), Some(0));
}

#[test]
fn lines_that_come_at_once_are_evaluated_in_order() {
    let mut repl = Repl::with_handler();
    let lines: String = (0..50).map(|n| format!("print(\"li\" + \"ne {n}\");\r")).collect();
    repl.press(lines.as_bytes());
    for n in 0..50 {
        repl.shows(&format!("line {n}\r\n"));
    }
    repl.prompt().press(CTRL_D);
    repl.end().expect_clean(0);
}

#[test]
fn output_without_a_newline_stays_on_the_screen() {
    let mut repl = Repl::start();
    repl.enter("sh(\"printf %s%s h i\");").shows("hi%").prompt();
    repl.goes_on();
    // A prompt that is at the margin anyway has no mark.
    repl.enter("sh(\"echo h''o\");").shows("ho\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    let ended = repl.end();
    assert!(ended.status.success() && ended.screen.contains("hi%"), "{}", ended.screen);
}

#[test]
fn full_screen_programs_work_in_a_line() {
    let mut repl = Repl::start();
    repl.enter("sh(`seq 500 | TERM=vt100 less`); \"le\" + \"ft\"")
        .shows("\r\n5\r\n")
        .press(b"G")
        .shows("500")
        .press(b"q");
    repl.shows("\"left\"").prompt();
    let notes = repl.place.write("notes", "first line\n");
    repl.enter(&format!("run([\"env\", \"TERM=vt100\", \"vi\", \"{}\"]);", notes.display())).shows("first line");
    repl.press(b"x:wq\r").prompt();
    repl.enter("fs::read(\"notes\")").shows("\"irst line\\n\"\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    assert!(repl.end().status.success());
}

#[test]
fn a_line_can_ask_and_read() {
    let mut repl = Repl::start();
    repl.enter("let line = read_line();").press(b"a line\n").prompt();
    repl.enter("line + \"!\"").shows("\"a line!\"\r\n").prompt();
    repl.enter("confirm(\"Su\" + \"re?\")").shows("Sure? [y/N] ").press(b"y\n").shows("true\r\n").prompt();
    repl.enter("prompt(\"Na\" + \"me: \")").shows("Name: ").press(b"me\n").shows("\"me\"\r\n").prompt();
    repl.enter("secret(\"Pass\" + \"word: \").len()").shows("Password: ").press(b"open\n").shows("4\r\n").prompt();
    repl.enter("sh(\"read x; echo go''t $x\");").press(b"that\n").shows("got that\r\n").prompt();
    repl.goes_on().press(CTRL_D);
    let ended = repl.end();
    assert!(ended.status.success() && !ended.screen.contains("open\n"), "{}", ended.screen);
}

#[test]
fn what_a_line_does_to_the_terminal_is_undone_before_the_next() {
    let mut repl = Repl::start();
    repl.enter("sh(\"stty -echo -icanon -isig\"); sh(\"stty raw; kill -KILL $$\");").prompt();
    repl.enter("sh(\"stty -a\");").shows("isig icanon ").shows(" echo ").prompt();
    repl.goes_on().press(CTRL_D);
    assert!(repl.end().status.success());
}

#[test]
fn a_terminal_that_cannot_be_edited_on_is_read_line_by_line() {
    let place = Place::new();
    for term in [Some("dumb"), Some(""), None] {
        let command = command(stagesh(), &place).args(["--color", "never"]);
        let command = match term {
            Some(term) => command.env("TERM", term),
            None => command.env_remove("TERM"),
        };
        let mut terminal = Terminal::of(command);
        terminal
            .wait_for_next("> ")
            .press(b"let h = atexit(|| print(\"clea\" + \"ned\")); fn f() {\n")
            .wait_for_next(". ");
        terminal.press(b"42 }\n").wait_for_next("> ").press(b"f()\n").wait_for_next("\r\n42\r\n> ");
        // Ctrl-C gives up the line, and stops one that runs.
        terminal.press(b"print(\"ne\" + \"ver\")").wait_for_next("ver").press(CTRL_C).wait_for_next("> ");
        terminal.press(b"print(\"rea\" + \"dy\"); sleep(600);\n").wait_for_next("ready\r\n").press(CTRL_C);
        terminal.wait_for_next("interrupted\r\n> ").press(b"f()\n").wait_for_next("\r\n42\r\n> ").press(CTRL_D);
        let (status, screen) = terminal.end();
        assert!(status.success() && screen.matches("cleaned\n").count() == 1, "{screen}");
        assert!(!screen.contains('\x1b') && !screen.contains("never"), "{screen:?}");
    }
}

#[test]
fn the_prompt_stays_on_the_terminal_where_standard_output_goes_elsewhere() {
    let place = Place::new();
    let script = format!("'{}' --color never | sed 's/^/piped: /'; exit ${{PIPESTATUS[0]}}", stagesh());
    let mut repl = Repl { terminal: Terminal::of(command("bash", &place).args(["-c", &script])), place };
    repl.prompt();
    repl.enter("let h = atexit(|| { print(\"clea\" + \"ned\"); sh(\"echo cleaned >> log\"); });").prompt();
    repl.enter("\"ne\" + \"xt\"").prompt();
    repl.terminal.wait_for("piped: \"next\"\r\n");
    // What is typed is on the terminal, also where it is given up.
    repl.press(b"40 + 2").shows("40 + 2").press(CTRL_C).prompt();
    repl.press(CTRL_D);
    let ended = repl.end();
    assert!(ended.screen.ends_with("piped: cleaned\n") && !ended.screen.contains("piped: >"), "{}", ended.screen);
    ended.expect_clean(0);
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_no_handler() {
    let place = Place::new();
    let (pty, inside) = pty_process::blocking::open().expect("there are terminals");
    let mut child = command(stagesh(), &place).spawn(inside).expect("the program starts");
    let ended = crate::harness::watch(&child);
    let (mut screen, mut passed) = (Vec::new(), 0);
    for (keys, text) in [("", BEGINS), ("let h = atexit([\"touch\", \"cleaned\"]); 6 * 7\r", "42\r\n"), ("", BEGINS)] {
        (&pty).write_all(keys.as_bytes()).expect("it is open");
        passed = read_until(&pty, &mut screen, passed, text);
    }
    // Each key at the begin of a long line writes all of it again: the editor waits for whoever reads the screen.
    let keys = format!("\x1b[200~{}\x1b[201~{}", "x".repeat(3000), "\x01y".repeat(60));
    (&pty).write_all(keys.as_bytes()).expect("it is open");
    let is_writing = || rustix::io::ioctl_fionread(&pty).expect("it is open") >= 4000;
    look_until(is_writing, || "the editor writes nothing".into());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid is a pid_t"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it is ours");
    let has_ended = ended.recv_timeout(WATCHDOG).is_ok();
    crate::harness::end(&mut child);
    assert!(has_ended && child.wait().expect("it is our child").code() == Some(143));
    assert!(place.list().contains(&"cleaned".into()), "{:?}", place.list());
    let now = nix::sys::termios::tcgetattr(&pty).expect("it is open");
    assert!(now.local_flags.contains(nix::sys::termios::LocalFlags::ECHO | nix::sys::termios::LocalFlags::ICANON));
}

#[test]
fn a_narrow_terminal_and_one_that_changes_its_size_can_be_edited_on() {
    let mut repl = Repl::with_handler();
    repl.terminal.resize(24, 10);
    repl.press(b"let text = \"abcdefghijklmnopqrstuvwxyz\"; tex").press(b"t.len").press(b"\r").shows("26\r\n").prompt();
    repl.press(b"let other = \"abcdefghijklmnopqrstuvwxyz").terminal.resize(24, 100);
    repl.press(b"abcd\"; other.len");
    repl.terminal.resize(24, 5);
    repl.press(b"\r").shows("30\r\n").prompt();
    repl.terminal.resize(24, 80);
    repl.goes_on();
    repl.enter("sh(\"stty si''ze\");").shows("24 80\r\n").prompt().press(CTRL_D);
    repl.end().expect_clean(0);
}

#[test]
fn what_was_typed_is_there_in_the_next_session_private_hinted_and_found() {
    use std::os::unix::fs::PermissionsExt;
    let place = {
        let mut repl = Repl::start();
        repl.enter("let first = 11 * 2;")
            .prompt()
            .enter("fn twice(x) {\r x * 2 }")
            .prompt()
            .enter("let first = 11 * 2;")
            .prompt();
        // A signal loses nothing of it.
        repl.enter("\"last\" + \" one\"").prompt().signal(Signal::SIGKILL);
        let Repl { mut terminal, place } = repl;
        terminal.finish();
        place
    };
    let file = place.path().join(".local/state/stagesh/history");
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    let terminal = Terminal::of(command(stagesh(), &place).args(["--color", "never"]));
    let mut repl = Repl { terminal, place };
    repl.prompt();
    // The rest of the newest that begins so is shown, and taken with the key to the right.
    repl.press(b"let f").shows("irst = 11 * 2;").press(b"\x1b[C\r").prompt().enter("first").shows("22\r\n").prompt();
    repl.press(b"\x12x * 2").shows("fn twice(x)").press(b"\r").prompt().enter("twice(4)").shows("8\r\n").prompt();
    // Each once; a text of two lines takes two steps.
    repl.press(b"\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A")
        .shows("\"last\" + \" one\"")
        .press(b"\r")
        .shows("\"last one\"\r\n")
        .prompt();
    repl.press(CTRL_D);
    assert_eq!(repl.end().status.code(), Some(0));
}

#[test]
fn a_script_is_in_colour_while_it_is_typed_unless_nobody_wants_that() {
    let place = Place::new();
    for (color, marked) in [("always", true), ("never", false)] {
        let mut terminal = Terminal::of(command(stagesh(), &place).args(["--color", color]));
        terminal.wait_for("> ").press(b"let x = \"text\"; // why\r\x04");
        let (status, screen) = terminal.end();
        assert_eq!(status.code(), Some(0), "{screen}");
        assert_eq!(screen.contains("\x1b[35mlet\x1b[0m"), marked, "{screen:?}");
    }
}
