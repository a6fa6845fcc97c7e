//! What a run can call: Rhai's standard library and the builtins, as much of them as its texts name. This is the one place
//! that decides.

use std::any::TypeId;
use std::collections::HashSet;
use std::path::PathBuf;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicBlobPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, BasicTimePackage, BitFieldPackage, LanguageCorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Blob, Dynamic, Engine, INT, Module};

use super::resolver::locate;
use super::source::{SourceText, Sources};
use crate::builtins::vocabulary::{OTHER_PLUS, Vocabulary};

/// Builtins by which a script may change the texts that it imports.
const WRITING: [&str; 10] = ["attempt", "capture", "fs", "kill", "log", "run", "sh", "shell", "start", "succeeds"];

/// A part of Rhai's standard library: when it is needed.
struct Part {
    init: fn(&mut Module),
    /// One of its functions is named.
    names: &'static [&'static str],
    /// Or a text has one of these operators, which are builtin for most types and are here for the others.
    operators: &'static [&'static str],
}

/// Rhai's own `StandardPackage`, in its order.
const PARTS: &[Part] = &[
    Part {
        init: LanguageCorePackage::init,
        names: &["exit", "get_fn_metadata_list", "parse_json", "set_tag", "sleep", "tag", "take"],
        operators: &[],
    },
    Part {
        init: ArithmeticPackage::init,
        names: &["abs", "is_even", "is_odd", "is_zero", "sign"],
        operators: &[OTHER_PLUS, "-"],
    },
    // Whatever is printed, or put into a text.
    Part { init: BasicStringPackage::init, names: &[], operators: &[ALWAYS] },
    Part {
        init: BasicIteratorPackage::init,
        names: &[
            "bits",
            "chars",
            "contains",
            "end",
            "for",
            "get_bits",
            "in",
            "is_empty",
            "is_exclusive",
            "is_inclusive",
            "range",
            "start",
        ],
        operators: &[],
    },
    Part { init: BasicFnPackage::init, names: &["is_anonymous", "name"], operators: &[] },
    Part { init: BitFieldPackage::init, names: &["get_bit", "get_bits", "set_bit", "set_bits"], operators: &[] },
    Part { init: LogicPackage::init, names: &["max", "min"], operators: &[] },
    Part {
        init: BasicMathPackage::init,
        names: &[
            "E",
            "PI",
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atanh",
            "ceiling",
            "cos",
            "cosh",
            "exp",
            "floor",
            "fraction",
            "hypot",
            "int",
            "is_finite",
            "is_infinite",
            "is_nan",
            "ln",
            "log",
            "parse_float",
            "parse_int",
            "round",
            "sin",
            "sinh",
            "sqrt",
            "tan",
            "tanh",
            "to_degrees",
            "to_float",
            "to_int",
            "to_radians",
        ],
        operators: &[],
    },
    Part {
        init: BasicArrayPackage::init,
        names: &[
            "all",
            "append",
            "chop",
            "clear",
            "contains",
            "dedup",
            "drain",
            "extract",
            "filter",
            "find",
            "find_map",
            "for",
            "for_each",
            "get",
            "in",
            "index_of",
            "insert",
            "is_empty",
            "len",
            "map",
            "order",
            "order_by",
            "order_desc",
            "pad",
            "pop",
            "push",
            "reduce",
            "reduce_rev",
            "remove",
            "retain",
            "reverse",
            "set",
            "shift",
            "some",
            "sort",
            "sort_by",
            "sort_desc",
            "splice",
            "split",
            "switch",
            "truncate",
            "zip",
        ],
        operators: &[OTHER_PLUS, "==", "!="],
    },
    Part {
        init: BasicBlobPackage::init,
        names: &[
            "append",
            "as_string",
            "blob",
            "chop",
            "clear",
            "contains",
            "drain",
            "extract",
            "for",
            "get",
            "in",
            "insert",
            "is_empty",
            "len",
            "pad",
            "parse_be_float",
            "parse_be_int",
            "parse_le_float",
            "parse_le_int",
            "pop",
            "push",
            "remove",
            "retain",
            "reverse",
            "set",
            "shift",
            "splice",
            "split",
            "to_array",
            "to_blob",
            "truncate",
            "write_ascii",
            "write_be",
            "write_le",
            "write_utf8",
        ],
        operators: &[],
    },
    Part {
        init: BasicMapPackage::init,
        names: &[
            "clear",
            "contains",
            "dedup",
            "drain",
            "fill_with",
            "filter",
            "get",
            "in",
            "index_of",
            "is_empty",
            "keys",
            "len",
            "map",
            "mixin",
            "remove",
            "retain",
            "set",
            "switch",
            "to_json",
            "values",
        ],
        operators: &[OTHER_PLUS, "==", "!="],
    },
    Part { init: BasicTimePackage::init, names: &["elapsed", "timestamp"], operators: &[] },
    Part {
        init: MoreStringPackage::init,
        names: &[
            "append",
            "bytes",
            "clear",
            "contains",
            "crop",
            "ends_with",
            "get",
            "in",
            "index_of",
            "is_empty",
            "len",
            "make_lower",
            "make_upper",
            "max",
            "min",
            "pad",
            "pop",
            "remove",
            "replace",
            "set",
            "split",
            "split_rev",
            "starts_with",
            "sub_string",
            "to_blob",
            "to_chars",
            "to_lower",
            "to_upper",
            "trim",
            "truncate",
        ],
        operators: &["+", "-"],
    },
];

/// An operator that every text has.
const ALWAYS: &str = "";

/// The words of a script and of what it imports.
pub fn vocabulary(script: &SourceText, sources: &Sources) -> Vocabulary {
    let mut vocabulary = Vocabulary::none();
    let mut seen = HashSet::new();
    let mut left = vec![(script.name.clone(), script.text.to_string())];
    let mut has_imports = false;
    while let Some((name, text)) = left.pop() {
        vocabulary.add(&text);
        let Some(paths) = imports(&text) else { return Vocabulary::all() };
        has_imports |= !paths.is_empty();
        for path in paths {
            let found = locate(sources, Some(&name), path).ok().and_then(|file| module(&mut seen, file));
            match found {
                Some(Found::New(module)) => left.push((module.name.clone(), module.text.to_string())),
                Some(Found::Known) => {}
                None => return Vocabulary::all(),
            }
        }
    }
    if has_imports && vocabulary.has_any(&WRITING) { Vocabulary::all() } else { vocabulary }
}

enum Found {
    New(SourceText),
    Known,
}

fn module(seen: &mut HashSet<PathBuf>, file: PathBuf) -> Option<Found> {
    if !seen.insert(file.clone()) {
        return Some(Found::Known);
    }
    SourceText::read(&file).ok().map(Found::New)
}

/// The paths that a text imports; `None` where one is computed.
fn imports(text: &str) -> Option<Vec<&str>> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut paths = Vec::new();
    for (at, word) in text.match_indices("import") {
        let rest = &text[at + word.len()..];
        if text[..at].ends_with(is_of_word) || rest.starts_with(is_of_word) {
            continue;
        }
        let (path, rest) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        let rest = rest.trim_start();
        if path.contains('\\') || !(rest.is_empty() || rest.starts_with(';') || rest.starts_with("as")) {
            return None;
        }
        paths.push(path);
    }
    Some(paths)
}

/// Registers Rhai's standard library.
pub(super) fn register_standard(engine: &mut Engine, vocabulary: &Vocabulary) {
    if vocabulary.is_plain() {
        return;
    }
    let is_needed = |part: &&Part| {
        vocabulary.has_any(part.names) || part.operators.iter().any(|operator| vocabulary.has_operator(operator))
    };
    let mut library = Module::new();
    for part in PARTS.iter().filter(is_needed) {
        (part.init)(&mut library);
    }
    if vocabulary.has_any(&["for"]) {
        // A blob gives integers, as `blob[index]` does: of a byte of Rhai's a script can make nothing.
        let integers = |blob: Dynamic| blob.cast::<Blob>().into_iter().map(|byte| INT::from(byte).into());
        library.set_iter(TypeId::of::<Blob>(), move |blob| Box::new(integers(blob)));
    }
    library.register_lazy_functions();
    library.build_index();
    engine.register_global_module(library.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::standard;
    use rhai::{EvalAltResult, Scope};

    /// Values of every type that a function of the library takes.
    const SAMPLES: [&str; 14] = [
        "2",
        "0.5",
        "\"a\"",
        "'a'",
        "true",
        "[1]",
        "#{b: 1}",
        "[[1], [1]]",
        "[#{b: 1}, #{b: 1}]",
        "blob(1)",
        "|x| true",
        "0..1",
        "0..=1",
        "timestamp()",
    ];

    const OPERATORS: [&str; 19] =
        ["+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "in", "??"];

    fn partial(text: &str) -> Engine {
        let mut vocabulary = Vocabulary::none();
        vocabulary.add(text);
        let mut engine = Engine::new_raw();
        register_standard(&mut engine, &vocabulary);
        engine
    }

    /// What comes of it, but for what a clock makes different.
    fn result(engine: &Engine, scope: &Scope<'_>, text: &str) -> String {
        match engine.eval_with_scope::<Dynamic>(&mut scope.clone(), text) {
            Ok(value) if value.is::<rhai::Instant>() => "a time".into(),
            Ok(value) => format!("{} {value:?}", value.type_name()),
            Err(error) => match *error {
                EvalAltResult::ErrorFunctionNotFound(..) => "unknown".into(),
                other => other.to_string(),
            },
        }
    }

    fn values() -> Scope<'static> {
        let full = Engine::new();
        let mut scope = Scope::new();
        for (index, sample) in SAMPLES.iter().enumerate() {
            scope.push_dynamic(format!("v{index}"), full.eval::<Dynamic>(sample).expect("it is a value"));
        }
        scope
    }

    /// Whichever values it is given, a function does the same in a text that names it alone as where all is there.
    #[test]
    fn a_function_that_is_named_is_there_for_all_types() {
        let (full, scope) = (Engine::new(), values());
        for (name, counts) in standard::FUNCTIONS
            .iter()
            .filter(|(name, _)| !["debug", "elapsed", "exit", "print", "sleep"].contains(name))
        {
            let own = partial(name);
            for count in counts.iter().filter(|count| **count <= 2) {
                for combination in 0..SAMPLES.len().pow(u32::try_from(*count).expect("it is small")) {
                    let given = [combination % SAMPLES.len(), combination / SAMPLES.len()];
                    let words: Vec<String> = given.iter().take(*count).map(|index| format!("v{index}")).collect();
                    // A value that only a name can make needs that name as well.
                    let made: Vec<&str> = given.iter().take(*count).map(|index| SAMPLES[*index]).collect();
                    let text = format!("{name}({})", words.join(", "));
                    let expected = result(&full, &scope, &text);
                    let engine = if made.iter().any(|sample| sample.ends_with("()") || sample.starts_with("blob")) {
                        &partial(&format!("{name} {}", made.join(" ")))
                    } else {
                        &own
                    };
                    assert_eq!(result(engine, &scope, &text), expected, "{name} {made:?}");
                }
            }
        }
    }

    #[test]
    fn an_operator_is_there_for_all_types() {
        let (full, scope) = (Engine::new(), values());
        for operator in OPERATORS {
            for (left, a) in SAMPLES.iter().enumerate() {
                for (right, b) in SAMPLES.iter().enumerate() {
                    let words = format!("v{left} {operator} v{right}");
                    let text = format!("{a} {operator} {b}");
                    assert_eq!(result(&partial(&text), &scope, &words), result(&full, &scope, &words), "{text}");
                    let (words, text) =
                        (format!("v{left} {operator}= v{right}; v{left}"), format!("{a} {operator}= {b}"));
                    if !["==", "!=", "<", "<=", ">", ">=", "in", "??"].contains(&operator) {
                        assert_eq!(result(&partial(&text), &scope, &words), result(&full, &scope, &words), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_needs_no_name_is_there_for_all_types() {
        let (full, scope) = (Engine::new(), values());
        for (index, sample) in SAMPLES.iter().enumerate() {
            for form in [
                "`${@}`",
                "-@",
                "+@",
                "!@",
                "for x in @ { return x }",
                "@[0]",
                "@[0..1]",
                "@.b",
                "switch @ { 2 => 1, _ => 0 }",
                "type_of(@)",
                "@ == @",
            ] {
                // A loop over a blob of ours gives integers.
                if form.starts_with("for") && sample.starts_with("blob") {
                    continue;
                }
                let (words, text) = (form.replace('@', &format!("v{index}")), form.replace('@', sample));
                assert_eq!(result(&partial(&text), &scope, &words), result(&full, &scope, &words), "{text}");
            }
        }
    }

    #[test]
    fn modules_that_are_imported_count_and_what_cannot_be_known_is_all() {
        let place = super::super::complete::tests::Place::new();
        let sources = Sources::new(place.path());
        std::fs::write(place.path().join("lib.rhai"), "import \"inner\" as inner; fn f() { cwd() }")
            .expect("it is ours");
        std::fs::write(place.path().join("inner.rhai"), "fn g() { pid() }").expect("it is ours");
        let of = |text: &str| {
            let script = SourceText::new("script".into(), text.as_bytes().to_vec()).expect("it is UTF-8");
            vocabulary(&script, &sources)
        };
        let known = of("import \"lib\" as lib; args()");
        assert!(["args", "cwd", "pid"].iter().all(|name| known.has(name)) && !known.has("env::get"));
        for text in [
            "import \"nothing\" as n",
            "import \"li\" + \"b\" as n",
            "import path as n",
            "import \"lib\" as lib; run([\"git\", \"pull\"])",
            "// import",
        ] {
            assert!(of(text).has("env::get"), "{text}");
        }
        assert!(!of("important(\"lib\")").has("env::get"));
    }
}
