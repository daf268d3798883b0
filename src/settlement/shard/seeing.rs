//! How calls are [seen](super::super::sightings).

use super::super::arena::NONE;
use super::super::chain::{self, OpenCall};
use super::super::open_traces::OpenTraces;
use super::super::sightings::Report;
use super::Shard;
use crate::genai::found::SpanNote;

impl Shard {
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
