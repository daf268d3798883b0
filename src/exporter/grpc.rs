//! OTLP over gRPC: unary calls on one HTTP/2 connection that is opened when first needed.
//!
//! Connections, TLS, reconnecting and flow control are tonic's [`Channel`]. The call itself is made here and
//! not by `tonic::client::Grpc`, which (0.14.9) loses what decides about a retry:
//! - a proxy's 502 or 503 with a body becomes INTERNAL, "invalid compression flag": not retryable;
//! - a connection that breaks during a call becomes UNKNOWN: not retryable;
//! - a message that is no UTF-8 turns any code into UNKNOWN, and details that are no base64 are a panic;
//! - an answer over the limit becomes OUT_OF_RANGE, as if the server wished to be asked again;
//! - the timeout ends with the answer's headers, and compression runs on the thread that drives other requests.
//!
//! The tests in `tests/it/exporter/grpc.rs` hold all but the last of these.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT as USER_AGENT_HEADER};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

use super::answer::{GrpcStatus, not_grpc};
use super::compress::Packing;
use super::{
    ANSWER_LIMIT, BuildError, CONNECT_TIMEOUT, Compression, Header, Outcome, TlsSettings, USER_AGENT,
    deadline, proxy, timed_out, tls,
};
use crate::otlp::Signal;
use crate::text::with_causes;

/// The length of the prefix of a gRPC message: a flag and a 32-bit length.
const PREFIX: usize = 5;

/// The longest silence on a connection in use before the peer is asked whether it lives. Without this a
/// connection whose peer vanished swallows calls until TCP gives up, after some fifteen minutes. Only asked
/// while a call waits: servers count pings on idle connections as abuse.
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much the destination may send before we read. On this side the windows bound answers only (it is the
/// receiver's windows that make uploads fast), so they are no larger than what would be read.
const STREAM_WINDOW: u32 = ANSWER_LIMIT as u32;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;

/// Where to send over gRPC, and how.
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// The destination's host and port. Scheme and path are ignored: `tls` decides, and gRPC fixes the path.
    pub endpoint: Uri,
    /// Encrypt; `None` is plaintext.
    pub tls: Option<TlsSettings>,
    /// Sent as metadata with every call.
    pub headers: Vec<Header>,
    /// How bodies are compressed.
    pub compression: Compression,
    /// The time for one attempt, connecting included, which the destination learns as `grpc-timeout`; zero
    /// is no limit.
    pub timeout: Duration,
}

/// A client of one OTLP/gRPC destination. Calls run concurrently on one connection.
#[derive(Debug)]
pub struct GrpcClient {
    channel: Channel,
    headers: HeaderMap,
    packing: Option<Packing>,
    timeout: Duration,
}

impl GrpcClient {
    /// Makes a client without connecting: a dead destination does not stop the start.
    ///
    /// # Errors
    /// When the endpoint has no host, or the TLS files cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime, where the connection's task is spawned.
    pub fn new(settings: GrpcSettings) -> Result<Self, BuildError> {
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let bad_endpoint = || BuildError::Endpoint(settings.endpoint.host().unwrap_or_default().to_owned());
        let authority = settings.endpoint.authority().ok_or_else(bad_endpoint)?;
        let uri = origin(scheme, authority.as_str()).ok_or_else(bad_endpoint)?;

        let mut headers: HeaderMap = settings.headers.into_iter().collect();
        let user_agent = headers.remove(USER_AGENT_HEADER).unwrap_or(USER_AGENT);
        let mut endpoint = Endpoint::from(uri)
            .user_agent(user_agent)
            .map_err(|error| BuildError::Endpoint(with_causes(&error)))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(KEEPALIVE_INTERVAL))
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .http2_adaptive_window(false)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if let Some(tls) = &settings.tls {
            endpoint = endpoint
                .tls_config(tls::for_tonic(tls))
                .map_err(|error| BuildError::Tls(with_causes(&error)))?;
            if let Some(name) = &tls.server_name {
                let origin = origin(scheme, name).ok_or_else(|| BuildError::Endpoint(name.clone()))?;
                endpoint = endpoint.origin(origin);
            }
        }

        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        // Answers are a few bytes; compressed ones would only be one more thing to bound.
        headers.insert(HeaderName::from_static("grpc-accept-encoding"), HeaderValue::from_static("identity"));
        let packing = Packing::of(settings.compression);
        if let Some(packing) = packing {
            headers.insert(HeaderName::from_static("grpc-encoding"), packing.name());
        }
        if let Some(value) = grpc_timeout(settings.timeout) {
            headers.insert(HeaderName::from_static("grpc-timeout"), value);
        }
        let channel = match proxy::tunnel(authority.as_str())? {
            None => endpoint.connect_lazy(),
            Some(tunnel) => endpoint.connect_with_connector_lazy(tunnel),
        };
        Ok(Self { channel, headers, packing, timeout: settings.timeout })
    }

    /// Makes one attempt to deliver `body`. Its outcome follows the OTLP specification, "OTLP/gRPC Response";
    /// connection errors and timeouts are [`Outcome::Retry`].
    pub async fn deliver(&self, signal: Signal, body: Bytes) -> Outcome {
        let message = match self.message(body).await {
            Ok(message) => message,
            Err(outcome) => return outcome,
        };
        let call = self.call(signal, message);
        tokio::time::timeout_at(deadline(self.timeout), call)
            .await
            .unwrap_or_else(|_| timed_out(self.timeout))
    }

    /// `body` as a gRPC message: the prefix, then the body as it is sent.
    async fn message(&self, body: Bytes) -> Result<Bytes, Outcome> {
        let mut message = match self.packing {
            None => {
                let mut message = Vec::with_capacity(PREFIX + body.len());
                message.extend_from_slice(&[0; PREFIX]);
                message.extend_from_slice(&body);
                message
            }
            Some(packing) => packing
                .pack(&[1, 0, 0, 0, 0], body)
                .await
                .map_err(|error| Outcome::Retry { after: None, why: with_causes(&error) })?,
        };
        let length = u32::try_from(message.len() - PREFIX)
            .map_err(|_| Outcome::Refused { why: "longer than a gRPC message can be (4 GiB)".into() })?;
        (&mut message[1..PREFIX]).put_u32(length);
        Ok(message.into())
    }

    async fn call(&self, signal: Signal, message: Bytes) -> Outcome {
        let mut request = Request::new(Body::new(Full::new(message)));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from(PathAndQuery::from_static(signal.grpc_path()));
        *request.headers_mut() = self.headers.clone();
        match self.channel.clone().oneshot(request).await {
            Ok(response) => read(response).await,
            Err(error) => Outcome::Retry { after: None, why: with_causes(&error) },
        }
    }
}

/// Reads an answer to its end, or to [`ANSWER_LIMIT`]; dropping the rest resets the stream.
async fn read(response: Response<Body>) -> Outcome {
    let (head, mut body) = response.into_parts();
    // An error without a message comes in the headers alone ("Trailers-Only").
    if let Some(status) = GrpcStatus::from_headers(&head.headers) {
        return status.outcome(&[]);
    }
    let grpc =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if head.status != StatusCode::OK || !grpc {
        return not_grpc(head.status, &head.headers);
    }
    let mut answer = BytesMut::new();
    let mut status = None;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Outcome::Retry { after: None, why: with_causes(&error) },
        };
        match frame.into_data() {
            Ok(data) if answer.len() + data.len() > PREFIX + ANSWER_LIMIT => {
                // The status stands behind the message. To ask again would bring the same answer again.
                return Outcome::Refused { why: format!("its answer is longer than {ANSWER_LIMIT} bytes") };
            }
            Ok(data) => answer.extend_from_slice(&data),
            Err(frame) => status = frame.trailers_ref().and_then(GrpcStatus::from_headers),
        }
    }
    match status {
        // The message's prefix is passed over: a call has one answer, and it ends with the stream.
        Some(status) => status.outcome(answer.get(PREFIX..).unwrap_or_default()),
        None => Outcome::Refused { why: "the answer ended without a gRPC status".into() },
    }
}

fn origin(scheme: &str, authority: &str) -> Option<Uri> {
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build().ok()
}

/// `grpc-timeout` has at most eight digits and a unit; nothing for no limit.
fn grpc_timeout(timeout: Duration) -> Option<HeaderValue> {
    const MAX: u128 = 99_999_999;
    let text = match (timeout.as_millis(), timeout.as_secs()) {
        _ if timeout.is_zero() => return None,
        (millis, _) if millis <= MAX => format!("{}m", millis.max(1)),
        (_, seconds) if u128::from(seconds) <= MAX => format!("{seconds}S"),
        _ => return None,
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_fit_eight_digits() {
        let text = |timeout| grpc_timeout(timeout).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text(Duration::ZERO), None);
        assert_eq!(text(Duration::from_nanos(1)).as_deref(), Some("1m"));
        assert_eq!(text(Duration::from_secs(5)).as_deref(), Some("5000m"));
        assert_eq!(text(Duration::from_secs(1_000_000)).as_deref(), Some("1000000S"));
        assert_eq!(text(Duration::MAX), None);
    }
}
