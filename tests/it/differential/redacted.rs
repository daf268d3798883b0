//! What is dropped before requests leave, against two slow ways: bytes rewritten field by field, and messages decoded and edited.

use std::cell::RefCell;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use pricetag::otlp::Signal;
use pricetag::redaction::messages::{ANYWHERE, EVENTS, IN_EVENTS, Source};
use pricetag::redaction::{Redacted, Redaction};
use proptest::test_runner::TestCaseError;
use prost::Message;
use regex::Regex;

use super::hostile::break_up;
use super::tape::{self, Tape};
use super::wire::{self, Kind};
use super::{fail, traffic};

/// Keys that are dropped by some list below, and keys like them.
const KEYS: [&str; 22] = [
    "user.id",
    "user.",
    "user",
    "username",
    "app.secret",
    "app.secrets",
    "messages",
    "message",
    "content",
    "prompt",
    "response",
    "input.value",
    "input.values",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.prompts",
    "gen_ai.input.messages",
    "llm.openai.messages",
    "llm.openai.message",
    "llm.input_messages.0.message.content",
    "traceloop.entity.input",
    "event.name",
];
const NAMES: [&str; 9] = [
    "",
    "e",
    "gen_ai.choice",
    "gen_ai",
    "claude_code.user_prompt",
    "claude_code.a prompt",
    "user_prompt",
    "codex.user_prompt",
    "gemini_cli.api_response",
];
const LISTS: [&[&str]; 7] = [
    &["messages"],
    &["user.*"],
    &["messages", "user.*", "app.key.*"],
    &["app.secret", "user.id"],
    &["a*.key.*1", "content"],
    &["*"],
    &["nothing.like.it"],
];

fn text(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) })
}

/// Gives some attributes other keys, and some a name of an event.
fn sprinkle(attributes: &mut [KeyValue], tape: &mut Tape<'_>) {
    for attribute in attributes {
        if tape.chance(30) {
            attribute.key = tape.pick(&KEYS).to_owned();
            if attribute.key == "event.name" {
                attribute.value = text(tape.pick(&NAMES));
            }
        }
    }
}

fn traces(tape: &mut Tape<'_>) -> ExportTraceServiceRequest {
    let mut request = traffic::request(tape);
    for resource in &mut request.resource_spans {
        resource.resource.iter_mut().for_each(|it| sprinkle(&mut it.attributes, tape));
        for scope in &mut resource.scope_spans {
            scope.scope.iter_mut().for_each(|it| sprinkle(&mut it.attributes, tape));
            for span in &mut scope.spans {
                sprinkle(&mut span.attributes, tape);
                for event in &mut span.events {
                    event.name = tape.pick(&NAMES).to_owned();
                    sprinkle(&mut event.attributes, tape);
                }
                span.links.iter_mut().for_each(|it| sprinkle(&mut it.attributes, tape));
            }
        }
    }
    request
}

/// The spans of such a request as log records.
fn logs(tape: &mut Tape<'_>) -> ExportLogsServiceRequest {
    let traces = traces(tape);
    let mut record = |attributes: Vec<KeyValue>| LogRecord {
        body: match tape.below(4) {
            0 => None,
            1 => attributes.first().and_then(|attribute| attribute.value.clone()),
            _ => text(tape.pick(&NAMES)),
        },
        event_name: tape.pick(&NAMES).to_owned(),
        attributes,
        ..LogRecord::default()
    };
    let resource_logs = traces.resource_spans.into_iter().map(|resource| ResourceLogs {
        resource: resource.resource,
        scope_logs: (resource.scope_spans.into_iter())
            .map(|scope| ScopeLogs {
                scope: scope.scope,
                log_records: scope.spans.into_iter().map(|span| record(span.attributes)).collect(),
                schema_url: scope.schema_url,
            })
            .collect(),
        schema_url: resource.schema_url,
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

/// What is dropped, as regular expressions.
struct Slow {
    keys: Vec<Regex>,
    events: Vec<Regex>,
    in_events: Vec<Regex>,
}

fn regexes<'k>(keys: impl IntoIterator<Item = &'k str>) -> Vec<Regex> {
    let regex =
        |key: &str| Regex::new(&format!("(?s)^{}$", regex::escape(key).replace("\\*", ".*"))).unwrap();
    keys.into_iter().map(regex).collect()
}

fn all(table: &'static [Source]) -> impl Iterator<Item = &'static str> {
    table.iter().flat_map(|(_, keys)| keys.iter().copied())
}

fn any(regexes: &[Regex], text: &str) -> bool {
    regexes.iter().any(|regex| regex.is_match(text))
}

impl Slow {
    fn new(list: &[&'static str]) -> Self {
        let group = list.contains(&"messages");
        let of = |table| all(table).filter(|_| group);
        Slow {
            keys: regexes(list.iter().copied().chain(of(ANYWHERE))),
            events: regexes(of(EVENTS)),
            in_events: regexes(of(IN_EVENTS)),
        }
    }

    fn drops(&self, attribute: &KeyValue, in_event: bool) -> bool {
        any(&self.keys, &attribute.key) || in_event && any(&self.in_events, &attribute.key)
    }

    fn is_named(&self, name: &str, attributes: &[KeyValue]) -> bool {
        let named = attributes.iter().rfind(|it| {
            let value = it.value.as_ref().and_then(|value| value.value.as_ref());
            it.key == "event.name" && matches!(value, Some(Value::StringValue(_)))
        });
        let named = named.and_then(|it| it.value.clone()).and_then(|value| value.value);
        any(&self.events, name) || matches!(named, Some(Value::StringValue(name)) if any(&self.events, &name))
    }

    /// Whether a record has messages, and whether its body is one.
    fn of_record(&self, record: &LogRecord) -> (bool, bool) {
        let plain = Regex::new(r"^[A-Za-z0-9._-]{0,64}$").unwrap();
        let body = record.body.as_ref().and_then(|body| body.value.as_ref());
        let is_name =
            matches!(body, Some(Value::StringValue(text)) if plain.is_match(text) && any(&self.events, text));
        let has_messages = is_name || self.is_named(&record.event_name, &record.attributes);
        (has_messages, has_messages && !is_name)
    }

    /// Drops attributes, and says how many.
    fn retain(&self, attributes: &mut Vec<KeyValue>, in_event: bool) -> u64 {
        let before = attributes.len();
        attributes.retain(|attribute| !self.drops(attribute, in_event));
        (before - attributes.len()) as u64
    }

    fn edit_traces(&self, request: &mut ExportTraceServiceRequest) -> u64 {
        let mut dropped = 0;
        for resource in &mut request.resource_spans {
            dropped +=
                resource.resource.iter_mut().map(|it| self.retain(&mut it.attributes, false)).sum::<u64>();
            for scope in &mut resource.scope_spans {
                dropped +=
                    scope.scope.iter_mut().map(|it| self.retain(&mut it.attributes, false)).sum::<u64>();
                for span in &mut scope.spans {
                    dropped += self.retain(&mut span.attributes, false);
                    for event in &mut span.events {
                        let in_event = self.is_named(&event.name, &event.attributes);
                        dropped += self.retain(&mut event.attributes, in_event);
                    }
                    dropped +=
                        span.links.iter_mut().map(|it| self.retain(&mut it.attributes, false)).sum::<u64>();
                }
            }
        }
        dropped
    }

    fn edit_logs(&self, request: &mut ExportLogsServiceRequest) -> u64 {
        let mut dropped = 0;
        for resource in &mut request.resource_logs {
            dropped +=
                resource.resource.iter_mut().map(|it| self.retain(&mut it.attributes, false)).sum::<u64>();
            for scope in &mut resource.scope_logs {
                dropped +=
                    scope.scope.iter_mut().map(|it| self.retain(&mut it.attributes, false)).sum::<u64>();
                for record in &mut scope.log_records {
                    let (in_event, in_body) = self.of_record(record);
                    dropped += self.retain(&mut record.attributes, in_event);
                    dropped += u64::from(in_body && record.body.take().is_some());
                }
            }
        }
        dropped
    }

    /// The bytes of a message without what is dropped: every other byte as it was, but for lengths around what went.
    fn rewrite(&self, kind: Kind, message: &[u8]) -> Vec<u8> {
        let (in_event, in_body) = match kind {
            Kind::Event => {
                let event = Event::decode(message).unwrap();
                (self.is_named(&event.name, &event.attributes), false)
            }
            Kind::Record => self.of_record(&LogRecord::decode(message).unwrap()),
            _ => (false, false),
        };
        let mut out = Vec::new();
        for field in wire::fields(message).unwrap() {
            match kind.child(field.number).filter(|_| field.wire_type == 2) {
                Some(Kind::KeyValue) if self.drops(&KeyValue::decode(field.content).unwrap(), in_event) => {}
                Some(Kind::AnyValue) if in_body => {}
                Some(Kind::KeyValue | Kind::AnyValue | Kind::Status) | None => out.extend(field.whole),
                Some(child) => {
                    let content = self.rewrite(child, field.content);
                    if content.len() == field.content.len() {
                        out.extend(field.whole);
                    } else {
                        out.extend(field.tag);
                        prost::encoding::encode_varint(content.len() as u64, &mut out);
                        out.extend(content);
                    }
                }
            }
        }
        out
    }
}

/// What was dropped of a request, and what is left.
fn edit<M: Message + Default>(body: &[u8], edit: impl Fn(&mut M) -> u64) -> Option<(Vec<u8>, u64)> {
    let mut request = M::decode(body).ok()?;
    let dropped = edit(&mut request);
    Some((request.encode_to_vec(), dropped))
}

fn edited(slow: &Slow, signal: Signal, body: &[u8]) -> Option<(Vec<u8>, u64)> {
    match signal {
        Signal::Traces => edit(body, |request| slow.edit_traces(request)),
        _ => edit(body, |request| slow.edit_logs(request)),
    }
}

/// A request as its library writes it: NaN is not equal to itself.
fn normal(signal: Signal, body: &[u8]) -> Option<Vec<u8>> {
    Some(match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).ok()?.encode_to_vec(),
        _ => ExportLogsServiceRequest::decode(body).ok()?.encode_to_vec(),
    })
}

struct Case {
    signal: Signal,
    kind: Kind,
    body: Bytes,
    list: usize,
}

/// A request from one half of the tape, its bytes scrambled by the other.
fn case(tape: &[u8]) -> Case {
    let (message, noise) = tape.split_at(tape.len() / 2);
    let mut tape = Tape::new(message);
    let list = tape.below(LISTS.len());
    let (signal, kind, message) = match tape.chance(50) {
        true => (Signal::Logs, Kind::LogRequest, logs(&mut tape).encode_to_vec()),
        false => (Signal::Traces, Kind::Request, traces(&mut tape).encode_to_vec()),
    };
    let body = Bytes::from(wire::scramble(kind, &message, &mut Tape::new(noise)));
    Case { signal, kind, body, list }
}

fn both_ways() -> Vec<(Redaction, Slow)> {
    let redaction =
        |list: &[&str]| Redaction::new(&list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    LISTS.iter().map(|list| (redaction(list), Slow::new(list))).collect()
}

fn apply(redaction: &Redaction, signal: Signal, body: &Bytes) -> Result<Redacted, TestCaseError> {
    redaction.apply(signal, body).map_err(|fault| fail(format!("can not be read: {fault}")))
}

/// Scenario: 3,000 requests of spans and of log records, with keys that are dropped and keys like them on resources, scopes, spans,
/// events, links and records, and names of events in every place where one stands; in bytes with fields in any order, unknown
/// fields, padded varints, repeated and split singular fields; seven lists of what goes.
/// Guarantees: what leaves is, byte for byte, what a slow reader leaves that copies all but those attributes and bodies; it decodes
/// to what decoding, editing and encoding gives, and so many were counted; without any of them the same allocation leaves.
#[test]
fn dropping_equals_decoding_editing_and_encoding() {
    let ways = both_ways();
    let (some, none, bodies) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
    tape::check(3_000, 3_000, |tape| {
        let Case { signal, kind, body, list } = case(tape);
        let (redaction, slow) = &ways[list];
        let redacted = apply(redaction, signal, &body)?;
        let (left, dropped) = edited(slow, signal, &body).unwrap();
        let what = || format!("{:?} of {signal} in {body:x?}", LISTS[list]);
        if normal(signal, &redacted.body).as_ref() != Some(&left) {
            return Err(fail(format!("does not decode to what it should: {}", what())));
        }
        if redacted.body != slow.rewrite(kind, &body) {
            return Err(fail(format!("other bytes: {}", what())));
        }
        if redacted.dropped != dropped {
            return Err(fail(format!("{} dropped, not {dropped}: {}", redacted.dropped, what())));
        }
        if (redacted.body.as_ptr() == body.as_ptr()) != (dropped == 0) {
            return Err(fail(format!("copied, or not: {}", what())));
        }
        *if dropped == 0 { none.borrow_mut() } else { some.borrow_mut() } += 1;
        if signal == Signal::Logs {
            let of_records = |request: ExportLogsServiceRequest| {
                let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
                scopes.flat_map(|scope| scope.log_records).filter(|record| record.body.is_some()).count()
            };
            let count = |body: &[u8]| of_records(ExportLogsServiceRequest::decode(body).unwrap());
            *bodies.borrow_mut() += count(&body) - count(&left);
        }
        Ok(())
    });
    // The traffic must be worth the name.
    assert!(*some.borrow() > 1_000 && *none.borrow() > 250, "{some:?} {none:?}");
    assert!(*bodies.borrow() > 250, "{bodies:?} bodies were dropped");
}

/// Scenario: 3,000 such requests, broken in a few places.
/// Guarantees: no panic; a body does not grow; one that a library reads all the same leaves as it would have been edited.
#[test]
fn broken_bodies_do_no_harm() {
    let ways = both_ways();
    let read = RefCell::new(0);
    tape::check(3_000, 2_000, |tape| {
        let (request, noise) = tape.split_at(tape.len() / 2);
        let Case { signal, body, list, .. } = case(request);
        let mut body = body.to_vec();
        break_up(&mut body, &mut Tape::new(noise));
        let body = Bytes::from(body);
        let (redaction, slow) = &ways[list];
        match (redaction.apply(signal, &body), edited(slow, signal, &body)) {
            (Err(fault), Some(_)) => Err(fail(format!("{fault}, but prost reads {body:x?}"))),
            (Err(_), None) => Ok(()),
            (Ok(redacted), _) if redacted.body.len() > body.len() => Err(fail(format!("grew: {body:x?}"))),
            (Ok(redacted), Some((left, _))) => {
                *read.borrow_mut() += 1;
                match normal(signal, &redacted.body) == Some(left) {
                    true => Ok(()),
                    false => Err(fail(format!("{:?} of {signal} in {body:x?}", LISTS[list]))),
                }
            }
            (Ok(_), None) => Ok(()),
        }
    });
    assert!(*read.borrow() > 150, "{read:?}");
}
