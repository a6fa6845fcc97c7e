//! Both engines do the same: what a script prints, how it ends, and what is said about it.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::docs::blocks;
use crate::harness::{Output, Place, Run, code, root, without_times};
use crate::programs;

/// What a run has shown, in a form that does not differ from run to run.
fn shown(output: &Output) -> String {
    let text = output.to_string();
    let (_, text) = text.split_once('\n').expect("the command is a line of its own");
    // The names of closures are made anew in each run.
    let text = without(text, "anon$", |c| c.is_ascii_hexdigit());
    // `docs/pitfalls.md`: in what is caught the column may differ, and the number of an argument that is in use.
    let text = without(&text, "\"position\": ", |c| c.is_ascii_digit());
    let text = without(&text, ", position ", |c| c.is_ascii_digit());
    without(&text, "argument #", |c| c.is_ascii_digit())
}

/// A text without what follows each of these marks.
fn without(text: &str, mark: &str, is_left_out: impl Fn(char) -> bool) -> String {
    let mut pieces = text.split(mark);
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |told, piece| told + mark + piece.trim_start_matches(&is_left_out))
}

/// What both engines show of a script in a place: the VM, then the walker.
fn both(place: &Place, script: &Path) -> (String, String) {
    let start = |engine| Run::new().options(&["--quiet", "--engine", engine]).arg(script).cwd(place.path()).start();
    let (vm, ast) = (start("vm"), start("ast"));
    (shown(&vm.finish()), shown(&ast.finish()))
}

/// Runs a script of several files on both; they print just that, whatever else is the same.
#[track_caller]
fn same(files: &[(&str, &str)], stdout: &str) {
    let place = Place::new();
    for (name, text) in files {
        place.write(name, text);
    }
    let (vm, ast) = both(&place, Path::new(files[0].0));
    assert!(vm == ast, "--- on the VM\n{vm}\n--- walked\n{ast}\n---");
    assert!(ast.contains(&format!("--- stdout\n{stdout}--- stderr\n")), "expected {stdout:?} of\n{ast}");
}

fn same_script(script: &str, stdout: &str) {
    same(&[("script.rhai", script)], stdout);
}

/// Runs a script on both; they say that it fails so.
#[track_caller]
fn same_failure(script: &str, message: &str, line_and_column: &str) {
    let place = Place::new();
    place.write("script.rhai", script);
    let (vm, ast) = both(&place, Path::new("script.rhai"));
    assert!(vm == ast, "--- on the VM\n{vm}\n--- walked\n{ast}\n---");
    let said = format!("error: {message}\n --> script.rhai:{line_and_column}\n");
    assert!(ast.contains(&said), "expected {said:?} of\n{ast}");
}

#[test]
fn a_variable_that_is_declared_again_is_another() {
    let again = "let x = 1; let f = || x; let x = f.call() + 1; print(f.call()); print(x);";
    same_script(again, "1\n2\n");
    same_script(&format!("fn f() {{ {again} }} f();"), "1\n2\n");
    same_script(&format!("[0].map(|y| {{ {again} }});"), "1\n2\n");
    same_script("let x = 1; atexit(|| print(x)); let x = 2;", "1\n");
    same_script("let X = 1; const X = 2; fn f() { global::X } print(f());", "2\n");
}

#[test]
fn what_is_imported_in_a_block_or_a_function_is_so_there_alone() {
    let modules = [("a.rhai", "fn f() { \"a\" }"), ("b.rhai", "fn f() { \"b\" }")];
    for (script, stdout) in [
        ("if true { import \"b\" as m; } print(m::f());", "a\n"),
        ("for i in 0..2 { import \"b\" as m; if i == 0 { continue; } break; } print(m::f());", "a\n"),
        ("try { import \"b\" as m; throw 1 } catch { print(m::f()); }", "a\n"),
        ("fn g() { import \"b\" as m; print(m::f()); } g(); print(m::f());", "b\na\n"),
        ("let c = || { import \"b\" as m; print(m::f()); }; c.call(); print(m::f());", "b\na\n"),
    ] {
        let script = format!("import \"a\" as m; {script}");
        same(&[("script.rhai", &script), modules[0], modules[1]], stdout);
    }
}

#[test]
fn an_element_of_what_has_none_cannot_be_set() {
    let failed = "`()` has no property `d` that can be set";
    same_failure("let x = #{}; x[\"c\"][\"d\"] = 2;", failed, "1:20");
    same_failure("let x = #{}; x.c[\"d\"] += 2;", failed, "1:17");
    same_failure("let x = #{}; x.c[0] = 2;", "indexer unavailable: () [i64] = i64", "1:17");
    same_failure("let x = [true]; x[0][0] = 2;", "indexer unavailable: bool [i64] = i64", "1:21");
    same_failure("fn f() { this.c[0] = 1; } #{}.f();", "indexer unavailable: () [i64] = i64", "1:16");
}

#[test]
fn what_was_read_of_a_value_and_changed_is_no_error() {
    same_script(
        "let x = 2.5; x.floor.max(1); let r = attempt([\"echo\", \"a \"]); r.stdout.trim(); print(r.stdout);",
        "a \n",
    );
}

#[test]
fn an_element_of_a_record_is_set_in_vain() {
    let place = Place::new();
    place.write("script.rhai", "let r = attempt([\"true\"]); r[\"code\"] = 5; print(r.code);");
    let run = |engine: &str| Run::new().options(&["--engine", engine]).arg("script.rhai").cwd(place.path()).run();
    run("vm").expect(0, "0\n");
    run("ast").expect(1, "").expect_error("error: indexer unavailable: record [string] = i64");
}

#[test]
fn a_part_of_a_constant_is_set_after_it_was_found() {
    same_failure("const a = [1]; a[7] = 1;", "array index 7 out of bounds: only 1 element in array", "1:18");
    same_failure("const a = #{b: 1}; a.b = 1;", "cannot modify constant a", "1:20");
}

#[test]
fn a_constant_is_one_in_a_text_that_evaluates_others() {
    let script = "fn f() { this = 5; } const Y = 1; try { Y.f(); } catch { print(\"no\"); } print(Y); eval(\"()\");";
    same_script(script, "no\n1\n");
}

#[test]
fn a_recursion_through_a_builtin_goes_as_deep() {
    let script = "fn r(n) { if n == 0 { 0 } else { [n].map(|x| r(x - 1) + 1)[0] } } print(r(330));";
    same_script(script, "330\n");
}

#[test]
fn the_place_of_an_error_is_the_same() {
    same_failure("let a = [1]; a[0] /= 0;", "division by zero: 1 / 0", "1:19");
    same_failure("let a = #{b: [\"x\"]}; a.b[0] -= 3;", "there is no function `-` for (string, integer)", "1:29");
    same_failure("let a = 5; a[3] = 1;", "expected a bool, not an integer", "1:17");
    same_failure("let a = #{b: [5]}; a.b[0][3] = 1;", "expected a bool, not an integer", "1:30");
    same_failure("let a = 5; a.call(1 + 2);", "expected a function, not an integer", "1:14");
    same_failure("print(nowhere::f(1));", "there is no module `nowhere`", "1:7");
    same_failure("print(1); import 5 as x;", "expected a string, not an integer", "1:18");
    same_failure("let a = #{}; a.b.c", "`()` has no property `c`", "1:18");
    same_failure("const a = 5; fn f() { this = 3; } a.f();", "cannot modify constant ", "1:23");
    same_failure("const a = 5; let f = |n| { a += n; }; f.call(1);", "cannot modify constant a", "1:28");
    same_failure("const a = 5; let f = || { a = 1; }; f.call();", "cannot modify constant a", "1:27");
}

#[test]
fn a_part_of_a_value_without_a_name_that_a_method_is_called_of_is_no_error() {
    let script = r#"fn f() { "ab" } print("ab".len.to_string()); print(f().len.to_string()); print(capture(["echo", "ab"]).len.max(1));"#;
    same_script(script, "2\n2\n2\n");
    // Functions that the VM gives to the walker, too.
    let walked = "fn f() { let a = 1; let a = a; let g = || a; print((\"a\" + \"b\").len.to_string()); print(2.5.floor.max(1.0)); g.call() } f();";
    same_script(walked, "2\n2.0\n");
    Run::new().options(&["-i"]).stdin("print(\"ab\".len.to_string())\n").run().expect(0, "2\n");
}

#[test]
fn the_file_of_an_error_in_a_module_within_a_module_is_the_same() {
    let place = Place::new();
    place.write("m/c.rhai", "// one\n// two\nimport \"d\" as d; fn other() { d::one() }");
    place.write("m/d.rhai", "fn thrower() { throw \"oh\" }\nfn two() { one() }\nfn one() { run([\"false\"]); }");
    for (call, lines) in [
        ("c::d::thrower()", "error: oh\n --> m/d.rhai:1:16\n"),
        ("c::d::two()", "--> m/d.rhai:3:12\n"),
        ("c::d::two()", "   in `one`, called from m/d.rhai:2:12\n   in `two`, called from main.rhai:1:"),
        ("c::other()", "   in `one`, called from m/c.rhai:3:34\n   in `other`, called from main.rhai:1:"),
        ("atexit(|| c::d::thrower())", "error: oh\n --> m/d.rhai:1:16\n"),
    ] {
        place.write("main.rhai", format!("import \"m/c\" as c; {call};"));
        for engine in ["vm", "ast"] {
            let run = Run::new().options(&["--engine", engine]).arg("main.rhai").cwd(place.path()).run();
            run.expect(1, "").expect_error(lines);
        }
    }
}

#[test]
fn of_what_is_caught_the_column_may_differ() {
    let place = Place::new();
    place.write("script.rhai", "let a = [1]; try { a[0] /= 0; } catch (e) { print(e.position); }");
    let column = |engine: &str| {
        let options = ["--engine", engine];
        Run::new().options(&options).arg("script.rhai").cwd(place.path()).run().out()
    };
    assert_eq!([column("vm"), column("ast")], ["21\n", "25\n"]);
}

#[test]
fn a_variable_may_hold_the_name_of_one_that_is_asked_for() {
    let script = "let n = \"n\"; print(is_def_var(n)); fn f(m) { is_def_var(m) } print(f(\"m\")); print(f(\"x\"));";
    for engine in ["vm", "ast"] {
        Run::new().options(&["--engine", engine, "-e", script]).run().expect(0, "true\ntrue\nfalse\n");
    }
}

#[test]
fn which_argument_is_in_use_may_differ() {
    let place = Place::new();
    place.write("script.rhai", "let a = [1]; try { a.map(|n| n).filter(|n| n == a); } catch (e) { print(e.message); }");
    let said = |engine: &str| {
        let options = ["--engine", engine];
        Run::new().options(&options).arg("script.rhai").cwd(place.path()).run().out()
    };
    let of = |number: usize| format!("data race detected on argument #{number} of function 'filter'\n");
    assert_eq!([said("vm"), said("ast")], [of(1), of(2)]);
    // Nor has it a place everywhere.
    place.write("script.rhai", "let m = #{}; m.f = || m.len(); m.f.call();");
    for (engine, has_place) in [("vm", true), ("ast", false)] {
        let output = Run::new().options(&["--engine", engine]).arg("script.rhai").cwd(place.path()).run();
        output.expect_code(1).expect_error("a variable is in use by the call that is running");
        assert_eq!(output.err().contains(" --> "), has_place, "{output}");
    }
}

#[test]
fn only_the_vm_says_where_an_exported_closure_is_called() {
    let place = Place::new();
    place.write("m.rhai", "let kept = |x| x.bad; export kept as KEPT;");
    place.write("script.rhai", "import \"m\" as m;\nm::KEPT.call(3);");
    let run = |engine: &str| Run::new().options(&["--engine", engine]).arg("script.rhai").cwd(place.path()).run();
    run("vm").expect_code(1).expect_error("   in a closure, called from script.rhai:2:9\n");
    run("ast").expect_code(1).expect_error("   in a closure\n");
    place.write("script.rhai", "import \"m\" as m;\ntry { m::KEPT.call(3); } catch (e) { print(e?.line); }");
    run("vm").expect(0, "2\n");
    run("ast").expect(0, "\n");
}

#[test]
fn what_is_read_of_a_part_of_a_string_leaves_it_as_it_is() {
    same_script("let s = \"abc\"; s[1..=1].len(); (s[2..1])[0..1]; print(s);", "abc\n");
    same_script("fn f(s) { print(s[2..1].len()); s } print(f(\"abc\"));", "0\nabc\n");
    same_script(
        "let m = #{s: [\"abc\"]}; print(m.s[0][1..=1].len()); m.s[0][2..1][0..1]; print(m);",
        "0\n#{\"s\": [\"abc\"]}\n",
    );
    same_script("let f = |s| { `${s[2..1].len()}`; s }; print(f.call(\"abc\"));", "abc\n");
}

/// Prints `ac` on the VM, and `abc` where it is walked: a part that a variable names is put back by the VM where it was only read.
const TELLS_ENGINE: &str = "let s = \"abc\"; let part = 1..=1; s[part].len(); print(s);";

#[test]
fn only_the_vm_puts_back_a_part_that_was_read() {
    code(TELLS_ENGINE).options(&["--engine", "vm"]).run().expect(0, "ac\n");
    code(TELLS_ENGINE).options(&["--engine", "ast"]).run().expect(0, "abc\n");
}

#[test]
fn the_walker_takes_a_text_with_more_literals_than_the_vm_compiles_quickly() {
    let told = |begin: String| code(&(begin + TELLS_ENGINE)).options(&["--engine", "vm"]).run().out();
    let list = |count: usize| format!("let list = [{}];", "5,".repeat(count));
    // A key counts as three.
    let map =
        |count: usize| format!("let map = #{{{}}};", (0..count).map(|n| format!("k{n}: (),")).collect::<String>());
    assert_eq!([list(4900), list(5000), map(1600), map(1700)].map(told), ["ac\n", "abc\n", "ac\n", "abc\n"]);
}

/// The pages of `docs` and the README.
fn pages() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("docs")).expect("it is a directory").flatten();
    let names = entries.map(|entry| format!("docs/{}", entry.file_name().to_string_lossy()));
    names.filter(|name| name.ends_with(".md")).chain(["README.md".to_string()]).collect()
}

#[test]
fn both_do_the_same_with_the_examples_of_the_pages() {
    let mut count = 0;
    for block in pages().iter().flat_map(|page| blocks(page)).filter(|block| block.language == "rhai") {
        let [vm, ast] = ["vm", "ast"].map(|engine| {
            let place = Place::new();
            place.write("script.rhai", &block.text);
            let run = Run::new().options(&["--quiet", "--engine", engine]).arg("script.rhai").cwd(place.path());
            without_times(&shown(&run.run()))
        });
        assert!(vm == ast, "{}\n--- on the VM\n{vm}\n--- walked\n{ast}\n---", block.place);
        count += 1;
    }
    assert!(count > 80, "{count}");
}

#[test]
fn both_do_the_same_with_the_scripts() {
    let mut count = 0;
    for directory in ["scripts", "tests/scripts"] {
        for entry in std::fs::read_dir(root().join(directory)).into_iter().flatten().flatten() {
            // What these print has no order: processes that run at once do.
            let is_racing = ["builds.rhai", "server.rhai"].iter().any(|name| entry.file_name() == **name);
            if is_racing || entry.path().extension().is_none_or(|extension| extension != "rhai") {
                continue;
            }
            // As far as a script comes without arguments.
            let [vm, ast] = ["vm", "ast"].map(|engine| {
                let place = Place::new();
                let run = Run::new().options(&["--quiet", "--engine", engine]).arg(entry.path()).cwd(place.path());
                without_times(&shown(&run.run()))
            });
            assert!(vm == ast, "{}\n--- on the VM\n{vm}\n--- walked\n{ast}\n---", entry.path().display());
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn both_call_as_deep_where_a_receiver_is_looked_at() {
    let alone = "fn down(n) { if len(this) == n { return n; } this.down(n + 1) } let list = []; list.pad(900, 1); print(list.down(0));";
    let in_turn = "fn down(n) { if n == 0 { return len(this); } this.other(n - 1) }
        fn other(n) { if n == 0 { return 0; } this.down(n - 1) }
        let list = []; list.pad(900, 1); print(list.down(900));";
    for script in [alone, in_turn] {
        for engine in ["vm", "ast"] {
            code(script).options(&["--engine", engine]).run().expect(0, "900\n");
        }
    }
}

fn compare(choices: &[u8], place: &Place) -> Result<(), TestCaseError> {
    let texts = programs::program(choices);
    place.write("script.rhai", &texts.script);
    place.write("m.rhai", &texts.module);
    let (mut vm, mut ast) = both(place, Path::new("script.rhai"));
    // `docs/pitfalls.md`: where a closure of a module was called is told by the VM alone.
    if !texts.module.is_empty() {
        [vm, ast] = [vm, ast].map(|text| {
            let text = without(&text, "in a closure", |c| c != '\n').replace(", \"position\": ", "");
            without(&text, ", \"line\": ", |c| c.is_ascii_digit()).replace(", \"line\": ", "")
        });
    }
    if vm == ast {
        return Ok(());
    }
    Err(TestCaseError::fail(format!(
        "--- script.rhai\n{}--- m.rhai\n{}--- on the VM\n{vm}\n--- walked\n{ast}\n---",
        texts.script, texts.module
    )))
}

fn campaign(cases: u32, seed: RngSeed) {
    let config =
        Config { cases, rng_seed: seed, failure_persistence: None, max_shrink_iters: 1000, ..Config::default() };
    let place = Place::new();
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 0..600), |choices| compare(&choices, &place));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn both_do_the_same_with_two_hundred_programs() {
    campaign(200, RngSeed::Fixed(1));
}

#[test]
#[ignore = "takes minutes; STAGESH_TEST_PROGRAMS says how many programs"]
fn both_do_the_same_with_many_programs() {
    let cases = std::env::var("STAGESH_TEST_PROGRAMS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    campaign(cases, RngSeed::Random);
}
