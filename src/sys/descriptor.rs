//! Reading from descriptors, and waiting for them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat};

/// What a descriptor is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// A read would not block.
    Readable,
    /// A write would not block.
    Writable,
}

impl Interest {
    pub(super) fn flags(self) -> PollFlags {
        match self {
            Self::Readable => PollFlags::POLLIN,
            Self::Writable => PollFlags::POLLOUT,
        }
    }
}

/// The number of the null device on Linux. Source: null(4).
const NULL: nix::libc::dev_t = nix::libc::makedev(1, 3);

/// One of the two streams that a program writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Which {
    /// Its name: "stdout", "stderr".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// That of this process. Source: stdin(3).
    #[must_use]
    pub fn own(self) -> BorrowedFd<'static> {
        match self {
            Self::Stdout => rustix::stdio::stdout(),
            Self::Stderr => rustix::stdio::stderr(),
        }
    }

    /// Whether that of this process is a terminal. What is none never becomes one, and is asked once: nothing else is ever put
    /// in its place. One that hangs up is none any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        static ARE_NONE: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];
        let is_none = &ARE_NONE[self as usize];
        let is_terminal = !is_none.load(Ordering::Relaxed) && self.own().is_terminal();
        is_none.store(!is_terminal, Ordering::Relaxed);
        is_terminal
    }
}

/// How a stream is written to so that it does not block.
#[derive(Debug)]
pub enum Way {
    /// As it is: a regular file, or the null device.
    Plain,
    /// Through a description of one's own of a pipe or a terminal, whose writes never block, whatever other processes do
    /// with theirs.
    Apart(OwnedFd),
    /// By little, and when poll(2) says so: a terminal that is another user's, what has no reader, a socket, any other device;
    /// elsewhere than on Linux pipes and terminals, too.
    Polled,
}

impl Way {
    /// That of a stream.
    ///
    /// A write to a terminal that polls as writable blocks if it is longer than the room. That `O_NONBLOCK` be set on the
    /// description that was inherited, other processes would not expect. Source: proc(5), `/proc/pid/fd`.
    #[must_use]
    pub fn of(which: Which) -> Self {
        let Ok(stat) = fstat(which.own()) else { return Self::Polled };
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        let is_null = cfg!(target_os = "linux") && kind == SFlag::S_IFCHR && stat.st_rdev == NULL;
        if kind == SFlag::S_IFREG || is_null {
            return Self::Plain;
        }
        let can_be_apart = kind == SFlag::S_IFIFO || (kind == SFlag::S_IFCHR && which.is_terminal());
        if !cfg!(target_os = "linux") || !can_be_apart {
            return Self::Polled;
        }
        let path = format!("/proc/self/fd/{}", which.own().as_raw_fd());
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        nix::fcntl::open(path.as_str(), flags, Mode::empty()).map_or(Self::Polled, Self::Apart)
    }
}

/// A directory that is held open: it can be entered whatever becomes of its name.
pub struct Directory(OwnedFd);

impl Directory {
    /// The working directory.
    ///
    /// # Errors
    ///
    /// As open(2).
    pub fn current() -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(Self(nix::fcntl::open(".", flags, Mode::empty())?))
    }

    /// Makes it the working directory.
    ///
    /// # Errors
    ///
    /// As fchdir(2).
    pub fn enter(&self) -> io::Result<()> {
        Ok(nix::unistd::fchdir(&self.0)?)
    }
}

/// Descriptors that are kept so that as many can be had later, when nothing else is left.
#[derive(Debug)]
pub struct Reserve(#[expect(dead_code, reason = "they are held")] Vec<OwnedFd>);

impl Reserve {
    /// The most that is kept.
    const MOST: u64 = 16;
    /// What a command needs whose streams are captured.
    const LEAST: u64 = 6;

    /// As many as can be had. Source: `RLIMIT_NOFILE`, getrlimit(2).
    #[must_use]
    pub fn open() -> Self {
        let all = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        // No more than a sixteenth of all, or what a command needs, but a quarter where that is less.
        let count = all.map_or(Self::MOST, |all| (all / 16).clamp(Self::LEAST, Self::MOST).min(all / 4));
        let first = nix::fcntl::open("/", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        let Some(first) = first.ok().filter(|_| count > 0) else { return Self(Vec::new()) };
        let mut kept: Vec<OwnedFd> = (1..count).map_while(|_| first.try_clone().ok()).collect();
        kept.push(first);
        Self(kept)
    }
}

/// Whether what is written is read by another process: a pipe or a socket.
#[must_use]
pub fn is_read_elsewhere(fd: BorrowedFd<'_>) -> bool {
    let kind = fstat(fd).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
    kind.is_ok_and(|kind| kind == SFlag::S_IFIFO || kind == SFlag::S_IFSOCK)
}

/// The name of the working directory; of one that was removed, the name that it had. Source: proc(5), `/proc/pid/cwd`.
#[must_use]
pub fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| {
        let link = std::fs::read_link("/proc/self/cwd").unwrap_or_default();
        let name = link.as_os_str().as_bytes().strip_suffix(b" (deleted)").map(OsStr::from_bytes);
        name.map_or_else(|| PathBuf::from("/"), PathBuf::from)
    })
}

/// As read(2); a signal does not end it.
///
/// # Returns
///
/// The number of bytes read, 0 at the end.
///
/// # Errors
///
/// As read(2): where it would block, [`io::ErrorKind::WouldBlock`].
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match nix::unistd::read(&fd, buffer) {
            Err(Errno::EINTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To be read.
    Read,
    /// To be written, as it is; it is made if there is none.
    Write,
    /// As [`Access::Write`], but one that is made is for its owner alone.
    WritePrivately,
}

/// The mode of a file that is for its owner alone. Source: chmod(2).
const PRIVATE: u32 = 0o600;

/// The bits of a file's mode that are its permissions. Source: inode(7).
const PERMISSIONS: u32 = 0o7777;

/// Opens a file. A named pipe is waited for, until somebody opens its other end. A terminal does not become that of this
/// process. Source: fifo(7), `O_NOCTTY`, open(2).
///
/// A file that is to be written to, and is this process's own output, is not another one: Linux opens `/dev/stderr` anew, so
/// that two would write over each other. Source: proc(5), `/proc/pid/fd`.
///
/// # Errors
///
/// As open(2).
pub fn open(path: &Path, access: Access) -> io::Result<OwnedFd> {
    let is_write = access != Access::Read;
    let mut options = File::options();
    options.read(!is_write).write(is_write).create(is_write).truncate(false);
    if access == Access::WritePrivately {
        options.mode(PRIVATE);
    }
    let file = options.custom_flags(OFlag::O_NOCTTY.bits()).open(path)?.into();
    match own_output(&file).filter(|_| is_write) {
        Some(own) => own.own().try_clone_to_owned(),
        None => Ok(file),
    }
}

/// The own output that a file is.
fn own_output(file: impl AsFd) -> Option<Which> {
    let kind = fstat(&file).map(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT);
    let own = || [Which::Stdout, Which::Stderr].into_iter().find(|which| is_same_file(&file, which.own()));
    if kind == Ok(SFlag::S_IFREG) { own() } else { None }
}

/// Whether it is a file that is this process's own output.
#[must_use]
pub fn is_own_output(file: impl AsFd) -> bool {
    own_output(file).is_some()
}

/// Ends the waits of those who open a named pipe: both its ends are open for a moment. Source: fifo(7).
pub fn meet_openers(path: &Path) {
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let _ = nix::fcntl::open(path, flags, Mode::empty());
}

/// Whether the file is a named pipe.
#[must_use]
pub fn is_named_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

/// A pipe that no program inherits.
///
/// # Returns
///
/// The end that is read, and the end that is written.
///
/// # Errors
///
/// As pipe2(2).
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Whether two descriptors are of one file.
#[must_use]
pub fn is_same_file(a: impl AsFd, b: impl AsFd) -> bool {
    match (fstat(a), fstat(b)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}

/// From now on what is written to the file is added at its end. The own output is left as others have it.
///
/// # Errors
///
/// As fcntl(2).
pub fn append_to(fd: impl AsFd) -> io::Result<()> {
    if is_own_output(&fd) {
        return Ok(());
    }
    Ok(fcntl(fd, FcntlArg::F_SETFL(OFlag::O_APPEND)).map(drop)?)
}

/// Empties a file, unless it is the own output; a pipe or a device has nothing to lose.
///
/// # Errors
///
/// As ftruncate(2).
pub fn empty(fd: impl AsFd) -> io::Result<()> {
    if is_own_output(&fd) {
        return Ok(());
    }
    match nix::unistd::ftruncate(fd, 0) {
        Err(Errno::EINVAL) => Ok(()),
        result => Ok(result?),
    }
}

/// Makes a file one's own log: what is written is added at its end, whoever else writes to it, and never blocks where that
/// can be had. One that starts anew is emptied, and is for its owner alone; a pipe, a device, or the own output is left as it is.
///
/// # Errors
///
/// As fcntl(2), fchmod(2), ftruncate(2).
pub fn begin_log(fd: impl AsFd, is_kept: bool) -> io::Result<()> {
    if is_own_output(&fd) {
        return Ok(());
    }
    let state = fstat(&fd)?;
    let is_regular = SFlag::from_bits_truncate(state.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    if is_regular && !is_kept {
        // Another's cannot be made private, and need not be if it is.
        if state.st_mode & PERMISSIONS != PRIVATE {
            nix::sys::stat::fchmod(&fd, Mode::from_bits_truncate(PRIVATE))?;
        }
        nix::unistd::ftruncate(&fd, 0)?;
    }
    Ok(fcntl(fd, FcntlArg::F_SETFL(OFlag::O_APPEND | OFlag::O_NONBLOCK)).map(drop)?)
}

/// From now on no read or write of the descriptor, or of one that shares its description, blocks.
///
/// # Errors
///
/// As fcntl(2).
pub fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop).map_err(io::Error::from)
}

/// What a descriptor is ready for now; `None` if for nothing. One that is closed or cannot be polled is ready, for its
/// error. A signal that comes meanwhile is no answer: taken for one, it would lead into a write that blocks.
fn ready_now(fd: BorrowedFd<'_>, flags: PollFlags) -> Option<PollFlags> {
    let mut fds = [PollFd::new(fd, flags)];
    loop {
        match poll(&mut fds, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            Ok(0) => return None,
            _ => return Some(fds[0].revents().unwrap_or(PollFlags::all())),
        }
    }
}

/// Whether the other side is gone: a terminal that was hung up, a pipe without its reader.
#[must_use]
pub fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    ready_now(fd, PollFlags::empty()).is_some_and(|is| is.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
}

/// Whether a read would not block.
#[must_use]
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    ready_now(fd, PollFlags::POLLIN).is_some()
}

/// Whether a write would not block.
#[must_use]
pub fn is_writable(fd: BorrowedFd<'_>) -> bool {
    ready_now(fd, PollFlags::POLLOUT).is_some()
}

/// Does something while standard input is at its end, for every thread.
///
/// # Errors
///
/// As dup(2) and open(2); then it was not done.
pub fn without_stdin<T>(run: impl FnOnce() -> T) -> io::Result<T> {
    let own = rustix::stdio::stdin().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let result = run();
    rustix::stdio::dup2_stdin(own)?;
    Ok(result)
}

/// Waits until one of the descriptors is ready; signals wait, too. For threads that take none.
///
/// # Returns
///
/// Which of them are ready.
///
/// # Errors
///
/// As poll(2).
pub fn wait(fds: &[(BorrowedFd<'_>, Interest)]) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = fds.iter().map(|(fd, interest)| PollFd::new(*fd, interest.flags())).collect();
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(polled.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
        }
    }
}

/// Waits until a write would not block. For threads that have nothing else to wait for.
pub fn wait_writable(fd: BorrowedFd<'_>) {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    // What goes wrong here, the write says.
    let _ = poll(&mut fds, PollTimeout::NONE);
}

/// What a pipe that polls as writable takes without blocking, unless another process fills it in between. Source: POSIX,
/// `PIPE_BUF`.
pub const PIECE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Waits for so long that a write would not block; signals wait, too.
///
/// # Returns
///
/// Whether it would not.
#[must_use]
pub fn wait_writable_for(fd: BorrowedFd<'_>, most: Duration) -> bool {
    let until = Instant::now() + most;
    loop {
        let left = PollTimeout::try_from(until.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], left) {
            Err(Errno::EINTR) => {}
            result => return result != Ok(0),
        }
    }
}
