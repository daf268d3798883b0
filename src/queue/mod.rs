//! The queue of accepted requests: one log, several readers, each with its own cursor and budget.
//!
//! A receiver reserves room with every reader that is to get a request, before it does any work on it; then
//! it commits the request and its bookings in one step, waits until the disk has them, and only then acknowledges. An exporter reads
//! what is routed to it, the ledger reads the bookings.
//!
//! | file | what it holds |
//! |---|---|
//! | [`log`](mod@log) | room, and what happens with a record when it is committed |
//! | `cursor`, [`reader`](mod@reader) | what a reader has taken, and what is next |
//! | [`stored`] | a record as bytes: pure |
//! | [`storage`] | what is needed of a disk |
//! | `segments` | the files |
//! | `writer` | the thread that writes and syncs them, and removes those that nobody needs |
//! | [`recovery`] | what an earlier process left |
//!
//! In memory, a cursor is a queue of references to shared bytes. On disk it is that too, as long as its reader keeps up; one that does
//! not reads the files.

mod cursor;
pub mod log;
mod positions;
pub mod reader;
pub mod recovery;
mod segments;
pub mod storage;
pub mod stored;
mod writer;

pub use cursor::Level;
pub use log::{Committed, Full, Log, Permit, ReaderId};
pub use reader::{Read, Reader};
pub use segments::Unusable;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use smallvec::SmallVec;

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

impl From<Request> for Record {
    fn from(request: Request) -> Self {
        Record { request: Some(request), entries: Bytes::new() }
    }
}

/// What a request says of dimensions besides its body, each with the name of what says it: a header's, or what stands for the login. Nothing
/// at all, and no allocation, where no dimension asks.
pub type Said = SmallVec<[(Arc<str>, HeaderValue); 1]>;

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
    /// When it came, nanoseconds since 1970; zero: it is one of our own.
    pub arrived: u64,
    /// What it said of dimensions besides its body.
    pub said: Said,
}

impl Request {
    /// One that leaves as it is, and is our own.
    pub fn new(signal: Signal, body: Bytes, items: u64) -> Self {
        Request { signal, priced: body.clone(), raw: body, items, arrived: 0, said: Said::new() }
    }
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

/// What of a reader survives the process, where the log is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing: it begins with what comes next.
    #[default]
    Nothing,
    /// Its cursor: it goes on where it was.
    Cursor,
}

/// What a reader gets of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request as the pricetag processor made it.
    Priced = 0,
    /// The request as it came.
    Raw = 1,
    /// Bookings and settlements.
    Entries = 2,
    /// The request as it came, with all that is known of it: it is to be written anew, and put into the log again.
    Held = 3,
}

impl Part {
    const ALL: [Part; 4] = [Part::Priced, Part::Raw, Part::Entries, Part::Held];

    /// What a reader gets of a request and of entries; `None`: nothing.
    fn of(self, request: Option<&Request>, entries: &Bytes) -> Option<Item> {
        let item = |body: fn(&Request) -> &Bytes| {
            let request = request?;
            Some(Item::Request { signal: request.signal, body: body(request).clone(), items: request.items })
        };
        match self {
            Part::Priced => item(|request| &request.priced),
            Part::Raw => item(|request| &request.raw),
            Part::Held => request.map(|request| Item::Held(Box::new(request.clone()))),
            Part::Entries => (!entries.is_empty()).then(|| Item::Entries(entries.clone())),
        }
    }
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
    /// A request that is held back.
    Held(Box<Request>),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Item::Request { body, .. } => body.len(),
            Item::Entries(entries) => entries.len(),
            Item::Held(request) => request.raw.len(),
        }
    }
}

#[cfg(test)]
mod tests;
