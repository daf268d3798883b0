//! Rates of a model on GPUs of one's own, worked out from what the GPUs cost.

use std::fmt;

use super::decimal::Decimal;
use super::format::GpuEntry;
use super::money::PLACES;
use super::rate::{Factor, Rate};
use crate::text::counted;

/// What a model's GPUs cost and do.
#[derive(Clone, Debug)]
pub(super) struct Gpu {
    /// As it was written, in the currency of its file.
    per_hour: Rate,
    count: u32,
    tokens_per_second: Factor,
    output_weight: Factor,
}

/// What is wrong: the key, the problem, the remedy.
type Wrong = (&'static str, &'static str, &'static str);

impl Gpu {
    pub(super) fn new(entry: &GpuEntry) -> Result<Self, Wrong> {
        let per_hour = entry.per_hour.ok_or((
            "per_hour",
            "the price of a GPU is missing",
            "write what an hour of one GPU costs, such as `per_hour: 2.49`",
        ))?;
        let tokens_per_second = entry.tokens_per_second.filter(|tokens| !tokens.is_zero()).ok_or((
            "tokens_per_second",
            "the speed is missing or zero",
            "write how many tokens all GPUs together take in a second under your usual load",
        ))?;
        if entry.count == Some(0) {
            return Err(("count", "no GPU serves nothing", "write how many GPUs serve the model"));
        }
        Ok(Self {
            per_hour,
            count: entry.count.unwrap_or(1),
            tokens_per_second,
            output_weight: entry.output_weight.unwrap_or(Factor::ONE),
        })
    }

    /// The rates of an input and of an output token, for 1M of them, with `exchange` dollars for a unit of the currency.
    /// The cost of a second is spread over the tokens of a second, each rate rounded half-even once.
    /// `None` where numbers do not fit.
    pub(super) fn rates(&self, exchange: Factor) -> Option<[Rate; 2]> {
        let hour = self
            .per_hour
            .dollars()
            .checked_mul(exchange.decimal())?
            .checked_mul(Decimal::new(self.count.into(), 0))?;
        let rate = |weight: Factor| {
            let hour = hour.checked_mul(weight.decimal())?;
            let speed = self.tokens_per_second.decimal();
            // Picodollars for 1M tokens: hour × 10^12 × 10^6 / (3600 × speed), with the decimals' scales brought over.
            let numerator = (hour.mantissa() as u128).checked_mul(power(PLACES + 6 + speed.scale())?)?;
            let denominator =
                (speed.mantissa() as u128).checked_mul(3600)?.checked_mul(power(hour.scale())?)?;
            Rate::from_ratio(numerator, denominator)
        };
        Some([rate(Factor::ONE)?, rate(self.output_weight)?])
    }
}

fn power(scale: u32) -> Option<u128> {
    10u128.checked_pow(scale)
}

/// In words: `estimated: 4 GPUs at 2.49 an hour, 3000 tokens a second, output weighs 4`.
impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "estimated: {} at {} an hour, {} tokens a second, output weighs {}",
            counted(self.count, "GPU"),
            self.per_hour,
            self.tokens_per_second.decimal(),
            self.output_weight.decimal()
        )
    }
}
