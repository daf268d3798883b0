//! The listeners: bound before anything else is made, and served when everything is there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::info;

use super::sockets::Sockets;
use super::{Addresses, App, StartError};
use crate::access::Door;
use crate::admin::{self, Site};
use crate::config::{Config, HostPort};
use crate::receiver::{grpc, http};

/// The bound listeners: all ports are ours before anything else is made.
pub(super) struct Listeners {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
    admin: Option<TcpListener>,
    health: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &Config, sockets: &mut Sockets) -> Result<Self, StartError> {
        let receivers = &config.receivers;
        let grpc = receivers.grpc.as_ref().map(|grpc| &grpc.endpoint);
        let http = receivers.http.as_ref().map(|http| &http.endpoint);
        let health = config.health_check.as_ref().map(|health| &health.endpoint);
        Ok(Listeners {
            grpc: bind(sockets, "receivers.otlp.protocols.grpc.endpoint", grpc).await?,
            http: bind(sockets, "receivers.otlp.protocols.http.endpoint", http).await?,
            admin: bind(sockets, "service.telemetry.metrics.address", config.telemetry.metrics.as_ref())
                .await?,
            health: bind(sockets, "extensions.health_check.endpoint", health).await?,
        })
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
    sockets: &mut Sockets,
    key: &'static str,
    endpoint: Option<&HostPort>,
) -> Result<Option<TcpListener>, StartError> {
    let Some(endpoint) = endpoint else { return Ok(None) };
    match sockets.listen(key, endpoint).await {
        Ok(listener) => {
            info!(
                "listening on {} ({key})",
                listener.local_addr().map_or(endpoint.to_string(), |a| a.to_string())
            );
            Ok(Some(listener))
        }
        Err(source) => {
            let remedy = match source.kind() {
                io::ErrorKind::AddrInUse => {
                    format!(
                        "; another process has it: stop that, or set another one with --set {key}=HOST:PORT"
                    )
                }
                io::ErrorKind::PermissionDenied => "; choose a port above 1023".to_owned(),
                _ => "; it must be an address of this machine, such as 127.0.0.1 or 0.0.0.0".to_owned(),
            };
            Err(StartError::Bind { key, endpoint: endpoint.to_string(), remedy, source })
        }
    }
}

/// Completes when the switch is turned, or its owner is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
