//! `fs::temp_dir` and `fs::temp_file`: what is gone when the run ends.

use std::io;
use std::path::{Path, PathBuf};

use super::callback::Entry;
use super::error::Error;
use super::{Call, CallResult, Registry, args};
use crate::host::files;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("fs::temp_dir", |call, _| make(call, "fs::temp_dir", files::temporary_directory));
    registry.add("fs::temp_file", |call, _| make(call, "fs::temp_file", files::temporary_file));
}

/// Makes something private, and registers that it is removed: in its turn, or by `h.run()` of whoever lists handlers.
fn make(call: &Call<'_>, verb: &'static str, make: fn(&Path) -> io::Result<PathBuf>) -> CallResult {
    let place = call.host.directory().join(call.host.environment.temporary_place());
    let action = if verb == "fs::temp_dir" { "make a directory in" } else { "make a file in" };
    let path = make(&place).map_err(|error| Error::File { verb, action, path: place, to: None, error })?;
    call.host.register(Entry::temporary(call, verb, path.clone()));
    Ok(args::from_os(path.as_os_str()))
}
