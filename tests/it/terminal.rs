//! Runs in a terminal: keys go in, the screen comes out.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use pty_process::blocking::{Command, Pty, open};

use crate::harness::{CHANGES_OUTPUT, Collected, Place, WATCHDOG, expect_gone, look_until, stagesh, watch};

pub(crate) const CTRL_C: &[u8] = b"\x03";
const CTRL_BACKSLASH: &[u8] = b"\x1c";

/// A run in a terminal of its own, as the leader of its session.
pub(crate) struct Terminal {
    keys: Arc<Pty>,
    screen: Collected,
    /// How much of the screen was waited for.
    passed: usize,
    /// Its settings before anything ran.
    pub(crate) settings: Termios,
    pub(crate) child: Child,
    ended: Receiver<()>,
}

impl Terminal {
    pub(crate) fn run(words: &[&str]) -> Self {
        let command = Command::new(stagesh()).args(words);
        Self::of(CHANGES_OUTPUT.into_iter().fold(command, |command, name| command.env_remove(name)))
    }

    pub(crate) fn of(command: Command) -> Self {
        let (pty, inside) = open().expect("there are terminals");
        let settings = tcgetattr(&pty).expect("it is open");
        let child = command.spawn(inside).expect("the program starts");
        let keys = Arc::new(pty);
        let screen = Collected::pieces(Reader(Arc::clone(&keys)));
        let ended = watch(&child);
        Self { keys, screen, passed: 0, settings, child, ended }
    }

    /// A script that is given as text.
    pub(crate) fn code(code: &str) -> Self {
        Self::run(&["--color", "never", "-e", code])
    }

    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        if self.screen.wait_for(text, Instant::now() + WATCHDOG).is_err() {
            panic!("waited for {text:?} on the screen\n{}", self.screen.text());
        }
        self
    }

    /// Waits until the text is on the screen behind what was waited for so before.
    pub(crate) fn wait_for_next(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            let seen = self.screen.text();
            if let Some(at) = seen[self.passed..].find(text) {
                self.passed += at + text.len();
                return self;
            }
            if self.screen.wait_for_more(deadline).is_err() {
                panic!("waited for {text:?} behind {:?} on the screen\n{seen}", &seen[..self.passed]);
            }
        }
    }

    /// Its settings now.
    pub(crate) fn settings_now(&self) -> Termios {
        tcgetattr(&*self.keys).expect("it is open")
    }

    /// Gives it another size; the program in the foreground is told by WINCH.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) -> &mut Self {
        self.keys.resize(pty_process::Size::new(rows, columns)).expect("it is open");
        self
    }

    pub(crate) fn press(&mut self, keys: &[u8]) -> &mut Self {
        (&*self.keys).write_all(keys).expect("the terminal is open");
        self
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&mut self, signal: Signal) -> &mut Self {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid is a pid_t"));
        nix::sys::signal::kill(pid, signal).expect("it is not reaped");
        self
    }

    /// The process group in the foreground.
    pub(crate) fn foreground(&self) -> nix::unistd::Pid {
        nix::unistd::tcgetpgrp(&*self.keys).expect("it has one")
    }

    /// Waits until what is typed is not shown.
    pub(crate) fn wait_until_hidden(&mut self) -> &mut Self {
        let is_hidden = || !tcgetattr(&*self.keys).expect("it is open").local_flags.contains(LocalFlags::ECHO);
        look_until(is_hidden, || format!("what is typed is shown\n{}", self.screen.text()));
        self
    }

    /// Waits for the end, and gives the status and all of the screen, its lines ended by `\n`.
    pub(crate) fn end(mut self) -> (std::process::ExitStatus, String) {
        self.finish()
    }

    /// The same; the terminal stays open.
    pub(crate) fn finish(&mut self) -> (std::process::ExitStatus, String) {
        if self.ended.recv_timeout(WATCHDOG).is_err() {
            panic!("it does not end\n{}", self.screen.text());
        }
        let status = self.child.wait().expect("it is our child");
        let all = self.screen.finish(Instant::now() + WATCHDOG);
        assert!(all.is_ok(), "it has ended, and something holds the terminal open\n{}", self.screen.text());
        // The terminal echoes the key of a signal after it has sent it: anywhere in what the handlers say.
        let screen = ["^C", "^\\"].iter().fold(self.screen.text(), |screen, echo| screen.replace(echo, ""));
        (status, screen.replace("\r\n", "\n"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        crate::harness::end(&mut self.child);
    }
}

struct Reader(Arc<Pty>);

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

#[test]
fn ctrl_c_ends_the_script_and_its_handlers_run() {
    let mut terminal = Terminal::code("atexit(|| print(\"cleaned\")); print(\"ready\"); sleep(600);");
    terminal.wait_for("ready\r\n").press(CTRL_C);
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(130), "{screen}");
    assert!(screen.ends_with("stagesh: INT: running 1 exit handler\ncleaned\n"), "{screen}");
}

#[test]
fn ctrl_backslash_counts_as_quit() {
    let mut terminal = Terminal::code("atexit(|| print(\"cleaned\")); print(\"ready\"); loop { }");
    terminal.wait_for("ready\r\n").press(CTRL_BACKSLASH);
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(131), "{screen}");
    assert!(screen.ends_with("cleaned\n"), "{screen}");
}

#[test]
fn ctrl_c_reaches_a_command_once_and_then_ends_the_script() {
    // The command counts what it gets, and ends well: the script ends all the same.
    let script = "atexit(|| print(\"cleaned\"));
        sh(`n=0; trap 'n=$((n + 1)); echo got $n' INT; sh -c 'echo ready; exec sleep 600' || true; sleep 0.3; echo end $n`);
        print(\"went on\");";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("ready\r\n").press(CTRL_C);
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(130), "{screen}");
    assert!(screen.contains("end 1\n") && screen.ends_with("cleaned\n"), "{screen}");
    assert!(!screen.contains("went on") && !screen.contains("got 2"), "{screen}");
}

#[test]
fn a_kill_reaches_a_command_in_the_foreground_once() {
    let script = "sh(`n=0; trap 'n=$((n + 1))' TERM; sleep 600 & echo ready; wait || true; i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; echo end $n`);";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("ready\r\n");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(terminal.child.id()).expect("a pid is a pid_t"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it runs");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(143), "{screen}");
    assert!(screen.contains("end 1\n"), "{screen}");
}

#[test]
fn an_interactive_command_reads_the_terminal() {
    let mut terminal = Terminal::code("sh(`echo name?; read name; echo hello $name`); print(\"after\");");
    terminal.wait_for("name?\r\n").press(b"world\n");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert!(screen.ends_with("hello world\nafter\n"), "{screen}");
}

#[test]
fn a_command_of_a_handler_is_shielded_from_ctrl_c() {
    let script = "atexit(shell(`echo begun; trap 'echo cut' INT; read line < \"$1\"; echo whole`, args()[0]));";
    let place = Place::new();
    let fifo = place.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is installed");
    assert!(made.success());
    let mut terminal = Terminal::run(&["-e", script, &fifo.to_string_lossy()]);
    terminal.wait_for("begun\r\n").press(CTRL_C);
    // The host notes it: the terminal echoes it, and the command may go on.
    terminal.wait_for("^C");
    std::fs::write(&fifo, "on\n").expect("the command reads it");
    let (status, screen) = terminal.end();
    assert!(screen.contains("whole\n") && !screen.contains("cut\n"), "{screen}");
    assert_eq!(status.code(), Some(130), "{screen}");
}

#[test]
fn a_terminal_that_stops_writers_in_the_background_stops_no_clean_up() {
    // Both streams keep their order.
    let script = "sh(\"stty tostop\"); atexit([\"sh\", \"-c\", \"echo one; echo two >&2; echo three\"]);
        atexit(run, [\"sh\", \"-c\", \"echo own; test -t 1\"], #{foreground: true}); print(start([\"echo\", \"background\"]).wait().ok);";
    let (status, screen) = Terminal::code(script).end();
    assert!(status.success() && screen == "background\ntrue\nown\none\ntwo\nthree\n", "{screen}");
}

#[test]
fn a_command_of_a_handler_that_wants_the_terminal_is_killed_and_told_how_to_have_it() {
    let mut terminal =
        Terminal::code("atexit(|| sh(`read line < /dev/tty; echo read $line`)); atexit(|| print(\"begun\"));");
    terminal.wait_for("begun\r\n");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(screen.contains("foreground: true"), "{screen}");
}

#[test]
fn a_handlers_command_has_an_empty_stdin() {
    let terminal = Terminal::code("atexit(|| sh(`read line && echo got || echo empty`));");
    let (status, screen) = terminal.end();
    assert_eq!((status.code(), screen.as_str()), (Some(0), "empty\n"));
}

#[test]
fn a_terminal_that_is_closed_ends_the_script_and_its_handlers_run() {
    let place = Place::new();
    let log = place.path().join("log");
    let script = "atexit(|| sh(`echo cleaned > \"$1\"`, args()[0])); print(\"ready\"); sleep(600);";
    assert_eq!(hang_up(Command::new(stagesh()).args(["-e", script]).arg(&log)), Some(129));
    assert_eq!(place.read("log"), "cleaned\n");
}

/// Closes the terminal of a program that has said `ready`, and gives its status.
pub(crate) fn hang_up(command: Command) -> Option<i32> {
    hang_up_after(command, &[("", "ready\r\n")])
}

/// Presses keys and waits for what the screen has then, one after the other; closes the terminal of the program, and gives
/// its status.
pub(crate) fn hang_up_after(command: Command, steps: &[(&str, &str)]) -> Option<i32> {
    let (pty, inside) = open().expect("there are terminals");
    let mut child = command.spawn(inside).expect("the program starts");
    let ended = watch(&child);
    let (mut screen, mut passed) = (Vec::new(), 0);
    for (keys, text) in steps {
        (&pty).write_all(keys.as_bytes()).expect("the terminal is open");
        passed = read_until(&pty, &mut screen, passed, text);
    }
    drop(pty);
    let in_time = ended.recv_timeout(WATCHDOG);
    crate::harness::end(&mut child);
    assert_eq!(in_time, Ok(()), "it ends");
    child.wait().expect("it is our child").code()
}

/// Reads a terminal that no thread reads, until the text is on the screen behind what was waited for before, and gives how
/// much that is.
pub(crate) fn read_until(pty: &Pty, screen: &mut Vec<u8>, passed: usize, text: &str) -> usize {
    let mut buffer = [0; 256];
    loop {
        let mut rest = (passed..=screen.len()).map(|at| (at, &screen[at..]));
        if let Some((at, _)) = rest.find(|(_, rest)| rest.starts_with(text.as_bytes())) {
            return at + text.len();
        }
        let mut fds = [PollFd::new(pty.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(WATCHDOG).expect("it is a minute");
        assert_eq!(poll(&mut fds, timeout), Ok(1), "waited for {text:?}\n{}", String::from_utf8_lossy(screen));
        let count = (&*pty).read(&mut buffer).expect("it is open");
        screen.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn an_impatient_user_ends_the_handler_that_runs_and_no_other() {
    let script = "atexit(|| print(\"last\"));
        fn slow() { print(\"slow\"); sleep(1.1); print(\"ready for one\"); sleep(1.1); print(\"ready for two\"); sleep(600); }
        atexit(slow);";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("ready for one\r\n").press(CTRL_C).wait_for("`slow`");
    terminal.wait_for("ready for two\r\n").press(CTRL_C);
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(130), "{screen}");
    assert!(screen.contains("was interrupted") && screen.ends_with("last\n"), "{screen}");
}

#[test]
fn a_line_is_on_the_terminal_at_once() {
    let mut terminal = Terminal::code("print(\"before\"); loop { }");
    terminal.wait_for("before\r\n").press(CTRL_C);
    assert_eq!(terminal.end().0.code(), Some(130));
}

#[test]
fn errors_have_colour_on_a_terminal_unless_no_color_is_set() {
    let (_, screen) = Terminal::run(&["-e", "1 / 0"]).end();
    assert!(screen.contains("\x1b["), "{screen}");
    let (_, screen) = Terminal::of(Command::new(stagesh()).args(["-e", "1 / 0"]).env("NO_COLOR", "1")).end();
    assert!(!screen.contains("\x1b["), "{screen}");
    let (_, screen) = Terminal::of(Command::new(stagesh()).args(["-e", "1 / 0"]).env("NO_COLOR", "")).end();
    assert!(screen.contains("\x1b["), "an empty NO_COLOR is none: {screen}");
}

#[test]
fn nothing_of_a_command_outlives_ctrl_c() {
    // What a shell starts in the background ignores INT: it is killed after the grace period.
    let script = "sh(`sleep 600 & echo child $!; echo ready; wait`);";
    let mut terminal = Terminal::run(&["--grace", "0.1", "-e", script]);
    terminal.wait_for("ready\r\n");
    let screen = terminal.screen.text();
    let child = screen.lines().find_map(|line| line.trim().strip_prefix("child ")).expect("it said so");
    let child = child.parse().expect("it is a number");
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().0.code(), Some(130));
    expect_gone(&[child]);
}

#[test]
fn the_settings_of_the_terminal_are_restored_after_a_command() {
    let script = "sh(\"stty -echo -icanon\"); try { sh(\"stty -echo raw; kill -KILL $$\"); } catch { }
        print(\"settings\"); sh(\"stty -a\");";
    let (status, screen) = Terminal::code(script).end();
    assert!(status.success(), "{screen}");
    assert!(screen.contains(" echo ") && screen.contains(" icanon "), "{screen}");
}

#[test]
fn a_command_that_dies_with_the_terminal_in_its_own_group_gives_it_back() {
    // A shell with job control takes the terminal for its own group; one that another command has started, too.
    for taker in ["[`sh`, `-mc`, taken]", "[`sh`, `-c`, `sh -mc \"$1\"; exit 137`, `sh`, taken]"] {
        let script = format!(
            "let taken = `stty -echo raw; kill -KILL $$`; attempt({taker}, #{{stdout: \"inherit\"}});
             atexit(run, [\"sh\", \"-c\", \"read x; echo got $x\"], #{{foreground: true}}); print(\"ready\"); sleep(600);"
        );
        let mut terminal = Terminal::code(&script);
        terminal.wait_for("ready\r\n");
        assert_eq!(terminal.settings_now(), terminal.settings, "{taker}");
        terminal.press(CTRL_C).wait_for("running 1 exit handler").press(b"line\r");
        let (status, screen) = terminal.end();
        assert!(status.code() == Some(130) && screen.ends_with("got line\n"), "{screen}");
    }
    // One that the clean-up ends does not take the terminal from it.
    let script = "atexit(run, [\"sh\", \"-c\", \"read x; echo got $x\"], #{foreground: true});
        run([\"sh\", \"-mc\", \"trap '' TERM; echo ready; sleep 600\"], #{grace: 0});";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("ready\r\n").signal(Signal::SIGTERM).wait_for("running 1 exit handler").press(b"line\r");
    let (status, screen) = terminal.end();
    assert!(status.code() == Some(143) && screen.ends_with("got line\n"), "{screen}");
}

#[test]
fn a_terminal_that_is_closed_tells_the_command_of_a_script_that_leads_the_session() {
    let place = Place::new();
    let log = place.path().join("log");
    let script = "sh(`trap 'echo told > \"$1\"; exit' HUP; echo ready; while :; do sleep 0.05; done`, args()[0]);";
    assert_eq!(hang_up(Command::new(stagesh()).args(["-e", script]).arg(&log)), Some(129));
    assert_eq!(place.read("log"), "told\n");
}

#[test]
fn an_alarm_reaches_the_command_in_a_terminal() {
    // The kernel sends it, and to the host alone.
    let script = "trap(\"ALRM\"); sh(`trap 'echo told; exit' ALRM; while :; do sleep 0.05; done`);";
    let mut terminal = Terminal::of(Command::new("perl").args(["-e", "alarm 1; exec @ARGV", stagesh(), "-e", script]));
    terminal.wait_for("told");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(142), "{screen}");
}

#[test]
fn a_job_in_the_background_that_reads_the_terminal_is_stopped_and_goes_on_in_the_foreground() {
    // The shell tells that the job is stopped, and brings it to the foreground.
    let stagesh = stagesh();
    let script = format!("set -m; '{stagesh}' -e 'sh(`read x </dev/tty; echo got $x`)' & wait %1; echo stopped; fg %1");
    let mut terminal = Terminal::of(Command::new("sh").args(["-c", &script]));
    terminal.wait_for("stopped").press(b"line\r");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.contains("got line"), "{screen}");
}

pub(crate) const CTRL_Z: &[u8] = b"\x1a";

#[test]
fn ctrl_z_suspends_the_command_and_the_host_and_fg_resumes_both() {
    let place = Place::new();
    let program = "trap 'echo resumed' CONT; echo ready; while [ ! -e go ]; do sleep 0.05; done; echo command goes on";
    place.write("script.rhai", format!("sh(`{program}`); print(\"script goes on\");"));
    // A shell with job control goes on when its job is suspended.
    let shell = format!("set -m; '{}' script.rhai; echo suspended $?; touch go; fg", stagesh());
    let mut terminal = Terminal::of(Command::new("bash").args(["-c", &shell]).current_dir(place.path()));
    terminal.wait_for("ready\r\n").press(CTRL_Z).wait_for("suspended 148");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
    let end = screen.split("suspended 148\n").nth(1).expect("it was seen");
    assert!(end.contains("resumed") && end.ends_with("command goes on\nscript goes on\n"), "{screen}");
}

#[test]
fn a_pager_reads_keys_in_a_script() {
    let mut terminal = Terminal::code("sh(`seq 500 | TERM=vt100 less`); print(\"after\");");
    terminal.wait_for("\r\n5\r\n").press(b"G").wait_for("500").press(b"q");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("after\n"), "{screen}");
}

#[test]
fn an_editor_edits_in_a_script() {
    let place = Place::new();
    let file = place.write("notes", "first line\n");
    let script = format!("run([\"vi\", \"{0}\"]); print(capture([\"cat\", \"{0}\"]));", file.display());
    let mut terminal = Terminal::of(Command::new(stagesh()).args(["-e", &script]).env("TERM", "vt100"));
    terminal.wait_for("first line").press(b"x:wq\r");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("irst line\n"), "{screen}");
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_no_handler() {
    let place = Place::new();
    let (pty, inside) = open().expect("there are terminals");
    // More than the terminal takes has been read of the process when it says so.
    let script = "atexit([\"touch\", \"cleaned\"]); start(shell(`yes | head -c 50000; touch ready; exec yes`), #{name: \"n\"}); sleep(600);";
    let command = Command::new(stagesh()).args(["-e", script]).current_dir(place.path());
    let mut child = command.spawn(inside).expect("the program starts");
    let ended = watch(&child);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid is a pid_t"));
    for file in ["ready", "cleaned"] {
        look_until(|| place.path().join(file).exists(), || format!("there is no {file}"));
        // The second ends the wait for the reader, who would get what is left.
        nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it is ours");
    }
    let has_ended = ended.recv_timeout(WATCHDOG).is_ok();
    let _ = child.kill();
    assert!(has_ended && child.wait().expect("it is our child").code() == Some(143));
    drop(pty);
}

#[test]
fn a_password_prompt_reads_without_echo_and_the_settings_are_back_after_ctrl_c() {
    let ask = "stty -echo; printf 'Password: '; read p; stty echo; echo; echo got $p";
    let mut terminal = Terminal::code(&format!("sh(`{ask}`);"));
    terminal.wait_for("Password: ").press(b"secret\r");
    let (_, screen) = terminal.end();
    assert!(screen.ends_with("Password: \ngot secret\n"), "{screen}");
    // The handler shows the settings that the next program would meet.
    let mut terminal = Terminal::code(&format!("atexit(run, [\"stty\", \"-a\"], #{{foreground: true}}); sh(`{ask}`);"));
    terminal.wait_for("Password: ").press(CTRL_C);
    let (status, screen) = terminal.end();
    assert!(status.code() == Some(130) && screen.contains(" echo "), "{screen}");
}

#[test]
fn a_command_of_a_handler_has_the_terminal_if_it_asks_for_it() {
    let script = |options: &str| {
        format!("atexit(run, [\"sh\", \"-c\", \"read x </dev/tty; echo got $x\"], #{{{options}}}); print(\"ready\");")
    };
    let mut terminal = Terminal::code(&script("foreground: true"));
    terminal.wait_for("ready\r\n").press(b"line\r");
    let (status, screen) = terminal.end();
    assert!(status.success() && screen.ends_with("got line\n"), "{screen}");
    let (status, screen) = Terminal::code(&script("")).end();
    assert!(status.code() == Some(1) && screen.contains("`foreground: true` would give it"), "{screen}");
}

#[test]
fn a_command_without_the_terminal_is_not_reached_by_its_keys() {
    let script = "sh(`trap 'echo by the key' INT; trap 'echo told; exit 0' TERM; echo ready; kill -TERM $PPID; sleep 600 & wait`, #{foreground: false});";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("told");
    let (status, screen) = terminal.end();
    assert!(status.code() == Some(143) && !screen.contains("by the key"), "{screen}");
    let script = "let p = start(shell(\"trap 'echo told; exit' TERM; trap 'echo by the key' INT; echo ready; sleep 600 & wait\")); p.wait();";
    let mut terminal = Terminal::code(script);
    terminal.wait_for("ready\r\n").press(CTRL_C);
    let (status, screen) = terminal.end();
    assert!(status.code() == Some(130) && screen.ends_with("told\n") && !screen.contains("by the key"), "{screen}");
}

#[test]
fn a_process_in_the_background_that_wants_the_terminal_is_killed_and_told_of() {
    let (status, screen) =
        Terminal::code("let p = start([\"sh\", \"-c\", \"read x </dev/tty\"]); while p.running { sleep(0.01); }").end();
    assert!(
        status.success()
            && screen.contains("was killed by KILL: it wants the terminal, which it does not have, and nobody"),
        "{screen}"
    );
    let (status, screen) = Terminal::code("wait_all([start([\"sh\", \"-c\", \"read x </dev/tty\"])]);").end();
    assert!(
        status.code() == Some(1)
            && screen.contains("was killed by KILL: it wants the terminal, which it does not have"),
        "{screen}"
    );
}
