//! The share of calls whose cost is not known, kept for whoever collects metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::ledger::Ledger;
use crate::time::{hour_of, until};

/// Hours of which it is told: long enough that nights do not matter.
const HOURS: u32 = 24;
/// How old it may be. It is read from the store, which may be busy, and whoever collects metrics must not wait for that.
const AGE: Duration = Duration::from_secs(1);
/// Where reading takes long: no more than a twentieth of the time is for this.
const PAUSE: u32 = 20;

/// What it was a moment ago. Clones show the same.
#[derive(Clone, Debug, Default)]
pub struct UnpricedShare(Arc<Mutex<Option<f64>>>);

impl UnpricedShare {
    /// `None` where there were no calls, or the ledger could not be read, which others tell.
    pub fn get(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it up to date as long as it is polled.
    pub async fn keep(self, ledger: Ledger) {
        loop {
            let (start, ledger) = (Instant::now(), ledger.clone());
            let share = spawn_blocking(move || share(&ledger, Timestamp::now())).await.ok().flatten();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = share;
            sleep(AGE.max(start.elapsed() * PAUSE)).await;
        }
    }
}

fn share(ledger: &Ledger, now: Timestamp) -> Option<f64> {
    let total = ledger.total(hour_of(now).saturating_sub(HOURS)..until(now)).ok()?;
    let sums = total.settled.plus(&total.pending);
    (sums.calls > 0).then(|| sums.unpriced as f64 / sums.calls as f64)
}
