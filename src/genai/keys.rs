//! Attribute keys, ready for look-ups: every key of a request passes here, most of them unknown.

use hashbrown::HashTable;

use super::meaning::Meaning;

/// A meaning, and how much its key is preferred among those with the same meaning: 0 is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// What the attribute says.
    pub meaning: Meaning,
    /// The key's place in its list.
    pub rank: u8,
    /// The dialect in which it means that; [`ANY`](Self::ANY): in all.
    pub only: u8,
}

impl Ranked {
    /// In all dialects.
    pub const ANY: u8 = u8::MAX;
}

#[derive(Debug)]
struct Entry {
    key: Box<[u8]>,
    says: Says,
}

/// What attributes with one key say.
#[derive(Debug, Default)]
pub struct Says {
    /// Its meanings; nothing for most keys.
    pub meanings: Vec<Ranked>,
    /// It stands on calls, but on all sorts of other spans too.
    pub is_common: bool,
    /// Its number, for [`KeyTable::numbered`].
    pub(super) number: u32,
}

impl Says {
    /// Nothing.
    const NOTHING: &'static Says = &Says { meanings: Vec::new(), is_common: false, number: NO_ENTRY };
}

/// From an attribute key to its meanings.
///
/// Keys are put in at start, from dialects and config; a request only looks up. So the hash need not
/// withstand strangers, and may be the cheapest that tells our keys apart.
#[derive(Debug, Default)]
pub struct KeyTable {
    entries: Vec<Entry>,
    by_key: HashTable<u32>,
}

const NO_ENTRY: u32 = u32::MAX;

impl KeyTable {
    /// Adds one meaning of a key; what was said first holds.
    pub fn insert(&mut self, key: &str, ranked: Ranked) {
        let key = key.as_bytes();
        let hash = hash(key);
        if let Some(&index) = self.by_key.find(hash, |&index| *self.entries[index as usize].key == *key) {
            let says = &mut self.entries[index as usize].says;
            let meanings = &mut says.meanings;
            let same = |known: &Ranked| {
                known.meaning == ranked.meaning && [Ranked::ANY, ranked.only].contains(&known.only)
            };
            if !meanings.iter().any(same) {
                meanings.push(ranked);
                says.is_common &= ranked.meaning.is_common();
            }
            return;
        }
        let index = self.entries.len() as u32;
        self.entries.push(Entry {
            key: key.into(),
            says: Says { meanings: vec![ranked], is_common: ranked.meaning.is_common(), number: index },
        });
        let entries = &self.entries;
        self.by_key.insert_unique(hash, index, |&index| self::hash(&entries[index as usize].key));
    }

    /// What an attribute with this key says; nothing for most.
    pub fn meanings(&self, key: &[u8]) -> &[Ranked] {
        &self.says(key).meanings
    }

    /// The same, with how common it is.
    pub fn says(&self, key: &[u8]) -> &Says {
        self.entry(self.find(key).unwrap_or(NO_ENTRY))
    }

    /// What an attribute says whose key was looked up before.
    pub(super) fn numbered(&self, number: u32) -> &Says {
        self.entry(number)
    }

    #[inline]
    fn entry(&self, entry: u32) -> &Says {
        self.entries.get(entry as usize).map_or(Says::NOTHING, |entry| &entry.says)
    }

    fn find(&self, key: &[u8]) -> Option<u32> {
        self.by_key.find(hash(key), |&index| *self.entries[index as usize].key == *key).copied()
    }
}

/// Mixes a key's length with its first and last eight bytes.
#[inline]
fn hash(key: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (head, tail) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => {
            let mut short = [0; 8];
            short[..key.len()].copy_from_slice(key);
            (u64::from_le_bytes(short), 0)
        }
    };
    let mixed = (head ^ tail.rotate_left(29) ^ (key.len() as u64) << 56).wrapping_mul(ODD);
    // hashbrown takes its tag from the top bits and the bucket from the bottom ones.
    mixed ^ mixed >> 32
}
