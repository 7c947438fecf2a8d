//! The program `lite-eval`: a thin command line over the library.

mod program;

use std::process::ExitCode;

use clap::Parser;

// Freed pages are kept: Burn allocates and frees its tensors' memory all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lite_eval::memory::keep_freed_pages();
    program::run(program::Arguments::parse())
}
