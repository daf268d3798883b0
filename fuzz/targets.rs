//! What must hold for any bytes that a stranger sends or leaves in a file. Each function is a fuzz target (`fuzz_targets/`), and
//! `cargo test` plays the corpus through it (`tests/it/fuzz.rs`).

mod connection;

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::attribution::Attribution;
use pricetag::booking::{Booking, Entries, Entry, entries, inserted};
use pricetag::config::Config;
use pricetag::genai::usage::{Bucket, Usage};
use pricetag::ledger::Ledger;
use pricetag::ledger::query::TOTAL;
use pricetag::ledger::store::Limits;
use pricetag::otlp::{Signal, cut, items, json};
use pricetag::pricing::format::CatalogFile;
use pricetag::pricing::{Catalog, Conditions};
use pricetag::processor::{Now, Processor, Settings, Shared};
use pricetag::queue::stored::{self, Scanned};
use prost::Message;

pub use connection::{Mode, http};

/// After all times that the corpus tells.
const NOW: Now = Now { unix_nano: 1_800_000_000_000_000_000, monotonic: 1 };
const DIMENSIONS: [(&str, &[&str]); 2] =
    [("user", &["user.id", "langfuse.user.id"]), ("feature", &["feature"])];

/// A target, and the name of its folder in the corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 8] = [
    ("traces", traces),
    ("logs", logs),
    ("json", json),
    ("http", http),
    ("bookings", bookings),
    ("records", records),
    ("config", config),
    ("prices", prices),
];

/// A processor, kept from case to case as in production.
struct Bench {
    shared: Arc<Shared>,
    processor: RefCell<Processor>,
}

fn settings(trust_upstream: bool) -> Settings {
    Settings { trust_upstream, attribution: Attribution::of_keys(&DIMENSIONS), ..Settings::default() }
}

impl Bench {
    fn new(trust_upstream: bool) -> Self {
        let shared = Arc::new(Shared::new(&settings(trust_upstream), Arc::new(Catalog::embedded().clone())));
        Bench { processor: RefCell::new(Processor::new(Arc::clone(&shared))), shared }
    }
}

thread_local! {
    static FIRST: Bench = Bench::new(false);
    static SECOND: Bench = Bench::new(true);
}

fn decodes<M: Message + Default>(body: &[u8]) -> bool {
    M::decode(body).is_ok()
}

/// Whether prost reads a request.
fn is_read(signal: Signal, body: &[u8]) -> bool {
    match signal {
        Signal::Traces => decodes::<ExportTraceServiceRequest>(body),
        Signal::Metrics => decodes::<ExportMetricsServiceRequest>(body),
        Signal::Logs => decodes::<ExportLogsServiceRequest>(body),
    }
}

/// What prost reads is accepted, and leaves readable; what was read is what is counted; a refusal points into the body; what we have
/// written a second pricetag does not touch, and goes without a trace when it is taken out again; our own bookings are readable.
pub fn traces(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let is_valid = decodes::<ExportTraceServiceRequest>(&body);
    let processed = FIRST.with(|bench| {
        let processed = bench.processor.borrow_mut().process(body.clone(), NOW);
        bench.shared.open_traces().settle_all(&mut Vec::new());
        processed
    });
    let processed = match processed {
        Ok(processed) => processed,
        Err(fault) => {
            assert!(!is_valid, "refused with {fault}, but prost reads it");
            assert!(fault.offset() <= body.len(), "{fault:?}");
            return;
        }
    };
    assert_eq!(items::count(Signal::Traces, &body).ok(), Some(processed.items));
    assert_eq!(decodes::<ExportTraceServiceRequest>(&processed.body), is_valid);
    assert!(entries(&processed.entries).all(|entry| entry.is_ok()), "a booking of ours can not be read");
    let inserted = inserted(&processed.entries).expect("a record of ours can not be read");
    let came = cut::without(&processed.body, &inserted).expect("what we wrote can not be read");
    let decoded =
        |body: &Bytes| ExportTraceServiceRequest::decode(body.clone()).ok().map(|it| it.encode_to_vec());
    assert_eq!(decoded(&came), decoded(&body), "what was inserted is not what is taken out");
    let again = SECOND.with(|bench| {
        let again = bench.processor.borrow_mut().process(processed.body.clone(), NOW);
        bench.shared.open_traces().settle_all(&mut Vec::new());
        again
    });
    assert_eq!(again.expect("it was readable").entries, Bytes::new(), "calls that are priced count again");
}

/// What prost reads is accepted and leaves as it came; what was read is what is counted; our own bookings are readable.
pub fn logs(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let is_valid = decodes::<ExportLogsServiceRequest>(&body);
    let processed = FIRST.with(|bench| {
        let processed = bench.processor.borrow_mut().process_logs(body.clone(), NOW, |_, _, _, _| {});
        bench.shared.open_traces().settle_all(&mut Vec::new());
        processed
    });
    match processed {
        Ok(processed) => {
            assert_eq!(items::count(Signal::Logs, &body).ok(), Some(processed.items));
            assert_eq!(processed.body, body);
            assert!(
                entries(&processed.entries).all(|entry| entry.is_ok()),
                "a booking of ours can not be read"
            );
        }
        Err(fault) => assert!(!is_valid, "refused with {fault}, but prost reads it"),
    }
}

/// Whatever is accepted as OTLP/JSON is protobuf that prost reads, of the same signal.
pub fn json(body: &[u8]) {
    let Some((signal, body)) = body.split_first() else { return };
    let signal = Signal::ALL[usize::from(*signal) % 3];
    let Ok(encoded) = json::to_protobuf(signal, body) else { return };
    assert!(is_read(signal, &encoded), "{signal} is written that prost does not read");
    assert!(items::count(signal, &encoded).is_ok());
}

/// A record of ours that somebody has damaged: what is still a booking is the same when it is written and read again, and the sums over
/// any dimension are the total.
pub fn bookings(record: &[u8]) {
    for entry in entries(record) {
        if let Ok(Entry::Booking(booking)) = &entry {
            is_written_as_it_is_read(booking);
        }
    }
    let names = DIMENSIONS.map(|(name, _)| name);
    let ledger = Ledger::open(None, &names, &[0], Limits::default()).expect("it is in memory");
    ledger.apply(record);
    adds_up(&ledger);
    ledger.write().expect("it is in memory");
    adds_up(&ledger);
}

/// A piece of a log that somebody has damaged: it is read to its end, and nothing is read twice. The same bytes in a record whose
/// checksum is right: it is one if its message can be read.
pub fn records(log: &[u8]) {
    scans(Bytes::copy_from_slice(log));
    let reads = stored::parse(&Bytes::copy_from_slice(log)).is_ok();
    let framed = framed(log);
    assert_eq!(matches!(stored::scan(&framed, 0, true), Scanned::Record(_)), reads);
    scans(framed);
}

/// A record at the beginning of a log, by the checksum.
fn framed(payload: &[u8]) -> Bytes {
    let place = [&(payload.len() as u32).to_le_bytes()[..], &[0; 8]].concat();
    let mut checksum = crc32fast::Hasher::new();
    [&place, payload].into_iter().for_each(|bytes| checksum.update(bytes));
    [b"ptr1", &place[..], &checksum.finalize().to_le_bytes(), payload].concat().into()
}

fn scans(log: Bytes) {
    let mut at = 0;
    while at < log.len() as u64 {
        at += match stored::scan(&log.slice(at as usize..), at, true) {
            Scanned::Record(record) => {
                assert!(record.position == at && record.end > at);
                let bookings = entries(&record.entries).filter(Result::is_ok).count();
                assert!(bookings <= record.entries.len());
                record.end - at
            }
            Scanned::Damaged(length) => length as u64,
            Scanned::Partial(length) => panic!("{length} bytes are wanted where there are no more"),
        };
    }
    assert_eq!(at, log.len() as u64);
}

fn is_written_as_it_is_read(booking: &Booking<'_>) {
    let write = |booking: &Booking<'_>| {
        let mut written = Entries::default();
        written.push_booking(booking);
        written.take()
    };
    let written = write(booking);
    match entries(&written).next() {
        Some(Ok(Entry::Booking(again))) => assert_eq!(write(&again), written, "{again:?} for {booking:?}"),
        other => panic!("{other:?} for {booking:?}"),
    }
}

/// Picodollars.
const ABSURD: i128 = 1_000_000_000_000_000_000 * 1_000_000_000_000;

fn adds_up(ledger: &Ledger) {
    let hours = 0..u32::MAX;
    let total = ledger.total(hours.clone()).expect("it is in memory");
    for dimension in ledger.dimensions().iter().filter(|name| *name != TOTAL) {
        let rows = ledger.rows(dimension, hours.clone()).expect("it is in memory");
        let sum = |of: fn(&pricetag::ledger::query::Row) -> i128| rows.iter().map(of).sum::<i128>();
        // A row of the store ends at 4e18 dollars, whichever it is.
        let is_absurd = |money: i128| money.abs() > ABSURD;
        if is_absurd(total.settled.money.get()) || rows.iter().any(|row| is_absurd(row.settled.money.get())) {
            return;
        }
        assert_eq!(sum(|row| row.pending.money.get()), total.pending.money.get(), "pending by {dimension}");
        assert_eq!(sum(|row| row.settled.money.get()), total.settled.money.get(), "settled by {dimension}");
    }
}

/// A config is read or refused; every mistake has a text, and names a line that the file has.
pub fn config(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let nothing = |_: &str| None::<String>;
    let Err(errors) = Config::parse(text, "fuzz.yaml", &[], &nothing) else { return };
    assert!(!errors.0.is_empty());
    // The parser counts a line behind the last line break, too.
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for error in &errors.0 {
        assert!(!error.message.is_empty());
        assert!(error.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{error:?} of {lines} lines");
        assert!(!error.to_string().is_empty());
    }
}

/// A price file is read or refused; what is read prices calls without overflow.
pub fn prices(text: &[u8]) {
    static USAGE: LazyLock<Usage> = LazyLock::new(|| {
        let mut usage = Usage::NOTHING;
        for (nth, bucket) in Bucket::ALL.into_iter().enumerate() {
            usage[bucket] = 999_999_999 >> nth;
        }
        usage
    });
    let Ok(text) = std::str::from_utf8(text) else { return };
    for file in [CatalogFile::from_yaml("fuzz.yaml", text), CatalogFile::from_json("fuzz.json", text)] {
        let Ok(file) = file else { continue };
        let Ok(catalog) = Catalog::from_layers([("fuzz", file)]) else { continue };
        for (model, _) in catalog.models() {
            let receipt = catalog.price(model, &Conditions::default(), &USAGE);
            let sum: i128 = receipt.lines.iter().map(|line| line.amount().get()).sum();
            assert_eq!(receipt.total.get(), sum);
        }
    }
}
