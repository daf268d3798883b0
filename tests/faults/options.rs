//! The command line.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::rig::{BINARY, KEEP};

/// Every scenario, in the order in which they are played.
const SCENARIOS: [&str; 9] =
    ["kill", "backend-down", "sigterm", "codes", "overload", "disk-full", "clock", "reload", "reconfigure"];
/// Those that are played only by name.
const MORE: [&str; 1] = ["restarts"];

const HELP: &str = "\
Faults against the real binary. Run it with cargo, which builds both:

    cargo test --test faults                              all scenarios, short: a minute or two
    cargo test --release --test faults -- kill --kills 1000    one of them: ten minutes
    cargo test --release --test faults -- --full          the figures of the plan: half an hour, 5 GB of disk

Scenarios:
    kill           kill -9 at random moments under load, with backends that fail now and then; four pricetags side by side
    backend-down   a backend that is away for a while, beside one that is well and one that gets nothing; then the drain
    sigterm        SIGTERM at peak with a dead backend, and a restart
    codes          every gRPC code and HTTP status through the whole pipeline, and a kill while they are retried
    overload       five times what the backend takes
    disk-full      no space left; a small tmpfs is mounted, so it needs root and is skipped without
    clock          the wall clock jumps by a day and back; it needs libfaketime and is skipped without
    reload         price files and lookups are exchanged under load, good and bad ones by turns
    reconfigure    the config is another one, or a wrong one, again and again under load
    restarts       SIGTERM instead of kill -9, again and again; only where it is named

Options:
    --full         long forms: 1,000 kills and reloads, 3 GB of backlog, 3 minutes of overload
    --kills N      how many; 0 shows that the harness itself loses nothing
    --seed N       plays a run's random choices again, as far as time allows
    --keep         keeps configs, logs and state folders, and says where
    --binary FILE  this pricetag, and not the one that cargo has built with the suite
    --state DIR    where state folders are made, instead of the system's folder for temporary files: a real disk, for the figures

What is measured in seconds or bytes means something in a release build only; losses and money are exact in any.
It ends with 0 if every figure was reached, 1 if not, 2 for a mistake on the command line.";

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) scenarios: Vec<&'static str>,
    pub(crate) full: bool,
    pub(crate) kills: u32,
    pub(crate) seed: u64,
}

impl Options {
    /// Reads arguments; `None`: there is nothing to run.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut options =
            Options { scenarios: Vec::new(), full: false, kills: 15, seed: now.as_millis() as u64 };
        let (mut kills, mut is_ours, mut filters) = (None, false, Vec::new());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--help" | "-h" => {
                    println!("{HELP}");
                    return Ok(None);
                }
                "--full" => options.full = true,
                "--kills" => kills = Some(value()?.parse().context("--kills")?),
                "--keep" => KEEP.store(true, Ordering::Relaxed),
                "--seed" => options.seed = value()?.parse().context("--seed")?,
                "--binary" => BINARY.set(value()?.into()).ok().context("--binary twice")?,
                // Where `tempfile` makes all its folders.
                "--state" => tempfile::env::override_temp_dir(std::path::Path::new(Box::leak(
                    value()?.into_boxed_str(),
                )))
                .ok()
                .context("--state twice")?,
                // What test runners say to every test binary.
                "--list" => return Ok(None),
                "--nocapture" | "--no-capture" | "--quiet" | "-q" | "--include-ignored" | "--show-output"
                | "--exact" => continue,
                "--test-threads" | "--format" | "--color" | "-Z" | "--skip" => {
                    value()?;
                    continue;
                }
                name if !name.starts_with('-') => {
                    filters.push(name.to_owned());
                    continue;
                }
                other => bail!("there is no {other}; --help tells what there is"),
            }
            is_ours = true;
        }
        let is_named = |name: &&&str| filters.iter().any(|it| it == **name);
        let all = SCENARIOS.iter().filter(|name| filters.is_empty() || is_named(name));
        options.scenarios = all.chain(MORE.iter().filter(is_named)).copied().collect();
        if options.scenarios.is_empty() {
            if is_ours {
                bail!("no scenario is called {}: there are {}", filters.join(", "), SCENARIOS.join(", "));
            }
            // `cargo test NAME` asks every test binary for tests with this name.
            return Ok(None);
        }
        let is_known = |it: &&String| SCENARIOS.iter().chain(&MORE).any(|name| it == name);
        if let Some(unknown) = filters.iter().find(|it| !is_known(it)) {
            bail!("no scenario is called {unknown}: there are {}", SCENARIOS.join(", "));
        }
        options.kills = kills.unwrap_or(if options.full { 1000 } else { 15 });
        Ok(Some(options))
    }
}
