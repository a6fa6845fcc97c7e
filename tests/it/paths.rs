//! `path::…`, and what all modules of builtins have in common.

use crate::harness::{Place, code, file, refuses};

#[test]
fn parts_are_joined_and_taken_apart() {
    let script = r#"
        print(path::join("a", "b/", "c")); print(path::join("a", "/b", "c")); print(path::join("a"));
        print([path::name("a/b.c/"), path::stem("a/b.c/"), path::extension("a/b.c/"), path::parent("a/b.c/")]);
        print([path::name("/"), path::stem("/"), path::extension("/"), path::parent("/")]);
        print([path::name("a/.."), path::extension("a/.."), path::parent("a/..")]);
        print([path::with_extension("a.b", ".c"), path::with_extension("a.b", ""), path::with_extension("a", "c")]);
        print([path::with_extension("/srv/..data", "bak"), path::with_extension("a/.b", "c"), path::with_extension("a.b/", "c")]);
        print([path::parent("//"), path::name("a/b/."), path::parent("a/b/.")]);"#;
    let expected = r#"a/b/c
/b/c
a
["b.c", "b", "c", "a"]
["", "", "", "/"]
["..", "", "a"]
["a.c", "a", "a.c"]
["/srv/..bak", "a/.b.c", "a.c"]
["/", "b", "a"]
"#;
    code(script).run().expect(0, expected);
}

#[test]
fn an_absolute_path_begins_at_the_working_directory_of_the_script() {
    let script = r#"cd("/usr/bin"); print(path::absolute("x/./../y")); print(path::absolute("/a//b/")); cd(".."); print(path::absolute("."));"#;
    code(script).run().expect(0, "/usr/bin/x/../y\n/a/b\n/usr\n");
}

#[test]
fn a_tilde_is_a_home_directory_where_it_is_asked_for() {
    let script = r#"print(path::expand("~")); print(path::expand("~/a/~")); print(path::expand("a/~")); print(path::expand("/~")); print(path::join("~", "a"));"#;
    code(script).env("HOME", Some("/home/of/mine")).run().expect(0, "/home/of/mine\n/home/of/mine/a/~\na/~\n/~\n~/a\n");
    code("print(path::expand(\"~root\"));").run().expect(0, "/root\n");
    refuses(
        "path::expand(\"~nobody.has.this.name/x\");",
        "path::expand: the home directory of `nobody.has.this.name` is not known",
    );
}

#[test]
fn a_path_that_is_not_text_is_a_blob() {
    let script = r#"let p = blob(); for b in [0x61, 0x2f, 0xff, 0x2e, 0x62] { p.push(b); }
        print(path::name(p)); print(path::extension(p)); print(path::join("x", p).len());"#;
    code(script).run().expect(0, "[ff2e62]\nb\n7\n");
}

#[test]
fn what_is_no_path_is_refused() {
    refuses("path::name(\"\");", "path::name: expected a path, not the empty string");
    refuses("path::join(\"a\", 5);", "path::join: expected a path, not `5`");
    refuses("path::parent(\"a\\x00b\");", "path::parent: expected a path, not a path with a NUL");
    refuses(
        "path::with_extension(\"/\", \"a\");",
        "path::with_extension: expected a path that ends in a name, not `/`",
    );
    for path in ["..data", "a/...b"] {
        refuses(
            &format!("path::with_extension({path:?}, \"\");"),
            &format!("path::with_extension: expected a path whose name is more than an extension, not `{path}`"),
        );
    }
    refuses(
        "path::with_extension(\"a\", \"b/c\");",
        "path::with_extension: expected an extension, not the string \"b/c\"",
    );
}

#[test]
fn a_builtin_of_a_module_is_a_function_like_any_other() {
    code("atexit(path::name, \"a/b\"); print(handlers()[0].name); print([\"a/b\", \"c\"].map(path::name)); let f = path::parent; print(f.call(\"a/b\"));")
        .run()
        .expect(0, "path::name\n[\"b\", \"c\"]\na\n");
    refuses("atexit(path::name);", "atexit: function `path::name` takes 1 argument but 0 were given");
    refuses("path::name();", "function `path::name` takes 1 argument but 0 were given");
}

#[test]
fn an_error_of_a_builtin_of_a_module_has_its_place() {
    let output = code("let p = 1;\n  path::name(\"\");").run();
    output.expect_code(1).expect_error("not the empty string\n --> -e:2:9\n");
    code("let f = path::name;\nf.call(\"\");").run().expect_code(1).expect_error("not the empty string\n --> -e:2:");
}

#[test]
fn a_slip_in_a_module_of_builtins_is_named() {
    let slip = |script: &str, message: &str, hint: &str| {
        for check in [false, true] {
            let run = code(script).options(if check { &["--check"] } else { &[] });
            run.run().expect_error(message).expect_error(hint);
        }
    };
    slip("path::nmae(\"a\");", "path::nmae", "did you mean `path::name`?");
    slip("paht::name(\"a\");", "there is no module `paht`", "did you mean `path`?");
    slip("let f = path::nmae;", "path::nmae", "did you mean `path::name`?");
    slip("path::name(\"a\", 1);", "function `path::name` takes 1 argument but 2 were given", "");
    slip("atexit(path::name);", "atexit: function `path::name` takes 1 argument but 0 were given", "");
}

#[test]
fn a_module_of_the_script_hides_one_of_builtins() {
    let place = Place::new();
    place.write("own.rhai", "fn name(p) { `mine: ${p}` }");
    let script = place.write("a.rhai", "import \"own\" as path; print(path::name(\"x\"));");
    file(&script).run().expect(0, "mine: x\n");
    file(&script).options(&["--check"]).run().expect(0, "").expect_no_error();
}
