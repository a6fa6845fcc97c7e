//! `trap`, `untrap`, `trapped`.

use nix::sys::signal::Signal;

use crate::harness::{code, signal_set};

/// The signals that a script may trap, by name and number.
const TRAPPABLE: [(&str, Signal); 12] = [
    ("HUP", Signal::SIGHUP),
    ("INT", Signal::SIGINT),
    ("QUIT", Signal::SIGQUIT),
    ("USR1", Signal::SIGUSR1),
    ("USR2", Signal::SIGUSR2),
    ("PIPE", Signal::SIGPIPE),
    ("ALRM", Signal::SIGALRM),
    ("TERM", Signal::SIGTERM),
    ("XCPU", Signal::SIGXCPU),
    ("XFSZ", Signal::SIGXFSZ),
    ("VTALRM", Signal::SIGVTALRM),
    ("PROF", Signal::SIGPROF),
];

const FIVE: &str = "[\"HUP\", \"INT\", \"QUIT\", \"PIPE\", \"TERM\"]";

#[test]
fn every_trappable_signal_ends_the_run_and_its_handlers_run() {
    for (name, signal) in TRAPPABLE {
        let script = format!("trap(); trap(\"{name}\"); atexit(print, \"cleaned\"); print(\"ready\"); sleep(600);");
        let mut live = code(&script).start();
        live.wait_for("ready").signal(signal);
        live.finish()
            .expect(128 + signal as i32, "ready\ncleaned\n")
            .expect_error(&format!("stagesh: {name}: running 1 exit handler"));
    }
}

#[test]
fn the_five_are_trapped_from_the_first_line_on() {
    code("print(trapped());").run().expect(0, &format!("{FIVE}\n"));
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM] {
        let mut live = code("atexit(print, \"cleaned\"); print(\"ready\"); loop { }").start();
        live.wait_for("ready").signal(signal);
        live.finish().expect(128 + signal as i32, "ready\ncleaned\n");
    }
}

#[test]
fn a_signal_that_is_not_trapped_kills_and_no_handler_runs() {
    for (text, signal) in [("", Signal::SIGUSR1), ("trap(\"INT\");", Signal::SIGTERM), ("trap([]);", Signal::SIGHUP)] {
        let mut live = code(&format!("{text} atexit(print, \"cleaned\"); print(\"ready\"); loop {{ }}")).start();
        live.wait_for("ready").signal(signal);
        let output = live.finish();
        output.expect_death(signal);
        assert_eq!(output.out(), "ready\n", "{output}");
    }
}

#[test]
fn the_first_call_takes_charge_and_later_ones_add() {
    code("print(trap(\"USR1\")); print(trap(\"INT\")); print(trapped());")
        .run()
        .expect(0, "[\"USR1\"]\n[\"INT\", \"USR1\"]\n[\"INT\", \"USR1\"]\n");
}

#[test]
fn a_name_a_long_name_a_small_name_and_a_number_are_the_same() {
    for form in ["\"TERM\"", "\"SIGTERM\"", "\"term\"", "\"sigterm\"", "15", "[\"TERM\"]", "[15]", "[\"term\", 15]"] {
        code(&format!("print(trap({form}));")).run().expect(0, "[\"TERM\"]\n");
    }
}

#[test]
fn names_are_listed_in_the_order_of_their_numbers() {
    code("print(trap([\"TERM\", \"USR2\", \"HUP\", \"PIPE\", \"INT\"]));")
        .run()
        .expect(0, "[\"HUP\", \"INT\", \"USR2\", \"PIPE\", \"TERM\"]\n");
}

#[test]
fn trap_without_arguments_adds_the_five() {
    code("trap(\"USR1\"); print(trap());")
        .run()
        .expect(0, "[\"HUP\", \"INT\", \"QUIT\", \"USR1\", \"PIPE\", \"TERM\"]\n");
}

#[test]
fn trap_of_nothing_adds_nothing() {
    code("print(trap([])); print(trap(\"INT\")); print(trap([]));").run().expect(0, "[]\n[\"INT\"]\n[\"INT\"]\n");
}

#[test]
fn untrap_gives_signals_back() {
    code("trap(); print(untrap(\"INT\")); print(untrap([1, \"PIPE\"])); print(untrap()); print(trapped());")
        .run()
        .expect(0, "[\"HUP\", \"QUIT\", \"PIPE\", \"TERM\"]\n[\"QUIT\", \"TERM\"]\n[]\n[]\n");
}

#[test]
fn untrap_before_any_trap_takes_charge_of_the_five() {
    code("print(untrap(\"INT\")); print(trap(\"USR1\"));")
        .run()
        .expect(0, "[\"HUP\", \"QUIT\", \"PIPE\", \"TERM\"]\n[\"HUP\", \"QUIT\", \"USR1\", \"PIPE\", \"TERM\"]\n");
    let mut live = code("untrap(\"INT\"); print(\"ready\"); loop { }").start();
    live.wait_for("ready").signal(Signal::SIGINT);
    live.finish().expect_death(Signal::SIGINT);
}

#[test]
fn traps_hold_in_handlers_as_well() {
    let mut live = code("atexit(|| { trap(\"USR1\"); print(\"ready\"); read_line(); print(\"whole\"); });").start();
    live.wait_for("ready").signal(Signal::SIGUSR1).write(b"\n");
    live.finish().expect(138, "ready\nwhole\n");
    let mut live = code("atexit(|| { untrap(\"TERM\"); print(\"ready\"); loop { } });").start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect_death(Signal::SIGTERM);
}

#[test]
fn a_first_call_that_leaves_out_one_of_the_five_says_so_once_if_something_is_registered() {
    let line =
        "stagesh: HUP, QUIT, PIPE, TERM are not trapped any more and would skip the handlers; trap() adds them\n";
    code("atexit(|| 1); trap(\"INT\"); trap(\"USR1\");").run().expect_code(0).expect_errors(line);
    code("trap(\"INT\"); atexit(|| 1); atexit(|| 2);").run().expect_code(0).expect_errors(line);
    code("atexit(|| 1); trap(\"INT\");").options(&["--quiet"]).run().expect_code(0).expect_no_error();
    let all =
        "stagesh: HUP, INT, QUIT, PIPE, TERM are not trapped any more and would skip the handlers; trap() adds them\n";
    code("trap([]); atexit(|| 1);").run().expect_code(0).expect_errors(all);
    let one = "stagesh: PIPE is not trapped any more and would skip the handlers; trap() adds it\n";
    code("untrap(\"PIPE\"); atexit(|| 1);").run().expect_code(0).expect_errors(one);
}

#[test]
fn nothing_is_said_where_nothing_is_lost() {
    code("trap(\"INT\");").run().expect_code(0).expect_no_error();
    code("trap(); atexit(|| 1);").run().expect_code(0).expect_no_error();
    code("trap(); atexit(|| 1); trap(\"USR1\");").run().expect_code(0).expect_no_error();
}

#[test]
fn what_cannot_be_trapped_is_refused_and_the_reason_told() {
    for (name, why) in [
        ("KILL", "the kernel lets no process handle it"),
        ("STOP", "the kernel lets no process handle it"),
        ("SEGV", "fault"),
        ("BUS", "fault"),
        ("FPE", "fault"),
        ("ILL", "fault"),
        ("ABRT", ""),
        ("TRAP", ""),
        ("SYS", ""),
        ("CHLD", ""),
        ("CONT", ""),
        ("TSTP", ""),
        ("TTIN", ""),
        ("TTOU", ""),
        ("WINCH", ""),
        ("URG", ""),
    ] {
        for verb in ["trap", "untrap"] {
            let script = format!("try {{ {verb}(\"{name}\"); }} catch (e) {{ print(e.message); }} print(trapped());");
            let output = code(&script).run();
            output.expect_code(0);
            let text = output.out();
            assert!(text.starts_with(&format!("{verb}: ")) && text.contains(name) && text.contains(why), "{output}");
            assert!(text.ends_with(&format!("\n{FIVE}\n")), "a refused call changes nothing: {output}");
        }
    }
}

#[test]
fn what_is_no_signal_is_refused_and_the_valid_ones_are_listed() {
    for value in ["\"FOO\"", "\"\"", "\"SIG\"", "0", "-1", "99", "32", "1000000"] {
        let output = code(&format!("trap({value});")).run();
        output.expect_code(1).expect_error("trap: unknown signal").expect_error("HUP").expect_error("VTALRM");
    }
    for value in ["1.5", "true", "()", "#{}", "[[1]]", "|| 1"] {
        code(&format!("trap({value});")).run().expect_code(1).expect_error("trap: ");
    }
}

#[test]
fn a_list_with_one_bad_signal_changes_nothing() {
    code("try { trap([\"USR1\", \"FOO\"]); } catch { } print(trapped());").run().expect(0, &format!("{FIVE}\n"));
}

/// Ignores the signal, then runs the program.
fn ignoring(signal: &str) -> [String; 4] {
    ["sh".into(), "-c".into(), format!("trap '' {signal}; exec \"$@\""), "sh".into()]
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for (name, signal) in [("HUP", Signal::SIGHUP), ("INT", Signal::SIGINT), ("TERM", Signal::SIGTERM)] {
        let prefix = ignoring(name);
        let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
        let script = format!("trap(\"{name}\"); print(trapped()); print(\"ready\"); read_line(); print(\"on\");");
        let mut live = code(&script).under(&prefix).start();
        live.wait_for("ready").signal(signal).write(b"\n");
        live.finish().expect(0, "[]\nready\non\n");
    }
}

#[test]
fn what_was_ignored_at_the_start_is_not_listed() {
    let prefix = ignoring("HUP");
    let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
    code("print(trapped()); print(trap()); print(untrap(\"INT\"));").under(&prefix).run().expect(
        0,
        "[\"INT\", \"QUIT\", \"PIPE\", \"TERM\"]\n[\"INT\", \"QUIT\", \"PIPE\", \"TERM\"]\n[\"QUIT\", \"PIPE\", \"TERM\"]\n",
    );
}

#[test]
fn a_command_has_default_dispositions_but_for_what_was_ignored_at_the_start() {
    let look = "print(capture([\"cat\", \"/proc/self/status\"]));";
    let masks = |text: String| -> Vec<u64> {
        // The real-time signals are no business of ours: some machines ignore two.
        let of = |name: &str| signal_set(&text, name).expect("the kernel tells it") & 0x7fff_ffff;
        ["SigBlk:", "SigIgn:", "SigCgt:"].map(of).to_vec()
    };
    let output = code(look).run();
    assert_eq!(masks(output.expect_code(0).out()), [0, 0, 0], "{output}");
    let prefix = ignoring("HUP");
    let prefix: Vec<&str> = prefix.iter().map(String::as_str).collect();
    let output = code(look).under(&prefix).run();
    assert_eq!(masks(output.expect_code(0).out()), [0, 1, 0], "HUP is the lowest bit: {output}");
}

/// What is left out when the handlers of the host are put back in a program that it starts would run there. So nothing
/// the host is built of may install one that `Interrupts::handled` does not name.
#[test]
fn the_host_handles_what_is_trapped_and_the_end_of_children_and_nothing_else() {
    let trapped = TRAPPABLE.map(|(_, signal)| signal as i32);
    // The last is by which glibc tells threads of `setuid`. There is no runtime of Rust, which would catch BUS and SEGV.
    let others = [Signal::SIGCHLD as i32, 33];
    let known = trapped.iter().chain(&others).fold(0u64, |set, number| set | 1 << (number - 1));
    let script = "trap(); trap([\"USR1\", \"USR2\", \"ALRM\", \"XCPU\", \"XFSZ\", \"VTALRM\", \"PROF\"]);
        start([\"true\"]).wait(); capture([\"true\"], #{stdin: #{text: \"x\"}, timeout: 60});
        print(capture([\"grep\", \"SigCgt\", `/proc/${pid()}/status`]));";
    let output = code(script).run();
    let caught = signal_set(&output.expect_code(0).out(), "SigCgt:").expect("the kernel tells it");
    assert_eq!(caught & !known, 0, "{caught:x} {known:x}");
    assert_eq!(caught & 0x7fff_ffff, known & 0x7fff_ffff, "{caught:x} {known:x}");
}

#[test]
fn a_trapped_signal_that_was_blocked_at_the_start_is_unblocked() {
    let block = "use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGCHLD)); exec @ARGV";
    let mut live = code("atexit(print, \"cleaned\"); run([\"true\"]); print(\"ready\"); sleep(600);")
        .under(&["perl", "-e", block, "--"])
        .start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.finish().expect(143, "ready\ncleaned\n");
}

#[test]
fn an_ignored_chld_is_put_back_to_its_default() {
    code("run([\"true\"]); print(succeeds([\"false\"])); print(\"waited\");")
        .under(&["perl", "-e", "$SIG{CHLD} = 'IGNORE'; exec @ARGV", "--"])
        .run()
        .expect(0, "false\nwaited\n");
}

#[test]
fn of_several_signals_that_are_pending_the_lowest_number_decides() {
    let mut live = code("atexit(|| print(outcome().signal)); print(\"ready\"); loop { }").start();
    live.wait_for("ready")
        .signal(Signal::SIGSTOP)
        .signal(Signal::SIGTERM)
        .signal(Signal::SIGHUP)
        .signal(Signal::SIGPIPE);
    live.signal(Signal::SIGCONT);
    live.finish().expect(129, "ready\nHUP\n");
}

#[test]
fn one_line_says_what_runs_where_there_is_something_to_clean_up() {
    let ended = |script: &str| code(&format!("{script} kill(pid(), \"TERM\"); loop {{ }}")).run();
    ended("").expect(143, "").expect_no_error();
    ended("atexit(|| 1);").expect_code(143).expect_errors("stagesh: TERM: running 1 exit handler\n");
    ended("for i in 0..3 { atexit(|| 1); }").expect_code(143).expect_errors("stagesh: TERM: running 3 exit handlers\n");
    code("atexit(|| 1); kill(pid(), \"TERM\"); loop { }").options(&["-q"]).run().expect_code(143).expect_no_error();
}
