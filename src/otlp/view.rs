//! Attributes and their values, borrowed from the body.

use std::borrow::Cow;

use super::fields::{any_value, key_value};
use super::wire::{Malformed, Message, Value};

/// An attribute: its key, and its value still encoded.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The `KeyValue`.
    message: Message<'a>,
    form: Form<'a>,
}

/// What was seen of a `KeyValue` when it was read.
#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    /// It has the usual form, and this is its `AnyValue`; its key stands where it stands in all of them.
    Usual(&'a [u8]),
    /// Any other, and this is its key.
    Any(&'a [u8]),
}

const STRING_TAG: u8 = (any_value::STRING << 3 | 2) as u8;
const INT_TAG: u8 = (any_value::INT << 3) as u8;

/// A text as it stands on the wire: it should be UTF-8, which nobody has checked.
///
/// Most texts are only compared, hashed and passed on; checking them all would cost as much as finding them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// Whether there is nothing.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one.
    pub fn is_utf8(self) -> bool {
        // Short texts of ASCII, as most are, are checked in words here, and byte by byte there.
        self.0.is_ascii() || std::str::from_utf8(self.0).is_ok()
    }

    /// The text if it is one, else nothing.
    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The text, with a mark for what is no UTF-8.
    pub fn to_str_lossy(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text(text.as_bytes())
    }
}

/// A scalar attribute value. Arrays, maps and bytes are of no use to us and are not decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `string_value`.
    String(Text<'a>),
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
    /// An attribute of the [usual](Self::usual) form, with its value.
    #[inline(always)]
    pub(super) fn of_usual(message: Message<'a>, value: &'a [u8]) -> Self {
        Attribute { message, form: Form::Usual(value) }
    }

    /// The key's bytes; valid UTF-8 in a valid request, which nobody has checked.
    pub fn key(&self) -> &'a [u8] {
        match (self.form, self.message.bytes()) {
            (Form::Any(key), _) => key,
            (Form::Usual(_), [_, length, rest @ ..]) => rest.get(..usize::from(*length)).unwrap_or_default(),
            (Form::Usual(_), _) => &[],
        }
    }

    /// Reads a `KeyValue`.
    ///
    /// # Errors
    /// [`Malformed`] framing, or a key or value that is not length-delimited.
    pub fn read(message: Message<'a>) -> Result<Self, Malformed> {
        match Self::usual(message) {
            Some(attribute) => Ok(attribute),
            None => Self::any(message),
        }
    }

    /// The form that every encoder writes: key, value, nothing else, lengths without padding. Anything else,
    /// well-formed or not, is left to [`any`](Self::any).
    #[inline(always)]
    pub fn usual(message: Message<'a>) -> Option<Self> {
        const KEY_TAG: u8 = (key_value::KEY << 3 | 2) as u8;
        const VALUE_TAG: u8 = (key_value::VALUE << 3 | 2) as u8;
        let &[KEY_TAG, key_len @ ..0x80, ref rest @ ..] = message.bytes() else { return None };
        let value = match *rest.get(key_len as usize..)? {
            [VALUE_TAG, len @ ..0x80, ref content @ ..] if len as usize == content.len() => content,
            [VALUE_TAG, low @ 0x80..=0xff, high @ 1..0x80, ref content @ ..]
                if usize::from(low & 0x7f) | usize::from(high) << 7 == content.len() =>
            {
                content
            }
            _ => return None,
        };
        Some(Attribute::of_usual(message, value))
    }

    /// Reads a `KeyValue` of any form; the usual one too, but slowly.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn any(message: Message<'a>) -> Result<Self, Malformed> {
        let mut key = &[][..];
        for field in message.fields() {
            let field = field?;
            match field.number {
                key_value::KEY => key = field.message()?.bytes(),
                key_value::VALUE => drop(field.message()?),
                _ => {}
            }
        }
        Ok(Attribute { message, form: Form::Any(key) })
    }

    /// Whether it is the same in every byte.
    pub fn is_same(&self, other: &Attribute<'_>) -> bool {
        self.message.bytes() == other.message.bytes()
    }

    #[inline(always)]
    fn usual_value(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Usual(value) => Some(value),
            Form::Any(_) => None,
        }
    }

    /// The value, if it is a string in the form that every encoder writes; a long one, or anything else, is left to
    /// [`scalar`](Self::scalar).
    #[inline(always)]
    pub fn usual_text(&self) -> Option<Text<'a>> {
        match self.usual_value()? {
            [STRING_TAG, len @ ..0x80, text @ ..] if *len as usize == text.len() => Some(Text(text)),
            _ => None,
        }
    }

    /// The value, if it is an integer that is not negative, in the form that every encoder writes and of at most three
    /// bytes (two million); anything else is left to [`scalar`](Self::scalar).
    #[inline(always)]
    pub fn usual_int(&self) -> Option<u64> {
        match *self.usual_value()? {
            [INT_TAG, a @ ..0x80] => Some(u64::from(a)),
            [INT_TAG, a @ 0x80..=0xff, b @ ..0x80] => Some(u64::from(a & 0x7f) | u64::from(b) << 7),
            [INT_TAG, a @ 0x80..=0xff, b @ 0x80..=0xff, c @ ..0x80] => {
                Some(u64::from(a & 0x7f) | u64::from(b & 0x7f) << 7 | u64::from(c) << 14)
            }
            _ => None,
        }
    }

    /// Decodes the value. The last of several wins, as protobuf has it for a `oneof`.
    ///
    /// # Errors
    /// [`Malformed`] framing inside the value.
    #[inline]
    pub fn scalar(&self) -> Result<Scalar<'a>, Malformed> {
        match self.usual_value().and_then(Scalar::usual) {
            Some(scalar) => Ok(scalar),
            None => Scalar::any(self.message),
        }
    }
}

impl<'a> Scalar<'a> {
    /// The forms that every encoder writes: a short string or an integer, and nothing else.
    #[inline]
    fn usual(value: &'a [u8]) -> Option<Self> {
        match *value {
            [STRING_TAG, len @ ..0x80, ref text @ ..] if len as usize == text.len() => {
                Some(Scalar::String(Text(text)))
            }
            [INT_TAG, ref bytes @ .., last @ ..0x80] if bytes.len() < 9 => {
                let mut int = u64::from(last) << (7 * bytes.len());
                for (index, byte) in bytes.iter().enumerate() {
                    if *byte < 0x80 {
                        return None; // the integer ends here, and something follows
                    }
                    int |= u64::from(byte & 0x7f) << (7 * index);
                }
                Some(Scalar::Int(int as i64))
            }
            _ => None,
        }
    }

    /// The value of a `KeyValue`, which may come in several parts.
    #[inline(never)]
    fn any(attribute: Message<'a>) -> Result<Self, Malformed> {
        let mut scalar = Scalar::Other;
        for field in attribute.fields() {
            let field = field?;
            if field.number == key_value::VALUE {
                scalar = scalar.merge(field.message()?)?;
            }
        }
        Ok(scalar)
    }

    /// Decodes an `AnyValue`.
    ///
    /// # Errors
    /// [`Malformed`] framing inside.
    pub fn of(value: Message<'a>) -> Result<Self, Malformed> {
        Scalar::Other.merge(value)
    }

    /// The value after reading an `AnyValue`, which may say nothing.
    fn merge(self, value: Message<'a>) -> Result<Self, Malformed> {
        value.fields().try_fold(self, |scalar, field| {
            let field = field?;
            Ok(match (field.number, field.value) {
                (any_value::STRING, Value::Len(text)) => Scalar::String(Text(text.bytes())),
                (any_value::BOOL, Value::Varint(bit)) => Scalar::Bool(bit != 0),
                (any_value::INT, Value::Varint(int)) => Scalar::Int(int as i64),
                (any_value::DOUBLE, Value::Fixed64(bits)) => Scalar::Double(f64::from_bits(bits)),
                (5..=8, _) => Scalar::Other,
                _ => scalar,
            })
        })
    }

    /// The text of a non-empty string value.
    pub fn text(self) -> Option<Text<'a>> {
        match self {
            Scalar::String(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}
