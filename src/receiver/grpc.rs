//! OTLP over gRPC: one unary method a signal, its message never decoded.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{any, post};
use bytes::Bytes;
use http::HeaderValue;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, UnaryService};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::refusal::{RETRY_AFTER, RefusalLog};
use super::{Intake, Refusal, accept};
use crate::access::Door;
use crate::access::handshakes::Handshakes;
use crate::access::login::Auth;
use crate::exporter::codec::BytesCodec;
use crate::otlp::Signal;
use crate::telemetry::ReceiverMetrics;

/// Larger frames and windows than HTTP/2's defaults: a batch of spans has some hundred kilobytes.
const MAX_FRAME: u32 = 1 << 20;
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// What the methods share.
#[derive(Clone, Debug)]
struct Service {
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    refusals: Arc<RefusalLog>,
    max_message_bytes: usize,
    auth: Option<Arc<Auth>>,
}

/// Serves until `shutdown` completes and the requests under way are answered.
///
/// # Errors
/// What the transport says when it can not go on.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    intake: Arc<Intake>,
    metrics: ReceiverMetrics,
    max_message_bytes: usize,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), tonic::transport::Error> {
    let Door { tls, auth } = door;
    let service = Service { intake, metrics, refusals: Arc::default(), max_message_bytes, auth };
    let mut router = Router::new();
    for signal in Signal::ALL {
        let service = service.clone();
        let method = post(move |request: Request| service.export(signal, request));
        router = router.route(signal.grpc_path(), method);
    }
    let unknown = |request: Request| {
        let path = request.uri().path().to_owned();
        ready(
            Status::unimplemented(format!("{path} is no method of OTLP; this port speaks OTLP/gRPC"))
                .into_http::<Body>(),
        )
    };
    let router = router.fallback(any(unknown));
    let server = Server::builder()
        .max_frame_size(MAX_FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let routes = Routes::from(router);
    match tls {
        None => {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            server.serve_with_incoming_shutdown(routes, incoming, shutdown).await
        }
        Some(tls) => {
            let incoming = Handshakes::new(listener, tls, "OTLP/gRPC");
            server.serve_with_incoming_shutdown(routes, incoming, shutdown).await
        }
    }
}

impl Service {
    async fn export(self, signal: Signal, request: Request) -> Result<http::Response<Body>, Infallible> {
        let (metrics, refusals) = (self.metrics.clone(), Arc::clone(&self.refusals));
        // Before anything of the body is read.
        if let Some(auth) = &self.auth
            && let Err(denied) = auth.check(request.headers()).await
        {
            let refusal = Refusal::from(denied);
            metrics.refused(signal, 1);
            refusals.note("gRPC", signal, &refusal);
            return Ok(status(&refusal).into_http());
        }
        let mut grpc = Grpc::new(BytesCodec)
            .apply_max_message_size_config(Some(self.max_message_bytes), None)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        let mut response = grpc.unary(Export { service: self, signal }, request).await;
        // A unary refusal stands in the headers, whether it is ours or tonic's: here all of them pass.
        if remap(response.headers_mut()) {
            metrics.refused(signal, 1);
            let message = response.headers().get("grpc-message").map_or(&b""[..], HeaderValue::as_bytes);
            refusals.note("gRPC", signal, String::from_utf8_lossy(message));
        }
        Ok(response)
    }
}

/// Gives what tonic refuses on its own the code that OTLP asks for. Says whether this is a refusal.
///
/// tonic answers an oversize message with OUT_OF_RANGE, which OTLP clients retry for ever, and a broken
/// compression with INTERNAL. Our own refusals use neither.
fn remap(headers: &mut http::HeaderMap) -> bool {
    let Some(code) = headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes())) else {
        return false;
    };
    let remapped = match code {
        Code::OutOfRange => Code::ResourceExhausted,
        Code::Internal => Code::InvalidArgument,
        other => return other != Code::Ok,
    };
    headers.insert("grpc-status", HeaderValue::from(remapped as i32));
    true
}

struct Export {
    service: Service,
    signal: Signal,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let Service { intake, metrics, .. } = self.service.clone();
        let signal = self.signal;
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            let said = intake.said(&metadata.into_headers());
            match accept(&intake, signal, body, said).await {
                Ok(items) => {
                    metrics.accepted(signal, items);
                    // An empty message: everything was taken, `partial_success` is unset.
                    Ok(Response::new(Bytes::new()))
                }
                Err(refusal) => Err(status(&refusal)),
            }
        })
    }
}

fn status(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    if refusal.is_retryable() {
        let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
        Status::with_error_details(refusal.code(), message, details)
    } else {
        Status::new(refusal.code(), message)
    }
}
