//! Reads the log from a cursor of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::log::{Log, ReaderId};
use super::recovery::Disk;
use super::segments::Chunk;
use super::{Item, Keeps};
use crate::said::Failing;

/// How long to wait before files are read again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// What was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// Where it begins in the log.
    pub position: u64,
    /// Where what follows begins.
    pub end: u64,
    /// The item.
    pub item: Item,
}

/// Reads the log from its own cursor. Several tasks may read through clones of one reader.
#[derive(Clone, Debug)]
pub struct Reader {
    id: ReaderId,
    log: Log,
    notify: Arc<Notify>,
    idle: Arc<Notify>,
}

/// What to do when nothing is held.
enum Next {
    Read(Read),
    Load { disk: Disk, from: u64, until: u64 },
    Wait,
    End,
}

impl Reader {
    pub(super) fn new(id: ReaderId, log: Log, notify: Arc<Notify>, idle: Arc<Notify>) -> Self {
        Reader { id, log, notify, idle }
    }

    /// Its id, for routes.
    pub fn id(&self) -> ReaderId {
        self.id
    }

    /// What is next; `None` when the log is closed and read to its end. What is read stays in the budget
    /// until it is [`done`](Reader::done).
    pub async fn next(&self) -> Option<Read> {
        let mut failing = Failing::default();
        loop {
            let notified = self.notify.notified();
            match self.look() {
                Next::Read(read) => return Some(read),
                Next::Wait => notified.await,
                Next::End => {
                    self.notify.notify_one();
                    return None;
                }
                Next::Load { disk, from, until } => {
                    let read = tokio::task::spawn_blocking(move || disk.segments.read(from, until));
                    let read = read.await.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
                    if failing.is_news(&read)
                        && let Err(error) = &read
                    {
                        tracing::error!(
                            "the queue on disk can not be read: {error}; it is tried every second"
                        );
                    }
                    let is_read = read.is_ok();
                    self.loaded(read.ok());
                    if !is_read {
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        }
    }

    fn look(&self) -> Next {
        let mut state = self.log.lock();
        let (closed, end) = (state.closed, state.end);
        let cursor = &mut state.cursors[self.id.0];
        if let Some(read) = cursor.take() {
            if !cursor.waiting.is_empty() || cursor.behind.is_some() {
                // One wake-up may stand for several items: pass it on to the next consumer.
                self.notify.notify_one();
            }
            return Next::Read(read);
        }
        match (cursor.behind, &self.log.inner.disk) {
            (Some(_), _) if cursor.loading => Next::Wait,
            (Some(from), Some(disk)) => {
                cursor.loading = true;
                Next::Load { disk: disk.clone(), from, until: end }
            }
            _ if closed && !cursor.expects() => Next::End,
            _ => Next::Wait,
        }
    }

    /// Holds what was read of the files.
    fn loaded(&self, chunk: Option<Chunk>) {
        let mut state = self.log.lock();
        let end = state.end;
        let cursor = &mut state.cursors[self.id.0];
        cursor.loading = false;
        if let Some(Chunk { records, next }) = chunk {
            // What is behind the end of the log is not safe yet, and comes by itself.
            for record in records.iter().filter(|record| record.position < end) {
                for item in cursor.items(record) {
                    cursor.hold(Read { position: record.position, end: record.end, item });
                }
            }
            cursor.behind = Some(next).filter(|next| *next < end);
            cursor.caught_up();
        }
        self.notify.notify_one();
    }

    /// Gives an item's room back: it was delivered, or given up.
    pub fn done(&self, read: &Read) {
        let mut state = self.log.lock();
        let cursor = &mut state.cursors[self.id.0];
        cursor.done(read.position, read.item.bytes());
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
        self.log.lock().cursors[self.id.0].requests()
    }

    /// How many of these nobody has taken yet.
    pub fn waiting(&self) -> usize {
        let state = self.log.lock();
        let cursor = &state.cursors[self.id.0];
        cursor.requests().saturating_sub(cursor.taken.values().sum())
    }

    /// Bytes of what is [left](Reader::left).
    pub fn bytes(&self) -> usize {
        self.log.lock().cursors[self.id.0].bytes()
    }

    /// A position before which everything is done that came for this reader.
    pub fn passed(&self) -> u64 {
        let state = self.log.lock();
        let cursor = &state.cursors[self.id.0];
        let next = cursor.next(state.end);
        cursor.taken.keys().next().map_or(next, |first| next.min(*first))
    }

    /// Whether what is left is there for the next process.
    pub fn is_kept(&self) -> bool {
        self.log.identity().is_some() && self.log.lock().cursors[self.id.0].keeps == Keeps::Cursor
    }

    /// The log that it reads.
    pub fn log(&self) -> &Log {
        &self.log
    }
}
