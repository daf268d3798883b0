//! Whether a span that has arrived is the one that was sent: its number, and a checksum of all that its sender wrote.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Which span: the producer's number and the span's of that producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "producer {} seq {}", self.0 >> 40, self.0 & 0xff_ffff_ffff)
    }
}

/// A span as it must arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) key: Key,
    pub(crate) checksum: u64,
}

/// A span's attribute that is a number.
fn number(span: &Span, key: &str) -> Option<i64> {
    match span.attributes.iter().find(|it| it.key == key)?.value.as_ref()?.value.as_ref()? {
        Value::IntValue(value) => Some(*value),
        _ => None,
    }
}

/// What a sender seals a span with: the checksum of everything in it.
pub(crate) fn stamp(span: &Span) -> Option<Stamp> {
    let producer = u64::try_from(number(span, "producer")?).ok()?;
    let key = Key(producer << 40 | u64::try_from(number(span, "seq")?).ok()?);
    // FNV-1a.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let checksum = span.encode_to_vec().into_iter().fold(0xcbf2_9ce4_8422_2325, mix);
    Some(Stamp { key, checksum })
}

/// What an arrived span is, and whether it is what was sealed. The checksum is the last that its sender wrote: what stands behind it
/// was added on the way, all before it must be as it was.
pub(crate) fn broken_seal(mut span: Span) -> Option<(Stamp, bool)> {
    let sealed = number(&span, "checksum")?;
    let end = span.attributes.iter().position(|it| it.key == "checksum")?;
    span.attributes.truncate(end);
    let stamp = stamp(&span)?;
    Some((stamp, stamp.checksum == sealed as u64))
}
