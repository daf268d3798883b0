//! Who may come in at a listener, and how what comes is kept from others.

use std::path::PathBuf;
use std::time::Duration;

/// The certificate of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate, and those that it is signed by, PEM.
    pub cert_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
    /// Who must have signed the certificates of clients; `None` asks for none.
    pub client_ca_file: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// How often the files are read without being told of a change.
    pub reload_interval: Duration,
    /// The key in the config, for messages: `receivers.otlp.protocols.grpc.tls`.
    pub key: String,
}

/// The oldest version of TLS that a listener speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}
