//! How large the requests of an exporter may be: what the config says, and what its backend has refused.
//!
//! A backend does not tell its limit, only that it was exceeded. What it has refused is divided at the half of it, and so are the next
//! requests: that is below the limit, or will be after another refusal, and above the half of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::otlp::split::Limit;

/// Requests of so many bytes are not divided because of their size: no backend has such a limit, and whoever refuses these as too large
/// means something else. It bounds what one request may become.
const LEAST: usize = 4 << 10;

/// How long a refusal is remembered: limits are raised, and a request that is tried whole in vain costs little.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The largest request of one exporter.
#[derive(Debug)]
pub struct Ceiling {
    configured: Limit,
    learned: Mutex<Option<Learned>>,
}

#[derive(Clone, Copy, Debug)]
struct Learned {
    bytes: usize,
    until: Instant,
}

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lowered {
    /// What the parts of the request have to keep.
    pub(super) limit: Limit,
    /// It is the first one, for all that is remembered.
    pub(super) is_news: bool,
}

impl Ceiling {
    /// The config's limit, and nothing refused yet.
    pub fn new(configured: Limit) -> Self {
        Ceiling { configured, learned: Mutex::default() }
    }

    /// What requests have to keep now.
    pub(super) fn limit(&self, now: Instant) -> Limit {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner).filter(|it| now < it.until);
        let bytes = learned.map_or(usize::MAX, |it| it.bytes).min(self.configured.bytes);
        Limit { bytes, ..self.configured }
    }

    /// The backend has refused a request of so many bytes. Nothing: it is too small to be divided.
    pub(super) fn refused(&self, bytes: usize, now: Instant) -> Option<Lowered> {
        if bytes <= LEAST {
            return None;
        }
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let known = learned.filter(|it| now < it.until);
        let half = (bytes / 2).max(LEAST);
        let lowered = known.map_or(half, |it| it.bytes.min(half));
        *learned = Some(Learned { bytes: lowered, until: now + REMEMBERED });
        drop(learned);
        Some(Lowered { limit: self.limit(now), is_news: known.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a backend takes 1,000,000 bytes; requests of up to 20,000,000 come.
    /// Guarantees: after five refusals what is sent is below its limit and above the half of it; ten minutes later all is tried anew.
    #[test]
    fn the_limit_is_found_and_forgotten() {
        const TAKES: usize = 1_000_000;
        let ceiling = Ceiling::new(Limit { bytes: 20_000_000, items: 500 });
        let now = Instant::now();
        assert_eq!(ceiling.limit(now), Limit { bytes: 20_000_000, items: 500 });
        let mut refusals = 0;
        while ceiling.limit(now).bytes > TAKES {
            let lowered = ceiling.refused(ceiling.limit(now).bytes, now).unwrap();
            refusals += 1;
            assert_eq!((lowered.limit, lowered.is_news), (ceiling.limit(now), refusals == 1));
        }
        assert!(refusals <= 5 && ceiling.limit(now).bytes > TAKES / 2);
        assert_eq!(ceiling.refused(LEAST, now), None);
        let known = ceiling.limit(now);
        ceiling.refused(TAKES * 10, now);
        assert_eq!(ceiling.limit(now), known, "what is larger tells nothing new");
        assert_eq!(ceiling.limit(now + REMEMBERED).bytes, 20_000_000);
    }

    #[test]
    fn nothing_becomes_crumbs() {
        let ceiling = Ceiling::new(Limit::NONE);
        let now = Instant::now();
        assert_eq!(ceiling.refused(LEAST + 1, now).map(|it| it.limit.bytes), Some(LEAST));
    }
}
