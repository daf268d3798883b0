//! What an exporter of the config means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::endpoint::{HostPort, address_of};
use super::values::{ComponentId, Secret};
use crate::otlp::Signal;
use crate::otlp::split::Limit;

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Its id in the config.
    pub id: ComponentId,
    /// What it speaks, and where to.
    pub kind: ExporterKind,
    /// What waits for it.
    pub queue: Queue,
    /// How it tries again; `None` when it does not.
    pub retry: Option<Retry>,
}

/// What an exporter speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExporterKind {
    /// OTLP/gRPC.
    OtlpGrpc(OtlpGrpc),
    /// OTLP/HTTP with protobuf bodies.
    OtlpHttp(Box<OtlpHttp>),
    /// The console.
    Debug(Debug),
}

/// An OTLP/gRPC destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpGrpc {
    /// Where it is.
    pub address: HostPort,
    /// How to encrypt; `None` is plaintext.
    pub tls: Option<Tls>,
    /// What every request takes along.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// How bodies are compressed.
    pub compression: Compression,
    /// How long one attempt may take; `None` is for ever.
    pub timeout: Option<Duration>,
}

impl OtlpGrpc {
    /// The destination as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
}

/// An OTLP/HTTP destination. The URL of every signal that a pipeline brings is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpHttp {
    /// Where traces go.
    pub traces: Option<http::Uri>,
    /// Where metrics go.
    pub metrics: Option<http::Uri>,
    /// Where logs go.
    pub logs: Option<http::Uri>,
    /// How to encrypt where the URL says https.
    pub tls: Tls,
    /// What every request takes along.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// How bodies are compressed.
    pub compression: Compression,
    /// How long one attempt may take; `None` is for ever.
    pub timeout: Option<Duration>,
}

impl Tls {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let (certificate, key) = self.identity.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
        [self.ca_file.as_ref(), certificate, key].into_iter().flatten().map(PathBuf::as_path)
    }
}

impl OtlpHttp {
    /// Where a signal goes.
    pub fn url(&self, signal: Signal) -> Option<&http::Uri> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Logs => self.logs.as_ref(),
        }
    }
}

/// The console as a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debug {
    /// How much it says.
    pub verbosity: Verbosity,
}

impl ExporterKind {
    /// How it encrypts, if it does.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            ExporterKind::OtlpGrpc(grpc) => grpc.tls.as_ref(),
            ExporterKind::OtlpHttp(http) => Some(&http.tls),
            ExporterKind::Debug(_) => None,
        }
    }

    /// The addresses that it sends to.
    pub fn addresses(&self) -> Vec<HostPort> {
        match self {
            ExporterKind::OtlpGrpc(grpc) => vec![grpc.address.clone()],
            ExporterKind::OtlpHttp(http) => {
                let mut addresses: Vec<_> =
                    Signal::ALL.iter().filter_map(|signal| http.url(*signal)).map(address_of).collect();
                addresses.dedup();
                addresses
            }
            ExporterKind::Debug(_) => Vec::new(),
        }
    }
}

/// How to encrypt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The roots to trust, a PEM file; `None` is those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and its key, PEM files; `None`: we show none.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How often the files are read without being told of a change.
    pub reload_interval: Duration,
    /// The name to expect in the certificate; `None` is the host of the endpoint.
    pub server_name: Option<String>,
}

/// How bodies are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// How much the debug exporter says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verbosity {
    /// A line a request.
    #[default]
    Basic,
    /// A line a span, point or record.
    Normal,
    /// Everything.
    Detailed,
}

/// What waits for an exporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// How much may wait.
    pub capacity: Capacity,
    /// How many requests are under way at once.
    pub consumers: usize,
    /// What happens when it is full.
    pub on_full: OnFull,
    /// What of it survives.
    pub storage: Storage,
    /// The config says so itself.
    pub storage_is_said: bool,
    /// How large a request may be; larger ones leave in parts.
    pub limit: Limit,
}

/// What of an exporter's queue survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storage {
    /// Everything that was acknowledged, a power cut too.
    #[default]
    Disk,
    /// Everything, but for a power cut, or a machine that stops.
    Relaxed,
    /// Nothing: it ends with the process.
    Memory,
}

impl Storage {
    /// Whether something of it survives the process.
    pub fn is_on_disk(self) -> bool {
        self != Storage::Memory
    }
}

/// How much may wait for an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// So many requests.
    Requests(usize),
    /// So many bytes of bodies.
    Bytes(usize),
}

/// What happens to a request when the queue of an exporter is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// The sender is told to try again later, and no exporter gets the request.
    #[default]
    Refuse,
    /// The request goes to the other exporters, and is counted as dropped for this one.
    Drop,
}

/// How an exporter tries again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// The first wait.
    pub initial_interval: Duration,
    /// How much a wait varies, from 0 to 1.
    pub randomization_factor: f64,
    /// How much longer each wait is than the one before, at least 1.
    pub multiplier: f64,
    /// The longest wait.
    pub max_interval: Duration,
    /// How long to try; `None` is for ever.
    pub max_elapsed_time: Option<Duration>,
}

impl Eq for Retry {}
