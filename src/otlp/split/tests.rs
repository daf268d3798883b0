//! Divided requests, beside prost.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::otlp::wire::put_bytes;

/// Sizes of items, by resource, scope and (of data points) metric.
type Shape = Vec<Vec<Vec<Vec<usize>>>>;

fn resource(nth: usize) -> Option<Resource> {
    (!nth.is_multiple_of(3)).then(|| Resource { dropped_attributes_count: nth as u32, ..Resource::default() })
}

fn scope(nth: usize) -> Option<InstrumentationScope> {
    let scope = InstrumentationScope { name: "s".repeat(nth), ..InstrumentationScope::default() };
    (!nth.is_multiple_of(3)).then_some(scope)
}

fn traces(shape: &Shape) -> Vec<u8> {
    let span = |size: &usize| Span { name: "n".repeat(*size), ..Span::default() };
    let scopes = |(nth, metrics): (usize, &Vec<Vec<usize>>)| ScopeSpans {
        scope: scope(nth),
        spans: metrics.iter().flatten().map(span).collect(),
        schema_url: "u".repeat(nth % 2),
    };
    let resources = |(nth, of): (usize, &Vec<Vec<Vec<usize>>>)| ResourceSpans {
        resource: resource(nth),
        scope_spans: of.iter().enumerate().map(scopes).collect(),
        schema_url: "v".repeat(nth % 2),
    };
    ExportTraceServiceRequest { resource_spans: shape.iter().enumerate().map(resources).collect() }
        .encode_to_vec()
}

fn logs(shape: &Shape) -> Vec<u8> {
    let record = |size: &usize| LogRecord { event_name: "n".repeat(*size), ..LogRecord::default() };
    let scopes = |(nth, metrics): (usize, &Vec<Vec<usize>>)| ScopeLogs {
        scope: scope(nth),
        log_records: metrics.iter().flatten().map(record).collect(),
        schema_url: "u".repeat(nth % 2),
    };
    let resources = |(nth, of): (usize, &Vec<Vec<Vec<usize>>>)| ResourceLogs {
        resource: resource(nth),
        scope_logs: of.iter().enumerate().map(scopes).collect(),
        schema_url: "v".repeat(nth % 2),
    };
    ExportLogsServiceRequest { resource_logs: shape.iter().enumerate().map(resources).collect() }
        .encode_to_vec()
}

fn metrics(shape: &Shape) -> Vec<u8> {
    let number = |size: &usize| NumberDataPoint { flags: *size as u32 * 100, ..NumberDataPoint::default() };
    let metric = |(nth, sizes): (usize, &Vec<usize>)| Metric {
        name: format!("m{nth}"),
        unit: "u".repeat(nth),
        data: match nth % 4 {
            0 => None,
            1 => Some(Data::Gauge(Gauge { data_points: sizes.iter().map(number).collect() })),
            2 => Some(Data::Sum(Sum {
                data_points: sizes.iter().map(number).collect(),
                aggregation_temporality: 2,
                is_monotonic: true,
            })),
            _ => {
                let point = |size: &usize| HistogramDataPoint {
                    bucket_counts: vec![7; *size],
                    ..HistogramDataPoint::default()
                };
                let data_points = sizes.iter().map(point).collect();
                Some(Data::Histogram(Histogram { data_points, aggregation_temporality: 1 }))
            }
        },
        ..Metric::default()
    };
    let scopes = |(nth, metrics): (usize, &Vec<Vec<usize>>)| ScopeMetrics {
        scope: scope(nth),
        metrics: metrics.iter().enumerate().map(metric).collect(),
        schema_url: "u".repeat(nth % 2),
    };
    let resources = |(nth, of): (usize, &Vec<Vec<Vec<usize>>>)| ResourceMetrics {
        resource: resource(nth),
        scope_metrics: of.iter().enumerate().map(scopes).collect(),
        schema_url: "v".repeat(nth % 2),
    };
    ExportMetricsServiceRequest { resource_metrics: shape.iter().enumerate().map(resources).collect() }
        .encode_to_vec()
}

/// Every item with all that stands around it, and every message without items likewise, as prost sees them.
fn told(signal: Signal, body: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    match signal {
        Signal::Traces => {
            for mut resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                let scopes = std::mem::take(&mut resource.scope_spans);
                if scopes.is_empty() {
                    told.push(format!("{resource:?}"));
                }
                for mut scope in scopes {
                    let spans = std::mem::take(&mut scope.spans);
                    if spans.is_empty() {
                        told.push(format!("{resource:?} {scope:?}"));
                    }
                    told.extend(spans.iter().map(|span| format!("{resource:?} {scope:?} {span:?}")));
                }
            }
        }
        Signal::Logs => {
            for mut resource in ExportLogsServiceRequest::decode(body).unwrap().resource_logs {
                let scopes = std::mem::take(&mut resource.scope_logs);
                if scopes.is_empty() {
                    told.push(format!("{resource:?}"));
                }
                for mut scope in scopes {
                    let records = std::mem::take(&mut scope.log_records);
                    if records.is_empty() {
                        told.push(format!("{resource:?} {scope:?}"));
                    }
                    told.extend(records.iter().map(|record| format!("{resource:?} {scope:?} {record:?}")));
                }
            }
        }
        Signal::Metrics => {
            for mut resource in ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics {
                let scopes = std::mem::take(&mut resource.scope_metrics);
                if scopes.is_empty() {
                    told.push(format!("{resource:?}"));
                }
                for mut scope in scopes {
                    let metrics = std::mem::take(&mut scope.metrics);
                    if metrics.is_empty() {
                        told.push(format!("{resource:?} {scope:?}"));
                    }
                    for mut metric in metrics {
                        let points: Vec<String> = match &mut metric.data {
                            Some(Data::Gauge(it)) => {
                                it.data_points.drain(..).map(|it| format!("{it:?}")).collect()
                            }
                            Some(Data::Sum(it)) => {
                                it.data_points.drain(..).map(|it| format!("{it:?}")).collect()
                            }
                            Some(Data::Histogram(it)) => {
                                it.data_points.drain(..).map(|it| format!("{it:?}")).collect()
                            }
                            _ => Vec::new(),
                        };
                        let around = format!("{resource:?} {scope:?} {metric:?}");
                        if points.is_empty() {
                            told.push(around.clone());
                        }
                        told.extend(points.iter().map(|point| format!("{around} {point}")));
                    }
                }
            }
        }
    }
    told
}

fn body(signal: Signal, shape: &Shape) -> Bytes {
    match signal {
        Signal::Traces => traces(shape),
        Signal::Metrics => metrics(shape),
        Signal::Logs => logs(shape),
    }
    .into()
}

fn shapes() -> impl Strategy<Value = Shape> {
    vec(vec(vec(vec(prop_oneof![8 => 0..40_usize, 1 => 100..2_000_usize], 0..8), 0..5), 0..4), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Scenario: requests of all signals with items of all sizes and messages without any; any limits.
    /// Guarantees: the parts tell the same in the same order, each within the limits, unless it is one item (or a message without any).
    #[test]
    fn parts_are_the_whole_and_within_their_limits(
        shape in shapes(),
        bytes in 1..1_500_usize,
        items in 1..20_u64,
    ) {
        for signal in Signal::ALL {
            let body = body(signal, &shape);
            let parts = split(signal, &body, Limit { bytes, items }).unwrap();
            let mut all = Vec::new();
            for part in &parts {
                let told = told(signal, &part.body);
                prop_assert_eq!(part.items, items::count(signal, &part.body).unwrap());
                prop_assert!(
                    told.len() <= 1 || part.body.len() <= bytes && part.items <= items,
                    "{} items in {} bytes", part.items, part.body.len()
                );
                all.extend(told);
            }
            prop_assert_eq!(all, told(signal, &body));
            let whole = split(signal, &body, Limit::NONE).unwrap();
            prop_assert_eq!(&whole.iter().map(|part| &part.body).collect::<Vec<_>>(), &[&body]);
        }
    }

    /// Scenario: any bytes.
    /// Guarantees: no panic.
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            let _ = split(signal, &Bytes::from(bytes.clone()), Limit { bytes: 10, items: 1 });
        }
    }
}

/// Scenario: a hundred spans of which one is much larger.
/// Guarantees: the others leave in two parts, not one by one.
#[test]
fn a_large_item_stands_alone() {
    let mut sizes = vec![10; 100];
    sizes[40] = 100_000;
    let parts = split(
        Signal::Traces,
        &body(Signal::Traces, &vec![vec![vec![sizes]]]),
        Limit { bytes: 50_000, ..Limit::NONE },
    );
    let items: Vec<u64> = parts.unwrap().iter().map(|part| part.items).collect();
    assert_eq!(items, [40, 1, 59]);
}

/// Scenario: fields that nobody knows, before and behind the items, in the request, the resource's message and the scope's.
/// Guarantees: each part has them all.
#[test]
fn unknown_fields_are_in_every_part() {
    let message = |mark: &[u8], number: u32, inner: &[&[u8]]| {
        let mut out = Vec::new();
        put_bytes(&mut out, 90, mark);
        inner.iter().for_each(|inner| put_bytes(&mut out, number, inner));
        put_bytes(&mut out, 91, mark);
        out
    };
    for signal in [Signal::Traces, Signal::Logs] {
        let of = |spans: &[&[u8]]| {
            message(b"request", 1, &[&message(b"resource", 2, &[&message(b"scope", 2, spans)])])
        };
        let spans: [&[u8]; 3] = [b"\x2a\x01a", b"\x2a\x01b", b"\x2a\x01c"];
        let parts = split(signal, &of(&spans).into(), Limit { items: 1, ..Limit::NONE }).unwrap();
        for (part, span) in parts.iter().zip(spans) {
            let found = |mark: &[u8]| part.body.windows(mark.len()).filter(|it| *it == mark).count();
            assert_eq!([&b"request"[..], b"resource", b"scope", span].map(found), [2, 2, 2, 1]);
        }
        assert_eq!(parts.len(), 3);
    }
}

/// Scenario: a metric that is a gauge and then a sum, which is a sum for whoever reads it.
/// Guarantees: it stays whole.
#[test]
fn a_metric_of_two_kinds_is_not_divided() {
    let points = |number| {
        let (mut inner, mut out) = (Vec::new(), Vec::new());
        (0..3).for_each(|_| put_bytes(&mut inner, 1, b""));
        put_bytes(&mut out, number, &inner);
        out
    };
    let metric = [points(5), points(7)].concat();
    let mut body = metric;
    for number in [2, 2, 1] {
        let inner = std::mem::take(&mut body);
        put_bytes(&mut body, number, &inner);
    }
    let body = Bytes::from(body);
    let parts = split(Signal::Metrics, &body, Limit { bytes: 1, items: 1 }).unwrap();
    assert_eq!(parts, [Part { body, items: 6 }]);
}
