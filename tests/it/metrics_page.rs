//! `docs/metrics.md` lists the metrics that the binary exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality::Cumulative;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::Code;

use crate::support::process::Setup;
use crate::support::scrape::Scrape;
use crate::support::spans::{attribute, chat, gpt_4o, request};
use crate::support::{Answer, CAPTURES, Sink, Via, capture, eventually};

const MARK: &str = "<!-- What follows is made from what the binary exports: UPDATE_DOCS=1 cargo test --test it metrics_page -->\n";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")
}

/// Scenario: a pricetag whose traffic has something of everything: dimensions that are labels, cached and reasoning tokens, a sender's own
/// cost, a sampled span, a model that nobody knows, bodies that are refused and an exporter that fails.
/// Guarantees: what it exports is what the page lists, with unit, kind and labels.
#[tokio::test]
async fn the_page_lists_the_metrics() {
    let (sink, failing) = (Sink::start().await, Sink::start().await);
    failing.script(vec![Answer::Fail(Code::InvalidArgument); 10_000]);
    let exporters = [sink.otlp("a", ""), failing.otlp("b", "")];
    let mut pricetag = Setup::new(&exporters, "otlp/a, otlp/b")
        .set("processors.redact={drop: [messages]}")
        .set("service.pipelines.logs.processors=[redact]")
        .start()
        .await;

    let mut call = gpt_4o(1, 1_000_000, 1_000);
    call.trace_state = "ot=th:8".to_owned();
    for (key, value) in [("feature", "search"), ("workflow", "triage"), ("tier", "pro"), ("user.id", "ann")] {
        call.attributes.push(attribute(key, value));
    }
    call.attributes.push(attribute("gen_ai.response.model", "gpt-4o"));
    call.attributes.push(attribute("gen_ai.usage.cache_read.input_tokens", 400_000_i64));
    call.attributes.push(attribute("gen_ai.usage.reasoning.output_tokens", 300_i64));
    call.attributes.push(attribute("gen_ai.usage.cost", 3.0));
    let unknown = chat(5, "nobody-knows", vec![attribute("gen_ai.usage.input_tokens", 5_i64)]);
    pricetag.deliver_spans(&request(vec![Span { parent_span_id: Vec::new(), ..call }, unknown])).await;
    pricetag.deliver(Via::Grpc, Signal::Metrics, capture(CAPTURES[0], "metrics.pb")).await;
    let record = ScopeLogs { log_records: vec![LogRecord::default()], ..ScopeLogs::default() };
    let logs = vec![ResourceLogs { scope_logs: vec![record], ..ResourceLogs::default() }];
    let logs = ExportLogsServiceRequest { resource_logs: logs }.encode_to_vec();
    pricetag.deliver(Via::Grpc, Signal::Logs, logs.into()).await;
    for signal in Signal::ALL {
        let refused = pricetag.post(signal, &[("content-type", "application/x-protobuf")], "x".into()).await;
        assert_eq!(refused.status, 400);
        sink.wait_for(signal, 1).await;
    }
    pricetag.settled(2).await;
    let scrape =
        eventually("failures of all signals, and the share, which is told a moment later", async || {
            let scrape = pricetag.scrape().await;
            let failed = Signal::ALL.map(|signal| format!("otelcol_exporter_send_failed_{}", signal.items()));
            let all = failed.iter().map(String::as_str).chain(["pricetag_unpriced_share"]);
            all.into_iter().all(|name| scrape.sum(name, &[]) > 0.0).then_some(scrape)
        })
        .await;
    pricetag.stop().await;

    let pushed = sink.cost_metrics().pop().unwrap();
    let scopes = pushed.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics: BTreeMap<&str, &Metric> =
        scopes.flat_map(|scope| &scope.metrics).map(|metric| (metric.name.as_str(), metric)).collect();
    let tables = tables(&metrics, &scrape);

    let page = fs::read_to_string(path()).unwrap();
    let (head, found) = page.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path(), format!("{head}{MARK}{tables}")).unwrap();
    } else {
        assert!(
            found == tables,
            "docs/metrics.md is out of date: UPDATE_DOCS=1 cargo test --test it metrics_page\n{tables}"
        );
    }
}

fn tables(metrics: &BTreeMap<&str, &Metric>, scrape: &Scrape) -> String {
    let mut page =
        "\n## Of the money that passes\n\n| metric | unit | kind | labels | |\n|---|---|---|---|---|\n"
            .to_owned();
    let (_, of_cost) = kind(metrics["pricetag.cost"]);
    for (name, metric) in metrics {
        let (kind, mut labels) = kind(metric);
        let is_like_cost = *name != "pricetag.cost" && labels.is_superset(&of_cost);
        labels.retain(|label| !is_like_cost || !of_cost.contains(label));
        let like_cost = is_like_cost.then(|| "those of `pricetag.cost`".to_owned());
        let labels: Vec<String> =
            like_cost.into_iter().chain(labels.iter().map(|label| format!("`{label}`"))).collect();
        let Metric { unit, description, .. } = metric;
        writeln!(page, "| `{name}` | `{unit}` | {kind} | {} | {description} |", labels.join(", ")).unwrap();
    }
    page += "\n## Of pricetag itself\n\n| on `/metrics` | kind | labels | |\n|---|---|---|---|\n";
    let is_cost = |name: &str| {
        metrics.contains_key(name.replace('_', ".").as_str()) || name == "pricetag_call_reasoning_tokens"
    };
    for (name, [about, kind, labels]) in on_page(scrape).iter().filter(|(name, _)| !is_cost(name)) {
        writeln!(page, "| `{name}` | {kind} | {labels} | {about} |").unwrap();
    }
    page
}

/// What kind of metric it is, and the keys of its labels.
fn kind(metric: &Metric) -> (&'static str, BTreeSet<&str>) {
    fn all<'m>(attributes: impl Iterator<Item = &'m Vec<KeyValue>>) -> BTreeSet<&'m str> {
        attributes.flat_map(|attributes| keys(attributes)).collect()
    }
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            assert_eq!(sum.aggregation_temporality(), Cumulative, "{}", metric.name);
            let kind = if sum.is_monotonic { "counter" } else { "up-down counter" };
            (kind, all(sum.data_points.iter().map(|point| &point.attributes)))
        }
        Data::Gauge(gauge) => ("gauge", all(gauge.data_points.iter().map(|point| &point.attributes))),
        Data::ExponentialHistogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality(), Cumulative, "{}", metric.name);
            ("histogram", all(histogram.data_points.iter().map(|point| &point.attributes)))
        }
        other => panic!("{} is {other:?}", metric.name),
    }
}

fn keys(attributes: &[KeyValue]) -> impl Iterator<Item = &str> {
    attributes.iter().map(|attribute| attribute.key.as_str())
}

/// Description, kind and labels of each metric of a page.
fn on_page(scrape: &Scrape) -> BTreeMap<&str, [String; 3]> {
    let mut metrics: BTreeMap<&str, [String; 3]> = BTreeMap::new();
    let mut labels: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for line in scrape.text().lines() {
        let said = |prefix: &str| line.strip_prefix(prefix)?.split_once(' ');
        if let Some((name, about)) = said("# HELP ") {
            metrics.entry(name).or_default()[0] = about.to_owned();
        } else if let Some((name, kind)) = said("# TYPE ") {
            metrics.entry(name).or_default()[1] = kind.to_owned();
        } else if let Some((name, rest)) = line.split_once('{') {
            let pairs = rest.split("\",").filter_map(|pair| Some(pair.split_once("=\"")?.0.to_owned()));
            labels.entry(name).or_default().extend(pairs.filter(|key| !key.starts_with("otel_scope_")));
        }
    }
    metrics.retain(|name, _| *name != "target_info");
    for (name, [.., listed]) in &mut metrics {
        let of = labels.get(name).into_iter().flatten().map(|label| format!("`{label}`"));
        *listed = of.collect::<Vec<_>>().join(", ");
    }
    metrics
}
