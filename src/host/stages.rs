//! Stages: which run and until when, what is said of them, and what has become of each and of what was registered
//! in it.

use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::State;
use super::frames::Frame;
use super::settings::Groups;
use super::stop::Stop;

/// A stage, as what was registered in it knows it.
#[derive(Debug)]
pub struct Label {
    /// Its place among all stages, in the order in which they began.
    index: usize,
    name: String,
}

impl Label {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A stage that runs.
#[derive(Debug)]
pub(super) struct Open {
    label: Rc<Label>,
    limit: Option<Limit>,
}

/// How long a stage may run.
#[derive(Debug)]
struct Limit {
    time: Duration,
    deadline: Instant,
    /// The latch: once it is late, nothing in the stage goes on.
    is_over: bool,
}

impl Open {
    /// When it is late, if it is not.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.limit.as_ref().filter(|limit| !limit.is_over).map(|limit| limit.deadline)
    }

    pub(super) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.is_over)
    }

    /// Latches its end if its time is up.
    pub(super) fn look_at_clock(&mut self, now: Instant) {
        if let Some(limit) = &mut self.limit {
            limit.is_over |= now >= limit.deadline;
        }
    }
}

/// How a stage ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StageEnd {
    /// Its function came to its end.
    Ok,
    /// It raised an error, with this message.
    Failed(String),
    /// The time of this stage was up, which is it or one around it.
    TimedOut {
        /// Which.
        name: String,
        /// Its limit.
        limit: Duration,
    },
    /// The script, or the handler that it was in, was stopped.
    Stopped(Stop),
}

impl fmt::Display for StageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(_) => f.write_str("failed"),
            Self::TimedOut { .. } | Self::Stopped(Stop::TimedOut) => f.write_str("timed out"),
            Self::Stopped(Stop::Exit(code)) => write!(f, "exited with {code}"),
            Self::Stopped(Stop::Signal(signal)) => write!(f, "stopped by {signal}"),
            Self::Stopped(Stop::Interrupted) => f.write_str("interrupted"),
        }
    }
}

/// How a handler ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandlerEnd {
    /// It came to its end, or called `exit(0)`.
    Ok,
    /// It raised an error.
    Failed,
    /// Its time was up.
    TimedOut,
    /// The user was impatient with it.
    Interrupted,
    /// It called `exit` with another code.
    Exited,
    /// The script took it back.
    Cancelled,
}

impl HandlerEnd {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Failed, Self::TimedOut, Self::Interrupted, Self::Exited, Self::Cancelled];
}

impl fmt::Display for HandlerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted",
            Self::Exited => "exited",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A handler that has ended.
#[derive(Debug)]
pub struct Handled {
    /// What reports call it, without its stage.
    pub name: String,
    /// How.
    pub end: HandlerEnd,
}

/// What has become of a stage.
#[derive(Debug)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How many stages it is within.
    pub depth: usize,
    began: Instant,
    /// How it ended and how long it took, if it has ended.
    pub end: Option<(StageEnd, Duration)>,
    /// What was registered in it and has ended.
    pub handlers: Vec<Handled>,
}

/// All stages of a run.
#[derive(Debug)]
pub struct Stages {
    /// When the run began.
    pub began: SystemTime,
    began_at: Instant,
    /// In the order in which they began: those within one follow it.
    list: Vec<Stage>,
    /// Handlers that belong to no stage, if anybody wants to know.
    pub outside: Vec<Handled>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { began: SystemTime::now(), began_at: Instant::now(), list: Vec::new(), outside: Vec::new() }
    }
}

impl Stages {
    /// The stages in the order in which they began: those within one follow it.
    #[must_use]
    pub fn list(&self) -> &[Stage] {
        &self.list
    }

    /// How long the run has taken.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.began_at.elapsed()
    }

    fn begin(&mut self, name: &str, depth: usize) -> Rc<Label> {
        self.list.push(Stage { name: name.into(), depth, began: Instant::now(), end: None, handlers: Vec::new() });
        Rc::new(Label { index: self.list.len() - 1, name: name.into() })
    }
}

impl<H> State<H> {
    /// Begins a stage.
    ///
    /// # Arguments
    ///
    /// The name, a line; how long it may run.
    pub fn begin_stage(&self, name: &str, timeout: Option<Duration>) {
        let depth = self.frames.borrow().iter().map(|frame| frame.stages.len()).sum();
        let label = self.stages.borrow_mut().begin(name, depth);
        self.say_beginning(&label, depth);
        self.output.show_stage(&self.masked(name));
        // A time that the clock cannot hold is for ever.
        let limit = timeout.and_then(|time| {
            let deadline = Instant::now().checked_add(time)?;
            Some(Limit { time, deadline, is_over: false })
        });
        if let Some(frame) = self.frames.borrow_mut().last_mut() {
            frame.stages.push(Open { label, limit });
        }
        self.refresh_attention();
    }

    /// Ends the innermost stage; `error` is the message of what its function raised.
    ///
    /// # Returns
    ///
    /// How it ended: what stopped it counts for more than what was raised, which may be only the vehicle.
    pub fn end_stage(&self, error: Option<String>) -> StageEnd {
        let (open, end) = {
            let mut frames = self.frames.borrow_mut();
            let frame = frames.last_mut().expect("the script has a frame");
            let late = frame.stages.iter().find(|stage| stage.is_over());
            let late = late.and_then(|late| Some((late.label.name.clone(), late.limit.as_ref()?.time)));
            let end = match (frame.latch, late, error) {
                (Some(stop), ..) => StageEnd::Stopped(stop),
                (None, Some((name, limit)), _) => StageEnd::TimedOut { name, limit },
                (None, None, Some(message)) => StageEnd::Failed(message),
                (None, None, None) => StageEnd::Ok,
            };
            (frame.stages.pop(), end)
        };
        self.refresh_attention();
        if let Some(open) = open {
            self.close_stage(&open.label, end.clone());
        }
        end
    }

    /// Whether what runs is stopped by the limit of a stage, and by nothing else.
    #[must_use]
    pub fn is_stage_over(&self) -> bool {
        let is_over = |frame: &Frame| frame.latch.is_none() && frame.stop().is_some();
        self.frames.borrow().last().is_some_and(is_over)
    }

    /// Ends every stage that runs: the process ends with that code, without handlers.
    pub fn abandon_stages(&self, code: u8) {
        let open: Vec<Open> = self.frames.borrow_mut().iter_mut().flat_map(|frame| frame.stages.drain(..)).collect();
        for stage in open.iter().rev() {
            self.close_stage(&stage.label, StageEnd::Stopped(Stop::Exit(code)));
        }
    }

    fn close_stage(&self, label: &Label, end: StageEnd) {
        self.output.hide_stage();
        let (took, depth) = {
            let stage = &mut self.stages.borrow_mut().list[label.index];
            let took = stage.began.elapsed();
            stage.end = Some((end.clone(), took));
            (took, stage.depth)
        };
        self.say_end(label, depth, &end, took);
    }

    /// The stage that what is registered now belongs to: the innermost that runs, and in a handler that of the handler.
    #[must_use]
    pub fn stage(&self) -> Option<Rc<Label>> {
        let frames = self.frames.borrow();
        let top = frames.last()?;
        let running = top.stages.last().map(|stage| &stage.label);
        running.or_else(|| top.handler.as_ref()?.info.stage.as_ref()).map(Rc::clone)
    }

    /// Notes how a handler has ended.
    pub fn note_handler(&self, stage: Option<&Label>, name: impl FnOnce() -> String, end: HandlerEnd) {
        let mut stages = self.stages.borrow_mut();
        match stage {
            Some(label) => stages.list[label.index].handlers.push(Handled { name: name(), end }),
            // There may be a million of them.
            None if self.settings.report.is_some() => stages.outside.push(Handled { name: name(), end }),
            None => {}
        }
    }

    /// Looks at the stages.
    pub fn stages<T>(&self, look: impl FnOnce(&Stages) -> T) -> T {
        look(&self.stages.borrow())
    }
}

/// What is said of a stage.
impl<H> State<H> {
    fn say_beginning(&self, label: &Label, depth: usize) {
        let name = label.name();
        let mark = match self.group(depth) {
            Groups::None => return self.say(&format!("stage `{name}` begins")),
            // Source: "Workflow commands", docs.github.com; its toolkit writes `%` so. What is hidden must be found before.
            Groups::GitHub => format!("::group::{}\n", self.masked(name).replace('%', "%25")),
            // Source: "Logging commands", learn.microsoft.com.
            Groups::Azure => format!("##[group]{name}\n"),
            Groups::GitLab => format!("{}{name}\n", gitlab("start", label)),
        };
        self.show(&mark);
        // The marks are for the service alone.
        self.log_report(&format!("stagesh: stage `{name}` begins"));
    }

    fn say_end(&self, label: &Label, depth: usize, end: &StageEnd, time: Duration) {
        match self.group(depth) {
            Groups::None => {}
            Groups::GitHub => self.show("::endgroup::\n"),
            Groups::Azure => self.show("##[endgroup]\n"),
            Groups::GitLab => self.show(&format!("{}\n", gitlab("end", label))),
        }
        // After the group, or it would be folded with it.
        let after = if *end == StageEnd::Ok { "in" } else { "after" };
        self.say(&format!("stage `{}`: {end} {after} {}", label.name(), took(time)));
    }

    /// What folds a stage that is within so many others: of these services only GitLab knows groups in groups.
    fn group(&self, depth: usize) -> Groups {
        match self.settings.groups {
            _ if self.settings.quiet => Groups::None,
            Groups::GitHub | Groups::Azure if depth > 0 => Groups::None,
            groups => groups,
        }
    }
}

/// The mark of a section of a log. Source: "Custom collapsible sections", docs.gitlab.com.
fn gitlab(what: &str, label: &Label) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("\x1b[0Ksection_{what}:{now}:stage_{}\r\x1b[0K", label.index + 1)
}

/// A time as the lines about stages have it: tenths of a second below a minute.
#[must_use]
pub fn took(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths < 600 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    whole(Duration::from_secs(time.as_secs() + u64::from(time.subsec_millis() >= 500)))
}

/// A time in whole seconds, as far as they matter.
#[must_use]
pub(super) fn whole(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_far_as_it_matters() {
        let told = |millis: u64| took(Duration::from_millis(millis));
        assert_eq!(told(0), "0.0 s");
        assert_eq!(told(1_250), "1.3 s");
        assert_eq!(told(59_940), "59.9 s");
        assert_eq!(told(59_960), "1 min 0 s");
        assert_eq!(told(125_000), "2 min 5 s");
        assert_eq!(told(3_600_000 + 150_000), "1 h 2 min");
    }
}
