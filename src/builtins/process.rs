//! `pid`, `kill`, `cd`, `cwd`.

use rhai::Dynamic;

use super::error::{Error, stopped};
use super::{Call, CallResult, Registry, args};
use crate::sys::process::{own_pid, send};
use crate::sys::signal::Signal;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("pid", |_, _| Ok(Dynamic::from(i64::from(own_pid()))));
    registry.add("kill", kill);
    registry.add("cd", |call, given| {
        let path = args::path("cd", call.engine(), &given[0])?;
        call.host.change_directory(&path).map_err(|error| Error::System {
            verb: "cd",
            action: format!("go to `{}`", path.display()),
            error,
        })?;
        Ok(Dynamic::UNIT)
    });
    registry.add("cwd", |call, _| {
        // Another process may have renamed it.
        call.host.distrust_directory();
        Ok(args::from_os(call.host.directory().as_os_str()))
    });
}

fn kill(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let what = "a process id (a negative one is a group)";
    let pid = args::int("kill", what, call.engine(), &given[0])?;
    // 0 and -1 are everybody: the own group, and all that one may signal.
    let pid = i32::try_from(pid).ok().filter(|pid| !matches!(pid, 0 | -1)).ok_or_else(|| Error::Argument {
        verb: "kill",
        expected: what.into(),
        given: format!("`{pid}`"),
    })?;
    let signal: Option<Signal> = match given[1].as_int() {
        // Sends nothing and asks whether it could.
        Ok(0) => None,
        _ => Some(args::signal("kill", call.engine(), &given[1])?),
    };
    super::output::flush(call.host)?;
    if pid == own_pid()
        && let Some(signal) = signal
    {
        return kill_oneself(call, signal);
    }
    if let Some(signal) = signal
        && let Some(process) = pid.checked_abs().and_then(|pid| call.host.find_process(pid))
    {
        // Nobody has to be told of the end that follows.
        process.expect_end_by(signal);
    }
    send(pid, signal).map_err(|error| Error::System { verb: "kill", action: format!("signal {pid}"), error })?;
    Ok(Dynamic::UNIT)
}

/// A script that signals its own process stops at once.
fn kill_oneself(call: &Call<'_>, signal: Signal) -> CallResult {
    let refused = |error| Error::System { verb: "kill", action: "signal the script itself".into(), error };
    call.host.raise(signal).map_err(refused)?;
    if call.host.checkpoint() { Err(stopped()) } else { Ok(Dynamic::UNIT) }
}
