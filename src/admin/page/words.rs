//! Money, counts and times for people: rounded, never to a zero that is none.

use std::fmt;

use jiff::tz::TimeZone;

use crate::ledger::sums::Tally;
use crate::pricing::{Picodollars, Rounded};
use crate::text::Grouped;
use crate::time::start;

/// An amount for people: `$1,234.57`, `$0.0043`, `unknown`. Two decimals, or as many as two digits need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Money(pub(super) Option<Picodollars>);

impl Money {
    /// The money of calls; unknown where it is known of none.
    pub(super) fn of(tally: &Tally) -> Self {
        Money(tally.known_money())
    }

    /// All of it, as an exact decimal; empty where it is unknown.
    pub(super) fn exact(self) -> String {
        self.0.map_or_else(String::new, |money| money.to_string())
    }

    /// Whether there is some.
    pub(super) fn is_some(self) -> bool {
        self.0.is_some_and(|money| !money.is_zero())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(money) => Rounded(money).fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// `1 call`, `1,234 calls`.
pub(super) fn counted(count: u64, what: &str) -> String {
    crate::text::counted(Grouped(count.into()), what)
}

/// A share in percent, never rounded to none or to all: `2.5%`, `< 0.1%`.
pub(super) fn share(part: u64, whole: u64) -> String {
    let per_mille = (u128::from(part) * 1000 + u128::from(whole) / 2) / u128::from(whole.max(1));
    match per_mille {
        0 if part > 0 => "< 0.1%".to_owned(),
        1000 if part < whole => "> 99.9%".to_owned(),
        _ if per_mille.is_multiple_of(10) => format!("{}%", per_mille / 10),
        _ => format!("{}.{}%", per_mille / 10, per_mille % 10),
    }
}

/// A word as a sentence begins with it.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// An hour since 1970, in UTC, as `format` says.
pub(super) fn hour(hour: u32, format: &str) -> String {
    start(hour).to_zoned(TimeZone::UTC).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_that_is_not_known_is_no_zero() {
        assert_eq!(Money(None).to_string(), "unknown");
        assert_eq!(Money(Some(Picodollars::new(4_320_000_000))).to_string(), "$0.0043");
    }

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        assert_eq!(share(0, 0), "0%");
        assert_eq!(share(0, 9), "0%");
        assert_eq!(share(1, 40), "2.5%");
        assert_eq!(share(1, 1_000_000), "< 0.1%");
        assert_eq!(share(999_999, 1_000_000), "> 99.9%");
        assert_eq!(share(7, 7), "100%");
    }

    #[test]
    fn words_counts_and_hours() {
        assert_eq!([capital("user"), capital("")], ["User", ""]);
        assert_eq!(counted(1, "call"), "1 call");
        assert_eq!(counted(1_234_567, "call"), "1,234,567 calls");
        assert_eq!(hour(0, "%a %-d %b %H:%M"), "Thu 1 Jan 00:00");
    }
}
