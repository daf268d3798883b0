//! Opens the queue where the config says, and finds again what an earlier process left in it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use super::StartError;
use crate::config::{Config, ExporterKind, LedgerFile, Storage};
use crate::ledger::Ledger;
use crate::ledger::replay::Replay;
use crate::queue::storage::Folder;
use crate::queue::{Log, Reader, Unusable};
use crate::receiver::Intake;
use crate::state::{self, Lock};

/// Where the queue is on disk.
#[derive(Debug)]
pub(super) struct OnDisk {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What keeps others from it.
    _lock: Lock,
}

/// The queue, and where it is.
pub(super) fn open(config: &Config) -> Result<(Log, Option<OnDisk>), StartError> {
    let Some(syncs) = on_disk(config) else { return Ok((Log::default(), None)) };
    let is_default = config.queue_folder.is_none();
    let Some(folder) = folder(config, |name| std::env::var_os(name)) else {
        warn!(
            "requests wait in memory, and what waits when pricetag ends is lost, for there is no state folder; \
             name a folder with extensions.file_storage.directory"
        );
        return Ok((Log::default(), None));
    };
    match files(&folder, syncs) {
        Ok((log, lock)) => {
            info!("requests wait in {}", folder.display());
            Ok((log, Some(OnDisk { folder, _lock: lock })))
        }
        // Nobody asked for this folder, or for a disk: pricetag runs without it. Whoever did wants to know, and so does who has a queue
        // of another version.
        Err(StartError::Queue { message, .. }) if is_default && !is_asked_for(config) => {
            warn!(
                "requests wait in memory, and what waits when pricetag ends is lost: {}: {message}; name a folder with extensions.file_storage.directory",
                folder.display()
            );
            Ok((Log::default(), None))
        }
        Err(error) => Err(error),
    }
}

/// Where the queue is on disk, if it is: where the config says; beside the ledger's file where it names that, for each is worth little
/// without the other; else in the state folder. `None`: there is no such folder.
pub fn folder(config: &Config, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(folder) = &config.queue_folder {
        return Some(folder.clone());
    }
    match config.processor.as_ref().map(|processor| &processor.ledger.file) {
        Some(LedgerFile::At(file)) => Some(file.with_extension("queue")),
        _ => Some(state::folder(variable)?.join("queue")),
    }
}

fn files(folder: &Path, syncs: bool) -> Result<(Log, Lock), StartError> {
    let unusable = |message: String| StartError::Queue { folder: folder.to_owned(), message };
    let lock = Lock::take(folder).map_err(|error| unusable(error.to_string()))?;
    let storage = Folder::new(folder).map_err(|error| unusable(error.to_string()))?;
    let log = Log::open(Arc::new(storage), syncs).map_err(|error| of_files(folder, error))?;
    Ok((log, lock))
}

fn of_files(folder: &Path, error: Unusable) -> StartError {
    let (folder, mut message) = (PathBuf::from(folder), error.to_string());
    match error {
        Unusable::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            message.push_str(" (make room on its disk)");
            StartError::Queue { folder, message }
        }
        Unusable::Io(_) => StartError::Queue { folder, message },
        Unusable::Version { .. } => StartError::QueueVersion { folder, message },
    }
}

/// Whether an exporter says that its requests wait on disk.
fn is_asked_for(config: &Config) -> bool {
    config.exporters.iter().any(|it| it.queue.storage.is_on_disk() && it.queue.storage_is_said)
}

/// Whether requests wait on disk, and then whether they are synced. They do if something is to survive: what waits for an exporter, or the
/// money.
pub fn on_disk(config: &Config) -> Option<bool> {
    let consoles = |kind: &ExporterKind| matches!(kind, ExporterKind::Debug(_));
    let storages: Vec<Storage> =
        config.exporters.iter().filter(|it| !consoles(&it.kind)).map(|it| it.queue.storage).collect();
    let ledger = config.processor.as_ref().is_some_and(|it| it.ledger.file != LedgerFile::Memory);
    match storages.as_slice() {
        [] => ledger.then_some(true),
        _ if storages.contains(&Storage::Disk) => Some(true),
        _ if storages.contains(&Storage::Relaxed) => Some(false),
        _ => None,
    }
}

/// What there is to say of an exporter for which requests wait, and which is none of the config's.
pub fn say_absent(exporter: &str, requests: usize) -> String {
    format!(
        "{requests} request(s) wait for {exporter}, which this config does not have: they stay in the queue until an exporter is called so again, or \
         its name is removed from cursors.json in the queue's folder while no pricetag runs"
    )
}

/// Finds again what an earlier process left: what waits for exporters, the bookings that are not in the store, and the traces that are
/// open.
pub(super) fn recover(
    (log, on_disk): (&Log, Option<&OnDisk>),
    ledger: &Ledger,
    reader: &Reader,
    intake: &Intake,
    dimensions: &[String],
) -> Result<(), StartError> {
    let range = ledger.follow(reader).map_err(|error| StartError::Ledger(error.into()))?;
    let mut replay = Replay::new(ledger.clone(), range, dimensions.to_vec());
    let left = log.recover(dimensions, |record| {
        // What an exporter has not taken for hours is of no interest to anybody else.
        if replay.take(record)
            && let Err(refusal) = intake.replay(record)
        {
            warn!("the queue: a request that was accepted earlier can not be read again: {refusal}");
        }
    });
    let folder = on_disk.map_or(Path::new("the queue"), |it| &it.folder);
    let left = left.map_err(|error| of_files(folder, error))?;
    intake.settle_orphans(&replay.pending());
    if left.requests > 0 {
        info!("{} request(s) of an earlier process wait for their exporters", left.requests);
    }
    for (exporter, requests) in &left.absent {
        warn!(exporter, "{}", say_absent(exporter, *requests));
    }
    if left.damaged > 0 {
        warn!(
            "{} piece(s) of the queue can not be read; they are kept beside it, as damaged-*",
            left.damaged
        );
    }
    Ok(())
}
