//! Delivery to backends that fail: try again, give up, say what is wrong.

use std::time::Duration;

use pricetag::otlp::Signal;
use prost::Message as _;
use tonic::Code;

use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request, spans};
use crate::support::wire::len;
use crate::support::{Answer, Sink, Via, eventually};

/// A request with one call.
fn call(number: u64) -> bytes::Bytes {
    request(vec![gpt_4o(number, 1000, 100)]).encode_to_vec().into()
}

/// Scenario: a backend answers UNAVAILABLE (503) twice, then OK, over gRPC and over HTTP.
/// Guarantees: delivered once, with three attempts and the same body; nothing counts as failed.
#[tokio::test]
async fn tries_again_until_delivered() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    for sink in [&by_grpc, &by_http] {
        sink.script([Answer::Fail(Code::Unavailable), Answer::Fail(Code::Unavailable)]);
    }
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    for sink in [&by_grpc, &by_http] {
        sink.traces(1).await;
        let seen: Vec<_> = sink.seen().into_iter().filter(|seen| seen.signal == Signal::Traces).collect();
        assert_eq!(seen.iter().map(|seen| seen.ok).collect::<Vec<_>>(), [false, false, true]);
        assert!(seen.iter().all(|attempt| attempt.body == seen[0].body));
    }
    let scrape = pricetag.settled(1).await;
    assert_eq!(scrape.sum("otelcol_exporter_sent_spans", &[]), 2.0);
    assert_eq!(scrape.sum("otelcol_exporter_send_failed_spans", &[]), 0.0);
}

/// Scenario: a backend answers INVALID_ARGUMENT (400) to one request and takes the next.
/// Guarantees: no second attempt; it counts as failed and is told in the log; the next one is delivered. The
/// money counts either way: it was spent.
#[tokio::test]
async fn permanent_errors_are_final() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    for sink in [&by_grpc, &by_http] {
        sink.script([Answer::Fail(Code::InvalidArgument)]);
    }
    let seen = |sink: &Sink| sink.seen().into_iter().filter(|seen| seen.signal == Signal::Traces).count();
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    eventually("the refusals", async || (seen(&by_grpc) + seen(&by_http) == 2).then_some(())).await;
    pricetag.deliver(Via::Grpc, Signal::Traces, call(2)).await;
    for sink in [&by_grpc, &by_http] {
        let taken = sink.traces(1).await;
        assert_eq!(spans(&taken[0])[0].name, "span 2");
        assert_eq!(seen(sink), 2, "one attempt each");
    }
    let scrape = pricetag.settled(2).await;
    for exporter in ["otlp/a", "otlphttp/b"] {
        assert_eq!(scrape.sum("otelcol_exporter_send_failed_spans", &[("exporter", exporter)]), 1.0);
        let told =
            |line: &str| line.contains(exporter) && (line.contains("scripted") || line.contains("400"));
        assert!(pricetag.log().lines().any(told), "{exporter}: the log does not say why");
    }
}

/// Scenario: a backend that fails for longer than `max_elapsed_time`; another one with retries switched off.
/// Guarantees: each gives up, counts the spans as failed, and is ready for the next request.
#[tokio::test]
async fn gives_up_in_the_end() {
    let (a, b) = (Sink::start().await, Sink::start().await);
    let exporters = [
        a.otlp(
            "a",
            "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms, max_elapsed_time: 500ms}",
        ),
        b.otlp("b", "retry_on_failure: {enabled: false}"),
    ];
    let pricetag = Setup::new(&exporters, "otlp/a, otlp/b").start().await;
    a.script(vec![Answer::Fail(Code::Unavailable); 200]);
    b.script([Answer::Fail(Code::Unavailable)]);
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    eventually("both have given up", async || {
        let scrape = pricetag.scrape().await;
        (scrape.sum("otelcol_exporter_send_failed_spans", &[]) == 2.0).then_some(())
    })
    .await;
    let attempts = |sink: &Sink| sink.seen().into_iter().filter(|seen| seen.signal == Signal::Traces).count();
    assert!((2..=60).contains(&attempts(&a)), "{}", attempts(&a));
    assert_eq!(attempts(&b), 1);
    pricetag.deliver(Via::Grpc, Signal::Traces, call(2)).await;
    b.traces(1).await;
}

/// Scenario: exporters with headers, a key from the environment among them.
/// Guarantees: each request carries them, over gRPC and HTTP, all signals; the secret is not in the log.
#[tokio::test]
async fn headers_arrive() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let headers = "headers: {x-team: \"checkout\", authorization: \"Bearer ${env:TEST_API_KEY}\"}";
    let exporters = [by_grpc.otlp("a", headers), by_http.otlphttp("b", headers)];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b")
        .environment("TEST_API_KEY", "canary-7f3a")
        .set("service.telemetry.logs.level=debug")
        .start()
        .await;
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    pricetag.deliver(Via::Grpc, Signal::Logs, len(1, len(2, len(2, []))).into()).await;
    for sink in [&by_grpc, &by_http] {
        sink.wait_for(Signal::Traces, 1).await;
        sink.wait_for(Signal::Logs, 1).await;
        for seen in sink.seen() {
            assert_eq!(seen.headers["x-team"], "checkout");
            assert_eq!(seen.headers["authorization"], "Bearer canary-7f3a");
        }
    }
    assert!(!pricetag.log().contains("canary"), "a secret in the log");
    assert!(!pricetag.scrape().await.text().contains("canary"));
}

/// Scenario: a backend does not answer within the exporter's timeout, once.
/// Guarantees: the attempt is given up and the request sent again.
#[tokio::test]
async fn a_timeout_is_tried_again() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", "timeout: 500ms"), by_http.otlphttp("b", "timeout: 500ms")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    for sink in [&by_grpc, &by_http] {
        sink.script([Answer::Hang]);
    }
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    for sink in [&by_grpc, &by_http] {
        sink.traces(1).await;
        assert_eq!(sink.seen().iter().filter(|seen| seen.signal == Signal::Traces).count(), 2);
    }
}

/// Scenario: nobody listens at the backend's address, then somebody does.
/// Guarantees: the sender is answered at once; the request is delivered when the backend is there.
#[tokio::test]
async fn a_backend_that_comes_up_late() {
    // Bound, so that nobody else gets the port, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let exporter = format!(
        "otlp/a: {{endpoint: \"http://{address}\", retry_on_failure: {{initial_interval: 20ms, max_interval: 50ms}}}}"
    );
    let pricetag = Setup::new(&[exporter], "otlp/a").start().await;
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    // Bytes, as its size is.
    assert!(pricetag.scrape().await.sum("otelcol_exporter_queue_size", &[("exporter", "otlp/a")]) > 100.0);
    let sink = Sink::start_on(socket.listen(100).unwrap());
    sink.traces(1).await;
}
