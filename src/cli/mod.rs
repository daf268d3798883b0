//! The command line: one file a subcommand.

pub mod check;
pub mod dead_letters;
pub mod demo;
pub mod explain;
pub mod layers;
pub mod ledger;
mod open_files;
pub mod prices;
pub mod quote;
mod reload;
pub mod run;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::yaml::error::did_you_mean;

/// An OpenTelemetry collector that puts an exact price on every LLM call.
///
/// It takes OTLP, prices the calls of some twenty instrumentations and of any that follows the GenAI conventions, and
/// forwards everything to any OTLP backend. Without a command it runs; without a config on its embedded default.
#[derive(Debug, Parser)]
#[command(name = "pricetag", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Run,
}

/// The exit code for commands and arguments that there are not: clap's.
const EXIT_USAGE: u8 = 2;

/// What is wrong with a word in the place of a command that is no file either.
fn no_command(word: &Path) -> Option<String> {
    let said =
        word.to_str().filter(|said| said.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))?;
    let cli = Cli::command();
    let commands = cli.get_subcommands().map(clap::Command::get_name).chain(["help"]);
    (!word.exists()).then(|| {
        format!("{said:?} is no command, and no file with a config; {}", did_you_mean(said, commands))
    })
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the collector (the default)
    Run(run::Run),
    /// Runs the collector and sends it sample traffic: no config, no backend, no key
    Demo(demo::Demo),
    /// Checks a config: every error with file, line, key and remedy
    Check(check::Check),
    /// Prices OTLP trace payloads from files, and shows each receipt
    Explain(explain::Explain),
    /// Prices usage records: JSON lines in, a receipt a line out
    Quote(quote::Quote),
    /// Price lists
    Prices(prices::Prices),
    /// The ledger's file
    Ledger(ledger::Ledger),
    /// Lists the requests that no backend took
    DeadLetters(dead_letters::DeadLetters),
}

impl Cli {
    /// Runs the command. Says how the process ends.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(mistake) = self.run.file.as_deref().and_then(no_command) {
            eprintln!("pricetag: {mistake}");
            return Ok(ExitCode::from(EXIT_USAGE));
        }
        match self.command.unwrap_or(Command::Run(self.run)) {
            Command::Run(run) => run.run(),
            Command::Demo(demo) => demo.run(),
            Command::Check(check) => Ok(ExitCode::from(check.run())),
            Command::Explain(explain) => explain.run(),
            Command::Quote(quote) => quote.run(),
            Command::Prices(prices) => prices.run(),
            Command::Ledger(ledger) => ledger.run(),
            Command::DeadLetters(letters) => letters.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_command_is_told_from_a_file() {
        let told = no_command(Path::new("runn")).unwrap();
        assert!(
            told.starts_with("\"runn\" is no command, and no file with a config; did you mean \"run\"?"),
            "{told}"
        );
        for file in ["missing.yaml", "./runn", "src"] {
            assert_eq!(no_command(Path::new(file)), None, "{file}");
        }
    }
}
