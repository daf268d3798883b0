//! A second OTLP server, gRPC by tonic and HTTP by axum on one port: keeps what it gets, answers as told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use axum::routing::post;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::exporter::codec::BytesCodec;
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};

use super::eventually;

/// How a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Success.
    Ok,
    /// A gRPC status, or by HTTP the status that goes with it.
    Fail(Code),
    /// Success, after [`Sink::release`].
    Hang,
}

/// A request that arrived, whatever its answer.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) signal: Signal,
    pub(crate) headers: HeaderMap,
    /// After decompression.
    pub(crate) body: Bytes,
    /// It was answered with success.
    pub(crate) ok: bool,
}

#[derive(Debug)]
struct State {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<VecDeque<Answer>>,
    otherwise: Mutex<Answer>,
    /// The largest body that is taken, in bytes.
    most: AtomicUsize,
    released: watch::Sender<bool>,
}

/// The running server. It ends with its runtime.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Sink {
    /// Starts a server that takes everything.
    pub(crate) async fn start() -> Self {
        Sink::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The same, on this listener.
    pub(crate) fn start_on(listener: TcpListener) -> Self {
        let state = Arc::new(State {
            seen: Mutex::default(),
            script: Mutex::default(),
            otherwise: Mutex::new(Answer::Ok),
            most: AtomicUsize::new(usize::MAX),
            released: watch::Sender::new(false),
        });
        let mut router = Router::new();
        for (signal, service) in [
            (Signal::Traces, "trace.v1.TraceService"),
            (Signal::Metrics, "metrics.v1.MetricsService"),
            (Signal::Logs, "logs.v1.LogsService"),
        ] {
            let method = format!("/opentelemetry.proto.collector.{service}/Export");
            let (by_grpc, by_http) = (Arc::clone(&state), Arc::clone(&state));
            router =
                router.route(&method, post(move |request: Request| grpc(by_grpc, signal, request))).route(
                    &format!("/v1/{signal}"),
                    post(move |request: Request| http(by_http, signal, request)),
                );
        }
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Sink { address, state }
    }

    /// Starts a server that leaves all requests without an answer until it is told otherwise.
    pub(crate) async fn hanging() -> Self {
        let sink = Sink::start().await;
        *sink.state.otherwise.lock().unwrap() = Answer::Hang;
        sink
    }

    /// Refuses bodies of more than so many bytes from now on: RESOURCE_EXHAUSTED, or 413.
    pub(crate) fn take_at_most(&self, bytes: usize) {
        self.state.most.store(bytes, Relaxed);
    }

    /// Answers the next requests like this, then as before.
    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.script.lock().unwrap().extend(answers);
    }

    /// Ends all hanging, for good.
    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// The YAML of a gRPC exporter to here that tries again soon. `more` is more YAML, as in `timeout: 1s`.
    pub(crate) fn otlp(&self, name: &str, more: &str) -> String {
        self.exporter(&format!("otlp/{name}"), "compression: gzip", more)
    }

    /// The same over HTTP.
    pub(crate) fn otlphttp(&self, name: &str, more: &str) -> String {
        self.exporter(&format!("otlphttp/{name}"), "compression: none", more)
    }

    /// An exporter to here: `more` wins over `usual`.
    fn exporter(&self, id: &str, usual: &str, more: &str) -> String {
        let retry = if more.contains("retry_on_failure") {
            String::new()
        } else {
            ", retry_on_failure: {initial_interval: 20ms, max_interval: 50ms}".to_owned()
        };
        let usual = if more.contains("compression") { String::new() } else { format!(", {usual}") };
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        format!("{id}: {{endpoint: \"http://{}\"{usual}{retry}{more}}}", self.address)
    }

    /// Everything that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// What came of this signal and was taken, without pricetag's own cost metrics.
    pub(crate) fn taken(&self, signal: Signal) -> Vec<Seen> {
        let ours = |seen: &Seen| seen.signal == Signal::Metrics && is_own_metrics(&seen.body);
        self.seen().into_iter().filter(|seen| seen.ok && seen.signal == signal && !ours(seen)).collect()
    }

    /// Waits until at least `count` requests of this signal were taken.
    pub(crate) async fn wait_for(&self, signal: Signal, count: usize) -> Vec<Seen> {
        eventually(&format!("{count} {signal} requests"), async || {
            Some(self.taken(signal)).filter(|taken| taken.len() >= count)
        })
        .await
    }

    /// Waits for `count` trace requests, and gives their spans' requests decoded. A little patience shows
    /// that there are no more.
    pub(crate) async fn traces(&self, count: usize) -> Vec<ExportTraceServiceRequest> {
        self.wait_for(Signal::Traces, count).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let taken = self.taken(Signal::Traces);
        assert_eq!(taken.len(), count, "more came than was sent");
        taken.into_iter().map(|seen| ExportTraceServiceRequest::decode(seen.body).unwrap()).collect()
    }

    /// pricetag's own cost metrics, oldest first.
    pub(crate) fn cost_metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        let metrics = self.seen().into_iter().filter(|seen| seen.ok && seen.signal == Signal::Metrics);
        metrics
            .filter(|seen| is_own_metrics(&seen.body))
            .map(|seen| ExportMetricsServiceRequest::decode(seen.body).unwrap())
            .collect()
    }
}

fn is_own_metrics(body: &Bytes) -> bool {
    let Ok(request) = ExportMetricsServiceRequest::decode(body.clone()) else { return false };
    let mut scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.any(|scope| scope.scope.as_ref().is_some_and(|scope| scope.name == "pricetag"))
}

impl State {
    /// Notes a request and waits for its answer.
    async fn take(&self, signal: Signal, headers: HeaderMap, body: Bytes) -> Result<(), Code> {
        let is_too_large = body.len() > self.most.load(Relaxed);
        let at = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Seen { signal, headers, body, ok: false });
            seen.len() - 1
        };
        if is_too_large {
            return Err(Code::ResourceExhausted);
        }
        let scripted = self.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| self.otherwise.lock().unwrap().clone());
        match answer {
            Answer::Ok => {}
            Answer::Fail(code) => return Err(code),
            Answer::Hang => {
                let _ = self.released.subscribe().wait_for(|released| *released).await;
            }
        }
        self.seen.lock().unwrap()[at].ok = true;
        Ok(())
    }
}

async fn grpc(
    state: Arc<State>,
    signal: Signal,
    request: Request,
) -> Result<Response<tonic::body::Body>, Infallible> {
    let mut server = Grpc::new(BytesCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(usize::MAX);
    Ok(server.unary(Method { state, signal }, request).await)
}

struct Method {
    state: Arc<State>,
    signal: Signal,
}

impl UnaryService<Bytes> for Method {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (state, signal) = (Arc::clone(&self.state), self.signal);
        Box::pin(async move {
            let headers = request.metadata().clone().into_headers();
            match state.take(signal, headers, request.into_inner()).await {
                Ok(()) => Ok(tonic::Response::new(Bytes::new())),
                Err(code) => Err(Status::new(code, "scripted")),
            }
        })
    }
}

async fn http(state: Arc<State>, signal: Signal, request: Request) -> axum::response::Response {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    if head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut out = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut out).unwrap();
        body = out.into();
    }
    if head.headers.get("content-encoding").is_some_and(|encoding| encoding == "zstd") {
        body = zstd::decode_all(&body[..]).unwrap().into();
    }
    let status = match state.take(signal, head.headers, body).await {
        Ok(()) => 200,
        Err(Code::Unavailable) => 503,
        Err(Code::ResourceExhausted) => 413,
        Err(_) => 400,
    };
    let status = http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/x-protobuf")]).into_response()
}
