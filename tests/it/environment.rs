//! `env::…`: the environment of commands, and what the script runs on.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Place, code, expect_gone, refuses};

#[test]
fn a_variable_is_what_the_host_was_started_with() {
    let script =
        r#"print(env::get("A")); print(env::get("A", 1)); print(env::get("B") == ()); print(env::get("B", [1]));"#;
    code(script).env("A", Some("a=b")).env("B", None).run().expect(0, "a=b\na=b\ntrue\n[1]\n");
}

#[test]
fn what_is_no_text_is_a_blob() {
    let script = r#"env::set("A", blob(1, 0xff)); print(env::get("A")); print(env::all().A); run(["printenv", "A"]);
        let name = blob(1, 0xfe); env::set(name, "x"); print(env::get(name)); print(env::all().values().contains("x"));"#;
    assert_eq!(code(script).run().stdout, b"[ff]\n[ff]\n\xff\nx\nfalse\n");
}

#[test]
fn commands_that_start_afterwards_see_a_change() {
    let script = r#"
        let all = ["sh", "-c", "echo ${A-none} ${B-none} ${C-none} ${D-none}"];
        run(all); env::set("A", 1.5); env::unset("B"); env::set("C", true); run(all);
        start(all).wait();
        run(all, #{env: #{A: "own", C: (), D: "d"}});
        run(all);
        atexit(all); env::set("D", 'd');"#;
    let seen = "none b none none\n1.5 none true none\n1.5 none true none\nown none none d\n1.5 none true none\n1.5 none true d\n";
    code(script).env("A", None).env("B", Some("b")).env("C", None).env("D", None).run().expect(0, seen);
}

#[test]
fn a_command_has_all_other_variables_when_one_was_changed() {
    let seen = code("env::set(\"NEW\", 1); run([\"env\"]);").env("ODD", Some("a\nb=c")).run();
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    let direct =
        std::process::Command::new("env").envs([("ODD", "a\nb=c"), ("NEW", "1")]).env_remove("NO_COLOR").output();
    assert_eq!(sorted(&seen.stdout), sorted(&direct.expect("there is an env").stdout));
}

#[test]
fn programs_are_looked_up_in_the_path_that_was_set() {
    let place = Place::new();
    let program = place.write("greet", "#!/bin/sh\necho hello\n");
    std::process::Command::new("chmod").arg("+x").arg(&program).status().expect("there is a chmod");
    let script = r#"env::set("PATH", cwd() + ":" + env::get("PATH")); print(which("greet") == cwd() + "/greet");
        run(["greet"]); env::set("PATH", "/nowhere"); print(which("greet") == ()); run(["greet"]);"#;
    let output = code(script).cwd(place.path()).run();
    output.expect(1, "true\nhello\ntrue\n");
    output.expect_error("cannot start `greet`: `greet` was not found in PATH (/nowhere)");
    code("env::unset(\"PATH\"); run([\"echo\", \"found\"]);").run().expect(0, "found\n");
}

#[test]
fn the_home_directory_is_what_home_says_or_else_the_account() {
    let script = r#"print(env::home()); env::set("HOME", "/there"); print(env::home()); print(path::expand("~/a"));
        env::unset("HOME"); let home = env::home(); env::set("HOME", ""); print(env::home() == home);"#;
    code(script).env("HOME", Some("/here")).run().expect(0, "/here\n/there\n/there/a\ntrue\n");
}

/// A PATH on which `getent` is this, of a shell.
fn path_with_getent(place: &Place, text: &str) -> String {
    let getent = place.write("getent", format!("#!/bin/sh\n{text}"));
    std::fs::set_permissions(&getent, Permissions::from_mode(0o755)).expect("it is ours");
    format!("{}:/usr/bin:/bin", place.path().display())
}

#[test]
fn a_name_service_that_does_not_answer_holds_no_signal_up() {
    let place = Place::new();
    let path = path_with_getent(&place, "echo $$ >pid\nkill -TERM $PPID\nexec sleep 600\n");
    for call in ["path::expand(\"~nobody at all/x\")", "net::reachable(\"no.host.invalid\", 1)"] {
        let script = format!("start([\"sleep\", \"600\"]); atexit(print, \"cleaned\"); {call}; print(\"never\");");
        code(&script).cwd(place.path()).env("PATH", Some(&path)).run().expect(143, "cleaned\n");
        expect_gone(&[place.read("pid").trim().parse().expect("it is a pid")]);
    }
}

#[test]
fn a_signal_to_the_group_cuts_no_question_of_a_handler() {
    let place = Place::new();
    let path = path_with_getent(&place, "kill -INT -$PPID\necho \"$2:x:1:1::/home/of/$2:\"\n");
    let script = "atexit(|| print(path::expand(\"~somebody else/x\")));";
    code(script).env("PATH", Some(&path)).run().expect(130, "/home/of/somebody else/x\n");
}

#[test]
fn what_is_removed_is_not_home_if_nobody_says_where_that_is() {
    let place = Place::new();
    let path = path_with_getent(&place, "kill -KILL $$\n");
    place.write("tree/x", "");
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o777)).expect("it is ours");
    if !nix::unistd::getuid().is_root() {
        return;
    }
    let stranger = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    let run = code("fs::remove_all(\"tree\");").under(&stranger).cwd(place.path());
    let output = run.env("PATH", Some(&path)).env("HOME", None).run();
    output.expect_code(1);
    output.expect_error("fs::remove_all: cannot look for the home directory in `tree`: getent was killed");
}

#[test]
fn accounts_of_the_name_services_are_known() {
    let place = Place::new();
    let path = path_with_getent(&place, "[ $1 = passwd ] && echo \"$2:x:5000:5000::/home/of/$2:/bin/sh\"\n");
    let script = "print(path::expand(\"~somebody else/x\"));";
    code(script).env("PATH", Some(&path)).run().expect(0, "/home/of/somebody else/x\n");
    let unknown = "path::expand: the home directory of `somebody else` is not known";
    code("path::expand(\"~somebody else/x\")").run().expect_code(1).expect_error(unknown);
}

#[test]
fn all_variables_are_a_map() {
    let script = r#"env::set("A", 1); env::unset("B"); let all = env::all(); print([all.A, all.B, all.C]);
        all.A = "changed"; print(env::get("A"));"#;
    let run = code(script).env("B", Some("b")).env("C", Some("c"));
    run.env(OsStr::from_bytes(b"\xff"), Some("x")).run().expect(0, "[\"1\", (), \"c\"]\n1\n");
}

#[test]
fn what_is_no_variable_is_refused_and_changes_nothing() {
    let name = "expected the name of a variable (not empty, no `=`, no NUL), not";
    let value = "expected a string, a blob, a number or a bool, without a NUL, not";
    refuses("env::set(\"\", 1);", &format!("env::set: {name} the string \"\""));
    refuses("env::get(\"A=B\");", &format!("env::get: {name} the string \"A=B\""));
    refuses("env::unset(\"A\\x00\");", &format!("env::unset: {name} the string \"A\\0\""));
    refuses("env::get(5);", &format!("env::get: {name} `5`"));
    refuses("env::set(\"A\", ());", &format!("env::set: {value} `()`"));
    refuses("env::set(\"A\", [1]);", &format!("env::set: {value} an array"));
    let script = "try { env::set(\"A\", \"x\\x00\"); } catch { } print(env::get(\"A\"));";
    code(script).env("A", Some("a")).run().expect(0, "a\n");
}

#[test]
fn the_script_knows_what_it_runs_on() {
    let of = |program: &str, words: &[&str]| {
        let output = std::process::Command::new(program).args(words).output().expect("the program is there");
        String::from_utf8(output.stdout).expect("it is text")
    };
    let script =
        "print(env::cpus()); print(env::user()); print(env::hostname()); print(env::os()); print(env::arch());";
    let (user, host) = (of("id", &["-run"]), of("uname", &["-n"]));
    let seen = format!("{user}{host}{}\n{}\n", std::env::consts::OS, std::env::consts::ARCH);
    let output = code(script).run();
    let printed = output.out();
    let (cpus, rest) = printed.split_once('\n').expect("there are lines");
    assert!(cpus.parse::<usize>().is_ok_and(|cpus| cpus > 0) && rest == seen, "{output}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_processors_are_those_that_the_script_may_use() {
    code("print(env::cpus());").under(&["taskset", "-c", "0"]).run().expect(0, "1\n");
}
