//! The lines of an interactive session, given on a standard input that is no terminal: what lasts from one to the next.

use crate::harness::{Output, Place, Run};

/// A session of these lines, after nothing.
pub(crate) fn session(lines: &[&str]) -> Run {
    Run::new().arg("-i").stdin(lines.join("\n") + "\n")
}

/// A session of these lines that ends with 0, prints just that, and says nothing on standard error.
#[track_caller]
pub(crate) fn prints(lines: &[&str], stdout: &str) {
    session(lines).run().expect(0, stdout).expect_no_error();
}

/// A session of these lines after a script, with its modules beside it.
pub(crate) fn after(script: &str, modules: &[(&str, &str)], lines: &[&str]) -> Output {
    let place = Place::new();
    place.write("main.rhai", script);
    for (name, text) in modules {
        place.write(name, text);
    }
    Run::new().arg("-i").arg("main.rhai").cwd(place.path()).stdin(lines.join("\n") + "\n").run()
}

/// The lines in a directory with modules.
fn with_modules(modules: &[(&str, &str)], lines: &[&str]) -> Output {
    let place = Place::new();
    for (name, text) in modules {
        place.write(name, text);
    }
    session(lines).cwd(place.path()).run()
}

pub(crate) const LIBRARY: (&str, &str) = (
    "library.rhai",
    "const K = \"library\";\n\
     private fn clean(n) { print(`library ${n}`) }\n\
     fn stop(n) { clean(n) }\n\
     fn each(f) { f.call(3); [4].for_each(|| f.call(this)); }\n\
     fn keep(f) { atexit(f, 5); () }\n\
     fn within(f) { scope(f); }\n\
     fn guard() { || clean(6) }\n\
     fn adder() { |x| x + global::K }\n\
     fn say() { print(\"said\") }\n",
);

#[test]
fn variables_and_functions_last() {
    prints(&["let x = 1;", "x += 41;", "fn double(n) { n * 2 }", "double(x)", "let y = x + 1; y"], "84\n43\n");
}

#[test]
fn a_variable_can_be_declared_again_and_a_closure_keeps_the_one_that_it_captured() {
    prints(
        &["let x = 1;", "let show = || x;", "x = 2;", "show.call()", "let x = \"new\";", "show.call()", "x"],
        "2\n2\n\"new\"\n",
    );
}

#[test]
fn constants_are_global_in_functions_and_handlers_whichever_line_has_them() {
    prints(
        &["const K = 5;", "fn early() { global::K }", "early()", "fn late() { global::L }", "const L = 7;", "late()"],
        "5\n7\n",
    );
    prints(
        &["let h = atexit(|| print(global::L + global::M));", "const L = 7;", "fn f() { 1 }", "const M = 1;"],
        "8\n",
    );
    prints(&["const K = 5;", "fn f() { global::K }", "const K = 6;", "f()"], "6\n");
    session(&["const K = 5;", "K = 6;", "K"]).run().expect(0, "5\n").expect_error("error: ");
    // Also those of a script that has no function.
    after("const K = 5; atexit(print, \"cleaned\");", &[], &["fn f() { global::K }", "f()"])
        .expect(0, "5\ncleaned\n")
        .expect_no_error();
}

#[test]
fn imports_last_and_are_seen_in_closures_and_handlers() {
    with_modules(
        &[LIBRARY],
        &[
            "import \"library\" as library;",
            "library::say();",
            "let f = || library::say();",
            "f.call();",
            "let h = atexit(|| library::stop(1));",
        ],
    )
    .expect(0, "said\nsaid\nlibrary 1\n")
    .expect_no_error();
}

#[test]
fn closures_last_with_what_they_captured() {
    prints(
        &[
            "let n = 0;",
            "let count = || { n += 1; n };",
            "count.call()",
            "count.call()",
            "n",
            "let fs = []; for i in [1, 2] { fs.push(|| i); }",
            "fs.map(|f| f.call())",
        ],
        "1\n2\n2\n[1, 2]\n",
    );
}

#[test]
fn handlers_last_and_run_once_newest_first_at_the_end_of_the_input() {
    prints(
        &[
            "let h = atexit(print, \"first\");",
            "let x = 1;",
            "let h = atexit(|| print(`second ${x}`));",
            "x = 2;",
            "h.pending",
        ],
        "true\nsecond 2\nfirst\n",
    );
    prints(
        &[
            "let h = atexit(|| print(\"ran\"));",
            "h.run();",
            "h.pending",
            "let g = atexit(print, \"no\");",
            "g.cancel()",
        ],
        "ran\nfalse\ntrue\n",
    );
}

#[test]
fn the_working_directory_and_the_environment_last() {
    let place = Place::new();
    place.write("inner/file", "");
    session(&[
        "cd(\"inner\");",
        "fs::exists(\"file\")",
        "env::set(\"NAME\", \"value\");",
        "capture([\"sh\", \"-c\", \"echo $NAME\"])",
    ])
    .cwd(place.path())
    .run()
    .expect(0, "true\n\"value\"\n")
    .expect_no_error();
}

#[test]
fn everything_lasts_after_errors() {
    let lines = [
        "let x = 1; fn f() { 2 } const C = 3; import \"library\" as library; let c = || x + 4; let h = atexit(print, \"cleaned\");",
        "1 / 0",
        "nowhere",
        "let = ;",
        "f(1, 2)",
        "throw \"mine\"",
        "run([\"false\"]);",
        "import \"missing\" as missing;",
        "x",
        "f()",
        "fn constant() { global::C }",
        "constant()",
        "c.call()",
        "library::say();",
    ];
    let output = with_modules(&[LIBRARY], &lines);
    output.expect(0, "1\n2\n3\n5\nsaid\ncleaned\n");
    assert_eq!(output.err().matches("error: ").count(), 7, "{output}");
}

#[test]
fn a_function_that_is_defined_again_is_called_by_those_of_earlier_lines() {
    prints(
        &[
            "fn f() { 1 }",
            "fn g() { f() }",
            "let by_name = f; let computed = Fn(\"f\"); let closure = || f();",
            "g()",
            "fn f() { 2 }",
            "[f(), g(), by_name.call(), computed.call(), closure.call()]",
            "fn f() { 3 }",
            "[f(), g(), by_name.call(), computed.call(), closure.call(), [0].map(|_x| f())[0]]",
        ],
        "1\n[2, 2, 2, 2, 2]\n[3, 3, 3, 3, 3, 3]\n",
    );
}

#[test]
fn a_function_of_another_number_of_arguments_is_another_function() {
    prints(
        &["fn f(x) { `one ${x}` }", "fn f() { \"none\" }", "[f(1), f()]", "fn f(x) { `new ${x}` }", "[f(1), f()]"],
        "[\"one 1\", \"none\"]\n[\"new 1\", \"none\"]\n",
    );
}

#[test]
fn a_method_can_be_defined_again() {
    prints(
        &["fn string.shout() { this + \"!\" }", "\"a\".shout()", "fn string.shout() { this + \"?\" }", "\"a\".shout()"],
        "\"a!\"\n\"a?\"\n",
    );
}

#[test]
fn a_function_can_be_recursive_and_call_one_that_comes_later() {
    prints(
        &[
            "fn factorial(n) { if n < 2 { 1 } else { n * factorial(n - 1) } }",
            "factorial(5)",
            "fn even(n) { n == 0 || odd(n - 1) }",
            "fn odd(n) { n != 0 && even(n - 1) }",
            "even(10)",
        ],
        "120\ntrue\n",
    );
}

#[test]
fn a_handler_keeps_the_functions_that_it_was_registered_with() {
    let registrations = [
        // By name, and through functions that it calls.
        "atexit(f)",
        "atexit(g)",
        "atexit(Fn(\"f\"))",
        "atexit(|| f())",
        "atexit(|| g())",
        // Called back by the engine.
        "atexit(|| [1].for_each(|| f()))",
        "atexit(|| [1].for_each(f))",
        // By the host.
        "atexit(|| scope(f))",
        "atexit(|| scope(|| g()))",
        "atexit(|| retry(1, f))",
        "atexit(|| { atexit(f); })",
        "scope(|| { atexit(f); })",
        "atexit(|| f.call())",
        "atexit(|| Fn(\"f\").call())",
    ];
    for registration in registrations {
        let expected = "old\n";
        session(&[
            "fn f() { print(\"old\") }",
            "fn g() { f() }",
            &format!("let h = {registration};"),
            "fn f() { print(\"new\") }",
        ])
        .run()
        .expect(0, expected)
        .expect_no_error();
    }
    // So does one that a function registers: it keeps what is there when that is called.
    prints(
        &[
            "fn f() { print(\"old\") }",
            "fn set() { atexit(f); () }",
            "set();",
            "fn f() { print(\"new\") }",
            "set();",
            "fn f() { print(\"never\") }",
        ],
        "new\nold\n",
    );
}

#[test]
fn a_handler_keeps_the_functions_that_a_module_calls_back() {
    let output = with_modules(
        &[LIBRARY],
        &[
            "import \"library\" as library;",
            "fn clean(n) { print(`old ${n}`) }",
            "let h = atexit(|| library::each(clean));",
            "let h = atexit(|| library::each(|n| clean(n)));",
            "fn through() { library::each(clean) }",
            "let h = atexit(through);",
            "library::keep(clean);",
            "library::keep(|n| clean(n));",
            "let h = atexit(|| library::within(|| clean(7)));",
            "fn clean(n) { print(`new ${n}`) }",
            "library::each(clean);",
            "library::each(|n| clean(n));",
            "through();",
        ],
    );
    let new = "new 3\nnew 4\n".repeat(3);
    output.expect(0, &format!("{new}old 7\nold 5\nold 5\n{}", "old 3\nold 4\n".repeat(3))).expect_no_error();
}

#[test]
fn what_is_unregistered_is_the_function_whatever_it_is_called_and_on_any_line() {
    prints(&["fn f() { print(\"never\") }", "let h = atexit(f);", "unregister(f)", "unregister(f)"], "1\n0\n");
    prints(
        &[
            "fn f() { print(\"never\") }",
            "let s = \"f\";",
            "let h = atexit(Fn(s));",
            "unregister(f)",
            "let h = atexit(f);",
            "unregister(Fn(s))",
        ],
        "1\n1\n",
    );
}

#[test]
fn a_handler_sees_what_is_imported_on_a_later_line() {
    for registration in
        ["atexit(|| library::say())", "atexit(say)", "scope(|| { atexit(|| 1); }); let h = atexit(|| library::say())"]
    {
        // Whatever comes in between.
        for between in
            ["let x = 1;", "fn other() { 2 }", "import \"other\" as other;", "const C = 1;", "let c = || 3;", "1 / 0"]
        {
            with_modules(
                &[LIBRARY, ("other.rhai", "")],
                &[
                    "fn say() { library::say() }",
                    &format!("let h = {registration};"),
                    between,
                    "import \"library\" as library;",
                ],
            )
            .expect(0, "said\n");
        }
    }
    // Functions stay as they were.
    with_modules(
        &[LIBRARY],
        &[
            "fn f() { print(\"old\"); library::say() }",
            "let h = atexit(f);",
            "fn f() { print(\"new\") }",
            "import \"library\" as library;",
        ],
    )
    .expect(0, "old\nsaid\n")
    .expect_no_error();
}

#[test]
fn a_line_goes_on_while_a_bracket_a_string_or_a_comment_is_open() {
    prints(
        &[
            "let a = [1,",
            "  2,",
            "",
            "  3];",
            "a",
            "fn f(x) {",
            "    if x {",
            "        \"yes\" // }",
            "    }",
            "}",
            "f(true)",
            "`two",
            "lines`",
            "`${",
            "1 + 1",
            "}`",
            "/* a (",
            "comment */ 5",
            "\"a bracket in a text: {\"",
            "6 // and one in a comment: (",
            "#{a: 1,",
            "b: 2}.b",
        ],
        "[1, 2, 3]\n\"yes\"\n\"two\\nlines\"\n\"2\"\n5\n\"a bracket in a text: {\"\n6\n2\n",
    );
}

#[test]
fn what_the_end_of_the_input_leaves_open_is_an_error_of_that_line() {
    for open in ["f(1,", "fn f() {", "let a = [1", "`text", "/* comment", "1 +"] {
        let output = session(&["let h = atexit(print, \"cleaned\");", open]).run();
        output.expect(0, "cleaned\n").expect_error("error: ");
    }
    // A line need not have an end.
    Run::new().arg("-i").stdin("1 + 1").run().expect(0, "2\n").expect_no_error();
}

#[test]
fn lines_that_say_nothing_give_nothing() {
    prints(
        &["", "  ", "// a comment", "/* another */", "()", "let x = 1;", "print(\"printed\")", "\t1\r"],
        "printed\n1\n",
    );
}

#[test]
fn the_underscore_is_the_last_result() {
    prints(
        &["20 + 1", "_ * 2", "let x = _;", "x", "[ _ , _ ]", "fs::exists(\"/\") && _ == [42, 42]"],
        "21\n42\n42\n[42, 42]\ntrue\n",
    );
    // Where it stands, and what is around it.
    prints(
        &[
            "3",
            "print( _ )",
            "`${ _ }`",
            "3",
            "if  _ == 3 { _ + 1 } else { 0 }",
            "/* _ */ _",
            "[1].map(|x| x +\t_)",
            "_[0]",
            "\n  _",
            "let f = || _; f.call()",
        ],
        "3\n3\n\"3\"\n3\n4\n4\n[5]\n5\n5\n5\n",
    );
}

#[test]
fn the_last_result_is_that_of_the_last_line_that_had_one() {
    let output = session(&["1", "()", "let x = 5;", "1 / 0", "print(2)", "_", "[7]", "_.push(8);", "_"]).run();
    output.expect(0, "1\n2\n1\n[7]\n[7, 8]\n");
    session(&["_"]).run().expect(0, "").expect_error("error: ");
}

#[test]
fn the_underscore_of_a_switch_and_a_name_that_begins_with_one_are_what_they_were() {
    prints(
        &[
            "switch 3 { 1 => \"one\", _ => \"other\" }",
            "switch 3 { 1 => 0, 3 if false => 0, _ => \"last\" }",
            "switch _ { \"last\" => _ , _ => \"other\" }",
            "let _x = 4; _x",
            "[1, 2].map(|_y| 0)",
            "switch 1 {\n 2 => 0, // _\n _\n /* _ */ => _ }",
        ],
        "\"other\"\n\"last\"\n\"last\"\n4\n[0, 0]\n[0, 0]\n",
    );
}

#[test]
fn an_error_leaves_what_the_line_had_defined_before_it_and_the_status_is_0() {
    let output = with_modules(
        &[LIBRARY],
        &[
            "let before = 1; const C = 2; import \"library\" as library; let h = atexit(print, \"cleaned\"); before += 1; 1 / 0; let behind = 3;",
            "before",
            "fn c() { global::C }",
            "c()",
            "library::say();",
            "behind",
            "before = 5; fn also() { before() } throw 1",
            "before",
        ],
    );
    output.expect(0, "2\n2\nsaid\n5\ncleaned\n").expect_error("there is no variable `behind`");
    assert_eq!(output.err().matches("error: ").count(), 3, "{output}");
    // A line that cannot be parsed does nothing.
    session(&["let x = 1; fn f() { 1 } )", "x", "f()"]).run().expect(0, "").expect_error("there is no variable `x`");
}

#[test]
fn an_error_says_in_which_line_it_is_and_shows_it() {
    session(&["fn f(x) {", "    1 / x", "}", "1", "f(0)"]).run().expect(0, "1\n").expect_error(
        "error: division by zero: 1 / 0\n --> input 1:2:7\n  |\n2 |     1 / x\n  |       ^\n   in `f`, called from input 3:1:1\n",
    );
}

#[test]
fn what_a_line_prints_comes_before_its_result_and_what_is_said_on_standard_error_in_between() {
    let output = Run::new()
        .arg("-i")
        .under(&["sh", "-c", "exec \"$@\" 2>&1", "sh"])
        .stdin("print(\"a\"); eprint(\"b\"); run([\"echo\", \"c\"]); 1\n1 / 0\nprint(\"d\"); 2\n")
        .run();
    output.expect_code(0);
    let shown = output.out();
    let order: Vec<_> = shown.lines().filter(|line| line.len() == 1 || line.starts_with("error")).collect();
    assert_eq!(order, ["a", "b", "c", "1", "error: division by zero: 1 / 0", "d", "2"], "{output}");
}

#[test]
fn a_line_can_read_what_follows_it() {
    prints(
        &["let name = read_line();", "a name", "name", "let rest = read_all(); rest", "to the", "end"],
        "\"a name\"\n\"to the\\nend\\n\"\n",
    );
}

#[test]
fn a_command_of_a_line_can_read_what_follows_it() {
    prints(&["run([\"head\", \"-c2\"]);", "a", "2"], "a\n2\n");
}

#[test]
fn imports_of_lines_are_relative_to_where_the_session_began() {
    let place = Place::new();
    place.write("library.rhai", LIBRARY.1);
    place.write("inner/library.rhai", "fn say() { print(\"inner\") }");
    place.write("inner/main.rhai", "import \"library\" as own; own::say();");
    Run::new()
        .arg("-i")
        .arg("inner/main.rhai")
        .cwd(place.path())
        .stdin("cd(\"/\");\nimport \"library\" as l;\nl::say();\nown::say();\n")
        .run()
        .expect(0, "inner\nsaid\ninner\n")
        .expect_no_error();
}

#[test]
fn closures_that_are_spelt_alike_in_lines_and_modules_are_two() {
    let stage =
        |name: &str| format!("private fn destroy() {{ print(\"destroy {name}\") }}\nfn guard() {{ || destroy() }}\n");
    let (web, db, main) = (stage("web"), stage("db"), stage("lines"));
    let mut lines = vec!["import \"web\" as web;", "import \"db\" as db;"];
    lines.extend(main.lines());
    lines.extend([
        "let h = atexit(web::guard());",
        "let h = atexit(db::guard());",
        "let h = atexit(guard());",
        "scope(db::guard());",
        "web::guard().call();",
    ]);
    let modules = [("web.rhai", web.as_str()), ("db.rhai", db.as_str())];
    with_modules(&modules, &lines)
        .expect(0, "destroy db\ndestroy web\ndestroy lines\ndestroy db\ndestroy web\n")
        .expect_no_error();
    // Two lines may be spelt alike, too.
    prints(
        &[
            "let a = 1; let f = || a; f.call()",
            "let a = 2; let f = || a; f.call()",
            "let fs = [f]; let a = 3; let f = || a; fs.push(f);",
            "fs.map(|f| f.call())",
        ],
        "1\n2\n[2, 3]\n",
    );
}

#[test]
fn what_a_module_calls_back_means_the_functions_of_the_lines() {
    let output = with_modules(
        &[LIBRARY],
        &[
            "import \"library\" as library;",
            "fn clean(n) { print(`line ${n}`) }",
            "library::each(|n| clean(n));",
            "library::each(clean);",
            "library::each(Fn(\"clean\"));",
            "const K = \"line\";",
            "library::within(|| print(global::K));",
            "let add = library::adder();",
            "add.call(\"of \")",
            "[\"to \"].map(library::adder())",
        ],
    );
    output
        .expect(0, &format!("{}line\n\"of library\"\n[\"to library\"]\n", "line 3\nline 4\n".repeat(3)))
        .expect_no_error();
}

#[test]
fn scope_and_stage_are_in_a_line_what_they_are_in_a_script() {
    prints(
        &["scope(|| { atexit(print, \"inner\"); print(\"body\"); 5 })", "print(\"next\");"],
        "body\ninner\n5\nnext\n",
    );
    let run = session(&[
        "let r = stage(\"build\", || { atexit(print, \"cleaned\"); 5 });",
        "r",
        "stage(#{name: \"late\", timeout: 0.05}, || sleep(600));",
        "handlers().len",
    ]);
    run.options(&["-q"]).run().expect(0, "5\n1\ncleaned\n").expect_error("`late`");
}
