//! Real captures through the running binary, against what the calls truly cost.

use std::collections::HashSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::process::Setup;
use crate::support::spans::{ALIASES, Attributes as _, by_id, picodollars, spans, without_ours};
use crate::support::{CAPTURES, Sink, Via, capture};

/// What a span must carry: name, status, reason, then total, input and output in picodollars.
type Truth = (&'static str, &'static str, &'static str, Option<(i128, i128, i128)>);

/// gpt-5-mini is $0.25 and $2 per million tokens, gpt-4o $2.50 and $10, the embedding $0.02; this dialect does
/// not tell the cached tokens.
const OPENAI: [Truth; 6] = [
    ("chat gpt-5-mini", "priced", "", Some((1_075_000_000, 375_000_000, 700_000_000))),
    ("chat gpt-5-mini", "priced", "", Some((1_075_000_000, 375_000_000, 700_000_000))),
    ("chat gpt-5-mini", "no_usage", "no usage on the span; a stream reports it with include_usage", None),
    (
        "chat gpt-4o",
        "priced",
        "no price for service tier flex: standard used",
        Some((7_250_000_000, 3_750_000_000, 3_500_000_000)),
    ),
    ("chat gpt-4o", "failed", "the call failed and tells no usage", None),
    ("embeddings text-embedding-3-small", "priced", "", Some((840_000, 840_000, 0))),
];

/// The unpriced spans of a request carry no money, under no name.
fn assert_no_cost(span: &Span) {
    assert_eq!(span.keys("pricetag.cost."), [""; 0], "{}", span.name);
    assert!(ALIASES.iter().all(|alias| span.value(alias).is_none()), "{}", span.name);
}

/// Total and aliases are one number, and the parts add up to it, picodollar by picodollar.
fn assert_cost(span: &Span, total: i128) {
    let money = |key: &str| picodollars(span.double(key).unwrap());
    assert_eq!(money("pricetag.cost.total"), total, "{}", span.name);
    for alias in ALIASES {
        assert_eq!(money(alias), total, "{alias} of {}", span.name);
    }
    let parts = span.keys("pricetag.cost.").into_iter().filter(|key| *key != "pricetag.cost.total");
    assert_eq!(parts.map(money).sum::<i128>(), total, "{}", span.name);
}

fn assert_openai(request: &ExportTraceServiceRequest) {
    let spans = spans(request);
    assert_eq!(spans.len(), OPENAI.len());
    for (span, (name, status, reason, cost)) in spans.into_iter().zip(OPENAI) {
        assert_eq!((span.name.as_str(), span.string("pricetag.status")), (name, status));
        assert_eq!(span.string("pricetag.reason"), reason);
        let Some((total, input, output)) = cost else {
            assert_no_cost(span);
            continue;
        };
        assert_cost(span, total);
        let money = |key: &str| picodollars(span.double(key).unwrap());
        assert_eq!((money("pricetag.cost.input"), money("pricetag.cost.output")), (input, output));
        assert_eq!(span.keys("pricetag.cost.").len(), 3, "parts that are zero are left out");
    }
}

fn assert_anthropic(request: &ExportTraceServiceRequest) {
    let spans = spans(request);
    let (native, instrumented): (Vec<&Span>, Vec<&Span>) =
        spans.into_iter().partition(|span| span.name == "anthropic.messages.create");
    assert_eq!((native.len(), instrumented.len()), (3, 3));
    for span in &native {
        assert_eq!((span.string("pricetag.status"), span.value("pricetag.reason")), ("priced", None));
        assert_cost(span, 7_435_200_000);
        let money = |key: &str| picodollars(span.double(key).unwrap());
        assert_eq!(money("pricetag.cost.input"), 176 * 3_000_000);
        assert_eq!(money("pricetag.cost.output"), 350 * 15_000_000);
        assert_eq!(money("pricetag.cost.cache_read"), 1024 * 300_000);
        assert_eq!(money("pricetag.cost.cache_write"), 200 * 3_750_000 + 100 * 6_000_000, "5m and 1h");
    }
    let mut counterparts = HashSet::new();
    for span in instrumented {
        assert_eq!(span.string("pricetag.status"), "duplicate");
        assert_no_cost(span);
        let of = span.string("pricetag.duplicate_of");
        let id: Vec<u8> =
            (0..16).step_by(2).map(|at| u8::from_str_radix(&of[at..at + 2], 16).unwrap()).collect();
        let native = by_id(request, &id);
        assert_eq!((native.name.as_str(), &native.trace_id), ("anthropic.messages.create", &span.trace_id));
        assert!(counterparts.insert(id), "two duplicates of one call");
    }
}

/// Scenario: each capture by gRPC and by HTTP, as protobuf and as JSON, plain and compressed, to one server over
/// gRPC and to one over HTTP.
/// Guarantees: every span arrives once at both, with its true price and status; nothing else has changed.
#[tokio::test]
async fn captures_arrive_priced() {
    let mut ways: tokio::task::JoinSet<()> = Via::ALL.into_iter().map(arrive_priced).collect();
    while let Some(way) = ways.join_next().await {
        way.unwrap();
    }
}

async fn arrive_priced(via: Via) {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let mut pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    for name in CAPTURES {
        let body = capture(name, if via.is_json() { "traces.json" } else { "traces.pb" });
        pricetag.deliver(via, Signal::Traces, body).await;
    }
    for sink in [&by_grpc, &by_http] {
        let arrived = sink.traces(CAPTURES.len()).await;
        for name in CAPTURES {
            let sent = ExportTraceServiceRequest::decode(capture(name, "traces.pb")).unwrap();
            let id = &spans(&sent)[0].span_id;
            let same = |request: &&ExportTraceServiceRequest| spans(request)[0].span_id == *id;
            let request = arrived.iter().find(same).unwrap();
            assert_eq!(without_ours(request), sent, "{name} by {via:?}");
            if name.contains("anthropic") { assert_anthropic(request) } else { assert_openai(request) }
        }
    }
    for (sink, compressed) in [(&by_grpc, true), (&by_http, false)] {
        let seen = &sink.taken(Signal::Traces)[0];
        let header = if compressed { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(seen.headers.get(header).is_some(), compressed);
        assert!(seen.headers["user-agent"].to_str().unwrap().starts_with("pricetag/"));
    }
    let scrape = pricetag.settled(18).await;
    for (status, calls) in [("priced", 11.0), ("no_usage", 2.0), ("failed", 2.0), ("duplicate", 3.0)] {
        assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", status)]), calls, "{status}");
    }
    pricetag.stop().await;
}

/// Scenario: `attributes: full` and one alias only.
/// Guarantees: currency, catalog model and version stand on priced spans; only that alias is written.
#[tokio::test]
async fn full_attributes_and_chosen_aliases() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set("processors.pricetag.attributes=full")
        .set("processors.pricetag.aliases=[operation.cost]")
        .start()
        .await;
    pricetag.deliver(Via::Grpc, Signal::Traces, capture(CAPTURES[0], "traces.pb")).await;
    let arrived = sink.traces(1).await;
    let priced = spans(&arrived[0])[0];
    assert_eq!(priced.string("pricetag.cost.currency"), "USD");
    assert_eq!(priced.string("pricetag.catalog.model"), "gpt-5-mini");
    assert!(!priced.string("pricetag.catalog.version").is_empty());
    assert_eq!(priced.double("operation.cost"), Some(0.001075));
    assert_eq!(priced.value("gen_ai.usage.cost"), None);
    let unpriced = spans(&arrived[0])[2];
    assert_eq!(unpriced.string("pricetag.status"), "no_usage");
    assert_no_cost(unpriced);
}
