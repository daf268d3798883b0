//! What a stranger sends over a connection to the receivers, by HTTP/1, HTTP/2 or gRPC: through the code that serves a listener, with a
//! processor behind it, on a clock that jumps to what is due next.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pricetag::access::Door;
use pricetag::access::places::Places;
use pricetag::booking::entries;
use pricetag::config::{Connections, MemoryLimit, Share};
use pricetag::memory::Memory;
use pricetag::otlp::{Signal, items, json};
use pricetag::pricing::Catalog;
use pricetag::processor::Shared;
use pricetag::queue::{Budget, Item, Keeps, Log, OnFull, Part, Route};
use pricetag::receiver::{Intake, grpc, http};
use pricetag::serve::{Host, Speaks};
use pricetag::telemetry::Telemetry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, join};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// So large may bodies be, so that one that is too large is found without much work.
const MOST: usize = 1 << 20;
/// A connection whose peer has ended it ends at once, and no later than this.
const SOON: Duration = Duration::from_secs(1);
/// One whose peer falls silent has its time for an idle connection, and some more for a body that does not come.
const LATE: Duration = Duration::from_secs(300);
/// What a connection is answered: some bytes for it, and so many for each byte that comes.
const ANSWERED: (usize, usize) = (4 << 10, 256);

/// How HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first byte says how the connection goes, and the second one, where a request is made for it, which.
#[derive(Clone, Copy, Debug)]
pub struct Mode(u8);

impl Mode {
    /// Of the two ports, the one that speaks gRPC.
    pub const GRPC: u8 = 1;
    /// A request is made, and what comes is its body; otherwise it is what the connection carries.
    pub const MADE: u8 = 2;
    /// Made requests are by HTTP/2. By gRPC they always are.
    pub const HTTP2: u8 = 4;
    /// The peer ends the connection when he has sent everything; otherwise he falls silent.
    pub const ENDS: u8 = 8;
    /// He does not read what he is answered. Not by HTTP/1: whoever has not read one answer and then sends what is no request refutes what
    /// hyper 1.12 asserts, in debug builds only.
    pub const DEAF: u8 = 16;
    /// Few bytes come at a time.
    pub const DRIPS: u8 = 32;

    fn is(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn is_http2(self) -> bool {
        self.is(Mode::HTTP2 | Mode::GRPC)
    }
}

/// A request that is made: what its head says.
struct Head {
    /// `None`: a path of nobody.
    signal: Option<Signal>,
    content_type: &'static str,
    encoding: &'static str,
    /// What it says of the length of its body; `None` is nothing.
    length: Option<usize>,
}

impl Head {
    fn of(choice: u8, is_grpc: bool, length: usize) -> Self {
        let pick = |at: u8| usize::from(choice >> at & 3);
        let types =
            ["application/x-protobuf", "application/json", "application/json;charset=utf-8", "text/plain"];
        Head {
            signal: Signal::ALL.get(pick(0)).copied(),
            content_type: if is_grpc { "application/grpc" } else { types[pick(2)] },
            encoding: ["identity", "gzip", "zstd", "br"][pick(4)],
            length: [Some(length), None, Some(length + 1), Some(length / 2)][pick(6)],
        }
    }

    fn http1(&self, body: &[u8]) -> Vec<u8> {
        let path = self.signal.map_or("/", Signal::http_path);
        let mut sent = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {}\r\ncontent-encoding: {}\r\n",
            self.content_type, self.encoding
        )
        .into_bytes();
        let Some(length) = self.length else {
            sent.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in body.chunks(1000) {
                let _ = write!(sent, "{:x}\r\n", chunk.len());
                sent.extend_from_slice(chunk);
                sent.extend_from_slice(b"\r\n");
            }
            sent.extend_from_slice(b"0\r\n\r\n");
            return sent;
        };
        let _ = write!(sent, "content-length: {length}\r\n\r\n");
        sent.extend_from_slice(body);
        sent
    }

    fn http2(&self, is_grpc: bool, body: &[u8]) -> Vec<u8> {
        let path = if is_grpc { Signal::grpc_path } else { Signal::http_path };
        let encoding = if is_grpc { "grpc-encoding" } else { "content-encoding" };
        let length = self.length.map(|length| length.to_string());
        let mut headers = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":path", self.signal.map_or("/", path)),
            ("content-type", self.content_type),
            (encoding, self.encoding),
        ];
        headers.extend(length.as_deref().map(|length| ("content-length", length)));
        let mut block = Vec::new();
        for (name, value) in headers {
            // A literal that no table keeps.
            block.push(0);
            for text in [name, value] {
                block.push(text.len() as u8);
                block.extend_from_slice(text.as_bytes());
            }
        }
        let (data, headers, settings) = (0, 1, 4);
        let (end_stream, end_headers) = (1, 4);
        let mut sent = PREFACE.to_vec();
        frame(&mut sent, settings, 0, 0, &[]);
        frame(&mut sent, headers, end_headers, 1, &block);
        body.chunks(16 << 10).for_each(|piece| frame(&mut sent, data, 0, 1, piece));
        frame(&mut sent, data, end_stream, 1, &[]);
        sent
    }

    /// Whether a request with this body is taken; `None`: nobody here knows.
    fn is_taken(&self, body: &[u8]) -> Option<bool> {
        let Some(signal) = self.signal else { return Some(false) };
        if self.length.is_some_and(|length| length != body.len()) {
            return None;
        }
        let is_json = self.content_type.starts_with("application/json");
        match self.encoding {
            _ if self.content_type == "text/plain" => Some(false),
            "br" => Some(false),
            "identity" if is_json => Some(body.is_empty() || json::to_protobuf(signal, body).is_ok()),
            "identity" if items::count(signal, body).is_err() => Some(false),
            "identity" => super::is_read(signal, body).then_some(true),
            _ => None,
        }
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// What is there as long as the process.
struct Bench {
    runtime: Runtime,
    telemetry: Telemetry,
    shared: Arc<Shared>,
    door: Door,
}

impl Bench {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let plenty = MemoryLimit { limit: Share::Bytes(1 << 40), ..MemoryLimit::default() };
        let resource = opentelemetry_sdk::Resource::builder_empty().build();
        Bench {
            runtime: runtime.expect("it needs nothing"),
            telemetry: Telemetry::new(prometheus::Registry::new(), resource).expect("it is the only one"),
            shared: Arc::new(Shared::new(&super::settings(false), Arc::new(Catalog::embedded().clone()))),
            door: Door {
                tls: None,
                auth: None,
                places: Arc::new(Places::new("fuzz", 1)),
                connections: Connections::OF_RECEIVERS,
                memory: Arc::new(Memory::new(&plenty)),
            },
        }
    }

    /// Serves one connection as a listener would, on which this is sent. Gives what is answered.
    async fn connection(&self, mode: Mode, sent: &[u8], intake: Arc<Intake>) -> Vec<u8> {
        let is_deaf = mode.is(Mode::DEAF) && sent.starts_with(PREFACE);
        let (speaks, router) = if mode.is(Mode::GRPC) {
            (Speaks::Grpc, grpc::router(&self.door, intake, self.telemetry.receiver("grpc"), MOST))
        } else {
            (Speaks::Http, http::router(&self.door, intake, self.telemetry.receiver("http"), MOST))
        };
        let host = Host::new(speaks, self.door.connections.clone(), router);
        let holds = |is_little| if is_little { 61 } else { 64 << 10 };
        let (comes, mut writes) = duplex(holds(mode.is(Mode::DRIPS)));
        let (mut reads, goes) = duplex(holds(is_deaf));
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let (_ends, end) = watch::channel(false);
        let writing = async {
            // Who is not listened to any more has sent enough.
            let _ = writes.write_all(sent).await;
            if mode.is(Mode::ENDS) {
                let _ = writes.shutdown().await;
            }
        };
        let mut answer = Vec::new();
        let reading = async {
            if !is_deaf {
                let _ = reads.read_to_end(&mut answer).await;
            }
        };
        let limit = if mode.is(Mode::ENDS) && !is_deaf { SOON } else { LATE };
        let all = async { tokio::join!(host.serve(join(comes, goes), peer, end), writing, reading) };
        assert!(timeout(limit, all).await.is_ok(), "it does not end");
        answer
    }
}

thread_local! {
    static BENCH: Bench = Bench::new();
}

/// A connection ends soon after its peer has ended it or fallen silent, and nobody is at work for it any more; what is answered is no more
/// than what comes is worth; what is taken can be counted, and a proper request is taken if prost reads its body.
pub fn http(input: &[u8]) {
    let Some((mode, input)) = input.split_first() else { return };
    let mode = Mode(*mode);
    let (mut sent, mut is_taken) = (input.to_vec(), None);
    if mode.is(Mode::MADE) {
        let Some((choice, body)) = input.split_first() else { return };
        let head = Head::of(*choice, mode.is(Mode::GRPC), body.len());
        sent = if mode.is_http2() { head.http2(mode.is(Mode::GRPC), body) } else { head.http1(body) };
        if !mode.is_http2() && !mode.is(Mode::ENDS) {
            is_taken = head.is_taken(body);
        }
    }
    BENCH.with(|bench| bench.runtime.block_on(plays(bench, mode, &sent, is_taken)));
}

async fn plays(bench: &Bench, mode: Mode, sent: &[u8], is_taken: Option<bool>) {
    let log = Log::default();
    // Small enough that some are refused for it.
    let budget = Budget { requests: 8, bytes: 1 << 30, on_full: OnFull::Refuse };
    let (out, money) =
        (log.reader("out", budget, Keeps::Nothing), log.reader("ledger", budget, Keeps::Nothing));
    let to_ledger = Route { to: money.id(), part: Part::Entries };
    let routes = |part| vec![Route { to: out.id(), part }, to_ledger];
    let routes = [routes(Part::Priced), routes(Part::Raw), routes(Part::Priced)];
    let intake = Arc::new(Intake::new(log.clone(), routes, Some((Arc::clone(&bench.shared), to_ledger))));

    let answer = bench.connection(mode, sent, Arc::clone(&intake)).await;
    assert!(
        answer.len() <= ANSWERED.0 + ANSWERED.1 * sent.len(),
        "{} bytes are answered with {}",
        sent.len(),
        answer.len()
    );
    assert!(!answer.starts_with(b"HTTP/1.1 500"), "something of ours has broken");
    if let Some(is_taken) = is_taken {
        let begin = String::from_utf8_lossy(&answer[..answer.len().min(200)]);
        assert_eq!(begin.starts_with("HTTP/1.1 200 "), is_taken, "{begin}");
    }
    let ended = Instant::now();
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        assert!(ended.elapsed() < LATE, "somebody is still at work");
        sleep(SOON).await;
    }

    intake.settle_all();
    log.close();
    for reader in [out, money] {
        while let Some(read) = reader.next().await {
            match &read.item {
                Item::Request { signal, body, items } => {
                    assert_eq!(
                        items::count(*signal, body).ok(),
                        Some(*items),
                        "what was taken can not be read"
                    );
                }
                Item::Entries(booked) => {
                    assert!(entries(booked).all(|entry| entry.is_ok()), "a booking of ours can not be read");
                }
                Item::Held(_) => panic!("nothing is held here"),
            }
            reader.done(&read);
        }
    }
}
