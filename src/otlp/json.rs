//! OTLP/JSON to protobuf (OTLP specification, "JSON Protobuf Encoding").
//!
//! That is proto3's own JSON mapping, which prost-reflect implements from OTLP's descriptors, with one
//! difference: trace and span ids are hex, not base64. A cold path: it allocates as it likes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use super::Signal;

/// Values in one text at most: some 12,000 spans of twenty attributes. A value takes two bytes of the text, which a few bytes of gzip stand
/// for, and over a hundred while it is read.
const MAX_VALUES: usize = 1_000_000;

/// A body that is not OTLP/JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON at all; the message has line and column.
    #[error("malformed JSON: {0}")]
    Syntax(String),
    /// More values than [`MAX_VALUES`].
    #[error("the request holds more than {MAX_VALUES} JSON values; send smaller batches, or protobuf")]
    TooManyValues,
    /// JSON, but not the request.
    #[error("not an OTLP/JSON request: {0}")]
    Shape(String),
    /// An id that is no hex.
    #[error("not an OTLP/JSON request: {key} {value:?} is not hex")]
    Id {
        /// `traceId`, `spanId` or `parentSpanId`.
        key: String,
        /// The offending value, cut short.
        value: String,
    },
}

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(opentelemetry_proto::DESCRIPTORS).ok());

fn descriptor(signal: Signal) -> Option<MessageDescriptor> {
    POOL.as_ref()?.get_message_by_name(match signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
    })
}

/// Encodes an OTLP/JSON request as protobuf. Unknown fields are ignored, as the specification asks.
///
/// # Errors
/// [`JsonError`], with the place in the text where serde_json knows it.
pub fn to_protobuf(signal: Signal, body: &[u8]) -> Result<Vec<u8>, JsonError> {
    if values(body) > MAX_VALUES {
        return Err(JsonError::TooManyValues);
    }
    let mut value: Value =
        serde_json::from_slice(body).map_err(|error| JsonError::Syntax(error.to_string()))?;
    ids_to_base64(&mut value)?;
    let descriptor =
        descriptor(signal).ok_or_else(|| JsonError::Shape("no descriptor for this signal".into()))?;
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let message = DynamicMessage::deserialize_with_options(descriptor, tracked, &options)
        .map_err(|error| (error.to_string(), track.path().to_string()))
        .map_err(|(error, path)| JsonError::Shape(format!("{path}: {error}")))?;
    Ok(message.encode_to_vec())
}

/// No fewer values than the text has, members' names left out, if it is JSON: each but the first of an array or object follows a comma,
/// and the first a bracket.
fn values(text: &[u8]) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// The members on the way to ids. Others are left alone: what an unknown one holds is nobody's business.
const ON_THE_WAY: [&str; 25] = [
    "resourceSpans",
    "resource_spans",
    "resourceMetrics",
    "resource_metrics",
    "resourceLogs",
    "resource_logs",
    "scopeSpans",
    "scope_spans",
    "scopeMetrics",
    "scope_metrics",
    "scopeLogs",
    "scope_logs",
    "spans",
    "links",
    "logRecords",
    "log_records",
    "metrics",
    "gauge",
    "sum",
    "histogram",
    "exponentialHistogram",
    "exponential_histogram",
    "dataPoints",
    "data_points",
    "exemplars",
];

/// Ids are the only members with these names: attribute keys are values in OTLP/JSON, never members.
fn ids_to_base64(value: &mut Value) -> Result<(), JsonError> {
    match value {
        Value::Array(values) => values.iter_mut().try_for_each(ids_to_base64),
        Value::Object(members) => members.iter_mut().try_for_each(|(key, value)| match value {
            Value::String(hex)
                if matches!(
                    key.as_str(),
                    "traceId" | "spanId" | "parentSpanId" | "trace_id" | "span_id" | "parent_span_id"
                ) =>
            {
                *hex = from_hex(hex).map(|bytes| BASE64.encode(bytes)).ok_or_else(|| JsonError::Id {
                    key: key.clone(),
                    value: hex.chars().take(40).collect(),
                })?;
                Ok(())
            }
            nested if ON_THE_WAY.contains(&key.as_str()) => ids_to_base64(nested),
            _ => Ok(()),
        }),
        _ => Ok(()),
    }
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

    fn spans(json: &str) -> ExportTraceServiceRequest {
        let bytes = to_protobuf(Signal::Traces, json.as_bytes()).expect("valid OTLP/JSON");
        ExportTraceServiceRequest::decode(bytes.as_slice()).expect("valid protobuf")
    }

    /// Scenario: the liberties that the specification gives a sender.
    /// Guarantees: hex in any case, integers as numbers or strings, unknown members ignored, NaN read.
    #[test]
    fn the_specification_s_liberties() {
        let request = spans(
            r#"{"novel": 1, "resourceSpans": [{"scopeSpans": [{"spans": [{
                "traceId": "5B8EFFF798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                "startTimeUnixNano": 17, "endTimeUnixNano": "18", "kind": 3, "shiny": {"traceId": "ab"},
                "attributes": [
                    {"key": "traceId", "value": {"stringValue": "not hex"}},
                    {"key": "a", "value": {"intValue": 1}}, {"key": "b", "value": {"intValue": "2"}},
                    {"key": "c", "value": {"doubleValue": "NaN"}}, {"key": "d", "value": {"novel": 1}}]}]}]}]}"#,
        );
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(span.trace_id[..3], [0x5b, 0x8e, 0xff]);
        assert_eq!(span.span_id.len(), 8);
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano, span.kind), (17, 18, 3));
        assert_eq!(span.attributes.len(), 5);
    }

    /// Scenario: a million empty spans, a million numbers in a member that nobody knows, a million commas in a string.
    /// Guarantees: the first two are refused, whatever they would be; text is no value.
    #[test]
    fn too_many_values_are_refused_before_they_are_read() {
        let with =
            |inside: &str| format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{inside}]}}]}}]}}"#);
        for many in [
            with(&["{}"; MAX_VALUES].join(",")),
            with(&format!(r#"{{"novel": [{}]}}"#, ["0"; MAX_VALUES].join(","))),
        ] {
            let refused = to_protobuf(Signal::Traces, many.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("more than 1000000 JSON values"), "{refused}");
        }
        let text = with(&format!(r#"{{"name": "a \" {}"}}"#, ",[{".repeat(MAX_VALUES)));
        assert_eq!(spans(&text).resource_spans[0].scope_spans[0].spans[0].name.len(), 4 + 3 * MAX_VALUES);
    }

    #[test]
    fn errors_name_the_place() {
        let error = |json: &str| to_protobuf(Signal::Traces, json.as_bytes()).unwrap_err().to_string();
        assert!(error("{\n \"resourceSpans\": [}").contains("line 2 column"), "{}", error("{\n[}"));
        let shape = error(r#"{"resourceSpans": [{"scopeSpans": 7}]}"#);
        assert!(shape.contains("resourceSpans[0].scopeSpans"), "{shape}");
        assert!(
            error(r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "zz"}]}]}]}"#)
                .contains("spanId")
        );
    }
}
