//! `pricetag run`: the collector.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::check::EXIT_WRONG;
use super::open_files;
use crate::app::{self, App, GRACE, Options, StartError};
use crate::config::{Config, LogEncoding, LogLevel, ProcessEnvironment};
use crate::said::Repeats;

/// Runs the collector until SIGTERM or SIGINT; a second signal ends it at once.
#[derive(Debug, Default, clap::Args)]
pub struct Run {
    /// The config; the embedded default when there is none.
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// The same, as the Collector takes it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Changes a value after the file is read, as in exporters.debug.verbosity=detailed. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

impl Run {
    /// Runs it.
    ///
    /// # Errors
    /// Why it could not start, or had to stop.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = match Config::load(
            self.config.as_deref().or(self.file.as_deref()),
            &self.sets,
            &ProcessEnvironment,
        ) {
            Ok(config) => config,
            Err(errors) => {
                eprintln!("{errors}");
                return Ok(ExitCode::from(EXIT_WRONG));
            }
        };
        let repeats = log_to_stderr(config.telemetry.log_level, config.telemetry.log_encoding);
        for notice in &config.notices {
            warn!("{notice}");
        }
        open_files::ask_for_all();
        let runtime = runtime()?;
        let code = runtime.block_on(async {
            // Before anything is acknowledged: from then on no signal may end it without a drain.
            let signals = Signals::listen(true)?;
            let app = match app::start(&config, Options::default()).await {
                Ok((app, _)) => app,
                // As wrong as a wrong config.
                Err(StartError::Files(problem)) => {
                    eprintln!("{problem}");
                    return Ok(ExitCode::from(EXIT_WRONG));
                }
                Err(error) => return Err(error.into()),
            };
            let addresses = app.addresses();
            let target = |name: &str, address: Option<_>, tls: bool| {
                address.map(|at| format!("{name} http{}://{at}", if tls { "s" } else { "" }))
            };
            let receivers = &config.receivers;
            let targets = [
                target(
                    "gRPC",
                    addresses.grpc,
                    receivers.grpc.as_ref().is_some_and(|grpc| grpc.tls.is_some()),
                ),
                target(
                    "HTTP",
                    addresses.http,
                    receivers.http.as_ref().is_some_and(|http| http.tls.is_some()),
                ),
            ];
            info!("ready: send OTLP to {}", targets.into_iter().flatten().collect::<Vec<_>>().join(", "));
            until_stopped(app, signals).await
        });
        // What still runs on the blocking pool has had its time: a stalled console must not keep us.
        runtime.shutdown_background();
        repeats.tell();
        code
    }
}

/// The runtime: as many workers as there are cores.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Sets up the log: to stderr, for standard output belongs to debug exporters. `RUST_LOG` overrides. It has so many [`Repeats`].
pub(super) fn log_to_stderr(level: LogLevel, encoding: LogEncoding) -> Repeats {
    let directives = format!("{},h2=warn,hyper=warn,tonic=warn,opentelemetry=warn", level.as_str());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    let repeats = Repeats::default();
    // Only a second call in one process can fail, and then there is a log already.
    let _ = match encoding {
        LogEncoding::Console => log.finish().with(repeats.clone()).try_init(),
        LogEncoding::Json => log.json().finish().with(repeats.clone()).try_init(),
    };
    repeats.keep_telling();
    repeats
}

/// The signals that stop a collector, and the one that reads its files again. While this exists, they do not end the process by themselves.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Only where it means "read the files again": elsewhere it ends the process, as when its terminal closes.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens. `reload`: SIGHUP reads price files and lookup files again.
    pub(super) fn listen(reload: bool) -> std::io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: reload.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }
}

/// Runs until a signal or a failure, then drains.
pub(super) async fn until_stopped(mut app: App, signals: Signals) -> anyhow::Result<ExitCode> {
    let Signals { mut terminate, mut interrupt, mut hangup } = signals;
    let failed = loop {
        tokio::select! {
            _ = terminate.recv() => { info!("SIGTERM: shutting down"); break false }
            _ = interrupt.recv() => { info!("SIGINT: shutting down"); break false }
            Some(()) = async { hangup.as_mut()?.recv().await }, if hangup.is_some() => { info!("SIGHUP: reading price files, lookup files and certificates"); app.reload(); }
            failure = app.failure() => { error!("shutting down: {failure}"); break true }
        }
    };
    tokio::select! {
        // What could not be delivered has been said; the shutdown itself went as it should.
        _ = app.shutdown(GRACE) => {}
        _ = terminate.recv() => return Ok(at_once()),
        _ = interrupt.recv() => return Ok(at_once()),
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn at_once() -> ExitCode {
    error!("a second signal: stopping at once; what is not delivered is lost");
    ExitCode::from(130)
}
