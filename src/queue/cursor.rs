//! A reader's place in the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::Notify;

use super::stored::Stored;
use super::{Budget, Item, Keeps, Read, Record};

/// Bytes that a cursor of a log on disk holds of what waits: a reader that keeps up never reads a file.
const HELD: usize = 8 << 20;

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

/// Room that is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    requests: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) name: String,
    pub(super) budget: Budget,
    pub(super) keeps: Keeps,
    /// What is next, in the order of the log.
    pub(super) waiting: VecDeque<Read>,
    /// Bytes of it.
    held: usize,
    /// Where to read on when nothing waits: what is from here on is in the files only.
    pub(super) behind: Option<u64>,
    /// Nobody reads by it; behind this position is nothing for it.
    pub(super) until: Option<u64>,
    /// Somebody reads the files.
    pub(super) loading: bool,
    /// Positions of what was taken and is not done; of a record may be more than one item.
    pub(super) taken: BTreeMap<u64, usize>,
    /// What an earlier process had done already.
    pub(super) before: Before,
    /// Room for what is on its way to the log.
    reserved: Room,
    /// Queued and in flight.
    queued: Room,
    /// Spans, data points or log records that it did not get because it had no room.
    pub(super) dropped: u64,
    /// Something has come, or the log is closed.
    pub(super) notify: Arc<Notify>,
    /// Everything is done.
    pub(super) idle: Arc<Notify>,
}

/// How far an earlier process had come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Everything before was taken,
    pub(super) next: u64,
    /// and done, but for what is at these positions.
    pub(super) taken: Vec<u64>,
}

/// What a cursor needed a moment ago. Cursors only go forward, so it needs no more now.
#[derive(Debug)]
pub(super) struct Needs {
    next: u64,
    until: u64,
    taken: Vec<u64>,
}

impl Needs {
    /// Whether something of it is between two positions.
    pub(super) fn is_within(&self, first: u64, last: u64) -> bool {
        (self.next < last && first < self.until) || self.taken.iter().any(|at| (first..last).contains(at))
    }
}

impl Before {
    /// Whether what is at this position is done.
    pub(super) fn is_done(&self, position: u64) -> bool {
        position < self.next && !self.taken.contains(&position)
    }
}

impl Cursor {
    pub(super) fn new(name: String, budget: Budget, keeps: Keeps) -> Self {
        Cursor {
            name,
            budget,
            keeps,
            waiting: VecDeque::new(),
            held: 0,
            behind: None,
            until: None,
            loading: false,
            taken: BTreeMap::new(),
            before: Before::default(),
            reserved: Room::default(),
            queued: Room::default(),
            dropped: 0,
            notify: Arc::default(),
            idle: Arc::default(),
        }
    }

    /// Reserved, queued and in flight.
    pub(super) fn requests(&self) -> usize {
        self.reserved.requests + self.queued.requests
    }

    /// Bytes of these.
    pub(super) fn bytes(&self) -> usize {
        self.reserved.bytes + self.queued.bytes
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        // A request that is larger than the whole budget passes when it is alone, or it never would.
        let fits = self.bytes() + bytes <= self.budget.bytes || self.requests() == 0;
        self.requests() < self.budget.requests && fits
    }

    /// Takes room for what is on its way.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved.requests += 1;
        self.reserved.bytes += bytes;
    }

    /// It came, or does not come.
    pub(super) fn unreserve(&mut self, bytes: usize) {
        self.reserved.requests -= 1;
        self.reserved.bytes -= bytes;
        if self.reserved.requests == 0 {
            // Who waits for the end need wait no more.
            self.notify.notify_one();
        }
        self.rest();
    }

    /// Whether something is on its way.
    pub(super) fn expects(&self) -> bool {
        self.reserved.requests > 0
    }

    /// Finds what a record that an earlier process has left has for it.
    pub(super) fn find(&mut self, record: &Stored) {
        for item in self.items(record) {
            self.count(item.bytes());
            self.behind.get_or_insert(record.position);
            self.until = self.until.map(|_| record.end);
        }
    }

    /// Counts what is in the log for it.
    fn count(&mut self, bytes: usize) {
        self.queued.requests += 1;
        self.queued.bytes += bytes;
    }

    /// Something that was taken is done.
    pub(super) fn done(&mut self, position: u64, bytes: usize) {
        if let Some(items) = self.taken.get_mut(&position) {
            *items -= 1;
            if *items == 0 {
                self.taken.remove(&position);
            }
        }
        self.queued.requests = self.queued.requests.saturating_sub(1);
        self.queued.bytes = self.queued.bytes.saturating_sub(bytes);
        self.caught_up();
    }

    /// If all that is in the log for it is done, nothing is left, whatever was counted: what was damaged was counted and never taken.
    pub(super) fn caught_up(&mut self) {
        if self.behind.is_none() && self.waiting.is_empty() && self.taken.is_empty() {
            self.queued = Room::default();
        }
        self.rest();
    }

    fn rest(&self) {
        if self.requests() == 0 {
            self.idle.notify_waiters();
        }
    }

    /// Something has come. With files to read it from, only so much is held.
    pub(super) fn push(&mut self, read: Read, has_files: bool) {
        let bytes = read.item.bytes();
        self.count(bytes);
        // Of a record that gives two items both wait, or none: the files give both.
        let is_second = self.waiting.back().is_some_and(|last| last.position == read.position);
        let fits = !has_files || self.held + bytes <= HELD || self.waiting.is_empty() || is_second;
        if self.behind.is_none() && fits {
            self.hold(read);
        } else {
            self.behind.get_or_insert(read.position);
        }
        self.notify.notify_one();
    }

    /// Puts something behind what waits.
    pub(super) fn hold(&mut self, read: Read) {
        self.held += read.item.bytes();
        self.waiting.push_back(read);
    }

    /// Takes what is next.
    pub(super) fn take(&mut self) -> Option<Read> {
        let read = self.waiting.pop_front()?;
        self.held -= read.item.bytes();
        *self.taken.entry(read.position).or_default() += 1;
        Some(read)
    }

    /// The first position that was not taken, in a log that ends here.
    pub(super) fn next(&self, end: u64) -> u64 {
        self.waiting.front().map(|read| read.position).or(self.behind).unwrap_or(end)
    }

    /// What the next process has to know of it, in a log that ends here: before which position everything was taken, and what of
    /// that is not done.
    pub(super) fn position(&self, end: u64) -> (u64, Vec<u64>) {
        let next = self.next(end);
        // What an earlier process was done with need not have been read again yet.
        let before = self.before.taken.iter().copied().filter(|at| *at >= next && next < self.before.next);
        (next.max(self.before.next.min(end)), self.taken.keys().copied().chain(before).collect())
    }

    /// What it still needs of a log that ends here.
    pub(super) fn needs(&self, end: u64) -> Needs {
        Needs {
            next: self.next(end),
            until: self.until.unwrap_or(u64::MAX),
            taken: self.taken.keys().copied().collect(),
        }
    }

    /// What it gets of a record of the files.
    pub(super) fn items(&self, record: &Stored) -> SmallVec<[Item; 2]> {
        if self.before.is_done(record.position) {
            return SmallVec::new();
        }
        let ours = record.routes.iter().filter(|(reader, _)| *reader == self.name.as_bytes());
        ours.filter_map(|(_, part)| part.of(record.request.as_ref(), &record.entries)).collect()
    }

    pub(super) fn miss(&mut self, record: &Record) {
        self.dropped += record.request.as_ref().map_or(0, |request| request.items);
    }
}
