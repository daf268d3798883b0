//! A wall clock that jumps by a day, ahead and back, under load: timers go on, for they are monotonic. Attempts are made again, traces
//! settle, the ledger is written, and a process that is killed meanwhile finds all again, though it is a day older than its files or a
//! day younger.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::judge;
use crate::kill::weather;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// Where Debian, Fedora, Arch and Homebrew on Linux have it; another place stands in `LIBFAKETIME`.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

const SETTLE_AFTER: Duration = Duration::from_secs(4);
/// Between two jumps: traces settle and are written in that time, whatever the clock says.
const CALM: Duration = Duration::from_secs(5);
/// Seconds by which the clock is wrong, one after the other: a day ahead, back, a day behind, from one to the other.
const CLOCKS: [i64; 6] = [86_400, 0, -86_400, 86_400, -86_400, 0];
/// How long nothing may be acknowledged, arrive, or settle: by ticks, syncs and attempts that were under way.
const STALL: Duration = Duration::from_secs(3);

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("clock");
    let Some(library) = library() else {
        println!("\n!! NOT TESTED: clock: libfaketime is not there (Debian: apt-get install libfaketime)\n");
        report.tell("NOT TESTED", "no libfaketime");
        return Ok(report);
    };
    let folder = tempfile::tempdir()?;
    let clock = Clock(folder.path().join("clock"));
    clock.set(0)?;
    let environment = vec![
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", clock.0.clone()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ];
    let mut random = StdRng::seed_from_u64(options.seed);
    let (by_grpc, by_http) = (Sink::start(Mood::Well).await, Sink::start(Mood::Well).await);
    let exporters =
        vec![exporter("otlp/a", by_grpc.address, 1 << 30), exporter("otlphttp/b", by_http.address, 1 << 30)];
    let setup = Setup { exporters, settle_after: SETTLE_AFTER, environment, ..Setup::default() };
    let mut rig = Rig::new(&setup)?;
    rig.start().await?;
    let producers = Producers::start(&Load::usual(&rig, Manner::Hasty, options));
    // One backend has its moods: who waits for his next attempt must not wait for a day.
    let weather = tokio::spawn(weather(by_http.clone(), StdRng::from_rng(&mut random)));
    let mut stalls = Stalls::default();
    tokio::time::sleep(SETTLE_AFTER).await;

    let (rounds, clocks) = if options.full { (3, &CLOCKS[..]) } else { (1, &CLOCKS[3..]) };
    let (mut jumps, mut kills, mut seen) = (0, 0, Vec::new());
    for _ in 0..rounds {
        for &wrong in clocks {
            clock.set(wrong)?;
            jumps += 1;
            stalls.watch(&rig, &producers, &by_grpc, CALM).await?;
            seen.push(
                rig.hour().await?
                    - hour(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().cast_signed() + wrong),
            );
            if wrong != 0 && options.full {
                rig.kill()?;
                rig.start().await?;
                kills += 1;
                tokio::time::sleep(SETTLE_AFTER + Duration::from_secs(2)).await;
            }
        }
    }
    weather.abort();
    by_http.set(Mood::Well);
    let accounts = producers.finish().await;
    let healed = Instant::now();
    let ledger = judge::calm(&rig, &accounts, &by_grpc, SETTLE_AFTER + Duration::from_secs(90)).await?;

    report.tell("jumps by a day or two", jumps);
    let off = seen.into_iter().map(i64::abs).max().unwrap_or(i64::MAX);
    report.check("  its clock was off by hours, at most", off, "one, that just ended", off <= 1);
    report.tell("kills between them", kills);
    stalls.report(&mut report, options);
    judge::producers(&mut report, &accounts);
    judge::deliveries(&mut report, "by gRPC", &accounts, &by_grpc);
    judge::deliveries(&mut report, "by HTTP", &accounts, &by_http);
    judge::money(&mut report, "API", &accounts, &by_grpc, &ledger);
    report.tell("empty and settled after", seconds(healed.elapsed()));
    judge::metrics(&mut report, &rig, &accounts, &by_grpc).await?;
    // It ends in time, too.
    clock.set(-86_400)?;
    judge::end(&mut report, &mut rig, &accounts, &by_grpc).await?;
    Ok(report)
}

/// The hour since 1970 of a second since 1970.
fn hour(second: i64) -> i64 {
    second.div_euclid(3600)
}

fn library() -> Option<PathBuf> {
    let told = std::env::var_os("LIBFAKETIME").map(PathBuf::from);
    told.into_iter().chain(LIBRARIES.map(PathBuf::from)).find(|it| it.exists())
}

/// The file that says by how much the clock is wrong.
struct Clock(PathBuf);

impl Clock {
    /// It is read whenever somebody asks for the time, so it must never be half written.
    fn set(&self, wrong: i64) -> anyhow::Result<()> {
        let new: &Path = &self.0.with_extension("new");
        std::fs::write(new, format!("{wrong:+}\n"))?;
        Ok(std::fs::rename(new, &self.0)?)
    }
}

/// The longest time in which something did not go on.
#[derive(Debug, Default)]
struct Stalls {
    acknowledged: Duration,
    arrived: Duration,
    settled: Duration,
}

impl Stalls {
    async fn watch(
        &mut self,
        rig: &Rig,
        producers: &Producers,
        sink: &Sink,
        time: Duration,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut last = [(0, began); 3];
        while began.elapsed() < time {
            let arrived = sink.look(|arrived| arrived.requests);
            let now = [
                i128::from(producers.progress.acknowledged()),
                i128::from(arrived),
                // What metrics tell is written to the store.
                rig.counted().await?,
            ];
            let stalls = [&mut self.acknowledged, &mut self.arrived, &mut self.settled];
            for ((last, now), stall) in last.iter_mut().zip(now).zip(stalls) {
                if last.0 != now {
                    *last = (now, Instant::now());
                }
                *stall = last.1.elapsed().max(*stall);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn report(&self, report: &mut Report, options: &Options) {
        let stalls = [
            ("longest time without an acknowledgement", self.acknowledged),
            ("  without an arrival", self.arrived),
            ("  without a trace that settled", self.settled),
        ];
        for (what, stall) in stalls {
            let wanted = format!("less than {} s", STALL.as_secs());
            report.timed(options, what, seconds(stall), wanted, stall < STALL);
        }
    }
}
