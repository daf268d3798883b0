//! The format's features, one by one, and what known calls cost.

mod example;
mod properties;
mod reference;
mod terms;

use proptest::prelude::*;

use super::*;
use crate::genai::usage::{Bucket, Group, Usage};

/// 2026-11-22T12:00:00Z, a Sunday.
const TODAY: u64 = 1_795_348_800_000_000_000;
const DAY: u64 = 86_400_000_000_000;

fn now() -> Conditions<'static> {
    Conditions { end_unix_nano: TODAY, ..Conditions::default() }
}

fn usage(buckets: &[(Bucket, u64)]) -> Usage {
    let mut usage = Usage::default();
    for (bucket, quantity) in buckets {
        usage[*bucket] = *quantity;
    }
    usage
}

/// A catalog of one provider `p` with one model `m`, given in YAML's flow style.
fn catalog(model: &str) -> Catalog {
    let yaml = format!("providers: {{p: {{models: {{m: {model}}}}}}}");
    Catalog::from_layers([("test", CatalogFile::from_yaml("test", &yaml).unwrap())]).unwrap()
}

fn priced(catalog: &Catalog, conditions: &Conditions<'_>, buckets: &[(Bucket, u64)]) -> Receipt {
    let query = ModelQuery { provider: "p", served: "m", ..ModelQuery::default() };
    catalog.price(catalog.resolve(&query).model.unwrap(), conditions, &usage(buckets))
}

/// The cost of a million input tokens.
fn million(model: &str, conditions: &Conditions<'_>) -> String {
    priced(&catalog(model), conditions, &[(Bucket::Input, 1_000_000)]).total.to_string()
}

fn embedded(provider: &str, model: &str, conditions: &Conditions<'_>, buckets: &[(Bucket, u64)]) -> Receipt {
    let catalog = Catalog::embedded();
    let query = ModelQuery { provider, served: model, ..ModelQuery::default() };
    catalog.price(catalog.resolve(&query).model.unwrap(), conditions, &usage(buckets))
}

/// Scenario: the calls of the captures (DIALECTS.md).
/// Guarantees: their known costs, to the last digit.
#[test]
fn the_captured_calls_cost_what_they_cost() {
    use Bucket::*;
    let cost = |provider, model, buckets: &[(Bucket, u64)]| {
        let receipt = embedded(provider, model, &now(), buckets);
        assert_eq!(receipt.status, Status::Priced);
        receipt.total.to_string()
    };
    let mini = "gpt-5-mini-2025-08-07";
    assert_eq!(cost("openai", mini, &[(Input, 476), (CacheRead, 1024), (Output, 350)]), "0.0008446");
    assert_eq!(cost("openai", mini, &[(Input, 1500), (Output, 150), (Reasoning, 200)]), "0.001075");
    assert_eq!(cost("openai", "text-embedding-3-small", &[(Input, 42)]), "0.00000084");
    let sonnet = "claude-sonnet-4-5-20250929";
    let tokens = [(Input, 176), (CacheRead, 1024), (CacheWrite, 300), (Output, 350)];
    assert_eq!(cost("anthropic", sonnet, &tokens), "0.0072102");
    let split = [(Input, 176), (CacheRead, 1024), (CacheWrite, 200), (CacheWrite1h, 100), (Output, 350)];
    assert_eq!(cost("anthropic", sonnet, &split), "0.0074352");
    let searched = [&split[..], &[(WebSearch, 2)]].concat();
    assert_eq!(cost("anthropic", sonnet, &searched), "0.0274352");
}

#[test]
fn an_unpublished_tier_is_standard_and_flagged() {
    let flex = Conditions { tier_served: "flex", ..now() };
    let buckets = [(Bucket::Input, 476), (Bucket::CacheRead, 1024), (Bucket::Output, 350)];
    let receipt = embedded("openai", "gpt-4o-2024-11-20", &flex, &buckets);
    assert_eq!((receipt.status, receipt.total.to_string()), (Status::Priced, "0.00597".to_owned()));
    assert_eq!(receipt.explanation(), "no price for service tier flex: standard used");
}

#[test]
fn the_served_tier_beats_the_asked_one() {
    let model = "{rates: {input: 5}, when: [{tier: [priority, fast], x: 2}, {tier: flex, x: 0.5}]}";
    let cost = |tier_asked, tier_served| million(model, &Conditions { tier_asked, tier_served, ..now() });
    assert_eq!(cost("", ""), "5");
    assert_eq!(cost("flex", ""), "2.5");
    assert_eq!(cost("flex", "FAST"), "10");
    for standard in ["default", "standard", "normal", "auto", "Default"] {
        assert_eq!(cost("priority", standard), "5", "{standard}");
        assert!(priced(&catalog(model), &Conditions { tier_asked: standard, ..now() }, &[]).flags.is_empty());
    }
}

#[test]
fn later_conditions_win_key_by_key_and_null_removes() {
    let model = "{rates: {input: 5, cache_read: 1}, when: [
        {from: 2026-01-01, rates: {input: 4}},
        {from: 2026-02-01, rates: {cache_read: null}},
        {until: 2026-03-01, rates: {input: 3}}]}";
    let receipt = priced(&catalog(model), &now(), &[(Bucket::Input, 10), (Bucket::CacheRead, 10)]);
    assert_eq!(receipt.lines[1].rate_of, Bucket::Input, "an unpriced part bills as its whole");
    assert_eq!(receipt.lines[1].amount(), receipt.lines[0].amount());
    assert_eq!(receipt.applied.iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(million(model, &now()), "4");
    assert_eq!(million(model, &Conditions { end_unix_nano: TODAY - 300 * DAY, ..now() }), "3");
}

#[test]
fn true_conditions_are_told() {
    let catalog = catalog(
        "{rates: {input: 1}, when: [{from: 2026-01-01, over: 5, days: sun, hours: '06:00-18:00', tier: [fast, default],
        batch: false, x: 2}, {region: eu, x: 3}]}",
    );
    let receipt = priced(&catalog, &now(), &[(Bucket::Input, 6)]);
    assert_eq!(
        catalog.conditions(&receipt),
        [
            "from 2026-01-01, over 5 input tokens, sun, 06:00-18:00 UTC, tier fast or standard, no batch, rates x 2"
        ]
    );
}

#[test]
fn a_threshold_is_strict_and_takes_the_whole_request() {
    let catalog =
        catalog("{rates: {input: 1, output: 1}, when: [{over: 100, rates: {input: 2, output: 3}}]}");
    let total = |input, cached| {
        let buckets = [(Bucket::Input, input), (Bucket::CacheRead, cached), (Bucket::Output, 1)];
        priced(&catalog, &now(), &buckets).total.get()
    };
    assert_eq!(total(60, 40), 101_000_000, "cached tokens count, and 100 is not over 100");
    assert_eq!(total(60, 41), 205_000_000);
    let written = [(Bucket::Input, 60), (Bucket::CacheWrite, 40), (Bucket::CacheWrite1h, 1)];
    assert_eq!(priced(&catalog, &now(), &written).total.get(), 202_000_000, "and so do those written");
}

#[test]
fn days_hours_batch_and_region() {
    let model = "{rates: {input: 1}, when: [
        {days: [mon, tue, wed, thu, fri], hours: ['06:00-18:00'], x: 2},
        {batch: true, x: 0.5}, {region: [us, eu], x: 1.1}]}";
    assert_eq!(million(model, &now()), "1", "a Sunday");
    let monday = Conditions { end_unix_nano: TODAY + DAY, ..now() };
    assert_eq!(million(model, &monday), "2");
    assert_eq!(million(model, &Conditions { batch: true, region: "EU", ..monday }), "1.1");
    for batch in ["batch", " Batch "] {
        assert_eq!(million(model, &Conditions { tier_served: batch, ..now() }), "0.5");
        assert_eq!(million(model, &Conditions { tier_asked: batch, tier_served: " ", ..now() }), "0.5");
    }
    let standard = Conditions { batch: true, ..now() };
    let receipt = priced(&catalog("{rates: {input: 1}}"), &standard, &[(Bucket::Input, 1)]);
    assert_eq!(receipt.explanation(), "no batch price: standard used");
}

#[test]
fn factors_multiply_exactly_and_leave_other_rates_alone() {
    let catalog = catalog(
        "{rates: {input: 0.3, web_search: 10}, when: [
        {from: 2026-01-01, x: 0.1}, {batch: false, x: 0.333333333333}]}",
    );
    let receipt = priced(&catalog, &now(), &[(Bucket::Input, 1_000_000), (Bucket::WebSearch, 1)]);
    assert_eq!(receipt.lines[0].amount().to_string(), "0.01", "rounded once");
    assert_eq!(catalog.list_price(&receipt, &receipt.lines[0]).to_string(), "0.00999999999999");
    assert_eq!(receipt.lines[1].amount().to_string(), "0.01", "a search is no token");
    assert_eq!(catalog.unit_price(&receipt, &receipt.lines[1]).to_string(), "0.01");
    assert_eq!(receipt.parts()[Group::Other as usize], Picodollars::new(10_000_000_000));
    assert_eq!(receipt.parts()[Group::CacheRead as usize], Picodollars::ZERO);
}

#[test]
fn what_has_no_rate_is_said() {
    let catalog = catalog("{rates: {input: 1, output: 0}}");
    let partial = priced(&catalog, &now(), &[(Bucket::Input, 1), (Bucket::WebSearch, 1)]);
    assert_eq!((partial.status, partial.total.get()), (Status::Partial, 1_000_000));
    assert_eq!(partial.explanation(), "no rate for web_search");
    let nothing = priced(&catalog, &now(), &[(Bucket::Pages, 1)]);
    assert_eq!((nothing.status, nothing.cost()), (Status::UnknownModel, None), "unknown is never zero");
    let free = priced(&catalog, &now(), &[(Bucket::Output, 9)]);
    assert_eq!((free.status, free.cost()), (Status::Free, Some(Picodollars::ZERO)));
    let absurd = priced(&catalog, &now(), &[(Bucket::Input, u64::MAX)]);
    assert_eq!((absurd.status, absurd.cost()), (Status::Implausible, None));
    assert_eq!(Receipt::no_usage().cost(), None);
}

#[test]
fn what_is_not_in_the_catalog_is_said() {
    let catalog = Catalog::embedded();
    let receipt = |provider, served| {
        let found = catalog.resolve(&ModelQuery { provider, served, ..ModelQuery::default() });
        let receipt = catalog.receipt(&found, &now(), &usage(&[(Bucket::Input, 1)]));
        assert_eq!(receipt.cost().is_some(), receipt.status.has_cost());
        (
            receipt.status,
            receipt.explanation().into_owned(),
            receipt.provider.map(|id| catalog.provider(id).id()),
        )
    };
    let unknown = "model not in catalog; add it to a price file".to_owned();
    assert_eq!(receipt("openai", "gpt-99"), (Status::UnknownModel, unknown.clone(), Some("openai")));
    assert_eq!(receipt("", "gpt-99"), (Status::UnknownModel, unknown, None));
    let (status, reason, _) = receipt("acme", "acme-1");
    assert_eq!(
        (status, reason.as_str()),
        (Status::UnknownProvider, "provider not in catalog; add it to a price file")
    );
    // Priced by OpenAI's list, billed by Azure.
    assert_eq!(receipt("azure", "gpt-5-mini").2, Some("azure"));
}

#[test]
fn a_model_without_prices_is_unknown() {
    let receipt = priced(&catalog("{}"), &now(), &[(Bucket::Input, 1)]);
    assert_eq!((receipt.status, receipt.cost()), (Status::UnknownModel, None));
    assert_eq!(receipt.explanation(), "no price in catalog");
}

#[test]
fn a_call_is_a_request() {
    let catalog = catalog("{rates: {input: 1, requests: 14}}");
    assert_eq!(priced(&catalog, &now(), &[(Bucket::Input, 1)]).total.to_string(), "0.014001");
    assert_eq!(
        priced(&catalog, &now(), &[(Bucket::Input, 1), (Bucket::Requests, 2)]).total.to_string(),
        "0.028001"
    );
}

#[test]
fn later_layers_replace_models_and_win_names() {
    let layer = |yaml: &str| ("layer", CatalogFile::from_yaml("layer", yaml).unwrap());
    let catalog = Catalog::from_layers([
        layer(
            "{source: list, version: '1', date: 2026-11-10, providers: {p: {names: [q], models: {
            m: {rates: {input: 1}}, n: {rates: {input: 2}, match: [x]}}}}}",
        ),
        layer(
            "{source: mine, providers: {p: {models: {
            m: {rates: {input: 3}, match: ['x*']}, o: {rates: {input: 4}, match: x}}}}}",
        ),
    ])
    .unwrap();
    assert_eq!(catalog.source(), "list + mine");
    assert_eq!(catalog.date().unwrap().to_string(), "2026-11-10");
    let model = |served| {
        catalog.resolve(&ModelQuery { provider: "q", served, ..ModelQuery::default() }).model.unwrap()
    };
    assert_eq!(
        catalog.price(model("m"), &now(), &usage(&[(Bucket::Input, 1_000_000)])).total.to_string(),
        "3"
    );
    assert_eq!(catalog.model(model("x")).id(), "o");
    assert_eq!(catalog.model(model("n")).id(), "n");
    assert_eq!(catalog.model(model("xy")).id(), "m");
}

#[test]
fn json_and_yaml_are_one_shape() {
    let json = r#"{"providers": {"p": {"models": {"m": {"rates": {"input": 0.075, "output": "0.3"}, "when": [{"over": 5, "rates": {"output": null}}]}}}}}"#;
    let a = CatalogFile::from_json("a", json).unwrap();
    let b = CatalogFile::from_yaml("b", json).unwrap();
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

proptest! {
    /// Guarantees: no name can make matching panic, and a variant's mark never leads to another model.
    #[test]
    fn any_name_can_be_asked(
        provider in "(openai|aws\\.bedrock|azure|openrouter||\\PC{0,8})",
        served in "(us\\.|models/|ft:)?(gpt-5-mini|claude-opus-5|\\PC{0,12})(-2026|@|-0[0-9]|:0|-v[12]|-é|-\\PC{0,10}){0,3}",
    ) {
        let query = ModelQuery { provider: &provider, served: &served, ..ModelQuery::default() };
        let found = Catalog::embedded().resolve(&query);
        prop_assert_eq!(found.model.is_some(), found.model_by.is_some());
    }

    /// Guarantees: the total is the sum of the lines, a cost exists exactly where the status says so, and no bucket is
    /// lost: each has a line or is named as unpriced.
    #[test]
    fn nothing_is_lost_on_a_receipt(
        nth in any::<prop::sample::Index>(),
        quantities in prop::collection::vec(0u64..2_000_000, Bucket::COUNT),
        tier in "(|flex|priority|fast|batch|other)",
        end_unix_nano in 1_700_000_000_000_000_000u64..1_900_000_000_000_000_000,
    ) {
        let catalog = Catalog::embedded();
        let (model, entry) = catalog.models().nth(nth.index(catalog.models().count())).unwrap();
        let mut used = Usage::default();
        for (bucket, quantity) in Bucket::ALL.into_iter().zip(quantities) {
            used[bucket] = quantity;
        }
        let conditions = Conditions { end_unix_nano, tier_served: &tier, ..Conditions::default() };
        let receipt = catalog.price(model, &conditions, &used);
        prop_assert_eq!(receipt.cost().is_some(), receipt.status.has_cost());
        prop_assert_eq!(Some(receipt.total), receipt.lines.iter().map(Line::amount).sum());
        if entry.is_priced() {
            let unpriced = if let Reason::NoRate(buckets) = receipt.reason { buckets.iter().count() } else { 0 };
            prop_assert_eq!(receipt.lines.len() + unpriced, used.richness());
        } else {
            prop_assert_eq!(receipt.status, Status::UnknownModel);
        }
    }
}
