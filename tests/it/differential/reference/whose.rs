//! Whose money it was, and what was spent below a span: the slow and simple way.

use std::collections::HashSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::{Run, dollars, has_ids, text, value};

/// Where a span stands: resource, scope, span.
type At = (usize, usize, usize);

/// Each dimension's name, the key under which it is written, and the keys that tell it.
pub(crate) const DIMENSIONS: [(&str, &str, &[&str]); 3] = [
    ("user", "user.id", &["user.id", "enduser.id"]),
    ("session", "session.id", &["session.id"]),
    ("feature", "pricetag.feature", &["feature"]),
];

/// A value and how good its key is.
fn said(attributes: &[KeyValue], keys: &[&str]) -> Option<(usize, String)> {
    keys.iter().enumerate().find_map(|(rank, key)| {
        attributes.iter().filter(|attribute| attribute.key == **key).find_map(|attribute| {
            let text = match value(attribute)? {
                Value::StringValue(text) if text.len() > 256 => {
                    text[..text.floor_char_boundary(256)].to_owned()
                }
                Value::StringValue(text) if !text.is_empty() => text.clone(),
                Value::IntValue(number) => number.to_string(),
                Value::DoubleValue(number) if number.is_finite() => number.to_string(),
                Value::BoolValue(bit) => bit.to_string(),
                _ => return None,
            };
            Some((rank, text))
        })
    })
}

/// A span that has no parent.
fn is_root(span: &Span) -> bool {
    has_ids(span) && (span.parent_span_id.len() != 8 || span.parent_span_id.iter().all(|byte| *byte == 0))
}

fn is_agent(span: &Span, run: Run) -> bool {
    let upstream = span.attributes.iter().any(|attribute| attribute.key == "pricetag.status");
    has_ids(span)
        && !(run.trust_upstream && upstream)
        && text(&span.attributes, &["gen_ai.operation.name"]) == "invoke_agent"
}

/// The spans above one, the nearest first.
fn above<'a>(all: &[&'a Span], span: &Span) -> Vec<&'a Span> {
    let mut found: Vec<&'a Span> = Vec::new();
    let mut at = span;
    while has_ids(at) && !is_root(at) {
        let is_parent = |other: &&&Span| {
            has_ids(other) && other.trace_id == at.trace_id && other.span_id == at.parent_span_id
        };
        let Some(parent) = all.iter().find(is_parent) else { break };
        if parent.span_id == at.span_id || found.iter().any(|known| std::ptr::eq(*known, *parent)) {
            break;
        }
        found.push(parent);
        at = parent;
    }
    found
}

/// The dimensions of a span, with what its resource says.
pub(super) fn dimensions(all: &[&Span], span: &Span, resource: &[KeyValue]) -> Vec<String> {
    let mut ancestors = above(all, span);
    let roots = all.iter().filter(|root| is_root(root) && has_ids(span) && root.trace_id == span.trace_id);
    ancestors.extend(roots.min_by_key(|root| &root.span_id));
    let of = |(_, _, keys): (&str, &str, &[&str])| {
        let own = said(&span.attributes, keys);
        let above = ancestors.iter().filter_map(|span| said(&span.attributes, keys));
        // Of equals the first: the nearest.
        let above = above.enumerate().min_by_key(|(nth, (rank, _))| (*rank, *nth)).map(|(_, said)| said);
        own.or(above).or_else(|| said(resource, keys)).map_or(String::new(), |(_, text)| text)
    };
    DIMENSIONS.map(of).to_vec()
}

/// A call that counts.
pub(super) struct Spent<'a> {
    pub(super) span: &'a Span,
    /// `None`: not known.
    pub(super) picodollars: Option<u128>,
    pub(super) tokens: [u64; 2],
}

fn sum(spent: &[&Spent<'_>]) -> Option<Value> {
    let known: Vec<u128> = spent.iter().filter_map(|call| call.picodollars).collect();
    (spent.is_empty() || !known.is_empty()).then(|| dollars(known.iter().sum()))
}

/// What roots and agents get, span by span. `calls` are all spans that tell of one, `spent` those that count.
pub(super) fn sums<'k>(
    request: &ExportTraceServiceRequest,
    calls: &[&Span],
    spent: &[Spent<'_>],
    run: Run,
) -> Vec<(At, Vec<(&'k str, Value)>)> {
    let all: Vec<&Span> = spans(request).map(|(_, span)| span).collect();
    let traces: HashSet<&[u8]> =
        calls.iter().filter(|span| has_ids(span)).map(|span| &span.trace_id[..]).collect();
    let mut sums = Vec::new();
    for (at, span) in spans(request).filter(|(_, span)| traces.contains(&span.trace_id[..])) {
        let mut add = Vec::new();
        let within = |call: &&Spent<'_>| has_ids(call.span) && call.span.trace_id == span.trace_id;
        let int = |number: u64| Value::IntValue(number as i64);
        if is_root(span) {
            let spent: Vec<&Spent<'_>> = spent.iter().filter(within).collect();
            if !span.name.is_empty() {
                add.push(("pricetag.action.name", Value::StringValue(span.name.clone())));
            }
            add.extend(sum(&spent).map(|sum| ("pricetag.action.cost", sum)));
            add.push(("pricetag.action.calls", int(spent.len() as u64)));
            let unpriced = spent.iter().filter(|call| call.picodollars.is_none()).count();
            if unpriced > 0 {
                add.push(("pricetag.action.unpriced", int(unpriced as u64)));
            }
            let [input, output] = [0, 1].map(|side| spent.iter().map(|call| call.tokens[side]).sum());
            add.push(("pricetag.action.tokens.input", int(input)));
            add.push(("pricetag.action.tokens.output", int(output)));
            // A root that is a call has them as such, if it counts.
            if !calls.iter().any(|call| std::ptr::eq(*call, span)) {
                let resource = request.resource_spans[at.0].resource.as_ref();
                let resource = resource.map_or(&[][..], |resource| &resource.attributes);
                for (_, written, keys) in DIMENSIONS {
                    let value = said(&span.attributes, keys).or_else(|| said(resource, keys));
                    add.extend(value.map(|(_, value)| (written, Value::StringValue(value))));
                }
            }
        }
        if is_agent(span, run) {
            let is_below = |call: &&Spent<'_>| {
                std::ptr::eq(call.span, span)
                    || above(&all, call.span).iter().any(|it| std::ptr::eq(*it, span))
            };
            let below: Vec<&Spent<'_>> = spent.iter().filter(within).filter(is_below).collect();
            let is_direct = |call: &&&Spent<'_>| {
                let mut between = vec![call.span];
                between.extend(above(&all, call.span));
                let end = between.iter().position(|it| std::ptr::eq(*it, span)).unwrap();
                between[..end].iter().all(|between| !is_agent(between, run))
            };
            let direct: Vec<&Spent<'_>> = below.iter().filter(is_direct).copied().collect();
            add.extend(sum(&direct).map(|sum| ("pricetag.cost.direct", sum)));
            add.extend(sum(&below).map(|sum| ("pricetag.cost.inclusive", sum)));
        }
        add.retain(|(key, _)| span.attributes.iter().all(|attribute| attribute.key != *key));
        sums.push((at, add));
    }
    sums
}

/// Every span, with its place.
pub(super) fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = (At, &Span)> {
    request.resource_spans.iter().enumerate().flat_map(|(r, resource)| {
        resource.scope_spans.iter().enumerate().flat_map(move |(s, scope)| {
            scope.spans.iter().enumerate().map(move |(n, span)| ((r, s, n), span))
        })
    })
}
