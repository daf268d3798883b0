//! One list laid under another: what the first one lacks comes from the second.
//!
//! Names decide, and the first list's names stay what they are: a model of the second one is taken only if its name means
//! nothing in the first, under the same provider, with all that matching allows (dates, revisions, routes, resellers). A name that
//! the first list would take for a model of its own (`starts_with`) becomes one more name of it if the second list has the same
//! price for it; if not, one of them is wrong, and the name stays unknown.

use hashbrown::HashMap;

use super::genai_prices::Claims;
use crate::genai::usage::Bucket;
use crate::pricing::format::{CatalogFile, ModelEntry, ProviderEntry};
use crate::pricing::matching::ModelBy;
use crate::pricing::rate::Factor;
use crate::pricing::rules::Rules;
use crate::pricing::when::Moment;
use crate::pricing::{Catalog, Conditions, ModelId, ModelQuery};
use crate::yaml::error::Mistakes;

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
                if same_price((&catalog, claimant, name), (&other, &provider, &id), at) {
                    joined.names += 1;
                    also_named(&mut joined.file, claimant, name, &id);
                } else {
                    joined.disputed.push(format!("{provider}/{id} ({claimant}/{name})"));
                }
                continue;
            }
            let Some(known) = found.model else {
                added.push((id, ModelEntry { source: model.source.or_else(|| label.clone()), ..model }));
                continue;
            };
            joined.known += 1;
            let own = Some(catalog.model(known).provider()) == found.provider;
            // A name that a star takes in is another model's.
            let named = found.region.is_none() && found.model_by != Some(ModelBy::Pattern);
            if own && (named || same_name(known)) {
                retirements.entry(known).or_default().add(same_name(known), model.retires);
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
    joined.retiring = retire(&mut joined.file, &catalog, &retirements);
    let both = |one: Option<String>, other: Option<String>, with: &str| {
        let said: Vec<_> = one.into_iter().chain(other).collect();
        (!said.is_empty()).then(|| said.join(with))
    };
    joined.file.source = both(joined.file.source, more.source, " + ");
    joined.file.version = both(joined.file.version, more.version, "+");
    joined.file.notes.extend(more.notes);
    if let Some(label) = label {
        joined.file.notes.push(format!("Models with `source: {label}`, and retirements, are {label}'s."));
    }
    Catalog::from_layers([("joined", joined.file.clone())])?;
    Ok(joined)
}

/// Whether two models cost the same without conditions, at every hour of a week: input and output, all else follows them.
fn same_price(one: (&Catalog, &str, &str), other: (&Catalog, &str, &str), at: Moment) -> bool {
    let model = |(catalog, provider, id): (&Catalog, &str, &str)| {
        let same = |entry: &&crate::pricing::Model| {
            entry.id().eq_ignore_ascii_case(id) && catalog.provider(entry.provider()).id() == provider
        };
        catalog.models().map(|(_, entry)| entry).find(same).map(|entry| entry.rules.clone())
    };
    let (Some(one), Some(other)) = (model(one), model(other)) else { return false };
    (0..7 * 24).all(|hour| {
        let end_unix_nano = u64::try_from(at.unix() + hour * 3600).unwrap_or(0) * 1_000_000_000;
        let conditions = Conditions { end_unix_nano, ..Conditions::default() };
        let price = |rules: &Rules| {
            let in_force = rules.in_force(&conditions, 1);
            [Bucket::Input, Bucket::Output].map(|bucket| {
                let factor = rules.factor(in_force.applied).map(Factor::decimal)?;
                in_force.own_rate(bucket)?.dollars().checked_mul(factor)
            })
        };
        price(&one) == price(&other) && price(&one) != [None, None]
    })
}

/// Adds a name to a model.
fn also_named(file: &mut CatalogFile, provider: &str, model: &str, name: &str) {
    let entries = file.providers.0.iter_mut().filter(|(id, _)| id == provider);
    let models = entries.flat_map(|(_, entry)| &mut entry.models.0).filter(|(id, _)| id == model);
    models.for_each(|(_, entry)| entry.matches.push(name.to_owned()));
}

/// What the second list says about the end of one model of the first.
#[derive(Debug, Default)]
struct Retirement {
    /// Under the model's own id, the date or that there is none.
    of_its_id: Option<Option<Moment>>,
    /// Under other names of it, such as its snapshots; `None` once one has no date.
    of_others: Option<Option<Moment>>,
}

impl Retirement {
    fn add(&mut self, same_name: bool, date: Option<Moment>) {
        if same_name {
            self.of_its_id = Some(date);
        } else {
            // A model is served as long as one of its snapshots is.
            self.of_others = Some(match self.of_others {
                None => date,
                Some(known) => known.zip(date).map(|(known, date)| known.max(date)),
            });
        }
    }

    fn date(&self) -> Option<Moment> {
        self.of_its_id.or(self.of_others).flatten()
    }
}

/// Writes the dates down where the first list has none; says how many.
fn retire(file: &mut CatalogFile, catalog: &Catalog, known: &HashMap<ModelId, Retirement>) -> usize {
    let mut dated = 0;
    let dates: HashMap<(&str, &str), Moment> = catalog
        .models()
        .filter_map(|(id, model)| {
            Some(((catalog.provider(model.provider()).id(), model.id()), known.get(&id)?.date()?))
        })
        .collect();
    for (provider, entry) in &mut file.providers.0 {
        for (id, model) in &mut entry.models.0 {
            if model.retires.is_none()
                && let Some(date) = dates.get(&(provider.as_str(), id.as_str()))
            {
                model.retires = Some(*date);
                dated += 1;
            }
        }
    }
    dated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::write;

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
