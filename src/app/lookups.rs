//! The lookups in force: kept as their files are; what they have no row for is said.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use tokio::task::JoinSet;
use tokio::time::interval;
use tracing::{info, warn};

use super::files::{Bell, Keeper, Kind};
use crate::attribution::unknown::MAX_LISTED;
use crate::attribution::{Attribution, Lookups as Tables};
use crate::config::{Lookup, Pricetag};
use crate::lookup_files::LookupFiles;
use crate::processor::Shared;
use crate::text::{counted, printable};
use crate::yaml::Mistakes;

/// How often it is said what the tables have no row for.
const NEWS: Duration = Duration::from_secs(1);

/// Lookup files, and the tables that they make.
struct Lookups {
    lookups: Vec<Lookup>,
    attribution: Attribution,
    shared: Arc<Shared>,
}

impl Kind for Lookups {
    type Files = LookupFiles;
    const WHAT: &'static str = "lookups";
    const FILES: &'static str = "lookup files";
    const METRIC: &'static str = "pricetag_lookup_reloads_total";

    fn paths(&self) -> Vec<PathBuf> {
        self.lookups.iter().map(|lookup| lookup.file.clone()).collect()
    }

    fn read(&self) -> Result<LookupFiles, Mistakes> {
        LookupFiles::read(&self.lookups)
    }

    fn contents(files: &LookupFiles) -> impl Iterator<Item = &[u8]> {
        files.contents()
    }

    fn put(&self, files: LookupFiles) -> Result<String, Mistakes> {
        let tables = files.lookups(&self.attribution)?;
        let before = self.shared.lookups().rows();
        let changes = format!("{} now, {before} before", words(&tables));
        put(&self.shared, tables);
        Ok(changes)
    }

    fn in_force(&self) -> String {
        words(&self.shared.lookups())
    }
}

fn words(tables: &Tables) -> String {
    counted(tables.rows() as u64, "row")
}

/// Puts tables in force.
pub(super) fn put(shared: &Shared, tables: Tables) {
    for notice in tables.notices() {
        info!("{notice}");
    }
    shared.replace_lookups(Arc::new(tables));
    // What had no row may have one now; what has none still is said again.
    shared.unknown().forget();
}

/// Keeps the tables of `files` up to date, in tasks. What comes back asks to read the files again.
pub(super) fn keep(
    pricetag: &Pricetag,
    attribution: Attribution,
    files: LookupFiles,
    shared: &Arc<Shared>,
    meter: &Meter,
    tasks: &mut JoinSet<()>,
) -> Bell {
    let labels: Arc<[[KeyValue; 2]]> = pricetag
        .lookups
        .iter()
        .map(|lookup| {
            [
                KeyValue::new("lookup", lookup.file.display().to_string()),
                KeyValue::new("by", lookup.by.clone()),
            ]
        })
        .collect();
    let counts = Arc::clone(shared);
    meter
        .u64_observable_counter("pricetag_lookup_unknown_total")
        .with_description("Values that a lookup has no row for.")
        .with_callback(move |observer| {
            for (count, labels) in counts.unknown().counts().zip(labels.iter()) {
                observer.observe(count, labels);
            }
        })
        .build();
    tasks.spawn(say_unknown(Arc::clone(shared), pricetag.lookups.clone()));
    let lookups = Lookups { lookups: pricetag.lookups.clone(), attribution, shared: Arc::clone(shared) };
    Keeper::keep(lookups, files, meter, tasks)
}

/// A line for each value, until the list of its table is full.
async fn say_unknown(shared: Arc<Shared>, lookups: Vec<Lookup>) {
    let mut tick = interval(NEWS);
    loop {
        tick.tick().await;
        for (Lookup { file, by }, (values, full)) in lookups.iter().zip(shared.unknown().news()) {
            let file = file.display();
            for value in &values {
                let value = printable(&String::from_utf8_lossy(value));
                warn!("{by} {value:?} stands in no row of {file}: add one, or a row `*`");
            }
            if full && !values.is_empty() {
                warn!(
                    "{file} has no row for {MAX_LISTED} values of {by} and more: further ones are counted in \
                     pricetag_lookup_unknown_total and not listed"
                );
            }
        }
    }
}
