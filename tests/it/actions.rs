//! What a trace cost, after it came in: the event `pricetag.action` that goes out, and `/api/v1/costs`.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::process::{AFTER_THE_NEXT, Setup};
use crate::support::spans::{IntoValue as _, attribute, chat, gpt_4o, request, span};
use crate::support::{Pricetag, Sink, eventually};

const PRICED: &str = "{receivers: [otlp], processors: [pricetag], exporters: [otlp/a]}";

/// All events that have arrived.
fn events(sink: &Sink) -> Vec<LogRecord> {
    let mut events = Vec::new();
    for seen in sink.taken(Signal::Logs) {
        for resource in ExportLogsServiceRequest::decode(seen.body).unwrap().resource_logs {
            let own = &resource.resource.as_ref().unwrap().attributes;
            assert!(own.contains(&attribute("service.name", "pricetag")), "{own:?}");
            for scope in resource.scope_logs {
                assert_eq!(scope.scope.unwrap().name, "pricetag");
                events.extend(scope.log_records);
            }
        }
    }
    events
}

fn values(event: &LogRecord) -> BTreeMap<&str, Value> {
    let value = |it: &KeyValue| it.value.as_ref().unwrap().value.clone().unwrap();
    event.attributes.iter().map(|it| (it.key.as_str(), value(it))).collect()
}

/// The root of a trace: a web request of ann's.
fn root() -> Span {
    Span { name: "GET /ask".to_owned(), kind: 2, ..span(1, vec![attribute("user.id", "ann")]) }
}

/// A call below it.
fn below_root(mut call: Span, more: &[(&str, &str)]) -> Span {
    (call.trace_id, call.parent_span_id) = (root().trace_id, root().span_id);
    call.attributes.extend(more.iter().map(|(key, value)| attribute(key, *value)));
    call
}

/// Scenario: three calls for two features, one of an unknown model; then the root of their trace, which alone knows the user. When it
/// has settled a call comes late, and SIGTERM while that is pending. A second logs pipeline does not price.
/// Guarantees: an event when the trace settles, and one before the end for what came late; both as exact as the ledger, together
/// the cost of the trace; they go where logs are priced, and nowhere else.
#[tokio::test]
async fn a_trace_that_settles_tells_its_cost() {
    let (sink, raw) = (Sink::start().await, Sink::start().await);
    let mut pricetag = Setup::bare(&[sink.otlp("a", ""), raw.otlp("raw", "")])
        .pipeline(&format!("traces: {PRICED}"))
        .pipeline(&format!("logs: {PRICED}"))
        .pipeline("logs/raw: {receivers: [otlp], exporters: [otlp/raw]}")
        .set(AFTER_THE_NEXT)
        .in_memory("otlp/a")
        .in_memory("otlp/raw")
        .start()
        .await;
    let unknown = chat(4, "nobody-knows", vec![attribute("gen_ai.usage.input_tokens", 5)]);
    pricetag
        .deliver_spans(&request(vec![
            below_root(gpt_4o(2, 1_000_000, 100), &[("feature", "search")]),
            below_root(gpt_4o(3, 1, 0), &[("feature", "chat")]),
            below_root(unknown, &[("feature", "chat")]),
        ]))
        .await;
    pricetag.deliver_spans(&request(vec![root()])).await;
    pricetag.settled(3).await;
    eventually("the event", async || (!events(&sink).is_empty()).then_some(())).await;
    // It is open when the signal comes, so this also shows that the last events leave.
    pricetag.deliver_spans(&request(vec![below_root(gpt_4o(5, 2, 0), &[("feature", "chat")])])).await;
    pricetag.stop().await;

    let [first, late] = &events(&sink)[..] else { panic!("{:#?}", events(&sink)) };
    for event in [first, late] {
        assert_eq!(event.event_name, "pricetag.action");
        assert_eq!(event.trace_id, root().trace_id);
    }
    assert_eq!(first.span_id, root().span_id);
    let text = |text: &str| text.value();
    let expected = [
        ("pricetag.action.calls", 3.value()),
        ("pricetag.action.cost", 2.5010025.value()),
        ("pricetag.action.cost.picodollars", text("2501002500000")),
        ("pricetag.action.name", text("GET /ask")),
        ("pricetag.action.tokens.input", 1_000_006.value()),
        ("pricetag.action.tokens.output", 100.value()),
        ("pricetag.action.unpriced", 1.value()),
        ("user.id", text("ann")),
    ];
    assert_eq!(values(first), expected.into());
    let expected = [
        ("pricetag.action.calls", 1.value()),
        ("pricetag.action.cost", 0.000005.value()),
        ("pricetag.action.cost.picodollars", text("5000000")),
        ("pricetag.action.tokens.input", 2.value()),
        ("pricetag.action.tokens.output", 0.value()),
        ("pricetag.feature", text("chat")),
    ];
    assert_eq!(values(late), expected.into());
    assert!(raw.taken(Signal::Logs).is_empty());
}

async fn costs(pricetag: &Pricetag, query: &str) -> (u16, serde_json::Value) {
    let (status, body) = pricetag.get(&format!("/api/v1/costs{query}")).await.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

/// Scenario: calls of three users and of nobody, one call without a price; asked by user, by a model, of open traces, with fewer rows
/// than there are; after the end, which settles them, and a new start; by the name of a foreign host.
/// Guarantees: each value's money to the picodollar, the dearest first; unknown users and unknown costs as such; what is cut is
/// `other`; pages of other sites can not read it.
#[tokio::test]
async fn costs_by_dimension() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .in_memory("otlp/a")
        .set("processors.pricetag.settle_after=1h")
        .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.sqlite").display()));
    let mut pricetag = setup.clone().start().await;
    let call = |number: u64, user: &str, input: i64| {
        let mut call = gpt_4o(number, input, 7);
        call.attributes.push(attribute("user.id", user));
        call
    };
    let mut unknown = chat(9, "nobody-knows", vec![attribute("gen_ai.usage.input_tokens", 5)]);
    unknown.attributes.push(attribute("user.id", "dan"));
    let calls = vec![
        call(1, "ann", 1),
        call(2, "ben & co", 1_000_000),
        call(3, "ann", 2),
        call(4, "eve", 10),
        gpt_4o(5, 100, 0),
        unknown,
    ];
    pricetag.deliver_spans(&request(calls)).await;
    // It is booked after it was acknowledged.
    let open = eventually("pending money", async || {
        let (status, open) = costs(&pricetag, "?by=user&top=1&since=400d").await;
        assert_eq!(status, 200, "{open}");
        (open["rows"] != serde_json::json!([])).then_some(open)
    });
    let open = open.await;
    let told = |row: &serde_json::Value| {
        ["value", "cost", "pending", "pending_calls", "calls"].map(|key| row[key].clone())
    };
    let expected =
        serde_json::json!([["ben & co", "0", "2.50007", 1, 0], ["other", "0", "0.0004925", 5, 0],]);
    let rows: Vec<_> = open["rows"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(serde_json::json!(rows), expected);
    assert_eq!(
        [&open["by"], &open["currency"], &open["total"], &open["pending"]],
        ["user", "USD", "0", "2.5005625"]
    );

    pricetag.stop().await;
    let pricetag = setup.start().await;
    let (_, settled) = costs(&pricetag, "?by=user&since=400d").await;
    let row = |value: &str, cost: Option<&str>, calls: u64, input: u64, output: u64| {
        serde_json::json!({
            "value": value, "cost": cost, "pending": "0", "estimate": cost, "cache_savings": cost.map(|_| "0"), "calls": calls,
            "pending_calls": 0, "unpriced": u64::from(cost.is_none()), "misdated": 0, "actions": calls, "input_tokens": input,
            "cached_tokens": 0, "output_tokens": output, "reasoning_tokens": 0,
        })
    };
    let expected = serde_json::json!([
        row("ben & co", Some("2.50007"), 1, 1_000_000, 7),
        row("", Some("0.00025"), 1, 100, 0),
        row("ann", Some("0.0001475"), 2, 3, 14),
        row("eve", Some("0.000095"), 1, 10, 7),
        row("dan", None, 1, 5, 0),
    ]);
    assert_eq!(settled["rows"], expected);
    assert_eq!([&settled["total"], &settled["pending"]], ["2.5005625", "0"]);
    let (_, by_model) = costs(&pricetag, "?top=2&by=model%5fasked&since=400d").await;
    let models: Vec<_> = by_model["rows"].as_array().unwrap().iter().map(|row| &row["value"]).collect();
    assert_eq!(models, ["gpt-4o", "nobody-knows"]);

    let url = format!("http://{}/api/v1/costs?by=user", pricetag.admin);
    for (host, expected) in [
        ("evil.example", 403),
        ("localhost.evil.example:80", 403),
        ("localhost:8888", 200),
        ("[::1]:8888", 200),
        ("10.0.0.7", 200),
    ] {
        let reply = pricetag.client.get(&url).header("host", host).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), expected, "{host}");
    }
}
