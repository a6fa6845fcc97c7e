//! The tests that run the real binary, one file for each topic.

mod harness;

mod atexit;
mod build_script;
mod check;
mod commands;
mod diagnostics;
mod docs;
mod exit_codes;
mod lexical;
mod lifecycle;
mod output;
mod rhai_facts;
mod scope;
mod signals;
mod terminal;
mod tidy;
mod torture;
mod trap;
