//! Cells: what one value of a dimension has cost in one hour, as far as it is pending or not written to the store.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::OTHER;
use super::series::cut;
use super::sums::Tally;
use crate::otlp::view::Text;

/// Cells of a dimension in memory; calls of further values are booked in `other`. A million calls in open traces may be of as many
/// users; what is settled is soon written, and needs no memory then.
const MAX_CELLS: usize = 1 << 18;
/// So many keep their memory when all are empty.
const KEPT_CELLS: usize = 10_000;

/// The hour of a cell that is not in use.
const VACANT: u32 = u32::MAX;

/// What one value of a dimension has cost in one hour.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Hours since 1970.
    pub(super) hour: u32,
    /// Open bookings that are in it.
    uses: u32,
    /// It was in use since the last writing. The same values come again and again.
    touched: bool,
    /// The value; empty: what it is is not known.
    pub(super) value: Box<str>,
    /// What is final, and is not in the store.
    pub(super) settled: Tally,
    /// What may still change.
    pub(super) pending: Tally,
}

impl Cell {
    fn new(hour: u32, value: Box<str>) -> Self {
        let (settled, pending) = (Tally::default(), Tally::default());
        Cell { hour, uses: 0, touched: false, value, settled, pending }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.settled == Tally::default() && self.pending == Tally::default()
    }

    fn is_key(&self, hour: u32, value: &[u8]) -> bool {
        self.hour == hour && self.value.as_bytes() == value
    }
}

/// The cells of one dimension. Each booking is in exactly one of them.
#[derive(Debug)]
pub(super) struct Cells {
    name: Box<str>,
    /// Whether they are written to the store. The values of others are known as long as bookings are open.
    kept: bool,
    cells: Vec<Cell>,
    /// Unused ones of these.
    vacant: Vec<u32>,
    by_key: HashTable<Place>,
    hasher: RandomState,
    /// Where the last booking was: neighbours tend to have the same value, and comparing is cheaper than hashing.
    last: Place,
    /// Calls that are in `other` because there were too many values.
    folded: u64,
    /// Cells made since the last tidying.
    new: usize,
}

/// A cell of a dimension. Equal places are equal values in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    /// No cell: nothing is known.
    pub(super) const NONE: Place = Place(0);
}

impl Cells {
    pub(super) fn new(name: &str, kept: bool) -> Self {
        Cells {
            name: name.into(),
            kept,
            // The first is that of no place.
            cells: vec![Cell::new(VACANT, Box::default())],
            vacant: Vec::new(),
            by_key: HashTable::new(),
            hasher: RandomState::default(),
            last: Place::NONE,
            folded: 0,
            new: 0,
        }
    }

    /// The dimension's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether they are written to the store.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// The cells in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Cell)> {
        let cells = self.cells.iter().enumerate().filter(|(_, cell)| cell.hour != VACANT);
        cells.map(|(index, cell)| (Place(index as u32), cell))
    }

    /// How many were made since the last tidying.
    pub(super) fn new_ones(&self) -> usize {
        self.new
    }

    fn len(&self) -> usize {
        self.cells.len() - self.vacant.len() - 1
    }

    /// Calls that are in `other` because there were too many values.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }

    #[inline]
    pub(super) fn get(&self, place: Place) -> &Cell {
        &self.cells[place.0 as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: Place) -> &mut Cell {
        &mut self.cells[place.0 as usize]
    }

    /// The place of a value in an hour, which is held until [`release`](Self::release) is called for it.
    #[inline]
    pub(super) fn hold(&mut self, hour: u32, value: Text<'_>) -> Place {
        let value = cut(value);
        if !self.get(self.last).is_key(hour, value) {
            self.last = self.find_or_add(hour, value);
        }
        let cell = self.get_mut(self.last);
        cell.uses += 1;
        cell.touched = true;
        self.last
    }

    /// Lets go of one place for that of another value in the same hour.
    #[inline]
    pub(super) fn exchange(&mut self, place: &mut Place, value: Text<'_>) {
        let hour = self.get(*place).hour;
        let before = std::mem::replace(place, self.hold(hour, value));
        self.release(before);
    }

    /// Says that a booking is not there any more.
    #[inline]
    pub(super) fn release(&mut self, place: Place) {
        let cell = self.get_mut(place);
        cell.uses -= 1;
        // Others go when they have been written.
        if cell.uses == 0 && !self.kept {
            self.remove(place);
            self.give_back();
        }
    }

    /// Says that so much of a cell is in the store now, and of how many calls the store had no room for the value.
    pub(super) fn written(&mut self, place: Place, settled: &Tally, folded: u64) {
        self.get_mut(place).settled.take(settled);
        self.folded += folded;
    }

    /// Forgets the cells that nothing is in and that were not in use since this was called last.
    pub(super) fn tidy(&mut self) {
        for index in 1..self.cells.len() {
            let cell = &mut self.cells[index];
            let is_used = std::mem::take(&mut cell.touched) || cell.uses > 0;
            if cell.hour != VACANT && !is_used && cell.settled == Tally::default() {
                self.remove(Place(index as u32));
            }
        }
        self.new = 0;
        self.give_back();
    }

    /// When a burst is over its memory is given back.
    fn give_back(&mut self) {
        if self.by_key.is_empty() && self.cells.capacity() > KEPT_CELLS {
            let folded = self.folded;
            *self = Cells { folded, ..Cells::new(&self.name, self.kept) };
        }
    }

    /// What is there of a value in an hour.
    pub(super) fn find(&self, hour: u32, value: &str) -> Option<&Cell> {
        let hash = self.hasher.hash_one((hour, value.as_bytes()));
        let place = self.by_key.find(hash, |place| self.get(*place).is_key(hour, value.as_bytes()))?;
        Some(self.get(*place))
    }

    fn find_or_add(&mut self, hour: u32, value: &[u8]) -> Place {
        let hash = self.hasher.hash_one((hour, value));
        if let Some(place) = self.by_key.find(hash, |place| self.get(*place).is_key(hour, value)) {
            return *place;
        }
        if self.len() >= MAX_CELLS && !value.is_empty() && value != OTHER.as_bytes() {
            self.folded += 1;
            return self.find_or_add(hour, OTHER.as_bytes());
        }
        self.new += 1;
        let cell = Cell::new(hour, String::from_utf8_lossy(value).into());
        let place = match self.vacant.pop() {
            Some(place) => {
                self.cells[place as usize] = cell;
                Place(place)
            }
            None => {
                self.cells.push(cell);
                Place(self.cells.len() as u32 - 1)
            }
        };
        let (cells, hasher) = (&self.cells, &self.hasher);
        self.by_key.insert_unique(hash, place, |place| hash_of(hasher, &cells[place.0 as usize]));
        place
    }

    fn remove(&mut self, place: Place) {
        let cell = &mut self.cells[place.0 as usize];
        let hash = hash_of(&self.hasher, cell);
        *cell = Cell::new(VACANT, Box::default());
        if let Ok(entry) = self.by_key.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        if self.last == place {
            self.last = Place::NONE;
        }
        self.vacant.push(place.0);
    }
}

fn hash_of(hasher: &RandomState, cell: &Cell) -> u64 {
    hasher.hash_one((cell.hour, cell.value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: bursts of more values than are kept in memory, which are over; the last cell that goes is the first one, or the last one.
    /// Guarantees: all go, and so does their memory; what comes later is found.
    #[test]
    fn a_burst_gives_its_memory_back() {
        for last in [0, KEPT_CELLS * 2 - 1] {
            let mut cells = Cells::new("user", true);
            let places: Vec<Place> =
                (0..KEPT_CELLS * 2).map(|number| cells.hold(7, number.to_string().as_str().into())).collect();
            for (number, place) in places.iter().enumerate().filter(|(number, _)| *number != last) {
                assert_eq!(&*cells.get(*place).value, number.to_string());
                cells.release(*place);
            }
            cells.tidy();
            cells.tidy();
            assert_eq!(cells.len(), 1);
            cells.release(places[last]);
            cells.tidy();
            cells.tidy();
            assert!(cells.len() == 0 && cells.cells.capacity() < KEPT_CELLS);
            let place = cells.hold(8, "ann".into());
            assert_eq!(cells.hold(8, "ann".into()), place);
            assert_eq!(cells.find(8, "ann").map(|cell| cell.uses), Some(2));
            assert!(cells.find(7, "ann").is_none());
        }
    }

    /// Scenario: more values than there may be.
    /// Guarantees: they are `other`, and counted; the unknown has a cell in any case.
    #[test]
    fn beyond_the_limit_values_are_other() {
        let mut cells = Cells::new("user", true);
        for number in 0..MAX_CELLS + 10 {
            cells.hold(7, number.to_string().as_str().into());
        }
        cells.hold(7, "".into());
        assert_eq!(cells.folded(), 10);
        assert_eq!(cells.find(7, OTHER).map(|cell| cell.uses), Some(10));
        assert!(cells.find(7, "").is_some() && cells.len() == MAX_CELLS + 2);
    }
}
