//! OTLP over HTTP: protobuf and JSON bodies, answered in kind.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use bytes::Bytes;
use http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER as RETRY_AFTER_HEADER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};
use prost::Message as _;
use tokio::net::TcpListener;

use super::body::Announced;
use super::refusal::{RETRY_AFTER, note};
use super::unpack::Packing;
use super::{Intake, Refusal, accept, body, offload};
use crate::access::Door;
use crate::access::login::{Auth, Login};
use crate::memory::{Held, Memory};
use crate::otlp::{Signal, json};
use crate::serve::{Speaks, serve as listen};
use crate::telemetry::ReceiverMetrics;
use crate::text::printable;

/// Bytes that a byte of JSON takes while it is read, for it is a tree of values, and then a message, before it is protobuf: measured with
/// spans of short attributes, of which it is the most.
const JSON_TAKES: usize = 16;

/// How a body is encoded, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let essence = value.split(';').next().unwrap_or("").trim();
        if essence.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Encoding::Protobuf)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Some(Encoding::Json)
        } else {
            None
        }
    }

    const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        })
    }
}

#[derive(Clone, Debug)]
struct Service {
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_body_bytes: usize,
    auth: Option<Arc<Auth>>,
    memory: Arc<Memory>,
}

/// Serves until `shutdown` completes and the requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_body_bytes: usize,
    shutdown: impl Future<Output = ()>,
) {
    let router = router(&door, intake, metrics, max_body_bytes);
    listen(listener, &door, Speaks::Http, router, shutdown).await;
}

/// Answers requests, on whichever connection they come.
pub fn router(door: &Door, intake: Arc<Intake>, metrics: ReceiverMetrics, max_body_bytes: usize) -> Router {
    let (auth, memory) = (door.auth.clone(), Arc::clone(&door.memory));
    let service = Service { intake, metrics, max_body_bytes, auth, memory };
    let mut router = Router::new();
    for signal in Signal::ALL {
        let service = service.clone();
        let export = move |request: Request| service.export(signal, request);
        router = router.route(signal.http_path(), post(export).fallback(only_post));
    }
    router.fallback(unknown_path)
}

async fn only_post(request: Request) -> Response<Body> {
    let method = printable(request.method().as_str());
    let message = format!("{method} is not allowed here: OTLP/HTTP requests are POST");
    let mut response = answer(request.headers(), StatusCode::METHOD_NOT_ALLOWED, &message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn unknown_path(request: Request) -> Response<Body> {
    let path = printable(request.uri().path());
    let message = format!("{path} is no path of OTLP/HTTP: /v1/traces, /v1/metrics, /v1/logs");
    answer(request.headers(), StatusCode::NOT_FOUND, &message)
}

impl Service {
    async fn export(self, signal: Signal, request: Request) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        // Before anything of the body is read.
        let login = match Auth::ask(self.auth.as_deref(), &parts.headers).await {
            Ok(login) => login,
            Err(denied) => {
                let mut response = self.refused(signal, &parts.headers, &Refusal::from(denied));
                if let Some(challenge) = denied.challenge() {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                return response;
            }
        };
        let Some(encoding) = Encoding::of(&parts.headers) else {
            self.metrics.refused(signal, 1);
            let message = "unsupported content type; send application/x-protobuf or application/json";
            let sent = parts.headers.get(CONTENT_TYPE).map_or(&b"nothing"[..], HeaderValue::as_bytes);
            let sent = String::from_utf8_lossy(sent);
            let hint =
                if sent.starts_with("application/grpc") { " (gRPC has a port of its own, 4317)" } else { "" };
            note("HTTP", signal, format_args!("content type {sent}{hint}; {message}"));
            return answer(&parts.headers, StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        };
        match self.take(signal, encoding, &parts.headers, &login, &mut body).await {
            Ok(items) => {
                self.metrics.accepted(signal, items);
                let body = match encoding {
                    Encoding::Protobuf => Body::empty(),
                    Encoding::Json => Body::from("{}"),
                };
                let mut response = Response::new(body);
                response.headers_mut().insert(CONTENT_TYPE, encoding.content_type());
                response
            }
            Err(refusal) => {
                if refusal.is_retryable() && parts.version < Version::HTTP_2 {
                    tokio::spawn(body::discard(body, self.max_body_bytes));
                }
                self.refused(signal, &parts.headers, &refusal)
            }
        }
    }

    /// Counts and notes a refusal, and answers with it.
    fn refused(&self, signal: Signal, request: &HeaderMap, refusal: &Refusal) -> Response<Body> {
        self.metrics.refused(signal, 1);
        note("HTTP", signal, refusal);
        let mut response = answer(request, refusal.status(), &refusal.to_string());
        if refusal.is_retryable() {
            response.headers_mut().insert(RETRY_AFTER_HEADER, RETRY_AFTER.as_secs().into());
        }
        response
    }

    async fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        headers: &HeaderMap,
        login: &Login,
        body: &mut Body,
    ) -> Result<u64, Refusal> {
        // Before anything of the body is read.
        let mut held = self.memory.admit()?;
        let packing = Packing::of(headers.get(CONTENT_ENCODING))?;
        let said = Said { length: length(headers), limit: self.max_body_bytes };
        let mut body = body::read(body, &said, said.limit, &mut held).await?;
        if let Some(packing) = packing {
            (body, held) = packing.unpack(body, said.limit, held).await?;
        }
        if encoding == Encoding::Json && !body.is_empty() {
            (body, held) = offload(move || from_json(signal, &body, held)).await?;
        }
        accept(&self.intake, signal, body, self.intake.said(headers, login), held).await
    }
}

fn from_json(signal: Signal, body: &[u8], mut held: Held) -> Result<(Bytes, Held), Refusal> {
    held.more(body.len().saturating_mul(JSON_TAKES))?;
    Ok((Bytes::from(json::to_protobuf(signal, body)?), held))
}

/// What a header says of a body's length.
struct Said {
    length: Option<usize>,
    limit: usize,
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Announced for Said {
    fn size(&self, _: &[u8]) -> Result<Option<usize>, Refusal> {
        if self.length.is_some_and(|length| length > self.limit) {
            return Err(self.too_much());
        }
        Ok(self.length)
    }

    fn too_much(&self) -> Refusal {
        Refusal::TooLarge { limit: self.limit }
    }
}

/// An error as the specification wants it: a `google.rpc.Status` in the request's encoding. Who speaks
/// neither encoding is answered in plain text.
fn answer(request: &HeaderMap, status: StatusCode, message: &str) -> Response<Body> {
    let code = match status {
        StatusCode::BAD_REQUEST => tonic::Code::InvalidArgument,
        StatusCode::PAYLOAD_TOO_LARGE => tonic::Code::ResourceExhausted,
        StatusCode::SERVICE_UNAVAILABLE => tonic::Code::Unavailable,
        StatusCode::NOT_FOUND => tonic::Code::NotFound,
        StatusCode::UNAUTHORIZED => tonic::Code::Unauthenticated,
        StatusCode::INTERNAL_SERVER_ERROR => tonic::Code::Internal,
        StatusCode::REQUEST_TIMEOUT => tonic::Code::DeadlineExceeded,
        _ => tonic::Code::Unimplemented,
    } as i32;
    let (content_type, body) = match Encoding::of(request) {
        Some(Encoding::Protobuf) => {
            let status = tonic_types::Status { code, message: message.to_owned(), details: Vec::new() };
            (Encoding::Protobuf.content_type(), status.encode_to_vec())
        }
        Some(Encoding::Json) => {
            let status = serde_json::json!({"code": code, "message": message});
            (Encoding::Json.content_type(), status.to_string().into_bytes())
        }
        None => (HeaderValue::from_static("text/plain; charset=utf-8"), message.as_bytes().to_vec()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
