//! How many connections a listener has at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// The places of a listener: who finds none is closed at once, counted, and said.
#[derive(Debug)]
pub struct Places {
    name: &'static str,
    most: usize,
    free: Arc<Semaphore>,
    turned_away: AtomicU64,
}

/// The place of one connection; dropping it leaves it to another one.
#[derive(Debug)]
#[must_use]
pub struct Place(#[expect(dead_code, reason = "what counts is when it is dropped")] OwnedSemaphorePermit);

impl Places {
    /// So many places; the name is for the log and for metrics.
    pub fn new(name: &'static str, most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(most));
        Places { name, most, free, turned_away: AtomicU64::new(0) }
    }

    /// What the listener is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Connections that there are.
    pub fn taken(&self) -> usize {
        self.most.saturating_sub(self.free.available_permits())
    }

    /// Connections for which there was no place.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// A place for a peer, if one is free.
    pub(super) fn take(&self, peer: SocketAddr) -> Option<Place> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(Place(place));
        }
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        let Places { name, most, .. } = self;
        warn!("{name}: closed the connection of {peer}: there are {most}, which is the limit");
        None
    }
}
