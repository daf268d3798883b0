//! Who may come in at a listener, and how what comes is kept from others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::values::{ComponentId, Secret};

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

/// An extension that knows who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// Its id in the config.
    pub id: ComponentId,
    /// Whom it knows.
    pub credentials: Credentials,
}

impl Authenticator {
    /// The key that names its file.
    pub fn file_key(&self) -> String {
        let key = match &self.credentials {
            Credentials::Tokens { .. } => "filename",
            Credentials::Users { .. } => "htpasswd.file",
        };
        format!("extensions.{}.{key}", self.id)
    }
}

/// Whom an authenticator knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Whoever has one of these tokens.
    Tokens {
        /// Those of the config.
        tokens: Vec<Secret>,
        /// A file with one a line.
        file: Option<PathBuf>,
        /// Whether it may stand behind them who they are of, for some dimension asks that.
        named: bool,
    },
    /// Users with passwords.
    Users {
        /// Those of the config, as in a file of htpasswd.
        inline: Option<Secret>,
        /// Such a file.
        file: Option<PathBuf>,
    },
}

impl Credentials {
    /// The file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Credentials::Tokens { file, .. } | Credentials::Users { file, .. } => file.as_deref(),
        }
    }
}
