//! Which words the texts of a run have. To register a function costs a microsecond or more, a thousand of them as much as all
//! else that a script costs: what no text names is not registered.
//!
//! A word counts wherever it is, in a comment or a string as well: what is named by chance costs a little, and what is
//! named in a way that is not seen here would be missing. Where a name may be computed, everything is there.

use std::collections::BTreeSet;

/// The words of some texts, or all that there are.
#[derive(Debug)]
pub struct Vocabulary {
    /// `None` stands for all.
    words: Option<BTreeSet<String>>,
    /// The kinds of these words, a bit for each: a name of another kind, as most are, is not looked for.
    kinds: [u64; 4],
    operators: u32,
    is_plain: bool,
}

/// What a text can do to values without a name. Where it has the characters, it may do it.
const OPERATORS: [&str; 5] = ["+", "-", "==", "!=", OTHER_PLUS];

/// A `+` whose left side is no text in quotes in the same line, where no comment can have ended: that may be any value.
pub const OTHER_PLUS: &str = "?+";

/// Words with which a script names what its text does not: by a string, or by another text.
const COMPUTING: [&str; 3] = ["Fn", "eval", "is_def_fn"];

/// What a text may call and be plain: these look at nothing of their arguments that the library has to tell them.
const PLAIN: [&str; 12] =
    ["cd", "eprint", "exit", "exit_now", "kill", "print", "run", "sh", "sleep", "succeeds", "trap", "untrap"];

/// Of these, the ones that show what they are given: a text as it is.
const SHOWING: [&str; 2] = ["eprint", "print"];

impl Vocabulary {
    /// Every word.
    #[must_use]
    pub fn all() -> Self {
        Self { words: None, kinds: [u64::MAX; 4], operators: u32::MAX, is_plain: false }
    }

    /// That of no text: [`Self::add`] adds some.
    #[must_use]
    pub fn none() -> Self {
        Self { words: Some(BTreeSet::new()), kinds: [0; 4], operators: 0, is_plain: true }
    }

    /// Adds that of a text.
    pub fn add(&mut self, text: &str) {
        let Some(known) = &mut self.words else { return };
        for word in words(text) {
            if !known.contains(word) {
                known.insert(word.to_string());
                let (index, bit) = kind_of(word);
                self.kinds[index] |= bit;
            }
        }
        if COMPUTING.iter().any(|word| known.contains(*word)) {
            *self = Self::all();
            return;
        }
        for (bit, operator) in OPERATORS.iter().enumerate() {
            let is_there = match *operator {
                OTHER_PLUS => {
                    text.split('+').rev().skip(1).any(|left| !left.trim_end_matches([' ', '\t']).ends_with('"'))
                }
                operator => text.as_bytes().windows(operator.len()).any(|bytes| bytes == operator.as_bytes()),
            };
            self.operators |= u32::from(is_there) << bit;
        }
        self.is_plain &= is_plain(text);
    }

    /// Whether a text names a builtin. The name of a module stands for all of it, so that what it has not is an error of the
    /// module's.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let Some(words) = &self.words else { return true };
        let end = name.bytes().position(|byte| byte == b':').unwrap_or(name.len());
        let (index, bit) = kind_of(&name[..end]);
        self.kinds[index] & bit != 0 && words.contains(&name[..end])
    }

    /// Whether a text may have an operator of [`OPERATORS`].
    #[must_use]
    pub fn has_operator(&self, operator: &str) -> bool {
        OPERATORS.iter().position(|known| *known == operator).is_none_or(|bit| self.operators >> bit & 1 == 1)
    }

    /// Whether a text names one of these builtins.
    #[must_use]
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// Whether it is that of texts which make no value but strings, numbers and arrays of them, and do nothing with those but
    /// give them to a few builtins: the library of the language has nothing to do then.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

/// One of 256 kinds of words, by how they begin and end and how long they are: where its bit is.
fn kind_of(word: &str) -> (usize, u64) {
    let bytes = word.as_bytes();
    let [first, last] = [bytes.first(), bytes.last()].map(|byte| usize::from(byte.copied().unwrap_or_default()));
    let kind = (first * 31 + last * 7 + bytes.len()) % 256;
    (kind / 64, 1 << (kind % 64))
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii() || !is_of_word(c as u8)).filter(|word| !word.is_empty())
}

/// See [`Vocabulary::is_plain`].
fn is_plain(text: &str) -> bool {
    // It ends a comment.
    if text.contains('\r') {
        return false;
    }
    let mut rest = text.trim_start();
    // What was last, but for comments: the word, or the sign.
    let mut last = "";
    while let Some(first) = rest.bytes().next() {
        if rest.starts_with("//") {
            rest = rest[rest.find('\n').unwrap_or(rest.len())..].trim_start();
            continue;
        }
        let is_shown = SHOWING.contains(&last);
        let length = match first {
            b'"' => match end_of_string(rest) {
                Some(end) => end,
                None => return false,
            },
            b'(' if is_shown && !rest[1..].trim_start().starts_with('"') => return false,
            // Of an array that begins; anywhere else it is an index.
            b'[' if !matches!(last, "(" | "[" | ",") => return false,
            b'(' | b')' | b'[' | b']' | b',' | b';' => 1,
            _ if is_of_word(first) => {
                let length = rest.bytes().take_while(|byte| is_of_word(*byte)).count();
                if !first.is_ascii_digit() && !PLAIN.contains(&&rest[..length]) {
                    return false;
                }
                length
            }
            _ => return false,
        };
        (last, rest) = (&rest[..length], rest[length..].trim_start());
    }
    true
}

/// Where a string in quotes ends, behind the second one.
fn end_of_string(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let closing = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let closes = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    });
    closing.map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vocabulary {
        let mut vocabulary = Vocabulary::none();
        vocabulary.add(text);
        vocabulary
    }

    #[test]
    fn a_word_is_there_wherever_it_is() {
        let vocabulary = of("atexit(|| print(`${cwd()}`)); // trap\nlet a = \"run\"; fs::read(a);");
        for name in ["atexit", "print", "cwd", "trap", "run", "fs::read", "fs::write"] {
            assert!(vocabulary.has(name), "{name}");
        }
        for name in ["exit", "rea", "env::get", "path::join"] {
            assert!(!vocabulary.has(name), "{name}");
        }
        assert!(vocabulary.has_any(&["exit", "run"]) && !vocabulary.has_any(&["exit", "kill"]));
        assert!(Vocabulary::all().has("exit"));
    }

    #[test]
    fn a_plus_behind_a_text_in_quotes_joins_texts_and_any_other_may_be_of_all_values() {
        for text in ["\"a\" + b", "print(\"a\" \t+ b); 1", "a"] {
            assert!(!of(text).has_operator(OTHER_PLUS), "{text}");
        }
        for text in ["a + b", "\"a\" + b + c", "a // \"one\"\n + b", "a // \"one\"\r + b", "'\"' + a", "a += b"] {
            assert!(of(text).has_operator(OTHER_PLUS), "{text}");
        }
    }

    #[test]
    fn where_a_name_may_be_computed_all_are_there() {
        for text in ["Fn(\"pri\" + \"nt\")", "eval(x)", "is_def_fn(a, 1)"] {
            assert!(of(text).has("env::get"), "{text}");
            assert!(!of(text).is_plain(), "{text}");
        }
    }

    #[test]
    fn plain_texts_call_and_do_nothing_else() {
        for text in [
            "print(\"hello\");",
            "// The build.\nrun([\"make\", \"-j2\"]);\n\nsh(\"echo \\\" $x | wc\", \"a\"); exit(3)",
            "print( \"a\" ); sleep(1); run([\"x\", 5]); trap([\"INT\"]);",
            "print",
            "",
        ] {
            assert!(of(text).is_plain(), "{text}");
        }
        for text in [
            "print(1)",
            "print(pid())",
            "print(\"a\" + \"b\")",
            "print(`a`)",
            "let a = 1",
            "run(args())",
            "sleep(0.5)",
            "run([\"a\"], #{})",
            "print(\"open",
            "fs::read(\"a\")",
            "print(\"ä\"); ä",
            "/* print */",
            "print(\"abc\"[0])",
            "print // x\n([1])",
            "// a\rprint(1.5)",
            "run([\"a\"])[0]",
        ] {
            assert!(!of(text).is_plain(), "{text}");
        }
    }
}
