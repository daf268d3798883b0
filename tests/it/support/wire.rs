//! Protobuf by hand: for bytes that no library writes, and to look at what arrived without decoding it.

use super::spans::ALIASES;

/// A varint.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn tag(number: u64, wire_type: u64) -> Vec<u8> {
    varint(number << 3 | wire_type)
}

/// A varint field.
pub(crate) fn uint(number: u64, value: u64) -> Vec<u8> {
    [tag(number, 0), varint(value)].concat()
}

/// A length-delimited field.
pub(crate) fn len(number: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [tag(number, 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A group: deprecated since proto2, still legal as an unknown field.
pub(crate) fn group(number: u64, content: &[u8]) -> Vec<u8> {
    [tag(number, 3), content.to_vec(), tag(number, 4)].concat()
}

/// A `KeyValue` as attribute number `number`, with a string value.
pub(crate) fn attribute(number: u64, key: &[u8], value: &[u8]) -> Vec<u8> {
    len(number, [len(1, key), len(2, len(1, value))].concat())
}

/// A trace request of one resource, one scope and these spans (their contents).
pub(crate) fn trace_request(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| len(2, span)).collect();
    len(1, len(2, spans))
}

/// A field as it stands: number, its bytes with the tag, and its content if it is length-delimited.
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// The fields of a message; panics where it is malformed.
pub(crate) fn fields(mut message: &[u8]) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        found.push(take_field(&mut message).expect("a group ends that has not begun"));
    }
    found
}

/// The next field; `None` at the end of a group.
fn take_field<'a>(message: &mut &'a [u8]) -> Option<Field<'a>> {
    let start = *message;
    let tag = take_varint(message);
    let mut content: &[u8] = &[];
    match tag & 7 {
        0 => drop(take_varint(message)),
        1 => *message = &message[8..],
        2 => {
            let length = take_varint(message) as usize;
            (content, *message) = message.split_at(length);
        }
        3 => while take_field(message).is_some() {},
        4 => return None,
        5 => *message = &message[4..],
        other => panic!("wire type {other}"),
    }
    Some(Field { number: tag >> 3, whole: &start[..start.len() - message.len()], content })
}

fn take_varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = message.split_first().unwrap();
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// A trace request without the attributes that pricetag writes. Everything else stays as it is, but for
/// lengths, which come out canonical.
pub(crate) fn without_additions(request: &[u8]) -> Vec<u8> {
    rebuild(request, &[1, 2, 2])
}

fn rebuild(message: &[u8], path: &[u64]) -> Vec<u8> {
    let Some((number, rest)) = path.split_first() else {
        return fields(message)
            .iter()
            .filter(|field| !is_addition(field))
            .flat_map(|field| field.whole.to_vec())
            .collect();
    };
    let field = |field: &Field<'_>| {
        if field.number == *number {
            len(*number, rebuild(field.content, rest))
        } else {
            field.whole.to_vec()
        }
    };
    fields(message).iter().flat_map(field).collect()
}

fn is_addition(field: &Field<'_>) -> bool {
    let ours =
        |key: &[u8]| key.starts_with(b"pricetag.") || ALIASES.iter().any(|alias| alias.as_bytes() == key);
    field.number == 9 && fields(field.content).iter().any(|inner| inner.number == 1 && ours(inner.content))
}

/// The contents of all spans of a trace request, in order.
pub(crate) fn spans(request: &[u8]) -> Vec<&[u8]> {
    within(within(within(vec![request], 1), 2), 2)
}

fn within(messages: Vec<&[u8]>, number: u64) -> Vec<&[u8]> {
    let inner = messages.into_iter().flat_map(fields).filter(|field| field.number == number);
    inner.map(|field| field.content).collect()
}
