//! Certificates and keys of files, for both clients.
//!
//! tonic and reqwest each pick aws-lc-rs by name when no process-wide rustls provider is installed, so
//! nothing has to be installed here, and the two cannot disagree.

use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{BuildError, Pem, TlsSettings};
use crate::config::Tls;

impl TlsSettings {
    /// Reads the files of an exporter's config. Blocks.
    ///
    /// # Errors
    /// One can not be read, or does not hold what it should.
    pub fn read(config: &Tls) -> Result<Self, BuildError> {
        let identity = config
            .identity
            .as_ref()
            .map(|(certificate, key)| Ok((Pem::read(certificate, CERTIFICATE)?, Pem::read(key, KEY)?)));
        Ok(TlsSettings {
            ca: config.ca_file.as_deref().map(|path| Pem::read(path, CERTIFICATE)).transpose()?,
            identity: identity.transpose()?,
            server_name: config.server_name.clone(),
        })
    }

    /// What stands in the files, file by file.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let (certificate, key) = self.identity.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
        [self.ca.as_ref(), certificate, key].into_iter().flatten().map(|pem| pem.bytes.as_slice())
    }
}

/// The settings as tonic wants them.
pub(super) fn for_tonic(settings: &TlsSettings) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new();
    config = match &settings.ca {
        Some(roots) => config.ca_certificate(Certificate::from_pem(&roots.bytes)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = &settings.identity {
        config = config.identity(Identity::from_pem(&certificate.bytes, &key.bytes));
    }
    if let Some(name) = &settings.server_name {
        config = config.domain_name(name);
    }
    config
}

/// The settings as reqwest wants them.
pub(super) fn for_reqwest(
    mut builder: reqwest::ClientBuilder,
    settings: &TlsSettings,
) -> Result<reqwest::ClientBuilder, BuildError> {
    if settings.server_name.is_some() {
        return Err(BuildError::ServerName);
    }
    if let Some(roots) = &settings.ca {
        let bundle = reqwest::Certificate::from_pem_bundle(&roots.bytes)
            .map_err(|_| BuildError::Pem { path: roots.path.clone(), what: CERTIFICATE.1 })?;
        builder = builder.tls_certs_only(bundle);
    }
    if let Some((certificate, key)) = &settings.identity {
        let pem = [&certificate.bytes[..], b"\n", &key.bytes].concat();
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|_| BuildError::Pem { path: key.path.clone(), what: KEY.1 })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// A PEM label's end, and what to call it.
type Kind = (&'static str, &'static str);
const CERTIFICATE: Kind = ("CERTIFICATE-----", "certificate");
const KEY: Kind = ("PRIVATE KEY-----", "private key");

impl Pem {
    /// Reads a file. Both libraries take one without certificates for an empty set of roots and then fail each connection, so what is
    /// looked for must at least be there.
    fn read(path: &Path, (label, what): Kind) -> Result<Self, BuildError> {
        let bytes =
            std::fs::read(path).map_err(|source| BuildError::File { path: path.to_owned(), source })?;
        if String::from_utf8_lossy(&bytes).contains(label) {
            Ok(Pem { path: path.to_owned(), bytes })
        } else {
            Err(BuildError::Pem { path: path.to_owned(), what })
        }
    }
}
