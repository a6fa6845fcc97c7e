//! Closures that are made in loops: what they have captured.

use crate::harness::{Place, file, prints};

#[test]
fn a_closure_made_in_a_loop_has_the_variable_of_its_turn() {
    prints("for n in [\"a\", \"b\", \"c\"] { atexit(|| print(n)); }", "c\nb\na\n");
}

#[test]
fn both_variables_of_a_loop_are_those_of_the_turn() {
    prints("for (x, i) in [\"a\", \"b\"] { atexit(|| print(`${i}${x}`)); }", "1b\n0a\n");
}

#[test]
fn a_loop_in_a_function_gives_each_closure_its_turn() {
    prints("fn all(names) { for n in names { atexit(|| print(n)); } } all([1, 2, 3]);", "3\n2\n1\n");
}

#[test]
fn a_loop_in_a_closure_gives_each_closure_its_turn() {
    prints("let all = |names| { for n in names { atexit(|| print(n)); } }; all.call([1, 2]);", "2\n1\n");
}

#[test]
fn a_loop_in_a_module_gives_each_closure_its_turn() {
    let place = Place::new();
    place.write(
        "m.rhai",
        "for n in [1, 2] { atexit(|| print(`top ${n}`)); } fn f() { for n in [1, 2] { atexit(|| print(`fn ${n}`)); } }",
    );
    let main = place.write("main.rhai", "import \"m\" as m; m::f();");
    file(main).run().expect(0, "fn 2\nfn 1\ntop 2\ntop 1\n").expect_no_error();
}

#[test]
fn loops_in_loops_give_each_closure_its_turn() {
    prints("for a in [1, 2] { for b in [3, 4] { atexit(|| print(`${a}${b}`)); } }", "24\n23\n14\n13\n");
}

#[test]
fn a_closure_kept_in_a_variable_first_has_the_variable_of_its_turn() {
    prints("for n in [1, 2] { let f = || print(n); atexit(f); }", "2\n1\n");
}

#[test]
fn a_closure_within_a_closure_has_the_variable_of_its_turn() {
    prints("for n in [1, 2] { let outer = || { atexit(|| print(n)); }; outer.call(); }", "2\n1\n");
}

#[test]
fn a_closure_that_calls_a_closure_of_the_turn_calls_that_of_its_turn() {
    prints("for n in [1, 2] { let destroy = || print(n); atexit(|| destroy.call()); }", "2\n1\n");
}

#[test]
fn a_closure_given_as_an_argument_has_the_variable_of_its_turn() {
    prints("fn invoke(f) { f.call(); } for n in [1, 2] { atexit(invoke, || print(n)); }", "2\n1\n");
}

#[test]
fn a_closure_that_captures_itself_can_be_registered() {
    prints(
        "let f = (); f = |n| { if n < 0 { f.call(n) } print(n) }; for x in [1] { atexit(f, 2); atexit(|| print(x)); }",
        "1\n2\n",
    );
}

#[test]
fn a_long_chain_of_closures_does_not_overflow_the_stack() {
    let chain = "let f = || 0; for i in 0..100000 { let g = f; f = || if i < 0 { g.call() }; }";
    prints(&format!("{chain} atexit(f); atexit(|| print(\"cleaned\"));"), "cleaned\n");
}

#[test]
fn what_else_a_closure_of_a_loop_captures_stays_live() {
    prints(
        "let live = \"old\"; for n in [1, 2] { atexit(|| print(`${n} ${live}`)); } live = \"new\";",
        "2 new\n1 new\n",
    );
}

#[test]
fn a_variable_declared_in_a_loop_is_that_of_its_turn_and_live() {
    prints("for n in [1, 2] { let vm = (); atexit(|| print(vm)); vm = `vm-${n}`; }", "vm-2\nvm-1\n");
}
