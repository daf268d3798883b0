//! OTLP over gRPC: one unary method a signal, its message never decoded.
//!
//! Not by tonic's `Grpc::unary`, which makes room for what a prefix announces before anything of it has come, decompresses before
//! anybody can say whether there is memory for it, and says OUT_OF_RANGE of what is too large, which OTLP clients repeat for ever.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{any, post};
use bytes::{Buf as _, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::net::TcpListener;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::body::{self, Announced};
use super::refusal::{RETRY_AFTER, note};
use super::unpack::Packing;
use super::{Intake, Refusal, accept};
use crate::access::Door;
use crate::access::login::Auth;
use crate::memory::Memory;
use crate::otlp::Signal;
use crate::serve::{Speaks, serve as listen};
use crate::telemetry::ReceiverMetrics;
use crate::text::printable;

/// What stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// An empty message: everything was taken, `partial_success` is unset.
const TAKEN: &[u8] = &[0; PREFIX];

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What the methods share.
#[derive(Clone, Debug)]
struct Service {
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_message_bytes: usize,
    auth: Option<Arc<Auth>>,
    memory: Arc<Memory>,
}

/// Serves until `shutdown` completes and the requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_message_bytes: usize,
    shutdown: impl Future<Output = ()>,
) {
    let router = router(&door, intake, metrics, max_message_bytes);
    listen(listener, &door, Speaks::Grpc, router, shutdown).await;
}

/// Answers requests, on whichever connection they come.
pub fn router(
    door: &Door,
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_message_bytes: usize,
) -> Router {
    let (auth, memory) = (door.auth.clone(), Arc::clone(&door.memory));
    let service = Service { intake, metrics, max_message_bytes, auth, memory };
    let mut router = Router::new();
    for signal in Signal::ALL {
        let service = service.clone();
        let method = post(move |request: Request| service.export(signal, request));
        router = router.route(signal.grpc_path(), method);
    }
    let unknown = |request: Request| {
        let path = printable(request.uri().path());
        let message = format!("{path} is no method of OTLP; this port speaks OTLP/gRPC");
        ready(Status::unimplemented(message).into_http::<Body>())
    };
    router.fallback(any(unknown))
}

impl Service {
    async fn export(self, signal: Signal, request: Request) -> Result<Response<Body>, Infallible> {
        Ok(match self.take(signal, request).await {
            Ok(items) => {
                self.metrics.accepted(signal, items);
                taken()
            }
            Err(refusal) => {
                self.metrics.refused(signal, 1);
                note("gRPC", signal, &refusal);
                refused(&refusal)
            }
        })
    }

    async fn take(&self, signal: Signal, request: Request) -> Result<u64, Refusal> {
        let (parts, mut body) = request.into_parts();
        // Both before anything of the body is read.
        let login = Auth::ask(self.auth.as_deref(), &parts.headers).await?;
        let mut held = self.memory.admit()?;
        let packing = Packing::of(parts.headers.get(GRPC_ENCODING))?;
        let limit = self.max_message_bytes;
        let body =
            body::read(&mut body, &Prefixed { limit }, limit.saturating_add(PREFIX), &mut held).await?;
        let Some((is_packed, length)) = prefix(&body)? else {
            return Err(Refusal::Frame("it is empty, or ends within its prefix"));
        };
        let mut message = body.slice(PREFIX..);
        if message.len() < length {
            return Err(Refusal::Frame("it ends before the length that its prefix says"));
        }
        if is_packed {
            let packing =
                packing.ok_or(Refusal::Frame("it is compressed, and grpc-encoding does not say how"))?;
            (message, held) = packing.unpack(message, limit, held).await?;
        }
        accept(&self.intake, signal, message, self.intake.said(&parts.headers, &login), held).await
    }
}

/// What a message says of itself: whether it is compressed, and its length.
fn prefix(mut begin: &[u8]) -> Result<Option<(bool, usize)>, Refusal> {
    if begin.len() < PREFIX {
        return Ok(None);
    }
    let is_packed = match begin.get_u8() {
        0 => false,
        1 => true,
        _ => return Err(Refusal::Frame("its first byte is neither 0 nor 1")),
    };
    Ok(Some((is_packed, begin.get_u32() as usize)))
}

/// A body with one message.
struct Prefixed {
    limit: usize,
}

impl Announced for Prefixed {
    fn size(&self, begin: &[u8]) -> Result<Option<usize>, Refusal> {
        match prefix(begin)? {
            Some((_, length)) if length > self.limit => Err(Refusal::TooLarge { limit: self.limit }),
            said => Ok(said.map(|(_, length)| PREFIX + length)),
        }
    }

    fn too_much(&self) -> Refusal {
        Refusal::Frame("it is longer than its prefix says, or there are several")
    }
}

fn taken() -> Response<Body> {
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from_static(TAKEN)).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let message = refusal.to_string();
    let status = if refusal.is_retryable() {
        let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
        Status::with_error_details(refusal.code(), message, details)
    } else {
        Status::new(refusal.code(), message)
    };
    let mut response = status.into_http();
    if matches!(refusal, Refusal::Encoding(_)) {
        let known = HeaderValue::from_static("gzip,zstd,identity");
        response.headers_mut().insert(GRPC_ACCEPT_ENCODING, known);
    }
    response
}
