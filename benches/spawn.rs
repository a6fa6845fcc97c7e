//! What a command costs: a program that does nothing, started and waited for a thousand times, in microseconds each,
//! beside dash, bash and Python; and the same with a host that holds a gigabyte.
//!
//! `cargo bench --bench spawn` runs it. The contenders run in turn, so that a change of the machine's speed meets all.

#![allow(clippy::print_stdout)]

use std::process::{Command, Stdio};
use std::time::Instant;

const STAGESH: &str = env!("CARGO_BIN_EXE_stagesh");

/// The same with much memory; it tells itself what its commands took.
const HELD: &str = "let held = blob(1 << 30, 1); let start = timestamp();
    for i in 0..COUNT { run([\"/usr/bin/true\"]); } print(start.elapsed);";

/// Rounds; the median of them is printed.
const ROUNDS: usize = 11;

/// Commands in each.
const COMMANDS: u32 = 1000;

/// A program that starts so many commands, and the time that each round has taken in seconds.
struct Contender {
    name: &'static str,
    words: Vec<String>,
    times: Vec<f64>,
}

fn contenders() -> Vec<Contender> {
    let of = |name, words: &[&str]| Contender {
        name,
        words: words.iter().map(|word| word.replace("COUNT", &COMMANDS.to_string())).collect(),
        times: Vec::new(),
    };
    let shell = "i=0; while [ $i -lt COUNT ]; do /usr/bin/true; i=$((i + 1)); done";
    vec![
        of("stagesh run", &[STAGESH, "-e", "for i in 0..COUNT { run([\"/usr/bin/true\"]); }"]),
        of("dash", &["dash", "-c", shell]),
        of("bash", &["bash", "-c", shell]),
        of(
            "python3 subprocess.run",
            &["python3", "-c", "import subprocess\nfor i in range(COUNT): subprocess.run(['/usr/bin/true'])"],
        ),
        of("stagesh run, by PATH", &[STAGESH, "-e", "for i in 0..COUNT { run([\"true\"]); }"]),
        of("stagesh capture", &[STAGESH, "-e", "for i in 0..COUNT { capture([\"/usr/bin/true\"]); }"]),
        of("stagesh start, wait", &[STAGESH, "-e", "for i in 0..COUNT { start([\"/usr/bin/true\"]).wait(); }"]),
        of("stagesh run, 1 GiB held", &[STAGESH, "-e", HELD]),
    ]
}

/// Seconds of one run, or those that it prints; `None` if the program is not installed.
fn once(words: &[String]) -> Option<f64> {
    let start = Instant::now();
    let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().ok()?;
    let took = start.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    output.status.success().then(|| told.unwrap_or(took))
}

fn main() {
    let mut contenders = contenders();
    for _ in 0..ROUNDS {
        for contender in &mut contenders {
            contender.times.extend(once(&contender.words));
        }
    }
    let median = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    };
    let dash = median(&contenders[1].times);
    println!("{:<26} {:>12} {:>8}", "program", "µs each", "/ dash");
    for contender in &contenders {
        let Some(time) = median(&contender.times) else { continue };
        let each = time * 1e6 / f64::from(COMMANDS);
        let ratio = dash.map_or_else(String::new, |dash| format!("{:.2}", time / dash));
        println!("{:<26} {each:>12.1} {ratio:>8}", contender.name);
    }
}
