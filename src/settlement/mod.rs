//! Counting each call once: which spans of a trace tell of the same call, and when that is final. Pure.
//!
//! A span is forwarded at once, with the [`Verdict`] of that moment. What its trace looks like in the end is
//! known only when nothing more comes: then the trace settles, and [`Settled`] says what has changed.
//!
//! [`tree`] keeps the spans of open traces and how they are related; [`trace`] judges the calls among them;
//! [`OpenTraces`] shards both by trace id, ages them and keeps them within a budget.

mod open_traces;
mod trace;
mod tree;

pub use open_traces::{Judged, OpenTraces};

use crate::genai::call::Role;

/// Whether a call's money counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Counts,
    /// Another span of the trace tells of the same call, and counts.
    Duplicate {
        /// That span.
        of: [u8; 8],
    },
    /// It is the sum of calls below it.
    Aggregate,
}

/// What judging needs to know of a call. Texts are hashes: equality is all that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Call or container.
    pub role: Role,
    /// Hash of the instrumentation scope's name.
    pub scope: u64,
    /// Span kind.
    pub kind: u8,
    /// Hash of the response id; zero when there is none.
    pub response_id: u64,
    /// Hash of the model that answered.
    pub model: u64,
    /// Input tokens of every kind.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// How much its usage tells apart: of two reports the richer one counts. Zero: it told no usage.
    pub richness: u8,
}

impl Facts {
    /// Whether two spans, one above the other, tell of one call: different instrumentations (or the two
    /// ends of one request), and the same answer, by its id where both have it, else by model and usage.
    fn same_call(&self, other: &Facts) -> bool {
        let tellers_differ = self.scope != other.scope || self.kind != other.kind;
        let both = |facts: fn(&Facts) -> bool| facts(self) && facts(other);
        tellers_differ
            && both(|facts| facts.role == Role::Call && facts.richness > 0)
            && if both(|facts| facts.response_id != 0) {
                self.response_id == other.response_id
            } else {
                (self.model, self.input, self.output) == (other.model, other.input, other.output)
            }
    }
}

/// The end of a trace: every booking of it is confirmed, but for these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The trace.
    pub trace: [u8; 16],
    /// Spans whose verdict is another than when they were forwarded.
    pub changes: Vec<([u8; 8], Verdict)>,
}
