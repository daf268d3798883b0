//! The `pricetag` binary: parse, run, say how it ended.

use std::process::ExitCode;

use clap::Parser as _;
use pricetag::cli::Cli;

// A collector allocates and frees large buffers all day, on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pricetag: {error:#}");
            ExitCode::FAILURE
        }
    }
}
