//! `fs::…`: files and directories.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rhai::{Array, Blob, Dynamic, EvalAltResult, ImmutableString, Map};
use sha2::{Digest, Sha256};

use super::error::{Error, stopped};
use super::options::Reader;
use super::record::Record;
use super::{Call, CallResult, Host, Registry, args, glob};
use crate::host::streams::MOST_CAPTURED;
use crate::sys::copy;
use crate::sys::memory;
use crate::sys::remove;
use crate::sys::replace::{self, MODE};

type Raised = Box<EvalAltResult>;

/// What a mode is.
const A_MODE: &str = "a mode (0 to 0o7777)";

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("fs::read", read);
    registry.add("fs::read_bytes", |call, given| {
        let path = path("fs::read_bytes", call, &given[0])?;
        let bytes = call.host.read_file(&path);
        let bytes = bytes.map_err(|error| raise(call.host, "fs::read_bytes", "read", &path, error))?;
        Ok(Dynamic::from_blob(bytes))
    });
    registry.add("fs::write", write);
    registry.add("fs::append", append);
    registry.add("fs::exists", |call, given| is(call, "fs::exists", given, |_| true));
    registry.add("fs::is_file", |call, given| is(call, "fs::is_file", given, |found| found.is_file()));
    registry.add("fs::is_dir", |call, given| is(call, "fs::is_dir", given, |found| found.is_dir()));
    registry.add("fs::stat", stat);
    registry.add("fs::sha256", sha256);
    registry.add("fs::list", list);
    registry.add("fs::glob", |call, given| {
        let pattern = path("fs::glob", call, &given[0])?;
        let found = glob::find(&pattern, &|| !call.host.stopped()).map_err(|error| match error {
            glob::Error::Pattern(why) => Error::Misuse("fs::glob", why).into(),
            glob::Error::Unreadable(path, error) => raise(call.host, "fs::glob", "list", &path, error),
        })?;
        Ok(found.iter().map(|path| args::from_os(path.as_os_str())).collect::<Array>().into())
    });
    registry
        .add("fs::mkdir", |call, given| simple(call, "fs::mkdir", "make", given, |path| std::fs::create_dir_all(path)));
    registry.add("fs::copy", |call, given| two(call, "fs::copy", "copy", given, copy::copy));
    registry.add("fs::rename", |call, given| {
        two(call, "fs::rename", "rename", given, |from, to, goes_on| {
            // Afterwards the way to them may be gone: the working directory may be in what is moved.
            let names = replace::full_name(from).ok().zip(replace::full_name(to).ok());
            copy::rename(from, to, goes_on)?;
            if let Some((from, to)) = names {
                call.host.follow_rename(&from, &to);
            }
            Ok(())
        })
    });
    registry.add("fs::symlink", make_link);
    registry.add("fs::chmod", |call, given| {
        let mode = permissions("fs::chmod", call, &given[1])?;
        simple(call, "fs::chmod", "change the mode of", given, |path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        })
    });
    registry.add("fs::umask", |call, given| {
        let mask = permissions("fs::umask", call, &given[0])?;
        Ok(i64::from(replace::set_umask(mask)).into())
    });
    registry.add("fs::remove", |call, given| {
        simple(call, "fs::remove", "remove", given, |path| {
            if path.symlink_metadata()?.is_dir() { std::fs::remove_dir(path) } else { std::fs::remove_file(path) }
        })
    });
    registry.add("fs::remove_all", |call, given| {
        let path = path("fs::remove_all", call, &given[0])?;
        remove_all("fs::remove_all", call.host, &path)?;
        Ok(Dynamic::UNIT)
    });
}

fn path(verb: &'static str, call: &Call<'_>, value: &Dynamic) -> Result<PathBuf, Error> {
    args::path(verb, call.engine(), value)
}

/// What a verb that failed raises: nothing of its own if the run was stopped meanwhile.
fn raise(host: &Host, verb: &'static str, action: &'static str, path: &Path, error: io::Error) -> Raised {
    raise_of_two(host, verb, action, path, None, error)
}

fn raise_of_two(
    host: &Host,
    verb: &'static str,
    action: &'static str,
    path: &Path,
    to: Option<PathBuf>,
    error: io::Error,
) -> Raised {
    if host.stopped() {
        return stopped();
    }
    if error.kind() == io::ErrorKind::FileTooLarge && action == "read" {
        let why = io::Error::new(error.kind(), "there are more than the 2 GiB that a string or a blob holds");
        return Error::File { verb, action, path: path.into(), to, error: why }.into();
    }
    Error::File { verb, action, path: path.into(), to, error }.into()
}

/// A verb that does one thing to a path.
fn simple(
    call: &Call<'_>,
    verb: &'static str,
    action: &'static str,
    given: &[Dynamic],
    act: impl FnOnce(&Path) -> io::Result<()>,
) -> CallResult {
    let path = path(verb, call, &given[0])?;
    call.host.distrust_directory();
    act(&path).map_err(|error| raise(call.host, verb, action, &path, error))?;
    Ok(Dynamic::UNIT)
}

/// A verb that makes one path of another, file by file.
fn two(
    call: &Call<'_>,
    verb: &'static str,
    action: &'static str,
    given: &[Dynamic],
    act: impl FnOnce(&Path, &Path, &dyn Fn() -> bool) -> Result<(), copy::Failure>,
) -> CallResult {
    let (from, to) = (path(verb, call, &given[0])?, path(verb, call, &given[1])?);
    call.host.distrust_directory();
    act(&from, &to, &|| !call.host.stopped())
        .map_err(|failure| raise_of_two(call.host, verb, action, &failure.from, Some(failure.to), failure.error))?;
    Ok(Dynamic::UNIT)
}

fn read(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = path("fs::read", call, &given[0])?;
    let mut text = ImmutableString::new();
    let mut rest: Vec<u8> = Vec::new();
    let take = |piece: &[u8]| -> io::Result<()> {
        let mut joined = std::mem::take(&mut rest);
        let piece = if joined.is_empty() {
            piece
        } else {
            joined.extend_from_slice(piece);
            &joined
        };
        match std::str::from_utf8(piece) {
            Ok(all) => add_piece(&mut text, all)?,
            // A letter may be cut at the end of a piece.
            Err(error) if error.error_len().is_none() => {
                let (known, cut) = piece.split_at(error.valid_up_to());
                add_piece(&mut text, std::str::from_utf8(known).unwrap_or_default())?;
                rest = cut.to_vec();
            }
            Err(error) => return Err(no_text(text.len() + error.valid_up_to())),
        }
        Ok(())
    };
    let read = call.host.each_piece(&path, take);
    let read = read.and_then(|()| if rest.is_empty() { Ok(()) } else { Err(no_text(text.len())) });
    read.map_err(|error| raise(call.host, "fs::read", "read", &path, error))?;
    Ok(text.into())
}

/// Lengthens a text. It is put together piece by piece: a string that is made of another takes twice its memory.
fn add_piece(text: &mut ImmutableString, piece: &str) -> io::Result<()> {
    if text.len() + piece.len() > MOST_CAPTURED {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    if !text.is_empty() {
        // In most cases it has room, because it grows by doubling; if it is moved, this was for nothing.
        memory::map_ahead(text.as_ptr().wrapping_add(text.len()), piece.len());
    }
    *text += piece;
    Ok(())
}

fn no_text(at: usize) -> io::Error {
    io::Error::other(format!("it is not UTF-8 at byte {at} (`fs::read_bytes` reads it)"))
}

/// Does something with the text or the bytes that are to be written.
fn with_content<T>(
    verb: &'static str,
    call: &Call<'_>,
    value: &Dynamic,
    act: impl FnOnce(&[u8]) -> T,
) -> Result<T, Error> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(act(text.as_bytes()));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok(act(&blob));
    }
    let given = args::describe(call.engine(), value);
    Err(Error::Argument { verb, expected: "a string or a blob".into(), given })
}

fn write(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "fs::write";
    let path = path(verb, call, &given[0])?;
    let reader = Reader { verb, engine: call.engine() };
    let options = given.get(2).map(|options| reader.map(options, &["mode"])).transpose()?.unwrap_or_default();
    let mode = options.get("mode").map(|value| mode_of(value).ok_or_else(|| reader.wrong("mode", A_MODE, value)));
    let mode = mode.transpose()?;
    with_content(verb, call, &given[1], |bytes| call.host.write_file(&path, bytes, mode))?
        .map_err(|error| raise(call.host, verb, "write", &path, error))?;
    Ok(Dynamic::UNIT)
}

fn append(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = path("fs::append", call, &given[0])?;
    with_content("fs::append", call, &given[1], |bytes| call.host.append_to_file(&path, bytes))?
        .map_err(|error| raise(call.host, "fs::append", "append to", &path, error))?;
    Ok(Dynamic::UNIT)
}

/// Permissions.
fn permissions(verb: &'static str, call: &Call<'_>, value: &Dynamic) -> Result<u32, Error> {
    let given = || args::describe(call.engine(), value);
    mode_of(value).ok_or_else(|| Error::Argument { verb, expected: A_MODE.into(), given: given() })
}

fn mode_of(value: &Dynamic) -> Option<u32> {
    value.as_int().ok().and_then(|mode| u32::try_from(mode).ok()).filter(|mode| *mode <= MODE)
}

/// Whether something is there, and is so: links are followed, and one that leads nowhere is not.
fn is(call: &Call<'_>, verb: &'static str, given: &[Dynamic], so: fn(&std::fs::Metadata) -> bool) -> CallResult {
    let path = path(verb, call, &given[0])?;
    match path.metadata() {
        Ok(found) => Ok(so(&found).into()),
        Err(error) if is_absence(&error) => Ok(false.into()),
        Err(error) => Err(raise(call.host, verb, "look at", &path, error)),
    }
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    // The last is what a circle of links is.
    matches!(error.kind(), NotFound | NotADirectory) || error.raw_os_error() == Some(replace::CIRCLE)
}

fn stat(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = path("fs::stat", call, &given[0])?;
    let found = match path.metadata() {
        // Of a link that leads nowhere, the link.
        Err(error) if is_absence(&error) => path.symlink_metadata().or(Err(error)),
        found => found,
    };
    let found = found.map_err(|error| raise(call.host, "fs::stat", "look at", &path, error))?;
    let modified = found.modified().map_err(|error| raise(call.host, "fs::stat", "look at", &path, error))?;
    let seconds = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    let kind = match found.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "dir",
        kind if kind.is_symlink() => "link",
        kind if kind.is_fifo() => "fifo",
        kind if kind.is_socket() => "socket",
        _ => "device",
    };
    let mut map = Map::new();
    map.insert("size".into(), i64::try_from(found.len()).unwrap_or(i64::MAX).into());
    map.insert("mode".into(), i64::from(found.mode() & MODE).into());
    map.insert("mtime".into(), seconds.into());
    map.insert("kind".into(), kind.into());
    let link = std::fs::read_link(&path).ok();
    map.insert("link".into(), link.map_or(Dynamic::UNIT, |target| args::from_os(target.as_os_str())));
    Ok(Dynamic::from(Record::new("what `fs::stat` gives", map)))
}

fn sha256(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = path("fs::sha256", call, &given[0])?;
    let mut hash = Sha256::new();
    call.host
        .each_piece(&path, |piece| {
            hash.update(piece);
            Ok(())
        })
        .map_err(|error| raise(call.host, "fs::sha256", "read", &path, error))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

fn list(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let path = path("fs::list", call, &given[0])?;
    let entries = || std::fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    let mut entries = entries().map_err(|error| raise(call.host, "fs::list", "list", &path, error))?;
    entries.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(entries.iter().map(|path| args::from_os(path.as_os_str())).collect::<Array>().into())
}

fn make_link(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let (target, path) = (path("fs::symlink", call, &given[0])?, path("fs::symlink", call, &given[1])?);
    symlink(&target, &path).map_err(|error| raise(call.host, "fs::symlink", "make", &path, error))?;
    Ok(Dynamic::UNIT)
}

/// Removes a file or a tree, unless that is a mistake: the home directory is one.
///
/// # Errors
///
/// [`Error::File`].
pub fn remove_all(verb: &'static str, host: &Host, path: &Path) -> Result<(), Raised> {
    let refuse = |why: &str| raise(host, verb, "remove", path, io::Error::other(why));
    let bytes = path.as_os_str().as_bytes();
    let last = bytes.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty());
    match last {
        None => return Err(refuse("it is the root of all files")),
        Some(b"." | b"..") => return Err(refuse("`.` and `..` are no names")),
        Some(_) => {}
    }
    // Where that cannot be known, it may be.
    let home = host.home().map_err(|error| raise(host, verb, "look for the home directory in", path, error))?;
    let home = home.map(|home| home.canonicalize().unwrap_or(home));
    if home.is_some_and(|home| replace::full_name(path).is_ok_and(|full| is_directory(&full) && home.starts_with(full)))
    {
        return Err(refuse("the home directory is in it, or is it"));
    }
    remove_whatever_it_is(verb, host, path)
}

/// Removes a file or a tree.
///
/// # Errors
///
/// [`Error::File`].
pub fn remove_whatever_it_is(verb: &'static str, host: &Host, path: &Path) -> Result<(), Raised> {
    let full = match replace::full_name(path) {
        Ok(full) => full,
        // As `rm -f`: there is nothing of that name.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(raise(host, verb, "remove", path, error)),
    };
    host.distrust_directory();
    if is_directory(&full)
        && host.is_within(&full)
        && let Some(above) = full.parent()
    {
        host.change_directory(above).map_err(|error| raise(host, verb, "leave", path, error))?;
    }
    // The working directory may have changed: by its whole name.
    remove::remove_all(&full, &|| !host.stopped())
        .map_err(|failure| raise(host, verb, "remove", &replace::renamed(&failure.path, &full, path), failure.error))
}

/// Whether there is certainly nothing at a path.
#[must_use]
pub fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}
