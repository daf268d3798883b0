//! Certificates of listeners, from files.
//!
//! The provider is named, as both clients do (`exporter/tls.rs`), so that nothing has to be installed for the process.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use crate::config::{MinVersion, ServerTls};
use crate::yaml::Mistakes;

/// What a listener speaks within TLS, as ALPN names it, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// HTTP/2 alone: gRPC.
    Http2,
    /// Both HTTP/2 and HTTP/1.1.
    Http,
}

impl Within {
    fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Within::Http2 => vec![b"h2".to_vec()],
            Within::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// What stands in a listener's files. It holds a private key, so it is not `Debug`.
pub struct TlsFiles {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl TlsFiles {
    /// Reads them. Blocks.
    ///
    /// # Errors
    /// One can not be read.
    pub fn read(settings: &ServerTls) -> Result<Self, Mistakes> {
        let read = |name: &str, path: &Path| {
            std::fs::read(path).map_err(|error| {
                mistake(
                    settings,
                    path,
                    name,
                    format!("cannot be read: {error}"),
                    "name a PEM file that pricetag may read",
                )
            })
        };
        Ok(TlsFiles {
            certificate: read("cert_file", &settings.cert_file)?,
            key: read("key_file", &settings.key_file)?,
            client_ca: settings
                .client_ca_file
                .as_ref()
                .map(|path| read("client_ca_file", path))
                .transpose()?,
        })
    }

    /// What stands in them, file by file.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(Vec::as_slice)
    }

    /// What they make.
    ///
    /// # Errors
    /// They do not hold what they should, or the key is another certificate's.
    pub fn server(&self, settings: &ServerTls, within: Within) -> Result<Certified, Mistakes> {
        let wrong =
            |name, path: &Path, message: String, remedy| mistake(settings, path, name, message, remedy);
        let certificate = settings.cert_file.as_path();
        let chain = certificates(&self.certificate).map_err(|why| {
            wrong(
                "cert_file",
                certificate,
                why,
                "put the certificate there in PEM, and after it those that it is signed by",
            )
        })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| {
            let remedy = "put the certificate's key there in PEM, without a password";
            wrong("key_file", &settings.key_file, "no private key in PEM".to_owned(), remedy)
        })?;
        let versions: &[_] = match settings.min_version {
            MinVersion::Tls12 => &[&TLS13, &TLS12],
            MinVersion::Tls13 => &[&TLS13],
        };
        let provider = Arc::new(default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
        // Only a provider without ciphers of these versions fails here, which ours is not.
        let builder =
            builder.map_err(|error| wrong("min_version", certificate, error.to_string(), "remove it"))?;
        let builder = match (&settings.client_ca_file, &self.client_ca) {
            (Some(path), Some(pem)) => {
                let remedy = "put the certificates there in PEM that clients' ones are signed by";
                let wrong = |why: String| wrong("client_ca_file", path, why, remedy);
                let mut roots = RootCertStore::empty();
                for root in certificates(pem).map_err(wrong)? {
                    roots
                        .add(root)
                        .map_err(|error| wrong(format!("a certificate that can not be used: {error}")))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| wrong(error.to_string()))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let fingerprint = chain.first().map(|first| fingerprint(first)).unwrap_or_default();
        let mut server = builder.with_single_cert(chain, key).map_err(|error| {
            let message = match error {
                rustls::Error::InconsistentKeys(_) => {
                    "not the key of the certificate in cert_file".to_owned()
                }
                other => format!("the certificate and its key can not be used: {other}"),
            };
            wrong("key_file", &settings.key_file, message, "put the two there that were made for each other")
        })?;
        server.alpn_protocols = within.alpn();
        Ok(Certified { server: Arc::new(server), fingerprint })
    }
}

/// A listener's certificate, ready for use.
#[derive(Clone, Debug)]
pub struct Certified {
    pub(super) server: Arc<ServerConfig>,
    /// SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` has it, its first eight bytes.
    pub fingerprint: String,
}

/// The certificate in force, which may be replaced while connections come: those that there are keep theirs.
pub type InForce = Arc<ArcSwap<Certified>>;

/// The certificates of a PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("no certificate in PEM".to_owned()),
        Ok(all) => Ok(all),
        Err(_) => Err("broken PEM".to_owned()),
    }
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::from("SHA-256 ");
    for (at, byte) in digest(&SHA256, certificate).as_ref().iter().take(8).enumerate() {
        let _ = write!(text, "{}{byte:02X}", if at > 0 { ":" } else { "" });
    }
    text
}

fn mistake(settings: &ServerTls, path: &Path, name: &str, message: String, remedy: &str) -> Mistakes {
    Mistakes::of_file(path, format!("{}.{name}", settings.key), message, remedy)
}
