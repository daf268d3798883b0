//! How often `process` and `redact` allocate, and what open traces take. A test binary of its own, because its allocator counts.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use std::sync::Arc;

use bytes::Bytes;
use pricetag::attribution::Attribution;
use pricetag::genai::call::Ids;
use pricetag::genai::found::{Found, SpanNote};
use pricetag::otlp::Signal;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Settings, Shared};
use pricetag::redaction::Redaction;
use pricetag::settlement::{Facts, Judgement, OpenTraces, Told};

/// Scenario: real requests, again and again, each time with traces that are new to the table.
/// Guarantees: once the buffers have grown, a request costs two allocations, the new body and its bookings;
/// one without a call costs none.
#[test]
fn a_request_costs_two_allocations() {
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
    let mut processor = Processor::new(Arc::clone(&shared));
    // The first call of the openai capture: priced, with no reason to explain.
    let capture = include_bytes!("../fixtures/captures/otel-openai-v2.traces.pb");
    let body = with_one_call(capture);
    let mut allocations = |body: &Bytes| {
        let body = body.clone();
        let info = allocation_counter::measure(|| {
            let processed = processor.process(body, Now::default()).unwrap();
            assert!(!processed.body.is_empty());
        });
        shared.open_traces().settle_all(&mut Vec::new());
        info.count_total
    };
    for _ in 0..5 {
        allocations(&body);
    }
    assert_eq!(allocations(&body), 2);

    // Resource spans without a span: field 1, empty.
    let nothing = Bytes::from_static(&[0x0a, 0x00]);
    allocations(&nothing);
    assert_eq!(allocations(&nothing), 0);
}

/// Scenario: a capture of which some 140 attributes are dropped, and the same where nothing is.
/// Guarantees: allocations are those of one list that grows and of the new body, none for each attribute; none but the list where
/// nothing is dropped.
#[test]
fn dropping_does_not_allocate_for_each_attribute() {
    let body = Bytes::from_static(include_bytes!("../fixtures/messages/traceloop-openai.traces.pb"));
    for (drop, dropped, most) in [("gen_ai.*", 100.., 9), ("nothing.*", 0.., 1)] {
        let redaction = Redaction::new(&[drop.to_owned()]);
        let mut redacted = None;
        let info = allocation_counter::measure(|| redacted = Some(redaction.apply(Signal::Traces, &body)));
        let count = redacted.unwrap().unwrap().dropped;
        assert!(dropped.contains(&count), "{count} attributes of {drop}");
        assert!(info.count_total <= most, "{} allocations for {count} attributes", info.count_total);
    }
}

/// The capture with its first span only.
fn with_one_call(capture: &[u8]) -> Bytes {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    let mut request = ExportTraceServiceRequest::decode(capture).unwrap();
    request.resource_spans[0].scope_spans[0].spans.truncate(1);
    Bytes::from(request.encode_to_vec())
}

/// Scenario: a million spans that are no calls, in one trace, and in traces of a hundred.
/// Guarantees: at no moment on the way, just grown tables included, does a span take more than 48 bytes; and the table says
/// no less than it takes. A trace's own share is what a trace of one span takes more.
#[test]
fn a_span_that_is_no_call_takes_at_most_48_bytes() {
    for spans_a_trace in [1_000_000, 100] {
        let table = OpenTraces::new(1, usize::MAX);
        let mut judgement = Judgement::default();
        let (mut bytes, mut most) = (0, 0.0_f64);
        for first in (0..1_000_000_u64).step_by(10_000) {
            let notes: Vec<SpanNote> = (first..first + 10_000)
                .map(|n| {
                    let trace = u128::from(n / spans_a_trace + 1).to_be_bytes();
                    let (span, parent) = ((n + 1).to_be_bytes(), (n / 2 + 1).to_be_bytes());
                    let is_within = n / 2 / spans_a_trace == n / spans_a_trace;
                    let parent = if is_within { parent } else { [0; 8] };
                    SpanNote::new(Ids { trace, span, parent }, None)
                })
                .collect();
            let no_call = |_| -> Facts { unreachable!("there are no calls") };
            let tell = |_| -> Told { unreachable!("there are no calls") };
            let mut found = Found::default();
            found.spans = notes;
            let silent = |_: &SpanNote, _: &mut Vec<u8>| {};
            let info = allocation_counter::measure(|| {
                table.judge(0, &found, silent, no_call, tell, &mut judgement);
            });
            bytes += info.bytes_current;
            let size = table.size();
            let of_traces = size.traces as f64 * 72.0;
            if first >= 100_000 {
                most = most.max((bytes as f64 - of_traces) / size.spans as f64);
            }
            assert!(bytes as f64 <= size.bytes as f64 * 1.02 + 500_000.0, "{bytes} of {size:?}");
        }
        println!("{most:.1} bytes a span in traces of {spans_a_trace}");
        assert!(most <= 48.0, "{most}");
    }
}
