//! The tests that run the real binary, one file for each topic.

mod harness;

mod atexit;
mod background;
mod build_script;
mod check;
mod commands;
mod diagnostics;
mod directories;
mod docs;
mod example_scripts;
mod exit_codes;
mod files;
mod lexical;
mod lifecycle;
mod locks;
mod options;
mod output;
mod paths;
mod processes;
mod rhai_facts;
mod scope;
mod signals;
mod streams;
mod terminal;
mod tidy;
mod torture;
mod trap;
