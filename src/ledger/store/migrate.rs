//! The store's tables, made and known again.

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;

/// "ptag": what SQLite calls `application_id`, so that `file` and we know the file for ours.
const APPLICATION: i64 = 0x7074_6167;
/// The version of the tables.
const VERSION: i64 = 1;

/// Sums of a row. Money is whole dollars and picodollars (10^-12 dollars) of the rest.
const SUMS: &str = "
    usd INTEGER NOT NULL, picodollars INTEGER NOT NULL,
    estimate_usd INTEGER NOT NULL, estimate_picodollars INTEGER NOT NULL,
    saved_usd INTEGER NOT NULL, saved_picodollars INTEGER NOT NULL,
    revenue_usd INTEGER NOT NULL, revenue_picodollars INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    calls INTEGER NOT NULL, unpriced INTEGER NOT NULL, misdated INTEGER NOT NULL, actions INTEGER NOT NULL";

/// Money as a decimal: below zero there is one more dollar, and a rest.
const COST: &str = "
    CASE WHEN usd < 0 AND picodollars > 0 THEN printf('-%d.%012d', -usd - 1, 1000000000000 - picodollars)
         ELSE printf('%d.%012d', usd, picodollars) END";

/// Whether a store is new; an error if it is not ours.
pub(super) fn check(db: &Connection) -> Result<bool, StoreError> {
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let foreign = |message: String| StoreError::Foreign { file: Default::default(), message };
    let is_new = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))? == 0;
    if !is_new && pragma("application_id")? != APPLICATION {
        return Err(foreign("this is no ledger of pricetag; name another file".to_owned()));
    }
    if !is_new && pragma("user_version")? != VERSION {
        let version = pragma("user_version")?;
        return Err(foreign(format!(
            "a ledger of version {version}, and this pricetag knows version {VERSION}; name another file, or run the \
             pricetag that wrote it"
        )));
    }
    Ok(is_new)
}

/// Makes the tables of a new store.
pub(super) fn migrate(db: &Connection) -> Result<(), StoreError> {
    let is_new = check(db)?;
    // Readers see the last batch while the next one is written.
    db.pragma_update(None, "journal_mode", "WAL")?;
    // What metrics have told must not be gone after a power cut: a sync for each batch.
    db.pragma_update(None, "synchronous", "FULL")?;
    // KiB.
    db.pragma_update(None, "cache_size", -16_384)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    if is_new {
        db.execute_batch(&format!(
            "BEGIN;
             PRAGMA application_id = {APPLICATION};
             PRAGMA user_version = {VERSION};
             CREATE TABLE dimensions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
             CREATE TABLE hours (dimension INTEGER NOT NULL, hour INTEGER NOT NULL, value TEXT NOT NULL, {SUMS},
                 PRIMARY KEY (dimension, hour, value)) WITHOUT ROWID, STRICT;
             CREATE TABLE days (dimension INTEGER NOT NULL, day INTEGER NOT NULL, value TEXT NOT NULL, {SUMS},
                 PRIMARY KEY (dimension, day, value)) WITHOUT ROWID, STRICT;
             CREATE TABLE series (labels TEXT PRIMARY KEY, {SUMS}, reported_usd INTEGER NOT NULL,
                 reported_picodollars INTEGER NOT NULL, difference_usd INTEGER NOT NULL,
                 difference_picodollars INTEGER NOT NULL, by_status TEXT NOT NULL) WITHOUT ROWID, STRICT;
             CREATE TABLE batches (id INTEGER PRIMARY KEY, written TEXT NOT NULL, process TEXT NOT NULL,
                 records INTEGER NOT NULL, rows INTEGER NOT NULL) STRICT;
             CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
             CREATE VIEW costs_by_hour AS SELECT datetime(hour * 3600, 'unixepoch') AS hour, name AS dimension, value,
                 {COST} AS cost, calls, unpriced, input_tokens, output_tokens
                 FROM hours JOIN dimensions ON dimensions.id = dimension;
             CREATE VIEW costs_by_day AS SELECT date(day * 86400, 'unixepoch') AS day, name AS dimension, value,
                 {COST} AS cost, calls, unpriced, input_tokens, output_tokens
                 FROM days JOIN dimensions ON dimensions.id = dimension;
             COMMIT;"
        ))?;
    }
    Ok(())
}

/// The number of a dimension.
pub(super) fn dimension(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    let known =
        db.query_row("SELECT id FROM dimensions WHERE name = ?", [name], |row| row.get(0)).optional()?;
    match known {
        Some(id) => Ok(id),
        None => {
            db.query_row("INSERT INTO dimensions (name) VALUES (?) RETURNING id", [name], |row| row.get(0))
        }
    }
}
