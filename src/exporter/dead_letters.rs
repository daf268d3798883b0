//! Dead letters: requests that no backend takes, each a file, and a list of them.
//!
//! A file holds what was to be sent, as OTLP protobuf: without what the exporter must not get. The list is JSON lines, a letter a line, and
//! a line is written before its file: so the files are never more than the list tells, whenever the process ends. They are not synced: after
//! a power cut the last ones may be missing.

mod folder;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

pub use folder::list;

use crate::otlp::Signal;
use crate::otlp::split::Part;
use crate::said::Failing;
use crate::telemetry::DeadLetterMetrics;
use folder::{Folder, Kept};

/// The folder of dead letters in that of the queue.
pub const FOLDER: &str = "dead-letters";

/// A disk that takes longer does not hold up delivery,
const PATIENCE: Duration = Duration::from_secs(2);
/// and is not asked again for so long.
const PAUSE: Duration = Duration::from_secs(60);

/// A request that was not delivered: a line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// When it was given up, as RFC 3339 in UTC.
    pub time: String,
    /// The exporter's id.
    pub exporter: String,
    /// `traces`, `metrics` or `logs`.
    pub signal: String,
    /// Spans, data points or log records in it.
    pub items: u64,
    /// Bytes of its body.
    pub bytes: u64,
    /// Why it can not be delivered, printable and bounded.
    pub why: String,
    /// The file in the folder that holds its body.
    pub file: String,
}

/// The one place for the dead letters of all exporters.
#[derive(Clone, Debug)]
pub struct Office {
    /// Whoever writes holds it. One at a time, so that a disk that hangs keeps one thread and not all.
    folder: Arc<tokio::sync::Mutex<Folder>>,
    disk: Arc<Mutex<Disk>>,
}

/// What is known of the disk.
#[derive(Debug, Default)]
struct Disk {
    failing: Failing,
    /// It took too long, and is not asked before.
    hangs_until: Option<Instant>,
}

impl Office {
    /// Dead letters in this folder, which is made when there is one.
    pub fn new(folder: &Path) -> Self {
        Office { folder: Arc::new(tokio::sync::Mutex::new(Folder::new(folder))), disk: Arc::default() }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a letter, if that does not take too long.
    async fn keep(&self, letter: Letter, body: Bytes) -> Result<Kept, String> {
        let hangs = || format!("the disk takes longer than {PATIENCE:?}; it is tried again in {PAUSE:?}");
        if self.disk().hangs_until.is_some_and(|until| Instant::now() < until) {
            return Err(hangs());
        }
        let writing = async {
            let mut folder = Arc::clone(&self.folder).lock_owned().await;
            let work = tokio::task::spawn_blocking(move || folder.keep(letter, &body));
            work.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
        };
        let kept = timeout(PATIENCE, writing).await;
        self.disk().hangs_until = kept.is_err().then(|| Instant::now() + PAUSE);
        kept.unwrap_or_else(|_| Err(hangs()))
    }

    /// Where an exporter leaves its own.
    pub fn of(&self, exporter: &str, metrics: DeadLetterMetrics) -> DeadLetters {
        DeadLetters { office: self.clone(), exporter: exporter.to_owned(), metrics }
    }
}

/// Where an exporter leaves its dead letters.
#[derive(Debug)]
pub struct DeadLetters {
    office: Office,
    exporter: String,
    metrics: DeadLetterMetrics,
}

impl DeadLetters {
    /// Keeps a request, and says in which file. Nothing: it could not be written, which is said in the log and counted.
    pub(super) async fn keep(&self, signal: Signal, part: &Part, why: &str) -> Option<PathBuf> {
        let now = Timestamp::now();
        let letter = Letter {
            time: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            exporter: self.exporter.clone(),
            signal: signal.to_string(),
            items: part.items,
            bytes: part.body.len() as u64,
            why: why.to_owned(),
            file: format!("{}-{}-{signal}", now.strftime("%Y%m%dT%H%M%S%.3fZ"), safe(&self.exporter)),
        };
        let kept = self.office.keep(letter, part.body.clone()).await;
        let is_news = self.office.disk().failing.is_news(&kept);
        if is_news {
            match &kept {
                Ok(_) => info!("dead letters can be written again"),
                Err(why) => warn!("dead letters can not be written, and are lost: {why}"),
            }
        }
        match kept {
            Ok(Kept { file, gone }) => {
                self.metrics.kept(signal, part.items);
                self.metrics.gone(gone);
                Some(file)
            }
            Err(_) => {
                self.metrics.unwritten(part.items);
                None
            }
        }
    }
}

/// An exporter's id as a part of a file's name.
fn safe(id: &str) -> String {
    const LONGEST: usize = 64;
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    id.chars().map(safe).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::Resource;
    use prometheus::Registry;

    use super::*;
    use crate::telemetry::Telemetry;

    /// Scenario: a disk hangs, and letters come; then it works again.
    /// Guarantees: the first one waits two seconds, those of the next minute are lost at once, then one is tried again; all that are lost are
    /// counted, and in the end one is kept.
    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_waited_for_once_a_minute() {
        let place = tempfile::tempdir().unwrap();
        let registry = Registry::new();
        let telemetry = Telemetry::new(registry.clone(), Resource::builder_empty().build()).unwrap();
        let office = Office::new(place.path());
        let letters = office.of("otlp/a", telemetry.dead_letters("otlp/a"));
        let part = Part { body: Bytes::from_static(b"letter"), items: 1 };
        let waits = async || {
            let begun = Instant::now();
            let file = letters.keep(Signal::Traces, &part, "no").await;
            (file.is_some(), begun.elapsed().as_secs())
        };
        let hanging = Arc::clone(&office.folder).lock_owned().await;
        assert_eq!(waits().await, (false, 2));
        for _ in 0..100 {
            assert_eq!(waits().await, (false, 0));
        }
        tokio::time::advance(PAUSE).await;
        assert_eq!((waits().await, waits().await), ((false, 2), (false, 0)));
        drop(hanging);
        assert_eq!(waits().await, (false, 0), "it is not asked before its time");
        tokio::time::advance(PAUSE).await;
        assert_eq!((waits().await, list(place.path()).unwrap().len()), ((true, 0), 1));
        let lost: f64 = registry
            .gather()
            .iter()
            .filter(|it| it.name().ends_with("lost_items"))
            .flat_map(|it| it.get_metric())
            .map(|it| it.get_counter().get_value())
            .sum();
        assert_eq!(lost, 104.0);
    }
}
