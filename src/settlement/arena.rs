//! Slots with 32-bit indices, in chunks: growing copies nothing and doubles nothing, so a slot costs its own size.

use std::ops::{Index, IndexMut};

/// "None" for the 32-bit indices used here.
pub(super) const NONE: u32 = u32::MAX;

/// Slots that are made at once.
const CHUNK: usize = 256;

/// What can stand in a slot.
pub(super) trait Slot {
    /// What stands in a vacant one.
    fn vacant() -> Self;
}

/// The slots.
#[derive(Debug)]
pub(super) struct Arena<T> {
    chunks: Vec<Box<[T; CHUNK]>>,
    /// Those to take next stand last. A list through the slots would take no room, but to take one would wait for memory that
    /// nobody has touched for long.
    vacant: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { chunks: Vec::new(), vacant: Vec::new() }
    }
}

impl<T: Slot> Arena<T> {
    /// Slots that are taken.
    pub(super) fn len(&self) -> usize {
        self.chunks.len() * CHUNK - self.vacant.len()
    }

    /// Takes a slot.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let index = match self.vacant.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        // A vacant slot owns nothing: to drop what stands there would be to wait for it.
        std::mem::forget(std::mem::replace(&mut self[index], value));
        index
    }

    /// Makes a chunk; gives its first slot.
    #[cold]
    fn grow(&mut self) -> u32 {
        let first = (self.chunks.len() * CHUNK) as u32;
        let slots: Box<[T]> = (0..CHUNK).map(|_| T::vacant()).collect();
        self.chunks.extend(slots.try_into().ok());
        self.vacant.extend((first + 1..first + CHUNK as u32).rev());
        first
    }

    /// Gives a slot back.
    pub(super) fn remove(&mut self, index: u32) -> T {
        self.vacant.push(index);
        std::mem::replace(&mut self[index], T::vacant())
    }

    /// Gives back the last chunks, where nothing stands in them. Vacant slots are taken from the front from then on, so that what
    /// stands far behind goes with its traces. Only where most are vacant.
    pub(super) fn shrink(&mut self) {
        let slots = self.chunks.len() * CHUNK;
        if self.len() > slots / 4 || self.chunks.len() <= 1 {
            return;
        }
        self.vacant.sort_unstable_by(|one, other| other.cmp(one));
        // From behind, all slots are vacant as long as these are the last ones.
        let behind = (0..slots as u32).rev().zip(&self.vacant).take_while(|(last, vacant)| last == *vacant);
        let chunks = (slots - behind.count()).div_ceil(CHUNK).max(1);
        self.vacant.drain(..slots - chunks * CHUNK);
        self.vacant.shrink_to_fit();
        self.chunks.truncate(chunks);
        self.chunks.shrink_to_fit();
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
        fn vacant() -> Self {
            Number(NONE)
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
