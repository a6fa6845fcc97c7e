//! Both ways keep the same laws.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::*;

type Start = fn(&Spawn<'_>) -> io::Result<Pid>;

const WAYS: [Start; 2] = [system::start, portable::start];

fn strings(texts: &[&str]) -> Vec<CString> {
    texts.iter().map(|text| CString::new(*text).expect("there is no NUL in it")).collect()
}

/// What a shell is to do.
fn shell(text: &str) -> Vec<CString> {
    strings(&["sh", "-c", text, "name", "a word", ""])
}

fn spawn<'a>(program: &'a CStr, words: &'a [CString]) -> Spawn<'a> {
    Spawn { program, words, environment: None, directory: None, has_own_group: false, streams: [None; 3], handled: 0 }
}

fn reap(pid: Pid) -> ExitStatus {
    let mut status = 0;
    // SAFETY: it writes the status.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    ExitStatus::from_raw(status)
}

fn pipe() -> (File, OwnedFd) {
    let (read, write) = io::pipe().expect("there are descriptors");
    (OwnedFd::from(read).into(), write.into())
}

/// What the program writes, once it has ended well.
fn output(start: Start, spawn: Spawn<'_>) -> String {
    let (mut read, write) = pipe();
    let streams = [spawn.streams[0], Some(write.as_fd()), spawn.streams[2]];
    let pid = start(&Spawn { streams, ..spawn }).expect("it starts");
    drop(write);
    let mut text = String::new();
    read.read_to_string(&mut text).expect("a pipe is read");
    assert!(reap(pid).success(), "{text}");
    text
}

#[test]
fn a_program_gets_its_words_as_they_are() {
    for start in WAYS {
        let words = shell("printf '<%s>' \"$0\" \"$@\"");
        assert_eq!(output(start, spawn(c"/bin/sh", &words)), "<name><a word><>");
    }
}

#[test]
fn a_program_has_the_environment_of_this_process_or_the_one_given() {
    for start in WAYS {
        let words = shell("printf '%s|%s' \"$PATH\" \"${A-unset}\"");
        let own = std::env::var("PATH").expect("the tests have a PATH");
        assert_eq!(output(start, spawn(c"/bin/sh", &words)), format!("{own}|unset"));
        let environment = strings(&["A=b=c", "PATH=/x"]);
        let spawn = Spawn { environment: Some(&environment), ..spawn(c"/bin/sh", &words) };
        assert_eq!(output(start, spawn), "/x|b=c");
    }
}

#[test]
fn a_program_runs_in_its_directory_and_is_looked_up_there() {
    for start in WAYS {
        let words = shell("pwd");
        let spawn = Spawn { directory: Some(c"/"), ..spawn(c"bin/sh", &words) };
        assert_eq!(output(start, spawn), "/\n");
    }
}

#[test]
fn a_program_has_the_group_of_this_process_or_its_own() {
    for start in WAYS {
        let words = shell("read -r line < /proc/$$/stat; set -- $line; echo $1 $5");
        let ids = |has_own_group| {
            let told = output(start, Spawn { has_own_group, ..spawn(c"/bin/sh", &words) });
            told.split_whitespace().map(|id| id.parse().expect("it is a number")).collect::<Vec<Pid>>()
        };
        // SAFETY: it takes and changes no memory.
        let own = unsafe { libc::getpgrp() };
        assert_eq!(ids(false)[1], own);
        let [pid, group] = ids(true)[..] else { panic!("there are two") };
        assert_eq!(pid, group);
    }
}

#[test]
fn streams_may_be_given_in_the_places_of_each_other() {
    let link = |path: &str| std::fs::read_link(path).expect("there is a /proc").to_string_lossy().into_owned();
    let (stdin, stderr) = (io::stdin(), io::stderr());
    for start in WAYS {
        let words = strings(&["readlink", "/proc/self/fd/0", "/proc/self/fd/2"]);
        let streams = [Some(stderr.as_fd()), None, Some(stdin.as_fd())];
        let told = output(start, Spawn { streams, ..spawn(c"/usr/bin/readlink", &words) });
        assert_eq!(told, format!("{}\n{}\n", link("/proc/self/fd/2"), link("/proc/self/fd/0")));
    }
}

#[test]
fn a_program_has_its_streams_and_what_it_inherits_and_no_other_descriptor() {
    let [own, of_the_standard_library] = WAYS.map(|start| {
        let (words, stdin) = (strings(&["ls", "/proc/self/fd"]), io::stdin());
        let streams = [None, None, Some(stdin.as_fd())];
        output(start, Spawn { streams, ..spawn(c"/bin/ls", &words) })
    });
    assert_eq!(own, of_the_standard_library);
}

#[test]
fn what_does_not_start_says_why() {
    let long = CString::new(vec![b'x'; 4 << 20]).expect("there is no NUL in it");
    let no_format = std::env::temp_dir().join(format!("stagesh-spawn-{}", std::process::id()));
    std::fs::copy("/bin/sh", &no_format).expect("it can be copied, with its mode");
    std::fs::write(&no_format, "\u{1}").expect("it is ours");
    let no_format_name = CString::new(no_format.to_string_lossy().as_bytes()).expect("there is no NUL in it");
    for start in WAYS {
        let words = strings(&["x"]);
        let too_long = [words[0].clone(), long.clone()];
        let plain = |program| spawn(program, &words);
        let cases = [
            (plain(c"/nowhere/x"), libc::ENOENT),
            (plain(c"/etc/passwd"), libc::EACCES),
            (plain(&no_format_name), libc::ENOEXEC),
            (Spawn { words: &too_long, ..plain(c"/bin/sh") }, libc::E2BIG),
            (Spawn { directory: Some(c"/nowhere"), ..plain(c"/bin/sh") }, libc::ENOENT),
        ];
        for (spawn, expected) in cases {
            let error = start(&spawn).expect_err("it cannot start");
            assert_eq!(error.raw_os_error(), Some(expected), "{:?}", spawn.program);
        }
    }
    std::fs::remove_file(no_format).expect("it is ours");
}

#[test]
fn a_program_begins_with_an_empty_mask_and_no_handler_and_ignores_nothing() {
    // SAFETY: a set of zeros is a set; both calls read or write what they are given.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGUSR2);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
    for start in WAYS {
        let words = strings(&["cat", "/proc/self/status"]);
        let told = output(start, spawn(c"/bin/cat", &words));
        for name in ["SigBlk:", "SigIgn:", "SigCgt:"] {
            let set = told.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
            let set = u64::from_str_radix(set.trim(), 16).expect("it is hexadecimal");
            // The real-time signals are no business of ours: glibc ignores two in what it starts.
            assert_eq!(set & 0x7fff_ffff, 0, "{name}");
        }
    }
}

/// Handlers that ran in another process than the one whose memory this is.
mod strays {
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use super::*;

    static OWN: AtomicI32 = AtomicI32::new(0);
    static STRAYS: AtomicI32 = AtomicI32::new(0);

    extern "C" fn handler(_: libc::c_int) {
        // SAFETY: it takes and changes no memory.
        if unsafe { libc::getpid() } != OWN.load(Ordering::Relaxed) {
            STRAYS.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many programs are started, each of which is sent a signal as soon as it is seen.
    const PROGRAMS: usize = 300;

    #[test]
    fn no_handler_of_this_process_runs_in_the_new_one() {
        // SAFETY: it takes and changes no memory.
        let (own, thread) = unsafe { (libc::getpid(), libc::gettid()) };
        OWN.store(own, Ordering::Relaxed);
        let handler: extern "C" fn(libc::c_int) = handler;
        // SAFETY: the handler uses nothing but atomics and getpid(2).
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let is_done = AtomicBool::new(false);
        let words = strings(&["true"]);
        let spawn = Spawn { handled: 1 << (libc::SIGUSR1 - 1), ..spawn(c"/bin/true", &words) };
        let pids: Vec<Pid> = std::thread::scope(|scope| {
            scope.spawn(|| {
                let list = format!("/proc/self/task/{thread}/children");
                while !is_done.load(Ordering::Relaxed) {
                    let children = std::fs::read_to_string(&list).unwrap_or_default();
                    // None is reaped meanwhile: the last is the newest, and no number is another's.
                    if let Some(newest) = children.split_whitespace().last().and_then(|pid| pid.parse().ok()) {
                        // SAFETY: it takes and changes no memory.
                        unsafe { libc::kill(newest, libc::SIGUSR1) };
                    }
                }
            });
            let pids = (0..PROGRAMS).map(|_| system::start(&spawn).expect("it starts")).collect();
            is_done.store(true, Ordering::Relaxed);
            pids
        });
        let statuses: Vec<ExitStatus> = pids.into_iter().map(reap).collect();
        assert!(statuses.iter().any(|status| status.signal() == Some(libc::SIGUSR1)), "none was met");
        assert_eq!(STRAYS.load(Ordering::Relaxed), 0);
    }
}
