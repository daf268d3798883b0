//! The table of open traces: sharded by trace id, bounded in bytes.

use std::hash::{BuildHasher, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::arena::NONE;
use super::judgement::Judgement;
use super::shard::Shard;
use super::sightings::Sightings;
use super::sums::MAX_BELOW;
use super::told::Told;
use super::{Facts, Judged, Settled, Size, Sums, Verdict};
use crate::genai::found::{Found, Group, SpanNote};
use crate::otlp::view::Text;

/// Enough that two cores seldom want the same one.
const SHARDS: usize = 16;

/// The traces that may still change. Times are nanoseconds on a monotonic clock of the caller's.
#[derive(Debug)]
pub struct OpenTraces {
    shards: [Mutex<Shard>; SHARDS],
    pub(super) sightings: Sightings,
    hasher: RandomState,
    settle_after: u64,
    /// Bytes that open traces may take, and a shard may change by before the sum is brought up to date.
    max_bytes: usize,
    grain: usize,
    /// The sum of all shards, as of when each was counted last.
    bytes: AtomicUsize,
    remembered_bytes: usize,
    over_budget: AtomicBool,
    early: AtomicU64,
    unassigned: AtomicU64,
    /// What comes was told to an earlier process.
    rebuilding: AtomicBool,
    /// When senders were left without an answer last.
    held: AtomicU64,
    /// What has come since then is needed, however long it is idle.
    needed: AtomicU64,
}

impl OpenTraces {
    /// A table that settles traces `settle_after` nanoseconds after their last span, or the oldest ones
    /// earlier when it holds more than `max_bytes`.
    pub fn new(settle_after: u64, max_bytes: usize) -> Self {
        // A quarter is enough to remember each call of a minute for as many as the rest holds in ten seconds.
        let sightings = max_bytes / 4;
        // A sixteenth of 64 MiB remembers some 60,000 traces at least: minutes, at hundreds of traces with calls a second.
        let remembered = max_bytes / 16;
        let open = max_bytes - sightings - remembered;
        let grain = open / 16 / SHARDS;
        OpenTraces {
            shards: Default::default(),
            sightings: Sightings::new(sightings),
            hasher: RandomState::default(),
            settle_after,
            max_bytes: open - SHARDS * grain,
            grain,
            bytes: AtomicUsize::new(0),
            remembered_bytes: remembered / SHARDS,
            over_budget: AtomicBool::new(false),
            early: AtomicU64::new(0),
            unassigned: AtomicU64::new(0),
            rebuilding: AtomicBool::new(false),
            held: AtomicU64::new(0),
            needed: AtomicU64::new(u64::MAX),
        }
    }

    /// A hash for [`Facts`]; zero for the empty text.
    pub fn hash(&self, text: Text<'_>) -> u64 {
        if text.is_empty() { 0 } else { self.hasher.hash_one(text.0) | 1 }
    }

    /// A hash of hashes for [`Facts`], of which some may be zero. Never zero.
    pub fn hash_all<const N: usize>(&self, hashes: [u64; N]) -> u64 {
        // One by one: an array is hashed as so many bytes, which takes longer.
        let mut state = self.hasher.build_hasher();
        hashes.into_iter().for_each(|hash| state.write_u64(hash));
        state.finish() | 1
    }

    /// What [reports of one call have in common](Facts::seen_as), as hashes. Zero: nothing.
    pub(super) fn sighting_keys(&self, facts: &Facts) -> [u64; 2] {
        let by_id = facts.response_id != 0 && !facts.is_event;
        [
            if by_id { self.hash_all(facts.seen_as(0)) } else { 0 },
            if facts.event != 0 { self.hash_all(facts.seen_as(1)) } else { 0 },
        ]
    }

    /// Adds the spans of a request, then judges its calls, of which `facts` knows the nth and `tell` says all; `say` puts what a
    /// span says of dimensions.
    pub fn judge(
        &self,
        now: u64,
        found: &Found<'_>,
        say: impl Fn(&SpanNote, &mut Vec<u8>),
        facts: impl Fn(u32) -> Facts,
        tell: impl Fn(u32) -> Told,
        judgement: &mut Judgement,
    ) {
        // A call's node, so that it need not be looked up again.
        let mut nodes: SmallVec<[u32; 128]> = SmallVec::from_elem(NONE, judgement.verdicts.len());
        // Those of agents that are no calls, in their order.
        let mut agents: SmallVec<[u32; 8]> = SmallVec::new();
        // First all spans, calls or not: a child may stand behind its parent in the body.
        let spans = &found.spans;
        let mut held = Held::default();
        let mut said = None;
        for note in spans {
            let shard = held.of(self, &note.ids.trace);
            let saying = &mut judgement.saying;
            // Neighbours that say the same share a row. A call says more than stands there.
            if note.call.is_some() || said != Some(note.said) {
                saying.clear();
                say(note, saying);
            }
            said = note.call.is_none().then_some(note.said);
            let node = shard.add(self, now, note, saying, &facts, &tell);
            if let Some(call) = note.call {
                nodes[call as usize] = node;
            } else if note.is_agent {
                agents.push(node);
            }
        }
        for note in spans {
            let Some(call) = note.call else { continue };
            let shard = held.of(self, &note.ids.trace);
            let node = nodes[call as usize];
            // `None` only if somebody settled the trace in between, which callers of `make_room` must not do.
            let judged = shard.verdict(self, now, node, note, || facts(call), judgement);
            let call_number = shard.call_of(node);
            judgement.verdicts[call as usize] = judged.unwrap_or(Judged::ALONE);
            judgement.places[call as usize] = (held.number(), call_number);
        }
        held.leave(self);
        self.see_waiting(now, &nodes, judgement);
        let mut agents = agents.into_iter();
        for (index, group) in found.groups.iter().enumerate() {
            let note = &spans[group.note as usize];
            let node = match note.call {
                Some(call) => nodes[call as usize],
                None if note.is_agent => agents.next().unwrap_or(NONE),
                None => NONE,
            };
            if held.of(self, &note.ids.trace).has_calls(self, &note.ids.trace) {
                judgement.groups.push((index as u32, node));
            }
        }
        held.leave(self);
    }

    /// Sees the calls that wait, whose nodes these are.
    fn see_waiting(&self, now: u64, nodes: &[u32], judgement: &mut Judgement) {
        let Judgement { verdicts, waiting, places, repeated, .. } = judgement;
        let mut changed = HashMap::new();
        self.sightings.see_all(waiting, now);
        let mut held = Held::default();
        for (sight, seen) in waiting.not_first.drain(..) {
            let node = nodes[sight.call as usize];
            if let Some(verdict) = held.of(self, &sight.report.trace).not_first(node, &sight, seen) {
                verdicts[sight.call as usize].verdict = verdict;
                if !repeated.is_empty() {
                    changed.insert(places[sight.call as usize], verdict);
                }
            }
        }
        held.leave(self);
        for call in repeated.drain(..) {
            if let Some(verdict) = changed.get(&places[call as usize]) {
                verdicts[call as usize].verdict = *verdict;
            }
        }
    }

    /// Notes what the calls of a request cost that are booked and count; `prices` are theirs in picodollars,
    /// `None` where nobody knows.
    pub fn book(&self, judgement: &Judgement, prices: &[Option<i128>]) {
        let mut held = Held::default();
        for (nth, judged) in judgement.verdicts.iter().enumerate() {
            let (shard, call) = judgement.places[nth];
            if call == NONE || judged.again || !judged.open || judged.verdict != Verdict::Counts {
                continue;
            }
            held.numbered(self, shard.into()).book(call, prices[nth]);
        }
        held.leave(self);
    }

    /// What was spent below the roots and agents of a request, whose calls are [booked](Self::book): `write` gets the nth group's
    /// sums.
    pub fn sums(&self, judgement: &Judgement, found: &Found<'_>, mut write: impl FnMut(&Group, Sums)) {
        let (mut shard, mut left) = (Held::default(), MAX_BELOW);
        for &(index, node) in &judgement.groups {
            let group = &found.groups[index as usize];
            let note = &found.spans[group.note as usize];
            let sums = shard.of(self, &note.ids.trace).sums(self, note, node, &mut left);
            write(group, sums);
        }
        shard.leave(self);
    }

    /// Brings the sum up to date with a shard.
    fn count(&self, shard: &mut Shard) {
        let (bytes, before) = (shard.bytes(), shard.counted);
        if bytes.abs_diff(before) <= self.grain {
            return;
        }
        shard.counted = bytes;
        let change = bytes.wrapping_sub(before);
        let sum = self.bytes.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if sum > self.max_bytes {
            self.over_budget.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the table holds more than it may, and [`make_room`](Self::make_room) is due.
    pub fn is_over_budget(&self) -> bool {
        self.over_budget.load(Ordering::Relaxed)
    }

    /// Settles the oldest traces of all shards until the table holds less than it may. The caller sees to it that no call is
    /// between its verdict and its booking: a settlement must not overtake the booking that it settles.
    pub fn make_room(&self, settled: &mut Vec<Settled>) {
        self.over_budget.store(false, Ordering::Relaxed);
        // Some more than needed, or the next request would be here again.
        let enough = self.max_bytes - self.max_bytes / 16;
        // In the order of their numbers, and nobody else holds one while he waits for another.
        let mut shards: SmallVec<[MutexGuard<'_, Shard>; SHARDS]> = self.shards.iter().map(lock).collect();
        let mut bytes: usize = shards.iter().map(|shard| shard.bytes()).sum();
        while bytes > enough {
            let oldest = shards.iter_mut().filter(|shard| shard.oldest().is_some());
            let Some(shard) = oldest.min_by_key(|shard| shard.oldest()) else { break };
            bytes -= shard.bytes();
            shard.settle_oldest(self, settled);
            bytes += shard.bytes();
            self.early.fetch_add(1, Ordering::Relaxed);
        }
        shards.iter_mut().for_each(|shard| self.count(shard));
    }

    /// Senders are left without an answer: what they send again must find its traces open, so none settles until that is over for as long.
    pub fn hold(&self, now: u64) {
        self.held.store(now, Ordering::Relaxed);
    }

    /// Says since when what has come is needed: such traces stay open. `u64::MAX`: none is.
    pub fn need(&self, since: u64) {
        self.needed.store(since, Ordering::Relaxed);
    }

    /// Settles the traces that have been idle for long enough.
    pub fn settle_idle(&self, now: u64, settled: &mut Vec<Settled>) {
        let before = now.saturating_sub(self.settle_after).min(self.needed.load(Ordering::Relaxed));
        if self.held.load(Ordering::Relaxed) <= before {
            self.settle_before(before, settled);
        }
        self.forget(now);
        for shard in &self.shards {
            lock(shard).shrink();
        }
    }

    /// Says whether what comes was told to an earlier process, and booked by it. Requests may have been judged there in another order
    /// than they come now: when such a trace settles, everything about its calls is said, not only what has changed.
    pub fn set_rebuilding(&self, rebuilding: bool) {
        self.rebuilding.store(rebuilding, Ordering::Relaxed);
    }

    pub(super) fn is_rebuilding(&self) -> bool {
        self.rebuilding.load(Ordering::Relaxed)
    }

    /// Whether a trace is open, and has calls: then it will settle.
    pub fn has_calls(&self, trace: &[u8; 16]) -> bool {
        lock(&self.shards[self.shard_of(trace)]).has_calls(self, trace)
    }

    /// Settles a trace, if it is open: an earlier process did.
    pub fn settle_one(&self, trace: &[u8; 16], settled: &mut Vec<Settled>) {
        let mut shard = lock(&self.shards[self.shard_of(trace)]);
        shard.settle_one(self, trace, settled);
        self.count(&mut shard);
    }

    /// Settles all traces: nothing more comes.
    pub fn settle_all(&self, settled: &mut Vec<Settled>) {
        self.settle_before(u64::MAX, settled);
        self.forget(u64::MAX);
    }

    fn forget(&self, now: u64) {
        self.sightings.forget(now);
        for shard in &self.shards {
            lock(shard).forget(self, now);
        }
    }

    fn settle_before(&self, before: u64, settled: &mut Vec<Settled>) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            while shard.oldest().is_some_and(|last_seen| last_seen <= before) {
                shard.settle_oldest(self, settled);
            }
            self.count(&mut shard);
        }
    }

    /// What the table holds, and what it had to do.
    pub fn size(&self) -> Size {
        let (sightings, unseen) = self.sightings.size();
        let mut size = Size {
            bytes: sightings,
            early: self.early.load(Ordering::Relaxed),
            unassigned_tokens: self.unassigned.load(Ordering::Relaxed),
            unseen,
            ..Size::default()
        };
        for shard in self.shards.iter().map(lock) {
            size.traces += shard.traces();
            size.spans += shard.spans();
            size.bytes += shard.bytes() + shard.remembered_bytes();
        }
        size
    }

    /// Bytes that a shard may take to remember traces that have settled.
    pub(super) fn remembered_bytes(&self) -> usize {
        self.remembered_bytes
    }

    pub(super) fn count_unassigned(&self, tokens: u64) {
        if tokens > 0 {
            self.unassigned.fetch_add(tokens, Ordering::Relaxed);
        }
    }

    /// As a number: hashing an array of bytes takes twice as long.
    pub(super) fn hash_id(&self, trace: &[u8; 16]) -> u64 {
        self.hasher.hash_one(u128::from_ne_bytes(*trace))
    }

    fn shard_of(&self, trace: &[u8; 16]) -> usize {
        // The table in a shard uses the other bits.
        (self.hash_id(trace) >> 32) as usize % SHARDS
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shard that is locked at the moment: neighbours in a request are mostly of one trace.
#[derive(Default)]
struct Held<'t> {
    shard: Option<(usize, MutexGuard<'t, Shard>)>,
    /// A trace that is in it.
    trace: [u8; 16],
}

impl<'t> Held<'t> {
    fn of(&mut self, table: &'t OpenTraces, trace: &[u8; 16]) -> &mut Shard {
        let wanted = match &self.shard {
            Some((held, _)) if self.trace == *trace => *held,
            _ => table.shard_of(trace),
        };
        self.trace = *trace;
        self.numbered(table, wanted)
    }

    /// The shard with a number.
    fn numbered(&mut self, table: &'t OpenTraces, wanted: usize) -> &mut Shard {
        if self.shard.as_ref().is_none_or(|(held, _)| *held != wanted) {
            self.leave(table); // unlock before the next lock: two threads must never wait for each other
        }
        &mut self.shard.get_or_insert_with(|| (wanted, lock(&table.shards[wanted]))).1
    }

    /// The number of the one that is locked.
    fn number(&self) -> u8 {
        self.shard.as_ref().map_or(0, |(number, _)| *number as u8)
    }

    /// Unlocks it.
    fn leave(&mut self, table: &OpenTraces) {
        if let Some((_, mut shard)) = self.shard.take() {
            table.count(&mut shard);
        }
    }
}

#[cfg(test)]
mod tests;
