//! stagesh runs Rhai scripts that work in stages and must clean up after themselves.
//!
//! The crate is built in floors; imports go down only (`docs/architecture.md`):
//!
//! 0. [`sys`]: the operating system.
//! 1. [`host`]: the state machine of a run.
//! 2. [`builtins`]: what scripts can call.
//! 3. [`engine`]: Rhai assembled: load, run, unwind.
//! 4. [`cli`]: what a person types and reads.

pub mod builtins;
pub mod cli;
pub mod engine;
pub mod host;
pub mod sys;
