//! What is watched for spikes of cost, as the config means it.

use super::values::Secret;
use crate::ledger::spikes::Rule;

/// One rule for every value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spikes {
    /// The dimension.
    pub by: String,
    /// When one of its values spikes.
    pub rule: Rule,
    /// Whom to tell, besides the log events, the metrics and the admin port.
    pub webhook: Option<Webhook>,
}

/// Where spikes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its URL, which is a password.
    pub url: Secret,
    /// What every request takes along.
    pub headers: Vec<(http::HeaderName, Secret)>,
}
