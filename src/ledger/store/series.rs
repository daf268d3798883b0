//! The metrics' series, written with the rows that they are made of: metrics go on where an earlier process ended.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::rows::{SUMS, money, tally};
use super::write::{columns, rest, usd};
use super::{Store, StoreError};
use crate::ledger::series::Labels;
use crate::ledger::sums::Sums;
use crate::pricing::Status;
use crate::time::unix_nano;

/// The columns of a series besides [`SUMS`], in the order in which they are read.
const MORE: &str =
    "reported_usd, reported_picodollars, difference_usd, difference_picodollars, by_status, labels";

/// Who tells the metrics, and since when they count: what makes a cumulative sum the same one after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `service.instance.id`.
    pub instance: String,
    /// Nanoseconds since 1970.
    pub start_unix_nano: u64,
}

/// The values of a series' labels, and its sums.
pub(in crate::ledger) type Kept = (Vec<String>, Sums);

impl Store {
    /// The series that earlier processes wrote, if their labels are named as these are. Where they are not, they are other metrics, which
    /// begin now.
    pub(in crate::ledger) fn resume(&mut self) -> Result<(Origin, Vec<Kept>), StoreError> {
        let now = unix_nano();
        let transaction = self.db.transaction()?;
        let kept = read(&transaction, &self.keys)?;
        if kept.is_none() {
            transaction.execute("DELETE FROM series", [])?;
            transaction.execute("DELETE FROM facts WHERE name = 'metrics_start'", [])?;
        }
        let instance = fact(&transaction, "instance", || format!("{:032x}", rand::random::<u128>()))?;
        let start = fact(&transaction, "metrics_start", || now.to_string())?;
        // A clock that was ahead when it began would have every point end before it begins.
        let start_unix_nano = start.parse().map_or(now, |start: u64| start.min(now));
        set_fact(&transaction, "metrics_start", &start_unix_nano.to_string())?;
        transaction.commit()?;
        Ok((Origin { instance, start_unix_nano }, kept.unwrap_or_default()))
    }
}

/// All series; `None`: they have other labels than these, or were written by a pricetag that knows other statuses.
fn read(transaction: &Transaction<'_>, keys: &[String]) -> rusqlite::Result<Option<Vec<Kept>>> {
    let mut statement = transaction.prepare(&format!("SELECT {SUMS}, {MORE} FROM series"))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(kept) = series(row, keys)? else { return Ok(None) };
        all.push(kept);
    }
    Ok(Some(all))
}

fn series(row: &Row<'_>, keys: &[String]) -> rusqlite::Result<Option<Kept>> {
    let mut labels: BTreeMap<String, String> =
        serde_json::from_str(row.get_ref(21)?.as_str()?).unwrap_or_default();
    let values: Vec<String> = keys.iter().filter_map(|key| labels.remove(key)).collect();
    let sums = sums(row)?.filter(|_| values.len() == keys.len() && labels.is_empty());
    Ok(sums.map(|sums| (values, sums)))
}

/// The sums of a series; `None`: a status is none that we know.
fn sums(row: &Row<'_>) -> rusqlite::Result<Option<Sums>> {
    let by_status: BTreeMap<String, u64> =
        serde_json::from_str(row.get_ref(20)?.as_str()?).unwrap_or_default();
    let calls: Option<Vec<(Status, u64)>> =
        by_status.into_iter().map(|(status, calls)| Some((status.parse().ok()?, calls))).collect();
    let Some(calls) = calls else { return Ok(None) };
    Ok(Some(Sums::new(tally(row, 0)?, money(row, 16)?, money(row, 18)?, calls)))
}

/// The labels of all series, as they are written.
pub(super) fn labels(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    let mut statement = transaction.prepare("SELECT labels FROM series")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Takes a series out; `None`: there is none, or it can not be read.
pub(super) fn take(transaction: &Transaction<'_>, labels: &str) -> rusqlite::Result<Option<Sums>> {
    let sql = format!("SELECT {SUMS}, {MORE} FROM series WHERE labels = ?");
    let known = transaction.query_row(&sql, [labels], sums).optional()?.flatten();
    transaction.execute("DELETE FROM series WHERE labels = ?", [labels])?;
    Ok(known)
}

/// Writes the sums of one series in the place of its earlier ones.
pub(super) fn write(
    transaction: &Transaction<'_>,
    keys: &[String],
    labels: &Labels,
    sums: &Sums,
) -> rusqlite::Result<usize> {
    // In alphabetical order: labels that the config names in another order are the same.
    let labels: BTreeMap<&str, &str> = keys.iter().map(String::as_str).zip(labels.iter()).collect();
    put(transaction, &json(&labels)?, sums)
}

/// Writes the sums of a series with these labels, as they are written.
pub(super) fn put(transaction: &Transaction<'_>, labels: &str, sums: &Sums) -> rusqlite::Result<usize> {
    let by_status: BTreeMap<&str, u64> =
        sums.calls().map(|(status, calls)| (status.as_str(), calls)).collect();
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO series VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22)",
    )?;
    statement.raw_bind_parameter(1, labels)?;
    let money = [usd(sums.reported), rest(sums.reported), usd(sums.difference), rest(sums.difference)];
    for (index, column) in columns(&sums.counting).into_iter().chain(money).enumerate() {
        statement.raw_bind_parameter(2 + index, column)?;
    }
    statement.raw_bind_parameter(22, json(&by_status)?)?;
    statement.raw_execute()
}

pub(super) fn json(map: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(map).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A fact of the store, which is `new` where there is none yet.
fn fact(transaction: &Transaction<'_>, name: &str, new: impl FnOnce() -> String) -> rusqlite::Result<String> {
    let known = transaction.query_row("SELECT value FROM facts WHERE name = ?", [name], |row| row.get(0));
    if let Some(known) = known.optional()? {
        return Ok(known);
    }
    let value = new();
    set_fact(transaction, name, &value)?;
    Ok(value)
}

/// Writes a fact.
pub(super) fn set_fact(transaction: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<usize> {
    transaction.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [name, value])
}
