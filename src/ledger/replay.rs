//! Books again what an earlier process has accepted, as far as the store does not have it.

use std::ops::Range;

use tracing::error;

use super::Ledger;
use crate::booking::{Booking, Entry, Settlement, entries};
use crate::queue::stored::Stored;

/// Reads the records of a queue on disk, in their order.
#[derive(Debug)]
pub struct Replay {
    ledger: Ledger,
    /// From the first position on records are needed; what stands before the second is in the store, but for what was pending.
    range: Range<u64>,
    /// The names of the dimensions now.
    names: Vec<String>,
    /// Where each of them stood when the records were written, and the other way round; `None`: where it stands now.
    order: Option<Order>,
}

#[derive(Debug)]
struct Order {
    then: Vec<Option<usize>>,
    now: Vec<Option<usize>>,
}

impl Order {
    /// `None`: they are the same.
    fn new(then: &[String], now: &[String]) -> Option<Self> {
        let place = |names: &[String], name: &String| names.iter().position(|it| it == name);
        (then != now).then(|| Order {
            then: now.iter().map(|name| place(then, name)).collect(),
            now: then.iter().map(|name| place(now, name)).collect(),
        })
    }

    fn booking<'b>(&self, booking: Booking<'b>) -> Booking<'b> {
        let value =
            |at: &Option<usize>| at.and_then(|at| booking.dimensions.get(at)).copied().unwrap_or_default();
        Booking { dimensions: self.then.iter().map(value).collect(), ..booking }
    }

    fn settlement(&self, settlement: &mut Settlement<'_>) {
        for change in &mut settlement.changes {
            if let Some(booking) = change.restated.take() {
                change.restated = Some(Box::new(self.booking(*booking)));
            }
            let moved = std::mem::take(&mut change.moved).into_iter();
            let now = |then: u32| u32::try_from((*self.now.get(then as usize)?)?).ok();
            change.moved = moved.filter_map(|(then, value)| Some((now(then)?, value))).collect();
        }
    }
}

impl Replay {
    /// Into this ledger, which [follows](Ledger::follow) from there; these are its dimensions.
    pub fn new(ledger: Ledger, range: Range<u64>, names: Vec<String>) -> Self {
        Replay { ledger, range, names, order: None }
    }

    /// The traces of which something is pending by now.
    pub fn pending(&self) -> Vec<[u8; 16]> {
        self.ledger.books().open_traces()
    }

    /// Books a record, if it is needed, and says whether it is. What it settles was told when it was accepted, and is not told again.
    pub fn take(&mut self, record: &Stored) -> bool {
        if let Some(then) = &record.dimensions {
            self.order = Order::new(then, &self.names);
        }
        if record.position < self.range.start {
            return false;
        }
        let is_in = record.position < self.range.end;
        let mut books = self.ledger.books();
        books.begin_record(record.position);
        for entry in entries(&record.entries) {
            match (entry, is_in) {
                (Ok(Entry::Booking(booking)), _) => {
                    let booking = match &self.order {
                        Some(order) => order.booking(booking),
                        None => booking,
                    };
                    if !is_in || booking.open {
                        books.book(&booking);
                    }
                }
                (Ok(Entry::Settlement(settlement)), true) => books.drop_trace(settlement.trace),
                (Ok(Entry::Settlement(mut settlement)), false) => {
                    if let Some(order) = &self.order {
                        order.settlement(&mut settlement);
                    }
                    books.settle(&settlement, |_| {});
                }
                (Err(fault), _) => error!("the ledger can not read one of its own records: {fault}"),
            }
        }
        books.end_record(record.end);
        true
    }
}
