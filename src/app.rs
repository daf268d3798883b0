//! The app: the only module that knows all others. It builds from the exporters to the receivers, so that
//! nothing is taken before it can go anywhere, and drains in the direction of the flow.

mod backends;
mod cost_metrics;
mod doors;
mod files;
mod ledger;
mod listeners;
mod lookups;
mod observe;
mod priced;
mod prices;
mod queue;
mod settings;
mod sockets;
mod spikes;
mod start;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

pub use listeners::prepare;
pub use queue::{folder as queue_folder, on_disk as queue_on_disk, say_absent};
pub use settings::settings;
pub use sockets::Sockets;
pub use start::{Options, StartError, check, start};

use cost_metrics::CostMetrics;
use files::Bell;
use queue::OnDisk;

use crate::admin::Readiness;
use crate::admin::reload::OfFiles;
use crate::ledger::Ledger;
use crate::ledger::spikes::webhook::Posting;
use crate::queue::{Log, Reader};
use crate::receiver::Intake;
use crate::telemetry::Telemetry;

/// How long a shutdown may take: it ends before the 10 s after which Docker, and the 30 s after which
/// Kubernetes, kill.
pub const GRACE: Duration = Duration::from_secs(8);

/// How long an app that makes room for another one waits for requests and deliveries that are under way.
const HAND_OVER: Duration = Duration::from_secs(2);

/// How an app has ended.
struct Ended {
    /// Requests that are lost to their exporters.
    lost: usize,
    /// What still writes the queue, if that has taken too long.
    writing: Option<JoinHandle<()>>,
    /// Nobody else writes the queue's files as long as this is there.
    queue: Option<OnDisk>,
}

/// Something does not end, such as a write to a disk that hangs.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the queue or the ledger's file is still being written, so nobody else may: its disk may hang")]
pub struct StillAtWork;

/// The addresses that are listened on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    /// OTLP/gRPC.
    pub grpc: Option<SocketAddr>,
    /// OTLP/HTTP.
    pub http: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: Option<SocketAddr>,
}

/// A running collector.
#[derive(Debug)]
pub struct App {
    addresses: Addresses,
    ledger: Ledger,
    log: Log,
    /// Nobody else writes the queue's files.
    _queue: Option<OnDisk>,
    intake: Arc<Intake>,
    readiness: Readiness,
    telemetry: Arc<Telemetry>,
    cost_metrics: CostMetrics,
    /// The ledger's place in the queue, and the exporters'.
    ledger_reader: Reader,
    /// The place of what is held back.
    hold: Reader,
    exporters: Vec<(String, Reader)>,
    receiving: JoinSet<Result<(), String>>,
    /// What goes on as long as requests come: traces settle, prices are kept up to date, spikes are looked for.
    settling: JoinSet<()>,
    /// Holds requests back.
    holding: JoinSet<()>,
    /// Posts what is told of spikes.
    posting: Option<Posting>,
    /// Ask for price files, lookup files, certificates and logins to be read again.
    reload: Vec<Bell>,
    reading: JoinSet<()>,
    serving: JoinSet<()>,
    stop_receiving: watch::Sender<bool>,
    stop_holding: watch::Sender<bool>,
    stop_serving: watch::Sender<bool>,
}

impl App {
    /// The addresses that are listened on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Reads price files, lookup files, certificates and logins again, and says, in the log too, what came of each.
    pub fn reload(&self) -> impl Future<Output = Vec<OfFiles>> + Send + 'static {
        let bells = self.reload.clone();
        async move {
            let mut outcomes = Vec::with_capacity(bells.len());
            for bell in &bells {
                outcomes.push(bell.ring().await);
            }
            outcomes
        }
    }

    /// Waits for a receiver to fail; pending while all is well.
    pub async fn failure(&mut self) -> String {
        loop {
            let ended = tokio::select! {
                Some(receiver) = self.receiving.join_next() => receiver,
                // What nobody lets go would never leave.
                Some(Err(panic)) = self.holding.join_next() => Ok(Err(panic.to_string())),
                else => std::future::pending().await,
            };
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Stops receiving, finishes what is under way and drains the queue, after settling all traces where it is in memory, all within
    /// `grace`. Says how many requests are lost to their exporters.
    pub async fn shutdown(self, grace: Duration) -> usize {
        self.finish(grace).await.lost
    }

    /// Makes room for another app: the same as [`shutdown`](Self::shutdown), but what waits on disk is left to that one.
    ///
    /// # Errors
    /// Something of this one is still at work, so that another one would be in its way.
    pub async fn hand_over(self) -> Result<(), StillAtWork> {
        let is_left = |(_, reader): &(String, Reader)| reader.is_kept() || reader.left() == 0;
        let grace = if self.exporters.iter().all(is_left) { HAND_OVER } else { GRACE };
        let ledger = self.ledger.clone();
        let Ended { writing, queue, .. } = self.finish(grace).await;
        let closed = tokio::task::spawn_blocking(move || ledger.close());
        let quiet = async {
            let is_written = match writing {
                Some(writing) => writing.await.is_ok(),
                None => true,
            };
            is_written && closed.await.is_ok()
        };
        let is_quiet = timeout_at(Instant::now() + GRACE, quiet).await;
        // Until then nobody else may write the queue's files.
        drop(queue);
        if is_quiet == Ok(true) { Ok(()) } else { Err(StillAtWork) }
    }

    async fn finish(mut self, grace: Duration) -> Ended {
        let deadline = Instant::now() + grace;
        let waiting: usize = self.exporters.iter().map(|(_, reader)| reader.left()).sum();
        info!("draining for at most {grace:?}: {waiting} request(s) wait for their exporters");
        self.readiness.set(false);
        self.stop_receiving.send_replace(true);
        let receiving = async { while self.receiving.join_next().await.is_some() {} };
        // Half the time is the exporters': a client that holds its connection open must not use it up.
        if timeout_at(Instant::now() + grace / 2, receiving).await.is_err() {
            warn!("some connections are still open after {:?}; their requests will be refused", grace / 2);
        }
        self.receiving.shutdown().await;
        // Connections have tasks of their own, which may outlive the listeners: their requests are refused from here on,
        // and nothing is acknowledged that nobody would read.
        self.log.refuse();
        self.settling.shutdown().await;
        self.stop_holding.send_replace(true);
        // The watch is gone: the webhook gets what waits for it while the queue drains. Half the time is for that, for a webhook
        // that does not answer must not make every restart slow.
        let posted_until = deadline.min(Instant::now() + grace / 2);

        // On disk, traces stay open for the next process: what it is sent again must not count again.
        if self.log.identity().is_none() {
            if timeout_at(deadline, self.hold.drained()).await.is_err() {
                error!("what was held back could not be let go in time");
            }
            self.intake.settle_all();
        }
        if timeout_at(deadline, self.ledger_reader.drained()).await.is_err() {
            error!("the ledger could not finish in time");
        }
        let ledger = self.ledger.clone();
        match timeout_at(deadline, tokio::task::spawn_blocking(move || ledger.write())).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => error!("the last sums are not in the ledger's store: {error}"),
            _ => error!("the last sums are not in the ledger's store: there was no time"),
        }
        let cost_metrics = self.cost_metrics.clone();
        // It collects on this call, and waits for its own thread.
        let flushed = tokio::task::spawn_blocking(move || cost_metrics.shutdown());
        if !matches!(timeout_at(deadline, flushed).await, Ok(Ok(Ok(())))) {
            warn!("the last cost metrics could not be collected in time");
        }

        self.log.close();
        let holding = async { while self.holding.join_next().await.is_some() {} };
        let _ = timeout_at(deadline, holding).await;
        let reading = async { while self.reading.join_next().await.is_some() {} };
        let _ = timeout_at(deadline, reading).await;
        self.reading.shutdown().await;
        let mut lost = 0;
        for (exporter, reader) in self.exporters.iter().filter(|(_, reader)| reader.left() > 0) {
            let left = reader.left();
            if reader.is_kept() {
                info!(%exporter, "{left} request(s) wait on disk, for the next start");
            } else {
                error!(%exporter, "shutdown: {left} request(s) could not be delivered in time and are lost");
                lost += left;
            }
        }
        let log = self.log.clone();
        let mut writing = tokio::task::spawn_blocking(move || log.finish());
        let is_written = timeout_at(deadline + GRACE / 8, &mut writing).await.is_ok();
        if !is_written {
            error!(
                "the queue on disk could not be finished in time: what was delivered last will be delivered again"
            );
        }
        if let Some(posting) = self.posting {
            posting.finish(posted_until).await;
        }
        self.stop_serving.send_replace(true);
        let serving = async { while self.serving.join_next().await.is_some() {} };
        let _ = timeout_at(Instant::now() + Duration::from_millis(200), serving).await;
        info!("stopped");
        Ended { lost, writing: (!is_written).then_some(writing), queue: self._queue }
    }
}
