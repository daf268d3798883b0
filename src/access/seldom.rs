//! What strangers can cause as often as they like is said at most once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(1);

/// Says when the next line may be written.
#[derive(Debug, Default)]
pub struct Seldom {
    last: Mutex<Option<Instant>>,
    silent: AtomicU64,
}

impl Seldom {
    /// If a line may be written now: the words for how many were left out since the last one, which are none for none.
    pub fn turn(&self) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            self.silent.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *last = Some(Instant::now());
        Some(match self.silent.swap(0, Ordering::Relaxed) {
            0 => String::new(),
            others => format!(" ({others} more before it)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_second_says_how_many_it_stands_for() {
        let seldom = Seldom::default();
        assert_eq!(seldom.turn().as_deref(), Some(""));
        assert_eq!((seldom.turn(), seldom.turn()), (None, None));
        *seldom.last.lock().unwrap() = Instant::now().checked_sub(PAUSE);
        assert_eq!(seldom.turn().as_deref(), Some(" (2 more before it)"));
    }
}
