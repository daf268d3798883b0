//! What becomes of changes: events, and what others are shown.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;

use super::state::State;
use super::watch::Watch;
use super::*;
use crate::attribution::Attribution;
use crate::ledger::Ledger;
use crate::ledger::log_events::LogEvents;
use crate::ledger::store::Limits;
use crate::pricing::Picodollars;
use crate::queue::{Budget, Item, Keeps, Log, OnFull, Part, Route};

const RULE: Rule = Rule { times: Times::whole(5), above: Picodollars::ZERO, baseline: 168, warm_up: 24 };

/// Scenario: a spike begins and ends.
/// Guarantees: two log events in the pipeline that prices, a warning and a word of its end; the handle shows the spike and counts both.
#[tokio::test]
async fn changes_are_told() {
    let log = Log::default();
    let budget = Budget { requests: 10, bytes: 1 << 20, on_full: OnFull::Refuse };
    let (priced, raw) =
        (log.reader("priced", budget, Keeps::Nothing), log.reader("raw", budget, Keeps::Nothing));
    let routes = [Route { to: raw.id(), part: Part::Raw }, Route { to: priced.id(), part: Part::Priced }];
    let resource = opentelemetry_sdk::Resource::builder_empty().with_service_name("pricetag").build();
    let spikes =
        Spikes::new(Watched::new("tenant", &Attribution::of_keys(&[("tenant", &[])]).dimensions, RULE));
    let events = LogEvents::new(log.clone(), &routes, &resource);
    let mut watch = Watch::new(
        Ledger::open(None, &["tenant"], &[], Limits::default()).unwrap(),
        spikes.clone(),
        events,
        None,
    );

    let spike = |value: &str, cost: i128| Spike {
        value: value.to_owned(),
        began: 498_710,
        hour: 498_711,
        cost: Picodollars::new(cost),
        usual: Usual::of([(1, Picodollars::new(1_000_000))]).unwrap(),
    };
    let (acme, globex) = (spike("acme", 7_000_000), spike("globex", 9_000_000));
    let changes = [Change::Fired(acme.clone()), Change::Resolved(globex.clone())];
    watch.tell(vec![acme.clone(), spike("dearer", 8_000_000)], &changes);
    assert_eq!(spikes.active(), [spike("dearer", 8_000_000), acme]);
    let counts = |seen: MutexGuard<'_, Seen>| (seen.fired, seen.resolved);
    assert_eq!(counts(spikes.seen()), (1, 1));
    watch.tell(Vec::new(), &[]);
    assert_eq!((priced.left(), raw.left()), (1, 0), "nothing new is nothing to tell");

    let Some(Item::Request { body, items: 2, .. }) = priced.next().await.map(|read| read.item) else {
        panic!("one request")
    };
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let records = &request.resource_logs[0].scope_logs[0].log_records;
    let [fired, resolved] = &records[..] else { panic!("{records:?}") };
    for (record, severity, state, value, cost) in
        [(fired, 13, "firing", "acme", "7000000"), (resolved, 9, "resolved", "globex", "9000000")]
    {
        assert_eq!((record.event_name.as_str(), record.severity_number), ("pricetag.spike", severity));
        let text = |key: &str| {
            let found = record.attributes.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("{key}"));
            match found.value.as_ref().unwrap().value.clone().unwrap() {
                Value::StringValue(text) => text,
                Value::DoubleValue(number) => number.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let expected = [
            ("pricetag.tenant", value),
            ("pricetag.spike.dimension", "tenant"),
            ("pricetag.spike.state", state),
            ("pricetag.spike.hour", "2026-11-22T15:00:00Z"),
            ("pricetag.spike.cost.picodollars", cost),
            ("pricetag.spike.usual.picodollars", "1000000"),
            ("pricetag.spike.usual", "0.000001"),
        ];
        for (key, expected) in expected {
            assert_eq!(text(key), expected, "{key}");
        }
        let body = record.body.as_ref().unwrap().value.clone().unwrap();
        assert!(
            matches!(&body, Value::StringValue(line) if line.starts_with(&format!("tenant {value} "))),
            "{body:?}"
        );
    }
}

/// Scenario: a look that panics while a spike is shown, and one after it.
/// Guarantees: what is stale is shown no longer, the watch goes on, and the spike begins anew.
#[tokio::test]
async fn a_look_that_panics_is_not_the_last() {
    let spikes = Spikes::new(Watched::new("user", &[], RULE));
    let resource = opentelemetry_sdk::Resource::builder_empty().build();
    let events = LogEvents::new(Log::default(), &[], &resource);
    let ledger = Ledger::open(None, &["user"], &[], Limits::default()).unwrap();
    let mut watch = Watch::new(ledger, spikes.clone(), events, None);
    let costly = |state: &mut State, changes: &mut Vec<Change>| {
        let costs = |_| Ok(vec![("ann".to_owned(), Picodollars::new(1_000))]);
        let history = |_: &str, hours: std::ops::Range<u32>| Ok(vec![(hours.start, Picodollars::new(1))]);
        state.look(498_710 * 3600 + 1800, costs, history, changes)
    };
    let state = watch.step(State::new(RULE), costly).await;
    assert_eq!(spikes.active().len(), 1);
    let state = watch.step(state, |_, _| panic!("a fault")).await;
    assert_eq!((state.active().count(), spikes.active().len()), (0, 0));
    watch.step(state, costly).await;
    assert_eq!((spikes.active().len(), spikes.seen().fired), (1, 2));
}

/// Guarantees: what the config lets be watched is what the ledger can be asked for.
#[test]
fn every_dimension_has_a_key() {
    let own: Vec<String> = Ledger::open(None, &[], &[], Limits::default()).unwrap().dimensions();
    for name in own.iter().filter(|name| *name != crate::ledger::query::TOTAL) {
        assert!(OWN_KEYS.iter().any(|(known, _)| known == name), "{name}");
    }
    assert_eq!(Watched::new("model_served", &[], RULE).key, "gen_ai.response.model");
    let user = Attribution::of_keys(&[("user", &[])]).dimensions;
    assert_eq!(Watched::new("user", &user, RULE).key, "user.id");
}
