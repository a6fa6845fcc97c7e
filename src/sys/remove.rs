//! Removing a tree: no link is followed, not even one that somebody puts there meanwhile.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, fstat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::process::own_pid;

/// Directories below this many others are moved up first: each that is open takes a descriptor.
const DEEPEST: usize = 100;

/// Why something is still there.
#[derive(Debug)]
pub struct Failure {
    /// What could not be removed.
    pub path: PathBuf,
    /// Why not.
    pub error: io::Error,
}

/// Removes a file, a link, or a directory with all that is in it; also what is write-protected, if it is one's own.
/// What is mounted below is not entered. All that can be removed is, whatever cannot.
///
/// # Arguments
///
/// `goes_on` is asked before every removal.
///
/// # Errors
///
/// The first [`Failure`]; [`io::ErrorKind::Interrupted`] in it if it does not go on. What is not there is none.
pub fn remove_all(path: &Path, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
    let mut removal = Removal { goes_on, path: path.to_path_buf(), top: None, moved: 0, first: None };
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let name = std::ffi::CString::new(&bytes[..end]).unwrap_or_default();
    match statat(CWD, &*name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => removal.remove(CWD, &name, FileType::from_raw_mode(found.st_mode), 0),
        Err(Errno::NOENT | Errno::NOTDIR) => {}
        Err(error) => removal.failed(error),
    }
    removal.first.map_or(Ok(()), Err)
}

struct Removal<'a> {
    goes_on: &'a dyn Fn() -> bool,
    /// What is removed now.
    path: PathBuf,
    /// The uppermost directory, where it is open.
    top: Option<OwnedFd>,
    /// How many directories were moved up.
    moved: u64,
    first: Option<Failure>,
}

impl Removal<'_> {
    fn failed(&mut self, error: impl Into<io::Error>) {
        let error = error.into();
        let path = &self.path;
        self.first.get_or_insert_with(|| Failure { path: path.clone(), error });
    }

    fn is_stopped(&mut self) -> bool {
        let is_stopped = !(self.goes_on)();
        if is_stopped {
            self.first = Some(Failure { path: self.path.clone(), error: io::ErrorKind::Interrupted.into() });
        }
        is_stopped
    }

    /// Removes what has this name in a directory.
    fn remove(&mut self, parent: BorrowedFd<'_>, name: &CStr, kind: FileType, depth: usize) {
        if self.is_stopped() {
            return;
        }
        let flags = if kind == FileType::Directory {
            if !self.empty(parent, name, depth) {
                return;
            }
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        match unlinkat(parent, name, flags) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Of a directory that was not emptied, why not was told.
            Err(Errno::NOTEMPTY | Errno::EXIST) if self.first.is_some() => {}
            Err(error) => self.failed(error),
        }
    }

    /// Removes what is in a directory.
    ///
    /// # Returns
    ///
    /// Whether the directory itself can be removed.
    fn empty(&mut self, parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> bool {
        let mut directory = match self.open(parent, name) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return false,
            // Right below the uppermost it would only get another name.
            Err(Errno::MFILE | Errno::NFILE) if depth > 1 && self.move_up(parent, name) => return false,
            Err(error) => {
                self.failed(error);
                return false;
            }
        };
        loop {
            let moved = self.moved;
            if let Err(error) = self.pass(&mut directory, depth) {
                self.failed(error);
                return false;
            }
            // What was moved up from below is here now.
            if depth > 0 || self.moved == moved || self.first.is_some() {
                return true;
            }
        }
    }

    /// Removes what is listed in a directory now.
    fn pass(&mut self, listed: &mut Dir, depth: usize) -> Result<(), Errno> {
        if is_mount_point(listed.fd()?) {
            return Err(Errno::BUSY);
        }
        if depth == 0 && self.top.is_none() {
            self.top = listed.fd()?.try_clone_to_owned().ok();
        }
        listed.rewind();
        while let Some(entry) = listed.read() {
            let entry = entry?;
            let (name, directory) = (entry.file_name(), listed.fd()?);
            if name == c"." || name == c".." {
                continue;
            }
            self.path.push(OsStr::from_bytes(name.to_bytes()));
            let kind = match entry.file_type() {
                FileType::Unknown => statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode)),
                kind => kind,
            };
            if kind != FileType::Directory || depth < DEEPEST || !self.move_up(directory, name) {
                self.remove(directory, name, kind, depth + 1);
            }
            self.path.pop();
            if self.first.as_ref().is_some_and(|first| first.error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
        }
        Ok(())
    }

    /// Moves a directory to the uppermost, whose list is read again then.
    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> bool {
        let Some(top) = &self.top else { return false };
        self.moved += 1;
        let new = format!(".stagesh-{}-{}", own_pid(), self.moved);
        renameat(parent, name, top, new.as_str()).is_ok()
    }

    /// Opens a directory, so that what is in it can be listed and removed: also where its permissions forbid it.
    fn open(&self, parent: BorrowedFd<'_>, name: &CStr) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let permit = || chmodat(parent, name, Mode::RWXU, AtFlags::empty());
        let opened = match openat(parent, name, flags, Mode::empty()) {
            // A link that was put there meanwhile would be followed by chmod: it is none, or it could be opened.
            Err(Errno::ACCESS) if is_directory(parent, name) => {
                permit()?;
                openat(parent, name, flags, Mode::empty())?
            }
            opened => opened?,
        };
        let mode = Mode::from_raw_mode(fstat(&opened)?.st_mode);
        if !mode.contains(Mode::RWXU) {
            // One that is another's may be writable all the same; what cannot be removed says so.
            let _ = rustix::fs::fchmod(&opened, mode | Mode::RWXU);
        }
        Dir::new(opened)
    }
}

fn is_directory(parent: BorrowedFd<'_>, name: &CStr) -> bool {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory)
}

/// Whether something is mounted there. Source: statx(2), `STATX_ATTR_MOUNT_ROOT`.
#[cfg(target_os = "linux")]
fn is_mount_point(directory: BorrowedFd<'_>) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Elsewhere the removal of what is mounted fails at the end, for it is busy.
#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: BorrowedFd<'_>) -> bool {
    false
}
