//! The clients of exporters: made at the start, and anew when the certificates change that their configs name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;

use super::StartError;
use super::files::{Bell, Keeper, Kind};
use crate::config::{Config, Exporter};
use crate::exporter::build::{self, Output};
use crate::exporter::{BuildError, Client, TlsSettings};
use crate::yaml::Mistakes;

/// Clients, in the order of the config's exporters.
pub(super) struct Backends(Vec<(Backend, TlsSettings)>);

impl Backends {
    /// Reads the files and makes the clients, without connecting. Blocks.
    pub(super) fn new(config: &Config, debug_output: Output) -> Result<Self, StartError> {
        let backend = |exporter: &Exporter| {
            let failed = |source| StartError::Exporter { id: exporter.id.to_string(), source };
            let tls = read(exporter).map_err(failed)?;
            let client = build::client(exporter, tls.clone(), debug_output).map_err(failed)?;
            let client = Arc::new(ArcSwap::from_pointee(client));
            Ok((Backend { exporter: exporter.clone(), client, debug_output }, tls))
        };
        config.exporters.iter().map(backend).collect::<Result<_, _>>().map(Backends)
    }

    /// The clients in force.
    pub(super) fn clients(&self) -> impl Iterator<Item = Arc<ArcSwap<Client>>> {
        self.0.iter().map(|(backend, _)| Arc::clone(&backend.client))
    }

    /// Keeps them up to date, in tasks. What comes back asks to read their files again.
    pub(super) fn keep(self, meter: &Meter, tasks: &mut JoinSet<()>) -> Vec<Bell> {
        let has_files = |(backend, _): &(Backend, _)| !backend.paths().is_empty();
        let kept = self.0.into_iter().filter(has_files);
        kept.map(|(backend, files)| Keeper::keep(backend, files, meter, tasks)).collect()
    }
}

/// One exporter's client.
struct Backend {
    exporter: Exporter,
    client: Arc<ArcSwap<Client>>,
    debug_output: Output,
}

fn read(exporter: &Exporter) -> Result<TlsSettings, BuildError> {
    exporter.kind.tls().map_or_else(|| Ok(TlsSettings::default()), TlsSettings::read)
}

impl Kind for Backend {
    type Files = TlsSettings;
    const WHAT: &'static str = "certificates";
    const FILES: &'static str = "certificate files";
    const METRIC: &'static str = "pricetag_certificate_reloads_total";

    fn paths(&self) -> Vec<PathBuf> {
        self.exporter.kind.tls().into_iter().flat_map(|tls| tls.files()).map(Path::to_path_buf).collect()
    }

    fn tick(&self) -> Duration {
        self.exporter.kind.tls().map_or(Duration::MAX, |tls| tls.reload_interval)
    }

    fn read(&self) -> Result<TlsSettings, Mistakes> {
        read(&self.exporter).map_err(|error| self.mistake(&error))
    }

    fn contents(files: &TlsSettings) -> impl Iterator<Item = &[u8]> {
        files.contents()
    }

    /// Requests under way are finished by the client that was in force.
    fn put(&self, files: TlsSettings) -> Result<String, Mistakes> {
        let client = build::client(&self.exporter, files, self.debug_output);
        self.client.store(Arc::new(client.map_err(|error| self.mistake(&error))?));
        Ok(format!("exporters.{} connects with them now", self.exporter.id))
    }

    fn in_force(&self) -> String {
        format!("exporters.{}", self.exporter.id)
    }
}

impl Backend {
    fn mistake(&self, error: &BuildError) -> Mistakes {
        let key = format!("exporters.{}.tls", self.exporter.id);
        let file = self.paths().first().cloned().unwrap_or_default();
        Mistakes::of_file(
            &file,
            key,
            error.to_string(),
            "put the certificates there in PEM, and the key that belongs to them",
        )
    }
}
