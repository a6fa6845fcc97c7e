//! How a run begins and ends: what starts, what does not, and with which status.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::harness::{Place, Run, code, file, root, stagesh};

#[test]
fn a_script_that_runs_to_its_end_is_0_whatever_its_value() {
    for script in
        ["", "42", "\"text\"", "false", "()", "return;", "return 5;", "return false;", "return \"x\"", "#{a: 1}"]
    {
        code(&format!("atexit(print, \"cleaned\"); {script}")).run().expect(0, "cleaned\n").expect_no_error();
    }
}

#[test]
fn exit_ends_the_script_wherever_it_is_called() {
    let place = Place::new();
    place.write("m.rhai", "fn leave() { exit(7) } ");
    place.write("top.rhai", "exit(7);");
    for script in [
        "exit(7);",
        "fn f() { exit(7) } f();",
        "fn f(n) { if n == 0 { exit(7) } f(n - 1) } f(500);",
        "[1].map(|x| exit(7));",
        "[2, 1].sort(|a, b| { exit(7); 0 });",
        "eval(\"exit(7)\");",
        "let f = || exit(7); f.call();",
        "exit.call(7);",
        "Fn(\"exit\").call(7);",
        "try { exit(7); } catch { print(\"swallowed\"); }",
        "try { try { exit(7); } catch (e) { throw e; } } catch { }",
        "try { [1].for_each(|x| exit(7)); } catch { print(\"swallowed\"); }",
        "while true { try { exit(7); } catch { } }",
        "import \"m\" as m; m::leave();",
        "import \"m\" as m; try { m::leave(); } catch { print(\"swallowed\"); }",
        "try { import \"top\" as m; } catch { print(\"swallowed\"); }",
        "`${exit(7)}`;",
        "let x = #{a: exit(7)};",
        "switch exit(7) { _ => 1 }",
    ] {
        let script = place.write("x.rhai", format!("atexit(print, \"cleaned\");\n{script}\nprint(\"never\");"));
        file(script).run().expect(7, "cleaned\n").expect_no_error();
    }
}

#[test]
fn the_code_of_exit_is_an_integer_a_bool_or_a_message() {
    for (argument, status) in [("", 0), ("0", 0), ("255", 255), ("true", 0), ("false", 1)] {
        code(&format!("exit({argument});")).run().expect(status, "").expect_no_error();
    }
    code("exit(\"it failed\");").run().expect(1, "").expect_errors("it failed\n");
    code("exit(\"\");").run().expect_code(1);
}

#[test]
fn another_code_is_a_script_error_and_never_wraps() {
    for verb in ["exit", "exit_now"] {
        for code_ in ["256", "-1", "257", "1000000", "-256"] {
            let output = code(&format!("atexit(print, \"cleaned\"); {verb}({code_});")).run();
            output
                .expect(1, "cleaned\n")
                .expect_error(&format!("error: {verb}: code {code_} is out of range (0 to 255)\n"));
        }
        for value in ["1.0", "()", "[]", "#{}", "'c'", "|| 1"] {
            let output = code(&format!("atexit(print, \"cleaned\"); {verb}({value});")).run();
            output.expect(1, "cleaned\n").expect_error(&format!("error: {verb}: expected "));
        }
    }
    code("try { exit(256); } catch (e) { print(e.kind); } exit(3);").run().expect(3, "argument\n");
}

#[test]
fn an_uncaught_error_is_1() {
    for script in [
        "throw 1;",
        "1 / 0",
        "nothing",
        "nothing()",
        "run([\"false\"]);",
        "import \"nowhere\" as n;",
        "let a = []; a[1];",
    ] {
        code(&format!("atexit(print, \"cleaned\"); {script}")).run().expect(1, "cleaned\n").expect_error("error: ");
    }
}

#[test]
fn the_first_status_that_is_not_0_wins() {
    for (script, status) in [
        ("atexit(|| throw 1);", 1),
        ("atexit(|| exit(5));", 5),
        ("atexit(|| exit(6)); atexit(|| exit(5));", 5),
        ("atexit(|| exit(6)); atexit(|| throw 1);", 1),
        ("atexit(|| throw 1); atexit(|| exit(6));", 6),
        ("atexit(|| exit(0)); atexit(|| exit(6));", 6),
        ("atexit(|| exit(6)); exit(4);", 4),
        ("atexit(|| exit(0)); exit(4);", 4),
        ("atexit(|| throw 1); exit(4);", 4),
        ("atexit(|| exit(6)); throw 1;", 1),
        ("atexit([\"false\"]);", 1),
    ] {
        code(script).run().expect_code(status);
    }
}

#[test]
fn what_never_starts_is_2_with_one_line_that_says_why() {
    let place = Place::new();
    let latin = place.write("latin.rhai", b"print(1);\n// caf\xe9\n");
    let missing = place.path().join("missing.rhai");
    let one_line = |output: &crate::harness::Output| assert_eq!(output.err().lines().count(), 1, "{output}");
    for (path, why) in [(missing, "no such file"), (place.path(), "it is a directory"), (latin, "line 2 is not UTF-8")]
    {
        let output = file(&path).run();
        output.expect(2, "").expect_errors(&format!("stagesh: cannot read `{}`: {why}\n", path.display()));
        one_line(&output);
    }
    let output = file("/proc/self/mem").run();
    output.expect(2, "").expect_error("stagesh: cannot read `/proc/self/mem`: ");
    Run::new().arg("--frob").arg("x").run().expect(2, "").expect_error("--frob");
    Run::new().options(&["--grace", "-1"]).arg("x").run().expect(2, "").expect_error("-1");
    Run::new().arg("-e").run().expect(2, "");
    code("let = 3;").run().expect(2, "").expect_error("error: ").expect_error("--> -e:1:5");
}

#[test]
fn a_script_with_a_syntax_error_does_nothing() {
    code("print(1); let = 3;").run().expect(2, "").expect_error("error: ");
}

#[test]
fn help_and_version_are_0_and_go_to_stdout() {
    let output = Run::new().arg("--help").run();
    output.expect_code(0).expect_no_error();
    for option in ["--check", "--trace", "--quiet", "--color", "--grace", "--handler-timeout", "--reraise", "-e", "-V"]
    {
        assert!(output.out().contains(option), "{option}: {output}");
    }
    Run::new().arg("-V").run().expect(0, &format!("stagesh {}\n", env!("CARGO_PKG_VERSION")));
    for option in ["-h", "-V"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = Run::new().arg(option).start_with(full, Stdio::piped()).finish();
        output.expect_code(1).expect_errors("stagesh: cannot write to standard output: no space left on device\n");
    }
}

#[test]
fn code_comes_from_an_argument_a_file_or_stdin() {
    let place = Place::new();
    let script = place.write("x", "print(args());");
    file(&script).arg("a").arg("b c").run().expect(0, "[\"a\", \"b c\"]\n");
    code("print(args());").arg("a").arg("-q").run().expect(0, "[\"a\", \"-q\"]\n");
    Run::new().stdin("print(args());").run().expect(0, "[]\n");
    Run::new().arg("-").arg("a").arg("--help").stdin("print(args());").run().expect(0, "[\"a\", \"--help\"]\n");
    file(&script).arg("-e").arg("--").arg("-x").run().expect(0, "[\"-e\", \"--\", \"-x\"]\n");
}

#[test]
fn when_the_script_comes_from_stdin_nothing_is_left_to_read() {
    let script = "print(read_line() == ()); print(read_all() == \"\"); run([\"cat\"]);\n";
    Run::new().arg("-").stdin(script).run().expect(0, "true\ntrue\n");
}

#[test]
fn an_argument_that_is_not_utf_8_is_a_blob() {
    use std::os::unix::ffi::OsStrExt;
    code("print(type_of(args()[0])); print(args()[0].len());")
        .arg(std::ffi::OsStr::from_bytes(b"a\xff"))
        .run()
        .expect(0, "blob\n2\n");
}

#[test]
fn a_script_knows_its_path() {
    let place = Place::new();
    let script = place.write("dir/x.rhai", "print(script_path()); print(script_dir());");
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&script, &link).expect("it is ours");
    let expected = format!("{}\n{}\n", script.display(), place.path().join("dir").display());
    file(&link).run().expect(0, &expected);
    file("dir/x.rhai").cwd(place.path()).run().expect(0, &expected);
    let nothing = "print(script_path() == ()); print(script_dir() == ());";
    code(nothing).run().expect(0, "true\ntrue\n");
    Run::new().stdin(nothing).run().expect(0, "true\ntrue\n");
}

#[test]
fn a_shebang_starts_a_script_with_and_without_an_extension() {
    let place = Place::new();
    for name in ["x.rhai", "x"] {
        let stagesh = stagesh();
        let script = place.write(name, format!("#!{stagesh}\nprint(args());\nprint(nothing);\n"));
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let mut run = Run::new().under(&[script.to_str().expect("it is UTF-8")]);
        run = run.arg("b");
        // The binary of the test comes as the script's first argument.
        let output = run.run();
        output.expect(1, &format!("[\"{stagesh}\", \"b\"]\n")).expect_error(&format!("{}:3:7", script.display()));
    }
}

#[test]
fn a_bom_is_skipped() {
    let place = Place::new();
    file(place.write("x.rhai", "\u{feff}#!/usr/bin/env stagesh\nprint(1);\n")).run().expect(0, "1\n");
}

#[test]
fn an_import_is_relative_to_the_file_that_imports() {
    let place = Place::new();
    place.write("lib/a.rhai", "import \"b\" as b; import \"sub/c\" as c; fn f() { b::f() + c::f() }");
    place.write("lib/b", "fn f() { 1 }");
    place.write("lib/sub/c.rhai", "import \"../d\" as d; fn f() { d::f() }");
    place.write("lib/d.rhai", "fn f() { 2 }");
    let script = place.write("x.rhai", "cd(\"/\"); import \"lib/a\" as a; print(a::f());");
    file(&script).cwd("/usr").run().expect(0, "3\n");
    std::fs::create_dir(place.path().join("links")).expect("it is ours");
    std::os::unix::fs::symlink(&script, place.path().join("links/y")).expect("it is ours");
    file("links/y").cwd(place.path()).run().expect(0, "3\n");
    code("cd(\"/\"); import \"lib/a\" as a; print(a::f());").cwd(place.path()).run().expect(0, "3\n");
    Run::new().stdin("cd(\"/\"); import \"lib/a\" as a; print(a::f());").cwd(place.path()).run().expect(0, "3\n");
}

#[test]
fn a_name_with_the_extension_wins_over_one_without() {
    let place = Place::new();
    place.write("m", "export const X = 1;");
    place.write("m.rhai", "export const X = 2;");
    code("import \"m\" as m; print(m::X);").cwd(place.path()).run().expect(0, "2\n");
}

#[test]
fn a_module_is_evaluated_once() {
    let place = Place::new();
    place.write("m.rhai", "print(\"loaded\"); fn f() { 1 }");
    place.write("n.rhai", "import \"m\" as m; fn g() { m::f() }");
    code("import \"m\" as m; import \"./m\" as o; import \"n\" as n; print(n::g());")
        .cwd(place.path())
        .run()
        .expect(0, "loaded\n1\n");
}

#[test]
fn a_missing_a_faulty_and_a_cyclic_module_are_script_errors() {
    let place = Place::new();
    place.write("faulty.rhai", "let = ;");
    place.write("a.rhai", "import \"b\" as b;");
    place.write("b.rhai", "import \"a\" as a;");
    place.write("own.rhai", "import \"own\" as own;");
    for (name, why) in [
        ("missing", "cannot import `missing`: there is no `missing.rhai` in"),
        ("faulty", "--> faulty.rhai:1:5"),
        ("a", "it imports itself: `a.rhai` → `b.rhai` → `a.rhai`"),
        ("own", "it imports itself: `own.rhai` → `own.rhai`"),
    ] {
        let run = |script: &str| code(script).cwd(place.path()).run();
        run(&format!("atexit(print, \"cleaned\"); import \"{name}\" as m;")).expect(1, "cleaned\n").expect_error(why);
        run(&format!("try {{ import \"{name}\" as m; }} catch {{ print(\"caught\"); }}")).expect(0, "caught\n");
    }
}

/// Scripts that would abort the host if nothing held them.
const ABORTING: [(&str, &str); 13] = [
    // A function of Rhai's that panics: the map holds itself.
    ("let m = #{}; m.f = || m; m.to_json();", "internal error: "),
    ("fn f(n) { f(n + 1) } f(0);", "endless recursion?"),
    ("fn f(n) { [n].map(|x| f(x + 1)) } f(0);", "endless recursion?"),
    ("fn f(n) { eval(\"f(n + 1)\") } f(0);", "endless recursion?"),
    ("fn f(n) { [1, 2].sort(|a, b| { f(n + 1); 0 }) } f(0); throw \"sorted\";", ""),
    ("let f = |g| g.call(g); f.call(f);", "endless recursion?"),
    ("fn f() { scope(f) } f();", "endless recursion?"),
    ("fn f() { scope(|| { atexit(f); }) } f(); throw \"told\";", "endless recursion?"),
    ("fn f() { let h = atexit(f); h.run() } f();", "endless recursion?"),
    ("let s = \"x\"; s.pad(1 << 40, 'y');", "above the limit of 2 GiB"),
    ("blob(1 << 46);", "above the limit of 2 GiB"),
    ("let a = []; a.pad(1 << 40, 0);", "above the limit of 2 GiB"),
    // The memory is asked for, and never touched.
    ("let b = blob(1 << 31); b += blob(8); loop { }", "a value has become longer than the limit of 2 GiB"),
];

#[test]
fn a_script_cannot_abort_the_host() {
    for script in ["let s = \"eval(s)\"; eval(s);", "fn f(s) { eval(s) } f(\"eval(s)\");"] {
        code(&format!("atexit(print, \"cleaned\"); {script}")).run().expect(1, "cleaned\n").expect_error("endless");
    }
    code("atexit(print, \"cleaned\"); atexit(|| { let s = \"eval(s)\"; eval(s); });").run().expect(1, "cleaned\n");
    for (script, why) in ABORTING {
        let output = code(&format!("atexit(print, \"cleaned\"); {script}")).run();
        output.expect(1, "cleaned\n").expect_error("error: ").expect_error(why);
    }
}

#[test]
fn a_value_that_is_too_long_is_an_error_of_whoever_made_it() {
    let long = "let b = blob(1 << 31); b.push(1);";
    let why = "a value has become longer than the limit of 2 GiB";
    let last = format!("atexit(print, \"first\"); atexit(print, \"second\"); {long}");
    code(&last).run().expect(1, "second\nfirst\n").expect_error(why);
    let in_handler = format!("atexit(print, \"first\"); atexit(|| {{ {long} }}); atexit(print, \"third\");");
    code(&in_handler).run().expect(1, "third\nfirst\n").expect_error(why);
}

#[test]
fn a_panic_in_a_handler_is_an_error_of_that_handler() {
    let script =
        "let start = cwd(); fn fall() { let m = #{}; m.f = || m; m.to_json(); } atexit(print, \"last\"); atexit(fall);
        scope(|| { atexit(|| { cd(\"/\"); fall(); }); }); print(cwd() == start);";
    let place = Place::new();
    let output = code(script).cwd(place.path()).run();
    output.expect(1, "true\nlast\n").expect_error("in the exit handler `fall`").expect_not("registry");
    assert_eq!(output.err().matches("error: internal error: ").count(), 2, "{output}");
}

#[test]
fn what_a_comparing_function_raises_is_not_lost() {
    for call in ["[2, 1].sort(|a, b| fail())", "[2, 1].order(|a, b| fail())", "[1, 1].dedup(|a, b| fail())"] {
        let script = format!("fn fail() {{ throw \"boom\" }} atexit(print, \"cleaned\"); {call}; print(\"went on\");");
        code(&script).run().expect(1, "cleaned\n").expect_error("error: boom");
    }
    code("print([3, 1, 2].order(|a, b| a - b)); print([3, 1, 2].order(|a, b| a > b)); let a = [1, 1, 2]; a.dedup(|a, b| a == b); print(a);")
        .run()
        .expect(0, "[1, 2, 3]\n[3, 2, 1]\n[1, 2]\n");
    code("[2, 1].sort(|a, b| \"x\");")
        .run()
        .expect_code(1)
        .expect_error("sort: expected a function that gives an integer");
    code("fn f(x) { [1, 2].sort(|a, b| f(a)) } f(0);").run().expect_code(1).expect_error("endless recursion?");
}

#[test]
fn a_comment_that_is_not_closed_does_not_drop_the_rest_of_the_script() {
    let output = code("print(1); /* never closed\nprint(2);").run();
    output.expect(2, "").expect_error("error: the comment that begins here is not closed\n --> -e:1:11\n");
    let place = Place::new();
    place.write("m.rhai", "fn f() { }\n/* open");
    let script = "atexit(print, \"cleaned\"); import \"m\" as m;";
    code(script).cwd(place.path()).run().expect(1, "cleaned\n").expect_error("--> m.rhai:2:1\n");
}

#[test]
fn json_that_is_parsed_is_not_evaluated() {
    let shows = "print(parse_json(`{\"a\": [1, 2.5, null, true, \"x\"], \"b\": {}}`));";
    code(shows).run().expect(0, "#{\"a\": [1, 2.5, (), true, \"x\"], \"b\": #{}}\n");
    code("try { parse_json(`{\"a\": exit(3)}`) } catch (e) { print(e.kind); print(e.message) }")
        .run()
        .expect(0, "json\nparse_json: the text is no JSON: expected value at line 1 column 7\n");
}

#[test]
fn the_worst_recursion_that_the_limits_allow_ends_as_an_error() {
    // Every level goes through as deep an expression of one kind as the parser takes, the last of them through
    // native functions and closures.
    for (open, close) in [
        ("[", "]"),
        ("#{a: ", "}"),
        ("print(", ")"),
        ("`${", "}`"),
        ("true && (", ")"),
        ("if true { ", " }"),
        ("loop { break ", " }"),
        ("{ try { ", " } catch { } }"),
        ("[1].map(|x| ", ")"),
        ("[[n].map(|x| [", "])]"),
    ] {
        let run = |depth: usize| {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            code(&format!("fn f(n) {{ {open}f(n + 1){close} }} atexit(eprint, \"cleaned\"); f(0);")).run()
        };
        let deepest = (1..130).rev().map(run).find(|output| output.status.code() != Some(2)).expect("one is taken");
        deepest.expect_code(1).expect_error("endless recursion?").expect_error("\ncleaned\n");
    }
}

#[test]
fn nesting_that_is_too_deep_for_the_parser_is_a_syntax_error() {
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{", "}"),
        ("!", ""),
        ("-", ""),
        ("|| ", ""),
        ("#{a:", "}"),
        ("if true {", "}"),
        ("f(", ")"),
    ] {
        let place = Place::new();
        let text = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        file(place.write("deep.rhai", text)).run().expect(2, "").expect_error("error: ");
    }
}

#[test]
fn a_long_chain_of_operators_or_calls_is_no_crash() {
    for text in [
        format!("let x = 1{};", " + 1".repeat(100_000)),
        format!("let x = \"\"{};", ".to_string()".repeat(100_000)),
        format!("let a = [{}];", "1, ".repeat(100_000)),
        format!("if false {{ }}{}", " else if false { }".repeat(20_000)),
    ] {
        let place = Place::new();
        let status = file(place.write("long.rhai", text)).run().status.code();
        assert!(matches!(status, Some(0..=2)), "{status:?}");
    }
}

#[test]
fn reading_takes_lines_and_all() {
    let run = |script: &str, stdin: &str| code(script).stdin(stdin).run();
    run("print(read_line()); print(read_line()); print(read_line() == ());", "a\r\nb").expect(0, "a\nb\ntrue\n");
    run("print(read_line()); print(read_all()); print(read_all() == \"\");", "a\nb\nc\n")
        .expect(0, "a\nb\nc\n\ntrue\n");
    run("print(read_line() == \"\");", "\n").expect(0, "true\n");
    run("print(read_line() == ());", "").expect(0, "true\n");
}

#[test]
fn sleep_takes_seconds_from_0_on() {
    code("sleep(0); sleep(0.01); print(\"slept\");").run().expect(0, "slept\n");
    for value in ["-1", "-0.5", "\"1\"", "()", "1.0 / 0.0", "0.0 / 0.0"] {
        code(&format!("sleep({value});"))
            .run()
            .expect_code(1)
            .expect_error("error: sleep: expected a number of seconds, at least 0");
    }
}

#[test]
fn kill_refuses_what_would_hit_too_much_or_nothing() {
    for (arguments, why) in [
        ("0, \"TERM\"", "kill: "),
        ("-1, \"TERM\"", "kill: "),
        ("\"x\", \"TERM\"", "kill: "),
        ("pid(), \"FOO\"", "kill: unknown signal"),
        ("999999999, \"TERM\"", "no such process"),
        ("-2147483648, \"TERM\"", "kill: cannot signal -2147483648: "),
    ] {
        code(&format!("kill({arguments});")).run().expect_code(1).expect_error(why);
    }
}

#[test]
fn cd_says_what_is_wrong_with_a_path() {
    code("cd(\"/nowhere\");").run().expect_code(1).expect_error("cd: cannot").expect_error("`/nowhere`: no such file");
    code("cd(5);").run().expect_code(1).expect_error("cd: expected");
}

#[test]
fn the_smallest_script_shows_two_stages_and_their_clean_up() {
    file(root().join("scripts/stages.rhai"))
        .run()
        .expect(0, "stage one: done\nstage two: done\nstage two: the volume cleaned up\nstage one: cleaned up\n");
}
