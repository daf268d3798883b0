//! Bookings on the wire: the messages of `proto/pricetag/v1/booking.proto`.

use super::{Booking, Change, Counted, Entry, Reported, Settlement};
use crate::genai::sampling::Weight;
use crate::otlp::view::Text;
use crate::otlp::wire::{
    Malformed, Message, Value, begin_message, end_message, put_array, put_bytes, put_fixed64, put_uint,
    put_varint,
};
use crate::pricing::{Picodollars, Status};

/// Field numbers of `Entries`, `Booking`, `Settlement`, `Change` and `Move`.
mod number {
    pub(super) const BOOKING: u32 = 1;
    pub(super) const SETTLEMENT: u32 = 2;
    pub(super) const INSERTED: u32 = 3;

    pub(super) const TRACE: u32 = 1;
    pub(super) const SPAN: u32 = 2;
    pub(super) const END: u32 = 3;
    pub(super) const OPEN: u32 = 4;
    pub(super) const VERDICT: u32 = 5;
    pub(super) const STATUS: u32 = 6;
    pub(super) const MONEY: u32 = 7;
    pub(super) const REPORTED: u32 = 18;
    pub(super) const DIFFERENCE: u32 = 19;
    pub(super) const PROVIDER: u32 = 8;
    pub(super) const MODEL_ASKED: u32 = 9;
    pub(super) const MODEL_SERVED: u32 = 10;
    pub(super) const OPERATION: u32 = 11;
    pub(super) const INPUT: u32 = 13;
    pub(super) const OUTPUT: u32 = 14;
    pub(super) const CACHE_READ: u32 = 15;
    pub(super) const CACHE_WRITE: u32 = 16;
    pub(super) const REASONING: u32 = 17;
    pub(super) const DIMENSION: u32 = 12;
    pub(super) const CATALOG_VERSION: u32 = 20;
    pub(super) const SERVICE_TIER: u32 = 21;
    pub(super) const MISDATED: u32 = 22;
    pub(super) const SAVED: u32 = 23;
    pub(super) const SAMPLED_OF: u32 = 24;
    pub(super) const SAMPLED_KEPT: u32 = 25;

    pub(super) const CHANGE: u32 = 2;
    pub(super) const ACTION: u32 = 3;
    pub(super) const ROOT: u32 = 4;
    pub(super) const AGAIN: u32 = 5;

    pub(super) const RESTATED: u32 = 6;
    pub(super) const MOVE: u32 = 7;

    pub(super) const MOVED_DIMENSION: u32 = 1;
    pub(super) const VALUE: u32 = 2;
}

/// Writes the entries of one record. Keeps its allocations.
#[derive(Debug, Default)]
pub struct Entries {
    out: Vec<u8>,
}

impl Entries {
    /// Appends a booking.
    pub fn push_booking(&mut self, booking: &Booking<'_>) {
        let start = begin_message(&mut self.out, number::BOOKING);
        booking.write(&mut self.out);
        end_message(&mut self.out, start);
    }

    /// Appends a settlement, with the changes that `changes` pushes. Where the action's name or the root's span id is not known, it
    /// is empty.
    pub fn push_settlement(
        &mut self,
        trace: &[u8],
        action: Text<'_>,
        root: &[u8],
        changes: impl FnOnce(&mut Changes<'_>),
    ) {
        let start = begin_message(&mut self.out, number::SETTLEMENT);
        put_bytes(&mut self.out, number::TRACE, trace);
        put_bytes(&mut self.out, number::ACTION, action.0);
        put_bytes(&mut self.out, number::ROOT, root);
        changes(&mut Changes { out: &mut self.out });
        end_message(&mut self.out, start);
    }

    /// Appends where the request has bytes that did not come with it: their offsets and lengths, in their order.
    pub fn push_inserted(&mut self, inserted: impl IntoIterator<Item = (usize, usize)>) {
        let mut inserted = inserted.into_iter().peekable();
        if inserted.peek().is_none() {
            return;
        }
        let start = begin_message(&mut self.out, number::INSERTED);
        for (offset, length) in inserted {
            put_varint(&mut self.out, offset as u64);
            put_varint(&mut self.out, length as u64);
        }
        end_message(&mut self.out, start);
    }

    /// The entries so far, leaving none.
    pub fn take(&mut self) -> bytes::Bytes {
        let entries = bytes::Bytes::copy_from_slice(&self.out);
        self.out.clear();
        entries
    }
}

/// A tag, or the lower seven bits of one that has two bytes.
const fn tag(number: u32, wire_type: u32) -> u8 {
    ((number << 3 | wire_type) & 0x7f) as u8
}

/// The changes of a settlement that is being written.
#[derive(Debug)]
pub struct Changes<'e> {
    out: &'e mut Vec<u8>,
}

impl Changes<'_> {
    /// Says that some of the trace has settled before.
    pub fn again(&mut self) {
        put_uint(self.out, number::AGAIN, 1);
    }

    /// Appends a change: the span's verdict; where its money is another, the booking that takes the place of the old one; and
    /// the dimensions whose value is another.
    pub fn push<'v>(
        &mut self,
        span: &[u8],
        verdict: Counted,
        restated: Option<&Booking<'_>>,
        moved: impl IntoIterator<Item = (u32, Text<'v>)>,
    ) {
        let start = begin_message(self.out, number::CHANGE);
        put_bytes(self.out, number::SPAN, span);
        put_uint(self.out, number::VERDICT, verdict.number());
        if let Some(booking) = restated {
            let start = begin_message(self.out, number::RESTATED);
            booking.write(self.out);
            end_message(self.out, start);
        }
        for (dimension, value) in moved {
            let start = begin_message(self.out, number::MOVE);
            put_uint(self.out, number::MOVED_DIMENSION, dimension.into());
            put_bytes(self.out, number::VALUE, value.0);
            end_message(self.out, start);
        }
        end_message(self.out, start);
    }
}

/// Where the request of a record has bytes that did not come with it: offsets and lengths.
///
/// # Errors
/// [`Malformed`], for a record that we did not write.
pub fn inserted(record: &[u8]) -> Result<Vec<(usize, usize)>, Malformed> {
    let mut numbers = Vec::new();
    for field in Message::whole(record)?.fields() {
        let field = field?;
        if field.number == number::INSERTED {
            let mut rest = field.message()?.varints();
            while let (Some(offset), Some(length)) = (rest.next().transpose()?, rest.next().transpose()?) {
                numbers.push((offset as usize, length as usize));
            }
        }
    }
    Ok(numbers)
}

/// Reads the entries of a record.
///
/// # Errors
/// [`Malformed`], for a record that we did not write.
pub fn entries<'a>(record: &'a [u8]) -> impl Iterator<Item = Result<Entry<'a>, Malformed>> + use<'a> {
    let message = Message::whole(record);
    let too_large = message.as_ref().err().cloned().map(Err);
    let fields = message.into_iter().flat_map(Message::fields).filter_map(|field| {
        let read = || {
            let field = field?;
            Ok(match field.number {
                number::BOOKING => Some(Entry::Booking(Booking::read(field.message()?)?)),
                number::SETTLEMENT => Some(Entry::Settlement(Settlement::read(field.message()?)?)),
                _ => None,
            })
        };
        read().transpose()
    });
    too_large.into_iter().chain(fields)
}

/// Bytes of what every booking has.
const HEAD: usize = 9 + 3 * 2 + 3 * 9 + 2 * 10;

impl<'a> Booking<'a> {
    fn write(&self, out: &mut Vec<u8>) {
        out.reserve(512);
        self.put_head(out);
        match (self.trace.try_into(), self.span.try_into()) {
            (Ok(trace), Ok(span)) => {
                put_array::<16>(out, number::TRACE, trace);
                put_array::<8>(out, number::SPAN, span);
            }
            _ => {
                put_bytes(out, number::TRACE, self.trace);
                put_bytes(out, number::SPAN, self.span);
            }
        }
        if let Some(money) = self.money {
            put_array(out, number::MONEY, &money.get().to_le_bytes());
        }
        if let Some(Reported { cost, difference }) = self.reported {
            for (number, money) in [(number::REPORTED, cost), (number::DIFFERENCE, difference)] {
                put_array(out, number, &money.get().to_le_bytes());
            }
        }
        if self.misdated {
            put_uint(out, number::MISDATED, 1);
        }
        if !self.saved.is_zero() {
            put_array(out, number::SAVED, &self.saved.get().to_le_bytes());
        }
        if self.weight != Weight::ONE {
            put_fixed64(out, number::SAMPLED_OF, self.weight.of());
            put_fixed64(out, number::SAMPLED_KEPT, self.weight.kept());
        }
        let texts = [
            (number::PROVIDER, self.provider),
            (number::MODEL_ASKED, self.model_asked),
            (number::MODEL_SERVED, self.model_served),
            (number::OPERATION, self.operation),
            (number::CATALOG_VERSION, self.catalog_version),
            (number::SERVICE_TIER, self.service_tier),
        ];
        for (number, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            put_bytes(out, number, text.0);
        }
        for value in &self.dimensions {
            put_bytes(out, number::DIMENSION, value.0);
        }
    }

    /// Appends what every booking has, in one piece of known length: nothing asks for room in between.
    #[inline(always)]
    fn put_head(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD]);
        // Made where it stays: to move it would be to wait for it.
        let Some(head) = out[start..].first_chunk_mut::<HEAD>() else { return };
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            head[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&[tag(number::END, 1)]);
        put(&self.end_unix_nano.to_le_bytes());
        put(&[tag(number::OPEN, 0), self.open as u8]);
        put(&[tag(number::VERDICT, 0), self.verdict.number() as u8]);
        put(&[tag(number::STATUS, 0), self.status as u8]);
        for (number, count) in [
            (number::INPUT, self.input),
            (number::OUTPUT, self.output),
            (number::CACHE_READ, self.cache_read),
        ] {
            put(&[tag(number, 1)]);
            put(&count.to_le_bytes());
        }
        for (number, count) in [(number::CACHE_WRITE, self.cache_write), (number::REASONING, self.reasoning)]
        {
            put(&[tag(number, 1) | 0x80, (number >> 4) as u8]);
            put(&count.to_le_bytes());
        }
    }

    fn read(message: Message<'a>) -> Result<Self, Malformed> {
        let text = |message: Message<'a>| Text(message.bytes());
        let money = |bytes: Message<'a>| {
            bytes.bytes().try_into().ok().map(|le| Picodollars::new(i128::from_le_bytes(le)))
        };
        let mut booking = Booking::default();
        let mut sampled = (1, 1);
        for field in message.fields() {
            let field = field?;
            match (field.number, field.value) {
                (number::TRACE, Value::Len(bytes)) => booking.trace = bytes.bytes(),
                (number::SPAN, Value::Len(bytes)) => booking.span = bytes.bytes(),
                (number::END, Value::Fixed64(nanos)) => booking.end_unix_nano = nanos,
                (number::OPEN, Value::Varint(bit)) => booking.open = bit != 0,
                (number::VERDICT, Value::Varint(number)) => booking.verdict = Counted::from_number(number),
                (number::STATUS, Value::Varint(number)) => {
                    booking.status =
                        u8::try_from(number).ok().and_then(Status::from_u8).unwrap_or(Status::Error);
                }
                (number::MONEY, Value::Len(bytes)) => booking.money = money(bytes),
                (number::REPORTED, Value::Len(bytes)) => {
                    booking.reported.get_or_insert_default().cost = money(bytes).unwrap_or_default();
                }
                (number::DIFFERENCE, Value::Len(bytes)) => {
                    booking.reported.get_or_insert_default().difference = money(bytes).unwrap_or_default();
                }
                (number::MISDATED, Value::Varint(bit)) => booking.misdated = bit != 0,
                (number::SAVED, Value::Len(bytes)) => booking.saved = money(bytes).unwrap_or_default(),
                (number::SAMPLED_OF, Value::Fixed64(of)) => sampled.0 = of,
                (number::SAMPLED_KEPT, Value::Fixed64(kept)) => sampled.1 = kept,
                (number::PROVIDER, Value::Len(bytes)) => booking.provider = text(bytes),
                (number::MODEL_ASKED, Value::Len(bytes)) => booking.model_asked = text(bytes),
                (number::MODEL_SERVED, Value::Len(bytes)) => booking.model_served = text(bytes),
                (number::OPERATION, Value::Len(bytes)) => booking.operation = text(bytes),
                (number::CATALOG_VERSION, Value::Len(bytes)) => booking.catalog_version = text(bytes),
                (number::SERVICE_TIER, Value::Len(bytes)) => booking.service_tier = text(bytes),
                (number::INPUT, Value::Fixed64(count)) => booking.input = count,
                (number::OUTPUT, Value::Fixed64(count)) => booking.output = count,
                (number::CACHE_READ, Value::Fixed64(count)) => booking.cache_read = count,
                (number::CACHE_WRITE, Value::Fixed64(count)) => booking.cache_write = count,
                (number::REASONING, Value::Fixed64(count)) => booking.reasoning = count,
                (number::DIMENSION, Value::Len(bytes)) => booking.dimensions.push(text(bytes)),
                _ => {}
            }
        }
        booking.weight = Weight::new(sampled.0, sampled.1).unwrap_or_default();
        Ok(booking)
    }
}

impl<'a> Settlement<'a> {
    fn read(message: Message<'a>) -> Result<Self, Malformed> {
        let mut settlement = Settlement::default();
        for field in message.fields() {
            let field = field?;
            match (field.number, field.value) {
                (number::TRACE, Value::Len(bytes)) => settlement.trace = bytes.bytes(),
                (number::ACTION, Value::Len(bytes)) => settlement.action = Text(bytes.bytes()),
                (number::ROOT, Value::Len(bytes)) => settlement.root = bytes.bytes(),
                (number::AGAIN, Value::Varint(again)) => settlement.again = again != 0,
                (number::CHANGE, Value::Len(change)) => settlement.changes.push(Change::read(change)?),
                _ => {}
            }
        }
        Ok(settlement)
    }
}

impl<'a> Change<'a> {
    fn read(message: Message<'a>) -> Result<Self, Malformed> {
        let mut change = Change::default();
        for field in message.fields() {
            let field = field?;
            match (field.number, field.value) {
                (number::SPAN, Value::Len(bytes)) => change.span = bytes.bytes(),
                (number::VERDICT, Value::Varint(number)) => change.verdict = Counted::from_number(number),
                (number::RESTATED, Value::Len(booking)) => {
                    change.restated = Some(Box::new(Booking::read(booking)?));
                }
                (number::MOVE, Value::Len(message)) => change.moved.push(moved(message)?),
                _ => {}
            }
        }
        Ok(change)
    }
}

fn moved<'a>(message: Message<'a>) -> Result<(u32, Text<'a>), Malformed> {
    let (mut dimension, mut value) = (0, Text::default());
    for field in message.fields() {
        let field = field?;
        match (field.number, field.value) {
            (number::MOVED_DIMENSION, Value::Varint(number)) => {
                dimension = u32::try_from(number).unwrap_or(u32::MAX);
            }
            (number::VALUE, Value::Len(bytes)) => value = Text(bytes.bytes()),
            _ => {}
        }
    }
    Ok((dimension, value))
}
