//! The line on a terminal that shows which stages run.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pty_process::blocking::Command;

use crate::harness::{CHANGES_OUTPUT, Place, stagesh, without_times};
use crate::terminal::Terminal;
/// A run on a terminal on which lines can be written again.
fn on_terminal(options: &[&str], script: &str, terminal: &str, place: &Place) -> Terminal {
    let command = Command::new(stagesh()).args(options).args(["--color", "never", "-e", script]);
    let command = CHANGES_OUTPUT.into_iter().fold(command, |command, name| command.env_remove(name));
    Terminal::of(command.env("TERM", terminal).current_dir(place.path()))
}

/// What a terminal of 80 columns shows of a text.
fn screen_of(text: &str) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\r' => column = 0,
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\x1b' => {
                rest = rest.strip_prefix("[K").expect("no other sequence is written");
                lines.last_mut().expect("there is one").truncate(column);
            }
            c => {
                if column == 80 {
                    lines.push(Vec::new());
                    column = 0;
                }
                let line = lines.last_mut().expect("there is one");
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| without_times(line.into_iter().collect::<String>().trim_end())).collect()
}

fn is_live(screen: &str) -> bool {
    screen.contains("\x1b[K")
}

#[test]
fn a_line_on_the_terminal_shows_the_stages_and_their_time_and_leaves_no_trace() {
    let place = Place::new();
    // Its output goes through the host.
    let script = "stage(\"outer\", || { stage(\"inner\", || {
            let p = start(shell(`mkfifo f; echo made; read line <f; echo told`), #{name: \"p\"});
            p.wait(); }); });";
    let mut terminal = on_terminal(&[], script, "xterm", &place);
    terminal.wait_for("p | made").wait_for("stagesh: outer > inner: 0 s").wait_for("stagesh: outer > inner: 1 s");
    std::fs::write(place.path().join("f"), "go\n").expect("it is read");
    let (status, text) = terminal.end();
    assert!(status.success(), "{text}");
    let lines = [
        "stagesh: stage `outer` begins",
        "stagesh: stage `inner` begins",
        "p | made",
        "p | told",
        "stagesh: stage `inner`: ok in T s",
        "stagesh: stage `outer`: ok in T s",
        "stagesh: stages",
        "  outer    T s  ok",
        "    inner  T s  ok",
        "",
    ];
    assert_eq!(screen_of(&text), lines, "{text:?}");
}

#[test]
fn the_line_is_gone_while_a_command_has_the_terminal() {
    let place = Place::new();
    let script = "stage(\"s\", || { sleep(0.5); sh(`printf begun; sleep 1.5; printf ended`); sleep(0.5); });";
    let (status, text) = on_terminal(&[], script, "xterm", &place).end();
    assert!(status.success() && text.contains("begunended"), "{text:?}");
    // What the command wrote stays.
    assert!(screen_of(&text).contains(&"begunended".to_string()), "{text:?}");
}

#[test]
fn there_is_no_line_while_a_process_writes_to_the_terminal_by_itself() {
    let place = Place::new();
    let script = "let p = start([\"sleep\", \"600\"]); stage(\"s\", || { sleep(0.5); }); p.stop();";
    let (_, text) = on_terminal(&[], script, "xterm", &place).end();
    assert!(!is_live(&text), "{text:?}");
    let script = "let p = start([\"sleep\", \"600\"]); p.stop(); stage(\"s\", || { sleep(600); });";
    let mut terminal = on_terminal(&[], script, "xterm", &place);
    terminal.wait_for("stagesh: s: 0 s");
    kill(Pid::from_raw(i32::try_from(terminal.child.id()).expect("a pid is a pid_t")), Signal::SIGTERM)
        .expect("it runs");
    assert_eq!(terminal.end().0.code(), Some(143));
}

#[test]
fn there_is_no_line_while_the_script_reads_the_terminal() {
    let place = Place::new();
    let mut terminal = on_terminal(
        &[],
        "stage(\"s\", || { print(\"name?\"); sleep(0.5); print(`hello ${read_line()}`); });",
        "xterm",
        &place,
    );
    terminal.wait_for("stagesh: s: 0 s").press(b"world\n");
    let (_, text) = terminal.end();
    assert!(screen_of(&text).contains(&"hello world".to_string()), "{text:?}");
}

#[test]
fn a_question_stands_alone() {
    let place = Place::new();
    let script = "stage(\"s\", || { sleep(0.5); let name = prompt(\"name? \"); print(`hello ${name}`); });";
    let mut terminal = on_terminal(&[], script, "xterm", &place);
    terminal.wait_for("stagesh: s: 0 s").wait_for("name? ").press(b"world\n");
    let (_, text) = terminal.end();
    let lines = ["stagesh: stage `s` begins", "name? world", "hello world"];
    assert_eq!(screen_of(&text)[..3], lines, "{text:?}");
}

#[test]
fn there_is_no_line_where_it_is_not_wanted() {
    let place = Place::new();
    let script = "stage(\"s\", || sleep(0.5));";
    assert!(is_live(&on_terminal(&[], script, "xterm", &place).end().1));
    assert_eq!(on_terminal(&["--quiet"], script, "xterm", &place).end().1, "");
    let (_, text) = on_terminal(&[], script, "dumb", &place).end();
    assert!(!is_live(&text) && text.contains("stage `s` begins"), "{text:?}");
    // The reader of standard output writes to the same terminal.
    let shell = format!("'{}' -e '{script}' | cat", stagesh());
    let (_, text) = Terminal::of(Command::new("sh").args(["-c", &shell]).env("TERM", "xterm")).end();
    assert!(!is_live(&text) && text.contains("stage `s` begins"), "{text:?}");
}

#[test]
fn exit_now_takes_the_line_away() {
    let place = Place::new();
    let script = "stage(\"s\", || { sleep(0.5); exit_now(0); });";
    let (_, text) = on_terminal(&[], script, "xterm", &place).end();
    assert!(is_live(&text), "{text:?}");
    let expected = ["stagesh: stage `s` begins", "stagesh: stage `s`: exited with 0 after T s", "stagesh: stages"];
    assert_eq!(screen_of(&text)[..3], expected, "{text:?}");
}
