//! The program `lite-data`: prepares corpora and shows what is in them.

mod cli;
mod definition;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
