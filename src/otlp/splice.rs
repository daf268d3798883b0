//! Puts bytes at the end of chosen messages and mends every length around them.
//!
//! A body is a tree of length-delimited messages. The plan keeps the open path of that tree while the body
//! is scanned, and remembers only the messages that have an edit somewhere inside. Applying it first adds
//! up the growth from the inside out, then writes the new body front to back: one allocation, one copy.

use bytes::Bytes;

use super::wire::{Message, put_varint, varint_len};

/// A message on the way to an edit.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where its length prefix starts.
    length_at: usize,
    start: usize,
    end: usize,
    /// Index of the enclosing frame, [`ROOT`] for the body itself.
    parent: u32,
    /// Bytes inserted at its end: `inserts[insert_from..insert_to]`.
    insert_from: usize,
    insert_to: usize,
    /// By how much its content grows, nested prefixes included. Negative where padded prefixes shrink.
    growth: isize,
    /// Whether there is an edit at its end or inside.
    edited: bool,
}

impl Frame {
    /// The content's new length.
    fn length(&self) -> u64 {
        (self.end - self.start).wrapping_add_signed(self.growth) as u64
    }
}

const ROOT: u32 = u32::MAX;

/// Edits to one body. Keeps its allocations from one request to the next.
#[derive(Debug, Default)]
pub struct Plan {
    frames: Vec<Frame>,
    inserts: Vec<u8>,
    edits: usize,
    /// Where the inserts stand in the body that was applied last, and how long they are.
    inserted: Vec<(usize, usize)>,
}

/// A message that can be edited, or that holds ones which can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameId(u32);

impl FrameId {
    /// The body itself.
    pub const BODY: FrameId = FrameId(ROOT);
}

impl Plan {
    /// Forgets all frames and edits.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.inserts.clear();
        self.edits = 0;
        self.inserted.clear();
    }

    /// How many messages are registered.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Registers a message. Frames must come in the order of the body, parents before their children.
    pub fn frame(&mut self, parent: FrameId, message: Message<'_>) -> FrameId {
        let (length_at, start, end) = (message.length_at(), message.start(), message.end());
        debug_assert!(self.frames.last().is_none_or(|last| last.length_at < length_at));
        self.frames.push(Frame {
            length_at,
            start,
            end,
            parent: parent.0,
            insert_from: 0,
            insert_to: 0,
            growth: 0,
            edited: false,
        });
        FrameId((self.frames.len() - 1) as u32)
    }

    /// Inserts what `write` appends at the end of a frame, behind what was inserted there before.
    pub fn insert(&mut self, frame: FrameId, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.inserts.len();
        let frame = &mut self.frames[frame.0 as usize];
        self.inserts.extend_from_within(frame.insert_from..frame.insert_to);
        write(&mut self.inserts);
        let was_edited = frame.edited;
        frame.insert_from = from;
        frame.insert_to = self.inserts.len();
        frame.growth = (frame.insert_to - from) as isize;
        frame.edited = frame.growth > 0;
        self.edits += usize::from(frame.edited && !was_edited);
    }

    /// The edited body; the same allocation where there is no edit.
    pub fn apply(&mut self, body: Bytes) -> Bytes {
        if self.edits == 0 {
            return body;
        }
        let mut total = body.len();
        // Children come after their parents: from the back, each is complete when its parent is reached.
        for index in (0..self.frames.len()).rev() {
            let frame = self.frames[index];
            if !frame.edited {
                continue;
            }
            let old_prefix = (frame.start - frame.length_at) as isize;
            let outward = frame.growth + varint_len(frame.length()) as isize - old_prefix;
            match self.frames.get_mut(frame.parent as usize) {
                Some(parent) => {
                    parent.growth += outward;
                    parent.edited = true;
                }
                None => total = total.wrapping_add_signed(outward),
            }
        }

        let mut out = Vec::with_capacity(total);
        let mut copied = 0;
        // Ends of open frames that still have to receive their insertion, innermost last. OTLP has three
        // levels; more are handled, on the heap.
        let mut open: smallvec::SmallVec<[usize; 4]> = smallvec::SmallVec::new();
        for index in 0..self.frames.len() {
            let frame = self.frames[index];
            while let Some(&inner) = open.last()
                && self.frames[inner].end <= frame.length_at
            {
                self.close(inner, &body, &mut copied, &mut out);
                open.pop();
            }
            if !frame.edited {
                continue;
            }
            out.extend_from_slice(&body[copied..frame.length_at]);
            put_varint(&mut out, frame.length());
            copied = frame.start;
            open.push(index);
        }
        while let Some(inner) = open.pop() {
            self.close(inner, &body, &mut copied, &mut out);
        }
        out.extend_from_slice(&body[copied..]);
        debug_assert_eq!(out.len(), total);
        Bytes::from(out)
    }

    /// Where the body that was [applied](Self::apply) has bytes that did not come with it, and how many.
    pub fn inserted(&self) -> &[(usize, usize)] {
        &self.inserted
    }

    fn close(&mut self, index: usize, body: &[u8], copied: &mut usize, out: &mut Vec<u8>) {
        let frame = &self.frames[index];
        out.extend_from_slice(&body[*copied..frame.end]);
        if frame.insert_to > frame.insert_from {
            self.inserted.push((out.len(), frame.insert_to - frame.insert_from));
        }
        out.extend_from_slice(&self.inserts[frame.insert_from..frame.insert_to]);
        *copied = frame.end;
    }
}
