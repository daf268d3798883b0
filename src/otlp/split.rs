//! Divides a request into several that are small enough. Items are not looked into, and every part repeats what stands around its
//! items: the resource, the scope, a metric's name and kind, and fields that nobody knows.
//!
//! The request is looked through once, which gives its *leaves* (items, and messages without any, in their order) and the *frames* around
//! them. Leaves are then laid one behind the other until the next one would be too much.

use bytes::Bytes;
use smallvec::SmallVec;

use super::wire::{Malformed, Message, put_varint, varint_len};
use super::{Signal, fields, items};

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of its body.
    pub bytes: usize,
    /// Spans, data points or log records.
    pub items: u64,
}

impl Limit {
    /// None at all.
    pub const NONE: Limit = Limit { bytes: usize::MAX, items: u64::MAX };

    /// Whether a request of this size is within it.
    pub fn allows(self, bytes: usize, items: u64) -> bool {
        bytes <= self.bytes && items <= self.items
    }
}

/// A part of a request, which is a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its body.
    pub body: Bytes,
    /// Spans, data points or log records in it.
    pub items: u64,
}

/// Divides a request into parts within `limit`, in the order of its items. An item that is larger stands alone, and so does a metric of
/// more than one kind. One part: it is within the limit, or can not be divided.
///
/// # Errors
/// [`Malformed`] framing down to the items.
pub fn split(signal: Signal, body: &Bytes, limit: Limit) -> Result<Vec<Part>, Malformed> {
    let message = Message::whole(body)?;
    let mut found = Found { body, own: Vec::new(), frames: Vec::new(), leaves: Vec::new() };
    let levels = levels(signal);
    let root = found.frame(message, 0, None, &levels[0])?;
    found.walk(message, root, levels)?;
    let items = found.leaves.iter().map(|leaf| u64::from(leaf.items)).sum();
    // As it is, to the byte: parts have their fields in another order where somebody wrote a resource behind its items.
    let is_whole = limit.allows(body.len(), items);
    Ok(if is_whole { vec![Part { body: body.clone(), items }] } else { found.parts(limit) })
}

/// The fields of a message that hold what is divided.
struct Level {
    numbers: &'static [u32],
    /// Of them a message has one: what is written twice is not what it seems.
    is_oneof: bool,
}

impl Level {
    const fn of(numbers: &'static [u32]) -> Self {
        Level { numbers, is_oneof: false }
    }
}

/// The way from a request to its items.
fn levels(signal: Signal) -> &'static [Level] {
    use fields::metric::{EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM, SUMMARY};
    const TRACES: &[Level] = &[
        Level::of(&[fields::traces::RESOURCE_SPANS]),
        Level::of(&[fields::resource_spans::SCOPE_SPANS]),
        Level::of(&[fields::scope_spans::SPANS]),
    ];
    const LOGS: &[Level] = &[
        Level::of(&[fields::logs::RESOURCE_LOGS]),
        Level::of(&[fields::resource_logs::SCOPE_LOGS]),
        Level::of(&[fields::scope_logs::LOG_RECORDS]),
    ];
    const METRICS: &[Level] = &[
        Level::of(&[fields::metrics::RESOURCE_METRICS]),
        Level::of(&[fields::resource_metrics::SCOPE_METRICS]),
        Level::of(&[fields::scope_metrics::METRICS]),
        Level { numbers: &[GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY], is_oneof: true },
        Level::of(&[fields::gauge::DATA_POINTS]),
    ];
    match signal {
        Signal::Traces => TRACES,
        Signal::Metrics => METRICS,
        Signal::Logs => LOGS,
    }
}

/// What is never divided: a field at this place of the body.
#[derive(Clone, Copy, Debug)]
struct Leaf {
    from: u32,
    to: u32,
    items: u32,
    /// The frame that it stands in.
    frame: u32,
}

impl Leaf {
    fn bytes(self) -> usize {
        (self.to - self.from) as usize
    }
}

/// A message around leaves.
#[derive(Debug)]
struct Frame {
    /// Its field number in the frame around it, whose place is `parent`; the whole request is its own parent.
    number: u32,
    parent: u32,
    depth: u32,
    /// Where its other fields are noted, and their bytes.
    own: (u32, u32),
    own_bytes: usize,
}

impl Frame {
    /// Bytes that it takes in the frame around it, with so many bytes in it.
    fn outer(&self, content: usize) -> usize {
        varint_len(u64::from(self.number) << 3) + varint_len(content as u64) + content
    }
}

struct Found<'a> {
    body: &'a Bytes,
    /// Places of fields that are repeated in each part.
    own: Vec<(u32, u32)>,
    frames: Vec<Frame>,
    leaves: Vec<Leaf>,
}

/// The frames that the last leaf of a part stands in, and the bytes in each, without those in the next one.
type Open = SmallVec<[(u32, usize); 5]>;

impl Found<'_> {
    /// Notes a message around what is divided: all its fields but those.
    fn frame(
        &mut self,
        message: Message<'_>,
        number: u32,
        parent: Option<u32>,
        level: &Level,
    ) -> Result<u32, Malformed> {
        let (first, mut own_bytes) = (self.own.len() as u32, 0);
        let mut fields = message.fields();
        loop {
            let from = fields.offset();
            let Some(field) = fields.next() else { break };
            if !level.numbers.contains(&field?.number) {
                let to = fields.offset();
                own_bytes += to - from;
                // Neighbours are one piece.
                match self.own[first as usize..].last_mut() {
                    Some(last) if last.1 == from as u32 => last.1 = to as u32,
                    _ => self.own.push((from as u32, to as u32)),
                }
            }
        }
        let (id, own) = (self.frames.len() as u32, (first, self.own.len() as u32));
        let depth = parent.map_or(0, |parent| self.frames[parent as usize].depth + 1);
        self.frames.push(Frame { number, parent: parent.unwrap_or(id), depth, own, own_bytes });
        Ok(id)
    }

    /// Notes all leaves in a frame.
    fn walk(&mut self, message: Message<'_>, frame: u32, levels: &[Level]) -> Result<(), Malformed> {
        let Some((level, below)) = levels.split_first() else { return Ok(()) };
        let mut fields = message.fields();
        loop {
            let from = fields.offset() as u32;
            let Some(field) = fields.next() else { return Ok(()) };
            let field = field?;
            if !level.numbers.contains(&field.number) {
                continue;
            }
            let inner = field.message()?;
            let items = match below.first() {
                None => 1,
                Some(next) => {
                    let mut divided = 0;
                    for field in inner.fields() {
                        divided += usize::from(next.numbers.contains(&field?.number));
                    }
                    if divided > 0 && (divided == 1 || !next.is_oneof) {
                        let id = self.frame(inner, field.number, Some(frame), next)?;
                        self.walk(inner, id, below)?;
                        continue;
                    }
                    if next.is_oneof { items::data_points(inner)? as u32 } else { 0 }
                }
            };
            self.leaves.push(Leaf { from, to: fields.offset() as u32, items, frame });
        }
    }

    fn parts(&self, limit: Limit) -> Vec<Part> {
        let (mut parts, mut from, mut items) = (Vec::new(), 0, 0);
        let mut open = Open::new();
        for (at, leaf) in self.leaves.iter().enumerate() {
            let mut with = open.clone();
            self.add(&mut with, *leaf);
            let more = items + u64::from(leaf.items);
            if at > from && !limit.allows(self.size(&with), more) {
                parts.push(self.part(&self.leaves[from..at], items));
                (from, items) = (at, 0);
                with.clear();
                self.add(&mut with, *leaf);
            }
            open = with;
            items += u64::from(leaf.items);
        }
        parts.push(self.part(&self.leaves[from..], items));
        parts
    }

    /// Lays a leaf behind the others.
    fn add(&self, open: &mut Open, leaf: Leaf) {
        let mut path: SmallVec<[u32; 5]> = SmallVec::new();
        let mut frame = leaf.frame;
        loop {
            path.push(frame);
            let parent = self.frames[frame as usize].parent;
            if parent == frame {
                break;
            }
            frame = parent;
        }
        path.reverse();
        let common = open.iter().zip(&path).take_while(|((frame, _), next)| frame == *next).count();
        while open.len() > common {
            let (frame, content) = open.pop().unwrap_or_default();
            if let Some((_, around)) = open.last_mut() {
                *around += self.frames[frame as usize].outer(content);
            }
        }
        open.extend(path[common..].iter().map(|frame| (*frame, self.frames[*frame as usize].own_bytes)));
        if let Some((_, content)) = open.last_mut() {
            *content += leaf.bytes();
        }
    }

    /// Bytes of a request that ends here.
    fn size(&self, open: &Open) -> usize {
        open.iter().rev().fold(0, |inner, (frame, content)| {
            let content = content + inner;
            if *frame == 0 { content } else { self.frames[*frame as usize].outer(content) }
        })
    }

    fn part(&self, leaves: &[Leaf], items: u64) -> Part {
        let mut body = Vec::with_capacity(self.content(leaves, 0));
        self.write(&mut body, leaves, 0);
        debug_assert_eq!(body.len(), body.capacity());
        Part { body: body.into(), items }
    }

    /// Leaves of a frame as what stands in it: a leaf, or all those of a frame.
    fn runs<'l>(&self, leaves: &'l [Leaf], frame: u32) -> impl Iterator<Item = (Option<u32>, &'l [Leaf])> {
        let depth = self.frames[frame as usize].depth;
        let child = move |leaf: &Leaf| {
            let mut inner = leaf.frame;
            while self.frames[inner as usize].depth > depth + 1 {
                inner = self.frames[inner as usize].parent;
            }
            (inner != frame).then_some(inner)
        };
        let runs = leaves.chunk_by(move |a, b| child(a).is_some() && child(a) == child(b));
        runs.map(move |run| (child(&run[0]), run))
    }

    /// Bytes in a frame.
    fn content(&self, leaves: &[Leaf], frame: u32) -> usize {
        let inner = self.runs(leaves, frame).map(|(child, run)| match child {
            None => run.iter().map(|leaf| leaf.bytes()).sum(),
            Some(child) => self.frames[child as usize].outer(self.content(run, child)),
        });
        self.frames[frame as usize].own_bytes + inner.sum::<usize>()
    }

    fn write(&self, out: &mut Vec<u8>, leaves: &[Leaf], frame: u32) {
        let (from, to) = self.frames[frame as usize].own;
        for (from, to) in &self.own[from as usize..to as usize] {
            out.extend_from_slice(&self.body[*from as usize..*to as usize]);
        }
        for (child, run) in self.runs(leaves, frame) {
            match child {
                None => run.iter().for_each(|leaf| {
                    out.extend_from_slice(&self.body[leaf.from as usize..leaf.to as usize]);
                }),
                Some(child) => {
                    put_varint(out, u64::from(self.frames[child as usize].number) << 3 | 2);
                    put_varint(out, self.content(run, child) as u64);
                    self.write(out, run, child);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
