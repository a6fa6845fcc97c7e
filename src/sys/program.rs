//! Finding the file of a program, and telling why one cannot be started.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// What execvp(3) takes for a PATH that is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The kernel reads no more of a `#!` line. Source: execve(2).
const SHEBANG: u64 = 256;

/// So many interpreters in a row are scripts themselves. Source: execve(2).
const MOST_INTERPRETERS: u32 = 4;

/// Why a program cannot be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unstartable {
    /// No directory of PATH has it.
    NotInPath {
        /// The directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// No such file.
    Missing,
    /// The way to it is no way, such as a loop of links; why.
    Unreachable(Errno),
    /// It is a directory.
    Directory,
    /// No run bit is set for us.
    NotExecutable(PathBuf),
    /// The kernel does not know the format, and no `#!` line names an interpreter.
    NoFormat(PathBuf),
    /// Its `#!` line names an interpreter that does not exist, or is a directory.
    NoInterpreter {
        /// The script.
        file: PathBuf,
        /// What its first line names.
        interpreter: PathBuf,
        /// Whether that is a directory.
        is_directory: bool,
    },
    /// It is a program of the system's format, and what is to load it does not exist. Source: execve(2), `PT_INTERP`.
    NoLoader(PathBuf),
    /// Its working directory cannot be entered; why.
    NoDirectory(PathBuf, Errno),
    /// The words and the environment are longer than the kernel takes. Source: execve(2), `E2BIG`.
    TooLong,
}

/// Finds the file of a program as a shell does: a name with a slash is a path, any other is looked up in
/// the directories of `path`. What is relative is so to `directory`. Source: execvp(3).
///
/// # Errors
///
/// [`Unstartable`].
pub fn find(name: &OsStr, path: Option<&OsStr>, directory: Option<&Path>) -> Result<PathBuf, Unstartable> {
    let in_directory = |file: PathBuf| match directory {
        Some(directory) => directory.join(file),
        None => file,
    };
    if name.as_bytes().contains(&b'/') {
        let file = in_directory(PathBuf::from(name));
        return match std::fs::metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unstartable::Missing),
            Err(error) => Err(Unstartable::Unreachable(errno_of(&error))),
            Ok(meta) if meta.is_dir() => Err(Unstartable::Directory),
            Ok(meta) if !is_executable(&file, &meta) => Err(Unstartable::NotExecutable(file)),
            Ok(_) => Ok(file),
        };
    }
    let mut refused = None;
    for searched in std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
        // An empty part is the working directory.
        let place = if searched.as_os_str().is_empty() { Path::new(".") } else { &searched };
        let file = in_directory(place.join(name));
        match std::fs::metadata(&file) {
            Ok(meta) if meta.is_file() && is_executable(&file, &meta) => return Ok(file),
            Ok(meta) if meta.is_file() => refused = refused.or(Some(file)),
            _ => {}
        }
    }
    Err(refused.map_or_else(
        || Unstartable::NotInPath {
            searched: std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))).collect(),
        },
        Unstartable::NotExecutable,
    ))
}

/// Looks whether a directory can be a working directory.
///
/// # Errors
///
/// [`Unstartable::NoDirectory`].
pub fn ensure_enterable(directory: &Path) -> Result<(), Unstartable> {
    let refused = |why| Unstartable::NoDirectory(directory.into(), why);
    match std::fs::metadata(directory) {
        Err(error) => Err(refused(errno_of(&error))),
        Ok(meta) if !meta.is_dir() => Err(refused(Errno::ENOTDIR)),
        Ok(_) => nix::unistd::access(directory, nix::unistd::AccessFlags::X_OK).map_err(refused),
    }
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

fn is_executable(file: &Path, meta: &Metadata) -> bool {
    // For root access(2) is content with any run bit; without one exec fails for root too.
    meta.permissions().mode() & 0o111 != 0 && nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// What an error of execve(2) says about a file that was found, where its text alone would mislead.
#[must_use]
pub fn explain(error: &io::Error, file: &Path) -> Option<Unstartable> {
    match Errno::from_raw(error.raw_os_error()?) {
        Errno::ENOEXEC => Some(Unstartable::NoFormat(file.into())),
        Errno::E2BIG => Some(Unstartable::TooLong),
        Errno::ENOENT | Errno::ENOTDIR => explain_file(file, MOST_INTERPRETERS),
        Errno::EACCES => explain_file(file, MOST_INTERPRETERS).filter(|why| !matches!(why, Unstartable::NoLoader(_))),
        _ => None,
    }
}

/// What is wrong with a file that was found, or with what its first line names, which may be a script as well.
fn explain_file(file: &Path, most: u32) -> Option<Unstartable> {
    let Some(interpreter) = interpreter(file).filter(|_| most > 0) else {
        let is_program = std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && is_executable(file, &meta));
        return is_program.then(|| Unstartable::NoLoader(file.into()));
    };
    match std::fs::metadata(&interpreter) {
        Ok(meta) if !meta.is_dir() && is_executable(&interpreter, &meta) => explain_file(&interpreter, most - 1),
        Ok(meta) if !meta.is_dir() => Some(Unstartable::NotExecutable(interpreter)),
        Ok(_) => Some(Unstartable::NoInterpreter { file: file.into(), interpreter, is_directory: true }),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Some(Unstartable::NoInterpreter { file: file.into(), interpreter, is_directory: false })
        }
        Err(_) => None,
    }
}

/// The interpreter that the first line of a script names.
fn interpreter(file: &Path) -> Option<PathBuf> {
    let mut start = Vec::new();
    // A named pipe would have to be waited for.
    std::fs::metadata(file).ok().filter(Metadata::is_file)?;
    std::fs::File::open(file).ok()?.take(SHEBANG).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = line.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    (!name.is_empty()).then(|| PathBuf::from(OsString::from_vec(name.to_vec())))
}
