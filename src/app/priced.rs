//! What pricing needs besides the config: price files, dialects and lookups, read at the start and kept up to date.

use std::sync::Arc;

use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;

use super::files::Bell;
use super::settings::settings;
use super::{lookups, prices};
use crate::attribution::Attribution;
use crate::config::Pricetag;
use crate::lookup_files::LookupFiles;
use crate::price_files::PriceFiles;
use crate::processor::Shared;
use crate::yaml::Mistakes;

/// A config's files, read, and what is in force by them.
pub(super) struct Priced<'c> {
    pricetag: &'c Pricetag,
    attribution: Attribution,
    prices: PriceFiles,
    lookups: LookupFiles,
    pub(super) shared: Arc<Shared>,
}

impl<'c> Priced<'c> {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// One can not be read, or is wrong.
    pub(super) fn read(pricetag: &'c Pricetag) -> Result<Self, Mistakes> {
        let prices = PriceFiles::read(&pricetag.prices)?;
        let catalog = Arc::new(prices.catalog()?);
        let settings = settings(pricetag)?;
        let lookups = LookupFiles::read(&pricetag.lookups)?;
        let tables = lookups.lookups(&settings.attribution)?;
        let shared = Arc::new(Shared::new(&settings, catalog));
        lookups::put(&shared, tables);
        Ok(Priced { pricetag, attribution: settings.attribution, prices, lookups, shared })
    }

    /// Keeps them up to date, in tasks. What comes back asks to read them again.
    pub(super) fn keep(self, meter: &Meter, tasks: &mut JoinSet<()>) -> Vec<Bell> {
        let Priced { pricetag, attribution, prices, lookups, shared } = self;
        let mut reload = vec![prices::keep(pricetag, prices, &shared, meter, tasks)];
        // Who has none asks for none.
        if !pricetag.lookups.is_empty() {
            reload.push(lookups::keep(pricetag, attribution, lookups, &shared, meter, tasks));
        }
        reload
    }
}
