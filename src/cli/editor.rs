//! The line editor of the REPL: rustyline, on a thread of its own. The interpreter's thread waits for it in the one place
//! where it waits for everything, so that no signal, and no process in the background, has to wait for a key.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustyline::completion::{Completer, Pair};
use rustyline::config::{Behavior, Configurer};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Event, EventContext, EventHandler, Helper, KeyEvent,
    RepeatCount,
};

use super::highlight::highlight;
use super::history::{self, History};
use crate::engine::complete::{Candidate, Completions};
use crate::engine::tokens;
use crate::host::State;
use crate::sys::descriptor;
use crate::sys::interrupts::{Waker, leave_to_others, take_here, with_all_blocked};
use crate::sys::signal::Signal;
use crate::sys::terminal::Terminal;

/// How long the editor may take to give up: it may be writing to a terminal that is stopped.
const LAST_KEY: Duration = Duration::from_millis(200);

/// Has the terminal mark no more what is pasted. Source: `?2004` of xterm's control sequences.
const PASTES_AS_TYPED: &[u8] = b"\x1b[?2004l";

/// What a person has typed.
#[derive(Debug)]
pub enum Typed {
    /// A whole text.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-Z, and what was typed before and after the cursor.
    Suspended(String, String),
    /// Ctrl-D.
    End,
    /// The terminal cannot be read; why.
    Lost(String),
}

enum Order {
    Read { prompt: String, left: String, right: String },
    Remember(String),
}

enum News {
    Complete {
        line: String,
        at: usize,
        reply: Sender<Completions>,
    },
    /// Something is wrong that a person should know.
    Problem(String),
    Typed(Typed),
}

/// The thread with the line editor.
pub struct Editor {
    orders: Sender<Order>,
    news: Receiver<News>,
    /// As it was when nobody edited.
    terminal: Option<Terminal>,
}

impl Editor {
    /// Starts the thread; it reads nothing yet.
    ///
    /// # Errors
    ///
    /// No thread was to be had.
    pub fn start(waker: Waker, is_colored: bool) -> io::Result<Self> {
        let terminal = Terminal::now();
        let (orders, for_thread) = channel();
        let (to_host, news) = channel();
        let link = Link { news: to_host, waker };
        let thread = std::thread::Builder::new().name("editor".into());
        leave_to_others(Signal::WINCH);
        with_all_blocked(|| {
            thread.spawn(move || {
                let waker = link.waker.clone();
                // Its host is told of a panic by the end of the news.
                let _ = catch_unwind(AssertUnwindSafe(move || edit(&for_thread, &link, is_colored)));
                waker.wake();
            })
        })?;
        Ok(Self { orders, news, terminal })
    }

    /// Keeps a text that was not typed here for those who go back.
    pub fn remember(&self, text: &str) {
        // A thread that is gone is told of by the next read.
        let _ = self.orders.send(Order::Remember(text.into()));
    }

    /// Reads a text that begins as what is left and right of the cursor, and asks `complete` what could follow at a place
    /// of it.
    ///
    /// # Returns
    ///
    /// `None` if what runs must stop.
    pub fn read<H>(
        &self,
        host: &State<H>,
        prompt: &str,
        (left, right): (&str, &str),
        complete: &dyn Fn(&str, usize) -> Completions,
    ) -> Option<Typed> {
        let _editing = match host.edit() {
            Ok(editing) => editing,
            Err(error) => return Some(Typed::Lost(error.to_string())),
        };
        if self.orders.send(Order::Read { prompt: prompt.into(), left: left.into(), right: right.into() }).is_err() {
            return Some(Typed::Lost("its thread is gone".into()));
        }
        loop {
            // Asked first: it takes what wakes the wait below, and what was told before that is then seen.
            let must_stop = host.must_stop_editing();
            match self.news.try_recv() {
                // Who has asked may be gone.
                Ok(News::Complete { line, at, reply }) => drop(reply.send(complete(&line, at))),
                Ok(News::Problem(text)) => host.complain(&text),
                Ok(News::Typed(typed)) => return Some(typed),
                Err(TryRecvError::Disconnected) => return Some(Typed::Lost("its thread is gone".into())),
                Err(TryRecvError::Empty) => {
                    if must_stop {
                        self.give_up(host);
                        return None;
                    }
                    if let Err(error) = host.wait_for_thread() {
                        return Some(Typed::Lost(error.to_string()));
                    }
                }
            }
        }
    }

    /// Gives the terminal back as it was, after an editor that has failed.
    pub fn restore_terminal(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.restore();
            // One that takes nothing now is not waited for.
            let _ = terminal.write(PASTES_AS_TYPED);
        }
    }

    /// Has the editor return without a key, and the terminal as it was.
    fn give_up<H>(&self, host: &State<H>) {
        if self.interrupt(host) {
            return;
        }
        // Where it asks a question of its own it takes no notice of an INT. It must not read what a handler asks for: the
        // end of its input ends it. Where it does not, it writes to a terminal that takes nothing.
        let _ = descriptor::without_stdin(|| self.interrupt(host));
        self.restore_terminal();
    }

    /// # Returns
    ///
    /// Whether the editor has returned in time.
    fn interrupt<H>(&self, host: &State<H>) -> bool {
        let until = Instant::now() + LAST_KEY;
        while Instant::now() < until {
            host.interrupt_editor();
            match self.news.recv_timeout(LAST_KEY / 20) {
                Ok(News::Complete { reply, .. }) => drop(reply),
                Ok(News::Typed(_)) => return true,
                Ok(News::Problem(_)) | Err(_) => {}
            }
        }
        false
    }
}

/// The thread's way to the host.
#[derive(Clone)]
struct Link {
    news: Sender<News>,
    waker: Waker,
}

impl Link {
    fn tell(&self, news: News) {
        // A host that is gone needs no news.
        let _ = self.news.send(news);
        self.waker.wake();
    }
}

fn edit(orders: &Receiver<Order>, link: &Link, is_colored: bool) {
    let giving_up = GivingUp::default();
    let mut editor = match editor(link, is_colored, &giving_up) {
        Ok(editor) => editor,
        Err(error) => return link.tell(News::Typed(Typed::Lost(error.to_string()))),
    };
    // Not in the threads that were started before: a read of this one that waits for a key is to end.
    take_here(Signal::WINCH);
    // As long as there is one, the editor waits in select(2), and an INT ends that.
    let printer = editor.create_external_printer();
    while let Ok(order) = orders.recv() {
        match order {
            Order::Remember(text) => {
                let _ = editor.add_history_entry(text);
            }
            Order::Read { prompt, left, right } => {
                let typed = match editor.readline_with_initial(&prompt, (&left, &right)) {
                    Ok(text) => match giving_up.take() {
                        Some(GivenUp::Interrupted) => Typed::Interrupted,
                        Some(GivenUp::Suspended(left, right)) => Typed::Suspended(left, right),
                        None => {
                            // Before it is evaluated: that may be the end of the process.
                            let _ = editor.add_history_entry(&text);
                            editor.history().problem().into_iter().for_each(|text| link.tell(News::Problem(text)));
                            Typed::Text(text)
                        }
                    },
                    Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Typed::Interrupted,
                    Err(ReadlineError::Eof) => Typed::End,
                    Err(error) => Typed::Lost(error.to_string()),
                };
                link.tell(News::Typed(typed));
            }
        }
    }
    drop(printer);
}

fn editor(
    link: &Link,
    is_colored: bool,
    giving_up: &GivingUp,
) -> rustyline::Result<rustyline::Editor<Assistant, History>> {
    let is_terminal = io::IsTerminal::is_terminal(&io::stdout());
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .behavior(if is_terminal { Behavior::Stdio } else { Behavior::PreferTerm })
        .build();
    let history = History::new(history::place(|name| std::env::var_os(name)));
    history.begin_reading();
    let mut editor = rustyline::Editor::with_history(config, history)?;
    editor.set_color_mode(if is_colored { rustyline::ColorMode::Enabled } else { rustyline::ColorMode::Disabled });
    editor.set_helper(Some(Assistant { link: link.clone(), is_colored, is_done: Cell::new(false) }));
    editor.bind_sequence(KeyEvent::ctrl('\\'), EventHandler::Conditional(Box::new(Quit)));
    // The editor's own way to suspend does so in this thread, which no signal stops: it would go on for a moment.
    let keys = [KeyEvent::ctrl('c').into(), KeyEvent::ctrl('z').into(), Event::Any];
    for key in keys {
        editor.bind_sequence(key, EventHandler::Conditional(Box::new(giving_up.clone())));
    }
    Ok(editor)
}

/// Why a line was given up.
enum GivenUp {
    Interrupted,
    /// What was typed before and after the cursor.
    Suspended(String, String),
}

/// The keys that give up the line. They end it as Enter does: the editor forgets keys that came with one that is an error.
#[derive(Clone, Default)]
struct GivingUp(Arc<Mutex<Option<GivenUp>>>);

impl GivingUp {
    fn lock(&self) -> MutexGuard<'_, Option<GivenUp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<GivenUp> {
        self.lock().take()
    }
}

impl ConditionalEventHandler for GivingUp {
    fn handle(&self, event: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let is = |key: char| event.get(0) == Some(&KeyEvent::normalize(KeyEvent::ctrl(key)));
        let given_up = if is('c') {
            Some(GivenUp::Interrupted)
        } else if is('z') {
            let (left, right) = context.line().split_at(context.pos());
            Some(GivenUp::Suspended(left.into(), right.into()))
        } else {
            // Where the editor asks something, it has taken no notice of those before.
            None
        };
        let command = given_up.is_some().then_some(Cmd::AcceptLine);
        *self.lock() = given_up;
        command
    }
}

/// The key that sends QUIT sends QUIT: the editor reads all keys itself.
struct Quit;

impl ConditionalEventHandler for Quit {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        // It fails for a process that is not there only.
        let _ = crate::sys::process::send(crate::sys::process::own_pid(), Some(Signal::QUIT));
        Some(Cmd::Noop)
    }
}

/// What the editor asks while a text is typed.
struct Assistant {
    link: Link,
    is_colored: bool,
    /// Whether the line is shown for the last time.
    is_done: Cell<bool>,
}

impl Helper for Assistant {}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let is_whole = is_whole(context.input());
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Whether a text ends where it may: no bracket, string or comment is open. A command of the REPL is a line.
#[must_use]
pub fn is_whole(text: &str) -> bool {
    if text.trim_start().starts_with(':') {
        return true;
    }
    let mut tokens = tokens::Tokens::new(text);
    tokens.by_ref().for_each(drop);
    tokens.open().is_none()
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (reply, answer) = channel();
        self.link.tell(News::Complete { line: line.into(), at, reply });
        // A host that does not answer has something else to do.
        let found = answer.recv().unwrap_or_default();
        let pair = |candidate: Candidate| Pair { display: candidate.shown, replacement: candidate.inserted };
        Ok((found.start, found.candidates.into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        if line.is_empty() || at < line.len() {
            return None;
        }
        let entry = history::hint(context.history(), line)?;
        // What would be over several lines is only begun.
        entry[line.len()..].lines().next().filter(|rest| !rest.is_empty()).map(str::to_string)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        let cursor = Some(at).filter(|_| !self.is_done.get());
        if self.is_colored { highlight(line, cursor).into() } else { line.into() }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.is_colored { format!("\x1b[2m{hint}\x1b[0m").into() } else { hint.into() }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        // A line that is done shows no cursor.
        self.is_done.set(kind == CmdKind::ForcedRefresh);
        self.is_colored
    }
}
