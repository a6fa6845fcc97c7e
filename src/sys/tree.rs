//! The processes that descend from this one. Source: proc(5); where there is no /proc, nothing is found
//! and process groups alone serve.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::process::own_pid;

/// When a process started, in clock ticks since boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticks(u64);

/// Hundredths of a second, as [`Ticks`] are counted: what has started within so many has just started.
const JUST_NOW: u64 = 10;

impl Ticks {
    /// Whether it is no more than a tenth of a second ago. Source: `/proc/uptime` of proc(5).
    #[must_use]
    pub fn is_of_now(self) -> bool {
        let uptime = text("/proc/uptime").unwrap_or_default();
        let digits: String = uptime.chars().take_while(|c| *c != ' ').filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().is_ok_and(|now| now.saturating_sub(self.0) <= JUST_NOW)
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
    let Some(dir) = std::fs::read_dir("/proc").ok().filter(|_| is_known()) else { return Vec::new() };
    dir.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter_map(lookup).collect()
}

/// Whether processes can be listed: where there is a /proc of this process's own namespace.
#[must_use]
pub fn is_known() -> bool {
    lookup_self().is_some_and(|pid| pid == own_pid())
}

/// Whether this process is in the namespace of processes that the system began with. Source: pid_namespaces(7), and
/// `PROC_PID_INIT_INO` of the kernel.
#[must_use]
pub fn is_initial() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name.as_os_str() == "pid:[4026531836]")
}

fn lookup_self() -> Option<i32> {
    std::fs::read_link("/proc/self").ok()?.to_str()?.parse().ok()
}

/// One process, if it exists.
#[must_use]
pub fn lookup(pid: i32) -> Option<Entry> {
    parse(&text(format!("/proc/{pid}/stat"))?)
}

/// What a file of /proc says; the name of a process in it need not be UTF-8.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::with_capacity(1024);
    // A file alone would be asked for its size first, which is 0 here; what is cut off somewhere is not.
    File::open(path).ok()?.take(u64::MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
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
    // Fields 20 and 22 of the line; state is field 3.
    let threads: u64 = fields.nth(13)?.parse().ok()?;
    let start = Ticks(fields.nth(1)?.parse().ok()?);
    // A process whose first thread has ended is listed as one, too, while others live.
    let zombie = matches!(state, "Z" | "X" | "x") && threads <= 1;
    Some(Entry { pid: pid.trim().parse().ok()?, parent, group, session, start, zombie, stopped: state == "T" })
}

/// The name that a process goes by, if it exists: that of its program, or before it has started one, that of the
/// thread which made it.
#[must_use]
pub fn name(pid: i32) -> Option<String> {
    let stat = text(format!("/proc/{pid}/stat"))?;
    let (name, _) = stat.split_once(" (")?.1.rsplit_once(") ")?;
    Some(name.to_string())
}

/// Whether a process neither handles nor ignores nor blocks a signal. Source: proc_pid_status(5).
#[must_use]
pub fn leaves_to_default(pid: i32, signal: i32) -> bool {
    let Some(status) = text(format!("/proc/{pid}/status")) else { return false };
    !["SigBlk:", "SigIgn:", "SigCgt:"].into_iter().any(|set| is_in(&status, set, signal).unwrap_or(true))
}

/// Whether a process has a handler for a signal. Source: proc_pid_status(5).
#[must_use]
pub fn catches(pid: i32, signal: i32) -> bool {
    text(format!("/proc/{pid}/status")).is_some_and(|status| is_in(&status, "SigCgt:", signal).unwrap_or(false))
}

/// Whether a signal is in a set of `/proc/N/status`, if that is there.
fn is_in(status: &str, set: &str, signal: i32) -> Option<bool> {
    let hex = status.lines().find_map(|line| line.strip_prefix(set))?;
    let bits = u64::from_str_radix(hex.trim(), 16).ok()?;
    Some(bits >> (signal - 1) & 1 == 1)
}

/// The children of this process, ended or not: no list of all processes is as quick, and none is missed.
///
/// # Returns
///
/// `None` where the kernel does not list them. Source: `/proc/tid/children` of proc_pid(5).
#[must_use]
pub fn own_children() -> Option<Vec<i32>> {
    if is_known() { children("self") } else { None }
}

fn children(process: &str) -> Option<Vec<i32>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        let list = text(thread.path().join("children"))?;
        children.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    Some(children)
}

/// What descends from a process, as far as the kernel lists it: without a look at every process there is.
#[must_use]
pub fn below(pid: i32) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut next = vec![pid];
    while let Some(parent) = next.pop() {
        for child in children(&parent.to_string()).unwrap_or_default().into_iter().filter_map(lookup) {
            if found.iter().all(|known| known.pid != child.pid) {
                next.push(child.pid);
                found.push(child);
            }
        }
    }
    found
}

/// What stands for a whole process group where processes cannot be listed: a signal to it reaches all members.
#[must_use]
pub fn group(group: i32) -> Entry {
    Entry { pid: -group, parent: 0, group, session: 0, start: Ticks(0), zombie: false, stopped: false }
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
    let me = own_pid();
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
    fn a_process_whose_first_thread_has_ended_is_alive() {
        let line = |threads: u8| format!("42 (a) Z 7 42 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 9999 1 2");
        assert_eq!(parse(&line(2)).map(|entry| entry.zombie), Some(false));
        assert_eq!(parse(&line(1)).map(|entry| entry.zombie), Some(true));
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
    fn what_has_just_started_is_told_from_what_runs_for_long() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().expect("it starts");
        let started = lookup(child.id().cast_signed()).expect("it runs");
        assert!(started.start.is_of_now());
        assert!(!Ticks(started.start.0 - JUST_NOW - 1).is_of_now());
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_listed() {
        let me = own_pid();
        assert!(snapshot().iter().any(|entry| entry.pid == me && !entry.zombie));
    }
}
