//! The conformance corpus: `tests/golden/<dialect>/<case>/in.json` is what an instrumentation sent, one or several requests of
//! traces or logs, `out.json` what leaves (both OTLP/JSON), `settled.json` what counted in the end, call by call, as `pricetag
//! explain --json` tells it.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it golden` writes the last two anew: read the difference before you commit it.
//! `truth.rs` says of captures what was really served; this file only sees to it that nothing changes unseen.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use pricetag::config::Config;
use pricetag::otlp::{Signal, json};
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Shared};
use prost::Message as _;
use serde_json::Value;

use crate::support::command::pricetag;

/// The folders of all cases.
fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folders = |of: &Path| -> Vec<PathBuf> {
        let mut folders: Vec<_> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders
    };
    folders(&root).iter().flat_map(|dialect| folders(dialect)).collect()
}

/// What leaves, as it would on the embedded default config.
fn forwarded(case: &Path) -> Value {
    let config = Config::load(None, &[], &|_: &str| None).unwrap();
    let settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
    let catalog = Arc::new(Catalog::embedded().clone());
    let mut processor = Processor::new(Arc::new(Shared::new(&settings, catalog)));
    let text = fs::read(case.join("in.json")).unwrap();
    let requests = serde_json::Deserializer::from_slice(&text).into_iter::<Value>().map(|request| {
        let request = request.unwrap();
        let signal = if request.get("resourceLogs").is_some() { Signal::Logs } else { Signal::Traces };
        let body = Bytes::from(json::to_protobuf(signal, request.to_string().as_bytes()).unwrap());
        if signal == Signal::Logs {
            let out = processor.process_logs(body.clone(), Now::default(), |_, _, _, _| {}).unwrap().body;
            assert_eq!(out, body, "{}: log records leave as they came", case.display());
            return serde_json::to_value(ExportLogsServiceRequest::decode(out).unwrap()).unwrap();
        }
        let out = processor.process(body, Now::default()).unwrap().body;
        serde_json::to_value(ExportTraceServiceRequest::decode(out).unwrap()).unwrap()
    });
    let mut out: Vec<Value> = requests.collect();
    if out.len() == 1 { out.remove(0) } else { Value::Array(out) }
}

/// What counted in the end.
fn settled(case: &Path) -> Value {
    let ended = pricetag(&["explain", "--json", case.join("in.json").to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}: {}", case.display(), ended.err);
    ended.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

/// Scenario: every case of the corpus.
/// Guarantees: what leaves and what counts is what it was when somebody last looked.
#[test]
fn nothing_changes_unseen() {
    let mut changed = Vec::new();
    for case in cases() {
        for (file, found) in [("out.json", forwarded(&case)), ("settled.json", settled(&case))] {
            let path = case.join(file);
            let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&path, &text).unwrap();
            } else if fs::read_to_string(&path).ok().as_deref() != Some(&*text) {
                changed.push(path.display().to_string());
            }
        }
    }
    assert!(
        changed.is_empty(),
        "no longer what they were (UPDATE_GOLDEN=1 writes them):\n{}",
        changed.join("\n")
    );
}
