//! The working directory: where the script is, where a handler runs, and the way back.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::State;
use crate::sys::descriptor::Directory;
use crate::sys::identity::{Identity, identity};
use crate::sys::replace::renamed;

/// What was seen of the working directory is believed until the script runs a command, changes files or waits, and no longer
/// than this where the clock is looked at.
const FRESH: Duration = Duration::from_millis(1);

/// A directory that is or was the working directory, by its name: by the new one, once it is seen to be renamed.
#[derive(Debug)]
pub struct Place {
    path: RefCell<Rc<Path>>,
    /// Whatever it is called; asked when a handler is to run there.
    identity: Cell<Option<Identity>>,
}

impl Place {
    fn path(&self) -> Rc<Path> {
        Rc::clone(&self.path.borrow())
    }
}

/// The working directory, and those that handlers are to run in.
#[derive(Debug)]
pub(super) struct Places {
    here: Rc<Place>,
    all: Vec<Weak<Place>>,
}

impl Places {
    pub(super) fn new(path: &Path) -> Self {
        let here = Rc::new(Place { path: RefCell::new(path.into()), identity: Cell::new(None) });
        Self { all: vec![Rc::downgrade(&here)], here }
    }

    fn enter(&mut self, path: &Path) {
        let Self { here, all } = Self::new(path);
        self.here = here;
        if self.all.len() == self.all.capacity() {
            // Not each time: a million handlers may have a place each.
            self.all.retain(|place| place.strong_count() > 0);
        }
        self.all.extend(all);
    }

    /// A directory has another name, and so has what is in it.
    fn rename(&self, from: &Path, to: &Path) {
        for place in self.all.iter().filter_map(Weak::upgrade) {
            let path = place.path();
            if path.starts_with(from) {
                place.path.replace(renamed(&path, from, to).into());
            }
        }
    }

    /// The working directory was found to have another name. Which directory above it was renamed is not known, nor whether it
    /// was moved out of one that stays: so have those another name that are there by it.
    fn follow(&self, name: &Path) {
        let path = self.here.path.replace(name.into());
        let mut pairs: Vec<(&Path, &Path)> = vec![(&path, name)];
        while let Some((from, to)) = pairs.last()
            && from.file_name() == to.file_name()
            && let (Some(from), Some(to)) = (from.parent(), to.parent())
        {
            pairs.push((from, to));
        }
        for place in self.all.iter().filter_map(Weak::upgrade) {
            let path = place.path();
            let mut candidates = pairs.iter().rev().filter(|(from, _)| path.starts_with(from));
            let is_it = |path: &Path| identity_of(path).is_some_and(|found| place.identity.get() == Some(found));
            if let Some(now) = candidates.find_map(|(from, to)| Some(renamed(&path, from, to)).filter(|now| is_it(now)))
            {
                place.path.replace(now.into());
            }
        }
    }
}

fn identity_of(path: &Path) -> Option<Identity> {
    path.metadata().ok().map(|found| identity(&found))
}

impl<H> State<H> {
    /// The script has given a directory another name, which may be on another file system: then the working directory in it
    /// is another one, too.
    pub fn follow_rename(&self, from: &Path, to: &Path) {
        let is_moved = self.places.borrow().here.path().starts_with(from);
        self.places.borrow().rename(from, to);
        if is_moved && !self.look_at_directory() {
            let _ = std::env::set_current_dir(self.directory());
        }
    }

    /// The name of the working directory; of one that was removed, the name that it had.
    pub fn directory(&self) -> Rc<Path> {
        self.look_at_directory();
        self.places.borrow().here.path()
    }

    /// The working directory, for handlers that are to run there.
    pub fn place(&self) -> Rc<Place> {
        self.look_at_directory();
        let place = Rc::clone(&self.places.borrow().here);
        if place.identity.get().is_none() {
            place.identity.set(identity_of(Path::new(".")));
        }
        place
    }

    /// Whether the working directory is this one or below it. One that was removed is nowhere.
    pub fn is_within(&self, path: &Path) -> bool {
        self.look_at_directory() && self.places.borrow().here.path().starts_with(path)
    }

    /// Finds out how the working directory is called now. Once in a while: a million handlers ask.
    ///
    /// # Returns
    ///
    /// Whether it has a name: it has none when it was removed.
    fn look_at_directory(&self) -> bool {
        if self.seen.get().is_some() {
            return true;
        }
        let Ok(name) = std::env::current_dir() else { return false };
        let places = self.places.borrow();
        // Only the host goes elsewhere: it was renamed, or moved.
        if *places.here.path() != *name {
            places.follow(&name);
        }
        self.seen.set(Some(Instant::now()));
        true
    }

    /// What was seen of the working directory is old news.
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
        // A new name that it has got goes with the handlers that are to run there: this is the last time that it can be seen.
        self.distrust_directory();
        self.look_at_directory();
        if let Some(way_back @ None) = &mut *self.way_back.borrow_mut() {
            *way_back = Directory::current().ok();
        }
        std::env::set_current_dir(path)?;
        self.distrust_directory();
        // As the kernel names it: without links and `..`.
        self.places.borrow_mut().enter(&std::env::current_dir()?);
        Ok(())
    }

    /// Runs a handler in a directory, or the nearest above it that still exists, and comes back to where it was;
    /// also to a directory that is gone meanwhile, or has another name.
    pub fn visit<T>(&self, place: &Rc<Place>, run: impl FnOnce() -> T) -> T {
        let before = self.place();
        // Most are there already, and stay: the others need a way back that has no name.
        let is_there = Rc::ptr_eq(&before, place) && self.look_at_directory();
        let way_back = if is_there { None } else { Directory::current().ok() };
        let outer = self.way_back.replace(Some(way_back));
        if !is_there {
            self.distrust_directory();
            let path = place.path();
            let nearest = path.ancestors().find(|ancestor| std::env::set_current_dir(ancestor).is_ok());
            match nearest {
                Some(nearest) if *nearest == *path => self.places.borrow_mut().here = Rc::clone(place),
                Some(nearest) => self.places.borrow_mut().enter(nearest),
                None => {}
            }
        }
        let result = run();
        let way_back = self.way_back.replace(outer).flatten();
        if !Rc::ptr_eq(&self.place(), &before) {
            self.distrust_directory();
            let is_back = way_back.is_some_and(|way_back| way_back.enter().is_ok())
                || std::env::set_current_dir(before.path()).is_ok();
            if is_back {
                self.places.borrow_mut().here = before;
            }
        }
        result
    }
}
