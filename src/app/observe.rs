//! The self-metrics that observe the queue, the ledger and the open traces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::access::places::Places;
use crate::admin::reload::Reloads;
use crate::ledger::Ledger;
use crate::memory;
use crate::processor::Shared;
use crate::queue::recovery::Files;
use crate::queue::{Level, Log, Reader};
use crate::receiver::hold;
use crate::settlement::Size;

/// Names of the queue's readers that are no exporters.
pub(super) const LEDGER: &str = "ledger";
pub(super) const WATCHER: &str = "watcher";

fn counts_bytes(level: &Level) -> bool {
    level.budget.requests == usize::MAX
}

fn is_exporter(level: &Level) -> bool {
    ![LEDGER, WATCHER, hold::NAME].contains(&level.reader.as_str())
}

/// Registers the self-metrics that observe the queue and the tables.
pub(super) fn register(meter: &Meter, log: &Log, ledger: &Ledger, shared: Option<Arc<Shared>>) {
    let gauge = |name: &'static str, about: &'static str, value: fn(&Level) -> u64| {
        let log = log.clone();
        meter
            .u64_observable_gauge(name)
            .with_description(about)
            .with_callback(move |observer| {
                for level in log.levels().into_iter().filter(is_exporter) {
                    observer.observe(value(&level), &[KeyValue::new("exporter", level.reader.clone())]);
                }
            })
            .build();
    };
    // As in the Collector, in what the queue's size is given in.
    gauge(
        "otelcol_exporter_queue_size",
        "Requests in the exporter's queue; bytes where its size is given in bytes.",
        |level| {
            if counts_bytes(level) { level.bytes as u64 } else { level.requests as u64 }
        },
    );
    gauge(
        "otelcol_exporter_queue_capacity",
        "What fits the exporter's queue: requests, or bytes.",
        |level| {
            if counts_bytes(level) { level.budget.bytes as u64 } else { level.budget.requests as u64 }
        },
    );
    gauge("pricetag_exporter_queue_bytes", "Bytes in the exporter's queue.", |level| level.bytes as u64);
    let dropped = log.clone();
    meter
        .u64_observable_counter("pricetag_exporter_queue_dropped_items")
        .with_description("Items that an exporter did not get because its queue was full: action events, and with on_full: drop all else.")
        .with_callback(move |observer| {
            for level in dropped.levels().into_iter().filter(is_exporter) {
                observer.observe(level.dropped, &[KeyValue::new("exporter", level.reader)]);
            }
        })
        .build();
    if log.files().is_some() {
        files(meter, log);
    }
    let folded = ledger.clone();
    meter
        .u64_observable_counter("pricetag_ledger_folded_calls")
        .with_description("Calls booked as `other` because there were too many series.")
        .with_callback(move |observer| observer.observe(folded.books().folded(), &[]))
        .build();
    let folded = ledger.clone();
    meter
        .u64_observable_counter("pricetag_ledger_folded_values")
        .with_description(
            "Calls that are `other` in a dimension because it has too many values in their hour.",
        )
        .with_callback(move |observer| {
            for (dimension, calls) in folded.books().folded_values() {
                observer.observe(calls, &[KeyValue::new("dimension", dimension.to_owned())]);
            }
        })
        .build();
    let failures = ledger.clone();
    meter
        .u64_observable_counter("pricetag_ledger_write_failures")
        .with_description("How often the ledger's store could not be written; it is tried every second.")
        .with_callback(move |observer| observer.observe(failures.failures(), &[]))
        .build();
    if let Some(shared) = shared {
        open_traces(meter, &shared);
        odd_values(meter, &shared);
        meter
            .u64_observable_counter("pricetag_sampling_absurd_weights")
            .with_description(
                "Calls that said that they stand for a number of calls which can not be: they stand for one.",
            )
            .with_callback(move |observer| observer.observe(shared.absurd_weights(), &[]))
            .build();
    }
}

/// Name, description, value.
type FileInstrument = (&'static str, &'static str, fn(&Files) -> u64);

/// The queue's files.
fn files(meter: &Meter, log: &Log) {
    let gauges: [FileInstrument; 2] = [
        ("pricetag_queue_disk_bytes", "Bytes of the queue on disk.", |files| files.bytes),
        (
            "pricetag_queue_disk_failing",
            "1 while the queue on disk can not be written, and requests are refused; else 0.",
            |files| files.is_failing.into(),
        ),
    ];
    for (name, about, value) in gauges {
        let log = log.clone();
        meter
            .u64_observable_gauge(name)
            .with_description(about)
            .with_callback(move |observer| {
                log.files().iter().for_each(|files| observer.observe(value(files), &[]));
            })
            .build();
    }
    let counters: [FileInstrument; 2] = [
        (
            "pricetag_queue_disk_writes",
            "How often the queue on disk was written and synced: requests that come together are written together.",
            |files| files.writes,
        ),
        (
            "pricetag_queue_disk_damaged",
            "Pieces of the queue on disk that could not be read, and were put aside.",
            |files| files.damaged,
        ),
    ];
    for (name, about, value) in counters {
        let log = log.clone();
        meter
            .u64_observable_counter(name)
            .with_description(about)
            .with_callback(move |observer| {
                log.files().iter().for_each(|files| observer.observe(value(files), &[]));
            })
            .build();
    }
}

/// Registers what observes the connections of listeners, and the memory that they share.
pub(super) fn connections(meter: &Meter, listeners: [Arc<Places>; 3]) {
    let named = |places: &Places| [KeyValue::new("listener", places.name())];
    let open = listeners.clone();
    meter
        .u64_observable_gauge("pricetag_connections")
        .with_description("Connections that there are.")
        .with_callback(move |observer| {
            open.iter().for_each(|places| observer.observe(places.taken() as u64, &named(places)));
        })
        .build();
    meter
        .u64_observable_counter("pricetag_connections_refused")
        .with_description("Connections that were closed at once, for there were too many.")
        .with_callback(move |observer| {
            listeners.iter().for_each(|places| observer.observe(places.turned_away(), &named(places)));
        })
        .build();
    meter
        .u64_observable_gauge("otelcol_process_memory_rss")
        .with_description("Bytes of memory that pricetag has (resident set size).")
        .with_callback(|observer| {
            if let Some(bytes) = memory::resident() {
                observer.observe(bytes, &[]);
            }
        })
        .build();
}

/// Registers what tells of requests that are held back.
pub(super) fn held(meter: &Meter, reader: Reader, early: Arc<AtomicU64>) {
    meter
        .u64_observable_gauge("pricetag_held_bytes")
        .with_description("Bytes of requests that are held back until spans above their calls have come.")
        .with_callback(move |observer| observer.observe(reader.bytes() as u64, &[]))
        .build();
    meter
        .u64_observable_counter("pricetag_held_let_go_early")
        .with_description(
            "Requests that were not held for as long as `hold` says, for `max_held_mib` was reached.",
        )
        .with_callback(move |observer| observer.observe(early.load(Ordering::Relaxed), &[]))
        .build();
}

/// Registers what tells of reloads.
pub(super) fn reloads(meter: &Meter, reloads: Reloads) {
    meter
        .u64_observable_gauge("pricetag_config_last_reload_successful")
        .with_description("Whether the config that was read last is in force.")
        .with_callback(move |observer| observer.observe(u64::from(!reloads.has_failed()), &[]))
        .build();
}

/// What senders said of dimensions that could not be used as it came.
fn odd_values(meter: &Meter, shared: &Arc<Shared>) {
    let counters = [
        ("pricetag_dimension_values_cut", "Values of dimensions of more than 256 bytes, which were cut."),
        ("pricetag_dimension_values_unusable", "Values of dimensions that are none: empty, or a list."),
        ("pricetag_action_names_folded", "Actions called `other` because there were too many names."),
    ];
    for (nth, (name, about)) in counters.into_iter().enumerate() {
        let shared = Arc::clone(shared);
        meter
            .u64_observable_counter(name)
            .with_description(about)
            .with_callback(move |observer| observer.observe(shared.odd_values()[nth], &[]))
            .build();
    }
}

/// Name, description, value.
type Instrument<V> = (&'static str, &'static str, fn(&Size) -> V);

/// What the table of open traces holds, and what it had to do.
fn open_traces(meter: &Meter, shared: &Arc<Shared>) {
    let gauges: [Instrument<usize>; 3] = [
        ("pricetag_open_traces", "Traces that have not settled.", |size| size.traces),
        ("pricetag_open_traces_spans", "Spans of traces that have not settled.", |size| size.spans),
        ("pricetag_open_traces_bytes", "Bytes that open traces take.", |size| size.bytes),
    ];
    for (name, about, value) in gauges {
        let shared = Arc::clone(shared);
        meter
            .u64_observable_gauge(name)
            .with_description(about)
            .with_callback(move |observer| observer.observe(value(&shared.open_traces().size()) as u64, &[]))
            .build();
    }
    let counters: [Instrument<u64>; 3] = [
        (
            "pricetag_open_traces_settled_early",
            "Traces that settled before they were idle, to make room.",
            |size| size.early,
        ),
        (
            "pricetag_open_traces_unseen_calls",
            "Reports of calls that could not be compared with other traces, for want of room.",
            |size| size.unseen,
        ),
        (
            "pricetag_aggregate_unassigned_tokens",
            "Tokens of agents that no call below them shows and that are of no one model: they cost nothing here.",
            |size| size.unassigned_tokens,
        ),
    ];
    for (name, about, value) in counters {
        let shared = Arc::clone(shared);
        meter
            .u64_observable_counter(name)
            .with_description(about)
            .with_callback(move |observer| observer.observe(value(&shared.open_traces().size()), &[]))
            .build();
    }
}
