//! What OTLP/HTTP refuses, and how it says so.

use bytes::Bytes;
use http::Method;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::client::gzip;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request, span};
use crate::support::{CAPTURES, Pricetag, Sink, Via, broken, capture, eventually};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

/// `google.rpc.Code`s.
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;

/// Sends one good call: it alone has arrived and is counted, whatever came before.
async fn assert_only_the_good_one_counts(pricetag: &Pricetag, sink: &Sink, refused: usize) {
    pricetag
        .deliver(Via::Protobuf, Signal::Traces, request(vec![gpt_4o(1, 1_000_000, 0)]).encode_to_vec().into())
        .await;
    let scrape = pricetag.settled(1).await;
    // Empty requests were taken, and are on their way too.
    let taken = || sink.taken(Signal::Traces).into_iter().filter(|seen| !seen.body.is_empty()).count();
    eventually("the good one", async || (taken() > 0).then_some(())).await;
    assert_eq!(taken(), 1);
    assert_eq!(scrape.sum("pricetag_cost", &[]), 2.5);
    assert_eq!(scrape.sum("otelcol_receiver_accepted_spans", &[]), 1.0);
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[("transport", "http")]), refused as f64);
}

/// Scenario: protobuf and JSON bodies that are broken in all the ways that there are, plain and gzipped.
/// Guarantees: 400, a `Status` in the request's encoding that names the place; nothing is forwarded or counted.
#[tokio::test]
async fn broken_bodies() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let mut refused = 0;
    for (encoding, bodies) in [(PROTOBUF, broken::protobuf()), (JSON, broken::json())] {
        for (body, place) in bodies {
            for (headers, sent) in [(vec![encoding], body.clone()), (vec![encoding, GZIP], gzip(&body))] {
                let reply = pricetag.post(Signal::Traces, &headers, sent).await;
                assert_eq!(reply.status, 400, "{place}: {reply:?}");
                assert_eq!(reply.header("content-type"), encoding.1);
                let (code, message) = reply.error();
                assert_eq!(code, INVALID_ARGUMENT);
                assert!(message.contains(place) && message.len() < 500, "{place}: {message}");
                assert_eq!(reply.header("retry-after"), "", "it would not get better");
                refused += 1;
            }
        }
    }
    assert_only_the_good_one_counts(&pricetag, &sink, refused).await;
}

/// Scenario: gzip that ends early, has a wrong checksum, or is none.
/// Guarantees: 400 that speaks of decompression, in the request's encoding.
#[tokio::test]
async fn broken_compression() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let whole = gzip(&capture(CAPTURES[0], "traces.pb"));
    let mut corrupt = whole.to_vec();
    let at = corrupt.len() - 8;
    corrupt[at] ^= 1;
    let bodies =
        [whole.slice(..whole.len() - 9), whole.slice(..5), corrupt.into(), Bytes::from_static(b"none")];
    for body in &bodies {
        for encoding in [PROTOBUF, JSON] {
            let reply = pricetag.post(Signal::Traces, &[encoding, GZIP], body.clone()).await;
            let (code, message) = reply.error();
            assert_eq!((reply.status, code), (400, INVALID_ARGUMENT));
            assert!(message.contains("decompress"), "{message}");
        }
    }
    assert_only_the_good_one_counts(&pricetag, &sink, 8).await;
}

/// Scenario: paths, methods, content types and content encodings that OTLP/HTTP does not have; a signal that no
/// pipeline takes.
/// Guarantees: 404, 405 with `Allow`, 415, each with a body that helps, and is short; content types are read as HTTP says.
#[tokio::test]
async fn unknown_paths_methods_and_types() {
    let sink = Sink::start().await;
    let pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline("traces: {receivers: [otlp], processors: [pricetag], exporters: [otlp/a]}")
        .start()
        .await;
    for encoding in [PROTOBUF, JSON] {
        for path in ["/", "/v1/trace", "/v1/traces/", "/v1development/profiles"] {
            let reply = pricetag.request(Method::POST, path, &[encoding], Bytes::new()).await;
            let (code, message) = reply.error();
            assert_eq!((reply.status, code), (404, NOT_FOUND), "{path}");
            assert!(message.contains(path) && message.contains("/v1/traces"), "{message}");
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = pricetag.request(method.clone(), "/v1/traces", &[encoding], Bytes::new()).await;
            assert_eq!((reply.status, reply.header("allow")), (405, "POST"));
            assert!(reply.error().1.contains(method.as_str()));
        }
        let reply = pricetag.post(Signal::Logs, &[encoding], Bytes::new()).await;
        assert_eq!(reply.status, 404);
        assert!(reply.error().1.contains("service.pipelines.logs"), "{reply:?}");
        for unknown in ["lz4", "br", "deflate", "gzip, gzip"] {
            let reply =
                pricetag.post(Signal::Traces, &[encoding, ("content-encoding", unknown)], Bytes::new()).await;
            assert_eq!((reply.status, reply.error().0), (415, UNIMPLEMENTED), "{unknown}");
            assert!(reply.error().1.contains(unknown), "{reply:?}");
        }
        let long = "x".repeat(5000);
        let long_method = Method::from_bytes(long.as_bytes()).unwrap();
        for (method, path, coding) in [
            (Method::POST, format!("/{long}"), "br"),
            (long_method, "/v1/traces".to_owned(), "br"),
            (Method::POST, "/v1/traces".to_owned(), &long),
        ] {
            let headers = [encoding, ("content-encoding", coding)];
            let reply = pricetag.request(method, &path, &headers, Bytes::new()).await;
            assert!((400..500).contains(&reply.status));
            assert!(reply.error().1.len() < 400, "a stranger's words are repeated at length");
        }
    }
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-protobufs")]]
    {
        let reply = pricetag.post(Signal::Traces, headers, Bytes::new()).await;
        assert_eq!(reply.status, 415, "{headers:?}");
        assert!(String::from_utf8_lossy(&reply.body).contains("application/x-protobuf"), "{reply:?}");
    }
    for taken in ["application/json; charset=utf-8", "Application/JSON", "application/x-protobuf;x=y"] {
        assert_eq!(pricetag.post(Signal::Traces, &[("content-type", taken)], Bytes::new()).await.status, 200);
    }
    let identity = ("content-encoding", "identity");
    assert_eq!(pricetag.post(Signal::Traces, &[PROTOBUF, identity], Bytes::new()).await.status, 200);
    // 10 content encodings and 3 content types; a signal without a pipeline counts as its own.
    assert_only_the_good_one_counts(&pricetag, &sink, 13).await;
}

/// Scenario: bodies at the limit, above it, and far above it once decompressed; announced and streamed.
/// Guarantees: at the limit 200; above it 413 with RESOURCE_EXHAUSTED, not retryable; a bomb is not unpacked.
#[tokio::test]
async fn oversize_bodies() {
    const LIMIT: usize = 100_000;
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("receivers.otlp.protocols.http.max_request_body_size={LIMIT}"))
        .start()
        .await;
    let sized = |size: usize| -> Bytes {
        // With a name that is long enough, only its own length changes between the two.
        let mut filled = span(1, Vec::new());
        filled.name = "x".repeat(size / 2);
        let around = request(vec![filled.clone()]).encode_to_vec().len() - size / 2;
        filled.name = "x".repeat(size - around);
        request(vec![filled]).encode_to_vec().into()
    };
    let (fits, too_large) = (sized(LIMIT), sized(LIMIT + 1));
    assert_eq!((fits.len(), too_large.len()), (LIMIT, LIMIT + 1));
    let bomb = gzip(&vec![0; 8 << 20]);
    assert!(bomb.len() < LIMIT, "{}", bomb.len());

    let reply = pricetag.post(Signal::Traces, &[PROTOBUF], too_large.clone()).await;
    assert_eq!((reply.status, reply.error().0), (413, RESOURCE_EXHAUSTED));
    for body in [gzip(&too_large), bomb] {
        for encoding in [PROTOBUF, JSON] {
            let reply = pricetag.post(Signal::Traces, &[encoding, GZIP], body.clone()).await;
            let (code, message) = reply.error();
            assert_eq!((reply.status, code, reply.header("retry-after")), (413, RESOURCE_EXHAUSTED, ""));
            assert!(message.contains(&LIMIT.to_string()), "{message}");
        }
    }
    for headers in [&[PROTOBUF][..], &[PROTOBUF, GZIP]] {
        let body = if headers.len() == 2 { gzip(&fits) } else { fits.clone() };
        assert_eq!(pricetag.post(Signal::Traces, headers, body).await.status, 200);
    }
    let arrived = sink.wait_for(Signal::Traces, 2).await;
    assert!(arrived.iter().all(|seen| seen.body == fits) && arrived.len() == 2);
    assert_eq!(pricetag.scrape().await.sum("otelcol_receiver_refused_spans", &[]), 5.0);
}
