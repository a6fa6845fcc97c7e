//! The pages say what is: every example of `docs/` and the README runs, every builtin has its place.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use stagesh::builtins::names;

use crate::harness::{CHANGES_OUTPUT, Place, code, root, stagesh, without_times};

/// A fenced block of a page.
pub(crate) struct Block {
    /// The page and the line of the fence.
    pub(crate) place: String,
    /// What follows the fence.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The fenced blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in read(page).lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => {
                let place = format!("{page}:{}", number + 1);
                open = Some(Block { place, language: language.into(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: the last block is not closed");
    blocks
}

fn read(page: &str) -> String {
    let path = root().join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a terminal would show of a command, run by a shell that finds `stagesh`, and the status if it is not 0.
fn shown(place: &Place, command: &str) -> String {
    let bin = std::path::Path::new(stagesh()).parent().expect("it is in a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("there is a PATH"));
    let mut shell = Command::new("sh");
    for name in CHANGES_OUTPUT {
        shell.env_remove(name);
    }
    let output = shell
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .env("PATH", path)
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("status {code}\n"));
    }
    text
}

/// Runs the examples of a page: a block of Rhai is a script whose output the block after it shows, a block of a
/// console has both.
///
/// # Returns
///
/// How many there were.
fn run_examples(page: &str) -> usize {
    let blocks = blocks(page);
    let mut count = 0;
    for (index, block) in blocks.iter().enumerate() {
        let place = Place::new();
        let (command, expected) = match block.language.as_str() {
            "rhai" => {
                place.write("example.rhai", &block.text);
                let output = blocks.get(index + 1).filter(|next| next.language == "text");
                ("stagesh example.rhai".to_string(), output.map(|block| block.text.clone()).unwrap_or_default())
            }
            "console" => {
                let (command, output) = block.text.split_once('\n').expect("it has a line");
                let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: no `$ `", block.place));
                (command.to_string(), output.to_string())
            }
            _ => continue,
        };
        let (seen, expected) = (without_times(&shown(&place, &command)), without_times(&expected));
        assert!(seen == expected, "{}\n--- expected\n{expected}--- shown\n{seen}---", block.place);
        count += 1;
    }
    count
}

#[test]
fn the_examples_of_the_language_are_true() {
    assert!(run_examples("docs/language.md") > 30);
}

#[test]
fn the_examples_of_the_other_pages_are_true() {
    assert!(run_examples("README.md") > 0);
    run_examples("docs/lifecycle.md");
    run_examples("docs/commands.md");
    run_examples("docs/pitfalls.md");
}

#[test]
fn the_real_script_of_the_readme_is_the_one_that_is_tested() {
    let script = read("scripts/build.rhai");
    assert!(blocks("README.md").iter().any(|block| block.text == script));
}

/// The sections of the language page: heading and text.
fn sections() -> Vec<(String, String)> {
    let page = read("docs/language.md");
    page.split("\n### ")
        .skip(1)
        .map(|section| {
            let (heading, text) = section.split_once('\n').expect("a heading ends");
            let text = text.split("\n## ").next().expect("there is a first part");
            (heading.to_string(), text.to_string())
        })
        .collect()
}

#[test]
fn every_builtin_has_a_section_with_an_example_and_every_section_is_one_of_a_builtin() {
    let sections = sections();
    let documented: BTreeSet<&str> =
        sections.iter().map(|(heading, _)| heading.as_str()).filter(|heading| !heading.contains(' ')).collect();
    let builtins: BTreeSet<&str> = names::GLOBAL.iter().map(|name| name.name).collect();
    assert_eq!(documented, builtins);
    for (heading, text) in &sections {
        assert!(text.contains("```rhai") || text.contains("```console"), "{heading} has no example");
    }
}

#[test]
fn every_section_says_what_goes_in_and_what_comes_out() {
    for (heading, text) in sections().iter().filter(|(heading, _)| !heading.contains(' ')) {
        let name = names::find(heading).expect("every section is one of a builtin");
        assert!(text.contains(&format!("`{heading}(")), "{heading}: no signature");
        let has =
            |part: &str| text.lines().any(|line| line.starts_with("- **") && line.contains(&format!("**{part}**")));
        assert!(name.most == 0 || has("Arguments"), "{heading}: no arguments");
        let gives = has("Returns") || has("Errors");
        assert!(gives, "{heading}: neither what it returns nor its errors");
    }
}

#[test]
fn every_pitfall_names_tests_that_exist() {
    let mut tests = String::new();
    for entry in std::fs::read_dir(root().join("tests/it")).expect("it is a directory").flatten() {
        tests.push_str(&std::fs::read_to_string(entry.path()).expect("it is a file"));
    }
    let page = read("docs/pitfalls.md");
    for fact in page.split("\n### ").skip(1) {
        let lines: Vec<&str> = fact.lines().filter_map(|line| line.strip_prefix("Test: ")).collect();
        assert!(!lines.is_empty(), "docs/pitfalls.md: no test for {:?}", fact.lines().next());
        for name in lines.iter().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let (_, function) = name.split_once("::").unwrap_or_else(|| panic!("{name} is no path of a test"));
            assert!(tests.contains(&format!("fn {function}()")), "docs/pitfalls.md: there is no test {name}");
        }
    }
}

/// The parts, keys and options that the language page names.
const KEYS: &str = "action append args arg backoff check choices code command cwd delay env error every fallback file \
    foreground grace help id kind line link message mode mtime name ok path pending pid position quiet reason required \
    running seconds signal size source stage status stderr stdin stdout text timed_out timeout times wait what";

#[test]
fn no_name_is_a_word_that_the_language_reserves() {
    let keys = KEYS.split_whitespace();
    let words: BTreeSet<&str> = keys.chain(names::MEMBERS.iter().map(|(name, _)| *name)).collect();
    let use_of = |word: &str| format!("let it = #{{{word}: 1}}; it.{word}; it.{word}();\n");
    let check = |script: String| code(&script).options(&["--check"]).run();
    check(words.iter().map(|word| use_of(word)).collect()).expect(0, "");
    check(names::GLOBAL.iter().map(|known| format!("print({});\n", known.name)).collect()).expect(0, "");
    for reserved in ["default", "new", "spawn", "is"] {
        check(use_of(reserved)).expect_code(2);
    }
}
