//! Where in the queue the books are.

use super::{Books, each, release};

impl Books {
    /// Lets a trace's pending bookings go: they are final, and in the store.
    pub(in crate::ledger) fn drop_trace(&mut self, trace: &[u8]) {
        let Some(bookings) = trace.try_into().ok().and_then(|trace| self.open.take(&trace)) else { return };
        let mut chain = bookings;
        while let Some((pending, places)) = self.open.next(&mut chain) {
            self.series.get_mut(pending.series).pending.take(&pending.amounts);
            let tally = pending.amounts.tally();
            each(&mut self.dimensions, places, |cell| cell.pending.take(&tally));
            release(&mut self.dimensions, places);
        }
        self.open.give_back(bookings);
    }

    /// The traces that have pending bookings.
    pub(in crate::ledger) fn open_traces(&self) -> Vec<[u8; 16]> {
        self.open.traces().copied().collect()
    }

    /// Says where the record stands that is booked next.
    pub(in crate::ledger) fn begin_record(&mut self, position: u64) {
        self.position = position;
    }

    /// Says that a record of the queue has been booked to its end.
    pub(in crate::ledger) fn end_record(&mut self, end: u64) {
        self.records += 1;
        self.position = end;
    }

    /// Up to where the queue is in these books when nothing is left of what stands before `passed`, and from where on it has
    /// bookings that may still change.
    pub(in crate::ledger) fn reached(&self, passed: u64) -> (u64, u64) {
        let position = self.position.max(passed);
        (position, self.open.oldest().unwrap_or(position))
    }
}
