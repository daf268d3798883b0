//! `/api/v1/spikes`: who costs much more than usual, as JSON.

use axum::extract::Request;
use http::Response;
use serde_json::{Value, json};

use super::costs::reply;
use crate::ledger::spikes::{Spike, Spikes, timestamp};

/// Answers with the rule and the spikes that there are, the dearest hour first. Money is in US dollars, as decimals in strings. Without
/// a rule there are none, and `rule` is `null`.
pub(super) fn answer(spikes: Option<&Spikes>, request: &Request) -> Response<String> {
    reply(request, |query| match query {
        "" => Ok(all(spikes)),
        _ => Err("there are no parameters".to_owned()),
    })
}

fn all(spikes: Option<&Spikes>) -> Value {
    let rule = spikes.map(|spikes| {
        let watched = spikes.watched();
        json!({
            "by": watched.by,
            "times": watched.rule.times.to_string(),
            "above": watched.rule.above.to_string(),
            "baseline_hours": watched.rule.baseline,
            "warm_up_hours": watched.rule.warm_up,
        })
    });
    let active = spikes.map(Spikes::active).unwrap_or_default();
    json!({ "currency": "USD", "rule": rule, "active": active.iter().map(row).collect::<Vec<_>>() })
}

fn row(spike: &Spike) -> Value {
    json!({
        "value": spike.value,
        "since": timestamp(spike.began),
        "hour": timestamp(spike.hour),
        "cost": spike.cost.to_string(),
        "usual": spike.usual.hour().to_string(),
        "times": spike.times(),
    })
}
