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

/// Where requests go, by signal.
pub(super) type Routes = [Vec<Route>; 3];

/// Gives each exporter its place in the queue and routes the pipelines to them. The readers come in the
/// order of the config's exporters.
pub(super) fn routes(config: &Config, log: &Log, money: &[Reader]) -> (Routes, Vec<Reader>) {
    let readers: Vec<Reader> = config
        .exporters
        .iter()
        .map(|exporter| {
            let keeps = if exporter.queue.storage.is_on_disk() { Keeps::Cursor } else { Keeps::Nothing };
            log.reader(exporter.id.to_string(), budget(&exporter.queue, log), keeps)
        })
        .collect();
    let routes = Signal::ALL.map(|signal| {
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
        // However many pipelines price a span, it is booked once.
        if routes.iter().any(|route| route.part == Part::Priced) {
            routes.extend(money.iter().map(|reader| Route { to: reader.id(), part: Part::Entries }));
        }
        routes
    });
    (routes, readers)
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
