//! List prices and the factors on them.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use super::decimal::{Decimal, DecimalError};
use super::money::PLACES;
use crate::genai::usage::Bucket;

/// A list price: picodollars for [`Bucket::per`] units (1M tokens, 1,000 searches, an hour of audio).
/// Never negative; up to 12 digits after the point of a dollar, and at most 18,446,744 dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// The list price in dollars.
    ///
    /// # Errors
    /// It is negative, finer than a picodollar, or too large.
    pub fn from_dollars(dollars: Decimal) -> Result<Self, DecimalError> {
        let picodollars = dollars.not_negative()?.at_scale(PLACES)?;
        u64::try_from(picodollars).map(Self).map_err(|_| DecimalError::TooLarge)
    }

    /// The list price in dollars that is `numerator / denominator` picodollars, rounded half-even.
    /// `None` where it does not fit.
    pub(super) fn from_ratio(numerator: u128, denominator: u128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        u64::try_from(half_even(numerator, denominator)).ok().map(Self)
    }

    /// The rate times an exact factor, rounded half-even to the picodollar: a rate of another currency.
    /// `None` where it does not fit.
    pub(super) fn times(self, factor: Factor) -> Option<Self> {
        product_over(self.0.into(), factor, 1).map(Self)
    }

    /// Whether it is an explicit zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Picodollars for [`Bucket::per`] units.
    pub const fn picodollars(self) -> u64 {
        self.0
    }

    /// The list price in dollars.
    pub const fn dollars(self) -> Decimal {
        Decimal::new(self.0 as i128, PLACES)
    }

    /// Picodollars that `quantity` units cost, times `factor`, rounded half-even once.
    /// `None` where that is more than 18 million dollars: nobody means it.
    pub fn amount(self, bucket: Bucket, quantity: u64, factor: Factor) -> Option<u64> {
        let product = u128::from(self.0) * u128::from(quantity);
        let per = bucket.per();
        match u64::try_from(product) {
            // Nearly every line: division by a constant is a multiplication.
            Ok(product) if per == 1_000_000 && factor.is_one() => Some(half_even_u64(product, 1_000_000)),
            _ => Self::rare_amount(product, factor, per.into()),
        }
    }

    /// Apart from the usual one, with which it would share its division.
    #[inline(never)]
    fn rare_amount(product: u128, factor: Factor, per: u64) -> Option<u64> {
        product_over(product, factor, per)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dollars().fmt(f)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_dollars(Decimal::deserialize(deserializer)?)
            .map_err(|error| D::Error::custom(format_args!("a rate cannot be used: {error}")))
    }
}

/// What token rates are multiplied by (`x`): an exact decimal, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(Decimal);

impl Factor {
    /// The list price as it is.
    pub const ONE: Self = Self(Decimal::new(1, 0));

    /// A factor from a decimal.
    ///
    /// # Errors
    /// It is negative, or has more than 12 digits after the point.
    pub fn from_decimal(decimal: Decimal) -> Result<Self, DecimalError> {
        decimal.not_negative()?.at_scale(PLACES)?;
        Ok(Self(decimal))
    }

    /// Whether it changes nothing.
    pub fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// Both factors, or `None` where the product does not fit.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// Whether it makes everything free.
    pub const fn is_zero(self) -> bool {
        self.0.mantissa() == 0
    }

    /// The factor as a decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_decimal(Decimal::deserialize(deserializer)?)
            .map_err(|error| D::Error::custom(format_args!("a factor cannot be used: {error}")))
    }
}

/// `quantity` × `factor` / `per` to the nearest integer, a tie to the even one, exactly whatever the size of what is
/// between. `None` where the result does not fit.
fn product_over(quantity: u128, factor: Factor, per: u64) -> Option<u64> {
    let mantissa = factor.0.mantissa().unsigned_abs();
    let divisor = 10u128.checked_pow(factor.0.scale())?.checked_mul(per.into())?;
    let quotient = match (quantity.checked_mul(mantissa), u64::try_from(divisor)) {
        (Some(dividend), Ok(divisor)) if dividend <= u64::MAX.into() => {
            return Some(half_even_u64(dividend as u64, divisor));
        }
        (Some(dividend), _) => half_even(dividend, divisor),
        (None, _) => long_product_over(quantity, mantissa, divisor)?,
    };
    u64::try_from(quotient).ok()
}

/// `a` × `b` / `divisor` where the product is wider than a machine's integers: bit by bit, as on paper.
fn long_product_over(a: u128, b: u128, divisor: u128) -> Option<u128> {
    // The rest is doubled below.
    if divisor > u128::MAX / 4 {
        return None;
    }
    let (whole, part) = (b / divisor, b % divisor);
    let (mut quotient, mut rest) = (0u128, 0u128);
    for bit in (0..u128::BITS - a.leading_zeros()).rev() {
        let set = a >> bit & 1;
        rest = rest * 2 + part * set;
        quotient = quotient.checked_mul(2)?.checked_add(whole * set + rest / divisor)?;
        rest %= divisor;
    }
    quotient.checked_add(round_up(quotient, rest, divisor).into())
}

/// `dividend / divisor` to the nearest integer, a tie to the even one. The divisor is not zero.
fn half_even(dividend: u128, divisor: u128) -> u128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    quotient + u128::from(round_up(quotient, rest, divisor))
}

/// The same in 64 bits, where division is many times cheaper.
#[inline(always)]
fn half_even_u64(dividend: u64, divisor: u64) -> u64 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    quotient + u64::from(rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1))
}

fn round_up(quotient: u128, rest: u128, divisor: u128) -> bool {
    rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::money::Picodollars;
    use super::*;

    fn factor(text: &str) -> Factor {
        Factor::from_decimal(text.parse().unwrap()).unwrap()
    }

    fn rate(text: &str) -> Rate {
        Rate::from_dollars(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_rate_is_per_the_units_of_its_bucket() {
        let cost = |text: &str, bucket, quantity| {
            let picodollars = rate(text).amount(bucket, quantity, Factor::ONE).unwrap();
            Picodollars::new(picodollars.into()).to_string()
        };
        assert_eq!(cost("0.0375", Bucket::Input, 1), "0.0000000375");
        assert_eq!(cost("10", Bucket::WebSearch, 2), "0.02");
        assert_eq!(cost("0.36", Bucket::AudioSeconds, 10), "0.001");
    }

    #[test]
    fn rounds_once_and_half_to_even() {
        let half = rate("0.0000005"); // half a picodollar a token
        let picodollars = |quantity| half.amount(Bucket::Input, quantity, Factor::ONE).unwrap();
        assert_eq!([1, 2, 3, 5, 7].map(picodollars), [0, 1, 2, 2, 4]);
        assert_eq!(half_even(i128::MAX as u128, 2), i128::MAX as u128 / 2 + 1);
    }

    #[test]
    fn refuses_what_is_no_price() {
        for bad in ["-1", "\"-0.5\"", "0.0000000000001", "18446745", "\"x\""] {
            assert!(serde_json::from_str::<Rate>(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<Rate>("-1").unwrap_err().to_string();
        assert!(error.contains("`-1` is negative"), "{error}");
    }

    #[test]
    fn overflow_is_no_amount() {
        assert_eq!(rate("18446744").amount(Bucket::Input, u64::MAX, Factor::ONE), None);
        assert_eq!(rate("1").amount(Bucket::Input, 1 << 40, factor("1000000000000")), None);
    }

    /// Scenario: factors whose product with rate and quantity is wider than 128 bits.
    /// Guarantees: the amount is exact all the same: 30 digits of 3 are a third.
    #[test]
    fn long_products_are_exact() {
        let third = factor("0.333333333333");
        let ninth = third.checked_mul(third).unwrap();
        assert_eq!(ninth.decimal().to_string(), "0.111111111110888888888889");
        let most = rate("18000000");
        assert_eq!(most.amount(Bucket::Input, 999_999, ninth), Some(1_999_997_999_996_000_004));
        assert!(1 << 60 < most.0 && u128::from(most.0) * 999_999 > u128::MAX / ninth.0.mantissa() as u128);
    }

    proptest! {
        /// Guarantees: the long way and the short way are one, where both can be gone.
        #[test]
        fn the_long_way_is_the_short_way(a in any::<u64>(), b in any::<u64>(), divisor in 1u64..) {
            let (a, b, divisor) = (a.into(), b.into(), divisor.into());
            prop_assert_eq!(long_product_over(a, b, divisor), Some(half_even(a * b, divisor)));
        }
    }
}
