//! The catalog as it is written: one shape, read from JSON and from YAML.
//!
//! Nothing here has a meaning yet; `catalog` gives it one. Order is kept everywhere, because it decides:
//! a later `when` wins over an earlier one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::rate::{Factor, Rate};
use super::when::{Day, Hours, Moment};
use crate::genai::usage::Bucket;

/// A catalog file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// The currency of every rate; only `USD`.
    pub currency: Option<String>,
    /// Where the prices come from, such as `genai-prices 0.2.3`.
    pub source: Option<String>,
    /// The version of this list, printed on receipts.
    pub version: Option<String>,
    /// What a reader should know. Not used.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The providers by id.
    #[serde(default)]
    pub providers: Ordered<ProviderEntry>,
}

/// A provider: who bills.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    /// Values of `gen_ai.provider.name` and `gen_ai.system`: exact, `glob*` or `/regex/`. The id always does.
    #[serde(default, deserialize_with = "one_or_many")]
    pub names: Vec<String>,
    /// Values of `server.address`: exact, `glob*` or `/regex/`.
    #[serde(default, deserialize_with = "one_or_many")]
    pub hosts: Vec<String>,
    /// Model names that mean this provider where the call names no provider and no known host.
    #[serde(default, deserialize_with = "one_or_many")]
    pub serves: Vec<String>,
    /// Providers whose prices hold where this one lists no price of its own, in order: a reseller's sources.
    #[serde(default, deserialize_with = "one_or_many")]
    pub fallback: Vec<String>,
    /// Endings of model names that choose a mode or a route at the same price, such as `:nitro`.
    #[serde(default, deserialize_with = "one_or_many")]
    pub same_price: Vec<String>,
    /// The models by id.
    #[serde(default)]
    pub models: Ordered<ModelEntry>,
}

/// A model and its price.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Other names: exact, `glob*` or `/regex/`. The id always matches. A star takes in no `:`, `[` or `.ft-`,
    /// which mark a variant, unless the pattern writes it.
    #[serde(default, rename = "match", deserialize_with = "one_or_many")]
    pub matches: Vec<String>,
    /// The rates, before any condition.
    #[serde(default)]
    pub rates: Rates,
    /// What holds under conditions. Every true one applies, in order.
    #[serde(default)]
    pub when: Vec<WhenEntry>,
    /// The day the provider stops serving the model.
    pub retires: Option<Moment>,
    /// Where the price was read.
    pub source: Option<String>,
}

/// Conditions, all of which must be true, and what they change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenEntry {
    /// More input tokens than this, cached ones included.
    pub over: Option<u64>,
    /// Calls that end at or after this moment.
    pub from: Option<Moment>,
    /// Calls that end before this moment.
    pub until: Option<Moment>,
    /// These days of the week, UTC.
    #[serde(default, deserialize_with = "one_or_many")]
    pub days: Vec<Day>,
    /// These hours, UTC, such as `01:00-04:00`: the first minute counts, the last does not.
    #[serde(default, deserialize_with = "one_or_many")]
    pub hours: Vec<Hours>,
    /// One of these service tiers.
    #[serde(default, deserialize_with = "one_or_many")]
    pub tier: Vec<String>,
    /// Whether the call was part of a batch.
    pub batch: Option<bool>,
    /// One of these regions; `europe-*` is every region that begins so.
    #[serde(default, deserialize_with = "one_or_many")]
    pub region: Vec<String>,
    /// What token rates are multiplied by.
    pub x: Option<Factor>,
    /// Rates that replace earlier ones, key by key; `null` removes one.
    #[serde(default)]
    pub rates: Rates,
}

/// Rates by bucket; `None` removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(pub Vec<(Bucket, Option<Rate>)>);

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByBucket;
        impl<'de> Visitor<'de> for ByBucket {
            type Value = Rates;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rates by bucket, such as {input: 5, output: 30}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rates, A::Error> {
                let mut rates: Vec<(Bucket, Option<Rate>)> = Vec::new();
                while let Some((bucket, rate)) = map.next_entry()? {
                    if rates.iter().any(|(known, _)| *known == bucket) {
                        return Err(A::Error::custom(format_args!("`{bucket}` stands twice; keep one")));
                    }
                    rates.push((bucket, rate));
                }
                Ok(Rates(rates))
            }
        }
        deserializer.deserialize_map(ByBucket)
    }
}

impl<'de> Deserialize<'de> for Bucket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Bucket;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a bucket")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Bucket, E> {
                Bucket::from_name(name).ok_or_else(|| {
                    let names: Vec<_> = Bucket::ALL.iter().map(|bucket| bucket.name()).collect();
                    E::custom(format_args!("`{name}` is no bucket; use one of {}", names.join(", ")))
                })
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// A map in the order it was written; a key may stand only once.
#[derive(Clone, Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map by id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
                let mut seen = hashbrown::HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format_args!("`{key}` stands twice; keep one")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Reads one value or a list of them.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a list of texts")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut many = Vec::new();
            while let Some(one) = list.next_element()? {
                many.push(one);
            }
            Ok(many)
        }
    }
    deserializer.deserialize_any(OneOrMany(PhantomData))
}

/// Why a catalog cannot be used. Names the place and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("catalog {origin}: at {place}: {problem}")]
pub struct CatalogError {
    /// Which file.
    pub origin: String,
    /// The path inside it, such as `providers.openai.models.gpt-5.rates.input`.
    pub place: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl CatalogFile {
    /// Reads JSON; `origin` names the file in errors.
    ///
    /// # Errors
    /// The text is not JSON, or not a catalog.
    pub fn from_json(origin: &str, text: &str) -> Result<Self, CatalogError> {
        // Tracking the path costs as much as reading; so it is tracked only where there is something to say.
        serde_json::from_str(text)
            .or_else(|_| with_path(origin, &mut serde_json::Deserializer::from_str(text)))
    }

    /// Reads YAML (and therefore JSON); `origin` names the file in errors.
    ///
    /// # Errors
    /// The text is not YAML, or not a catalog.
    pub fn from_yaml(origin: &str, text: &str) -> Result<Self, CatalogError> {
        with_path(origin, serde_yaml::Deserializer::from_str(text))
    }
}

fn with_path<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    origin: &str,
    deserializer: D,
) -> Result<T, CatalogError>
where
    D::Error: fmt::Display,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let place = error.path().to_string();
        let problem = error.inner().to_string();
        // The YAML reader says a part of the place too.
        let once = problem.split_once(": ").filter(|(path, _)| place.starts_with(path)).map(|(_, rest)| rest);
        CatalogError { origin: origin.to_owned(), problem: once.map(str::to_owned).unwrap_or(problem), place }
    })
}
