//! How many calls one span stands for, where spans were sampled before they came here.

use std::num::NonZeroU64;

use crate::otlp::view::{Scalar, Text};

/// How many calls a span stands for, as a fraction: `kept` of `of` calls were kept. Never less than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    of: NonZeroU64,
    kept: NonZeroU64,
}

/// Thresholds have so many bits: of 2^56 random values those below the threshold were rejected.
/// (OpenTelemetry, "TraceState: Probability Sampling")
const THRESHOLD_BITS: u32 = 56;

/// Hexadecimal digits of a threshold; zeros at its end are left out.
const THRESHOLD_DIGITS: u32 = THRESHOLD_BITS / 4;

/// No sampler keeps less than one of so many.
const MOST: u64 = 1 << THRESHOLD_BITS;

impl Weight {
    /// A span that stands for itself.
    pub const ONE: Self = Weight { of: NonZeroU64::MIN, kept: NonZeroU64::MIN };

    /// Of `of` calls `kept` were kept. `None` where that can not be: nothing kept, more than there was, or less than one of
    /// 2^56.
    pub fn new(of: u64, kept: u64) -> Option<Self> {
        let shift = (of | kept).trailing_zeros();
        let (of, kept) = (of.checked_shr(shift)?, kept.checked_shr(shift)?);
        if kept > of || of / kept.max(1) > MOST {
            return None;
        }
        let weight = Weight { of: NonZeroU64::new(of)?, kept: NonZeroU64::new(kept)? };
        Some(if of == kept { Self::ONE } else { weight })
    }

    /// The larger part of the fraction.
    pub const fn of(self) -> u64 {
        self.of.get()
    }

    /// The smaller part.
    pub const fn kept(self) -> u64 {
        self.kept.get()
    }

    /// What a span's `trace_state` says in `ot=th:<hex>`. [`ONE`](Self::ONE) where it says nothing of it; `None`: what it says is no
    /// threshold.
    pub(super) fn of_trace_state(state: Text<'_>) -> Option<Self> {
        let Ok(state) = std::str::from_utf8(state.0) else { return Some(Self::ONE) };
        let ours = state.split(',').find_map(|member| member.trim_ascii().strip_prefix("ot="));
        let threshold = ours.and_then(|ours| ours.split(';').find_map(|part| part.strip_prefix("th:")));
        let Some(digits) = threshold else { return Some(Self::ONE) };
        let missing = THRESHOLD_DIGITS.checked_sub(u32::try_from(digits.len()).ok()?)?;
        // A sign would be read as part of a number.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let rejected = u64::from_str_radix(digits, 16).ok()? << (4 * missing);
        Self::new(MOST, MOST - rejected)
    }

    /// What an attribute says: how many calls the span stands for (Honeycomb's `SampleRate`), an integer; or, below one, how
    /// probable it was that it was kept. `None`: it is neither.
    pub(super) fn of_attribute(value: Scalar<'_>) -> Option<Self> {
        match value {
            Scalar::Int(rate) => Self::new(u64::try_from(rate).ok()?, 1),
            Scalar::Double(number) if number >= 1.0 => (number.fract() == 0.0 && number <= MOST as f64)
                .then_some(number as u64)
                .and_then(|rate| Self::new(rate, 1)),
            // As exactly as thresholds are.
            Scalar::Double(number) if number > 0.0 => Self::new(MOST, (number * MOST as f64).round() as u64),
            Scalar::String(text) => {
                let text = text.as_str().trim();
                match text.parse::<i64>() {
                    Ok(rate) => Self::of_attribute(Scalar::Int(rate)),
                    Err(_) => Self::of_attribute(Scalar::Double(text.parse().ok()?)),
                }
            }
            _ => None,
        }
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(of: u64, kept: u64) -> Option<Weight> {
        Weight::new(of, kept)
    }

    #[test]
    fn thresholds_are_read_out_of_trace_states() {
        let said = |state: &str| Weight::of_trace_state(state.into());
        assert_eq!(said("ot=th:c"), weight(4, 1));
        assert_eq!(said("congo=t61, ot=rv:6e6d1a75832a2f;th:8 ,rojo=1"), weight(2, 1));
        assert_eq!(said("ot=th:fd70a3d70a3d7"), weight(1 << 52, 0x28f5c28f5c29));
        assert_eq!(said("ot=th:ffffffffffffff"), weight(1 << 56, 1));
        for one in ["", "ot=th:0", "ot=p:8;r:62", "not=th:8", "rojo=th:8", "\u{e9}"] {
            assert_eq!(said(one), Some(Weight::ONE), "{one}");
        }
        for absurd in ["ot=th:", "ot=th:0123456789abcde", "ot=th:+8", "ot=th:8x", "ot=th:-1"] {
            assert_eq!(said(absurd), None, "{absurd}");
        }
    }

    #[test]
    fn attributes_tell_a_rate_or_a_probability() {
        let said = Weight::of_attribute;
        for twenty in [Scalar::Int(20), Scalar::Double(20.0), Scalar::String(" 20".into())] {
            assert_eq!(said(twenty), weight(20, 1));
        }
        assert_eq!(said(Scalar::Double(0.25)), weight(4, 1));
        assert_eq!(said(Scalar::String("0.5".into())), weight(2, 1));
        assert_eq!(said(Scalar::Double(1.0)), Some(Weight::ONE));
        assert_eq!(said(Scalar::Int(1 << 56)), weight(1 << 56, 1));
        let texts = ["", "nan", "inf", "-0.5", "often", "0"].map(|text| Scalar::String(text.into()));
        let ints = [0, -3, (1 << 56) + 1, i64::MAX].map(Scalar::Int);
        let doubles = [0.0, -0.25, 2.5, 1e300, f64::NAN, f64::INFINITY, 1e-30].map(Scalar::Double);
        for absurd in texts.into_iter().chain(ints).chain(doubles).chain([Scalar::Bool(true)]) {
            assert_eq!(said(absurd), None, "{absurd:?}");
        }
    }

    #[test]
    fn nothing_stands_for_less_than_itself() {
        for (of, kept) in [(1, 2), (0, 1), (1, 0), (0, 0), (u64::MAX, 1)] {
            assert_eq!(weight(of, kept), None, "{of}/{kept}");
        }
        assert_eq!(weight(u64::MAX, u64::MAX), Some(Weight::ONE));
    }
}
