//! What the processor should do, the slow and simple way: on decoded messages, attribute by attribute.
//!
//! Written from the issue, not from the code: it shares no table and no arithmetic with the crate. Prices are
//! those that the providers published for 2025-12.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

mod price;
mod whose;

pub(super) use price::{Bill, Counts};
pub(super) use whose::DIMENSIONS;

/// The settings of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) full: bool,
    pub(super) trust_upstream: bool,
}

pub(super) const ALIASES: [&str; 3] = ["gen_ai.usage.cost", "operation.cost", "my.cost"];

/// What a call's booking must say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) span: Vec<u8>,
    /// The call's own status, whether it counts or not.
    pub(super) status: &'static str,
    pub(super) verdict: Verdict,
    pub(super) picodollars: Option<u128>,
    pub(super) dimensions: Vec<String>,
    pub(super) tokens: [u64; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Counts,
    Duplicate(Vec<u8>),
    Aggregate,
}

fn value(attribute: &KeyValue) -> Option<&Value> {
    attribute.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], keys: &[&str]) -> &'a str {
    let said = |key: &&str| {
        attributes.iter().find_map(|attribute| match value(attribute) {
            Some(Value::StringValue(text)) if attribute.key == **key && !text.is_empty() => Some(text),
            _ => None,
        })
    };
    keys.iter().find_map(said).map_or("", |text| text)
}

/// A count as anyone would read it; zero says nothing, and so does -1.
fn count(value: Option<&Value>) -> Result<u64, ()> {
    let number = match value {
        Some(Value::IntValue(number)) => *number as f64,
        Some(Value::DoubleValue(number)) => *number,
        Some(Value::StringValue(text)) if text.is_empty() => 0.0,
        Some(Value::StringValue(text)) => text.trim().parse::<i64>().map_err(drop)? as f64,
        _ => return Err(()),
    };
    match number {
        -1.0 => Ok(0),
        whole if whole.fract() == 0.0 && (0.0..=1e9).contains(&whole) => Ok(whole as u64),
        _ => Err(()),
    }
}

const COUNTS: [&[&str]; 7] = [
    &["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"],
    &["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"],
    &["gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"],
    &["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"],
    &["anthropic.usage.cache_creation.ephemeral_5m_input_tokens"],
    &["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"],
    &["gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"],
];

enum Usage {
    Told(Counts),
    Untold,
    Absurd,
}

fn usage(attributes: &[KeyValue]) -> Usage {
    let mut told = [None; 7];
    for (slot, keys) in told.iter_mut().zip(COUNTS) {
        let said = |key: &'static &str| attributes.iter().filter(move |attribute| attribute.key == *key);
        // The first that says something, in the order of the keys.
        let first = keys.iter().flat_map(said).map(|it| count(value(it))).find(|said| *said != Ok(0));
        match first.transpose() {
            Ok(number) => *slot = number,
            Err(()) => return Usage::Absurd,
        }
    }
    if told == [None; 7] { Usage::Untold } else { Usage::Told(Counts::of(told)) }
}

/// The nearest number of picodollars to what a double says exactly, m / 2^e, in integers.
fn picodollars(dollars: f64) -> Option<u128> {
    let (bits, bias) = (dollars.to_bits(), 1075);
    let exponent = bits >> 52;
    match exponent {
        0 => Some(0),
        // Positive and at most a million or so: a sign bit makes the exponent too large.
        1..=1043 => {
            let product = u128::from(bits & ((1 << 52) - 1) | 1 << 52) * 1_000_000_000_000;
            let shift = bias - exponent;
            Some(if shift > 126 { 0 } else { (product + (1 << (shift - 1))) >> shift })
        }
        _ => None,
    }
}

/// The sender's cost: its key, and picodollars if it is an amount.
fn reported(attributes: &[KeyValue]) -> Option<(&'static str, Option<u128>)> {
    for key in ["gen_ai.usage.cost", "gen_ai.usage.cost.amount", "operation.cost", "llm.cost.total"] {
        if let Some(attribute) = attributes.iter().find(|attribute| attribute.key == key) {
            let amount = match value(attribute) {
                Some(Value::DoubleValue(dollars)) => picodollars(*dollars),
                Some(Value::IntValue(dollars)) => {
                    u128::try_from(*dollars).ok().map(|dollars| dollars * 1_000_000_000_000)
                }
                Some(Value::StringValue(dollars)) => dollars.trim().parse().ok().and_then(picodollars),
                _ => None,
            };
            // Nobody pays a million dollars for a call.
            return Some((key, amount.filter(|amount| *amount <= 1_000_000_000_000_000_000)));
        }
    }
    None
}

struct Call<'a> {
    /// Where its span is: resource, scope, span.
    at: (usize, usize, usize),
    span: &'a Span,
    scope: &'a str,
    container: bool,
    usage: Usage,
}

fn has_ids(span: &Span) -> bool {
    span.trace_id.len() == 16
        && span.trace_id.iter().any(|byte| *byte != 0)
        && span.span_id.len() == 8
        && span.span_id.iter().any(|byte| *byte != 0)
}

impl<'a> Call<'a> {
    fn of(at: (usize, usize, usize), span: &'a Span, scope: &'a str, run: Run) -> Option<Self> {
        let attributes = &span.attributes;
        if run.trust_upstream && attributes.iter().any(|attribute| attribute.key == "pricetag.status") {
            return None;
        }
        let usage = usage(attributes);
        let used = !matches!(usage, Usage::Untold);
        let operation = text(attributes, &["gen_ai.operation.name"]);
        let model = text(attributes, &["gen_ai.request.model", "gen_ai.response.model"]);
        let provider = text(attributes, &["gen_ai.provider.name", "gen_ai.system"]);
        let is_one = match operation {
            "chat" | "embeddings" | "text_completion" | "generate_content" => true,
            "execute_tool" | "update_memory" => false,
            "" => used || (span.kind == 3 && !model.is_empty() && !provider.is_empty()),
            _ => used,
        };
        is_one.then_some(Call { at, span, scope, container: operation == "invoke_agent", usage })
    }

    /// Buckets that hold something; zero: no usage.
    fn richness(&self) -> usize {
        match &self.usage {
            Usage::Told(counts) => counts.buckets().into_iter().filter(|(_, tokens)| *tokens > 0).count(),
            _ => 0,
        }
    }

    fn tokens(&self) -> [u64; 2] {
        match &self.usage {
            Usage::Told(counts) => counts.totals(),
            _ => [0; 2],
        }
    }

    fn is_above(&self, other: &Call<'_>) -> bool {
        has_ids(self.span)
            && has_ids(other.span)
            && self.span.trace_id == other.span.trace_id
            && self.span.span_id == other.span.parent_span_id
            && !std::ptr::eq(self.span, other.span)
    }

    /// One is above the other: every request has pairs at most.
    fn tells_the_same_as(&self, other: &Call<'_>) -> bool {
        let id = |call: &Call<'a>| text(&call.span.attributes, &["gen_ai.response.id"]);
        let model =
            |call: &Call<'a>| text(&call.span.attributes, &["gen_ai.response.model", "gen_ai.request.model"]);
        let (mine, theirs) = (id(self), text(&other.span.attributes, &["gen_ai.response.id"]));
        let same_answer = if mine.is_empty() || theirs.is_empty() {
            model(self) == text(&other.span.attributes, &["gen_ai.response.model", "gen_ai.request.model"])
                && self.tokens() == other.tokens()
        } else {
            mine == theirs
        };
        (self.scope != other.scope || self.span.kind != other.span.kind)
            && !self.container
            && !other.container
            && self.richness() > 0
            && other.richness() > 0
            && same_answer
    }

    fn verdict(&self, calls: &[Call<'_>]) -> Verdict {
        if self.container {
            let used = calls.iter().any(|call| self.is_above(call) && call.richness() > 0);
            return if used { Verdict::Aggregate } else { Verdict::Counts };
        }
        for other in calls {
            let above = other.is_above(self);
            if (above || self.is_above(other)) && self.tells_the_same_as(other) {
                // The richer one counts; of equals the one below.
                let mine = (self.richness(), above);
                if mine < (other.richness(), !above) {
                    return Verdict::Duplicate(other.span.span_id.clone());
                }
            }
        }
        Verdict::Counts
    }

    fn bill(&self) -> Bill {
        let attributes = &self.span.attributes;
        let served_tier = ["openai.response.service_tier", "gen_ai.openai.response.service_tier"];
        let names = price::Names {
            provider: text(attributes, &["gen_ai.provider.name", "gen_ai.system"]),
            served: text(attributes, &["gen_ai.response.model"]),
            asked: text(attributes, &["gen_ai.request.model"]),
            tier: match text(attributes, &served_tier) {
                "" => text(attributes, &["openai.request.service_tier"]),
                served => served,
            },
        };
        let bill = match &self.usage {
            Usage::Told(counts) => price::bill(names, counts),
            Usage::Absurd => Bill::unpriced("implausible"),
            Usage::Untold => {
                let failed = self.span.status.as_ref().is_some_and(|status| status.code == 2)
                    || !text(attributes, &["error.type"]).is_empty();
                Bill::unpriced(if failed { "failed" } else { "no_usage" })
            }
        };
        let bill = Bill { model: names.model(), ..bill };
        match reported(attributes) {
            Some((_, Some(_))) if bill.total.is_none() => Bill { status: "reported", ..bill },
            _ => bill,
        }
    }
}

fn dollars(picodollars: u128) -> Value {
    let text = format!("{}.{:012}", picodollars / 1_000_000_000_000, picodollars % 1_000_000_000_000);
    Value::DoubleValue(text.parse().unwrap())
}

/// What is appended to a call's span.
fn additions(
    call: &Call<'_>,
    verdict: &Verdict,
    bill: &Bill,
    dimensions: &[String],
    run: Run,
    version: &str,
) -> Vec<KeyValue> {
    let string = |text: &str| Value::StringValue(text.to_owned());
    let theirs = reported(&call.span.attributes);
    let mut add: Vec<(&str, Value)> = Vec::new();
    match verdict {
        Verdict::Aggregate => add.push(("pricetag.status", string("aggregate"))),
        Verdict::Duplicate(of) => {
            add.push(("pricetag.status", string("duplicate")));
            let of: String = of.iter().map(|byte| format!("{byte:02x}")).collect();
            add.push(("pricetag.duplicate_of", string(&of)));
        }
        Verdict::Counts => {
            add.push(("pricetag.status", string(bill.status)));
            if let Some(total) = bill.total {
                add.push(("pricetag.cost.total", dollars(total)));
                add.push(("pricetag.cost.input", dollars(bill.input)));
                add.push(("pricetag.cost.output", dollars(bill.output)));
                let caches = [("cache_read", bill.cache_read), ("cache_write", bill.cache_write)];
                for (name, amount) in caches.into_iter().filter(|(_, amount)| *amount > 0) {
                    let key = ["pricetag.cost.cache_read", "pricetag.cost.cache_write"]
                        [usize::from(name == "cache_write")];
                    add.push((key, dollars(amount)));
                }
                if theirs.is_none() {
                    add.extend(ALIASES.map(|alias| (alias, dollars(total))));
                }
            }
            if bill.has_reason {
                add.push(("pricetag.reason", string("some reason")));
            }
            let named = DIMENSIONS.iter().zip(dimensions).filter(|(_, value)| !value.is_empty());
            add.extend(named.map(|((_, written, _), value)| (*written, string(value))));
            if run.full {
                if bill.total.is_some() {
                    add.push(("pricetag.cost.currency", string("USD")));
                }
                if !bill.model.is_empty() {
                    add.push(("pricetag.catalog.model", string(bill.model)));
                }
                add.push(("pricetag.catalog.version", string(version)));
            }
        }
    }
    if let Some((key, amount)) = theirs {
        add.extend(amount.map(|amount| ("pricetag.reported.cost", dollars(amount))));
        add.push(("pricetag.reported.key", string(key)));
    }
    add.retain(|(key, _)| call.span.attributes.iter().all(|attribute| attribute.key != *key));
    add.into_iter().map(whole).collect()
}

fn whole((key, value): (&str, Value)) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

/// Annotates a request, and says what is booked. A reason is any text: its words are not checked here.
pub(super) fn process(request: &mut ExportTraceServiceRequest, run: Run, version: &str) -> Vec<Booked> {
    let mut calls = Vec::new();
    for (r, resource) in request.resource_spans.iter().enumerate() {
        for (s, scope) in resource.scope_spans.iter().enumerate() {
            let name = scope.scope.as_ref().map_or("", |scope| &scope.name);
            let spans = scope.spans.iter().enumerate();
            calls.extend(spans.filter_map(|(n, span)| Call::of((r, s, n), span, name, run)));
        }
    }
    let all: Vec<&Span> = whose::spans(request).map(|(_, span)| span).collect();
    let (mut booked, mut planned, mut spent) = (Vec::new(), Vec::new(), Vec::new());
    for call in &calls {
        let (verdict, bill) = (call.verdict(&calls), call.bill());
        let resource = request.resource_spans[call.at.0].resource.as_ref();
        let resource = resource.map_or(&[][..], |resource| &resource.attributes);
        let dimensions = whose::dimensions(&all, call.span, resource);
        let theirs = reported(&call.span.attributes).and_then(|(_, amount)| amount);
        planned.push((call.at, additions(call, &verdict, &bill, &dimensions, run, version)));
        let picodollars = bill.total.or(theirs);
        if verdict == Verdict::Counts {
            let known = if bill.status == "failed" { Some(0) } else { picodollars };
            spent.push(whose::Spent { span: call.span, picodollars: known, tokens: call.tokens() });
        }
        booked.push(Booked {
            span: if has_ids(call.span) { call.span.span_id.clone() } else { Vec::new() },
            status: bill.status,
            verdict,
            picodollars,
            dimensions,
            tokens: call.tokens(),
        });
    }
    let told: Vec<&Span> = calls.iter().map(|call| call.span).collect();
    let sums = whose::sums(request, &told, &spent, run);
    planned.extend(sums.into_iter().map(|(at, sums)| (at, sums.into_iter().map(whole).collect())));
    for ((r, s, n), additions) in planned {
        request.resource_spans[r].scope_spans[s].spans[n].attributes.extend(additions);
    }
    booked
}
