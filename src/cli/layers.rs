//! `--config` and `--prices`: which prices a command counts with.

use std::path::PathBuf;

use crate::config::{Config, ProcessEnvironment};
use crate::price_files::PriceFiles;
use crate::pricing::Catalog;

/// The layers of prices that a command uses: the embedded catalog, and what lies over it.
#[derive(Debug, Default, clap::Args)]
pub struct Layers {
    /// The config whose prices count (explain: its dimensions, lookups, hashes and actions as well); the embedded default when
    /// there is none
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A price file over the embedded catalog and the config's files; repeatable, the last one is the strongest
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
}

impl Layers {
    /// The config, as far as it is about prices.
    ///
    /// # Errors
    /// It can not be read, or is wrong; every mistake is named.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Config::load_for_prices(self.config.as_deref(), &ProcessEnvironment)
            .map_err(|errors| anyhow::anyhow!("{errors}"))
    }

    /// The catalog, all layers laid over each other.
    ///
    /// # Errors
    /// The config or a price file can not be read, or is wrong.
    pub(super) fn catalog(&self) -> anyhow::Result<Catalog> {
        self.catalog_of(&self.config()?)
    }

    /// The same, where the config is read already.
    ///
    /// # Errors
    /// A price file can not be read, or is wrong.
    pub(super) fn catalog_of(&self, config: &Config) -> anyhow::Result<Catalog> {
        let mut files = config.processor.as_ref().map_or_else(Vec::new, |pricetag| pricetag.prices.clone());
        files.extend_from_slice(&self.prices);
        Ok(PriceFiles::read(&files)?.catalog()?)
    }
}
