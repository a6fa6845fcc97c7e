//! What was typed at the prompt, in this session and before.
//!
//! rustyline's own history reads its file before the first prompt, writes it at the end of a session, and takes two
//! sessions for one. Here an entry is in the file once it is added, and no prompt waits for the file.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustyline::Result;
use rustyline::history::{History as Backend, SearchDirection, SearchResult};

use super::history_entries::{Entries, line_of};
use super::history_file as file;
use crate::host::reason;

/// So many entries are kept.
const MOST_ENTRIES: usize = 100_000;

/// The file is rewritten when it has so many lines beyond those that are kept, and a quarter more.
const LEAST_SURPLUS: usize = 1000;

/// What was typed. For rustyline it has always as many places as are kept at most, of which the last are filled: so the
/// place of the newest is known before anything is read.
pub struct History {
    path: Option<PathBuf>,
    entries: OnceCell<Entries>,
    /// What reads the file meanwhile.
    reader: Cell<Option<JoinHandle<Parsed>>>,
    /// What was added before the file was read.
    early: Vec<String>,
    /// The lines that the file has, as far as is known here.
    lines: Cell<usize>,
    most: usize,
    surplus: usize,
    problem: RefCell<Option<String>>,
    has_problem: Cell<bool>,
}

/// Where the history is. Source: the XDG Base Directory Specification, by which a relative path counts as none.
///
/// # Arguments
///
/// What gives a variable of the environment.
///
/// # Returns
///
/// `None` if there is no home: then the history is kept in memory.
#[must_use]
pub fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("stagesh/history"))
}

/// The newest entry that begins so and is longer: where rustyline asks for a hint it gives no more of a history than
/// this.
#[must_use]
pub fn hint<'h>(history: &'h dyn Backend, prefix: &str) -> Option<Cow<'h, str>> {
    let find = |from: Option<usize>| history.starts_with(prefix, from?, SearchDirection::Reverse).ok()?;
    let newest = find(history.len().checked_sub(1))?;
    // There is but one that is the prefix itself.
    let found = if newest.entry.len() == prefix.len() { find(newest.idx.checked_sub(1))? } else { newest };
    Some(found.entry)
}

/// The entries of a file, and how many lines it has, as far as is known.
type Parsed = io::Result<(Entries, usize)>;

fn parsed(path: &Path, most: usize) -> Parsed {
    let content = file::read(path)?;
    let (entries, lines) = Entries::parse(content.lines, most);
    Ok((entries, if content.is_cut { usize::MAX } else { lines }))
}

impl History {
    /// A history in that file, which is made when something is added; in memory if there is none.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            entries: OnceCell::new(),
            reader: Cell::default(),
            early: Vec::new(),
            lines: Cell::new(0),
            most: MOST_ENTRIES,
            surplus: LEAST_SURPLUS,
            problem: RefCell::default(),
            has_problem: Cell::new(false),
        }
    }

    /// What is wrong with the file, once: the history goes on in memory.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.take()
    }

    /// The entries, read when this is called for the first time.
    fn known(&self) -> &Entries {
        self.entries.get_or_init(|| {
            let mut entries = self.read();
            self.early.iter().for_each(|entry| entries.push(entry, self.most));
            entries
        })
    }

    /// Begins to read the file while a person looks at the prompt.
    pub fn begin_reading(&self) {
        let Some(path) = self.path.clone() else { return };
        let most = self.most;
        let thread = std::thread::Builder::new().name("history".into());
        // Without a thread it is read when it is looked at.
        self.reader.set(thread.spawn(move || parsed(&path, most)).ok());
    }

    fn read(&self) -> Entries {
        let Some(path) = &self.path else { return Entries::default() };
        let early = self.reader.take().and_then(|reader| reader.join().ok());
        let (entries, lines) = early.unwrap_or_else(|| parsed(path, self.most)).unwrap_or_else(|error| {
            self.note("read", &error);
            Default::default()
        });
        self.lines.set(lines);
        entries
    }

    fn note(&self, action: &str, error: &io::Error) {
        if let Some(path) = self.path.as_ref().filter(|_| !self.has_problem.replace(true)) {
            let why = reason(error);
            let text = format!("cannot {action} the history `{}`, which stays in memory: {why}", path.display());
            self.problem.replace(Some(text));
        }
    }

    fn keep(&mut self, entry: &str) -> bool {
        if entry.trim().is_empty() || entry.starts_with(char::is_whitespace) {
            return false;
        }
        if let Some(path) = &self.path {
            match file::append(path, &line_of(entry)) {
                Ok(()) => self.lines.set(self.lines.get().saturating_add(1)),
                Err(error) => self.note("write", &error),
            }
        }
        match self.entries.get_mut() {
            None => self.early.push(entry.to_string()),
            Some(entries) => {
                entries.push(entry, self.most);
                let kept = entries.len();
                if self.lines.get() > kept + self.surplus.max(kept / 4) {
                    self.compact();
                    // If it could not be done, it can wait as well.
                    self.lines.set(kept);
                }
            }
        }
        true
    }

    /// Takes from the file what is there twice, or too old.
    fn compact(&self) {
        let make = |content: file::Content| Entries::parse(content.lines, self.most).0.to_file();
        if let Some(Err(error)) = self.path.as_deref().map(|path| file::rewrite(path, make)) {
            self.note("rewrite", &error);
        }
    }

    /// The entry at a place of rustyline's; where there is none, the nearest in that direction.
    fn at(&self, place: usize, direction: SearchDirection) -> Option<usize> {
        let count = self.known().len();
        let empty = MOST_ENTRIES - count;
        match direction {
            SearchDirection::Reverse => place.min(MOST_ENTRIES - 1).checked_sub(empty).filter(|_| count > 0),
            SearchDirection::Forward => Some(place.saturating_sub(empty)).filter(|index| *index < count),
        }
    }

    fn result(&self, index: usize, pos: usize) -> SearchResult<'_> {
        let entries = self.known();
        SearchResult { entry: entries.get(index), idx: MOST_ENTRIES - entries.len() + index, pos }
    }
}

impl Backend for History {
    fn get(&self, index: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        Ok(self.at(index, dir).map(|index| self.result(index, 0)))
    }

    fn add(&mut self, line: &str) -> Result<bool> {
        Ok(self.keep(line))
    }

    fn add_owned(&mut self, line: String) -> Result<bool> {
        Ok(self.keep(&line))
    }

    fn len(&self) -> usize {
        MOST_ENTRIES
    }

    fn is_empty(&self) -> bool {
        self.known().is_empty()
    }

    fn set_max_len(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn ignore_dups(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    fn ignore_space(&mut self, _: bool) {}

    // The file has its entries already.
    fn save(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        self.entries = OnceCell::from(Entries::default());
        Ok(())
    }

    fn search(&self, term: &str, start: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        let found = self.at(start, dir).and_then(|from| self.known().search(term, from, dir));
        Ok(found.map(|(index, at)| self.result(index, at)))
    }

    fn starts_with(&self, term: &str, start: usize, dir: SearchDirection) -> Result<Option<SearchResult<'_>>> {
        let found = self.at(start, dir).and_then(|from| self.known().begins(term, from, dir));
        Ok(found.map(|index| self.result(index, term.len())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::sys::replace::directory_of;

    /// A directory that is removed in the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("stagesh-history-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).expect("the name is new");
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("state/stagesh/history")
        }

        fn history(&self) -> History {
            History::new(Some(self.file()))
        }

        fn write(&self, content: &[u8]) {
            std::fs::create_dir_all(directory_of(&self.file())).expect("it can be made");
            std::fs::write(self.file(), content).expect("it can be written");
        }

        fn content(&self) -> Vec<u8> {
            std::fs::read(self.file()).expect("there is a file")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn all(history: &History) -> Vec<Cow<'_, str>> {
        let known = history.known();
        (0..known.len()).map(|index| known.get(index)).collect()
    }

    fn add(history: &mut History, entries: &[&str]) {
        for entry in entries {
            assert!(history.add(entry).expect("it never fails"), "{entry}");
        }
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("it is there").mode() & 0o777
    }

    #[test]
    fn an_entry_is_in_the_file_at_once_and_the_next_session_has_it() {
        let scratch = Scratch::new();
        let mut history = scratch.history();
        let entries = ["let a = 1;", "fn f() {\n    \"\\n\"\n}", "print(\"ä\\\\\")", "\\", "a\\nb"];
        add(&mut history, &entries);
        assert_eq!(scratch.content().iter().filter(|byte| **byte == b'\n').count(), entries.len());
        assert_eq!(all(&scratch.history()), entries);
        assert_eq!(all(&history), entries);
        assert_eq!(history.problem(), None);
    }

    #[test]
    fn nobody_else_can_read_the_file() {
        let scratch = Scratch::new();
        add(&mut scratch.history(), &["a"]);
        assert_eq!(mode(&scratch.file()), 0o600);
        assert_eq!([mode(directory_of(&scratch.file())), mode(&scratch.0.join("state"))], [0o700, 0o700]);
        let wide = || std::fs::set_permissions(scratch.file(), Permissions::from_mode(0o664)).expect("it is ours");
        wide();
        assert_eq!(all(&scratch.history()), ["a"]);
        assert_eq!(mode(&scratch.file()), 0o600);
        wide();
        add(&mut scratch.history(), &["b"]);
        assert_eq!(mode(&scratch.file()), 0o600);
    }

    #[test]
    fn nothing_is_read_before_it_is_looked_at() {
        let scratch = Scratch::new();
        scratch.write(b"old\n");
        let mut history = scratch.history();
        assert_eq!(history.len(), MOST_ENTRIES);
        add(&mut history, &["new"]);
        assert!(history.entries.get().is_none());
        assert_eq!(hint(&history, "o").as_deref(), Some("old"));
        assert_eq!(all(&history), ["old", "new"]);
    }

    #[test]
    fn what_comes_again_moves_to_the_end() {
        let scratch = Scratch::new();
        let mut history = scratch.history();
        add(&mut history, &["a", "b", "c", "a"]);
        assert_eq!(all(&history), ["b", "c", "a"]);
        add(&mut history, &["b"]);
        assert_eq!(all(&history), ["c", "a", "b"]);
        assert_eq!(all(&scratch.history()), ["c", "a", "b"]);
        assert_eq!(scratch.content(), b"a\nb\nc\na\nb\n");
    }

    #[test]
    fn what_begins_with_a_blank_or_is_nothing_is_not_kept() {
        let scratch = Scratch::new();
        let mut history = scratch.history();
        for entry in ["", " ", "\n", " secret", "\tsecret"] {
            assert!(!history.add(entry).expect("it never fails"));
        }
        assert!(history.is_empty() && !scratch.file().exists());
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_skipped() {
        let scratch = Scratch::new();
        scratch.write(b"a\n\xff\xfe\n\n\\q\\\nto");
        assert_eq!(all(&scratch.history()), ["a", "\\q\\"]);
        add(&mut scratch.history(), &["b"]);
        assert_eq!(all(&scratch.history()), ["a", "\\q\\", "b"]);
    }

    #[test]
    fn a_file_that_cannot_be_had_is_told_of_once() {
        let scratch = Scratch::new();
        std::fs::write(scratch.0.join("state"), "").expect("it can be written");
        let mut history = scratch.history();
        add(&mut history, &["a", "b"]);
        let problem = history.problem().expect("there is one");
        let path = scratch.file();
        let expected = format!("cannot write the history `{}`, which stays in memory: not a directory", path.display());
        assert_eq!(problem, expected);
        assert_eq!(all(&history), ["a", "b"]);
        add(&mut history, &["c"]);
        assert_eq!(history.problem(), None);
    }

    #[test]
    fn without_a_file_or_with_a_device_there_is_memory() {
        let scratch = Scratch::new();
        let link = scratch.0.join("link");
        std::os::unix::fs::symlink("/dev/null", &link).expect("it can be made");
        for mut history in [History::new(None), History::new(Some(link))] {
            add(&mut history, &["a", "b"]);
            assert_eq!(all(&history), ["a", "b"]);
            assert_eq!(history.problem(), None);
        }
    }

    #[test]
    fn the_place_is_that_of_the_specification() {
        let place = |xdg: Option<&str>, home: Option<&str>| {
            super::place(|name| if name == "HOME" { home.map(Into::into) } else { xdg.map(Into::into) })
        };
        let of_home = Some("/home/a/.local/state/stagesh/history".into());
        assert_eq!(place(Some("/state"), Some("/home/a")), Some("/state/stagesh/history".into()));
        assert_eq!(place(None, Some("/home/a")), of_home);
        assert_eq!(
            [place(Some(""), Some("/home/a")), place(Some("state"), Some("/home/a"))],
            [of_home.clone(), of_home]
        );
        assert_eq!([place(None, None), place(None, Some(""))], [None, None]);
    }

    #[test]
    fn entries_are_found_in_both_directions() {
        let mut history = History::new(None);
        let many: Vec<String> = (0..1000).map(|n| format!("entry {n} ä")).collect();
        many.iter().for_each(|entry| assert!(history.add(entry).expect("it never fails")));
        let (newest, oldest) = (MOST_ENTRIES - 1, MOST_ENTRIES - 1000);
        let place = |found: Result<Option<SearchResult<'_>>>| found.expect("it never fails").map(|r| (r.idx, r.pos));
        use SearchDirection::{Forward, Reverse};
        assert_eq!(place(history.search("y 7 ", newest, Reverse)), Some((oldest + 7, 4)));
        assert_eq!(place(history.search("y 7 ", oldest + 7, Reverse)), Some((oldest + 7, 4)));
        assert_eq!(place(history.search("y 7 ", oldest + 6, Reverse)), None);
        assert_eq!(place(history.search("y 7 ", oldest + 6, Forward)), Some((oldest + 7, 4)));
        assert_eq!(place(history.search("y 7 ", 0, Forward)), Some((oldest + 7, 4)));
        assert_eq!(place(history.search("y 7 ", oldest + 8, Forward)), None);
        assert_eq!(place(history.search("äe", newest, Reverse)), None);
        assert_eq!(place(history.search("", 7, Reverse)), None);
        assert_eq!(place(history.search("", newest, Reverse)), Some((newest, 0)));
        assert_eq!(place(history.starts_with("entry 99", newest, Reverse)), Some((newest, 8)));
        assert_eq!(place(history.starts_with("entry 99", 0, Forward)), Some((oldest + 99, 8)));
        assert_eq!(place(history.starts_with("ntry", newest, Reverse)), None);
        for n in 0..1000 {
            let found = place(history.search(&format!(" {n} "), newest, Reverse));
            assert_eq!(found, Some((oldest + n, 5)), "{n}");
        }
    }

    #[test]
    fn every_entry_is_at_its_place() {
        let mut history = History::new(None);
        assert!(history.is_empty());
        add(&mut history, &["a", "b"]);
        let get = |place: usize, direction: SearchDirection| {
            history.get(place, direction).expect("it never fails").map(|found| (found.idx, found.entry.into_owned()))
        };
        let (a, b) = ((MOST_ENTRIES - 2, "a".to_string()), (MOST_ENTRIES - 1, "b".to_string()));
        assert_eq!(get(MOST_ENTRIES - 1, SearchDirection::Reverse), Some(b.clone()));
        assert_eq!(get(MOST_ENTRIES - 2, SearchDirection::Reverse), Some(a.clone()));
        assert_eq!(get(MOST_ENTRIES - 3, SearchDirection::Reverse), None);
        // The oldest is asked for so.
        assert_eq!(get(0, SearchDirection::Forward), Some(a));
        assert_eq!(get(MOST_ENTRIES - 1, SearchDirection::Forward), Some(b));
        assert_eq!(get(MOST_ENTRIES, SearchDirection::Forward), None);
    }

    #[test]
    fn a_hint_is_longer_than_what_it_is_for() {
        let mut history = History::new(None);
        assert_eq!(hint(&history, ""), None);
        add(&mut history, &["run(a)", "run(b)", "run", "other"]);
        for (prefix, expected) in
            [("run", Some("run(b)")), ("run(a", Some("run(a)")), ("run(a)", None), ("", Some("other")), ("x", None)]
        {
            assert_eq!(hint(&history, prefix).as_deref(), expected, "{prefix}");
        }
    }

    #[test]
    fn what_is_too_old_goes() {
        let scratch = Scratch::new();
        scratch.write(b"1\n2\n3\n4\n5\n");
        let mut history = History { most: 3, ..scratch.history() };
        assert_eq!(all(&history), ["3", "4", "5"]);
        add(&mut history, &["6"]);
        assert_eq!(all(&history), ["4", "5", "6"]);
    }

    #[test]
    fn a_file_with_much_that_is_not_kept_is_rewritten() {
        let scratch = Scratch::new();
        let mut history = History { most: 4, surplus: 2, ..scratch.history() };
        assert!(history.is_empty());
        add(&mut history, &["a\n", "b", "a\n", "b"]);
        assert_eq!(scratch.content(), b"a\\n\nb\na\\n\nb\n");
        add(&mut scratch.history(), &["of another session"]);
        add(&mut history, &["c"]);
        add(&mut history, &["c"]);
        assert_eq!(scratch.content(), b"a\\n\nb\nof another session\nc\n");
        assert_eq!(mode(&scratch.file()), 0o600);
        add(&mut history, &["d"]);
        assert_eq!(all(&History { most: 4, ..scratch.history() }), ["b", "of another session", "c", "d"]);
        let beside = std::fs::read_dir(directory_of(&scratch.file())).expect("it is a directory").count();
        assert_eq!(beside, 1);
    }

    #[test]
    fn sessions_lose_nothing_of_each_other() {
        let scratch = Scratch::new();
        let add_many = |session: usize, mut history: History| {
            for n in 0..300 {
                // Looked at, so that it is rewritten again and again.
                assert!(n == 0 || !history.is_empty());
                add(&mut history, &[&format!("{session}: {n}\n"), &format!("again, {session}")]);
            }
            assert_eq!(history.problem(), None);
        };
        std::thread::scope(|scope| {
            for session in 0..4 {
                let history = History { surplus: 20, ..scratch.history() };
                scope.spawn(move || add_many(session, history));
            }
        });
        // While they hold it, none of them may have rewritten it: nobody does now.
        let mut last = History { surplus: 20, ..scratch.history() };
        assert!(!last.is_empty());
        add(&mut last, &["last"]);
        let history = scratch.history();
        for session in 0..4 {
            let prefix = format!("{session}: ");
            let own: Vec<Cow<'_, str>> = all(&history).into_iter().filter(|entry| entry.starts_with(&prefix)).collect();
            let expected: Vec<String> = (0..300).map(|n| format!("{session}: {n}\n")).collect();
            assert_eq!(own, expected);
        }
        assert!(history.lines.get() < 4 * 300 * 2, "{} lines: it was never rewritten", history.lines.get());
    }
}
