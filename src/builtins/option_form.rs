//! What an argument or option of a script is, by the way that it is spelt, and what its values are.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStringExt;

use rhai::{Dynamic, ImmutableString};

use super::args;

/// How one is spelt.
pub const SPELLINGS: &str = "\"commit\", \"[commit]\", \"target...\", \"[target...]\", \"-v, --verbose\", \"-j, --jobs N\" or \"--action WHAT...\"";

/// What an argument or option is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Form {
    /// Known by its place.
    Positional {
        /// What the help calls it.
        name: String,
        /// Whether it may be missing.
        is_optional: bool,
        /// Whether there may be several.
        is_many: bool,
    },
    /// Known by its letter or its long name.
    Option {
        /// The letter.
        short: Option<char>,
        /// The long name, without its dashes.
        long: Option<String>,
        /// What the help calls its value; a flag has none.
        word: Option<String>,
        /// Whether there may be several values.
        is_many: bool,
    },
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// The name of a file, which need not be UTF-8.
    Path,
}

/// A value of an argument or option.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Of [`Kind::String`].
    Text(String),
    /// Of [`Kind::Int`].
    Int(i64),
    /// Of [`Kind::Float`].
    Float(f64),
    /// Of [`Kind::Path`].
    Path(OsString),
}

impl Form {
    /// What is spelt so, if it is anything.
    #[must_use]
    pub fn parse(spelling: &str) -> Option<Self> {
        if !spelling.starts_with('-') {
            let inside = spelling.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
            let is_optional = inside.is_some();
            let (name, is_many) = several(inside.unwrap_or(Some(spelling))?);
            return is_name(name).then(|| Self::Positional { name: name.into(), is_optional, is_many });
        }
        let mut parts = spelling.split(' ');
        let first = parts.next()?;
        let (short, long) = match first.strip_suffix(',') {
            Some(first) => (Some(letter(first)?), Some(long(parts.next()?)?)),
            None if first.starts_with("--") => (None, Some(long(first)?)),
            None => (Some(letter(first)?), None),
        };
        let word = parts.next();
        let (word, is_many) = word.map_or((None, false), |word| {
            let (word, is_many) = several(word);
            (Some(word), is_many)
        });
        let is_word = |word: &str| word.starts_with(char::is_alphanumeric) && !word.contains([']', ',']);
        (parts.next().is_none() && word.is_none_or(is_word)).then(|| Self::Option {
            short,
            long,
            word: word.map(Into::into),
            is_many,
        })
    }

    /// Its name in the result.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Positional { name, .. } | Self::Option { long: Some(name), .. } => name.replace('-', "_"),
            Self::Option { short, .. } => short.map(String::from).unwrap_or_default(),
        }
    }

    /// Whether it has no value.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        matches!(self, Self::Option { word: None, .. })
    }

    /// Whether there may be several values.
    #[must_use]
    pub fn is_many(&self) -> bool {
        let (Self::Positional { is_many, .. } | Self::Option { is_many, .. }) = self;
        *is_many
    }
}

/// A name without its dots, and whether it had them.
fn several(name: &str) -> (&str, bool) {
    name.strip_suffix("...").map_or((name, false), |name| (name, true))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn letter(spelling: &str) -> Option<char> {
    let mut chars = spelling.strip_prefix('-')?.chars();
    chars.next().filter(char::is_ascii_alphabetic).filter(|_| chars.next().is_none())
}

fn long(spelling: &str) -> Option<String> {
    spelling.strip_prefix("--").filter(|name| is_name(name)).map(Into::into)
}

impl Kind {
    /// The names that a script has for them.
    pub const NAMES: &str = "\"string\", \"int\", \"float\" or \"path\"";

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "int" => Self::Int,
            "float" => Self::Float,
            "path" => Self::Path,
            _ => return None,
        })
    }

    /// That of a value of a script.
    #[must_use]
    pub fn of(value: &Dynamic) -> Option<Self> {
        match value {
            value if value.is_string() => Some(Self::String),
            value if value.is_int() => Some(Self::Int),
            value if value.is_float() => Some(Self::Float),
            value if value.is_blob() => Some(Self::Path),
            _ => None,
        }
    }

    /// What a value of this kind is.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Path => "a path",
        }
    }

    /// Reads a word of the command line, or a variable.
    ///
    /// # Returns
    ///
    /// `None` if it is nothing of this kind.
    #[must_use]
    pub fn read(self, word: &OsStr) -> Option<Value> {
        match self {
            Self::String => word.to_str().map(|text| Value::Text(text.into())),
            Self::Int => word.to_str()?.parse().ok().map(Value::Int),
            Self::Float => word.to_str()?.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
            Self::Path => Some(word).filter(|path| !path.is_empty()).map(|path| Value::Path(path.into())),
        }
    }

    /// Takes a value of a script.
    ///
    /// # Returns
    ///
    /// `None` if it is nothing of this kind.
    #[must_use]
    pub fn take(self, value: &Dynamic) -> Option<Value> {
        match self {
            Self::String => value.read_lock::<ImmutableString>().map(|text| Value::Text(text.to_string())),
            Self::Int => value.as_int().ok().map(Value::Int),
            // A whole number as the script spells it: all but those above 2^53 are floats.
            #[allow(clippy::cast_precision_loss)]
            Self::Float => value.as_float().or_else(|_| value.as_int().map(|int| int as f64)).ok().map(Value::Float),
            Self::Path => {
                let bytes = args::bytes(value).filter(|bytes| !bytes.is_empty() && !bytes.contains(&0))?;
                Some(Value::Path(OsString::from_vec(bytes)))
            }
        }
    }
}

impl Value {
    /// As the script sees it.
    pub fn to_dynamic(&self) -> Dynamic {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Path(path) => args::from_os(path),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_what_it_is_spelt_like() {
        let positional =
            |name: &str, is_optional, is_many| Form::Positional { name: name.into(), is_optional, is_many };
        assert_eq!(Form::parse("commit"), Some(positional("commit", false, false)));
        assert_eq!(Form::parse("[base-commit]"), Some(positional("base-commit", true, false)));
        assert_eq!(Form::parse("target..."), Some(positional("target", false, true)));
        assert_eq!(Form::parse("[target...]"), Some(positional("target", true, true)));
        let option = |short, long: Option<&str>, word: Option<&str>, is_many| Form::Option {
            short,
            long: long.map(Into::into),
            word: word.map(Into::into),
            is_many,
        };
        assert_eq!(Form::parse("-j, --jobs N"), Some(option(Some('j'), Some("jobs"), Some("N"), false)));
        assert_eq!(Form::parse("--jobs N"), Some(option(None, Some("jobs"), Some("N"), false)));
        assert_eq!(Form::parse("-j N"), Some(option(Some('j'), None, Some("N"), false)));
        assert_eq!(Form::parse("-v"), Some(option(Some('v'), None, None, false)));
        assert_eq!(Form::parse("-K, --keep-checkout"), Some(option(Some('K'), Some("keep-checkout"), None, false)));
        assert_eq!(Form::parse("--action WHAT..."), Some(option(None, Some("action"), Some("WHAT"), true)));
        assert_eq!(Form::parse("--set KEY=VALUE"), Some(option(None, Some("set"), Some("KEY=VALUE"), false)));
    }

    #[test]
    fn what_is_spelt_like_nothing_is_refused() {
        let wrong = [
            "",
            " ",
            "-",
            "--",
            "...",
            "[]",
            "[a",
            "a]",
            "a b",
            "<a>",
            "[a]...",
            "--jobs=N",
            "--jobs, -j N",
            "-j|--jobs",
            "-jobs",
            "-1",
            "-j,--jobs",
            "-j, jobs",
            "-j, -k",
            "--jobs N M",
            "--jobs  N",
            "--jobs [N]",
            "--jobs <N>",
            "--jobs ...",
            "--jobs -N",
            "--jobs,",
            "-j,",
            " a",
            "a ",
            "--ä",
            "a..",
        ];
        for spelling in wrong {
            assert_eq!(Form::parse(spelling), None, "{spelling:?}");
        }
    }

    #[test]
    fn a_word_is_read_as_its_kind_says() {
        let read = |kind: Kind, word: &str| kind.read(OsStr::new(word));
        assert_eq!(read(Kind::Int, "-9223372036854775808"), Some(Value::Int(i64::MIN)));
        assert_eq!(read(Kind::Float, "1e3"), Some(Value::Float(1000.0)));
        assert_eq!(read(Kind::String, ""), Some(Value::Text(String::new())));
        for (kind, word) in [
            (Kind::Int, ""),
            (Kind::Int, "9223372036854775808"),
            (Kind::Int, "1.0"),
            (Kind::Float, "inf"),
            (Kind::Float, "nan"),
            (Kind::Path, ""),
        ] {
            assert_eq!(read(kind, word), None, "{kind:?} {word:?}");
        }
    }
}
