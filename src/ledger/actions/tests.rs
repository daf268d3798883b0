//! Events, from settlements to the queue.

use std::collections::BTreeMap;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;

use super::*;
use crate::attribution::Attribution;
use crate::booking::{Booking, Counted, Entries};
use crate::ledger::Ledger;
use crate::ledger::store::Limits;
use crate::otlp::Signal;
use crate::pricing::{Picodollars, Status};
use crate::queue::{Budget, Item, Keeps, Log, OnFull, Part, Reader, Route};

struct Rig {
    log: Log,
    reader: Reader,
    ledger: Ledger,
    events: ActionEvents,
    entries: Entries,
}

impl Rig {
    /// A ledger whose events go to one reader with room for so many requests.
    fn new(requests: usize) -> Self {
        let log = Log::default();
        let budget = Budget { requests, bytes: 1 << 30, on_full: OnFull::Refuse };
        let (reader, raw) =
            (log.reader("a", budget, Keeps::Nothing), log.reader("raw", budget, Keeps::Nothing));
        let routes = [Route { to: raw.id(), part: Part::Raw }, Route { to: reader.id(), part: Part::Priced }];
        let resource = opentelemetry_sdk::Resource::builder_empty().with_service_name("pricetag").build();
        let keys = ["user", "session", "tenant"].map(|name| (name, &[][..]));
        let dimensions = Attribution::of_keys(&keys).dimensions;
        let names: Vec<&str> = dimensions.iter().map(|dimension| &*dimension.name).collect();
        let ledger = Ledger::open(None, &names, &[], Limits { values: 1, ..Limits::default() }).unwrap();
        let events = ActionEvents::new(LogEvents::new(log.clone(), &routes, &resource), &dimensions);
        Rig { log, reader, ledger, events, entries: Entries::default() }
    }

    fn book(&mut self, trace: u8, span: u8, picodollars: Option<i128>, values: [&str; 3]) {
        self.entries.push_booking(&Booking {
            trace: &self::trace(trace),
            span: &[span; 8],
            open: true,
            status: if picodollars.is_some() { Status::Priced } else { Status::UnknownModel },
            money: picodollars.map(Picodollars::new),
            input: 100,
            output: 10,
            dimensions: values.map(Into::into).into_iter().collect(),
            ..Booking::default()
        });
    }

    /// The ledger reads what was written; gives the requests that came of it.
    async fn requests(&mut self) -> Vec<(Bytes, u64)> {
        let mut batch = self.events.batch();
        self.ledger.apply_with(&self.entries.take(), |settled| batch.push(settled));
        drop(batch);
        let mut requests = Vec::new();
        while self.reader.left() > 0 {
            let read = self.reader.next().await.unwrap();
            self.reader.done(&read);
            let Item::Request { signal: Signal::Logs, body, items } = read.item else { panic!("{read:?}") };
            requests.push((body, items));
        }
        requests
    }
}

/// The id of a trace; repeated bytes would be one that nobody has given.
fn trace(number: u8) -> [u8; 16] {
    let mut id = [number; 16];
    id[0] = 77;
    id
}

fn events(body: &Bytes) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(body.clone()).unwrap();
    let [resource] = &request.resource_logs[..] else { panic!("{request:?}") };
    assert_eq!(texts(&resource.resource.as_ref().unwrap().attributes)["service.name"], "pricetag");
    assert_eq!(resource.scope_logs[0].scope.as_ref().unwrap().name, "pricetag");
    resource.scope_logs[0].log_records.clone()
}

/// Attributes with their values as text.
fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &any_value::Value| match value {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::IntValue(number) => number.to_string(),
        any_value::Value::DoubleValue(number) => format!("{number} double"),
        other => panic!("{other:?}"),
    };
    let value = |attribute: &KeyValue| text(attribute.value.as_ref().unwrap().value.as_ref().unwrap());
    attributes.iter().map(|attribute| (attribute.key.as_str(), value(attribute))).collect()
}

/// Scenario: a trace of four calls: one has no price, one turns out to be a duplicate, one moves to the others' user; they
/// have two tenants. Another trace whose only call has no price. Users are more than there are accounts.
/// Guarantees: one request; each trace's sum after all changes, exact; dimensions where the calls that count agree, and there the
/// user, the shared account notwithstanding; no cost where none is known.
#[tokio::test]
async fn an_event_tells_what_the_action_cost_in_the_end() {
    let mut rig = Rig::new(10);
    rig.book(1, 1, Some(5), ["ben", "s", "acme"]);
    rig.book(2, 1, Some(1_000_000_000_000), ["ann", "s", "acme"]);
    rig.book(2, 2, Some(250_000_000_001), ["", "s", "globex"]);
    rig.book(2, 3, Some(77), ["eve", "t", "acme"]);
    rig.book(2, 4, None, ["ann", "s", "acme"]);
    rig.book(3, 1, None, ["ann", "", ""]);
    rig.entries.push_settlement(&trace(2), "GET /ask".into(), &[9; 8], |changes| {
        changes.push(&[2; 8], Counted::Here, None, [(0, "ann".into())]);
        changes.push(&[3; 8], Counted::AsDuplicate, None, []);
    });
    rig.entries.push_settlement(&trace(3), "".into(), &[], |_| {});
    rig.entries.push_settlement(&trace(4), "no calls".into(), &[], |_| {});
    // Its only call was told elsewhere.
    rig.book(5, 1, Some(3), ["ann", "s", "acme"]);
    rig.entries.push_settlement(&trace(5), "GET /ask".into(), &[9; 8], |changes| {
        changes.push(&[1; 8], Counted::AsDuplicate, None, []);
    });

    let [(body, 2)] = &rig.requests().await[..] else { panic!("one request, two events") };
    let [event, unpriced] = &events(body)[..] else { panic!("one event a trace that had calls") };
    assert_eq!((&*event.event_name, event.severity_number), ("pricetag.action", 9));
    assert_eq!((&event.trace_id[..], &event.span_id[..]), (&trace(2)[..], &[9; 8][..]));
    assert!(event.time_unix_nano > 1_700_000_000_000_000_000);
    let expected = [
        ("pricetag.action.calls", "3"),
        ("pricetag.action.cost", "1.250000000001 double"),
        ("pricetag.action.cost.picodollars", "1250000000001"),
        ("pricetag.action.name", "GET /ask"),
        ("pricetag.action.tokens.input", "300"),
        ("pricetag.action.tokens.output", "30"),
        ("pricetag.action.unpriced", "1"),
        ("session.id", "s"),
        ("user.id", "ann"),
    ];
    assert_eq!(texts(&event.attributes), expected.map(|(key, value)| (key, value.to_owned())).into());

    assert_eq!((&unpriced.trace_id[..], &unpriced.span_id[..]), (&trace(3)[..], &[][..]));
    let expected = [
        ("pricetag.action.calls", "1"),
        ("pricetag.action.tokens.input", "100"),
        ("pricetag.action.tokens.output", "10"),
        ("pricetag.action.unpriced", "1"),
        ("user.id", "ann"),
    ];
    assert_eq!(texts(&unpriced.attributes), expected.map(|(key, value)| (key, value.to_owned())).into());

    // A late call of a trace that has settled.
    rig.book(2, 5, Some(9), ["ann", "s", "acme"]);
    rig.entries.push_settlement(&trace(2), "GET /ask".into(), &[9; 8], |_| {});
    let requests = rig.requests().await;
    let again = events(&requests[0].0);
    assert_eq!(texts(&again[0].attributes)["pricetag.action.cost.picodollars"], "9");
    assert_eq!(texts(&again[0].attributes)["pricetag.tenant"], "acme");
}

/// Scenario: one record settles two hundred traces whose events have 20 kB each; nothing is reserved any more, and the reader has
/// room for a hundred requests, or for one.
/// Guarantees: no request is much larger than 1 MiB, no event is missing; what finds no room is dropped and counted, by item.
#[tokio::test]
async fn requests_are_cut_and_hold_up_nobody() {
    for (room, is_ample) in [(100, true), (1, false)] {
        let mut rig = Rig::new(room);
        rig.events.keys = vec!["k".repeat(20_000)];
        for trace in 0..200 {
            rig.book(trace, 1, Some(5), ["ann", "", ""]);
            rig.entries.push_settlement(&self::trace(trace), "".into(), &[], |_| {});
        }
        rig.log.refuse();
        let requests = rig.requests().await;
        assert_eq!(requests.len(), if is_ample { 4 } else { 1 });
        for (body, items) in &requests {
            assert_eq!(events(body).len() as u64, *items);
            assert!(body.len() < FULL + 50_000, "{}", body.len());
        }
        let arrived: u64 = requests.iter().map(|(_, items)| items).sum();
        assert_eq!(arrived + rig.log.levels()[0].dropped, 200);
        assert_eq!(arrived == 200, is_ample);
        assert_eq!(rig.log.levels()[1].requests, 0, "a pipeline that does not price");
    }
}
