//! The log on disk: opened, and what an earlier process left in it found again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cursor::{Before, Cursor};
use super::log::{Inner, Log};
use super::positions::Positions;
use super::segments::{Segments, Unusable};
use super::storage::Storage;
use super::stored::Stored;
use super::{Keeps, writer};

/// How far back what was accepted is found again, for what senders send again and what other traces told of the same calls; and how
/// many bytes at most.
const WINDOW: Duration = Duration::from_secs(60);
const WINDOW_BYTES: u64 = 64 << 20;

/// The files of a log.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) segments: Arc<Segments>,
    /// Whether what is written is synced before it is acknowledged.
    pub(super) syncs: bool,
    /// Where the log ended, now and then.
    pub(super) marks: Arc<Mutex<VecDeque<(Instant, u64)>>>,
    /// How often they were written.
    pub(super) writes: Arc<AtomicU64>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What there is to say of the files of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Files {
    /// Their bytes.
    pub bytes: u64,
    /// Pieces of them that could not be read.
    pub damaged: u64,
    /// How often they were written, and synced.
    pub writes: u64,
    /// They can not be written.
    pub is_failing: bool,
}

/// What was left.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Requests that wait for readers, each counted as often as somebody gets it.
    pub requests: usize,
    /// Readers that an earlier process had and this one has not, and how many requests wait for them.
    pub absent: Vec<(String, usize)>,
    /// Pieces of the log that could not be read.
    pub damaged: u64,
}

impl Log {
    /// A log in these files. With `syncs`, what is [safe](super::Committed::safe) survives a power cut, otherwise only the process.
    /// Nothing can be committed until it has [recovered](Log::recover).
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn open(storage: Arc<dyn Storage>, syncs: bool) -> Result<Self, Unusable> {
        let segments = Arc::new(Segments::open(Arc::clone(&storage), || Positions::log(&*storage))?);
        let disk = Disk {
            storage,
            segments,
            syncs,
            marks: Arc::default(),
            writes: Arc::default(),
            thread: Arc::default(),
        };
        Ok(Log { inner: Arc::new(Inner { disk: Some(disk), ..Inner::default() }) })
    }

    /// Which log this is, and where it ended when it was opened; `None`: it is in memory.
    pub fn identity(&self) -> Option<(u128, u64)> {
        self.inner.disk.as_ref().map(|disk| (disk.segments.id, disk.segments.end()))
    }

    /// Shows all records that an earlier process left, in their order, and lets the readers go on where they were. What waits for
    /// one that is not there stays until it is there again. From then on records are written, with entries of these dimensions. Called once, when all readers are there; nothing to do in memory.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn recover(&self, dimensions: &[String], mut show: impl FnMut(&Stored)) -> Result<Left, Unusable> {
        let Some(disk) = &self.inner.disk else { return Ok(Left::default()) };
        let known = Positions::read(&*disk.storage, disk.segments.id)?;
        // The last segments may be gone with a power cut, if nothing in them was safe.
        disk.segments.begin_behind(known.iter().flat_map(Positions::nexts).max().unwrap_or(0));
        let (first, end) = (disk.segments.first(), disk.segments.end());
        let mut left = Left::default();
        let mut state = self.lock();
        let is_kept = |cursor: &Cursor| cursor.keeps == Keeps::Cursor;
        if known.is_none() && first < end && state.cursors.iter().any(is_kept) {
            tracing::warn!(
                "the queue's cursors are lost: everything that is still in its files is delivered, some of it again"
            );
        }
        for cursor in &mut state.cursors {
            cursor.before = match (&known, cursor.keeps) {
                (Some(known), Keeps::Cursor) => known.before(&cursor.name, end),
                // The cursors are written before anything is committed: they are lost.
                (None, Keeps::Cursor) => Default::default(),
                (_, Keeps::Nothing) => Before { next: end, taken: Vec::new() },
            };
        }
        let readers = state.cursors.len();
        known.iter().for_each(|known| known.add_all(&mut state.cursors));
        let mut at = first;
        while at < end {
            let chunk = disk.segments.read(at, end)?;
            for record in &chunk.records {
                show(record);
                state.cursors.iter_mut().for_each(|cursor| cursor.find(record));
            }
            at = chunk.next;
        }
        let absent = state.cursors.split_off(readers).into_iter().filter(|cursor| cursor.requests() > 0);
        state.cursors.extend(absent);
        left.requests = state.cursors[..readers].iter().map(Cursor::requests).sum();
        left.absent = state.cursors[readers..].iter().map(|it| (it.name.clone(), it.requests())).collect();
        state.end = end;
        left.damaged = disk.segments.damaged();
        // Before anything is committed: a file that does not name a reader says that it is new.
        let written = Positions::of(disk.segments.id, &state.cursors, end).write(&*disk.storage);
        match (written, &known) {
            // A disk that is full gets room when what is on it is delivered.
            (Err(error), Some(known)) if known.names_all(&state.cursors) => {
                tracing::warn!("the queue's cursors can not be written: {error}; it is tried again");
            }
            (written, _) => written?,
        }
        for cursor in &state.cursors {
            cursor.notify.notify_one();
        }
        drop(state);
        lock(&disk.marks).push_back((Instant::now(), first));
        let (log, names) = (self.clone(), dimensions.to_vec());
        let thread = std::thread::Builder::new().name("queue".to_owned());
        *lock(&disk.thread) = Some(thread.spawn(move || writer::run(&log, names))?);
        Ok(left)
    }

    /// The position where what is kept begins; `None`: in memory.
    pub fn begin(&self) -> Option<u64> {
        self.inner.disk.as_ref().map(|disk| disk.segments.begin())
    }

    /// A position from which on everything is that came in the last minute, or the last 64 MiB of it.
    pub fn window(&self) -> u64 {
        let Some(disk) = &self.inner.disk else { return 0 };
        let end = self.lock().end;
        let marks = lock(&disk.marks);
        let old = marks.iter().rev().find(|(when, _)| when.elapsed() >= WINDOW);
        let since = old.or(marks.front()).map_or(end, |(_, position)| *position);
        since.max(end.saturating_sub(WINDOW_BYTES))
    }

    /// Says that something stood before this position: what comes stands behind it. Before the log has [recovered](Log::recover).
    pub fn begin_behind(&self, position: u64) {
        if let Some(disk) = &self.inner.disk {
            disk.segments.begin_behind(position);
        }
    }

    /// Says that nobody needs what is before this position but readers that have not taken it. Without it, nobody does at all.
    pub fn release(&self, position: u64) {
        self.lock().floor = Some(position);
    }

    /// Writes what is left to write, and where the readers are; then nothing is written any more. Blocks.
    pub fn finish(&self) {
        let Some(disk) = &self.inner.disk else { return };
        self.lock().finishing = true;
        self.inner.work.notify_all();
        if let Some(thread) = lock(&disk.thread).take() {
            let _ = thread.join();
        }
    }

    /// What there is to say of the files; `None`: in memory.
    pub fn files(&self) -> Option<Files> {
        let disk = self.inner.disk.as_ref()?;
        Some(Files {
            bytes: disk.segments.bytes(),
            damaged: disk.segments.damaged(),
            writes: disk.writes.load(Ordering::Relaxed),
            is_failing: self.lock().failing.is_some(),
        })
    }
}

/// What waits in files for whom, as an earlier process left it or a running one has it; nothing is changed.
///
/// # Errors
/// [`Unusable`].
pub fn waiting(storage: Arc<dyn Storage>) -> Result<Vec<(String, usize)>, Unusable> {
    let segments = Segments::open(Arc::clone(&storage), || Positions::log(&*storage))?;
    let Some(known) = Positions::read(&*storage, segments.id)? else { return Ok(Vec::new()) };
    let mut cursors = Vec::new();
    known.add_all(&mut cursors);
    let (mut at, end) = (segments.first(), segments.end());
    while at < end {
        let chunk = segments.read(at, end)?;
        for cursor in &mut cursors {
            chunk.records.iter().for_each(|record| cursor.find(record));
        }
        at = chunk.next;
    }
    Ok(cursors.iter().map(|cursor| (cursor.name.clone(), cursor.requests())).collect())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
