use std::io::Read as _;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use pricetag::exporter::http::{HttpClient, HttpSettings};
use pricetag::exporter::{Compression, Outcome, Partial};
use pricetag::otlp::Signal;
use prost::Message as _;

use super::upstream::{self, Upstream};
use super::{AMPLE, after, body, kind, nobody, why};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn settings(address: impl std::fmt::Display) -> HttpSettings {
    HttpSettings {
        endpoint: Some(format!("http://{address}").parse().unwrap()),
        compression: Compression::None,
        timeout: AMPLE,
        ..HttpSettings::default()
    }
}

async fn answered_with(script: impl Fn(usize) -> http::Response<Body> + Send + Sync + 'static) -> Outcome {
    let upstream = Upstream::start(script).await;
    HttpClient::new(settings(upstream.address)).unwrap().deliver(Signal::Traces, body(10)).await
}

/// Scenario: statuses of every class, without Retry-After, with seconds, and with a date.
/// Guarantees: OTLP's table, and the wait that was asked for; redirects are not followed.
#[tokio::test]
async fn every_status_with_and_without_retry_after() {
    let delivered = [200, 202, 204].map(|status| (status, "delivered"));
    let retry = [429, 502, 503, 504].map(|status| (status, "retry"));
    let refused = [301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 411, 415, 422, 425]
        .map(|status| (status, "refused"));
    let too_large = [(413, "too large")];
    let broken = [500, 501, 505, 507, 511, 599].map(|status| (status, "refused"));
    for (status, expected) in delivered.into_iter().chain(retry).chain(refused).chain(too_large).chain(broken)
    {
        let in_a_minute = SystemTime::now() + Duration::from_secs(60);
        let date = jiff::Timestamp::try_from(in_a_minute).unwrap();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        for (header, least, most) in [(None, 0, 0), (Some("20".to_owned()), 20, 20), (Some(date), 50, 61)] {
            let asked = header.is_some();
            let outcome = answered_with(move |_| {
                let mut headers = vec![("location", "http://127.0.0.1:1/elsewhere")];
                headers.extend(header.as_deref().map(|value| ("retry-after", value)));
                upstream::http(status, &headers, "")
            })
            .await;
            assert_eq!(kind(&outcome), expected, "{status}");
            if expected == "retry" {
                let after = after(&outcome);
                assert_eq!(after.is_some(), asked, "{status}");
                assert!((least..=most).contains(&after.unwrap_or_default().as_secs()), "{status} {after:?}");
            }
            if expected != "delivered" {
                assert!(why(&outcome).contains(&status.to_string()), "{outcome:?}");
            }
        }
    }
}

/// Guarantees: the destination's words are shown whatever they are written in, bounded and harmless.
#[tokio::test]
async fn error_bodies_are_shown() {
    let status =
        |message: &str| tonic_types::Status { message: message.into(), ..Default::default() }.encode_to_vec();
    let cases = [
        (PROTOBUF, status("bad span"), "HTTP 400 Bad Request: bad span"),
        (PROTOBUF, status("\u{1b}[2J"), "HTTP 400 Bad Request: \\u001b[2J"),
        (PROTOBUF, vec![0xff; 9], "HTTP 400 Bad Request"),
        (
            ("content-type", "application/json"),
            br#"{"code":3,"message":"no"}"#.into(),
            "HTTP 400 Bad Request: no",
        ),
        (("content-type", "text/plain; charset=utf-8"), b"no\n".into(), "HTTP 400 Bad Request: no"),
        (("content-type", "text/html"), b"<html>".into(), "HTTP 400 Bad Request"),
    ];
    for (kind, body, expected) in cases {
        assert_eq!(why(&answered_with(move |_| upstream::http(400, &[kind], body.clone())).await), expected);
    }
    let long = answered_with(|_| upstream::http(400, &[], "x".repeat(100_000))).await;
    assert!(why(&long).chars().count() < 300);
}

/// Guarantees: a populated partial success is delivered and reported; so is an answer that looks wrong.
#[tokio::test]
async fn partial_success_is_never_retried() {
    let response = |items, message: &str| {
        let partial = ExportTracePartialSuccess { rejected_spans: items, error_message: message.into() };
        ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    };
    let rejected = |items, message: &str| Some(Partial { items, message: message.into() });
    let json = ("content-type", "application/json");
    let html = ("content-type", "text/html; charset=utf-8");
    let cases = [
        (PROTOBUF, Vec::new(), None),
        (PROTOBUF, response(0, ""), None),
        (PROTOBUF, response(3, "too old"), rejected(3, "too old")),
        (json, br#"{"partialSuccess":{"rejectedSpans":"3"}}"#.into(), rejected(3, "")),
        (json, b"{}".into(), None),
        (("content-type", "text/plain"), b"ok".into(), None),
        (html, b"<html>".into(), rejected(0, "answered with a web page; is this an OTLP endpoint?")),
    ];
    for (kind, body, expected) in cases {
        let outcome = answered_with(move |_| upstream::http(200, &[kind], body.clone())).await;
        assert_eq!(outcome, Outcome::Delivered { rejected: expected });
    }
}

/// Guarantees: bodies arrive as they were, compressed where that was asked for, with headers and paths.
#[tokio::test]
async fn bodies_headers_and_paths_arrive() {
    let upstream = Upstream::start(|_| upstream::http(200, &[PROTOBUF], "")).await;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let mut secret = HeaderValue::from_static("Bearer k3y");
        secret.set_sensitive(true);
        let settings = HttpSettings {
            logs_endpoint: Some(format!("http://{}/in?x=1", upstream.address).parse().unwrap()),
            headers: vec![
                (HeaderName::from_static("authorization"), secret),
                (HeaderName::from_static("user-agent"), HeaderValue::from_static("mine")),
                (HeaderName::from_static("content-type"), HeaderValue::from_static("overridden")),
            ],
            compression,
            ..settings(upstream.address)
        };
        assert!(!format!("{settings:?}").contains("k3y"));
        let client = HttpClient::new(settings).unwrap();
        for (signal, len) in [(Signal::Traces, 0), (Signal::Metrics, 300_000), (Signal::Logs, 9 << 20)] {
            let sent = body(len);
            assert_eq!(kind(&client.deliver(signal, sent.clone()).await), "delivered");
            let seen = upstream.seen().remove(0);
            assert_eq!(seen.method, Method::POST);
            assert_eq!(seen.path, if signal == Signal::Logs { "/in?x=1" } else { signal.http_path() });
            assert_eq!(seen.header("authorization"), Some("Bearer k3y"));
            assert_eq!(seen.header("user-agent"), Some("mine"));
            assert_eq!(seen.header("content-type"), Some("application/x-protobuf"));
            let arrived = match compression {
                Compression::None => seen.body.clone(),
                Compression::Gzip => {
                    assert_eq!(seen.header("content-encoding"), Some("gzip"));
                    assert!(len == 0 || seen.body.len() < len / 10);
                    let mut plain = Vec::new();
                    flate2::read::GzDecoder::new(&seen.body[..]).read_to_end(&mut plain).unwrap();
                    plain.into()
                }
                Compression::Zstd => {
                    assert_eq!(seen.header("content-encoding"), Some("zstd"));
                    assert!(len == 0 || seen.body.len() < len / 10);
                    zstd::decode_all(&seen.body[..]).unwrap().into()
                }
            };
            assert!(sent == arrived, "{compression:?} {len}");
        }
    }
    HttpClient::new(settings(upstream.address)).unwrap().deliver(Signal::Traces, body(1)).await;
    let seen = upstream.seen().remove(0);
    assert!(seen.header("user-agent").unwrap().starts_with(concat!("pricetag/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("content-encoding"), None);
}

/// Guarantees: connection errors are retried and do not repeat what the URL may hold; a signal without an
/// endpoint is refused.
#[tokio::test]
async fn connections_that_fail() {
    let client = HttpClient::new(HttpSettings {
        traces_endpoint: Some(format!("http://me:s3cret@{}/?token=s3cret", nobody()).parse().unwrap()),
        timeout: AMPLE,
        ..HttpSettings::default()
    })
    .unwrap();
    let outcome = client.deliver(Signal::Traces, body(10)).await;
    assert_eq!((kind(&outcome), after(&outcome)), ("retry", None));
    assert!(
        why(&outcome).to_lowercase().contains("refused") && !why(&outcome).contains("s3cret"),
        "{outcome:?}"
    );
    assert_eq!(kind(&client.deliver(Signal::Logs, body(10)).await), "refused");
}

/// Guarantees: no answer in time is retried; but once the status has come it settles the matter.
#[tokio::test]
async fn timeouts() {
    let short = |address| HttpSettings { timeout: Duration::from_millis(200), ..settings(address) };
    let start = Instant::now();
    let silent = upstream::serve(Router::new().fallback(std::future::pending::<&str>)).await;
    let outcome = HttpClient::new(short(silent)).unwrap().deliver(Signal::Traces, body(10)).await;
    assert_eq!((kind(&outcome), after(&outcome)), ("retry", None));

    for (status, expected) in [(200, "delivered"), (400, "refused"), (503, "retry")] {
        let trickles = Upstream::start(move |_| {
            let pieces = tokio_stream::pending::<Result<Bytes, std::io::Error>>();
            upstream::http(status, &[], Body::from_stream(pieces))
        })
        .await;
        let outcome =
            HttpClient::new(short(trickles.address)).unwrap().deliver(Signal::Traces, body(10)).await;
        assert_eq!(kind(&outcome), expected);
    }
    assert!(start.elapsed() < AMPLE / 2);
}

/// Guarantees: of an answer without end no more is taken than the limit and what sockets buffer.
#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    for (status, expected) in [(200, "delivered"), (400, "refused"), (503, "retry")] {
        let (endless, pulled) = upstream::endless(1 << 30);
        let endless = Mutex::new(Some(endless));
        let outcome = answered_with(move |_| {
            let body = endless.lock().unwrap().take().unwrap();
            upstream::http(status, &[("content-type", "text/plain")], body)
        })
        .await;
        assert_eq!(kind(&outcome), expected);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let pulled = pulled.load(Ordering::Relaxed);
        assert!(pulled < 24 << 20, "{pulled} bytes of 1 GiB left the server");
    }
}
