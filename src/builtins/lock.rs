//! `fs::lock`, `fs::holder`, and what a `Lock` can do.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use rhai::{Dynamic, EvalAltResult, ImmutableString, NativeCallContext};

use super::background;
use super::callback::Entry;
use super::error::{Error, stopped};
use super::options::Reader;
use super::record::{TAG, has_no};
use super::{Call, CallResult, Host, Registry, args};
use crate::host::exit_stack::EntryId;
use crate::host::locks::Unlocked;
use crate::sys::lock::{self, Locked};

/// A lock on a file.
#[derive(Clone)]
pub struct Lock {
    host: Host,
    /// Gone once it was given back.
    held: Rc<RefCell<Option<Rc<Locked>>>>,
    path: Dynamic,
    entry: EntryId,
}

impl PartialEq for Lock {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry
    }
}

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("fs::lock", lock);
    registry.add("fs::holder", holder);
    if !registry.vocabulary.has("fs::lock") {
        return;
    }
    registry
        .engine
        .register_type_with_name::<Lock>("Lock")
        .register_get("path", |lock: &mut Lock| lock.path.clone())
        .register_get("held", |lock: &mut Lock| lock.held.borrow().is_some())
        .register_get(TAG, |_: &mut Lock| has_no("the lock", TAG, &["held", "path"]))
        .register_indexer_get(|_: &mut Lock, name: ImmutableString| has_no("the lock", &name, &["held", "path"]))
        .register_fn("unlock", |_: NativeCallContext<'_>, lock: &mut Lock| -> Result<(), Box<EvalAltResult>> {
            let lock = lock.clone();
            if lock.host.may_not_act() {
                return Err(stopped());
            }
            // Its entry goes with it.
            let entry = lock.host.stack(|stack| stack.take(lock.entry));
            drop(entry);
            lock.held.take();
            Ok(())
        })
        .register_fn("to_string", |lock: &mut Lock| format!("Lock({})", lock.path))
        .register_fn("to_debug", |lock: &mut Lock| format!("Lock({})", lock.path));
}

fn lock(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "fs::lock";
    let path = args::path(verb, call.engine(), &given[0])?;
    let reader = Reader { verb, engine: call.engine() };
    let options = given.get(1).map(|options| reader.map(options, &["wait"])).transpose()?.unwrap_or_default();
    let wait = options.get("wait").map(|wait| reader.seconds("wait", wait)).transpose()?;
    super::output::flush(call.host)?;
    // A time that the clock cannot hold is for ever.
    let until = wait.and_then(|wait| Instant::now().checked_add(wait));
    let failed = |error| Error::File { verb, action: "lock", path: path.clone(), to: None, error };
    let held = match call.host.lock(&path, until) {
        Ok(held) => Rc::new(RefCell::new(Some(held))),
        Err(Unlocked::Busy) => return Ok(Dynamic::UNIT),
        Err(Unlocked::Stopped) => return Err(stopped()),
        Err(Unlocked::Own) => return Err(failed(std::io::Error::other("the script has this lock already")).into()),
        Err(Unlocked::Failed(error)) => return Err(failed(error).into()),
    };
    let (title, given_back) = (format!("unlock `{}`", path.display()), Rc::clone(&held));
    let entry = call.host.register(Entry::own(call, title, move |_| {
        given_back.take();
        Ok(Dynamic::UNIT)
    }));
    let path = args::from_os(path.as_os_str());
    Ok(Dynamic::from(Lock { host: call.host.clone(), held, path, entry }))
}

fn holder(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = args::path("fs::holder", call.engine(), &given[0])?;
    match lock::holder(&path) {
        Ok(Some(pid)) => background::of_pid("fs::holder", call.host, pid),
        Ok(None) => Ok(Dynamic::UNIT),
        Err(error) => Err(Error::File { verb: "fs::holder", action: "look at", path, to: None, error }.into()),
    }
}
