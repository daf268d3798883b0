//! What is no LLM call leaves byte for byte as it came.

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, gpt_4o, request};
use crate::support::wire::{attribute, group, len, spans, trace_request, uint, without_additions};
use crate::support::{CAPTURES, Sink, Via, capture};

/// Logs with fields that nobody knows at every level, one of them a group, and a length that is not minimal.
fn strange_logs() -> Bytes {
    let record =
        [len(5, len(1, "hello")), uint(777, 1), len(778, b"\xff\xfe"), group(779, &uint(1, 5))].concat();
    // A two-byte varint for what fits one: other encoders may write it, and it must stay.
    let padded = [&[0x12, record.len() as u8 | 0x80, 0x00], &record[..]].concat();
    assert!(record.len() < 0x80);
    let scope_logs = [len(1, len(1, "strange")), padded, uint(900, 3)].concat();
    [len(1, [len(2, scope_logs), group(901, &[])].concat()), len(902, "end")].concat().into()
}

/// Spans that are no call, with the same liberties.
fn strange_spans() -> Bytes {
    let span = [
        len(1, [3; 16]),
        len(2, [4; 8]),
        attribute(9, b"http.request.method", b"GET"),
        attribute(9, b"gen_ai.request.model", b"gpt-4o"),
        uint(777, 1),
        group(778, &group(779, &uint(1, 5))),
    ]
    .concat();
    [trace_request(&[span.clone(), span]), len(1, []), group(903, &uint(2, 2)), uint(904, u64::MAX)]
        .concat()
        .into()
}

/// Scenario: metrics, logs and spans without a call, real and strange ones, by both protocols, to both
/// exporters.
/// Guarantees: the same bytes arrive, in every pipeline, once.
#[tokio::test]
async fn metrics_logs_and_other_spans_keep_every_byte() {
    let (by_grpc, by_http) = (Sink::start().await, Sink::start().await);
    let exporters = [by_grpc.otlp("a", ""), by_http.otlphttp("b", "")];
    let pricetag = Setup::new(&exporters, "otlp/a, otlphttp/b").start().await;
    let mut sent = vec![(Signal::Logs, strange_logs()), (Signal::Traces, strange_spans())];
    for name in CAPTURES {
        sent.push((Signal::Metrics, capture(name, "metrics.pb")));
    }
    for (signal, body) in &sent {
        for via in Via::ALL.into_iter().filter(|via| !via.is_json()) {
            pricetag.deliver(via, *signal, body.clone()).await;
        }
    }
    for sink in [&by_grpc, &by_http] {
        for (signal, count) in [(Signal::Logs, 6), (Signal::Traces, 6), (Signal::Metrics, 18)] {
            let taken = sink.wait_for(signal, count).await;
            assert_eq!(taken.len(), count);
            for (_, body) in sent.iter().filter(|(of, _)| *of == signal) {
                assert_eq!(taken.iter().filter(|seen| seen.body == *body).count(), 6, "{signal}");
            }
        }
    }
    let scrape = pricetag.scrape().await;
    assert_eq!(scrape.sum("otelcol_receiver_accepted_log_records", &[]), 6.0);
    assert_eq!(scrape.sum("otelcol_receiver_accepted_spans", &[]), 12.0);
    assert_eq!(scrape.sum("pricetag_calls", &[]), 0.0);
}

/// Scenario: a call whose span, scope, resource and request carry unknown fields and a group, before and
/// after what is known.
/// Guarantees: all of it arrives where it stood; the price stands behind, on the call alone.
#[tokio::test]
async fn unknown_fields_around_a_call_stay() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    let call = [gpt_4o(1, 1000, 100).encode_to_vec(), uint(777, 1), group(778, &uint(1, 5))].concat();
    let other = [len(1, [3; 16]), len(2, [4; 8]), len(777, "x")].concat();
    let scope = [uint(800, 1), len(2, &call), group(801, &[]), len(2, &other), len(802, "behind")].concat();
    let body = [uint(900, 1), len(1, [len(901, "first"), len(2, &scope)].concat()), len(902, "end")].concat();
    pricetag.deliver(Via::Grpc, Signal::Traces, body.clone().into()).await;

    let arrived = sink.wait_for(Signal::Traces, 1).await[0].body.clone();
    assert_eq!(without_additions(&arrived), body);
    let contents = spans(&arrived);
    assert!(contents[0].starts_with(&call) && contents[0].len() > call.len(), "additions stand behind");
    assert_eq!(contents[1], other, "no call: not a byte more");
    let priced = Span::decode(contents[0]).unwrap();
    assert_eq!(priced.double("pricetag.cost.total"), Some(0.0035));
}

/// Scenario: empty requests of every signal, by every way; empty messages within.
/// Guarantees: success.
#[tokio::test]
async fn empty_requests_succeed() {
    let sink = Sink::start().await;
    let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await;
    for signal in Signal::ALL {
        for via in Via::ALL {
            pricetag.deliver(via, signal, Bytes::new()).await;
            let hollow = if via.is_json() { Bytes::from("{}") } else { len(1, len(2, [])).into() };
            pricetag.deliver(via, signal, hollow).await;
        }
    }
    pricetag.deliver_spans(&request(Vec::new())).await;
    assert_eq!(pricetag.scrape().await.sum("otelcol_receiver_refused_spans", &[]), 0.0);
}
