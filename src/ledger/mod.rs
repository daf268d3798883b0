//! The ledger: running totals of money, tokens and calls, exact to the picodollar.
//!
//! It is a reader of the queue like any exporter. What it reads are bookings, pending until their trace
//! settles, and settlements. [`books`] keeps the totals, [`instruments`] shows them as metrics, [`push`]
//! puts those metrics into the queue like everything else that leaves.

pub mod books;
pub mod instruments;
pub mod push;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::error;

use crate::booking::{Entry, entries};
use crate::queue::{Item, Reader};
use books::Books;

/// The ledger. Clones share the same books.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
}

impl Ledger {
    /// A ledger whose books tell apart at most `max_series` combinations of labels.
    pub fn new(max_series: usize, feature: Option<usize>) -> Self {
        Ledger { books: Arc::new(Mutex::new(Books::new(max_series, feature))) }
    }

    /// Reads the queue until it is closed and read to its end.
    pub async fn run(self, reader: Reader) {
        while let Some(item) = reader.next().await {
            if let Item::Entries(record) = &item {
                self.apply(record);
            }
            reader.done(&item);
        }
    }

    /// Books the entries of one record, all under one lock.
    pub fn apply(&self, record: &[u8]) {
        let mut books = self.books();
        for entry in entries(record) {
            match entry {
                Ok(Entry::Booking(booking)) => books.book(&booking),
                Ok(Entry::Settlement(settlement)) => books.settle(&settlement),
                Err(fault) => error!("the ledger can not read one of its own records: {fault}"),
            }
        }
    }

    /// The books as they are.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
