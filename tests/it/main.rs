//! The tests that run the real binary, one file for each topic.

mod harness;

mod atexit;
mod build_script;
mod check;
mod diagnostics;
mod exit_codes;
mod scope;
mod terminal;
mod torture;
mod trap;
