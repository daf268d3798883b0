//! The catalog: what was written, checked and indexed. Immutable once built.

use std::sync::OnceLock;

use super::format::{CatalogError, CatalogFile, ModelEntry, ProviderEntry, Rates, WhenEntry};
use super::index::{Names, ProviderNames};
use super::receipt::Receipt;
use super::rules::{MAX_WHENS, Patch, Rules, When, tier_key};
use super::when::{Days, Moment};

/// The catalog that the binary carries.
const EMBEDDED: &str = include_str!("../../config/catalog.json");

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
    retires: Option<Moment>,
    source: Option<Box<str>>,
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

    /// Whether the catalog has any price for it.
    pub fn is_priced(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// The price table: rates by provider and model, with conditions.
#[derive(Clone, Debug)]
pub struct Catalog {
    source: String,
    version: String,
    pub(super) providers: Vec<Provider>,
    models: Vec<Model>,
    pub(super) names: ProviderNames,
}

impl Catalog {
    /// The catalog that the binary carries, read at the first use.
    ///
    /// # Panics
    /// The carried file is no catalog; a test rules it out.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        CATALOG.get_or_init(|| match Self::from_json("embedded", EMBEDDED) {
            Ok(catalog) => catalog,
            Err(error) => panic!("the embedded catalog is broken: {error}"),
        })
    }

    /// The embedded catalog as it is written, to lay others over.
    ///
    /// # Errors
    /// The carried file is no catalog; a test rules it out.
    pub fn embedded_file() -> Result<CatalogFile, CatalogError> {
        CatalogFile::from_json("embedded", EMBEDDED)
    }

    /// A catalog from one JSON text; `origin` names it in errors.
    ///
    /// # Errors
    /// See [`from_layers`](Self::from_layers).
    pub fn from_json(origin: &str, text: &str) -> Result<Self, CatalogError> {
        Self::from_layers([(origin, CatalogFile::from_json(origin, text)?)])
    }

    /// A catalog from layers, the weakest first (embedded, imported, the user's own). A model of a later layer
    /// replaces the one with the same provider and id; names of a later layer win over names of an earlier one.
    ///
    /// # Errors
    /// A layer says something that cannot be used; the error names the place and the remedy.
    pub fn from_layers<'a>(
        layers: impl IntoIterator<Item = (&'a str, CatalogFile)>,
    ) -> Result<Self, CatalogError> {
        let mut build = Build { sources: Vec::new(), versions: Vec::new(), providers: Vec::new() };
        for (origin, file) in layers {
            build.add(origin, file)?;
        }
        build.finish()
    }

    /// Where the prices come from, one entry a layer, joined by ` + `.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The version, one entry a layer, joined by ` + `.
    pub fn version(&self) -> &str {
        &self.version
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

    /// The conditions of a model's price that were true for a receipt, in words and in order.
    pub fn conditions(&self, receipt: &Receipt) -> Vec<String> {
        let Some(model) = receipt.model else { return Vec::new() };
        receipt.applied.iter().map(|nth| self.entry(model).rules.whens[nth].to_string()).collect()
    }

    /// Every model, in the order of the catalog.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        self.models.iter().enumerate().map(|(nth, model)| (ModelId(nth as u32), model))
    }
}

/// A provider while layers are laid over each other.
struct Draft {
    origin: String,
    id: String,
    entry: ProviderEntry,
}

struct Build {
    sources: Vec<String>,
    versions: Vec<String>,
    providers: Vec<Draft>,
}

impl Build {
    fn add(&mut self, origin: &str, file: CatalogFile) -> Result<(), CatalogError> {
        if let Some(currency) = &file.currency
            && currency != "USD"
        {
            let problem = format!("the ledger counts USD, not `{currency}`; convert the rates");
            return Err(CatalogError { origin: origin.to_owned(), place: "currency".to_owned(), problem });
        }
        self.sources.extend(file.source);
        self.versions.extend(file.version);
        for (id, entry) in file.providers.0 {
            let id = id.trim().to_lowercase();
            match self.providers.iter_mut().find(|draft| draft.id == id) {
                Some(draft) => draft.lay_over(origin, entry),
                None => self.providers.push(Draft { origin: origin.to_owned(), id, entry }),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Catalog, CatalogError> {
        if let Some(draft) = self.providers.get(usize::from(u16::MAX)) {
            let problem = "too many providers; at most 65535".to_owned();
            let origin = draft.origin.clone();
            return Err(CatalogError { origin, place: format!("providers.{}", draft.id), problem });
        }
        let ids: Vec<String> = self.providers.iter().map(|draft| draft.id.clone()).collect();
        let mut catalog = Catalog {
            source: self.sources.join(" + "),
            version: self.versions.join(" + "),
            providers: Vec::with_capacity(ids.len()),
            models: Vec::new(),
            names: ProviderNames::default(),
        };
        for (nth, id) in ids.iter().enumerate() {
            catalog.names.add_id(id, ProviderId(nth as u16));
        }
        for (nth, draft) in self.providers.into_iter().enumerate() {
            let provider = ProviderId(nth as u16);
            let place = format!("providers.{}", draft.id);
            let at = |key: &str, problem: String| CatalogError {
                origin: draft.origin.clone(),
                place: format!("{place}.{key}"),
                problem,
            };
            let ProviderEntry { names, hosts, serves, fallback, same_price, models } = draft.entry;
            catalog
                .names
                .add(provider, &names, &hosts, &serves)
                .map_err(|(key, problem)| at(key, problem))?;
            let mut chain = vec![provider];
            for name in &fallback {
                let known = ids.iter().position(|id| id == name).ok_or_else(|| {
                    at("fallback", format!("there is no provider `{name}`; name one of providers"))
                })?;
                chain.push(ProviderId(known as u16));
            }
            let mut index = Names::default();
            let first = catalog.models.len();
            for (id, entry) in &models.0 {
                index.add_id(id, ModelId(catalog.models.len() as u32));
                let model = model(id, provider, entry)
                    .map_err(|(key, problem)| at(&format!("models.{id}.{key}"), problem))?;
                catalog.models.push(model);
            }
            for (nth, (id, entry)) in models.0.iter().enumerate() {
                for name in &entry.matches {
                    index
                        .add(name, ModelId((first + nth) as u32))
                        .map_err(|problem| at(&format!("models.{id}.match"), problem))?;
                }
            }
            catalog.providers.push(Provider {
                id: draft.id.into(),
                chain: chain.into(),
                same_price: same_price.iter().map(|ending| ending.to_lowercase().into()).collect(),
                names: index,
            });
        }
        Ok(catalog)
    }
}

impl Draft {
    /// The later layer stands first, so that its names win; its models replace those of the same id.
    fn lay_over(&mut self, origin: &str, over: ProviderEntry) {
        self.origin = format!("{} + {origin}", self.origin);
        let before = std::mem::replace(&mut self.entry, over);
        let now = &mut self.entry;
        now.names.extend(before.names);
        now.hosts.extend(before.hosts);
        now.serves.extend(before.serves);
        now.same_price.extend(before.same_price);
        now.fallback.extend(before.fallback);
        let replaced: hashbrown::HashSet<String> =
            now.models.0.iter().map(|(id, _)| id.to_lowercase()).collect();
        now.models
            .0
            .extend(before.models.0.into_iter().filter(|(id, _)| !replaced.contains(&id.to_lowercase())));
    }
}

/// The place inside an entry, and the problem.
type Problem = (String, String);

fn model(id: &str, provider: ProviderId, entry: &ModelEntry) -> Result<Model, Problem> {
    if entry.rates.0.iter().any(|(_, rate)| rate.is_none()) {
        return Err(("rates".to_owned(), "there is nothing to remove here; drop the null".to_owned()));
    }
    if entry.when.len() > MAX_WHENS {
        return Err(("when".to_owned(), format!("at most {MAX_WHENS} entries; drop those long past")));
    }
    let whens =
        entry.when.iter().enumerate().map(|(nth, written)| {
            when(written).map_err(|problem| (format!("when[{nth}]"), problem.to_owned()))
        });
    let rules = Rules { base: patch(&entry.rates), whens: whens.collect::<Result<_, _>>()? };
    let source = entry.source.as_deref().map(Into::into);
    Ok(Model { id: id.into(), provider, rules, retires: entry.retires, source })
}

fn when(entry: &WhenEntry) -> Result<When, &'static str> {
    if entry.rates.0.is_empty() && entry.x.is_none() {
        return Err("it changes nothing; add `rates` or `x`");
    }
    if entry.from.is_some() && entry.until.is_some() && entry.from >= entry.until {
        return Err("`until` must be later than `from`");
    }
    let when = When {
        over: entry.over,
        from: entry.from,
        until: entry.until,
        days: Days::new(&entry.days),
        hours: entry.hours.as_slice().into(),
        tiers: entry.tier.iter().map(|tier| tier_key(tier)).collect(),
        batch: entry.batch,
        regions: entry.region.iter().map(|region| region.to_lowercase().into()).collect(),
        x: entry.x,
        rates: patch(&entry.rates),
    };
    let always = when.over.is_none()
        && when.from.is_none()
        && when.until.is_none()
        && entry.days.is_empty()
        && when.hours.is_empty()
        && when.tiers.is_empty()
        && when.batch.is_none()
        && when.regions.is_empty();
    if always { Err("it has no condition; move it into the model's `rates`") } else { Ok(when) }
}

fn patch(rates: &Rates) -> Patch {
    rates.0.as_slice().into()
}
