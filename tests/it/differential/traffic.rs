//! Trace requests as no sane application would send them, drawn from a tape.
//!
//! What is kept simple is who is related to whom: a span's parent is unknown to the request, except in
//! *pairs* (two reports of what may be one call) and *families* (a container with calls below it). Larger
//! structures are the business of the tests of settlement.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::tape::Tape;

/// A time at which none of the prices below was about to change: 2025-12-01.
pub(super) const TIME: u64 = 1_764_547_200_000_000_000;

const TEXT_KEYS: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "openai.request.service_tier",
    "openai.response.service_tier",
    "gen_ai.openai.response.service_tier",
    "error.type",
    "server.address",
    "user.id",
    "enduser.id",
    "session.id",
    "feature",
];
const COUNT_KEYS: &[&str] = &[
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
];
const COST_KEYS: &[&str] = &[
    "gen_ai.usage.cost",
    "gen_ai.usage.cost.amount",
    "operation.cost",
    "llm.cost.total",
    "my.cost",
    "pricetag.cost.total",
    "pricetag.reason",
    "pricetag.reported.key",
    "pricetag.status",
];
const OPERATIONS: &[&str] = &[
    "chat",
    "embeddings",
    "text_completion",
    "generate_content",
    "invoke_agent",
    "execute_tool",
    "novel",
    "update_memory",
    "",
];
const PROVIDERS: &[&str] = &["openai", "anthropic", "gcp.gemini", "mistral_ai", "acme-cloud", ""];
pub(super) const MODELS: &[&str] = &[
    "gpt-4o",
    "gpt-4o-mini",
    "o3",
    "claude-sonnet-4-5",
    "gemini-2.5-pro",
    "mistral-large",
    "text-embedding-3-small",
    "zzz-nonesuch",
    "",
];
const TIERS: &[&str] = &["default", "auto", "flex", "batch", "standard", ""];

fn string(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn attribute(key: &str, value: Option<Value>) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: value.map(|value| AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

fn value(tape: &mut Tape<'_>, depth: usize) -> Option<Value> {
    let some = |value| AnyValue { value };
    Some(match tape.below(if depth < 3 { 10 } else { 6 }) {
        0 => string("text"),
        1 => Value::IntValue(tape.u64() as i64),
        2 => Value::BoolValue(tape.chance(50)),
        3 => Value::DoubleValue(f64::from_bits(tape.u64() & !(0x7ff << 52) | 0x3ff << 52)),
        4 => Value::BytesValue(vec![tape.byte(); tape.below(9)]),
        5 => string(""),
        6 => return None,
        7 => string(&"long ".repeat(tape.below(60))),
        8 => Value::ArrayValue(ArrayValue {
            values: (0..tape.below(4)).map(|_| some(value(tape, depth + 1))).collect(),
        }),
        _ => Value::KvlistValue(KeyValueList {
            values: (0..tape.below(3)).map(|_| attribute("gen_ai.system", value(tape, depth + 1))).collect(),
        }),
    })
}

fn count(tape: &mut Tape<'_>) -> Option<Value> {
    let small = tape.below(2000) as i64;
    Some(match tape.below(24) {
        0 => Value::IntValue(0),
        1 => Value::IntValue(-1),
        2 => Value::IntValue(-7),
        3 => Value::IntValue(1_000_000_001),
        4 => Value::IntValue(1_000_000_000),
        5 => Value::DoubleValue(small as f64),
        6 => Value::DoubleValue(small as f64 + 0.5),
        7 => string(&small.to_string()),
        8 => string(&format!(" {small} ")),
        9 => string("many"),
        10 => string(""),
        11 => value(tape, 0)?,
        12 | 13 => Value::IntValue(150_000 + 100 * small),
        _ => Value::IntValue(small),
    })
}

fn cost(tape: &mut Tape<'_>) -> Option<Value> {
    let micros = tape.below(60_000);
    Some(match tape.below(8) {
        0 => Value::DoubleValue(f64::NAN),
        1 => Value::DoubleValue(-0.25),
        2 => Value::IntValue(micros as i64),
        3 => string(&format!("0.{micros:06}")),
        4 => string("dear"),
        5 => value(tape, 0)?,
        _ => Value::DoubleValue(micros as f64 / 1e6),
    })
}

fn text(key: &str, tape: &mut Tape<'_>) -> Option<Value> {
    if tape.chance(5) {
        return value(tape, 0);
    }
    Some(string(match key {
        "gen_ai.operation.name" => tape.pick(OPERATIONS),
        "gen_ai.provider.name" | "gen_ai.system" => tape.pick(PROVIDERS),
        "gen_ai.request.model" | "gen_ai.response.model" => tape.pick(MODELS),
        "gen_ai.response.id" => tape.pick(&["r1", "r2", ""]),
        "error.type" => tape.pick(&["timeout", "", ""]),
        "server.address" => "10.0.0.1",
        key if key.ends_with("tier") => tape.pick(TIERS),
        _ => tape.pick(&["ann", "bob", ""]),
    }))
}

/// Up to 30 attributes of every kind.
fn attributes(tape: &mut Tape<'_>, most: usize) -> Vec<KeyValue> {
    (0..tape.below(most + 1))
        .map(|n| match tape.below(20) {
            0..=2 => {
                let key = tape.pick(TEXT_KEYS);
                attribute(key, text(key, tape))
            }
            3..=4 => attribute(tape.pick(COUNT_KEYS), count(tape)),
            5 if tape.chance(40) => attribute(tape.pick(COST_KEYS), cost(tape)),
            _ => attribute(&format!("app.key.{n}"), value(tape, 0)),
        })
        .collect()
}

fn ints(span: &mut Span, counts: &[(&str, i64)]) {
    span.attributes.extend(counts.iter().map(|(key, n)| attribute(key, Some(Value::IntValue(*n)))));
}

fn texts(span: &mut Span, texts: &[(&str, &str)]) {
    span.attributes.extend(texts.iter().map(|(key, text)| attribute(key, Some(string(text)))));
}

/// What an instrumentation in its right mind writes.
fn plain_call(span: &mut Span, model: usize, tape: &mut Tape<'_>) {
    let provider = match MODELS[model] {
        "claude-sonnet-4-5" => "anthropic",
        "gemini-2.5-pro" => "gcp.gemini",
        "mistral-large" => "mistral_ai",
        _ => "openai",
    };
    let old = tape.chance(30);
    texts(span, &[("gen_ai.operation.name", "chat"), ("gen_ai.response.model", MODELS[model])]);
    texts(span, &[(if old { "gen_ai.system" } else { "gen_ai.provider.name" }, provider)]);
    let (input, output) = (1 + tape.below(3000) as i64, tape.below(900) as i64);
    let names = if old { [COUNT_KEYS[1], COUNT_KEYS[3]] } else { [COUNT_KEYS[0], COUNT_KEYS[2]] };
    ints(span, &[(names[0], input), (names[1], output)]);
    if tape.chance(30) {
        ints(span, &[(COUNT_KEYS[4], input / 2), (COUNT_KEYS[6], input / 4), (COUNT_KEYS[9], input / 8)]);
    }
}

struct Ids {
    next: u64,
}

impl Ids {
    fn span(&mut self) -> Vec<u8> {
        self.next += 1;
        self.next.to_be_bytes().to_vec()
    }
}

fn odd_id(length: usize, tape: &mut Tape<'_>) -> Option<Vec<u8>> {
    tape.chance(8).then(|| match tape.below(4) {
        0 => vec![],
        1 => vec![0; length],
        2 => vec![7; length - 1],
        _ => vec![7; length + 1],
    })
}

fn span(ids: &mut Ids, tape: &mut Tape<'_>) -> Span {
    let trace = u64::from(tape.byte() % 3 + 1);
    let id = ids.span();
    Span {
        trace_id: odd_id(16, tape).unwrap_or_else(|| [7, trace].map(u64::to_be_bytes).concat()),
        span_id: odd_id(8, tape).unwrap_or(id),
        parent_span_id: if tape.chance(30) { vec![0xee; tape.below(10)] } else { vec![] },
        name: tape.pick(&["chat", "", "a name"]).to_owned(),
        kind: tape.pick(&[3, 1, 0, 2, 99, -1]),
        start_time_unix_nano: if tape.chance(20) { TIME } else { 0 },
        end_time_unix_nano: if tape.chance(80) { TIME + u64::from(tape.byte()) } else { 0 },
        trace_state: if tape.chance(5) { "k=v".into() } else { String::new() },
        flags: u32::from(tape.chance(20)) * 0x101,
        dropped_events_count: tape.chance(5).into(),
        events: (0..if tape.chance(10) { tape.below(3) } else { 0 })
            .map(|_| Event { name: "e".into(), attributes: attributes(tape, 4), ..Event::default() })
            .collect(),
        links: (0..if tape.chance(10) { tape.below(3) } else { 0 })
            .map(|_| Link { trace_id: vec![1; 16], attributes: attributes(tape, 2), ..Link::default() })
            .collect(),
        status: tape.chance(30).then(|| Status { message: "m".into(), code: tape.pick(&[0, 1, 2]) }),
        ..Span::default()
    }
}

fn related(parent: &Span, ids: &mut Ids, tape: &mut Tape<'_>) -> Span {
    let id = ids.span();
    Span {
        trace_id: parent.trace_id.clone(),
        parent_span_id: parent.span_id.clone(),
        span_id: id,
        ..span(ids, tape)
    }
}

/// Two reports of what may be one call, the second below the first.
fn pair(ids: &mut Ids, tape: &mut Tape<'_>) -> [Span; 2] {
    let mut outer = span(ids, tape);
    let mut inner = related(&outer, ids, tape);
    let model = tape.below(6);
    let same_id = tape.chance(60);
    for (n, span) in [&mut outer, &mut inner].into_iter().enumerate() {
        texts(span, &[("gen_ai.operation.name", "chat"), ("gen_ai.request.model", MODELS[model])]);
        ints(span, &[(COUNT_KEYS[0], 100), (COUNT_KEYS[2], 20 + i64::from(tape.chance(10)))]);
        if tape.chance(60) {
            let id = format!("pair {} {}", ids.next, if same_id { 0 } else { n });
            texts(span, &[("gen_ai.response.id", &id)]);
        }
        if tape.chance(40) {
            ints(span, &[(COUNT_KEYS[4], 50)]);
        }
        if tape.chance(20) {
            span.attributes.extend([attribute("operation.cost", cost(tape))]);
        }
    }
    [outer, inner]
}

/// Only the spans of a pair may have a response id in common: it would relate them wherever they stand.
fn own_response_id(span: &mut Span, nth: usize) {
    for attribute in span.attributes.iter_mut().filter(|attribute| attribute.key == "gen_ai.response.id") {
        if let Some(AnyValue { value: Some(Value::StringValue(id)) }) = &mut attribute.value
            && !id.is_empty()
            && !id.starts_with("pair ")
        {
            *id += &nth.to_string();
        }
    }
}

/// A container with calls below it, or with spans that tell no usage.
fn family(ids: &mut Ids, tape: &mut Tape<'_>) -> Vec<Span> {
    let mut container = span(ids, tape);
    texts(&mut container, &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.request.model", "gpt-4o")]);
    ints(&mut container, &[(COUNT_KEYS[0], 100), (COUNT_KEYS[2], 20)]);
    let mut spans = vec![container];
    for _ in 0..tape.below(4) {
        let mut child = related(&spans[0], ids, tape);
        texts(&mut child, &[("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "gpt-4o")]);
        if tape.chance(60) {
            ints(&mut child, &[(COUNT_KEYS[0], 100), (COUNT_KEYS[2], 20)]);
        }
        spans.push(child);
    }
    spans
}

/// A request.
pub(super) fn request(tape: &mut Tape<'_>) -> ExportTraceServiceRequest {
    let mut ids = Ids { next: 0 };
    let mut spans = Vec::new();
    for _ in 0..tape.below(7) {
        match tape.below(8) {
            0 => spans.push(Span { attributes: attributes(tape, 12), ..span(&mut ids, tape) }),
            1 => spans.extend(pair(&mut ids, tape)),
            2 => spans.extend(family(&mut ids, tape)),
            3 | 4 => {
                let mut span = span(&mut ids, tape);
                span.attributes = attributes(tape, 30);
                spans.push(span);
            }
            _ => {
                let mut span = span(&mut ids, tape);
                let model = tape.below(MODELS.len());
                plain_call(&mut span, model, tape);
                span.attributes.extend(attributes(tape, 10));
                let by = tape.below(span.attributes.len());
                span.attributes.rotate_left(by);
                spans.push(span);
            }
        }
    }
    let mut resource_spans: Vec<ResourceSpans> = (0..1 + tape.below(3))
        .map(|_| ResourceSpans {
            resource: tape
                .chance(80)
                .then(|| Resource { attributes: attributes(tape, 6), ..Resource::default() }),
            scope_spans: (0..1 + tape.below(3))
                .map(|_| ScopeSpans {
                    scope: tape.chance(80).then(|| InstrumentationScope {
                        name: tape.pick(&["sdk", "http", ""]).to_owned(),
                        version: "1".to_owned(),
                        attributes: attributes(tape, 2),
                        ..InstrumentationScope::default()
                    }),
                    ..ScopeSpans::default()
                })
                .collect(),
            schema_url: tape.pick(&["", "https://schema"]).to_owned(),
        })
        .collect();
    tape.shuffle(&mut spans);
    for (n, mut span) in spans.into_iter().enumerate() {
        own_response_id(&mut span, n);
        let at = tape.below(resource_spans.len());
        let scopes = &mut resource_spans[at].scope_spans;
        let at = tape.below(scopes.len());
        scopes[at].spans.push(span);
    }
    ExportTraceServiceRequest { resource_spans }
}
