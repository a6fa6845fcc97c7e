//! The working directory: of the script, of its handlers, and where one is gone.

use crate::copying::second_file_system;
use crate::harness::{Place, code, file};

#[test]
fn a_script_stays_in_a_directory_that_is_gone() {
    let place = Place::new();
    let script = "let start = cwd(); sh(\"mkdir -p a/b\"); cd(\"a/b\"); sh(\"rm -rf ../../a\"); let here = cwd();
        scope(|| { atexit(|| print(cwd() == start)); }); print(cwd() == here); print(succeeds([\"touch\", \"x\"]));";
    file(place.write("x.rhai", script)).cwd(place.path()).run().expect(0, "true\ntrue\nfalse\n");
    assert_eq!(place.list(), ["x.rhai"]);
}

#[test]
fn a_script_that_starts_in_a_removed_directory_is_there_and_its_handlers_are_above() {
    let place = Place::new();
    let start = ["sh", "-c", "mkdir gone; cd gone; rmdir ../gone; exec \"$@\"", "sh"];
    let here = place.path().display().to_string();
    code("atexit([\"pwd\"]); print(cwd());")
        .under(&start)
        .cwd(place.path())
        .run()
        .expect(0, &format!("{here}/gone\n{here}\n"));
}

#[test]
fn a_script_comes_back_to_the_directory_that_its_handler_has_removed() {
    let place = Place::new();
    let script = "sh(\"mkdir -p a/b\"); cd(\"a\"); let here = cwd();
        scope(|| { atexit(|| { cd(\"/\"); run([\"rm\", \"-rf\", here]); }); }); print(cwd() == here); print(succeeds([\"touch\", \"x\"]));
        cd(\"..\"); print(cwd());";
    let expected = format!("true\nfalse\n{}\n", place.path().display());
    file(place.write("x.rhai", script)).cwd(place.path()).run().expect(0, &expected);
    // Renamed meanwhile, it is still the same one.
    let script = "sh(\"mkdir a\"); cd(\"a\"); scope(|| { atexit(|| { cd(\"..\"); sh(\"mv a b; mkdir a\"); }); }); run([\"touch\", \"x\"]);";
    file(place.write("x.rhai", script)).cwd(place.path()).run().expect(0, "");
    assert!(place.path().join("b/x").exists());
}

#[test]
fn a_handler_runs_in_the_working_directory_of_its_registration() {
    let place = Place::new();
    place.write("a/x", "");
    place.write("b/x", "");
    code("cd(\"a\"); atexit(|| print(cwd())); atexit([\"pwd\"]); cd(\"../b\"); print(cwd());")
        .cwd(place.path())
        .run()
        .expect(0, &format!("{0}/b\n{0}/a\n{0}/a\n", place.path().display()))
        .expect_no_error();
}

#[test]
fn a_directory_that_is_gone_is_replaced_by_the_nearest_above_it() {
    let place = Place::new();
    place.write("a/b/c/x", "");
    code("cd(\"a/b/c\"); atexit(|| print(cwd())); cd(\"../../..\"); run([\"rm\", \"-r\", \"a/b\"]);")
        .cwd(place.path())
        .run()
        .expect(0, &format!("{}/a\n", place.path().display()))
        .expect_no_error();
}

#[test]
fn a_handler_is_above_a_directory_that_the_one_before_it_has_removed() {
    let changes = ["fs::remove(`${top}/a/b`); fs::remove(`${top}/a`)", "fs::remove_all(`${top}/a`)"];
    for change in changes {
        let place = Place::new();
        place.write("a/b/c", "");
        let script = format!(
            "let top = cwd(); fs::remove(\"a/b/c\"); cd(\"a/b\"); atexit(|| fs::write(\"x\", cwd())); atexit(|| {{ {change}; }});
             atexit(|| print(\"begun\"));"
        );
        code(&script).cwd(place.path()).run().expect(0, "begun\n").expect_no_error();
        assert_eq!(place.read("x"), place.path().display().to_string(), "{change}");
    }
}

/// Each registers a handler in `p`, and gives `p` another name.
const RENAMED: [&str; 8] = [
    "cd(\"p\"); REGISTER; fs::rename(\"../p\", \"../q\"); fs::mkdir(\"../p\");",
    "cd(\"p\"); REGISTER; run([\"mv\", \"../p\", \"../q\"]); cd(\"/\");",
    "cd(\"p\"); REGISTER; cd(\"..\"); fs::rename(\"p\", \"q\");",
    "cd(\"p/sub\"); cd(\"..\"); REGISTER; cd(\"sub\"); sh(\"mv ../../p ../../q\"); cd(\"/\");",
    "cd(\"p\"); REGISTER; atexit(|| fs::rename(\"../p\", \"../q\"));",
    "cd(\"p\"); REGISTER; cd(\"sub\"); atexit(|| sh(\"mv ../../p ../../q\"));",
    "cd(\"p\"); REGISTER; cd(\"sub\"); sh(\"mv ../../p ../../q; mkdir ../../p\"); cd(\"/\");",
    "cd(\"p\"); REGISTER; start([\"mv\", \"../p\", \"../q\"]).wait(); cd(\"/\");",
];

#[test]
fn a_handler_runs_in_its_directory_whatever_that_is_called_meanwhile() {
    for script in RENAMED {
        let place = Place::new();
        place.write("p/sub/x", "");
        place.write("p/build/x", "");
        place.write("build/precious", "");
        let script = script.replace("REGISTER", "atexit(fs::remove_all, \"build\"); atexit(|| print(cwd()))");
        let here = place.path().display().to_string();
        code(&script).cwd(place.path()).run().expect(0, &format!("{here}/q\n")).expect_no_error();
        assert!(place.path().join("build/precious").exists(), "{script}");
        assert!(!place.path().join("q/build").exists(), "{script}");
    }
}

#[test]
fn a_handler_does_not_follow_what_was_moved_out_of_its_directory() {
    let place = Place::new();
    place.write("tmp/build/out/x", "");
    place.write("srv/cache/precious", "");
    let script = r#"cd("tmp/build"); atexit(fs::remove_all, "cache"); atexit(|| print(cwd())); cd("out");
        sh(`mv ../out ../../../srv/out; rm -rf "$1"`, path::parent(cwd())); print(cwd());"#;
    let here = place.path().display().to_string();
    code(script).cwd(place.path()).run().expect(0, &format!("{here}/srv/out\n{here}/tmp\n")).expect_no_error();
    assert!(place.path().join("srv/cache/precious").exists());
}

#[test]
fn a_directory_that_was_renamed_is_known_by_its_new_name() {
    let place = Place::new();
    place.write("p/x", "");
    let script = r#"let top = cwd(); cd("p"); run(["mv", "../p", "../q"]); fs::mkdir("../p"); fs::remove_all("../p");
        print(cwd() == `${top}/q`); print(path::absolute("x") == `${top}/q/x`); print(fs::exists("x"));
        fs::remove_all("../q"); print(cwd() == top);"#;
    code(script).cwd(place.path()).run().expect(0, "true\ntrue\ntrue\ntrue\n");
}

#[test]
fn a_directory_that_is_moved_to_another_file_system_takes_the_script_with_it() {
    let place = Place::new();
    let Some(other) = second_file_system(&place) else { return eprintln!("skipped: there is none") };
    place.write("w/cwd/x", "text");
    let to = other.path().display();
    let script = format!(
        r#"fs::symlink("{to}", "to"); cd("w/cwd"); fs::rename("../../w", "../../to/w"); print(cwd()); print(fs::read("x")); print(fs::list("{to}"));"#
    );
    code(&script).cwd(place.path()).run().expect(0, &format!("{to}/w/cwd\ntext\n[\"{to}/w\"]\n"));
    assert_eq!(place.list(), ["to"]);
}

#[test]
fn what_a_handler_changes_of_the_directory_ends_with_it() {
    let place = Place::new();
    place.write("a/x", "");
    code("atexit(|| print(cwd())); atexit(|| { cd(\"a\"); print(cwd()); }); scope(|| { atexit(|| cd(\"a\")); }); print(cwd());")
        .cwd(place.path())
        .run()
        .expect(0, &format!("{0}\n{0}/a\n{0}\n", place.path().display()))
        .expect_no_error();
}

#[test]
fn a_handler_that_is_run_early_runs_in_its_directory_and_the_script_stays_in_its_own() {
    let place = Place::new();
    place.write("a/x", "");
    code("let h = atexit(|| { print(cwd()); cd(\"/\"); }); cd(\"a\"); h.run(); print(cwd());")
        .cwd(place.path())
        .run()
        .expect(0, &format!("{0}\n{0}/a\n", place.path().display()))
        .expect_no_error();
}
