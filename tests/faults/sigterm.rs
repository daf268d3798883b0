//! SIGTERM at peak while the backend is dead: it ends in time, and what it has taken is delivered by its next life.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::content::Mix;
use crate::judge;
use crate::options::Options;
use crate::producer::{Accounts, Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// Longer than attempts take together that nobody answers.
const SETTLE_AFTER: Duration = Duration::from_secs(4);
/// How long an end may take.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("sigterm");
    let sink = Sink::start(Mood::Well).await;
    let exporters = vec![exporter("otlp/a", sink.address, 1 << 30)];
    let mut rig = Rig::new(&Setup { exporters, settle_after: SETTLE_AFTER, ..Setup::default() })?;
    let mut accounts = Accounts::default();
    let (mut slowest, mut codes) = (Duration::ZERO, Vec::new());
    let rounds: u32 = if options.full { 20 } else { 1 };
    for round in 0..rounds {
        rig.start().await?;
        sink.set(if round % 2 == 0 { Mood::Hang } else { Mood::Fail(Code::Unavailable, None) });
        let producers = Producers::start(&load(&rig, round, options.seed));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        rig.terminate()?;
        let status = rig.exit(GRACE + Duration::from_secs(5)).await?;
        slowest = slowest.max(began.elapsed());
        codes.push(status.and_then(|it| it.code()).map_or("killed".to_owned(), |code| code.to_string()));
        // Whoever has no answer by now may have been heard: those requests count if they arrive.
        accounts.add(producers.abandon().await);
    }

    sink.set(Mood::Well);
    rig.start().await?;
    let restarted = Instant::now();
    let producers = Producers::start(&load(&rig, rounds, options.seed));
    tokio::time::sleep(Duration::from_millis(500)).await;
    accounts.add(producers.finish().await);
    let ledger = judge::calm(&rig, &accounts, &sink, SETTLE_AFTER + Duration::from_secs(90)).await?;

    report.tell("SIGTERMs", rounds);
    report.timed(options, "slowest end", seconds(slowest), "at most 10 s", slowest <= GRACE);
    let is_clean = codes.iter().all(|code| code == "0");
    report.check("exit codes", codes.join(" "), "0", is_clean);
    judge::producers(&mut report, &accounts);
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    report.tell("empty and settled after", seconds(restarted.elapsed()));
    judge::log(&mut report, &rig);
    Ok(report)
}

fn load(rig: &Rig, round: u32, seed: u64) -> Load {
    Load {
        grpc: rig.grpc,
        http: rig.http,
        producers: 8,
        first: 1 + 100 * round,
        mix: Mix::Whole,
        prompt: 300,
        batch: 0,
        pace: Some(50.0),
        manner: Manner::Patient,
        seed,
    }
}
