//! What of a monthly amount falls into a stretch of time: months differ in length, and clocks change.

use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::pricing::money::Picodollars;
use crate::time::{self, HOUR, hour};

/// A stretch of time, in seconds since 1970: its beginning is in it, its end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub from: i64,
    /// When it ends.
    pub until: i64,
    /// The end of what is booked in it, in hours since 1970: where it ends now, that is later than now ([`time::until`]).
    pub booked_until: u32,
}

impl Period {
    /// From the hour in which `from` lies, for the ledger counts in hours, until `until`.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        let from = from.as_second().div_euclid(HOUR).max(0) * HOUR;
        let until = until.as_second().max(from);
        Period { from, until, booked_until: hour(until.saturating_add(HOUR - 1)) }
    }

    /// The same until now.
    pub fn until_now(from: Timestamp, now: Timestamp) -> Self {
        let period = Period::new(from, now);
        Period { booked_until: period.booked_until.max(time::until(now)), ..period }
    }

    /// As far as it has come by now. What a clock that is ahead tells of the time after it is no part of it.
    #[must_use]
    pub fn so_far(self, now: Timestamp) -> Self {
        let until = self.until.min(now.as_second()).max(self.from);
        let booked_until = self.booked_until.min(time::until(now)).max(hour(self.from));
        Period { until, booked_until, ..self }
    }

    /// The calendar month in which a time lies, until its end; `None` at the end of the calendar.
    pub fn month(at: Timestamp, zone: &TimeZone) -> Option<Self> {
        let (from, until) = month(at.as_second(), zone)?;
        Some(Period::new(Timestamp::from_second(from).ok()?, Timestamp::from_second(until).ok()?))
    }

    /// The hours since 1970 that are booked in it.
    pub fn hours(self) -> Range<u32> {
        hour(self.from)..self.booked_until
    }
}

/// How many months a period is: an exact fraction. A part of a month is the part of its seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Months {
    numerator: i128,
    denominator: i128,
}

impl Months {
    /// The months of a period, in a zone.
    pub fn of(period: Period, zone: &TimeZone) -> Self {
        let mut sum = Months { numerator: 0, denominator: 1 };
        let mut at = period.from;
        while at < period.until
            && let Some((start, end)) = month(at, zone)
        {
            let part = end.min(period.until) - at;
            sum = sum.plus(part.into(), (end - start).into());
            at = end;
        }
        sum
    }

    /// What of an amount that is paid for a month is paid for them, rounded once.
    pub fn share(self, amount: Picodollars) -> Picodollars {
        amount.part(self.numerator, self.denominator)
    }

    /// In lowest terms: of several months only the first and the last are no whole ones, so that both numbers stay small.
    fn plus(self, numerator: i128, denominator: i128) -> Self {
        let numerator = self.numerator * denominator + numerator * self.denominator;
        let denominator = self.denominator * denominator;
        let common = gcd(numerator, denominator);
        Months { numerator: numerator / common, denominator: denominator / common }
    }
}

/// When the month of a time begins and ends, in seconds.
fn month(at: i64, zone: &TimeZone) -> Option<(i64, i64)> {
    let first = Timestamp::from_second(at).ok()?.to_zoned(zone.clone()).date().first_of_month();
    let next = first.checked_add(1.month()).ok()?;
    // Where the first midnight is skipped by a clock change, a month begins at the next moment that there is.
    let second = |date: jiff::civil::Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp().as_second());
    Some((second(first)?, second(next)?))
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn paid(dollars: &str, from: &str, until: &str, zone: &str) -> String {
        let period = Period::new(at(from), at(until));
        Months::of(period, &self::zone(zone)).share(dollars.parse().unwrap()).to_string()
    }

    /// Scenario: months of 28 to 31 days, in UTC and where clocks change; parts of months; zones that are half an hour off.
    /// Guarantees: a month is a month, however long; parts are parts of its seconds, worked out by hand; a period begins with
    /// an hour of UTC.
    #[test]
    fn parts_of_months_are_parts_of_their_seconds() {
        for (from, until, name, expected) in [
            ("2026-02-01T00:00Z", "2026-03-01T00:00Z", "UTC", "20"),
            ("2026-10-01T00:00Z", "2026-11-01T00:00Z", "UTC", "20"),
            ("2026-02-01T00:00Z", "2026-02-15T00:00Z", "UTC", "10"),
            ("2026-01-31T00:00Z", "2026-02-02T00:00Z", "UTC", "1.359447004608"),
            ("2026-01-10T00:00Z", "2026-01-10T00:00Z", "UTC", "0"),
            // 2026-10-25 has 25 hours in Berlin, so October has 745 and its last day is 25/745 of it with this one.
            ("2026-09-30T22:00Z", "2026-10-31T23:00Z", "Europe/Berlin", "20"),
            ("2026-10-24T22:00Z", "2026-10-25T23:00Z", "Europe/Berlin", "0.671140939597"),
            // March has 743.
            ("2026-03-28T23:00Z", "2026-03-29T22:00Z", "Europe/Berlin", "0.619111709287"),
            ("2025-12-31T23:00Z", "2026-12-31T23:00Z", "Europe/Berlin", "240"),
            // Midnight of Kolkata is 18:30, and its hour begins at 18:00: half an hour of October at 1/744 an hour.
            ("2026-10-31T18:30Z", "2026-11-30T18:30Z", "Asia/Kolkata", "20.013440860215"),
        ] {
            assert_eq!(paid("20", from, until, name), expected, "{from} {until} {name}");
        }
    }

    #[test]
    fn a_month_of_now_is_the_zones() {
        let month = Period::month(at("2026-10-31T23:30Z"), &zone("Europe/Berlin")).unwrap();
        assert_eq!(month, Period::new(at("2026-10-31T23:00Z"), at("2026-11-30T23:00Z")));
        let month = Period::month(at("2026-10-31T23:30Z"), &TimeZone::UTC).unwrap();
        assert_eq!(month, Period::new(at("2026-10-01T00:00Z"), at("2026-11-01T00:00Z")));
    }

    #[test]
    fn the_hours_of_a_period_are_those_it_touches() {
        let hours = |from: &str, until: &str| Period::new(at(from), at(until)).hours();
        assert_eq!(hours("1970-01-02T00:00Z", "1970-01-02T02:00Z"), 24..26);
        assert_eq!(hours("1970-01-02T00:59Z", "1970-01-02T02:01Z"), 24..27);
        assert_eq!(hours("1970-01-02T00:59Z", "1970-01-01T02:01Z"), 24..24);
    }

    /// Scenario: calls of a sender whose clock is an hour ahead, in the middle of a month and in its last hour; months that are over, and to
    /// come.
    /// Guarantees: what is paid by time is paid until now, and what is booked counts until now by that clock, but not beyond the month.
    #[test]
    fn a_period_until_now_has_what_clocks_that_are_ahead_tell() {
        let october = Period::month(at("2026-10-02T00:00Z"), &TimeZone::UTC).unwrap();
        let ends = |period: Period| (time::rfc3339(hour(period.until)), time::rfc3339(period.booked_until));
        let of = |until: &str, booked: &str| (until.to_owned(), booked.to_owned());
        let so_far = |now| ends(october.so_far(at(now)));
        assert_eq!(so_far("2026-10-23T12:00:56Z"), of("2026-10-23T12:00:00Z", "2026-10-23T14:00:00Z"));
        assert_eq!(so_far("2026-10-31T23:10:00Z"), of("2026-10-31T23:00:00Z", "2026-11-01T00:00:00Z"));
        assert_eq!(so_far("2026-12-01T00:00:00Z"), of("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"));
        assert!(october.so_far(at("2026-09-01T00:00:00Z")).hours().is_empty());
        let week = Period::until_now(at("2026-10-16T12:30:00Z"), at("2026-10-23T12:30:00Z"));
        assert_eq!(ends(week), of("2026-10-23T12:00:00Z", "2026-10-23T14:00:00Z"));
        assert_eq!(week.hours().len() as u32, time::LAST_WEEK);
        let to_come = Period::until_now(at("2026-10-30T12:30:00Z"), at("2026-10-23T12:30:00Z"));
        assert_eq!(ends(to_come), of("2026-10-30T12:00:00Z", "2026-10-30T12:00:00Z"));
    }

    proptest! {
        /// Scenario: a stretch of four years, cut anywhere.
        /// Guarantees: the parts make the whole exactly, as fractions; and money to the picodollar that each may be rounded by.
        #[test]
        fn parts_add_up(from in 400_000u32..435_000, hours in 0i64..35_000, cut in 0i64..35_000, name in 0usize..4) {
            let zone = zone(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"][name]);
            let from = i64::from(from) * HOUR;
            let (until, cut) = (from + hours * HOUR, from + cut.min(hours) * HOUR);
            let months = |from, until| Months::of(Period { from, until, booked_until: 0 }, &zone);
            let (whole, one, other) = (months(from, until), months(from, cut), months(cut, until));
            prop_assert_eq!(one.plus(other.numerator, other.denominator), whole);
            let paid = |months: Months| months.share(Picodollars::new(20_000_000_000_001)).get();
            prop_assert!((paid(one) + paid(other) - paid(whole)).abs() <= 1);
        }
    }
}
