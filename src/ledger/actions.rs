//! The event `pricetag.action`: what a user's action cost, told when its trace has settled. It puts OTLP log records into the queue, for
//! the exporters of the logs pipelines that price.
//!
//! An action whose trace gets late spans settles again, and has another event then: its events add up to its cost.

use opentelemetry::Value;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use prost::Message as _;

use super::books::Settled;
use super::log_events::{LogEvents, attribute};
use crate::attribution::Dimension;
use crate::genai::events::is_lone;
use crate::time::unix_nano;

/// The event's name.
pub const ACTION_EVENT: &str = "pricetag.action";

/// A request is sent when it has about so many bytes.
const FULL: usize = 1 << 20;

/// Puts action events into the queue.
#[derive(Debug)]
pub struct ActionEvents {
    events: LogEvents,
    /// The attributes under which the dimensions are written, in the config's order.
    keys: Vec<String>,
}

impl ActionEvents {
    /// Events of bookings with these dimensions.
    pub fn new(events: LogEvents, dimensions: &[Dimension]) -> Self {
        ActionEvents { events, keys: dimensions.iter().map(|dimension| dimension.written.clone()).collect() }
    }

    /// The events of the settlements of one record. They go out when it is dropped, at the latest.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { events: self, unix_nano: unix_nano(), records: Vec::new(), bytes: 0 }
    }
}

/// Events that go out together.
#[derive(Debug)]
pub(super) struct Batch<'e> {
    events: &'e ActionEvents,
    /// When their traces settled.
    unix_nano: u64,
    records: Vec<LogRecord>,
    bytes: usize,
}

impl Batch<'_> {
    /// Adds the event of a trace.
    pub(super) fn push(&mut self, settled: &Settled<'_>) {
        // Where all calls were told elsewhere, the action that they are of has its own event.
        if self.events.events.is_idle() || settled.tally.calls == 0 {
            return;
        }
        // The id of a trace that only a log record without one is in would lead nowhere.
        let trace = <[u8; 16]>::try_from(settled.trace).ok().filter(|trace| !is_lone(*trace));
        let record = LogRecord {
            time_unix_nano: self.unix_nano,
            observed_time_unix_nano: self.unix_nano,
            severity_number: SeverityNumber::Info.into(),
            severity_text: "INFO".to_owned(),
            attributes: attributes(settled, &self.events.keys),
            trace_id: trace.map_or_else(Vec::new, Vec::from),
            span_id: settled.root.to_vec(),
            event_name: ACTION_EVENT.to_owned(),
            ..LogRecord::default()
        };
        self.bytes += record.encoded_len();
        self.records.push(record);
        if self.bytes >= FULL {
            self.send();
        }
    }

    fn send(&mut self) {
        self.bytes = 0;
        self.events.events.send(std::mem::take(&mut self.records));
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.records.is_empty() {
            self.send();
        }
    }
}

fn attributes(settled: &Settled<'_>, keys: &[String]) -> Vec<KeyValue> {
    let number = |count: u64| Value::I64(i64::try_from(count).unwrap_or(i64::MAX));
    let tally = &settled.tally;
    let mut attributes = Vec::with_capacity(8 + keys.len());
    let mut put = |key: &str, value: Value| attributes.push(attribute(key, value));
    if !settled.action.is_empty() {
        put("pricetag.action.name", settled.action.as_str().to_owned().into());
    }
    // Unknown is never zero.
    if let Some(money) = tally.known_money() {
        put("pricetag.action.cost", money.to_usd_f64().into());
        put("pricetag.action.cost.picodollars", money.get().to_string().into());
    }
    put("pricetag.action.calls", number(tally.calls));
    if tally.unpriced > 0 {
        put("pricetag.action.unpriced", number(tally.unpriced));
    }
    put("pricetag.action.tokens.input", number(tally.input));
    put("pricetag.action.tokens.output", number(tally.output));
    for (index, key) in keys.iter().enumerate() {
        let value = settled.value(index);
        if !value.is_empty() {
            put(key, value.to_owned().into());
        }
    }
    attributes
}

#[cfg(test)]
mod tests;
