//! What runs: a stack of frames, the script at the bottom and handlers above it, and the run's way to its end.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::State;
use super::exit_stack::{EntryId, ExitStack};
use super::outcome::{self, Blemish, Outcome};
use super::stages::{Label, Open};
use super::stop::{Phase, Stop};
use crate::sys::descriptor::Reserve;
use crate::sys::status::Status;

/// A handler that runs for longer than this is named.
const LONG: Duration = Duration::from_secs(10);

/// What has a name for reports.
pub trait Named: std::fmt::Debug {
    /// The name.
    fn name(&self) -> String;
}

impl Named for String {
    fn name(&self) -> String {
        self.clone()
    }
}

/// What runs a handler needs to be told of it.
#[derive(Debug)]
pub struct HandlerInfo {
    /// What has the name that it has within its stage: of most of a million handlers nothing is reported.
    pub named: Rc<dyn Named>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// The stage in which it was registered.
    pub stage: Option<Rc<Label>>,
    /// Why the run, or the scope that it belongs to, ends.
    pub outcome: Option<Rc<Outcome>>,
}

impl HandlerInfo {
    /// What reports call it: its stage and its name.
    #[must_use]
    pub fn title(&self) -> String {
        title(self.stage.as_deref(), self.named.name())
    }
}

/// What reports call a handler.
#[must_use]
pub fn title(stage: Option<&Label>, name: String) -> String {
    match stage {
        Some(stage) => format!("{}: {name}", stage.name()),
        None => name,
    }
}

/// A handler that runs.
#[derive(Debug)]
pub(super) struct HandlerFrame {
    pub(super) info: HandlerInfo,
    pub(super) deadline: Option<Instant>,
    /// When the clock was first looked at in it: most are done before.
    begun: Option<Instant>,
    /// Whether the line about its long run was said.
    is_mentioned: bool,
}

impl HandlerFrame {
    /// When the line about its long run is due, if it was not said.
    pub(super) fn mention(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        let due = *self.begun.get_or_insert_with(now) + LONG;
        (!self.is_mentioned).then_some(due)
    }

    /// Says once that it has been running for long, if it has.
    pub(super) fn mention_at(&mut self, now: Instant) -> Option<String> {
        if self.mention(|| now).is_none_or(|due| now < due) {
            return None;
        }
        self.is_mentioned = true;
        let seconds = now.duration_since(self.begun?).as_secs();
        Some(format!("exit handler `{}` has been running for {seconds} s", self.info.title()))
    }
}

/// What runs: the script, or a handler.
#[derive(Debug)]
pub(super) struct Frame {
    /// `None` for the script.
    pub(super) handler: Option<HandlerFrame>,
    /// What has stopped it, once and for all.
    pub(super) latch: Option<Stop>,
    /// The stages that run in it, the innermost last.
    pub(super) stages: Vec<Open>,
}

impl Frame {
    pub(super) fn new(handler: Option<HandlerFrame>) -> Self {
        Self { handler, latch: None, stages: Vec::new() }
    }

    /// Whether what runs in it may not go on for ever.
    pub(super) fn has_limit(&self) -> bool {
        self.stages.iter().any(Open::has_limit)
            || self.handler.as_ref().is_some_and(|handler| handler.deadline.is_some())
    }

    /// What stops what runs in it: the latch, or the limit of a stage.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.latch.or_else(|| self.stages.iter().any(Open::is_over).then_some(Stop::TimedOut))
    }
}

impl<H> State<H> {
    /// Puts a handler on the exit stack.
    pub fn register(&self, handler: H) -> EntryId {
        let id = self.stack.borrow_mut().push(handler);
        self.output.prepare();
        self.keep_reserve();
        self.warn_of_untrapped();
        id
    }

    /// Keeps descriptors for the handlers, while none runs: the script may use up all others.
    pub fn keep_reserve(&self) {
        let mut reserve = self.reserve.borrow_mut();
        let is_wanted = || self.phase.get() == Phase::Running && !self.in_handler() && !self.stack.borrow().is_empty();
        if reserve.is_none() && is_wanted() {
            *reserve = Some(Reserve::open());
        }
    }

    /// Handlers run: what is kept for them is theirs.
    pub fn let_go_of_reserve(&self) {
        self.reserve.take();
    }

    /// Looks at the exit stack. Nothing that is called meanwhile may register.
    pub fn stack<T>(&self, look: impl FnOnce(&mut ExitStack<H>) -> T) -> T {
        look(&mut self.stack.borrow_mut())
    }

    /// Begins a handler: from now on the latch is its own.
    pub fn enter(&self, info: HandlerInfo) {
        let limit = info.timeout.or(self.settings.handler_timeout);
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let handler = HandlerFrame { info, deadline, begun: None, is_mentioned: false };
        self.frames.borrow_mut().push(Frame::new(Some(handler)));
        self.attention.set(true);
    }

    /// Ends the handler that runs.
    ///
    /// # Returns
    ///
    /// What stopped it, if anything did.
    pub fn leave(&self) -> Option<Stop> {
        // A signal that came before the end belongs to it.
        self.look();
        let (frame, below) = {
            let mut frames = self.frames.borrow_mut();
            let frame = frames.pop()?;
            (frame, frames.last().map(|below| (below.latch, below.handler.is_some())))
        };
        let (stop, is_handler) = below.unwrap_or_default();
        self.refresh_attention();
        if let (Some(Stop::Signal(signal)), false) = (stop, is_handler) {
            // It came while the handler ran, and is acted on now.
            self.announce(signal);
        }
        if !is_handler {
            self.die_of_dead_output();
        }
        frame.latch
    }

    /// Whether a handler runs.
    #[must_use]
    pub fn in_handler(&self) -> bool {
        self.frames.borrow().len() > 1
    }

    /// Why the run, or the scope that the running handler belongs to, ends; `None` where no handler runs.
    #[must_use]
    pub fn outcome(&self) -> Option<Rc<Outcome>> {
        self.frames.borrow().last().and_then(|frame| frame.handler.as_ref()?.info.outcome.clone())
    }

    /// Why the run ends, where that is decided: its handlers run, or the script is stopped below the one that does.
    #[must_use]
    pub fn outcome_of_run(&self) -> Option<Outcome> {
        let frames = self.frames.borrow();
        let handler = frames.get(1).and_then(|frame| frame.handler.as_ref());
        match self.phase.get() {
            Phase::Running => frames.first()?.latch.map(Outcome::of_stop),
            Phase::Unwinding | Phase::Done => handler?.info.outcome.as_deref().cloned(),
        }
    }

    /// Notes something that a status of 0 must tell of.
    pub fn blemish(&self, blemish: Blemish) {
        self.blemishes.borrow_mut().push(blemish);
    }

    /// The status of the run if it ends so now.
    #[must_use]
    pub fn status(&self, outcome: &Outcome) -> Status {
        outcome::merge(outcome, &self.blemishes.borrow(), self.settings.reraise)
    }

    /// Where the run is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Takes the script's latch: from here on handlers run, and signals are noted.
    ///
    /// # Returns
    ///
    /// The mark below everything on the stack.
    pub fn begin_unwinding(&self) -> EntryId {
        self.phase.set(Phase::Unwinding);
        if let Some(script) = self.frames.borrow_mut().first_mut() {
            script.latch = None;
        }
        self.refresh_attention();
        EntryId::BOTTOM
    }

    /// Ends the run if nothing is left to do.
    ///
    /// # Returns
    ///
    /// Whether it is done.
    pub fn finish(&self) -> bool {
        if self.stack.borrow().is_empty() {
            self.drain();
        }
        self.look();
        let done = self.stack.borrow().is_empty();
        if done {
            self.phase.set(Phase::Done);
        }
        done
    }
}
