//! One model, listed once for each region that sells it at a price of its own.

use std::collections::BTreeMap;

use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::format::{ModelEntry, Rates, WhenEntry};
use crate::pricing::rate::{Factor, Rate};

/// A model's price without a region, and in regions.
#[derive(Debug, Default)]
pub(super) struct Regional {
    anywhere: Option<ModelEntry>,
    by_region: BTreeMap<String, ModelEntry>,
}

/// Factors that sellers put on regions; others are said rate by rate.
const FACTORS: [(i128, u32); 6] = [(105, 2), (11, 1), (115, 2), (12, 1), (125, 2), (13, 1)];

impl Regional {
    /// Adds an entry; of several for one place the first one counts.
    pub(super) fn add(&mut self, region: Option<String>, model: ModelEntry) {
        match region {
            None => {
                self.anywhere.get_or_insert(model);
            }
            Some(region) => {
                self.by_region.entry(region).or_insert(model);
            }
        }
    }

    /// One model with a condition for each region whose price is another.
    pub(super) fn finish(self) -> ModelEntry {
        let mut model = self.anywhere.unwrap_or_default();
        let (base_rates, base_whens) = (model.rates.clone(), model.when.clone());
        for (region, entry) in self.by_region {
            model.retires = model.retires.or(entry.retires);
            if entry.rates == base_rates && entry.when == base_whens {
                continue;
            }
            let x = factor(&base_rates, &base_whens, &entry);
            let whens = match x {
                Some(x) => vec![WhenEntry { x: Some(x), ..WhenEntry::default() }],
                None => instead(&base_rates, &entry),
            };
            // A region with the same difference as the one before stands in the same condition.
            let before = model.when.len().checked_sub(whens.len()).filter(|at| *at >= base_whens.len());
            if let Some(at) = before
                && model.when[at..].iter().zip(&whens).all(|(known, new)| same_but_region(known, new))
            {
                model.when[at..].iter_mut().for_each(|when| when.region.push(region.clone()));
                continue;
            }
            model
                .when
                .extend(whens.into_iter().map(|when| WhenEntry { region: vec![region.clone()], ..when }));
        }
        model
    }
}

/// The regional price as conditions: its base takes the place of the model's, then its own conditions follow.
fn instead(base: &Rates, entry: &ModelEntry) -> Vec<WhenEntry> {
    let mut rates = entry.rates.clone();
    let lacks = |bucket: &Bucket| !rates.0.iter().any(|(known, _)| known == bucket);
    let removed: Vec<_> =
        base.0.iter().filter(|(bucket, _)| lacks(bucket)).map(|(bucket, _)| (*bucket, None)).collect();
    rates.0.extend(removed);
    let first = WhenEntry { rates, ..WhenEntry::default() };
    let first = Some(first).filter(|when| !when.rates.0.is_empty());
    first.into_iter().chain(entry.when.iter().filter(|when| when.region.is_empty()).cloned()).collect()
}

/// The factor by which every rate of a regional price differs, if it is one that sellers use.
fn factor(rates: &Rates, whens: &[WhenEntry], entry: &ModelEntry) -> Option<Factor> {
    if whens.len() != entry.when.len() || rates.0.is_empty() {
        return None;
    }
    FACTORS.into_iter().map(|(mantissa, scale)| Decimal::new(mantissa, scale)).find_map(|x| {
        let times = |base: &Rates, regional: &Rates| {
            base.0.len() == regional.0.len()
                && base.0.iter().zip(&regional.0).all(|((bucket, rate), (other, regional))| {
                    bucket == other && multiplied(*bucket, *rate, x) == regional.map(Rate::dollars)
                })
        };
        let all = times(rates, &entry.rates)
            && whens.iter().zip(&entry.when).all(|(base, regional)| {
                base.x.is_none()
                    && base.over == regional.over
                    && base.tier == regional.tier
                    && base.batch == regional.batch
                    && times(&base.rates, &regional.rates)
            });
        all.then(|| Factor::from_decimal(x).ok()).flatten()
    })
}

/// A rate in a region: factors are on tokens only.
fn multiplied(bucket: Bucket, rate: Option<Rate>, x: Decimal) -> Option<Decimal> {
    let dollars = rate?.dollars();
    if bucket.is_tokens() { dollars.checked_mul(x) } else { Some(dollars) }
}

fn same_but_region(one: &WhenEntry, other: &WhenEntry) -> bool {
    WhenEntry { region: Vec::new(), ..one.clone() } == WhenEntry { region: Vec::new(), ..other.clone() }
}
