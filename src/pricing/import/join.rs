//! One list laid under another: what the first one lacks comes from the second.
//!
//! Names decide, and the first list's names stay what they are: a model of the second one is taken only if its name means
//! nothing in the first, under the same provider, with all that matching allows (dates, revisions, routes, resellers). A name that
//! the first list would take for a model of its own (`starts_with`) becomes one more name of it if the second list has the same
//! price for it; if not, one of them is wrong, and the name stays unknown.

mod regions;
mod retire;

use hashbrown::HashMap;

use super::genai_prices::Claims;
use crate::genai::usage::Bucket;
use crate::pricing::format::{CatalogFile, ModelEntry, ProviderEntry};
use crate::pricing::matching::ModelBy;
use crate::pricing::rate::{Factor, Rate};
use crate::pricing::rules::Rules;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Conditions, Model, ModelId, ModelQuery};
use crate::yaml::error::Mistakes;
use regions::Regions;
use retire::{Retirement, retire};

/// Two lists as one, and what came from where.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// The catalog.
    pub file: CatalogFile,
    /// Providers that only the second list has.
    pub providers: usize,
    /// Models that only the second list has.
    pub models: usize,
    /// Models of the second list that the first one has too.
    pub known: usize,
    /// Models of the second list that became names of models of the first.
    pub names: usize,
    /// Models of the second list that the first one takes for models of another price.
    pub disputed: Vec<String>,
    /// Models of the first list whose retirement the second one tells.
    pub retiring: usize,
    /// Models of the first list, or of a reseller of its models, whose regions the second one prices.
    pub regional: usize,
    /// Models of both lists whose plain prices differ, `provider/model`; the first one's holds.
    pub differing: Vec<String>,
}

/// Nobody gives away what it charges for: beside an input that costs, a cache at zero stands for "no rate of its own", and
/// its tokens cost what the input's do.
fn without_free_caches(mut model: ModelEntry) -> ModelEntry {
    let input = model.rates.0.iter().find(|(bucket, _)| *bucket == Bucket::Input);
    if input.is_some_and(|(_, rate)| rate.is_some_and(|rate| !rate.is_zero())) {
        let is_cache =
            |bucket| matches!(bucket, Bucket::CacheRead | Bucket::CacheWrite | Bucket::CacheWrite1h);
        model.rates.0.retain(|(bucket, rate)| !(is_cache(*bucket) && rate.is_some_and(Rate::is_zero)));
    }
    model
}

/// Lays `more` under `base`; `claims` are those of `base`, and prices are compared in the week after `at`.
///
/// # Errors
/// One of them is no catalog, or they make none together.
pub fn join(base: CatalogFile, claims: &Claims, more: CatalogFile, at: Moment) -> Result<Joined, Mistakes> {
    let catalog = Catalog::from_layers([("base", base.clone())])?;
    let other = Catalog::from_layers([("more", more.clone())])?;
    let label = more.source.as_deref().and_then(|source| source.split(' ').next()).map(str::to_owned);
    let mut joined = Joined { file: base, ..Joined::default() };
    let mut retirements: HashMap<ModelId, Retirement> = HashMap::new();
    let mut regions = Regions::default();
    let rules = |catalog: &Catalog| {
        let key =
            |model: &Model| (catalog.provider(model.provider()).id().to_owned(), model.id().to_lowercase());
        catalog.models().map(|(_, model)| (key(model), model.rules.clone())).collect::<HashMap<_, _>>()
    };
    let (rules, others) = (rules(&catalog), rules(&other));
    let same_price = |one: (&str, &str), other: (&str, &str)| {
        let key = |(provider, id): (&str, &str)| (provider.to_owned(), id.to_lowercase());
        same_price(rules.get(&key(one))?, others.get(&key(other))?, at)
    };

    for (provider, entry) in more.providers.0 {
        let mut added = Vec::new();
        let known_provider = catalog.provider_named(&provider);
        for (id, model) in entry.models.0 {
            let query = ModelQuery { provider: &provider, served: &id, ..ModelQuery::default() };
            let mut found = if known_provider { catalog.resolve(&query) } else { Default::default() };
            let same_name = |known: ModelId| id.eq_ignore_ascii_case(catalog.model(known).id());
            // A variant that only our rules know may have a price of its own in the second list.
            if found.variants.iter().next().is_some() && !found.model.is_some_and(same_name) {
                found.model = None;
            }
            let claimed = claims.model(&provider, &id).filter(|_| found.model.is_none());
            if let Some((claimant, name)) = claimed {
                if same_price((claimant, name), (&provider, &id)) == Some(true) {
                    joined.names += 1;
                    also_named(&mut joined.file, claimant, name, &id);
                } else {
                    joined.disputed.push(format!("{provider}/{id} ({claimant}/{name})"));
                }
                continue;
            }
            let Some(known) = found.model else {
                let model = ModelEntry { source: model.source.or_else(|| label.clone()), ..model };
                added.push((id, without_free_caches(model)));
                continue;
            };
            joined.known += 1;
            let own = Some(catalog.model(known).provider()) == found.provider;
            // A name that a star takes in is another model's.
            let named = found.region.is_none() && found.model_by != Some(ModelBy::Pattern);
            if !(named || same_name(known)) {
                continue;
            }
            let owner = catalog.provider(catalog.model(known).provider()).id();
            let same = same_price((owner, catalog.model(known).id()), (&provider, &id));
            if own {
                retirements.entry(known).or_default().add(same_name(known), model.retires);
                if same == Some(false) {
                    joined.differing.push(format!("{provider}/{id}"));
                }
            }
            if same == Some(true) {
                regions.add(&provider, known, &model, same_name(known));
            }
        }
        if added.is_empty() {
            continue;
        }
        joined.models += added.len();
        match joined.file.providers.0.iter_mut().find(|(id, _)| *id == provider) {
            Some((_, known)) => known.models.0.extend(added),
            None => {
                joined.providers += 1;
                let mut names = entry.names;
                names.retain(|name| !catalog.provider_named(name));
                let mut new = ProviderEntry { names, ..ProviderEntry::default() };
                new.models.0 = added;
                joined.file.providers.0.push((provider, new));
            }
        }
    }
    joined.regional = regions.write(&mut joined.file, &catalog, label.as_deref());
    joined.retiring = retire(&mut joined.file, &catalog, &retirements);
    let both = |one: Option<String>, other: Option<String>, with: &str| {
        let said: Vec<_> = one.into_iter().chain(other).collect();
        (!said.is_empty()).then(|| said.join(with))
    };
    joined.file.source = both(joined.file.source, more.source, " + ");
    joined.file.version = both(joined.file.version, more.version, "+");
    joined.file.notes.extend(more.notes);
    if let Some(label) = label {
        joined.file.notes.push(format!("Models with `source: {label}`, uplifts of regions where both lists have the same price, and retirements, are {label}'s."));
        joined
            .file
            .notes
            .push(format!("{} models have another plain price in {label}'s list.", joined.differing.len()));
    }
    Catalog::from_layers([("joined", joined.file.clone())])?;
    Ok(joined)
}

/// Whether two models cost the same without conditions, at every hour of a week: input and output, all else follows them.
/// `None` where one of them has no price.
fn same_price(one: &Rules, other: &Rules, at: Moment) -> Option<bool> {
    let hourly = [one, other]
        .into_iter()
        .flat_map(|rules| &rules.whens)
        .any(|when| !when.hours.is_empty() || when.days.iter().next().is_some());
    let prices = |hour: i64| {
        let end_unix_nano = u64::try_from(at.unix() + hour * 3600).unwrap_or(0) * 1_000_000_000;
        let conditions = Conditions { end_unix_nano, ..Conditions::default() };
        let price = |rules: &Rules| {
            let in_force = rules.in_force(&conditions, 1);
            [Bucket::Input, Bucket::Output].map(|bucket| {
                let factor = rules.factor(in_force.applied).map(Factor::decimal)?;
                in_force.own_rate(bucket)?.dollars().checked_mul(factor)
            })
        };
        (price(one), price(other))
    };
    let priced = |(one, other)| one != [None, None] && other != [None, None];
    let mut hours = 0..if hourly { 7 * 24 } else { 1 };
    priced(prices(0)).then(|| hours.all(|hour| prices(hour).0 == prices(hour).1))
}

/// Adds a name to a model.
fn also_named(file: &mut CatalogFile, provider: &str, model: &str, name: &str) {
    let entries = file.providers.0.iter_mut().filter(|(id, _)| id == provider);
    let models = entries.flat_map(|(_, entry)| &mut entry.models.0).filter(|(id, _)| id == model);
    models.for_each(|(_, entry)| entry.matches.push(name.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::write;

    #[test]
    fn a_cache_at_zero_has_no_rate_of_its_own() {
        let joined = |rates: &str| {
            let model: ModelEntry = serde_json::from_str(&format!("{{\"rates\":{rates}}}")).unwrap();
            without_free_caches(model)
                .rates
                .0
                .into_iter()
                .map(|(bucket, _)| bucket.name())
                .collect::<Vec<_>>()
        };
        assert_eq!(joined(r#"{"input":1,"cache_read":0,"cache_write":0,"output":0}"#), ["input", "output"]);
        assert_eq!(
            joined(r#"{"input":0,"cache_read":0}"#),
            ["input", "cache_read"],
            "all of the input is free"
        );
        assert_eq!(joined(r#"{"input":1,"cache_read":0.1}"#), ["input", "cache_read"]);
    }

    fn file(source: &str, providers: &str) -> CatalogFile {
        let text = format!(r#"{{"source": "{source} 1", "version": "1", "providers": {providers}}}"#);
        CatalogFile::from_json(source, &text).unwrap()
    }

    /// Scenario: two lists with some models in common, under other names, with dates and at a reseller.
    /// Guarantees: only what the first one cannot resolve is added, with its source; nothing of the first is changed but the
    /// retirements.
    #[test]
    fn only_what_the_first_list_lacks_is_added() {
        let base = r#"{"openai": {"models": {
                "gpt-5": {"match": ["gpt-5-chat"], "rates": {"input": 1}}, "old": {"rates": {"input": 1}},
                "unpriced": {}, "snap": {"match": ["snap-a", "snap-b"], "rates": {"input": 1}}}},
            "azure": {"names": ["azure_ai"], "fallback": ["openai"]}}"#;
        let more = r#"{"openai": {"models": {
                "gpt-5-2025-08-07": {"rates": {"input": 9}}, "gpt-5-chat": {"rates": {"input": 9}, "retires": "2027-01-01"},
                "gpt-5": {"rates": {"input": 9}}, "new": {"rates": {"input": 2}}, "unpriced": {"rates": {"input": 9}},
                "old": {"rates": {"input": 1}, "retires": "2026-12-01"},
                "snap-a": {"retires": "2027-02-01"}, "snap-b": {"retires": "2027-03-01"}}},
            "azure": {"models": {"gpt-5": {"rates": {"input": 9}}, "llama": {"rates": {"input": 3}}}},
            "deepinfra": {"names": ["deep_infra", "azure_ai"], "models": {"gpt-5": {"rates": {"input": 4}}}}}"#;
        let joined =
            join(file("one", base), &Claims::default(), file("two", more), Moment::from_unix(0)).unwrap();
        assert_eq!((joined.providers, joined.models, joined.known, joined.retiring), (1, 3, 8, 2));
        insta::assert_snapshot!(write::to_json(&joined.file));
    }

    /// Scenario: both lists have a model at one price, and only the second one tells what regions add; a reseller has it from
    /// the first list's seller, another at another price.
    /// Guarantees: the region is priced at the seller, at the reseller alone, and nowhere where prices differ.
    #[test]
    fn regions_come_over_where_both_lists_have_one_price() {
        let base = r#"{"openai": {"models": {"a": {"match": ["a-chat", "a-*"], "rates": {"input": 1}},
                "b": {"rates": {"input": 1}}, "c": {"rates": {"input": 1}}}},
            "azure": {"fallback": ["openai"], "models": {}}}"#;
        let uplift = r#""when": [{"batch": true, "x": 0.5}, {"region": "eu", "x": 1.1}]"#;
        let more = format!(
            r#"{{"openai": {{"models": {{"b": {{"rates": {{"input": 1}}, {uplift}}}, "c": {{"rates": {{"input": 2}}, {uplift}}}}}}},
            "azure": {{"models": {{"a": {{"rates": {{"input": 1}}, {uplift}}}}}}}}}"#
        );
        let joined =
            join(file("one", base), &Claims::default(), file("two", &more), Moment::from_unix(0)).unwrap();
        assert_eq!((joined.regional, joined.differing), (2, vec!["openai/c".to_owned()]));
        let text = write::to_json(&joined.file);
        assert!(text.contains(r#""b": {"rates":{"input":1},"when":[{"region":"eu","x":1.1}]}"#), "{text}");
        let own = r#""a": {"match":["a-chat"],"rates":{"input":1},"when":[{"region":"eu","x":1.1}],"source":"openai; regions two"}"#;
        assert!(text.contains(own), "{text}");
        assert!(text.contains(r#""c": {"rates":{"input":1}}"#) && text.matches("eu").count() == 2, "{text}");
    }

    /// Scenario: the second list has names that the first one's clauses take in.
    /// Guarantees: at the same price they are names of that model; at another they stay unknown and are reported.
    #[test]
    fn claimed_names_are_names_or_disputed() {
        let list = r#"[{"id": "p", "name": "P", "api_pattern": "https://p", "models": [
            {"id": "m-1", "match": {"starts_with": "m-1"}, "prices": {"input_mtok": "1", "output_mtok": "2"}}]}]"#;
        let (base, claims) = super::super::genai_prices::convert_with_claims(list, "1").unwrap();
        let more = r#"{"p": {"models": {"m-1-new": {"rates": {"input": 1, "output": 2}},
            "m-1-pro": {"rates": {"input": 5, "output": 9}}}}}"#;
        let joined = join(base, &claims, file("two", more), Moment::from_unix(0)).unwrap();
        assert_eq!((joined.models, joined.names), (0, 1));
        assert_eq!(joined.disputed, ["p/m-1-pro (p/m-1)"]);
        assert!(write::to_json(&joined.file).contains(r#""m-1": {"match":["m-1-new"],"#));
    }
}
