//! The processes that descend from this one. Source: proc(5); where there is no /proc, nothing is found
//! and process groups alone serve.

use std::collections::HashSet;

/// Time since boot in hundredths of a second, whatever the kernel's own tick is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticks(u64);

impl Ticks {
    /// Now, in the clock by which the kernel tells when a process started.
    #[must_use]
    pub fn now() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(time) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME) {
            let ticks = time.tv_sec() * 100 + time.tv_nsec() / 10_000_000;
            return Self(u64::try_from(ticks).unwrap_or(0));
        }
        Self(0)
    }
}

/// A process as the kernel lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it started: with the pid it names a process for good.
    pub start: Ticks,
    /// Whether it has ended and waits to be reaped.
    pub zombie: bool,
    /// Whether a signal has stopped it.
    pub stopped: bool,
}

/// Every process that can be seen.
#[must_use]
pub fn snapshot() -> Vec<Entry> {
    let Ok(dir) = std::fs::read_dir("/proc") else { return Vec::new() };
    dir.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter_map(lookup).collect()
}

/// One process, if it exists.
#[must_use]
pub fn lookup(pid: i32) -> Option<Entry> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The entry of a line of `/proc/N/stat`. The name, in parentheses, may hold anything: spaces,
/// parentheses, newlines.
fn parse(stat: &str) -> Option<Entry> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    // Field 22 of the line; state is field 3.
    let start = Ticks(fields.nth(15)?.parse().ok()?);
    let zombie = matches!(state, "Z" | "X" | "x");
    Some(Entry { pid: pid.trim().parse().ok()?, parent, group, session, start, zombie, stopped: state == "T" })
}

/// Those of `all` that descend from one of `roots`, without the roots.
#[must_use]
pub fn descendants(all: &[Entry], roots: &[i32]) -> Vec<Entry> {
    let mut seen: HashSet<i32> = roots.iter().copied().collect();
    let mut found = Vec::new();
    loop {
        let before = found.len();
        for entry in all {
            if seen.contains(&entry.parent) && seen.insert(entry.pid) {
                found.push(*entry);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Children of this process that wait to be reaped.
#[must_use]
pub fn zombie_children() -> Vec<i32> {
    let me = nix::unistd::getpid().as_raw();
    snapshot().into_iter().filter(|e| e.zombie && e.parent == me).map(|e| e.pid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let line = "42 (a) b (c) S 7 42 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9999 1 2";
        let expected =
            Entry { pid: 42, parent: 7, group: 42, session: 40, start: Ticks(9999), zombie: false, stopped: false };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let entry =
            |pid, parent| Entry { pid, parent, group: pid, session: 1, start: Ticks(0), zombie: false, stopped: false };
        let all = [entry(5, 4), entry(4, 3), entry(3, 1), entry(9, 1)];
        let mut pids: Vec<_> = descendants(&all, &[3]).iter().map(|e| e.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [4, 5]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_listed() {
        let me = nix::unistd::getpid().as_raw();
        assert!(snapshot().iter().any(|entry| entry.pid == me && !entry.zombie));
    }
}
