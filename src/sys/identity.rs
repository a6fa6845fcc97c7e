//! What a file is, whatever it is called.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The device of a file, and its number there: they name it for as long as it is open, or has a name. Source: inode(7).
pub type Identity = (u64, u64);

/// Which file it is.
#[must_use]
pub fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}
