//! Proxies of the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in capitals or not, mean what they do to the Collector.
//!
//! reqwest looks for them by itself. For gRPC they are found here, by the same library: as in gRPC's own libraries HTTPS_PROXY counts, whether
//! the connection is encrypted or not, and what goes through it is a tunnel (CONNECT).

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;

use super::grpc::KEEPALIVE_INTERVAL;
use super::{BuildError, CONNECT_TIMEOUT};

/// The way to a gRPC destination at this host and port, if it leads through a proxy.
pub(super) fn tunnel(authority: &str) -> Result<Option<Tunnel<HttpConnector>>, BuildError> {
    tunnel_of(&Matcher::from_env(), authority)
}

fn tunnel_of(proxies: &Matcher, authority: &str) -> Result<Option<Tunnel<HttpConnector>>, BuildError> {
    let Ok(destination) = format!("https://{authority}/").parse::<Uri>() else { return Ok(None) };
    if destination.host().is_some_and(is_loopback) {
        return Ok(None);
    }
    let Some(proxy) = proxies.intercept(&destination) else { return Ok(None) };
    if proxy.uri().scheme_str() != Some("http") {
        return Err(BuildError::Proxy(proxy.uri().scheme_str().unwrap_or_default().to_owned()));
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE_INTERVAL));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tunnel = Tunnel::new(proxy.uri().clone(), connector);
    Ok(Some(match proxy.basic_auth() {
        Some(login) => tunnel.with_auth(login.clone()),
        None => tunnel,
    }))
}

/// Whether a host is this machine, which the Collector never looks for behind a proxy.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: every destination goes through the proxy but this machine and those of NO_PROXY; one that is spoken to by TLS is told of.
    #[test]
    fn who_goes_through_a_proxy() {
        let proxies =
            Matcher::builder().https("http://ann:secret@proxy.example:3128").no("inside.example").build();
        for (authority, expected) in [
            ("otlp.example:443", true),
            ("10.0.0.7:4317", true),
            ("collector.inside.example:4317", false),
            ("localhost:4317", false),
            ("127.0.0.1:4317", false),
            ("[::1]:4317", false),
        ] {
            assert_eq!(tunnel_of(&proxies, authority).unwrap().is_some(), expected, "{authority}");
        }
        let encrypted = Matcher::builder().https("https://proxy.example:3128").build();
        let error = tunnel_of(&encrypted, "otlp.example:443").unwrap_err();
        assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
    }
}
