//! The fuzz targets of `fuzz/`, on what is known to be good, on what the fuzzers have found, and on both with damages.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pricetag::otlp::Signal;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Settings, Shared};
use pricetag::queue::{Part, Record, Request, stored};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::differential::hostile::break_up;
use crate::differential::tape::Tape;

mod strangers;

#[path = "../../fuzz/targets.rs"]
#[allow(unreachable_pub, reason = "it is a library for the fuzzers")]
mod targets;

/// Damaged copies that are played of each seed, and of each input that the fuzzers have found, of which there are many.
const DAMAGED: [usize; 2] = [100, 10];
/// Inputs larger than this are played as they are, and not given to the fuzzers: what they find is found in small ones.
const LARGE: usize = 64 << 10;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in a folder and below it with this ending, in order.
fn files(folder: PathBuf, ending: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(fs::read(path).unwrap());
        }
    }
    found
}

/// What the bookings of these requests are.
fn bookings(requests: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let catalog = Catalog::embedded().clone();
    let mut processor = Processor::new(Shared::new(&Settings::default(), catalog.into()).into());
    let mut book =
        |body: &Vec<u8>| processor.process(Bytes::copy_from_slice(body), Now::default()).unwrap().entries;
    requests.iter().map(|body| book(body).to_vec()).filter(|record| !record.is_empty()).collect()
}

/// A log of these requests, and the message of one of its records.
fn log(requests: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut log, mut begin) = (Vec::new(), 0);
    stored::put_dimensions(&mut log, 0, &["user".to_owned()]);
    for (body, entries) in requests.iter().zip(bookings(requests)).take(3) {
        let request = Request::new(Signal::Traces, body.clone().into(), 1);
        let record = Record { request: Some(request), entries: entries.into() };
        begin = log.len();
        stored::put(&mut log, begin as u64, &record, &[("otlp/a", Part::Priced), ("ledger", Part::Entries)]);
    }
    let message = log[begin + stored::HEAD..].to_vec();
    vec![log, message]
}

/// What a target begins with.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let fixtures = root().join("tests/fixtures");
    let traces = || {
        let mut traces = files(fixtures.join("captures"), ".traces.pb");
        traces.extend(files(fixtures.join("shop"), ".pb"));
        traces
    };
    match target {
        "traces" => traces(),
        // Nobody has captured any: an event of OpenTelemetry's own.
        "logs" => vec![logs()],
        "json" => {
            let signal = |text: Vec<u8>| [&[Signal::Traces as u8], &text[..]].concat();
            files(fixtures.join("captures"), ".json").into_iter().map(signal).collect()
        }
        "http" => strangers::connections(&files(fixtures.join("shop"), ".pb")[0]),
        "bookings" => bookings(&traces()),
        "records" => log(&traces()),
        "config" => [files(root().join("config"), ".yaml"), files(fixtures.join("config"), ".yaml")].concat(),
        "prices" => {
            [files(fixtures.join("prices"), ".yaml"), files(fixtures.join("prices"), ".json")].concat()
        }
        other => panic!("{other} has no seeds"),
    }
}

/// A log record that tells of a call.
fn logs() -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    use prost::Message as _;

    use crate::support::spans::attribute;
    let record = LogRecord {
        event_name: "gen_ai.client.inference.operation.details".to_owned(),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        time_unix_nano: 1_795_380_560_000_000_000,
        attributes: vec![
            attribute("gen_ai.operation.name", "chat"),
            attribute("gen_ai.request.model", "gpt-4o"),
            attribute("gen_ai.usage.input_tokens", 1000),
            attribute("gen_ai.usage.output_tokens", 10),
        ],
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// The same with some bytes lost, doubled or changed.
fn damaged(input: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut input = input.to_vec();
    break_up(&mut input, &mut Tape::new(&random.random::<[u8; 64]>()));
    input
}

/// Scenario: what is good, what the fuzzers have found, and damaged copies of each.
/// Guarantees: what each target asserts.
#[test]
fn the_corpus_holds() {
    let mut random = StdRng::seed_from_u64(7);
    for (target, holds) in targets::ALL {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} begins with nothing");
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
            let folder = Path::new(&folder).join(target);
            fs::create_dir_all(&folder).unwrap();
            for (nth, seed) in seeds.iter().enumerate().filter(|(_, seed)| seed.len() <= LARGE) {
                fs::write(folder.join(format!("{nth:03}")), seed).unwrap();
            }
        }
        let found = files(root().join("fuzz/corpus").join(target), "");
        for (inputs, copies) in [&seeds, &found].into_iter().zip(DAMAGED) {
            for input in inputs {
                holds(input);
                if input.len() <= LARGE {
                    (0..copies).for_each(|_| holds(&damaged(input, &mut random)));
                }
            }
        }
    }
}
