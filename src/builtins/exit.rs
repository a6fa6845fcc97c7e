//! `atexit`, `exit`, `exit_now`, `unregister`, `handlers`, and what a `Handler` can do.

use std::any::TypeId;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext, Position};

use super::callback::Entry;
use super::command::Command;
use super::error::{Error, stopped};
use super::record::{Record, TAG, has_no};
use super::{Call, CallResult, Host, Registry, args, unwind};
use crate::host::WriteError;
use crate::host::exit_stack::EntryId;
use crate::host::outcome::{Blemish, Outcome};
use crate::host::stages::HandlerEnd;
use crate::host::stop::Stop;
use crate::sys::status::terminate;

/// What `atexit` returns.
#[derive(Clone)]
pub struct Handler {
    id: EntryId,
    host: Host,
}

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("atexit", atexit);
    registry.add("unregister", unregister);
    registry.add("handlers", handlers);
    registry.add("exit", exit);
    registry.add("exit_now", exit_now);
    // Rhai has an `exit` of its own for any value; ours stands before it by the exact types.
    registry.add_for("exit", &[TypeId::of::<i64>()], exit);
    // What gives handlers.
    if !registry.vocabulary.has_any(&["atexit", "handlers", "start", "fs::lock"]) {
        return;
    }
    registry
        .engine
        .register_type_with_name::<Handler>("Handler")
        .register_fn("cancel", |handler: &mut Handler| handler.cancel())
        .register_fn("run", |context: NativeCallContext<'_>, handler: &mut Handler| {
            let handler = handler.clone();
            unwind::run_one(&handler.host, &context, handler.id)
        })
        .register_get("pending", |handler: &mut Handler| {
            handler.host.stack(|stack| stack.get_mut(handler.id).is_some())
        })
        .register_fn("name", |context: NativeCallContext<'_>, handler: &mut Handler, name: Dynamic| {
            let name = args::text("name", context.engine(), &name)?;
            Ok::<_, Box<EvalAltResult>>(handler.change(|entry| entry.set_name(name)))
        })
        .register_fn("timeout", |context: NativeCallContext<'_>, handler: &mut Handler, limit: Dynamic| {
            let limit = args::seconds("timeout", context.engine(), &limit)?;
            Ok::<_, Box<EvalAltResult>>(handler.change(|entry| entry.set_timeout(limit)))
        })
        .register_get(TAG, |_: &mut Handler| has_no("the handler", TAG, &["pending"]))
        .register_indexer_get(|_: &mut Handler, name: ImmutableString| has_no("the handler", &name, &["pending"]))
        .register_fn("to_string", |handler: &mut Handler| handler.text())
        .register_fn("to_debug", |handler: &mut Handler| handler.text());
}

impl PartialEq for Handler {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Handler {
    fn change(&mut self, change: impl FnOnce(&mut Entry)) -> Self {
        self.host.stack(|stack| stack.get_mut(self.id).map(change));
        self.clone()
    }

    fn cancel(&self) -> CallResult {
        if self.host.may_not_act() {
            return Err(stopped());
        }
        let entry = self.host.stack(|stack| stack.take(self.id));
        entry.iter().for_each(|entry| unwind::note(&self.host, entry, HandlerEnd::Cancelled));
        Ok(entry.is_some().into())
    }

    fn text(&self) -> String {
        let title = self.host.stack(|stack| stack.get_mut(self.id).map(|entry| entry.title()));
        title.map_or_else(|| "Handler(done)".into(), |title| format!("Handler({title})"))
    }
}

fn atexit(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let (what, rest) = given.split_first().expect("atexit has a first argument in the table");
    let entry = if let Some(pointer) = what.clone().try_cast::<FnPtr>() {
        Entry::function("atexit", call.host, call.context, pointer, rest)?
    } else if what.is_array() || what.is::<Command>() {
        if let Some(extra) = rest.first() {
            let expected = "no arguments after a command: put them into the array".into();
            return Err(
                Error::Argument { verb: "atexit", expected, given: args::describe(call.engine(), extra) }.into()
            );
        }
        Entry::command(call.host, call.context, Command::parse("atexit", call.engine(), what)?)
    } else {
        return Err(Error::NotCallable("atexit", args::describe(call.engine(), what)).into());
    };
    let id = call.host.register(entry);
    Ok(Dynamic::from(Handler { id, host: call.host.clone() }))
}

fn unregister(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let unwanted = args::function("unregister", call.engine(), &given[0])?;
    let is_unwanted = |entry: &Entry| {
        let is_unwanted = entry.calls(call.host, &unwanted);
        if is_unwanted {
            unwind::note(call.host, entry, HandlerEnd::Cancelled);
        }
        is_unwanted
    };
    let count = call.host.stack(|stack| stack.remove_where(is_unwanted));
    Ok(Dynamic::from(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn handlers(call: &Call<'_>, _: &[Dynamic]) -> CallResult {
    call.host.look_after();
    let list: Array = call.host.stack(|stack| {
        stack
            .iter()
            .filter(|entry| entry.has_something_to_do())
            .map(|entry| {
                let mut map = Map::new();
                map.insert("name".into(), entry.title().into());
                map.insert("source".into(), entry.source().map_or(Dynamic::UNIT, |s| s.to_string().into()));
                map.insert("line".into(), line(entry.position));
                map.insert("args".into(), entry.arguments().into());
                Dynamic::from(Record::new("the handler", map))
            })
            .collect()
    });
    Ok(list.into())
}

fn line(position: Position) -> Dynamic {
    position.line().and_then(|line| i64::try_from(line).ok()).map_or(Dynamic::UNIT, Dynamic::from)
}

/// The status that a value stands for; a string is printed on standard error.
fn code(verb: &'static str, call: &Call<'_>, value: &Dynamic) -> Result<u8, Error> {
    if let Ok(number) = value.as_int() {
        return u8::try_from(number).map_err(|_| Error::Code(verb, number));
    }
    if let Ok(success) = value.as_bool() {
        return Ok(u8::from(!success));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        // The script ends, whoever reads this.
        let _ = call.host.eprint(&format!("{}\n", text.as_str()));
        return Ok(1);
    }
    Err(Error::Argument {
        verb,
        expected: "a code (0 to 255), a bool or a message".into(),
        given: args::describe(call.engine(), value),
    })
}

fn exit(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let code = given.first().map_or(Ok(0), |value| code("exit", call, value))?;
    call.host.stop(Stop::Exit(code));
    Err(stopped())
}

fn exit_now(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let code = given.first().map_or(Ok(0), |value| code("exit_now", call, value))?;
    call.host.settle_background();
    if code != 0 {
        call.host.release_held();
    }
    // A reader that is gone, or a full disk, cannot keep a script from leaving at once.
    let code = match call.host.flush() {
        Err(WriteError::Failed(error)) => {
            call.host.lose_output(&error);
            code.max(1)
        }
        _ => code,
    };
    // It is the end of the script, unless that has come before: the first status that is not 0 stands.
    let outcome = call.host.outcome_of_run().inspect(|_| call.host.blemish(Blemish::Exit(code)));
    let outcome = outcome.unwrap_or(Outcome::Exited(code));
    let status = call.host.status(&outcome);
    call.host.abandon_stages(status.shell_code());
    terminate(call.host.conclude(&outcome, status))
}
