//! The catalog as it is written: one shape, read from JSON and from YAML.
//!
//! Nothing here has a meaning yet; `catalog` gives it one. Order is kept everywhere, because it decides:
//! a later `when` wins over an earlier one. The doc comments are the reference of the format: they become
//! `config/prices.schema.json`, which editors show.

mod read;
mod schema;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::rate::{Factor, Rate};
use super::when::{Day, Hours, Moment};
use crate::genai::usage::Bucket;
use crate::yaml::de;
use crate::yaml::error::{Mistake, Mistakes, Report, alone};
use crate::yaml::path::Mark;
use crate::yaml::tree;

use read::one_or_many;
use schema::OneOrMany;
pub use schema::schema;

/// A catalog file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// The currency of every amount in the file; `USD` if not said. The ledger counts dollars, so another one needs
    /// `usd_per_unit`.
    pub currency: Option<String>,
    /// Dollars for one unit of `currency`, such as 1.08 for the euro. Every amount is converted when the file is
    /// read, exactly, and rounded half-even once to the picodollar.
    pub usd_per_unit: Option<Factor>,
    /// Where the prices come from, such as `genai-prices 0.2.3`.
    pub source: Option<String>,
    /// The version of this list, printed on receipts.
    pub version: Option<String>,
    /// When the prices were true: the day the list was published or read. A catalog that has grown old is warned of.
    pub date: Option<Moment>,
    /// What a reader should know. Not used.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The providers by id.
    #[serde(default)]
    pub providers: Ordered<ProviderEntry>,
    /// A user's own names for models, such as `azure/my-prod-gpt: openai/gpt-5.6-sol`. Before a `:` stands what calls
    /// say, a model's name or `provider/name`, in any case; behind it `provider/model`, whose price holds. The provider
    /// named before the `:` bills, else the one that the call names, else the model's own. To have Azure's own price
    /// where Azure lists one, write `azure/gpt-5.6-sol` behind it.
    #[serde(default)]
    pub aliases: Ordered<String>,
    /// What you pay beside the lists: negotiated discounts, provisioned throughput. At most 64.
    #[serde(default)]
    pub adjust: Vec<AdjustEntry>,
    /// The text that this was read from, to find the lines of mistakes in what it means.
    #[serde(skip)]
    pub(super) text: Text,
}

/// A change to what a provider bills: it multiplies the finished price, rates for searches and requests too.
/// All that hold at once multiply.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustEntry {
    /// Whose bill: a provider's id or name.
    pub provider: Option<String>,
    /// Only models of this name: exact, `glob*` or `/regex/`; the catalog's id, or the name that the call says.
    pub model: Option<String>,
    /// What every rate is multiplied by: 0.88 for 12 % off. 0 makes calls free.
    pub x: Option<Factor>,
    /// Calls that end at or after this moment.
    pub from: Option<Moment>,
    /// Calls that end before this moment.
    pub until: Option<Moment>,
    /// What is paid each month, however many calls there are. Shown, but not spread over calls.
    pub fixed_per_month: Option<Rate>,
    /// Why, for receipts.
    pub note: Option<String>,
}

/// A provider: who bills.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderEntry {
    /// Values of `gen_ai.provider.name` and `gen_ai.system`: exact, `glob*` or `/regex/`. The id always does.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub names: Vec<String>,
    /// Values of `server.address`: exact, `glob*` or `/regex/`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub hosts: Vec<String>,
    /// Model names that mean this provider where the call names no provider and no known host.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub serves: Vec<String>,
    /// Providers whose prices hold where this one lists no price of its own, in order: a reseller's sources.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub fallback: Vec<String>,
    /// Endings of model names that choose a mode or a route at the same price, such as `:nitro`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub same_price: Vec<String>,
    /// The models by id.
    #[serde(default)]
    pub models: Ordered<ModelEntry>,
}

/// A model and its price.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Other names: exact, `glob*` or `/regex/`. The id always matches. A star takes in no `:`, `[` or `.ft-`,
    /// which mark a variant, unless the pattern writes it.
    #[serde(default, rename = "match", deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub matches: Vec<String>,
    /// The rates, before any condition. Dollars for 1M tokens or characters, for 1,000 searches, pages, messages or
    /// requests, and for an hour of audio.
    #[serde(default)]
    pub rates: Rates,
    /// What the GPUs cost that serve the model: an estimate of its `input` and `output` rates.
    pub gpu: Option<GpuEntry>,
    /// What holds under conditions. Every true one applies, in order.
    #[serde(default)]
    pub when: Vec<WhenEntry>,
    /// The day the provider stops serving the model.
    pub retires: Option<Moment>,
    /// Where the price was read.
    pub source: Option<String>,
}

/// The price of a model on GPUs of one's own: what a second of them costs, spread over the tokens of a second.
///
/// `input` costs `per_hour` × `count` / 3600 / `tokens_per_second` a token, and `output` costs `output_weight` times
/// that, rounded half-even once, to the picodollar for 1M tokens.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuEntry {
    /// What an hour of one GPU costs.
    pub per_hour: Option<Rate>,
    /// How many GPUs serve the model; 1 if not said.
    pub count: Option<u32>,
    /// How many tokens all of them together take in a second, measured under your usual load; an output token counts
    /// `output_weight` times.
    pub tokens_per_second: Option<Factor>,
    /// How many input tokens take the time of one output token; 1 if not said.
    pub output_weight: Option<Factor>,
}

/// Conditions, all of which must be true, and what they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
    #[schemars(with = "OneOrMany<Day>")]
    pub days: Vec<Day>,
    /// These hours, UTC, such as `01:00-04:00`: the first minute counts, the last does not.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<Hours>")]
    pub hours: Vec<Hours>,
    /// One of these service tiers.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
    pub tier: Vec<String>,
    /// Whether the call was part of a batch.
    pub batch: Option<bool>,
    /// One of these regions; `europe-*` is every region that begins so.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<String>")]
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

/// A map in the order it was written; a key may stand only once.
#[derive(Clone, Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The text that a file was read from, if it was.
#[derive(Clone, Default)]
pub(super) struct Text(Option<Arc<str>>);

/// Too long to be of use.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Text {
    /// A report that finds lines in the text.
    pub(super) fn report(&self) -> Report {
        let mark = |line, column| Mark::File { line, column };
        let parsed = self.0.as_deref().and_then(|text| tree::parse(text, mark).ok());
        parsed.map_or_else(Report::default, |(said, _)| Report::new(said, Vec::new()))
    }
}

impl CatalogFile {
    /// Reads JSON; `origin` names the file in errors.
    ///
    /// # Errors
    /// The text is not JSON, or not a catalog: every mistake, with its line.
    pub fn from_json(origin: &str, text: &str) -> Result<Self, Mistakes> {
        // Keeping positions costs many times what reading costs; so they are kept only where there is something to say.
        let mut file: Self = serde_json::from_str(text).map_err(|error| match positioned(origin, text) {
            Err(mistakes) => mistakes,
            // Good YAML, but no JSON.
            Ok(_) => Mistakes(vec![Mistake {
                source: origin.to_owned(),
                line: Some(error.line()),
                column: Some(error.column()),
                key: String::new(),
                // Its own words end in the place.
                message: format!(
                    "not valid JSON: {}",
                    error.to_string().split(" at line ").next().unwrap_or_default()
                ),
                remedy: Some("check commas and quotes around this place".to_owned()),
            }]),
        })?;
        file.text = Text(Some(text.into()));
        Ok(file)
    }

    /// Reads YAML, and therefore JSON; `origin` names the file in errors.
    ///
    /// # Errors
    /// The text is not YAML, or not a catalog: every mistake, with its line.
    pub fn from_yaml(origin: &str, text: &str) -> Result<Self, Mistakes> {
        // A long imported list is JSON, and should not take the slow way.
        let quick =
            if text.trim_ascii_start().starts_with('{') { serde_json::from_str(text).ok() } else { None };
        let mut file = match quick {
            Some(file) => file,
            None => positioned(origin, text)?,
        };
        file.text = Text(Some(text.into()));
        Ok(file)
    }
}

/// Reads YAML with the place of everything.
fn positioned(origin: &str, text: &str) -> Result<CatalogFile, Mistakes> {
    let (mut tree, problems) = tree::parse(text, |line, column| Mark::File { line, column })
        .map_err(|problem| alone(problem, origin))?;
    let mut report = Report::new(tree.clone(), problems);
    let file = de::read(&mut tree, &mut report);
    report.finish(origin, &[])?;
    Ok(file)
}
