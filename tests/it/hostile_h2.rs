//! What HTTP/2 lets a peer do to a server that counts only requests.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pricetag::otlp::Signal;
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::client::Sender;
use crate::support::h2::{
    self, CONTINUATION, DATA, END_HEADERS, HEADERS, RST_STREAM, frame, header, request_headers,
};
use crate::support::process::Setup;
use crate::support::spans::{gpt_4o, request};
use crate::support::{Pricetag, Sink, Via, how_many};

/// What a hostile peer goes on doing with a connection until it is cut off.
#[derive(Clone, Copy, Debug)]
enum Attack {
    RapidReset,
    Continuation,
    EmptyData,
    /// Data for as many streams as there may be, none of which ends.
    Unfinished,
}

impl Attack {
    async fn on(self, stream: &mut TcpStream, until: Instant) -> io::Result<()> {
        let headers = request_headers();
        let mut id = 1;
        if matches!(self, Attack::Continuation) {
            stream.write_all(&frame(HEADERS, 0, id, &headers)).await?;
        }
        if matches!(self, Attack::EmptyData) {
            stream.write_all(&frame(HEADERS, END_HEADERS, id, &headers)).await?;
        }
        let more = header("x-a", &"a".repeat(100)).repeat(100);
        while Instant::now() < until {
            let frames: Vec<u8> = match self {
                Attack::RapidReset => (0..100)
                    .flat_map(|n| {
                        let id = id + 2 * n;
                        let reset = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
                        [frame(HEADERS, END_HEADERS, id, &headers), reset].concat()
                    })
                    .collect(),
                Attack::Continuation => frame(CONTINUATION, 0, id, &more),
                Attack::EmptyData => frame(DATA, 0, id, &[]).repeat(100),
                Attack::Unfinished => [
                    frame(HEADERS, END_HEADERS, id, &headers),
                    frame(DATA, 0, id, &[&[0, 0x04, 0, 0, 0][..], &[0; 4000]].concat()),
                ]
                .concat(),
            };
            id += 200;
            stream.write_all(&frames).await?;
        }
        Ok(())
    }
}

/// Attacks again and again, with a connection after the other. Says how many there were.
async fn attack(kind: Attack, address: SocketAddr, until: Instant) -> usize {
    let mut connections = 0;
    while Instant::now() < until {
        let Ok(mut stream) = h2::connect(address).await else { continue };
        connections += 1;
        // Until it is cut off.
        let _ = kind.on(&mut stream, until).await;
    }
    connections
}

fn call(n: u64) -> Bytes {
    request(vec![gpt_4o(n, 1000, 100)]).encode_to_vec().into()
}

/// Sends calls, one after the other. Gives how long the slowest of a hundred takes, and their number.
async fn good_client(pricetag: &Pricetag, until: Instant) -> (Duration, usize) {
    let mut took = Vec::new();
    let mut client = Sender::new(pricetag.grpc, pricetag.http, true).await;
    while took.len() < 20 || Instant::now() < until {
        let begun = Instant::now();
        assert!(client.send(call(took.len() as u64)).await, "a good client is refused");
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    took.sort_unstable();
    (took[took.len() * 99 / 100], took.len())
}

/// Scenario: streams that are opened and reset at once, headers without an end, data without content, and streams that never end, by several
/// connections at once and on both ports.
/// Guarantees: memory does not grow by it; a good client is served meanwhile, and after it.
#[tokio::test]
async fn floods_of_frames_are_borne() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let (calm, _) = good_client(&pricetag, Instant::now() + Duration::from_millis(500)).await;
    let time = Duration::from_secs(how_many(2, 60));
    for kind in [Attack::RapidReset, Attack::Continuation, Attack::EmptyData, Attack::Unfinished] {
        let before = pricetag.memory();
        let until = Instant::now() + time;
        let attacks: Vec<_> = (0..4)
            .map(|n| {
                let address = if n % 2 == 0 { pricetag.grpc } else { pricetag.http };
                tokio::spawn(attack(kind, address, until))
            })
            .collect();
        let (slowest, sent) = good_client(&pricetag, until).await;
        let mut connections = 0;
        for attack in attacks {
            connections += attack.await.unwrap();
        }
        let after = pricetag.memory();
        let mib = |bytes: Option<u64>| bytes.unwrap_or_default() >> 20;
        eprintln!(
            "{kind:?}: {connections} connections; memory {} to {} MiB, at most {}; {sent} good requests, p99 {slowest:?} ({calm:?} before)",
            mib(before),
            mib(after),
            mib(pricetag.peak_memory())
        );
        // How much is freed by then depends on what else the machine does: beside other tests there is time for what grows without end
        // only.
        let more = how_many(512, 64);
        assert!(mib(after) < mib(before) + more, "{kind:?}: {} to {} MiB", mib(before), mib(after));
    }
    pricetag.deliver(Via::Grpc, Signal::Traces, call(1)).await;
    pricetag.deliver(Via::Protobuf, Signal::Traces, call(2)).await;
}
