//! Accounts: what each value of a dimension has cost.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::OTHER;
use super::series::cut;
use super::sums::Tally;
use crate::otlp::view::Text;

/// Values of a dimension that have an account of their own; those that come later share one. Ten thousand take about 2 MB.
pub const MAX_VALUES: usize = 10_000;

/// The money of one value of a dimension.
#[derive(Clone, Debug)]
pub struct Account {
    /// The value; empty: the calls of which it is not known; `other`: those that share an account, too.
    pub value: Box<str>,
    /// What is final.
    pub settled: Tally,
    /// What may still change.
    pub pending: Tally,
}

/// The accounts of one dimension. Each booking is in exactly one of them.
#[derive(Debug)]
pub struct Accounts {
    name: Box<str>,
    /// How many values may have an account.
    limit: usize,
    accounts: Vec<Account>,
    /// Values without an account, for as long as bookings have them: what is known of a call must not become less because its
    /// account is shared.
    passing: Vec<Passing>,
    /// Unused ones of these.
    vacant: Vec<u32>,
    by_value: HashTable<Place>,
    hasher: RandomState,
    /// Where the last booking was: neighbours tend to have the same value, and comparing is cheaper than hashing.
    last: Place,
    folded: u64,
}

#[derive(Debug)]
struct Passing {
    value: Box<str>,
    uses: u32,
}

/// Where a value stands. Equal places are equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    /// The account of what is not known.
    pub(super) const UNKNOWN: Place = Place(0);
    /// The account that is shared.
    const OTHER: Place = Place(1);
    /// From here on it is a value without an account.
    const PASSING: u32 = 1 << 31;

    fn passing(self) -> Option<usize> {
        self.0.checked_sub(Self::PASSING).map(|slot| slot as usize)
    }
}

impl Accounts {
    /// The accounts of a dimension, for as many values as may be.
    pub fn new(name: &str, limit: usize) -> Self {
        let account = |value: &str| Account {
            value: value.into(),
            settled: Tally::default(),
            pending: Tally::default(),
        };
        let mut accounts = Accounts {
            name: name.into(),
            limit,
            accounts: vec![account(""), account(OTHER)],
            passing: Vec::new(),
            vacant: Vec::new(),
            by_value: HashTable::new(),
            hasher: RandomState::default(),
            last: Place::UNKNOWN,
            folded: 0,
        };
        accounts.index(Place::OTHER);
        accounts
    }

    /// The dimension's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether values have accounts.
    pub fn is_kept(&self) -> bool {
        self.limit > 0
    }

    /// All accounts, also empty ones.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// How often a booking came into the shared account because there were too many values.
    pub fn folded(&self) -> u64 {
        self.folded
    }

    /// The value that stands there.
    pub(super) fn value(&self, place: Place) -> &str {
        match place.passing() {
            Some(slot) => &self.passing[slot].value,
            None => &self.accounts[place.0 as usize].value,
        }
    }

    /// The account that it is booked in.
    #[inline]
    pub(super) fn account(&mut self, place: Place) -> &mut Account {
        let place = if place.passing().is_some() { Place::OTHER } else { place };
        &mut self.accounts[place.0 as usize]
    }

    /// The place of a value, which is held until [`release`](Self::release) is called for it.
    #[inline]
    pub(super) fn hold(&mut self, value: Text<'_>) -> Place {
        let value = cut(value);
        if value.is_empty() {
            return Place::UNKNOWN;
        }
        if self.value(self.last).as_bytes() != value {
            self.last = self.find_or_add(value);
        }
        if let Some(slot) = self.last.passing() {
            self.passing[slot].uses += 1;
            self.folded += u64::from(self.is_kept());
        }
        self.last
    }

    /// Lets go of one place for that of another value.
    #[inline]
    pub(super) fn exchange(&mut self, place: &mut Place, value: Text<'_>) {
        let before = std::mem::replace(place, self.hold(value));
        self.release(before);
    }

    /// Says that a booking is not there any more.
    #[inline]
    pub(super) fn release(&mut self, place: Place) {
        let Some(slot) = place.passing() else { return };
        let passing = &mut self.passing[slot];
        passing.uses -= 1;
        if passing.uses > 0 {
            return;
        }
        let hash = self.hasher.hash_one(passing.value.as_bytes());
        passing.value = Box::default();
        if let Ok(entry) = self.by_value.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        self.vacant.push(slot as u32);
        // A burst is over: its memory is given back.
        if self.vacant.len() == self.passing.len() && self.passing.capacity() > MAX_VALUES {
            (self.passing, self.vacant, self.last) = (Vec::new(), Vec::new(), Place::UNKNOWN);
            let (accounts, hasher) = (&self.accounts, &self.hasher);
            self.by_value.shrink_to_fit(|place| hasher.hash_one(accounts[place.0 as usize].value.as_bytes()));
        }
    }

    fn find_or_add(&mut self, value: &[u8]) -> Place {
        let hash = self.hasher.hash_one(value);
        if let Some(place) = self.by_value.find(hash, |place| self.value(*place).as_bytes() == value) {
            return *place;
        }
        let value: Box<str> = String::from_utf8_lossy(value).into();
        // The unknown and the shared one are no values.
        let place = if self.accounts.len() - 2 < self.limit {
            self.accounts.push(Account { value, settled: Tally::default(), pending: Tally::default() });
            Place(self.accounts.len() as u32 - 1)
        } else {
            let passing = Passing { value, uses: 0 };
            let slot = match self.vacant.pop() {
                Some(slot) => {
                    self.passing[slot as usize] = passing;
                    slot
                }
                None => {
                    self.passing.push(passing);
                    self.passing.len() as u32 - 1
                }
            };
            Place(Place::PASSING + slot)
        };
        self.index(place);
        place
    }

    fn index(&mut self, place: Place) {
        let (accounts, passing, hasher) = (&self.accounts, &self.passing, &self.hasher);
        let hash = |place: &Place| {
            let value = match place.passing() {
                Some(slot) => &passing[slot].value,
                None => &accounts[place.0 as usize].value,
            };
            hasher.hash_one(value.as_bytes())
        };
        self.by_value.insert_unique(hash(&place), place, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: fifty thousand values of a dimension that keeps three, each held by two bookings, the last of them still there.
    /// Guarantees: places are equal where values are, and nowhere else; a value is told as long as a booking has it; then its
    /// memory is free for others, and given back when all are gone.
    #[test]
    fn values_without_an_account_are_there_as_long_as_bookings_have_them() {
        const MANY: usize = 50_000;
        let value = |n: usize| format!("user-{n}");
        let mut accounts = Accounts::new("user", 3);
        let held: Vec<Place> =
            (0..2 * MANY).map(|n| accounts.hold(value(n % MANY).as_str().into())).collect();
        assert_eq!((accounts.accounts().len(), accounts.passing.len()), (2 + 3, MANY - 3));
        assert_eq!(accounts.folded(), 2 * (MANY as u64 - 3));
        for n in [0, 2, 3, MANY - 1] {
            assert_eq!(held[n], held[n + MANY]);
            assert_eq!(accounts.value(held[n]), value(n));
            let account = if n < 3 { value(n) } else { OTHER.to_owned() };
            assert_eq!(*accounts.account(held[n]).value, *account);
        }
        held[..MANY].iter().for_each(|place| accounts.release(*place));
        assert!(accounts.vacant.is_empty(), "the second booking is still there");
        held[MANY + 3..].iter().take(100).for_each(|place| accounts.release(*place));
        let new: Vec<Place> = (MANY..MANY + 100).map(|n| accounts.hold(value(n).as_str().into())).collect();
        assert_eq!(accounts.passing.len(), MANY - 3, "vacant ones are used again");
        assert_eq!(accounts.value(new[7]), value(MANY + 7));
        held[MANY + 103..].iter().chain(&new).for_each(|place| accounts.release(*place));
        assert_eq!((accounts.passing.capacity(), accounts.by_value.len()), (0, 1 + 3));
        assert!(accounts.by_value.capacity() < 100);
        let again = accounts.hold(value(MANY).as_str().into());
        assert_eq!(accounts.value(again), value(MANY));
    }
}
