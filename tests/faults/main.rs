//! Faults against the real binary: kills, dead backends, full disks, overload. Each scenario prints its figures, and fails when one is missed.
//!
//! A producer that was told OK is owed: after the faults heal every span of its is at the backend with its checksum, and the ledger has the
//! money of each call once, to the picodollar. `--help` says how to run it; under a plain `cargo test` it runs the short form of everything.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a harness that can not go on fails")]

mod backend_down;
mod client;
mod clock;
mod codes;
mod content;
mod disk_full;
mod judge;
mod kill;
mod options;
mod overload;
mod producer;
mod reconfigure;
mod reload;
mod report;
mod rig;
mod seal;
mod sigterm;
mod sink;

use std::process::ExitCode;

use kill::End;
use options::Options;
use report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("faults: {mistake}");
            return ExitCode::from(2);
        }
    };
    println!("seed {} (--seed {} plays it again)", options.seed, options.seed);
    let failed = if options.full {
        play(&options.scenarios, &options).await
    } else {
        // Most of their time is waiting until traces settle.
        let track = |which: fn(&str) -> bool| -> Vec<&'static str> {
            options.scenarios.iter().copied().filter(|scenario| which(scenario)).collect()
        };
        let tracks = [
            track(|it| it == "kill"),
            track(|it| matches!(it, "clock" | "reload" | "reconfigure")),
            track(|it| !matches!(it, "kill" | "clock" | "reload" | "reconfigure")),
        ];
        let [a, b, c] = &tracks;
        let (a, b, c) = tokio::join!(play(a, &options), play(b, &options), play(c, &options));
        [a, b, c].concat()
    };
    if failed.is_empty() {
        println!("\nfaults: ok");
        ExitCode::SUCCESS
    } else {
        println!("\nfaults: FAILED: {}", failed.join(", "));
        ExitCode::FAILURE
    }
}

/// Plays scenarios one after the other; gives those that have failed.
async fn play(scenarios: &[&'static str], options: &Options) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for &scenario in scenarios {
        match run(scenario, options).await {
            Ok(report) if report.print() => {}
            Ok(_) => failed.push(scenario),
            Err(error) => {
                println!("\n{scenario}: FAILED, could not go on: {error:#}");
                failed.push(scenario);
            }
        }
    }
    failed
}

async fn run(scenario: &'static str, options: &Options) -> anyhow::Result<Report> {
    match scenario {
        "kill" => kill::run(options, End::Kill).await,
        "restarts" => kill::run(options, End::Term).await,
        "backend-down" => backend_down::run(options).await,
        "sigterm" => sigterm::run(options).await,
        "codes" => codes::run(options).await,
        "overload" => overload::run(options).await,
        "reload" => reload::run(options).await,
        "reconfigure" => reconfigure::run(options).await,
        "clock" => clock::run(options).await,
        "disk-full" => disk_full::run(options).await,
        other => anyhow::bail!("no scenario {other}"),
    }
}
