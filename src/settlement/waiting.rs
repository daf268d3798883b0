//! Calls of a request that are judged but not [seen](super::sightings) yet. Those of one shard of sightings are seen
//! together: to lock and to unlock one for each call would take as long as all else that judging does.

use super::sightings::{Report, SHARDS, Seen};

/// A call that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Its number in the request.
    pub(super) call: u32,
    /// Which of its keys it is.
    pub(super) nth: usize,
    pub(super) key: u64,
    pub(super) teller: u32,
    pub(super) report: Report,
}

/// The calls that wait, in the order in which they were judged. Keeps its allocations from one request to the next.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) by_shard: [Vec<Sight>; SHARDS],
    /// Those that were not the first of their keys to be seen.
    pub(super) not_first: Vec<(Sight, Option<Seen>)>,
}

impl Waiting {
    pub(super) fn push(&mut self, sight: Sight) {
        self.by_shard[super::sightings::shard_of(sight.key)].push(sight);
    }
}
