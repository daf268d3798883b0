//! The ledger: running totals of money, tokens and calls, exact to the picodollar.
//!
//! It is a reader of the queue like any exporter. What it reads are bookings, pending until their trace
//! settles, and settlements. [`books`] keeps what is pending or new, [`store`] what is final, by hour, and [`query`] answers from both.
//! [`instruments`] shows totals as metrics, [`push`] puts those into the queue like everything else that leaves, [`actions`] an
//! event for each trace that settles.

pub mod actions;
pub mod books;
mod cells;
pub mod histograms;
pub mod instruments;
pub mod log_events;
mod open;
pub mod push;
pub mod query;
pub mod replay;
pub mod series;
pub mod spikes;
pub mod store;
pub mod sums;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::attribution::margin::UseRevenue;
use crate::booking::{Entry, entries};
use crate::queue::{Item, Reader};
use crate::said::Failing;
use crate::time::hour_of;
use actions::ActionEvents;
use books::{Books, Settled};
use histograms::Histograms;
use series::FIXED;
use store::{Batch, Limits, Origin, QueuePlace, Store, StoreError};

/// What stands in place of everything beyond a limit.
pub const OTHER: &str = "other";

/// How often what is final is written to the store.
const WRITING: Duration = Duration::from_secs(1);
/// How often what is too old is deleted. The store counts on it, see [`Store::expire`].
const EXPIRING: Duration = Duration::from_secs(3_600);
/// After so many new cells it is written sooner.
const MANY: usize = 50_000;

/// The ledger. Clones share the same books and the same store.
#[derive(Clone, Debug)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
    /// Locked before the books, never after them.
    store: Arc<Mutex<Store>>,
    origin: Arc<Origin>,
    /// How often the store could not be written.
    failures: Arc<AtomicU64>,
    /// There is much to write.
    full: Arc<Notify>,
    /// Where the bookings come from, where that is a queue on disk, and how far that is in the store.
    queue: Arc<OnceLock<Reader>>,
    written: Arc<Mutex<Option<QueuePlace>>>,
    /// It stands in for a file that can not be used now: the queue keeps what that lacks.
    is_stand_in: Arc<AtomicBool>,
}

impl Ledger {
    /// The ledger of bookings with these dimensions, by name, of which some are labels of metrics, by position. Its store is in this
    /// file, made if there is none; `None`: in memory.
    ///
    /// # Errors
    /// [`StoreError`]: the file can not be used.
    pub fn open(
        file: Option<&Path>,
        dimensions: &[&str],
        labels: &[usize],
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let mut books = Books::new(dimensions, labels, limits.series);
        let chosen = labels.iter().map(|at| dimensions[*at]);
        let keys = FIXED.into_iter().chain(chosen).map(str::to_owned).collect();
        let mut store = Store::open(file, &books.names(), keys, limits)?;
        let (origin, kept) = store.resume()?;
        books.resume(kept);
        let (books, store) = (Arc::new(Mutex::new(books)), Arc::new(Mutex::new(store)));
        Ok(Ledger {
            books,
            store,
            origin: Arc::new(origin),
            failures: Arc::default(),
            full: Arc::default(),
            queue: Arc::default(),
            written: Arc::default(),
            is_stand_in: Arc::default(),
        })
    }

    /// Says that it stands in for a file that can not be used now: what the queue has for that is left there.
    pub fn stand_in(&self) {
        self.is_stand_in.store(true, Ordering::Relaxed);
    }

    /// Says where the bookings come from. Gives two positions in that queue: from the first on its records are needed, for from there
    /// on something was pending; what stands before the second is in the store, but for what was pending.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn follow(&self, reader: &Reader) -> rusqlite::Result<Range<u64>> {
        let Some((log, end)) = reader.log().identity() else { return Ok(0..0) };
        let store = self.store();
        let known = store.queue_place()?.filter(|place| place.log == log);
        let (position, floor) = match known {
            Some(place) => (place.position, place.floor),
            // What an earlier process told of it is not known, but that it did.
            None if store.is_in_memory() => (end, 0),
            None => (0, 0),
        };
        if known.is_some() && reader.log().begin().is_some_and(|begin| position < begin) {
            error!(
                "the queue has not kept all that the ledger's store lacks: the sums of some requests are lost"
            );
        }
        // A log that was put back from an older copy must not write again what the store takes for known.
        reader.log().begin_behind(position);
        reader.log().release(floor);
        let _ = self.queue.set(reader.clone());
        Ok(floor..position)
    }

    /// Who tells the metrics of this ledger, and since when they count.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How often the store could not be written since the process began.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Books from now on what customers pay by use, too.
    pub fn set_revenue(&self, by_use: UseRevenue) {
        self.books().set_revenue(by_use);
    }

    /// Records in `histograms` what becomes final from now on.
    pub fn set_histograms(&self, histograms: Histograms) {
        self.books().set_histograms(histograms);
    }

    /// Reads the queue until it is closed and read to its end, and tells what settles. A record is done when its events are in the
    /// queue.
    pub async fn run(self, reader: Reader, events: ActionEvents) {
        while let Some(read) = reader.next().await {
            if let Item::Entries(record) = &read.item {
                let mut batch = events.batch();
                self.apply_at(read.position..read.end, record, |settled| batch.push(settled));
            }
            reader.done(&read);
        }
    }

    /// Writes to the store, again and again.
    pub async fn keep(self) {
        let (mut tick, mut expiring) = (interval(WRITING), interval(EXPIRING));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        expiring.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut writing, mut expiry) = (Failing::default(), Failing::default());
        loop {
            let expires = tokio::select! {
                _ = tick.tick() => false,
                () = self.full.notified(), if !writing.is_failing() => false,
                _ = expiring.tick() => true,
            };
            let ledger = self.clone();
            let done = tokio::task::spawn_blocking(move || match expires {
                true => ledger.expire(),
                false => ledger.write(),
            });
            let done = match done.await {
                Ok(done) => done.map_err(|error| error.to_string()),
                Err(panic) => Err(panic.to_string()),
            };
            if expires {
                match done {
                    same if !expiry.is_news(&same) => {}
                    Ok(()) => info!("what is too old is deleted from the ledger's store again"),
                    Err(error) => warn!(
                        "what is too old can not be deleted from the ledger's store: {error}; it is tried every hour"
                    ),
                }
                continue;
            }
            if done.is_err() {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            match done {
                same if !writing.is_news(&same) => {}
                Ok(()) => info!("the ledger's store is written again"),
                Err(error) => error!(
                    "the ledger's store can not be written: {error}; its sums are kept in memory, and it is tried every second"
                ),
            }
        }
    }

    /// Writes what is final to the store.
    ///
    /// # Errors
    /// What SQLite says. Nothing is lost then, and nothing written twice later.
    pub fn write(&self) -> rusqlite::Result<()> {
        // Before the books are looked at: what is applied meanwhile is in them, and they know.
        let queue =
            self.queue.get().and_then(|reader| Some((reader, reader.log().identity()?.0, reader.passed())));
        let mut store = self.store();
        if store.is_let_go() {
            return Ok(());
        }
        let mut batch = {
            let books = self.books();
            let place = queue.map(|(reader, log, passed)| {
                let (position, floor) = books.reached(passed);
                QueuePlace { log, position, floor: floor.min(reader.log().window()) }
            });
            Batch { place, ..books.unwritten() }
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !batch.is_empty() || batch.place != *written {
            store.write(&mut batch)?;
        }
        self.books().written(&batch);
        *written = batch.place;
        if let (Some((reader, ..)), Some(place)) = (queue, batch.place)
            && !self.is_stand_in.load(Ordering::Relaxed)
        {
            reader.log().release(place.floor);
        }
        Ok(())
    }

    /// Lets another ledger have the file, when a write that is under way is done: this one writes nothing any more. Blocks.
    pub fn close(&self) {
        self.store().let_go();
    }

    /// Deletes what is too old from the store.
    fn expire(&self) -> rusqlite::Result<()> {
        let mut store = self.store();
        if store.is_let_go() {
            return Ok(());
        }
        store.expire(hour_of(Timestamp::now()))
    }

    /// Books the entries of one record, all under one lock.
    pub fn apply(&self, record: &[u8]) {
        self.apply_with(record, |_| {});
    }

    /// The same, showing each trace that settles and had pending bookings.
    pub fn apply_with(&self, record: &[u8], show: impl FnMut(&Settled<'_>)) {
        self.apply_at(0..0, record, show);
    }

    /// The same, with the place of the record in the queue.
    fn apply_at(&self, place: Range<u64>, record: &[u8], mut show: impl FnMut(&Settled<'_>)) {
        let mut books = self.books();
        books.begin_record(place.start);
        for entry in entries(record) {
            match entry {
                Ok(Entry::Booking(booking)) => books.book(&booking),
                Ok(Entry::Settlement(settlement)) => books.settle(&settlement, &mut show),
                Err(fault) => error!("the ledger can not read one of its own records: {fault}"),
            }
        }
        books.end_record(place.end);
        if books.new_cells() > MANY {
            self.full.notify_one();
        }
    }

    /// The books as they are.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
