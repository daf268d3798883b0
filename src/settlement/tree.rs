//! The spans of open traces as trees. Spans come in any order: a parent that is only named stands as a
//! placeholder until it comes itself.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::arena::{Arena, NONE, Slot};
use super::sayings::Sayings;

/// Bytes that a span costs: a node and, where the hash table has just doubled, its share of that.
pub(super) const NODE_BYTES: usize = size_of::<Node>() + 12;

/// In [`Node::said`]: the span is an agent's or a workflow's.
const AGENT: u32 = 1 << 31;

/// A span, 36 bytes.
#[derive(Debug)]
pub(super) struct Node {
    span: [u8; 8],
    /// Index of its trace; span ids are unique only within one.
    pub(super) trace: u32,
    pub(super) parent: u32,
    pub(super) first_child: u32,
    pub(super) next_sibling: u32,
    /// The next of its trace.
    pub(super) next_in_trace: u32,
    /// Index of its call, if it is one.
    pub(super) call: u32,
    /// Index of its saying in the lower 31 bits, all of them set for none, and above [`AGENT`].
    said: u32,
}

impl Node {
    /// Index of what it says of dimensions.
    pub(super) fn said(&self) -> u32 {
        match self.said | AGENT {
            NONE => NONE,
            _ => self.said & !AGENT,
        }
    }

    /// Whether it is an agent's or a workflow's.
    pub(super) fn is_agent(&self) -> bool {
        self.said & AGENT != 0
    }
}

impl Slot for Node {
    fn vacant() -> Self {
        Node {
            span: [0; 8],
            trace: NONE,
            parent: NONE,
            first_child: NONE,
            next_sibling: NONE,
            next_in_trace: NONE,
            call: NONE,
            said: !AGENT,
        }
    }
}

/// A span that is no call, while nobody asks how it is related: most traces have no call, and are never asked.
#[derive(Debug)]
struct Note {
    span: [u8; 8],
    parent: [u8; 8],
    /// Index of what it says of dimensions.
    said: u32,
    /// The next of its trace.
    next: u32,
}

/// Bytes that a note costs.
const NOTE_BYTES: usize = size_of::<Note>();

impl Slot for Note {
    fn vacant() -> Self {
        Note { span: [0; 8], parent: [0; 8], said: NONE, next: NONE }
    }
}

/// Ancestors and descendants that are looked at when a span is forwarded: traces are shallow, strangers are not to be
/// trusted. When a trace settles, all of it is looked at.
const MAX_ABOVE: usize = 128;
const MAX_BELOW: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Arena<Node>,
    notes: Arena<Note>,
    by_span: HashTable<u32>,
    hasher: RandomState,
    /// The parent asked for last: siblings tend to come together.
    last_above: u32,
}

/// Ids as numbers: hashing arrays of bytes takes twice as long.
fn hash_of(hasher: &RandomState, trace: u32, span: [u8; 8]) -> u64 {
    hasher.hash_one((trace, u64::from_ne_bytes(span)))
}

impl Tree {
    /// Spans held, placeholders included.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.notes.len()
    }

    /// Bytes of the spans.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * NODE_BYTES + self.notes.len() * NOTE_BYTES
    }

    /// Gives back what has been empty since there were more spans.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink();
        self.notes.shrink();
        if self.by_span.capacity() / 4 > self.nodes.len() {
            let (nodes, hasher) = (&self.nodes, &self.hasher);
            let hash_of = |&index: &u32| hash_of(hasher, nodes[index].trace, nodes[index].span);
            self.by_span.shrink_to(2 * nodes.len(), hash_of);
        }
    }

    /// Notes a span that is no call. `first` is the head of its trace's list of notes.
    pub(super) fn note(&mut self, first: &mut u32, span: [u8; 8], parent: [u8; 8], said: u32) {
        *first = self.notes.insert(Note { span, parent, said, next: *first });
    }

    /// Puts the spans that were noted into the tree. `notes` and `first` are the heads of the trace's lists.
    pub(super) fn relate(&mut self, trace: u32, notes: &mut u32, first: &mut u32, sayings: &Sayings) {
        while *notes != NONE {
            let note = self.notes.remove(*notes);
            *notes = note.next;
            let node = self.add(trace, first, note.span, note.parent);
            self.say(node, note.said, false, sayings);
        }
    }

    pub(super) fn node(&self, index: u32) -> &Node {
        &self.nodes[index]
    }

    /// The node at an index, if it is still that span's.
    pub(super) fn get(&self, index: u32, span: &[u8; 8]) -> Option<&Node> {
        self.nodes.get(index).filter(|node| node.span == *span)
    }

    /// Notes what a span says of dimensions, and whether it is an agent's. If it says several things, content decides, so that the
    /// order does not matter.
    pub(super) fn say(&mut self, index: u32, said: u32, is_agent: bool, sayings: &Sayings) {
        let node = &mut self.nodes[index];
        let (now, before) = (sayings.get(said), sayings.get(node.said()));
        if (now.len(), now) > (before.len(), before) {
            node.said = said & !AGENT | node.said & AGENT;
        }
        node.said |= if is_agent { AGENT } else { 0 };
    }

    /// What the spans above one say of dimensions, the nearest first, as indices; what neighbours share once.
    pub(super) fn said_above(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let mut last = NONE;
        let all = self.above(index).map(|at| self.node(at).said()).filter(|said| *said != NONE);
        all.filter(move |said| std::mem::replace(&mut last, *said) != *said)
    }

    pub(super) fn set_call(&mut self, index: u32, call: u32) {
        self.nodes[index].call = call;
    }

    /// Puts a span below its parent. `first` is the head of its trace's list of nodes.
    pub(super) fn add(&mut self, trace: u32, first: &mut u32, span: [u8; 8], parent: [u8; 8]) -> u32 {
        let index = self.find_or_insert(trace, first, span);
        if parent != [0; 8] && parent != span && self.node(index).parent == NONE {
            let last = self.nodes.get(self.last_above);
            let above = match last.is_some_and(|node| node.trace == trace && node.span == parent) {
                true => self.last_above,
                false => self.find_or_insert(trace, first, parent),
            };
            self.last_above = above;
            let sibling = std::mem::replace(&mut self.nodes[above].first_child, index);
            let node = &mut self.nodes[index];
            node.parent = above;
            node.next_sibling = sibling;
        }
        index
    }

    fn find_or_insert(&mut self, trace: u32, first: &mut u32, span: [u8; 8]) -> u32 {
        let hash = hash_of(&self.hasher, trace, span);
        let nodes = &self.nodes;
        let same = |&index: &u32| {
            let node = &nodes[index];
            node.trace == trace && node.span == span
        };
        if let Some(&index) = self.by_span.find(hash, same) {
            return index;
        }
        let index = self.nodes.insert(Node {
            span,
            trace,
            parent: NONE,
            first_child: NONE,
            next_sibling: NONE,
            next_in_trace: *first,
            call: NONE,
            said: !AGENT,
        });
        *first = index;
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.by_span.insert_unique(hash, index, |&index| {
            let node = &nodes[index];
            hash_of(hasher, node.trace, node.span)
        });
        index
    }

    /// The node of a span of a trace.
    pub(super) fn find(&self, trace: u32, span: [u8; 8]) -> Option<&Node> {
        self.find_index(trace, span).map(|index| self.node(index))
    }

    fn find_index(&self, trace: u32, span: [u8; 8]) -> Option<u32> {
        let same = |&index: &u32| self.node(index).trace == trace && self.node(index).span == span;
        self.by_span.find(hash_of(&self.hasher, trace, span), same).copied()
    }

    /// The nodes above a span, nearest first.
    fn above(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(self.node(index).parent), |&at| (at != NONE).then(|| self.node(at).parent))
            .take(MAX_ABOVE)
            .take_while(|&at| at != NONE)
    }

    /// The calls above a span, nearest first.
    pub(super) fn calls_above(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        self.above(index).map(|at| self.node(at).call).filter(|&call| call != NONE)
    }

    /// The uppermost span that is known at or above one.
    pub(super) fn top(&self, index: u32) -> [u8; 8] {
        self.node(self.above(index).last().unwrap_or(index)).span
    }

    /// The same of a span of a trace; itself, if it is not known.
    pub(super) fn top_of(&self, trace: u32, span: [u8; 8]) -> [u8; 8] {
        self.find_index(trace, span).map_or(span, |index| self.top(index))
    }

    /// Whether a span stands below another, as far as is known.
    pub(super) fn is_below(&self, index: u32, span: [u8; 8]) -> bool {
        self.above(index).any(|at| self.node(at).span == span)
    }

    /// Whether a span has none below it.
    pub(super) fn is_leaf(&self, index: u32) -> bool {
        self.node(index).first_child == NONE
    }

    /// The calls below a span.
    pub(super) fn calls_below(&self, index: u32) -> impl Iterator<Item = u32> + '_ {
        let mut open: smallvec::SmallVec<[u32; 16]> = smallvec::smallvec![self.node(index).first_child];
        std::iter::from_fn(move || {
            loop {
                let at = open.pop()?;
                if at != NONE {
                    let node = self.node(at);
                    open.push(node.next_sibling);
                    open.push(node.first_child);
                    return Some(node.call);
                }
            }
        })
        .take(MAX_BELOW)
        .filter(|&call| call != NONE)
    }

    /// Forgets a trace's spans, noted ones too.
    pub(super) fn remove(&mut self, mut first: u32, mut notes: u32) {
        while notes != NONE {
            notes = self.notes.remove(notes).next;
        }
        while first != NONE {
            let node = self.nodes.remove(first);
            let hash = hash_of(&self.hasher, node.trace, node.span);
            if let Ok(entry) = self.by_span.find_entry(hash, |&index| index == first) {
                entry.remove();
            }
            first = node.next_in_trace;
        }
    }
}
