//! `pricetag demo`: the collector on its embedded default, and sample traffic for it: a few calls one by one, a day of history, and
//! a minute in which one user's cost runs away.

mod console;
pub mod history;
pub mod sample;
mod sender;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use tokio::time::{Instant, timeout, timeout_at};

use super::run::{Signals, log_to_stderr, runtime, until_stopped};
use crate::app::{self, Addresses, GRACE, Options, Sockets};
use crate::config::{Config, HostPort, LogEncoding, LogLevel, ProcessEnvironment};
use crate::exporter::build::Output;
use crate::pricing::Picodollars;
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

/// What the demo has beside the embedded default.
const SETS: [&str; 4] = [
    // Nobody paid for it: it is no part of the user's ledger.
    "processors.pricetag.ledger.file=':memory:'",
    // So that what settles is seen within the minute.
    "processors.pricetag.settle_after=3s",
    // Its history is a day long, and no longer.
    "processors.pricetag.spikes={by: user, times: 5, above: 1.00, warm_up: 12h}",
    "processors.pricetag.margin={other_cogs_percent: 15, revenue: [\
        {tier: enterprise, amount: 600, per: month, each: total}, \
        {tier: pro, amount: 240, per: month, each: total}, \
        {tier: pro, amount: 0.01, per: action}]}",
];

/// Calls that are sent together, and the pause after them: slow enough to watch.
const BATCH: usize = 4;
const PAUSE: Duration = Duration::from_millis(400);

/// Actions of the history that are sent together: few enough for the client's queue.
const ACTIONS: usize = 200;

/// Seconds of the live part.
const MINUTE: u64 = 60;

/// How long the sample may take on its way.
const PATIENCE: Duration = Duration::from_secs(20);

impl Demo {
    /// Runs it.
    ///
    /// # Errors
    /// When the collector can not start, or does not take the sample.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = Config::load(None, &SETS.map(str::to_owned), &ProcessEnvironment)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?;
        log_to_stderr(LogLevel::Warn, LogEncoding::Console);
        replace_busy_ports(&mut config);
        runtime()?.block_on(self.play(config))
    }

    async fn play(self, config: Config) -> anyhow::Result<ExitCode> {
        let options = Options { debug_output: Output::Nowhere, watch_bookings: true, ..Options::default() };
        let (app, bookings) = app::start(&config, options, &mut Sockets::default()).await?;
        let addresses = app.addresses();
        let (Some(grpc), Some(bookings)) = (addresses.grpc, bookings) else {
            bail!("the embedded config has no OTLP/gRPC receiver")
        };
        if let Some(admin) = addresses.admin {
            say(&format!("\nOpen http://{admin}/ to see what it all costs.\n"));
        }
        let show = |name: &str, address: Option<SocketAddr>| {
            if let Some(address) = address {
                say(&format!("{name:<18}{address}"));
            }
        };
        show("OTLP gRPC", addresses.grpc);
        show("OTLP HTTP", addresses.http);
        show("page, metrics", addresses.admin);
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
        past(&sender, &mut console).await?;
        let watch = async {
            if let Err(error) = present(&sender, &mut console).await {
                say(&format!("\nThe live part ended early: {error:#}"));
            }
            invite(addresses);
            console.restart();
            while console.next().await > 0 {}
        };
        let signals = Signals::listen(false)?;
        tokio::select! {
            code = until_stopped(app, signals) => code,
            () = watch => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Sends a day of history, and says so in one line.
async fn past(sender: &Sender, console: &mut Console) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut calls, mut unknown, mut total) = (0, 0, Picodollars::ZERO);
    for actions in history::day(now.as_secs()).chunks(ACTIONS) {
        sender.send_actions(actions).await?;
        let sent = actions.iter().map(|action| action.calls.len()).sum();
        let (cost, unpriced) = timeout(PATIENCE, console.skip(sent))
            .await
            .context("the history did not come through in time")?;
        (calls, unknown, total) = (calls + sent, unknown + unpriced, total.saturating_add(cost));
    }
    say(&format!("\nA day of history: {calls} calls, ${total}, {unknown} of unknown cost."));
    say(&format!("Now a minute, live; look what {} does in it:\n", history::RUNAWAY));
    Ok(())
}

/// Sends what happens in a minute, second by second.
async fn present(sender: &Sender, console: &mut Console) -> anyhow::Result<()> {
    console.head();
    for second in 0..MINUTE {
        let next = Instant::now() + Duration::from_secs(1);
        sender.send_actions(&history::second(second)).await?;
        let _ = timeout_at(next, async { while console.next().await > 0 {} }).await;
    }
    Ok(())
}

/// Says how to send something real.
fn invite(addresses: Addresses) {
    say("\nStill listening. Point an app's OpenTelemetry SDK here:\n");
    if let Some(http) = addresses.http {
        say(&format!("  export OTEL_EXPORTER_OTLP_ENDPOINT=http://{http}"));
        say("  export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n");
    }
    if let Some(grpc) = addresses.grpc {
        say(&format!("(or http://{grpc} with grpc; Ctrl-C ends)\n"));
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
