//! `service:` and `extensions:` as written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::MapAccess;

use super::{Auth, BasicAuth, BearerTokenAuth, Component, Components, ServerTls, present};
use crate::config::model::{LogEncoding, LogLevel};
use crate::config::values::ComponentId;

/// What is used, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Service {
    /// The paths that requests take: `traces`, `metrics` and `logs`, or `traces/name` for several.
    pub(in crate::config) pipelines: Components<Pipeline>,
    /// What pricetag tells about itself.
    pub(in crate::config) telemetry: Telemetry,
    /// The extensions that are started.
    pub(in crate::config) extensions: Vec<ComponentId>,
}

/// A path of requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Pipeline {
    /// Where requests come from.
    pub(in crate::config) receivers: Vec<ComponentId>,
    /// What is done with them. `pricetag` prices the LLM calls of traces.
    pub(in crate::config) processors: Vec<ComponentId>,
    /// Where they go; each gets every request.
    pub(in crate::config) exporters: Vec<ComponentId>,
}

impl Component for Pipeline {
    const KIND: &'static str = "pipeline";
    const TYPES: &'static [&'static str] = &["traces", "metrics", "logs"];

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }

    fn schema(_: &str, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Pipeline>()
    }
}

/// What pricetag tells about itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Telemetry {
    /// Its own metrics.
    pub(in crate::config) metrics: Metrics,
    /// Its own log.
    pub(in crate::config) logs: Logs,
    /// Attributes that its own metrics carry.
    pub(in crate::config) resource: BTreeMap<String, Option<String>>,
}

/// Its own metrics, its health, and the cost metrics as a page for Prometheus.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Metrics {
    /// `none` switches the listener off; the other levels are accepted and are all alike. Default: normal.
    pub(in crate::config) level: Option<MetricsLevel>,
    /// The address to serve on. Default: 127.0.0.1:8888.
    pub(in crate::config) address: Option<String>,
    /// The Collector's newer way to say the address.
    pub(in crate::config) readers: Option<Vec<Reader>>,
    /// Proves who it is, with a certificate. Default: plaintext.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) tls: Option<ServerTls>,
    /// Asks who wants to see anything but health, from wherever. Default: the page and the API are for this machine, `/metrics` for
    /// everybody.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) auth: Option<Auth>,
}

/// How many metrics there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum MetricsLevel {
    /// None, and no listener.
    None,
    /// All.
    Basic,
    /// All.
    Normal,
    /// All.
    Detailed,
}

/// A reader of metrics; pricetag has the pull reader for Prometheus.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Reader {
    /// Serves metrics.
    pub(in crate::config) pull: Pull,
}

/// Serves metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Pull {
    /// How.
    pub(in crate::config) exporter: PullExporter,
}

/// How metrics are served.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct PullExporter {
    /// As a page for Prometheus.
    #[serde(deserialize_with = "present")]
    pub(in crate::config) prometheus: Option<Prometheus>,
}

/// Where the page for Prometheus is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Prometheus {
    /// The host to listen on. Default: localhost.
    pub(in crate::config) host: Option<String>,
    /// The port to listen on. Default: 8888.
    pub(in crate::config) port: Option<u16>,
}

/// Its own log.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Logs {
    /// The least important line that is written. Default: info.
    pub(in crate::config) level: Option<LogLevel>,
    /// `console` for people, `json` for machines. Default: console.
    pub(in crate::config) encoding: Option<LogEncoding>,
}

/// An extension.
#[derive(Debug)]
pub(in crate::config) enum Extension {
    HealthCheck(HealthCheck),
    BearerTokenAuth(BearerTokenAuth),
    BasicAuth(BasicAuth),
    FileStorage(FileStorage),
}

impl Component for Extension {
    const KIND: &'static str = "extension";
    const TYPES: &'static [&'static str] = &["health_check", "bearertokenauth", "basicauth", "file_storage"];

    fn read<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<Self, A::Error> {
        match kind {
            "health_check" => map.next_value().map(Extension::HealthCheck),
            "bearertokenauth" => map.next_value().map(Extension::BearerTokenAuth),
            "basicauth" => map.next_value().map(Extension::BasicAuth),
            _ => map.next_value().map(Extension::FileStorage),
        }
    }

    fn schema(kind: &str, generator: &mut SchemaGenerator) -> Schema {
        match kind {
            "health_check" => generator.subschema_for::<HealthCheck>(),
            "bearertokenauth" => generator.subschema_for::<BearerTokenAuth>(),
            "basicauth" => generator.subschema_for::<BasicAuth>(),
            _ => generator.subschema_for::<FileStorage>(),
        }
    }
}

/// Where requests wait on disk. There is one queue for all exporters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct FileStorage {
    /// The folder, made if there is none. Default: beside the ledger's file, `ledger.queue` for `ledger.db`; without one `queue` in the state folder of the service or the
    /// user.
    pub(in crate::config) directory: Option<PathBuf>,
    /// Whether each request is on the disk before it is acknowledged. Default: true.
    pub(in crate::config) fsync: Option<bool>,
}

/// Answers whether pricetag is well, besides the listener of the metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "HealthCheckExtension")]
pub(in crate::config) struct HealthCheck {
    /// The address to listen on. Default: localhost:13133.
    pub(in crate::config) endpoint: Option<String>,
    /// The path to answer at. Default: /.
    pub(in crate::config) path: Option<String>,
}
