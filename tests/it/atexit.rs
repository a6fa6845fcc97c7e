//! `atexit`: what can be registered, when it runs, and in which surroundings.

use crate::harness::{Place, code, file, prints};

/// Runs the code, whose registration is refused with just this message; a handler registered before runs.
#[track_caller]
fn refuses(script: &str, message: &str) {
    let script = format!("atexit(|| print(\"cleaned\")); {script}; print(\"not reached\");");
    let output = code(&script).run();
    output.expect(1, "cleaned\n");
    let first = output.err().lines().next().unwrap_or_default().to_string();
    assert_eq!(first, format!("error: {message}"), "of\n{output}");
}

#[test]
fn a_script_function_is_given_by_its_bare_name() {
    prints("fn cleanup() { print(\"cleaned\"); } atexit(cleanup); print(\"work\");", "work\ncleaned\n");
}

#[test]
fn a_function_may_be_defined_after_its_registration() {
    prints("atexit(cleanup); fn cleanup() { print(\"cleaned\"); }", "cleaned\n");
}

#[test]
fn a_function_pointer_is_given() {
    prints("fn cleanup() { print(\"cleaned\"); } let h = atexit(Fn(\"cleanup\"));", "cleaned\n");
}

#[test]
fn a_closure_is_given() {
    prints("let name = \"vm\"; atexit(|| print(`gone: ${name}`));", "gone: vm\n");
}

#[test]
fn a_curried_function_pointer_is_given() {
    prints("fn add(a, b) { print(a + b); } atexit(Fn(\"add\").curry(40), 2);", "42\n");
}

#[test]
fn a_function_of_the_host_is_given_by_its_bare_name() {
    prints("atexit(sh, \"echo $1\", \"out\"); atexit(sleep, 0);", "out\n");
}

#[test]
fn a_command_is_given_as_an_array() {
    prints("let id = \"a b\"; atexit([\"echo\", \"rm\", [\"-f\", id]]);", "rm -f a b\n");
}

#[test]
fn a_command_is_given_as_a_shell_text() {
    prints("atexit(shell(\"echo \\\"$1\\\"\", \"a  b\"));", "a  b\n");
}

#[test]
fn the_words_of_a_command_are_copied_at_the_registration() {
    prints("let words = [\"echo\", \"then\"]; atexit(words); words[1] = \"now\"; words.push(\"more\");", "then\n");
}

#[test]
fn up_to_eight_arguments_are_given() {
    prints(
        "fn f(a, b, c, d, e, f, g, h) { print(`${a}${b}${c}${d}${e}${f}${g}${h}`); }
         fn none() { print(\"none\"); }
         atexit(f, 1, 2, 3, 4, 5, 6, 7, 8); atexit(none);",
        "none\n12345678\n",
    );
}

#[test]
fn a_ninth_argument_is_refused() {
    let output = code(
        "fn f(a, b, c, d, e, f, g, h, i) {} atexit(|| print(\"cleaned\"));
         atexit(f, 1, 2, 3, 4, 5, 6, 7, 8, 9);",
    )
    .run();
    output.expect(1, "cleaned\n").expect_error("atexit");
}

#[test]
fn arguments_are_copied_at_the_registration() {
    prints(
        "fn show(a, b, c) { print(a); print(b); print(c); }
         let text = \"old\"; let list = [1, [2]]; let map = #{k: [1]};
         atexit(show, text, list, map);
         text += \" new\"; list[1].push(3); list.push(4); map.k.push(2); map.z = 1;",
        "old\n[1, [2]]\n#{\"k\": [1]}\n",
    );
}

#[test]
fn arguments_that_a_closure_shares_are_copied_too() {
    prints("let x = 1; let f = || x += 1; fn show(n) { print(n); } atexit(show, x); f.call(); print(x);", "2\n1\n");
}

#[test]
fn a_closure_sees_later_values_of_what_it_captures() {
    prints("let vm = (); atexit(|| print(`destroy ${vm}`)); vm = \"vm-1\"; vm += \"b\";", "destroy vm-1b\n");
}

#[test]
fn what_a_closure_changes_is_seen_by_the_next_handler() {
    prints("let n = 1; atexit(|| print(n)); atexit(|| n += 1); atexit(|| n *= 10);", "11\n");
}

#[test]
fn a_registration_returns_a_handler() {
    prints("let h = atexit(|| ()); print(type_of(h)); h.cancel();", "Handler\n");
}

#[test]
fn cancel_forgets_a_handler_and_says_whether_it_was_pending() {
    prints(
        "atexit(|| print(\"stays\")); let h = atexit(|| print(\"never\"));
         print(h.pending); print(h.cancel()); print(h.cancel()); print(h.pending);",
        "true\ntrue\nfalse\nfalse\nstays\n",
    );
}

#[test]
fn run_calls_a_handler_now_and_not_at_the_end() {
    prints(
        "let h = atexit(|| { print(\"ran\"); 42 }); print(h.run()); print(h.pending); print(h.run() == ()); print(\"end\");",
        "ran\n42\nfalse\ntrue\nend\n",
    );
}

#[test]
fn run_of_a_cancelled_handler_is_nothing() {
    prints("let h = atexit(|| print(\"never\")); h.cancel(); print(h.run() == ());", "true\n");
}

#[test]
fn run_raises_what_the_handler_raises() {
    // It is told and counts as in the clean-up, whatever the script makes of it.
    code("let h = atexit(|| throw \"no disk\"); try { h.run(); print(\"not reached\"); } catch (e) { print(e); } print(h.pending);")
        .run()
        .expect(1, "no disk\nfalse\n")
        .expect_error("in the exit handler `closure` registered at -e:1:9");
}

#[test]
fn an_uncaught_error_of_run_is_the_error_of_the_script() {
    code("atexit(|| print(\"rest\")); let h = atexit(|| throw \"no disk\"); h.run(); print(\"not reached\");")
        .run()
        .expect(1, "rest\n")
        .expect_error("error: no disk");
}

#[test]
fn an_error_of_run_shows_where_it_was_called() {
    let place = Place::new();
    let script = "fn work() { throw \"boom\" }\nfn finish(h) {\n    h.run();\n}\nfinish(atexit(work));";
    file(place.write("x.rhai", script))
        .cwd(place.path())
        .run()
        .expect_code(1)
        .expect_error("in `work`, called from x.rhai:3:7\n   in `finish`, called from x.rhai:5:1\n");
}

#[test]
fn a_function_of_the_script_hides_nothing_that_a_handler_can_do() {
    prints(
        "fn cancel() { print(\"mine\") } fn run() { print(this) } fn name(x) { x } let h = atexit(print, \"never\");
         print(h.cancel()); let g = atexit(print, \"now\"); g.run(); \"s\".cancel(); \"t\".run(); print(\"u\".name(1));
         atexit(print, \"last\").name(\"named\"); print(handlers()[0].name);",
        "true\nnow\nmine\nt\n1\nnamed\nlast\n",
    );
}

#[test]
fn a_name_is_one_line_of_a_report() {
    code("atexit(|| throw 1).name(\"a\\nb\\x1b[1m\");")
        .run()
        .expect_code(1)
        .expect_error(r"exit handler `a\nb\u{1b}[1m`");
}

#[test]
fn a_handler_sees_what_the_script_imports_after_its_registration() {
    let place = Place::new();
    place.write("late.rhai", "fn clean() { print(\"late\") }");
    let script = "fn clean() { late::clean() } atexit(clean); atexit(|| late::clean()); import \"late\" as late;";
    file(place.write("x.rhai", script)).run().expect(0, "late\nlate\n");
}

#[test]
fn rhais_own_functions_are_refused_with_another_number_of_arguments() {
    refuses("atexit(Fn(\"sqrt\"), 1, 2, 3);", "atexit: function `sqrt` takes 1 argument but 3 were given");
    refuses("fn int.show() { print(this) } atexit(show);", "atexit: there is no function `show`");
    prints("let h = atexit(print, \"never\"); atexit(Fn(\"cancel\"), h);", "");
}

#[test]
fn a_handler_that_runs_is_not_pending_any_more() {
    prints(
        "let h = (); h = atexit(|| { print(h.pending); print(h.cancel()); print(h.run() == ()); });",
        "false\nfalse\ntrue\n",
    );
}

#[test]
fn a_handler_may_run_or_cancel_another() {
    prints(
        "let a = atexit(|| print(\"a\")); let b = atexit(|| print(\"b\"));
         atexit(|| { a.run(); b.cancel(); print(\"c\"); });",
        "a\nc\n",
    );
}

#[test]
fn name_and_timeout_return_the_handle() {
    prints(
        "let h = atexit(|| print(\"ran\")).name(\"destroy vm\").timeout(30).timeout(1.5);
         print(h); print(handlers()[0].name); print(h.pending); h.name(\"new name\"); print(handlers()[0].name);",
        "Handler(destroy vm)\ndestroy vm\ntrue\nnew name\nran\n",
    );
}

#[test]
fn a_report_calls_a_handler_by_its_name() {
    code("atexit(|| throw \"boom\").name(\"destroy vm\");").run().expect(1, "").expect_error("`destroy vm`");
}

#[test]
fn a_wrong_name_or_timeout_is_refused() {
    for (call, message) in [
        ("name(1)", "name: expected a string, not `1`"),
        ("timeout(-1)", "timeout: expected a number of seconds, at least 0, not `-1`"),
        ("timeout(\"1\")", "timeout: expected a number of seconds, at least 0, not the string \"1\""),
    ] {
        code(&format!("atexit(|| ()).{call};")).run().expect(1, "").expect_error(message);
    }
}

#[test]
fn unregister_forgets_every_registration_of_a_function_and_counts_them() {
    prints(
        "fn a(n) { print(`a${n}`); } fn b() { print(\"b\"); }
         atexit(a, 1); atexit(b); atexit(a, 2); atexit(a, 3);
         print(unregister(a)); print(unregister(a)); print(handlers().len);",
        "3\n0\n1\nb\n",
    );
}

#[test]
fn unregister_forgets_a_closure() {
    prints("let f = || print(\"never\"); atexit(f); atexit(f); print(unregister(f));", "2\n");
}

#[test]
fn unregister_tells_closures_apart_by_what_they_hold() {
    let script = "fn destroyer(vm) { || print(vm) } let a = destroyer(\"one\"); atexit(a); atexit(destroyer(\"two\")); print(unregister(a));
        let all = []; for i in 3..6 { let c = || print(i); atexit(c); all.push(c); } print(unregister(all[1]));
        let i = 6; while i < 8 { let j = i; let c = || print(j); atexit(c); all.push(c); i += 1; } print(unregister(all[3]));";
    prints(script, "1\n1\n1\n7\n5\n3\ntwo\n");
    let script = "fn f(x) { print(x) } let of = |x| Fn(\"f\").curry(x); for x in [[1], [2], [1], #{a: 1}, of.call(1), 7] { atexit(of.call(x)); }
        print(unregister(of.call([1]))); print(unregister(of.call(#{a: 1}))); print(unregister(of.call(of.call(2)))); print(unregister(f));";
    prints(script, "2\n1\n0\n3\n");
    // What has a handle has that one.
    let script = "let all = []; let handles = [start([\"true\"]), start([\"true\"]), atexit(|| ()), atexit(|| ()), fs::stat(\"/\"), fs::stat(\"/dev/null\"), 1..2, 1..3];
        for h in handles { let c = || print(h); atexit(c); all.push(c); } print(all.map(unregister).reduce(|sum, n| sum + n, 0)); print(all.map(unregister));";
    prints(script, "8\n[0, 0, 0, 0, 0, 0, 0, 0]\n");
}

#[test]
fn unregister_tells_two_functions_of_one_name_in_two_modules_apart() {
    let place = Place::new();
    place.write("a.rhai", "fn clean() { print(\"a\"); } fn set() { atexit(clean); } fn unset() { unregister(clean) }");
    place.write("b.rhai", "fn clean() { print(\"b\"); } fn set() { atexit(clean); }");
    let main = place.write("main.rhai", "import \"a\" as a; import \"b\" as b; a::set(); b::set(); print(a::unset());");
    file(main).run().expect(0, "1\nb\n").expect_no_error();
}

#[test]
fn handlers_lists_what_is_pending_newest_first() {
    let place = Place::new();
    let main = place.write(
        "main.rhai",
        "fn destroy(a, b) {}\natexit(destroy, \"vm\", [1]);\natexit([\"echo\", \"a b\"]);\natexit(|| ());
for h in handlers() { print(`${h.name} ${h.line} ${h.args}`); }
print(handlers()[0].source == script_path()); for h in handlers() { print(h.keys()); }",
    );
    let out = file(main).run();
    let keys = "[\"args\", \"line\", \"name\", \"source\"]\n".repeat(3);
    out.expect(
        0,
        &format!("closure 4 []\necho 'a b' 3 [\"echo\", \"a b\"]\ndestroy 2 [\"vm\", [1]]\ntrue\n{keys}a b\n"),
    );
}

#[test]
fn handlers_of_an_empty_stack_is_empty() {
    prints("print(handlers()); let h = atexit(|| ()); h.run(); print(handlers());", "[]\n[]\n");
}

#[test]
fn a_part_that_a_listed_handler_does_not_have_is_an_error_with_the_nearest() {
    code("atexit(|| print(1)); handlers()[0].lines").run().expect(1, "1\n").expect_error("did you mean `line`?");
}

#[test]
fn what_is_not_callable_is_refused() {
    for (given, text) in [
        ("42", "`42`"),
        ("\"cleanup\"", "the string \"cleanup\""),
        ("()", "`()`"),
        ("#{}", "a map"),
        ("true", "`true`"),
        ("atexit(|| ())", "a Handler"),
    ] {
        let sentence = format!("atexit: a handler is a function, a closure or a command (an array), not {text}");
        refuses(&format!("atexit({given})"), &sentence);
    }
}

#[test]
fn a_function_that_does_not_exist_is_refused_with_the_nearest_name() {
    refuses(
        "fn cleanup() {} atexit(Fn(\"clenup\"))",
        "atexit: there is no function `clenup` (did you mean `cleanup`?)",
    );
    refuses("atexit(Fn(\"nothing_like_it\"))", "atexit: there is no function `nothing_like_it`");
}

#[test]
fn a_bare_name_that_stands_for_nothing_is_refused_with_the_nearest_name() {
    code("fn cleanup() {} atexit(|| print(\"cleaned\")); atexit(clenup);")
        .run()
        .expect(1, "cleaned\n")
        .expect_error("there is no variable `clenup`")
        .expect_error("did you mean `cleanup`?");
}

#[test]
fn another_number_of_arguments_is_refused_with_both_numbers() {
    refuses("fn f(a, b) {} atexit(f, 1)", "atexit: function `f` takes 2 arguments but 1 was given");
    refuses("fn f(a) {} atexit(f)", "atexit: function `f` takes 1 argument but 0 were given");
    refuses("fn f() {} atexit(f, 1, 2, 3)", "atexit: function `f` takes 0 arguments but 3 were given");
    refuses(
        "fn f(a) {} fn f(a, b, c) {} atexit(f, 1, 2)",
        "atexit: function `f` takes 1 or 3 arguments but 2 were given",
    );
    refuses("let x = 1; atexit(|a| print(a + x))", "atexit: function `closure` takes 1 argument but 0 were given");
    refuses("atexit(sleep)", "atexit: function `sleep` takes 1 argument but 0 were given");
    refuses("fn f(a, b) {} atexit(Fn(\"f\").curry(1))", "atexit: function `f` takes 1 argument but 0 were given");
}

#[test]
fn a_refused_registration_leaves_the_stack_as_it_was() {
    prints(
        "fn f(a) {} atexit(|| print(\"one\"));
         for bad in [|| atexit(f), || atexit(1), || atexit([]), || atexit(\"f\"), || atexit(Fn(\"g\"))] {
             try { bad.call(); } catch { print(handlers().len); }
         }",
        "1\n1\n1\n1\n1\none\n",
    );
}

#[test]
fn arguments_after_a_command_are_refused() {
    refuses(
        "atexit([\"echo\"], \"a\")",
        "atexit: expected no arguments after a command: put them into the array, not the string \"a\"",
    );
    refuses(
        "atexit(shell(\"echo\"), \"a\")",
        "atexit: expected no arguments after a command: put them into the array, not the string \"a\"",
    );
}

#[test]
fn a_bare_function_of_a_module_is_refused_with_the_closure_to_write() {
    let place = Place::new();
    place.write("lib.rhai", "fn destroy() {}");
    let main = place.write(
        "main.rhai",
        "import \"lib\" as lib;\natexit(|| print(\"cleaned\"));\natexit(lib::destroy);\nprint(\"not reached\");",
    );
    let output = file(main).run();
    output.expect(1, "cleaned\n").expect_error("|| lib::destroy()").expect_error("main.rhai:3:8");
}

#[test]
fn a_script_that_defines_a_sacred_name_does_not_load() {
    for name in ["atexit", "exit", "exit_now", "trap", "untrap"] {
        let place = Place::new();
        let main = place.write("main.rhai", format!("print(\"started\");\n\nfn {name}(x) {{ print(x); }}\n"));
        file(main).run().expect(2, "").expect_error(&format!("`{name}`")).expect_error("main.rhai:3:");
    }
}

#[test]
fn a_module_that_defines_a_sacred_name_is_a_script_error() {
    let place = Place::new();
    place.write("m.rhai", "\nprivate fn exit() {}\n");
    let main = place.write("main.rhai", "atexit(|| print(\"cleaned\")); import \"m\" as m; print(\"not reached\");");
    file(main).run().expect(1, "cleaned\n").expect_error("`exit`").expect_error("m.rhai:2:");
}

#[test]
fn a_handler_registered_at_the_top_level_of_a_module_works() {
    let place = Place::new();
    place.write(
        "m.rhai",
        "const PLACE = \"disk\"; import \"n\" as n; private fn secret(x) { print(`secret ${x} ${global::PLACE} ${n::name()}`); }
         atexit(secret, 1); atexit(|| secret(2));",
    );
    place.write("n.rhai", "fn name() { \"n\" }");
    let main = place.write("main.rhai", "import \"m\" as m; print(\"work\");");
    file(main).run().expect(0, "work\nsecret 2 disk n\nsecret 1 disk n\n").expect_no_error();
}

#[test]
fn a_handler_registered_in_a_function_of_a_module_works() {
    let place = Place::new();
    place.write(
        "m.rhai",
        "const PLACE = \"disk\"; import \"n\" as n;
         private fn secret(x) { print(`secret ${x} ${global::PLACE} ${n::name()}`); }
         fn set() { atexit(secret, 1); atexit(|| secret(2)); }",
    );
    place.write("n.rhai", "fn name() { \"n\" }");
    let main = place.write("main.rhai", "import \"m\" as m; m::set(); print(\"work\");");
    file(main).run().expect(0, "work\nsecret 2 disk n\nsecret 1 disk n\n").expect_no_error();
}

#[test]
fn a_closure_made_in_a_module_works_where_it_is_registered_elsewhere() {
    let place = Place::new();
    place.write(
        "m.rhai",
        "const PLACE = \"disk\"; import \"n\" as n;
         private fn secret(x) { print(`secret ${x} ${global::PLACE} ${n::name()}`); }
         fn make(x) { || secret(x) }",
    );
    place.write("n.rhai", "fn name() { \"n\" }");
    let main = place
        .write("main.rhai", "import \"m\" as m; atexit(m::make(1)); let f = m::make(2); atexit(f); print(\"work\");");
    file(main).run().expect(0, "work\nsecret 2 disk n\nsecret 1 disk n\n").expect_no_error();
}

#[test]
fn a_handler_of_a_module_is_not_taken_for_the_scripts_function_of_the_same_name() {
    let place = Place::new();
    place.write("m.rhai", "fn clean() { print(\"module\"); } fn set() { atexit(clean); atexit(|| clean()); }");
    let main =
        place.write("main.rhai", "import \"m\" as m; fn clean() { print(\"script\"); } m::set(); atexit(clean);");
    file(main).run().expect(0, "script\nmodule\nmodule\n").expect_no_error();
}

#[test]
fn a_handler_that_uses_a_constant_of_the_script_works() {
    prints(
        "const PLACE = \"disk\"; fn clean() { print(global::PLACE); } fn set() { atexit(clean); atexit(|| print(global::PLACE)); } set();",
        "disk\ndisk\n",
    );
}

#[test]
fn a_handler_that_uses_an_imported_module_works() {
    let place = Place::new();
    place.write("lib.rhai", "fn destroy(n) { print(`destroyed ${n}`); }");
    let main = place.write(
        "main.rhai",
        "import \"lib\" as lib; fn clean(n) { lib::destroy(n); }
         fn set() { atexit(clean, 1); atexit(|| lib::destroy(2)); } set(); atexit(|| lib::destroy(3)); atexit(clean, 4);",
    );
    file(main).run().expect(0, "destroyed 4\ndestroyed 3\ndestroyed 2\ndestroyed 1\n").expect_no_error();
}

#[test]
fn a_handler_registered_deep_down_has_all_the_depth() {
    prints(
        "fn down(n) { if n == 0 { atexit(deep, 300); } else { down(n - 1); } }
         fn deep(n) { if n == 0 { print(\"bottom\"); } else { deep(n - 1); } } down(900);",
        "bottom\n",
    );
    // Also where it is called deep down.
    prints(
        "fn down(n) { if n > 0 { return down(n - 1); } scope(|| { atexit(deep, 900); }); let h = atexit(deep, 900); h.run(); }
         fn deep(n) { if n == 0 { print(\"bottom\"); } else { deep(n - 1); } } down(900);",
        "bottom\nbottom\n",
    );
}

#[test]
fn what_a_handler_registers_runs_next() {
    prints(
        "atexit(|| print(\"old\"));
         atexit(|| { print(\"new\"); atexit(|| print(\"nested 1\")); atexit(|| { print(\"nested 2\"); atexit(|| print(\"deeper\")); }); });",
        "new\nnested 2\ndeeper\nnested 1\nold\n",
    );
}

#[test]
fn a_chain_of_handlers_that_register_handlers_runs_to_its_end() {
    prints("fn next(n) { if n > 0 { atexit(next, n - 1); } else { print(\"end\"); } } atexit(next, 20000);", "end\n");
}

#[test]
fn a_handler_that_raises_is_reported_and_the_rest_run() {
    let place = Place::new();
    let main = place.write(
        "main.rhai",
        "fn boom(x) {\n    throw `no ${x}`;\n}\natexit(|| print(\"first\"));\natexit(boom, \"disk\");\natexit(|| print(\"last\"));\n",
    );
    let output = file(main).cwd(place.path()).run();
    output.expect(1, "last\nfirst\n");
    output.expect_error("error: no disk").expect_error("main.rhai:2:5").expect_error("throw `no ${x}`;");
    output.expect_error("`boom`").expect_error("registered at main.rhai:5:1");
}

#[test]
fn every_handler_that_raises_is_reported() {
    let output = code("for n in [1, 2, 3] { atexit(|| throw `fault ${n}`); }").run();
    output.expect(1, "").expect_error("fault 1").expect_error("fault 2").expect_error("fault 3");
}

#[test]
fn a_command_of_a_handler_that_fails_is_reported() {
    code("atexit(|| print(\"rest\")); atexit([\"sh\", \"-c\", \"exit 7\"]);")
        .run()
        .expect(1, "rest\n")
        .expect_error("exited with 7");
}

#[test]
fn exit_in_a_handler_ends_that_handler_alone() {
    code("atexit(|| print(\"rest\")); atexit(|| { print(\"before\"); try { exit(3); } catch {} print(\"not reached\"); });")
        .run()
        .expect(3, "before\nrest\n")
        .expect_no_error();
}

#[test]
fn exit_in_a_handler_passes_through_callbacks() {
    code("atexit(|| print(\"rest\")); atexit(|| { [1].map(|x| exit(3)); print(\"not reached\"); });")
        .run()
        .expect(3, "rest\n")
        .expect_no_error();
}

#[test]
fn a_million_handlers_register_and_run() {
    prints(
        "let n = 0; fn f() {} atexit(|| print(n)); for i in 0..1000000 { atexit(f); } print(handlers().len); atexit(|| n = 1);",
        "1000001\n1\n",
    );
}

#[test]
fn a_closure_may_register_a_builtin_and_a_function_that_is_defined_further_down() {
    code("scope(|| { atexit(print, 1); }); fn f() { scope(|| atexit(later, 2)) } f(); fn later(x) { print(x) }")
        .run()
        .expect(0, "1\n2\n");
    code("let f = || later; let print = 5; atexit(f.call()); print(print); fn later() { print(6) }")
        .run()
        .expect(0, "5\n6\n");
}

#[test]
fn print_is_a_handler_like_any_other() {
    let output = code("let h = atexit(print, \"bye\"); print(handlers()[0].name); print(unregister(print));").run();
    output.expect(0, "print\n1\n");
    code("atexit(print, 1, 2);")
        .run()
        .expect_code(1)
        .expect_error("atexit: function `print` takes 0 or 1 arguments but 2 were given");
}

#[test]
fn a_handler_that_uses_what_run_is_called_on_is_refused_and_not_lost() {
    let told = "error: run: the handler uses the variable, or the part of one, that `run` is called on";
    for run in ["vms.a.run();", "try { vms.a.run(); } catch (e) { print(e.kind); }"] {
        let script =
            format!("let vms = #{{}}; vms.a = atexit(|| {{ vms.remove(\"a\"); print(\"destroyed\"); }}); {run}");
        let output = code(&script).run();
        match run.starts_with("try") {
            true => output.expect(0, "argument\ndestroyed\n"),
            false => output.expect(1, "destroyed\n").expect_error(told),
        };
    }
    code("let h = (); h = atexit(|| print(h.pending)); h.run();").run().expect(1, "false\n").expect_error(told);
    code("let vms = #{}; vms.a = atexit(|| { vms.remove(\"a\"); }); let h = vms.a; h.run(); print(vms);")
        .run()
        .expect(0, "#{}\n");
}

#[test]
fn a_command_for_which_there_was_no_descriptor_costs_no_later_one() {
    let script = "atexit([\"echo\", \"cleaned\"]);
        let held = []; try { loop { held.push(process(1)); } } catch (e) { print(e.message); }
        try { run([\"true\"]); } catch (e) { print(e.kind); }
        held = []; run([\"echo\", \"one\"]); print(start([\"true\"]).wait().ok);";
    let told = "process: cannot look up 1: too many open files\nprogram\none\ntrue\ncleaned\n";
    code(script).under(&["prlimit", "--nofile=40"]).run().expect(0, told);
}

#[test]
fn a_script_that_has_used_up_its_descriptors_is_cleaned_up() {
    let place = Place::new();
    let script = r#"
        let made = fs::temp_dir(); fs::write("made", made); fs::write(path::join(made, "x"), "");
        let held = [];
        try { loop { held.push(start(["sleep", "600"], #{stdout: "capture"})); } } catch (e) { print(e.message); }
        scope(|| 1); atexit(["echo", "a command"]); atexit(|| print(capture(["echo", "what it says"])));
        scope(|| { atexit(|| print(fs::read("made") == made)); });
        scope(|| { atexit(|| print(fs::read("made") == made)); });
        atexit(|| { atexit(["echo", "from a handler"]); });"#;
    let told = "cannot start `sleep 600`: too many open files\ntrue\ntrue\nfrom a handler\nwhat it says\na command\n";
    code(script).cwd(place.path()).under(&["prlimit", "--nofile=80"]).run().expect(0, told);
    let made = std::fs::read_to_string(place.path().join("made")).expect("it was written");
    assert!(!std::path::Path::new(&made).exists(), "{made}");
}
