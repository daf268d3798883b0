//! `tiered_pricing`: price lists by input tokens. The whole request is billed from one of them.

use serde_json::{Map, Value};

use super::price::{Rates, rate};
use crate::genai::usage::Bucket;

/// What a tier may price.
const KEYS: [(&str, Bucket); 5] = [
    ("input_cost_per_token", Bucket::Input),
    ("output_cost_per_token", Bucket::Output),
    ("cache_read_input_token_cost", Bucket::CacheRead),
    ("cache_creation_input_token_cost", Bucket::CacheWrite),
    ("output_cost_per_reasoning_token", Bucket::Reasoning),
];

/// The tiers above the first one, with their limits; the first one becomes the base. A key that a tier lacks is removed, so
/// that its whole's rate in that tier holds; only the output keeps the base's.
pub(super) fn read(
    entry: &Map<String, Value>,
    base: &mut Rates,
) -> Result<Option<Vec<(u64, Rates)>>, String> {
    let Some(list) = entry.get("tiered_pricing").and_then(Value::as_array).filter(|list| !list.is_empty())
    else {
        return Ok(None);
    };
    let mut tiers = Vec::new();
    for tier in list {
        let start = tier["range"][0].as_f64().ok_or("a tier of `tiered_pricing` has no range")?;
        let mut rates = Rates::new();
        for (key, bucket) in KEYS {
            let stated = tier.get(key).filter(|value| !value.is_null());
            let read = stated.map(|value| rate(bucket, value).ok_or_else(|| format!("`{key}` is no rate")));
            match read.transpose()? {
                Some(rate) => rates.insert(bucket, Some(rate)),
                None if bucket == Bucket::Output => None,
                None => rates.insert(bucket, None),
            };
        }
        if rates.get(&Bucket::Reasoning) == rates.get(&Bucket::Output) {
            rates.insert(Bucket::Reasoning, None);
        }
        tiers.push((start as u64, rates));
    }
    tiers.sort_by_key(|(start, _)| *start);
    if tiers.first().is_none_or(|(start, _)| *start != 0) {
        return Err("`tiered_pricing` does not begin at zero tokens".to_owned());
    }
    for (bucket, rate) in tiers.remove(0).1 {
        base.insert(bucket, rate);
    }
    base.retain(|_, rate| rate.is_some());
    // Nothing to remove where the base has none.
    for (_, rates) in &mut tiers {
        rates.retain(|bucket, rate| rate.is_some() || base.contains_key(bucket));
    }
    Ok(Some(tiers))
}
