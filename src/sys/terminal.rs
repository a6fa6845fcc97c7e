//! The controlling terminal.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Unix};
use nix::sys::termios::{
    FlushArg, LocalFlags, SetArg, SpecialCharacterIndices as Index, Termios, tcflush, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp, tcsetpgrp};

use super::signal::Signal;
use super::{descriptor, process};

/// The terminal of this process, and its settings at some time. No read or write of it blocks.
pub struct Terminal {
    file: File,
    settings: Termios,
    was_ours: bool,
}

/// What a key means to the terminal that passes it on as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// The end of a line.
    Enter,
    /// The end of the input, at the beginning of a line.
    End,
    /// Takes back a character.
    Erase,
    /// Takes back a word.
    EraseWord,
    /// Takes back the line.
    Kill,
    /// Sends a signal to the foreground group.
    Signal(Signal),
    /// A byte of the line.
    Byte(u8),
}

impl Terminal {
    /// The terminal of this process as it is now, if it has one.
    #[must_use]
    pub fn now() -> Option<Self> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::options().read(true).write(true).custom_flags(flags.bits()).open(PATH).ok()?;
        let settings = tcgetattr(&file).ok()?;
        let was_ours = is_foreground(file.as_fd());
        Some(Self { file, settings, was_ours })
    }

    /// Puts this process in the foreground again, if it was there, and the group that is there is that of a command which has
    /// ended, or has no member: a shell with job control puts itself there, and may die before it gives the terminal back.
    /// Source: tcsetpgrp(3).
    ///
    /// # Arguments
    ///
    /// The pid that the command had.
    pub fn take_back(&self, ended: i32) {
        let Ok(there) = tcgetpgrp(&self.file) else { return };
        if self.was_ours && !self.is_ours() && (there.as_raw() == ended || !process::group_exists(there.as_raw())) {
            without_stops_for_output(|| {
                let _ = tcsetpgrp(&self.file, getpgrp());
            });
        }
    }

    /// Gives it back the settings that it had, if they have changed.
    pub fn restore(&self) {
        if tcgetattr(&self.file).is_ok_and(|now| now != self.settings) {
            self.set(&self.settings);
        }
    }

    /// From now on it shows nothing of what is typed, and passes on every key as it is. What was typed before, and is
    /// on the screen, is dropped.
    pub fn hush(&self) {
        self.set(&self.hushed());
        // Apart from the settings: to set them in order, `TCSAFLUSH`, waits for whoever reads the screen.
        let _ = tcflush(&self.file, FlushArg::TCIFLUSH);
    }

    /// The same where somebody else may have changed it, as a shell does when it suspends and resumes a job. Nothing is
    /// dropped.
    pub fn hush_again(&self) {
        let loud = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        if tcgetattr(&self.file).is_ok_and(|now| now.local_flags.intersects(loud)) {
            self.set(&self.hushed());
        }
    }

    fn hushed(&self) -> Termios {
        let mut hushed = self.settings.clone();
        let loud = LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN;
        hushed.local_flags.remove(loud);
        hushed.control_chars[Index::VMIN as usize] = 1;
        hushed.control_chars[Index::VTIME as usize] = 0;
        hushed
    }

    /// Source: tcsetattr(3).
    fn set(&self, settings: &Termios) {
        without_stops_for_output(|| {
            // Where another job has the terminal, that job's settings are left alone.
            if self.is_ours() {
                let _ = tcsetattr(&self.file, SetArg::TCSANOW, settings);
            }
        });
    }

    /// Whether this process is in the foreground of the terminal: a Ctrl-C there reaches it and what it starts in
    /// its own process group, and it may read.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        is_foreground(self.file.as_fd())
    }

    /// What a byte means that a hushed terminal has passed on. Source: termios(3).
    #[must_use]
    pub fn key(&self, byte: u8) -> Key {
        let is = |index: Index| {
            let key = self.settings.control_chars[index as usize];
            key == byte && key != nix::libc::_POSIX_VDISABLE
        };
        match byte {
            b'\n' | b'\r' => Key::Enter,
            _ if is(Index::VINTR) => Key::Signal(Signal::INT),
            _ if is(Index::VQUIT) => Key::Signal(Signal::QUIT),
            _ if is(Index::VSUSP) => Key::Signal(Signal::TSTP),
            _ if is(Index::VEOF) => Key::End,
            // The backspace of a terminal that sends the other of the two.
            0x08 | 0x7f => Key::Erase,
            _ if is(Index::VERASE) => Key::Erase,
            _ if is(Index::VWERASE) => Key::EraseWord,
            _ if is(Index::VKILL) => Key::Kill,
            byte => Key::Byte(byte),
        }
    }

    /// As read(2).
    ///
    /// # Returns
    ///
    /// The number of bytes read, 0 at the end.
    ///
    /// # Errors
    ///
    /// As read(2): where it would block, [`io::ErrorKind::WouldBlock`].
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        descriptor::read(&self.file, buffer)
    }

    /// As write(2).
    ///
    /// # Returns
    ///
    /// The number of bytes written.
    ///
    /// # Errors
    ///
    /// As write(2): where it would block, [`io::ErrorKind::WouldBlock`].
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(&self.file, bytes)?)
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Blocks TTOU, which stops whoever changes a terminal that another job has.
fn without_stops_for_output(act: impl FnOnce()) {
    let mut output = SigSet::empty();
    output.add(Unix::SIGTTOU);
    if let Ok(before) = output.thread_swap_mask(SigmaskHow::SIG_BLOCK) {
        act();
        let _ = before.thread_set_mask();
    }
}

const PATH: &str = "/dev/tty";

/// Whether this process has a terminal, or may have one: without a descriptor left that cannot be known.
#[must_use]
pub fn is_there() -> bool {
    let has_none_left = |error: io::Error| {
        matches!(Errno::from_raw(error.raw_os_error().unwrap_or_default()), Errno::EMFILE | Errno::ENFILE)
    };
    File::open(PATH).map_or_else(has_none_left, |_| true)
}

/// Whether this process is in the foreground of the terminal, which is its own: a Ctrl-C there reaches it and what
/// it starts in its own process group. Source: tcgetpgrp(3).
#[must_use]
pub fn is_foreground(terminal: BorrowedFd<'_>) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}

/// Whether it is a terminal that stops whoever writes to it from the background. Source: `TOSTOP`, termios(3).
#[must_use]
pub fn stops_writers(fd: BorrowedFd<'_>) -> bool {
    tcgetattr(fd).is_ok_and(|settings| settings.local_flags.contains(LocalFlags::TOSTOP))
}

/// How many columns the terminal has, if it says so. Source: `TIOCGWINSZ`, ioctl_tty(2).
#[must_use]
pub fn width(terminal: BorrowedFd<'_>) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
