//! The words of a condition about time: moments, days, hours. All UTC, read once, compared as integers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

const DAY: i64 = 86_400;

/// A point in time, in seconds since 1970: `2026-08-21` (its midnight) or `2026-08-21T10:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// A moment from seconds since 1970.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The day of the week, Monday is 0.
    const fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        (self.0.div_euclid(DAY) + 3).rem_euclid(7) as u32
    }

    /// The second of the day.
    const fn second_of_day(self) -> u32 {
        self.0.rem_euclid(DAY) as u32
    }

    /// Reads `2026-08-21` or `2026-08-21T10:00:00Z`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Some(Self(time.as_second()));
        }
        // A civil date would also read "2026-08-21T10:00", whose zone nobody said.
        let date: jiff::civil::Date = if text.len() == 10 { text.parse().ok()? } else { return None };
        Some(Self(jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second()))
    }
}

/// The date, with the time of day where it is not midnight.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) if self.second_of_day() == 0 => write!(f, "{:.10}", time.to_string()),
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{} s", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!("`{text}` is no moment; write 2026-08-21 or 2026-08-21T10:00:00Z"))
        })
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Days of the week as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Days(u8);

impl Days {
    pub(super) fn new(days: &[Day]) -> Self {
        Self(days.iter().fold(0, |bits, day| bits | 1 << *day as u8))
    }

    /// Their names, Monday first.
    pub(super) fn iter(self) -> impl Iterator<Item = &'static str> {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        names.into_iter().enumerate().filter(move |(nth, _)| self.0 >> nth & 1 == 1).map(|(_, name)| name)
    }

    /// No days said means every day.
    pub(super) const fn contain(self, moment: Moment) -> bool {
        self.0 == 0 || self.0 >> moment.weekday() & 1 == 1
    }
}

/// A span of hours of a day, `01:00-04:00`; may pass midnight, `22:00-06:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    until: u32,
}

impl Hours {
    /// Whether the moment's hour lies in the span.
    pub const fn contain(self, moment: Moment) -> bool {
        let second = moment.second_of_day();
        if self.from < self.until {
            self.from <= second && second < self.until
        } else {
            self.from <= second || second < self.until
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: second_of_day(from)?, until: second_of_day(until)? };
        (hours.from != hours.until).then_some(hours)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, until] = [self.from, self.until].map(|second| (second / 3600, second / 60 % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.0, from.1, until.0, until.1)
    }
}

/// `HH:MM` or `HH:MM:SS`, up to `24:00`.
fn second_of_day(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':').map(|part| part.parse::<u32>().ok().filter(|_| part.len() == 2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    let total = hour * 3600 + minute * 60 + second;
    (parts.next().is_none() && minute < 60 && second < 60 && i64::from(total) <= DAY).then_some(total)
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!("`{text}` is no span of hours; write 01:00-04:00 (UTC)"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn moments_and_weekdays() {
        assert_eq!(at("2026-11-22").unix(), 1_795_305_600);
        assert_eq!(at("2026-11-22T01:00:00+01:00"), at("2026-11-22"));
        assert_eq!(Moment::parse("2026-11-22T01:00"), None, "a time without a zone");
        assert_eq!(Moment::parse("soon"), None);
        assert_eq!(at("2026-11-22").to_string(), "2026-11-22");
        assert_eq!(at("2026-11-22T10:00:00Z").to_string(), "2026-11-22T10:00:00Z");
        let weekend = Days::new(&[Day::Sat, Day::Sun]);
        assert!(weekend.contain(at("2026-11-22")), "a Sunday");
        assert!(!weekend.contain(at("2026-11-23")), "a Monday");
        assert!(Days::default().contain(at("2026-11-23")), "nothing said means every day");
    }

    #[test]
    fn hours_take_their_first_second_and_not_their_last() {
        let morning = Hours::parse("01:00-04:00").unwrap();
        assert!(morning.contain(at("2026-11-22T01:00:00Z")));
        assert!(morning.contain(at("2026-11-22T03:59:59Z")));
        assert!(!morning.contain(at("2026-11-22T04:00:00Z")));
        let night = Hours::parse("22:00-06:00").unwrap();
        assert!(night.contain(at("2026-11-22T23:00:00Z")) && night.contain(at("2026-11-22T05:00:00Z")));
        assert!(!night.contain(at("2026-11-22T12:00:00Z")));
        assert_eq!(night.to_string(), "22:00-06:00");
        for bad in ["1:00-4:00", "01:00", "25:00-26:00", "04:00-04:00", "01:60-02:00"] {
            assert_eq!(Hours::parse(bad), None, "{bad}");
        }
    }
}
