//! The stack of what is to be cleaned up.

/// Names an entry for as long as the stack lives; a later entry has a greater one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryId(u64);

impl EntryId {
    /// Not later than any entry.
    pub const BOTTOM: Self = Self(0);
}

/// A stack from whose middle entries can be taken. Every operation takes a time that does not grow with the number of entries,
/// or grows with its logarithm, but for [`ExitStack::iter`] and [`ExitStack::remove_where`].
#[derive(Debug)]
pub struct ExitStack<H> {
    /// In the order of their ids; `None` was taken.
    entries: Vec<(EntryId, Option<H>)>,
    pending: usize,
    next: u64,
}

impl<H> Default for ExitStack<H> {
    fn default() -> Self {
        Self { entries: Vec::new(), pending: 0, next: 0 }
    }
}

impl<H> ExitStack<H> {
    /// Puts an entry on top.
    pub fn push(&mut self, handler: H) -> EntryId {
        let id = EntryId(self.next);
        self.next += 1;
        self.pending += 1;
        self.entries.push((id, Some(handler)));
        id
    }

    /// The id that the next entry will have.
    #[must_use]
    pub fn mark(&self) -> EntryId {
        EntryId(self.next)
    }

    /// Takes the newest entry that is not older than `mark`.
    pub fn pop(&mut self, mark: EntryId) -> Option<(EntryId, H)> {
        // The top is pending: `trim` keeps it so.
        if self.entries.last()?.0 < mark {
            return None;
        }
        let (id, handler) = self.entries.pop()?;
        self.pending -= 1;
        self.trim();
        handler.map(|handler| (id, handler))
    }

    /// Takes one entry out, wherever it is.
    pub fn take(&mut self, id: EntryId) -> Option<H> {
        let index = self.index(id)?;
        let handler = self.entries[index].1.take()?;
        self.pending -= 1;
        self.trim();
        // Tombstones never outnumber what is pending by much.
        if self.entries.len() > 32 && self.entries.len() > 2 * self.pending {
            self.entries.retain(|(_, handler)| handler.is_some());
        }
        Some(handler)
    }

    /// The entry, if it is pending.
    pub fn get_mut(&mut self, id: EntryId) -> Option<&mut H> {
        let index = self.index(id)?;
        self.entries[index].1.as_mut()
    }

    /// Takes out every entry that `unwanted` picks, and returns how many there were.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&H) -> bool) -> usize {
        let before = self.pending;
        self.entries.retain(|(_, handler)| handler.as_ref().is_some_and(|h| !unwanted(h)));
        self.pending = self.entries.len();
        before - self.pending
    }

    /// What is pending, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &H> {
        self.entries.iter().rev().filter_map(|(_, handler)| handler.as_ref())
    }

    /// How many are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending
    }

    /// Whether none is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    fn index(&self, id: EntryId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn trim(&mut self) {
        while matches!(self.entries.last(), Some((_, None))) {
            self.entries.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(stack: &mut ExitStack<&'static str>, mark: EntryId) -> Vec<&'static str> {
        std::iter::from_fn(|| stack.pop(mark)).map(|(_, handler)| handler).collect()
    }

    #[test]
    fn entries_come_back_in_reverse() {
        let mut stack = ExitStack::default();
        let bottom = EntryId::BOTTOM;
        stack.push("a");
        stack.push("b");
        assert_eq!(drain(&mut stack, bottom), ["b", "a"]);
        assert!(stack.is_empty());
    }

    #[test]
    fn a_mark_keeps_what_is_older() {
        let mut stack = ExitStack::default();
        let bottom = EntryId::BOTTOM;
        stack.push("outer");
        let mark = stack.mark();
        stack.push("inner");
        assert_eq!(drain(&mut stack, mark), ["inner"]);
        assert_eq!(drain(&mut stack, bottom), ["outer"]);
    }

    #[test]
    fn a_taken_entry_is_gone_and_taken_once() {
        let mut stack = ExitStack::default();
        let bottom = EntryId::BOTTOM;
        let a = stack.push("a");
        let b = stack.push("b");
        stack.push("c");
        assert_eq!(stack.take(b), Some("b"));
        assert_eq!(stack.take(b), None);
        assert_eq!(stack.len(), 2);
        assert_eq!(stack.iter().copied().collect::<Vec<_>>(), ["c", "a"]);
        assert_eq!(drain(&mut stack, bottom), ["c", "a"]);
        assert_eq!(stack.take(a), None);
    }

    #[test]
    fn tombstones_on_top_hide_nothing() {
        let mut stack = ExitStack::default();
        let bottom = EntryId::BOTTOM;
        stack.push("a");
        let mark = stack.mark();
        let b = stack.push("b");
        stack.take(b);
        assert_eq!(stack.pop(mark), None);
        assert_eq!(drain(&mut stack, bottom), ["a"]);
    }

    #[test]
    fn many_taken_from_the_middle_leave_no_growth() {
        let mut stack = ExitStack::default();
        let keep = stack.push(0);
        for n in 1..10_000 {
            let id = stack.push(n);
            stack.push(-n);
            stack.take(id);
        }
        assert!(stack.entries.len() <= 2 * stack.pending + 32);
        assert_eq!(stack.get_mut(keep), Some(&mut 0));
    }

    #[test]
    fn unwanted_entries_are_counted() {
        let mut stack = ExitStack::default();
        for name in ["a", "b", "a"] {
            stack.push(name);
        }
        assert_eq!(stack.remove_where(|name| *name == "a"), 2);
        assert_eq!(stack.len(), 1);
    }
}
