//! What producers send: traces whose spans carry who they are and a checksum of all they say, and what each trace costs.
//!
//! Nothing here asks pricetag. Money is computed from the rates below in integers, calls are counted from how the trace was made.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::seal::{Stamp, stamp};

/// Picodollars for a token. The providers' list prices: openai.com/api/pricing and anthropic.com/pricing, read on 2026-11-23; `pricetag prices
/// show MODEL` has the same. None of them has tiers by length.
#[derive(Clone, Copy, Debug)]
struct Model {
    name: &'static str,
    provider: &'static str,
    input: i128,
    /// `None`: its calls have no cached tokens here.
    cached: Option<i128>,
    output: i128,
}

const MODELS: [Model; 3] = [
    Model {
        name: "gpt-4o",
        provider: "openai",
        input: 2_500_000,
        cached: Some(1_250_000),
        output: 10_000_000,
    },
    Model { name: "gpt-4o-mini", provider: "openai", input: 150_000, cached: Some(75_000), output: 600_000 },
    Model {
        name: "claude-haiku-4-5",
        provider: "anthropic",
        input: 1_000_000,
        cached: None,
        output: 5_000_000,
    },
];

/// What prompts are cut from: making up each letter anew would take longer than pricing the call.
const LETTERS: usize = 1 << 16;

/// How many users share the calls.
pub(crate) const USERS: u64 = 7;

/// The attribute in which a span says how the sink shall answer its request; see `sink::Mood::AsTold`.
pub(crate) const ANSWER: &str = "answer";

/// One request, which is sent again as it is.
#[derive(Clone, Debug)]
pub(crate) struct Shipment {
    pub(crate) body: Bytes,
    pub(crate) stamps: Vec<Stamp>,
}

/// A trace in the order in which its requests are sent, and what the ledger must say of it.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) user: String,
    /// Picodollars.
    pub(crate) cost: i128,
    /// Calls that count.
    pub(crate) calls: u64,
}

/// What traces are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// All kinds, some of them in two requests.
    All,
    /// A trace is one request: where requests may stay out, or come later than a trace is open.
    Whole,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A call alone.
    Alone,
    /// A root that is no call, and calls below it.
    Tree,
    /// The same, the root and a call in the second request.
    Split,
    /// Only the root knows the user, and it comes in the second request.
    LateUser,
    /// A gateway and an SDK tell of one call.
    Twice,
    /// The same in two requests, either of them first.
    TwiceSplit,
    /// An agent that repeats the sum of its calls, one of which comes later.
    Agent,
    /// No call at all.
    Silent,
}

const ALL: [Kind; 8] = [
    Kind::Alone,
    Kind::Tree,
    Kind::Split,
    Kind::LateUser,
    Kind::Twice,
    Kind::TwiceSplit,
    Kind::Agent,
    Kind::Silent,
];
const WHOLE: [Kind; 5] = [Kind::Alone, Kind::Alone, Kind::Tree, Kind::Twice, Kind::Silent];

/// What was used of a model.
#[derive(Clone, Copy, Debug)]
struct Usage {
    model: Model,
    input: i64,
    cached: i64,
    output: i64,
}

impl Usage {
    fn random(random: &mut StdRng) -> Self {
        let model = MODELS[random.random_range(0..MODELS.len())];
        let input = random.random_range(1..20_000);
        let cached = if model.cached.is_some() { random.random_range(0..=input / 2) } else { 0 };
        Usage { model, input, cached, output: random.random_range(1..3_000) }
    }

    fn cost(&self) -> i128 {
        i128::from(self.input - self.cached) * self.model.input
            + i128::from(self.cached) * self.model.cached.unwrap_or(0)
            + i128::from(self.output) * self.model.output
    }

    fn attributes(&self, operation: &str) -> Vec<KeyValue> {
        let mut attributes = vec![
            text("gen_ai.operation.name", operation),
            text("gen_ai.provider.name", self.model.provider),
            text("gen_ai.request.model", self.model.name),
            number("gen_ai.usage.input_tokens", self.input),
            number("gen_ai.usage.output_tokens", self.output),
        ];
        if self.cached > 0 {
            attributes.push(number("gen_ai.usage.cache_read.input_tokens", self.cached));
        }
        attributes
    }
}

/// Makes traces for one producer, none like another.
#[derive(Debug)]
pub(crate) struct Author {
    producer: u32,
    /// Tells this run's ids from another's.
    salt: u32,
    traces: u64,
    seq: u64,
    mix: Mix,
    /// Bytes of prompt in each span.
    prompt: usize,
    letters: String,
    random: StdRng,
}

/// Spans and who tells of each.
type Request = Vec<(&'static str, Span)>;

/// Where a span stands.
struct Place<'a> {
    trace: &'a [u8],
    parent: &'a [u8],
}

impl Author {
    pub(crate) fn new(producer: u32, mix: Mix, prompt: usize, mut random: StdRng) -> Self {
        let letters = (0..LETTERS).map(|_| char::from(random.random_range(b'!'..b'~'))).collect();
        Author { producer, salt: random.random(), traces: 0, seq: 0, mix, prompt, letters, random }
    }

    /// The next trace.
    pub(crate) fn trace(&mut self) -> Trace {
        let kinds: &[Kind] = if self.mix == Mix::All { &ALL } else { &WHOLE };
        let kind = kinds[self.random.random_range(0..kinds.len())];
        let id = self.trace_id();
        let user = self.user();
        let first = Usage::random(&mut self.random);
        // Two reports of one call are told by their usage, too: what is another call must not look like it.
        let second = loop {
            let usage = Usage::random(&mut self.random);
            if usage.input != first.input {
                break usage;
            }
        };
        let theirs = Some(user.as_str());
        let root = self.root(&id, if matches!(kind, Kind::Silent) { None } else { theirs });
        let top = Place { trace: &id, parent: &[] };
        let below = Place { trace: &id, parent: &root.span_id };
        let (requests, counted): (Vec<Request>, Vec<Usage>) = match kind {
            Kind::Alone => (vec![vec![("sdk", self.call(&top, first, theirs, None))]], vec![first]),
            Kind::Tree => {
                let calls = [first, second].map(|usage| ("sdk", self.call(&below, usage, theirs, None)));
                (vec![[("web", root.clone())].into_iter().chain(calls).collect()], vec![first, second])
            }
            Kind::Split | Kind::LateUser => {
                let theirs = if matches!(kind, Kind::Split) { theirs } else { None };
                let [a, b] = [first, second].map(|usage| ("sdk", self.call(&below, usage, theirs, None)));
                (vec![vec![a], vec![b, ("web", root.clone())]], vec![first, second])
            }
            Kind::Twice | Kind::TwiceSplit => {
                let response = format!("resp-{}-{}-{}", self.salt, self.producer, self.traces);
                let outer = self.call(&top, first, theirs, Some(&response));
                let place = Place { trace: &id, parent: &outer.span_id };
                let inner = self.call(&place, first, theirs, Some(&response));
                let mut reports = vec![("gateway", outer), ("sdk", inner)];
                if self.random.random() {
                    reports.reverse();
                }
                let whole = matches!(kind, Kind::Twice);
                let requests =
                    if whole { vec![reports] } else { reports.into_iter().map(|it| vec![it]).collect() };
                (requests, vec![first])
            }
            Kind::Agent => {
                let second = Usage { model: first.model, cached: 0, ..second };
                let sum = Usage {
                    input: first.input + second.input,
                    cached: first.cached,
                    output: first.output + second.output,
                    ..first
                };
                let mut attributes = sum.attributes("invoke_agent");
                attributes.push(text("user.id", &user));
                let agent = self.span(&top, "agent", attributes);
                let place = Place { trace: &id, parent: &agent.span_id };
                let [a, b] = [first, second].map(|usage| ("sdk", self.call(&place, usage, theirs, None)));
                let requests = if self.random.random() {
                    vec![vec![("sdk", agent), a], vec![b]]
                } else {
                    vec![vec![a], vec![b, ("sdk", agent)]]
                };
                (requests, vec![first, second])
            }
            Kind::Silent => {
                let child = self.span(&below, "SELECT", vec![text("db.system.name", "sqlite")]);
                (vec![vec![("web", root.clone()), ("web", child)]], vec![])
            }
        };
        Trace {
            shipments: requests.into_iter().map(|spans| self.shipment(spans)).collect(),
            user,
            cost: counted.iter().map(Usage::cost).sum(),
            calls: counted.len() as u64,
        }
    }

    /// A trace of one call in one request that says how it wants to be answered.
    pub(crate) fn told(&mut self, answer: &str) -> Trace {
        let id = self.trace_id();
        let usage = Usage::random(&mut self.random);
        let user = "user-0".to_owned();
        let mut call = self.call(&Place { trace: &id, parent: &[] }, usage, Some(&user), None);
        call.attributes.push(text(ANSWER, answer));
        let shipments = vec![self.shipment(vec![("sdk", call)])];
        Trace { shipments, user, cost: usage.cost(), calls: 1 }
    }

    /// A trace of so many calls in one request: for volume.
    pub(crate) fn batch(&mut self, calls: usize) -> Trace {
        let id = self.trace_id();
        let user = self.user();
        let usages: Vec<Usage> = (0..calls).map(|_| Usage::random(&mut self.random)).collect();
        let place = Place { trace: &id, parent: &[1; 8] };
        let spans =
            usages.iter().map(|usage| ("sdk", self.call(&place, *usage, Some(&user), None))).collect();
        let shipments = vec![self.shipment(spans)];
        Trace { shipments, user, cost: usages.iter().map(Usage::cost).sum(), calls: calls as u64 }
    }

    /// The users of each hundred of producers are others: one pricetag's.
    fn user(&mut self) -> String {
        format!("user-{}-{}", self.producer / 100, self.random.random_range(0..USERS))
    }

    fn trace_id(&mut self) -> Vec<u8> {
        self.traces += 1;
        let mut id = self.salt.to_be_bytes().to_vec();
        id.extend(self.producer.to_be_bytes());
        id.extend(self.traces.to_be_bytes());
        id
    }

    fn root(&mut self, trace: &[u8], user: Option<&str>) -> Span {
        let attributes = user.map(|user| text("user.id", user)).into_iter().collect();
        self.span(&Place { trace, parent: &[] }, "POST /chat", attributes)
    }

    fn call(&mut self, place: &Place<'_>, usage: Usage, user: Option<&str>, response: Option<&str>) -> Span {
        let mut attributes = usage.attributes("chat");
        attributes.extend(response.map(|id| text("gen_ai.response.id", id)));
        attributes.extend(user.map(|user| text("user.id", user)));
        let prompt = self.prompt();
        attributes.push(text("prompt", &prompt));
        self.span(place, "chat", attributes)
    }

    /// Some of the author's letters, which compress badly: what is long must be as long on disk.
    fn prompt(&mut self) -> String {
        let start = self.random.random_range(0..=LETTERS - self.prompt);
        self.letters[start..start + self.prompt].to_owned()
    }

    fn span(&mut self, place: &Place<'_>, name: &str, mut attributes: Vec<KeyValue>) -> Span {
        self.seq += 1;
        attributes.push(number("producer", i64::from(self.producer)));
        attributes.push(number("seq", self.seq as i64));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        Span {
            trace_id: place.trace.to_vec(),
            // Never zero, for the number is not.
            span_id: (u64::from(self.producer) << 40 | self.seq).to_be_bytes().to_vec(),
            parent_span_id: place.parent.to_vec(),
            name: name.to_owned(),
            kind: 3,
            start_time_unix_nano: now - 1_000_000,
            end_time_unix_nano: now,
            attributes,
            ..Span::default()
        }
    }

    /// Seals each span with its checksum, behind all that is told.
    fn shipment(&self, spans: Request) -> Shipment {
        let (mut stamps, mut scope_spans) = (Vec::new(), Vec::<ScopeSpans>::new());
        for (scope, mut span) in spans {
            let stamp = stamp(&span).unwrap();
            span.attributes.push(number("checksum", stamp.checksum as i64));
            stamps.push(stamp);
            let is_same = |it: &&mut ScopeSpans| {
                it.scope.as_ref().is_some_and(|it| it.name == format!("faults.{scope}"))
            };
            match scope_spans.iter_mut().find(is_same) {
                Some(scope) => scope.spans.push(span),
                None => scope_spans.push(ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: format!("faults.{scope}"),
                        ..InstrumentationScope::default()
                    }),
                    spans: vec![span],
                    ..ScopeSpans::default()
                }),
            }
        }
        let service = text("service.name", &format!("producer-{}", self.producer));
        let resource = Some(Resource { attributes: vec![service], ..Resource::default() });
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
        };
        Shipment { body: request.encode_to_vec().into(), stamps }
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
