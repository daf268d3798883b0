//! The event `pricetag.spike`: that a spike has begun, or ended.

use opentelemetry::Value;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

use super::words::line;
use super::{Change, Watched};
use crate::ledger::log_events::attribute;
use crate::time::{rfc3339, unix_nano};

/// The event's name.
const SPIKE_EVENT: &str = "pricetag.spike";

/// The event of a change.
pub(super) fn record(watched: &Watched, change: &Change) -> LogRecord {
    let now = unix_nano();
    let (severity, word) = match change {
        Change::Fired(_) => (SeverityNumber::Warn, "WARN"),
        Change::Resolved(_) => (SeverityNumber::Info, "INFO"),
    };
    let spike = change.spike();
    let mut attributes = vec![
        attribute(&watched.key, spike.value.clone().into()),
        attribute("pricetag.spike.dimension", watched.by.clone().into()),
        attribute("pricetag.spike.state", change.state().into()),
        attribute("pricetag.spike.hour", rfc3339(spike.hour).into()),
        attribute("pricetag.spike.times", spike.times().into()),
    ];
    for (key, money) in [("pricetag.spike.cost", spike.cost), ("pricetag.spike.usual", spike.usual.hour())] {
        attributes.push(attribute(key, money.to_usd_f64().into()));
        attributes.push(attribute(&format!("{key}.picodollars"), money.get().to_string().into()));
    }
    LogRecord {
        time_unix_nano: now,
        observed_time_unix_nano: now,
        severity_number: severity.into(),
        severity_text: word.to_owned(),
        body: Some(AnyValue::from(Value::from(line(watched, change)))),
        attributes,
        event_name: SPIKE_EVENT.to_owned(),
        ..LogRecord::default()
    }
}
