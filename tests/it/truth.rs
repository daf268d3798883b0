//! What calls truly used and cost, against what pricetag makes of the telemetry about them.
//!
//! The corpus in `tests/golden` was recorded from a stand-in of the providers' APIs, so what was served is known:
//! - OpenAI: 1,500 tokens in (1,024 of them cached, 100 written to the cache, 20 audio), 350 out (200 reasoning, 10 audio);
//!   the Responses API has no audio; embeddings 42 in.
//! - Anthropic: 176 tokens in, 1,024 read from the cache, 200 written for five minutes and 100 for an hour, 350 out
//!   (200 thinking), two web searches.
//! - Gemini: 1,500 in (1,024 cached, 20 audio), 150 and 200 thoughts out.
//!
//! Each row says which of that its span discloses; nothing here was copied from pricetag's output.

mod apps;
mod python;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::command::pricetag;

/// One call: the span's name, the model (see [`names`]), and what is to be made of it: a status other than `priced`, or the buckets of a priced
/// call, as `bucket count, bucket count`.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// A case of the corpus, and its calls in the order in which they stand there.
pub(crate) type Case = (&'static str, &'static [Row]);

/// Every case.
const CASES: [&[Case]; 2] = [apps::CASES, python::CASES];

/// Statuses of calls that have no cost of their own.
const UNPRICED: [&str; 4] = ["no_usage", "failed", "duplicate", "aggregate"];

/// The providers' list prices in picodollars for a token, from their price pages; of a bucket without a price of its own, tokens
/// are plain input or output.
fn rate(model: &str, bucket: &str) -> i128 {
    let (input, cache_read, cache_write, cache_write_1h, output) = match model {
        "gpt-5-mini" => (250_000, 25_000, 250_000, 250_000, 2_000_000),
        "gpt-4o" => (2_500_000, 1_250_000, 2_500_000, 2_500_000, 10_000_000),
        "gpt-3.5-turbo-instruct" => (1_500_000, 1_500_000, 1_500_000, 1_500_000, 2_000_000),
        "text-embedding-3-small" => (20_000, 20_000, 20_000, 20_000, 0),
        "claude-sonnet-4-5" => (3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000),
        "gemini-2.5-flash" => (300_000, 30_000, 300_000, 300_000, 2_500_000),
        _ => panic!("no price of {model}"),
    };
    match bucket {
        "input_audio" if model == "gemini-2.5-flash" => 1_000_000,
        "input" | "input_audio" => input,
        "cache_read" => cache_read,
        "cache_write" => cache_write,
        "cache_write_1h" => cache_write_1h,
        "output" | "reasoning" | "output_audio" => output,
        // $10 for 1,000.
        "web_search" if model.starts_with("claude") => 10_000_000_000,
        _ => panic!("no price of {bucket} of {model}"),
    }
}

/// Who bills, and the model: its maker bills, unless the row says `biller/model`.
fn names(told: &'static str) -> (&'static str, &'static str) {
    let maker = match told {
        "" => "",
        claude if claude.starts_with("claude") => "anthropic",
        gemini if gemini.starts_with("gemini") => "google",
        _ => "openai",
    };
    told.split_once('/').unwrap_or((maker, told))
}

fn buckets(of: &str) -> BTreeMap<String, i128> {
    let bucket = |bucket: &str| -> Option<(String, i128)> {
        let (name, count) = bucket.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    of.split(", ").map(|text| bucket(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

/// Dollars, written as a decimal, in picodollars.
fn picodollars(dollars: &str) -> i128 {
    let (whole, fraction) = dollars.split_once('.').unwrap_or((dollars, ""));
    format!("{whole}{fraction:0<12}").parse().unwrap()
}

/// Checks one case; what is wrong, line by line.
fn check((case, rows): &Case) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case).join("in.json");
    let ended = pricetag(&["explain", "--json", path.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{case}: {}", ended.err);
    let mut calls: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = calls.pop().unwrap()["summary"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    let mut differ = |what: &str, found: String, truth: String| {
        if found != truth {
            wrong.push(format!("{case}: {what}: found {found}, truth {truth}"));
        }
    };
    differ("calls", calls.len().to_string(), rows.len().to_string());
    let mut sum = 0;
    for (nth, (call, (name, model, told))) in calls.iter().zip(*rows).enumerate() {
        let what = |what: &str| format!("call {nth} {name}: {what}");
        differ(&what("name"), text(&call["name"]), (*name).to_owned());
        let (provider, model) = names(model);
        differ(&what("model"), text(&call["model"]), model.to_owned());
        differ(&what("provider"), text(&call["provider"]), provider.to_owned());
        let status = if UNPRICED.contains(told) { told } else { "priced" };
        differ(&what("status"), text(&call["status"]), status.to_owned());
        if status == "priced" {
            let truth = buckets(told);
            let found: BTreeMap<String, i128> = serde_json::from_value(call["usage"].clone()).unwrap();
            differ(&what("buckets"), format!("{found:?}"), format!("{truth:?}"));
            let cost: i128 = truth.iter().map(|(bucket, count)| count * rate(model, bucket)).sum();
            differ(&what("total"), picodollars(&text(&call["total"])).to_string(), cost.to_string());
            sum += cost;
        } else {
            differ(&what("total"), text(&call["total"]), String::new());
        }
    }
    differ("total", picodollars(&text(&summary["total"])).to_string(), sum.to_string());
    wrong
}

/// Scenario: telemetry about calls of which it is known what they used, from every instrumentation of the corpus.
/// Guarantees: each call counts once, with the buckets that its spans disclose, and costs what those cost.
#[test]
fn every_call_costs_what_it_cost() {
    let wrong: Vec<String> = CASES.iter().copied().flatten().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Scenario: the corpus, and the cases above.
/// Guarantees: a dialect that has its truth here has it for each of its cases.
#[test]
fn every_case_has_its_truth() {
    let known: Vec<&str> = CASES.iter().copied().flatten().map(|(case, _)| *case).collect();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for dialect in known.iter().filter_map(|case| case.split('/').next()) {
        for case in std::fs::read_dir(corpus.join(dialect)).unwrap() {
            let case = format!("{dialect}/{}", case.unwrap().file_name().to_str().unwrap());
            assert!(known.contains(&&*case), "{case}");
        }
    }
}
