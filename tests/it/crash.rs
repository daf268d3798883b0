//! Processes that end at any moment, without a word: what the next one makes of what they left.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::Resource;
use pricetag::attribution::Attribution;
use pricetag::ledger::Ledger;
use pricetag::ledger::actions::ActionEvents;
use pricetag::ledger::log_events::LogEvents;
use pricetag::ledger::replay::Replay;
use pricetag::ledger::store::Limits;
use pricetag::ledger::sums::Tally;
use pricetag::otlp::Signal;
use pricetag::pricing::Catalog;
use pricetag::processor::{Settings, Shared};
use pricetag::queue::storage::Folder;
use pricetag::queue::{Budget, Item, Keeps, Log, OnFull, Part, Reader, Route, Said};
use pricetag::receiver::Intake;
use proptest::test_runner::TestCaseError;
use prost::Message as _;

use crate::differential::tape::{self, Tape};
use crate::settlement::money::family;
use crate::settlement::whose::{DIMENSIONS, portions, traces};
use crate::support::spans::{attribute, gpt_4o, request};

/// A process: all between a receiver and an exporter.
struct Process {
    log: Log,
    intake: Intake,
    ledger: Ledger,
    bookings: Reader,
    /// The exporter.
    out: Reader,
}

impl Process {
    /// Starts one on what is in a folder; `None`: all in memory.
    fn start(folder: Option<&Path>, catalog: &Arc<Catalog>) -> Self {
        Process::with(folder, catalog, &DIMENSIONS)
    }

    /// The same with these dimensions.
    fn with(folder: Option<&Path>, catalog: &Arc<Catalog>, dimensions: &[(&str, &[&str])]) -> Self {
        let log = match folder {
            Some(folder) => {
                let folder = Folder::new(&folder.join("queue")).unwrap();
                Log::open(Arc::new(folder), false).unwrap()
            }
            None => Log::default(),
        };
        let many = Budget { requests: 1 << 20, bytes: 1 << 30, on_full: OnFull::Refuse };
        let bookings = log.reader("ledger", many, Keeps::Nothing);
        let out = log.reader("out", many, Keeps::Cursor);
        let attribution = Attribution::of_keys(dimensions);
        // Traces settle when the test says so, all of them.
        let settings = Settings { attribution, settle_after: Duration::ZERO, ..Settings::default() };
        let shared = Arc::new(Shared::new(&settings, Arc::clone(catalog)));
        let dimensions = shared.dimensions();
        let names: Vec<String> = dimensions.iter().map(|it| it.name.clone()).collect();
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let file = folder.map(|folder| folder.join("ledger.db"));
        let ledger = Ledger::open(file.as_deref(), &borrowed, &[], Limits::default()).unwrap();
        let money = Route { to: bookings.id(), part: Part::Entries };
        let routes = [vec![Route { to: out.id(), part: Part::Priced }, money], vec![], vec![]];
        let events = LogEvents::new(log.clone(), &[], &Resource::builder_empty().build());
        let events = ActionEvents::new(events, dimensions);
        let intake = Intake::new(log.clone(), routes, Some((shared, money)));
        let range = ledger.follow(&bookings).unwrap();
        let mut replay = Replay::new(ledger.clone(), range, names.clone());
        let left = log.recover(&names, |record| {
            if replay.take(record) {
                intake.replay(record).unwrap();
            }
        });
        assert_eq!(left.unwrap().damaged, 0);
        tokio::spawn(ledger.clone().run(bookings.clone(), events));
        Process { log, intake, ledger, bookings, out }
    }

    /// A request is acknowledged.
    async fn accept(&self, spans: &[Span]) {
        let body = Bytes::from(request(spans.to_vec()).encode_to_vec());
        let taken = self.intake.accept(Signal::Traces, body, Said::new()).unwrap();
        taken.committed.safe().await.unwrap();
    }

    /// What is booked, of all dimensions.
    async fn rows(&self) -> Vec<(String, String, Tally, Tally)> {
        self.bookings.drained().await;
        let mut all = Vec::new();
        for name in self.ledger.dimensions() {
            for row in self.ledger.rows(&name, 0..u32::MAX).unwrap() {
                all.push((name.clone(), row.value, row.settled, row.pending));
            }
        }
        all.retain(|(.., settled, pending)| *settled != Tally::default() || *pending != Tally::default());
        all.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        all
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Requests of two traces of calls and spans that say whose they are, and of an agent with its calls, in any order and any portions;
/// some are sent twice.
fn traffic(tape: &mut Tape<'_>) -> Vec<Vec<Span>> {
    let mut spans = traces(tape);
    let mut agents = family(tape.chance(50), tape.chance(50));
    for span in &mut agents {
        span.trace_id = vec![7; 16];
    }
    spans.extend(agents);
    let mut requests = portions(spans, tape);
    for nth in 0..requests.len() {
        if tape.chance(20) {
            requests.push(requests[nth].clone());
        }
    }
    requests
}

/// A call of this trace.
fn one_more(trace: u8, number: u64) -> Span {
    let mut call = gpt_4o(1000 + number, 7, 9);
    call.trace_id = vec![trace; 16];
    call.parent_span_id = vec![99; 8];
    call
}

/// Scenario: 150 histories of requests; some traces settle in the middle of them. One process takes them all; in the other history it ends
/// now and then, after what it acknowledged is in the log, whatever of it is in the ledger's store by then, and another one goes on.
/// Guarantees: at the end both ledgers say the same, of every value of every dimension, pending and settled, to the picodollar; the
/// exporter gets every request.
#[test]
fn crashes_change_no_sum() {
    let catalog = Arc::new(Catalog::embedded().clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let crashes = std::cell::Cell::new(0);
    tape::check(150, 400, |tape| {
        let mut tape = Tape::new(tape);
        let requests = traffic(&mut tape);
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (mut life, mut sent) = (0, 0);
            let at = |life: u32| folder.path().join(life.to_string());
            let undisturbed = Process::start(None, &catalog);
            let mut process = Process::start(Some(&at(life)), &catalog);
            let mut delivered = 0;
            for spans in &requests {
                undisturbed.accept(spans).await;
                process.accept(spans).await;
                sent += 1;
                if tape.chance(15) {
                    // A trace without calls ends without a word: one that is found again would know more than it did.
                    let calls: Vec<Span> = [1, 2, 7].map(|trace| one_more(trace, sent)).to_vec();
                    undisturbed.accept(&calls).await;
                    process.accept(&calls).await;
                    sent += 1;
                    undisturbed.intake.settle_idle();
                    process.intake.settle_idle();
                }
                if tape.chance(40) {
                    let read = process.out.next().await.unwrap();
                    delivered += 1;
                    process.out.done(&read);
                }
                if tape.chance(30) {
                    process.bookings.drained().await;
                    process.ledger.write().unwrap();
                }
                if tape.chance(25) {
                    // Settlements are in the log: without one its trace would go on, and know more.
                    process.bookings.drained().await;
                    // What is only in memory is gone; what is delivered and not noted is delivered again.
                    copy(&at(life), &at(life + 1));
                    process.log.finish();
                    life += 1;
                    crashes.set(crashes.get() + 1);
                    process = Process::start(Some(&at(life)), &catalog);
                }
            }
            let (one, other) = (undisturbed.rows().await, process.rows().await);
            if one != other {
                return Err(TestCaseError::fail(format!("pending: {other:#?}\nnot {one:#?}")));
            }
            undisturbed.intake.settle_all();
            process.intake.settle_all();
            let (one, other) = (undisturbed.rows().await, process.rows().await);
            if one != other {
                return Err(TestCaseError::fail(format!("{other:#?}\nnot {one:#?}")));
            }
            while process.out.left() > 0 {
                let read = process.out.next().await.unwrap();
                assert!(matches!(read.item, Item::Request { .. }));
                process.out.done(&read);
                delivered += 1;
            }
            process.log.finish();
            match delivered >= sent {
                true => Ok(()),
                false => Err(TestCaseError::fail(format!("{delivered} of {sent} delivered"))),
            }
        })
    });
    assert!(crashes.get() > 100, "{crashes:?}");
}

/// Scenario: requests are accepted; after a crash the config names the dimensions in another order, and one more.
/// Guarantees: what was pending is booked on the same values of the same dimensions, those that move at settlement included.
#[tokio::test]
async fn dimensions_are_found_again_by_name() {
    let catalog = Arc::new(Catalog::embedded().clone());
    let folder = tempfile::tempdir().unwrap();
    let mut said = gpt_4o(1, 1000, 10);
    said.attributes.push(attribute("tenant.id", "acme"));
    let mut child = gpt_4o(2, 500, 5);
    (child.trace_id, child.parent_span_id) = (said.trace_id.clone(), vec![5; 8]);
    let mut root = gpt_4o(3, 1, 1);
    (root.trace_id, root.span_id, root.parent_span_id) = (said.trace_id.clone(), vec![5; 8], Vec::new());
    root.attributes = vec![attribute("user.id", "ann")];
    let undisturbed = Process::start(None, &catalog);
    let process = Process::start(Some(folder.path()), &catalog);
    for spans in [[said].as_slice(), &[child]] {
        undisturbed.accept(spans).await;
        process.accept(spans).await;
    }
    process.log.finish();
    drop(process.ledger);
    let mut dimensions = DIMENSIONS.to_vec();
    dimensions.reverse();
    dimensions.insert(1, ("plan", &["plan"]));
    let again = folder.path().join("again");
    copy(&folder.path().join("queue"), &again.join("queue"));
    let process = Process::with(Some(&again), &catalog, &dimensions);
    for process in [&undisturbed, &process] {
        process.accept(&[root.clone()]).await;
        process.intake.settle_all();
    }
    let mut rows = process.rows().await;
    rows.retain(|(dimension, ..)| dimension != "plan");
    assert_eq!(rows, undisturbed.rows().await);
    let value = |dimension: &str, value: &str| rows.iter().any(|row| row.0 == dimension && row.1 == value);
    assert!(value("tenant", "acme") && value("user", "ann"), "{rows:#?}");
    process.log.finish();
}
