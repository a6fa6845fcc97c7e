//! `--check`: what cannot be right in any run is found, and what may be right is left alone.

use nix::sys::signal::Signal;

use crate::harness::{Output, Place, code, file};

/// `--check` of a script.
fn check(text: &str) -> Output {
    code(text).options(&["--check"]).run()
}

/// Fails unless the check finds just this one error, at the column of the one line.
#[track_caller]
fn expect_error(text: &str, column: usize, message: &str) -> Output {
    let output = check(text);
    output.expect(2, "").expect_error(&format!("error: {message}\n --> -e:1:{column}\n"));
    let count = output.err().matches("error: ").count();
    assert!(count == 1 && !output.err().contains("warning"), "expected one finding of\n{output}");
    output
}

/// Fails unless the check finds nothing.
#[track_caller]
fn expect_sound(text: &str) {
    check(text).expect(0, "").expect_no_error();
}

#[test]
fn a_sound_script_is_not_run() {
    expect_sound("atexit(|| print(1)); print(2); exit(3);");
}

#[test]
fn a_signal_ends_a_check() {
    let place = Place::new();
    place.write("long.rhai", "let x = [1, 2].map(|q| q + 1);\n".repeat(6000));
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        let mut live = file("long.rhai").cwd(place.path()).options(&["--check"]).start();
        live.wait_until_caught(signal).signal(signal);
        live.finish().expect_death(signal);
    }
}

#[test]
fn an_error_of_syntax_is_found() {
    check("let x = ;").expect(2, "").expect_error("--> -e:1:9");
}

#[test]
fn a_definition_that_would_hide_the_clean_up_is_found() {
    for name in ["atexit", "exit", "exit_now", "trap", "untrap"] {
        expect_error(
            &format!("fn {name}() {{ }}"),
            4,
            &format!("a script cannot define `{name}`: it would hide the one that the clean-up depends on"),
        );
    }
}

#[test]
fn a_variable_that_is_nowhere_defined_is_found() {
    expect_error("let vm = 1; print(mv + vm);", 19, "there is no variable `mv`");
    expect_error("mv = 3;", 1, "there is no variable `mv`");
    expect_error("print(`is ${mv}`);", 13, "there is no variable `mv`");
    expect_error("let a = []; a[mv] = 1;", 15, "there is no variable `mv`");
    expect_error("#{ key: [mv] };", 10, "there is no variable `mv`");
    expect_error("atexit(|| mv);", 11, "there is no variable `mv`");
    expect_error("switch 1 { 1 if mv => 2, _ => 3 }", 17, "there is no variable `mv`");
    expect_error("fn f() { mv }", 10, "there is no variable `mv`");
}

#[test]
fn a_variable_is_not_known_outside_its_block() {
    expect_error("{ let x = 1; } print(x);", 22, "there is no variable `x`");
    expect_error("for n in 0..3 { } print(n);", 25, "there is no variable `n`");
    expect_error("try { } catch (e) { } print(e);", 29, "there is no variable `e`");
}

#[test]
fn a_variable_is_not_known_before_its_definition() {
    expect_error("print(x); let x = 1;", 7, "there is no variable `x` yet: it is defined further down");
}

#[test]
fn every_kind_of_binding_is_known() {
    expect_sound(
        "let a = 1; const B = 2; for (c, i) in [a] { print(c + i + B); } try { throw } catch (e) { print(e); }",
    );
    expect_sound("let f = |x, y| x + y; let c = 3; let g = |x| || x + c; f.call(1, 2);");
    expect_sound("fn f(a) { let b = a; |c| a + b + c } let g = f(1); print(g.call(2));");
    expect_sound("let x = 1; let x = x + 1; if true { let y = x; print(y); } while x < 3 { x += 1; }");
    expect_sound("fn f() { this.x = 1; } let m = #{}; m.f();");
}

#[test]
fn a_function_that_uses_an_outer_variable_is_found() {
    expect_error("let vm = 1; fn f() { vm }", 22, "there is no variable `vm`")
        .expect_error("a `fn` does not see the variables outside it: make `vm` a parameter, or use a closure");
    expect_error("let vm = 1; fn f() { vm = 2; }", 22, "there is no variable `vm`")
        .expect_error("return the new value and write `vm = …` there");
    expect_error("const VM = 1; fn f() { VM }", 24, "there is no variable `VM`")
        .expect_error("write `global::VM`, which it sees");
    expect_error("let vm = 1; fn f() { || vm }", 25, "there is no variable `vm`");
}

#[test]
fn a_function_that_borrows_its_callers_variables_is_left_alone() {
    expect_sound("let vm = 1; fn f() { vm } print(f!());");
}

#[test]
fn a_constant_of_the_top_level_is_known_in_a_function() {
    expect_sound("const VM = 1; fn f() { global::VM } f();");
    expect_error("fn f() { global::VM } f();", 18, "there is no constant `global::VM`");
}

#[test]
fn an_unknown_function_is_found_with_the_nearest() {
    expect_error("fn cleanup() { } atexit(cleanup); clenup();", 35, "there is no function `clenup`")
        .expect_error("help: did you mean `cleanup`?");
    expect_error("slep(1);", 1, "there is no function `slep`").expect_error("help: did you mean `sleep`?");
}

#[test]
fn a_number_of_arguments_that_no_function_takes_is_found() {
    expect_error("fn f(a, b) { } f(1);", 16, "function `f` takes 2 arguments but 1 was given");
    expect_error("fn f(a) { } fn f(a, b, c) { } f();", 31, "function `f` takes 1 or 3 arguments but 0 were given");
    expect_error("exit(1, 2);", 1, "function `exit` takes 0 or 1 arguments but 2 were given");
    expect_error("sleep();", 1, "function `sleep` takes 1 argument but 0 were given");
}

#[test]
fn a_variable_that_is_called_like_a_function_is_found() {
    expect_error("let f = |x| x; f(1);", 16, "there is no function `f`").expect_error("write `f.call(…)`");
    expect_error("fn apply(f) { f(1) }", 15, "there is no function `f`").expect_error("write `f.call(…)`");
}

#[test]
fn a_handler_with_the_wrong_number_of_arguments_is_found() {
    expect_error("fn f(a) { } atexit(f);", 20, "atexit: function `f` takes 1 argument but 0 were given");
    expect_error("fn f(a) { } scope(f, 1, 2);", 19, "scope: function `f` takes 1 argument but 2 were given");
    expect_sound("fn f(a) { } atexit(f, 1); let f = || 1; atexit(f);");
}

#[test]
fn a_bare_name_of_a_function_is_a_value() {
    expect_sound("fn f() { } atexit(f); let g = f; g.call(); atexit(print, 1); atexit(run, [\"true\"]);");
    expect_sound("fn f() { atexit(g) } fn g() { } f(); [1].for_each(print);");
}

#[test]
fn methods_and_computed_calls_are_left_alone() {
    expect_sound("let x = 1; try { x.nope(1, 2, 3); } catch { } Fn(\"later\"); is_def_fn(\"x\", 2);");
    expect_sound("let h = atexit(|| 1); h.name(\"x\").timeout(3); h.cancel(); cancel(h);");
}

#[test]
fn what_eval_may_define_is_left_alone() {
    expect_sound("eval(\"let x = 1;\"); print(x);");
    expect_sound("eval(\"import `m` as m;\"); fn f() { m::f() } print(m::X); f();");
    expect_sound("fn u() { m::f() } fn f() { eval(\"import `m` as m;\"); u() } f();");
    expect_sound("eval(\"const X = 5;\"); fn f() { global::X } f();");
    let place = Place::new();
    place.write("m.rhai", "eval(\"export let q = 1;\"); fn f() { 1 }");
    place.write("main.rhai", "import \"m\" as m; print(m::q); m::f();");
    file("main.rhai").cwd(place.path()).options(&["--check"]).run().expect(0, "").expect_no_error();
    expect_error("fn f() { x } eval(\"let x = 1;\"); print(x);", 10, "there is no variable `x`");
}

#[test]
fn what_a_script_asks_for_is_left_alone() {
    expect_sound("if is_def_fn(\"extra\", 1) { extra(1); } if is_def_var(\"x\") { print(x); }");
}

#[test]
fn a_mistake_inside_a_try_is_a_warning() {
    check("try { nope(); } catch { }")
        .expect(0, "")
        .expect_error("warning: there is no function `nope`\n --> -e:1:7\n");
}

#[test]
fn a_function_that_hides_a_builtin_is_a_warning() {
    let text = "fn cd(x) { }\ncd(1);";
    check(text).expect(0, "").expect_error("warning: the function `cd` hides the builtin of that name\n --> -e:1:4\n");
    code(text).options(&["--check", "--quiet"]).run().expect(0, "").expect_no_error();
}

#[test]
fn every_finding_is_told_in_the_order_of_the_lines() {
    let output = check("let a = x;\nfn f() { y }\nlet b = z;\n");
    output.expect(2, "");
    let places: Vec<_> = output.err().lines().filter_map(|line| Some(line.split_once("--> ")?.1.to_string())).collect();
    assert_eq!(places, ["-e:1:9", "-e:2:10", "-e:3:9"], "{output}");
}

#[test]
fn modules_that_are_imported_by_name_are_checked() {
    let place = Place::new();
    place.write("lib/vm.rhai", "import \"net\" as net;\nfn destroy(vm) { net::close(vm) }\nfn broken() { nme }\n");
    place.write("lib/net.rhai", "fn close(x) { }\nlet y = typo;\n");
    let main = place.write("main.rhai", "import \"lib/vm\" as vm;\natexit(|| vm::destroy(1));\n");
    let output = file(main).options(&["--check"]).cwd(place.path()).run();
    output.expect(2, "");
    output.expect_error("error: there is no variable `nme`\n --> lib/vm.rhai:3:15\n");
    output.expect_error("error: there is no variable `typo`\n --> lib/net.rhai:2:9\n");
    output.expect_error("in the module imported at lib/vm.rhai:1:1\n   in the module imported at main.rhai:1:1\n");
}

#[test]
fn calls_of_a_modules_functions_are_checked() {
    let place = Place::new();
    place.write(
        "vm.rhai",
        "fn destroy(a) { hidden() }\nprivate fn hidden() { }\nexport const ZONE = 1;\nconst INNER = 2;\n",
    );
    let cases = [
        ("vm::destroy();", "function `vm::destroy` takes 1 argument but 0 were given"),
        ("vm::detsroy(1);", "there is no function `vm::detsroy`"),
        ("vm::hidden();", "`hidden` is private to its module"),
        ("vm::INNER;", "the module has no variable `vm::INNER`"),
        ("mv::destroy(1);", "there is no module `mv`"),
        ("fn f() { mv::destroy(1) }", "there is no module `mv`"),
    ];
    for (text, message) in cases {
        let output =
            code(format!("import \"vm\" as vm; {text}").as_str()).options(&["--check"]).cwd(place.path()).run();
        output.expect(2, "").expect_error(message);
    }
    let sound = "import \"vm\" as vm; vm::destroy(vm::ZONE); fn f() { vm::destroy(vm::ZONE) } f();";
    code(sound).options(&["--check"]).cwd(place.path()).run().expect(0, "").expect_no_error();
}

#[test]
fn calls_of_a_modules_modules_are_checked() {
    let place = Place::new();
    place.write("vm.rhai", "import \"net\" as net; import \"odd\" as odd; import \"n\" + \"et\" as computed;");
    place.write("net.rhai", "fn close(x) { }\nexport const PORT = 1;\n");
    place.write("odd.rhai", "eval(\"let x = 1;\");");
    let check = |text: &str| {
        code(format!("import \"vm\" as vm; {text}").as_str()).options(&["--check"]).cwd(place.path()).run()
    };
    for (text, message) in [
        ("vm::net::close();", "function `vm::net::close` takes 1 argument but 0 were given"),
        ("vm::net::clsoe(1);", "there is no function `vm::net::clsoe`"),
        ("vm::nte::close(1);", "there is no function `vm::nte::close`"),
        ("vm::net::PROT;", "the module has no variable `vm::net::PROT`"),
        ("fs::vm::close(1);", "there is no function `fs::vm::close`"),
    ] {
        check(text).expect(2, "").expect_error(message);
    }
    // What cannot be known is left alone.
    let sound =
        "vm::net::close(vm::net::PORT); vm::odd::x::f(); vm::computed::f(1); try { eval(\"1\"); v::n::f(); } catch { }";
    check(sound).expect(0, "");
}

#[test]
fn a_modules_function_as_a_handler_is_refused_with_the_closure_to_write() {
    let place = Place::new();
    place.write("lib.rhai", "fn destroy(vm) { }\n");
    let text = "import \"lib\" as lib; let vm = 1; atexit(lib::destroy, vm);";
    let run = || code(text).cwd(place.path());
    for output in [run().options(&["--check"]).run().expect_code(2), run().run().expect_code(1)] {
        output.expect_error("write the closure `|| lib::destroy(vm)`");
    }
}

#[test]
fn a_module_sees_the_functions_of_the_script_that_calls_it() {
    let place = Place::new();
    place.write("lib.rhai", "fn act() { helper() }\n");
    let text = "import \"lib\" as lib; fn helper() { print(1) } lib::act();";
    code(text).cwd(place.path()).run().expect(0, "1\n");
    code(text).cwd(place.path()).options(&["--check"]).run().expect(0, "").expect_no_error();
}

#[test]
fn a_module_that_is_missing_from_the_start_is_found() {
    let place = Place::new();
    let check = |text: &str| code(text).cwd(place.path()).options(&["--check"]).run();
    check("import \"nope\" as n; n::f();")
        .expect(2, "")
        .expect_error("cannot import `nope`: there is no `nope.rhai` in");
    // What a command before it may make, or what is asked for in vain, may be right.
    check("sh(\"make modules\"); import \"nope\" as n; n::f();").expect(0, "").expect_error("warning: cannot import");
    check("if false { import \"nope\" as n; n::f(); }").expect(0, "").expect_error("warning: cannot import");
    check("try { import \"nope\" as n; } catch { }").expect(0, "").expect_no_error();
    check("let name = \"nope\"; import name as n; n::f(); n::X;").expect(0, "").expect_no_error();
}

#[test]
fn a_faulty_module_is_found() {
    let place = Place::new();
    place.write("faulty.rhai", "let x = ;\n");
    place.write("sacred.rhai", "\nfn exit() { }\n");
    place.write("latin.rhai", b"// \xe9\n");
    let check =
        |name: &str| code(format!("import \"{name}\" as m;").as_str()).cwd(place.path()).options(&["--check"]).run();
    check("faulty").expect(2, "").expect_error("--> faulty.rhai:1:9").expect_error("in the module imported at -e:1:1");
    check("sacred").expect(2, "").expect_error("--> sacred.rhai:2:4");
    check("latin").expect(2, "").expect_error("line 1 is not UTF-8");
}

#[test]
fn modules_that_import_each_other_are_found() {
    let place = Place::new();
    place.write("a.rhai", "import \"b\" as b;\n");
    place.write("b.rhai", "import \"a\" as a;\n");
    let output = code("import \"a\" as a;").cwd(place.path()).options(&["--check"]).run();
    output.expect(2, "").expect_error("it imports itself: `a.rhai` → `b.rhai` → `a.rhai`");
}

#[test]
fn the_check_works_for_a_file_and_for_standard_input() {
    let place = Place::new();
    let script = place.write("x.rhai", "#!/usr/bin/env stagesh\nprint(typo);\n");
    file(script).options(&["-c"]).run().expect(2, "").expect_error("x.rhai:2:7");
    crate::harness::Run::new().options(&["-c"]).stdin("print(typo);").run().expect(2, "").expect_error("stdin:1:7");
}

#[test]
fn the_scripts_of_the_project_are_sound() {
    for directory in ["scripts", "benches", "benches/programs", "benches/training"] {
        let entries = std::fs::read_dir(crate::harness::root().join(directory)).expect("it is there").flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "rhai")) {
            file(path).options(&["--check"]).run().expect(0, "").expect_no_error();
        }
    }
}
