//! The ledger as metrics: instruments of the OpenTelemetry SDK that read the books when they are collected.
//!
//! What is monotonic shows settled money only, so that nothing monotonic is ever taken back; what is
//! pending stands in a gauge beside it.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use opentelemetry_sdk::metrics::{Instrument, Stream};

use super::Ledger;
use super::books::Books;
use super::series::{Labels, Series};
use super::sums::Sums;
use crate::pricing::Status;

/// Series that the books tell apart for metrics.
pub const MAX_SERIES: usize = 2_000;

/// Points a stream may have: `pricetag.calls` has one for each series and status. The SDK's own limit would
/// fold what the books keep apart.
const MAX_POINTS: usize = MAX_SERIES * 16;

/// The view that lifts the SDK's limit of points for our instruments.
pub fn view(instrument: &Instrument) -> Option<Stream> {
    instrument
        .name()
        .starts_with("pricetag.")
        .then(|| Stream::builder().with_cardinality_limit(MAX_POINTS).build().ok())
        .flatten()
}

/// Registers the instruments.
pub fn register(meter: &Meter, ledger: &Ledger) {
    let books = ledger.clone();
    meter
        .f64_observable_counter("pricetag.cost")
        .with_unit("USD")
        .with_description("Cost of LLM calls in settled traces.")
        .with_callback(move |observer| {
            // Unknown is never zero: a series of calls without a price has no cost.
            for series in books.books().series().iter().filter(|series| has_cost(&series.settled)) {
                observer.observe(series.settled.counting.money.to_usd_f64(), &attributes(&series.labels));
            }
        })
        .build();

    let books = ledger.clone();
    meter
        .u64_observable_counter("pricetag.tokens")
        .with_unit("{token}")
        .with_description("Tokens of LLM calls in settled traces; input includes cached ones.")
        .with_callback(move |observer| {
            for series in
                books.books().series().iter().filter(|series| series.settled.calls().next().is_some())
            {
                for (kind, tokens) in
                    [("input", series.settled.counting.input), ("output", series.settled.counting.output)]
                {
                    let mut attributes = attributes(&series.labels);
                    attributes.push(KeyValue::new("gen_ai.token.type", kind));
                    observer.observe(tokens, &attributes);
                }
            }
        })
        .build();

    let books = ledger.clone();
    meter
        .u64_observable_counter("pricetag.calls")
        .with_unit("{call}")
        .with_description("LLM calls in settled traces, by status.")
        .with_callback(move |observer| {
            for series in books.books().series() {
                for (status, calls) in series.settled.calls() {
                    let mut attributes = attributes(&series.labels);
                    attributes.push(KeyValue::new("pricetag.status", status.as_str()));
                    observer.observe(calls, &attributes);
                }
            }
        })
        .build();

    let books = ledger.clone();
    meter
        .f64_observable_counter("pricetag.reported.cost")
        .with_unit("USD")
        .with_description("What senders say that calls cost which have a price of ours, in settled traces.")
        .with_callback(move |observer| {
            for series in compared(&books.books()) {
                observer.observe(series.settled.reported.to_usd_f64(), &attributes(&series.labels));
            }
        })
        .build();

    let books = ledger.clone();
    meter
        .f64_observable_up_down_counter("pricetag.reported.difference")
        .with_unit("USD")
        .with_description("How much more that is than our price; negative where it is less.")
        .with_callback(move |observer| {
            for series in compared(&books.books()) {
                observer.observe(series.settled.difference.to_usd_f64(), &attributes(&series.labels));
            }
        })
        .build();

    let books = ledger.clone();
    meter
        .f64_observable_gauge("pricetag.pending")
        .with_unit("USD")
        .with_description("Cost of LLM calls in traces that are still open.")
        .with_callback(move |observer| observer.observe(books.books().total().1.to_usd_f64(), &[]))
        .build();
}

/// The series in which senders' costs stand beside ours.
fn compared(books: &Books) -> impl Iterator<Item = &Series> {
    books.series().iter().filter(|series| !series.settled.reported.is_zero())
}

fn has_cost(sums: &Sums) -> bool {
    sums.calls().any(|(status, _)| status.has_cost() || status == Status::Reported)
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let all = [
        ("gen_ai.provider.name", &labels.provider),
        ("gen_ai.request.model", &labels.model_asked),
        ("gen_ai.response.model", &labels.model_served),
        ("gen_ai.operation.name", &labels.operation),
        ("pricetag.feature", &labels.feature),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(key, value)| KeyValue::new(key, value.to_string())).collect()
}
