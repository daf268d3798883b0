//! The prices in force: read again when their files change, and watched for their age.
//!
//! What is watched are the folders: editors put a new file in an old one's place, and Kubernetes turns a link around. What
//! was read before is compared, so that nothing happens for nothing. Once a minute the files are read anyway: not every
//! file system tells of its changes.

mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};
use tracing::{error, info, warn};

use crate::config::Config;
use crate::price_files::PriceFiles;
use crate::pricing::{Catalog, Changes};
use crate::processor::Shared;
use crate::yaml::Mistakes;

use watch::Watch;

/// The time between two readings that must agree before they count, and how many there are at most.
const SETTLE: Duration = Duration::from_millis(200);
const PATIENCE: usize = 25;
/// The least time between two attempts that nobody asked for: whoever writes all the time must not make us read all the time.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the files are read without being told.
const TICK: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Why the prices are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Someone asked for it, and wants an answer.
    Asked,
    /// Something may have changed.
    Changed,
}

fn paths(config: &Config) -> Vec<PathBuf> {
    config.processor.as_ref().map_or_else(Vec::new, |pricetag| pricetag.prices.clone())
}

/// The price files of a config, and the catalog with them laid over it.
///
/// # Errors
/// A file can not be read, or is no price list.
pub(super) fn read(config: &Config) -> Result<(PriceFiles, Arc<Catalog>), Mistakes> {
    let files = PriceFiles::read(&paths(config))?;
    let catalog = files.catalog()?;
    Ok((files, Arc::new(catalog)))
}

/// What was read last, whatever became of it.
type Attempt = Result<PriceFiles, Mistakes>;

/// Keeps the prices in force.
pub(super) struct Prices {
    shared: Arc<Shared>,
    stale_after: Duration,
    last: Attempt,
    reloads: Counter<u64>,
    /// `None` while the files are read.
    watch: Option<Watch>,
    /// Two bells, for one that waits is enough, but must not be taken for the other: who asks wants an answer.
    asked: Arc<Notify>,
    changed: Arc<Notify>,
}

impl Prices {
    /// Keeps the prices that were read from `files` up to date, in a task. What comes back asks to read them again, and is
    /// answered in the log.
    pub(super) fn keep(
        config: &Config,
        files: PriceFiles,
        shared: Arc<Shared>,
        meter: &Meter,
        tasks: &mut JoinSet<()>,
    ) -> Arc<Notify> {
        let (asked, changed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let ages = Arc::clone(&shared);
        meter
            .f64_observable_gauge("pricetag_catalog_age_seconds")
            .with_description("Age of the prices: time since the date of the catalog's latest list.")
            .with_callback(move |observer| {
                if let Some(age) = age(&ages.catalog()) {
                    observer.observe(age.as_secs_f64(), &[]);
                }
            })
            .build();
        let prices = Prices {
            shared,
            stale_after: config
                .processor
                .as_ref()
                .map_or(Duration::ZERO, |pricetag| pricetag.prices_stale_after),
            last: Ok(files),
            reloads: meter
                .u64_counter("pricetag_catalog_reloads_total")
                .with_description("Times that changed price files were read, by outcome.")
                .build(),
            watch: Some(Watch::new(paths(config), Arc::clone(&changed))),
            asked: Arc::clone(&asked),
            changed,
        };
        tasks.spawn(prices.run());
        asked
    }

    async fn run(mut self) {
        let mut tick = interval(TICK);
        let mut warned = None;
        let mut rested = Instant::now();
        loop {
            let changed = async {
                sleep_until(rested).await;
                self.changed.notified().await;
            };
            let why = tokio::select! {
                () = self.asked.notified() => Why::Asked,
                () = changed => Why::Changed,
                _ = tick.tick() => Why::Changed,
            };
            if warned.is_none_or(|at: Instant| at.elapsed() >= DAY) {
                warned = Some(Instant::now());
                self.warn_if_stale();
            }
            self.read_again(why).await;
            rested = Instant::now() + PAUSE;
        }
    }

    /// Reads the files as they are. Their folders are watched before, so that no change falls in between.
    async fn read(&mut self) -> Attempt {
        let Some(mut watch) = self.watch.take() else { return self.last.clone() };
        let read = tokio::task::spawn_blocking(move || {
            watch.follow();
            let read = PriceFiles::read(watch.files());
            (watch, read)
        });
        // Nothing there panics; and if it did, the prices in force stay.
        let Ok((watch, read)) = read.await else { return self.last.clone() };
        self.watch = Some(watch);
        read
    }

    /// What two readings agree on, for someone may be writing; `None` if that takes too long.
    async fn settled(&mut self) -> Option<Attempt> {
        let mut read = self.read().await;
        if read == self.last {
            return Some(read);
        }
        for _ in 0..PATIENCE {
            sleep(SETTLE).await;
            let again = self.read().await;
            if again == read {
                return Some(read);
            }
            read = again;
        }
        None
    }

    async fn read_again(&mut self, why: Why) {
        let Some(read) = self.settled().await else {
            let version = self.shared.catalog().version().to_owned();
            warn!(
                catalog = version,
                "the prices stay as they are: the price files do not come to rest; put a finished file in the old one's \
                 place instead of writing to it"
            );
            self.reloads.add(1, &[KeyValue::new("outcome", "failed")]);
            return;
        };
        let unchanged = read == self.last;
        if unchanged && why == Why::Changed {
            return;
        }
        self.last = read.clone();
        // Off the workers: a large list takes tens of milliseconds.
        let before = self.shared.catalog();
        let catalog = tokio::task::spawn_blocking(move || {
            let catalog = read.and_then(|files| files.catalog())?;
            let changes = Changes::between(&before, &catalog);
            Ok((Arc::new(catalog), changes))
        });
        // As above.
        let Ok(catalog) = catalog.await else { return };
        let outcome = match catalog {
            Ok(_) if unchanged => {
                info!("the price files have not changed");
                "unchanged"
            }
            Ok((catalog, changes)) => {
                self.shared.replace_catalog(Arc::clone(&catalog));
                info!(catalog = catalog.version(), "prices reloaded: {changes}");
                "changed"
            }
            Err(Mistakes(mistakes)) => {
                let version = self.shared.catalog().version().to_owned();
                for mistake in &mistakes {
                    error!(catalog = version, "the prices stay as they are: {mistake}");
                }
                "failed"
            }
        };
        self.reloads.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    fn warn_if_stale(&self) {
        let catalog = self.shared.catalog();
        if self.stale_after.is_zero() {
            return;
        }
        if let (Some(age), Some(date)) = (age(&catalog), catalog.date())
            && age > self.stale_after
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
