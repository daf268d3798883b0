//! The table of open traces: sharded by trace id, ordered by age, bounded in bytes.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

use super::trace::{self, Calls, OpenCall};
use super::tree::{NODE_BYTES, NONE, Tree};
use super::{Facts, Settled, Verdict};
use crate::genai::found::SpanNote;
use crate::otlp::view::Text;

/// Enough that two cores seldom want the same one, few enough that each has a fair share of the budget.
const SHARDS: usize = 16;
const TRACE_BYTES: usize = size_of::<Trace>() + 12;
const CALL_BYTES: usize = size_of::<OpenCall>() + 8;

/// A verdict, and whether it may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict at this moment.
    pub verdict: Verdict,
    /// The trace is open: a [`Settled`] follows.
    pub open: bool,
    /// The same span was judged before: a sender that saw no answer sends again. It is booked already.
    pub again: bool,
}

impl Judged {
    /// For a call that belongs to no trace: nothing can change it.
    pub const ALONE: Judged = Judged { verdict: Verdict::Counts, open: false, again: false };
}

#[derive(Debug)]
struct Trace {
    id: [u8; 16],
    last_seen: u64,
    first_node: u32,
    first_call: u32,
    /// Neighbours in the order of age.
    older: u32,
    newer: u32,
}

#[derive(Debug)]
struct Shard {
    tree: Tree,
    calls: Calls,
    traces: Slab<Trace>,
    by_id: HashTable<u32>,
    oldest: u32,
    newest: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Shard {
            tree: Tree::default(),
            calls: Slab::new(),
            traces: Slab::new(),
            by_id: HashTable::new(),
            oldest: NONE,
            newest: NONE,
        }
    }
}

/// The traces that may still change. Times are nanoseconds on a monotonic clock of the caller's.
#[derive(Debug)]
pub struct OpenTraces {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    settle_after: u64,
    shard_bytes: usize,
    over_budget: AtomicBool,
}

impl OpenTraces {
    /// A table that settles traces `settle_after` nanoseconds after their last span, or the oldest ones
    /// earlier when it holds more than `max_bytes`.
    pub fn new(settle_after: u64, max_bytes: usize) -> Self {
        OpenTraces {
            shards: Default::default(),
            hasher: RandomState::default(),
            settle_after,
            shard_bytes: max_bytes / SHARDS,
            over_budget: AtomicBool::new(false),
        }
    }

    /// A hash for [`Facts`]; zero for the empty text.
    pub fn hash(&self, text: Text<'_>) -> u64 {
        if text.is_empty() { 0 } else { self.hasher.hash_one(text.0) | 1 }
    }

    /// Adds the spans of a request, then judges its calls: `verdicts[n]` is on call n.
    pub fn judge(&self, now: u64, spans: &[SpanNote], facts: impl Fn(u32) -> Facts, verdicts: &mut [Judged]) {
        // A call's node, so that it need not be looked up again.
        let mut nodes: SmallVec<[u32; 128]> = SmallVec::from_elem(NONE, verdicts.len());
        // First all spans, calls or not: a child may stand behind its parent in the body.
        let mut shard = Held::default();
        let mut over_budget = false;
        for note in spans {
            let shard = shard.of(self, &note.ids.trace);
            let trace = shard.touch(self, note.ids.trace, now);
            let mut first = shard.traces[trace as usize].first_node;
            let node = shard.tree.add(trace, &mut first, note.ids.span, note.ids.parent);
            shard.traces[trace as usize].first_node = first;
            if let Some(call) = note.call {
                nodes[call as usize] = node;
            }
            if let Some(call) = note.call
                && shard.tree.node(node).call == NONE
            {
                let next = shard.traces[trace as usize].first_call;
                let call = OpenCall::new(note.ids.span, facts(call), node, next);
                let call = shard.calls.insert(call) as u32;
                shard.traces[trace as usize].first_call = call;
                shard.tree.set_call(node, call);
            }
            over_budget |= shard.bytes() > self.shard_bytes;
        }
        for note in spans {
            let Some(call) = note.call else { continue };
            let shard = shard.of(self, &note.ids.trace);
            // Another thread may have settled the trace in between, to make room.
            verdicts[call as usize] =
                shard.verdict(nodes[call as usize], note, || facts(call)).unwrap_or(Judged::ALONE);
        }
        if over_budget {
            self.over_budget.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the table holds more than it may, and [`make_room`](Self::make_room) is due.
    pub fn is_over_budget(&self) -> bool {
        self.over_budget.load(Ordering::Relaxed)
    }

    /// Settles the oldest traces until the table holds no more than it may. The caller sees to it that no call is
    /// between its verdict and its booking: a settlement must not overtake the booking that it settles.
    pub fn make_room(&self, settled: &mut Vec<Settled>) {
        self.over_budget.store(false, Ordering::Relaxed);
        for shard in &self.shards {
            let mut shard = lock(shard);
            while shard.bytes() > self.shard_bytes && shard.oldest != NONE {
                shard.settle_oldest(self, settled);
            }
        }
    }

    /// Settles the traces that have been idle for long enough.
    pub fn settle_idle(&self, now: u64, settled: &mut Vec<Settled>) {
        self.settle_before(now.saturating_sub(self.settle_after), settled);
    }

    /// Settles all traces.
    pub fn settle_all(&self, settled: &mut Vec<Settled>) {
        self.settle_before(u64::MAX, settled);
    }

    fn settle_before(&self, before: u64, settled: &mut Vec<Settled>) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            while shard.oldest != NONE && shard.traces[shard.oldest as usize].last_seen <= before {
                shard.settle_oldest(self, settled);
            }
        }
    }

    /// Open traces, and the bytes that they take.
    pub fn size(&self) -> (usize, usize) {
        self.shards
            .iter()
            .map(lock)
            .fold((0, 0), |(traces, bytes), shard| (traces + shard.traces.len(), bytes + shard.bytes()))
    }

    /// As a number: hashing an array of bytes takes twice as long.
    fn hash_id(&self, trace: &[u8; 16]) -> u64 {
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
        if self.shard.as_ref().is_none_or(|(held, _)| *held != wanted) {
            self.shard = None; // unlock before the next lock: two threads must never wait for each other
        }
        &mut self.shard.get_or_insert_with(|| (wanted, lock(&table.shards[wanted]))).1
    }
}

impl Shard {
    fn bytes(&self) -> usize {
        self.tree.len() * NODE_BYTES + self.calls.len() * CALL_BYTES + self.traces.len() * TRACE_BYTES
    }

    fn find(&self, table: &OpenTraces, id: &[u8; 16]) -> Option<u32> {
        if self.traces.get(self.newest as usize).is_some_and(|newest| newest.id == *id) {
            return Some(self.newest);
        }
        let hash = table.hash_id(id);
        self.by_id.find(hash, |&index| self.traces[index as usize].id == *id).copied()
    }

    /// The trace's index, as the newest of all.
    fn touch(&mut self, table: &OpenTraces, id: [u8; 16], now: u64) -> u32 {
        let index = match self.find(table, &id) {
            Some(index) if index == self.newest => index,
            Some(index) => {
                self.unlink(index);
                self.append(index);
                index
            }
            None => {
                let trace = Trace {
                    id,
                    last_seen: now,
                    first_node: NONE,
                    first_call: NONE,
                    older: NONE,
                    newer: NONE,
                };
                let index = self.traces.insert(trace) as u32;
                let traces = &self.traces;
                let hash_of = |&index: &u32| table.hash_id(&traces[index as usize].id);
                self.by_id.insert_unique(table.hash_id(&id), index, hash_of);
                self.append(index);
                index
            }
        };
        self.traces[index as usize].last_seen = now;
        index
    }

    fn append(&mut self, index: u32) {
        let older = std::mem::replace(&mut self.newest, index);
        self.traces[index as usize].older = older;
        self.traces[index as usize].newer = NONE;
        match self.traces.get_mut(older as usize) {
            Some(older) => older.newer = index,
            None => self.oldest = index,
        }
    }

    fn unlink(&mut self, index: u32) {
        let Trace { older, newer, .. } = self.traces[index as usize];
        match self.traces.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.traces.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
    }

    fn verdict(&mut self, node: u32, note: &SpanNote, facts: impl FnOnce() -> Facts) -> Option<Judged> {
        let found = self.tree.get(node, &note.ids.span)?;
        if self.traces.get(found.trace as usize)?.id != note.ids.trace {
            return None;
        }
        match found.call {
            NONE => None,
            call => Some(match self.calls[call as usize].forwarded {
                // The same span once more: it is what it was. Unless it tells something else; then it is
                // booked by itself, for nothing says which of the two is right.
                Some(verdict) => {
                    let again = self.calls[call as usize].facts == facts();
                    Judged { verdict, open: false, again }
                }
                None => {
                    let verdict = trace::judge(&mut self.calls, &self.tree, call);
                    Judged { verdict, open: true, again: false }
                }
            }),
        }
    }

    fn settle_oldest(&mut self, table: &OpenTraces, settled: &mut Vec<Settled>) {
        let index = self.oldest;
        self.unlink(index);
        let trace = self.traces.remove(index as usize);
        if let Ok(entry) = self.by_id.find_entry(table.hash_id(&trace.id), |&known| known == index) {
            entry.remove();
        }
        if trace.first_call != NONE {
            // Spans that came after a call may have joined it to its other reports.
            let mut at = trace.first_call;
            while at != NONE {
                trace::link(&mut self.calls, &self.tree, at);
                at = self.calls[at as usize].next_in_trace;
            }
            let mut changes = Vec::new();
            let mut at = trace.first_call;
            while at != NONE {
                let call = &self.calls[at as usize];
                let verdict = trace::settle(&self.calls, &self.tree, at);
                if call.forwarded.is_some_and(|forwarded| forwarded != verdict) {
                    changes.push((call.span, verdict));
                }
                at = call.next_in_trace;
            }
            let mut at = trace.first_call;
            while at != NONE {
                at = self.calls.remove(at as usize).next_in_trace;
            }
            settled.push(Settled { trace: trace.id, changes });
        }
        self.tree.remove(trace.first_node);
    }
}

#[cfg(test)]
mod tests;
