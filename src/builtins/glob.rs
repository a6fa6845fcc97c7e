//! Patterns of paths, matched part by part.

use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// Why nothing can be found.
#[derive(Debug)]
pub enum Error {
    /// The pattern is none.
    Pattern(String),
    /// A directory cannot be listed.
    Unreadable(PathBuf, io::Error),
}

/// A part of a pattern, between slashes.
enum Part {
    /// A name as it is.
    Name(PathBuf),
    /// Names that match one of these; those with a dot at the beginning only if that has one.
    Pattern(Vec<(GlobMatcher, bool)>),
    /// Any number of directories: `**`.
    Deep,
}

/// The paths that match a pattern: `*` and `?` are of one part, `[…]` and `{…,…}` as well, and `**` is any number of
/// directories, none of them a link.
///
/// # Arguments
///
/// `goes_on` is asked before every directory.
///
/// # Returns
///
/// What was found, sorted; with a slash at its end where the pattern has one, which only directories match.
///
/// # Errors
///
/// [`Error`]; [`io::ErrorKind::Interrupted`] in it if it does not go on.
pub fn find(pattern: &Path, goes_on: &dyn Fn() -> bool) -> Result<Vec<PathBuf>, Error> {
    let bytes = pattern.as_os_str().as_bytes();
    let parts: Vec<Part> =
        bytes.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(part).collect::<Result<_, _>>()?;
    let mut search = Search { goes_on, found: Vec::new(), is_directory: bytes.ends_with(b"/") };
    let start = if bytes.starts_with(b"/") { PathBuf::from("/") } else { PathBuf::new() };
    search.go(start, &parts)?;
    search.found.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    search.found.dedup();
    Ok(search.found)
}

fn part(part: &[u8]) -> Result<Part, Error> {
    if part == b"**" {
        return Ok(Part::Deep);
    }
    if !part.iter().any(|byte| b"*?[{\\".contains(byte)) {
        return Ok(Part::Name(std::ffi::OsString::from_vec(part.to_vec()).into()));
    }
    let shown = String::from_utf8_lossy(part);
    let text = std::str::from_utf8(part).map_err(|_| Error::Pattern(format!("the pattern `{shown}` is not UTF-8")))?;
    let matcher = |text: &str| {
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).empty_alternates(true).build();
        let glob = glob.map_err(|error| Error::Pattern(format!("`{shown}` is no pattern: {}", error.kind())))?;
        Ok((glob.compile_matcher(), text.starts_with('.')))
    };
    // What is told of is the pattern that was given.
    matcher(text)?;
    Ok(Part::Pattern(beginnings(text).iter().map(|text| matcher(text)).collect::<Result<_, _>>()?))
}

/// The patterns that a pattern stands for which begins with `{a,b}`: one may begin with a dot, and another not.
fn beginnings(pattern: &str) -> Vec<String> {
    let Some(ends) = ends_of_alternatives(pattern) else { return vec![pattern.to_string()] };
    let rest = &pattern[ends[ends.len() - 1] + 1..];
    let all = ends.windows(2).map(|ends| format!("{}{rest}", &pattern[ends[0] + 1..ends[1]]));
    let mut all: Vec<String> = all.flat_map(|pattern| beginnings(&pattern)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Where the brace that a pattern begins with opens, where its commas are, and where it closes.
fn ends_of_alternatives(pattern: &str) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let (mut depth, mut is_escaped) = (0, false);
    // How many characters a class has so far, beside what turns it round: a `]` at its beginning is one of them.
    let mut class: Option<usize> = None;
    for (at, letter) in pattern.char_indices() {
        if let Some(count) = class {
            class = match letter {
                ']' if count > 0 => None,
                '!' | '^' if count == 0 && pattern[..at].ends_with('[') => class,
                _ => Some(count + 1),
            };
            continue;
        }
        match letter {
            // A comma that is escaped divides nothing.
            _ if is_escaped => {
                is_escaped = false;
                continue;
            }
            '\\' => is_escaped = true,
            '[' => class = Some(0),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let is_end = matches!((letter, depth), ('{' | ',', 1) | ('}', 0));
        if is_end {
            ends.push(at);
        }
        if depth == 0 {
            return Some(ends).filter(|ends| ends.len() > 1);
        }
    }
    None
}

fn is_hidden(name: &Path) -> bool {
    name.as_os_str().as_bytes().starts_with(b".")
}

struct Search<'a> {
    goes_on: &'a dyn Fn() -> bool,
    found: Vec<PathBuf>,
    /// Whether only directories match.
    is_directory: bool,
}

impl Search<'_> {
    fn go(&mut self, at: PathBuf, parts: &[Part]) -> Result<(), Error> {
        let Some((part, rest)) = parts.split_first() else {
            self.take(at);
            return Ok(());
        };
        match part {
            Part::Name(name) => {
                let next = at.join(name);
                if next.symlink_metadata().is_ok() { self.go(next, rest) } else { Ok(()) }
            }
            Part::Pattern(matchers) => {
                for (name, kind) in self.list(&at)? {
                    if matchers.iter().any(|(matcher, dots)| (*dots || !is_hidden(&name)) && matcher.is_match(&name)) {
                        let next = at.join(name);
                        if rest.is_empty() || kind.is_dir() || next.is_dir() {
                            self.go(next, rest)?;
                        }
                    }
                }
                Ok(())
            }
            Part::Deep => {
                if !rest.is_empty() {
                    self.go(at.clone(), rest)?;
                }
                for (name, kind) in self.list(&at)? {
                    if is_hidden(&name) {
                        continue;
                    }
                    let next = at.join(name);
                    if rest.is_empty() {
                        self.take(next.clone());
                    }
                    if kind.is_dir() {
                        self.go(next, parts)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn take(&mut self, path: PathBuf) {
        if !self.is_directory {
            self.found.push(path);
        } else if path.is_dir() {
            // With a slash at its end, as the root has already.
            self.found.push(path.join(""));
        }
    }

    /// The names in a directory; of what is none, nothing.
    fn list(&self, at: &Path) -> Result<Vec<(PathBuf, fs::FileType)>, Error> {
        let place = if at.as_os_str().is_empty() { Path::new(".") } else { at };
        let failed = |error: io::Error| Error::Unreadable(place.into(), error);
        if !(self.goes_on)() {
            return Err(failed(io::ErrorKind::Interrupted.into()));
        }
        let entries = match fs::read_dir(place) {
            Ok(entries) => entries,
            // What went away meanwhile, or never was a directory, has no names.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(error)),
        };
        let named = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            Ok((PathBuf::from(entry.file_name()), entry.file_type()?))
        };
        entries.map(named).collect::<io::Result<_>>().map_err(failed)
    }
}
