//! Copying files and trees, with their modes, times, links, and holes; moving them also with their owners.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink,
};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag, mknod};
use rustix::fs::{AtFlags, CWD, SeekFrom, Timespec, Timestamps, seek, utimensat};

use super::identity::{Identity, identity};
use super::replace::{MODE, UNFINISHED, directory_of, follow, full_name, renamed, replace_by};

/// After so many bytes of a file it is asked whether to go on.
const PIECE: u64 = 32 << 20;

/// The bytes of a block, as they are counted of a file. Source: inode(7).
const BLOCK: u64 = 512;

/// The bits of a mode that have a program run with the rights of its owner and group. Source: inode(7).
const SET_ID: u32 = 0o6000;

/// A user and a group.
type Owner = (u32, u32);

/// Why a copy failed, and of what.
#[derive(Debug)]
pub struct Failure {
    /// What was copied.
    pub from: PathBuf,
    /// What it was to become.
    pub to: PathBuf,
    /// Why not.
    pub error: io::Error,
}

/// Makes `to` a copy of `from`: what a link leads to, a file, or a directory with all that is in it, where links stay
/// links. A directory that exists takes in what it has not, and keeps its owner and mode.
///
/// # Arguments
///
/// `goes_on` is asked before every file and within large ones.
///
/// # Errors
///
/// [`Failure`]; [`io::ErrorKind::Interrupted`] in it if it does not go on.
pub fn copy(from: &Path, to: &Path, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
    let whole = || -> io::Result<(PathBuf, Metadata, PathBuf)> {
        let found = from.metadata()?;
        let to = if found.is_dir() { to.to_path_buf() } else { follow(to)? };
        match to.metadata() {
            Ok(there) if identity(&there) == identity(&found) => return Err(same_file()),
            Ok(there) if there.is_dir() && !found.is_dir() => return Err(Errno::EISDIR.into()),
            _ => {}
        }
        let from = from.canonicalize()?;
        let within = if to.is_dir() { to.canonicalize()? } else { directory_of(&to).canonicalize()? };
        if found.is_dir() && within.starts_with(&from) {
            return Err(into_itself());
        }
        Ok((from, found, to))
    };
    let failed = |error| Failure { from: from.into(), to: to.into(), error };
    let (source, found, target) = whole().map_err(failed)?;
    let mut copying = Copying::new(goes_on, false);
    // What is told of is what was asked for, not what it leads to.
    let source = if found.is_dir() { from.to_path_buf() } else { source };
    if target.is_symlink() && found.is_file() {
        // An open file, as it is named in /proc.
        return File::open(&source).and_then(|source| copying.in_place(&source, &target, &found)).map_err(failed);
    }
    copying.copy(&source, &target, found.file_type())
}

struct Copying<'a> {
    goes_on: &'a dyn Fn() -> bool,
    /// Whether a copy belongs to whom the original belongs to, as far as we may give it away.
    keeps_owner: bool,
    /// The first copy of what has several names.
    links: HashMap<Identity, PathBuf>,
    /// The directories that are copies, or take them in.
    made: HashSet<Identity>,
    /// Whom new entries of this directory belong to, once there is one: to us, in our group or that of the directory.
    owner: Option<Owner>,
}

impl<'a> Copying<'a> {
    fn new(goes_on: &'a dyn Fn() -> bool, keeps_owner: bool) -> Self {
        Copying { goes_on, keeps_owner, links: HashMap::new(), made: HashSet::new(), owner: None }
    }

    fn copy(&mut self, from: &Path, to: &Path, kind: fs::FileType) -> Result<(), Failure> {
        if kind.is_dir() {
            return self.directory(from, to);
        }
        let failed = |error| Failure { from: from.into(), to: to.into(), error };
        if !(self.goes_on)() {
            return Err(failed(io::ErrorKind::Interrupted.into()));
        }
        if kind.is_file() {
            self.file(from, to)
        } else if kind.is_symlink() {
            self.link(from, to)
        } else {
            self.special(from, to, kind)
        }
        .map_err(failed)
    }

    fn directory(&mut self, from: &Path, to: &Path) -> Result<(), Failure> {
        let failed = |error| Failure { from: from.into(), to: to.into(), error };
        let found = from.metadata().map_err(failed)?;
        if self.made.contains(&identity(&found)) {
            // By a link, or because it is mounted at two places.
            return Err(failed(into_itself()));
        }
        // What leads out of a tree is not followed, but the top of it is.
        let is_there = || to.is_dir() && (self.made.is_empty() || !to.is_symlink());
        // Its own until it is complete.
        let is_new = match DirBuilder::new().mode(0o700).create(to) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_there() => false,
            Err(error) => return Err(failed(error)),
        };
        self.made.insert(identity(&to.metadata().map_err(failed)?));
        let above = self.owner.take();
        for (name, kind) in entries(from).map_err(failed)? {
            self.copy(&from.join(&name), &to.join(&name), kind)?;
        }
        self.owner = above;
        if !is_new {
            return Ok(());
        }
        File::open(to).and_then(|copy| self.finish(&copy, &found)).map_err(failed)
    }

    fn file(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(from)?;
        let found = source.metadata()?;
        let name = identity(&found);
        if found.nlink() > 1 {
            if let Some(first) = self.links.get(&name) {
                return anew(to, |to| fs::hard_link(first, to));
            }
            self.links.insert(name, to.into());
        }
        let mode = found.mode() & MODE;
        let make = |to: &Path| OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(to);
        match make(to) {
            Ok(copy) => {
                let result = self.content(&source, &copy, &found).and_then(|()| self.finish(&copy, &found));
                if result.is_err() {
                    let _ = fs::remove_file(to);
                }
                result
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // What leads out of a tree is not followed: the top was before.
                if to.is_symlink() {
                    let copy = beside(to, make)?;
                    self.content(&source, copy.as_file(), &found)?;
                    self.finish(copy.as_file(), &found)?;
                    copy.persist(to)?;
                    return Ok(());
                }
                let is_done = replace_by(to, Some(mode), |copy, _| {
                    self.content(&source, copy, &found)?;
                    self.finish(copy, &found)
                })?;
                if is_done {
                    return Ok(());
                }
                // The attempt may have read it.
                (&source).rewind()?;
                self.in_place(&source, to, &found)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes into what is there. A pipe is none of it: its reader would be waited for, whatever signals come.
    fn in_place(&self, source: &File, to: &Path, found: &Metadata) -> io::Result<()> {
        if to.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("it is a pipe"));
        }
        let copy = OpenOptions::new().write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(to)?;
        let there = copy.metadata()?;
        if identity(&there) == identity(found) {
            return Err(same_file());
        }
        // A device has neither end nor holes.
        if there.is_file() {
            copy.set_len(0)?;
            self.content(source, &copy, found)
        } else {
            self.bytes(source, &copy, u64::MAX)
        }
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let found = from.symlink_metadata()?;
        let target = fs::read_link(from)?;
        anew(to, |to| symlink(&target, to))?;
        self.own(&found, || to.symlink_metadata(), |uid, gid| lchown(to, uid, gid))?;
        set_times_of_name(to, &found)
    }

    fn special(&mut self, from: &Path, to: &Path, kind: fs::FileType) -> io::Result<()> {
        let found = from.symlink_metadata()?;
        let what = if kind.is_fifo() {
            SFlag::S_IFIFO
        } else if kind.is_socket() {
            SFlag::S_IFSOCK
        } else if kind.is_char_device() {
            SFlag::S_IFCHR
        } else {
            SFlag::S_IFBLK
        };
        // Nobody else's until it has its owner.
        let first = Mode::from_bits_truncate((found.mode() & 0o600) as nix::libc::mode_t);
        anew(to, |to| Ok(mknod(to, what, first, found.rdev())?))?;
        let mode = self.own(&found, || to.symlink_metadata(), |uid, gid| lchown(to, uid, gid))?;
        fs::set_permissions(to, Permissions::from_mode(mode))?;
        set_times_of_name(to, &found)
    }

    /// Gives a copy what it has beside its content.
    fn finish(&mut self, copy: &File, found: &Metadata) -> io::Result<()> {
        let mode = self.own(found, || copy.metadata(), |uid, gid| fchown(copy, uid, gid))?;
        copy.set_permissions(Permissions::from_mode(mode))?;
        copy.set_times(times_of(found)?)
    }

    /// Gives a copy the owner and group that were found, where they are kept, as far as we may. The mode is for later:
    /// chown(2) takes from it.
    ///
    /// # Returns
    ///
    /// The mode that the copy may have: nobody's program becomes one that runs with the rights of another.
    fn own(
        &mut self,
        found: &Metadata,
        look: impl FnOnce() -> io::Result<Metadata>,
        give: impl Fn(Option<u32>, Option<u32>) -> io::Result<()>,
    ) -> io::Result<u32> {
        let mode = found.mode() & MODE;
        // In a directory new entries get its group by that bit: nothing runs with it.
        let lends_rights = mode & SET_ID != 0 && !found.is_dir();
        if !self.keeps_owner && !lends_rights {
            return Ok(mode);
        }
        let has = match self.owner {
            Some(owner) if !lends_rights => owner,
            _ => *self.owner.insert(owner_of(&look()?)),
        };
        let (uid, gid) = owner_of(found);
        if has == (uid, gid) || self.keeps_owner && give(Some(uid), Some(gid)).is_ok() {
            return Ok(mode);
        }
        if self.keeps_owner {
            // Only root gives a file to another user, but everybody to a group of their own.
            let _ = give(None, Some(gid));
        }
        Ok(if lends_rights { mode & !SET_ID } else { mode })
    }

    /// Copies what is in a file. Where it has holes the copy has them, and must be empty and a regular file.
    fn content(&self, from: &File, to: &File, found: &Metadata) -> io::Result<()> {
        if !has_holes(from, found)? {
            return self.bytes(from, to, u64::MAX);
        }
        let mut end = 0;
        loop {
            let begin = match seek(from, SeekFrom::Data(end)) {
                Ok(begin) => begin,
                // There is nothing but a hole.
                Err(rustix::io::Errno::NXIO) => return to.set_len(found.size().max(end)),
                Err(error) => return Err(error.into()),
            };
            end = seek(from, SeekFrom::Hole(begin))?;
            seek(from, SeekFrom::Start(begin))?;
            seek(to, SeekFrom::Start(begin))?;
            self.bytes(from, to, end - begin)?;
            if !(self.goes_on)() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }

    /// Copies so many bytes, or as many as there are.
    fn bytes(&self, from: &File, mut to: &File, mut most: u64) -> io::Result<()> {
        loop {
            let piece = PIECE.min(most);
            // By copy_file_range(2) where the system has it.
            if io::copy(&mut from.take(piece), &mut to)? < piece || piece == most {
                return Ok(());
            }
            most -= piece;
            if !(self.goes_on)() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }
}

/// The names in a directory. It is closed once they are known: a deep tree would use up the descriptors.
fn entries(directory: &Path) -> io::Result<Vec<(OsString, fs::FileType)>> {
    let named = |entry: io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
    fs::read_dir(directory)?.map(named).collect()
}

/// Whether there are stretches of a file that take no room. It stays at its beginning.
fn has_holes(file: &File, found: &Metadata) -> io::Result<bool> {
    if found.blocks() * BLOCK >= found.size() {
        return Ok(false);
    }
    // What is compressed has fewer blocks, too.
    match seek(file, SeekFrom::Hole(0)) {
        Ok(hole) => seek(file, SeekFrom::Start(0)).map(|_| hole < found.size()).map_err(Into::into),
        // The file system knows of none (EINVAL).
        Err(_) => Ok(false),
    }
}

/// Makes something, in place of what is there, in one step: what cannot be made costs nothing. A device stays.
fn anew(to: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match make(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let kind = to.symlink_metadata()?.file_type();
            if kind.is_dir() || kind.is_char_device() || kind.is_block_device() {
                return Err(error);
            }
            let made = beside(to, make)?;
            // rename(2) does nothing to two names of one file.
            if identity(&made.path().symlink_metadata()?) != identity(&to.symlink_metadata()?) {
                made.persist(to)?;
            }
            Ok(())
        }
        result => result,
    }
}

/// Makes something beside what it is to replace.
fn beside<F>(to: &Path, make: impl Fn(&Path) -> io::Result<F>) -> io::Result<tempfile::NamedTempFile<F>> {
    tempfile::Builder::new().prefix(UNFINISHED).make_in(directory_of(to), make)
}

fn same_file() -> io::Error {
    io::Error::other("they are the same file")
}

fn into_itself() -> io::Error {
    io::Error::other("it would be copied into itself")
}

fn owner_of(found: &Metadata) -> Owner {
    (found.uid(), found.gid())
}

fn times_of(found: &Metadata) -> io::Result<FileTimes> {
    Ok(FileTimes::new().set_accessed(found.accessed()?).set_modified(found.modified()?))
}

/// Sets the times of what cannot be opened for that: a link, or a pipe, whose other end would be waited for.
fn set_times_of_name(path: &Path, found: &Metadata) -> io::Result<()> {
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time(found.atime(), found.atime_nsec()),
        last_modification: time(found.mtime(), found.mtime_nsec()),
    };
    match utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW) {
        // Not every file system has times of links.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        result => Ok(result?),
    }
}

/// Moves a file or a tree, also to another file system: then by a copy that takes its name once it is complete.
///
/// # Errors
///
/// [`Failure`].
pub fn rename(from: &Path, to: &Path, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
    let failed = |error| Failure { from: from.into(), to: to.into(), error };
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        result => return result.map_err(failed),
    }
    // What rename(2) refuses, but finds out last.
    refuse_no_name(from).and_then(|()| refuse_no_name(to)).map_err(failed)?;
    // The working directory may be in what is moved.
    let whole = |path| full_name(path).map_err(failed);
    let (old, new) = (whole(from)?, whole(to)?);
    let place = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(directory_of(&new)).map_err(failed)?;
    let copy = place.path().join(new.file_name().unwrap_or_default());
    let result = copy_and_take_name(from, &copy, to, goes_on);
    if result.is_err() {
        // Also what is write-protected in it.
        let _ = super::remove::remove_all(place.path(), &|| true);
    }
    result?;
    super::remove::remove_all(&old, goes_on).map_err(|failure| Failure {
        from: renamed(&failure.path, &old, from),
        to: to.into(),
        error: failure.error,
    })
}

/// `.`, `..` and `/` are no names that can be given or taken; one with a slash at its end is that of a directory, and not of a
/// link to one. Source: rename(2), EBUSY and ENOTDIR.
fn refuse_no_name(path: &Path) -> io::Result<()> {
    let bytes = path.as_os_str().as_bytes();
    let last = bytes.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty());
    if matches!(last, None | Some(b"." | b"..")) {
        return Err(Errno::EBUSY.into());
    }
    let is_link = path.file_name().is_some_and(|name| directory_of(path).join(name).is_symlink());
    if bytes.ends_with(b"/") && is_link { Err(Errno::ENOTDIR.into()) } else { Ok(()) }
}

/// Makes a copy that then takes its name. What is told of is the name, not where the copy was made.
fn copy_and_take_name(from: &Path, copy: &Path, to: &Path, goes_on: &dyn Fn() -> bool) -> Result<(), Failure> {
    let failed = |error| Failure { from: from.into(), to: to.into(), error };
    let found = from.symlink_metadata().map_err(failed)?;
    Copying::new(goes_on, true)
        .copy(from, copy, found.file_type())
        .map_err(|failure| Failure { to: renamed(&failure.to, copy, to), ..failure })?;
    // A directory that is moved to another is written to: `..` in it changes. Source: rename(2), EACCES.
    let is_protected = found.is_dir() && found.mode() & 0o200 == 0;
    let set = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed);
    if is_protected {
        set(copy, found.mode() & MODE | 0o200)?;
    }
    fs::rename(copy, to).map_err(failed)?;
    if is_protected { set(to, found.mode() & MODE) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_given_away_has_the_rights_of_no_owner() {
        let place = tempfile::tempdir().expect("there is room");
        let path = place.path().join("tool");
        fs::write(&path, "").expect("there is room");
        fs::set_permissions(&path, Permissions::from_mode(0o6751)).expect("it is ours");
        let found = path.metadata().expect("it is there");
        let refused = |_, _| Err(Errno::EPERM.into());
        for (keeps_owner, when_given) in [(true, 0o6751), (false, 0o751)] {
            let mut copying = Copying::new(&|| true, keeps_owner);
            let mut mode = |found: &Metadata, look: &Metadata, is_given: bool| {
                let give = |uid, gid| if is_given { Ok(()) } else { refused(uid, gid) };
                copying.own(found, || Ok(look.clone()), give).expect("it is looked at")
            };
            assert_eq!(mode(&found, &found, false), 0o6751);
            // It belongs to root, or where that is who we are, to a group of the system.
            let other = Path::new("/proc/1/stat").metadata().expect("there is an init");
            if owner_of(&other) != owner_of(&found) {
                assert_eq!((mode(&found, &other, false), mode(&found, &other, true)), (0o751, when_given));
            }
        }
    }
}
