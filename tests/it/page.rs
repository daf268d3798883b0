//! The page on `/`: what it says, what it must not do, and that it says what the API says.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use regex::Regex;
use serde_json::Value;

use crate::support::eventually;
use crate::support::process::{Pricetag, Setup};
use crate::support::spans::{attribute, chat, request};

/// Picodollars for a token of gpt-4o that goes in.
const RATE: i128 = 2_500_000;
const HOUR: u64 = 3_600_000_000_000;
/// Names that a page must show and not obey.
const HOSTILE: [&str; 3] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{ cost }}</title></main>\u{202e}"];

async fn start() -> Pricetag {
    Setup::new(&["debug: {verbosity: basic}".to_owned()], "debug").start().await
}

/// A call of gpt-4o that ended so many hours ago.
fn call(number: u64, hours_ago: u64, input: i64, more: Vec<KeyValue>) -> Span {
    let mut span = chat(number, "gpt-4o", vec![attribute("gen_ai.usage.input_tokens", input)]);
    span.attributes.extend(more);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    span.end_time_unix_nano = now - hours_ago * HOUR;
    span.start_time_unix_nano = span.end_time_unix_nano - 1_000_000_000;
    span
}

/// The exact amounts in what follows a mark, up to the end of its section, in picodollars; unknown ones are left out.
fn amounts(page: &str, mark: &str) -> Vec<i128> {
    let (_, after) = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in\n{page}"));
    let (section, _) = after.split_once("</section>").unwrap();
    let amount = Regex::new("<data value=\"([0-9.-]+)\">").unwrap();
    amount.captures_iter(section).map(|found| picodollars(&found[1])).collect()
}

/// An exact decimal of dollars in picodollars.
fn picodollars(decimal: &str) -> i128 {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}{fraction:0<12}").parse().unwrap()
}

async fn page(pricetag: &Pricetag, query: &str) -> String {
    let (status, page) = pricetag.get(&format!("/{query}")).await.unwrap();
    assert_eq!(status, 200, "{page}");
    page
}

/// What the rows of an answer of the API cost, in picodollars, from the least on; unknown amounts are left out, and so is nothing.
async fn told(pricetag: &Pricetag, path: &str) -> Vec<i128> {
    let (status, answer) = pricetag.get(path).await.unwrap();
    assert_eq!(status, 200, "{path}: {answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    sorted(answer["rows"].as_array().unwrap().iter().filter_map(|row| row["cost"].as_str()).map(picodollars))
}

fn sorted(amounts: impl IntoIterator<Item = i128>) -> Vec<i128> {
    let mut amounts: Vec<i128> = amounts.into_iter().filter(|amount| *amount != 0).collect();
    amounts.sort_unstable();
    amounts
}

/// Scenario: calls of now, of three hours and of five days ago, of an hour before the last seven days and of a sender whose clock is almost
/// an hour ahead, of four users with names that are markup, one of them without a price and one without usage.
/// Guarantees: each time range has its calls, exactly, and the API says the same of it in every dimension, hour and day; each list adds
/// up to the total, and so does the bars' table; margins and the share of unknown cost are of the same calls; no name is markup;
/// the calls of unknown cost are counted, and the price file for their model is there to paste.
#[tokio::test]
async fn the_page_says_what_the_ledger_knows() {
    let pricetag = Setup::new(&["debug: {verbosity: basic}".to_owned()], "debug")
        .set("processors.pricetag.margin.revenue=[{amount: 0.10, per: action}]")
        .start()
        .await;
    let user = |index: usize| attribute("user.id", HOSTILE[index]);
    let mut unpriced = call(4, 0, 1_000, vec![user(1), attribute("feature", HOSTILE[0])]);
    unpriced.attributes[2] = attribute("gen_ai.request.model", HOSTILE[1]);
    let mut untold = call(5, 0, 0, vec![user(1)]);
    untold.attributes.retain(|it| it.key != "gen_ai.usage.input_tokens");
    let mut ahead = call(6, 0, 55, vec![user(2), attribute("tenant.id", HOSTILE[1])]);
    ahead.end_time_unix_nano += HOUR / 60 * 59;
    let sent = vec![
        ahead,
        call(7, 7 * 24 + 1, 99_999, vec![user(0)]),
        call(1, 0, 1_234_567, vec![user(0), attribute("tenant.id", HOSTILE[2])]),
        call(2, 3, 333, vec![user(1)]),
        call(3, 5 * 24, 7_777_777, vec![user(2)]),
        unpriced,
        untold,
    ];
    pricetag.deliver_spans(&request(sent)).await;
    pricetag.settled(7).await;

    let recent = RATE * (1_234_567 + 333 + 55);
    let week = recent + RATE * 7_777_777;
    let month = week + RATE * 99_999;
    for (query, total) in [("", recent), ("?since=24h", recent), ("?since=7d", week), ("?since=30d", month)] {
        let page = page(&pricetag, query).await;
        assert_eq!(amounts(&page, "id=\"total\""), [total], "{query}");
        for mark in
            ["id=\"by-user\"", "id=\"by-tenant\"", "id=\"by-model\"", "id=\"by-tier\"", "id=\"as-table\""]
        {
            // Where nothing tells a dimension there is no list.
            let amounts = amounts(&page, mark);
            assert!(
                amounts.iter().sum::<i128>() == total || amounts.is_empty() && mark.contains("tier"),
                "{mark}"
            );
        }
        for (list, by) in
            [("user", "user"), ("tenant", "tenant"), ("model", "model_asked"), ("feature", "feature")]
        {
            let costs = told(&pricetag, &format!("/api/v1/costs?by={by}&{}", query.trim_matches('?'))).await;
            assert_eq!(costs.iter().sum::<i128>(), total, "{by} {query}");
            assert_eq!(sorted(amounts(&page, &format!("id=\"by-{list}\""))), costs, "{by} {query}");
        }
        let points = told(&pricetag, &format!("/api/v1/timeseries{query}")).await;
        assert_eq!(sorted(amounts(&page, "id=\"as-table\"")), points, "{query}");
        // Of long times a margin begins at the midnight that is nearest to the first booking.
        if total != month {
            let since = if query.is_empty() { "since=24h" } else { query.trim_matches('?') };
            let earned = told(&pricetag, &format!("/api/v1/margin?by=tier&{since}")).await;
            assert_eq!(earned, [total], "{query}");
            assert!(amounts(&page, "id=\"margin\"").contains(&total), "{query}");
        }
        assert!(
            !page.contains("<script>alert") && !page.contains("<img") && !page.contains('\u{202e}'),
            "{page}"
        );
        for name in ["&#60;script&#62;alert(1)", "&#60;img src=x", "{{ cost }}&#60;/title&#62;"] {
            assert!(page.contains(name), "{name}\n{page}");
        }
        assert_eq!(page.matches("</main>").count(), 1, "{page}");
        assert!(page.contains("40%</b> of the calls") || total != recent, "{page}");
        assert!(page.contains("Since the start, 1 call told no usage."), "{page}");
        assert!(page.contains("prices: [my-prices.yaml]"), "{page}");
        assert!(
            page.contains("\\&#34;&#62;&#60;img src=x onerror=alert(1)&#62;&#34;: {rates: {input: FILL_IN"),
            "{page}"
        );
    }
    eventually("the share of unknown cost", async || {
        let scrape = pricetag.scrape().await;
        (scrape.values("pricetag_unpriced_share", &[]) == [0.4]).then_some(())
    })
    .await;
}

/// Scenario: a pricetag that no call has come to yet, and a query for a time range that there is not.
/// Guarantees: the page says where to send spans; the wrong query is told what there is.
#[tokio::test]
async fn an_empty_page_says_where_to_send_spans() {
    let pricetag = start().await;
    let page = page(&pricetag, "").await;
    assert!(page.contains(&format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}\n", pricetag.http)), "{page}");
    assert!(!page.contains("id=\"total\""), "{page}");
    let (status, told) = pricetag.get("/?since=tomorrow").await.unwrap();
    assert_eq!((status, told.as_str()), (400, "since is one of 24h, 7d and 30d\n"));
}

/// Scenario: a stranger's page, whose name now resolves to this machine, asks through a browser; a proxy here asks for somebody.
/// Guarantees: neither sees what anything costs, and the first not by the metrics either.
#[tokio::test]
async fn strangers_see_nothing_through_this_machine() {
    let pricetag = start().await;
    for (path, header, value, status) in [
        ("/", "host", "rebound.example", 403),
        ("/metrics", "host", "rebound.example", 403),
        ("/metrics", "host", "localhost", 200),
        ("/", "x-forwarded-for", "10.0.0.7", 403),
        ("/metrics", "x-forwarded-for", "10.0.0.7", 200),
    ] {
        let asked = pricetag.client.get(format!("http://{}{path}", pricetag.admin)).header(header, value);
        assert_eq!(asked.send().await.unwrap().status().as_u16(), status, "{path} {header}: {value}");
    }
}

/// Scenario: the page as a browser gets it.
/// Guarantees: its policy allows the style and the script that stand in it, by their hashes, and nothing else; nothing in it is
/// loaded, and nothing needs what the policy forbids.
#[tokio::test]
async fn the_page_loads_nothing_and_allows_nothing() {
    let pricetag = start().await;
    pricetag.deliver_spans(&request(vec![call(1, 0, 1_000, vec![])])).await;
    let (headers, page) = eventually("the call on the page", async || {
        let response = pricetag.client.get(format!("http://{}/", pricetag.admin)).send().await.ok()?;
        let headers = response.headers().clone();
        let page = response.text().await.ok()?;
        page.contains("id=\"total\"").then_some((headers, page))
    })
    .await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for element in ["style", "script"] {
        let (_, after) = page.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = after.split_once(&format!("</{element}>")).unwrap();
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{policy}");
    }
    let forbidden =
        Regex::new(r#"(?i) style=| on[a-z]+=|javascript:|@import|url\(|<(iframe|object|embed|form|base)"#);
    let found = forbidden.unwrap().find(&page).map(|found| found.as_str().to_owned());
    assert_eq!(found, None);
    let elsewhere = Regex::new(r#"(?:src|href|action)="?([a-z]+:)?//?[^"]*"#).unwrap();
    let found: Vec<&str> = elsewhere.find_iter(&page).map(|found| found.as_str()).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}
