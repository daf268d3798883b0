//! The wire language: OTLP requests as bytes. Pure.
//!
//! Read in this order: [`wire`] (protobuf framing), [`fault`] (what can be wrong with it), [`fields`] (the field numbers we rely on), [`view`]
//! (attributes and values, borrowed), [`expected`] (the same, where they look as they mostly do), [`attribute`] (writing attributes), [`splice`] (putting them into a
//! body), [`cut`] (taking fields out of one), [`split`] (dividing one into several), [`items`] (counting and checking bodies that pass untouched), [`json`] (OTLP/JSON to protobuf).

pub mod attribute;
pub mod cut;
pub mod expected;
pub mod fault;
pub mod fields;
pub mod items;
pub mod json;
pub mod splice;
pub mod split;
pub mod view;
pub mod wire;

/// What a request carries. One pipeline type each, as in the Collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric data points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// All three, in the order in which the specification names them.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// The name in configs (`service.pipelines.traces`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }

    /// What the Collector's self-metrics call the items of this signal.
    pub const fn items(self) -> &'static str {
        match self {
            Signal::Traces => "spans",
            Signal::Metrics => "metric_points",
            Signal::Logs => "log_records",
        }
    }

    /// Path of the gRPC method (OTLP specification, "OTLP/gRPC").
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// Default path of the HTTP endpoint (OTLP specification, "OTLP/HTTP Request").
    pub const fn http_path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        }
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
