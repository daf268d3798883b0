//! Forgets a value of a dimension, so that its bytes are nowhere in the store's files.
//!
//! The sums of its rows go into those of `other`: what everything adds up to is what it was. SQLite leaves deleted bytes where they were until
//! something else is written there, so the file is written anew afterwards, and its write-ahead log emptied.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hashbrown::HashMap;
use rusqlite::{Connection, Transaction, params};

use super::file::lock;
use super::rows::{SUMS, tally};
use super::write::Rows;
use super::{StoreError, Table, migrate, probe, series};
use crate::ledger::OTHER;
use crate::ledger::series::FIXED;
use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;

/// How long somebody who reads the file may take to finish.
const PATIENCE: Duration = Duration::from_secs(5);

/// The dimensions that are labels of all series, in the order of [`FIXED`].
const OF_CALLS: [&str; 4] = ["provider", "model_asked", "model_served", "operation"];

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows of hours.
    pub hours: usize,
    /// Rows of days.
    pub days: usize,
    /// Series of metrics.
    pub series: usize,
    /// The money of the rows of days, which have all of it.
    pub money: Picodollars,
    /// Other dimensions that have the same text for a value.
    pub elsewhere: Vec<String>,
}

impl Forgotten {
    /// Whether there was nothing of it.
    pub fn is_nothing(&self) -> bool {
        self.hours + self.days + self.series == 0
    }
}

/// Why nothing, or not everything, was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The store can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A running pricetag has the value in memory, and would write it again.
    #[error(
        "{0}: a pricetag runs on this ledger, and knows the value in memory: stop it, run this again, and start it"
    )]
    Running(String),
    /// No such dimension has rows.
    #[error("{asked:?} is no dimension of this ledger; there are {known}")]
    Dimension {
        /// What was asked for.
        asked: String,
        /// Those that there are.
        known: String,
    },
    /// Somebody reads the file, and sees what it was.
    #[error(
        "the rows are gone, but their bytes still are in the files, for somebody reads them: close what has them open, and run this again"
    )]
    Busy,
}

impl From<rusqlite::Error> for ForgetError {
    fn from(error: rusqlite::Error) -> Self {
        ForgetError::Store(error.into())
    }
}

/// Forgets these values of a dimension in the store in this file. All of them are taken for one: an id, and its hash.
///
/// # Errors
/// [`ForgetError`]; unless it is [`ForgetError::Busy`], nothing was forgotten.
pub fn forget(file: &Path, dimension: &str, values: &[String]) -> Result<Forgotten, ForgetError> {
    if !file.exists() {
        return Err(StoreError::open(file, &"there is no such file").into());
    }
    probe(file)?;
    let _lock = lock(file).map_err(|error| match error {
        StoreError::Taken { file } => ForgetError::Running(file.display().to_string()),
        error => error.into(),
    })?;
    let mut db = Connection::open(file).map_err(|error| StoreError::open(file, &error))?;
    db.busy_timeout(PATIENCE)?;
    migrate::migrate(&db).map_err(|error| error.at(file))?;
    let dimensions = dimensions(&db)?;
    let Some(id) = dimensions.iter().find(|(name, _)| *name == dimension).map(|(_, id)| *id) else {
        let known: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
        return Err(ForgetError::Dimension { asked: dimension.to_owned(), known: known.join(", ") });
    };
    db.pragma_update(None, "secure_delete", true)?;
    let mut forgotten = Forgotten::default();
    let transaction = db.transaction()?;
    for value in values {
        let (hours, _) = rows(&transaction, Table::Hours, id, value)?;
        let (days, money) = rows(&transaction, Table::Days, id, value)?;
        forgotten.hours += hours;
        forgotten.days += days;
        forgotten.money = forgotten.money.saturating_add(money);
        forgotten.series += of_metrics(&transaction, dimension, value)?;
        for (name, other) in &dimensions {
            let sql = "SELECT EXISTS (SELECT 1 FROM hours WHERE dimension = ?1 AND value = ?2) \
                       OR EXISTS (SELECT 1 FROM days WHERE dimension = ?1 AND value = ?2)";
            let has_it: bool = transaction.query_row(sql, params![other, value], |row| row.get(0))?;
            if *other != id && has_it && !forgotten.elsewhere.contains(name) {
                forgotten.elsewhere.push(name.clone());
            }
        }
    }
    transaction.commit()?;
    clean(&db)?;
    Ok(forgotten)
}

/// Names and numbers of the dimensions that have values.
fn dimensions(db: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut statement = db.prepare("SELECT name, id FROM dimensions WHERE name <> 'total' ORDER BY id")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Moves the rows of a value to `other`. Says how many they were, and their money.
fn rows(
    transaction: &Transaction<'_>,
    table: Table,
    dimension: i64,
    value: &str,
) -> rusqlite::Result<(usize, Picodollars)> {
    let (name, column) = (table.name(), table.column());
    let sql = format!("DELETE FROM {name} WHERE dimension = ? AND value = ? RETURNING {column}, {SUMS}");
    let mut statement = transaction.prepare(&sql)?;
    let gone = statement.query_map(params![dimension, value], |row| Ok((row.get(0)?, tally(row, 1)?)))?;
    let gone: Vec<(u32, Tally)> = gone.collect::<Result<_, _>>()?;
    let mut money = Picodollars::ZERO;
    for (period, sums) in &gone {
        money = money.saturating_add(sums.money);
        // `other` has room however many values there are.
        let (counts, limit) = (&mut HashMap::new(), 0);
        Rows { transaction, counts, limit, table, dimension, period: *period }.give(OTHER, sums)?;
    }
    Ok((gone.len(), money))
}

/// Moves the metrics' series with this label to those that have `other` there. Says how many they were.
fn of_metrics(transaction: &Transaction<'_>, dimension: &str, value: &str) -> rusqlite::Result<usize> {
    let fixed = OF_CALLS.iter().position(|name| *name == dimension);
    let key = fixed.map_or(dimension, |at| FIXED[at]);
    let mut gone = 0;
    for written in series::labels(transaction)? {
        let mut labels: BTreeMap<String, String> = serde_json::from_str(&written).unwrap_or_default();
        match labels.get_mut(key) {
            Some(label) if label == value => OTHER.clone_into(label),
            _ => continue,
        }
        gone += 1;
        // What we can not read no later pricetag goes on with.
        if let Some(sums) = series::take(transaction, &written)? {
            let others = series::json(&labels)?;
            let known = series::take(transaction, &others)?.unwrap_or_default();
            series::put(transaction, &others, &known.plus(&sums))?;
        }
    }
    Ok(gone)
}

/// Writes the file anew, without what was deleted in it, and empties the write-ahead log.
fn clean(db: &Connection) -> Result<(), ForgetError> {
    let checkpoint = || db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    let cleaned = db.execute_batch("VACUUM").and_then(|()| checkpoint());
    match cleaned {
        Ok(0) => Ok(()),
        Ok(_) => Err(ForgetError::Busy),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            Err(ForgetError::Busy)
        }
        Err(error) => Err(error.into()),
    }
}
