//! Slots with 32-bit indices, in chunks: growing copies nothing and doubles nothing, so a slot costs its own size.

use std::ops::{Index, IndexMut};

/// "None" for the 32-bit indices used here.
pub(super) const NONE: u32 = u32::MAX;

/// Slots that are made at once.
const CHUNK: usize = 256;

/// What can stand in a slot. A vacant one names the next vacant one, so that vacancy takes no room of its own.
pub(super) trait Slot {
    /// A vacant slot that names another.
    fn vacant(next: u32) -> Self;
    /// What a vacant slot names.
    fn next_vacant(&self) -> u32;
}

/// The slots.
#[derive(Debug)]
pub(super) struct Arena<T> {
    chunks: Vec<Box<[T; CHUNK]>>,
    vacant: u32,
    len: usize,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { chunks: Vec::new(), vacant: NONE, len: 0 }
    }
}

impl<T: Slot> Arena<T> {
    /// Slots that are taken.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes a slot.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if self.vacant == NONE {
            self.grow();
        }
        let index = self.vacant;
        let slot = &mut self[index];
        let next = slot.next_vacant();
        *slot = value;
        self.vacant = next;
        self.len += 1;
        index
    }

    #[cold]
    fn grow(&mut self) {
        let first = (self.chunks.len() * CHUNK) as u32;
        let next = |nth: u32| if nth as usize + 1 == CHUNK { NONE } else { first + nth + 1 };
        let slots: Box<[T]> = (0..CHUNK as u32).map(|nth| T::vacant(next(nth))).collect();
        self.chunks.extend(slots.try_into().ok());
        self.vacant = first;
    }

    /// Gives a slot back.
    pub(super) fn remove(&mut self, index: u32) -> T {
        let vacant = std::mem::replace(&mut self.vacant, index);
        self.len -= 1;
        std::mem::replace(&mut self[index], T::vacant(vacant))
    }

    /// Gives back the last chunks, where nothing stands in them. Vacant slots are taken from the front from then on, so that what
    /// stands far behind goes with its traces. Looks at all slots, so only where most are vacant.
    pub(super) fn shrink(&mut self) {
        let slots = self.chunks.len() * CHUNK;
        if self.len > slots / 4 || self.chunks.len() <= 1 {
            return;
        }
        let mut vacant = vec![false; slots];
        let mut at = self.vacant;
        while at != NONE {
            vacant[at as usize] = true;
            at = self[at].next_vacant();
        }
        let last = vacant.iter().rposition(|vacant| !vacant).unwrap_or(0);
        self.chunks.truncate(last / CHUNK + 1);
        self.chunks.shrink_to_fit();
        self.vacant = NONE;
        for index in (0..self.chunks.len() * CHUNK).rev().filter(|index| vacant[*index]) {
            self.chunks[index / CHUNK][index % CHUNK] = T::vacant(self.vacant);
            self.vacant = index as u32;
        }
    }

    /// What stands at an index, were it vacant; nothing beyond the last chunk, as for [`NONE`].
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        Some(&self.chunks.get(index as usize / CHUNK)?[index as usize % CHUNK])
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        Some(&mut self.chunks.get_mut(index as usize / CHUNK)?[index as usize % CHUNK])
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;
    fn index(&self, index: u32) -> &T {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Number(u32);

    impl Slot for Number {
        fn vacant(next: u32) -> Self {
            Number(next)
        }

        fn next_vacant(&self) -> u32 {
            self.0
        }
    }

    /// Scenario: 10,000 slots, of which all but some in the middle are given back; those follow later.
    /// Guarantees: chunks behind the last slot taken are freed and slots in front are taken first, so that the rest is freed in
    /// time; what stands somewhere stays there; where most slots are taken nothing is done.
    #[test]
    fn what_is_empty_is_given_back() {
        let mut arena = Arena::default();
        for n in 0..10_000 {
            assert_eq!(arena.insert(Number(n)), n);
        }
        arena.shrink();
        assert_eq!(arena.chunks.len(), 10_000_usize.div_ceil(CHUNK));
        for n in (0..10_000).filter(|n| !(5_000..5_010).contains(n)) {
            arena.remove(n);
        }
        arena.shrink();
        assert_eq!((arena.len(), arena.chunks.len()), (10, 5_010_usize.div_ceil(CHUNK)));
        assert_eq!((&arena[5_009], arena.get(9_999)), (&Number(5_009), None));
        for n in 0..10 {
            assert_eq!(arena.insert(Number(n)), n);
        }
        for n in 5_000..5_010 {
            assert_eq!(arena.remove(n), Number(n));
        }
        arena.shrink();
        assert_eq!((arena.len(), arena.chunks.len()), (10, 1));
        let all: Vec<u32> = (10..600).map(|n| arena.insert(Number(n))).collect();
        assert_eq!(all, (10..600).collect::<Vec<_>>());
    }
}
