//! Builds the app, exporters first.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::backends::Backends;
use super::cost_metrics::CostMetrics;
use super::doors::Doors;
use super::listeners::{Listeners, wanted};
use super::observe::{self, LEDGER, WATCHER};
use super::priced::Priced;
use super::sockets::Sockets;
use super::spikes;
use super::wiring::{self, Routes};
use super::{App, ledger, queue};
use crate::admin::reload::Reloads;
use crate::admin::{Readiness, Site};
use crate::config::{Config, is_own_address, own_listener_loops, resolve};
use crate::exporter::build::{self, Output};
use crate::exporter::ceiling::Ceiling;
use crate::exporter::dead_letters::{self, Office};
use crate::exporter::worker::Worker;
use crate::ledger::actions::ActionEvents;
use crate::ledger::instruments::UnpricedShare;
use crate::ledger::log_events::LogEvents;
use crate::ledger::store::StoreError;
use crate::margin::{Margins, gauges};
use crate::otlp::Signal;
use crate::queue::{Budget, Keeps, OnFull, Part, Reader, Route};
use crate::receiver::Intake;
use crate::receiver::hold::{self, Hold};
use crate::telemetry::Telemetry;
use crate::yaml::Mistakes;

/// How often idle traces are looked for.
const SETTLE_TICK: Duration = Duration::from_millis(250);

/// What the caller decides besides the config.
#[derive(Debug, Default)]
pub struct Options {
    /// Where debug exporters write.
    pub debug_output: Output,
    /// Someone watches the bookings: the second part of what [`start`] gives.
    pub watch_bookings: bool,
    /// Where reloads are asked for, if somebody answers.
    pub reloads: Option<Reloads>,
}

/// Why the app did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener can not be had.
    #[error("{key}: can not listen on {endpoint}{remedy}")]
    Bind {
        /// The key in the config.
        key: &'static str,
        /// What was asked for.
        endpoint: String,
        /// What to do about it.
        remedy: String,
        /// What the system says.
        source: io::Error,
    },
    /// Price files, dialects, lookups or certificates that can not be used.
    #[error(transparent)]
    Files(#[from] Mistakes),
    /// Exporters that send to ourselves.
    #[error("{0}")]
    Loop(String),
    /// An exporter that can not be made.
    #[error("exporters.{id}: {source}")]
    Exporter {
        /// Its id.
        id: String,
        /// Why.
        source: crate::exporter::BuildError,
    },
    /// The webhook of spikes can not be posted to.
    #[error("processors.pricetag.spikes.webhook: {0}")]
    Webhook(String),
    /// The ledger's file can not be used.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The queue's folder can not be used.
    #[error("{}: the queue can not be kept here: {message}; name another folder with extensions.file_storage.directory", folder.display())]
    Queue {
        /// The folder.
        folder: PathBuf,
        /// Why.
        message: String,
    },
    /// The queue's files are of another version.
    #[error("{}: {message}", folder.display())]
    QueueVersion {
        /// The folder.
        folder: PathBuf,
        /// Which.
        message: String,
    },
    /// The metrics can not be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
}

/// Starts a collector: when this returns, it listens, on `sockets` that an app before it has left as far as the config names their addresses.
/// Whoever wants nobody to connect any more drops them. The second part reads its bookings, if the options
/// ask for it.
///
/// # Errors
/// [`StartError`]; nothing is left listening then.
pub async fn start(
    config: &Config,
    options: Options,
    sockets: &mut Sockets,
) -> Result<(App, Option<Reader>), StartError> {
    let Options { debug_output, watch_bookings, reloads } = options;
    let priced = config.processor.as_ref().map(Priced::read).transpose()?;
    let doors = Doors::read(config)?;
    let backends = Backends::new(config, debug_output)?;
    let listeners = Listeners::bind(config, sockets).await?;
    let bound: Vec<SocketAddr> = listeners.otlp_addresses();
    if let Some(found) = own_listener_loops(config, &bound, resolve, is_own_address).first() {
        return Err(StartError::Loop(found.to_string()));
    }

    let (log, on_disk) = queue::open(config)?;
    let office = on_disk.as_ref().map(|it| Office::new(&it.folder.join(dead_letters::FOLDER)));
    let ledger_reader = log.reader(LEDGER, wiring::BOOKINGS, Keeps::Nothing);
    let watcher = watch_bookings
        .then(|| log.reader(WATCHER, Budget { on_full: OnFull::Drop, ..wiring::BOOKINGS }, Keeps::Nothing));
    let money: Vec<Reader> = [Some(ledger_reader.clone()), watcher.clone()].into_iter().flatten().collect();
    // Though nothing is held any more: an earlier process may have left something.
    let hold = log.reader(hold::NAME, wiring::of_hold(config), Keeps::Cursor);
    let (Routes { of: routes, held }, readers) = wiring::routes(config, &log, &money, &hold);

    // The SDK's bridge wants a registry for itself.
    let (self_metrics, costs) = (Registry::new(), Registry::new());
    let shared = priced.as_ref().map(|priced| Arc::clone(&priced.shared));
    let dimensions = shared.as_ref().map_or(&[][..], |shared| shared.dimensions());
    let labels = ledger::labels(config.processor.as_ref(), dimensions);
    let ledger = ledger::open(config.processor.as_ref(), dimensions, &labels)?;
    let resource = resource(config, &ledger.origin().instance);
    let telemetry = Arc::new(Telemetry::new(self_metrics.clone(), resource.clone())?);
    let mut reading = JoinSet::new();
    for (index, ((exporter, client), reader)) in
        config.exporters.iter().zip(backends.clients()).zip(&readers).enumerate()
    {
        let id = exporter.id.to_string();
        let worker = Worker {
            client,
            retry: build::retry(exporter),
            ceiling: Ceiling::new(exporter.queue.limit),
            dead_letters: office.as_ref().map(|office| office.of(&id, telemetry.dead_letters(&id))),
            redactors: build::redactors(config, index, &telemetry),
            reader: reader.clone(),
            metrics: telemetry.exporter(&id),
            id,
        };
        worker.spawn(exporter.queue.consumers, &mut reading);
    }

    let events = LogEvents::new(log.clone(), &routes[Signal::Logs as usize], &resource);
    let actions = ActionEvents::new(events.clone(), dimensions);
    reading.spawn(ledger.clone().run(ledger_reader.clone(), actions));
    let keys: Vec<String> = labels.iter().map(|at| dimensions[*at].written.clone()).collect();
    let metrics_routes = (&log, &routes[Signal::Metrics as usize][..]);
    let share = UnpricedShare::default();
    let cost_metrics = CostMetrics::start(&ledger, &share, &keys, metrics_routes, &costs, resource)?;
    let mut settling = JoinSet::new();
    settling.spawn(share.keep(ledger.clone()));
    let said = config.processor.as_ref().and_then(|pricetag| pricetag.spikes.as_ref());
    let meters = (&cost_metrics.meters()[..], telemetry.meter());
    let spikes = said
        .map(|said| spikes::watch(said, dimensions, &ledger, events, meters, &mut settling))
        .transpose()?;
    let (spikes, posting) = spikes.unzip();

    let intake = Arc::new(Intake::new(
        log.clone(),
        routes,
        shared.clone().map(|shared| (shared, Route { to: ledger_reader.id(), part: Part::Entries })),
    ));
    let names: Vec<String> = dimensions.iter().map(|dimension| dimension.name.to_string()).collect();
    queue::recover((&log, on_disk.as_ref()), &ledger, &ledger_reader, &intake, &names)?;
    if hold.left() > 0 {
        // Until it is known what is: nothing settles that it belongs to.
        intake.holds(Some(0));
        if held.is_empty() {
            warn!(
                "{} request(s) are held back, and no pipeline of traces has an exporter for them: they wait",
                hold.left()
            );
        }
    }
    observe::register(telemetry.meter(), &log, &ledger, shared.clone());
    if let Some(reloads) = &reloads {
        observe::reloads(telemetry.meter(), reloads.clone());
    }

    let readiness = Readiness::default();
    let (stop_receiving, receiving_stops) = watch::channel(false);
    let (stop_holding, holding_stops) = watch::channel(false);
    let (stop_serving, serving_stops) = watch::channel(false);
    let addresses = listeners.addresses();
    let mut app = App {
        addresses,
        ledger,
        log,
        _queue: on_disk,
        exporters: config.exporters.iter().map(|exporter| exporter.id.to_string()).zip(readers).collect(),
        intake: Arc::clone(&intake),
        readiness: readiness.clone(),
        telemetry,
        cost_metrics,
        ledger_reader,
        hold: hold.clone(),
        receiving: JoinSet::new(),
        holding: JoinSet::new(),
        settling,
        posting: posting.flatten(),
        reload: Vec::new(),
        reading,
        serving: JoinSet::new(),
        stop_receiving,
        stop_holding,
        stop_serving,
    };
    app.settling.spawn(settle(Arc::clone(&intake)));
    let (early, pricetag) = (Arc::<AtomicU64>::default(), config.processor.as_ref());
    observe::held(app.telemetry.meter(), hold.clone(), Arc::clone(&early));
    let hold = Hold {
        reader: hold,
        intake,
        routes: held.into(),
        time: pricetag.map_or(Duration::ZERO, |pricetag| pricetag.hold),
        most: pricetag.map_or(0, |pricetag| pricetag.max_held_bytes),
        early,
    };
    app.holding.spawn(hold.run(holding_stops));
    app.settling.spawn(app.ledger.clone().keep());
    if let Some(priced) = priced {
        app.reload = priced.keep(app.telemetry.meter(), &mut app.settling);
    }
    let (receivers, door) = doors.doors(config, app.telemetry.meter());
    app.reload.extend(doors.keep(app.telemetry.meter(), &mut app.settling));
    app.reload.extend(backends.keep(app.telemetry.meter(), &mut app.settling));
    let margins = shared.as_ref().and_then(|shared| Margins::new(shared, &app.ledger)).map(Arc::new);
    if let Some(margins) = &margins {
        app.settling.spawn(gauges::keep(&app.cost_metrics.meters(), Arc::clone(margins)));
    }
    let (ledger, registries) = (app.ledger.clone(), vec![costs, self_metrics]);
    let receiver = app.addresses.http;
    let receiver_tls = config.receivers.http.as_ref().is_some_and(|http| http.tls.is_some());
    let host = config.telemetry.metrics.as_ref().map(|address| address.host.clone());
    let readying = readiness.clone();
    let site = Site {
        registries,
        ledger,
        readiness: readying,
        shared,
        margins,
        spikes,
        receiver,
        receiver_tls,
        host,
        reloads,
        door,
    };
    listeners.serve(&mut app, config, receivers, site, receiving_stops, serving_stops);
    sockets.keep_only(&wanted(config));
    readiness.set(true);
    Ok((app, watcher))
}

/// Whether the files that a config names can be read, and are right, and whether exporters can be made of them. Blocks.
///
/// # Errors
/// What is wrong.
///
/// # Panics
/// Outside of a tokio runtime, which exporters need.
pub fn check(config: &Config) -> Result<(), StartError> {
    config.processor.as_ref().map(Priced::read).transpose()?;
    Doors::read(config)?;
    Backends::new(config, Output::Nowhere).map(drop)
}

/// Who we are, in the metrics that we send.
fn resource(config: &Config, instance: &str) -> Resource {
    let own = config.telemetry.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "pricetag"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .with_attributes(own)
        .build()
}

async fn settle(intake: Arc<Intake>) {
    let mut tick = tokio::time::interval(SETTLE_TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        intake.settle_idle();
    }
}
