//! The end of models, which only the second list tells.

use hashbrown::HashMap;

use crate::pricing::format::CatalogFile;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, ModelId};

/// What the second list says about the end of one model of the first.
#[derive(Debug, Default)]
pub(super) struct Retirement {
    /// Under the model's own id, the date or that there is none.
    of_its_id: Option<Option<Moment>>,
    /// Under other names of it, such as its snapshots; `None` once one has no date.
    of_others: Option<Option<Moment>>,
}

impl Retirement {
    pub(super) fn add(&mut self, same_name: bool, date: Option<Moment>) {
        if same_name {
            self.of_its_id = Some(date);
        } else {
            // A model is served as long as one of its snapshots is.
            self.of_others = Some(match self.of_others {
                None => date,
                Some(known) => known.zip(date).map(|(known, date)| known.max(date)),
            });
        }
    }

    fn date(&self) -> Option<Moment> {
        self.of_its_id.or(self.of_others).flatten()
    }
}

/// Writes the dates down where the first list has none; says how many.
pub(super) fn retire(
    file: &mut CatalogFile,
    catalog: &Catalog,
    known: &HashMap<ModelId, Retirement>,
) -> usize {
    let mut dated = 0;
    let dates: HashMap<(&str, &str), Moment> = catalog
        .models()
        .filter_map(|(id, model)| {
            Some(((catalog.provider(model.provider()).id(), model.id()), known.get(&id)?.date()?))
        })
        .collect();
    for (provider, entry) in &mut file.providers.0 {
        for (id, model) in &mut entry.models.0 {
            if model.retires.is_none()
                && let Some(date) = dates.get(&(provider.as_str(), id.as_str()))
            {
                model.retires = Some(*date);
                dated += 1;
            }
        }
    }
    dated
}
