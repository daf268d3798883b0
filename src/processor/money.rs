//! What a call costs, or why that is not known.

use std::borrow::Cow;

use super::Now;
use crate::genai::call::{Call, Cloud, Known};
use crate::otlp::view::{Scalar, Text};
use crate::pricing::{
    Catalog, Conditions, Picodollars, ProviderId, Reason, Receipt, Resolution, Resolver, Status,
};

/// What a cost that the sender put on its span counts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reported {
    /// It counts where we have no price.
    #[default]
    Fallback,
    /// It counts where there is one, before ours.
    Prefer,
    /// It never counts.
    Ignore,
}

/// What became of a call, before anyone asks whether it counts.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// Its status if it counts.
    pub status: Status,
    /// Why, where the status does not say it all.
    pub reason: Cow<'static, str>,
    /// What it costs: ours, or where we have no price the sender's. `None`: not known.
    pub money: Option<Picodollars>,
    /// Our receipt; without lines where we have no price.
    pub receipt: Receipt,
    /// The sender's cost: its key, and the amount if it is one.
    pub reported: Option<(&'a str, Option<Picodollars>)>,
}

/// How far ahead of us a sender's clock may be.
const MAX_AHEAD: u64 = 3_600_000_000_000;

/// When a call is booked: when it ended, or if that can not be, now, and whether that is so. `max_age` is how far back it may lie.
pub(super) fn booked(call: &Call<'_>, now: Now, max_age: u64) -> (u64, bool) {
    let end = end(call, now);
    let may_be = now.unix_nano.saturating_sub(max_age)..=now.unix_nano.saturating_add(MAX_AHEAD);
    if may_be.contains(&end) { (end, false) } else { (now.unix_nano, true) }
}

/// When the call ended; now, if the span does not say.
pub(super) fn end(call: &Call<'_>, now: Now) -> u64 {
    if call.end_unix_nano == 0 { now.unix_nano } else { call.end_unix_nano }
}

/// Where the answer says that it was made; else the region of the caller's cloud, where that cloud bills the model: its clients call
/// the region that they run in. Other providers are called from everywhere, and the Gemini API, unlike Vertex AI, has no
/// regions.
fn region<'a>(
    call: &Call<'a>,
    resource: Cloud<'a>,
    biller: Option<ProviderId>,
    catalog: &Catalog,
) -> &'a str {
    if !call.region.is_empty() {
        return call.region.as_str();
    }
    let cloud = call.cloud.or(resource);
    let id = match cloud.provider.0 {
        _ if cloud.region.is_empty() => return "",
        b"aws" => "aws",
        b"gcp" if !call.provider.0.ends_with(b"gemini") => "google",
        b"azure" => "azure",
        _ => return "",
    };
    if biller.is_some_and(|biller| catalog.provider(biller).id() == id) { cloud.region.as_str() } else { "" }
}

/// A tier's name. Those that most calls say are known to be UTF-8.
fn tier(name: Text<'_>) -> &str {
    match name.0 {
        b"" => "",
        b"default" => "default",
        _ => name.as_str(),
    }
}

/// What the catalog knows of a call's model.
pub(super) fn resolve(call: &Call<'_>, catalog: &Catalog, resolver: &mut Resolver) -> Resolution {
    resolver.resolve(catalog, [call.provider.0, call.host.0, call.model_served.0, call.model_asked.0])
}

/// Prices a call whose model was [resolved](resolve); `cloud` is what its resource says. `outcome` is a new one: made where it stays, for moving it takes as long as pricing.
pub(super) fn price<'a>(
    outcome: &mut Outcome<'a>,
    call: &Call<'a>,
    cloud: Cloud<'a>,
    catalog: &Catalog,
    resolution: &Resolution,
    reported: Reported,
    now: Now,
) {
    match &call.usage {
        Known::Usage { usage, clamped } => {
            let conditions = Conditions {
                end_unix_nano: end(call, now),
                tier_asked: tier(call.tier_asked),
                tier_served: tier(call.tier_served),
                region: region(call, cloud, resolution.provider, catalog),
                ..Conditions::default()
            };
            catalog.fill(&mut outcome.receipt, resolution, &conditions, usage);
            outcome.receipt.flags.clamped = *clamped;
            // Mostly there is nothing to say, which it says already.
            if outcome.receipt.reason != Reason::None || !outcome.receipt.flags.is_empty() {
                outcome.reason = explanation(call, &outcome.receipt);
            }
        }
        Known::Nothing if call.failed => {
            outcome.receipt.status = Status::Failed;
            outcome.reason = Cow::Borrowed("the call failed and tells no usage");
        }
        Known::Nothing => {
            outcome.receipt.status = Status::NoUsage;
            outcome.reason = Cow::Borrowed("no usage on the span; a stream reports it with include_usage");
        }
        Known::Implausible(key) => {
            outcome.receipt.status = Status::Implausible;
            outcome.reason = Cow::Owned(format!("{key} is no plausible count"));
        }
    }
    let receipt = &mut outcome.receipt;
    receipt.provider = receipt.provider.or(resolution.provider);
    receipt.model = receipt.model.or(resolution.model);
    (outcome.status, outcome.money) = (receipt.status, receipt.cost());
    outcome.reported = call.reported.map(|reported| (reported.key, amount(reported.value)));
    if let Some((_, Some(theirs))) = outcome.reported
        && match reported {
            Reported::Fallback => outcome.money.is_none(),
            Reported::Prefer => true,
            Reported::Ignore => false,
        }
    {
        outcome.status = Status::Reported;
        outcome.money = Some(theirs);
    }
}

impl Outcome<'_> {
    /// Nothing is known yet.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Outcome {
            status: Status::NoUsage,
            reason: Cow::Borrowed(""),
            money: None,
            receipt: Receipt::unpriced(Status::NoUsage, Reason::None),
            reported: None,
        }
    }
}

fn explanation(call: &Call<'_>, receipt: &Receipt) -> Cow<'static, str> {
    if receipt.reason == Reason::ModelNotInCatalog && call.model().is_empty() {
        Cow::Borrowed("no model on the span")
    } else {
        receipt.explanation()
    }
}

/// More than a sender can mean by the cost of one call: a million dollars, in picodollars.
const MAX_REPORTED: i128 = 1_000_000 * 1_000_000_000_000;

/// Dollars that a sender reports: a number, or a decimal in a string. Doubles are rounded to the
/// picodollar. Zero is none: senders write it for what they have no price of (OpenLIT), and on calls that failed or told
/// them no usage (Langfuse, LiteLLM).
fn amount(value: Scalar<'_>) -> Option<Picodollars> {
    let money = match value {
        Scalar::Double(dollars) if dollars.is_finite() => format!("{dollars:.12}").parse().ok()?,
        Scalar::Int(dollars) => dollars.to_string().parse::<Picodollars>().ok()?,
        Scalar::String(dollars) => dollars.as_str().trim().parse().ok()?,
        _ => return None,
    };
    (1..=MAX_REPORTED).contains(&money.get()).then_some(money)
}
