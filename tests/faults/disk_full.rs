//! No space left: nothing is acknowledged that can not be kept, serving goes on by itself once there is room, and a kill in between loses
//! nothing.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tempfile::TempDir;
use tonic::Code;

use crate::content::Mix;
use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// Large enough for segments that are allocated ahead.
const DISK: &str = "size=256m";
/// What the filler leaves.
const LEFT: u64 = 3 << 20;

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("disk-full");
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(why) => {
            println!("\n!! NOT TESTED: disk-full: a tmpfs can not be mounted here: {why:#}\n");
            report.tell("NOT TESTED", "no tmpfs can be mounted");
            return Ok(report);
        }
    };
    // Longer than a sender waits for an answer, and shorter than the disk is full: what it sends again must not count again.
    let settle_after = Duration::from_secs(4);
    let sink = Sink::start(Mood::Well).await;
    let exporters = vec![exporter("otlp/a", sink.address, 1 << 30)];
    let state = Some(disk.path().to_owned());
    let mut rig = Rig::new(&Setup { exporters, settle_after, state, ..Setup::default() })?;
    rig.start().await?;
    let producers = Producers::start(&load(&rig, 1, options.seed));
    tokio::time::sleep(Duration::from_secs(1)).await;

    sink.set(Mood::Fail(Code::Unavailable, None));
    let filler = disk.fill()?;
    refusals(&mut report, &producers).await;
    let before = producers.progress.acknowledged();
    let full = Duration::from_secs(if options.full { 60 } else { 8 });
    tokio::time::sleep(full).await;
    let now = producers.progress.acknowledged();
    report.tell("acknowledged while it was full", now - before);

    std::fs::remove_file(filler)?;
    let space = Instant::now();
    // The backend stays away: space alone must do.
    while producers.progress.acknowledged() < now + 10 && space.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let serving = space.elapsed();
    report.timed(
        options,
        "serving after there was space",
        seconds(serving),
        "at most 5 s",
        serving <= Duration::from_secs(5),
    );

    // Full once more, and a kill: what it has is there when there is space, whether or not it starts without.
    let filler = disk.fill()?;
    refusals(&mut report, &producers).await;
    let mut accounts = producers.abandon().await;
    rig.kill()?;
    let start = rig.start().await;
    report.tell("after a kill it starts on a full disk", if start.is_ok() { "yes" } else { "no" });
    std::fs::remove_file(filler)?;
    if start.is_err() {
        rig.start().await?;
    }
    sink.set(Mood::Well);
    let producers = Producers::start(&load(&rig, 101, options.seed));
    tokio::time::sleep(Duration::from_secs(1)).await;
    accounts.add(producers.finish().await);
    let ledger = judge::calm(&rig, &accounts, &sink, settle_after + Duration::from_secs(90)).await?;

    judge::producers(&mut report, &accounts);
    report.exactly("refused without being told when to come", accounts.refused - accounts.with_wait, 0);
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    judge::end(&mut report, &mut rig, &accounts, &sink).await?;
    Ok(report)
}

/// Two megabytes a second.
fn load(rig: &Rig, first: u32, seed: u64) -> Load {
    Load {
        grpc: rig.grpc,
        http: rig.http,
        producers: 4,
        first,
        mix: Mix::Whole,
        prompt: 1_000,
        batch: 20,
        pace: Some(20.0),
        manner: Manner::Hasty,
        seed,
    }
}

/// Waits until the disk is full: ten refusals are no accident.
async fn refusals(report: &mut Report, producers: &Producers) {
    let (began, before) = (Instant::now(), producers.progress.refused());
    while producers.progress.refused() < before + 10 && began.elapsed() < Duration::from_secs(12) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = producers.progress.refused() - before;
    report.check("refused when it was full", refused, "at least 10", refused >= 10);
    report.tell("  after", seconds(began.elapsed()));
}

/// A small disk of its own.
struct Disk(TempDir);

impl Disk {
    fn mount() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "none"]).arg(folder.path()).output()?;
        ensure!(mount.status.success(), "{}", String::from_utf8_lossy(&mount.stderr).trim());
        Ok(Disk(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that leaves only a little.
    fn fill(&self) -> anyhow::Result<PathBuf> {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path)?;
        let block = vec![1; 1 << 16];
        while file.write_all(&block).is_ok() {}
        file.set_len(file.metadata()?.len().saturating_sub(LEFT))?;
        Ok(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, for after a failure pricetag may still have files there.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
