//! The log in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::{Budget, Item, OnFull, Part, Record, Request, Route};

/// One of a log's readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderId(usize);

/// A reader that refuses has no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// Its name, such as an exporter's id; empty: nothing is taken any more.
    pub reader: String,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reader.as_str() {
            "" => f.write_str("pricetag is shutting down"),
            reader => write!(f, "the queue of {reader} is full"),
        }
    }
}

impl std::error::Error for Full {}

/// How full a reader's budget is.
#[derive(Clone, Debug)]
pub struct Level {
    /// The reader's name.
    pub reader: String,
    /// Requests queued and in flight.
    pub requests: usize,
    /// Bytes queued and in flight.
    pub bytes: usize,
    /// What it may hold.
    pub budget: Budget,
    /// Items that it did not get because it had no room.
    pub dropped: u64,
}

#[derive(Debug)]
struct Cursor {
    name: String,
    budget: Budget,
    waiting: VecDeque<Item>,
    /// Reserved, queued and in flight.
    requests: usize,
    bytes: usize,
    /// Spans, data points or log records that it did not get because it had no room.
    dropped: u64,
    /// Something has come, or the log is closed.
    notify: Arc<Notify>,
    /// Everything is done.
    idle: Arc<Notify>,
}

impl Cursor {
    fn has_room(&self, bytes: usize) -> bool {
        // A request that is larger than the whole budget passes when it is alone, or it never would.
        let fits = self.bytes + bytes <= self.budget.bytes || self.requests == 0;
        self.requests < self.budget.requests && fits
    }

    /// Takes an item for which nothing was reserved.
    fn push(&mut self, item: Item) {
        self.requests += 1;
        self.bytes += item.bytes();
        self.waiting.push_back(item);
        self.notify.notify_one();
    }

    fn miss(&mut self, record: &Record) {
        self.dropped += record.request.as_ref().map_or(0, |request| request.items);
    }

    fn release(&mut self, bytes: usize) {
        self.requests -= 1;
        self.bytes -= bytes;
        if self.requests == 0 {
            self.idle.notify_waiters();
        }
    }
}

#[derive(Debug, Default)]
struct State {
    cursors: Vec<Cursor>,
    /// Nothing more is reserved.
    refusing: bool,
    /// Nothing more comes.
    closed: bool,
}

/// The log. Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Log {
    state: Arc<Mutex<State>>,
}

impl Log {
    /// Adds a reader. All are added before the first request comes.
    pub fn reader(&self, name: impl Into<String>, budget: Budget) -> Reader {
        let (notify, idle) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut state = self.lock();
        state.cursors.push(Cursor {
            name: name.into(),
            budget,
            waiting: VecDeque::new(),
            requests: 0,
            bytes: 0,
            dropped: 0,
            notify: Arc::clone(&notify),
            idle: Arc::clone(&idle),
        });
        Reader { id: ReaderId(state.cursors.len() - 1), log: self.clone(), notify, idle }
    }

    /// Reserves room for a request of about `bytes` with all readers on these routes, or with none. Readers
    /// that drop what they have no room for are left out.
    ///
    /// # Errors
    /// [`Full`] when a reader that refuses has no room.
    pub fn reserve(&self, routes: &[Route], bytes: usize) -> Result<Permit, Full> {
        let mut permit =
            Permit { log: self.clone(), granted: SmallVec::new(), left_out: SmallVec::new(), bytes };
        let mut state = self.lock();
        for route in routes {
            let refusing = state.refusing;
            let cursor = &mut state.cursors[route.to.0];
            if cursor.has_room(bytes) && !refusing {
                cursor.requests += 1;
                cursor.bytes += bytes;
                permit.granted.push(*route);
            } else if cursor.budget.on_full == OnFull::Drop && !refusing {
                permit.left_out.push(route.to);
            } else {
                let reader = if refusing { String::new() } else { cursor.name.clone() };
                drop(state); // the permit gives back what it was granted, and needs the lock for it
                return Err(Full { reader });
            }
        }
        drop(state);
        Ok(permit)
    }

    /// Appends a record past all budgets: for what is ours and must not be lost, such as settlements.
    pub fn append(&self, to: &[Route], record: &Record) {
        let mut state = self.lock();
        for route in to {
            if let Some(item) = item(record, *route) {
                state.cursors[route.to.0].push(item);
            }
        }
    }

    /// Appends a record for those of these readers that have room, also when nothing is reserved any more; the others count what
    /// they did not get. For what is ours and may be lost.
    pub fn offer(&self, to: &[Route], record: &Record) {
        let mut state = self.lock();
        for route in to {
            let cursor = &mut state.cursors[route.to.0];
            match item(record, *route) {
                Some(item) if cursor.has_room(item.bytes()) => cursor.push(item),
                Some(_) => cursor.miss(record),
                None => {}
            }
        }
    }

    /// Reserves nothing from now on: who has no answer yet will be told to come again.
    pub fn refuse(&self) {
        self.lock().refusing = true;
    }

    /// Whether nothing is reserved any more.
    pub fn is_refusing(&self) -> bool {
        self.lock().refusing
    }

    /// Nothing more will come: readers end when they have read everything.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for cursor in &state.cursors {
            cursor.notify.notify_waiters();
            cursor.notify.notify_one();
        }
    }

    /// How full each reader's budget is.
    pub fn levels(&self) -> Vec<Level> {
        let level = |cursor: &Cursor| Level {
            reader: cursor.name.clone(),
            requests: cursor.requests,
            bytes: cursor.bytes,
            budget: cursor.budget,
            dropped: cursor.dropped,
        };
        self.lock().cursors.iter().map(level).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader on this route gets of a record; `None`: nothing.
fn item(record: &Record, route: Route) -> Option<Item> {
    let request = |body: fn(&Request) -> &Bytes| {
        let request = record.request.as_ref()?;
        Some(Item::Request { signal: request.signal, body: body(request).clone(), items: request.items })
    };
    match route.part {
        Part::Priced => request(|request| &request.priced),
        Part::Raw => request(|request| &request.raw),
        Part::Entries => (!record.entries.is_empty()).then(|| Item::Entries(record.entries.clone())),
    }
}

/// Room that is reserved. Dropped without a commit, it is given back.
#[derive(Debug)]
pub struct Permit {
    log: Log,
    granted: SmallVec<[Route; 4]>,
    left_out: SmallVec<[ReaderId; 4]>,
    bytes: usize,
}

impl Permit {
    /// Puts the record into the log, for all readers at once.
    pub fn commit(mut self, record: &Record) {
        let mut state = self.log.lock();
        for route in self.granted.drain(..) {
            let cursor = &mut state.cursors[route.to.0];
            cursor.bytes -= self.bytes;
            match item(record, route) {
                Some(item) => {
                    cursor.bytes += item.bytes();
                    cursor.waiting.push_back(item);
                    cursor.notify.notify_one();
                }
                None => cursor.release(0),
            }
        }
        for reader in &self.left_out {
            state.cursors[reader.0].miss(record);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.granted.is_empty() {
            return;
        }
        let mut state = self.log.lock();
        for route in &self.granted {
            state.cursors[route.to.0].release(self.bytes);
        }
    }
}

/// Reads the log from its own cursor. Several tasks may read through clones of one reader.
#[derive(Clone, Debug)]
pub struct Reader {
    id: ReaderId,
    log: Log,
    notify: Arc<Notify>,
    idle: Arc<Notify>,
}

impl Reader {
    /// Its id, for routes.
    pub fn id(&self) -> ReaderId {
        self.id
    }

    /// The next item; `None` when the log is closed and read to its end. What is read stays in the budget
    /// until it is [`done`](Reader::done).
    pub async fn next(&self) -> Option<Item> {
        loop {
            let notified = self.notify.notified();
            {
                let mut state = self.log.lock();
                let closed = state.closed;
                let cursor = &mut state.cursors[self.id.0];
                if let Some(item) = cursor.waiting.pop_front() {
                    if !cursor.waiting.is_empty() {
                        // One wake-up may stand for several items: pass it on to the next consumer.
                        self.notify.notify_one();
                    }
                    return Some(item);
                }
                if closed {
                    self.notify.notify_one();
                    return None;
                }
            }
            notified.await;
        }
    }

    /// Gives an item's room back: it was delivered, or given up.
    pub fn done(&self, item: &Item) {
        self.log.lock().cursors[self.id.0].release(item.bytes());
    }

    /// Waits until nothing is left, in flight included.
    pub async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            // Registered before the look, so that what happens in between is not missed.
            idle.as_mut().enable();
            if self.left() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// How many requests are left, in flight included.
    pub fn left(&self) -> usize {
        self.log.lock().cursors[self.id.0].requests
    }
}

#[cfg(test)]
mod tests;
