//! How far a script may go before an error stops it: the same in every build, because Rhai's defaults differ
//! between debug and release and a script must not.

use rhai::Engine;

/// The stack of the thread that evaluates: address space, of which only what is used becomes memory. The
/// worst recursion that the other numbers allow uses a third of it in a debug build; a test goes there.
pub const STACK: usize = 256 << 20;

/// Calls within calls. As deep as Python's default; a level costs up to 64 KiB of stack.
const CALL_LEVELS: usize = 1000;

/// Expressions within expressions. Far more than a person writes; each costs stack in the parser, in the
/// evaluation and when the tree is dropped.
const EXPRESSION_DEPTH: usize = 256;

/// Bytes of a string, elements of an array or blob, keys of a map. More than memory serves, and less than
/// what makes an allocation abort the process.
const SIZE: usize = 1 << 31;

/// Imports of a run: no script needs as many, and a loop that imports is a mistake.
const MODULES: usize = 100_000;

/// Sets the limits.
pub fn set(engine: &mut Engine) {
    engine
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_string_size(SIZE)
        .set_max_array_size(SIZE)
        .set_max_map_size(SIZE)
        .set_max_modules(MODULES)
        .set_max_variables(usize::MAX)
        .set_max_functions(usize::MAX)
        .set_max_operations(0);
}
