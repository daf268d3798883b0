//! Questions to the ledger: what was it, by which dimension, in which hours.

use std::ops::Range;

use super::Ledger;
use super::sums::Tally;

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
    Store(String),
}

impl Ledger {
    /// The names of the dimensions that can be asked for; [`TOTAL`] is one of them.
    pub fn dimensions(&self) -> Vec<String> {
        let books = self.books();
        let names = books.dimensions().map(|dimension| dimension.name().to_owned());
        std::iter::once(TOTAL.to_owned()).chain(names).collect()
    }

    /// What each value of a dimension has cost in these hours since 1970, in no order. Values of which there is nothing have no row.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn rows(&self, by: &str, _hours: Range<u32>) -> Result<Vec<Row>, QueryError> {
        let books = self.books();
        if by == TOTAL {
            let (settled, pending) = books.tally();
            return Ok(vec![Row { value: String::new(), settled, pending }]);
        }
        let dimension =
            books.dimensions().find(|it| it.name() == by).ok_or_else(|| QueryError::Dimension {
                asked: by.to_owned(),
                known: books.dimensions().map(|it| it.name()).collect::<Vec<_>>().join(", "),
            })?;
        let in_use = dimension.accounts().iter().filter(|it| it.settled.calls + it.pending.calls > 0);
        let row = |account: &super::accounts::Account| Row {
            value: account.value.to_string(),
            settled: account.settled,
            pending: account.pending,
        };
        Ok(in_use.map(row).collect())
    }

    /// Everything in these hours, as one row.
    ///
    /// # Errors
    /// [`QueryError::Store`]
    pub fn total(&self, hours: Range<u32>) -> Result<Row, QueryError> {
        Ok(self.rows(TOTAL, hours)?.pop().unwrap_or_default())
    }

    /// The same as [`rows`](Self::rows) hour by hour, or day by day, in the order of time. Steps in which there is nothing of a value
    /// are left out.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn timeline(&self, by: &str, hours: Range<u32>, _step: Step) -> Result<Vec<Point>, QueryError> {
        let start = hours.end.saturating_sub(1);
        Ok(self.rows(by, hours)?.into_iter().map(|row| Point { start, row }).collect())
    }
}
