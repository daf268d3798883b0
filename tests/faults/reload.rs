//! Files that are read again under load, good and bad ones by turns: a good one is in force, a bad one changes nothing and the log says
//! why, nobody who sends notices either, and no sum does.
//!
//! All good files say the same of what producers send, and something else of what nobody sends; bad ones would say something else of
//! what they send, too.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::content::USERS;
use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// In how many rounds one is told nothing, and finds the files by watching them.
const UNTOLD: u32 = 10;
/// In how many a file is written in place, as editors should not.
const IN_PLACE: u32 = 3;
/// How long it may take until a file is in force, or refused.
const WITHIN: Duration = Duration::from_secs(20);

/// A file that is read again.
struct File {
    path: PathBuf,
    good: fn(u32) -> String,
    /// `None`: it is not there.
    bad: fn(u32) -> Option<String>,
    /// Counts by outcome how often it was read.
    metric: &'static str,
    /// What the log says of a bad one.
    refused: &'static str,
}

impl File {
    fn write(&self, round: u32, text: Option<&str>) -> anyhow::Result<()> {
        let Some(text) = text else { return Ok(std::fs::remove_file(&self.path)?) };
        if round.is_multiple_of(IN_PLACE) {
            return Ok(std::fs::write(&self.path, text)?);
        }
        let new = self.path.with_extension("new");
        std::fs::write(&new, text)?;
        Ok(std::fs::rename(new, &self.path)?)
    }

    async fn read(&self, rig: &Rig, outcome: &str) -> anyhow::Result<f64> {
        rig.metric(self.metric, &format!("outcome=\"{outcome}\"")).await
    }
}

/// What producers pay for `gpt-4o` anyway, or nothing about it, and a model that nobody asks for.
fn good_prices(round: u32) -> String {
    let own = format!(
        "providers:\n  acme:\n    models:\n      fox-{round}: {{rates: {{input: {round}, output: 1}}}}\n"
    );
    let listed =
        "  openai:\n    models:\n      gpt-4o: {rates: {input: 2.5, cache_read: 1.25, output: 10}}\n";
    if (round / 2).is_multiple_of(2) { own } else { own + listed }
}

fn bad_prices(round: u32) -> Option<String> {
    let dear = "providers:\n  openai:\n    models:\n      gpt-4o: {rates: {input: 999, output: 999}}\n";
    Some(match round % 5 {
        0 => format!("{dear}      gpt-4o-mini: {{rates: {{inptu: {round}}}}}\n"),
        1 => format!("{dear}      gpt-4o-mini: {{rates: {{input: -{round}}}}}\n"),
        2 => format!("{dear}  anthropic: [{round}\n"),
        3 => String::new(),
        _ => return None,
    })
}

/// Who belongs to which team, and somebody whom nobody knows.
fn good_teams(round: u32) -> String {
    let rows = (0..USERS).map(|user| format!("user-0-{user},team-{user}\n"));
    format!("user,team\n{}somebody-{round},another\n", rows.collect::<String>())
}

fn bad_teams(round: u32) -> Option<String> {
    let wrong = (0..USERS).map(|user| format!("user-0-{user},wrong-{round}\n")).collect::<String>();
    Some(match round % 4 {
        0 => format!("user,team\n{wrong}user-0-0,twice\n"),
        1 => format!("user,team\n{wrong}short\n"),
        2 => format!("somebody,team\n{wrong}"),
        _ => return None,
    })
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("reload");
    let folder = tempfile::tempdir()?;
    let files = [
        File {
            path: folder.path().join("prices.yaml"),
            good: good_prices,
            bad: bad_prices,
            metric: "pricetag_catalog_reloads_total",
            refused: "the prices stay as they are",
        },
        File {
            path: folder.path().join("teams.csv"),
            good: good_teams,
            bad: bad_teams,
            metric: "pricetag_lookup_reloads_total",
            refused: "the lookups stay as they are",
        },
    ];
    for file in &files {
        file.write(0, Some(&(file.good)(0)))?;
    }
    let settle_after = Duration::from_secs(2);
    let sink = Sink::start(Mood::Well).await;
    let processor = vec![
        format!("prices: [\"{}\"]", files[0].path.display()),
        format!("lookups: [{{file: \"{}\", by: user}}]", files[1].path.display()),
    ];
    let exporters = vec![exporter("otlp/a", sink.address, 1 << 30)];
    let mut rig = Rig::new(&Setup { exporters, settle_after, processor, ..Setup::default() })?;
    rig.start().await?;
    let producers = Producers::start(&Load::usual(&rig, Manner::Patient, options));

    // Two files each; the last ones are bad.
    let rounds = if options.full { 500 } else { 14 };
    let (began, mut slowest, mut good) = (Instant::now(), Duration::ZERO, 0);
    for round in 1..=rounds {
        let is_good = round % 2 == 1;
        let outcome = if is_good { "changed" } else { "failed" };
        let mut before = Vec::new();
        for file in &files {
            before.push(file.read(&rig, outcome).await?);
            let text = if is_good { Some((file.good)(round)) } else { (file.bad)(round / 2) };
            file.write(round, text.as_deref())?;
        }
        if is_good {
            good = round;
        }
        let written = Instant::now();
        if !round.is_multiple_of(UNTOLD) {
            rig.signal("HUP")?;
        }
        for (file, before) in files.iter().zip(before) {
            while file.read(&rig, outcome).await? <= before {
                let what = file.path.display();
                ensure!(written.elapsed() < WITHIN, "round {round}: {what} is not {outcome}:\n{}", rig.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        slowest = slowest.max(written.elapsed());
        if round.is_multiple_of(100) {
            println!("reload: {} of {} files, {}", 2 * round, 2 * rounds, seconds(began.elapsed()));
        }
    }
    let took = began.elapsed();
    // Some calls more with what is in force now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let in_force = rig.catalog_version().await?;
    let accounts = producers.finish().await;
    let ledger = judge::calm(&rig, &accounts, &sink, settle_after + Duration::from_secs(90)).await?;

    report.tell("files written, good and bad by turns", 2 * rounds);
    report.tell("  in", seconds(took));
    report.tell("  slowest in force, or refused", seconds(slowest));
    for file in &files {
        // The log has the first hundred, and counts the others.
        report.check(
            &format!("log: {}", file.refused),
            rig.logged(file.refused),
            "some",
            rig.logged(file.refused) > 0,
        );
        let failed = file.read(&rig, "failed").await? as u32;
        let wanted = format!("at least {}", rounds / 2);
        report.check(&format!("  times: {}", file.metric), failed, wanted, failed >= rounds / 2);
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(good_prices(good).as_bytes());
    let wanted = format!("prices.yaml@{:08x}", checksum.sum());
    let last = in_force.rsplit(" + ").next().unwrap_or_default();
    report.check("prices in force in the end", last, "the last good ones", last == wanted);
    judge::producers(&mut report, &accounts);
    report.exactly("refused or not answered", accounts.refused + accounts.unanswered, 0);
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    let teams = rig.costs("team").await?;
    let of_team = |user: &str| teams.users.get(&user.replace("user-0", "team")).copied();
    let wrong = accounts.due.iter().filter(|(user, sum)| sum.calls > 0 && of_team(user) != Some(**sum));
    report.exactly(&format!("teams with other sums, of {USERS}"), wrong.count(), 0);
    judge::metrics(&mut report, &rig, &accounts, &sink).await?;
    judge::end(&mut report, &mut rig, &accounts, &sink).await?;
    Ok(report)
}
