//! What differs between two catalogs.

use std::fmt;

use hashbrown::HashMap;

use super::catalog::{Catalog, Model};

/// How many models have come, gone, or another price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Models that the later catalog has and the earlier one has not.
    pub added: usize,
    /// Models that it has no more.
    pub removed: usize,
    /// Models whose rates, conditions or retirement differ.
    pub changed: usize,
}

impl Changes {
    /// From one catalog to a later one.
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let mut gone: HashMap<_, _> = before.models().map(|(_, model)| (key(before, model), model)).collect();
        let mut changes = Self::default();
        for (_, model) in after.models() {
            match gone.remove(&key(after, model)) {
                None => changes.added += 1,
                Some(earlier) => changes.changed += usize::from(!same_price(earlier, model)),
            }
        }
        changes.removed = gone.len();
        changes
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed } = self;
        write!(f, "{changed} models changed, {added} added, {removed} removed")
    }
}

fn key<'c>(catalog: &'c Catalog, model: &'c Model) -> (&'c str, &'c str) {
    (catalog.provider(model.provider()).id(), model.id())
}

/// All that decides a price.
fn same_price(earlier: &Model, later: &Model) -> bool {
    earlier.rules == later.rules && earlier.retires() == later.retires()
}
