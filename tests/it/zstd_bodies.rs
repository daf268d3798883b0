//! zstd in and out, and what it must not do.

use std::io::Write as _;

use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::Code;

use crate::support::client::{TRACES, framed, zstd};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::wire::len;
use crate::support::{CAPTURES, Pricetag, Sink, Via, capture};

const ZSTD: (&str, &str) = ("content-encoding", "zstd");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn one_pricetag(sets: &[&str]) -> (Pricetag, Sink) {
    let sink = Sink::start().await;
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a");
    (sets.iter().fold(setup, |setup, set| setup.set(*set)).start().await, sink)
}

/// The code of a gRPC refusal.
async fn by_grpc(pricetag: &Pricetag, body: &[u8]) -> (Code, String) {
    let reply = pricetag.raw_grpc(TRACES, &[("grpc-encoding", "zstd")], framed(true, body)).await;
    (Code::from_bytes(reply.header("grpc-status").as_bytes()), reply.header("grpc-message").to_owned())
}

/// Scenario: exporters with `compression: zstd`, over gRPC and HTTP; spans that come by zstd.
/// Guarantees: they arrive priced, and by zstd.
#[tokio::test]
async fn exporters_send_it() {
    let (first, second) = (Sink::start().await, Sink::start().await);
    let exporters = [first.otlp("a", "compression: zstd"), second.otlphttp("b", "compression: zstd")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    for (n, via) in [Via::GrpcZstd, Via::ProtobufZstd].into_iter().enumerate() {
        let body = request(vec![gpt_4o(n as u64 + 1, 1_000_000, 0)]).encode_to_vec();
        pricetag.deliver(via, Signal::Traces, body.into()).await;
    }
    for (sink, header) in [(&first, "grpc-encoding"), (&second, "content-encoding")] {
        let taken = sink.wait_for(Signal::Traces, 2).await;
        assert!(taken.iter().all(|seen| seen.headers[header] == "zstd"), "{header}");
    }
    assert_eq!(pricetag.settled(2).await.sum("pricetag_cost", &[]), 5.0);
}

/// Scenario: zstd that ends early, is none, or has been changed.
/// Guarantees: 400 that speaks of decompression, INVALID_ARGUMENT, which no client repeats.
#[tokio::test]
async fn broken_bodies() {
    let (pricetag, sink) = one_pricetag(&[]).await;
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(&capture(CAPTURES[0], "traces.pb")).unwrap();
    let whole = encoder.finish().unwrap();
    let mut changed = whole.clone();
    let at = changed.len() - 2;
    changed[at] ^= 1;
    for body in [&whole[..whole.len() - 9], &whole[..5], b"none", &changed] {
        for encoding in [PROTOBUF, JSON] {
            let reply = pricetag.post(Signal::Traces, &[encoding, ZSTD], Bytes::copy_from_slice(body)).await;
            let (code, message) = reply.error();
            assert_eq!((reply.status, code), (400, Code::InvalidArgument as i32), "{message}");
            assert!(message.contains("decompress"), "{message}");
        }
        let (code, message) = by_grpc(&pricetag, body).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
    }
    assert!(sink.seen().iter().all(|seen| seen.signal != Signal::Traces));
}

/// Scenario: bodies that are at the limit once decompressed, and one byte above it; one frame, many frames, and a frame that tells its
/// size and one that does not.
/// Guarantees: at the limit they are taken, above it 413 and RESOURCE_EXHAUSTED.
#[tokio::test]
async fn the_limit_is_that_of_the_decompressed_body() {
    const LIMIT: usize = 1 << 20;
    let (pricetag, sink) = one_pricetag(&[
        "receivers.otlp.protocols.grpc.max_recv_msg_size_mib=1",
        &format!("receivers.otlp.protocols.http.max_request_body_size={LIMIT}"),
    ])
    .await;
    // An unknown field, with a tag of two bytes and a length of three.
    let sized = |size: usize| len(900, vec![0; size - 5]);
    let ways: [fn(&[u8]) -> Bytes; 3] = [
        zstd,
        |body| zstd::bulk::compress(body, 3).unwrap().into(),
        |body| body.chunks(100_000).flat_map(|chunk| zstd(chunk).to_vec()).collect::<Vec<_>>().into(),
    ];
    for pack in ways {
        let (fits, too_large) = (pack(&sized(LIMIT)), pack(&sized(LIMIT + 1)));
        assert!(fits.len() < 10_000);
        assert_eq!(pricetag.post(Signal::Traces, &[PROTOBUF, ZSTD], fits.clone()).await.status, 200);
        let reply = pricetag.post(Signal::Traces, &[PROTOBUF, ZSTD], too_large.clone()).await;
        assert_eq!((reply.status, reply.error().0), (413, Code::ResourceExhausted as i32), "{reply:?}");
        let sent = pricetag.raw_grpc(TRACES, &[("grpc-encoding", "zstd")], framed(true, &fits)).await;
        assert!(["", "0"].contains(&sent.header("grpc-status")), "{sent:?}");
        let (code, message) = by_grpc(&pricetag, &too_large).await;
        assert_eq!(code, Code::ResourceExhausted, "{message}");
    }
    let arrived = sink.wait_for(Signal::Traces, 6).await;
    assert!(arrived.len() == 6 && arrived.iter().all(|seen| seen.body == sized(LIMIT)));
}

/// Scenario: some kilobytes that are 8 GiB decompressed; a frame that asks for a window of 2 GiB. With the usual limit.
/// Guarantees: 413 or RESOURCE_EXHAUSTED, or that the frame can not be decompressed; memory grows by the limit and some, not by what
/// the sender says.
#[tokio::test]
async fn bombs_are_not_unpacked() {
    let (pricetag, _sink) = one_pricetag(&[]).await;
    let frame = zstd(&vec![0; 64 << 20]);
    let bomb = Bytes::from(frame.repeat(128));
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    // A header that has a window of 2^31 bytes, and a raw block of five bytes, which is the last one.
    let greedy: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x29, 0, 0, 1, 2, 3, 4, 5];
    for _ in 0..3 {
        for encoding in [PROTOBUF, JSON] {
            let reply = pricetag.post(Signal::Traces, &[encoding, ZSTD], bomb.clone()).await;
            assert_eq!((reply.status, reply.error().0), (413, Code::ResourceExhausted as i32), "{reply:?}");
        }
        let reply = pricetag.post(Signal::Traces, &[PROTOBUF, ZSTD], Bytes::from_static(greedy)).await;
        assert!(reply.status == 400 && reply.error().1.contains("too much memory"), "{reply:?}");
        assert_eq!(by_grpc(&pricetag, &bomb).await.0, Code::ResourceExhausted);
        let (code, message) = by_grpc(&pricetag, greedy).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
    }
    if let Some(peak) = pricetag.peak_memory() {
        assert!(peak < 512 << 20, "{} MiB", peak >> 20);
    }
}
