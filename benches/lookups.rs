//! `cargo bench --bench lookups`: a table of a million tenants, from CSV to memory, and what asking it costs a call.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use pricetag::attribution::Attribution;
use pricetag::attribution::lookups::{Source, read};
use pricetag::otlp::view::Text;

// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 1_000_000;
const ASKED: usize = 10_000_000;

fn main() {
    // Of one piece: what growing leaves behind would hide what the table takes.
    let mut text = String::with_capacity(32 * ROWS);
    text.push_str("tenant,tier,team,plan\n");
    for n in 0..ROWS {
        writeln!(text, "tenant-{n:06},{},team {},p{}", ["gold", "tin", ""][n % 3], n % 1000, n % 7).unwrap();
    }
    let attribution =
        Attribution::of_keys(&["user", "tenant", "tier", "team", "plan"].map(|name| (name, &[][..])));
    let before = resident();
    let start = Instant::now();
    let lookups =
        read(&[Source { name: "tenants.csv", bytes: text.as_bytes(), by: "tenant" }], &attribution).unwrap();
    let took = start.elapsed();
    println!("{ROWS} rows, {:.1} MB of CSV", text.len() as f64 / 1e6);
    println!("  read       {took:>10.2?}");
    println!(
        "  memory     {:>8} B a row; the process grew by {:.1} MB",
        lookups.bytes() / ROWS,
        (resident() - before) / 1e6
    );

    let tenants: Vec<String> = (0..4096).map(|n| format!("tenant-{:06}", n * 7919 % ROWS)).collect();
    let start = Instant::now();
    for n in 0..ASKED {
        let mut values = [Text::default(); 5];
        values[1] = tenants[n % tenants.len()].as_str().into();
        lookups.fill(&mut values, |_, _| ());
        black_box(values);
    }
    println!("  a call     {:>7.0} ns", start.elapsed().as_nanos() as f64 / ASKED as f64);
}

/// Bytes of this process that are in memory; zero where the system does not say.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}
