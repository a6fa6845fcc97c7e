//! The names of the builtins and how many arguments each takes: the one table. It gives a bare name its
//! value, refuses a handler with the wrong number of arguments, feeds `--check`, and finds the nearest
//! name. A test compares it with what is registered and with `docs/language.md`.

use std::borrow::Cow;

use rhai::{Dynamic, EvalAltResult, EvalContext, FnPtr, Module, Shared};

/// A builtin and the numbers of arguments that it takes.
pub struct Name {
    /// The name, with that of its module: `run`, `fs::read`.
    pub name: &'static str,
    /// The smallest number.
    pub least: usize,
    /// The greatest number.
    pub most: usize,
}

const fn name(name: &'static str, least: usize, most: usize) -> Name {
    Name { name, least, most }
}

impl Name {
    /// The module, if it is in one, and the name there.
    #[must_use]
    pub fn parts(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once(SEPARATOR) {
            Some((module, name)) => (Some(module), name),
            None => (None, self.name),
        }
    }
}

/// Between a module and a name in it.
pub(super) const SEPARATOR: &str = "::";

/// How many arguments a handler can be given.
pub const MOST_ARGUMENTS: usize = 8;

/// Every builtin that is not a method, in alphabetical order.
pub const GLOBAL: &[Name] = &[
    name("args", 0, 0),
    name("atexit", 1, 1 + MOST_ARGUMENTS),
    name("attempt", 1, 2),
    name("capture", 1, 2),
    name("cd", 1, 1),
    name("confirm", 1, 1),
    name("cwd", 0, 0),
    name("debug", 0, 1),
    name("env::all", 0, 0),
    name("env::arch", 0, 0),
    name("env::cpus", 0, 0),
    name("env::get", 1, 2),
    name("env::home", 0, 0),
    name("env::hostname", 0, 0),
    name("env::os", 0, 0),
    name("env::set", 2, 2),
    name("env::unset", 1, 1),
    name("env::user", 0, 0),
    name("eprint", 0, 1),
    name("exit", 0, 1),
    name("exit_now", 0, 1),
    name("fs::append", 2, 2),
    name("fs::chmod", 2, 2),
    name("fs::copy", 2, 2),
    name("fs::exists", 1, 1),
    name("fs::glob", 1, 1),
    name("fs::holder", 1, 1),
    name("fs::is_dir", 1, 1),
    name("fs::is_file", 1, 1),
    name("fs::list", 1, 1),
    name("fs::lock", 1, 2),
    name("fs::mkdir", 1, 1),
    name("fs::read", 1, 1),
    name("fs::read_bytes", 1, 1),
    name("fs::remove", 1, 1),
    name("fs::remove_all", 1, 1),
    name("fs::rename", 2, 2),
    name("fs::sha256", 1, 1),
    name("fs::stat", 1, 1),
    name("fs::symlink", 2, 2),
    name("fs::temp_dir", 0, 0),
    name("fs::temp_file", 0, 0),
    name("fs::umask", 1, 1),
    name("fs::write", 2, 3),
    name("handlers", 0, 0),
    name("json::parse", 1, 1),
    name("json::pretty", 1, 1),
    name("json::stringify", 1, 1),
    name("kill", 2, 2),
    name("log::error", 1, 1),
    name("log::info", 1, 1),
    name("log::level", 1, 1),
    name("log::mask", 1, 1),
    name("log::to", 1, 2),
    name("log::trace", 1, 1),
    name("log::warn", 1, 1),
    name("net::free_port", 0, 0),
    name("net::reachable", 2, 2),
    name("options", 2, 2),
    name("outcome", 0, 0),
    name("path::absolute", 1, 1),
    name("path::expand", 1, 1),
    name("path::extension", 1, 1),
    name("path::join", 1, MOST_ARGUMENTS),
    name("path::name", 1, 1),
    name("path::parent", 1, 1),
    name("path::stem", 1, 1),
    name("path::with_extension", 2, 2),
    name("pid", 0, 0),
    name("print", 0, 1),
    name("process", 1, 1),
    name("prompt", 1, 1),
    name("quote", 1, 1),
    name("read_all", 0, 0),
    name("read_line", 0, 0),
    name("retry", 2, 2 + MOST_ARGUMENTS),
    name("run", 1, 2),
    name("scope", 1, 1 + MOST_ARGUMENTS),
    name("script_dir", 0, 0),
    name("script_path", 0, 0),
    name("secret", 1, 1),
    name("sh", 1, 2 + MOST_ARGUMENTS),
    name("shell", 1, 1 + MOST_ARGUMENTS),
    name("sleep", 1, 1),
    name("stage", 2, 2 + MOST_ARGUMENTS),
    name("start", 1, 2),
    name("succeeds", 1, 2),
    name("time::format", 2, 2),
    name("time::now", 0, 0),
    name("time::since", 1, 1),
    name("toml::parse", 1, 1),
    name("trap", 0, 1),
    name("trapped", 0, 0),
    name("unregister", 1, 1),
    name("untrap", 0, 1),
    name("wait_all", 1, 2),
    name("wait_any", 1, 1),
    name("wait_until", 2, 2 + MOST_ARGUMENTS),
    name("which", 1, 1),
];

/// What a value of the host can do, and what strings and arrays can do besides what Rhai gives them: all can be called like a
/// function with the value first.
pub const MEMBERS: &[(&str, usize)] = &[
    ("cancel", 1),
    ("check", 1),
    ("close", 1),
    ("detach", 1),
    ("join", 2),
    ("lines", 1),
    ("name", 2),
    ("read_line", 1),
    ("read_line", 2),
    ("run", 1),
    ("signal", 2),
    ("stop", 1),
    ("timeout", 2),
    ("trimmed", 1),
    ("unlock", 1),
    ("wait", 1),
    ("write", 2),
];

/// The numbers of arguments that members of that name take, the value among them.
pub fn members(name: &str) -> impl Iterator<Item = usize> {
    MEMBERS.iter().filter(move |(known, _)| *known == name).map(|(_, count)| *count)
}

/// The numbers of arguments that what bears a name takes without the script: a builtin, a member, a function of Rhai's.
pub fn counts(name: &str) -> impl Iterator<Item = usize> {
    let builtin = find(name).into_iter().flat_map(|known| known.least..=known.most);
    let standard = super::standard::counts(name).into_iter().flatten().copied();
    builtin.chain(members(name)).chain(standard)
}

/// The names that a script may not define: what it would hide is the promise itself.
pub const SACRED: [&str; 5] = ["atexit", "exit", "exit_now", "trap", "untrap"];

/// The builtin of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Name> {
    GLOBAL.binary_search_by(|known| known.name.cmp(name)).ok().map(|index| &GLOBAL[index])
}

/// The names that Rhai reserves, although they are those of functions, and the names that a pointer to each
/// has: the engine makes none to a reserved word.
const RESERVED: [(&str, &str); 2] = [("debug", "__debug"), ("print", "__print")];

/// The name that a pointer to a builtin has: that of one in a module has to be a single word.
#[must_use]
pub fn of_pointer(name: &'static str) -> Cow<'static, str> {
    match name.split_once(SEPARATOR) {
        Some((module, name)) => format!("__{module}__{name}").into(),
        None => RESERVED.iter().find(|(reserved, _)| *reserved == name).map_or(name, |(_, own)| own).into(),
    }
}

/// The builtin of a module to which a pointer of that name points.
fn in_module(pointer: &str) -> Option<&'static str> {
    let parts = pointer.strip_prefix("__")?.split_once("__")?;
    GLOBAL.iter().find(|known| known.parts() == (Some(parts.0), parts.1)).map(|known| known.name)
}

/// The modules of builtins, in alphabetical order.
pub fn modules() -> impl Iterator<Item = &'static str> {
    let mut modules: Vec<&str> = GLOBAL.iter().filter_map(|known| known.parts().0).collect();
    modules.dedup();
    modules.into_iter()
}

/// The builtins of a module, without its name.
pub fn of_module(module: &str) -> impl Iterator<Item = &'static Name> {
    GLOBAL.iter().filter(move |known| known.parts().0 == Some(module))
}

/// Whether the word is reserved, but is a name here.
#[must_use]
pub fn is_freed(word: &str) -> bool {
    RESERVED.iter().any(|(reserved, _)| *reserved == word)
}

/// The marks of names that the parser is given in place of those of a text: a function's own, and a builtin's
/// where a closure must differ from one that is spelt like it.
const OWN: &str = "__f";
const LENT: &str = "__b";

/// The name of a function of a text that no other text has.
#[must_use]
pub fn unique(name: &str, text: usize) -> String {
    format!("{OWN}{text}_{name}")
}

/// Another name for a builtin, which only this text has.
#[must_use]
pub fn lent(name: &str, text: usize) -> String {
    format!("{LENT}{text}_{name}")
}

fn without_mark<'a>(name: &'a str, mark: &str) -> Option<&'a str> {
    let (number, plain) = name.strip_prefix(mark)?.split_once('_')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(plain)
}

/// The builtin that goes by a lent name.
#[must_use]
pub fn as_lent(name: &str) -> Option<&str> {
    without_mark(name, LENT)
}

/// Whether a function of that name may be one of a module.
#[must_use]
pub fn may_have_home(name: &str) -> bool {
    is_closure(name) || name.starts_with(OWN)
}

/// Whether a function's name is one that the parser gives to closures.
#[must_use]
pub fn is_closure(name: &str) -> bool {
    name.starts_with("anon$")
}

/// The name that a script has for what is called.
#[must_use]
pub fn as_written(name: &str) -> &str {
    let reserved = RESERVED.iter().find(|(_, own)| *own == name).map(|(reserved, _)| *reserved);
    reserved.or_else(|| without_mark(name, OWN)).or_else(|| as_lent(name)).or_else(|| in_module(name)).unwrap_or(name)
}

/// A text of the engine's in which functions have the names that the script has for them.
#[must_use]
pub fn in_text(text: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.split_inclusive(|c| !is_of_word(c))
        .map(|piece| {
            let word = piece.trim_end_matches(|c| !is_of_word(c));
            let rest = &piece[word.len()..];
            if is_closure(word) { format!("closure{rest}") } else { format!("{}{rest}", as_written(word)) }
        })
        .collect()
}

/// The value of a bare name that no variable has: a pointer to the function of that name. Rhai finds one by
/// itself, but not in a closure if the function is native or defined further down: there it takes the name for
/// a variable to capture. Where definitions are final, a pointer to a function of the script knows its own.
pub(super) fn value(
    name: &str,
    is_final: bool,
    context: &EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Result<Option<Dynamic>, Box<EvalAltResult>> {
    let own = |module: &Module| {
        let found = module.iter_script_fn_info().find(|(_, _, known, ..)| *known == name);
        found.map(|(.., definition)| Shared::clone(definition))
    };
    let pointer = match context.iter_namespaces().find_map(own) {
        // It knows its definition, by which it is called if the arguments are as many as that takes.
        Some(definition) if is_final => FnPtr::from(definition),
        Some(_) => FnPtr::new(name)?,
        None => match find(name) {
            Some(known) => pointer_to(known)?,
            None => return Ok(None),
        },
    };
    Ok(Some(Dynamic::from(pointer)))
}

/// A pointer to a builtin.
pub(super) fn pointer_to(known: &Name) -> Result<FnPtr, Box<EvalAltResult>> {
    FnPtr::new(of_pointer(known.name).as_ref())
}

/// The known name that is nearest to a misspelt one, if one is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        // One slip in four letters is a typo; more is another word, as is any slip in one or two.
        .filter(|(distance, candidate)| *distance <= name.len().min(candidate.len()).div_ceil(4).min(3))
        .filter(|(_, candidate)| name.len().min(candidate.len()) > 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(GLOBAL.is_sorted_by(|a, b| a.name < b.name));
        assert!(SACRED.iter().all(|name| find(name).is_some()));
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let known = ["atexit", "exit", "trap", "cleanup"];
        assert_eq!(nearest("clenup", known), Some("cleanup"));
        assert_eq!(nearest("tarp", known), Some("trap"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("foo", ["floor"]), None);
        assert_eq!(nearest("rand", ["range"]), None);
    }
}
