//! Writing the report of a run.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

use super::{PATIENCE, State};
use crate::sys::descriptor::{self, Access, PIECE, wait_writable_for};
use crate::sys::quiet_write;
use crate::sys::replace::replace;

impl<H> State<H> {
    /// Writes the report in one step: a reader sees the file that was there, or the whole new one. What is no regular
    /// file, as `/dev/stderr` or a pipe, is written as it is, and its reader is waited for no longer than others are.
    ///
    /// # Errors
    ///
    /// As open(2), write(2), rename(2).
    pub fn write_report(&self, path: &Path, text: &str) -> io::Result<()> {
        // Where `/dev/stderr` leads to need not have a name.
        let is_file = path.metadata().map_or(true, |found| found.is_file());
        if is_file && replace(path, None, |file| file.write_all(text.as_bytes()))? {
            return Ok(());
        }
        let file = self.open(path, Access::Write, Instant::now().checked_add(PATIENCE))?;
        descriptor::empty(&file)?;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            if !wait_writable_for(file.as_fd(), PATIENCE) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let count = quiet_write::write(&file, &rest[..rest.len().min(PIECE)])?;
            rest = &rest[count..];
        }
        Ok(())
    }
}
