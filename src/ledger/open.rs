//! The bookings of open traces, in slots that are used again.

use std::collections::VecDeque;

use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::cells::Place;
use super::sums::Amounts;

/// The end of a chain of slots.
const NONE: u32 = u32::MAX;
/// So many slots are kept when they are all empty.
const KEPT_SLOTS: usize = 10_000;

/// A booking that may still change.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) span: [u8; 8],
    /// The number of the metrics' series that it is in.
    pub(super) series: u32,
    /// The next slot of the same trace, or the next empty one.
    next: u32,
    pub(super) amounts: Amounts,
}

const _: () = assert!(size_of::<Pending>() == 112 && size_of::<Place>() == 4, "there may be a million");

/// All of them, by trace. A booking takes 116 bytes and 4 for each dimension, a trace 20.
#[derive(Debug)]
pub(super) struct Open {
    traces: HashMap<[u8; 16], u32, RandomState>,
    slots: Vec<Pending>,
    /// Where each slot's values stand: a row of `width` for each.
    places: Vec<Place>,
    width: usize,
    /// The number of the record that brought each slot's booking.
    records: Vec<u32>,
    /// The first empty slot.
    vacant: u32,
    origins: Origins,
}

/// Which records of the queue have bookings that may still change, the oldest first.
#[derive(Debug, Default)]
struct Origins {
    /// The number of the first.
    first: u32,
    /// Where they stand, and how many such bookings they have.
    records: VecDeque<(u64, u32)>,
}

impl Origins {
    /// A booking has come with the record at this position; gives the record's number.
    fn open(&mut self, position: u64) -> u32 {
        match self.records.back_mut() {
            Some((last, bookings)) if *last == position => *bookings += 1,
            _ => self.records.push_back((position, 1)),
        }
        self.first.wrapping_add(self.records.len() as u32 - 1)
    }

    /// A booking of this record changes no more.
    fn close(&mut self, number: u32) {
        if let Some((_, bookings)) = self.records.get_mut(number.wrapping_sub(self.first) as usize) {
            *bookings -= 1;
        }
        while self.records.front().is_some_and(|(_, bookings)| *bookings == 0) {
            self.records.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}

impl Open {
    /// None yet, of `width` dimensions each.
    pub(super) fn new(width: usize) -> Self {
        Open {
            traces: HashMap::default(),
            slots: Vec::new(),
            places: Vec::new(),
            width,
            records: Vec::new(),
            vacant: NONE,
            origins: Origins::default(),
        }
    }

    /// Where the first record stands of which a booking may still change.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.origins.records.front().map(|(position, _)| *position)
    }

    /// The traces that have bookings which may still change.
    pub(super) fn traces(&self) -> impl Iterator<Item = &[u8; 16]> {
        self.traces.keys()
    }

    /// Takes a booking of the record at this position.
    pub(super) fn push(
        &mut self,
        position: u64,
        trace: [u8; 16],
        span: [u8; 8],
        series: u32,
        amounts: Amounts,
        at: &[Place],
    ) {
        let record = self.origins.open(position);
        let first = self.traces.entry(trace).or_insert(NONE);
        let pending = Pending { span, series, next: *first, amounts };
        let slot = self.vacant as usize;
        match self.slots.get_mut(slot) {
            Some(vacant) => {
                self.vacant = vacant.next;
                *vacant = pending;
                self.places[slot * self.width..][..self.width].copy_from_slice(at);
                self.records[slot] = record;
                *first = slot as u32;
            }
            None => {
                *first = self.slots.len() as u32;
                self.slots.push(pending);
                self.places.extend_from_slice(at);
                self.records.push(record);
            }
        }
    }

    /// Takes a trace's bookings out. They keep their slots until they are [given back](Self::give_back).
    pub(super) fn take(&mut self, trace: &[u8; 16]) -> Option<Chain> {
        self.traces.remove(trace).map(|next| Chain { next })
    }

    /// The next booking of a chain, and its places.
    pub(super) fn next(&mut self, chain: &mut Chain) -> Option<(&mut Pending, &mut [Place])> {
        let slot = chain.next as usize;
        let pending = self.slots.get_mut(slot)?;
        chain.next = pending.next;
        Some((pending, &mut self.places[slot * self.width..][..self.width]))
    }

    /// Empties the slots of a chain, from its first.
    pub(super) fn give_back(&mut self, mut chain: Chain) {
        while let Some(pending) = self.slots.get_mut(chain.next as usize) {
            let slot = std::mem::replace(&mut chain.next, pending.next);
            self.origins.close(self.records[slot as usize]);
            pending.next = std::mem::replace(&mut self.vacant, slot);
        }
        // A burst is over: its memory is given back.
        if self.traces.is_empty() && self.slots.capacity() > KEPT_SLOTS {
            *self = Open::new(self.width);
        }
    }
}

/// The bookings of one trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    next: u32,
}
