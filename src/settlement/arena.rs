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
