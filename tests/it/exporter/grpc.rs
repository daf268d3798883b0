use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use pricetag::exporter::codec::BytesCodec;
use pricetag::exporter::grpc::{GrpcClient, GrpcSettings};
use pricetag::exporter::{BuildError, Compression, Outcome, Partial};
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::upstream::{self, Upstream};
use super::{AMPLE, after, body, kind, nobody, why};

fn settings(address: impl std::fmt::Display) -> GrpcSettings {
    GrpcSettings {
        endpoint: format!("http://{address}").parse().unwrap(),
        tls: None,
        headers: Vec::new(),
        compression: Compression::None,
        timeout: AMPLE,
    }
}

fn client(address: impl std::fmt::Display) -> GrpcClient {
    GrpcClient::new(settings(address)).unwrap()
}

async fn answered_with(script: impl Fn(usize) -> http::Response<Body> + Send + Sync + 'static) -> Outcome {
    let upstream = Upstream::start(script).await;
    client(upstream.address).deliver(Signal::Traces, body(10)).await
}

/// A status as a server sends it without a message: in the headers alone.
fn trailers_only(status: &Status) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    status.add_header(response.headers_mut()).unwrap();
    response
}

/// Scenario: each of the 17 codes, with and without RetryInfo, in the headers and in the trailers.
/// Guarantees: OTLP's table, and the wait that RetryInfo asks for.
#[tokio::test]
async fn every_code_with_and_without_retry_info() {
    let table = [
        (Code::Ok, "delivered", "delivered"),
        (Code::Cancelled, "retry", "retry"),
        (Code::Unknown, "refused", "refused"),
        (Code::InvalidArgument, "refused", "refused"),
        (Code::DeadlineExceeded, "retry", "retry"),
        (Code::NotFound, "refused", "refused"),
        (Code::AlreadyExists, "refused", "refused"),
        (Code::PermissionDenied, "refused", "refused"),
        (Code::ResourceExhausted, "too large", "retry"),
        (Code::FailedPrecondition, "refused", "refused"),
        (Code::Aborted, "retry", "retry"),
        (Code::OutOfRange, "retry", "retry"),
        (Code::Unimplemented, "refused", "refused"),
        (Code::Internal, "refused", "refused"),
        (Code::Unavailable, "retry", "retry"),
        (Code::DataLoss, "retry", "retry"),
        (Code::Unauthenticated, "refused", "refused"),
    ];
    let wait = Duration::from_millis(1_500);
    for (code, plain, informed) in table {
        for (expected, retry_info) in [(plain, None), (informed, Some(wait))] {
            for in_headers in [true, false] {
                let status = match retry_info {
                    None => Status::new(code, "näh\n"),
                    Some(wait) => {
                        Status::with_error_details(code, "näh\n", ErrorDetails::with_retry_info(Some(wait)))
                    }
                };
                let outcome = answered_with(move |_| {
                    let head = trailers_only(&status);
                    if in_headers && code != Code::Ok {
                        return head;
                    }
                    let text =
                        |name| head.headers().get(name).map(|v: &HeaderValue| v.to_str().unwrap().to_owned());
                    let trailers = ["grpc-status", "grpc-message", "grpc-status-details-bin"]
                        .into_iter()
                        .filter_map(|name| Some((name, text(name)?)))
                        .collect::<Vec<_>>();
                    upstream::grpc(&[], &trailers)
                })
                .await;
                assert_eq!(kind(&outcome), expected, "{code:?} {retry_info:?}");
                if expected != "delivered" {
                    assert_eq!(why(&outcome), format!("gRPC {code:?}: näh"));
                }
                if expected == "retry" {
                    assert_eq!(after(&outcome), retry_info, "{code:?}");
                }
            }
        }
    }
}

/// Guarantees: RetryInfo without a delay makes RESOURCE_EXHAUSTED retryable and imposes no wait; a
/// century is cut to an hour.
#[tokio::test]
async fn odd_retry_info() {
    for (delay, expected) in [
        (None, None),
        (Some(Duration::ZERO), None),
        (Some(AMPLE * 1_000_000), Some(Duration::from_secs(3600))),
    ] {
        let details = ErrorDetails::with_retry_info(delay);
        let status = Status::with_error_details(Code::ResourceExhausted, "", details);
        let outcome = answered_with(move |_| trailers_only(&status)).await;
        assert_eq!(after(&outcome), expected, "{delay:?}");
    }
}

/// Guarantees: a populated partial success is delivered and reported, for every signal; an empty one is
/// full success; what does not decode is delivered with a notice.
#[tokio::test]
async fn partial_success_is_never_retried() {
    let response = |items, message: &str| {
        let partial = ExportTracePartialSuccess { rejected_spans: items, error_message: message.into() };
        ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    };
    let rejected = |items, message: &str| Some(Partial { items, message: message.into() });
    let cases = [
        (Vec::new(), None),
        (response(0, ""), None),
        (response(7, "too\told"), rejected(7, "too\\told")),
        (response(0, "use v2"), rejected(0, "use v2")),
        (vec![0xff], rejected(0, "its answer is no OTLP response")),
    ];
    for (message, expected) in cases {
        let upstream =
            Upstream::start(move |_| upstream::grpc(&message, &[("grpc-status", "0".into())])).await;
        let client = client(upstream.address);
        for signal in Signal::ALL {
            let outcome = client.deliver(signal, body(10)).await;
            assert_eq!(outcome, Outcome::Delivered { rejected: expected.clone() });
        }
        let paths: Vec<_> = upstream.seen().into_iter().map(|seen| seen.path).collect();
        assert_eq!(paths, Signal::ALL.map(Signal::grpc_path));
    }
}

/// Scenario: proxies and web servers answer in the place of a gRPC server.
/// Guarantees: the gRPC specification's mapping, which is OTLP/HTTP's retry table.
#[tokio::test]
async fn answers_without_a_grpc_status() {
    let table = [(200, "refused"), (301, "refused"), (400, "refused"), (401, "refused"), (403, "refused")];
    let more = [
        (404, "refused"),
        (413, "too large"),
        (429, "retry"),
        (500, "refused"),
        (502, "retry"),
        (503, "retry"),
        (504, "retry"),
    ];
    for (status, expected) in table.into_iter().chain(more) {
        let html = [("content-type", "text/html"), ("retry-after", "7")];
        let outcome = answered_with(move |_| upstream::http(status, &html, "<html>")).await;
        assert_eq!(kind(&outcome), expected, "{status}");
        assert!(why(&outcome).contains(&status.to_string()));
        if expected == "retry" {
            assert_eq!(after(&outcome), Some(Duration::from_secs(7)));
        }
    }
    let cut = answered_with(|_| upstream::http(200, &[("content-type", "application/grpc")], "")).await;
    assert_eq!(kind(&cut), "refused", "a gRPC answer that ends without a status is UNKNOWN");
}

/// Guarantees: details that are no base64 neither panic nor hide the code (tonic's client panics).
#[tokio::test]
async fn hostile_status_details() {
    let headers = [("grpc-status", "14"), ("grpc-message", "%ff"), ("grpc-status-details-bin", "*")];
    assert_eq!(kind(&answered_with(move |_| upstream::http(200, &headers, "")).await), "retry");
    let trailers = headers.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(kind(&answered_with(move |_| upstream::grpc(&[], &trailers)).await), "retry");
}

/// Guarantees: a body arrives as it was at a real tonic server, compressed where that was asked for,
/// with our headers, and larger than any window.
#[tokio::test]
async fn bodies_and_headers_arrive_at_a_tonic_server() {
    #[derive(Clone)]
    struct Service(mpsc::UnboundedSender<(http::HeaderMap, Bytes)>);
    impl tonic::server::UnaryService<Bytes> for Service {
        type Response = Bytes;
        type Future = std::future::Ready<Result<tonic::Response<Bytes>, Status>>;
        fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
            let headers = request.metadata().clone().into_headers();
            self.0.send((headers, request.into_inner())).unwrap();
            std::future::ready(Ok(tonic::Response::new(Bytes::new())))
        }
    }
    let (sender, mut received) = mpsc::unbounded_channel();
    let service = Service(sender);
    let app = Router::new().fallback(move |request: Request<Body>| async move {
        let mut grpc = tonic::server::Grpc::new(BytesCodec)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(usize::MAX);
        grpc.unary(service, request).await.map(Body::new)
    });
    let address = upstream::serve(app).await;

    for (compression, name) in
        [(Compression::None, None), (Compression::Gzip, Some("gzip")), (Compression::Zstd, Some("zstd"))]
    {
        let mut secret = HeaderValue::from_static("k3y");
        secret.set_sensitive(true);
        let settings = GrpcSettings {
            compression,
            headers: vec![
                (HeaderName::from_static("x-api-key"), secret),
                (HeaderName::from_static("te"), HeaderValue::from_static("overridden")),
            ],
            ..settings(address)
        };
        assert!(!format!("{settings:?}").contains("k3y"));
        let client = GrpcClient::new(settings).unwrap();
        for len in [0, 1, 1_000, 300_000, 9 << 20] {
            let sent = body(len);
            assert_eq!(kind(&client.deliver(Signal::Logs, sent.clone()).await), "delivered");
            let (headers, arrived) = received.recv().await.unwrap();
            assert!(sent == arrived, "{compression:?} {len}");
            let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            assert_eq!(text("x-api-key"), Some("k3y"));
            assert_eq!(text("grpc-timeout"), Some("20000m"));
            assert_eq!(text("grpc-encoding"), name);
            assert!(text("user-agent").unwrap().starts_with(concat!("pricetag/", env!("CARGO_PKG_VERSION"))));
        }
    }
}

/// Guarantees: what is compressed is really on the wire.
#[tokio::test]
async fn compressed_bodies_are_small() {
    let upstream = Upstream::start(|_| upstream::grpc(&[], &[("grpc-status", "0".into())])).await;
    for compression in [Compression::Gzip, Compression::Zstd] {
        let settings = GrpcSettings { compression, ..settings(upstream.address) };
        GrpcClient::new(settings).unwrap().deliver(Signal::Traces, body(200_000)).await;
        let seen = upstream.seen().remove(0);
        assert_eq!(seen.body[0], 1, "the flag that says compressed");
        assert!(seen.body.len() < 20_000, "{}", seen.body.len());
    }
}

/// Guarantees: a dead destination stops neither the start nor later deliveries, and one that dies in the
/// middle of a call is asked again.
#[tokio::test]
async fn connections_that_fail() {
    let address = nobody();
    let client = client(address);
    let outcome = client.deliver(Signal::Traces, body(10)).await;
    assert_eq!(kind(&outcome), "retry");
    assert!(why(&outcome).to_lowercase().contains("refused"), "{outcome:?}");

    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let closes = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Once the client has spoken, close without an answer.
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 24]).await.unwrap();
    });
    assert_eq!(kind(&client.deliver(Signal::Traces, body(10)).await), "retry");
    closes.await.unwrap();

    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let ok = || async { upstream::grpc(&[], &[("grpc-status", "0".into())]) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(ok)).await });
    assert_eq!(kind(&client.deliver(Signal::Traces, body(10)).await), "delivered");
}

/// Guarantees: the timeout covers a destination that never answers and one that answers without an end.
#[tokio::test]
async fn timeouts() {
    let silent = Router::new().fallback(std::future::pending::<&str>);
    let trickles = Router::new().fallback(|| async {
        let pieces = tokio_stream::pending::<Result<Bytes, std::io::Error>>();
        upstream::http(200, &[("content-type", "application/grpc")], Body::from_stream(pieces))
    });
    for app in [silent, trickles] {
        let address = upstream::serve(app).await;
        let short = GrpcSettings { timeout: Duration::from_millis(200), ..settings(address) };
        let start = Instant::now();
        let outcome = GrpcClient::new(short).unwrap().deliver(Signal::Traces, body(10)).await;
        assert_eq!((kind(&outcome), after(&outcome)), ("retry", None));
        assert!(start.elapsed() < AMPLE / 2);
    }
}

/// Guarantees: of an answer without end no more is taken than the limit and the window.
#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let pulled = Arc::new(std::sync::Mutex::new(None));
    let script_pulled = pulled.clone();
    let outcome = answered_with(move |_| {
        let (body, pulled) = upstream::endless(1 << 30);
        *script_pulled.lock().unwrap() = Some(pulled);
        upstream::http(200, &[("content-type", "application/grpc")], body)
    })
    .await;
    assert_eq!(kind(&outcome), "refused");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let pulled = pulled.lock().unwrap().take().unwrap().load(Ordering::Relaxed);
    assert!(pulled < 24 << 20, "{pulled} bytes of 1 GiB left the server");
}

/// Guarantees: an endpoint without a host is an error at the start.
#[tokio::test]
async fn endpoints_without_a_host() {
    let settings = GrpcSettings { endpoint: "/only/a/path".parse().unwrap(), ..settings("h") };
    assert!(matches!(GrpcClient::new(settings), Err(BuildError::Endpoint(_))));
}
