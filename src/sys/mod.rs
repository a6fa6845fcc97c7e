//! Floor 0, the operating system: signals, children, terminals, the end of the process. Knows nothing of Rhai.

pub mod account;
pub mod clock;
pub mod copy;
pub mod descriptor;
pub mod entry;
pub mod getent;
pub mod identity;
pub mod interrupts;
pub mod lock;
pub mod memory;
pub mod process;
pub mod program;
pub mod quiet_write;
pub mod remove;
pub mod replace;
pub mod signal;
pub mod socket;
pub mod status;
pub mod stranger;
pub mod terminal;
pub mod tree;
