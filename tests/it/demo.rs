//! `pricetag demo`: a newcomer's first command.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pricetag::cli::demo::history;
use pricetag::cli::demo::sample::{CALLS, SampleCall, Twist};

use crate::support::command::pricetag_with;
use crate::support::process::BINARY;

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

/// So that demos find them taken. Whoever else holds one of them serves the purpose as well.
fn hold_usual_ports() -> [std::io::Result<TcpListener>; 3] {
    [4317, 4318, 8888].map(|port| TcpListener::bind(("127.0.0.1", port)))
}

/// Scenario: the usual ports are held by others, and the environment is full of OpenTelemetry variables that
/// mean something else.
/// Guarantees: free ports are taken, and that is said; the totals are those of an independent sum; each call
/// has its line; no escape codes where there is no terminal; exit 0.
#[test]
fn once_plays_the_sample_and_adds_up() {
    let _held = hold_usual_ports();
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

/// What a day of history costs that ends now, and of how many of its calls that is not known, as the demo says it.
fn history() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let costs: Vec<Option<i128>> =
        history::day(now).iter().flat_map(|action| action.calls.iter().map(cost)).collect();
    let (calls, total): (usize, i128) = (costs.len(), costs.iter().flatten().sum());
    let unknown = costs.iter().filter(|cost| cost.is_none()).count();
    format!("A day of history: {calls} calls, ${}, {unknown} of unknown cost.", dollars(total))
}

/// Scenario: the demo as it is started by somebody who wants to look.
/// Guarantees: the page's address comes first; the history is one line, and an independent sum; the page then has a value in every list
/// and a projection; the chart has bars of at least twenty hours; it ends with 0 when it is told to.
#[tokio::test]
async fn the_demo_fills_the_page() {
    let (_held, before) = (hold_usual_ports(), history());
    let mut demo = Command::new(BINARY).arg("demo").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address =
        lines.find_map(|line| Some(line.strip_prefix("Open ")?.split_once("/ ")?.0.to_owned())).unwrap();
    let told = lines.find(|line| line.starts_with("A day of history")).unwrap();
    // An hour may have begun in between.
    assert!(told == before || told == history(), "{told}\n{before}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = async || client.get(&address).send().await.unwrap().text().await.unwrap();
    let filled = |page: &str| {
        let (_, actions) = page.split_once("id=\"actions\"").unwrap();
        page.contains("research report") && actions.contains("research report")
    };
    let mut seen = page().await;
    for _ in 0..100 {
        if filled(&seen) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        seen = page().await;
    }
    assert!(filled(&seen), "{seen}");
    for name in ["ann", "research", "deep-research", "globex", "claude-sonnet-4-5-20250929", "enterprise"] {
        assert!(seen.contains(&format!("title=\"{name}")), "{name}\n{seen}");
    }
    assert!(seen.contains("at the pace of the last 2"), "{seen}");
    let (_, table) = seen.split_once("id=\"as-table\"").unwrap();
    assert!(table.split_once("</table>").unwrap().0.matches("<tr>").count() > 20, "{seen}");

    let term = format!("kill -TERM {}", demo.id());
    assert!(Command::new("sh").args(["-c", &term]).status().unwrap().success());
    // Nobody may wait for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}
