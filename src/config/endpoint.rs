//! Addresses: what to listen on, and where to send.

use std::fmt;

/// A host and a port, not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port; 0 lets the system choose (listeners only).
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A message and its remedy.
pub(super) type Wrong = (String, String);

impl HostPort {
    pub(super) fn new(host: &str, port: u16) -> Self {
        HostPort { host: host.to_owned(), port }
    }

    /// An address to listen on. As in the Collector, `:4317` is every interface.
    pub(super) fn listen(text: &str) -> Result<Self, Wrong> {
        if text.contains("://") {
            let message = format!("{text:?} has a scheme, and one listens on an address");
            return Err((message, "write `host:port`, as in `127.0.0.1:4317`".to_owned()));
        }
        let mut address = Self::parse(text, "127.0.0.1:4317")?;
        if address.host.is_empty() {
            // On Linux and macOS this takes IPv4 as well.
            address.host = "::".to_owned();
        }
        Ok(address)
    }

    fn parse(text: &str, example: &str) -> Result<Self, Wrong> {
        let remedy = format!("write `host:port`, as in `{example}`");
        if text.contains('@') {
            // Without the text: a password may stand in it.
            return Err(("user and password have no place in an address".to_owned(), remedy));
        }
        let wrong = |what: &str| Err((format!("{text:?} {what}"), remedy.clone()));
        let (host, port) = match text.strip_prefix('[') {
            Some(inside) => match inside.split_once(']') {
                Some((host, after)) => (host, after.strip_prefix(':')),
                None => return wrong("has `[` without `]`"),
            },
            None => match text.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => {
                    return wrong("is an IPv6 address without `[` and `]`");
                }
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let Some(port) = port else { return wrong("has no port") };
        let Ok(port) = port.parse() else { return wrong("has no port between 0 and 65535") };
        if host.contains(|c: char| c.is_whitespace() || c == '/') {
            return wrong("is no address");
        }
        Ok(HostPort { host: host.to_owned(), port })
    }
}

/// A gRPC destination as it was written: where, and what its scheme says of TLS.
#[derive(Debug)]
pub(super) struct GrpcTarget {
    pub(super) address: HostPort,
    /// `https://` is TLS, `http://` is not, no scheme leaves it to `tls`.
    pub(super) tls: Option<bool>,
}

impl GrpcTarget {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let (rest, tls) = if let Some(rest) = text.strip_prefix("https://") {
            (rest, Some(true))
        } else if let Some(rest) = text.strip_prefix("http://") {
            (rest, Some(false))
        } else if let Some(rest) = text.strip_prefix("dns:///").or(text.strip_prefix("passthrough:///")) {
            (rest, None)
        } else if let Some((scheme, _)) = text.split_once("://") {
            let message = format!("the scheme {scheme:?} is none that pricetag can send to");
            return Err((message, "write `host:port`, `http://host:port` or `https://host:port`".to_owned()));
        } else {
            (text, None)
        };
        let address = HostPort::parse(rest.trim_end_matches('/'), "localhost:4317")?;
        // What is sent to is a URL in the end.
        let is_url = url(&format!("http://{address}")).is_ok_and(|uri| address_of(&uri) == address);
        if address.host.is_empty() || address.port == 0 || !is_url {
            let message = format!("{text:?} names no host and port to send to");
            return Err((message, "write `host:port`, as in `localhost:4317`".to_owned()));
        }
        Ok(GrpcTarget { address, tls })
    }
}

/// A URL of an OTLP/HTTP destination.
pub(super) fn url(text: &str) -> Result<http::Uri, Wrong> {
    let remedy =
        || "write `http://host:port` or `https://host:port`, as in `https://localhost:4318`".to_owned();
    let wrong = |what: &str| Err((format!("{what}, so it is no URL to send to"), remedy()));
    let Ok(uri) = text.parse::<http::Uri>() else { return wrong("it cannot be parsed") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return wrong("it does not begin with http:// or https://");
    }
    let Some(authority) = uri.authority() else { return wrong("it has no host") };
    if authority.as_str().contains('@') {
        let message = "user and password in a URL are not sent".to_owned();
        return Err((message, "put them into `headers` as `authorization`".to_owned()));
    }
    if uri.host().is_none_or(str::is_empty) {
        return wrong("it has no host");
    }
    // `http` takes any digits as a port and gives none for what does not fit.
    if authority.as_str().rsplit(']').next().is_some_and(|end| end.contains(':')) && uri.port_u16().is_none()
    {
        return wrong("its port is not between 0 and 65535");
    }
    Ok(uri)
}

/// The URL of a signal below the base URL, as the Collector joins them.
pub(super) fn join(base: &str, signal_path: &str) -> Result<http::Uri, Wrong> {
    // First alone, so that the message is about what was written.
    url(base)?;
    url(&format!("{}{signal_path}", base.trim_end_matches('/')))
}

/// Host and port of a URL.
pub(super) fn address_of(uri: &http::Uri) -> HostPort {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    HostPort::new(host, uri.port_u16().unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_take_what_the_collector_takes() {
        for (text, expected) in [
            ("127.0.0.1:4317", "127.0.0.1:4317"),
            ("localhost:0", "localhost:0"),
            (":4317", "[::]:4317"),
            ("[::1]:4317", "[::1]:4317"),
        ] {
            assert_eq!(
                HostPort::listen(text).map(|address| address.to_string()),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
        for text in
            ["", "4317", "localhost", "::1:4317", "[::1", "[::1]", "localhost:70000", "http://a:1", "a b:1"]
        {
            assert!(HostPort::listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn grpc_targets_say_by_their_scheme_whether_there_is_tls() {
        for (text, host, tls) in [
            ("localhost:4317", "localhost:4317", None),
            ("http://localhost:4317", "localhost:4317", Some(false)),
            ("https://api.honeycomb.io:443/", "api.honeycomb.io:443", Some(true)),
            ("dns:///localhost:4317", "localhost:4317", None),
            ("https://[::1]:4317", "[::1]:4317", Some(true)),
        ] {
            let target = GrpcTarget::parse(text).unwrap();
            assert_eq!((target.address.to_string().as_str(), target.tls), (host, tls), "{text}");
        }
        for text in [
            "",
            "localhost",
            "https://localhost",
            "unix:///tmp/x",
            ":4317",
            "localhost:0",
            "a:1/v1/traces",
            "a?b:1",
            "u:p@a:1",
        ] {
            assert!(GrpcTarget::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_are_joined_with_the_path_of_the_signal() {
        assert_eq!(join("https://x.io/otlp/", "/v1/traces").unwrap(), "https://x.io/otlp/v1/traces");
        assert_eq!(join("http://x.io:4318", "/v1/logs").unwrap(), "http://x.io:4318/v1/logs");
        assert_eq!(address_of(&url("https://[::1]/x").unwrap()), HostPort::new("::1", 443));
        for text in
            ["", "localhost:4318", "ftp://x", "http://", "http://a:99999", "http://u:p@a:1", "/v1/traces"]
        {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
