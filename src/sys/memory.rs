//! Memory: whose blocks are kept, and whether a value has become too long.

pub use stagesh_alloc::map_ahead;

use stagesh_alloc::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Makes this thread the interpreter's: its small blocks are kept for the values that it makes next. It lives as long as
/// the process.
pub(super) fn favour_this_thread() {
    ALLOCATOR.keep_blocks_of_this_thread();
}

/// Whether a text has become longer than 2^31 bytes, or an array than as many elements, since this was last asked. Of a text
/// it is certain from 2^32 bytes on.
#[inline]
#[must_use]
pub fn take_excess() -> bool {
    ALLOCATOR.take_excess()
}
