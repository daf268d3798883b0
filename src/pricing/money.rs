//! Money, exact: an integer number of picodollars.
//!
//! A list price of $0.0375 per 1M tokens is exactly 37,500 picodollars a token, and sums of integers do not
//! drift. `f64` appears only at the attribute boundary ([`Picodollars::to_usd_f64`]).

use std::fmt;
use std::iter::Sum;
use std::ops::Neg;
use std::str::FromStr;

use super::decimal::{Decimal, DecimalError};

/// Picodollars in a dollar.
pub const PER_DOLLAR: i128 = 1_000_000_000_000;

/// Decimal places of a dollar that picodollars can hold.
pub(super) const PLACES: u32 = 12;

/// Below this many picodollars (about $9,007) the amount and [`PER_DOLLAR`] are both exact doubles.
const EXACT_IN_F64: u64 = 1 << 53;

/// An amount of US dollars in units of 10⁻¹² dollars; may be negative (a refund, a correction).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Picodollars(i128);

impl Picodollars {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount from its number of picodollars.
    pub const fn new(picodollars: i128) -> Self {
        Self(picodollars)
    }

    /// The number of picodollars.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` where it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where it does not fit.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The sum, stopping at the largest amount. For totals that must not stop a reader; a single price
    /// uses [`checked_add`](Self::checked_add).
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `numerator / denominator` of it, rounded half to even; stops at the largest amount. The denominator is positive. Nothing else
    /// divides money that somebody is shown, so that all show the same.
    #[must_use]
    pub fn part(self, numerator: i128, denominator: i128) -> Self {
        // The product might not fit; that of the rest does.
        let (whole, rest) = (self.0.div_euclid(denominator), self.0.rem_euclid(denominator));
        let rest = rest * numerator;
        let floor = whole.saturating_mul(numerator).saturating_add(rest.div_euclid(denominator));
        let twice = 2 * rest.rem_euclid(denominator);
        let is_up = twice > denominator || (twice == denominator && floor % 2 != 0);
        Self(floor.saturating_add(is_up.into()))
    }

    /// `of / kept` of it, as [`part`](Self::part) rounds. `kept` is not zero.
    #[must_use]
    pub fn scaled(self, of: u64, kept: u64) -> Self {
        if of == kept || kept == 0 {
            return self;
        }
        self.part(of.into(), kept.into())
    }

    /// Dollars as the double nearest to the exact decimal, which prints as that decimal.
    #[inline]
    pub fn to_usd_f64(self) -> f64 {
        match i64::try_from(self.0) {
            // One correctly rounded division of two exact doubles.
            Ok(small) if small.unsigned_abs() <= EXACT_IN_F64 => small as f64 / PER_DOLLAR as f64,
            _ => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }
}

impl Neg for Picodollars {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// `None` where the sum does not fit.
impl Sum<Picodollars> for Option<Picodollars> {
    fn sum<I: Iterator<Item = Picodollars>>(amounts: I) -> Self {
        let mut amounts = amounts;
        amounts.try_fold(Picodollars::ZERO, Picodollars::checked_add)
    }
}

/// Dollars as an exact decimal: `0.0008446`, `0`, `-12.5`.
impl fmt::Display for Picodollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(self.0, PLACES).fmt(f)
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for Picodollars {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        text.parse::<Decimal>()?.at_scale(PLACES).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_the_exact_decimal() {
        for (picodollars, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (844_600_000, "0.0008446"),
            (PER_DOLLAR, "1"),
            (12 * PER_DOLLAR + PER_DOLLAR / 2, "12.5"),
            (-PER_DOLLAR / 2, "-0.5"),
        ] {
            assert_eq!(Picodollars::new(picodollars).to_string(), text);
            assert_eq!(text.parse(), Ok(Picodollars::new(picodollars)));
        }
    }

    #[test]
    fn doubles_print_the_same_decimal() {
        assert_eq!(Picodollars::new(844_600_000).to_usd_f64().to_string(), "0.0008446");
        assert_eq!(Picodollars::new(74_352 * 100_000).to_usd_f64().to_string(), "0.0074352");
    }

    #[test]
    fn fractions_round_half_to_even() {
        let scaled = |amount, of, kept| Picodollars::new(amount).scaled(of, kept).get();
        assert_eq!([5, 7, -5, -7].map(|amount| scaled(amount, 3, 2)), [8, 10, -8, -10]);
        assert_eq!((scaled(100, 1 << 56, 1), scaled(7, 1, 1)), (100 << 56, 7));
        assert_eq!((scaled(10, 10, 3), scaled(-10, 10, 3), scaled(20, 10, 3)), (33, -33, 67));
        assert_eq!(scaled(i128::MAX, 1 << 56, 1), i128::MAX);
        for (amount, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (7, 4)] {
            assert_eq!(Picodollars::new(amount).part(1, 2).get(), expected, "{amount}");
        }
        assert_eq!(Picodollars::new(i128::MAX).part(3, 2).get(), i128::MAX);
    }

    #[test]
    fn sums_are_checked() {
        let most = Picodollars::new(i128::MAX);
        assert_eq!([most, Picodollars::new(1)].into_iter().sum::<Option<_>>(), None);
        assert_eq!([most, -most].into_iter().sum::<Option<_>>(), Some(Picodollars::ZERO));
    }

    proptest! {
        #[test]
        fn text_round_trips(picodollars in any::<i128>()) {
            let amount = Picodollars::new(picodollars);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }

        #[test]
        fn the_quick_way_to_a_double_is_the_correct_one(picodollars in -(1i128 << 53)..(1i128 << 53)) {
            let amount = Picodollars::new(picodollars);
            prop_assert_eq!(amount.to_usd_f64(), amount.to_string().parse::<f64>().unwrap());
        }
    }
}
