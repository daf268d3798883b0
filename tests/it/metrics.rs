//! Several pipelines, and the money of what passes: `/metrics`, and the cost metrics that leave by OTLP.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, NumberDataPoint};
use pricetag::otlp::Signal;

use crate::support::process::{AFTER_THE_NEXT, Setup};
use crate::support::spans::{agent_and_call, attribute, chat, gpt_4o, picodollars, request};
use crate::support::{CAPTURES, Sink, Via, capture, eventually};

/// What the three captures cost together: (0.00940084 twice, and 0.0223056) dollars in picodollars.
const TOTAL: i128 = 2 * 9_400_840_000 + 22_305_600_000;

/// Scenario: a pipeline that prices and one that does not, to two servers; a third pipeline that prices as
/// well, to both.
/// Guarantees: the unpriced pipeline's bytes are those that came; the priced copy comes once however many
/// pipelines give it to a server; each call is counted once.
#[tokio::test]
async fn pipelines_with_and_without_the_processor() {
    let (priced, raw) = (Sink::start().await, Sink::start().await);
    let pricetag = Setup::bare(&[priced.otlp("priced", ""), raw.otlp("raw", "")])
        .pipeline("traces: {receivers: [otlp], processors: [pricetag], exporters: [otlp/priced]}")
        .pipeline("traces/again: {receivers: [otlp], processors: [pricetag], exporters: [otlp/priced]}")
        .pipeline("traces/raw: {receivers: [otlp], exporters: [otlp/raw]}")
        .start()
        .await;
    let sent = CAPTURES.map(|name| capture(name, "traces.pb"));
    for body in &sent {
        pricetag.deliver(Via::Grpc, Signal::Traces, body.clone()).await;
    }
    priced.traces(3).await;
    raw.traces(3).await;
    for body in &sent {
        assert_eq!(raw.taken(Signal::Traces).iter().filter(|seen| seen.body == *body).count(), 1);
        assert!(priced.taken(Signal::Traces).iter().all(|seen| seen.body != *body));
    }

    let scrape = pricetag.settled(18).await;
    assert_eq!(scrape.money("pricetag_cost", &[]), TOTAL);
    let openai = ("gen_ai_provider_name", "openai");
    assert_eq!(scrape.money("pricetag_cost", &[openai]), 2 * 9_400_840_000);
    for (status, calls) in [("priced", 11.0), ("no_usage", 2.0), ("failed", 2.0), ("duplicate", 3.0)] {
        assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", status)]), calls, "{status}");
    }
    let tokens = |kind| scrape.sum("pricetag_tokens", &[("gen_ai_token_type", kind)]);
    assert_eq!(tokens("input"), f64::from(6 * 1500 + 2 * 42 + 3 * 1500), "cached tokens included, each once");
    assert_eq!(tokens("output"), f64::from(9 * 350));
    assert_eq!(scrape.sum("pricetag_pending", &[]), 0.0);
    assert_eq!(scrape.sum("otelcol_receiver_accepted_spans", &[("transport", "grpc")]), 18.0);
    for exporter in ["otlp/priced", "otlp/raw"] {
        assert_eq!(scrape.sum("otelcol_exporter_sent_spans", &[("exporter", exporter)]), 18.0, "{exporter}");
    }
}

/// Scenario: one exporter in a pipeline that prices and in one that does not.
/// Guarantees: it gets both: the request as it came, and the priced one.
#[tokio::test]
async fn one_exporter_in_two_kinds_of_pipeline() {
    let sink = Sink::start().await;
    let pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline("traces: {receivers: [otlp], processors: [pricetag], exporters: [otlp/a]}")
        .pipeline("traces/raw: {receivers: [otlp], exporters: [otlp/a]}")
        .start()
        .await;
    let body = capture(CAPTURES[0], "traces.pb");
    pricetag.deliver(Via::Grpc, Signal::Traces, body.clone()).await;
    sink.traces(2).await;
    assert_eq!(sink.taken(Signal::Traces).iter().filter(|seen| seen.body == body).count(), 1);
    pricetag.settled(6).await;
}

/// Scenario: a span is open, then its trace settles, for the end comes, and there is a new start; user and feature stand on span
/// and resource.
/// Guarantees: pending money shows until then and never in the monotonic sum; the feature is a label.
#[tokio::test]
async fn pending_money_becomes_settled_money() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .in_memory("otlp/a")
        .set("processors.pricetag.settle_after=1h")
        .set(format!("processors.pricetag.ledger.file={}", folder.path().join("ledger.sqlite").display()));
    let mut pricetag = setup.clone().start().await;
    let mut call = gpt_4o(1, 1_000_000, 0);
    call.attributes.push(attribute("feature", "search"));
    pricetag.deliver_spans(&request(vec![call])).await;
    let before = eventually("pending money", async || {
        let scrape = pricetag.scrape().await;
        (scrape.sum("pricetag_pending", &[]) == 2.5).then_some(scrape)
    });
    assert_eq!(before.await.sum("pricetag_cost", &[]), 0.0);
    pricetag.stop().await;
    let pricetag = setup.start().await;
    let after = pricetag.settled(1).await;
    assert_eq!(after.sum("pricetag_pending", &[]), 0.0);
    assert_eq!(after.sum("pricetag_cost", &[("pricetag_feature", "search")]), 2.5);
}

/// Scenario: an agent's span comes a request before the call below it, and repeats its usage.
/// Guarantees: when the trace settles the call's money counts once, and the agent is an `aggregate`.
#[tokio::test]
async fn an_agent_before_its_call_counts_once() {
    let sink = Sink::start().await;
    let mut pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").set(AFTER_THE_NEXT).start().await;
    for span in agent_and_call() {
        pricetag.deliver_spans(&request(vec![span])).await;
    }
    let scrape = pricetag.settled(2).await;
    assert_eq!(scrape.sum("pricetag_cost", &[]), 2.5);
    for status in ["aggregate", "priced"] {
        assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", status)]), 1.0, "{status}");
    }
    pricetag.stop().await;
    assert_eq!(final_cost(&sink), 2_500_000_000_000);
}

/// Scenario: captures and a thousand small calls, then SIGTERM.
/// Guarantees: the cost metrics arrive as cumulative monotonic sums in USD from one start time, never fall,
/// and end at the exact total, tokens and calls with them.
#[tokio::test]
async fn cost_metrics_end_at_the_exact_total() {
    let sink = Sink::start().await;
    let exporters = [sink.otlp("a", "")];
    let mut pricetag = Setup::new(&exporters, "otlp/a")
        .in_memory("otlp/a")
        .set("processors.pricetag.settle_after=100ms")
        .start()
        .await;
    for name in CAPTURES {
        pricetag.deliver(Via::Grpc, Signal::Traces, capture(name, "traces.pb")).await;
    }
    // 1 + 2 + ... + 1000 input tokens at 2,500,000 picodollars, 1000 output tokens at 10,000,000.
    let small = 2_500_000 * 1001 * 500 + 10_000_000 * 1000;
    for batch in 0..10 {
        let calls = (1..=100).map(|n| gpt_4o(1000 + batch * 100 + n, (batch * 100 + n) as i64, 1)).collect();
        pricetag.deliver_spans(&request(calls)).await;
    }
    pricetag.settled(1018).await;
    pricetag
        .deliver_spans(&request(vec![chat(
            1,
            "nobody-knows",
            vec![attribute("gen_ai.usage.input_tokens", 5)],
        )]))
        .await;
    // The last call has not settled: the shutdown does that.
    pricetag.stop().await;

    let pushed = sink.cost_metrics();
    let last = totals(pushed.last().expect("cost metrics arrive at the latest with the shutdown"));
    assert_eq!(final_cost(&sink), TOTAL + small);
    let sum = |name: &str, label: (&str, &str)| -> f64 {
        let has =
            |labels: &String| label.0.is_empty() || labels.contains(&format!("{}={};", label.0, label.1));
        last.iter().filter(|((of, labels), _)| of == name && has(labels)).map(|(_, (_, value))| value).sum()
    };
    assert_eq!(sum("pricetag.calls", ("pricetag.status", "priced")), 1011.0);
    assert_eq!(sum("pricetag.calls", ("pricetag.status", "unknown_model")), 1.0);
    assert_eq!(sum("pricetag.calls", ("", "")), 1019.0);
    assert_eq!(sum("pricetag.tokens", ("gen_ai.token.type", "output")), f64::from(9 * 350 + 1000));

    let starts: Vec<u64> =
        pushed.iter().flat_map(|push| totals(push).into_values().map(|(start, _)| start)).collect();
    assert!(starts.iter().all(|start| *start == starts[0] && *start > 0), "{starts:?}");
    for pair in pushed.windows(2) {
        let (earlier, later) = (totals(&pair[0]), totals(&pair[1]));
        assert!(
            earlier.iter().all(|(series, (_, value))| later[series].1 >= *value),
            "nothing is taken back"
        );
    }
    let resource = pushed[0].resource_metrics[0].resource.as_ref().unwrap();
    let keys: Vec<&str> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.contains(&"service.name") && keys.contains(&"service.instance.id"), "{keys:?}");
}

/// The money in the last cost metrics that arrived, in picodollars.
pub(crate) fn final_cost(sink: &Sink) -> i128 {
    let last =
        totals(sink.cost_metrics().last().expect("cost metrics arrive at the latest with the shutdown"));
    let cost = last.into_iter().filter(|((name, _), _)| name == "pricetag.cost");
    cost.map(|(_, (_, value))| picodollars(value)).sum()
}

/// All points of the monotonic sums in a request: start and value by name and labels.
pub(crate) fn totals(request: &ExportMetricsServiceRequest) -> BTreeMap<(String, String), (u64, f64)> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let mut totals = BTreeMap::new();
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        let Some(Data::Sum(sum)) = &metric.data else { continue };
        assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Cumulative, "{}", metric.name);
        for point in sum.data_points.iter().filter(|_| sum.is_monotonic) {
            let series = (metric.name.clone(), labels(&point.attributes));
            let known = totals.insert(series, (point.start_time_unix_nano, value(point)));
            assert!(known.is_none(), "a series stands twice: {point:?}");
        }
    }
    totals
}

fn labels(attributes: &[KeyValue]) -> String {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{}={text};", attribute.key),
        other => panic!("{other:?}"),
    };
    let mut labels: Vec<String> = attributes.iter().map(text).collect();
    labels.sort();
    labels.concat()
}

fn value(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Number::AsDouble(value)) => value,
        Some(Number::AsInt(value)) => value as f64,
        None => panic!("{point:?}"),
    }
}
