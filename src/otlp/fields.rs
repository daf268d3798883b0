//! Every OTLP field number that the wire code relies on. A test parses `proto/` and checks each.

/// Declares a module a message, with one constant a field, and a table of all for the test.
macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $module:ident = $message:literal { $($field:ident = $name:literal $number:literal,)+ })+) => {
        $($(#[doc = $doc])+ pub mod $module {
            $(#[doc = concat!("Field `", $name, "`.")] pub const $field: u32 = $number;)+
        })+

        /// `(message, field, number)` of every constant here.
        pub const ALL: &[(&str, &str, u32)] = &[$($(($message, $name, $number),)+)+];
    };
}

fields! {
    /// `TracesData`, the same on the wire as `ExportTraceServiceRequest`.
    traces = "opentelemetry.proto.trace.v1.TracesData" { RESOURCE_SPANS = "resource_spans" 1, }
    /// `ResourceSpans`.
    resource_spans = "opentelemetry.proto.trace.v1.ResourceSpans" {
        RESOURCE = "resource" 1,
        SCOPE_SPANS = "scope_spans" 2,
    }
    /// `ScopeSpans`.
    scope_spans = "opentelemetry.proto.trace.v1.ScopeSpans" { SCOPE = "scope" 1, SPANS = "spans" 2, }
    /// `Span`.
    span = "opentelemetry.proto.trace.v1.Span" {
        TRACE_ID = "trace_id" 1,
        SPAN_ID = "span_id" 2,
        TRACE_STATE = "trace_state" 3,
        PARENT_SPAN_ID = "parent_span_id" 4,
        NAME = "name" 5,
        KIND = "kind" 6,
        START_TIME = "start_time_unix_nano" 7,
        END_TIME = "end_time_unix_nano" 8,
        ATTRIBUTES = "attributes" 9,
        EVENTS = "events" 11,
        LINKS = "links" 13,
        STATUS = "status" 15,
    }
    /// `Span.Event`.
    event = "opentelemetry.proto.trace.v1.Span.Event" { NAME = "name" 2, ATTRIBUTES = "attributes" 3, }
    /// `Span.Link`.
    link = "opentelemetry.proto.trace.v1.Span.Link" { ATTRIBUTES = "attributes" 4, }
    /// `Status`.
    status = "opentelemetry.proto.trace.v1.Status" { CODE = "code" 3, }
    /// `Resource`.
    resource = "opentelemetry.proto.resource.v1.Resource" { ATTRIBUTES = "attributes" 1, }
    /// `InstrumentationScope`.
    scope = "opentelemetry.proto.common.v1.InstrumentationScope" {
        NAME = "name" 1,
        ATTRIBUTES = "attributes" 3,
    }
    /// `KeyValue`.
    key_value = "opentelemetry.proto.common.v1.KeyValue" { KEY = "key" 1, VALUE = "value" 2, }
    /// `AnyValue`.
    any_value = "opentelemetry.proto.common.v1.AnyValue" {
        STRING = "string_value" 1,
        BOOL = "bool_value" 2,
        INT = "int_value" 3,
        DOUBLE = "double_value" 4,
    }
    /// `LogsData`, the same on the wire as `ExportLogsServiceRequest`.
    logs = "opentelemetry.proto.logs.v1.LogsData" { RESOURCE_LOGS = "resource_logs" 1, }
    /// `ResourceLogs`.
    resource_logs = "opentelemetry.proto.logs.v1.ResourceLogs" {
        RESOURCE = "resource" 1,
        SCOPE_LOGS = "scope_logs" 2,
    }
    /// `ScopeLogs`.
    scope_logs = "opentelemetry.proto.logs.v1.ScopeLogs" { SCOPE = "scope" 1, LOG_RECORDS = "log_records" 2, }
    /// `LogRecord`.
    log_record = "opentelemetry.proto.logs.v1.LogRecord" {
        TIME = "time_unix_nano" 1,
        BODY = "body" 5,
        ATTRIBUTES = "attributes" 6,
        TRACE_ID = "trace_id" 9,
        SPAN_ID = "span_id" 10,
        OBSERVED_TIME = "observed_time_unix_nano" 11,
        EVENT_NAME = "event_name" 12,
    }
    /// `MetricsData`, the same on the wire as `ExportMetricsServiceRequest`.
    metrics = "opentelemetry.proto.metrics.v1.MetricsData" { RESOURCE_METRICS = "resource_metrics" 1, }
    /// `ResourceMetrics`.
    resource_metrics = "opentelemetry.proto.metrics.v1.ResourceMetrics" { SCOPE_METRICS = "scope_metrics" 2, }
    /// `ScopeMetrics`.
    scope_metrics = "opentelemetry.proto.metrics.v1.ScopeMetrics" { METRICS = "metrics" 2, }
    /// `Metric`.
    metric = "opentelemetry.proto.metrics.v1.Metric" {
        GAUGE = "gauge" 5,
        SUM = "sum" 7,
        HISTOGRAM = "histogram" 9,
        EXPONENTIAL_HISTOGRAM = "exponential_histogram" 10,
        SUMMARY = "summary" 11,
    }
    /// `Gauge`; its `data_points` have the same number in each kind of metric.
    gauge = "opentelemetry.proto.metrics.v1.Gauge" { DATA_POINTS = "data_points" 1, }
    /// `Sum`.
    sum = "opentelemetry.proto.metrics.v1.Sum" { DATA_POINTS = "data_points" 1, }
    /// `Histogram`.
    histogram = "opentelemetry.proto.metrics.v1.Histogram" { DATA_POINTS = "data_points" 1, }
    /// `ExponentialHistogram`.
    exponential_histogram = "opentelemetry.proto.metrics.v1.ExponentialHistogram" { DATA_POINTS = "data_points" 1, }
    /// `Summary`.
    summary = "opentelemetry.proto.metrics.v1.Summary" { DATA_POINTS = "data_points" 1, }
}
