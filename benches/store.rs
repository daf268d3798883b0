//! `cargo bench --bench store`: the ledger's store with more users than fit, and questions to a month of it.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use pricetag::booking::{Booking, Entries};
use pricetag::ledger::Ledger;
use pricetag::ledger::query::Step;
use pricetag::ledger::store::{HOURLY, Limits};
use pricetag::otlp::view::Text;
use pricetag::pricing::{Picodollars, Status};

const DIMENSIONS: [&str; 9] =
    ["user", "session", "feature", "workflow", "agent", "tenant", "tier", "team", "environment"];
const NANOS_PER_HOUR: u64 = 3_600_000_000_000;
/// The hour that it is.
const NOW: u32 = 495_000;
/// Rows that the page shows of a list.
const TOP: usize = 8;
/// What a question of the page may take.
const LIMIT: Duration = Duration::from_millis(200);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    many_users(&folder.path().join("many.db"));
    month(&folder.path().join("month.db"));
}

/// Ten million users in one hour, a call each, and a hundred who make more.
fn many_users(file: &Path) {
    const USERS: u32 = 10_000_000;
    let ledger = open(file);
    let mut entries = Entries::default();
    let (mut total, mut heavy) = (0i128, HashMap::new());
    let (before, start) = (resident("VmRSS"), Instant::now());
    let mut written = Instant::now();
    for number in 0..USERS {
        let money = i128::from(number % 1_000) + 1;
        push(&mut entries, &format!("user-{number:08}"), "gpt-5-mini", NOW, money);
        total += money;
        if number % 1_000 == 0 {
            // They come from the first thousand users on, as heavy users do.
            let (user, money) =
                (format!("user-{:08}", number % 100_000 / 1_000), 1_000_000 + i128::from(number));
            push(&mut entries, &user, "gpt-5-mini", NOW, money);
            *heavy.entry(user).or_insert(0) += money;
            total += money;
        }
        if number % 100 == 0 {
            ledger.apply(&entries.take());
        }
        if written.elapsed() > Duration::from_secs(1) || ledger.books().new_cells() > 50_000 {
            ledger.write().unwrap();
            written = Instant::now();
        }
    }
    ledger.apply(&entries.take());
    ledger.write().unwrap();
    let (took, after) = (start.elapsed(), resident("VmHWM"));

    let mut rows = ledger.rows("user", NOW..NOW + 1).unwrap();
    rows.sort_by_key(|row| std::cmp::Reverse(row.settled.money.get()));
    let sum: i128 = rows.iter().map(|row| row.settled.money.get()).sum();
    assert_eq!(sum, total, "the total is not exact");
    assert_eq!(rows[0].value, "other");
    for row in &rows[1..=100] {
        let own = i128::from(row.value[5..].parse::<u32>().unwrap() % 1_000) + 1;
        assert_eq!(row.settled.money.get(), heavy[&row.value] + own, "{} is not exact", row.value);
    }
    println!(
        "{USERS} users in one hour: {} of them have rows, the total and the top 100 are exact; memory grew by {:.0} MiB to {:.0} MiB; \
         {:.0} ns a call, writing included",
        rows.len() - 1,
        after - before,
        after,
        took.as_nanos() as f64 / f64::from(USERS)
    );
}

/// Thirty days of 10,000 users who call one of 20 models each hour, every other of them of a tenant of its own.
fn month(file: &Path) {
    const USERS: u32 = 10_000;
    let ledger = open(file);
    let mut entries = Entries::default();
    let first = NOW - 30 * 24;
    let start = Instant::now();
    for hour in first..=NOW {
        for user in 0..USERS {
            let model = format!("model-{}", (user + hour) % 20);
            push(&mut entries, &format!("user-{user:05}"), &model, hour, i128::from(user) * 1_000_003);
        }
        ledger.apply(&entries.take());
        ledger.write().unwrap();
    }
    let size = std::fs::metadata(file).unwrap().len() as f64 / f64::from(1 << 20);
    println!(
        "\n30 days x {USERS} users x 20 models: a file of {size:.0} MiB, made in {:.0} s",
        start.elapsed().as_secs_f64()
    );

    let day = NOW + 1 - 24..NOW + 1;
    let (week, month) = (NOW + 1 - 7 * 24..NOW + 1, first..NOW + 1);
    let mut slowest = Duration::ZERO;
    let mut ask = |what: &str, question: &dyn Fn() -> usize| {
        let mut times: Vec<(Duration, usize)> = (0..5)
            .map(|_| {
                let start = Instant::now();
                let rows = question();
                (start.elapsed(), rows)
            })
            .collect();
        times.sort();
        slowest = slowest.max(times[2].0);
        println!("  {what:<34}{:>8.1} ms  {} rows", times[2].0.as_secs_f64() * 1e3, times[2].1);
    };
    let top = |by: &'static str, hours: &Range<u32>| {
        let (ledger, hours) = (ledger.clone(), hours.clone());
        move || ledger.top(by, hours.clone(), TOP).unwrap().rows.len()
    };
    for (name, hours) in [("24 hours", &day), ("7 days", &week), ("30 days", &month)] {
        for by in ["user", "tenant", "model_served", "total"] {
            ask(&format!("{by}, {name}"), &top(by, hours));
        }
    }
    ask("by hour, 24 hours", &|| ledger.timeline("total", day.clone(), Step::Hour).unwrap().len());
    ask("by day, 30 days", &|| ledger.timeline("total", month.clone(), Step::Day).unwrap().len());
    let users: Vec<String> = (0..TOP).map(|user| format!("user-{user:05}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    ask("eight users by hour, 7 days", &|| {
        ledger.timeline_of("user", week.clone(), Step::Hour, &users).unwrap().len()
    });
    let history = NOW + 1 - HOURLY / 2..NOW + 1;
    ask("one user, hour by hour, 7 days", &|| {
        ledger.history("user", "user-00077", history.clone()).unwrap().len()
    });
    println!("  slowest: {:.0} ms (aim: {} ms)", slowest.as_secs_f64() * 1e3, LIMIT.as_millis());
}

fn open(file: &Path) -> Ledger {
    Ledger::open(Some(file), &DIMENSIONS, &[], Limits::default()).unwrap()
}

/// A settled call.
fn push(entries: &mut Entries, user: &str, model: &str, hour: u32, money: i128) {
    let tenant = format!("tenant-{}", &user[user.len() - 3..]);
    let tier = if user.ends_with('0') { "pro" } else { "free" };
    let values: [Text<'_>; 9] =
        [user, "s", "search", "ask", "", &tenant, tier, "north", "production"].map(Text::from);
    entries.push_booking(&Booking {
        end_unix_nano: u64::from(hour) * NANOS_PER_HOUR,
        status: Status::Priced,
        money: Some(Picodollars::new(money)),
        provider: "openai".into(),
        model_asked: model.into(),
        model_served: model.into(),
        operation: "chat".into(),
        catalog_version: "2026-11-01".into(),
        input: 1500,
        output: 350,
        dimensions: values.into_iter().collect(),
        ..Booking::default()
    });
}

/// A figure of this process from Linux, in MiB; 0 elsewhere.
fn resident(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
