//! How calls are [seen](super::super::sightings): at once, or together with others of their request.

use super::super::arena::NONE;
use super::super::chain::{self, OpenCall};
use super::super::sightings::{Report, Seen};
use super::super::waiting::Sight;
use super::super::{OpenTraces, Verdict};
use super::Shard;
use crate::genai::call::Role;
use crate::genai::found::SpanNote;

impl Shard {
    /// A call that no ancestry relates to another one, and that can be seen in one way only: it does not matter when.
    pub(super) fn can_wait(
        &self,
        table: &OpenTraces,
        number: u32,
        note: &SpanNote,
        call: u32,
    ) -> Option<Sight> {
        let OpenCall { facts, node, .. } = &self.calls[call];
        let is_call = |above: u32| self.calls[above].facts.role == Role::Call;
        if !facts.can_be_seen() || !self.tree.is_leaf(*node) || self.tree.calls_above(*node).any(is_call) {
            return None;
        }
        let keys = table.sighting_keys(facts);
        let nth = keys.iter().position(|key| *key != 0).filter(|nth| keys[1 - nth] == 0)?;
        let report = Report::of(note.ids.trace, note.ids.span, facts);
        Some(Sight { call: number, nth, key: keys[nth], teller: facts.tellers()[nth], report })
    }

    /// A call that has waited was not the first of its key to be seen, or could not be; gives its verdict if that is another now.
    pub(in super::super) fn not_first(
        &mut self,
        node: u32,
        sight: &Sight,
        seen: Option<Seen>,
    ) -> Option<Verdict> {
        let found = self.tree.get(node, &sight.report.span)?;
        let (call, trace) = (found.call, found.trace);
        if call == NONE || self.traces.get(trace)?.id != sight.report.trace {
            return None;
        }
        self.calls[call].sightings[sight.nth] = seen.map_or(0, |seen| seen.key);
        let before = seen?.before?;
        if before.trace == sight.report.trace && self.is_of_chain(trace, before.span, call) {
            return None;
        }
        let verdict = Verdict::Duplicate { of: before.span_told() };
        self.calls[call].forwarded = Some(verdict);
        Some(verdict)
    }

    /// Whether a span of the trace reports the same call along the same branch.
    pub(super) fn is_of_chain(&self, trace: u32, span: [u8; 8], call: u32) -> bool {
        let other = self.tree.find(trace, span).map_or(NONE, |node| node.call);
        other != NONE && chain::top(&self.calls, other) == chain::top(&self.calls, call)
    }

    /// Notes what a call has in common with reports of it that no ancestry relates; gives the one that counts instead.
    pub(super) fn see(&mut self, table: &OpenTraces, now: u64, note: &SpanNote, call: u32) -> Option<Report> {
        let facts = self.calls[call].facts;
        if !facts.can_be_seen() {
            return None;
        }
        let report = Report::of(note.ids.trace, note.ids.span, &facts);
        let keys = table.sighting_keys(&facts);
        let tellers = facts.tellers();
        let mut before = None;
        for nth in 0..keys.len() {
            if keys[nth] == 0 {
                continue;
            }
            // What a report of the same chain was seen as, this one is too: else two calls that look the same could be paired
            // crosswise.
            let of_chain = chain::downwards(&self.calls, chain::top(&self.calls, call)).find_map(|at| {
                let OpenCall { facts: known, sightings, .. } = &self.calls[at];
                let same = sightings[nth] != 0 && known.seen_as(nth) == facts.seen_as(nth);
                same.then_some(sightings[nth])
            });
            let again = of_chain.and_then(|seen| table.sightings.see_again(seen, tellers[nth], report));
            let seen = again.or_else(|| table.sightings.see(keys[nth], tellers[nth], report, now));
            if let Some(seen) = seen {
                self.calls[call].sightings[nth] = seen.key;
                before = before.or(seen.before);
            }
        }
        before
    }
}
