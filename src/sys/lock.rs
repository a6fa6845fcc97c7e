//! Locks on files. Source: flock(2); `/proc/locks` of proc(5).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file on the way to its lock.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    path: PathBuf,
}

/// A lock that this process has; it is given back when this is dropped.
#[derive(Debug)]
pub struct Locked(LockFile);

/// What names a file for as long as it is open.
pub type Identity = (u64, u64);

impl LockFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Which file it is.
    ///
    /// # Errors
    ///
    /// As fstat(2).
    pub fn identity(&self) -> io::Result<Identity> {
        let found = self.file.metadata()?;
        Ok((found.dev(), found.ino()))
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
            Ok(()) => Ok(Some(Locked(self.try_clone()?))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Waits until nobody has the lock and takes it: for a thread that has nothing else to do.
    ///
    /// # Errors
    ///
    /// As flock(2).
    pub fn lock(self) -> io::Result<Locked> {
        self.file.lock()?;
        Ok(Locked(self))
    }
}

impl Locked {
    /// Whether the path still leads to the file: a lock of one that was removed, or replaced, excludes nobody.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let there = self.0.path.metadata().map(|found| (found.dev(), found.ino())).ok();
        there.is_some() && there == self.0.identity().ok()
    }

    /// Writes the number of this process into the file.
    pub fn tell_holder(&mut self) {
        let file = &mut self.0.file;
        // Who has it, the kernel says as well: a disk that is full is no reason not to have it.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Whoever gets it next is not told of this process by an old number.
        let _ = self.0.file.set_len(0);
        // Of every handle, whoever inherited one.
        let _ = self.0.file.unlock();
    }
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
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let inode = file.metadata()?.ino();
    if let Ok(locks) = std::fs::read_to_string("/proc/locks") {
        return Ok(locks.lines().find_map(|line| of_line(line, inode)));
    }
    // Where the kernel does not tell, the file does.
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.trim().parse().ok())
}

/// The holder in a line such as `3: FLOCK  ADVISORY  WRITE 1234 08:01:4711 0 EOF`; one that waits has `->` in it.
fn of_line(line: &str, inode: u64) -> Option<i32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let [kind, _, _, pid, file] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let is_it = file.rsplit(':').next()?.parse() == Ok(inode);
    (kind == "FLOCK" && is_it).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_names_the_holder_and_not_who_waits() {
        assert_eq!(of_line("3: FLOCK  ADVISORY  WRITE 1234 08:01:4711 0 EOF", 4711), Some(1234));
        assert_eq!(of_line("3: -> FLOCK  ADVISORY  WRITE 1235 08:01:4711 0 EOF", 4711), None);
        assert_eq!(of_line("3: POSIX  ADVISORY  WRITE 1234 08:01:4711 0 EOF", 4711), None);
        assert_eq!(of_line("3: FLOCK  ADVISORY  WRITE 1234 08:01:4712 0 EOF", 4711), None);
    }
}
