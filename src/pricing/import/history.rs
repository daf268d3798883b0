//! Old prices by date: a new price begins on a day, and calls before it keep theirs.

use hashbrown::HashMap;

use super::diff::moves_since;
use crate::pricing::format::{CatalogFile, ModelEntry, Rates, WhenEntry};
use crate::pricing::rules::MAX_WHENS;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Model};
use crate::yaml::Mistakes;

/// `new`, with what `old` says about the time before `since` wherever their prices differ. Models that only `old` has are not
/// kept. Says how many models got a history, or kept one.
///
/// # Errors
/// One of them is no catalog.
pub fn keep(old: &CatalogFile, new: &mut CatalogFile, since: Moment) -> Result<usize, Mistakes> {
    let catalogs = [old, new].map(|file| Catalog::from_layers([("list", file.clone())]));
    let [before, after] = catalogs;
    let (before, after) = (before?, after?);
    let (before, after) = (by_name(&before), by_name(&after));
    let entries: HashMap<_, _> = models(old).map(|(name, entry)| (name, entry.clone())).collect();
    let mut kept = 0;
    for (provider, entry) in &mut new.providers.0 {
        for (id, model) in &mut entry.models.0 {
            let name = name(provider, id);
            let (Some(known), Some(one), Some(other)) =
                (entries.get(&name), before.get(&name), after.get(&name))
            else {
                continue;
            };
            if tells(model, known) {
                continue;
            }
            kept += 1;
            *model = if moves_since("", &one.rules, &other.rules, since).is_empty() {
                ModelEntry { rates: known.rates.clone(), when: known.when.clone(), ..model.clone() }
            } else {
                both(known, model, since)
            };
        }
    }
    Ok(kept)
}

fn name(provider: &str, id: &str) -> (String, String) {
    (provider.trim().to_lowercase(), id.to_lowercase())
}

fn models(file: &CatalogFile) -> impl Iterator<Item = ((String, String), &ModelEntry)> {
    let providers = file.providers.0.iter();
    providers.flat_map(|(provider, entry)| {
        entry.models.0.iter().map(move |(id, model)| (name(provider, id), model))
    })
}

fn by_name(catalog: &Catalog) -> HashMap<(String, String), &Model> {
    let named = |model: &Model| name(catalog.provider(model.provider()).id(), model.id());
    catalog.models().map(|(_, model)| (named(model), model)).collect()
}

/// Whether a model's new price tells the old one too: it is the same, or a list that dates its own changes.
fn tells(new: &ModelEntry, old: &ModelEntry) -> bool {
    let unpriced = old.rates.0.is_empty() && old.when.is_empty();
    // What GPUs cost is the user's own estimate, not a price that was charged.
    unpriced
        || old.gpu.is_some()
        || added(new, old).is_some_and(|added| added.iter().all(|when| when.from.is_some()))
}

/// The conditions that a new price adds behind those of the old one, if that is all that it does.
fn added<'a>(new: &'a ModelEntry, old: &ModelEntry) -> Option<&'a [WhenEntry]> {
    new.when.strip_prefix(old.when.as_slice()).filter(|_| new.rates == old.rates)
}

/// The old price until `since`, the new one from then on.
fn both(old: &ModelEntry, new: &ModelEntry, since: Moment) -> ModelEntry {
    let begins = |when: &WhenEntry| WhenEntry {
        from: Some(when.from.map_or(since, |from| from.max(since))),
        ..when.clone()
    };
    let to_come = |when: &&WhenEntry| when.until.is_none_or(|until| until > since);
    if let Some(added) = added(new, old) {
        let added = added.iter().filter(|when| when.from.is_some() || to_come(when));
        let added = added.map(|when| if when.from.is_some() { when.clone() } else { begins(when) });
        return ModelEntry { when: old.when.iter().cloned().chain(added).collect(), ..new.clone() };
    }
    let ended = old.when.iter().filter(|when| when.from.is_none_or(|from| from < since)).map(|when| {
        WhenEntry { until: Some(when.until.map_or(since, |until| until.min(since))), ..when.clone() }
    });
    let mut whens: Vec<_> = ended.collect();
    // The base of the old list is still the base; where the new one has no rate, it has none.
    let lacks = |rates: &Rates, bucket| !rates.0.iter().any(|(known, _)| *known == bucket);
    let mut rates = new.rates.clone();
    for (bucket, _) in old.rates.0.iter().filter(|(bucket, _)| lacks(&new.rates, *bucket)) {
        rates.0.push((*bucket, None));
    }
    let first = WhenEntry { from: Some(since), rates, ..WhenEntry::default() };
    let first = Some(first).filter(|first| !first.rates.0.is_empty() && old.rates != new.rates);
    let begun: Vec<_> = first.into_iter().chain(new.when.iter().filter(to_come).map(begins)).collect();
    // What a model may have is limited; the oldest conditions of the past go first.
    let room = MAX_WHENS.saturating_sub(begun.len());
    whens.drain(..whens.len().saturating_sub(room));
    whens.extend(begun);
    ModelEntry { rates: old.rates.clone(), when: whens, ..new.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::write;

    fn after(old: &str, new: &str) -> String {
        after_on("2026-11-23", old, new)
    }

    fn after_on(day: &str, old: &str, new: &str) -> String {
        let file = |model: &str| {
            let text = format!(r#"{{"providers": {{"p": {{"models": {{"m": {model}}}}}}}}}"#);
            CatalogFile::from_json("test", &text).unwrap()
        };
        let mut new = file(new);
        keep(&file(old), &mut new, serde_json::from_str(&format!("\"{day}\"")).unwrap()).unwrap();
        write::model(&new.providers.0[0].1.models.0[0].1).to_string()
    }

    #[test]
    fn a_new_price_begins_on_the_day() {
        assert_eq!(
            after(
                r#"{"rates": {"input": 4, "web_search": 10}}"#,
                r#"{"match": ["n"], "rates": {"input": 3}}"#
            ),
            r#"{"match":["n"],"rates":{"input":4,"web_search":10},"when":[{"from":"2026-11-23","rates":{"input":3,"web_search":null}}]}"#
        );
    }

    #[test]
    fn conditions_end_and_begin_with_their_price() {
        assert_eq!(
            after(
                r#"{"rates": {"input": 4}, "when": [{"from": "2026-01-01", "until": "2026-02-01", "x": 2}, {"batch": true, "x": 0.5}, {"from": "2027-01-01", "x": 3}]}"#,
                r#"{"rates": {"input": 4}, "when": [{"batch": true, "x": 0.6}, {"from": "2027-01-01", "x": 4}]}"#
            ),
            r#"{"rates":{"input":4},"when":[{"from":"2026-01-01","until":"2026-02-01","x":2},{"until":"2026-11-23","batch":true,"x":0.5},{"from":"2026-11-23","batch":true,"x":0.6},{"from":"2027-01-01","x":4}]}"#
        );
    }

    #[test]
    fn a_list_that_tells_its_own_history_is_believed() {
        let dated = r#"{"rates":{"input":4},"when":[{"from":"2026-10-01","rates":{"input":3}}]}"#;
        assert_eq!(after(r#"{"rates": {"input": 4}}"#, dated), dated);
        assert_eq!(after("{}", dated), dated, "there was no price");
        assert_eq!(after(dated, dated), dated);
    }

    /// Guarantees: a condition that a list adds without a date begins with the list; calls before keep their price.
    #[test]
    fn a_condition_that_comes_without_a_date_begins_on_the_day() {
        assert_eq!(
            after(
                r#"{"rates":{"input":4},"when":[{"tier":"flex","x":0.5}]}"#,
                r#"{"rates":{"input":4},"when":[{"tier":"flex","x":0.5},{"batch":true,"x":0.5}]}"#
            ),
            r#"{"rates":{"input":4},"when":[{"tier":"flex","x":0.5},{"from":"2026-11-23","batch":true,"x":0.5}]}"#
        );
    }

    /// Guarantees: importing one list again and again adds nothing.
    #[test]
    fn history_is_written_once() {
        let new = r#"{"rates":{"input":3},"when":[{"from":"2027-06-01","rates":{"input":2}}]}"#;
        let once = after(r#"{"rates":{"input":4}}"#, new);
        assert_eq!(after_on("2026-12-24", &once, new), once);
        assert_ne!(after_on("2027-06-01", &once, r#"{"rates":{"input":3}}"#), once);
    }
}
