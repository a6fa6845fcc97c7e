//! `fs::…`: files and directories.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{getuid, mkfifo};

use crate::harness::{Output, Place, Run, code, refuses, stagesh};

/// Runs a script in a place.
pub(crate) fn run_in(place: &Place, script: &str) -> Output {
    code(script).cwd(place.path()).run()
}

/// The permissions of a file.
pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).expect("it exists").mode() & 0o7777
}

pub(crate) fn make_fifo(place: &Place, name: &str) {
    mkfifo(&place.path().join(name), Mode::from_bits_truncate(0o600)).expect("it can be made");
}

#[test]
fn what_is_written_is_read_again_to_the_byte() {
    let place = Place::new();
    let script = r#"fs::write("a", "eins\nzwei"); print(fs::read("a")); fs::append("a", "\n3"); print(fs::read("a"));
        fs::write("a", ""); print(fs::stat("a").size); let b = blob(); for n in 0..256 { b.push(n); } fs::write("b", b);
        fs::append("b", b); print(fs::read_bytes("b") == b + b); fs::append("new", "x"); print(fs::read("new"));"#;
    run_in(&place, script).expect(0, "eins\nzwei\neins\nzwei\n3\n0\ntrue\nx\n");
    assert_eq!(place.list(), ["a", "b", "new"]);
}

/// Letters of one, two and three bytes, so that the ends of pieces cut some; and a file that says it is empty.
#[test]
fn what_is_long_is_read_whole_and_a_letter_that_a_piece_cuts_is_one() {
    let place = Place::new();
    let script = r#"let text = "aé€"; for n in 0..20 { text += text; } fs::write("text", text);
        print(fs::read("text") == text); print(fs::stat("text").size); print(fs::read_bytes("text") == text.to_blob());
        fs::append("text", blob(1, 0xc3)); try { fs::read("text") } catch (error) { print(error.reason); }
        print(fs::read("/proc/self/status").contains("SigCgt:") && fs::read_bytes("/proc/self/status").len() > 100);"#;
    let size = 6 << 20;
    let expected = format!("true\n{size}\ntrue\nit is not UTF-8 at byte {size} (`fs::read_bytes` reads it)\ntrue\n");
    run_in(&place, script).expect(0, &expected);
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_and_its_owner() {
    let place = Place::new();
    let path = place.write("a", "old");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("it is ours");
    let owner = if getuid().is_root() { 1 } else { getuid().as_raw() };
    chown(&path, Some(owner), None).expect("it is ours");
    run_in(&place, r#"fs::umask(0o077); fs::write("a", "new");"#).expect(0, "");
    let found = fs::metadata(&path).expect("it is there");
    assert_eq!((found.mode() & 0o7777, found.uid(), place.read("a").as_str()), (0o640, owner, "new"));
}

#[test]
fn a_mode_is_what_was_asked_for_and_else_what_the_umask_leaves() {
    let place = Place::new();
    let script = r#"fs::umask(0o027); fs::write("a", ""); fs::append("b", ""); fs::write("c", "", #{mode: 0o666});
        fs::write("a2", ""); fs::write("a2", "x", #{mode: 0o400}); fs::write("a2", "y"); fs::mkdir("d/e");
        fs::write("s", "", #{mode: 0o4711}); print(fs::umask(0).to_octal());"#;
    run_in(&place, script).expect(0, "27\n");
    let modes = ["a", "b", "c", "a2", "d/e", "s"].map(|name| mode(place.path().join(name)));
    assert_eq!(modes.map(|mode| format!("{mode:o}")), ["640", "640", "666", "400", "750", "4711"]);
    refuses(r#"fs::write("a", "", #{mode: 65536});"#, "fs::write: `mode` is a mode (0 to 0o7777), not `65536`");
    refuses(
        r#"fs::write("a", "", #{moed: 1});"#,
        "fs::write: there is no option `moed` (did you mean `mode`? there is mode)",
    );
    refuses(r#"fs::write("a", "", 0o600);"#, "fs::write: expected a map of options, not `384`");
    refuses(r#"fs::write("a", 5);"#, "fs::write: expected a string or a blob, not `5`");
    refuses(r#"fs::chmod("a", -1);"#, "fs::chmod: expected a mode (0 to 0o7777), not `-1`");
}

#[test]
fn links_are_followed_and_stay() {
    let place = Place::new();
    place.write("d/real", "old");
    symlink("d/real", place.path().join("one")).expect("it can be made");
    symlink(place.path().join("one"), place.path().join("two")).expect("it can be made");
    symlink("d/none", place.path().join("dangling")).expect("it can be made");
    symlink("round", place.path().join("round")).expect("it can be made");
    let script = r#"fs::write("two", "new"); fs::write("dangling", "made"); print(fs::stat("two").link); print(fs::read("one"));
        try { fs::write("round", ""); } catch (e) { print(e.reason); } print([fs::exists("round"), fs::is_file("two"), fs::is_dir("round")]);
        print(fs::stat("round").kind);"#;
    let output = run_in(&place, script);
    output.expect(
        0,
        &format!(
            "{}/one\nnew\ntoo many levels of symbolic links\n[false, true, false]\nlink\n",
            place.path().display()
        ),
    );
    assert_eq!((place.read("d/real").as_str(), place.read("d/none").as_str()), ("new", "made"));
    assert_eq!(fs::read_dir(place.path().join("d")).expect("it is there").count(), 2);
}

#[test]
fn what_is_no_regular_file_is_written_as_it_is() {
    let place = Place::new();
    run_in(&place, r#"fs::write("/dev/null", "x"); fs::append("/dev/null", "x"); print(fs::stat("/dev/null").kind);"#)
        .expect(0, "device\n");
    refuses(r#"fs::write("/dev/full", "x");"#, "fs::write: cannot write `/dev/full`: no space left on device");
    make_fifo(&place, "pipe");
    let path = place.path().join("pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        File::open(path).and_then(|mut pipe| pipe.read_to_string(&mut text)).map(|_| text)
    });
    // More than a pipe holds.
    run_in(&place, r#"let text = "x"; text.pad(200000, 'y'); fs::write("pipe", text); print(fs::stat("pipe").kind);"#)
        .expect(0, "fifo\n");
    let text = reader.join().expect("it does not panic").expect("it can be read");
    assert!(text.len() == 200_000 && text.starts_with("xyy"), "{}", text.len());
}

#[test]
fn a_wait_for_the_other_end_of_a_pipe_ends_with_the_run() {
    for script in [r#"fs::read("pipe")"#, r#"fs::write("pipe", "x")"#, r#"fs::sha256("pipe")"#] {
        let place = Place::new();
        make_fifo(&place, "pipe");
        let mut live =
            code(&format!("atexit(|| print(\"cleaned\")); print(\"ready\"); {script};")).cwd(place.path()).start();
        live.wait_for("ready").signal(Signal::SIGTERM);
        live.end().expect(143, "ready\ncleaned\n");
    }
}

#[test]
fn what_cannot_be_read_or_written_is_told_with_its_path_and_why() {
    let place = Place::new();
    place.write("file", "");
    place.write("latin", b"a\xe4");
    fs::create_dir(place.path().join("dir")).expect("it can be made");
    let script = r#"for f in [|| fs::read("none"), || fs::read("dir"), || fs::read("latin"), || fs::write("dir", ""), || fs::write("file/x", ""),
            || fs::write("none/x", ""), || fs::write("file/", ""), || fs::append("dir", ""), || fs::stat("none"), || fs::list("file"), || fs::list("none"),
            || fs::mkdir("file"), || fs::mkdir("file/x"), || fs::remove("none"), || fs::remove("."), || fs::rename("none", "x"), || fs::symlink("x", "file"),
            || fs::chmod("none", 0), || fs::copy("none", "x"), || fs::copy("file", "dir"), || fs::copy("dir", "file"), || fs::copy("file", "file"),
            || fs::sha256("dir"), || fs::glob("[a"), || fs::read("a\nb")]
            { try { f.call(); print("?"); } catch (e) { print(`${e.kind}: ${e.message}`); } }"#;
    let expected = "file: fs::read: cannot read `none`: no such file or directory
file: fs::read: cannot read `dir`: is a directory
file: fs::read: cannot read `latin`: it is not UTF-8 at byte 1 (`fs::read_bytes` reads it)
file: fs::write: cannot write `dir`: is a directory
file: fs::write: cannot write `file/x`: not a directory
file: fs::write: cannot write `none/x`: no such file or directory
file: fs::write: cannot write `file/`: is a directory
file: fs::append: cannot append to `dir`: is a directory
file: fs::stat: cannot look at `none`: no such file or directory
file: fs::list: cannot list `file`: not a directory
file: fs::list: cannot list `none`: no such file or directory
file: fs::mkdir: cannot make `file`: file exists
file: fs::mkdir: cannot make `file/x`: not a directory
file: fs::remove: cannot remove `none`: no such file or directory
file: fs::remove: cannot remove `.`: invalid argument
file: fs::rename: cannot rename `none` to `x`: no such file or directory
file: fs::symlink: cannot make `file`: file exists
file: fs::chmod: cannot change the mode of `none`: no such file or directory
file: fs::copy: cannot copy `none` to `x`: no such file or directory
file: fs::copy: cannot copy `file` to `dir`: is a directory
file: fs::copy: cannot copy `dir` to `file`: file exists
file: fs::copy: cannot copy `file` to `file`: they are the same file
file: fs::sha256: cannot read `dir`: is a directory
argument: fs::glob: `[a` is no pattern: unclosed character class; missing ']'
file: fs::read: cannot read `a\\nb`: no such file or directory
";
    run_in(&place, script).expect(0, expected);
}

#[test]
fn a_kill_at_any_instant_leaves_the_old_text_or_the_new() {
    let place = Place::new();
    let path = place.write("file", "a".repeat(200_000));
    place.write("other", "b".repeat(200_000));
    let script = "let a = fs::read(\"file\"); let b = fs::read(\"other\"); print(\"ready\");
        loop { fs::write(\"file\", b); fs::write(\"file\", a); }";
    for round in 0..1000_u32 {
        let mut live = code(script).cwd(place.path()).start();
        live.wait_for("ready");
        // No two kills come at the same instant: each waits for a few reads more.
        for _ in 0..round % 17 {
            let text = fs::read(&path).expect("there is always one");
            assert!(text.len() == 200_000 && text.iter().all(|byte| *byte == text[0]), "a reader sees parts of two");
        }
        live.signal(Signal::SIGKILL);
        live.end().expect_death(Signal::SIGKILL);
        let text = fs::read(&path).expect("there is always one");
        assert!(text.len() == 200_000 && text.iter().all(|byte| *byte == text[0]), "round {round}: {}", text.len());
    }
}

#[test]
fn names_of_any_bytes_are_listed_and_removed() {
    let place = Place::new();
    for name in [&b"a\nb"[..], b"\xff\xfe", b"-rf", b" ", b"\xe6\x97\xa5"] {
        fs::write(place.path().join(OsStr::from_bytes(name)), "x").expect("it can be made");
    }
    let script = r#"let all = fs::list("."); print(all.len()); print(all.map(|p| type_of(p))); print(fs::glob("*").len());
        for p in all { print(fs::read(p)); fs::remove(p); } print(fs::list("."));"#;
    let types = r#"["string", "string", "string", "string", "blob"]"#;
    run_in(&place, script).expect(0, &format!("5\n{types}\n5\nx\nx\nx\nx\nx\n[]\n"));
}

#[test]
fn a_pattern_finds_what_a_shell_would_find() {
    let place = Place::new();
    for name in
        ["a.c", "b.c", "b.h", ".hidden.c", "src/x.c", "src/deep/y.c", "src/.git/z.c", "src/deep/.w.c", "[x]", "x{y}"]
    {
        place.write(name, "");
    }
    symlink("..", place.path().join("src/up")).expect("it can be made");
    let found = |pattern: &str, expected: &[&str]| {
        let script = format!("for p in fs::glob({pattern:?}) {{ print(p); }}");
        let lines: String = expected.iter().map(|line| format!("{line}\n")).collect();
        run_in(&place, &script).expect(0, &lines);
    };
    found("*.c", &["a.c", "b.c"]);
    found("./*.c", &["./a.c", "./b.c"]);
    found(".*.c", &[".hidden.c"]);
    found("?.[ch]", &["a.c", "b.c", "b.h"]);
    found("{a,b}.c", &["a.c", "b.c"]);
    found("{.hidden,a,{b,x}}.c", &[".hidden.c", "a.c", "b.c"]);
    found("{*,.h*}.c", &[".hidden.c", "a.c", "b.c"]);
    found("{?,[,}],[]}{],\\,}.c", &["a.c", "b.c"]);
    found("{,b.}c", &["b.c"]);
    found("a{,.c}", &["a.c"]);
    found("{a\\,b,a}.c", &["a.c"]);
    found("{x\\{y\\},\\{\\}}", &["x{y}"]);
    found("{,a.}{,c}{,.h}", &["a.c"]);
    found("src/*", &["src/deep", "src/up", "src/x.c"]);
    found("src/*/", &["src/deep/", "src/up/"]);
    found("*/x.c", &["src/x.c"]);
    found("src/up/*.h", &["src/up/b.h"]);
    found("**/*.c", &["a.c", "b.c", "src/deep/y.c", "src/x.c"]);
    found("src/**", &["src/deep", "src/deep/y.c", "src/up", "src/x.c"]);
    found("src/**/", &["src/deep/", "src/up/"]);
    found("**/deep/**/*.c", &["src/deep/y.c"]);
    found("src/**/.*.c", &["src/deep/.w.c"]);
    found("a.c", &["a.c"]);
    found("none", &[]);
    found("a.c/*", &[]);
    found("\\[x\\]", &["[x]"]);
    let absolute = format!("{}/s*/x.c", place.path().display());
    found(&absolute, &[&format!("{}/src/x.c", place.path().display())]);
}

#[test]
fn remove_takes_one_thing_and_remove_all_takes_a_tree() {
    let place = Place::new();
    place.write("tree/a/b/c", "");
    place.write("kept/x", "");
    symlink("../kept", place.path().join("tree/link")).expect("it can be made");
    symlink("kept", place.path().join("top")).expect("it can be made");
    place.write("closed/in/x", "");
    fs::set_permissions(place.path().join("closed/in"), Permissions::from_mode(0o0)).expect("it is ours");
    let script = r#"try { fs::remove("tree"); } catch (e) { print(e.reason); } fs::remove_all("tree"); fs::remove_all("none"); fs::remove_all("none/x");
        fs::remove_all("kept/x/y"); fs::remove_all("top/"); fs::remove_all("closed/"); fs::mkdir("empty"); fs::remove("empty"); print(fs::list("."));"#;
    run_in(&place, script).expect(0, "directory not empty\n[\"./kept\"]\n");
    assert!(place.path().join("kept/x").exists());
}

#[test]
fn remove_all_tells_of_what_it_cannot_find_out() {
    let place = Place::new();
    place.write("closed/in/x", "");
    place.write("file", "");
    symlink("loop", place.path().join("loop")).expect("it can be made");
    let script = r#"fs::remove_all("file/x"); for p in ["loop/x", "LONG/x", "closed/in/x"] { try { fs::remove_all(p); } catch (e) { print(e.reason); } }"#;
    fs::set_permissions(place.path().join("closed"), Permissions::from_mode(0o0)).expect("it is ours");
    let output = without_rights(&place, &script.replace("LONG", &"d".repeat(300)));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "too many levels of symbolic links\nfile name too long\npermission denied\n"
    );
    fs::set_permissions(place.path().join("closed"), Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn remove_all_refuses_what_is_a_mistake() {
    let place = Place::new();
    place.write("home/me/x", "");
    let home = place.path().join("home/me").display().to_string();
    symlink("home", place.path().join("way")).expect("it can be made");
    let refused = |script: &str, why: &str| {
        code(script).cwd(place.path()).env("HOME", Some(&home)).run().expect_code(1).expect_error(why);
    };
    refused(r#"fs::remove_all("");"#, "fs::remove_all: expected a path, not the empty string");
    for path in [".", "..", "./", "home/.", "home/..", "a/../.."] {
        refused(
            &format!("fs::remove_all({path:?});"),
            &format!("fs::remove_all: cannot remove `{path}`: `.` and `..` are no names"),
        );
    }
    for path in ["/", "//", "///"] {
        refused(
            &format!("fs::remove_all({path:?});"),
            &format!("fs::remove_all: cannot remove `{path}`: it is the root of all files"),
        );
    }
    for path in [&home, "home/me", "home", "way/me", "home/../home/", "./home//me"] {
        refused(
            &format!("fs::remove_all({path:?});"),
            &format!("cannot remove `{path}`: the home directory is in it, or is it"),
        );
    }
    assert!(place.path().join("home/me/x").exists());
    // A link to it is a link.
    code("fs::remove_all(\"way\"); fs::remove_all(\"home/me/x\");")
        .cwd(place.path())
        .env("HOME", Some(&home))
        .run()
        .expect(0, "");
    assert_eq!(place.list(), ["home"]);
}

#[test]
fn a_script_whose_working_directory_is_removed_goes_above_it() {
    let place = Place::new();
    place.write("a/b/c/x", "");
    let base = place.path().display().to_string();
    let script =
        r#"cd("a/b/c"); fs::remove_all(path::absolute("../../../a/b")); print(cwd()); run(["pwd"]); cd("/"); "#;
    run_in(&place, script).expect(0, &format!("{base}/a\n{base}/a\n"));
    place.write("d/x", "");
    run_in(&place, &format!("cd(\"d\"); fs::remove_all(\"{base}/d\"); print(cwd()); fs::write(\"here\", \"\");"))
        .expect(0, &format!("{base}\n"));
    assert_eq!(place.list(), ["a", "here"]);
}

#[test]
fn a_tree_that_is_deeper_than_descriptors_can_be_had_is_removed() {
    let place = Place::new();
    place.write("top/x", "");
    let start = place.path().display().to_string();
    let script = format!(
        "cd(\"top\"); for n in 0..400 {{ fs::mkdir(\"d\"); fs::append(\"x\", \"\"); cd(\"d\"); }}
        cd({start:?}); fs::remove_all(\"top\"); print(fs::list(\".\"));"
    );
    code(&script).cwd(place.path()).under(&["prlimit", "--nofile=150"]).run().expect(0, "[]\n");
    // In a handler of a script that has used up all that there are.
    let script = "let deep = \"top\"; for n in 0..40 { deep += \"/d\"; } fs::mkdir(deep); fs::mkdir(\"locks\");
        atexit(|| print(fs::list(\".\"))); atexit(fs::remove_all, \"top\");
        let locks = []; try { loop { locks.push(fs::lock(`locks/${locks.len()}`)); } } catch (e) { print(e.reason); }";
    let limited = code(script).cwd(place.path()).under(&["prlimit", "--nofile=100"]);
    limited.run().expect(0, "too many open files\n[\"./locks\"]\n");
}

#[test]
fn a_file_is_written_where_the_name_of_the_working_directory_is_too_long() {
    let place = Place::new();
    let script = "let name = \"\"; name.pad(250, 'n'); for n in 0..17 { fs::mkdir(name); cd(name); }
        fs::write(\"new\", \"one\"); fs::write(\"new\", \"two\"); print(fs::read(\"new\")); print(fs::list(\".\"));";
    code(script).cwd(place.path()).run().expect(0, "two\n[\"./new\"]\n");
}

#[test]
fn a_write_beyond_the_limit_of_a_files_size_costs_no_handler() {
    let place = Place::new();
    let limited = |script: &str| {
        let shell = ["sh", "-c", "ulimit -f 4; exec \"$0\" \"$@\""];
        code(script).cwd(place.path()).under(&shell).run()
    };
    place.write("old", "old");
    let told = "fs::write: cannot write `old`: file too large\nold\ncleaned\n";
    let script = "atexit(print, \"cleaned\"); atexit(|| fs::append(\"new\", blob(100000)));
        try { fs::write(\"old\", blob(100000)); } catch (e) { print(e.message); } print(fs::read(\"old\"));";
    limited(script).expect(1, told).expect_error("error: fs::append: cannot append to `new`: file too large");
    assert_eq!(place.list(), ["new", "old"]);
    let script = "atexit(print, \"cleaned\"); log::to(\"log\"); for n in 0..200 { debug(\"a line of some words\"); }";
    limited(script)
        .expect(0, "cleaned\n")
        .expect_error("cannot write to the log `log`, and goes on without: file too large");
    // By the signal of somebody else a run dies as ever; trapped, it ends in order.
    limited("atexit(print, \"never\"); kill(pid(), \"XFSZ\");").expect_death(Signal::SIGXFSZ);
    limited("atexit(print, \"never\"); sh(\"kill -XFSZ $PPID\"); sleep(600);").expect_death(Signal::SIGXFSZ);
    limited("trap(); trap(\"XFSZ\"); atexit(print, \"cleaned\"); kill(pid(), \"XFSZ\");").expect(153, "cleaned\n");
    // For commands it is as it was.
    limited("print(attempt([\"head\", \"-c\", \"50000\", \"/dev/zero\"], #{stdout: #{file: \"out\"}}).signal);")
        .expect(0, "XFSZ\n");
}

#[test]
fn a_full_disk_costs_nothing_that_was_there() {
    let place = Place::new();
    place.write("disk/x", "");
    let script = r#"mount -t tmpfs -o size=64k tmpfs disk && cd disk && echo old > file && exec "$0" -e '
        let text = fs::read("../big"); for f in [|| fs::write("file", text), || fs::write("new", text), || fs::append("log", text), || fs::copy("../big", "copy"), || fs::copy("../big", "file")]
            { try { f.call(); print("?"); } catch (e) { print(e.reason); } }
        print(fs::read("file")); fs::remove("log"); print(fs::list("."));'"#;
    place.write("big", "x".repeat(200_000));
    let Some(text) = in_namespace(&place, script) else { return eprintln!("skipped: nothing can be mounted") };
    assert_eq!(text, format!("{}old\n\n[\"./file\"]\n", "no space left on device\n".repeat(5)));
}

/// What a shell prints that may mount, if there can be one: `$0` is the binary.
pub(crate) fn in_namespace(place: &Place, script: &str) -> Option<String> {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, stagesh()])
        .current_dir(place.path())
        .output();
    let output = output.ok().filter(|output| !output.stdout.is_empty())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a script does that may not do what root may: root runs it as nobody.
pub(crate) fn without_rights(place: &Place, script: &str) -> std::process::Output {
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).expect("it is ours");
    fs::copy(stagesh(), place.path().join("stagesh")).expect("there is room");
    let mut command = if getuid().is_root() { Command::new("setpriv") } else { Command::new("env") };
    if getuid().is_root() {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg("./stagesh").args(["-e", script]).current_dir(place.path()).output().expect("it starts")
}

#[test]
fn a_file_that_memory_has_no_room_for_is_an_error_and_costs_no_handler() {
    let place = Place::new();
    // Without a block of its own on the disk.
    let sparse = fs::File::create(place.path().join("sparse")).expect("it is ours");
    sparse.set_len(1_900 << 20).expect("there is room");
    let script = r#"atexit(|| print("cleaned")); fs::read_bytes("sparse");"#;
    let limited = code(script).under(&["sh", "-c", "ulimit -v 1000000; exec \"$0\" \"$@\""]).cwd(place.path());
    let output = limited.run();
    output.expect(1, "cleaned\n").expect_error("error: fs::read_bytes: cannot read `sparse`: out of memory");
}

#[test]
fn what_nobody_may_do_is_told_and_what_is_ones_own_is_removed() {
    let place = Place::new();
    place.write("others/x", "theirs");
    let script = r#"fs::mkdir("t/a/b"); fs::write("t/a/b/x", ""); fs::write("t/y", ""); fs::chmod("t/a/b", 0o500); fs::chmod("t/a", 0); fs::chmod("t", 0o555);
        for f in [|| fs::copy("t", "c"), || fs::glob("t/**/x"), || fs::list("t/a"), || fs::exists("t/a/b"), || fs::write("t/new", ""), || fs::remove("t/y"), || fs::remove_all("others")]
            { try { f.call(); print("?"); } catch (e) { print(e.message); } }
        fs::chmod("t", 0o755); fs::write("t/y", "old"); fs::chmod("t", 0o555); fs::write("t/y", "new"); print(fs::read("t/y"));
        fs::remove_all("t"); fs::remove_all("c"); print(fs::exists("t") || fs::exists("c")); print(fs::read("others/x"));"#;
    let output = without_rights(&place, script);
    let expected = "fs::copy: cannot copy `t/a` to `c/a`: permission denied
fs::glob: cannot list `t/a`: permission denied
fs::list: cannot list `t/a`: permission denied
fs::exists: cannot look at `t/a/b`: permission denied
fs::write: cannot write `t/new`: permission denied
fs::remove: cannot remove `t/y`: permission denied
";
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with(expected), "{text}{}", String::from_utf8_lossy(&output.stderr));
    if getuid().is_root() {
        assert_eq!(
            &text[expected.len()..],
            "fs::remove_all: cannot remove `others/x`: permission denied\nnew\nfalse\ntheirs\n"
        );
    }
}

#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let place = Place::new();
    place.write("under", "old");
    place.write("mounted", "");
    place.write("new", "copied");
    let script = r#"mount --bind under mounted && exec "$0" -e '
        fs::write("mounted", "written"); print(fs::read("under")); fs::copy("new", "mounted"); print(fs::read("under"));
        fs::append("mounted", "!"); print(fs::read("under")); print(fs::list("."));'"#;
    let Some(text) = in_namespace(&place, script) else { return eprintln!("skipped: nothing can be mounted") };
    assert_eq!(text, "written\ncopied\ncopied!\n[\"./mounted\", \"./new\", \"./under\"]\n");
}

#[test]
fn what_is_mounted_below_is_not_entered() {
    let place = Place::new();
    place.write("kept/x", "safe");
    place.write("tree/mount/y", "");
    let script = "mount --bind kept tree/mount && exec \"$0\" -e 'try { fs::remove_all(\"tree\"); } catch (e) { print(e.message); } print(fs::read(\"kept/x\"));'";
    let Some(text) = in_namespace(&place, script) else { return eprintln!("skipped: nothing can be mounted") };
    assert_eq!(text, "fs::remove_all: cannot remove `tree/mount`: device or resource busy\nsafe\n");
}

#[test]
fn what_is_written_to_a_file_that_is_the_own_output_comes_behind_what_is_there() {
    let place = Place::new();
    let run = |options: &str, script: &str| {
        let words = format!("(echo one; '{}' {options} -e '{script}'; echo last) > out 2>&1", stagesh());
        Run::new().under(&["sh", "-c", &words]).cwd(place.path()).run();
        place.read("out")
    };
    let script = r#"print("two"); fs::write("/dev/stdout", "three\n"); print("four"); fs::append("/dev/stderr", "five\n");
        run(["echo", "six"], #{stdout: #{file: "/dev/stderr"}}); run(["echo", "seven"]);"#;
    assert_eq!(run("", script), "one\ntwo\nthree\nfour\nfive\nsix\nseven\nlast\n");
    let told = run("--report /dev/stderr", "print(\"two\");");
    let report = told.strip_prefix("one\ntwo\n").and_then(|rest| rest.strip_suffix("last\n")).expect("all is there");
    assert!(serde_json::from_str::<serde_json::Value>(report).is_ok(), "{told}");
    let told = run("", "eprint(\"two\"); log::to(\"/dev/stderr\"); print(\"three\");");
    assert!(told.starts_with("one\ntwo\n") && told.contains("three\n") && told.ends_with("\nlast\n"), "{told}");
    assert_ne!(mode(place.path().join("out")), 0o600);
}

#[test]
fn what_is_temporary_is_private_and_removed_in_its_turn() {
    let place = Place::new();
    let dir = place.path().display().to_string();
    let script = r#"atexit(|| print(fs::list("."))); let d = fs::temp_dir(); fs::umask(0); fs::write(d + "/x", ""); let f = fs::temp_file(); let e = fs::temp_dir();
        atexit(|| print(fs::list(".").len())); print(handlers().map(|h| h.name.starts_with("remove `"))); cd(d); fs::remove_all(e); exit(3);"#;
    let output = code(script).cwd(place.path()).env("TMPDIR", Some(&dir)).run();
    output.expect(3, "[false, true, true, true, false]\n2\n[]\n").expect_no_error();
    let script = r#"env::set("HOME", fs::temp_dir() + "/home"); sh(`mkdir ~; echo x > ~/.netrc`); let kept = fs::temp_file();
        fs::rename(kept, "kept"); fs::remove(fs::temp_file()); fs::remove_all(fs::temp_dir()); sh(`rmdir "$1"`, fs::temp_dir());
        print(handlers().len()); fs::write(kept, "another's"); print(handlers().len());"#;
    code(script).cwd(place.path()).env("TMPDIR", Some(&dir)).run().expect(0, "1\n2\n").expect_no_error();
    assert_eq!(place.list(), ["kept"]);
    let place = Place::new();
    let dir = place.path().display().to_string();
    let script = "let d = fs::temp_dir(); print(fs::stat(d).mode.to_octal() + \" \" + fs::stat(fs::temp_file()).mode.to_octal()); print(d); sleep(600);";
    let mut live = code(script).env("TMPDIR", Some(&dir)).start();
    live.wait_for("700 600");
    live.wait_for_prefix(&format!("{dir}/stagesh-"));
    live.signal(Signal::SIGTERM);
    live.end().expect_code(143);
    assert_eq!(place.list(), [""; 0]);
    code("fs::temp_dir();")
        .env("TMPDIR", Some("/no/such"))
        .run()
        .expect_code(1)
        .expect_error("fs::temp_dir: cannot make a directory in `/no/such`: no such file or directory");
}

#[test]
fn a_file_that_no_other_can_be_made_beside_for_want_of_room_is_left_as_it_is() {
    let place = Place::new();
    place.write("disk/x", "");
    // As many files as there can be: a few blocks are left.
    let script = r#"mount -t tmpfs -o size=128k,nr_inodes=5 tmpfs disk && cd disk && echo mounted && exec "$0" -e '
        fs::write("f", "old"); let n = 0; try { loop { n += 1; fs::write(`${n}`, ""); } } catch { }
        try { fs::write("f", "new"); print("?"); } catch (e) { print(e.reason); } print(fs::read("f"));'"#;
    let Some(text) = in_namespace(&place, script) else { return eprintln!("skipped: nothing can be mounted") };
    assert_eq!(text, "mounted\nno space left on device\nold\n");
}

#[test]
fn a_file_whose_path_is_too_long_for_another_beside_it_is_written_in_place() {
    let place = Place::new();
    // `PATH_MAX` is 4096 with the byte that ends it.
    let script = r#"let path = "d"; path.pad(200, 'd'); let dir = path; while dir.len() + 201 < 4080 { dir += "/" + path; }
        dir.pad(4080, '/'); fs::mkdir(dir); let file = dir + "file"; fs::append(file, "old"); fs::write(file, "new"); print(fs::read(file));
        fs::remove_all(path);"#;
    run_in(&place, script).expect(0, "new\n");
}

#[test]
fn standard_output_is_written_by_its_name_whatever_it_is() {
    let place = Place::new();
    run_in(&place, r#"fs::write("/dev/stdout", "text\n"); fs::append("/dev/fd/1", "more\n");"#)
        .expect(0, "text\nmore\n");
    let script = r#"exec "$0" -e 'fs::write("/dev/stdout", "text\n"); print("after");' >> out"#;
    let status = Command::new("sh").args(["-c", script, stagesh()]).current_dir(place.path()).status();
    assert!(status.expect("it starts").success());
    assert_eq!((place.read("out").as_str(), place.list()), ("text\nafter\n", vec!["out".to_string()]));
    let script = r#"exec 7>gone; rm gone; exec "$0" -e 'fs::write("/dev/fd/7", "text"); print(fs::list("."));'"#;
    let output = Command::new("sh").args(["-c", script, stagesh()]).current_dir(place.path()).output();
    assert_eq!(String::from_utf8_lossy(&output.expect("it starts").stdout), "[\"./out\"]\n");
}
