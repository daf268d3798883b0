//! What is none of ours leaves as it came.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use pricetag::otlp::Signal;
use pricetag::queue::{Budget, Item, Keeps, Log, OnFull, Part, Route, Said};
use pricetag::receiver::Intake;

const METRICS: &[u8] = include_bytes!("../fixtures/captures/otel-openai-v2.metrics.pb");
/// An unknown field, a padded tag and a padded length around an empty `ResourceLogs` with a group in it.
const LOGS: &[u8] = &[0xfa, 0x7d, 0x02, 1, 2, 0x8a, 0x00, 0x84, 0x80, 0x00, 0xa3, 0x06, 0xa4, 0x06];

/// Scenario: metrics and logs, unknown fields and padded varints among them, on their way into the queue; and
/// traces that no pipeline prices.
/// Guarantees: the exporter gets the very allocation that the receiver handed in.
#[tokio::test]
async fn bodies_without_edits_are_not_copied() {
    let log = Log::default();
    let budget = Budget { requests: 10, bytes: 1 << 20, on_full: OnFull::Refuse };
    let reader = log.reader("exporter", budget, Keeps::Nothing);
    let route = |part| vec![Route { to: reader.id(), part }];
    let intake = Intake::new(log, [route(Part::Raw), route(Part::Priced), route(Part::Raw)], None);
    let traces: &[u8] = include_bytes!("../fixtures/captures/otel-openai-v2.traces.pb");
    for (signal, body) in [(Signal::Metrics, METRICS), (Signal::Logs, LOGS), (Signal::Traces, traces)] {
        let body = Bytes::copy_from_slice(body);
        intake.accept(signal, body.clone(), Said::default()).unwrap();
        let read = reader.next().await.unwrap();
        let Item::Request { signal: left, body: ref sent, .. } = read.item else { panic!("no request") };
        assert_eq!((left, sent.as_ptr(), sent.len()), (signal, body.as_ptr(), body.len()));
        reader.done(&read);
    }
}
