//! `scripts/ci.rhai`, on a real repository with stand-ins for make, gpg and msmtp: run to its end, failing and killed at each
//! stage, and several at once. It leaves nothing but its log.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::harness::{Live, Place, Run, expect_gone, file, program, root};

const SIGNALS: [Signal; 5] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM];

/// Where a stand-in fails or waits if it is told to.
const POINTS: [&str; 6] = ["rev-parse", "clone", "checkout", "gpg", "build", "deploy"];

/// What every stand-in begins with.
const POINT: &str = "#!/bin/sh
point() {
    if [ \"$FAIL\" = \"$1\" ]; then echo \"fails at $1\" >&2; exit 7; fi
    if [ \"$PAUSE\" = \"$1\" ]; then echo \"$$ is at $1\" >&2; exec sleep 600; fi
}
";

const SECRETS: &str = "TOKEN=hunter-2-hunter\nBLANK=  \nEMPTY=\nQUOTED=\"in quotes\"\n";

struct Server {
    place: Place,
}

impl Server {
    /// A server with one commit whose secrets are encrypted.
    fn new() -> Self {
        let server = Self { place: Place::new() };
        server.place.write("repo/Makefile", "all:\n");
        server.place.write("repo/secrets.env.gpg", SECRETS);
        std::fs::create_dir(server.path("home")).expect("it is new");
        for words in [
            &["init", "--quiet"][..],
            &["add", "."],
            &["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "first"],
        ] {
            server.git(words);
        }
        let git =
            "case \"$*\" in *rev-parse*) point rev-parse;; *clone*) point clone;; *--detach*) point checkout;; esac";
        server.stand_in("git", &format!("{git}\nexec {} \"$@\"", program("git")));
        server.stand_in("gpg", "point gpg; cat \"$6\" > \"$4\"");
        let make = "case \"$*\" in deploy) point deploy; cp secrets.env \"$SITE\"; echo deployed;; *) point build; cat secrets.env; tr -d '\"' < secrets.env; echo built \"$@\";; esac";
        server.stand_in("make", make);
        server.stand_in(
            "msmtp",
            "point msmtp; [ -z \"$GATE\" ] || read -r line < \"$GATE\"; { echo \"to $2\"; cat; } > \"$BOX\"",
        );
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn stand_in(&self, name: &str, text: &str) {
        let path = self.place.write(&format!("bin/{name}"), format!("{POINT}{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    fn git(&self, words: &[&str]) -> String {
        let output =
            Command::new("git").args(words).current_dir(self.path("repo")).env("HOME", self.path("home")).output();
        let output = output.expect("git is installed");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    fn commit(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    fn pipeline(&self) -> Run {
        let path = std::env::var("PATH").expect("there is a PATH");
        file(root().join("scripts/ci.rhai"))
            .cwd(self.place.path())
            .env("PATH", Some(&format!("{}:{path}", self.path("bin").display())))
            .env("HOME", self.path("home").to_str())
            .env("SITE", self.path("site").to_str())
            .env("BOX", self.path("box").to_str())
            // As a post-receive hook is called.
            .env("GIT_DIR", Some("."))
            .arg("--buildroot")
            .arg(self.path("ro[o]t"))
            .arg("HEAD")
            .arg("repo")
    }

    fn paused_at(&self, point: &str) -> (Live, i32) {
        let mut live = self.pipeline().env("PAUSE", Some(point)).start();
        let pid = live.wait_for_error_after_pid(&format!(" is at {point}\n"));
        (live, pid)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Fails if anything but logs and mails is there, or somebody has the lock.
    #[track_caller]
    fn expect_nothing_left(&self) {
        assert_eq!((self.list("ro[o]t/checkouts"), self.list("ro[o]t/queue")), (Vec::new(), Vec::new()));
        let lock = self.path("ro[o]t/deploy.lock");
        if lock.exists() {
            let free = Command::new("flock").arg("-n").arg(lock).arg("true").status();
            assert!(free.expect("flock is installed").success(), "somebody has the lock");
        }
    }
}

#[test]
fn a_commit_is_built_deployed_and_reported() {
    let server = Server::new();
    let output = server.pipeline().arg("--make-jobs").arg("3").arg("--mail-to").arg("you@localhost").run();
    output.expect_code(0);
    assert_eq!(server.place.read("site"), SECRETS);
    let commit = server.commit();
    let log = server.place.read(&format!("ro[o]t/logs/{commit}.log"));
    for text in ["built -j 3", "deployed", "TOKEN=***", "is done"] {
        assert!(log.contains(text), "{text:?} is not in the log:\n{log}");
    }
    assert!(!log.contains("hunter-2") && !log.contains("in quotes"), "{log}");
    let mail = server.place.read("box");
    assert!(
        mail.starts_with(&format!("to you@localhost\nTo: you@localhost\nSubject: [ci] {commit} passed\n\n")),
        "{mail}"
    );
    assert!(mail.contains("deployed"), "{mail}");
    server.expect_nothing_left();
}

#[test]
fn actions_and_the_checkout_are_what_was_asked_for() {
    let server = Server::new();
    server.pipeline().arg("--action").arg("checkout").arg("--keep-checkout").run().expect_code(0).expect_not("built");
    let kept = server.list("ro[o]t/checkouts");
    assert_eq!(kept.len(), 1);
    let files = server.list(&format!("ro[o]t/checkouts/{}", kept[0]));
    assert_eq!(files, [".git", "Makefile", "secrets.env.gpg"]);
    std::fs::remove_dir_all(server.path("ro[o]t/checkouts")).expect("it is ours");
    let output = server.pipeline().arg("--action").arg("build").run();
    output.expect_code(0).expect_not("deployed");
    assert!(output.out().contains("built"), "{output}");
    server.expect_nothing_left();
    server.pipeline().arg("--action").arg("biuld").run().expect_code(2).expect_error("biuld");
}

#[test]
fn a_failure_at_any_stage_leaves_nothing_and_is_mailed() {
    for point in POINTS {
        let server = Server::new();
        let output = server.pipeline().arg("--mail-to").arg("you@localhost").env("FAIL", Some(point)).run();
        output.expect_code(1).expect_error(&format!("fails at {point}"));
        server.expect_nothing_left();
        // Before the commit is known there is no log.
        if point != "rev-parse" {
            let mail = server.place.read("box");
            assert!(mail.contains("failed\n\n") && mail.contains(&format!("fails at {point}")), "{point}: {mail}");
        }
    }
}

#[test]
fn a_signal_at_any_stage_leaves_nothing() {
    for point in POINTS {
        for signal in SIGNALS {
            let server = Server::new();
            let (mut live, pid) = server.paused_at(point);
            live.signal(signal);
            live.end().expect_code(128 + signal as i32);
            expect_gone(&[pid]);
            server.expect_nothing_left();
        }
    }
}

#[test]
fn a_mail_that_cannot_be_sent_is_kept() {
    let server = Server::new();
    let output = server.pipeline().arg("--mail-to").arg("you@localhost").env("FAIL", Some("msmtp")).run();
    output.expect_code(0).expect_error("the mail is in");
    let mail = server.place.read(&format!("ro[o]t/mails/{}.mail", server.commit()));
    assert!(mail.contains("passed") && mail.contains("deployed"), "{mail}");
    server.expect_nothing_left();
}

#[test]
fn of_three_at_once_the_newest_is_deployed() {
    let server = Server::new();
    let (first, one) = server.paused_at("build");
    let (second, two) = server.paused_at("deploy");
    server.pipeline().run().expect_code(0).expect_error("makes room");
    first.end().expect_code(143);
    second.end().expect_code(143);
    expect_gone(&[one, two]);
    assert_eq!(server.place.read("site"), SECRETS);
    server.expect_nothing_left();
}

#[test]
fn builds_that_do_not_deploy_run_at_once() {
    let server = Server::new();
    let (mut first, _) = server.paused_at("build");
    server.pipeline().arg("--action").arg("build").run().expect_code(0);
    assert!(!first.has_ended());
    first.signal(Signal::SIGTERM);
    first.end().expect_code(143);
    server.expect_nothing_left();
}

#[test]
fn a_deployment_waits_for_the_lock_no_longer_than_it_may() {
    let server = Server::new();
    std::fs::create_dir_all(server.path("ro[o]t")).expect("it is new");
    let held = std::fs::File::create(server.path("ro[o]t/deploy.lock")).expect("it can be made");
    held.lock().expect("nobody has it");
    let output = server.pipeline().arg("--max-lock-wait").arg("0.1").run();
    output.expect_code(1).expect_error("another deployment had the lock for 0.1 s");
    let mut waits = server.pipeline().start();
    waits.wait_for_prefix("built");
    drop(held);
    waits.end().expect_code(0);
    server.expect_nothing_left();
}

#[test]
fn a_run_that_does_not_make_room_is_killed_and_cleaned_up_after() {
    let server = Server::new();
    std::fs::create_dir_all(server.path("ro[o]t")).expect("it is new");
    let held = std::fs::File::create(server.path("ro[o]t/deploy.lock")).expect("it can be made");
    held.lock().expect("nobody has it");
    let mut older = server.pipeline().start();
    older.wait_for_prefix("built");
    // What is stopped acts on no TERM.
    older.signal(Signal::SIGSTOP);
    let mut newer = server.pipeline().start();
    newer.wait_for_prefix("built");
    older.end().expect_death(Signal::SIGKILL);
    drop(held);
    newer.end().expect_code(0);
    server.expect_nothing_left();
}

#[test]
fn runs_of_one_commit_have_a_log_each() {
    let server = Server::new();
    let mut first = server.pipeline().arg("--mail-to").arg("you@localhost").env("PAUSE", Some("build")).start();
    first.wait_for_error_after_pid(" is at build\n");
    server.pipeline().arg("--action").arg("build").run().expect_code(0);
    first.signal(Signal::SIGTERM);
    first.end().expect_code(143);
    let mail = server.place.read("box");
    assert!(mail.contains("stopped by TERM\n\n") && !mail.contains("is done"), "{mail}");
    assert_eq!(server.list("ro[o]t/logs").len(), 2);
    server.expect_nothing_left();
}

#[test]
fn a_run_that_has_made_room_may_take_its_time_to_mail() {
    let server = Server::new();
    crate::files::make_fifo(&server.place, "gate");
    let older = server.pipeline().arg("--mail-to").arg("you@localhost").env("GATE", server.path("gate").to_str());
    let mut older = older.env("PAUSE", Some("build")).start();
    older.wait_for_error_after_pid(" is at build\n");
    server.pipeline().run().expect_code(0).expect_error("makes room");
    assert!(!older.has_ended());
    // Open at both ends it waits for nobody.
    let mut gate = std::fs::File::options().read(true).write(true).open(server.path("gate")).expect("it is there");
    gate.write_all(b"\n").expect("it has room");
    older.end().expect_code(143);
    assert!(server.place.read("box").contains("stopped by TERM\n\n"));
    server.expect_nothing_left();
}
