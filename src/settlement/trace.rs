//! Judges the calls of a trace.

use slab::Slab;

use super::tree::{NONE, Tree};
use super::{Facts, Verdict};
use crate::genai::call::Role;

/// Links of one chain that are followed: instrumentation, SDK, gateway, server are four.
const MAX_CHAIN: usize = 16;

/// A call of an open trace.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) span: [u8; 8],
    pub(super) facts: Facts,
    /// Its node in the tree.
    pub(super) node: u32,
    /// The next call of its trace.
    pub(super) next_in_trace: u32,
    /// The nearest report of the same call above it, and below it. One to one: two calls below one report
    /// are two calls, and only one of them is the reported one.
    above: u32,
    below: u32,
    /// The verdict with which it was forwarded; `None` until it is judged.
    pub(super) forwarded: Option<Verdict>,
}

impl OpenCall {
    pub(super) fn new(span: [u8; 8], facts: Facts, node: u32, next_in_trace: u32) -> Self {
        OpenCall { span, facts, node, next_in_trace, above: NONE, below: NONE, forwarded: None }
    }
}

/// The calls of all traces of a shard.
pub(super) type Calls = Slab<OpenCall>;

/// The verdict on a call with what is known now. What was forwarded as counting goes on to count.
pub(super) fn judge(calls: &mut Calls, tree: &Tree, index: u32) -> Verdict {
    link(calls, tree, index);
    let verdict =
        decide(calls, tree, index, |call| (call.forwarded == Some(Verdict::Counts), call.facts.richness));
    calls[index as usize].forwarded = Some(verdict);
    verdict
}

/// The verdict when the trace is complete: of several reports of one call the richest counts, and the one
/// that was forwarded as counting if they are equally rich.
pub(super) fn settle(calls: &Calls, tree: &Tree, index: u32) -> Verdict {
    decide(calls, tree, index, |call| (call.facts.richness, call.forwarded == Some(Verdict::Counts)))
}

/// Finds the reports of the same call next above and next below, among those that have none yet.
pub(super) fn link(calls: &mut Calls, tree: &Tree, index: u32) {
    let (node, facts) = (calls[index as usize].node, calls[index as usize].facts);
    if facts.role == Role::Container || facts.richness == 0 {
        return;
    }
    if calls[index as usize].above == NONE {
        let free = |&other: &u32| {
            let other = &calls[other as usize];
            other.below == NONE && other.facts.same_call(&facts)
        };
        if let Some(above) = tree.calls_above(node).find(free) {
            calls[index as usize].above = above;
            calls[above as usize].below = index;
        }
    }
    if calls[index as usize].below == NONE && !tree.is_leaf(node) {
        let free = |&other: &u32| {
            let other = &calls[other as usize];
            other.above == NONE && other.facts.same_call(&facts)
        };
        if let Some(below) = tree.calls_below(node).find(free) {
            calls[index as usize].below = below;
            calls[below as usize].above = index;
        }
    }
}

fn decide<K: Ord>(calls: &Calls, tree: &Tree, index: u32, weight: impl Fn(&OpenCall) -> K) -> Verdict {
    let call = &calls[index as usize];
    if call.facts.role == Role::Container {
        // Another container counts as well: whatever counts in the end, it is at or below that one.
        let used = |below: u32| calls[below as usize].facts.richness > 0;
        return if tree.calls_below(call.node).any(used) { Verdict::Aggregate } else { Verdict::Counts };
    }
    let mut top = index;
    for _ in 0..MAX_CHAIN {
        match calls[top as usize].above {
            NONE => break,
            above => top = above,
        }
    }
    // From the top down, so that of equals the lowest wins: it is the nearest to the wire.
    let mut best = top;
    let mut at = calls[top as usize].below;
    for _ in 0..MAX_CHAIN {
        if at == NONE {
            break;
        }
        if weight(&calls[at as usize]) >= weight(&calls[best as usize]) {
            best = at;
        }
        at = calls[at as usize].below;
    }
    if best == index { Verdict::Counts } else { Verdict::Duplicate { of: calls[best as usize].span } }
}
