//! Exact decimals: what a price list says, before it is money.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Ten to this power is the largest that an `i128` holds.
const MAX_SCALE: u32 = 38;

/// `mantissa` / 10^`scale`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// Why a text is not a decimal that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with at most one point and a sign.
    #[error("`{0}` is not a decimal number such as 0.075; write digits with at most one point")]
    Syntax(String),
    /// Finer than can be held exactly.
    #[error("`{0}` has more than {1} digits after the point; round it")]
    TooFine(Decimal, u32),
    /// Larger than can be held.
    #[error("the number is too large; check its unit")]
    TooLarge,
    /// Below zero where that has no meaning.
    #[error("`{0}` is negative; write 0 or more")]
    Negative(Decimal),
}

impl Decimal {
    /// `mantissa` / 10^`scale`.
    pub const fn new(mantissa: i128, scale: u32) -> Self {
        Self { mantissa, scale }.trimmed()
    }

    /// The number without its point.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many digits stand after the point.
    pub const fn scale(self) -> u32 {
        self.scale
    }

    /// Without the zeros at its end.
    const fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The number in units of 10^-`scale`.
    ///
    /// # Errors
    /// It has more digits than that, or does not fit.
    pub fn at_scale(self, scale: u32) -> Result<i128, DecimalError> {
        let missing = scale.checked_sub(self.scale).ok_or(DecimalError::TooFine(self, scale))?;
        10i128
            .checked_pow(missing)
            .and_then(|power| self.mantissa.checked_mul(power))
            .ok_or(DecimalError::TooLarge)
    }

    /// With at most `places` digits after the point, the last one rounded half away from zero.
    #[must_use]
    pub fn rounded(self, places: u32) -> Self {
        let Some(extra) = self.scale.checked_sub(places).filter(|extra| *extra > 0) else { return self };
        let power = 10i128.checked_pow(extra).unwrap_or(i128::MAX);
        let (quotient, rest) = (self.mantissa / power, self.mantissa % power);
        let up = if rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2) { rest.signum() } else { 0 };
        Self { mantissa: quotient + up, scale: places }.trimmed()
    }

    /// The product, or `None` where it does not fit.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        Some(Self { mantissa, scale }.trimmed()).filter(|product| product.scale <= MAX_SCALE)
    }

    /// The number, unless it is negative.
    ///
    /// # Errors
    /// It is negative.
    pub fn not_negative(self) -> Result<Self, DecimalError> {
        if self.mantissa < 0 { Err(DecimalError::Negative(self)) } else { Ok(self) }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let syntax = || DecimalError::Syntax(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !number(whole) || !number(fraction) || digits.ends_with('.') {
            return Err(syntax());
        }
        let fraction = fraction.trim_end_matches('0');
        let scale = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
        if scale > MAX_SCALE {
            return Err(DecimalError::TooLarge);
        }
        let mut mantissa = 0i128;
        for byte in whole.bytes().chain(fraction.bytes()) {
            // Counting down for negatives, so that i128::MIN reads back too.
            let digit = i128::from(byte - b'0');
            let signed = if negative { -digit } else { digit };
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(signed))
                .ok_or(DecimalError::TooLarge)?;
        }
        Ok(Self { mantissa, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mantissa, scale } = self.trimmed();
        let sign = if mantissa < 0 { "-" } else { "" };
        let digits = mantissa.unsigned_abs();
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        match 10u128.checked_pow(scale) {
            Some(power) => {
                write!(f, "{sign}{}.{:0width$}", digits / power, digits % power, width = scale as usize)
            }
            None => write!(f, "{sign}0.{digits:0width$}", width = scale as usize),
        }
    }
}

/// The shortest decimal that reads as `number`, if it has at most six places and fifteen digits: then no other one reads so,
/// and it need not be written to be read. Nearly every rate is such a one, and a catalog has ten thousand.
fn short(number: f64) -> Option<Decimal> {
    let millionths = (number * 1e6).round();
    (millionths.abs() < 1e15 && millionths / 1e6 == number).then(|| Decimal::new(millionths as i128, 6))
}

/// Reads a number or a string. A number arrives as a double, whose shortest text is the decimal as written.
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number such as 0.075")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Decimal, E> {
                Ok(Decimal::new(number.into(), 0))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal::new(number.into(), 0))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Decimal, E> {
                short(number).map_or_else(|| number.to_string().parse().map_err(E::custom), Ok)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_strings() {
        for json in ["0.075", "\"0.075\"", "\"0.0750\"", "7.5e-2"] {
            assert_eq!(serde_json::from_str::<Decimal>(json).unwrap(), Decimal::new(75, 3), "{json}");
        }
        assert_eq!(serde_yaml::from_str::<Decimal>("5").unwrap().to_string(), "5");
        for bad in ["\"\"", "\".5\"", "\"5.\"", "\"1e3\"", "\"NaN\"", "null", "\"1_000\""] {
            assert!(serde_json::from_str::<Decimal>(bad).is_err(), "{bad}");
        }
        assert!(serde_yaml::from_str::<Decimal>(".nan").is_err());
        assert!(serde_yaml::from_str::<Decimal>(".inf").is_err());
    }

    /// Guarantees: a number is the same decimal whichever way it is read.
    #[test]
    fn the_quick_way_is_the_long_way() {
        let numbers = (0..200_000u32).map(|n| f64::from(n) * f64::from(n % 997) / 1e7);
        let mut quick = 0;
        for number in
            numbers.chain([-0.0, -0.075, 1e9, 999_999_999.999_999, 1e15, 1e300, 5e-7, f64::MIN_POSITIVE])
        {
            if let Some(decimal) = short(number) {
                assert_eq!(Ok(decimal), number.to_string().parse(), "{number}");
                quick += 1;
            }
        }
        assert!(quick > 10_000, "{quick}");
        assert!([f64::NAN, f64::INFINITY, 1e15, 5e-7].into_iter().all(|number| short(number).is_none()));
    }

    #[test]
    fn products_are_exact() {
        let half = Decimal::new(5, 1);
        assert_eq!(half.checked_mul(Decimal::new(2, 0)), Some(Decimal::new(1, 0)));
        assert_eq!(Decimal::new(i128::MAX, 0).checked_mul(Decimal::new(2, 0)), None);
    }

    #[test]
    fn rounding_takes_the_noise_of_floats() {
        let rounded = |text: &str| text.parse::<Decimal>().unwrap().rounded(12).to_string();
        assert_eq!(rounded("0.13999999999999999"), "0.14");
        assert_eq!(rounded("0.18000000000000002"), "0.18");
        assert_eq!(rounded("0.08333333333333334"), "0.083333333333");
        assert_eq!(rounded("5"), "5");
    }
}
