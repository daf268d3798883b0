//! Counting each call once: which spans of a trace tell of the same call, and when that is final. Pure.
//!
//! A span is forwarded at once, with the [`Verdict`] of that moment. What its trace looks like in the end is
//! known only when nothing more comes: then the trace settles, and [`Settled`] says what has changed. The verdict at
//! forwarding may look at little; the one at settlement looks at all, and is the same whatever the order of arrival.
//!
//! [`tree`] keeps the spans of open traces and how they are related; [`trace`] judges a call when it is forwarded,
//! [`settle`] all calls of a trace in the end, [`residue`] says what agents' sums hold beyond the calls below them.
//! [`remembered`] keeps what agents that come later may sum up again;
//! [`sayings`] keeps what spans say of dimensions, [`sums`] what was spent below roots and agents.
//! [`sightings`] finds the reports of one call that no ancestry relates. [`OpenTraces`] shards it all by trace id, ages
//! it and keeps it within a budget.

mod arena;
mod chain;
mod judgement;
mod names;
mod open_traces;
mod remembered;
mod residue;
mod sayings;
mod settle;
mod shard;
mod sightings;
mod sums;
mod told;
mod trace;
mod tree;
mod waiting;

pub use chain::PARTS;
pub use judgement::Judgement;
pub use names::Names;
pub use open_traces::OpenTraces;
pub use sayings::{BASE, Values, put as put_saying, read as read_values};
pub use sightings::WINDOW;
pub use sums::{Spent, Sums};
pub use told::{Restated, Told};

use crate::genai::call::Role;
use crate::genai::usage::Bucket;

/// Whether a call's money counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Counts,
    /// Another report tells of the same call, and counts.
    Duplicate {
        /// Its span; mostly, but not always, one of the same trace. `None`: a log event, which has no id that anybody knows.
        of: Option<[u8; 8]>,
    },
    /// It is the sum of calls below it.
    Aggregate,
}

/// A verdict, and whether it may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict at this moment.
    pub verdict: Verdict,
    /// The trace is open: a [`Settled`] follows.
    pub open: bool,
    /// The same span was judged before: a sender that saw no answer sends again. It is booked already.
    pub again: bool,
}

impl Judged {
    /// For a call that belongs to no trace: nothing can change it.
    pub const ALONE: Judged = Judged { verdict: Verdict::Counts, open: false, again: false };
}

/// What judging needs to know of a call. Texts are hashes, zero where nothing was said: equality is all that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Call or container.
    pub role: Role,
    /// Hash of the instrumentation scope's name.
    pub scope: u64,
    /// Span kind.
    pub kind: u8,
    /// It is a log event's report, not a span's.
    pub is_event: bool,
    /// Hash of the response id.
    pub response_id: u64,
    /// Hash of the model asked for.
    pub asked: u64,
    /// Hash of the model that answered.
    pub served: u64,
    /// Hash of the provider.
    pub provider: u64,
    /// Hash of all [`Names`] together.
    pub names: u64,
    /// Hash of who sends: the service, and which instance of it.
    pub sender: u64,
    /// Hash of what a log event and the span of the same call have in common; zero where an instrumentation does not
    /// send both.
    pub event: u64,
    /// Input tokens of every kind.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// What is in the buckets of [`PARTS`].
    pub parts: [u32; PARTS.len()],
    /// How much its usage tells apart: of two reports the richer one counts. Zero: it told no usage.
    pub richness: u8,
}

impl Facts {
    /// Nothing is known.
    pub const NOTHING: Facts = Facts {
        role: Role::Call,
        scope: 0,
        kind: 0,
        is_event: false,
        response_id: 0,
        asked: 0,
        served: 0,
        provider: 0,
        names: 0,
        sender: 0,
        event: 0,
        input: 0,
        output: 0,
        parts: [0; PARTS.len()],
        richness: 0,
    };

    /// Whether a model is named.
    pub fn names_a_model(&self) -> bool {
        self.asked | self.served != 0
    }

    /// Output tokens without those of reasoning, as far as these are told.
    fn visible_output(&self) -> u64 {
        let reasoning = PARTS.iter().position(|part| *part == Bucket::Reasoning);
        self.output.saturating_sub(reasoning.map_or(0, |nth| self.parts[nth].into()))
    }

    /// Whether it tells usage.
    pub fn tells_usage(&self) -> bool {
        self.richness > 0
    }
}

/// What the table of open traces holds, and what it had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Open traces.
    pub traces: usize,
    /// Their spans, those included that are only known as parents.
    pub spans: usize,
    /// Bytes that all of it takes.
    pub bytes: usize,
    /// Traces that settled early, to make room.
    pub early: u64,
    /// Tokens of agents' sums that no call below them showed and that could be assigned to no model: they cost nothing.
    pub unassigned_tokens: u64,
    /// Reports of calls that could not be compared with those of other traces, for want of room.
    pub unseen: u64,
}

/// The end of a trace: every booking of it is confirmed, but for these.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The trace.
    pub trace: [u8; 16],
    /// Some of it has settled before, minutes ago at most: it is the same action.
    pub again: bool,
    /// What is not as it was when it was forwarded.
    pub changes: Vec<Change>,
    /// Its root span; zero: not known.
    pub root: [u8; 8],
    /// What the root calls the action; empty: not known.
    pub action: Box<[u8]>,
}

/// What the settlement of its trace changes of a span's booking.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The span.
    pub span: [u8; 8],
    /// The final verdict.
    pub verdict: Verdict,
    /// The money is another: this is what to price instead.
    pub restated: Option<Box<Restated>>,
    /// Its dimensions are others, or it is restated: what is known of them now, as [`read_values`] reads it.
    pub values: Option<Values>,
}
