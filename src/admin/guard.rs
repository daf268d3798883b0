//! Who may see what everything cost. Where the config says who, they may, from wherever; else this machine only, and metrics are for
//! everyone, but for pages of strangers in this machine's browsers. Health is for everyone.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HOST, VIA, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::access::login::{Auth, Denied};

/// What is said to a stranger.
const FROM_ELSEWHERE: &str = "what calls cost is shown to this machine only, unless service.telemetry.metrics.auth says who may see it; \
                              without that use a tunnel from another one, as in `ssh -L 8888:127.0.0.1:8888 HOST` or `kubectl port-forward POD 8888`, and ask 127.0.0.1:8888 there (where \
                              service.telemetry.metrics.address is not 127.0.0.1, it must be 0.0.0.0 for that)";
/// What is said where a page has had its name resolved to our address.
const BY_NAME: &str = "this host name is not ours, as far as this machine knows: ask by an IP address or by localhost, or have \
                       service.telemetry.metrics.address say the name (a proxy may set the header Host)";
/// What is said where a proxy on this machine asks for somebody.
const FORWARDED_FOR: &str = "a proxy has passed this on, and nobody knows for whom: what calls cost is shown to this machine only, unless \
                             service.telemetry.metrics.auth says who may see it; without that use a tunnel from another one, as in `ssh -L 8888:127.0.0.1:8888 HOST`, and ask 127.0.0.1:8888 there; \
                             a proxy may pass on /health and /metrics";

/// What proxies add to what they pass on.
const OF_PROXIES: [HeaderName; 6] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// What Docker Desktop and Podman call this machine in their containers, whose requests come as from this machine. Nobody can have them in
/// public: `internal` is no domain there.
const OF_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// What it takes to know who asks.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// The name that the config has for us.
    host: Option<Arc<str>>,
    /// Who may see everything, if the config says it.
    auth: Option<Arc<Auth>>,
}

/// Lets through what may be asked, and says with each answer that nobody keeps it, or takes it for what it is not.
pub(super) async fn guard(
    State(guard): State<Guard>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let refusal = match &guard.auth {
        _ if is_health(request.uri().path()) => None,
        // Who knows the password may come by any name, and through any proxy: a stranger's page in his browser does not know it.
        Some(auth) => auth.check(request.headers()).await.err().map(denied),
        None => guard.refusal(peer, &request).map(|why| refused(StatusCode::FORBIDDEN, why)),
    };
    let mut response = match refusal {
        None => next.run(request).await,
        Some(refusal) => refusal,
    };
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

fn is_health(path: &str) -> bool {
    path == "/health" || path.starts_with("/health/")
}

fn denied(denied: Denied) -> Response<Body> {
    let challenge = denied.challenge();
    let status = if challenge.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = refused(status, &denied.to_string());
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refused(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{}\n", json!({ "error": why }))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Guard {
    pub(super) fn new(host: Option<String>, auth: Option<Arc<Auth>>) -> Self {
        Guard { host: host.map(Arc::from), auth }
    }

    /// Why somebody is not let through.
    fn refusal(&self, peer: SocketAddr, request: &Request) -> Option<&'static str> {
        let is_here = peer.ip().to_canonical().is_loopback();
        let is_metrics = request.uri().path() == "/metrics";
        // A page of a stranger whose name resolves to our address could otherwise read this through the user's browser. From elsewhere
        // metrics are asked for by any name: that of a service, say.
        if is_here && !self.is_addressed(request, is_metrics) {
            Some(BY_NAME)
        } else if is_metrics {
            None
        } else if !is_here {
            Some(FROM_ELSEWHERE)
        } else {
            OF_PROXIES.iter().any(|name| request.headers().contains_key(name)).then_some(FORWARDED_FOR)
        }
    }

    /// Whether the request names us by an address, as this machine, or as the config does.
    fn is_addressed(&self, request: &Request, is_metrics: bool) -> bool {
        let named =
            request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        // HTTP/2 has it in the URI.
        let Some(named) = request.uri().authority().cloned().or(named) else { return false };
        let host = named.host().trim_start_matches('[').trim_end_matches(']');
        let is = |name: &str| host.eq_ignore_ascii_case(name);
        is("localhost")
            || host.parse::<IpAddr>().is_ok()
            || self.host.as_deref().is_some_and(is)
            || is_metrics && OF_CONTAINERS.into_iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    const HERE: &str = "127.0.0.1:5000";
    const THERE: &str = "10.0.0.7:5000";

    async fn asked(peer: &str, host: &str, path: &str, headers: &[&'static str]) -> Response<Body> {
        let guard = Guard::new(Some("costs.example".to_owned()), None);
        let all = Router::new().fallback(get(async || "seen")).layer(from_fn_with_state(guard, super::guard));
        let mut request = Request::builder().uri(path).header(HOST, host).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        for name in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static("10.0.0.7"));
        }
        all.oneshot(request).await.unwrap()
    }

    /// Guarantees: what calls cost is told to this machine, and by no foreign name; metrics to everyone, but to this machine by no foreign
    /// name either; health to everyone.
    #[tokio::test]
    async fn only_this_machine_sees_costs() {
        for (peer, host, path, status) in [
            (HERE, "localhost:8888", "/", 200),
            (HERE, "127.0.0.1:8888", "/api/v1/costs", 200),
            (HERE, "[::1]:8888", "/api/v1/costs", 200),
            ("[::1]:5000", "LOCALHOST", "/", 200),
            ("[::ffff:127.0.0.1]:5000", "10.0.0.7", "/", 200),
            (HERE, "Costs.example:8888", "/", 200),
            (HERE, "evil.example", "/", 403),
            (HERE, "localhost.evil.example:80", "/api/v1/costs", 403),
            (HERE, "host.docker.internal", "/api/v1/costs", 403),
            (HERE, "", "/api/v1/costs", 403),
            (THERE, "localhost:8888", "/", 403),
            (THERE, "costs.example:8888", "/", 403),
            (THERE, "10.0.0.1:8888", "/api/v1/costs", 403),
            ("[2001:db8::1]:5000", "[2001:db8::2]:8888", "/anything", 403),
            (HERE, "localhost:8888", "/metrics", 200),
            (HERE, "10.0.0.1:8888", "/metrics", 200),
            (HERE, "costs.example:8888", "/metrics", 200),
            (HERE, "host.docker.internal:8888", "/metrics", 200),
            (HERE, "evil.example:8888", "/metrics", 403),
            ("[::1]:5000", "evil.example:8888", "/metrics", 403),
            ("[::ffff:127.0.0.1]:5000", "", "/metrics", 403),
            (THERE, "10.0.0.1:8888", "/metrics", 200),
            (THERE, "pricetag:8888", "/metrics", 200),
            (THERE, "pricetag.monitoring.svc:8888", "/metrics", 200),
            (THERE, "pricetag:8888", "/metrics/", 403),
            (HERE, "evil.example:8888", "/health", 200),
            (THERE, "pricetag:8888", "/health/ready", 200),
            (THERE, "pricetag:8888", "/healthy", 403),
        ] {
            let response = asked(peer, host, path, &[]).await;
            assert_eq!(response.status().as_u16(), status, "{peer} {host} {path}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
    }

    /// Scenario: a reverse proxy on this machine passes on what others ask, by our address.
    /// Guarantees: whatever it adds, nobody sees what calls cost, and is told why; metrics and health go through.
    #[tokio::test]
    async fn a_proxy_is_not_this_machine() {
        for header in
            ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
        {
            for path in ["/", "/api/v1/costs"] {
                let response = asked(HERE, "127.0.0.1:8888", path, &[header]).await;
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{header} {path}");
                let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
                assert!(
                    std::str::from_utf8(&body).unwrap().contains("a proxy has passed this on"),
                    "{body:?}"
                );
            }
            for path in ["/metrics", "/health/live"] {
                let response = asked(HERE, "127.0.0.1:8888", path, &[header]).await;
                assert_eq!(response.status(), StatusCode::OK, "{header} {path}");
            }
        }
        let response = asked(HERE, "evil.example", "/metrics", &["x-forwarded-for"]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "anybody may write that header");
    }

    #[tokio::test]
    async fn a_stranger_is_told_of_tunnels() {
        let response = asked(THERE, "10.0.0.1", "/", &[]).await;
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(std::str::from_utf8(&body).unwrap().contains("ssh -L"), "{body:?}");
    }
}
