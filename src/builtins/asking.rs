//! `confirm`, `prompt`, `secret`: asking a person on the terminal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use rhai::{Dynamic, EvalAltResult};

use super::error::{Error, stopped};
use super::{Call, CallResult, Registry, args, output, spelling};
use crate::host::asking::Echo;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("confirm", confirm);
    registry.add("prompt", |call, given| {
        let question = args::text("prompt", call.engine(), &given[0])?;
        Ok(as_value(answer(call, "prompt", &question, Echo::On)?))
    });
    registry.add("secret", |call, given| {
        let question = args::text("secret", call.engine(), &given[0])?;
        let line = answer(call, "secret", &question, Echo::Off)?;
        call.host.mask(&line, &spelling::forms);
        Ok(as_value(line))
    });
}

fn confirm(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let question = format!("{} [y/N] ", args::text("confirm", call.engine(), &given[0])?);
    loop {
        let line = answer(call, "confirm", &question, Echo::On)?;
        match line.trim_ascii().to_ascii_lowercase().as_slice() {
            b"y" | b"yes" => return Ok(true.into()),
            b"" | b"n" | b"no" => return Ok(false.into()),
            _ => {}
        }
    }
}

/// What is typed to a question.
fn answer(call: &Call<'_>, verb: &'static str, question: &str, echo: Echo) -> Result<Vec<u8>, Box<EvalAltResult>> {
    output::flush(call.host)?;
    let line = call.host.ask(question, echo).map_err(|why| Error::Unanswered(verb, why))?;
    line.ok_or_else(stopped)
}

/// A string, or a blob where it is not UTF-8: of a secret nothing may be replaced.
fn as_value(line: Vec<u8>) -> Dynamic {
    args::from_os(OsStr::from_bytes(&line))
}
