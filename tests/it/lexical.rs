//! A name means what it means in the text that has it, wherever it is called, and so does a closure.

use crate::harness::{Output, Place, code, file};

/// Runs `main.rhai` with the other files beside it.
fn run(files: &[(&str, &str)]) -> Output {
    let place = Place::new();
    for (name, text) in files {
        place.write(name, text);
    }
    file("main.rhai").cwd(place.path()).run()
}

#[track_caller]
fn prints(files: &[(&str, &str)], lines: &str) {
    run(files).expect(0, lines).expect_no_error();
}

const STAGE: &str = "private fn destroy() { print(\"destroy STAGE\") }\nfn guard() { || destroy() }\n";

#[test]
fn closures_that_are_spelt_alike_in_two_files_are_two() {
    let main = format!(
        "{}import \"web\" as web; import \"db\" as db;\n\
         atexit(web::guard()); atexit(db::guard()); atexit(guard()); scope(db::guard()); web::guard().call();",
        STAGE.replace("STAGE", "main")
    );
    prints(
        &[
            ("web.rhai", &STAGE.replace("STAGE", "web")),
            ("db.rhai", &STAGE.replace("STAGE", "db")),
            ("main.rhai", &main),
        ],
        "destroy db\ndestroy web\ndestroy main\ndestroy db\ndestroy web\n",
    );
    let with_constant =
        "const DIR = \"STAGE\";\nfn guard() { || print(global::DIR) }\nfn set() { atexit(|| print(global::DIR)) }\n";
    prints(
        &[
            ("a.rhai", &with_constant.replace("STAGE", "a")),
            ("b.rhai", &with_constant.replace("STAGE", "b")),
            (
                "main.rhai",
                "import \"a\" as a; import \"b\" as b; atexit(a::guard()); atexit(b::guard()); a::set(); b::set();",
            ),
        ],
        "b\na\nb\na\n",
    );
}

const LIBRARY: &str = "private fn clean(n) { print(`library ${n}`) }\n\
                       fn stop(n) { clean(n) }\n\
                       fn each(f) { f.call(3); [4].map(f); }\n\
                       fn keep(f) { atexit(f, 5); }\n";

#[test]
fn a_call_means_the_function_of_its_own_text_whatever_was_called_before() {
    let main = "import \"library\" as library;\n\
                fn clean(n) { print(`script ${n}`); library::stop(n) }\n\
                for n in [1, 2] { clean(n) }\n\
                atexit(|| { clean(6) });";
    prints(
        &[("library.rhai", LIBRARY), ("main.rhai", main)],
        "script 1\nlibrary 1\nscript 2\nlibrary 2\nscript 6\nlibrary 6\n",
    );
}

#[test]
fn what_a_module_calls_back_means_the_functions_of_the_script() {
    let main = "import \"library\" as library;\n\
                fn clean(n) { print(`script ${n}`) }\n\
                library::each(|n| clean(n)); library::each(clean); library::keep(clean); library::keep(Fn(\"clean\"));";
    prints(
        &[("library.rhai", LIBRARY), ("main.rhai", main)],
        "script 3\nscript 4\nscript 3\nscript 4\nscript 5\nscript 5\n",
    );
}

#[test]
fn a_closure_that_a_module_registers_sees_the_constants_and_imports_of_its_own_text() {
    let module =
        "import \"other\" as other;\nconst C = \"library\";\nfn keep(f) { atexit(f) }\nfn within(f) { scope(f) }";
    let main = "import \"m\" as m;\nconst C = \"script\"; const D = \"only\";\n\
                m::keep(|| print(global::C + global::D)); m::within(|| print(global::C));\n\
                fn local() { import \"other\" as mine; m::keep(|| mine::say()); m::within(|| mine::say()); }\nlocal();";
    let other = "fn say() { print(\"other\") }";
    prints(&[("m.rhai", module), ("other.rhai", other), ("main.rhai", main)], "script\nother\nother\nscriptonly\n");
}

#[test]
fn a_closure_of_a_module_can_be_called_anywhere() {
    let module = "const K = 5;\nprivate fn add(x) { x + global::K }\nfn make() { |x| add(x) }\nexport let made = |x| add(x) * 10;";
    let main = "import \"m\" as m;\n\
                print(m::make().call(1)); let f = m::make(); print(f.call(2)); print([3].map(m::make()));\n\
                print(m::made.call(4)); atexit(|| print(m::make().call(5)));";
    prints(&[("m.rhai", module), ("main.rhai", main)], "6\n7\n[8]\n90\n10\n");
}

#[test]
fn a_module_that_ends_with_return_has_closures_like_any_other() {
    let module = "import \"library\" as library;\nconst K = 7;\nfn guard() { || library::stop(global::K) }\nreturn;";
    let main = "import \"m\" as m; atexit(m::guard());";
    prints(&[("library.rhai", LIBRARY), ("m.rhai", module), ("main.rhai", main)], "library 7\n");
}

#[test]
fn a_module_has_its_constants_wherever_it_is_imported() {
    let module = "const DISK = \"sda\";\nfn clean() { print(global::DISK) }\nfn set() { atexit(clean) }";
    for main in [
        "fn stage() { import \"m\" as m; m::set(); } stage();",
        "if true { import \"m\" as m; m::set(); }",
        "try { import \"m\" as m; m::set(); } catch { }",
        "atexit(|| { import \"m\" as m; m::clean(); });",
    ] {
        prints(&[("m.rhai", module), ("main.rhai", main)], "sda\n");
    }
}

#[test]
fn a_report_calls_functions_as_the_author_does() {
    let module = "fn fail(x) { helper(x) }\nprivate fn helper(x) { throw \"boom\" }";
    let main =
        "import \"m\" as m;\nfn stage() { m::fail(1) }\nprint(stage); print(stage.name); print([stage]);\nstage();";
    let output = run(&[("m.rhai", module), ("main.rhai", main)]);
    output.expect(1, "Fn(stage)\nstage\n[Fn(stage)]\n").expect_error(
        "error: boom\n --> m.rhai:2:24\n  |\n2 | private fn helper(x) { throw \"boom\" }\n  |                        ^\n   \
         in `helper`, called from m.rhai:1:14\n   in `fail`, called from main.rhai:2:17\n   \
         in `stage`, called from main.rhai:4:1\n",
    );
}

#[test]
fn an_error_in_a_closure_that_a_module_calls_is_shown_where_it_is() {
    let module = "fn each(f) {\n    [1].map(f)\n}";
    let main = "import \"m\" as m;\n\n\n\nm::each(|x| x / 0);";
    run(&[("m.rhai", module), ("main.rhai", main)]).expect_code(1).expect_error(
        "--> main.rhai:5:15\n  |\n5 | m::each(|x| x / 0);\n  |               ^\n   in a closure, called from m.rhai:2:9\n",
    );
}

#[test]
fn a_computed_pointer_means_the_same_function_as_its_name() {
    let main = "import \"m\" as m; fn f() { print(\"never\"); } let s = \"f\";\n\
                atexit(Fn(s)); print(unregister(f)); atexit(f); print(unregister(Fn(s)));";
    prints(&[("m.rhai", "fn f() { }"), ("main.rhai", main)], "1\n1\n");
}

#[test]
fn a_function_may_have_the_name_of_the_type_of_a_method() {
    let main = "import \"m\" as m; fn string() { \"s\" } fn string.shout() { this + \"!\" } print(\"a\".shout()); print(string());";
    prints(&[("m.rhai", ""), ("main.rhai", main)], "a!\ns\n");
}

#[test]
fn a_line_that_is_longer_than_the_engine_counts_means_what_it_says() {
    let script = format!(
        "let fs = []; for n in 0..3 {{ fs.push(|| n); }} /*{}*/ for n in 7..8 {{ print(n); }} try {{ throw 5 }} catch (n) {{ print(n); }} \
         fn n(x) {{ #{{n: x}} }} print(n(1));",
        "x".repeat(70_000)
    );
    prints(&[("main.rhai", &script)], "7\n5\n#{\"n\": 1}\n");
}

#[test]
fn what_the_engine_could_not_tell_from_others_is_refused() {
    let refused = |files: &[(&str, String)], status: i32, name: &str, place: &str| {
        let room = Place::new();
        files.iter().for_each(|(file, text)| drop(room.write(file, text)));
        let why =
            format!("error: `{name}` stands behind line or column 65534, where the engine tells no two places apart");
        let main = file(room.path().join("main.rhai")).cwd(room.path());
        main.run().expect(status, "").expect_error(&why).expect_error(place);
        let check = file(room.path().join("main.rhai")).options(&["--check"]).cwd(room.path()).run();
        check.expect_code(2).expect_error(&why);
    };
    let turns = "for n in [1, 2] { atexit(|| print(n)); }";
    let wide = format!("let wide = \"{}\"; {turns}", "x".repeat(70_000));
    refused(&[("main.rhai", wide)], 2, "n", "main.rhai:1:65535 or later");
    let long = |text: &str| format!("{}{text}", "\n".repeat(65_534));
    refused(&[("main.rhai", long(turns))], 2, "n", "main.rhai:65535");
    let files = [("main.rhai", "import \"m\" as m;".into()), ("m.rhai", long("fn f() { } fn g() { atexit(f); }"))];
    refused(&files, 1, "f", "m.rhai:65535");
    // A line before, and where one text's names are all that there are, it means what it says.
    prints(&[("main.rhai", &long(turns)[1..])], "2\n1\n");
    prints(&[("main.rhai", &long("fn f() { print(1); } atexit(f);"))], "1\n");
}

#[test]
fn closures_kept_from_a_loop_have_the_variable_of_their_turn() {
    prints(
        &[("main.rhai", "let undo = []; for n in [1, 2] { undo.push(|| print(n)); } for u in undo { atexit(u); }")],
        "2\n1\n",
    );
    let script = "let m = #{}; for (n, i) in [\"x\", \"y\"] { m[n] = || `${n}${i}`; } print(m.x.call()); print(m.y.call());\n\
                  for n in 0..2 { n += 10; let f = |x| { let g = || n + x; g.call() }; n += 100; print(f.call(0)); print(n); }\n\
                  let all = |k| { for n in 0..k { let r = []; for n in 5..7 { r.push(|| n); } r.push(|| n); print(r.map(|f| f.call())); } };\n\
                  all.call(2);";
    code(script).run().expect(0, "x0\ny1\n10\n110\n11\n111\n[5, 6, 0]\n[5, 6, 1]\n").expect_no_error();
}

#[test]
fn a_script_may_use_the_words_that_the_host_uses() {
    code("let __start = 1; print(__start); let __turn_n = 2; for n in [3] { let f = || n; print(f.call()); } print(__turn_n);")
        .run()
        .expect(0, "1\n3\n2\n");
}

#[test]
fn what_is_caught_has_a_message_and_a_kind() {
    let shows = |thrown: &str| format!("try {{ {thrown} }} catch (e) {{ print(`${{e.message}} (${{e.kind}})`) }}");
    for (thrown, shown) in [
        ("throw \"text\"", "text (thrown)"),
        ("throw 42", "42 (thrown)"),
        ("throw #{code: 3}", "#{\"code\": 3} (thrown)"),
        ("throw #{message: \"m\", kind: \"mine\"}", "m (mine)"),
        ("1 / 0", "division by zero: 1 / 0 (script)"),
        ("nothing", "variable not found: nothing (script)"),
        ("run([\"false\"])", "`false` exited with 1 (command)"),
        ("import \"no\" as n", "cannot import `no`: there is no `no.rhai` in `/` (script)"),
    ] {
        code(&shows(thrown)).cwd("/").run().expect(0, &format!("{shown}\n"));
    }
    // Also in a closure, in a closure of the branch, and where it is changed.
    code("let f = || { try { 1 / 0 } catch (e) { atexit(|| print(e.kind)); print(e.kind) } }; f.call();")
        .run()
        .expect(0, "script\nscript\n");
    // What else is done with it is as ever.
    for (script, shown) in [
        ("try { throw [1] } catch (e) { e.push(2); print(e); e = 5; print(e + 1) }", "[1, 2]\n6\n"),
        ("try { throw #{list: []} } catch (e) { e.list.push(1); e.list[0] += 1; print(e) }", "#{\"list\": [2]}\n"),
        ("try { throw [3, 1] } catch (e) { sort(e); print(e) }", "[1, 3]\n"),
        ("try { throw 5 } catch (e) { let inc = || { e += 1; e }; print(inc.call()); print(e) }", "6\n6\n"),
        ("let n = #{script: [1]}; try { 1 / 0 } catch (e) { n[e.kind].push(2); print(n) }", "#{\"script\": [1, 2]}\n"),
        ("try { throw 1.5 } catch (e) { print(e.message); print(e.kind) }", "1.5\nthrown\n"),
        ("try { throw [1] } catch (e) { print(e.message.contains(\"1\")); print(e.kind.to_upper().len) }", "true\n6\n"),
        (
            "try { throw #{message: \"abc\"} } catch (e) { e.message.replace(\"a\", \"b\"); print(e.message.split(\"c\")) }",
            "[\"bb\", \"\"]\n",
        ),
        (
            "try { throw #{error: \"Errors\", message: \"bad (line 3)\"} } catch (e) { print(e.message) }",
            "bad (line 3)\n",
        ),
        (
            "try { throw outcome_of() } catch (e) { print(e.code); print(e.kind); print(e.message.contains(\"code\")) } fn outcome_of() { attempt([\"false\"]) }",
            "1\nthrown\ntrue\n",
        ),
        (
            "try { throw fs::stat(\"/\") } catch (e) { print(e.kind); print(e.message.contains(\"mtime\")) }",
            "dir\ntrue\n",
        ),
        ("try { run([\"false\"]) } catch (e) { try { e.mesage } catch (f) { print(f.kind) } }", "field\n"),
    ] {
        code(script).run().expect(0, shown);
    }
    code("try { run([\"false\"]) } catch (e) { e.mesage }")
        .run()
        .expect_code(1)
        .expect_error("did you mean `message`?");
}

#[test]
fn a_loop_over_a_blob_gives_integers() {
    code("let sum = 0; for byte in blob(3, 200) { sum += byte; } for (byte, at) in blob(2, 7) { print(byte * at); } print(sum);")
        .run()
        .expect(0, "0\n7\n600\n");
}
