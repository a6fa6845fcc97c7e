//! The commands of the REPL, what it shows of results, and what is left of a failure to look at.

use crate::harness::Place;
use crate::session::{after, prints, session};

#[test]
fn results_are_shown_as_a_script_spells_them() {
    prints(
        &["\"a\\n\\\"b\\\"\"", "1.0", "'c'", "()", "#{b: [1, 2.5, ()], \"odd key\": true}", "|x| x + 1", "blob(3, 7)"],
        "\"a\\n\\\"b\\\"\"\n1.0\n'c'\n#{b: [1, 2.5, ()], \"odd key\": true}\n|x| closure\nblob(3): 07 07 07\n",
    );
}

#[test]
fn a_long_result_takes_several_lines_and_is_cut_with_a_note() {
    let output = session(&["let xs = []; for i in 0..1000 { xs.push(`item ${i}`); } xs", "\"x\".pad(5000, 'x')"]).run();
    let out = output.expect_no_error().out();
    assert!(out.starts_with("[\n  \"item 0\",\n  \"item 1\",\n"), "{out}");
    assert!(out.contains("more") && out.lines().count() < 100 && out.len() < 10_000, "{out}");
}

#[test]
fn help_lists_commands_and_names_and_shows_what_the_page_says() {
    let output = session(&[":help", ":help atexit", ":h fs::read", ":help save"]).run();
    let out = output.expect_no_error().out();
    for text in [":handlers", "wait_all", "registers what is to be called", "fs::read(", ":save FILE"] {
        assert!(out.contains(text), "{text}: {out}");
    }
    session(&[":help atexti"]).run().expect(0, "").expect_error("did you mean `atexit`?");
}

#[test]
fn what_is_no_command_suggests_the_nearest_and_what_is_missing_is_named() {
    session(&[":hepl", "1"])
        .run()
        .expect(0, "1\n")
        .expect_error("there is no command `:hepl`")
        .expect_error("`:help`?");
    session(&[":frobnicate"]).run().expect(0, "").expect_error("`:help` lists them");
    session(&[":load"]).run().expect(0, "").expect_error("`:load` takes FILE");
    session(&[":vars x"]).run().expect(0, "").expect_error("`:vars` takes nothing");
}

#[test]
fn variables_functions_and_handlers_are_listed() {
    prints(
        &[
            "let m = #{a: 1}; const K = \"k\"; fn f(a, b) { }",
            "fn f(a) { }",
            ":vars",
            ":functions",
            "let h = atexit(f, 1); let g = atexit([\"true\"]).name(\"last\");",
            ":handlers",
        ],
        "const K: string = \"k\"\nlet m: map = #{a: 1}\nfn f(a)\nfn f(a, b)\n\
         last  input 3:1:31\nf  input 3:1:9\n",
    );
}

#[test]
fn the_type_and_the_time_of_an_expression_are_told_and_its_error_is_one() {
    prints(&[":type [1]", ":type 1.5", ":type \"x\" + _.to_string()"], "array\nf64\nstring\n");
    let output = session(&[":time sleep(0.05); 7"]).run();
    let out = output.expect_no_error().out();
    let took = out.strip_prefix("took ").and_then(|rest| rest.strip_suffix("\n7\n")).expect("a time, then the value");
    let (number, unit) = took.split_once(' ').expect("a number and a unit");
    let number: f64 = number.parse().expect("it is a number");
    assert!(if unit == "ms" { number >= 50.0 } else { unit == "s" }, "{took}");
    session(&[":type nope", ":time 1 / 0"]).run().expect_error("there is no variable `nope`").expect_error("1 / 0");
}

#[test]
fn a_file_is_loaded_into_the_session_and_imports_beside_itself() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("lib")).expect("it can be made");
    place.write("lib/one.rhai", "import \"two\" as two; fn f() { two::g() }\nlet loaded = f();\n99");
    place.write("lib/two.rhai", "fn g() { \"two\" }");
    session(&[":load lib/one.rhai", "loaded", ":load nope"])
        .cwd(place.path())
        .run()
        .expect(0, "\"two\"\n")
        .expect_error("no such file");
}

#[test]
fn what_was_evaluated_well_is_saved_as_a_script_that_runs() {
    let place = Place::new();
    let lines =
        ["let x = 20 // half", "fn f(n) {\n  n * 2\n}", "nope", "let y = f(x) + 2", "print(y);", ":save s.rhai"];
    let again = [":save s.rhai", "print(\"more\")", ":save s.rhai"];
    let all: Vec<&str> = lines.into_iter().chain(again).collect();
    session(&all).cwd(place.path()).run().expect(0, "42\nmore\n").expect_error("there is no variable `nope`");
    crate::harness::file("s.rhai").cwd(place.path()).run().expect(0, "42\nmore\n").expect_no_error();
    session(&[":save s.rhai"]).cwd(place.path()).run().expect(0, "").expect_error("exists; it is not overwritten");
    assert!(place.read("s.rhai").contains("more"));
}

#[test]
fn the_last_text_is_edited_and_evaluated() {
    let place = Place::new();
    let run = |lines: &[&str], editor: &str| {
        session(lines)
            .cwd(place.path())
            .env("VISUAL", None)
            .env("EDITOR", Some(editor))
            .env("TMPDIR", place.path().to_str())
            .run()
    };
    run(&["1 + 1", ":edit", "_ * 2"], "sed -i s/1/5/").expect(0, "2\n5 + 1\n6\n12\n").expect_no_error();
    // Nothing was changed, or the editor has failed: nothing is evaluated.
    run(&["print(1)", ":edit"], "true").expect(0, "1\n").expect_no_error();
    run(&["print(1)", ":edit", "2"], "false").expect(0, "1\n2\n").expect_error("exited with 1");
    assert_eq!(place.list(), Vec::<String>::new());
}

#[test]
fn reset_cleans_up_first_and_forgets_then() {
    session(&[
        "let x = 1; fn f() { } let h = atexit(|| print(\"cleaned\"));",
        ":reset",
        "print(\"reset\")",
        ":functions",
        "x",
    ])
    .run()
    .expect(0, "cleaned\nreset\n")
    .expect_error("there is no variable `x`");
}

#[test]
fn quit_leaves_and_handlers_run_once() {
    prints(&["let h = atexit(|| print(\"cleaned\"));", ":quit", "print(\"never\")"], "cleaned\n");
    prints(&["let h = atexit(|| print(\"cleaned\"));", "  :q  "], "cleaned\n");
}

#[test]
fn after_a_failure_the_variables_of_the_function_are_there() {
    let script = "const K = 3; let top = [1];\n\
        fn inner(a, b) { let c = a + b; run([\"false\", c]); }\n\
        fn outer(n) { let big = n * 2; inner(big, 1) }\n\
        outer(4);";
    let output = after(script, &[], &[":vars", "c", "fn ok(q) { q }", "ok(1)", "1 / 0", ":vars"]);
    output.expect_code(1).expect_error("`false 9` exited with 1").expect_error("there is no variable `c`");
    let vars = "const K: i64 = 3\nlet top: array = [1]\n";
    let inner =
        "and in `inner`, which has failed, when it last read one:\nlet a: i64 = 8\nlet b: i64 = 1\nlet c: i64 = 9\n";
    // What failed last was no function.
    assert_eq!(
        output.out(),
        format!("{vars}{inner}1\nconst K: i64 = 3\nlet _: i64 = 1\nlet top: array = [1]\n"),
        "{output}"
    );
}

#[test]
fn of_a_closure_and_of_a_function_that_called_others_the_own_variables_are_told() {
    let lines = [
        "fn other(z) { z + 1 } fn fails(w) { let v = other(w); throw \"oops\"; }",
        "fails(5)",
        ":vars",
        "[1, 2].map(|item| item + fails(item))",
        ":vars",
        "[3].map(|item| { let twice = item * 2; throw twice })",
        ":vars",
    ];
    let output = session(&lines).run();
    let heads: Vec<&str> = ["`fails`", "`fails`", "a closure"].to_vec();
    let out = output.out();
    let told: Vec<&str> = out.lines().filter(|line| line.starts_with("and in ")).collect();
    assert_eq!(told.len(), 3, "{output}");
    assert!(told.iter().zip(heads).all(|(line, head)| line.contains(head)), "{output}");
    assert!(out.contains("let w: i64 = 5\n") && out.contains("let item: i64 = 3\n"), "{output}");
}
