//! Floor 4, what a person types and reads.

pub mod args;
pub mod commands;
pub mod editor;
pub mod help;
pub mod highlight;
pub mod history;
pub mod history_entries;
pub mod history_file;
pub mod repl;
pub mod report;
pub mod run;
pub mod stages;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum};

use crate::host::output::write_stderr;
use crate::host::reason;
use crate::host::settings::Colors;
use crate::sys::status::Status;
use args::{Args, Color};

/// Does what the command line says.
#[must_use]
pub fn main() -> Status {
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| !word.as_bytes().starts_with(b"-")) {
        return start(Args::of_script(words.into_iter().skip(1).collect()));
    }
    let command = Args::command().color(choice_of(&words));
    let args = match command.try_get_matches_from(words).and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => {
            let asked = !error.use_stderr();
            return match error.print() {
                _ if !asked => Status::NOT_STARTED,
                // A reader that is gone has no use for it.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    write_stderr(&format!("stagesh: cannot write to standard output: {}\n", reason(&error)));
                    Status::Code(1)
                }
                _ => Status::Code(0),
            };
        }
    };
    start(args)
}

fn start(args: Args) -> Status {
    let colors = Colors {
        stdout: wants_color(args.color, std::io::stdout().is_terminal()),
        stderr: wants_color(args.color, std::io::stderr().is_terminal()),
    };
    colored::control::set_override(colors.stderr);
    match run::prepare(args, colors) {
        Ok(job) => job.run(),
        Err(error) => {
            write_stderr(&format!("stagesh: {error:#}\n"));
            Status::NOT_STARTED
        }
    }
}

/// What `--color` says on a command line that may be wrong: its error is coloured, or not, by that.
fn choice_of(words: &[OsString]) -> ColorChoice {
    let options = words.iter().skip(1).take_while(|word| word.as_bytes().starts_with(b"-") && *word != "-e");
    let mut choice = None;
    for (index, option) in options.enumerate() {
        let value = match option.to_str() {
            Some("--color") => words.get(index + 2).and_then(|value| value.to_str()),
            Some(option) => option.strip_prefix("--color="),
            None => None,
        };
        choice = value.and_then(|value| Color::from_str(value, true).ok()).or(choice);
    }
    match choice {
        Some(Color::Always) => ColorChoice::Always,
        Some(Color::Never) => ColorChoice::Never,
        Some(Color::Auto) | None => ColorChoice::Auto,
    }
}

fn wants_color(when: Color, is_terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        // Source: no-color.org, where an empty value counts as none.
        Color::Auto => {
            is_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
        }
    }
}
