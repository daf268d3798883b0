//! Writes span attributes as they stand on the wire: `Span.attributes`, a `KeyValue` each.

use std::iter::repeat;

use super::fields::{any_value, key_value, span};
use super::wire::{put_varint, varint_len};

const VARINT: u32 = 0;
const LEN: u32 = 2;
const FIXED64: u32 = 1;

const fn tag(number: u32, wire_type: u32) -> u8 {
    // Every number used here is below 16, so a tag is one byte.
    (number << 3 | wire_type) as u8
}

/// A double attribute of one key, encoded but for its value: keys are known from the start, and requests write
/// thousands.
#[derive(Clone, Debug)]
pub struct DoubleAttribute(Box<[u8]>);

impl DoubleAttribute {
    /// The attribute of this key.
    pub fn new(key: &str) -> Self {
        let mut prefix = Vec::new();
        open(&mut prefix, key, 9);
        prefix.push(tag(any_value::DOUBLE, FIXED64));
        DoubleAttribute(prefix.into())
    }

    /// Appends the attribute with a value.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>, value: f64) {
        out.extend_from_slice(&self.0);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Double attributes side by side, written at once.
#[derive(Clone, Debug)]
pub struct DoubleAttributes {
    encoded: Box<[u8]>,
    /// Where each value ends.
    ends: Box<[usize]>,
}

impl DoubleAttributes {
    /// These attributes, in this order.
    pub fn new<'a>(attributes: impl IntoIterator<Item = &'a DoubleAttribute>) -> Self {
        let (mut encoded, mut ends) = (Vec::new(), Vec::new());
        for attribute in attributes {
            attribute.put(&mut encoded, 0.0);
            ends.push(encoded.len());
        }
        DoubleAttributes { encoded: encoded.into(), ends: ends.into() }
    }

    /// Appends the attributes, each with its value; those beyond the values with the `rest`.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>, values: impl IntoIterator<Item = f64>, rest: f64) {
        let start = out.len();
        out.extend_from_slice(&self.encoded);
        let written = &mut out[start..];
        for (&end, value) in self.ends.iter().zip(values.into_iter().chain(repeat(rest))) {
            if let Some(place) = written[..end].last_chunk_mut() {
                *place = value.to_le_bytes();
            }
        }
    }
}

/// A string attribute of one key, encoded but for its lengths and its value.
#[derive(Clone, Debug)]
pub struct StringAttribute {
    key: Box<str>,
    /// The key's field, and the tag of the value's.
    head: Box<[u8]>,
}

impl StringAttribute {
    /// The attribute of this key.
    pub fn new(key: &str) -> Self {
        let mut head = vec![tag(key_value::KEY, LEN)];
        put_varint(&mut head, key.len() as u64);
        head.extend_from_slice(key.as_bytes());
        head.push(tag(key_value::VALUE, LEN));
        StringAttribute { key: key.into(), head: head.into() }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Appends the attribute with a value, which is UTF-8.
    #[inline]
    pub fn put(&self, out: &mut Vec<u8>, value: &[u8]) {
        let value_length = 2 + value.len();
        let length = self.head.len() + 1 + value_length;
        if length >= 0x80 {
            return put_text(out, &self.key, value);
        }
        out.extend_from_slice(&[tag(span::ATTRIBUTES, LEN), length as u8]);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&[value_length as u8, tag(any_value::STRING, LEN), value.len() as u8]);
        out.extend_from_slice(value);
    }
}

/// Appends a string attribute.
pub fn put_string(out: &mut Vec<u8>, key: &str, value: &str) {
    put_text(out, key, value.as_bytes());
}

fn put_text(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    open(out, key, 1 + varint_len(value.len() as u64) + value.len());
    out.push(tag(any_value::STRING, LEN));
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends an integer attribute.
pub fn put_int(out: &mut Vec<u8>, key: &str, value: i64) {
    // Protobuf has it as the varint of its two's complement.
    let value = value as u64;
    open(out, key, 1 + varint_len(value));
    out.push(tag(any_value::INT, VARINT));
    put_varint(out, value);
}

/// Appends everything up to an `AnyValue` of `value_len` bytes.
fn open(out: &mut Vec<u8>, key: &str, value_len: usize) {
    let value_field = 1 + varint_len(value_len as u64) + value_len;
    let key_field = 1 + varint_len(key.len() as u64) + key.len();
    out.push(tag(span::ATTRIBUTES, LEN));
    put_varint(out, (key_field + value_field) as u64);
    out.push(tag(key_value::KEY, LEN));
    put_varint(out, key.len() as u64);
    out.extend_from_slice(key.as_bytes());
    out.push(tag(key_value::VALUE, LEN));
    put_varint(out, value_len as u64);
}
