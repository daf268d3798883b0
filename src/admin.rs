//! The admin port: health, metrics, and what everything cost.

mod api;
mod blocking;
mod guard;
mod page;
pub mod reload;
mod scrape;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http::StatusCode;
use prometheus::Registry;
use tokio::net::TcpListener;

use crate::access::Door;
use crate::ledger::Ledger;
use crate::ledger::spikes::Spikes;
use crate::margin::Margins;
use crate::processor::Shared;
use crate::serve::{Speaks, serve as listen};
use api::Sources;
use guard::Guard;
use page::Page;
use reload::Reloads;
use scrape::Scrapes;

/// Whether requests are taken: on from the start of the listeners to the beginning of the shutdown.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether requests are taken.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether requests are taken.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the admin port shows.
#[derive(Debug)]
pub struct Site {
    /// Of `/metrics`.
    pub registries: Vec<Registry>,
    /// What everything cost.
    pub ledger: Ledger,
    /// Whether requests are taken.
    pub readiness: Readiness,
    /// What processors share; none where nothing is priced.
    pub shared: Option<Arc<Shared>>,
    /// What is earned; none where no revenue is configured.
    pub margins: Option<Arc<Margins>>,
    /// Spikes of cost; none where nothing is watched.
    pub spikes: Option<Spikes>,
    /// Where OTLP/HTTP is listened for.
    pub receiver: Option<SocketAddr>,
    /// Whether by TLS.
    pub receiver_tls: bool,
    /// The name or address that the config has for the port.
    pub host: Option<String>,
    /// Where a reload is asked for; `None`: there is none.
    pub reloads: Option<Reloads>,
    /// Who may see it, by its `auth`; `None` is this machine, and everybody `/metrics`.
    pub door: Door,
}

/// Serves a [`Site`] until `shutdown` completes.
pub async fn serve(listener: TcpListener, site: Site, shutdown: impl Future<Output = ()>) {
    let page = Arc::new(Page::new(&site));
    let Site { registries, ledger, readiness, shared, margins, spikes, host, reloads, door, .. } = site;
    let (scrapes, guard) = (Scrapes::new(registries), Guard::new(host, door.auth.clone()));
    let ready = health(readiness.clone());
    let router = Router::new()
        .route(
            "/",
            get(async move |request: Request| {
                Arc::clone(&page).answer(request.uri().query().unwrap_or_default()).await
            }),
        )
        .route("/health", get(health(readiness)))
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(async move || scrapes.answer().await))
        .merge(reload::router(reloads, door.auth.is_some()))
        .merge(api::router(Sources { ledger, shared, margins, spikes }))
        .layer(from_fn_with_state(guard, guard::guard));
    listen(listener, &door, Speaks::Http, router, shutdown).await;
}

/// Serves only the health of [`serve`], at `path`: the Collector's `health_check` extension.
pub async fn serve_health(
    listener: TcpListener,
    path: String,
    readiness: Readiness,
    door: Door,
    shutdown: impl Future<Output = ()>,
) {
    let router = Router::new().route(&path, get(health(readiness)));
    listen(listener, &door, Speaks::Http, router, shutdown).await;
}

type Health = std::future::Ready<(StatusCode, &'static str)>;

fn health(readiness: Readiness) -> impl Fn() -> Health + Clone + Send + Sync + 'static {
    move || {
        std::future::ready(if readiness.get() {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or shutting down\n")
        })
    }
}
