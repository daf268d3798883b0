//! Judges a call when it is forwarded, by what is known then.

use smallvec::SmallVec;

use super::Verdict;
use super::arena::NONE;
use super::chain::{self, Calls, Match};
use super::remembered::Before;
use super::tree::Tree;
use crate::genai::call::Role;

/// Reports that may be of the same call, nearest first.
type Candidates = SmallVec<[(Match, u32); 8]>;

/// The verdict on a call with what is known now. What was forwarded as counting goes on to count.
/// `before` is what the trace has shown if it has settled before.
pub(super) fn judge(
    calls: &mut Calls,
    tree: &Tree,
    index: u32,
    before: impl FnOnce() -> Option<Before>,
) -> Verdict {
    if calls[index].facts.role == Role::Container {
        // Another container counts as well: whatever counts in the end, it is at or below that one.
        let used = |below: u32| calls[below].facts.tells_usage();
        let node = calls[index].node;
        let is_sum = tree.calls_below(node).any(used) || before().is_some_and(|it| it.may_be_of(tree, node));
        return if is_sum { Verdict::Aggregate } else { Verdict::Counts };
    }
    link(calls, tree, index);
    if (calls[index].above, calls[index].below) == (NONE, NONE) {
        return Verdict::Counts;
    }
    let best = chain::best(calls, index, |call| {
        let facts = &call.facts;
        (call.forwarded == Some(Verdict::Counts), facts.tells_usage(), facts.names_a_model(), facts.weight())
    });
    if best == index { Verdict::Counts } else { Verdict::Duplicate { of: calls[best].span_told() } }
}

/// Finds the reports of the same call next above and next below, among those that have none yet.
fn link(calls: &mut Calls, tree: &Tree, index: u32) {
    let node = calls[index].node;
    if tree.is_leaf(node) && tree.calls_above(node).next().is_none() {
        return;
    }
    let same = |calls: &Calls, other: u32| calls[other].facts.same_call(&calls[index].facts);
    let alike = |calls: &Calls, other| same(calls, other).map(|kind| (kind, other));
    let above: Candidates = tree.calls_above(node).filter_map(|other| alike(calls, other)).collect();
    let below: Candidates = match tree.is_leaf(node) {
        true => Candidates::new(),
        false => tree.calls_below(node).filter_map(|other| alike(calls, other)).collect(),
    };
    for kind in Match::ALL {
        let mut above = above.iter().filter(|(found, _)| *found == kind);
        while calls[index].above == NONE
            && let Some((_, other)) = above.find(|(_, other)| calls[*other].below == NONE)
            && !chain::join(calls, *other, index)
        {}
        let mut below = below.iter().filter(|(found, _)| *found == kind);
        while calls[index].below == NONE
            && let Some((_, other)) = below.find(|(_, other)| calls[*other].above == NONE)
            && !chain::join(calls, index, *other)
        {}
    }
}
