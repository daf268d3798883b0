//! `exporters:` as written.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Component;
use crate::config::exporter::{OnFull, Verbosity};
use crate::config::values::{GoDuration, Secret};

/// An exporter.
#[derive(Debug)]
pub(in crate::config) enum Exporter {
    OtlpGrpc(OtlpGrpc),
    OtlpHttp(OtlpHttp),
    Debug(Debug),
}

impl Component for Exporter {
    const KIND: &'static str = "exporter";
    const TYPES: &'static [&'static str] = &["otlp", "otlp_grpc", "otlphttp", "otlp_http", "debug"];

    fn read<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error> {
        match kind {
            "otlp" | "otlp_grpc" => map.next_value().map(Exporter::OtlpGrpc),
            "otlphttp" | "otlp_http" => map.next_value().map(Exporter::OtlpHttp),
            _ => map.next_value().map(Exporter::Debug),
        }
    }

    fn schema(kind: &str, generator: &mut SchemaGenerator) -> Schema {
        match kind {
            "otlp" | "otlp_grpc" => generator.subschema_for::<OtlpGrpc>(),
            "otlphttp" | "otlp_http" => generator.subschema_for::<OtlpHttp>(),
            _ => generator.subschema_for::<Debug>(),
        }
    }
}

/// Sends OTLP/gRPC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "OtlpGrpcExporter")]
pub(in crate::config) struct OtlpGrpc {
    /// Where to send: `host:port` (TLS, unless `tls.insecure`), `http://host:port` (plaintext) or
    /// `https://host:port` (TLS). Required.
    pub(in crate::config) endpoint: Option<String>,
    /// How to encrypt.
    pub(in crate::config) tls: Tls,
    /// What every request takes along, as in `x-api-key: ${env:API_KEY}`.
    pub(in crate::config) headers: Headers,
    /// How bodies are compressed. Default: gzip.
    pub(in crate::config) compression: Option<Compression>,
    /// How long one attempt may take; 0 is for ever. Default: 5s.
    pub(in crate::config) timeout: Option<GoDuration>,
    /// How to try again when the backend does not take a request.
    pub(in crate::config) retry_on_failure: RetryOnFailure,
    /// What waits for the backend.
    pub(in crate::config) sending_queue: SendingQueue,
}

/// Sends OTLP/HTTP with protobuf bodies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "OtlpHttpExporter")]
pub(in crate::config) struct OtlpHttp {
    /// The base URL; `/v1/traces`, `/v1/metrics` or `/v1/logs` is added to it. Required, unless every
    /// signal that comes has a URL of its own.
    pub(in crate::config) endpoint: Option<String>,
    /// The whole URL for traces.
    pub(in crate::config) traces_endpoint: Option<String>,
    /// The whole URL for metrics.
    pub(in crate::config) metrics_endpoint: Option<String>,
    /// The whole URL for logs.
    pub(in crate::config) logs_endpoint: Option<String>,
    /// How bodies are encoded. Default: proto.
    pub(in crate::config) encoding: Option<Encoding>,
    /// How to encrypt where the URL says https.
    pub(in crate::config) tls: Tls,
    /// What every request takes along, as in `x-api-key: ${env:API_KEY}`.
    pub(in crate::config) headers: Headers,
    /// How bodies are compressed. Default: gzip.
    pub(in crate::config) compression: Option<Compression>,
    /// How long one attempt may take; 0 is for ever. Default: 30s.
    pub(in crate::config) timeout: Option<GoDuration>,
    /// How to try again when the backend does not take a request.
    pub(in crate::config) retry_on_failure: RetryOnFailure,
    /// What waits for the backend.
    pub(in crate::config) sending_queue: SendingQueue,
}

/// Writes to the console.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "DebugExporter")]
pub(in crate::config) struct Debug {
    /// How much to say. Default: basic.
    pub(in crate::config) verbosity: Option<Verbosity>,
}

/// How to encrypt towards a backend. The files are read again when they change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Tls {
    /// Plaintext instead of TLS, for gRPC endpoints without a scheme. Default: false.
    pub(in crate::config) insecure: Option<bool>,
    /// The roots to trust instead of the system's, a PEM file.
    pub(in crate::config) ca_file: Option<PathBuf>,
    /// The certificate that is shown to backends that ask for one, a PEM file; after it those that it is signed by. Default: none.
    pub(in crate::config) cert_file: Option<PathBuf>,
    /// The certificate's key, a PEM file.
    pub(in crate::config) key_file: Option<PathBuf>,
    /// How often the files are read without a sign that they have changed, as where they come by a network. Default: 60s.
    pub(in crate::config) reload_interval: Option<GoDuration>,
    /// The name to expect in the certificate. Default: the host of the endpoint.
    pub(in crate::config) server_name_override: Option<String>,
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Compression {
    /// gzip.
    Gzip,
    /// zstd: smaller, and with less work.
    Zstd,
    /// Not at all.
    #[serde(alias = "")]
    None,
}

/// How OTLP/HTTP bodies are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Encoding {
    /// Protobuf.
    Proto,
}

/// How to try again: waits grow from `initial_interval` by `multiplier` up to `max_interval`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RetryOnFailure {
    /// Whether to try again at all. Default: true.
    pub(in crate::config) enabled: Option<bool>,
    /// The first wait. Default: 5s.
    pub(in crate::config) initial_interval: Option<GoDuration>,
    /// How much a wait varies, from 0 to 1. Default: 0.5.
    pub(in crate::config) randomization_factor: Option<f64>,
    /// How much longer each wait is than the one before. Default: 1.5.
    pub(in crate::config) multiplier: Option<f64>,
    /// The longest wait. Default: 30s.
    pub(in crate::config) max_interval: Option<GoDuration>,
    /// How long to try before a request is given up; 0 is for ever. Default: 0 where requests wait on disk, 300s in memory.
    pub(in crate::config) max_elapsed_time: Option<GoDuration>,
}

/// What waits for a backend.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct SendingQueue {
    /// As in the Collector; pricetag always has a queue. Default: true.
    pub(in crate::config) enabled: Option<bool>,
    /// How many requests are under way at once. Default: 10.
    pub(in crate::config) num_consumers: Option<u32>,
    /// How much may wait, in units of `sizer`. Default: 4294967296 bytes on disk; in memory 1000 requests, or 67108864 bytes.
    pub(in crate::config) queue_size: Option<u64>,
    /// What `queue_size` counts, where it is given. Default: requests, as in the Collector.
    pub(in crate::config) sizer: Option<QueueSizer>,
    /// What happens to a request when the queue is full. Default: refuse.
    pub(in crate::config) on_full: Option<OnFull>,
    /// Where requests wait: `disk` survives whatever happens to process and machine, `relaxed` is a disk without a sync before each
    /// answer, `memory` ends with the process. As in the Collector, the name of a `file_storage` extension is a disk. Default: disk.
    pub(in crate::config) storage: Option<String>,
    /// How large a request may be that is sent.
    pub(in crate::config) batch: Batch,
}

/// How large a request may be. pricetag divides what is larger, and does not wait for more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Batch {
    /// The largest request, in units of `sizer`; an item that is larger is sent alone. 0 is no limit. Default: 0.
    pub(in crate::config) max_size: Option<u64>,
    /// What `max_size` counts. Default: items.
    pub(in crate::config) sizer: Option<BatchSizer>,
}

/// What the size of a request counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum BatchSizer {
    /// Spans, data points or log records.
    #[default]
    Items,
    /// Bytes of bodies, before compression.
    Bytes,
}

/// What the size of a queue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum QueueSizer {
    /// Requests.
    Requests,
    /// Bytes of bodies.
    Bytes,
}

/// Headers: a mapping, or the Collector's list of `name` and `value`.
#[derive(Debug, Default)]
pub(in crate::config) struct Headers(pub(in crate::config) Vec<(String, Secret)>);

/// One header of the list form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: Secret,
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_unit<E>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = map.next_entry()? {
            headers.push(header);
        }
        Ok(Headers(headers))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some(Header { name, value }) = list.next_element()? {
            headers.push((name, value));
        }
        Ok(Headers(headers))
    }
}

impl JsonSchema for Headers {
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<Secret>();
        json_schema!({ "type": ["object", "array", "null"], "additionalProperties": secret })
    }
}
