//! Questions to the ledger: what was it, by which dimension, in which hours.

mod top;

pub use top::Top;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::MutexGuard;

use hashbrown::HashMap;

use super::Ledger;
use super::books::Books;
use super::cells::Cell;
use super::store::Store;
use super::sums::Tally;
use crate::pricing::Picodollars;

/// The dimension of which everything is one value.
pub const TOTAL: &str = "total";

/// The sums of one value of a dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The value; empty: of what it is not known; `other`: of values that have no row of their own, too.
    pub value: String,
    /// What is final.
    pub settled: Tally,
    /// What may still change: of traces that are open.
    pub pending: Tally,
}

/// The sums of one value of a dimension in one hour, or one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// When it began, in hours since 1970.
    pub start: u32,
    /// The sums.
    pub row: Row,
}

/// How long a [`Point`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day of UTC.
    Day,
}

impl Step {
    /// When the step began that an hour is in.
    fn start(self, hour: u32) -> u32 {
        match self {
            Step::Hour => hour,
            Step::Day => hour - hour % 24,
        }
    }
}

/// A question that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is no such dimension.
    #[error("there is no dimension {asked:?}; there are {known}")]
    Dimension {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// The store can not be read.
    #[error("the ledger's store can not be read: {0}")]
    Store(#[from] rusqlite::Error),
}

impl Ledger {
    /// The names of the dimensions that can be asked for; [`TOTAL`] is one of them.
    pub fn dimensions(&self) -> Vec<String> {
        self.books().dimensions().map(str::to_owned).collect()
    }

    /// The hours that a question about these hours is answered for: long ranges begin with a day, and so do those that begin where
    /// there are daily sums only.
    pub fn answered(&self, hours: &Range<u32>) -> Range<u32> {
        self.store().answered(hours)
    }

    /// What each value of a dimension has cost in these hours since 1970, in no order. Values of which there is nothing have no row.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn rows(&self, by: &str, hours: Range<u32>) -> Result<Vec<Row>, QueryError> {
        let mut rows: HashMap<String, Row> = HashMap::new();
        self.read(by, &hours, false, |_, value, settled, pending| add(&mut rows, value, settled, pending))?;
        Ok(rows.into_values().collect())
    }

    /// Everything in these hours, as one row.
    ///
    /// # Errors
    /// [`QueryError::Store`]
    pub fn total(&self, hours: Range<u32>) -> Result<Row, QueryError> {
        Ok(self.rows(TOTAL, hours)?.pop().unwrap_or_default())
    }

    /// The same as [`rows`](Self::rows) hour by hour, or day by day, in the order of time. Steps in which there is nothing of a value
    /// are left out. Hourly sums are kept for [`HOURLY`](super::store::HOURLY) hours.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn timeline(&self, by: &str, hours: Range<u32>, step: Step) -> Result<Vec<Point>, QueryError> {
        let mut points: BTreeMap<u32, HashMap<String, Row>> = BTreeMap::new();
        self.read(by, &hours, step == Step::Hour, |hour, value, settled, pending| {
            add(points.entry(step.start(hour)).or_default(), value, settled, pending);
        })?;
        Ok(in_order(points))
    }

    /// What one value of a dimension has cost in each of these hours, pending money included; hours without anything are left out.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn history(
        &self,
        by: &str,
        value: &str,
        hours: Range<u32>,
    ) -> Result<Vec<(u32, Picodollars)>, QueryError> {
        let store = self.store();
        let mut found: BTreeMap<u32, Picodollars> = BTreeMap::new();
        let mut add = |hour: u32, money: Picodollars| {
            let sum = found.entry(hour).or_insert(Picodollars::ZERO);
            *sum = sum.saturating_add(money);
        };
        let books = self.books();
        let dimension = position(&books, by)?;
        for cell in hours.clone().filter_map(|hour| books.cell(dimension, hour, value)) {
            add(cell.hour, cell.settled.money.saturating_add(cell.pending.money));
        }
        drop(books);
        store.of(dimension, value, &hours, true, |hour, sums| {
            if hours.contains(&hour) {
                add(hour, sums.money);
            }
        })?;
        Ok(found.into_iter().collect())
    }

    /// Shows what there is of a dimension in these hours: an hour (or the first of a day, unless it is to be hourly), a value, and
    /// its settled and pending sums there.
    fn read(
        &self,
        by: &str,
        hours: &Range<u32>,
        hourly: bool,
        mut show: impl FnMut(u32, &str, &Tally, &Tally),
    ) -> Result<(), QueryError> {
        let Look { store, dimension, cells, .. } = self.look(by, hours)?;
        for cell in cells {
            show(cell.hour, &cell.value, &cell.settled, &cell.pending);
        }
        let nothing = Tally::default();
        Ok(store
            .read(dimension, hours, hourly, |hour, value, settled| show(hour, value, &settled, &nothing))?)
    }
}

/// The store, and what is not in it of a dimension and of the total, in the hours that are answered for.
struct Look<'l> {
    /// Nothing is written as long as we have it.
    store: MutexGuard<'l, Store>,
    dimension: usize,
    cells: Vec<Cell>,
    total: usize,
    of_total: Vec<Cell>,
}

impl Ledger {
    fn look(&self, by: &str, hours: &Range<u32>) -> Result<Look<'_>, QueryError> {
        let store = self.store();
        let answered = store.answered(hours);
        let books = self.books();
        let (dimension, total) = (position(&books, by)?, position(&books, TOTAL)?);
        let (cells, of_total) = (cells(&books, dimension, &answered), cells(&books, total, &answered));
        Ok(Look { store, dimension, cells, total, of_total })
    }
}

/// Copies of what is in memory of a dimension in these hours: nothing is booked as long as somebody has the books.
fn cells(books: &Books, dimension: usize, hours: &Range<u32>) -> Vec<Cell> {
    books.cells(dimension).filter(|cell| hours.contains(&cell.hour) && !cell.is_empty()).cloned().collect()
}

fn in_order(points: BTreeMap<u32, HashMap<String, Row>>) -> Vec<Point> {
    let of =
        |(start, rows): (u32, HashMap<String, Row>)| rows.into_values().map(move |row| Point { start, row });
    points.into_iter().flat_map(of).collect()
}

fn position(books: &Books, by: &str) -> Result<usize, QueryError> {
    books.position(by).ok_or_else(|| QueryError::Dimension {
        asked: by.to_owned(),
        known: books.dimensions().collect::<Vec<_>>().join(", "),
    })
}

fn add(rows: &mut HashMap<String, Row>, value: &str, settled: &Tally, pending: &Tally) {
    let row = match rows.get_mut(value) {
        Some(row) => row,
        None => rows.entry(value.to_owned()).or_insert(Row { value: value.to_owned(), ..Row::default() }),
    };
    row.settled.add(settled);
    row.pending.add(pending);
}
