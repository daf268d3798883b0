//! Spikes of cost, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Headers;
use crate::config::values::{GoDuration, Secret};
use crate::pricing::decimal::Decimal;

/// One rule for all users at once, or for all values of another dimension: an hour that costs more than it may in any case, and
/// more than so many of the value's own usual hours. See docs/spikes.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Spikes {
    /// The dimension whose values are watched. Default: user.
    pub(in crate::config) by: Option<String>,
    /// How many times its own usual hour a value must cost; three digits after the point at most. Default: 5.
    #[schemars(with = "Option<f64>")]
    pub(in crate::config) times: Option<Decimal>,
    /// And how many US dollars that hour. Default: 1.00.
    #[schemars(with = "Option<f64>")]
    pub(in crate::config) above: Option<Decimal>,
    /// How far back hours tell what is usual; whole hours, 336h at most. Default: 168h.
    pub(in crate::config) baseline: Option<GoDuration>,
    /// How long ago a value must have cost something for the first time before it can spike; whole hours. Default: 24h.
    pub(in crate::config) warm_up: Option<GoDuration>,
    /// A URL that takes `{"text": "..."}`, as Slack's incoming webhooks do; best written as `${env:SLACK_WEBHOOK_URL:-}`. An
    /// empty one is none. Default: none.
    pub(in crate::config) webhook: Option<Secret>,
    /// What requests to the webhook take along, as in `authorization: ${env:TOKEN}`. Default: none.
    pub(in crate::config) webhook_headers: Headers,
}
