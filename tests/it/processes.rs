//! What the kernel sees of commands: no fork of a large process, no polling, nothing that piles up, PID 1.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{Place, code, stagesh};

#[allow(clippy::print_stderr)]
/// What a tracer of system calls has seen of a run, if there is one.
fn traced(calls: &str, script: &str) -> Option<String> {
    let place = Place::new();
    let log = place.path().join("log");
    let options = ["-f", "-qq", "-e", &format!("trace={calls}"), "-o"].map(str::to_string);
    let ran = Command::new("strace").args(options).arg(&log).args([stagesh(), "-e", script]).output();
    let has_run = ran.is_ok_and(|output| output.status.success());
    if !has_run {
        eprintln!("skipped: there is no strace that can be used");
    }
    has_run.then(|| place.read("log"))
}

#[test]
fn no_command_is_started_by_a_fork_of_the_host() {
    let script = "run([\"true\"]); run([\"true\"], #{cwd: \"/\", env: #{A: 1}, stdin: #{text: \"x\"}, stdout: #{file: \"/dev/null\"}}); start([\"true\"]).wait();";
    let Some(log) = traced("clone,clone3,fork,vfork,execve", script) else { return };
    // Threads share the memory, too; a program is started by what is suspended until it runs.
    let makes: Vec<&str> = log.lines().filter(|line| line.contains("clone") || line.contains("fork(")).collect();
    assert!(
        makes.iter().all(|line| line.contains("CLONE_VM") || line.contains("resumed") || line.contains("vfork")),
        "{log}"
    );
    assert!(makes.iter().filter(|line| line.contains("CLONE_VFORK") || line.contains("vfork(")).count() >= 3, "{log}");
}

/// How often a process has given up the processor of its own accord, all threads together.
fn waits(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it is alive").flatten();
    let of_task = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
    };
    tasks.filter_map(of_task).sum()
}

#[test]
fn an_idle_wait_makes_no_system_call() {
    // What waits tells when a while has passed, and its shell says so past the host.
    let idle = "echo begin; sleep 1; echo end; sleep 600";
    for script in [
        format!("sh(\"{idle}\");"),
        format!("start(shell(\"{idle}\")).wait();"),
        format!("let p = start(shell(\"{idle}\")); start([\"sleep\", \"600\"], #{{stdout: \"tee\"}}); wait_all([p]);"),
        format!("let p = start(shell(\"{idle}\")); sleep(600);"),
    ] {
        let mut live = code(&script).start();
        live.wait_for("begin");
        let before = waits(live.pid());
        live.wait_for("end");
        let after = waits(live.pid());
        // The reading itself may meet it on its way into the wait.
        assert!(after - before <= 6, "{script}: {before} {after}");
        live.signal(nix::sys::signal::Signal::SIGTERM);
        live.finish().expect_code(143);
    }
}

#[test]
fn five_thousand_commands_leave_no_descriptor_no_zombie_and_no_process() {
    let script = "fn fds() { fs::list(`/proc/${pid()}/fd`).len() }
        fn children() { capture(shell(`cat /proc/$1/task/*/children | wc -w`, pid())) }
        run([\"true\"]); start([\"true\"], #{stdout: \"capture\"}).wait(); let before = fds();
        for i in 0..1000 {
            run([\"true\"]); capture([\"echo\", i], #{stderr: \"capture\"}); succeeds([\"false\"]);
            attempt([\"cat\"], #{stdin: #{text: \"x\"}}); start([\"true\"], #{stdout: \"capture\", stdin: \"pipe\"}).wait();
        }
        let ps = []; for i in 0..50 { ps.push(start([\"sleep\", \"600\"], #{stdout: \"tee\"})); } for p in ps { p.stop(); }
        ps.clear(); let p = (); start([\"true\"]).wait();
        print(`${fds() - before <= 2} ${children()}`);";
    // The one child is that which counts.
    code(script).run().expect(0, "true 1\n");
}

#[test]
fn a_program_that_cannot_be_started_leaves_no_descriptor_and_no_zombie() {
    let place = Place::new();
    place.write("no-format", "\u{1}");
    std::fs::set_permissions(place.path().join("no-format"), PermissionsExt::from_mode(0o755)).expect("it is ours");
    let script = "fn fds() { fs::list(`/proc/${pid()}/fd`).len() }
        fn children() { capture(shell(`cat /proc/$1/task/*/children | wc -w`, pid())) }
        run([\"true\"]); let before = fds(); let refused = 0;
        for i in 0..100 {
            try { capture([\"./no-format\"], #{stdin: #{text: \"x\"}}); } catch { refused += 1; }
            try { start([\"./no-format\"], #{stdout: \"capture\"}); } catch { refused += 1; }
        }
        print(`${refused} ${fds() == before} ${children()}`);";
    // The one child is that which counts.
    code(script).cwd(place.path()).run().expect(0, "200 true 1\n");
}

#[allow(clippy::print_stderr)]
/// Whether a namespace of processes can be had: some systems let nobody have one.
fn namespace() -> Option<[&'static str; 6]> {
    let namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let can = Command::new(namespace[0]).args(&namespace[1..]).arg("true").output();
    let can = can.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: no namespace is to be had");
    }
    can.then_some(namespace)
}

#[test]
fn as_pid_1_it_reaps_what_is_left_to_it() {
    let Some(namespace) = namespace() else { return };
    let script = "sh(`(sleep 0.1 & exec sleep 0.05) & (sleep 0.15 &) ; true`); sh(`sleep 0.5`);
        print(capture(shell(`cat /proc/[0-9]*/stat | grep -c ') Z ' || true`))); print(pid());";
    code(script).under(&namespace).run().expect(0, "0\n1\n");
}

#[test]
fn as_pid_1_it_stops_all_of_a_command_and_exits_with_the_status() {
    let Some(namespace) = namespace() else { return };
    let script = "atexit(print, \"cleaned\"); atexit(|| sh(`cat /proc/[0-9]*/comm | grep -c sleep || true`)); kill_soon();
        fn kill_soon() { start([\"sh\", \"-c\", \"sleep 0.2; kill -TERM 1\"]); sh(`sleep 600 & setsid -w sleep 601 & wait`); }";
    let output = code(script).under(&namespace).run();
    output.expect_code(143);
    // One has left its session on purpose.
    assert_eq!(output.out(), "1\ncleaned\n", "{output}");
}
