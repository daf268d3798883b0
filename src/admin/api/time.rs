//! Times as a question says them, in the whole hours that the ledger knows.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::query::Query;
use crate::time::{HOUR, hour, until};

/// The hours since 1970 that `since` and `until` ask for, as far as the ledger has them apart: from the one in which the first lies to the
/// one in which the last ends.
///
/// # Errors
/// What is wrong, and what may be said.
pub(super) fn hours(query: &Query<'_>, now: Timestamp) -> Result<Range<u32>, String> {
    let said = second(query, "until", now)?;
    let day_before = || said.unwrap_or(now.as_second()) - 24 * HOUR;
    let since = second(query, "since", now)?.unwrap_or_else(day_before);
    let hours = hour(since)..said.map_or_else(|| until(now), |until| hour(until + HOUR - 1));
    if hours.is_empty() || said.is_some_and(|until| since >= until) {
        return Err("since lies after until: there is nothing between them".to_owned());
    }
    Ok(hours)
}

/// The time that a parameter says, in seconds since 1970.
///
/// # Errors
/// What is wrong, and what may be said.
pub(super) fn second(query: &Query<'_>, name: &str, now: Timestamp) -> Result<Option<i64>, String> {
    let Some(said) = query.get(name) else { return Ok(None) };
    read(said, now).map(Some).map_err(|error| format!("{name} is {said:?}: {error}"))
}

/// Seconds since 1970.
fn read(said: &str, now: Timestamp) -> Result<i64, &'static str> {
    if let Some(seconds) = before(said) {
        return now.as_second().checked_sub(seconds).filter(|second| *second >= 0).ok_or(MAY_BE);
    }
    // In a query + is a blank, and people do not think of it.
    let time = said.parse::<Timestamp>().or_else(|_| said.replace(' ', "+").parse());
    let time = time.or_else(|error| match said.parse::<Date>() {
        Ok(date) if said.len() == 10 => date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()),
        _ => Err(error),
    });
    time.ok().map(Timestamp::as_second).filter(|second| *second >= 0).ok_or(MAY_BE)
}

const MAY_BE: &str = "it may be a time before now, as in 90m, 24h, 7d or 4w, or a date or time of RFC 3339, as in 2026-11-01 or \
                      2026-11-01T12:00:00Z";

/// Seconds in a number of minutes, hours, days or weeks.
fn before(said: &str) -> Option<i64> {
    let (number, unit) = said.split_at_checked(said.len().checked_sub(1)?)?;
    let unit = match unit {
        "m" => 60,
        "h" => HOUR,
        "d" => 24 * HOUR,
        "w" => 7 * 24 * HOUR,
        _ => return None,
    };
    Some(i64::from(number.parse::<u32>().ok()?) * unit)
}

#[cfg(test)]
mod tests {
    use super::super::query::{SINCE, UNTIL};
    use super::*;
    use crate::time::rfc3339;

    fn asked(query: &str) -> Result<[String; 2], String> {
        let now: Timestamp = "2026-11-23T12:34:56.7Z".parse().unwrap();
        let query = Query::read(query, &[SINCE, UNTIL]).unwrap();
        hours(&query, now).map(|hours| [rfc3339(hours.start), rfc3339(hours.end)])
    }

    #[test]
    fn times_are_told_in_whole_hours() {
        for (query, since, until) in [
            ("", "2026-11-22T12:00:00Z", "2026-11-23T14:00:00Z"),
            ("since=90m", "2026-11-23T11:00:00Z", "2026-11-23T14:00:00Z"),
            ("since=7d&until=1d", "2026-11-16T12:00:00Z", "2026-11-22T13:00:00Z"),
            ("since=1w", "2026-11-16T12:00:00Z", "2026-11-23T14:00:00Z"),
            ("since=2026-11-01&until=2026-11-02", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
            ("since=2026-11-22T23:30:00Z", "2026-11-22T23:00:00Z", "2026-11-23T14:00:00Z"),
            ("since=2026-11-22T23:30:00%2B01:00", "2026-11-22T22:00:00Z", "2026-11-23T14:00:00Z"),
            ("since=2026-11-22T23:30:00+01:00", "2026-11-22T22:00:00Z", "2026-11-23T14:00:00Z"),
            ("until=2d", "2026-11-20T12:00:00Z", "2026-11-21T13:00:00Z"),
            ("since=1970-01-01&until=2099-01-01", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        ] {
            assert_eq!(asked(query), Ok([since.to_owned(), until.to_owned()]), "{query}");
        }
    }

    #[test]
    fn other_times_are_told_what_may_be() {
        for wrong in [
            "since=",
            "since=h",
            "since=24",
            "since=-1h",
            "since=5y",
            "since=1.5h",
            "since=2026-13-01",
            "since=é",
            "until=tomorrow",
        ] {
            assert!(asked(wrong).is_err_and(|error| error.contains("as in 90m, 24h")), "{wrong}");
        }
        for wrong in ["since=2026-11-24", "since=1d&until=2d", "since=4294967295w", "since=0h&until=0h"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
