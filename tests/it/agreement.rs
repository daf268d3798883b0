//! Metrics, histograms and the ledger's store say the same of one traffic, which a plain sum knows, too.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use pricetag::pricing::Picodollars;
use rusqlite::Connection;

use crate::metrics::totals;
use crate::support::Sink;
use crate::support::process::{AFTER_THE_NEXT, Setup};
use crate::support::spans::{attribute, gpt_4o, picodollars, request, span};

const TRACES: u64 = 60;
/// Picodollars for a token of gpt-4o: input, from a cache, output.
const RATES: [i128; 3] = [2_500_000, 1_250_000, 10_000_000];

/// What one call is.
struct Sent {
    user: String,
    /// Said by the root, which comes a request later.
    tier: &'static str,
    input: i64,
    cached: i64,
    /// How many calls it stands for.
    weight: i128,
    reasoning: i64,
}

fn sent(nth: u64) -> Sent {
    let n = nth as i64;
    Sent {
        user: format!("u{}", nth % 3),
        tier: if nth.is_multiple_of(2) { "pro" } else { "" },
        input: 1_000 * n,
        cached: 100 * (n % 7),
        weight: if nth.is_multiple_of(5) { 4 } else { 1 },
        reasoning: if nth.is_multiple_of(4) { 60 * n } else { 0 },
    }
}

impl Sent {
    fn cost(&self) -> i128 {
        i128::from(self.input - self.cached) * RATES[0]
            + i128::from(self.cached) * RATES[1]
            + 4_000 * RATES[2]
    }

    fn saved(&self) -> i128 {
        i128::from(self.cached) * (RATES[0] - RATES[1])
    }

    fn call(&self, nth: u64, root: &Span) -> Span {
        let mut call = gpt_4o(nth, self.input, 4_000);
        call.attributes.push(attribute("gen_ai.usage.cache_read.input_tokens", self.cached));
        call.attributes.push(attribute("gen_ai.usage.reasoning.output_tokens", self.reasoning));
        call.attributes.push(attribute("user.id", self.user.as_str()));
        (call.trace_id, call.parent_span_id) = (root.trace_id.clone(), root.span_id.clone());
        // One in six says that it ended in 2001.
        if nth.is_multiple_of(6) {
            (call.start_time_unix_nano, call.end_time_unix_nano) =
                (1_000_000_000_000_000_000, 1_000_000_001_000_000_000);
        }
        if self.weight == 4 {
            call.trace_state = "ot=th:c".to_owned();
        }
        call
    }
}

/// Scenario: sixty calls of three users, some sampled, some with cached tokens, some of 2001; a request later come their roots, of which
/// every second one says a tier. User and tier are labels.
/// Guarantees: cost, estimate and savings are the same in the store and in the metrics, user by user and to the picodollar, and what a
/// plain sum says; a call that moved when its trace settled is in the series of its new tier and in no other; histograms count each call and
/// each action once, the same by OTLP and by `/metrics`.
#[tokio::test]
async fn nothing_is_lost_or_doubled() {
    let (sink, folder) = (Sink::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("ledger.sqlite");
    let mut pricetag = Setup::new(&[sink.otlp("a", "")], "otlp/a")
        .set(AFTER_THE_NEXT)
        .set("processors.pricetag.metrics.labels=[user, tier]")
        .set(format!("processors.pricetag.ledger.file={}", file.display()))
        .start()
        .await;
    let all: Vec<Sent> = (0..TRACES).map(sent).collect();
    let roots: Vec<Span> = (0..TRACES)
        .map(|nth| {
            let said = Some(attribute("tier", "pro")).filter(|_| all[nth as usize].tier == "pro");
            Span {
                name: ["ask", "tell"][(nth % 2) as usize].to_owned(),
                ..span(10_000 + nth, said.into_iter().collect())
            }
        })
        .collect();
    let calls = all.iter().zip(&roots).zip(0..).map(|((sent, root), nth)| sent.call(nth, root)).collect();
    pricetag.deliver_spans(&request(calls)).await;
    pricetag.deliver_spans(&request(roots)).await;
    let scrape = pricetag.settled(TRACES).await;
    pricetag.stop().await;

    let last = sink.cost_metrics().pop().unwrap();
    let pushed = totals(&last);
    let of = |name: &str, label: &str| -> i128 {
        let points = pushed.iter().filter(|((of, labels), _)| of == name && labels.contains(label));
        points.map(|(_, (_, value))| picodollars(*value)).sum()
    };
    let expected = |of: fn(&Sent) -> i128, is_meant: &dyn Fn(&Sent) -> bool| -> i128 {
        all.iter().filter(|sent| is_meant(sent)).map(of).sum()
    };
    for user in ["u0", "u1", "u2"] {
        let is_theirs = |sent: &Sent| sent.user == user;
        let cost = expected(Sent::cost, &is_theirs);
        assert_eq!(of("pricetag.cost", &format!("user.id={user};")), cost, "{user}");
        assert_eq!(scrape.money("pricetag_cost", &[("user_id", user)]), cost, "{user}");
        let saved = expected(Sent::saved, &is_theirs);
        assert_eq!(of("pricetag.cache.savings", &format!("user.id={user};")), saved, "{user}");
        let estimate = expected(|sent| sent.cost() * sent.weight, &is_theirs);
        assert_eq!(stored(&file, "user", user), [cost, estimate, saved], "{user}");
    }
    // Every series has sampled calls here: there are few.
    assert_eq!(of("pricetag.cost.estimate", ""), expected(|sent| sent.cost() * sent.weight, &|_| true));
    for tier in ["pro", ""] {
        let label = if tier.is_empty() { String::new() } else { format!("pricetag.tier={tier};") };
        let cost = of("pricetag.cost", &label)
            - if tier.is_empty() { of("pricetag.cost", "pricetag.tier=") } else { 0 };
        assert_eq!(cost, expected(Sent::cost, &|sent| sent.tier == tier), "tier {tier:?}");
        assert_eq!(stored(&file, "tier", tier)[0], cost);
    }
    let misdated: i64 =
        query(&file, "SELECT sum(misdated) FROM days, dimensions ON id = dimension WHERE name = 'total'");
    assert_eq!(misdated, TRACES.div_ceil(6) as i64);

    let dollars: Vec<f64> = all.iter().map(|sent| Picodollars::new(sent.cost()).to_usd_f64()).collect();
    let thoughts: Vec<f64> =
        all.iter().map(|sent| sent.reasoning as f64).filter(|tokens| *tokens > 0.0).collect();
    for (name, values) in [
        ("pricetag.call.cost", &dollars),
        ("pricetag.action.cost", &dollars),
        ("pricetag.action.calls", &vec![1.0; TRACES as usize]),
        ("pricetag.call.reasoning_tokens", &thoughts),
    ] {
        let sum: f64 = values.iter().sum();
        let points = exponential(&last, name);
        let count: u64 = points.iter().map(|point| point.count).sum();
        assert_eq!(count, values.len() as u64, "{name}");
        assert!((points.iter().filter_map(|point| point.sum).sum::<f64>() - sum).abs() < 1e-9, "{name}");
        let buckets = points.iter().filter_map(|point| point.positive.as_ref());
        assert_eq!(buckets.flat_map(|buckets| &buckets.bucket_counts).sum::<u64>(), count, "{name}");
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(points.iter().any(|point| point.min == Some(smallest)), "{name}");

        let asked = name.replace('.', "_");
        assert_eq!(scrape.sum(&format!("{asked}_count"), &[]), count as f64);
        assert!((scrape.sum(&format!("{asked}_sum"), &[]) - sum).abs() < 1e-9, "{name}");
        for bound in ["0.05", "0.1", "1", "1024"] {
            let below = scrape.values(&format!("{asked}_bucket"), &[("le", bound)]);
            let within = values.iter().filter(|value| **value <= bound.parse().unwrap()).count() as f64;
            assert!(
                below.is_empty() || below.iter().sum::<f64>() == within,
                "{name} up to {bound}: {below:?}"
            );
        }
    }
    assert_eq!(exponential(&last, "pricetag.action.cost").len(), 2, "by the action's name");
    assert_eq!(scrape.sum("pricetag_action_calls_count", &[("pricetag_action_name", "tell")]), 30.0);
}

/// Cost, estimate and savings of a value in the store.
fn stored(file: &std::path::Path, dimension: &str, value: &str) -> [i128; 3] {
    let sum = |dollars: &str, rest: &str| {
        let of = |column: &str| -> i64 {
            let from = format!(
                "FROM days, dimensions ON id = dimension WHERE name = '{dimension}' AND value = '{value}'"
            );
            query(file, &format!("SELECT coalesce(sum({column}), 0) {from}"))
        };
        i128::from(of(dollars)) * 1_000_000_000_000 + i128::from(of(rest))
    };
    [
        sum("usd", "picodollars"),
        sum("estimate_usd", "estimate_picodollars"),
        sum("saved_usd", "saved_picodollars"),
    ]
}

fn query(file: &std::path::Path, query: &str) -> i64 {
    Connection::open(file).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
}

/// The points of a histogram, which is an exponential one.
fn exponential<'r>(
    request: &'r ExportMetricsServiceRequest,
    name: &str,
) -> Vec<&'r ExponentialHistogramDataPoint> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let mut points = BTreeMap::new();
    for metric in scopes.flat_map(|scope| &scope.metrics).filter(|metric| metric.name == name) {
        let Some(Data::ExponentialHistogram(histogram)) = &metric.data else { panic!("{metric:?}") };
        for point in &histogram.data_points {
            assert!(points.insert(format!("{:?}", point.attributes), point).is_none(), "{point:?}");
        }
    }
    points.into_values().collect()
}
