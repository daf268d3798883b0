//! List prices and the factors on them.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use super::decimal::{Decimal, DecimalError};
use super::money::{PLACES, Picodollars};
use crate::genai::usage::Bucket;

/// A list price: picodollars for [`Bucket::per`] units (1M tokens, 1,000 searches, an hour of audio).
/// Never negative; up to 12 digits after the point of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(i128);

impl Rate {
    /// The list price in dollars.
    ///
    /// # Errors
    /// It is negative, finer than a picodollar, or too large.
    pub fn from_dollars(dollars: Decimal) -> Result<Self, DecimalError> {
        dollars.not_negative()?.at_scale(PLACES).map(Self)
    }

    /// Whether it is an explicit zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The list price in dollars.
    pub const fn dollars(self) -> Decimal {
        Decimal::new(self.0, PLACES)
    }

    /// What `quantity` units cost, times `factor`, rounded half-even once, to the picodollar.
    /// `None` where it does not fit.
    pub fn amount(self, bucket: Bucket, quantity: u64, factor: Factor) -> Option<Picodollars> {
        let mut dividend = self.0.checked_mul(quantity.into())?;
        let mut divisor = i128::from(bucket.per());
        if factor != Factor::ONE {
            dividend = dividend.checked_mul(factor.0.mantissa())?;
            divisor = 10i128.checked_pow(factor.0.scale())?.checked_mul(divisor)?;
        }
        Some(Picodollars::new(divide_half_even(dividend, divisor)?))
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

/// `dividend / divisor` to the nearest integer, a tie to the even one. Neither may be negative.
fn divide_half_even(dividend: i128, divisor: i128) -> Option<i128> {
    // Almost every amount fits 64 bits, where division is many times cheaper than in 128.
    if let (Ok(dividend), Ok(divisor)) = (u64::try_from(dividend), u64::try_from(divisor)) {
        let (quotient, rest) = (dividend.checked_div(divisor)?, dividend % divisor);
        let up = rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1);
        return Some(i128::from(quotient) + i128::from(up));
    }
    let (quotient, rest) = (dividend.checked_div(divisor)?, dividend % divisor);
    let up = rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1);
    Some(quotient + i128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::from_dollars(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_rate_is_per_the_units_of_its_bucket() {
        let cost = |text: &str, bucket, quantity| {
            rate(text).amount(bucket, quantity, Factor::ONE).unwrap().to_string()
        };
        assert_eq!(cost("0.0375", Bucket::Input, 1), "0.0000000375");
        assert_eq!(cost("10", Bucket::WebSearch, 2), "0.02");
        assert_eq!(cost("0.36", Bucket::AudioSeconds, 10), "0.001");
    }

    #[test]
    fn rounds_once_and_half_to_even() {
        let half = rate("0.0000005"); // half a picodollar a token
        let picodollars = |quantity| half.amount(Bucket::Input, quantity, Factor::ONE).unwrap().get();
        assert_eq!([1, 2, 3, 5, 7].map(picodollars), [0, 1, 2, 2, 4]);
        assert_eq!(divide_half_even(i128::MAX, 2), Some(i128::MAX / 2 + 1));
        assert_eq!(divide_half_even(1, 0), None);
    }

    #[test]
    fn refuses_what_is_no_price() {
        for bad in ["-1", "\"-0.5\"", "0.0000000000001", "\"x\""] {
            assert!(serde_json::from_str::<Rate>(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<Rate>("-1").unwrap_err().to_string();
        assert!(error.contains("`-1` is negative"), "{error}");
    }

    #[test]
    fn overflow_is_no_amount() {
        let most = rate("100000000000000000000000000");
        assert_eq!(most.amount(Bucket::Input, u64::MAX, Factor::ONE), None);
    }
}
