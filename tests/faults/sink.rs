//! The backend: an OTLP server, gRPC and HTTP on one port, that remembers which spans it has taken and is as hostile as it is told to be.
//!
//! It keeps numbers and checksums, no bodies: gigabytes pass through it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::IntoResponse as _;
use axum::routing::post;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use pricetag::exporter::codec::BytesCodec;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::content::ANSWER;
use crate::seal::{Key, broken_seal};

/// How requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Success.
    Well,
    /// Success, after this.
    Slow(Duration),
    /// Success, four requests at a time for so long each: a backend with a limit.
    Narrow(Duration),
    /// Not at all, until the mood changes.
    Hang,
    /// A status; with RetryInfo or Retry-After, if there is a wait.
    Fail(Code, Option<Duration>),
    /// As the request's first span says in its attribute [`ANSWER`], the first two times; then success.
    AsTold,
}

/// What one answer is.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    code: Code,
    /// By HTTP.
    status: u16,
    wait: Option<Duration>,
}

/// Attempts of one request, by its first span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts(pub(crate) Vec<Instant>);

/// What was taken.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// Each span's checksum and how often it came.
    pub(crate) spans: HashMap<Key, (u64, u32)>,
    /// Spans without a number, or that are not what was sealed.
    pub(crate) damaged: u64,
    /// Requests that were answered with success.
    pub(crate) requests: u64,
    /// Only of requests that say how they want to be answered.
    pub(crate) attempts: HashMap<Key, Attempts>,
}

#[derive(Debug)]
struct State {
    arrived: Mutex<Arrived>,
    mood: watch::Sender<Mood>,
    narrow: Semaphore,
}

/// The running server. It ends with its runtime.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Sink {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State {
            arrived: Mutex::default(),
            mood: watch::Sender::new(mood),
            narrow: Semaphore::new(4),
        });
        let (by_grpc, by_http) = (Arc::clone(&state), Arc::clone(&state));
        let router = Router::new()
            .route(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                post(move |request: Request| grpc(by_grpc, request)),
            )
            .route("/v1/traces", post(move |request: Request| http(by_http, request)))
            .layer(DefaultBodyLimit::disable());
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Sink { address, state }
    }

    /// From now on, also for what hangs.
    pub(crate) fn set(&self, mood: Mood) {
        self.state.mood.send_replace(mood);
    }

    /// Looks at what was taken.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Arrived) -> T) -> T {
        look(&self.state.arrived.lock().unwrap())
    }
}

impl State {
    /// Answers, and notes what is taken.
    async fn take(&self, body: Bytes) -> Result<(), Refusal> {
        let request = ExportTraceServiceRequest::decode(body).expect("only OTLP comes here");
        let mut moods = self.mood.subscribe();
        let fail = |code, wait| Err(Refusal { code, status: status(code), wait });
        loop {
            let mood = *moods.borrow_and_update();
            match mood {
                Mood::Well => break,
                Mood::Slow(wait) => {
                    tokio::time::sleep(wait).await;
                    break;
                }
                Mood::Narrow(wait) => {
                    let _turn = self.narrow.acquire().await.expect("it is never closed");
                    tokio::time::sleep(wait).await;
                    break;
                }
                Mood::Fail(code, wait) => return fail(code, wait),
                Mood::AsTold => {
                    let refusal = self.told(&request);
                    match refusal {
                        Some(refusal) => return Err(refusal),
                        None => break,
                    }
                }
                Mood::Hang => {
                    let _ = moods.changed().await;
                }
            }
        }
        self.note(request);
        Ok(())
    }

    /// What the first span asks for: `GRPC-CODE HTTP-STATUS WAIT-IN-MILLISECONDS`, the last 0 for none.
    fn told(&self, request: &ExportTraceServiceRequest) -> Option<Refusal> {
        let span = request.resource_spans.first()?.scope_spans.first()?.spans.first()?;
        let answer = span.attributes.iter().find(|it| it.key == ANSWER)?.value.as_ref()?.value.as_ref()?;
        let Value::StringValue(answer) = answer else { return None };
        let numbers: Vec<u64> = answer.split(' ').filter_map(|it| it.parse().ok()).collect();
        let [code, status, wait] = numbers[..] else { return None };
        let (stamp, _) = broken_seal(span.clone())?;
        let mut arrived = self.arrived.lock().unwrap();
        let attempts = arrived.attempts.entry(stamp.key).or_default();
        attempts.0.push(Instant::now());
        let refusal = Refusal {
            code: Code::from_i32(code as i32),
            status: status as u16,
            wait: (wait > 0).then(|| Duration::from_millis(wait)),
        };
        (attempts.0.len() <= 2 && code != 0).then_some(refusal)
    }

    fn note(&self, request: ExportTraceServiceRequest) {
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let seals: Vec<_> = scopes.flat_map(|scope| scope.spans).map(broken_seal).collect();
        let mut arrived = self.arrived.lock().unwrap();
        arrived.requests += 1;
        for seal in seals {
            match seal {
                Some((stamp, true)) => {
                    let (checksum, times) = arrived.spans.entry(stamp.key).or_insert((stamp.checksum, 0));
                    *times += 1;
                    if *checksum != stamp.checksum {
                        arrived.damaged += 1;
                    }
                }
                _ => arrived.damaged += 1,
            }
        }
    }
}

/// The HTTP status that goes with a code.
fn status(code: Code) -> u16 {
    match code {
        Code::Unavailable => 503,
        Code::ResourceExhausted => 429,
        _ => 400,
    }
}

struct Method(Arc<State>);

impl UnaryService<Bytes> for Method {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            match state.take(request.into_inner()).await {
                Ok(()) => Ok(tonic::Response::new(Bytes::new())),
                Err(Refusal { code, wait: None, .. }) => Err(Status::new(code, "as told")),
                Err(Refusal { code, wait, .. }) => {
                    let details = ErrorDetails::with_retry_info(wait);
                    Err(Status::with_error_details(code, "as told", details))
                }
            }
        })
    }
}

async fn grpc(state: Arc<State>, request: Request) -> Result<Response<tonic::body::Body>, Infallible> {
    let mut server = Grpc::new(BytesCodec).max_decoding_message_size(usize::MAX);
    Ok(server.unary(Method(state), request).await)
}

async fn http(state: Arc<State>, request: Request) -> axum::response::Response {
    // Who is killed while he sends leaves half a body.
    let Ok(body) = request.into_body().collect().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match state.take(body.to_bytes()).await {
        Ok(()) => (StatusCode::OK, [("content-type", "application/x-protobuf")]).into_response(),
        Err(refusal) => {
            let mut response = StatusCode::from_u16(refusal.status).unwrap().into_response();
            if let Some(wait) = refusal.wait {
                // It has whole seconds only.
                let seconds = wait.as_millis().div_ceil(1000) as u64;
                response.headers_mut().insert("retry-after", seconds.into());
            }
            response
        }
    }
}
