//! Traces that have settled, for agents that come later: an agent ends after its calls, and its last tool may run for longer
//! than a trace is open. Its sum must not count again what counted then.

use hashbrown::HashTable;

use super::tree::Tree;

/// How long a trace is remembered at least, if there is room: nanoseconds. At most twice as long, unless it is open again.
const KEEP: u64 = 600_000_000_000;

/// What was shown of a trace when it settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Input and output tokens that calls and sums have shown.
    pub(super) tokens: [u64; 2],
    /// The uppermost span above all that showed them. What stands below it sums up nothing of them. Zero: there are several.
    pub(super) top: [u8; 8],
    /// Some of its calls counted, and be it that they used nothing: it is an action.
    pub(super) is_action: bool,
}

impl Before {
    /// Whether a container may sum up some of it.
    pub(super) fn may_be_of(&self, tree: &Tree, node: u32) -> bool {
        !tree.is_below(node, self.top)
    }
}

type Entries = HashTable<(u64, Before)>;

/// The settled traces of a shard, by the hash of their id, in two generations: the older one is forgotten as a whole.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    young: Entries,
    old: Entries,
    since: u64,
}

impl Remembered {
    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.young.allocation_size() + self.old.allocation_size()
    }

    /// What is remembered of a trace.
    pub(super) fn get(&self, hash: u64) -> Option<Before> {
        let find = |entries: &Entries| entries.find(hash, |entry| entry.0 == hash).map(|entry| entry.1);
        find(&self.young).or_else(|| find(&self.old))
    }

    /// Remembers a trace, in so many bytes at most: the oldest give way.
    pub(super) fn put(&mut self, hash: u64, before: Before, max_bytes: usize) {
        if let Some(known) = self.young.find_mut(hash, |entry| entry.0 == hash) {
            known.1 = before;
            return;
        }
        // A table has a power of two of slots with a byte each beside the entry, and is full at seven eighths.
        let slots = max_bytes / 2 / (size_of::<(u64, Before)>() + 1);
        if self.young.len() >= (slots + 1).next_power_of_two() / 2 / 8 * 7 {
            self.turn(|_| false);
        }
        self.young.insert_unique(hash, (hash, before), |entry| entry.0);
    }

    /// Forgets what is too old, but for traces that are open again: what comes of them may sum up all of it.
    pub(super) fn forget(&mut self, now: u64, is_open: impl Fn(u64) -> bool) {
        if now == u64::MAX {
            *self = Remembered::default();
        } else if now.saturating_sub(self.since) > KEEP {
            self.since = now;
            self.turn(is_open);
        }
    }

    fn turn(&mut self, is_kept: impl Fn(u64) -> bool) {
        std::mem::swap(&mut self.young, &mut self.old);
        let Remembered { young, old, .. } = self;
        young.retain(|(hash, _)| is_kept(*hash) && old.find(*hash, |entry| entry.0 == *hash).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a million traces, with room for few.
    /// Guarantees: the latest are remembered, no more room is taken than there is, and in the end all is forgotten.
    #[test]
    fn the_latest_are_remembered() {
        const MAX_BYTES: usize = 1 << 16;
        let mut remembered = Remembered::default();
        // Hashes of even distribution, as the table's are.
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for n in 0..1_000_000 {
            remembered.put(hash(n), Before { tokens: [n, 1], ..Before::default() }, MAX_BYTES);
            assert!(remembered.bytes() <= MAX_BYTES + 256, "{}", remembered.bytes());
            let some = n.saturating_sub(400);
            assert_eq!(remembered.get(hash(some)).map(|before| before.tokens), Some([some, 1]));
        }
        assert_eq!(remembered.get(hash(0)), None);
        remembered.forget(KEEP + 1, |_| false);
        assert!(remembered.get(hash(999_999)).is_some());
        remembered.forget(2 * KEEP + 2, |_| false);
        assert_eq!(remembered.get(hash(999_999)), None);
    }
}
