//! What the random programs of `programs.rs` compute: expressions of every kind, and what fails in them.

use crate::programs::{Function, KINDS, Kind, NAMES, Variable, Writer, pick_of};

impl Writer<'_> {
    /// The newest of that kind, or an older one. One that is hidden by another is none.
    pub(crate) fn variable(&mut self, kind: Kind) -> Option<&'static str> {
        let mut seen = Vec::new();
        let mut found = Vec::new();
        for variable in self.variables.iter().rev() {
            let is_hidden = seen.contains(&variable.name);
            seen.push(variable.name);
            if !is_hidden && variable.kind == kind {
                found.push(variable.name);
            }
        }
        if found.is_empty() {
            return None;
        }
        Some(found[self.below(found.len())])
    }

    pub(crate) fn of_kind(&mut self, kind: Kind, depth: usize) -> String {
        match kind {
            Kind::Int => self.int(depth),
            Kind::Text => self.string(depth),
            Kind::Bool => self.bool(depth),
            Kind::Float => self.float(depth),
            Kind::Array => self.array(depth),
            Kind::Map => self.map(depth),
            Kind::Rows => match self.variable(Kind::Rows) {
                Some(name) if self.one_in(3) => name.into(),
                _ => format!("[{}, {}]", self.map(depth.min(1)), self.map(0)),
            },
            Kind::Function => self.function(depth),
        }
    }

    pub(crate) fn any(&mut self, depth: usize) -> String {
        let kind = self.pick(&KINDS);
        // How a closure is called differs from run to run.
        let kind = if kind == Kind::Function { Kind::Int } else { kind };
        self.of_kind(kind, depth)
    }

    pub(crate) fn int(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(3) == 0 {
            return match self.variable(Kind::Int) {
                Some(name) if self.below(4) > 0 => name.into(),
                _ => self.pick(&["1", "0", "2", "3", "5", "-1", "7"]).into(),
            };
        }
        let depth = depth - 1;
        match self.below(32) {
            0..=5 => {
                let operator = self.pick(&["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
                let (left, right) = (self.int(depth), self.int(depth));
                if self.one_in(3) {
                    format!("({left} {operator} {right})")
                } else {
                    format!("{left} {operator} {right}")
                }
            }
            6 => format!("{}.len()", self.array(depth)),
            7 => format!("{}.len", self.parenthesized_string(depth)),
            8 | 9 => match self.place() {
                Some(place) => place,
                None => "4".into(),
            },
            10 => format!("{}[{}]", self.array(depth), self.index()),
            11 => format!("{}{}", self.map(depth), self.member()),
            12..=14 => self.call(depth),
            15 | 16 => {
                let f = self.function(depth);
                let given = self.int(depth);
                if self.variables.iter().any(|v| v.name == f) {
                    format!("{f}.call({given})")
                } else {
                    format!("({f}).call({given})")
                }
            }
            17 => format!("if {} {{ {} }} else {{ {} }}", self.bool(depth), self.int(depth), self.int(depth)),
            18 => format!(
                "switch {} {{ 1 => {}, 2..5 => {}, _ => {} }}",
                self.any(depth),
                self.int(depth),
                self.int(depth),
                self.int(depth)
            ),
            19 => {
                let value = self.int(depth);
                self.variables.push(Variable { name: "x", kind: Kind::Int });
                let rest = self.int(depth);
                self.variables.pop();
                format!("{{ let x = {value}; {rest} }}")
            }
            20 => format!("loop {{ break {}; }}", self.int(depth)),
            21 => format!("({} ?? {})", self.pick(&["()", "#{}?.q", "1", "#{}.q"]), self.int(depth)),
            22 => format!("{}.reduce(|t, v| t + v, {})", self.array(depth), self.int(depth)),
            23 if !self.imported.is_empty() => self.of_module(depth),
            24 => format!("-({})", self.int(depth)),
            25 => format!("abs({})", self.int(depth)),
            26 => format!("({} ** {})", self.int(depth), self.pick(&["2", "0", "3"])),
            27 if !self.in_text => format!("{}.filter(|v| {}).len()", self.array(depth), self.bool(depth)),
            28 => format!("parse_int({})", self.string(depth)),
            29 => format!("{}.to_int()", self.parenthesized_float(depth)),
            30 => format!("for v in 0..3 {{ if v == 1 {{ break v + {}; }} }}", self.int(depth)),
            31 if self.one_in(2) => self.wrong(depth),
            _ => self.int(depth),
        }
    }

    fn parenthesized_string(&mut self, depth: usize) -> String {
        format!("({})", self.string(depth))
    }

    fn parenthesized_float(&mut self, depth: usize) -> String {
        format!("({})", self.float(depth))
    }

    fn call(&mut self, depth: usize) -> String {
        if self.functions.is_empty() {
            return "max(2, 1)".into();
        }
        let function = pick_of(&mut self.choices, &self.functions);
        self.call_of("", &function, depth)
    }

    fn call_of(&mut self, namespace: &str, function: &Function, depth: usize) -> String {
        let mut given: Vec<String> = function.params.iter().map(|kind| self.of_kind(*kind, depth.min(1))).collect();
        if self.one_in(12) {
            given.push("9".into());
        }
        if namespace.is_empty() && !given.is_empty() && self.one_in(5) {
            let object = given.remove(0);
            return format!("({object}).{}({})", function.name, given.join(", "));
        }
        format!("{namespace}{}({})", function.name, given.join(", "))
    }

    fn of_module(&mut self, depth: usize) -> String {
        match self.below(8) {
            0 => "m::X".into(),
            1 => format!("m::LIST[{}]", self.index()),
            2 => "m::WHOLE".into(),
            3 => format!("m::KEPT.call({})", self.int(depth)),
            4 => format!("m::make({}).call({})", self.int(depth), self.int(depth)),
            5 if self.one_in(3) => self.pick(&["m::nope", "m::nope(1)", "m::hidden()", "n::x", "m::X()"]).into(),
            _ => {
                let function = pick_of(&mut self.choices, &self.imported);
                self.call_of("m::", &function, depth)
            }
        }
    }

    pub(crate) fn bool(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(4) == 0 {
            return match self.variable(Kind::Bool) {
                Some(name) if self.one_in(2) => name.into(),
                _ => self.pick(&["true", "false"]).into(),
            };
        }
        let depth = depth - 1;
        match self.below(12) {
            0..=3 => {
                format!("{} {} {}", self.int(depth), self.pick(&["<", ">", "==", "!=", "<=", ">="]), self.int(depth))
            }
            4 => format!("{} && {}", self.bool(depth), self.bool(depth)),
            5 => format!("({} || {})", self.bool(depth), self.bool(depth)),
            6 => format!("!({})", self.bool(depth)),
            7 => format!("{} in {}", self.int(depth), self.array(depth)),
            8 => format!("is_def_var(\"{}\")", self.pick(&NAMES)),
            9 => format!("type_of({}) == \"i64\"", self.any(depth)),
            10 => format!("{} !in {}", self.string(depth), self.map(depth)),
            _ => format!("{} == {}", self.any(depth), self.any(depth)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(3) == 0 {
            return self.variable(Kind::Float).map_or_else(|| self.pick(&["0.5", "1.0", "2.25"]).into(), Into::into);
        }
        let depth = depth - 1;
        let operator = self.pick(&["+", "-", "*", "/", "%"]);
        if self.one_in(2) {
            format!("{} {operator} {}", self.float(depth), self.int(depth))
        } else {
            format!("{} {operator} {}", self.float(depth), self.float(depth))
        }
    }

    pub(crate) fn string(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(4) == 0 {
            return match self.variable(Kind::Text) {
                Some(name) if self.one_in(2) => name.into(),
                _ => self.pick(&["\"a\"", "\"\"", "\"été\"", "\"b c\"", "\"12\""]).into(),
            };
        }
        let depth = depth - 1;
        match self.below(10) {
            0 | 1 => format!("{} + {}", self.string(depth), self.any(depth)),
            2..=4 if !self.in_text => format!("`v ${{{}}} w${{{}}}`", self.any(depth), self.int(depth)),
            5 => format!("({}).to_string()", self.any(depth)),
            6 => format!("({})[{}..{}]", self.string(depth), self.pick(&["0", "1"]), self.int(depth)),
            7 => format!("type_of({})", self.any(depth)),
            8 => format!("({}).to_upper()", self.string(depth)),
            _ => self.string(0),
        }
    }

    pub(crate) fn array(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(4) == 0 {
            return match self.variable(Kind::Array) {
                Some(name) if self.below(4) > 0 => name.into(),
                _ => self.pick(&["[1, 2]", "[]", "[3, 1, 2]", "[0]"]).into(),
            };
        }
        let depth = depth - 1;
        match self.below(10) {
            0..=2 => format!("[{}, {}]", self.int(depth), self.int(depth)),
            3 if !self.in_text => {
                let f = self.function(depth);
                format!("{}.map({f})", self.array(depth))
            }
            4 if !self.in_text => {
                self.variables.push(Variable { name: "n", kind: Kind::Int });
                let body = self.bool(depth);
                self.variables.pop();
                format!("{}.filter(|n| {body})", self.array(depth))
            }
            5 => format!("({} + {})", self.array(depth), self.array(depth)),
            6 => format!("{}.b", self.map(depth)),
            7 if !self.in_text => format!("{}.map(|v| v + {})", self.array(depth), self.int(depth)),
            8 if !self.in_text => format!(
                "{{ let t = {}; t.sort({}); t }}",
                self.array(depth),
                self.pick(&["|p, q| q - p", "", "|p, q| p.zz"])
            ),
            _ => self.array(0),
        }
    }

    pub(crate) fn map(&mut self, depth: usize) -> String {
        match self.variable(Kind::Map) {
            Some(name) if self.below(3) > 0 => return name.into(),
            _ => {}
        }
        if depth == 0 || self.below(3) == 0 {
            return "#{a: 1, b: [2, 3], c: #{d: 4, e: \"f\"}}".into();
        }
        let depth = depth - 1;
        format!(
            "#{{a: {}, b: {}, c: #{{d: {}, e: {}}}}}",
            self.int(depth),
            self.array(depth),
            self.int(depth),
            self.string(depth)
        )
    }

    pub(crate) fn function(&mut self, depth: usize) -> String {
        if let Some(name) = self.variable(Kind::Function)
            && (self.in_text || self.below(3) > 0)
        {
            return name.into();
        }
        if self.in_text {
            return "Fn(\"abs\")".into();
        }
        let of_one: Vec<String> =
            self.functions.iter().filter(|f| f.params == [Kind::Int]).map(|f| f.name.clone()).collect();
        match self.below(12) {
            1 if !of_one.is_empty() => of_one[self.below(of_one.len())].clone(),
            2 if !of_one.is_empty() => format!("Fn(\"{}\")", of_one[self.below(of_one.len())]),
            choice => {
                let depth = depth.saturating_sub(1);
                let param = self.pick(&["x", "n", "k"]);
                self.variables.push(Variable { name: param, kind: Kind::Int });
                let body = self.int(depth);
                let closure = match choice {
                    3 => format!("|{param}| {{ if {} {{ return {}; }} {body} }}", self.bool(depth), self.int(depth)),
                    4 => match self.place() {
                        Some(place) => format!("|{param}| {{ {place} += 1; {body} }}"),
                        None => format!("|{param}| {body}"),
                    },
                    5 => format!("|{param}| {{ let t = {body}; let g = |v| v + t; g.call({}) }}", self.int(depth)),
                    6 => format!(
                        "|{param}| {{ try {{ {} }} catch (e) {{ print(e.message); {body} }} }}",
                        self.wrong(depth)
                    ),
                    7 => format!(
                        "|{param}| {{ let r = []; for n in 0..2 {{ r.push(|x| x + n); }} r.map(|f| f.call({body})).len() }}"
                    ),
                    8 => format!("|{param}| {{ for y in 0..2 {{ atexit(|| print(`${{y}} {param}`)); }} {body} }}"),
                    9 => format!("|q, {param}| q + {body}"),
                    _ => format!("|{param}| {body}"),
                };
                self.variables.pop();
                if choice == 9 { format!("({closure}).curry({})", self.int(depth)) } else { closure }
            }
        }
    }

    /// What fails when it is evaluated, more often than not.
    pub(crate) fn wrong(&mut self, depth: usize) -> String {
        let depth = depth.saturating_sub(1);
        match self.below(26) {
            0 => format!("{} / 0", self.int(depth)),
            1 => "nope".into(),
            2 => format!("nope({})", self.any(depth)),
            3 => format!("{}[9]", self.array(depth)),
            4 => format!("{}.zz.y", self.map(depth)),
            5 => format!("({}).zz", self.int(depth)),
            6 => format!("{} - {}", self.string(depth), self.int(depth)),
            7 => format!("({}).zz({})", self.any(depth), self.int(depth)),
            8 if !self.in_text => format!("({}).call()", self.function(depth)),
            9 if !self.in_text => format!("({}).call(1, 2, {})", self.function(depth), self.int(depth)),
            10 => format!("{}.map({})", self.array(depth), self.pick(&["nope", "Fn(\"nope\")", "5"])),
            11 if !self.in_text => format!("[1, 2].map(|v| v / {})", self.pick(&["0", "(v - 1)"])),
            12 => format!("if max({}, 1) {{ 1 }}", self.int(depth)),
            13 => format!("while ({}).len() {{ break; }}", self.string(depth)),
            14 => format!("for v in abs({}) {{ }}", self.int(depth)),
            15 => format!("{} && abs({})", self.bool(depth), self.int(depth)),
            16 => format!("-({} + \"\")", self.string(0)),
            17 => "9223372036854775807 + 1".into(),
            18 => match self.place() {
                Some(place) => format!("{place} += {}", self.string(depth)),
                None => "global::nope".into(),
            },
            19 => format!("{} in {}", self.array(depth), self.int(depth)),
            20 => format!("({}).a.b.c", self.any(depth)),
            21 => format!("{}.reduce(|t| t)", self.array(0)),
            22 => {
                self.pick(&["this", "this.a", "import \"nowhere\" as q", "q::x", "1 << 99", "2 ** -1", "5 % 0"]).into()
            }
            23 => format!("({})[{}]", self.any(depth), self.any(depth)),
            24 if !self.in_text => format!("({}).curry(1).call({})", self.function(depth), self.int(depth)),
            _ => self.call(depth),
        }
    }
}
