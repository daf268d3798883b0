//! Attributes and their values, borrowed from the body.

use super::fields::{any_value, key_value};
use super::wire::{Malformed, Message, Value};

/// An attribute: its key, and its value still encoded.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The key's bytes; valid UTF-8 in a valid request, which nobody has checked.
    pub key: &'a [u8],
    value: Option<Message<'a>>,
    /// The whole `KeyValue`, where it has several values: protobuf merges them.
    several: Option<Message<'a>>,
}

/// A scalar attribute value. Arrays, maps and bytes are of no use to us and are not decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `string_value`, when it is valid UTF-8.
    String(&'a str),
    /// `bool_value`.
    Bool(bool),
    /// `int_value`.
    Int(i64),
    /// `double_value`.
    Double(f64),
    /// Anything else.
    Other,
}

impl<'a> Attribute<'a> {
    /// Reads a `KeyValue`.
    ///
    /// # Errors
    /// [`Malformed`] framing, or a key or value that is not length-delimited.
    #[inline]
    pub fn read(message: Message<'a>) -> Result<Self, Malformed> {
        let mut attribute = Attribute { key: b"", value: None, several: None };
        for field in message.fields() {
            let field = field?;
            match field.number {
                key_value::KEY => attribute.key = field.message()?.bytes(),
                key_value::VALUE => {
                    if attribute.value.replace(field.message()?).is_some() {
                        attribute.several = Some(message);
                    }
                }
                _ => {}
            }
        }
        Ok(attribute)
    }

    /// Decodes the value. The last of several wins, as protobuf has it for a `oneof`.
    ///
    /// # Errors
    /// [`Malformed`] framing inside the value.
    pub fn scalar(&self) -> Result<Scalar<'a>, Malformed> {
        match (self.several, self.value) {
            (Some(attribute), _) => attribute.fields().try_fold(Scalar::Other, |scalar, field| {
                let field = field?;
                if field.number == key_value::VALUE { scalar.merge(field.message()?) } else { Ok(scalar) }
            }),
            (None, Some(value)) => Scalar::Other.merge(value),
            (None, None) => Ok(Scalar::Other),
        }
    }
}

impl<'a> Scalar<'a> {
    /// The value after reading an `AnyValue`, which may say nothing.
    #[inline]
    fn merge(self, value: Message<'a>) -> Result<Self, Malformed> {
        value.fields().try_fold(self, |scalar, field| {
            let field = field?;
            Ok(match (field.number, field.value) {
                (any_value::STRING, Value::Len(text, _)) => {
                    std::str::from_utf8(text.bytes()).map_or(Scalar::Other, Scalar::String)
                }
                (any_value::BOOL, Value::Varint(bit)) => Scalar::Bool(bit != 0),
                (any_value::INT, Value::Varint(int)) => Scalar::Int(int as i64),
                (any_value::DOUBLE, Value::Fixed64(bits)) => Scalar::Double(f64::from_bits(bits)),
                (5..=8, _) => Scalar::Other,
                _ => scalar,
            })
        })
    }

    /// The text of a non-empty string value.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Scalar::String(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}
