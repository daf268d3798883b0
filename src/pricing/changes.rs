//! What differs between two catalogs.

use std::fmt;

use hashbrown::{HashMap, HashSet};

use super::adjust::Adjustment;
use super::catalog::{Catalog, Model};
use crate::text::counted;

/// How much that decides a price has come, gone or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Models that the later catalog has and the earlier one has not.
    pub added: usize,
    /// Models that it has no more.
    pub removed: usize,
    /// Models whose rates, conditions or retirement differ.
    pub changed: usize,
    /// Adjustments that have come or gone; one that changed is both.
    pub adjustments: usize,
    /// Aliases that have come, gone, or another meaning.
    pub aliases: usize,
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
        let [adjustments, later] = [before, after].map(adjustments);
        changes.adjustments = adjustments.symmetric_difference(&later).count();
        let [aliases, later] = [before, after].map(aliases);
        let names: HashSet<_> = aliases.keys().chain(later.keys()).collect();
        changes.aliases = names.into_iter().filter(|name| aliases.get(*name) != later.get(*name)).count();
        changes
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("no price has changed");
        }
        let Self { added, removed, changed, adjustments, aliases } = self;
        write!(f, "{} changed, {added} added, {removed} removed", counted(*changed, "model"))?;
        for (count, what) in [(adjustments, "adjustments"), (aliases, "aliases")] {
            if *count > 0 {
                write!(f, "; {what} differ in {count}")?;
            }
        }
        Ok(())
    }
}

fn key<'c>(catalog: &'c Catalog, model: &'c Model) -> (&'c str, &'c str) {
    (catalog.provider(model.provider()).id(), model.id())
}

/// Each by who bills and what it says.
fn adjustments(catalog: &Catalog) -> HashSet<(&str, String)> {
    let said = |one: &Adjustment| format!("{:?} {one}", one.model);
    catalog.adjustments().iter().map(|one| (catalog.provider(one.provider).id(), said(one))).collect()
}

/// Each with what it means.
fn aliases(catalog: &Catalog) -> HashMap<&str, ((&str, &str), Option<&str>)> {
    let id = |provider| catalog.provider(provider).id();
    let meaning = |(name, model, biller): (_, _, Option<_>)| {
        (name, (key(catalog, catalog.model(model)), biller.map(id)))
    };
    catalog.aliases().map(meaning).collect()
}

/// All that decides a price.
fn same_price(earlier: &Model, later: &Model) -> bool {
    earlier.rules == later.rules && earlier.retires() == later.retires()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::CatalogFile;

    fn catalog(rate: u32, adjust: &str, alias: &str) -> Catalog {
        let text = format!(
            "{{providers: {{p: {{models: {{m: {{rates: {{input: {rate}}}}}, n: {{rates: {{input: 1}}}}}}}}}}, \
             adjust: [{{provider: p, x: {adjust}}}], aliases: {{a: p/{alias}}}}}"
        );
        Catalog::from_layers([("x", CatalogFile::from_yaml("x", &text).unwrap())]).unwrap()
    }

    /// Guarantees: whatever changes a bill is told; what does not is none.
    #[test]
    fn what_changes_a_bill_is_told() {
        let before = catalog(1, "0.9", "m");
        let told = |rate, adjust, alias| Changes::between(&before, &catalog(rate, adjust, alias)).to_string();
        assert_eq!(told(1, "0.9", "m"), "no price has changed");
        assert_eq!(told(2, "0.9", "m"), "1 model changed, 0 added, 0 removed");
        assert_eq!(told(1, "0.5", "m"), "0 models changed, 0 added, 0 removed; adjustments differ in 2");
        assert_eq!(told(1, "0.9", "n"), "0 models changed, 0 added, 0 removed; aliases differ in 1");
    }
}
