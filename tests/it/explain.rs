//! `pricetag explain`: receipts offline.

use pricetag::pricing::Catalog;
use prost::Message as _;
use serde_json::Value;

use crate::support::command::{Ended, pricetag, pricetag_with};
use crate::support::spans::{agent_and_call, attribute, chat, request};
use crate::support::{CAPTURES, capture, capture_path};

/// A capture's name, what it costs, and how many calls have which status.
type Truth = (&'static str, &'static str, &'static [(&'static str, u64)]);

/// What the captures truly cost.
const TOTALS: [Truth; 3] = [
    ("otel-openai-v2", "0.00940084", &[("failed", 1), ("no_usage", 1), ("priced", 4)]),
    ("otel-openai-v2-latest", "0.00940084", &[("failed", 1), ("no_usage", 1), ("priced", 4)]),
    ("otel-genai-anthropic", "0.0223056", &[("duplicate", 3), ("priced", 3)]),
];

/// A decimal string as an integer of 10^-`places`.
fn decimal(text: &str, places: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= places, "{text} has more than {places} places");
    format!("{whole}{fraction:0<places$}").parse().unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key}: {value}"))
}

/// The calls and the summary of a successful run. Checks each line against the schema and its own sums.
fn checked(ended: &Ended) -> (Vec<Value>, Value) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut calls: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = calls.pop().unwrap()["summary"].take();
    let mut total = 0;
    for call in &calls {
        assert_eq!((text(call, "trace_id").len(), text(call, "span_id").len()), (32, 16));
        for key in ["name", "status", "provider", "model"] {
            assert!(!text(call, key).is_empty(), "{key}: {call}");
        }
        assert_eq!(text(call, "currency"), "USD");
        assert!(call["usage"].is_object() && call["dimensions"].is_object(), "{call}");
        let mut sum = 0;
        for line in call["lines"].as_array().unwrap() {
            let quantity = line["quantity"].as_u64().unwrap();
            // A rate may be finer than a picodollar; the amount is exact here all the same.
            let exact = i128::from(quantity) * decimal(text(line, "rate"), 18);
            assert_eq!(exact, decimal(text(line, "amount"), 18), "{line}");
            assert_eq!(call["usage"][text(line, "bucket")], quantity, "{line}");
            sum += decimal(text(line, "amount"), 12);
            assert!(line["conditions"].is_array(), "{line}");
            assert_eq!(
                (text(line, "layer"), text(line, "version")),
                ("embedded", Catalog::embedded().version())
            );
        }
        let counts = call.get("total").is_some();
        assert_eq!(counts, text(call, "status") == "priced", "unknown is never zero: {call}");
        if counts {
            assert_eq!(decimal(text(call, "total"), 12), sum, "{call}");
            total += sum;
        } else {
            assert_eq!(call["lines"], Value::Array(Vec::new()));
            assert!(!text(call, "reason").is_empty());
        }
    }
    assert_eq!(decimal(text(&summary, "total"), 12), total);
    assert_eq!(summary["calls"], calls.len());
    assert_eq!(text(&summary, "currency"), "USD");
    (calls, summary)
}

/// Scenario: each capture as `.pb`, as `.json`, and both on standard input.
/// Guarantees: the same lines whatever the encoding; the schema; exact products and sums; the true totals.
#[test]
fn captures_as_json_lines() {
    for (name, total, statuses) in TOTALS {
        let path = |kind| capture_path(name, kind).to_str().unwrap().to_owned();
        let by_file = pricetag(&["explain", "--json", &path("traces.pb")]);
        let (calls, summary) = checked(&by_file);
        assert_eq!((text(&summary, "total"), summary["spans"].as_u64()), (total, Some(6)), "{name}");
        assert_eq!(calls.len(), 6);
        let by_status: Vec<(&str, u64)> = summary["by_status"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_u64().unwrap()))
            .collect();
        assert_eq!(by_status, statuses);
        assert_eq!(pricetag(&["explain", "--json", &path("traces.json")]).out, by_file.out);
        for kind in ["traces.pb", "traces.json"] {
            let input = capture(name, kind);
            assert_eq!(pricetag_with(&["explain", "--json", "-"], &[], &input).out, by_file.out, "{kind}");
        }
    }
}

/// Scenario: the three captures together.
/// Guarantees: one delivery, one summary, one total.
#[test]
fn several_files_are_one_delivery() {
    let paths = CAPTURES.map(|name| capture_path(name, "traces.pb").to_str().unwrap().to_owned());
    let arguments = [vec!["explain", "--json"], paths.iter().map(String::as_str).collect()].concat();
    let (calls, summary) = checked(&pricetag(&arguments));
    assert_eq!((calls.len(), text(&summary, "total")), (18, "0.04110728"));
}

/// Scenario: a call at the flex tier, with reasoning.
/// Guarantees: each line says what made its rate what it is, whose it is, and which price list it stands in.
#[test]
fn lines_say_why_they_cost_what_they_cost() {
    let usage = [("input_tokens", 1_000), ("output_tokens", 500), ("reasoning.output_tokens", 200)];
    let usage = usage.map(|(key, count)| attribute(&format!("gen_ai.usage.{key}"), count));
    let tier = attribute("openai.response.service_tier", "flex");
    let call = chat(1, "gpt-5-mini", usage.into_iter().chain([tier]).collect());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flex.pb");
    std::fs::write(&file, request(vec![call]).encode_to_vec()).unwrap();
    let file = file.to_str().unwrap();

    let ended = pricetag(&["explain", "--json", file]);
    let call: Value = serde_json::from_str(ended.out.lines().next().unwrap()).unwrap();
    let lines = call["lines"].as_array().unwrap();
    let rates: Vec<_> = lines.iter().map(|line| (text(line, "bucket"), line["rate_of"].as_str())).collect();
    assert_eq!(rates, [("input", None), ("output", None), ("reasoning", Some("output"))]);
    for line in lines {
        assert_eq!(line["conditions"], serde_json::json!(["from 2026-10-12, tier flex"]), "{line}");
    }
    let ended = pricetag(&["explain", file]);
    assert!(
        ended.out.contains("(as output; from 2026-10-12, tier flex)\n    prices: embedded (genai-prices ")
    );
}

/// Scenario: the human form of the Claude capture.
/// Guarantees: each bucket with quantity, price and amount; the 5 minutes and the hour apart; no escape codes.
#[test]
fn receipts_for_people() {
    let ended = pricetag(&["explain", capture_path(CAPTURES[2], "traces.pb").to_str().unwrap()]);
    assert_eq!(ended.code, Some(0));
    for part in
        ["0.0074352", "$0.0223056", "1,024 x $0.3", "200 x $3.75", "100 x $6", "$0.00075", "duplicate"]
    {
        assert!(ended.out.contains(part), "{part}:\n{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'));
}

/// Scenario: garbage, a truncated payload, JSON of another shape, a file that is not there, no file; a good file
/// before a bad one.
/// Guarantees: exit not 0, nothing on standard output, and an error that names the file and the place.
#[test]
fn what_is_no_payload_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let whole = capture(CAPTURES[0], "traces.pb");
    let good = capture_path(CAPTURES[0], "traces.pb").to_str().unwrap().to_owned();
    for (name, content, place) in [
        ("garbage.pb", &b"garbage"[..], "byte "),
        ("truncated.pb", &whole[..whole.len() - 1], "byte "),
        ("broken.json", b"{\n \"resourceSpans\": [}", "line 2 column"),
        ("shape.json", b"{\"resourceSpans\": [{\"scopeSpans\": 7}]}", "resourceSpans[0].scopeSpans"),
        ("not_json.json", &whole, "line 2 column 1"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        // Alone and after a good one: an error leaves no half report.
        for arguments in
            [&["explain", file.to_str().unwrap()][..], &["explain", "--json", &good, file.to_str().unwrap()]]
        {
            let ended = pricetag(arguments);
            assert!(ended.code.is_some_and(|code| code != 0), "{name}");
            assert!(ended.out.is_empty(), "half a report: {}", ended.out);
            assert!(ended.err.contains(name), "{name}: {}", ended.err);
            assert_eq!(ended.err.matches(place).count(), 1, "the place, once: {}", ended.err);
        }
    }
    let missing = pricetag(&["explain", "/no/such/file.pb"]);
    assert!(missing.code != Some(0) && missing.err.contains("/no/such/file.pb"), "{missing:?}");
    assert_eq!(pricetag(&["explain"]).code, Some(2));
    assert!(pricetag(&["explain", "--jsn", &good]).err.contains("--jsn"));
}

/// Scenario: an agent's span with usage in one file, the call below it in the next.
/// Guarantees: they are one delivery, and the traces settle at its end: the call counts, the agent does not.
#[test]
fn traces_settle_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let [agent, call] = agent_and_call().map(|span| request(vec![span]).encode_to_vec());
    let files = [("agent.pb", agent), ("call.pb", call)].map(|(name, body)| {
        let file = folder.path().join(name);
        std::fs::write(&file, body).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let (calls, summary) = checked(&pricetag(&["explain", "--json", &files[0], &files[1]]));
    assert_eq!((text(&calls[0], "status"), text(&calls[1], "status")), ("aggregate", "priced"));
    assert_eq!(text(&summary, "total"), "2.5");
}

/// Scenario: a coding agent's spans and the log records that tell of the same call, in one file.
/// Guarantees: people are told that it is a log event that counts, and no made-up id is shown for it.
#[test]
fn log_events_are_no_spans() {
    let file = "tests/golden/claude-code/spans-and-events/in.json";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = pricetag(&["explain", path.to_str().unwrap()]).out;
    assert!(text.contains("    a log event tells of the same call and counts\n"), "{text}");
    assert!(text.contains("trace 39df462c6954c5f167b9731616063aa5, a log event  action claude_code.interaction  session ce86151a"), "{text}");
    let sum = "2 spans, 7 log records: 1 duplicate, 1 priced; total $0.0074352\n";
    assert!(text.ends_with(sum), "{text}");
}
