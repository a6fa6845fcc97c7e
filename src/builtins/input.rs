//! `read_line`, `read_all`, `args`, `script_path`, `script_dir`.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Instant;

use rhai::{Array, Dynamic};

use super::error::{Error, stopped};
use super::{Host, Registry, args};
use crate::host::HANG_UP;
use crate::host::settings::Origin;
use crate::host::streams::MOST_CAPTURED;
use crate::sys::descriptor;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("read_line", |call, _| {
        let line = if reads_nothing(call.host) { None } else { read_line(call.host)? };
        Ok(line.map_or(Dynamic::UNIT, |line| lossy(line).into()))
    });
    registry.add("read_all", |call, _| {
        let bytes = if reads_nothing(call.host) { Vec::new() } else { read_all(call.host)? };
        Ok(lossy(bytes).into())
    });
    registry.add("args", |call, _| {
        Ok(call.host.settings.args.iter().map(|arg| args::from_os(arg)).collect::<Array>().into())
    });
    registry.add("script_path", |call, _| {
        Ok(match &call.host.settings.origin {
            Origin::File(path) => args::from_os(path.as_os_str()),
            Origin::Argument | Origin::Stdin | Origin::Person => Dynamic::UNIT,
        })
    });
    registry.add("script_dir", |call, _| {
        Ok(match &call.host.settings.origin {
            Origin::File(path) => path.parent().map_or(Dynamic::UNIT, |dir| args::from_os(dir.as_os_str())),
            Origin::Argument | Origin::Stdin | Origin::Person => Dynamic::UNIT,
        })
    });
}

/// All of standard input is the script.
fn reads_nothing(host: &Host) -> bool {
    host.settings.origin == Origin::Stdin
}

/// Bytes as a string; what is not UTF-8 is replaced.
#[must_use]
pub fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Reads into the buffer once, waiting in the one place where a signal is noticed.
fn read(host: &Host, verb: &'static str, buffer: &mut [u8]) -> Result<usize, Box<rhai::EvalAltResult>> {
    let raise = |error: io::Error| Error::System { verb, action: "read standard input".into(), error };
    let stdin = io::stdin();
    loop {
        if !host.wait_readable(stdin.as_fd()).map_err(raise)? {
            return Err(stopped());
        }
        match descriptor::read(&stdin, buffer) {
            // A terminal that was closed ends before its HUP has come, and a script would go on.
            Ok(0) if stdin.is_terminal() && descriptor::is_hung_up(stdin.as_fd()) => {
                host.sleep_until(Instant::now().checked_add(HANG_UP)).map_err(raise)?;
                return if host.checkpoint() { Err(stopped()) } else { Ok(0) };
            }
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(raise(error).into()),
        }
    }
}

/// A line without its end, `None` at the end of the input. Byte by byte, because a command that is
/// started next reads on from there.
///
/// # Errors
///
/// What runs must stop; the input cannot be read, or the line is too long.
pub fn read_line(host: &Host) -> Result<Option<Vec<u8>>, Box<rhai::EvalAltResult>> {
    super::output::flush(host)?;
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        if read(host, "read_line", &mut byte)? == 0 {
            return Ok((!line.is_empty()).then_some(line));
        }
        if line.len() > MOST_CAPTURED {
            return Err(Error::TooLong("read_line").into());
        }
        if byte == *b"\n" {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Some(line));
        }
        line.push(byte[0]);
    }
}

fn read_all(host: &Host) -> Result<Vec<u8>, Box<rhai::EvalAltResult>> {
    super::output::flush(host)?;
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match read(host, "read_all", &mut buffer)? {
            0 => return Ok(all),
            _ if all.len() > MOST_CAPTURED => return Err(Error::TooLong("read_all").into()),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}
