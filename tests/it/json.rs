//! OTLP/JSON against protobuf.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use pricetag::otlp::Signal;
use pricetag::otlp::json::to_protobuf;
use prost::Message as _;
use serde_json::{Value, json};

type Members = serde_json::Map<String, Value>;

const CAPTURES: [(&str, &str, &[u8]); 3] = [
    (
        "otel-genai-anthropic",
        include_str!("../fixtures/captures/otel-genai-anthropic.traces.json"),
        include_bytes!("../fixtures/captures/otel-genai-anthropic.traces.pb"),
    ),
    (
        "otel-openai-v2-latest",
        include_str!("../fixtures/captures/otel-openai-v2-latest.traces.json"),
        include_bytes!("../fixtures/captures/otel-openai-v2-latest.traces.pb"),
    ),
    (
        "otel-openai-v2",
        include_str!("../fixtures/captures/otel-openai-v2.traces.json"),
        include_bytes!("../fixtures/captures/otel-openai-v2.traces.pb"),
    ),
];

fn traces(json: &str) -> ExportTraceServiceRequest {
    let body = to_protobuf(Signal::Traces, json.as_bytes()).unwrap();
    ExportTraceServiceRequest::decode(body.as_slice()).unwrap()
}

/// Scenario: what real SDKs sent, once as JSON and once as protobuf.
/// Guarantees: both are the same request.
#[test]
fn captured_json_is_the_captured_protobuf() {
    for (name, json, protobuf) in CAPTURES {
        let expected = ExportTraceServiceRequest::decode(protobuf).unwrap();
        assert!(!expected.resource_spans.is_empty());
        assert_eq!(traces(json), expected, "{name}");
    }
}

/// Rewrites every object, the inner ones first.
fn rewrite(value: &mut Value, change: &impl Fn(&mut Members)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| rewrite(value, change)),
        Value::Object(members) => {
            members.values_mut().for_each(|value| rewrite(value, change));
            change(members);
        }
        _ => {}
    }
}

/// Scenario: the captures as other senders may write them: ids in capitals, integers as numbers or as texts,
/// unknown members at every level, `null` for what is not there, `snake_case` names.
/// Guarantees: still the same request.
#[test]
fn captured_json_in_other_spellings_is_the_same() {
    let ids = |object: &mut Members| {
        for key in ["traceId", "spanId", "parentSpanId"] {
            if let Some(Value::String(id)) = object.get_mut(key) {
                *id = id.to_uppercase();
            }
        }
    };
    let swap = |object: &mut Members| {
        for key in ["intValue", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "flags"] {
            let Some(value) = object.get_mut(key) else { continue };
            *value = match &*value {
                Value::String(text) => json!(text.parse::<i64>().unwrap()),
                number => json!(number.to_string()),
            };
        }
    };
    let unknown = |object: &mut Members| {
        object.insert("novel".to_owned(), json!({"nested": [1, {"deep": null}], "more": "text"}));
        object.insert("x-vendor".to_owned(), json!(17.5));
    };
    let nulls = |object: &mut Members| {
        for key in ["schemaUrl", "traceState", "links"] {
            object.entry(key).or_insert(Value::Null);
        }
    };
    let snake = |object: &mut Members| {
        for (camel, snake) in
            [("traceId", "trace_id"), ("resourceSpans", "resource_spans"), ("intValue", "int_value")]
        {
            if let Some(value) = object.remove(camel) {
                object.insert(snake.to_owned(), value);
            }
        }
    };
    type Change<'a> = &'a dyn Fn(&mut Members);
    let changes: [(&str, Change<'_>); 5] =
        [("ids", &ids), ("integers", &swap), ("unknown", &unknown), ("nulls", &nulls), ("snake", &snake)];
    for (name, json, protobuf) in CAPTURES {
        let expected = ExportTraceServiceRequest::decode(protobuf).unwrap();
        for (what, change) in changes {
            let mut value: Value = serde_json::from_str(json).unwrap();
            rewrite(&mut value, &|object| change(object));
            assert_eq!(traces(&value.to_string()), expected, "{name}, {what}");
        }
    }
}

/// Scenario: an unknown member that holds something called `traceId`, which is no id of OTLP's.
/// Guarantees: unknown members are ignored, whatever they hold.
#[test]
fn unknown_members_may_hold_anything() {
    let request = traces(
        r#"{"novel": {"traceId": "not hex", "spanId": 7},
            "resourceSpans": [{"novel": [{"spanId": "zz"}], "scopeSpans": [{"spans": [{"name": "a"}]}]}]}"#,
    );
    assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].name, "a");
}

/// Scenario: the extremes of each kind of value.
/// Guarantees: read to the last bit; bytes are base64.
#[test]
fn values_keep_every_bit() {
    let request = traces(
        r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
            "startTimeUnixNano": "18446744073709551615", "endTimeUnixNano": 18446744073709551615,
            "attributes": [
                {"key": "min", "value": {"intValue": "-9223372036854775808"}},
                {"key": "max", "value": {"intValue": 9223372036854775807}},
                {"key": "odd", "value": {"intValue": 9007199254740993}},
                {"key": "d", "value": {"doubleValue": 0.1}},
                {"key": "i", "value": {"doubleValue": "-Infinity"}},
                {"key": "b", "value": {"bytesValue": "AP8="}},
                {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": false}, {}]}}}]}]}]}]}"#,
    );
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (u64::MAX, u64::MAX));
    let value = |n: usize| span.attributes[n].value.as_ref().unwrap().value.clone().unwrap();
    assert_eq!(value(0), Any::IntValue(i64::MIN));
    assert_eq!(value(1), Any::IntValue(i64::MAX));
    assert_eq!(value(2), Any::IntValue(9_007_199_254_740_993));
    assert_eq!(value(3), Any::DoubleValue(0.1));
    assert_eq!(value(4), Any::DoubleValue(f64::NEG_INFINITY));
    assert_eq!(value(5), Any::BytesValue(vec![0, 0xff]));
    let Any::ArrayValue(list) = value(6) else { panic!("no list") };
    assert_eq!(list.values.len(), 2);
}

/// Scenario: ids in metrics' exemplars and in logs.
/// Guarantees: hex there too.
#[test]
fn ids_of_metrics_and_logs_are_hex() {
    let json = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "sum": {
        "aggregationTemporality": 2, "isMonotonic": true,
        "dataPoints": [{"asInt": "3", "exemplars": [{"traceId": "AB".repeat(16), "spanId": "0f".repeat(8)}]}]
    }}]}]}]});
    let body = to_protobuf(Signal::Metrics, json.to_string().as_bytes()).unwrap();
    let bytes: [&[u8]; 2] = [&[0xab; 16], &[0x0f; 8]];
    for id in bytes {
        assert!(body.windows(id.len()).any(|window| window == id));
    }
    assert!(ExportMetricsServiceRequest::decode(body.as_slice()).is_ok());

    let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"traceId": "ab".repeat(16), "spanId": "0F".repeat(8), "body": {"stringValue": "traceId"}}]}]}]});
    let body = to_protobuf(Signal::Logs, json.to_string().as_bytes()).unwrap();
    let logs = ExportLogsServiceRequest::decode(body.as_slice()).unwrap();
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!((&record.trace_id[..], &record.span_id[..]), (bytes[0], bytes[1]));
}
