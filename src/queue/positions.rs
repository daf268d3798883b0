//! Where the cursors are, in a file: an earlier process' readers go on there. It may lag behind by a second, and what was delivered
//! in that second is delivered again.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use super::cursor::{Before, Cursor};
use super::segments::read_around;
use super::storage::Storage;
use super::{Budget, Keeps, OnFull, Unusable};

const FILE: &str = "cursors.json";
const VERSION: u32 = 1;
/// Nothing is reserved for a reader that is not there. For whoever looks: the default of those that are.
const ABSENT: Budget = Budget { requests: usize::MAX, bytes: 4 << 30, on_full: OnFull::Refuse };

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Positions {
    version: u32,
    /// The log, as a hexadecimal number.
    log: String,
    /// By the reader's name: the first position that was not taken, and those of what was taken and is not done.
    pub(super) readers: BTreeMap<String, (u64, Vec<u64>)>,
}

impl Positions {
    /// Where the cursors of this log are that are kept; it ends here.
    pub(super) fn of(log: u128, cursors: &[Cursor], end: u64) -> Self {
        let kept = cursors.iter().filter(|cursor| cursor.keeps == Keeps::Cursor);
        let readers = kept.map(|cursor| (cursor.name.clone(), cursor.position(end)));
        Positions { version: VERSION, log: format!("{log:032x}"), readers: readers.collect() }
    }

    /// Reads the file; `None`: there is none that can be read for this log, and everything in it is to be delivered.
    pub(super) fn read(storage: &dyn Storage, log: u128) -> Result<Option<Self>, Unusable> {
        if !storage.list()?.iter().any(|name| name == FILE) {
            return Ok(None);
        }
        let bytes = contents(storage)?;
        let version = serde_json::from_slice::<serde_json::Value>(&bytes)
            .ok()
            .and_then(|file| u32::try_from(file.get("version")?.as_u64()?).ok());
        if let Some(version) = version.filter(|version| *version != VERSION) {
            return Err(Unusable::Version { file: FILE.to_owned(), version });
        }
        let read: Option<Positions> = serde_json::from_slice(&bytes).ok();
        if read.is_none() {
            tracing::warn!(
                "{FILE} can not be read: everything in the queue on disk is delivered, some of it again"
            );
        }
        Ok(read.filter(|positions| positions.log == format!("{log:032x}")))
    }

    /// Which log the file is of; `None`: nobody can tell.
    pub(super) fn log(storage: &dyn Storage) -> Option<u128> {
        let read: Positions = serde_json::from_slice(&contents(storage).ok()?).ok()?;
        u128::from_str_radix(&read.log, 16).ok()
    }

    /// Whether it names all of these that are kept.
    pub(super) fn names_all(&self, cursors: &[Cursor]) -> bool {
        cursors.iter().all(|cursor| cursor.keeps != Keeps::Cursor || self.readers.contains_key(&cursor.name))
    }

    /// Writes the file.
    pub(super) fn write(&self, storage: &dyn Storage) -> io::Result<()> {
        storage.replace(FILE, &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    /// Up to where the cursors had come.
    pub(super) fn nexts(&self) -> impl Iterator<Item = u64> {
        self.readers.values().map(|(next, _)| *next)
    }

    /// Adds a cursor for each reader that has none: nobody reads by it, but what waits for it stays.
    pub(super) fn add_all(&self, cursors: &mut Vec<Cursor>) {
        for name in self.readers.keys() {
            if !cursors.iter().any(|cursor| cursor.name == *name) {
                let mut cursor = Cursor::new(name.clone(), ABSENT, Keeps::Cursor);
                (cursor.before, cursor.until) = (self.before(name, u64::MAX), Some(0));
                cursors.push(cursor);
            }
        }
    }

    /// Where a cursor goes on in a log that ends here: a reader that is new gets what comes.
    pub(super) fn before(&self, name: &str, end: u64) -> Before {
        match self.readers.get(name) {
            Some((next, taken)) => Before { next: *next, taken: taken.clone() },
            None => Before { next: end, taken: Vec::new() },
        }
    }
}

/// What stands in the file.
fn contents(storage: &dyn Storage) -> io::Result<Vec<u8>> {
    let blob = storage.open(FILE)?;
    let mut bytes = vec![0; usize::try_from(blob.length()?).unwrap_or(0)];
    read_around(&*blob, &mut bytes, 0)?;
    Ok(bytes)
}
