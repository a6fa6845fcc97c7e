//! Small valid programs at random: what the language has, in many combinations, and what goes wrong in them.

use std::fmt::Write as _;

/// What an expression gives, as far as the writer of the program takes care.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bool,
    Float,
    /// Of integers.
    Array,
    /// `#{a: integer, b: array, c: #{d: integer, e: text}}`.
    Map,
    /// An array of such maps.
    Rows,
    /// Takes an integer and gives one.
    Function,
}

pub(crate) const KINDS: [Kind; 8] =
    [Kind::Int, Kind::Text, Kind::Array, Kind::Map, Kind::Bool, Kind::Float, Kind::Rows, Kind::Function];

/// Few names: they hide each other.
pub(crate) const NAMES: [&str; 6] = ["a", "b", "x", "y", "n", "s"];

pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) params: Vec<Kind>,
}

/// The texts of a program.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    /// The script.
    pub(crate) script: String,
    /// What it imports by the name `m`.
    pub(crate) module: String,
}

/// The program that the bytes choose; where they end, everything is as simple as can be.
pub(crate) fn program(choices: &[u8]) -> Texts {
    let mut writer = Writer::new(choices);
    let module = if writer.one_in(4) { writer.module() } else { String::new() };
    let script = writer.script(!module.is_empty());
    Texts { script, module }
}

/// Writes a program.
pub(crate) struct Writer<'a> {
    pub(crate) choices: std::slice::Iter<'a, u8>,
    text: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) functions: Vec<Function>,
    /// Those of the module.
    pub(crate) imported: Vec<Function>,
    indent: usize,
    /// How many statements may still be written.
    fuel: usize,
    in_loop: bool,
    in_function: bool,
    /// In `eval`, which may make no closures.
    pub(crate) in_text: bool,
    /// The first line of the next block.
    first: Option<&'static str>,
}

/// One of them.
pub(crate) fn pick_of<T: Clone>(choices: &mut std::slice::Iter<'_, u8>, all: &[T]) -> T {
    all[choices.next().map_or(0, |byte| usize::from(*byte) % all.len())].clone()
}

impl<'a> Writer<'a> {
    fn new(choices: &'a [u8]) -> Self {
        Self {
            choices: choices.iter(),
            text: String::new(),
            variables: Vec::new(),
            functions: Vec::new(),
            imported: Vec::new(),
            indent: 0,
            fuel: 0,
            in_loop: false,
            in_function: false,
            in_text: false,
            first: None,
        }
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    /// Never where nothing is left to choose from.
    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn line(&mut self, text: &str) {
        let blanks = " ".repeat(self.indent * 4);
        let _ = writeln!(self.text, "{blanks}{text}");
    }

    fn module(&mut self) -> String {
        self.fuel = 12;
        for index in 0..=self.below(2) {
            self.definition(&format!("g{index}"), "");
        }
        self.definition("hidden", "private ");
        self.imported = std::mem::take(&mut self.functions);
        self.functions.clone_from(&self.imported);
        self.fuel = 4;
        self.statements(2);
        let (number, array, closure) = (self.int(2), self.array(1), self.function(2));
        self.line(&format!("export let X = {number};"));
        self.line(&format!("export const LIST = {array};"));
        self.line(&format!("export const WHOLE = {};", 3));
        self.line(&format!("let kept = {closure};"));
        self.line("export kept as KEPT;");
        let inner = self.function(2);
        self.line(&format!("fn make(x) {{ let b = x; let n = [x]; let a = x; let y = x; let s = `${{x}}`; {inner} }}"));
        self.functions.clear();
        self.variables.clear();
        std::mem::take(&mut self.text)
    }

    fn script(&mut self, has_module: bool) -> String {
        if has_module {
            self.line("import \"m\" as m;");
        }
        self.fuel = 10;
        for index in 0..self.below(3) {
            self.definition(&format!("f{index}"), "");
        }
        self.fuel = 25;
        self.statements(9);
        if self.one_in(3) {
            let wrong = self.wrong(2);
            self.line(&format!("{wrong};"));
        }
        std::mem::take(&mut self.text)
    }

    fn definition(&mut self, name: &str, access: &str) {
        let outer = std::mem::take(&mut self.variables);
        let params: Vec<Kind> = (0..self.below(3)).map(|_| self.pick(&KINDS)).collect();
        self.variables = params.iter().zip(NAMES).map(|(kind, name)| Variable { name, kind: *kind }).collect();
        let names: Vec<_> = self.variables.iter().map(|variable| variable.name).collect();
        self.line(&format!("{access}fn {name}({}) {{", names.join(", ")));
        self.in_function = true;
        self.indent += 1;
        self.statements(3);
        let last = self.int(2);
        self.line(&last);
        self.indent -= 1;
        self.in_function = false;
        self.line("}");
        self.variables = outer;
        self.functions.push(Function { name: name.into(), params });
    }

    fn statements(&mut self, most: usize) {
        for _ in 0..=self.below(most) {
            if self.fuel == 0 {
                return;
            }
            if self.indent > 4 {
                let value = self.any(2);
                return self.line(&format!("print({value});"));
            }
            self.fuel -= 1;
            self.statement();
        }
    }

    /// A block: what it declares ends with it.
    fn block(&mut self, head: &str, most: usize) {
        self.block_with(head, most, &[], "}");
    }

    fn block_with(&mut self, head: &str, most: usize, declared: &[(&'static str, Kind)], end: &str) {
        self.line(&format!("{head} {{"));
        let mark = self.variables.len();
        self.indent += 1;
        if let Some(first) = self.first.take() {
            self.line(first);
        }
        for (name, kind) in declared {
            self.variables.push(Variable { name, kind: *kind });
        }
        self.statements(most);
        self.indent -= 1;
        self.variables.truncate(mark);
        self.line(end);
    }

    fn loop_block(&mut self, head: &str, most: usize, declared: &[(&'static str, Kind)], end: &str) {
        let outer = std::mem::replace(&mut self.in_loop, true);
        self.block_with(head, most, declared, end);
        self.in_loop = outer;
    }

    fn statement(&mut self) {
        match self.below(27) {
            0 | 1 => {
                let value = self.any(3);
                self.line(&format!("print({value});"));
            }
            2..=5 => self.declare(),
            6..=9 => self.assign(),
            10 => {
                let condition = self.bool(2);
                self.block(&format!("if {condition}"), 2);
                if self.one_in(2) {
                    let last = self.text.trim_end().len();
                    self.text.truncate(last);
                    self.text.push_str(" else {\n");
                    let mark = self.variables.len();
                    self.indent += 1;
                    self.statements(2);
                    self.indent -= 1;
                    self.variables.truncate(mark);
                    self.line("}");
                }
            }
            11..=13 => self.repeat(),
            14 => self.switch(),
            15..=17 => self.attempt(),
            18 => self.register(),
            19 => self.closures_of_loop(),
            20 => self.method(),
            21 => self.leave(),
            22 => self.text_of_code(),
            23 => self.host_call(),
            24 => {
                let value = self.any(3);
                self.line(&format!("{value};"));
            }
            25 if !self.imported.is_empty() => self.line("import \"m\" as n; print(n::X);"),
            _ => self.block("", 3),
        }
    }

    fn declare(&mut self) {
        let kind = self.pick(&KINDS);
        let name = self.pick(&NAMES);
        let value = self.of_kind(kind, 3);
        let is_constant = self.one_in(5);
        self.line(&format!("{} {name} = {value};", if is_constant { "const" } else { "let" }));
        self.variables.push(Variable { name, kind });
    }

    /// A place that holds an integer.
    pub(crate) fn place(&mut self) -> Option<String> {
        let kind = self.pick(&[Kind::Int, Kind::Array, Kind::Map, Kind::Rows]);
        let name = self.variable(kind)?;
        Some(match kind {
            Kind::Int => name.to_string(),
            Kind::Array => format!("{name}[{}]", self.index()),
            Kind::Map => format!("{name}{}", self.member()),
            _ => format!("{name}[{}]{}", self.index(), self.member()),
        })
    }

    pub(crate) fn index(&mut self) -> String {
        match self.below(8) {
            0..=4 => "0".into(),
            5 => "-1".into(),
            6 => self.int(1),
            _ => "7".into(),
        }
    }

    /// What leads from a map to an integer in it.
    pub(crate) fn member(&mut self) -> String {
        match self.below(9) {
            0 | 1 => ".a".into(),
            2 => "[\"a\"]".into(),
            3 => ".c.d".into(),
            4 => ".c[\"d\"]".into(),
            5 => "[\"c\"].d".into(),
            6 => format!(".b[{}]", self.index()),
            7 => format!("[\"b\"][{}]", self.index()),
            _ => self
                .pick(&[
                    ".zz",
                    ".zz.d",
                    ".c.zz",
                    ".a.d",
                    "[\"zz\"][0]",
                    "?.zz?.y",
                    ".b.zz",
                    ".zz[0]",
                    "[\"zz\"].y",
                    ".a[1]",
                    ".c.e[0]",
                    "\n        .c\n        .d",
                ])
                .into(),
        }
    }

    fn assign(&mut self) {
        if self.one_in(4) {
            let kind = self.pick(&KINDS);
            if let Some(name) = self.variable(kind) {
                let value = self.of_kind(kind, 2);
                let operator = match kind {
                    Kind::Text | Kind::Array | Kind::Map => self.pick(&["=", "+="]),
                    _ => "=",
                };
                self.line(&format!("{name} {operator} {value};"));
            }
            return;
        }
        let Some(place) = self.place() else { return self.declare() };
        let operator = self.pick(&["=", "+=", "-=", "*=", "/=", "%=", "|=", "<<="]);
        let value = if self.one_in(12) { self.any(2) } else { self.int(2) };
        self.line(&format!("{place} {operator} {value};"));
    }

    fn repeat(&mut self) {
        match self.below(8) {
            0 => self.loop_block("for n in 0..3", 3, &[("n", Kind::Int)], "}"),
            1 => {
                let array = self.array(2);
                let name = self.pick(&NAMES);
                self.loop_block(&format!("for {name} in {array}"), 3, &[(name, Kind::Int)], "}");
            }
            2 => {
                let text = self.string(1);
                self.loop_block(
                    &format!("for (s, x) in {text}.split(\"\")"),
                    2,
                    &[("s", Kind::Text), ("x", Kind::Int)],
                    "}",
                );
            }
            3 => {
                let rows = self.of_kind(Kind::Rows, 1);
                self.loop_block(&format!("for (y, n) in {rows}"), 2, &[("y", Kind::Map), ("n", Kind::Int)], "}");
            }
            4..=6 => {
                self.line("let i = 0;");
                let (head, first, end) = self.pick(&[
                    ("while i < 3", "i += 1;", "}"),
                    ("loop", "i += 1; if i > 2 { break; }", "}"),
                    ("do", "i += 1; if i > 3 { break; }", "} while i < 3;"),
                    ("do", "i += 1; if i > 3 { break; }", "} until i > 2;"),
                ]);
                self.first = Some(first);
                self.loop_block(head, 3, &[], end);
            }
            _ => {
                let (map, name) = (self.map(1), self.pick(&NAMES));
                let list = self.pick(&["keys", "values"]);
                let kind = if list == "keys" { Kind::Text } else { Kind::Int };
                self.loop_block(&format!("for {name} in {map}.{list}()"), 2, &[(name, kind)], "}");
            }
        }
    }

    fn switch(&mut self) {
        let value = self.any(2);
        self.line(&format!("switch {value} {{"));
        self.indent += 1;
        for _ in 0..=self.below(3) {
            let case = self.pick(&["1", "0 | 2", "\"a\"", "true", "0.5", "\"12\"", "1 | \"b\"", "3..6"]);
            let guard = if self.one_in(3) { format!(" if {}", self.bool(1)) } else { String::new() };
            if self.one_in(2) {
                self.block(&format!("{case}{guard} =>"), 1);
                self.text.insert(self.text.len() - 1, ',');
            } else {
                let value = self.any(2);
                self.line(&format!("{case}{guard} => {value},"));
            }
        }
        if self.one_in(2) {
            let value = self.any(1);
            self.line(&format!("_ => {value}"));
        }
        self.indent -= 1;
        self.line("}");
    }

    fn attempt(&mut self) {
        self.block("try", 3);
        // What has to fail, so that something is caught.
        if !self.one_in(3) {
            let wrong = if self.one_in(4) { self.thrown() } else { format!("{};", self.wrong(2)) };
            let at = self.text.trim_end().len() - 1;
            self.text.insert_str(at, &format!("    {wrong}\n{}", " ".repeat(self.indent * 4)));
        }
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        let name = self.pick(&["e", "e", "a", ""]);
        if name.is_empty() {
            self.text.push_str(" catch {\n");
        } else {
            let _ = writeln!(self.text, " catch ({name}) {{");
        }
        self.indent += 1;
        let mark = self.variables.len();
        if !name.is_empty() {
            // `docs/pitfalls.md`: where a closure of a module was called is told by the VM alone.
            let of_place = if self.imported.is_empty() {
                ["print(e?.line ?? \"-\");", "if type_of(e) == \"map\" { print(e.keys()); print(e.error); }"]
            } else {
                ["print(e?.source);", "if type_of(e) == \"map\" { print(e.error); }"]
            };
            for _ in 0..=self.below(2) {
                let told = self.pick(&[
                    "print(e);",
                    "print(e.message);",
                    "print(e.kind);",
                    "print(`${e.kind}: ${e.message}`);",
                    of_place[0],
                    of_place[1],
                    "print(type_of(e));",
                    "atexit(|| print(e.message));",
                    "let f = |x| `${x} ${e.message}`; print(f.call(1));",
                    "let kept = e; print(kept);",
                    "print(e.message.len() > 0 && \"a\" in e.message);",
                    "for n in 0..2 { atexit(|| print(`${n} ${e.message}`)); }",
                ]);
                let told = if name == "a" {
                    told.replace("e.", "a.").replace("(e)", "(a)").replace("e?", "a?")
                } else {
                    told.into()
                };
                self.line(&told);
            }
        }
        self.statements(1);
        if self.one_in(6) {
            let again = if name.is_empty() { "throw;".to_string() } else { format!("throw {name};") };
            self.line(&again);
        }
        self.variables.truncate(mark);
        self.indent -= 1;
        self.line("}");
    }

    fn thrown(&mut self) -> String {
        match self.below(6) {
            0 => "throw \"thrown\";".into(),
            1 => format!("throw {};", self.int(2)),
            2 => "throw #{message: \"of a map\", code: 3};".into(),
            3 => format!("throw {};", self.any(2)),
            4 => format!("throw {};", self.wrong(1)),
            _ => "throw;".into(),
        }
    }

    fn register(&mut self) {
        let call = match self.below(6) {
            0 => format!("atexit(print, {});", self.any(1)),
            1 => format!("atexit(|| print({}));", self.any(2)),
            2 => format!("atexit({}, {});", self.function(2), self.int(1)),
            3 => format!("let h = atexit(|| print({})); h.cancel();", self.any(1)),
            4 => format!("atexit(|| {{ let t = {}; atexit(|| print(t)); {} }});", self.any(2), self.any(2)),
            _ => format!("for y in 0..2 {{ atexit(|k| print(k + y + {}), y); }}", self.int(2)),
        };
        if self.in_text {
            return;
        }
        self.line(&call);
    }

    fn closures_of_loop(&mut self) {
        if self.in_text {
            return;
        }
        self.line("let kept = [];");
        self.loop_block("for n in 0..2", 2, &[("n", Kind::Int)], "}");
        let body = {
            self.variables.push(Variable { name: "n", kind: Kind::Int });
            let body = self.function(3);
            self.variables.pop();
            body
        };
        let end = self.text.trim_end().len() - 1;
        let put = match self.below(3) {
            0 => format!("    kept.push({body});\n"),
            1 => format!("    for y in [5, 6] {{ kept.push(|x| x + n + y); }}\n    kept.push({body});\n"),
            _ => format!("    let t = n * 2; kept.push(|x| {{ t += x; t + n }}); kept.push({body});\n"),
        };
        self.text.insert_str(end, &format!("{put}{}", " ".repeat(self.indent * 4)));
        let called = self.pick(&[
            "for f in kept { print(f.call(1)); }",
            "print(kept.map(|f| f.call(1)));",
            "for (f, i) in kept { print(f.call(i) + f.call(i)); }",
            "atexit(|| { for f in kept { print(f.call(2)); } });",
            "print(kept[0].call(1)); print(kept[-1].call(2));",
        ]);
        self.line(called);
    }

    fn method(&mut self) {
        match self.below(9) {
            0 => {
                if let Some(name) = self.variable(Kind::Array) {
                    let (value, what) = (self.int(2), self.pick(&["push", "remove", "append", "truncate", "index_of"]));
                    let value = if what == "append" { format!("[{value}]") } else { value };
                    self.line(&format!("{name}.{what}({value});"));
                    self.line(&format!("print({name});"));
                }
            }
            1 => {
                let body = self.int(2);
                let value = self.pick(&["1", "\"a\"", "[]"]);
                self.line(&format!("let o = #{{v: {value}, add: |k| {{ this.v += k; this.v }}, f: |x| {body}}};"));
                let given = self.int(1);
                self.line(&format!("print(o.add({given})); o.add(1); print(o.v); print(o.f(2));"));
            }
            2 => {
                if let Some(name) = self.variable(Kind::Array) {
                    let value = self.int(1);
                    self.line(&format!(
                        "{name}.for_each(|i| {{ this += i; if this > 5 {{ this = {value}; }} }}); print({name});"
                    ));
                }
            }
            3 => {
                if let Some(name) = self.variable(Kind::Int) {
                    let value = self.int(1);
                    self.line(&format!(
                        "let grow = |k| {{ this += k; this }}; print({name}.grow({value})); print({name});"
                    ));
                    self.line("grow.call(1);");
                }
            }
            4 => {
                if let Some(name) = self.variable(Kind::Rows) {
                    let member = self.member();
                    self.line(&format!("{name}.for_each(|i| {{ this{member} += i; }}); print({name});"));
                }
            }
            5 => {
                if let Some(name) = self.variable(Kind::Map) {
                    let member = self.member();
                    let value = self.any(1);
                    self.line(&format!(
                        "{name}{member} = {value}; print({name}); {name}.b.push(1); print({name}.b.len);"
                    ));
                }
            }
            6 => {
                if let Some(name) = self.variable(Kind::Text) {
                    let value = self.int(1);
                    self.line(&format!("{name}[0] = 'q'; print({name}); {name}.replace(\"q\", \"zz\"); print({name}.sub_string({value}));"));
                }
            }
            7 => {
                if let Some(name) = self.variable(Kind::Rows) {
                    let value = self.int(1);
                    self.line(&format!("{name}[0].b.push({value}); {name}[0].c.d.max(3); print({name}[0].b); {name}[-1].c.e += \"z\"; print({name});"));
                }
            }
            _ => {
                let value = self.any(2);
                let call = self.pick(&[
                    "nothing()",
                    "nothing(1)",
                    "len()",
                    "push(1)",
                    "trim()",
                    "a.b",
                    "to_string().len()",
                    "contains(1)",
                ]);
                self.line(&format!("print(({value}).{call});"));
            }
        }
    }

    fn leave(&mut self) {
        let condition = self.bool(2);
        let how = match self.below(4) {
            0 | 1 if self.in_loop => self.pick(&["break;", "continue;", "break 3;"]).to_string(),
            2 if self.in_function => format!("return {};", self.int(2)),
            3 if !self.in_function && !self.in_loop && self.one_in(3) => {
                self.pick(&["exit(3);", "return;", "return 4;"]).into()
            }
            _ => self.thrown(),
        };
        self.line(&format!("if {condition} {{ {how} }}"));
    }

    fn text_of_code(&mut self) {
        if self.in_text {
            return;
        }
        self.in_text = true;
        let text = match self.below(6) {
            0 => self.int(2),
            1 => format!("let a = {}; a", self.int(1)),
            2 => format!("{{ let z = {}; print(z); }}", self.any(1)),
            3 => self.place().map_or("1".into(), |place| format!("{place} = 5; {place}")),
            4 => self.wrong(1),
            _ => format!("print({}); 1 +", self.int(1)),
        };
        self.in_text = false;
        if text.contains(['`', '\n']) {
            return;
        }
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        self.line(&format!("print(eval(\"{text}\"));"));
    }

    fn host_call(&mut self) {
        if self.in_text {
            return;
        }
        match self.below(6) {
            0 => {
                self.closure_block("scope(|| {", 3, "});");
            }
            1 => self.closure_block("stage(\"part\", || {", 3, "});"),
            2 => {
                let (value, f) = (self.any(2), self.function(2));
                let given = if self.one_in(4) { value } else { "2".into() };
                self.line(&format!("print(scope({f}, {given}));"));
            }
            3 => {
                let f = self.function(2);
                self.line(&format!("print(retry(2, {f}, 1));"));
            }
            4 => {
                self.line("let r = scope(|| {");
                self.indent += 1;
                let value = self.int(2);
                self.line(&format!("atexit(|| print(\"left\")); {value}"));
                self.indent -= 1;
                self.line("}); print(r);");
            }
            _ => {
                let f = self.function(2);
                self.line(&format!("print(wait_until(60, || [({f}).call(3)]));"));
            }
        }
    }

    fn closure_block(&mut self, head: &str, most: usize, end: &str) {
        let (in_loop, in_function) = (self.in_loop, self.in_function);
        (self.in_loop, self.in_function) = (false, true);
        let head = head.strip_suffix(" {").expect("it opens a block");
        self.block_with(head, most, &[], end);
        (self.in_loop, self.in_function) = (in_loop, in_function);
    }
}
