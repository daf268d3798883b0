//! `pricetag demo --once`: a newcomer's first command.

use std::collections::BTreeMap;
use std::net::TcpListener;

use pricetag::cli::demo::sample::{CALLS, SampleCall, Twist};

use crate::support::command::pricetag_with;

/// List prices of November 2026 in picodollars a token: input, cache read, cache write, output. A dollar per
/// million tokens is a million picodollars a token.
fn price(model: &str) -> Option<[i128; 4]> {
    Some(match model {
        "gpt-5-mini" => [250_000, 25_000, 0, 2_000_000],
        "gpt-4o" => [2_500_000, 1_250_000, 0, 10_000_000],
        "text-embedding-3-small" => [20_000, 0, 0, 0],
        "claude-sonnet-4-5" => [3_000_000, 300_000, 3_750_000, 15_000_000],
        "gemini-2.5-flash" => [300_000, 30_000, 0, 2_500_000],
        "mistral-small-latest" => [150_000, 15_000, 0, 600_000],
        _ => return None,
    })
}

/// What a call costs, in plain integers; `None` where that is not known.
fn cost(call: &SampleCall) -> Option<i128> {
    if matches!(call.twist, Twist::NoUsage | Twist::RateLimited) {
        return None;
    }
    let [input, read, write, output] = price(call.asked)?;
    let plain = call.input - call.cache_read - call.cache_write;
    let counts = [plain, call.cache_read, call.cache_write, call.output].map(i128::from);
    Some(counts[0] * input + counts[1] * read + counts[2] * write + counts[3] * output)
}

/// Picodollars as dollars, without zeros at the end.
fn dollars(picodollars: i128) -> String {
    let text = format!("{}.{:012}", picodollars / 1_000_000_000_000, picodollars % 1_000_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Scenario: the usual ports are held by others, and the environment is full of OpenTelemetry variables that
/// mean something else.
/// Guarantees: free ports are taken, and that is said; the totals are those of an independent sum; each call
/// has its line; no escape codes where there is no terminal; exit 0.
#[test]
fn once_plays_the_sample_and_adds_up() {
    // Whoever else holds one of them serves the purpose as well.
    let _held: Vec<_> = [4317, 4318, 8888].map(|port| TcpListener::bind(("127.0.0.1", port))).into();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1"),
        ("OTEL_SDK_DISABLED", "true"),
    ];
    let ended = pricetag_with(&["demo", "--once"], &environment, b"");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for port in [4317, 4318, 8888] {
        let told = format!("127.0.0.1:{port} is taken by another process");
        assert!(ended.out.contains(&told), "{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "escape codes in a file");

    let total: i128 = CALLS.iter().filter_map(cost).sum();
    let last = ended.out.lines().last().unwrap();
    assert_eq!(last.strip_prefix("total"), Some(format!("    ${}", dollars(total)).as_str()));
    let mut expected = BTreeMap::new();
    for call in &CALLS {
        let status = match call.twist {
            Twist::RateLimited => "failed",
            Twist::NoUsage => "no_usage",
            Twist::None | Twist::InAgent if price(call.asked).is_none() => "unknown_model",
            Twist::None | Twist::InAgent => "priced",
        };
        *expected.entry(status).or_insert(0) += 1;
        if call.twist == Twist::InAgent {
            *expected.entry("aggregate").or_insert(0) += 1;
        }
        // Its own line: who, what, how much.
        let cost = cost(call).map_or("-".to_owned(), |cost| format!("${}", dollars(cost)));
        let line = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.last() == Some(&status)
                && [call.user, call.feature, &cost].iter().all(|word| words.contains(word))
        };
        assert!(ended.out.lines().any(|text| line(&text)), "{call:?}\n{}", ended.out);
    }
    let statuses: Vec<String> = expected.iter().map(|(status, calls)| format!("{calls} {status}")).collect();
    assert!(ended.out.contains(&format!("calls    {}\n", statuses.join(", "))), "{}", ended.out);
}
