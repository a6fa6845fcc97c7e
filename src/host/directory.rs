//! The working directory: where the script is, where a handler runs, and the way back.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::State;
use crate::sys::descriptor::Directory;

/// What was seen of the working directory is still so when the clock is looked at within this time, unless the script has
/// run a command or changed files.
const FRESH: Duration = Duration::from_millis(1);

impl<H> State<H> {
    /// The working directory that the script believes in; it may have been removed.
    #[must_use]
    pub fn directory(&self) -> Rc<Path> {
        Rc::clone(&self.directory.borrow())
    }

    /// Whether the working directory still has its name. Seen once in a while: a million handlers ask.
    fn is_still_there(&self, directory: &Path) -> bool {
        if self.seen.get().is_some() {
            return true;
        }
        let is_there = std::env::set_current_dir(directory).is_ok();
        self.seen.set(is_there.then(Instant::now));
        is_there
    }

    /// What was seen of the working directory is old news: a command runs, or a file is changed.
    pub fn distrust_directory(&self) {
        self.seen.set(None);
    }

    /// The clock was looked at.
    pub(super) fn distrust_directory_if_old(&self, now: Instant) {
        if self.seen.get().is_some_and(|seen| now.duration_since(seen) >= FRESH) {
            self.distrust_directory();
        }
    }

    /// Changes the working directory.
    ///
    /// # Errors
    ///
    /// As chdir(2).
    pub fn change_directory(&self, path: &Path) -> io::Result<()> {
        if let Some(way_back @ None) = &mut *self.way_back.borrow_mut() {
            *way_back = Directory::current().ok();
        }
        std::env::set_current_dir(path)?;
        self.distrust_directory();
        // As the kernel names it: without links and `..`.
        *self.directory.borrow_mut() = std::env::current_dir()?.into();
        Ok(())
    }

    /// Runs a handler in a directory, or the nearest above it that still exists, and comes back to where it was;
    /// also to a directory that is gone meanwhile, or has another name.
    pub fn visit<T>(&self, directory: &Rc<Path>, run: impl FnOnce() -> T) -> T {
        let before = self.directory();
        // Most are there already, and stay: the others need a way back that has no name.
        let is_there = Rc::ptr_eq(&before, directory) && self.is_still_there(directory);
        let way_back = if is_there { None } else { Directory::current().ok() };
        let outer = self.way_back.replace(Some(way_back));
        if !is_there {
            self.distrust_directory();
            let nearest = directory.ancestors().find(|ancestor| std::env::set_current_dir(ancestor).is_ok());
            if let Some(nearest) = nearest {
                *self.directory.borrow_mut() =
                    if nearest == &**directory { Rc::clone(directory) } else { nearest.into() };
            }
        }
        let result = run();
        let way_back = self.way_back.replace(outer).flatten();
        if !Rc::ptr_eq(&self.directory(), &before) {
            self.distrust_directory();
            let is_back = way_back.is_some_and(|way_back| way_back.enter().is_ok());
            if is_back || std::env::set_current_dir(&before).is_ok() {
                *self.directory.borrow_mut() = before;
            }
        }
        result
    }
}
