//! The working directory: of the script, of its handlers, and where one is gone.

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
fn a_handler_does_not_follow_a_directory_that_the_one_before_it_has_moved_or_removed() {
    let changes = [
        "fs::rename(`${top}/a`, `${top}/z`)",
        "fs::remove(`${top}/a/b`); fs::remove(`${top}/a`)",
        "fs::remove_all(`${top}/a`)",
    ];
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
