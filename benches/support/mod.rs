//! What the benchmarks share: the programs beside which stagesh is measured, runs that are measured, runs in pairs, and
//! the rows of a table.
//!
//! A program is run by a small process, the bench itself with a private argument, so that what the system counts for
//! "the children" of that process is one run alone.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The program that is measured: that of `cargo build --release`, because what the tests depend on changes features of what the
/// program depends on, the names of its functions with them, and to those the profile does not fit.
pub(crate) fn stagesh() -> &'static str {
    static BUILT: OnceLock<()> = OnceLock::new();
    let path = env!("CARGO_BIN_EXE_stagesh");
    BUILT.get_or_init(|| {
        let target = Path::new(path).ancestors().nth(2).expect("it is in the directory of a profile");
        assert!(Path::new(path).starts_with(target.join("release")), "it is measured as a release: {path}");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--locked", "--bin", "stagesh", "--target-dir"]).arg(target);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().expect("it has built this").success(), "the program is not built");
    });
    path
}

/// How long one run may take; it is killed then, and the bench ends.
const LIMIT: Duration = Duration::from_secs(120);

/// How much longer the process that measures it may take.
const MARGIN: Duration = Duration::from_secs(10);

/// The private argument.
const MEASURE: &str = "--measure-one-run";

/// The number of runs of each row: `STAGESH_BENCH_RUNS`, or else as many as the bench thinks right.
pub(crate) fn runs(default: usize) -> usize {
    let asked = std::env::var("STAGESH_BENCH_RUNS").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(default).max(1)
}

/// The words of a command.
pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The path of a program, which is looked for once: otherwise the search would be measured with it. `None` if it is not
/// installed.
///
/// That of `rhai-run` can be said by `RHAI_RUN`.
pub(crate) fn peer(name: &str) -> Option<String> {
    let said = if name == "rhai-run" { std::env::var_os("RHAI_RUN").map(PathBuf::from) } else { None };
    let path = said.or_else(|| in_path(name))?.into_os_string().into_string().ok()?;
    if name != "python3" {
        return Some(path);
    }
    // What is found may be a script that looks for the interpreter.
    let (status, output, _) = finish(Command::new(path).args(["-c", "import sys; print(sys.executable)"]), LIMIT)?;
    (status.success() && !output.trim().is_empty()).then(|| output.trim().to_string())
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// Where the output of a run goes.
#[derive(Clone, Copy)]
pub(crate) enum Sink {
    File,
    Pipe,
}

/// What one run took, and its output.
pub(crate) struct Run {
    /// Seconds.
    pub(crate) wall: f64,
    /// Seconds of user and system time together.
    pub(crate) cpu: f64,
    /// KiB; not less than the process that measures has itself.
    pub(crate) peak: f64,
    pub(crate) output: String,
}

/// Runs a command that must succeed and say nothing on standard error.
pub(crate) fn measure(words: &[String]) -> Run {
    measure_into(words, Sink::File)
}

/// As [`measure`].
pub(crate) fn measure_into(words: &[String], sink: Sink) -> Run {
    let own = std::env::current_exe().expect("the bench is there");
    let mut command = Command::new(own);
    command.arg(MEASURE).args(words);
    let (status, output, told) = match sink {
        Sink::File => finish(&mut command, LIMIT + MARGIN),
        Sink::Pipe => finish_piped(&mut command, LIMIT + MARGIN),
    }
    .expect("the bench can be started");
    let figures: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match *figures {
        // Anything else that was said is no number.
        [wall, cpu, peak] if status.success() && told.lines().count() == 1 => Run { wall, cpu, peak, output },
        _ => panic!("{words:?}: {status}: {told}\n{output}"),
    }
}

/// Whether this process was started to measure a run, and has done so. The first thing to ask in `main`.
pub(crate) fn has_measured() -> bool {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|arg| arg != MEASURE) {
        return false;
    }
    let words: Vec<OsString> = args.collect();
    let start = Instant::now();
    let mut child = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).spawn().expect("it can be started");
    let ended = wait(&mut child, LIMIT);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("there are children");
    assert!(!ended.is_late, "it ran for {} s and was killed", LIMIT.as_secs());
    assert!(ended.status.success(), "{}", ended.status);
    let wall = ended.at.duration_since(start).as_secs_f64();
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    // Bytes on macOS.
    let peak = usage.max_rss() / if cfg!(target_vendor = "apple") { 1024 } else { 1 };
    eprintln!("{wall:.6} {cpu:.6} {peak}");
    true
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// How a child ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    at: Instant,
    is_late: bool,
}

/// Waits for a child and reaps it; kills it when the limit is over.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Ended {
    let pid = Pid::from_child(child);
    let (end, news) = channel::<()>();
    let watchdog = thread::spawn(move || {
        let is_late = news.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if is_late {
            // Nobody reaps it before this thread has ended. It may have ended itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        is_late
    });
    while matches!(waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT), Err(Errno::INTR)) {}
    let at = Instant::now();
    drop(end);
    let is_late = watchdog.join().expect("it does not panic");
    Ended { status: child.wait().expect("it is a child"), at, is_late }
}

/// A child that does not outlive its scope.
pub(crate) struct Guarded(pub(crate) Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command: its status, output, and what it said on standard error. `None` if it cannot be started.
fn finish(command: &mut Command, limit: Duration) -> Option<(ExitStatus, String, String)> {
    let (mut output, mut errors) = (nameless(), nameless());
    let copies = [&output, &errors].map(|file| file.try_clone().expect("there are descriptors left"));
    let [stdout, stderr] = copies.map(Stdio::from);
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().ok()?;
    let status = wait(&mut child, limit).status;
    Some((status, text(&mut output), text(&mut errors)))
}

/// The same, with the output read while it runs.
fn finish_piped(command: &mut Command, limit: Duration) -> Option<(ExitStatus, String, String)> {
    let mut errors = nameless();
    let stderr = errors.try_clone().expect("there are descriptors left");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().ok()?;
    let mut pipe = child.stdout.take().expect("it is a pipe");
    let (end, news) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // If nobody asks any more, the bench ends.
        let _ = end.send(pipe.read_to_end(&mut bytes).map(|_| bytes));
    });
    let status = wait(&mut child, limit).status;
    let read = news.recv_timeout(MARGIN).expect("nobody holds the pipe open");
    let bytes = read.expect("a pipe can be read");
    Some((status, String::from_utf8_lossy(&bytes).into_owned(), text(&mut errors)))
}

fn nameless() -> File {
    tempfile::tempfile().expect("there is room for a file")
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("it is a file");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value below which this part of the values lies; `NaN` of none.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    sorted[(last as f64 * part) as usize]
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

pub(crate) fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// A figure of two programs that ran in turn.
#[derive(Default)]
pub(crate) struct Pairs {
    pub(crate) own: Vec<f64>,
    pub(crate) other: Vec<f64>,
}

impl Pairs {
    /// The median of the ratios, each of one pair: a change of the machine's speed meets both.
    pub(crate) fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self.own.iter().zip(&self.other).map(|(own, other)| own / other).collect();
        median(&ratios)
    }
}

/// Runs two programs in turn, after once to warm up; `N` figures of each.
pub(crate) fn pairs<const N: usize>(
    runs: usize,
    mut own: impl FnMut() -> [f64; N],
    mut other: impl FnMut() -> [f64; N],
) -> [Pairs; N] {
    own();
    other();
    cold_pairs(runs, own, other)
}

/// As [`pairs`], without the warming up.
pub(crate) fn cold_pairs<const N: usize>(
    runs: usize,
    mut own: impl FnMut() -> [f64; N],
    mut other: impl FnMut() -> [f64; N],
) -> [Pairs; N] {
    let mut all = [(); N].map(|()| Pairs::default());
    for _ in 0..runs {
        let figures = (own(), other());
        for ((pairs, one), another) in all.iter_mut().zip(figures.0).zip(figures.1) {
            pairs.own.push(one);
            pairs.other.push(another);
        }
    }
    all
}

/// Prints a title and the heads of the columns; the figures are medians.
pub(crate) fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "{:<44} {:<26} {:>5} {:>10} {:>10} {:>7}  target",
        "what, unit", "beside", "runs", "stagesh", "the other", "ratio"
    );
}

/// Prints a row; returns the ratio.
pub(crate) fn row(what: &str, beside: &str, pairs: &Pairs, target: Option<f64>) -> f64 {
    let ratio = pairs.ratio();
    figures(what, beside, pairs.own.len(), [median(&pairs.own), median(&pairs.other), ratio], target);
    ratio
}

/// Prints a row: the figure of stagesh, that of the other, the ratio.
pub(crate) fn figures(what: &str, beside: &str, runs: usize, [own, other, ratio]: [f64; 3], target: Option<f64>) {
    let target = target.map_or_else(String::new, |most| {
        // What is printed is what counts.
        let over = if (ratio * 100.0).round() > (most * 100.0).round() { ", over" } else { "" };
        format!("at most {most:.2}{over}")
    });
    let (own, other) = (digits(own), digits(other));
    println!(
        "{}",
        format!("{what:<44} {beside:<26} {runs:>5} {own:>10} {other:>10} {ratio:>7.2}  {target}").trim_end()
    );
}

/// Prints a row of a program that is not there.
pub(crate) fn missing(what: &str, beside: &str) {
    println!("{what:<44} {beside:<26} not installed");
}

/// Four digits, or all before the point; nothing for what is no number.
pub(crate) fn digits(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
