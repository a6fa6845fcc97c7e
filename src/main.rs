//! The `stagesh` command.

fn main() -> ! {
    stagesh::sys::status::terminate(stagesh::cli::main())
}
