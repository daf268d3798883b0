//! `pricetag demo`: the collector on its embedded default, and sample traffic for it.

mod console;
pub mod sample;
mod sender;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::timeout;

use super::run::{Signals, log_to_stderr, runtime, until_stopped};
use crate::app::{self, GRACE, Options};
use crate::config::{Config, HostPort, LedgerFile, LogEncoding, LogLevel, ProcessEnvironment};
use crate::exporter::build::Output;
use console::{Console, say};
use sample::{CALLS, Twist};
use sender::Sender;

/// Runs the collector on its embedded default and sends it sample traffic.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Play the sample once, print the totals, and exit
    #[arg(long)]
    once: bool,
}

/// Calls that are sent together, and the pause after them: slow enough to watch.
const BATCH: usize = 4;
const PAUSE: Duration = Duration::from_millis(400);

/// How long the sample may take on its way.
const PATIENCE: Duration = Duration::from_secs(20);

impl Demo {
    /// Runs it.
    ///
    /// # Errors
    /// When the collector can not start, or does not take the sample.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut config =
            Config::load(None, &[], &ProcessEnvironment).map_err(|errors| anyhow::anyhow!("{errors}"))?;
        log_to_stderr(LogLevel::Warn, LogEncoding::Console);
        replace_busy_ports(&mut config);
        // Nobody paid for it: it is no part of the user's ledger.
        if let Some(processor) = &mut config.processor {
            processor.ledger.file = LedgerFile::Memory;
        }
        runtime()?.block_on(self.play(config))
    }

    async fn play(self, config: Config) -> anyhow::Result<ExitCode> {
        let options = Options { debug_output: Output::Nowhere, watch_bookings: true };
        let (app, bookings) = app::start(&config, options).await?;
        let addresses = app.addresses();
        let (Some(grpc), Some(bookings)) = (addresses.grpc, bookings) else {
            bail!("the embedded config has no OTLP/gRPC receiver")
        };
        let show = |name: &str, address: Option<SocketAddr>| {
            if let Some(address) = address {
                say(&format!("{name:<18}{address}"));
            }
        };
        show("OTLP gRPC", addresses.grpc);
        show("OTLP HTTP", addresses.http);
        show("health, metrics", addresses.admin);
        say("\nSample traffic (service pricetag-demo; nobody paid for it):\n");

        let mut console = Console::new(bookings);
        console.head();
        let sender = Sender::new(grpc)?;
        for batch in CALLS.chunks(BATCH) {
            sender.send(batch).await?;
            if !self.once {
                let _ = timeout(PAUSE, async { while console.next().await > 0 {} }).await;
            }
        }
        // An agent's span is a call more: the one that must not count.
        let expected = CALLS.len() + CALLS.iter().filter(|call| call.twist == Twist::InAgent).count();
        let all = async { while console.shown() < expected && console.next().await < expected {} };
        timeout(PATIENCE, all).await.context("the sample did not come through in time")?;

        if self.once {
            let ledger = app.ledger().clone();
            app.shutdown(GRACE).await;
            totals(&ledger);
            return Ok(ExitCode::SUCCESS);
        }
        say("\nStill listening. Point an app's OpenTelemetry SDK here:\n");
        say(&format!("  export OTEL_EXPORTER_OTLP_ENDPOINT=http://{grpc}"));
        say("  export OTEL_EXPORTER_OTLP_PROTOCOL=grpc\n");
        if let (Some(http), Some(admin)) = (addresses.http, addresses.admin) {
            say(&format!(
                "(or http://{http} with http/protobuf; metrics at http://{admin}/metrics; Ctrl-C ends)\n"
            ));
        }
        console.restart();
        let watch = async { while console.next().await > 0 {} };
        let signals = Signals::listen(false)?;
        tokio::select! {
            code = until_stopped(app, signals) => code,
            () = watch => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Prints what the ledger has settled.
fn totals(ledger: &crate::ledger::Ledger) {
    let books = ledger.books();
    let mut by_status = std::collections::BTreeMap::new();
    for (status, calls) in books.series().iter().flat_map(|series| series.settled.calls()) {
        *by_status.entry(status.as_str()).or_insert(0) += calls;
    }
    let statuses: Vec<String> = by_status.iter().map(|(status, calls)| format!("{calls} {status}")).collect();
    say(&format!("\ncalls    {}", statuses.join(", ")));
    say(&format!("total    ${}", books.total().0));
}

/// Jaeger or another collector often holds the usual ports: takes free ones then, and says so.
fn replace_busy_ports(config: &mut Config) {
    let receivers = &mut config.receivers;
    let endpoints = [
        ("OTLP gRPC", receivers.grpc.as_mut().map(|grpc| &mut grpc.endpoint)),
        ("OTLP HTTP", receivers.http.as_mut().map(|http| &mut http.endpoint)),
        ("metrics", config.telemetry.metrics.as_mut()),
    ];
    for (name, endpoint) in endpoints {
        if let Some(endpoint) = endpoint.filter(|endpoint| is_busy(endpoint)) {
            say(&format!("{endpoint} is taken by another process: {name} gets a free port"));
            endpoint.port = 0;
        }
    }
}

fn is_busy(endpoint: &HostPort) -> bool {
    TcpListener::bind((endpoint.host.as_str(), endpoint.port)).is_err()
}
