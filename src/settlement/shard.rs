//! One shard of the open traces: those whose ids fall to it, in the order of their age.

mod ages;
mod seeing;
mod spent;

use std::sync::Arc;

use hashbrown::HashTable;

use super::arena::{Arena, NONE, Slot};
use super::chain::{Calls, OpenCall};
use super::judgement::Judgement;
use super::names::KnownNames;
use super::open_traces::OpenTraces;
use super::remembered::Remembered;
use super::sayings::{self, Sayings};
use super::settle::{End, Ending};
use super::sums::Spent;
use super::told::Told;
use super::trace;
use super::tree::Tree;
use super::{Facts, Judged, Settled, Verdict};
use crate::genai::call::Role;
use crate::genai::found::SpanNote;

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Bytes of a trace and of a call, with its share of a hash table.
const TRACE_BYTES: usize = size_of::<Trace>() + 12;
const CALL_BYTES: usize = size_of::<OpenCall>();

#[derive(Debug)]
struct Trace {
    id: [u8; 16],
    last_seen: u64,
    /// Spans that are in the tree, and those that are not yet.
    first_node: u32,
    first_note: u32,
    first_call: u32,
    first_said: u32,
    /// What its calls have spent; [`NONE`]: it has none that count.
    sum: u32,
    /// Its root span, zero if it is not known yet, and what that says. Of several the one with the smallest id.
    root: [u8; 8],
    root_said: u32,
    /// When its first span came, in seconds.
    since: u32,
    /// It has more roots than one: which of them stands above a span is known only where all between have come.
    has_roots: bool,
    /// Some of it was told to an earlier process: what that has forwarded is not known for sure.
    rebuilt: bool,
    /// Neighbours in the order of age.
    older: u32,
    newer: u32,
}

impl Trace {
    fn new(id: [u8; 16], now: u64) -> Self {
        Trace {
            id,
            last_seen: now,
            first_node: NONE,
            first_note: NONE,
            first_call: NONE,
            first_said: NONE,
            sum: NONE,
            root: [0; 8],
            root_said: NONE,
            since: (now / SECOND) as u32,
            has_roots: false,
            rebuilt: false,
            older: NONE,
            newer: NONE,
        }
    }
}

impl Trace {
    /// What is said above all of its spans, those included of which a span above has never come.
    fn above_all(&self) -> u32 {
        if self.has_roots { NONE } else { self.root_said }
    }
}

impl Slot for Trace {
    fn vacant() -> Self {
        Trace::new([0; 16], 0)
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    tree: Tree,
    calls: Calls,
    names: KnownNames,
    sayings: Sayings,
    sums: Arena<Spent>,
    remembered: Remembered,
    traces: Arena<Trace>,
    by_id: HashTable<u32>,
    oldest: u32,
    newest: u32,
    /// Bytes of what calls have told.
    told: usize,
    /// Its bytes when they were added to those of all shards.
    pub(super) counted: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Shard {
            tree: Tree::default(),
            calls: Calls::default(),
            names: KnownNames::default(),
            sayings: Sayings::default(),
            sums: Arena::default(),
            remembered: Remembered::default(),
            traces: Arena::default(),
            by_id: HashTable::new(),
            oldest: NONE,
            newest: NONE,
            told: 0,
            counted: 0,
        }
    }
}

impl Shard {
    /// Bytes that its traces take.
    pub(super) fn bytes(&self) -> usize {
        self.tree.bytes()
            + self.calls.len() * CALL_BYTES
            + self.traces.len() * TRACE_BYTES
            + self.names.bytes()
            + self.sayings.bytes()
            + self.sums.len() * size_of::<Spent>()
            + self.told
    }

    /// Bytes of what is remembered of traces that have settled.
    pub(super) fn remembered_bytes(&self) -> usize {
        self.remembered.bytes()
    }

    /// Forgets traces that settled long ago, unless they are open again.
    pub(super) fn forget(&mut self, table: &OpenTraces, now: u64) {
        let Shard { remembered, by_id, traces, .. } = self;
        remembered.forget(now, |hash| {
            by_id.find(hash, |&index| table.hash_id(&traces[index].id) == hash).is_some()
        });
    }

    /// Open traces.
    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Spans of open traces, those included that are only known as parents.
    pub(super) fn spans(&self) -> usize {
        self.tree.len()
    }

    /// When the oldest trace was last seen.
    pub(super) fn oldest(&self) -> Option<u64> {
        Some(self.traces.get(self.oldest)?.last_seen)
    }

    /// Adds a span with what it says of dimensions, and its call if it is one; gives the node of a call or an agent.
    pub(super) fn add(
        &mut self,
        table: &OpenTraces,
        now: u64,
        note: &SpanNote,
        saying: &[u8],
        facts: impl FnOnce(u32) -> Facts,
        tell: impl Fn(u32) -> Told,
    ) -> u32 {
        // Here, and not where they are needed: to move what was just written in pieces is to wait for it.
        let facts = match note.call {
            Some(number) => facts(number),
            None => Facts::NOTHING,
        };
        let index = self.touch(table, note.ids.trace, now);
        let trace = &mut self.traces[index];
        let said = self.sayings.keep(&mut trace.first_said, saying);
        if note.ids.parent == [0; 8] {
            trace.has_roots |= trace.root != [0; 8] && trace.root != note.ids.span;
            if trace.root == [0; 8] || note.ids.span < trace.root {
                (trace.root, trace.root_said) = (note.ids.span, said);
            }
        }
        if note.call.is_none() && !note.is_agent {
            self.tree.note(&mut trace.first_note, note.ids.span, note.ids.parent, said);
            return NONE;
        }
        let node = self.tree.add(index, &mut trace.first_node, note.ids.span, note.ids.parent);
        self.tree.say(node, said, note.is_agent, &self.sayings);
        let Some(number) = note.call else { return node };
        if self.tree.node(node).call != NONE {
            return node;
        }
        let mut call = OpenCall::new(note.ids.span, facts, node, trace.first_call);
        call.said = said;
        if facts.names_a_model() {
            self.names.hold(facts.names, || tell(number).names());
        }
        if facts.tells_usage() && (facts.role == Role::Container || !facts.names_a_model()) {
            let told = tell(number);
            self.told += told.bytes();
            call.told = Some(Box::new(told));
        }
        let call = self.calls.insert(call);
        trace.first_call = call;
        self.tree.set_call(node, call);
        node
    }

    /// The verdict on a call whose node is known; it may then be [waiting](Judgement) to be seen. `None`: its trace is open no
    /// more.
    pub(super) fn verdict(
        &mut self,
        table: &OpenTraces,
        now: u64,
        node: u32,
        note: &SpanNote,
        facts: impl FnOnce() -> Facts,
        judgement: &mut Judgement,
    ) -> Option<Judged> {
        let number = note.call?;
        let found = self.tree.get(node, &note.ids.span)?;
        let (call, trace) = (found.call, found.trace);
        if call == NONE || self.traces.get(trace)?.id != note.ids.trace {
            return None;
        }
        self.relate(trace);
        let known = &self.calls[call].facts;
        if known.role == Role::Call
            && !known.names_a_model()
            && let Some(namer) =
                self.tree.calls_above(node).find(|&above| self.calls[above].facts.names_a_model())
        {
            let hash = self.calls[namer].facts.names;
            if let Some(names) = self.names.get(hash) {
                judgement.lent.push((number, Arc::clone(names)));
                self.calls[call].lent = hash;
            }
        }
        // The same span once more: it is what it was. Unless it tells something else; then it is booked by
        // itself, for nothing says which of the two is right.
        if let Some(verdict) = self.calls[call].forwarded {
            let again = self.calls[call].facts == facts();
            if again && let Some(values) = self.resolve(trace, call) {
                judgement.brought.push((number, values));
            }
            judgement.repeated.push(number);
            return Some(Judged { verdict, open: false, again });
        }
        if let Some(values) = self.resolve(trace, call) {
            judgement.brought.push((number, values));
        }
        let before = || self.remembered.get(table.hash_id(&note.ids.trace));
        let mut verdict = trace::judge(&mut self.calls, &self.tree, call, before);
        if let Some(sight) = self.can_wait(table, number, note, call) {
            self.calls[call].sightings[sight.nth] = sight.key;
            judgement.waiting.push(sight);
        } else if let Some(before) = self.see(table, now, note, call)
            && !(before.trace == note.ids.trace && self.is_of_chain(trace, before.span, call))
        {
            verdict = Verdict::Duplicate { of: before.span_told() };
        }
        self.calls[call].forwarded = Some(verdict);
        Some(Judged { verdict, open: true, again: false })
    }

    /// Puts all spans of a trace into the tree: a call among them wants to know what is above and below.
    fn relate(&mut self, trace: u32) {
        let Trace { first_note, first_node, .. } = &mut self.traces[trace];
        self.tree.relate(trace, first_note, first_node, &self.sayings);
    }

    /// Gives back what has been empty since there was more: what spans took may be needed for calls.
    pub(super) fn shrink(&mut self) {
        self.tree.shrink();
        self.calls.shrink();
        self.sayings.shrink();
        self.sums.shrink();
        self.traces.shrink();
    }

    /// Settles the trace that has been idle for longest.
    pub(super) fn settle_oldest(&mut self, table: &OpenTraces, settled: &mut Vec<Settled>) {
        self.settle(table, self.oldest, settled);
    }

    /// Settles a trace, if it is open.
    pub(super) fn settle_one(&mut self, table: &OpenTraces, id: &[u8; 16], settled: &mut Vec<Settled>) {
        if let Some(index) = self.find(table, id) {
            self.settle(table, index, settled);
        }
    }

    fn settle(&mut self, table: &OpenTraces, index: u32, settled: &mut Vec<Settled>) {
        self.unlink(index);
        let first_call = self.traces[index].first_call;
        if first_call != NONE {
            self.relate(index);
        }
        let trace = self.traces.remove(index);
        let hash = table.hash_id(&trace.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |&known| known == index) {
            entry.remove();
        }
        if trace.first_call != NONE {
            let before = self.remembered.get(hash);
            let ending = Ending {
                id: trace.id,
                index,
                first_node: trace.first_node,
                first_call: trace.first_call,
                tree: &self.tree,
                calls: &mut self.calls,
                names: &self.names,
                sightings: &table.sightings,
                sayings: &self.sayings,
                root_said: trace.above_all(),
                rebuilt: trace.rebuilt,
                before,
            };
            let again = before.is_some_and(|before| before.is_action);
            let told = |calls: &Calls, at: u32| calls[at].told.as_ref().map_or(0, |told| told.bytes());
            let mut at = trace.first_call;
            while at != NONE {
                self.told -= told(ending.calls, at);
                at = ending.calls[at].next_in_trace;
            }
            let End { changes, unassigned, before } = ending.settle();
            table.count_unassigned(unassigned);
            if before.is_action || before.tokens != [0, 0] {
                self.remembered.put(hash, before, table.remembered_bytes());
            }
            let mut at = trace.first_call;
            while at != NONE {
                let call = self.calls.remove(at);
                if call.facts.names_a_model() {
                    self.names.release(call.facts.names);
                }
                at = call.next_in_trace;
            }
            let action = sayings::action(self.sayings.get(trace.root_said)).into();
            settled.push(Settled { trace: trace.id, again, changes, root: trace.root, action });
        }
        if trace.sum != NONE {
            self.sums.remove(trace.sum);
        }
        self.sayings.remove(trace.first_said);
        self.tree.remove(trace.first_node, trace.first_note);
    }
}
