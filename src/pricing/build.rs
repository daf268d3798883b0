//! From files, laid over each other, to a catalog: everything is checked, and every mistake told with its place.

mod check;
mod place;

use hashbrown::{HashMap, HashSet};

use super::adjust::MAX_ADJUSTS;
use super::aliases::Aliases;
use super::catalog::{Catalog, Layer, Model, ModelId, Provider, ProviderId};
use super::format::{AdjustEntry, CatalogFile, ModelEntry, ProviderEntry, Text};
use super::index::{Names, ProviderNames};
use crate::yaml::Mistakes;
use crate::yaml::error::did_you_mean;

use check::Checks;
use place::Place;

/// A catalog while its layers are laid over each other.
#[derive(Default)]
pub(super) struct Build {
    layers: Vec<Layer>,
    texts: Vec<Text>,
    checks: Checks,
    providers: Vec<Draft>,
    /// The providers by id.
    ids: HashMap<String, usize>,
    /// By layer.
    adjusts: Vec<Vec<AdjustEntry>>,
    aliases: Vec<Vec<(String, String)>>,
}

/// A provider while several layers speak of it.
struct Draft {
    id: String,
    /// The strongest layer first.
    said: Vec<Said>,
    /// The strongest layer first.
    models: Vec<DraftModel>,
}

/// What one layer says of a provider, besides its models.
struct Said {
    layer: u8,
    /// The id as it is written there.
    id: String,
    entry: ProviderEntry,
}

struct DraftModel {
    model: Model,
    matches: Vec<String>,
}

impl Build {
    /// Lays a file over those before it.
    pub(super) fn add(&mut self, origin: &str, mut file: CatalogFile) {
        let layer = u8::try_from(self.layers.len()).unwrap_or(u8::MAX);
        let root = Place::root(layer);
        let exchange = self.checks.exchange(&root, &file);
        let converted = |currency: &str| (currency.trim().into(), exchange.decimal());
        self.layers.push(Layer {
            origin: origin.into(),
            source: file.source.as_deref().map(Into::into),
            version: file.version.as_deref().map(Into::into),
            date: file.date,
            exchange: file.currency.as_deref().filter(|_| !exchange.is_one()).map(converted),
        });
        self.texts.push(std::mem::take(&mut file.text));
        for (written, mut entry) in file.providers.0 {
            let at = root.key("providers");
            let at = at.key(&written);
            let at = at.key("models");
            let draft = |(id, mut entry): (String, ModelEntry)| DraftModel {
                matches: std::mem::take(&mut entry.matches),
                model: self.checks.model(&at.key(&id), &id, &entry, exchange),
            };
            let models = std::mem::take(&mut entry.models).0.into_iter().map(draft).collect();
            let id = written.trim().to_lowercase();
            let nth = *self.ids.entry(id.clone()).or_insert(self.providers.len());
            if nth == self.providers.len() {
                self.providers.push(Draft { id, said: Vec::new(), models: Vec::new() });
            }
            self.providers[nth].lay_over(Said { layer, id: written, entry }, models);
        }
        for (nth, entry) in file.adjust.iter_mut().enumerate() {
            if let Some(amount) = &mut entry.fixed_per_month {
                let at = root.key("adjust");
                *amount = self.checks.convert(&at.index(nth).key("fixed_per_month"), *amount, exchange);
            }
        }
        self.adjusts.push(file.adjust);
        self.aliases.push(file.aliases.0);
    }

    /// The catalog, unless something is wrong.
    pub(super) fn finish(mut self) -> Result<Catalog, Mistakes> {
        let joined = |said: fn(&Layer) -> Option<&str>| {
            self.layers.iter().filter_map(said).collect::<Vec<_>>().join(" + ")
        };
        let mut catalog = Catalog {
            source: joined(Layer::source),
            version: joined(Layer::version),
            layers: Vec::new(),
            providers: Vec::with_capacity(self.providers.len()),
            models: Vec::new(),
            adjustments: Vec::new(),
            names: ProviderNames::default(),
            aliases: Aliases::default(),
        };
        // Ids of providers have 16 bits, those of layers 8.
        if self.providers.len() > usize::from(u16::MAX) || self.layers.len() > usize::from(u8::MAX) {
            self.checks.wrong(&Place::root(0), "too many providers or files", "at most 65535 and 255");
            return Err(self.mistakes());
        }
        for (nth, draft) in self.providers.iter().enumerate() {
            catalog.names.add_id(&draft.id, ProviderId(nth as u16));
        }
        catalog.models.reserve_exact(self.providers.iter().map(|draft| draft.models.len()).sum());
        for (nth, draft) in std::mem::take(&mut self.providers).into_iter().enumerate() {
            self.provider(ProviderId(nth as u16), draft, &mut catalog);
        }
        for (layer, aliases) in self.aliases.iter().enumerate() {
            let root = Place::root(layer as u8);
            let at = root.key("aliases");
            catalog
                .add_aliases(aliases, |written, problem| self.checks.wrong_text(&at.key(written), problem));
        }
        for (layer, entries) in std::mem::take(&mut self.adjusts).into_iter().enumerate() {
            let root = Place::root(layer as u8);
            let at = root.key("adjust");
            for (nth, entry) in entries.into_iter().enumerate() {
                let at = at.index(nth);
                if catalog.adjustments.len() == MAX_ADJUSTS {
                    let remedy = format!("keep at most {MAX_ADJUSTS} in all files together");
                    self.checks.wrong(&at, "too many adjustments", remedy);
                    break;
                }
                let named = entry.provider.as_deref().unwrap_or_default().trim().to_lowercase();
                if named.is_empty() {
                    self.checks.wrong(&at, "it does not say whose bill it changes", "add `provider`");
                    continue;
                }
                let Some(provider) = catalog.names.named(&named) else {
                    self.unknown_provider(&at.key("provider"), &named);
                    continue;
                };
                catalog.adjustments.push(self.checks.adjustment(&at, provider, entry));
            }
        }
        if !self.checks.wrongs.is_empty() {
            return Err(self.mistakes());
        }
        catalog.layers = self.layers;
        Ok(catalog)
    }

    fn unknown_provider(&mut self, at: &Place<'_>, name: &str) {
        let remedy = did_you_mean(name, self.ids.keys().map(String::as_str));
        self.checks.wrong(at, format!("there is no provider `{name}`"), remedy);
    }

    fn provider(&mut self, provider: ProviderId, draft: Draft, catalog: &mut Catalog) {
        let mut chain = vec![provider];
        for Said { layer, id, entry } in &draft.said {
            let root = Place::root(*layer);
            let at = root.key("providers");
            let at = at.key(id);
            for (key, list) in [("names", &entry.names), ("hosts", &entry.hosts), ("serves", &entry.serves)] {
                for (nth, text) in list.iter().enumerate() {
                    let one = |of: &str| if of == key { std::slice::from_ref(text) } else { &[] };
                    let added = catalog.names.add(provider, one("names"), one("hosts"), one("serves"));
                    if let Err((_, problem)) = added {
                        self.checks.wrong_text(&at.key(key).index(nth), &problem);
                    }
                }
            }
            for (nth, name) in entry.fallback.iter().enumerate() {
                match self.ids.get(&name.trim().to_lowercase()) {
                    Some(known) => chain.push(ProviderId(*known as u16)),
                    None => self.unknown_provider(&at.key("fallback").index(nth), name),
                }
            }
        }
        let mut names = Names::with_capacity(draft.models.len());
        let first = catalog.models.len();
        for (nth, DraftModel { model, .. }) in draft.models.iter().enumerate() {
            names.add_id(&model.id, ModelId((first + nth) as u32));
        }
        for DraftModel { model, matches } in draft.models {
            for (nth, pattern) in matches.iter().enumerate() {
                if let Err(problem) = names.add(pattern, ModelId(catalog.models.len() as u32)) {
                    let written = draft.said.iter().find(|said| said.layer == model.layer);
                    let id = written.map_or(draft.id.as_str(), |said| &said.id);
                    let (root, key) = (Place::root(model.layer), model.id.to_string());
                    let at = root.key("providers");
                    let at = at.key(id);
                    let at = at.key("models");
                    self.checks.wrong_text(&at.key(&key).key("match").index(nth), &problem);
                }
            }
            catalog.models.push(Model { provider, ..model });
        }
        let endings = draft.said.iter().flat_map(|said| &said.entry.same_price);
        catalog.providers.push(Provider {
            id: draft.id.into(),
            chain: chain.into(),
            same_price: endings.map(|ending| ending.to_lowercase().into()).collect(),
            names,
        });
    }

    /// Everything that is wrong, file by file in the order of lines.
    fn mistakes(self) -> Mistakes {
        let mut mistakes = Vec::new();
        for (nth, (layer, text)) in self.layers.iter().zip(&self.texts).enumerate() {
            let mut wrongs =
                self.checks.wrongs.iter().filter(|wrong| usize::from(wrong.layer) == nth).peekable();
            if wrongs.peek().is_none() {
                continue;
            }
            let mut report = text.report();
            for wrong in wrongs {
                report.wrong(&wrong.path, &wrong.problem, &wrong.remedy);
            }
            mistakes.extend(report.finish(&layer.origin, &[]).err().into_iter().flat_map(|found| found.0));
        }
        Mistakes(mistakes)
    }
}

impl Draft {
    /// The later layer stands first, so that its names win; its models replace those of the same id.
    fn lay_over(&mut self, said: Said, models: Vec<DraftModel>) {
        self.said.insert(0, said);
        let before = std::mem::replace(&mut self.models, models);
        if before.is_empty() {
            return;
        }
        let id = |draft: &DraftModel| draft.model.id.to_lowercase();
        let replaced: HashSet<String> = self.models.iter().map(id).collect();
        self.models.extend(before.into_iter().filter(|draft| !replaced.contains(&id(draft))));
    }
}
