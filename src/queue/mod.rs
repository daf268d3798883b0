//! The queue of accepted requests: one log, several readers, each with its own cursor and budget.
//!
//! A receiver reserves room with every reader that is to get a request, before it does any work on it; then
//! it commits the request and its bookings in one step, and only then acknowledges. An exporter reads what is
//! routed to it, the ledger reads the bookings. In memory, a cursor is a queue of references to shared bytes.

mod log;

pub use log::{Full, Level, Log, Permit, Reader, ReaderId};

use bytes::Bytes;

use crate::otlp::Signal;

/// An accepted request: what stands in the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// The request, unless the record only settles traces.
    pub request: Option<Request>,
    /// Its money, as [`crate::booking::Entries`] writes it; may be empty.
    pub entries: Bytes,
}

impl Record {
    /// Bytes of the request's body.
    pub fn bytes(&self) -> usize {
        self.request.as_ref().map_or(0, |request| request.priced.len())
    }
}

/// A request as it leaves.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its signal.
    pub signal: Signal,
    /// As the pricetag processor made it.
    pub priced: Bytes,
    /// As it came, for pipelines without that processor. The same bytes where nothing was edited.
    pub raw: Bytes,
    /// Spans, data points or log records in it.
    pub items: u64,
}

/// What happens to a request when a reader has no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// It is refused, for all readers: the sender keeps it and comes again.
    #[default]
    Refuse,
    /// It is accepted; this reader does not get it, and counts that.
    Drop,
}

/// How much a reader may hold: queued and in flight.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Requests.
    pub requests: usize,
    /// Bytes of bodies.
    pub bytes: usize,
    /// What happens beyond.
    pub on_full: OnFull,
}

/// What a reader gets of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request as the pricetag processor made it.
    Priced,
    /// The request as it came.
    Raw,
    /// Bookings and settlements.
    Entries,
}

/// Who gets what of the records of one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The reader.
    pub to: ReaderId,
    /// What it gets.
    pub part: Part,
}

/// What a reader reads.
#[derive(Clone, Debug)]
pub enum Item {
    /// A request for an exporter.
    Request {
        /// Its signal.
        signal: Signal,
        /// The body to send.
        body: Bytes,
        /// Spans, data points or log records in it.
        items: u64,
    },
    /// Bookings and settlements for the ledger.
    Entries(Bytes),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Request { body, .. } => body.len(),
            Item::Entries(entries) => entries.len(),
        }
    }
}
