//! What the REPL says of a builtin: its section of the language page, for a terminal.

use unicode_width::UnicodeWidthStr;

/// The page. A test of the pages says of which shape its sections are.
const PAGE: &str = include_str!("../../docs/language.md");

/// A builtin's section has its name for a heading, any other has several words.
const SECTION: &str = "\n### ";

/// The heading of several sections.
const GROUP: &str = "\n## ";

const FENCE: &str = "```";

/// What a list item begins with; so far its other lines are indented.
const ITEM: &str = "- ";

/// How far code is indented.
const INDENT: &str = "    ";

/// Between the columns of a table.
const GAP: &str = "  ";

/// No column is made narrower than this.
const LEAST_COLUMN: usize = 10;

/// Every builtin that there is help for, in the order of the page.
pub fn names() -> impl Iterator<Item = &'static str> {
    parts(PAGE, SECTION).map(|(heading, _)| heading).filter(|heading| is_name(heading))
}

/// How a builtin is called: `exit()`, `exit(code)`; nothing of an unknown name.
pub fn signatures(name: &str) -> impl Iterator<Item = &'static str> {
    first_paragraph(name).map_or_else(Vec::new, |paragraph| split_signatures(paragraph).0).into_iter()
}

/// What there is to say of a name: a builtin, a module of builtins, or a heading of the page in any case, with or
/// without its `the`.
///
/// # Arguments
///
/// The columns of the terminal.
#[must_use]
pub fn of(name: &str, width: usize) -> Option<String> {
    if let Some(text) = section(name) {
        return Some(rendered(text, width));
    }
    let is_meant = |heading: &str| {
        let heading = heading.to_lowercase();
        let name = name.to_lowercase();
        heading == name || heading.strip_prefix("the ") == Some(&name)
    };
    if let Some((heading, text)) = parts(PAGE, SECTION).find(|(heading, _)| is_meant(heading)) {
        return Some(format!("{heading}\n\n{}", rendered(text, width)));
    }
    if let Some((heading, text)) = parts(PAGE, GROUP).find(|(heading, _)| is_meant(heading)) {
        let intro = rendered(text.split(SECTION).next().unwrap_or_default(), width);
        let names = parts(text, SECTION).map(|(heading, _)| heading).filter(|heading| is_name(heading));
        let pieces = [heading.to_string(), intro, summaries(names, width)];
        return Some(pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("\n\n"));
    }
    let is_in_module = |known: &&str| known.split_once("::").is_some_and(|(module, _)| module == name);
    let mut of_module = names().filter(is_in_module).peekable();
    of_module.peek()?;
    Some(summaries(of_module, width))
}

/// Every name, in the groups of the page.
#[must_use]
pub fn overview(width: usize) -> String {
    let mut lines = Vec::new();
    for (heading, text) in parts(PAGE, GROUP) {
        let names: Vec<&str> = parts(text, SECTION).map(|(name, _)| name).filter(|name| is_name(name)).collect();
        if !names.is_empty() {
            lines.push(heading.to_string());
            lines.extend(wrapped(&names.join("  "), width.saturating_sub(2)).iter().map(|line| format!("  {line}")));
        }
    }
    lines.join("\n")
}

/// The parts of a text that begin with a mark: the heading, and the text up to the next mark or a group.
fn parts(text: &'static str, mark: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.split(mark).skip(1).filter_map(|part| part.split(GROUP).next()?.split_once('\n'))
}

fn is_name(heading: &str) -> bool {
    !heading.contains(' ')
}

/// The text of a builtin's section.
fn section(name: &str) -> Option<&'static str> {
    parts(PAGE, SECTION).find(|(heading, _)| is_name(heading) && *heading == name).map(|(_, text)| text)
}

fn first_paragraph(name: &str) -> Option<&'static str> {
    section(name)?.split("\n\n").map(str::trim).find(|paragraph| !paragraph.is_empty())
}

/// The signatures that a paragraph begins with, and what it says of them.
fn split_signatures(paragraph: &'static str) -> (Vec<&'static str>, &'static str) {
    let (mut signatures, mut rest) = (Vec::new(), paragraph);
    while let Some((signature, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        signatures.push(signature);
        rest = after.trim_start();
        let next = rest.strip_prefix(',').or_else(|| rest.strip_prefix("or")).map(str::trim_start);
        match next.filter(|next| next.starts_with('`')) {
            Some(next) => rest = next,
            None => break,
        }
    }
    (signatures, rest)
}

/// A line for each builtin: its name, and the first sentence of what is said of it.
fn summaries(names: impl Iterator<Item = &'static str>, width: usize) -> String {
    let row = |name: &'static str| {
        let text = plain(&split_signatures(first_paragraph(name).unwrap_or_default()).1.replace('\n', " "));
        let sentence = text.split(". ").next().unwrap_or_default().trim_end_matches('.').to_string();
        vec![name.to_string(), sentence]
    };
    let lines = table(&names.map(row).collect::<Vec<_>>(), width.saturating_sub(GAP.len()));
    lines.iter().map(|line| format!("{GAP}{line}")).collect::<Vec<_>>().join("\n")
}

/// A text of the page without its marks, in lines of so many columns.
fn rendered(text: &str, width: usize) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    blocks(&lines, width).join("\n")
}

fn blocks(lines: &[&str], width: usize) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        let taken = if line.is_empty() {
            apart(&mut shown);
            1
        } else if let Some(language) = line.strip_prefix(FENCE) {
            let end = after.iter().position(|line| line.starts_with(FENCE)).unwrap_or(after.len());
            apart(&mut shown);
            if language == "text" {
                shown.push("Output:".into());
            }
            shown.extend(after[..end].iter().map(|line| format!("{INDENT}{line}").trim_end().to_string()));
            apart(&mut shown);
            (end + 2).min(rest.len())
        } else if line.starts_with('|') {
            let end = after.iter().position(|line| !line.starts_with('|')).unwrap_or(after.len());
            let is_rule = |line: &&&str| line.chars().all(|c| "|-: ".contains(c));
            let rows: Vec<_> = rest[..=end].iter().filter(|line| !is_rule(line)).map(|line| cells(line)).collect();
            shown.extend(table(&rows, width));
            end + 1
        } else if line.starts_with(ITEM) {
            let is_own = |line: &&str| line.is_empty() || line.starts_with(' ');
            let end = after.iter().position(|line| !is_own(line)).unwrap_or(after.len());
            let end = after[..end].iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
            let own: Vec<&str> = rest[..=end].iter().map(|line| line.get(ITEM.len()..).unwrap_or_default()).collect();
            // What bears a name needs no dash.
            let mark = if own[0].starts_with("**") { "" } else { ITEM };
            for (index, line) in blocks(&own, width.saturating_sub(ITEM.len())).into_iter().enumerate() {
                let indent = if index == 0 { mark } else { "  " };
                shown.push(format!("{indent}{line}").trim_end().to_string());
            }
            end + 1
        } else {
            let is_other =
                |line: &&str| line.is_empty() || [FENCE, "|", ITEM].iter().any(|mark| line.starts_with(mark));
            let end = after.iter().position(is_other).unwrap_or(after.len());
            shown.extend(wrapped(&plain(&rest[..=end].join(" ")), width));
            end + 1
        };
        rest = &rest[taken..];
    }
    while shown.last().is_some_and(String::is_empty) {
        shown.pop();
    }
    shown
}

/// An empty line, unless there is one.
fn apart(shown: &mut Vec<String>) {
    if shown.last().is_some_and(|line| !line.is_empty()) {
        shown.push(String::new());
    }
}

/// The cells of a line of a table; none of the page's has a bar in it.
fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| plain(cell.trim())).collect()
}

/// Rows in columns; where they are wider than that, the widest are made narrower.
fn table(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let of_column = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let mut widths: Vec<usize> = (0..count).map(|column| of_column(column).unwrap_or_default()).collect();
    let gaps = GAP.len() * count.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width
        && let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > LEAST_COLUMN)
    {
        *widest -= 1;
    }
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
        for index in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let piece = cell.get(index).map_or("", String::as_str);
                line.push_str(piece);
                line.push_str(&" ".repeat(width.saturating_sub(piece.width()) + GAP.len()));
            }
            lines.push(line.trim_end().to_string());
        }
    }
    lines
}

/// A text without the marks of code, of what is bold, and of links.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        let marked = match rest.as_bytes()[0] {
            b'`' => rest[1..].split_once('`').map(|(code, after)| (code.to_string(), after)),
            b'*' => rest.strip_prefix("**").map(|after| (String::new(), after)),
            _ => rest[1..].split_once("](").and_then(|(name, after)| {
                let (_, after) = after.split_once(')')?;
                (!name.contains('[')).then(|| (plain(name), after))
            }),
        };
        let (piece, after) = marked.unwrap_or_else(|| (rest[..1].to_string(), &rest[1..]));
        shown.push_str(&piece);
        rest = after;
    }
    shown + rest
}

/// The words of a text in lines of so many columns; blanks between them stay.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        if !line.is_empty() && (line.as_str().width() + word.trim_end().width()) > width {
            lines.push(std::mem::take(&mut line).trim_end().to_string());
        }
        if !line.is_empty() || !word.trim_end().is_empty() {
            line.push_str(word);
        }
    }
    if !line.trim_end().is_empty() {
        lines.push(line.trim_end().to_string());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins;

    #[test]
    fn every_builtin_has_help_that_begins_with_how_it_is_called() {
        let mut known: Vec<&str> = names().collect();
        known.sort_unstable();
        assert_eq!(known, builtins::names::GLOBAL.iter().map(|name| name.name).collect::<Vec<_>>());
        for name in known {
            let signatures: Vec<&str> = signatures(name).collect();
            assert!(!signatures.is_empty(), "{name}");
            assert!(signatures.iter().all(|one| one.starts_with(&format!("{name}(")) && one.ends_with(')')), "{name}");
            let help = of(name, 80).unwrap_or_else(|| panic!("{name} has no help"));
            assert!(help.starts_with(signatures[0]), "{help}");
        }
        assert!(of("frobnicate", 80).is_none() && signatures("frobnicate").next().is_none());
    }

    #[test]
    fn no_mark_is_left_and_no_line_is_too_long() {
        let topics =
            ["the handler", "the process", "options of a command", "errors", "limits", "files", "commands", "fs"];
        for topic in names().chain(topics) {
            for width in [60, 80, 120] {
                let help = of(topic, width).unwrap_or_else(|| panic!("{topic} has no help"));
                assert_eq!(help, help.trim_end());
                for line in help.lines().filter(|line| !line.starts_with(INDENT)) {
                    assert!(!line.contains(['`', '\t']), "{topic}: {line}");
                    assert!(!line.contains("**:") && !line.contains("](") && !line.starts_with('|'), "{topic}: {line}");
                    let is_one_word = !line.trim_start().contains(' ');
                    assert!(line.width() <= width || is_one_word, "{topic}, {width} columns: {line}");
                }
            }
        }
    }

    #[test]
    fn a_section_is_shown_with_its_list_and_its_example() {
        let expected = "\
untrap(signals), untrap() gives signals, or all of
them, back to what they were when stagesh started.
Before any trap it takes charge too, and takes them
from the five.

Arguments, Returns, Errors, Source: as trap.

    print(untrap([\"HUP\", \"PIPE\"]));
    print(untrap());

Output:
    [\"INT\", \"QUIT\", \"TERM\"]
    []";
        assert_eq!(of("untrap", 52).as_deref(), Some(expected));
    }

    #[test]
    fn a_table_is_as_narrow_as_the_terminal() {
        let row = |cells: [&str; 3]| cells.map(str::to_string).to_vec();
        let rows =
            [row(["k", "what", "since"]), row(["timeout", "seconds after which it is ended", "one two three four"])];
        let wide = [
            "k        what                             since",
            "timeout  seconds after which it is ended  one two three four",
        ];
        assert_eq!(table(&rows, 62), wide);
        let narrow = [
            "k        what             since",
            "timeout  seconds after    one two three",
            "         which it is      four",
            "         ended",
        ];
        assert_eq!(table(&rows, 40), narrow);
        assert!(table(&rows, 1).len() > 4);
    }

    #[test]
    fn marks_of_code_bold_and_links_go() {
        let text = "**Errors**: [as `run`](#run), `a[0]`, [y], 2 * 3, `**x**`";
        assert_eq!(plain(text), "Errors: as run, a[0], [y], 2 * 3, **x**");
    }

    #[test]
    fn the_overview_has_every_name_under_its_heading() {
        let overview = overview(60);
        assert!(
            overview.starts_with("Clean-up\n  atexit  unregister  handlers  scope  stage  outcome\nThe end\n  exit")
        );
        assert!(overview.lines().all(|line| line.width() <= 60), "{overview}");
        let words: Vec<&str> = overview.split_whitespace().collect();
        assert!(names().all(|name| words.contains(&name)));
    }

    #[test]
    fn of_a_module_and_of_a_group_there_is_a_line_for_each_name() {
        let help = of("net", 80).expect("it is a module");
        assert!(help.starts_with("  net::free_port  ") && help.contains("  net::reachable  "), "{help}");
        let help = of("clean-up", 80).expect("it is a group");
        assert!(help.contains("\n  unregister  forgets every registration of the function\n"), "{help}");
    }
}
