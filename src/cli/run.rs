//! `pricetag run`: the collector.

use std::io::IsTerminal as _;
use std::mem::replace;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::check::EXIT_WRONG;
use super::open_files;
use super::reload::{Inputs, reload};
use crate::admin::reload::{Ask, Reloads};
use crate::app::{self, Addresses, App, GRACE, Options, Sockets, StartError};
use crate::config::{Config, ConfigErrors, LogEncoding, LogLevel, ProcessEnvironment};
use crate::said::Repeats;

/// How long to wait before a start is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs the collector until SIGTERM or SIGINT; a second signal ends it at once.
#[derive(Debug, Clone, Default, clap::Args)]
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
        let config = match self.load() {
            Ok(config) => config,
            Err(errors) => {
                eprintln!("{errors}");
                return Ok(ExitCode::from(EXIT_WRONG));
            }
        };
        let repeats = log_to_stderr(config.telemetry.log_level, config.telemetry.log_encoding);
        open_files::ask_for_all();
        let runtime = runtime()?;
        let code = runtime.block_on(self.collect(config));
        // What still runs on the blocking pool has had its time: a stalled console must not keep us.
        runtime.shutdown_background();
        repeats.tell();
        code
    }

    pub(super) fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(self.config.as_deref().or(self.file.as_deref()), &self.sets, &ProcessEnvironment)
    }

    /// Collects by a config, and by those that take its place, until it is stopped.
    async fn collect(self, config: Config) -> anyhow::Result<ExitCode> {
        // Before anything is acknowledged: from then on no signal may end it without a drain.
        let mut signals = Signals::listen(true)?;
        let (reloads, mut asked) = Reloads::new();
        let mut sockets = Sockets::default();
        let mut inputs = Inputs::of(config);
        // What was in force, until what takes its place has been started.
        let mut before: Option<Inputs> = None;
        let mut has_run = false;
        loop {
            inputs.config.notices.iter().for_each(|notice| warn!("{notice}"));
            let options = Options { reloads: Some(reloads.clone()), ..Options::default() };
            let started = tokio::select! {
                started = app::start(&inputs.config, options, &mut sockets) => started,
                () = signals.stop() => return Ok(ExitCode::SUCCESS),
            };
            let mut app = match (started, before.take()) {
                (Ok((app, _)), _) => app,
                (Err(error), Some(before)) => {
                    let error = anyhow::Error::from(error);
                    error!("the config can not be started, and the one before stays in force: {error:#}");
                    reloads.set_failed(true);
                    inputs = before;
                    continue;
                }
                // It has run by this config: what is in its way may be mended.
                (Err(error), None) if has_run => {
                    error!(
                        "can not start again, and tries it every second: {:#}",
                        anyhow::Error::from(error)
                    );
                    tokio::select! {
                        () = sleep(AGAIN) => continue,
                        () = signals.stop() => return Ok(ExitCode::FAILURE),
                    }
                }
                // As wrong as a wrong config.
                (Err(StartError::Files(problem)), None) => {
                    eprintln!("{problem}");
                    return Ok(ExitCode::from(EXIT_WRONG));
                }
                (Err(error), None) => return Err(error.into()),
            };
            has_run = true;
            say_ready(&inputs.config, app.addresses());
            let another = self.another(&mut app, &inputs, &mut sockets, &mut signals, &reloads, &mut asked);
            let new = match another.await {
                Ok(new) => new,
                Err(code) => {
                    drop(sockets);
                    return stop(app, signals, code).await;
                }
            };
            let mut handing_over = pin!(app.hand_over());
            tokio::select! {
                done = &mut handing_over => done?,
                () = signals.stop() => {
                    // It ends anyway; nobody follows.
                    drop(sockets);
                    return tokio::select! {
                        done = handing_over => done.map(|()| ExitCode::SUCCESS).map_err(Into::into),
                        () = signals.stop() => Ok(at_once()),
                    };
                }
            }
            before = Some(replace(&mut inputs, new));
        }
    }

    /// Waits for a config that takes the place of the one in force.
    ///
    /// # Errors
    /// The end has come before; how.
    async fn another(
        &self,
        app: &mut App,
        in_force: &Inputs,
        sockets: &mut Sockets,
        signals: &mut Signals,
        reloads: &Reloads,
        asked: &mut Receiver<Ask>,
    ) -> Result<Inputs, ExitCode> {
        loop {
            let asks = tokio::select! {
                told = signals.told(app) => match told {
                    Told::Reload => None,
                    Told::Stop(code) => return Err(code),
                },
                Some(asks) = asked.recv() => Some(asks),
            };
            let new = tokio::select! {
                new = reload(self, in_force, app, sockets, reloads, asks) => new,
                () = signals.stop() => return Err(ExitCode::SUCCESS),
            };
            if let Some(new) = new {
                return Ok(new);
            }
        }
    }
}

fn say_ready(config: &Config, addresses: Addresses) {
    let target = |name: &str, address: Option<_>, tls: bool| {
        address.map(|at| format!("{name} http{}://{at}", if tls { "s" } else { "" }))
    };
    let receivers = &config.receivers;
    let targets = [
        target("gRPC", addresses.grpc, receivers.grpc.as_ref().is_some_and(|grpc| grpc.tls.is_some())),
        target("HTTP", addresses.http, receivers.http.as_ref().is_some_and(|http| http.tls.is_some())),
    ];
    info!("ready: send OTLP to {}", targets.into_iter().flatten().collect::<Vec<_>>().join(", "));
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
    /// Listens. `reload`: SIGHUP reads the config and its files again.
    pub(super) fn listen(reload: bool) -> std::io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: reload.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for a signal that stops.
    async fn stop(&mut self) {
        let Signals { terminate, interrupt, .. } = self;
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => info!("SIGINT: shutting down"),
        }
    }

    /// Waits for a signal, or for a failure of the app.
    async fn told(&mut self, app: &mut App) -> Told {
        let Signals { terminate, interrupt, hangup } = self;
        tokio::select! {
            _ = terminate.recv() => { info!("SIGTERM: shutting down"); Told::Stop(ExitCode::SUCCESS) }
            _ = interrupt.recv() => { info!("SIGINT: shutting down"); Told::Stop(ExitCode::SUCCESS) }
            Some(()) = async { hangup.as_mut()?.recv().await }, if hangup.is_some() => { info!("SIGHUP: reading the config and its files again"); Told::Reload }
            failure = app.failure() => { error!("shutting down: {failure}"); Told::Stop(ExitCode::FAILURE) }
        }
    }
}

/// What a running collector is told.
enum Told {
    Stop(ExitCode),
    Reload,
}

/// Runs until a signal or a failure, then drains.
pub(super) async fn until_stopped(mut app: App, mut signals: Signals) -> anyhow::Result<ExitCode> {
    let code = loop {
        match signals.told(&mut app).await {
            Told::Stop(code) => break code,
            Told::Reload => {}
        }
    };
    stop(app, signals, code).await
}

/// Drains. What could not be delivered is said; the shutdown itself goes as it should.
async fn stop(app: App, mut signals: Signals, code: ExitCode) -> anyhow::Result<ExitCode> {
    tokio::select! {
        _ = app.shutdown(GRACE) => Ok(code),
        () = signals.stop() => Ok(at_once()),
    }
}

fn at_once() -> ExitCode {
    error!("a second signal: stopping at once; what is not delivered is lost");
    ExitCode::from(130)
}
