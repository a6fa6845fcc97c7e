//! Calling what is on the exit stack.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext, Position};

use super::callback::Entry;
use super::error::Error;
use super::repeated::Caller;
use super::{CallResult, HandlerFailure, Host, Why};
use crate::host::exit_stack::EntryId;
use crate::host::frames::HandlerInfo;
use crate::host::outcome::{Blemish, Outcome};
use crate::host::stages::HandlerEnd;
use crate::host::stop::{Phase, Stop};
use crate::sys::memory;

/// Calls what is pending and not older than `mark`, newest first; what is registered meanwhile comes next.
/// Each handler has all the depth of calls that there is: the stack has a guard of its own.
pub fn run_down_to(host: &Host, engine: &Engine, mark: EntryId, outcome: &Outcome) {
    let outcome = Rc::new(outcome.clone());
    let mut caller = Caller::new(engine);
    host.distrust_directory();
    while let Some((_, entry)) = host.stack(|stack| stack.pop(mark)) {
        host.let_go_of_reserve();
        run_entry(host, &mut caller, entry, &outcome);
    }
    host.keep_reserve();
}

/// Calls one entry as the clean-up does: what it raises is reported, and the rest goes on.
fn run_entry(host: &Host, caller: &mut Caller<'_>, entry: Entry, outcome: &Rc<Outcome>) {
    let (result, stop) = call(host, caller, &entry, Some(Rc::clone(outcome)));
    if !settle(host, &entry, stop) {
        settle_result(host, &entry, &result);
    }
    if entry.is_function() && host.phase() == Phase::Unwinding {
        // Dropping a chain of closures recurses, and may be deeper than the stack: the process ends soon.
        std::mem::forget(entry);
    }
}

/// Accounts for what stopped a handler, if anything did.
///
/// # Returns
///
/// Whether it was stopped: what it raised then is only the vehicle.
fn settle(host: &Host, entry: &Entry, stop: Option<Stop>) -> bool {
    let end = match stop {
        Some(Stop::Exit(code)) => {
            host.blemish(Blemish::Exit(code));
            if code == 0 { HandlerEnd::Ok } else { HandlerEnd::Exited }
        }
        Some(Stop::Interrupted) => {
            tell(host, entry, Why::Interrupted);
            HandlerEnd::Interrupted
        }
        Some(Stop::TimedOut) => {
            tell(host, entry, Why::TimedOut);
            HandlerEnd::TimedOut
        }
        // The latch of a handler never holds a signal: it is noted.
        Some(Stop::Signal(_)) | None => return false,
    };
    note(host, entry, end);
    true
}

/// Accounts for what a handler gave that nothing has stopped.
fn settle_result(host: &Host, entry: &Entry, result: &CallResult) {
    let end = match result {
        Ok(_) => HandlerEnd::Ok,
        Err(error) => {
            // It is a handler that failed, whatever the script makes of it.
            tell(host, entry, Why::Raised(error));
            HandlerEnd::Failed
        }
    };
    note(host, entry, end);
}

/// Notes for the account of its stage how a handler has ended.
pub fn note(host: &Host, entry: &Entry, end: HandlerEnd) {
    host.note_handler(entry.stage().map(|stage| &**stage), || entry.name(), end);
}

fn tell(host: &Host, entry: &Entry, why: Why<'_>) {
    host.blemish(Blemish::Failure);
    let (source, position) = (entry.source(), entry.position);
    host.report(&HandlerFailure { why, title: &entry.title(), source, position });
}

/// The variable that a handler is called on cannot be used meanwhile.
const LOCKED: &str = "the handler uses the variable, or the part of one, that `run` is called on: call it on a copy, as in \
    `let h = handles.vm; h.run()`";

/// `h.run()`: calls one entry now and gives what it gives.
///
/// # Errors
///
/// What the handler raises.
pub fn run_one(host: &Host, context: &NativeCallContext<'_>, id: EntryId) -> CallResult {
    if host.may_not_act() {
        return Err(super::error::stopped());
    }
    // It would fail on its way, and be lost: so it stays.
    if host.stack(|stack| stack.get_mut(id).is_some_and(|entry| entry.holds_what_is_locked())) {
        return Err(Error::Misuse("run", LOCKED.into()).into());
    }
    let Some(entry) = host.stack(|stack| stack.take(id)) else { return Ok(Dynamic::UNIT) };
    host.distrust_directory();
    host.let_go_of_reserve();
    let (result, stop) = call(host, &mut Caller::new(context.engine()), &entry, host.outcome());
    host.keep_reserve();
    let result = if settle(host, &entry, stop) {
        Ok(Dynamic::UNIT)
    } else {
        settle_result(host, &entry, &result);
        result.map_err(|error| called_at(error, context.call_position()))
    };
    if host.checkpoint() { Err(super::error::stopped()) } else { result }
}

/// The error of a handler as that of a function which is called at a place: the engine takes the place of its
/// registration for it.
fn called_at(error: Box<EvalAltResult>, place: Position) -> Box<EvalAltResult> {
    match *error {
        EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, place).into()
        }
        _ => error,
    }
}

fn call(
    host: &Host,
    caller: &mut Caller<'_>,
    entry: &Entry,
    outcome: Option<Rc<Outcome>>,
) -> (CallResult, Option<Stop>) {
    host.enter(HandlerInfo { named: entry.named(), timeout: entry.timeout(), stage: entry.stage().cloned(), outcome });
    let result = entry.call(host, caller);
    // What it printed is its own: flushed before the next one runs.
    let _ = host.flush();
    let stop = host.leave();
    (result, stop)
}

thread_local! {
    /// Where the last panic of this thread was.
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// From now on a panic is told by the error that it becomes, not by a message of the runtime.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|info| {
        // The file's name alone: its directory is that of the machine where stagesh was built.
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
        let place = info.location().map(|place| format!("{}:{}", name(place.file()), place.line()));
        LAST_PANIC.with(|last| last.set(place));
    }));
}

/// What it gives, or the script error that its panic counts as, or a value that has become too long in its last operation:
/// that is no matter of what runs next.
///
/// # Errors
///
/// What it raises, its panic, and such a value.
pub fn or_panicked<T>(run: impl FnOnce() -> Result<T, Box<EvalAltResult>>) -> Result<T, Box<EvalAltResult>> {
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)));
    if memory::take_excess() && result.is_ok() { Err(too_long()) } else { result }
}

/// The error of a value that has become too long. A script cannot catch it.
fn too_long() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(TOO_LONG.into(), Position::NONE).into()
}

/// What [`EvalAltResult::ErrorTerminated`] holds where a value has become too long, and there is no stop.
pub const TOO_LONG: &str = "a value has become longer than the limit of 2 GiB";

/// The script error that a panic counts as.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Box<EvalAltResult> {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    let place = LAST_PANIC.with(Cell::take).map_or_else(String::new, |place| format!(" ({place})"));
    EvalAltResult::ErrorRuntime(format!("internal error: {text}{place}").into(), rhai::Position::NONE).into()
}
