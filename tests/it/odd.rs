//! Odd values: forwarded as they are, with the right status, and without a cent for nonsense.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, attribute, chat, gpt_4o, request, span, spans};
use crate::support::wire::{self, len, trace_request, uint, without_additions};
use crate::support::{Pricetag, Sink, Via};

const INPUT: &str = "gen_ai.usage.input_tokens";
const OUTPUT: &str = "gen_ai.usage.output_tokens";
const CACHED: &str = "gen_ai.usage.cache_read.input_tokens";
const TOTAL: &str = "gen_ai.usage.total_tokens";
const OLD_INPUT: &str = "gen_ai.usage.prompt_tokens";

async fn one_pricetag() -> (Pricetag, Sink) {
    let sink = Sink::start().await;
    (Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await, sink)
}

/// Sends a gpt-4o call with each list of attributes, and checks status and total of each; sums the money.
async fn assert_outcomes(rows: Vec<(Vec<KeyValue>, &str, Option<f64>)>) {
    let (pricetag, sink) = one_pricetag().await;
    let calls =
        rows.iter().enumerate().map(|(n, (attributes, _, _))| chat(n as u64, "gpt-4o", attributes.clone()));
    let sent = request(calls.collect());
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    assert_eq!(without_additions(&arrived.encode_to_vec()), sent.encode_to_vec());
    for (span, (attributes, status, total)) in spans(&arrived).into_iter().zip(&rows) {
        let found = (span.string("pricetag.status"), span.double("pricetag.cost.total"));
        assert_eq!(found, (*status, *total), "{attributes:?}");
        assert_eq!(span.double("operation.cost"), *total, "unknown is never zero: {attributes:?}");
    }
    let scrape = pricetag.settled(rows.len() as u64).await;
    let total: f64 = rows.iter().filter_map(|(_, _, total)| *total).sum();
    assert_eq!(scrape.sum("pricetag_cost", &[]), total);
}

/// Scenario: counts that no call can have: negative, enormous, words, NaN, infinity, fractions, a bool.
/// Guarantees: forwarded with status `implausible`, a reason that names the key, and no cost at all.
#[tokio::test]
async fn absurd_counts_are_implausible() {
    let absurd = vec![
        attribute(INPUT, -2),
        attribute(INPUT, i64::MIN),
        attribute(INPUT, i64::MAX),
        attribute(OUTPUT, 1_000_000_001),
        attribute(INPUT, "abc"),
        attribute(INPUT, "1500 tokens"),
        attribute(INPUT, f64::NAN),
        attribute(INPUT, f64::INFINITY),
        attribute(INPUT, 1e300),
        attribute(INPUT, 1500.5),
        attribute(INPUT, true),
        attribute(CACHED, -2),
    ];
    let (pricetag, sink) = one_pricetag().await;
    let calls = absurd.iter().enumerate().map(|(n, count)| {
        // A good count beside it makes it no better.
        let other = if count.key == OUTPUT { INPUT } else { OUTPUT };
        chat(n as u64, "gpt-4o", vec![count.clone(), attribute(other, 100)])
    });
    let sent = request(calls.collect());
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    assert_eq!(without_additions(&arrived.encode_to_vec()), sent.encode_to_vec());
    for (span, count) in spans(&arrived).into_iter().zip(&absurd) {
        assert_eq!(span.string("pricetag.status"), "implausible", "{count:?}");
        assert!(span.string("pricetag.reason").contains(&count.key), "{}", span.string("pricetag.reason"));
        assert_eq!((span.keys("pricetag.cost.").len(), span.value("operation.cost")), (0, None), "{count:?}");
    }
    let scrape = pricetag.settled(absurd.len() as u64).await;
    assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", "implausible")]), absurd.len() as f64);
    assert_eq!(scrape.sum("pricetag_cost", &[]) + scrape.sum("pricetag_tokens", &[]), 0.0);
}

/// Scenario: counts as strings and doubles, zeros, empty strings, -1 for "not known", a part larger than its whole, the
/// largest plausible count; absurd sums, absurd counts under older keys beside good ones under the current keys.
/// Guarantees: what is a number counts; nothing said is `no_usage`, not a cost of zero; the preferred key holds.
#[tokio::test]
async fn odd_but_plausible_counts() {
    assert_outcomes(vec![
        (vec![attribute(INPUT, "1000000")], "priced", Some(2.5)),
        (vec![attribute(INPUT, " 1000000 ")], "priced", Some(2.5)),
        (vec![attribute(INPUT, 1_000_000.0)], "priced", Some(2.5)),
        (vec![attribute(INPUT, 0), attribute(OUTPUT, 100_000)], "priced", Some(1.0)),
        (vec![attribute(INPUT, 1_000_000), attribute(CACHED, -1)], "priced", Some(2.5)),
        (vec![attribute(INPUT, -1), attribute(OUTPUT, 100_000)], "priced", Some(1.0)),
        (vec![attribute(INPUT, 1_000_000), attribute(OUTPUT, "-1")], "priced", Some(2.5)),
        (vec![attribute(INPUT, -1), attribute(OUTPUT, -1.0)], "no_usage", None),
        (vec![attribute(INPUT, 1_000_000), attribute(TOTAL, "n/a")], "priced", Some(2.5)),
        (vec![attribute(INPUT, 1_000_000), attribute(OLD_INPUT, "n/a")], "priced", Some(2.5)),
        (vec![attribute(OLD_INPUT, -7), attribute(INPUT, 1_000_000)], "priced", Some(2.5)),
        (vec![attribute(OLD_INPUT, 1_000_000), attribute(INPUT, -7)], "implausible", None),
        (vec![attribute(INPUT, 1_000_000_000)], "priced", Some(2500.0)),
        (vec![attribute(INPUT, 0), attribute(OUTPUT, 0)], "no_usage", None),
        (vec![attribute(INPUT, ""), attribute(OUTPUT, "")], "no_usage", None),
        (vec![], "no_usage", None),
        (vec![attribute("error.type", "")], "no_usage", None),
        (vec![attribute("error.type", "timeout")], "failed", None),
        (vec![attribute("error.type", "cut"), attribute(INPUT, 1_000_000)], "priced", Some(2.5)),
        (vec![attribute(OLD_INPUT, 1_000_000)], "priced", Some(2.5)),
        (vec![attribute(INPUT, 1_000_000), attribute(OLD_INPUT, 7)], "priced", Some(2.5)),
    ])
    .await;
}

/// Scenario: model names of 10 kB, empty, with control characters and escapes, of no provider; no model at all.
/// Guarantees: forwarded whole with `unknown_model` or `unknown_provider` and a reason, no cost; the metrics
/// page stays readable and its labels short.
#[tokio::test]
async fn odd_names() {
    let (pricetag, sink) = one_pricetag().await;
    let long = "gpt-".repeat(2_500);
    let usage = || vec![attribute(INPUT, 10)];
    let mut strange = chat(5, "gpt-4o", usage());
    strange.attributes[1] = attribute("gen_ai.provider.name", "nobody\n\"}\\ 1\n");
    strange.attributes[2] = attribute("gen_ai.request.model", "m\u{0}\u{1b}[31m\n\"} 7\n");
    let no_model = span(6, [vec![attribute("gen_ai.operation.name", "chat")], usage()].concat());
    let sent = request(vec![
        chat(1, &long, usage()),
        chat(2, &"é".repeat(5_000), usage()),
        chat(3, "", usage()),
        chat(4, "gpt-4o-of-ours", usage()),
        strange,
        no_model,
    ]);
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    assert_eq!(without_additions(&arrived.encode_to_vec()), sent.encode_to_vec());
    for span in spans(&arrived) {
        assert!(span.string("pricetag.status").starts_with("unknown_"), "{span:?}");
        assert!(!span.string("pricetag.reason").is_empty() && span.string("pricetag.reason").len() < 300);
        assert_eq!((span.keys("pricetag.cost.").len(), span.value("operation.cost")), (0, None));
    }
    let scrape = pricetag.settled(6).await;
    assert!(scrape.text().lines().all(|line| line.len() < 2_000), "a label is as long as a stranger's name");
    let series = |line: &&str| !line.starts_with('#');
    for line in scrape.text().lines().filter(series) {
        let value = line.rsplit_once(' ').expect(line).1;
        assert!(value.parse::<f64>().is_ok(), "a name broke the line: {line:?}");
    }
}

/// Scenario: invalid UTF-8 in a span's name, in an attribute key and in a model name of a call, which prost
/// refuses to decode; ids of the wrong length.
/// Guarantees: accepted, priced where it can be, and forwarded byte for byte but for the additions.
#[tokio::test]
async fn invalid_utf_8_and_odd_ids() {
    let (pricetag, sink) = one_pricetag().await;
    let call = |name: &[u8], model: &[u8], id: &[u8]| -> Vec<u8> {
        [
            len(1, id),
            len(2, &id[..id.len().min(8)]),
            len(5, name),
            wire::attribute(9, b"gen_ai.operation.name", b"chat"),
            wire::attribute(9, b"gen_ai.provider.name", b"openai"),
            wire::attribute(9, b"gen_ai.request.model", model),
            wire::attribute(9, b"\xffkey", b"\xc3\x28"),
            len(9, [len(1, INPUT), len(2, uint(3, 1_000_000))].concat()),
        ]
        .concat()
    };
    let body = trace_request(&[
        call(b"\xff\xfe name", b"gpt-4o", &[1; 16]),
        call(b"fine", b"gpt-\xff", &[2; 16]),
        call(b"short id", b"gpt-4o", &[3; 5]),
        call(b"no id", b"gpt-4o", b""),
        call(b"zero id", b"gpt-4o", &[0; 16]),
    ]);
    pricetag.deliver(Via::GrpcGzip, Signal::Traces, body.clone().into()).await;
    let seen = sink.wait_for(Signal::Traces, 1).await;
    assert!(Span::decode(wire::spans(&seen[0].body)[0]).is_err(), "what prost refuses");
    assert_eq!(without_additions(&seen[0].body), body);
    let scrape = pricetag.settled(5).await;
    assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", "priced")]), 4.0);
    assert_eq!(scrape.sum("pricetag_cost", &[]), 10.0);
}

/// Scenario: a call with twenty thousand attributes and one with a value nested ten thousand deep, which prost
/// and JSON libraries refuse.
/// Guarantees: both are forwarded whole and priced.
#[tokio::test]
async fn many_attributes_and_deep_values() {
    let (pricetag, sink) = one_pricetag().await;
    let base = gpt_4o(1, 1_000_000, 0).encode_to_vec();
    let many: Vec<u8> =
        (0..20_000).flat_map(|n| wire::attribute(9, format!("k{n}").as_bytes(), b"v")).collect();
    // An ArrayValue (5) of one value (1), again and again.
    let deep = (0..10_000).fold(len(1, "core"), |inner, _| len(5, len(1, inner)));
    let nested = len(9, [len(1, "nested"), len(2, deep)].concat());
    let second = gpt_4o(2, 1_000_000, 0).encode_to_vec();
    let body = trace_request(&[[base, many].concat(), [nested, second].concat()]);
    pricetag.deliver(Via::Protobuf, Signal::Traces, body.clone().into()).await;
    let seen = sink.wait_for(Signal::Traces, 1).await;
    assert!(without_additions(&seen[0].body) == body);
    assert_eq!(pricetag.settled(2).await.sum("pricetag_cost", &[]), 5.0);
}
