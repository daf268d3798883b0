//! `cargo bench --bench booking`: what a booking adds to a call on its path, from the facts that the processor has to bytes in the record
//! that is queued.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::time::Instant;

use pricetag::booking::{Booking, Entries, entries};
use pricetag::genai::sampling::Weight;
use pricetag::otlp::view::Text;
use pricetag::pricing::{Picodollars, Status};

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
    for (name, saved, weight) in [
        ("an ordinary call", 0, Weight::ONE),
        ("cached tokens", 1_234_567, Weight::ONE),
        ("cached tokens, sampled", 1_234_567, Weight::new(1 << 56, 3).unwrap()),
    ] {
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| run(saved, weight)).collect();
        times.sort_by(f64::total_cmp);
        println!("{name}: {:.0} ns a call", times[ROUNDS / 2]);
    }
}

/// Nanoseconds a call.
fn run(saved: i128, weight: Weight) -> f64 {
    let mut written = Entries::default();
    let start = Instant::now();
    for request in 0..REQUESTS as u64 {
        for call in 0..CALLS as u64 {
            written.push_booking(black_box(&booking(&call.to_be_bytes(), request + call, saved, weight)));
        }
        black_box(written.take());
    }
    let elapsed = start.elapsed().as_nanos() as f64 / (REQUESTS * CALLS) as f64;
    written.push_booking(&booking(&[1; 8], 1, saved, weight));
    assert_eq!(entries(&written.take()).filter(Result::is_ok).count(), 1);
    elapsed
}

fn booking<'a>(span: &'a [u8; 8], input: u64, saved: i128, weight: Weight) -> Booking<'a> {
    Booking {
        trace: &[7; 16],
        span,
        end_unix_nano: 1_795_380_558_533_402_858,
        open: true,
        status: Status::Priced,
        money: Some(Picodollars::new(9_400_840_000)),
        saved: Picodollars::new(saved),
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
