//! The example of the format, and what calls cost by it.

use super::*;

const EXAMPLE: &str = include_str!("../../../tests/fixtures/prices/example.yaml");

fn layered() -> Catalog {
    let example = CatalogFile::from_yaml("example.yaml", EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    let layers = [("embedded", Catalog::embedded_file().unwrap()), ("example.yaml", example)];
    Catalog::from_layers(layers).unwrap_or_else(|error| panic!("{error}"))
}

/// Provider, model, time, tier, and whether it was part of a batch.
type Call = (&'static str, &'static str, &'static str, &'static str, bool);

/// What it used.
type Used = &'static [(Bucket, u64)];

/// Scenario: the example's file over the embedded catalog; calls that meet each of its conditions.
/// Guarantees: their costs, worked out by hand.
#[test]
fn calls_cost_what_the_example_says() {
    use Bucket::*;
    let catalog = layered();
    let small: Used = &[(Input, 100_000), (CacheRead, 100_000), (Output, 10_000), (WebSearch, 2)];
    let over: Used = &[(Input, 200_000), (CacheRead, 72_001), (Output, 10_000)];
    let just: Used = &[(Input, 200_000), (CacheRead, 72_000), (Output, 10_000)];
    let both: Used = &[(Input, 1_000_000), (Output, 1_000_000)];
    let (sol, flash) = ("gpt-5.6-sol", "deepseek-v4-flash");
    let sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let cases: [(Call, Used, &str); 17] = [
        // 0.5 + 0.05 + 0.3 + 0.02
        (("openai", sol, "2026-06-30T12:00:00Z", "", false), small, "0.87"),
        // Negotiated: × 0.88, searches too.
        (("openai", "gpt-5.6", "2026-07-01T00:00:00Z", "", false), small, "0.7656"),
        // The price of 2026-08-21: 0.4 + 0.04 + 0.2 + 0.02, × 0.88.
        (("openai", "gpt-5.6-sol-2026-05-01", "2026-08-21T00:00:00Z", "", false), small, "0.5808"),
        // `x` is for tokens: 0.64 × 2 + 0.02; 0.64 × 0.5 + 0.02; flex and batch 0.64 × 0.25 + 0.02.
        (("openai", sol, "2026-08-21T00:00:00Z", "fast", false), small, "1.144"),
        (("openai", sol, "2026-08-21T00:00:00Z", "flex", false), small, "0.2992"),
        (("openai", sol, "2026-08-21T00:00:00Z", "flex", true), small, "0.1584"),
        // Over 272,000: 2 + 0.072001 + 0.45; and just not: 1 + 0.036 + 0.3.
        (("openai", sol, "2026-01-01T00:00:00Z", "", false), over, "2.522001"),
        (("openai", sol, "2026-01-01T00:00:00Z", "", false), just, "1.336"),
        // Over, and after the change: (1.6 + 0.0576008 + 0.3) × 0.88.
        (("openai", sol, "2026-09-01T00:00:00Z", "", false), over, "1.722688704"),
        // Azure's deployment, by the alias, at OpenAI's list without OpenAI's discount.
        (("azure", "my-prod-gpt", "2026-07-01T00:00:00Z", "", false), small, "0.87"),
        (("deepseek", flash, "2026-09-09T02:00:00Z", "", false), both, "0.42"),
        // 2026-09-10 is a Thursday; the 12th a Saturday.
        (("deepseek", flash, "2026-09-10T02:00:00Z", "", false), both, "1.5"),
        (("deepseek", flash, "2026-09-10T04:00:00Z", "", false), both, "0.75"),
        (("deepseek", flash, "2026-09-12T02:00:00Z", "", false), both, "0.75"),
        // The region stands in the profile's name.
        (
            ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-07-01T00:00:00Z", "", false),
            both,
            "19.8",
        ),
        (("aws", sonnet, "2026-07-01T00:00:00Z", "", false), both, "18"),
        // 2.49 × 4 / 3600 / 3000, and four times that.
        (("vllm", "llama-3.3-70b", "2026-07-01T00:00:00Z", "", false), both, "4.611111111111"),
    ];
    for ((provider, served, time, tier_served, batch), used, cost) in cases {
        let at: jiff::Timestamp = time.parse().unwrap();
        let end_unix_nano = at.as_nanosecond() as u64;
        let conditions = Conditions { end_unix_nano, tier_served, batch, ..Conditions::default() };
        let found = catalog.resolve(&ModelQuery { provider, served, ..ModelQuery::default() });
        let receipt = catalog.receipt(&found, &conditions, &usage(used));
        assert_eq!(receipt.status, Status::Priced, "{served}");
        assert_eq!(receipt.total.to_string(), cost, "{served} {time} {:?}", catalog.conditions(&receipt));
    }
    let found = catalog.resolve(&ModelQuery { provider: "aws", served: sonnet, ..ModelQuery::default() });
    assert_eq!(catalog.model(found.model.unwrap()).retires().unwrap().to_string(), "2026-11-30");
}
