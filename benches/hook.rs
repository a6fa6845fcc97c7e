//! What the look after each operation costs, by which signals end a script: programs of `benches/programs` on the bytecode
//! VM, with that hook and without, in one process.
//!
//! `cargo bench --bench hook` runs it; `STAGESH_BENCH_RUNS` changes the number of pairs (9).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod support;

use std::path::Path;
use std::time::Instant;

use rhai::grain::{Compiler, Vm};
use rhai::{Engine, Scope};
use stagesh::engine::run::hook;
use stagesh::host::settings::Settings;
use stagesh::sys::interrupts::Interrupts;

use support::{geometric_mean, heading, pairs, row, runs};

const PROGRAMS: [&str; 5] = ["fib_recursive", "fib_iterative", "loops_int", "loops_while", "calls_small"];

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_max_strings_interned(0).set_max_expr_depths(0, 0).on_print(|_| {});
    engine
}

/// The seconds that a program takes, compiled already.
fn time(engine: &Engine, text: &str) -> f64 {
    let tree = engine.compile(text).expect("it is well formed");
    let program = Compiler::new().compile(&tree).into_shared();
    let begun = Instant::now();
    let _ = Vm::new(engine).eval_with_callbacks(&mut Scope::new(), &program).expect("it does not fail");
    begun.elapsed().as_secs_f64()
}

fn main() {
    if support::has_measured() {
        return;
    }
    heading("The hook after each operation: the same program on the VM with it and without.");
    let interrupts = Interrupts::new().expect("there are descriptors");
    let state = stagesh::host::Host::new(Settings::default(), interrupts).expect("signals can be caught");
    let host = stagesh::builtins::Host::new(
        state,
        Box::new(ToString::to_string),
        Box::new(|_, _| {}),
        Box::new(|_, _, status| status),
    );
    let (mut watched, plain) = (engine(), engine());
    watched.on_progress(hook(&host));
    let mut ratios = Vec::new();
    for name in PROGRAMS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/programs/{name}.rhai"));
        let text = std::fs::read_to_string(path).expect("the program is there");
        let [wall] = pairs(runs(9), || [time(&watched, &text)], || [time(&plain, &text)]);
        ratios.push(row(&format!("{name}: s"), "no hook", &wall, None));
    }
    println!();
    support::figures(
        "the geometric mean",
        "no hook",
        ratios.len(),
        [f64::NAN, f64::NAN, geometric_mean(&ratios)],
        Some(1.02),
    );
}
