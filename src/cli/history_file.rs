//! The file of the history: a line for each entry, added in one write by whichever session, rewritten by one alone.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sys::identity::identity;
use crate::sys::replace::{directory_of, replace};

/// Of a larger file the end is read.
const MOST_BYTES: u64 = 64 << 20;

/// To rewrite the file takes less: whoever has it for longer is stopped, and is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at a lock. This polls: flock(2) knows no limit.
const PAUSE: Duration = Duration::from_millis(1);

/// What makes a line that was torn no text, so that nobody takes it for an entry.
const TORN: &[u8] = b"\xff\n";

/// The mode of the file.
const OWN: u32 = 0o600;

/// What whoever else may do with a file.
const OTHERS: u32 = 0o077;

/// What is in the file.
#[derive(Debug, Default)]
pub struct Content {
    /// The lines that have an end.
    pub lines: Vec<u8>,
    /// Whether those are the last of more.
    pub is_cut: bool,
}

/// What is in the file; nothing if there is none.
///
/// # Errors
///
/// As open(2).
pub fn read(path: &Path) -> io::Result<Content> {
    if !is_usable(path)? {
        return Ok(Content::default());
    }
    match File::open(path) {
        Ok(mut file) => {
            narrow(&file);
            content(&mut file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Content::default()),
        Err(error) => Err(error),
    }
}

/// Adds a line to the file, which is made if there is none: in one write, so that it is there as a whole or not at all,
/// whoever else writes.
///
/// # Arguments
///
/// The line, with its end.
///
/// # Errors
///
/// As open(2) and write(2); another session rewrites the file, and is stopped.
pub fn append(path: &Path, line: &str) -> io::Result<()> {
    if !is_usable(path)? {
        return Ok(());
    }
    let until = Instant::now() + PATIENCE;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(OWN);
    loop {
        let mut file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(directory_of(path))?;
                options.open(path)?
            }
            other => other?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) if Instant::now() > until => {
                return Err(io::Error::other("another session has it"));
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(PAUSE);
                continue;
            }
            // Where there are no locks, nobody rewrites the file.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // It may have been rewritten since it was opened.
        if !is_there(&file, path) && Instant::now() <= until {
            continue;
        }
        narrow(&file);
        let mut bytes = if is_torn(&file)? { TORN.to_vec() } else { Vec::new() };
        bytes.extend_from_slice(line.as_bytes());
        return match file.write(&bytes) {
            Ok(written) if written < bytes.len() => Err(io::ErrorKind::StorageFull.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.map(drop),
        };
    }
}

/// Gives the file a new content, made from the old one. Nobody adds anything meanwhile; if somebody else has the file,
/// nothing is done.
///
/// # Errors
///
/// As open(2), write(2), rename(2).
pub fn rewrite(path: &Path, make: impl FnOnce(Content) -> String) -> io::Result<()> {
    let mut old = File::open(path)?;
    if old.try_lock().is_err() || !is_there(&old, path) {
        return Ok(());
    }
    let new = make(content(&mut old)?);
    replace(path, Some(OWN), |file| file.write_all(new.as_bytes())).map(drop)
}

/// Whether there is a file, or can be one. Who links it to a device wants none.
fn is_usable(path: &Path) -> io::Result<bool> {
    match path.metadata() {
        Ok(found) if found.file_type().is_char_device() => Ok(false),
        // To open a named pipe would wait for its other end.
        Ok(found) if !found.is_file() => Err(io::Error::other("it is no regular file")),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the path leads to the file.
fn is_there(file: &File, path: &Path) -> bool {
    let which = |found: io::Result<std::fs::Metadata>| found.map(|found| identity(&found)).ok();
    let own = which(file.metadata());
    own.is_some() && own == which(path.metadata())
}

/// Takes the file from everybody else.
fn narrow(file: &File) {
    if let Ok(found) = file.metadata()
        && found.mode() & OTHERS != 0
    {
        // That of somebody else stays as it is.
        let _ = file.set_permissions(Permissions::from_mode(found.mode() & OWN));
    }
}

/// Whether the last line has no end: the disk was full.
fn is_torn(file: &File) -> io::Result<bool> {
    let Some(last) = file.metadata()?.len().checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    Ok(file.read_at(&mut byte, last)? == 1 && byte != *b"\n")
}

fn content(file: &mut File) -> io::Result<Content> {
    let length = file.metadata()?.len();
    let start = file.seek(SeekFrom::Start(length.saturating_sub(MOST_BYTES)))?;
    // One more, or it grows to see that there is no more.
    let mut lines = Vec::with_capacity(usize::try_from(length - start).unwrap_or_default() + 1);
    file.read_to_end(&mut lines)?;
    let is_cut = start > 0;
    if is_cut {
        let first = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
        lines.drain(..first);
    }
    let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    lines.truncate(end);
    Ok(Content { lines, is_cut })
}
