//! Money for people: rounded, never to a zero that is none.

use std::fmt;

use super::Picodollars;
use crate::text::Grouped;

/// Picodollars in a cent.
const CENT: u128 = 10_000_000_000;

/// An amount for people: `$1,234.57`, `$0.0043`. Two decimals, or as many as two digits need. It is the same wherever people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded(pub Picodollars);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.get().unsigned_abs();
        // What a last digit is worth: a cent, or less where a cent would leave fewer than two digits.
        let mut unit = CENT;
        while unit > 1 && size < 10 * unit {
            unit /= 10;
        }
        let (mut units, mut decimals) = ((size + unit / 2) / unit, (CENT / unit).ilog10() + 2);
        // A zero needs no decimals, and none that stand behind the cents.
        while decimals > 2 && units.is_multiple_of(10) {
            (units, decimals) = (units / 10, decimals - 1);
        }
        if size == 0 {
            return f.write_str("$0");
        }
        let sign = if self.0.get() < 0 { "\u{2212}" } else { "" };
        let scale = 10u128.pow(decimals);
        write!(f, "{sign}${}.{:0width$}", Grouped(units / scale), units % scale, width = decimals as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_rounded_but_never_to_zero() {
        for (exact, shown) in [
            ("0", "$0"),
            ("1", "$1.00"),
            ("1234.567", "$1,234.57"),
            ("1234567.125", "$1,234,567.13"),
            ("0.104", "$0.10"),
            ("0.0999", "$0.10"),
            ("0.080618", "$0.081"),
            ("0.0434", "$0.043"),
            ("0.004", "$0.004"),
            ("0.00000084", "$0.00000084"),
            ("0.000000000001", "$0.000000000001"),
            ("-12.5", "\u{2212}$12.50"),
            ("-0.0012", "\u{2212}$0.0012"),
        ] {
            assert_eq!(Rounded(exact.parse().unwrap()).to_string(), shown, "{exact}");
        }
        assert!(Rounded(Picodollars::new(i128::MAX)).to_string().starts_with("$170,"));
        for picodollars in (1..100 * CENT as i128).step_by(7_919_000_017) {
            let shown = Rounded(Picodollars::new(picodollars)).to_string();
            let read: f64 = shown[1..].parse().unwrap();
            let exact = picodollars as f64 / 1e12;
            assert!((read - exact).abs() <= 0.05 * exact, "{shown} is not {exact}");
        }
    }
}
