//! Floor 4, what a person types and reads.

pub mod args;
pub mod report;
pub mod run;

use std::io::IsTerminal;

use clap::Parser;

use crate::host::output::write_stderr;
use crate::sys::status::Status;
use args::{Args, Color};

/// Does what the command line says.
#[must_use]
pub fn main() -> Status {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let asked = !error.use_stderr();
            // A reader that is gone has no use for it.
            let _ = error.print();
            return if asked { Status::Code(0) } else { Status::NOT_STARTED };
        }
    };
    let color = wants_color(args.color);
    colored::control::set_override(color);
    match run::prepare(args, color) {
        Ok(job) => job.run(),
        Err(error) => {
            write_stderr(&format!("stagesh: {error:#}\n"));
            Status::NOT_STARTED
        }
    }
}

fn wants_color(when: Color) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        // Source: no-color.org, where an empty value counts as none.
        Color::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}
