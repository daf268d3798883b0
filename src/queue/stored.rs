//! A record as it stands on disk: a head with its length, its place and a checksum, then the message `Stored` of
//! `proto/pricetag/v1/record.proto`. Pure.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use smallvec::SmallVec;

use super::{Part, Record, Request};
use crate::otlp::Signal;
use crate::otlp::wire::{
    Malformed, Message, Value, begin_message, end_message, put_bytes, put_fixed64, put_uint,
};

/// How a record begins: where one is damaged, the next is looked for by it.
const MAGIC: [u8; 4] = *b"ptr1";
/// Bytes of the head: magic, length, position, checksum.
pub const HEAD: usize = 20;
/// No record is longer: bodies have their limits, and what claims to be longer is damaged.
const LONGEST: usize = 1 << 30;

/// Field numbers of `Stored` and `Route`.
mod number {
    pub(super) const SIGNAL: u32 = 1;
    pub(super) const ITEMS: u32 = 2;
    pub(super) const ARRIVED: u32 = 3;
    pub(super) const SAID: u32 = 4;
    pub(super) const ROUTE: u32 = 5;
    pub(super) const DIMENSION: u32 = 6;
    pub(super) const ENTRIES: u32 = 7;
    pub(super) const RAW: u32 = 8;
    pub(super) const PRICED: u32 = 9;

    pub(super) const READER: u32 = 1;
    pub(super) const PART: u32 = 2;
}

/// A record that was read, as slices of what it was read from.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Where it begins and ends in the log.
    pub position: u64,
    /// Where the next one may begin.
    pub end: u64,
    /// The request, unless the record only settles traces or names dimensions.
    pub request: Option<Request>,
    /// Bookings and settlements.
    pub entries: Bytes,
    /// Who gets what of it, by name.
    pub routes: SmallVec<[(Bytes, Part); 4]>,
    /// The names of the dimensions of all entries from here on, if the record says them.
    pub dimensions: Option<Vec<String>>,
}

/// Appends a record that will stand at this position.
pub fn put(out: &mut Vec<u8>, position: u64, record: &Record, routes: &[(&str, Part)]) {
    framed(out, position, |out| {
        if let Some(request) = &record.request {
            put_uint(out, number::SIGNAL, request.signal as u64 + 1);
            put_uint(out, number::ITEMS, request.items);
            put_fixed64(out, number::ARRIVED, request.arrived);
            for (by, value) in &request.said {
                put_bytes(out, number::SAID, &[by.as_bytes(), b"\0", value.as_bytes()].concat());
            }
        }
        for (reader, part) in routes {
            let start = begin_message(out, number::ROUTE);
            put_bytes(out, number::READER, reader.as_bytes());
            put_uint(out, number::PART, *part as u64);
            end_message(out, start);
        }
        put_bytes(out, number::ENTRIES, &record.entries);
        let Some(request) = &record.request else { return };
        // As it came where somebody asks for it, and where nothing was edited the two are one.
        let raw = routes.iter().any(|(_, part)| matches!(part, Part::Raw | Part::Held));
        if raw && request.raw != request.priced {
            put_bytes(out, number::RAW, &request.raw);
        }
        put_bytes(out, number::PRICED, &request.priced);
    });
}

/// Appends a record that names the dimensions of the entries behind it.
pub fn put_dimensions(out: &mut Vec<u8>, position: u64, names: &[String]) {
    framed(out, position, |out| {
        // One that is empty says that there are none.
        for name in names.iter().map(String::as_str).chain([""]) {
            put_bytes(out, number::DIMENSION, name.as_bytes());
        }
    });
}

fn framed(out: &mut Vec<u8>, position: u64, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; HEAD - MAGIC.len()]);
    payload(out);
    let length = (out.len() - start - HEAD) as u32;
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..start + 16].copy_from_slice(&position.to_le_bytes());
    let checksum = checksum(&out[start + 4..start + 16], &out[start + HEAD..]);
    out[start + 16..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
}

/// CRC-32, by the crate that is built for gzip already; as fast as CRC-32C where the processor helps.
fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// What stands at the beginning of some bytes of the log.
#[derive(Debug)]
pub enum Scanned {
    /// A record.
    Record(Box<Stored>),
    /// The beginning of a record of so many bytes, head included.
    Partial(usize),
    /// No record. The next one may begin after so many bytes, at least one; the end of the bytes if there is none among them.
    Damaged(usize),
}

/// Reads what stands at this position. `bytes` begin there; where they `end` nothing follows.
pub fn scan(bytes: &Bytes, position: u64, end: bool) -> Scanned {
    match head(bytes, position) {
        Some((length, _)) if bytes.len() >= HEAD + length => {
            if let Some(stored) = read(bytes, position, length) {
                return Scanned::Record(Box::new(stored));
            }
        }
        Some((length, _)) if !end => return Scanned::Partial(HEAD + length),
        None if bytes.len() < HEAD && !end => return Scanned::Partial(HEAD),
        _ => {}
    }
    let next = (1..bytes.len()).find(|&at| match bytes.len() - at < HEAD {
        // The rest may be the beginning of a head.
        true => !end,
        false => head(&bytes[at..], position + at as u64).is_some(),
    });
    Scanned::Damaged(next.unwrap_or(bytes.len()).max(1))
}

/// Length and checksum that a head at this position tells.
fn head(bytes: &[u8], position: u64) -> Option<(usize, u32)> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let place = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    let length = word(4)? as usize;
    let checksum = word(16)?;
    (bytes.starts_with(&MAGIC) && place == position && length <= LONGEST).then_some((length, checksum))
}

fn read(bytes: &Bytes, position: u64, length: usize) -> Option<Stored> {
    let (_, expected) = head(bytes, position)?;
    let payload = bytes.slice(HEAD..HEAD + length);
    if checksum(&bytes[4..16], &payload) != expected {
        return None;
    }
    let mut stored = parse(&payload).ok()?;
    (stored.position, stored.end) = (position, position + (HEAD + length) as u64);
    Some(stored)
}

/// Reads the message of a record.
///
/// # Errors
/// [`Malformed`]: it is none.
pub fn parse(payload: &Bytes) -> Result<Stored, Malformed> {
    let slice = |message: Message<'_>| payload.slice(message.start()..message.end());
    let mut stored = Stored::default();
    let mut request = Request::new(Signal::Traces, Bytes::new(), 0);
    let (mut signal, mut raw) = (0, None);
    for field in Message::whole(payload)?.fields() {
        let field = field?;
        match (field.number, field.value) {
            (number::SIGNAL, Value::Varint(number)) => signal = number,
            (number::ITEMS, Value::Varint(items)) => request.items = items,
            (number::ARRIVED, Value::Fixed64(nanos)) => request.arrived = nanos,
            (number::SAID, Value::Len(said)) => request.said.extend(self::said(slice(said))),
            (number::ROUTE, Value::Len(message)) => stored.routes.extend(route(payload, message)?),
            (number::DIMENSION, Value::Len(name)) => {
                let names = stored.dimensions.get_or_insert_default();
                let name = String::from_utf8_lossy(name.bytes()).into_owned();
                names.extend(Some(name).filter(|name| !name.is_empty()));
            }
            (number::ENTRIES, Value::Len(entries)) => stored.entries = slice(entries),
            (number::RAW, Value::Len(body)) => raw = Some(slice(body)),
            (number::PRICED, Value::Len(body)) => request.priced = slice(body),
            _ => {}
        }
    }
    request.raw = raw.unwrap_or_else(|| request.priced.clone());
    let signal = signal.checked_sub(1).and_then(|signal| Signal::ALL.get(signal as usize));
    stored.request = signal.map(|signal| Request { signal: *signal, ..request });
    Ok(stored)
}

/// What says something of dimensions, and what.
fn said(mut text: Bytes) -> Option<(Arc<str>, HeaderValue)> {
    let end = text.iter().position(|byte| *byte == 0)?;
    let by = text.split_to(end);
    let value = HeaderValue::from_maybe_shared(text.slice(1..)).ok()?;
    Some((std::str::from_utf8(&by).ok()?.into(), value))
}

fn route(payload: &Bytes, message: Message<'_>) -> Result<Option<(Bytes, Part)>, Malformed> {
    let (mut reader, mut part) = (Bytes::new(), None);
    for field in message.fields() {
        let field = field?;
        match (field.number, field.value) {
            (number::READER, Value::Len(name)) => reader = payload.slice(name.start()..name.end()),
            (number::PART, Value::Varint(number)) => {
                part = Part::ALL.into_iter().find(|part| *part as u64 == number);
            }
            _ => {}
        }
    }
    Ok(part.map(|part| (reader, part)))
}
