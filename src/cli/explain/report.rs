//! What `explain` found, as data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::genai::call::{Call, LOG_EVENT};
use crate::genai::events::lone_trace;
use crate::otlp::view::Text;
use crate::pricing::{Catalog, Picodollars, Status, WordedLine};
use crate::processor::{Outcome, Restater, Values, instead};
use crate::settlement::{Change, Settled, Verdict};

/// Everything that was found in a delivery.
#[derive(Debug, Default)]
pub struct Report {
    /// Spans of any kind.
    pub spans: u64,
    /// Log records of any kind.
    pub records: u64,
    /// The names of the dimensions, in the order of the config.
    pub dimensions: Vec<String>,
    pub(super) calls: Vec<Explained>,
}

/// A recognised span or log event.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    pub(super) trace_id: String,
    /// Empty for a log event, which has no id of its own.
    pub(super) span_id: String,
    pub(super) name: String,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) reason: String,
    pub(super) provider: String,
    /// The catalog's model, or else what the span calls it.
    pub(super) model: String,
    pub(super) model_asked: String,
    pub(super) model_served: String,
    pub(super) operation: String,
    /// End of the call, RFC 3339.
    pub(super) time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<String>,
    pub(super) currency: &'static str,
    pub(super) usage: BTreeMap<&'static str, u64>,
    pub(super) dimensions: BTreeMap<String, String>,
    pub(super) lines: Vec<WordedLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplicate_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reported: Option<Reported>,
    pub(super) catalog: String,
    /// The layer of the rates in words, for people.
    #[serde(skip)]
    pub(super) prices: Option<String>,
    #[serde(skip)]
    own: Own,
}

/// What the call is if it counts.
#[derive(Debug, Clone)]
struct Own {
    ids: ([u8; 16], [u8; 8]),
    status: Status,
    reason: String,
    money: Option<Picodollars>,
    lines: Vec<WordedLine>,
}

/// The sender's own cost.
#[derive(Debug, Serialize)]
pub(super) struct Reported {
    pub(super) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    spans: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_records: Option<u64>,
    calls: usize,
    by_status: BTreeMap<&'static str, u64>,
    total: String,
    currency: &'static str,
}

impl Report {
    /// Adds a call as it was judged when it came.
    pub fn add(
        &mut self,
        call: &Call<'_>,
        outcome: &Outcome<'_>,
        verdict: Verdict,
        dimensions: &Values<'_>,
        catalog: &Catalog,
    ) {
        let ids = call.ids.map_or(([0; 16], [0; 8]), |ids| (ids.trace, ids.span));
        let dimensions = named(&self.dimensions, dimensions);
        self.calls.push(Explained::new(ids, call, outcome, verdict, dimensions, catalog));
    }

    /// Applies what changed when the traces settled.
    pub fn settle(&mut self, settled: &[Settled], restater: &mut Restater<'_>) {
        for Settled { trace, changes, action, .. } in settled {
            for Change { span, verdict, restated, values } in changes {
                let ids = (*trace, *span);
                for explained in self.calls.iter_mut().filter(|call| call.own.ids == ids) {
                    if let Some(known) = values {
                        explained.dimensions = named(&self.dimensions, &restater.values(known));
                    }
                    match restated {
                        None => explained.judge(*verdict),
                        Some(restated) => {
                            let call = restated.call();
                            let outcome = restater.price(&call);
                            let dimensions = std::mem::take(&mut explained.dimensions);
                            let catalog = restater.catalog();
                            *explained = Explained::new(ids, &call, &outcome, *verdict, dimensions, catalog);
                        }
                    }
                }
            }
            let action = restater.action(action);
            for explained in self.calls.iter_mut().filter(|call| call.own.ids.0 == *trace) {
                if !action.is_empty() {
                    explained.dimensions.insert("action".to_owned(), action.to_string());
                }
            }
        }
    }

    /// One JSON object a line: the calls, then the summary.
    pub fn to_json_lines(&self) -> String {
        let mut text = String::new();
        for call in &self.calls {
            text += &serde_json::to_string(call).unwrap_or_default();
            text.push('\n');
        }
        let summary = Summary {
            spans: self.spans,
            log_records: Some(self.records).filter(|records| *records > 0),
            calls: self.calls.len(),
            by_status: self.by_status(),
            total: self.total().to_string(),
            currency: "USD",
        };
        text += &serde_json::json!({ "summary": summary }).to_string();
        text.push('\n');
        text
    }

    pub(super) fn by_status(&self) -> BTreeMap<&'static str, u64> {
        let mut by_status = BTreeMap::new();
        for call in &self.calls {
            *by_status.entry(call.status).or_default() += 1;
        }
        by_status
    }

    /// What counts, once.
    pub(super) fn total(&self) -> Picodollars {
        let counting = self.calls.iter().filter(|call| call.total.is_some());
        counting.filter_map(|call| call.own.money).fold(Picodollars::ZERO, Picodollars::saturating_add)
    }
}

/// The dimensions that are known, with their names.
fn named(names: &[String], values: &Values<'_>) -> BTreeMap<String, String> {
    let known = names.iter().zip(values).filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.clone(), text(*value))).collect()
}

fn text(text: Text<'_>) -> String {
    text.to_str_lossy().into_owned()
}

impl Explained {
    fn new(
        (trace, span): ([u8; 16], [u8; 8]),
        call: &Call<'_>,
        outcome: &Outcome<'_>,
        verdict: Verdict,
        dimensions: BTreeMap<String, String>,
        catalog: &Catalog,
    ) -> Self {
        let receipt = &outcome.receipt;
        let lines = receipt.lines.iter().map(|line| WordedLine::new(catalog, receipt, line));
        let own = Own {
            ids: (trace, span),
            status: outcome.status,
            reason: outcome.reason.to_string(),
            money: outcome.money,
            lines: lines.collect(),
        };
        let is_event = call.kind == LOG_EVENT;
        let alone = is_event && trace == lone_trace(u64::from_be_bytes(span));
        let time = jiff::Timestamp::from_nanosecond(call.end_unix_nano.into());
        let mut explained = Explained {
            trace_id: if alone { String::new() } else { format!("{:032x}", u128::from_be_bytes(trace)) },
            span_id: if is_event { String::new() } else { format!("{:016x}", u64::from_be_bytes(span)) },
            name: text(call.name),
            status: "",
            reason: String::new(),
            provider: receipt
                .provider
                .map_or_else(|| text(call.provider), |id| catalog.provider(id).id().to_owned()),
            model: receipt.model.map_or_else(|| text(call.model()), |id| catalog.model(id).id().to_owned()),
            model_asked: text(call.model_asked),
            model_served: text(call.model_served),
            operation: text(call.operation),
            time: time.map(|time| time.to_string()).unwrap_or_default(),
            total: None,
            currency: "USD",
            usage: call
                .usage()
                .into_iter()
                .flat_map(|usage| usage.iter())
                .map(|(b, n)| (b.name(), n))
                .collect(),
            dimensions,
            lines: Vec::new(),
            duplicate_of: None,
            reported: outcome.reported.map(|(key, amount)| Reported {
                key: key.to_owned(),
                amount: amount.map(|amount| amount.to_string()),
            }),
            catalog: catalog.source().to_owned(),
            prices: catalog.origin(receipt).map(ToString::to_string),
            own,
        };
        explained.judge(verdict);
        explained
    }

    fn judge(&mut self, verdict: Verdict) {
        let own = &self.own;
        (self.status, self.duplicate_of, self.reason, self.total, self.lines) = match instead(verdict) {
            None => {
                let total = own.money.map(|money| money.to_string());
                (own.status.as_str(), None, own.reason.clone(), total, own.lines.clone())
            }
            Some((status, of, reason)) => (status.as_str(), of, reason, None, Vec::new()),
        };
    }
}
