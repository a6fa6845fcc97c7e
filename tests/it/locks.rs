//! `fs::lock` and `fs::holder`.

use nix::sys::signal::Signal;

use crate::harness::{Place, code, refuses};

/// A script that has the lock and says so, until it is told to go on.
const HOLDER: &str = "fs::lock(\"lock\"); print(\"ready\"); read_line();";

#[test]
fn one_at_a_time_has_a_lock_and_the_next_gets_it_at_once() {
    let place = Place::new();
    let mut first = code(HOLDER).cwd(place.path()).start();
    first.wait_for("ready");
    assert_eq!(place.read("lock"), format!("{}\n", first.pid()));
    code("print(fs::lock(\"lock\", #{wait: 0})); print(fs::lock(\"lock\", #{wait: 0.05})); print(fs::holder(\"lock\").running);")
        .cwd(place.path())
        .run()
        .expect(0, "\n\ntrue\n");
    let mut second = code("print(\"waits\"); let lock = fs::lock(\"lock\"); print(lock.held); read_line();")
        .cwd(place.path())
        .start();
    second.wait_for("waits");
    first.finish().expect_code(0);
    second.wait_for("true");
    assert_eq!(place.read("lock"), format!("{}\n", second.pid()));
    second.finish().expect_code(0);
    assert_eq!(place.read("lock"), "");
}

#[test]
fn a_lock_goes_with_a_process_that_is_killed() {
    let place = Place::new();
    let mut first = code(HOLDER).cwd(place.path()).start();
    first.wait_for("ready").signal(Signal::SIGKILL);
    first.end().expect_death(Signal::SIGKILL);
    code("print(fs::holder(\"lock\") == ()); print(fs::lock(\"lock\", #{wait: 0}).held);")
        .cwd(place.path())
        .run()
        .expect(0, "true\ntrue\n");
}

#[test]
fn a_wait_for_a_lock_ends_with_the_run() {
    let place = Place::new();
    let mut first = code(HOLDER).cwd(place.path()).start();
    first.wait_for("ready");
    for wait in ["", ", #{wait: 600}"] {
        let mut second = code(&format!("atexit(|| print(\"cleaned\")); print(\"waits\"); fs::lock(\"lock\"{wait});"))
            .cwd(place.path())
            .start();
        second.wait_for("waits").signal(Signal::SIGTERM);
        second.end().expect(143, "waits\ncleaned\n");
    }
    first.finish().expect_code(0);
}

#[test]
fn a_wait_for_a_lock_that_is_over_leaves_nothing_behind() {
    let place = Place::new();
    let mut first = code(HOLDER).cwd(place.path()).start();
    first.wait_for("ready");
    // A thread that has given its result takes a moment to end; a pipe is opened a second time when it is first written to.
    let script =
        "let threads = || fs::list(`/proc/${pid()}/task`).len(); let files = || fs::list(`/proc/${pid()}/fd`).len();
        let wait = || fs::lock(\"lock\", #{wait: 0.001});
        wait.call(); wait_until(60, || threads.call() == 1); let before = files.call();
        for n in 0..20 { wait.call(); try { stage(#{name: \"s\", timeout: 0.001}, || fs::lock(\"lock\")); } catch { } }
        wait_until(60, || threads.call() == 1); print(files.call() == before);";
    code(script).options(&["--quiet"]).cwd(place.path()).run().expect(0, "true\n");
    first.finish().expect_code(0);
}

#[test]
fn a_lock_that_came_too_late_is_nobodys() {
    let place = Place::new();
    let mut first = code(HOLDER).cwd(place.path()).start();
    first.wait_for("ready");
    let mut second = code("print(fs::lock(\"lock\", #{wait: 0.05}) == ()); read_line();").cwd(place.path()).start();
    second.wait_for("true");
    first.finish().expect_code(0);
    code("print(fs::lock(\"lock\", #{wait: 60}).held);").cwd(place.path()).run().expect(0, "true\n");
    second.finish().expect_code(0);
}

#[test]
fn a_lock_is_given_back_in_its_turn_or_by_unlock() {
    let place = Place::new();
    let script = r#"let other = ["flock", "-n", "lock", "true"];
        atexit(|| print(`last ${succeeds(other)}`)); let lock = fs::lock("lock"); atexit(|| print(`first ${succeeds(other)}`));
        print(handlers().map(|h| h.name)); let second = fs::lock("second"); print(handlers().len()); second.unlock(); second.unlock(); print(handlers().len());
        print(`${second.held} ${lock.held} ${lock.path} ${succeeds(["flock", "-n", "second", "true"])}`); print(lock);"#;
    let expected = "[\"closure\", \"unlock `lock`\", \"closure\"]\n4\n3\nfalse true lock true\nLock(lock)\nfirst false\nlast true\n";
    code(script).cwd(place.path()).run().expect(0, expected);
}

#[test]
fn commands_do_not_inherit_a_lock() {
    let place = Place::new();
    let script = "let lock = fs::lock(\"lock\"); let p = start([\"sleep\", \"600\"]); lock.unlock(); print(succeeds([\"flock\", \"-n\", \"lock\", \"true\"]));";
    code(script).cwd(place.path()).run().expect(0, "true\n");
}

#[test]
fn data_that_is_locked_is_left_as_it_is_and_an_old_number_is_not() {
    let place = Place::new();
    let data = ["{\"a\": 1}\n", "x", "12 13\n", &"1".repeat(40)];
    for (index, text) in data.iter().enumerate() {
        place.write(&index.to_string(), text);
    }
    place.write("old", "4711\n");
    let script =
        "for file in args() { let lock = fs::lock(file); print(fs::holder(file).pid == pid()); lock.unlock(); }
        let lock = fs::lock(\"old\"); print(fs::read(\"old\") == pid() + \"\\n\");";
    let run = code(script).arg("0").arg("1").arg("2").arg("3").cwd(place.path()).run();
    run.expect(0, &"true\n".repeat(5));
    for (index, text) in data.iter().enumerate() {
        assert_eq!(place.read(&index.to_string()), *text);
    }
    assert_eq!(place.read("old"), "");
}

#[test]
fn a_script_that_would_wait_for_itself_is_told() {
    let place = Place::new();
    let message = "fs::lock: cannot lock `l`: the script has this lock already\n";
    code("let a = fs::lock(\"l\"); try { fs::lock(\"l\"); } catch (e) { print(e.message); } a.unlock(); print(fs::lock(\"l\").held);")
        .cwd(place.path())
        .run()
        .expect(0, &format!("{message}true\n"));
    refuses("fs::lock(\"/no/such/lock\");", "fs::lock: cannot lock `/no/such/lock`: no such file or directory");
    refuses("fs::lock(\"l\", #{wiat: 1});", "fs::lock: there is no option `wiat` (did you mean `wait`? there is wait)");
    refuses("fs::lock(\"l\", #{wait: -1});", "fs::lock: `wait` is a number of seconds, at least 0, not `-1`");
    code("print(fs::holder(\"/no/such/lock\") == ());").run().expect(0, "true\n");
}

#[test]
fn a_lock_of_a_file_that_was_replaced_meanwhile_is_that_of_the_new_one() {
    let place = Place::new();
    let mut first = code("let lock = fs::lock(\"lock\"); print(\"ready\"); read_line(); fs::remove(\"lock\"); lock.unlock(); read_line();").cwd(place.path()).start();
    first.wait_for("ready");
    let mut second = code("print(\"waits\"); fs::lock(\"lock\"); print(fs::read(\"lock\") == pid() + \"\\n\");")
        .cwd(place.path())
        .start();
    second.wait_for("waits");
    first.write(b"go on\n");
    second.wait_for("true");
    second.finish().expect_code(0);
    first.finish().expect_code(0);
}

#[test]
fn what_is_written_under_a_lock_stays() {
    let place = Place::new();
    let script = r#"let lock = fs::lock("a"); sh("echo important > a"); lock.unlock(); print(fs::read("a").trimmed());
        for n in 0..2 { let lock = fs::lock("b"); fs::append("b", n + "\n"); lock.unlock(); } print(fs::read("b") == pid() + "\n0\n1\n");
        fs::lock("c"); fs::append("c", "at the end");"#;
    code(script).cwd(place.path()).run().expect(0, "important\ntrue\n");
    assert!(place.read("c").ends_with("\nat the end"));
}

#[test]
fn the_lock_of_a_named_pipe_waits_for_no_other_end() {
    let place = Place::new();
    crate::files::make_fifo(&place, "pipe");
    let script =
        r#"print(fs::holder("pipe") == ()); let lock = fs::lock("pipe"); print(fs::holder("pipe").pid == pid());"#;
    code(script).cwd(place.path()).run().expect(0, "true\ntrue\n");
}

#[test]
fn whoever_has_inherited_a_lock_is_its_holder() {
    let place = Place::new();
    // The process that took it has ended, and the kernel still tells its number.
    let script = r#"let p = start(["sh", "-c", "exec 9>lock; flock 9; echo ready; exec sleep 600"], #{stdout: "capture"});
        p.read_line(); print(fs::holder("lock").pid == p.pid); p.stop(); print(fs::holder("lock") == ());"#;
    code(script).cwd(place.path()).run().expect(0, "true\ntrue\n");
}
