//! `pricetag prices`: price lists, one file a command.

mod import;
mod lint;
mod list;
mod retiring;
mod show;
mod words;

use std::io::Write as _;
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
    /// The models that have a price, and what they cost now
    List(list::List),
    /// All that the catalog says of a model: rates, conditions, history, retirement, source
    Show(show::Show),
    /// Models that their providers stop serving
    Retiring(retiring::Retiring),
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
            Command::List(list) => print(&list.run()?)?,
            Command::Show(show) => print(&show.run()?)?,
            Command::Retiring(retiring) => print(&retiring.run()?)?,
            Command::Import(import) => import.run()?,
            Command::Lint(lint) => return lint.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
