//! How costs are distributed: histograms of what counts, recorded when it is final.
//!
//! Sums can be read out of the books whenever somebody asks; a distribution can not, so each call and each action is recorded once, when
//! it settles.

use hashbrown::HashMap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, Stream};

use super::OTHER;
use super::series::{FIXED, Labels, MAX_SERIES};
use super::sums::{Amounts, Tally};
use crate::booking::Counted;

/// Names of actions that are told apart here; further ones are `other`.
const MAX_ACTIONS: usize = 1_000;

/// Buckets for readers that want fixed ones, in USD: from a call of a small model to an action that somebody will ask about.
const COSTS: [f64; 22] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0,
];
/// In tokens: the steps in which budgets for reasoning are given.
const TOKENS: [f64; 12] =
    [64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 8_192.0, 16_384.0, 32_768.0, 65_536.0, 131_072.0];
/// In calls.
const CALLS: [f64; 10] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// The view that makes histograms base-2 exponential, for readers that can have them: OTLP can, the Prometheus bridge drops them.
pub fn exponential(instrument: &Instrument) -> Option<Stream> {
    let aggregation =
        Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    stream(instrument)?.with_aggregation(aggregation).build().ok()
}

/// The view that leaves them as they are: with the buckets above.
pub fn explicit(instrument: &Instrument) -> Option<Stream> {
    stream(instrument)?.build().ok()
}

/// With room for as many points as are told apart here.
fn stream(instrument: &Instrument) -> Option<opentelemetry_sdk::metrics::StreamBuilder> {
    (instrument.kind() == InstrumentKind::Histogram)
        .then(|| Stream::builder().with_cardinality_limit(MAX_SERIES + 1))
}

/// The instruments, one for each reader that wants its own kind of buckets.
#[derive(Debug, Default)]
pub struct Histograms {
    readers: Vec<Instruments>,
    /// What points of calls are labelled with, by the number of their series; nothing for those that had none yet.
    of_series: Vec<Box<[KeyValue]>>,
    of_actions: HashMap<Box<str>, [KeyValue; 1]>,
}

#[derive(Debug)]
struct Instruments {
    call_cost: Histogram<f64>,
    reasoning: Histogram<u64>,
    action_cost: Histogram<f64>,
    action_calls: Histogram<u64>,
}

impl Histograms {
    /// Histograms of these meters: what is recorded is recorded in each.
    pub fn new(meters: &[Meter]) -> Self {
        Histograms { readers: meters.iter().map(Instruments::new).collect(), ..Histograms::default() }
    }

    /// Records a final call of the series of this number, if it counts.
    pub(super) fn call(&mut self, series: u32, labels: &Labels, amounts: &Amounts) {
        if self.readers.is_empty() || amounts.verdict != Counted::Here {
            return;
        }
        let number = series as usize;
        if self.of_series.len() <= number {
            self.of_series.resize(number + 1, Box::default());
        }
        let attributes = &mut self.of_series[number];
        if attributes.is_empty() {
            let all = [(FIXED[0], labels.provider()), (FIXED[2], labels.model())];
            let known = all.into_iter().filter(|(_, value)| !value.is_empty());
            *attributes = known.map(|(key, value)| KeyValue::new(key, value.to_owned())).collect();
        }
        let cost = amounts.money().map(|money| money.to_usd_f64());
        for Instruments { call_cost, reasoning, .. } in &self.readers {
            // Unknown is never zero.
            if let Some(cost) = cost {
                call_cost.record(cost, attributes);
            }
            // Most senders write zero where they do not know.
            if amounts.reasoning > 0 {
                reasoning.record(amounts.reasoning, attributes);
            }
        }
    }

    /// Records what a settled trace cost, if any of its calls count. One that settles again is recorded again, with what came late.
    pub(super) fn action(&mut self, name: &str, tally: &Tally) {
        if self.readers.is_empty() || tally.calls == 0 {
            return;
        }
        let is_known = name.is_empty() || self.of_actions.contains_key(name);
        let name = if is_known || self.of_actions.len() < MAX_ACTIONS { name } else { OTHER };
        if !name.is_empty() && !self.of_actions.contains_key(name) {
            let label = [KeyValue::new("pricetag.action.name", name.to_owned())];
            self.of_actions.insert(name.into(), label);
        }
        let attributes = self.of_actions.get(name).map_or(&[][..], |label| label);
        let cost = tally.known_money().map(|money| money.to_usd_f64());
        for Instruments { action_cost, action_calls, .. } in &self.readers {
            if let Some(cost) = cost {
                action_cost.record(cost, attributes);
            }
            action_calls.record(tally.calls, attributes);
        }
    }
}

impl Instruments {
    fn new(meter: &Meter) -> Self {
        Instruments {
            call_cost: meter
                .f64_histogram("pricetag.call.cost")
                .with_unit("USD")
                .with_description(
                    "Cost of each LLM call that counts and has a known cost, in settled traces.",
                )
                .with_boundaries(COSTS.to_vec())
                .build(),
            reasoning: meter
                .u64_histogram("pricetag.call.reasoning_tokens")
                .with_unit("{token}")
                .with_description(
                    "Reasoning tokens of each LLM call that counts and tells of some, in settled traces.",
                )
                .with_boundaries(TOKENS.to_vec())
                .build(),
            action_cost: meter
                .f64_histogram("pricetag.action.cost")
                .with_unit("USD")
                .with_description(
                    "Cost of each action: of the calls of a trace, when it settles, as far as it is known.",
                )
                .with_boundaries(COSTS.to_vec())
                .build(),
            action_calls: meter
                .u64_histogram("pricetag.action.calls")
                .with_unit("{call}")
                .with_description("LLM calls that count of each action, when its trace settles.")
                .with_boundaries(CALLS.to_vec())
                .build(),
        }
    }
}
