//! Certificates and keys from files, for both clients.
//!
//! tonic and reqwest each pick aws-lc-rs by name when no process-wide rustls provider is installed, so
//! nothing has to be installed here, and the two cannot disagree.

use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{BuildError, TlsSettings};

/// The settings as tonic wants them.
pub(super) fn for_tonic(settings: &TlsSettings) -> Result<ClientTlsConfig, BuildError> {
    let mut config = ClientTlsConfig::new();
    config = match &settings.ca_file {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path, CERTIFICATE)?)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = &settings.identity {
        config = config.identity(Identity::from_pem(read(certificate, CERTIFICATE)?, read(key, KEY)?));
    }
    if let Some(name) = &settings.server_name {
        config = config.domain_name(name);
    }
    Ok(config)
}

/// The settings as reqwest wants them.
pub(super) fn for_reqwest(
    mut builder: reqwest::ClientBuilder,
    settings: &TlsSettings,
) -> Result<reqwest::ClientBuilder, BuildError> {
    if settings.server_name.is_some() {
        return Err(BuildError::ServerName);
    }
    if let Some(path) = &settings.ca_file {
        let roots = reqwest::Certificate::from_pem_bundle(&read(path, CERTIFICATE)?)
            .map_err(|_| BuildError::Pem { path: path.clone(), what: CERTIFICATE.1 })?;
        builder = builder.tls_certs_only(roots);
    }
    if let Some((certificate, key)) = &settings.identity {
        let mut pem = read(certificate, CERTIFICATE)?;
        pem.push(b'\n');
        pem.extend(read(key, KEY)?);
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|_| BuildError::Pem { path: key.clone(), what: KEY.1 })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// A PEM label's end, and what to call it.
type Kind = (&'static str, &'static str);
const CERTIFICATE: Kind = ("CERTIFICATE-----", "certificate");
const KEY: Kind = ("PRIVATE KEY-----", "private key");

/// Reads a PEM file. Both libraries take a file without certificates for an empty set of roots and then
/// fail each connection, so what is looked for must at least be there.
fn read(path: &Path, (label, what): Kind) -> Result<Vec<u8>, BuildError> {
    let pem = std::fs::read(path).map_err(|source| BuildError::File { path: path.to_owned(), source })?;
    if String::from_utf8_lossy(&pem).contains(label) {
        Ok(pem)
    } else {
        Err(BuildError::Pem { path: path.to_owned(), what })
    }
}
