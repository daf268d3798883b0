//! Protobuf framing over a borrowed body: fields with absolute offsets, nothing decoded, nothing copied.
//!
//! Every offset is a position in the whole body, so an error can say where, and a splice can go there. The
//! reading functions are always inlined: a request has tens of thousands of fields.
//! (<https://protobuf.dev/programming-guides/encoding/>)

pub use super::fault::{Fault, Malformed};

mod put;

pub use put::{
    begin_message, end_message, put_array, put_bytes, put_fixed64, put_uint, put_varint, varint_len,
};

/// A message inside a body. Offsets are 32 bits wide: [`Message::whole`] refuses larger bodies.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The body up to the message's end.
    body: &'a [u8],
    start: u32,
    length_at: u32,
}

impl<'a> Message<'a> {
    /// The whole body as one message.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] beyond 4 GiB.
    pub fn whole(body: &'a [u8]) -> Result<Self, Malformed> {
        match u32::try_from(body.len()) {
            Ok(_) => Ok(Message { body, start: 0, length_at: 0 }),
            Err(_) => Err(Malformed::new(0, Fault::TooLarge)),
        }
    }

    /// The message's bytes.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        &self.body[self.start as usize..]
    }

    /// The last so many bytes before its end.
    #[inline(always)]
    pub(super) fn tail(self, length: usize) -> Option<&'a [u8]> {
        self.body.get(self.body.len().checked_sub(length)?..)
    }

    /// Offset of the first byte.
    #[inline]
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// Offset past the last byte.
    #[inline]
    pub fn end(self) -> usize {
        self.body.len()
    }

    /// Offset of the length prefix.
    #[inline]
    pub fn length_at(self) -> usize {
        self.length_at as usize
    }

    /// Asks for the memory at the end of a long message. What stands behind a prompt is far from what was read before, and no
    /// processor foresees the leap: asked for at the start, it is there when it is read.
    #[inline]
    pub fn expect_end(self) {
        const LONG: usize = 2048;
        const LINE: usize = 64;
        const LINES: usize = 8;
        let bytes = self.bytes();
        if bytes.len() > LONG {
            for line in bytes.rchunks(LINE).take(LINES) {
                std::hint::black_box(line[0]);
            }
        }
    }

    /// The numbers of a packed field.
    pub fn varints(self) -> impl Iterator<Item = Result<u64, Malformed>> + use<'a> {
        let mut fields = self.fields();
        std::iter::from_fn(move || (fields.at < fields.body.len()).then(|| fields.varint()))
    }

    /// The fields in wire order.
    #[inline]
    pub fn fields(self) -> Fields<'a> {
        Fields { body: self.body, at: self.start as usize }
    }
}

/// One field: its number and its value.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Field number.
    pub number: u32,
    /// Offset of the field's tag.
    at: u32,
    /// The value.
    pub value: Value<'a>,
}

/// A field's value by wire type.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Len(Message<'a>),
    /// Wire types 3 and 4: a group, skipped whole.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

impl<'a> Field<'a> {
    /// The value of a field that must be length-delimited.
    ///
    /// # Errors
    /// [`Fault::Mistyped`] for any other wire type.
    #[inline]
    pub fn message(&self) -> Result<Message<'a>, Malformed> {
        match self.value {
            Value::Len(message) => Ok(message),
            _ => Err(self.mistyped()),
        }
    }

    /// The value of a field that must be a `fixed64`.
    ///
    /// # Errors
    /// [`Fault::Mistyped`] for any other wire type.
    #[inline]
    pub fn fixed64(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Fixed64(value) => Ok(value),
            _ => Err(self.mistyped()),
        }
    }

    /// The value of a field that must be a varint.
    ///
    /// # Errors
    /// [`Fault::Mistyped`] for any other wire type.
    #[inline]
    pub fn varint(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.mistyped()),
        }
    }

    #[cold]
    fn mistyped(&self) -> Malformed {
        Malformed::new(self.at as usize, Fault::Mistyped { number: self.number })
    }
}

/// Iterates over the fields of a message. Stops for good at the first fault.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The body up to the message's end.
    body: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.body.len() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.at = self.body.len();
        }
        Some(field)
    }
}

/// Groups are deprecated since 2008; OTLP has none. Deeper than this is an attack.
const MAX_GROUP_DEPTH: usize = 32;

impl<'a> Fields<'a> {
    /// Where the next field begins, and the last one ended.
    pub fn offset(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let at = self.at;
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            3 => {
                self.skip_group(number, at)?;
                Value::Group
            }
            4 => return Err(Malformed::new(at, Fault::Group)),
            _ => self.value(wire_type)?,
        };
        Ok(Field { number, at: at as u32, value })
    }

    /// Whether the message stands in this body.
    pub(super) fn are_of(&self, body: &[u8]) -> bool {
        std::ptr::eq(self.body.as_ptr(), body.as_ptr())
    }

    /// What has not been read yet.
    #[inline(always)]
    pub(super) fn ahead(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// Goes on with what is `rest` of what was [ahead](Self::ahead).
    #[inline(always)]
    pub(super) fn skip_to(&mut self, rest: &'a [u8]) {
        self.at = self.body.len() - rest.len();
    }

    /// Takes a length-delimited field whose tag and length are these many bytes together, with the length behind the first of them.
    #[inline(always)]
    pub(super) fn take(&mut self, head: usize, length: usize) -> Option<Message<'a>> {
        let start = self.at + head;
        let body = self.body.get(..start + length)?;
        let length_at = self.at as u32 + 1;
        self.at = start + length;
        Some(Message { body, start: start as u32, length_at })
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let at = self.at;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(Malformed::new(at, Fault::FieldNumber));
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    #[inline(always)]
    fn value(&mut self, wire_type: u8) -> Result<Value<'a>, Malformed> {
        Ok(match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length_at = self.at;
                let claimed = self.varint()?;
                let left = self.body.len() - self.at;
                if claimed > left as u64 {
                    return Err(Malformed::new(length_at, Fault::Length { claimed, left }));
                }
                let start = self.at;
                self.at += claimed as usize;
                Value::Len(Message {
                    body: &self.body[..self.at],
                    start: start as u32,
                    length_at: length_at as u32,
                })
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed()?)),
            other => return Err(Malformed::new(self.at, Fault::WireType(other))),
        })
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.body.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            Some(&low) if let Some(&high @ ..0x80) = self.body.get(self.at + 1) => {
                self.at += 2;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    /// Like prost, accepts padded varints and refuses what does not fit 64 bits.
    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        let mut value = 0u64;
        for (index, &byte) in self.body[start..].iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(Malformed::new(start, Fault::Varint));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at = start + index + 1;
                return Ok(value);
            }
        }
        let fault = if self.body.len() - start < 10 { Fault::Truncated } else { Fault::Varint };
        Err(Malformed::new(start, fault))
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some(bytes) = self.body[self.at..].first_chunk() else {
            return Err(Malformed::new(self.at, Fault::Truncated));
        };
        self.at += N;
        Ok(*bytes)
    }

    #[cold]
    fn skip_group(&mut self, number: u32, opened_at: usize) -> Result<(), Malformed> {
        let mut open = [0u32; MAX_GROUP_DEPTH];
        let mut depth = 0;
        open[0] = number;
        loop {
            if self.at >= self.body.len() {
                return Err(Malformed::new(opened_at, Fault::Group));
            }
            let at = self.at;
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 if depth + 1 < MAX_GROUP_DEPTH => {
                    depth += 1;
                    open[depth] = number;
                }
                4 if open[depth] == number => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => return Ok(()),
                },
                3 | 4 => return Err(Malformed::new(at, Fault::Group)),
                _ => {
                    self.value(wire_type)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
