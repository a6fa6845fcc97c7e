//! Writing a file in one step: whoever reads it sees what was there before, or all of what is new.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// The names of files that are not complete yet begin so.
pub(super) const UNFINISHED: &str = ".stagesh-";

/// So many links in a row are followed. Source: path_resolution(7).
const MOST_LINKS: usize = 40;

/// The number of the error that links in a circle are.
pub const CIRCLE: i32 = Errno::ELOOP as i32;

/// The bits of a mode that chmod(2) sets.
pub const MODE: u32 = 0o7777;

/// The file that a path leads to, which need not exist. What the links of `/proc/pid/fd`, and so `/dev/stdout`, lead to has
/// no name, or another one meanwhile: they are taken for what they lead to.
///
/// # Errors
///
/// As readlink(2); [`Errno::ELOOP`].
pub fn follow(path: &Path) -> io::Result<PathBuf> {
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(Errno::EISDIR.into());
    }
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(_) if directory_of(&path).canonicalize()?.starts_with("/proc") => return Ok(path),
            Ok(target) => path = directory_of(&path).join(target),
            // No link, or nothing at all.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(Errno::ELOOP.into())
}

/// The directory that a name is in.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A path without links but in its last part.
///
/// # Errors
///
/// As realpath(3) of its directory; [`io::ErrorKind::NotFound`] if it has no last part.
pub fn full_name(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
    Ok(directory_of(path).canonicalize()?.join(name))
}

/// What is at or below `from`, by the path that it has if that is called `to`; of what is elsewhere, `to`.
#[must_use]
pub fn renamed(path: &Path, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        // To join an empty path would add a slash.
        Ok(below) if !below.as_os_str().is_empty() => to.join(below),
        _ => to.to_path_buf(),
    }
}

/// What is there; `None` if nothing is.
///
/// # Errors
///
/// As lstat(2).
pub fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a path a new content in one step. A file that exists keeps its mode and owner, and is on the disk before it
/// takes the place of the old one: a crash leaves one of them. Links are followed.
///
/// # Arguments
///
/// The permissions, if they are not to be those of the file or what the umask leaves; `fill` writes the content. Where
/// both can be had the new file never has wider permissions.
///
/// # Returns
///
/// Whether it was done. It was not, and nothing has changed, if the path is no regular file, is a mount point, or where
/// no other file can be made beside it, or given its owner: then it can be written in place.
///
/// # Errors
///
/// As open(2), write(2), rename(2).
pub fn replace(path: &Path, mode: Option<u32>, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<bool> {
    replace_by(path, mode, |new, wanted| {
        fill(new)?;
        wanted.map_or(Ok(()), |wanted| new.set_permissions(Permissions::from_mode(wanted)))
    })
}

/// As [`replace`], but `fill` also sets the permissions, and is told those that are wanted.
///
/// # Errors
///
/// As [`replace`].
pub fn replace_by(
    path: &Path,
    mode: Option<u32>,
    fill: impl FnOnce(&mut File, Option<u32>) -> io::Result<()>,
) -> io::Result<bool> {
    let target = follow(path)?;
    let known = look(&target)?;
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        return Ok(false);
    }
    let wanted = mode.or(known.as_ref().map(|known| known.mode() & MODE));
    // Less than is wanted until all is written; what the umask leaves of 0666 is for open(2) to say.
    let first = wanted.map_or(0o666, |wanted| wanted & 0o600);
    let made = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(first))
        .tempfile_in(directory_of(&target));
    let mut new = match made {
        Ok(new) => new,
        Err(error) if known.is_some() && is_refusal(&error) => return Ok(false),
        // The path of a file in a deep working directory may be too long, where its name is not.
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Ok(false),
        Err(error) => return Err(error),
    };
    if let Some(known) = &known {
        let own = new.as_file().metadata()?;
        let (uid, gid) = (known.uid(), known.gid());
        if (own.uid(), own.gid()) != (uid, gid) && fchown(new.as_file(), Some(uid), Some(gid)).is_err() {
            return Ok(false);
        }
    }
    fill(new.as_file_mut(), wanted)?;
    if known.is_some() {
        new.as_file().sync_data()?;
    }
    match new.persist(&target) {
        Ok(_) => Ok(true),
        Err(refused) if known.is_some() && refused.error.raw_os_error() == Some(Errno::EBUSY as i32) => Ok(false),
        Err(refused) => Err(refused.error),
    }
}

/// Whether an error says that no file can be made there at all. Where there is only no room, the old text would be lost in
/// place.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotFound, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    // `NotFound` and `Unsupported` are what /proc and the like say, `InvalidFilename` that the path would be too long. The
    // number of the error is gone: it has a path now.
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotFound | Unsupported | InvalidFilename)
}

/// Sets the mask of the permissions of files that are made from now on, by commands as well.
///
/// # Returns
///
/// The one before.
#[must_use]
pub fn set_umask(mask: u32) -> u32 {
    use nix::sys::stat::{Mode, umask};
    umask(Mode::from_bits_truncate(mask as nix::libc::mode_t)).bits()
}
