//! `/api/v1/spikes`: who costs much more than usual.

use schemars::JsonSchema;
use serde::Serialize;

use super::query::{Parameter, Query};
use super::reply::Refusal;
use super::sums::{CURRENCY, Usd};
use super::{Answer, Question, Sources};
use crate::ledger::spikes::{Spike, Spikes};
use crate::time::rfc3339;

/// Who costs much more than usual.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ActiveSpikes {
    /// Of all money.
    currency: &'static str,
    /// What a spike is; null: the config has no rule, and there are none.
    rule: Option<Rule>,
    /// The spikes that there are, the dearest hour first.
    active: Vec<Active>,
}

/// What a spike is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SpikeRule")]
struct Rule {
    /// The dimension whose values are watched.
    by: String,
    /// So many times their own usual hour.
    times: String,
    /// And above this.
    above: Usd,
    /// The hours before that say what is usual.
    baseline_hours: u32,
    /// So many hours ago a value must have cost something for the first time, or nothing is usual yet.
    warm_up_hours: u32,
}

/// A spike.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Spike")]
pub(super) struct Active {
    /// Whose.
    value: String,
    /// The hour in which it began.
    since: String,
    /// Its dearest hour so far.
    hour: String,
    /// What that hour cost.
    cost: Usd,
    /// What an hour usually costs.
    usual: Usd,
    /// How many times as much it is.
    times: f64,
}

impl Active {
    fn of(spike: &Spike) -> Self {
        Active {
            value: spike.value.clone(),
            since: rfc3339(spike.began),
            hour: rfc3339(spike.hour),
            cost: Usd(spike.cost),
            usual: Usd(spike.usual.hour()),
            times: spike.times(),
        }
    }
}

impl Answer for ActiveSpikes {
    type Row = Active;
    fn rows(&self) -> impl Iterator<Item = &Active> {
        self.active.iter()
    }
}

impl Question for ActiveSpikes {
    const PATH: &'static str = "/api/v1/spikes";
    const SUMMARY: &'static str = "Who costs much more than usual";
    const PARAMETERS: &'static [Parameter] = &[];

    fn answer(_: &Query<'_>, sources: &Sources) -> Result<Self, Refusal> {
        let spikes = sources.spikes.as_ref();
        let rule = spikes.map(|spikes| {
            let watched = spikes.watched();
            Rule {
                by: watched.by.to_string(),
                times: watched.rule.times.to_string(),
                above: Usd(watched.rule.above),
                baseline_hours: watched.rule.baseline,
                warm_up_hours: watched.rule.warm_up,
            }
        });
        let active = spikes.map(Spikes::active).unwrap_or_default();
        Ok(ActiveSpikes { currency: CURRENCY, rule, active: active.iter().map(Active::of).collect() })
    }
}
