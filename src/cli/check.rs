//! `pricetag check`: is a config right, and what does it mean?

mod queue;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::run::runtime;
use crate::app::StartError;
use crate::attribution::Lookups;
use crate::config::{self, Config, Environment, ExporterKind, LedgerFile, Loop, Pricetag};
use crate::ledger::store::{default_file, probe};
use crate::lookup_files::LookupFiles;
use crate::otlp::Signal;
use crate::price_files::PriceFiles;
use crate::text::counted;
use crate::yaml::Mistakes;

/// The exit code for a config that is wrong: EX_USAGE of sysexits.
pub const EXIT_WRONG: u8 = 64;

/// Checks a config: every error with file, line, key and remedy.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Check {
    /// The config to check; the embedded default when there is none.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The config to check, as `run` takes it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Changes a value after the file is read, as in exporters.debug.verbosity=detailed. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// What a check says, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// For stdout.
    pub out: String,
    /// For stderr.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Check {
    /// Checks without printing anything.
    pub fn check(&self, environment: &dyn Environment) -> Checked {
        let file = self.config.as_deref().or(self.file.as_deref());
        let config = match Config::load(file, &self.sets, environment) {
            Ok(config) => config,
            Err(errors) => return wrong(&errors.0),
        };
        let loops = configured_loops(&config);
        if !loops.is_empty() {
            return wrong(&loops);
        }
        let checked = runtime().map(|runtime| {
            let _within = runtime.enter();
            crate::app::check(&config)
        });
        match checked {
            Err(error) => return wrong(&[error]),
            Ok(Ok(())) => {}
            Ok(Err(StartError::Files(mistakes))) => return wrong(&mistakes.0),
            Ok(Err(error)) => return wrong(&[format!("{:#}", anyhow::Error::from(error))]),
        }
        let files = config.processor.as_ref().map_or(&[][..], |pricetag| &pricetag.prices);
        let catalog = match PriceFiles::read(files).and_then(|files| files.catalog()) {
            Ok(catalog) => catalog,
            Err(mistakes) => return wrong(&mistakes.0),
        };
        let lookups = match config.processor.as_ref().map_or_else(|| Ok(Lookups::default()), lookups) {
            Ok(lookups) => lookups,
            Err(mistakes) => return wrong(&mistakes.0),
        };
        let ledger = config.processor.as_ref().map(|processor| &processor.ledger.file);
        if let Some(LedgerFile::At(file)) = ledger
            && let Err(error) = probe(file)
        {
            return wrong(&[error]);
        }
        let queue = match queue::lines(&config, environment) {
            Ok(queue) => queue,
            Err(error) => return wrong(&[error]),
        };
        let source = file.map_or_else(|| config::DEFAULT_NAME.to_owned(), |file| file.display().to_string());
        let mut out = format!("ok: {source}\n{}", summary(&config));
        if let Some(processor) = &config.processor {
            let _ = writeln!(out, "  prices     {}", catalog.source());
            let _ = writeln!(out, "  ledger     {}", place(&processor.ledger.file, environment));
        }
        out.push_str(&queue);
        if !lookups.is_empty() {
            let _ = writeln!(out, "  lookups    {}", counted(lookups.rows() as u64, "row"));
        }
        for notice in lookups.notices() {
            let _ = writeln!(out, "  notice     {notice}");
        }
        Checked { out, err: String::new(), code: 0 }
    }

    /// Checks, prints, and returns the exit code.
    pub fn run(&self) -> u8 {
        let checked = self.check(&config::ProcessEnvironment);
        // A reader that went away is no reason to fail.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), checked.out.as_bytes());
        let _ = std::io::Write::write_all(&mut std::io::stderr(), checked.err.as_bytes());
        checked.code
    }
}

/// Where the ledger is kept.
fn place(ledger: &LedgerFile, environment: &dyn Environment) -> String {
    let file = match ledger {
        LedgerFile::Memory => None,
        LedgerFile::At(file) => Some(file.clone()),
        LedgerFile::Default => default_file(|name| environment.variable(name).map(Into::into)),
    };
    file.map_or_else(|| "in memory".to_owned(), |file| file.display().to_string())
}

/// The tables between a config's dimensions; what else the processor reads is read too.
fn lookups(pricetag: &Pricetag) -> Result<Lookups, Mistakes> {
    let settings = crate::app::settings(pricetag)?;
    LookupFiles::read(&pricetag.lookups)?.lookups(&settings.attribution)
}

fn wrong(errors: &[impl std::fmt::Display]) -> Checked {
    let mut err = String::new();
    for error in errors {
        let _ = writeln!(err, "{error}");
    }
    let _ = writeln!(err, "{}", counted(errors.len(), "error"));
    Checked { out: String::new(), err, code: EXIT_WRONG }
}

/// The loops that are there if the listeners get the addresses that they ask for.
pub fn configured_loops(config: &Config) -> Vec<Loop> {
    let endpoints = [
        config.receivers.grpc.as_ref().map(|grpc| &grpc.endpoint),
        config.receivers.http.as_ref().map(|http| &http.endpoint),
    ];
    let listeners: Vec<SocketAddr> = endpoints
        .into_iter()
        .flatten()
        .flat_map(|endpoint| {
            let addresses = config::resolve(&endpoint.host);
            addresses.into_iter().map(|address| SocketAddr::new(address, endpoint.port))
        })
        .collect();
    config::own_listener_loops(config, &listeners, config::resolve, config::is_own_address)
}

/// What keeps strangers out of a listener, in a few words.
fn kept(config: &Config, what: &str) -> String {
    let receivers = &config.receivers;
    let (tls, auth) = match what {
        "gRPC" => receivers.grpc.as_ref().map_or((None, None), |it| (it.tls.as_ref(), it.auth.as_ref())),
        "HTTP" => receivers.http.as_ref().map_or((None, None), |it| (it.tls.as_ref(), it.auth.as_ref())),
        "metrics" => (config.telemetry.tls.as_ref(), config.telemetry.auth.as_ref()),
        _ => (None, None),
    };
    let mut words = String::new();
    if let Some(tls) = tls {
        words.push_str(", TLS");
        words.push_str(if tls.client_ca_file.is_some() { " with client certificates" } else { "" });
    }
    if let Some(auth) = auth {
        let _ = write!(words, ", asks {}", auth.id);
    }
    words
}

/// A few lines that say what a config means. Headers are named, never shown.
pub fn summary(config: &Config) -> String {
    let mut text = String::new();
    for (what, address) in config.listeners() {
        let _ = writeln!(text, "  listens    {what:<8} {address}{}", kept(config, what));
    }
    for pipeline in &config.pipelines {
        let exporters: Vec<String> = pipeline
            .exporters
            .iter()
            .filter_map(|at| Some(config.exporters.get(*at)?.id.to_string()))
            .collect();
        let priced = if pipeline.priced { "pricetag -> " } else { "" };
        let redact = pipeline.redact.as_ref().map_or_else(String::new, |redact| format!("{} -> ", redact.id));
        let exporters = exporters.join(", ");
        let _ = writeln!(text, "  pipeline   {}: otlp -> {priced}{redact}{exporters}", pipeline.id);
    }
    for exporter in &config.exporters {
        let target = match &exporter.kind {
            ExporterKind::OtlpGrpc(grpc) => format!("gRPC to {}", grpc.url()),
            ExporterKind::OtlpHttp(http) => {
                let urls: Vec<String> = Signal::ALL
                    .iter()
                    .filter_map(|signal| http.url(*signal))
                    .map(ToString::to_string)
                    .collect();
                format!("HTTP to {}", urls.join(", "))
            }
            ExporterKind::Debug(_) => "the console".to_owned(),
        };
        let _ = writeln!(text, "  exporter   {}: {target}", exporter.id);
    }
    for notice in &config.notices {
        let _ = writeln!(text, "  notice     {notice}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Check, clap::Error> {
        let command = Check::augment_args(Command::new("check"));
        Check::from_arg_matches(&command.try_get_matches_from([&["check"], arguments].concat())?)
    }

    #[test]
    fn the_file_is_given_in_either_way() {
        let check = parsed(&["a.yaml", "--set", "a=b", "--set=c=d"]).unwrap();
        assert_eq!((check.file, check.config), (Some("a.yaml".into()), None));
        assert_eq!(check.sets, ["a=b", "c=d"]);
        assert_eq!(parsed(&["--config", "a.yaml"]).unwrap().config, Some("a.yaml".into()));
        assert!(parsed(&["a.yaml", "--config", "b.yaml"]).is_err());
        assert!(parsed(&["--frobnicate"]).is_err());
    }
}
