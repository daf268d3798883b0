//! Costs that the sender put on the span itself.

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::support::process::Setup;
use crate::support::spans::{
    ALIASES, Attributes as _, attribute, chat, gpt_4o, request, spans, without_ours,
};
use crate::support::{Pricetag, Sink};

/// The keys that senders use, the preferred one first.
const KEYS: [&str; 4] = ["gen_ai.usage.cost", "gen_ai.usage.cost.amount", "operation.cost", "llm.cost.total"];

async fn one_pricetag() -> (Pricetag, Sink) {
    let sink = Sink::start().await;
    (Setup::new(&[sink.otlp("a", "")], "otlp/a").start().await, sink)
}

/// Scenario: a priced call with the sender's cost under each of the four keys, and under all at once.
/// Guarantees: theirs stays as it was, under its key, once; ours stands beside it under `pricetag.cost.*`
/// without any alias; `pricetag.reported.*` names theirs. The ledger counts ours.
#[tokio::test]
async fn a_reported_cost_is_never_overwritten() {
    let (pricetag, sink) = one_pricetag().await;
    let mut sent: Vec<Span> = KEYS
        .into_iter()
        .enumerate()
        .map(|(n, key)| {
            let mut call = gpt_4o(n as u64, 1_000_000, 0);
            call.attributes.push(attribute(key, 0.125));
            call
        })
        .collect();
    let mut all = gpt_4o(9, 1_000_000, 0);
    // The least preferred one comes first.
    all.attributes.extend(KEYS.iter().rev().enumerate().map(|(n, key)| attribute(key, n as f64)));
    sent.push(all);
    let sent = request(sent);
    pricetag.deliver_spans(&sent).await;

    let arrived = sink.traces(1).await.pop().unwrap();
    for (before, after) in spans(&sent).into_iter().zip(spans(&arrived)) {
        assert_eq!(after.attributes[..before.attributes.len()], before.attributes[..], "{}", after.name);
        for key in KEYS.into_iter().chain(ALIASES) {
            assert_eq!(after.value(key), before.value(key), "{key} of {}", after.name);
        }
        assert_eq!(after.double("pricetag.cost.total"), Some(2.5));
        assert_eq!(after.string("pricetag.status"), "priced");
    }
    let spans = spans(&arrived);
    for (span, key) in spans.iter().zip(KEYS) {
        assert_eq!(
            (span.double("pricetag.reported.cost"), span.string("pricetag.reported.key")),
            (Some(0.125), key)
        );
    }
    let all = spans[4];
    assert_eq!(
        (all.double("pricetag.reported.cost"), all.string("pricetag.reported.key")),
        (Some(3.0), KEYS[0])
    );
    assert_eq!(pricetag.settled(5).await.sum("pricetag_cost", &[]), 12.5);
}

/// Scenario: models that we have no price for, and a call without usage, with the sender's cost as a double,
/// an integer and a string.
/// Guarantees: status `reported`, no cost of ours under any key, and the ledger counts theirs.
#[tokio::test]
async fn without_a_price_of_ours_theirs_counts() {
    let (pricetag, sink) = one_pricetag().await;
    let tokens = || attribute("gen_ai.usage.input_tokens", 10);
    let sent = request(vec![
        chat(1, "acme-7b", vec![tokens(), attribute("gen_ai.usage.cost", 0.25)]),
        chat(2, "acme-7b", vec![tokens(), attribute("operation.cost", 3)]),
        chat(3, "acme-7b", vec![tokens(), attribute("llm.cost.total", "0.000000000001")]),
        chat(4, "gpt-4o", vec![attribute("gen_ai.usage.cost", 0.5)]),
    ]);
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    let amounts = [0.25, 3.0, 1e-12, 0.5];
    for ((before, after), amount) in spans(&sent).into_iter().zip(spans(&arrived)).zip(amounts) {
        assert_eq!(after.string("pricetag.status"), "reported", "{}", after.name);
        assert_eq!(after.keys("pricetag.cost."), [""; 0]);
        assert_eq!(after.double("pricetag.reported.cost"), Some(amount));
        assert_eq!(after.attributes[..before.attributes.len()], before.attributes[..]);
        assert!(ALIASES.iter().all(|alias| after.value(alias) == before.value(alias)));
    }
    let scrape = pricetag.settled(4).await;
    assert_eq!(scrape.sum("pricetag_calls", &[("pricetag_status", "reported")]), 4.0);
    assert_eq!(scrape.sum("pricetag_cost", &[]), 0.25 + 3.0 + 1e-12 + 0.5);
}

/// Scenario: `reported` set to `prefer` and to `ignore`; a call with a price of ours, and one without; theirs on both, and a
/// third call without theirs.
/// Guarantees: theirs counts before ours, or never; what counts is what the ledger has, and a span has no cost of ours
/// where theirs counts.
#[tokio::test]
async fn whose_cost_counts_can_be_chosen() {
    for (reported, statuses, total) in [
        ("prefer", ["reported", "reported", "priced"], 0.125 + 0.25 + 2.5),
        ("ignore", ["priced", "unknown_model", "priced"], 2.5 + 2.5),
    ] {
        let sink = Sink::start().await;
        let pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
            .set(format!("processors.pricetag.reported={reported}"))
            .start()
            .await;
        let mut known = gpt_4o(1, 1_000_000, 0);
        known.attributes.push(attribute("gen_ai.usage.cost", 0.125));
        let tokens = attribute("gen_ai.usage.input_tokens", 10);
        let unknown = chat(2, "acme-7b", vec![tokens, attribute("gen_ai.usage.cost", 0.25)]);
        let sent = request(vec![known, unknown, gpt_4o(3, 1_000_000, 0)]);
        pricetag.deliver_spans(&sent).await;
        let arrived = sink.traces(1).await.pop().unwrap();
        for (span, status) in spans(&arrived).into_iter().zip(statuses) {
            assert_eq!(span.string("pricetag.status"), status, "{reported}");
            let ours = (status == "priced").then_some(2.5);
            assert_eq!(span.double("pricetag.cost.total"), ours, "{reported}");
        }
        assert_eq!(pricetag.settled(3).await.sum("pricetag_cost", &[]), total, "{reported}");
    }
}

/// Scenario: reported costs that are none: words, NaN, infinity, negative, a bool, an empty string, zero.
/// Guarantees: they stay as they are and count nothing; a call with our price keeps it, one without is
/// `unknown_model`.
#[tokio::test]
async fn an_absurd_reported_cost_counts_nothing() {
    let (pricetag, sink) = one_pricetag().await;
    let absurd = || {
        vec![
            attribute("gen_ai.usage.cost", "a lot"),
            attribute("gen_ai.usage.cost", f64::NAN),
            attribute("gen_ai.usage.cost", f64::INFINITY),
            attribute("gen_ai.usage.cost", -0.5),
            attribute("gen_ai.usage.cost", true),
            attribute("gen_ai.usage.cost", ""),
            attribute("gen_ai.usage.cost", 1e300),
            attribute("gen_ai.usage.cost", 0.0),
        ]
    };
    let mut sent = Vec::new();
    for (n, cost) in absurd().into_iter().enumerate() {
        let mut ours = gpt_4o(n as u64, 1_000_000, 0);
        ours.attributes.push(cost.clone());
        let tokens = attribute("gen_ai.usage.input_tokens", 10);
        sent.extend([ours, chat(100 + n as u64, "acme-7b", vec![tokens, cost])]);
    }
    let sent = request(sent);
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    for (at, (before, after)) in spans(&sent).into_iter().zip(spans(&arrived)).enumerate() {
        // NaN is not equal to itself; its bytes are.
        let (kept, sent) = (&after.attributes[..before.attributes.len()], &before.attributes);
        assert_eq!(format!("{kept:?}"), format!("{sent:?}"));
        let cost = after.attributes.iter().filter(|attribute| attribute.key == "gen_ai.usage.cost");
        assert_eq!((cost.count(), after.value("operation.cost")), (1, None), "{}", after.name);
        assert_eq!(after.value("pricetag.reported.cost"), None);
        let expected = if at % 2 == 0 { ("priced", Some(2.5)) } else { ("unknown_model", None) };
        assert_eq!((after.string("pricetag.status"), after.double("pricetag.cost.total")), expected, "{at}");
    }
    let scrape = pricetag.settled(16).await;
    assert_eq!(scrape.sum("pricetag_cost", &[]), 8.0 * 2.5);
}

/// Scenario: a span that carries some of our keys already, but no status: another tool's copy.
/// Guarantees: no key stands twice; what was there stays.
#[tokio::test]
async fn keys_that_are_there_already_stay() {
    let (pricetag, sink) = one_pricetag().await;
    let mut call = gpt_4o(1, 1_000_000, 0);
    call.attributes.push(attribute("pricetag.cost.total", "mine"));
    call.attributes.push(attribute("pricetag.reason", "mine too"));
    let sent = request(vec![call]);
    pricetag.deliver_spans(&sent).await;
    let arrived = sink.traces(1).await.pop().unwrap();
    let span = spans(&arrived)[0];
    assert_eq!((span.string("pricetag.cost.total"), span.string("pricetag.reason")), ("mine", "mine too"));
    assert_eq!((span.double("pricetag.cost.input"), span.double("operation.cost")), (Some(2.5), Some(2.5)));
    assert_eq!(without_ours(&arrived), without_ours(&sent));
}
