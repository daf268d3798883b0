//! Who may see what everything cost: this machine only, until there is a login. Health and metrics are for everyone.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

/// What is said to a stranger.
const FROM_ELSEWHERE: &str = "what calls cost is shown to this machine only, for there is no login yet; from another one use a tunnel, \
                              as in `ssh -L 8888:127.0.0.1:8888 HOST` or `kubectl port-forward POD 8888`, and ask 127.0.0.1:8888 there";
/// What is said where a page has had its name resolved to our address.
const BY_NAME: &str = "this host name is not ours: ask by an IP address or by localhost";

/// Lets through what may be asked, and says with each answer that nobody keeps it, or takes it for what it is not.
pub(super) async fn guard(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let refusal = match request.uri().path() {
        path if path == "/metrics" || path == "/health" || path.starts_with("/health/") => None,
        _ if !peer.ip().to_canonical().is_loopback() => Some(FROM_ELSEWHERE),
        // A page of a stranger whose name resolves to our address could otherwise read this through the user's browser.
        _ if !is_addressed(&request) => Some(BY_NAME),
        _ => None,
    };
    let mut response = match refusal {
        None => next.run(request).await,
        Some(refusal) => refused(refusal),
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

fn refused(why: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{}\n", json!({ "error": why }))));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether the request names us by an address or as this machine.
fn is_addressed(request: &Request) -> bool {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    // HTTP/2 has it in the URI.
    let Some(named) = request.uri().authority().cloned().or(named) else { return false };
    let host = named.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}
