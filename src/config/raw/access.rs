//! TLS of listeners as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::access::MinVersion;
use crate::config::values::GoDuration;

/// How a listener proves who it is, and whether clients have to. The files are read again when they change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct ServerTls {
    /// The certificate, a PEM file; after it those that it is signed by. Required.
    pub(in crate::config) cert_file: Option<PathBuf>,
    /// The certificate's key, a PEM file. Required.
    pub(in crate::config) key_file: Option<PathBuf>,
    /// The certificates that clients' ones must be signed by, a PEM file; then nobody comes in without one. Default: none is asked for.
    pub(in crate::config) client_ca_file: Option<PathBuf>,
    /// The oldest version that is spoken. Default: 1.2.
    pub(in crate::config) min_version: Option<MinVersion>,
    /// How often the files are read without a sign that they have changed, as where they come by a network. Default: 60s.
    pub(in crate::config) reload_interval: Option<GoDuration>,
}
