//! A value as a person reads it: where there is a spelling that a script reads back, in that spelling.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::Duration;

use rhai::{
    Array, Blob, Dynamic, Engine, FUNC_TO_DEBUG, FnPtr, ImmutableString, Instant, Map, NativeCallContext, Position,
};

use super::tokens::is_plain_key;
use crate::builtins::lexical::Lexical;
use crate::builtins::names;
use crate::builtins::record::Record;
use crate::builtins::spelling::{self, harmless, quoted};

/// How much is shown of a value.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The columns of a line: what fits is on one.
    pub width: usize,
    /// How many lines of that width it takes at most.
    pub lines: usize,
    /// How many characters of one string are shown.
    pub text: usize,
    /// How many columns a text takes.
    pub measure: fn(&str) -> usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { width: 80, lines: 40, text: 2000, measure: |text| text.chars().count() }
    }
}

/// A line that is indented has so many columns left, whatever the width.
const LEAST_ROOM: usize = 20;

/// What is within so many others is left out.
const MOST_DEPTH: usize = 16;

/// The columns of `"" … 1,234,567 more characters`.
const NOTE: usize = 31;

/// So many characters of a key are shown.
const LONGEST_KEY: usize = 100;

/// What a line of a part begins with, once for each depth.
const INDENT: &str = "  ";

/// The parts of the host's values that tell more than their texts.
const FIELDS: [(&str, &[&str]); 2] = [("Lock", &["path", "held"]), ("Process", &["pid", "name", "running"])];

/// A value as a person reads it.
#[must_use]
pub fn show(engine: &Engine, lexical: &Lexical, value: &Dynamic, limits: &Limits) -> String {
    let shower = Shower { engine, lexical, limits, within: RefCell::default() };
    shower.flat(value, limits.width).unwrap_or_else(|| {
        let mut text = String::new();
        shower.broken(value, 0, 0, limits.lines, &mut text);
        text
    })
}

/// What a script calls the type of a value: what `type_of` gives.
#[must_use]
pub fn type_name<'a>(engine: &'a Engine, value: &Dynamic) -> &'a str {
    engine.map_type_name(value.type_name())
}

struct Shower<'a> {
    engine: &'a Engine,
    lexical: &'a Lexical,
    limits: &'a Limits,
    /// Where the values are that this is a part of, outermost first: shared values can contain themselves.
    within: RefCell<Vec<*const ()>>,
}

/// A value of others.
struct Parts<'a> {
    open: Cow<'static, str>,
    close: &'static str,
    /// The first of them, each with what precedes it.
    first: Vec<(String, &'a Dynamic)>,
    total: usize,
    place: *const (),
}

impl<'a> Parts<'a> {
    fn of_map(map: &'a Map, most: usize) -> Self {
        let first = map.iter().take(most).map(|(key, part)| (key_of(key), part)).collect();
        Self { open: "#{".into(), close: "}", first, total: map.len(), place: std::ptr::from_ref(map).cast() }
    }
}

/// A text, and how many characters of it are left out.
struct Cut {
    text: String,
    left_out: usize,
}

impl Shower<'_> {
    /// On one line, if it fits.
    fn flat(&self, value: &Dynamic, room: usize) -> Option<String> {
        let text = match self.with_parts(value, |parts| self.all_flat(parts, room)) {
            Some(text) => text?,
            None => {
                let leaf = self.leaf(value, room);
                (leaf.left_out == 0).then_some(leaf.text)?
            }
        };
        (self.measure(&text) <= room).then_some(text)
    }

    fn all_flat(&self, parts: &Parts<'_>, room: usize) -> Option<String> {
        if self.is_too_deep(parts) {
            return Some(format!("{}…{}", parts.open, parts.close));
        }
        if parts.total > parts.first.len() {
            return None;
        }
        self.inside(parts, || {
            let mut text = parts.open.to_string();
            for (index, (key, part)) in parts.first.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(key);
                let left = room.checked_sub(self.measure(&text))?;
                text.push_str(&self.flat(part, left)?);
            }
            text.push_str(parts.close);
            Some(text)
        })
    }

    /// On several lines.
    ///
    /// # Arguments
    ///
    /// How far it is indented; the columns of the first line that are taken; how many lines there are.
    ///
    /// # Returns
    ///
    /// How many lines it takes.
    fn broken(&self, value: &Dynamic, indent: usize, used: usize, lines: usize, text: &mut String) -> usize {
        let room = self.room(indent);
        let parts = self.with_parts(value, |parts| {
            let lines = lines.saturating_sub(used / room);
            // The first line and the last, and one for what is between.
            if self.is_too_deep(parts) || lines < 3 {
                text.push_str(&format!("{}… {} more{}", parts.open, grouped(parts.total), parts.close));
                return used / room + 1;
            }
            used / room + self.inside(parts, || self.all_broken(parts, indent, lines, text))
        });
        parts.unwrap_or_else(|| {
            let leaf = self.leaf(value, (lines.max(1) * room).saturating_sub(used));
            text.push_str(&leaf.text);
            (used + self.measure(&leaf.text)).div_ceil(room).max(1)
        })
    }

    fn all_broken(&self, parts: &Parts<'_>, indent: usize, lines: usize, text: &mut String) -> usize {
        let new_line = |text: &mut String, indent: usize| {
            text.push('\n');
            text.push_str(&INDENT.repeat(indent));
        };
        text.push_str(parts.open.trim_end());
        let mut left = lines - 2;
        for (index, (key, part)) in parts.first.iter().enumerate() {
            let more = parts.total - index;
            new_line(text, indent + 1);
            if left <= 1 && more > 1 {
                text.push_str(&format!("… {} more", grouped(more)));
                left = 0;
                break;
            }
            text.push_str(key);
            let used = self.measure(key);
            // For a comma as well.
            let room = self.room(indent + 1).saturating_sub(used + 1);
            // Half of what there is, so that most parts are whole, and yet something is left for those that follow.
            let share = if more == 1 { left } else { left / 2 };
            let taken = match self.flat(part, room) {
                Some(line) => {
                    text.push_str(&line);
                    1
                }
                None => self.broken(part, indent + 1, used, share, text),
            };
            left = left.saturating_sub(taken);
            text.push_str(if more == 1 { "" } else { "," });
        }
        new_line(text, indent);
        text.push_str(parts.close);
        lines - left
    }

    fn room(&self, indent: usize) -> usize {
        self.limits.width.saturating_sub(indent * INDENT.len()).max(LEAST_ROOM)
    }

    fn measure(&self, text: &str) -> usize {
        (self.limits.measure)(text)
    }

    fn is_too_deep(&self, parts: &Parts<'_>) -> bool {
        let within = self.within.borrow();
        within.len() >= MOST_DEPTH || within.contains(&parts.place)
    }

    fn inside<T>(&self, parts: &Parts<'_>, run: impl FnOnce() -> T) -> T {
        self.within.borrow_mut().push(parts.place);
        let result = run();
        self.within.borrow_mut().pop();
        result
    }

    /// What `then` makes of the parts of a value; `None` of a value that has none.
    fn with_parts<T>(&self, value: &Dynamic, then: impl FnOnce(&Parts<'_>) -> T) -> Option<T> {
        // More fit neither on a line nor on the lines.
        let most = self.limits.width.max(self.limits.lines) + 1;
        let unkeyed = |part| (String::new(), part);
        if let Some(array) = value.read_lock::<Array>().filter(|array| !array.is_empty()) {
            let first = array.iter().take(most).map(unkeyed).collect();
            let place = std::ptr::from_ref::<Array>(&array).cast();
            return Some(then(&Parts { open: "[".into(), close: "]", first, total: array.len(), place }));
        }
        if let Some(map) = value.read_lock::<Map>().filter(|map| !map.is_empty()) {
            return Some(then(&Parts::of_map(&map, most)));
        }
        if let Some(record) = value.read_lock::<Record>() {
            return Some(then(&Parts::of_map(record.fields(), most)));
        }
        if let Some(pointer) = value.read_lock::<FnPtr>() {
            if pointer.is_anonymous() || !pointer.is_curried() {
                return None;
            }
            let open = format!("Fn({}, ", names::as_written(pointer.fn_name())).into();
            let first = pointer.iter_curry().take(most).map(unkeyed).collect();
            let place = std::ptr::from_ref::<FnPtr>(&pointer).cast();
            return Some(then(&Parts { open, close: ")", first, total: pointer.curry().len(), place }));
        }
        let (name, fields) = FIELDS.iter().find(|(name, _)| *name == type_name(self.engine, value))?;
        let values: Vec<Dynamic> = fields.iter().map_while(|field| self.call(&format!("get${field}"), value)).collect();
        let first: Vec<_> = fields.iter().map(|field| key_of(field)).zip(&values).collect();
        let (total, place) = (first.len(), std::ptr::from_ref(value).cast());
        let parts = Parts { open: format!("{name} #{{").into(), close: "}", first, total, place };
        (total == fields.len()).then(|| then(&parts))
    }

    /// A value that has no parts, or none that are shown, in so many columns.
    fn leaf(&self, value: &Dynamic, columns: usize) -> Cut {
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return self.text(&text, columns, quoted);
        }
        if let Some(blob) = value.read_lock::<Blob>() {
            return self.blob(&blob, columns);
        }
        let text = if value.is_array() {
            "[]".into()
        } else if value.is_map() {
            "#{}".into()
        } else if value.is_unit() {
            "()".into()
        } else if let Ok(c) = value.as_char() {
            spelling::of_char(c)
        } else if let Ok(number) = value.as_float() {
            format!("{number:?}")
        } else if value.is_int() || value.is_bool() {
            value.to_string()
        } else if let Some(pointer) = value.read_lock::<FnPtr>() {
            self.function(&pointer)
        } else if let Some(time) = value.read_lock::<Instant>() {
            timestamp(*time)
        } else {
            return self.text(&self.of_host(value), columns, harmless);
        };
        Cut { text, left_out: 0 }
    }

    /// A text as `spell` has it: of one that is cut the first characters, and how many follow.
    fn text(&self, text: &str, columns: usize, spell: fn(&str) -> String) -> Cut {
        if text.chars().nth(self.limits.text).is_none() {
            let whole = spell(text);
            if self.measure(&whole) <= columns {
                return Cut { text: whole, left_out: 0 };
            }
        }
        let (room, frame) = (columns.saturating_sub(NOTE), spell("").len());
        let mut taken = 0;
        let end = text.char_indices().enumerate().find_map(|(index, (at, c))| {
            taken += self.measure(&spell(c.encode_utf8(&mut [0; 4]))).saturating_sub(frame);
            (index == self.limits.text || taken > room).then_some(at)
        });
        let (start, rest) = text.split_at(end.unwrap_or(text.len()));
        let left_out = rest.chars().count();
        let plural = if left_out == 1 { "" } else { "s" };
        Cut { text: format!("{} … {} more character{plural}", spell(start), grouped(left_out)), left_out }
    }

    /// The bytes of a blob, of many the first, on one line.
    fn blob(&self, blob: &[u8], columns: usize) -> Cut {
        let mut text = format!("blob({})", blob.len());
        let note = |left_out| format!(" … {} more", grouped(left_out));
        let room = columns.min(self.limits.width.max(LEAST_ROOM)).saturating_sub(text.len() + 1);
        // Each is ` ff`.
        let most = if blob.len() * 3 <= room { room } else { room.saturating_sub(note(blob.len()).len()) };
        let count = blob.len().min(most / 3);
        text.push_str(if blob.is_empty() { "" } else { ":" });
        for byte in &blob[..count] {
            text.push_str(&format!(" {byte:02x}"));
        }
        let left_out = blob.len() - count;
        if left_out > 0 {
            text.push_str(&note(left_out));
        }
        Cut { text, left_out }
    }

    /// A function; of a closure, which has no name, what it takes.
    fn function(&self, pointer: &FnPtr) -> String {
        let name = pointer.fn_name();
        if !pointer.is_anonymous() {
            return format!("Fn({})", names::as_written(name));
        }
        let home = self.lexical.home(name);
        let mut known = home.iter().flat_map(|home| &home.lib).flat_map(|module| module.iter_script_fn_info());
        // What it captures comes first.
        let own =
            known.find(|(.., def)| def.name == name).and_then(|(.., def)| def.params.get(pointer.curry().len()..));
        match own {
            Some(own) => format!("|{}| closure", own.join(", ")),
            None => "|…| closure".into(),
        }
    }

    /// Any other value: its type's `to_debug` says it.
    fn of_host(&self, value: &Dynamic) -> String {
        let kind = type_name(self.engine, value);
        // A type that is not known to scripts has its name in the host.
        let kind = kind.rsplit("::").next().unwrap_or(kind);
        let text = self.call(FUNC_TO_DEBUG, value).and_then(|text| text.into_immutable_string().ok());
        match text {
            Some(text) if text.starts_with(kind) || kind.starts_with("range") => text.to_string(),
            Some(text) if text.as_str() != value.type_name() => format!("{kind}({text})"),
            _ => kind.to_string(),
        }
    }

    /// What a native function makes of a value.
    fn call(&self, function: &str, value: &Dynamic) -> Option<Dynamic> {
        let global = self.engine.new_global_runtime_state();
        let context = NativeCallContext::new_with_all_fields(self.engine, function, None, &global, Position::NONE);
        context.call_native_fn_raw(function, true, &mut [&mut value.flatten_clone()]).ok()
    }
}

/// A key of a map, with its colon; of a long one the beginning.
fn key_of(key: &str) -> String {
    if let Some((end, _)) = key.char_indices().nth(LONGEST_KEY) {
        return format!("{}…: ", quoted(&key[..end]));
    }
    if is_plain_key(key) { format!("{key}: ") } else { format!("{}: ", quoted(key)) }
}

/// A time of Rhai's `timestamp`, which is none of the calendar.
fn timestamp(time: Instant) -> String {
    let now = Instant::now();
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    if time > now {
        format!("timestamp(in {})", seconds(time - now))
    } else {
        format!("timestamp({} ago)", seconds(now - time))
    }
}

/// A number in groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_within(engine: &Engine, value: &Dynamic, limits: &Limits) -> String {
        show(engine, &Lexical::default(), value, limits)
    }

    fn shown(value: impl Into<Dynamic>) -> String {
        shown_within(&Engine::new(), &value.into(), &Limits::default())
    }

    fn of_script(script: &str) -> String {
        shown(Engine::new().eval::<Dynamic>(script).expect("the script is sound"))
    }

    /// Texts of up to nine characters, among them all that have a meaning somewhere, the same in every run.
    fn odd_texts() -> impl Iterator<Item = String> {
        const ODD: &[char] = &[
            '"',
            '\'',
            '\\',
            '`',
            '$',
            '{',
            '}',
            'x',
            'u',
            'U',
            'n',
            '0',
            'a',
            ' ',
            '\0',
            '\t',
            '\n',
            '\r',
            '\x1b',
            '\x7f',
            '\u{80}',
            '\u{ff}',
            'é',
            '\u{301}',
            '\u{200d}',
            '\u{202e}',
            '\u{2028}',
            '\u{feff}',
            '\u{fffd}',
            '語',
            '🦀',
            '\u{e000}',
            '\u{10ffff}',
        ];
        let mut state = 1_u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).expect("it has 31 bits") % below
        };
        (0..2000).map(move |_| (0..next(10)).map(|_| ODD[next(ODD.len())]).collect())
    }

    #[test]
    fn strings_chars_and_keys_are_read_back_as_what_they_are() {
        let engine = Engine::new();
        for text in odd_texts() {
            let spelt = shown(text.clone());
            assert_eq!(engine.eval::<String>(&spelt).unwrap_or_else(|error| panic!("{spelt}: {error}")), text);
            assert!(!spelt.contains(char::is_control), "{spelt:?}");
            if let Some(c) = text.chars().next() {
                assert_eq!(engine.eval::<char>(&shown(c)).expect("it is a char"), c);
            }
            let map = shown(Map::from([(text.as_str().into(), 1_i64.into())]));
            let keys: Vec<String> =
                engine.eval::<Map>(&map).expect("it is a map").keys().map(|k| k.to_string()).collect();
            assert_eq!(keys, [text]);
        }
    }

    #[test]
    fn numbers_are_read_back_with_their_types() {
        let engine = Engine::new();
        let floats = [1.0, -0.0, 0.1, 1e16, 1e300, -2.5e-300, 5e-324, f64::MAX, 123_456_789.0, 1.0 / 3.0];
        for float in floats {
            let read: f64 = engine.eval(&shown(float)).unwrap_or_else(|error| panic!("{}: {error}", shown(float)));
            assert_eq!(read.to_bits(), float.to_bits());
        }
        for int in [0, -1, i64::MAX, i64::MIN + 1] {
            assert_eq!(engine.eval::<i64>(&shown(int)).expect("it is an int"), int);
        }
        assert_eq!([shown(f64::NAN), shown(f64::INFINITY), shown(i64::MIN)], ["NaN", "inf", "-9223372036854775808"]);
    }

    #[test]
    fn what_fits_is_on_one_line() {
        for script in
            ["()", "true", "[]", "#{}", "[1, [2.0, 'c'], #{}]", "0..5", "-1..=5", "#{\"\": (), a: [[]], b_2: \"x\"}"]
        {
            assert_eq!(of_script(script), script);
        }
        let keys = r##"#{"1a": 1, "a b": 1, "if": 1, "new": 1, plain: 1, "print": 1, "ä": 1}"##;
        assert_eq!(of_script(keys), keys);
        assert_eq!(of_script("blob(3, 255)"), "blob(3): ff ff ff");
        assert_eq!(of_script("blob()"), "blob(0)");
        assert_eq!(of_script("[range(0, 9, 2), \"a\".chars()]"), "[range, range]");
    }

    #[test]
    fn what_does_not_fit_is_on_several_and_still_read_back() {
        let script = r#"#{name: "a".pad2(), list: [1, 2, #{deep: ["x", "y"]}], long: "l"}"#;
        let script = script.replace("\"a\".pad2()", &format!("{:?}", "a".repeat(30)));
        let limits = Limits { width: 40, ..Limits::default() };
        let engine = Engine::new();
        let value: Dynamic = engine.eval(&script).expect("it is a map");
        let text = shown_within(&engine, &value, &limits);
        let expected = [
            "#{",
            "  list: [1, 2, #{deep: [\"x\", \"y\"]}],",
            "  long: \"l\",",
            "  name: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
            "}",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let narrow = shown_within(&engine, &value, &Limits { width: 30, ..limits });
        assert_eq!(narrow.lines().count(), 9, "{narrow}");
        for text in [text, narrow] {
            let read: Dynamic = engine.eval(&text).expect("it is read back");
            assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }
    }

    #[test]
    fn of_what_is_long_the_beginning_is_shown_and_how_much_follows() {
        assert_eq!(shown("a".repeat(3234)), format!("\"{}\" … 1,234 more characters", "a".repeat(2000)));
        assert_eq!(shown("ä".repeat(2001)), format!("\"{}\" … 1 more character", "ä".repeat(2000)));
        let text = shown(Dynamic::from_array((0..1000_i64).map(Into::into).collect()));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 40);
        assert_eq!([lines[0], lines[1], lines[37], lines[38], lines[39]], ["[", "  0,", "  36,", "  … 963 more", "]"]);
        let text = shown(Dynamic::from_blob(vec![7; 5000]));
        assert!(
            text.starts_with("blob(5000): 07 07") && text.ends_with(" … 4,982 more") && text.chars().count() <= 80,
            "{text}"
        );
    }

    #[test]
    fn no_value_takes_more_lines_than_there_are() {
        let texts = || Dynamic::from_array((0..50).map(|_| "语".repeat(900).into()).collect());
        let maps = (0..7).map(|n: i64| {
            let map = (0..300_i64).map(|key| (format!("key {key}").into(), (key * n).into())).collect();
            Dynamic::from_map(map)
        });
        let wide = |text: &str| text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        let mut nested = texts();
        for _ in 0..5 {
            nested = Dynamic::from_array(vec![nested.clone(), nested]);
        }
        let keys = [("k".repeat(900), texts()), ("l".repeat(90), texts())];
        let long = Dynamic::from_map(keys.into_iter().map(|(key, value)| (key.into(), value)).collect());
        let values = [texts(), Dynamic::from_array(maps.collect()), nested];
        let narrow = values.iter().flat_map(|value| [(value, 40, 10), (value, 200, 5)]);
        for (value, width, lines) in values.iter().chain([&long]).map(|value| (value, 80, 40)).chain(narrow) {
            let text =
                shown_within(&Engine::new(), value, &Limits { width, lines, measure: wide, ..Limits::default() });
            let rows: usize = text.lines().map(|line| wide(line).div_ceil(width).max(1)).sum();
            assert!(rows <= lines, "{rows} of {lines} lines of {width} columns:\n{text}");
        }
    }

    #[test]
    fn each_part_has_its_share() {
        let list: Dynamic = Dynamic::from_array((0..100_i64).map(Into::into).collect());
        let text = shown(Dynamic::from_array(vec![list.clone(), list.clone(), list, 7_i64.into()]));
        assert_eq!(text.matches(" more").count(), 3, "{text}");
        assert!(text.ends_with("  7\n]"), "{text}");
    }

    #[test]
    fn shared_values_are_shown_as_what_they_hold_and_circles_end() {
        assert_eq!(of_script("let x = [1]; let f = || x; [x, f.is_anonymous()]"), "[[1], true]");
        let circle = Dynamic::from_array(vec![1_i64.into()]).into_shared();
        let mut inside = circle.clone();
        inside.write_lock::<Array>().expect("it is an array").push(circle.clone());
        assert_eq!(shown(circle.clone()), "[1, […]]");
        let map = Dynamic::from_map(Map::from([("it".into(), circle), ("long".into(), "l".repeat(90).into())]));
        assert_eq!(shown(map).lines().nth(1), Some("  it: [1, […]],"));
        let mut deep: Dynamic = 1_i64.into();
        for _ in 0..100 {
            deep = Dynamic::from_array(vec![deep]);
        }
        assert_eq!(shown(deep), format!("{}[…]{}", "[".repeat(16), "]".repeat(16)));
    }

    #[test]
    fn functions_have_the_names_that_scripts_have_for_them() {
        assert_eq!(of_script("fn f(x) {} [Fn(\"f\"), Fn(\"f\").curry(1)]"), "[Fn(f), Fn(f, 1)]");
        let pointer = |name: &str| shown(Dynamic::from(FnPtr::new(name).expect("it is a name")));
        assert_eq!(
            [pointer("__fs__read"), pointer("__f3_mine"), pointer("__print")],
            ["Fn(fs::read)", "Fn(mine)", "Fn(print)"]
        );
        assert_eq!(of_script("|x| x"), "|…| closure");
    }

    #[test]
    fn a_closure_tells_what_it_takes() {
        let engine = Engine::new();
        let script = "let a = 1; [|| 1, |x, y| x + y, |x| x + a]";
        let ast = engine.compile(script).expect("the script is sound");
        let mut home = engine.new_global_runtime_state();
        home.lib.push(ast.shared_lib().clone());
        let lexical = Lexical::default();
        lexical.add_homes(ast.iter_functions().map(|f| f.name.to_string()), &std::rc::Rc::new(home));
        let value = engine.eval_ast::<Dynamic>(&ast).expect("the script is sound");
        assert_eq!(show(&engine, &lexical, &value, &Limits::default()), "[|| closure, |x, y| closure, |x| closure]");
    }

    #[test]
    fn a_timestamp_tells_how_long_ago_it_is() {
        let now = Instant::now();
        let before = now.checked_sub(Duration::from_secs(60)).expect("the machine runs for a minute");
        assert!(shown(Dynamic::from_timestamp(before)).starts_with("timestamp(60."));
        assert!(shown(Dynamic::from_timestamp(now + Duration::from_secs(60))).starts_with("timestamp(in "));
    }

    #[derive(Clone)]
    struct Host;

    #[test]
    fn values_of_the_host_are_readable() {
        let mut engine = Engine::new();
        assert_eq!(shown_within(&engine, &Dynamic::from(Host), &Limits::default()), "Host");
        engine.register_type_with_name::<Host>("Process").register_fn("to_debug", |_: &mut Host| "Process(7 a\nb)");
        assert_eq!(shown_within(&engine, &Dynamic::from(Host), &Limits::default()), "Process(7 a\\nb)");
        engine.register_get("pid", |_: &mut Host| 7_i64).register_get("name", |_: &mut Host| "a\nb");
        engine.register_get("running", |_: &mut Host| true);
        let process = Dynamic::from(Host);
        let text = "Process #{pid: 7, name: \"a\\nb\", running: true}";
        assert_eq!(shown_within(&engine, &process, &Limits::default()), text);
        assert_eq!(type_name(&engine, &process), "Process");
        let mut talkative = Engine::new();
        talkative.register_fn("to_debug", |_: &mut Host| "a".repeat(3000));
        let text = shown_within(&talkative, &process, &Limits::default());
        assert_eq!(text, format!("Host({} … 1,006 more characters", "a".repeat(1995)));
        let record = Record::new("the outcome", Map::from([("ok".into(), true.into())]));
        assert_eq!(shown_within(&engine, &Dynamic::from(record), &Limits::default()), "#{ok: true}");
    }
}
