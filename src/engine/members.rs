//! What can follow a dot: parts and methods of what stands before it. Nothing is evaluated.

use std::any::TypeId;
use std::collections::BTreeMap;

use rhai::{Array, Dynamic, FnAccess, ImmutableString, Map, Token, is_valid_identifier};

use super::complete::{Candidate, call, overloaded};
use super::cursor::{Cursor, opening};
use super::session::{Function, Session};
use super::tokens::Lexeme;
use super::tokens::is_plain_key;
use crate::builtins::names;
use crate::builtins::record::Record;

/// What begins the name of a function that reads a property.
const GETTER: &str = "get$";

/// A method of strings: that of the host takes any type, and says itself what does not fit.
const PARSE_JSON: &str = "parse_json";

/// What the interpreter itself understands as a method, what its object must be, and whether it takes more.
const OF_INTERPRETER: [(&str, Wanted, bool); 4] = [
    ("call", Wanted::Function, true),
    ("curry", Wanted::Function, true),
    ("is_shared", Wanted::Anything, false),
    ("type_of", Wanted::Anything, false),
];

/// What the object of a method must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Anything,
    Function,
}

/// A step from a value to one in it.
enum Step<'t> {
    Key(&'t str),
    Index(i64),
}

/// What stands before the dot.
enum Object<'t> {
    /// A variable, and the way from it.
    Variable(&'t str, Vec<Step<'t>>),
    /// A value of this type.
    Literal(Dynamic),
    /// What has to be evaluated.
    Unknown,
}

/// What can follow the dot before the cursor, if it begins so.
pub(super) fn members(session: &Session<'_>, cursor: &Cursor, start: &str, follows: bool) -> Vec<Candidate> {
    let before = &cursor.tokens[..cursor.tokens.len().saturating_sub(1)];
    match object(before) {
        Object::Literal(value) => of_value(session, &value, start, follows),
        Object::Variable(name, steps) if !cursor.in_function && !cursor.variables.iter().any(|own| own == name) => {
            let mut found = None;
            if let Some(value) = session.variable(name) {
                walk(value, &steps, &mut |value| found = Some(of_value(session, value, start, follows)));
            }
            found.unwrap_or_else(|| methods(session, None, start, follows))
        }
        Object::Variable(..) | Object::Unknown => methods(session, None, start, follows),
    }
}

/// What the tokens end with.
fn object(tokens: &[Lexeme]) -> Object<'_> {
    let mut steps = Vec::new();
    let mut rest = tokens;
    loop {
        match rest {
            [before @ .., dot, name] if is_dot(&dot.token) => {
                let Token::Identifier(name) = &name.token else { return Object::Unknown };
                steps.push(Step::Key(name));
                rest = before;
            }
            [before @ .., open, index, close] if is_index(before, &open.token, &close.token) => {
                steps.push(match &index.token {
                    Token::IntegerConstant(index) => Step::Index(*index),
                    Token::StringConstant(key) => Step::Key(key),
                    _ => return Object::Unknown,
                });
                rest = before;
            }
            [before @ .., last] => {
                steps.reverse();
                return match variable(before, last) {
                    Some(name) => Object::Variable(name, steps),
                    None if steps.is_empty() => literal(tokens).map_or(Object::Unknown, Object::Literal),
                    None => Object::Unknown,
                };
            }
            [] => return Object::Unknown,
        }
    }
}

fn is_dot(token: &Token) -> bool {
    matches!(token, Token::Period | Token::Elvis)
}

/// Whether brackets behind these tokens hold an index.
fn is_index(before: &[Lexeme], open: &Token, close: &Token) -> bool {
    let is_indexable = |lexeme: &Lexeme| {
        matches!(lexeme.token, Token::Identifier(_) | Token::Underscore | Token::RightBracket | Token::RightParen)
    };
    *close == Token::RightBracket
        && (*open == Token::QuestionBracket || *open == Token::LeftBracket && before.last().is_some_and(is_indexable))
}

fn variable<'t>(before: &[Lexeme], last: &'t Lexeme) -> Option<&'t str> {
    if before.last().is_some_and(|previous| previous.token == Token::DoubleColon) {
        return None;
    }
    match &last.token {
        Token::Identifier(name) => Some(name),
        Token::Underscore => Some("_"),
        _ => None,
    }
}

/// A value of the type of the literal that the tokens end with.
fn literal(tokens: &[Lexeme]) -> Option<Dynamic> {
    let (last, before) = tokens.split_last()?;
    match &last.token {
        // A text with `${…}` ends with one, too.
        Token::StringConstant(_) => Some(ImmutableString::new().into()),
        Token::CharConstant(c) => Some((*c).into()),
        Token::IntegerConstant(int) => Some((*int).into()),
        Token::FloatConstant(_) => Some(0.0.into()),
        Token::True | Token::False => Some(true.into()),
        Token::Unit if !is_called(before) => Some(Dynamic::UNIT),
        Token::RightBracket => {
            let open = opening(tokens)?;
            let is_array = tokens[open].token == Token::LeftBracket && !is_called(&tokens[..open]);
            is_array.then(|| Array::new().into())
        }
        Token::RightBrace => (tokens[opening(tokens)?].token == Token::MapStart).then(|| Map::new().into()),
        _ => None,
    }
}

/// Whether brackets behind these tokens belong to a value before them.
fn is_called(tokens: &[Lexeme]) -> bool {
    tokens.last().is_some_and(|last| {
        matches!(
            last.token,
            Token::Identifier(_)
                | Token::Reserved(_)
                | Token::Underscore
                | Token::StringConstant(_)
                | Token::Unit
                | Token::RightParen
                | Token::RightBracket
                | Token::RightBrace
        )
    })
}

/// Looks at what is at the end of the way.
fn walk(value: &Dynamic, steps: &[Step<'_>], look: &mut dyn FnMut(&Dynamic)) {
    let Some((step, rest)) = steps.split_first() else { return look(value) };
    match step {
        Step::Key(key) => {
            if let Some(map) = value.read_lock::<Map>() {
                map.get(*key).into_iter().for_each(|value| walk(value, rest, look));
            } else if let Some(record) = value.read_lock::<Record>() {
                record.fields().get(*key).into_iter().for_each(|value| walk(value, rest, look));
            }
        }
        Step::Index(index) => {
            let Some(array) = value.read_lock::<Array>() else { return };
            let index = match usize::try_from(*index) {
                Ok(index) => Some(index),
                Err(_) => usize::try_from(index.unsigned_abs()).ok().and_then(|back| array.len().checked_sub(back)),
            };
            index.and_then(|index| array.get(index)).into_iter().for_each(|value| walk(value, rest, look));
        }
    }
}

fn of_value(session: &Session<'_>, value: &Dynamic, start: &str, follows: bool) -> Vec<Candidate> {
    let mut found = methods(session, Some(value), start, follows);
    let mut add = |key: &str| {
        if key.starts_with(start) && is_plain_key(key) {
            found.push(Candidate::plain(key));
        }
    };
    if let Some(map) = value.read_lock::<Map>() {
        map.keys().for_each(|key| add(key));
    } else if let Some(record) = value.read_lock::<Record>() {
        record.fields().keys().for_each(|key| add(key));
    }
    found
}

/// The methods of a value, and its properties; of an unknown one, all methods that there are.
fn methods(session: &Session<'_>, object: Option<&Dynamic>, start: &str, follows: bool) -> Vec<Candidate> {
    let engine = session.interpreter().engine();
    let fits =
        |wanted: TypeId| object.is_none_or(|object| wanted == object.type_id()) || wanted == TypeId::of::<Dynamic>();
    // What a script has caught may be any string or integer, and has parts as an error has.
    let has_properties = object.is_some_and(|object| !object.is_string() && !object.is_int());
    // By name: whether one of that name takes more than the object.
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    let mut properties: Vec<String> = Vec::new();
    let native = engine.collect_fn_metadata(
        None,
        |function| {
            let known = function.metadata;
            let of = *known.param_types.first().filter(|of| fits(**of))?;
            let plain = known.name.strip_prefix(GETTER);
            let name = plain.unwrap_or(&known.name);
            let is_offered = function.namespace.is_empty()
                && name.starts_with(start)
                && !name.starts_with("__")
                && is_valid_identifier(name)
                && if plain.is_some() { has_properties } else { !is_no_method(name, of) };
            is_offered.then(|| (name.to_string(), known.num_params > 1, plain.is_some()))
        },
        true,
    );
    for (name, takes_more, is_property) in native {
        if is_property {
            properties.push(name);
        } else {
            *found.entry(name).or_default() |= takes_more;
        }
    }
    for (name, wanted, takes_more) in OF_INTERPRETER {
        let fits = wanted == Wanted::Anything || object.is_none_or(Dynamic::is_fnptr);
        if fits && name.starts_with(start) {
            found.insert(name.into(), takes_more);
        }
    }
    properties.retain(|name| !found.contains_key(name));
    let properties = properties.into_iter().map(Candidate::plain);
    let native = found.iter().map(|(name, takes)| call(name, if *takes { "…" } else { "" }, *takes, follows));
    let functions = functions(session, object, start);
    let scripted = overloaded(functions.iter()).into_iter();
    let scripted = scripted.map(|(name, shown, takes)| Candidate::call(name, shown, takes, follows));
    native.chain(properties).chain(scripted).collect()
}

/// A builtin takes any type, but not as its object; those that are methods have an object of the host's.
fn is_no_method(name: &str, of: TypeId) -> bool {
    let is_of_any = of == TypeId::of::<Dynamic>();
    let is_builtin = names::find(name).is_some();
    is_builtin && (is_of_any || names::members(name).next().is_none()) || is_of_any && name == PARSE_JSON
}

/// The functions of scripts that can be called as methods: those for any object, and those for one of this type.
fn functions(session: &Session<'_>, object: Option<&Dynamic>, start: &str) -> Vec<Function> {
    let type_name = object.map(|object| session.interpreter().engine().map_type_name(object.type_name()));
    let imported = session.imports().flat_map(|(_, module)| module.iter_script_fn_info());
    let imported = imported.filter(|(_, access, _, _, def)| *access == FnAccess::Public && def.this_type.is_some());
    let imported = imported.map(|(.., def)| Function::of(def));
    let mut all: Vec<Function> = session.functions().into_iter().chain(imported).collect();
    all.retain(|function| {
        let fits = match (&function.this_type, type_name) {
            (Some(wanted), Some(given)) => wanted == given,
            _ => true,
        };
        fits && function.name.starts_with(start)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::super::complete::tests::{Place, completions, ways, with_session};

    const NOTHING: [&str; 0] = [];

    /// What can follow the dot.
    fn after(session: &super::Session<'_>, text: &str) -> Vec<String> {
        completions(session, text).candidates.into_iter().map(|candidate| candidate.inserted).collect()
    }

    #[test]
    fn the_fields_of_a_map_follow_a_variable_and_those_of_maps_in_it() {
        let lines = r##"let m = #{alpha: #{beta: #{gamma: 1}}, "two words": 1, "if": 1, "x$y": 2, list: [#{delta: 1}, 2]}
            let xs = [#{epsilon: 1}, #{zeta: 1}, [#{eta: 1}]]
            #{theta: 1}"##;
        with_session(lines, |session| {
            assert_eq!(ways(session, "m.al‸"), ["m.alpha"]);
            assert_eq!(ways(session, "m.alpha.be‸"), ["m.alpha.beta"]);
            assert_eq!(ways(session, "m?.alpha?.beta.ga‸"), ["m?.alpha?.beta.gamma"]);
            assert_eq!(ways(session, "m[\"alpha\"].be‸"), ["m[\"alpha\"].beta"]);
            assert_eq!(ways(session, "m.list[0].de‸"), ["m.list[0].delta"]);
            assert_eq!(ways(session, "xs[0].ep‸"), ["xs[0].epsilon"]);
            assert_eq!(ways(session, "xs[-2].ze‸"), ["xs[-2].zeta"]);
            assert_eq!(ways(session, "xs?[2][0].et‸"), ["xs?[2][0].eta"]);
            assert_eq!(ways(session, "_.th‸"), ["_.theta"]);
            assert_eq!(ways(session, "f(1, m.al‸"), ["f(1, m.alpha"]);
            assert_eq!(ways(session, "`${m.al‸"), ["`${m.alpha"]);
            let all = after(session, "m.‸");
            assert!(
                ["alpha", "list", "keys()", "len()", "get("].iter().all(|way| all.contains(&way.to_string())),
                "{all:?}"
            );
            assert!(!all.iter().any(|way| way.contains(['$', ' ']) || way == "if"), "{all:?}");
        });
    }

    #[test]
    fn no_field_follows_what_has_to_be_evaluated() {
        with_session("let m = #{alpha: #{beta: 1}}; fn f() { m }", |session| {
            for text in ["f().alp‸", "(m).alp‸", "m.alpha().be‸", "m[1 + 1].alp‸", "x::m.alp‸", "fn f() { m.alp‸"]
            {
                assert_eq!(ways(session, text), NOTHING, "{text}");
            }
            for text in ["let m = 1; m.alp‸", "[1].map(|m| m.alp‸", "for m in x { m.alp‸"] {
                assert_eq!(ways(session, text), NOTHING, "{text}");
            }
            let all = after(session, "f().‸");
            for way in ["abs()", "trim()", "push(", "keys()", "unlock()", "cancel()", "call(", "f()"] {
                assert!(all.contains(&way.to_string()), "{way}: {all:?}");
            }
        });
    }

    #[test]
    fn the_methods_of_a_type_follow_a_value_of_it() {
        let cases = [
            ("text", "trim()", "push("),
            ("list", "push(", "trim()"),
            ("map", "keys()", "abs()"),
            ("int", "abs()", "keys()"),
            ("float", "floor()", "is_odd()"),
            ("char", "to_int()", "trim()"),
            ("bytes", "write_le(", "keys()"),
            ("flag", "to_string()", "abs()"),
            ("nothing", "type_of()", "len()"),
            ("function", "curry(", "len()"),
            ("range", "contains(", "trim()"),
            ("time", "elapsed()", "trim()"),
        ];
        let lines = "let text = \"\"; let list = []; let map = #{}; let int = 1; let float = 1.0; let char = 'c'
            let bytes = blob(3); let flag = true; let nothing = (); let function = |x| x; let range = 1..2; let time = timestamp()";
        with_session(lines, |session| {
            for (name, fitting, other) in cases {
                let found = after(session, &format!("{name}.‸"));
                assert!(found.contains(&fitting.to_string()), "{name}.{fitting}: {found:?}");
                assert!(!found.contains(&other.to_string()), "{name}.{other}: {found:?}");
                assert!(found.contains(&"type_of()".to_string()), "{name}: {found:?}");
                for never in ["exit(", "print(", "run(", "atexit(", "message", "kind"] {
                    assert!(!found.contains(&never.to_string()), "{name}.{never}: {found:?}");
                }
                assert!(
                    found.is_sorted()
                        && !found.iter().any(|way| way.contains(['$', '=', '+']) || way.starts_with("__"))
                );
            }
        });
    }

    #[test]
    fn the_methods_of_a_literal_follow_it() {
        with_session("let a = 1", |session| {
            for (text, fitting, other) in [
                ("\"a\"", "trim()", "push("),
                ("`a${a}b`", "trim()", "push("),
                ("#\"a\"#", "trim()", "push("),
                ("[1, [2]]", "push(", "trim()"),
                ("f([])", "push(", ""),
                ("#{a: #{}}", "keys()", "trim()"),
                ("1", "is_odd()", "floor()"),
                ("1.0", "floor()", "is_odd()"),
                ("'a'", "to_upper()", "push("),
                ("true", "to_string()", "abs()"),
                ("()", "type_of()", "abs()"),
                ("f()", "abs()", ""),
            ] {
                let found = after(session, &format!("{text}.‸"));
                assert!(found.contains(&fitting.to_string()), "{text}.{fitting}: {found:?}");
                assert!(!found.contains(&other.to_string()), "{text}.{other}: {found:?}");
            }
        });
    }

    #[test]
    fn the_values_of_the_host_have_methods_and_parts() {
        let place = Place::new();
        let lines = format!(
            "let h = atexit(|| 1)
            let p = process(pid())
            let l = fs::lock(\"{}\")
            let r = attempt([\"true\"])",
            place.path().join("lock").display()
        );
        with_session(&lines, |session| {
            let plain = ["is_shared()", "set_tag(", "tag()", "take()", "to_debug()", "to_string()", "type_of()"];
            let own = |text: &str| {
                let found = after(session, text).into_iter();
                found.filter(|way| !plain.contains(&way.as_str())).collect::<Vec<_>>()
            };
            assert_eq!(own("h.‸"), ["cancel()", "name(", "pending", "run()", "timeout("]);
            let of_process = [
                "check()",
                "close()",
                "detach()",
                "name",
                "pid",
                "read_line(",
                "running",
                "signal(",
                "stop()",
                "wait()",
                "write(",
            ];
            assert_eq!(own("p.‸"), of_process);
            assert_eq!(own("l.‸"), ["held", "path", "unlock()"]);
            let of_result = ["code", "contains(", "keys()", "ok", "seconds", "signal", "stderr", "stdout", "timed_out"];
            assert_eq!(own("r.‸"), of_result);
            assert!(own("r.ok.‸").iter().all(|way| way != "trim()"));
        });
    }

    #[test]
    fn functions_of_the_script_are_methods() {
        let lines = "fn doubled() { this * 2 }
            fn int.halved(rest) { this / 2 }
            fn \"string\".shouted() { this.to_upper() }
            let n = 1";
        with_session(lines, |session| {
            assert_eq!(ways(session, "n.dou‸"), ["n.doubled()"]);
            assert_eq!(ways(session, "n.hal‸"), ["n.halved("]);
            assert_eq!(ways(session, "n.shou‸"), NOTHING);
            assert_eq!(ways(session, "\"a\".shou‸"), ["\"a\".shouted()"]);
            assert_eq!(ways(session, "\"a\".hal‸"), NOTHING);
            assert_eq!(ways(session, "f().hal‸"), ["f().halved("]);
            // Such a one is no function.
            assert_eq!(ways(session, "hal‸"), NOTHING);
            assert_eq!(completions(session, "n.hal‸").candidates[0].shown, "halved(rest)");
        });
    }

    #[test]
    fn shared_values_are_looked_into() {
        with_session("let m = #{alpha: 1}; let f = || m.alpha; m.is_shared()", |session| {
            assert_eq!(ways(session, "m.al‸"), ["m.alpha"]);
        });
    }
}
