//! `cargo bench --bench dialects`: what a span costs in each dialect, over the conformance corpus in `tests/golden`: read,
//! judged, priced, annotated and booked. Payloads are as they were captured; a small one pays for its request by itself.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pricetag::config::Config;
use pricetag::otlp::{Signal, json};
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Shared};

/// Rounds of which the median is taken, and requests in each.
const ROUNDS: usize = 31;
const REQUESTS: usize = 20;

fn main() {
    println!("{:<40}{:>8}{:>8}{:>10}{:>12}", "dialect/case", "spans", "calls", "bytes", "ns a span");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for case in folders(&root).iter().flat_map(|dialect| folders(dialect)) {
        let text = std::fs::read(case.join("in.json")).unwrap();
        // Log events are no spans.
        let Ok(body) = json::to_protobuf(Signal::Traces, &text) else { continue };
        if !body.is_empty() {
            measure(case.strip_prefix(&root).unwrap(), &Bytes::from(body));
        }
    }
}

fn measure(case: &Path, body: &Bytes) {
    let config = Config::load(None, &[], &|_: &str| None).unwrap();
    let settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
    let shared = Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone())));
    let mut processor = Processor::new(Arc::clone(&shared));
    let mut calls = 0;
    let spans = processor.process_with(body.clone(), Now::default(), |_, _, _, _| calls += 1).unwrap().items;
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let mut time = 0.0;
            for _ in 0..REQUESTS {
                // The same traces come again: they must be new each time.
                shared.open_traces().settle_all(&mut Vec::new());
                let start = Instant::now();
                black_box(processor.process(body.clone(), Now::default()).unwrap());
                time += start.elapsed().as_nanos() as f64;
            }
            time / (REQUESTS as f64 * spans as f64)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    println!("{:<40}{spans:>8}{calls:>8}{:>10}{median:>12.0}", case.display(), body.len());
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}
