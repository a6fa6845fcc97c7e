//! A failure as a person reads it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use colored::control::SHOULD_COLORIZE;
use colored::{ColoredString, Colorize};

use crate::builtins::Host;
use crate::builtins::names;
use crate::engine::check::Level as Weight;
use crate::engine::failure::{Failure, Frame, Place};
use crate::engine::source::{LAST_LINE, Sources};
use crate::host::log;
use crate::host::settings::Style;

/// How stagesh's own lines are dressed where colour is on, and where it is off (`colored` knows which).
pub const STYLE: Style = Style {
    name: |text| dress(text, |text| text.bold()),
    command: |text| dress(text, |text| text.dimmed()),
    level: |level, text| {
        dress(text, |text| match level {
            log::Level::Error => text.bright_red().bold(),
            log::Level::Warn => text.yellow().bold(),
            log::Level::Info => text.green(),
            log::Level::Trace => text.dimmed(),
        })
    },
};

/// A text with its dress, or as it is: `colored` looks through it even if there is nothing to add.
fn dress(text: &str, how: impl Fn(&str) -> ColoredString) -> String {
    if SHOULD_COLORIZE.should_colorize() { how(text).to_string() } else { text.to_string() }
}

/// The lines of a source are cut to about this width around the caret.
const WIDTH: usize = 140;

/// The steps of a longer way are told from both ends.
const MOST_FRAMES: usize = 20;

/// The text of a failure: message, place, the line with a caret, the way there, what would help. What the host hides is gone
/// from the message before tabs and what moves a cursor are written in another way, and from a line before that is cut,
/// so that no part of it is left, and the caret is where it should be.
#[must_use]
pub fn render(host: &Host, weight: Weight, failure: &Failure, sources: &Sources, color: bool) -> String {
    let level = match weight {
        Weight::Error => Level::ERROR,
        Weight::Warning => Level::WARNING,
    };
    let message = host.masked_report(&failure.message);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut text =
        match failure.place.as_ref().and_then(|place| {
            Some((place, sources.line(&place.source, place.line).filter(|_| place.column < LAST_LINE)?))
        }) {
            Some((place, line)) => {
                let path = sources.display(&place.source);
                let start = line.char_indices().nth(place.column - 1).map_or(line.len(), |(index, _)| index);
                let (start, line) = (host.masked(&line[..start]).len(), host.masked(&line));
                let start = (0..=start).rev().find(|at| line.is_char_boundary(*at)).unwrap_or_default();
                let end = line[start..].chars().next().map_or(start, |c| start + c.len_utf8());
                let snippet = Snippet::source(&*line)
                    .line_start(place.line)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(start..end));
                renderer.render(&[level.primary_title(&*message).element(snippet)])
            }
            None => {
                let mut text = renderer.render(&[Group::with_title(level.primary_title(&*message))]);
                if let Some(place) = failure.place.as_ref() {
                    text.push_str(&format!("\n  --> {}", at(place, sources)));
                }
                text
            }
        };
    for line in way(&failure.frames, sources) {
        text.push_str(&format!("\n   {line}"));
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("\n   {} {hint}", "help:".bold()));
    }
    text.push('\n');
    text
}

/// The lines of the way there: equal steps, as of a recursion, in one; of a long way both ends.
fn way(frames: &[Frame], sources: &Sources) -> Vec<String> {
    let mut lines: Vec<String> = frames
        .chunk_by(|a, b| a == b)
        .map(|equal| match equal {
            [frame] => line_of(frame, sources),
            _ => format!("{} ({} times)", line_of(&equal[0], sources), equal.len()),
        })
        .collect();
    if let Some(more) = lines.len().checked_sub(MOST_FRAMES).filter(|more| *more > 0) {
        lines.splice(MOST_FRAMES / 2..MOST_FRAMES / 2 + more, [format!("… {more} more steps …")]);
    }
    lines
}

fn line_of(frame: &Frame, sources: &Sources) -> String {
    let place = |what: &str, place: &Option<Place>| {
        place.as_ref().map_or_else(String::new, |place| format!("{what} {}", at(place, sources)))
    };
    match frame {
        Frame::Call(name, caller) => {
            let name = if names::is_closure(name) { "a closure".to_string() } else { format!("`{name}`") };
            format!("in {name}{}", place(", called from", caller))
        }
        Frame::Import(importer) => format!("in the module{}", place(" imported at", importer)),
        Frame::Handler(title, registered) => {
            format!("in the exit handler `{title}`{}", place(" registered at", registered))
        }
    }
}

fn at(place: &Place, sources: &Sources) -> String {
    let name = if place.source.is_empty() { "the text given to eval".into() } else { sources.display(&place.source) };
    let or_later = if place.line >= LAST_LINE || place.column >= LAST_LINE { " or later" } else { "" };
    format!("{name}:{}:{}{or_later}", place.line, place.column)
}
