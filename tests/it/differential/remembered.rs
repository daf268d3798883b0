//! What is read does not hang on what was read before.

use std::cell::{Cell, RefCell};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::genai::dialects::Dialects;
use pricetag::genai::found::Found;
use pricetag::genai::recognise::Recogniser;
use pricetag::otlp::splice::Plan;
use prost::Message as _;

use super::reference::DIMENSIONS;
use super::tape::{self, Tape};
use super::wire::{self, Kind};
use super::{brief, fail, traffic};

/// Everything that was found, in words, or why nothing was.
fn read(recogniser: &Recogniser, body: &[u8], found: Found<'static>) -> (String, Found<'static>) {
    let (mut plan, mut found) = (Plan::default(), found.recycle());
    let result = recogniser.read(body, &mut plan, &mut found);
    if let Err(malformed) = result {
        return (malformed.to_string(), found.recycle());
    }
    let Found { spans, calls, resources, mentions, groups, span_count, .. } = &found;
    let said = format!("{plan:?} {spans:?} {calls:#?} {resources:?} {mentions:?} {groups:?} {span_count}");
    (said, found.recycle())
}

/// Scenario: 5,000 requests, of which every other one is written in unusual bytes. Each is read by somebody who has read nothing, by
/// somebody who has read this one just before, and by somebody who has read all the others; cut off or with another bit, too.
/// Guarantees: all of them find the same, or the same mistake.
#[test]
fn what_is_expected_changes_nothing() {
    let dimensions = DIMENSIONS
        .map(|(name, _, keys)| (name.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect()));
    let recogniser = Recogniser { dialects: Dialects::new(&[], &dimensions), trust_upstream: true };
    let all = RefCell::new(Found::default());
    let calls = Cell::new(0);
    tape::check(5_000, 3_000, |tape| {
        let (content, noise) = tape.split_at(tape.len() / 2);
        let request = traffic::request(&mut Tape::new(content));
        let mut body = request.encode_to_vec();
        if tape.len() % 2 == 0 {
            body = wire::scramble(Kind::Request, &body, &mut Tape::new(noise));
        }
        let (at_first, mut found) = read(&recogniser, &body, Found::default());
        let mut broken = body.clone();
        let at = tape.iter().fold(0_usize, |at, byte| at.wrapping_mul(31) ^ usize::from(*byte));
        match broken.len().checked_sub(1).map(|last| at % (last + 1)) {
            Some(at) if tape.len() % 3 == 0 => broken.truncate(at),
            Some(at) => broken[at] ^= 1 << (tape.len() % 8),
            None => {}
        }
        let (broken_at_first, _) = read(&recogniser, &broken, Found::default());
        let broken_again;
        (broken_again, found) = read(&recogniser, &broken, found);
        if broken_at_first != broken_again {
            return Err(fail(format!("{broken:x?}\nfirst {broken_at_first}\nthen {broken_again}")));
        }
        let (again, _) = read(&recogniser, &body, found);
        let (after_others, found) = read(&recogniser, &body, all.take());
        all.replace(found);
        calls.set(calls.get() + at_first.matches("Call {").count());
        for said in [again, after_others] {
            if said != at_first {
                return Err(fail(format!("of {}\nfirst {at_first}\nthen {said}", brief(&request))));
            }
        }
        Ok(())
    });
    assert!(calls.get() > 2_000, "{calls:?}");
}

/// Scenario: for each dialect spans with its marks and all of its attributes, in its scope and in one that nobody knows, each in two
/// requests by turns.
/// Guarantees: as above, though a key may say other things from the mark on.
#[test]
fn marks_are_heard_wherever_the_span_is_expected() {
    let recogniser = Recogniser { dialects: Dialects::new(&[], &[]), trust_upstream: true };
    let text = |key: &String, value: &str| KeyValue {
        key: key.clone(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    };
    let mut all = Found::default();
    let mut calls = 0;
    let conventions = Dialects::embedded()[0].attributes.iter().flat_map(|(_, keys)| keys);
    for (file, is_known) in Dialects::embedded().iter().flat_map(|file| [(file, true), (file, false)]) {
        let own = file.attributes.iter().flat_map(|(_, keys)| keys);
        let keys = own.chain(file.documents.iter().map(|(key, _)| key)).chain(conventions.clone());
        let kind = file.operation.iter().map(|operation| &operation.key);
        let mut attributes: Vec<_> = file.marks.iter().chain(kind).map(|key| text(key, "chat")).collect();
        attributes.extend(keys.map(|key| text(key, r#"{"model": "gpt-5", "usage": {"input_tokens": 12}}"#)));
        let span = |id: u8| Span {
            trace_id: vec![id; 16],
            span_id: vec![id; 8],
            name: "chat".into(),
            kind: 3,
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            attributes: attributes.clone(),
            ..Span::default()
        };
        let scope = file.scopes.first().filter(|_| is_known).cloned().unwrap_or_default();
        let scope = Some(InstrumentationScope { name: scope.replace('*', "x"), ..Default::default() });
        let scope_spans = vec![ScopeSpans { scope, spans: vec![span(1), span(2)], ..Default::default() }];
        let body = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }],
        };
        let body = body.encode_to_vec();
        let (at_first, found) = read(&recogniser, &body, Found::default());
        let (again, _) = read(&recogniser, &body, found);
        let (after_others, found) = read(&recogniser, &body, all);
        all = found;
        calls += at_first.matches("Call {").count();
        assert!(at_first == again && at_first == after_others, "{} {is_known}", file.dialect);
    }
    assert!(calls > 20, "{calls}");
}
