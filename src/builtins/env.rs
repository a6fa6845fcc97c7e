//! `env::…`: the environment of commands, and what the script runs on.

use std::ffi::OsString;
use std::io;
use std::num::NonZero;
use std::os::unix::ffi::OsStringExt;

use rhai::{Dynamic, EvalAltResult, Map};

use super::error::{Error, stopped};
use super::{Call, Registry, args, command};
use crate::sys::account::{self, Key};

/// The error of an account of which nobody could be asked.
pub fn not_looked_up(call: &Call<'_>, verb: &'static str, error: io::Error) -> Box<EvalAltResult> {
    if call.host.stopped() {
        return stopped();
    }
    Error::System { verb, action: "look up the account".into(), error }.into()
}

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("env::get", |call, given| {
        let value = call.host.environment.get(&name("env::get", call, &given[0])?);
        let fallback = || given.get(1).cloned().unwrap_or(Dynamic::UNIT);
        Ok(value.map_or_else(fallback, |value| args::from_os(&value)))
    });
    registry.add("env::set", |call, given| {
        let name = name("env::set", call, &given[0])?;
        call.host.set_variable(name, Some(value("env::set", call, &given[1])?));
        Ok(Dynamic::UNIT)
    });
    registry.add("env::unset", |call, given| {
        call.host.set_variable(name("env::unset", call, &given[0])?, None);
        Ok(Dynamic::UNIT)
    });
    registry.add("env::all", |call, _| {
        let all = call.host.environment.all().into_iter();
        // The names of a map are text.
        let named = all.filter_map(|(name, value)| Some((name.to_str()?.into(), args::from_os(&value))));
        Ok(named.collect::<Map>().into())
    });
    registry.add("env::home", |call, _| {
        let home = call.host.home().map_err(|error| not_looked_up(call, "env::home", error))?;
        Ok(home.map_or(Dynamic::UNIT, |home| args::from_os(home.as_os_str())))
    });
    registry.add("env::user", |call, _| {
        let account = call.host.account(Key::Own).map_err(|error| not_looked_up(call, "env::user", error))?;
        Ok(account.map_or(Dynamic::UNIT, |account| account.name.into()))
    });
    registry.add("env::hostname", |_, _| {
        let refused = |error| Error::System { verb: "env::hostname", action: "ask for the name".into(), error };
        Ok(args::from_os(&account::hostname().map_err(refused)?))
    });
    registry.add("env::os", |_, _| Ok(std::env::consts::OS.into()));
    registry.add("env::arch", |_, _| Ok(std::env::consts::ARCH.into()));
    registry.add("env::cpus", |_, _| {
        let cpus = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(i64::try_from(cpus).unwrap_or(i64::MAX).into())
    });
}

fn name(verb: &'static str, call: &Call<'_>, value: &Dynamic) -> Result<OsString, Error> {
    let bytes = args::bytes(value).filter(|name| args::is_variable(name));
    bytes.map(OsString::from_vec).ok_or_else(|| Error::Argument {
        verb,
        expected: "the name of a variable (not empty, no `=`, no NUL)".into(),
        given: args::describe(call.engine(), value),
    })
}

fn value(verb: &'static str, call: &Call<'_>, value: &Dynamic) -> Result<OsString, Error> {
    command::word(verb, call.engine(), value, "the value").map_err(|_| Error::Argument {
        verb,
        expected: "a string, a blob, a number or a bool, without a NUL".into(),
        given: args::describe(call.engine(), value),
    })
}
