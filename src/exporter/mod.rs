//! Exporters: each delivers one request to one destination and says what the answer means.
//!
//! | file | what it holds |
//! |---|---|
//! | [`grpc`], [`http`] | the OTLP clients |
//! | [`debug`] | the console |
//! | [`worker`] | reads the queue, divides what is too large, delivers, and counts |
//! | [`ceiling`] | how large a request may be: what the config says, and what the backend has refused |
//! | [`dead_letters`] | what no backend takes, as files |
//! | `answer` | the retry tables, partial success, Retry-After and RetryInfo: pure |
//! | [`retry`] | how long to wait before the next attempt, and when to give up: pure but for one sleep |
//! | `proxy` | proxies of the environment |
//! | `tls` | certificates from files, for both clients |
//! | `compress` | compression, away from the async threads when it takes long |
//! | [`redact`] | what a request leaves without |
//! | [`codec`] | bodies as bytes through tonic |
//!
//! The clients make one attempt for each call and hold no state between attempts but their connections.
//! Whoever reads the queue repeats an attempt that ended in [`Outcome::Retry`]; [`retry::settle`] does it.

pub mod build;
pub mod ceiling;
pub mod codec;
pub mod dead_letters;
pub mod debug;
pub mod grpc;
pub mod http;
mod proxy;
pub mod redact;
pub mod retry;
pub mod worker;

mod answer;
mod compress;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use tokio::time::Instant;

use crate::otlp::Signal;

/// The most bytes of an answer that are read (OTLP specification: clients SHOULD limit the response; 4 MiB).
///
/// A longer one is cut off: its connection or stream is closed, so nothing more arrives.
pub const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// How long establishing a connection may take, where the attempt's own timeout is longer or absent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// When an attempt that starts now has to end; a `timeout` of zero is no limit.
fn deadline(timeout: Duration) -> Instant {
    /// As good as never, and far from what overflows a timer.
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + if timeout.is_zero() { YEAR } else { timeout.min(YEAR) }
}

/// The outcome of an attempt that got no answer in time.
fn timed_out(timeout: Duration) -> Outcome {
    Outcome::Retry { after: None, why: format!("no answer within {timeout:?}") }
}

/// Who we are: exporter, version, language (OTLP exporter specification, "User Agent").
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("pricetag/", env!("CARGO_PKG_VERSION"), " (rust)"));

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has the request. It is never sent again, whatever `rejected` says: repeating a
    /// partial success would duplicate what was accepted (OTLP specification, "Partial Success").
    Delivered {
        /// Items that the destination did not take, or a warning; absent on full success.
        rejected: Option<Partial>,
    },
    /// The destination does not have the request, or we cannot know; the same bytes may be sent again.
    Retry {
        /// The destination asked to wait at least this long (RetryInfo or Retry-After), at most an hour.
        after: Option<Duration>,
        /// The reason, printable and bounded.
        why: String,
    },
    /// The destination takes no request of this size; it may take parts of it.
    TooLarge {
        /// The reason, printable and bounded.
        why: String,
    },
    /// The destination will never take this request.
    Refused {
        /// The reason, printable and bounded.
        why: String,
    },
}

/// The destination's `partial_success`, when it is populated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Spans, metric points or log records that were rejected; 0 makes the message a warning.
    pub items: i64,
    /// The destination's words, printable and bounded.
    pub message: String,
}

/// A destination of any kind.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each exporter, made once and never moved about"
)]
pub enum Client {
    /// OTLP over gRPC.
    Grpc(grpc::GrpcClient),
    /// OTLP over HTTP.
    Http(http::HttpClient),
    /// The console.
    Debug(debug::DebugExporter),
}

impl Client {
    /// Makes one attempt to deliver `body`, an encoded export request of `signal`.
    ///
    /// Dropping the future cancels the attempt; the destination may have the request nevertheless.
    pub async fn deliver(&self, signal: Signal, body: Bytes) -> Outcome {
        match self {
            Client::Grpc(client) => client.deliver(signal, body).await,
            Client::Http(client) => client.deliver(signal, body).await,
            Client::Debug(exporter) => exporter.deliver(signal, body).await,
        }
    }
}

/// How bodies are compressed on their way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// gzip, the Collector's default.
    #[default]
    Gzip,
    /// zstd.
    Zstd,
}

/// Whom to trust, and who we are, on an encrypted connection. The default trusts the system's roots.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Trust the certificates of this file, and no other.
    pub ca: Option<Pem>,
    /// The client's certificate chain and its private key, for mutual TLS.
    pub identity: Option<(Pem, Pem)>,
    /// The name that the server's certificate must bear, in place of the endpoint's host. gRPC only.
    pub server_name: Option<String>,
}

/// What a PEM file holds. It may be a private key, so it is not told.
#[derive(Clone)]
pub struct Pem {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pem").field(&self.path).finish()
    }
}

/// A header that goes with every request. Mark the value sensitive where it is a secret.
pub type Header = (HeaderName, HeaderValue);

/// Why a client cannot be made. Everything here is found at the start, before any connection.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No endpoint at all.
    #[error("no endpoint is set")]
    NoEndpoint,
    /// The endpoint has no host, or a scheme that is not `http` or `https`.
    #[error("endpoint {0:?} is not http://host:port or https://host:port")]
    Endpoint(String),
    /// A certificate or key file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file as it was named.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key file does not hold what it should.
    #[error("{path} holds no usable PEM {what}", path = path.display())]
    Pem {
        /// The file as it was named.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A header's value has a character that headers can not have.
    #[error("the value of header {0} has a character that no header can have")]
    Header(String),
    /// A proxy that gRPC can not go through.
    #[error(
        "HTTPS_PROXY names a proxy by {0}://; gRPC goes through proxies by http:// only (what is encrypted stays so within the tunnel)"
    )]
    Proxy(String),
    /// The TLS settings cannot be used as a whole.
    #[error("TLS settings: {0}")]
    Tls(String),
    /// reqwest has no way to check a certificate against another name than the URL's.
    #[error(
        "server_name_override is available for gRPC exporters only; use the certificate's name in the endpoint"
    )]
    ServerName,
}
