//! The console as a destination: what passed, for people to read.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::{DecodeError, Message};
use serde::Serialize;

use super::{Outcome, Signal};
use crate::text::{counted, escaped, printable, with_causes};

/// How much the console shows; the Collector's `verbosity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// One line a request: signal, items, bytes.
    #[default]
    Basic,
    /// And one line an item; a span's `pricetag.*` attributes stand behind its name.
    Normal,
    /// And all of it, as OTLP/JSON, which `pricetag explain` reads.
    Detailed,
}

/// Writes requests for people to read.
#[derive(Clone)]
pub struct DebugExporter {
    verbosity: Verbosity,
    out: Arc<Mutex<dyn Write + Send>>,
}

impl DebugExporter {
    /// An exporter that writes to standard output.
    pub fn new(verbosity: Verbosity) -> Self {
        Self::to(io::stdout(), verbosity)
    }

    /// An exporter that writes to `out`.
    pub fn to(out: impl Write + Send + 'static, verbosity: Verbosity) -> Self {
        Self { verbosity, out: Arc::new(Mutex::new(out)) }
    }

    /// Writes `body`, an encoded export request, in one piece.
    ///
    /// An undecodable body is a line, too. Nothing is ever [`Outcome::Retry`]: a console that is gone stays
    /// gone, and must not hold up the queue.
    pub async fn deliver(&self, signal: Signal, body: Bytes) -> Outcome {
        let Self { verbosity, out } = self.clone();
        // Decoding takes long, and a console that is scrolled back does not take what is written.
        let written = tokio::task::spawn_blocking(move || {
            let text = render(verbosity, signal, &body);
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(text.as_bytes())?;
            out.flush()
        });
        match written.await.map_err(io::Error::other).flatten() {
            Ok(()) => Outcome::Delivered { rejected: None },
            Err(error) => Outcome::Refused { why: with_causes(&error) },
        }
    }
}

impl fmt::Debug for DebugExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugExporter").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}

/// The lines for one request.
fn render(verbosity: Verbosity, signal: Signal, body: &[u8]) -> String {
    let rendered = match signal {
        Signal::Traces => request::<ExportTraceServiceRequest>(verbosity, body, span_lines),
        Signal::Metrics => request::<ExportMetricsServiceRequest>(verbosity, body, metric_lines),
        Signal::Logs => request::<ExportLogsServiceRequest>(verbosity, body, log_lines),
    };
    let name = signal.as_str();
    match rendered {
        Ok((items, detail)) => format!("{name}: {items}, {} bytes\n{detail}", body.len()),
        Err(error) => format!("{name}: {} bytes that do not decode: {}\n", body.len(), with_causes(&error)),
    }
}

/// The items' count, and the lines that `verbosity` asks for.
fn request<M: Message + Default + Serialize>(
    verbosity: Verbosity,
    body: &[u8],
    lines: fn(&M) -> (String, Vec<String>),
) -> Result<(String, String), DecodeError> {
    let message = M::decode(body)?;
    let (items, lines) = lines(&message);
    let mut detail = String::new();
    if verbosity != Verbosity::Basic {
        lines.iter().for_each(|line| detail.extend(["  ", line, "\n"]));
    }
    if verbosity == Verbosity::Detailed {
        let json = serde_json::to_string_pretty(&message).unwrap_or_else(|error| error.to_string());
        // JSON escapes the C0 controls only.
        json.lines().for_each(|line| detail.extend(["  ", &escaped(line, usize::MAX), "\n"]));
    }
    Ok((items, detail))
}

fn span_lines(request: &ExportTraceServiceRequest) -> (String, Vec<String>) {
    let lines: Vec<_> = (request.resource_spans.iter())
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| &scope.spans)
        .map(|span| printable(&span.name) + &priced(&span.attributes))
        .collect();
    (counted(lines.len(), "span"), lines)
}

fn metric_lines(request: &ExportMetricsServiceRequest) -> (String, Vec<String>) {
    let mut total = 0;
    let lines = (request.resource_metrics.iter())
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .map(|metric| {
            let points = match &metric.data {
                Some(Data::Gauge(data)) => data.data_points.len(),
                Some(Data::Sum(data)) => data.data_points.len(),
                Some(Data::Histogram(data)) => data.data_points.len(),
                Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
                Some(Data::Summary(data)) => data.data_points.len(),
                None => 0,
            };
            total += points;
            format!("{} {}: {}", printable(&metric.name), printable(&metric.unit), counted(points, "point"))
        })
        .collect();
    (counted(total, "metric point"), lines)
}

fn log_lines(request: &ExportLogsServiceRequest) -> (String, Vec<String>) {
    let lines: Vec<_> = (request.resource_logs.iter())
        .flat_map(|resource| &resource.scope_logs)
        .flat_map(|scope| &scope.log_records)
        .map(|record| {
            let name = if record.event_name.is_empty() { &record.severity_text } else { &record.event_name };
            let body = record.body.as_ref().map(|body| format!(" {}", value(Some(body))));
            printable(name) + &body.unwrap_or_default() + &priced(&record.attributes)
        })
        .collect();
    (counted(lines.len(), "log record"), lines)
}

/// What a span or an event says of price, and of what was priced.
fn priced(attributes: &[KeyValue]) -> String {
    const WHAT: [&str; 7] = [
        "gen_ai.response.model",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "user.id",
        "user.hash",
        "session.id",
        "feature",
    ];
    const SIGNS: [&str; 2] = ["pricetag.status", "pricetag.action.calls"];
    let is_priced = attributes.iter().any(|attribute| SIGNS.contains(&attribute.key.as_str()));
    (attributes.iter())
        .filter(|attribute| {
            let key = attribute.key.as_str();
            key.starts_with("pricetag.") || is_priced && WHAT.contains(&key)
        })
        .map(|attribute| format!(" {}={}", printable(&attribute.key), value(attribute.value.as_ref())))
        .collect()
}

/// A value in one word or line; those that hold others are only named.
fn value(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => printable(text),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(bytes)) => format!("({} bytes)", bytes.len()),
        Some(Value::ArrayValue(array)) => format!("({} values)", array.values.len()),
        Some(Value::KvlistValue(list)) => format!("({} keys)", list.values.len()),
        Some(_) => "(a profile's string)".into(),
        None => "-".into(),
    }
}
