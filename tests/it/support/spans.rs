//! Making spans, and reading what became of them.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// When spans end: this hour, which began a moment ago or nearly an hour, so that it is one of the last 24 that the API tells of.
static HOUR: LazyLock<u64> = LazyLock::new(|| {
    const NANOS: u64 = 3_600_000_000_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_nanos() as u64 / NANOS * NANOS
});

/// The keys besides `pricetag.*` that pricetag writes.
pub(crate) const ALIASES: [&str; 2] = ["gen_ai.usage.cost", "operation.cost"];

/// A value from a plain one.
pub(crate) trait IntoValue {
    fn value(self) -> Value;
}

impl IntoValue for &str {
    fn value(self) -> Value {
        Value::StringValue(self.to_owned())
    }
}

impl IntoValue for i64 {
    fn value(self) -> Value {
        Value::IntValue(self)
    }
}

impl IntoValue for f64 {
    fn value(self) -> Value {
        Value::DoubleValue(self)
    }
}

impl IntoValue for bool {
    fn value(self) -> Value {
        Value::BoolValue(self)
    }
}

/// An attribute.
pub(crate) fn attribute(key: &str, value: impl IntoValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value.value()) }),
        ..KeyValue::default()
    }
}

/// A span number `number`, a trace of its own, with these attributes.
pub(crate) fn span(number: u64, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: [number.to_be_bytes(), [7; 8]].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        kind: 3,
        start_time_unix_nano: *HOUR - 1_000_000_000 + number,
        end_time_unix_nano: *HOUR + number,
        attributes,
        ..Span::default()
    }
}

/// A chat call of gpt-4o, $2.50 and $10 per million tokens.
pub(crate) fn gpt_4o(number: u64, input: i64, output: i64) -> Span {
    chat(
        number,
        "gpt-4o",
        vec![attribute("gen_ai.usage.input_tokens", input), attribute("gen_ai.usage.output_tokens", output)],
    )
}

/// A chat call of an OpenAI model with these attributes more.
pub(crate) fn chat(number: u64, model: &str, more: Vec<KeyValue>) -> Span {
    let mut attributes = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.provider.name", "openai"),
        attribute("gen_ai.request.model", model),
    ];
    attributes.extend(more);
    span(number, attributes)
}

/// An agent's span that repeats the usage of the call below it, and that call: a million input tokens of gpt-4o.
pub(crate) fn agent_and_call() -> [Span; 2] {
    let mut agent = gpt_4o(1, 1_000_000, 0);
    agent.attributes[0] = attribute("gen_ai.operation.name", "invoke_agent");
    let mut call = gpt_4o(2, 1_000_000, 0);
    (call.trace_id, call.parent_span_id) = (agent.trace_id.clone(), agent.span_id.clone());
    [agent, call]
}

/// A request with these spans.
pub(crate) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "tests".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

/// All spans of a request, in order.
pub(crate) fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

/// Reads attributes, checking that no key stands twice.
pub(crate) trait Attributes {
    fn value(&self, key: &str) -> Option<&Value>;
    fn keys(&self, prefix: &str) -> Vec<&str>;

    fn double(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::DoubleValue(value) => Some(*value),
            other => panic!("{key} is no double: {other:?}"),
        }
    }

    /// 0 where it is missing.
    fn int(&self, key: &str) -> i64 {
        match self.value(key) {
            None => 0,
            Some(Value::IntValue(value)) => *value,
            Some(other) => panic!("{key} is no int: {other:?}"),
        }
    }

    fn string(&self, key: &str) -> &str {
        match self.value(key) {
            None => "",
            Some(Value::StringValue(value)) => value,
            Some(other) => panic!("{key} is no string: {other:?}"),
        }
    }
}

impl Attributes for [KeyValue] {
    fn value(&self, key: &str) -> Option<&Value> {
        let mut found = self.iter().filter(|attribute| attribute.key == key);
        let first = found.next()?;
        assert!(found.next().is_none(), "{key} stands twice: {self:?}");
        first.value.as_ref()?.value.as_ref()
    }

    fn keys(&self, prefix: &str) -> Vec<&str> {
        let keys = self.iter().map(|attribute| attribute.key.as_str());
        keys.filter(|key| key.starts_with(prefix)).collect()
    }
}

impl Attributes for Span {
    fn value(&self, key: &str) -> Option<&Value> {
        self.attributes.value(key)
    }

    fn keys(&self, prefix: &str) -> Vec<&str> {
        self.attributes.keys(prefix)
    }
}

impl Attributes for LogRecord {
    fn value(&self, key: &str) -> Option<&Value> {
        self.attributes.value(key)
    }

    fn keys(&self, prefix: &str) -> Vec<&str> {
        self.attributes.keys(prefix)
    }
}

/// The span in the request that has this id.
pub(crate) fn by_id<'r>(request: &'r ExportTraceServiceRequest, id: &[u8]) -> &'r Span {
    let mut found = spans(request).into_iter().filter(|span| span.span_id == id);
    let span = found.next().unwrap();
    assert!(found.next().is_none(), "span {id:?} arrived twice");
    span
}

/// The request without what pricetag writes: for spans whose sender wrote none of it.
pub(crate) fn without_ours(request: &ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let mut request = request.clone();
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        let ours = |key: &str| key.starts_with("pricetag.") || ALIASES.contains(&key);
        span.attributes.retain(|attribute| !ours(&attribute.key));
    }
    request
}

/// Dollars in picodollars, by the shortest decimal that the double stands for. Panics if it stands for more
/// than twelve places: then it was not made from picodollars.
pub(crate) fn picodollars(dollars: f64) -> i128 {
    let text = format!("{dollars:.12}");
    assert_eq!(text.parse::<f64>().unwrap(), dollars, "{dollars} is no number of picodollars");
    let (whole, fraction) = text.split_once('.').unwrap();
    format!("{whole}{fraction}").parse().unwrap()
}
