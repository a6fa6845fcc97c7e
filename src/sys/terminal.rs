//! The controlling terminal.

use std::fs::File;

use nix::unistd::{getpgrp, tcgetpgrp};

/// Whether this process is in the foreground of its terminal: a Ctrl-C there reaches it and what it
/// starts in its own process group, and both may read the terminal.
#[must_use]
pub fn in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|tty| tcgetpgrp(&tty).is_ok_and(|group| group == getpgrp()))
}
