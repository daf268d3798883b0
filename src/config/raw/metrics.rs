//! The cost metrics, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// The cost metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Metrics {
    /// The dimensions that are labels of the cost metrics, besides the provider, the models and the operation. Each multiplies the
    /// series: 2,000 are told apart, further ones are `other`. Ask the ledger for what has many values, as users do. Default:
    /// [feature, workflow, tier].
    pub(in crate::config) labels: Option<Vec<String>>,
}
