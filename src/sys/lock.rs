//! Locks on files. Source: flock(2); `/proc/locks` of proc(5).

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use nix::sys::stat::{major, minor};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::identity::{Identity, identity};
use super::process::own_pid;
use super::tree;

/// A file on the way to its lock.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    path: PathBuf,
}

/// A lock that this process has; it is given back when this is dropped.
#[derive(Debug)]
pub struct Locked {
    file: LockFile,
    /// Whether the file has the number of this process.
    has_number: bool,
}

/// Nobody is waited for: a named pipe has a lock as well. Source: fifo(7).
const AT_ONCE: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY);

impl LockFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self { file: options.custom_flags(AT_ONCE.bits()).open(path)?, path: path.to_path_buf() })
    }

    /// Which file it is.
    ///
    /// # Errors
    ///
    /// As fstat(2).
    pub fn identity(&self) -> io::Result<Identity> {
        self.file.metadata().map(|found| identity(&found))
    }

    /// Another handle of the same file, for a thread that waits.
    ///
    /// # Errors
    ///
    /// As dup(2).
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, path: self.path.clone() })
    }

    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    ///
    /// As flock(2).
    pub fn try_lock(&self) -> io::Result<Option<Locked>> {
        match self.file.try_lock() {
            Ok(()) => Ok(Some(Locked { file: self.try_clone()?, has_number: false })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits until nobody has the lock and takes it: for a thread that has nothing else to do. It can be interrupted.
    ///
    /// # Errors
    ///
    /// As flock(2); [`io::ErrorKind::Interrupted`] once it is given up.
    pub fn lock(self, is_given_up: &AtomicBool) -> io::Result<Locked> {
        stagesh_inbox::can_be_interrupted();
        while !is_given_up.load(Ordering::Relaxed) {
            match rustix::fs::flock(&self.file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Locked { file: self, has_number: false }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }
}

impl Locked {
    /// Whether the path still leads to the file: a lock of one that was removed, or replaced, excludes nobody.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let there = self.file.path.metadata().map(|found| identity(&found)).ok();
        there.is_some() && there == self.file.identity().ok()
    }

    /// Writes the number of this process into the file, unless it holds something else than a number: data that is locked.
    pub fn tell_holder(&mut self) {
        let file = &mut self.file.file;
        let mut text = String::new();
        let is_regular = file.metadata().is_ok_and(|found| found.is_file());
        let is_read = is_regular && (&*file).take(MOST_OF_NUMBER).read_to_string(&mut text).is_ok();
        if is_read && (text.is_empty() || number_in(&text).is_some()) {
            self.has_number = true;
            // Who has it, the kernel says as well: a disk that is full is no reason not to have it.
            let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(own_number().as_bytes()));
        }
    }

    /// Whether the number of this process is all that the file holds: the script may have written to it since.
    fn has_nothing_else(&self) -> bool {
        let mut text = [0; MOST_OF_NUMBER as usize];
        let read = self.file.file.read_at(&mut text, 0);
        read.is_ok_and(|read| text[..read] == *own_number().as_bytes())
    }
}

fn own_number() -> String {
    format!("{}\n", own_pid())
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.has_number && self.has_nothing_else() {
            // Whoever gets it next is not told of this process by an old number.
            let _ = self.file.file.set_len(0);
        }
        // Of every handle, whoever inherited one.
        let _ = self.file.file.unlock();
    }
}

/// A file that begins with as many bytes of something else holds no number.
const MOST_OF_NUMBER: u64 = 32;

/// The number of a process that is all of a text.
fn number_in(text: &str) -> Option<i32> {
    text.trim().parse().ok()
}

/// The process that has the lock of a file.
///
/// # Returns
///
/// Its number; `None` if nobody has it, or there is no such file.
///
/// # Errors
///
/// As open(2).
pub fn holder(path: &Path) -> io::Result<Option<i32>> {
    let file = match OpenOptions::new().read(true).custom_flags(AT_ONCE.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if let Ok(locks) = std::fs::read_to_string("/proc/locks") {
        let told: Vec<Told> = locks.lines().filter_map(of_line).filter(|lock| lock.inode == found.ino()).collect();
        let is_alive = |pid: &i32| tree::lookup(*pid).is_some_and(|entry| !entry.zombie);
        let holder = told.iter().find(|lock| lock.is_of(&found)).map(|lock| lock.pid).filter(is_alive);
        // In another namespace the kernel says nothing of a lock whose process has ended.
        let may_be_inherited = !told.is_empty() || !tree::is_initial();
        return Ok(holder.or_else(|| if may_be_inherited { heir(&found) } else { None }));
    }
    // Where the kernel does not tell, the file does.
    let mut text = String::new();
    file.take(MOST_OF_NUMBER).read_to_string(&mut text)?;
    Ok(number_in(&text))
}

/// The process that has inherited the lock of one that has ended, as a shell does that of flock(1). Source:
/// proc_pid_fdinfo(5), `lock:`.
fn heir(file: &Metadata) -> Option<i32> {
    let has_lock = |pid: &i32| {
        let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        open.flatten()
            .filter(|open| std::fs::metadata(open.path()).is_ok_and(|found| identity(&found) == identity(file)))
            .any(|open| {
                let info = format!("/proc/{pid}/fdinfo/{}", open.file_name().display());
                let info = std::fs::read_to_string(info).unwrap_or_default();
                info.lines()
                    .any(|line| line.strip_prefix("lock:").is_some_and(|lock| of_line(lock.trim_start()).is_some()))
            })
    };
    tree::snapshot().into_iter().map(|entry| entry.pid).find(has_lock)
}

/// A lock as the kernel tells of it.
#[derive(PartialEq, Debug)]
struct Told {
    pid: i32,
    /// The numbers of the device.
    major: u32,
    minor: u32,
    inode: u64,
}

impl Told {
    /// Whether it is that of a file. On some file systems, as btrfs and overlays, the device is another one than stat(2)
    /// tells: what the process has open decides, where this one may look.
    fn is_of(&self, file: &Metadata) -> bool {
        if self.inode != file.ino() {
            return false;
        }
        match std::fs::read_dir(format!("/proc/{}/fd", self.pid)) {
            Ok(open) => open
                .flatten()
                .any(|open| std::fs::metadata(open.path()).is_ok_and(|found| identity(&found) == identity(file))),
            Err(_) => (major(file.dev()), minor(file.dev())) == (u64::from(self.major), u64::from(self.minor)),
        }
    }
}

/// The lock of a line such as `3: FLOCK  ADVISORY  WRITE 1234 08:01:4711 0 EOF`, the device in hexadecimal; one that waits
/// has `->` in it.
fn of_line(line: &str) -> Option<Told> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let [kind, _, _, pid, file] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let mut file = file.split(':');
    let mut device = || u32::from_str_radix(file.next()?, 16).ok();
    let (major, minor) = (device()?, device()?);
    let inode = file.next()?.parse().ok()?;
    (kind == "FLOCK").then(|| Some(Told { pid: pid.parse().ok()?, major, minor, inode }))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_names_the_holder_and_not_who_waits() {
        let told = Told { pid: 1234, major: 8, minor: 0x1f, inode: 4711 };
        assert_eq!(of_line("3: FLOCK  ADVISORY  WRITE 1234 08:1f:4711 0 EOF"), Some(told));
        assert_eq!(of_line("3: -> FLOCK  ADVISORY  WRITE 1235 08:1f:4711 0 EOF"), None);
        assert_eq!(of_line("3: POSIX  ADVISORY  WRITE 1234 08:1f:4711 0 EOF"), None);
    }

    #[test]
    fn a_lock_of_another_file_with_the_same_number_is_not_its_lock() {
        let file = tempfile::NamedTempFile::new().expect("there is room");
        let found = file.as_file().metadata().expect("it is there");
        let (major, minor) = (major(found.dev()), minor(found.dev()));
        let lock = |pid: i32, minor: u64| Told {
            pid,
            major: u32::try_from(major).expect("it is small"),
            minor: u32::try_from(minor).expect("it is small"),
            inode: found.ino(),
        };
        // This process has it open, whatever the device is said to be; init, or nobody, has not.
        let own = i32::try_from(std::process::id()).expect("a pid is a pid_t");
        assert!(lock(own, minor).is_of(&found) && lock(own, minor + 1).is_of(&found));
        assert!(lock(i32::MAX, minor).is_of(&found) && !lock(i32::MAX, minor + 1).is_of(&found));
        assert!(!Told { inode: found.ino() + 1, ..lock(own, minor) }.is_of(&found));
    }
}
