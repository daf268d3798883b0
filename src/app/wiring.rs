//! From pipelines to routes: which reader of the queue gets what of which signal.

use crate::config::{Capacity, Config, OnFull, Queue};
use crate::otlp::Signal;
use crate::queue::{self, Budget, Keeps, Log, Part, Reader, Route};

/// Bytes that an exporter may hold in memory, however its budget is given: a thousand requests of 64 MiB
/// would be 64 GB, and a disk may not be there.
const MAX_BYTES: usize = 512 << 20;

/// Records of money that may wait for the ledger. It needs microseconds for one.
const LEDGER_REQUESTS: usize = 100_000;

/// A budget that holds up nobody, for readers of bookings.
pub(super) const BOOKINGS: Budget =
    Budget { requests: LEDGER_REQUESTS, bytes: MAX_BYTES, on_full: queue::OnFull::Refuse };

/// Where requests go.
pub(super) struct Routes {
    /// By signal.
    pub(super) of: [Vec<Route>; 3],
    /// What goes there that was held.
    pub(super) held: Vec<Route>,
}

/// Gives each exporter its place in the queue and routes the pipelines to them; what is to be held goes to `hold`. The readers come in the
/// order of the config's exporters.
pub(super) fn routes(config: &Config, log: &Log, money: &[Reader], hold: &Reader) -> (Routes, Vec<Reader>) {
    let holds = config.processor.as_ref().is_some_and(|pricetag| !pricetag.hold.is_zero());
    let readers: Vec<Reader> = config
        .exporters
        .iter()
        .map(|exporter| {
            let keeps = if exporter.queue.storage.is_on_disk() { Keeps::Cursor } else { Keeps::Nothing };
            log.reader(exporter.id.to_string(), budget(&exporter.queue, log), keeps)
        })
        .collect();
    let mut held: Vec<Route> = Vec::new();
    let of = Signal::ALL.map(|signal| {
        let mut routes = Vec::new();
        for pipeline in config.pipelines.iter().filter(|pipeline| pipeline.signal == signal) {
            // Several pipelines of one kind into one exporter are one delivery: it gets a request once.
            let part = if pipeline.priced { Part::Priced } else { Part::Raw };
            for exporter in &pipeline.exporters {
                let route = Route { to: readers[*exporter].id(), part };
                if !routes.contains(&route) {
                    routes.push(route);
                }
            }
        }
        let is_priced = |route: &Route| route.part == Part::Priced;
        if signal == Signal::Traces {
            held = routes.iter().filter(|route| is_priced(route)).copied().collect();
            if held.is_empty() {
                // What an earlier process has held by another config.
                held.clone_from(&routes);
            }
        }
        // However many pipelines price a span, it is booked once.
        if routes.iter().any(|route| route.part == Part::Priced) {
            routes.extend(money.iter().map(|reader| Route { to: reader.id(), part: Part::Entries }));
        }
        if holds && signal == Signal::Traces && routes.iter().any(is_priced) {
            routes.retain(|route| !is_priced(route));
            routes.push(Route { to: hold.id(), part: Part::Held });
        }
        routes
    });
    (Routes { of, held }, readers)
}

/// The budget of what is held. What is beyond what the config says goes early, so this is for floods.
pub(super) fn of_hold(config: &Config) -> Budget {
    let most = config.processor.as_ref().map_or(0, |pricetag| pricetag.max_held_bytes);
    Budget { requests: usize::MAX, bytes: most.saturating_mul(2), on_full: queue::OnFull::Refuse }
}

fn budget(queue: &Queue, log: &Log) -> Budget {
    let in_memory = log.identity().is_none() || !queue.storage.is_on_disk();
    let (requests, bytes) = match queue.capacity {
        Capacity::Requests(requests) => (requests, if in_memory { MAX_BYTES } else { usize::MAX }),
        Capacity::Bytes(bytes) => (usize::MAX, if in_memory { bytes.min(MAX_BYTES) } else { bytes }),
    };
    let on_full = match queue.on_full {
        OnFull::Refuse => queue::OnFull::Refuse,
        OnFull::Drop => queue::OnFull::Drop,
    };
    Budget { requests, bytes, on_full }
}
