//! Kills at random instants: whatever a script is doing, every handler whose registration was logged runs,
//! once, whole, in reverse order, with the right status, and no process is left.
//!
//! A trial is made from a number. A failure prints it: `STAGESH_TRIAL=N cargo test torture` repeats it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use crate::harness::{Output, Run};

const SIGNALS: [Signal; 5] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM];

/// The trials of an ordinary run; each sends at least one signal.
const TRIALS: u64 = 300;

/// As many at once as keep both cores busy: the instants vary more.
const AT_ONCE: usize = 4;

/// Two INT this far apart count twice as an impatient user, who may end a handler.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the script is doing when the first signal comes.
#[derive(Clone, Copy, Debug)]
enum State {
    Starting,
    Registering,
    HotLoop,
    Sleep,
    Command,
    StubbornCommand,
    ReadingStdin,
    Callback,
    Eval,
    TryCatch,
    Recursion,
    LastStatement,
    Exit,
    Handlers,
}

const STATES: [State; 14] = [
    State::Starting,
    State::Registering,
    State::HotLoop,
    State::Sleep,
    State::Command,
    State::StubbornCommand,
    State::ReadingStdin,
    State::Callback,
    State::Eval,
    State::TryCatch,
    State::Recursion,
    State::LastStatement,
    State::Exit,
    State::Handlers,
];

/// The generator SplitMix64: the same numbers from the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it is below a usize")
    }
}

/// What the commands of a trial are called in the table of processes: a sleep of a length that is its own.
fn token(trial: u64) -> String {
    format!("{}.{:09}", 600 + std::process::id() % 1000, trial % 1_000_000_000)
}

/// The script of a trial. It logs on stderr, which is not buffered.
fn script(random: &mut Random, state: State, token: &str) -> String {
    let mut text = String::new();
    text.push_str(
        "fn whole(id, kind) {\n\
             eprint(`begin ${id}`);\n\
             if kind == 0 { let n = 0; while n < 2000 { n += 1; } }\n\
             if kind == 1 { sleep(0.004); }\n\
             if kind == 2 { run([\"true\"]); }\n\
             if kind == 3 { try { sh(\"exit 3\"); } catch { eprint(`caught ${id}`); } }\n\
             if kind == 4 { atexit(whole, id + 1000, 1); eprint(`reg ${id + 1000}`); }\n\
             eprint(`end ${id}`);\n\
         }\n",
    );
    if matches!(state, State::Starting) {
        // Long enough for signals that come while it is parsed.
        for number in 0..4000 {
            writeln!(
                text,
                "fn filler_{number}(a, b) {{ if a > b {{ a - b }} else {{ [a, b, #{{ key: `${{a}}` }}] }} }}"
            )
            .expect("a string takes all");
        }
    }
    let count = if matches!(state, State::Registering) { 300 } else { 2 + random.below(6) };
    if count > 10 {
        text.push_str("eprint(\"state\");\n");
    }
    for id in 0..count {
        let kind = if count > 10 { 5 } else { random.below(6) };
        match random.below(3) {
            0 => writeln!(text, "atexit(whole, {id}, {kind}); eprint(\"reg {id}\");"),
            1 => writeln!(text, "atexit(|| whole({id}, {kind})); eprint(\"reg {id}\");"),
            _ => writeln!(text, "let kind = {kind}; atexit(|a| whole(a, kind), {id}); eprint(\"reg {id}\");"),
        }
        .expect("a string takes all");
    }
    text.push_str(&match state {
        State::Starting | State::Registering | State::Handlers => String::new(),
        State::HotLoop => "eprint(\"state\"); let n = 0; while true { n += 1; }".into(),
        State::Sleep => "eprint(\"state\"); sleep(600);".into(),
        State::Command => {
            format!("run([\"sh\", \"-c\", \"echo state >&2; sleep {token} & sleep {token}; wait\"]);")
        }
        State::StubbornCommand => format!(
            "run([\"sh\", \"-c\", \"trap '' HUP INT QUIT PIPE TERM; echo state >&2; sleep {token} & sleep {token}; wait\"]);"
        ),
        State::ReadingStdin => "eprint(\"state\"); read_line();".into(),
        State::Callback => "[3, 1, 2].map(|x| { eprint(\"state\"); while true { } });".into(),
        State::Eval => "eval(\"eprint(`state`); while true { }\");".into(),
        State::TryCatch => "while true { try { eprint(\"state\"); sleep(600); } catch { eprint(\"swallowed\"); } }".into(),
        State::Recursion => {
            "fn deep(n) { if n == 0 { eprint(\"state\"); while true { } } deep(n - 1) } deep(400);".into()
        }
        State::LastStatement => "eprint(\"state\");".into(),
        State::Exit => "eprint(\"state\"); exit(7);".into(),
    });
    text
}

/// What a trial did to its script.
struct Sent {
    signals: Vec<Signal>,
    /// From the first to the last.
    span: Duration,
    /// The first was seen to be acted on before the second was sent.
    first_is_seen: bool,
}

fn trial(number: u64) {
    let mut random = Random(number);
    let state = STATES[random.below(STATES.len())];
    let token = token(number);
    let place = crate::harness::Place::new();
    let script = place.write("torture.rhai", script(&mut random, state, &token));
    let mut live = Run::new().options(&["--grace", "0.05"]).arg(&script).start();
    let mut sent = Sent { signals: Vec::new(), span: Duration::ZERO, first_is_seen: false };
    match state {
        State::Starting => pause(&mut random, 12_000),
        State::Handlers => {
            live.wait_for_error("begin");
        }
        _ => {
            live.wait_for_error("state");
        }
    }
    pause(&mut random, 3_000);
    let begun = Instant::now();
    for index in 0..1 + random.below(5) {
        let signal = SIGNALS[random.below(SIGNALS.len())];
        live.signal(signal);
        sent.signals.push(signal);
        let endless = !matches!(
            state,
            State::Starting | State::Registering | State::LastStatement | State::Exit | State::Handlers
        );
        if index == 0 && endless && random.below(2) == 0 {
            live.wait_for_error("running");
            sent.first_is_seen = true;
        }
        let most = [10, 1_000, 5_000][random.below(3)];
        pause(&mut random, most);
    }
    sent.span = begun.elapsed();
    let output = live.finish();
    let verdict = judge(&output, state, &sent).and_then(|()| nothing_is_left(&token));
    if let Err(why) = verdict {
        panic!("trial {number} ({state:?}, sent {:?} in {:?}): {why}\n{output}", sent.signals, sent.span);
    }
}

/// Lets up to so many microseconds pass: the instants are to be random.
fn pause(random: &mut Random, most: usize) {
    let pause = Duration::from_micros(random.below(most) as u64);
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

fn judge(output: &Output, state: State, sent: &Sent) -> Result<(), String> {
    let errors = output.err();
    let ids = |word: &str| -> Vec<u32> {
        errors.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.parse().ok()).collect()
    };
    let (registered, begun, ended) = (ids("reg"), ids("begin"), ids("end"));
    if errors.contains("swallowed") {
        return Err("a catch has swallowed the stop".into());
    }
    if sent.span < PATIENCE && begun != ended {
        return Err("a handler was cut short".into());
    }
    // What a handler registers runs next; the others run newest first.
    let mut expected: Vec<u32> = registered.iter().copied().filter(|id| *id < 1000).collect();
    // A handler may be registered and stopped before it is logged.
    let newest = expected.len();
    if begun.first().is_some_and(|first| *first as usize == newest) {
        expected.push(begun[0]);
    }
    let expected: Vec<u32> = expected
        .into_iter()
        .rev()
        .flat_map(|id| [id].into_iter().chain(registered.contains(&(id + 1000)).then_some(id + 1000)))
        .collect();
    if begun != expected {
        return Err(format!("the handlers ran as {begun:?}, expected {expected:?}"));
    }
    judge_status(output, state, sent)
}

fn judge_status(output: &Output, state: State, sent: &Sent) -> Result<(), String> {
    use std::os::unix::process::ExitStatusExt;
    let code = output.status.code();
    let of = |signal: &Signal| Some(128 + *signal as i32);
    let by_signal = sent.signals.iter().any(|signal| code == of(signal));
    let fits = match state {
        // Before the host has come to take the signals, nothing is registered, and a signal ends it.
        State::Starting if output.status.signal().is_some() => output.err().is_empty(),
        State::Starting | State::Registering | State::LastStatement | State::Handlers => by_signal || code == Some(0),
        State::Exit => by_signal || code == Some(7),
        _ if sent.first_is_seen => code == of(&sent.signals[0]),
        _ => by_signal,
    };
    if fits { Ok(()) } else { Err("the status is wrong".into()) }
}

/// No process of the trial is alive.
fn nothing_is_left(token: &str) -> Result<(), String> {
    for entry in std::fs::read_dir("/proc").map_err(|error| error.to_string())?.flatten() {
        let Ok(words) = std::fs::read(entry.path().join("cmdline")) else { continue };
        if String::from_utf8_lossy(&words).split('\0').any(|word| word == token) {
            return Err(format!("process {} is left", entry.file_name().to_string_lossy()));
        }
    }
    Ok(())
}

// The test runner keeps it, and shows it if a trial fails.
#[allow(clippy::print_stdout)]
fn run_trials(count: u64) {
    let first = match std::env::var("STAGESH_TRIAL") {
        Ok(text) => text.parse().expect("STAGESH_TRIAL is the number of a trial"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
            u64::try_from(now.as_micros()).expect("it fits for ages") << 16
        }
    };
    let count = if std::env::var_os("STAGESH_TRIAL").is_some() { 1 } else { count };
    println!("trials {first} to {}", first + count - 1);
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < first + count
                {
                    trial(number);
                }
            });
        }
    });
}

#[test]
fn no_kill_at_any_instant_costs_a_handler() {
    run_trials(TRIALS);
}

#[test]
#[ignore = "ten thousand kills take minutes"]
fn no_kill_of_ten_thousand_costs_a_handler() {
    run_trials(10_000);
}
