//! Reads sums back.

use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use smallvec::{SmallVec, smallvec};

use super::{HOURLY, Store, Table};
use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;
use crate::time::hour_of;

/// The columns of sums, as [`tally`] reads them.
pub(super) const SUMS: &str = "usd, picodollars, estimate_usd, estimate_picodollars, saved_usd, saved_picodollars, revenue_usd, \
                    revenue_picodollars, input_tokens, cached_tokens, output_tokens, reasoning_tokens, calls, unpriced, \
                    misdated, actions";

/// Ranges that are longer are read by whole days.
const EXACT: u32 = crate::time::LAST_WEEK;
/// Ranges that are shorter are read hour by hour.
const BY_DAY: u32 = 72;

/// The last hour in which something was booked, as far as is known: the last one of a day where only that is kept. 0: nothing was.
/// `total` is the dimension that everything is in.
pub(super) fn latest(db: &Connection, total: i64) -> rusqlite::Result<u32> {
    let sql = "SELECT max((SELECT coalesce(max(hour), 0) FROM hours WHERE dimension = ?1), \
                          (SELECT coalesce(max(day) * 24 + 23, 0) FROM days WHERE dimension = ?1))";
    db.query_row(sql, [total], |row| row.get(0))
}

impl Store {
    /// The hours that a question about `hours` is answered for: where there are daily rows only, or hourly ones would be too many,
    /// from the beginning of a day on, and to the end of one.
    pub(in crate::ledger) fn answered(&self, hours: &Range<u32>) -> Range<u32> {
        let kept = self.hourly_from();
        let by_day = hours.len() as u32 > EXACT || hours.start < kept;
        let ends_by_day = hours.end - hours.end % 24 < kept;
        let end = if ends_by_day { hours.end.next_multiple_of(24) } else { hours.end };
        hours.start - if by_day { hours.start % 24 } else { 0 }..end
    }

    /// The first hour of which there are hourly rows for sure.
    fn hourly_from(&self) -> u32 {
        self.latest().max(self.expired).saturating_sub(HOURLY)
    }

    /// The last hour of which there is a row. What is further in the future was booked by a wrong clock.
    fn latest(&self) -> u32 {
        self.latest.min(hour_of(Timestamp::now()) + 24)
    }

    /// Shows all rows of a dimension, by its place in the books, in these hours: when each began, its value and its sums.
    pub(in crate::ledger) fn read(
        &self,
        dimension: usize,
        hours: &Range<u32>,
        hourly: bool,
        mut show: impl FnMut(u32, &str, Tally),
    ) -> rusqlite::Result<()> {
        for (table, periods) in self.sections(hours, hourly) {
            self.scan(table, dimension, &periods, SUMS, |row, start, value| {
                show(start, value, tally(row, 2)?);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The same with the money alone, which is much less to read.
    pub(in crate::ledger) fn money(
        &self,
        dimension: usize,
        hours: &Range<u32>,
        mut show: impl FnMut(&str, Picodollars),
    ) -> rusqlite::Result<()> {
        for (table, periods) in self.sections(hours, false) {
            self.scan(table, dimension, &periods, "usd, picodollars", |row, _, value| {
                show(value, money(row, 2)?);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Shows the rows of one value in these hours: when each began, and its sums.
    pub(in crate::ledger) fn of(
        &self,
        dimension: usize,
        value: &str,
        hours: &Range<u32>,
        hourly: bool,
        mut show: impl FnMut(u32, Tally),
    ) -> rusqlite::Result<()> {
        for (table, periods) in self.sections(hours, hourly) {
            let (name, period) = (table.name(), table.column());
            let sql = format!("SELECT {SUMS} FROM {name} WHERE dimension = ? AND {period} = ? AND value = ?");
            let mut statement = self.db.prepare_cached(&sql)?;
            // None is earlier or later than those.
            for at in periods.start.max(self.first(table)?)..periods.end.min(table.period(self.latest()) + 1)
            {
                let mut rows = statement.query(params![self.dimensions[dimension], at, value])?;
                if let Some(row) = rows.next()? {
                    show(at * table.hours(), tally(row, 0)?);
                }
            }
        }
        Ok(())
    }

    /// The first hour, or day, of which there are rows.
    fn first(&self, table: Table) -> rusqlite::Result<u32> {
        let (name, period) = (table.name(), table.column());
        let sql = format!("SELECT coalesce(min({period}), 0) FROM {name} WHERE dimension = ?");
        self.db.prepare_cached(&sql)?.query_row([self.total()], |row| row.get(0))
    }

    /// The dimension that everything is in: the last one of the books.
    fn total(&self) -> i64 {
        self.dimensions.last().copied().unwrap_or_default()
    }

    /// How many hours and days have rows of these hours, at most.
    pub(in crate::ledger) fn periods(&self, hours: &Range<u32>) -> usize {
        self.sections(hours, false).iter().map(|(_, periods)| periods.len()).sum()
    }

    /// Where the rows of these hours are: of whole days, unless they are to be hourly or are few, and of the hours around them.
    fn sections(&self, hours: &Range<u32>, hourly: bool) -> SmallVec<[(Table, Range<u32>); 3]> {
        let hours = self.answered(hours);
        // Nothing is later: the last day is whole.
        let until = match hours.end > self.latest() {
            true => (self.latest() + 1).next_multiple_of(24).max(hours.start),
            false => hours.end,
        };
        if hourly || hours.len() < BY_DAY as usize && hours.start >= self.hourly_from() {
            return smallvec![(Table::Hours, hours)];
        }
        let days = hours.start.next_multiple_of(24)..until - until % 24;
        smallvec![
            (Table::Hours, hours.start..days.start),
            (Table::Days, days.start / 24..days.end / 24),
            (Table::Hours, days.end..until),
        ]
    }

    /// Shows all rows of these hours or days, with these columns from the third on; each began at an hour, and has a value.
    fn scan(
        &self,
        table: Table,
        dimension: usize,
        periods: &Range<u32>,
        columns: &str,
        mut show: impl FnMut(&Row<'_>, u32, &str) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        if periods.is_empty() {
            return Ok(());
        }
        let (name, period) = (table.name(), table.column());
        let sql = format!(
            "SELECT {period}, value, {columns} FROM {name} WHERE dimension = ? AND {period} >= ? AND {period} < ?"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.dimensions[dimension], periods.start, periods.end])?;
        while let Some(row) = rows.next()? {
            let start: u32 = row.get(0)?;
            show(row, start * table.hours(), row.get_ref(1)?.as_str()?)?;
        }
        Ok(())
    }
}

/// The sums of a row, from a column on.
pub(super) fn tally(row: &Row<'_>, first: usize) -> rusqlite::Result<Tally> {
    let money = |at: usize| money(row, first + at);
    let count = |at: usize| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(first + at)? as u64) };
    Ok(Tally {
        money: money(0)?,
        estimate: money(2)?,
        saved: money(4)?,
        revenue: money(6)?,
        input: count(8)?,
        cached: count(9)?,
        output: count(10)?,
        reasoning: count(11)?,
        calls: count(12)?,
        unpriced: count(13)?,
        misdated: count(14)?,
        actions: count(15)?,
    })
}

/// The money of two columns.
pub(super) fn money(row: &Row<'_>, first: usize) -> rusqlite::Result<Picodollars> {
    let (usd, rest): (i64, i64) = (row.get(first)?, row.get(first + 1)?);
    Ok(Picodollars::new(i128::from(usd) * DOLLAR + i128::from(rest)))
}

/// Picodollars.
pub(super) const DOLLAR: i128 = 1_000_000_000_000;
