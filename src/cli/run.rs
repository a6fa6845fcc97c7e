//! From a command line to a run.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::args::{self, Args};
use super::{repl, report, stages};
use crate::builtins::vocabulary::Vocabulary;
use crate::builtins::{HandlerFailure, Host, Why, unwind};
use crate::engine::check::{self, Finding, Level};
use crate::engine::failure::{self, Failure};
use crate::engine::session::Session;
use crate::engine::source::{ARGUMENT, STDIN, SourceText, Sources};
use crate::engine::{self, Evaluator, Interpreter, Loaded, limits};
use crate::host::outcome::{Outcome, Reraise};
use crate::host::output::write_stderr;
use crate::host::reason;
use crate::host::settings::{Colors, Groups, Origin, Settings};
use crate::host::stop::Stop;
use crate::sys::descriptor::{Which, is_read_elsewhere};
use crate::sys::entry::on_stack;
use crate::sys::interrupts::Interrupts;
use crate::sys::status::Status;

/// What is to be done.
pub struct Job {
    /// What is run before a person goes on, if anyone does.
    source: Option<SourceText>,
    settings: Settings,
    evaluator: Evaluator,
    check: bool,
}

/// Reads the script that the command line names. Signals still have their defaults: nothing is registered
/// that they could cost.
///
/// # Errors
///
/// Why there is no script.
pub fn prepare(args: Args, colors: Colors) -> Result<Job> {
    let (source, origin, rest) = read(&args)?;
    let report = args.report.map(|path| std::path::absolute(&path).context("--report"));
    let groups = groups();
    let interactive = args.interactive || source.is_none();
    let settings = Settings {
        grace: args.grace,
        handler_timeout: args.handler_timeout,
        quiet: args.quiet,
        trace: args.trace,
        reraise: if args.reraise { Reraise::Yes } else { Reraise::No },
        args: rest,
        origin,
        style: report::STYLE,
        colors,
        groups,
        interactive,
        live: !args.quiet && !interactive && groups == Groups::None && is_for_live_line(),
        report: report.transpose()?,
    };
    let evaluator = match args.engine {
        args::Engine::Vm => Evaluator::Vm,
        args::Engine::Ast => Evaluator::Ast,
    };
    Ok(Job { source, settings, evaluator, check: args.check })
}

/// The service that runs this, as far as it folds output.
fn groups() -> Groups {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    // Source: the lists of predefined variables of each service.
    [("GITHUB_ACTIONS", Groups::GitHub), ("GITLAB_CI", Groups::GitLab), ("TF_BUILD", Groups::Azure)]
        .into_iter()
        .find(|(name, _)| is_set(name))
        .map_or(Groups::None, |(_, groups)| groups)
}

/// Whether a line can be written again and again: not where what reads standard output may write to the same
/// terminal, as `| tee` does.
fn is_for_live_line() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|value| value != "dumb")
        && !is_read_elsewhere(Which::Stdout.own())
}

fn read(args: &Args) -> Result<(Option<SourceText>, Origin, Vec<OsString>)> {
    if let Some((code, rest)) = args.code.as_ref().and_then(|words| words.split_first()) {
        let text = code.to_str().context("the CODE of -e is not UTF-8")?;
        let source = SourceText::new(ARGUMENT.into(), text.into())?;
        return Ok((Some(source), Origin::Argument, rest.to_vec()));
    }
    match args.script.split_first() {
        Some((script, rest)) if script != "-" => {
            let path = Path::new(script);
            let source = SourceText::read(path)?;
            let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            Ok((Some(source), Origin::File(canonical), rest.to_vec()))
        }
        script => {
            if script.is_none() && (args.interactive || std::io::stdin().is_terminal()) {
                if args.check {
                    bail!("no script given: there is nothing to check");
                }
                return Ok((None, Origin::Person, Vec::new()));
            }
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| anyhow!("cannot read standard input: {}", reason(&error)))?;
            let rest = script.map_or_else(Vec::new, |(_, rest)| rest.to_vec());
            Ok((Some(SourceText::new(STDIN.into(), bytes)?), Origin::Stdin, rest))
        }
    }
}

impl Job {
    /// Does it, on a stack that is large enough for the deepest script.
    #[must_use]
    pub fn run(self) -> Status {
        unwind::keep_panics_quiet();
        // A panic cannot leave `main`, which the C library has called.
        match catch_unwind(AssertUnwindSafe(|| on_stack(limits::STACK, || self.run_here()))) {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => {
                write_stderr(&format!("stagesh: cannot start: {error}\n"));
                Status::NOT_STARTED
            }
            Err(_) => Status::Code(1),
        }
    }

    fn run_here(self) -> Status {
        let start = crate::sys::descriptor::working_directory();
        let sources = Sources::new(&start);
        let color = self.settings.colors.stderr;
        let state = match Interrupts::new().and_then(|interrupts| crate::host::Host::new(self.settings, interrupts)) {
            Ok(state) => state,
            Err(error) => {
                write_stderr(&format!("stagesh: cannot start: {error}\n"));
                return Status::NOT_STARTED;
            }
        };
        let tell = {
            let sources = sources.clone();
            move |host: &Host, failure: &Failure| {
                host.write_stderr(&report::render(host, Level::Error, failure, &sources, color))
            }
        };
        let script = self.source.as_ref().map(|source| source.name.clone()).unwrap_or_default();
        let describe = failure::describer(sources.clone(), script.clone());
        let of_handler = {
            let (sources, tell) = (sources.clone(), tell.clone());
            move |host: &Host, failure: &HandlerFailure<'_>| {
                let source = failure.source.unwrap_or(&script);
                let described = match failure.why {
                    Why::Raised(error) => {
                        let context = failure::Context { sources: &sources, script: source };
                        Failure::from_error(error, &context)
                    }
                    Why::Interrupted => Failure::new(format!("exit handler `{}` was interrupted", failure.title)),
                    Why::TimedOut => Failure::new(format!("exit handler `{}` timed out", failure.title)),
                };
                tell(host, &described.in_handler(failure.title, Some(source), failure.position));
            }
        };
        let host = Host::new(state, describe, Box::new(of_handler), Box::new(stages::conclude));
        if self.check {
            // Nothing is run, so nothing is to be cleaned up: a signal ends it at once. To give one back cannot fail.
            let _ = host.untrap(None);
            if let Some(Stop::Signal(signal)) = host.top_stop() {
                return Status::Signal(signal);
            }
        }
        let vocabulary = match &self.source {
            // A check looks further than a run, and what a person types is not known yet.
            Some(source) if !self.check && !host.settings.interactive => engine::vocabulary(source, &sources),
            _ => Vocabulary::all(),
        };
        let interpreter = Interpreter::new(host.clone(), sources, self.evaluator, &vocabulary);
        let script = self.source.as_ref().map(|source| interpreter.load(source)).transpose();
        let status = match script {
            Err(failure) => {
                tell(&host, &failure);
                Status::NOT_STARTED
            }
            Ok(Some(script)) if self.check => check_only(&interpreter, &script, color),
            Ok(script) => {
                let tell = |failure: &Failure| tell(&host, failure);
                let mut session = Session::new(&interpreter);
                let mut outcome = script.as_ref().map_or(Outcome::Finished, |script| session.script(script, &tell));
                if host.settings.interactive {
                    outcome = repl::after(&mut session, outcome, &tell);
                }
                let status = host.conclude(&outcome, interpreter.unwind(&outcome));
                host.drain();
                session.leave();
                std::mem::forget(script);
                status
            }
        };
        // The process ends: the kernel frees faster, and a long chain of closures would overflow the stack.
        std::mem::forget(interpreter);
        status
    }
}

/// Tells what is wrong with a script, without running it.
fn check_only(interpreter: &Interpreter, script: &Loaded, color: bool) -> Status {
    let findings = check::check(interpreter, script);
    let host = interpreter.host();
    let worth = |finding: &&Finding| finding.level == Level::Error || !host.settings.quiet;
    for finding in findings.iter().filter(worth) {
        host.write_stderr(&report::render(host, finding.level, &finding.failure, interpreter.sources(), color));
    }
    let is_sound = findings.iter().all(|finding| finding.level != Level::Error);
    if is_sound { Status::Code(0) } else { Status::NOT_STARTED }
}
