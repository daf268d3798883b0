//! The processor's settings, from the config.

use std::time::Duration;

use crate::attribution::{Attribution, Hasher};
use crate::config;
use crate::dialect_files;
use crate::processor;
use crate::yaml::Mistakes;

/// The processor's settings as a config has them.
///
/// # Errors
/// A file of a dialect can not be read, or is wrong.
pub fn settings(pricetag: &config::Pricetag) -> Result<processor::Settings, Mistakes> {
    Ok(processor::Settings {
        attributes: match pricetag.attributes {
            config::Attributes::Default => processor::Attributes::Default,
            config::Attributes::Full => processor::Attributes::Full,
        },
        aliases: pricetag.aliases.iter().map(|alias| alias.key().to_owned()).collect(),
        reported: pricetag.reported,
        trust_upstream: pricetag.upstream == config::Upstream::Trust,
        settle_after: pricetag.settle_after,
        max_age: Duration::from_secs(86_400 * u64::from(pricetag.ledger.limits.days)),
        weight_key: pricetag.sampled.clone(),
        max_open_bytes: pricetag.max_open_traces_bytes,
        attribution: Attribution {
            dimensions: pricetag.dimensions.clone(),
            hasher: pricetag.hash_key.as_ref().map(|key| Hasher::new(key.expose().as_bytes())),
            actions: pricetag.actions.clone(),
            lookups: pricetag.lookups.len(),
            margin: pricetag.margin.clone(),
        },
        dialects: dialect_files::read(&pricetag.dialects)?,
    })
}
