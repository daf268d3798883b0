//! One pricetag behind another.

use pricetag::otlp::Signal;

use crate::support::process::Setup;
use crate::support::spans::{Attributes as _, by_id, gpt_4o, request, spans};
use crate::support::wire::without_additions;
use crate::support::{CAPTURES, Pricetag, Sink, Via, capture};

/// An exporter from one to the next.
fn to(next: &Pricetag) -> Vec<String> {
    vec![format!("otlp/next: {{endpoint: \"http://{}\"}}", next.grpc)]
}

/// Scenario: pricetag sends to pricetag, as in config/chained.yaml; some spans come to the second directly.
/// Guarantees: the second passes the first one's spans on byte for byte and counts none of them; it prices
/// and counts the others, in the same request too.
#[tokio::test]
async fn the_second_trusts_the_first() {
    let (end, copy) = (Sink::start().await, Sink::start().await);
    let second = Setup::new(&[end.otlp("a", "")], "otlp/a").start().await;
    let exporters = [to(&second), vec![copy.otlp("copy", "")]].concat();
    let first = Setup::new(&exporters, "otlp/next, otlp/copy").start().await;
    for name in CAPTURES {
        first.deliver(Via::Protobuf, Signal::Traces, capture(name, "traces.pb")).await;
    }
    let arrived = end.wait_for(Signal::Traces, 3).await;
    let left = copy.wait_for(Signal::Traces, 3).await;
    for seen in &left {
        assert_eq!(arrived.iter().filter(|other| other.body == seen.body).count(), 1);
    }
    first.settled(18).await;
    let scrape = second.scrape().await;
    assert_eq!(scrape.sum("otelcol_receiver_accepted_spans", &[]), 18.0);
    assert_eq!((scrape.sum("pricetag_calls", &[]), scrape.sum("pricetag_pending", &[])), (0.0, 0.0));

    // A batch processor between the two may join priced spans and new ones.
    let priced = &copy.traces(3).await[0];
    let mut mixed = spans(priced).into_iter().cloned().collect::<Vec<_>>();
    mixed.push(gpt_4o(1, 1_000_000, 0));
    second.deliver_spans(&request(mixed.clone())).await;
    let joined = end.traces(4).await.pop().unwrap();
    for span in &mixed[..6] {
        assert_eq!(by_id(&joined, &span.span_id), span);
    }
    assert_eq!(by_id(&joined, &mixed[6].span_id).double("pricetag.cost.total"), Some(2.5));
    assert_eq!(second.settled(1).await.sum("pricetag_cost", &[]), 2.5);
}

/// Scenario: the same with `upstream: ignore`.
/// Guarantees: the second counts for itself. What the first wrote stays as it is, no key stands twice, and
/// the first one's aliases are not taken for more money.
#[tokio::test]
async fn the_second_ignores_the_first() {
    let end = Sink::start().await;
    let second =
        Setup::new(&[end.otlp("a", "")], "otlp/a").set("processors.pricetag.upstream=ignore").start().await;
    let first = Setup::new(&to(&second), "otlp/next").start().await;
    let body = capture(CAPTURES[0], "traces.pb");
    first.deliver(Via::Grpc, Signal::Traces, body.clone()).await;
    let arrived = end.traces(1).await.pop().unwrap();
    assert_eq!(without_additions(&end.taken(Signal::Traces)[0].body), body);
    for span in spans(&arrived) {
        let keys = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect::<Vec<_>>();
        assert!(keys.iter().all(|key| span.value(key).is_some()), "no key stands twice: {keys:?}");
    }
    let scrape = second.settled(6).await;
    assert_eq!(scrape.money("pricetag_cost", &[]), 9_400_840_000);
}
