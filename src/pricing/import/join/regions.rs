//! What regions add to the price of models that both lists have.

use hashbrown::HashMap;

use crate::pricing::format::{CatalogFile, ModelEntry, WhenEntry};
use crate::pricing::pattern::Pattern;
use crate::pricing::{Catalog, Model, ModelId};

/// The factors that the second list puts on regions and on nothing else.
fn uplifts(model: &ModelEntry) -> Vec<WhenEntry> {
    let only = |when: &&WhenEntry| {
        let plain = WhenEntry { region: when.region.clone(), x: when.x, ..WhenEntry::default() };
        when.x.is_some() && !when.region.is_empty() && **when == plain
    };
    model.when.iter().filter(only).cloned().collect()
}

/// Uplifts of the first list's models, by who bills.
#[derive(Default)]
pub(super) struct Regions {
    by_model: HashMap<(String, ModelId), (Vec<WhenEntry>, bool)>,
}

impl Regions {
    /// What the second list's `model` of `provider` says of `known`, which has the same price without regions. That of the
    /// same name counts before other names', such as snapshots'.
    pub(super) fn add(&mut self, provider: &str, known: ModelId, model: &ModelEntry, same_name: bool) {
        let found = uplifts(model);
        let of = self.by_model.entry((provider.to_owned(), known)).or_insert_with(|| (found.clone(), false));
        if same_name && !of.1 {
            *of = (found, true);
        }
    }

    /// Writes them down where the first list has no regions; says at how many models. A reseller, who has his source's
    /// price, gets an entry of his own, for the region is his.
    pub(super) fn write(self, file: &mut CatalogFile, catalog: &Catalog, label: Option<&str>) -> usize {
        let mut written = 0;
        let mut found: Vec<_> =
            self.by_model.into_iter().filter(|(_, (whens, _))| !whens.is_empty()).collect();
        found.sort_by(|((one, a), _), ((other, b), _)| {
            (one, catalog.model(*a).id()).cmp(&(other, catalog.model(*b).id()))
        });
        for ((seller, known), (whens, _)) in found {
            let model = catalog.model(known);
            let Some(entry) = entry(file, catalog, model) else { continue };
            if entry.when.iter().any(|when| !when.region.is_empty()) {
                continue;
            }
            if catalog.provider(model.provider()).id() == seller {
                entry.when.extend(whens);
                written += 1;
                continue;
            }
            let mut own = entry.clone();
            own.when.extend(whens);
            // A pattern would take in names that only the source lists.
            own.matches.retain(|name| matches!(Pattern::parse(name), Ok(Pattern::Exact(_))));
            own.retires = None;
            own.source =
                label.map(|label| format!("{}; regions {label}", catalog.provider(model.provider()).id()));
            if let Some((_, seller)) = file.providers.0.iter_mut().find(|(id, _)| *id == seller) {
                seller.models.0.push((model.id().to_owned(), own));
                written += 1;
            }
        }
        written
    }
}

fn entry<'a>(file: &'a mut CatalogFile, catalog: &Catalog, model: &Model) -> Option<&'a mut ModelEntry> {
    let owner = catalog.provider(model.provider()).id();
    let (_, owner) = file.providers.0.iter_mut().find(|(id, _)| id == owner)?;
    owner.models.0.iter_mut().find(|(id, _)| id == model.id()).map(|(_, entry)| entry)
}
