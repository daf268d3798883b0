//! From genai-prices (Pydantic, MIT), the shape of its `prices/new_data/v2/data.json`.
//!
//! | theirs | ours |
//! |---|---|
//! | `equals`, `starts_with`, `contains`, `ends_with` | a name: dates, revisions and routes come off when matching |
//! | `starts_with`, `contains` of a fine-tune or a family (no digit) | a glob |
//! | a list of prices with `start_date` | `from`; a later list replaces an earlier one, keys that it lacks are removed |
//! | `start_time`, `end_time` | `hours`, from the last date before it on (they apply it to all the past) |
//! | `tiers` | `over` |
//! | `processing: batch` | `batch: true` |
//! | `service_tier`, `speed` | `tier` |
//! | `route: x/eu` | `region: eu` |
//! | `search_type` | left out: no span says it |
//! | models without prices | models without rates: known, unpriced |
//!
//! What their list cannot say is put right in `facts`.

mod claims;
mod facts;
mod names;
mod prices;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ImportError;
use crate::pricing::format::{CatalogFile, ModelEntry, Ordered, ProviderEntry};
pub use claims::Claims;
use facts::PROVIDERS;

/// A provider as genai-prices publishes it. Keys that do not bear on prices are not read.
#[derive(Debug, Deserialize)]
struct Provider {
    id: String,
    api_pattern: String,
    #[serde(default)]
    provider_match: Option<Clause>,
    #[serde(default)]
    model_match: Option<Clause>,
    #[serde(default)]
    fallback_model_providers: Option<Vec<String>>,
    models: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    id: String,
    #[serde(rename = "match")]
    matches: Clause,
    prices: Prices,
    #[serde(default)]
    price_variants: Vec<Variant>,
}

/// How a name is matched.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(String),
    Or(Vec<Clause>),
    And(Vec<Clause>),
}

type RateMap = Map<String, Value>;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Prices {
    Dated(Vec<Dated>),
    Always(RateMap),
}

#[derive(Debug, Deserialize)]
struct Dated {
    #[serde(default)]
    constraint: Option<Constraint>,
    prices: RateMap,
}

#[derive(Debug, Deserialize)]
struct Variant {
    when: Map<String, Value>,
    #[serde(default)]
    constraint: Option<Constraint>,
    prices: RateMap,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Constraint {
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
}

/// What a reader of the catalog should know.
const NOTES: [&str; 2] = [
    "Converted by `pricetag prices import --from genai-prices`; do not edit: convert again.",
    "genai-prices is Copyright (c) Pydantic Services Inc., MIT licence: config/LICENSES/genai-prices.txt.",
];

/// Converts the published list `json` of genai-prices `version` into a catalog, in the order of the list.
///
/// # Errors
/// The list is no list of genai-prices, or says something that our format cannot.
pub fn convert(json: &str, version: &str) -> Result<CatalogFile, ImportError> {
    convert_with_claims(json, version).map(|(file, _)| file)
}

/// [`convert`], and whose names the list itself takes others for: what [`join`](super::join::join) asks.
///
/// # Errors
/// See [`convert`].
pub fn convert_with_claims(json: &str, version: &str) -> Result<(CatalogFile, Claims), ImportError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let providers: Vec<Provider> = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        ImportError::Shape { place: error.path().to_string(), problem: error.inner().to_string() }
    })?;
    let mut entries = Vec::with_capacity(PROVIDERS.len() + providers.len());
    for provider in &providers {
        entries.push((provider.id.clone(), entry(provider)?));
    }
    for facts in PROVIDERS.iter().filter(|facts| providers.iter().all(|provider| provider.id != facts.id)) {
        entries.push((
            facts.id.to_owned(),
            ProviderEntry { names: owned(facts.names), ..ProviderEntry::default() },
        ));
    }
    let file = CatalogFile {
        currency: Some("USD".to_owned()),
        source: Some(format!("genai-prices {version}")),
        version: Some(version.to_owned()),
        notes: owned(&NOTES),
        providers: Ordered(entries),
        ..CatalogFile::default()
    };
    Ok((file, Claims::new(providers)))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn entry(provider: &Provider) -> Result<ProviderEntry, ImportError> {
    let facts = PROVIDERS.iter().find(|facts| facts.id == provider.id);
    let given = |list: fn(&facts::Facts) -> &'static [&'static str]| owned(facts.map_or(&[][..], list));
    let mut entry = ProviderEntry {
        names: given(|facts| facts.names),
        hosts: given(|facts| facts.hosts),
        serves: given(|facts| facts.serves),
        fallback: provider.fallback_model_providers.clone().unwrap_or_default(),
        same_price: given(|facts| facts.same_price),
        models: Ordered::default(),
    };
    if let Some(clause) = &provider.provider_match {
        names::globs(clause, &provider.id, &mut entry.names)?;
    }
    entry.hosts.extend(names::host(&provider.api_pattern));
    if let Some(clause) = &provider.model_match {
        names::globs(clause, &provider.id, &mut entry.serves)?;
    }
    for model in &provider.models {
        let place = format!("{}/{}", provider.id, model.id);
        let matched = names::model(&model.matches, &model.id, &place)?;
        let price = prices::convert(provider, model, &place)?;
        // A fine-tune billed like its base is still not its base: it gets an entry of its own.
        if !matched.fine_tunes.is_empty() {
            let fine_tunes = ModelEntry { matches: matched.fine_tunes, ..price.clone() };
            entry.models.0.push((model.id.clone(), ModelEntry { matches: matched.names, ..price }));
            entry.models.0.push((format!("ft:{}", model.id), fine_tunes));
        } else {
            entry.models.0.push((model.id.clone(), ModelEntry { matches: matched.names, ..price }));
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests;
