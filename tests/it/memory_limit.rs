//! All memory together: what there is no room for is refused, and comes again.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::client::{TRACES, framed, zstd};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::wire::len;
use crate::support::{Pricetag, Sink, eventually, how_many};

/// A limiter for a pipeline of traces.
fn limited(sink: &Sink, limiter: &str, exporter: &str) -> Setup {
    Setup::bare(&[sink.otlp("a", exporter)])
        .pipeline("traces: {receivers: [otlp], processors: [memory_limiter, pricetag], exporters: [otlp/a]}")
        .set(format!("processors.memory_limiter={limiter}"))
}

fn call(n: u64) -> Bytes {
    request(vec![gpt_4o(n, 1000, 100)]).encode_to_vec().into()
}

/// Scenario: a limit below what the process has when it has begun.
/// Guarantees: UNAVAILABLE with RetryInfo, 503 with Retry-After and a `Status` in the encoding of the request, at once and however large the
/// body is; all say what to do; nothing is forwarded, refusals are counted, and the log says it once.
#[tokio::test]
async fn without_room_everything_is_refused() {
    let sink = Sink::start().await;
    let pricetag = limited(&sink, "{check_interval: 1s, limit_mib: 4}", "").start().await;
    let large = Bytes::from(len(900, vec![0; 8 << 20]));
    for body in [call(1), large] {
        let status = pricetag.send_grpc(Signal::Traces, body.clone(), false).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().contains("limit is 4 MiB (memory_limiter)"), "{status:?}");
        assert!(!status.get_details_retry_info().expect("RetryInfo").retry_delay.unwrap().is_zero());
        for content_type in ["application/x-protobuf", "application/json"] {
            let reply = pricetag.post(Signal::Traces, &[("content-type", content_type)], body.clone()).await;
            let (code, message) = reply.error();
            assert_eq!((reply.status, code), (503, Code::Unavailable as i32), "{message}");
            assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
            assert!(message.contains("memory_limiter") && message.contains("try again later"), "{message}");
        }
    }
    let scrape = pricetag.scrape().await;
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[]), 6.0);
    assert!(scrape.sum("otelcol_process_memory_rss", &[]) > 4e6);
    assert!(sink.seen().iter().all(|seen| seen.signal != Signal::Traces));
    let log = pricetag.log();
    assert_eq!(
        log.lines().filter(|line| line.contains("in use: requests are refused until")).count(),
        1,
        "{log}"
    );
}

/// Scenario: bodies of some megabytes that are 10 GiB decompressed, again and again, by all ways there are.
/// Guarantees: they are refused for good; what they take of memory is the limit of a request and 64 MiB at most.
#[tokio::test]
async fn bombs_take_no_more_than_a_request_may() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1000, 100)])).await;
    let before = pricetag.memory();
    let zeros = vec![0; 64 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&zeros).unwrap();
    for (packing, part) in [("gzip", gzip.finish().unwrap().into()), ("zstd", zstd(&zeros))] {
        let bomb = Bytes::from(part.repeat(160));
        assert!(bomb.len() < 12 << 20, "{}", bomb.len());
        for _ in 0..how_many(2, 10) {
            for content_type in ["application/x-protobuf", "application/json"] {
                let headers = [("content-type", content_type), ("content-encoding", packing)];
                let reply = pricetag.post(Signal::Traces, &headers, bomb.clone()).await;
                assert_eq!(
                    (reply.status, reply.error().0),
                    (413, Code::ResourceExhausted as i32),
                    "{reply:?}"
                );
            }
            let reply = pricetag.raw_grpc(TRACES, &[("grpc-encoding", packing)], framed(true, &bomb)).await;
            let code = Code::from_bytes(reply.header("grpc-status").as_bytes());
            assert_eq!(code, Code::ResourceExhausted, "{reply:?}");
        }
    }
    if let (Some(before), Some(peak)) = (before, pricetag.peak_memory()) {
        eprintln!("at most {} MiB, {} before", peak >> 20, before >> 20);
        assert!(peak <= before + ((64 + 64) << 20), "{} MiB, {} before", peak >> 20, before >> 20);
    }
    pricetag.deliver_spans(&request(vec![gpt_4o(2, 1000, 100)])).await;
}

/// Sends large requests as fast as they are answered, by one connection. Counts those that are taken and refused.
async fn overload(
    grpc: std::net::SocketAddr,
    body: Bytes,
    stop: Arc<AtomicBool>,
    counts: Arc<[AtomicUsize; 2]>,
) {
    use pricetag::exporter::codec::BytesCodec;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap();
    let mut client = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
    while !stop.load(Ordering::Relaxed) {
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static(TRACES);
        let sent = client.unary(tonic::Request::new(body.clone()), path, BytesCodec).await;
        match sent {
            Ok(_) => counts[0].fetch_add(1, Ordering::Relaxed),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                assert!(status.get_details_retry_info().is_some(), "{status:?}");
                counts[1].fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Scenario: sixteen senders with requests of a megabyte each, and a backend that hangs, so that what is taken stays; the queue would take
/// much more than the limit. Then the backend recovers.
/// Guarantees: senders get UNAVAILABLE with RetryInfo and nothing else; memory stays below the limit and a tenth of it; what was taken
/// arrives, and then requests are taken again.
#[tokio::test]
async fn overload_is_refused_within_the_limit() {
    const LIMIT: u64 = 256 << 20;
    let sink = Sink::hanging().await;
    let exporter = "timeout: 0, sending_queue: {storage: memory, sizer: bytes, queue_size: 2000000000, num_consumers: 4}";
    let pricetag = limited(&sink, "{check_interval: 500ms, limit_mib: 256}", exporter).start().await;
    let (stop, counts) =
        (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    // Half of it is a call, the rest a field that nobody knows.
    let body = Bytes::from([&call(1)[..], &len(900, vec![7; 1 << 20])].concat());
    let senders: Vec<_> = (0..16)
        .map(|_| tokio::spawn(overload(pricetag.grpc, body.clone(), Arc::clone(&stop), Arc::clone(&counts))))
        .collect();
    tokio::time::sleep(Duration::from_secs(how_many(5, 180))).await;
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let [taken, refused] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert!(taken > 0 && refused > 0, "{taken} {refused}");
    if let Some(peak) = pricetag.peak_memory() {
        eprintln!("{taken} taken, {refused} refused, at most {} MiB of {}", peak >> 20, LIMIT >> 20);
        assert!(peak <= LIMIT + LIMIT / 10, "{} MiB", peak >> 20);
    }
    recovers(&pricetag, &sink, taken).await;
}

async fn recovers(pricetag: &Pricetag, sink: &Sink, taken: usize) {
    sink.release();
    sink.wait_for(Signal::Traces, taken).await;
    eventually("requests are taken again", async || {
        pricetag.send_grpc(Signal::Traces, call(2), false).await.ok()
    })
    .await;
}
