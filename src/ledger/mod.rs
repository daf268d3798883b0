//! The ledger: running totals of money, tokens and calls, exact to the picodollar.
//!
//! It is a reader of the queue like any exporter. What it reads are bookings, pending until their trace
//! settles, and settlements. [`books`] keeps the totals, as [`series`] and [`accounts`], [`instruments`] shows them as metrics, [`push`]
//! puts those metrics into the queue like everything else that leaves, [`actions`] an event for each trace that settles.

pub mod accounts;
pub mod actions;
pub mod books;
pub mod instruments;
pub mod log_events;
mod open;
pub mod push;
pub mod query;
pub mod series;
pub mod spikes;
pub mod sums;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::error;

use crate::booking::{Entry, entries};
use crate::queue::{Item, Reader};
use actions::ActionEvents;
use books::{Books, Settled};

/// What stands in place of everything beyond a limit.
pub const OTHER: &str = "other";

/// The ledger. Clones share the same books.
#[derive(Clone, Debug)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
}

impl Ledger {
    /// A ledger of bookings with these dimensions, by name, whose books tell apart at most `max_series` combinations of labels, and
    /// `max_values` values of a dimension.
    pub fn new<'n>(
        max_series: usize,
        max_values: usize,
        dimensions: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        Ledger { books: Arc::new(Mutex::new(Books::new(max_series, max_values, dimensions))) }
    }

    /// Reads the queue until it is closed and read to its end, and tells what settles. A record is done when its events are in the
    /// queue.
    pub async fn run(self, reader: Reader, events: ActionEvents) {
        while let Some(item) = reader.next().await {
            if let Item::Entries(record) = &item {
                let mut batch = events.batch();
                self.apply_with(record, |settled| batch.push(settled));
            }
            reader.done(&item);
        }
    }

    /// Books the entries of one record, all under one lock.
    pub fn apply(&self, record: &[u8]) {
        self.apply_with(record, |_| {});
    }

    /// The same, showing each trace that settles and had pending bookings.
    pub fn apply_with(&self, record: &[u8], mut show: impl FnMut(&Settled<'_>)) {
        let mut books = self.books();
        for entry in entries(record) {
            match entry {
                Ok(Entry::Booking(booking)) => books.book(&booking),
                Ok(Entry::Settlement(settlement)) => books.settle(&settlement, &mut show),
                Err(fault) => error!("the ledger can not read one of its own records: {fault}"),
            }
        }
    }

    /// The books as they are.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
