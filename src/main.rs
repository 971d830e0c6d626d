//! Reads the command line, runs it, turns the result into an exit code.

/// A call is some sixty small allocations, made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hallporter::cli::main()
}
