//! What is known of the calls of one request.

use std::sync::Arc;

use super::arena::NONE;
use super::names::Names;
use super::waiting::Waiting;
use super::{Judged, Values};

/// What is known of the calls of a request. Keeps its allocations from one to the next.
#[derive(Debug, Default)]
pub struct Judgement {
    /// The verdict on each call.
    pub verdicts: Vec<Judged>,
    /// Calls that name no model, and the names that a span above them says.
    pub lent: Vec<(u32, Arc<Names>)>,
    /// Calls of which spans above them say dimensions, and all that is known of these.
    pub brought: Vec<(u32, Values)>,
    /// Each call's place: shard and number; [`NONE`]: it has none.
    pub(super) places: Vec<(u8, u32)>,
    /// Calls whose span stands in the request, or in the table, already.
    pub(super) repeated: Vec<u32>,
    /// Roots and agents of traces with calls: which of the request's groups, and its node.
    pub(super) groups: Vec<(u32, u32)>,
    pub(super) saying: Vec<u8>,
    pub(super) waiting: Waiting,
}

impl Judgement {
    /// Nothing is known yet of so many calls.
    pub fn reset(&mut self, calls: usize) {
        self.lent.clear();
        self.brought.clear();
        self.groups.clear();
        self.repeated.clear();
        self.places.clear();
        self.places.resize(calls, (0, NONE));
        self.verdicts.clear();
        self.verdicts.resize(calls, Judged::ALONE);
    }
}
