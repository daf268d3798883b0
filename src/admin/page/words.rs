//! Money, counts and times for people: rounded, never to a zero that is none.

use std::fmt;

use jiff::tz::TimeZone;

use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;
use crate::time::start;

/// Picodollars in a cent.
const CENT: i128 = 10_000_000_000;

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
        let Some(money) = self.0 else { return f.write_str("unknown") };
        let size = money.get().unsigned_abs();
        // What a last digit is worth: a cent, or less where a cent would leave fewer than two digits.
        let mut unit = CENT as u128;
        while unit > 1 && size < 10 * unit {
            unit /= 10;
        }
        let (mut units, mut decimals) = ((size + unit / 2) / unit, decimals(unit));
        // A zero needs no decimals, and none that stand behind the cents.
        while decimals > 2 && units.is_multiple_of(10) {
            (units, decimals) = (units / 10, decimals - 1);
        }
        let sign = if money.get() < 0 { "\u{2212}" } else { "" };
        match size {
            0 => f.write_str("$0"),
            _ => {
                let scale = 10u128.pow(decimals);
                let (dollars, rest) = (units / scale, units % scale);
                write!(f, "{sign}${}.{rest:0width$}", Count(dollars), width = decimals as usize)
            }
        }
    }
}

/// How many decimals of a dollar a unit is away.
fn decimals(unit: u128) -> u32 {
    (CENT as u128 / unit).ilog10() + 2
}

/// A number with commas between thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) u128);

impl From<u8> for Count {
    fn from(count: u8) -> Self {
        Count(count.into())
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// `1 call`, `1,234 calls`.
pub(super) fn counted(count: u64, what: &str) -> String {
    crate::text::counted(Count(count.into()), what)
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

    fn money(text: &str) -> String {
        Money(Some(text.parse().unwrap())).to_string()
    }

    #[test]
    fn money_is_rounded_but_never_to_zero() {
        for (exact, shown) in [
            ("0", "$0"),
            ("1", "$1.00"),
            ("1234.567", "$1,234.57"),
            ("1234567.125", "$1,234,567.13"),
            ("0.5", "$0.50"),
            ("0.104", "$0.10"),
            ("0.0999", "$0.10"),
            ("0.996", "$1.00"),
            ("0.05", "$0.05"),
            ("0.0434", "$0.043"),
            ("0.00432", "$0.0043"),
            ("0.004", "$0.004"),
            ("0.00000084", "$0.00000084"),
            ("0.000000000001", "$0.000000000001"),
            ("-12.5", "\u{2212}$12.50"),
            ("-0.0012", "\u{2212}$0.0012"),
        ] {
            assert_eq!(money(exact), shown, "{exact}");
        }
        assert_eq!(Money(None).to_string(), "unknown");
        assert_eq!(Money(Some(Picodollars::new(i128::MAX))).to_string().chars().next(), Some('$'));
        for picodollars in (1..100 * CENT).step_by(7_919_000_017) {
            let shown = Money(Some(Picodollars::new(picodollars))).to_string();
            let read: f64 = shown[1..].parse().unwrap();
            let exact = picodollars as f64 / 1e12;
            assert!((read - exact).abs() <= 0.05 * exact, "{shown} is not {exact}");
        }
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
