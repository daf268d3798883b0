//! `cargo bench --bench attribution`: what it adds to a span to know whose money it was and what its action has cost, beside 10,000
//! open traces; and a million open traces within the default memory, with exact totals.
//!
//! Attribution is measured against the same processor without dimensions, actions by themselves.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::attribution::Attribution;
use pricetag::booking::Entries;
use pricetag::config::Config;
use pricetag::genai::dialects::Dialects;
use pricetag::genai::found::Found;
use pricetag::genai::recognise::Recogniser;
use pricetag::ledger::Ledger;
use pricetag::ledger::store::Limits;
use pricetag::otlp::splice::Plan;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Restater, Shared};
use pricetag::settlement::{Facts, Judgement, Settled, Told};
use prost::Message as _;

const OPEN: u64 = 10_000;
const ROUNDS: usize = 21;
const REQUESTS: u64 = 100;
/// Spans of a request, ten for each of ten traces.
const SPANS: u64 = 100;

fn main() {
    println!("nanoseconds a span, medians of {ROUNDS} rounds, beside {OPEN} open traces");
    let nothing = |_: u64| Vec::new();
    let baggage = |n: u64| {
        vec![text("user.id", &format!("user-{}", n % 1000)), text("tenant.id", &format!("tenant-{}", n % 50))]
    };
    added("a plain span that says nothing", 40, |trace, id| plain(trace, id, nothing(trace)));
    added("a plain span with user and tenant (baggage)", 40, |trace, id| plain(trace, id, baggage(trace)));
    added("a call that says nothing", 200, |trace, id| call(trace, id, nothing(trace)));
    added("a call with user and tenant", 200, |trace, id| call(trace, id, baggage(trace)));
    actions();
    println!();
    a_million_open_traces();
}

fn processor(with_dimensions: bool, max_open_bytes: Option<usize>) -> (Arc<Shared>, Processor) {
    let config = Config::load(None, &[], &|_: &str| None).unwrap();
    let mut settings = pricetag::app::settings(config.processor.as_ref().unwrap()).unwrap();
    settings.max_open_bytes = max_open_bytes.unwrap_or(settings.max_open_bytes);
    if !with_dimensions {
        settings.attribution = Attribution::default();
    }
    let shared = Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone())));
    (Arc::clone(&shared), Processor::new(shared))
}

/// Requests of ten spans each for ten of the open traces, through a processor with dimensions and one without, in turns.
fn added(what: &str, aim: u64, span: impl Fn(u64, u64) -> Span) {
    let mut both = [true, false].map(|with| processor(with, Some(4 << 30)));
    let mut next = 2;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (shared, processor) in &mut both {
            shared.open_traces().settle_all(&mut Vec::new());
            for first in (0..OPEN).step_by(1000) {
                let spans = (first..first + 1000).map(|trace| plain(trace, 1, Vec::new())).collect();
                processor.process(request(spans), Now::default()).unwrap();
            }
        }
        let bodies: Vec<Bytes> = (0..REQUESTS)
            .map(|_| {
                next += SPANS;
                let trace = |nth: u64| (next + nth / 10).wrapping_mul(0x9e37_79b9_7f4a_7c15) % OPEN;
                request((0..SPANS).map(|nth| span(trace(nth), next + nth)).collect())
            })
            .collect();
        // Whoever is second finds the bodies nearer.
        for which in [round % 2, 1 - round % 2] {
            let ((_, processor), times) = (&mut both[which], &mut times[which]);
            let start = Instant::now();
            for body in &bodies {
                black_box(processor.process(body.clone(), Now::default()).unwrap());
            }
            times.push(start.elapsed().as_nanos() as f64 / (REQUESTS * SPANS) as f64);
        }
    }
    let added = times[0].iter().zip(&times[1]).map(|(with, without)| with - without).collect();
    let without = median(times[1].clone());
    println!("  {what:<45} {:>4.0} added (aim {aim}), {without:.0} without", median(added));
}

/// What is noted of a call's money, and what a root and an agent are told, by itself.
fn actions() {
    let (shared, _) = processor(true, Some(4 << 30));
    let recogniser = Recogniser { dialects: Dialects::new(&[], &[]), trust_upstream: true };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS as u64 {
        let spans = (0..SPANS).map(|nth| match nth % 10 {
            9 => Span { parent_span_id: Vec::new(), ..plain(round * 10 + nth / 10, 1, Vec::new()) },
            _ => call(round * 10 + nth / 10, 2 + nth, Vec::new()),
        });
        let body = request(spans.collect());
        let (mut plan, mut found, mut judgement) = (Plan::default(), Found::default(), Judgement::default());
        recogniser.read(&body, &mut plan, &mut found).unwrap();
        judgement.reset(found.calls.len());
        let facts = |nth: u32| Facts { asked: 1, input: nth.into(), richness: 1, ..Facts::NOTHING };
        let tell = |nth: u32| Told::of(&found.calls[nth as usize], Default::default());
        shared.open_traces().judge(0, &found, |_, _| {}, facts, tell, &mut judgement);
        let prices = vec![Some(1_000_000); found.calls.len()];
        const TIMES: u64 = 100;
        let start = Instant::now();
        for _ in 0..TIMES {
            shared.open_traces().book(&judgement, &prices);
        }
        times[0].push(start.elapsed().as_nanos() as f64 / (TIMES * found.calls.len() as u64) as f64);
        let start = Instant::now();
        for _ in 0..TIMES {
            shared.open_traces().sums(&judgement, &found, |group, sums| {
                black_box((group, sums));
            });
        }
        times[1].push(start.elapsed().as_nanos() as f64 / (TIMES * found.groups.len() as u64) as f64);
    }
    let [booking, summing] = times.map(median);
    println!(
        "  actions: {booking:.0} to note a call's money, {summing:.0} to tell a root its sum (one in ten spans here)"
    );
}

/// A million traces of which each has a call, and later a root that knows user and tenant; within 64 MiB, so most settle early.
fn a_million_open_traces() {
    const TRACES: u64 = 1_000_000;
    let (shared, mut processor) = processor(true, None);
    let names: Vec<&str> = shared.dimensions().iter().map(|it| &*it.name).collect();
    let ledger = Ledger::open(None, &names, &[], Limits::default()).unwrap();
    let (mut most, mut open) = (0, 0);
    let settle = |due: &dyn Fn(&mut Vec<Settled>)| {
        let (mut settled, mut entries) = (Vec::new(), Entries::default());
        due(&mut settled);
        let mut restater = Restater::new(&shared, Now::default());
        settled.iter().for_each(|settled| restater.push(settled, &mut entries));
        ledger.apply(&entries.take());
    };
    // A call, and half a million traces later its root.
    const BEHIND: u64 = 500_000;
    for first in (0..TRACES + BEHIND).step_by(100) {
        let mut spans = Vec::new();
        for trace in first..first + 100 {
            if trace < TRACES {
                spans.push(call(trace, 2, Vec::new()));
            }
            if trace >= BEHIND {
                let who = vec![text("user.id", &format!("user-{trace}")), text("tenant.id", "acme")];
                spans.push(Span { parent_span_id: Vec::new(), ..plain(trace - BEHIND, 1, who) });
            }
        }
        let processed = processor.process(request(spans), Now::default()).unwrap();
        ledger.apply(&processed.entries);
        if shared.open_traces().is_over_budget() {
            settle(&|settled| shared.open_traces().make_room(settled));
        }
        let size = shared.open_traces().size();
        (most, open) = (most.max(size.bytes), open.max(size.traces));
    }
    settle(&|settled| shared.open_traces().settle_all(settled));
    let (settled, pending) = ledger.books().total();
    // 1500 tokens in and 350 out at $2.50 and $10 for a million.
    let expected = i128::from(TRACES) * (1500 * 2_500_000 + 350 * 10_000_000);
    assert_eq!((settled.get(), pending.get()), (expected, 0), "the total is not exact");
    ledger.write().unwrap();
    for name in ledger.dimensions() {
        let rows = ledger.rows(&name, 0..u32::MAX).unwrap();
        let sum: i128 = rows.iter().map(|row| row.settled.money.get()).sum();
        assert_eq!(sum, expected, "the sum over {name} is not exact");
    }
    let size = shared.open_traces().size();
    println!(
        "{TRACES} traces, at most {open} open at once: {:.1} MiB at most of 64 MiB, {} settled early; total ${settled} and the sums over \
         all dimensions are exact",
        most as f64 / f64::from(1 << 20),
        size.early,
    );
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A span of a database client, with ten attributes and some more, in the order in which a processor that copies baggage leaves them.
fn plain(trace: u64, id: u64, more: Vec<KeyValue>) -> Span {
    let own = ["db.system.name", "db.namespace", "db.operation.name", "db.query.summary", "db.query.text"];
    let net = ["network.peer.address", "network.protocol.name", "thread.name", "code.function.name"];
    let mut attributes = more;
    attributes.extend(own.into_iter().chain(net).map(|key| text(key, "a value of usual length")));
    attributes.push(attribute("network.peer.port", Value::IntValue(5432)));
    span(trace, id, "SELECT shop.orders", attributes)
}

fn call(trace: u64, id: u64, more: Vec<KeyValue>) -> Span {
    let mut attributes = more;
    attributes.extend([
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", "gpt-4o"),
        text("gen_ai.response.model", "gpt-4o-2024-08-06"),
        text("gen_ai.response.id", &format!("chatcmpl-{trace}-{id}")),
        attribute("gen_ai.usage.input_tokens", Value::IntValue(1500)),
        attribute("gen_ai.usage.output_tokens", Value::IntValue(350)),
    ]);
    span(trace, id, "chat gpt-4o", attributes)
}

fn span(trace: u64, id: u64, name: &str, attributes: Vec<KeyValue>) -> Span {
    let trace_id =
        u128::from(trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    Span {
        trace_id: trace_id.to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: 1_u64.to_be_bytes().to_vec(),
        name: name.to_owned(),
        kind: 3,
        start_time_unix_nano: 1_795_380_558_000_000_000,
        end_time_unix_nano: 1_795_380_559_000_000_000,
        attributes,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Bytes {
    let scope = InstrumentationScope { name: "bench".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}
