//! The `stagesh` command.

#![no_main]

/// Called by the C library, without Rust's runtime: `sys/entry.rs` does what is needed of it.
// An attribute that is called unsafe because two symbols of one name would be: no crate has another `main`.
#[expect(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn main() -> std::ffi::c_int {
    stagesh::sys::entry::prepare();
    stagesh::sys::status::terminate(stagesh::cli::main())
}
