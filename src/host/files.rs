//! Reading and writing files, of any kind: a wait ends with the run.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::State;
use super::streams::MOST_CAPTURED;
use crate::sys::descriptor::{self, Access, Interest};
use crate::sys::memory;
use crate::sys::quiet_write;
use crate::sys::replace::replace;

/// So much is read or written before it is asked whether to go on.
const PIECE: usize = 1 << 20;

/// A boundary of pages.
const PAGE: usize = 4096;

impl<H> State<H> {
    /// Reads a file to its end, a device or a named pipe as well.
    ///
    /// # Errors
    ///
    /// As open(2) and read(2); [`io::ErrorKind::Interrupted`] if what runs must stop, [`io::ErrorKind::FileTooLarge`] if
    /// it is longer than a string can be, [`io::ErrorKind::OutOfMemory`].
    pub fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = File::from(self.open(path, Access::Read, None)?);
        let found = file.metadata()?;
        let mut all = Vec::new();
        all.try_reserve_exact(usize::try_from(found.len()).unwrap_or(0).min(MOST_CAPTURED))?;
        self.read_pieces(&file, &found, |piece| {
            if all.len() + piece.len() > MOST_CAPTURED {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            all.try_reserve(piece.len())?;
            memory::map_ahead(all.spare_capacity_mut().as_ptr().cast(), piece.len());
            all.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(all)
    }

    /// Reads a file to its end, and gives what was read piece by piece.
    ///
    /// # Errors
    ///
    /// As [`State::read_file`]; what `take` returns.
    pub fn each_piece(&self, path: &Path, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let file = File::from(self.open(path, Access::Read, None)?);
        let found = file.metadata()?;
        self.read_pieces(&file, &found, take)
    }

    fn read_pieces(
        &self,
        file: &File,
        found: &Metadata,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        // To clear a large buffer takes longer than to read a short file. What says that it is empty need not be.
        let most = match usize::try_from(found.len()) {
            Ok(length @ 1..PIECE) => length,
            _ => PIECE,
        };
        // Large blocks begin 16 bytes behind the start of a page, where some processors copy at a fifth of their speed.
        let mut buffer = vec![0; most + PAGE];
        let start = buffer.as_ptr().align_offset(PAGE).min(PAGE);
        let buffer = &mut buffer[start..][..most];
        loop {
            // A regular file keeps nobody waiting.
            if found.is_file() {
                self.go_on()?;
            } else if !self.wait_readable(file.as_fd())? {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match descriptor::read(file, buffer)? {
                0 => return Ok(()),
                count => take(&buffer[..count])?,
            }
        }
    }

    /// Whether what runs goes on.
    fn go_on(&self) -> io::Result<()> {
        if self.stopped() { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Gives a file a new content, in one step where that can be.
    ///
    /// # Arguments
    ///
    /// The permissions, if they are not to be what they are or what the umask leaves.
    ///
    /// # Errors
    ///
    /// As open(2), write(2) and rename(2); [`io::ErrorKind::Interrupted`] if what runs must stop.
    pub fn write_file(&self, path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
        let fill = |file: &mut File| {
            for piece in bytes.chunks(PIECE) {
                self.go_on()?;
                file.write_all(piece)?;
            }
            Ok(())
        };
        if replace(path, mode, fill)? {
            return Ok(());
        }
        let file = self.open(path, Access::Write, None)?;
        if let Some(mode) = mode.filter(|_| path.is_file()) {
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        descriptor::empty(&file)?;
        self.fill(&file, path, bytes)
    }

    /// Writes at the end of a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// As open(2) and write(2); [`io::ErrorKind::Interrupted`] if what runs must stop.
    pub fn append_to_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.open(path, Access::Write, None)?;
        descriptor::append_to(&file)?;
        self.fill(&file, path, bytes)
    }

    fn fill(&self, file: &OwnedFd, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if descriptor::is_named_pipe(path) {
            descriptor::set_nonblocking(file)?;
        } else if descriptor::is_own_output(file) {
            // What was printed comes first. That it cannot be written is told where the next is printed.
            let _ = self.flush();
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            self.go_on()?;
            match quiet_write::write(file, &rest[..rest.len().min(PIECE)]) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.block(&[(file.as_fd(), Interest::Writable)], None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Makes a private directory of a new name.
///
/// # Errors
///
/// As mkdir(2).
pub fn temporary_directory(place: &Path) -> io::Result<PathBuf> {
    // Whoever asks removes it.
    Ok(tempfile::Builder::new().prefix("stagesh-").permissions(Permissions::from_mode(0o700)).tempdir_in(place)?.keep())
}

/// Makes a private file of a new name.
///
/// # Errors
///
/// As open(2).
pub fn temporary_file(place: &Path) -> io::Result<PathBuf> {
    Ok(tempfile::Builder::new().prefix("stagesh-").tempfile_in(place)?.into_temp_path().keep()?)
}
