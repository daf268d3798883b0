//! The prices in force: kept as their files are, and watched for their age.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;
use tokio::time::interval;
use tracing::warn;

use super::files::{Bell, Keeper, Kind};
use crate::config::Pricetag;
use crate::price_files::PriceFiles;
use crate::pricing::{Catalog, Changes};
use crate::processor::Shared;
use crate::yaml::Mistakes;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Price files, and the catalog that they make.
struct Prices {
    paths: Vec<PathBuf>,
    shared: Arc<Shared>,
}

impl Kind for Prices {
    type Files = PriceFiles;
    const WHAT: &'static str = "prices";
    const FILES: &'static str = "price files";
    const METRIC: &'static str = "pricetag_catalog_reloads_total";

    fn paths(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    fn read(&self) -> Result<PriceFiles, Mistakes> {
        PriceFiles::read(&self.paths)
    }

    fn contents(files: &PriceFiles) -> impl Iterator<Item = &[u8]> {
        files.contents()
    }

    fn put(&self, files: PriceFiles) -> Result<String, Mistakes> {
        let catalog = files.catalog()?;
        let changes = Changes::between(&self.shared.catalog(), &catalog).to_string();
        self.shared.replace_catalog(Arc::new(catalog));
        Ok(changes)
    }

    fn in_force(&self) -> String {
        self.shared.catalog().version().to_owned()
    }
}

/// Keeps the prices that were read from `files` up to date, and tells their age, in tasks. What comes back asks to read them
/// again.
pub(super) fn keep(
    pricetag: &Pricetag,
    files: PriceFiles,
    shared: &Arc<Shared>,
    meter: &Meter,
    tasks: &mut JoinSet<()>,
) -> Bell {
    let ages = Arc::clone(shared);
    meter
        .f64_observable_gauge("pricetag_catalog_age_seconds")
        .with_description("Age of the prices: time since the date of the catalog's latest list.")
        .with_callback(move |observer| {
            if let Some(age) = age(&ages.catalog()) {
                observer.observe(age.as_secs_f64(), &[]);
            }
        })
        .build();
    if !pricetag.prices_stale_after.is_zero() {
        tasks.spawn(warn_when_stale(Arc::clone(shared), pricetag.prices_stale_after));
    }
    let prices = Prices { paths: pricetag.prices.clone(), shared: Arc::clone(shared) };
    Keeper::keep(prices, files, meter, tasks)
}

/// Once a day, and at the start.
async fn warn_when_stale(shared: Arc<Shared>, stale_after: Duration) {
    let mut days = interval(DAY);
    loop {
        days.tick().await;
        let catalog = shared.catalog();
        if let (Some(age), Some(date)) = (age(&catalog), catalog.date())
            && age > stale_after
        {
            warn!(
                "the prices are {} days old: {} of {date}; newer models are unknown and changed prices wrong. Update \
                 pricetag, or add a newer list to processors.pricetag.prices (pricetag prices import makes one)",
                age.as_secs() / DAY.as_secs(),
                catalog.source(),
            );
        }
    }
}

/// Time since the catalog's date; `None` if it has none or lies ahead.
fn age(catalog: &Catalog) -> Option<Duration> {
    let date = Duration::from_secs(u64::try_from(catalog.date()?.unix()).ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(date)
}
