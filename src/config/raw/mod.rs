//! What was said: the config as it is written, every key optional, nothing checked against anything else.
//!
//! The doc comments here are the reference: they become `config/schema.json`, which editors show.

mod access;
mod components;
mod dimensions;
mod exporters;
mod ledger;
mod margin;
mod metrics;
mod processors;
mod receivers;
mod redact;
mod sampling;
mod service;
mod spikes;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub(super) use access::{Auth, BasicAuth, BearerTokenAuth, ServerTls};
pub(super) use components::{Component, Components};
pub(super) use dimensions::{ActionName, Actions, Dimension, Lookup, Sources};
pub(super) use exporters::{
    Batch, BatchSizer, Compression, Exporter, Headers, OtlpGrpc, OtlpHttp, QueueSizer, RetryOnFailure,
    SendingQueue, Tls,
};
pub(super) use ledger::Ledger;
pub(super) use margin::{Margin, Per, Revenue};
pub(super) use metrics::Metrics;
pub(super) use processors::{MemoryLimiter, Pricetag, Processor};
pub(super) use receivers::{Grpc, Http, Receiver, ServerParameters};
pub(super) use redact::Redact;
pub(super) use sampling::Sampling;
pub(super) use service::{Extension, FileStorage, MetricsLevel, Pipeline, Service, Telemetry};
pub(super) use spikes::Spikes;

/// The config of pricetag, in the shape of the OpenTelemetry Collector's. Any value can be
/// `${env:NAME}` or `${env:NAME:-default}`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Config")]
pub(super) struct Root {
    /// What is listened on.
    pub(super) receivers: Components<Receiver>,
    /// What is done with requests on their way.
    pub(super) processors: Components<Processor>,
    /// Where requests go.
    pub(super) exporters: Components<Exporter>,
    /// What serves besides the pipelines.
    pub(super) extensions: Components<Extension>,
    /// What of all this is used, and how.
    pub(super) service: Option<Service>,
}

/// For keys that mean something without a value: a bare `grpc:` is a listener with defaults, no
/// `grpc:` is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
