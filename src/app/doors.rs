//! What listeners let in by: their certificates, read at the start and kept as their files are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::metrics::Meter;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::files::{Keeper, Kind};
use crate::access::Door;
use crate::access::tls::{InForce, TlsFiles, Within};
use crate::config::{Config, ServerTls};
use crate::yaml::Mistakes;

/// The certificates of the receivers.
pub(super) struct Doors {
    grpc: Option<(Certificate, TlsFiles)>,
    http: Option<(Certificate, TlsFiles)>,
}

impl Doors {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// One can not be read, or is wrong.
    pub(super) fn read(config: &Config) -> Result<Self, Mistakes> {
        let grpc = config.receivers.grpc.as_ref().and_then(|grpc| grpc.tls.as_ref());
        let http = config.receivers.http.as_ref().and_then(|http| http.tls.as_ref());
        Ok(Doors {
            grpc: grpc.map(|tls| Certificate::read(tls, Within::Http2)).transpose()?,
            http: http.map(|tls| Certificate::read(tls, Within::Http)).transpose()?,
        })
    }

    /// The receivers' doors: gRPC, HTTP.
    pub(super) fn doors(&self) -> [Door; 2] {
        [&self.grpc, &self.http]
            .map(|read| Door { tls: read.as_ref().map(|(certificate, _)| Arc::clone(&certificate.in_force)) })
    }

    /// Keeps them up to date, in tasks. What comes back asks to read them again.
    pub(super) fn keep(self, meter: &Meter, tasks: &mut JoinSet<()>) -> Vec<Arc<Notify>> {
        let all = [self.grpc, self.http].into_iter().flatten();
        all.map(|(certificate, files)| Keeper::keep(certificate, files, meter, tasks)).collect()
    }
}

/// Whether what listeners need can be read, and is right. Blocks.
///
/// # Errors
/// What is wrong.
pub fn check_doors(config: &Config) -> Result<(), Mistakes> {
    Doors::read(config).map(|_| ())
}

/// The certificate of one listener.
struct Certificate {
    settings: ServerTls,
    within: Within,
    in_force: InForce,
}

impl Certificate {
    fn read(settings: &ServerTls, within: Within) -> Result<(Self, TlsFiles), Mistakes> {
        let files = TlsFiles::read(settings)?;
        let in_force = Arc::new(ArcSwap::from_pointee(files.server(settings, within)?));
        Ok((Certificate { settings: settings.clone(), within, in_force }, files))
    }
}

impl Kind for Certificate {
    type Files = TlsFiles;
    const WHAT: &'static str = "certificates";
    const FILES: &'static str = "certificate files";
    const METRIC: &'static str = "pricetag_certificate_reloads_total";

    fn paths(&self) -> Vec<PathBuf> {
        let ServerTls { cert_file, key_file, client_ca_file, .. } = &self.settings;
        [Some(cert_file), Some(key_file), client_ca_file.as_ref()].into_iter().flatten().cloned().collect()
    }

    fn tick(&self) -> Duration {
        self.settings.reload_interval
    }

    fn read(&self) -> Result<TlsFiles, Mistakes> {
        TlsFiles::read(&self.settings)
    }

    fn contents(files: &TlsFiles) -> impl Iterator<Item = &[u8]> {
        files.contents()
    }

    fn put(&self, files: TlsFiles) -> Result<String, Mistakes> {
        let certified = files.server(&self.settings, self.within)?;
        let changes = format!("{} has {} now", self.settings.key, certified.fingerprint);
        self.in_force.store(Arc::new(certified));
        Ok(changes)
    }

    fn in_force(&self) -> String {
        self.in_force.load().fingerprint.clone()
    }
}
