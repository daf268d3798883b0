//! Time as the ledger counts it: in whole hours since 1970. Pure but for [`unix_nano`], which reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Seconds of an hour.
pub const HOUR: i64 = 3600;

/// As many hours as the last seven days touch: the one in which they begin, the running one and the coming one are in it.
pub const LAST_WEEK: u32 = 7 * 24 + 2;

/// Now, in nanoseconds since 1970; 64 bits of them last until the year 2554.
pub fn unix_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// The hour since 1970 that a second since 1970 is in.
pub fn hour(second: i64) -> u32 {
    u32::try_from(second.div_euclid(HOUR).max(0)).unwrap_or(u32::MAX)
}

/// The hour since 1970 that a time is in.
pub fn hour_of(time: Timestamp) -> u32 {
    hour(time.as_second())
}

/// When an hour since 1970 begins.
pub fn start(hour: u32) -> Timestamp {
    Timestamp::from_second(i64::from(hour) * HOUR).unwrap_or(Timestamp::MAX)
}

/// The end of what has been booked until now, which is no more part of it. Senders' clocks may be an hour ahead, and what they tell is
/// booked in the hour that they tell: so the coming hour is in it.
pub fn until(now: Timestamp) -> u32 {
    hour_of(now).saturating_add(2)
}

/// When an hour since 1970 begins, as in `2026-11-23T14:00:00Z`.
pub fn rfc3339(hour: u32) -> String {
    start(hour).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_are_told_as_they_are_counted() {
        assert_eq!(rfc3339(498_710), "2026-11-22T14:00:00Z");
        for time in ["2026-11-22T14:00:00Z", "2026-11-22T14:59:59.999Z"] {
            assert_eq!(hour_of(at(time)), 498_710);
        }
        assert_eq!((hour(-1), hour(i64::MAX)), (0, u32::MAX));
        assert_eq!(hour_of(start(498_710)), 498_710);
    }

    /// Guarantees: what a clock tells that is an hour ahead is in it at any moment of an hour.
    #[test]
    fn until_now_takes_in_clocks_that_are_an_hour_ahead() {
        for now in ["2026-11-22T14:00:00Z", "2026-11-22T14:00:01Z", "2026-11-22T14:59:59.999999999Z"] {
            let ahead = Timestamp::from_second(at(now).as_second() + HOUR).unwrap();
            assert!(hour_of(ahead) < until(at(now)), "{now}");
            assert_eq!(rfc3339(until(at(now))), "2026-11-22T16:00:00Z");
        }
    }

    #[test]
    fn a_week_touches_so_many_hours() {
        let now = at("2026-11-22T14:30:00Z");
        let since = hour(now.as_second() - 7 * 24 * HOUR);
        assert_eq!(until(now) - since, LAST_WEEK);
    }
}
