//! What can be wrong with a body, and where.

use std::fmt;

/// A body that is not well-formed protobuf, or not of the expected shape.
///
/// Boxed: every field that is read passes through a `Result`, and the good ones should not carry the room
/// that a bad one needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(Box<Detail>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    offset: usize,
    fault: Fault,
    place: String,
}

impl Malformed {
    /// A fault at a byte offset of the body.
    #[cold]
    pub fn new(offset: usize, fault: Fault) -> Self {
        Malformed(Box::new(Detail { offset, fault, place: String::new() }))
    }

    /// Byte offset in the body.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// What is wrong there.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// Names the message element in which the fault was found, innermost first.
    #[must_use]
    pub fn within(mut self, name: &str, index: usize) -> Self {
        let inner = std::mem::take(&mut self.0.place);
        let dot = if inner.is_empty() { "" } else { "." };
        self.0.place = format!("{name}[{index}]{dot}{inner}");
        self
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { offset, fault, place } = &*self.0;
        if let Fault::TooMany { .. } = fault {
            return write!(f, "{fault}");
        }
        write!(f, "malformed protobuf at byte {offset}")?;
        if !place.is_empty() {
            write!(f, " ({place})")?;
        }
        write!(f, ": {fault}")
    }
}

impl std::error::Error for Malformed {}

/// The ways in which framing can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end inside a value.
    Truncated,
    /// A length-delimited field claims more than its parent holds.
    Length {
        /// What the field claims.
        claimed: u64,
        /// What is left.
        left: usize,
    },
    /// A varint of more than ten bytes.
    Varint,
    /// Field number 0, or one above 2^29 - 1.
    FieldNumber,
    /// Wire type 6 or 7.
    WireType(u8),
    /// A group that does not end, ends twice or is nested too deep.
    Group,
    /// A known field with a wire type that it can not have.
    Mistyped {
        /// The field's number.
        number: u32,
    },
    /// A body too large for 32-bit offsets.
    TooLarge,
    /// More than a request may hold.
    TooMany {
        /// How many it may.
        most: u64,
        /// Of what.
        of: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Truncated => f.write_str("the body ends inside a value"),
            Fault::Length { claimed, left } => {
                write!(f, "a field claims {claimed} bytes where {left} are left")
            }
            Fault::Varint => f.write_str("a varint is longer than ten bytes"),
            Fault::FieldNumber => f.write_str("a field number is out of range"),
            Fault::WireType(wire_type) => write!(f, "wire type {wire_type} does not exist"),
            Fault::Group => f.write_str("a group is not closed as it was opened"),
            Fault::Mistyped { number } => write!(f, "field {number} has a wire type that it can not have"),
            Fault::TooLarge => f.write_str("the body is larger than 4 GiB"),
            Fault::TooMany { most, of } => {
                write!(f, "there are more than {most} {of} in a request; send smaller batches")
            }
        }
    }
}
