//! Spans as encoders write them, read at one go: what a span begins with, and attributes whose keys are known beforehand. Whatever
//! looks otherwise, well-formed or not, is left to be read field by field.

use super::fields::{key_value, span};
use super::view::{Attribute, Text};
use super::wire::Fields;

/// Bytes that are compared at once: as many as the beginnings of most attributes have.
const WINDOW: usize = 64;
/// The longest key that can be expected: before it stand two tags and two lengths, behind it a tag and a length.
const MAX_KEY: usize = WINDOW - 6;

const fn tag(number: u32, wire_type: u32) -> u8 {
    (number << 3 | wire_type) as u8
}

/// How an attribute of a span begins that has a certain key: all that stands before the length of its value.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    bytes: [u8; WINDOW],
    /// The bits of `bytes` that count. Of the attribute's length it is only the one that says that there is a second byte of it.
    bits: [u8; WINDOW],
    /// Where the length of the value stands.
    length_at: u8,
}

impl Expected {
    /// Nothing looks like this.
    pub const NOTHING: Expected = Expected { bytes: [0; WINDOW], bits: [u8::MAX; WINDOW], length_at: 0 };

    /// An attribute of this key, unless it is too long.
    pub fn of_key(key: &[u8]) -> Option<Self> {
        const KEY_AT: usize = 4;
        const LENGTH_AT: usize = 1;
        if key.len() > MAX_KEY {
            return None;
        }
        let length_at = KEY_AT + key.len() + 1;
        let (mut bytes, mut bits) = ([0; WINDOW], [0; WINDOW]);
        bytes[0] = tag(span::ATTRIBUTES, 2);
        bytes[2..KEY_AT].copy_from_slice(&[tag(key_value::KEY, 2), key.len() as u8]);
        bytes[KEY_AT..length_at - 1].copy_from_slice(key);
        bytes[length_at - 1] = tag(key_value::VALUE, 2);
        bits[..length_at].fill(u8::MAX);
        bits[LENGTH_AT] = 0x80;
        Some(Expected { bytes, bits, length_at: length_at as u8 })
    }

    /// Whether it is of this key.
    pub fn is_of(&self, key: &[u8]) -> bool {
        self.key() == Some(key)
    }

    fn key(&self) -> Option<&[u8]> {
        self.bytes.get(4..usize::from(self.length_at).checked_sub(1)?)
    }

    /// All at once, without a branch: as vectors, and nothing to foresee.
    #[inline(always)]
    fn begins(&self, window: &[u8; WINDOW]) -> bool {
        let differs = |nth: usize| (window[nth] ^ self.bytes[nth]) & self.bits[nth];
        (0..WINDOW).fold(0, |all, nth| all | differs(nth)) == 0
    }

    /// The next field, if it is such an attribute of at most 129 bytes, in the form that every encoder writes: key, value, nothing else.
    /// The fields are those of a message of this body, behind which there must be some more.
    #[inline(always)]
    pub fn next<'a>(&self, fields: &mut Fields<'a>, body: &'a [u8]) -> Option<Attribute<'a>> {
        const HEAD: usize = 2;
        debug_assert!(fields.are_of(body), "another body");
        let window = body.get(fields.offset()..)?.first_chunk()?;
        if !self.begins(window) {
            return None;
        }
        let length = usize::from(window[1]);
        // That of its value, which takes all of the rest.
        let value_length = usize::from(window[usize::from(self.length_at) % WINDOW]);
        if usize::from(self.length_at) + 1 + value_length != HEAD + length {
            return None;
        }
        let message = fields.take(HEAD, length)?;
        Some(Attribute::of_usual(message, message.tail(value_length)?))
    }
}

/// What a span begins with.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Trace id.
    pub trace: [u8; 16],
    /// Span id.
    pub span: [u8; 8],
    /// Parent's span id.
    pub parent: [u8; 8],
    /// Name.
    pub name: Text<'a>,
    /// Kind.
    pub kind: u8,
    /// Start, nanoseconds since 1970.
    pub start: u64,
    /// End, likewise.
    pub end: u64,
}

impl<'a> Beginning<'a> {
    /// Reads it off the fields of a span that has a name of at most 127 bytes, no trace state, and its fields in the order of their
    /// numbers.
    #[inline(always)]
    pub fn read(fields: &mut Fields<'a>) -> Option<Self> {
        const TRACE: u8 = tag(span::TRACE_ID, 2);
        const SPAN: u8 = tag(span::SPAN_ID, 2);
        const PARENT: u8 = tag(span::PARENT_SPAN_ID, 2);
        const NAME: u8 = tag(span::NAME, 2);
        const KIND: u8 = tag(span::KIND, 0);
        const START: u8 = tag(span::START_TIME, 1);
        const END: u8 = tag(span::END_TIME, 1);
        let (trace, rest) = chunk(fields.ahead(), [TRACE, 16])?;
        let (span, rest) = chunk(rest, [SPAN, 8])?;
        let (parent, rest) = chunk(rest, [PARENT, 8]).unwrap_or((&[0; 8], rest));
        let &[NAME, length @ ..0x80, ref rest @ ..] = rest else { return None };
        let (name, rest) = rest.split_at_checked(length.into())?;
        let &[KIND, kind @ ..0x80, ref rest @ ..] = rest else { return None };
        let (start, rest) = chunk(rest, [START])?;
        let (end, rest) = chunk(rest, [END])?;
        fields.skip_to(rest);
        let (start, end) = (u64::from_le_bytes(*start), u64::from_le_bytes(*end));
        Some(Beginning { trace: *trace, span: *span, parent: *parent, name: Text(name), kind, start, end })
    }
}

/// The bytes behind this head, and the rest.
#[inline(always)]
fn chunk<const HEAD: usize, const N: usize>(bytes: &[u8], head: [u8; HEAD]) -> Option<(&[u8; N], &[u8])> {
    bytes.strip_prefix(&head)?.split_first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::attribute::{put_int, put_string};
    use crate::otlp::wire::Message;

    /// Scenario: attributes of all lengths of keys and values, with more or less behind them, and others where they are expected.
    /// Guarantees: what is recognised is the attribute that is read field by field, and what follows is what follows there; all usual
    /// ones are, up to the end of the body.
    #[test]
    fn what_is_expected_is_what_is_there() {
        let key = "k".repeat(70);
        let mut recognised = 0;
        for key_length in 0..=key.len() {
            let expected = Expected::of_key(&key.as_bytes()[..key_length]);
            assert_eq!(expected.is_some(), key_length <= MAX_KEY);
            let Some(expected) = expected else { continue };
            for value_length in (0..140).step_by(3).chain([120, 121, 122, 123, 124, 125, 126, 127, 128]) {
                for (there, rest) in
                    [(key_length, 0), (key_length, 40), (key_length, 70), (key_length + 1, 70)]
                {
                    let key = &key[..there];
                    let mut body = Vec::new();
                    put_string(&mut body, key, &"v".repeat(value_length));
                    put_int(&mut body, key, 7);
                    let span = body.len();
                    body.resize(span + rest, 0xff);
                    let mut fields = Message::whole(&body[..span]).unwrap().fields();
                    let mut same = fields.clone();
                    let slow = same.next().unwrap().unwrap().message().unwrap();
                    let slow = Attribute::read(slow).unwrap();
                    let Some(quick) = expected.next(&mut fields, &body) else {
                        let length = 6 + there + value_length;
                        let is_usual = there == key_length && length < 0x80;
                        assert!(!is_usual || body.len() < WINDOW, "{key_length} {value_length} {rest}");
                        continue;
                    };
                    recognised += 1;
                    assert_eq!((quick.key(), quick.scalar()), (slow.key(), slow.scalar()));
                    assert!(quick.is_same(&slow) && quick.key() == key.as_bytes());
                    assert_eq!(fields.offset(), same.offset());
                    let is_far = body.len() - fields.offset() >= WINDOW;
                    let last = expected.next(&mut fields, &body);
                    assert_eq!(last.is_some(), is_far, "{key_length} {rest}");
                    assert_eq!(last.is_some(), fields.next().is_none());
                }
            }
        }
        assert!(recognised > 5_000, "{recognised}");
        let empty = Message::whole(&[0; WINDOW]).unwrap();
        assert!(Expected::NOTHING.next(&mut empty.fields(), &[0; WINDOW]).is_none());
    }

    /// Scenario: the beginnings of a span with and without a parent, and each of them cut off at every byte or with another one there.
    /// Guarantees: what is read is what stands there; whatever else stands there is left alone.
    #[test]
    fn a_beginning_is_read_whole_or_not_at_all() {
        let parent = [&[tag(span::PARENT_SPAN_ID, 2), 8][..], &[3; 8]].concat();
        for parent in [&parent[..], &[]] {
            let body = [
                &[tag(span::TRACE_ID, 2), 16][..],
                &[1; 16],
                &[tag(span::SPAN_ID, 2), 8],
                &[2; 8],
                parent,
                &[tag(span::NAME, 2), 4],
                b"chat",
                &[tag(span::KIND, 0), 3, tag(span::START_TIME, 1)],
                &4_u64.to_le_bytes(),
                &[tag(span::END_TIME, 1)],
                &5_u64.to_le_bytes(),
            ]
            .concat();
            let mut fields = Message::whole(&body).unwrap().fields();
            let begins = Beginning::read(&mut fields).unwrap();
            let above = if parent.is_empty() { [0; 8] } else { [3; 8] };
            assert_eq!((begins.trace, begins.span, begins.parent), ([1; 16], [2; 8], above));
            assert_eq!((begins.name, begins.kind), (Text(b"chat"), 3));
            assert_eq!((begins.start, begins.end, fields.offset()), (4, 5, body.len()));
            for length in 0..body.len() {
                let mut fields = Message::whole(&body[..length]).unwrap().fields();
                assert!(Beginning::read(&mut fields).is_none() && fields.offset() == 0, "{length}");
            }
        }
    }
}
