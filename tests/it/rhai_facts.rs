//! What Rhai 1.27.0 does, as far as the code relies on it: an upgrade that changes one of these fails here.
//! `docs/pitfalls.md` says what each means for us.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::grain::{Compiler, Vm};
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, Module, NativeCallContext, OptimizationLevel, Position, Scope};

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::None);
    // The vehicle of a stop.
    engine.register_fn("stop", || -> Result<(), Box<EvalAltResult>> {
        Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into())
    });
    engine
}

#[test]
fn exit_ends_as_a_value() {
    assert_eq!(engine().eval::<i64>("exit(3); 4").expect("it is no error"), 3);
}

#[test]
fn a_termination_cannot_be_caught_where_it_is_raised() {
    let error = engine().run("try { stop() } catch { }").expect_err("it passes through");
    assert!(matches!(*error, EvalAltResult::ErrorTerminated(..)), "{error:?}");
}

#[test]
fn a_termination_in_a_callback_can_be_caught() {
    for script in ["[1].map(|x| stop())", "[1].filter(|x| stop())", "[1].for_each(|x| stop())", "eval(\"stop()\")"] {
        let caught = engine().eval::<i64>(&format!("try {{ {script} }} catch {{ }} 5"));
        assert_eq!(caught.expect("the stop is lost"), 5, "{script}");
    }
}

#[test]
fn an_error_in_a_comparator_vanishes() {
    assert_eq!(engine().eval::<i64>("let a = [2, 1]; a.sort(|a, b| stop()); 5").expect("the stop is lost"), 5);
}

#[test]
fn an_error_of_a_native_function_of_a_module_has_no_place() {
    let fail = || -> Result<(), Box<EvalAltResult>> { Err("failed".into()) };
    let mut module = rhai::Module::new();
    module.set_native_fn("fail", fail);
    let mut engine = engine();
    engine.register_static_module("module_of_ours", module.into()).register_fn("fail", fail);
    let place = |script: &str| engine.run(script).expect_err("it fails").position();
    assert!(place("module_of_ours::fail();").is_none() && !place("fail();").is_none());
}

#[test]
fn json_is_evaluated() {
    assert_eq!(engine().eval::<i64>("parse_json(`{\"a\": abs(-3)}`).a").expect("it is code"), 3);
}

#[test]
fn an_error_of_the_system_cannot_be_caught_and_one_of_a_script_can() {
    let mut engine = engine();
    engine.register_fn("system", || -> Result<(), Box<EvalAltResult>> {
        Err(EvalAltResult::ErrorSystem("s".into(), "e".into()).into())
    });
    assert!(engine.run("try { system() } catch { }").is_err());
    assert_eq!(
        engine.eval::<i64>("let v = 0; try { throw #{a: 1}; } catch (e) { v = e.a; } v").expect("it is caught"),
        1
    );
}

#[test]
fn progress_is_told_for_every_operation_and_not_inside_a_native_function() {
    let mut engine = engine();
    let count = Rc::new(Cell::new(0_u64));
    let told = Rc::clone(&count);
    engine.on_progress(move |_| {
        told.set(told.get() + 1);
        None
    });
    engine.run("for i in 0..1000 { i + 1 }").expect("it runs");
    let of_loop = count.replace(0);
    engine.run("let a = []; a.pad(100000, 1); a.sort();").expect("it runs");
    assert!(of_loop >= 1000 && count.get() < 50, "{of_loop} and {}", count.get());
}

#[test]
fn a_panic_of_a_native_function_passes_through() {
    let mut engine = engine();
    engine.register_fn("fall", || -> () { panic!("fell") });
    assert!(catch_unwind(AssertUnwindSafe(|| engine.run("[1].map(|x| fall())"))).is_err());
}

#[test]
fn closures_of_a_loop_share_its_variable() {
    let script = "let a = []; for i in 0..3 { a.push(|| i); } a.map(|f| f.call())";
    let values = engine().eval::<rhai::Array>(script).expect("it runs");
    assert_eq!(values.iter().map(|v| v.as_int().expect("a number")).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_function_that_was_looked_up_is_remembered_for_another_module() {
    let mut engine = engine();
    let ast = engine.compile("private fn who() { \"module\" } fn ask() { who() }").expect("it is well formed");
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).expect("it is a module");
    engine.register_static_module("m", module.into());
    let script = "fn who() { \"script\" } fn both() { who() + m::ask() } both() + both() + both()";
    assert_ne!(engine.eval::<String>(script).expect("it runs"), "scriptmodule".repeat(3));
}

#[test]
fn what_a_hook_resolves_is_not_shared() {
    let mut engine = engine();
    #[allow(deprecated)]
    engine.on_var(|name, _, _| Ok((name == "hooked").then(|| Dynamic::from(7_i64))));
    let pointer = engine.eval::<FnPtr>("let x = 1; || x + hooked").expect("it is a closure");
    let shared: Vec<bool> = pointer.iter_curry().map(Dynamic::is_shared).collect();
    assert_eq!(shared, [true, false]);
}

#[test]
fn a_raw_scope_is_told_newest_first() {
    let mut scope = Scope::new();
    scope.push("old", 1_i64).push("new", 2_i64);
    assert_eq!(scope.iter_raw().map(|(name, ..)| name).collect::<Vec<_>>(), ["new", "old"]);
}

#[test]
fn what_a_closure_captures_is_its_first_arguments() {
    let pointer = engine().eval::<FnPtr>("let b = 7; |x| x + b").expect("it is a closure");
    assert!(pointer.fn_name().starts_with("anon$"), "{pointer:?}");
    assert_eq!(pointer.curry().iter().map(|v| v.as_int().expect("a number")).collect::<Vec<_>>(), [7]);
}

#[test]
fn the_default_optimisation_deletes_a_try_that_only_imports() {
    let script = "try { import \"nowhere\" as n; } catch { throw 1; }";
    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::Simple);
    assert!(engine.run(script).is_ok(), "the import is gone, so nothing fails");
    engine.set_optimization_level(OptimizationLevel::None);
    assert!(engine.run(script).is_err());
}

#[test]
fn the_place_of_a_call_is_in_the_caller_and_the_rest_in_the_callee() {
    let mut engine = engine();
    let mut ast = engine.compile("fn f() { 1 / 0 }").expect("it is well formed");
    ast.set_source("inner");
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).expect("it is a module");
    engine.register_static_module("m", module.into());
    let error = engine.run("\n  m::f()").expect_err("it fails");
    let EvalAltResult::ErrorInFunctionCall(name, source, inside, position) = *error else { panic!("another error") };
    assert_eq!((name.as_str(), source.as_str(), position.line()), ("f", "inner", Some(2)));
    assert_eq!(inside.position().line(), Some(1));
}

#[test]
fn a_position_is_counted_in_characters_from_1() {
    let error = engine().run("\n\"日本\" / 1").expect_err("it fails");
    assert_eq!((error.position().line(), error.position().position()), (Some(2), Some(6)));
}

#[test]
fn a_wrong_type_is_a_function_that_is_not_found() {
    let mut engine = engine();
    engine.register_fn("wait", |_: i64| ());
    let error = engine.run("wait(\"x\")").expect_err("it fails");
    assert!(matches!(*error, EvalAltResult::ErrorFunctionNotFound(..)), "{error:?}");
}

#[test]
fn words_are_reserved_that_name_nothing() {
    for word in
        ["spawn", "go", "thread", "sync", "async", "new", "match", "use", "is", "with", "default", "print", "debug"]
    {
        assert!(engine().compile(format!("let {word} = 1;")).is_err(), "{word}");
        assert!(FnPtr::new(word).is_err(), "{word}");
    }
}

#[test]
fn a_bare_name_of_a_script_function_is_a_value_but_not_in_a_closure_above_it() {
    assert!(engine().eval::<FnPtr>("fn f() { } f").is_ok());
    assert!(engine().eval::<FnPtr>("f; fn f() { } f").is_ok());
    assert!(engine().run("let c = || f; c.call(); fn f() { }").is_err(), "it is taken for a captured variable");
}

#[test]
fn a_part_of_a_string_is_put_back_over_another() {
    let of = |part: &str| {
        let script = format!("let s = \"abc\"; let part = s[{part}]; s[{part}].trim(); `${{part}} ${{s}}`");
        engine().eval::<String>(&script).expect("it is well formed")
    };
    assert_eq!(["1..2", "1..=2", "1..=1", "2..1"].map(of), ["b abc", "bc abc", " ac", " abbc"]);
}

#[test]
fn functions_do_not_see_the_variables_outside_and_see_constants_as_global() {
    assert!(engine().eval::<i64>("let x = 1; fn f() { x } f()").is_err());
    assert!(engine().eval::<i64>("const X = 1; fn f() { X } f()").is_err());
    assert_eq!(engine().eval::<i64>("const X = 1; fn f() { global::X } f()").expect("it sees it"), 1);
}

#[test]
fn a_closure_of_a_module_is_not_found_from_outside() {
    let mut engine = engine();
    let ast = engine.compile("fn make() { || 5 }").expect("it is well formed");
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).expect("it is a module");
    engine.register_static_module("m", module.into());
    engine.register_fn("now", |context: NativeCallContext<'_>, f: FnPtr| f.call_within_context::<i64>(&context, ()));
    assert!(engine.eval::<i64>("now(m::make())").is_err());
}

#[test]
fn the_surroundings_of_a_call_can_be_kept_and_used_after_the_script() {
    let mut engine = engine();
    engine.set_max_call_levels(100);
    let kept = Rc::new(std::cell::RefCell::new(None));
    let keep = Rc::clone(&kept);
    engine.register_fn("keep", move |context: NativeCallContext<'_>, f: FnPtr| {
        keep.replace(Some((context.global_runtime_state().clone(), f)));
    });
    engine
        .run("const X = 4; fn f() { global::X + 1 } fn deep(n) { if n == 0 { keep(f) } else { deep(n - 1) } } deep(9);")
        .expect("it runs");
    let (mut global, pointer) = kept.take().expect("it was kept");
    assert_eq!(global.level, 11, "as deep as it was registered");
    global.level = 0;
    let context =
        NativeCallContext::new_with_all_fields(&engine, pointer.fn_name(), global.source(), &global, Position::NONE);
    assert_eq!(pointer.call_raw(&context, None, []).expect("it sees all").as_int().expect("a number"), 5);
}

#[test]
fn a_size_above_the_limit_is_refused_before_it_is_allocated() {
    let mut engine = engine();
    engine.set_max_string_size(1 << 31).set_max_array_size(1 << 31);
    for script in ["blob(1 << 46)", "let a = []; a.pad(1 << 46, 0)", "let s = \"\"; s.pad(1 << 46, 'x')"] {
        let error = engine.run(script).expect_err("it is above the limit");
        assert!(matches!(*error, EvalAltResult::ErrorDataTooLarge(..)), "{script}: {error:?}");
    }
}

#[test]
fn a_module_that_was_imported_keeps_the_source_that_its_tree_has() {
    let engine = engine();
    let mut ast = engine.compile("fn f() { 1 }").expect("it is well formed");
    ast.set_source("/canonical/path");
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).expect("it is a module");
    assert_eq!(module.id(), Some("/canonical/path"));
}

#[test]
fn a_tree_with_one_function_alone_tells_its_statements() {
    let ast = engine().compile("fn f() { 1; 2 } fn g() { 3 }").expect("it is well formed");
    let (.., def) = ast.shared_lib().iter_script_fn_info().find(|(_, _, name, ..)| *name == "f").expect("it is there");
    let mut alone = Module::new();
    alone.set_script_fn(Rc::clone(def));
    let mut count = 0;
    rhai::AST::new([], alone).walk(&mut |path: &[rhai::ASTNode<'_>]| {
        count += usize::from(matches!(path, [rhai::ASTNode::Stmt(_)]));
        true
    });
    assert_eq!(count, 2);
}

/// Values of every type that a function of the standard library takes.
const SAMPLES: [&str; 12] =
    ["0", "0.5", "\"a\"", "'a'", "true", "[1]", "#{}", "blob(1)", "|x| true", "0..1", "0..=1", "timestamp()"];

#[test]
fn every_function_of_the_table_of_the_standard_library_is_there() {
    let engine = Engine::new();
    let mut scope = Scope::new();
    for (index, sample) in SAMPLES.iter().enumerate() {
        scope.push_dynamic(format!("v{index}"), engine.eval::<Dynamic>(sample).expect("it is a value"));
    }
    for (name, counts) in stagesh::builtins::standard::FUNCTIONS {
        for count in *counts {
            // The engine does not tell an unknown name from a wrong type: some types must fit.
            let known = (0..SAMPLES.len().pow(u32::try_from(*count).expect("it is small"))).any(|mut combination| {
                let mut values = Vec::new();
                for _ in 0..*count {
                    values.push(format!("v{}", combination % SAMPLES.len()));
                    combination /= SAMPLES.len();
                }
                let call = format!("{name}({})", values.join(", "));
                let result = engine.run_with_scope(&mut scope.clone(), &call);
                !matches!(result.map_err(|error| *error), Err(EvalAltResult::ErrorFunctionNotFound(..)))
            });
            assert!(known, "{name} with {count} arguments");
        }
    }
}

#[test]
fn a_loop_over_a_blob_gives_no_integers() {
    let error = engine().run("for byte in blob(1, 65) { byte + 1 }").expect_err("it is no integer");
    assert!(matches!(*error, EvalAltResult::ErrorFunctionNotFound(..)), "{error:?}");
}

/// Counts how often it is copied.
struct Counted(Rc<Cell<u32>>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

#[test]
fn the_vm_copies_a_receiver_that_is_an_argument() {
    let mut engine = engine();
    engine.register_fn("size", |_: &mut Counted| 1_i64);
    let tree = engine.compile("fn size_of_this() { size(this) } value.size_of_this()").expect("it is a program");
    let copies = Rc::new(Cell::new(0));
    let mut scope = Scope::new();
    scope.push("value", Counted(Rc::clone(&copies)));
    engine.run_ast_with_scope(&mut scope, &tree).expect("it ends well");
    assert_eq!(copies.get(), 0, "the walker");
    Vm::new(&engine).run_with_scope(&mut scope, &Compiler::new().compile(&tree)).expect("it ends well");
    assert_eq!(copies.get(), 1, "the VM");
}
