//! What should come out in the end, from all spans at once and the plain way: every question is answered by looking at
//! every span.

use std::collections::{BTreeMap, BTreeSet};

use pricetag::genai::call::Role;
use pricetag::settlement::{Facts, Verdict};

use super::{Span, id};

/// Input and output tokens.
pub(super) type Tokens = (u64, u64);

/// What becomes of a span: its verdict, and the tokens that are booked for it under which model.
pub(super) type Fate = (Verdict, Tokens, u64);

/// The tokens that were shown and which call's or agent's they are, the models that they may be of, and which span says so, with its model.
type Showing = (((bool, usize), u64, u64), BTreeSet<u64>, (u8, u64));

struct Whole<'s> {
    spans: &'s [Span],
    /// Reports of one call along one branch, the uppermost first.
    chains: Vec<Vec<usize>>,
}

/// The fates of all reports, and the tokens that are of no one model.
pub(super) fn fates(spans: &[Span]) -> (BTreeMap<u8, Fate>, u64) {
    let mut whole = Whole { spans, chains: Vec::new() };
    whole.chains = spans.iter().enumerate().filter(|(_, s)| is_call(s)).map(|(n, _)| vec![n]).collect();
    for reason in 0..3 {
        whole.join(reason);
    }
    let mut unassigned = 0;
    let mut fates: BTreeMap<u8, Fate> = BTreeMap::new();
    for chain in &whole.chains {
        let best = whole.best(chain);
        let winner = whole.winner(chain).unwrap_or(best);
        for &at in chain {
            let verdict = match at == winner {
                true => Verdict::Counts,
                false => Verdict::Duplicate { of: Some(id(spans[winner].id)) },
            };
            let facts = spans[at].facts.unwrap();
            fates.insert(spans[at].id, (verdict, (facts.input, facts.output), whole.model(at)));
        }
    }
    for (at, span) in spans.iter().enumerate() {
        if let Some(facts) = span.facts.filter(|facts| facts.role == Role::Container) {
            let (fate, lost) = whole.container(at, &facts);
            fates.insert(span.id, fate);
            unassigned += lost;
        }
    }
    (fates, unassigned)
}

fn is_call(span: &Span) -> bool {
    span.facts.is_some_and(|facts| facts.role == Role::Call)
}

fn is_rich(span: &Span) -> bool {
    span.facts.is_some_and(|facts| facts.richness > 0)
}

fn names(facts: &Facts) -> BTreeSet<u64> {
    [facts.asked, facts.served].into_iter().filter(|name| *name != 0).collect()
}

/// Why two reports may be of one call: 0 by their id, 1 by model and usage, 2 for one says nothing.
fn reason(one: &Facts, other: &Facts) -> Option<u8> {
    let (ours, theirs) = (names(one), names(other));
    let models = ours.is_empty() || theirs.is_empty() || !ours.is_disjoint(&theirs);
    let one_teller = (one.scope, one.kind) == (other.scope, other.kind);
    match (one.response_id, other.response_id) {
        _ if one_teller && (one.richness > 0) == (other.richness > 0) => None,
        (one, other) if one != 0 && other != 0 => (one == other).then_some(0),
        _ if !models => None,
        _ if one.richness == 0 || other.richness == 0 => Some(2),
        _ => ((one.input, one.output) == (other.input, other.output)).then_some(1),
    }
}

impl Whole<'_> {
    /// The spans above one, nearest first.
    fn above(&self, at: usize) -> Vec<usize> {
        let parent = |&at: &usize| {
            let Span { trace, parent, .. } = self.spans[at];
            self.spans.iter().position(|span| (span.trace, span.id) == (trace, parent))
        };
        std::iter::successors(parent(&at), parent).collect()
    }

    fn join(&mut self, why: u8) {
        let mut order: Vec<usize> = self.chains.iter().flatten().copied().collect();
        order.sort_by_key(|&at| (self.above(at).len(), id(self.spans[at].id)));
        for at in order {
            let facts = |at: usize| self.spans[at].facts.unwrap();
            let Some(lower) = self.chains.iter().position(|chain| chain[0] == at) else { continue };
            let upper = self.above(at).into_iter().find_map(|above| {
                let upper = self.chains.iter().position(|chain| chain[chain.len() - 1] == above)?;
                let agree = |one: &usize| {
                    self.chains[lower].iter().all(|other| reason(&facts(*one), &facts(*other)).is_some())
                };
                let fits =
                    reason(&facts(above), &facts(at)) == Some(why) && self.chains[upper].iter().all(agree);
                fits.then_some(upper)
            });
            if let Some(upper) = upper {
                let below = std::mem::take(&mut self.chains[lower]);
                self.chains[upper].extend(below);
                self.chains.remove(lower);
            }
        }
    }

    /// The model that a report is booked with: its own, or that of the nearest span above that names one.
    fn model(&self, at: usize) -> u64 {
        let own =
            |at: usize| self.spans[at].facts.map_or(0, |f| if f.served == 0 { f.asked } else { f.served });
        std::iter::once(at).chain(self.above(at)).map(own).find(|model| *model != 0).unwrap_or(0)
    }

    fn best(&self, chain: &[usize]) -> usize {
        let weight = |&&at: &&usize| {
            let facts = self.spans[at].facts.unwrap();
            (facts.richness > 0, self.model(at) != 0, facts.richness)
        };
        *chain.iter().max_by_key(weight).unwrap()
    }

    /// What two reports have in common that no ancestry relates.
    fn key(&self, at: usize) -> Option<(u64, u64, Tokens)> {
        let facts = self.spans[at].facts.filter(|facts| facts.response_id != 0 && facts.richness > 0)?;
        let model = if facts.served == 0 { facts.asked } else { facts.served };
        Some((facts.response_id, model, (facts.input, facts.output)))
    }

    /// The report in another chain that counts instead of this one's.
    fn winner(&self, chain: &[usize]) -> Option<usize> {
        let calls = || (0..self.spans.len()).filter(|&at| is_call(&self.spans[at]));
        chain.iter().filter_map(|&at| self.key(at)).find_map(|key| {
            let richness = |at: usize| self.spans[at].facts.unwrap().richness;
            let has_key = |at: usize| self.key(at) == Some(key);
            let richest = calls().filter(|&at| has_key(at)).max_by_key(|&at| richness(at))?;
            // Within its trace a chain competes with its best report.
            let trace = self.spans[richest].trace;
            let here = self.chains.iter().filter(|chain| self.spans[chain[0]].trace == trace);
            let told = here.filter(|chain| chain.iter().any(|&at| has_key(at)));
            let value = |chain: &&Vec<usize>| {
                let own = chain.iter().filter(|&&at| has_key(at)).map(|&at| richness(at)).max();
                own.max(Some(richness(self.best(chain))))
            };
            let winner = told.max_by_key(value)?;
            (winner != chain).then(|| self.best(winner))
        })
    }

    fn is_below(&self, at: usize, above: usize) -> bool {
        self.above(at).contains(&above)
    }

    /// The distinct calls and the residues of agents that stand below an agent, with the models that they may be of.
    fn shown(&self, above: usize) -> BTreeMap<(bool, usize), Showing> {
        let mut shown = BTreeMap::new();
        for (nth, chain) in self.chains.iter().enumerate() {
            let best = self.best(chain);
            if is_rich(&self.spans[best]) && chain.iter().any(|&at| self.is_below(at, above)) {
                let facts = self.spans[best].facts.unwrap();
                let namer = std::iter::once(best).chain(self.above(best));
                let names = namer.filter_map(|at| self.spans[at].facts).map(|facts| names(&facts));
                let names = names.into_iter().find(|names| !names.is_empty()).unwrap_or_default();
                let says = (self.spans[best].id, self.model(best));
                let winner = self.winner(chain).unwrap_or(best);
                let call = self.chains.iter().position(|chain| chain.contains(&winner)).unwrap();
                shown.insert((false, nth), (((false, call), facts.input, facts.output), names, says));
            }
        }
        for (at, span) in self.spans.iter().enumerate() {
            if let Some(facts) =
                span.facts.filter(|facts| facts.role == Role::Container && facts.richness > 0)
                && self.is_below(at, above)
            {
                let below = self.shown(at);
                // What is left of it is of the model of what is below it, or cannot be assigned, and stands there.
                let own = (span.id, self.model(at));
                let says = below.values().map(|(.., says)| *says).min().unwrap_or(own);
                let shared = if below.is_empty() { names(&facts) } else { shared(&below) };
                let (input, output) = self.left(at, &facts);
                shown.insert((true, at), (((true, at), input, output), shared, says));
            }
        }
        shown
    }

    fn left(&self, at: usize, facts: &Facts) -> Tokens {
        let below = self.shown(at);
        // One call may be shown in several branches.
        let once: BTreeMap<_, _> =
            below.values().map(|((of, input, output), ..)| (of, (input, output))).collect();
        let (input, output) = once.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        (facts.input.saturating_sub(input), facts.output.saturating_sub(output))
    }

    fn container(&self, at: usize, facts: &Facts) -> (Fate, u64) {
        let below = self.shown(at);
        let own = if facts.served == 0 { facts.asked } else { facts.served };
        let all = (facts.input, facts.output);
        if below.is_empty() {
            return ((Verdict::Counts, all, own), 0);
        }
        let left = self.left(at, facts);
        if facts.richness == 0 || left == (0, 0) {
            return ((Verdict::Aggregate, all, own), 0);
        }
        let shared = shared(&below);
        let model = match names(facts) {
            names if names.is_empty() => {
                shared.first().and_then(|_| Some(below.values().map(|it| it.2).min()?.1))
            }
            names => names.intersection(&shared).next().map(|_| own),
        };
        match model {
            Some(model) => ((Verdict::Counts, left, model), 0),
            None => ((Verdict::Aggregate, all, own), left.0 + left.1),
        }
    }
}

/// The names that all of them say.
fn shared(below: &BTreeMap<(bool, usize), Showing>) -> BTreeSet<u64> {
    let mut all = below.values().map(|(_, names, _)| names.clone());
    let first = all.next().unwrap_or_default();
    all.fold(first, |shared, names| shared.intersection(&names).copied().collect())
}
