//! The line on a terminal that shows which stages run, and for how long.
//!
//! No library for progress bars writes it, such as indicatif: the line has to be gone before anything else is written,
//! by whichever thread, and those write past the one place where that is known. Here the streams take it away
//! themselves, and a thread writes it again when nothing was written for a moment.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::output::write_now;
use super::stages::whole;
use crate::sys::descriptor::{Way, Which};
use crate::sys::terminal;

/// Takes the line away. Source: ECMA-48, carriage return and `EL`.
const ERASE: &[u8] = b"\r\x1b[K";

/// The line comes back when nothing was written for so long: it does not flicker between lines that come fast.
const CALM: Duration = Duration::from_millis(150);

/// The time in it is of this grain.
const TICK: Duration = Duration::from_secs(1);

/// How wide a terminal is that does not say so.
const WIDTH: usize = 80;

/// What precedes the names.
const PREFIX: &str = "stagesh:";

/// The line, for every thread that writes to the terminal.
#[derive(Debug)]
pub(super) struct Live {
    line: Mutex<Line>,
    /// Tells the thread that writes the line.
    changed: Condvar,
    shows_stdout: bool,
}

/// Where the line is, and what is in it.
#[derive(Debug)]
pub(super) struct Line {
    stages: Vec<(String, Instant)>,
    /// [`PREFIX`], dressed.
    prefix: String,
    is_drawn: bool,
    /// When it is to be written next.
    next: Instant,
    cursor: Cursor,
    /// How many others write to the terminal, or read it.
    others: usize,
    /// Once it was asked for.
    way: Option<Way>,
}

/// Where the next text would begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cursor {
    AtStart,
    Within,
    /// Somebody else has written.
    Unknown,
}

impl Live {
    /// No line yet.
    ///
    /// # Arguments
    ///
    /// What dresses its first word; whether standard output is on the terminal, too.
    pub(super) fn new(dress: impl FnOnce(&str) -> String, shows_stdout: bool) -> Self {
        let line = Line {
            stages: Vec::new(),
            prefix: dress(PREFIX),
            is_drawn: false,
            next: Instant::now(),
            cursor: Cursor::AtStart,
            others: 0,
            way: None,
        };
        Self { line: Mutex::new(line), changed: Condvar::new(), shows_stdout }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line, if what is written to the stream appears beside it: nobody writes it meanwhile.
    pub(super) fn beside(&self, which: Which) -> Option<MutexGuard<'_, Line>> {
        (which == Which::Stderr || self.shows_stdout).then(|| self.lock())
    }

    /// A stage begins.
    pub(super) fn push(&self, name: &str) {
        let mut line = self.lock();
        line.erase();
        line.stages.push((name.into(), Instant::now()));
        line.next = Instant::now() + CALM;
        self.changed.notify_one();
    }

    /// The innermost stage has ended.
    pub(super) fn pop(&self) {
        let mut line = self.lock();
        line.erase();
        line.stages.pop();
        line.next = Instant::now() + CALM;
        self.changed.notify_one();
    }

    /// Leaves the terminal to somebody else.
    pub(super) fn pause(&self) {
        let mut line = self.lock();
        line.erase();
        line.others += 1;
    }

    /// Takes the terminal back.
    pub(super) fn resume(&self) {
        let mut line = self.lock();
        line.others -= 1;
        line.cursor = Cursor::Unknown;
        line.next = Instant::now() + CALM;
        self.changed.notify_one();
    }

    /// Somebody has written: the thread looks when to write the line.
    pub(super) fn nudge(&self) {
        self.changed.notify_one();
    }

    /// The thread: writes the line whenever it is due.
    pub(super) fn keep(&self) {
        let mut line = self.lock();
        loop {
            let now = Instant::now();
            line = if !line.may_be_drawn() {
                self.changed.wait(line).unwrap_or_else(PoisonError::into_inner)
            } else if now < line.next {
                let left = line.next - now;
                self.changed.wait_timeout(line, left).unwrap_or_else(PoisonError::into_inner).0
            } else {
                line.draw(now);
                line
            };
        }
    }
}

impl Line {
    fn may_be_drawn(&self) -> bool {
        !self.stages.is_empty() && self.others == 0 && self.cursor != Cursor::Within
    }

    /// Takes it away before what is in the buffer is written.
    pub(super) fn make_way(&mut self, buffer: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_drawn) && terminal::is_foreground(Which::Stderr.own()) {
            buffer.splice(0..0, ERASE.iter().copied());
        }
    }

    /// Something was written.
    ///
    /// # Returns
    ///
    /// Whether the line can be written again, and could not before.
    pub(super) fn note_written(&mut self, bytes: &[u8]) -> bool {
        let could_be = self.may_be_drawn();
        if let Some(last) = bytes.last() {
            self.cursor = if *last == b'\n' { Cursor::AtStart } else { Cursor::Within };
            self.next = Instant::now() + CALM;
        }
        !could_be && self.may_be_drawn()
    }

    fn erase(&mut self) {
        let mut bytes = Vec::new();
        self.make_way(&mut bytes);
        if !bytes.is_empty() {
            self.write(&bytes);
        }
    }

    fn draw(&mut self, now: Instant) {
        self.next = now + TICK;
        // The terminal of a job in the background is another's.
        if !terminal::is_foreground(Which::Stderr.own()) {
            self.is_drawn = false;
            return;
        }
        let width = terminal::width(Which::Stderr.own()).unwrap_or(WIDTH);
        let mut bytes = Vec::new();
        if self.cursor == Cursor::Unknown {
            // From the start of a line this stays in it; after a text it goes on to the next line, and the text stays.
            bytes.resize(width, b' ');
            self.cursor = Cursor::AtStart;
        }
        bytes.extend_from_slice(ERASE);
        let room = width.saturating_sub(PREFIX.width() + 2);
        bytes.extend_from_slice(format!("{} {}", self.prefix, self.text(now, room)).as_bytes());
        self.write(&bytes);
        self.is_drawn = true;
    }

    /// The names, and the time of the innermost, in so many columns.
    fn text(&self, now: Instant, room: usize) -> String {
        let names: Vec<&str> = self.stages.iter().map(|(name, _)| name.as_str()).collect();
        let began = self.stages.last().map_or(now, |(_, began)| *began);
        let time = format!(": {}", whole(now.duration_since(began)));
        let names = cut(&names.join(" > "), room.saturating_sub(time.width()));
        cut(&(names + time.as_str()), room)
    }

    fn write(&mut self, bytes: &[u8]) {
        // What the terminal does not take now is not worth waiting for.
        let _ = write_now(Which::Stderr, &mut self.way, bytes);
    }
}

/// A text in so many columns.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.into();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_wide_is_cut_by_columns() {
        assert_eq!(cut("build", 5), "build");
        assert_eq!(cut("build", 4), "bui…");
        assert_eq!(cut("作る", 4), "作る");
        assert_eq!(cut("作る", 3), "作…");
        assert_eq!(cut("ab", 0), "…");
    }

    #[test]
    fn a_line_is_taken_away_once_before_a_text() {
        let live = Live::new(str::to_string, true);
        let mut line = live.lock();
        let mut buffer = b"text\n".to_vec();
        line.make_way(&mut buffer);
        assert_eq!(buffer, b"text\n");
        line.stages.push(("build".into(), Instant::now()));
        assert!(!line.note_written(b"tex") && !line.may_be_drawn());
        assert!(line.note_written(b"t\n") && line.may_be_drawn());
    }

    #[test]
    fn the_line_names_the_stages_and_the_time_of_the_innermost() {
        let live = Live::new(str::to_string, true);
        let mut line = live.lock();
        let now = Instant::now();
        line.stages.push(("build".into(), now));
        line.stages.push(("compile".into(), now));
        assert_eq!(line.text(now + Duration::from_secs(65), 80), "build > compile: 1 min 5 s");
        assert_eq!(line.text(now + Duration::from_secs(5), 12), "build …: 5 s");
        assert_eq!(line.text(now + Duration::from_secs(5), 4), "…: …");
    }
}
