//! A session after a script: it goes on with what that had.

use crate::harness::{Place, Run};
use crate::session::{LIBRARY, after};

const SCRIPT: &str = "import \"library\" as library;\n\
    const K = 5;\n\
    let v = 1;\n\
    private fn clean(n) { print(`script ${n}`) }\n\
    fn constant() { global::K }\n\
    fn outer() { inner() }\n\
    fn inner() { \"old\" }\n\
    fn fails() { 1 / 0 }\n\
    atexit(|| print(`${v} ${outer()}`));\n\
    library::keep(clean);\n\
    atexit(library::guard());\n\
    print(\"script\");\n";

#[test]
fn a_session_goes_on_with_all_that_the_script_had() {
    let output = after(
        SCRIPT,
        &[LIBRARY],
        &[
            "v",
            "K",
            "constant()",
            "clean(1);",
            "library::stop(2);",
            "library::each(clean);",
            "library::each(|n| clean(n));",
            "library::within(|| clean(7));",
            "v = 2;",
            "fn inner() { \"new\" }",
            "outer()",
            "handlers().len",
            "args()",
        ],
    );
    output
        .expect(
            0,
            "script\n1\n5\n5\nscript 1\nlibrary 2\nscript 3\nscript 4\nscript 3\nscript 4\nscript 7\n\"new\"\n3\n[]\n\
             library 6\nscript 5\n2 old\n",
        )
        .expect_no_error();
}

#[test]
fn what_a_module_of_a_line_calls_back_means_the_functions_of_the_script() {
    let script = "fn clean(n) { print(`script ${n}`) } fn back(n) { clean(n) } const K = \"script\"; fn constant() { print(global::K) }
        let closure = |n| clean(n);";
    let output = after(
        script,
        &[LIBRARY],
        &[
            "import \"library\" as library;",
            "library::each(back);",
            "library::each(clean);",
            "library::each(closure);",
            "library::within(constant);",
            "library::keep(back);",
            "library::keep(closure);",
        ],
    );
    output.expect(0, &format!("{}script\nscript 5\nscript 5\n", "script 3\nscript 4\n".repeat(3))).expect_no_error();
}

#[test]
fn an_error_in_a_function_of_the_script_that_a_line_has_defined_again_is_in_that_line() {
    let script = "import \"library\" as library;\n\nfn f() {\n    1\n}\nfn g() { 1 / 0 }";
    let output = after(script, &[LIBRARY], &["fn f() {", "  1 / 0 }", "f()", "g()"]);
    output
        .expect_code(0)
        .expect_error(" --> input 1:2:5\n  |\n2 |   1 / 0 }\n  |     ^\n   in `f`, called from input 2:1:1\n")
        .expect_error(" --> main.rhai:6:12\n");
}

#[test]
fn a_script_after_which_a_session_goes_on_has_its_arguments_and_place() {
    let place = Place::new();
    let script = place.write("main.rhai", "");
    let run = Run::new().arg("-i").arg("main.rhai").arg("-x").arg("b").cwd(place.path());
    let expected = format!("[\"-x\", \"b\"]\n\"{}\"\n", script.display());
    run.stdin("args()\nscript_path()\n").run().expect(0, &expected).expect_no_error();
    Run::new().arg("-i").arg("-e").arg("let x = 5;").stdin("x\n").run().expect(0, "5\n").expect_no_error();
}

#[test]
fn a_handler_of_the_script_sees_what_it_has_imported_later_and_what_a_line_imports() {
    after("atexit(|| library::say()); import \"library\" as library;", &[LIBRARY], &["1"])
        .expect(0, "1\nsaid\n")
        .expect_no_error();
    after("atexit(|| library::say());", &[LIBRARY], &["import \"library\" as library;"])
        .expect(0, "said\n")
        .expect_no_error();
    after("fn f() { library::say() } atexit(f);", &[LIBRARY], &["fn f() { }", "import \"library\" as library;"])
        .expect(0, "said\n")
        .expect_no_error();
}
