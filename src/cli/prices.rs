//! `pricetag prices`: price lists, one file a command.

mod import;
mod lint;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Price lists.
#[derive(Debug, Args)]
pub struct Prices {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert a published price list into a catalog
    Import(import::Import),
    /// Look through a price list: mistakes, and what looks like one
    Lint(lint::Lint),
}

impl Prices {
    /// Runs the command.
    ///
    /// # Errors
    /// A file cannot be read or written, or is no price list.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Import(import) => import.run()?,
            Command::Lint(lint) => return lint.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}
