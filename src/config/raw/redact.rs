//! `redact:` as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Drops attributes before requests leave for the exporters of its pipeline; what is priced, booked and sent by other pipelines is
/// whole. See docs/privacy.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Redact {
    /// Keys of attributes, in which `*` stands for any text, as in `user.*`; `messages` stands for all keys that are known to
    /// carry prompts and answers, and for the content of their events.
    pub(in crate::config) drop: Vec<String>,
}
