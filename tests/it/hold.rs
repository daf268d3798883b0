//! Requests that are held back until the spans above their calls have come.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, attribute, gpt_4o, request, span, spans};
use crate::support::{Pricetag, Sink, eventually};

/// The root of a trace, which knows the user, and a call below it, which does not.
fn root_and_call(number: u64) -> [Span; 2] {
    let root = span(number, vec![attribute("user.id", &*format!("u{number}"))]);
    let mut call = gpt_4o(number + 1_000, 1_000_000, 0);
    (call.trace_id, call.parent_span_id) = (root.trace_id.clone(), root.span_id.clone());
    [root, call]
}

/// Spans that have arrived, by name.
fn arrived(sink: &Sink, name: &str) -> Vec<Span> {
    let all = sink.taken(Signal::Traces).into_iter();
    let requests: Vec<_> = all.map(|seen| ExportTraceServiceRequest::decode(seen.body).unwrap()).collect();
    requests
        .iter()
        .flat_map(|request| spans(request).into_iter().cloned())
        .filter(|span| span.name == name)
        .collect()
}

async fn one(sink: &Sink, name: &str) -> Span {
    eventually(name, async || arrived(sink, name).pop()).await
}

async fn cost(pricetag: &Pricetag, user: &str) -> Option<String> {
    let (_, answer) = pricetag.get("/api/v1/costs?by=user").await?;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let row = answer["rows"].as_array().unwrap().iter().find(|row| row["value"] == user)?.clone();
    Some(row["cost"].as_str().unwrap().to_owned())
}

/// Scenario: a call comes, and half a second later the root above it; one exporter behind `pricetag`, and one that gets all as it came.
/// Guarantees: the first gets the call after the time that `hold` says, with the root's user, and the root with what the call has cost; the
/// second gets both at once; the ledger has the call once.
#[tokio::test]
async fn a_call_leaves_with_what_comes_after_it() {
    let (priced, raw) = (Sink::start().await, Sink::start().await);
    let pricetag = Setup::new(&[priced.otlp("priced", ""), raw.otlp("raw", "")], "otlp/priced")
        .pipeline("traces/raw: {receivers: [otlp], exporters: [otlp/raw]}")
        .set("processors.pricetag.settle_after=8s")
        .set("processors.pricetag.hold=4s")
        .start()
        .await;
    let [root, call] = root_and_call(1);
    let (root_name, call_name) = (root.name.clone(), call.name.clone());
    let begun = Instant::now();
    pricetag.deliver_spans(&request(vec![call])).await;
    one(&raw, &call_name).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    pricetag.deliver_spans(&request(vec![root])).await;
    one(&raw, &root_name).await;
    let was_held = arrived(&priced, &call_name).is_empty() || begun.elapsed() > Duration::from_secs(4);
    assert!(was_held, "after {:?}", begun.elapsed());

    let call = one(&priced, &call_name).await;
    assert!(begun.elapsed() >= Duration::from_millis(3_900), "{:?}", begun.elapsed());
    assert_eq!((call.string("user.id"), call.double("pricetag.cost.total")), ("u1", Some(2.5)));
    let root = one(&priced, &root_name).await;
    assert_eq!(root.double("pricetag.action.cost"), Some(2.5), "{root:?}");
    assert!(arrived(&raw, &call_name)[0].double("pricetag.cost.total").is_none());
    eventually("the ledger", async || (cost(&pricetag, "u1").await? == "2.5").then_some(())).await;
    assert_eq!((arrived(&priced, &call_name).len(), arrived(&priced, &root_name).len()), (1, 1));
}

/// Scenario: a call and its root are held when the process is killed; the next one starts when the trace would have settled.
/// Guarantees: the call leaves with the root's user all the same, the root with what the call has cost; it counts once.
#[tokio::test]
async fn a_trace_is_open_as_long_as_it_is_held() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set("processors.pricetag.settle_after=1s")
        .set("processors.pricetag.hold=1s")
        .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.db").display()));
    let [root, call] = root_and_call(1);
    let (root_name, call_name) = (root.name.clone(), call.name.clone());
    let first = setup.clone().start().await;
    first.deliver_spans(&request(vec![call])).await;
    first.deliver_spans(&request(vec![root])).await;
    first.signal("KILL");
    drop(first);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = setup.start().await;
    let call = one(&sink, &call_name).await;
    assert_eq!((call.string("user.id"), call.double("pricetag.cost.total")), ("u1", Some(2.5)));
    assert_eq!(one(&sink, &root_name).await.double("pricetag.action.cost"), Some(2.5));
    eventually("the ledger", async || (cost(&second, "u1").await? == "2.5").then_some(())).await;
}

/// Scenario: kill -9 while requests are held; the next process holds them on, and a third one holds nothing.
/// Guarantees: what was acknowledged arrives, with the user that only the root knows; it counts once.
#[tokio::test]
async fn what_is_held_survives() {
    let sink = Sink::start().await;
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set("processors.pricetag.settle_after=30s")
        .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.db").display()));
    let held = setup.clone().set("processors.pricetag.hold=30s");
    let [root, call] = root_and_call(1);
    let name = call.name.clone();
    let first = held.clone().start().await;
    first.deliver_spans(&request(vec![call])).await;
    first.signal("KILL");
    drop(first);
    let mut second = held.start().await;
    second.deliver_spans(&request(vec![root])).await;
    assert!(arrived(&sink, &name).is_empty());
    second.stop().await;
    assert!(arrived(&sink, &name).is_empty(), "the next process is there for it");
    let third = setup.start().await;
    let call = one(&sink, &name).await;
    assert_eq!((call.string("user.id"), call.double("pricetag.cost.total")), ("u1", Some(2.5)));
    let (_, answer) = third.get("/api/v1/costs?by=user").await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["total"], &answer["pending"]), (&"0".into(), &"2.5".into()), "{answer}");
}

/// Scenario: more is held than `max_held_mib`; then SIGTERM where everything is in memory.
/// Guarantees: the oldest go early, nobody is refused; at the end all go, with what spans above them say.
#[tokio::test]
async fn more_than_may_be_held_goes_early() {
    let sink = Sink::start().await;
    let mut pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .in_memory("otlp/a")
        .set("processors.pricetag.ledger.file=':memory:'")
        .set("processors.pricetag.settle_after=60s")
        .set("processors.pricetag.hold=60s")
        .set("processors.pricetag.max_held_mib=1")
        .start()
        .await;
    let large = |number| {
        let mut span = gpt_4o(number, 1_000_000, 0);
        span.attributes.push(attribute("prompt", &*"p".repeat(300 << 10)));
        request(vec![span])
    };
    for number in 1..=5 {
        pricetag.deliver_spans(&large(number)).await;
    }
    eventually("two of five go early", async || (sink.taken(Signal::Traces).len() == 2).then_some(())).await;
    assert_eq!(arrived(&sink, "span 1").len(), 1);
    let scrape = pricetag.scrape().await;
    assert_eq!(scrape.sum("pricetag_held_let_go_early", &[]), 2.0);
    assert!((900_000.0..1_100_000.0).contains(&scrape.sum("pricetag_held_bytes", &[])));
    let [root, call] = root_and_call(50);
    let name = call.name.clone();
    pricetag.deliver_spans(&request(vec![call])).await;
    pricetag.deliver_spans(&request(vec![root])).await;
    pricetag.stop().await;
    assert_eq!(sink.taken(Signal::Traces).len(), 7);
    assert_eq!(one(&sink, &name).await.string("user.id"), "u50");
}
