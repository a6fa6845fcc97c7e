//! The commands of the REPL: what begins with a colon, and is none of the language.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::help;
use crate::builtins::callback::Entry;
use crate::builtins::command::{self, Command as Program};
use crate::builtins::{Host, names};
use crate::engine::failure::{Context, Failure};
use crate::engine::session::{Evaluated, Session, Variable};
use crate::engine::show::{self, Limits};
use crate::engine::source::SourceText;
use crate::engine::tokens::Tokens;
use crate::host::files;

/// A command, and what it takes.
pub struct Command {
    /// What is typed, with its colon.
    pub name: &'static str,
    /// What follows it.
    pub takes: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn command(name: &'static str, takes: &'static str, about: &'static str) -> Command {
    Command { name, takes, about }
}

/// All of them.
pub const ALL: &[Command] = &[
    command(":help", "[NAME]", "these commands and all names; or what is said of one"),
    command(":vars", "", "the variables and constants"),
    command(":functions", "", "the functions that were defined"),
    command(":handlers", "", "what is cleaned up at the end, newest first"),
    command(":type", "EXPR", "evaluates it, and shows the type of what it gives"),
    command(":time", "EXPR", "evaluates it, and shows how long that took"),
    command(":load", "FILE", "evaluates a file here"),
    command(":save", "FILE", "writes what was evaluated well as a script"),
    command(":edit", "", "the last text, in $VISUAL or $EDITOR; evaluates it then"),
    command(":reset", "", "cleans up, and forgets everything"),
    command(":quit", "", "cleans up and leaves, as Ctrl-D does"),
];

/// What a command has led to.
pub enum Done {
    /// Nothing more is to be done.
    Here,
    /// A text was evaluated.
    Evaluated(String, Evaluated),
    /// A text was edited, and evaluated.
    Edited(String, Evaluated),
    /// The person leaves.
    Quit,
}

/// What a command works with.
pub struct Desk<'a, 'i> {
    /// The session.
    pub session: &'a mut Session<'i>,
    /// How much is shown.
    pub limits: Limits,
    /// What was evaluated well.
    pub inputs: &'a mut Vec<String>,
    /// The last text that was evaluated, well or not.
    pub last: &'a str,
    /// What was saved, and may be written again.
    pub saved: &'a mut Vec<PathBuf>,
}

type Answer = Result<Done, Failure>;

impl<'i> Desk<'_, 'i> {
    /// Does what a command says, which begins with a colon.
    ///
    /// # Errors
    ///
    /// There is no such command, it takes something else, or it has failed.
    pub fn run(&mut self, line: &str) -> Answer {
        let line = line.trim();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let known = match name {
            ":q" => ":quit",
            ":h" | ":?" => ":help",
            other => other,
        };
        let Some(command) = ALL.iter().find(|command| command.name == known) else {
            let known = ALL.iter().map(|command| command.name);
            return Err(with_hint(format!("there is no command `{name}`"), name, known, "`:help` lists them"));
        };
        match (command.takes, rest) {
            ("", "") | ("[NAME]", _) => {}
            ("", _) => return Err(Failure::new(format!("`{known}` takes nothing"))),
            (takes, "") => return Err(Failure::new(format!("`{known}` takes {takes}"))),
            _ => {}
        }
        match known {
            ":help" => self.help(rest),
            ":vars" => self.variables(),
            ":functions" => self.functions(),
            ":handlers" => self.handlers(),
            ":type" => self.type_of(rest),
            ":time" => self.time(rest),
            ":load" => self.load(rest),
            ":save" => self.save(rest),
            ":edit" => self.edit(),
            ":reset" => {
                self.session.reset();
                self.inputs.clear();
                Ok(Done::Here)
            }
            _ => Ok(Done::Quit),
        }
    }

    fn host(&self) -> &'i Host {
        self.session.interpreter().host()
    }

    fn say(&self, line: &str) {
        // What cannot be written is told at the end.
        let _ = self.host().print(line);
    }

    fn help(&self, name: &str) -> Answer {
        let width = self.limits.width;
        if name.is_empty() {
            for command in ALL {
                self.say(&format!("  {:<15} {}", format!("{} {}", command.name, command.takes), command.about));
            }
            self.say("");
            self.say(&help::overview(width));
            return Ok(Done::Here);
        }
        let plain = name.trim_end_matches(['(', ')', ';']);
        let of_command =
            || ALL.iter().find(|command| command.name.trim_start_matches(':') == plain.trim_start_matches(':'));
        if let Some(text) = help::of(plain, width) {
            self.say(&text);
        } else if let Some(command) = of_command() {
            self.say(&format!("{} {}: {}", command.name, command.takes, command.about));
        } else {
            return Err(with_hint(format!("there is no help for `{name}`"), plain, help::names(), "`:help` lists all"));
        }
        Ok(Done::Here)
    }

    fn variables(&self) -> Answer {
        self.session.variables().iter().for_each(|variable| self.variable(variable));
        if let Some((name, variables)) = self.session.failed() {
            self.say(&format!("and in {name}, which has failed, when it last read one:"));
            variables.iter().for_each(|variable| self.variable(variable));
        }
        Ok(Done::Here)
    }

    fn variable(&self, variable: &Variable) {
        let type_name = show::type_name(self.session.interpreter().engine(), &variable.value);
        let keyword = if variable.is_constant { "const" } else { "let" };
        let head = format!("{keyword} {}: {type_name} = ", variable.name);
        let width = self.limits.width.saturating_sub((self.limits.measure)(&head));
        let limits = Limits { lines: 1, width, ..self.limits };
        self.say(&format!("{head}{}", self.session.show(&variable.value, &limits)));
    }

    fn functions(&self) -> Answer {
        for function in self.session.functions() {
            self.say(&format!("fn {}({})", function.name, function.params.join(", ")));
        }
        Ok(Done::Here)
    }

    fn handlers(&self) -> Answer {
        let sources = self.session.interpreter().sources();
        let lines: Vec<String> = self.host().stack(|stack| {
            let place = |entry: &Entry| match (entry.source(), entry.position.line(), entry.position.position()) {
                (Some(source), Some(line), Some(column)) => format!("{}:{line}:{column}", sources.display(source)),
                _ => String::new(),
            };
            stack.iter().map(|entry| format!("{}  {}", entry.title(), place(entry))).collect()
        });
        lines.iter().for_each(|line| self.say(line));
        Ok(Done::Here)
    }

    fn type_of(&mut self, text: &str) -> Answer {
        match self.session.line(text) {
            Evaluated::Value(value) => {
                self.say(show::type_name(self.session.interpreter().engine(), &value));
                Ok(Done::Here)
            }
            other => Ok(Done::Evaluated(text.into(), other)),
        }
    }

    fn time(&mut self, text: &str) -> Answer {
        let start = Instant::now();
        let evaluated = self.session.line(text);
        self.say(&format!("took {}", spelled(start.elapsed())));
        Ok(Done::Evaluated(text.into(), evaluated))
    }

    fn load(&mut self, name: &str) -> Answer {
        let source = SourceText::read(&self.path(name)).map_err(|error| Failure::new(error.to_string()))?;
        let text = source.text.to_string();
        match self.session.text(source) {
            // As of a script, nobody is shown what the last expression gives.
            Evaluated::Value(_) => {
                self.inputs.push(text);
                Ok(Done::Here)
            }
            other => Ok(Done::Evaluated(text, other)),
        }
    }

    fn save(&mut self, name: &str) -> Answer {
        let path = self.path(name);
        if path.exists() && !self.saved.contains(&path) {
            return Err(Failure::new(format!("`{}` exists; it is not overwritten", path.display())));
        }
        let script: String = self.inputs.iter().map(|text| ended(text)).collect();
        std::fs::write(&path, script).map_err(|error| {
            Failure::new(format!("cannot write `{}`: {}", path.display(), crate::host::reason(&error)))
        })?;
        self.saved.push(path);
        Ok(Done::Here)
    }

    fn edit(&mut self) -> Answer {
        let host = self.host();
        let of_environment = |name: &str| host.environment.get(name.as_ref()).filter(|value| !value.is_empty());
        let editor = of_environment("VISUAL").or_else(|| of_environment("EDITOR")).unwrap_or_else(|| "vi".into());
        let place = host.environment.temporary_place();
        let cannot = |error: std::io::Error| {
            Failure::new(format!("cannot write a file in `{}`: {}", place.display(), crate::host::reason(&error)))
        };
        let scratch = Scratch(files::temporary_directory(&host.directory().join(&place)).map_err(cannot)?);
        let file = scratch.0.join("line.rhai");
        std::fs::write(&file, format!("{}\n", self.last)).map_err(cannot)?;
        // As git(1) has it: the editor may be several words.
        let mut script = OsString::from("exec ");
        script.push(editor);
        script.push(" \"$@\"");
        let words = ["/bin/sh".into(), "-c".into(), script, "stagesh".into(), file.clone().into_os_string()];
        if let Err(error) = command::run(host, &Program::new(words.into())) {
            let context = Context { sources: self.session.interpreter().sources(), script: "" };
            return Err(Failure::from_error(&error, &context));
        }
        let text = std::fs::read_to_string(&file).map_err(cannot)?;
        let text = text.trim_end().to_string();
        if text.is_empty() || text == self.last {
            return Ok(Done::Here);
        }
        self.say(&text);
        let evaluated = self.session.line(&text);
        Ok(Done::Edited(text, evaluated))
    }

    fn path(&self, name: &str) -> PathBuf {
        let home = || self.host().home().ok().flatten();
        let path = name.strip_prefix("~/").and_then(|rest| Some(home()?.join(rest)));
        let path = path.unwrap_or_else(|| name.into());
        self.host().directory().join(path)
    }
}

/// A directory that is gone with this.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is as temporary as its place.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn with_hint<'a>(message: String, name: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> Failure {
    let hint = match names::nearest(name, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => otherwise.into(),
    };
    Failure { hint: Some(hint), ..Failure::new(message) }
}

/// A text as one of several of a script: its last statement ends.
fn ended(text: &str) -> String {
    let Some(last) = Tokens::new(text).filter(|lexeme| !lexeme.is_comment()).last() else {
        return format!("{text}\n");
    };
    let (head, tail) = text.split_at(last.span.end);
    let semicolon = if head.ends_with(';') { "" } else { ";" };
    format!("{head}{semicolon}{tail}\n")
}

/// A time as a person reads it.
fn spelled(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_a_script() {
        assert_eq!(ended("let x = 1"), "let x = 1;\n");
        assert_eq!(ended("f(); // why"), "f(); // why\n");
        assert_eq!(ended("let m = #{} // why; not"), "let m = #{}; // why; not\n");
        assert_eq!(ended("// nothing"), "// nothing\n");
    }

    #[test]
    fn a_time_has_a_unit_that_fits() {
        assert_eq!(spelled(Duration::from_nanos(1500)), "1.5 µs");
        assert_eq!(spelled(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(spelled(Duration::from_millis(2500)), "2.50 s");
    }
}
