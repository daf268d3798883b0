//! `pricetag ledger`: the ledger's file, one file a command.

mod forget;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// The ledger's file.
#[derive(Debug, Args)]
pub struct Ledger {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Forget a person, or any other value of a dimension: money stays in the totals, as that of `other`
    Forget(forget::Forget),
}

impl Ledger {
    /// Runs the command.
    ///
    /// # Errors
    /// The config or the ledger's file can not be used.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Forget(forget) => forget.run(),
        }
    }
}
