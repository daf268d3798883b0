//! What prompt caches have saved.

use super::catalog::Catalog;
use super::money::Picodollars;
use super::receipt::Receipt;
use crate::genai::usage::{Bucket, Group};

impl Catalog {
    /// How much more the tokens of a receipt that were read from a cache would have cost at the rate of the input that they are: under
    /// the conditions and factors of the receipt, each line rounded once. Zero where there is no such rate, or it is no higher. What writing
    /// to the cache has cost is not taken off: who wrote it may have been another call.
    pub fn saved(&self, receipt: &Receipt) -> Picodollars {
        let Some(model) = receipt.model else { return Picodollars::ZERO };
        let Some((factor, _)) = self.factors(receipt) else { return Picodollars::ZERO };
        let rules = &self.entry(model).rules;
        let mut saved = 0;
        for line in receipt.lines.iter().filter(|line| line.bucket.group() == Group::CacheRead) {
            let full = full(line.bucket).iter().find_map(|of| rules.own_rate(receipt.applied, *of));
            let amount = full.and_then(|rate| rate.amount(line.bucket, line.quantity, factor));
            saved += amount.map_or(0, |amount| i128::from(amount.saturating_sub(line.amount)));
        }
        Picodollars::new(saved)
    }
}

/// What tokens out of a cache are where they are not: the rate of the first that has one.
const fn full(bucket: Bucket) -> &'static [Bucket] {
    match bucket {
        Bucket::CacheReadAudio => &[Bucket::InputAudio, Bucket::Input],
        Bucket::CacheReadImage => &[Bucket::InputImage, Bucket::Input],
        _ => &[Bucket::Input],
    }
}

#[cfg(test)]
mod tests {
    use crate::genai::usage::Usage;
    use crate::pricing::Conditions;

    use super::*;

    /// Twice the price above a thousand tokens of input, and half of everything in a batch.
    const CATALOG: &str = r#"{"providers": {"acme": {"models": {
        "m": {"rates": {"input": 3, "cache_read": 0.3, "input_audio": 10, "cache_read_audio": 2.5, "output": 15},
              "when": [{"over": 1000, "rates": {"input": 6, "cache_read": 0.6}}, {"batch": true, "x": 0.5}]},
        "dear": {"rates": {"input": 1, "cache_read": 2, "output": 5}},
        "plain": {"rates": {"input": 1, "output": 5}},
        "odd": {"rates": {"cache_read": 1, "output": 5}}}}}}"#;

    fn saved(model: &str, batch: bool, used: &[(Bucket, u64)]) -> i128 {
        let catalog = Catalog::from_json("test", CATALOG).unwrap();
        let (model, _) = catalog.models().find(|(_, it)| it.id() == model).unwrap();
        let mut usage = Usage::NOTHING;
        used.iter().for_each(|(bucket, quantity)| usage[*bucket] = *quantity);
        let conditions = Conditions { batch, ..Conditions::default() };
        catalog.saved(&catalog.price(model, &conditions, &usage)).get()
    }

    #[test]
    fn savings_are_what_the_full_rate_is_more() {
        use Bucket::*;
        assert_eq!(saved("m", false, &[(Input, 500), (CacheRead, 300)]), 300 * 2_700_000);
        assert_eq!(saved("m", false, &[(Input, 900), (CacheRead, 300)]), 300 * 5_400_000, "a long prompt");
        assert_eq!(saved("m", true, &[(CacheRead, 300)]), 300 * 1_350_000, "a batch");
        assert_eq!(
            saved("m", false, &[(CacheReadAudio, 4), (CacheReadImage, 2)]),
            4 * 7_500_000 + 2 * 2_700_000
        );
        for (model, used) in [("m", Input), ("m", CacheWrite), ("dear", CacheRead), ("plain", CacheRead)] {
            assert_eq!(saved(model, false, &[(used, 300), (Output, 5)]), 0, "{model} {used}");
        }
        assert_eq!(saved("odd", false, &[(CacheRead, 300)]), 0, "nobody knows what it would have cost");
    }
}
