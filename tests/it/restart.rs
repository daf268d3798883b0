//! What is asked after a restart is what was asked before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::pricing::Picodollars;
use regex::Regex;
use serde_json::Value;

use crate::metrics::totals;
use crate::support::process::Setup;
use crate::support::spans::{attribute, chat, picodollars, request};
use crate::support::{Pricetag, Sink, eventually};

const HOUR: u64 = 3_600_000_000_000;
/// Picodollars for a token of gpt-4o: input, output.
const RATES: [i128; 2] = [2_500_000, 10_000_000];

/// The n-th call and what it costs; every seventh is of a model that has no price.
fn call(nth: u64) -> (Span, Option<i128>) {
    let is_known = !nth.is_multiple_of(7);
    let tokens = [nth * 7_919 % 100_003, nth * 104_729 % 10_007];
    let mut span = chat(
        nth,
        if is_known { "gpt-4o" } else { "nobody-s" },
        vec![
            attribute("gen_ai.usage.input_tokens", tokens[0] as i64),
            attribute("gen_ai.usage.output_tokens", tokens[1] as i64),
            attribute("user.id", &*format!("u{}", nth % 5)),
            attribute("tier", if nth.is_multiple_of(2) { "pro" } else { "free" }),
        ],
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    span.end_time_unix_nano = now - nth % 30 * HOUR;
    span.start_time_unix_nano = span.end_time_unix_nano - 1_000_000_000;
    let cost = i128::from(tokens[0]) * RATES[0] + i128::from(tokens[1]) * RATES[1];
    (span, is_known.then_some(cost))
}

async fn json(pricetag: &Pricetag, path: &str) -> Value {
    let (status, text) = pricetag.get(path).await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// All that the ledger answers, but for what is of one process: the last calls.
async fn answers(pricetag: &Pricetag) -> Vec<Value> {
    let mut answers = Vec::new();
    // Fixed days: an hour may end between two answers.
    static DAYS: LazyLock<String> = LazyLock::new(|| {
        let day = |days: i64| (Timestamp::now() + SignedDuration::from_hours(24 * days)).strftime("%F");
        format!("since={}&until={}", day(-3), day(2))
    });
    for path in
        ["costs?by=user", "costs?by=tier", "costs?by=model_asked", "timeseries?by=user", "actions?top=5"]
    {
        answers.push(json(pricetag, &format!("/api/v1/{path}&{}", *DAYS)).await);
    }
    answers.push(json(pricetag, "/api/v1/margin?by=tier").await["rows"].clone());
    answers
}

/// The total that the page tells.
async fn page(pricetag: &Pricetag) -> i128 {
    let (_, page) = pricetag.get("/?since=30d").await.unwrap();
    let total = Regex::new("(?s)id=\"total\".*?<data value=\"([0-9.]+)\">").unwrap();
    total.captures(&page).unwrap()[1].parse::<Picodollars>().unwrap().get()
}

/// The page tells this total: at once, or when it is written anew, which takes the longer the busier the machine is.
async fn tells(pricetag: &Pricetag, cost: i128) {
    eventually(&format!("{cost} on the page"), async || (page(pricetag).await == cost).then_some(())).await;
}

/// Everything agrees with these calls having been sent.
async fn check(pricetag: &Pricetag, calls: u64) -> Vec<Value> {
    let cost: i128 = (1..=calls).filter_map(|nth| call(nth).1).sum();
    let scrape = pricetag.settled(calls).await;
    assert_eq!(scrape.money("pricetag_cost", &[]), cost);
    let unknown = scrape.sum("pricetag_calls", &[("pricetag_status", "unknown_model")]);
    assert_eq!(unknown, (calls / 7) as f64);
    tells(pricetag, cost).await;
    let answers = answers(pricetag).await;
    assert_eq!(answers[0]["total"].as_str().unwrap().parse::<Picodollars>().unwrap().get(), cost);
    for user in 0..5 {
        let theirs = (1..=calls).filter(|nth| nth % 5 == user).filter_map(|nth| call(nth).1).sum();
        let rows = answers[0]["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["value"] == *format!("u{user}")).unwrap();
        assert_eq!(row["cost"].as_str().unwrap().parse::<Picodollars>().unwrap().get(), theirs, "u{user}");
        assert_eq!(scrape.money("pricetag_cost", &[("user_id", &format!("u{user}"))]), theirs, "u{user}");
    }
    answers
}

/// The start of each push's sums, and who pushed.
fn origins(pushes: &[ExportMetricsServiceRequest]) -> Vec<(u64, String)> {
    let mut origins: Vec<_> = pushes
        .iter()
        .flat_map(|push| {
            // Spikes are those of a process.
            let kept = totals(push).into_iter().filter(|((name, _), _)| name != "pricetag.spikes");
            kept.map(move |(_, (start, _))| (start, instance(push)))
        })
        .collect();
    origins.sort();
    origins.dedup();
    origins
}

fn instance(push: &ExportMetricsServiceRequest) -> String {
    let resource = push.resource_metrics[0].resource.as_ref().unwrap();
    let id = resource.attributes.iter().find(|it| it.key == "service.instance.id").unwrap();
    format!("{:?}", id.value)
}

/// Scenario: three processes with one ledger; the first ends, the second is killed, and a fourth has other labels.
/// Guarantees: what API, page, `/metrics` and the pushed metrics tell is after each restart what it was before, and what was sent, to the
/// picodollar; pushed sums have one start and one instance in all processes and never fall, until their labels are others, with which they
/// begin anew; the ledger does not.
#[tokio::test]
async fn sums_go_on() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("ledger.db");
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("processors.pricetag.ledger.file={}", file.display()))
        .set("processors.pricetag.margin.revenue=[{tier: pro, amount: 0.10, per: action}, {tier: free, amount: 0, per: action}]");
    let setup = setup.set("processors.pricetag.spikes={by: user, times: 2, above: 0.01}");
    let labelled = setup.clone().set("processors.pricetag.metrics.labels=[user]");
    let deliver = async |pricetag: &Pricetag, calls: std::ops::RangeInclusive<u64>| {
        pricetag.deliver_spans(&request(calls.map(|nth| call(nth).0).collect())).await;
    };

    let mut first = labelled.clone().start().await;
    deliver(&first, 1..=40).await;
    let before = check(&first, 40).await;
    first.stop().await;

    let second = labelled.clone().start().await;
    assert_eq!(check(&second, 40).await, before);
    deliver(&second, 41..=80).await;
    let before = check(&second, 80).await;
    let pushed = sink.cost_metrics().len();
    eventually("a push of what is about to be killed", async || {
        (sink.cost_metrics().len() > pushed).then_some(())
    })
    .await;
    second.signal("KILL");
    drop(second);

    let mut third = labelled.start().await;
    assert_eq!(check(&third, 80).await, before);
    deliver(&third, 81..=100).await;
    let before = check(&third, 100).await;
    third.stop().await;
    let pushes = sink.cost_metrics();
    assert_eq!(origins(&pushes).len(), 1, "{:?}", origins(&pushes));
    let (mut last, mut spiking) = (BTreeMap::new(), BTreeSet::new());
    for push in &pushes {
        for (series, (start, value)) in totals(push) {
            if series.0 == "pricetag.spikes" {
                spiking.insert(start);
                continue;
            }
            let before = last.insert(series, value).unwrap_or(0.0);
            assert!(before <= value, "{before} before {value}");
        }
    }
    assert_eq!(spiking.len(), 3, "what goes not on has a start of its own");
    let pushed = last.iter().filter(|((name, _), _)| name == "pricetag.cost");
    let sent: i128 = (1..=100).filter_map(|nth| call(nth).1).sum();
    assert_eq!(pushed.map(|(_, value)| picodollars(*value)).sum::<i128>(), sent);

    let mut fourth = setup.start().await;
    assert_eq!(answers(&fourth).await, before);
    deliver(&fourth, 101..=102).await;
    tells(&fourth, sent + call(101).1.unwrap() + call(102).1.unwrap()).await;
    fourth.settled(2).await;
    fourth.stop().await;
    let last = sink.cost_metrics().pop().unwrap();
    let origins = origins(&[pushes[0].clone(), last.clone()]);
    assert!(origins[0].0 < origins[1].0 && origins[0].1 == origins[1].1, "{origins:?}");
    let pushed = totals(&last).into_iter().filter(|((name, _), _)| name == "pricetag.cost");
    let cost: i128 = pushed.map(|(_, (_, value))| picodollars(value)).sum();
    assert_eq!(cost, call(101).1.unwrap() + call(102).1.unwrap());
}
