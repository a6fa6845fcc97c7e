//! What can follow what is typed: names, parts, methods, keywords, files. Where the cursor is, the tokens say; nothing is
//! evaluated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rhai::{Dynamic, FnAccess, Module, Token};

use super::cursor::{Cursor, Place};
use super::file_names::{self, Search};
use super::members;
use super::session::{Function, Session};
use super::tokens::Tokens;
use crate::builtins::{names, standard};

/// The words that a statement or a value begins with.
const STARTS: [&str; 20] = [
    "break", "const", "continue", "do", "export", "false", "fn", "for", "if", "import", "let", "loop", "private",
    "return", "switch", "this", "throw", "true", "try", "while",
];

/// The words that go on after a block.
const AFTER_BLOCK: [&str; 3] = ["catch", "else", "until"];

/// The words that go on after a value.
const AFTER_VALUE: [&str; 3] = ["as", "if", "in"];

/// Between a module and a name in it.
const SEPARATOR: &str = "::";

/// The module of the constants of the top level.
const GLOBAL: &str = "global";

/// What could follow what is typed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// The byte from which on it takes the place of what is there.
    pub start: usize,
    /// In the order of what is put in, no two of which are alike.
    pub candidates: Vec<Candidate>,
}

/// A way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is shown in a list.
    pub shown: String,
    /// What is put in.
    pub inserted: String,
}

/// A command of the REPL.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// What is typed, with its colon.
    pub name: &'a str,
    /// What follows it: `FILE`, `[NAME]` of a builtin, `EXPR`, or nothing.
    pub takes: &'a str,
}

/// What is not the engine's to know.
pub struct Known<'a> {
    /// The commands of the REPL.
    pub commands: &'a [Command<'a>],
    /// How a builtin is called, as the language page says it.
    pub signatures: &'a dyn Fn(&str) -> Vec<&'static str>,
}

/// What could follow a text at a place of it.
///
/// # Arguments
///
/// The place in bytes; what is behind it decides whether a parenthesis, or a quote, is put in.
#[must_use]
pub fn complete(session: &Session<'_>, known: &Known<'_>, text: &str, at: usize) -> Completions {
    if !text.is_char_boundary(at) {
        return Completions::default();
    }
    let finder = Finder { session, known, text, at };
    let (start, mut candidates) = if text.trim_start().starts_with(':') { finder.command() } else { finder.code(0) };
    candidates.sort_by(|a, b| a.inserted.cmp(&b.inserted));
    candidates.dedup_by(|a, b| a.inserted == b.inserted);
    Completions { start, candidates }
}

impl Candidate {
    /// A word that is put in as it is shown.
    pub(super) fn plain(name: impl Into<String>) -> Self {
        let shown = name.into();
        Self { inserted: shown.clone(), shown }
    }

    /// A function: a parenthesis follows it, or two if it takes nothing; unless one is there already.
    pub(super) fn call(name: &str, shown: String, takes: bool, follows: bool) -> Self {
        let parens = match (follows, takes) {
            (true, _) => "",
            (false, true) => "(",
            (false, false) => "()",
        };
        Self { shown, inserted: format!("{name}{parens}") }
    }
}

/// A function of which this is known of its parameters.
pub(super) fn call(name: &str, params: &str, takes: bool, follows: bool) -> Candidate {
    Candidate::call(name, format!("{name}({params})"), takes, follows)
}

/// Functions by their names: how each is called, with whatever numbers of arguments, and whether it takes any.
pub(super) fn overloaded<'f>(functions: impl Iterator<Item = &'f Function>) -> Vec<(&'f str, String, bool)> {
    let mut all: BTreeMap<&str, (Vec<String>, bool)> = BTreeMap::new();
    for function in functions {
        let (shown, takes) = all.entry(&function.name).or_default();
        let one = format!("{}({})", function.name, function.params.join(", "));
        if !shown.contains(&one) {
            shown.push(one);
        }
        *takes |= !function.params.is_empty();
    }
    all.into_iter().map(|(name, (shown, takes))| (name, shown.join(", "), takes)).collect()
}

type Found = (usize, Vec<Candidate>);

struct Finder<'a> {
    session: &'a Session<'a>,
    known: &'a Known<'a>,
    text: &'a str,
    at: usize,
}

impl Finder<'_> {
    /// In a line that is a command of the REPL.
    fn command(&self) -> Found {
        let typed = &self.text[..self.at];
        let line = typed.trim_start();
        let colon = self.at - line.len();
        let Some(end) = line.find(char::is_whitespace) else {
            let commands = self.known.commands.iter().filter(|command| command.name.starts_with(line));
            let candidate = |command: &Command<'_>| Candidate {
                shown: format!("{} {}", command.name, command.takes).trim_end().into(),
                inserted: command.name.into(),
            };
            return (colon, if line.is_empty() { Vec::new() } else { commands.map(candidate).collect() });
        };
        let Some(command) = self.known.commands.iter().find(|command| command.name == &line[..end]) else {
            return (self.at, Vec::new());
        };
        let rest = line[end..].trim_start();
        match command.takes {
            "" => (self.at, Vec::new()),
            "FILE" => {
                let (directory, home) = (self.session.interpreter().host().directory(), self.home());
                file_names::plain(&Search { directory: &directory, home: home.as_deref() }, rest, self.at)
            }
            "[NAME]" => {
                let known = names::GLOBAL.iter().map(|known| known.name).chain(names::modules());
                let fitting = known.filter(|name| name.starts_with(rest));
                (self.at - rest.len(), fitting.map(Candidate::plain).collect())
            }
            _ => self.code(self.at - rest.len()),
        }
    }

    fn home(&self) -> Option<PathBuf> {
        self.session.interpreter().host().home().ok().flatten()
    }

    /// In code that begins there.
    fn code(&self, begin: usize) -> Found {
        let cursor = Cursor::at_end_of(&self.text[begin..self.at]);
        let (start, word) = (begin + cursor.word.start, &self.text[begin..self.at][cursor.word.clone()]);
        let found = match &cursor.place {
            Place::Nowhere => Vec::new(),
            Place::Text(literal) => return self.files(&cursor, literal, begin),
            Place::Start => self.names(&cursor, word, &[]),
            Place::AfterBlock => self.names(&cursor, word, &AFTER_BLOCK),
            Place::AfterValue => keywords(&AFTER_VALUE, word).collect(),
            Place::Member => members::members(self.session, &cursor, word, self.is_called()),
            Place::Module => self.of_module(&cursor, word),
        };
        (start, found)
    }

    fn files(&self, cursor: &Cursor, literal: &super::cursor::Literal, begin: usize) -> Found {
        let interpreter = self.session.interpreter();
        let before: Vec<&Token> = cursor.tokens.iter().map(|lexeme| &lexeme.token).collect();
        let is_name = |token: &Token, name: &str| matches!(token, Token::Identifier(word) if word.as_str() == name);
        let is_expanded = matches!(&before[..], [.., module, Token::DoubleColon, function, Token::LeftParen]
            if is_name(module, "path") && is_name(function, "expand"));
        let directory = match before.last() {
            Some(Token::Import) => interpreter.sources().start().to_path_buf(),
            _ => interpreter.host().directory().to_path_buf(),
        };
        let home = self.home().filter(|_| is_expanded);
        let search = Search { directory: &directory, home: home.as_deref() };
        let (start, found) = file_names::in_literal(&search, literal, &self.text[begin..], self.at - begin);
        (begin + start, found)
    }

    /// The first token behind the cursor, if it is one of these.
    fn is_followed_by(&self, tokens: &[Token]) -> bool {
        Tokens::new(&self.text[self.at..]).next().is_some_and(|next| tokens.contains(&next.token))
    }

    /// Whether the word goes on behind the cursor.
    fn is_in_word(&self) -> bool {
        self.text[self.at..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Whether no parenthesis is to be put in.
    fn is_called(&self) -> bool {
        self.is_in_word() || self.is_followed_by(&[Token::LeftParen, Token::Unit])
    }

    fn module(&self, name: &str) -> Candidate {
        let shown = format!("{name}{SEPARATOR}");
        let follows = self.is_in_word() || self.is_followed_by(&[Token::DoubleColon]);
        Candidate { inserted: if follows { name.into() } else { shown.clone() }, shown }
    }

    /// A builtin, by its whole name.
    fn builtin(&self, known: &names::Name, follows: bool) -> Candidate {
        let (takes, signatures) = (known.most > 0, (self.known.signatures)(known.name));
        let shown = match &signatures[..] {
            [] => format!("{}({})", known.name, if takes { "…" } else { "" }),
            signatures => signatures.join(", "),
        };
        Candidate::call(known.parts().1, shown, takes, follows)
    }

    /// The names and words that a statement or a value begins with.
    fn names(&self, cursor: &Cursor, word: &str, more: &[&str]) -> Vec<Candidate> {
        let fits = |name: &&str| name.starts_with(word);
        let follows = self.is_called();
        let mut found: Vec<Candidate> =
            cursor.variables.iter().map(String::as_str).filter(fits).map(Candidate::plain).collect();
        if !cursor.in_function {
            let variables = self.session.variable_names().filter(fits).filter(|name| *name != "_");
            found.extend(variables.map(Candidate::plain));
        }
        let mut functions = self.session.functions();
        functions.extend(cursor.functions.iter().cloned());
        functions.retain(|function| function.this_type.is_none() && fits(&function.name.as_str()));
        let scripted = overloaded(functions.iter());
        found.extend(scripted.into_iter().map(|(name, shown, takes)| Candidate::call(name, shown, takes, follows)));
        let builtins = names::GLOBAL.iter().filter(|known| known.parts().0.is_none() && fits(&known.name));
        found.extend(builtins.map(|known| self.builtin(known, follows)));
        let standard = standard::FUNCTIONS.iter().chain(standard::KEYWORDS).filter(|(name, _)| fits(name));
        found.extend(standard.filter(|(name, _)| names::find(name).is_none()).map(|(name, counts)| {
            let takes = counts.iter().any(|count| *count > 0);
            call(name, if takes { "…" } else { "" }, takes, follows)
        }));
        found.extend(self.session.imports().map(|(alias, _)| alias).filter(fits).map(|name| self.module(name)));
        found.extend(names::modules().filter(fits).map(|name| self.module(name)));
        found.extend(keywords(&STARTS, word));
        found.extend(keywords(more, word));
        found
    }

    /// What a module has.
    fn of_module(&self, cursor: &Cursor, word: &str) -> Vec<Candidate> {
        let Some(path) = path(cursor) else { return Vec::new() };
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let follows = self.is_called();
        if let Some((_, module)) = self.session.imports().find(|(alias, _)| alias == first) {
            let inner = rest.iter().try_fold(module, |module, name| module.get_sub_module(name));
            return inner.map_or_else(Vec::new, |module| self.of_import(module, word, follows));
        }
        if *first == GLOBAL && rest.is_empty() {
            let variables = self.session.variables();
            let constants = variables.iter().filter(|variable| variable.is_constant && variable.name.starts_with(word));
            return constants.map(|constant| Candidate::plain(&*constant.name)).collect();
        }
        if !rest.is_empty() {
            return Vec::new();
        }
        let builtins = names::of_module(first).filter(|known| known.parts().1.starts_with(word));
        builtins.map(|known| self.builtin(known, follows)).collect()
    }

    fn of_import(&self, module: &Module, word: &str, follows: bool) -> Vec<Candidate> {
        let public = module.iter_script_fn_info().filter(|(_, access, ..)| *access == FnAccess::Public);
        let mut functions: Vec<Function> = public.map(|(.., def)| Function::of(def)).collect();
        functions.retain(|function| {
            function.this_type.is_none() && function.name.starts_with(word) && !names::is_closure(&function.name)
        });
        functions.sort_by_key(|function| function.params.len());
        let functions = overloaded(functions.iter()).into_iter();
        let functions = functions.map(|(name, shown, takes)| Candidate::call(name, shown, takes, follows));
        let is_shown = |(name, _): &(&str, &Dynamic)| name.starts_with(word) && !name.starts_with("__");
        let variables = module.iter_var().filter(is_shown).map(|(name, _)| Candidate::plain(name));
        let inner = module.iter_sub_modules().filter(|(name, _)| name.starts_with(word));
        functions.chain(variables).chain(inner.map(|(name, _)| self.module(name))).collect()
    }
}

fn keywords(words: &[&str], start: &str) -> impl Iterator<Item = Candidate> {
    words.iter().filter(move |word| word.starts_with(start)).map(|word| Candidate::plain(*word))
}

/// The modules before the cursor, outermost first: `a::b::`.
fn path(cursor: &Cursor) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut rest = &cursor.tokens[..];
    while let [before @ .., name, separator] = rest
        && separator.token == Token::DoubleColon
    {
        match &name.token {
            Token::Identifier(name) | Token::Reserved(name) => path.push(name.as_str()),
            _ => return None,
        }
        rest = before;
    }
    path.reverse();
    Some(path)
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::builtins::Host;
    use crate::builtins::vocabulary::Vocabulary;
    use crate::engine::session::Evaluated;
    use crate::engine::source::Sources;
    use crate::engine::{Interpreter, limits};
    use crate::host::files::temporary_directory;
    use crate::host::settings::Settings;
    use crate::sys::interrupts::Interrupts;

    /// Where the cursor is in the texts of the tests.
    const CURSOR: char = '‸';

    const COMMANDS: [Command<'_>; 5] = [
        Command { name: ":help", takes: "[NAME]" },
        Command { name: ":load", takes: "FILE" },
        Command { name: ":save", takes: "FILE" },
        Command { name: ":type", takes: "EXPR" },
        Command { name: ":quit", takes: "" },
    ];

    /// A session in which this was evaluated, line by line.
    pub(in crate::engine) fn with_session(lines: &str, test: impl FnOnce(&mut Session<'_>) + Send) {
        std::thread::scope(|scope| {
            let run = move || {
                let interrupts = Interrupts::new().expect("there are descriptors");
                let state = crate::host::Host::new(Settings::default(), interrupts).expect("signals can be caught");
                let host = Host::new(
                    state,
                    Box::new(ToString::to_string),
                    Box::new(|_, _| {}),
                    Box::new(|_, _, status| status),
                );
                let interpreter = Interpreter::new(
                    host,
                    Sources::new(&crate::sys::descriptor::working_directory()),
                    crate::engine::Evaluator::Ast,
                    &Vocabulary::all(),
                );
                let mut session = Session::new(&interpreter);
                for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    let evaluated = session.line(line);
                    assert!(matches!(evaluated, Evaluated::Value(_)), "{line}: {evaluated:?}");
                }
                test(&mut session);
            };
            let thread = std::thread::Builder::new().stack_size(limits::STACK);
            let ended = thread.spawn_scoped(scope, run).expect("there are threads").join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }

    /// A directory that is gone with this.
    pub(in crate::engine) struct Place(PathBuf);

    impl Place {
        pub(in crate::engine) fn new() -> Self {
            Self(temporary_directory(&std::env::temp_dir()).expect("there is a place"))
        }

        pub(in crate::engine) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub(in crate::engine) fn completions(session: &Session<'_>, text: &str) -> Completions {
        let at = text.find(CURSOR).expect("the text has a cursor");
        let signatures = |name: &str| match name {
            "exit" => vec!["exit()", "exit(code)"],
            "fs::read" => vec!["fs::read(p)"],
            _ => Vec::new(),
        };
        let known = Known { commands: &COMMANDS, signatures: &signatures };
        complete(session, &known, &text.replace(CURSOR, ""), at)
    }

    /// The texts up to the cursor that there could be.
    pub(in crate::engine) fn ways(session: &Session<'_>, text: &str) -> Vec<String> {
        let found = completions(session, text);
        found.candidates.iter().map(|candidate| format!("{}{}", &text[..found.start], candidate.inserted)).collect()
    }

    fn shown(session: &Session<'_>, text: &str) -> Vec<String> {
        completions(session, text).candidates.into_iter().map(|candidate| candidate.shown).collect()
    }

    #[test]
    fn a_word_is_completed_by_variables_functions_builtins_and_keywords() {
        let lines = "let returned = 1
            const retried = 2
            fn retell(story, times) { story }
            fn renew() { }";
        with_session(lines, |session| {
            let expected = ["replace(", "retain(", "retell(", "retried", "retry(", "return", "returned", "reverse("]
                .map(|w| format!("1 + {w}"));
            let found = ways(session, "1 + re‸");
            for word in &expected {
                assert!(found.contains(word), "{word}: {found:?}");
            }
            assert!(found.is_sorted() && found.iter().all(|way| way.starts_with("1 + re")), "{found:?}");
            assert_eq!(ways(session, "ren‸"), ["renew()"]);
            assert_eq!(ways(session, "cw‸"), ["cwd()"]);
            assert_eq!(ways(session, "nothing_like_this‸"), Vec::<String>::new());
            let all = ways(session, "‸");
            assert!(
                all.len() > 200 && all.iter().all(|way| !way.contains(['$', '+']) && !way.starts_with("__")),
                "{all:?}"
            );
        });
    }

    #[test]
    fn functions_are_shown_with_what_they_take() {
        with_session("fn pack(files) { }\nfn pack(files, level) { }", |session| {
            assert_eq!(shown(session, "pac‸"), ["pack(files), pack(files, level)"]);
            assert_eq!(shown(session, "exit‸"), ["exit(), exit(code)", "exit_now(…)"]);
            assert_eq!(shown(session, "fs::rea‸"), ["fs::read(p)", "fs::read_bytes(…)"]);
            assert_eq!(shown(session, "hypo‸"), ["hypot(…)"]);
            assert_eq!(shown(session, "timest‸"), ["timestamp()"]);
        });
    }

    #[test]
    fn a_parenthesis_that_is_there_is_enough() {
        with_session("fn brew(tea) { }", |session| {
            assert_eq!(ways(session, "bre‸"), ["break", "brew("]);
            for rest in ["(1)", "()", " (1)", "w(1)"] {
                assert_eq!(ways(session, &format!("brew‸{rest}")), ["brew"], "{rest}");
            }
            assert_eq!(ways(session, "cwd‸()"), ["cwd"]);
            assert_eq!(ways(session, "\"\".tri‸()"), ["\"\".trim", "\"\".trimmed"]);
            assert_eq!(ways(session, "env::ho‸()"), ["env::home", "env::hostname"]);
            assert_eq!(ways(session, "js‸::parse"), ["json"]);
        });
    }

    #[test]
    fn what_the_text_declares_is_in_sight() {
        with_session("let outside = 1", |session| {
            assert_eq!(ways(session, "let total = 1; tot‸"), ["let total = 1; total"]);
            assert_eq!(ways(session, "for item in [1] { it‸"), ["for item in [1] { item"]);
            assert_eq!(ways(session, "xs.map(|element| ele‸"), ["xs.map(|element| element"]);
            assert_eq!(ways(session, "xs.map(|element| 1) + ele‸"), Vec::<String>::new());
            assert_eq!(ways(session, "fn twice(amount) { amo‸"), ["fn twice(amount) { amount"]);
            assert_eq!(ways(session, "fn twice(amount) { outs‸"), Vec::<String>::new());
            assert_eq!(ways(session, "fn twice(amount) { 2 } outs‸"), ["fn twice(amount) { 2 } outside"]);
            assert_eq!(ways(session, "fn twice(amount) { 2 } twi‸"), ["fn twice(amount) { 2 } twice("]);
            assert_eq!(shown(session, "fn twice(amount) { 2 } twi‸"), ["twice(amount)"]);
            assert_eq!(ways(session, "try { } catch (failed) { fai‸"), ["try { } catch (failed) { failed"]);
        });
    }

    #[test]
    fn a_new_name_is_not_guessed() {
        with_session("let outside = 1", |session| {
            for text in [
                "let outs‸",
                "const outs‸",
                "fn outs‸",
                "for outs‸",
                "fn f(outs‸",
                "fn f(a, outs‸",
                "xs.map(|outs‸",
                "catch (outs‸",
                "import \"x\" as outs‸",
                "#{outs‸",
                "#{a: 1, outs‸",
                "1outs‸",
            ] {
                assert_eq!(ways(session, text), Vec::<String>::new(), "{text}");
            }
            for text in ["#{a: outs‸", "f(1, outs‸", "[outs‸", "a | outs‸", "`${outs‸", "x => outs‸"] {
                assert_eq!(ways(session, text), [text.replace(CURSOR, "ide")], "{text}");
            }
        });
    }

    #[test]
    fn keywords_follow_what_they_belong_to() {
        with_session("let inner = 1", |session| {
            assert_eq!(ways(session, "if x { } els‸"), ["if x { } else"]);
            assert_eq!(ways(session, "try { } ca‸").first().map(String::as_str), Some("try { } call("));
            assert!(ways(session, "try { } ca‸").contains(&"try { } catch".into()));
            assert_eq!(ways(session, "el‸"), ["elapsed("]);
            assert_eq!(ways(session, "for x in‸"), ["for x in"]);
            assert_eq!(ways(session, "#{} i‸"), ["#{} if", "#{} in"]);
            assert_eq!(ways(session, "import \"a\" a‸"), ["import \"a\" as"]);
            assert_eq!(ways(session, "x‸x = 1"), Vec::<String>::new());
            assert_eq!(ways(session, "(1)‸"), Vec::<String>::new());
        });
    }

    #[test]
    fn modules_are_completed_and_what_they_have() {
        let place = Place::new();
        let inner = place.path().join("inner.rhai");
        fs::write(&inner, "fn deep(down) { } const DEPTH = 3; export DEPTH;").expect("it is writable");
        let module = place.path().join("tool.rhai");
        let text = "import \"inner\" as inner; private fn hidden() { } fn build(what) { hidden() } fn build() { }
            fn \"string\".shouted() { this.to_upper() } export const LEVEL = 1; let f = || 1;";
        fs::write(&module, text).expect("it is writable");
        let lines = format!("import \"{}\" as tool", module.with_extension("").display());
        with_session(&lines, |session| {
            assert_eq!(ways(session, "too‸"), ["tool::"]);
            assert_eq!(ways(session, "jso‸"), ["json::"]);
            assert_eq!(ways(session, "tool::‸"), ["tool::LEVEL", "tool::build(", "tool::inner::"]);
            assert_eq!(shown(session, "tool::bu‸"), ["build(), build(what)"]);
            assert_eq!(ways(session, "tool::inner::‸"), ["tool::inner::DEPTH", "tool::inner::deep("]);
            assert_eq!(ways(session, "json::‸"), ["json::parse(", "json::pretty(", "json::stringify("]);
            assert_eq!(ways(session, "env::o‸"), ["env::os()"]);
            assert_eq!(ways(session, "nowhere::‸"), Vec::<String>::new());
            assert_eq!(ways(session, "\"\".shou‸"), ["\"\".shouted()"]);
        });
    }

    #[test]
    fn the_constants_of_the_top_level_are_those_of_global() {
        with_session("const LEVEL = 3; let LEAST = 1;", |session| {
            assert_eq!(ways(session, "fn f() { global::LE‸"), ["fn f() { global::LEVEL"]);
        });
    }

    #[test]
    fn a_colon_begins_a_command() {
        with_session("let summit = 1", |session| {
            assert_eq!(ways(session, ":‸"), [":help", ":load", ":quit", ":save", ":type"]);
            assert_eq!(shown(session, ":l‸"), [":load FILE"]);
            assert_eq!(
                ways(session, ":help js‸"),
                [":help json", ":help json::parse", ":help json::pretty", ":help json::stringify"]
            );
            assert_eq!(ways(session, ":load src/engine/comp‸"), [":load src/engine/complete.rs"]);
            assert_eq!(ways(session, ":save src/eng‸"), [":save src/engine/"]);
            assert_eq!(ways(session, ":type 1 + summ‸"), [":type 1 + summit"]);
            assert_eq!(ways(session, ":quit s‸"), Vec::<String>::new());
            assert_eq!(ways(session, "1; :qu‸"), ["1; :quote("]);
        });
    }

    #[test]
    fn nothing_follows_in_a_comment() {
        with_session("let summit = 1", |session| {
            for text in ["// summ‸", "/* summ‸", "/* summ‸ */", "f(); // a.‸", "x /* `${summ‸", "/// \"src/‸"]
            {
                assert_eq!(ways(session, text), Vec::<String>::new(), "{text}");
            }
            for text in ["/* a */ summ‸", "// a\nsumm‸", "`/* ${summ‸", "x + /* */summ‸"] {
                assert_eq!(ways(session, text), [text.replace(CURSOR, "it")], "{text}");
            }
        });
    }

    #[test]
    fn a_place_in_the_middle_of_a_character_is_none() {
        with_session("", |session| {
            let known = Known { commands: &COMMANDS, signatures: &|_| Vec::new() };
            assert_eq!(complete(session, &known, "ä", 1), Completions::default());
            assert_eq!(complete(session, &known, "", 7), Completions::default());
        });
    }

    #[test]
    fn no_text_is_too_odd() {
        let texts = [
            r#"let m = #{a: [1, "x\"y"], b: `c${d + "e${f}"}g`}; fn f(x, y) { for (i, k) in m { m.a[0]?.b } } // ä"#,
            "fs::read(#\"a\"b\"#).x; ) ] } ${ `}` ` #{ | || |x, fn \"t\".u(v) { this } catch ( } import 'x' /* /* */ 1.5.e ?. ?[ ::",
            ":type #{\n\"\\u{\" '\\ \\",
        ];
        with_session("let m = #{a: [#{b: 1}]}", |session| {
            let known = Known { commands: &COMMANDS, signatures: &|_| Vec::new() };
            for text in texts {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                for &from in &places {
                    let text = &text[from..];
                    for at in places.iter().filter_map(|at| at.checked_sub(from)) {
                        let found = complete(session, &known, text, at);
                        assert!(found.start <= at && text.is_char_boundary(found.start), "{text} at {at}: {found:?}");
                        let inserted: Vec<&str> = found.candidates.iter().map(|way| way.inserted.as_str()).collect();
                        assert!(inserted.is_sorted_by(|a, b| a < b), "{text} at {at}: {inserted:?}");
                    }
                }
            }
        });
    }
}
