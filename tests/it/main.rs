//! The tests that run the real binary, one file for each topic.

mod harness;

mod asking;
mod atexit;
mod background;
mod build_script;
mod check;
mod commands;
mod data;
mod diagnostics;
mod directories;
mod docs;
mod environment;
mod example_scripts;
mod exit_codes;
mod files;
mod lexical;
mod lifecycle;
mod locks;
mod log;
mod net;
mod options;
mod output;
mod paths;
mod processes;
mod retry;
mod rhai_facts;
mod scope;
mod script_options;
mod signals;
mod streams;
mod terminal;
mod tidy;
mod times;
mod torture;
mod trap;
