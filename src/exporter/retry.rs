//! How long to wait between attempts, and when to give up: the Collector's `retry_on_failure`.

use std::future::Future;
use std::time::Duration;

use rand::Rng;
use tokio::time::{Instant, sleep};

use super::{Outcome, Partial};

/// The Collector's `retry_on_failure`, with its names, meanings and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// Whether to repeat at all.
    pub enabled: bool,
    /// The wait after the first failure, before jitter.
    pub initial_interval: Duration,
    /// Jitter: a wait of `d` becomes one between `d * (1 - factor)` and `d * (1 + factor)`. From 0 to 1.
    pub randomization_factor: f64,
    /// What each wait is multiplied by to give the next. At least 1.
    pub multiplier: f64,
    /// The longest wait, before jitter.
    pub max_interval: Duration,
    /// Give up when the next attempt would start later than this after the first; zero is never.
    pub max_elapsed_time: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

/// The waits of one request. Pure: time and chance are passed in.
#[derive(Clone, Debug)]
pub struct Backoff<'a> {
    settings: &'a RetrySettings,
    interval: Duration,
}

impl<'a> Backoff<'a> {
    /// The waits of a request that has not failed yet.
    pub fn new(settings: &'a RetrySettings) -> Self {
        Self { settings, interval: settings.initial_interval.min(settings.max_interval) }
    }

    /// How long to wait before the next attempt, or nothing to give up.
    ///
    /// `elapsed` is the time since the first attempt began. `after` is what the destination asked for: the
    /// wait is at least that long, and `max_elapsed_time` does not stretch for it.
    pub fn next_wait(
        &mut self,
        elapsed: Duration,
        after: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Option<Duration> {
        let settings = self.settings;
        if !settings.enabled {
            return None;
        }
        let jitter = 1.0 + settings.randomization_factor * rng.random_range(-1.0..=1.0);
        let wait = scaled(self.interval, jitter).max(after.unwrap_or_default());
        self.interval = scaled(self.interval, settings.multiplier).min(settings.max_interval);
        let limit = settings.max_elapsed_time;
        (limit.is_zero() || elapsed.saturating_add(wait) <= limit).then_some(wait)
    }
}

/// `duration * factor`, at its limits instead of a panic where the factor is out of all bounds.
fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64((duration.as_secs_f64() * factor).max(0.0)).unwrap_or(Duration::MAX)
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The destination has it, but for what it rejected.
    Delivered {
        /// The populated `partial_success`.
        rejected: Option<Partial>,
    },
    /// The destination takes nothing of this size.
    TooLarge {
        /// The destination's reason.
        why: String,
    },
    /// The destination will never take it.
    Refused {
        /// The destination's reason.
        why: String,
    },
    /// It could be sent again, but the settings say to stop.
    GaveUp {
        /// The last attempt's reason.
        why: String,
    },
}

/// Repeats `attempt` until it succeeds, is refused, or `settings` say to give up.
///
/// `on_retry` hears of each failure that is followed by a wait: the reason, and how long. Dropping the
/// future ends it between or within attempts.
pub async fn settle<F>(
    settings: &RetrySettings,
    mut attempt: impl FnMut() -> F,
    mut on_retry: impl FnMut(&str, Duration),
) -> Settled
where
    F: Future<Output = Outcome>,
{
    let start = Instant::now();
    let mut backoff = Backoff::new(settings);
    loop {
        let (after, why) = match attempt().await {
            Outcome::Delivered { rejected } => return Settled::Delivered { rejected },
            Outcome::TooLarge { why } => return Settled::TooLarge { why },
            Outcome::Refused { why } => return Settled::Refused { why },
            Outcome::Retry { after, why } => (after, why),
        };
        let Some(wait) = backoff.next_wait(start.elapsed(), after, &mut rand::rng()) else {
            return Settled::GaveUp { why };
        };
        on_retry(&why, wait);
        sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn without_jitter() -> RetrySettings {
        RetrySettings { randomization_factor: 0.0, ..RetrySettings::default() }
    }

    fn retry(after: Option<Duration>) -> Outcome {
        Outcome::Retry { after, why: "down".into() }
    }

    #[test]
    fn the_collectors_sequence() {
        let settings = without_jitter();
        let mut backoff = Backoff::new(&settings);
        let mut rng = StdRng::seed_from_u64(1);
        let waits: Vec<_> = (0..7)
            .map(|_| backoff.next_wait(Duration::ZERO, None, &mut rng).unwrap().as_secs_f64())
            .collect();
        assert_eq!(waits, [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0]);
    }

    #[test]
    fn jitter_spreads_over_the_whole_range_and_not_beyond() {
        let settings = RetrySettings::default();
        let mut rng = StdRng::seed_from_u64(2);
        let waits: Vec<_> = (0..1000)
            .map(|_| Backoff::new(&settings).next_wait(Duration::ZERO, None, &mut rng).unwrap().as_secs_f64())
            .collect();
        assert!(waits.iter().all(|wait| (2.5..=7.5).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 2.7) && waits.iter().any(|wait| *wait > 7.3));
    }

    #[test]
    fn a_destinations_wish_lengthens_a_wait_and_never_shortens_it() {
        let settings = without_jitter();
        let mut rng = StdRng::seed_from_u64(3);
        let wait = |after| Backoff::new(&settings).next_wait(Duration::ZERO, after, &mut rng.clone());
        assert_eq!(wait(Some(60 * SECOND)), Some(60 * SECOND));
        assert_eq!(wait(Some(SECOND)), Some(5 * SECOND));
        assert_eq!(Backoff::new(&settings).next_wait(10 * SECOND, Some(291 * SECOND), &mut rng), None);
    }

    #[test]
    fn gives_up_when_the_next_attempt_would_come_too_late_or_never() {
        let mut settings = without_jitter();
        let mut rng = StdRng::seed_from_u64(4);
        assert_eq!(Backoff::new(&settings).next_wait(295 * SECOND, None, &mut rng), Some(5 * SECOND));
        assert_eq!(Backoff::new(&settings).next_wait(296 * SECOND, None, &mut rng), None);
        settings.max_elapsed_time = Duration::ZERO;
        assert_eq!(Backoff::new(&settings).next_wait(Duration::MAX, None, &mut rng), Some(5 * SECOND));
        settings.enabled = false;
        assert_eq!(Backoff::new(&settings).next_wait(Duration::ZERO, None, &mut rng), None);
    }

    #[test]
    fn absurd_settings_do_not_panic() {
        let mut rng = StdRng::seed_from_u64(5);
        for factor in [f64::NAN, f64::INFINITY, -3.0, 1e300] {
            let settings = RetrySettings {
                multiplier: factor,
                max_interval: Duration::MAX,
                initial_interval: Duration::MAX,
                max_elapsed_time: Duration::ZERO,
                ..without_jitter()
            };
            let mut backoff = Backoff::new(&settings);
            for _ in 0..3 {
                assert!(backoff.next_wait(Duration::MAX, Some(Duration::MAX), &mut rng).is_some());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_between_attempts_and_reports_each() {
        let settings = without_jitter();
        let start = Instant::now();
        let tries = Cell::new(0);
        let mut heard = Vec::new();
        let settled = settle(
            &settings,
            || {
                tries.set(tries.get() + 1);
                let outcome = match tries.get() {
                    1 => retry(None),
                    2 => retry(Some(60 * SECOND)),
                    _ => Outcome::Delivered { rejected: None },
                };
                async move { outcome }
            },
            |why, wait| heard.push((why.to_owned(), wait)),
        )
        .await;
        assert_eq!(settled, Settled::Delivered { rejected: None });
        assert_eq!(heard, [("down".to_owned(), 5 * SECOND), ("down".to_owned(), 60 * SECOND)]);
        assert_eq!(start.elapsed().as_secs(), 65);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_within_the_elapsed_time_and_never_repeats_a_final_answer() {
        let settings = without_jitter();
        let start = Instant::now();
        let settled = settle(&settings, || async { retry(None) }, |_, _| {}).await;
        assert_eq!(settled, Settled::GaveUp { why: "down".into() });
        assert!((270..=300).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());

        let tries = Cell::new(0);
        let partial = Some(Partial { items: 1, message: "one was bad".into() });
        for last in [Outcome::Delivered { rejected: partial }, Outcome::Refused { why: "bad".into() }] {
            let once = || {
                tries.set(tries.get() + 1);
                let last = last.clone();
                async move { last }
            };
            settle(&settings, once, |_, _| panic!("retried")).await;
        }
        assert_eq!(tries.get(), 2);
    }
}
