//! Words of other languages, and what is written here instead.

use crate::builtins::{names, standard};

/// Functions and methods.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (&["length", "size"], "`x.len()`"),
    (&["upper", "uppercase", "toUpperCase"], "`text.to_upper()`"),
    (&["lower", "lowercase", "toLowerCase"], "`text.to_lower()`"),
    (&["strip", "lstrip", "rstrip", "chomp"], "`text.trimmed()`"),
    (&["has", "has_key", "includes", "contains_key", "hasOwnProperty"], "`x.contains(…)`"),
    (&["each", "forEach"], "`for x in list { … }`"),
    (&["sorted", "reversed"], "`sort` or `reverse` on a copy: `let copy = list; copy.sort();`"),
    (&["substr", "substring", "slice"], "`text.sub_string(start, length)`, `list.extract(start, length)`"),
    (&["range"], "`for n in 0..3`, or `range(0, 3)`"),
    (&["str"], "`x.to_string()`"),
    (&["int"], "`parse_int(text)`, `x.to_int()`"),
    (&["float"], "`parse_float(text)`, `x.to_float()`"),
    (&["sprintf", "printf"], "the value in backticks: `` `a ${x}` ``"),
    (&["echo", "puts"], "`print(text)`"),
    (&["input", "gets"], "`prompt(text)` on a terminal, `read_line()` of stdin"),
    (&["die", "abort"], "`exit(text)`"),
    (&["defer", "on_exit", "ensure"], "`atexit(f)`"),
    (&["system", "exec", "popen", "subprocess"], "`run([\"program\", \"word\"])`, or `sh(text)` for a shell"),
    (&["open", "cat"], "`fs::read(path)`, `fs::write(path, text)`"),
    (&["rm", "rmtree", "unlink"], "`fs::remove(path)`, `fs::remove_all(path)`"),
    (&["cp"], "`fs::copy(from, to)`"),
    (&["mv"], "`fs::rename(from, to)`"),
    (&["ls", "listdir"], "`fs::list(dir)`"),
    (&["getenv"], "`env::get(name)`"),
    (&["getcwd", "pwd"], "`cwd()`"),
    (&["chdir"], "`cd(path)`"),
];

/// Words that stand where the parser does not know what to do with what follows, or with themselves.
const WORDS: &[(&[&str], &str)] = &[
    (&["elif", "elsif", "elseif"], "`else if`"),
    (&["and"], "`&&`"),
    (&["or"], "`||`, or `a ?? b` in place of a `()`"),
    (&["not"], "`!`"),
    (&["def", "func", "function"], "`fn name(a, b) { … }`"),
    (&["lambda", "=>"], "a closure: `|x| …`"),
    (&["raise"], "`throw`"),
    (&["except", "rescue"], "`try { … } catch (error) { … }`"),
    (&["foreach"], "`for x in list { … }`"),
    (&["mut"], "`let` without it: every variable can be changed"),
    (&["f\""], "the text in backticks: `` `a ${x}` ``"),
];

/// Symbols that the parser refuses where they stand, the longer before the shorter.
const SYMBOLS: &[(&str, &str)] = &[
    ("'", "text in double quotes or backticks; `'a'` is one character"),
    ("#", "a comment as `// …`"),
    ("++", "`n += 1`"),
    ("?", "`if condition { a } else { b }`, which is a value"),
    ("$(", "`capture([\"program\", \"word\"])`"),
    ("$", "the name of the variable alone, or `env::get(\"NAME\")`; in backticks `${name}`"),
];

/// What is written for a function that other languages have.
pub(super) fn for_function(name: &str) -> Option<String> {
    find(FUNCTIONS, name).map(|here| format!("here it is {here}"))
}

/// What is written for a symbol that the rest of a line begins with.
pub(super) fn for_symbol(rest: &str) -> Option<String> {
    let (symbol, here) = SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol))?;
    let after = rest[symbol.len()..].trim_start();
    let is_meant = match *symbol {
        // Not the begin of a map.
        "#" => !after.starts_with(['{', '[', '!']),
        "++" => after.is_empty() || after.starts_with([';', ')', '}']),
        "?" => after.contains(':'),
        _ => true,
    };
    is_meant.then(|| format!("here it is {here}"))
}

/// What is written for a word.
///
/// # Arguments
///
/// The line until where the parser has stopped, and the rest of it: the word is the last of the one or the first of
/// the other. Whether the script has a name is for the last to say.
pub(super) fn for_word(before: &str, rest: &str, is_own: impl Fn(&str) -> bool) -> Option<String> {
    let last = before.trim_end().rsplit(|c| !is_of_word(c)).next().unwrap_or_default();
    let next = rest.split(|c| !is_of_word(c)).next().unwrap_or_default();
    let joined = match rest {
        rest if rest.starts_with("=>") => "=>",
        rest if rest.starts_with('"') && last == "f" && before.ends_with(last) => "f\"",
        _ => "",
    };
    let words = [last, next, joined].into_iter().filter(|word| !is_own(word));
    if let Some(here) = words.into_iter().find_map(|word| find(WORDS, word)) {
        return Some(format!("here it is {here}"));
    }
    let is_function = !is_own(last) && (names::find(last).is_some() || standard::counts(last).is_some());
    let is_value = rest.starts_with(|c: char| c.is_ascii_digit() || "\"`[".contains(c));
    (is_function && is_value).then(|| format!("a call has parentheses: `{last}(…)`"))
}

/// Whether names are made of such characters.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_another_language_is_one_of_this() {
        let functions = FUNCTIONS.iter().flat_map(|(words, _)| words.iter());
        let known = |word: &str| names::find(word).is_some() || standard::counts(word).is_some();
        // These lack a form that others have.
        assert_eq!(functions.filter(|word| known(word)).collect::<Vec<_>>(), [&"range", &"int"]);
    }

    #[test]
    fn what_is_written_here_exists() {
        let texts = FUNCTIONS.iter().chain(WORDS).map(|(_, here)| *here).chain(SYMBOLS.iter().map(|(_, here)| *here));
        let calls = texts.flat_map(|text| text.match_indices('(').map(move |(end, _)| &text[..end]));
        for before in calls {
            let start = before.rfind(|c: char| !is_of_word(c) && c != ':').map_or(0, |at| at + 1);
            let name = &before[start..];
            let is_syntax = ["", "catch", "name"].contains(&name);
            assert!(
                is_syntax || names::find(name).is_some() || standard::counts(name).is_some() || is_member(name),
                "{name}"
            );
        }
    }

    fn is_member(name: &str) -> bool {
        names::MEMBERS.iter().any(|(known, _)| *known == name)
    }
}
