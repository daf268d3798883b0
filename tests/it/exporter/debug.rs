use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::exporter::Outcome;
use pricetag::exporter::debug::{DebugExporter, Verbosity};
use pricetag::otlp::Signal;
use prost::Message as _;

use super::kind;

#[derive(Clone, Default)]
struct Console(Arc<Mutex<Vec<u8>>>);

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn shown(verbosity: Verbosity, signal: Signal, body: Vec<u8>) -> String {
    let console = Console::default();
    let outcome = DebugExporter::to(console.clone(), verbosity).deliver(signal, body.into()).await;
    assert_eq!(outcome, Outcome::Delivered { rejected: None });
    let bytes = console.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn traces() -> Vec<u8> {
    let priced = Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        name: "chat gpt-\u{1b}[31m".into(),
        attributes: vec![
            attribute("pricetag.cost.total", Value::DoubleValue(0.0125)),
            attribute("gen_ai.prompt", Value::StringValue("a\u{9b}b\u{202e}\u{7f}\nc".into())),
            attribute("pricetag.status", Value::StringValue("priced\n".into())),
        ],
        ..Default::default()
    };
    let spans = vec![priced, Span { name: "GET /".into(), ..Default::default() }];
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }],
    };
    request.encode_to_vec()
}

/// Guarantees: each verbosity shows what it says, and no stranger's character steers the terminal.
#[tokio::test]
async fn traces_at_each_verbosity() {
    let length = traces().len();
    let basic = format!("traces: 2 spans, {length} bytes\n");
    assert_eq!(shown(Verbosity::Basic, Signal::Traces, traces()).await, basic);
    let normal =
        format!("{basic}  chat gpt-\\u001b[31m pricetag.cost.total=0.0125 pricetag.status=priced\n  GET /\n");
    assert_eq!(shown(Verbosity::Normal, Signal::Traces, traces()).await, normal);

    let detailed = shown(Verbosity::Detailed, Signal::Traces, traces()).await;
    let json = detailed.strip_prefix(&normal).unwrap();
    serde_json::from_str::<ExportTraceServiceRequest>(json).unwrap();
    assert!(json.contains(r#""traceId": "abababababababababababababababab""#), "{json}");
    assert!(!json.replace('\n', "").contains(|c: char| c.is_control() || c == '\u{202e}'), "{json}");
}

/// Guarantees: metrics and logs are shown item by item, events with what they say of price.
#[tokio::test]
async fn metrics_and_logs() {
    let data_points = vec![NumberDataPoint::default(); 3];
    let metric = Metric {
        name: "pricetag.cost".into(),
        unit: "USD".into(),
        data: Some(Data::Sum(Sum { data_points, ..Default::default() })),
        ..Default::default()
    };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..Default::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..Default::default() }];
    let body = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let length = body.len();
    assert_eq!(
        shown(Verbosity::Normal, Signal::Metrics, body).await,
        format!("metrics: 3 metric points, {length} bytes\n  pricetag.cost USD: 3 points\n")
    );

    let record = LogRecord {
        severity_text: "WARN".into(),
        body: Some(AnyValue { value: Some(Value::StringValue("over\rbudget".into())) }),
        ..Default::default()
    };
    let event = LogRecord {
        event_name: "pricetag.action".into(),
        attributes: vec![
            attribute("pricetag.action.calls", Value::IntValue(2)),
            attribute("user.id", Value::StringValue("ann".into())),
            attribute("user.hash", Value::StringValue("0f".into())),
            attribute("code.function.name", Value::StringValue("f".into())),
        ],
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record, event], ..Default::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let length = body.len();
    assert_eq!(
        shown(Verbosity::Normal, Signal::Logs, body).await,
        format!(
            "logs: 2 log records, {length} bytes\n  WARN over\\rbudget\n  pricetag.action pricetag.action.calls=2 user.id=ann user.hash=0f\n"
        )
    );
}

/// Guarantees: what does not decode is a line, and an empty request is one, too.
#[tokio::test]
async fn undecodable_and_empty_bodies() {
    for verbosity in [Verbosity::Basic, Verbosity::Detailed] {
        let broken = shown(verbosity, Signal::Traces, vec![0x0a, 0xff]).await;
        assert!(broken.starts_with("traces: 2 bytes that do not decode: ") && broken.lines().count() == 1);
    }
    assert_eq!(shown(Verbosity::Basic, Signal::Logs, Vec::new()).await, "logs: 0 log records, 0 bytes\n");
}

/// Guarantees: a console that is gone holds nothing up.
#[tokio::test]
async fn a_closed_console() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let exporter = DebugExporter::to(Closed, Verbosity::Basic);
    assert_eq!(kind(&exporter.deliver(Signal::Traces, traces().into()).await), "refused");
}
