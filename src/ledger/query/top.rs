//! The dearest values of a dimension, and all others as one.

use std::cmp::Reverse;
use std::ops::Range;

use hashbrown::HashMap;

use super::{QueryError, Row, TOTAL, position};
use crate::ledger::sums::Tally;
use crate::ledger::{Ledger, OTHER};

/// Up to so many values have their sums looked up; of more it is quicker to read all rows.
const LOOKED_UP: usize = 500;

impl Ledger {
    /// The `top` values of a dimension that cost most in these hours, the dearest first, and then what is left as one row `other`, if
    /// there is anything. Asked of many users it takes a fraction of what [`rows`](Self::rows) takes: all rows are read for their money
    /// alone, and what is left is the total less the values that are shown.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn top(&self, by: &str, hours: Range<u32>, top: usize) -> Result<Vec<Row>, QueryError> {
        if top > LOOKED_UP {
            return Ok(dearest(self.rows(by, hours)?, top));
        }
        // Nothing is written as long as we have the store: what is not in it is in the books.
        let store = self.store();
        let answered = store.answered(&hours);
        let books = self.books();
        let (dimension, whole) = (position(&books, by)?, position(&books, TOTAL)?);
        let mut here: HashMap<String, Row> = HashMap::new();
        let mut total = Row::default();
        for cell in books.cells(dimension).filter(|cell| answered.contains(&cell.hour) && !cell.is_empty()) {
            super::add(&mut here, &cell.value, &cell.settled, &cell.pending);
        }
        for cell in books.cells(whole).filter(|cell| answered.contains(&cell.hour)) {
            total.settled.add(&cell.settled);
            total.pending.add(&cell.pending);
        }
        drop(books);

        let mut money: HashMap<Box<str>, i128> =
            here.values().map(|row| (row.value.as_str().into(), row.settled.money.get())).collect();
        store.money(dimension, &hours, |value, more| match money.get_mut(value) {
            Some(sum) => *sum = sum.saturating_add(more.get()),
            None => drop(money.insert(value.into(), more.get())),
        })?;
        let mut ranked: Vec<(i128, i128, Box<str>)> = money
            .into_iter()
            .filter(|(value, _)| &**value != OTHER)
            .map(|(value, money)| (money, here.get(&*value).map_or(0, |row| row.pending.money.get()), value))
            .collect();
        ranked.sort_unstable_by(|a, b| (b.0, b.1, &a.2).cmp(&(a.0, a.1, &b.2)));
        ranked.truncate(top);

        total.settled.add(&store.sums(whole, "", &hours)?);
        let mut rows = Vec::with_capacity(ranked.len() + 1);
        for (_, _, value) in ranked {
            let mut row = here.remove(&*value).unwrap_or(Row { value: value.into(), ..Row::default() });
            row.settled.add(&store.sums(dimension, &row.value, &hours)?);
            total.settled.take(&row.settled);
            total.pending.take(&row.pending);
            rows.push(row);
        }
        if (total.settled, total.pending) != (Tally::default(), Tally::default()) {
            rows.push(Row { value: OTHER.to_owned(), ..total });
        }
        Ok(rows)
    }
}

/// The same of rows.
fn dearest(mut rows: Vec<Row>, top: usize) -> Vec<Row> {
    let rank = |row: &Row| (row.value == OTHER, Reverse((row.settled.money, row.pending.money)));
    rows.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
    let values = rows.partition_point(|row| row.value != OTHER);
    let rest = rows.split_off(top.min(values)).into_iter().reduce(|a, b| Row {
        value: OTHER.to_owned(),
        settled: a.settled.plus(&b.settled),
        pending: a.pending.plus(&b.pending),
    });
    rows.extend(rest.map(|rest| Row { value: OTHER.to_owned(), ..rest }));
    rows
}
