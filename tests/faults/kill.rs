//! `kill -9` at random moments under load: nothing that was acknowledged is lost, no call counts twice. And the same with SIGTERM, as
//! where a new version is rolled out again and again.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::Code;

use crate::content::Mix;
use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// How long a trace is open: whoever saw no answer repeats its request well within it, or it would count twice by design.
const SETTLE_AFTER: Duration = Duration::from_secs(20);

/// One in so many lives, the eighth first, is longer than a trace is open, so that kills fall on settlements and the ledger's writing, too.
const LONG: u32 = 20;

/// How its lives end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Kill,
    /// SIGTERM. Traces are whole then: one that is cut in two by an orderly end may settle in two parts, by design.
    Term,
}

pub(crate) async fn run(options: &Options, end: End) -> anyhow::Result<Report> {
    let mut report = Report::new(if end == End::Kill { "kill" } else { "restarts" });
    let mut random = StdRng::seed_from_u64(options.seed);
    let (by_grpc, by_http) = (Sink::start(Mood::Well).await, Sink::start(Mood::Well).await);
    let exporters =
        vec![exporter("otlp/a", by_grpc.address, 1 << 30), exporter("otlphttp/b", by_http.address, 1 << 30)];
    let mut rig = Rig::new(&Setup { exporters, settle_after: SETTLE_AFTER, state: None })?;
    let mut slowest = rig.start().await?;
    let load = Load {
        grpc: rig.grpc,
        http: rig.http,
        producers: 8,
        first: 1,
        mix: if end == End::Kill { Mix::All } else { Mix::Whole },
        prompt: 300,
        batch: 0,
        pace: Some(40.0),
        manner: Manner::Hasty,
        seed: options.seed,
    };
    let producers = Producers::start(&load);
    let weather =
        [&by_grpc, &by_http].map(|sink| tokio::spawn(weather(sink.clone(), StdRng::from_rng(&mut random))));

    let (mut unready, mut died_idle) = (0, 0);
    for kill in 1..=options.kills {
        let before = producers.progress.acknowledged();
        let is_long = kill % LONG == 8;
        if random.random_range(0..6) == 0 && !is_long && end == End::Kill {
            // While it starts, and reads again what was left.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
            unready += 1;
        } else {
            slowest = slowest.max(rig.ready().await?);
            let life = match is_long {
                true => SETTLE_AFTER + Duration::from_millis(random.random_range(500..3_000)),
                false => Duration::from_millis(random.random_range(5..900)),
            };
            tokio::time::sleep(life).await;
            died_idle += u32::from(producers.progress.acknowledged() == before);
        }
        match end {
            End::Kill => rig.kill()?,
            End::Term => {
                rig.terminate()?;
                let status = rig.exit(Duration::from_secs(11)).await?;
                ensure!(
                    status.is_some_and(|it| it.success()),
                    "an end by SIGTERM: {status:?}\n{}",
                    rig.log()
                );
            }
        }
        rig.spawn()?;
        if kill.is_multiple_of(50) {
            println!("kill: {kill} kills, {} requests acknowledged", producers.progress.acknowledged());
        }
    }
    if options.kills == 0 {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    slowest = slowest.max(rig.ready().await?);
    weather.iter().for_each(|task| task.abort());
    by_grpc.set(Mood::Well);
    by_http.set(Mood::Well);
    let accounts = producers.finish().await;
    let healed = Instant::now();
    let ledger = judge::calm(&rig, &accounts, &by_grpc, SETTLE_AFTER + Duration::from_secs(90)).await?;

    report.tell(if end == End::Kill { "kills" } else { "SIGTERMs" }, options.kills);
    report.tell("  of these while it started", unready);
    report.check(
        "  of these before anything was acknowledged",
        died_idle,
        "less than half",
        2 * died_idle <= options.kills,
    );
    report.tell("slowest start", seconds(slowest));
    judge::producers(&mut report, &accounts);
    report.check(
        "slowest acknowledgement, of 20 s",
        seconds(accounts.slowest),
        "less than 18 s: later it may count twice",
        accounts.slowest < SETTLE_AFTER - Duration::from_secs(2),
    );
    judge::deliveries(&mut report, "by gRPC", &accounts, &by_grpc);
    judge::deliveries(&mut report, "by HTTP", &accounts, &by_http);
    judge::money(&mut report, "API", &accounts, &by_grpc, &ledger);
    report.tell("empty and settled after", seconds(healed.elapsed()));
    judge::metrics(&mut report, &rig, &accounts, &by_grpc).await?;
    rig.terminate()?;
    let status = rig.exit(Duration::from_secs(11)).await?;
    report.exactly("exit code of the last life", status.and_then(|it| it.code()).unwrap_or(-1), 0);
    judge::money(&mut report, "file", &accounts, &by_grpc, &rig.ledger_file()?);
    judge::log(&mut report, &rig);
    Ok(report)
}

/// A backend as they are: well most of the time. It refuses nothing for good, for that would be a loss by the rules of OTLP.
async fn weather(sink: Sink, mut random: StdRng) {
    loop {
        let mood = match random.random_range(0..10) {
            0..5 => Mood::Well,
            5 => Mood::Fail(Code::Unavailable, None),
            6 => Mood::Fail(Code::ResourceExhausted, Some(Duration::from_millis(50))),
            7 => Mood::Hang,
            _ => Mood::Slow(Duration::from_millis(30)),
        };
        sink.set(mood);
        tokio::time::sleep(Duration::from_millis(random.random_range(100..1_500))).await;
    }
}
