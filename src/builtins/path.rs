//! `path::…`: names of files, taken apart and put together. Nothing here looks at a file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rhai::Dynamic;

use super::error::Error;
use super::{Call, CallResult, Registry, args, env};
use crate::sys::account::Key;

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("path::join", |call, given| {
        let paths = given.iter().map(|part| args::path("path::join", call.engine(), part));
        let joined = paths.collect::<Result<PathBuf, Error>>()?;
        Ok(args::from_os(joined.as_os_str()))
    });
    part(registry, "path::name", |path| last(path).to_owned());
    part(registry, "path::stem", |path| split(path).0.to_owned());
    part(registry, "path::extension", |path| split(path).1.unwrap_or_default().to_owned());
    part(registry, "path::parent", |path| parent(path).into_os_string());
    registry.add("path::with_extension", |call, given| {
        let path = args::path("path::with_extension", call.engine(), &given[0])?;
        let extension = args::text("path::with_extension", call.engine(), &given[1])?;
        Ok(args::from_os(with_extension(&path, &extension)?.as_os_str()))
    });
    registry.add("path::absolute", |call, given| {
        let path = args::path("path::absolute", call.engine(), &given[0])?;
        let absolute = call.host.directory().join(path);
        // Leaves `..` alone: what it means is for the links on the way to say.
        Ok(args::from_os(absolute.components().collect::<PathBuf>().as_os_str()))
    });
    registry.add("path::expand", expand);
}

/// Registers what gives a part of a path.
fn part(registry: &mut Registry<'_>, name: &'static str, of: fn(&Path) -> OsString) {
    registry.add(name, move |call, given| Ok(args::from_os(&of(&args::path(name, call.engine(), &given[0])?))));
}

/// The last component as it is written; nothing of the root.
fn last(path: &Path) -> &OsStr {
    match path.components().next_back() {
        Some(last @ (Component::Normal(_) | Component::ParentDir | Component::CurDir)) => last.as_os_str(),
        _ => OsStr::new(""),
    }
}

/// What comes before the last dot of the name and what comes after it, if there is one that is not the first letter.
fn split(path: &Path) -> (&OsStr, Option<&OsStr>) {
    match path.file_name() {
        Some(_) => (path.file_stem().unwrap_or_default(), path.extension()),
        None => (last(path), None),
    }
}

/// The directory that the last component is in.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => ".".into(),
        Some(parent) => parent.into(),
        None => path.components().collect(),
    }
}

fn with_extension(path: &Path, extension: &str) -> Result<PathBuf, Error> {
    let verb = "path::with_extension";
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    if extension.contains(['/', '\0']) {
        return Err(Error::Argument {
            verb,
            expected: "an extension".into(),
            given: format!("the string {extension:?}"),
        });
    }
    if path.file_name().is_none() {
        let given = format!("`{}`", path.display());
        return Err(Error::Argument { verb, expected: "a path that ends in a name".into(), given });
    }
    let mut name = split(path).0.to_owned();
    if !extension.is_empty() {
        name.push(".");
        name.push(extension);
    }
    if name == "." || name == ".." {
        let given = format!("`{}`", path.display());
        return Err(Error::Argument { verb, expected: "a path whose name is more than an extension".into(), given });
    }
    Ok(path.with_file_name(name))
}

/// A path whose `~` or `~name` at the beginning is a home directory.
fn expand(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "path::expand";
    let path = args::path(verb, call.engine(), &given[0])?;
    let mut components = path.components();
    let first = components.next().map(|first| first.as_os_str().as_bytes()).unwrap_or_default();
    let Some(name) = first.strip_prefix(b"~") else { return Ok(args::from_os(path.as_os_str())) };
    let home = match std::str::from_utf8(name) {
        Ok("") => call.host.home(),
        Ok(name) => call.host.account(Key::Name(name.into())).map(|found| found.map(|account| account.home)),
        Err(_) => Ok(None),
    };
    let Some(home) = home.map_err(|error| env::not_looked_up(call, verb, error))? else {
        let who = if name.is_empty() { "this user".into() } else { format!("`{}`", String::from_utf8_lossy(name)) };
        return Err(Error::Misuse(verb, format!("the home directory of {who} is not known")).into());
    };
    let mut expanded = home;
    expanded.extend(components);
    Ok(args::from_os(expanded.as_os_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_path() {
        let parts = |path: &'static str| {
            let path = Path::new(path);
            let (stem, extension) = split(path);
            let text = |part: &OsStr| part.to_string_lossy().into_owned();
            (text(parent(path).as_os_str()), text(last(path)), text(stem), extension.map(text))
        };
        let expect = |parent: &str, name: &str, stem: &str, extension: Option<&str>| {
            (parent.to_string(), name.to_string(), stem.to_string(), extension.map(str::to_string))
        };
        assert_eq!(parts("/a/b.tar.gz"), expect("/a", "b.tar.gz", "b.tar", Some("gz")));
        assert_eq!(parts("b"), expect(".", "b", "b", None));
        assert_eq!(parts(".profile"), expect(".", ".profile", ".profile", None));
        assert_eq!(parts("a/b/"), expect("a", "b", "b", None));
        assert_eq!(parts("/"), expect("/", "", "", None));
        assert_eq!(parts("a/.."), expect("a", "..", "..", None));
        assert_eq!(parts("."), expect(".", ".", ".", None));
        assert_eq!(parts("a."), expect(".", "a.", "a", Some("")));
    }
}
