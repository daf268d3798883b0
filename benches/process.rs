//! `cargo bench`: what pricing a request costs, against doing it the plain way and against copying it.
//!
//! Each figure is a ratio of two things measured in turn, A B A B, so that a machine whose speed drifts
//! spoils neither. Absolute times are printed for orientation only.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::attribution::Attribution;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Settings, Shared};
use prost::Message as _;

const SPANS: usize = 100;
const BODIES: usize = 20;
const ROUNDS: usize = 40;
/// A moment after the calls.
const NOW: Now = Now { unix_nano: 1_795_380_560_000_000_000, monotonic: 0 };

fn main() {
    println!("{SPANS} spans of 18 attributes a request, each an LLM call; medians of {ROUNDS} rounds\n");
    let small: Vec<Bytes> = (0..BODIES).map(|n| request(n, 0)).collect();
    let large: Vec<Bytes> = (0..BODIES).map(|n| request(n + BODIES, 8_000)).collect();

    let plain = compare(&small, &mut |body| drop(black_box(the_plain_way(body))));
    println!("{:>7} kB  process against prost decode + edit + encode", small[0].len() / 1000);
    println!(
        "    {:.1} times faster ({:.0} against {:.0} ns a span)\n",
        plain.other / plain.process,
        plain.process,
        plain.other
    );

    let copy = compare(&large, &mut |body| drop(black_box(body.to_vec())));
    println!("{:>7} kB  process against a plain copy (8 kB of prompt a span)", large[0].len() / 1000);
    println!(
        "    {:.2} times a copy ({:.0} against {:.0} ns a span)\n",
        copy.process / copy.other,
        copy.process,
        copy.other
    );
}

/// Medians, nanoseconds a span.
struct Medians {
    process: f64,
    other: f64,
}

fn processor() -> (Arc<Shared>, Processor) {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    let settings = Settings {
        aliases: keys(&["gen_ai.usage.cost", "operation.cost"]),
        attribution: Attribution::of_keys(&[
            ("user", &["user.id"]),
            ("session", &["session.id"]),
            ("feature", &["feature"]),
        ]),
        ..Settings::default()
    };
    let shared = Arc::new(Shared::new(&settings, Arc::new(Catalog::embedded().clone())));
    (Arc::clone(&shared), Processor::new(shared))
}

fn compare(bodies: &[Bytes], other: &mut dyn FnMut(&Bytes)) -> Medians {
    let (shared, mut processor) = processor();
    let mut times = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 5 {
        let start = Instant::now();
        for body in bodies {
            black_box(processor.process(body.clone(), NOW).unwrap());
        }
        let processed = start.elapsed();
        // The same spans come again in the next round: their traces must be new then.
        shared.open_traces().settle_all(&mut Vec::new());
        let start = Instant::now();
        bodies.iter().for_each(&mut *other);
        let others = start.elapsed();
        if round >= 5 {
            times.0.push(processed);
            times.1.push(others);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_nanos() as f64 / (bodies.len() * SPANS) as f64
    };
    Medians { process: median(&mut times.0), other: median(&mut times.1) }
}

/// Decodes, appends the same number of attributes, encodes.
fn the_plain_way(body: &Bytes) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    for span in request.resource_spans.iter_mut().flat_map(|r| &mut r.scope_spans).flat_map(|s| &mut s.spans)
    {
        let count = |key: &str| {
            let attribute = span.attributes.iter().find(|attribute| attribute.key == key);
            match attribute.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
                Some(Value::IntValue(count)) => *count as f64,
                _ => 0.0,
            }
        };
        let (input, output) = (count("gen_ai.usage.input_tokens"), count("gen_ai.usage.output_tokens"));
        let (input, output) = (input * 0.25e-6, output * 2e-6);
        for (key, cost) in [
            ("pricetag.cost.total", input + output),
            ("pricetag.cost.input", input),
            ("pricetag.cost.output", output),
            ("pricetag.cost.cache_read", input),
            ("gen_ai.usage.cost", input + output),
            ("operation.cost", input + output),
        ] {
            span.attributes.push(attribute(key, Value::DoubleValue(cost)));
        }
        span.attributes.push(attribute("pricetag.status", Value::StringValue("priced".into())));
    }
    request.encode_to_vec()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn request(seed: usize, prompt: usize) -> Bytes {
    let text = |key: &str, value: &str| attribute(key, Value::StringValue(value.into()));
    let count = |key: &str, value: i64| attribute(key, Value::IntValue(value));
    let span = |n: usize| {
        let id = (seed * SPANS + n) as u64 + 1;
        let mut attributes = vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-5-mini"),
            text("gen_ai.response.model", "gpt-5-mini-2025-08-07"),
            text("gen_ai.response.id", &format!("chatcmpl-{id:016x}")),
            text("server.address", "api.openai.com"),
            count("server.port", 443),
            text("openai.response.service_tier", "default"),
            text("gen_ai.output.type", "text"),
            count("gen_ai.request.max_tokens", 4096),
            attribute("gen_ai.request.temperature", Value::DoubleValue(0.2)),
            count("gen_ai.usage.input_tokens", 1500 + id as i64 % 100),
            count("gen_ai.usage.output_tokens", 350),
            count("gen_ai.usage.cache_read.input_tokens", 1024),
            count("gen_ai.usage.reasoning.output_tokens", 200),
            text("user.id", &format!("user-{}", id % 50)),
            text("session.id", &format!("session-{}", id % 70)),
            text("feature", "search"),
        ];
        if prompt > 0 {
            attributes[8] = text("gen_ai.input.messages", &"All work and no play. ".repeat(prompt / 22));
        }
        let trace = (id / 10).to_be_bytes().repeat(2);
        Span {
            trace_id: trace,
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: (id / 10 + (1 << 40)).to_be_bytes().to_vec(),
            name: "chat gpt-5-mini".into(),
            kind: 3,
            start_time_unix_nano: 1_795_380_558_533_368_632,
            end_time_unix_nano: 1_795_380_559_533_402_858,
            attributes,
            ..Span::default()
        }
    };
    let resource = Resource {
        attributes: vec![
            text("service.name", "checkout-assistant"),
            text("telemetry.sdk.language", "python"),
        ],
        ..Resource::default()
    };
    let scope =
        InstrumentationScope { name: "opentelemetry.instrumentation.openai_v2".into(), ..Default::default() };
    let spans = (0..SPANS).map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec())
}
