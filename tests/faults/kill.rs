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
use crate::producer::{Accounts, Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Ledger, Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// How long a trace is open: whoever saw no answer repeats its request well within it, or it would count twice by design. Twice the
/// default, for a busy machine may take seconds to start four pricetags.
const SETTLE_AFTER: Duration = Duration::from_secs(20);

/// One in so many lives, the eighth first, is longer than a trace is open, so that kills fall on settlements and the ledger's writing, too.
const LONG: u32 = 20;

/// Much of a life is waiting: from so many kills on another pricetag is killed beside the first, and so on.
const FOR_ONE: u32 = 100;
/// So many at most.
const RIGS: u32 = 4;

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
    let weather =
        [&by_grpc, &by_http].map(|sink| tokio::spawn(weather(sink.clone(), StdRng::from_rng(&mut random))));
    let rigs = options.kills.div_ceil(FOR_ONE).clamp(1, RIGS);
    let lives = (0..rigs).map(|number| {
        let exporters = vec![
            exporter("otlp/a", by_grpc.address, 1 << 30),
            exporter("otlphttp/b", by_http.address, 1 << 30),
        ];
        let setup = Setup { exporters, settle_after: SETTLE_AFTER, ..Setup::default() };
        // So that they add up.
        let kills = (options.kills + number) / rigs;
        tokio::spawn(live(setup, number, kills, end, StdRng::from_rng(&mut random)))
    });
    let lives: Vec<_> = lives.collect();
    let mut survivors = Vec::new();
    for life in lives {
        survivors.push(life.await??);
    }
    weather.iter().for_each(|task| task.abort());
    by_grpc.set(Mood::Well);
    by_http.set(Mood::Well);
    let healed = Instant::now();

    let (mut all, mut tally) = (Accounts::default(), Tally::default());
    let (mut ledger, mut file) = (Ledger::default(), Ledger::default());
    let mut ends = Report::new("");
    let mut rigs_at_rest = Vec::new();
    for Survivor { rig, producers, tally: its } in survivors {
        rigs_at_rest.push((rig, producers.finish().await));
        tally.add(its);
    }
    for (mut rig, accounts) in rigs_at_rest {
        let within = SETTLE_AFTER + Duration::from_secs(90);
        ledger.add(judge::calm(&rig, &accounts, &by_grpc, within).await?);
        judge::metrics(&mut ends, &rig, &accounts, &by_grpc).await?;
        rig.terminate()?;
        let status = rig.exit(Duration::from_secs(11)).await?;
        ends.exactly("exit code of the last life", status.and_then(|it| it.code()).unwrap_or(-1), 0);
        file.add(rig.ledger_file()?);
        judge::log(&mut ends, &rig);
        all.add(accounts);
    }

    report.tell(if end == End::Kill { "kills" } else { "SIGTERMs" }, options.kills);
    report.tell("  of these while it started", tally.unready);
    report.check(
        "  of these before anything was acknowledged",
        tally.idle,
        "less than half",
        2 * tally.idle <= options.kills,
    );
    report.tell("  of these when traces had settled", tally.long);
    report.tell("pricetags side by side", rigs);
    report.tell("starts on average", seconds(tally.starting / tally.starts.max(1)));
    report.tell("slowest start", seconds(tally.slowest));
    judge::producers(&mut report, &all);
    report.check(
        &format!("slowest acknowledgement, of {} s", SETTLE_AFTER.as_secs()),
        seconds(all.slowest),
        "2 s less: later it may count twice",
        all.slowest < SETTLE_AFTER - Duration::from_secs(2),
    );
    judge::deliveries(&mut report, "by gRPC", &all, &by_grpc);
    judge::deliveries(&mut report, "by HTTP", &all, &by_http);
    judge::money(&mut report, "API", &all, &by_grpc, &ledger);
    judge::money(&mut report, "file", &all, &by_grpc, &file);
    report.tell("empty and settled after", seconds(healed.elapsed()));
    report.append(ends);
    Ok(report)
}

/// What became of one pricetag's lives.
#[derive(Debug, Default)]
struct Tally {
    unready: u32,
    idle: u32,
    long: u32,
    starts: u32,
    starting: Duration,
    slowest: Duration,
}

impl Tally {
    fn started(&mut self, took: Duration) {
        self.starts += 1;
        self.starting += took;
        self.slowest = self.slowest.max(took);
    }

    fn add(&mut self, other: Tally) {
        self.unready += other.unready;
        self.idle += other.idle;
        self.long += other.long;
        self.starts += other.starts;
        self.starting += other.starting;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// A pricetag after its last kill, and those who still send to it.
struct Survivor {
    rig: Rig,
    producers: Producers,
    tally: Tally,
}

async fn live(
    setup: Setup,
    number: u32,
    kills: u32,
    end: End,
    mut random: StdRng,
) -> anyhow::Result<Survivor> {
    let mut rig = Rig::new(&setup)?;
    let mut tally = Tally::default();
    let began = Instant::now();
    let mut start = rig.start().await?;
    tally.started(start);
    let producers = Producers::start(&Load {
        grpc: rig.grpc,
        http: rig.http,
        producers: 8,
        first: 1 + 100 * number,
        mix: if end == End::Kill { Mix::All } else { Mix::Whole },
        prompt: 300,
        batch: 0,
        pace: Some(25.0),
        manner: Manner::Hasty,
        seed: random.random(),
    });
    for kill in 1..=kills {
        let before = producers.progress.acknowledged();
        let is_long = kill % LONG == 8;
        if random.random_range(0..6) == 0 && !is_long && end == End::Kill {
            // While it starts, and reads again what was left.
            tokio::time::sleep(start.mul_f64(random.random())).await;
            tally.unready += 1;
        } else {
            start = rig.ready().await?;
            tally.started(start);
            let life = match is_long {
                true => SETTLE_AFTER + Duration::from_millis(random.random_range(500..3_000)),
                false => Duration::from_millis(random.random_range(5..900)),
            };
            tokio::time::sleep(life).await;
            tally.idle += u32::from(producers.progress.acknowledged() == before);
            tally.long += u32::from(is_long);
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
            let acknowledged = producers.progress.acknowledged();
            println!(
                "kill: {kill} kills of {kills} of pricetag {}, {acknowledged} requests acknowledged, {}",
                number + 1,
                seconds(began.elapsed()),
            );
        }
    }
    if kills == 0 {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    tally.started(rig.ready().await?);
    Ok(Survivor { rig, producers, tally })
}

/// A backend as they are: well most of the time. It refuses nothing for good, for that would be a loss by the rules of OTLP.
pub(crate) async fn weather(sink: Sink, mut random: StdRng) {
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
