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
                              as in `ssh -L 8888:127.0.0.1:8888 HOST` or `kubectl port-forward POD 8888`, and ask 127.0.0.1:8888 there (where \
                              service.telemetry.metrics.address is not 127.0.0.1, it must be 0.0.0.0 for that)";
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(peer: &str, host: &str, path: &str) -> Response<Body> {
        let all = Router::new().fallback(get(async || "seen")).layer(from_fn(guard));
        let mut request = Request::builder().uri(path).header(HOST, host).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        all.oneshot(request).await.unwrap()
    }

    /// Guarantees: what calls cost is told to this machine, and by no foreign name; health and metrics to everyone.
    #[tokio::test]
    async fn only_this_machine_sees_costs() {
        const HERE: &str = "127.0.0.1:5000";
        for (peer, host, path, status) in [
            (HERE, "localhost:8888", "/", 200),
            (HERE, "127.0.0.1:8888", "/api/v1/costs", 200),
            (HERE, "[::1]:8888", "/api/v1/costs", 200),
            ("[::1]:5000", "LOCALHOST", "/", 200),
            ("[::ffff:127.0.0.1]:5000", "10.0.0.7", "/", 200),
            (HERE, "evil.example", "/", 403),
            (HERE, "localhost.evil.example:80", "/api/v1/costs", 403),
            (HERE, "", "/api/v1/costs", 403),
            ("10.0.0.7:5000", "localhost:8888", "/", 403),
            ("10.0.0.7:5000", "10.0.0.1:8888", "/api/v1/costs", 403),
            ("[2001:db8::1]:5000", "[2001:db8::2]:8888", "/anything", 403),
            ("10.0.0.7:5000", "pricetag:8888", "/metrics", 200),
            ("10.0.0.7:5000", "pricetag:8888", "/health/ready", 200),
            ("10.0.0.7:5000", "pricetag:8888", "/healthy", 403),
        ] {
            let response = asked(peer, host, path).await;
            assert_eq!(response.status().as_u16(), status, "{peer} {host} {path}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
    }

    #[tokio::test]
    async fn a_stranger_is_told_of_tunnels() {
        let response = asked("10.0.0.7:5000", "10.0.0.1", "/").await;
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(std::str::from_utf8(&body).unwrap().contains("ssh -L"), "{body:?}");
    }
}
