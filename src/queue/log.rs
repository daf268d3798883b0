//! The log: room for what comes, and where it goes.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::cursor::{Cursor, Level};
use super::reader::{Read, Reader};
use super::recovery::Disk;
use super::{Budget, Keeps, OnFull, Record, Route};

/// Bytes that may wait for the disk. Each of their senders waits too.
const UNWRITTEN: usize = 64 << 20;

/// One of a log's readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderId(pub(super) usize);

/// Why there is no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Full {
    /// A reader that refuses has none; its name, such as an exporter's id.
    Reader(String),
    /// The disk does not take what comes; what the system says.
    Disk(String),
    /// More comes than the disk takes.
    Slow,
    /// Nothing is taken any more.
    Closing,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Full::Reader(reader) => write!(f, "the queue of {reader} is full"),
            Full::Disk(why) => write!(f, "the queue can not be written: {why}"),
            Full::Slow => f.write_str("the queue's disk is too slow for all that comes"),
            Full::Closing => f.write_str("pricetag is stopping, or starting by another config"),
        }
    }
}

impl std::error::Error for Full {}

/// A record on its way to the disk.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) record: Record,
    /// Who gets it, and how many bytes were reserved.
    pub(super) granted: Granted,
    left_out: SmallVec<[ReaderId; 4]>,
    done: Option<oneshot::Sender<()>>,
}

impl Unwritten {
    /// Bytes of it, about.
    pub(super) fn bytes(&self) -> usize {
        self.record.bytes() + self.record.entries.len()
    }
}

type Granted = SmallVec<[(Route, usize); 4]>;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) cursors: Vec<Cursor>,
    /// What waits for the disk, and its bytes.
    pub(super) unwritten: Vec<Unwritten>,
    pub(super) unwritten_bytes: usize,
    /// The disk does not take it; what the system says.
    pub(super) failing: Option<String>,
    /// Behind the last record that readers see.
    pub(super) end: u64,
    /// Somebody needs what is from here on, besides the cursors.
    pub(super) floor: Option<u64>,
    /// Nothing more is reserved.
    refusing: bool,
    /// Nothing more comes.
    pub(super) closed: bool,
    /// The writer ends when it has written everything.
    pub(super) finishing: bool,
}

impl State {
    /// Shows a record that stands between these positions to its readers, and says that it is safe.
    pub(super) fn publish(&mut self, mut written: Unwritten, position: u64, end: u64, has_files: bool) {
        let Unwritten { record, granted, left_out, .. } = &written;
        for (route, reserved) in granted {
            let cursor = &mut self.cursors[route.to.0];
            if let Some(item) = route.part.of(record.request.as_ref(), &record.entries) {
                cursor.push(Read { position, end, item }, has_files);
            }
            cursor.unreserve(*reserved);
        }
        for reader in left_out {
            self.cursors[reader.0].miss(record);
        }
        self.end = end;
        if let Some(done) = written.done.take() {
            // Nobody may wait any more: the sender has gone.
            let _ = done.send(());
        }
    }
}

/// The log. Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) state: Mutex<State>,
    /// There is something to write, or to end.
    pub(super) work: Condvar,
    /// `None`: in memory.
    pub(super) disk: Option<Disk>,
}

impl Log {
    /// Adds a reader. All are added before the first request comes.
    pub fn reader(&self, name: impl Into<String>, budget: Budget, keeps: Keeps) -> Reader {
        let cursor = Cursor::new(name.into(), budget, keeps);
        let (notify, idle) = (Arc::clone(&cursor.notify), Arc::clone(&cursor.idle));
        let mut state = self.lock();
        state.cursors.push(cursor);
        Reader::new(ReaderId(state.cursors.len() - 1), self.clone(), notify, idle)
    }

    /// Reserves room for a request of about `bytes` with all readers on these routes, or with none. Readers
    /// that drop what they have no room for are left out.
    ///
    /// # Errors
    /// [`Full`] when a reader that refuses has no room, or the disk.
    pub fn reserve(&self, routes: &[Route], bytes: usize) -> Result<Permit, Full> {
        let mut permit = Permit { log: self.clone(), granted: SmallVec::new(), left_out: SmallVec::new() };
        let mut state = self.lock();
        if let Some(why) = &state.failing {
            return Err(Full::Disk(why.clone()));
        }
        if state.unwritten_bytes > 0 && state.unwritten_bytes + bytes > UNWRITTEN {
            return Err(Full::Slow);
        }
        for route in routes {
            let refusing = state.refusing;
            let cursor = &mut state.cursors[route.to.0];
            if cursor.has_room(bytes) && !refusing {
                cursor.reserve(bytes);
                permit.granted.push((*route, bytes));
            } else if cursor.budget.on_full == OnFull::Drop && !refusing {
                permit.left_out.push(route.to);
            } else {
                let full = if refusing { Full::Closing } else { Full::Reader(cursor.name.clone()) };
                drop(state); // the permit gives back what it was granted, and needs the lock for it
                return Err(full);
            }
        }
        let name = |reader: &ReaderId| state.cursors[reader.0].name.clone();
        let full: Vec<String> = permit.left_out.iter().map(name).collect();
        drop(state);
        say_full(&full);
        Ok(permit)
    }

    /// Appends a record past all budgets: for what is ours and must not be lost, such as settlements.
    pub fn append(&self, to: &[Route], record: Record) {
        let mut state = self.lock();
        let granted = to.iter().map(|route| {
            state.cursors[route.to.0].reserve(0);
            (*route, 0)
        });
        let granted = granted.collect();
        self.put(&mut state, record, granted, SmallVec::new(), None);
    }

    /// Appends a record for those of these readers that have room, also when nothing is reserved any more; the others count what
    /// they did not get. For what is ours and may be lost.
    pub fn offer(&self, to: &[Route], record: Record) {
        let mut state = self.lock();
        let (mut granted, mut full) = (Granted::new(), Vec::new());
        for route in to {
            let cursor = &mut state.cursors[route.to.0];
            match route.part.of(record.request.as_ref(), &record.entries).map(|item| item.bytes()) {
                Some(bytes) if cursor.has_room(bytes) => {
                    cursor.reserve(bytes);
                    granted.push((*route, bytes));
                }
                Some(_) => {
                    cursor.miss(&record);
                    full.push(cursor.name.clone());
                }
                None => {}
            }
        }
        if !granted.is_empty() {
            self.put(&mut state, record, granted, SmallVec::new(), None);
        }
        drop(state);
        say_full(&full);
    }

    /// Puts a record on its way, in the order in which this is called.
    fn put(
        &self,
        state: &mut State,
        record: Record,
        granted: Granted,
        left_out: SmallVec<[ReaderId; 4]>,
        done: Option<oneshot::Sender<()>>,
    ) {
        if state.finishing {
            // Nobody writes any more. Whoever waits for it is told so, for what would answer him is dropped here.
            granted.iter().for_each(|(route, reserved)| state.cursors[route.to.0].unreserve(*reserved));
            return;
        }
        let unwritten = Unwritten { record, granted, left_out, done };
        if self.inner.disk.is_none() {
            // What is not in files is counted.
            let position = state.end;
            state.publish(unwritten, position, position + 1, false);
            return;
        }
        state.unwritten_bytes += unwritten.bytes();
        state.unwritten.push(unwritten);
        self.inner.work.notify_one();
    }

    /// Reserves nothing from now on: who has no answer yet will be told to come again.
    pub fn refuse(&self) {
        self.lock().refusing = true;
    }

    /// Whether nothing is reserved any more.
    pub fn is_refusing(&self) -> bool {
        self.lock().refusing
    }

    /// Whether the disk takes nothing.
    pub fn is_failing(&self) -> bool {
        self.lock().failing.is_some()
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
            requests: cursor.requests(),
            bytes: cursor.bytes(),
            budget: cursor.budget,
            dropped: cursor.dropped,
        };
        self.lock().cursors.iter().map(level).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says for whom something is dropped. Not while others wait for the log, for a console may be slow.
fn say_full(readers: &[String]) {
    for exporter in readers {
        tracing::warn!(
            exporter,
            "the queue of {exporter} is full, and what comes is dropped for it (pricetag_exporter_queue_dropped_items counts it): see why its \
             backend does not take it, or raise exporters.{exporter}.sending_queue.queue_size"
        );
    }
}

/// Room that is reserved. Dropped without a commit, it is given back.
#[derive(Debug)]
pub struct Permit {
    log: Log,
    granted: Granted,
    left_out: SmallVec<[ReaderId; 4]>,
}

impl Permit {
    /// Puts the record into the log, for all readers at once. It is theirs, and the sender's to forget, when it is
    /// [safe](Committed::safe).
    pub fn commit(mut self, record: Record) -> Committed {
        let (granted, left_out) = (std::mem::take(&mut self.granted), std::mem::take(&mut self.left_out));
        let (done, safe) = match self.log.inner.disk {
            Some(_) => {
                let (done, safe) = oneshot::channel();
                (Some(done), Some(safe))
            }
            None => (None, None),
        };
        let mut state = self.log.lock();
        self.log.put(&mut state, record, granted, left_out, done);
        Committed(safe)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.granted.is_empty() {
            return;
        }
        let mut state = self.log.lock();
        for (route, bytes) in &self.granted {
            state.cursors[route.to.0].unreserve(*bytes);
        }
    }
}

/// A record that is in the log, but perhaps not on the disk yet.
#[derive(Debug)]
pub struct Committed(Option<oneshot::Receiver<()>>);

impl Committed {
    /// Nothing was committed.
    pub const NOTHING: Committed = Committed(None);

    /// Waits until the record survives whatever happens to the process.
    ///
    /// # Errors
    /// [`Full`]: it never came so far, and must not be acknowledged.
    pub async fn safe(self) -> Result<(), Full> {
        match self.0 {
            None => Ok(()),
            Some(safe) => safe.await.map_err(|_| Full::Closing),
        }
    }
}
