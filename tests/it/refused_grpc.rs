//! What OTLP/gRPC refuses, and how it says so.

use bytes::Bytes;
use pricetag::otlp::Signal;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::client::{TRACES, framed, gzip};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::wire::len;
use crate::support::{CAPTURES, Pricetag, Sink, broken, capture};

async fn one_pricetag(sets: &[&str]) -> (Pricetag, Sink) {
    let sink = Sink::start().await;
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a");
    (sets.iter().fold(setup, |setup, set| setup.set(*set)).start().await, sink)
}

/// Sends one good call: it alone has arrived and is counted, whatever came before.
async fn assert_only_the_good_one_counts(pricetag: &Pricetag, sink: &Sink, refused: usize) {
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1_000_000, 0)])).await;
    sink.traces(1).await;
    let scrape = pricetag.settled(1).await;
    assert_eq!(scrape.sum("pricetag_cost", &[]), 2.5);
    assert_eq!(scrape.sum("otelcol_receiver_accepted_spans", &[]), 1.0);
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[("transport", "grpc")]), refused as f64);
}

/// The code of an answer that stands in its headers.
async fn code(pricetag: &Pricetag, path: &str, headers: &[(&str, &str)], body: Bytes) -> (Code, String) {
    let reply = pricetag.raw_grpc(path, headers, body).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/grpc"), "{reply:?}");
    (Code::from_bytes(reply.header("grpc-status").as_bytes()), reply.header("grpc-message").to_owned())
}

/// Scenario: protobuf that is broken in all the ways that there are, plain and gzipped.
/// Guarantees: INVALID_ARGUMENT with a message that names the place and no retry; nothing is forwarded or
/// counted.
#[tokio::test]
async fn broken_bodies() {
    let (pricetag, sink) = one_pricetag(&[]).await;
    let mut refused = 0;
    for (body, place) in broken::protobuf() {
        for gzip in [false, true] {
            let status = pricetag.send_grpc(Signal::Traces, body.clone(), gzip).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{place}: {status:?}");
            assert!(status.message().contains(place) && status.message().len() < 500, "{place}: {status:?}");
            assert!(status.get_details_retry_info().is_none());
            refused += 1;
        }
    }
    assert_only_the_good_one_counts(&pricetag, &sink, refused).await;
}

/// Scenario: gzip that ends early or is none; a frame that ends early; a compressed message without an encoding.
/// Guarantees: INVALID_ARGUMENT, which no client repeats.
#[tokio::test]
async fn broken_compression_and_frames() {
    let (pricetag, sink) = one_pricetag(&[]).await;
    let whole = gzip(&capture(CAPTURES[0], "traces.pb"));
    let gzipped = [("grpc-encoding", "gzip")];
    let bodies = [
        (&gzipped[..], framed(true, &whole[..whole.len() - 9])),
        (&gzipped, framed(true, &whole[..5])),
        (&gzipped, framed(true, b"none")),
        (&[], framed(true, &whole)),
        (&[], framed(false, &whole).slice(..100)),
        (&[], Bytes::from_static(b"\x02\0\0\0\0")),
    ];
    for (headers, body) in &bodies {
        let (code, message) = code(&pricetag, TRACES, headers, body.clone()).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
        assert!(!message.is_empty());
    }
    assert_only_the_good_one_counts(&pricetag, &sink, bodies.len()).await;
}

/// Scenario: methods that OTLP does not have, a compression that we do not read, a signal without a pipeline.
/// Guarantees: UNIMPLEMENTED with a message; the encodings that we take are named.
#[tokio::test]
async fn unknown_methods_and_encodings() {
    let sink = Sink::start().await;
    let pricetag = Setup::bare(&[sink.otlp("a", "")])
        .pipeline("traces: {receivers: [otlp], processors: [pricetag], exporters: [otlp/a]}")
        .start()
        .await;
    for path in
        ["/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/grpc.health.v1.Health/Check", "/"]
    {
        let (code, message) = code(&pricetag, path, &[], framed(false, b"")).await;
        assert_eq!(code, Code::Unimplemented, "{path}: {message}");
        assert!(message.contains("OTLP"), "{message}");
    }
    let lz4 = [("grpc-encoding", "lz4")];
    let reply = pricetag.raw_grpc(TRACES, &lz4, framed(true, b"lz4")).await;
    assert_eq!(reply.header("grpc-status"), (Code::Unimplemented as i32).to_string(), "{reply:?}");
    for taken in ["gzip", "zstd"] {
        assert!(reply.header("grpc-accept-encoding").contains(taken), "{reply:?}");
    }
    let status = pricetag.send_grpc(Signal::Metrics, Bytes::new(), false).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("service.pipelines.metrics"), "{status:?}");
}

/// Scenario: messages of 1 MiB at a limit of 1 MiB, larger ones, and ones that grow beyond it when decompressed.
/// Guarantees: at the limit OK; above it RESOURCE_EXHAUSTED without RetryInfo and never OUT_OF_RANGE, which
/// clients would repeat for ever.
#[tokio::test]
async fn oversize_messages() {
    const LIMIT: usize = 1 << 20;
    let (pricetag, sink) = one_pricetag(&["receivers.otlp.protocols.grpc.max_recv_msg_size_mib=1"]).await;
    // An unknown field of the right size, with a tag of two bytes and a length of three.
    let sized = |size: usize| Bytes::from(len(900, vec![0; size - 5]));
    assert_eq!(sized(LIMIT).len(), LIMIT);
    let bomb = Bytes::from(vec![0; 8 * LIMIT]);
    for (body, gzip) in
        [(sized(LIMIT + 1), false), (sized(4 * LIMIT), false), (sized(LIMIT + 1), true), (bomb, true)]
    {
        let status = pricetag.send_grpc(Signal::Traces, body, gzip).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert!(status.get_details_retry_info().is_none());
    }
    for gzip in [false, true] {
        pricetag.send_grpc(Signal::Traces, sized(LIMIT), gzip).await.unwrap();
    }
    let arrived = sink.wait_for(Signal::Traces, 2).await;
    assert!(arrived.iter().all(|seen| seen.body == sized(LIMIT)) && arrived.len() == 2);
    let scrape = pricetag.scrape().await;
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[]), 4.0);
}
