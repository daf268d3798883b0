//! Backends that hang until an exporter's queue is full: `on_full` decides.

use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::wire::len;
use crate::support::{Pricetag, Sink, Via, eventually};

/// Room for three requests, one of them under way.
const SMALL: &str = "timeout: 0, sending_queue: {queue_size: 3, num_consumers: 1";

fn call(number: u64) -> Bytes {
    request(vec![gpt_4o(number, 1_000_000, 0)]).encode_to_vec().into()
}

/// Sends calls until one is refused; says how many were taken.
async fn fill(pricetag: &Pricetag, up_to: u64) -> u64 {
    for number in 1..=up_to {
        if pricetag.send_grpc(Signal::Traces, call(number), false).await.is_err() {
            return number - 1;
        }
    }
    up_to
}

/// Scenario: a backend hangs; its queue refuses when it is full; logs go elsewhere. Then it recovers.
/// Guarantees: UNAVAILABLE with RetryInfo, 503 with Retry-After, both naming the exporter; nothing of the refused
/// requests is counted or kept by anyone; other signals go on; what was taken arrives, and so does the repeat.
#[tokio::test]
async fn a_full_queue_refuses() {
    let (hanging, other) = (Sink::hanging().await, Sink::start().await);
    let exporters =
        [hanging.otlp("hanging", &format!("{SMALL}, on_full: refuse}}")), other.otlp("other", "")];
    let pricetag = Setup::bare(&exporters)
        .pipeline(
            "traces: {receivers: [otlp], processors: [pricetag], exporters: [otlp/other, otlp/hanging]}",
        )
        .pipeline("logs: {receivers: [otlp], exporters: [otlp/other]}")
        .start()
        .await;
    assert_eq!(fill(&pricetag, 10).await, 3, "its own budget, and not a request more");

    let status = pricetag.send_grpc(Signal::Traces, call(4), false).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("otlp/hanging"), "{status:?}");
    let wait = status.get_details_retry_info().expect("RetryInfo").retry_delay.expect("a delay");
    assert!(!wait.is_zero());
    for content_type in ["application/x-protobuf", "application/json"] {
        let body =
            if content_type.ends_with("json") { Bytes::from("{\"resourceSpans\":[{}]}") } else { call(4) };
        let reply = pricetag.post(Signal::Traces, &[("content-type", content_type)], body).await;
        assert_eq!((reply.status, reply.error().0), (503, Code::Unavailable as i32));
        assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert!(reply.error().1.contains("otlp/hanging"));
    }
    pricetag.deliver(Via::Grpc, Signal::Logs, len(1, len(2, len(2, []))).into()).await;
    other.wait_for(Signal::Logs, 1).await;
    other.traces(3).await;
    let scrape = pricetag.settled(3).await;
    assert_eq!(scrape.sum("pricetag_cost", &[]), 7.5);
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[]), 4.0);
    assert_eq!(scrape.sum("otelcol_exporter_queue_size", &[("exporter", "otlp/hanging")]), 3.0);
    assert_eq!(scrape.sum("otelcol_exporter_queue_capacity", &[("exporter", "otlp/hanging")]), 3.0);

    hanging.release();
    hanging.wait_for(Signal::Traces, 3).await;
    eventually("there is room again", async || pricetag.send_grpc(Signal::Traces, call(4), false).await.ok())
        .await;
    hanging.traces(4).await;
    other.traces(4).await;
    assert_eq!(pricetag.settled(4).await.sum("pricetag_cost", &[]), 10.0);
}

/// Scenario: a backend hangs whose queue drops; another one is well.
/// Guarantees: everything is accepted and reaches the other; what is dropped is counted, item by item, and said with the exporter's name and a
/// remedy; the money counts.
#[tokio::test]
async fn a_full_queue_drops() {
    let (hanging, other) = (Sink::hanging().await, Sink::start().await);
    let exporters =
        [hanging.otlp("hanging", &format!("{SMALL}, on_full: drop}}")), other.otlphttp("other", "")];
    let pricetag = Setup::new(&exporters, "otlp/hanging, otlphttp/other").start().await;
    assert_eq!(fill(&pricetag, 10).await, 10);
    other.traces(10).await;
    let scrape = pricetag.settled(10).await;
    assert_eq!(scrape.sum("pricetag_cost", &[]), 25.0);
    let dropped = |exporter| scrape.sum("pricetag_exporter_queue_dropped_items", &[("exporter", exporter)]);
    assert_eq!((dropped("otlp/hanging"), dropped("otlphttp/other")), (7.0, 0.0));
    let log = pricetag.log();
    let said =
        |line: &&str| line.contains("the queue of otlp/hanging is full, and what comes is dropped for it");
    // More than the requests: cost metrics and what else is for it.
    assert!(log.lines().filter(said).count() >= 7 && !log.contains("the queue of otlphttp/other"), "{log}");
    assert!(log.contains("raise exporters.otlp/hanging.sending_queue.queue_size"), "{log}");
    assert_eq!(scrape.sum("otelcol_receiver_refused_spans", &[]), 0.0);
    hanging.release();
    hanging.traces(3).await;
}

/// Scenario: a dead backend that refuses when full, with a larger budget than is used; one in bytes.
/// Guarantees: it holds up nobody until its own budget is full: the other exporter gets everything at once.
#[tokio::test]
async fn a_dead_backend_holds_up_nobody_within_its_budget() {
    let (dead, other) = (Sink::hanging().await, Sink::start().await);
    // A priced call is about three times as long.
    let budget = call(1).len() * 1000;
    let exporters = [
        dead.otlp("requests", "timeout: 0, sending_queue: {queue_size: 50, num_consumers: 2}"),
        dead.otlp("bytes", &format!("timeout: 0, sending_queue: {{sizer: bytes, queue_size: {budget}}}")),
        other.otlp("other", ""),
    ];
    let pricetag = Setup::new(&exporters, "otlp/requests, otlp/bytes, otlp/other").start().await;
    assert_eq!(fill(&pricetag, 50).await, 50);
    other.traces(50).await;
    let status = pricetag.send_grpc(Signal::Traces, call(51), false).await.unwrap_err();
    assert!(status.code() == Code::Unavailable && status.message().contains("otlp/requests"), "{status:?}");
    // All or nothing: a refused request has not gone to the one with room either.
    other.traces(50).await;
    assert_eq!(pricetag.settled(50).await.sum("pricetag_cost", &[]), 125.0);
}
