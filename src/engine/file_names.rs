//! The names of files, as far as they are typed in a string.

use std::path::Path;

use rhai::Token;

use super::complete::Candidate;
use super::cursor::{Literal, Quotes};
use super::tokens::Tokens;
use crate::builtins::spelling::{harmless, quoted};

/// Where files are looked for.
pub(super) struct Search<'a> {
    /// What names are relative to.
    pub directory: &'a Path,
    /// What `~` is, where it is a directory.
    pub home: Option<&'a Path>,
}

/// The names that can follow what is typed, and the byte where the last component begins.
///
/// # Arguments
///
/// The whole text, and the cursor in it.
pub(super) fn in_literal(search: &Search<'_>, literal: &Literal, text: &str, at: usize) -> (usize, Vec<Candidate>) {
    let typed = &text[literal.start..at];
    // Nothing but the rest of a line closes it.
    let rest = &text[at..];
    let closing = if rest.is_empty() || rest.starts_with([')', ']', ',', ';', '}', '\n']) {
        literal.quotes.closing()
    } else {
        String::new()
    };
    if !literal.is_continued {
        let found = search.complete(typed, &literal.quotes, &closing);
        if !found.is_empty() {
            return (at - last_component(typed).len(), found);
        }
    }
    // A command line has names of files among its words, and goes on after them.
    let word = typed.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    let found = if word.len() == typed.len() { Vec::new() } else { search.complete(word, &literal.quotes, "") };
    (at - last_component(word).len(), found)
}

/// The names that can follow what is typed outside of any string.
pub(super) fn plain(search: &Search<'_>, typed: &str, at: usize) -> (usize, Vec<Candidate>) {
    (
        at - last_component(typed).len(),
        search.entries(typed, &|name| (!name.contains(char::is_control)).then(|| name.into()), ""),
    )
}

fn last_component(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl Search<'_> {
    fn complete(&self, typed: &str, quotes: &Quotes, closing: &str) -> Vec<Candidate> {
        let Some(path) = quotes.read(typed) else { return Vec::new() };
        self.entries(&path, &|name| quotes.write(name), closing)
    }

    /// The files that a path leads to, each as `write` spells it.
    fn entries(&self, path: &str, write: &dyn Fn(&str) -> Option<String>, closing: &str) -> Vec<Candidate> {
        let start = last_component(path);
        let parent = &path[..path.len() - start.len()];
        let directory = match (parent.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.directory.join(parent),
        };
        let Ok(entries) = directory.read_dir() else { return Vec::new() };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            // What is not UTF-8 cannot be written in a script.
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with(start)) else { continue };
            if name.starts_with('.') && start.is_empty() {
                continue;
            }
            let Some(written) = write(name) else { continue };
            let is_directory = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(_) => false,
            };
            let (mark, closing) = if is_directory { ("/", "") } else { ("", closing) };
            let shown = if name.contains(char::is_control) { harmless(name) } else { name.into() };
            found.push(Candidate { shown: shown + mark, inserted: written + mark + closing });
        }
        found
    }
}

impl Quotes {
    /// What ends such a string.
    fn closing(self) -> String {
        match self {
            Self::Double => "\"".into(),
            Self::Raw(signs) => format!("\"{}", "#".repeat(signs)),
            Self::Back => "`".into(),
        }
    }

    /// The text that is written so, unless it ends in the middle of an escape.
    fn read(self, written: &str) -> Option<String> {
        let mark = match self {
            Self::Raw(_) => return Some(written.into()),
            Self::Double => '"',
            Self::Back => '`',
        };
        let whole = format!("{mark}{written}{mark}");
        match Tokens::new(&whole).next()? {
            read if read.span.end < whole.len() => None,
            read => match read.token {
                Token::StringConstant(text) => Some(text.to_string()),
                _ => None,
            },
        }
    }

    /// A name as it is written so, if it can be.
    fn write(self, name: &str) -> Option<String> {
        let is_harmless = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && !b"\"\\`${".contains(&byte);
        match self {
            // Most are, and there may be thousands.
            _ if name.bytes().all(is_harmless) => Some(name.into()),
            Self::Double => {
                let quoted = quoted(name);
                Some(quoted[1..quoted.len() - 1].into())
            }
            _ if name.contains(char::is_control) => None,
            Self::Raw(_) => (!name.contains(&self.closing())).then(|| name.into()),
            Self::Back => (!name.contains("${")).then(|| name.replace('`', "``")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::super::complete::tests::{Place, completions, ways, with_session};
    use super::*;

    const NOTHING: [&str; 0] = [];

    /// A directory with these files, and those in it that end in a slash.
    fn place(names: &[&str]) -> (Place, PathBuf) {
        let place = Place::new();
        for name in names {
            let path = place.path().join(name);
            let made = if name.ends_with('/') { fs::create_dir(&path) } else { fs::write(&path, "") };
            made.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let path = place.path().to_path_buf();
        (place, path)
    }

    #[test]
    fn files_follow_in_a_string() {
        with_session("", |session| {
            assert_eq!(ways(session, "fs::read(\"Cargo.to‸"), ["fs::read(\"Cargo.toml\""]);
            assert_eq!(ways(session, "run([\"ls\", \"src/eng‸"), ["run([\"ls\", \"src/engine/"]);
            assert_eq!(ways(session, "#\"Cargo.to‸"), ["#\"Cargo.toml\"#"]);
            assert_eq!(ways(session, "##\"Cargo.to‸"), ["##\"Cargo.toml\"##"]);
            assert_eq!(ways(session, "`Cargo.to‸"), ["`Cargo.toml`"]);
            assert_eq!(ways(session, "x(`${\"Cargo.to‸"), ["x(`${\"Cargo.toml\""]);
            assert_eq!(ways(session, "\"no_such_directory/a‸"), NOTHING);
            assert_eq!(ways(session, "'C‸"), NOTHING);
            assert_eq!(ways(session, "\"Cargo.toml\"‸"), NOTHING);
        });
    }

    #[test]
    fn a_quote_that_is_there_is_enough() {
        with_session("", |session| {
            for (text, way) in [
                ("\"Cargo.to‸\"", "\"Cargo.toml"),
                ("\"Cargo.to‸\")", "\"Cargo.toml"),
                ("\"Cargo.to‸ml\")", "\"Cargo.toml"),
                ("`Cargo.to‸`", "`Cargo.toml"),
                ("#\"Cargo.to‸\"#", "#\"Cargo.toml"),
                ("\"Cargo.to‸)", "\"Cargo.toml\""),
                ("\"Cargo.to‸, 1)", "\"Cargo.toml\""),
            ] {
                assert_eq!(ways(session, text), [way], "{text}");
            }
        });
    }

    #[test]
    fn hidden_files_follow_a_dot_and_directories_end_in_a_slash() {
        let (_place, path) = place(&[".hidden", ".hive/", "plain", "place/"]);
        symlink("place", path.join("planet")).expect("it can be made");
        symlink("nowhere", path.join("plan")).expect("it can be made");
        let path = path.display().to_string();
        with_session("", |session| {
            let expected = ["place/", "plain\"", "plan\"", "planet/"].map(|name| format!("\"{path}/{name}"));
            assert_eq!(ways(session, &format!("\"{path}/‸")), expected);
            let expected = [".hidden\"", ".hive/"].map(|name| format!("\"{path}/{name}"));
            assert_eq!(ways(session, &format!("\"{path}/.‸")), expected);
            let list = completions(session, &format!("\"{path}/pl‸")).candidates;
            let shown: Vec<&str> = list.iter().map(|candidate| candidate.shown.as_str()).collect();
            assert_eq!(shown, ["place/", "plain", "plan", "planet/"]);
        });
    }

    #[test]
    fn a_name_is_written_as_the_string_needs_it() {
        let (_place, path) = place(&["a\"b", "a\\b", "a`b", "a\nb", "a${b}", "a\"#b", "aä b"]);
        let path = path.display().to_string();
        with_session("", |session| {
            let ends = |text: &str| -> Vec<String> {
                let found = completions(session, &text.replace("PATH", &path)).candidates;
                found.into_iter().map(|candidate| candidate.inserted).collect()
            };
            let double = ["a\\\"#b\"", "a\\\"b\"", "a\\\\b\"", "a\\nb\"", "a${b}\"", "a`b\"", "aä b\""];
            let mut expected = double.map(String::from);
            expected.sort();
            assert_eq!(ends("\"PATH/a‸"), expected);
            let mut expected = ["a\"b\"#", "a\\b\"#", "a`b\"#", "a${b}\"#", "aä b\"#"].map(String::from);
            expected.sort();
            assert_eq!(ends("#\"PATH/a‸"), expected);
            let mut expected = ["a\"b`", "a\\b`", "a``b`", "a\"#b`", "aä b`"].map(String::from);
            expected.sort();
            assert_eq!(ends("`PATH/a‸"), expected);
            // What is typed is read as the string is.
            assert_eq!(ends("\"PATH/a\\\"‸"), ["a\\\"#b\"", "a\\\"b\""]);
            assert_eq!(ends("\"PATH/a\\\\‸"), ["a\\\\b\""]);
            assert_eq!(ends("\"PATH/a\\‸"), NOTHING);
            assert_eq!(ends("`PATH/a``‸"), ["a``b`"]);
            let shown = completions(session, &format!("\"{path}/a\\n‸")).candidates;
            assert_eq!(shown[0].shown, "a\\nb");
        });
    }

    #[test]
    fn a_word_of_a_command_line_is_a_file_too() {
        with_session("let x = 1", |session| {
            assert_eq!(ways(session, "sh(`cat Cargo.to‸"), ["sh(`cat Cargo.toml"]);
            assert_eq!(ways(session, "sh(\"cat src/eng‸"), ["sh(\"cat src/engine/"]);
            assert_eq!(ways(session, "sh(`echo ${x} Cargo.to‸"), ["sh(`echo ${x} Cargo.toml"]);
            assert_eq!(ways(session, "sh(`echo ${x}\"Cargo.to‸"), NOTHING);
            assert_eq!(ways(session, "`${x}/‸"), NOTHING);
            assert_eq!(ways(session, "`${x}‸"), NOTHING);
        });
        let (_place, path) = place(&["two words"]);
        let path = path.display().to_string();
        with_session("", |session| {
            assert_eq!(ways(session, &format!("\"{path}/two w‸")), [format!("\"{path}/two words\"")]);
        });
    }

    #[test]
    fn a_home_directory_is_one_where_it_is_expanded() {
        let (_place, path) = place(&["notes"]);
        let search = |home| Search { directory: Path::new("/nowhere"), home };
        assert_eq!(plain(&search(Some(&path)), "~/no", 4), (2, vec![Candidate::plain("notes")]));
        assert_eq!(plain(&search(None), "~/no", 4).1, []);
        let lines = format!("env::set(\"HOME\", \"{}\")", path.display());
        with_session(&lines, |session| {
            assert_eq!(ways(session, "path::expand(\"~/no‸"), ["path::expand(\"~/notes\""]);
            assert_eq!(ways(session, "fs::read(\"~/no‸"), NOTHING);
            assert_eq!(ways(session, ":load ~/no‸"), [":load ~/notes"]);
        });
    }
}
