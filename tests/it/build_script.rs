//! `scripts/build.rhai`, on a repository that the test makes: run to its end, failing at each stage, killed at
//! each stage. It leaves nothing but the result.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::harness::{Place, Run, expect_gone, file, root};

const SIGNALS: [Signal; 5] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGPIPE, Signal::SIGTERM];

/// The program at work in each stage, and a word by which its call is known.
const STAGES: [(&str, &str); 5] = [("git", "clone"), ("make", ""), ("tar", "-czf"), ("tar", "-xzf"), ("diff", "-r")];

/// A repository, a directory for temporary files, one for the result, and one for stand-ins of programs.
struct Site {
    place: Place,
}

impl Site {
    fn new() -> Self {
        let place = Place::new();
        let makefile = "all:\n\techo built > product\n\tmkdir -p sub && echo more > sub/other\n";
        place.write("repository/Makefile", makefile);
        place.write("repository/source.txt", "a line\n");
        for directory in ["tmp", "out", "bin", "home"] {
            std::fs::create_dir(place.path().join(directory)).expect("it is new");
        }
        let site = Self { place };
        for words in [
            &["init", "--quiet"][..],
            &["add", "."],
            &["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "first"],
        ] {
            let mut git = Command::new("git");
            git.args(words).current_dir(site.path("repository")).env("HOME", site.path("home"));
            assert!(git.status().expect("git is installed").success(), "git {words:?}");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn script(&self) -> Run {
        let path = std::env::var("PATH").expect("there is a PATH");
        file(root().join("scripts/build.rhai"))
            .arg(self.path("repository"))
            .arg("out/result.tar.gz")
            .cwd(self.place.path())
            .env("PATH", Some(&format!("{}:{path}", self.path("bin").display())))
            .env("HOME", self.path("home").to_str())
            .env("TMPDIR", self.path("tmp").to_str())
    }

    /// From now on `program`, called with a word that has this text in it, does its work and then this.
    fn stand_in(&self, program: &str, word: &str, then: &str) {
        let real = crate::harness::program(program);
        let text = format!("#!/bin/sh\ncase \"$*\" in *{word}*) {real} \"$@\"; {then};; esac\nexec {real} \"$@\"\n");
        let path = self.place.write(&format!("bin/{program}"), text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// Fails unless there is nothing but the result.
    #[track_caller]
    fn expect_only(&self, result: &[&str]) {
        let list = |name: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.path(name)).expect("it is a directory");
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        assert_eq!((list("out"), list("tmp")), (result.iter().map(ToString::to_string).collect(), Vec::new()));
    }
}

/// The names in a packed result.
fn packed(result: &Path) -> Vec<String> {
    let list = Command::new("tar").arg("-tzf").arg(result).output().expect("tar is installed");
    let mut names: Vec<_> = String::from_utf8_lossy(&list.stdout).lines().map(str::to_string).collect();
    names.sort();
    names
}

#[test]
fn the_build_leaves_its_result_and_nothing_else() {
    let site = Site::new();
    let output = site.script().options(&["--quiet"]).run();
    output.expect_code(0).expect_no_error();
    site.expect_only(&["result.tar.gz"]);
    let names = packed(&site.path("out/result.tar.gz"));
    assert_eq!(names, ["./", "./Makefile", "./product", "./source.txt", "./sub/", "./sub/other"]);
    let before = std::fs::read_dir(site.path("repository")).expect("it is there").count();
    assert_eq!(before, 3, "the repository is as it was: .git, Makefile, source.txt");
}

#[test]
fn the_build_runs_the_command_that_is_given() {
    let site = Site::new();
    let script = site.script().arg("sh").arg("-c").arg("echo \"$1\" > product").arg("sh").arg("two words");
    script.run().expect_code(0);
    assert_eq!(packed(&site.path("out/result.tar.gz")), ["./", "./Makefile", "./product", "./source.txt"]);
}

#[test]
fn the_build_without_its_arguments_says_how_it_is_used() {
    file(root().join("scripts/build.rhai")).run().expect(2, "").expect_error("usage: build.rhai REPOSITORY RESULT");
}

#[test]
fn a_build_that_fails_at_any_stage_leaves_nothing() {
    for (program, word) in STAGES {
        let site = Site::new();
        site.stand_in(program, word, "exit 3");
        site.script().run().expect_code(1).expect_error("exited with 3");
        site.expect_only(&[]);
    }
    // Where the result is to be, there is a directory.
    let site = Site::new();
    site.place.write("out/result.tar.gz/x", "");
    site.script().run().expect_code(1).expect_error("fs::rename: ");
    site.expect_only(&["result.tar.gz"]);
}

#[test]
fn a_repository_that_is_not_there_leaves_nothing() {
    let site = Site::new();
    std::fs::remove_dir_all(site.path("repository")).expect("it is ours");
    site.script().run().expect_code(1).expect_error("`git clone");
    site.expect_only(&[]);
}

#[test]
fn a_build_that_is_killed_at_any_stage_leaves_nothing() {
    std::thread::scope(|scope| {
        for signal in SIGNALS {
            scope.spawn(move || {
                for (program, word) in STAGES {
                    kill_at(program, word, signal);
                }
            });
        }
    });
}

fn kill_at(program: &str, word: &str, signal: Signal) {
    let site = Site::new();
    site.stand_in(program, word, "echo \"at $$\"; exec sleep 600");
    let mut live = site.script().start();
    let stage = live.wait_for_pid("at ");
    live.signal(signal);
    let output = live.finish();
    output.expect_code(128 + signal as i32).expect_error("exit handler");
    site.expect_only(&[]);
    expect_gone(&[stage]);
}

#[test]
fn a_build_whose_stage_ignores_the_signal_leaves_nothing() {
    let site = Site::new();
    site.stand_in("make", "", "trap '' TERM; echo \"at $$\"; sleep 600 & wait");
    let mut live = site.script().options(&["--grace", "0.2"]).start();
    let stage = live.wait_for_pid("at ");
    live.signal(Signal::SIGTERM);
    live.finish().expect_code(143);
    site.expect_only(&[]);
    expect_gone(&[stage]);
}
