//! The verdicts on a trace when it settles: from all of its spans at once, so the same whatever the order in which they
//! came, in one pass from the roots down and one back.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::arena::NONE;
use super::chain::{self, Calls, Match};
use super::names::KnownNames;
use super::remembered::Before;
use super::residue::Residues;
use super::sayings::{self, Sayings, Values};
use super::sightings::{Report as Sighted, Sightings};
use super::told::Restated;
use super::tree::Tree;
use super::{Change, Verdict};
use crate::genai::call::Role;
use crate::genai::usage::Usage;

/// Reports above a call that are looked at for the one that tells of it too: more of them within each other, all calls and
/// none of them its own, are no honest trace.
const MAX_ABOVE: usize = 32;

/// A report in the tree of reports: spans that are none are left out.
#[derive(Debug)]
pub(super) struct Report {
    /// Index of its call.
    pub(super) call: u32,
    /// The nearest report above.
    pub(super) parent: u32,
    /// The first report behind those below it.
    pub(super) end: u32,
    /// Spans above it.
    depth: u32,
    /// The nearest call above, containers left out.
    caller: u32,
    /// The nearest report above that names a model.
    pub(super) namer: u32,
    /// The index of the call that is the best report of the same call.
    pub(super) best: u32,
    pub(super) verdict: Verdict,
}

/// A trace that settles.
pub(super) struct Ending<'s> {
    pub(super) id: [u8; 16],
    /// Its index, as nodes have it.
    pub(super) index: u32,
    pub(super) first_node: u32,
    pub(super) first_call: u32,
    pub(super) tree: &'s Tree,
    pub(super) calls: &'s mut Calls,
    pub(super) names: &'s KnownNames,
    pub(super) sightings: &'s Sightings,
    pub(super) sayings: &'s Sayings,
    /// What its root says of dimensions.
    pub(super) root_said: u32,
    /// What was forwarded of it is not known for sure: everything is said.
    pub(super) rebuilt: bool,
    /// What was shown of it when it settled before.
    pub(super) before: Option<Before>,
}

/// What the settlement of a trace says.
pub(super) struct End {
    /// What has changed since forwarding.
    pub(super) changes: Vec<Change>,
    /// Tokens that agents have summed up and that could be assigned to no model.
    pub(super) unassigned: u64,
    /// What has been shown of the trace by now.
    pub(super) before: Before,
}

impl Ending<'_> {
    /// The verdicts.
    pub(super) fn settle(mut self) -> End {
        let mut reports = self.reports();
        self.link(&reports);
        let mut twins = Vec::new();
        let is_top = |calls: &Calls, report: &Report| {
            let call = &calls[report.call];
            call.facts.role == Role::Call && call.above == NONE
        };
        let is_chain =
            |calls: &Calls, report: &Report| is_top(calls, report) && calls[report.call].below != NONE;
        let mut taken = BTreeSet::new();
        let mut crossed = false;
        for report in &reports {
            if is_chain(self.calls, report) {
                crossed |= self.uncross(report.call, &mut taken);
            }
        }
        if crossed {
            self.offer();
        }
        // Within the trace a chain competes with its best report, whichever of its reports was seen elsewhere.
        let mut chains: BTreeMap<u64, Sighted> = BTreeMap::new();
        for report in &reports {
            if is_chain(self.calls, report) {
                let (_, best) = self.best(&reports, report.call);
                for key in self.keys(report.call) {
                    let known = chains.entry(key).or_insert(best);
                    *known = if best.rank > known.rank { best } else { *known };
                }
            }
        }
        for top in 0..reports.len() {
            if is_top(self.calls, &reports[top]) {
                self.count_once(&mut reports, top, &chains, &mut twins);
            }
        }
        let mut residues = Residues::of(self.calls, self.tree, &mut reports, &twins, self.before);
        let mut changes = Vec::new();
        for report in &reports {
            let restated = match residues.take(report.call) {
                Some(residue) => self.restate(report.call, residue.usage, residue.model),
                None => self.name(report, &reports),
            };
            let call = &self.calls[report.call];
            let values = self.values(report.call, restated.is_some() || self.rebuilt);
            let is_other = call.forwarded.is_some_and(|forwarded| forwarded != report.verdict);
            if restated.is_some() || values.is_some() || is_other {
                changes.push(Change { span: call.span, verdict: report.verdict, restated, values });
            }
        }
        let is_action = self.before.is_some_and(|before| before.is_action)
            || reports.iter().any(|report| report.verdict == Verdict::Counts);
        let before = Before { tokens: residues.shown, top: self.top(&reports), is_action };
        End { changes, unassigned: residues.unassigned, before }
    }

    /// What is known of a call's dimensions in the end, if that is more than when it was forwarded, or `always`.
    fn values(&self, call: u32, always: bool) -> Option<Values> {
        let call = &self.calls[call];
        let above = self.tree.said_above(call.node).chain((self.root_said != NONE).then_some(self.root_said));
        let own = self.sayings.get(call.said);
        let values = sayings::resolve(own, above.map(|said| self.sayings.get(said)));
        let forwarded = self.sayings.get(call.resolved);
        if always || values.as_deref().unwrap_or_default() != forwarded {
            Some(values.unwrap_or_else(|| own.into()))
        } else {
            None
        }
    }

    /// The uppermost span that is known above all reports, those of before included; zero if there are several.
    fn top(&self, reports: &[Report]) -> [u8; 8] {
        let roots = reports.iter().filter(|report| report.parent == NONE);
        let now = roots.map(|report| self.tree.top(self.calls[report.call].node));
        let before = self.before.map(|before| self.tree.top_of(self.index, before.top));
        let several = |one: [u8; 8], other| if one == other { one } else { [0; 8] };
        now.chain(before).reduce(several).unwrap_or_default()
    }

    /// The trace's reports, each before those below it.
    fn reports(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        // One call needs no tree, and most traces with calls have one.
        if self.calls[self.first_call].next_in_trace == NONE {
            self.report(self.first_call, NONE, 0, &mut reports);
            return reports;
        }
        let mut open: SmallVec<[(u32, u32, u32); 32]> = SmallVec::new();
        let mut at = self.first_node;
        while at != NONE {
            let node = self.tree.node(at);
            if node.parent == NONE {
                open.push((at, NONE, 0));
            }
            at = node.next_in_trace;
        }
        while let Some((at, parent, depth)) = open.pop() {
            let node = self.tree.node(at);
            let parent = match node.call {
                NONE => parent,
                call => self.report(call, parent, depth, &mut reports),
            };
            let mut child = node.first_child;
            while child != NONE {
                open.push((child, parent, depth + 1));
                child = self.tree.node(child).next_sibling;
            }
        }
        // Spans that are above themselves hang on no root: what they report stands alone.
        let mut at = self.first_call;
        while at != NONE {
            if self.calls[at].report == NONE {
                self.report(at, NONE, 0, &mut reports);
            }
            at = self.calls[at].next_in_trace;
        }
        for index in (0..reports.len()).rev() {
            let Report { parent, end, .. } = reports[index];
            if parent != NONE {
                let parent = &mut reports[parent as usize];
                parent.end = parent.end.max(end);
            }
        }
        reports
    }

    fn report(&mut self, call: u32, parent: u32, depth: u32, reports: &mut Vec<Report>) -> u32 {
        let index = reports.len() as u32;
        let (mut caller, mut namer) = (NONE, NONE);
        if let Some(above) = reports.get(parent as usize) {
            let facts = &self.calls[above.call].facts;
            caller = if facts.role == Role::Call { parent } else { above.caller };
            namer = if facts.names_a_model() { parent } else { above.namer };
        }
        let open = &mut self.calls[call];
        (open.report, open.above, open.below) = (index, NONE, NONE);
        let verdict = Verdict::Counts;
        reports.push(Report { call, parent, end: index + 1, depth, caller, namer, best: call, verdict });
        index
    }

    /// Joins the reports of each call to chains: the surest matches first, from the roots down, of two that stand
    /// equally deep that with the smaller id.
    fn link(&mut self, reports: &[Report]) {
        let is_below = |report: &&Report| report.caller != NONE;
        let mut order: SmallVec<[&Report; 8]> = reports.iter().filter(is_below).collect();
        order.sort_unstable_by_key(|report| (report.depth, self.calls[report.call].span));
        for kind in Match::ALL {
            for report in &order {
                if self.calls[report.call].above != NONE {
                    continue;
                }
                let next = |&at: &u32| Some(reports[at as usize].caller).filter(|&at| at != NONE);
                let above = std::iter::successors(Some(report.caller), next);
                for other in above.take(MAX_ABOVE).map(|at| reports[at as usize].call) {
                    let facts = &self.calls[report.call].facts;
                    if self.calls[other].below == NONE
                        && self.calls[other].facts.same_call(facts) == Some(kind)
                        && chain::join(self.calls, other, report.call)
                    {
                        break;
                    }
                }
            }
        }
    }

    /// The report of a chain that counts, and how it competes with reports elsewhere.
    fn best(&self, reports: &[Report], top: u32) -> (u32, Sighted) {
        let named = |call: &chain::OpenCall| {
            call.facts.names_a_model() || reports[call.report as usize].namer != NONE
        };
        let weight = |call: &chain::OpenCall| (call.facts.tells_usage(), named(call), call.facts.weight());
        let best = chain::best(self.calls, top, weight);
        let call = &self.calls[best];
        (best, Sighted::of(self.id, call.span, &call.facts))
    }

    /// Of calls that look the same, reports may have been paired crosswise when it was not known yet who stands above whom.
    /// A chain is one call, so it stays with one sighting, if there is one that no chain has `taken` before.
    fn uncross(&mut self, top: u32, taken: &mut BTreeSet<u64>) -> bool {
        let members: SmallVec<[u32; 4]> = chain::downwards(self.calls, top).collect();
        let mut crossed = false;
        for (nth, first) in members.iter().flat_map(|&at| [(0, at), (1, at)]) {
            let what = self.calls[first].facts.seen_as(nth);
            let of_one = |at: u32| {
                let call = &self.calls[at];
                Some(call.sightings[nth]).filter(|key| *key != 0 && call.facts.seen_as(nth) == what)
            };
            let Some(key) = of_one(first) else { continue };
            let seen = || members.iter().filter_map(|&at| of_one(at));
            if seen().all(|other| other == key) {
                continue;
            }
            let ours = seen().find(|key| !taken.contains(key)).unwrap_or(key);
            taken.insert(ours);
            crossed = true;
            let leave: SmallVec<[u32; 4]> =
                members.iter().copied().filter(|&at| of_one(at).is_some_and(|key| key != ours)).collect();
            for at in leave {
                let call = &mut self.calls[at];
                self.sightings.leave(call.sightings[nth], self.id, call.span);
                call.sightings[nth] = 0;
            }
        }
        crossed
    }

    /// Lets each report of the trace compete anew as what it was seen.
    fn offer(&self) {
        let mut at = self.first_call;
        while at != NONE {
            let call = &self.calls[at];
            let report = Sighted::of(self.id, call.span, &call.facts);
            for key in call.sightings.into_iter().filter(|key| *key != 0) {
                self.sightings.offer(key, report);
            }
            at = call.next_in_trace;
        }
    }

    /// As what the reports of a chain were seen.
    fn keys(&self, top: u32) -> impl Iterator<Item = u64> + '_ {
        let seen = |at: u32| self.calls[at].sightings.into_iter().filter(|key| *key != 0);
        chain::downwards(self.calls, top).flat_map(seen)
    }

    /// Decides which report of a call counts: the richest that names a model, unless the call is told of elsewhere and
    /// counts there. If that is within this trace, both are `twins`.
    fn count_once(
        &self,
        reports: &mut [Report],
        top: usize,
        chains: &BTreeMap<u64, Sighted>,
        twins: &mut Vec<(u32, u32)>,
    ) {
        let calls = &*self.calls;
        let first = reports[top].call;
        let (best, ours) = self.best(reports, first);
        let mut lost = None;
        for key in self.keys(first) {
            let Some((mut winner, settled)) = self.sightings.best(key) else { continue };
            if winner.trace == self.id
                && !settled
                && let Some(chain) = chains.get(&key).filter(|chain| chain.rank > winner.rank)
            {
                winner = *chain;
            }
            let here = match winner.trace == self.id {
                true => {
                    self.tree.find(self.index, winner.span).map(|node| node.call).filter(|it| *it != NONE)
                }
                false => None,
            };
            if here.is_some_and(|call| chain::top(calls, call) == first) {
                continue;
            }
            if settled || winner.trace != self.id || here.is_some() {
                lost = Some((winner, settled));
                twins.extend(here.map(|call| (reports[top].call, call)));
                break;
            }
        }
        let (winner, settled) = lost.unwrap_or((ours, true));
        for key in self.keys(first) {
            self.sightings.settle(key, winner, settled);
        }
        for at in chain::downwards(calls, first) {
            let counts = lost.is_none() && at == best;
            let verdict =
                if counts { Verdict::Counts } else { Verdict::Duplicate { of: winner.span_told() } };
            let report = &mut reports[calls[at].report as usize];
            (report.best, report.verdict) = (best, verdict);
        }
    }

    /// A call that counts and names no model, with the model of the nearest report above that names one; nothing if it was
    /// forwarded so.
    fn name(&mut self, report: &Report, reports: &[Report]) -> Option<Box<Restated>> {
        if self.calls[report.call].facts.role != Role::Call
            || report.verdict != Verdict::Counts
            || report.namer == NONE
        {
            return None;
        }
        let call = &self.calls[report.call];
        let names = self.calls[reports[report.namer as usize].call].facts.names;
        if call.facts.names_a_model() || call.lent == names && !self.rebuilt {
            return None;
        }
        let usage = *call.told.as_ref()?.usage();
        self.restate(report.call, usage, Some(names))
    }

    fn restate(&mut self, call: u32, usage: Usage, model: Option<u64>) -> Option<Box<Restated>> {
        let names = model.and_then(|hash| self.names.get(hash)).cloned();
        let told = self.calls[call].told.take()?;
        Some(Box::new(Restated { told, names, usage }))
    }
}
