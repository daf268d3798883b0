//! OTLP over HTTP: protobuf bodies by POST, a path for each signal.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT as USER_AGENT_HEADER};
use http::{HeaderMap, HeaderValue, Uri};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout_at};

use super::answer::http_outcome;
use super::compress::Packing;
use super::proxy::is_loopback;
use super::{
    ANSWER_LIMIT, BuildError, CONNECT_TIMEOUT, Compression, Header, Outcome, TlsSettings, USER_AGENT,
    deadline, timed_out, tls,
};
use crate::otlp::Signal;
use crate::text::with_causes;

/// Where to send over HTTP, and how. Each URL's scheme decides whether the connection is encrypted.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// The base of the URLs: `/v1/traces` and its like are appended to its path.
    pub endpoint: Option<Uri>,
    /// The URL for traces as it is, in place of the base.
    pub traces_endpoint: Option<Uri>,
    /// The URL for metrics as it is, in place of the base.
    pub metrics_endpoint: Option<Uri>,
    /// The URL for logs as it is, in place of the base.
    pub logs_endpoint: Option<Uri>,
    /// For `https` URLs.
    pub tls: TlsSettings,
    /// Sent with every request.
    pub headers: Vec<Header>,
    /// How bodies are compressed.
    pub compression: Compression,
    /// The time for one attempt, connecting included; zero is no limit.
    pub timeout: Duration,
}

/// A client of one OTLP/HTTP destination.
#[derive(Debug)]
pub struct HttpClient {
    traces: Option<(Client, Url)>,
    metrics: Option<(Client, Url)>,
    logs: Option<(Client, Url)>,
    headers: HeaderMap,
    packing: Option<Packing>,
    timeout: Duration,
}

impl HttpClient {
    /// Makes a client without connecting: a dead destination does not stop the start.
    ///
    /// # Errors
    /// When no endpoint is set, one is no http or https URL, or the TLS files cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, BuildError> {
        let traces = url(&settings.endpoint, &settings.traces_endpoint, Signal::Traces)?;
        let metrics = url(&settings.endpoint, &settings.metrics_endpoint, Signal::Metrics)?;
        let logs = url(&settings.endpoint, &settings.logs_endpoint, Signal::Logs)?;
        let urls = || [&traces, &metrics, &logs].into_iter().flatten();
        if urls().next().is_none() {
            return Err(BuildError::NoEndpoint);
        }

        let is_encrypted = urls().any(|url| url.scheme() == "https");
        let client = |is_here: bool| {
            let builder = Client::builder()
                // A redirect turns POST into GET or carries secrets elsewhere.
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true);
            let builder = match is_encrypted {
                true => tls::for_reqwest(builder, &settings.tls)?,
                // Otherwise the system's roots are loaded, and must exist, though nothing will use them.
                false => builder.tls_certs_only([]),
            };
            // HTTP_PROXY and its like count as in the Collector, which never takes them for this host.
            let builder = if is_here { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| BuildError::Tls(with_causes(&error)))
        };
        let is_here = |url: &Url| url.host_str().is_some_and(is_loopback);
        let here = urls().any(is_here).then(|| client(true)).transpose()?;
        let elsewhere = urls().any(|url| !is_here(url)).then(|| client(false)).transpose()?;
        let destination = |url: Option<Url>| {
            let client = if is_here(url.as_ref()?) { &here } else { &elsewhere };
            Some((client.clone()?, url?))
        };
        let [traces, metrics, logs] = [traces, metrics, logs].map(destination);

        let mut headers = HeaderMap::from_iter([(USER_AGENT_HEADER, USER_AGENT)]);
        headers.extend(settings.headers.into_iter().collect::<HeaderMap>());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let packing = Packing::of(settings.compression);
        match packing {
            None => headers.remove(CONTENT_ENCODING),
            Some(packing) => headers.insert(CONTENT_ENCODING, packing.name()),
        };
        let timeout = settings.timeout;
        Ok(Self { traces, metrics, logs, headers, packing, timeout })
    }

    /// Makes one attempt to deliver `body`. Its outcome follows the OTLP specification, "OTLP/HTTP Response";
    /// connection errors and timeouts are [`Outcome::Retry`].
    pub async fn deliver(&self, signal: Signal, body: Bytes) -> Outcome {
        let url = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        };
        let Some((client, url)) = url else {
            return Outcome::Refused { why: format!("no endpoint for {} is set", signal.as_str()) };
        };
        let body = match self.packing {
            None => body,
            Some(packing) => match packing.pack(&[], body).await {
                Ok(body) => body.into(),
                Err(error) => return Outcome::Retry { after: None, why: with_causes(&error) },
            },
        };
        let deadline = deadline(self.timeout);
        let request = client.post(url.clone()).headers(self.headers.clone()).body(body).send();
        match timeout_at(deadline, request).await {
            Ok(Ok(response)) => read(response, deadline).await,
            // The URL may hold credentials, and the log names the exporter anyway.
            Ok(Err(error)) => Outcome::Retry { after: None, why: with_causes(&error.without_url()) },
            Err(_) => timed_out(self.timeout),
        }
    }
}

/// Reads an answer to its end, its deadline or [`ANSWER_LIMIT`]; dropping the rest closes the connection or
/// stream. The status alone says what to do, so a body that breaks off changes nothing: to send again what
/// was taken would duplicate it.
async fn read(mut response: Response, deadline: Instant) -> Outcome {
    let mut body = Vec::new();
    let whole = loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() <= ANSWER_LIMIT => body.extend_from_slice(&chunk),
            Ok(Ok(None)) => break true,
            _ => break false,
        }
    };
    http_outcome(response.status(), response.headers(), &body, !whole)
}

/// A signal's URL: its own as it is, else the base's path with the signal's behind it.
fn url(base: &Option<Uri>, own: &Option<Uri>, signal: Signal) -> Result<Option<Url>, BuildError> {
    let Some(uri) = own.as_ref().or(base.as_ref()) else { return Ok(None) };
    // No more than the host is repeated: the rest may hold credentials.
    let bad_endpoint = || BuildError::Endpoint(uri.host().unwrap_or_default().to_owned());
    let mut url = Url::parse(&uri.to_string()).map_err(|_| bad_endpoint())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad_endpoint());
    }
    if own.is_none() {
        let path = format!("{}{}", url.path().trim_end_matches('/'), signal.http_path());
        url.set_path(&path);
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(base: Option<&str>, own: Option<&str>) -> Option<String> {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        url(&base.map(uri), &own.map(uri), Signal::Traces).ok()?.map(String::from)
    }

    #[test]
    fn the_signals_path_follows_the_base_and_never_an_own_url() {
        assert_eq!(made(Some("http://h:4318"), None).as_deref(), Some("http://h:4318/v1/traces"));
        assert_eq!(made(Some("http://h:4318/"), None).as_deref(), Some("http://h:4318/v1/traces"));
        assert_eq!(made(Some("https://h/otlp/?t=1"), None).as_deref(), Some("https://h/otlp/v1/traces?t=1"));
        assert_eq!(made(Some("http://h"), Some("http://o/in")).as_deref(), Some("http://o/in"));
        assert_eq!(made(None, Some("http://o")).as_deref(), Some("http://o/"));
    }

    #[test]
    fn other_schemes_and_missing_hosts_are_errors() {
        for bad in ["h:4318", "ftp://h", "/v1/traces"] {
            let result = url(&Some(bad.parse().unwrap()), &None, Signal::Traces);
            assert!(matches!(result, Err(BuildError::Endpoint(_))), "{bad}");
        }
        assert!(matches!(HttpClient::new(HttpSettings::default()), Err(BuildError::NoEndpoint)));
    }

    #[test]
    fn only_this_host_is_loopback() {
        let is = |text| Url::parse(text).unwrap().host_str().is_some_and(is_loopback);
        assert!(is("http://127.0.0.1:1") && is("http://[::1]:1") && is("http://localhost"));
        assert!(!is("http://10.0.0.1") && !is("http://localhost.example.com"));
    }
}
