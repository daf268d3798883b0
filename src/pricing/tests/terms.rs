//! What a user's own file says beside list prices: GPUs, adjustments, currencies, layers.

use super::*;

/// A catalog of one YAML text, named `prices.yaml`.
fn from(yaml: &str) -> Catalog {
    let file = CatalogFile::from_yaml("prices.yaml", yaml).unwrap_or_else(|error| panic!("{error}"));
    Catalog::from_layers([("prices.yaml", file)]).unwrap_or_else(|error| panic!("{error}"))
}

fn receipt(catalog: &Catalog, provider: &str, served: &str, at: u64, used: &[(Bucket, u64)]) -> Receipt {
    let found = catalog.resolve(&ModelQuery { provider, served, ..ModelQuery::default() });
    let conditions = Conditions { end_unix_nano: at, ..Conditions::default() };
    catalog.receipt(&found, &conditions, &usage(used))
}

const MILLION: u64 = 1_000_000;

/// Scenario: GPUs at a price whose share of a token has no end, output four times as slow as input.
/// Guarantees: rates are the exact quotient, rounded once; the receipt says that they are an estimate, and of what.
#[test]
fn gpus_make_the_rates_of_tokens() {
    let catalog = from(
        "providers: {own: {models: {
            llama: {gpu: {per_hour: 2.49, count: 4, tokens_per_second: 3000, output_weight: 4}},
            plain: {gpu: {per_hour: 3.6, tokens_per_second: 1000}},
            cached: {rates: {cache_read: 0, web_search: 5}, gpu: {per_hour: 3.6, tokens_per_second: 1000},
                     when: [{from: 2026-01-01, rates: {output: 3}}, {batch: true, x: 0.5}]}}}}",
    );
    let used = [(Bucket::Input, MILLION), (Bucket::Reasoning, MILLION)];
    let llama = receipt(&catalog, "own", "llama", TODAY, &used);
    // 2.49 × 4 / 3600 / 3000 × 10^6 = 0.9222…, and four times that.
    assert_eq!(llama.lines[0].amount().to_string(), "0.922222222222");
    assert_eq!(llama.lines[1].amount().to_string(), "3.688888888889");
    assert_eq!((llama.status, llama.lines[1].rate_of), (Status::Priced, Bucket::Output));
    assert_eq!(llama.explanation(), "rates estimated from the price of GPUs");
    let words = "estimated: 4 GPUs at 2.49 an hour, 3000 tokens a second, output weighs 4";
    assert_eq!(catalog.conditions(&llama), [words]);
    assert_eq!(catalog.line_conditions(&llama, &llama.lines[1]), [words]);

    let both = [(Bucket::Input, MILLION), (Bucket::Output, MILLION)];
    let plain = receipt(&catalog, "own", "plain", TODAY, &both);
    assert_eq!(plain.lines.iter().map(|line| line.rate.to_string()).collect::<Vec<_>>(), ["1", "1"]);

    let used = [(Bucket::Input, MILLION), (Bucket::CacheRead, MILLION), (Bucket::Output, MILLION)];
    let cached = receipt(&catalog, "own", "cached", TODAY, &used);
    assert_eq!(cached.total.to_string(), "4", "other rates stand beside, and later ones win");
    let conditions = cached.lines.iter().map(|line| catalog.line_conditions(&cached, line).join("; "));
    assert_eq!(
        conditions.collect::<Vec<_>>(),
        ["estimated: 1 GPU at 3.6 an hour, 1000 tokens a second, output weighs 1", "", "from 2026-01-01"]
    );
}

const ADJUSTED: &str = "
providers:
  openai:
    models:
      gpt-9: {rates: {input: 10, web_search: 10}, when: [{tier: flex, x: 0.5}]}
      gpt-8: {rates: {input: 10}}
  azure: {fallback: openai, models: {}}
aliases: {azure/my-ptu-2: openai/gpt-9}
adjust:
  - {provider: openai, x: 0.88, from: 2026-07-01, until: 2027-07-01, note: negotiated}
  - {provider: openai, model: gpt-9, x: 0.5}
  - {provider: azure, model: 'my-ptu-*', x: 0, fixed_per_month: 18000, note: provisioned throughput}
";

/// Scenario: a discount with dates, and another one for one model.
/// Guarantees: it holds from its first moment to before its last, multiplies with the other one and with the list's own
/// factors, on searches too; the receipt names it.
#[test]
fn adjustments_multiply_the_finished_price() {
    let catalog = from(ADJUSTED);
    let cost = |served, at: &str| {
        let at: jiff::Timestamp = at.parse().unwrap();
        let at = at.as_nanosecond() as u64;
        receipt(&catalog, "openai", served, at, &[(Bucket::Input, MILLION)]).total.to_string()
    };
    assert_eq!(cost("gpt-8", "2026-06-30T23:59:59.999Z"), "10");
    assert_eq!(cost("gpt-8", "2026-07-01T00:00:00Z"), "8.8");
    assert_eq!(cost("gpt-8", "2027-06-30T23:59:59Z"), "8.8");
    assert_eq!(cost("gpt-8", "2027-07-01T00:00:00Z"), "10");
    assert_eq!(cost("gpt-9", "2026-07-01T00:00:00Z"), "4.4");

    let found = catalog.resolve(&ModelQuery { provider: "openai", served: "GPT-9", ..ModelQuery::default() });
    let flex = Conditions { tier_served: "flex", ..now() };
    let used = usage(&[(Bucket::Input, MILLION), (Bucket::WebSearch, 100)]);
    let receipt = catalog.receipt(&found, &flex, &used);
    let amounts: Vec<String> = receipt.lines.iter().map(|line| line.amount().to_string()).collect();
    assert_eq!(amounts, ["2.2", "0.44"], "10 x 0.5 x 0.88 x 0.5, and 1 x 0.88 x 0.5");
    assert_eq!(catalog.list_price(&receipt, &receipt.lines[0]).to_string(), "2.2");
    assert_eq!(catalog.unit_price(&receipt, &receipt.lines[1]).to_string(), "0.0044");
    let negotiated = "adjusted x 0.88 from 2026-07-01 until 2027-07-01 (negotiated)";
    assert_eq!(catalog.line_conditions(&receipt, &receipt.lines[1]), [negotiated, "adjusted x 0.5"]);
    assert_eq!(catalog.conditions(&receipt), ["tier flex, rates x 0.5", negotiated, "adjusted x 0.5"]);
    // By the list, it is another price.
    let model = receipt.model.unwrap();
    assert_eq!(catalog.price(model, &flex, &used).total.to_string(), "6");
}

/// Scenario: deployments with provisioned throughput, one with an alias and one that the catalog does not know.
/// Guarantees: both are free, because nothing is billed by the call; what is paid by the month is shown, and on no
/// receipt; other deployments of the provider are not touched.
#[test]
fn provisioned_throughput_is_free_by_the_call() {
    let catalog = from(ADJUSTED);
    let used = [(Bucket::Input, MILLION), (Bucket::Pages, 3)];
    for served in ["my-ptu-1", "my-ptu-2", "azure/My-PTU-2"] {
        let receipt = receipt(&catalog, "azure", served, TODAY, &used);
        assert_eq!((receipt.status, receipt.cost()), (Status::Free, Some(Picodollars::ZERO)), "{served}");
        let note = "adjusted x 0, beside $18000 a month (provisioned throughput)";
        assert_eq!(catalog.conditions(&receipt), [note]);
    }
    assert_eq!(receipt(&catalog, "azure", "other", TODAY, &used).status, Status::UnknownModel);
    let other = receipt(&catalog, "azure", "gpt-8", TODAY, &used[..1]);
    assert_eq!(other.total.to_string(), "10", "it is Azure's bill, not OpenAI's");
    let fixed = catalog.adjustments().iter().filter_map(Adjustment::fixed_per_month);
    assert_eq!(fixed.map(|dollars| dollars.to_string()).collect::<Vec<_>>(), ["18000"]);
}

/// Scenario: a file in euros, with rates that do not end in dollars.
/// Guarantees: every amount is converted exactly and rounded once; factors are not; the layer says so.
#[test]
fn another_currency_is_converted_at_its_stated_rate() {
    let catalog = from(
        "{currency: EUR, usd_per_unit: '1.0853', version: '7', providers: {p: {models: {
            m: {rates: {input: 2, output: 0.333333333333}, when: [{batch: true, x: 0.5, rates: {output: 1}}]},
            g: {gpu: {per_hour: 1, tokens_per_second: 1000}}}}},
          adjust: [{provider: p, x: 1, fixed_per_month: 100}]}",
    );
    let prices = |batch| {
        let used = [(Bucket::Input, MILLION), (Bucket::Output, MILLION)];
        let receipt = priced(&catalog, &Conditions { batch, ..now() }, &used);
        receipt.lines.iter().map(|line| catalog.list_price(&receipt, line).to_string()).collect::<Vec<_>>()
    };
    // 0.333333333333 × 1.0853 = 0.3617666666663049
    assert_eq!(prices(false), ["2.1706", "0.361766666666"]);
    assert_eq!(prices(true), ["1.0853", "0.54265"]);
    let receipt = receipt(&catalog, "p", "g", TODAY, &[(Bucket::Input, MILLION)]);
    assert_eq!(receipt.total.to_string(), "0.301472222222", "1.0853 / 3.6");
    assert_eq!(catalog.origin(&receipt).unwrap().to_string(), "prices.yaml (version 7, EUR at 1.0853 USD)");
    assert_eq!(catalog.adjustments()[0].fixed_per_month().unwrap().to_string(), "108.53");
}

/// Scenario: a user's file over the embedded list.
/// Guarantees: a receipt names the layer and the version that its rates come from.
#[test]
fn a_receipt_names_its_layer() {
    let mine = CatalogFile::from_yaml(
        "mine.yaml",
        "{source: contract, version: '12', providers: {openai: {models: {
            gpt-5-mini: {rates: {input: 1, output: 1}}}}}}",
    );
    let layers = [("embedded", Catalog::embedded_file().unwrap()), ("mine.yaml", mine.unwrap())];
    let catalog = Catalog::from_layers(layers).unwrap();
    let origin = |served| {
        let receipt = receipt(&catalog, "openai", served, TODAY, &[(Bucket::Input, 1)]);
        catalog.origin(&receipt).unwrap().clone()
    };
    let listed = origin("gpt-4o");
    assert_eq!(listed.origin(), "embedded");
    assert_eq!(listed.source(), Some(Catalog::embedded().source()));
    assert_eq!(listed.version(), Some(Catalog::embedded().version()));
    assert_eq!(origin("gpt-5-mini").to_string(), "mine.yaml (contract, version 12)");
    let unknown = receipt(&catalog, "openai", "gpt-99", TODAY, &[(Bucket::Input, 1)]);
    assert_eq!(catalog.origin(&unknown), None);
}
