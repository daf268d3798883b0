//! What the wire code believes of the messages, against their definitions in `proto/`.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use http::HeaderValue;
use pricetag::booking::{Booking, Counted, Entries, Reported, inserted};
use pricetag::genai::sampling::Weight;
use pricetag::otlp::{Signal, fields};
use pricetag::pricing::{Picodollars, Status};
use pricetag::queue::stored::{self, Scanned};
use pricetag::queue::{Part, Record, Request};
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, Value};

fn pool(file: &str) -> DescriptorPool {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    DescriptorPool::from_file_descriptor_set(protox::compile([file], [root]).unwrap()).unwrap()
}

/// Scenario: the definitions of OTLP, parsed.
/// Guarantees: each constant is the number of the field that it is named after.
#[test]
fn field_numbers_are_those_of_the_definitions() {
    let mut known = 0;
    for signal in ["trace", "metrics", "logs"] {
        let pool = pool(&format!("opentelemetry/proto/{signal}/v1/{signal}.proto"));
        for (message, field, number) in fields::ALL {
            let Some(message) = pool.get_message_by_name(message) else { continue };
            let found = message.get_field_by_name(field).map(|field| field.number());
            assert_eq!(found, Some(*number), "{}.{field}", message.full_name());
            known += 1;
        }
    }
    assert!(known >= fields::ALL.len(), "{known} of {}", fields::ALL.len());
    for (message, field, _) in fields::ALL {
        let signals =
            ["trace", "metrics", "logs"].map(|s| pool(&format!("opentelemetry/proto/{s}/v1/{s}.proto")));
        let known = signals.iter().any(|pool| pool.get_message_by_name(message).is_some());
        assert!(known, "{message}.{field} is in none of the definitions");
    }
}

/// Scenario: a record of the queue in which every field has a value of its own, read by its definition.
/// Guarantees: every field is there, under its name, with its value; and read by us it is what was written.
#[test]
fn records_are_as_their_definition_says() {
    let pool = pool("pricetag/v1/record.proto");
    let mut entries = Entries::default();
    entries.push_inserted([(3, 5), (300, 70)]);
    let entries = entries.take();
    assert_eq!(inserted(&entries).unwrap(), [(3, 5), (300, 70)]);
    let request = Request {
        priced: "priced".into(),
        raw: "raw".into(),
        arrived: 77,
        said: [("x-tenant", "acme"), (":login", "")]
            .map(|(by, value)| (by.into(), HeaderValue::from_static(value)))
            .into_iter()
            .collect(),
        ..Request::new(Signal::Logs, Bytes::new(), 9)
    };
    let record = Record { request: Some(request), entries: entries.clone() };
    let routes = [("otlp/a", Part::Priced), ("b", Part::Raw), ("ledger", Part::Entries)];
    let mut bytes = Vec::new();
    stored::put(&mut bytes, 5, &record, &routes);
    let descriptor = pool.get_message_by_name("pricetag.v1.Stored").unwrap();
    let message = DynamicMessage::decode(descriptor, &bytes[stored::HEAD..]).unwrap();
    let field = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
    let text = |text: &str| Value::Bytes(text.to_owned().into());
    assert_eq!((field("signal"), field("items")), (Value::U32(3), Value::U64(9)));
    assert_eq!(field("arrived_unix_nano"), Value::U64(77));
    assert_eq!(field("said"), Value::List(vec![text("x-tenant\0acme"), text(":login\0")]));
    assert_eq!((field("raw"), field("priced")), (text("raw"), text("priced")));
    assert_eq!(field("entries"), Value::Bytes(entries.clone()));
    for (route, (reader, part)) in list(&message, "routes").iter().zip(routes) {
        let part = Value::EnumNumber(part as i32);
        check(route, &[("reader", Value::String(reader.to_owned())), ("part", part)]);
    }

    let Scanned::Record(read) = stored::scan(&bytes.into(), 5, true) else { panic!("no record") };
    let request = read.request.unwrap();
    assert_eq!((request.signal, request.items, request.arrived), (Signal::Logs, 9, 77));
    assert_eq!((&request.raw[..], &request.priced[..]), (&b"raw"[..], &b"priced"[..]));
    assert_eq!(
        (&request.said[0], read.entries),
        (&("x-tenant".into(), HeaderValue::from_static("acme")), entries)
    );
    assert_eq!(read.routes.iter().map(|route| route.1).collect::<Vec<_>>(), routes.map(|route| route.1));

    let mut bytes = Vec::new();
    stored::put_dimensions(&mut bytes, 0, &["user".to_owned(), "plan".to_owned()]);
    let Scanned::Record(read) = stored::scan(&bytes.into(), 0, true) else { panic!("no record") };
    assert_eq!(read.dimensions.unwrap(), ["user", "plan"]);
}

/// Scenario: a booking in which every field has a value of its own, and a settlement, as the crate writes
/// them, read by their definition.
/// Guarantees: every field of the definition is there, under its name, with its value.
#[test]
fn bookings_are_as_their_definition_says() {
    let pool = pool("pricetag/v1/booking.proto");
    let mut entries = Entries::default();
    let booking = Booking {
        trace: b"a trace of 16 by",
        span: b"8 bytes!",
        end_unix_nano: 1_764_547_200_000_000_001,
        misdated: true,
        open: true,
        verdict: Counted::AsAggregate,
        status: Status::Reported,
        money: Some(Picodollars::new(-123_456_789_012_345_678_901)),
        reported: Some(Reported { cost: Picodollars::new(7), difference: Picodollars::new(-8) }),
        saved: Picodollars::new(9),
        weight: Weight::new(7, 2).unwrap(),
        provider: "provider".into(),
        model_asked: "asked".into(),
        model_served: "served".into(),
        operation: "operation".into(),
        catalog_version: "version".into(),
        service_tier: "tier".into(),
        input: 101,
        output: 102,
        cache_read: 103,
        cache_write: 104,
        reasoning: 105,
        dimensions: ["user", "", "feature"].map(Into::into).into_iter().collect(),
    };
    entries.push_booking(&booking);
    entries.push_settlement(b"another 16 bytes", "action".into(), b"the root", |changes| {
        changes.again();
        changes.push(b"span one", Counted::AsAggregate, None, [(0, "ben".into()), (7, "".into())]);
        changes.push(b"span two", Counted::AsDuplicate, Some(&booking), []);
    });
    let descriptor = pool.get_message_by_name("pricetag.v1.Entries").unwrap();
    let message = DynamicMessage::decode(descriptor, entries.take()).unwrap();

    let booking = &list(&message, "bookings")[0];
    let verdict = |name: &str| {
        let verdicts = pool.get_enum_by_name("pricetag.v1.Verdict").unwrap();
        Value::EnumNumber(verdicts.get_value_by_name(name).unwrap().number())
    };
    let text = |text: &str| Value::Bytes(text.to_owned().into());
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec().into());
    let expected = [
        ("trace_id", bytes(b"a trace of 16 by")),
        ("span_id", bytes(b"8 bytes!")),
        ("end_unix_nano", Value::U64(1_764_547_200_000_000_001)),
        ("open", Value::Bool(true)),
        ("verdict", verdict("VERDICT_AGGREGATE")),
        ("status", Value::U32(9)),
        ("money", bytes(&(-123_456_789_012_345_678_901i128).to_le_bytes())),
        ("reported", bytes(&7i128.to_le_bytes())),
        ("difference", bytes(&(-8i128).to_le_bytes())),
        ("misdated", Value::Bool(true)),
        ("saved", bytes(&9i128.to_le_bytes())),
        ("sampled_of", Value::U64(7)),
        ("sampled_kept", Value::U64(2)),
        ("provider", text("provider")),
        ("model_asked", text("asked")),
        ("model_served", text("served")),
        ("operation", text("operation")),
        ("input_tokens", Value::U64(101)),
        ("output_tokens", Value::U64(102)),
        ("cache_read_tokens", Value::U64(103)),
        ("cache_write_tokens", Value::U64(104)),
        ("reasoning_tokens", Value::U64(105)),
        ("catalog_version", text("version")),
        ("service_tier", text("tier")),
        ("dimensions", Value::List(vec![text("user"), text(""), text("feature")])),
    ];
    check(booking, &expected);

    let settlement = &list(&message, "settlements")[0];
    let changes = list(settlement, "changes");
    let expected = [
        ("trace_id", bytes(b"another 16 bytes")),
        ("action", text("action")),
        ("root_span_id", bytes(b"the root")),
        ("again", Value::Bool(true)),
        ("changes", settlement.get_field_by_name("changes").unwrap().into_owned()),
    ];
    check(settlement, &expected);
    let moves = list(&changes[0], "moves");
    for (moved, (dimension, value)) in moves.iter().zip([(0, "ben"), (7, "")]) {
        check(moved, &[("dimension", Value::U32(dimension)), ("value", text(value))]);
    }
    assert_eq!(moves.len(), 2);
    let moves = |moves: Vec<DynamicMessage>| Value::List(moves.into_iter().map(Value::Message).collect());
    let nothing = Value::Message(DynamicMessage::new(booking.descriptor()));
    let changed = [
        ("span one", "VERDICT_AGGREGATE", nothing, list(&changes[0], "moves")),
        ("span two", "VERDICT_DUPLICATE", Value::Message(booking.clone()), Vec::new()),
    ];
    for (change, (span, name, restated, moved)) in changes.iter().zip(changed) {
        check(
            change,
            &[
                ("span_id", bytes(span.as_bytes())),
                ("verdict", verdict(name)),
                ("restated", restated),
                ("moves", moves(moved)),
            ],
        );
    }
    assert_eq!(list(&message, "bookings").len() + list(&message, "settlements").len(), 2);
}

fn list(message: &DynamicMessage, field: &str) -> Vec<DynamicMessage> {
    let value = message.get_field_by_name(field).unwrap();
    value.as_list().unwrap().iter().map(|value| value.as_message().unwrap().clone()).collect()
}

/// All fields of the definition, and none that it does not know.
fn check(message: &DynamicMessage, expected: &[(&str, Value)]) {
    assert_eq!(message.descriptor().fields().count(), expected.len());
    assert_eq!(message.unknown_fields().count(), 0);
    for (name, value) in expected {
        assert_eq!(message.get_field_by_name(name).unwrap().as_ref(), value, "{name}");
    }
}
