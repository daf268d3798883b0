//! `/api/v1/calls`: the last calls, with their receipts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::query::{Kind, Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Usd};
use super::{Answer, Question, Sources};
use crate::attribution::Dimension;
use crate::genai::call::LOG_EVENT;
use crate::genai::events::is_lone;
use crate::pricing::WordedLine;
use crate::processor::instead;
use crate::processor::recent::{ROOM, RecentCall, Said};

const LIMIT: Parameter = Parameter {
    name: "limit",
    about: "Calls at most.",
    kind: Kind::Number { from: 1, to: ROOM, default: 20 },
};

/// The last calls, as they were forwarded: with the verdict of that moment. What settlement changed later is in the sums, not here. A
/// receipt's lines add up to what the call costs, unless the sender's own cost counts. When very many calls come, some are left
/// out here.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Calls {
    /// Of all money.
    currency: &'static str,
    /// The last first.
    rows: Vec<Call>,
}

/// A call and its receipt.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Call {
    /// When it ended.
    time: String,
    /// Its trace; empty: it told none.
    trace_id: String,
    /// Its span; empty: it told none, or a log record told of it.
    span_id: String,
    /// The span's name.
    name: String,
    /// As `pricetag.status` on the span: priced, free, partial, reported; unknown_model, unknown_provider, no_usage, implausible, of which
    /// the cost is not known; failed; duplicate, aggregate, which are counted elsewhere.
    status: &'static str,
    /// Why it is that; empty: there is nothing to say.
    reason: String,
    /// Of a duplicate the span that counts; null: none, or one that is not known.
    duplicate_of: Option<String>,
    /// What it costs; null: not known, or counted elsewhere.
    cost: Option<Usd>,
    /// The catalog's provider, or else what the span calls it.
    provider: String,
    /// The catalog's model, or else what the span calls it.
    model: String,
    /// The model that was asked for; empty: not said.
    model_asked: String,
    /// The model that answered; empty: not said.
    model_served: String,
    /// The operation; empty: not said.
    operation: String,
    /// The service tier that served it, or was asked for; empty: not said.
    service_tier: String,
    /// Whose it is, by dimension, as far as it was known.
    dimensions: BTreeMap<String, String>,
    /// What it used, by bucket: each token stands in one; null: it told nothing.
    usage: Option<BTreeMap<&'static str, u64>>,
    /// The receipt: quantity x rate = amount. Empty where there is no price of ours, and where it is counted elsewhere.
    lines: Vec<WordedLine>,
    /// The version of the catalog that priced it.
    catalog_version: String,
    /// Where its price stands; null: there is none.
    price_origin: Option<String>,
    /// What the sender says that it costs; null: nothing, or no cost.
    reported: Option<Usd>,
    /// Under which key.
    reported_key: Option<String>,
}

impl Call {
    fn new(call: &RecentCall, names: &[Dimension]) -> Self {
        let (catalog, receipt) = (&call.catalog, &call.receipt);
        let said = |what: Said| call.said(what).to_owned();
        let elsewhere = instead(call.verdict);
        let counts = elsewhere.is_none();
        let (status, duplicate_of, reason) =
            elsewhere.unwrap_or_else(|| (call.status, None, said(Said::Reason)));
        let is_event = call.kind == LOG_EVENT;
        let time = Timestamp::from_nanosecond(call.end_unix_nano.into());
        let known = |(position, dimension): (usize, &Dimension)| {
            let value = call.dimension(position);
            (!value.is_empty()).then(|| (dimension.name.clone(), value.to_owned()))
        };
        let lines = receipt.lines.iter().filter(|_| counts);
        let model = [Said::ModelServed, Said::ModelAsked].map(|what| call.said(what));
        Call {
            time: time.map(|time| time.to_string()).unwrap_or_default(),
            trace_id: match call.ids {
                Some(ids) if !(is_event && is_lone(ids.trace)) => {
                    format!("{:032x}", u128::from_be_bytes(ids.trace))
                }
                _ => String::new(),
            },
            span_id: match call.ids {
                Some(ids) if !is_event => format!("{:016x}", u64::from_be_bytes(ids.span)),
                _ => String::new(),
            },
            name: said(Said::Name),
            status: status.as_str(),
            reason,
            duplicate_of,
            cost: call.money.filter(|_| counts).map(Usd),
            provider: receipt
                .provider
                .map_or_else(|| said(Said::Provider), |id| catalog.provider(id).id().to_owned()),
            model: receipt.model.map_or_else(
                || model.into_iter().find(|model| !model.is_empty()).unwrap_or_default().to_owned(),
                |id| catalog.model(id).id().to_owned(),
            ),
            model_asked: said(Said::ModelAsked),
            model_served: said(Said::ModelServed),
            operation: said(Said::Operation),
            service_tier: said(Said::ServiceTier),
            dimensions: names.iter().enumerate().filter_map(known).collect(),
            usage: call
                .usage
                .map(|usage| usage.iter().map(|(bucket, count)| (bucket.name(), count)).collect()),
            lines: lines.map(|line| WordedLine::new(catalog, receipt, line)).collect(),
            catalog_version: catalog.version().to_owned(),
            price_origin: catalog.origin(receipt).map(ToString::to_string),
            reported: call.reported.map(Usd),
            reported_key: Some(said(Said::ReportedKey)).filter(|key| !key.is_empty()),
        }
    }
}

impl Answer for Calls {
    type Row = Call;
    fn rows(&self) -> impl Iterator<Item = &Call> {
        self.rows.iter()
    }
}

impl Question for Calls {
    const PATH: &'static str = "/api/v1/calls";
    const SUMMARY: &'static str = "The last calls, with their receipts, as they were forwarded";
    const PARAMETERS: &'static [Parameter] = &[LIMIT];

    fn answer(query: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let rows = sources.shared.as_ref().map_or_else(Vec::new, |shared| {
            let last = shared.recent().last(query.number(&LIMIT));
            last.iter().map(|call| Call::new(call, shared.dimensions())).collect()
        });
        Ok(Calls { currency: CURRENCY, rows })
    }
}
