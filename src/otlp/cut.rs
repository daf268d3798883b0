//! Takes fields out of a body and mends every length around them.
//!
//! The body is looked through once, from the outside in. What is cut and the lengths that change by it are noted in the order of
//! the body, so that applying it is one allocation and one copy; a message from which nothing was cut leaves no note.

use bytes::Bytes;

use super::wire::{Field, Malformed, Message, Value, put_varint, varint_len};

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It goes, with its tag.
    Cut,
    /// It stays, and something inside of it went: so many bytes less. [`Cuts::inside`] says this.
    Less(usize),
}

/// A piece of the body that is replaced: by nothing, or by a length.
#[derive(Clone, Copy, Debug)]
struct Edit {
    from: usize,
    to: usize,
    length: Option<u64>,
}

/// What is taken out of one body.
#[derive(Debug, Default)]
pub struct Cuts {
    /// In the order of the body.
    edits: Vec<Edit>,
}

impl Cuts {
    /// Looks through the fields of a message; `judge` says what becomes of each. Gives the bytes that the message loses.
    ///
    /// # Errors
    /// [`Malformed`] framing.
    pub fn look_through<'a>(
        &mut self,
        message: Message<'a>,
        mut judge: impl FnMut(&mut Self, &Field<'a>) -> Fate,
    ) -> Result<usize, Malformed> {
        let mut fields = message.fields();
        let mut lost = 0;
        loop {
            let from = fields.offset();
            let Some(field) = fields.next() else { return Ok(lost) };
            lost += match judge(self, &field?) {
                Fate::Keep => 0,
                Fate::Cut => {
                    let to = fields.offset();
                    self.edits.push(Edit { from, to, length: None });
                    to - from
                }
                Fate::Less(bytes) => bytes,
            };
        }
    }

    /// What becomes of a field whose message `look` looks through. One that can not be read is cut: nobody can say what it holds.
    pub fn inside<'a>(
        &mut self,
        field: &Field<'a>,
        look: impl FnOnce(&mut Self, Message<'a>) -> Result<usize, Malformed>,
    ) -> Fate {
        let Value::Len(message) = field.value else { return Fate::Cut };
        let at = self.edits.len();
        let prefix = Edit { from: message.length_at(), to: message.start(), length: None };
        self.edits.push(prefix);
        match look(self, message) {
            Ok(0) => {
                self.edits.truncate(at);
                Fate::Keep
            }
            Ok(lost) => {
                let length = (message.bytes().len() - lost) as u64;
                self.edits[at].length = Some(length);
                // The old prefix is at least as long: its length was greater, and may be padded.
                Fate::Less(lost + (prefix.to - prefix.from) - varint_len(length))
            }
            Err(_) => {
                self.edits.truncate(at);
                Fate::Cut
            }
        }
    }

    /// The body without what was cut, `lost` bytes in all; the same allocation where nothing was.
    pub fn apply(&self, body: &Bytes, lost: usize) -> Bytes {
        if self.edits.is_empty() {
            return body.clone();
        }
        let mut out = Vec::with_capacity(body.len() - lost);
        let mut copied = 0;
        for edit in &self.edits {
            out.extend_from_slice(&body[copied..edit.from]);
            if let Some(length) = edit.length {
                put_varint(&mut out, length);
            }
            copied = edit.to;
        }
        out.extend_from_slice(&body[copied..]);
        debug_assert_eq!(out.len(), body.len() - lost);
        Bytes::from(out)
    }
}

/// How deep [`without`] looks for what is to go.
const DEEPEST: usize = 8;

/// The body without these pieces, given by offset and length in their order, each of them whole fields at the end of a message.
///
/// # Errors
/// [`Malformed`] framing.
pub fn without(body: &Bytes, pieces: &[(usize, usize)]) -> Result<Bytes, Malformed> {
    let mut cuts = Cuts::default();
    let lost = cut(&mut cuts, Message::whole(body)?, pieces, DEEPEST)?;
    Ok(cuts.apply(body, lost))
}

fn cut(
    cuts: &mut Cuts,
    message: Message<'_>,
    pieces: &[(usize, usize)],
    depth: usize,
) -> Result<usize, Malformed> {
    cuts.look_through(message, |cuts, field| {
        let Value::Len(inner) = field.value else { return Fate::Keep };
        // The last piece that begins before the field's content, and the first that begins in it.
        let next = pieces.partition_point(|(offset, _)| *offset < inner.start());
        let is_in = |(offset, length): &(usize, usize)| inner.end() <= offset + length;
        if next.checked_sub(1).and_then(|last| pieces.get(last)).is_some_and(is_in) {
            return Fate::Cut;
        }
        let has_one = pieces.get(next).is_some_and(|(offset, _)| *offset < inner.end());
        if has_one && depth > 0 {
            return cuts.inside(field, |cuts, message| cut(cuts, message, pieces, depth - 1));
        }
        Fate::Keep
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::splice::{FrameId, Plan};

    /// Scenario: two spans of three in two messages get something at their ends; some of it looks like more than one field.
    /// Guarantees: without it the body is what it was.
    #[test]
    fn what_was_inserted_goes_without_a_trace() {
        let spans = |names: &[&str]| {
            let mut out = Vec::new();
            for name in names {
                let mut span = Vec::new();
                super::super::wire::put_bytes(&mut span, 5, name.as_bytes());
                super::super::wire::put_bytes(&mut out, 2, &span);
            }
            out
        };
        let mut body = Vec::new();
        for names in [
            &["a", "b"][..],
            &[
                "a name so long that its message's length takes two bytes with what comes, and more of it, 1234567890",
            ][..],
        ] {
            super::super::wire::put_bytes(&mut body, 1, &spans(names));
        }
        let body = Bytes::from(body);
        let mut plan = Plan::default();
        let mut nth = 0;
        for outer in Message::whole(&body).unwrap().fields() {
            let outer = outer.unwrap().message().unwrap();
            let frame = plan.frame(FrameId::BODY, outer);
            for span in outer.fields() {
                let span = plan.frame(frame, span.unwrap().message().unwrap());
                nth += 1;
                if nth != 2 {
                    plan.insert(span, |out| {
                        (0..3).for_each(|_| super::super::wire::put_bytes(out, 9, b"0123456789"))
                    });
                }
            }
        }
        let edited = plan.apply(body.clone());
        assert_eq!(plan.inserted().len(), 2);
        assert_ne!(edited, body);
        assert_eq!(without(&edited, plan.inserted()).unwrap(), body);
        assert_eq!(without(&body, &[]).unwrap(), body);
    }
}
