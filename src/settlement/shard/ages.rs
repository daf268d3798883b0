//! The traces of a shard in the order in which they settle.

use super::super::arena::NONE;
use super::super::open_traces::OpenTraces;
use super::{SECOND, Shard, Trace};

/// A trace of which spans have come for so long settles though more of them come: what it needs of the queue is let go. Nanoseconds.
const OLDEST: u64 = 3600 * SECOND;

impl Shard {
    pub(super) fn find(&self, table: &OpenTraces, id: &[u8; 16]) -> Option<u32> {
        if self.traces.get(self.newest).is_some_and(|newest| newest.id == *id) {
            return Some(self.newest);
        }
        let hash = table.hash_id(id);
        self.by_id.find(hash, |&index| self.traces[index].id == *id).copied()
    }

    /// The index of a trace of which a span has come, as the newest of all unless it is too old for that.
    pub(super) fn touch(&mut self, table: &OpenTraces, id: [u8; 16], now: u64) -> u32 {
        let index = match self.find(table, &id) {
            Some(index) => {
                let trace = &mut self.traces[index];
                trace.rebuilt |= table.is_rebuilding();
                if now.saturating_sub(u64::from(trace.since) * SECOND) > OLDEST {
                    return index;
                }
                if index != self.newest {
                    self.unlink(index);
                    self.append(index);
                }
                index
            }
            None => {
                let trace = Trace { rebuilt: table.is_rebuilding(), ..Trace::new(id, now) };
                let index = self.traces.insert(trace);
                let traces = &self.traces;
                let hash_of = |&index: &u32| table.hash_id(&traces[index].id);
                self.by_id.insert_unique(table.hash_id(&id), index, hash_of);
                self.append(index);
                index
            }
        };
        self.traces[index].last_seen = now;
        index
    }

    fn append(&mut self, index: u32) {
        let older = std::mem::replace(&mut self.newest, index);
        self.traces[index].older = older;
        self.traces[index].newer = NONE;
        match self.traces.get_mut(older) {
            Some(older) => older.newer = index,
            None => self.oldest = index,
        }
    }

    pub(super) fn unlink(&mut self, index: u32) {
        let Trace { older, newer, .. } = self.traces[index];
        match self.traces.get_mut(older) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.traces.get_mut(newer) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
    }
}
