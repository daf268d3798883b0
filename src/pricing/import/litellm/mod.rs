//! From LiteLLM (Berri AI, MIT outside its `enterprise` folder), the shape of its
//! `model_prices_and_context_window_backup.json`: entries by key, rates in dollars for one unit.
//!
//! | theirs | ours |
//! |---|---|
//! | `…_above_272k_tokens` | `over` |
//! | `…_priority`, `…_flex`, … | `tier` |
//! | `…_batches` | `batch: true` |
//! | `tiered_pricing` | `over`, each tier a list of its own |
//! | `off_peak_pricing` | `days`, `hours` |
//! | `regional_…_uplift_multiplier…` | `region` and `x` |
//! | `azure/eu/…`, `bedrock/us-east-1/…`, `us.…` | `region`, where the price is another than the model's |
//! | `deprecation_date` | `retires` |
//! | every rate zero | no rates: known, unpriced; `free` in the name: free |
//!
//! Nothing about prices is passed over in silence: what has no place is in [`Imported::skipped`] and [`Imported::left_out`].

mod facts;
mod keys;
mod off_peak;
mod places;
mod price;
mod regions;
mod tiers;

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::{Map, Value};

use super::ImportError;
use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::format::{CatalogFile, ModelEntry, Ordered, ProviderEntry, Rates};
use crate::pricing::rate::Rate;

/// A converted list, and what of it could not be said.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// The catalog.
    pub file: CatalogFile,
    /// Entries that are not in it, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Keys about prices that models in it have beside what is in it, with the reason and the number of such models.
    pub left_out: BTreeMap<String, (&'static str, usize)>,
    /// Models whose keys have different prices for one place, `provider/model`.
    pub disputed: Vec<String>,
}

/// What a reader of the catalog should know.
const NOTES: [&str; 1] =
    ["LiteLLM is Copyright (c) 2023 Berri AI, MIT licence: config/LICENSES/litellm.txt."];

/// The price of one entry of the list, of their provider `theirs`.
///
/// # Errors
/// Why it has no price that we can say.
pub fn convert_entry(theirs: &str, entry: &Map<String, Value>) -> Result<ModelEntry, String> {
    price::convert(entry, facts::habits(theirs)).map(|priced| priced.model)
}

/// Converts the published list `json` of LiteLLM `version` into a catalog, in the order of the list.
///
/// # Errors
/// The list is no list of LiteLLM.
pub fn convert(json: &str, version: &str) -> Result<Imported, ImportError> {
    let shape = |place: &str, problem: String| ImportError::Shape { place: place.to_owned(), problem };
    let entries: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| shape("the start", error.to_string()))?;
    if !entries.values().any(|entry| entry.get("litellm_provider").is_some()) {
        return Err(shape("the start", "no entry has a `litellm_provider`: no list of LiteLLM".to_owned()));
    }
    let mut imported = Imported::default();
    let mut drafts = Drafts::default();
    for (key, entry) in &entries {
        let entry = entry.as_object().ok_or_else(|| shape(key, "no object".to_owned()))?;
        let theirs = entry.get("litellm_provider").and_then(Value::as_str).unwrap_or_default();
        let place = match places::place(key, theirs) {
            Ok(place) => place,
            Err(reason) => {
                imported.skipped.push((key.clone(), reason.to_owned()));
                continue;
            }
        };
        let model = match price::convert(entry, facts::habits(theirs)) {
            Ok(priced) => {
                for (key, reason) in priced.left_out {
                    imported.left_out.entry(key).or_insert((reason, 0)).1 += 1;
                }
                priced.model
            }
            Err(reason) if reason == price::ALL_ZERO => zero(&place.model, &mut imported.skipped, key),
            Err(reason) => {
                imported.skipped.push((key.clone(), reason));
                continue;
            }
        };
        drafts.add(place, theirs, regions::Listed { model, cited: entry.contains_key("source") });
    }
    imported.file = CatalogFile {
        currency: Some("USD".to_owned()),
        source: Some(format!("litellm {version}")),
        version: Some(version.to_owned()),
        notes: NOTES.iter().map(|note| (*note).to_owned()).collect(),
        providers: Ordered(drafts.finish(&mut imported.disputed)),
        ..CatalogFile::default()
    };
    Ok(imported)
}

/// A model whose every rate is zero: free where its name says so, else known and unpriced.
fn zero(model: &str, skipped: &mut Vec<(String, String)>, key: &str) -> ModelEntry {
    let free = model.ends_with(":free") || model.ends_with("-free");
    let rate = Rate::from_dollars(Decimal::new(0, 0)).ok();
    let rates = [Bucket::Input, Bucket::Output].map(|bucket| (bucket, rate)).to_vec();
    if free {
        return ModelEntry { rates: Rates(rates), ..ModelEntry::default() };
    }
    skipped.push((key.to_owned(), format!("{}: known, but unpriced", price::ALL_ZERO)));
    ModelEntry::default()
}

/// The catalog while entries come in.
#[derive(Default)]
struct Drafts {
    providers: Vec<(String, Draft)>,
    by_id: HashMap<String, usize>,
}

/// A provider: its names in their list, its models with the prices of their regions.
#[derive(Default)]
struct Draft {
    names: Vec<String>,
    models: Vec<(String, regions::Regional)>,
    by_id: HashMap<String, usize>,
}

impl Drafts {
    fn add(&mut self, place: places::Place, theirs: &str, listed: regions::Listed) {
        let nth = *self.by_id.entry(place.provider.clone()).or_insert_with(|| {
            self.providers.push((place.provider.clone(), Draft::default()));
            self.providers.len() - 1
        });
        let (id, draft) = &mut self.providers[nth];
        if theirs != id && !draft.names.iter().any(|name| name == theirs) {
            draft.names.push(theirs.to_owned());
        }
        let nth = *draft.by_id.entry(place.model.clone()).or_insert_with(|| {
            draft.models.push((place.model, regions::Regional::default()));
            draft.models.len() - 1
        });
        draft.models[nth].1.add(place.region, listed);
    }

    fn finish(self, disputed: &mut Vec<String>) -> Vec<(String, ProviderEntry)> {
        let mut finish = |provider: &str, draft: Draft| {
            let models = draft.models.into_iter().map(|(id, regional)| {
                let (model, apart) = regional.finish();
                if apart {
                    disputed.push(format!("{provider}/{id}"));
                }
                (id, model)
            });
            ProviderEntry {
                models: Ordered(models.collect()),
                names: draft.names,
                ..ProviderEntry::default()
            }
        };
        self.providers.into_iter().map(|(id, draft)| (id.clone(), finish(&id, draft))).collect()
    }
}

#[cfg(test)]
mod tests;
