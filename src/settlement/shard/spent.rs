//! Whose the calls of open traces are, and what they have cost so far.

use super::super::arena::NONE;
use super::super::chain::OpenCall;
use super::super::open_traces::OpenTraces;
use super::super::sayings::{self, Values};
use super::super::sums::{self, Spent, Sums};
use super::{Shard, Trace};
use crate::genai::found::SpanNote;

impl Shard {
    /// What a call's dimensions are, with what is said above it by now. The root stands above everything, though spans between may
    /// never have come.
    pub(super) fn resolve(&mut self, trace: u32, call: u32) -> Option<Values> {
        let OpenCall { said, node, .. } = self.calls[call];
        let root = self.traces[trace].above_all();
        let above = self.tree.said_above(node).chain((root != NONE).then_some(root));
        let values = sayings::resolve(self.sayings.get(said), above.map(|said| self.sayings.get(said)))?;
        if self.calls[call].forwarded.is_none() {
            let first = &mut self.traces[trace].first_said;
            self.calls[call].resolved = self.sayings.keep(first, &values);
        }
        Some(values)
    }

    /// Notes what a call costs that counts.
    pub(in super::super) fn book(&mut self, call: u32, price: Option<i128>) {
        let call = &mut self.calls[call];
        call.price = price;
        let trace = &mut self.traces[self.tree.node(call.node).trace];
        if trace.sum == NONE {
            trace.sum = self.sums.insert(Spent::default());
        }
        self.sums[trace.sum].add(&call.facts, price);
    }

    /// The number of a node's call; [`NONE`]: it has none.
    pub(in super::super) fn call_of(&self, node: u32) -> u32 {
        if node == NONE { NONE } else { self.tree.node(node).call }
    }

    /// Whether the span's trace has calls, so that there may be sums for a root or an agent.
    pub(in super::super) fn has_calls(&self, table: &OpenTraces, trace: &[u8; 16]) -> bool {
        self.find(table, trace).is_some_and(|index| self.traces[index].first_call != NONE)
    }

    /// What was spent below a root or an agent, of which a node is known.
    pub(in super::super) fn sums(
        &mut self,
        table: &OpenTraces,
        note: &SpanNote,
        node: u32,
        left: &mut usize,
    ) -> Sums {
        let Some(index) = self.find(table, &note.ids.trace) else { return Sums::default() };
        self.relate(index);
        let Trace { sum, has_roots, .. } = self.traces[index];
        let spent = || if sum == NONE { Default::default() } else { self.sums[sum] };
        let is_node = self.tree.get(node, &note.ids.span).is_some_and(|found| found.trace == index);
        // Of several roots none has spent everything.
        let is_root = note.ids.parent == [0; 8] && !has_roots;
        Sums {
            trace: is_root.then(spent),
            agent: if note.is_agent && is_node {
                sums::below(&self.tree, &self.calls, node, left)
            } else {
                None
            },
        }
    }
}
