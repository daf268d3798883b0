//! TLS and logins of listeners as written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::access::MinVersion;
use crate::config::values::{ComponentId, GoDuration, Secret};

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

/// Asks who comes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Auth {
    /// The extension that knows who may: a `bearertokenauth` or a `basicauth`. Required.
    pub(in crate::config) authenticator: Option<ComponentId>,
}

/// Lets in who has a token: `authorization: Bearer TOKEN`. One of the three keys is needed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "BearerTokenAuthExtension")]
pub(in crate::config) struct BearerTokenAuth {
    /// The token, as in `${env:TOKEN}`; behind a space may stand who it is of, for dimensions with `auth: true`, as in `${env:TOKEN} acme`.
    pub(in crate::config) token: Option<Secret>,
    /// Several tokens, of which one is enough.
    pub(in crate::config) tokens: Option<Vec<Secret>>,
    /// A file with a token a line, and who it is of behind a space, if that is wanted; read again when it changes.
    pub(in crate::config) filename: Option<PathBuf>,
}

/// Lets in users by their passwords.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "BasicAuthExtension")]
pub(in crate::config) struct BasicAuth {
    /// Who they are. Required.
    pub(in crate::config) htpasswd: Htpasswd,
}

/// Users, as Apache's `htpasswd` writes them: `user:password`, one a line, with passwords as they are or as bcrypt hashes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Htpasswd {
    /// A file, read again when it changes.
    pub(in crate::config) file: Option<PathBuf>,
    /// The lines themselves; where the file has the same user, they hold. Each `$` of a hash is `$$` here.
    pub(in crate::config) inline: Option<Secret>,
}
