//! Price files of the user's own: laid over the embedded catalog, read again when they change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, gpt_4o, request, spans};
use crate::support::{Pricetag, Sink, eventually};

/// A price file for a model of the embedded catalog.
fn prices(input: u32) -> String {
    format!("providers:\n  openai:\n    models:\n      gpt-4o: {{rates: {{input: {input}, output: 1}}}}\n")
}

async fn start(sink: &Sink, file: &Path) -> Pricetag {
    Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(format!("processors.pricetag.prices=[\"{}\"]", file.display()))
        .set("processors.pricetag.attributes=full")
        .start()
        .await
}

/// A call of a million input tokens, sent now: its cost, and the version of the catalog that stands beside it.
struct Caller {
    pricetag: Pricetag,
    sink: Sink,
    sent: u64,
}

impl Caller {
    async fn call(&mut self) -> (Option<f64>, String) {
        self.sent += 1;
        self.pricetag.deliver_spans(&request(vec![gpt_4o(self.sent, 1_000_000, 0)])).await;
        let arrived = self.sink.traces(self.sent as usize).await.pop().unwrap();
        let span = spans(&arrived)[0];
        (span.double("pricetag.cost.total"), span.string("pricetag.catalog.version").to_owned())
    }

    /// Waits for a line of the log, and then drops all before it.
    async fn says(&self, times: usize, text: &str) -> String {
        eventually(text, async || {
            let log = self.pricetag.log();
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(text)).collect();
            (lines.len() >= times).then(|| lines[times - 1].to_owned())
        })
        .await
    }
}

/// Scenario: a price file is replaced by another (as editors do), broken, mended in place, and asked for with SIGHUP
/// though nothing changed.
/// Guarantees: each new state is in force for the calls after it, and only the new one; a broken one leaves the last good one
/// in force, and the log says file, place and remedy; the version on the span tells the states apart; the log says how
/// many prices changed; self-metrics count the reloads by outcome, and tell the catalog's age.
#[tokio::test]
async fn price_files_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    fs::write(&file, prices(1)).unwrap();
    let sink = Sink::start().await;
    let pricetag = start(&sink, &file).await;
    let mut caller = Caller { pricetag, sink, sent: 0 };
    let (cost, first) = caller.call().await;
    assert_eq!(cost, Some(1.0));
    assert!(first.contains("prices.yaml@"), "{first}");

    let new = folder.path().join("prices.yaml.new");
    fs::write(&new, prices(2)).unwrap();
    fs::rename(&new, &file).unwrap();
    let said = caller.says(1, "prices reloaded").await;
    assert!(said.contains("1 model changed, 0 added, 0 removed"), "{said}");
    let (cost, second) = caller.call().await;
    assert_eq!(cost, Some(2.0));
    assert_ne!(first, second);

    fs::write(&file, prices(3).replace("input", "inptu")).unwrap();
    let said = caller.says(1, "the prices stay as they are").await;
    assert!(said.contains("prices.yaml") && said.contains("inptu"), "{said}");
    assert_eq!(caller.call().await, (Some(2.0), second.clone()));

    // As an editor that empties it first, and takes its time.
    fs::write(&file, "").unwrap();
    let said = caller.says(2, "the prices stay as they are").await;
    assert!(said.contains("empty"), "{said}");
    assert_eq!(caller.call().await, (Some(2.0), second.clone()));
    fs::write(&file, prices(4)).unwrap();
    caller.says(2, "prices reloaded").await;
    assert_eq!(caller.call().await.0, Some(4.0));

    caller.pricetag.signal("HUP");
    caller.says(1, "the price files have not changed").await;
    assert_eq!(caller.call().await.0, Some(4.0));

    let metrics = caller.pricetag.scrape().await;
    for (outcome, times) in [("changed", 2.0), ("failed", 2.0), ("unchanged", 1.0)] {
        // A file may be read between the beginning and the end of its writing, and then once more.
        let counted = metrics.sum("pricetag_catalog_reloads_total", &[("outcome", outcome)]);
        assert!(counted >= times, "{outcome}: {counted}");
    }
    assert!(metrics.sum("pricetag_catalog_age_seconds", &[]) > 0.0, "{}", metrics.text());
    caller.pricetag.stop().await;
}

/// Scenario: a price file that is another one whenever one looks, for longer than anyone waits; SIGHUP meanwhile.
/// Guarantees: none of its states is taken up, and the log says so; the one in which it comes to rest is.
#[tokio::test]
async fn a_file_that_does_not_rest_is_not_taken_up() {
    for _ in 0..5 {
        if restless_file().await {
            return;
        }
    }
    panic!("this machine is too busy to write a file without a pause: let the test run by itself");
}

/// Whether the file was restless: a busy machine may stop who writes it for longer than pricetag waits, and then it has rested.
async fn restless_file() -> bool {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};
    let rest = Arc::new(AtomicBool::new(false));
    let stalled = Arc::new(AtomicBool::new(false));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    fs::write(&file, prices(1)).unwrap();
    let sink = Sink::start().await;
    let pricetag = start(&sink, &file).await;
    let mut caller = Caller { pricetag, sink, sent: 0 };
    let (new, at) = (folder.path().join("new"), file.clone());
    let (end, late) = (Arc::clone(&rest), Arc::clone(&stalled));
    let writer = std::thread::spawn(move || {
        let mut written = Instant::now();
        for input in 2.. {
            fs::write(&new, prices(input)).unwrap();
            fs::rename(&new, &at).unwrap();
            // Two readings that agree are 200 ms apart.
            late.fetch_or(written.elapsed() > Duration::from_millis(150), Ordering::Relaxed);
            written = Instant::now();
            if end.load(Ordering::Relaxed) {
                return input;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        unreachable!("as often as it takes")
    });
    caller.pricetag.signal("HUP");
    caller.says(1, "do not come to rest").await;
    let cost = caller.call().await.0;
    let reloaded = caller.pricetag.log().contains("prices reloaded");
    // What was seen by now, the writer has noted in so much time.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let was_restless = !stalled.load(Ordering::Relaxed);
    rest.store(true, Ordering::Relaxed);
    let last = writer.join().unwrap();
    if was_restless {
        assert_eq!(cost, Some(1.0));
        assert!(!reloaded, "{}", caller.pricetag.log());
        caller.says(1, "prices reloaded").await;
        assert_eq!(caller.call().await.0, Some(f64::from(last)));
    }
    was_restless
}

/// Scenario: SIGHUP just after the price file was written again as it was; many times.
/// Guarantees: the log answers each, whatever else makes the file be read.
#[tokio::test]
async fn who_asks_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    fs::write(&file, prices(1)).unwrap();
    let sink = Sink::start().await;
    let pricetag = start(&sink, &file).await;
    let mut caller = Caller { pricetag, sink, sent: 0 };
    for times in 1..=20 {
        for _ in 0..10 {
            let new = folder.path().join("new");
            fs::write(&new, prices(1)).unwrap();
            fs::rename(&new, &file).unwrap();
        }
        caller.pricetag.signal("HUP");
        caller.says(times, "the price files have not changed").await;
    }
    caller.pricetag.stop().await;
}

/// Scenario: a mounted ConfigMap: the file is a link through `..data`, which is turned around to a new folder.
/// Guarantees: the new prices are in force.
#[tokio::test]
async fn a_config_map_is_turned_around() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (state, input) in [("..1", 1), ("..2", 2)] {
        fs::create_dir(at(state)).unwrap();
        fs::write(at(state).join("prices.yaml"), prices(input)).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/prices.yaml", at("prices.yaml")).unwrap();
    let sink = Sink::start().await;
    let pricetag = start(&sink, &at("prices.yaml")).await;
    let mut caller = Caller { pricetag, sink, sent: 0 };
    assert_eq!(caller.call().await.0, Some(1.0));

    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    fs::remove_dir_all(at("..1")).unwrap();
    caller.says(1, "prices reloaded").await;
    assert_eq!(caller.call().await.0, Some(2.0));
}

/// Scenario: requests of fifty calls come while the prices go to and fro.
/// Guarantees: all calls of a request have one price and one version, and that price is the version's.
#[tokio::test]
async fn a_request_has_one_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    fs::write(&file, prices(1)).unwrap();
    let sink = Sink::start().await;
    let pricetag = start(&sink, &file).await;
    let mut versions = std::collections::BTreeMap::new();
    let mut sent = 0;
    for round in 0..4 {
        let new = folder.path().join("new");
        fs::write(&new, prices(1 + round % 2)).unwrap();
        fs::rename(&new, &file).unwrap();
        while pricetag.log().matches("prices reloaded").count() < round as usize {
            let calls = (0..50).map(|n| gpt_4o(sent * 50 + n, 1_000_000, 0)).collect();
            pricetag.deliver_spans(&request(calls)).await;
            sent += 1;
        }
    }
    for request in sink.traces(sent as usize).await {
        let told = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
            (span.double("pricetag.cost.total"), span.string("pricetag.catalog.version").to_owned())
        };
        let spans = spans(&request);
        let (cost, version) = told(spans[0]);
        assert!(spans.iter().all(|span| told(span) == (cost, version.clone())));
        assert_eq!(*versions.entry(version).or_insert(cost), cost);
    }
    assert_eq!(versions.len(), 2, "{versions:?}");
}

/// Scenario: price files that are not there or wrong, at the start; `check` and `run`.
/// Guarantees: exit 64, and a message that names file, place and remedy; nothing listens.
#[test]
fn a_wrong_price_file_at_the_start() {
    use crate::support::command::pricetag;
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, prices(1).replace("output", "outptu")).unwrap();
    for (file, parts) in [
        (
            wrong.to_str().unwrap(),
            &["wrong.yaml", "providers.openai.models.gpt-4o.rates", "outptu", "output"][..],
        ),
        ("/no/such/prices.yaml", &["/no/such/prices.yaml", "can not be read"]),
    ] {
        for command in ["check", "run"] {
            let ended = pricetag(&[command, "--set", &format!("processors.pricetag.prices=[{file}]")]);
            assert_eq!(ended.code, Some(64), "{command}: {ended:?}");
            for part in parts {
                assert!(ended.err.contains(part), "{command}: {part}: {}", ended.err);
            }
            assert!(!ended.err.contains("listening"));
        }
    }
}
