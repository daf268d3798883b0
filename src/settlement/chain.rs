//! Reports of one call along one branch of a trace: an instrumentation, the SDK below it, the gateway below that.

use super::arena::{Arena, NONE, Slot};
use super::told::Told;
use super::{Facts, Verdict};
use crate::genai::call::Role;
use crate::genai::usage::Bucket;

/// The buckets that are kept of each call beside its totals, so that what an agent's sum holds beyond its calls
/// gets the right rates. The others are too rare to be kept for every call.
pub const PARTS: [Bucket; 6] = [
    Bucket::CacheRead,
    Bucket::CacheWrite,
    Bucket::CacheWrite1h,
    Bucket::InputAudio,
    Bucket::Reasoning,
    Bucket::OutputAudio,
];

/// The longest chain: instrumentation, SDK, gateway, server are four. What is longer is no honest trace.
const MAX_CHAIN: usize = 16;

/// A report of an open trace: a call or a container.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) span: [u8; 8],
    pub(super) facts: Facts,
    /// Its node in the tree.
    pub(super) node: u32,
    /// Its place among the reports of its trace, while that settles.
    pub(super) report: u32,
    /// The next call of its trace.
    pub(super) next_in_trace: u32,
    /// The nearest report of the same call above it, and below it. One to one: two calls below one report
    /// are two calls, and only one of them is the reported one.
    pub(super) above: u32,
    pub(super) below: u32,
    /// The verdict with which it was forwarded; `None` until it is judged.
    pub(super) forwarded: Option<Verdict>,
    /// The names that it was lent when it was forwarded; zero: none.
    pub(super) lent: u64,
    /// Its sightings: by response id, and as what a log event tells too. Zero: none.
    pub(super) sightings: [u64; 2],
    /// Index of what it says of dimensions, and of what they were when it was forwarded if spans above it said more.
    pub(super) said: u32,
    pub(super) resolved: u32,
    /// Its price in picodollars, once it has one.
    pub(super) price: Option<i128>,
    /// What it told, if its money may have to be worked out anew.
    pub(super) told: Option<Box<Told>>,
}

impl OpenCall {
    pub(super) fn new(span: [u8; 8], facts: Facts, node: u32, next_in_trace: u32) -> Self {
        let (forwarded, lent, sightings, told) = (None, 0, [0; 2], None);
        OpenCall {
            span,
            facts,
            node,
            report: NONE,
            next_in_trace,
            above: NONE,
            below: NONE,
            forwarded,
            lent,
            sightings,
            said: NONE,
            resolved: NONE,
            price: None,
            told,
        }
    }

    /// The span that reports, as others may name it: a log event has none.
    pub(super) fn span_told(&self) -> Option<[u8; 8]> {
        (!self.facts.is_event).then_some(self.span)
    }
}

impl Slot for OpenCall {
    fn vacant() -> Self {
        OpenCall::new([0; 8], Facts::NOTHING, NONE, NONE)
    }
}

/// The reports of all traces of a shard.
pub(super) type Calls = Arena<OpenCall>;

/// Why two reports, one above the other, are of one call; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// The same response id.
    Id,
    /// The same usage, and models that may be one.
    Usage,
    /// One tells no usage at all, and the models may be one.
    Silence,
}

impl Match {
    pub(super) const ALL: [Match; 3] = [Match::Id, Match::Usage, Match::Silence];
}

impl Facts {
    /// Whether two spans, one above the other, may tell of one call, and why: they come from different
    /// instrumentations or are the two ends of one request, and nothing that both say contradicts it. Of one
    /// instrumentation only a span that tells no usage and one that does (Vercel's two for each embedding).
    pub(super) fn same_call(&self, other: &Facts) -> Option<Match> {
        let both = |holds: fn(&Facts) -> bool| holds(self) && holds(other);
        let one_teller = self.told_by() == other.told_by() && self.tells_usage() == other.tells_usage();
        if !both(|facts| facts.role == Role::Call) || one_teller {
            return None;
        }
        if both(|facts| facts.response_id != 0) {
            return (self.response_id == other.response_id).then_some(Match::Id);
        }
        if !self.may_be_of_one_model(other) {
            return None;
        }
        if !both(Facts::tells_usage) {
            return Some(Match::Silence);
        }
        ((self.input, self.output) == (other.input, other.output)).then_some(Match::Usage)
    }

    /// Some say only what was asked for, some only who answered, some neither.
    fn may_be_of_one_model(&self, other: &Facts) -> bool {
        let says = |name: u64| name != 0 && (name == other.asked || name == other.served);
        !self.names_a_model() || !other.names_a_model() || says(self.asked) || says(self.served)
    }

    fn told_by(&self) -> (u64, u8, bool) {
        (self.scope, self.kind, self.is_event)
    }

    /// Whether sightings are told of it.
    pub(super) fn can_be_seen(&self) -> bool {
        self.role == Role::Call && self.tells_usage()
    }

    /// Who tells, as the sightings of each kind know it. Never zero.
    pub(super) fn tellers(&self) -> [u32; 2] {
        let instrumentation = (self.scope ^ self.scope >> 32) as u32 ^ u32::from(self.kind) << 24;
        [instrumentation.max(1), 1 + u32::from(self.is_event)]
    }

    /// The better report of two counts. A log event gives way to a span that tells as much.
    pub(super) fn weight(&self) -> u16 {
        u16::from(self.richness) << 1 | u16::from(!self.is_event)
    }

    /// What reports of one call have in common that no ancestry relates: the sender, the response id, the model and the
    /// usage; second, what a log event and a span have, of which only one may tell the reasoning beside the output (Gemini CLI's).
    pub(super) fn seen_as(&self, nth: usize) -> [u64; 5] {
        let model = if self.served == 0 { self.asked } else { self.served };
        match nth {
            0 => [self.sender, self.response_id, model, self.input, self.output],
            _ => [self.event, self.input, self.visible_output(), 0, 0],
        }
    }

    /// [`weight`](Self::weight) where the order of arrival is all that could decide between two: by content, so that as much counts in every
    /// order. Of two that rank the same it does not matter for the money. Nothing in it may differ from process to process.
    pub(super) fn rank(&self) -> u64 {
        let names = [self.asked, self.served, self.provider].iter().filter(|name| **name != 0).count() as u64;
        let sum: u64 = self.parts.iter().map(|part| u64::from(*part)).sum();
        // 45 bits: which parts they are.
        let mix = |mixed: u64, part: &u32| {
            (mixed ^ u64::from(*part)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
        };
        let parts = if sum == 0 { 0 } else { self.parts.iter().fold(sum, mix) >> 19 };
        u64::from(self.weight()) << 47 | names << 45 | parts
    }
}

/// The uppermost report of a chain.
pub(super) fn top(calls: &Calls, mut index: u32) -> u32 {
    for _ in 0..MAX_CHAIN {
        match calls[index].above {
            NONE => break,
            above => index = above,
        }
    }
    index
}

/// The lowest report of a chain.
pub(super) fn lowest(calls: &Calls, index: u32) -> u32 {
    downwards(calls, index).last().unwrap_or(index)
}

/// The reports from one downwards.
pub(super) fn downwards(calls: &Calls, index: u32) -> impl Iterator<Item = u32> + '_ {
    let next = |&at: &u32| Some(calls[at].below).filter(|below| *below != NONE);
    std::iter::successors(Some(index), next).take(MAX_CHAIN)
}

/// Joins two chains, the lower end of one to the upper end of the other, if every report of the one may be of the same
/// call as every report of the other.
pub(super) fn join(calls: &mut Calls, above: u32, below: u32) -> bool {
    let upper = || downwards(calls, top(calls, above));
    let agree = upper().all(|one| {
        downwards(calls, below).all(|other| calls[one].facts.same_call(&calls[other].facts).is_some())
    });
    if !agree || upper().count() + downwards(calls, below).count() > MAX_CHAIN {
        return false;
    }
    calls[above].below = below;
    calls[below].above = above;
    true
}

/// The report of a chain that counts: the one that weighs most. Of equals the lowest: it is the nearest to the wire.
pub(super) fn best<K: Ord>(calls: &Calls, index: u32, weight: impl Fn(&OpenCall) -> K) -> u32 {
    let heaviest = downwards(calls, top(calls, index)).max_by_key(|&at| weight(&calls[at]));
    heaviest.unwrap_or(index)
}
