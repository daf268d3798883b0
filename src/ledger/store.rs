//! The store: what is final, by hour and by day, in a SQLite file that any tool opens.
//!
//! Money stands in two columns of integers, whole dollars and picodollars of the rest, so that sums in plain SQL are exact. Rows
//! are written in batches; a batch is a transaction, and names what it includes.

mod error;
mod file;
pub mod forget;
mod migrate;
mod rows;
mod series;
mod write;

use std::path::Path;

use hashbrown::HashMap;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use crate::state::Lock;
pub use error::StoreError;
pub use file::default_file;
pub(super) use series::Kept;
pub use series::Origin;
pub(super) use write::{Batch, Delta, QueuePlace};

use super::series::MAX_SERIES;

/// Hours of which there are hourly rows: two weeks back from any hour, and a day for clocks. Of earlier ones there are daily rows.
pub const HOURLY: u32 = 15 * 24;

/// A value that is in no file.
pub const MEMORY: &str = ":memory:";

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Days of which there are daily rows.
    pub days: u32,
    /// Values of a dimension that have a row of their own in an hour, and in a day; others share one.
    pub values: usize,
    /// Combinations of labels that metrics tell apart; others share one.
    pub series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { days: 400, values: 10_000, series: MAX_SERIES }
    }
}

/// The ledger's store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    limits: Limits,
    /// The number of each dimension in the store, in the order of the books.
    dimensions: Vec<i64>,
    /// Rows of a dimension in an hour or a day, as far as they have been asked for.
    counts: HashMap<(Table, i64, u32), usize>,
    /// Keys of the metrics' labels.
    keys: Vec<String>,
    /// What this process is called in the batches that it writes.
    process: String,
    /// The last hour of which there is a row.
    latest: u32,
    /// Up to which hour rows have been looked for that are too old.
    expired: u32,
    place: Place,
}

/// Where a store is.
#[derive(Debug)]
enum Place {
    Memory,
    /// In a file that nobody else writes.
    File {
        _lock: Lock,
    },
    /// In a file that somebody else may write by now.
    LetGo,
}

/// A table of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Table {
    Hours,
    Days,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Table::Hours => "hours",
            Table::Days => "days",
        }
    }

    /// How long its periods are.
    const fn hours(self) -> u32 {
        match self {
            Table::Hours => 1,
            Table::Days => 24,
        }
    }

    /// The column that says when.
    const fn column(self) -> &'static str {
        match self {
            Table::Hours => "hour",
            Table::Days => "day",
        }
    }

    /// The hour, or the day, that an hour is in.
    const fn period(self, hour: u32) -> u32 {
        hour / self.hours()
    }
}

impl Store {
    /// The store in this file, made if there is none, for the books of these dimensions, and of series whose labels have these keys; `None`: in memory.
    ///
    /// # Errors
    /// [`StoreError`]: the file can not be used.
    pub fn open(
        file: Option<&Path>,
        dimensions: &[String],
        keys: Vec<String>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        // Nothing is left beside what is not ours.
        file.map_or(Ok(()), probe)?;
        let lock = file.map(file::lock).transpose()?;
        let db = match file {
            Some(file) => Connection::open(file).map_err(|error| StoreError::open(file, &error))?,
            None => Connection::open_in_memory()?,
        };
        let at = file.unwrap_or(Path::new(MEMORY));
        db.set_prepared_statement_cache_capacity(64);
        migrate::migrate(&db).map_err(|error| error.at(at))?;
        let dimensions = dimensions.iter().map(|name| migrate::dimension(&db, name));
        let dimensions = dimensions.collect::<Result<Vec<i64>, _>>()?;
        let latest = rows::latest(&db, dimensions.last().copied().unwrap_or_default())?;
        let expired: Option<String> = db
            .query_row("SELECT value FROM facts WHERE name = 'expired'", [], |row| row.get(0))
            .optional()?;
        let expired = expired.and_then(|hour| hour.parse().ok()).unwrap_or(latest);
        let place = lock.map_or(Place::Memory, |lock| Place::File { _lock: lock });
        let process = format!("{:016x}", rand::random::<u64>());
        Ok(Store { db, limits, dimensions, counts: HashMap::new(), keys, process, latest, expired, place })
    }

    /// Whether it is gone when the process ends.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory)
    }

    /// Lets others write the file. What is in it can still be asked for.
    pub(super) fn let_go(&mut self) {
        if let Place::File { .. } = self.place {
            self.place = Place::LetGo;
        }
    }

    /// Whether others may write the file.
    pub(super) fn is_let_go(&self) -> bool {
        matches!(self.place, Place::LetGo)
    }
}

/// Whether a file can be a store, as far as can be told without touching it. What else may be wrong shows when it is opened.
///
/// # Errors
/// [`StoreError`]: it is a folder, or something else than a ledger that this pricetag knows.
pub fn probe(file: &Path) -> Result<(), StoreError> {
    if file.is_dir() {
        return Err(StoreError::open(file, &"this is a folder"));
    }
    let Ok(db) = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return Ok(()) };
    match migrate::check(&db) {
        Err(StoreError::Sqlite(error)) if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) => {
            Ok(())
        }
        told => told.map(drop).map_err(|error| error.at(file)),
    }
}

#[cfg(test)]
mod tests;
