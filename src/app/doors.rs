//! What listeners let in by: their certificates, and who may come, read at the start and kept as their files are; how many may come, and
//! what there is for them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;

use super::files::{Bell, Keeper, Kind};
use super::observe;
use crate::access::Door;
use crate::access::login::Auth;
use crate::access::places::Places;
use crate::access::tls::{InForce, TlsFiles, Within};
use crate::config::{Authenticator, ComponentId, Config, Connections, ServerTls};
use crate::memory::Memory;
use crate::yaml::Mistakes;

/// What the config has for its listeners.
pub(super) struct Doors {
    /// Of gRPC, HTTP and the admin port.
    certificates: [Option<(Certificate, TlsFiles)>; 3],
    /// Each once, though several listeners ask it.
    logins: Vec<(Login, Option<Vec<u8>>)>,
    /// Whom gRPC, HTTP and the admin port ask.
    asked: [Option<ComponentId>; 3],
}

impl Doors {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// One can not be read, or is wrong.
    pub(super) fn read(config: &Config) -> Result<Self, Mistakes> {
        let (grpc, http) = (config.receivers.grpc.as_ref(), config.receivers.http.as_ref());
        let asks = [
            grpc.and_then(|grpc| grpc.auth.as_ref()),
            http.and_then(|http| http.auth.as_ref()),
            config.telemetry.auth.as_ref(),
        ];
        let mut logins: Vec<(Login, Option<Vec<u8>>)> = Vec::new();
        for authenticator in asks.iter().flatten() {
            if !logins.iter().any(|(login, _)| login.authenticator.id == authenticator.id) {
                logins.push(Login::read(authenticator)?);
            }
        }
        let certificate =
            |tls: Option<&ServerTls>, within| tls.map(|tls| Certificate::read(tls, within)).transpose();
        Ok(Doors {
            certificates: [
                certificate(grpc.and_then(|grpc| grpc.tls.as_ref()), Within::Http2)?,
                certificate(http.and_then(|http| http.tls.as_ref()), Within::Http)?,
                certificate(config.telemetry.tls.as_ref(), Within::Http)?,
            ],
            logins,
            asked: asks.map(|asks| asks.map(|authenticator| authenticator.id.clone())),
        })
    }

    /// The receivers' doors, gRPC's and HTTP's, and that of the admin port; what goes on at them is told by `meter`.
    pub(super) fn doors(&self, config: &Config, meter: &Meter) -> ([Door; 2], Door) {
        let memory = Arc::new(Memory::new(&config.memory));
        let receivers = &config.receivers;
        let grants = [
            receivers.grpc.as_ref().map(|grpc| &grpc.connections),
            receivers.http.as_ref().map(|http| &http.connections),
        ];
        let door = |nth: usize, name, grants: &Connections| {
            let asked = |(login, _): &&(Login, _)| Some(&login.authenticator.id) == self.asked[nth].as_ref();
            let certificate = self.certificates[nth].as_ref();
            Door {
                tls: certificate.map(|(certificate, _)| Arc::clone(&certificate.in_force)),
                auth: self.logins.iter().find(asked).map(|(login, _)| Arc::clone(&login.auth)),
                places: Arc::new(Places::new(name, grants.most)),
                connections: grants.clone(),
                memory: Arc::clone(&memory),
            }
        };
        let [grpc, http] = grants.map(|grants| grants.unwrap_or(&Connections::OF_RECEIVERS));
        let receivers = [door(0, "OTLP/gRPC", grpc), door(1, "OTLP/HTTP", http)];
        let admin = door(2, "admin port", &Connections::OF_ADMIN);
        let places = [&receivers[0], &receivers[1], &admin].map(|door| Arc::clone(&door.places));
        observe::connections(meter, places);
        (receivers, admin)
    }

    /// Keeps them up to date, in tasks. What comes back asks to read them again.
    pub(super) fn keep(self, meter: &Meter, tasks: &mut JoinSet<()>) -> Vec<Bell> {
        let mut reload = Vec::new();
        for (certificate, files) in self.certificates.into_iter().flatten() {
            reload.push(Keeper::keep(certificate, files, meter, tasks));
        }
        for (login, file) in self.logins {
            // What stands in the config does not change.
            if file.is_some() {
                reload.push(Keeper::keep(login, file, meter, tasks));
            }
        }
        reload
    }
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

/// Who may come in, by one authenticator.
struct Login {
    authenticator: Authenticator,
    auth: Arc<Auth>,
}

impl Login {
    fn read(authenticator: &Authenticator) -> Result<(Self, Option<Vec<u8>>), Mistakes> {
        let file = read(authenticator)?;
        let auth = Arc::new(Auth::new(authenticator, file.as_deref())?);
        Ok((Login { authenticator: authenticator.clone(), auth }, file))
    }
}

/// An authenticator's file, if it has one.
fn read(authenticator: &Authenticator) -> Result<Option<Vec<u8>>, Mistakes> {
    let Some(file) = authenticator.credentials.file() else { return Ok(None) };
    std::fs::read(file).map(Some).map_err(|error| {
        let message = format!("cannot be read: {error}");
        Mistakes::of_file(file, authenticator.file_key(), message, "name a file that pricetag may read")
    })
}

impl Kind for Login {
    type Files = Option<Vec<u8>>;
    const WHAT: &'static str = "logins";
    const FILES: &'static str = "files of tokens and users";
    const METRIC: &'static str = "pricetag_login_reloads_total";

    fn paths(&self) -> Vec<PathBuf> {
        self.authenticator.credentials.file().map(Into::into).into_iter().collect()
    }

    fn read(&self) -> Result<Self::Files, Mistakes> {
        read(&self.authenticator)
    }

    fn contents(files: &Self::Files) -> impl Iterator<Item = &[u8]> {
        files.as_deref().into_iter()
    }

    fn put(&self, files: Self::Files) -> Result<String, Mistakes> {
        let words = self.auth.replace(&self.authenticator, files.as_deref())?;
        Ok(format!("extensions.{} has {words} now", self.authenticator.id))
    }

    fn in_force(&self) -> String {
        self.auth.words()
    }
}
