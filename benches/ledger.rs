//! `cargo bench --bench ledger`: what a booking costs the ledger, from its record to its settled account, decoding included.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use pricetag::booking::{Booking, Entries};
use pricetag::ledger::Ledger;
use pricetag::ledger::store::Limits;
use pricetag::otlp::view::Text;
use pricetag::pricing::{Picodollars, Status};

const DIMENSIONS: [&str; 9] =
    ["user", "session", "feature", "workflow", "agent", "tenant", "tier", "team", "environment"];
const TRACES: u64 = 100_000;
/// Bookings of a trace, which come in one record.
const CALLS: u64 = 5;
const ROUNDS: usize = 5;

fn main() {
    println!(
        "{TRACES} traces of {CALLS} calls, all open at once, then settled; medians of {ROUNDS} rounds\n"
    );
    for (name, users, moved) in [
        ("5,000 users, nothing moves", 5_000, false),
        ("5,000 users, who are known only when traces settle", 5_000, true),
        ("1,000,000 users, nothing moves", 1_000_000, false),
    ] {
        let (mut booked, mut settled): (Vec<f64>, Vec<f64>) =
            (0..ROUNDS).map(|round| run(round as u64, users, moved)).unzip();
        booked.sort_by(f64::total_cmp);
        settled.sort_by(f64::total_cmp);
        println!(
            "{name}: {:.0} ns to book, {:.0} ns to settle a booking",
            booked[ROUNDS / 2],
            settled[ROUNDS / 2]
        );
    }
}

fn run(round: u64, users: u64, moved: bool) -> (f64, f64) {
    let ledger = Ledger::open(None, &DIMENSIONS, &[], Limits::default()).unwrap();
    let mut random = round + 1;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut bookings, mut settlements) = (Vec::new(), Vec::new());
    let mut entries = Entries::default();
    for trace in 0..TRACES {
        let user = format!("user-{}", next(users));
        bookings.push(record(&mut entries, trace, if moved { "" } else { &user }, &mut next));
        entries.push_settlement(&id(trace), "GET /ask".into(), &[1; 8], |changes| {
            for span in (0..CALLS).filter(|_| moved) {
                changes.push(&span.to_be_bytes(), Default::default(), None, [(0, Text::from(&*user))]);
            }
        });
        settlements.push(entries.take());
    }
    let apply = |records: &[Bytes]| {
        let start = Instant::now();
        for record in records {
            ledger.apply(black_box(record));
        }
        start.elapsed().as_nanos() as f64 / (TRACES * CALLS) as f64
    };
    let times = (apply(&bookings), apply(&settlements));
    let (settled, pending) = ledger.books().total();
    assert_eq!((settled.get(), pending.get()), (i128::from(TRACES * CALLS) * 123, 0));
    times
}

fn id(trace: u64) -> [u8; 16] {
    std::array::from_fn(|byte| (trace >> (8 * (byte % 8))) as u8)
}

fn record(entries: &mut Entries, trace: u64, user: &str, next: &mut impl FnMut(u64) -> u64) -> Bytes {
    let session = format!("session-{trace}");
    let tenant = next(200);
    let (tenant, tier, team) =
        (format!("tenant-{tenant}"), format!("tier-{}", tenant % 4), format!("team-{}", tenant % 20));
    for span in 0..CALLS {
        let (feature, agent) = (format!("feature-{}", next(10)), format!("agent-{}", next(10)));
        let model = format!("model-{}", next(10));
        let values = [user, &session, &feature, "workflow", &agent, &tenant, &tier, &team, "production"];
        entries.push_booking(&Booking {
            trace: &id(trace),
            span: &span.to_be_bytes(),
            open: true,
            status: Status::Priced,
            money: Some(Picodollars::new(123)),
            input: 100,
            output: 10,
            provider: "openai".into(),
            model_asked: Text::from(&*model),
            model_served: Text::from(&*model),
            operation: "chat".into(),
            catalog_version: "genai-prices 0.2.3 + litellm 1.109.1".into(),
            dimensions: values.into_iter().map(Text::from).collect(),
            ..Booking::default()
        });
    }
    entries.take()
}
