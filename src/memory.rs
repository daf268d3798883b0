//! One room for all that is received, so that the process stays below its memory limit.
//!
//! What counts is what the system says that the process has. Between two looks at that, no more is taken in than was free at the
//! last one; so it does not matter what becomes of it meanwhile, whether it is answered, or waits in a queue.

mod machine;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::{MemoryLimit, Share};

pub use machine::resident;

/// How old a look is at least when there is no room and another one is due: a look takes some ten microseconds.
const AGAIN: Duration = Duration::from_millis(10);
/// How often the allocator is asked to give back what was freed, as long as memory is short.
const GIVE_BACK: Duration = Duration::from_millis(250);
/// The limit where the system does not say what memory there is: then only what is being received is counted.
const UNKNOWN: u64 = 1 << 30;
/// Requests are taken again when so many percent of the limit have become free. At the very threshold every second one would be refused.
const HYSTERESIS: u64 = 5;

/// There is no room for a request at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no memory for more at the moment: {used_mib} MiB are in use, and the limit is {limit_mib} MiB (memory_limiter)"
)]
pub struct Short {
    used_mib: u64,
    limit_mib: u64,
}

/// The memory of the process, and what of it may be taken. All sizes are in bytes.
pub struct Memory {
    limit: u64,
    /// Above it only one request at a time is taken in; what has begun goes on, up to the limit.
    soft: u64,
    /// Above it nothing is, as long as memory is short.
    firm: u64,
    every: Duration,
    /// What the process has; `None` where nobody knows.
    resident: fn() -> Option<u64>,
    last: Mutex<Last>,
    used: AtomicU64,
    is_tight: AtomicBool,
    /// What may be taken until the next look.
    left: AtomicU64,
    held: AtomicU64,
}

/// When something was done last.
struct Last {
    look: Instant,
    given_back: Instant,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { limit, soft, used, held, .. } = self;
        write!(f, "Memory {{ limit: {limit}, soft: {soft}, used: {used:?}, held: {held:?} }}")
    }
}

impl Memory {
    /// The memory of this process, with the limit that a config has for it on this machine.
    pub fn new(said: &MemoryLimit) -> Self {
        let total = machine::total();
        let of = |share: Share| match (share, total) {
            (Share::Bytes(bytes), _) => bytes as u64,
            (Share::Percent(percent), Some(total)) => total / 100 * u64::from(percent.min(100)),
            (Share::Percent(_), None) => UNKNOWN,
        };
        let limit = of(said.limit);
        let spike = said.spike.map_or(limit / 5, of).min(limit);
        info!(
            "the memory limit is {} MiB; above {} MiB requests are refused until there is room",
            limit >> 20,
            (limit - spike) >> 20
        );
        Memory::with(limit, spike, said.check_interval, resident)
    }

    fn with(limit: u64, spike: u64, every: Duration, resident: fn() -> Option<u64>) -> Self {
        let memory = Memory {
            limit,
            soft: limit - spike,
            firm: limit - spike / 2,
            every,
            resident,
            last: Mutex::new(Last { look: Instant::now(), given_back: Instant::now() }),
            used: AtomicU64::new(0),
            is_tight: AtomicBool::new(false),
            left: AtomicU64::new(0),
            held: AtomicU64::new(0),
        };
        memory.look(Duration::ZERO);
        memory
    }

    /// Begins to take a request in, of which nothing has been read.
    ///
    /// One at a time is taken though memory is short, as long as half of what is kept for spikes is free: the allocator never gives back all
    /// that was freed, and if nothing were taken that could use it, nothing might be taken for ever.
    ///
    /// # Errors
    /// More than the limit less its spikes is in use, and others are being taken in, or there is no room at all.
    pub fn admit(self: &Arc<Self>) -> Result<Held, Short> {
        self.look(self.every);
        if self.is_tight.load(Ordering::Relaxed) {
            self.look(AGAIN);
            let is_alone = self.held.load(Ordering::Relaxed) == 0 && self.left.load(Ordering::Relaxed) > 0;
            if self.is_tight.load(Ordering::Relaxed) && !is_alone {
                return Err(self.short());
            }
        }
        Ok(Held { memory: Arc::clone(self), bytes: 0 })
    }

    fn take(&self, bytes: u64) -> Result<(), Short> {
        if self.try_take(bytes) {
            return Ok(());
        }
        // What was taken since the last look may be gone already.
        self.look(AGAIN);
        if self.try_take(bytes) { Ok(()) } else { Err(self.short()) }
    }

    fn try_take(&self, bytes: u64) -> bool {
        // Before it is taken: a look in between counts it twice rather than not at all.
        self.held.fetch_add(bytes, Ordering::Relaxed);
        let less = |left: u64| left.checked_sub(bytes);
        let is_taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if !is_taken {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_taken
    }

    /// Looks at what is in use, if that has not been done for so long.
    fn look(&self, age: Duration) {
        // If another thread looks, what it finds is as good.
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.look.elapsed() < age {
            return;
        }
        let used = (self.resident)().unwrap_or(0);
        let was_tight = self.is_tight.load(Ordering::Relaxed);
        let threshold =
            if was_tight { self.soft.saturating_sub(self.limit / 100 * HYSTERESIS) } else { self.soft };
        let is_tight = used > threshold;
        self.used.store(used, Ordering::Relaxed);
        self.is_tight.store(is_tight, Ordering::Relaxed);
        // What is held may have been counted, for it is in use, or may not have been touched yet.
        let spoken_for = used + self.held.load(Ordering::Relaxed);
        let most = if is_tight { self.firm } else { self.limit };
        self.left.store(most.saturating_sub(spoken_for), Ordering::Relaxed);
        last.look = Instant::now();
        if is_tight && last.given_back.elapsed() >= GIVE_BACK {
            last.given_back = last.look;
            give_back();
        }
        drop(last);
        match (was_tight, is_tight) {
            (false, true) => warn!(
                "{} MiB of memory are in use: requests are refused until it is less than {} MiB; the limit is {} MiB (memory_limiter)",
                used >> 20,
                self.soft.saturating_sub(self.limit / 100 * HYSTERESIS) >> 20,
                self.limit >> 20
            ),
            (true, false) => info!("{} MiB of memory are in use: requests are taken again", used >> 20),
            _ => {}
        }
    }

    fn short(&self) -> Short {
        Short { used_mib: self.used.load(Ordering::Relaxed) >> 20, limit_mib: self.limit >> 20 }
    }
}

/// Has the allocator give back to the system what was freed a second ago or longer. mimalloc does that whenever a thread ends, and else now
/// and then when memory is asked for: not soon where requests are refused, which ask for none. Then they would be refused for ever.
fn give_back() {
    let uses_memory = || drop(std::hint::black_box(vec![0_u8; 64]));
    // Without a thread it is tried again.
    let _ = std::thread::Builder::new().name("give-back".to_owned()).spawn(uses_memory);
}

/// What one request takes of the memory, from its first byte until the queue has it.
#[derive(Debug)]
#[must_use]
pub struct Held {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Held {
    /// Takes more, in bytes.
    ///
    /// # Errors
    /// There is not so much; what was held still is.
    pub fn more(&mut self, bytes: usize) -> Result<(), Short> {
        self.memory.take(bytes as u64)?;
        self.bytes += bytes as u64;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
