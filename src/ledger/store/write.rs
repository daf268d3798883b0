//! Writes batches.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::rows::DOLLAR;
use super::{HOURLY, Store, Table, series};
use crate::ledger::OTHER;
use crate::ledger::cells::Place;
use crate::ledger::series::Labels;
use crate::ledger::sums::{Sums, Tally};
use crate::pricing::Picodollars;

/// Hours that what is deleted may be older than the last time.
const BY_AND_BY: u32 = 24;
/// The beginning of 2026: a clock that is before it has not been set yet.
const FIRST: u32 = 490_896;

/// The name of the fact that says how far the queue is in.
const QUEUE: &str = "queue";

/// Counts of rows that are remembered.
const MAX_COUNTS: usize = 100_000;

/// What is to be added to one value of a dimension in one hour.
#[derive(Debug)]
pub(in crate::ledger) struct Delta {
    /// The dimension's place in the books, and the cell's.
    pub(in crate::ledger) dimension: usize,
    pub(in crate::ledger) place: Place,
    pub(in crate::ledger) hour: u32,
    pub(in crate::ledger) value: Box<str>,
    pub(in crate::ledger) sums: Tally,
    /// The hour has as many values as may be: it went into `other`.
    pub(in crate::ledger) folded: bool,
}

/// How far a queue on disk is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct QueuePlace {
    /// The log.
    pub(in crate::ledger) log: u128,
    /// What stands before is in, but for what is pending,
    pub(in crate::ledger) position: u64,
    /// and nothing that stands before here is needed for that.
    pub(in crate::ledger) floor: u64,
}

/// What is written together.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Batch {
    /// Up to which of the records that this process has booked.
    pub(in crate::ledger) records: u64,
    /// Where in the queue that is; `None`: the queue is in memory.
    pub(in crate::ledger) place: Option<QueuePlace>,
    pub(in crate::ledger) deltas: Vec<Delta>,
    /// The number of each of the metrics' series that has changed, its labels and its settled sums.
    pub(in crate::ledger) series: Vec<(u32, Labels, Sums)>,
}

impl QueuePlace {
    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
        let QueuePlace { log, position, floor } = self;
        series::set_fact(transaction, QUEUE, &format!("{log:032x} {position} {floor}"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let log = u128::from_str_radix(words.next()?, 16).ok()?;
        Some(QueuePlace { log, position: words.next()?.parse().ok()?, floor: words.next()?.parse().ok()? })
    }
}

impl Batch {
    /// There is nothing to write.
    pub(in crate::ledger) fn is_empty(&self) -> bool {
        self.deltas.is_empty() && self.series.is_empty()
    }
}

impl Store {
    /// How far a queue on disk is in the store; `None`: no such queue is.
    pub(in crate::ledger) fn queue_place(&self) -> rusqlite::Result<Option<QueuePlace>> {
        let sql = "SELECT value FROM facts WHERE name = ?";
        let known: Option<String> = self.db.query_row(sql, [QUEUE], |row| row.get(0)).optional()?;
        Ok(known.and_then(|known| QueuePlace::read(&known)))
    }

    /// Writes a batch, or nothing of it.
    pub(in crate::ledger) fn write(&mut self, batch: &mut Batch) -> rusqlite::Result<()> {
        let Store { db, limits, dimensions, counts, keys, process, latest, .. } = self;
        if counts.len() > MAX_COUNTS {
            counts.clear();
        }
        // In the order of the rows: neighbours are in one page.
        let key = |delta: &Delta| (delta.dimension, delta.hour);
        batch.deltas.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.value.cmp(&b.value)));
        let transaction = db.transaction()?;
        let written = (|| {
            for table in [Table::Hours, Table::Days] {
                let key = |delta: &Delta| (delta.dimension, table.period(delta.hour));
                for deltas in batch.deltas.chunk_by_mut(|a, b| key(a) == key(b)) {
                    let (dimension, period) = key(&deltas[0]);
                    let (dimension, limit) = (dimensions[dimension], limits.values);
                    Rows { transaction: &transaction, counts, limit, table, dimension, period }
                        .add(deltas)?;
                }
            }
            if let Some(place) = &batch.place {
                place.write(&transaction)?;
            }
            for (_, labels, sums) in &batch.series {
                series::write(&transaction, keys, labels, sums)?;
            }
            if batch.is_empty() {
                // Nothing but where the queue is.
                return Ok(0);
            }
            transaction.execute(
                "INSERT INTO batches (written, process, records, rows) VALUES (datetime('now'), ?, ?, ?)",
                params![&*process, batch.records as i64, batch.deltas.len() as i64],
            )?;
            // The last ones tell what is in; older ones nobody asks for.
            transaction.execute("DELETE FROM batches WHERE id <= last_insert_rowid() - 1000", [])
        })();
        match written.and_then(|_| transaction.commit()) {
            Ok(()) => {
                *latest = batch.deltas.iter().map(|delta| delta.hour).max().unwrap_or(0).max(*latest);
                Ok(())
            }
            Err(error) => {
                // What was counted is not there.
                counts.clear();
                Err(error)
            }
        }
    }

    /// Deletes the rows that are too old, seen from this hour, or a part of them. It is called at the start and every hour, and goes on by a day
    /// at most: a clock that is wrong by years, as a machine may have that wakes up, must not cost the ledger.
    pub(in crate::ledger) fn expire(&mut self, now: u32) -> rusqlite::Result<()> {
        if now < FIRST {
            return Ok(());
        }
        if now + BY_AND_BY < self.expired {
            // It was set right.
            self.expired = now;
        }
        let until = if self.expired == 0 { now } else { now.clamp(self.expired, self.expired + BY_AND_BY) };
        let days = (until / 24).saturating_sub(self.limits.days);
        let transaction = self.db.transaction()?;
        for (table, before) in [(Table::Hours, until.saturating_sub(HOURLY)), (Table::Days, days)] {
            let (name, period) = (table.name(), table.column());
            // Also of dimensions that an earlier config had.
            let sql =
                format!("DELETE FROM {name} WHERE dimension IN (SELECT id FROM dimensions) AND {period} < ?");
            transaction.prepare_cached(&sql)?.execute([before])?;
            self.counts.retain(|(of, _, period), _| *of != table || *period >= before);
        }
        series::set_fact(&transaction, "expired", &until.to_string())?;
        transaction.commit()?;
        self.expired = until;
        Ok(())
    }
}

/// The rows of one dimension in one hour, or on one day.
pub(super) struct Rows<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    pub(super) counts: &'t mut HashMap<(Table, i64, u32), usize>,
    pub(super) limit: usize,
    pub(super) table: Table,
    pub(super) dimension: i64,
    pub(super) period: u32,
}

impl Rows<'_> {
    /// Adds to the values' rows; what there is no room for to that of the others.
    fn add(&mut self, deltas: &mut [Delta]) -> rusqlite::Result<()> {
        let mut others = Tally::default();
        for delta in deltas {
            let is_added = self.give(&delta.value, &delta.sums)?;
            if !is_added {
                others.add(&delta.sums);
            }
            // A day may have room for a value that its hour has none for, or the other way round; hours are what is told.
            delta.folded |= !is_added && self.table == Table::Hours;
        }
        if others != Tally::default() {
            self.give(OTHER, &others)?;
        }
        Ok(())
    }

    /// Adds to a value's row, made if there is none and room for it.
    pub(super) fn give(&mut self, value: &str, sums: &Tally) -> rusqlite::Result<bool> {
        Ok(self.update(value, sums)? || self.insert(value, sums)?)
    }

    /// Adds to a row, if there is one.
    fn update(&self, value: &str, sums: &Tally) -> rusqlite::Result<bool> {
        Ok(self.execute(self.table.sql().0, value, sums)? > 0)
    }

    /// Makes a row, if there is room for one.
    fn insert(&mut self, value: &str, sums: &Tally) -> rusqlite::Result<bool> {
        if !value.is_empty() && value != OTHER {
            let limit = self.limit;
            let count = self.count()?;
            if *count >= limit {
                return Ok(false);
            }
            *count += 1;
        }
        self.execute(self.table.sql().1, value, sums)?;
        Ok(true)
    }

    /// How many values have a row.
    fn count(&mut self) -> rusqlite::Result<&mut usize> {
        match self.counts.entry((self.table, self.dimension, self.period)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let (table, period) = (self.table.name(), self.table.column());
                let sql = format!(
                    "SELECT count(*) FROM {table} WHERE dimension = ? AND {period} = ? AND value NOT IN ('', ?)"
                );
                let mut statement = self.transaction.prepare_cached(&sql)?;
                let count: i64 =
                    statement.query_row(params![self.dimension, self.period, OTHER], |row| row.get(0))?;
                Ok(new.insert(count as usize))
            }
        }
    }

    fn execute(&self, sql: &str, value: &str, sums: &Tally) -> rusqlite::Result<usize> {
        let mut statement = self.transaction.prepare_cached(sql)?;
        statement.raw_bind_parameter(1, self.dimension)?;
        statement.raw_bind_parameter(2, self.period)?;
        statement.raw_bind_parameter(3, value)?;
        for (index, column) in columns(sums).into_iter().enumerate() {
            statement.raw_bind_parameter(4 + index, column)?;
        }
        statement.raw_execute()
    }
}

/// Whole dollars; negative money has one more, and a rest. Absurd amounts are the most that a row may have.
pub(super) fn usd(money: Picodollars) -> i64 {
    money.get().div_euclid(DOLLAR).clamp(-MOST, MOST) as i64
}

/// Picodollars of the rest.
pub(super) fn rest(money: Picodollars) -> i64 {
    money.get().rem_euclid(DOLLAR) as i64
}

/// The columns of sums, as `rows.rs` reads them back.
pub(super) fn columns(sums: &Tally) -> [i64; 16] {
    let Tally { money, estimate, saved, revenue, .. } = *sums;
    let Tally { input, cached, output, reasoning, calls, unpriced, misdated, actions, .. } = *sums;
    let [input, cached, output, reasoning, calls, unpriced, misdated, actions] =
        [input, cached, output, reasoning, calls, unpriced, misdated, actions]
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    [
        usd(money),
        rest(money),
        usd(estimate),
        rest(estimate),
        usd(saved),
        rest(saved),
        usd(revenue),
        rest(revenue),
        input,
        cached,
        output,
        reasoning,
        calls,
        unpriced,
        misdated,
        actions,
    ]
}

/// Dollars that a row has at most: twice that still fits. SQLite would make a float of what does not, which its tables refuse.
const MOST: i128 = 4_000_000_000_000_000_000;

/// Adds to all sums of a row. A dollar of picodollars is carried; the right sides see the row as it was.
macro_rules! add {
    () => {
        concat!(
            add!(money "usd", "picodollars", "?4", "?5"), ", ",
            add!(money "estimate_usd", "estimate_picodollars", "?6", "?7"), ", ",
            add!(money "saved_usd", "saved_picodollars", "?8", "?9"), ", ",
            add!(money "revenue_usd", "revenue_picodollars", "?10", "?11"), ", ",
            add!(count "input_tokens", "?12"), ", ", add!(count "cached_tokens", "?13"), ", ",
            add!(count "output_tokens", "?14"), ", ", add!(count "reasoning_tokens", "?15"), ", ",
            add!(count "calls", "?16"), ", ", add!(count "unpriced", "?17"), ", ",
            add!(count "misdated", "?18"), ", ", add!(count "actions", "?19")
        )
    };
    (money $usd:literal, $rest:literal, $more:literal, $more_rest:literal) => {
        concat!(
            $usd, " = max(-4000000000000000000, min(4000000000000000000, ",
            $usd, " + ", $more, " + (", $rest, " + ", $more_rest, ") / 1000000000000)), ",
            $rest, " = (", $rest, " + ", $more_rest, ") % 1000000000000"
        )
    };
    (count $count:literal, $more:literal) => {
        concat!($count, " = min(9223372036854775807, ", $count, " + ", $more, ")")
    };
}

impl Table {
    /// What adds to a row, and what makes one. Constant, for they are looked up by their text for every row.
    const fn sql(self) -> (&'static str, &'static str) {
        match self {
            Table::Hours => (
                concat!("UPDATE hours SET ", add!(), " WHERE dimension = ?1 AND hour = ?2 AND value = ?3"),
                "INSERT INTO hours VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
            ),
            Table::Days => (
                concat!("UPDATE days SET ", add!(), " WHERE dimension = ?1 AND day = ?2 AND value = ?3"),
                "INSERT INTO days VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
            ),
        }
    }
}
