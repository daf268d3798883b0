//! `pricetag ledger forget`: removes a value from the ledger's file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::app;
use crate::attribution::{Hasher, MAX_VALUE};
use crate::config::{Config, LedgerFile, Pricetag, ProcessEnvironment};
use crate::ledger::OTHER;
use crate::ledger::store::default_file;
use crate::ledger::store::forget::{Forgotten, forget};
use crate::text::counted;

/// Removes a person from the ledger's file, or any other value of a dimension, so that no byte of it is left there.
///
/// The sums of its rows go to `other`, and totals stay what they are. Stop pricetag first: it knows the value in memory. Ends
/// with code 1 if the value is not known.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("who").required(true)))]
pub(super) struct Forget {
    /// The user to forget; the plain id, also where the config has ids hashed
    #[arg(long, value_name = "ID", group = "who")]
    user: Option<String>,
    /// A value of any dimension, as in --by tenant acme
    #[arg(long, num_args = 2, value_names = ["DIMENSION", "VALUE"], group = "who")]
    by: Vec<String>,
    /// The config that names the ledger's file, and has the key of hashes; the embedded default when there is none
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Forget {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load_for_prices(self.config.as_deref(), &ProcessEnvironment)
            .map_err(|errors| anyhow::anyhow!("{errors}"))?;
        let pricetag = config.processor.as_ref().context("no pipeline prices, so there is no ledger")?;
        let (dimension, value) = match (&self.user, &self.by[..]) {
            (Some(user), _) => ("user", user.as_str()),
            (None, [dimension, value]) => (dimension.as_str(), value.as_str()),
            _ => bail!("say whom: --user ID, or --by DIMENSION VALUE"),
        };
        if value.is_empty() || value == OTHER {
            bail!("{value:?} is nobody: it stands for what is not known, or for all others");
        }
        let file = file(pricetag)?;
        let forgotten = forget(&file, dimension, &stored_as(pricetag, dimension, value))?;
        if forgotten.is_nothing() {
            eprintln!(
                "pricetag: no row of {dimension} {value:?} in {}; the file was cleaned of what had been deleted before",
                file.display()
            );
        } else {
            let Forgotten { hours, days, series, money, .. } = &forgotten;
            println!(
                "forgot {dimension} {value:?} in {}: {}, {}, {} of metrics; ${money} went to `{OTHER}`",
                file.display(),
                counted(*hours as u64, "hourly row"),
                counted(*days as u64, "daily row"),
                if *series == 1 { "1 series".to_owned() } else { format!("{series} series") },
            );
        }
        for other in &forgotten.elsewhere {
            println!("the same text is a value of {other}, and stays there: --by {other} forgets that, too");
        }
        let queue = app::queue_folder(&config, |name| std::env::var_os(name));
        if let Some(folder) = queue.filter(|folder| folder.is_dir()) {
            eprintln!(
                "pricetag: requests that were accepted a moment ago, or wait for an exporter, are in {}, and may still name {value:?}: \
                 docs/privacy.md",
                folder.display()
            );
        }
        Ok(if forgotten.is_nothing() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Where the ledger is.
fn file(pricetag: &Pricetag) -> anyhow::Result<PathBuf> {
    match &pricetag.ledger.file {
        LedgerFile::At(file) => Ok(file.clone()),
        LedgerFile::Memory => bail!("the config keeps the ledger in memory: it is forgotten when pricetag ends"),
        LedgerFile::Default => default_file(|name| std::env::var_os(name))
            .context("there is no state folder; name the config that has processors.pricetag.ledger.file with --config"),
    }
}

/// What the store has of a value: its hash where those are kept, and the value itself, for hashes may have been switched on later.
fn stored_as(pricetag: &Pricetag, dimension: &str, value: &str) -> Vec<String> {
    let value = &value[..value.floor_char_boundary(MAX_VALUE)];
    let known = pricetag.dimensions.iter().find(|it| it.name == dimension);
    let key = pricetag.hash_key.as_ref().filter(|_| known.is_some_and(|it| it.hashed));
    let hash = key.map(|key| Hasher::new(key.expose().as_bytes()).hash(value.as_bytes()));
    [Some(value.to_owned()), hash].into_iter().flatten().collect()
}
