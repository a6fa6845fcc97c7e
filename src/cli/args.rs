//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};

use crate::host::settings::Settings;

/// When to colour what stagesh says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What evaluates the script.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Engine {
    /// The bytecode VM.
    Vm,
    /// The walker of the syntax tree.
    Ast,
}

/// Runs a Rhai script that works in stages; what it registered with `atexit` is cleaned up however it ends.
#[derive(Debug, Parser)]
#[command(name = "stagesh", version, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = "stagesh [OPTIONS] [SCRIPT [ARGS...]]\n       stagesh [OPTIONS] -e CODE [ARGS...]")]
#[command(
    after_help = "SCRIPT may be `-` for standard input; without one, a terminal gets a REPL. Status: 0 done, n exit(n), 1 error, 2 not started, \
                        128 + n ended by signal n."
)]
pub struct Args {
    /// The script and its arguments: all that follows it belongs to it
    #[arg(value_name = "SCRIPT", num_args = 0.., trailing_var_arg = true)]
    pub script: Vec<OsString>,

    /// Run CODE; all that follows it belongs to it
    #[arg(short = 'e', value_name = "CODE", num_args = 1.., allow_hyphen_values = true, conflicts_with = "script")]
    pub code: Option<Vec<OsString>>,

    /// After the script, or where it failed, continue in the REPL; then clean up
    #[arg(short, long, conflicts_with = "check")]
    pub interactive: bool,

    /// Parse and check without running: status 0 if it is sound, 2 if not
    #[arg(short, long)]
    pub check: bool,

    /// Print each command before it runs, quoted so that it can be pasted
    #[arg(short = 'x', long)]
    pub trace: bool,

    /// No lines of stagesh's own but errors; of the log no level below `warn`
    #[arg(short, long)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: Color,

    /// What evaluates the script: the bytecode VM, or the walker of the syntax tree
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "vm")]
    pub engine: Engine,

    /// Time between a signal to a command and KILL
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = SPELT_GRACE)]
    pub grace: Duration,

    /// Limit for each exit handler that has none of its own [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub handler_timeout: Option<Duration>,

    /// Write the stages and their clean-up to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Die by the signal that ended the run
    #[arg(long)]
    pub reraise: bool,

    /// Print help
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// [`Settings::GRACE`] as the command line spells it.
const SPELT_GRACE: &str = "3";

impl Args {
    /// Those of a command line without an option: a script and its arguments. A build machine starts most of its scripts so;
    /// to make a parser costs as much as to make the interpreter.
    #[must_use]
    pub fn of_script(script: Vec<OsString>) -> Self {
        Self {
            script,
            code: None,
            interactive: false,
            check: false,
            trace: false,
            quiet: false,
            color: Color::Auto,
            engine: Engine::Vm,
            grace: Settings::GRACE,
            handler_timeout: None,
            report: None,
            reraise: false,
            help: None,
            version: None,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        .ok_or_else(|| "expected a number of seconds, at least 0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_options_has_what_the_parser_gives_it() {
        let words = ["build.rhai", "--check", "-x", "--", "a"];
        let parsed = parse(&words);
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Args::of_script(words.map(Into::into).to_vec())));
    }

    fn parse(words: &[&str]) -> Args {
        Args::try_parse_from(std::iter::once("stagesh").chain(words.iter().copied())).expect("it is well formed")
    }

    #[test]
    fn all_that_follows_the_script_belongs_to_it() {
        let args = parse(&["-q", "build.rhai", "-x", "--", "--color", "-h"]);
        assert!(args.quiet && !args.trace);
        assert_eq!(args.script, ["build.rhai", "-x", "--", "--color", "-h"]);
    }

    #[test]
    fn all_that_follows_the_code_belongs_to_it() {
        let args = parse(&["-x", "-e", "print(args())", "-q", "--", "a"]);
        assert!(args.trace && !args.quiet);
        assert_eq!(args.code.expect("there is code"), ["print(args())", "-q", "--", "a"]);
    }

    #[test]
    fn an_unknown_option_is_refused_and_a_dash_is_a_script() {
        assert!(Args::try_parse_from(["stagesh", "--frob", "x"]).is_err());
        assert_eq!(parse(&["-"]).script, ["-"]);
    }

    #[test]
    fn a_time_is_a_number_from_0_on() {
        assert_eq!(parse(&["--grace", "0.5", "x"]).grace, Duration::from_millis(500));
        for bad in ["-1", "nan", "inf", "x", ""] {
            assert!(Args::try_parse_from(["stagesh", &format!("--grace={bad}"), "x"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
