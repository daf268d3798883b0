//! `cargo bench --bench start`: how long the embedded catalog takes at start, from packed bytes to an index. The first time is
//! that of a new process, nothing in any cache of the processor.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not go on stops")]

use std::time::{Duration, Instant};

use pricetag::pricing::Catalog;

// As in the binary: half of the time goes into it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The longest that a start may take for prices.
const LIMIT: Duration = Duration::from_millis(20);

fn main() {
    let start = Instant::now();
    let catalog = Catalog::embedded();
    let first = start.elapsed();
    let best = (0..20).map(|_| {
        let start = Instant::now();
        let file = Catalog::embedded_file().unwrap();
        let read = start.elapsed();
        Catalog::from_layers([("embedded", file)]).unwrap();
        (start.elapsed(), read)
    });
    let (best, read) = best.min().unwrap();
    println!("the embedded catalog, {} models: {}", catalog.models().count(), catalog.source());
    println!("  first      {first:>10.2?}   (limit {LIMIT:?})");
    println!("  best of 20 {best:>10.2?}   of it unpacking and reading {read:.2?}");
}
