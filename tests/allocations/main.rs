//! How often `process` allocates. A test binary of its own, because its allocator counts.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pricetag::pricing::Catalog;
use pricetag::processor::{Attributes, Now, Processor, Reported, Settings, Shared};

/// Scenario: real requests, again and again, each time with traces that are new to the table.
/// Guarantees: once the buffers have grown, a request costs two allocations, the new body and its bookings;
/// one without a call costs none.
#[test]
fn a_request_costs_two_allocations() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    let settings = Settings {
        attributes: Attributes::Default,
        aliases: keys(&["gen_ai.usage.cost", "operation.cost"]),
        trust_upstream: true,
        settle_after: Duration::from_secs(10),
        max_open_bytes: 64 << 20,
        dimensions: [("user", "user.id"), ("session", "session.id"), ("feature", "feature")]
            .map(|(name, key)| (name.to_owned(), keys(&[key])))
            .to_vec(),
        dialects: Vec::new(),
        reported: Reported::Fallback,
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

/// The capture with its first span only.
fn with_one_call(capture: &[u8]) -> Bytes {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    let mut request = ExportTraceServiceRequest::decode(capture).unwrap();
    request.resource_spans[0].scope_spans[0].spans.truncate(1);
    Bytes::from(request.encode_to_vec())
}
