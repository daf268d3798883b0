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
