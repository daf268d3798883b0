//! The conversion, on entries made up for it and on some of the list.

use super::*;
use crate::pricing::{Catalog, write};

/// Entries of LiteLLM 1.109.1, as published.
const SAMPLE: &str = include_str!("../../../../tests/fixtures/import/litellm_sample.json");

fn model(theirs: &str, fields: &str) -> String {
    let entry: Value = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
    match convert_entry(theirs, entry.as_object().unwrap()) {
        Ok(model) => write::model(&model).to_string(),
        Err(reason) => reason,
    }
}

/// Scenario: a part of the published list is converted.
/// Guarantees: a catalog; each entry is in it or named with a reason.
#[test]
fn a_list_becomes_a_catalog_and_a_list_of_what_is_not_in_it() {
    let imported = convert(SAMPLE, "1.109.1").unwrap();
    let text = write::to_json(&imported.file);
    let catalog = Catalog::from_json("sample", &text).unwrap();
    assert_eq!(catalog.source(), "litellm 1.109.1");
    let skipped: Vec<_> = imported.skipped.iter().map(|(key, reason)| format!("{key}: {reason}")).collect();
    insta::assert_snapshot!(format!("{text}\n{}\n{:#?}", skipped.join("\n"), imported.left_out));
}

#[test]
fn conditions_stand_in_the_order_in_which_the_later_one_wins() {
    assert_eq!(
        model(
            "openai",
            r#""input_cost_per_token": 1e-6, "input_cost_per_token_above_200k_tokens": 2e-6,
               "input_cost_per_token_priority": 3e-6, "input_cost_per_token_above_200k_tokens_priority": 4e-6,
               "input_cost_per_token_batches": "5e-7""#
        ),
        r#"{"rates":{"input":1},"when":[{"tier":["priority","fast"],"rates":{"input":3}},{"over":200000,"rates":{"input":2}},{"over":200000,"tier":["priority","fast"],"rates":{"input":4}},{"batch":true,"rates":{"input":0.5}}]}"#
    );
}

#[test]
fn noise_goes_and_units_are_ours() {
    assert_eq!(
        model(
            "mistral",
            r#""input_cost_per_token": 1.0000000000000001e-07, "ocr_cost_per_page": 0.004, "input_cost_per_second": 0.0001,
               "input_cost_per_character": 1.5e-05, "file_search_cost_per_1k_calls": 2.5,
               "search_context_cost_per_query": {"search_context_size_low": 0.03, "search_context_size_medium": 0.035}"#
        ),
        r#"{"rates":{"input":0.1,"input_characters":15,"pages":4,"input_audio_seconds":0.36,"web_search":35,"file_search":2.5}}"#
    );
}

#[test]
fn sellers_have_habits() {
    let thresholds = r#""input_cost_per_token": 1e-6, "input_cost_per_token_above_200k_tokens": 2e-6"#;
    assert!(model("xai", thresholds).contains(r#""over":199999"#), "from 200,000 on");
    assert!(model("openai", thresholds).contains(r#""over":200000"#), "beyond 200,000");
    let priced = |mode| model("fireworks_ai", &format!(r#""mode": "{mode}", "input_cost_per_token": 1e-6"#));
    assert_eq!(
        priced("chat"),
        r#"{"rates":{"input":1,"cache_read":0.5},"source":"litellm; cache_read is half of input, its seller's default"}"#
    );
    assert_eq!(priced("embedding"), r#"{"rates":{"input":1}}"#);
    assert_eq!(priced("image_generation"), "priced by steps, in the keys of tokens");
}

#[test]
fn reasoning_is_output_unless_it_costs_otherwise() {
    assert_eq!(
        model("openai", r#""output_cost_per_token": 1e-6, "output_cost_per_reasoning_token": 1e-6"#),
        r#"{"rates":{"output":1}}"#
    );
    assert_eq!(
        model(
            "openai",
            r#""output_cost_per_token": 1e-6, "output_cost_per_reasoning_token": 3e-6, "output_cost_per_token_flex": 5e-7"#
        ),
        r#"{"rates":{"output":1,"reasoning":3},"when":[{"tier":"flex","rates":{"output":0.5,"reasoning":null}}]}"#
    );
}

#[test]
fn tiers_of_a_table_are_lists_of_their_own() {
    assert_eq!(
        model(
            "dashscope",
            r#""input_cost_per_token_flex": 9e-6, "tiered_pricing": [
                {"range": [256e3, 1e6], "input_cost_per_token": 2e-6, "output_cost_per_token": 6e-6},
                {"range": [0, 256e3], "input_cost_per_token": 1e-6, "output_cost_per_token": 3e-6, "cache_read_input_token_cost": 1e-7}]"#
        ),
        r#"{"rates":{"input":1,"cache_read":0.1,"output":3},"when":[{"over":256000,"rates":{"input":2,"cache_read":null,"output":6}}]}"#
    );
}

#[test]
fn days_of_another_zone_are_ours() {
    let off_peak = |windows: &str| {
        model(
            "tencent",
            &format!(
                r#""input_cost_per_token": 2e-6, "off_peak_pricing": {{"input_cost_per_token": 1e-6, "weekday_timezone": "Asia/Shanghai", "windows": [{windows}]}}"#
            ),
        )
    };
    // Sunday in Shanghai begins on Saturday at 16:00 UTC.
    assert_eq!(
        off_peak(r#"{"hours_utc": "00:00-00:00", "weekdays": [7]}"#),
        r#"{"rates":{"input":2},"when":[{"days":"sun","hours":"00:00-16:00","rates":{"input":1}},{"days":"sat","hours":"16:00-24:00","rates":{"input":1}}]}"#
    );
    assert!(off_peak(r#"{"hours_utc": "22:00-06:00", "weekdays": [7]}"#).contains("none such as"));
}

#[test]
fn zeros_are_unknown_and_other_units_are_named() {
    let zeros = r#""input_cost_per_token": 0, "output_cost_per_token": 0.0"#;
    assert_eq!(model("publicai", zeros), price::ALL_ZERO);
    let images = format!(r#"{zeros}, "output_cost_per_image": 0.04"#);
    assert_eq!(model("gemini", &images), "priced by what we have no unit for: images");
    assert_eq!(model("gemini", ""), "no price");
    assert_eq!(model("x", r#""input_cost_per_token": -1"#), "`input_cost_per_token` is no rate: -1");
    assert!(convert("{}", "1").unwrap_err().to_string().contains("no list of LiteLLM"));
}

/// Guarantees: images made have a price by the piece where they have none by the token, and only those made.
#[test]
fn images_are_counted_where_no_token_prices_them() {
    let made = r#""output_cost_per_image": 0.04, "mode""#;
    assert_eq!(model("azure_ai", &format!(r#"{made}: "image_generation""#)), r#"{"rates":{"images":40}}"#);
    assert_eq!(
        model("xai", r#""input_cost_per_image": 0.02, "mode": "image_generation""#),
        r#"{"rates":{"images":20}}"#
    );
    assert_eq!(
        model("gemini", &format!(r#""output_cost_per_image_token": 3e-05, {made}: "image_generation""#)),
        r#"{"rates":{"output":30,"output_image":30}}"#
    );
    assert_eq!(
        model("cohere", r#""input_cost_per_image": 0.02, "mode": "embedding""#),
        "priced by what we have no unit for: images"
    );
    assert_eq!(model("gemini", &format!(r#"{made}: "chat""#)), "priced by what we have no unit for: images");
}

#[test]
fn pages_have_a_price_in_batches() {
    assert_eq!(
        model("mistral", r#""ocr_cost_per_page": 0.002, "ocr_cost_per_page_batches": 0.001"#),
        r#"{"rates":{"pages":2},"when":[{"batch":true,"rates":{"pages":1}}]}"#
    );
}
