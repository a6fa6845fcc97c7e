//! `fs::copy` and `fs::rename`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use nix::unistd::{getgroups, getuid};

use crate::files::{in_namespace, make_fifo, mode, run_in, without_rights};
use crate::harness::{Place, code};

/// A directory on another file system than that of a place, if there is one.
pub(crate) fn second_file_system(place: &Place) -> Option<tempfile::TempDir> {
    let device = |path: &Path| fs::metadata(path).expect("it is there").dev();
    tempfile::tempdir_in("/dev/shm").ok().filter(|other| device(other.path()) != device(&place.path()))
}

#[test]
fn a_copy_of_a_deep_tree_needs_no_descriptor_for_each_level() {
    let place = Place::new();
    let deep = ["a"; 200].join("/");
    let script = format!(
        "fs::mkdir(\"a/{deep}\"); fs::write(\"a/{deep}/x\", \"x\"); fs::copy(\"a\", \"b\"); print(fs::read(\"b/{deep}/x\"));"
    );
    code(&script).cwd(place.path()).under(&["prlimit", "--nofile=100"]).run().expect(0, "x\n");
}

#[test]
fn a_copy_of_a_tree_has_its_modes_times_and_links() {
    let place = Place::new();
    place.write("a/sub/tool", "#!/bin/sh\n");
    place.write("a/closed/x", "x");
    let at = |name: &str| place.path().join(name);
    fs::set_permissions(at("a/sub/tool"), Permissions::from_mode(0o4751)).expect("it is ours");
    symlink("sub/tool", at("a/link")).expect("it can be made");
    symlink("nowhere", at("a/dangling")).expect("it can be made");
    fs::hard_link(at("a/sub/tool"), at("a/second")).expect("it can be made");
    make_fifo(&place, "a/pipe");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let set = |name: &str| File::open(at(name)).and_then(|file| file.set_modified(old)).expect("it is ours");
    set("a/sub/tool");
    set("a/closed");
    let mut touch = Command::new("touch");
    touch.args(["-h", "-d", "@1000000000", "a/link", "a/pipe"]).current_dir(place.path());
    assert!(touch.status().expect("it starts").success());
    fs::set_permissions(at("a/closed"), Permissions::from_mode(0o555)).expect("it is ours");
    run_in(&place, r#"fs::umask(0o077); fs::copy("a", "b"); print(fs::read("b/closed/x"));"#).expect(0, "x\n");
    assert_eq!((mode(at("b/sub/tool")), mode(at("b/closed")), mode(at("b"))), (0o4751, 0o555, mode(at("a"))));
    assert_eq!(fs::read_link(at("b/link")).expect("a link"), Path::new("sub/tool"));
    assert_eq!(fs::read_link(at("b/dangling")).expect("a link"), Path::new("nowhere"));
    assert_eq!(
        fs::metadata(at("b/second")).expect("it is there").ino(),
        fs::metadata(at("b/sub/tool")).expect("it").ino()
    );
    assert!(fs::metadata(at("b/pipe")).expect("it is there").file_type().is_fifo());
    for name in ["b/sub/tool", "b/closed", "b/link", "b/pipe"] {
        assert_eq!(
            fs::symlink_metadata(at(name)).and_then(|found| found.modified()).expect("it is there"),
            old,
            "{name}"
        );
    }
}

#[test]
fn holes_of_a_file_stay_holes_in_its_copy() {
    let place = Place::new();
    let at = |name: &str| place.path().join(name);
    let size = (40 << 20) + 5;
    // Where there is something: the rest is holes, at the beginning, at the end, and between.
    let all: [(&str, &[u64]); 4] =
        [("none", &[]), ("first", &[0]), ("last", &[size - 1]), ("some", &[9 << 20, 30 << 20])];
    for (name, places) in all {
        let file = File::create(at(name)).expect("there is room");
        file.set_len(size).expect("there is room");
        places.iter().for_each(|place| file.write_all_at(b"x", *place).expect("there is room"));
    }
    let is_sparse = |name: &str| fs::metadata(at(name)).expect("it is there").blocks() < 1000;
    if !is_sparse("some") {
        return eprintln!("skipped: this file system has no holes");
    }
    place.write("old", "what was there");
    let mut script = String::from("fs::copy(\"some\", \"old\");");
    for (name, _) in all {
        script += &format!("fs::copy(\"{name}\", \"{name}2\");");
    }
    run_in(&place, &script).expect(0, "");
    for (name, copy) in [("none", "none2"), ("first", "first2"), ("last", "last2"), ("some", "some2"), ("some", "old")]
    {
        let read = |name| fs::read(at(name)).expect("it is there");
        assert!(is_sparse(copy) && read(copy) == read(name), "{copy}");
    }
}

/// Another owner and group than new files get, as far as we may give a file away: else a group that we are in.
fn others() -> (u32, u32) {
    if getuid().is_root() {
        return (65_534, 65_533);
    }
    let groups = getgroups().expect("we have groups");
    (getuid().as_raw(), groups.last().expect("we are in one").as_raw())
}

#[test]
fn a_move_keeps_owner_and_group_and_then_set_user_id_and_a_copy_neither() {
    let place = Place::new();
    let (uid, gid) = others();
    let at = |name: &str| place.path().join(name);
    for name in ["a/plain", "a/sub/tool", "b/plain"] {
        place.write(name, "text");
    }
    make_fifo(&place, "a/pipe");
    symlink("plain", at("a/link")).expect("it can be made");
    let all = [("plain", 0o640), ("sub/tool", 0o6755), ("pipe", 0o600), ("sub", 0o2750)];
    for (name, mode) in all {
        chown(at("a").join(name), Some(uid), Some(gid)).expect("it is ours");
        fs::set_permissions(at("a").join(name), Permissions::from_mode(mode)).expect("it is ours");
    }
    lchown(at("a/link"), Some(uid), Some(gid)).expect("it is ours");
    let found = |path: PathBuf| {
        let found = fs::symlink_metadata(path).expect("it is there");
        ((found.uid(), found.gid()), format!("{:o}", found.mode() & 0o7777))
    };
    // One of them replaces what is there.
    run_in(&place, r#"fs::copy("a", "b"); fs::copy("a/sub/tool", "tool");"#).expect(0, "");
    let ours = found(at("b/plain")).0;
    for (name, mode) in all {
        let mode = if name == "sub/tool" && ours != (uid, gid) { 0o755 } else { mode };
        assert_eq!(found(at("b").join(name)), (ours, format!("{mode:o}")), "{name}");
    }
    assert_eq!(found(at("tool")), found(at("b/sub/tool")));
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    // New entries of it get its group: that of what is moved stays.
    chown(other.path(), None, Some(ours.1)).expect("it is ours");
    fs::set_permissions(other.path(), Permissions::from_mode(0o2700)).expect("it is ours");
    let to = other.path().join("moved");
    run_in(&place, &format!("fs::rename(\"a\", {to:?});")).expect(0, "");
    for (name, mode) in all {
        assert_eq!(found(to.join(name)), ((uid, gid), format!("{mode:o}")), "{name}");
    }
    assert_eq!(found(to.join("link")).0, (uid, gid));
}

#[test]
fn a_copy_of_what_is_anothers_is_not_set_user_id() {
    let place = Place::new();
    // An ordinary user cannot make such a file, but finds one.
    let is_theirs =
        |path: &Path| File::open(path).and_then(|file| file.metadata()).is_ok_and(|it| it.mode() & 0o6000 != 0);
    let theirs = if getuid().is_root() {
        let path = place.write("theirs", "");
        fs::set_permissions(&path, Permissions::from_mode(0o6755)).expect("it is ours");
        Some(path)
    } else {
        ["/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount"]
            .map(Into::into)
            .into_iter()
            .find(|path: &PathBuf| is_theirs(path))
    };
    let Some(theirs) = theirs else { return eprintln!("skipped: no program here is set-user-id") };
    assert!(is_theirs(&theirs));
    let script = format!("fs::write(\"mine\", \"\"); fs::copy({theirs:?}, \"ours\"); fs::copy({theirs:?}, \"mine\");");
    let output = without_rights(&place, &script);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["ours", "mine"] {
        assert_eq!(mode(place.path().join(name)), mode(&theirs) & 0o777, "{name}");
    }
}

#[test]
fn a_copy_takes_the_place_of_what_is_there_and_leaves_the_rest() {
    let place = Place::new();
    place.write("a/x", "new");
    place.write("b/x", "old");
    place.write("b/y", "other");
    place.write("outside", "safe");
    symlink("../outside", place.path().join("b/z")).expect("it can be made");
    place.write("a/z", "from a");
    fs::set_permissions(place.path().join("b"), Permissions::from_mode(0o700)).expect("it is ours");
    let script = r#"fs::copy("a", "b"); print(fs::read("b/x") + fs::read("b/y") + fs::read("b/z")); print(fs::read("outside"));
        fs::symlink("outside", "l"); fs::copy("a/x", "l"); print(fs::read("outside")); print(fs::stat("l").link);
        fs::copy("l", "c"); print(fs::stat("c").link == ()); print(fs::read("c"));
        for to in ["a/sub", "a", "a/x/y"] { try { fs::copy("a", to); print("?"); } catch (e) { print(e.reason); } }"#;
    let expected = "newotherfrom a\nsafe\nnew\noutside\ntrue\nnew\nit would be copied into itself\nthey are the same file\nit would be copied into itself\n";
    run_in(&place, script).expect(0, expected);
    assert_eq!(mode(place.path().join("b")), 0o700);
}

#[test]
fn a_copy_of_a_large_tree_ends_with_the_run() {
    let place = Place::new();
    for n in 0..200 {
        place.write(&format!("a/{n}/x"), "x");
    }
    let mut live =
        code("atexit(|| print(\"cleaned\")); let n = 0; print(\"ready\"); loop { fs::copy(\"a\", `b${n}`); n += 1; }")
            .cwd(place.path())
            .start();
    live.wait_for("ready").signal(Signal::SIGTERM);
    live.end().expect(143, "ready\ncleaned\n");
}

#[test]
fn rename_moves_files_and_trees_also_to_another_file_system() {
    let place = Place::new();
    place.write("a/x", "text");
    run_in(&place, r#"fs::rename("a", "b"); fs::rename("b/x", "c"); fs::write("d", "old"); fs::rename("c", "d"); print(fs::read("d"));"#)
        .expect(0, "text\n");
    assert_eq!(place.list(), ["b", "d"]);
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    place.write("tree/sub/x", "moved");
    place.write("tree/y", "too");
    let to = other.path().join("tree");
    run_in(&place, &format!("fs::rename(\"tree\", {to:?}); print(fs::read({:?}));", to.join("sub/x")))
        .expect(0, "moved\n");
    assert_eq!(place.list(), ["b", "d"]);
    assert_eq!(fs::read_dir(other.path()).expect("it is there").count(), 1);
}

#[test]
fn what_cannot_be_made_costs_nothing_that_was_there() {
    let place = Place::new();
    let script = r#"fs::write("p", "old"); fs::mkdir("t"); fs::symlink("../p", "t/link"); fs::mkdir("s"); fs::write("s/link", "new");
        try { fs::copy("/dev/zero", "p"); } catch (e) { print(e.reason); } print(fs::read("p")); print(fs::list(".").len());
        fs::copy("s", "t"); print(fs::read("t/link") + fs::read("p"));"#;
    let output = without_rights(&place, script);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "operation not permitted\nold\n4\nnewold\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_device_is_not_replaced_by_another() {
    let place = Place::new();
    let script = r#"for (number, name) in ["5", "3"] { run(["mknod", name.to_string(), "c", "1", number]); }
        try { fs::copy("0", "1"); print("?"); } catch (e) { print(e.reason); } print(capture(["stat", "-c", "%T", "1"]));"#;
    let output = code(script).cwd(place.path()).run();
    if output.err().contains("mknod") {
        return eprintln!("skipped: no device can be made");
    }
    output.expect(0, "file exists\n3\n");
}

#[test]
fn a_copy_into_a_pipe_is_an_error_and_waits_for_no_reader() {
    let place = Place::new();
    make_fifo(&place, "pipe");
    place.write("a/x", "text");
    place.write("b/y", "");
    make_fifo(&place, "b/x");
    let script = r#"for (to, n) in ["pipe", "/dev/stdout"] { try { fs::copy("a/x", to); print("?"); } catch (e) { print(e.reason); } }
        try { fs::copy("a", "b"); print("?"); } catch (e) { print(e.message); }"#;
    let expected = "it is a pipe\nit is a pipe\nfs::copy: cannot copy `a/x` to `b/x`: it is a pipe\n";
    run_in(&place, script).expect(0, expected);
}

#[test]
fn what_is_write_protected_is_moved_to_another_file_system_or_leaves_nothing_there() {
    let place = Place::new();
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    fs::set_permissions(other.path(), Permissions::from_mode(0o777)).expect("it is ours");
    let to = other.path().display().to_string();
    let script = format!(
        r#"fs::mkdir("a/sub"); fs::write("a/sub/x", "text"); fs::chmod("a/sub", 0o500); fs::chmod("a", 0o500);
        fs::rename("a", "{to}/a"); print(fs::read("{to}/a/sub/x") + fs::stat("{to}/a").mode.to_octal()); fs::remove_all("{to}/a");
        fs::mkdir("b/sub"); fs::write("b/sub/x", ""); fs::chmod("b/sub/x", 0); fs::chmod("b/sub", 0o500); fs::chmod("b", 0o500);
        try {{ fs::rename("b", "{to}/b"); print("?"); }} catch (e) {{ print(e.message); }} print(fs::list("{to}"));"#
    );
    let output = without_rights(&place, &script);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if getuid().is_root() || !told.contains("?") {
        let expected =
            format!("text500\nfs::rename: cannot rename `b/sub/x` to `{to}/b/sub/x`: permission denied\n[]\n");
        assert_eq!(told, expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
    let unlock = |name: &str| fs::set_permissions(place.path().join(name), Permissions::from_mode(0o700));
    ["b", "b/sub"].iter().for_each(|name| unlock(name).expect("it is there"));
}

#[test]
fn what_is_no_name_takes_nothing_from_another_file_system() {
    let place = Place::new();
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    fs::write(other.path().join("x"), "new").expect("there is room");
    place.write("a/x", "old");
    let from = other.path().display();
    let script = format!(
        r#"try {{ fs::rename("{from}", "a/.."); print("?"); }} catch (e) {{ print("no"); }} print(fs::read("a/x"));"#
    );
    run_in(&place, &script).expect(0, "no\nold\n");
    assert_eq!(place.list(), ["a"]);
}

#[test]
fn what_names_no_entry_is_not_moved_to_another_file_system() {
    let place = Place::new();
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    place.write("a/b/x", "text");
    let to = other.path().display();
    let script = format!(
        r#"fs::symlink("a", "l"); cd("a/b"); for from in [".", "..", "../b/.", "../../l/"] {{
            try {{ fs::rename(from, "{to}/new"); print("?"); }} catch (e) {{ print(fs::list("{to}").len() == 0 && fs::read("x") == "text"); }} }}"#
    );
    run_in(&place, &script).expect(0, "true\ntrue\ntrue\ntrue\n");
}

#[test]
fn a_file_is_not_emptied_to_be_copied_into_itself() {
    let place = Place::new();
    // Nothing can be made beside one of the names of the file, so that it would be written in place.
    let script = r#"fs::mkdir("a"); fs::mkdir("b"); fs::write("a/x", "text"); run(["ln", "a/x", "b/x"]); fs::chmod("b", 0o500);
        try { fs::copy("a", "b"); print("?"); } catch (e) { print(e.message); } print(fs::read("a/x")); fs::chmod("b", 0o700);"#;
    let output = without_rights(&place, script);
    let expected = "fs::copy: cannot copy `a/x` to `b/x`: they are the same file\ntext\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_tree_is_not_copied_into_itself_by_another_way() {
    let place = Place::new();
    place.write("a/sub/deep/x", "text");
    symlink("a/sub", place.path().join("l")).expect("it can be made");
    let script = r#"try { fs::copy("a", "l"); } catch (e) { print(e.message); } print(fs::list("a/sub"));"#;
    let expected = "fs::copy: cannot copy `a` to `l`: it would be copied into itself\n[\"a/sub/deep\"]\n";
    run_in(&place, script).expect(0, expected);
    // What is mounted at two places has two whole paths.
    place.write("b/y", "");
    let mounted =
        r#"mount --bind a/sub b && exec "$0" -e 'try { fs::copy("a", "b/c"); } catch (e) { print(e.reason); }'"#;
    let Some(told) = in_namespace(&place, mounted) else { return eprintln!("skipped: nothing can be mounted") };
    assert_eq!(told, "it would be copied into itself\n");
}

#[test]
fn a_copy_of_a_tree_does_not_follow_a_link_to_a_directory() {
    let place = Place::new();
    place.write("a/x/f", "new");
    place.write("outside/f", "old");
    place.write("b/y", "");
    symlink("../outside", place.path().join("b/x")).expect("it can be made");
    let script = r#"try { fs::copy("a", "b"); } catch (e) { print(e.message); } print(fs::read("outside/f"));
        fs::remove("b/x"); fs::symlink("b", "l"); fs::copy("a", "l"); print(fs::read("b/x/f"));"#;
    run_in(&place, script).expect(0, "fs::copy: cannot copy `a/x` to `b/x`: file exists\nold\nnew\n");
}
