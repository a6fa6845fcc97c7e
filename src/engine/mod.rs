//! Floor 3, Rhai assembled: load, run, unwind.

pub mod check;
pub mod complete;
mod cursor;
pub mod evaluator;
pub mod failure;
mod file_names;
mod foreign;
mod hint;
mod library;
pub mod limits;
mod members;
mod misread;
mod places;
mod rename;
pub mod resolver;
pub mod run;
pub mod session;
pub mod show;
pub mod source;
pub mod syntax;
pub mod tokens;

pub use evaluator::Evaluator;
pub use library::vocabulary;
pub use run::{Interpreter, Loaded};
