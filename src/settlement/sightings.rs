//! Calls that were told of before by somebody to whom no ancestry leads: in another branch, in another trace, or in a log.
//!
//! What two reports of one call have in common is a key: the sender, the response id and what it cost, or what a
//! log event and a span of one instrumentation have in common. A *sighting* is what has been reported under one
//! key. Each teller reports a call once; so the second report of one teller is another call, however alike they
//! are, and the nth report of the one belongs to the nth of the other, unless ancestry says to which.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::Facts;
use super::arena::{Arena, NONE, Slot};
use super::waiting::{Sight, Waiting};

/// How long after the first report of a call another one is taken for the same: exporters batch for seconds, and a
/// sender that finds no collector keeps its spans for some tens of them.
pub const WINDOW: u64 = 60_000_000_000;

pub(super) const SHARDS: usize = 16;
/// The bits of a key that say which shard it is in: a sighting stands in the shard of its key, whichever it is the nth.
const SHARD_BITS: u64 = (SHARDS as u64 - 1) << 32;
/// Tellers of one call that are told apart: an instrumentation, an SDK and a gateway are three.
const TELLERS: usize = 4;
/// Sightings in a row that are looked at for one that this teller has not told of.
const TAKEN: usize = 8;
/// Bytes of a sighting, with its share of the hash table.
const BYTES: usize = size_of::<Sighting>() + 12;

/// A report, and how much it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// Of two reports that of the higher rank counts; of equals the first. Never zero.
    pub(super) rank: u64,
    is_event: bool,
}

impl Report {
    pub(super) fn of(trace: [u8; 16], span: [u8; 8], facts: &Facts) -> Self {
        Report { trace, span, rank: facts.rank(), is_event: facts.is_event }
    }

    /// The span that reports, as others may name it: a log event has none.
    pub(super) fn span_told(&self) -> Option<[u8; 8]> {
        (!self.is_event).then_some(self.span)
    }
}

/// What was seen before, when a report comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Names the sighting.
    pub(super) key: u64,
    /// The report that counts instead of the new one.
    pub(super) before: Option<Report>,
}

#[derive(Debug)]
struct Sighting {
    key: u64,
    since: u64,
    best: Report,
    /// The best one's trace has settled: it is booked for good.
    settled: bool,
    /// Reports whose traces are open.
    open: u32,
    /// Who has told, and how often; the counts are kept in the first sighting of a key.
    tellers: [(u32, u32); TELLERS],
    /// The next in the order of age.
    newer: u32,
}

impl Slot for Sighting {
    fn vacant() -> Self {
        Sighting {
            key: 0,
            since: 0,
            best: Report { trace: [0; 16], span: [0; 8], rank: 0, is_event: false },
            settled: false,
            open: 0,
            tellers: [(0, 0); TELLERS],
            newer: NONE,
        }
    }
}

#[derive(Debug)]
struct Shard {
    sightings: Arena<Sighting>,
    by_key: HashTable<u32>,
    oldest: u32,
    newest: u32,
}

/// All sightings. A thread may hold a shard of traces when it takes one of these, never the other way round.
#[derive(Debug)]
pub(super) struct Sightings {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    shard_bytes: usize,
    /// Reports for which there was no room.
    unseen: AtomicU64,
}

impl Sightings {
    pub(super) fn new(max_bytes: usize) -> Self {
        let shard = || {
            let (sightings, by_key) = Default::default();
            Mutex::new(Shard { sightings, by_key, oldest: NONE, newest: NONE })
        };
        Sightings {
            shards: std::array::from_fn(|_| shard()),
            hasher: RandomState::default(),
            shard_bytes: max_bytes / SHARDS,
            unseen: AtomicU64::new(0),
        }
    }

    /// Notes a report by `teller`, not zero, under a key. `None`: nothing can be known of it, it counts by itself.
    pub(super) fn see(&self, key: u64, teller: u32, report: Report, now: u64) -> Option<Seen> {
        self.see_in(&mut self.shard(key), key, teller, report, now)
    }

    /// The same of all that wait.
    pub(super) fn see_all(&self, waiting: &mut Waiting, now: u64) {
        let Waiting { by_shard, not_first } = waiting;
        for (sights, shard) in by_shard.iter_mut().zip(&self.shards).filter(|(sights, _)| !sights.is_empty())
        {
            let mut shard = lock(shard);
            for sight in sights.drain(..) {
                let Sight { key, teller, report, .. } = sight;
                let seen = self.see_in(&mut shard, key, teller, report, now);
                if seen != Some(Seen { key, before: None }) {
                    not_first.push((sight, seen));
                }
            }
        }
    }

    fn see_in(&self, shard: &mut Shard, key: u64, teller: u32, report: Report, now: u64) -> Option<Seen> {
        shard.forget(now, 2);
        let mut nth = key;
        if let Some(first) = shard.find(key) {
            // Those that a report of the same chain has led to are taken, whichever they are the nth of.
            for _ in 0..TAKEN {
                match shard.sightings[first].count(teller)? {
                    0 => {}
                    before => nth = self.hasher.hash_one((key, before)) & !SHARD_BITS | key & SHARD_BITS,
                }
                if nth == key || shard.find(nth).is_none_or(|it| !shard.sightings[it].has_told(teller)) {
                    break;
                }
            }
        }
        let found = shard.find(nth);
        let Some(found) = found else {
            if (shard.sightings.len() + 1) * BYTES > self.shard_bytes {
                shard.forget(now.saturating_add(WINDOW), 8);
            }
            if (shard.sightings.len() + 1) * BYTES > self.shard_bytes {
                self.unseen.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let mut tellers = [(0, 0); TELLERS];
            tellers[0] = (teller, 1);
            let sighting = Sighting {
                key: nth,
                since: now,
                best: report,
                settled: false,
                open: 1,
                tellers,
                newer: NONE,
            };
            shard.insert(sighting);
            return Some(Seen { key: nth, before: None });
        };
        let sighting = &mut shard.sightings[found];
        let too_late = now.saturating_sub(sighting.since) > WINDOW;
        if nth != key && sighting.count(teller)? > 0 || too_late {
            return None;
        }
        Some(sighting.add(report))
    }

    /// Notes a report of the same call as one that was noted, as it stands in one chain with it. `None`: that one had been
    /// taken for another call, of which this teller has told.
    pub(super) fn see_again(&self, seen: u64, teller: u32, report: Report) -> Option<Seen> {
        let mut shard = self.shard(seen);
        let found = shard.find(seen)?;
        let sighting = &mut shard.sightings[found];
        if sighting.has_told(teller) {
            return None;
        }
        sighting.count(teller)?;
        Some(sighting.add(report))
    }

    /// A report of this span turns out to be of another call than the others of the sighting.
    pub(super) fn leave(&self, key: u64, trace: [u8; 16], span: [u8; 8]) {
        let mut shard = self.shard(key);
        let Some(index) = shard.find(key) else { return };
        let sighting = &mut shard.sightings[index];
        sighting.open = sighting.open.saturating_sub(1);
        if !sighting.settled && (sighting.best.trace, sighting.best.span) == (trace, span) {
            sighting.best.rank = 0;
        }
    }

    /// A report that was seen competes for what another has [left](Self::leave).
    pub(super) fn offer(&self, key: u64, best: Report) {
        let mut shard = self.shard(key);
        let Some(index) = shard.find(key) else { return };
        let sighting = &mut shard.sightings[index];
        if !sighting.settled && best.rank > sighting.best.rank {
            sighting.best = best;
        }
    }

    /// The report that counts, and whether it is booked for good. `None`: it was none of this call.
    pub(super) fn best(&self, key: u64) -> Option<(Report, bool)> {
        let shard = self.shard(key);
        let sighting = &shard.sightings[shard.find(key)?];
        (sighting.best.rank > 0).then_some((sighting.best, sighting.settled))
    }

    /// The trace of one of the reports has settled, and this is the one that counts.
    pub(super) fn settle(&self, key: u64, best: Report, settled: bool) {
        let mut shard = self.shard(key);
        let Some(index) = shard.find(key) else { return };
        let sighting = &mut shard.sightings[index];
        sighting.open = sighting.open.saturating_sub(1);
        if !sighting.settled {
            (sighting.best, sighting.settled) = (best, settled);
        }
    }

    /// Forgets what is too old to be matched.
    pub(super) fn forget(&self, now: u64) {
        for shard in &self.shards {
            lock(shard).forget(now, usize::MAX);
        }
    }

    /// Bytes that they take, and the reports for which there was no room.
    pub(super) fn size(&self) -> (usize, u64) {
        let bytes = self.shards.iter().map(|shard| lock(shard).sightings.len() * BYTES).sum();
        (bytes, self.unseen.load(Ordering::Relaxed))
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[shard_of(key)])
    }
}

/// The shard of a key.
pub(super) fn shard_of(key: u64) -> usize {
    (key >> 32) as usize % SHARDS
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sighting {
    /// How often this teller has told before, counting the one more; `None` if there is no place for another teller.
    fn count(&mut self, teller: u32) -> Option<u32> {
        let (known, count) = self.tellers.iter_mut().find(|(known, _)| *known == teller || *known == 0)?;
        *known = teller;
        *count = count.saturating_add(1);
        Some(*count - 1)
    }

    fn has_told(&self, teller: u32) -> bool {
        self.tellers.iter().any(|(known, _)| *known == teller)
    }

    fn add(&mut self, report: Report) -> Seen {
        self.open += 1;
        let mut before = Some(self.best);
        if !self.settled && report.rank > self.best.rank {
            (self.best, before) = (report, None);
        }
        Seen { key: self.key, before }
    }
}

impl Shard {
    fn find(&self, key: u64) -> Option<u32> {
        self.by_key.find(key, |&index| self.sightings[index].key == key).copied()
    }

    fn insert(&mut self, sighting: Sighting) {
        let key = sighting.key;
        let index = self.sightings.insert(sighting);
        let sightings = &self.sightings;
        self.by_key.insert_unique(key, index, |&index| sightings[index].key);
        self.append(index);
    }

    fn append(&mut self, index: u32) {
        self.sightings[index].newer = NONE;
        match std::mem::replace(&mut self.newest, index) {
            NONE => self.oldest = index,
            newest => self.sightings[newest].newer = index,
        }
    }

    /// Looks at the oldest, so many at most, until one is within the window. Those that open traces still need
    /// wait once more.
    fn forget(&mut self, now: u64, at_most: usize) {
        for _ in 0..at_most.min(self.sightings.len()) {
            let Some(oldest) = self.sightings.get(self.oldest) else { return };
            if now.saturating_sub(oldest.since) <= WINDOW {
                return;
            }
            let (index, key, open) = (self.oldest, oldest.key, oldest.open);
            self.oldest = oldest.newer;
            if self.oldest == NONE {
                self.newest = NONE;
            }
            if open > 0 {
                self.append(index);
                continue;
            }
            if let Ok(entry) = self.by_key.find_entry(key, |&known| known == index) {
                entry.remove();
            }
            self.sightings.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(n: u32) -> Report {
        let span = [0, 0, 0, 0, n as u8, (n >> 8) as u8, (n >> 16) as u8, 1];
        Report { trace: [1; 16], span, rank: 2, is_event: false }
    }

    /// Scenario: 100,000 calls, of as many keys or all of one, by one teller and then by another, with room for all or for few.
    /// Guarantees: the nth report of the one is the nth of the other; no more room is taken than there is, what finds none
    /// counts by itself; after the window everything is forgotten that no open trace needs.
    #[test]
    fn sightings_are_one_to_one_and_bounded() {
        const CALLS: u32 = 100_000;
        for (same_key, max_bytes) in [(false, 1 << 24), (true, 1 << 28), (false, 1 << 16)] {
            let sightings = Sightings::new(max_bytes);
            let key = |n: u32| if same_key { 7 << 32 } else { sightings.hasher.hash_one(n) | 1 };
            let mut keys = Vec::new();
            let mut found = 0;
            for teller in [1, 2] {
                for n in 0..CALLS {
                    let seen = sightings.see(key(n), teller, report(n), u64::from(teller));
                    keys.extend(seen.map(|seen| seen.key));
                    if let Some(before) = seen.and_then(|seen| seen.before) {
                        assert_eq!((teller, before), (2, report(n)));
                        found += 1;
                    }
                }
            }
            let (bytes, unseen) = sightings.size();
            assert!(bytes <= max_bytes && (unseen == 0) == (found == CALLS), "{bytes} {unseen} {found}");
            assert_eq!(unseen == 0, max_bytes > 1 << 16);
            sightings.forget(WINDOW * 2);
            assert_eq!(sightings.size().0, bytes, "open traces need them");
            for key in keys {
                sightings.settle(key, report(0), true);
            }
            sightings.forget(WINDOW * 2);
            assert_eq!(sightings.size().0, 0);
        }
    }
}
