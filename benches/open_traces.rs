//! `cargo bench --bench open_traces`: what a span that is no call costs, recognition and table together, beside 10,000 and a
//! million open traces; what settling costs; what a call that is lone or in a deep or wide trace costs.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::config::Config;
use pricetag::genai::call::Ids;
use pricetag::genai::found::{Found, SpanNote};
use pricetag::otlp::{Signal, items};
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Shared};
use pricetag::settlement::{Facts, Judgement, Told};
use prost::Message as _;

const TRACES: u64 = 10;
const SPANS: u64 = 10;
const REQUESTS: usize = 100;
const ROUNDS: usize = 11;

fn main() {
    println!(
        "requests of {TRACES} traces with {SPANS} spans each that are no calls; medians of {ROUNDS} rounds\n"
    );
    for open in [10_000, 1_000_000] {
        spans_that_are_no_call(open);
    }
    println!();
    for (name, spans) in
        [("one trace, 100,000 calls below an agent", wide()), ("100,000 calls below each other", deep())]
    {
        large(name, &spans);
    }
}

fn processor() -> (Arc<Shared>, Processor) {
    let config = Config::load(None, &[], &|_: &str| None).unwrap();
    let mut settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
    settings.max_open_bytes = 4 << 30;
    let shared = Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone())));
    (Arc::clone(&shared), Processor::new(shared))
}

/// Requests whose spans join traces that are open, and requests whose traces are new.
fn spans_that_are_no_call(open: u64) {
    let (shared, mut processor) = processor();
    for first in (0..open).step_by(1000) {
        let spans = (first..first + 1000).map(|trace| span(trace, 1, 0)).collect();
        processor.process(request(spans), Now::default()).unwrap();
    }
    let mut next_span = 2;
    let mut next_trace = open;
    let mut random = 1_u64;
    let mut times = [Vec::new(), Vec::new()];
    let mut framing = Vec::new();
    for _ in 0..ROUNDS {
        for (new, times) in times.iter_mut().enumerate() {
            let bodies: Vec<Bytes> = (0..REQUESTS)
                .map(|_| {
                    let mut spans = Vec::new();
                    for _ in 0..TRACES {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        next_trace += 1;
                        let trace = if new == 1 { next_trace } else { (random >> 33) % open };
                        spans.extend((0..SPANS).map(|nth| span(trace, next_span + nth, 1 + nth / 4)));
                        next_span += SPANS;
                    }
                    request(spans)
                })
                .collect();
            let start = Instant::now();
            for body in &bodies {
                black_box(processor.process(body.clone(), Now::default()).unwrap());
            }
            times.push(start.elapsed().as_nanos() as f64 / (REQUESTS as u64 * TRACES * SPANS) as f64);
            // What every request costs that is not priced: its framing is checked and its items are counted.
            let start = Instant::now();
            for body in &bodies {
                black_box(items::count(Signal::Traces, body).unwrap());
            }
            framing.push(start.elapsed().as_nanos() as f64 / (REQUESTS as u64 * TRACES * SPANS) as f64);
        }
    }
    let framing = median(framing);
    let [joining, new] = times.map(median).map(|all| all - framing);
    // The table alone, beside as many open traces.
    let notes: Vec<SpanNote> = (0..TRACES * 1000)
        .map(|nth| {
            let id = |number: u64| number.to_be_bytes();
            let trace = u128::from(next_trace + 1 + nth / SPANS)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let ids = Ids { trace: trace.to_be_bytes(), span: id(nth + 2), parent: id(1 + nth / 4) };
            SpanNote::new(ids, None)
        })
        .collect();
    let no_call = |_| -> Facts { unreachable!("there are no calls") };
    let tell = |_| -> Told { unreachable!("there are no calls") };
    let start = Instant::now();
    for notes in notes.chunks(100) {
        let mut found = Found::default();
        found.spans = notes.to_vec();
        shared.open_traces().judge(0, &found, |_, _| {}, no_call, tell, &mut Judgement::default());
    }
    let table = start.elapsed().as_nanos() as f64 / notes.len() as f64;
    let size = shared.open_traces().size();
    let start = Instant::now();
    shared.open_traces().settle_all(&mut Vec::new());
    let settling = start.elapsed().as_nanos() as f64 / size.spans as f64;
    println!(
        "{open:>9} open traces: {joining:.0} ns are added to a span that joins one of them, {new:.0} ns to one of a new trace \
         (the table {table:.0} ns; framing, beside it, {framing:.0} ns), settling {settling:.0} ns"
    );
}

fn large(name: &str, spans: &[Span]) {
    let (shared, mut processor) = processor();
    let bodies: Vec<Bytes> = spans.chunks(1000).map(|spans| request(spans.to_vec())).collect();
    let start = Instant::now();
    for body in &bodies {
        black_box(processor.process(body.clone(), Now::default()).unwrap());
    }
    let processed = start.elapsed().as_nanos() as f64 / spans.len() as f64;
    let start = Instant::now();
    shared.open_traces().settle_all(&mut Vec::new());
    let settled = start.elapsed().as_nanos() as f64 / spans.len() as f64;
    println!("{name}: {processed:.0} ns a span, settling {settled:.0} ns");
}

fn wide() -> Vec<Span> {
    let agent = call(span(0, 1, 0), "invoke_agent", 1);
    std::iter::once(agent).chain((2..100_001).map(|n| call(span(0, n, 1), "chat", n))).collect()
}

fn deep() -> Vec<Span> {
    (1..100_001).map(|n| call(span(0, n, n + 1), "chat", n)).collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// As an HTTP instrumentation writes it.
fn span(trace: u64, number: u64, parent: u64) -> Span {
    Span {
        trace_id: [(trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), trace + 1].map(u64::to_be_bytes).concat(),
        span_id: number.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 { vec![] } else { parent.to_be_bytes().to_vec() },
        name: "GET /basket/{id}".into(),
        kind: 2,
        start_time_unix_nano: 1_795_380_558_533_368_632,
        end_time_unix_nano: 1_795_380_559_533_402_858,
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.scheme", "https"),
            text("url.path", "/basket/4711"),
            text("http.route", "/basket/{id}"),
            attribute("http.response.status_code", Value::IntValue(200)),
            text("network.protocol.version", "1.1"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
        ],
        ..Span::default()
    }
}

fn call(span: Span, operation: &str, nth: u64) -> Span {
    let attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-5-mini"),
        text("gen_ai.response.id", &format!("chatcmpl-{nth}")),
        attribute("gen_ai.usage.input_tokens", Value::IntValue(1500)),
        attribute("gen_ai.usage.output_tokens", Value::IntValue(350)),
    ];
    Span { attributes, ..span }
}

fn request(spans: Vec<Span>) -> Bytes {
    let scope = InstrumentationScope { name: "http".into(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}
