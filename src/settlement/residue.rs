//! What agents' sums hold beyond the calls below them: calls that nobody else tells of.

use std::collections::BTreeMap;

use super::Facts;
use super::Verdict;
use super::arena::NONE;
use super::chain::{self, Calls, PARTS};
use super::remembered::Before;
use super::settle::Report;
use super::tree::Tree;
use crate::genai::call::Role;
use crate::genai::usage::{Bucket, Usage};

/// How many of [`PARTS`] are input; the others are output.
const INPUT_PARTS: usize = 4;

/// The part of a sum that counts.
pub(super) struct Residue {
    pub(super) usage: Usage,
    /// Hash of the names of the calls below, for a sum that names no model.
    pub(super) model: Option<u64>,
}

/// The residues of a trace.
#[derive(Default)]
pub(super) struct Residues {
    by_call: BTreeMap<u32, Residue>,
    /// Tokens that are of no one model.
    pub(super) unassigned: u64,
    /// Input and output tokens that all reports together have shown, each once, those of before included.
    pub(super) shown: [u64; 2],
}

/// Tokens: totals, and parts of them.
#[derive(Clone, Copy, Debug, Default)]
struct Tokens {
    input: u64,
    output: u64,
    parts: [u64; PARTS.len()],
}

impl Tokens {
    fn of(facts: &Facts) -> Self {
        Tokens { input: facts.input, output: facts.output, parts: facts.parts.map(u64::from) }
    }

    fn each(self, other: Tokens, of: fn(u64, u64) -> u64) -> Self {
        Tokens {
            input: of(self.input, other.input),
            output: of(self.output, other.output),
            parts: std::array::from_fn(|nth| of(self.parts[nth], other.parts[nth])),
        }
    }

    /// As usage. Parts that do not fit into their total are not told apart.
    fn usage(&self) -> Usage {
        let mut usage = Usage::NOTHING;
        let (input, output) = self.parts.split_at(INPUT_PARTS);
        let sides = [
            (Bucket::Input, self.input, input, &PARTS[..INPUT_PARTS]),
            (Bucket::Output, self.output, output, &PARTS[INPUT_PARTS..]),
        ];
        for (rest, total, parts, buckets) in sides {
            usage[rest] = total;
            if let Some(left) = total.checked_sub(parts.iter().sum()) {
                usage[rest] = left;
                for (bucket, part) in buckets.iter().zip(parts) {
                    usage[*bucket] = *part;
                }
            }
        }
        usage
    }
}

/// The model that all calls below a report have used.
#[derive(Clone, Copy, Debug, Default)]
enum Model {
    /// There are none.
    #[default]
    None,
    /// The names that all of them say; who says them, and all that it says.
    One { shared: [u64; 2], provider: Option<u64>, span: [u8; 8], names: u64 },
    /// Several, or one that nobody names.
    Several,
}

impl Model {
    fn of(facts: &Facts, span: [u8; 8]) -> Self {
        match facts.names_a_model() {
            false => Model::Several,
            true => Model::One {
                shared: [facts.asked, facts.served],
                provider: Some(facts.provider),
                span,
                names: facts.names,
            },
        }
    }

    fn and(self, other: Model) -> Model {
        match (self, other) {
            (Model::None, model) | (model, Model::None) => model,
            (
                Model::One { shared, provider, span, names },
                Model::One { shared: theirs, provider: their, span: second, names: others },
            ) => {
                let shared = shared.map(|name| if theirs.contains(&name) { name } else { 0 });
                // Which of them is asked for its names must not hang on the order of arrival.
                let (span, names) = (span, names).min((second, others));
                let provider = provider.filter(|provider| their == Some(*provider));
                match shared {
                    [0, 0] => Model::Several,
                    shared => Model::One { shared, provider, span, names },
                }
            }
            _ => Model::Several,
        }
    }

    /// Whose model a sum's residue has: its own, if the calls below have it too, or that of the calls, as a hash of
    /// their names. `None`: it can not be known.
    fn assign(self, sum: &Facts) -> Option<Option<u64>> {
        match self {
            Model::One { shared, .. } if sum.names_a_model() => {
                let own = |name: u64| name != 0 && shared.contains(&name);
                (own(sum.asked) || own(sum.served)).then_some(None)
            }
            Model::One { provider: Some(_), names, .. } => Some(Some(names)),
            _ => None,
        }
    }
}

/// What the spans below a report, and itself, have shown.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    tokens: Tokens,
    /// What of it was shown twice.
    twice: Tokens,
    model: Model,
}

impl Residues {
    /// The residues, from the leaves up, and with them the verdicts on containers. Each of `twins` is two calls of the
    /// trace, in different branches, which tell of one. `before` is what the trace had shown when it settled before: what of
    /// a sum may be of it is counted already, and of what model the rest is, nobody knows.
    pub(super) fn of(
        calls: &Calls,
        tree: &Tree,
        reports: &mut [Report],
        twins: &[(u32, u32)],
        before: Option<Before>,
    ) -> Self {
        let mut residues = Residues::default();
        let [input, output] = before.map_or([0; 2], |before| before.tokens);
        let mut still = Tokens { input, output, ..Tokens::default() };
        let mut all = Shown::default();
        // The shared ancestors of twins matter to containers only.
        let is_container = |report: &Report| calls[report.call].facts.role == Role::Container;
        let containers = reports.iter().any(is_container);
        let mut shown = vec![Shown::default(); if containers { reports.len() } else { 0 }];
        if !twins.is_empty() {
            let jumps = jumps(reports);
            for &(one, other) in twins {
                let [one, other] = [one, other].map(|call| chain::lowest(calls, call));
                let both = common(reports, &jumps, calls[one].report, calls[other].report);
                let best = reports[calls[one].report as usize].best;
                let tokens = Tokens::of(&calls[best].facts);
                let above = both.and_then(|both| shown.get_mut(both)).unwrap_or(&mut all);
                above.twice = above.twice.each(tokens, u64::saturating_add);
            }
        }
        for index in (0..reports.len()).rev() {
            let call = &calls[reports[index].call];
            let facts = &call.facts;
            let Shown { mut tokens, twice, mut model } = shown.get(index).copied().unwrap_or_default();
            if facts.role == Role::Call && call.below == NONE {
                // Wherever the call counts: it is shown here.
                let best = &calls[reports[index].best];
                if best.facts.tells_usage() {
                    let namer = reports.get(reports[best.report as usize].namer as usize);
                    let names = match namer {
                        Some(namer) if !best.facts.names_a_model() => &calls[namer.call].facts,
                        _ => &best.facts,
                    };
                    tokens = tokens.each(Tokens::of(&best.facts), u64::saturating_add);
                    model = model.and(Model::of(names, best.span));
                }
            }
            tokens = tokens.each(twice, u64::saturating_sub);
            if facts.role == Role::Container {
                let own = Tokens::of(facts);
                let late = before.is_some_and(|before| before.may_be_of(tree, call.node));
                reports[index].verdict = match model {
                    Model::None if !late => Verdict::Counts,
                    _ => Verdict::Aggregate,
                };
                if facts.tells_usage() {
                    let left = own.each(tokens, u64::saturating_sub);
                    match model {
                        _ if late => {
                            let rest = left.each(still, u64::saturating_sub);
                            still = still.each(left, u64::saturating_sub);
                            residues.unassigned += rest.input + rest.output;
                            model = model.and(Model::of(facts, call.span));
                        }
                        Model::None => model = Model::of(facts, call.span),
                        _ if left.input == 0 && left.output == 0 => {}
                        shown => match shown.assign(facts) {
                            Some(names) => {
                                reports[index].verdict = Verdict::Counts;
                                let residue = Residue { usage: left.usage(), model: names };
                                residues.by_call.insert(reports[index].call, residue);
                            }
                            None => residues.unassigned += left.input + left.output,
                        },
                    }
                    tokens = tokens.each(own, u64::max);
                }
            }
            let above = shown.get_mut(reports[index].parent as usize).unwrap_or(&mut all);
            above.tokens = above.tokens.each(tokens, u64::saturating_add);
            above.model = above.model.and(model);
        }
        // What late sums have shown of before is in both.
        let shown = all.tokens.each(all.twice, u64::saturating_sub).each(still, u64::saturating_add);
        residues.shown = [shown.input, shown.output];
        residues
    }

    /// The residue of a container, if it has one.
    pub(super) fn take(&mut self, call: u32) -> Option<Residue> {
        self.by_call.remove(&call)
    }
}

/// For each report one far above it, and how many are above it: by way of these an ancestor is found in so many steps as the
/// number of ancestors has digits. (Myers 1983, "An applicative random-access stack")
fn jumps(reports: &[Report]) -> Vec<(u32, u32)> {
    let mut jumps: Vec<(u32, u32)> = Vec::with_capacity(reports.len());
    for report in reports {
        let Some(&(first, level)) = jumps.get(report.parent as usize) else {
            jumps.push((NONE, 0));
            continue;
        };
        let far = jumps.get(first as usize).and_then(|&(second, middle)| {
            let top = jumps.get(second as usize)?.1;
            (level - middle == middle - top).then_some(second)
        });
        jumps.push((far.unwrap_or(report.parent), level + 1));
    }
    jumps
}

/// The lowest report that is at or above both.
fn common(reports: &[Report], jumps: &[(u32, u32)], one: u32, other: u32) -> Option<usize> {
    let holds = |at: u32| at <= other && reports.get(at as usize).is_none_or(|report| other < report.end);
    let mut at = one;
    while !holds(at) {
        let (jump, _) = *jumps.get(at as usize)?;
        at = if jump != NONE && !holds(jump) { jump } else { reports[at as usize].parent };
    }
    (at != NONE).then_some(at as usize)
}
