//! What a config means. Everything here is checked: the rest of pricetag asks no questions of it.

use std::path::PathBuf;
use std::time::Duration;

use super::access::{Authenticator, ServerTls};
use super::connections::{Connections, MemoryLimit};
use super::endpoint::HostPort;
use super::error::Notice;
use super::exporter::Exporter;
use super::spikes::Spikes;
use super::values::{ComponentId, Secret};
use crate::attribution::margin::Rules;
use crate::attribution::{ActionNames, Dimension};
use crate::ledger::store::Limits;
use crate::otlp::Signal;
use crate::processor::Reported;

/// A validated config.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What is listened on; at least one of the two is there.
    pub receivers: Receivers,
    /// How calls are priced; `None` when no pipeline prices.
    pub processor: Option<Pricetag>,
    /// The exporters that some pipeline uses, in the order of the file.
    pub exporters: Vec<Exporter>,
    /// The pipelines, in the order of the file.
    pub pipelines: Vec<Pipeline>,
    /// What pricetag tells about itself.
    pub telemetry: Telemetry,
    /// How much memory pricetag may have.
    pub memory: MemoryLimit,
    /// A listener for health checks besides the one of the metrics.
    pub health_check: Option<HealthCheck>,
    /// Where requests wait that are kept on disk; `None`: in the state folder.
    pub queue_folder: Option<PathBuf>,
    /// What was accepted and should be known.
    pub notices: Vec<Notice>,
}

/// The OTLP listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receivers {
    /// OTLP/gRPC.
    pub grpc: Option<GrpcReceiver>,
    /// OTLP/HTTP.
    pub http: Option<HttpReceiver>,
}

/// An OTLP/gRPC listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcReceiver {
    /// Where it listens.
    pub endpoint: HostPort,
    /// The largest request it takes, in bytes after decompression.
    pub max_message_bytes: usize,
    /// What it grants to connections.
    pub connections: Connections,
    /// Its certificate; `None` is plaintext.
    pub tls: Option<ServerTls>,
    /// Who may come in; `None` is everybody.
    pub auth: Option<Authenticator>,
}

/// An OTLP/HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReceiver {
    /// Where it listens.
    pub endpoint: HostPort,
    /// The largest body it takes, in bytes after decompression.
    pub max_body_bytes: usize,
    /// What it grants to connections.
    pub connections: Connections,
    /// Its certificate; `None` is plaintext.
    pub tls: Option<ServerTls>,
    /// Who may come in; `None` is everybody.
    pub auth: Option<Authenticator>,
}

/// How calls are priced and annotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pricetag {
    /// How much is written onto spans.
    pub attributes: Attributes,
    /// The keys besides our own that carry the cost.
    pub aliases: Vec<Alias>,
    /// The user's price files, the weakest first.
    pub prices: Vec<PathBuf>,
    /// From this age on the catalog's prices are stale; zero for never.
    pub prices_stale_after: Duration,
    /// The user's dialects.
    pub dialects: Vec<PathBuf>,
    /// What a sender's own cost counts for.
    pub reported: Reported,
    /// What to do with spans that another pricetag has priced.
    pub upstream: Upstream,
    /// How long after its last span a trace stays open.
    pub settle_after: Duration,
    /// How long requests of traces are held back, for spans above their calls to come; zero: not at all. No longer than traces are open.
    pub hold: Duration,
    /// Bytes of requests that are held back at most.
    pub max_held_bytes: usize,
    /// The cap of the table of open traces.
    pub max_open_traces_bytes: usize,
    /// Whose money it is: the dimensions that there always are, then the user's own.
    pub dimensions: Vec<Dimension>,
    /// Hashes the values of those that are to be hashed.
    pub hash_key: Option<Secret>,
    /// What one dimension tells of others.
    pub lookups: Vec<Lookup>,
    /// What actions are called.
    pub actions: ActionNames,
    /// The dimensions that are labels of the cost metrics, by name.
    pub metric_labels: Vec<String>,
    /// The attribute that says how many calls a span stands for.
    pub sampled: Option<String>,
    /// What is watched for spikes of cost.
    pub spikes: Option<Spikes>,
    /// Where the ledger is kept.
    pub ledger: Ledger,
    /// What customers pay.
    pub margin: Rules,
}

/// Where the ledger is kept, and what may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The store.
    pub file: LedgerFile,
    /// What is kept.
    pub limits: Limits,
}

/// Where the ledger's store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerFile {
    /// In the state folder; in memory where there is none that can be written.
    Default,
    /// In this file.
    At(PathBuf),
    /// In memory.
    Memory,
}

/// How much is written onto a priced span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attributes {
    /// The costs, and the status with its reason.
    #[default]
    Default,
    /// Also the currency, and the model and version of the catalog.
    Full,
}

/// A key that backends read a cost from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum Alias {
    /// Read by Langfuse, OpenLIT, SigNoz and Grafana.
    #[serde(rename = "gen_ai.usage.cost")]
    GenAiUsageCost,
    /// Read by Logfire.
    #[serde(rename = "operation.cost")]
    OperationCost,
}

impl Alias {
    /// Every alias.
    pub const ALL: [Alias; 2] = [Alias::GenAiUsageCost, Alias::OperationCost];

    /// The attribute key.
    pub fn key(self) -> &'static str {
        match self {
            Alias::GenAiUsageCost => "gen_ai.usage.cost",
            Alias::OperationCost => "operation.cost",
        }
    }
}

/// What to do with a span that carries `pricetag.status` already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// Another pricetag priced and counted it: pass it untouched and uncounted.
    #[default]
    Trust,
    /// Price and count it as if the mark were not there.
    Ignore,
}

/// A table from one dimension to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The file: CSV, or YAML if it is called so.
    pub file: PathBuf,
    /// Name of the dimension by whose values it is read.
    pub by: String,
}

/// A path of requests: what comes in, whether it is priced, where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its id in the config.
    pub id: ComponentId,
    /// What it carries.
    pub signal: Signal,
    /// Whether calls are priced on the way: traces' spans, and logs' records that tell of calls.
    pub priced: bool,
    /// What is dropped before requests leave: of traces and logs. All pipelines of a signal into one exporter drop the same.
    pub redact: Option<Redact>,
    /// Where it goes: indices into [`Config::exporters`], at least one, none twice.
    pub exporters: Vec<usize>,
}

/// A processor that drops attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// Its id in the config.
    pub id: ComponentId,
    /// Keys, as [`crate::redaction::Redaction::new`] takes them; at least one.
    pub drop: Vec<String>,
}

/// What pricetag tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Where health, `/metrics` and the live page are served; `None` when switched off.
    pub metrics: Option<HostPort>,
    /// The certificate of that listener; `None` is plaintext.
    pub tls: Option<ServerTls>,
    /// Who may see them, from wherever; `None` is this machine, and for `/metrics` everybody.
    pub auth: Option<Authenticator>,
    /// The least important log line that is written.
    pub log_level: LogLevel,
    /// How log lines are written.
    pub log_encoding: LogEncoding,
    /// Attributes of pricetag itself as a resource.
    pub resource: Vec<(String, String)>,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Everything, for finding mistakes.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What looks wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl LogLevel {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogEncoding {
    /// For people.
    #[default]
    Console,
    /// For machines, an object a line.
    Json,
}

/// A listener that answers whether pricetag is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Where it listens.
    pub endpoint: HostPort,
    /// The path it answers at.
    pub path: String,
}
