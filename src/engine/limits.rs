//! How far a script may go before an error stops it: the same in every build, because Rhai's defaults differ
//! between debug and release and a script must not.

use rhai::Engine;

/// The stack that scripts are evaluated on: address space, of which only what is used becomes memory.
pub const STACK: usize = 256 << 20;

/// How much of the stack is left when a script may go no deeper: for what goes down without an operation of the
/// script, such as the parser of `eval`, and a value within values that is printed or dropped.
const STACK_RESERVE: usize = 64 << 20;

/// Calls within calls. As deep as Python's default. How much stack a level costs depends on the expressions
/// around the call, from 8 KiB to more than there is: [`StackGuard`] is for those.
const CALL_LEVELS: usize = 1000;

/// Expressions within expressions. Far more than a person writes; each costs stack in the parser, in the
/// evaluation and when the tree is dropped.
const EXPRESSION_DEPTH: usize = 256;

/// Imports of a run: no script needs as many, and a loop that imports is a mistake.
const MODULES: usize = 100_000;

/// Tells when a script has gone as deep as the stack allows, whatever it went through.
#[derive(Clone, Copy, Debug)]
pub struct StackGuard {
    lowest: usize,
}

impl StackGuard {
    /// For a stack of [`STACK`] bytes, made near its bottom.
    #[must_use]
    pub fn new() -> Self {
        Self { lowest: here().saturating_sub(STACK - STACK_RESERVE) }
    }

    /// Whether what is left is the reserve.
    #[inline]
    #[must_use]
    pub fn is_exhausted(self) -> bool {
        here() < self.lowest
    }
}

impl Default for StackGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the stack is now; on every system that Rust knows it grows downwards.
#[inline]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// Sets the limits. How long a value may be is none of them: the engine would measure every value, all through, at every
/// call (`builtins/sizes.rs`).
pub fn set(engine: &mut Engine) {
    engine
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_modules(MODULES)
        .set_max_variables(usize::MAX)
        .set_max_functions(usize::MAX)
        .set_max_operations(0);
}
