//! The prices in force: read again when their files change, and watched for their age.
//!
//! What changes are the folders: editors put a new file in an old one's place, and Kubernetes turns a link around. Any
//! change there means reading the files again; what was read before is compared, so that nothing happens for nothing.
//! Once a minute they are read anyway: not every file system tells of its changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use tracing::{debug, error, info, warn};

use crate::config::Config;
use crate::price_files::PriceFiles;
use crate::pricing::{Catalog, Changes};
use crate::processor::Shared;
use crate::yaml::Mistakes;

/// The time between two readings that must agree before they count, and how many there are at most.
const SETTLE: Duration = Duration::from_millis(200);
const PATIENCE: usize = 25;
/// How often the files are read without being told.
const TICK: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Why the prices are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Someone asked for it, and wants an answer.
    Asked,
    /// Something changed in a folder.
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
    paths: Vec<PathBuf>,
    stale_after: Duration,
    last: Attempt,
    reloads: Counter<u64>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<Why>,
}

impl Prices {
    /// Keeps the prices that were read from `files` up to date, in a task. The sender asks to read them again.
    pub(super) fn keep(
        config: &Config,
        files: PriceFiles,
        shared: Arc<Shared>,
        meter: &Meter,
        tasks: &mut JoinSet<()>,
    ) -> mpsc::Sender<Why> {
        // One that waits is enough: it means "look again".
        let (told, changes) = mpsc::channel(1);
        let tell = told.clone();
        let on_event = move |event: notify::Result<notify::Event>| {
            // Reading is an event too: of our own.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = tell.try_send(Why::Changed);
            }
        };
        let paths = paths(config);
        let watcher = (!paths.is_empty()).then(|| notify::recommended_watcher(on_event)).and_then(|made| {
            made.inspect_err(|error| warn!("changes of price files are seen late: {error}")).ok()
        });
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
            paths,
            stale_after: config
                .processor
                .as_ref()
                .map_or(Duration::ZERO, |pricetag| pricetag.prices_stale_after),
            last: Ok(files),
            reloads: meter
                .u64_counter("pricetag_catalog_reloads_total")
                .with_description("Times that changed price files were read, by outcome.")
                .build(),
            watcher,
            watched: BTreeSet::new(),
            changes,
        };
        tasks.spawn(prices.run());
        told
    }

    async fn run(mut self) {
        let mut tick = interval(TICK);
        let mut warned = None;
        loop {
            self.watch_folders();
            let why = tokio::select! {
                why = self.changes.recv() => why.unwrap_or(Why::Changed),
                _ = tick.tick() => Why::Changed,
            };
            if warned.is_none_or(|at: Instant| at.elapsed() >= DAY) {
                warned = Some(Instant::now());
                self.warn_if_stale();
            }
            self.read_again(why).await;
        }
    }

    async fn read(&self) -> Attempt {
        let paths = self.paths.clone();
        let read = tokio::task::spawn_blocking(move || PriceFiles::read(&paths)).await;
        read.unwrap_or_else(|_| self.last.clone())
    }

    async fn read_again(&mut self, why: Why) {
        let mut read = self.read().await;
        if why == Why::Changed {
            // Someone may be writing: until two readings agree.
            for _ in 0..PATIENCE {
                if read == self.last {
                    return;
                }
                sleep(SETTLE).await;
                let again = self.read().await;
                if again == std::mem::replace(&mut read, again.clone()) {
                    break;
                }
            }
        }
        let unchanged = read == self.last;
        self.last = read.clone();
        // Off the workers: a large list takes tens of milliseconds.
        let catalog = tokio::task::spawn_blocking(|| read.and_then(|files| files.catalog())).await;
        // Nothing there panics; and if it did, the prices in force stay.
        let Ok(catalog) = catalog else { return };
        let outcome = match catalog {
            Ok(_) if unchanged => {
                info!("the price files have not changed");
                "unchanged"
            }
            Ok(catalog) => {
                let catalog = Arc::new(catalog);
                let changes = Changes::between(&self.shared.catalog(), &catalog);
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

    /// Watches the folders of the files, and those that their links lead to.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let folder = |file: &Path| match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let targets = self.paths.iter().filter_map(|path| path.canonicalize().ok());
        let folders: BTreeSet<PathBuf> =
            self.paths.iter().cloned().chain(targets).map(|file| folder(&file)).collect();
        for gone in self.watched.difference(&folders) {
            let _ = watcher.unwatch(gone);
        }
        for new in folders.difference(&self.watched) {
            if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                debug!("{}: changes are seen late: {error}", new.display());
            }
        }
        self.watched = folders;
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
