//! The controlling terminal.

use std::fs::File;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Unix};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

/// The terminal of this process, and its settings at some time.
pub struct Terminal {
    file: File,
    settings: Termios,
}

impl Terminal {
    /// The terminal of this process as it is now, if it has one.
    #[must_use]
    pub fn now() -> Option<Self> {
        let file = File::open("/dev/tty").ok()?;
        let settings = tcgetattr(&file).ok()?;
        Some(Self { file, settings })
    }

    /// Gives it back the settings that it had, if they have changed. Source: tcsetattr(3).
    pub fn restore(&self) {
        if tcgetattr(&self.file).is_ok_and(|now| now == self.settings) {
            return;
        }
        // TTOU would stop this process where another job has the terminal: that job's settings are left alone.
        let mut output = SigSet::empty();
        output.add(Unix::SIGTTOU);
        if let Ok(before) = output.thread_swap_mask(SigmaskHow::SIG_BLOCK) {
            if is_ours(&self.file) {
                let _ = tcsetattr(&self.file, SetArg::TCSANOW, &self.settings);
            }
            let _ = before.thread_set_mask();
        }
    }
}

/// Whether this process has a terminal.
#[must_use]
pub fn is_there() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether this process is in the foreground of the terminal: a Ctrl-C there reaches it and what it starts in
/// its own process group.
fn is_ours(terminal: &File) -> bool {
    nix::unistd::tcgetpgrp(terminal).is_ok_and(|group| group == nix::unistd::getpgrp())
}
