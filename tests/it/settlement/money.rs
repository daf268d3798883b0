//! What settles, in money: requests through the processor into the ledger.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::booking::Entries;
use pricetag::ledger::Ledger;
use pricetag::ledger::store::Limits;
use pricetag::pricing::Catalog;
use pricetag::processor::{Now, Processor, Restater, Settings, Shared};
use prost::Message as _;

use crate::support::spans::{attribute, gpt_4o, request};

/// Settled picodollars and unassigned tokens after these spans came one by one, and what was pending before the end.
fn settled(catalog: &Arc<Catalog>, spans: &[&Span]) -> (i128, u64, i128) {
    let settings = Settings { max_open_bytes: 1 << 24, ..Settings::default() };
    let shared = Arc::new(Shared::new(&settings, Arc::clone(catalog)));
    let mut processor = Processor::new(Arc::clone(&shared));
    let ledger = Ledger::open(None, &[], &[], Limits::default()).unwrap();
    for span in spans {
        let body = Bytes::from(request(vec![(*span).clone()]).encode_to_vec());
        ledger.apply(&processor.process(body, Now::default()).unwrap().entries);
    }
    let (none, pending) = ledger.books().total();
    assert_eq!(none.get(), 0);
    let (mut settled, mut entries) = (Vec::new(), Entries::default());
    shared.open_traces().settle_all(&mut settled);
    let mut restater = Restater::new(&shared, Now::default());
    for settled in &settled {
        restater.push(settled, &mut entries);
    }
    ledger.apply(&entries.take());
    let (settled, still) = ledger.books().total();
    assert_eq!(still.get(), 0);
    (settled.get(), shared.open_traces().size().unassigned_tokens, pending.get())
}

/// An agent with a sum, at $2.50 and $10 for a million tokens; a call below it, and one that names no model.
pub(crate) fn family(agent_names: bool, nameless: bool) -> Vec<Span> {
    let mut agent = gpt_4o(1, 3_000_000, 500_000);
    agent.attributes[0] = attribute("gen_ai.operation.name", "invoke_agent");
    let mut call = gpt_4o(2, 1_000_000, 100_000);
    let mut second = gpt_4o(3, 1_000_000, 200_000);
    let is_name = |attribute: &KeyValue| ["gen_ai.request.model"].contains(&attribute.key.as_str());
    if !agent_names {
        agent.attributes.retain(|attribute| !is_name(attribute));
    }
    if nameless {
        second.attributes.retain(|attribute| !is_name(attribute));
    }
    for below in [&mut call, &mut second] {
        (below.trace_id, below.parent_span_id) = (agent.trace_id.clone(), agent.span_id.clone());
    }
    vec![agent, call, second]
}

/// Scenario: each of the families in each order of arrival.
/// Guarantees: exactly the sum of the agent is settled, whoever names the model, and nothing stays pending; where one call is
/// of no known model, it costs nothing that is known, and what the agent's sum holds beyond is of no known model either.
#[test]
fn the_settled_money_is_exact_in_every_order() {
    let catalog = Arc::new(Catalog::embedded().clone());
    const DOLLARS: i128 = 1_000_000_000_000;
    let everything = 3 * DOLLARS * 5 / 2 + DOLLARS / 2 * 10;
    let one_call = DOLLARS * 5 / 2 + DOLLARS / 10 * 10;
    let mut varied = false;
    for (agent_names, nameless, expected) in [
        (true, false, (everything, 0)),
        (true, true, (everything, 0)),
        (false, false, (everything, 0)),
        (false, true, (one_call, 1_000_000 + 200_000)),
    ] {
        let family = family(agent_names, nameless);
        let mut pending = Vec::new();
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (settled, unassigned, before) = settled(&catalog, &order.map(|nth| &family[nth]));
            assert_eq!((settled, unassigned), expected, "{agent_names} {nameless} {order:?}");
            pending.push(before);
        }
        pending.dedup();
        varied |= pending.len() > 1;
    }
    assert!(varied, "what is pending hangs on the order, or there is nothing to settle");
}
