//! The listeners: bound before anything else is made, and served when everything is there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::info;

use super::sockets::{Sockets, Wanted};
use super::{Addresses, App, StartError};
use crate::access::Door;
use crate::admin::{self, Site};
use crate::config::Config;
use crate::receiver::{grpc, http};

/// The keys of their addresses.
const GRPC: &str = "receivers.otlp.protocols.grpc.endpoint";
const HTTP: &str = "receivers.otlp.protocols.http.endpoint";
const ADMIN: &str = "service.telemetry.metrics.address";
const HEALTH: &str = "extensions.health_check.endpoint";

/// The addresses that a config wants.
pub(super) fn wanted(config: &Config) -> Vec<Wanted<'_>> {
    let wanted = [
        (GRPC, config.receivers.grpc.as_ref().map(|grpc| &grpc.endpoint)),
        (HTTP, config.receivers.http.as_ref().map(|http| &http.endpoint)),
        (ADMIN, config.telemetry.metrics.as_ref()),
        (HEALTH, config.health_check.as_ref().map(|health| &health.endpoint)),
    ];
    wanted.into_iter().filter_map(|(key, at)| Some((key, at?))).collect()
}

/// Listens where the next config wants it, before the one in force is given up.
///
/// # Errors
/// [`StartError::Bind`]; then the sockets are those that there were.
pub async fn prepare(in_force: &Config, next: &Config, sockets: &mut Sockets) -> Result<(), StartError> {
    sockets.prepare(&wanted(next)).await.map_err(|(at, source)| {
        sockets.keep_only(&wanted(in_force));
        not_bound(at, source)
    })
}

/// The bound listeners: all ports are ours before anything else is made.
pub(super) struct Listeners {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
    admin: Option<TcpListener>,
    health: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &Config, sockets: &mut Sockets) -> Result<Self, StartError> {
        let wanted = wanted(config);
        let mut listeners = Listeners { grpc: None, http: None, admin: None, health: None };
        for at in &wanted {
            let listener = Some(bind(*at, &wanted, sockets).await?);
            match at.0 {
                GRPC => listeners.grpc = listener,
                HTTP => listeners.http = listener,
                ADMIN => listeners.admin = listener,
                _ => listeners.health = listener,
            }
        }
        Ok(listeners)
    }

    pub(super) fn addresses(&self) -> Addresses {
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|it| it.local_addr().ok());
        Addresses { grpc: address(&self.grpc), http: address(&self.http), admin: address(&self.admin) }
    }

    pub(super) fn otlp_addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.addresses();
        [addresses.grpc, addresses.http].into_iter().flatten().collect()
    }

    pub(super) fn serve(
        self,
        app: &mut App,
        config: &Config,
        [grpc_door, http_door]: [Door; 2],
        site: Site,
        receiving_stops: watch::Receiver<bool>,
        serving_stops: watch::Receiver<bool>,
    ) {
        let receivers = &config.receivers;
        // It asks nobody who he is, and has places of its own.
        let health_door = site.door.for_health();
        if let (Some(listener), Some(grpc)) = (self.grpc, &receivers.grpc) {
            let (intake, metrics) = (Arc::clone(&app.intake), app.telemetry.receiver("grpc"));
            let (limit, stop) = (grpc.max_message_bytes, stopped(receiving_stops.clone()));
            app.receiving.spawn(async move {
                grpc::serve(listener, grpc_door, intake, metrics, limit, stop).await;
                Ok(())
            });
        }
        if let (Some(listener), Some(http)) = (self.http, &receivers.http) {
            let (intake, metrics) = (Arc::clone(&app.intake), app.telemetry.receiver("http"));
            let (limit, stop) = (http.max_body_bytes, stopped(receiving_stops));
            app.receiving.spawn(async move {
                http::serve(listener, http_door, intake, metrics, limit, stop).await;
                Ok(())
            });
        }
        if let Some(listener) = self.admin {
            let stop = stopped(serving_stops.clone());
            app.serving.spawn(admin::serve(listener, site, stop));
        }
        if let (Some(listener), Some(health)) = (self.health, &config.health_check) {
            let (path, ready, stop) = (health.path.clone(), app.readiness.clone(), stopped(serving_stops));
            app.serving.spawn(admin::serve_health(listener, path, ready, health_door, stop));
        }
    }
}

async fn bind(
    at: Wanted<'_>,
    wanted: &[Wanted<'_>],
    sockets: &mut Sockets,
) -> Result<TcpListener, StartError> {
    let (key, endpoint) = at;
    match sockets.listen(at, wanted).await {
        Ok(listener) => {
            info!(
                "listening on {} ({key})",
                listener.local_addr().map_or(endpoint.to_string(), |a| a.to_string())
            );
            Ok(listener)
        }
        Err(source) => Err(not_bound(at, source)),
    }
}

fn not_bound((key, endpoint): Wanted<'_>, source: io::Error) -> StartError {
    let remedy = match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another process has it: stop that, or set another one with --set {key}=HOST:PORT")
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023".to_owned(),
        _ => "; it must be an address of this machine, such as 127.0.0.1 or 0.0.0.0".to_owned(),
    };
    StartError::Bind { key, endpoint: endpoint.to_string(), remedy, source }
}

/// Completes when the switch is turned, or its owner is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
