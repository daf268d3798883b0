//! One model, listed once for each region that sells it at a price of its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::genai::usage::Bucket;
use crate::pricing::decimal::Decimal;
use crate::pricing::format::{ModelEntry, Rates, WhenEntry};
use crate::pricing::rate::{Factor, Rate};

/// A model's price without a region, and in regions, each as often as the list has a key for it.
#[derive(Debug, Default)]
pub(super) struct Regional {
    anywhere: Vec<Listed>,
    by_region: BTreeMap<String, Vec<Listed>>,
}

/// The price under one key.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) model: ModelEntry,
    /// It names the page that it was read from.
    pub(super) cited: bool,
}

/// Factors that sellers put on regions; others are said rate by rate.
const FACTORS: [(i128, u32); 6] = [(105, 2), (11, 1), (115, 2), (12, 1), (125, 2), (13, 1)];

impl Regional {
    /// Adds an entry.
    pub(super) fn add(&mut self, region: Option<String>, listed: Listed) {
        match region {
            None => self.anywhere.push(listed),
            Some(region) => self.by_region.entry(region).or_default().push(listed),
        }
    }

    /// One model with a condition for each region whose price is another; and whether keys for one place disagree.
    pub(super) fn finish(self) -> (ModelEntry, bool) {
        let (mut model, mut disputed) = one(self.anywhere);
        let (base_rates, base_whens) = (model.rates.clone(), model.when.clone());
        for (region, listed) in self.by_region {
            let (entry, apart) = one(listed);
            disputed |= apart;
            model.retires = model.retires.or(entry.retires);
            if !is_priced(&entry) || (entry.rates == base_rates && entry.when == base_whens) {
                continue;
            }
            let x = factor(&base_rates, &base_whens, &entry);
            let whens = match x {
                Some(x) => vec![WhenEntry { x: Some(x), ..WhenEntry::default() }],
                None => instead(&base_rates, &base_whens, &entry),
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
        (model, disputed)
    }
}

fn is_priced(model: &ModelEntry) -> bool {
    !model.rates.0.is_empty() || !model.when.is_empty()
}

/// What several keys for one place come to, and whether their prices differ. A key without a price only adds the day on
/// which the model goes. Prices that agree are one, with what only one of them states. Of others those hold that name the page
/// they were read from; if that decides nothing, there is no price.
fn one(mut listed: Vec<Listed>) -> (ModelEntry, bool) {
    // As long as one of the keys is served, the model is.
    let retires = listed.iter().filter_map(|one| one.model.retires).max();
    listed.retain(|one| is_priced(&one.model));
    // The one that says most about conditions comes first.
    listed.sort_by_key(|one| Reverse(one.model.when.len()));
    let mut merged = merge(&listed);
    let disputed = !listed.is_empty() && merged.as_ref().is_none_or(|(_, apart)| *apart);
    if merged.is_none() {
        listed.retain(|one| one.cited);
        merged = merge(&listed);
    }
    let model = merged.map(|(model, _)| model).unwrap_or_default();
    (ModelEntry { retires, ..model }, disputed)
}

/// One price of several that agree, and whether they differ in parts, where the first one's rate holds; `None` if they agree
/// in nothing that matters: input and output where they are priced, else every rate.
fn merge(listed: &[Listed]) -> Option<(ModelEntry, bool)> {
    let (first, rest) = listed.split_first()?;
    rest.iter().try_fold(
        (first.model.clone(), false),
        |(mut model, mut apart), Listed { model: other, .. }| {
            let main = |bucket| matches!(bucket, Bucket::Input | Bucket::Output);
            let tokens = model.rates.0.iter().any(|(bucket, _)| main(*bucket));
            for (bucket, rate) in &other.rates.0 {
                match model.rates.0.iter().find(|(known, _)| known == bucket) {
                    None => model.rates.0.push((*bucket, *rate)),
                    Some((_, known)) if known == rate => {}
                    Some(_) if tokens && !main(*bucket) => apart = true,
                    Some(_) => return None,
                }
            }
            Some((model, apart))
        },
    )
}

/// The regional price as conditions: its base takes the place of the model's, then its own conditions follow. A factor that
/// the model's conditions have already holds in the region too, and must not hold twice.
fn instead(base: &Rates, whens: &[WhenEntry], entry: &ModelEntry) -> Vec<WhenEntry> {
    let mut rates = entry.rates.clone();
    let lacks = |bucket: &Bucket| !rates.0.iter().any(|(known, _)| known == bucket);
    let removed: Vec<_> =
        base.0.iter().filter(|(bucket, _)| lacks(bucket)).map(|(bucket, _)| (*bucket, None)).collect();
    rates.0.extend(removed);
    let first = WhenEntry { rates, ..WhenEntry::default() };
    let first = Some(first).filter(|when| !when.rates.0.is_empty());
    let own = |when: &&WhenEntry| when.region.is_empty() && (when.x.is_none() || !whens.contains(when));
    first.into_iter().chain(entry.when.iter().filter(own).cloned()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::write;

    fn listed(cited: bool, json: &str) -> Listed {
        Listed { model: serde_json::from_str(json).unwrap(), cited }
    }

    fn found(listed: Vec<Listed>) -> (String, bool) {
        let (model, disputed) = one(listed);
        (write::model(&model).to_string(), disputed)
    }

    #[test]
    fn keys_for_one_place_are_one_price_or_disputed() {
        let price = r#"{"rates":{"input":2,"output":6}}"#;
        let more = r#"{"rates":{"input":2,"input_audio_seconds":0.18}}"#;
        let gone = r#"{"retires":"2026-10-23"}"#;
        assert_eq!(
            found(vec![listed(true, gone), listed(false, price), listed(true, more)]),
            (
                r#"{"rates":{"input":2,"output":6,"input_audio_seconds":0.18},"retires":"2026-10-23"}"#
                    .to_owned(),
                false
            ),
            "a price beats none, dates and rates are kept"
        );
        let other = r#"{"rates":{"input":8,"output":24}}"#;
        assert_eq!(
            found(vec![listed(false, other), listed(true, price)]),
            (price.to_owned(), true),
            "the one that names its page"
        );
        assert_eq!(found(vec![listed(true, other), listed(true, price)]), ("{}".to_owned(), true));
        let part = r#"{"rates":{"input":2,"cache_read":1}}"#;
        let (model, apart) =
            found(vec![listed(true, part), listed(true, r#"{"rates":{"input":2,"cache_read":0.2}}"#)]);
        assert_eq!((model.as_str(), apart), (part, true), "a part alone: the first one's");
    }

    /// Guarantees: a factor of the model holds once in a region.
    #[test]
    fn a_factor_of_the_model_is_not_said_again_for_a_region() {
        let mut regional = Regional::default();
        let fast = r#""when":[{"tier":"fast","x":2}]"#;
        regional.add(None, listed(true, &format!(r#"{{"rates":{{"input":1}},{fast}}}"#)));
        regional.add(Some("eu".to_owned()), listed(true, &format!(r#"{{"rates":{{"input":1.7}},{fast}}}"#)));
        assert_eq!(
            write::model(&regional.finish().0).to_string(),
            r#"{"rates":{"input":1},"when":[{"tier":"fast","x":2},{"region":"eu","rates":{"input":1.7}}]}"#
        );
    }
}
