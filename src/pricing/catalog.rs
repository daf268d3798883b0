//! The catalog: what was written, checked and indexed. Immutable once built.

use std::fmt;
use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use super::adjust::Adjustment;
use super::aliases::Aliases;
use super::build::Build;
use super::decimal::Decimal;
use super::format::CatalogFile;
use super::gpu::Gpu;
use super::index::{Names, ProviderNames};
use super::rate::Rate;
use super::receipt::{Line, Receipt};
use super::rules::{Rules, When};
use super::when::Moment;
use crate::genai::usage::Bucket;
use crate::yaml::Mistakes;

/// The catalog that the binary carries.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalog.deflate"));

/// A provider of one catalog, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub(super) u16);

/// A model of one catalog, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub(super) u32);

/// A provider: who bills.
#[derive(Clone, Debug)]
pub struct Provider {
    pub(super) id: Box<str>,
    /// This provider, then those whose prices hold where it lists none.
    pub(super) chain: Box<[ProviderId]>,
    /// Endings that change no price.
    pub(super) same_price: Box<[Box<str>]>,
    pub(super) names: Names,
}

impl Provider {
    /// Its id in the catalog.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A model and its price.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) id: Box<str>,
    pub(super) provider: ProviderId,
    pub(super) rules: Rules,
    /// Its rates are worked out from this.
    pub(super) gpu: Option<Box<Gpu>>,
    pub(super) retires: Option<Moment>,
    pub(super) source: Option<Box<str>>,
    /// The layer that it stands in.
    pub(super) layer: u8,
}

impl Model {
    /// Its id in the catalog.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider whose list it stands in; for a reseller's call, not the one who bills.
    pub const fn provider(&self) -> ProviderId {
        self.provider
    }

    /// The day the provider stops serving it.
    pub const fn retires(&self) -> Option<Moment> {
        self.retires
    }

    /// Where the price was read, if the list says it model by model.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Its rates before any condition, in receipt order.
    pub fn rates(&self) -> impl Iterator<Item = (Bucket, Rate)> + '_ {
        self.rules.base.iter().filter_map(|(bucket, rate)| Some((bucket, rate?)))
    }

    /// What changes its rates, in order: later ones win.
    pub fn whens(&self) -> &[When] {
        &self.rules.whens
    }

    /// How its rates were worked out from the price of GPUs, in words, if they were.
    pub fn gpu(&self) -> Option<String> {
        self.gpu.as_ref().map(ToString::to_string)
    }

    /// Whether the catalog has any price for it.
    pub fn is_priced(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// One of the files that a catalog is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub(super) origin: Box<str>,
    pub(super) source: Option<Box<str>>,
    pub(super) version: Option<Box<str>>,
    pub(super) date: Option<Moment>,
    pub(super) exchange: Option<(Box<str>, Decimal)>,
}

impl Layer {
    /// The file's name; `embedded` for the one in the binary.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where the file says that its prices come from.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The version that the file gives itself.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When the file's prices were true, if it says so.
    pub const fn date(&self) -> Option<Moment> {
        self.date
    }

    /// The currency that the file was converted from, and dollars for one unit of it.
    pub fn exchange(&self) -> Option<(&str, Decimal)> {
        self.exchange.as_ref().map(|(currency, rate)| (&**currency, *rate))
    }
}

/// In words: `embedded (genai-prices 0.2.3)`, `prices.yaml (version 7, EUR at 1.08 USD)`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        let source = self.source.as_deref().unwrap_or_default();
        // A source often has its version in it, joined ones have several.
        let is_told = |version: &&str| version.split('+').all(|part| source.contains(part.trim()));
        let version = self.version.as_deref().filter(|version| !is_told(version));
        let said = [
            (!source.is_empty()).then(|| source.to_owned()),
            version.map(|version| format!("version {version}")),
            self.exchange.as_ref().map(|(currency, rate)| format!("{currency} at {rate} USD")),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() { Ok(()) } else { write!(f, " ({})", said.join(", ")) }
    }
}

/// The price table: rates by provider and model, with conditions.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(super) source: String,
    pub(super) version: String,
    pub(super) layers: Vec<Layer>,
    pub(super) providers: Vec<Provider>,
    pub(super) models: Vec<Model>,
    pub(super) adjustments: Vec<Adjustment>,
    pub(super) names: ProviderNames,
    pub(super) aliases: Aliases,
}

impl Catalog {
    /// The catalog that the binary carries, read at the first use.
    ///
    /// # Panics
    /// The carried file is no catalog; a test rules it out.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        let read = || Self::from_layers([("embedded", Self::embedded_file()?)]);
        CATALOG.get_or_init(|| match read() {
            Ok(catalog) => catalog,
            Err(error) => panic!("the embedded catalog is broken: {error}"),
        })
    }

    /// The embedded catalog as it is written, to lay others over.
    ///
    /// # Errors
    /// The carried file is no catalog; a test rules it out.
    pub fn embedded_file() -> Result<CatalogFile, Mistakes> {
        let mut text = String::new();
        // What build.rs packed unpacks; if it did not, an empty text is no catalog either.
        let _ = DeflateDecoder::new(EMBEDDED).read_to_string(&mut text);
        CatalogFile::from_json("embedded", &text)
    }

    /// A catalog from one JSON text; `origin` names it in errors.
    ///
    /// # Errors
    /// See [`from_layers`](Self::from_layers).
    pub fn from_json(origin: &str, text: &str) -> Result<Self, Mistakes> {
        Self::from_layers([(origin, CatalogFile::from_json(origin, text)?)])
    }

    /// A catalog from layers, the weakest first (embedded, imported, the user's own). A model of a later layer
    /// replaces the one with the same provider and id as a whole, rates, conditions and retirement: a price has one
    /// origin. Names of a later layer win over names of an earlier one; adjustments of all layers hold.
    ///
    /// # Errors
    /// Layers say what cannot be used: every mistake, with its place and the remedy.
    pub fn from_layers<'a>(
        layers: impl IntoIterator<Item = (&'a str, CatalogFile)>,
    ) -> Result<Self, Mistakes> {
        let mut build = Build::default();
        for (origin, file) in layers {
            build.add(origin, file);
        }
        build.finish()
    }

    /// The files that it is made of, the weakest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What is paid beside the lists, in the order of the files.
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }

    /// Where the prices come from, one entry a layer, joined by ` + `.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The version, one entry a layer, joined by ` + `.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The latest date of its layers: how old the prices are. `None` if no layer says one.
    pub fn date(&self) -> Option<Moment> {
        self.layers.iter().filter_map(Layer::date).max()
    }

    /// A provider.
    ///
    /// # Panics
    /// The id comes from a larger catalog.
    pub fn provider(&self, id: ProviderId) -> &Provider {
        &self.providers[usize::from(id.0)]
    }

    /// A model.
    ///
    /// # Panics
    /// The id comes from a larger catalog.
    pub fn model(&self, id: ModelId) -> &Model {
        self.entry(id)
    }

    pub(super) fn entry(&self, id: ModelId) -> &Model {
        &self.models[id.0 as usize]
    }

    /// Whether a provider goes by this name.
    pub fn provider_named(&self, name: &str) -> bool {
        self.names.named(&name.to_lowercase()).is_some()
    }

    /// Everything that made a receipt's rates what they are, in words and in order: an estimate from GPUs, the
    /// conditions of the model's price that were true, the adjustments in force.
    pub fn conditions(&self, receipt: &Receipt) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(model) = receipt.model.map(|model| self.entry(model)) {
            conditions.extend(model.gpu.iter().map(ToString::to_string));
            conditions.extend(receipt.applied.iter().map(|nth| model.rules.whens[nth].to_string()));
        }
        conditions.extend(receipt.adjusted.iter().map(|nth| self.adjustments[nth].to_string()));
        conditions
    }

    /// Those of the [`conditions`](Self::conditions) that made the rate of one line what it is.
    pub fn line_conditions(&self, receipt: &Receipt, line: &Line) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(model) = receipt.model.map(|model| self.entry(model)) {
            let rules = &model.rules;
            let made = |bucket| rules.last_naming(receipt.applied, bucket);
            // A rate was removed, and the one of the whole was set.
            let (own, whole) = (made(line.bucket), made(line.rate_of));
            let by_gpu = whole.is_none() && matches!(line.rate_of, Bucket::Input | Bucket::Output);
            conditions.extend(model.gpu.iter().filter(|_| by_gpu).map(ToString::to_string));
            let counts = |nth: &usize| {
                let scales = line.bucket.is_tokens() && rules.whens[*nth].x.is_some();
                Some(*nth) == own || Some(*nth) == whole || scales
            };
            conditions.extend(receipt.applied.iter().filter(counts).map(|nth| rules.whens[nth].to_string()));
        }
        conditions.extend(receipt.adjusted.iter().map(|nth| self.adjustments[nth].to_string()));
        conditions
    }

    /// The layer that a receipt's rates come from: one for all its lines, because a layer's model replaces another's
    /// as a whole. `None` where no model was priced.
    pub fn origin(&self, receipt: &Receipt) -> Option<&Layer> {
        receipt.model.map(|model| self.layer(model))
    }

    /// The layer that a model stands in.
    pub fn layer(&self, model: ModelId) -> &Layer {
        &self.layers[usize::from(self.entry(model).layer)]
    }

    /// Every model, in the order of the catalog.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        self.models.iter().enumerate().map(|(nth, model)| (ModelId(nth as u32), model))
    }
}
