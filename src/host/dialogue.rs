//! What is said to a process in the background, and what it says.

use std::io;
use std::time::Instant;

use super::State;
use super::background::Background;
use super::carrier::Carrier;
use super::running::{LAST_NEWS, NO_NEWS};
use super::streams::Held;

/// What `write` has taken and the process has not read, beyond which it waits.
const MOST_UNWRITTEN: usize = 1 << 20;

impl<H> State<H> {
    /// Waits for what a process that has ended has written; what it left behind may hold its pipes open.
    pub(super) fn wait_for_output(&self, process: &Background) -> io::Result<()> {
        while !self.stopped() {
            match self.output_until(process) {
                Some(until) if Instant::now() < until => self.block(&[], Some(until)).map(drop)?,
                _ => break,
            }
        }
        self.finish_output(process);
        Ok(())
    }

    /// Until when to wait for what a process has written that has ended; `None` if there is nothing to wait for.
    fn output_until(&self, process: &Background) -> Option<Instant> {
        let ended = process.ended_at()?;
        let carried = process.carrier.as_ref()?.lock();
        let news = carried.streams.news.map_or(ended, |news| news.max(ended));
        (!carried.is_done).then(|| (news + NO_NEWS).min(ended + LAST_NEWS))
    }

    /// Takes what has come, and lets go of what holds the pipes open.
    fn finish_output(&self, process: &Background) {
        if let Some(carrier) = &process.carrier {
            carrier.finish(&mut |which, bytes| self.pass_on(which, bytes));
            self.flush_passed_on();
        }
        self.log_end_of(process);
    }

    /// Gives text to a process that reads a pipe, and waits while much of it is not read.
    ///
    /// # Returns
    ///
    /// Whether the process reads, and has not ended before it has read all.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn write_to(&self, process: &Background, bytes: &[u8]) -> io::Result<bool> {
        let Some(carrier) = process.carrier.as_ref() else { return Ok(false) };
        let unwritten = carrier.lock().streams.write(bytes);
        if unwritten.is_none() {
            return Ok(false);
        }
        carrier.nudge();
        while !self.stopped() && self.is_running(process) && carrier.lock().streams.unwritten() > MOST_UNWRITTEN {
            self.block(&[], None)?;
        }
        let is_running = self.is_running(process);
        let streams = &carrier.lock().streams;
        Ok(streams.is_fed() && (is_running || streams.unwritten() == 0))
    }

    /// Ends what feeds a process.
    pub fn close_input(&self, process: &Background) {
        if let Some(carrier) = &process.carrier {
            carrier.lock().streams.close_feed();
            carrier.nudge();
        }
    }

    /// The next line of what is captured of a process's standard output, without its end.
    ///
    /// # Returns
    ///
    /// `Line::End` when there is none, and no more comes.
    ///
    /// # Errors
    ///
    /// As poll(2).
    pub fn read_line_of(&self, process: &Background, until: Option<Instant>) -> io::Result<Line> {
        while !self.stopped() {
            let is_over =
                !self.is_running(process) && self.output_until(process).is_none_or(|until| Instant::now() >= until);
            if let Some(line) = next_line(process, is_over) {
                return Ok(line);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Line::Late);
            }
            self.block(&[], [until, self.output_until(process)].into_iter().flatten().min())?;
        }
        Ok(Line::Stopped)
    }

    /// Gives out what quiet processes in the background have said.
    pub fn release_held(&self) {
        let processes = self.background.borrow().clone();
        for process in &processes {
            self.release_held_of(process);
        }
        // What cannot be written is told at the end of the run.
        let _ = self.flush();
    }

    /// Gives out what a quiet process has said, and from now on at once what it says.
    pub fn release_held_of(&self, process: &Background) {
        let Some(carrier) = &process.carrier else { return };
        let held = carrier.lock().streams.take_held().filter(Held::is_any);
        if held.is_some() {
            self.say(&format!("output of `{}`:", process.plan.title()));
        }
        self.release(held);
    }

    /// Gives out what was held back, and waits for the readers as they are.
    pub(super) fn release(&self, held: Option<Held>) {
        if let Some(held) = held {
            held.release(&mut |which, bytes| self.pass_on_slowly(which, bytes));
        }
    }
}

/// What came of waiting for a line.
pub enum Line {
    /// It came.
    Text(Vec<u8>),
    /// No more comes.
    End,
    /// It did not come in time.
    Late,
    /// What runs must stop.
    Stopped,
}

fn next_line(process: &Background, is_over: bool) -> Option<Line> {
    let carried = process.carrier.as_ref().map(Carrier::lock);
    let all = carried.as_ref().and_then(|carried| carried.streams.stdout.as_deref()).unwrap_or_default();
    let start = process.read.get().min(all.len());
    let (rest, unsearched) = (&all[start..], process.searched.get().clamp(start, all.len()));
    let end = all[unsearched..].iter().position(|byte| *byte == b'\n');
    process.searched.set(all.len());
    let (line, length) = match end.map(|end| unsearched + end - start) {
        Some(end) => (&rest[..end], end + 1),
        None if !is_over => return None,
        None if rest.is_empty() => return Some(Line::End),
        None => (rest, rest.len()),
    };
    process.read.set(start + length);
    process.searched.set(start + length);
    Some(Line::Text(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}
