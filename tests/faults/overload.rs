//! Five times what the backend takes: whoever finds no room is told to come again, memory stays bounded, and the backend gets no less
//! than before.

use std::time::{Duration, Instant};

use crate::content::Mix;
use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, mib, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// Room for some 300 requests.
const QUEUE: u64 = 2 << 20;
/// Four requests at a time, each for so long: a hundred a second.
const NARROW: Duration = Duration::from_millis(40);
const CAPACITY: f64 = 100.0;

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("overload");
    let settle_after = Duration::from_secs(2);
    let sink = Sink::start(Mood::Narrow(NARROW)).await;
    let exporters = vec![exporter("otlp/a", sink.address, QUEUE)];
    let mut rig = Rig::new(&Setup { exporters, settle_after, ..Setup::default() })?;
    rig.start().await?;
    let load = |first, producers: u32, offered: f64, manner| Load {
        grpc: rig.grpc,
        http: rig.http,
        producers,
        first,
        mix: Mix::Whole,
        prompt: 1_000,
        batch: 5,
        pace: Some(offered / f64::from(producers)),
        manner,
        seed: options.seed,
    };

    // As much as it takes, and a little more, until the queue is full: then memory has what it needs.
    let producers = Producers::start(&load(1, 16, 2.5 * CAPACITY, Manner::Patient));
    let began = Instant::now();
    while producers.progress.refused() < 20 && began.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (peak, cap) = measure(&rig, &sink, Duration::from_secs(if options.full { 20 } else { 3 })).await;
    let mut accounts = producers.finish().await;

    let producers = Producers::start(&load(101, 16, 5.0 * CAPACITY, Manner::Once));
    let time = Duration::from_secs(if options.full { 180 } else { 5 });
    let (goodput, memory) = measure(&rig, &sink, time).await;
    let overloaded = producers.finish().await;
    let offered = overloaded.acknowledged + overloaded.refused + overloaded.unanswered;
    report.tell("requests a second: taken at peak", format!("{peak:.0}"));
    let times = offered as f64 / time.as_secs_f64() / peak;
    report.timed(options, "  offered, in peaks", format!("{times:.1}"), "about 5", times >= 4.0);
    let share = 90.0;
    let is_good = goodput >= share / 100.0 * peak;
    report.timed(
        options,
        "  delivered meanwhile",
        format!("{goodput:.0}"),
        format!("{share}% of the peak"),
        is_good,
    );
    report.check("told to come again", overloaded.refused, "more than none", overloaded.refused > 0);
    report.exactly("  without being told when", overloaded.refused - overloaded.with_wait, 0);
    report.exactly("not answered", overloaded.unanswered, 0);
    report.tell("memory at peak", mib(cap));
    // Memory is never given back to the byte.
    let bound = cap + cap / 10 + (8 << 20);
    report.check("memory in overload", mib(memory), format!("at most {}", mib(bound)), memory <= bound);
    accounts.add(overloaded);

    let healed = Instant::now();
    sink.set(Mood::Well);
    let ledger = judge::calm(&rig, &accounts, &sink, settle_after + Duration::from_secs(90)).await?;
    judge::producers(&mut report, &accounts);
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    report.tell("empty and settled after", seconds(healed.elapsed()));
    judge::log(&mut report, &rig);
    Ok(report)
}

/// Requests that arrive in a second, and the most memory meanwhile.
async fn measure(rig: &Rig, sink: &Sink, time: Duration) -> (f64, u64) {
    let (began, before, mut memory) = (Instant::now(), sink.look(|arrived| arrived.requests), 0);
    while began.elapsed() < time {
        memory = rig.rss().max(memory);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let arrived = sink.look(|arrived| arrived.requests) - before;
    (arrived as f64 / began.elapsed().as_secs_f64(), memory)
}
