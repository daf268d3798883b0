//! Prices and names against genai-prices' own answers. See `tests/fixtures/oracle/README.md`.
//!
//! The committed rows are a sample. `PRICETAG_ORACLE=/path/to/oracle cargo test --test it oracle -- --nocapture` runs whole
//! files instead, and prints what differs.

use std::collections::BTreeMap;

use pricetag::genai::counts::{Counts, Means};
use pricetag::pricing::decimal::Decimal;
use pricetag::pricing::{Catalog, Conditions, ModelQuery, Picodollars, Resolution};
use serde_json::{Value, json};

use crate::support::command::pricetag_with;
use crate::support::oracle::{rows, text};

fn resolve(row: &Value) -> Resolution {
    let query = ModelQuery {
        provider: text(row, "provider"),
        served: text(row, "model_ref"),
        ..ModelQuery::default()
    };
    Catalog::embedded().resolve(&query)
}

/// DeepSeek's rates outside of peak hours, since when, in picodollars a token: input, cache read, output.
/// (<https://api-docs.deepseek.com/quick_start/pricing>, as genai-prices 0.2.3 has them)
const DEEPSEEK: [(&str, &str, [i128; 3]); 6] = [
    ("deepseek-flash", "", [150_000, 3_000, 600_000]),
    ("deepseek-v4-flash", "2026-09-10", [150_000, 3_000, 600_000]),
    ("deepseek-v4-flash", "2026-08-17", [220_000, 7_000, 660_000]),
    ("deepseek-v4-flash", "", [140_000, 2_800, 280_000]),
    ("deepseek-v4-pro", "2026-08-17", [660_000, 22_000, 1_980_000]),
    ("deepseek-v4-pro", "", [435_000, 3_625, 870_000]),
];

/// The right cost of a row to which they apply DeepSeek's peak hours at a weekend, or before the rule's day; `None` for all
/// other rows.
fn without_peak(row: &Value) -> Option<Picodollars> {
    let (day, time) = text(row, "timestamp").split_once('T')?;
    let peak = ("01".."04").contains(&&time[..2]) || ("06".."10").contains(&&time[..2]);
    let weekday = day.parse::<jiff::civil::Date>().unwrap().weekday();
    let weekend = matches!(weekday, jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
    // From then on every day; since the tenth of September on workdays.
    let daily = "2026-08-17".."2026-09-10";
    let rule = if day < daily.end { day < daily.start } else { weekend };
    if text(row, "table_provider") != "deepseek" || !peak || !rule {
        return None;
    }
    let holds = |(model, since, _): &&(&str, &str, _)| *model == text(row, "matched_model") && *since <= day;
    let (_, _, [input, cache_read, output]) = DEEPSEEK.iter().find(holds)?;
    let used = |key: &str| i128::from(row["usage"][key].as_u64().unwrap_or_default());
    let cached = used("cache_read_tokens");
    let fresh = used("input_tokens") - cached;
    Some(Picodollars::new(fresh * input + cached * cache_read + used("output_tokens") * output))
}

/// What they did that we do not do, on purpose (PRICING.md), where what we say instead is right.
fn known_defect(row: &Value, ours: &Value) -> Option<&'static str> {
    let (status, total) = (text(ours, "status"), cost(ours, "total"));
    if row["priced"] == false {
        return (status == "unknown_model" && total.is_none()).then_some("an unpriced model at zero");
    }
    if let Some(right) = without_peak(row) {
        return (total == Some(right)).then_some("peak hours at weekends and before they began");
    }
    let tokens = ["input_tokens", "cache_read_tokens"].iter().any(|key| row["usage"][key].as_u64() > Some(0));
    if tokens && row["prices"].get("input_mtok").is_none() {
        // They say nothing that the priced part could be compared with.
        let zero = cost(row, "total_cost") == Some(Picodollars::new(0));
        let unknown = matches!(status, "unknown_model" | "partial") && total.is_none();
        let said = text(ours, "reason").starts_with("no rate for ");
        return (zero && unknown && said).then_some("tokens without any rate at zero");
    }
    None
}

/// A row as `quote` takes it.
fn record(row: &Value) -> String {
    let record = json!({
        "provider": row["provider"], "model": row["model_ref"], "time": row["timestamp"],
        "context": row["price_context"], "usage": row["usage"],
    });
    format!("{record}\n")
}

/// A cost at twelve decimals; `None` where there is none.
fn cost(row: &Value, key: &str) -> Option<Picodollars> {
    let cost: Decimal = row[key].as_str()?.parse().unwrap();
    Some(Picodollars::new(cost.rounded(12).at_scale(12).unwrap()))
}

/// Scenario: every row of the price oracle, through `pricetag quote`.
/// Guarantees: a line out for each line in; the same cost at 12 decimals, except where the oracle is known to be
/// wrong, and there the right one, or none and why; input and output the same where the oracle tells them apart; an unpriced model is never zero.
#[test]
fn costs_are_the_oracles() {
    let rows = rows("oracle_genai_prices.jsonl");
    let records: String = rows.iter().map(record).collect();
    let quoted = pricetag_with(&["quote"], &[], records.as_bytes());
    assert_eq!((quoted.code, quoted.err.as_str()), (Some(0), ""));
    let answers: Vec<Value> = quoted.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), rows.len());

    let mut equal = 0;
    let mut defects: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (row, ours) in rows.iter().zip(&answers) {
        let total = cost(ours, "total");
        if row.get("error").is_some() {
            // They refuse parts without a whole; we price the parts.
            if text(row, "kind") == "unknown" {
                assert_eq!((text(ours, "status"), total), ("unknown_model", None), "{row}");
            }
            continue;
        }
        let differs = |ours_key, key| row.get(key).is_some() && cost(ours, ours_key) != cost(row, key);
        if total == cost(row, "total_cost") && row["priced"] == true {
            equal += 1;
            if differs("input", "input_cost") || differs("output", "output_cost") {
                wrong.push(format!("input or output: {ours} {row}"));
            }
        } else if let Some(defect) = known_defect(row, ours) {
            *defects.entry(defect).or_default() += 1;
        } else {
            wrong.push(format!("{ours} {row}"));
        }
    }
    eprintln!("prices: {equal} equal, {defects:?}, {} wrong", wrong.len());
    for wrong in &wrong {
        eprintln!("  {wrong}");
    }
    assert!(wrong.is_empty(), "{} rows differ", wrong.len());
}

/// What the receipt of a call of 1,000 tokens each way says of a variant's rule.
fn rule(row: &Value, resolution: &Resolution) -> String {
    let catalog = Catalog::embedded();
    let counts = Counts { input: Some(1_000), output: Some(1_000), ..Counts::default() };
    let usage = counts.disjoint(Means::default()).usage;
    let now = Conditions { end_unix_nano: 1_795_380_559_000_000_000, ..Conditions::default() };
    let receipt = catalog.receipt(resolution, &now, &usage);
    let own_entry = resolution.variants.is_empty() && resolution.model.is_some();
    let why = if own_entry { "an entry of its own".to_owned() } else { receipt.explanation().to_string() };
    let base = resolution.model.map(|model| catalog.model(model).id()) == row["expected_model"].as_str();
    assert!(!base || !resolution.variants.is_empty(), "taken for its base: {row}");
    format!("{}: {} {why}", text(row, "transform"), receipt.status)
}

/// Scenario: every row of the name oracle.
/// Guarantees: at least 97 % of names that should resolve do, none wrongly; no deployment's alias resolves; a variant is
/// an entry of its own, or priced or refused by a rule that its receipt names.
#[test]
fn names_are_the_oracles() {
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows("oracle_match.jsonl") {
        let resolution = resolve(&row);
        let catalog = Catalog::embedded();
        let provider = resolution.provider.map(|provider| catalog.provider(provider).id());
        let model = resolution.model.map(|model| catalog.model(model).id());
        let expected = (row["expected_provider"].as_str(), row["expected_model"].as_str());
        let class = match (text(&row, "class"), text(&row, "transform")) {
            ("resolve", "identity_unknown_to_genai") => "without expectation",
            (class, _) => class,
        };
        if class == "variant" {
            let rule = rule(&row, &resolution);
            assert!(rule.contains("variant ") || rule.contains("entry of its own"), "no rule: {rule} {row}");
            *rules.entry(rule).or_default() += 1;
            continue;
        }
        // A reseller's model stands in the list of its source.
        let list = resolution.model.map(|model| catalog.provider(catalog.model(model).provider()).id());
        let right = model == expected.1 && (provider == expected.0 || list == expected.0);
        let verdict = match (class, model) {
            (_, None) => "unknown",
            ("without expectation", Some(_)) => "some",
            (_, Some(_)) if right && resolution.variants.is_empty() => "right",
            _ => "wrong",
        };
        *tally.entry(format!("{class}: {verdict}")).or_default() += 1;
        if !matches!((class, verdict), ("resolve", "right") | ("alias" | "without expectation", "unknown")) {
            wrong.push(format!("{class} {verdict} {provider:?} {model:?} {:?} {row}", resolution.model_by));
        }
    }
    eprintln!("names: {tally:#?}\nvariants: {rules:#?}");
    for wrong in &wrong {
        eprintln!("  {wrong}");
    }
    let count = |verdict| tally.get(verdict).copied().unwrap_or(0);
    let (right, unknown) = (count("resolve: right"), count("resolve: unknown"));
    assert!(right * 100 >= 97 * (right + unknown), "{right} right, {unknown} unknown");
    assert_eq!(count("resolve: wrong"), 0, "a name taken for another");
    assert_eq!(count("alias: right") + count("alias: wrong"), 0, "an alias nobody declared");
}
