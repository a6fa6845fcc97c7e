//! What a person reads when a script fails: message, place, source line, the way there, and what would help.

use crate::harness::{Output, Place, Run, code, file, prints};

/// Fails unless a script fails with just this on standard error.
#[track_caller]
fn expect_report(text: &str, report: &str) {
    code(text).run().expect_code(1).expect_errors(report.trim_start_matches('\n'));
}

/// Fails unless a script fails with this message, and this hint.
#[track_caller]
fn expect_hint(text: &str, message: &str, hint: &str) {
    let output = code(text).run();
    output.expect_code(1).expect_error(&format!("error: {message}\n")).expect_error(&format!("\n   help: {hint}\n"));
}

/// A script with a module that fails in every way, in its directory.
fn run_in(place: &Place, text: &str) -> Output {
    let path = place.write("deploy.rhai", text);
    file(path.file_name().expect("it is a file")).cwd(place.path()).run()
}

#[test]
fn an_error_shows_its_line_with_a_caret() {
    expect_report(
        "let a = 1;\nlet b = a / 0;\n",
        "
error: division by zero: 1 / 0
 --> -e:2:11
  |
2 | let b = a / 0;
  |           ^
",
    );
}

#[test]
fn an_error_shows_each_call_on_its_way() {
    expect_report(
        "fn inner(x) { x / 0 }\nfn outer(x) { inner(x) }\n[1].map(|x| outer(x));\n",
        "
error: division by zero: 1 / 0
 --> -e:1:17
  |
1 | fn inner(x) { x / 0 }
  |                 ^
   in `inner`, called from -e:2:15
   in `outer`, called from -e:3:13
   in a closure, called from -e:3:5
   in `map`, called from -e:3:5
",
    );
}

#[test]
fn equal_steps_of_a_recursion_are_told_once() {
    expect_report(
        "fn f(n) { if n == 0 { throw \"deep\"; } f(n - 1); }\nf(100);\n",
        "
error: deep
 --> -e:1:23
  |
1 | fn f(n) { if n == 0 { throw \"deep\"; } f(n - 1); }
  |                       ^
   in `f`, called from -e:1:39 (100 times)
   in `f`, called from -e:2:1
",
    );
}

#[test]
fn of_a_long_way_both_ends_are_told() {
    let text = "fn even(n) { if n == 0 { throw \"deep\"; }\n odd(n - 1) }\nfn odd(n) {\n even(n - 1) }\neven(100);\n";
    let output = code(text).run();
    output.expect_code(1).expect_error("… 81 more steps …").expect_error("in `even`, called from -e:5:1");
    assert!(output.err().lines().count() < 30, "{output}");
}

#[test]
fn an_endless_recursion_is_told_as_one() {
    let output = code("fn f(n) { f(n + 1) }\nf(1);\n").run();
    output.expect_code(1).expect_error("error: too many calls within calls: endless recursion?\n");
    assert!(output.err().lines().count() < 30, "{output}");
}

#[test]
fn an_error_in_a_module_shows_the_modules_line_and_file() {
    let place = Place::new();
    place.write("lib/vm.rhai", "// The machine.\nfn destroy(name) {\n    throw `cannot destroy ${name}`;\n}\n");
    let output = run_in(&place, "import \"lib/vm\" as vm;\nfn all() { vm::destroy(\"a\") }\nall();\n");
    output.expect_code(1).expect_errors(
        "error: cannot destroy a
 --> lib/vm.rhai:3:5
  |
3 |     throw `cannot destroy ${name}`;
  |     ^
   in `destroy`, called from deploy.rhai:2:16
   in `all`, called from deploy.rhai:3:1
",
    );
}

#[test]
fn an_error_while_a_module_is_imported_shows_the_import() {
    let place = Place::new();
    place.write("vm.rhai", "import \"net\" as net;\n");
    place.write("net.rhai", "let a = 1;\nthrow \"no net\";\n");
    run_in(&place, "import \"vm\" as vm;\n").expect_code(1).expect_errors(
        "error: no net
 --> net.rhai:2:1
  |
2 | throw \"no net\";
  | ^
   in the module imported at vm.rhai:1:8
   in the module imported at deploy.rhai:1:8
",
    );
}

#[test]
fn an_error_of_syntax_in_a_module_shows_the_modules_line() {
    let place = Place::new();
    place.write("vm.rhai", "let a = ;\n");
    run_in(&place, "import \"vm\" as vm;\n").expect_code(1).expect_errors(
        "error: unexpected ';'
 --> vm.rhai:1:9
  |
1 | let a = ;
  |         ^
   in the module imported at deploy.rhai:1:8
",
    );
}

#[test]
fn an_error_in_a_handler_shows_where_it_was_registered() {
    let place = Place::new();
    place.write(
        "vm.rhai",
        "fn destroy(name) { throw `cannot destroy ${name}`; }\nfn later(name) {\n    atexit(destroy, name);\n}\n",
    );
    let output = run_in(&place, "import \"vm\" as vm;\nvm::later(\"a\");\natexit(|| vm::destroy(\"b\"));\n");
    output.expect_code(1).expect_errors(
        "error: cannot destroy b
 --> vm.rhai:1:20
  |
1 | fn destroy(name) { throw `cannot destroy ${name}`; }
  |                    ^
   in `destroy`, called from deploy.rhai:3:15
   in the exit handler `closure` registered at deploy.rhai:3:1
error: cannot destroy a
 --> vm.rhai:1:20
  |
1 | fn destroy(name) { throw `cannot destroy ${name}`; }
  |                    ^
   in the exit handler `destroy` registered at vm.rhai:3:5
",
    );
}

#[test]
fn an_error_in_eval_tells_the_place_in_its_text_and_the_call() {
    expect_report(
        "eval(\"1 + nothing_of_the_kind\")",
        "
error: there is no variable `nothing_of_the_kind`
  --> the text given to eval:1:5
   in `eval`, called from -e:1:6
",
    );
}

#[test]
fn columns_are_right_after_tabs_and_wide_characters() {
    expect_report(
        "let x = \"\t日本語\";\tlet y = 1 / 0;",
        "
error: division by zero: 1 / 0
 --> -e:1:27
  |
1 | let x = \"    日本語\";    let y = 1 / 0;
  |                                    ^
",
    );
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let long = format!("let a = \"{}\"; 1 / 0; let b = \"{}\";", "x".repeat(500), "y".repeat(500));
    let output = code(&long).run();
    output.expect_code(1).expect_error("x\"; 1 / 0; let b = \"y");
    assert!(output.err().lines().all(|line| line.chars().count() < 160), "{output}");
}

#[test]
fn a_line_keeps_its_number_below_a_shebang_and_with_crlf() {
    let place = Place::new();
    let output = run_in(&place, "#!/usr/bin/env stagesh\r\nlet a = 1;\r\n1 / 0;\r\n");
    output.expect_code(1).expect_error(" --> deploy.rhai:3:3\n  |\n3 | 1 / 0;\n  |   ^\n");
}

#[test]
fn errors_are_told_before_the_handlers_run() {
    let run = code("atexit(|| eprint(\"handler\")); throw \"first\";").run();
    run.expect_code(1);
    let (error, handler) = (run.err().find("error: first"), run.err().find("handler\n"));
    assert!(error.is_some() && error < handler, "{run}");
}

#[test]
fn a_thrown_value_is_its_message() {
    for (thrown, message) in [
        ("\"text\"", "text"),
        ("42", "42"),
        ("#{message: \"of the map\", code: 3}", "of the map"),
        ("#{code: 3}", "#{\"code\": 3}"),
        ("", "an error was thrown"),
        ("\"two\\nlines\"", "two"),
    ] {
        code(&format!("throw {thrown};")).run().expect_code(1).expect_error(&format!("error: {message}\n"));
    }
}

#[test]
fn a_function_that_uses_an_outer_variable_is_told_what_to_do() {
    let message = "there is no variable `vm`";
    let outside = "a `fn` does not see the variables outside it: ";
    let parameter = format!("{outside}make `vm` a parameter, or use a closure");
    expect_hint("let vm = 1;\nfn f() { vm }\nf();", message, &parameter);
    expect_hint("let vm = 1;\nfn f() { [1].map(|x| vm + x) }\nf();", message, &parameter);
    for assignment in ["vm = 2", "vm += 2", "vm <<= 1"] {
        expect_hint(
            &format!("let vm = 1;\nfn f() {{ {assignment} }}\nf();"),
            message,
            &format!("{outside}return the new value and write `vm = …` there"),
        );
    }
    expect_hint("let vm = 1;\nfn f() { vm == 2 }\nf();", message, &parameter);
    expect_hint("const vm = 1;\nfn f() { vm }\nf();", message, &format!("{outside}write `global::vm`, which it sees"));
}

#[test]
fn hints_are_right_in_modules_too() {
    let place = Place::new();
    place.write(
        "lib.rhai",
        "let vm = 1;\nfn f() { vm }\nfn t(s) { let t = s.trim(); t.len() }\nfn cleanup() { }\nfn c() { clenup() }\n",
    );
    let run = |call: &str| run_in(&place, &format!("import \"lib\" as lib;\nlib::{call};\n"));
    run("f()").expect_code(1).expect_error("make `vm` a parameter, or use a closure");
    run("t(\" \")").expect_code(1).expect_error("`trim` works in place and returns `()`");
    run("c()").expect_code(1).expect_error("did you mean `cleanup`?");
}

#[test]
fn hints_are_right_in_handlers_too() {
    let text = "let vm = 1;\nfn f() { vm }\natexit(f);";
    expect_hint(
        text,
        "there is no variable `vm`",
        "a `fn` does not see the variables outside it: make `vm` a parameter, or use a closure",
    );
}

#[test]
fn an_unknown_variable_suggests_the_nearest() {
    expect_hint("let volume = 1;\nprint(volme);", "there is no variable `volme`", "did you mean `volume`?");
    expect_hint("fn cleanup() { }\natexit(clenup);", "there is no variable `clenup`", "did you mean `cleanup`?");
}

#[test]
fn an_unknown_function_suggests_the_nearest() {
    let none = |name: &str| format!("there is no function `{name}` without arguments");
    expect_hint("fn cleanup() { }\nclenup();", &none("clenup"), "did you mean `cleanup`?");
    expect_hint("slep(1)", "there is no function `slep` for (integer)", "did you mean `sleep`?");
    expect_hint("\"x\".to_uper()", "there is no function `to_uper` for (string)", "did you mean `to_upper`?");
}

#[test]
fn a_variable_called_like_a_function_is_told_to_use_call() {
    let hint = "`f` is a variable: if it holds a function, write `f.call(…)`";
    expect_hint("let f = |x| x;\nf(1);", "there is no function `f` for (integer)", hint);
    expect_hint("fn apply(f) { f(1) }\napply(|x| x);", "there is no function `f` for (integer)", hint);
}

#[test]
fn the_name_of_a_file_moves_no_cursor() {
    let place = Place::new();
    place.write("a\u{1b}[31m\nb.rhai", "throw 1;");
    let run = |name: &str| file(name).cwd(place.path()).run();
    run("a\u{1b}[31m\nb.rhai").expect_code(1).expect_error(" --> a\\u{1b}[31m\\nb.rhai:1:1\n");
    run("no\n.rhai").expect(2, "").expect_errors("stagesh: cannot read `no\\n.rhai`: no such file\n");
}

#[test]
fn a_word_of_another_language_is_told_what_it_is_here() {
    for (text, message, hint) in [
        ("print('hello');", "invalid character: 'hello'", "text in double quotes or backticks; `'a'` is one character"),
        ("# a comment", "'#' is a reserved symbol", "a comment as `// …`"),
        ("let i = 0; i++;", "unknown operator: '++'", "`n += 1`"),
        (
            "print($HOME);",
            "'$' is a reserved symbol",
            "the name of the variable alone, or `env::get(\"NAME\")`; in backticks `${name}`",
        ),
        ("let l = $(ls);", "'$' is a reserved symbol", "`capture([\"program\", \"word\"])`"),
        ("let a = true and false;", "expecting ';' to terminate this statement", "`&&`"),
        (
            "let orange = true; let a = orange or false;",
            "expecting ';' to terminate this statement",
            "`||`, or `a ?? b` in place of a `()`",
        ),
        ("if true { } elif false { }", "expecting ';' to terminate this statement", "`else if`"),
        ("def f() { }", "expecting ';' to terminate this statement", "`fn name(a, b) { … }`"),
        ("[1].map(x => x);", "expecting ',' to separate the arguments to function call 'map'", "a closure: `|x| …`"),
        ("let a = f\"{b}\";", "expecting ';' to terminate this statement", "the text in backticks: `` `a ${x}` ``"),
        ("let a = \"ä\"; raise \"x\"", "expecting ';' to terminate this statement", "`throw`"),
    ] {
        let output = code(text).run();
        output
            .expect_code(2)
            .expect_error(&format!("error: {message}\n"))
            .expect_error(&format!("\n   help: here it is {hint}\n"));
    }
    for (text, types, hint) in [
        ("[1].length()", "(array)", "`x.len()`"),
        ("#{}.has(\"a\")", "(map, string)", "`x.contains(…)`"),
        ("range(3)", "(integer)", "`for n in 0..3`, or `range(0, 3)`"),
        ("getenv(\"a\")", "(string)", "`env::get(name)`"),
    ] {
        let name = text.split('(').next().and_then(|text| text.split('.').next_back()).expect("it has a name");
        expect_hint(text, &format!("there is no function `{name}` for {types}"), &format!("here it is {hint}"));
    }
    expect_hint("mkdir(\"a\")", "there is no function `mkdir` for (string)", "did you mean `fs::mkdir`?");
    let hint = "a call has parentheses: `print(…)`";
    code("print \"x\"").run().expect_code(2).expect_error(&format!("help: {hint}\n"));
    code("let f = 1; f \"x\";").run().expect_code(2).expect_not("help");
    let backslash = "help: a backslash is `\\\\` in double quotes, and itself in backticks\n";
    code("sh(\"echo \\$HOME\");").run().expect_code(2).expect_error(backslash);
    // What is one's own, or is something else.
    for text in [
        "fn raise(n) { n }\nlet a = 5\nraise(a);",
        "let len = 5; let y = len 6;",
        "let x = fs::read(\"x\")?;",
        "let m = # {a: 1};",
        "let a = \"abc\" ++ \"def\";",
    ] {
        code(text).run().expect_code(2).expect_not("help");
    }
    code("fn size(a) { a } size(1, 2);").run().expect_code(1).expect_error("takes 1 argument").expect_not("help");
    code("let a = 1; let b 2;").run().expect_code(2).expect_not("help");
    code("let a = @x;").run().expect_code(2).expect_not("help");
}

#[test]
fn a_map_in_a_loop_and_a_range_as_an_index_are_told_what_to_write() {
    let hint =
        "`for` goes through an array, a range, a text or a blob; through a map by `map.keys()` or `map.values()`";
    expect_hint("let m = #{a: 1}; for k in m { }", "for loop expects iterable type", hint);
    let hint = "a part of an array is `list.extract(from..to)`";
    expect_hint("let a = [1, 2]; a[0..1]", "expected an integer, not a range", hint);
    code("let a = #{}; a[0..1]").run().expect_code(1).expect_not("extract");
}

#[test]
fn a_wrong_number_of_arguments_is_told_as_such() {
    for (text, message) in [
        ("fn f(a, b) { }\nf(1);", "function `f` takes 2 arguments but 1 was given"),
        ("let f = |a| a;\nf.call(1, 2);", "the closure takes 1 argument but 2 were given"),
        ("let n = 1;\nlet f = |a| a + n;\nf.call();", "the closure takes 1 argument but 0 were given"),
        ("sleep(1, 2);", "function `sleep` takes 1 argument but 2 were given"),
        ("atexit();", "function `atexit` takes 1 to 9 arguments but 0 were given"),
    ] {
        code(text).run().expect_code(1).expect_error(&format!("error: {message}\n"));
    }
}

#[test]
fn what_works_in_place_is_told_to() {
    for (text, verb) in [
        ("let s = \" x \".trim();\ns.len();", "trim"),
        ("let s = \"a\";\nlet t = s.replace(\"a\", \"b\");\nt + 1;\nt.len();", "replace"),
        ("let a = [];\nlet b = a.push(1);\nb.len();", "push"),
        ("let a = [2, 1];\nfor x in a.sort() { }", "sort"),
        ("let s = \" x \".trim();\nrun([\"echo\", s]);", "trim"),
        ("fs::write(\"x\", \" x \".trim());", "trim"),
    ] {
        let instead = if verb == "trim" { "`trimmed` returns a copy" } else { "call it on a variable" };
        let hint = format!("help: `{verb}` works in place and returns `()`: {instead}");
        code(text).run().expect_code(1).expect_error(&hint);
    }
    for text in [
        "let list = []; list.push(read_line().len());",
        "let line = read_line(); let part = line.trim();",
        "let a = \"x\".replace(\"x\", \"y\"); let a = 3; let b = (); if a == 3 { b.len() }",
    ] {
        code(text).run().expect_code(1).expect_not("works in place");
    }
}

#[test]
fn a_function_that_uses_a_variable_of_a_block_outside_is_told_what_to_do() {
    let hint = "a `fn` does not see the variables outside it: make `host` a parameter, or use a closure";
    expect_hint("for host in [1] { f(); } fn f() { host }", "there is no variable `host`", hint);
    let hint = "`COUNT` is a constant: nothing changes it";
    expect_hint("fn f() { COUNT = 1 } const COUNT = 3; f();", "there is no variable `COUNT`", hint);
}

#[test]
fn an_error_beyond_what_the_engine_counts_points_at_no_line() {
    let place = Place::new();
    let text = format!("{}foo();\n", "let a = 1;\n".repeat(70_000));
    let output = file(place.write("long.rhai", text)).run();
    output.expect_code(1).expect_error(":65535:1 or later").expect_not("let a");
}

#[test]
fn what_sort_cannot_compare_and_what_a_type_is_are_told_in_words() {
    code("[1, \"a\"].sort();").run().expect_error("error: elements of different types cannot be sorted\n");
    code("[1, 2][0..1];").run().expect_error("error: expected an integer, not a range\n");
    code("throw atexit(print);").run().expect_error("error: a Handler\n");
    code("eval(\"[1].map(|x| x)\");").run().expect_error("cannot define functions or closures");
    code("let m = #{list: [1], n: 2}; m.list.map(|x| m.n);")
        .run()
        .expect_error("help: a method is running on a variable");
}

#[test]
fn a_reserved_word_as_a_name_is_told_as_such() {
    code("let x = null;").run().expect_code(2).expect_error("help: the value for nothing is `()`");
    code("var x = 1;").run().expect_code(2).expect_error("help: a variable begins with `let`");
    for word in ["spawn", "new", "default", "with", "go"] {
        code(&format!("let {word} = 1;"))
            .run()
            .expect_code(2)
            .expect_error("it is a word of the language: choose another");
    }
}

#[test]
fn colour_is_used_only_where_it_is_wanted() {
    let script = || code("1 / 0");
    assert!(!script().run().err().contains('\x1b'), "standard error is no terminal");
    assert!(script().options(&["--color", "always"]).run().err().contains("\x1b["), "it is wanted");
    assert!(script().options(&["--color=always"]).env("NO_COLOR", Some("1")).run().err().contains("\x1b["));
    assert!(!script().options(&["--color", "never"]).run().err().contains('\x1b'), "it is not wanted");
    Run::new().options(&["--color", "maybe"]).run().expect_code(2).expect_error("maybe");
}

#[test]
fn a_comment_sign_in_a_text_behind_code_is_none() {
    prints("let x = 1; print(`${x}`); print(`/*`); print(`${`${x}/*`}*`);", "1\n/*\n1/**\n");
}
