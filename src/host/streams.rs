//! The host's ends of a command's streams: what feeds it, and what becomes of what it writes.
//!
//! All are read and fed at once, as they are ready, so that nothing waits for anything else at any size.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tempfile::SpooledTempFile;

use super::log::{Log, Part};
use super::plan::{Plan, Sink, Source};
use super::running::Unstarted;
use crate::sys::descriptor::{self, Access, Interest, Which};
use crate::sys::process::{Group, Stream};
use crate::sys::{quiet_write, terminal};

/// More than this is not captured: a string holds no more.
pub const MOST_CAPTURED: usize = 1 << 31;

/// What is read and written at once: what a pipe holds. Source: pipe(7).
const PIECE: usize = 64 * 1024;

/// So many of them a pipe holds at most, if its writer has made it larger. Source: `F_SETPIPE_SZ`, fcntl(2).
const MOST_PIECES: usize = 16;

/// What is held back beyond this is held on disk.
const HELD_IN_MEMORY: usize = 1 << 20;

/// A file of a command that could not be opened.
#[derive(Debug)]
pub struct NoFile {
    /// The file.
    pub path: PathBuf,
    /// What for: "stdin", "stdout", "stderr".
    pub stream: &'static str,
    /// Why not.
    pub error: io::Error,
}

fn refused(stream: &'static str, path: &Path) -> impl Fn(io::Error) -> NoFile + use<> {
    let path = path.to_path_buf();
    move |error| NoFile { path: path.clone(), stream, error }
}

/// The command's ends of its streams. To be dropped once it is started, or no pipe ends.
pub(super) struct Ends {
    pub(super) stdin: Stream,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

/// What could be done now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Slot {
    Feed,
    Read(Which),
}

/// What opens a file: a named pipe may have to be waited for.
pub(super) type Open<'a> = dyn Fn(&Path, Access) -> io::Result<OwnedFd> + 'a;

/// The host's ends of a command's streams.
#[derive(Debug)]
pub(super) struct Streams {
    log: Arc<Log>,
    feed: Option<Feed>,
    readers: Vec<Reader>,
    /// What was captured of standard output.
    pub(super) stdout: Option<Vec<u8>>,
    /// What was captured of standard error.
    pub(super) stderr: Option<Vec<u8>>,
    held: Option<Held>,
    /// When something came last.
    pub(super) news: Option<Instant>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Feed {
    pipe: Arc<OwnedFd>,
    bytes: Vec<u8>,
    written: usize,
    /// Whether nothing comes after the bytes.
    is_all: bool,
}

#[derive(Debug)]
struct Reader {
    which: Which,
    pipe: Arc<OwnedFd>,
    is_passed_on: bool,
    prefix: Option<Prefix>,
    /// What the log has not got yet.
    part: Part,
}

/// Puts a name before each line.
#[derive(Debug)]
struct Prefix {
    text: String,
    /// The start of a line whose end has not come.
    rest: Vec<u8>,
    /// Whether a part of that line was passed on, because it is long.
    is_within: bool,
}

/// Whether the terminal stops a command of that group which writes to it.
fn is_stopped(group: Group, which: Which) -> bool {
    group == Group::Own && which.is_terminal() && terminal::stops_writers(which.own())
}

impl Streams {
    /// Makes both ends of the streams of a command.
    ///
    /// # Arguments
    ///
    /// What feeds the command is taken from the plan; `open` opens a file of it; the log gets what can be read.
    pub(super) fn open(plan: &mut Plan, log: &Arc<Log>, open: &Open<'_>) -> Result<(Self, Ends), Unstarted> {
        let mut streams = Self::new(Arc::clone(log));
        let stdin = match std::mem::replace(&mut plan.stdin, Source::Null) {
            Source::Inherit => Stream::Inherit,
            Source::Null => Stream::Null,
            Source::File(path) => Stream::Descriptor(open(&path, Access::Read).map_err(refused("stdin", &path))?),
            Source::Bytes(bytes) => streams.feed_with(bytes, true)?,
            Source::Pipe => streams.feed_with(Vec::new(), false)?,
        };
        let is_plain = plan.name.is_none() && !plan.quiet;
        let mut end = |which: Which, sink: &Sink| -> Result<Stream, Unstarted> {
            match sink {
                Sink::Null => Ok(Stream::Null),
                Sink::File { path, .. } => {
                    Ok(Stream::Descriptor(open(path, Access::Write).map_err(refused(which.name(), path))?))
                }
                Sink::Inherit if is_plain && !log.takes(which) && !is_stopped(plan.group, which) => Ok(Stream::Inherit),
                _ => {
                    let (ours, theirs) = descriptor::pipe()?;
                    descriptor::set_nonblocking(&ours)?;
                    streams.add(which, ours, sink, plan);
                    Ok(Stream::Descriptor(theirs))
                }
            }
        };
        let stdout = end(Which::Stdout, &plan.stdout)?;
        let stderr = match (&plan.stderr, &stdout) {
            (Sink::Stdout, Stream::Null) => Stream::Null,
            (Sink::Stdout, Stream::Inherit) => copy(Which::Stdout.own())?,
            (Sink::Stdout, Stream::Descriptor(fd)) => copy(fd)?,
            // Two that are one without the log keep their order with it.
            (Sink::Inherit, Stream::Descriptor(fd))
                if is_plain
                    && plan.stdout == Sink::Inherit
                    && descriptor::is_same_file(Which::Stdout.own(), Which::Stderr.own()) =>
            {
                copy(fd)?
            }
            (sink, stdout) => match (end(Which::Stderr, sink)?, stdout) {
                // Two that write to one file do not write over each other.
                (Stream::Descriptor(own), Stream::Descriptor(other)) if descriptor::is_same_file(&own, other) => {
                    copy(other)?
                }
                (end, _) => end,
            },
        };
        begin_writing(plan, &stdout, &stderr)?;
        Ok((streams, Ends { stdin, stdout, stderr }))
    }

    fn new(log: Arc<Log>) -> Self {
        let (feed, readers, buffer) = (None, Vec::new(), Vec::new());
        Self { log, feed, readers, stdout: None, stderr: None, held: None, news: None, buffer }
    }

    fn feed_with(&mut self, bytes: Vec<u8>, is_all: bool) -> io::Result<Stream> {
        let (theirs, ours) = descriptor::pipe()?;
        descriptor::set_nonblocking(&ours)?;
        if !(bytes.is_empty() && is_all) {
            self.feed = Some(Feed { pipe: Arc::new(ours), bytes, written: 0, is_all });
        }
        Ok(Stream::Descriptor(theirs))
    }

    fn add(&mut self, which: Which, pipe: OwnedFd, sink: &Sink, plan: &Plan) {
        if sink.is_kept() {
            *self.kept(which) = Some(Vec::new());
        }
        if plan.quiet && sink.is_passed_on() {
            self.held.get_or_insert_with(Held::new);
        }
        let name = plan.name.as_deref().map(|name| self.log.masked(name));
        let prefix = name.as_ref().filter(|_| sink.is_passed_on());
        let prefix = prefix.map(|name| Prefix { text: format!("{name} | "), rest: Vec::new(), is_within: false });
        let (pipe, part) = (Arc::new(pipe), Part::of(name.as_deref()));
        self.readers.push(Reader { which, pipe, is_passed_on: sink.is_passed_on(), prefix, part });
        self.buffer.resize(PIECE, 0);
    }

    fn kept(&mut self, which: Which) -> &mut Option<Vec<u8>> {
        match which {
            Which::Stdout => &mut self.stdout,
            Which::Stderr => &mut self.stderr,
        }
    }

    /// Whether something may still be read, or given to the command that the host does not have yet.
    pub(super) fn is_open(&self) -> bool {
        self.is_read() || self.feed.as_ref().is_some_and(|feed| !feed.is_all)
    }

    /// Whether the host has an end of any stream.
    pub(super) fn is_any(&self) -> bool {
        self.feed.is_some() || self.is_read()
    }

    /// Whether something may still be read.
    pub(super) fn is_read(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Whether more was captured than can be.
    pub(super) fn is_too_much(&self) -> bool {
        [&self.stdout, &self.stderr].into_iter().flatten().any(|kept| kept.len() > MOST_CAPTURED)
    }

    /// What is to be waited for. A stream is not read for as long as its reader is slow, says `is_slow`.
    pub(super) fn slots(&self, is_slow: impl Fn(Which) -> bool) -> Vec<(Slot, Arc<OwnedFd>, Interest)> {
        let feed = self.feed.as_ref().filter(|feed| feed.written < feed.bytes.len());
        let feed = feed.map(|feed| (Slot::Feed, Arc::clone(&feed.pipe), Interest::Writable));
        let readers = self.readers.iter().filter(|reader| !reader.is_passed_on || !is_slow(reader.which));
        let readers = readers.map(|reader| (Slot::Read(reader.which), Arc::clone(&reader.pipe), Interest::Readable));
        feed.into_iter().chain(readers).collect()
    }

    /// Does what can be done without waiting; `pass` gets what is to be passed on.
    pub(super) fn act(&mut self, slot: Slot, pass: &mut dyn FnMut(Which, &[u8])) {
        match slot {
            Slot::Feed => self.feed_some(),
            Slot::Read(which) => self.read_some(which, pass),
        }
    }

    fn feed_some(&mut self) {
        let Some(feed) = &mut self.feed else { return };
        let end = feed.bytes.len().min(feed.written + PIECE);
        match quiet_write::write(feed.pipe.as_fd(), &feed.bytes[feed.written..end]) {
            Ok(count) => feed.written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // A command that does not read what it is given is no error.
            Err(_) => return self.feed = None,
        }
        if feed.written == feed.bytes.len() {
            feed.bytes.clear();
            feed.written = 0;
            if feed.is_all {
                self.feed = None;
            }
        }
    }

    /// Adds to what feeds the command.
    ///
    /// # Returns
    ///
    /// How much waits to be written; `None` if the command reads no more.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        let feed = self.feed.as_mut().filter(|feed| !feed.is_all)?;
        feed.bytes.drain(..std::mem::take(&mut feed.written));
        feed.bytes.extend_from_slice(bytes);
        self.feed_some();
        let feed = self.feed.as_ref()?;
        Some(feed.bytes.len() - feed.written)
    }

    /// Whether the command can be fed.
    pub(super) fn is_fed(&self) -> bool {
        self.feed.is_some()
    }

    /// How much waits to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.feed.as_ref().map_or(0, |feed| feed.bytes.len() - feed.written)
    }

    /// Ends what feeds the command, once it is written.
    pub(super) fn close_feed(&mut self) {
        match &mut self.feed {
            Some(feed) if feed.written < feed.bytes.len() => feed.is_all = true,
            feed => *feed = None,
        }
    }

    fn read_some(&mut self, which: Which, pass: &mut dyn FnMut(Which, &[u8])) {
        let Some(index) = self.readers.iter().position(|reader| reader.which == which) else { return };
        let reader = &mut self.readers[index];
        let count = match descriptor::read(&*reader.pipe, &mut self.buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // A pipe has no errors of its own.
            Err(_) => 0,
        };
        self.news = Some(Instant::now());
        let is_passed_on = reader.is_passed_on;
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = &buffer[..count];
        self.log.add_output(&mut reader.part, bytes);
        if let Some(kept) = self.kept(which) {
            kept.extend_from_slice(bytes);
        }
        if is_passed_on {
            match self.readers[index].prefix.as_mut().map(|prefix| prefix.add(bytes)) {
                Some(lines) => self.hold_or_pass(which, &lines, pass),
                None => self.hold_or_pass(which, bytes, pass),
            }
        }
        self.buffer = buffer;
        if count == 0 {
            self.end(index, pass);
        }
    }

    fn end(&mut self, index: usize, pass: &mut dyn FnMut(Which, &[u8])) {
        let mut reader = self.readers.remove(index);
        self.log.end_output(&mut reader.part);
        if let Some(mut prefix) = reader.prefix {
            let rest = prefix.finish();
            self.hold_or_pass(reader.which, &rest, pass);
        }
    }

    fn hold_or_pass(&mut self, which: Which, bytes: &[u8], pass: &mut dyn FnMut(Which, &[u8])) {
        if bytes.is_empty() {
            return;
        }
        if let Some(held) = &mut self.held {
            if held.add(which, bytes).is_ok() {
                return;
            }
            // What cannot be held, as on a full disk, is seen rather than lost.
            if let Some(held) = self.held.take() {
                held.release(pass);
            }
        }
        pass(which, bytes);
    }

    /// Reads what is there now, and lets go of what holds the streams open: one that writes on is not waited for.
    pub(super) fn finish(&mut self, pass: &mut dyn FnMut(Which, &[u8])) {
        self.feed = None;
        for which in [Which::Stdout, Which::Stderr] {
            for _ in 0..MOST_PIECES {
                if !self.is_ready(which) || self.is_too_much() {
                    break;
                }
                self.read_some(which, pass);
            }
        }
        while !self.readers.is_empty() {
            self.end(0, pass);
        }
    }

    fn is_ready(&self, which: Which) -> bool {
        let reader = self.readers.iter().find(|reader| reader.which == which);
        reader.is_some_and(|reader| descriptor::is_readable(reader.pipe.as_fd()))
    }

    /// Whether something is held back.
    pub(super) fn is_holding(&self) -> bool {
        self.held.as_ref().is_some_and(Held::is_any)
    }

    /// Takes what was held back; from now on nothing is.
    pub(super) fn take_held(&mut self) -> Option<Held> {
        self.held.take()
    }
}

impl Prefix {
    /// The lines that are whole now, each after the name; a line that is too long to be kept comes in pieces.
    fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::with_capacity(bytes.len() + self.text.len());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_end = piece.ends_with(b"\n");
            if !is_end && self.rest.len() + piece.len() < PIECE {
                self.rest.extend_from_slice(piece);
                continue;
            }
            if !self.is_within {
                lines.extend_from_slice(self.text.as_bytes());
            }
            lines.append(&mut self.rest);
            lines.extend_from_slice(piece);
            self.is_within = !is_end;
        }
        lines
    }

    /// What is left at the end, as a line.
    fn finish(&mut self) -> Vec<u8> {
        if self.rest.is_empty() && !self.is_within { Vec::new() } else { self.add(b"\n") }
    }
}

/// What is held back, of both streams in order.
#[derive(Debug)]
pub(super) struct Held {
    file: SpooledTempFile,
    runs: Vec<(Which, usize)>,
}

impl Held {
    fn new() -> Self {
        Self { file: SpooledTempFile::new(HELD_IN_MEMORY), runs: Vec::new() }
    }

    fn add(&mut self, which: Which, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        match self.runs.last_mut() {
            Some((last, count)) if *last == which => *count += bytes.len(),
            _ => self.runs.push((which, bytes.len())),
        }
        Ok(())
    }

    /// Whether there is anything.
    pub(super) fn is_any(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Gives it. What cannot be read any more is lost: there is nobody to tell who could do something.
    pub(super) fn release(mut self, pass: &mut dyn FnMut(Which, &[u8])) {
        let _ = self.try_release(pass);
    }

    fn try_release(&mut self, pass: &mut dyn FnMut(Which, &[u8])) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; PIECE];
        for (which, mut left) in std::mem::take(&mut self.runs) {
            while left > 0 {
                let most = left.min(PIECE);
                let count = self.file.read(&mut buffer[..most])?;
                if count == 0 {
                    return Ok(());
                }
                pass(which, &buffer[..count]);
                left -= count;
            }
        }
        Ok(())
    }
}

fn copy(fd: impl AsFd) -> io::Result<Stream> {
    fd.as_fd().try_clone_to_owned().map(Stream::Descriptor)
}

/// Empties the files that are written, or makes that they are added to. One that both streams write to keeps what it
/// has if either says so.
fn begin_writing(plan: &Plan, stdout: &Stream, stderr: &Stream) -> Result<(), NoFile> {
    let is_one = match (stdout, stderr) {
        (Stream::Descriptor(stdout), Stream::Descriptor(stderr)) => descriptor::is_same_file(stdout, stderr),
        _ => false,
    };
    let appends = |sink: &Sink| matches!(sink, Sink::File { append: true, .. });
    let is_kept = |sink: &Sink| appends(sink) || (is_one && (appends(&plan.stdout) || appends(&plan.stderr)));
    for (which, end, sink) in [(Which::Stdout, stdout, &plan.stdout), (Which::Stderr, stderr, &plan.stderr)] {
        if let (Sink::File { path, .. }, Stream::Descriptor(fd)) = (sink, end) {
            let begun = if is_kept(sink) { descriptor::append_to(fd) } else { descriptor::empty(fd) };
            begun.map_err(refused(which.name(), path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> Prefix {
        Prefix { text: "a | ".into(), rest: Vec::new(), is_within: false }
    }

    #[test]
    fn a_name_precedes_each_line_and_a_line_waits_for_its_end() {
        let mut prefix = prefix();
        assert_eq!(prefix.add(b"one\ntw"), b"a | one\n");
        assert_eq!(prefix.add(b"o"), b"");
        assert_eq!(prefix.add(b"\n\nx"), b"a | two\na | \n");
        assert_eq!(prefix.finish(), b"a | x\n");
        assert_eq!(prefix.finish(), b"");
    }

    #[test]
    fn a_line_without_end_is_passed_on_in_pieces_with_one_name() {
        let mut prefix = prefix();
        let long = vec![b'x'; PIECE];
        assert_eq!(prefix.add(&long).len(), PIECE + 4);
        assert_eq!(prefix.add(&long).len(), PIECE);
        assert_eq!(prefix.add(b"\ny\n"), b"\na | y\n");
    }

    #[test]
    fn what_is_held_back_comes_in_order() {
        let mut held = Held::new();
        held.add(Which::Stdout, b"a").expect("it is in memory");
        held.add(Which::Stdout, b"b").expect("it is in memory");
        held.add(Which::Stderr, b"c").expect("it is in memory");
        held.add(Which::Stdout, b"d").expect("it is in memory");
        let mut seen = Vec::new();
        held.release(&mut |which, bytes| seen.push((which, bytes.to_vec())));
        let expected =
            [(Which::Stdout, b"ab".to_vec()), (Which::Stderr, b"c".to_vec()), (Which::Stdout, b"d".to_vec())];
        assert_eq!(seen, expected);
    }
}
