//! What calls of variants cost, and what their receipts say.

use super::*;
use crate::pricing::{Catalog, CatalogFile, Flags, ModelQuery};

/// Models of the three places that mark variants.
const LIST: &str = "
providers:
  openrouter:
    models:
      a/plain: {rates: {input: 1, output: 2}}
      a/searches: {rates: {input: 1, output: 2, web_search: 10}}
      a/batches: {rates: {input: 1, output: 2}, when: [{batch: true, x: 0.5}]}
      a/each: {rates: {input: 1, requests: 5}}
      a/listed: {rates: {input: 1}}
      'a/listed:thinking': {rates: {input: 4}}
      'a/given:free': {rates: {input: 0, output: 0}}
  openai:
    names: [azure-as-openai]
    models:
      gpt-9: {rates: {input: 1, output: 2}}
      'ft:gpt-9-2026-01-02': {rates: {input: 3, output: 6}}
  azure:
    fallback: [openai]
    models:
      own: {rates: {input: 1}}
      'ft:own': {rates: {input: 1.5}}
  aws:
    models:
      meta.llama-9: {rates: {input: 1}, when: [{region: [us, eu], x: 1.1}]}
      regional.acme.x-1: {match: [acme.x-1, us.acme.x-1], rates: {input: 1.1}}
      regional.acme.y-1: {match: [acme.y-1], rates: {input: 1.1}}
      global.acme.y-1: {rates: {input: 1}}
";

fn receipt(query: ModelQuery<'_>, used: &[(Bucket, u64)]) -> Receipt {
    let catalog = Catalog::from_layers([("test", CatalogFile::from_yaml("test", LIST).unwrap())]).unwrap();
    let mut usage = Usage::default();
    for (bucket, quantity) in used {
        usage[*bucket] = *quantity;
    }
    catalog.receipt(&catalog.resolve(&query), &Conditions::default(), &usage)
}

/// Status, cost and explanation of a call with a million input tokens.
fn said(provider: &str, served: &str) -> (Status, String, String) {
    let query = ModelQuery { provider, served, ..ModelQuery::default() };
    let receipt = receipt(query, &[(Bucket::Input, 1_000_000)]);
    let cost = receipt.cost().map_or("-".to_owned(), |cost| cost.to_string());
    (receipt.status, cost, receipt.explanation().to_string())
}

/// Scenario: one call of each kind of variant, and of variants of variants.
/// Guarantees: each costs what its rule says, and its receipt names the rule; what has a price of its own has no other.
#[test]
fn each_variant_costs_what_its_rule_says() {
    use Status::*;
    for (provider, name, status, cost, why) in [
        ("openrouter", "a/plain:free", Free, "0", "variant :free: no charge for tokens"),
        ("openrouter", "a/each:free", Free, "0", "variant :free: no charge for tokens"),
        ("openrouter", "a/given:free", Free, "0", ""),
        ("openrouter", "openrouter/A/Plain:Free", Free, "0", "variant :free: no charge for tokens"),
        ("openrouter", "a/batches:batch", Priced, "0.5", "variant :batch: batch price"),
        ("openrouter", "a/plain:batch", UnknownModel, "-", "variant :batch: no batch price in catalog"),
        (
            "openrouter",
            "a/plain:online",
            Partial,
            "1",
            "web searches not counted; variant :online: web searches cost extra",
        ),
        ("openrouter", "a/plain:free:online", UnknownModel, "-", "web searches not counted"),
        ("openrouter", "a/given:free:online", UnknownModel, "-", "web searches not counted"),
        ("openrouter", "a/listed:thinking", Priced, "4", ""),
        (
            "openrouter",
            "a/plain:thinking",
            UnknownModel,
            "-",
            "variant :thinking: a price of its own, not in catalog",
        ),
        ("openrouter", "a/none:thinking", UnknownModel, "-", "model not in catalog; add it to a price file"),
        ("openai", "gpt-9:free", UnknownModel, "-", "model not in catalog; add it to a price file"),
        ("openai", "gpt-9[1m]", Priced, "1", "variant [1m]: same model, long context by its tokens"),
        (
            "openai",
            "ft:gpt-9-2026-01-02:acme::a1",
            Priced,
            "3",
            "variant fine-tune: price of the fine-tuned base",
        ),
        (
            "openai",
            "openai/ft:gpt-9:acme::a1",
            UnknownModel,
            "-",
            "variant fine-tune: no price of the fine-tuned base in catalog",
        ),
        ("azure", "own.ft-0123", Priced, "1.5", "variant fine-tune: price of the fine-tuned base"),
        (
            "azure",
            "gpt-9-2026-01-02.ft-0123",
            UnknownModel,
            "-",
            "variant fine-tune: no price of the fine-tuned base in catalog",
        ),
        ("aws", "us.meta.llama-9", Priced, "1.1", ""),
        ("aws", "bedrock/global.meta.llama-9", Priced, "1", "variant global.: price of region global"),
        (
            "aws",
            "global.meta.llama-9[1m]",
            Priced,
            "1",
            "variant [1m]: same model, long context by its tokens; variant global.: price of region global",
        ),
        (
            "aws",
            "global.acme.x-1",
            UnknownModel,
            "-",
            "variant global.: no price of region global in catalog",
        ),
        ("aws", "global.acme.y-1", Priced, "1", ""),
    ] {
        assert_eq!(said(provider, name), (status, cost.to_owned(), why.to_owned()), "{name}");
    }
}

/// Scenario: a call with `:online` that tells how often it searched.
/// Guarantees: the searches are priced, where they have a price; of a free model they are all that costs.
#[test]
fn counted_searches_are_priced() {
    let used = [(Bucket::Input, 1_000_000), (Bucket::WebSearch, 2)];
    let of = |served| {
        let receipt = receipt(ModelQuery { provider: "openrouter", served, ..ModelQuery::default() }, &used);
        (receipt.status, receipt.total.to_string())
    };
    assert_eq!(of("a/searches:online"), (Status::Priced, "1.02".to_owned()));
    assert_eq!(of("a/searches:free:online"), (Status::Priced, "0.02".to_owned()));
    assert_eq!(of("a/plain:online"), (Status::Partial, "1".to_owned()));
}

/// Scenario: the response names the model without what the request said, or serves a fine-tune.
/// Guarantees: what the request said counts where both are one model; a fine-tune never has the asked base's price.
#[test]
fn what_the_response_leaves_out_is_not_lost() {
    let of = |provider, served, asked| {
        receipt(ModelQuery { provider, served, asked, host: "" }, &[(Bucket::Input, 1_000_000)])
    };
    assert_eq!(of("openrouter", "a/plain", "a/plain:free").status, Status::Free);
    assert_eq!(of("openrouter", "a/plain", "openrouter/a/plain:online").status, Status::Partial);
    assert_eq!(of("openrouter", "a/plain:free", "a/plain").status, Status::Free);
    assert_eq!(of("aws", "llama-9", "us.meta.llama-9-v1:0").status, Status::Priced);
    assert_eq!(of("aws", "meta.llama-9", "us.meta.llama-9").total.to_string(), "1.1");
    let tuned = of("azure", "gpt-9.ft-0123", "gpt-9");
    assert_eq!(tuned.reason, Reason::VariantHasNoPrice(Variant::FineTune));
    assert_eq!(tuned.flags, Flags::default());
    let deployed = of("azure", "gpt-9", "prod-gpt-9");
    assert_eq!((deployed.status, deployed.flags.asked_model), (Status::Priced, false));
}

/// Scenario: a regional profile called from another region than the one it names.
/// Guarantees: the profile says what is billed.
#[test]
fn a_profile_says_the_region() {
    let catalog = Catalog::from_layers([("test", CatalogFile::from_yaml("test", LIST).unwrap())]).unwrap();
    let mut usage = Usage::default();
    usage[Bucket::Input] = 1_000_000;
    let of = |served| {
        let found = catalog.resolve(&ModelQuery { provider: "aws", served, ..ModelQuery::default() });
        let conditions = Conditions { region: "eu", ..Conditions::default() };
        catalog.receipt(&found, &conditions, &usage).total.to_string()
    };
    assert_eq!([of("meta.llama-9"), of("global.meta.llama-9")], ["1.1", "1"]);
}

/// Scenario: a mark said twice; names as long as names may be, of marks and routes and dates over and over.
/// Guarantees: they are nobody's, each mark is looked below only once.
#[test]
fn marks_without_end_are_no_name() {
    let catalog = Catalog::embedded();
    let found = |served: &str| {
        let query = ModelQuery { provider: "openrouter", served, ..ModelQuery::default() };
        catalog.resolve(&query).model.is_some()
    };
    assert!(found("openai/gpt-4o:free:online") && found("openai/gpt-4o[1m]:online:free"));
    for twice in ["openai/gpt-4o:free:free", "openai/gpt-4o:free:online:free"] {
        assert!(!found(twice), "{twice}");
    }
    for part in [":free", ":free:online:batch", "[1m]", "global.", "bedrock/"] {
        let marks = part.repeat(500 / part.len());
        assert!(!found(&format!("gpt-4o{marks}")) && !found(&marks), "{part}");
        assert!(!found(&format!("{marks}gpt-4o")), "{part}");
    }
}
