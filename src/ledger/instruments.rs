//! The ledger as metrics: instruments of the OpenTelemetry SDK that read the books when they are collected.
//!
//! What is monotonic shows settled money only, and that only when the store has it, so that nothing monotonic is ever taken back, not even
//! by a crash; what is pending stands in a gauge beside it.

mod share;

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::metrics::{Instrument, InstrumentKind, Stream};

use super::Ledger;
use super::series::{FIXED, Labels, MAX_SERIES, Series};
use super::sums::Sums;
use crate::pricing::{Picodollars, Status};
pub use share::UnpricedShare;

/// The sums that are read out of the books, which go on after a restart. What else is summed begins with each process.
pub(super) const SUMS: [&str; 7] = [
    "pricetag.cost",
    "pricetag.cost.estimate",
    "pricetag.cache.savings",
    "pricetag.reported.cost",
    "pricetag.reported.difference",
    "pricetag.tokens",
    "pricetag.calls",
];

/// Points a stream may have: `pricetag.calls` has one for each series and status. The SDK's own limit would
/// fold what the books keep apart.
const MAX_POINTS: usize = MAX_SERIES * 16;

/// The view that lifts the SDK's limit of points for the instruments that read the books.
pub fn view(instrument: &Instrument) -> Option<Stream> {
    let is_ours =
        instrument.name().starts_with("pricetag.") && instrument.kind() != InstrumentKind::Histogram;
    is_ours.then(|| Stream::builder().with_cardinality_limit(MAX_POINTS).build().ok()).flatten()
}

/// What instruments are made of.
struct Register<'m> {
    meter: &'m Meter,
    ledger: &'m Ledger,
    share: &'m UnpricedShare,
    /// Keys of the labels, in the order of [`Labels`].
    keys: Arc<[String]>,
}

/// Registers the instruments; `chosen` are the keys of the labels beside those of [`FIXED`].
///
/// Whoever collects waits for the books, which are locked for moments, and not for the store, which is locked as long as a question takes:
/// so what is read from it is known before.
pub fn register(meter: &Meter, ledger: &Ledger, share: &UnpricedShare, chosen: &[String]) {
    let keys = FIXED.iter().map(|key| (*key).to_owned()).chain(chosen.iter().cloned()).collect();
    let register = Register { meter, ledger, share, keys };
    register.money();
    register.counts();
    register.gauges();
}

impl Register<'_> {
    fn money(&self) {
        self.sum("pricetag.cost", "Cost of LLM calls in settled traces.", |sums| {
            // Unknown is never zero: a series of calls without a price has no cost.
            has_cost(sums).then_some(sums.counting.money)
        });
        self.sum(
            "pricetag.cost.estimate",
            "What pricetag.cost would be had no span been sampled away; only where that is another.",
            |sums| Some(sums.counting.estimate).filter(|estimate| *estimate != sums.counting.money),
        );
        self.sum(
            "pricetag.cache.savings",
            "What tokens read from prompt caches would have cost more in full, in settled traces.",
            |sums| Some(sums.counting.saved).filter(|saved| !saved.is_zero()),
        );
        self.sum(
            "pricetag.reported.cost",
            "What senders say that calls cost which have a price of ours, in settled traces.",
            |sums| Some(sums.reported).filter(|reported| !reported.is_zero()),
        );
        let (ledger, keys) = (self.ledger.clone(), Arc::clone(&self.keys));
        self.meter
            .f64_observable_up_down_counter("pricetag.reported.difference")
            .with_unit("USD")
            .with_description("How much more that is than our price; negative where it is less.")
            .with_callback(move |observer| {
                for Series { labels, written, .. } in ledger.books().series() {
                    if !written.reported.is_zero() {
                        observer.observe(written.difference.to_usd_f64(), &attributes(&keys, labels));
                    }
                }
            })
            .build();
    }

    /// A monotonic sum of money of each series that has some.
    fn sum(&self, name: &'static str, about: &'static str, of: fn(&Sums) -> Option<Picodollars>) {
        let (ledger, keys) = (self.ledger.clone(), Arc::clone(&self.keys));
        self.meter
            .f64_observable_counter(name)
            .with_unit("USD")
            .with_description(about)
            .with_callback(move |observer| {
                for Series { labels, written, .. } in ledger.books().series() {
                    if let Some(money) = of(written) {
                        observer.observe(money.to_usd_f64(), &attributes(&keys, labels));
                    }
                }
            })
            .build();
    }

    fn counts(&self) {
        let (ledger, keys) = (self.ledger.clone(), Arc::clone(&self.keys));
        self.meter
            .u64_observable_counter("pricetag.tokens")
            .with_unit("{token}")
            .with_description("Tokens of LLM calls in settled traces; input includes cached ones.")
            .with_callback(move |observer| {
                for Series { labels, written, .. } in ledger.books().series() {
                    if written.calls().next().is_none() {
                        continue;
                    }
                    let mut attributes = attributes(&keys, labels);
                    for (kind, tokens) in
                        [("input", written.counting.input), ("output", written.counting.output)]
                    {
                        attributes.push(KeyValue::new("gen_ai.token.type", kind));
                        observer.observe(tokens, &attributes);
                        attributes.pop();
                    }
                }
            })
            .build();
        let (ledger, keys) = (self.ledger.clone(), Arc::clone(&self.keys));
        self.meter
            .u64_observable_counter("pricetag.calls")
            .with_unit("{call}")
            .with_description("LLM calls in settled traces, by status.")
            .with_callback(move |observer| {
                for Series { labels, written, .. } in ledger.books().series() {
                    let mut attributes = attributes(&keys, labels);
                    for (status, calls) in written.calls() {
                        attributes.push(KeyValue::new("pricetag.status", status.as_str()));
                        observer.observe(calls, &attributes);
                        attributes.pop();
                    }
                }
            })
            .build();
    }

    fn gauges(&self) {
        let ledger = self.ledger.clone();
        self.meter
            .f64_observable_gauge("pricetag.pending")
            .with_unit("USD")
            .with_description("Cost of LLM calls that is not in pricetag.cost yet: of traces that are open, or settled within the last second.")
            .with_callback(move |observer| observer.observe(pending(&ledger).to_usd_f64(), &[]))
            .build();
        let share = self.share.clone();
        self.meter
            .f64_observable_gauge("pricetag.unpriced.share")
            .with_unit("1")
            .with_description("Of the LLM calls of the last 24 hours, the share whose cost is not known.")
            .with_callback(move |observer| {
                if let Some(share) = share.get() {
                    observer.observe(share, &[]);
                }
            })
            .build();
    }
}

/// What is in the books and not in the counters.
fn pending(ledger: &Ledger) -> Picodollars {
    let books = ledger.books();
    let of = |series: &Series| {
        let [settled, pending, written] =
            [series.settled, series.pending, series.written].map(|sums| sums.counting.money);
        settled.saturating_add(pending).saturating_add(-written)
    };
    books.series().iter().map(of).fold(Picodollars::ZERO, Picodollars::saturating_add)
}

fn has_cost(sums: &Sums) -> bool {
    sums.calls().any(|(status, _)| status.has_cost() || status == Status::Reported)
}

fn attributes(keys: &[String], labels: &Labels) -> Vec<KeyValue> {
    let known = keys.iter().zip(labels.iter()).filter(|(_, value)| !value.is_empty());
    let mut attributes = Vec::with_capacity(keys.len() + 1);
    attributes.extend(known.map(|(key, value)| KeyValue::new(key.clone(), value.to_owned())));
    attributes
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use prometheus::Registry;

    use super::*;
    use crate::ledger::store::Limits;

    /// Scenario: a question to the store that takes long.
    /// Guarantees: metrics are collected meanwhile.
    #[test]
    fn collecting_does_not_wait_for_the_store() {
        let (registry, ledger) =
            (Registry::new(), Ledger::open(None, &["user"], &[], Limits::default()).unwrap());
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        register(&provider.meter("test"), &ledger, &UnpricedShare::default(), &[]);
        let question = ledger.store();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(registry.gather().len()));
        assert!(told.recv_timeout(Duration::from_secs(10)).is_ok());
        drop(question);
    }
}
