//! A bounded memory of resolutions, owned by one worker.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::catalog::Catalog;
use super::matching::{ModelQuery, Resolution};
use super::names::MAX_NAME;

/// How many resolutions are remembered; then it starts anew. Services call a handful of models; only strangers' names
/// fill it. To forget the handful then is cheap: it is looked up again once for every 4,096 names that cost as much each,
/// so the unknown need no room of their own.
pub const CAPACITY: usize = 4096;

/// A [`ModelQuery`] as it stands on the wire: provider, host, served, asked, which should be UTF-8.
pub type Names<'a> = [&'a [u8]; 4];

/// Resolves names, remembering what it resolved: a repeated name costs one look-up and no allocation, and is not even
/// checked for being UTF-8.
#[derive(Debug, Default)]
pub struct Resolver {
    hasher: RandomState,
    known: Vec<Known>,
    by_names: HashTable<u32>,
    /// The one asked for last: calls of one service follow each other.
    last: usize,
}

/// The names one after the other, and their lengths in one word: quicker than an array's own hash.
fn hash_of(hasher: &RandomState, names: Names<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    let mut lengths = 0;
    for name in names {
        state.write(name);
        lengths = lengths << 16 | name.len() as u64;
    }
    state.write_u64(lengths);
    state.finish()
}

#[derive(Debug)]
struct Known {
    names: [Box<[u8]>; 4],
    resolution: Resolution,
}

impl Known {
    fn names(&self) -> Names<'_> {
        let [provider, host, served, asked] = &self.names;
        [provider, host, served, asked]
    }

    /// Whether these are its names. An empty one is not handed to `memcmp`: its address is none, and vector code that
    /// masks such a read instead of skipping it takes some 80 ns on processors of today.
    fn is(&self, names: Names<'_>) -> bool {
        let same =
            |(known, name): (&[u8], &[u8])| known.len() == name.len() && (name.is_empty() || known == name);
        self.names().into_iter().zip(names).all(same)
    }
}

impl Resolver {
    /// The entry for what a span says, as [`Catalog::resolve`]; a name that is no UTF-8 says nothing. One resolver goes
    /// with one catalog: make a new one when the catalog changes.
    pub fn resolve(&mut self, catalog: &Catalog, names: Names<'_>) -> Resolution {
        if let Some(last) = self.known.get(self.last).filter(|last| last.is(names)) {
            return last.resolution;
        }
        let hash = hash_of(&self.hasher, names);
        if let Some(&nth) = self.by_names.find(hash, |&nth| self.known[nth as usize].is(names)) {
            self.last = nth as usize;
            return self.known[self.last].resolution;
        }
        let [provider, host, served, asked] = names.map(|name| str::from_utf8(name).unwrap_or_default());
        let resolution = catalog.resolve(&ModelQuery { provider, host, served, asked });
        if names.iter().all(|name| name.len() <= MAX_NAME) {
            if self.known.len() >= CAPACITY {
                self.known.clear();
                self.by_names.clear();
            }
            self.last = self.known.len();
            self.known.push(Known { names: names.map(Box::from), resolution });
            let (hasher, known) = (&self.hasher, &self.known);
            let hash_of = |&nth: &u32| hash_of(hasher, known[nth as usize].names());
            self.by_names.insert_unique(hash, self.last as u32, hash_of);
        }
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
