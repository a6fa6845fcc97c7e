//! The entries of the history in memory, as they are in its file: as one text, which is searched as a whole.

use std::borrow::Cow;

use rustyline::history::SearchDirection;

/// So many entries are searched at once before each is looked at.
const BLOCK: usize = 256;

/// No entry begins here.
const NOWHERE: u32 = u32::MAX;

/// An entry as a line of the file.
#[must_use]
pub fn line_of(entry: &str) -> String {
    escaped(entry) + "\n"
}

/// Entries, oldest first.
#[derive(Default)]
pub struct Entries {
    /// The lines, each with its end, in their order; what was removed is still there.
    text: String,
    /// Where each entry begins.
    starts: Vec<u32>,
}

impl Entries {
    /// The entries of a file, and how many lines it has. What comes again counts where it comes last, and what is no text
    /// does not.
    ///
    /// # Arguments
    ///
    /// The lines of the file, each with its end; how many entries are kept.
    #[must_use]
    pub fn parse(lines: Vec<u8>, most: usize) -> (Self, usize) {
        let text = String::from_utf8(lines).unwrap_or_else(|error| {
            let lines = error.as_bytes().split_inclusive(|byte| *byte == b'\n');
            lines.filter_map(|line| std::str::from_utf8(line).ok()).collect()
        });
        let mut starts = starts_of_lines(text.as_bytes());
        let count = starts.len();
        let mut seen = Seen::new(count);
        let (mut end, mut kept) = (text.len(), 0);
        for start in starts.iter_mut().rev() {
            let begin = *start as usize;
            let line = &text.as_bytes()[begin..end];
            end = begin;
            if line == b"\n" || kept == most || !seen.insert(text.as_bytes(), begin, line) {
                *start = NOWHERE;
            } else {
                kept += 1;
            }
        }
        starts.retain(|start| *start != NOWHERE);
        (Self { text, starts }, count)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The entry of that number, which there is.
    #[must_use]
    pub fn get(&self, index: usize) -> Cow<'_, str> {
        unescaped(self.line(index))
    }

    /// The lines of a file that has just these entries.
    #[must_use]
    pub fn to_file(&self) -> String {
        let mut lines = String::with_capacity(self.text.len());
        for index in 0..self.len() {
            lines.push_str(self.line(index));
            lines.push('\n');
        }
        lines
    }

    /// Adds an entry, which is no more where it was.
    ///
    /// # Arguments
    ///
    /// The entry; how many entries are kept.
    pub fn push(&mut self, entry: &str, most: usize) {
        let line = line_of(entry);
        let is_it = |start: &u32| self.text.as_bytes()[*start as usize..].starts_with(line.as_bytes());
        let old = self.starts.iter().rposition(is_it);
        if let Some(old) = old.or_else(|| (self.len() >= most).then_some(0)) {
            self.starts.remove(old);
        }
        // A session that adds 4 GiB goes without the rest.
        if let Ok(start) = u32::try_from(self.text.len()) {
            self.text.push_str(&line);
            self.starts.push(start);
        }
    }

    /// The nearest entry with the term in it, from one on, and the byte of it where the term is.
    #[must_use]
    pub fn search(&self, term: &str, from: usize, direction: SearchDirection) -> Option<(usize, usize)> {
        let spelt = escaped(term);
        let is_in = |index: usize| {
            let line = self.line(index);
            // What is spelt so may be another: `n` is in `\n`.
            line.contains(&*spelt).then(|| unescaped(line).find(term).map(|at| (index, at)))?
        };
        self.find(from, direction, |block| block.contains(&*spelt), is_in)
    }

    /// The nearest entry that begins so, from one on.
    #[must_use]
    pub fn begins(&self, prefix: &str, from: usize, direction: SearchDirection) -> Option<usize> {
        let spelt = escaped(prefix);
        let begins = |index: usize| {
            let text = &self.text.as_bytes()[self.starts[index] as usize..];
            text.starts_with(spelt.as_bytes()).then_some(index)
        };
        self.find(from, direction, |_| true, begins)
    }

    /// The line of an entry, without its end.
    fn line(&self, index: usize) -> &str {
        let line = &self.text[self.starts[index] as usize..];
        line.split_once('\n').map_or(line, |(line, _)| line)
    }

    /// The first that `test` makes of the entries, from one on.
    ///
    /// # Arguments
    ///
    /// `may` says of the lines of several whether it can be one of them.
    fn find<T>(
        &self,
        from: usize,
        direction: SearchDirection,
        may: impl Fn(&str) -> bool,
        test: impl Fn(usize) -> Option<T>,
    ) -> Option<T> {
        let lines = |first: usize, last: usize| {
            let end = self.starts[last] as usize + self.line(last).len();
            &self.text[self.starts[first] as usize..end]
        };
        match direction {
            SearchDirection::Reverse => (0..=from).rev().step_by(BLOCK).find_map(|last| {
                let first = (last + 1).saturating_sub(BLOCK);
                if may(lines(first, last)) { (first..=last).rev().find_map(&test) } else { None }
            }),
            SearchDirection::Forward => (from..self.len()).step_by(BLOCK).find_map(|first| {
                let last = (first + BLOCK).min(self.len()) - 1;
                if may(lines(first, last)) { (first..=last).find_map(&test) } else { None }
            }),
        }
    }
}

/// An entry, or a part of one, as it is in a line.
fn escaped(entry: &str) -> String {
    let mut line = String::with_capacity(entry.len() + 1);
    for c in entry.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            c => line.push(c),
        }
    }
    line
}

/// The entry of a line.
fn unescaped(line: &str) -> Cow<'_, str> {
    let Some((before, after)) = line.split_once('\\') else { return line.into() };
    let mut entry = before.to_string();
    let mut rest = after;
    loop {
        let (c, known) = match rest.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'\\') => ('\\', 1),
            // Somebody else has written it.
            _ => ('\\', 0),
        };
        entry.push(c);
        rest = &rest[known..];
        let Some((before, after)) = rest.split_once('\\') else { break };
        entry.push_str(before);
        rest = after;
    }
    entry.push_str(rest);
    entry.into()
}

/// Where the lines of a text begin that ends with the last of them. Eight bytes are looked at in one go: this is done
/// while somebody waits for the first letter to appear.
fn starts_of_lines(text: &[u8]) -> Vec<u32> {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const ENDS: u64 = u64::from_ne_bytes([b'\n'; 8]);
    let mut starts = Vec::with_capacity(text.len() / 32 + 1);
    let mut add = |start: usize| starts.push(u32::try_from(start).unwrap_or(NOWHERE));
    add(0);
    let (chunks, rest) = text.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let differs = u64::from_le_bytes(*chunk) ^ ENDS;
        // The highest bit of each byte that does not differ.
        let mut ends = !(((differs & LOW) + LOW) | differs | LOW);
        while ends != 0 {
            add(index * 8 + ends.trailing_zeros() as usize / 8 + 1);
            ends &= ends - 1;
        }
    }
    let before = text.len() - rest.len();
    rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').for_each(|(index, _)| add(before + index + 1));
    // After the last line there is none.
    starts.pop();
    starts
}

/// The lines that were seen, by where they are. A `HashSet` takes three times as much memory, which a process that has
/// just started is given slowly.
struct Seen {
    /// Half of the hash of a line and, in the lower half, its place from 1 on; 0 where there is none.
    slots: Vec<u64>,
}

impl Seen {
    /// With room for so many lines.
    fn new(count: usize) -> Self {
        Self { slots: vec![0; (count + count / 4 + 1).next_power_of_two()] }
    }

    /// Adds the line that begins there.
    ///
    /// # Returns
    ///
    /// Whether it is new.
    fn insert(&mut self, text: &[u8], start: usize, line: &[u8]) -> bool {
        let (hash, mask) = (hash(line), self.slots.len() - 1);
        let half = hash & !u64::from(u32::MAX);
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                self.slots[at] = half | (start as u64 + 1);
                return true;
            }
            let other = (slot & u64::from(u32::MAX)) as usize - 1;
            if slot & !u64::from(u32::MAX) == half && text[other..].starts_with(line) {
                return false;
            }
            at = (at + 1) & mask;
        }
    }
}

/// A number that differs for most lines: each eight bytes are multiplied in, and the product folded.
fn hash(line: &[u8]) -> u64 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
    let fold = |hash: u64, bytes: u64| {
        let product = u128::from(hash ^ bytes) * ODD;
        (product >> 64) as u64 ^ product as u64
    };
    let (chunks, rest) = line.as_chunks::<8>();
    let whole = chunks.iter().fold(line.len() as u64, |hash, chunk| fold(hash, u64::from_le_bytes(*chunk)));
    let last = rest.iter().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte));
    fold(fold(whole, last), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(entries: &Entries) -> Vec<Cow<'_, str>> {
        (0..entries.len()).map(|index| entries.get(index)).collect()
    }

    /// Files of lines that come again, of all lengths, the same in every run.
    fn files() -> impl Iterator<Item = String> {
        let mut state = 1_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).expect("it has 31 bits") % below
        };
        let mut line = move || {
            let (letter, count) = (["a", "b", "ä", "\\n", "\\\\", "\u{a}a", "\u{8a}"][next(7)], next(40));
            format!("{}{}\n", letter.repeat(count), next(3))
        };
        (0..300).map(move |length| (0..length).map(|_| line()).collect())
    }

    #[test]
    fn of_each_line_the_last_is_kept() {
        for file in files() {
            let (entries, lines) = Entries::parse(file.clone().into(), usize::MAX);
            let mut expected: Vec<&str> = Vec::new();
            for line in file.lines().filter(|line| !line.is_empty()) {
                expected.retain(|known| *known != line);
                expected.push(line);
            }
            assert_eq!(lines, file.lines().count());
            assert_eq!(entries.to_file().lines().collect::<Vec<_>>(), expected);
            let newest = Entries::parse(file.clone().into(), 3).0.to_file();
            assert_eq!(newest.lines().collect::<Vec<_>>(), expected[expected.len().saturating_sub(3)..]);
        }
    }

    #[test]
    fn a_line_is_read_back_as_its_entry() {
        for entry in ["a", "\\", "\\n", "\n", "a\\\nb\\\\n", "\r", "ä\\"] {
            let line = line_of(entry);
            assert_eq!(line.matches('\n').count(), 1);
            let (mut entries, _) = Entries::parse(line.into(), 9);
            assert_eq!(all(&entries), [entry]);
            entries.push("other", 9);
            entries.push(entry, 9);
            assert_eq!(all(&entries), ["other", entry]);
        }
    }

    #[test]
    fn what_is_sought_is_text_and_not_the_line() {
        let mut entries = Entries::default();
        ["sin(x)", "a\nb", "a\\nb", "a\\\nb", "c\nsin(y)"].iter().for_each(|entry| entries.push(entry, 9));
        let search = |term: &str| entries.search(term, 4, SearchDirection::Reverse);
        assert_eq!(search("nb"), Some((2, 2)));
        assert_eq!(search("\nb"), Some((3, 2)));
        assert_eq!(search("a\nb"), Some((1, 0)));
        assert_eq!(search("\\"), Some((3, 1)));
        assert_eq!(search("\\n"), Some((2, 1)));
        assert_eq!(search("sin(y"), Some((4, 2)));
        assert_eq!(search("b\n"), None);
        assert_eq!(entries.search("nb", 0, SearchDirection::Forward), Some((2, 2)));
        let begins = |prefix: &str| entries.begins(prefix, 4, SearchDirection::Reverse);
        assert_eq!([begins("a\\"), begins("a\n"), begins("a\\n")], [Some(3), Some(1), Some(2)]);
    }
}
