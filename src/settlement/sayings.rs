//! What the spans of open traces say of dimensions, and what that makes of a call: its own word first, then that of the spans above
//! it, then what its resource and its request said.

use smallvec::SmallVec;

use super::arena::{Arena, NONE, Slot};
use crate::genai::dimensions::ACTION;
use crate::otlp::view::Text;

/// The rank of what the span itself did not say, but its resource, its request or the config: spans above it know better.
pub const BASE: u8 = u8::MAX;

/// Values of dimensions in a row of bytes.
pub type Values = Box<[u8]>;

/// Appends what is said of a dimension: its index, the rank of the key that says it, the value.
pub fn put(out: &mut Vec<u8>, dimension: u8, rank: u8, value: &[u8]) {
    let len = value.len().min(usize::from(u16::MAX));
    let [low, high] = (len as u16).to_le_bytes();
    out.extend_from_slice(&[dimension, rank, low, high]);
    out.extend_from_slice(&value[..len]);
}

/// What is said in a row of bytes: dimension, rank, value.
pub fn read(mut bytes: &[u8]) -> impl Iterator<Item = (u8, u8, Text<'_>)> {
    std::iter::from_fn(move || {
        let (&[dimension, rank, low, high], rest) = bytes.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
        bytes = rest;
        Some((dimension, rank, Text(value)))
    })
}

/// What a call's dimensions are, with what the spans above it say, the nearest first. `None`: they say nothing that it did
/// not say itself.
pub(super) fn resolve<'a>(own: &'a [u8], above: impl Iterator<Item = &'a [u8]>) -> Option<Values> {
    let mut above = above.peekable();
    above.peek()?;
    let of_own = |(dimension, rank, value)| Known { dimension, rank, is_own: rank != BASE, value };
    let mut known: SmallVec<[Known<'a>; 16]> = read(own).map(of_own).collect();
    let mut brought = false;
    for saying in above {
        for (dimension, rank, value) in read(saying) {
            if rank == BASE || dimension == ACTION {
                continue;
            }
            let new = Known { dimension, rank, is_own: false, value };
            match known.iter_mut().find(|known| known.dimension == dimension) {
                None => known.push(new),
                Some(known) if !known.is_own && rank < known.rank => *known = new,
                Some(_) => continue,
            }
            brought = true;
        }
    }
    if !brought {
        return None;
    }
    known.sort_unstable_by_key(|known| known.dimension);
    let mut out = Vec::new();
    for Known { dimension, value, .. } in known.iter().filter(|known| known.dimension != ACTION) {
        put(&mut out, *dimension, 0, value.0);
    }
    Some(out.into())
}

struct Known<'a> {
    dimension: u8,
    rank: u8,
    is_own: bool,
    value: Text<'a>,
}

/// What a root calls its action.
pub(super) fn action(saying: &[u8]) -> &[u8] {
    read(saying).find(|(dimension, ..)| *dimension == ACTION).map_or(&[], |(_, _, value)| value.0)
}

#[derive(Debug)]
struct Saying {
    bytes: Vec<u8>,
    /// The next of its trace.
    next: u32,
}

impl Slot for Saying {
    fn vacant() -> Self {
        Saying { bytes: Vec::new(), next: NONE }
    }
}

/// Buffers that are kept for the sayings to come, and how large they may be.
const SPARE: usize = 256;
const SPARE_BYTES: usize = 256;

/// The sayings of a shard's traces.
#[derive(Debug, Default)]
pub(super) struct Sayings {
    all: Arena<Saying>,
    bytes: usize,
    spare: Vec<Vec<u8>>,
}

impl Sayings {
    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a saying; `first` is the head of its trace's list. Neighbours tend to say the same, and share it. Nothing said is
    /// [`NONE`].
    pub(super) fn keep(&mut self, first: &mut u32, saying: &[u8]) -> u32 {
        if saying.is_empty() {
            return NONE;
        }
        if self.all.get(*first).is_some_and(|last| *last.bytes == *saying) {
            return *first;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(saying);
        self.bytes += cost(&bytes);
        *first = self.all.insert(Saying { bytes, next: *first });
        *first
    }

    /// A saying; nothing for [`NONE`].
    pub(super) fn get(&self, index: u32) -> &[u8] {
        self.all.get(index).map_or(&[], |saying| &saying.bytes)
    }

    /// Forgets those of a trace.
    pub(super) fn remove(&mut self, mut first: u32) {
        while first != NONE {
            let saying = self.all.remove(first);
            self.bytes -= cost(&saying.bytes);
            if self.spare.len() < SPARE && saying.bytes.capacity() <= SPARE_BYTES {
                self.spare.push(saying.bytes);
            }
            first = saying.next;
        }
    }

    /// Gives back what has been empty since there were more.
    pub(super) fn shrink(&mut self) {
        self.all.shrink();
    }
}

/// Bytes of a saying: its slot, and what the allocator takes for its text.
fn cost(bytes: &Vec<u8>) -> usize {
    size_of::<Saying>() + bytes.capacity().next_multiple_of(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(said: &[(u8, u8, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (dimension, rank, value) in said {
            put(&mut out, *dimension, *rank, value.as_bytes());
        }
        out
    }

    /// Scenario: a call, its resource and two spans above it speak of three dimensions.
    /// Guarantees: its own word holds; of those above, the better key's, of equals the nearest one's; the resource's is the last.
    #[test]
    fn who_is_nearer_knows_better() {
        let own = saying(&[(0, 5, "own"), (1, BASE, "resource"), (2, BASE, "header")]);
        let nearest = saying(&[(0, 0, "x"), (1, 3, "agent"), (ACTION, 0, "run")]);
        let root = saying(&[(1, 3, "root"), (3, 1, "team"), (2, BASE, "x"), (ACTION, 0, "POST /")]);
        let above = [&nearest[..], &root[..]];
        let resolved = resolve(&own, above.into_iter()).unwrap();
        let said: Vec<_> = read(&resolved).map(|(d, _, value)| (d, value.as_str())).collect();
        assert_eq!(said, [(0, "own"), (1, "agent"), (2, "header"), (3, "team")]);
        let better = saying(&[(1, 0, "better")]);
        let resolved = resolve(&own, [&nearest[..], &better[..]].into_iter()).unwrap();
        assert_eq!(read(&resolved).nth(1).unwrap().2.as_str(), "better");
        assert_eq!(resolve(&own, [&saying(&[(0, 0, "x"), (ACTION, 0, "y")])[..]].into_iter()), None);
        assert_eq!((action(&root), action(&own)), (&b"POST /"[..], &b""[..]));
    }

    #[test]
    fn what_traces_say_is_given_back() {
        let mut sayings = Sayings::default();
        let mut first = NONE;
        assert_eq!(sayings.keep(&mut first, b""), NONE);
        let one = sayings.keep(&mut first, &saying(&[(0, 0, "a")]));
        assert_eq!(sayings.keep(&mut first, &saying(&[(0, 0, "a")])), one);
        let two = sayings.keep(&mut first, &saying(&[(0, 0, "b")]));
        assert_ne!(one, two);
        assert_eq!((sayings.get(one), sayings.get(NONE)), (&saying(&[(0, 0, "a")])[..], &b""[..]));
        sayings.remove(first);
        assert_eq!(sayings.bytes(), 0);
    }
}
