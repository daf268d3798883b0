//! A backend that is away for a while: requests are taken all the same, memory stays flat, a kill at the end of it changes nothing, and the
//! disk is given back after the drain.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::content::Mix;
use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, mib, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

const MIB: u64 = 1 << 20;

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("backend-down");
    // 10,000 spans a second of a kilobyte for five minutes are 3 GB.
    let (producers, pace, batch) = if options.full { (10, 10.0, 100) } else { (4, 5.0, 20) };
    let prompt = if options.full { 750 } else { 1_000 };
    let (warm_up, down, queue) = if options.full { (20, 300, 16 << 30) } else { (3, 6, 1 << 30) };
    let settle_after = Duration::from_secs(2);
    let sink = Sink::start(Mood::Well).await;
    // One that is well, and one that is never asked for anything: what the first lacks is all that files are kept for.
    let other = Sink::start(Mood::Well).await;
    let exporters =
        vec![exporter("otlp/a", sink.address, queue), exporter("otlphttp/b", other.address, queue)];
    let idle = Some(exporter("otlp/idle", other.address, queue));
    let mut rig = Rig::new(&Setup { exporters, idle, settle_after, ..Setup::default() })?;
    rig.start().await?;
    let load = Load {
        grpc: rig.grpc,
        http: rig.http,
        producers,
        first: 1,
        mix: Mix::Whole,
        prompt,
        batch,
        pace: Some(pace),
        manner: Manner::Patient,
        seed: options.seed,
    };
    let producers = Producers::start(&load);
    let mut usual = 0;
    watch(&rig, Duration::from_secs(warm_up), &mut usual, &mut 0).await;

    sink.set(Mood::Fail(Code::Unavailable, None));
    let (began, acknowledged) = (Instant::now(), producers.progress.acknowledged());
    let bytes = producers.progress.bytes();
    let (mut memory, mut folder) = (0, 0);
    watch(&rig, Duration::from_secs(down), &mut memory, &mut folder).await;
    let behind = producers.progress.acknowledged().saturating_sub(other.look(|arrived| arrived.requests));
    let taken = producers.progress.acknowledged() - acknowledged;
    let ingest = taken as f64 / began.elapsed().as_secs_f64();
    let spooled = producers.progress.bytes() - bytes;
    // The load ends here: what drains is the backlog alone.
    let accounts = producers.finish().await;
    rig.kill()?;
    let restart = rig.start().await?;

    let before = sink.look(|arrived| arrived.requests);
    let healed = Instant::now();
    sink.set(Mood::Well);
    let mut last = (before, healed);
    // What does not come for so long was lost.
    while last.0 < accounts.acknowledged && last.1.elapsed() < Duration::from_secs(15) {
        watch(&rig, Duration::from_millis(20), &mut memory, &mut folder).await;
        let arrived = sink.look(|arrived| arrived.requests);
        if arrived > last.0 {
            last = (arrived, Instant::now());
        }
    }
    let drained = last.1 - healed;
    let drain = (sink.look(|arrived| arrived.requests) - before) as f64 / drained.as_secs_f64().max(0.001);
    let ledger = judge::calm(&rig, &accounts, &sink, settle_after + Duration::from_secs(90)).await?;
    while rig.folder_size() >= 100_000_000 && healed.elapsed() < drained + Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    judge::producers(&mut report, &accounts);
    report.exactly("refused while there was room", accounts.refused, 0);
    report.tell("backlog", mib(spooled));
    // Prompts do not compress by half.
    let is_on_disk = folder >= spooled / 2;
    report.check("state folder, at its largest", mib(folder), "half the backlog at least", is_on_disk);
    report.tell("start after a kill -9 with this backlog", seconds(restart));
    report.tell("memory before", mib(usual));
    let growth = memory.saturating_sub(usual);
    report.check("memory more than before", mib(growth), "at most 50 MiB", growth <= 50 * MIB);
    let wanted = "what comes in a second";
    let is_prompt = behind as f64 <= ingest;
    report.timed(options, "the other backend meanwhile: requests behind", behind, wanted, is_prompt);
    report.tell("requests a second: taken", format!("{ingest:.0}"));
    report.timed(options, "  drained", format!("{drain:.0}"), "three times as many", drain >= 3.0 * ingest);
    report.tell("drained after", seconds(drained));
    let left = rig.folder_size();
    report.timed(
        options,
        "state folder after the drain",
        mib(left),
        "less than 100 MB in 60 s",
        left < 100_000_000,
    );
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::deliveries(&mut report, "other backend", &accounts, &other);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    judge::log(&mut report, &rig);
    Ok(report)
}

/// Waits, and notes how large memory and folder become.
async fn watch(rig: &Rig, time: Duration, memory: &mut u64, folder: &mut u64) {
    let deadline = Instant::now() + time;
    loop {
        *memory = rig.rss().max(*memory);
        *folder = rig.folder_size().max(*folder);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_millis(100))).await;
    }
}
