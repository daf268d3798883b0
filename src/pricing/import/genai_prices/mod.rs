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

mod facts;
mod names;
mod prices;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ImportError;
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

/// Converts the published list `json` of genai-prices `version` into the text of a catalog: JSON, one model a
/// line, in the order of the list. The same input gives the same text.
///
/// # Errors
/// The list is no list of genai-prices, or says something that our format cannot.
pub fn convert(json: &str, version: &str) -> Result<String, ImportError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let providers: Vec<Provider> = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        ImportError::Shape { place: error.path().to_string(), problem: error.inner().to_string() }
    })?;

    let mut text = String::from("{\n");
    line(&mut text, 1, "currency", &json!("USD"));
    line(&mut text, 1, "source", &json!(format!("genai-prices {version}")));
    line(&mut text, 1, "version", &json!(version));
    line(&mut text, 1, "notes", &json!(NOTES));
    text.push_str("  \"providers\": {\n");
    for provider in &providers {
        write_provider(&mut text, provider)?;
    }
    for facts in PROVIDERS.iter().filter(|facts| providers.iter().all(|provider| provider.id != facts.id)) {
        text.push_str(&format!("    {}: {},\n", json!(facts.id), json!({ "names": facts.names })));
    }
    close(&mut text, "  }\n}\n");
    Ok(text)
}

fn write_provider(text: &mut String, provider: &Provider) -> Result<(), ImportError> {
    let facts = PROVIDERS.iter().find(|facts| facts.id == provider.id);
    let given = |list: fn(&facts::Facts) -> &'static [&'static str]| {
        facts.map_or(&[][..], list).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    let mut provider_names = given(|facts| facts.names);
    if let Some(clause) = &provider.provider_match {
        names::globs(clause, &provider.id, &mut provider_names)?;
    }
    let mut hosts = given(|facts| facts.hosts);
    hosts.extend(names::host(&provider.api_pattern));
    let mut serves = given(|facts| facts.serves);
    if let Some(clause) = &provider.model_match {
        names::globs(clause, &provider.id, &mut serves)?;
    }

    text.push_str(&format!("    {}: {{\n", json!(provider.id)));
    for (key, list) in [
        ("names", provider_names),
        ("hosts", hosts),
        ("serves", serves),
        ("fallback", provider.fallback_model_providers.clone().unwrap_or_default()),
        ("same_price", given(|facts| facts.same_price)),
    ] {
        if !list.is_empty() {
            line(text, 3, key, &json!(list));
        }
    }
    text.push_str("      \"models\": {\n");
    for model in &provider.models {
        let place = format!("{}/{}", provider.id, model.id);
        let matched = names::model(&model.matches, &model.id, &place)?;
        let price = prices::convert(provider, model, &place)?;
        line(text, 4, &model.id, &entry(matched.names, &price));
        // A fine-tune billed like its base is still not its base: it gets an entry of its own.
        if !matched.fine_tunes.is_empty() {
            line(text, 4, &format!("ft:{}", model.id), &entry(matched.fine_tunes, &price));
        }
    }
    close(text, "      }\n");
    text.push_str("    },\n");
    Ok(())
}

fn entry(names: Vec<String>, price: &Map<String, Value>) -> Value {
    let mut entry = Map::new();
    if !names.is_empty() {
        entry.insert("match".to_owned(), json!(names));
    }
    entry.extend(price.clone());
    Value::Object(entry)
}

fn line(text: &mut String, depth: usize, key: &str, value: &Value) {
    text.push_str(&format!("{:indent$}{}: {value},\n", "", json!(key), indent = depth * 2));
}

/// Closes a list: without the comma after its last entry.
fn close(text: &mut String, end: &str) {
    if text.ends_with(",\n") {
        text.truncate(text.len() - 2);
        text.push('\n');
    }
    text.push_str(end);
}

#[cfg(test)]
mod tests;
