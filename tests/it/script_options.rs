//! `options`: the command line of a script.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Output, Place, code, file, refuses};
use crate::terminal::Terminal;

/// What the page of the language shows, as far as it can be told from here.
const ENTRIES: &str = "[
    #{arg: \"commit\", help: \"The commit that is built\"},
    #{arg: \"[target...]\", help: \"What is built of it\"},
    #{arg: \"-j, --jobs N\", kind: \"int\", fallback: 4, env: \"JOBS\", help: \"How many at once\"},
    #{arg: \"--action WHAT...\", choices: [\"build\", \"deploy\"]},
    #{arg: \"-K, --keep-checkout\", help: \"Leave the checkout\"},
]";

/// Runs a script that prints what its options are.
fn parsed(entries: &str, words: &[&str]) -> Output {
    run(&format!("print(options(\"Does something\", {entries}));"), words)
}

fn run(script: &str, words: &[&str]) -> Output {
    words.iter().fold(code(script).env("JOBS", None), |run, word| run.arg(word)).run()
}

/// Fails unless the command line is refused so.
#[track_caller]
fn refused(entries: &str, words: &[&str], sentence: &str) {
    let script = format!("atexit(|| print(\"cleaned\")); options(\"Does something\", {entries}); print(\"never\");");
    let output = run(&script, words);
    output.expect(2, "cleaned\n");
    let lines: Vec<String> = output.err().lines().map(str::to_string).collect();
    assert_eq!(lines[0], format!("error: {sentence}"), "{output}");
    assert!(lines.len() == 2 && lines[1].starts_with("Usage: stagesh -e CODE"), "{output}");
}

#[test]
fn the_values_are_given_by_name() {
    let words = ["-K", "HEAD", "-j", "2", "site", "--action", "build", "deploy", "--action", "build", "--", "-odd"];
    parsed(ENTRIES, &words).expect(
        0,
        "#{\"action\": [\"build\", \"deploy\", \"build\"], \"commit\": \"HEAD\", \"jobs\": 2, \"keep_checkout\": true, \"target\": [\"site\", \"-odd\"]}\n",
    );
    let absent = "#{\"action\": [], \"commit\": \"HEAD\", \"jobs\": 4, \"keep_checkout\": false, \"target\": []}\n";
    parsed(ENTRIES, &["HEAD"]).expect(0, absent).expect_no_error();
    run(&format!("print(options(\"\", {ENTRIES}).jbos);"), &["HEAD"])
        .expect_code(1)
        .expect_error("the command line has no `jbos` (did you mean `jobs`?)");
}

#[test]
fn an_argument_is_named_as_it_is_spelt() {
    for (entry, words, value) in [
        ("base-commit", &["x"][..], "\"base_commit\": \"x\""),
        ("[commit]", &[], "\"commit\": ()"),
        ("[commit]", &["x"], "\"commit\": \"x\""),
        ("target...", &["a", "b"], "\"target\": [\"a\", \"b\"]"),
        ("-j N", &["-j4"], "\"j\": \"4\""),
        ("-v", &["-v"], "\"v\": true"),
        ("--dry-run", &[], "\"dry_run\": false"),
        ("--jobs N", &["--jobs=4"], "\"jobs\": \"4\""),
        ("-h, --host NAME", &["-h", "vm"], "\"host\": \"vm\""),
        ("help", &["x"], "\"help\": \"x\""),
    ] {
        parsed(&format!("[#{{arg: \"{entry}\"}}]"), words).expect(0, &format!("#{{{value}}}\n"));
    }
}

#[test]
fn several_and_then_one_are_told_apart() {
    let copy = "[#{arg: \"source...\"}, #{arg: \"destination\"}]";
    parsed(copy, &["a", "b", "c"]).expect(0, "#{\"destination\": \"c\", \"source\": [\"a\", \"b\"]}\n");
    refused(copy, &["a"], "`<source>...` is missing");
}

#[test]
fn a_value_is_of_its_kind() {
    for (entry, word, value) in [
        ("kind: \"int\"", "-1", "-1"),
        ("kind: \"int\"", "9223372036854775807", "9223372036854775807"),
        ("kind: \"float\"", "-0.5", "-0.5"),
        ("fallback: 1.5", "2", "2.0"),
        ("fallback: 1", "2", "2"),
        ("kind: \"string\"", "007", "\"007\""),
        ("kind: \"string\"", "", "\"\""),
        ("kind: \"path\"", "~/x", "\"~/x\""),
        ("kind: \"int\", choices: [1, 2]", "02", "2"),
    ] {
        let entry = format!("[#{{arg: \"-v, --value V\", {entry}}}]");
        parsed(&entry, &["-v", word]).expect(0, &format!("#{{\"value\": {value}}}\n"));
        parsed(&entry, &[&format!("--value={word}")]).expect(0, &format!("#{{\"value\": {value}}}\n"));
    }
    parsed("[#{arg: \"number\", kind: \"int\"}]", &["-5"]).expect(0, "#{\"number\": -5}\n");
}

#[test]
fn a_negative_number_is_a_value_of_what_is_a_number() {
    for (word, value) in
        [("-.5", "-0.5"), ("-1e-3", "-0.001"), ("-25E-2", "-0.25"), ("-1e+3", "-1000.0"), ("-1.", "-1.0")]
    {
        for (arg, words) in [
            ("-v, --value V", &["--value", word][..]),
            ("-v, --value V", &["-v", word]),
            ("-v, --value V", &[&format!("-v{word}")]),
            ("[value]", &[word]),
            ("value", &["--", word]),
        ] {
            let entries = format!("[#{{arg: \"{arg}\", kind: \"float\"}}]");
            parsed(&entries, words).expect(0, &format!("#{{\"value\": {value}}}\n"));
        }
    }
    let several = "[#{arg: \"-v\"}, #{arg: \"--at X...\", kind: \"float\"}, #{arg: \"n...\", kind: \"float\"}]";
    parsed(several, &["-.5", "-2", "--at", "-1e-1", "-.2", "-v"])
        .expect(0, "#{\"at\": [-0.1, -0.2], \"n\": [-0.5, -2.0], \"v\": true}\n");
    parsed("[#{arg: \"name\"}]", &["--", "-.5"]).expect(0, "#{\"name\": \"-.5\"}\n");
    for word in ["-.5", "-1e-3", "-12"] {
        refused("[#{arg: \"--name NAME\"}]", &["--name", word], &format!("there is no option `{word}`"));
        refused("[#{arg: \"n\", kind: \"float\"}]", &["1", word], &format!("there is no option `{word}`"));
    }
    refused("[#{arg: \"-n N\", kind: \"int\"}]", &["-n", "-.5"], "`-n N`: expected an integer, not \"-.5\"");
}

#[test]
fn a_fallback_stands_for_what_is_missing_and_gives_the_kind() {
    for (entry, value) in [
        ("#{arg: \"--a V\", fallback: \"x\"}", "\"x\""),
        ("#{arg: \"--a V\", fallback: ()}", "()"),
        ("#{arg: \"--a V\", kind: \"float\", fallback: 1}", "1.0"),
        ("#{arg: \"--a V\", kind: \"path\", fallback: \"/srv\"}", "\"/srv\""),
        ("#{arg: \"--a V...\", fallback: [1, 2]}", "[1, 2]"),
        ("#{arg: \"[a]\", fallback: 5}", "5"),
        ("#{arg: \"[a...]\", fallback: [\"x\"]}", "[\"x\"]"),
    ] {
        parsed(&format!("[{entry}]"), &[]).expect(0, &format!("#{{\"a\": {value}}}\n"));
    }
}

#[test]
fn a_variable_gives_what_the_command_line_does_not() {
    let script = format!("let o = options(\"\", {ENTRIES}); print(o.jobs);");
    let with = |value: &str, words: &[&str]| {
        words.iter().fold(code(&script).env("JOBS", Some(value)), |run, word| run.arg(word)).run()
    };
    with("7", &["HEAD"]).expect(0, "7\n");
    with("7", &["HEAD", "-j1"]).expect(0, "1\n");
    with("", &["HEAD"]).expect(0, "4\n");
    let error = "error: `-j, --jobs N`: expected an integer, not \"many\" (the variable JOBS)\n";
    with("many", &["HEAD"]).expect(2, "").expect_error(error);
    with("many", &["HEAD", "-j1"]).expect(0, "1\n");
    // What is required may come from it, and a flag is switched by it.
    let entries =
        "[#{arg: \"--host H\", env: \"TEST_HOST\", required: true}, #{arg: \"--dry-run\", env: \"TEST_DRY\"}]";
    let script = format!("print(options(\"\", {entries}));");
    let run = |dry: &str| code(&script).env("TEST_HOST", Some("vm")).env("TEST_DRY", Some(dry)).run();
    run("Yes").expect(0, "#{\"dry_run\": true, \"host\": \"vm\"}\n");
    run("0").expect(0, "#{\"dry_run\": false, \"host\": \"vm\"}\n");
    run("perhaps")
        .expect(2, "")
        .expect_error("`--dry-run`: expected true or false, not \"perhaps\" (the variable TEST_DRY)");
}

#[test]
fn of_an_option_that_is_given_again_the_last_value_counts() {
    parsed("[#{arg: \"-j N\"}, #{arg: \"-v\"}]", &["-j1", "-v", "-j", "2", "-v"])
        .expect(0, "#{\"j\": \"2\", \"v\": true}\n");
}

#[test]
fn a_bad_command_line_gets_a_line_and_the_usage_and_status_2() {
    refused(ENTRIES, &[], "`<commit>` is missing");
    refused(ENTRIES, &["HEAD", "--jbos", "4"], "there is no option `--jbos` (did you mean `--jobs`?)");
    refused(ENTRIES, &["HEAD", "-Kx"], "there is no option `-x`");
    refused(ENTRIES, &["HEAD", "-j", "many"], "`-j, --jobs N`: expected an integer, not \"many\"");
    refused(
        ENTRIES,
        &["HEAD", "-j", "9223372036854775808"],
        "`-j, --jobs N`: expected an integer, not \"9223372036854775808\"",
    );
    refused(ENTRIES, &["HEAD", "-j"], "`--jobs <N>` needs a value");
    refused(ENTRIES, &["HEAD", "--action", "-K"], "`--action <WHAT>...` needs a value");
    refused(
        ENTRIES,
        &["HEAD", "--action", "biuld"],
        "`--action WHAT...`: expected build or deploy, not \"biuld\" (did you mean `build`?)",
    );
    refused(ENTRIES, &["HEAD", "--keep-checkout=yes"], "`--keep-checkout` takes no value, but has \"yes\"");
    let entries = "[#{arg: \"one\"}, #{arg: \"two\"}, #{arg: \"--region R\", required: true}]";
    refused(entries, &["1"], "`--region <R>`, `<two>` are missing");
    refused(entries, &["1", "2", "three\n", "--region", "x"], "\"three\\n\" is one argument too many");
    refused("[]", &["-1"], "there is no option `-1`");
    refused("[]", &["--x\x1b[31mred"], "there is no option `--x\\u{1b}[31mred`");
    refused("[]", &["--don't"], "there is no option `--don't`");
    refused("[]", &["-\x1b"], "there is no option `-\\u{1b}`");
    refused("[#{arg: \"name\"}]", &["-5\x1b"], "there is no option `-5\\u{1b}`");
    refused("[#{arg: \"--path P\", kind: \"path\"}]", &["--path="], "`--path P`: expected a path, not \"\"");
}

#[test]
fn an_option_may_be_called_as_what_rhai_gives_every_value() {
    let script = "let o = options(\"\", [#{arg: \"--tag T\"}]); print(o.tag); print(o.tag.to_upper());";
    run(script, &["--tag", "v2"]).expect(0, "v2\nV2\n");
}

#[test]
fn a_bad_command_line_cannot_be_caught() {
    run("try { options(\"\", []); } catch { } print(\"never\");", &["x"]).expect(2, "");
    run("try { options(\"\", []); } catch { } print(\"never\");", &["--help"]).expect_code(0).expect_no_error();
}

#[test]
fn an_argument_that_is_not_utf_8_is_a_path_or_refused() {
    let word = OsStr::from_bytes(b"a\xff");
    code("print(options(\"\", [#{arg: \"file\", kind: \"path\"}]).file.len());").arg(word).run().expect(0, "2\n");
    code("options(\"\", [#{arg: \"name\"}]);")
        .arg(word)
        .run()
        .expect(2, "")
        .expect_error("error: `name`: expected a string, not \"a\u{fffd}\"\nUsage: ");
}

#[test]
fn help_is_what_a_well_kept_tool_prints() {
    let place = Place::new();
    let script = format!("atexit(|| print(\"cleaned\")); options(\"Builds and deploys one commit\", {ENTRIES});");
    let path = place.write("deploy.rhai", script);
    let help = "Builds and deploys one commit

Usage: deploy.rhai [OPTIONS] <commit> [target]...

Arguments:
  <commit>     The commit that is built
  [target]...  What is built of it

Options:
  -j, --jobs <N>          How many at once [default: 4] [env: JOBS]
      --action <WHAT>...  [possible values: build, deploy]
  -K, --keep-checkout     Leave the checkout
  -h, --help              Print help
cleaned
";
    for word in ["-h", "--help"] {
        file(&path).arg("--jobs").arg("many").arg(word).run().expect(0, help).expect_no_error();
    }
    file(&path)
        .run()
        .expect(2, "cleaned\n")
        .expect_errors("error: `<commit>` is missing\nUsage: deploy.rhai [OPTIONS] <commit> [target]...\n");
}

#[test]
fn help_says_what_was_written_braces_included() {
    let script = "options(\"a{n}b\", [#{arg: \"-c N\", help: \"repeat {n} times\"}]);";
    let output = code(script).arg("--help").run();
    output.expect_code(0);
    assert!(output.out().starts_with("a{n}b\n") && output.out().contains("repeat {n} times\n"), "{output}");
}

#[test]
fn help_has_a_letter_unless_the_script_uses_it() {
    let output = parsed("[#{arg: \"-h, --host NAME\"}]", &["--help"]);
    output.expect_code(0);
    assert!(output.out().contains("      --help "), "{output}");
    refuses("options(\"\", [#{arg: \"--help\"}]);", "options: `--help`: `--help` is that of the help already");
}

/// The help on a terminal of so many columns.
fn help_on(columns: usize, entry: &str) -> String {
    let place = Place::new();
    let path = place.write("x.rhai", format!("options(\"\", [{entry}]);"));
    let shell = format!(
        "stty rows 25 cols {columns}; '{}' --color never '{}' --help",
        crate::harness::stagesh(),
        path.display()
    );
    let (status, screen) = Terminal::of(pty_process::blocking::Command::new("sh").args(["-c", &shell])).end();
    assert!(status.success(), "{screen}");
    screen.replace('\r', "")
}

#[test]
fn help_is_as_wide_as_the_terminal() {
    let text = "one two three four five six seven eight nine ten";
    let screen = help_on(40, &format!("#{{arg: \"--a V\", help: \"{text}\"}}"));
    assert!(screen.lines().all(|line| line.len() <= 40), "{screen}");
    assert!(screen.contains("      --a <V>  one two three four five"), "{screen}");
    assert!(screen.contains("ten"), "{screen}");
}

#[test]
fn help_goes_below_an_option_that_leaves_it_no_room() {
    let text = "one two three four five six";
    for (columns, option) in [(30, "--quite-long WHATEVER"), (40, "-q, --quiet-please-very-long-name-indeed WHATEVER")]
    {
        let screen = help_on(columns, &format!("#{{arg: \"{option}\", help: \"{text}\"}}"));
        assert!(screen.contains(" <WHATEVER>\n          one two three four"), "{screen}");
        assert!(screen.contains("  -h, --help\n          Print help"), "{screen}");
    }
}

#[test]
fn help_and_a_refusal_have_colour_on_a_terminal_unless_told_otherwise() {
    let script = "options(\"About\", []);";
    for word in ["--help", "--no-such"] {
        let (_, screen) = Terminal::run(&["-e", script, word]).end();
        assert!(screen.contains("\x1b["), "{screen}");
        let (_, screen) = Terminal::run(&["--color", "never", "-e", script, word]).end();
        assert!(!screen.contains("\x1b["), "{screen}");
        let has_colour = |output: &Output| output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b);
        let plain = run(script, &[word]);
        assert!(!has_colour(&plain), "{plain}");
        let forced = code(script).options(&["--color", "always"]).arg(word).run();
        assert!(has_colour(&forced), "{forced}");
    }
}

#[test]
fn an_entry_that_cannot_be_is_named() {
    let spelt = "an argument is spelt like \"commit\", \"[commit]\"";
    for (entry, message) in [
        ("5", "entry 1: expected a map with `arg`, a string, not `5`".to_string()),
        ("#{help: \"x\"}", "entry 1: expected a map with `arg`, a string, not a map without".into()),
        ("#{arg: 5}", "entry 1: expected a map with `arg`, a string, not `5`".into()),
        ("#{arg: \"--jobs=N\"}", format!("\"--jobs=N\": {spelt}")),
        ("#{arg: \"\"}", format!("\"\": {spelt}")),
        (
            "#{arg: \"--jobs N\", kin: \"int\"}",
            "`--jobs N` has no key `kin` (did you mean `kind`? there are arg, choices, env, fallback, help, kind, required)"
                .into(),
        ),
        ("#{arg: \"--jobs N\", kind: \"integer\"}", "`--jobs N`: `kind` is \"string\", \"int\", \"float\" or \"path\", not the string \"integer\"".into()),
        ("#{arg: \"--jobs N\", help: 5}", "`--jobs N`: `help` is a string, not `5`".into()),
        ("#{arg: \"--jobs N\", env: \"A=B\"}", "`--jobs N`: `env` is the name of a variable, not the string \"A=B\"".into()),
        ("#{arg: \"--jobs N\", required: 1}", "`--jobs N`: `required` is true or false, not `1`".into()),
        ("#{arg: \"--jobs N\", kind: \"int\", fallback: \"4\"}", "`--jobs N`: `fallback` is an integer, not the string \"4\"".into()),
        ("#{arg: \"--jobs N\", fallback: true}", "`--jobs N`: `fallback` is a string, not `true`".into()),
        ("#{arg: \"--jobs N\", choices: \"a\"}", "`--jobs N`: `choices` is an array, each of it a string, not the string \"a\"".into()),
        ("#{arg: \"--jobs N\", choices: [1]}", "`--jobs N`: `choices` is an array, each of it a string, not `1`".into()),
        ("#{arg: \"--jobs N\", choices: []}", "`--jobs N`: `choices`: there is none".into()),
        ("#{arg: \"--a V\", choices: [\"x\"], fallback: \"y\"}", "`--a V`: `fallback`: it is none of the `choices`".into()),
        ("#{arg: \"--a V...\", fallback: \"y\"}", "`--a V...`: `fallback` is an array, each of it a string, not the string \"y\"".into()),
        ("#{arg: \"--a V\", fallback: \"y\", required: true}", "`--a V`: `required`: with a `fallback` it may be missing".into()),
        ("#{arg: \"-v\", kind: \"int\"}", "`-v`: `kind`: a flag has no value".into()),
        ("#{arg: \"-v\", fallback: true}", "`-v`: `fallback`: a flag has no value".into()),
        ("#{arg: \"a\", required: true}", "`a`: `required`: it is for options".into()),
        ("#{arg: \"a\", fallback: \"x\"}", "`a`: `fallback`: it is for what may be missing".into()),
        ("#{arg: \"a\", env: \"A\"}", "`a`: `env`: it is for what may be missing".into()),
        ("#{arg: \"--a V...\", env: \"A\"}", "`--a V...`: `env`: a variable gives one value".into()),
        ("#{arg: \"-j\"}, #{arg: \"-j N\"}", "`-j N`: `-j` is that of `-j` already".into()),
        ("#{arg: \"-a, --all\"}, #{arg: \"-b, --all\"}", "`-b, --all`: `--all` is that of `-a, --all` already".into()),
        ("#{arg: \"all-of\"}, #{arg: \"--all_of\"}", "`--all_of`: `all_of` is that of `all-of` already".into()),
        ("#{arg: \"[a]\"}, #{arg: \"b\"}", "`b`: it cannot follow `[a]`: that may be missing, and this may not".into()),
        ("#{arg: \"a...\"}, #{arg: \"[b]\"}", "`[b]`: it cannot follow `a...`: where that ends".into()),
        ("#{arg: \"a...\"}, #{arg: \"b...\"}", "`b...`: it cannot follow `a...`: where that ends".into()),
        ("#{arg: \"a...\"}, #{arg: \"b\"}, #{arg: \"c\"}", "`c`: it cannot follow `a...`: where that ends".into()),
    ] {
        refuses(&format!("options(\"\", [{entry}]);"), &format!("options: {message}"));
    }
    refuses("options(5, []);", "options: expected a string, not `5`");
    refuses("options(\"\", #{});", "options: expected an array of maps such as #{arg: \"-j, --jobs N\"}, not a map");
    code("try { options(\"\", [#{arg: \"-\"}]); } catch (error) { print(error.kind); }").run().expect(0, "argument\n");
}
