//! What is told of the stages at the end of a run: the table, and the report as JSON.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::builtins::Host;
use crate::host::outcome::Outcome;
use crate::host::stages::{Handled, HandlerEnd, Stage, StageEnd, Stages, took};
use crate::host::stop::Stop;
use crate::host::{reason, seconds};
use crate::sys::status::Status;

/// Tells of a run that is over: the table, if there were stages, the report, if it is wanted, and the last line of the
/// log.
///
/// # Returns
///
/// The status: 1 in place of 0 if the report could not be written.
pub fn conclude(host: &Host, outcome: &Outcome, status: Status) -> Status {
    let table = host.stages(|stages| table(host, stages.list()));
    if !table.is_empty() {
        host.say(&format!("stages\n{table}"));
    }
    let status = write_report(host, outcome, status);
    host.end_log(status);
    status
}

fn write_report(host: &Host, outcome: &Outcome, status: Status) -> Status {
    let Some(path) = &host.settings.report else { return status };
    let report = host.stages(|stages| Report { host }.of_run(stages, outcome, status));
    let Err(error) = host.write_report(path, &format!("{report:#}\n")) else { return status };
    host.complain(&format!("cannot write the report `{}`: {}", path.display(), reason(&error)));
    if status == Status::Code(0) { Status::Code(1) } else { status }
}

/// A line for each stage: its name, its time, how it ended, how its handlers ended.
fn table(host: &Host, stages: &[Stage]) -> String {
    let rows: Vec<[String; 4]> = stages.iter().map(|stage| row(stage, &host.masked(&stage.name))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |[name, time, end, handlers]: &[String; 4]| {
        let pad = |text: &str, column: usize| " ".repeat(widths[column] - text.width());
        let line = format!("  {name}{}  {}{time}  {end}{}  {handlers}", pad(name, 0), pad(time, 1), pad(end, 2));
        line.trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(stage: &Stage, name: &str) -> [String; 4] {
    let (end, time) = stage.end.as_ref().map_or_else(Default::default, |(end, time)| (end.to_string(), took(*time)));
    [format!("{}{name}", "  ".repeat(stage.depth)), time, end, summary(&stage.handlers)]
}

/// How many handlers ended in each way.
fn summary(handlers: &[Handled]) -> String {
    let counts = HandlerEnd::ALL.map(|end| (end, handlers.iter().filter(|handled| handled.end == end).count()));
    let told = counts.iter().filter(|(_, count)| *count > 0).map(|(end, count)| format!("{count} {end}"));
    told.collect::<Vec<_>>().join(", ")
}

/// What makes the report. Its shape is in `docs/lifecycle.md`.
struct Report<'a> {
    host: &'a Host,
}

impl Report<'_> {
    fn of_run(&self, stages: &Stages, outcome: &Outcome, status: Status) -> Value {
        let (word, signal, error) = match outcome {
            Outcome::Finished => ("finished", None, None),
            Outcome::Exited(_) => ("exited", None, None),
            Outcome::Failed(message) => ("failed", None, Some(self.text(message))),
            Outcome::Signalled(signal) => ("signalled", Some(signal.name()), None),
        };
        json!({
            "status": status.shell_code(),
            "outcome": word,
            "signal": signal,
            "error": error,
            "started": rounded(stages.began.duration_since(UNIX_EPOCH).unwrap_or_default()),
            "seconds": rounded(stages.took()),
            "stages": self.of_stages(&mut stages.list(), 0),
            "handlers": self.of_handlers(&stages.outside),
        })
    }

    /// Takes the stages of that depth from the front of the list, each with those within it.
    fn of_stages(&self, list: &mut &[Stage], depth: usize) -> Vec<Value> {
        let mut values = Vec::new();
        while let Some((stage, rest)) = list.split_first().filter(|(stage, _)| stage.depth >= depth) {
            *list = rest;
            let (end, time) = stage.end.as_ref().map_or((None, None), |(end, time)| (Some(end), Some(*time)));
            values.push(json!({
                "name": self.text(&stage.name),
                "seconds": time.map(rounded),
                "ended": end.map(word),
                "error": end.and_then(message).map(|message| self.text(&message)),
                "handlers": self.of_handlers(&stage.handlers),
                "stages": self.of_stages(list, depth + 1),
            }));
        }
        values
    }

    fn of_handlers(&self, handlers: &[Handled]) -> Vec<Value> {
        let value = |handled: &Handled| json!({ "name": self.text(&handled.name), "ended": handled.end.to_string() });
        handlers.iter().map(value).collect()
    }

    /// A text without what is hidden.
    fn text(&self, text: &str) -> String {
        self.host.masked(text).into_owned()
    }
}

fn word(end: &StageEnd) -> &'static str {
    match end {
        StageEnd::Ok => "ok",
        StageEnd::Failed(_) => "failed",
        StageEnd::TimedOut { .. } | StageEnd::Stopped(Stop::TimedOut) => "timeout",
        StageEnd::Stopped(Stop::Exit(_)) => "exited",
        StageEnd::Stopped(Stop::Signal(_) | Stop::Interrupted) => "stopped",
    }
}

fn message(end: &StageEnd) -> Option<String> {
    match end {
        StageEnd::Ok => None,
        StageEnd::Failed(message) => Some(message.clone()),
        StageEnd::TimedOut { name, limit } => Some(format!("`{name}` timed out after {}", seconds(*limit))),
        StageEnd::Stopped(_) => Some(end.to_string()),
    }
}

/// Seconds to the millisecond.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handled(ends: &[HandlerEnd]) -> Vec<Handled> {
        ends.iter().map(|end| Handled { name: "h".into(), end: *end }).collect()
    }

    #[test]
    fn a_summary_counts_each_end() {
        assert_eq!(summary(&[]), "");
        assert_eq!(summary(&handled(&[HandlerEnd::Failed, HandlerEnd::Ok, HandlerEnd::Ok])), "2 ok, 1 failed");
        assert_eq!(summary(&handled(&[HandlerEnd::Cancelled, HandlerEnd::Exited])), "1 exited, 1 cancelled");
    }
}
