//! What was sampled away before, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What spans say of those that were sampled away before they came here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Sampling {
    /// The attribute that says how many calls a span stands for, as in `SampleRate` (Honeycomb), or, below one, how probable it was
    /// that it was kept. Where a span has it, it counts and not the `ot=th` of the span's trace state. Default: none.
    pub(in crate::config) attribute: Option<String>,
}
