//! `cargo bench --bench booking`: what a booking adds to a call on its path, from the facts that the processor has to bytes in the record
//! that is queued; what its cached tokens have saved included. Books and store are behind the queue.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::time::Instant;

use pricetag::booking::{Booking, Entries, entries};
use pricetag::genai::sampling::Weight;
use pricetag::genai::usage::{Bucket, Usage};
use pricetag::otlp::view::Text;
use pricetag::pricing::{Catalog, Conditions, ModelQuery, Picodollars, Receipt, Status};

/// Calls of a request, as an SDK's batch has them.
const CALLS: usize = 100;
const REQUESTS: usize = 2_000;
const ROUNDS: usize = 9;

/// Values of nine dimensions.
const VALUES: [&str; 9] = [
    "user-4711",
    "session-b7ad6b71",
    "search",
    "triage",
    "planner",
    "acme-corp",
    "pro",
    "payments",
    "production",
];

fn main() {
    println!("a booking with 9 dimensions, {CALLS} a request; medians of {ROUNDS} rounds\n");
    let mut slowest = 0.0;
    for (name, cached, weight) in [
        ("an ordinary call", 0, Weight::ONE),
        ("cached tokens", 1_024, Weight::ONE),
        ("cached tokens, sampled", 1_024, Weight::new(1 << 56, 3).unwrap()),
    ] {
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| run(cached, weight)).collect();
        times.sort_by(f64::total_cmp);
        slowest = times[ROUNDS / 2].max(slowest);
        println!("{name}: {:.0} ns a call", times[ROUNDS / 2]);
    }
    println!("\nslowest: {slowest:.0} ns (aim: 100 ns)");
}

/// Nanoseconds a call.
fn run(cached: u64, weight: Weight) -> f64 {
    let catalog = Catalog::embedded();
    let query = ModelQuery { provider: "openai", asked: "gpt-4o", ..ModelQuery::default() };
    let gpt = catalog.resolve(&query).model.unwrap();
    let mut usage = Usage::NOTHING;
    (usage[Bucket::Input], usage[Bucket::CacheRead], usage[Bucket::Output]) = (1_500, cached, 350);
    let receipt = catalog.price(gpt, &Conditions::default(), &usage);
    let saved = |receipt: &Receipt| match cached {
        0 => Picodollars::ZERO,
        _ => catalog.saved(receipt),
    };
    assert_eq!(saved(&receipt).get(), i128::from(cached) * 1_250_000);
    let mut written = Entries::default();
    let start = Instant::now();
    for request in 0..REQUESTS as u64 {
        for call in 0..CALLS as u64 {
            let saved = saved(black_box(&receipt));
            written.push_booking(black_box(&booking(&call.to_be_bytes(), request + call, saved, weight)));
        }
        black_box(written.take());
    }
    let elapsed = start.elapsed().as_nanos() as f64 / (REQUESTS * CALLS) as f64;
    written.push_booking(&booking(&[1; 8], 1, saved(&receipt), weight));
    assert_eq!(entries(&written.take()).filter(Result::is_ok).count(), 1);
    elapsed
}

fn booking<'a>(span: &'a [u8; 8], input: u64, saved: Picodollars, weight: Weight) -> Booking<'a> {
    Booking {
        trace: &[7; 16],
        span,
        end_unix_nano: 1_795_380_558_533_402_858,
        open: true,
        status: Status::Priced,
        money: Some(Picodollars::new(9_400_840_000)),
        saved,
        weight,
        provider: "openai".into(),
        model_asked: "gpt-4o".into(),
        model_served: "gpt-4o-2024-11-20".into(),
        operation: "chat".into(),
        catalog_version: "genai-prices 0.2.3 + litellm 1.109.1".into(),
        input,
        output: 350,
        dimensions: VALUES.map(Text::from).into_iter().collect(),
        ..Booking::default()
    }
}
