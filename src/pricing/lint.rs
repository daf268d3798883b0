//! What in a price list is allowed and yet looks like a mistake.

mod beside;

use hashbrown::HashMap;

use super::catalog::{Catalog, Model};
use super::format::{CatalogFile, ModelEntry, ProviderEntry, Rates, WhenEntry};
use super::pattern::Pattern;
use super::rate::Rate;
use super::when::Moment;
use crate::genai::usage::Bucket;
use crate::yaml::error::{Mistake, Report};
use crate::yaml::path::Path;

/// A rate this many times the provider's median, or this part of it, looks like one in another unit.
const FAR: i128 = 50;

/// Providers with fewer models have no median worth the name.
const FEW: usize = 5;

/// Tokens that cost less than this, in picodollars for 1M, are in no list: a tenth of a cent.
const LOW: u64 = 1_000_000_000;

/// Everything in `file` that looks like a mistake, in the order of its text; `origin` names it, `below` is the catalog
/// that it is laid over, `whole` the two together, `at` today.
pub fn lint(origin: &str, file: &CatalogFile, below: &Catalog, whole: &Catalog, at: Moment) -> Vec<Mistake> {
    let mut report = file.text.report();
    let root = Path::default().key("providers");
    for (id, entry) in &file.providers.0 {
        let place = root.key(id).key("models");
        let medians = medians(id, entry, below);
        names(&mut report, &place, entry);
        for (id, model) in &entry.models.0 {
            let place = place.key(id);
            price(&mut report, &place, model);
            far(&mut report, &place, model, &medians);
            conditions(&mut report, &place, model);
            if let Some(retires) = model.retires.filter(|retires| *retires <= at) {
                let problem = format!("the model is gone since {retires}");
                report.wrong(&place.key("retires"), problem, "look for its successor");
            }
        }
    }
    beside::Beside { below, whole }.look(&mut report, file);
    report.finish(origin, &[]).err().map_or_else(Vec::new, |found| found.0)
}

/// Names that two models have, and those that take in everything.
fn names(report: &mut Report, place: &Path, entry: &ProviderEntry) {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for (id, _) in &entry.models.0 {
        owners.entry(id.to_lowercase()).or_insert(id);
    }
    for (id, model) in &entry.models.0 {
        for (nth, name) in model.matches.iter().enumerate() {
            let at = place.key(id).key("match").index(nth);
            match Pattern::parse(name) {
                Ok(Pattern::Exact(name)) => {
                    let owner = *owners.entry(name.to_string()).or_insert(id);
                    if owner != id {
                        let problem = format!("`{name}` is a name of `{owner}` too, whose price it gets");
                        report.wrong(&at, problem, "keep it in one of them");
                    }
                }
                // Names that have nothing in common.
                Ok(pattern) if ["a", "9", "-"].iter().all(|name| pattern.matches(name)) => {
                    report.wrong(&at, format!("`{name}` takes in every name"), "write how the names begin");
                }
                // What is no pattern is an error already.
                _ => {}
            }
        }
    }
}

/// The base rates of a model against each other.
fn price(report: &mut Report, place: &Path, model: &ModelEntry) {
    if model.rates.0.is_empty()
        && model.gpu.is_none()
        && model.when.iter().all(|when| when.rates.0.is_empty())
    {
        report.wrong(place, "no price: calls to it are unknown", "add `rates`, or leave it if that is so");
    }
    let rate = |bucket| of(&model.rates, bucket);
    let more = |one: Bucket, other: Bucket| matches!((rate(one), rate(other)), (Some(one), Some(other)) if one > other);
    let at = place.key("rates");
    if more(Bucket::CacheRead, Bucket::Input) {
        let problem = "tokens from a cache cost more than fresh ones";
        report.wrong(&at.key("cache_read"), problem, "check whether the two are swapped");
    }
    if more(Bucket::Input, Bucket::Output) && rate(Bucket::Output).is_some_and(|output| !output.is_zero()) {
        let problem = "output costs less than input";
        report.wrong(&at.key("output"), problem, "check whether the two are swapped");
    }
}

fn of(rates: &Rates, bucket: Bucket) -> Option<Rate> {
    rates.0.iter().find(|(known, _)| *known == bucket).and_then(|(_, rate)| *rate)
}

/// The middle rate of each bucket, where a provider has enough models, here and below, to have one.
fn medians(id: &str, entry: &ProviderEntry, below: &Catalog) -> HashMap<Bucket, Rate> {
    let mut all: HashMap<Bucket, Vec<Rate>> = HashMap::new();
    for (bucket, rate) in entry.models.0.iter().flat_map(|(_, model)| &model.rates.0) {
        all.entry(*bucket).or_default().extend(rate.filter(|rate| !rate.is_zero()));
    }
    let id = id.trim().to_lowercase();
    let listed = below.models().filter(|(_, model)| below.provider(model.provider()).id() == id);
    for (bucket, rate) in listed.flat_map(|(_, model)| Model::rates(model)) {
        all.entry(bucket).or_default().extend(Some(rate).filter(|rate| !rate.is_zero()));
    }
    all.retain(|_, rates| rates.len() >= FEW);
    all.into_iter()
        .map(|(bucket, mut rates)| {
            rates.sort_unstable();
            (bucket, rates[rates.len() / 2])
        })
        .collect()
}

fn far(report: &mut Report, place: &Path, model: &ModelEntry, medians: &HashMap<Bucket, Rate>) {
    for (bucket, rate) in &model.rates.0 {
        let Some(rate) = rate.filter(|rate| !rate.is_zero()) else { continue };
        let dollars = |rate: Rate| i128::from(rate.picodollars());
        let is_text = matches!(bucket, Bucket::Input | Bucket::Output);
        let (problem, remedy) = match medians.get(bucket) {
            Some(median) if dollars(rate) > dollars(*median) * FAR => {
                let problem = format!("{rate} is more than {FAR} times the provider's middle rate, {median}");
                (problem, format!("check the unit: dollars for {} of them", bucket.per()))
            }
            // Caches and embeddings may be that cheap; what a dollar buys of text hardly is.
            Some(median) if is_text && dollars(rate) * FAR < dollars(*median) => {
                let problem =
                    format!("{rate} is less than a {FAR}th of the provider's middle rate, {median}");
                (problem, format!("check the unit: dollars for {} of them, not for one", bucket.per()))
            }
            None if is_text && rate.picodollars() < LOW => {
                let problem = format!("{rate} for {} tokens is nearly nothing", bucket.per());
                (problem, format!("check the unit: dollars for {} of them, not for one", bucket.per()))
            }
            _ => continue,
        };
        report.wrong(&place.key("rates").key(bucket.name()), problem, remedy);
    }
}

/// Conditions that never decide, and words that no call says.
fn conditions(report: &mut Report, place: &Path, model: &ModelEntry) {
    for (nth, when) in model.when.iter().enumerate() {
        let at = place.key("when").index(nth);
        let later = model.when.iter().enumerate().skip(nth + 1);
        if let Some((by, _)) = later.into_iter().find(|(_, later)| shadows(later, when)) {
            let problem = format!("when[{by}] holds whenever this one does, and sets the same rates");
            report.wrong(&at, problem, "move it behind that one, or remove it");
        }
        if when.x.is_some_and(|x| x.is_zero()) {
            report.wrong(&at.key("x"), "times nothing: every token is free", "write the factor, such as 0.5");
        }
        for region in when.region.iter().filter(|region| !is_region(region)) {
            let problem = format!("`{region}` is no region's name");
            report.wrong(
                &at.key("region"),
                problem,
                "write it as the cloud does, such as eu or europe-west1",
            );
        }
    }
}

/// Whether `later` is true whenever `when` is, and sets all that `when` sets.
fn shadows(later: &WhenEntry, when: &WhenEntry) -> bool {
    fn within<T: PartialEq>(some: &[T], all: &[T]) -> bool {
        all.is_empty() || (!some.is_empty() && some.iter().all(|one| all.contains(one)))
    }
    when.x.is_none()
        && when.rates.0.iter().all(|(bucket, _)| later.rates.0.iter().any(|(set, _)| set == bucket))
        && later.over.is_none_or(|limit| when.over.is_some_and(|over| over >= limit))
        && later.from.is_none_or(|from| when.from.is_some_and(|begin| begin >= from))
        && later.until.is_none_or(|until| when.until.is_some_and(|end| end <= until))
        && later.batch.is_none_or(|batch| when.batch == Some(batch))
        && within(&when.days, &later.days)
        && within(&when.hours, &later.hours)
        && within(&when.tier, &later.tier)
        && within(&when.region, &later.region)
}

/// `eu`, `us-east-1`, `europe-west1`, `eastus2`, `europe-*`.
fn is_region(name: &str) -> bool {
    let name = name.strip_suffix('*').unwrap_or(name);
    name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.len() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a file over the embedded catalog.
    fn over(file: CatalogFile, today: Moment) -> Vec<Mistake> {
        let layers = [("embedded", Catalog::embedded_file().unwrap()), ("prices.yaml", file.clone())];
        lint("prices.yaml", &file, Catalog::embedded(), &Catalog::from_layers(layers).unwrap(), today)
    }

    fn found(models: &str) -> Vec<String> {
        let text = format!("providers:\n  p:\n    models:\n{models}");
        let file = CatalogFile::from_yaml("prices.yaml", &text).unwrap();
        let today = serde_json::from_str("\"2026-11-23\"").unwrap();
        over(file, today).iter().map(ToString::to_string).collect()
    }

    /// Guarantees: each thing that looks like a mistake is found once, at its line, with a remedy.
    #[test]
    fn what_looks_like_a_mistake_is_found_at_its_line() {
        assert_eq!(
            found(
                "      a: {match: [x, '*'], rates: {input: 3, output: 2, cache_read: 4}}\n\
                 \x20     b: {match: [x], retires: 2026-11-01}\n\
                 \x20     c:\n\
                 \x20       rates: {input: 1}\n\
                 \x20       when:\n\
                 \x20         - {tier: flex, from: 2026-01-01, rates: {input: 0.5}}\n\
                 \x20         - {tier: [flex, priority], rates: {input: 2}}\n\
                 \x20         - {region: \"europe west\", x: 0}\n"
            ),
            [
                "prices.yaml:4:22: providers.p.models.a.match[1]: `*` takes in every name; write how the names begin",
                "prices.yaml:4:46: providers.p.models.a.rates.output: output costs less than input; check whether the two are swapped",
                "prices.yaml:4:57: providers.p.models.a.rates.cache_read: tokens from a cache cost more than fresh ones; check whether the two are swapped",
                "prices.yaml:5:7: providers.p.models.b: no price: calls to it are unknown; add `rates`, or leave it if that is so",
                "prices.yaml:5:19: providers.p.models.b.match[0]: `x` is a name of `a` too, whose price it gets; keep it in one of them",
                "prices.yaml:5:23: providers.p.models.b.retires: the model is gone since 2026-11-01; look for its successor",
                "prices.yaml:9:13: providers.p.models.c.when[0]: when[1] holds whenever this one does, and sets the same rates; move it behind that one, or remove it",
                "prices.yaml:11:14: providers.p.models.c.when[2].region: `europe west` is no region's name; write it as the cloud does, such as eu or europe-west1",
                "prices.yaml:11:37: providers.p.models.c.when[2].x: times nothing: every token is free; write the factor, such as 0.5",
            ]
        );
    }

    #[test]
    fn a_rate_in_another_unit_stands_out() {
        let model = |nth: usize, rate: &str| format!("      m{nth}: {{rates: {{input: {rate}}}}}\n");
        let usual: String = (0..5).map(|nth| model(nth, "2")).collect();
        assert!(found(&(usual.clone() + &model(5, "100"))).is_empty());
        let found = found(&(usual + &model(5, "101")));
        assert_eq!(
            found,
            [
                "prices.yaml:9:20: providers.p.models.m5.rates.input: 101 is more than 50 times the provider's middle rate, 2; \
              check the unit: dollars for 1000000 of them"
            ]
        );
    }

    /// Scenario: rates for one token, of a vendor that has no other models, and beside those of the catalog.
    #[test]
    fn a_rate_for_one_token_stands_out() {
        let found = found("      m: {rates: {input: 0.0000025, output: 0.01, cache_read: 0.0000001}}\n");
        assert!(
            found.len() == 1 && found[0].contains(".m.rates.input: 0.0000025 for 1000000 tokens"),
            "{found:?}"
        );
        let text = "providers: {openai: {models: {own: {rates: {input: 0.0025, output: 10}}}}}";
        let found = over(CatalogFile::from_yaml("prices.yaml", text).unwrap(), Moment::from_unix(0));
        assert!(found.len() == 1 && found[0].to_string().contains("0.0025 is less than a 50th"), "{found:?}");
    }

    /// Scenario: the mistakes that cost most, each of which loads; and beside each the same done right.
    /// Guarantees: each is found once, at its place, and what is right is not.
    #[test]
    fn what_does_not_fit_the_catalog_is_found() {
        let text = "providers:
  acme:
    names: [acme-ai, Azure]
    hosts: [api.acme.example, 'https://API.acme.example/v1', 'api.acme.example:8080', api.openai.com]
    models: {fox: {match: ['fox-*'], rates: {input: 1, output: 2}}}
  openai:
    models:
      gpt-4o: {rates: {input: 2, output: 8}}
      o3-of-my-own: {rates: {input: 2, output: 8}}
aliases:
  azure/my-gpt: openai/gpt-4o
  openai/gpt-4o-mini: acme/fox
adjust:
  - {provider: openai, x: 88}
  - {provider: openai, x: 0.88, model: gtp-4o}
  - {provider: openai, x: 0.88, model: 'gpt-4*'}
  - {provider: acme, x: 2, model: fox-7}
  - {provider: azure, x: 1.1, model: my-gpt}
  - {provider: azure, x: 1.1, model: 'nonsense-*'}
";
        let found = over(CatalogFile::from_yaml("prices.yaml", text).unwrap(), Moment::from_unix(0));
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        let parts = [
            "providers.acme.names[1]: `azure` belongs to `azure`, which keeps it",
            "providers.acme.hosts[1]: `https://API.acme.example/v1` is no host: it has a scheme, a port or a path; write `api.acme.example`",
            "providers.acme.hosts[2]: `api.acme.example:8080` is no host",
            "providers.acme.hosts[3]: `api.openai.com` belongs to `openai`",
            "providers.openai.models.gpt-4o: it replaces a price as a whole; lost are cache_read, ",
            "aliases.openai/gpt-4o-mini: calls of the model `openai/gpt-4o-mini` get the price of `acme/fox`",
            "adjust[0].x: every price is multiplied by 88; if it is a percentage, write 0.88",
            "adjust[1].model: `gtp-4o` is the name of no model",
            "adjust[5].model: `nonsense-*` is the name of no model",
        ];
        assert_eq!(said.len(), parts.len(), "{said:#?}");
        for (said, part) in said.iter().zip(parts) {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(said[4].contains("batch") && said[4].contains("prices show openai/gpt-4o"), "{}", said[4]);
    }

    #[test]
    fn what_is_usual_is_no_finding() {
        let usual = "      a:\n        match: [\"a-*\"]\n        rates: {input: 3, output: 9, cache_read: 1}\n        when:\n          \
                     - {over: 9, rates: {input: 4}}\n          - {over: 99, rates: {input: 5}}\n          - {from: 2026-01-01, region: [us-east-1, europe-*], x: 1.1}\n";
        assert_eq!(found(usual), Vec::<String>::new());
    }
}
