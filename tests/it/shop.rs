//! examples/shop, replayed: one service knows the user, the other makes the call, and their export requests come swapped,
//! delayed and split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use pricetag::otlp::Signal;
use prost::Message as _;

use crate::support::spans::{Attributes as _, picodollars, spans};
use crate::support::{Pricetag, Sink, Via, eventually};

/// Longer than [`DELAY`] by more than a busy machine loses.
const SETTLE_AFTER: Duration = Duration::from_secs(5);
/// Between the requests of one service and those of the other.
const DELAY: Duration = Duration::from_secs(1);

/// User, tenant, tier, team and action.
type Who = [&'static str; 5];

/// Picodollars of what the stand-in serves: 1500 input tokens for so many of output, or an embedding of 42.
const fn gpt_5_mini(output: i128) -> i128 {
    1500 * 250_000 + output * 2_000_000
}
const GPT_4O: i128 = 1500 * 2_500_000 + 350 * 10_000_000;
const EMBEDDING: i128 = 42 * 20_000;

/// What each owes for what, with how many calls: the clicks of `customers.py`, by hand.
const OWED: [(Who, i64, i128); 8] = [
    (["alice", "acme", "enterprise", "north", "describe"], 2, gpt_5_mini(80) + gpt_5_mini(160)),
    (["alice", "acme", "enterprise", "north", "chat"], 2, EMBEDDING + GPT_4O),
    (["bob", "acme", "enterprise", "north", "chat"], 2, EMBEDDING + GPT_4O),
    (["bob", "acme", "enterprise", "north", "POST /search"], 1, EMBEDDING),
    (["carol", "globex", "pro", "south", "describe"], 1, gpt_5_mini(200)),
    (["carol", "globex", "pro", "south", "chat"], 2, EMBEDDING + GPT_4O),
    // No row of tenants.csv has this tenant, so the row `*` answers.
    (["dave", "initech", "free", "south", "POST /search"], 1, EMBEDDING),
    // Nobody had signed in.
    (["", "globex", "pro", "south", "POST /search"], 1, EMBEDDING),
];

/// How the recorded requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Recorded,
    Swapped,
    ShopLate,
    WriterLate,
    Split,
    SplitSwapped,
}

impl Way {
    const ALL: [Way; 6] =
        [Way::Recorded, Way::Swapped, Way::ShopLate, Way::WriterLate, Way::Split, Way::SplitSwapped];

    /// The bodies to send; [`DELAY`] stands between one list and the next.
    fn delivery(self) -> Vec<Vec<Bytes>> {
        let recorded = recorded();
        let of = |service: &str| {
            let of_service = recorded.iter().filter(|(path, _)| path.to_str().unwrap().ends_with(service));
            of_service.map(|(_, body)| body.clone()).collect::<Vec<Bytes>>()
        };
        let whole = || recorded.iter().map(|(_, body)| body.clone());
        let split = || recorded.iter().flat_map(|(_, body)| split(body));
        match self {
            Way::Recorded => vec![whole().collect()],
            Way::Swapped => vec![whole().rev().collect()],
            Way::ShopLate => vec![of("-writer.pb"), of("-shop.pb")],
            Way::WriterLate => vec![of("-shop.pb"), of("-writer.pb")],
            Way::Split => vec![split().collect()],
            Way::SplitSwapped => vec![split().rev().collect()],
        }
    }
}

/// The recorded requests, in the order in which they came.
fn recorded() -> Vec<(PathBuf, Bytes)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shop");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "pb")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap().into())).collect()
}

/// A request for each span, with its resource and scope.
fn split(body: &Bytes) -> Vec<Bytes> {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut requests = Vec::new();
    for resource in request.resource_spans {
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let scope_spans = vec![ScopeSpans { spans: vec![span.clone()], ..scope.clone() }];
                let resource_spans = vec![ResourceSpans { scope_spans, ..resource.clone() }];
                requests.push(ExportTraceServiceRequest { resource_spans }.encode_to_vec().into());
            }
        }
    }
    requests
}

/// All log records that came.
fn records(sink: &Sink) -> Vec<LogRecord> {
    let requests = sink.taken(Signal::Logs).into_iter();
    let requests = requests.map(|seen| ExportLogsServiceRequest::decode(seen.body).unwrap());
    let scopes = requests.flat_map(|request| request.resource_logs).flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// An event's exact cost.
fn cost(event: &LogRecord) -> i128 {
    event.string("pricetag.action.cost.picodollars").parse().unwrap()
}

/// Scenario: the recorded requests themselves.
/// Guarantees: they are worth replaying. Both services send several, and who it was and what it cost never stand in one.
#[test]
fn nobody_knows_both() {
    for (service, knows, does_not) in [("-shop.pb", "user.id", "gen_ai."), ("-writer.pb", "gen_ai.", "user.")]
    {
        let mut requests = 0;
        for (path, body) in
            recorded().into_iter().filter(|(path, _)| path.to_str().unwrap().ends_with(service))
        {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let all = || spans(&request);
            assert!(all().iter().all(|span| span.keys(does_not).is_empty()), "{path:?} has {does_not}");
            requests += usize::from(all().iter().any(|span| !span.keys(knows).is_empty()));
        }
        assert!(requests > 1, "{requests} requests with {knows}");
    }
}

/// Scenario: the recorded requests with the example's own config, as they came, in the opposite order, one service's a good
/// while after the other's (either way), and each span alone, in both orders.
/// Guarantees: each time the events tell the same money of the same users, tenants, tiers and actions, to the picodollar, and
/// so do the metrics; nothing stays pending, and every span is forwarded once.
#[tokio::test]
async fn the_same_money_on_the_same_user() {
    let mut ways: tokio::task::JoinSet<()> = Way::ALL.into_iter().map(settles_the_same).collect();
    while let Some(way) = ways.join_next().await {
        way.unwrap();
    }
}

async fn settles_the_same(way: Way) {
    let sink = Sink::start().await;
    let sets = [
        format!("processors.pricetag.settle_after={SETTLE_AFTER:?}"),
        format!("exporters.otlphttp.endpoint=http://{}", sink.address),
    ];
    let mut pricetag = Pricetag::of_example("shop", &sets).await;
    let delivery = way.delivery();
    for (late, bodies) in delivery.iter().enumerate() {
        tokio::time::sleep(DELAY * u32::try_from(late).unwrap()).await;
        for body in bodies {
            pricetag.deliver(Via::Protobuf, Signal::Traces, body.clone()).await;
        }
    }

    let calls: i64 = OWED.iter().map(|(_, calls, _)| calls).sum();
    let owed: i128 = OWED.iter().map(|(_, _, cost)| cost).sum();
    let scrape = pricetag.settled(calls.unsigned_abs()).await;
    assert_eq!(scrape.money("pricetag_cost", &[]), owed, "{way:?}");
    assert_eq!(scrape.sum("pricetag_pending", &[]), 0.0, "{way:?}");
    let of_events = || records(&sink).iter().map(|event| event.int("pricetag.action.calls")).sum::<i64>();
    eventually(&format!("the events of {calls} calls"), async || (of_events() >= calls).then_some(())).await;
    pricetag.stop().await;

    let events = records(&sink);
    assert_owed(way, &events);
    let arrived = sink.traces(delivery.iter().map(Vec::len).sum()).await;
    assert_spans(way, &arrived, &events);
}

/// The events tell what is owed, each in whole dollars and in picodollars alike.
fn assert_owed(way: Way, events: &[LogRecord]) {
    let mut told: BTreeMap<[&str; 5], (i64, i128)> = BTreeMap::new();
    for event in events {
        assert_eq!(event.event_name, "pricetag.action", "{way:?}");
        assert_eq!(event.double("pricetag.action.cost").map(picodollars), Some(cost(event)), "{way:?}");
        assert_eq!(event.value("pricetag.action.unpriced"), None, "{way:?}");
        let who = ["user.id", "pricetag.tenant", "pricetag.tier", "pricetag.team", "pricetag.action.name"]
            .map(|key| event.string(key));
        let row = told.entry(who).or_default();
        *row = (row.0 + event.int("pricetag.action.calls"), row.1 + cost(event));
    }
    let owed: BTreeMap<_, _> = OWED.into_iter().map(|(who, calls, cost)| (who, (calls, cost))).collect();
    assert_eq!(told, owed, "{way:?}");
}

/// Every span came once. A call that came after its root tells the root's user at once, and a root that came after its calls
/// their sum.
fn assert_spans(way: Way, arrived: &[ExportTraceServiceRequest], events: &[LogRecord]) {
    let arrived: Vec<&Span> = arrived.iter().flat_map(spans).collect();
    let sent: Vec<ExportTraceServiceRequest> = Way::Recorded.delivery()[0]
        .iter()
        .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap())
        .collect();
    let ids = |spans: &[&Span]| {
        let mut ids: Vec<Vec<u8>> = spans.iter().map(|span| span.span_id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&arrived), ids(&sent.iter().flat_map(spans).collect::<Vec<_>>()), "{way:?}");

    for event in events {
        let of_trace = || arrived.iter().filter(|span| span.trace_id == event.trace_id);
        let root = of_trace().find(|span| span.parent_span_id.is_empty()).unwrap();
        assert_eq!(event.span_id, root.span_id, "{way:?}");
        if way == Way::ShopLate {
            assert_eq!(root.double("pricetag.action.cost").map(picodollars), Some(cost(event)), "{way:?}");
            assert_eq!(root.int("pricetag.action.calls"), event.int("pricetag.action.calls"), "{way:?}");
            assert_eq!(root.string("pricetag.action.name"), event.string("pricetag.action.name"), "{way:?}");
        }
        let calls = of_trace().filter(|span| span.string("pricetag.status") == "priced");
        assert_eq!(calls.clone().count() as i64, event.int("pricetag.action.calls"), "{way:?}");
        for call in calls.filter(|_| way == Way::WriterLate) {
            for key in ["user.id", "pricetag.tenant", "pricetag.tier", "pricetag.team"] {
                assert_eq!(call.string(key), event.string(key), "{key}, {way:?}");
            }
        }
    }
}
