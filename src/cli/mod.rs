//! The command line: one file a subcommand.

pub mod check;
pub mod demo;
pub mod explain;
pub mod layers;
pub mod prices;
pub mod quote;
pub mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

impl Cli {
    /// Runs the command. Says how the process ends.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command.unwrap_or(Command::Run(self.run)) {
            Command::Run(run) => run.run(),
            Command::Demo(demo) => demo.run(),
            Command::Check(check) => Ok(ExitCode::from(check.run())),
            Command::Explain(explain) => explain.run(),
            Command::Quote(quote) => quote.run(),
            Command::Prices(prices) => prices.run(),
        }
    }
}
