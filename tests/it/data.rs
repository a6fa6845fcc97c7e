//! `json::…` and `toml::parse`.

use crate::harness::{code, prints, refuses};

/// Reads the text that standard input has.
const PARSE: &str = "print(json::parse(read_all()));";

fn parsed(json: &str, shown: &str) {
    code(PARSE).stdin(json).run().expect(0, &format!("{shown}\n"));
}

#[track_caller]
fn misread(format: &str, text: &str, message: &str) {
    let script = format!("try {{ {format}::parse(read_all()); }} catch (e) {{ print(e.kind); print(e.message); }}");
    code(&script).stdin(text).run().expect(0, &format!("{format}\n{format}::parse: {message}\n"));
}

#[test]
fn json_becomes_maps_arrays_and_plain_values() {
    parsed(
        r#" {"b": [1, 2.5, null, true, "x\u00e9\ud83d\ude00"], "a b": {}, "": []} "#,
        "#{\"\": [], \"a b\": #{}, \"b\": [1, 2.5, (), true, \"xé😀\"]}",
    );
    parsed("5", "5");
    parsed("\u{feff}[]", "[]");
    code("print(json::parse(`{\"a\": 1, \"a\": 2}`).a); print(parse_json(`[1]`));").run().expect(0, "2\n[1]\n");
}

#[test]
fn integers_of_json_are_exact_or_refused_with_their_place() {
    parsed("[9223372036854775807, -9223372036854775808]", "[9223372036854775807, -9223372036854775808]");
    misread(
        "json",
        "[1,\n \"é\", 9223372036854775808]",
        "the integer 9223372036854775808 does not fit in 64 bits at line 2 column 7",
    );
    misread(
        "json",
        "-9223372036854775809",
        "the integer -9223372036854775809 does not fit in 64 bits at line 1 column 1",
    );
    let long = "1".repeat(400);
    misread("json", &long, &format!("the integer {}… does not fit in 64 bits at line 1 column 1", &long[..40]));
    misread("json", "1e400", "the number 1e400 is larger than a float can be at line 1 column 1");
}

#[test]
fn floats_come_back_bit_for_bit() {
    // The last is read wrong by one bit unless all its digits count.
    let script = r#"for text in ["-0.0", "1.0", "0.1", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e+308", "1e+21", "31.245270191439438"] {
        let float = json::parse(text); print(type_of(float) == "f64" && json::stringify(float) == text && json::parse(json::stringify([float])) == [float]); }
        print(json::stringify(json::parse("-0")));"#;
    code(script).run().expect(0, &format!("{}-0.0\n", "true\n".repeat(8)));
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    misread("json", "{\"é\": x}", "the text is no JSON: expected value at line 1 column 7");
    misread("json", "[1,\n2,]", "the text is no JSON: trailing comma at line 2 column 3");
    misread("json", "hello 99999999999999999999", "the text is no JSON: expected value at line 1 column 1");
    misread("json", "", "the text is no JSON: EOF while parsing a value at line 1 column 1");
    refuses("json::parse(5);", "json::parse: expected a string, not `5`");
    refuses("parse_json(5);", "parse_json: expected a string, not `5`");
}

#[test]
fn json_that_is_nested_deeply_is_an_error_in_both_directions() {
    misread("json", &"[".repeat(100_000), "the text is nested more than 127 levels deep at line 1 column 128");
    misread("json", &"{\"a\":".repeat(100_000), "the text is nested more than 127 levels deep at line 1 column 636");
    let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
    code("let text = read_all(); print(json::stringify(json::parse(text)) == text);")
        .stdin(deepest)
        .run()
        .expect(0, "true\n");
    refuses(
        "let value = []; for n in 0..2000 { value = [take(value)]; } json::stringify(value);",
        "json::stringify: the value is nested more than 127 levels deep",
    );
}

#[test]
fn values_become_json() {
    let script = r#"print(json::stringify([1, -0.0, 1.0, 'c', "é\n\x01\"", (), true, #{b: 1, a: []}]));
        print(json::stringify("x")); print(json::pretty(#{b: [1, #{}], a: []}));
        let n = 1; let f = || n += 1; f.call(); print(json::stringify(#{a: n}));"#;
    let shown = r#"[1,-0.0,1.0,"c","é\n\u0001\"",null,true,{"a":[],"b":1}]
"x"
{
  "a": [],
  "b": [
    1,
    {}
  ]
}
{"a":2}
"#;
    code(script).run().expect(0, shown);
}

#[test]
fn what_the_host_gives_with_named_parts_is_written_like_a_map() {
    let script = r#"try { run(["false"]); } catch (error) { print(json::stringify(error)); }"#;
    let shown = r#"{"code":1,"command":"false","kind":"command","message":"`false` exited with 1","signal":null,"stderr":null,"stdout":null}"#;
    code(script).run().expect(0, &format!("{shown}\n"));
}

#[test]
fn a_value_that_json_cannot_hold_is_named_by_its_place() {
    let cannot = |value: &str, what: &str| {
        refuses(&format!("json::stringify({value});"), &format!("json::stringify: {what}, which JSON cannot hold"));
    };
    cannot("#{builds: [1, 2, #{size: 0.0 / 0.0}]}", "`$.builds[2].size` is `NaN`");
    cannot("[1.0 / 0.0]", "`$[0]` is `inf`");
    cannot("#{`a \"b`: |x| x}", "`$[\"a \\\"b\"]` is a function");
    cannot("blob(1)", "`$` is a blob");
    cannot("timestamp()", "`$` is a timestamp");
    cannot("[0..1]", "`$[0]` is a range");
    cannot("[0..=1]", "`$[0]` is a range");
    cannot("[process(pid())]", "`$[0]` is a Process");
    code("try { json::pretty(blob(1)); } catch (e) { print(e.kind); print(e.message); }")
        .run()
        .expect(0, "json\njson::pretty: `$` is a blob, which JSON cannot hold\n");
}

#[test]
fn toml_becomes_maps_arrays_and_plain_values() {
    let text = "a = 1\nb = [1.5, -inf, true, 'x']\n[c.d]\ne = 1979-05-27T07:32:00Z\nf = 07:32:00\ng = 9223372036854775807\nh = 0xff\ni = 1_000\n[[j]]\n";
    let shown = "#{\"a\": 1, \"b\": [1.5, -inf, true, \"x\"], \"c\": #{\"d\": #{\"e\": \"1979-05-27T07:32:00Z\", \"f\": \"07:32:00\", \
        \"g\": 9223372036854775807, \"h\": 255, \"i\": 1000}}, \"j\": [#{}]}\n";
    code("print(toml::parse(read_all()));").stdin(text).run().expect(0, shown);
    code("print(toml::parse(\"\"));").run().expect(0, "#{}\n");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    misread("toml", "a = 1\na = 2", "the text cannot be read as TOML: duplicate key at line 2 column 1");
    misread(
        "toml",
        "a = [\n 'é', -9223372036854775809]",
        "the integer -9223372036854775809 does not fit in 64 bits at line 2 column 7",
    );
    misread("toml", "a = 1e400", "the number 1e400 is larger than a float can be at line 1 column 5");
    refuses("toml::parse(5);", "toml::parse: expected a string, not `5`");
}

#[test]
fn toml_that_is_nested_deeply_is_an_error() {
    let keys = "a.".repeat(100_000);
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a={}", "{a=".repeat(100_000)),
        format!("[{keys}a]"),
        format!("{keys}a = 1"),
    ] {
        let output = code("toml::parse(read_all());").stdin(text).run();
        output.expect_code(1).expect_error("error: toml::parse: the text cannot be read as TOML: ");
    }
}

#[test]
fn lines_are_split_at_their_ends_and_there_is_no_empty_last_one() {
    let script = r#"for text in ["", "\n", "a", "a\n", "a\r\nb\n\nc", "a\rb\n", "é\n"] { print(text.lines()); }
        const TEXT = "a\nb"; print(TEXT.lines().len); print(lines(TEXT)); print(TEXT);"#;
    let told = r#"[]
[""]
["a"]
["a"]
["a", "b", "", "c"]
["a\rb"]
["é"]
2
["a", "b"]
a
b
"#;
    prints(script, told);
}

#[test]
fn a_trimmed_text_is_a_copy() {
    let script = r#"let text = " \t a b\n"; print(`<${text.trimmed()}> ${text.len}`); print(`<${"".trimmed()}> <${"x".trimmed()}>`);
        const TEXT = " c "; print(TEXT.trimmed()); print([" d", "e "].map(|text| text.trimmed()));"#;
    prints(script, "<a b> 7\n<> <x>\nc\n[\"d\", \"e\"]\n");
}

#[test]
fn elements_are_joined_as_print_shows_them() {
    let script = r#"print([].join(", ") + "|" + ["a"].join(", ") + "|" + ["a", "b", "c"].join(", "));
        print([1, -2.5, true, 'x', (), [1, "y"], #{a: 1}].join('/')); const LIST = ["a", "b"]; print(LIST.join("")); print(LIST);
        let whole = `${[outcome(), 5].join("-")}`; print(whole);
        try { LIST.join(5) } catch (error) { print(error.message); }"#;
    let told =
        "|a|a, b, c\n1/-2.5/true/x//[1, \"y\"]/#{\"a\": 1}\nab\n[\"a\", \"b\"]\n-5\njoin: expected a string, not `5`\n";
    prints(script, told);
}

#[test]
fn who_joins_as_in_another_language_is_told_how_it_is_spelt() {
    for script in ["[1, 2].join();", "\", \".join([1, 2]);"] {
        refuses(script, "join: it is spelt `array.join(separator)`");
    }
}

#[test]
fn elements_that_are_too_long_together_are_an_error_and_cost_no_handler() {
    let script = r#"atexit(|| print("cleaned")); let text = ""; text.pad(1 << 20, 'x'); let list = []; list.pad(1 << 20, text);
        try { list.join(""); } catch { print("no"); }"#;
    code(script).run().expect(1, "cleaned\n").expect_error("above the limit of 2 GiB");
}
