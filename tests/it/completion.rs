//! The key Tab in the REPL: what it puts in, what it lists. The rules are tested where they are.

use pty_process::blocking::Command;

use crate::harness::{Place, stagesh};
use crate::terminal::Terminal;

/// A session in a directory.
fn repl(place: &Place) -> Terminal {
    let command = Command::new(stagesh()).args(["--color", "never"]).env("TERM", "xterm").current_dir(place.path());
    let mut terminal = Terminal::of(command.env("HOME", place.path()).env_remove("XDG_STATE_HOME"));
    terminal.wait_for("> ");
    terminal
}

#[test]
fn tab_completes_a_word_and_the_line_runs() {
    let place = Place::new();
    let mut terminal = repl(&place);
    terminal.press(b"let quantity = 41\r").press(b"quan\t + 1\r").wait_for("\r\n42\r\n");
    terminal.press(b"fn doubled(what) { what * 2 }\r").press(b"dou\t22)\r").wait_for("\r\n44\r\n");
    terminal.press(b":q\t\r");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
}

#[test]
fn tab_lists_what_there_is_with_the_signatures_of_the_language_page() {
    let place = Place::new();
    let mut terminal = repl(&place);
    terminal.press(b"fs::rea\t\t").wait_for("fs::read(p)").wait_for("fs::read_bytes(p)");
    terminal.press(b"\x15exi\t\t").wait_for("exit(), exit(code)");
    terminal.press(b"\x15:\t\t").wait_for(":load FILE").press(b"\x15:quit\r");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
}

#[test]
fn files_are_those_of_the_working_directory_and_modules_those_of_the_start() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("below")).expect("it can be made");
    place.write("module.rhai", "export const WHERE = \"at the start\";");
    place.write("below/message", "it is below");
    let mut terminal = repl(&place);
    terminal.press(b"cd(\"bel\t\")\r").press(b"fs::read(\"mess\t)\r").wait_for("\r\n\"it is below\"\r\n");
    terminal.press(b"import \"modu\t as m\r").press(b"m::WH\t\r").wait_for("\r\n\"at the start\"\r\n");
    terminal.press(b":quit\r");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
}
