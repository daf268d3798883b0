//! A bounded memory of resolutions, owned by one worker.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::catalog::Catalog;
use super::matching::{ModelQuery, Resolution};
use super::names::MAX_NAME;

/// How many resolutions are remembered; then it starts anew. Services call a handful of models; only strangers' names
/// fill it.
pub const CAPACITY: usize = 4096;

/// Resolves names, remembering what it resolved: a repeated name costs one look-up and no allocation.
#[derive(Debug, Default)]
pub struct Resolver {
    hasher: RandomState,
    known: HashTable<Known>,
}

#[derive(Debug)]
struct Known {
    /// Provider, host, served, asked, one after the other.
    names: Box<str>,
    ends: [u16; 3],
    resolution: Resolution,
}

impl Known {
    fn new(query: &ModelQuery<'_>, resolution: Resolution) -> Self {
        let names = [query.provider, query.host, query.served, query.asked].concat();
        let end = |parts: &[&str]| parts.iter().map(|part| part.len()).sum::<usize>() as u16;
        let ends = [
            end(&[query.provider]),
            end(&[query.provider, query.host]),
            end(&[query.provider, query.host, query.served]),
        ];
        Self { names: names.into(), ends, resolution }
    }

    fn query(&self) -> ModelQuery<'_> {
        let [host, served, asked] = self.ends.map(usize::from);
        let names = &self.names;
        ModelQuery {
            provider: &names[..host],
            host: &names[host..served],
            served: &names[served..asked],
            asked: &names[asked..],
        }
    }
}

impl Resolver {
    /// The entry for what a span says, as [`Catalog::resolve`]. One resolver goes with one catalog: make a new one when
    /// the catalog changes.
    pub fn resolve(&mut self, catalog: &Catalog, query: &ModelQuery<'_>) -> Resolution {
        let names = [query.provider, query.host, query.served, query.asked];
        if names.iter().any(|name| name.len() > MAX_NAME) {
            // Neither read to the end nor remembered.
            return catalog.resolve(query);
        }
        let hash = self.hasher.hash_one(query);
        if let Some(known) = self.known.find(hash, |known| known.query() == *query) {
            return known.resolution;
        }
        let resolution = catalog.resolve(query);
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        let hasher = &self.hasher;
        self.known.insert_unique(hash, Known::new(query, resolution), |known| hasher.hash_one(known.query()));
        resolution
    }

    /// How many resolutions are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_within_bounds() {
        let catalog = Catalog::embedded();
        let mut resolver = Resolver::default();
        let query = ModelQuery { provider: "openai", host: "h", served: "gpt-5-mini", asked: "gpt-5-mini" };
        let first = resolver.resolve(catalog, &query);
        assert_eq!(first, catalog.resolve(&query));
        assert_eq!((resolver.resolve(catalog, &query), resolver.len()), (first, 1));
        // The same text, cut elsewhere, is another question.
        let moved = ModelQuery { provider: "open", host: "aih", ..query };
        assert_ne!(resolver.resolve(catalog, &moved).provider_by, first.provider_by);
        for nth in 0..2 * CAPACITY {
            resolver.resolve(catalog, &ModelQuery { served: &format!("stranger-{nth}"), ..query });
        }
        assert!(resolver.len() <= CAPACITY);
    }

    #[test]
    fn endless_names_are_not_remembered() {
        let long = "gpt-5-mini".repeat(1000);
        let mut resolver = Resolver::default();
        let query = ModelQuery { provider: "openai", served: &long, ..ModelQuery::default() };
        assert_eq!(resolver.resolve(Catalog::embedded(), &query).model, None);
        assert!(resolver.is_empty());
    }
}
