//! The config is another one, again and again, under load, and every third time it is wrong: the process goes on, by the new one or by the
//! one before, and nothing that it acknowledged is lost or counts twice.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::judge;
use crate::options::Options;
use crate::producer::{Load, Manner, Producers};
use crate::report::{Report, seconds};
use crate::rig::{Rig, Setup, exporter};
use crate::sink::{Mood, Sink};

/// How long a trace is open: whoever saw no answer repeats its request well within it.
const SETTLE_AFTER: Duration = Duration::from_secs(10);
/// How long it may take until a config is in force, or refused.
const WITHIN: Duration = Duration::from_secs(20);

/// What is edited.
const TELEMETRY: &str = "  telemetry:\n";

/// A config that says which it is, in `/metrics`; without a number it is wrong.
fn telemetry(number: Option<u32>) -> String {
    match number {
        Some(number) => format!("{TELEMETRY}    resource: {{config: \"number-{number}\"}}\n"),
        None => format!("{TELEMETRY}    resources: {{config: wrong}}\n"),
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new("reconfigure");
    let sink = Sink::start(Mood::Well).await;
    let exporters = vec![exporter("otlp/a", sink.address, 1 << 30)];
    let mut rig = Rig::new(&Setup { exporters, settle_after: SETTLE_AFTER, ..Setup::default() })?;
    rig.start().await?;
    let producers = Producers::start(&Load::usual(&rig, Manner::Patient, options));

    let rounds: u32 = if options.full { 1_000 } else { 6 };
    let (began, mut slowest, mut in_file) = (Instant::now(), Duration::ZERO, TELEMETRY.to_owned());
    for round in 1..=rounds {
        let is_wrong = round.is_multiple_of(3);
        let next = telemetry((!is_wrong).then_some(round));
        rig.edit_config(&in_file, &next)?;
        in_file = next;
        let written = Instant::now();
        rig.signal("HUP")?;
        loop {
            // Between two configs nobody answers, or what is old.
            let is_done = match is_wrong {
                true => {
                    rig.metric("pricetag_config_last_reload_successful", "").await.is_ok_and(|it| it == 0.0)
                }
                false => {
                    rig.metric("target_info", &format!("\"number-{round}\"")).await.is_ok_and(|it| it > 0.0)
                }
            };
            if is_done {
                break;
            }
            ensure!(written.elapsed() < WITHIN, "round {round} is not in force, or refused:\n{}", rig.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slowest = slowest.max(written.elapsed());
        if round.is_multiple_of(100) {
            println!("reconfigure: {round} of {rounds} configs, {}", seconds(began.elapsed()));
        }
    }
    let took = began.elapsed();
    let accounts = producers.finish().await;
    let ledger = judge::calm(&rig, &accounts, &sink, SETTLE_AFTER + Duration::from_secs(90)).await?;

    report.tell("configs, every third one wrong", rounds);
    report.tell("  in", seconds(took));
    report.tell("  slowest in force, or refused", seconds(slowest));
    judge::producers(&mut report, &accounts);
    report.check(
        "slowest acknowledgement, of 10 s",
        seconds(accounts.slowest),
        "less than 8 s: later it may count twice",
        accounts.slowest < SETTLE_AFTER - Duration::from_secs(2),
    );
    judge::deliveries(&mut report, "backend", &accounts, &sink);
    judge::money(&mut report, "API", &accounts, &sink, &ledger);
    judge::metrics(&mut report, &rig, &accounts, &sink).await?;
    judge::end(&mut report, &mut rig, &accounts, &sink).await?;
    Ok(report)
}
