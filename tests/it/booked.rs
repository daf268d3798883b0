//! What the processor books of a call besides its price: when, for how many calls, and what a cache saved.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::attribution::Attribution;
use pricetag::booking::{self, Booking, Entries, Entry};
use pricetag::genai::sampling::Weight;
use pricetag::pricing::{Catalog, CatalogFile, Picodollars};
use pricetag::processor::{Now, Processor, Restater, Settings, Shared};
use prost::Message as _;

use crate::support::spans::{attribute, chat, gpt_4o, request, span};

const HOUR: u64 = 3_600_000_000_000;
/// When requests come: an hour after the spans of `span` end, about.
const NOW: Now = Now { unix_nano: 1_795_384_000_000_000_000, monotonic: 0 };

/// A price that has risen.
const PRICES: &str = "providers: {openai: {models: {dated: {rates: {input: 1}, when: [{from: 2026-01-01, rates: {input: 2}}]}}}}";

fn shared() -> Arc<Shared> {
    let settings = Settings {
        max_age: Duration::from_secs(10 * 86_400),
        weight_key: Some("SampleRate".to_owned()),
        attribution: Attribution::of_keys(&[]),
        ..Settings::default()
    };
    let own = CatalogFile::from_yaml("prices.yaml", PRICES).unwrap();
    let layers = [("embedded", Catalog::embedded_file().unwrap()), ("prices.yaml", own)];
    Arc::new(Shared::new(&settings, Arc::new(Catalog::from_layers(layers).unwrap())))
}

/// What is booked of spans that come in one request, shown one by one.
fn booked(shared: &Arc<Shared>, spans: Vec<Span>, mut show: impl FnMut(usize, &Booking<'_>)) {
    let body = Bytes::from(request(spans).encode_to_vec());
    let processed = Processor::new(Arc::clone(shared)).process(body, NOW).unwrap();
    for (nth, entry) in booking::entries(&processed.entries).enumerate() {
        let Ok(Entry::Booking(booking)) = entry else { panic!("{entry:?}") };
        show(nth, &booking);
    }
}

/// Scenario: calls that ended now, as long ago as may be, a nanosecond longer, an hour ahead, a nanosecond more, and at no time.
/// Guarantees: a time that can not be is that of the arrival and is flagged, in restated bookings too; the price stays that of the
/// call's own time.
#[test]
fn a_time_that_can_not_be_is_that_of_the_arrival() {
    let oldest = NOW.unix_nano - 240 * HOUR;
    let ends = [NOW.unix_nano, oldest, oldest - 1, NOW.unix_nano + HOUR, NOW.unix_nano + HOUR + 1, 0];
    let expected = [(0, false), (1, false), (0, true), (3, false), (0, true), (0, false)];
    let calls = |from: u64| {
        let call = move |(nth, end): (usize, u64)| Span {
            start_time_unix_nano: 0,
            end_time_unix_nano: end,
            ..gpt_4o(from + nth as u64, 1_000_000, 0)
        };
        ends.into_iter().enumerate().map(call).collect()
    };
    let mut seen = 0;
    booked(&shared(), calls(1), |nth, booking| {
        let (at, misdated) = expected[nth];
        assert_eq!((booking.end_unix_nano, booking.misdated), (ends[at], misdated), "call {nth}");
        seen += 1;
    });
    assert_eq!(seen, ends.len());

    let mut dated = chat(9, "dated", vec![attribute("gen_ai.usage.input_tokens", 1_000_000)]);
    dated.end_time_unix_nano = 1_577_836_800_000_000_000;
    booked(&shared(), vec![dated], |_, booking| {
        assert!(
            booking.misdated && booking.money == Some(Picodollars::new(1_000_000_000_000)),
            "{booking:?}"
        );
    });

    // A call without a model gets it from the span above, which comes later, when the trace settles.
    let shared = shared();
    let mut parent = gpt_4o(20, 1_000_000, 0);
    parent.attributes[0] = attribute("gen_ai.operation.name", "invoke_agent");
    let used = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.provider.name", "openai"),
        attribute("gen_ai.usage.input_tokens", 1_000_000),
    ];
    let call = Span {
        trace_id: parent.trace_id.clone(),
        parent_span_id: parent.span_id.clone(),
        end_time_unix_nano: 1,
        trace_state: "ot=th:8".to_owned(),
        ..span(21, used)
    };
    booked(&shared, vec![call], |_, booking| assert_eq!(booking.money, None));
    booked(&shared, vec![parent], |_, _| {});
    let mut entries = Entries::default();
    let mut restater = Restater::new(&shared, NOW);
    let mut settled = Vec::new();
    shared.open_traces().settle_all(&mut settled);
    settled.iter().for_each(|settled| restater.push(settled, &mut entries));
    let record = entries.take();
    let mut restated = 0;
    for entry in booking::entries(&record) {
        let Ok(Entry::Settlement(settlement)) = entry else { panic!("{entry:?}") };
        for booking in settlement.changes.iter().filter_map(|change| change.restated.as_deref()) {
            if booking.span == 22u64.to_be_bytes() {
                assert_eq!((booking.end_unix_nano, booking.misdated), (NOW.unix_nano, true));
                assert_eq!(booking.weight, Weight::new(2, 1).unwrap());
                restated += 1;
            }
        }
    }
    assert_eq!(restated, 1);
}

/// Scenario: calls with a threshold in their trace state, with the attribute that the config names, with both, with nothing of that kind,
/// and with what can not be; one of them comes twice.
/// Guarantees: money is booked as it is, and what it stands for beside it; absurd weights are one, and are counted once.
#[test]
fn sampled_calls_stand_for_more() {
    let call = |nth: u64, state: &str, rate: Option<i64>| {
        let mut call = gpt_4o(nth, 1_000_000, 0);
        call.trace_state = state.to_owned();
        call.attributes.extend(rate.map(|rate| attribute("SampleRate", rate)));
        call
    };
    let calls = [
        (call(1, "", None), (1, 1)),
        (call(2, "congo=t61rcWkgMzE,ot=th:c", None), (4, 1)),
        (call(3, "", Some(20)), (20, 1)),
        (call(4, "ot=th:8", Some(20)), (20, 1)),
        (call(5, "ot=th:xyz", None), (1, 1)),
        (call(6, "ot=th:8", Some(0)), (1, 1)),
    ];
    let shared = shared();
    let mut spans: Vec<Span> = calls.iter().map(|(call, _)| call.clone()).collect();
    // The attribute of a span that is no call says nothing, and this report comes again.
    spans.push(Span { trace_state: "ot=th:xyz".to_owned(), ..span(30, vec![attribute("SampleRate", -1)]) });
    spans.push(calls[4].0.clone());
    let mut seen = 0;
    booked(&shared, spans, |nth, booking| {
        let (of, kept) = calls[nth].1;
        assert_eq!(booking.weight, Weight::new(of, kept).unwrap(), "call {nth}");
        assert_eq!(booking.money, Some(Picodollars::new(2_500_000_000_000)));
        let estimate = 2_500_000_000_000 * i128::from(of) / i128::from(kept);
        assert_eq!(booking.estimate(), Some(Picodollars::new(estimate)));
        seen += 1;
    });
    assert_eq!((seen, shared.absurd_weights()), (calls.len(), 2));
}

/// Scenario: a call whose prompt is cached in part, and one without.
/// Guarantees: what is booked as saved is the difference to the full input rate.
#[test]
fn caches_save() {
    let cached = |tokens| attribute("gen_ai.usage.cache_read.input_tokens", tokens);
    let mut call = gpt_4o(1, 1_000_000, 0);
    call.attributes.push(cached(400_000_i64));
    let saved = [500_000_000_000, 0];
    booked(&shared(), vec![call, gpt_4o(2, 1_000_000, 0)], |nth, booking| {
        // $1.25 instead of $2.50.
        assert_eq!(booking.saved, Picodollars::new(saved[nth]));
        assert_eq!(booking.money, Some(Picodollars::new(2_500_000_000_000 - saved[nth])));
    });
}
