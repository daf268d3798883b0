//! Stopping: what is acknowledged arrives, in time, with exit code 0.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::metrics::final_cost;
use crate::support::client::Sender;
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request, spans};
use crate::support::{Sink, eventually};

/// Ids of the spans that the sink has taken; no span twice.
fn taken(sink: &Sink) -> HashSet<Vec<u8>> {
    let mut ids = HashSet::new();
    for seen in sink.taken(Signal::Traces) {
        for span in spans(&ExportTraceServiceRequest::decode(seen.body).unwrap()) {
            assert!(ids.insert(span.trace_id.clone()), "{} arrived twice", span.name);
        }
    }
    ids
}

/// Scenario: SIGTERM while eight senders send over one connection each, by gRPC and by HTTP.
/// Guarantees: exit 0 within ten seconds; every span that was acknowledged is at both backends, once; the
/// cost metrics say what those spans cost.
#[tokio::test]
async fn sigterm_under_load() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let mut pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b")
        .in_memory("otlp/a")
        .in_memory("otlphttp/b")
        .start()
        .await;
    let (grpc, http) = (pricetag.grpc, pricetag.http);
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..8_u64)
        .map(|sender| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                let mut client = Sender::new(grpc, http, sender % 2 == 0).await;
                for n in 0.. {
                    let call = gpt_4o(sender * 1_000_000 + n, 1000, 100);
                    let id = call.trace_id.clone();
                    let sent = client.send(request(vec![call]).encode_to_vec().into()).await;
                    if sent {
                        acknowledged.push(id);
                    }
                    if !sent || stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                acknowledged
            })
        })
        .collect();
    by_grpc.wait_for(Signal::Traces, 50).await;
    pricetag.signal("TERM");
    let status = pricetag.exit(Duration::from_secs(10)).await;
    stop.store(true, Ordering::Relaxed);
    assert_eq!(status.code(), Some(0), "{}", pricetag.log());

    let mut acknowledged = HashSet::new();
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    assert!(acknowledged.len() >= 50);
    let (at_grpc, at_http) = (taken(&by_grpc), taken(&by_http));
    assert!(at_grpc.is_superset(&acknowledged), "acknowledged and lost");
    assert_eq!(at_grpc, at_http);
    // An answer may have been lost with its connection: more may have arrived, and then it counts.
    let cost = final_cost(&by_grpc);
    assert_eq!(cost, at_grpc.len() as i128 * 3_500_000_000);
}

/// Scenario: a backlog behind a slow backend when SIGINT comes.
/// Guarantees: it is delivered before the end; while that lasts nothing more is taken and the readiness page
/// says 503.
#[tokio::test]
async fn sigint_drains_the_backlog() {
    let sink = Sink::hanging().await;
    let mut pricetag =
        Setup::new(&[sink.otlp("a", "timeout: 0")], "otlp/a").in_memory("otlp/a").start().await;
    for path in ["/health", "/health/ready", "/health/live"] {
        eventually(path, async || (pricetag.get(path).await.unwrap().0 == 200).then_some(())).await;
    }
    for n in 0..30 {
        pricetag.deliver_spans(&request(vec![gpt_4o(n, 1000, 100)])).await;
    }
    pricetag.signal("INT");
    eventually("not ready any more", async || {
        (pricetag.get("/health/ready").await.unwrap().0 == 503).then_some(())
    })
    .await;
    assert_eq!(pricetag.get("/health/live").await.unwrap().0, 200);
    eventually("the listeners are closed", async || {
        tokio::net::TcpStream::connect(pricetag.grpc).await.is_err().then_some(())
    })
    .await;
    sink.release();
    let status = pricetag.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", pricetag.log());
    assert_eq!(taken(&sink).len(), 30);
    assert_eq!(final_cost(&sink), 30 * 3_500_000_000);
}

/// Scenario: a backend hangs for good; SIGTERM comes, and a second one.
/// Guarantees: the second ends it at once, with a code that is not 0, and the log says what that means.
#[tokio::test]
async fn a_second_signal_ends_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let sink = Sink::hanging().await;
        let mut pricetag = Setup::new(&[sink.otlp("a", "timeout: 0")], "otlp/a").start().await;
        pricetag.deliver_spans(&request(vec![gpt_4o(1, 1000, 100)])).await;
        pricetag.signal(first);
        eventually("the first signal is seen", async || {
            pricetag.log().contains(&format!("SIG{first}: shutting down")).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = Instant::now();
        pricetag.signal(second);
        let status = pricetag.exit(Duration::from_secs(2)).await;
        assert!(before.elapsed() < Duration::from_secs(1));
        assert!(!status.success());
        // Its last words may still be on their way to us.
        eventually("the word on it", async || pricetag.log().contains("second signal").then_some(())).await;
    }
}

/// Scenario: a backend hangs for good; SIGTERM comes alone. A client keeps its connection open.
/// Guarantees: it ends before ten seconds are over all the same, and says how much waits on disk, or where it is in memory is lost.
#[tokio::test]
async fn a_dead_backend_does_not_prevent_the_end() {
    tokio::join!(dead("", "request(s) wait on disk"), dead(", sending_queue: {storage: memory}", "lost"));
}

async fn dead(queue: &str, said: &str) {
    let sink = Sink::hanging().await;
    let mut pricetag = Setup::new(&[sink.otlp("a", &format!("timeout: 0{queue}"))], "otlp/a").start().await;
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1000, 100)])).await;
    let _idle = tokio::net::TcpStream::connect(pricetag.http).await.unwrap();
    pricetag.signal("TERM");
    // Nine seconds of grace, and a machine that is busy with other tests.
    let status = pricetag.exit(Duration::from_secs(11)).await;
    assert_eq!(status.code(), Some(0), "{}", pricetag.log());
    let is_said = |line: &str| line.contains("otlp/a") && line.contains(said);
    assert!(pricetag.log().lines().any(is_said), "{}", pricetag.log());
}
