//! The log: a file that gets what a run says and does, and what is hidden from all that stagesh writes.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::mask::{Forms, Masks, as_text};
use super::output::Outlet;
use super::plan::{Fate, Plan, Sink, how};
use super::settings::Style;
use super::streams::Ends;
use super::{PATIENCE, State, WriteError, reason};
use crate::sys::clock::{self, TimeZone};
use crate::sys::descriptor::{self, Access, Which};
use crate::sys::process::{Ended, Stream};
use crate::sys::quiet_write;
use crate::sys::status::Status;

/// A line of a command that is longer is written in pieces: what of it is kept is kept in memory.
const LONG: usize = 64 * 1024;

/// So much of a command is told with its end: the whole was told when it started.
const TITLE_LENGTH: usize = 80;

/// How much a line of the script's own matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// What happens.
    Info,
    /// What helps to find a mistake.
    Trace,
}

impl Level {
    /// All of them, what matters most first.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Trace];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Trace => "trace",
        }
    }

    /// The level of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What there is, as bits: the one thing that is looked at where there is nothing.
const FILE: u8 = 1;
const MASKS: u8 = 2;

/// The log of a run, for every thread that writes to it.
pub(super) struct Log {
    has: AtomicU8,
    inner: Mutex<Inner>,
    /// Where it is told that the log was given up.
    outlet: Arc<Outlet>,
    style: Style,
}

struct Inner {
    file: Option<LogFile>,
    masks: Masks,
    level: Level,
    /// That of TZ, once it was asked for.
    zone: Option<TimeZone>,
}

impl Inner {
    /// The time now, in a format of strftime(3).
    fn time(&mut self, format: &'static str) -> String {
        let at_start = || clock::zone(std::env::var_os("TZ").as_deref()).unwrap_or(TimeZone::UTC);
        clock::now(format, self.zone.get_or_insert_with(at_start))
    }
}

struct LogFile {
    fd: OwnedFd,
    /// What reports call it.
    name: String,
}

/// What a stream of a command has written of a line whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// What precedes each line.
    name: Option<String>,
    rest: Vec<u8>,
}

impl Part {
    /// Of a command that the script calls so.
    pub(super) fn of(name: Option<&str>) -> Self {
        Self { name: name.map(|name| format!("{name} |")), rest: Vec::new() }
    }
}

impl Log {
    pub(super) fn new(outlet: Arc<Outlet>, style: Style, level: Level) -> Self {
        let inner = Inner { file: None, masks: Masks::NONE, level, zone: None };
        Self { has: AtomicU8::new(0), inner: Mutex::new(inner), outlet, style }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, what: u8) -> bool {
        self.has.load(Ordering::Relaxed) & what != 0
    }

    /// Whether there is a file.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.has(FILE)
    }

    /// Whether it gets what a command writes to a stream that it would inherit: the terminal is left to the command.
    pub(super) fn takes(&self, which: Which) -> bool {
        self.is_open() && !which.is_terminal()
    }

    /// Text of a script without what is hidden.
    pub(super) fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.has(MASKS) { as_text(text, self.lock().masks.hide(text.as_bytes())) } else { Cow::Borrowed(text) }
    }

    /// Text of stagesh's own without what is hidden.
    pub(super) fn masked_report<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.has(MASKS) { self.lock().masks.hide_in_report(text) } else { Cow::Borrowed(text) }
    }

    /// Writes the lines of a text; the end of the last may be there or not.
    pub(super) fn add(&self, text: &str) {
        if self.is_open() {
            self.write(None, |masks| Some(masks.hide_in_report(text).as_bytes().to_vec()));
        }
    }

    /// Writes what a command has written, as far as its lines are whole.
    pub(super) fn add_output(&self, part: &mut Part, bytes: &[u8]) {
        if !self.is_open() {
            return part.rest.clear();
        }
        let kept = part.rest.len();
        part.rest.extend_from_slice(bytes);
        let Part { name, rest } = part;
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=kept + last).collect();
            self.write(name.as_deref(), |masks| Some(masks.hide(&whole).into_owned()));
        }
        if rest.len() >= LONG {
            let mut length = 0;
            self.write(name.as_deref(), |masks| {
                let (written, shown) = masks.hide_beginning(rest);
                length = written;
                (!shown.is_empty()).then(|| shown.into_owned())
            });
            rest.drain(..length);
        }
    }

    /// Completes the last line of a stream that has ended.
    pub(super) fn end_output(&self, part: &mut Part) {
        if !part.rest.is_empty() {
            self.add_output(part, b"\n");
        }
    }

    /// Writes the lines of a text at once; what cannot be written ends the log, not the run.
    fn write(&self, name: Option<&str>, text: impl FnOnce(&Masks) -> Option<Vec<u8>>) {
        let mut inner = self.lock();
        let Some(text) = text(&inner.masks) else { return };
        let lines = lines(&inner.time("%Y-%m-%d %H:%M:%S"), name, &text);
        let file = &mut inner.file;
        let Some(error) = file.as_ref().and_then(|file| write_all(&file.fd, &lines).err()) else { return };
        let name = file.take().map(|file| file.name).unwrap_or_default();
        self.has.fetch_and(!FILE, Ordering::Relaxed);
        drop(inner);
        let why = match error.kind() {
            io::ErrorKind::WouldBlock => "its reader does not read".into(),
            io::ErrorKind::BrokenPipe => "its reader has gone away".into(),
            _ => reason(&error),
        };
        let line =
            format!("{} cannot write to the log `{name}`, and goes on without: {why}\n", self.style.name("stagesh:"));
        self.outlet.add(Which::Stderr, self.masked_report(&line).as_bytes());
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("has", &self.has).finish_non_exhaustive()
    }
}

/// Writes it all. A reader that does not read gets a second: what is to be cleaned up does not wait for it.
fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        match quiet_write::write(fd, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() || !descriptor::wait_writable_for(fd.as_fd(), left) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The lines of a text as the file has them: each with the time and the name of its command.
fn lines(time: &str, name: Option<&str>, text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = Vec::with_capacity(text.len() + time.len() + 2);
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        lines.extend_from_slice(time.as_bytes());
        for part in name.map(str::as_bytes).into_iter().chain([line]).filter(|part| !part.is_empty()) {
            lines.push(b' ');
            lines.extend_from_slice(part);
        }
        lines.push(b'\n');
    }
    lines
}

/// A text of stagesh's own without what dresses it. Source: ECMA-48, "Control sequences".
fn undressed(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        plain.push_str(rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest));
    }
    Cow::Owned(plain)
}

/// A text behind a head; its second line and those after it are indented to it.
fn entry(head: &str, width: usize, text: &str) -> String {
    format!("{head} {}", text.trim_end_matches('\n').replace('\n', &format!("\n{:width$} ", "")))
}

/// What a script asks for.
impl<H> State<H> {
    /// Writes a line of a level to standard error, after what was printed, and to the log, unless the level is not shown.
    ///
    /// # Errors
    ///
    /// As [`State::flush`].
    pub fn log(&self, level: Level, text: &str) -> Result<(), WriteError> {
        if level > self.log.lock().level {
            return Ok(());
        }
        // Before it is indented, or a text of several lines would not be found in it.
        let text = self.log.masked(text);
        let word = format!("{:5}", level.name());
        self.log.add(&entry(&word, word.len(), &text));
        let time = self.log.lock().time("%H:%M:%S");
        let head = format!("{time} {}", self.settings.style.level(level, &word));
        self.flush()?;
        self.eprint_bytes(format!("{}\n", entry(&head, time.len() + 1 + word.len(), &text)).as_bytes())
    }

    /// Gives a variable a value, or none, for the script and for commands that start from now on.
    pub fn set_variable(&self, name: OsString, value: Option<OsString>) {
        if name == "TZ" {
            self.log.lock().zone = Some(clock::zone(value.as_deref()).unwrap_or(TimeZone::UTC));
        }
        self.environment.set(name, value);
    }

    /// From now on levels up to this one are shown.
    pub fn set_log_level(&self, level: Level) {
        self.log.lock().level = level;
    }

    /// From now on the file is the log, and no other.
    ///
    /// # Errors
    ///
    /// As open(2); [`io::ErrorKind::Interrupted`] if the run was stopped while it waited for the reader of a named pipe.
    pub fn log_to(&self, path: &Path, append: bool) -> io::Result<()> {
        let fd = self.open(path, Access::WritePrivately, None)?;
        descriptor::begin_log(&fd, append)?;
        let mut inner = self.log.lock();
        inner.file = Some(LogFile { fd, name: path.display().to_string() });
        self.log.has.fetch_or(FILE, Ordering::Relaxed);
        Ok(())
    }

    /// From now on the text, and each of its lines, is `***` in all that stagesh writes itself, in whatever form. Blanks alone
    /// hide nothing.
    pub fn mask(&self, text: &[u8], forms: &Forms) {
        self.log.lock().masks.add(text, forms);
        self.log.has.fetch_or(MASKS, Ordering::Relaxed);
    }

    /// The text without what is hidden.
    #[must_use]
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.log.masked(text)
    }

    /// The same of a text of stagesh's own, which may hold no more than the beginning of what is hidden.
    #[must_use]
    pub fn masked_report<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.log.masked_report(text)
    }

    /// Whether there is a log.
    #[must_use]
    pub fn has_log(&self) -> bool {
        self.log.is_open()
    }
}

/// What the log says by itself.
impl<H> State<H> {
    /// A text of stagesh's own.
    pub(super) fn log_report(&self, text: &str) {
        if self.log.is_open() {
            self.log.add(&undressed(text));
        }
    }

    /// A command that is about to start.
    pub(super) fn log_start(&self, plan: &Plan, ends: &Ends) {
        if !self.log.is_open() {
            return;
        }
        let name = plan.name.as_ref().map_or_else(String::new, |name| format!("as {name}, "));
        let directory = self.directory();
        let directory = plan.directory.as_ref().map_or_else(|| directory.to_path_buf(), |own| directory.join(own));
        // What inherits a stream now inherits a terminal.
        let is_kept = |end: &Stream| matches!(end, Stream::Inherit);
        let is_stderr_kept = is_kept(&ends.stderr) || (plan.stderr == Sink::Stdout && is_kept(&ends.stdout));
        let terminal = match (is_kept(&ends.stdout), is_stderr_kept) {
            (true, true) => "; has the terminal: its output is not here",
            (true, false) => "; has the terminal: its stdout is not here",
            (false, true) => "; has the terminal: its stderr is not here",
            (false, false) => "",
        };
        self.log.add(&format!("+ {} ({name}in {}{terminal})", plan.command, directory.display()));
    }

    /// A command that could not be started.
    pub(super) fn log_refusal(&self, plan: &Plan, error: &io::Error) {
        if self.log.is_open() {
            self.log.add(&format!("- {}: was not started: {}", self.log_title(plan), reason(error)));
        }
    }

    /// A command that has ended.
    pub(super) fn log_end(&self, plan: &Plan, ended: Ended, fate: Fate, took: Duration) {
        if self.log.is_open() {
            let how = how(ended, fate, plan.timeout);
            self.log.add(&format!("- {}: {how} ({:.3} s)", self.log_title(plan), took.as_secs_f64()));
        }
    }

    fn log_title(&self, plan: &Plan) -> String {
        // Before it is cut, or a part of what is hidden would be seen.
        let title = self.log.masked_report(plan.title()).into_owned();
        let line = title.lines().next().unwrap_or_default();
        let mut short: String = line.chars().take(TITLE_LENGTH).collect();
        if short.len() < title.len() {
            short.push('…');
        }
        short
    }

    /// The end of the run, and of the log.
    pub fn end_log(&self, status: Status) {
        if self.log.is_open() {
            self.log.add(&format!("ended with status {}", status.shell_code()));
            self.log.lock().file = None;
            self.log.has.fetch_and(!FILE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off_and_nothing_else() {
        assert_eq!(undressed("\x1b[1m\x1b[31merror\x1b[0m: a [1m"), "error: a [1m");
        assert_eq!(undressed("\x1b[2Ka\x1b[0;1mb"), "ab");
        assert_eq!(undressed("plain"), "plain");
    }

    #[test]
    fn a_text_of_several_lines_hangs_behind_its_head() {
        assert_eq!(entry("info ", 5, "a\nb\n"), "info  a\n      b");
    }

    #[test]
    fn each_line_has_the_time_and_the_name() {
        let seen = String::from_utf8(lines("0000-00-00 00:00:00", Some("web |"), b"a\r\n\nb")).expect("it is text");
        let seen: Vec<&str> = seen.lines().map(|line| &line["0000-00-00 00:00:00".len()..]).collect();
        assert_eq!(seen, [" web | a", " web |", " web | b"]);
    }
}
