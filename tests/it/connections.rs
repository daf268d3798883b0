//! Peers that keep others waiting, and too many of them.

use std::time::Duration;

use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::client::Sender;
use crate::support::h2::{self, GOAWAY};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{AMPLE, Pricetag, Sink, Via, eventually, how_many};

const GRPC: &str = "receivers.otlp.protocols.grpc";
const HTTP: &str = "receivers.otlp.protocols.http";

async fn start(sets: &[&str]) -> (Pricetag, Sink) {
    let sink = Sink::start().await;
    let setup = Setup::new(&[sink.otlp("a", "")], "otlp/a");
    (sets.iter().fold(setup, |setup, set| setup.set(*set)).start().await, sink)
}

fn call(n: u64) -> Bytes {
    request(vec![gpt_4o(n, 1000, 100)]).encode_to_vec().into()
}

/// Waits for the end of a connection.
async fn ended(stream: &mut TcpStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Scenario: many connections at once that say nothing, stop in their headers by either protocol, or send them a byte a second; to both
/// receivers and to the admin port.
/// Guarantees: others are answered meanwhile; none takes more than 100 KiB; all are closed in half a minute.
#[tokio::test]
async fn who_never_finishes_his_headers_is_closed() {
    let (pricetag, sink) = start(&[]).await;
    pricetag.deliver_spans(&request(vec![gpt_4o(1, 1000, 100)])).await;
    let before = pricetag.memory();
    let begun = Instant::now();
    let (mut waiting, many) = (Vec::new(), how_many(300, 2000));
    let half = format!("POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nx-long: {}", "a".repeat(8 << 10));
    let half_of_http2 = h2::frame(h2::HEADERS, 0, 1, &h2::request_headers());
    for n in 0..many {
        let address = [pricetag.grpc, pricetag.http, pricetag.http][n as usize % 3];
        let stream = match n % 6 {
            0 | 1 => TcpStream::connect(address).await.unwrap(),
            2 | 3 => {
                let mut stream = h2::connect(address).await.unwrap();
                stream.write_all(&half_of_http2).await.unwrap();
                stream
            }
            _ => {
                let mut stream = TcpStream::connect(address).await.unwrap();
                // By gRPC it is no beginning of anything, and closed at once.
                let _ = stream.write_all(half.as_bytes()).await;
                stream
            }
        };
        waiting.push(tokio::spawn(async move {
            let (mut reads, mut writes) = stream.into_split();
            let drips = tokio::spawn(async move {
                let pause = Duration::from_secs(if n % 4 == 0 { 1 } else { 3600 });
                loop {
                    tokio::time::sleep(pause).await;
                    let _ = writes.write_all(b"a").await;
                }
            });
            let mut buffer = [0; 1024];
            while reads.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            drips.abort();
            begun.elapsed()
        }));
    }
    for _ in 0..20 {
        waiting.push(tokio::spawn({
            let mut stream = TcpStream::connect(pricetag.admin).await.unwrap();
            async move {
                ended(&mut stream).await;
                begun.elapsed()
            }
        }));
    }
    for (n, via) in [Via::Grpc, Via::Protobuf, Via::GrpcZstd].into_iter().enumerate() {
        pricetag.deliver(via, Signal::Traces, call(n as u64 + 2)).await;
    }
    sink.traces(4).await;
    if let (Some(before), Some(after)) = (before, pricetag.memory()) {
        let each = after.saturating_sub(before) / many;
        eprintln!("{many} connections: {} KiB each", each >> 10);
        // Of a few, what else the process took meanwhile is much.
        assert!(each <= how_many(512, 100) << 10, "{} KiB each", each >> 10);
    }
    let mut last = Duration::ZERO;
    for waits in waiting {
        last = last.max(timeout(2 * AMPLE, waits).await.expect("still open").unwrap());
    }
    eprintln!("the last one was closed after {last:?}");
    // 25 s at most, and what a busy machine takes.
    assert!(last < Duration::from_secs(how_many(60, 35)), "{last:?}");
    pricetag.deliver(Via::Grpc, Signal::Traces, call(9)).await;
}

/// Scenario: as many connections as there may be, and more; then one of them leaves.
/// Guarantees: who is too much is closed at once, counted, and said; then there is a place again.
#[tokio::test]
async fn who_is_too_much_is_closed_at_once() {
    let limits = [format!("{GRPC}.max_connections=3"), format!("{HTTP}.max_connections=3")];
    let (pricetag, sink) = start(&limits.each_ref().map(String::as_str)).await;
    for (address, listener, via) in
        [(pricetag.grpc, "OTLP/gRPC", Via::Grpc), (pricetag.http, "OTLP/HTTP", Via::Protobuf)]
    {
        let mut inside = Vec::new();
        for _ in 0..3 {
            inside.push(h2::connect(address).await.unwrap());
        }
        eventually("they are in", async || {
            let scrape = pricetag.scrape().await;
            (scrape.sum("pricetag_connections", &[("listener", listener)]) == 3.0).then_some(())
        })
        .await;
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            timeout(AMPLE, ended(&mut stream)).await.expect("closed at once");
        }
        let scrape = pricetag.scrape().await;
        assert_eq!(scrape.sum("pricetag_connections_refused", &[("listener", listener)]), 20.0);
        let log = pricetag.log();
        let said = log
            .lines()
            .filter(|line| line.contains(&format!("{listener}: closed the connection of")))
            .count();
        assert_eq!(said, 20, "{log}");
        inside.clear();
        eventually("there is a place again", async || {
            let scrape = pricetag.scrape().await;
            (scrape.sum("pricetag_connections", &[("listener", listener)]) == 0.0).then_some(())
        })
        .await;
        pricetag.deliver(via, Signal::Traces, call(1 + sink.taken(Signal::Traces).len() as u64)).await;
    }
    assert_eq!(pricetag.scrape().await.sum("otelcol_receiver_refused_spans", &[]), 0.0);
}

/// Scenario: connections that are kept without a request, by HTTP/1 and HTTP/2; one that is told to end for its age; a client whose
/// connection has been closed so, and who sends again.
/// Guarantees: they end in good order, after an answer and not within one, by GOAWAY where there is one; the client notices nothing.
#[tokio::test]
async fn connections_are_not_kept_for_ever() {
    let sets = [
        format!("{GRPC}.keepalive.server_parameters.max_connection_idle=1s"),
        format!("{HTTP}.idle_timeout=1s"),
    ];
    let (pricetag, sink) = start(&sets.each_ref().map(String::as_str)).await;
    let mut http1 = TcpStream::connect(pricetag.http).await.unwrap();
    let body = call(1);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    http1.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    timeout(AMPLE, http1.read_to_end(&mut answer)).await.expect("still open").expect("closed in good order");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
    for address in [pricetag.grpc, pricetag.http] {
        let mut http2 = h2::connect(address).await.unwrap();
        let mut kinds = Vec::new();
        while let Ok((kind, ..)) = timeout(AMPLE, h2::next(&mut http2)).await.expect("still open") {
            kinds.push(kind);
        }
        assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    }
    for by_grpc in [true, false] {
        let mut client = Sender::new(pricetag.grpc, pricetag.http, by_grpc).await;
        for n in 0..3 {
            assert!(client.send(call(10 * u64::from(by_grpc) + n + 2)).await);
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
    }
    sink.traces(7).await;

    let age = format!("{GRPC}.keepalive.server_parameters.max_connection_age=1s");
    let (pricetag, _sink) = start(&[&age]).await;
    let mut client = Sender::new(pricetag.grpc, pricetag.http, true).await;
    let begun = Instant::now();
    for n in 0.. {
        assert!(client.send(call(n)).await, "a request was lost when the connection grew old");
        if begun.elapsed() > Duration::from_secs(3) {
            break;
        }
    }
}

/// Scenario: headers of 20 kB, and of 100 kB, by both protocols; what the server says of streams.
/// Guarantees: the first are taken, the others refused, and nothing of them is kept; so many streams as the config says.
#[tokio::test]
async fn headers_and_streams_have_limits() {
    let (pricetag, _sink) = start(&[&format!("{GRPC}.max_concurrent_streams=7")]).await;
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for client in [&pricetag.client, &http2] {
        for (size, is_taken) in [(20_000, true), (100_000, false)] {
            let sent = client
                .post(format!("http://{}/v1/traces", pricetag.http))
                .header("content-type", "application/x-protobuf")
                .header("x-long", "a".repeat(size))
                .body(call(1))
                .send()
                .await;
            let status = sent.map(|answer| answer.status().as_u16());
            assert!(
                matches!((&status, is_taken), (Ok(200), true) | (Ok(431), false) | (Err(_), false)),
                "{size}: {status:?}"
            );
        }
    }
    for (address, streams) in [(pricetag.grpc, 7), (pricetag.http, 256)] {
        let mut stream = h2::connect(address).await.unwrap();
        assert_eq!(h2::setting(&mut stream, 3).await, Some(streams));
    }
}
