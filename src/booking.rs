//! Bookings: what the queue's records tell the ledger about money. Pure.
//!
//! On the wire they are the messages of `proto/pricetag/v1/booking.proto`, written and read borrowed: a
//! request with a hundred calls makes a hundred bookings and one allocation.

mod wire;

use smallvec::SmallVec;

use crate::genai::sampling::Weight;
use crate::otlp::view::Text;
use crate::pricing::{Picodollars, Status};
use crate::settlement::Verdict;

pub use wire::{Changes, Entries, entries, inserted};

/// The money of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking<'a> {
    /// Trace id; empty when the span had none that is valid.
    pub trace: &'a [u8],
    /// Span id; likewise.
    pub span: &'a [u8],
    /// When it is booked, nanoseconds since 1970: the end of the call, or where that can not be, its arrival.
    pub end_unix_nano: u64,
    /// Its own end lies too far back, or ahead: it is booked at its arrival. Its price is still that of its own time.
    pub misdated: bool,
    /// The trace is open: a settlement will confirm or change this booking.
    pub open: bool,
    /// Whether it counts, as known when it was accepted.
    pub verdict: Counted,
    /// The status that the call has if it counts.
    pub status: Status,
    /// What it costs if it counts; `None`: not known.
    pub money: Option<Picodollars>,
    /// What the sender says that it costs, where there is a price of ours too.
    pub reported: Option<Reported>,
    /// How much more tokens read from a cache would have cost at the full rate of the input that they are, by the receipt's own
    /// price: same model, conditions and adjustments. Zero where nothing was cached or there is no such rate; never negative.
    /// What writing to the cache cost is not taken off.
    pub saved: Picodollars,
    /// How many calls it stands for, where spans were sampled before they came.
    pub weight: Weight,
    /// The catalog's provider, or what the span calls it.
    pub provider: Text<'a>,
    /// Model asked for.
    pub model_asked: Text<'a>,
    /// Model that answered.
    pub model_served: Text<'a>,
    /// Operation.
    pub operation: Text<'a>,
    /// The catalog that priced it; empty: not known.
    pub catalog_version: Text<'a>,
    /// The service tier that served it, or was asked for where the answer names none; empty: not known.
    pub service_tier: Text<'a>,
    /// Input tokens, cached ones included.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Values of the dimensions, in the config's order; empty: not known.
    pub dimensions: Values<'a>,
}

/// Values of a call's dimensions, in the config's order; empty: not known. As many as are built in, and a few of the user's, take
/// no allocation.
pub type Values<'a> = SmallVec<[Text<'a>; 12]>;

impl Default for Booking<'_> {
    fn default() -> Self {
        Booking {
            trace: &[],
            span: &[],
            end_unix_nano: 0,
            misdated: false,
            open: false,
            verdict: Counted::Here,
            status: Status::Error,
            money: None,
            reported: None,
            saved: Picodollars::ZERO,
            weight: Weight::ONE,
            provider: Text::default(),
            model_asked: Text::default(),
            model_served: Text::default(),
            operation: Text::default(),
            catalog_version: Text::default(),
            service_tier: Text::default(),
            input: 0,
            output: 0,
            cache_read: 0,
            cache_write: 0,
            reasoning: 0,
            dimensions: Values::new(),
        }
    }
}

impl Booking<'_> {
    /// What all calls cost that it stands for: an estimate, but for those that stand for themselves.
    pub fn estimate(&self) -> Option<Picodollars> {
        self.money.map(|money| money.scaled(self.weight.of(), self.weight.kept()))
    }
}

/// A sender's cost beside ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Theirs.
    pub cost: Picodollars,
    /// How much more it is than ours.
    pub difference: Picodollars,
}

/// A [`Verdict`] as far as money is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// It counts.
    #[default]
    Here,
    /// Another report of the same call counts.
    AsDuplicate,
    /// The calls below it count.
    AsAggregate,
}

impl From<Verdict> for Counted {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Counts => Counted::Here,
            Verdict::Duplicate { .. } => Counted::AsDuplicate,
            Verdict::Aggregate => Counted::AsAggregate,
        }
    }
}

impl Counted {
    const fn number(self) -> u64 {
        match self {
            Counted::Here => 0,
            Counted::AsDuplicate => 1,
            Counted::AsAggregate => 2,
        }
    }

    const fn from_number(number: u64) -> Self {
        match number {
            1 => Counted::AsDuplicate,
            2 => Counted::AsAggregate,
            _ => Counted::Here,
        }
    }

    /// The status of a call with this verdict whose own is `own`.
    pub const fn status(self, own: Status) -> Status {
        match self {
            Counted::Here => own,
            Counted::AsDuplicate => Status::Duplicate,
            Counted::AsAggregate => Status::Aggregate,
        }
    }
}

/// One entry of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "they are read one by one, and none is kept")]
pub enum Entry<'a> {
    /// A call was accepted.
    Booking(Booking<'a>),
    /// A trace has settled.
    Settlement(Settlement<'a>),
}

/// A trace has settled: its open bookings are confirmed, but for these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement<'a> {
    /// The trace.
    pub trace: &'a [u8],
    /// The name of the user's action that the trace is; empty: not known.
    pub action: Text<'a>,
    /// Its root's span id; empty: not known.
    pub root: &'a [u8],
    /// Some of it has settled before, as far as that is remembered: it is the same action.
    pub again: bool,
    /// What is not as it was booked.
    pub changes: Vec<Change<'a>>,
}

/// What a settlement changes of one booking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// The span.
    pub span: &'a [u8],
    /// Whether it counts.
    pub verdict: Counted,
    /// What is booked instead; `None`: what was booked.
    pub restated: Option<Box<Booking<'a>>>,
    /// Dimensions, by their position in the config, whose value is another than was booked, and that value. They hold for what is
    /// restated, too.
    pub moved: Vec<(u32, Text<'a>)>,
}

#[cfg(test)]
mod tests;
