//! A slow reader of protobuf, and a writer that says the same in other words.

use super::tape::Tape;

/// The messages of a request of traces or logs that hold others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Status,
    LogRequest,
    ResourceLogs,
    ScopeLogs,
    Record,
    KeyValue,
    AnyValue,
    Array,
    KeyValues,
}

impl Kind {
    pub(super) fn child(self, number: u64) -> Option<Kind> {
        Some(match (self, number) {
            (Kind::Request, 1) => Kind::ResourceSpans,
            (Kind::ResourceSpans, 1) => Kind::Resource,
            (Kind::ResourceSpans, 2) => Kind::ScopeSpans,
            (Kind::ScopeSpans, 1) => Kind::Scope,
            (Kind::ScopeSpans, 2) => Kind::Span,
            (Kind::LogRequest, 1) => Kind::ResourceLogs,
            (Kind::ResourceLogs, 1) => Kind::Resource,
            (Kind::ResourceLogs, 2) => Kind::ScopeLogs,
            (Kind::ScopeLogs, 1) => Kind::Scope,
            (Kind::ScopeLogs, 2) => Kind::Record,
            (Kind::Span, 11) => Kind::Event,
            (Kind::Span, 13) => Kind::Link,
            (Kind::Span, 15) => Kind::Status,
            (Kind::Resource, 1)
            | (Kind::Scope | Kind::Event, 3)
            | (Kind::Span, 9)
            | (Kind::Link, 4)
            | (Kind::Record, 6)
            | (Kind::KeyValues, 1) => Kind::KeyValue,
            (Kind::KeyValue, 2) | (Kind::Array, 1) | (Kind::Record, 5) => Kind::AnyValue,
            (Kind::AnyValue, 5) => Kind::Array,
            (Kind::AnyValue, 6) => Kind::KeyValues,
            _ => return None,
        })
    }
}

/// A field as it stands: all of its bytes, those of its tag, and what its length prefix encloses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) wire_type: u64,
    pub(super) whole: &'a [u8],
    pub(super) tag: &'a [u8],
    pub(super) content: &'a [u8],
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u128;
    for place in 0..10 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u128::from(first & 0x7f) << (7 * place);
        if *first < 0x80 {
            return u64::try_from(value).ok();
        }
    }
    None
}

fn skip<'a>(bytes: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (skipped, rest) = bytes.split_at_checked(usize::try_from(count).ok()?)?;
    *bytes = rest;
    Some(skipped)
}

/// The first field of `bytes`, which moves behind it.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let all = *bytes;
    let key = varint(bytes)?;
    let tag = &all[..all.len() - bytes.len()];
    let (number, wire_type) = (key >> 3, key & 7);
    let content = match wire_type {
        0 => {
            varint(bytes)?;
            &[][..]
        }
        1 => skip(bytes, 8)?,
        2 => {
            let length = varint(bytes)?;
            skip(bytes, length)?
        }
        3 => {
            while field(bytes)?.wire_type != 4 {}
            &[][..]
        }
        4 => &[][..],
        5 => skip(bytes, 4)?,
        _ => return None,
    };
    Some(Field { number, wire_type, whole: &all[..all.len() - bytes.len()], tag, content })
}

pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        fields.push(field(&mut bytes)?);
    }
    Some(fields)
}

/// Whether `after` is `before` with attributes appended to spans: every other byte the same, apart from the
/// length prefixes of spans and of what holds them.
pub(super) fn differs_only_by_attributes(kind: Kind, before: &[u8], after: &[u8]) -> Result<(), String> {
    if kind == Kind::Span {
        let added = after.strip_prefix(before).ok_or_else(|| format!("{before:x?} became {after:x?}"))?;
        let added = fields(added).ok_or("what was added is no protobuf")?;
        return match added.iter().find(|field| (field.number, field.wire_type) != (9, 2)) {
            Some(field) => Err(format!("{field:x?} was added, which is no attribute")),
            None => Ok(()),
        };
    }
    let (before, after) = (fields(before).ok_or("bad input")?, fields(after).ok_or("bad output")?);
    if before.len() != after.len() {
        return Err(format!("{} fields of {kind:?} became {}", before.len(), after.len()));
    }
    for (before, after) in before.iter().zip(&after) {
        let path = matches!(
            (kind, before.number, before.wire_type),
            (Kind::Request, 1, 2) | (Kind::ResourceSpans | Kind::ScopeSpans, 2, 2)
        );
        match kind.child(before.number).filter(|_| path) {
            Some(child) if before.tag == after.tag => {
                differs_only_by_attributes(child, before.content, after.content)?;
            }
            None if before == after => {}
            _ => return Err(format!("in {kind:?} {before:x?} became {after:x?}")),
        }
    }
    Ok(())
}

fn put_varint(out: &mut Vec<u8>, mut value: u64, tape: &mut Tape<'_>) {
    let start = out.len();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    let padding = if tape.chance(5) { tape.below(10) } else { 0 };
    for _ in 0..padding.min(10 - (out.len() - start)) {
        *out.last_mut().unwrap() |= 0x80;
        out.push(0);
    }
}

fn put_len(out: &mut Vec<u8>, number: u64, content: &[u8], tape: &mut Tape<'_>) {
    put_varint(out, number << 3 | 2, tape);
    put_varint(out, content.len() as u64, tape);
    out.extend_from_slice(content);
}

/// A field that no version of OTLP knows.
fn put_unknown(out: &mut Vec<u8>, tape: &mut Tape<'_>, depth: usize) {
    let number = 2000 + tape.below(60_000) as u64;
    let wire_type = tape.pick(&[0, 1, 2, 3, 5]);
    put_varint(out, number << 3 | wire_type, tape);
    match wire_type {
        0 => put_varint(out, tape.u64(), tape),
        1 => out.extend_from_slice(&tape.u64().to_le_bytes()),
        2 => {
            let content = vec![tape.byte(); tape.below(40)];
            put_varint(out, content.len() as u64, tape);
            out.extend_from_slice(&content);
        }
        3 => {
            while depth < 6 && tape.chance(50) {
                put_unknown(out, tape, depth + 1);
            }
            put_varint(out, number << 3 | 4, tape);
        }
        _ => out.extend_from_slice(&(tape.u64() as u32).to_le_bytes()),
    }
}

/// A message of the same meaning as `canonical`, in other bytes: fields in another order, unknown fields,
/// padded varints, values that a later one replaces, messages in two parts that a reader merges.
pub(super) fn scramble(kind: Kind, canonical: &[u8], tape: &mut Tape<'_>) -> Vec<u8> {
    let mut written: Vec<(u64, Vec<u8>)> = Vec::new();
    for field in fields(canonical).expect("prost writes protobuf") {
        let number = field.number;
        let mut bytes = Vec::new();
        match kind.child(number) {
            Some(child) => {
                let content = scramble(child, field.content, tape);
                let singular = matches!(child, Kind::Resource | Kind::Scope | Kind::Status)
                    || (matches!(kind, Kind::KeyValue | Kind::Record) && child == Kind::AnyValue);
                let cut = if singular && tape.chance(10) { parts(child, &content, tape) } else { 0 };
                if singular && (cut > 0 || tape.chance(3)) {
                    put_len(&mut bytes, number, &content[..cut], tape);
                }
                put_len(&mut bytes, number, &content[cut..], tape);
                if singular && tape.chance(3) {
                    put_len(&mut bytes, number, &[], tape);
                }
            }
            None => {
                if tape.chance(4) {
                    replaced(kind, &field, &mut bytes, tape);
                }
                put_varint(&mut bytes, number << 3 | field.wire_type, tape);
                match field.wire_type {
                    0 => {
                        let mut value = &field.whole[field.tag.len()..];
                        let mut value = varint(&mut value).expect("a varint");
                        // An int32 is the lower half of what stands there.
                        if matches!((kind, number), (Kind::Span, 6) | (Kind::Status, 3)) && tape.chance(3) {
                            value |= 1 << 40;
                        }
                        put_varint(&mut bytes, value, tape);
                    }
                    2 => {
                        put_varint(&mut bytes, field.content.len() as u64, tape);
                        bytes.extend_from_slice(field.content);
                    }
                    _ => bytes.extend_from_slice(field.content),
                }
            }
        }
        written.push((number, bytes));
    }
    // Repeated fields keep their order among themselves; a oneof has one field.
    if tape.chance(30) {
        let numbers: Vec<u64> = written.iter().map(|(number, _)| *number).collect();
        let mut order = numbers.clone();
        tape.shuffle(&mut order);
        let mut taken = vec![false; numbers.len()];
        let next = |number: u64| {
            let at = (0..numbers.len()).find(|&at| !taken[at] && numbers[at] == number).expect("as many");
            taken[at] = true;
            at
        };
        let places: Vec<usize> = order.into_iter().map(next).collect();
        written = places.into_iter().map(|at| (numbers[at], std::mem::take(&mut written[at].1))).collect();
    }
    let mut out = Vec::with_capacity(canonical.len() * 2);
    for (_, bytes) in written {
        if tape.chance(4) {
            put_unknown(&mut out, tape, 0);
        }
        out.extend_from_slice(&bytes);
    }
    if tape.chance(5) {
        put_unknown(&mut out, tape, 0);
    }
    out
}

/// Where to cut a message's fields in two. A value is whole in the first part: arrays would merge.
fn parts(kind: Kind, content: &[u8], tape: &mut Tape<'_>) -> usize {
    let fields = fields(content).expect("we wrote it");
    let whole: usize = fields.iter().map(|field| field.whole.len()).sum();
    match kind {
        Kind::AnyValue => whole,
        _ => fields.iter().take(tape.below(fields.len() + 1)).map(|field| field.whole.len()).sum(),
    }
}

/// A scalar that the one behind it replaces.
fn replaced(kind: Kind, field: &Field<'_>, out: &mut Vec<u8>, tape: &mut Tape<'_>) {
    if kind == Kind::AnyValue {
        return put_len(out, 1, b"replaced", tape);
    }
    put_varint(out, field.number << 3 | field.wire_type, tape);
    match field.wire_type {
        0 => put_varint(out, 2, tape),
        1 => out.extend_from_slice(&[9; 8]),
        5 => out.extend_from_slice(&[9; 4]),
        _ => {
            put_varint(out, 4, tape);
            out.extend_from_slice(b"junk");
        }
    }
}
