//! `start`, `process`, `wait_any`, `wait_all`, and what a `Process` can do.

use std::ffi::OsStr;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use super::callback::Entry;
use super::command::{self, Command, START};
use super::error::{Error, FailedCommand, stopped};
use super::options::{Options, Reader};
use super::record::{TAG, has_no};
use super::{Call, CallResult, Host, Registry, args};
use crate::host::background::Background;
use crate::host::dialogue::Line;
use crate::host::plan::Fate;
use crate::host::running::Finished;
use crate::sys::descriptor::Which;
use crate::sys::process::own_pid;
use crate::sys::signal::Signal;
use crate::sys::stranger::Stranger;

/// A process that the script can wait for and stop.
#[derive(Clone)]
pub struct Process {
    host: Host,
    which: Kind,
}

#[derive(Clone)]
enum Kind {
    /// One that `start` started.
    Started(Rc<Background>),
    /// Any other.
    Stranger(Rc<Stranger>, Instant),
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        match (&self.which, &other.which) {
            (Kind::Started(one), Kind::Started(other)) => Rc::ptr_eq(one, other),
            (Kind::Stranger(one, _), Kind::Stranger(other, _)) => one.is_same(other),
            _ => false,
        }
    }
}

/// What a call of a member of a `Process` knows besides it.
type Context<'a> = NativeCallContext<'a>;

type Raised<T> = Result<T, Box<EvalAltResult>>;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("start", start);
    registry.add("process", find);
    registry.add("wait_any", wait_any);
    registry.add("wait_all", wait_all);
    // What gives processes.
    if !registry.vocabulary.has_any(&["start", "process", "wait_any", "wait_all", "fs::holder"]) {
        return;
    }
    registry
        .engine
        .register_type_with_name::<Process>("Process")
        .register_get("pid", |process: &mut Process| i64::from(process.pid()))
        .register_get("name", |process: &mut Process| process.name())
        .register_get("running", |process: &mut Process| process.is_running())
        .register_get(TAG, |_: &mut Process| has_no("the process", TAG, &["name", "pid", "running"]))
        .register_indexer_get(|_: &mut Process, name: ImmutableString| {
            has_no("the process", &name, &["name", "pid", "running"])
        })
        .register_fn("==", |process: &mut Process, other: Process| *process == other)
        .register_fn("!=", |process: &mut Process, other: Process| *process != other)
        .register_fn("to_string", |process: &mut Process| process.text())
        .register_fn("to_debug", |process: &mut Process| process.text());
    method(registry.engine, "wait", |process, _| process.wait());
    method(registry.engine, "check", |process, _| process.check());
    method(registry.engine, "stop", |process, _| process.stop());
    method(registry.engine, "detach", |process, _| process.detach());
    method(registry.engine, "close", |process, _| process.close());
    method(registry.engine, "read_line", |process, _| process.read_line(None));
    method_with(registry.engine, "read_line", |process, context, limit| {
        process.read_line(Some(args::seconds("read_line", context.engine(), limit)?))
    });
    method_with(registry.engine, "signal", |process, context, signal| {
        process.signal(args::signal("signal", context.engine(), signal)?)
    });
    method_with(registry.engine, "write", |process, context, text| process.write(context.engine(), text));
}

fn method(engine: &mut Engine, name: &'static str, body: fn(&Process, &Context<'_>) -> CallResult) {
    engine.register_fn(name, move |context: Context<'_>, process: &mut Process| -> CallResult {
        let process = process.clone();
        if process.host.may_not_act() { Err(stopped()) } else { body(&process, &context) }
    });
}

fn method_with(engine: &mut Engine, name: &'static str, body: fn(&Process, &Context<'_>, &Dynamic) -> CallResult) {
    engine.register_fn(name, move |context: Context<'_>, process: &mut Process, value: Dynamic| -> CallResult {
        let process = process.clone();
        if process.host.may_not_act() { Err(stopped()) } else { body(&process, &context, &value) }
    });
}

fn start(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let command = Command::parse("start", call.engine(), &given[0])?;
    let options = Options::parse("start", call.engine(), given.get(1))?;
    if options.foreground == Some(true) {
        let (key, expected) = ("foreground".into(), "false for a process in the background".into());
        return Err(Error::Option { verb: "start", key, expected, given: "`true`".into() }.into());
    }
    let mut plan = command.plan(call.host, &START, options)?;
    let started = call.host.start(&mut plan, |process| Entry::process(call.host, call.context, Rc::clone(process)));
    let process = started.map_err(|why| command::unstarted(&plan, why))?;
    Ok(Dynamic::from(Process { host: call.host.clone(), which: Kind::Started(process) }))
}

fn find(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let what = "a process id, greater than 0";
    let number = args::int("process", what, call.engine(), &given[0])?;
    let pid = i32::try_from(number).ok().filter(|pid| *pid > 0).ok_or_else(|| Error::Argument {
        verb: "process",
        expected: what.into(),
        given: format!("`{number}`"),
    })?;
    of_pid("process", call.host, pid)
}

/// The process of a number, `()` if there is none.
///
/// # Errors
///
/// [`Error::System`].
pub fn of_pid(verb: &'static str, host: &Host, pid: i32) -> CallResult {
    let which = match host.find_process(pid) {
        Some(process) => Kind::Started(process),
        None => match Stranger::find(pid).map_err(|error| refused(verb, &format!("look up {pid}"), error))? {
            Some(stranger) => Kind::Stranger(Rc::new(stranger), Instant::now()),
            None => return Ok(Dynamic::UNIT),
        },
    };
    Ok(Dynamic::from(Process { host: host.clone(), which }))
}

fn refused(verb: &'static str, action: &str, error: io::Error) -> Error {
    Error::System { verb, action: action.into(), error }
}

/// The processes of an array.
fn processes(verb: &'static str, engine: &Engine, value: &Dynamic) -> Result<Vec<Process>, Error> {
    let wrong = |given: String| Error::Argument { verb, expected: "an array of processes".into(), given };
    let array = value.read_lock::<Array>().ok_or_else(|| wrong(args::describe(engine, value)))?;
    let one = |(index, value): (usize, &Dynamic)| {
        let process = value.read_lock::<Process>().map(|process| process.clone());
        process.ok_or_else(|| wrong(format!("an array with {} at {index}", args::describe(engine, value))))
    };
    let processes: Vec<Process> = array.iter().enumerate().map(one).collect::<Result<_, _>>()?;
    if processes.iter().any(|process| process.pid() == own_pid()) {
        return Err(Error::Misuse(verb, MYSELF.into()));
    }
    Ok(processes)
}

const MYSELF: &str = "the script would wait for itself";

fn wait_any(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let processes = processes("wait_any", call.engine(), &given[0])?;
    if processes.is_empty() {
        return Err(Error::Misuse("wait_any", "there is no process in the array: none would ever end".into()).into());
    }
    super::output::flush(call.host)?;
    loop {
        if call.host.stopped() {
            return Err(given_up(call.host, &processes));
        }
        let ended = processes.iter().filter(|process| !process.is_running());
        // Of one that is no child it is known only that it has ended.
        if let Some(first) = ended.min_by_key(|process| process.ended_at().unwrap_or_else(Instant::now)) {
            return Ok(Dynamic::from(first.clone()));
        }
        wait_for_news("wait_any", call.host, &processes, None)?;
    }
}

fn wait_for_news(verb: &'static str, host: &Host, processes: &[Process], until: Option<Instant>) -> Result<(), Error> {
    let strangers: Vec<&Stranger> = processes
        .iter()
        .filter_map(|process| match &process.which {
            Kind::Stranger(stranger, _) if stranger.is_running() => Some(&**stranger),
            _ => None,
        })
        .collect();
    host.block_for(&strangers, until).map_err(|error| refused(verb, "wait", error))
}

/// What runs is stopped while it waits for processes. At the limit of a stage they are ended with the stage, but those that
/// were not started here, or detached; else each is stopped in its turn.
fn given_up(host: &Host, processes: &[Process]) -> Box<EvalAltResult> {
    if host.is_stage_over() {
        let is_own = |process: &&Process| matches!(&process.which, Kind::Started(own) if !own.is_detached());
        let own: Vec<&Process> = processes.iter().filter(is_own).collect();
        if let Err(error) = stop_all(host, &own) {
            host.complain(&error.to_string());
        }
    }
    stopped()
}

/// The limit that `wait_all` was given.
fn limit(engine: &Engine, value: &Dynamic) -> Result<Option<Duration>, Error> {
    let reader = Reader { verb: "wait_all", engine };
    let map = reader.map(value, &["timeout"])?;
    map.get("timeout").map(|limit| reader.seconds("timeout", limit)).transpose()
}

fn wait_all(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let processes = processes("wait_all", call.engine(), &given[0])?;
    let limit = given.get(1).map_or(Ok(None), |options| limit(call.engine(), options))?;
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    super::output::flush(call.host)?;
    loop {
        if call.host.stopped() {
            return Err(given_up(call.host, &processes));
        }
        let (ended, running): (Vec<&Process>, Vec<&Process>) =
            processes.iter().partition(|process| !process.is_running());
        let failed = ended.iter().filter(|process| process.has_failed()).min_by_key(|process| process.ended_at());
        let is_late = !running.is_empty() && until.is_some_and(|until| Instant::now() >= until);
        if failed.is_some() || is_late {
            // One that is no child has no name any more once it has ended.
            let what = still_running(&running);
            if let Err(second) = stop_all(call.host, &running) {
                call.host.complain(&second.to_string());
            }
            ended.iter().for_each(|process| process.set_waited_for());
            if let Some(failed) = failed {
                failed.join()?;
                return Err(failed.failure(false).into());
            }
            if call.host.checkpoint() {
                return Err(stopped());
            }
            return Err(Error::Late { verb: "wait_all", what, limit: limit.unwrap_or_default() }.into());
        }
        if running.is_empty() {
            let results = processes.iter().map(Process::wait).collect::<Raised<Array>>()?;
            return Ok(results.into());
        }
        wait_for_news("wait_all", call.host, &processes, until)?;
    }
}

fn still_running(processes: &[&Process]) -> String {
    let names: Vec<String> = processes.iter().map(|process| format!("`{}`", process.title())).collect();
    let verb = if names.len() == 1 { "was" } else { "were" };
    format!("{} {verb} still running", names.join(", "))
}

/// Stops processes, all at once.
fn stop_all(host: &Host, processes: &[&Process]) -> Result<(), Error> {
    let error = |error| refused("stop", "wait", error);
    let (mut started, mut strangers, mut result) = (Vec::new(), Vec::new(), Ok(()));
    let grace = Instant::now().checked_add(host.settings.grace);
    for process in processes {
        match &process.which {
            Kind::Started(process) => started.push(Rc::clone(process)),
            Kind::Stranger(stranger, _) => {
                match stranger.signal(Signal::TERM).and_then(|_| stranger.signal(Signal::CONT)) {
                    Ok(_) => strangers.push(&**stranger),
                    Err(error) => result = Err(refused("stop", &format!("stop {}", stranger.pid()), error)),
                }
            }
        }
    }
    let stopped = host.stop_processes(&started).map_err(error);
    for process in &started {
        process.set_waited_for();
    }
    host.see_off(&strangers, grace).map_err(error)?;
    stopped.and(result)
}

/// Stops a process, as its entry on the exit stack does.
///
/// # Errors
///
/// The system refused to wait for it.
pub fn stop_at_end(host: &Host, process: &Rc<Background>) -> CallResult {
    host.entry_is_done(process);
    host.stop_processes(std::slice::from_ref(process)).map_err(|error| refused("stop", "wait", error))?;
    if host.checkpoint() { Err(stopped()) } else { Ok(Dynamic::UNIT) }
}

impl Process {
    fn pid(&self) -> i32 {
        match &self.which {
            Kind::Started(process) => process.pid(),
            Kind::Stranger(stranger, _) => stranger.pid(),
        }
    }

    /// What the script calls it, or its program's name.
    fn name(&self) -> String {
        match &self.which {
            Kind::Started(process) => process.plan.name.clone().unwrap_or_else(|| {
                let file = std::path::Path::new(&process.plan.words[0]).file_name();
                file.map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
            }),
            Kind::Stranger(stranger, _) => stranger.name(),
        }
    }

    /// What reports call it.
    fn title(&self) -> String {
        match &self.which {
            Kind::Started(process) => process.plan.title().to_string(),
            Kind::Stranger(stranger, _) => stranger.name(),
        }
    }

    fn text(&self) -> String {
        format!("Process({} {})", self.pid(), self.title())
    }

    fn is_running(&self) -> bool {
        match &self.which {
            Kind::Started(process) => self.host.is_running(process),
            Kind::Stranger(stranger, _) => stranger.is_running(),
        }
    }

    /// When it was seen to have ended; of one that is no child nothing tells.
    fn ended_at(&self) -> Option<Instant> {
        match &self.which {
            Kind::Started(process) => process.ended_at(),
            Kind::Stranger(..) => None,
        }
    }

    fn has_failed(&self) -> bool {
        matches!(&self.which, Kind::Started(process) if process.ended().is_some() && !process.is_ok())
    }

    fn started(&self, verb: &'static str) -> Result<&Rc<Background>, Error> {
        match &self.which {
            Kind::Started(process) => Ok(process),
            Kind::Stranger(..) => Err(Error::Misuse(verb, format!("`{}` was not started here", self.title()))),
        }
    }

    fn wait(&self) -> CallResult {
        self.join()?;
        Ok(self.result())
    }

    /// Waits until it has ended, and for what it has written.
    fn join(&self) -> Raised<()> {
        super::output::flush(&self.host)?;
        let error = |error| refused("wait", &format!("wait for `{}`", self.title()), error);
        let has_ended = match &self.which {
            Kind::Started(process) => self.host.wait_for(process).map_err(error)?,
            Kind::Stranger(stranger, _) if stranger.pid() == own_pid() => {
                return Err(Error::Misuse("wait", MYSELF.into()).into());
            }
            Kind::Stranger(stranger, _) => self.host.wait_for_stranger(stranger, None).map_err(error)?,
        };
        if has_ended { Ok(()) } else { Err(given_up(&self.host, std::slice::from_ref(self))) }
    }

    /// How a process that has ended did.
    fn result(&self) -> Dynamic {
        match &self.which {
            Kind::Started(process) => {
                let end = process.ended().map(|ended| (process.is_ok(), ended));
                command::result(end, finished(process))
            }
            Kind::Stranger(_, since) => {
                let (fate, took) = (Fate::Own, since.elapsed());
                let ended = crate::sys::process::Ended::Exited(0);
                command::result(None, Finished { ended, fate, stdout: None, stderr: None, took })
            }
        }
    }

    fn check(&self) -> CallResult {
        if self.is_running() {
            return Ok(true.into());
        }
        // What it has written last is told, too.
        self.join()?;
        Err(self.failure(true).into())
    }

    /// The error of a process that has failed, or ended when it should run.
    fn failure(&self, should_run: bool) -> Error {
        match &self.which {
            Kind::Started(process) => {
                self.host.release_held_of(process);
                let Finished { ended, fate, stdout, stderr, .. } = finished(process);
                let (stdout, stderr) = (stdout.map(command::text), stderr.map(command::text));
                let failed = command::failure(&process.plan, ended, fate);
                Error::Command(Box::new(FailedCommand { should_run, stdout, stderr, ..failed }))
            }
            Kind::Stranger(stranger, _) => Error::Gone { pid: stranger.pid() },
        }
    }

    fn stop(&self) -> CallResult {
        if self.pid() == own_pid() {
            return Err(Error::Misuse("stop", "the script would stop itself: `exit` ends it".into()).into());
        }
        super::output::flush(&self.host)?;
        stop_all(&self.host, &[self])?;
        if self.host.checkpoint() { Err(stopped()) } else { Ok(self.result()) }
    }

    fn signal(&self, signal: Signal) -> CallResult {
        super::output::flush(&self.host)?;
        let sent = match &self.which {
            Kind::Started(process) => self.host.signal_process(process, signal),
            Kind::Stranger(stranger, _) => stranger.signal(signal),
        };
        let sent = sent.map_err(|error| refused("signal", &format!("signal {}", self.pid()), error))?;
        Ok(sent.into())
    }

    fn detach(&self) -> CallResult {
        let process = self.started("detach")?;
        if process.needs_host() {
            let log = if self.host.has_log() { " (the log reads what it inherits)" } else { "" };
            let why = format!(
                "what it writes or reads goes through the script{log}: start it with files or \"null\" for its streams"
            );
            return Err(Error::Misuse("detach", why).into());
        }
        super::output::flush(&self.host)?;
        self.host.detach(process).map_err(|error| refused("detach", "wait", error))?;
        if self.host.checkpoint() { Err(stopped()) } else { Ok(Dynamic::from(self.clone())) }
    }

    fn close(&self) -> CallResult {
        self.host.close_input(self.with_input("close")?);
        Ok(Dynamic::UNIT)
    }

    fn with_input(&self, verb: &'static str) -> Result<&Rc<Background>, Error> {
        let process = self.started(verb)?;
        if !process.has_input() {
            let why = format!("`{}` reads no pipe: start it with stdin: \"pipe\"", self.title());
            return Err(Error::Misuse(verb, why));
        }
        Ok(process)
    }

    fn set_waited_for(&self) {
        if let Kind::Started(process) = &self.which {
            process.set_waited_for();
        }
    }

    fn write(&self, engine: &Engine, text: &Dynamic) -> CallResult {
        let wrong = || Error::Argument {
            verb: "write",
            expected: "a string or a blob".into(),
            given: args::describe(engine, text),
        };
        let bytes = args::bytes(text).ok_or_else(wrong)?;
        let process = self.with_input("write")?;
        super::output::flush(&self.host)?;
        let written = self.host.write_to(process, &bytes).map_err(|error| refused("write", "wait", error))?;
        if self.host.checkpoint() { Err(stopped()) } else { Ok(written.into()) }
    }

    fn read_line(&self, limit: Option<Duration>) -> CallResult {
        let process = self.started("read_line")?;
        super::output::flush(&self.host)?;
        if !process.plan.stdout.is_kept() {
            let why =
                format!("what `{}` writes is not captured: start it with stdout: \"capture\" or \"tee\"", self.title());
            return Err(Error::Misuse("read_line", why).into());
        }
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let line = self.host.read_line_of(process, until).map_err(|error| refused("read_line", "wait", error))?;
        match (line, limit) {
            (Line::Text(line), _) => Ok(super::input::lossy(line).into()),
            (Line::End, _) => Ok(Dynamic::UNIT),
            (Line::Late, Some(limit)) => {
                let what = format!("`{}` has written no line", self.title());
                Err(Error::Late { verb: "read_line", what, limit }.into())
            }
            (Line::Late | Line::Stopped, _) => Err(stopped()),
        }
    }
}

fn finished(process: &Background) -> Finished {
    Finished {
        ended: process.ended().unwrap_or(crate::sys::process::Ended::Exited(0)),
        fate: process.fate(),
        stdout: process.captured(Which::Stdout),
        stderr: process.captured(Which::Stderr),
        took: process.took(),
    }
}
